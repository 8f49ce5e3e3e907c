"""Ctrl-C and kill -9: whole days are kept and read, or nothing is there; one line says which."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import costsim

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
COSTSIM = [sys.executable, "-m", "costsim"]


def costsim_(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COSTSIM, *arguments], capture_output=True, text=True, check=False)


def started(command: list[str], **options: Any) -> subprocess.Popen[bytes]:
    """A process that Ctrl-C reaches, also where the tests run in the background of a shell."""
    heard = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    pipes = {"stderr": subprocess.PIPE, "stdout": subprocess.PIPE}
    return subprocess.Popen(command, preexec_fn=heard, **pipes, **options)


def stopped_after(days: int, out: Path, how: signal.Signals, *arguments: str) -> tuple[int, str]:
    """Exit code and stderr of a simulation that gets a signal once so many days are written."""
    command = [*COSTSIM, "simulate", *arguments, "--out", str(out)]
    with started(command) as process:
        deadline = time.monotonic() + 60
        while len(list(out.glob("data/*.parquet"))) < days:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        os.kill(process.pid, how)
        _, err = process.communicate(timeout=60)
    return process.returncode, err.decode()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_ctrl_c_keeps_the_whole_days_and_says_so(tmp_path, workers, surprise_run):
    out = tmp_path / "run"
    words = ("surprise-40k", "--seed", "7", "--workers", workers)
    code, err = stopped_after(5, out, signal.SIGINT, *words)
    assert code == 130
    (line,) = err.splitlines()
    kept = costsim.read_records(out).manifest.files
    assert 1 <= len(kept) < 30  # it did stop, and not at the end
    whole = f"{len(kept)} of 35 days are" if len(kept) > 1 else "day is"
    assert line == f"costsim: stopped; the first {whole} kept in {out}"
    assert kept == surprise_run.records.manifest.files[: len(kept)]
    said = costsim_("spend", str(out), "--json")
    assert said.returncode == 0
    assert f'"calls": {sum(file.rows for file in kept)},' in said.stdout
    names = {path.name for path in out.rglob("*") if path.is_file()}
    assert names == {"manifest.json", *(Path(file.path).name for file in kept)}
    period = costsim.read_records(out).period
    assert (period[1] - period[0]).days == len(kept)


def test_ctrl_c_under_limits_keeps_the_whole_days(tmp_path):
    """There the days come one after the other."""
    out = tmp_path / "run"
    code, err = stopped_after(3, out, signal.SIGINT, "retry-storm", "--seed", "7")
    assert code == 130
    days = len(costsim.read_records(out).manifest.files)
    assert 3 <= days < 35
    assert err == f"costsim: stopped; the first {days} of 35 days are kept in {out}\n"
    assert costsim_("spend", str(out)).returncode == 0


def test_ctrl_c_leaves_an_older_run_as_it_was(tmp_path):
    out = tmp_path / "run"
    assert costsim_("simulate", "quiet", "--days", "1", "--out", str(out)).returncode == 0
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    code, err = stopped_after(4, out, signal.SIGINT, "surprise-40k")
    assert code == 130
    assert err == "costsim: stopped; nothing half-written is left\n"
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


def test_kill_9_leaves_no_dataset_and_a_folder_to_write_in(tmp_path):
    out = tmp_path / "run"
    code, _ = stopped_after(4, out, signal.SIGKILL, "surprise-40k")
    assert code == -signal.SIGKILL
    said = costsim_("spend", str(out))
    assert said.returncode == 2
    assert "holds no committed records" in said.stderr
    assert said.stderr.count("\n") == 1
    assert costsim_("simulate", "quiet", "--days", "1", "--out", str(out)).returncode == 0
    assert len(list(out.glob("data/*"))) == 1  # what the killed one left is swept


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_ctrl_c_of_a_sweep_keeps_the_whole_runs(tmp_path, jobs):
    out = tmp_path / "runs"
    words = ["sweep", "quiet", "--days", "3", "--limits", "none,strict", "--seeds", "40"]
    command = [*COSTSIM, *words, "--jobs", jobs, "--out", str(out)]
    with started(command, start_new_session=True) as process:
        deadline = time.monotonic() + 60
        while len(list(out.glob("*/*/manifest.json"))) < 6:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the processes too
        said, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said == b""
    kept = [path.parent for path in out.glob("*/*/manifest.json")]
    found = re.fullmatch(
        rf"costsim: stopped; (\d+) of 80 runs are kept in {re.escape(str(out))}\n", err.decode()
    )
    assert found, err.decode()
    assert 1 <= int(found[1]) <= len(kept) < 80
    for folder in kept:
        files = costsim.read_records(folder).manifest.files
        assert len(files) == 3
        assert all((folder / file.path).is_file() for file in files)
