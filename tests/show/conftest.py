"""Frames of the shapes that the figures take, with names from outside that mean harm."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import combinations
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.text import Text

from costsim.show import figures
from costsim.show.cards import Ribbon

RIBBON = Ribbon("SIMULATED", "surprise-40k, seed 7", "Thu 23:00")
ZONE = "America/New_York"
FEATURES = [
    "deep_analysis", "code_review", "support_chat", "a feature with quite a long name indeed",
    "$a$ <b>\n", "日本語\u202e", "email_draft", "search",
]  # fmt: skip
DETECTORS = [
    "user_share", "seasonal_cusum", "seasonal_ewma", "seasonal_z_score", "z_score",
    "naive_z_score", "fixed_threshold",
]  # fmt: skip


def hourly(days: float = 7) -> pd.DataFrame:
    time = pd.date_range("2024-08-09 04:00", periods=int(days * 24), freq="h", tz="UTC")
    wave = 1 + np.sin(np.arange(len(time)) * 2 * np.pi / 24)
    parts = [
        pd.DataFrame({"time": time, "feature_name": name, "usd": wave * 400 / (i + 1) ** 2})
        for i, name in enumerate(FEATURES)
    ]
    return pd.concat(parts, ignore_index=True)


def alarms() -> pd.DataFrame:
    start = pd.Timestamp("2024-08-12 12:00", tz="UTC")
    rows = [
        (start + pd.Timedelta(hours=i + 5 * k), name)
        for i, name in enumerate(DETECTORS)
        for k in range(6)
    ]
    return pd.DataFrame(rows, columns=["time", "detector"])


def burned() -> pd.DataFrame:
    time = pd.date_range("2024-08-12 11:00", periods=90, freq="h", tz="UTC")
    return pd.DataFrame({"time": time, "burned_usd": np.arange(90.0) ** 2.2})


def first_alarms(lags: list[float]) -> pd.DataFrame:
    start = burned()["time"].iloc[0]
    names = [*DETECTORS[: len(lags)], "never_fires"]
    time = [start + pd.Timedelta(hours=lag) for lag in lags]
    return pd.DataFrame(
        {
            "detector": names,
            "time": [*time, pd.NaT],
            "burned_usd": [*(max(x, 0.0) ** 2.2 for x in lags), None],
        }
    )


def variants() -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(4)
    sizes = {"no limits": 38_000, FEATURES[4]: 9_000, FEATURES[5]: 300, "one run": 5_000}
    dots = [
        pd.DataFrame({"variant": name, "usd": size * rng.uniform(0.9, 1.1, 20)})
        for name, size in sizes.items()
    ]
    means = pd.DataFrame({"variant": list(sizes), "mean": list(sizes.values())}).astype(
        {"mean": float}
    )
    means = means.assign(mean_low=means["mean"] * 0.97, mean_high=means["mean"] * 1.03)
    means.loc[3, ["mean_low", "mean_high"]] = np.nan
    return pd.concat(dots, ignore_index=True), means


def accounted() -> pd.DataFrame:
    """Four ways of accounting for one cap, as compare_accounting gives them."""
    flying = np.array([0.1, 1, 3, 10, 30])
    rows = []
    for way, kind, each, hold in (
        ("looked at first, recorded at once", "check", 2.6, 0.0),
        ("looked at first, recorded 1 h late", "check", 160.0, 0.0),
        ("reserved, the most it can cost", "reserve", 0.0, 0.013),
        ("reserved, the 95% answer", "reserve", 0.0, 0.009),
    ):
        for at in flying:
            over = each * at if kind == "check" else float("nan")
            rows.append((way, kind, at, 100 + each * at, over, hold * at))
    columns = ["way", "accounting", "concurrency", "spent_usd", "formula_usd", "hold_denied_share"]
    return pd.DataFrame(rows, columns=columns)


def one_day() -> pd.DataFrame:
    """A blocked user's hours."""
    hour = np.arange(24)
    asked = np.where((hour > 8) & (hour < 19), 3, 0)
    answered = np.where(hour < 11, asked, 0)
    spent = np.cumsum(answered * 0.6)
    return pd.DataFrame(
        {"hour": hour, "answered": answered, "refused": asked - answered, "spent_usd": spent}
    )


def kept() -> pd.DataFrame:
    """What limits keep of some incidents, one of them kept whole and more, one not billed."""
    return pd.DataFrame(
        {
            "scenario": ["surprise-40k-multipass", "agent-loop", "free-tier-abuse", "silence"],
            "adds_usd": [28_016.0, 2_324.0, 3_042.0, 0.0],
            "left_usd": [-40.0, 1_200.0, 2_976.0, 0.0],
            "kept_share": [1.001, 0.484, 0.0217, float("nan")],
        }
    )


def traded() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Limits that were tried, and those to be named; two of them close to each other."""
    blocked = np.array([0.0, 0.002, 0.004, 0.03, 0.09, 0.2, 0.3, 0.98])
    saved = np.array([11e3, 87e3, 116e3, 135e3, 128e3, 130e3, 142e3, 109e3])
    tried = pd.DataFrame({"saved_usd": saved, "ordinary_blocked_share": blocked})
    tried["frontier"] = saved >= np.maximum.accumulate(saved)
    named = pd.DataFrame(
        {
            "name": ["flat-caps", "flat-caps-suggested", "deep_analysis for most users"],
            "saved_usd": [131e3, 126e3, 124e3],
            "ordinary_blocked_share": [0.09, 0.06, 0.02],
            "given": [True, False, False],
        }
    )
    return tried, named


def limited() -> tuple[pd.DataFrame, pd.DataFrame]:
    dots = variants()[0]
    groups = [("feature", FEATURES[4]), ("feature", FEATURES[5]), ("tier", "free")]
    blocked = pd.DataFrame(groups, columns=["kind", "name"])
    shares = np.array([0.99, 0.055, 0.0])
    return dots, blocked.assign(blocked_share=shares, low=shares * 0.9, high=shares)


def comparison() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "detector": [*DETECTORS, "never_fires"],
            "delay_median_h": [1, 2, 2.3, 3, 5, 27, 3.1, np.nan],
            "delay_p90_h": [2, 4, 5, 9, 26, np.inf, 8, np.nan],
            "burned_median_usd": [62, 141, 170, 280, 640, 3900, 300, np.nan],
            "burned_p90_usd": [190, 410, 520, 1400, 4200, np.nan, 1200, np.nan],
            "caught_within_4h": [1, 0.93, 0.9, 0.71, 0.42, 0.15, 0.7, 0],
            "missed": [0, 0, 0, 0.01, 0.02, 0.12, 0, 1],
            "false_alarms_per_month": [1.02, 0.97, 1.04, 1, 0.95, 1, 1.1, 0],
            "fa_low": [0.86, 0.82, 0.9, 0.85, 0.8, 0.84, 0.92, 0],
            "fa_high": [1.2, 1.14, 1.22, 1.17, 1.1, 1.18, 1.3, 0.02],
            "foil": [False] * 5 + [True, False, True],
        }
    )


def parts() -> pd.DataFrame:
    usd = 26000.0 / np.arange(1, 9) ** 2
    return pd.DataFrame({"name": FEATURES, "usd": usd, "share": usd / usd.sum()})


def month() -> pd.DataFrame:
    time = pd.date_range("2024-08-01 04:00", periods=15 * 24, freq="h", tz="UTC")
    return pd.DataFrame({"time": time, "cumulative_usd": np.linspace(0, 7.2, 360) ** 5.5})


def components() -> pd.DataFrame:
    n = np.arange(28 * 24)
    time = pd.date_range("2024-07-12 04:00", periods=len(n), freq="h", tz="UTC")
    seasonal, residual = 40 * np.sin(n * 2 * np.pi / 168), 5 * np.cos(n * 1.7)
    trend = 60 + n / 50
    return pd.DataFrame(
        {
            "time": time,
            "observed": trend + seasonal + residual,
            "trend": trend,
            "seasonal": seasonal,
            "residual": residual,
        }
    )


def correlation() -> pd.DataFrame:
    lag = np.arange(49)
    return pd.DataFrame({"lag": lag, "acf": 0.7**lag, "low": -0.07, "high": 0.07})


def calls() -> pd.DataFrame:
    middle = 2.4 / 4.0 ** np.arange(6)
    return pd.DataFrame(
        {
            "feature_name": FEATURES[:6],
            "usd_low": [0.4, 0, *middle[2:] / 9],
            "usd_p50": middle,
            "usd_p95": middle * 3,
            "usd_max": middle * 11,
        }
    )


def lorenz() -> pd.DataFrame:
    weight = 1 / np.arange(1, 5001) ** 0.8
    return pd.DataFrame(
        {"rank_share": np.arange(1, 5001) / 5000, "cost_share": weight.cumsum() / weight.sum()}
    )


def same_hours() -> pd.DataFrame:
    """Seven detectors that speak at three times."""
    lags = [1.0, 2.0, 2.0, 1.0, 3.0, 3.0, 3.0]
    return first_alarms(lags).iloc[:7]


def days_of_month(spent: float, days: int, *, hot: bool = True) -> pd.DataFrame:
    """Whole local days of August; ``hot`` ends steeply, otherwise at an even pace."""
    ends = pd.date_range("2024-08-02", periods=days, tz=ZONE) - pd.Timedelta(seconds=1)
    each = np.ones(days)
    each[-4:] *= 8 if hot else 1
    total = spent * each.cumsum() / each.sum()
    return pd.DataFrame({"time": ends.tz_convert("UTC"), "cumulative_usd": total})


def runs(count: int = 40, *, far: float = 2.2) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    rows = []
    for i, name in enumerate(DETECTORS):
        early = rng.random(count) < i / 15
        missed = ~early & (rng.random(count) < (i - 3) / 8)
        usd = 60 * far**i * np.exp(rng.normal(0, 0.3, count))
        usd = np.where(missed, 60 * far**7, usd)
        rows.append(pd.DataFrame({"burned_usd": usd, "early": early, "missed": missed}))
        rows[-1] = rows[-1].assign(detector=name, foil=name == "naive_z_score")
    return pd.concat(rows, ignore_index=True)


def single_calls(count: int = 150, *, apart: float = 3.3, seed: int = 2) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    parts = [
        pd.DataFrame({"feature_name": name, "usd": 2.4 / apart**i * rng.lognormal(0, 0.8, count)})
        for i, name in enumerate(FEATURES)
    ]
    return pd.concat(parts, ignore_index=True)


INCIDENT = (
    datetime(2024, 8, 12, 11, tzinfo=UTC),
    datetime(2024, 8, 16, 4, tzinfo=UTC),
    "incident from Mon 07:00",
)


def swings() -> pd.DataFrame:
    """Of an estimate; the last one's high costs less, and no assumption's name is short."""
    return pd.DataFrame(
        {
            "assumption": ["input tokens", "calls a user and day", "$a$ <b>\n", "cached share"],
            "low": [2_000, 0.5, 500, 0.1],
            "high": [50_000, 2, 900, 0.4],
            "low_usd": [419.0, 627.0, 1119.0, 1676.0],
            "high_usd": [3175.0, 2508.0, 2015.0, 1459.0],
        }
    )


MAIL = (datetime(2024, 8, 12, 11, tzinfo=UTC) + timedelta(hours=75), "CFO's mail")

DRAWINGS: dict[str, Callable[..., Any]] = {
    "hourly_spend": partial(
        figures.hourly_spend, hourly(), by="feature_name", alarms=alarms(), incident=INCIDENT,
        time_zone=ZONE, budget_per_hour_usd=74.0, highlight="deep_analysis",
    ),
    "hourly_total": partial(figures.hourly_spend, hourly(), time_zone=ZONE),
    "hourly_half_day": partial(figures.hourly_spend, hourly(0.5), by="feature_name"),
    "hourly_months": partial(figures.hourly_spend, hourly(200), by="feature_name"),
    "daily_spend": partial(
        figures.daily_spend,
        hourly().assign(date=lambda f: f["time"].dt.tz_convert(ZONE).dt.date),
    ),
    "burn_clock": partial(
        figures.burn_clock, burned(), first_alarms([1, 2, 2, 3, 5, 7, -64]), MAIL, time_zone=ZONE
    ),
    "burn_clock_late": partial(
        figures.burn_clock, burned(), first_alarms([1, 1, 1, 24, 30, 60, 70]), MAIL
    ),
    "burn_clock_same_hours": partial(
        figures.burn_clock, burned(), same_hours(), MAIL, time_zone=ZONE
    ),
    "burned_runs": partial(figures.burned_runs, runs()),
    "burned_runs_close": partial(figures.burned_runs, runs(far=1.15)),
    "cap_overshoot": partial(figures.cap_overshoot, accounted(), cap_usd=100.0),
    "blocked_hours": partial(
        figures.blocked_hours, one_day(), title="A blocked user's day: Thu 15 Aug",
        of="deep_analysis", cap_usd=5.0,
    ),
    "kept_shares": partial(figures.kept_shares, kept()),
    "limits_frontier": partial(figures.limits_frontier, *traded(), bound=0.02),
    "limits_effect": partial(figures.limits_effect, *limited(), budget_usd=12_000.0),
    "variant_runs": partial(figures.variant_runs, *variants()),
    "cost_distribution": partial(figures.cost_distribution, single_calls()),
    "cost_distribution_alike": partial(figures.cost_distribution, single_calls(apart=1.0)),
    "detector_comparison": partial(figures.detector_comparison, comparison()),
    "breakdown": partial(figures.breakdown, parts(), highlight="deep_analysis"),
    "month_to_date": partial(
        figures.month_to_date, month(), 55_000.0, (71_000.0, 76_000.0, 83_000.0), time_zone=ZONE
    ),
    "month_near_budget": partial(
        figures.month_to_date, days_of_month(52_365.0, 15), 55_000.0, time_zone=ZONE
    ),
    "hourly_two": partial(figures.hourly_spend, hourly(2 / 24), time_zone="UTC"),
    "decomposition": partial(figures.decomposition, components(), time_zone=ZONE),
    "autocorrelation": partial(figures.autocorrelation, correlation()),
    "cost_per_call": partial(figures.cost_per_call, calls()),
    "concentration": partial(figures.concentration, lorenz()),
    "tornado": partial(figures.tornado, swings(), 1567.0),
}  # fmt: skip


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for ``name`` runs for every figure."""
    if "name" in metafunc.fixturenames and metafunc.module.__name__.endswith("test_figures"):
        metafunc.parametrize("name", DRAWINGS)


@pytest.fixture(scope="session")
def frames() -> SimpleNamespace:
    """The builders above, and each figure drawn from them."""
    return SimpleNamespace(
        hourly=hourly,
        parts=parts,
        first_alarms=first_alarms,
        comparison=comparison,
        same_hours=same_hours,
        days_of_month=days_of_month,
        runs=runs,
        single_calls=single_calls,
        drawings=DRAWINGS,
        ribbon=RIBBON,
    )


def texts(ax: Axes) -> Iterator[tuple[Text, Any]]:
    """Every text that is really drawn, with its extent in pixels."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()
    drawn_axes = [one for one in figure.findobj(Axes) if one.get_visible()]
    seen: list[Text] = []
    for one in drawn_axes:
        seen += one.texts
        if one.axison:
            for axis in (one.xaxis, one.yaxis):
                low, high = sorted(axis.get_view_interval())
                seen.append(axis.label)
                for tick in axis.get_major_ticks() + axis.get_minor_ticks():
                    if low <= tick.get_loc() <= high:
                        seen.append(tick.label1)
    for text in seen:
        if text.get_visible() and text.get_text().strip():
            yield text, text.get_window_extent()


def assert_apart_and_inside(ax: Axes) -> None:
    """No text lies on another or leaves the figure."""
    found = list(texts(ax))
    assert len(found) > 5
    for (one, here), (other, there) in combinations(found, 2):
        wide = min(here.x1, there.x1) - max(here.x0, there.x0)
        tall = min(here.y1, there.y1) - max(here.y0, there.y0)
        # Extents hold the line's ascent and descent: two pixels of them may touch.
        assert wide <= 1 or tall <= 2, f"{one.get_text()!r} lies on {other.get_text()!r}"
    figure = ax.get_figure(root=True)
    assert figure is not None
    for text, box in found:
        least, most = min(box.x0, box.y0), (box.x1 - figure.bbox.x1, box.y1 - figure.bbox.y1)
        assert least >= -1, text.get_text()
        assert max(most) <= 1, text.get_text()


def crossed(text: Text, lines: list[Any]) -> list[Any]:
    """Those of the lines that go through the text, by matplotlib's own geometry of paths."""
    box = text.get_window_extent()
    return [
        line
        for line in lines
        if line.get_transform().transform_path(line.get_path()).intersects_bbox(box, filled=False)
    ]


@pytest.fixture(scope="session")
def look() -> SimpleNamespace:
    """What can be checked of any drawing."""
    return SimpleNamespace(
        texts=texts, assert_apart_and_inside=assert_apart_and_inside, crossed=crossed
    )
