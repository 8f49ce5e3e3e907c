"""How many tokens each document of a folder has: what a feature that reads them would send."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from costsim.errors import DataError
from costsim.prices.tokens import token_counter

if TYPE_CHECKING:
    import pandas as pd

LARGEST_BYTES: Final = 50_000_000
"""Larger files are skipped: no request takes them."""

# fmt: off
NOT_TEXT: Final = frozenset({
    ".pdf", ".doc", ".docx", ".xls", ".xlsx", ".ppt", ".pptx", ".odt", ".rtf", ".epub",
    ".zip", ".gz", ".7z", ".tar", ".parquet",
    ".png", ".jpg", ".jpeg", ".gif", ".webp", ".mp3", ".mp4", ".wav",
})
# fmt: on
"""Formats whose bytes are not the text that a model would be sent."""

_HTML: Final = frozenset({".html", ".htm", ".xhtml"})
_UNSEEN: Final = frozenset({"script", "style", "template"})
_NEW_LINE: Final = frozenset(
    ["p", "div", "br", "li", "tr", "h1", "h2", "h3", "h4", "h5", "h6", "pre"]
)


@dataclass(frozen=True, eq=False, repr=False)
class DocumentTokens:
    """Tokens of each document of a folder.

    Parameters
    ----------
    folder : str
    rows : tuple of (str, int, int)
        Path within the folder, characters and tokens of each document, by path.
    skipped : tuple of (str, str)
        Path within the folder of what was not counted, and why.
    method : str
        How tokens were counted.
    estimated : bool
        False where the model's own tokenizer counted.
    """

    folder: str
    rows: tuple[tuple[str, int, int], ...]
    skipped: tuple[tuple[str, str], ...]
    method: str
    estimated: bool

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def tokens(self) -> list[int]:
        """Tokens of each document, by path."""
        return [tokens for _, _, tokens in self.rows]

    def quantiles(self, at: Sequence[float] = (0.1, 0.5, 0.9)) -> list[float]:
        """Token counts below which these shares of the documents lie."""
        import numpy as np

        return [float(value) for value in np.quantile(np.asarray(self.tokens), list(at))]

    def to_frame(self) -> pd.DataFrame:
        """A row per document: document, characters, tokens; longest first."""
        import pandas as pd

        frame = pd.DataFrame(self.rows, columns=["document", "characters", "tokens"])
        return frame.sort_values("tokens", ascending=False, ignore_index=True, kind="stable")

    def skipped_frame(self) -> pd.DataFrame:
        """A row per file or folder that was not counted: document, reason."""
        import pandas as pd

        return pd.DataFrame(self.skipped, columns=["document", "reason"], dtype="str")

    def __repr__(self) -> str:
        low, middle, high = self.quantiles()
        skipped = f", {len(self.skipped)} skipped" if self.skipped else ""
        documents = "document" if len(self) == 1 else "documents"
        return (
            f"DocumentTokens({self.folder}: {len(self)} {documents}{skipped}; median "
            f"{middle:,.0f} tokens, 80% from {low:,.0f} to {high:,.0f}; {self.method}); "
            "next: .to_frame(), .skipped_frame(), estimate_cost(model, documents=...)"
        )

    def _repr_html_(self) -> str:
        from costsim.show.tables import table_html

        return table_html(self.to_frame(), caption=repr(self).split("; next")[0] + ")")


def count_documents(folder: str | Path, model: str | None = None) -> DocumentTokens:
    """Count the tokens of each document of a folder, its sub-folders included.

    Files are read as UTF-8 text (a byte order mark is dropped); of ``.html`` the text alone
    counts. What is not text, empty, hidden, behind a link to another folder, unreadable or over
    50 MB is listed in `skipped` with the reason, and never guessed.

    Parameters
    ----------
    folder : path
        Or a single file.
    model : str, optional
        Decides the tokenizer: see `count_tokens`.

    Raises
    ------
    DataError
        It does not exist, or holds no document that can be read.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     _ = Path(folder, "note.txt").write_text("Rehearse your LLM bill before you launch.")
    ...     _ = Path(folder, "scan.pdf").write_bytes(b"%PDF")
    ...     found = count_documents(folder)
    >>> found.rows, found.skipped
    ((('note.txt', 41, 11),), (('scan.pdf', '.pdf is not plain text: extract its text first'),))
    """
    top = Path(folder)
    if not top.exists():
        raise DataError(f"documents must be an existing folder; got {str(folder)!r}")
    counter = token_counter(model)
    rows: list[tuple[str, int, int]] = []
    skipped: list[tuple[str, str]] = []
    for path, hindrance in _files(top):
        name = path.name if path == top else path.relative_to(top).as_posix()
        text, why = ("", hindrance) if hindrance else _read(path)
        if why:
            skipped.append((name, why))
        else:
            rows.append((name, len(text), counter.count(text)))
    if not rows:
        found = f"{len(skipped)} skipped, such as {': '.join(skipped[0])}" if skipped else "no file"
        raise DataError(f"documents must hold at least one text; {str(folder)!r} has {found}")
    return DocumentTokens(
        str(folder), tuple(rows), tuple(skipped), counter.method, counter.estimated
    )


def _files(top: Path) -> Iterator[tuple[Path, str]]:
    """Files in a fixed order, each with the reason to skip it, if there is one before reading."""
    if not top.is_dir():
        yield top, ""
        return
    closed: list[OSError] = []
    for place, folders, names in os.walk(top, onerror=closed.append):
        here = Path(place)
        entered = []
        for name in sorted(folders):
            if name.startswith("."):
                yield here / name, "hidden folder"
            elif (here / name).is_symlink():  # may lead back up, or out of the folder
                yield here / name, "link to another folder"
            else:
                entered.append(name)
        folders[:] = entered
        for name in sorted(names):
            yield here / name, "hidden" if name.startswith(".") else ""
    for error in closed:
        yield Path(error.filename), f"cannot be read: {error.strerror}"


def _read(path: Path) -> tuple[str, str]:
    """Text of a file, or why there is none."""
    kind = path.suffix.lower()
    if kind in NOT_TEXT:
        return "", f"{kind} is not plain text: extract its text first"
    try:
        if not path.is_file():
            return "", "no regular file"
        if path.stat().st_size > LARGEST_BYTES:
            return "", f"over {LARGEST_BYTES / 1e6:,.0f} MB"
        content = path.read_bytes()
    except OSError as error:
        return "", f"cannot be read: {error.strerror}"
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "", "UTF-16: save it as UTF-8"
    if b"\0" in content:
        return "", "binary"
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return "", "not UTF-8"
    if kind in _HTML:
        text = _html_text(text)
    return (text, "") if text.strip() else ("", "empty")


class _Text(HTMLParser):
    """The text of a page; what a browser does not show is left out."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.unseen = 0

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.unseen += tag in _UNSEEN
        if tag in _NEW_LINE:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self.unseen -= tag in _UNSEEN and self.unseen > 0

    def handle_data(self, data: str) -> None:
        if not self.unseen:
            self.parts.append(data)


def _html_text(page: str) -> str:
    parser = _Text()
    parser.feed(page)
    parser.close()
    lines = (" ".join(line.split()) for line in "".join(parser.parts).splitlines())
    return "\n".join(line for line in lines if line)
