"""What came of some runs: delays, dollars burned, and differences between detectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray


def outcome(runs: pd.DataFrame) -> dict[str, float]:
    """Delays and dollars over some runs' first alarms, as :meth:`IncidentWatch.rows` gives them.

    Those with an alarm before the incident are left out, and their shares told. A miss is a delay
    of infinity: a quantile that falls on one is missing.
    """
    from scipy.stats import beta

    kept = runs[~runs["early"] & ~runs["false"]]
    delays = kept["first_h"].fillna(np.inf).to_numpy()
    burned = kept["burned_usd"].to_numpy()
    count = len(kept)
    within_1h, within_4h = (int((delays <= hours).sum()) for hours in (1, 4))
    met = kept["first_h"].dropna()
    nan = float("nan")

    def low(within: int) -> float:
        """One-sided 95% bound of a share (Clopper and Pearson)."""
        return float(beta.ppf(0.05, within, count - within + 1)) if within else 0.0

    def quantile(values: NDArray[np.float64], q: float) -> float:
        found = np.quantile(values, q, method="higher") if count else np.nan
        return float(found) if np.isfinite(found) else nan

    return {
        "delay_median_h": quantile(delays, 0.5),
        "delay_mean_h": float(met.mean()) if len(met) else nan,
        "delay_p90_h": quantile(delays, 0.9),
        "caught_within_1h": within_1h / count if count else nan,
        "caught_within_1h_low": low(within_1h),
        "caught_within_2h": float((delays <= 2).mean()) if count else nan,
        "caught_within_4h": within_4h / count if count else nan,
        "caught_within_4h_low": low(within_4h),
        "missed": float(kept["missed"].mean()) if count else nan,
        "burned_median_usd": quantile(burned, 0.5),
        "burned_mean_usd": float(burned.mean()) if count else nan,
        "burned_p90_usd": quantile(burned, 0.9),
        # of an early alarm nothing has burned yet
        "burned_median_all_usd": float(runs["burned_usd"].where(~runs["false"]).median()),
        "early": float(runs["early"].mean()),
        "false_before_launch": float(runs["false"].mean()),
        "kept_runs": count,
    }


RESAMPLES: Final = 2_000


def paired_difference(
    runs: pd.DataFrame,
    others: pd.DataFrame,
    column: str = "burned_usd",
    *,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[float, float, float]:
    """Mean difference between two detectors on the same runs, with its bootstrap interval.

    Parameters
    ----------
    runs, others : DataFrame
        First alarms of two detectors, a row a run in the same order. Runs that either of them
        leaves out, because it alarmed before the incident, are left out.
    column : str
        ``burned_usd``, or ``known_h`` (hours until known; the whole watch for a miss).
    level : float
        Of the percentile interval, between 0 and 1.
    seed : int
        Of the resampling.

    Returns
    -------
    mean, low, high : float
        Of `runs` minus `others`; missing where no run is left.

    References
    ----------
    Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13.

    Examples
    --------
    >>> import pandas as pd
    >>> calm = {"early": [False] * 4, "false": [False] * 4}
    >>> slow = pd.DataFrame({"burned_usd": [9.0, 12.0, 11.0, 8.0]} | calm)
    >>> fast = pd.DataFrame({"burned_usd": [4.0, 7.0, 6.0, 3.0]} | calm)
    >>> paired_difference(slow, fast)
    (5.0, 5.0, 5.0)
    """
    kept = np.ones(len(runs), dtype=bool)
    for table in (runs, others):
        kept &= ~(table["early"].to_numpy() | table["false"].to_numpy())
    gaps = (runs[column].to_numpy(dtype=float) - others[column].to_numpy(dtype=float))[kept]
    if not len(gaps):
        return (float("nan"),) * 3
    rng = np.random.default_rng(seed)
    means = gaps[rng.integers(len(gaps), size=(RESAMPLES, len(gaps)))].mean(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(gaps.mean()), float(low), float(high)


def relative_error(runs: pd.DataFrame, column: str = "burned_usd") -> float:
    """Half the width of the 95% interval of a mean over runs, as a share of it; 0 if all agree."""
    kept = runs.loc[~runs["early"] & ~runs["false"], column].to_numpy(dtype=float)
    if len(kept) < 2 or not kept.std():
        return 0.0
    return float(1.96 * kept.std(ddof=1) / len(kept) ** 0.5 / abs(kept.mean()))
