"""Files that are written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(path: str | Path, data: str | bytes) -> Path:
    """Write a file at once: beside its place, flushed to disk, renamed over what was there.

    Folders on the way are made. Text is UTF-8, with line ends as they are.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write_whole(Path(folder, "new", "mine.toml"), "days = 2\\n")
    ...     path.read_text(), [each.name for each in path.parent.iterdir()]
    ('days = 2\\n', ['mine.toml'])
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    staged = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with staged.open("wb") as out:
            out.write(data.encode() if isinstance(data, str) else data)
            out.flush()
            os.fsync(out.fileno())
        os.replace(staged, target)
    finally:
        staged.unlink(missing_ok=True)
    return target
