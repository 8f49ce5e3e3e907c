"""The estimators of a fit, each alone, on draws of known truth."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import norm

from costsim.simulation.distributions import Tokens
from costsim.simulation.fitting import bursts, people, tokens, traffic, users
from costsim.simulation.fitting.defaults import LEVELS
from costsim.simulation.fitting.features import wilson
from costsim.simulation.fitting.quantile_grid import quantile_grid
from costsim.simulation.fitting.tokens import quantile


def session_times(rng, rate, mean_calls, think, span):
    """Poisson sessions of a geometric number of calls, exponential think times apart."""
    start = np.sort(rng.random(rng.poisson(rate / mean_calls * span))) * span
    size = rng.geometric(1 / mean_calls, len(start))
    first = np.cumsum(size) - size
    waits = rng.exponential(think, size.sum())
    waits[first] = 0.0
    since = np.cumsum(waits)
    flat = np.repeat(start - since[first], size) + since
    ids = np.repeat(np.arange(len(start)), size)
    order = np.argsort(flat)
    return flat[order], ids[order]


@pytest.mark.parametrize(("mean_calls", "think"), [(4.0, 20.0), (40.0, 0.5), (2.0, 3.0)])
def test_the_index_of_dispersion_is_the_simulated_one(mean_calls, think):
    rng = np.random.default_rng(1)
    seconds, _ = session_times(rng, 2.0, mean_calls, think, 150_000)
    fit = bursts.SessionFit(mean_calls, think, 0, 0, True, 0)
    for width in (5.0, 60.0, 200.0):
        counts = np.bincount((seconds // width).astype(int))[5:-50]
        found = counts.var() / counts.mean()
        assert found == pytest.approx(fit.dispersion(width), rel=0.15)


@pytest.mark.parametrize(("mean_calls", "think"), [(4.0, 20.0), (40.0, 0.5), (2.0, 3.0)])
def test_sessions_are_found_from_how_calls_are_bunched(mean_calls, think):
    rng = np.random.default_rng(2)
    seconds, ids = session_times(rng, 0.5, mean_calls, think, 40 * 3600)
    blind = bursts.sessions_from_bursts(seconds)
    told = bursts.sessions_from_ids(ids, seconds)
    assert told.mean_calls == pytest.approx(mean_calls, abs=4 * told.mean_calls_error)
    assert told.think_seconds == pytest.approx(think, abs=4 * told.think_error)
    for width in (2.0, 20.0, 120.0):
        assert blind.dispersion(width) == pytest.approx(told.dispersion(width), rel=0.2)


def test_calls_one_by_one_are_no_sessions_even_where_the_rate_drifts():
    rng = np.random.default_rng(3)
    hour = rng.random(40_000) * 3600
    drifting = np.sort(hour[rng.random(len(hour)) < (0.5 + hour / 7200)])
    fit = bursts.sessions_from_bursts(drifting)
    assert fit.mean_calls < 1.1
    # a rate from 1/2 to 1 over the hour: variance 1/48 about a mean of 3/4
    assert fit.ramp == pytest.approx((1 / 48) / (9 / 16), rel=0.5)
    assert bursts.profile_ramp(np.array([1.0, 2, 3, 4])) == pytest.approx(4 / 12 / 30)


def test_a_coarse_clock_is_no_burst():
    rng = np.random.default_rng(4)
    exact = np.sort(rng.random(12_000) * 3600)
    coarse = np.floor(exact / 3) * 3
    assert bursts.clock_tick(coarse) == pytest.approx(3.0)
    assert bursts.clock_tick(exact) == 0
    assert bursts.sessions_from_bursts(coarse).mean_calls < 1.2


@pytest.mark.parametrize(
    ("law", "value", "count", "sessions"),
    [("zipf", 0.8, 800, 40_000), ("zipf", 1.2, 3000, 6000), ("lognormal", 1.3, 500, 20_000),
     ("lognormal", 0.8, 3000, 6000)],
)  # fmt: skip
def test_the_law_of_activity_and_the_users_never_seen_are_found(law, value, count, sessions):
    rng = np.random.default_rng(5)
    raw = (
        np.arange(1, count + 1.0) ** -value
        if law == "zipf"
        else np.exp(value * rng.standard_normal(count))
    )
    counts = rng.poisson(sessions * raw / raw.sum())
    fit = people.fit_activity(counts[counts > 0])
    assert fit.law == law
    assert fit.seen == (counts > 0).sum()
    # the lognormal's own draw of 500 users moves its spread by value / sqrt(2 * 500)
    assert fit.value == pytest.approx(value, rel=0.12)
    assert fit.users == pytest.approx(count, rel=0.12)
    assert fit.interval[0] < fit.value < fit.interval[1]


def test_the_split_between_users_is_found_though_they_are_unequally_busy():
    rng = np.random.default_rng(6)
    calls = np.maximum(rng.zipf(1.6, 400).clip(max=3000), 1)
    user = np.repeat(np.arange(400), calls)
    logs = 7 + rng.normal(0, 0.6, 400)[user] + rng.normal(0, 0.5, len(user))
    split = users.split_users(logs, user, np.zeros(len(user), bool), rng)
    assert split.within == pytest.approx(0.5, abs=4 * split.within_error)
    assert split.between == pytest.approx(0.6, abs=4 * split.between_error)
    assert split.mean == pytest.approx(7, abs=4 * split.mean_error)
    assert split.between_error < 0.1
    assert split.effective_users == pytest.approx(calls.sum() ** 2 / (calls**2).sum())


@pytest.mark.parametrize("share_cut", [0.05, 0.3])
def test_a_cap_does_not_hide_the_spread(share_cut):
    rng = np.random.default_rng(7)
    user = np.repeat(np.arange(300), 60)
    logs = 6 + rng.normal(0, 0.4, 300)[user] + rng.normal(0, 0.7, len(user))
    top = np.quantile(logs, 1 - share_cut)
    beyond = logs >= top
    cut = np.minimum(logs, top)
    split = users.split_users(cut, user, beyond, rng)
    assert split.within == pytest.approx(0.7, abs=0.02)
    assert split.between == pytest.approx(0.4, abs=0.06)
    assert split.mean == pytest.approx(6, abs=0.08)
    blind = users.unsplit(cut, beyond, 0.3)
    assert blind.log_sd == pytest.approx(np.sqrt(0.4**2 + 0.7**2), rel=0.04)
    assert blind.between_share == pytest.approx(0.3)


def draw(law, calls, users_, seed=8):
    rng = np.random.default_rng(seed)
    user = rng.integers(0, users_, calls)
    medians = law.user_log_median(rng, users_)
    return law.sample(rng, medians[user]).astype(float), user, rng


LAWS = {
    "lognormal": Tokens(median=900, log_sd=0.8, between_users_log_sd=0.4),
    "mixture of 2": Tokens(
        mixture=[
            {"weight": 0.7, "median": 200, "log_sd": 0.5},
            {"weight": 0.3, "median": 6000, "log_sd": 0.5},
        ],
        between_users_log_sd=0.2,
    ),
    "quantiles": Tokens(
        quantiles=[(0, 20), (0.2, 30), (0.21, 900), (0.6, 901), (0.61, 5000), (1, 7000)],
        between_users_share=0.3,
    ),
}


@pytest.mark.parametrize("name", LAWS)
def test_the_simplest_law_that_is_close_is_chosen_and_is_close(name):
    law = LAWS[name]
    values, user, rng = draw(law, 40_000, 500)
    fit = tokens.fit_tokens(values, user, None, rng, 0.3)
    assert fit.law == name
    assert not fit.cap_known
    assert fit.tokens.expected == pytest.approx(values.mean(), rel=0.06)
    for p in (0.1, 0.5, 0.9, 0.95, 0.99):
        assert quantile(fit.tokens, p) == pytest.approx(np.quantile(values, p), rel=0.12, abs=2)
    if name == "quantiles":
        assert fit.tokens.between_users_share == pytest.approx(0.3, abs=0.12)
    else:
        wanted = law.between_users_log_sd
        assert fit.tokens.between_users_log_sd == pytest.approx(wanted, abs=0.08)


def test_few_large_users_are_taken_as_their_calls_lie():
    rng = np.random.default_rng(9)
    user = np.repeat(np.arange(60), [20_000, 5000, *[50] * 58])
    medians = np.r_[3.0, 8.0, rng.normal(6, 1, 58)]
    values = np.rint(np.exp(medians[user] + rng.normal(0, 0.3, len(user)))).clip(1)
    fit = tokens.fit_tokens(values, user, None, rng, 0.3)
    assert fit.tokens.expected == pytest.approx(values.mean(), rel=0.05)
    assert quantile(fit.tokens, 0.5) == pytest.approx(np.median(values), rel=0.1)


def test_the_grid_holds_its_points_and_its_steps():
    rng = np.random.default_rng(10)
    values = np.concatenate([rng.integers(100, 5000, 9000), np.full(1000, 7437)]).astype(float)
    points = quantile_grid(values)
    assert all(a[0] < b[0] and a[1] < b[1] for a, b in pairwise(points))
    law = Tokens(quantiles=points)
    drawn = law.sample(rng, np.full(200_000, law.log_median, np.float32))
    assert (drawn == 7437).mean() == pytest.approx(0.1, abs=0.003)
    assert drawn.min() >= 99
    for p in (0.1, 0.5, 0.85):
        assert np.quantile(drawn, p) == pytest.approx(np.quantile(values, p), rel=0.03)


def nothing(size):
    return np.full(size, np.nan)


def test_caps_are_found_by_limit_by_finish_reason_and_by_an_atom():
    rng = np.random.default_rng(11)
    free = np.rint(np.exp(rng.normal(6, 0.8, 5000)))
    capped = np.minimum(free, 1000)
    assert tokens.find_cap(free, nothing(5000), None) is None
    assert tokens.find_cap(capped, nothing(5000), None) == 1000
    assert tokens.find_cap(np.minimum(free, 9e5), np.full(5000, 900_000.0), None) == 900_000
    few = np.minimum(free, np.sort(free)[-12])  # 12 calls: no atom, but they say why they ended
    assert tokens.find_cap(few, nothing(5000), None) is None
    assert tokens.find_cap(few, nothing(5000), few == few.max()) == few.max()


def noisy_hours(seed, days, sigma=0.3, phi=0.8, day_sigma=0.12, mean=400, again=0.0, day_phi=0.0):
    """Poisson counts of a daily and weekly wave with the scenario's noise."""
    rng = np.random.default_rng(seed)
    at = np.arange(24 * days)
    wave = 1 + 0.6 * np.sin(2 * np.pi * at / 24)
    wave *= np.where(at // 24 % 7 >= 5, 0.5, 1.0)
    shock = rng.standard_normal(len(at))
    ar, effect = np.empty(len(at)), rng.standard_normal(days)
    for t in range(len(at)):
        ar[t] = phi * ar[t - 1] + np.sqrt(1 - phi**2) * shock[t] if t else shock[0]
    for day in range(1, days):
        effect[day] = day_phi * effect[day - 1] + np.sqrt(1 - day_phi**2) * effect[day]
    if again:
        for t in range(24, len(at)):
            ar[t] += again * ar[t - 24]
        ar /= ar[24 * 10 :].std()
    log_factor = sigma * ar + np.repeat(effect * day_sigma, 24)
    counts = rng.poisson(mean * wave * np.exp(log_factor - (sigma**2 + day_sigma**2) / 2))
    return traffic.Hours(counts.astype(float), np.ones(len(at)), at % 168, at // 24), wave


def test_noise_is_found_and_its_errors_are_honest():
    found, errors = [], []
    for seed in range(10):
        hours, _ = noisy_hours(seed, 21)
        fit = traffic.fit_noise(hours, 1.0, 0.0, LEVELS["product"])
        assert fit.known == ("hour", "phi", "day", "day_phi", "again")
        found.append((fit.hour_sigma, fit.hour_phi, fit.day_sigma))
        errors.append(fit.errors)
    found, errors = np.array(found), np.array(errors)
    away = found.mean(axis=0) - (0.3, 0.8, 0.12)
    assert (np.abs(away) < 4 * found.std(axis=0) / np.sqrt(len(found)) + (0.01, 0.02, 0.02)).all()
    for k in (0, 1):
        assert errors[:, k].mean() == pytest.approx(found[:, k].std(), rel=0.6)


def test_days_that_drift_and_hours_like_those_of_the_day_before_are_found():
    fits = [
        traffic.fit_noise(noisy_hours(seed, 91, day_sigma=0.25, **how)[0], 1, 0, LEVELS["api"])
        for seed in (1, 2)
        for how in ({}, {"phi": 0.4, "again": 0.6, "day_phi": 0.8})
    ]
    for plain, drifting in zip(fits[::2], fits[1::2], strict=True):
        assert plain.same_hour_phi < 0.15
        assert drifting.same_hour_phi == pytest.approx(0.6, abs=0.1)
        assert drifting.hour_phi == pytest.approx(0.4, abs=0.1)
        assert plain.day_phi < 0.55
        assert drifting.day_phi > 0.6


def test_a_short_history_pulls_the_profile_towards_flat_and_a_long_one_does_not():
    gaps = {}
    for days in (4, 56):
        hours, wave = noisy_hours(20, days, sigma=0.35)
        noise = traffic.fit_noise(hours, 1.0, 0.0, LEVELS["product"])
        profile = traffic.fit_profile(hours, noise, 1.0, 0.0)
        truth = wave[:24] / wave[:24].mean()
        own = np.array([hours.counts[h::24].mean() for h in range(24)])
        own /= own.mean()
        gaps[days] = np.sqrt(((profile.hours - truth) ** 2).mean())
        assert np.log(profile.hours).std() <= np.log(own).std() * 1.02
        assert profile.days_known == (days == 56)
        if days == 56:
            weekend = profile.days[5:].mean() / profile.days[:5].mean()
            assert weekend == pytest.approx(0.5, rel=0.15)
    assert gaps[56] < 0.1


def test_under_a_day_the_profile_is_flat_and_the_noise_assumed():
    hours, _ = noisy_hours(21, 7)
    part = hours.where(np.arange(168) < 10)
    noise = traffic.fit_noise(part, 1.0, 0.0, LEVELS["api"])
    assert noise.known == ()
    assert (noise.hour_sigma, noise.hour_phi) == (0.30, 0.8)
    profile = traffic.fit_profile(part, noise, 1.0, 0.0)
    assert set(profile.hours) == {1.0}
    assert profile.calls_per_week == pytest.approx(part.counts.mean() * 168)


def test_hours_that_are_covered_in_part_count_in_part():
    counts = np.full(48, 100.0)
    covered = np.ones(48)
    counts[0], covered[0] = 25, 0.25
    hours = traffic.Hours(counts, covered, np.arange(48), np.arange(48) // 24)
    noise = traffic.fit_noise(hours, 1.0, 0.0, LEVELS["product"])
    profile = traffic.fit_profile(hours, noise, 1.0, 0.0)
    assert profile.calls_per_week == pytest.approx(100 * 168)


@pytest.mark.parametrize(("share", "calls"), [(0.0, 50), (0.03, 400), (0.5, 10), (1.0, 30)])
def test_the_interval_of_a_share_is_where_the_test_of_it_turns(share, calls):
    for bound in wilson(share, calls):
        if 0 < bound < 1:
            z = abs(share - bound) / np.sqrt(bound * (1 - bound) / calls)
            assert z == pytest.approx(norm.ppf(0.975), rel=1e-6)
