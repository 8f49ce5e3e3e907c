"""Fits of public traces: what they must match, and the misses that are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from costsim.records import read_records
from costsim.records.importing import import_records
from costsim.simulation.fit import compare_fit, fit_scenario
from costsim.simulation.fitting.traces import SERVEGEN, TRACES, read_servegen, read_trace

DATA = Path(__file__).parents[3] / "shared" / "data"
PAGE = Path(__file__).parents[2] / "docs" / "fit.md"
real = pytest.mark.skipif(not DATA.is_dir(), reason=f"the real traces are not in {DATA}")

# p50 p90 p95 p99 of input and output tokens, as published.
PUBLISHED = {
    "azure code": ((1469, 5187, 7303, 7436), (13, 55, 90, 251)),
    "azure conversation": ((1020, 2734, 4083, 4142), (129, 424, 451, 601)),
    "mooncake conversation": ((6909, 27367, 39550, 85400), (350, 597, 698, 1118)),
}
# The rate within an hour drifts; a scenario's does not.
DRIFT = ("variation of minutes", "dispersion of 30 s within 30 min")


@real
@pytest.mark.parametrize("name", TRACES)
def test_an_hour_of_calls_is_matched_but_for_the_drift_within_it(name):
    records = read_trace(name, DATA)
    fit = fit_scenario(records, name="trace")
    table = compare_fit(records, fit.scenario)
    missed = table.loc[~table["ok"], "measure"]
    assert missed.str.startswith(DRIFT).all(), table[~table["ok"]]
    for side, wanted in zip(("input", "output"), PUBLISHED[name], strict=True):
        rows = table[table["measure"].str.startswith(f"{side} tokens p")]
        assert rows["source"].to_numpy() == pytest.approx(wanted, rel=0.01, abs=1)
    assert {"population.users", "noise.hour_sigma", "profiles.usual.hours"} <= set(fit.assumed)


@real
def test_the_bursts_of_azure_code_are_there_and_those_of_conversation_are_not():
    code, talk = (
        fit_scenario(read_trace(f"azure {name}", DATA)).scenario.features[name]
        for name in ("code", "conversation")
    )
    assert code.sessions.mean_calls > 20
    assert talk.sessions.mean_calls < 3


@real
@pytest.mark.parametrize("trace", ["azure code", "mooncake conversation"])
def test_an_imported_trace_gives_the_same_fit(trace, tmp_path):
    path = DATA / TRACES[trace]
    feature = trace.split()[1]
    if trace.startswith("azure"):
        import_records("azure", path, tmp_path / "runs", feature=feature)
    else:
        lines = pd.read_json(path, lines=True)
        origin = pd.Timestamp("2024-01-01", tz="UTC")
        lines["when"] = (origin + pd.to_timedelta(lines["timestamp"], "ms")).astype(str)
        lines[["when", "input_length", "output_length"]].to_csv(tmp_path / "m.csv", index=False)
        columns = "timestamp=when,input_tokens=input_length,output_tokens=output_length"
        import_records("generic", tmp_path / "m.csv", tmp_path / "runs", map=columns,
                       feature=feature)  # fmt: skip
    imported = fit_scenario(read_records(tmp_path / "runs")).scenario.features[feature]
    direct = fit_scenario(read_trace(trace, DATA)).scenario.features[feature]
    assert imported.calls_per_week == pytest.approx(direct.calls_per_week, rel=1e-3)
    for side in ("input_tokens", "output_tokens"):
        one, two = getattr(imported, side), getattr(direct, side)
        assert one.expected == pytest.approx(two.expected, rel=0.01)


@real
@pytest.mark.parametrize("model", SERVEGEN)
def test_servegen_keeps_its_volume_variation_and_large_clients(model):
    records = read_servegen(model, DATA)
    fit = fit_scenario(records, level="api", name=model)
    table = compare_fit(records, fit.scenario).set_index("measure")
    for measure in ("calls a day", "variation of hours (CV)", "autocorrelation at 24 h",
                    "share of 10 most active"):  # fmt: skip
        assert table.loc[measure, "ok"], table.loc[measure]
    missed = table.index[~table["ok"]]
    known = ("dispersion of 300 s", "input tokens", "output tokens")
    assert "autocorrelation at 168 h" in table.index
    if model == "m-large":
        known += ("autocorrelation at 168 h",)
    assert missed.str.startswith(known).all(), missed
    assert "noise.hour_sigma" not in fit.assumed
    assert fit.scenario.noise.hour_phi > 0.2


@real
@pytest.mark.parametrize("model", SERVEGEN)
def test_thinned_servegen_has_the_hourly_totals_and_shares_of_the_trace(model):
    frame = read_servegen(model, DATA, calls=100_000).to_pandas(["timestamp", "user_id"])
    hourly = pd.read_csv(DATA / "servegen" / "hourly_requests_by_model.csv")[model].dropna()
    at = (frame["timestamp"] - pd.Timestamp("2024-01-01", tz="UTC")).dt.total_seconds() // 3600
    drawn = np.bincount(at.astype(int), minlength=len(hourly))
    assert np.corrcoef(drawn, hourly)[0, 1] > 0.97
    assert drawn.std() / drawn.mean() == pytest.approx(hourly.std() / hourly.mean(), rel=0.05)
    rates = pd.read_csv(DATA / "servegen" / "client_rates_10min_nonzero.csv.gz")
    clients = rates[rates["model"] == model].groupby("client")["rate"].sum()
    top = clients.nlargest(10).sum() / clients.sum()
    found = frame["user_id"].value_counts(normalize=True).nlargest(10).sum()
    assert found == pytest.approx(top, abs=0.01)


def test_the_committed_page_has_all_traces_and_no_place_of_this_machine():
    text = PAGE.read_text(encoding="utf-8")
    for name in (*TRACES, *(f"servegen {model}" for model in SERVEGEN)):
        assert f"## {name[0].upper()}{name[1:]}\n" in text
    assert "| measure | source | simulated |" in text
    for place in ("/work", "/home", "/tmp", "http"):
        assert place not in text
