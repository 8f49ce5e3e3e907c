"""Frames as tables: for a page or notebook, and for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from datetime import date, datetime
from decimal import Decimal
from html import escape
from typing import TYPE_CHECKING, Any

from costsim.errors import SettingError, UnknownNameError
from costsim.show import formats as form
from costsim.show.formats import UNKNOWN, count, is_unknown
from costsim.show.text import NO_TEX, plain

if TYPE_CHECKING:
    from pandas import DataFrame, Series

Format = str | Callable[[Any], str]

_UNITS = {
    "usd": "US$",
    "nano": "US$",
    "share": "%",
    "tokens": "tokens",
    "ms": "ms",
    "hours": "h",
    "h": "h",
}
_COUNTS = frozenset({"tokens", "calls", "count", "rows", "users", "sessions", "n"})
_LEFT = frozenset({"text", "time", "date", "yes"})
KINDS = ("usd", "nano", "share", "count", "number", "ms", "hours", "ratio", "time", "date", "yes",
         "text")  # fmt: skip


def kind_of(name: Hashable, column: Series[Any]) -> str:
    """How a column is shown, from the unit in its name, else from its type.

    Examples
    --------
    >>> import pandas as pd
    >>> kind_of("burned_median_usd", pd.Series([1.5])), kind_of("calls", pd.Series([1.0]))
    ('usd', 'count')
    """
    parts = str(name).lower().split("_")
    kind = column.dtype.kind
    if kind == "b":
        return "yes"
    if kind == "M":
        return "time"
    if kind not in "iuf":
        known = [one for one in column.tolist() if not is_unknown(one)]
        if known and all(isinstance(one, bool) for one in known):
            return "yes"
        if known and all(isinstance(one, datetime) for one in known):
            return "time"
        if known and all(isinstance(one, date) for one in known):
            return "date"
        if not all(isinstance(one, (int, float, Decimal)) for one in known):
            return "text"
    for unit in ("usd", "nano", "share", "ms"):
        if unit in parts:
            return unit
    if parts[-1] in {"h", "hours"}:
        return "hours"
    if "ratio" in parts:
        return "ratio"
    if parts[-1] in _COUNTS or kind in "iu":
        return "count"
    return "number" if kind in "iuf" else "text"


def heading(name: Hashable) -> tuple[str, str]:
    """A column's heading and its unit.

    Examples
    --------
    >>> heading("burned_median_usd"), heading("feature_name"), heading("calls")
    (('burned median', 'US$'), ('feature name', ''), ('calls', ''))
    """
    parts = str(name).split("_")
    for part in parts:
        unit = _UNITS.get(part.lower())
        if unit and len(parts) > 1:
            kept = [p for p in parts if p != part or unit == "%"]
            return " ".join(kept), unit
    if len(parts) == 1 and parts[0] in {"usd", "share"}:
        return {"usd": ("spend", "US$"), "share": ("share", "")}[parts[0]]
    return " ".join(parts), ""


def _formatter(kind: str, column: Series[Any], time_zone: str) -> Callable[[Any], str]:
    if kind == "usd" or kind == "nano":
        scale = Decimal(10) ** -9 if kind == "nano" else Decimal(1)
        known = [Decimal(str(x)) * scale for x in column.tolist() if not is_unknown(x)]
        sizes = [abs(x) for x in known if x and x.is_finite()]
        # One number of decimals a column, so that digits line up; tiny amounts keep theirs.
        places = 0 if sizes and min(sizes) >= 100 else 2

        def money(value: Any) -> str:
            amount = Decimal(str(value)) * scale
            tiny = amount != 0 and abs(amount) < Decimal("0.1")
            return form.usd(amount, decimals=None if tiny or not amount else places)

        return money
    simple: dict[str, Callable[[Any], str]] = {
        "share": form.share,
        "count": form.count,
        "number": form.number,
        "ms": form.count,
        "hours": lambda value: "∞" if value == float("inf") else f"{form.number(value, 2)}",
        "ratio": form.ratio,
        "time": lambda value: form.moment(value, time_zone),
        "date": form.day,
        "yes": lambda value: "yes" if value else "no",
        "text": plain,
    }
    return simple[kind]


def _cells(
    frame: DataFrame, chosen: Mapping[str, Format] | None, max_rows: int, time_zone: str
) -> list[tuple[Hashable, str, list[str]]]:
    """Each column as (name, kind, texts)."""
    if max_rows < 1:
        raise SettingError(f"max_rows must be at least 1; got {max_rows!r}")
    wanted = dict(chosen or {})
    for name in wanted:
        if name not in frame.columns:
            raise UnknownNameError("column to format", name, map(str, frame.columns))
    columns: list[tuple[Hashable, str, list[str]]] = []
    for place, name in enumerate(frame.columns):
        column = frame.iloc[:, place]
        asked = wanted.get(str(name)) or kind_of(name, column)
        if isinstance(asked, str):
            if asked not in KINDS:
                raise UnknownNameError(f"format of {name}", asked, KINDS)
            kind, show = asked, _formatter(asked, column, time_zone)
        else:
            kind, show = "number" if column.dtype.kind in "iuf" else "text", asked
        values = column.head(max_rows).tolist()
        columns.append((name, kind, [UNKNOWN if is_unknown(v) else show(v) for v in values]))
    return columns


def table_html(
    frame: DataFrame,
    formats: Mapping[str, Format] | None = None,
    *,
    caption: str = "",
    max_rows: int = 20,
    labels: Mapping[str, str] | None = None,
    time_zone: str = "UTC",
) -> str:
    """A frame as self-contained HTML: escaped, digits aligned, unknown as "–".

    Parameters
    ----------
    frame : pandas.DataFrame
        Its index is not shown.
    formats : mapping, optional
        Column name to one of :data:`KINDS` or to a function from value to text; else the unit
        in the column's name decides: ``_usd _nano _share _tokens _ms _hours``.
    caption : str
        Said above the table and to screen readers.
    max_rows : int
        Rows shown, at least 1; the rest is counted below.
    labels : mapping, optional
        Column name to heading.
    time_zone : str
        IANA zone of shown times.

    Raises
    ------
    UnknownNameError
        For an unknown column or format.

    Examples
    --------
    >>> import pandas as pd
    >>> "&lt;b&gt;" in table_html(pd.DataFrame({"feature_name": ["<b>"], "cost_usd": [1.5]}))
    True
    """
    columns = _cells(frame, formats, max_rows, time_zone)
    pad = "padding:.4em 1.4em .4em 0;border:0"
    head = []
    for name, kind, _ in columns:
        title, unit = heading(name)
        title = (labels or {}).get(str(name), title)
        small = f'<br><span style="font-weight:400;opacity:.7">{unit}</span>' if unit else ""
        head.append(
            f'<th scope="col" style="{pad};text-align:{"left" if kind in _LEFT else "right"};'
            'vertical-align:bottom;border-bottom:1px solid rgba(128,132,140,.6);font-weight:600">'
            f"{escape(plain(title))}{small}</th>"
        )
    rule = "border-bottom:1px solid rgba(128,132,140,.2)"
    styles = [
        f"{pad};{rule};text-align:left;min-width:14em;overflow-wrap:anywhere"
        if max(map(len, texts), default=0) > 32
        else f"{pad};{rule};text-align:{'left' if kind in _LEFT else 'right'};white-space:nowrap"
        for _, kind, texts in columns
    ]
    shown = min(len(frame), max_rows)
    rows = "".join(
        '<tr style="background:none">'
        + "".join(
            f'<td style="{style}">{escape(texts[i])}</td>'
            for style, (_, _, texts) in zip(styles, columns, strict=True)
        )
        + "</tr>\n"
        for i in range(shown)
    )
    if len(frame) == 0:
        rows = f'<tr><td colspan="{max(len(columns), 1)}" style="{pad}">no rows</td></tr>'
    elif len(frame) > shown:
        more = f"{count(len(frame) - shown)} more of {count(len(frame))} rows are not shown"
        rows += f'<tr><td colspan="{len(columns)}" style="{pad};opacity:.7">{more}</td></tr>'
    title = (
        '<caption style="text-align:left;caption-side:top;padding:.2em 0 .5em;opacity:.8">'
        f"{escape(plain(caption))}</caption>"
        if caption
        else ""
    )
    return (
        f'<div class="{NO_TEX}" role="region" tabindex="0" '
        f'aria-label="{escape(plain(caption or "table"))}" '
        'style="overflow-x:auto;max-width:100%;margin:.6em 0">'
        '<table style="border-collapse:collapse;border:0;font-variant-numeric:tabular-nums;'
        'font-size:14px;line-height:1.4;background:none;color:inherit">'
        f"{title}<thead><tr>{''.join(head)}</tr></thead>\n<tbody>\n{rows}</tbody></table></div>"
    )


def table_text(
    frame: DataFrame,
    formats: Mapping[str, Format] | None = None,
    *,
    caption: str = "",
    max_rows: int = 20,
    labels: Mapping[str, str] | None = None,
    time_zone: str = "UTC",
    max_width: int = 40,
) -> str:
    """A frame as plain text for a terminal; parameters as :func:`table_html`.

    Parameters
    ----------
    max_width : int
        Longest text of one cell, in characters; at least 2.

    Examples
    --------
    >>> import pandas as pd
    >>> print(table_text(pd.DataFrame({"model": ["gpt-4o"], "calls": [1200], "cost_usd": [None]})))
    model   calls  cost US$
    ------  -----  --------
    gpt-4o  1,200         –
    """
    from rich.cells import cell_len

    blocks = []
    for name, kind, texts in _cells(frame, formats, max_rows, time_zone):
        title, unit = heading(name)
        title = (labels or {}).get(str(name), title)
        full = plain(f"{title} {unit}", max_width)
        cells = [plain(text, max_width) for text in texts]
        width = max(map(cell_len, [full, *cells]))
        left = kind in _LEFT
        lines = []
        for text in (full, "-" * width, *cells):
            blank = " " * (width - cell_len(text))
            lines.append(text + blank if left else blank + text)
        blocks.append(lines)
    body = ["  ".join(row).rstrip() for row in zip(*blocks, strict=True)]
    if len(frame) == 0:
        body.append("(no rows)")
    elif len(frame) > max_rows:
        body.append(f"({count(len(frame) - max_rows)} more of {count(len(frame))} rows)")
    return "\n".join(([plain(caption)] if caption else []) + body)
