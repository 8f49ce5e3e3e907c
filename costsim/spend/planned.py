"""Campaigns that are planned: more calls for a while, which nobody has to be told of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import inf
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from costsim.errors import SettingError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Planned:
    """A campaign that is known beforehand.

    Parameters
    ----------
    starts, ends : datetime
        Local times of the product's zone, without an offset; the end is not in it.
    calls_scale : float
        Times the ordinary calls that are planned, above 0 and finite.
    features : tuple of str
        All by default.
    account : str
        Why, in words.

    Raises
    ------
    SettingError
        A setting is outside its bounds.

    Notes
    -----
    Detectors hear calls and dollars of the campaign divided by its scale: what comes as planned
    is as ever, and what comes on top of the plan is heard. Prices and shares stay as they are.

    Examples
    --------
    >>> Planned(datetime(2024, 8, 12), datetime(2024, 8, 15), calls_scale=1.6).describe()
    '1.6 times the calls of all features planned from 2024-08-12 00:00 to 2024-08-15 00:00'
    """

    starts: datetime
    ends: datetime
    calls_scale: float
    features: tuple[str, ...] = ()
    account: str = ""

    def __post_init__(self) -> None:
        for name in ("starts", "ends"):
            got = getattr(self, name)
            if not isinstance(got, datetime) or got.tzinfo is not None:
                raise SettingError(f"{name} must be a local time without an offset; got {got!r}")
        if self.ends <= self.starts:
            raise SettingError(f"ends must lie after starts ({self.starts}); got {self.ends}")
        scale = self.calls_scale
        if not isinstance(scale, int | float) or isinstance(scale, bool) or not 0 < scale < inf:
            raise SettingError(f"calls_scale must be above 0 and finite; got {scale!r}")
        if not isinstance(self.features, tuple):
            raise SettingError(f"features must be a list of names; got {self.features!r}")

    def describe(self) -> str:
        """Say in words what is planned."""
        whose = ", ".join(self.features) if self.features else "all features"
        return (
            f"{self.calls_scale:g} times the calls of {whose} planned from "
            f"{self.starts:%Y-%m-%d %H:%M} to {self.ends:%Y-%m-%d %H:%M}"
        )

    def span(self, time_zone: str) -> tuple[datetime, datetime]:
        """When it begins and ends, as moments; of a time that comes twice, the first."""
        zone = ZoneInfo(time_zone)
        return self.starts.replace(tzinfo=zone), self.ends.replace(tzinfo=zone)


def beside_the_plan(cube: pd.DataFrame, planned: Sequence[Planned], time_zone: str) -> pd.DataFrame:
    """The cube with planned campaigns taken out: their calls and nano-dollars over their scale.

    Parameters
    ----------
    cube : pandas.DataFrame
        As :func:`costsim.spend.bins` gives it, by feature.
    planned : sequence of Planned
        A bin belongs to a campaign if it begins in it; where two meet, both count.
    time_zone : str
        The product's.
    """
    import numpy as np

    if not planned:
        return cube
    scale = np.ones(len(cube))
    for one in planned:
        start, end = one.span(time_zone)
        there = (cube["time"] >= start) & (cube["time"] < end)
        if one.features:
            there &= cube["feature_name"].isin(one.features)
        scale[there.to_numpy()] *= one.calls_scale
    counts = ["calls", "unpriced_calls", "cost_nano"]
    return cube.assign(**{name: cube[name] / scale for name in counts})
