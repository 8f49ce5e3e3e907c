"""Watching hour by hour: each incident is told once, when it doubles, and when it is over."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from costsim.detect import Suite
from costsim.errors import DataError, SettingError
from costsim.records import Records
from costsim.show.mask import mask_user
from costsim.tracking import Memory, Watch, watch_records

BURST = datetime(2024, 8, 1, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_an_incident_is_told_once_at_each_doubling_and_at_its_end(made, suite) -> None:
    records, memory = made(hours=5), Memory()
    hours = [-1, 0, 1, 2, 3, 4, 5, 6, 29, 30, 31]
    watches: dict[int, Watch] = {}
    for hour in hours:
        watches[hour] = watch_records(records, suite, memory, as_of=BURST + hour * HOUR)
        memory = watches[hour].memory
    told = [(hour, alert) for hour, watch in watches.items() for alert in watch.alerts]
    # $20 an hour: told at 20, doubled at 40 and at 80 (100 is no double of 80); over 24 quiet
    # hours after its last hour, the fifth
    assert [(hour, alert.kind) for hour, alert in told] == [
        (1, "new"), (2, "grown"), (4, "grown"), (30, "ended"),
    ]  # fmt: skip
    for (_, alert), dollars in zip(told, (20, 40, 80, 100), strict=True):
        assert alert.excess_usd == pytest.approx(dollars, abs=0.35)
        assert alert.start == BURST
    assert [hour for hour in hours if not watches[hour].calm] == [1, 2, 4]
    assert [hour for hour in hours if watches[hour].open] == [1, 2, 3, 4, 5, 6, 29]


def test_the_message_says_start_cause_culprit_dollars_and_where_to_look(made, suite) -> None:
    look = "costsim report incident runs/mine --suite mine.toml"
    options = {"as_of": BURST + 4 * HOUR, "look": look}
    [alert] = watch_records(made(), suite, **options).alerts
    assert alert.title.startswith("chat: $80")
    assert alert.title.endswith("above usual since Thu 10:00")
    text = str(alert)
    for words in ("from Thu 2024-08-01 10:00 (UTC), known Thu 11:00", "cause: more requests",
                  f"who: {mask_user('bob')} $80.00", "alarms: z",
                  f"look: {look} --at 2024-08-01T10:00Z"):  # fmt: skip
        assert words in text, text
    assert "bob" not in text
    assert alert.usd_per_hour == pytest.approx(20, abs=0.1)
    [shown] = watch_records(made(), suite, show_users=True, **options).alerts
    assert "bob $80.00" in shown.culprits


def test_what_is_over_before_the_first_watch_is_told_once(made, suite) -> None:
    first = watch_records(made(), suite, as_of=BURST + 60 * HOUR)
    [alert] = first.alerts
    assert (alert.kind, first.open) == ("new", 0)
    assert "Thu 10:00 to Thu 15:00" in alert.title
    again = watch_records(made(), suite, first.memory, as_of=BURST + 61 * HOUR)
    assert (again.alerts, again.open) == ((), 0)


def test_a_second_incident_is_news(made, suite) -> None:
    """The burst is over, then the calls end: another incident, without dollars."""
    silent = made(until=50)
    first = watch_records(silent, suite, as_of=BURST + 45 * HOUR)
    later = watch_records(silent, suite, first.memory, as_of=BURST + 110 * HOUR)
    [alert] = later.alerts
    assert (alert.kind, alert.cause, alert.excess_usd) == ("new", "silence", None)
    assert alert.detectors == ("feed silence",)
    assert "no call with a price" in alert.title
    assert alert.start >= BURST + 50 * HOUR
    assert watch_records(silent, suite, later.memory, as_of=BURST + 111 * HOUR).alerts == ()


def test_watching_begins_where_it_first_did(made: Callable[..., Records], suite: Suite) -> None:
    records = made()
    first = watch_records(records, suite, as_of=BURST)
    assert first.since == BURST - timedelta(days=7)
    later = watch_records(records, suite, first.memory, as_of=BURST + 12 * HOUR)
    assert later.since == first.since
    given = watch_records(records, suite, first.memory, as_of=BURST + 12 * HOUR, since=BURST + HOUR)
    assert given.since == BURST + HOUR
    assert given.alerts[0].known_at == BURST + 2 * HOUR


def test_alarms_that_late_records_take_away_end_quietly(made, suite) -> None:
    first = watch_records(made(), suite, as_of=BURST + 3 * HOUR)
    calm = watch_records(made(hours=0), suite, first.memory, as_of=BURST + 4 * HOUR)
    assert (calm.alerts, calm.open) == ((), 1)
    assert watch_records(made(hours=0), suite, calm.memory, as_of=BURST + 40 * HOUR).open == 0


def test_bad_times_are_one_clear_line(made, suite) -> None:
    records = made()
    with pytest.raises(SettingError, match="as_of must have a time zone; got 2024-08-01"):
        watch_records(records, suite, as_of=datetime(2024, 8, 1))
    with pytest.raises(SettingError, match="since must lie before 2024-08-01T10"):
        watch_records(records, suite, as_of=BURST, since=BURST + HOUR)
    with pytest.raises(SettingError, match="quiet_hours must be at least 1; got 0"):
        watch_records(records, suite, as_of=BURST, quiet_hours=0)
    with pytest.raises(DataError, match="no record before 2020"):
        watch_records(records, suite, as_of=datetime(2020, 1, 1, tzinfo=UTC))


def test_too_little_history_is_said(made, suite) -> None:
    short = made().between(BURST - timedelta(days=3))
    assert "need about 17 days" in watch_records(short, suite, as_of=BURST + HOUR).notes[0]


def test_a_spike_and_the_silence_after_it_are_two_incidents(made, suite) -> None:
    """The feed dies within the spike's third hour; each is told once, and the spike's end too."""
    records = made(hours=3, until=3)
    now = BURST + timedelta(hours=12)
    found = watch_records(records, suite, as_of=now)
    spike, silence = found.alerts
    assert (spike.feature, spike.cause, silence.feature, silence.cause) == (
        "chat", "volume", None, "silence",
    )  # fmt: skip
    assert spike.excess_usd == pytest.approx(60, rel=0.02)
    assert spike.culprits.endswith("$60.00")
    assert (spike.start, spike.end) == (BURST, BURST + timedelta(hours=3))
    assert silence.start >= spike.end
    assert silence.excess_usd is None
    assert silence.culprits == ""
    assert silence.title.startswith("LLM spend: no call with a price since Thu")
    again = watch_records(records, suite, found.memory, as_of=now)
    assert (again.alerts, again.open) == ((), 2)
    # the spike is over by the next day; the silence goes on, also once that was told
    later = watch_records(records, suite, found.memory, as_of=BURST + timedelta(hours=30))
    assert [(alert.kind, alert.cause) for alert in later.alerts] == [("ended", "volume")]
    assert later.open == 1
    last = watch_records(records, suite, later.memory, as_of=BURST + timedelta(hours=31))
    assert (last.alerts, last.open) == ((), 1)


def test_how_old_the_last_record_is_is_said(made, suite) -> None:
    records = made()
    end = records.period[1]
    dead = watch_records(records, suite, as_of=end + timedelta(days=800, hours=3))
    assert dead.calm
    assert dead.notes[0].startswith("The last record is 800 days old, of ")
    quick = watch_records(records, suite, as_of=end + timedelta(hours=3))
    assert not [note for note in quick.notes if "days old" in note]
