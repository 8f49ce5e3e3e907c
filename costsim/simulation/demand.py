"""Demand: the calls that users intend, drawn a local day at a time and never seeing a limit.

Ordinary traffic is a Poisson stream of sessions whose rate follows the profile and the noise; a
session's user is drawn by activity, which is exactly the sum of independent Poisson users. A
cohort's member calls at a rate of its own from its first use on. Calls that an incident adds are a
stream apart. Each draw belongs to a stream (feature, cohort), a purpose and a day, so that another
feature, day, worker or incident changes nothing of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from costsim.simulation.calendar import HOUR_US
from costsim.simulation.calls import Calls
from costsim.simulation.effects import with_effects
from costsim.simulation.rates import added_share, cohort_rate, traffic_rate
from costsim.simulation.routes import Route
from costsim.simulation.streams import stream
from costsim.simulation.variants import Variant
from costsim.simulation.world import World

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from costsim.simulation.distributions import Tokens
    from costsim.simulation.settings import Cache, Feature, Incident, Sessions

    Medians = tuple[NDArray[np.float32], NDArray[np.float32]]

__all__ = ["Calls", "Demand"]

ADDED = "added by "
"""Begins the name of the stream of calls that an incident adds."""


@dataclass(frozen=True)
class Demand:
    """Demand of one run: :meth:`day` gives the calls of a day, by stream and variant."""

    world: World
    seed: int

    @cached_property
    def noise(self) -> NDArray[np.float64]:
        """Factor on ordinary traffic of each hour of the run."""
        return self.world.scenario.noise.factors(self.seed, self.world.scenario.calendar)

    def traffic_rate(self, name: str) -> NDArray[np.float64]:
        """Expected ordinary calls of a feature in each hour of the run, without noise."""
        return traffic_rate(self.world.scenario, name)

    def day(self, day: int, only: Collection[str] | None = None) -> list[Calls]:
        """Calls that begin as sessions on a local day; the last may run past midnight.

        `only` names the features to draw; the others' draws do not matter to them.
        """
        scenario = self.world.scenario
        found = []
        for name, feature in scenario.features.items():
            if only is None or name in only:
                for calls in self._drawn(name, feature, day):
                    if len(calls):
                        found += with_effects(scenario, calls, self.seed)
        return found

    def _drawn(self, name: str, feature: Feature, day: int) -> Iterator[Calls]:
        if feature.calls_per_week:
            yield self._traffic(name, feature, "traffic", day, self._rates[name])
        for cohort in feature.cohorts:
            yield self._cohort(name, feature, cohort, day)
        for incident, rate in self._added[name].items():
            settings = self.world.scenario.incidents[incident]
            calls = self._traffic(name, feature, ADDED + incident, day, rate)
            yield self._during(calls, settings)

    def _traffic(
        self, name: str, feature: Feature, cohort: str, day: int, rate: NDArray[np.float64]
    ) -> Calls:
        rng = stream(self.seed, name, cohort, index=day)
        first, last = self.world.scenario.calendar.day_starts[day : day + 2]
        counts = rng.poisson((rate * self.noise)[first:last] / feature.sessions.mean_calls)
        hour = np.repeat(np.arange(first, last), counts)
        start = hour * HOUR_US + (rng.random(len(hour)) * HOUR_US).astype(np.int64)
        if feature.launch is not None:
            start = start[start >= self._launch_us(feature)]
        user = self.world.users.draw(rng, len(start))
        return self.calls_of(name, feature, cohort, day, start, user, rng)

    def _cohort(self, name: str, feature: Feature, cohort: str, day: int) -> Calls:
        settings = feature.cohorts[cohort]
        members = self.world.members[name, cohort]
        rng = stream(self.seed, name, cohort, "calls", index=day)
        first, last = self.world.scenario.calendar.day_starts[day : day + 2]
        rate = self._cohort_rates[name, cohort][first:last]
        sessions = settings.sessions or feature.sessions
        counts = rng.poisson(rate.sum() / sessions.mean_calls * members.effect)
        who = np.repeat(np.arange(len(members.user)), counts)
        share = rate / rate.sum() if rate.sum() else np.full(len(rate), 1 / len(rate))
        hour = first + rng.choice(len(rate), len(who), p=share)
        start = hour * HOUR_US + (rng.random(len(who)) * HOUR_US).astype(np.int64)
        calls = self.calls_of(name, feature, cohort, day, start, members.user[who], rng)
        since = members.first_use_us[who][calls.session]
        calls = calls.where(start[calls.session] >= since)
        for end in (settings.ends, *(i.ends for i in self._causing(name, cohort))):
            if end is not None:
                calls = calls.where(calls.time_us < self.world.scenario.calendar.elapsed_us(end))
        return calls

    def _during(self, calls: Calls, incident: Incident) -> Calls:
        """Those of an added stream that belong to the time of the incident."""
        calendar = self.world.scenario.calendar
        calls = calls.where(calls.time_us >= calendar.elapsed_us(incident.starts))
        # a session that began before is another's: what it adds begins with the incident
        if incident.ends is not None:
            calls = calls.where(calls.time_us < calendar.elapsed_us(incident.ends))
        return calls

    def calls_of(
        self,
        name: str,
        feature: Feature,
        cohort: str,
        day: int,
        start: NDArray[np.int64],
        user: NDArray[np.int32],
        rng: np.random.Generator,
    ) -> Calls:
        """Sessions to calls: size, think times, passes, tokens.

        `start` and `user` are of the sessions; calls of users who have left are left out.
        """
        session = np.arange(len(start), dtype=np.int32)
        when = start
        sessions = self.sessions_of(name, cohort)
        if sessions.mean_calls > 1:
            size = rng.geometric(1 / sessions.mean_calls, len(start))
            session = np.repeat(session, size)
            think = rng.standard_exponential(len(session)) * sessions.think_seconds
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
        medians_in, medians_out = self.medians_of(name, cohort)
        tokens_in, tokens_out = self.tokens_of(name, cohort)
        drawn_in = tokens_in.sample(rng, medians_in[user])
        drawn_out = tokens_out.sample(rng, medians_out[user])
        if feature.truncated_rate and tokens_out.max is not None:
            short = stream(self.seed, name, cohort, "truncated", index=day)
            drawn_out[short.random(len(user)) < feature.truncated_rate] = tokens_out.max
        calls = Calls(
            feature=name,
            cohort=cohort,
            day=day,
            variant=self._variants[name, cohort],
            time_us=when,
            user=user,
            session=session,
            input_tokens=drawn_in,
            cached_tokens=self._cached(name, cohort, day, drawn_in),
            output_tokens=drawn_out,
            index=np.arange(len(session), dtype=np.int32),
            drawn=len(session),
        )
        gone = self.world.users.gone_us
        return calls if gone is None else calls.where(calls.time_us < gone[calls.user])

    def _cached(
        self, name: str, cohort: str, day: int, tokens: NDArray[np.int32]
    ) -> NDArray[np.int32] | None:
        """Input tokens read from the cache by the calls that hit it."""
        if not self.may_cache(name, cohort):
            return None
        cache = self.cache_of(name, cohort)
        cached = np.floor(tokens * cache.share).astype(np.int32)
        if cache.hit_rate < 1:
            rng = stream(self.seed, name, cohort, "cache", index=day)
            cached[rng.random(len(tokens), dtype=np.float32) >= cache.hit_rate] = 0
        return np.asarray(cached)

    def tokens_of(self, name: str, cohort: str) -> tuple[Tokens, Tokens]:
        """Laws of input and output tokens of a stream."""
        feature = self.world.scenario.features[name]
        own = feature.cohorts.get(cohort)
        return (
            (own and own.input_tokens) or feature.input_tokens,
            (own and own.output_tokens) or feature.output_tokens,
        )

    def sessions_of(self, name: str, cohort: str) -> Sessions:
        """How the calls of a stream come together."""
        feature = self.world.scenario.features[name]
        own = feature.cohorts.get(cohort)
        return (own and own.sessions) or feature.sessions

    def cache_of(self, name: str, cohort: str) -> Cache:
        """The provider's prompt cache, as a stream uses it."""
        feature = self.world.scenario.features[name]
        own = feature.cohorts.get(cohort)
        return (own and own.cache) or feature.cache

    def may_cache(self, name: str, cohort: str) -> bool:
        """Whether calls of a stream may ever read from a cache."""
        incidents = self.world.scenario.incidents_of(name).values()
        return bool(self.cache_of(name, cohort).share) or any(
            incident.effect.cache_share for incident in incidents
        )

    def medians_of(self, name: str, cohort: str) -> Medians:
        """Log median of each user's input and output tokens in a stream."""
        own = (name, cohort)
        return self._cohort_medians.get(own, self.log_medians[name])

    @cached_property
    def log_medians(self) -> dict[str, Medians]:
        """Log median of each user's input and output tokens, by feature."""
        return {
            name: self._medians((feature.input_tokens, feature.output_tokens), name, "users")
            for name, feature in self.world.scenario.features.items()
        }

    @cached_property
    def _cohort_medians(self) -> dict[tuple[str, str], Medians]:
        found = {}
        for name, feature in self.world.scenario.features.items():
            for cohort, settings in feature.cohorts.items():
                if settings.input_tokens or settings.output_tokens:
                    laws = self.tokens_of(name, cohort)
                    found[name, cohort] = self._medians(laws, name, cohort, "users")
        return found

    def _medians(self, laws: tuple[Tokens, Tokens], *names: str) -> Medians:
        rng, count = stream(self.seed, *names), self.world.users.count
        return laws[0].user_log_median(rng, count), laws[1].user_log_median(rng, count)

    @cached_property
    def _rates(self) -> dict[str, NDArray[np.float64]]:
        return {name: self.traffic_rate(name) for name in self.world.scenario.features}

    @cached_property
    def _cohort_rates(self) -> dict[tuple[str, str], NDArray[np.float64]]:
        scenario = self.world.scenario
        return {
            (name, cohort): cohort_rate(scenario, feature, settings)
            for name, feature in scenario.features.items()
            for cohort, settings in feature.cohorts.items()
        }

    @cached_property
    def _added(self) -> dict[str, dict[str, NDArray[np.float64]]]:
        """Rates of the streams that incidents add, by feature and incident."""
        scenario = self.world.scenario
        return {
            name: {
                incident: self._rates[name] * share
                for incident, settings in scenario.incidents_of(name).items()
                if feature.calls_per_week and (share := added_share(scenario, settings)).any()
            }
            for name, feature in scenario.features.items()
        }

    @cached_property
    def _variants(self) -> dict[tuple[str, str], Variant]:
        """How the calls of each stream are made while no incident changes them."""
        found = {}
        for name, feature in self.world.scenario.features.items():
            route = Route(feature.model, feature.provider, feature.service_tier)
            plain = Variant(
                route, feature.errors.rate, feature.errors.billed, feature.prompt_version
            )
            for cohort in ("traffic", *feature.cohorts):
                cause = next(iter(self._causes(name, cohort)), None)
                found[name, cohort] = plain._replace(incident=cause)
            for incident in self._added[name]:
                found[name, ADDED + incident] = plain._replace(incident=incident)
        return found

    def _causes(self, name: str, cohort: str) -> list[str]:
        """Incidents without which the calls of a stream would not be made."""
        known = self.world.scenario.incidents_of(name).items()
        return [n for n, i in known if i.adds_all or (i.cohort == cohort and cohort != "traffic")]

    def _causing(self, name: str, cohort: str) -> list[Incident]:
        incidents = self.world.scenario.incidents
        return [incidents[n] for n in self._causes(name, cohort) if incidents[n].cohort]

    def _launch_us(self, feature: Feature) -> int:
        assert feature.launch is not None
        return self.world.scenario.calendar.elapsed_us(feature.launch)
