"""Price books and priced calls as tables."""

from __future__ import annotations

from datetime import date, datetime
from html import escape
from typing import TYPE_CHECKING, Any

from costsim.prices.instants import from_microseconds, to_microseconds
from costsim.prices.timeline import Resolved
from costsim.prices.unit import UnitPrice

if TYPE_CHECKING:
    import pandas as pd

    from costsim.prices.book import PriceBook
    from costsim.prices.priced import PricedCalls

_COLUMNS = (
    "model",
    "provider",
    "input_usd_per_million",
    "output_usd_per_million",
    "cache_read_usd_per_million",
    "from",
    "until",
    "source",
)


def book_frame(book: PriceBook, at: datetime | date | str | None) -> pd.DataFrame:
    """Return a book's standard prices, one row for each model and stretch of time.

    Where prices also vary by the time of day, the one at midnight UTC is shown and `source`
    says so. Prices of long inputs and of service tiers are in `PriceBook.unit`.
    """
    import pandas as pd

    instant = None if at is None else to_microseconds(at, "at")
    rows: list[tuple[Any, ...]] = []
    for model, provider in book.known():
        timeline = book.timeline(model, None, provider, None)
        note = " (varies with the time of day)" if timeline.day_starts else ""
        for start, end, price in timeline.stretches():
            began = instant is None or start is None or start <= instant
            goes_on = instant is None or end is None or instant < end
            if isinstance(price, UnitPrice) and began and goes_on:
                rows.append((model, provider, *_usd(price), _day(start), _day(end), price, note))
    frame = pd.DataFrame(
        [(*row[:-2], f"{row[-2].source}{row[-1]}") for row in rows], columns=list(_COLUMNS)
    )
    for column in ("from", "until"):
        frame[column] = pd.to_datetime(frame[column], utc=True)
    return frame.drop_duplicates(ignore_index=True)


def book_html(book: PriceBook) -> str:
    """Return a book's own entries as HTML."""
    rows = [
        (entry.model, *_usd(entry.units[None]), _day(entry.start_us), _day(entry.until_us))
        for entry in book.entries
    ]
    head = ("model", "input", "output", "cached", "from", "until")
    shown = [tuple(_shown(cell) for cell in row) for row in rows]
    return (
        f"<p><b>{escape(book.name)}</b> {escape(book.description)}"
        f"{'' if book.published else ' (closed: other models have no price)'}</p>"
        f"{_table(head, shown)}<p>USD per million tokens.</p>"
    )


def priced_html(priced: PricedCalls) -> str:
    """Return a summary of priced calls as HTML."""
    first = (
        f"<p><b>${priced.total_usd:,.2f}</b> for {len(priced):,} calls, prices "
        f"{escape(priced.book)}; without a price: {priced.unpriced_calls_share:.1%} of calls, "
        f"{priced.unpriced_tokens_share:.1%} of tokens.</p>"
    )
    if not priced.unpriced_calls:
        return first
    head = ("model", "provider", "service tier", "reason", "calls", "tokens")
    gaps = priced.unpriced.itertuples(index=False)
    return first + _table(head, [tuple(_shown(cell) for cell in row) for row in gaps])


def _usd(price: Resolved) -> tuple[float | None, float | None, float | None]:
    usd = price.usd_per_million if isinstance(price, UnitPrice) else {}
    plain, out, cached = (usd.get(kind) for kind in ("input", "output", "cache_read"))
    return _float(plain), _float(out), _float(cached)


def _float(usd: Any) -> float | None:
    return None if usd is None else float(usd)


def _day(instant_us: int | None) -> datetime | None:
    return None if instant_us is None else from_microseconds(instant_us)


def _shown(cell: Any) -> str:
    if cell is None:
        return "–"
    if isinstance(cell, float):
        return f"{cell:,.6f}".rstrip("0").rstrip(".")
    if isinstance(cell, datetime):
        return f"{cell:%Y-%m-%d}" if not (cell.hour or cell.minute) else f"{cell:%Y-%m-%d %H:%M}"
    return f"{cell:,}" if isinstance(cell, int) else str(cell)


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    cells = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table>"
