"""What commands have in common: JSON, next steps, dates, progress."""

from __future__ import annotations

import json
import math
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from costsim.errors import SettingError

if TYPE_CHECKING:
    import pandas as pd
    from tqdm import tqdm

    from costsim.records.dataset import Records


def print_json(value: Any) -> None:
    """Print JSON: unknown as null, times in ISO 8601."""
    print(json.dumps(_plain(value), indent=1, allow_nan=False))


def rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a frame as plain values."""
    return [{str(k): v for k, v in row.items()} for row in frame.to_dict("records")]


def _plain(value: Any) -> Any:
    import numpy as np
    import pandas as pd

    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value


def print_wrapped(text: str) -> None:
    """Print a sentence in lines no wider than the terminal; of a pipe, in one."""
    if not sys.stdout.isatty():
        print(text)
        return
    width = min(shutil.get_terminal_size().columns, 100)
    print(textwrap.fill(text, width, subsequent_indent="  ", break_on_hyphens=False))


def next_step(command: str) -> None:
    """Name the next useful command, on stderr so that output can be piped."""
    print(f"next: {command}", file=sys.stderr)


@contextmanager
def progress(total: int, what: str) -> Iterator[tqdm[Any]]:
    """Progress on stderr, only where a person looks and only for what takes a while."""
    from tqdm import tqdm

    hidden = not sys.stderr.isatty()
    with tqdm(total=total, desc=what, disable=hidden, leave=False, delay=0.5) as bar:
        yield bar


@contextmanager
def spoken() -> Iterator[Callable[[str], None]]:
    """What is being done, on one line of stderr, only where a person looks."""
    width = 0

    def say(text: str) -> None:
        nonlocal width
        if sys.stderr.isatty():
            print(f"\r{text} ...".ljust(width), end="", file=sys.stderr, flush=True)
            width = len(text) + 5

    try:
        yield say
    finally:
        if width:
            print("\r" + " " * width, end="\r", file=sys.stderr, flush=True)


def day(text: str | None, name: str) -> date | None:
    """A day given as 2024-08-09."""
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise SettingError(f"{name} must be a day such as 2024-08-09; got {text!r}") from error


def in_range(records: Records, week: str | None, first: str | None, last: str | None) -> Records:
    """Records of an ISO week, or from a first to a last day, both included."""
    from datetime import timedelta

    from costsim.spend import iso_week

    if week and (first or last):
        raise SettingError("give --week or --from and --to; got both")
    if week:
        start = iso_week(week)
        return records.between(start, start + timedelta(days=7))
    begin, end = day(first, "--from"), day(last, "--to")
    if begin and end and begin > end:
        raise SettingError(f"--from must not lie after --to; got {first} and {last}")
    return records.between(begin, end + timedelta(days=1) if end else None)
