"""The hours that detectors saw: who spoke first stands on top, with the dollars of that moment."""

from __future__ import annotations

import pandas as pd
import pytest

from costsim.errors import DataError
from costsim.show import figures

HOURS = pd.date_range("2024-08-12 04:00", periods=6, freq="h", tz="UTC")
FRAME = pd.DataFrame(
    {
        "time": HOURS,
        "burned_usd": [0.0, 0.0, 5.0, 30.0, 90.0, 200.0],
        "slow": [0.0, 0.1, 0.3, 0.6, 1.2, 2.0],
        "jumpy": [1.5, 0.2, 0.2, 1.1, 0.3, 0.1],
        "deaf": [0.0, 0.0, 0.9, 1.0, 0.4, 0.0],
    }
)


def test_the_first_alarm_since_the_onset_is_named_at_the_end_of_its_hour():
    ax = figures.watched(FRAME, onset=HOURS[2], time_zone="America/New_York")
    assert [label.get_text() for label in ax.get_yticklabels()] == ["jumpy", "slow", "deaf"]
    said = figures.alt_text(ax)
    assert "jumpy: Mon 04:00, $30; slow: Mon 05:00, $90; deaf: no alarm." in said
    early = figures.alt_text(figures.watched(FRAME, time_zone="America/New_York"))
    assert "jumpy: Mon 01:00, $0" in early


def test_colours_change_at_shares_of_the_threshold():
    ax = figures.watched(FRAME)
    norm = ax.collections[0].norm
    assert [int(norm(share)) for share in (0, 0.3, 0.6, 0.9, 1.1)] == [0, 1, 2, 3, 4]
    rows = [mesh.get_array().ravel().tolist() for mesh in ax.collections]
    assert rows == [FRAME[name].tolist() for name in ("jumpy", "slow", "deaf")]


def test_on_a_phone_the_words_stand_above_the_row():
    with figures.page_width(3.5):
        ax = figures.watched(FRAME)
    assert [text.get_text() for text in ax.texts][1].startswith("slow: Mon 09:00")


def test_gaps_in_time_are_refused():
    with pytest.raises(DataError, match="evenly spaced"):
        figures.watched(FRAME.drop(index=3))
