"""The benchmarks run: each is called on a day, because all of them together take minutes."""

from __future__ import annotations

from importlib import import_module

import pytest

from costsim.simulation import load_scenario
from tests.benchmarks import (
    bench_detect,
    bench_engines,
    bench_ledgers,
    bench_memory,
    bench_simulation,
)
from tests.benchmarks.__main__ import names
from tests.limits.servers import bundled


@pytest.mark.parametrize("name", names())
def test_each_has_rows_to_print(name):
    assert callable(import_module(f"tests.benchmarks.bench_{name}").rows)


def test_the_phases_of_a_run_are_timed():
    spent = bench_simulation.phases(load_scenario("quiet").first_days(1))
    assert len(spent) == 4
    assert min(spent.values()) > 0


def test_the_memory_of_a_run_is_that_of_its_own_process():
    [(what, _, note)] = bench_memory.rows(0.01)
    assert what.endswith("to disk, workers=2")
    held = float(note.removesuffix(" GB at most"))
    assert 0.05 < held < 1


def test_ledgers_are_timed_against_ping():
    found = {what: note for what, _, note in bench_ledgers.on_redis(bundled(), 40)}
    assert found["PING"] == "1.00 x PING"
    assert len(found) == 9
    assert bench_ledgers.in_process(50) > 0


def test_the_engines_are_timed_on_the_same_attempts(small):
    recorder, tables, days = bench_engines.drawn(small(days=1))
    count = bench_engines.recorded(recorder, 1)
    assert count == sum(len(day.intents) for day in days) > 0
    made = {bench_engines.admitted(tables, days, bench_engines.CAPS, e) for e in ("batch", "event")}
    assert len(made) == 1
    assert made.pop() >= count


def test_a_cusum_is_timed_on_the_path_of_its_definition():
    [(what, seconds, note)] = bench_detect.cusum_rows(((50, 20),))
    assert what == "CUSUM of 20 series x 50 h"
    assert 0 < seconds < 1
    assert "plain NumPy takes" in note


def test_a_tick_takes_in_every_series_of_the_suite():
    times = bench_detect.tick_times(3, features=2, users=10)
    assert len(times) == 3
    duty = bench_detect.Duty(features=2, users=10)
    channels = [detector.channel for detector in duty.detectors]
    several = sum(channel in ("feature", "unit_cost") for channel in channels)
    tiers = (bench_detect.TIERS - 1) * channels.count("tier")
    assert sum(map(len, duty.streams)) == len(channels) + several + tiers
