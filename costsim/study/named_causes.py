"""Is the right thing named? What the alarm says of who and why, read from the records so far."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from costsim.detect import Suite, group_incidents
from costsim.simulation.run import simulate
from costsim.simulation.truth import read_truth
from costsim.spend.drivers import drivers
from costsim.spend.series import channels
from costsim.study.incident_runs import IncidentWatch

if TYPE_CHECKING:
    import pandas as pd

    from costsim.detect import Findings, Incident, SeriesDetector
    from costsim.records.dataset import Records
    from costsim.simulation.scenario import Scenario
    from costsim.spend.drivers import Drivers
    from costsim.spend.planned import Planned
    from costsim.spend.series import Channels

SAME: Final[dict[str, tuple[str, ...]]] = {"errors": ("retries", "volume")}
"""What a cause of the scenario language is called among the drivers, where it differs."""
RIGHT: Final = ("feature_right", "cause_right", "user_right")


def naming(
    scenario: Scenario,
    watching: SeriesDetector | Suite | Sequence[SeriesDetector | Suite],
    seeds: Sequence[int],
    *,
    bin_minutes: int = 60,
    say: Callable[[str], None] | None = None,
) -> pd.DataFrame:
    """What the first alarm of each detector names, as it would be read when it is raised.

    Parameters
    ----------
    scenario : Scenario
        With exactly one incident; its call records are simulated, once a seed for all detectors,
        and of them only those until an alarm are looked at.
    watching : SeriesDetector, Suite, or sequence of them
        Each is a watch of its own, which begins with the incident; names must differ.
    seeds : sequence of int
        A run each.
    bin_minutes : {5, 15, 30, 60}
        Width of the bins that single detectors read; a suite has its own.
    say : callable, optional
        Is told in words what is being done.

    Returns
    -------
    pandas.DataFrame
        A row per run and detector: detector, seed, known_h (hours since the incident began;
        missing without an alarm by the end of the watch), feature_right, cause_right, user_right
        (whether the first culprit made calls of the incident), said. Without an alarm all three
        are missing; so is the feature where the feed is silent, and the user where none stands
        out.

    Notes
    -----
    The name is that of :func:`costsim.detect.group_incidents`, so detectors that alarm in one hour
    and date the incident alike say the same; what differs between them is when they speak.

    Examples
    --------
    >>> from costsim import load_scenario, load_suite
    >>> from costsim.simulation.sizes import smaller
    >>> night = smaller(load_scenario("night-script"), 0.1)
    >>> named = naming(night, load_suite("default"), seeds=[1])
    >>> named["known_h"].item(), [bool(named[right].all()) for right in RIGHT]
    (1.0, [True, True, True])
    """
    import pandas as pd

    given = watching if isinstance(watching, Sequence) else [watching]
    suites = [
        one if isinstance(one, Suite) else Suite(one.name, (one,), bin_minutes=bin_minutes)
        for one in given
    ]
    rows = []
    for number, seed in enumerate(seeds, 1):
        if say is not None:
            say(f"call by call, run {number} of {len(seeds)}")
        played = _Played(scenario, seed)
        rows += [{"detector": one.name, "seed": seed} | played.named(one) for one in suites]
    return pd.DataFrame(rows).reindex(columns=["detector", "seed", "known_h", *RIGHT, "said"])


def shares_right(named: pd.DataFrame) -> dict[str, float]:
    """Share of right names among what was named; missing where nothing was.

    Examples
    --------
    >>> import pandas as pd
    >>> told = {"feature_right": [True, False], "cause_right": [True, None], "user_right": None}
    >>> shares_right(pd.DataFrame(told))
    {'feature_right': 0.5, 'cause_right': 1.0, 'user_right': nan}
    """
    return {right: float(named[right].astype(float).mean()) for right in RIGHT}


def counts_right(named: pd.DataFrame) -> dict[str, str | None]:
    """The same in words, with the number of runs in which it was named.

    Examples
    --------
    >>> import pandas as pd
    >>> told = {"feature_right": [True, False], "cause_right": [True, None], "user_right": None}
    >>> counts_right(pd.DataFrame(told))
    {'feature_right': '1 of 2', 'cause_right': '1 of 1', 'user_right': None}
    """
    known = {right: named[right].dropna() for right in RIGHT}
    return {
        right: f"{int(each.astype(int).sum())} of {len(each)}" if len(each) else None
        for right, each in known.items()
    }


class _Played:
    """One run, call by call, and what has been read of it so far: many detectors ask the same."""

    def __init__(self, scenario: Scenario, seed: int) -> None:
        import pandas as pd

        [self._incident] = scenario.incidents.values()
        self._scenario = scenario
        self._records = simulate(scenario, seed=seed).records
        self._onset = pd.Timestamp(scenario.calendar.to_utc(self._incident.starts))
        self._heard: dict[tuple[int, tuple[Planned, ...]], Channels] = {}
        self._drove: dict[tuple[Any, Any], Drivers] = {}
        self._callers: dict[Any, set[str]] = {}

    def named(self, suite: Suite) -> dict[str, object]:
        """What the suite's first alarm says, held against the truth; nothing without one."""
        found = self._first(suite)
        if found is None:
            return {}
        known = found.alarms["known_at"].iloc[0]
        so_far = self._records.between(None, known)
        [one] = group_incidents(so_far, found, most=1, explain=self._explain)
        return {
            "known_h": (known - self._onset) / timedelta(hours=1),
            "said": one.words(),
            **self._right(one, so_far),
        }

    def _first(self, suite: Suite) -> Findings | None:
        """The alarms that come first, as they stood then."""
        minutes = suite.bin_minutes
        key = (minutes, suite.planned)
        if key not in self._heard:
            self._heard[key] = channels(self._records, minutes, suite.planned)
        found = suite.scan(self._records, start=self._onset, heard=self._heard[key])
        watch = IncidentWatch.of(self._scenario, minutes)
        last = self._onset + (watch.end - watch.onset) * timedelta(minutes=minutes)
        known = found.alarms["known_at"]
        first = found.alarms[(known == known.min()) & (known <= last)]
        if first.empty:
            return None
        return replace(found, alarms=first.assign(end=first["known_at"]))

    def _explain(self, so_far: Records, start: Any, end: Any) -> Drivers:
        """As :func:`drivers`; the end is that of the records so far, which it therefore names."""
        if (start, end) not in self._drove:
            self._drove[start, end] = drivers(so_far, start, end)
        return self._drove[start, end]

    def _right(self, one: Incident, so_far: Records) -> dict[str, object]:
        true = self._incident
        right: dict[str, object] = {
            "cause_right": one.cause in SAME.get(true.cause, (true.cause,)),
        }
        if one.cause == "silence":  # of all features and of nobody
            return right
        right["feature_right"] = one.feature is not None and true.feature in ("all", one.feature)
        if one.culprits:
            right["user_right"] = one.culprits[0][0] in self._callers_until(so_far, one.end)
        return right

    def _callers_until(self, so_far: Records, known: Any) -> set[str]:
        """Users of the calls that the incident added or made dearer."""
        if known not in self._callers:
            truth = read_truth(so_far)[["call_id", "counterfactual_cost_nano"]]
            calls = so_far.between(self._onset).to_pandas(["call_id", "user_id", "total_cost_nano"])
            both = calls.merge(truth, on="call_id")
            dearer = both["total_cost_nano"] > both["counterfactual_cost_nano"]
            self._callers[known] = set(both.loc[dearer, "user_id"])
        return self._callers[known]
