"""A slider over an operating curve, and the same as a table where no slider can be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any

from costsim.errors import SettingError
from costsim.show.formats import share, trimmed, usd
from costsim.show.tables import table_html, table_text
from costsim.show.text import NO_TEX

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from costsim.show.cards import Ribbon

_FORMATS = {"within_4h": "share", "early": "share"}
_LABELS = {
    "wanted": "false alarms a month, wanted",
    "measured": "measured",
    "more_pages": "more pages a month than one notch before",
    "burned_mean_usd": "burned an incident, mean",
    "saved_usd": "saved by it, mean",
    "within_4h": "caught within 4 h",
    "early": "alarm before the incident",
}


@dataclass(frozen=True, repr=False)
class Notches:
    """Notches of sensitivity: what one more costs in false pages, and saves in dollars.

    Shows itself as a slider where ipywidgets and a kernel are there, and as a table elsewhere.

    Parameters
    ----------
    curve : pandas.DataFrame
        A row a notch: ``wanted`` and ``measured`` false alarms a month, ``low`` and ``high`` of
        the measured, ``burned_median_usd``, ``burned_mean_usd``, ``burned_p90_usd``,
        ``caught_within_4h``, ``early``.
    chosen : float
        Wanted rate at which the slider begins.
    ribbon : Ribbon, optional
    save : callable, optional
        Takes a wanted rate, keeps its settings and says so; a button calls it.

    Raises
    ------
    SettingError
        `chosen` is no notch.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = [dict(wanted=w, measured=w, low=w, high=w, burned_median_usd=b, burned_mean_usd=b,
    ...         burned_p90_usd=b, caught_within_4h=1.0, early=0.0) for w, b in ((1, 90), (2, 60))]
    >>> Notches(pd.DataFrame(rows), 1).words(2).partition(" An incident")[0]
    '2 false alarms a month wanted, 2 measured (2 to 2). One notch more: 1 more false pages a month,
    $30.00 less burned an incident.'
    """

    curve: pd.DataFrame
    chosen: float
    ribbon: Ribbon | None = None
    save: Callable[[float], str] | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        rates = self.rates
        if self.chosen not in rates:
            raise SettingError(f"chosen must be one of {rates}; got {self.chosen!r}")

    @property
    def rates(self) -> list[float]:
        """Wanted rates, the most silent first."""
        return sorted(self.curve["wanted"].tolist())

    def to_frame(self) -> pd.DataFrame:
        """A row a notch.

        Returns
        -------
        pandas.DataFrame
            wanted, measured, more_pages (false alarms a month above the notch before),
            burned_mean_usd, saved_usd (below the notch before), within_4h, early; dollars are
            missing where there is no incident to judge by.
        """
        rows = self.curve.sort_values("wanted", ignore_index=True)
        frame = rows[["wanted", "measured"]].copy()
        frame["more_pages"] = rows["measured"].diff()
        frame["burned_mean_usd"] = rows["burned_mean_usd"]
        frame["saved_usd"] = -rows["burned_mean_usd"].diff()
        frame["within_4h"], frame["early"] = rows["caught_within_4h"], rows["early"]
        return frame

    def words(self, rate: float) -> str:
        """Say what a notch stands for, and what it costs and saves against the one before."""
        position = self.rates.index(rate)
        row = self.to_frame().iloc[position]
        around = self.curve.set_index("wanted").loc[rate]
        low, high = _rate(around["low"]), _rate(around["high"])
        said = (
            f"{rate:g} false alarms a month wanted, {_rate(row['measured'])} measured "
            f"({low} to {high})."
        )
        judged = row["burned_mean_usd"] == row["burned_mean_usd"]
        if position:
            said += f" One notch more: {_rate(row['more_pages'])} more false pages a month"
            if judged:
                less = "less" if row["saved_usd"] >= 0 else "more"
                said += f", {usd(abs(row['saved_usd']))} {less} burned an incident"
            said += "."
        if judged:
            said += (
                f" An incident burns {usd(row['burned_mean_usd'])} on average before the alarm, "
                f"{share(row['within_4h'])} are caught within 4 h, and in {share(row['early'])} "
                "of the launches it rings before the incident."
            )
        return said

    def plot(self, rate: float | None = None, ax: Any = None) -> Axes:
        """The operating curve with a notch marked."""
        from costsim.show import figures

        marked = self.chosen if rate is None else rate
        return figures.operating_curve(self.curve, chosen=marked, ribbon=self.ribbon, ax=ax)

    def widget(self) -> Any:
        """The slider with the curve beside it, as an ipywidgets box.

        Raises
        ------
        SettingError
            ipywidgets is not installed.
        """
        try:
            import ipywidgets as widgets
        except ImportError as error:
            raise SettingError(
                "a slider needs ipywidgets, which is not installed: pip install 'costsim[lab]'"
            ) from error
        slider = widgets.SelectionSlider(
            options=[(f"{rate:g}", rate) for rate in self.rates],
            value=self.chosen,
            description="false alarms a month",
            continuous_update=False,
            style={"description_width": "initial"},
            layout={"width": "100%"},
        )
        told, curve = widgets.HTML(), widgets.Image(layout={"max_width": "640px", "width": "100%"})
        pictures: dict[float, bytes] = {}

        def show(_: Any = None) -> None:
            rate = slider.value
            if rate not in pictures:
                pictures[rate] = _png(self.plot(rate))
            told.value = f'<p class="{NO_TEX}">{escape(self.words(rate))}</p>'
            curve.value = pictures[rate]

        slider.observe(show, "value")
        show()
        left = [slider, told]
        if self.save is not None:
            left += _button(widgets, slider, self.save)
        column = widgets.VBox(left, layout={"flex": "1 1 300px", "max_width": "380px"})
        return widgets.HBox([column, curve], layout={"flex_flow": "row wrap"})

    def __repr__(self) -> str:
        return table_text(self.to_frame(), _FORMATS)

    def _repr_html_(self) -> str:
        caption = "What one notch costs and saves"
        caption += f"; {self.ribbon}" if self.ribbon else ""
        return table_html(self.to_frame(), _FORMATS, caption=caption, labels=_LABELS)

    def _ipython_display_(self) -> None:
        from IPython.display import HTML, display

        try:
            import ipywidgets  # noqa: F401
        except ImportError:
            pass
        else:
            display(self.widget())  # type: ignore[no-untyped-call]
        # stays where no kernel runs, as on a page made of the notebook
        display(HTML(self._repr_html_()))  # type: ignore[no-untyped-call]


def _rate(value: Any) -> str:
    return trimmed(round(value, 2))


def _png(ax: Axes) -> bytes:
    from costsim.show import figures

    return figures.png(ax.get_figure(root=True), dpi=144)  # type: ignore[arg-type]


def _button(widgets: Any, slider: Any, save: Callable[[float], str]) -> list[Any]:
    button, said = widgets.Button(description="Save this suite", icon="check"), widgets.HTML()

    def write(_: Any) -> None:
        said.value = f'<p class="{NO_TEX}">{escape(save(slider.value))}</p>'

    def forget(_: Any) -> None:
        said.value = ""

    button.on_click(write)
    slider.observe(forget, "value")
    return [button, said]
