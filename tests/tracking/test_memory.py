"""The state file: what is written is read again, whole or not at all, by one watch at a time."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costsim.errors import DataError, DatasetError
from costsim.tracking import Memory, Told, remembered
from costsim.tracking.memory import beside

times = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
dollars = st.none() | st.floats(allow_nan=False, allow_infinity=False)
told = st.builds(Told, times, times, dollars, st.none() | st.text(), st.booleans())


@given(st.builds(Memory, st.none() | times, st.lists(told, max_size=4).map(tuple)))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, memory: Memory) -> None:
    file = tmp_path_factory.mktemp("state") / "a.json"
    memory.write(file)
    assert Memory.read(file) == memory
    assert [path.name for path in file.parent.iterdir()] == ["a.json"]


def test_a_killed_write_leaves_the_last_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.json"
    before = Memory(datetime(2024, 8, 1, tzinfo=UTC))
    before.write(file)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match=r"a\.json cannot be written: No space left"):
        Memory(before.since + timedelta(hours=1)).write(file)
    assert Memory.read(file) == before
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"format": "other"}',
     '{"format": "costsim-watch-1", "since": "2024-08-01T00:00", "told": []}',
     '{"format": "costsim-watch-1", "since": null, "told": [{"start": 1}]}'],
)  # fmt: skip
def test_another_file_is_refused_and_left_alone(tmp_path: Path, text: str) -> None:
    file = tmp_path / "a.json"
    file.write_text(text)
    with pytest.raises(DataError, match=r"a\.json is no state of costsim watch"):
        Memory.read(file)
    assert file.read_text() == text


def test_one_watch_at_a_time(tmp_path: Path) -> None:
    file = tmp_path / "new" / "a.json"
    with (
        remembered(file) as memory,
        pytest.raises(DatasetError, match="another costsim watch is at work"),
        remembered(file),
    ):
        pass
    assert memory == Memory()
    with remembered(file):
        Memory().write(file)
    assert json.loads(file.read_text())["told"] == []


def test_the_state_lies_beside_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert beside("runs/mine/") == Path("runs/mine.watch.json")
    monkeypatch.chdir(tmp_path)
    assert beside(".") == tmp_path.resolve().with_name(f"{tmp_path.name}.watch.json")
