"""A whole run: the same bytes for any workers, nothing lost at midnight, truth beside."""

from __future__ import annotations

import gc
import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kstest, lognorm

import costsim
from costsim.errors import DatasetError, PriceError, SettingError, UnknownNameError
from costsim.records.dataset import read_records
from costsim.simulation import hourly_excess, incident_frame, simulate
from costsim.simulation.demand import Demand
from costsim.simulation.recording import Recorder
from costsim.simulation.world import play

LONG_SESSIONS = {"mean_calls": 6, "think_seconds": 9_000}  # 15 hours: some last for days


def digests(folder):
    files = sorted(p for p in Path(folder).rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


@pytest.mark.parametrize("sessions", [{"mean_calls": 3}, LONG_SESSIONS])
def test_the_same_seed_gives_the_same_bytes_for_any_workers(small, tmp_path, sessions):
    scenario = small(days=7, features={"chat": {"sessions": sessions}})
    found = []
    for workers in (1, 2, 3, 7):
        simulate(scenario, seed=11, out=tmp_path / str(workers), workers=workers)
        found.append(digests(tmp_path / str(workers)))
    assert len(found[0]) == 8
    assert all(other == found[0] for other in found)
    simulate(scenario, seed=12, out=tmp_path / "other")
    assert not set(digests(tmp_path / "other").values()) & set(found[0].values())


def test_the_same_bytes_for_a_launch_with_truth(surprise, surprise_run, tmp_path):
    """Files of the whole run of the fixture, made again by one worker."""
    simulate(surprise, seed=7, out=tmp_path / "run", workers=1)
    assert digests(tmp_path / "run") == digests(surprise_run.records.folder)


def test_a_shorter_run_begins_with_the_same_files(surprise, surprise_run):
    short = simulate(surprise.first_days(2), seed=7, workers=1)
    assert short.records.manifest.files == surprise_run.records.manifest.files[:2]


@pytest.mark.parametrize("sessions", [{"mean_calls": 3}, LONG_SESSIONS])
def test_sessions_over_midnight_are_neither_lost_nor_doubled(small, sessions):
    scenario = small(days=6, features={"chat": {"sessions": sessions}})
    demand = Demand(play(scenario, 3), 3)
    end = scenario.calendar.hours * 3_600_000_000
    calls = [c for day in range(6) for c in demand.day(day)]
    inside = np.sort(np.concatenate([c.time_us[c.time_us < end] for c in calls]))
    lost = sum((c.time_us >= end).sum() for c in calls)
    assert lost or sessions != LONG_SESSIONS  # the run's end cuts sessions, and only that
    rows = simulate(scenario, seed=3, workers=2).records.to_pandas(
        ["call_id", "timestamp", "session_id", "user_id"]
    )
    assert rows["call_id"].is_unique
    origin = pd.Timestamp(scenario.calendar.origin)
    np.testing.assert_array_equal((rows["timestamp"] - origin) // pd.Timedelta("1us"), inside)
    crossing = rows.groupby("session_id")["timestamp"].agg(["min", "max"])
    over = crossing["min"].dt.date != crossing["max"].dt.date
    assert over.sum() > 0
    assert rows.groupby("session_id")["user_id"].nunique().eq(1).all()


def test_sessions_of_many_days_are_whole(small):
    """Every stated call comes, although half of the sessions last for more than a day."""
    long = {"mean_calls": 6, "think_seconds": 12_000}
    scenario = small(days=30, features={"chat": {"sessions": long, "calls_per_week": 7_000}})
    rows = simulate(scenario, seed=1).records.to_pandas(["feature_name", "session_id"])
    sizes = rows[rows["feature_name"] == "chat"]["session_id"].value_counts()
    expected = 30 / 7 * 7_000
    lost = 7_000 / 7 * 6 * 12_000 / 86_400  # calls of sessions that the end of the run cuts
    # all calls of a session stand or fall together: variance of a compound Poisson
    error = np.sqrt((sizes.astype(float) ** 2).sum())
    assert abs(sizes.sum() - (expected - lost)) < 4 * error
    assert Counter(sizes > 20)[True] > 0


def test_files_are_days_in_local_time_in_order_of_time_and_user(small, tmp_path):
    scenario = small(days=3, time_zone="Asia/Kolkata")
    records = simulate(scenario, seed=1, out=tmp_path / "run").records
    import pyarrow.parquet as pq

    for file, day in zip(records.manifest.files, ("01", "02", "03"), strict=True):
        assert f"2024-03-{day}-" in file.path
        table = pq.read_table(tmp_path / "run" / file.path).to_pandas()
        assert table["timestamp"].is_monotonic_increasing
        local = table["timestamp"].dt.tz_convert("Asia/Kolkata").dt.strftime("%d")
        assert set(local) == {day}


def test_a_record_is_complete_where_a_simulation_can_know(small):
    rows = simulate(small(days=1), seed=1).records.to_pandas()
    known = "call_id timestamp feature_name user_id user_tier session_id model response_model"
    known += " input_tokens output_tokens total_tokens total_cost_usd input_cost_usd"
    known += " output_cost_usd price_book usage_source latency_ms time_to_first_token_ms"
    known += " prompt_hash finish_reason status attempt source operation service_tier"
    for name in known.split():
        assert rows[name].notna().all(), name
    unknown = set(rows.columns) - set(known.split()) - {"max_tokens"}
    for name in unknown:
        assert rows[name].isna().all(), name
    assert (rows["total_tokens"] == rows["input_tokens"] + rows["output_tokens"]).all()
    assert (rows["latency_ms"] > rows["time_to_first_token_ms"]).all()
    assert rows.groupby("feature_name")["max_tokens"].first().isna().to_dict() == {
        "batch": True,
        "chat": False,
    }
    assert rows["prompt_hash"].nunique() == 2


def test_the_truth_is_every_call_of_the_incident_s_feature(surprise_run):
    truth, records = surprise_run.truth, surprise_run.records
    rows = records.between("2024-08-09").to_pandas(["call_id", "feature_name", "total_cost_nano"])
    deep = rows[rows["feature_name"] == "deep_analysis"]
    assert sorted(truth["call_id"]) == sorted(deep["call_id"])
    assert (truth["counterfactual_cost_nano"] == 0).all()
    assert set(truth["incident"]) == {"deep-analysis"}
    assert int(hourly_excess(records)["excess_nano"].sum()) == int(deep["total_cost_nano"].sum())
    names = set(records.to_pandas(["source"]).columns)
    assert "incident" not in names  # never in the records


def test_the_excess_is_what_the_run_without_the_launch_does_not_pay(small):
    """The counterfactual is the same seed without the incident."""
    cohort = {"users": 9, "calls_per_day": 60}
    scenario = small(
        features={"chat": {"launch": "2024-03-02T09:30:00", "cohorts": {"c": cohort}}},
        incidents={"i": {"feature": "chat", "cause": "volume", "starts": "2024-03-02T12:00:00"}},
    )
    names = ["call_id", "total_cost_nano"]
    result = simulate(scenario, seed=7)
    with_it = result.records.to_pandas(names)
    without = simulate(scenario.without_launches(), seed=7).records.to_pandas(names)
    excess = hourly_excess(result.records)["excess_nano"].sum()
    assert with_it["total_cost_nano"].sum() - without["total_cost_nano"].sum() == excess > 0
    both = with_it.merge(without, on="call_id", suffixes=("", "_without"))
    assert len(both) == len(without)
    assert (both["total_cost_nano"] == both["total_cost_nano_without"]).all()


def test_incidents_say_when_what_and_why(surprise_run):
    (row,) = surprise_run.incidents.itertuples()
    assert (row.feature_name, row.cause, row.movable) == ("deep_analysis", "volume", False)
    zone = "America/New_York"
    assert row.launched == pd.Timestamp("2024-08-09 14:00", tz=zone)
    assert row.starts == pd.Timestamp("2024-08-12 07:00", tz=zone)
    assert row.ends == pd.Timestamp("2024-08-16", tz=zone)


def test_the_timeline_names_who_adopted_when(surprise_run):
    timeline = surprise_run.timeline
    assert timeline.iloc[0][["kind", "feature_name"]].tolist() == ["launch", "deep_analysis"]
    assert timeline["time"].is_monotonic_increasing
    users = surprise_run.records.between("2024-08-09").to_pandas(["feature_name", "user_id"])
    callers = set(users[users["feature_name"] == "deep_analysis"]["user_id"])
    adopted = set(timeline["user_id"].dropna())
    (heavy,) = callers - adopted  # the script needs no discovery
    assert len(callers) > 500
    assert heavy.startswith("user-")


def test_what_cannot_be_simulated_is_said_before_anything_is_written(small, tmp_path):
    for seed in (-1, 1.5, True, "7", 2**63):
        with pytest.raises(SettingError, match=r"seed must be an integer from 0 to 2\*\*63 - 1"):
            simulate(small(), seed=seed)
    for workers in (0, -1, 1.5):
        with pytest.raises(SettingError, match="workers must be an integer of at least 1"):
            simulate(small(), workers=workers)
    with pytest.raises(UnknownNameError, match="did you mean 'quiet'"):
        simulate("quite")
    out = tmp_path / "run"
    with pytest.raises(UnknownNameError, match="list-2025"):
        simulate(small(price_book="list-2025"), out=out)
    with pytest.raises(PriceError, match="gpt-9"):
        simulate(small(features={"chat": {"model": "gpt-9"}}), out=out)
    assert not out.exists()


def test_temporary_records_live_as_long_as_something_refers_to_them(small):
    records = simulate(small(days=1), seed=1).records.between("2024-03-01")
    gc.collect()
    folder = records.folder
    assert len(records.to_pandas(["call_id"])) == len(records) > 0
    del records
    gc.collect()
    assert not folder.exists()


def test_a_result_can_be_kept(small, tmp_path):
    result = simulate(small(days=2), seed=1)
    kept = result.write(tmp_path / "kept")
    before = digests(result.records.folder)
    del result
    gc.collect()
    assert digests(tmp_path / "kept") == before
    assert len(read_records(tmp_path / "kept")) == len(kept.records)
    with pytest.raises(DatasetError, match="folder must be new or empty"):
        kept.write(tmp_path / "kept")
    (tmp_path / "file").write_text("precious")
    with pytest.raises(DatasetError, match="folder must be new or empty"):
        kept.write(tmp_path / "file")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "kept"]


def test_progress_counts_days(small):
    ticks = []
    simulate(small(days=3), progress=ticks.append, workers=2)
    assert ticks == [1, 1, 1]


def test_a_run_without_any_call_is_an_empty_dataset(small, tmp_path):
    quiet = {"calls_per_week": 1e-9}
    scenario = small(days=1, features={"chat": quiet, "batch": quiet})
    result = simulate(scenario, out=tmp_path / "run")
    assert len(result.records) == 0
    assert result.records.to_pandas().empty
    hourly = costsim.spend.hourly(result.records)
    assert hourly["usd"].tolist() == [0.0] * 24
    assert hourly["complete"].all()
    assert costsim.spend.by_feature(result.records).empty


def test_the_manifest_says_where_the_records_come_from(small, tmp_path):
    scenario = small(days=1, time_zone="Europe/Berlin")
    simulate(scenario, seed=5, out=tmp_path / "run")
    manifest = read_records(tmp_path / "run").manifest
    assert (manifest.kind, manifest.scenario, manifest.seed) == ("SIMULATED", "small", 5)
    assert manifest.scenario_hash == scenario.hash
    assert (manifest.price_book, manifest.monthly_budget_usd) == ("list-2024", 1000)
    assert manifest.period == ("2024-02-29T23:00:00+00:00", "2024-03-01T23:00:00+00:00")
    text = (tmp_path / "run" / "manifest.json").read_text()
    assert str(tmp_path) not in text


def test_incident_frames_of_records_without_incidents_are_empty(small):
    records = simulate(small(days=1)).records
    assert incident_frame(records).empty
    with pytest.raises(costsim.errors.DataError, match="no incident"):
        hourly_excess(records)


def test_latencies_are_lognormal_and_of_their_own(small):
    scenario = small(features={"chat": {"first_token_ms": 700, "output_tokens_per_second": 40}})
    recorder = Recorder(Demand(play(scenario, 3), 3))
    [calls] = [c for c in recorder.demand.day(1) if c.feature == "chat"]
    first, pace = recorder.latency(calls)
    assert kstest(first, lognorm(0.4, scale=700e3).cdf).pvalue > 1e-3
    assert kstest(pace, lognorm(0.2, scale=1e9 / 40).cdf).pvalue > 1e-3
    assert abs(np.corrcoef(first, pace)[0, 1]) < 4 / np.sqrt(len(calls))
    half = calls.where(np.arange(len(calls)) % 2 == 0)  # the others' were drawn all the same
    np.testing.assert_array_equal(recorder.latency(half)[0], first[::2])
