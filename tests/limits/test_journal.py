"""The journal of the in-process ledger: kills, torn lines, full disks, and what is dropped."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costsim.errors import DataError, LedgerError, SettingError
from costsim.limits import MemoryLedger, Scopes, journal, parse_limits

USD, HOUR = 10**9, 3_600_000_000
WHO = [Scopes("ann", "free", "chat"), Scopes("Zo\u00eb"), Scopes(None)]
POLICY = parse_limits(
    {
        "name": "j", "lease_seconds": 120,
        "user": {"hour_usd": 1, "day_usd": 3, "open_calls": 4},
        "organisation": {
            "month_usd": 4, "alert_at": [0.5],
            "ladder": [{"at": 0.3, "do": "shut", "features": ["chat"]}],
        },
        "burst": {"minute_calls": 1, "at_once": 4},
    }
)  # fmt: skip


def state(ledger):
    """Windows, and levels that are on."""
    return [ledger.usage(who) for who in WHO], ledger.month()[1:]


def played(ledger, clock, events):
    """Do some events; the answers."""
    answers = []
    for verb, number, amount in events:
        try:
            if verb == "reserve":
                models = [("dear", amount), ("cheap", amount // 3)]
                answers.append(ledger.reserve(f"c{number}", WHO[number % 3], models))
            elif verb == "settle":
                answers.append(ledger.settle(f"c{number}", amount))
            elif verb == "release":
                answers.append(ledger.release(f"c{number}"))
            else:
                clock.now += amount * 60
        except LedgerError as error:
            answers.append(str(error))
    return answers


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["reserve", "reserve", "settle", "release", "wait"]),
        st.integers(0, 20),
        st.integers(0, USD),
    ),
    max_size=30,
)


@settings(max_examples=60, deadline=None)
@given(first=EVENTS, then=EVENTS, mode=st.sampled_from(["enforce", "observe"]))
def test_a_ledger_that_was_begun_again_answers_as_if_it_never_stopped(
    tmp_path_factory, clock_type, first, then, mode
):
    path = tmp_path_factory.mktemp("journal") / "ledger.jsonl"
    clock, other = clock_type(), clock_type()
    stopped = MemoryLedger(POLICY, clock=clock, journal=path, fsync="never", mode=mode)
    whole = MemoryLedger(POLICY, clock=other, mode=mode)
    played(stopped, clock, first)
    played(whole, other, first)
    stopped.close()
    again = MemoryLedger(POLICY, clock=clock, journal=path, fsync="never", mode=mode)
    assert state(again) == state(whole)
    assert played(again, clock, then) == played(whole, other, then)
    assert state(again) == state(whole)
    again.close()


def test_cut_at_any_byte_it_begins_with_the_whole_lines(tmp_path, clock):
    path = tmp_path / "whole"
    ledger = MemoryLedger(POLICY, clock=clock, journal=path)
    states, sizes = [], []
    for n in range(4):
        for verb in ("reserve", "settle"):
            sizes.append(path.stat().st_size)
            states.append(state(ledger))
            played(ledger, clock, [(verb, n, USD // 10)])
    ledger.close()
    data = path.read_bytes()
    for cut in range(sizes[0], len(data)):
        torn = tmp_path / "torn"
        torn.write_bytes(data[:cut])
        begun = MemoryLedger(POLICY, clock=clock, journal=torn, fsync="never")
        last = max(i for i, size in enumerate(sizes) if size <= cut)
        assert state(begun) == states[last]
        assert torn.stat().st_size == sizes[last]
        begun.close()


CHILD = """
import sys
from costsim.limits import MemoryLedger, Scopes, parse_limits
policy = parse_limits({"name": "k", "user": {"day_calls": 10**9, "day_usd": 10**6}})
ledger = MemoryLedger(policy, journal=sys.argv[1], fsync=sys.argv[2])
n = 0
while True:
    assert ledger.reserve(f"{n}", Scopes("ann"), [("m", 1000)])
    ledger.settle(f"{n}", 700)
    n += 1
    print(n, flush=True)
"""


@pytest.mark.parametrize("fsync", ["always", "second", "never"])
def test_a_killed_process_loses_nothing_that_it_answered(tmp_path, fsync):
    path = tmp_path / "ledger"
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, path, fsync], stdout=subprocess.PIPE, text=True
    )
    for line in child.stdout:
        if int(line) >= 200:
            child.send_signal(signal.SIGKILL)
            break
    told = max([200, *map(int, child.stdout.read().split())])
    child.wait()
    child.stdout.close()
    policy = parse_limits({"name": "k", "user": {"day_calls": 10**9, "day_usd": 10**6}})
    ledger = MemoryLedger(policy, journal=path)
    settled, held, _ = ledger.usage(Scopes("ann"))["user", "day_calls"]
    nano, _, _ = ledger.usage(Scopes("ann"))["user", "day_usd"]
    ledger.close()
    assert settled in (told, told + 1)  # the last may have been written and not told
    assert held in (0, 1)
    assert nano == 700 * settled


FULL = """
import resource, sys
from costsim.limits import MemoryLedger, Scopes, parse_limits
policy = parse_limits({"name": "f", "user": {"day_usd": 10**6}})
ledger = MemoryLedger(policy, journal=sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
for n in range(100):
    try:
        ledger.reserve(f"{n}", Scopes("ann"), [("m", 1000)])
    except OSError:
        break
held = ledger.usage(Scopes("ann"))["user", "day_usd"][1]
assert held == 1000 * n, (held, n)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert ledger.reserve(f"{n}", Scopes("ann"), [("m", 1000)])
print(n + 1)
"""


def test_a_full_disk_admits_nothing_and_breaks_nothing(tmp_path):
    path = tmp_path / "ledger"
    run = subprocess.run(
        [sys.executable, "-c", FULL, path], capture_output=True, text=True, check=True
    )
    calls = int(run.stdout)
    ledger = MemoryLedger(parse_limits({"name": "f", "user": {"day_usd": 10**6}}), journal=path)
    settled, held, _ = ledger.usage(Scopes("ann"))["user", "day_usd"]
    ledger.close()
    assert settled + held == 1000 * calls


def test_what_no_window_needs_is_dropped(tmp_path, clock, monkeypatch):
    monkeypatch.setattr(journal, "_SMALLEST_TO_SHRINK", 50)
    path, lines = tmp_path / "ledger", []
    ledger = MemoryLedger(POLICY, clock=clock, journal=path, fsync="never")
    for n in range(400):
        if ledger.reserve(f"{n}", WHO[n % 3], [("m", 1000)]):
            ledger.settle(f"{n}", 1000)
        clock.now += 12 * HOUR
        lines.append(path.read_bytes().count(b"\n"))
    assert max(lines) < 400  # of 800 changes in 200 days
    before = state(ledger)
    ledger.close()
    again = MemoryLedger(POLICY, clock=clock, journal=path)
    assert state(again) == before
    again.close()
    assert path.read_bytes().count(b"\n") < 150  # a month's


def test_one_process_has_it_and_broken_lines_are_told(tmp_path, clock):
    path = tmp_path / "ledger"
    ledger = MemoryLedger(POLICY, clock=clock, journal=path)
    played(ledger, clock, [("reserve", n, USD // 10) for n in range(3)])
    with pytest.raises(LedgerError, match="another process has this journal"):
        MemoryLedger(POLICY, journal=path)
    ledger.close()
    lines = path.read_bytes().split(b"\n")
    lines[2] = b'["r", 1'
    path.write_bytes(b"\n".join(lines))
    with pytest.raises(DataError, match="line 3: is no line of a ledger's journal"):
        MemoryLedger(POLICY, journal=path)
    other = tmp_path / "other"
    other.write_text("name,usd\nann,3\n")
    with pytest.raises(DataError, match="line 1"):
        MemoryLedger(POLICY, journal=other)
    assert other.read_text() == "name,usd\nann,3\n"  # not touched
    other.write_text("notes")
    with pytest.raises(DataError, match="line 1"):
        MemoryLedger(POLICY, journal=other)
    assert other.read_text() == "notes"
    with pytest.raises(SettingError, match="fsync must be one of"):
        MemoryLedger(POLICY, journal=path, fsync="daily")
