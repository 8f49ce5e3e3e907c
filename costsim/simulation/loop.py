"""The closed loop: intended calls meet limits, and the world acts in between, in SimPy.

The admission kernel goes from one event of the world to the next. It hands the time back where a
watched level of the budget is crossed, and people may be called.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

import numpy as np
import simpy

from costsim.limits.core import MONTH
from costsim.limits.windows import window_at
from costsim.simulation.admission import Admission, Attempts, Crossing
from costsim.simulation.calendar import HOUR_US
from costsim.simulation.world import Event

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from costsim.limits import Policy
    from costsim.simulation.intents import Intents
    from costsim.simulation.loop_tables import LoopTables
    from costsim.simulation.scenario import Scenario

Engine = Literal["batch", "event"]
BUDGET_ALERT = "budget_alert"
MINUTE_US = 60_000_000


class Admits(Protocol):
    """What both engines do."""

    policies: list[Policy | None]

    def set_policy(self, policy: Policy | None) -> None: ...
    def switch_off(self, feature: int, off: bool = True) -> None: ...
    def force_route(self, feature: int, route: int) -> None: ...
    def feed(self, intents: Intents) -> None: ...
    def advance(self, until_us: int) -> Crossing | None: ...
    def take(self) -> Attempts: ...


class Act(NamedTuple):
    """What people do at a moment: of a feature, by number, or with a limits file."""

    at_us: int
    kind: str
    feature: int = -1
    route: int = -1
    policy: Policy | None = None


class Loop:
    """One run under limits, fed a day at a time.

    Parameters
    ----------
    tables : LoopTables
    policy : Policy, optional
    acts : sequence of Act
        What people are known to do, and when.
    engine : {"batch", "event"}
        The admission kernel, or the SimPy oracle; they give identical attempts.
    """

    def __init__(
        self,
        tables: LoopTables,
        policy: Policy | None,
        acts: Sequence[Act] = (),
        engine: Engine = "batch",
    ) -> None:
        self.tables = tables
        self.events: list[Event] = []
        self.admission: Admits = _engine(engine)(tables, policy)
        self._env = simpy.Environment()
        self._parts: list[Attempts] = []
        self._hourly: NDArray[np.int64] = np.zeros((0, len(tables.features)), np.int64)
        self._acted = 0
        self._told: tuple[tuple[int, int], int] = ((0, 0), 0)
        for act in acts:
            self._env.process(self._act(act))

    def day(self, intents: Intents, end_us: int) -> Attempts:
        """Go on to the end of a local day whose intended calls are given."""
        self.admission.feed(intents)
        while True:
            following = self._env.peek()
            crossing = self.admission.advance(int(min(following, end_us)))
            if crossing is not None:
                self._env.process(self._alert(crossing))
                while self._env.peek() < crossing.at_us:
                    self._env.step()
            elif following > end_us:
                self._collect()
                parts, self._parts = self._parts, []
                return Attempts.join(parts)
            else:
                self._env.step()

    @property
    def overspent(self) -> NDArray[np.int64]:
        """See :attr:`Admission.overspent`; the kernel alone keeps it."""
        assert isinstance(self.admission, Admission)
        return self.admission.overspent

    def _collect(self) -> None:
        """What was attempted until now; people look at its dollars by hour and feature."""
        attempts = self.admission.take()
        self._parts.append(attempts)
        if len(attempts):
            self._hourly = added_up(self._hourly, attempts)

    def _alert(self, crossing: Crossing) -> Generator[Any, Any, None]:
        """A level of the budget was reached; people hear of it, and act after a while."""
        yield self._env.timeout(crossing.at_us - self._env.now)
        policy = self.admission.policies[-1]
        assert policy is not None
        for level in policy.organisation.levels[
            self._passed(policy, crossing) : crossing.level + 1
        ]:
            words = f"alert {level.at:.0%}" if level.do == "notify" else level.words
            self.events.append(Event(crossing.at_us, f"budget {words}", "all"))
        operations = self.tables.scenario.operations
        if operations is None or BUDGET_ALERT not in operations.detectors:
            return
        if operations.action == "none" or self._acted >= operations.most_actions:
            return
        self._acted += 1
        yield self._env.timeout(reaction_us(self.tables.scenario, crossing.at_us))
        self._collect()
        self._apply(act_of(self.tables, int(self._env.now), self._hourly, crossing.at_us))

    def _passed(self, policy: Policy, crossing: Crossing) -> int:
        """How many levels of the month were told before, under the limits in force."""
        at = self.tables.origin_us + crossing.at_us
        month = (len(self.admission.policies), window_at(MONTH, at, policy.zone)[0])
        before, self._told = self._told, (month, crossing.level + 1)
        return before[1] if before[0] == month else 0

    def _act(self, act: Act) -> Generator[Any, Any, None]:
        yield self._env.timeout(act.at_us)
        self._apply(act)

    def _apply(self, act: Act) -> None:
        name = self.tables.features[act.feature] if act.feature >= 0 else "all"
        if act.kind == "kill":
            self.admission.switch_off(act.feature)
        elif act.kind == "downgrade":
            self.admission.force_route(act.feature, act.route)
        else:
            self.admission.set_policy(act.policy)
        self.events.append(Event(act.at_us, act.kind, name))


def act_of(tables: LoopTables, at_us: int, hourly: NDArray[np.int64], alarm_us: int) -> Act:
    """What people who were called do, by the scenario's operations.

    Parameters
    ----------
    at_us, alarm_us : int
        When they act, and the moment whose dollars they look at.
    hourly : array of shape (hours, features)
        Nano-dollars that they see.
    """
    operations = tables.scenario.operations
    assert operations is not None
    if operations.action == "limit":
        from costsim.limits import load_limits

        assert operations.limits is not None
        return Act(at_us, "limit", policy=load_limits(operations.limits))
    if operations.feature is not None:
        feature = tables.features.index(operations.feature)
    else:
        feature = rose_most(hourly, alarm_us // HOUR_US)
    if operations.action == "downgrade":
        assert operations.model is not None
        return Act(at_us, "downgrade", feature, tables.downgrade_route(feature, operations.model))
    return Act(at_us, "kill", feature)


def added_up(hourly: NDArray[np.int64], attempts: Attempts) -> NDArray[np.int64]:
    """Nano-dollars by hour and feature, with those of some more attempts."""
    hour = attempts.time_us // HOUR_US
    missing = int(hour[-1]) + 1 - len(hourly)
    if missing > 0:
        hourly = np.concatenate([hourly, np.zeros((missing, hourly.shape[1]), np.int64)])
    cell = hour * hourly.shape[1] + attempts.feature
    whole = np.bincount(cell, attempts.total_nano, minlength=hourly.size)
    return np.asarray(hourly + whole.reshape(hourly.shape).astype(np.int64))


def reaction_us(scenario: Scenario, at_us: int) -> int:
    """From an alarm to the act, by the local hour of the alarm."""
    assert scenario.operations is not None
    delay = scenario.operations.reaction_minutes
    if isinstance(delay, list):
        calendar = scenario.calendar
        hour = min(at_us // HOUR_US, calendar.hours - 1)
        delay = delay[int(calendar.hour_of_week[hour]) % 24]
    return round(delay * MINUTE_US)


def rose_most(hourly: NDArray[np.int64], hour: int) -> int:
    """Feature whose dollars of an hour exceed the most those of the same hour of earlier weeks.

    Parameters
    ----------
    hourly : array of shape (hours, features)
        Nano-dollars.
    """
    hour = min(int(hour), len(hourly) - 1)
    before = hourly[hour % 168 : hour : 168]
    usual = before.mean(axis=0) if len(before) else hourly[: max(hour, 1)].mean(axis=0)
    return int(np.argmax(hourly[hour] - usual))


def _engine(engine: Engine) -> Callable[..., Any]:
    if engine == "batch":
        return Admission
    from costsim.simulation.event_engine import EventAdmission

    return EventAdmission
