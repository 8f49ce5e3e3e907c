"""The features of a log: one for each feature and model, with the calls that are its own."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from costsim.simulation.fitting.log import Log

LEAST_SHARE = 0.02  # of a feature's calls that a model needs for a feature of its own


@dataclass(frozen=True)
class Part:
    """Calls of one feature by one model; None where the log does not say."""

    name: str
    feature: str | None
    model: str | None
    rows: NDArray[np.bool_]

    @property
    def calls(self) -> int:
        return int(self.rows.sum())


def parts_of(log: Log) -> list[Part]:
    """Features of the log, the largest first.

    A scenario's feature has one model, so a feature that several models answer becomes several.
    Models with under 2% of a feature's calls are counted with its largest. Calls without a
    feature are ``calls``.
    """
    feature, model = log.names["feature_name"], log.names["model"]
    found: list[Part] = []
    for code in np.unique(feature.codes):
        own = feature.codes == code
        models, times = np.unique(model.codes[own], return_counts=True)
        kept = models[times >= LEAST_SHARE * own.sum()]
        main = models[times.argmax()]
        title = feature.names[code] if code >= 0 else None
        for one in kept:
            rows = own & (model.codes == one)
            if one == main:
                rows |= own & ~np.isin(model.codes, kept)
            answered = model.names[one] if one >= 0 else None
            name = title or "calls"
            if len(kept) > 1:
                name = f"{name}-{answered or 'other'}"
            found.append(Part(_plain_name(name), title, answered, rows))
    found.sort(key=lambda part: (-part.calls, part.name))
    names = [part.name for part in found]
    return [  # two features may differ only in what a bare key cannot hold
        replace(part, name=f"{part.name}_{names[:i].count(part.name) + 1}")
        if part.name in names[:i]
        else part
        for i, part in enumerate(found)
    ]


def _plain_name(name: str) -> str:
    """A name that TOML takes as a bare key."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", name).strip("_") or "calls"
