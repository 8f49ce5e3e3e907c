"""Gates: intervals against closed forms, verdicts as properties, bad files in one line."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, norm, t

from costsim.errors import SettingError, UnknownNameError
from costsim.study.launch.gate import KEYS, load_gate, parse_gate
from costsim.study.launch.statistics import estimate, runs_to_decide

values = st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=80).map(np.array)


def test_intervals_against_closed_forms():
    found = np.array([1.0, 2.0, 4.0, 9.0])
    mean = estimate(found, "mean")
    reach = t.ppf(0.975, 3) * np.std(found, ddof=1) / 2
    assert mean == pytest.approx((4.0, 4 - reach, 4 + reach))
    hits = np.r_[np.ones(3), np.zeros(37)]
    low, high = beta.ppf(0.025, 3, 38), beta.ppf(0.975, 4, 37)
    assert estimate(hits, "chance") == pytest.approx((3 / 40, low, high))


@pytest.mark.parametrize("statistic", ["p50", "p95"])
def test_intervals_hold_the_percentile_as_often_as_they_say(statistic):
    rng, share = np.random.default_rng(3), int(statistic[1:]) / 100
    truth = norm.ppf(share)
    held = 0
    for _ in range(600):
        _, low, high = estimate(rng.standard_normal(60), statistic)
        held += low <= truth <= high
    assert held / 600 > 0.95 - 3 * math.sqrt(0.95 * 0.05 / 600)


@settings(max_examples=60, deadline=None)
@given(values, st.floats(-1e6, 1e6), st.sampled_from(["mean", "p50", "p95"]))
def test_a_verdict_is_the_interval_on_one_side(runs, bound, statistic):
    key = f"month_spend_{statistic}_usd"
    for relation, opposite in (("<=", ">"), (">=", "<")):
        line, other = (
            parse_gate({key: f"{sign} {bound!r}"}).requirements[0].judge(runs)
            for sign in (relation, opposite)
        )
        low, high = line.measured.low, line.measured.high
        inside = low <= bound <= high if math.isfinite(low) or math.isfinite(high) else True
        if line.verdict == "UNDECIDED":
            assert inside
        swap = {"PASS": "FAIL", "FAIL": "PASS", "UNDECIDED": "UNDECIDED"}
        assert other.verdict == swap[line.verdict]


@pytest.mark.parametrize(
    ("statistic", "bound"), [("chance", 0.2), ("chance", 0.02), ("p90", 3.0), ("p99", 9.0)]
)
def test_so_many_runs_decide_and_fewer_do_not(statistic, bound):
    runs = np.r_[np.zeros(19), 1.0]
    needed = runs_to_decide(runs, statistic, bound)

    def decided(count: int) -> bool:
        share = runs.mean() if statistic == "chance" else (runs > bound).mean()
        more = np.zeros(count)
        more[: round(share * count)] = 1.0 if statistic == "chance" else 99.0
        _, low, high = estimate(more, statistic)
        return high <= bound or low > bound

    assert decided(needed)
    assert not decided(max(needed // 2, 2))


def test_runs_for_a_mean_follow_the_square_of_the_gap():
    runs = np.tile([0.0, 2.0], 50)
    reach = (estimate(runs, "mean").high - estimate(runs, "mean").low) / 2
    assert runs_to_decide(runs, "mean", 1 + reach / 3) == pytest.approx(900, abs=1)
    assert runs_to_decide(runs, "mean", 1.0) is None


def test_missing_numbers_decide_nothing():
    line = parse_gate({"blocked_share": "<= 0.1"}).requirements[0].judge(np.full(5, np.nan))
    assert line.verdict == "UNDECIDED"
    assert "no run had anybody" in line.words


def test_every_key_can_be_read():
    for key in KEYS:
        gate = parse_gate({key: "<= 0.5"})
        assert gate.requirements[0].key == key


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({}, "g.toml: a gate must require something; it is empty"),
        ({"month_spend_p99_usd": 10_000}, 'g.toml: month_spend_p99_usd must be a bound such as'),
        ({"month_spend_p99_usd": "10000"}, 'g.toml: month_spend_p99_usd must be a bound such as'),
        ({"month_spend_p99_usd": "<= many"}, 'g.toml: month_spend_p99_usd must be a bound such as'),
        ({"blocked_share": "<= 2"}, "g.toml: blocked_share must be bounded from 0 to 1"),
        ({"tier": {"pro": "<= 1"}}, "g.toml: tier must be tables such as [tier.NAME]"),
    ],
)  # fmt: skip
def test_bad_gates_are_one_line(data, said):
    with pytest.raises(SettingError) as caught:
        parse_gate(data, source="g.toml")
    assert str(caught.value).startswith(said)
    assert "\n" not in str(caught.value)


def test_unknown_keys_say_what_is_allowed(tmp_path):
    with pytest.raises(UnknownNameError, match="did you mean 'month_spend_p99_usd'"):
        parse_gate({"month_spend_p98_usd": "<= 1"})
    with pytest.raises(UnknownNameError, match=r"key of tier\.pro"):
        parse_gate({"tier": {"pro": {"denied": "<= 1"}}})
    file = tmp_path / "g.toml"
    file.write_text(
        'month_spend_p99_usd = "<= $10_000"\n[tier.pro]\nordinary_blocked_share = "< 0.1"'
    )
    found = load_gate(file)
    assert [(w.bound, w.relation) for w in found.requirements] == [(10_000, "<="), (0.1, "<")]
