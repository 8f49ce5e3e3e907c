"""Effects: what an incident changes of calls that would have been made anyway."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from costsim.simulation.calls import Calls
from costsim.simulation.routes import swapped
from costsim.simulation.streams import stream

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from costsim.simulation.distributions import Tokens
    from costsim.simulation.scenario import Scenario
    from costsim.simulation.settings import Incident


def with_effects(scenario: Scenario, calls: Calls, seed: int) -> list[Calls]:
    """Calls as incidents leave them, split by what holds for them."""
    parts = [calls]
    for name, incident in scenario.incidents_of(calls.feature).items():
        if not incident.changes:
            continue
        start = scenario.calendar.elapsed_us(incident.starts)
        end = None if incident.ends is None else scenario.calendar.elapsed_us(incident.ends)
        split = []
        for part in parts:
            inside = part.time_us >= start
            if end is not None:
                inside &= part.time_us < end
            if not inside.any():
                split.append(part)
                continue
            if not inside.all():
                split.append(part.where(~inside))
            split += _changed(scenario, part.where(inside), name, incident, seed)
        parts = split
    return parts


def _changed(
    scenario: Scenario, calls: Calls, name: str, incident: Incident, seed: int
) -> list[Calls]:
    feature, effect = scenario.features[calls.feature], incident.effect
    cohort = feature.cohorts.get(calls.cohort)
    tokens_in = (cohort and cohort.input_tokens) or feature.input_tokens
    tokens_out = (cohort and cohort.output_tokens) or feature.output_tokens
    cache = (cohort and cohort.cache) or feature.cache
    inner = scaled(calls.input_tokens, effect.input_tokens_scale, tokens_in)
    cached, share = calls.cached_tokens, cache.share
    if effect.cache_share is not None:
        share = effect.cache_share
        hit = np.ones(len(calls), bool)
        if cache.hit_rate < 1:
            rng = stream(seed, calls.feature, calls.cohort, "cache", index=calls.day)
            hit = (rng.random(calls.drawn, dtype=np.float32) < cache.hit_rate)[calls.index]
        cached = np.where(hit, np.floor(inner * share), 0).astype(np.int32)
    elif cached is not None and effect.input_tokens_scale != 1:
        cached = np.where(cached > 0, np.floor(inner * share), 0).astype(np.int32)
    variant = calls.variant
    if variant.incident is None or calls.before is not None:
        variant = variant._replace(incident=name)
    if effect.model:
        variant = variant._replace(route=swapped(feature, effect.model, effect.provider))
    if effect.error_rate is not None:
        variant = variant._replace(error_rate=effect.error_rate)
    if effect.prompt_version is not None:
        variant = variant._replace(prompt_version=effect.prompt_version)
    if effect.silent:
        variant = variant._replace(silent=True)
    added = calls.variant.incident is not None and calls.before is None
    changed = replace(
        calls,
        variant=variant,
        input_tokens=inner,
        cached_tokens=cached,
        output_tokens=scaled(calls.output_tokens, effect.output_tokens_scale, tokens_out),
        before=None if added else (calls.before or calls),
    )
    if effect.calls_scale >= 1 or calls.cohort != "traffic":
        return [changed]
    rng = stream(seed, calls.feature, calls.cohort, "not made", name, index=calls.day)
    made = (rng.random(calls.drawn, dtype=np.float32) < effect.calls_scale)[calls.index]
    gone = replace(changed, variant=variant._replace(absent=True)).where(~made)
    return [part for part in (changed.where(made), gone) if len(part)]


def scaled(tokens: NDArray[np.int32], factor: float, law: Tokens) -> NDArray[np.int32]:
    """Tokens times a factor, rounded, from 1 to the law's cap."""
    if factor == 1:
        return tokens
    top = law.max or np.iinfo(np.int32).max
    return np.asarray(np.clip(np.rint(tokens * factor), 1, top).astype(np.int32))
