"""The one file that says what a dataset is: its files, its origin, its truth."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from costsim.errors import DatasetError

NAME = "manifest.json"
FORMAT = "costsim-records"


@dataclass(frozen=True)
class DataFile:
    """One Parquet file of the dataset; times are ISO 8601 in UTC, bounds inclusive."""

    path: str
    rows: int
    first: str
    last: str
    sha256: str

    @property
    def first_time(self) -> datetime:
        return datetime.fromisoformat(self.first)

    @property
    def last_time(self) -> datetime:
        return datetime.fromisoformat(self.last)


@dataclass(frozen=True)
class Source:
    """A foreign file that rows came from."""

    name: str
    format: str
    sha256: str
    rows: int


@dataclass(frozen=True)
class Manifest:
    """What a records folder holds. Equal runs write equal bytes: no clock, no host, no path."""

    kind: str = "REAL"
    schema_version: int = 1
    costsim_version: str = ""
    time_zone: str = "UTC"
    monthly_budget_usd: float | None = None
    price_book: str | None = None
    period: tuple[str, str] | None = None
    scenario: str | None = None
    scenario_hash: str | None = None
    seed: int | None = None
    supplied: dict[str, str] = field(default_factory=dict)
    alarms: dict[str, float] = field(default_factory=dict)
    week: tuple[str, int] | None = None
    incidents: tuple[dict[str, Any], ...] = ()
    notes: tuple[dict[str, str], ...] = ()
    sources: tuple[Source, ...] = ()
    files: tuple[DataFile, ...] = ()
    truth: DataFile | None = None
    limits: str | None = None
    decisions: tuple[dict[str, Any], ...] = ()

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.files)

    def to_json(self) -> str:
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=1, sort_keys=True) + "\n"

    def commit(self, folder: Path) -> None:
        """Put this state in force: write beside, flush to disk, rename over."""
        staged = folder / f".{NAME}.{os.getpid()}"
        with staged.open("w", encoding="utf-8") as out:
            out.write(self.to_json())
            out.flush()
            os.fsync(out.fileno())
        os.replace(staged, folder / NAME)

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Last committed state of a folder.

        Raises
        ------
        DatasetError
            There is no folder, no committed dataset in it, or one of a newer format.
        """
        path = folder / NAME
        if not folder.exists():
            raise DatasetError(f"records folder does not exist: {folder}")
        if not path.exists():
            raise DatasetError(f"{folder} holds no committed records (no {NAME} in it)")
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            version = data.get("schema_version", 0)
            if data.pop("format") != FORMAT or version > cls.schema_version:
                raise DatasetError(f"{path} must be {FORMAT} version 1; got version {version}")
            files = tuple(DataFile(**item) for item in data.pop("files"))
            sources = tuple(Source(**item) for item in data.pop("sources"))
            truth = data.pop("truth")
            period = data.pop("period")
            incidents = tuple(data.pop("incidents"))
            notes = tuple(data.pop("notes"))
            decisions = tuple(data.pop("decisions", ()))
            week = data.pop("week")
            return replace(
                cls(**data),
                files=files,
                sources=sources,
                incidents=incidents,
                notes=notes,
                decisions=decisions,
                week=(week[0], week[1]) if week else None,
                truth=DataFile(**truth) if truth else None,
                period=(period[0], period[1]) if period else None,
            )
        except (json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
            raise DatasetError(f"{path} is damaged: {error}") from error
