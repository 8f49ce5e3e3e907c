"""Token efficiency against sums by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from costsim import spend
from costsim.records import Records


def of(**columns):
    count = len(next(iter(columns.values())))
    base = {
        "call_id": [f"c{n}" for n in range(count)],
        "timestamp": pd.date_range("2024-01-01", periods=count, freq="min", tz="UTC"),
        "status": "ok",
        "source": "t",
    }
    return Records.from_frame(pd.DataFrame(base | columns))


def test_the_two_ratios_by_hand():
    """A long document and a short question: 310/100100 of the sums, 1.55 on average."""
    found = spend.efficiency(of(input_tokens=[100_000, 100], output_tokens=[10, 300])).metrics
    row = found.iloc[0]
    assert row["output_input_ratio"] == pytest.approx(310 / 100_100)
    assert row["mean_output_input_ratio"] == pytest.approx((10 / 100_000 + 300 / 100) / 2)
    assert (row["mean_input_tokens"], row["mean_output_tokens"]) == (50_050, 155)
    assert row["p95_input_tokens"] == pytest.approx(np.quantile([100_000, 100], 0.95))


def test_calls_with_a_side_unknown_are_in_neither_ratio():
    records = of(
        input_tokens=pd.array([100, None, 100, 0], "Int64"),
        output_tokens=pd.array([50, 70, None, 10], "Int64"),
    )
    row = spend.efficiency(records).metrics.iloc[0]
    assert row["output_input_ratio"] == pytest.approx(60 / 100)
    assert row["mean_output_input_ratio"] == pytest.approx(0.5)  # no input, no ratio
    assert row["mean_input_tokens"] == pytest.approx(200 / 3)
    assert row["calls"] == 4


def test_unknown_is_missing_and_never_zero():
    row = spend.efficiency(of(model=["gpt-4o"])).metrics.iloc[0]
    assert row["calls"] == 1
    assert row.drop("calls").isna().all()
    nothing = spend.efficiency(of(model=["gpt-4o"]).between("2025-01-01"))
    assert "no calls" in repr(nothing)


@pytest.mark.parametrize("by", [None, "feature", "tier"])
def test_every_figure_equals_pandas(rows, records, by):
    found = spend.efficiency(records, by=by)
    key = {"feature": "feature_name", "tier": "user_tier"}.get(by)
    groups = rows.groupby(key, dropna=False) if key else [(None, rows)]
    count = 0
    for name, mine in groups:
        row = found.metrics.iloc[0]
        if key:
            at = found.metrics[key].isna() if pd.isna(name) else found.metrics[key] == name
            row = found.metrics[at].iloc[0]
        used_in = mine["input_tokens"].astype("Float64").to_numpy(float, na_value=np.nan)
        used_out = mine["output_tokens"].astype("Float64").to_numpy(float, na_value=np.nan)
        read = mine["cache_read_tokens"].astype("Float64").to_numpy(float, na_value=np.nan)
        both = ~np.isnan(used_in) & ~np.isnan(used_out)
        known = ~np.isnan(read)
        reason = mine["finish_reason"].dropna()
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios = (used_out / used_in)[both & (used_in > 0)]
        wanted = {
            "calls": len(mine),
            "mean_input_tokens": np.nanmean(used_in),
            "p95_input_tokens": np.nanquantile(used_in, 0.95),
            "mean_output_tokens": np.nanmean(used_out),
            "p95_output_tokens": np.nanquantile(used_out, 0.95),
            "output_input_ratio": used_out[both].sum() / used_in[both].sum(),
            "mean_output_input_ratio": ratios.mean(),
            "truncated_share": (reason == "length").mean(),
            "cached_input_share": read[known].sum() / np.nansum(used_in[known]),
            "response_cache_share": mine["cache_hit"].dropna().astype(float).mean(),
        }
        for figure, value in wanted.items():
            assert row[figure] == pytest.approx(value, rel=1e-7), (name, figure)
        count += 1
    assert len(found.metrics) == count
    assert found.metrics["calls"].is_monotonic_decreasing


@pytest.mark.parametrize("by", [None, "feature"])
def test_finish_reasons_have_their_shares_also_the_unknown_one(rows, records, by):
    reasons = spend.efficiency(records, by=by).finish_reasons
    keys = ["feature_name"] if by else []
    wanted = rows.groupby([*keys, "finish_reason"], dropna=False).size()
    assert reasons["calls"].sum() == len(rows)
    assert len(reasons) == len(wanted)
    assert reasons["finish_reason"].isna().any()
    if by:
        sums = reasons.groupby("feature_name", dropna=False)["share"].sum()
        np.testing.assert_allclose(sums, 1)
    else:
        found = reasons.dropna().set_index("finish_reason")["share"]
        for name, count in wanted.items():
            if not pd.isna(name):
                assert found[name] == pytest.approx(count / len(rows))


def test_two_runs_give_the_same_bytes(surprise_run):
    """A parallel sum of floats would not."""
    week = surprise_run.records.between("2024-08-09")
    one, two = (spend.efficiency(week, by="feature").metrics for _ in range(2))
    pd.testing.assert_frame_equal(one, two, check_exact=True)


def test_a_repr_names_the_next_step(records):
    found = spend.efficiency(records)
    assert "over 4,000 calls" in repr(found)
    assert "next: .to_frame(), .finish_reasons" in repr(found)
    assert found.to_frame() is found.metrics
    assert found._repr_html_().count("<table") == 2
