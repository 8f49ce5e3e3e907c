"""Simulations against the theorems that must hold for them, each test at a stated level.

Every test here fails by chance once in a thousand seeds (`CHANCE`), shared among its comparisons;
the seeds are fixed, so that it either holds or does not.
"""

from __future__ import annotations

from math import exp

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2, expon, kstest, norm, poisson, t, uniform

from costsim.limits import parse_limits
from costsim.simulation import simulate
from costsim.simulation.calendar import HOUR_US
from costsim.simulation.demand import Demand
from costsim.simulation.population import Users
from costsim.simulation.recording import Recorder
from costsim.simulation.settings import Population
from costsim.simulation.settings.people import Bass
from costsim.simulation.world import play

CHANCE = 1e-3
STILL = {"hour_sigma": 0, "day_sigma": 0}
ONE = {"mean_calls": 1}
DAY_US = 24 * HOUR_US


def chat(small, *, days=14, noise=STILL, **changes):
    """A product of one feature whose calls come alone."""
    feature = {"sessions": ONE} | changes
    return small(days=days, noise=noise, features={"chat": feature, "batch": None})


def call_times(scenario, seed):
    demand = Demand(play(scenario, seed), seed)
    parts = [c.time_us for day in range(scenario.days) for c in demand.day(day)]
    return np.sort(np.concatenate(parts)), demand


# Calls are a Poisson process with the rate of the profile and the noise.


def test_hourly_counts_over_seeds_are_poisson(small):
    """Index of dispersion: for each hour of the week, variance over mean of 200 seeds is one."""
    scenario = chat(small, days=7, calls_per_week=30_000)
    counts = np.array(
        [np.bincount(call_times(scenario, s)[0] // HOUR_US, minlength=168) for s in range(200)]
    )
    live = counts.mean(axis=0) > 0
    mean = counts[:, live].mean(axis=0)
    statistic = ((counts[:, live] - mean) ** 2 / mean).sum()
    freedom = live.sum() * (len(counts) - 1)
    assert CHANCE / 2 < chi2.sf(statistic, freedom) < 1 - CHANCE / 2
    # and hours are independent of each other: counts of neighbours do not go together
    z = (counts[:, live] - mean) / np.sqrt(mean)
    together = (z[:, 1:] * z[:, :-1]).sum() / np.sqrt(z[:, 1:].size)
    assert abs(together) < norm.isf(CHANCE / 2)


@pytest.mark.parametrize("noise", [STILL, {"hour_sigma": 0.5, "day_sigma": 0.3}])
def test_times_rescaled_by_the_rate_are_a_poisson_process_of_rate_one(small, noise):
    """Time rescaling (Brown et al. 2002): gaps exponential, times uniform, neighbours unrelated."""
    scenario = chat(small, noise=noise, calls_per_week=30_000)
    times, demand = call_times(scenario, 11)
    rate = demand.traffic_rate("chat") * demand.noise
    passed = np.concatenate([[0], np.cumsum(rate)])
    hour, rest = np.divmod(times, HOUR_US)
    clock = passed[hour] + rate[hour] * rest / HOUR_US
    gaps = np.diff(clock, prepend=0.0)
    assert kstest(gaps, expon.cdf).pvalue > CHANCE / 4
    assert kstest(clock / passed[-1], uniform.cdf).pvalue > CHANCE / 4
    u = 1 - np.exp(-gaps)
    lagged = np.corrcoef(u[1:], u[:-1])[0, 1] * np.sqrt(len(u))
    assert abs(lagged) < norm.isf(CHANCE / 8)
    assert abs(len(times) - passed[-1]) < norm.isf(CHANCE / 8) * np.sqrt(passed[-1])


# Little's law, on the records as anyone could read them.


def in_flight(rows, start, end):
    """Integral of the number in flight from one moment to another, in calls x microseconds."""
    since = rows["timestamp"].to_numpy()
    until = since + rows["latency_us"].to_numpy()
    return np.clip(np.minimum(until, end) - np.maximum(since, start), 0, None).sum()


def records_of(result):
    rows = result.records.to_pandas(["timestamp", "latency_ms", "status"])
    rows = rows[rows["status"] != "denied"]
    origin = pd.Timestamp(result.scenario.calendar.origin)
    micros = ((rows["timestamp"] - origin) // pd.Timedelta("1us")).astype("int64")
    latency = (rows["latency_ms"].astype(float) * 1000).round().astype("int64")
    return pd.DataFrame({"timestamp": micros, "latency_us": latency})


SLOW = {"first_token_ms": 20_000, "output_tokens_per_second": 8}
CAPS = {"name": "caps", "user": {"hour_usd": 0.2, "open_calls": 2}}


@pytest.mark.parametrize("limited", [False, True], ids=["open", "under limits"])
def test_littles_law(small, limited):
    """L = lambda W: batch means of L - lambda W over 56 stretches of six hours hold zero.

    The arrivals of a stretch and their whole latencies against the time average in it; what
    reaches over its ends is what makes the two differ.
    """
    changes = {"errors": {"rate": 0.1}, "reaction": "human"} if limited else {}
    scenario = chat(small, calls_per_week=20_000, **SLOW, **changes)
    limits = parse_limits(CAPS) if limited else None
    rows = records_of(simulate(scenario, seed=3, limits=limits))
    width = 6 * HOUR_US
    pairs = []
    for start in range(0, 14 * DAY_US, width):
        inside = rows[(rows["timestamp"] >= start) & (rows["timestamp"] < start + width)]
        arrivals, wait = len(inside), inside["latency_us"].mean()
        pairs.append((in_flight(rows, start, start + width) / width, arrivals * wait / width))
    found, wanted = np.array(pairs).T
    difference = found - wanted
    error = difference.std(ddof=1) / np.sqrt(len(difference))
    assert abs(difference.mean()) < t.isf(CHANCE / 2, len(difference) - 1) * error
    # over the whole run only its two ends can differ
    whole = in_flight(rows, 0, 14 * DAY_US) / (14 * DAY_US)
    assert whole == pytest.approx(rows["latency_us"].sum() / (14 * DAY_US), rel=1e-3)
    assert whole > 1


def test_the_time_in_flight_is_that_of_the_settings(small):
    """W from the scenario alone: first token and pace are lognormal about their medians."""
    scenario = chat(small, calls_per_week=20_000, **SLOW)
    rows = records_of(simulate(scenario, seed=4))
    tokens = scenario.features["chat"].output_tokens.expected
    wanted = 20_000 * exp(0.4**2 / 2) + tokens * 1000 / 8 * exp(0.2**2 / 2)
    latency = rows["latency_us"] / 1000
    error = latency.std() / np.sqrt(len(latency))
    assert abs(latency.mean() - wanted) < norm.isf(CHANCE / 2) * error


# M/G/infinity: a flat profile and calls that come alone.

STEADY, MEAN_S = 8, 30.0  # calls in flight on average, and seconds of each
LAWS = {
    "narrow": {  # nearly all of it before the first token, log-sd 0.4
        "first_token_ms": 1000 * MEAN_S / exp(0.08),
        "output_tokens": {"mean": None, "median": 1, "log_sd": 0},
        "output_tokens_per_second": 1e6,
    },
    "wide": {  # nearly all of it by the length of the answer, log-sd 1.3
        "first_token_ms": 0.01,
        "output_tokens": {"mean": 3000, "log_sd": 1.3, "max": None},
        "output_tokens_per_second": 3000 / MEAN_S * exp(0.02),
    },
}


@pytest.mark.parametrize("law", LAWS)
def test_calls_in_flight_are_poisson_whatever_the_law_of_latency(small, law):
    """Both laws have the same mean, and so the same stationary law: Poisson(lambda E[S])."""
    weekly = STEADY / MEAN_S * 7 * 86_400
    scenario = chat(small, days=21, profile="flat", calls_per_week=weekly, **LAWS[law])
    demand = Demand(play(scenario, 6), 6)
    recorder = Recorder(demand)
    parts = []
    for day in range(21):
        (calls,) = demand.day(day)
        first, pace = recorder.latency(calls)
        parts.append((calls.time_us, first + calls.output_tokens * pace // 1000))
    since, latency = (np.concatenate(part) for part in zip(*parts, strict=True))
    spread = latency.std() / latency.mean()
    assert spread > 1.5 if law == "wide" else spread < 0.5  # the laws do differ
    # looked at so rarely that hardly a call is seen twice
    seen = np.arange(HOUR_US, 21 * DAY_US, int(20 * MEAN_S * 1e6))
    begun = np.searchsorted(np.sort(since), seen, side="right")
    number = begun - np.searchsorted(np.sort(since + latency), seen, side="right")
    law_of_number = poisson(STEADY)
    edges = np.arange(STEADY - 6, STEADY + 7)  # tails together
    found = np.bincount(np.clip(number, edges[0], edges[-1]) - edges[0], minlength=len(edges))
    wanted = law_of_number.pmf(edges)
    wanted[0], wanted[-1] = law_of_number.cdf(edges[0]), law_of_number.sf(edges[-1] - 1)
    wanted *= len(seen)
    assert chi2.sf(((found - wanted) ** 2 / wanted).sum(), len(edges) - 1) > CHANCE / 3
    error = np.sqrt(STEADY / len(seen))
    assert abs(number.mean() - STEADY) < norm.isf(CHANCE / 6) * error
    dispersion = ((number - STEADY) ** 2).sum() / STEADY
    assert CHANCE / 6 < chi2.sf(dispersion, len(seen)) < 1 - CHANCE / 6


# Adoption and churn.


def test_first_uses_are_bass_s_diffusion(small):
    """Chi-square of the days of 4,000 first uses; the hours of the launch day are uniform."""
    bass = {"innovation": 0.05, "imitation": 0.5, "over_days": 20}
    cohort = {"users": 400, "calls_per_day": 1, "first_use": {"bass": bass}}
    feature = {"launch": "2024-03-02T00:00:00", "calls_per_week": None, "cohorts": {"c": cohort}}
    scenario = small(days=30, population={"users": 500},
                     features={"chat": feature | {"profile": "flat"}})  # fmt: skip
    first = np.concatenate(
        [play(scenario, seed).members["chat", "c"].first_use_us for seed in range(10)]
    )
    p, q = 0.05, 0.5

    def tried(days):
        grown = np.exp(-(p + q) * days)
        return (1 - grown) / (1 + q / p * grown)

    days = np.arange(20)
    wanted = (tried(days + 1) - tried(days)) / tried(20) * len(first)
    np.testing.assert_allclose(np.array(Bass(**bass).days) * len(first), wanted, rtol=1e-12)
    found = np.bincount(first // DAY_US - 1, minlength=20)
    assert len(found) == 20
    assert chi2.sf(((found - wanted) ** 2 / wanted).sum(), 19) > CHANCE / 2
    hours = (first % DAY_US) / DAY_US
    assert kstest(hours, uniform.cdf).pvalue > CHANCE / 2


def test_users_stay_as_long_as_churn_says(small):
    """Lifetimes are exponential; one in three is gone after 30 days, and calls no more."""
    users = Users(Population(users=20_000, churn_per_month=1 / 3), 5)
    months = users.gone_us / (30 * DAY_US)
    assert kstest(months, expon(scale=-1 / np.log(2 / 3)).cdf).pvalue > CHANCE / 2
    gone = (months < 1).sum()
    error = np.sqrt(20_000 * (1 / 3) * (2 / 3))
    assert abs(gone - 20_000 / 3) < norm.isf(CHANCE / 4) * error
    scenario = small(days=30, population={"churn_per_month": 0.5})
    world = play(scenario, 2)
    last = np.zeros(50, np.int64)
    for day in range(30):
        for calls in Demand(world, 2).day(day):
            np.maximum.at(last, calls.user, calls.time_us)
    assert (last < world.users.gone_us).all()
    stay = world.users.gone_us > 30 * DAY_US
    assert (last[stay] > 28 * DAY_US).all()
    assert 10 < stay.sum() < 40
