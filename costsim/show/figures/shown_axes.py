"""Axes that show themselves in a notebook, with their alt text, without pyplot."""

from __future__ import annotations

import base64
from typing import Any

from matplotlib.axes import Axes

from costsim.show.figures.header import alt_text
from costsim.show.figures.picture import png
from costsim.show.figures.style import root


class ShownAxes(Axes):
    """Axes whose whole figure is displayed where they are the value of a notebook cell."""

    def _repr_mimebundle_(
        self, include: Any = None, exclude: Any = None
    ) -> tuple[dict[str, str], dict[str, Any]]:
        figure = root(self)
        alt = alt_text(self)
        data = base64.b64encode(png(figure)).decode("ascii")
        width, height = figure.get_size_inches() * 96
        about = {"alt": alt, "width": round(width), "height": round(height)}
        return {"image/png": data, "text/plain": alt}, {"image/png": about}
