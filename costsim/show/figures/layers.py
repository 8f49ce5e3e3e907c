"""A frame of parts (features, users, ...) as layers of a stack: the largest, and the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from costsim.show.figures.style import ALERT, BLUE, OTHER, SERIES, drawable
from costsim.show.formats import UNKNOWN, is_unknown, usd
from costsim.show.text import plain

if TYPE_CHECKING:
    from pandas import DataFrame, Series


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer: its name as drawn, its dollars by bin, its total and colour."""

    name: str
    values: Series[float]
    total: float
    colour: str

    @property
    def label(self) -> str:
        """Name and dollars."""
        return f"{self.name}  {usd(self.total)}"


def subject(column: str) -> str:
    """What a column tells of, in words.

    Examples
    --------
    >>> subject("feature_name"), subject("user_id"), subject("user_tier")
    ('feature', 'user', 'user tier')
    """
    return plain(column).removesuffix("_name").removesuffix("_id").replace("_", " ")


def layers(
    frame: DataFrame, along: str, by: str, *, highlight: str | None = None, most: int = 5
) -> list[Layer]:
    """Bottom to top: others, then small to large, and a highlighted one on top.

    Parameters
    ----------
    frame : DataFrame
        Columns ``along``, ``by`` and ``usd``. A bin where one part has dollars and another has no
        row counts as 0 for the latter; rows without a part are the layer "(no feature)".
    highlight : str, optional
        Name that keeps its own layer and the colour of alarm.
    most : int
        Layers of their own, at most 5; the rest is one.
    """
    none = f"(no {subject(by)})"
    named = frame[by].map(lambda v: none if is_unknown(v) else str(v))
    table = (
        frame.assign(_part=named)
        .pivot_table(index=along, columns="_part", values="usd", aggfunc="sum", observed=True)
        .fillna(0.0)
    )
    totals = table.sum().sort_index().sort_values(ascending=False, kind="stable")
    own = [str(name) for name in totals.index[:most]]
    if highlight in totals.index and highlight not in own:
        own = [*own[: most - 1], str(highlight)]
    rest = [name for name in totals.index if name not in own]
    if len(rest) == 1:
        own, rest = [*own, str(rest[0])], []
    calm = [name for name in own if name != highlight]
    colours = dict(zip(calm, (*SERIES, "#7a5195"), strict=False))
    if highlight in own:
        colours[str(highlight)] = ALERT
    stack = []
    if rest:
        others = table[rest].sum(axis=1)
        stack.append(Layer(f"{len(rest)} others", others, float(others.sum()), OTHER))
    upward = [*reversed(calm), *([str(highlight)] if highlight in own else [])]
    stack += [
        Layer(drawable(name), table[name], float(totals[name]), colours[name]) for name in upward
    ]
    return stack


def one_layer(frame: DataFrame, along: str) -> list[Layer]:
    """The total as a single layer; rows of one bin are added, an unknown bin stays unknown."""
    total = frame.groupby(along)["usd"].sum(min_count=1)
    return [Layer(UNKNOWN, total, float(total.sum()), BLUE)]
