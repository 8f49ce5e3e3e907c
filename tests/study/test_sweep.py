"""Sweeps: the same frames wherever they run, common random numbers, one line for bad input."""

from __future__ import annotations

import os
import pickle

import joblib
import numpy as np
import pandas as pd
import pytest

from costsim.errors import DataError, SettingError, UnknownNameError
from costsim.limits import parse_limits
from costsim.simulation import simulate
from costsim.study import spend_totals, sweep

FLAT = {"name": "flat", "user": {"hour_usd": 0.05, "day_usd": 0.2}}
GIVES_UP = {"features": {"chat": {"reaction": "gives_up", "calls_per_week": 70_000},
                         "batch": {"reaction": "gives_up"}}}  # fmt: skip
BUSIER = {"features": {"batch": {"calls_per_week": 20_000}}}
SEEDS = range(4)


@pytest.fixture(scope="module")
def product(small):
    return small(days=2, **GIVES_UP)


@pytest.fixture(scope="module")
def variants():
    return {"open": {}, "flat": parse_limits(FLAT), "busier": BUSIER}


@pytest.fixture(scope="module")
def found(product, variants):
    with joblib.parallel_config(backend="sequential"):
        return sweep(product, variants, seeds=SEEDS)


@pytest.mark.parametrize(
    "config", [{"n_jobs": 2}, {"backend": "threading", "n_jobs": 3}, {"backend": "loky"}],
    ids=["two processes", "threads", "all cores"],
)  # fmt: skip
def test_where_it_runs_changes_no_number(product, variants, found, config, monkeypatch):
    monkeypatch.delenv("LOKY_MAX_CPU_COUNT", raising=False)  # of conftest.py
    with joblib.parallel_config(**config):
        other = sweep(product, variants, seeds=SEEDS)
    pd.testing.assert_frame_equal(other.to_frame(), found.to_frame(), check_exact=True)


def test_a_dask_cluster_gives_the_same_frame(product, variants, found, tmp_path):
    distributed = pytest.importorskip(
        "distributed", reason="dask is not installed: pip install 'costsim[dask]'"
    )
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True}
    with (
        distributed.LocalCluster(**options, dashboard_address=None) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config(backend="dask"),
    ):
        other = sweep(product, variants, seeds=SEEDS, out=tmp_path / "runs")
        where = sweep(product, {"a": {}}, seeds=[1], summarise=lambda _: {"process": os.getpid()})
    assert where.runs["process"].iloc[0] != os.getpid()
    pd.testing.assert_frame_equal(other.to_frame(), found.to_frame(), check_exact=True)
    assert len(list((tmp_path / "runs").glob("*/seed-*/manifest.json"))) == 12


def test_the_rows_are_what_single_simulations_give(product, found):
    policy = parse_limits(FLAT)
    for name, limits in (("open", None), ("flat", policy)):
        row = found.runs.set_index(["variant", "seed"]).loc[(name, 2)]
        rows = simulate(product, seed=2, limits=limits).records.to_pandas()
        denied = rows["status"] == "denied"
        users = rows.groupby("user_id")["total_cost_usd"].sum()
        assert row["attempts"] == len(rows)
        assert row["calls"] == (rows["attempt"] == 1).sum()
        assert row["denied"] == denied.sum()
        assert row["total_usd"] == pytest.approx(rows["total_cost_usd"].sum(), abs=1e-6)
        assert row["week_usd"] == row["total_usd"]  # the run is shorter than a week
        assert (row["worst_user"], row["users"]) == (users.idxmax(), len(users))
        assert row["worst_user_usd"] == pytest.approx(users.max())
        blocked = rows.loc[denied, "user_id"].nunique()
        assert row["blocked_users_share"] == pytest.approx(blocked / len(users))
        chat = rows.loc[rows["feature_name"] == "chat", "total_cost_usd"].sum()
        assert row["feature_chat_usd"] == pytest.approx(chat)
        assert row["tier_free_usd"] == row["total_usd"]


def test_the_week_is_the_scenario_s(surprise):
    scenario = surprise.first_days(30)
    week = scenario.model_copy(update={"week": surprise.focus.model_copy(
        update={"start": surprise.calendar.date_of(1), "days": 2})})  # fmt: skip
    result = simulate(week.first_days(4).model_copy(update={"week": week.week}), seed=1)
    part = result.records.between("2024-07-13", "2024-07-15").to_pandas(["total_cost_nano"])
    assert spend_totals(result)["week_usd"] == part["total_cost_nano"].sum() / 1e9


def test_variants_of_a_seed_share_their_calls(found):
    runs = found.runs.pivot(index="seed", columns="variant")
    assert (runs["calls", "flat"] == runs["calls", "open"]).all()
    assert (runs["feature_chat_usd", "busier"] == runs["feature_chat_usd", "open"]).all()
    assert (runs["feature_batch_usd", "busier"] > runs["feature_batch_usd", "open"]).all()


def test_paired_differences_say_what_pairing_saves(found):
    row = found.summary("total_usd").set_index("variant").loc["busier"]
    runs = found.runs.pivot(index="seed", columns="variant", values="total_usd")
    difference = runs["busier"] - runs["open"]
    assert row["difference"] == pytest.approx(difference.mean())
    assert row["difference_se"] == pytest.approx(difference.std() / 2)
    reduction = (runs["busier"].var() + runs["open"].var()) / difference.var()
    assert row["variance_reduction"] == pytest.approx(reduction)
    assert row["variance_reduction"] > 10
    assert row["difference_low"] < row["difference"] < row["difference_high"]
    first = found.summary("total_usd").set_index("variant").loc["open"]
    assert np.isnan(first["difference"])
    assert first["mean"] == pytest.approx(runs["open"].mean())
    assert set(found.summary()["measure"]) == set(found.measures)


def test_intervals_hold_what_they_claim():
    """95% intervals of mean and median over 2,000 samples of 20 lognormals: at least 93%, 95%."""
    from costsim.study.pairs import quantile_interval, summarise_pairs

    rng = np.random.default_rng(5)
    seeds = np.arange(20)
    samples = rng.standard_normal((2000, 20))
    held = [quantile_interval(np.sort(sample), 0.5, 0.95) for sample in samples]
    assert np.mean([low <= 0 <= high for low, high in held]) > 0.95
    means = []
    for sample in samples[:300]:
        frame = pd.DataFrame({"variant": "a", "seed": seeds, "x": sample})
        row = summarise_pairs(frame, ["x"]).iloc[0]
        means.append(row["mean_low"] <= 0 <= row["mean_high"])
    assert np.mean(means) > 0.95 - 4 * np.sqrt(0.05 * 0.95 / 300)
    assert np.isnan(quantile_interval(np.arange(20.0), 0.95, 0.95)[1])


def test_records_are_kept_where_asked_and_nowhere_else(product, tmp_path):
    kept = sweep(product, {"as it is": {}}, seeds=[3], out=tmp_path / "runs")
    whole = simulate(product, seed=3)
    assert kept.records("as it is", 3).manifest.files == whole.records.manifest.files
    with pytest.raises(UnknownNameError, match="variant must be one of 'as it is'"):
        kept.records("is", 3)
    with pytest.raises(OSError, match="kept no records"):
        sweep(product, {"a": {}}, seeds=[3]).records("a", 3)


def test_a_summary_of_one_s_own(product):
    ticks = []
    mine = sweep(
        product,
        {"a": {}, "b": {"limits": None}},
        seeds=[1, 2],
        summarise=lambda result: {"rows": len(result.records), "name": result.scenario.name},
        progress=ticks.append,
    )
    assert mine.measures == ["rows"]
    assert ticks == [1, 1, 1, 1]
    assert mine.runs["name"].tolist() == ["small"] * 4
    assert (mine.summary()["difference"].dropna() == 0).all()
    for wrong, words in (
        (lambda result: 5, "must give a dict of numbers and texts"),
        (lambda result: {"seed": 1}, "must name its numbers, not variant or seed"),
        (lambda result: {"x": [1]}, "must give numbers and texts; x is <class 'list'>"),
    ):
        with pytest.raises(DataError, match=words):
            sweep(product, {"a": {}}, seeds=[1], summarise=wrong)


def test_changes_are_merged_as_a_file_s_would_be(product):
    def model(result):
        chat = result.scenario.features["chat"]
        return {"model": chat.model, "calls": chat.calls_per_week, "name": result.scenario.hash}

    other = product.model_copy(update={"days": 1})
    runs = sweep(
        product,
        {"same": {}, "model": {"features": {"chat": {"model": "gpt-3.5-turbo"}}}, "other": other},
        seeds=[1],
        summarise=model,
    ).runs.set_index("variant")
    assert runs["model"].tolist() == ["gpt-4o", "gpt-3.5-turbo", "gpt-4o"]
    assert set(runs["calls"]) == {70_000}
    assert runs["name"].tolist()[::2] == [product.hash, other.hash]
    assert runs["name"].nunique() == 3


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"variants": {}}, "variants must be a mapping of names to changes"),
        ({"variants": {"a": {"fetures": 1}}}, "variant 'a': fetures is not a key of the scenario"),
        ({"variants": {"a": {"features": {"chat": {"modell": "x"}}}}}, "features.chat.modell is"),
        ({"variants": {"a": {"limits": "flat-cap"}}}, "variant 'a': limits must be one of"),
        ({"variants": {"a": 5}}, "variant 'a' must be a dict of changes, a scenario or limits"),
        ({"variants": {"../a": {}}}, "must be able to name a folder"),
        ({"variants": {"": {}}}, "must be visible text"),
        ({"seeds": []}, "seeds must not be empty"),
        ({"seeds": [1, 2, 1]}, "seeds must all be different; 1 is there twice"),
        ({"seeds": 20}, r"seeds must be integers in a list or range, such as range\(20\); got 20"),
        ({"seeds": [0.5]}, "seeds must be integers"),
        ({"seeds": [-1]}, r"seeds must be from 0 to 2\*\*63 - 1; got -1"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_bad_input_is_one_clear_line(product, tmp_path, change, words):
    wanted = {"variants": {"a": {}}, "seeds": [1]} | change
    with pytest.raises(SettingError, match=words) as error:
        sweep(product, out=tmp_path / "runs", **wanted)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "runs").exists()


def test_out_is_no_records_folder(product, tmp_path):
    simulate(product.first_days(1), out=tmp_path / "one")
    with pytest.raises(SettingError, match="out must be a folder for many runs"):
        sweep(product, {"a": {}}, seeds=[1], out=tmp_path / "one")


def test_an_error_of_a_run_comes_back_as_it_is(product):
    """Also from a process of its own, whose exceptions are pickled."""
    with joblib.parallel_config(n_jobs=2), pytest.raises(UnknownNameError, match="mean 'quiet'"):
        sweep(product, {"a": {}}, seeds=[1, 2], summarise=_misspelt)
    error = UnknownNameError("scenario", "quite", ["quiet"])
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def _misspelt(result):
    raise UnknownNameError("scenario", "quite", ["quiet"])


def test_workers_use_one_thread_and_give_the_others_back(product):
    import pyarrow as pa

    before = pa.cpu_count(), pa.io_thread_count()
    with joblib.parallel_config(backend="sequential"):
        inside = sweep(product, {"a": {}}, seeds=[1], summarise=_threads).runs.iloc[0]
    assert (inside["arrow"], inside["io"], inside["queries"]) == (1, 1, 1)
    assert (pa.cpu_count(), pa.io_thread_count()) == before


def _threads(result):
    import pyarrow as pa

    from costsim.records.dataset import _connection

    (queries,) = _connection().execute("SELECT current_setting('threads')").fetchall()
    return {"arrow": pa.cpu_count(), "io": pa.io_thread_count(), "queries": queries[0]}


def test_a_sweep_shows_itself(found):
    assert repr(found).startswith("Sweep(small, 3 variants, 4 seeds: mean total_usd ")
    assert repr(found).endswith("next: .summary(), .to_frame()")
    page = found._repr_html_()
    assert "difference from open" in page
    assert len(found) == 12
    from costsim.show.figures import alt_text

    words = alt_text(found.plot())
    assert "open: mean $" in words
    assert "SIMULATED small, 4 seeds, 0 to 3" in words
    with pytest.raises(UnknownNameError, match="measure must be one of"):
        found.summary("usd")
    with pytest.raises(SettingError, match="level must be above 0 and below 1"):
        found.summary(level=95)
