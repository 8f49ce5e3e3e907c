"""Totals, shares and cost a call against plain pandas."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from costsim import spend
from costsim.errors import UnknownNameError
from costsim.records import Records
from costsim.spend.bins import KEYS


def by_hand(rows, key):
    """One group at a time, with pandas alone."""
    found = {}
    total = int(rows["total_cost_nano"].sum())
    names = [None, *rows[key].dropna().unique()]
    for name in names:
        mine = rows[rows[key].isna()] if name is None else rows[rows[key] == name]
        if mine.empty:
            continue
        cost = mine["total_cost_nano"].dropna().astype("int64")
        none = cost.empty
        found[name] = {
            "total_nano": int(cost.sum()),
            "total_usd": np.nan if none else int(cost.sum()) / 1e9,
            "share": np.nan if none else int(cost.sum()) / total,
            "calls": len(mine),
            "mean_usd": np.nan if none else int(cost.sum()) / 1e9 / len(cost),
            "p95_usd": np.nan if none else np.quantile(cost.astype(float), 0.95) / 1e9,
            "max_usd": np.nan if none else cost.max() / 1e9,
            "mean_input_tokens": mine["input_tokens"].dropna().astype(float).mean(),
            "mean_output_tokens": mine["output_tokens"].dropna().astype(float).mean(),
            "unpriced_share": mine["total_cost_nano"].isna().mean(),
        }
    return found


@pytest.mark.parametrize("by", KEYS)
def test_every_figure_equals_pandas_and_no_row_is_lost(rows, records, by):
    table = getattr(spend, f"by_{by}")(records)
    wanted = by_hand(rows, KEYS[by])
    assert None in wanted  # calls without a name are a row
    assert len(table) == len(wanted)
    for row in table.to_dict("records"):
        name = None if pd.isna(row[KEYS[by]]) else row[KEYS[by]]
        for figure, value in wanted[name].items():
            assert row[figure] == pytest.approx(value, rel=1e-12, nan_ok=True), (name, figure)
        assert row["total_nano"] == wanted[name]["total_nano"]
    assert table["calls"].sum() == len(rows)
    assert table["share"].sum() == pytest.approx(1)
    assert table["total_nano"].is_monotonic_decreasing


def test_99_of_100_dollars_of_calls_without_a_user_do_not_vanish():
    rows = pd.DataFrame(
        {
            "call_id": ["a", "b"],
            "timestamp": pd.to_datetime(["2024-01-01", "2024-01-01"], utc=True),
            "status": "ok",
            "source": "t",
            "user_id": ["u1", None],
            "total_cost_nano": [10**9, 99 * 10**9],
        }
    )
    table = spend.by_user(Records.from_frame(rows))
    assert table["total_usd"].tolist() == [99.0, 1.0]
    assert table["user_id"].isna().tolist() == [True, False]
    assert table["share"].tolist() == [0.99, 0.01]


def test_an_unpriced_group_costs_unknown_and_never_zero(records):
    row = spend.by_feature(records).set_index("feature_name").loc["search"]
    for figure in ("total_usd", "share", "mean_usd", "p95_usd", "max_usd"):
        assert np.isnan(row[figure])
    assert row["unpriced_share"] == 1
    assert row["calls"] > 0


def test_without_any_price_nothing_has_a_share(rows):
    bare = Records.from_frame(rows.drop(columns="total_cost_nano"))
    table = spend.by_feature(bare)
    assert table["share"].isna().all()
    assert table["total_usd"].isna().all()
    assert table["calls"].sum() == len(rows)


def test_shares_are_of_the_range_asked_for(rows, records):
    day = records.between("2024-10-26", "2024-10-27")
    table = spend.by_model(day)
    inside = rows[rows["timestamp"].dt.date == pd.Timestamp("2024-10-26").date()]
    assert table["calls"].sum() == len(inside)
    assert table["total_nano"].sum() == int(inside["total_cost_nano"].sum())
    assert spend.by_model(records.between("2025-01-01")).empty


def test_two_runs_give_the_same_bytes(surprise_run):
    for by in ("feature", "user"):
        one, two = (spend.breakdown(surprise_run.records, by) for _ in range(2))
        pd.testing.assert_frame_equal(one, two, check_exact=True)


def test_the_caller_s_frame_is_left_alone(rows):
    before = rows.copy(deep=True)
    spend.by_feature(Records.from_frame(rows))
    pd.testing.assert_frame_equal(rows, before)


def test_other_keys_are_refused_by_name(records):
    with pytest.raises(UnknownNameError, match=r"by must be one of 'tier', .* got 'usr'"):
        spend.breakdown(records, "usr")
