"""A report as one HTML file that needs nothing else: to read, to forward, to print."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from html import escape
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

from costsim.errors import ReportError, SettingError
from costsim.show.cards import RIBBON_COLOURS, Card, Ribbon
from costsim.show.tables import table_html
from costsim.show.text import plain
from costsim.whole_files import write_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame

    Drawing = Axes | Figure | Callable[[], Axes]

_WIDE_INCHES, _PHONE_INCHES = 9.0, 3.75
_SVG_MOST_BYTES = 400_000  # beyond that a raster is smaller, and as sharp
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"

_CSS = """
:root{color-scheme:light dark;--ink:#1f2328;--soft:#59606a;--ground:#fff;--line:#dfe2e6;
--link:#005a9c}
@media (prefers-color-scheme:dark){:root{--ink:#e4e6e9;--soft:#a3a9b2;--ground:#16181c;
--line:#343840;--link:#7cc0f5}.panel{filter:brightness(.92);border-color:transparent}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.6 system-ui,-apple-system,
"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;overflow-wrap:break-word}
main,header,footer{max-width:920px;margin:0 auto;padding:0 20px}
header{padding-top:2.2rem}
h1{font-size:1.75rem;line-height:1.25;font-weight:680;margin:.5rem 0 1.2rem;letter-spacing:-.01em}
h2{font-size:1.25rem;line-height:1.35;font-weight:650;margin:0 0 .5rem}
section.part{margin:3.2rem 0 0}
p{margin:.5rem 0;max-width:70ch}
code{font:.92em ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
p code{background:rgba(128,132,140,.14);padding:.1em .3em;border-radius:3px}
a{color:var(--link);text-underline-offset:.15em}
nav{margin:1.6rem 0 0;padding:.9rem 0;border-top:1px solid var(--line);
border-bottom:1px solid var(--line);color:var(--soft)}
nav ol{margin:0;padding:0;list-style:none;columns:2;column-gap:2rem}
nav li{padding:.15rem 0;break-inside:avoid}
figure{margin:1.1rem 0 0}
.panel{background:#fff;border:1px solid var(--line);border-radius:6px;padding:12px;overflow-x:auto}
.panel img{display:block;width:100%;height:auto}
.panel img.one{min-width:600px}
figcaption{color:var(--soft);font-size:.875rem;line-height:1.5;margin:.45rem 0 0;max-width:80ch}
.word{font-weight:650;font-size:.72rem;letter-spacing:.06em;padding:.1em .5em;border-radius:3px;
margin-right:.5em;white-space:nowrap}
footer{color:var(--soft);font-size:.85rem;margin-top:4rem;padding-bottom:2.5rem}
footer dl{border-top:1px solid var(--line);padding-top:1rem;display:grid;
grid-template-columns:max-content minmax(0,1fr);gap:.15rem 1.2rem;margin:0}
footer dt{font-weight:600}footer dd{margin:0;overflow-wrap:anywhere}
@media (max-width:600px){main,header,footer{padding-left:14px;padding-right:14px}
header{padding-top:1.2rem}h1{font-size:1.4rem}nav ol{columns:1}.panel{padding:6px}
section.part{margin-top:2.4rem}}
@media print{@page{margin:16mm}:root{--ink:#000;--soft:#444;--ground:#fff;--line:#bbb;--link:#000}
body{font-size:10.5pt}main,header,footer{max-width:none;padding:0}nav{display:none}
section.part{margin-top:1.6rem}h2{break-after:avoid}figure,tr,header section{break-inside:avoid}
.panel{border:0;padding:0}.panel{filter:none}.panel img.one{min-width:0}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
"""


@dataclass(frozen=True, slots=True)
class Section:
    """One part of a page: what it says, and the figure or table that shows it.

    Parameters
    ----------
    title : str
        What the part finds.
    anchor : str
        Its address in the page: ``a-z``, ``0-9`` and ``-``; from the title where empty.
    prose : str or tuple of str
        Paragraphs of plain text; ``**bold**`` and ```code``` are understood, all else is escaped.
    figure : Axes, Figure or callable without arguments that returns Axes, optional
        Drawn by :mod:`costsim.show.figures`. A callable is drawn twice, for a desk and for a
        phone: ``functools.partial(figures.hourly_spend, frame, by="feature_name")``.
    table : DataFrame or str, optional
        A frame, or what :func:`costsim.show.tables.table_html` made of one.
    html : str, optional
        Further HTML of our own making (a card); never text from outside.
    caption : str
        Said below the figure, or above a table that was given as a frame.

    Examples
    --------
    >>> Section("One feature is 68% of the week", prose="**deep_analysis** ...").anchor
    'one-feature-is-68-of-the-week'
    """

    title: str
    anchor: str = ""
    prose: str | tuple[str, ...] = ()
    figure: Drawing | None = None
    table: DataFrame | str | None = None
    html: str = ""
    caption: str = ""

    def __post_init__(self) -> None:
        if not self.anchor:
            slug = re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")[:60]
            object.__setattr__(self, "anchor", slug or "part")
        if not re.fullmatch(r"[a-z0-9-]+", self.anchor):
            raise SettingError(f"anchor must be of a-z, 0-9 and '-'; got {self.anchor!r}")


@dataclass(frozen=True, slots=True, repr=False)
class Page:
    """A report: verdict first, then its parts, then how it was made.

    Parameters
    ----------
    title : str
    ribbon : Ribbon
        Worn by the page and by each figure's caption.
    lede : Card
        The verdict.
    sections : tuple of Section
    made : tuple of (name, value)
        How to make it again: seed, scenario hash, version, command.

    Raises
    ------
    SettingError
        Where two sections have one anchor.

    Examples
    --------
    >>> ribbon = Ribbon("REAL", "my.csv")
    >>> Page("A week", ribbon, Card("Quiet.", (), ribbon), (Section("By feature"),))
    Page 'A week' (1 section); write it with .write("page.html")
    """

    title: str
    ribbon: Ribbon
    lede: Card
    sections: tuple[Section, ...]
    made: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        anchors = [section.anchor for section in self.sections]
        twice = sorted({one for one in anchors if anchors.count(one) > 1})
        if twice:
            raise SettingError(f"anchors must differ; got {', '.join(map(repr, twice))} twice")

    def __repr__(self) -> str:
        count = len(self.sections)
        parts = f"{count} section{'' if count == 1 else 's'}"
        return f'Page {plain(self.title)!r} ({parts}); write it with .write("page.html")'

    def html(self) -> str:
        """The whole page. Equal input gives equal bytes.

        Raises
        ------
        ReportError
            Where a part would load something from outside or run a script.
        """
        ground, ink = RIBBON_COLOURS[self.ribbon.kind]
        word = (
            f'<span class="word" style="background:{ground};color:{ink}">{self.ribbon.kind}</span>'
        )
        short = replace(self.ribbon, complete_through=None, notes=())  # in full on the card
        parts = []
        for section in self.sections:
            body = _section(section, word)
            refuse_outside(body, section.title)
            parts.append(body)
        contents = ""
        if len(self.sections) > 3:
            items = "".join(
                f'<li><a href="#{s.anchor}">{escape(plain(s.title))}</a></li>'
                for s in self.sections
            )
            contents = f'<nav aria-label="Contents"><ol>{items}</ol></nav>\n'
        header = (
            f"<header>\n<div>{short._repr_html_()}</div>\n"
            f"<h1>{escape(plain(self.title))}</h1>\n{self.lede._repr_html_()}\n{contents}</header>\n"
        )
        return shell(self.title, header, "".join(parts), self.ribbon, self.made)

    def write(self, path: str | Path) -> Path:
        """Write the page at once or not at all, and return its path.

        Parameters
        ----------
        path : str or Path
            Folders on the way are made; a page already there is replaced.

        Raises
        ------
        ReportError
            Where a directory is in the way.
        """
        return write_page(self.html(), path)


def shell(
    title: str, header: str, body: str, ribbon: Ribbon, made: tuple[tuple[str, str], ...]
) -> str:
    """The whole page around a header and a body that are safe HTML already."""
    rows = "".join(
        f"<dt>{escape(plain(name))}</dt><dd>{_value(name, value)}</dd>"
        for name, value in (("shown", str(ribbon)), *made)
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{escape(plain(title))}</title>\n<style>{_CSS}</style>\n</head>\n<body>\n"
        f"{header}<main>\n{body}</main>\n"
        f"<footer>\n<dl>{rows}</dl>\n</footer>\n</body>\n</html>\n"
    )


def check_target(path: str | Path) -> Path:
    """The path of a page, before any work is done for it.

    Raises
    ------
    ReportError
        Where a directory is in the way, or a file where a folder has to be.
    """
    target = Path(path)
    if target.is_dir():
        raise ReportError(f"page needs a file name; {target} is a directory")
    for folder in target.absolute().parents:
        if folder.exists():
            if not folder.is_dir():
                raise ReportError(f"page needs a folder; {folder} is a file")
            if not os.access(folder, os.W_OK):
                raise ReportError(f"page needs a folder to write in; {folder} is none")
            break
    return target


def write_page(text: str, path: str | Path) -> Path:
    """Write a page at once or not at all; folders on the way are made."""
    return write_whole(check_target(path), text)


def _value(name: str, value: str) -> str:
    shown = escape(plain(value))
    return f"<code>{shown}</code>" if "command" in name.lower() else shown


def _section(section: Section, word: str) -> str:
    blocks = [f"<h2>{escape(plain(section.title))}</h2>"]
    given = section.prose
    paragraphs = re.split(r"\n\s*\n", given) if isinstance(given, str) else given
    blocks += [f"<p>{_prose(text)}</p>" for text in paragraphs if text.strip()]
    if section.figure is not None:
        caption = f"<figcaption>{word}{escape(plain(section.caption))}</figcaption>"
        picture = _picture(section.figure)
        blocks.append(f'<figure><div class="panel">{picture}</div>{caption}</figure>')
    if isinstance(section.table, str):
        blocks.append(section.table)
    elif section.table is not None:
        caption = "" if section.figure is not None else section.caption
        blocks.append(table_html(section.table, caption=caption))
    if section.html:
        blocks.append(section.html)
    inner = "\n".join(blocks)
    return f'<section class="part" id="{section.anchor}">\n{inner}\n</section>\n'


def _prose(text: str) -> str:
    safe = escape(plain(text))
    safe = re.sub(r"`([^`]+)`", r"<code>\1</code>", safe)
    return re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", safe)


def _picture(drawing: Drawing) -> str:
    from costsim.show.figures import alt_text, page_width, png

    if not callable(drawing):
        image, width, height = _data(drawing)
        alt = escape(alt_text(drawing))
        return f'<img class="one" src="{image}" width="{width}" height="{height}" alt="{alt}">'
    with page_width(_PHONE_INCHES):
        phone = _address("png", png(_figure(drawing()), dpi=240))
    with page_width(_WIDE_INCHES):
        drawn = drawing()
    image, width, height = _data(drawn)
    return (
        f'<picture><source media="(max-width:600px)" srcset="{phone}">'
        f'<img src="{image}" width="{width}" height="{height}" alt="{escape(alt_text(drawn))}">'
        "</picture>"
    )


def _figure(drawing: Axes | Figure) -> Any:
    return drawing if hasattr(drawing, "savefig") else drawing.get_figure(root=True)


def _data(drawing: Axes | Figure) -> tuple[str, int, int]:
    """A figure as a data address, with its size in CSS pixels."""
    from costsim.show.figures import png, svg

    figure = _figure(drawing)
    kind, data = "svg+xml", svg(figure)
    if len(data) > _SVG_MOST_BYTES:
        kind, data = "png", png(figure)
    wide, tall = (round(float(inches) * 96) for inches in figure.get_size_inches())
    return _address(kind, data), wide, tall


def _address(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"


class _Outside(HTMLParser):
    """Notes whatever would load from outside or run."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in {"script", "iframe", "object", "embed", "link", "base", "form", "meta"}:
            self.found.append(f"<{tag}>")
        for name, value in attrs:
            told = (value or "").strip().lower()
            if name.startswith("on"):
                self.found.append(name)
            elif name in {"src", "srcset", "href", "xlink:href", "data", "poster", "action"}:
                if not told.startswith(("data:image/", "#")):
                    self.found.append(f"{name}={told[:40]!r}")
            elif name == "style" and ("url(" in told or "@import" in told):
                self.found.append("url() in a style")


def refuse_outside(body: str, title: str) -> None:
    reader = _Outside()
    reader.feed(body)
    reader.close()
    if reader.found:
        raise ReportError(
            f"section {plain(title)!r} must stand alone, without scripts or outside assets; "
            f"got {', '.join(reader.found[:3])}"
        )
