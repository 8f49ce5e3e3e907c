"""Seasonal-trend decomposition by loess, taken anew each day."""

from __future__ import annotations

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

# Loess at each so many points, straight lines between: a tenth of its window, and 15 times faster.
_TREND_JUMP, _LOW_PASS_JUMP = 26, 17


@dataclass(frozen=True)
class SeasonalTrend(RefittedBaseline):
    """Last weekly season plus last trend of a robust STL of log dollars (statsmodels).

    Parameters
    ----------
    weeks : int
        History that is decomposed, at least `min_weeks`.
    min_weeks : int
        History needed before anything is expected, at least 2; half of it must be known.
    refit_hours : int
        It is decomposed anew each so many hours, at least 1; the newest bin that a forecast
        knows is up to so many hours old.
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
    The decomposition sees past bins only; expected is the season of the last 168 bins moved on
    by a week, on the trend where it ended, held between half the least and twice the most dollars
    that were seen. Gaps are filled with the mean of their hour of the
    week first. Unlike `HourOfWeek` it follows a product that grows from week to week.

    Cost: one decomposition of four weeks takes some 40 ms, so a year of one series at one a day
    takes about 14 s; series are fitted one after the other. For many series take `HourOfWeek`.

    What fails: the end of a trend is its least certain point, and an incident that lasts for
    days bends it up until it is ordinary; two or three weeks give a season that has learnt the
    noise; the season goes by bins, so when the clocks change it is an hour off until weeks have
    passed; holidays are working days.

    Of bins shorter than an hour the mean level of each hour is fitted, and forecast for each of
    its bins.

    References
    ----------
    Cleveland, Cleveland, McRae and Terpenning, Journal of Official Statistics 6 (1990).

    Examples
    --------
    >>> import numpy as np
    >>> state = SeasonalTrend(weeks=2, refit_hours=168).begin(n_series=1)
    >>> for hour in range(3 * 168):
    ...     reading = state.step(np.array([20.0 if hour % 24 < 12 else 80.0]), hour % 168)
    >>> round(float(reading.expected_usd[0]))
    80
    """

    def describe(self) -> str:
        """Say in words what is expected."""
        return f"season and trend (STL) of the last {self.weeks} weeks, on log dollars"

    def forecast(
        self, levels: FloatArray, hours: IntArray, ahead: IntArray
    ) -> tuple[FloatArray, FloatArray]:
        """Decompose one series; see `RefittedBaseline`."""
        from statsmodels.tsa.seasonal import STL

        filled = without_gaps(mean_levels(levels), hours)
        scale = np.ones(len(ahead))
        if is_flat(filled):
            return np.full(len(ahead), filled[-1]), scale
        parts = STL(
            filled,
            period=HOURS_IN_WEEK,
            robust=True,
            trend_jump=_TREND_JUMP,
            low_pass_jump=_LOW_PASS_JUMP,
        ).fit()
        season = np.asarray(parts.seasonal)[-HOURS_IN_WEEK:]
        place = season[np.arange(len(ahead)) % HOURS_IN_WEEK] + np.asarray(parts.trend)[-1]
        return within_reach(place, filled), scale
