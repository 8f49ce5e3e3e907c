"""How spend spreads over calls and over users, against plain pandas."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from costsim.errors import DataError
from costsim.records import Records
from costsim.spend import concentration, cost_per_call


def test_quantiles_of_a_call_by_feature(rows, records):
    table = cost_per_call(records)
    priced = rows.dropna(subset=["total_cost_nano", "feature_name"])
    wanted = priced.groupby("feature_name")["total_cost_nano"]
    assert sorted(table["feature_name"]) == sorted(wanted.groups)  # no call of search has a price
    for row in table.itertuples():
        usd = wanted.get_group(row.feature_name).astype(float) / 1e9
        levels = np.quantile(usd, [0.05, 0.5, 0.95, 1])
        assert (row.usd_low, row.usd_p50, row.usd_p95, row.usd_max) == pytest.approx(levels)
    assert table["usd_p50"].is_monotonic_decreasing


def test_the_heaviest_users_share(rows, records):
    curve = concentration(records)
    users = rows.dropna(subset=["user_id"]).groupby("user_id")["total_cost_nano"].sum()
    assert len(curve) == len(users) + 1
    assert curve.iloc[0].tolist() == [0, 0]
    assert curve.iloc[-1].tolist() == [1, 1]
    top = users.sort_values(ascending=False).iloc[:3].sum() / users.sum()
    assert curve["cost_share"].iloc[3] == pytest.approx(float(top))
    assert (np.diff(curve["cost_share"], 2) <= 1e-12).all()  # dearest first, so it bends down


def test_a_zipf_population_is_as_unequal_as_its_exponent_says(small):
    """Equal calls and one size: dollars follow the weights."""
    from costsim.simulation import simulate

    still = {"median": 1000, "log_sd": 0, "between_users_log_sd": 0}
    feature = {"calls_per_week": 700_000, "input_tokens": still, "output_tokens": still}
    scenario = small(days=1, features={"batch": feature | {"sessions": {}}, "chat": None})
    curve = concentration(simulate(scenario, seed=1).records)
    weights = np.arange(1, 51) ** -0.8
    wanted = np.cumsum(weights) / weights.sum()
    np.testing.assert_allclose(curve["cost_share"][1:], wanted, atol=0.01)


def test_without_users_or_prices_there_is_no_concentration(rows):
    bare = Records.from_frame(rows.drop(columns="user_id"))
    with pytest.raises(DataError, match="no priced call has a user id"):
        concentration(bare)
    unpriced = Records.from_frame(rows.assign(total_cost_nano=pd.NA))
    with pytest.raises(DataError, match="no priced call has a user id"):
        concentration(unpriced)
