"""Detectors at scale: CUSUMs of many series, and one tick of the whole suite on duty.

Seconds are those of one core at work, whatever else the machine does.
What bounds a CUSUM is memory, because each point is read and written once. What bounds a tick is
the tick of the day in which scatters are taken anew, a sort of four weeks of hours a user.
"""

from __future__ import annotations

from collections.abc import Callable
from time import process_time

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from costsim.detect import CUSUM, HourOfWeek, Stream, load_suite
from costsim.spend.series import unit_cost

Floats = NDArray[np.float64]

SHAPES = ((336, 1_000), (336, 10_000), (2_016, 5_000))
FEATURES, USERS = 5, 5_000
TIERS = 3
WARM_HOURS, TICKS = 720, 48


def best(work: Callable[[], object], repeats: int = 7) -> float:
    times = []
    for _ in range(repeats):
        start = process_time()
        work()
        times.append(process_time() - start)
    return min(times)


def plain_path(z: Floats, k: float) -> Floats:
    """The definition, a bin at a time: S = max(0, S + z - k)."""
    total, found = np.zeros(z.shape[1]), []
    for row in z:
        total = np.maximum(0.0, total + (row - k))
        found.append(total)
    return np.stack(found)


def cusum_rows(shapes: tuple[tuple[int, int], ...] = SHAPES) -> list[tuple[str, float, str]]:
    """Points a second on one core, here and as plainly as NumPy does it."""
    chart, found = CUSUM(k=1.0), []
    for hours, series in shapes:
        z = np.random.default_rng(0).standard_normal((hours, series))
        assert np.array_equal(chart.path(z), plain_path(z, 1.0))
        mine, plain = best(lambda z=z: chart.path(z)), best(lambda z=z: plain_path(z, 1.0))
        note = f"{z.size / mine / 1e6:,.0f} M points/s; plain NumPy takes {plain / mine:.1f} x"
        found.append((f"CUSUM of {series:,} series x {hours:,} h", mine, note))
    return found


class Duty:
    """The default suite on live spend: a stream for each series of each channel, and each user.

    Users have a baseline each, all of them in one state, whose reading is a z-score's statistic.
    """

    def __init__(self, features: int = FEATURES, users: int = USERS) -> None:
        self.detectors = load_suite("default").detectors
        many = {"feature": features, "unit_cost": features, "tier": TIERS}
        self.streams: list[list[Stream]] = [
            [detector.stream() for _ in range(many.get(detector.channel, 1))]
            for detector in self.detectors
        ]
        self.users = HourOfWeek().begin(users)

    def tick(self, time: pd.Timestamp, usd: Floats, calls: Floats) -> int:
        """Take in an hour, arrays of shape (features, users), and count what alarms."""
        by_feature, by_user = usd.sum(axis=1), usd.sum(axis=0)
        heard = {
            "total": by_feature.sum(keepdims=True),
            "top_user": by_user.max(keepdims=True),
            "top_feature": by_feature.max(keepdims=True),
            "tier": np.bincount(np.arange(len(by_user)) % TIERS, by_user, TIERS),
            "feature": by_feature,
            "unit_cost": unit_cost(by_feature, calls.sum(axis=1)),
        }
        alarms = int((self.users.step(by_user, time.weekday() * 24 + time.hour).z > 8.0).sum())
        for detector, streams in zip(self.detectors, self.streams, strict=True):
            for stream, value in zip(streams, heard[detector.channel].tolist(), strict=True):
                alarms += stream.update(time, value) is not None
        return alarms


def tick_times(hours: int, features: int = FEATURES, users: int = USERS) -> list[float]:
    """Seconds of each tick."""
    rng = np.random.default_rng(1)
    duty, times = Duty(features, users), []
    for time in pd.date_range("2024-07-01", periods=hours, freq="h", tz="UTC"):
        calls = rng.poisson(0.4, (features, users)).astype(float)
        usd = calls * 0.01
        start = process_time()
        duty.tick(time, usd, calls)
        times.append(process_time() - start)
    return times


def rows() -> list[tuple[str, float, str]]:
    """CUSUMs, and ticks after four weeks of history."""
    found = cusum_rows()
    times = np.array(tick_times(WARM_HOURS + TICKS)[WARM_HOURS:])
    what = f"a tick of the default suite, {USERS:,} users"
    found.append((what, float(np.median(times)), f"median of {TICKS}, worst below"))
    found.append(("  the tick in which scatters are taken anew", float(times.max()), "once a day"))
    return found
