"""Noise common to all ordinary traffic: some hours and some days are busier, for no reason."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from costsim.simulation.fading import fading
from costsim.simulation.streams import stream

BURN_IN_DAYS = 60

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from costsim.simulation.calendar import Calendar


class Noise(BaseModel):
    """Multiplicative lognormal AR(1) by hour, times another by day; mean one.

    Parameters
    ----------
    hour_sigma : float
        Marginal log-sd of the hourly factor; .15 inside a product, .30 for API traffic.
    hour_phi : float
        Autocorrelation from one hour to the next, in [0, 1).
    same_hour_phi : float
        How much an hour takes from the same hour of the day before (24 hours earlier), in
        [0, .9]; a seasonal autoregression of period 24 on top of the hourly one.
    day_sigma : float
        Log-sd of the day's factor.
    day_phi : float
        Autocorrelation from one day to the next, in [0, 1): above 0, weeks drift.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    hour_sigma: float = Field(default=0.15, ge=0, le=2)
    hour_phi: float = Field(default=0.7, ge=0, lt=1)
    same_hour_phi: float = Field(default=0.0, ge=0, le=0.9)
    day_sigma: float = Field(default=0.08, ge=0, le=2)
    day_phi: float = Field(default=0.0, ge=0, lt=1)

    def factors(self, seed: int, calendar: Calendar) -> NDArray[np.float64]:
        """Factor of each hour of the run, shape ``(hours,)``; a longer run begins the same."""
        hourly = self._hourly(stream(seed, "noise", "hours"), calendar.hours)
        daily = _autoregression(stream(seed, "noise", "days"), calendar.days, self.day_phi)
        effect = self.hour_sigma * hourly + self.day_sigma * daily[calendar.day_of_hour]
        mean = (self.hour_sigma**2 + self.day_sigma**2) / 2
        return np.asarray(np.exp(effect - mean))

    def _hourly(self, rng: np.random.Generator, hours: int) -> NDArray[np.float64]:
        phi, again = self.hour_phi, self.same_hour_phi
        if not again:
            return _autoregression(rng, hours, phi)
        before = 24 * BURN_IN_DAYS  # what was before is forgotten to .9**60
        shocks = _autoregression(rng, before + hours, phi)
        for hour in range(24):
            shocks[hour::24] = fading(shocks[hour::24], again)
        variance = hour_covariance(phi, again, 0)[0] / (1 - again**2)
        return np.asarray(shocks[before:] / sqrt(variance))


def hour_covariance(phi: float, again: float, lags: int) -> NDArray[np.float64]:
    """Autocovariances of the hourly factor's log at lags 0 to `lags`, up to a constant.

    The autocovariance of a seasonal autoregression of an AR(1) is the sum over whole days m of
    ``again**|m| * phi**|lag - 24 m|``. Divide by the first for correlations.
    """
    at = np.arange(lags + 1)
    reach = lags // 24 + 1 + (int(np.log(1e-9) / np.log(again)) if again > 0 else 0)
    days = np.arange(-reach, reach + 1) if again > 0 else np.zeros(1, int)
    apart = np.abs(np.subtract.outer(at, 24 * days))
    return np.asarray((phi**apart) @ (again ** np.abs(days)))


def _autoregression(rng: np.random.Generator, length: int, phi: float) -> NDArray[np.float64]:
    """Gaussian AR(1) of variance one, stationary from the first value."""
    shocks = rng.standard_normal(length)
    shocks[1:] *= sqrt(1 - phi**2)
    return fading(shocks, phi)
