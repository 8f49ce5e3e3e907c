"""Recommended limits: candidates, halving and the frontier against slower ways to the same."""

from __future__ import annotations

import tomllib

import joblib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costsim.errors import SettingError
from costsim.limits import load_limits, parse_limits
from costsim.simulation import simulate
from costsim.study import parse_gate, recommend_limits
from costsim.study.launch.candidates import CAPS, CapRange, candidates, with_caps
from costsim.study.launch.runs import OPEN
from costsim.study.launch.search import ranked

BASE = parse_limits(
    {
        "name": "base",
        "request": {"max_input_tokens": 9_000},
        "user": {"hour_usd": 0.02, "day_usd": 0.03, "month_usd": 0.4},
    }
)
GATE = parse_gate({"month_spend_mean_usd": "<= 45", "blocked_share": "<= 0.2"})


@pytest.fixture(scope="module")
def product(small):
    features = {
        "chat": {"calls_per_week": 1_500},
        "batch": {"calls_per_week": 500},
        "deep": {
            "model": "gpt-4o", "profile": "flat", "calls_per_week": 100,
            "input_tokens": {"median": 12_000, "log_sd": 0.5, "max": 100_000},
            "output_tokens": {"median": 900, "log_sd": 0.4, "max": 2000},
        },
    }  # fmt: skip
    return small(days=7, features=features)


@pytest.fixture(scope="module")
def found(product):
    with joblib.parallel_config(backend="sequential"):
        return recommend_limits(product, BASE, GATE, count=16, seeds=6, check_seeds=3, seed=2)


def test_the_suggestion_is_told_by_records_of_unused_seeds(found):
    assert not set(found.searched["seed"]) & set(found.checked["seed"])
    scenario = found.month.scenario
    for seed in found.checked["seed"].unique()[:2]:
        own = found.checked[found.checked["seed"] == seed].set_index("variant")
        for name, limits in ((OPEN, None), ("base", BASE), ("base-suggested", found.suggested)):
            records = simulate(scenario, seed=int(seed), limits=limits).records.to_pandas()
            assert own.at[name, "month_usd"] == pytest.approx(records["total_cost_usd"].sum())
            denied = records[records["status"] == "denied"]["user_id"].nunique()
            users = records["user_id"].nunique()
            assert own.at[name, "blocked_share"] == pytest.approx(denied / users)


def test_the_suggestion_is_better_than_where_it_began(found):
    _, base, new = found.compared().to_dict("records")
    assert new["blocked_share"] < base["blocked_share"]
    assert "max_input_tokens = 9,000 refuses" in " ".join(found.notes)
    assert found.suggested.request.max_input_tokens is None


def test_it_loads_back_and_is_never_overwritten(found, tmp_path):
    file = found.write(tmp_path / "new.toml")
    assert load_limits(file) == found.suggested
    assert file.read_text().startswith("# Suggested: ")
    with pytest.raises(SettingError, match="is there already"):
        found.write(file)


def test_the_frontier_is_what_nothing_beats(found):
    frame = found.to_frame()
    saved, blocked = (frame[c].to_numpy() for c in ("saved_usd", "ordinary_blocked_share"))
    for at, row in enumerate(frame["frontier"]):
        no_worse = (saved >= saved[at]) & (blocked <= blocked[at])
        better = (saved > saved[at]) | (blocked < blocked[at])
        assert row == (not (no_worse & better).any())
    assert (frame["seeds"] == 6).sum() >= 2
    assert frame["seeds"].min() == 1


def test_who_saw_one_dear_month_has_not_saved_more_for_it(found):
    frame = found.to_frame().set_index("limits")
    runs = found.searched.set_index(["variant", "seed"])["month_usd"]
    for name, row in frame.iterrows():
        own = runs[name]
        assert len(own) == row["seeds"]
        ratio = own.sum() / runs[OPEN][own.index].sum()  # a ratio estimate of the mean
        assert row["spend_usd"] == pytest.approx(ratio * runs[OPEN].mean())
        assert row["saved_usd"] == pytest.approx((1 - ratio) * runs[OPEN].mean())


def test_where_it_runs_changes_nothing(product, found):
    with joblib.parallel_config(n_jobs=2):
        other = recommend_limits(product, BASE, GATE, count=16, seeds=6, check_seeds=3, seed=2)
    assert other.toml == found.toml
    pd.testing.assert_frame_equal(other.searched, found.searched, check_exact=True)


def test_the_best_misses_least_then_blocks_least_then_costs_least():
    rows = [("a", 30, 0.5), ("b", 50, 0.1), ("c", 40, 0.15), ("d", 44, 0.15), ("e", 90, 0.0)]
    runs = pd.DataFrame(rows, columns=["variant", "month_usd", "blocked_share"])
    # c and d keep both bounds, b misses its dollars by a ninth, a its share by .3, e by a whole
    assert ranked(runs, list("abcde"), GATE) == ["c", "d", "b", "a", "e"]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0.01, 50), st.floats(1, 100)), min_size=3, max_size=3),
    st.integers(4, 80), st.integers(0, 50),
)  # fmt: skip
def test_candidates_keep_their_ranges_and_are_nested(bounds, count, seed):
    ranges = {n: CapRange(low, low * up) for n, (low, up) in zip(CAPS, bounds, strict=True)}
    found = candidates(BASE, ranges, count, seed=seed)
    assert len(found) == count
    assert found == candidates(BASE, ranges, count, seed=seed)
    for policy in found:
        caps = [getattr(policy.user, name) for name in CAPS]
        assert caps == sorted(caps)
        assert caps[-1] >= ranges["month_usd"].low * 0.94 - 0.01  # two digits, whole cents
        for usd, name in zip(caps, CAPS, strict=True):
            assert usd <= ranges[name].high * 1.06 + 0.01
        assert policy.request == BASE.request


def test_candidates_fill_each_range_evenly():
    ranges = dict.fromkeys(CAPS, CapRange(1.0, 10_000.0))
    found = candidates(BASE, ranges, 64, seed=1)
    months = np.log10([policy.user.month_usd for policy in found])
    counts, _ = np.histogram(months, bins=4, range=(0, 4.0001))
    assert counts.tolist() == pytest.approx([16] * 4, abs=1)  # a net has its share everywhere


def test_tiers_keep_their_ratio():
    base = load_limits("per-tier")
    new = with_caps(base, {"day_usd": 8.0}, 50_000, "new")  # twice its 4
    assert new.user.by_tier["pro"].day_usd == 20.0
    assert new.user.by_tier["enterprise"].day_usd == 120.0
    assert (new.organisation.month_usd, new.organisation.day_usd) == (50_000, 6_000)
    assert parse_limits(tomllib.loads(new.to_toml())) == new


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"count": 3}, "count must be an integer from 4 to 4096; got 3"),
        ({"seeds": 0}, "seeds must be an integer from 4 to 10000; got 0"),
        ({"check_seeds": True}, "check_seeds must be an integer from 2 to 10000; got True"),
    ],
)
def test_bad_input_is_one_line(product, change, said):
    with pytest.raises(SettingError) as caught:
        recommend_limits(product, BASE, **change)
    assert str(caught.value) == said
