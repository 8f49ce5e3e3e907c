"""Every figure, wide and on a phone: no text on another, dollars from zero, words attached."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

from costsim.errors import DataError, SettingError
from costsim.show import figures
from costsim.show.cards import Ribbon

WIDTHS = (9.0, 3.75)
DOLLARS_UP = {
    "hourly_spend", "hourly_total", "hourly_half_day", "hourly_months", "daily_spend",
    "burn_clock", "burn_clock_late", "burn_clock_same_hours", "month_to_date",
    "month_near_budget", "hourly_two",
}  # fmt: skip


COMPARED = (
    "detector", "delay_median_h", "delay_p90_h", "burned_median_usd", "burned_p90_usd",
    "caught_within_4h", "missed", "false_alarms_per_month", "fa_low", "fa_high",
)  # fmt: skip
NO_ALARMS = pd.DataFrame({"detector": [], "time": [], "burned_usd": []})


@pytest.fixture(scope="module")
def drawn(frames: SimpleNamespace) -> dict[tuple[str, float], Axes]:
    result = {}
    for name, draw in frames.drawings.items():
        for width in WIDTHS:
            with figures.page_width(width):
                result[name, width] = draw(ribbon=frames.ribbon)
    return result


@pytest.mark.parametrize("width", WIDTHS)
def test_no_text_lies_on_another_or_leaves_the_figure(
    look: SimpleNamespace, drawn: dict[tuple[str, float], Axes], name: str, width: float
) -> None:
    look.assert_apart_and_inside(drawn[name, width])


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("clock", ["burn_clock", "burn_clock_late", "burn_clock_same_hours"])
def test_flags_keep_clear_of_stems_and_of_the_curve(
    drawn: dict[tuple[str, float], Axes], clock: str, width: float
) -> None:
    ax = drawn[clock, width]
    boxes = [(t, t.get_window_extent()) for t in ax.texts if "\n" in t.get_text()]
    boxes = [(t, b) for t, b in boxes if ax.bbox.y0 < b.y0 and b.x1 < ax.bbox.x1 + 3]
    stems = [line for line in ax.lines if line.get_zorder() == 2.5]
    assert len(stems) >= 1
    curve = max(ax.lines, key=lambda line: len(np.asarray(line.get_xdata())))
    for line in [*stems, curve]:
        corners = np.asarray(line.get_xydata(), dtype=float)
        if line is not curve:  # two corners: fill in between
            corners = np.linspace(corners[0], corners[1], 200)
        x, y = line.get_transform().transform(corners).T
        for text, box in boxes:
            inside = (x > box.x0) & (x < box.x1) & (y > box.y0) & (y < box.y1)
            assert not inside.any(), text.get_text()


@pytest.mark.parametrize("dollars", sorted(DOLLARS_UP))
def test_dollar_axes_start_at_zero(drawn: dict[tuple[str, float], Axes], dollars: str) -> None:
    for width in WIDTHS:
        ax = drawn[dollars, width]
        assert ax.get_ylim()[0] == 0
        assert ax.get_yscale() == "linear"
        assert "US$" in ax.get_ylabel()
        labels = [tick.get_text() for tick in ax.get_yticklabels()]
        assert labels[0] == "$0"
        assert all(label.startswith("$") for label in labels)


def test_bars_and_trend_start_at_zero(drawn: dict[tuple[str, float], Axes]) -> None:
    assert drawn["breakdown", 9.0].get_xlim()[0] == 0
    for panel in drawn["decomposition", 9.0].child_axes[:2]:
        assert panel.get_ylim()[0] == 0


def test_axes_name_their_units(drawn: dict[tuple[str, float], Axes], name: str) -> None:
    ax = drawn[name, 9.0]
    for one in ax.child_axes or [ax]:
        named = one.get_xlabel() + one.get_ylabel()
        assert any(unit in named for unit in ("US$", "%", "correlation", "time", "an hour")), named


def test_alt_text_says_what_is_seen_and_the_ribbon(
    drawn: dict[tuple[str, float], Axes], name: str
) -> None:
    ax = drawn[name, 9.0]
    words = figures.alt_text(ax)
    assert len(words) > 60
    assert "\n" not in words
    assert "SIMULATED surprise-40k, seed 7" in words
    figure = ax.get_figure(root=True)
    assert figure is not None
    assert figures.alt_text(figure) == words


def test_alt_text_holds_the_figures_that_were_drawn(
    frames: SimpleNamespace,
    drawn: dict[tuple[str, float], Axes],
) -> None:
    total = float(frames.hourly()["usd"].sum())
    assert f"${total:,.0f} in all" in figures.alt_text(drawn["hourly_total", 9.0])
    assert "user_share Mon 08:00 after $1" in figures.alt_text(drawn["burn_clock", 9.0])


def test_drawn_inside_given_axes_without_touching_pyplot(
    frames: SimpleNamespace, name: str
) -> None:
    import matplotlib as mpl
    import matplotlib.pyplot as plt
    from matplotlib.figure import Figure

    before = dict(mpl.rcParams)
    given = Figure(figsize=(14, 6)).subplots(1, 2)[0]
    assert frames.drawings[name](ax=given) is given
    assert plt.get_fignums() == []
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize(
    "one_of",
    ["hourly_spend", "burn_clock", "detector_comparison", "burned_runs", "cost_distribution"],
)
def test_equal_frames_give_equal_bytes(frames: SimpleNamespace, one_of: str) -> None:
    one, other = (frames.drawings[one_of]().get_figure(root=True) for _ in range(2))
    assert figures.svg(one) == figures.svg(other)
    if one_of == "hourly_spend":  # dots follow from the same drawing: once is enough
        assert figures.png(one) == figures.png(other)


def test_a_session_theme_changes_nothing(frames: SimpleNamespace) -> None:
    import matplotlib as mpl

    plain = figures.svg(frames.drawings["daily_spend"]().get_figure(root=True))
    with mpl.rc_context({"axes.facecolor": "black", "font.size": 30, "axes.grid": True}):
        themed = figures.svg(frames.drawings["daily_spend"]().get_figure(root=True))
    assert themed == plain


def test_a_notebook_shows_the_picture_with_its_words(frames: SimpleNamespace) -> None:
    from IPython.core.formatters import DisplayFormatter

    ax = frames.drawings["breakdown"](ribbon=frames.ribbon)
    data, about = DisplayFormatter().format(ax)
    assert set(data) == {"image/png", "text/plain"}
    assert about["image/png"]["alt"] == data["text/plain"] == figures.alt_text(ax)
    assert about["image/png"]["width"] == 864


def test_stack_heights_are_the_sums(frames: SimpleNamespace) -> None:
    frame = frames.hourly(1)
    ax = figures.hourly_spend(frame, by="feature_name")
    tops = max(float(patch.get_datalim(ax.transData).y1) for patch in ax.collections)
    assert tops == pytest.approx(frame.groupby("time")["usd"].sum().max())


def test_months_are_drawn_by_local_day_and_add_up() -> None:
    time = pd.date_range("2024-08-01 04:00", periods=100 * 24, freq="h", tz="UTC")
    ax = figures.hourly_spend(
        pd.DataFrame({"time": time, "usd": 1.0}),
        time_zone="America/New_York",
        budget_per_hour_usd=2,
    )
    assert ax.get_ylabel() == "US$ per day"
    heights = np.asarray(ax.lines[0].get_ydata(), dtype=float)
    # New York leaves summer time on 3 November: that day has 25 hours, the last one 23.
    assert set(heights) == {23.0, 24.0, 25.0}
    assert "the budget, $48.00 per day" in ax.get_xlabel()


def test_hours_without_rows_stay_open() -> None:
    frame = pd.DataFrame(
        {"time": pd.to_datetime(["2024-08-09T00Z", "2024-08-09T01Z", "2024-08-09T05Z"]), "usd": 1.0}
    )
    line = figures.hourly_spend(frame).lines[0]
    gap = np.isnan(np.asarray(line.get_ydata(), dtype=float))
    assert gap.sum() == 2 * 3  # three hours, two corners each


@pytest.mark.parametrize(
    ("draw", "columns"),
    [
        (figures.hourly_spend, ["time", "usd"]),
        (figures.daily_spend, ["date", "feature_name", "usd"]),
        (figures.breakdown, ["name", "usd", "share"]),
        (figures.concentration, ["rank_share", "cost_share"]),
        (figures.autocorrelation, ["lag", "acf", "low", "high"]),
        (figures.decomposition, ["time", "observed", "trend", "seasonal", "residual"]),
        (figures.cost_per_call, ["feature_name", "usd_low", "usd_p50", "usd_p95", "usd_max"]),
        (figures.detector_comparison, [*COMPARED]),
        (figures.burned_runs, ["detector", "burned_usd", "early", "missed"]),
        (figures.cost_distribution, ["feature_name", "usd"]),
        (lambda f: figures.burn_clock(f, NO_ALARMS), ["time", "burned_usd"]),
        (lambda f: figures.month_to_date(f, 10.0), ["time", "cumulative_usd"]),
    ],
)
def test_empty_frames_say_so_and_missing_columns_are_named(
    draw: Callable[[pd.DataFrame], Axes], columns: list[str]
) -> None:
    ax = draw(pd.DataFrame({name: [] for name in columns}))
    assert "no data in this period" in figures.alt_text(ax)
    with pytest.raises(DataError, match=f"'{columns[-1]}' missing|'{columns[0]}'"):
        draw(pd.DataFrame({"other": [1]}))


def test_two_hours_are_drawn_as_two_hours() -> None:
    """A trace of one hour that begins at a quarter past lies in two hours of the clock."""
    time = pd.to_datetime(["2023-11-16T18:00Z", "2023-11-16T19:00Z"])
    ax = figures.hourly_spend(pd.DataFrame({"time": time, "usd": [210.3, 77.2]}))
    assert ax.get_ylabel() == "US$ per hour"
    low, high = ax.get_xlim()
    assert (high - low) * 24 == pytest.approx(2)
    assert [label.get_text().split("\n")[0] for label in ax.get_xticklabels()] == [
        "18:00", "19:00", "20:00",
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["object", "str", "category"])
@pytest.mark.parametrize("nothing", [None, float("nan"), pd.NA])
def test_calls_without_a_feature_are_a_layer_of_their_own(kind: str, nothing: object) -> None:
    time = pd.to_datetime(["2023-11-16T18:00Z"] * 3 + ["2023-11-16T19:00Z"])
    names = pd.Series(["chat", nothing, "code", nothing], dtype="object").astype(kind)
    frame = pd.DataFrame({"time": time, "feature_name": names, "usd": [1.0, 2.0, 4.0, 8.0]})
    ax = figures.hourly_spend(frame, by="feature_name")
    assert "(no feature) $10.00" in figures.alt_text(ax)
    assert "$15.00 in all" in figures.alt_text(ax)
    daily = frame.assign(date="2023-11-16")
    shown = [text.get_text() for text in figures.daily_spend(daily).texts]
    assert "(no feature)  $10.00" in shown
    by_user = frame.rename(columns={"feature_name": "user_id"})
    assert "(no user) $10.00" in figures.alt_text(figures.hourly_spend(by_user, by="user_id"))


@pytest.mark.parametrize("usd", [0.0, 0.004, 3e9])
def test_one_row_of_any_size_is_drawn(usd: float) -> None:
    at = datetime(2024, 8, 9, tzinfo=UTC)
    ax = figures.hourly_spend(pd.DataFrame({"time": [at], "usd": [usd]}))
    assert ax.get_ylim()[0] == 0 < ax.get_ylim()[1]
    low, high = ax.get_xlim()
    assert (high - low) * 24 == pytest.approx(1)


def test_naive_times_and_wrong_zones_are_refused() -> None:
    naive = pd.DataFrame({"time": pd.to_datetime(["2024-08-09"]), "usd": 1.0})
    with pytest.raises(DataError, match="naive"):
        figures.hourly_spend(naive)
    aware = naive.assign(time=naive["time"].dt.tz_localize("UTC"))
    with pytest.raises(SettingError, match="IANA name such as 'Europe/Berlin'; got 'Mars'"):
        figures.hourly_spend(aware, time_zone="Mars")


def test_a_foreign_figure_has_no_words() -> None:
    from matplotlib.figure import Figure

    with pytest.raises(DataError, match="alt text"):
        figures.alt_text(Figure())


def test_real_ribbon_is_drawn(frames: SimpleNamespace) -> None:
    ax = figures.breakdown(frames.parts(), ribbon=Ribbon("REAL", "my.csv"))
    assert "REAL  my.csv" in [text.get_text() for text in ax.texts]
