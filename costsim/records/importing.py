"""Foreign logs become records: read, translated, checked, once each, priced, committed."""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from costsim.errors import DatasetError, SettingError
from costsim.paths import package_version
from costsim.prices import PriceBook, load_price_book, price_books
from costsim.records.dataset import zone
from costsim.records.importers.columns.mapping import ColumnMap, read_map
from costsim.records.importers.columns.plan import Request
from costsim.records.importers.draft import Options
from costsim.records.importers.landing.land import Landing
from costsim.records.importers.reading.sources import find_files
from costsim.records.importers.registry import Importer, importer
from costsim.records.manifest import NAME, Manifest
from costsim.records.receipt import Receipt

# Key under which the manifest says how user ids were replaced.
_USERS = "user_ids"


@dataclass(frozen=True)
class ImportSettings:
    """Everything that decides an import, checked; see :func:`import_records`."""

    importer: Importer
    out: Path
    request: Request
    options: Options
    book: PriceBook
    time_zone: str
    budget_usd: float | None
    before: Manifest | None
    strict: bool
    start: str | None


def import_records(
    format: str,
    sources: str | Path | Iterable[str | Path],
    out: str | Path,
    *,
    map: str | Path | Mapping[str, Any] | None = None,
    guess: bool = False,
    strict: bool = False,
    model: str | None = None,
    feature: str | None = None,
    user: str | None = None,
    user_tier: str | None = None,
    team: str | None = None,
    provider: str | None = None,
    environment: str | None = None,
    service_tier: str | None = None,
    price_book: str | Path | PriceBook | None = None,
    time_zone: str | None = None,
    naive_time_zone: str = "UTC",
    start: str | date | datetime | None = None,
    monthly_budget_usd: float | None = None,
    pseudonymise_key: str | None = None,
    progress: Callable[[int], object] | None = None,
) -> Receipt:
    """Import foreign logs into a records folder.

    Parameters
    ----------
    format : {"azure", "burstgpt", "generic", "litellm"}
        What wrote the files; any registered importer.
    sources : path, pattern, or several
        Files, folders (read with their subfolders) or globs; CSV, JSON, JSON Lines, Parquet,
        each also zipped with gzip. What a file is, its content says.
    out : path
        New, empty, or a folder of real records, which is added to.
    map : str, mapping or path, optional
        ``"ours=theirs,..."``, a dict, or a TOML file with ``[columns]``, ``[constants]``,
        ``[units]``. With a named format it adds to, or replaces, that format's own columns.
    guess : bool
        For ``generic``: propose a map from names and values, and use it only when it is sure.
    strict : bool
        Refuse everything when one row is refused.
    model, feature, user, user_tier, team, provider, environment, service_tier : str, optional
        Filled in where the log has none; never over what the log says.
    price_book : str, path or PriceBook, optional
        The folder's own by default, ``"current"`` for a new folder.
    time_zone : str, optional
        IANA zone of the product's people, in which days are cut and shown; the folder's own,
        which allows no other, or UTC for a new one.
    naive_time_zone : str
        IANA zone of times in the files that carry none.
    start : str, date or datetime, optional
        Day 0 of logs whose times count from one (BurstGPT), in `naive_time_zone`.
    monthly_budget_usd : float, optional
        Kept in the manifest for reports; above 0. Replaces the folder's, and the receipt says so.
    pseudonymise_key : str, optional
        Replaces user ids by a hash with this secret; the same key for all imports of a folder.
    progress : callable, optional
        Called with the number of rows after each chunk.

    Returns
    -------
    Receipt
        What was kept, refused and why, and what the log cannot tell.

    Raises
    ------
    UnknownNameError
        No such format or price book.
    SettingError
        An argument that is not allowed, or that contradicts the folder.
    DataError
        A file that is not what the format says, or of which no row can be kept.
    ImportRejected
        `strict`, and a row was refused.
    DatasetError
        `out` holds a simulation, or something else.

    Notes
    -----
    Whatever is raised, nothing is left behind. Files whose content was imported before are
    skipped; calls whose id is there already are counted as duplicates, or refused when they
    differ. Ids made from a file's content cannot show that two files overlap.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> log = "TIMESTAMP,ContextTokens,GeneratedTokens\\n2023-11-16 18:17:03.9799600,1000,100\\n"
    >>> with tempfile.TemporaryDirectory() as name:
    ...     folder = pathlib.Path(name)
    ...     _ = (folder / "a.csv").write_text(log)
    ...     receipt = import_records(
    ...         "azure", folder / "a.csv", folder / "runs", model="gpt-4o", price_book="list-2024")
    >>> receipt.kept, receipt.facts.dollars.ours_total_nano
    (1, 6500000)
    """
    supplied = {
        "model": model,
        "feature_name": feature,
        "user_id": user,
        "user_tier": user_tier,
        "team": team,
        "provider": provider,
        "environment": environment,
        "service_tier": service_tier,
    }
    chosen = importer(format)
    folder = Path(out)
    before = _before(folder)
    given = read_map(map)
    _check(chosen, given, guess, start, monthly_budget_usd)
    zone_name = _zone_name(time_zone, before)
    said = {**given.constants, **{k: v for k, v in supplied.items() if v is not None}}
    _check_supplied(said)
    files = find_files(sources, folder)
    command = shlex.join(["costsim", "import", format, str(files[0][0]), "--out", str(out)])
    settings = ImportSettings(
        importer=chosen,
        out=folder,
        request=Request(given, guess, command),
        options=Options(
            supplied=said,
            naive_zone=zone(naive_time_zone).key,
            start_us=_start_us(start, naive_time_zone),
            key=_key(pseudonymise_key, before),
        ),
        book=_book(price_book, before),
        time_zone=zone_name,
        budget_usd=monthly_budget_usd,
        before=before,
        strict=strict,
        start=None if start is None else str(start),
    )
    return Landing(settings, _supplied(settings), package_version(), progress).run(files)


def _before(folder: Path) -> Manifest | None:
    if not (folder / NAME).exists():
        return None
    before = Manifest.read(folder)
    if before.kind == "SIMULATED":
        raise DatasetError(
            f"{folder} holds the simulation {before.scenario!r}; real records need a folder of "
            "their own"
        )
    return before


def _check(
    chosen: Importer, given: ColumnMap, guess: bool, start: object, budget: float | None
) -> None:
    if guess and not chosen.any_columns:
        raise SettingError(f"guess must be left out for {chosen.name!r}: its columns are known")
    if chosen.needs_start and start is None:
        raise SettingError(
            f"start must be given for {chosen.name!r}, whose times count from an unnamed day: "
            "for example --start 2024-01-01"
        )
    if start is not None and not chosen.needs_start:
        raise SettingError(f"start must be left out for {chosen.name!r}: its times are dated")
    if budget is not None and not (math.isfinite(budget) and budget > 0):
        raise SettingError(f"monthly_budget_usd must be above 0; got {budget!r}")


def _check_supplied(said: Mapping[str, str]) -> None:
    from costsim.errors import UnknownNameError
    from costsim.records.schema import BY_NAME

    for name, value in said.items():
        if not isinstance(value, str) or not value.strip():
            raise SettingError(f"{name} must be a name; got {value!r}")
        allowed = BY_NAME[name].allowed
        if allowed and value not in allowed:
            raise UnknownNameError(name, value, allowed)


def _start_us(start: str | date | datetime | None, naive_zone: str) -> int | None:
    if start is None:
        return None
    try:
        when = datetime.fromisoformat(start) if isinstance(start, str) else start
    except ValueError as error:
        raise SettingError(f"start must look like 2024-01-01; got {start!r}") from error
    if not isinstance(when, datetime):
        when = datetime.combine(when, time())
    aware = when if when.tzinfo else when.replace(tzinfo=ZoneInfo(naive_zone))
    return round(aware.astimezone(UTC).timestamp() * 1_000_000)


def _key(key: str | None, before: Manifest | None) -> str | None:
    if key is not None and len(key) < 8:
        raise SettingError(f"pseudonymise_key must have at least 8 characters; got {len(key)}")
    if before and before.rows:
        there, now = before.supplied.get(_USERS), _mark(key)
        if there != now:
            wanted = "the key of its first import" if there else "no key"
            raise SettingError(
                f"pseudonymise_key must be {wanted}: one folder holds one kind of user ids"
            )
    return key


def _mark(key: str | None) -> str | None:
    """How a manifest says that, and with which key, ids were replaced, without telling the key."""
    import hashlib
    import hmac

    if key is None:
        return None
    sign = hmac.new(key.encode(), b"which key", hashlib.sha256).hexdigest()[:8]
    return f"replaced, key {sign}"


def _zone_name(given: str | None, before: Manifest | None) -> str:
    name = zone(given).key if given else before.time_zone if before else "UTC"
    if before and before.rows and name != before.time_zone:
        raise SettingError(
            f"time_zone must be {before.time_zone!r} like the rest of the folder; got {name!r}"
        )
    return name


def _book(given: str | Path | PriceBook | None, before: Manifest | None) -> PriceBook:
    there = before.price_book if before and before.rows else None
    if given is None and there and there not in price_books():
        raise SettingError(f"price_book must be given again: {there!r} of the folder is your own")
    book = given if isinstance(given, PriceBook) else load_price_book(given or there or "current")
    if there and book.name != there:
        raise SettingError(
            f"price_book must be {there!r} like the rest of the folder; got {book.name!r}"
        )
    return book


def _supplied(settings: ImportSettings) -> dict[str, str]:
    """What a manifest and a receipt call supplied."""
    supplied = dict(settings.options.supplied)
    if settings.start is not None:
        supplied["start"] = settings.start
    mark = _mark(settings.options.key)
    return supplied | ({_USERS: mark} if mark else {})
