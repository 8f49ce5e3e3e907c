"""Sessions: from session ids where there are any, else from how bunched the calls are.

Calls of a scenario come as sessions of a geometric number of calls (mean m), an exponential think
time apart (mean s). A call is then followed, a time t later, by calls of its own session at the
rate ``(m - 1) / (m s') exp(-t / s')`` with ``s' = m s``: one exponential. So the variance of the
number of calls in w seconds, over its mean, is (Cox & Isham 1980, Point Processes, ch. 2.5)::

    I(w) = 1 + 2 (m - 1) (1 - (1 - exp(-w / s')) / (w / s'))
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

WIDTHS = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0)
BLOCK = 3600.0
_GROUPS = 10  # of blocks, for the jackknife
_LONGEST = 1800.0  # mean calls times think seconds that an hour can still tell from a slow change


@dataclass(frozen=True)
class SessionFit:
    """Mean calls and think seconds, with standard errors; `from_ids` tells how they were found."""

    mean_calls: float
    think_seconds: float
    mean_calls_error: float
    think_error: float
    from_ids: bool
    sessions: int
    ramp: float = 0.0
    """Variance of the rate within an hour, relative, that sessions do not explain."""

    def dispersion(self, seconds: float) -> float:
        """Index of dispersion of calls in windows of that length, noise left out."""
        return float(_index(np.array(seconds), self.mean_calls, self._spread))

    @property
    def _spread(self) -> float:
        return self.mean_calls * self.think_seconds


def sessions_from_ids(session: NDArray[np.int64], seconds: Floats) -> SessionFit | None:
    """Sessions as the records name them; None where fewer than half of the calls have one.

    A geometric number of calls has variance m (m - 1), which gives the standard error.
    """
    known = session >= 0
    if known.mean() < 0.5:
        return None
    order = np.lexsort((seconds[known], session[known]))
    ids, times = session[known][order], seconds[known][order]
    same = ids[1:] == ids[:-1]
    gaps = np.diff(times)[same]
    count = int(len(ids) - same.sum())
    mean = len(ids) / count
    think = float(gaps.mean()) if len(gaps) else 60.0
    return SessionFit(
        mean,
        think,
        float(np.sqrt(max(mean * (mean - 1), 0.0) / count)),
        float(gaps.std() / np.sqrt(len(gaps))) if len(gaps) > 1 else 0.0,
        True,
        count,
    )


def sessions_from_bursts(seconds: Floats, ramp: float | None = None) -> SessionFit:
    """Sessions whose calls would be as bunched as these; one call each where they are not.

    Fits the variance over the mean of counts in windows of 1 s to 5 min within blocks of an hour.
    A slow change of the rate within the hour adds in proportion to the window and is not taken
    for sessions. The clock's own resolution is respected: windows are at least ten of its ticks.
    Standard errors by a jackknife over ten groups of blocks.

    Parameters
    ----------
    seconds : array of shape (calls,)
        Times, rising.
    ramp : float, optional
        Relative variance of the rate within an hour, as :func:`profile_ramp` knows it from the
        profile; fitted beside the sessions where it is not given, because the log is too short,
        and where sessions would have to last for half an hour to take its place.
    """
    tick = clock_tick(seconds)
    curve = _ratios(seconds, tick)
    if curve is None:
        return SessionFit(1.0, 60.0, 0.0, 0.0, False, 0)
    widths, variance, mean, rate, block = curve
    whole = _solve(widths, variance.sum(0) / mean.sum(0), rate, block, ramp)
    if ramp is not None and whole[0] * whole[1] > _LONGEST / 2:
        # the rate itself moves within the hour, more than the profile does
        ramp = None
        whole = _solve(widths, variance.sum(0) / mean.sum(0), rate, block, ramp)
    groups = np.arange(len(variance)) % _GROUPS
    parts = []
    for group in range(_GROUPS if len(variance) >= _GROUPS else 0):
        kept = groups != group
        ratio = variance[kept].sum(0) / mean[kept].sum(0)
        parts.append(_solve(widths, ratio, rate, block, ramp))
    errors = (
        np.std(parts, axis=0) * np.sqrt(_GROUPS - 1) if parts else np.array([np.nan] * len(whole))
    )
    return SessionFit(
        float(whole[0]), float(whole[1]), float(errors[0]), float(errors[1]), False, 0,
        float(whole[2]),
    )  # fmt: skip


def profile_ramp(rates: Floats) -> float:
    """Relative variance of the rate within an hour if it moves in straight lines between hours.

    Parameters
    ----------
    rates : array of shape (hours,)
        Expected calls of consecutive hours.
    """
    step = np.gradient(rates)
    return float((step**2).sum() / 12 / (rates**2).sum())


def clock_tick(seconds: Floats) -> float:
    """Seconds between the instants that a log knows; 0 where calls rarely share an instant.

    Examples
    --------
    >>> clock_tick(np.repeat(np.arange(0.0, 300.0, 3.0), 4))
    3.0
    """
    instants = np.unique(seconds)
    if len(instants) < 2 or len(seconds) < 1.5 * len(instants):
        return 0.0
    return float(np.median(np.diff(instants)))


def block_ratio(seconds: Floats, width: float, blocks: int = 60) -> float:
    """Variance over mean of counts in windows of `width` s, within blocks of so many windows.

    Slow changes of the rate, such as a profile's, do not count.
    """
    start = seconds.min()
    at = ((seconds - start) / width).astype(np.int64)
    whole = int((seconds.max() - start) // (width * blocks))
    if whole < 1:
        return float("nan")
    counts = np.bincount(at[at < whole * blocks], minlength=whole * blocks)
    table = counts.reshape(whole, blocks).astype(float)
    return float(table.var(axis=1, ddof=1).sum() / table.mean(axis=1).sum())


def _index(width: Floats, mean_calls: float, spread: float) -> Floats:
    if spread <= 0:
        return np.full(np.shape(width), 2 * mean_calls - 1)
    x = width / spread
    return np.asarray(1 + 2 * (mean_calls - 1) * (1 + np.expm1(-x) / x))


def _ratios(seconds: Floats, tick: float) -> tuple[Floats, Floats, Floats, float, float] | None:
    """Windows, variances and means by block and window, calls a second, seconds of a block."""
    span = seconds[-1] - seconds[0]
    block = min(BLOCK, span)
    widths = [w for w in WIDTHS if w >= 10 * tick and block / w >= 8]
    blocks = int(span // block) if block else 0
    if not widths or not blocks or len(seconds) < 200:
        return None
    since = seconds - seconds[0]
    variances, means = [], []
    for width in widths:
        each = int(block // width)
        index = (since // block).astype(np.int64)
        within = ((since - index * block) / width).astype(np.int64)
        inside = (index < blocks) & (within < each)
        counts = np.bincount(index[inside] * each + within[inside], minlength=blocks * each)
        table = counts.reshape(blocks, each).astype(float)
        variances.append(table.var(axis=1, ddof=1))
        means.append(table.mean(axis=1))
    variance, mean = np.stack(variances, axis=1), np.stack(means, axis=1)
    # calls a second of where the calls are: the ramp's part grows with the square of the rate
    rate = float((mean[:, -1] ** 2).sum() / mean[:, -1].sum() / widths[-1])
    return np.array(widths), variance, mean, rate, block


def _solve(
    widths: Floats, ratio: Floats, rate: float, block: float, ramp: float | None
) -> tuple[float, float, float]:
    """Mean calls, think seconds and ramp that give these ratios of variance to mean."""
    from scipy.optimize import least_squares

    each = np.floor(block / widths)

    def wanted(x: Floats) -> Floats:
        extra, spread = np.exp(x[:2])
        slow = float(np.exp(x[2])) if ramp is None else ramp
        index = _index(widths, 1 + extra, spread)
        whole = _index(np.array(block), 1 + extra, spread)
        return np.asarray(each / (each - 1) * (index - whole / each) + rate * widths * slow)

    # more windows, less error; a ratio's error also grows with the windows' dependence
    weight = np.sqrt(each / each.max()) ** 0.5
    free = 3 if ramp is None else 2
    # a free ramp and long sessions look alike
    longest = _LONGEST if ramp is not None else block / 12
    best = None
    for extra, spread in ((0.3, 2.0), (3.0, 30.0), (30.0, 120.0), (3.0, 600.0)):
        found = least_squares(
            lambda x: weight * (np.log(wanted(x)) - np.log(np.maximum(ratio, 0.05))),
            np.log([extra, min(spread, longest / 2), 1e-3])[:free],
            bounds=(
                np.log([1e-4, 1e-3, 1e-9])[:free],
                np.log([500.0, longest, 10.0])[:free],
            ),
        )
        if best is None or found.cost < best.cost:
            best = found
    assert best is not None
    extra, spread = np.exp(best.x[:2])
    slow = float(np.exp(best.x[2])) if ramp is None else ramp
    if extra < 0.02:
        return 1.0, 60.0, slow
    return float(1 + extra), float(spread / (1 + extra)), slow
