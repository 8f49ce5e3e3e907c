"""Demand: the calls that users intend, drawn a local day at a time and never seeing a limit.

Ordinary traffic is a Poisson stream of sessions whose rate follows the profile and the noise; a
session's user is drawn by activity, which is exactly the sum of independent Poisson users. A
cohort's member calls at a rate of its own from its first use on. Each draw belongs to a stream
(feature, cohort) and a day, so that another feature, day or worker changes nothing of it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from costsim.simulation.calendar import HOUR_US
from costsim.simulation.streams import stream
from costsim.simulation.world import World

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from costsim.simulation.settings import Feature, Profile


@dataclass(frozen=True)
class Calls:
    """Calls of one stream and day as columns of equal length, in order of drawing.

    `index` numbers them among the `drawn` calls, of which some may have been left out.
    """

    feature: str
    cohort: str
    day: int
    time_us: NDArray[np.int64]
    user: NDArray[np.int32]
    session: NDArray[np.int32]
    input_tokens: NDArray[np.int32]
    output_tokens: NDArray[np.int32]
    index: NDArray[np.int32]
    drawn: int

    def __len__(self) -> int:
        return len(self.time_us)

    def where(self, keep: NDArray[np.bool_]) -> Calls:
        """The calls that `keep` marks."""
        columns = {name: getattr(self, name)[keep] for name in _COLUMNS}
        return Calls(self.feature, self.cohort, self.day, **columns, drawn=self.drawn)


_COLUMNS = ("time_us", "user", "session", "input_tokens", "output_tokens", "index")


@dataclass(frozen=True)
class Demand:
    """Demand of one run: :meth:`day` gives the calls of a day, by stream."""

    world: World
    seed: int

    @cached_property
    def noise(self) -> NDArray[np.float64]:
        """Factor on ordinary traffic of each hour of the run."""
        return self.world.scenario.noise.factors(self.seed, self.world.scenario.calendar)

    def traffic_rate(self, name: str) -> NDArray[np.float64]:
        """Expected ordinary calls of a feature in each hour of the run, without noise."""
        scenario = self.world.scenario
        feature = scenario.features[name]
        weights = week_weights(scenario.profiles[feature.profile])
        weekly = feature.calls_per_week or 0.0
        return np.asarray(weekly / 168 * weights[scenario.calendar.hour_of_week])

    def day(self, day: int, only: Collection[str] | None = None) -> list[Calls]:
        """Calls that begin as sessions on a local day; the last may run past midnight.

        `only` names the features to draw; the others' draws do not matter to them.
        """
        drawn = []
        for name, feature in self.world.scenario.features.items():
            if only is not None and name not in only:
                continue
            if feature.calls_per_week:
                drawn.append(self._traffic(name, feature, day))
            drawn += [self._cohort(name, feature, cohort, day) for cohort in feature.cohorts]
        return [calls for calls in drawn if len(calls)]

    def _traffic(self, name: str, feature: Feature, day: int) -> Calls:
        scenario = self.world.scenario
        rng = stream(self.seed, name, "traffic", index=day)
        first, last = scenario.calendar.day_starts[day : day + 2]
        rate = (self._rates[name] * self.noise)[first:last] / feature.sessions.mean_calls
        counts = rng.poisson(rate)
        hour = np.repeat(np.arange(first, last), counts)
        start = hour * HOUR_US + (rng.random(len(hour)) * HOUR_US).astype(np.int64)
        if feature.launch is not None:
            start = start[start >= self._launch_us(feature)]
        user = self.world.users.draw(rng, len(start))
        return self._calls(name, feature, "traffic", day, start, user, rng)

    def _cohort(self, name: str, feature: Feature, cohort: str, day: int) -> Calls:
        scenario = self.world.scenario
        settings = feature.cohorts[cohort]
        members = self.world.members[name, cohort]
        profile = scenario.profiles[settings.profile or feature.profile]
        rng = stream(self.seed, name, cohort, "calls", index=day)
        first, last = scenario.calendar.day_starts[day : day + 2]
        week = scenario.calendar.hour_of_week[first:last]
        hours = np.asarray(profile.hours)[week % 24] / sum(profile.hours)
        rate = settings.calls_per_day / feature.sessions.mean_calls
        rate *= profile.day_weights[int(week[0]) // 24] * hours.sum()
        counts = rng.poisson(rate * members.effect)
        who = np.repeat(np.arange(len(members.user)), counts)
        share = hours / hours.sum() if hours.sum() else np.full(len(hours), 1 / len(hours))
        hour = first + rng.choice(len(hours), len(who), p=share)
        start = hour * HOUR_US + (rng.random(len(who)) * HOUR_US).astype(np.int64)
        calls = self._calls(name, feature, cohort, day, start, members.user[who], rng, who)
        since = members.first_use_us[who][calls.session]
        return calls.where(start[calls.session] >= since)

    def _calls(
        self,
        name: str,
        feature: Feature,
        cohort: str,
        day: int,
        start: NDArray[np.int64],
        user: NDArray[np.int32],
        rng: np.random.Generator,
        who: NDArray[np.int64] | None = None,
    ) -> Calls:
        """Sessions to calls: size, think times, passes, tokens."""
        session = np.arange(len(start), dtype=np.int32)
        when = start
        if feature.sessions.mean_calls > 1:
            size = rng.geometric(1 / feature.sessions.mean_calls, len(start))
            session = np.repeat(session, size)
            think = rng.standard_exponential(len(session)) * feature.sessions.think_seconds
            elapsed = np.cumsum(think)
            begins = np.cumsum(size) - size
            when = start[session] + ((elapsed - elapsed[begins][session]) * 1e6).astype(np.int64)
        if feature.passes > 1:
            session = np.repeat(session, feature.passes)
            each = (feature.first_token_ms * 1000, 1e6 / feature.output_tokens_per_second)
            gap = int(each[0] + each[1] * feature.output_tokens.expected)
            step = np.tile(np.arange(feature.passes), len(when)) * gap
            when = np.repeat(when, feature.passes) + step
        user = user[session]
        medians_in, medians_out = self.log_medians[name]
        return Calls(
            name,
            cohort,
            day,
            when,
            user,
            session,
            feature.input_tokens.sample(rng, medians_in[user]),
            feature.output_tokens.sample(rng, medians_out[user]),
            np.arange(len(session), dtype=np.int32),
            len(session),
        )

    @cached_property
    def _rates(self) -> dict[str, NDArray[np.float64]]:
        return {name: self.traffic_rate(name) for name in self.world.scenario.features}

    @cached_property
    def log_medians(self) -> dict[str, tuple[NDArray[np.float32], NDArray[np.float32]]]:
        """Log median of each user's input and output tokens, by feature."""
        medians = {}
        for name, feature in self.world.scenario.features.items():
            rng = stream(self.seed, name, "users")
            count = self.world.users.count
            medians[name] = (
                feature.input_tokens.user_log_median(rng, count),
                feature.output_tokens.user_log_median(rng, count),
            )
        return medians

    def _launch_us(self, feature: Feature) -> int:
        assert feature.launch is not None
        return self.world.scenario.calendar.elapsed_us(feature.launch)


def week_weights(profile: Profile) -> NDArray[np.float64]:
    """Weight of each local hour of week, Monday 00 first, mean one; shape ``(168,)``."""
    hours, days = np.asarray(profile.hours), np.asarray(profile.day_weights)
    return np.asarray(np.outer(days / days.mean(), hours / hours.mean()).ravel())
