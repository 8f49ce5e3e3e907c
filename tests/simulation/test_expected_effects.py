"""The closed form against many runs, effect by effect, and against what one works out by hand.

A case has some numbers (calls and dollars of each day and cohort). Each is compared by a t test
over its seeds, at a level such that all of a case together fail by chance once in a thousand.
"""

from __future__ import annotations

from datetime import datetime
from math import exp, log, log1p
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from scipy.stats import t

from costsim.simulation.demand import Demand
from costsim.simulation.recording import Recorder
from costsim.simulation.world import play
from tests.simulation.played import attempts_by_day

CHANCE = 1e-3
RUNS = 60
PLAIN = {"profile": "flat", "calls_per_week": 20_000, "sessions": {"mean_calls": 1}}
LAUNCH = "2024-02-20T14:00:00"
COHORT = {"users": 40, "calls_per_day": 60, "activity_log_sd": 0.3}
BASS = {"innovation": 0.1, "imitation": 0.6, "over_days": 10}
CACHED = {"population": {"tiers": []}, "price_book": "current", "start": "2026-03-02"}
FLASH = {"model": "gemini-2.5-pro", "provider": "google"}
CASES = {
    "growth": {"days": 15, "population": {"growth_per_week": 0.4}, "features": {"chat": PLAIN}},
    "churn": {
        "days": 30,
        "population": {"churn_per_month": 0.5, "activity": {"exponent": 0.2}},
        "features": {"chat": PLAIN | {"cohorts": {"few": COHORT | {"calls_per_day": 9}}}},
    },
    "surges": {
        "surges": {
            "more": {"starts": "2024-03-01T06:30:00", "ends": "2024-03-02T01:15:00",
                     "calls_scale": 3},
            "less": {"starts": "2024-03-01T20:00:00", "ends": "2024-03-03T00:00:00",
                     "calls_scale": 0.5, "features": ["chat"]},
        },
        "features": {"chat": PLAIN},
    },
    "holidays": {
        "holidays": [{"day": "2024-03-02", "calls_scale": 0.2}, {"day": "2024-03-03",
                                                                "calls_scale": 2}],
        "features": {"chat": PLAIN},
    },
    "Bass first use": {
        "days": 12,
        "features": {"chat": PLAIN | {"launch": "2024-03-02T08:00:00", "calls_per_week": None,
                                      "cohorts": {"new": COHORT | {"first_use": {"bass": BASS}}}}},
    },
    "cohort starts and ends": {
        "features": {"chat": PLAIN | {"cohorts": {
            "short": COHORT | {"starts": "2024-03-01T17:20:00", "ends": "2024-03-03T03:45:00"},
            "from": COHORT | {"users": 9, "starts": "2024-03-02T12:00:00"},
        }}},
    },
    "cached tokens": CACHED | {
        "features": {
            "chat": PLAIN | {"model": "gpt-5.6-terra", "cache": {"share": 0.6, "hit_rate": 0.7},
                             "cohorts": {"own": COHORT | {"cache": {"share": 0.9}}}},
            "batch": None,
        },
    },
    "price change": {
        "price_changes": [
            {"at": "2024-03-01T09:20:00", "model": "gpt-4o", "input": 20, "output": 1},
            {"at": "2024-03-02T18:00:00", "model": "gpt-4o", "output": 90},
        ],
        "features": {"chat": PLAIN},
    },
    "long input": CACHED | {
        "features": {
            "chat": PLAIN | FLASH | {"calls_per_week": 4000,
                "cache": {"share": 0.5, "hit_rate": 0.5},
                "input_tokens": {"mean": None, "median": 150_000, "log_sd": 0.9,
                                 "between_users_log_sd": 0, "max": 900_000}},
            "batch": None,
        },
    },
    "mixture and quantiles, long input": CACHED | {
        "features": {
            "chat": PLAIN | FLASH | {"calls_per_week": 4000,
                "input_tokens": {"mean": None, "log_sd": None, "between_users_log_sd": 0,
                                 "between_users_share": 0.2,
                                 "quantiles": [[0, 900], [0.4, 20_000], [0.8, 260_000], [1, 7e5]]},
                "output_tokens": {"mean": None, "log_sd": None, "max": 3000,
                    "mixture": [{"weight": 0.4, "median": 90, "log_sd": 0.3},
                                {"weight": 0.6, "mean": 1500, "log_sd": 0.8}]}},
            "batch": None,
        },
    },
    "zone over a clock change": {
        "start": "2024-03-09", "time_zone": "America/New_York",  # 23 hours on the 10th
        "profiles": {"office": {"time_zone": "Asia/Kolkata", "days": {"sat": 0.4, "sun": 0.2}}},
        "features": {"chat": PLAIN | {"profile": "office", "cohorts": {"few": COHORT}}},
    },
}  # fmt: skip


def apart(values, wanted, comparisons):
    """Whether the mean of some runs lies too far from what is expected."""
    error = values.std(ddof=1) / np.sqrt(len(values))
    if error <= 1e-9 * abs(wanted):
        return abs(values.mean() - wanted) > 1e-6 * abs(wanted) + 1e-9
    return abs(values.mean() - wanted) / error > t.isf(CHANCE / comparisons / 2, len(values) - 1)


def sums(scenario, seed):
    """Calls and dollars of `chat` by (day, cohort)."""
    demand = Demand(play(scenario, seed), seed)
    recorder = Recorder(demand)
    found = {}
    for day in range(scenario.days):
        for calls in demand.day(day, only=["chat"]):
            found[day, calls.cohort] = (len(calls), recorder.cost(calls)[1].sum() / 1e9)
    return found


def runs_of(scenario, runs=RUNS):
    """Expected and simulated calls and dollars of each day and cohort."""
    table = scenario.expected().days
    table = table[(table["feature_name"] == "chat") & (table["calls"] > 0)]
    drawn = [sums(scenario, seed) for seed in range(runs)]
    for row in table.itertuples():
        key = ((row.date - scenario.start).days, row.cohort)
        both = np.array([run.get(key, (0, 0.0)) for run in drawn])
        yield key, (row.calls, row.usd), both
    known = {((row.date - scenario.start).days, row.cohort) for row in table.itertuples()}
    assert {key for run in drawn for key in run} <= known  # nothing where nothing is expected


@pytest.mark.parametrize("case", CASES)
def test_runs_agree_with_the_closed_form_by_day_and_cohort(small, case):
    rows = list(runs_of(small(**CASES[case])))
    for key, wanted, both in rows:
        for index in (0, 1):
            assert not apart(both[:, index], wanted[index], 2 * len(rows)), (key, index)


@pytest.mark.parametrize("billed", ["nothing", "input", "all"])
@pytest.mark.parametrize("retried", [True, False], ids=["tried again", "given up"])
def test_failed_calls_are_tried_again_and_billed_as_stated(small, billed, retried):
    """In whole runs: a retry may come on the next day."""
    own = {"max_retries": 3, "retry_share": 0.8, "base_seconds": 5, "retries_errors": retried}
    scenario = small(
        days=2,
        reactions={"own": own},
        features={"chat": PLAIN | {"errors": {"rate": 0.3, "billed": billed}, "reaction": "own"},
                  "batch": None},
    )  # fmt: skip
    expected = scenario.expected().days[["calls", "usd"]].sum()
    found = []
    for seed in range(RUNS):
        days = attempts_by_day(scenario, seed)
        found.append((sum(map(len, days)), sum(d.total_nano.sum() for d in days) / 1e9))
    values = np.array(found)
    assert not apart(values[:, 0], expected["calls"], 2)
    assert not apart(values[:, 1], expected["usd"], 2)
    # by hand: tries of a request, each a call that succeeds with 0.7, $ of what is billed
    tries = sum((0.3 * 0.8) ** k for k in range(4)) if retried else 1
    calls = 20_000 / 7 * 2 * tries
    assert expected["calls"] == pytest.approx(calls)
    inner = scenario.features["chat"].input_tokens.expected * 5e-6
    outer = scenario.features["chat"].output_tokens.expected * 15e-6
    lost = {"nothing": 0, "input": inner, "all": inner + outer}[billed]
    assert expected["usd"] == pytest.approx(calls * (0.7 * (inner + outer) + 0.3 * lost))


def daily(scenario, cohort="traffic"):
    """Expected calls and dollars of `chat`, a row a day."""
    table = scenario.expected().days
    rows = table[(table["feature_name"] == "chat") & (table["cohort"] == cohort)]
    return rows["calls"].to_numpy(), rows["usd"].to_numpy()


def test_growth_and_churn_by_hand(small):
    """Integrals of (1 + g)^(t / week) and (1 - c)^(t / 30 days) over each day."""
    day = np.arange(15)
    rate = log1p(0.4) / 7
    grown = 20_000 / 7 * (np.exp(rate * (day + 1)) - np.exp(rate * day)) / rate
    np.testing.assert_allclose(daily(small(**CASES["growth"]))[0], grown, rtol=1e-5)
    day = np.arange(30)
    rate = log(0.5) / 30
    stays = (np.exp(rate * (day + 1)) - np.exp(rate * day)) / rate
    calls, _ = daily(small(**CASES["churn"]))
    np.testing.assert_allclose(calls, 20_000 / 7 * stays, rtol=1e-5)
    few, _ = daily(small(**CASES["churn"]), "few")
    np.testing.assert_allclose(few, 40 * 9 * stays, rtol=1e-5)


def test_surges_holidays_and_cohorts_by_hand(small):
    hour = 20_000 / 168
    calls, _ = daily(small(**CASES["surges"]))
    # Friday: 6.5 plain hours, 13.5 at 3, 4 at 3 x 0.5; Saturday: 1.25 at 1.5, the rest at 0.5
    first = 6.5 + 13.5 * 3 + 4 * 1.5
    # an hour that two surges share in part has the product of its mean factors
    second = 1.5 + 0.5 * (1 + 2 * 0.25) + 22 * 0.5
    np.testing.assert_allclose(calls, [hour * first, hour * second, hour * 24], rtol=1e-9)
    calls, _ = daily(small(**CASES["holidays"]))
    np.testing.assert_allclose(calls, [24 * hour, 24 * hour * 0.2, 24 * hour * 2], rtol=1e-9)
    short, _ = daily(small(**CASES["cohort starts and ends"]), "short")
    share = np.array([24 - 17 - 20 / 60, 24, 3.75]) / 24
    np.testing.assert_allclose(short, 40 * 60 * share, rtol=1e-9)


def test_prices_by_hand(small):
    """Calls of one size each: dollars of a day are calls times the list's price of one."""
    size = {"input_tokens": {"mean": None, "median": 1000, "log_sd": 0, "between_users_log_sd": 0},
            "output_tokens": {"mean": None, "median": 200, "log_sd": 0}}  # fmt: skip
    changed = {"features": {"chat": PLAIN | size}}
    calls, usd = daily(small(**CASES["price change"] | changed))
    before, between, after = (
        (1000 * i + 200 * o) / 1e6 for i, o in ((5, 15), (20, 1), (20, 90))
    )  # fmt: skip
    first = 9 + 20 / 60
    each = [first * before + (24 - first) * between, 18 * between + 6 * after, 24 * after]
    np.testing.assert_allclose(usd, calls / 24 * each, rtol=1e-9)
    long = CASES["long input"]["features"]["chat"] | size
    for tokens, price_in, price_cached, price_out in (
        (200_000, 1.25, 0.125, 10),
        (200_001, 2.5, 0.25, 15),
    ):
        one = long | {"input_tokens": size["input_tokens"] | {"median": tokens}}
        scenario = small(**CACHED, features={"chat": one, "batch": None})
        calls, usd = daily(scenario)
        mean = tokens * (0.75 * price_in + 0.25 * price_cached) + 200 * price_out
        np.testing.assert_allclose(usd, calls * mean / 1e6, rtol=1e-9)
        (_, _, both), *_ = runs_of(scenario, 3)
        per_call = {  # a call hits the cache or not
            (tokens - hit) * price_in + hit * price_cached + 200 * price_out
            for hit in (0, tokens // 2)
        }
        low, high = min(per_call) / 1e6, max(per_call) / 1e6
        assert (both[:, 1] > low * both[:, 0]).all()
        assert (both[:, 1] < high * both[:, 0]).all()


def test_bass_shares_by_hand(small):
    """Members call from their first use on; the shares of days are Bass (1969), by hand."""

    def tried(days):
        grown = exp(-0.7 * days)
        return (1 - grown) / (1 + 6 * grown)

    calls, _ = daily(small(**CASES["Bass first use"]), "new")
    shares = np.array([(tried(d + 1) - tried(d)) / tried(10) for d in range(10)])
    # whole days after the tenth: everybody; before: earlier days' adopters and half of the day's
    assert calls[0] == 0
    assert calls[11] == pytest.approx(40 * 60)
    flat = [shares[:d].sum() + shares[d] / 2 for d in range(1, 10)]
    np.testing.assert_allclose(calls[2:11], 40 * 60 * np.array(flat), rtol=1e-9)


def test_hours_of_another_zone_by_hand(small):
    """Each hour of the run has the weight of the clock and weekday in Kolkata."""
    scenario = small(**CASES["zone over a clock change"])
    hours = scenario.profiles["office"].hours
    days = [1, 1, 1, 1, 1, 0.4, 0.2]
    start = datetime(2024, 3, 9, tzinfo=ZoneInfo("America/New_York")).timestamp()
    local = [datetime.fromtimestamp(start + 3600 * h, ZoneInfo("Asia/Kolkata")) for h in range(71)]
    weight = [hours[at.hour] / sum(hours) * days[at.weekday()] for at in local]
    per_day = np.add.reduceat(weight, [0, 24, 47])
    calls, _ = daily(scenario)
    np.testing.assert_allclose(calls, 20_000 * per_day / sum(days), rtol=1e-9)
    few, _ = daily(scenario, "few")
    np.testing.assert_allclose(few, 40 * 60 * per_day, rtol=1e-9)
