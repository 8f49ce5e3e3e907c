"""Which detectors watch together by default, and which are compared with one another."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from costsim.detect.baselines import (
    ExponentialSmoothing,
    Guarded,
    HourOfWeek,
    MultiSeasonalTrend,
    NegativeBinomialGLM,
    SeasonalTrend,
    SmoothedHourOfWeek,
)
from costsim.detect.charts import CUSUM, GLR, Chart, CusumBank, Shewhart
from costsim.detect.count_cusum import CountCusum
from costsim.detect.count_glr import CountGLR
from costsim.detect.detector import Detector
from costsim.detect.dummies import AlwaysAlarm, NeverAlarm, RandomAlarm
from costsim.detect.excess_dollars import ExcessDollars
from costsim.detect.hours import HOURS_IN_WEEK
from costsim.detect.presets import presets, seasonal_cusum, seasonal_z_score
from costsim.detect.rules import (
    FeedSilence,
    FixedThreshold,
    LiteLLMRule,
    NewFeature,
    NewUser,
    SustainedGrowth,
    UserShare,
    WeekOverWeek,
)
from costsim.detect.series_detector import SeriesDetector

NEW_FEATURE_SHARE: Final = 0.02
"""Share of a day's budget that a new feature may cost in an hour, at the least."""


def suite_members(daily_budget_usd: float | None = None) -> tuple[SeriesDetector, ...]:
    """Detectors of the default suite: by hour of the week, for total, tier, feature and user.

    Parameters
    ----------
    daily_budget_usd : float, optional
        With it a user's hour and a new feature's are held against a share of it; without, a
        user's against the dearest user's of that hour of the week, and a new feature's, which
        has no history to be held against, not at all.

    Notes
    -----
    Baselines are not wrapped in :class:`Guarded`: `HourOfWeek` has a guard band of its own, learns
    an hour a week late and winsorised; calibrated alike, a freeze after every planned launch cost
    more than it kept, most of all with retry storms. ``costsim compare`` shows it: "guarded CUSUM"
    is "seasonal CUSUM" with a baseline that is frozen while too much is spent.

    Examples
    --------
    >>> [detector.name for detector in suite_members()][:2]
    ['seasonal CUSUM', 'seasonal z-score']
    """
    user: SeriesDetector = (
        UserShare(daily_budget_usd)
        if daily_budget_usd is not None
        else Detector(HourOfWeek(), Shewhart(), name="dearest user", channel="top_user")
    )
    new = () if daily_budget_usd is None else (_new_feature(daily_budget_usd),)
    return (
        seasonal_cusum(),
        seasonal_z_score(),
        _of_a_day("tier"),
        _of_a_day("feature"),
        _of_hours(Shewhart(), "feature z-score", hours=1),
        _of_hours(CUSUM(k=1.0), "feature hours CUSUM", hours=3),
        Detector(HourOfWeek(), CUSUM(k=1.0), name="unit cost CUSUM", channel="unit_cost"),
        Detector(HourOfWeek(), Shewhart(), name="top feature z-score", channel="top_feature"),
        user,
        *new,
        FeedSilence(HourOfWeek()),
    )


def _new_feature(daily_budget_usd: float) -> NewFeature:
    """Calibrated upwards only: launches in ordinary life are small, and a larger one may be due."""
    limit = NEW_FEATURE_SHARE * daily_budget_usd
    return NewFeature(limit, least_usd=limit)


def _of_a_day(channel: str) -> Detector:
    """What lasts is news when a day comes to 1.4 times what was expected, and $40 more.

    Below, quiet features and small launches would set the threshold of all. A day has all its
    hours whatever zone its users live in, so it needs no slack.
    """
    return Detector(
        HourOfWeek(), CUSUM(k=0.25), f"{channel} CUSUM", channel,
        gate_ratio=1.4, gate_usd=40.0, gate_hours=24,
    )  # fmt: skip


def _of_hours(chart: Chart, name: str, *, hours: int) -> Detector:
    """Hours of a feature are news at twice the dearest hours around them, and $1.50 more.

    The hour of slack keeps the week between two zones' changes of clocks silent.
    """
    return Detector(
        HourOfWeek(slack_hours=1), chart, name, "feature",
        gate_ratio=2.0, gate_usd=1.5, gate_hours=hours,
    )  # fmt: skip


def compared_detectors(
    monthly_budget_usd: float, *, refitted: bool = False
) -> tuple[SeriesDetector, ...]:
    """Every kind of detector once, the dummies among them: what a comparison is made of.

    Parameters
    ----------
    monthly_budget_usd : float
        A user's share and a new feature's are of a 30th of it.
    refitted : bool
        Also the baselines of statsmodels, refitted once a week: STL, MSTL, exponential smoothing
        and a negative-binomial GLM. They take a hundred times longer than all others together.

    Examples
    --------
    >>> names = [detector.name for detector in compared_detectors(10_000)]
    >>> names[0], names[-1], len(set(names)) == len(names)
    ('naive z-score', 'never', True)
    """
    hours, weekly = HourOfWeek(), HOURS_IN_WEEK
    models: tuple[SeriesDetector, ...] = (
        Detector(SeasonalTrend(refit_hours=weekly), Shewhart(), name="STL z-score"),
        Detector(MultiSeasonalTrend(refit_hours=weekly), Shewhart(), name="MSTL z-score"),
        Detector(ExponentialSmoothing(refit_hours=weekly), Shewhart(), name="ETS z-score"),
        Detector(
            NegativeBinomialGLM(refit_hours=weekly),
            Shewhart(),
            name="NB-GLM z-score",
            channel="calls",
        ),
    )
    return (
        *(factory() for factory in presets().values()),
        Detector(SmoothedHourOfWeek(), Shewhart(), name="smoothed z-score"),
        Detector(hours, CusumBank(), name="CUSUM bank"),
        Detector(hours, GLR(), name="GLR"),
        ExcessDollars(hours),
        replace(seasonal_cusum(), baseline=Guarded(hours), name="guarded CUSUM"),
        Detector(hours, CUSUM(k=1.0), name="feature CUSUM", channel="feature"),
        Detector(hours, Shewhart(), name="feature z-score", channel="feature"),
        Detector(hours, CUSUM(k=1.0), name="unit cost CUSUM", channel="unit_cost"),
        Detector(hours, Shewhart(), name="top feature z-score", channel="top_feature"),
        CountCusum(hours, channel="calls"),
        CountGLR(hours, channel="calls"),
        *(models if refitted else ()),
        UserShare(monthly_budget_usd / 30),
        _new_feature(monthly_budget_usd / 30),
        NewUser(),
        FixedThreshold(),
        WeekOverWeek(),
        LiteLLMRule(),
        SustainedGrowth(),
        FeedSilence(hours),
        RandomAlarm(),
        AlwaysAlarm(),
        NeverAlarm(),
    )
