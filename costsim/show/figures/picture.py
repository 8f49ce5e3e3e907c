"""Figures as bytes: the same figure gives the same bytes."""

from __future__ import annotations

import re
from io import BytesIO
from typing import TYPE_CHECKING

from costsim.show.figures.style import FONT

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def png(figure: Figure, dpi: int = 192) -> bytes:
    """A PNG; 192 dots an inch are two for each CSS pixel, sharp on a dense screen.

    Notes
    -----
    Few colours are drawn, so that a palette of 256 keeps them (where tried, no channel was off by
    more than 5 of 255) and saves two thirds of the bytes.
    """
    from PIL import Image

    raw, out = BytesIO(), BytesIO()
    figure.savefig(raw, format="png", dpi=dpi, metadata={"Software": None})
    with Image.open(raw) as full:
        full.convert("RGB").quantize(
            256, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE
        ).save(out, format="png", optimize=True)
    return out.getvalue()


def svg(figure: Figure) -> bytes:
    """An SVG with its letters as outlines, so that it looks the same without our font.

    Notes
    -----
    matplotlib names clip paths by a salted hash and writes the date; both are fixed here. Comments
    and digits beyond a hundredth of a point are dropped, which halves the size.
    """
    import matplotlib as mpl

    out = BytesIO()
    settings = {"svg.hashsalt": "costsim", "svg.fonttype": "path", "svg.id": None}
    with mpl.rc_context(settings):  # type: ignore[arg-type]
        figure.savefig(
            out,
            format="svg",
            metadata={"Date": None, "Creator": None, "Format": None, "Type": None},
        )
    text = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>", "", out.getvalue().decode(), flags=re.S)
    text = re.sub(r'(?<= d=")[^"]+|translate\([^)]+\)|\b[xy]="[^"]+"', _short, text)
    return re.sub(r">\s+<", "><", text).replace(f"{FONT.replace(' ', '')}-", "g").encode()


def _short(found: re.Match[str]) -> str:
    fewer = re.sub(r"(\.\d\d)\d+", r"\1", found[0])
    return re.sub(r"\s*([MLQCHVZz])\s*", r"\1", fewer) if fewer[0] in "Mm" else fewer
