"""What an import did: counted, compared, and what it could not know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from costsim.records.importers.landing.facts import GAP_RULE, Facts
from costsim.records.receipt_lines import CONSEQUENCES, lines, title

if TYPE_CHECKING:
    import pandas as pd

    from costsim.records.importers.columns.mapping import Use
    from costsim.show.cards import Card

__all__ = ["GAP_RULE", "Receipt", "SourceCount"]


@dataclass(frozen=True)
class SourceCount:
    """Rows of one file. `read` is the sum of the other three."""

    name: str
    sha256: str
    read: int = 0
    kept: int = 0
    duplicates: int = 0
    rejected: int = 0
    note: str = ""


@dataclass(frozen=True, repr=False)
class Receipt:
    """The result of an import.

    Parameters
    ----------
    format : str
        Name of the importer.
    out : str
        The records folder.
    sources : tuple of SourceCount
        Every file, in the order read.
    facts : Facts
        Period, gaps, dollars and shares, over the rows kept by this import.
    reasons : tuple of (str, int)
        The commonest reasons for refusal.
    rejects_files : tuple of str
        Where refused rows are listed, below `out`.
    columns : tuple of Use
        What each foreign column was taken for.
    guessed : bool
        That rests on a guess.
    ignored, private : tuple of str
        Columns left out: no field of the record; never read because they may hold texts or keys.
    supplied : mapping of str to str
        What the caller said because the log does not.
    notes : tuple of str
        What a reader should know of how the files were read.
    rows_in_folder : int
        Rows of the dataset after the import.
    naive_zone : str
        Zone in which times without one were read; empty where the log or its format names it.
    new_budget : (float or None, float or None), optional
        The folder's monthly budget in US$ and what it was, where this import changed it.
    time_zone, price_book : str
    next_command : str
    """

    format: str
    out: str
    sources: tuple[SourceCount, ...]
    facts: Facts = field(default_factory=Facts)
    reasons: tuple[tuple[str, int], ...] = ()
    rejects_files: tuple[str, ...] = ()
    columns: tuple[Use, ...] = ()
    guessed: bool = False
    ignored: tuple[str, ...] = ()
    private: tuple[str, ...] = ()
    supplied: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    rows_in_folder: int = 0
    naive_zone: str = ""
    new_budget: tuple[float | None, float | None] | None = None
    time_zone: str = "UTC"
    price_book: str = ""
    next_command: str = ""

    @property
    def read(self) -> int:
        """Rows of all files, broken ones included."""
        return sum(source.read for source in self.sources)

    @property
    def kept(self) -> int:
        """Rows that are records now and were not before."""
        return sum(source.kept for source in self.sources)

    @property
    def duplicates(self) -> int:
        """Rows of calls that were there already."""
        return sum(source.duplicates for source in self.sources)

    @property
    def rejected(self) -> int:
        """Rows refused, each with a reason."""
        return sum(source.rejected for source in self.sources)

    @property
    def missing(self) -> tuple[tuple[str, str], ...]:
        """Fields that no kept row has, and what that makes impossible."""
        return tuple((n, CONSEQUENCES[n]) for n in self.facts.unknown if n in CONSEQUENCES)

    def share(self, calls: int) -> float:
        """A number of calls as a share of the kept ones."""
        return calls / self.kept if self.kept else 0.0

    def to_frame(self) -> pd.DataFrame:
        """One row a file: read, kept, duplicates, rejected."""
        import pandas as pd

        rows = [(s.name, s.read, s.kept, s.duplicates, s.rejected, s.note) for s in self.sources]
        names = ["file", "read_rows", "kept_rows", "duplicate_rows", "rejected_rows", "note"]
        return pd.DataFrame(rows, columns=names)

    def by_model(self) -> pd.DataFrame:
        """Dollars theirs against ours by model; ours is unknown for calls without a price."""
        import pandas as pd

        unknown = float("nan")
        rows = [
            (d.model, d.calls, d.theirs_nano / 1e9,
             unknown if d.ours_nano is None else d.ours_nano / 1e9,
             unknown if d.ours_nano is None else (d.ours_nano - d.theirs_nano) / 1e9)
            for d in self.facts.dollars.by_model
        ]  # fmt: skip
        names = ["model", "calls", "theirs_usd", "ours_usd", "difference_usd"]
        return pd.DataFrame(rows, columns=names)

    def to_dict(self) -> dict[str, Any]:
        """Everything, as plain values for JSON; money in whole nano-dollars."""
        facts, dollars = self.facts, self.facts.dollars
        return {
            "format": self.format,
            "out": self.out,
            "rows": {
                "read": self.read,
                "kept": self.kept,
                "duplicates": self.duplicates,
                "rejected": self.rejected,
                "in_folder": self.rows_in_folder,
            },
            "sources": [vars(source) for source in self.sources],
            "rejects": {
                "files": list(self.rejects_files),
                "reasons": [{"reason": r, "rows": n} for r, n in self.reasons],
            },
            "period": [t.isoformat() for t in facts.period] if facts.period else None,
            "gaps": {
                "rule": GAP_RULE,
                "count": facts.gap_count,
                "longest": [
                    {"start": g.start.isoformat(), "end": g.end.isoformat(), "hours": g.hours}
                    for g in facts.gaps
                ],
            },
            "columns": [vars(use) for use in self.columns],
            "guessed": self.guessed,
            "ignored_columns": list(self.ignored),
            "private_columns": list(self.private),
            "dollars": {
                "calls_with_both": dollars.calls,
                "theirs_nano": dollars.theirs_nano,
                "ours_nano": dollars.ours_nano,
                "difference_nano": dollars.difference_nano,
                "theirs_total_nano": dollars.theirs_total_nano,
                "theirs_unpriced_nano": dollars.theirs_unpriced_nano,
                "ours_total_nano": dollars.ours_total_nano,
                "by_model": [vars(one) for one in dollars.by_model],
            },
            "unpriced": {
                "calls": facts.unpriced_calls,
                "calls_share": self.share(facts.unpriced_calls),
                "tokens_share": facts.unpriced_tokens / facts.tokens if facts.tokens else 0.0,
                "reasons": [
                    {"model": model or None, "reason": reason, "calls": calls}
                    for model, reason, calls in facts.unpriced
                ],
            },
            "unattributed": {
                "no_feature_share": self.share(facts.no_feature),
                "no_user_share": self.share(facts.no_user),
            },
            "supplied": dict(self.supplied),
            "missing": [{"field": name, "means": means} for name, means in self.missing],
            "notes": list(self.notes),
            "time_zone": self.time_zone,
            "naive_time_zone": self.naive_zone or None,
            "new_monthly_budget_usd": list(self.new_budget) if self.new_budget else None,
            "price_book": self.price_book,
            "next": self.next_command,
        }

    @property
    def card(self) -> Card:
        """The receipt as a card."""
        from costsim.show.cards import Card, Ribbon
        from costsim.show.formats import moment, share

        facts = self.facts
        through = moment(facts.period[1], self.time_zone) if facts.period else None
        notes: tuple[str, ...] = ()
        if self.kept:
            unknown = max(facts.no_feature, facts.no_user)
            notes = (
                f"unpriced {share(self.share(facts.unpriced_calls))}",
                f"unattributed {share(self.share(unknown))}",
                f"prices {self.price_book}",
            )
        names = ", ".join(source.name for source in self.sources[:3])
        more = f" and {len(self.sources) - 3} more" if len(self.sources) > 3 else ""
        level = "warn" if self.rejected or facts.unpriced_calls else "ok" if self.kept else "info"
        return Card(
            title(self),
            tuple(lines(self)),
            Ribbon("REAL", f"{self.format}: {names}{more}", through, notes),
            level,  # type: ignore[arg-type]
            self.next_command,
        )

    @property
    def span(self) -> timedelta:
        """From the first kept call to the last."""
        period = self.facts.period
        return period[1] - period[0] if period else timedelta()

    def _tables(self) -> list[tuple[Any, str]]:
        tables = []
        if len(self.sources) > 1 or any(source.note for source in self.sources):
            tables.append((self.to_frame(), "Rows by file"))
        if self.guessed:
            from costsim.records.importers.columns.guess import Guess

            tables.append((Guess(self.columns).to_frame(), "Columns as guessed"))
        if self.facts.dollars.by_model:
            tables.append((self.by_model(), "Dollars, theirs against ours"))
        return tables

    def __str__(self) -> str:
        from costsim.show.tables import table_text

        parts = [repr(self.card)]
        parts += [table_text(frame, _FORMATS(frame), caption=caption, max_rows=30, max_width=120)
                  for frame, caption in self._tables()]  # fmt: skip
        return "\n\n".join(parts)

    def __repr__(self) -> str:
        return (
            f"Receipt({self.format}: {self.read:,} rows read, {self.kept:,} kept, "
            f"{self.duplicates:,} duplicates, {self.rejected:,} rejected; "
            f"next: {self.next_command})"
        )

    def _repr_html_(self) -> str:
        from costsim.show.tables import table_html

        parts = [self.card._repr_html_()]
        parts += [table_html(frame, _FORMATS(frame), caption=caption, max_rows=30)
                  for frame, caption in self._tables()]  # fmt: skip
        return "".join(parts)


def _FORMATS(frame: Any) -> dict[str, str]:
    return {"confidence": "share"} if "confidence" in frame.columns else {}
