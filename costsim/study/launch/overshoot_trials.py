"""Calls of one feature against one cap, over and over: what each way of accounting lets through.

A trial is a user with a cap of their own for the day. All trials of one rate share their calls,
whatever the accounting, and run through the admission kernel as any product does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from costsim.errors import SettingError
from costsim.limits import Policy, parse_limits
from costsim.simulation.demand import Demand
from costsim.simulation.intents import Intents
from costsim.simulation.kernel_layout import ADMITTED, DENIED
from costsim.simulation.loop import Loop
from costsim.simulation.loop_tables import INDEX_BITS, tables_of
from costsim.simulation.recording import Recorder, latency_of
from costsim.simulation.settings import Profile, Sessions
from costsim.simulation.world import play

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from costsim.simulation.admission import Attempts
    from costsim.simulation.scenario import Scenario

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

DAY_SECONDS = 86_400
MOST_CALLS = 8_000_000
"""Of all trials at one rate; more would take minutes."""
MOMENT_CALLS = 400_000
"""Drawn for the moments of a call."""


class Drawn(NamedTuple):
    """Calls of a feature: tokens, dollars, seconds from beginning to end."""

    input_tokens: Ints
    cached_tokens: Ints
    output_tokens: Ints
    first_us: Ints
    pace_ns: Ints
    nano: Ints

    @property
    def seconds(self) -> Floats:
        """How long each is in flight."""
        return np.asarray((self.first_us + self.output_tokens * self.pace_ns // 1000) / 1e6)


class CallMoments(NamedTuple):
    """E[c], E[c^2], E[c L] and E[L] of a call: dollars c, seconds in flight L."""

    usd: float
    usd2: float
    usd_seconds: float
    seconds: float

    def overshoot_usd(self, calls_per_second: float, delay_seconds: float = 0.0) -> float:
        """Mean dollars beyond a cap that is looked at first and charged afterwards.

        Renewal excess and calls in flight: E[c^2] / 2E[c] + lambda E[c (L + D)].

        Examples
        --------
        >>> CallMoments(2.0, 5.0, 20.0, 10.0).overshoot_usd(0.1, delay_seconds=30.0)
        9.25
        """
        in_flight = calls_per_second * (self.usd_seconds + delay_seconds * self.usd)
        return self.usd2 / (2 * self.usd) + in_flight


class Trials(NamedTuple):
    """What came of each trial; columns of one length, nano-dollars.

    `open_excess` is what the calls open when the last one was admitted cost beyond their holds:
    no trial that reserves can pass its cap by more. `hold_denied` counts refusals because of open
    reservations alone, `tried` attempts up to the last admission.
    """

    spent: Ints
    open_excess: Ints
    most_open: Ints
    hold_denied: Ints
    tried: Ints
    closed: NDArray[np.bool_]


@dataclass(frozen=True)
class Bench:
    """One feature of a scenario, ready to be tried.

    Parameters
    ----------
    scenario : Scenario
        With that feature alone, a user a trial; see :func:`bench_of`.
    feature : str
    seed : int
    """

    scenario: Scenario
    feature: str
    seed: int

    def __post_init__(self) -> None:
        recorder = Recorder(Demand(play(self.scenario, self.seed), self.seed))
        object.__setattr__(self, "_recorder", recorder)
        object.__setattr__(self, "_tables", tables_of(recorder))

    @property
    def trials(self) -> int:
        """How many there are."""
        return self.scenario.population.users

    def draw(self, count: int, purpose: int) -> Drawn:
        """So many independent calls by the feature's laws."""
        settings = self.scenario.features[self.feature]
        rng = np.random.default_rng([self.seed, purpose])
        tokens = [
            law.sample(rng, law.user_log_median(rng, count)).astype(np.int64)
            for law in (settings.input_tokens, settings.output_tokens)
        ]
        hit = rng.random(count) < settings.cache.hit_rate
        cached = np.where(hit, np.floor(tokens[0] * settings.cache.share), 0).astype(np.int64)
        bits = rng.integers(0, 1 << 32, count, dtype=np.uint32)
        first, pace = (part.astype(np.int64) for part in latency_of(settings, bits))
        nano = self.cost(tokens[0], cached, tokens[1])
        return Drawn(tokens[0], cached, tokens[1], first, pace, nano)

    def cost(self, input_tokens: Ints, cached: Ints, output_tokens: Ints) -> Ints:
        """Nano-dollars by the list prices of the scenario's first day."""
        time_us = np.zeros(len(input_tokens), np.int64)
        route = self._inner[1].arrays.feature_route[0]
        found = self._inner[0].prices.cost(int(route), time_us, input_tokens, cached, output_tokens)
        return np.asarray(found[1], np.int64)

    def moments(self) -> CallMoments:
        """Of a call, by many draws that no trial sees."""
        drawn = self.draw(MOMENT_CALLS, 0)
        usd, seconds = drawn.nano / 1e9, drawn.seconds
        means = (usd, usd**2, usd * seconds, seconds)
        return CallMoments(*(float(values.mean()) for values in means))

    def intents(self, calls_per_second: float, seconds: float, purpose: int) -> Intents:
        """Calls of all trials, Poisson at that rate for so long."""
        rng = np.random.default_rng([self.seed, purpose, 1])
        counts = rng.poisson(calls_per_second * seconds, self.trials)
        count = int(counts.sum())
        if count > MOST_CALLS:
            raise SettingError(
                f"trials would make {count:,} calls at {calls_per_second:g} a second, of at most "
                f"{MOST_CALLS:,}; take fewer trials, a lower concurrency or a shorter delay"
            )
        drawn = self.draw(count, purpose)
        user = np.repeat(np.arange(self.trials, dtype=np.int32), counts)
        time_us = np.sort(rng.integers(0, round(seconds * 1e6), count))
        rng.shuffle(user)
        order = np.lexsort((np.arange(count), user, time_us))
        small = dict.fromkeys(("stream", "variant", "feature", "billed"), np.zeros(count, np.int32))
        route = int(self._inner[1].arrays.feature_route[0])
        most = self.scenario.features[self.feature].output_tokens.max
        numbers = np.arange(count, dtype=np.int64)
        whole = Intents(
            time_us=time_us,
            user=user,
            sequence=numbers & ((1 << INDEX_BITS) - 1),
            key=numbers.astype(np.uint64),
            route=np.full(count, route, np.int32),
            reaction=np.full(count, self._inner[1].reactions[self.feature, "traffic"], np.int32),
            session=np.zeros(count, np.int32),
            input_tokens=drawn.input_tokens,
            cached_tokens=drawn.cached_tokens,
            output_tokens=drawn.output_tokens,
            max_output=np.full(count, -1 if most is None else most, np.int64),
            first_us=drawn.first_us,
            pace_ns=drawn.pace_ns,
            error_below=np.zeros(count, np.int64),
            **small,
        )
        return whole.take(order)

    def run(self, intents: Intents, policy: Policy) -> Trials:
        """All trials under some limits of a user's day."""
        end_us = self.scenario.calendar.day_range_us(0)[1]
        attempts = Loop(self._inner[1], policy).day(intents, end_us)
        return self._added_up(attempts, policy)

    def _added_up(self, attempts: Attempts, policy: Policy) -> Trials:
        trials, admitted = self.trials, attempts.outcome == ADMITTED
        user, time_us = attempts.user, attempts.time_us

        def summed(values: Any) -> Ints:
            return np.bincount(user, values, trials).astype(np.int64)

        last = np.full(trials, -1, np.int64)
        np.maximum.at(last, user[admitted], time_us[admitted])
        closing = np.zeros(trials, np.int8)
        closing[user] = attempts.outcome  # the last attempt of each
        ends = time_us + attempts.latency_us
        held = self._holds(attempts, policy)
        still = admitted & (ends > last[user])
        excess = np.maximum(attempts.total_nano - held, 0)
        denied = (attempts.outcome == DENIED) & attempts.by_holds
        return Trials(
            spent=summed(attempts.total_nano),
            open_excess=summed(np.where(still, excess, 0)),
            most_open=_most_open(user[admitted], time_us[admitted], ends[admitted], trials),
            hold_denied=summed(denied),
            tried=summed(time_us <= last[user]),
            closed=closing == DENIED,
        )

    def _holds(self, attempts: Attempts, policy: Policy) -> Ints:
        """What a reservation of each attempt would have held."""
        most = np.minimum(attempts.max_output, policy.request.held_output_tokens)
        bound = self.cost(attempts.input_tokens, np.zeros_like(most), most)
        return np.maximum(bound, self.cost(attempts.input_tokens, attempts.input_tokens, most))

    @property
    def _inner(self) -> Any:
        return self._recorder, self._tables  # type: ignore[attr-defined]


def bench_of(scenario: Scenario, feature: str, trials: int, seed: int) -> Bench:
    """A feature alone, asked for by so many users who never try again."""
    settings = scenario.features[feature].model_copy(
        update={
            "launch": None, "cohorts": {}, "calls_per_week": 1.0, "profile": "flat", "passes": 1,
            "sessions": Sessions(mean_calls=1), "reaction": "gives_up", "cheaper": None,
        }
    )  # fmt: skip
    update: dict[str, Any] = {
        "days": 1, "week": None, "time_zone": "UTC", "features": {feature: settings},
        "profiles": {"flat": Profile(hours=[1.0] * 24)}, "incidents": {}, "price_changes": [],
        "operations": None, "limits": None, "provider_limits": {},
        "start": scenario.focus.start,
        "population": scenario.population.model_copy(update={"users": trials}),
    }  # fmt: skip
    return Bench(scenario.model_copy(update=update), feature, seed)


def day_cap(usd: float, **more: Any) -> Policy:
    """A user's cap of a day, reserved for or only looked at."""
    return parse_limits({"name": "one cap", "user": {"day_usd": usd}, **more})


def _most_open(user: Any, begin: Ints, end: Ints, trials: int) -> Ints:
    """Most admitted calls in flight at one time, by trial."""
    who = np.concatenate([user, user])
    when = np.concatenate([begin, end])
    step = np.concatenate([np.ones(len(begin), np.int64), -np.ones(len(end), np.int64)])
    order = np.lexsort((step, when, who))  # what ends at a moment ends before what begins
    who, step = who[order], step[order]
    open_ = np.cumsum(step)  # each trial ends with none open, so the next begins at 0
    found = np.zeros(trials, np.int64)
    np.maximum.at(found, who, open_)
    return found
