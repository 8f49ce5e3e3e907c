"""How far limits are overshot that look first and record afterwards: renewal theory, by simulation.

A cap B is closed when the settled cost c of calls reaches it. What is spent beyond B is the excess
of the renewal process of costs over B, E[c^2] / 2E[c] where costs have no lattice, and the cost of
the calls that are in flight then, lambda E[c (L + D)] with the latency L and the recording delay D:
calls settle as a Poisson process, and what is in flight is independent of what has settled.

Each day is one trial: the user is refused until midnight, and begins anew. A comparison fails by
chance once in a thousand seeds (`CHANCE`).
"""

from __future__ import annotations

from math import ceil, exp, sqrt
from typing import NamedTuple

import numpy as np
import pytest
from scipy.stats import norm

from costsim.limits import parse_limits
from costsim.simulation import simulate
from costsim.simulation.calendar import HOUR_US
from costsim.simulation.kernel_layout import ADMITTED, DENIED
from tests.simulation.played import attempts_by_day

CHANCE = 1e-3
DAYS, PER_DAY = 150, 4_000
RATE = PER_DAY / 86_400  # calls a second
IN_USD, OUT_USD = 5e-6, 15e-6  # gpt-4o, a token
MEAN_IN, MEAN_OUT = 2400, 500


class Moments(NamedTuple):
    """Of a call: E[c], E[c^2], E[c L], in dollars and seconds; E[L]."""

    c: float
    cc: float
    cl: float
    wait: float


def call_moments(log_sd, first_ms, pace):
    """By the lognormals of input, output, first token and pace, which are independent."""
    square = exp(log_sd**2)
    first, second = first_ms / 1000 * exp(0.08), 1 / pace * exp(0.02)
    a, b = IN_USD * MEAN_IN, OUT_USD * MEAN_OUT
    c = a + b
    cc = (a**2 + b**2) * square + 2 * a * b
    cl = c * first + (a + b * square) * MEAN_OUT * second
    return Moments(c, cc, cl, first + MEAN_OUT * second)


def product(small, log_sd, first_ms, pace, users=1):
    law = {"log_sd": log_sd, "between_users_log_sd": 0}
    chat = {
        "profile": "flat",
        "calls_per_week": PER_DAY * 7,
        "sessions": {"mean_calls": 1},
        "input_tokens": law | {"mean": MEAN_IN},
        "output_tokens": law | {"mean": MEAN_OUT, "max": None},
        "first_token_ms": first_ms,
        "output_tokens_per_second": pace,
        "reaction": "gives_up",
    }
    return small(
        days=DAYS,
        noise={"hour_sigma": 0, "day_sigma": 0},
        population={"users": users},
        features={"chat": chat, "batch": None},
    )


def limits(cap, accounting, scope="user", delay=0.0, longest=1_000_000):
    data = {
        "name": accounting,
        "accounting": accounting,
        "recording_delay_seconds": delay,
        "request": {"max_output_tokens": longest},
        scope: {"day_usd": cap},
    }
    return parse_limits(data)


def spent_by_day(scenario, policy, seed):
    """Dollars admitted each day; the cap was reached on all of them."""
    found = []
    for attempts in attempts_by_day(scenario, seed, policy):
        assert (attempts.outcome == DENIED).any()
        assert attempts.outcome[-1] == DENIED  # closed until midnight
        ended = (attempts.time_us + attempts.latency_us)[attempts.outcome == ADMITTED].max()
        assert ended // (24 * HOUR_US) == attempts.time_us[0] // (24 * HOUR_US)
        found.append(attempts.total_nano.sum() / 1e9)
    return np.array(found)


# latency: of a millisecond; two calls at a time, most of it the answer's length; fifteen at a time
SPEEDS = {"one at a time": (1, 1e6), "two": (5_000, 500 / 38), "fifteen": (300_000, 50)}


@pytest.mark.parametrize("delay", [0.0, 900.0], ids=["recorded at once", "after 15 minutes"])
@pytest.mark.parametrize("scope", ["user", "organisation"])
@pytest.mark.parametrize("speed", SPEEDS)
def test_looking_first_overshoots_by_the_renewal_formula(small, speed, scope, delay):
    first_ms, pace = SPEEDS[speed]
    moments = call_moments(0.6, first_ms, pace)
    cap = 300 * moments.c
    scenario = product(small, 0.6, first_ms, pace, users=1 if scope == "user" else 40)
    spent = spent_by_day(scenario, limits(cap, "check", scope, delay), seed=8)
    wanted = moments.cc / (2 * moments.c) + RATE * (moments.cl + delay * moments.c)
    error = spent.std(ddof=1) / sqrt(DAYS)
    assert abs(spent.mean() - cap - wanted) < norm.isf(CHANCE / 2) * error
    assert error < 0.1 * wanted  # the formula is put to a test
    in_flight = RATE * (moments.wait + delay)
    assert (in_flight < 0.001) == (speed == "one at a time" and not delay)


@pytest.mark.parametrize("part", [0.0, 0.25, 0.9], ids=["multiple", "a quarter", "nearly one"])
def test_calls_of_one_price_overshoot_by_the_lattice_term(small, part):
    """The excess over the cap is no mean then, but what is missing to the next whole call."""
    first_ms, pace = SPEEDS["two"]
    moments = call_moments(0.0, first_ms, pace)
    cap = (200 + part) * moments.c
    scenario = product(small, 0.0, first_ms, pace)
    spent = spent_by_day(scenario, limits(cap, "check"), seed=9)
    excess = ceil(round(cap / moments.c, 6)) * moments.c - cap
    wanted = excess + RATE * moments.cl
    error = spent.std(ddof=1) / sqrt(DAYS)
    assert abs(spent.mean() - cap - wanted) < norm.isf(CHANCE / 2) * error
    calls = np.rint(spent / moments.c)
    np.testing.assert_allclose(spent, calls * moments.c, rtol=1e-6)
    # in flight: a Poisson number, of mean and variance lambda E[L]
    above = calls - ceil(round(cap / moments.c, 6))
    dispersion = above.var(ddof=1) / (RATE * moments.wait)
    assert abs(dispersion - 1) < norm.isf(CHANCE / 2) * sqrt(2.5 / DAYS)


@pytest.mark.parametrize("speed", SPEEDS)
def test_reserving_never_overshoots_and_counts_what_it_refuses_for_holds(small, speed):
    first_ms, pace = SPEEDS[speed]
    moments = call_moments(0.6, first_ms, pace)
    cap = 300 * moments.c
    scenario = product(small, 0.6, first_ms, pace).model_copy(update={"days": 20})
    policy = limits(cap, "reserve", longest=4096)
    days = attempts_by_day(scenario, 8, policy)
    spent = np.array([attempts.total_nano.sum() / 1e9 for attempts in days])
    assert (spent <= cap).all()
    # and leaves less than one call's upper bound, of a short question and the longest answer
    assert (spent > cap - 4096 * OUT_USD - moments.c).all()
    held = sum(int(attempts.by_holds.sum()) for attempts in days)
    decisions = simulate(scenario, seed=8, limits=policy).decisions
    told = decisions[(decisions["decision"] == "deny") & decisions["by_holds"]]
    assert told["attempts"].sum() == held
    assert (held > 0) == (speed != "one at a time")  # no call is open then when another comes
