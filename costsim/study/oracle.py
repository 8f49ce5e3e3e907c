"""The limit line: what a detector achieves that knows the incident, all but its moment."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf
from typing import TYPE_CHECKING, Final

import numpy as np

from costsim.detect.bin_width import HOURLY, BinWidth
from costsim.detect.hours import HOURS_IN_WEEK
from costsim.detect.run_length import lorden_limit
from costsim.detect.stepped import Judged, SteppedDetector
from costsim.study.calibration import calibrate
from costsim.study.false_alarms import HOURS_A_MONTH

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from costsim.study.incident_runs import IncidentRuns
    from costsim.study.quiet import Quiet

    Floats = NDArray[np.float64]

MAD_SD: Final = 1.4826
"""Median absolute deviations of normal values in a standard deviation."""
LEAST_SD: Final = 0.01
LARGEST_SHIFT: Final = 8.0
"""Scatters; beyond it the tails of the ordinary hours are not normal, and a single one decides."""
ONE_BIN: Final = 4.0
"""Scatters from which on one bin tells, and the limit is that bin."""
TRIED: Final = 6
"""Channels that an oracle is made on, to choose from."""
OFFSETS: Final = {"unit_cost": 1e-3}
"""Added before the logarithm is taken: a dollar, or a call, elsewhere."""

SERIES: Final = {
    "total": "the total",
    "top_user": "the dearest user's dollars",
    "top_feature": "the dearest feature's dollars",
    "calls": "the number of calls",
    "feature": "dollars",
    "unit_cost": "dollars a call",
}
"""Channels that it may read, in words; the last two are of one feature."""


@dataclass(frozen=True, eq=False)
class Oracle(SteppedDetector):
    """CUSUM of the log-likelihood ratio, the truth of ordinary hours and of the incident known.

    Parameters
    ----------
    channel : str
        Series that it reads, such as ``"total"`` or ``"feature:2"``.
    place, scatter : ndarray, shape (168,)
        Median and scatter of the log of ordinary bins, by hour of the week.
    phi : float
        Autocorrelation of neighbouring bins, from 0 to 1.
    shift : ndarray, shape (168,)
        What the incident adds, in scatters.
    h : float
        Threshold, in nats.
    name : str

    Notes
    -----
    Ordinary logs are taken as normal, with the autocorrelation of a first-order process: of a bin
    only what the one before does not tell counts. A change may have begun at any bin; the first
    bin after it differs by all of the shift, later ones by what is new of it. For independent
    normal bins and one shift this is the CUSUM that Moustakides (1986) proves best; otherwise it is
    a benchmark, not a bound.

    Examples
    --------
    >>> import numpy as np
    >>> hour = np.ones(168)
    >>> oracle = Oracle("total", 2 * hour, 0.1 * hour, 0.0, 2 * hour, h=3.0)
    >>> usual, more = np.exp(2.0) - 1, np.exp(2.3) - 1
    >>> oracle.statistic([usual, usual, more, more], np.arange(4)).round(9).tolist()
    [0.0, 0.0, 4.0, 8.0]
    """

    channel: str
    place: Floats
    scatter: Floats
    phi: float
    shift: Floats
    h: float = 5.0
    name: str = "oracle"

    @property
    def threshold(self) -> float:
        return self.h

    def with_threshold(self, threshold: float) -> Oracle:
        return replace(self, h=threshold)

    def describe(self) -> str:
        """Say in one line of words what it does."""
        return f"{self.name} on {self.channel}: knows the incident, and not when it begins"

    def begin(self, n_series: int, width: BinWidth = HOURLY) -> _OracleState:
        """Start with no history; its truth is of the bins that it was made on."""
        return _OracleState(self, n_series)


class _OracleState:
    def __init__(self, oracle: Oracle, n_series: int) -> None:
        self._oracle = oracle
        self._offset = OFFSETS.get(oracle.channel.partition(":")[0], 1.0)
        self._total = np.full(n_series, -inf)
        self._before: tuple[Floats, float] | None = None

    def step(self, values: Floats, hour_of_week: int, monitored: bool) -> Judged:
        oracle = self._oracle
        place, jump = oracle.place[hour_of_week], float(oracle.shift[hour_of_week])
        z = (np.log(np.maximum(values, 0) + self._offset) - place) / oracle.scatter[hour_of_week]
        new, step, unit = z, jump, 1.0
        if self._before is not None:
            last, shifted = self._before
            known = np.where(np.isnan(last), 0.0, last)
            new, step = z - oracle.phi * known, jump - oracle.phi * shifted
            unit = (1 - oracle.phi**2) ** 0.5
        self._before = (z, jump)
        if monitored:
            first, later = _ratio(new / unit, jump / unit), _ratio(new / unit, step / unit)
            total = np.maximum(self._total + later, first)
            self._total = np.where(np.isnan(new), self._total, total)
        expected = np.exp(np.full_like(values, place)) - self._offset
        return expected, np.maximum(self._total, 0.0)

    def restart(self) -> None:
        self._total[:] = -inf


def _ratio(x: Floats, shift: float) -> Floats:
    return np.asarray(shift * (x - shift / 2))


@dataclass(frozen=True)
class Limit:
    """What is possible at a false-alarm budget: the oracle, calibrated, and its runs.

    Attributes
    ----------
    oracle : Oracle
        On the channel where least burned in the runs that it was made on.
    delay_median_h, burned_median_usd, caught : float
        Over its runs; the last is the share that it caught at all.
    iid_h : float
        Least delay that can be promised were bins independent (:func:`lorden_limit`), for the
        mean shift of the incident's first day.
    """

    oracle: Oracle
    delay_median_h: float
    burned_median_usd: float
    caught: float
    iid_h: float

    @property
    def detectable(self) -> bool:
        """Whether the incident can be found at all: by the oracle in 99.9% of the runs."""
        return self.caught >= 0.999

    @property
    def _series(self) -> str:
        name, _, one = self.oracle.channel.partition(":")
        return SERIES[name] if not one else f"one feature's {SERIES[name]}"

    def to_dict(self) -> dict[str, object]:
        """Its numbers and words by name."""
        numbers = ("delay_median_h", "burned_median_usd", "caught", "detectable", "iid_h")
        return {
            "channel": self.oracle.channel,
            **{name: getattr(self, name) for name in numbers},
            "words": self.words(),
        }

    def words(self) -> str:
        """Two sentences for who decides."""
        if not self.detectable:
            return (
                f"Even a detector that knows this incident beforehand finds it in only "
                f"{self.caught:.0%} of the runs at this number of false alarms. What the others "
                "miss is the data's doing and not theirs."
            )
        return (
            f"A detector that knew this incident beforehand, and only not when it comes, would "
            f"need {self.delay_median_h:.0f} h and ${self.burned_median_usd:,.0f} reading "
            f"{self._series}: another that reads this series alone can hardly be expected to beat "
            "that. What lies between this line and yours is what better detection could still "
            "save; the line itself moves with finer bins, faster records, more false alarms, or "
            "another series that tells more."
        )


def oracle_of(quiet: Quiet, incident: IncidentRuns, false_alarms_per_month: float) -> Oracle:
    """The oracle on the channel where least burns before it speaks, calibrated.

    Parameters
    ----------
    quiet : Quiet
        Ordinary life, to know it by and to calibrate on.
    incident : IncidentRuns
        The incident, to know it by; not the runs that it is judged on.
    false_alarms_per_month : float
        Of it alone.

    Notes
    -----
    Channels whose bins tell enough soonest by their mean are tried, and with them the dearest
    user's, whose dollars hardly know the hour: it is read without the rhythm of the week.
    """
    found = [_on(channel, quiet, incident) for channel in _channels(quiet, incident)]
    ranked = [oracle for oracle, _ in sorted(found, key=lambda pair: pair[1])]
    tried = [*ranked[:TRIED], _on("top_user", quiet, incident, by_hour=False)[0]]
    best: tuple[float, Oracle] | None = None
    for each in tried:
        oracle = calibrate(each, quiet, false_alarms_per_month)
        assert isinstance(oracle, Oracle)
        burned = float(_rows(oracle, incident)["burned_usd"].mean())
        if best is None or burned < best[0]:
            best = burned, oracle
    assert best is not None
    return best[1]


def _channels(quiet: Quiet, incident: IncidentRuns) -> list[str]:
    """Channels that both have; the features of ordinary life come first in both."""
    count = min(quiet.ordinary_features, incident.spend.each["feature"].shape[2])
    each = [f"{name}:{one}" for name in ("feature", "unit_cost") for one in range(count)]
    return ["total", "top_user", "top_feature", "calls", *each]


def _on(
    channel: str, quiet: Quiet, incident: IncidentRuns, *, by_hour: bool = True
) -> tuple[Oracle, tuple[float, ...]]:
    """Oracle on one channel, and how good it is: hours to tell, and less information after."""
    offset = OFFSETS.get(channel.partition(":")[0], 1.0)
    week = quiet.spend.hour_of_week * by_hour
    logs = np.log(np.maximum(quiet.spend.channel(channel), 0) + offset)
    place, scatter = np.zeros(HOURS_IN_WEEK), np.full(HOURS_IN_WEEK, inf)
    for hour in range(HOURS_IN_WEEK):
        known = logs[:, week == hour]
        known = known[~np.isnan(known)]
        if known.size >= 20:
            place[hour] = np.median(known)
            scatter[hour] = max(LEAST_SD, MAD_SD * np.median(np.abs(known - place[hour])))
    z = (logs - place[week]) / scatter[week]
    phi = _autocorrelation(z)
    sums, counts = np.zeros(HOURS_IN_WEEK), np.zeros(HOURS_IN_WEEK)
    early = []
    values, hours = incident.spend.channel(channel), incident.spend.hour_of_week * by_hour
    for onset in np.unique(incident.onset):
        mine = incident.onset == onset
        span = slice(int(onset), int(incident.end[mine][0]))
        of = hours[span]
        raised = np.log(np.maximum(values[mine, span], 0) + offset) - place[of]
        mean = _mean(raised / scatter[of])
        np.add.at(sums, of[~np.isnan(mean)], mean[~np.isnan(mean)])
        np.add.at(counts, of[~np.isnan(mean)], 1)
        early.append(mean[: 72 * incident.spend.per_hour])
    typical = sums.sum() / counts.sum() if counts.any() else 0.0
    shift = np.where(counts > 0, sums / np.maximum(counts, 1), typical)
    shift = np.clip(shift, -LARGEST_SHIFT, LARGEST_SHIFT)
    if not by_hour:
        place, scatter, shift = (np.full(HOURS_IN_WEEK, one[0]) for one in (place, scatter, shift))
    scatter[np.isinf(scatter)] = 1e9  # never judged
    oracle = Oracle(channel, place, scatter, phi, shift)
    told = np.nanmean([_information(mean, phi) for mean in early], axis=0)
    enough = np.flatnonzero(told >= np.log(HOURS_A_MONTH))
    return oracle, (float(enough[0]) if len(enough) else inf, -float(told[-1]))


def _mean(values: Floats) -> Floats:
    """Mean over the runs, missing where no run has a value."""
    known = ~np.isnan(values)
    count = known.sum(axis=0)
    sums = np.where(known, values, 0.0).sum(axis=0)
    return np.where(count > 0, sums / np.maximum(count, 1), np.nan)


def _autocorrelation(z: Floats) -> float:
    """Of neighbouring bins, robust to the few that are far out."""
    clipped = np.clip(z, -3, 3)
    a, b = clipped[:, :-1].ravel(), clipped[:, 1:].ravel()
    known = ~(np.isnan(a) | np.isnan(b))
    a, b = a[known], b[known]
    if len(a) < 2 or not a.std() or not b.std():
        return 0.0
    return float(np.clip(np.corrcoef(a, b)[0, 1], 0.0, 0.95))


def _information(shift: Floats, phi: float) -> Floats:
    """Nats that the bins so far tell on average."""
    step = np.clip(np.nan_to_num(shift), -LARGEST_SHIFT, LARGEST_SHIFT)
    new = step - phi * np.concatenate([[0.0], step[:-1]])
    return np.asarray(np.cumsum(new**2) / (2 * (1 - phi**2)))


def _rows(oracle: Oracle, incident: IncidentRuns) -> pd.DataFrame:
    """Its first alarms, listening from the incident's first bin on."""
    import pandas as pd

    return pd.concat([part.rows(part.first(oracle)) for part in incident.by_onset()])


def limit_of(oracle: Oracle, incident: IncidentRuns, false_alarms_per_month: float) -> Limit:
    """The limit line from runs that the oracle was not made on.

    Parameters
    ----------
    oracle : Oracle
        Calibrated.
    incident : IncidentRuns
        Those that the detectors are judged on.
    false_alarms_per_month : float
        The budget that it was calibrated to.

    Notes
    -----
    It begins at zero when the incident does, as the limit of Lorden is defined: what it has summed
    up of a launch before would else be an alarm too early.
    """
    from costsim.study.outcome import outcome

    found = outcome(_rows(oracle, incident))
    onset = int(incident.onset[0])
    per_hour = incident.spend.per_hour
    first_day = incident.spend.hour_of_week[onset : onset + 24 * per_hour]
    size = min(float(np.abs(oracle.shift[first_day]).mean()), ONE_BIN)
    bins = HOURS_A_MONTH * per_hour / false_alarms_per_month
    iid = lorden_limit(bins, size).limit / per_hour if size > 0.05 else inf
    return Limit(
        oracle,
        found["delay_median_h"],
        found["burned_median_usd"],
        1 - found["missed"],
        iid,
    )
