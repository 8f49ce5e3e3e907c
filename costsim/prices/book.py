"""The price book: what each model costs, when, and for whom."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from difflib import get_close_matches
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from costsim.errors import PriceError, SettingError, UnknownNameError
from costsim.paths import bundled
from costsim.prices import base
from costsim.prices.instants import from_microseconds, to_microseconds
from costsim.prices.lookup import build_timeline
from costsim.prices.timeline import Timeline
from costsim.prices.unit import UnitPrice
from costsim.prices.unpriced import Unpriced

if TYPE_CHECKING:
    import pandas as pd

    from costsim.prices.overlay import DatedPrice, PriceFile
    from costsim.prices.priced import PricedCalls

Moment = datetime | date | str


def price_books() -> tuple[str, ...]:
    """Return the names of the bundled price books.

    Examples
    --------
    >>> price_books()
    ('current', 'list-2024')
    """
    return tuple(sorted(path.stem for path in bundled("prices").glob("*.toml")))


def load_price_book(name: str | Path, as_of: Moment | None = None) -> PriceBook:
    """Load a bundled price book by name, or one of your own by path: see `PriceBook.load`."""
    return PriceBook.load(name, as_of)


@dataclass(frozen=True)
class PriceBook:
    """Dated unit prices by model, provider and service tier.

    Entries of the book's own file win over those of the book it builds on, and both over the
    published prices of the genai-prices package, where the book builds on them. A model that
    nobody knows has no price; it never costs $0.

    Parameters
    ----------
    name : str
        What records and reports call this book.
    entries : tuple of DatedPrice
        First match wins.
    published : bool
        Whether the genai-prices data stand behind the entries.
    digest : str
        Changes whenever a price may have changed.
    as_of : datetime or None
        Price every call as if it were made then, instead of at its own time.

    Examples
    --------
    >>> book = PriceBook.load("list-2024")
    >>> book.unit("gpt-4o").usd_per_million["input"]
    Decimal('5')
    >>> calls = {"model": ["gpt-4o", "no-such"], "input_tokens": [1000, 1000],
    ...          "output_tokens": [100, 100]}
    >>> book.price(calls).total_cost_nano.to_pylist()
    [6500000, None]
    """

    name: str
    entries: tuple[DatedPrice, ...] = field(repr=False, compare=False)
    published: bool
    digest: str
    as_of: datetime | None = None
    description: str = field(default="", compare=False)
    _timelines: dict[tuple[str | None, ...], Timeline] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @classmethod
    def load(cls, source: str | Path, as_of: Moment | None = None) -> PriceBook:
        """Load a price book.

        Parameters
        ----------
        source : str or Path
            Name of a bundled book, or path of a TOML file (a name with a slash or ``.toml``).
        as_of : datetime, date or ISO string, optional
            Price every call as of this moment instead of its own.

        Raises
        ------
        UnknownNameError
            No bundled book has this name.
        SettingError
            The file is missing or not valid: one line a fault, with the key's path.
        """
        moment = None if as_of is None else from_microseconds(to_microseconds(as_of, "as_of"))
        return replace(_load(source, ()), as_of=moment)

    def unit(
        self,
        model: str,
        at: Moment | None = None,
        service_tier: str | None = None,
        provider: str | None = None,
    ) -> UnitPrice:
        """Return the unit price of one model.

        Parameters
        ----------
        model : str
            Its name, or any alias the book knows.
        at : datetime, date or ISO string, optional
            When; may be left out where the book has `as_of` or the price never changed.
        service_tier : {"batch", "flex", "priority", "fast"}, optional
            Standard service if left out.
        provider : str, optional
            Who bills, where several offer the model at different prices.

        Raises
        ------
        PriceError
            The book has no such price (close names are listed), or it changed over time and
            no moment is given.
        """
        timeline = self.timeline(model, None, provider, service_tier)
        if at is not None:
            found = timeline.at(to_microseconds(at, "at"))
        elif self.as_of is not None:
            found = timeline.at(to_microseconds(self.as_of, "as_of"))
        else:
            different = timeline.everything()
            if len(different) > 1:
                raise PriceError(
                    f"at must be given for {model!r}, whose price changes over time in "
                    f"{self.name!r}; got None"
                )
            found = next(iter(different))
        if isinstance(found, UnitPrice):
            return found
        if found is Unpriced.TIER:
            raise PriceError(
                f"service_tier must be one with a price for {model!r} in {self.name!r}; "
                f"got {service_tier!r}"
            )
        close = get_close_matches(model.lower(), self.model_names(), n=3)
        hint = f" (close: {', '.join(close)})" if close else ""
        by = f" of provider {provider!r}" if provider else ""
        raise PriceError(f"model must have a price{by} in {self.name!r}; got {model!r}{hint}")

    def price(self, calls: Any) -> PricedCalls:
        """Price calls, column by column.

        Parameters
        ----------
        calls : mapping of columns, pandas frame, Polars frame or Arrow table
            Columns as in the call record. Required: `input_tokens`, `output_tokens`, and
            `model` or `response_model`. Optional: `provider`, `timestamp`, `service_tier`,
            `cache_read_tokens`, `cache_write_tokens`, `cache_write_1h_tokens`,
            `audio_input_tokens`, `reasoning_tokens`, `audio_output_tokens`. One string may
            stand for a whole column of names.

        Returns
        -------
        PricedCalls
            Nano-dollars a call in the order of the rows, null where the price is unknown, and
            a summary of what could not be priced.

        Raises
        ------
        DataError
            A required column is missing, or a column is of the wrong kind or length.

        Notes
        -----
        `input_tokens` includes cached and audio tokens, `output_tokens` includes reasoning
        and audio tokens; the parts of each are disjoint (cached audio is a cache read, a
        one-hour write is not also a five-minute write). Rows whose parts exceed their total
        are not priced. A part that is null counts as zero. The model that answered
        (`response_model`) wins over the one asked for when it has a price. Only tokens are
        priced: fees for searches, tools or images are other costs.
        """
        from costsim.prices.pricing import price_calls

        return price_calls(self, calls)

    def timeline(
        self,
        model: str | None,
        response_model: str | None,
        provider: str | None,
        service_tier: str | None,
    ) -> Timeline:
        """Return the prices over time of calls with these names; resolved once, then kept."""
        key = (model, response_model, provider, service_tier)
        if key not in self._timelines:
            self._timelines[key] = build_timeline(self.entries, self.published, *key)
        return self._timelines[key]

    def model_names(self) -> list[str]:
        """Return all names of models that the book knows, sorted."""
        names = {name for entry in self.entries for name in entry.names}
        if self.published:
            names |= {model for _, model in base.models()}
        return sorted(names)

    def to_frame(self, at: Moment | None = None) -> pd.DataFrame:
        """Return standard prices as a table, USD per million tokens.

        Parameters
        ----------
        at : datetime, date or ISO string, optional
            Only prices in force then; all stretches of time if left out (and no `as_of`).
        """
        from costsim.prices.tables import book_frame

        return book_frame(self, at if at is not None else self.as_of)

    def known(self) -> Iterator[tuple[str, str | None]]:
        """Yield model name and provider of every price in the book, its own entries first."""
        yield from dict.fromkeys(
            (entry.model, entry.providers[0] if entry.providers else None) for entry in self.entries
        )
        if self.published:
            yield from ((model, provider) for provider, model in base.models())

    def __getstate__(self) -> dict[str, Any]:
        """Leave what was resolved behind: workers resolve anew."""
        return {**self.__dict__, "_timelines": {}}

    def __repr__(self) -> str:
        behind = f" over genai-prices {base.version()}" if self.published else ", closed"
        when = f", as of {self.as_of:%Y-%m-%d %H:%M} UTC" if self.as_of else ""
        return (
            f"PriceBook({self.name!r}: {len(self.entries)} dated entries{behind}{when}; "
            "next: .price(records), .unit(model, at=...), .to_frame(at=...))"
        )

    def _repr_html_(self) -> str:
        from costsim.prices.tables import book_html

        return book_html(self)


def _load(source: str | Path, seen: tuple[str, ...]) -> PriceBook:
    path = _find(source)
    if str(path) in seen:
        raise SettingError(f"{path.name}: base must not lead back to the book itself")
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SettingError(f"price book must be an existing file; got {str(source)!r}") from None
    except UnicodeDecodeError as error:
        raise SettingError(f"{path.name} must be valid TOML; got {error}") from None
    file, entries = _understood(text, path.name)
    digest = sha256(text.encode())
    published = file.base == "genai-prices"
    if published:
        digest.update(base.version().encode())
    elif file.base != "none":
        below = _load(_below(file.base, path), (*seen, str(path)))
        entries, published = entries + below.entries, below.published
        digest.update(below.digest.encode())
    return PriceBook(
        name=file.name,
        entries=entries,
        published=published,
        digest=digest.hexdigest()[:16],
        description=file.description,
    )


@lru_cache(maxsize=16)
def _understood(text: str, name: str) -> tuple[PriceFile, tuple[DatedPrice, ...]]:
    """What a file says; each simulation asks for its book again, and the text seldom changes."""
    import tomllib

    from costsim.prices.overlay import parse_price_file, read_entries

    try:
        content = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise SettingError(f"{name} must be valid TOML; got {error}") from None
    file = parse_price_file(content, name)
    return file, read_entries(file, name)


def _below(name: str, path: Path) -> str | Path:
    """Return what a file builds on: a bundled book, or a file beside it."""
    if _is_path(name):
        return path.parent / name
    if name not in price_books():
        raise UnknownNameError(f"{path.name}: base", name, ("none", "genai-prices", *price_books()))
    return name


def _is_path(source: str) -> bool:
    return source.endswith(".toml") or "/" in source or "\\" in source


def _find(source: str | Path) -> Path:
    if isinstance(source, Path) or _is_path(source):
        return Path(source)
    if source not in price_books():
        raise UnknownNameError("price book", source, price_books())
    return bundled("prices") / f"{source}.toml"
