"""Rises of users by hand: each user's own days, and nobody else's."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from costsim import spend
from costsim.detect import LiteLLMRule, scan
from costsim.records.dataset import Records
from costsim.spend.user_rise import RISE_DAYS, RISE_USD, user_rise

ZONE = "America/New_York"


def by_hand(usd, day):
    """Bin by bin and user by user."""
    found = []
    for at, today in enumerate(day):
        rises = [0.0]
        for user in range(usd.shape[1]):
            spent = sum(usd[b, user] for b in range(at + 1) if day[b] == today)
            earlier = range(max(day[0], today - RISE_DAYS), today)
            days = [sum(usd[b, user] for b in range(at) if day[b] == one) for one in earlier]
            if not days:
                rises.append(np.nan)
            elif usd[at, user] > 0 and spent >= RISE_USD:
                rises.append(spent / max(sum(days) / len(days), 0.01))
        found.append(np.max(rises))
    return found


@pytest.mark.parametrize("seed", range(6))
def test_rises_are_those_of_plain_loops(seed):
    rng = np.random.default_rng(seed)
    day = np.sort(rng.integers(3, 14, 60))  # days with few bins, and days without any
    usd = rng.lognormal(1.0, 1.5, (60, 3)) * (rng.random((60, 3)) < 0.6)
    rise, who = user_rise(usd, day)
    np.testing.assert_allclose(rise, by_hand(usd, day))
    assert np.isnan(rise).sum() == (day == day[0]).sum()
    assert (usd[np.arange(60), who][rise > 0] > 0).all()


def frame(dollars):
    """A call an hour for eleven days, by user."""
    hours = pd.date_range("2024-06-03", periods=11 * 24, freq="h", tz=ZONE).tz_convert("UTC")
    rows = pd.concat(
        pd.DataFrame(
            {"timestamp": hours, "user_id": name, "total_cost_nano": np.rint(nano).astype(np.int64)}
        )
        for name, nano in dollars.items()
    )
    rows = rows.sort_values("timestamp", ignore_index=True)
    return rows.assign(
        call_id=[f"c{n}" for n in range(len(rows))], status="ok", source="test", model="gpt-4o"
    )


def test_a_small_user_who_rises_is_heard_beside_dear_ones_and_named():
    """$3 a day, and on the tenth day $30: a user whom the dearest of each hour hides."""
    small = np.full(11 * 24, 3e9 / 24)
    small[9 * 24 : 10 * 24] = 30e9 / 24
    frames = frame({"dear": np.full(11 * 24, 50e9 / 24), "small": small})
    records = Records.from_frame(frames, time_zone=ZONE)
    heard = spend.channels(records)
    local = heard.total.index.tz_convert(ZONE)
    assert heard.user_rise[local < "2024-06-04"].isna().all()
    risen = heard.user_rise[local.normalize() == pd.Timestamp("2024-06-12", tz=ZONE)]
    assert risen.max() == pytest.approx(10.0)
    alarms = scan(records, [LiteLLMRule(), LiteLLMRule(channel="top_user", name="dearest")]).alarms
    assert set(alarms["detector"]) == {"LiteLLM rule"}
    first = alarms.iloc[0]
    # $10 and more than $9 come with the eighth hour of the tenth day
    assert first["time"] == pd.Timestamp("2024-06-12 07:00", tz=ZONE)
    assert first["top_user"] == "small"
    assert first["statistic"] == pytest.approx(10 / 3)
    assert np.isnan(first["value_usd"])  # a ratio is no dollars


def test_nobody_rises_where_no_day_counts():
    records = Records.from_frame(frame({"one": np.full(11 * 24, 9e9 / 24)}), time_zone=ZONE)
    heard = spend.channels(records)
    assert (heard.user_rise.dropna() == 0).all()
    assert heard.who["user_rise"].isna().all()
