"""Detectors compared: delays and dollars by hand, and the same for any workers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest, bootstrap, poisson

from costsim.detect import Detector, FixedThreshold, Suite, TrailingMean, UserShare
from costsim.detect.charts import Shewhart
from costsim.errors import SettingError
from costsim.show import figures
from costsim.show.formats import usd
from costsim.simulation.bin_sampler import BinnedSpend, sample_bins
from costsim.study import compare_detectors
from costsim.study.false_alarms import FalseAlarms
from costsim.study.incident_runs import IncidentRuns, IncidentWatch
from costsim.study.outcome import outcome, paired_difference
from costsim.study.seeds import study_seeds

DETECTORS = [
    FixedThreshold(6.0, channel="total"),
    UserShare(daily_budget_usd=1000 / 30, share=0.05),
    Detector(TrailingMean(window_hours=336), Shewhart(4.0), name="z-score"),
]
SETTINGS = {"replicates": 40, "calibration_runs": 20, "seed": 3}


@pytest.fixture(scope="module")
def scenario(small):
    """Two weeks of history; a launch on the sixteenth day at 14:00, trouble from the 17th on."""
    deep = {
        "model": "gpt-4-turbo",
        "profile": "office",
        "launch": "2024-03-16T14:00:00",
        "input_tokens": {"median": 30_000, "log_sd": 0.4},
        "output_tokens": {"median": 900, "log_sd": 0.4, "max": 2048},
        "cohorts": {
            "c": {
                "users": 10,
                "calls_per_day": 30,
                "first_use": {"days": [0.1, 0.5, 0.4], "launch_day_hours": [14, 20]},
            }
        },
    }
    return small(
        days=21,
        features={"deep": deep, "chat": {"calls_per_week": 20_000}},
        incidents={"i": {"feature": "deep", "cause": "volume", "starts": "2024-03-17T08:00:00"}},
    )


@pytest.fixture(scope="module")
def found(scenario):
    return compare_detectors(scenario, DETECTORS, **SETTINGS)


def by_loop(detector, spend, start, launch, onset, lag):
    """One run at a time, one hour at a time."""
    rows = []
    values = spend.channel(detector.channel)
    for run in range(len(values)):
        path = detector.statistic(values[run], spend.hour_of_week, start)
        alarm = None
        for hour in range(start, len(path)):
            if path[hour] > detector.threshold:
                alarm = hour
                break
        row = {"first_h": np.nan, "early": False, "false": False, "missed": alarm is None}
        row["burned_usd"] = spend.excess[run, onset:].sum()
        if alarm is not None and alarm < launch:
            row["false"] = True
        elif alarm is not None and alarm < onset:
            row["early"], row["burned_usd"] = True, 0.0
        elif alarm is not None:
            row["first_h"] = alarm + 1 + lag - onset
            row["burned_usd"] = spend.excess[run, onset : alarm + 1 + lag].sum()
        rows.append(row)
    return pd.DataFrame(rows)


def test_delays_and_dollars_by_hand(scenario, found):
    spend = sample_bins(scenario, study_seeds(3, 3, 40))
    start, launch, onset = 14 * 24, 15 * 24 + 14, 16 * 24 + 8
    for detector in (*DETECTORS, *found.detectors):
        setting = "nominal" if detector in DETECTORS else "calibrated"
        wanted = by_loop(detector, spend, start, launch, onset, 0)
        runs = found.runs
        mine = runs[(runs["detector"] == detector.name) & (runs["setting"] == setting)]
        assert mine["run"].tolist() == list(range(40))
        for name in ("early", "false", "missed"):
            assert mine[name].tolist() == wanted[name].tolist(), (detector.name, name)
        np.testing.assert_array_equal(mine["first_h"], wanted["first_h"])
        np.testing.assert_allclose(mine["burned_usd"], wanted["burned_usd"], rtol=1e-9)


def test_the_summary_is_of_the_runs_that_are_kept(found):
    for row in found.to_frame().itertuples():
        runs = found.runs.query("detector == @row.detector and setting == @row.setting")
        kept = runs[~runs["early"] & ~runs["false"]]
        assert row.kept_runs == len(kept)
        assert row.early == runs["early"].mean()
        assert row.false_before_launch == runs["false"].mean()
        if kept.empty:
            continue
        delays = sorted(kept["first_h"].fillna(np.inf))
        assert row.delay_median_h == delays[len(delays) // 2] or np.isinf(delays[len(delays) // 2])
        assert row.caught_within_4h == np.mean([d <= 4 for d in delays])
        assert row.caught_within_1h == np.mean([d <= 1 for d in delays])
        assert row.missed == kept["missed"].mean()
        assert row.burned_mean_usd == pytest.approx(kept["burned_usd"].mean())
        met = kept["first_h"].dropna()
        assert row.delay_mean_h == pytest.approx(met.mean(), nan_ok=True)


def hand_made():
    """Six runs of ten hours: watched from hour 2, launch at 4, incident from 6 on."""
    total = np.ones((6, 10))
    excess = np.zeros((6, 10))
    excess[:, 5] = 3.0  # between launch and incident: not burned
    excess[:, 6:] = [10.0, 20.0, 40.0, 80.0]
    alarms = {0: 1, 1: 2, 2: 5, 3: 6, 4: 8}  # run 0 alarms before the watch; run 5 never
    for run, hour in alarms.items():
        total[run, hour] = 100.0
    return BinnedSpend(total, total, total, excess, np.arange(10))


def hand_runs(rule, lag):
    watch = IncidentWatch(start=2, launch=4, onset=6, end=10)
    watched = IncidentRuns.at([watch] * 6, hand_made())
    return watched.rows(watched.first(rule), lag)


@pytest.mark.parametrize(
    ("lag", "hours", "burned"),
    [(0, [1, 3], [10, 70]), (1, [2, 4], [30, 150]), (5, [6, 8], [150, 150])],
)
def test_early_false_caught_and_missed_are_told_apart(lag, hours, burned):
    rule = FixedThreshold(50.0, channel="total")
    runs = hand_runs(rule, lag)
    assert runs["false"].tolist() == [False, True, False, False, False, False]
    assert runs["early"].tolist() == [False, False, True, False, False, False]
    assert runs["missed"].tolist() == [True, False, False, False, False, True]
    assert runs["first_h"].dropna().tolist() == hours
    assert runs["first_h"].dropna().index.tolist() == [3, 4]
    assert runs["burned_usd"].tolist()[2:5] == [0, *burned]
    assert runs["burned_usd"][5] == runs["burned_usd"][0] == 150  # a miss burns all of it


def test_a_summary_by_hand():
    rule = FixedThreshold(50.0, channel="total")
    runs = hand_runs(rule, 0)
    row = outcome(runs)
    assert row["kept_runs"] == 4
    assert (row["caught_within_1h"], row["caught_within_4h"], row["missed"]) == (0.25, 0.5, 0.5)
    assert np.isnan(row["delay_median_h"])  # of 1, 3, never, never
    assert np.isnan(row["delay_p90_h"])
    assert row["delay_mean_h"] == 2
    assert row["burned_mean_usd"] == (10 + 70 + 150 + 150) / 4
    assert row["burned_median_all_usd"] == 70  # with the early one, of which nothing had burned
    for hours, caught in ((1, 1), (4, 2)):
        low = binomtest(caught, 4).proportion_ci(0.90, method="exact").low  # one-sided 95%
        assert row[f"caught_within_{hours}h_low"] == pytest.approx(low)


def test_the_rates_of_the_table_are_measured_on_fresh_runs(scenario, found):
    from costsim.study import quiet_runs

    fresh = quiet_runs(scenario, study_seeds(3, 2, 20))
    for tuned in found.detectors:
        rate = fresh.false_alarms(tuned)
        row = found.row(tuned.name)
        assert row["threshold"] == tuned.threshold
        assert row["false_alarms_per_month"] == rate.per_month
        assert (row["fa_low"], row["fa_high"]) == rate.interval()
        tuning = quiet_runs(scenario, study_seeds(3, 1, 20))
        assert tuning.false_alarms(tuned).per_month <= 1


def test_rates_that_are_not_the_wanted_one_are_named(found):
    """At 5% together: a chance of 0.02 is news of one detector, and none among three."""
    months, wanted = 20, found.false_alarms_per_month

    def named(*alarms):
        rates = [FalseAlarms(count, months * 720.0) for count in alarms]
        own = [
            replace(one, false_alarms=dict(one.false_alarms) | {wanted: rate})
            for one, rate in zip(found.candidates, rates, strict=False)
        ]
        names = [one.name for one in own]
        said = replace(found, candidates=tuple(own)).unlike
        return [names.index(name) for name in said]

    assert 0.05 / 3 < poisson.sf(35, 1.25 * months) < 0.05 / 2
    assert named(36) == [0]
    assert named(36, 20, 20) == []
    assert named(36, 60, 20) == [0, 1]  # once the other is out, two are left
    assert named(3, 20, 20) == [0]
    assert poisson.cdf(3, 0.8 * months) < 0.05 / 3


@pytest.mark.parametrize("alarms", [0, 3, 18, 26, 40])
def test_the_chance_of_a_rate_is_that_of_its_count(alarms):
    found = FalseAlarms(alarms, 20 * 720.0).chance_within(0.8, 1.25)
    wanted = min(poisson.cdf(alarms, 16), 1.0) if alarms < 16 else poisson.sf(alarms - 1, 25)
    assert found == pytest.approx(1.0 if 16 <= alarms <= 25 else wanted)


def test_seeds_of_different_purposes_and_studies_are_different():
    sets = [set(study_seeds(seed, purpose, 500)) for seed in (0, 1, 2) for purpose in (1, 2, 3)]
    assert all(len(s) == 500 for s in sets)
    assert len(set.union(*sets)) == 9 * 500
    assert all(0 <= seed < 2**63 for s in sets for seed in s)


def test_workers_change_no_number(scenario, found):
    alone = compare_detectors(scenario, DETECTORS, workers=1, **SETTINGS)
    pd.testing.assert_frame_equal(alone.summary, found.summary, check_exact=True)
    pd.testing.assert_frame_equal(alone.runs, found.runs, check_exact=True)
    assert alone.detectors == found.detectors


def test_all_detectors_see_the_same_runs(scenario, found):
    alone = compare_detectors(scenario, DETECTORS[:1], **SETTINGS)
    mine = found.runs.query("detector == 'fixed threshold'").reset_index(drop=True)
    pd.testing.assert_frame_equal(alone.runs.reset_index(drop=True), mine, check_exact=True)


def test_a_result_shows_itself(found):
    import matplotlib.pyplot as plt

    assert found.best.name in repr(found)
    assert "next: .to_frame(), .differences(), .plot()" in repr(found)
    assert "<table" in found._repr_html_()
    assert len(found.to_frame()) == 6
    runs = found.runs.query("setting == 'calibrated' and not early and not false")
    halves = runs.assign(chosen=runs["run"] % 2 == 0).groupby(["chosen", "detector"])["burned_usd"]
    assert found.best.name == halves.mean()[True].idxmin()
    # told by runs that had no part in the choice
    median = halves.quantile(0.5, interpolation="higher")[False][found.best.name]
    assert found.told(found.best.name)["burned_median_usd"] == median
    assert usd(median) in found.headline
    with pytest.raises(SettingError, match=r"detector must be one of .* got 'nobody'"):
        found.row("nobody")
    assert found.plot().figure is not None
    text = figures.alt_text(found.plot_curve())
    assert all(d.name in text for d in found.detectors)
    assert "The limit line is" in text
    plt.close("all")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"replicates": 9}, "replicates must be an integer of at least 10; got 9"),
        ({"replicates": 20.0}, "replicates must be an integer of at least 10; got 20.0"),
        ({"calibration_runs": 0}, "calibration_runs must be an integer of at least 1; got 0"),
        ({"lag_hours": -1}, "lag_hours must be an integer of at least 0; got -1"),
        ({"seed": -1}, "seed must be an integer of at least 0; got -1"),
        ({"false_alarms_per_month": 0}, "false_alarms_per_month must be above 0"),
        ({"false_alarms_per_month": 0.001}, "at least 10 expected false alarms; 373 months"),
        ({"detectors": []}, "detectors must not be empty"),
        ({"detectors": [DETECTORS[0], DETECTORS[0]]}, "detectors must have different names"),
    ],
)
def test_wrong_arguments_are_refused_before_any_run(scenario, settings, message):
    with pytest.raises(SettingError, match=message):
        compare_detectors(scenario, **settings)


def test_scenarios_without_one_incident_or_without_history_are_refused(small, scenario):
    with pytest.raises(SettingError, match=r"exactly one incident .* it has 0"):
        compare_detectors("quiet")
    with pytest.raises(SettingError, match="at least 14 days of history before its week"):
        compare_detectors(
            small(
                incidents={
                    "i": {"feature": "chat", "cause": "volume", "starts": "2024-03-02T00:00:00"}
                }
            )
        )


def test_differences_are_paired_and_say_when_they_are_decided(found):
    table = found.differences()
    assert found.best.name not in set(table["detector"])
    assert (table["usd"].diff().dropna() >= 0).all()
    assert ((table["usd_low"] <= table["usd"]) & (table["usd"] <= table["usd_high"])).all()
    back = found.differences(to=table["detector"].iloc[-1]).set_index("detector")
    mirrored = back.loc[found.best.name]
    assert mirrored["usd"] == pytest.approx(-table["usd"].iloc[-1])
    assert mirrored["decided"] == table["decided"].iloc[-1]
    with pytest.raises(SettingError, match="detector must be one of"):
        found.differences(to="nobody")


def test_the_paired_interval_is_that_of_an_independent_bootstrap():
    rng = np.random.default_rng(5)
    one = rng.lognormal(3, 0.5, 150)
    other = one * rng.lognormal(0.2, 0.3, 150)
    left_out = {"early": rng.random(150) < 0.1, "false": np.zeros(150, dtype=bool)}
    tables = [pd.DataFrame({"burned_usd": usd} | left_out) for usd in (other, one)]
    mean, low, high = paired_difference(*tables)
    gaps = (other - one)[~left_out["early"]]
    wanted = bootstrap((gaps,), np.mean, method="percentile", n_resamples=9999, rng=1)
    assert mean == pytest.approx(gaps.mean())
    width = np.ptp(list(wanted.confidence_interval))
    assert (low, high) == pytest.approx(tuple(wanted.confidence_interval), abs=0.1 * width)


def test_runs_are_added_until_the_dollars_are_known_well_enough(scenario):
    settings = {"replicates": 10, "calibration_runs": 8, "seed": 4, "false_alarms_per_month": 2.0}
    said = []
    few = compare_detectors(scenario, DETECTORS[:1], **settings)
    more = compare_detectors(scenario, DETECTORS[:1], precision=0.1, say=said.append, **settings)
    count = more.runs["run"].nunique()
    assert count > 10
    assert count % 10 == 0
    # the first runs are the same ones; and the width that was asked for is met, or all are used
    same = more.runs[more.runs["run"] < 10].reset_index(drop=True)
    pd.testing.assert_frame_equal(same, few.runs[few.runs["run"] < 10].reset_index(drop=True))
    kept = more.runs.query("setting == 'calibrated' and not early and not false")["burned_usd"]
    assert count == 100 or 1.96 * kept.sem() <= 0.1 * kept.mean()
    assert any("more runs" in line for line in said)


def test_the_suite_is_calibrated_as_one_and_compared_beside_the_others(scenario):
    suite = Suite("together", tuple(DETECTORS))
    found = compare_detectors(
        scenario, [*DETECTORS, suite], replicates=20, calibration_runs=20, seed=3
    )
    row = found.row("together")
    assert row["false_alarms_per_month"] < 1.7
    assert np.isnan(row["threshold"])
    assert found.best.name != "together"
    # hours of the suite are the earliest of its members', at its own thresholds
    members = next(c for c in found.candidates if c.name == "together").at(1.0)
    watched = IncidentRuns.of(scenario, study_seeds(3, 3, 20))
    first = np.minimum.reduce([watched.first(member) for member in members])
    mine = found.runs.query("detector == 'together' and setting == 'calibrated'")
    caught = mine["first_h"].notna().to_numpy()
    assert (first[caught] + 1 - watched.onset[caught] == mine["first_h"][caught]).all()
