"""Exponential smoothing with a weekly season, fitted anew each day."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from costsim.detect.baselines.refitted import (
    RefittedBaseline,
    is_flat,
    mean_levels,
    within_reach,
    without_gaps,
)
from costsim.detect.hours import HOURS_IN_WEEK, FloatArray, IntArray


@dataclass(frozen=True)
class ExponentialSmoothing(RefittedBaseline):
    """Forecast of an ETS(A,N,A) model of log dollars with a weekly season (statsmodels).

    Parameters
    ----------
    weeks : int
        History that is fitted, at least `min_weeks`.
    min_weeks : int
        History needed before anything is expected, at least 2; half of it must be known.
    refit_hours : int
        It is fitted anew each so many hours, at least 1; the newest bin that a forecast knows is
        up to so many hours old.
    offset_usd : float
        Dollars an hour added before the logarithm, above 0.
    winsor : float
        A bin further than so many scatters from what was expected is remembered as if it were
        just so far. Above 0; `inf` turns it off.
    scatter : Scatter
        How the scatter of the forecast errors is taken.

    Raises
    ------
    SettingError
        A setting is outside its bounds.

    Notes
    -----
    Level and season are both weighted means of the past, the newest weighing most, with weights
    by maximum likelihood on past bins only; season and level begin at statsmodels' heuristic
    values. No trend: extrapolated for a day on log dollars, it runs away; and what is
    expected is held between half the least and twice the most dollars that were seen. Gaps are
    filled with the mean of their hour of the week first.

    Cost: one fit of four weeks takes some 10 ms, so a year of one series at one fit a day takes
    about 4 s; series are fitted one after the other. For many series take `HourOfWeek`.

    What fails: where hours hang together the level learns fast, and then an incident that lasts
    is the new level at the next fit, up to `refit_hours` after it began; a level that learns
    slowly lags behind growth. With two or three weeks the season has learnt the noise. It goes
    by bins, so when the clocks change it is an hour off until weeks have passed.

    Of bins shorter than an hour the mean level of each hour is fitted, and forecast for each of
    its bins.

    References
    ----------
    Hyndman, Koehler, Ord and Snyder, Forecasting with Exponential Smoothing (2008).

    Examples
    --------
    >>> import numpy as np
    >>> state = ExponentialSmoothing(weeks=2, refit_hours=168).begin(n_series=1)
    >>> usd = np.where(np.arange(504) % 24 < 12, 20.0, 80.0)
    >>> usd = usd * np.random.default_rng(1).lognormal(0, 0.05, 504)
    >>> for hour in range(504):
    ...     reading = state.step(usd[hour : hour + 1], hour % 168)
    >>> bool(70 < reading.expected_usd[0] < 90)
    True
    """

    def describe(self) -> str:
        """Say in words what is expected."""
        return f"exponential smoothing (ETS) of the last {self.weeks} weeks, on log dollars"

    def forecast(
        self, levels: FloatArray, hours: IntArray, ahead: IntArray
    ) -> tuple[FloatArray, FloatArray]:
        """Fit one series; see `RefittedBaseline`."""
        from statsmodels.tsa.exponential_smoothing.ets import ETSModel

        filled = without_gaps(mean_levels(levels), hours)
        scale = np.ones(len(ahead))
        if is_flat(filled):
            return np.full(len(ahead), filled[-1]), scale
        model = ETSModel(
            filled,
            error="add",
            seasonal="add",
            seasonal_periods=HOURS_IN_WEEK,
            initialization_method="heuristic",
        )
        with warnings.catch_warnings():
            # Series that repeat exactly have no likelihood to climb; the start is good then.
            warnings.simplefilter("ignore")
            fitted = model.fit(disp=False, maxiter=50)
        place = np.asarray(fitted.forecast(len(ahead)), dtype=np.float64)
        return within_reach(np.where(np.isfinite(place), place, filled.mean()), filled), scale
