"""Tune a suite: one budget of false alarms, and what one notch of it costs and saves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from costsim.show.cards import Ribbon

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from matplotlib.axes import Axes

    from costsim.detect import Suite
    from costsim.show.notches import Notches


@dataclass(frozen=True, repr=False)
class Tuning:
    """A suite at its budget of false alarms, and its operating curve.

    Attributes
    ----------
    suite : Suite
        At the wanted rate.
    curve : pandas.DataFrame
        A row a notch: wanted (false alarms a month), measured, low, high (on fresh runs, 95%),
        and for the scenario's incident caught_within_1h, caught_within_2h, caught_within_4h,
        caught_within_1h_low and caught_within_4h_low (one-sided 95% bounds), missed, early and
        false_before_launch (shares of runs with an alarm between launch and incident, and before
        the launch, which all others leave out),
        delay_median_h, burned_median_usd, burned_mean_usd, burned_p90_usd; burned_median_all_usd
        (with the early ones, of which nothing had burned when they rang); missing without an
        incident.
    members : pandas.DataFrame
        A row a detector at the wanted rate: detector, channel, threshold, alone_per_month (on
        fresh runs), first (share of the incident's runs that it was first to alarm in).
    ribbon : Ribbon
        What the numbers stand on.
    warnings : tuple of str
    suites : mapping
        The suite at each notch, by its wanted rate.
    """

    suite: Suite
    curve: pd.DataFrame
    members: pd.DataFrame
    seed: int
    ribbon: Ribbon
    warnings: tuple[str, ...] = ()
    suites: Mapping[float, Suite] = field(default_factory=dict)

    @property
    def chosen(self) -> pd.Series[Any]:
        """The row of the curve at the wanted rate."""
        return self.curve[self.curve["wanted"] == self.suite.false_alarms_per_month].iloc[0]

    def to_frame(self) -> pd.DataFrame:
        return self.curve.copy()

    def plot(self, ax: Any = None) -> Axes:
        """Dollars burned against false alarms a month."""
        from costsim.show import figures

        return figures.operating_curve(
            self.curve, chosen=self.suite.false_alarms_per_month, ribbon=self.ribbon, ax=ax
        )

    def slider(self, save: str | Path = "suite.toml") -> Notches:
        """A slider over the notches, and a button that writes the suite of the chosen one.

        Parameters
        ----------
        save : str or path
            File to write; one that is there is replaced.
        """
        from costsim.show.notches import Notches

        def write(rate: float) -> str:
            path = self.suites[rate].write(save, overwrite=True)
            return f"{path} written: {self.suites[rate].budget_words()}"

        chosen = self.suite.false_alarms_per_month or 1.0
        return Notches(self.curve, chosen, self.ribbon, write)

    @property
    def judged(self) -> bool:
        """Whether there was an incident to judge the suite by."""
        return bool(self.curve["early"].notna().any())

    def words(self) -> str:
        """Say what the suite does at its budget."""
        row = self.chosen
        said = (
            f"{row['measured']:.2f} false alarms a month on fresh runs "
            f"({row['low']:.2f} to {row['high']:.2f}), {row['wanted']:g} wanted"
        )
        before = row["early"] + row["false_before_launch"]
        if row["burned_median_usd"] == row["burned_median_usd"]:
            said += (
                f"; the incident caught within 4 h in {row['caught_within_4h']:.1%} of runs (at "
                f"least {row['caught_within_4h_low']:.1%}), median "
                f"${row['burned_median_usd']:,.0f} burned"
            )
        if before > 0:
            left = "all runs" if before >= 1 else f"the {before:.0%} of runs that are left out"
            said += f"; in {left} an alarm came before it"
        return said

    def __repr__(self) -> str:
        return f"Tuning({self.suite.name}: {self.words()}); next: .plot(), .suite.write(path)"

    def _repr_html_(self) -> str:
        from costsim.show.tables import table_html

        caption = f"{self.ribbon}: {self.words()}"
        return table_html(self.curve, caption=caption) + table_html(self.members)
