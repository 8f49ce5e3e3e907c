"""What was told of which incident, in a small file: so that nobody is told twice."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from costsim.errors import DataError, DatasetError
from costsim.whole_files import write_whole

FORMAT: Final = "costsim-watch-1"


@dataclass(frozen=True)
class Told:
    """An incident that people were told of.

    Attributes
    ----------
    start, end : datetime
        Aware: its change point, and the end of its last alarming hour when last seen.
    usd : float or None
        Dollars above usual when it was last told; None where no call was made.
    feature : str or None
    ended : bool
        That it is over was told too.
    silent : bool
        It is of missing spend.
    """

    start: datetime
    end: datetime
    usd: float | None
    feature: str | None = None
    ended: bool = False
    silent: bool = False


@dataclass(frozen=True)
class Memory:
    """Since when records are watched, and what was told.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "runs.watch.json"
    ...     Memory().write(file)
    ...     Memory.read(file) == Memory()
    True
    """

    since: datetime | None = None
    told: tuple[Told, ...] = ()

    def write(self, path: Path) -> None:
        """Put this state in force: written beside, flushed to disk, renamed over.

        Raises
        ------
        DataError
            The folder cannot be written to.
        """
        data = {"format": FORMAT, **asdict(self)}
        try:
            write_whole(path, json.dumps(data, indent=1, default=_iso) + "\n")
        except OSError as error:
            raise DataError(f"the state file {path} cannot be written: {error.strerror}") from error

    @classmethod
    def read(cls, path: Path) -> Memory:
        """The state that a file holds; a new one where there is no file.

        Raises
        ------
        DataError
            The file is no state of a watch.
        """
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            if data["format"] != FORMAT:
                raise ValueError(f"format must be {FORMAT!r}; got {data['format']!r}")
            since = data["since"]
            return cls(None if since is None else _time(since), tuple(map(_told, data["told"])))
        except FileNotFoundError:
            return cls()
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path} is no state of costsim watch: {error!r}") from error


def beside(folder: str | Path) -> Path:
    """Where the state of a folder of records is kept unless told otherwise.

    Examples
    --------
    >>> beside("runs/mine").as_posix()
    'runs/mine.watch.json'
    """
    path = Path(folder)
    if path.name in ("", ".."):
        path = path.resolve()
    return path.with_name(f"{path.name}.watch.json")


@contextmanager
def remembered(path: Path) -> Iterator[Memory]:
    """The state of a file, held for one watch at a time.

    Raises
    ------
    DatasetError
        Another watch holds it.
    DataError
        The file is no state of a watch.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = path.with_name(f".{path.name}.lock")
    handle = os.open(lock, os.O_CREAT | os.O_RDWR)
    try:
        if sys.platform != "win32":
            import fcntl

            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise DatasetError(f"another costsim watch is at work on {path}") from error
        yield Memory.read(path)
    finally:
        os.close(handle)  # the system lets go, also where the process is killed


def _told(row: dict[str, Any]) -> Told:
    usd = row["usd"]
    return Told(
        _time(row["start"]),
        _time(row["end"]),
        None if usd is None else float(usd),
        row["feature"],
        bool(row["ended"]),
        bool(row.get("silent", False)),  # states of earlier versions do not say
    )


def _time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"times must be aware; got {text!r}")
    return moment


def _iso(value: datetime) -> str:
    return value.isoformat()
