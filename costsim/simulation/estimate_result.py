"""An estimate: what a request costs and what a month of them would, with what is not known."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor
from typing import TYPE_CHECKING, Any

from costsim.errors import SettingError
from costsim.simulation.assumptions import Assumptions, Swing
from costsim.simulation.request_cost import RequestCost

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from costsim.prices.documents import DocumentTokens
    from costsim.show.cards import Card


@dataclass(frozen=True, repr=False, eq=False)
class Estimate:
    """What a request costs, and a month of it, with what is not known.

    Parameters
    ----------
    model, price_book : str
    at : str or None
        When the prices held.
    cost : RequestCost
        Dollars from tokens, with the unit prices behind them.
    assumptions : Assumptions
    summary : pandas.DataFrame
        See :meth:`to_frame`.
    swings : tuple of Swing
        Each range moved alone, the one that moves the mean most first.
    window : int or None
        Tokens that the model takes, input and output together; None if not known.
    not_fitting : float or None
        Share of requests that exceed the window.
    worst : tuple of (float, str), optional
        Most dollars of a request, and why not more.
    monthly_budget_usd : float or None
    over_budget : float or None
        Share of the sampled months above the budget.
    documents : DocumentTokens or None
        What the input tokens were counted on.
    """

    model: str
    price_book: str
    at: str | None
    cost: RequestCost
    assumptions: Assumptions
    summary: pd.DataFrame
    swings: tuple[Swing, ...]
    window: int | None = None
    not_fitting: float | None = None
    worst: tuple[float, str] | None = None
    monthly_budget_usd: float | None = None
    over_budget: float | None = None
    documents: DocumentTokens | None = None

    def to_frame(self) -> pd.DataFrame:
        """A row for a request, a user's day and month, and the month: of, p10_usd ... p99_usd.

        The row "at mean tokens" is the month as it would be known if the average request were.
        """
        return self.summary

    def swings_frame(self) -> pd.DataFrame:
        """A row per range: assumption, low, high, low_usd, high_usd, swing_usd; largest first."""
        import pandas as pd

        return pd.DataFrame(list(self.swings), columns=list(Swing._fields))

    def usd(self, of: str, column: str = "mean_usd") -> float:
        """One number of the frame, such as ``usd("month", "p90_usd")``.

        Raises
        ------
        SettingError
            There is no such row: users or calls were not given.
        """
        rows = {str(row["of"]): row for row in self.summary.to_dict("records")}
        if of not in rows:
            raise SettingError(f"of must be one of {list(rows)}; got {of!r}")
        return float(rows[of][column])

    @property
    def budget_share(self) -> float | None:
        """Mean month over the budget; None without either."""
        if self.monthly_budget_usd is None or self.assumptions.quantity != "month":
            return None
        return self.usd("month") / self.monthly_budget_usd

    def carried(self, column: str = "mean_usd") -> int | None:
        """Users whose mean (or other) month fits the budget; requests where calls are unknown."""
        if self.monthly_budget_usd is None:
            return None
        each = self.usd("request" if self.assumptions.calls is None else "user month", column)
        return floor(self.monthly_budget_usd / each + 1e-9) if each > 0 else None

    def plot(self, ax: Any = None) -> Axes:
        """Tornado: how far each range, moved alone, moves the mean."""
        from costsim.show import figures
        from costsim.simulation.estimate_words import UNITS, ribbon

        quantity = self.assumptions.quantity
        mean = self.assumptions.expected(self.cost)
        return figures.tornado(
            self.swings_frame(), mean, unit_of=UNITS[quantity], ribbon=ribbon(self), ax=ax
        )

    def card(self) -> Card:
        """The answer in a sentence, and what it stands on."""
        from costsim.simulation.estimate_words import card

        return card(self)

    def __repr__(self) -> str:
        from costsim.simulation.estimate_words import headline

        return (
            f"Estimate({self.model}: {headline(self).rstrip('.')}); next: .to_frame(), .plot(), "
            "costsim scenario add-feature"
        )

    def _repr_html_(self) -> str:
        from costsim.show.tables import table_html
        from costsim.simulation.estimate_words import FORMATS, LABELS, SWING_FORMATS, SWING_LABELS

        tables = table_html(self.summary, FORMATS, labels=LABELS)
        if self.swings:
            tables += table_html(
                self.swings_frame(),
                SWING_FORMATS,
                labels=SWING_LABELS,
                caption="Each assumption moved alone",
            )
        return self.card()._repr_html_() + tables
