"""Which columns of one file are read, and what each is taken for."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from costsim.errors import DataError
from costsim.records.importers.columns.guess import Guess, guess_map, own_names
from costsim.records.importers.columns.mapping import ColumnMap, Use
from costsim.records.importers.columns.synonyms import holds_texts
from costsim.records.importers.draft import Draft, Options
from costsim.records.importers.reading.chunk import OBJECT, Rows
from costsim.records.importers.registry import Importer, importers
from costsim.show.text import plain

_ENOUGH = ("input_tokens", "output_tokens", "total_tokens", "billed_cost_nano")


@dataclass(frozen=True)
class Plan:
    """What is done with each column of a file.

    Parameters
    ----------
    uses : tuple of Use
        Translated.
    reads : tuple of str
        Loaded, the translated ones included.
    ignored : tuple of str
        Left out: no field of the record.
    private : tuple of str
        Never read: prompts, answers, keys.
    guessed : bool
        The uses rest on a guess.
    """

    uses: tuple[Use, ...]
    reads: tuple[str, ...]
    ignored: tuple[str, ...] = ()
    private: tuple[str, ...] = ()
    guessed: bool = False


@dataclass(frozen=True)
class Request:
    """What the caller said about columns, and how it could be said better."""

    given: ColumnMap
    guess: bool
    command: str


def make_plan(
    importer: Importer, name: str, rows: Rows, request: Request, options: Options
) -> Plan:
    """Decide on the columns of one file.

    Raises
    ------
    DataError
        A column that is needed is not there, or a guess is not sure.
    """
    found = rows.columns
    given = {use.ours: use for use in request.given.uses}
    for use in given.values():
        top = use.theirs.split(".")[0]
        if use.theirs not in found and not ("." in use.theirs and top in found):
            raise DataError(
                f"{name}: {use.ours} is mapped to {use.theirs!r}; columns found: {_listed(found)}"
            )
    if not importer.any_columns:
        uses = {u.ours: u for u in _named(importer, name, found, given)} | given
        return _plan(importer, found, tuple(uses.values()))
    uses = {use.ours: use for use in own_names(found)} | given
    guess = Guess(())
    if request.guess:
        taken = {use.theirs for use in given.values()}
        guess = _guessed(rows, taken, options)
        uses = {use.ours: use for use in guess.uses} | given
    missing = ["timestamp"] if "timestamp" not in uses else []
    if not any(ours in uses for ours in _ENOUGH):
        missing.append("input_tokens and output_tokens (or billed_cost_usd)")
    doubts = [d for d in guess.doubts if d.split(" ")[0] not in given]
    if missing or doubts:
        raise DataError(_unclear(name, found, request, missing, doubts, guess))
    return _plan(importer, found, tuple(uses.values()), guessed=request.guess)


def _named(
    importer: Importer, name: str, found: Sequence[str], given: Mapping[str, Use]
) -> list[Use]:
    uses, missing = [], []
    for column in importer.columns:
        theirs = next((one for one in column.theirs if one in found), None)
        if theirs:
            uses.append(Use(column.ours, theirs, column.unit))
        elif column.required and column.ours not in given:
            missing.append(column.theirs[0])
    missing += [read for read in importer.reads if read not in found and importer.needs_start]
    if missing:
        raise DataError(
            f"{name} must have the columns of {importer.name!r}: {', '.join(missing)} missing; "
            f"found {_listed(found)}{_hint(found)}"
        )
    return uses


def _guessed(rows: Rows, taken: set[str], options: Options) -> Guess:
    """A guess from the first chunk, texts left unread."""
    open_names = [n for n in rows.columns if n not in taken and not holds_texts(n)]
    first = next(iter(rows.chunks(open_names)), None)
    if first is None:
        return Guess(())
    draft = Draft(first, options, {}, rows.paths)
    draft.load(open_names)
    values: dict[str, Any] = {}
    for name in open_names:
        column = draft.raw(name)
        if column is not None:
            values[name] = column[:1000]
    return guess_map(values, ("user_id",) if options.key else ())


def _plan(
    importer: Importer, found: Sequence[str], uses: tuple[Use, ...], *, guessed: bool = False
) -> Plan:
    reads = [use.theirs for use in uses] + [name for name in importer.reads if name in found]
    tops = {name.split(".")[0] for name in reads} | set(reads)
    # whole objects whose inner values are used count as used
    left = [n for n in found if n not in tops and not any(r.startswith(f"{n}.") for r in reads)]
    left = [name for name in left if name.split(".")[0] not in importer.reads]
    private = [name for name in left if name in importer.private or holds_texts(name)]
    ignored = [name for name in left if name not in private]
    return Plan(uses, tuple(dict.fromkeys(reads)), tuple(ignored), tuple(private), guessed)


def to_load(plan: Plan, found: Sequence[str]) -> list[str]:
    """Names that a reader must load for a plan: whole columns, also of values inside JSON."""
    names = [name if name in found else name.split(".")[0] for name in plan.reads]
    return list(dict.fromkeys(names)) or [OBJECT]


def _unclear(
    name: str,
    found: Sequence[str],
    request: Request,
    missing: Sequence[str],
    doubts: Sequence[str],
    guess: Guess,
) -> str:
    parts = [f"{name}: no column is known as {' or as '.join(missing)}"] if missing else [name]
    if doubts:
        parts.append("the guess is not sure: " + "; ".join(doubts))
    parts.append(f"columns found: {_listed(found)}{_hint(found)}")
    if request.guess:
        known = guess.as_map() or "timestamp=THEIRS"
        parts.append(f"settle it with --map {shlex.quote(known)} corrected")
    else:
        parts.append(f"name them with --map ours=theirs,... or try: {request.command} --guess")
    return "; ".join(parts)


def _hint(found: Sequence[str]) -> str:
    """The format that a file seems to be of."""
    like = [other.name for other in importers().values() if other.fits(found)]
    return f"; it looks like {like[0]!r}" if like else ""


def _listed(names: Sequence[str], most: int = 12) -> str:
    shown = ", ".join(plain(name, 40) for name in names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown or "none"
