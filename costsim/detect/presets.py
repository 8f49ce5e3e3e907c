"""Detectors ready to use, by the names that tables and files give them."""

from __future__ import annotations

from collections.abc import Callable

from costsim.detect.baselines import HourOfWeek, TrailingMean
from costsim.detect.charts import CUSUM, EWMA, Shewhart
from costsim.detect.detector import Detector
from costsim.detect.naive import NaiveZScore
from costsim.detect.series_detector import SeriesDetector


def naive_z_score(limit: float = 3.0, window_hours: int = 336) -> NaiveZScore:
    """Make the story's z-score as written: the incident in its own window (the foil)."""
    return NaiveZScore(limit=limit, window_hours=window_hours)


def z_score(limit: float = 3.0, window_hours: int = 336) -> Detector:
    """Make a z-score against the two weeks before; all hours of the week are alike to it."""
    return Detector(TrailingMean(window_hours=window_hours), Shewhart(limit), name="z-score")


def seasonal_z_score(limit: float = 3.0, weeks: int = 8) -> Detector:
    """Make a z-score against the same hour of the weeks before: quick for what is large."""
    return Detector(HourOfWeek(weeks=weeks), Shewhart(limit), name="seasonal z-score")


def seasonal_cusum(
    k: float = 1.0, h: float = 5.0, head_start_share: float = 0.5, weeks: int = 8
) -> Detector:
    """Make a CUSUM against the same hour of the weeks before: quick for what lasts."""
    chart = CUSUM(k=k, h=h, head_start_share=head_start_share)
    return Detector(HourOfWeek(weeks=weeks), chart, name="seasonal CUSUM")


def seasonal_ewma(lam: float = 0.2, c: float = 3.0, weeks: int = 8) -> Detector:
    """Make an EWMA against the same hour of the weeks before: between the other two."""
    return Detector(HourOfWeek(weeks=weeks), EWMA(lam=lam, c=c), name="seasonal EWMA")


def presets() -> dict[str, Callable[[], SeriesDetector]]:
    """Name and factory of each preset, in the order of the tables.

    Examples
    --------
    >>> list(presets())
    ['naive_z_score', 'z_score', 'seasonal_z_score', 'seasonal_cusum', 'seasonal_ewma']
    >>> presets()["z_score"]().threshold
    3.0
    """
    return {
        "naive_z_score": naive_z_score,
        "z_score": z_score,
        "seasonal_z_score": seasonal_z_score,
        "seasonal_cusum": seasonal_cusum,
        "seasonal_ewma": seasonal_ewma,
    }
