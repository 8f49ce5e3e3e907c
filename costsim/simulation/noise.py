"""Noise common to all ordinary traffic: some hours and some days are busier, for no reason."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from costsim.simulation.streams import stream

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from costsim.simulation.calendar import Calendar


class Noise(BaseModel):
    """Multiplicative lognormal AR(1) by hour, times a lognormal effect of the day; mean one.

    Parameters
    ----------
    hour_sigma : float
        Marginal log-sd of the hourly factor; .15 inside a product, .30 for API traffic.
    hour_phi : float
        Autocorrelation from one hour to the next, in [0, 1).
    day_sigma : float
        Log-sd of the day's factor.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    hour_sigma: float = Field(default=0.15, ge=0, le=2)
    hour_phi: float = Field(default=0.7, ge=0, lt=1)
    day_sigma: float = Field(default=0.08, ge=0, le=2)

    def factors(self, seed: int, calendar: Calendar) -> NDArray[np.float64]:
        """Factor of each hour of the run, shape ``(hours,)``; a longer run begins the same."""
        from scipy.signal import lfilter

        shocks = stream(seed, "noise", "hours").standard_normal(calendar.hours)
        shocks[1:] *= sqrt(1 - self.hour_phi**2)  # stationary from the first hour
        hourly = lfilter([1.0], [1.0, -self.hour_phi], shocks) * self.hour_sigma
        daily = stream(seed, "noise", "days").standard_normal(calendar.days) * self.day_sigma
        mean = (self.hour_sigma**2 + self.day_sigma**2) / 2
        return np.asarray(np.exp(hourly + daily[calendar.day_of_hour] - mean))
