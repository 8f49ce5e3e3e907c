"""Those on duty hear what the records will say: every channel, at any bin, beside any plan."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pandas as pd
import pytest

from costsim.detect import FixedThreshold, NewUser, Suite
from costsim.detect.series_detector import CHANNELS
from costsim.simulation import parse_scenario, simulate
from costsim.simulation.demand import Demand
from costsim.simulation.duty_channels import HeardBins
from costsim.simulation.loop_tables import tables_of
from costsim.simulation.recording import Recorder
from costsim.simulation.world import play
from costsim.spend.planned import Planned
from costsim.spend.series import channels
from tests.simulation.played import attempts_by_day

PLAN = Planned(datetime(2024, 3, 8), datetime(2024, 3, 9, 12), 1.6, ("chat",))
TIERS = [{"name": "free", "share": 0.7}, {"name": "pro", "share": 0.3}]


@pytest.fixture(scope="module")
def product(small):
    """Eleven days over a change of clocks; many users call late for the first time."""
    return small(
        days=11,
        time_zone="America/New_York",
        population={"users": 900, "tiers": TIERS},
        features={"chat": {"calls_per_week": 4000}, "batch": {"calls_per_week": 900}},
    )


@pytest.fixture(scope="module")
def records(product):
    return simulate(product, seed=4).records


@pytest.mark.parametrize("planned", [(), (PLAN,)], ids=["plain", "planned"])
@pytest.mark.parametrize("minutes", [60, 15])
def test_they_hear_what_the_records_will_say(
    product, records, minutes, planned, monkeypatch
) -> None:
    for module in ("series", "user_rise"):
        monkeypatch.setattr(f"costsim.spend.{module}.RISE_USD", 0.05)
    recorder = Recorder(Demand(play(product, 4), 4))
    heard = HeardBins(tables_of(recorder), minutes, planned)
    for day in attempts_by_day(product, 4):
        heard.take(day)
    found, said = heard.channels(), channels(records, minutes, planned)
    assert set(found) == set(CHANNELS)
    for name in CHANNELS:
        series = said.each(name)
        values = found[name] if found[name].ndim == 2 else found[name][:, None]
        order = {"tier": ["free", "pro"], "feature": ["chat", "batch"]}.get(name, list(series))
        order = ["chat", "batch"] if name == "unit_cost" else order
        expected = np.column_stack([series[key].to_numpy() for key in order])
        np.testing.assert_allclose(values, expected, rtol=1e-9, atol=1e-12, err_msg=name)
    assert np.nanmax(found["new_user"]) > 0
    assert np.nanmax(found["user_rise"]) > 1


def test_users_of_no_tier_make_no_series(small) -> None:
    product = small(days=1, population={"tiers": []})
    heard = HeardBins(tables_of(Recorder(Demand(play(product, 4), 4))))
    for day in attempts_by_day(product, 4):
        heard.take(day)
    assert np.isnan(heard.channels()["tier"]).all()
    assert heard.channels()["total"].sum() > 0


def test_a_suite_of_15_minutes_calls_at_its_quarter_and_one_of_hours_at_its_hour(
    product, records, tmp_path
) -> None:
    """As the same suite finds it in the records."""
    begin = pd.Timestamp("2024-03-09", tz="America/New_York")
    most = float(channels(records).total.max())  # of an hour: the rate that rules are held against
    tier = FixedThreshold(0.6 * most, channel="tier")
    for suite in (
        Suite("quarter", (FixedThreshold(0.8 * most, channel="total"),), bin_minutes=15),
        Suite("tiers", (tier,), bin_minutes=15),
        Suite("new", (NewUser(0.1 * most),), bin_minutes=30),
        Suite("beside", (FixedThreshold(0.9 * most, channel="total"),), planned=(PLAN,)),
    ):
        file = suite.write(tmp_path / f"{suite.name}.toml")
        people = {"suite": str(file), "ingestion_lag_minutes": 0, "reaction_minutes": 25,
                  "action": "kill", "feature": "chat", "starts": "2024-03-09"}  # fmt: skip
        data = product.model_dump(mode="json", exclude_none=True) | {"operations": people}
        result = simulate(parse_scenario(data), seed=4)
        width = pd.Timedelta(minutes=suite.bin_minutes)
        first = suite.scan(records, start=begin - width).first().dropna(subset=["known_at"])
        told = result.timeline.set_index("kind")["time"]
        at = first["known_at"].min()
        names = first.loc[first["known_at"] == at, "detector"]
        assert told[f"alarm of {names.min()}"] == at, suite.name
        assert told["kill"] == at + pd.Timedelta(minutes=25)
