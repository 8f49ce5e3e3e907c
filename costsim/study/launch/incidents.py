"""Every incident of the library under the limits of a launch: what they would keep of each."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from costsim.errors import SettingError
from costsim.limits import Policy, load_limits
from costsim.show.formats import share, usd
from costsim.simulation.loading import load_scenario, scenario_names
from costsim.simulation.run import downgrades_of
from costsim.simulation.sizes import smaller, smaller_limits
from costsim.study.launch.month import LaunchMonth
from costsim.study.launch.runs import OPEN, MonthTask, month_rows
from costsim.study.launch.statistics import estimate
from costsim.study.launch.validate import with_avoided
from costsim.study.parallel import in_parallel
from costsim.study.seeds import study_seeds

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from costsim.show.cards import Card, Ribbon
    from costsim.simulation.scenario import Scenario

PURPOSE = 14
"""Of the seeds."""


class _Played(NamedTuple):
    """One incident's runs, and the names of features and tiers that it does not have."""

    scenario: Scenario
    runs: pd.DataFrame
    unknown: tuple[str, ...]


@dataclass(frozen=True, repr=False)
class LimitedIncidents:
    """What limits keep of each incident of the library; see :func:`limit_incidents`.

    ``runs`` has a row without the limits and one with them for each scenario and seed, by the
    names of :func:`~costsim.study.launch.measures.measures`.
    """

    policy: Policy
    runs: pd.DataFrame
    causes: dict[str, str]
    unknown: dict[str, tuple[str, ...]]
    seed: int
    sizes: dict[str, float] = field(default_factory=dict)

    def to_frame(self) -> pd.DataFrame:
        """A row an incident, what the limits keep the most of first.

        Returns
        -------
        pandas.DataFrame
            scenario, cause, adds_usd (what the incident adds to its week without the limits),
            left_usd (with them), kept_share (missing where it adds nothing), and
            ordinary_blocked_share (of users without a part in it, refused at least once); means.
        """
        import pandas as pd

        rows = []
        for name, cause in self.causes.items():
            own = self.runs[self.runs["scenario"] == name]
            adds, left = (
                float(own.loc[own["variant"] == which, "incident_usd"].mean())
                for which in (OPEN, self.policy.name)
            )
            limited = own[own["variant"] == self.policy.name]
            blocked = estimate(limited["ordinary_blocked_share"].to_numpy(float), "mean").value
            rows.append(
                {
                    "scenario": name,
                    "cause": cause,
                    "adds_usd": adds,
                    "left_usd": left,
                    "kept_share": (adds - left) / adds if adds > 0.005 else float("nan"),
                    "ordinary_blocked_share": blocked,
                }
            )
        frame = pd.DataFrame(rows)
        return frame.sort_values(
            "kept_share", ascending=False, kind="stable", ignore_index=True, na_position="last"
        )

    @property
    def kept_share(self) -> float:
        """Of all that the incidents add together, the part that the limits keep."""
        frame = self.to_frame()
        adds = float(frame["adds_usd"].sum())
        return 1 - float(frame["left_usd"].sum()) / adds if adds > 0 else 0.0

    @property
    def headline(self) -> str:
        """How many incidents the limits keep most of, and which they do not see."""
        frame = self.to_frame().dropna(subset=["kept_share"])
        most = frame[frame["kept_share"] >= 0.5]
        few = frame[frame["kept_share"] < 0.1]["scenario"].tolist()
        adds, left = frame["adds_usd"].sum(), frame["left_usd"].sum()
        unseen = f" Hardly anything of {', '.join(few)}." if few else ""
        return (
            f"{self.policy.name} keeps at least half of {len(most)} of {len(frame)} incidents: of "
            f"{usd(adds)} that they add, {usd(adds - left)}.{unseen}"
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """How it was measured, and what the limits could not say of other products."""
        said = [
            "Each incident's own week, seven days, with and without the limits, nobody acting; the "
            "month's windows are empty as it begins. It adds what its week costs beyond the same "
            "week without it."
        ]
        shrunk = {part for part in self.sizes.values() if part < 1}
        if shrunk:
            low, high = (share(each) for each in (min(shrunk), max(shrunk)))
            part = low if low == high else f"{low} to {high}"
            said.append(
                f"Products of a larger budget than yours are played at {part} of their size."
            )
        named = {name: gone for name, gone in self.unknown.items() if gone}
        if named:
            gone = sorted({one for names in named.values() for one in names})
            said.append(
                f"Caps of {', '.join(gone)} are left out where a product has no such name: in "
                f"{len(named)} of {len(self.causes)} scenarios."
            )
        return tuple(said)

    @property
    def ribbon(self) -> Ribbon:
        """SIMULATED, with the runs of each."""
        from costsim.show.cards import Ribbon

        each = self.runs["seed"].nunique()
        runs = "a run" if each == 1 else f"{each} runs"
        text = f"{len(self.causes)} incidents, {runs} each, study seed {self.seed}"
        return Ribbon("SIMULATED", text)

    @property
    def card(self) -> Card:
        """The answer as a card."""
        from costsim.show.cards import Card

        return Card(self.headline, self.notes, self.ribbon, "info", ".to_frame(), .plot()")

    def plot(self, ax: Any = None) -> Axes:
        """What the limits keep of each incident, and what goes through.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
        """
        from costsim.show import figures

        return figures.kept_shares(self.to_frame(), ribbon=self.ribbon, ax=ax)

    def __repr__(self) -> str:
        return f"LimitedIncidents({self.headline}) next: .to_frame(), .plot()"

    def _repr_html_(self) -> str:
        return self.card._repr_html_()


def limit_incidents(
    limits: Policy | str | Path,
    names: Sequence[str] | None = None,
    *,
    replicates: int = 2,
    size: float = 1.0,
    budget_usd: float | None = None,
    seed: int = 0,
    progress: Callable[[int], object] | None = None,
) -> LimitedIncidents:
    """Play incidents under limits and without them: what the limits would have kept of each.

    Parameters
    ----------
    limits : Policy, str or path
        Caps of a feature or tier that a scenario does not have are left out there.
    names : sequence of str, optional
        Scenarios with an incident, by name or path; the whole library by default.
    replicates : int
        Weeks of each, at least 1.
    size : float
        Share of each product's users, calls and shared caps, above 0, at most 1; smaller is
        quicker.
    budget_usd : float, optional
        Monthly budget that the limits are made for: products of a larger one are played at its
        size, under these limits as they are. Above 0; by default products keep their size.
    seed : int
        Of the study; not negative.
    progress : callable, optional
        Called with 1 after each week.

    Raises
    ------
    SettingError
        A scenario without an incident, or numbers that are not allowed.

    Examples
    --------
    >>> import joblib
    >>> with joblib.parallel_config(n_jobs=1):
    ...     found = limit_incidents("flat-caps", ["night-script"], replicates=1, size=0.02)
    >>> found.to_frame()["cause"].tolist()
    ['volume']
    """
    import pandas as pd

    policy = limits if isinstance(limits, Policy) else load_limits(limits)
    for name, value, least in (("replicates", replicates, 1), ("seed", seed, 0)):
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise SettingError(f"{name} must be an integer of at least {least}; got {value!r}")
    if not 0 < size <= 1:
        raise SettingError(f"size must be above 0 and at most 1; got {size!r}")
    if budget_usd is not None and not 0 < budget_usd < math.inf:
        raise SettingError(f"budget_usd must be above 0; got {budget_usd!r}")
    if names is None:
        names = library_incidents()
    tasks, causes, unknown, sizes = {}, {}, {}, {}
    seeds = study_seeds(seed, PURPOSE, replicates)
    for name in names:
        scenario = load_scenario(name)
        part = min(1.0, (budget_usd or math.inf) / scenario.monthly_budget_usd)
        scenario = smaller(scenario, size * part)
        sizes[scenario.name] = part
        if not scenario.incidents:
            raise SettingError(f"scenario {name} must have an incident")
        known, unknown[scenario.name] = fitting(smaller_limits(policy, size), scenario)
        causes[scenario.name] = ", ".join({i.cause: 0 for i in scenario.incidents.values()})
        week = incident_week(scenario)
        for one in seeds:
            task = MonthTask(week, known, downgrades_of(scenario, known), one)
            tasks[scenario.name, one] = task
    found: dict[tuple[str, int], list[dict[str, float | str]]] = {}
    for (name, one), rows in in_parallel(_named_rows, list(tasks.items())):
        found[name, one] = rows
        if progress:
            progress(1)
    rows_of = [
        pd.DataFrame([{"scenario": name, **row} for one in seeds for row in found[name, one]])
        for name in causes
    ]
    runs = pd.concat([with_avoided(part) for part in rows_of], ignore_index=True)
    return LimitedIncidents(policy, runs, causes, unknown, seed, sizes)


def library_incidents() -> list[str]:
    """Names of the library's scenarios that have an incident."""
    return [name for name in scenario_names() if load_scenario(name).incidents]


def _named_rows(
    item: tuple[tuple[str, int], MonthTask],
) -> tuple[tuple[str, int], list[dict[str, float | str]]]:
    key, task = item
    return key, month_rows(task)[1]


def incident_week(scenario: Scenario) -> LaunchMonth:
    """The scenario's own week alone, with nobody on watch and nothing used before.

    Examples
    --------
    >>> week = incident_week(load_scenario("night-script"))
    >>> week.days, week.month
    ((28, 35), (28, 35))
    """
    begin = (scenario.focus.start - scenario.start).days
    days = max(begin, 0), min(begin + scenario.focus.days, scenario.days)
    alone = scenario.model_copy(update={"operations": None, "limits": None})
    return LaunchMonth(alone, days, days, days, "the scenario's week")


def fitting(policy: Policy, scenario: Scenario) -> tuple[Policy, tuple[str, ...]]:
    """The policy without what it says of tiers and features that a scenario does not have.

    Examples
    --------
    >>> from costsim.limits import parse_limits
    >>> policy = parse_limits({"name": "p", "feature": {"deep": {"day_usd": 5}}})
    >>> fitting(policy, load_scenario("quiet"))[1]
    ('feature deep',)
    """
    tiers = {tier.name for tier in scenario.population.tiers}
    features = set(scenario.features)
    gone = [f"tier {name}" for name in {**policy.tier, **policy.user.by_tier} if name not in tiers]
    gone += [f"feature {name}" for name in policy.feature if name not in features]
    if not gone:
        return policy, ()
    by_tier = {name: caps for name, caps in policy.user.by_tier.items() if name in tiers}
    update = {
        "user": policy.user.model_copy(update={"by_tier": by_tier}),
        "tier": {name: caps for name, caps in policy.tier.items() if name in tiers},
        "feature": {name: caps for name, caps in policy.feature.items() if name in features},
    }
    return policy.model_copy(update=update), tuple(dict.fromkeys(gone))


def kept_words(adds_usd: float, left_usd: float) -> str:
    """What is kept of an incident, in words.

    Examples
    --------
    >>> kept_words(100.0, 20.0), kept_words(0.0, 0.0)
    ('$100 → $20.00, keeps 80%', 'adds nothing that is billed')
    """
    if adds_usd <= 0.005:
        return "adds nothing that is billed"
    return f"{usd(adds_usd)} → {usd(left_usd)}, keeps {share(1 - left_usd / adds_usd)}"
