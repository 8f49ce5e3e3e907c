"""Ordinary life: what a detector must stay silent on, launches and campaigns that go as planned."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from costsim.errors import SettingError
from costsim.simulation.new_feature import average_day_weight
from costsim.simulation.settings import Surge
from costsim.simulation.settings.people import Bass, Cohort, FirstUse

if TYPE_CHECKING:
    from costsim.simulation.scenario import Scenario
    from costsim.simulation.settings import Feature

DAYS_A_MONTH: Final = 30
BILL_SHARE: Final = (0.01, 0.06)
"""What a launch comes to, of the ordinary bill: log-uniform between the two."""
ADOPTERS: Final = (0.04, 0.2)
"""Share of the users who try it."""
SURGE_SCALE: Final = (1.2, 1.8)
"""Factor of a campaign on calls, log-uniform; it lasts one to three days."""


@dataclass(frozen=True)
class OrdinaryLife:
    """How often something happens that is planned, and is no incident.

    Parameters
    ----------
    launches_per_month : float
        New features a month of 30 days, at least 0: each is like one that the product has, is
        tried by 4 to 20% of its users over four weeks, and comes to 1 to 6% of the bill.
    surges_per_month : float
        Campaigns a month, at least 0: one to three days of 1.2 to 1.8 times the calls, of all
        features or of one.
    lives : int
        Different calendars of such events, at least 1; runs are spread over them.

    Raises
    ------
    SettingError
        A number is out of bounds.

    Notes
    -----
    Without them an alarm on every new feature costs nothing and wins every comparison. The
    rates are assumptions: one of each in four months. Sizes are those of
    ``data/scenarios/benign-launch.toml`` and ``benign-surge.toml``, and around them.

    Examples
    --------
    >>> from costsim.simulation import load_scenario
    >>> busy = OrdinaryLife(launches_per_month=2, surges_per_month=2)
    >>> lived = busy.scenario(load_scenario("quiet"), days=120, key=7)
    >>> len(lived.features) > 5, len(lived.surges) > 3
    (True, True)
    """

    launches_per_month: float = 0.25
    surges_per_month: float = 0.25
    lives: int = 20

    def __post_init__(self) -> None:
        for name in ("launches_per_month", "surges_per_month"):
            if not 0 <= getattr(self, name) <= 30:
                raise SettingError(f"{name} must be from 0 to 30; got {getattr(self, name)!r}")
        if not isinstance(self.lives, int) or self.lives < 1:
            raise SettingError(f"lives must be an integer of at least 1; got {self.lives!r}")

    @property
    def eventful(self) -> bool:
        """Whether anything happens at all."""
        return self.launches_per_month > 0 or self.surges_per_month > 0

    def spread(self, seeds: Sequence[int]) -> list[list[int]]:
        """The seeds of each life."""
        count = min(self.lives, len(seeds)) if self.eventful else 1
        return [list(seeds[one::count]) for one in range(count)]

    def scenario(self, scenario: Scenario, *, days: int, key: int) -> Scenario:
        """The scenario's ordinary life over some days, with the events that `key` draws."""
        return next(self.scenarios(scenario, days=days, keys=[key]))

    def scenarios(
        self, scenario: Scenario, *, days: int, keys: Iterable[int]
    ) -> Iterator[Scenario]:
        """As :meth:`scenario`, for each of some keys."""
        quiet = scenario.without_launches(days=days)
        usual = _usual(quiet) if self.launches_per_month else {}
        months = days / DAYS_A_MONTH
        for key in keys:
            if not self.eventful:
                yield quiet
                continue
            rng = np.random.default_rng([key, 0x0DD])
            features, surges = dict(quiet.features), dict(quiet.surges)
            for number in range(rng.poisson(self.launches_per_month * months)):
                features[f"launch {number + 1}"] = _launch(quiet, usual, rng)
            for number in range(rng.poisson(self.surges_per_month * months)):
                surges[f"campaign {number + 1}"] = _surge(quiet, rng)
            yield quiet.model_copy(update={"features": features, "surges": surges})

    def words(self) -> str:
        """Say what belongs to it."""
        if not self.eventful:
            return "no launches and no campaigns"
        return (
            f"{self.launches_per_month:g} planned launches and {self.surges_per_month:g} campaigns "
            "a month"
        )


def _usual(scenario: Scenario) -> dict[str, tuple[float, float]]:
    """Expected calls and dollars a day of each feature with ordinary traffic."""
    week = scenario.first_days(min(7, scenario.days))
    rows = week.expected().to_frame().groupby("feature_name")[["calls", "usd"]].sum()
    return {
        str(name): (row["calls"] / week.days, row["usd"] / week.days)
        for name, row in rows.iterrows()
        if row["usd"] > 0
    }


def _launch(
    scenario: Scenario, usual: dict[str, tuple[float, float]], rng: np.random.Generator
) -> Feature:
    """A feature like one that is there, adopted over four weeks."""
    like = list(usual)[int(rng.integers(len(usual)))]
    calls, usd = usual[like]
    bill = sum(each for _, each in usual.values())
    # calls a day are those of a day of weight 1
    weight = average_day_weight(scenario.profiles[scenario.features[like].profile])
    wanted = bill * _log_uniform(BILL_SHARE, rng) / usd * calls / weight
    users = max(5, round(scenario.population.users * _log_uniform(ADOPTERS, rng)))
    first = FirstUse(bass=Bass(), launch_day_hours=(10, 18))
    cohort = Cohort(
        users=min(users, scenario.population.users),
        calls_per_day=wanted / users,
        activity_log_sd=0.5,
        first_use=first,
    )
    day = scenario.start + timedelta(days=int(rng.integers(scenario.days)))
    return scenario.features[like].model_copy(
        update={
            "calls_per_week": None,
            "cohorts": {"adopters": cohort},
            "launch": datetime.combine(day, time(10)),
            "cheaper": None,
        }
    )


def _surge(scenario: Scenario, rng: np.random.Generator) -> Surge:
    day = scenario.start + timedelta(days=int(rng.integers(scenario.days)))
    starts = datetime.combine(day, time(int(rng.choice([0, 9]))))
    names = sorted(scenario.features)
    return Surge(
        starts=starts,
        ends=datetime.combine(day, time(0)) + timedelta(days=int(rng.integers(1, 4))),
        calls_scale=_log_uniform(SURGE_SCALE, rng),
        features=[names[int(rng.integers(len(names)))]] if rng.random() < 0.5 else [],
        account="planned",
    )


def _log_uniform(bounds: tuple[float, float], rng: np.random.Generator) -> float:
    low, high = bounds
    return float(low * (high / low) ** rng.random())
