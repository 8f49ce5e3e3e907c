"""The $40k week against the account: closed form, many seeds, and every single one of them."""

from __future__ import annotations

from fractions import Fraction
from math import ceil

import numpy as np
import pandas as pd
import pytest

from costsim.simulation import load_scenario
from costsim.simulation.demand import Demand
from costsim.simulation.recording import Recorder
from costsim.simulation.world import play

# What the account says, and list prices in dollars per 1,000 tokens, input and output.
TOTAL, CALLS, DOLLARS = 38_000, 847, 2_200
PRICES = {
    "gpt-4-turbo": ("0.01", "0.03"),
    "gpt-4o": ("0.005", "0.015"),
    "gpt-3.5-turbo": ("0.0005", "0.0015"),
    "claude-3-5-sonnet": ("0.003", "0.015"),
    "gpt-4-32k": ("0.06", "0.12"),
}
SEEDS = range(30)


def week_sums(scenario, seed, only=None):
    """Calls and dollars of the scenario's week by (feature, cohort), from the demand alone."""
    demand = Demand(play(scenario, seed), seed)
    recorder = Recorder(demand)
    first = (scenario.focus.start - scenario.start).days
    sums = {}
    for day in range(first, first + scenario.focus.days):
        for calls in demand.day(day, only=only):
            key = (calls.feature, calls.cohort)
            count, usd = sums.get(key, (0, 0.0))
            sums[key] = (count + len(calls), usd + recorder.cost(calls)[1].sum() / 1e9)
    return sums


def total(sums, feature=None):
    return sum(usd for (name, _), (_, usd) in sums.items() if feature in (None, name))


@pytest.fixture(scope="module")
def weeks(surprise):
    return [week_sums(surprise, seed) for seed in SEEDS]


@pytest.fixture(scope="module")
def expected(surprise):
    return surprise.expected().to_frame().set_index(["feature_name", "cohort"])


def test_the_closed_form_is_within_two_percent_of_the_account(surprise, expected):
    assert surprise.expected().week_usd == pytest.approx(TOTAL, rel=0.02)
    scripted = expected.loc["deep_analysis", "scripted"]
    assert scripted["calls"] == pytest.approx(CALLS, rel=0.02)
    assert scripted["usd"] == pytest.approx(DOLLARS, rel=0.02)
    ordinary = expected.drop("deep_analysis", level=0)
    assert ordinary["usd"].sum() == pytest.approx(12_000, rel=0.02)
    assert ordinary["calls"].sum() == pytest.approx(790_000, rel=1e-9)


def test_the_closed_form_by_hand(expected):
    """Power users: calls an active weekday, first use by the stated weights, one call at a time."""
    hours = [0.95, 1.45, 1.75, 1.8, 1.55, 1.7, 1.9, 1.85, 1.7, 1.4, 1.0, 0.45, 0.36, 0.27]
    profile = np.concatenate([np.zeros(8), hours, np.zeros(2)]) / sum(hours)
    weights = [0.08, 0.01, 0.01, 0.50, 0.25, 0.10, 0.05]  # Friday to Thursday
    activity = [0.6, 0.12, 0.10, 1, 1, 1, 1]
    friday = np.zeros(24)
    friday[14:20] = 1 / 6
    calls = 0.0
    adopted = 0.0
    for day in range(7):
        first = weights[day] * (friday if day == 0 else profile)
        for hour in range(24):
            calls += activity[day] * profile[hour] * (adopted + first[hour] / 2)
            adopted += first[hour]
    assert adopted == pytest.approx(1)
    found = expected.loc["deep_analysis", "power"]["calls"]
    assert found == pytest.approx(60 * 36.9 * calls, rel=1e-9)


@pytest.mark.parametrize(
    "what", ["total", "feature", "ordinary", "scripted calls", "scripted dollars", "feature calls"]
)
def test_many_seeds_agree_with_the_expectation(weeks, expected, what):
    deep = expected.loc["deep_analysis"]
    ordinary = expected.drop("deep_analysis", level=0)["usd"].sum()
    wanted, found = {
        "total": (expected["usd"].sum(), [total(w) for w in weeks]),
        "feature": (deep["usd"].sum(), [total(w, "deep_analysis") for w in weeks]),
        "ordinary": (ordinary, [total(w) - total(w, "deep_analysis") for w in weeks]),
        "scripted calls": (
            deep.loc["scripted", "calls"],
            [w["deep_analysis", "scripted"][0] for w in weeks],
        ),
        "scripted dollars": (
            deep.loc["scripted", "usd"],
            [w["deep_analysis", "scripted"][1] for w in weeks],
        ),
        "feature calls": (
            deep["calls"].sum(),
            [sum(n for (f, _), (n, _) in w.items() if f == "deep_analysis") for w in weeks],
        ),
    }[what]
    values = np.array(found)
    z = (values.mean() - wanted) / (values.std(ddof=1) / np.sqrt(len(values)))
    assert abs(z) < 3


def test_every_single_seed_is_within_fifteen_percent(weeks):
    for week in weeks:
        assert total(week) == pytest.approx(TOTAL, rel=0.15)
        assert week["deep_analysis", "scripted"][0] == pytest.approx(CALLS, rel=0.15)
        assert week["deep_analysis", "scripted"][1] == pytest.approx(DOLLARS, rel=0.15)


def test_the_spread_over_seeds_is_that_of_a_poisson_user(weeks):
    """847 calls of one scripted user are Poisson: variance over seeds equals the mean."""
    from scipy.stats import chi2

    counts = np.array([week["deep_analysis", "scripted"][0] for week in weeks])
    statistic = ((counts - counts.mean()) ** 2).sum() / counts.mean()
    assert 0.001 < chi2.sf(statistic, len(counts) - 1) < 0.999


def test_the_records_hold_what_the_demand_gave(surprise, surprise_run):
    """From the files of a whole run to the same dollars, call for call."""
    week = surprise.focus
    records = surprise_run.records.between(week.start, week.start + pd.Timedelta(days=week.days))
    rows = records.to_pandas(["feature_name", "user_id", "call_id", "total_cost_nano"])
    demand = Demand(play(surprise, 7), 7)
    first = (week.start - surprise.start).days
    deep = [c for d in range(first, first + 7) for c in demand.day(d, only=["deep_analysis"])]
    mine = rows[rows["feature_name"] == "deep_analysis"]
    assert len(mine) == sum(len(calls) for calls in deep)
    nano = sum(int(Recorder(demand).cost(calls)[1].sum()) for calls in deep)
    assert int(mine["total_cost_nano"].sum()) == nano
    heavy = mine["user_id"].value_counts()
    assert heavy.iloc[0] == sum(len(calls) for calls in deep if calls.cohort == "scripted")


def test_every_call_costs_what_the_list_says_to_the_nanodollar(surprise_run):
    day = surprise_run.records.between("2024-08-14T10:00", "2024-08-14T11:00")
    names = ["model", "input_tokens", "output_tokens"]
    money = ["input_cost_nano", "output_cost_nano", "total_cost_nano"]
    rows = day.to_pandas([*names, *money])
    assert set(rows["model"]) == set(PRICES)
    for row in rows.drop_duplicates(["model", "input_tokens"]).itertuples():
        price_in, price_out = (Fraction(price) for price in PRICES[row.model])
        exact_in = row.input_tokens * price_in * 10**6  # nano-dollars
        exact = exact_in + row.output_tokens * price_out * 10**6
        assert row.total_cost_nano == ceil(exact)
        assert row.input_cost_nano == ceil(exact_in)
        assert row.input_cost_nano + row.output_cost_nano == row.total_cost_nano


def test_calls_cut_at_the_limit_finish_with_length(surprise_run):
    rows = surprise_run.records.between("2024-08-09").to_pandas(
        ["feature_name", "output_tokens", "finish_reason", "max_tokens", "input_tokens"]
    )
    deep = rows[rows["feature_name"] == "deep_analysis"]
    cut = deep["finish_reason"] == "length"
    assert (deep["output_tokens"][cut] == 2048).all()
    assert (deep["output_tokens"][~cut] < 2048).all()
    assert (deep["max_tokens"] == 2048).all()
    # shares of the lognormals, by their survival functions
    from scipy.stats import lognorm

    for found, share in (
        (cut.mean(), lognorm(0.4, scale=1450).sf(2047.5)),
        ((deep["input_tokens"] >= 50_000).mean(), lognorm(0.35, scale=38_000).sf(49_999.5)),
    ):
        assert abs(found - share) < 4 * np.sqrt(share * (1 - share) / len(deep))


def test_the_multipass_week_fits_the_context_and_costs_the_same(surprise):
    scenario = load_scenario("surprise-40k-multipass")
    expected = scenario.expected().to_frame().set_index(["feature_name", "cohort"])
    scripted = expected.loc["deep_analysis", "scripted"]
    assert scripted["calls"] == pytest.approx(5 * CALLS, rel=0.02)
    assert 5 * scripted["usd_per_call"] == pytest.approx(2.6, rel=0.02)
    assert scripted["usd"] == pytest.approx(DOLLARS, rel=0.02)
    assert scenario.expected().week_usd == pytest.approx(TOTAL, rel=0.02)
    tokens = scenario.features["deep_analysis"].input_tokens
    assert tokens.expected == pytest.approx(50_000, rel=0.05)
    assert tokens.max == 128_000  # the window of gpt-4-turbo
    assert scenario.features["deep_analysis"].model == "gpt-4-turbo"
    ordinary = [name for name in scenario.features if name != "deep_analysis"]
    for name in ordinary:
        assert scenario.features[name] == surprise.features[name]
    found = [week_sums(scenario, seed, only=["deep_analysis"]) for seed in range(60)]
    dollars = np.array([total(week) for week in found])
    wanted = expected.loc["deep_analysis"]["usd"].sum()
    assert abs(dollars.mean() - wanted) < 3 * dollars.std(ddof=1) / np.sqrt(len(dollars))
    calls = np.array([week["deep_analysis", "scripted"][0] for week in found])
    assert (calls % 5 == 0).all()
    error = calls.std(ddof=1) / np.sqrt(len(calls))
    assert abs(calls.mean() - scripted["calls"]) < 3 * error


def test_a_request_of_several_passes_is_as_many_records_of_one_session():
    scenario = load_scenario("surprise-40k-multipass")
    demand = Demand(play(scenario, 3), 3)
    calls = next(c for c in demand.day(32, only=["deep_analysis"]) if c.cohort == "scripted")
    assert np.bincount(calls.session).tolist() == [5] * (len(calls) // 5)
    assert len(set(calls.user)) == 1
    gaps = np.diff(calls.time_us.reshape(-1, 5), axis=1)
    assert (gaps > 0).all()
    assert len(set(calls.input_tokens)) > len(calls) / 5  # each pass has its own size
