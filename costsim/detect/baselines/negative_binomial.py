"""Negative binomial regression of calls on hour of the day and day of the week."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field

import numpy as np

from costsim.detect.baselines.refitted import RefittedBaseline
from costsim.detect.baselines.scatter import Scatter
from costsim.detect.hours import FloatArray, IntArray


@dataclass(frozen=True)
class NegativeBinomialGLM(RefittedBaseline):
    """Mean and variance of the calls of a bin: log-linear in hour of day and day of week.

    Parameters
    ----------
    weeks : int
        History that is fitted, at least `min_weeks`.
    min_weeks : int
        History needed before anything is expected, at least 2; half of it must be known.
    refit_hours : int
        It is fitted anew each so many hours, at least 1.
    offset_usd : float
        Added to every bin's count and taken off what is expected, above 0: an hour in which nobody
        ever called would else have a mean of exactly 0, and a coefficient of minus infinity. In
        the units of the series, calls.
    winsor : float
        A bin further than so many scatters from what was expected is remembered as if it were
        just so far. Above 0; `inf` turns it off.
    scatter : Scatter
        How the scatter of the standardised forecast errors is taken; 1 is what the model says,
        and by default it is never taken to be less.

    Raises
    ------
    SettingError
        A setting is outside its bounds.

    Notes
    -----
    For a series of calls (or other counts): give it dollars and its variance means nothing. The
    mean is exp(b0 + b_hour + b_day); the variance m + a m^2, with the dispersion a of all bins
    by moments from a Poisson fit, then one fit with it (statsmodels GLM). z is the distance from
    the mean over the root of that variance, so that a few calls at night are no surprise while
    the same share at noon is one. Coefficients serve all hours: two weeks suffice for 30 of them.
    Nothing beyond the least and the largest count seen is expected; where one count outweighs
    all others so much that the fit overflows, the median is expected of every hour.

    Cost: two fits of four weeks take some 7 ms, so a year of one series at one a day takes
    about 3 s; series are fitted one after the other.

    What fails: a day that differs in shape and not only in height (weekends with other hours) is
    fitted badly; there is no trend, so growth shows as a lasting excess; counts are skewed, so
    a z of 3 comes more often above than normal theory says; one dispersion serves day and night.

    References
    ----------
    Hilbe, Negative Binomial Regression (2011); Breslow, Applied Statistics 33 (1984).

    Examples
    --------
    >>> import numpy as np
    >>> state = NegativeBinomialGLM(refit_hours=84).begin(n_series=1)
    >>> calls = np.random.default_rng(1).poisson(np.where(np.arange(504) % 24 < 12, 4.0, 40.0))
    >>> for hour in range(504):
    ...     reading = state.step(calls[hour : hour + 1].astype(float), hour % 168)
    >>> bool(36 < reading.expected_usd[0] < 44), bool(abs(reading.z[0]) < 4)
    (True, True)
    """

    offset_usd: float = 0.5
    scatter: Scatter = field(default_factory=lambda: Scatter(floor=1.0))

    def describe(self) -> str:
        """Say in words what is expected."""
        return (
            f"calls by hour of day and day of week (negative binomial) of the last {self.weeks} "
            "weeks"
        )

    def level(self, dollars: FloatArray, rate: float) -> FloatArray:
        """Turn counts into what is fitted: counts of bins, for they have the variance."""
        return np.asarray(np.maximum(dollars, 0.0) + self.offset_usd)

    def expected(self, place: FloatArray, rate: float) -> FloatArray:
        """Turn what is fitted into counts."""
        return np.maximum(place - self.offset_usd, 0.0)

    def forecast(
        self, levels: FloatArray, hours: IntArray, ahead: IntArray
    ) -> tuple[FloatArray, FloatArray]:
        """Fit one series; see `RefittedBaseline`."""
        known = ~np.isnan(levels)
        of_bins = np.broadcast_to(hours[:, None], levels.shape)
        counts, design = levels[known], _design(of_bins[known])
        logs, dispersion = _fitted(counts, design)
        mean = np.exp(np.clip(_design(ahead) @ logs, *np.log([counts.min(), counts.max()])))
        return mean, np.sqrt(mean + dispersion * mean * mean)


def _fitted(counts: FloatArray, design: FloatArray) -> tuple[FloatArray, float]:
    """Coefficients on the log scale, and the dispersion."""
    from statsmodels.genmod.families import NegativeBinomial, Poisson
    from statsmodels.genmod.generalized_linear_model import GLM

    with warnings.catch_warnings():
        # A constant is fitted perfectly, which is said to be suspicious.
        warnings.simplefilter("ignore")
        try:
            first = GLM(counts, design, family=Poisson()).fit()
            dispersion = _dispersion(counts, np.asarray(first.fittedvalues), design.shape[1])
            family = NegativeBinomial(alpha=max(dispersion, 1e-6))
            second = GLM(counts, design, family=family).fit(start_params=first.params)
        except ValueError:  # its steps overflow where one count outweighs all others
            flat = np.zeros(design.shape[1])
            flat[0] = np.log(np.median(counts))
            return flat, _dispersion(counts, np.full_like(counts, np.median(counts)), 1)
    return np.asarray(second.params), dispersion


def _design(hours: IntArray) -> FloatArray:
    """Intercept, hours 1 to 23, and days 1 to 6 of the week."""
    columns = [np.ones(len(hours), dtype=bool)]
    columns += [hours % 24 == hour for hour in range(1, 24)]
    columns += [hours // 24 == day for day in range(1, 7)]
    return np.column_stack(columns).astype(np.float64)


def _dispersion(counts: FloatArray, mean: FloatArray, fitted: int) -> float:
    """Dispersion a of variance m + a m^2, by moments; 0 where counts vary less than Poisson."""
    # Coefficients fitted to the counts took up some of their variance.
    freedom = len(counts) / max(len(counts) - fitted, 1)
    excess = float((freedom * (counts - mean) ** 2 - mean).sum())
    return max(0.0, excess / float((mean * mean).sum()))
