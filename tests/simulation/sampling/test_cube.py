"""The cube against the calls that it stands for: equal in distribution, kind by kind.

Sampler and simulation have the users and the noise of a seed in common, so that most comparisons
are paired by seed. Each is a t-test at two-sided 2e-5 (|t| < 4.9 at 40 runs). There are about
1,600 of them: with right code one set of seeds in thirty fails. Seeds are
fixed.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ks_2samp, t

from costsim.errors import SettingError
from costsim.simulation import load_scenario, simulate
from costsim.simulation.sampling.cube import sample_cube
from tests.simulation.sampling.cases import KINDS, called, incident, made

RUNS = 40
LEVEL = 2e-5


def check(differences, what):
    """Refuse a mean of paired differences that is not 0."""
    differences = np.asarray(differences, float)
    error = differences.std(ddof=1) / np.sqrt(len(differences))
    bound = t.ppf(1 - LEVEL / 2, len(differences) - 1)
    assert abs(differences.mean()) <= bound * error + 1e-9, (
        what,
        differences.mean() / error,
    )


@pytest.fixture(scope="module", params=KINDS)
def pair(request, small):
    scenario = made(small, request.param)
    cube = sample_cube(scenario, range(RUNS), top_users=50)
    return scenario, cube, called(scenario, range(RUNS))


@pytest.fixture(
    scope="module",
    params=[
        ("calm", 60),
        ("calm", 5),
        ("calm, tokens", 60),
        ("fewer calls", 60),
        ("growth and churn", 60),
        ("large cohort", 60),
        ("large cohort", 15),
    ],
    ids=lambda param: f"{param[0]}, {param[1]} minutes",
)
def crowd_pair(request, small):
    """A few users are watched; the others are drawn together."""
    kind, minutes = request.param
    scenario = made(small, kind)
    cube = sample_cube(scenario, range(RUNS), minutes=minutes, top_users=3)
    return scenario, cube, called(scenario, range(RUNS), minutes=minutes)


@pytest.fixture(scope="module")
def calm(small):
    scenario = made(small, "calm")
    return scenario, {minutes: called(scenario, range(240), minutes) for minutes in (60, 5)}


@pytest.fixture(
    scope="module", params=["ordinary", "calm", "tokens", "fewer calls", "large cohort"]
)
def fine_pair(request, small):
    """Bins of five minutes, which most sessions outlast."""
    scenario = made(small, request.param)
    cube = sample_cube(scenario, range(RUNS), minutes=5, top_users=50)
    return scenario, cube, called(scenario, range(RUNS), minutes=5)


def test_sums_are_those_of_the_calls(pair):
    _, cube, calls = pair
    for name in ("usd", "calls", "excess_usd", "unseen_usd"):
        one, two = getattr(cube, name).sum(axis=1), getattr(calls, name).sum(axis=1)
        for feature, label in enumerate(cube.features):
            check(one[:, feature] - two[:, feature], (name, label))


def test_sums_of_a_crowd_are_those_of_the_calls(crowd_pair):
    test_sums_are_those_of_the_calls(crowd_pair)


def test_sums_before_during_and_after_are_those_of_the_calls(pair):
    """So that what is added in one hour and missed in another is seen."""
    _, cube, calls = pair
    for name in ("usd", "calls", "excess_usd", "unseen_usd"):
        one, two = getattr(cube, name).sum(axis=2), getattr(calls, name).sum(axis=2)
        for hours in (slice(0, 10), slice(10, 12), slice(12, 39), slice(39, 41), slice(41, None)):
            check((one[:, hours] - two[:, hours]).sum(axis=1), (name, hours))


def test_sums_are_those_of_the_closed_form(small, pair):
    scenario, _, _ = pair
    runs = 120
    cube = sample_cube(scenario, range(1000, 1000 + runs))
    wanted = scenario.expected().days.groupby("feature_name")[["calls", "usd"]].sum()
    found = {"calls": cube.calls + cube.unseen_calls, "usd": cube.usd + cube.unseen_usd}
    for feature, label in enumerate(cube.features):
        for name, values in found.items():
            check(values[:, :, feature].sum(axis=1) - wanted.loc[label, name], (name, label))
    if scenario.incidents and len(scenario.without_incidents().features) == len(cube.features):
        plain = scenario.without_incidents().expected().total_usd
        excess = wanted["usd"].sum() - plain
        check(cube.excess_usd.sum(axis=(1, 2)) - excess, "excess")


def shapes(values):
    """Dispersion, autocorrelations and skewness of each run's own series about the common mean."""
    away = values - values.mean(axis=0)
    spread = (away**2).sum(axis=1)
    lags = [(away[:, k:] * away[:, :-k]).sum(axis=1) / spread for k in (1, 2, 24)]
    third = (away**3).mean(axis=1) / (away**2).mean(axis=1) ** 1.5
    return {"log spread": np.log(spread), "lag 1": lags[0], "lag 2": lags[1], "lag 24": lags[2],
            "skew": third}  # fmt: skip


def compare_shapes(cube, calls):
    for name in ("usd", "calls", "excess_usd"):
        for feature, label in enumerate(cube.features):
            one, two = (getattr(each, name)[:, :, feature] for each in (cube, calls))
            if np.abs(two).max() < 1e-9:
                continue
            one_shapes, two_shapes = shapes(one), shapes(two)
            for shape in one_shapes:
                check(one_shapes[shape] - two_shapes[shape], (name, label, shape))
                if shape == "log spread" and name != "excess_usd":  # else it could not fail
                    difference = one_shapes[shape] - two_shapes[shape]
                    assert difference.std(ddof=1) / np.sqrt(RUNS) < 0.08


def test_dispersion_autocorrelation_and_skew_are_those_of_the_calls(pair):
    compare_shapes(*pair[1:])


@pytest.mark.parametrize("minutes", [60, 5])
@pytest.mark.parametrize("top_users", [3, 50])
def test_without_noise_the_luck_of_sessions_is_that_of_the_calls(calm, minutes, top_users):
    """Where nothing else varies, to some percent of the variance of dollars and of calls."""
    scenario, counted = calm
    runs = len(counted[minutes].usd)
    cube = sample_cube(scenario, range(runs), minutes=minutes, top_users=top_users)
    for name in ("usd", "calls"):
        for feature, label in enumerate(cube.features):
            one, two = (getattr(each, name)[:, :, feature] for each in (cube, counted[minutes]))
            logs = [shapes(values)["log spread"] for values in (one, two)]
            check(logs[0] - logs[1], (name, label))
            assert (logs[0] - logs[1]).std(ddof=1) / np.sqrt(runs) < 0.025


def test_a_crowd_has_the_shapes_of_its_calls(crowd_pair):
    compare_shapes(*crowd_pair[1:])


def test_five_minutes_have_the_shapes_of_the_calls_too(fine_pair):
    compare_shapes(*fine_pair[1:])
    _, cube, calls = fine_pair
    for name in ("usd", "calls", "excess_usd"):
        one, two = getattr(cube, name).sum(axis=1), getattr(calls, name).sum(axis=1)
        for feature, label in enumerate(cube.features):
            check(one[:, feature] - two[:, feature], (name, label))


def test_shares_of_the_top_users_are_those_of_the_calls(pair):
    _, cube, calls = pair
    one = np.sort(cube.user_usd.sum(axis=1), axis=1)[:, ::-1] / cube.usd.sum(axis=(1, 2))[:, None]
    two = np.sort(calls.everyone_usd.sum(axis=1), axis=1)[:, ::-1]
    two /= two.sum(axis=1, keepdims=True)
    check(one[:, 0] - two[:, 0], "top user")
    check(one[:, :10].sum(axis=1) - two[:, :10].sum(axis=1), "top ten")
    check(cube.dearest_usd.mean(axis=1) - calls.everyone_usd.max(axis=2).mean(axis=1), "dearest")


def test_each_user_s_dollars_are_those_of_the_calls(pair):
    """All 50 are watched: user by user, and together they are the total."""
    _, cube, calls = pair
    np.testing.assert_allclose(cube.user_usd.sum(axis=2), cube.total_usd, rtol=2e-5, atol=1e-6)
    runs = np.arange(RUNS)
    for rank in (0, 1, 5, 20):
        user = cube.user[:, rank]
        mine = cube.user_usd[:, :, rank].sum(axis=1)
        check(mine - calls.everyone_usd[runs, :, user].sum(axis=1), rank)


def test_busy_hours_have_the_quantiles_of_the_calls(pair):
    """Kolmogorov and Smirnov, hour by hour over the runs."""
    _, cube, calls = pair
    for name in ("usd", "calls"):
        for feature in range(len(cube.features)):
            one, two = (getattr(each, name)[:, :, feature] for each in (cube, calls))
            hours = range(9, one.shape[1], 9)
            p_values = [ks_2samp(one[:, hour], two[:, hour]).pvalue for hour in hours]
            assert min(p_values) > LEVEL, (name, feature)


ERRORS = {
    "features": {"chat": {"errors": {"rate": 0.05, "billed": "input"}, "reaction": "script"}},
    "incidents": incident(error_rate=0.7),
}


@pytest.mark.parametrize("billed", ["nothing", "input", "all"])
def test_errors_are_tried_again_as_in_the_records(small, billed):
    """Against whole simulations; retries that run into the next hour are a few in a hundred."""
    cohort = {"users": 5, "calls_per_day": 60}
    chat = {"errors": {"rate": 0.05, "billed": billed}, "cohorts": {"c": cohort}, "passes": 2}
    scenario = small(
        **(ERRORS | {"days": 2, "features": {"chat": ERRORS["features"]["chat"] | chat}})
    )
    runs = 14
    cube = sample_cube(scenario, range(runs))
    usd, calls, excess = np.zeros((3, runs))
    for seed in range(runs):
        result = simulate(scenario, seed=seed)
        frame = result.records.to_pandas(["call_id", "feature_name", "total_cost_nano"])
        usd[seed], calls[seed] = frame["total_cost_nano"].sum() / 1e9, len(frame)
        truth = result.truth.merge(frame, on="call_id", how="left").fillna({"total_cost_nano": 0})
        excess[seed] = (truth["total_cost_nano"] - truth["counterfactual_cost_nano"]).sum() / 1e9
    check(cube.calls.sum(axis=(1, 2)) - calls, "calls")
    check(cube.usd.sum(axis=(1, 2)) - usd, "usd")
    check(cube.excess_usd.sum(axis=(1, 2)) - excess, "excess")
    assert np.corrcoef(cube.excess_usd.sum(axis=(1, 2)), excess)[0, 1] > 0.5
    runs = 120
    many = sample_cube(scenario, range(1000, 1000 + runs))
    wanted = scenario.expected()
    check(many.usd.sum(axis=(1, 2)) - wanted.total_usd, "usd")
    check(many.calls.sum(axis=(1, 2)) - wanted.days["calls"].sum(), "calls")


def test_excess_goes_with_the_dollars_that_hold_it(small):
    """What an incident adds is more where more is spent, and never more than all of it."""
    scenario = made(small, "tokens")
    cube = sample_cube(scenario, range(RUNS))
    during = slice(11, 39)
    one, two = cube.excess_usd[:, during, 0].ravel(), cube.usd[:, during, 0].ravel()
    assert np.corrcoef(one, two)[0, 1] > 0.99
    assert (one <= two * 1.001).all()
    assert (one >= 0).all()


def test_one_week_of_the_incident_is_that_of_its_calls(surprise, surprise_run):
    """Seed 7, with its users and its noise: what is left is the luck of sessions.

    The variance of a sum of sessions that come at random is the sum of their squares.
    """
    cube = sample_cube(surprise, [7])
    columns = ["feature_name", "session_id", "total_cost_nano"]
    frame = surprise_run.records.to_pandas(columns)
    frame["usd"] = frame["total_cost_nano"] / 1e9
    sessions = frame.groupby("session_id", observed=True).agg(
        feature=("feature_name", "first"), usd=("usd", "sum"), calls=("usd", "size")
    )
    for feature, name in enumerate(cube.features):
        mine = sessions[sessions["feature"] == name]
        for found, column in ((cube.usd, "usd"), (cube.calls, "calls")):
            error = np.sqrt(2 * (mine[column] ** 2).sum())
            assert abs(found[0, :, feature].sum() - mine[column].sum()) < 3.9 * error, name
            assert error < 0.05 * mine[column].sum()


def test_a_run_depends_on_its_own_seed_alone(small):
    scenario = made(small, "launch")
    many, alone = sample_cube(scenario, [3, 9], workers=2), sample_cube(scenario, [9], workers=1)
    for name in ("usd", "calls", "excess_usd", "user", "user_usd", "dearest_usd"):
        np.testing.assert_array_equal(getattr(alone, name)[0], getattr(many, name)[1])
    assert (many.usd[0] != many.usd[1]).any()


def test_limits_and_operations_change_nothing(small):
    plain = sample_cube(small(), [1])
    limited = small(
        limits="flat-caps",
        operations={"detectors": ["user_share"], "action": "kill"},
    )
    np.testing.assert_array_equal(sample_cube(limited, [1]).usd, plain.usd)


def test_watched_users_are_the_dear_ones_and_then_members(small):
    scenario = made(small, "launch")
    cube = sample_cube(scenario, range(5), top_users=4)
    assert cube.user.shape == (5, 8)
    assert cube.user_usd.shape == (5, 72, 8)
    assert all(len(set(users)) == 8 for users in cube.user)
    everyone = called(scenario, range(5)).everyone_usd.sum(axis=1)
    for run, users in enumerate(cube.user):
        found = everyone[run, users]
        assert found.sum() > 0.6 * np.sort(everyone[run])[-8:].sum()
    assert cube.user_names(0)[0] == f"user-{cube.user[0, 0]:04d}"
    assert (cube.user_usd.sum(axis=2) <= cube.total_usd * (1 + 1e-5) + 1e-6).all()


def test_the_frame_and_the_words(small):
    cube = sample_cube(made(small, "silence"), [1, 2], minutes=15)
    frame = cube.to_frame()
    assert len(frame) == cube.usd.size
    assert frame["usd"].sum() == pytest.approx(cube.usd.sum())
    assert frame["unseen_calls"].sum() == cube.unseen_calls.sum() > 0
    rows = frame[(frame["seed"] == 2) & (frame["feature_name"] == "batch")]
    np.testing.assert_array_equal(rows["usd"], cube.usd[1, :, 1])
    assert rows["time"].iloc[5].isoformat() == "2024-03-01T01:15:00+00:00"
    assert "2 runs of 288 bins of 15 minutes" in repr(cube)
    assert repr(cube).endswith("next: .to_frame()")


def test_bins_of_the_week_are_local():
    scenario = load_scenario("dst-week")
    cube = sample_cube(scenario, [1], minutes=30)
    week = cube.bin_of_week
    assert len(week) == scenario.calendar.hours * 2
    assert (week // 2 == np.repeat(scenario.calendar.hour_of_week, 2)).all()
    assert week.max() == 335


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seeds": []}, "seeds must not be empty"),
        ({"minutes": 7}, r"minutes must be one of \(60, 30, 15, 5\); got 7"),
        ({"top_users": 0}, "top_users must be an integer of at least 1; got 0"),
    ],
)
def test_wrong_settings_are_refused(small, change, message):
    with pytest.raises(SettingError, match=message):
        sample_cube(**({"scenario": small(), "seeds": [1]} | change))
