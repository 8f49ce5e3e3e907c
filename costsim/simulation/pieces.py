"""A run cut where a price or an incident changes what calls cost: pieces, and the terms in each."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from costsim.simulation.calendar import HOUR_US
from costsim.simulation.routes import Route, RoutePrices, swapped

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from costsim.simulation.scenario import Scenario
    from costsim.simulation.settings import Feature, Incident


class Piece(NamedTuple):
    """A stretch of the run in which one feature's calls cost the same, and who changes them.

    `inside` is its share of each bin of the run.
    """

    inside: NDArray[np.float64]
    epoch: int
    incidents: tuple[Incident, ...]


def pieces_of(
    scenario: Scenario, name: str, prices: RoutePrices, minutes: int = 60
) -> Iterator[Piece]:
    """The run cut where a price or an incident of the feature begins or ends.

    Parameters
    ----------
    name : str
        Of the feature.
    minutes : int
        Length of a bin; a divisor of 60.
    """
    calendar = scenario.calendar
    end, width = calendar.hours * HOUR_US, minutes * 60_000_000
    known = scenario.incidents_of(name).values()
    spans = [
        (calendar.elapsed_us(i.starts), end if i.ends is None else calendar.elapsed_us(i.ends), i)
        for i in known
    ]
    cuts = {0, end, *(int(e) for e in prices.epochs_us)}
    cuts |= {at for low, high, _ in spans for at in (low, high)}
    edges = sorted(at for at in cuts if 0 <= at <= end)
    bins = np.arange(end // width)
    for low, high in pairwise(edges):
        inside = np.minimum(bins + 1, high / width) - np.maximum(bins, low / width)
        epoch = int(np.searchsorted(prices.epochs_us, low, side="right")) - 1
        active = tuple(i for start, stop, i in spans if start <= low and high <= stop)
        yield Piece(np.clip(inside, 0, 1), epoch, active)


class Terms(NamedTuple):
    """What holds for the calls of a stream in a piece.

    Token scales are applied one after another, in the order of the incidents. `made` is the share
    of the intended calls that are made at all.
    """

    route: Route
    scale_in: tuple[float, ...]
    scale_out: tuple[float, ...]
    cache_share: float
    error_rate: float
    made: float
    silent: bool


def terms_of(feature: Feature, cohort: str, incidents: tuple[Incident, ...]) -> Terms:
    """Terms of a stream's calls while some incidents last.

    Parameters
    ----------
    cohort : str
        The stream: a cohort's name, "traffic", or a stream that an incident adds.
    """
    own = feature.cohorts.get(cohort)
    route = Route(feature.model, feature.provider, feature.service_tier)
    share = ((own and own.cache) or feature.cache).share
    error, made, silent = feature.errors.rate, 1.0, False
    for effect in (incident.effect for incident in incidents):
        share = share if effect.cache_share is None else effect.cache_share
        error = error if effect.error_rate is None else effect.error_rate
        silent |= effect.silent
        if effect.model:
            route = swapped(feature, effect.model, effect.provider)
        if cohort == "traffic":
            made *= min(effect.calls_scale, 1.0)
    scale_in = tuple(s for i in incidents if (s := i.effect.input_tokens_scale) != 1)
    scale_out = tuple(s for i in incidents if (s := i.effect.output_tokens_scale) != 1)
    return Terms(route, scale_in, scale_out, share, error, made, silent)
