"""A frame that shows itself as reports set it: units in the head, numbers to be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from costsim.show.tables import Format, table_html, table_text

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True, repr=False)
class Table:
    """A frame as a report shows it.

    Parameters
    ----------
    frame : DataFrame
    caption : str
        Above the table, on a page or in a notebook.
    formats : mapping of str to str
        How a column is shown where its name does not say it, as in
        :func:`costsim.show.table_html`.
    time_zone : str
        IANA name, of the times shown.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"caught": [0.814], "burned_usd": [1234.5]})
    >>> Table(frame, formats={"caught": "share"})
    caught  burned US$
    ------  ----------
       81%      $1,235
    """

    frame: DataFrame
    caption: str = ""
    formats: Mapping[str, Format] = field(default_factory=dict)
    time_zone: str = "UTC"

    def to_frame(self) -> DataFrame:
        """The numbers as they are."""
        return self.frame

    def __repr__(self) -> str:
        return table_text(self.frame, self.formats, time_zone=self.time_zone)

    def _repr_html_(self) -> str:
        return table_html(self.frame, self.formats, caption=self.caption, time_zone=self.time_zone)
