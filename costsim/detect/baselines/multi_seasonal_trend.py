"""Decomposition into a season of the day, one of the week and a trend, taken anew each day."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from costsim.detect.baselines.base import at_least
from costsim.detect.baselines.refitted import (
    RefittedBaseline,
    is_flat,
    mean_levels,
    within_reach,
    without_gaps,
)
from costsim.detect.hours import HOURS_IN_WEEK, FloatArray, IntArray

HOURS_IN_DAY = 24
# Cycles that a season is smoothed over: three weeks of days, and all weeks that are kept.
_WINDOWS = (21, 15)
# Means of cycles, for a line through four weeks carries their noise on. Loess at each so many
# points, straight lines between: a tenth of the day's windows.
_LOESS = {"seasonal_deg": 0, "trend_jump": 4, "low_pass_jump": 3}


@dataclass(frozen=True)
class MultiSeasonalTrend(RefittedBaseline):
    """Last day's season plus last week's plus last trend of an MSTL of log dollars (statsmodels).

    Parameters
    ----------
    weeks : int
        History that is decomposed, at least `min_weeks`.
    min_weeks : int
        History needed before anything is expected, at least 3, because a season of a week in two
        weeks cannot be told from their trend; half of it must be known.
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
    The hours of the day are learnt from the days of three weeks, the newest weighing most, and
    the season of the week holds what is left, such as weekends. Both are weighted means, where
    the season of `SeasonalTrend` is close to the last week as it was: of noise of 0.25 on log
    dollars, what is expected after four weeks has 0.13 here and 0.25 there. The decomposition
    sees past bins only; expected is the last 24 hours of the one season and the last 168 of the
    other moved on, on the trend where it ended, held between half the least and twice the most
    dollars that were seen. Gaps are filled with the mean of their hour of the week first.

    Once there is a forecast dear hours are winsorised before they are learnt, so the decomposition
    itself is not the robust one, which takes six times as long.

    Cost: one decomposition of four weeks takes some 50 ms, so a year of one series at one a day
    takes about 20 s; series are fitted one after the other. For many series take `HourOfWeek`.

    What fails: the end of a trend is its least certain point, and an incident that lasts for
    days bends it up until it is ordinary; one that comes back every night is a habit within a
    week or two, because all days teach the hours of the day; one that lies before the first
    forecast is learnt as it was. The seasons go by bins, so when the clocks change they are an
    hour off for weeks; holidays are working days.

    Of bins shorter than an hour the mean level of each hour is fitted, and forecast for each of
    its bins.

    References
    ----------
    Bandara, Hyndman and Bergmeir, MSTL: a seasonal-trend decomposition algorithm for time series
    with multiple seasonal patterns, arXiv:2107.13462 (2021).

    Examples
    --------
    >>> import numpy as np
    >>> state = MultiSeasonalTrend(weeks=3, refit_hours=168).begin(n_series=1)
    >>> for hour in range(4 * 168):
    ...     reading = state.step(np.array([20.0 if hour % 24 < 12 else 80.0]), hour % 168)
    >>> round(float(reading.expected_usd[0]))
    80
    """

    min_weeks: int = 3

    def __post_init__(self) -> None:
        at_least("min_weeks", self.min_weeks, 3)
        super().__post_init__()

    def describe(self) -> str:
        """Say in words what is expected."""
        return (
            f"seasons of day and week and trend (MSTL) of the last {self.weeks} weeks, on log "
            "dollars"
        )

    def forecast(
        self, levels: FloatArray, hours: IntArray, ahead: IntArray
    ) -> tuple[FloatArray, FloatArray]:
        """Decompose one series; see `RefittedBaseline`."""
        from statsmodels.tsa.seasonal import MSTL

        filled = without_gaps(mean_levels(levels), hours)
        scale = np.ones(len(ahead))
        if is_flat(filled):
            return np.full(len(ahead), filled[-1]), scale
        parts = MSTL(
            filled,
            periods=(HOURS_IN_DAY, HOURS_IN_WEEK),
            windows=_WINDOWS,
            stl_kwargs=dict(_LOESS),
        ).fit()
        day, week = np.asarray(parts.seasonal).T
        later = np.arange(len(ahead))
        place = day[-HOURS_IN_DAY:][later % HOURS_IN_DAY] + np.asarray(parts.trend)[-1]
        place = place + week[-HOURS_IN_WEEK:][later % HOURS_IN_WEEK]
        return within_reach(place, filled), scale
