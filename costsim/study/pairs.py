"""Runs in pairs: means, quantiles and differences on common random numbers, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

QUANTILES = (0.05, 0.5, 0.95)


def summarise_pairs(
    runs: pd.DataFrame, measures: Sequence[str], *, level: float = 0.95
) -> pd.DataFrame:
    """Each measure of each variant, and its paired difference from the first variant.

    Parameters
    ----------
    runs : pandas.DataFrame
        A row per variant and seed, with the columns variant, seed and `measures`.
    measures : sequence of str
        Columns of numbers.
    level : float
        Confidence of all intervals.

    Returns
    -------
    pandas.DataFrame
        variant, measure, runs; mean with its t interval, sd; p05, p50 and p95 with their
        distribution-free intervals (missing where so few runs cannot bound them); difference
        (mean over seeds of this variant less the first), its standard error and t interval; and
        variance_reduction: how many times fewer runs the pairing needs for that standard error
        than independent runs, ``(var a + var b) / var(a - b)``.

    Notes
    -----
    The t interval of a mean holds for runs whose measure is not too skewed for their number; a
    share that is 0 or 1 in nearly all runs needs the quantiles instead.

    Examples
    --------
    >>> import pandas as pd
    >>> runs = pd.DataFrame({"variant": list("aaabbb"), "seed": [0, 1, 2] * 2,
    ...                      "usd": [10.0, 20.0, 30.0, 9.0, 19.0, 28.0]})
    >>> row = summarise_pairs(runs, ["usd"]).iloc[1]
    >>> round(row["difference"], 3), round(row["difference_se"], 3)
    (np.float64(-1.333), np.float64(0.333))
    """
    import pandas as pd

    names = list(dict.fromkeys(runs["variant"]))
    by_seed = {name: runs[runs["variant"] == name].set_index("seed") for name in names}
    rows = []
    for name in names:
        for measure in measures:
            values = by_seed[name][measure]
            base = by_seed[names[0]][measure].reindex(values.index)
            row = {"variant": name, "measure": measure, "runs": int(values.notna().sum())}
            row |= _alone(values.dropna().to_numpy(float), level)
            if name != names[0]:
                row |= _paired(values.to_numpy(float), base.to_numpy(float), level)
            rows.append(row)
    frame = pd.DataFrame(rows)
    for column in ("difference", *_difference_columns(), "variance_reduction"):
        if column not in frame:
            frame[column] = np.nan
    return frame


def quantile_interval(ordered: Floats, quantile: float, level: float) -> tuple[float, float]:
    """Order statistics that hold a quantile between them, whatever the law of the runs.

    At least `level` of such intervals hold it; a side is missing where there are too few runs.

    Examples
    --------
    >>> quantile_interval(np.arange(1.0, 21.0), 0.5, 0.95)
    (6.0, 15.0)
    """
    from scipy.stats import binom

    count, tail = len(ordered), (1 - level) / 2
    low = int(binom.ppf(tail, count, quantile))
    high = int(binom.ppf(1 - tail, count, quantile)) + 1
    return (
        float(ordered[low - 1]) if low >= 1 else np.nan,
        float(ordered[high - 1]) if high <= count else np.nan,
    )


def _alone(values: Floats, level: float) -> dict[str, float]:
    if not len(values):
        return {}
    mean, se = _mean(values)
    low, high = _t_interval(mean, se, len(values), level)
    found = {"mean": mean, "mean_low": low, "mean_high": high, "sd": se * len(values) ** 0.5}
    ordered = np.sort(values)
    for quantile in QUANTILES:
        name = f"p{round(quantile * 100):02d}"
        found[name] = float(np.quantile(ordered, quantile))
        found[f"{name}_low"], found[f"{name}_high"] = quantile_interval(ordered, quantile, level)
    return found


def _paired(values: Floats, base: Floats, level: float) -> dict[str, float]:
    both = np.isfinite(values) & np.isfinite(base)
    if not both.any():
        return {}
    difference = values[both] - base[both]
    mean, se = _mean(difference)
    low, high = _t_interval(mean, se, len(difference), level)
    found = {"difference": mean, "difference_se": se}
    found |= {"difference_low": low, "difference_high": high}
    if len(difference) > 1:
        apart = values[both].var(ddof=1) + base[both].var(ddof=1)
        paired = difference.var(ddof=1)
        found["variance_reduction"] = float(apart / paired) if paired else np.inf
        if not apart and not paired:
            found["variance_reduction"] = np.nan  # nothing varies: nothing to reduce
    return found


def _difference_columns() -> tuple[str, ...]:
    return ("difference_se", "difference_low", "difference_high")


def _mean(values: Floats) -> tuple[float, float]:
    """Mean and its standard error, missing for a single run."""
    count = len(values)
    se = float(values.std(ddof=1)) / count**0.5 if count > 1 else np.nan
    return float(values.mean()), se


def _t_interval(mean: float, se: float, count: int, level: float) -> tuple[float, float]:
    from scipy.stats import t

    if count < 2:
        return np.nan, np.nan
    reach = float(t.ppf((1 + level) / 2, count - 1)) * se
    return mean - reach, mean + reach
