"""Writing: a killed writer leaves the last committed state, and nothing of others is touched."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from costsim.errors import DatasetError
from costsim.records.dataset import read_records
from costsim.records.manifest import Manifest, Source
from costsim.records.schema import to_table
from costsim.records.writer import DatasetWriter
from costsim.simulation import load_scenario, simulate

SIMULATED = Manifest(kind="SIMULATED", scenario="x", seed=1)


def rows(start, count):
    """Calls a minute apart since an hour of 1970."""
    micros = pa.array([(start + n) * 60_000_000 for n in range(count)], pa.timestamp("us", "UTC"))
    ids = [f"c{start + n}" for n in range(count)]
    return to_table({"call_id": ids, "timestamp": micros, "status": "ok", "source": "t"}, count)


def ids(folder):
    return read_records(folder).to_pandas(["call_id"])["call_id"].tolist()


def everything(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def committed(folder, start=0, count=3, manifest=SIMULATED, **settings):
    with DatasetWriter(folder, **settings) as writer:
        writer.commit(manifest, [writer.write(rows(start, count), f"part{start}")])


def fails_halfway(folder):
    with DatasetWriter(folder) as writer:
        writer.write(rows(50, 5), "new")
        raise RuntimeError("halfway")


def test_nothing_is_visible_before_the_commit_and_all_of_it_after(tmp_path):
    folder = tmp_path / "run"
    with DatasetWriter(folder) as writer:
        files = [writer.write(rows(10, 2), "b"), writer.write(rows(0, 3), "a")]
        with pytest.raises(DatasetError, match="no committed records"):
            read_records(folder)
        writer.commit(SIMULATED, files)
        assert ids(folder) == ["c0", "c1", "c2", "c10", "c11"]
    assert ids(folder) == ["c0", "c1", "c2", "c10", "c11"]
    assert len(everything(folder)) == 3


def test_the_manifest_states_rows_times_and_digests_of_its_files(tmp_path):
    import hashlib

    committed(tmp_path / "run", start=60, count=61)
    file = read_records(tmp_path / "run").manifest.files[0]
    data = (tmp_path / "run" / file.path).read_bytes()
    assert file.sha256 == hashlib.sha256(data).hexdigest()
    assert file.rows == 61 == pq.read_metadata(tmp_path / "run" / file.path).num_rows
    assert (file.first, file.last) == ("1970-01-01T01:00:00+00:00", "1970-01-01T02:00:00+00:00")


def test_a_manifest_reads_back_as_written(tmp_path):
    manifest = Manifest(
        kind="REAL",
        time_zone="Asia/Kolkata",
        monthly_budget_usd=12.5,
        period=("2024-01-01T00:00:00+00:00", "2024-01-02T00:00:00+00:00"),
        supplied={"model": "gpt-4o"},
        sources=(Source("a.csv", "csv", "00", 3),),
    )
    committed(tmp_path / "run", manifest=manifest)
    found = read_records(tmp_path / "run").manifest
    assert found.sources == manifest.sources
    assert found.period == manifest.period
    assert found.supplied == manifest.supplied
    assert found.to_json() == (tmp_path / "run" / "manifest.json").read_text()


def test_an_error_in_between_leaves_what_was_committed(tmp_path):
    folder = tmp_path / "run"
    committed(folder)
    before = everything(folder)
    with pytest.raises(RuntimeError, match="halfway"):
        fails_halfway(folder)
    assert everything(folder) == before
    assert ids(folder) == ["c0", "c1", "c2"]


def test_an_error_before_the_first_commit_leaves_no_folder(tmp_path):
    folder = tmp_path / "run"
    with pytest.raises(RuntimeError, match="halfway"):
        fails_halfway(folder)
    assert not folder.exists()
    folder.mkdir()
    with pytest.raises(RuntimeError, match="halfway"):
        fails_halfway(folder)
    assert everything(folder) == []  # the folder was there before


def test_replacing_sweeps_the_old_files_and_appending_keeps_them(tmp_path):
    folder = tmp_path / "run"
    committed(folder)
    committed(folder, start=20)
    assert ids(folder) == ["c20", "c21", "c22"]
    assert len(everything(folder)) == 2
    committed(folder, start=40, append=True)
    assert ids(folder) == ["c20", "c21", "c22", "c40", "c41", "c42"]


_KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {here!r})
from test_writer import rows, SIMULATED
from costsim.records.writer import DatasetWriter
writer = DatasetWriter(Path(sys.argv[1]))
files = [writer.write(rows(n * 10, 10), f"part{{n}}") for n in range(5)]
(writer.folder / "data" / f".staged-{{os.getpid()}}-half").write_bytes(b"half a file")
(writer.folder / f".manifest.json.{{os.getpid()}}").write_text("half a manifest")
print("ready", flush=True)
signal.pause()
"""


def killed_writer(folder):
    """A writer that is killed -9 with five files written, one half, and nothing committed."""
    script = _KILLED.format(here=os.path.dirname(__file__))
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "ready\n"
    with pytest.raises(DatasetError, match="another writer is at work"):
        DatasetWriter(folder)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    process.stdout.close()


def test_kill_9_leaves_the_last_committed_state_and_the_next_writer_sweeps(tmp_path):
    folder = tmp_path / "run"
    committed(folder)
    before = everything(folder)
    manifest = (folder / "manifest.json").read_bytes()
    killed_writer(folder)
    assert len(everything(folder)) > len(before)
    assert ids(folder) == ["c0", "c1", "c2"]
    assert (folder / "manifest.json").read_bytes() == manifest
    with DatasetWriter(folder):
        pass
    assert everything(folder) == before
    assert ids(folder) == ["c0", "c1", "c2"]


def test_kill_9_of_a_first_writer_leaves_no_dataset_and_a_usable_folder(tmp_path):
    folder = tmp_path / "run"
    killed_writer(folder)
    with pytest.raises(DatasetError, match="no committed records"):
        read_records(folder)
    committed(folder, start=7, count=1)
    assert ids(folder) == ["c7"]
    assert len(everything(folder)) == 2


def test_kill_9_at_any_moment_of_a_simulation(tmp_path):
    """The command line's own path: five kills while files are being written."""
    script = (
        "import sys, costsim; scenario = costsim.load_scenario('quiet').first_days(6);"
        "print('go', flush=True); costsim.simulate(scenario, seed=2, out=sys.argv[1])"
    )
    folder = tmp_path / "run"
    scenario = load_scenario("quiet").first_days(1)
    first = simulate(scenario, seed=1, out=folder)
    before = (folder / "manifest.json").read_bytes()
    rows_before = len(first.records)
    for wait in (0.0, 0.1, 0.25):
        process = subprocess.Popen(
            [sys.executable, "-c", script, str(folder)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout.readline() == "go\n"
        deadline = time.monotonic() + 20
        while not list(folder.glob("data/.staged-*")) and process.poll() is None:
            assert time.monotonic() < deadline
        time.sleep(wait)
        process.kill()
        process.wait()
        process.stdout.close()
        now = (folder / "manifest.json").read_bytes()
        if now == before:
            assert len(read_records(folder).to_pandas(["call_id"])) == rows_before
        else:  # it had time to commit: then all of it
            assert json.loads(now)["seed"] == 2
            break
    again = simulate(scenario, seed=1, out=folder)
    assert (folder / "manifest.json").read_bytes() == before
    assert len(again.records) == rows_before
    assert len(everything(folder)) == 2


def test_two_writers_never_work_in_one_folder(tmp_path):
    folder = tmp_path / "run"
    with DatasetWriter(folder) as first:
        with pytest.raises(DatasetError, match="another writer is at work in"):
            DatasetWriter(folder)
        first.commit(SIMULATED, [first.write(rows(0, 1), "a")])
    with DatasetWriter(folder):
        pass
    assert not (folder / ".lock").exists()


def test_a_lock_that_was_let_go_and_removed_is_not_held(tmp_path, monkeypatch):
    """Between opening the lock file and locking it, its owner may remove it."""
    import fcntl

    folder = tmp_path / "run"
    committed(folder)
    whole = fcntl.flock

    def late(handle, how):
        (folder / ".lock").unlink()
        whole(handle, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with pytest.raises(DatasetError, match="another writer"):
        DatasetWriter(folder)
    monkeypatch.undo()
    committed(folder, start=5)
    assert ids(folder) == ["c5", "c6", "c7"]


@pytest.mark.parametrize("name", ["notes.txt", "data/theirs.parquet", "data/sub/x.csv", "src"])
def test_a_folder_of_someone_else_is_refused_and_left_alone(tmp_path, name):
    folder = tmp_path / "project"
    path = folder / name
    path.parent.mkdir(parents=True)
    path.write_text("precious") if "." in name else path.mkdir()
    before = everything(folder)
    with pytest.raises(DatasetError, match="out must be new, empty or a records folder"):
        DatasetWriter(folder)
    assert everything(folder) == before
    assert not (folder / ".lock").exists()


def test_a_file_in_the_way_is_refused(tmp_path):
    (tmp_path / "run").write_text("precious")
    with pytest.raises(DatasetError, match="out must be a folder; got the file"):
        DatasetWriter(tmp_path / "run")
    assert (tmp_path / "run").read_text() == "precious"


def test_real_records_are_never_replaced(tmp_path, small):
    folder = tmp_path / "run"
    committed(folder, manifest=Manifest(kind="REAL"))
    with pytest.raises(DatasetError, match="holds real records"):
        simulate(small(days=1), out=folder)
    assert ids(folder) == ["c0", "c1", "c2"]
    committed(folder, start=5, count=1, manifest=Manifest(kind="REAL"), append=True)
    assert ids(folder) == ["c0", "c1", "c2", "c5"]


def test_a_damaged_manifest_blocks_nobody_afterwards(tmp_path):
    folder = tmp_path / "run"
    committed(folder)
    good = (folder / "manifest.json").read_bytes()
    (folder / "manifest.json").write_text("{")
    for _ in range(2):
        with pytest.raises(DatasetError, match="damaged"):
            DatasetWriter(folder)
    (folder / "manifest.json").write_bytes(good)
    committed(folder, start=9)
    assert ids(folder) == ["c9", "c10", "c11"]
