"""Thresholds for a stated number of false alarms, measured on ordinary life.

A threshold from a table holds for noise that real spend does not have. So each detector is run on
simulated weeks of ordinary life, training window included, and its threshold is set where total
exposure over number of first alarms is the wanted distance; fresh runs then tell the rate that it
really has.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import TYPE_CHECKING, Final

from costsim.errors import SettingError

if TYPE_CHECKING:
    from costsim.detect import SeriesDetector
    from costsim.study.false_alarms import Paths
    from costsim.study.quiet import Quiet

ROUNDS: Final = 12
"""Of a bisection for the common rate."""


def checked_rate(false_alarms_per_month: float, months: float) -> None:
    """Check that some months of ordinary life can show a rate of false alarms.

    Raises
    ------
    SettingError
        They cannot, or it is no rate.
    """
    if not 0 < false_alarms_per_month < inf:
        raise SettingError(
            f"false_alarms_per_month must be above 0 and finite; got {false_alarms_per_month!r}"
        )
    if months * false_alarms_per_month < 10:
        raise SettingError(
            f"calibration needs at least 10 expected false alarms; {months:.0f} months at "
            f"{false_alarms_per_month:g} a month give {months * false_alarms_per_month:.1f}: "
            "use more runs or a higher rate"
        )


def calibrate(
    detector: SeriesDetector, quiet: Quiet, false_alarms_per_month: float
) -> SeriesDetector:
    """The detector with the lowest threshold whose measured rate does not exceed the wanted one.

    Parameters
    ----------
    detector : SeriesDetector
        Its threshold is replaced, unless none above 0 and finite has the rate: what ordinary life
        never moves, and what alarms at any threshold, comes back as it is.
    quiet : Quiet
        Ordinary life; rates below about ten alarms in all of it cannot be told apart.
    false_alarms_per_month : float
        Wanted rate, above 0, a month of 720 hours.

    Raises
    ------
    SettingError
        A rate that is not positive, or one that the runs are too short to show.
    """
    return calibrate_together([detector], quiet, false_alarms_per_month)[0]


def calibrate_together(
    detectors: Sequence[SeriesDetector], quiet: Quiet, false_alarms_per_month: float
) -> tuple[SeriesDetector, ...]:
    """Thresholds at which all detectors together have a rate of false alarms, each an equal part.

    Parameters
    ----------
    detectors : sequence of SeriesDetector
        Their thresholds are replaced.
    quiet : Quiet
        Ordinary life to set them on.
    false_alarms_per_month : float
        Of all of them together, above 0, a month of 720 hours.

    Returns
    -------
    tuple of SeriesDetector
        Each with the threshold that it would have alone at one common rate; the common rate is
        the largest at which the first alarm of any of them comes no more often than wanted.

    Notes
    -----
    Detectors that alarm together cost one false alarm and not several, so the common rate is more
    than an equal part of the budget: how much more is measured and not assumed.
    """
    checked_rate(false_alarms_per_month, quiet.months)
    paths = [quiet.paths(detector) for detector in detectors]
    return set_together(detectors, paths, false_alarms_per_month)


def set_together(
    detectors: Sequence[SeriesDetector], paths: Sequence[Paths], false_alarms_per_month: float
) -> tuple[SeriesDetector, ...]:
    """As :func:`calibrate_together`, from paths that are there already."""

    def at(each: float) -> tuple[SeriesDetector, ...]:
        """Where there is no threshold with the rate, or where it is none, as they are."""
        found = [p.threshold(each) for p in paths]
        return tuple(
            detector.with_threshold(threshold) if 0 < threshold < inf else detector
            for detector, threshold in zip(detectors, found, strict=True)
        )

    def rate(each: float) -> float:
        firsts = [p.first(d.threshold) for d, p in zip(at(each), paths, strict=True)]
        return paths[0].false_alarms(*firsts).per_month

    low, high = false_alarms_per_month / (2 * len(paths)), false_alarms_per_month
    if rate(high) <= false_alarms_per_month:  # one detector, or several that are as one
        low = high
    for _ in range(ROUNDS if low < high else 0):
        each = (low * high) ** 0.5
        low, high = (low, each) if rate(each) > false_alarms_per_month else (each, high)
    return at(low)
