"""What an attempt costs, and at most: integers, one writing for both engines."""

from __future__ import annotations

from typing import Any

from costsim.prices import split_cost

Pico = Any
"""Prices of a run by (epoch, route, level), in pico-dollars a token: an array, or a mapping."""


def level_of(above: Pico, epoch: int, route: int, tokens_in: int) -> int:
    """How many thresholds of input tokens a call passes."""
    level = 0
    for bound in above[epoch, route]:
        if tokens_in > bound:
            level += 1
    return level


def attempt_nano(
    above: Pico,
    input_pico: Pico,
    cached_pico: Pico,
    output_pico: Pico,
    epoch: int,
    route: int,
    tokens_in: int,
    cached: int,
    tokens_out: int,
) -> tuple[int, int]:
    """Nano-dollars of the input and in total."""
    level = level_of(above, epoch, route, tokens_in)
    cost_in = (tokens_in - cached) * input_pico[epoch, route, level]
    cost_in += cached * cached_pico[epoch, route, level]
    inner, _, total = split_cost(cost_in, tokens_out * output_pico[epoch, route, level])
    return inner, total


def bound_nano(
    above: Pico,
    input_pico: Pico,
    cached_pico: Pico,
    output_pico: Pico,
    epoch: int,
    route: int,
    tokens_in: int,
    most_out: int,
) -> int:
    """The most that a call can cost: input at the dearest rate, and all the output asked for."""
    level = level_of(above, epoch, route, tokens_in)
    dearest: int = max(input_pico[epoch, route, level], cached_pico[epoch, route, level])
    total: int = split_cost(tokens_in * dearest, most_out * output_pico[epoch, route, level])[2]
    return total
