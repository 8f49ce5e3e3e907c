"""A launch rehearsed: its month under limits, whom they block, what would be better."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from costsim.detect import load_suite
from costsim.errors import SettingError
from costsim.limits import Policy
from costsim.report.launch.costs import cost_rows
from costsim.report.launch.lines import LaunchLine, launch_lines
from costsim.report.launch.requirements import asked_of, measured_of, name_of
from costsim.show.formats import share, usd
from costsim.simulation.loading import load_scenario
from costsim.simulation.run import policy_of
from costsim.simulation.sizes import smaller
from costsim.study import (
    AccountingComparison,
    BlockedDay,
    Gate,
    LimitedIncidents,
    LimitsValidation,
    Recommendation,
    blocked_day,
    compare_accounting,
    limit_incidents,
    load_gate,
    recommend_limits,
    validate_limits,
)
from costsim.study.launch.first_signal import FirstSignal, first_signal
from costsim.study.launch.recommend import DEFAULT_GATE
from costsim.study.launch.runs import OPEN
from costsim.study.launch.words import MANY

if TYPE_CHECKING:
    import pandas as pd

    from costsim.report.page import Page
    from costsim.show.cards import Card, Level, Ribbon
    from costsim.simulation.scenario import Scenario

Ready = Literal["READY", "NOT READY", "UNDECIDED"]
LEVELS: dict[Ready, Level] = {"READY": "ok", "NOT READY": "bad", "UNDECIDED": "warn"}
Say = Callable[[str], object]


@dataclass(frozen=True, repr=False)
class LaunchRehearsal:
    """A launch's month under limits, with all that its page tells.

    Attributes
    ----------
    validation : LimitsValidation
        The month with and without the limits, judged by a gate.
    lines : tuple of LaunchLine
        The five things that nobody had in the $40k week.
    day : BlockedDay or None
        A blocked user's day; None where nobody is blocked.
    incidents : LimitedIncidents
        What the limits keep of each incident of the library.
    accounting : AccountingComparison
        What these caps would let through if calls were only counted afterwards.
    better : Recommendation or None
        Limits found by a search; None where none was made.
    suite : str
        Detectors on watch; empty for nobody.
    """

    validation: LimitsValidation
    lines: tuple[LaunchLine, ...]
    day: BlockedDay | None
    incidents: LimitedIncidents
    accounting: AccountingComparison
    better: Recommendation | None
    suite: str

    @property
    def policy(self) -> Policy:
        """The limits that were rehearsed."""
        return self.validation.policy

    @property
    def scenario(self) -> Scenario:
        """The product, to its month's end."""
        return self.validation.month.scenario

    @property
    def failures(self) -> tuple[str, ...]:
        """Why the launch is not ready, a few words each; empty where nothing fails."""
        found = [
            f"{share(blocked)} of the users of {name} would be blocked"
            for name, blocked in self._blocked_features().items()
            if blocked >= MANY
        ]
        found += [
            f"{name_of(line.requirement)}: {measured_of(line)}, and {asked_of(line.requirement)} "
            "is asked for"
            for line in self.validation.lines
            if line.verdict == "FAIL"
        ]
        found += [f"nobody has {line.nobody_had}" for line in self.lines if line.verdict == "FAIL"]
        return tuple(found)

    @property
    def verdict(self) -> Ready:
        """NOT READY where anything fails, UNDECIDED where anything is, else READY."""
        if self.failures:
            return "NOT READY"
        known = {line.verdict for line in self.validation.lines}
        known |= {line.verdict for line in self.lines}
        return "UNDECIDED" if "UNDECIDED" in known else "READY"

    @property
    def headline(self) -> str:
        """Ready or not, and the first reason."""
        subject = f"{self.scenario.name} under {self.policy.name}"
        if self.failures:
            more = len(self.failures) - 1
            also = f", and {more} more" if more else ""
            return f"{self.verdict}: {subject}. {_sentence(self.failures[0])}{also}."
        if self.verdict == "UNDECIDED":
            return f"UNDECIDED: {subject}. Nothing fails, and not everything is known yet."
        return f"READY: {subject}. Every requirement is met."

    def card(self, next_step: str = ".costs(), .five(), .page()") -> Card:
        """The verdict, what it costs, why not, and what would be better."""
        from costsim.show.cards import Card

        with_, without = (self.validation.mean_of("month_usd", v) for v in (None, OPEN))
        budget = self.scenario.monthly_budget_usd
        said = [
            f"The month costs {usd(without, decimals=0)} without limits and "
            f"{usd(with_, decimals=0)} with them, against a budget of {usd(budget, decimals=0)}.",
            f"Why: {'; '.join(self.failures)}." if self.failures else "",
        ]
        if self.failures and self.better is not None:
            said.append(f"Better limits: {self.better.headline.removeprefix('Suggested: ')}")
        passed = sum(line.verdict == "PASS" for line in self.lines)
        said.append(f"Of the five things that nobody had in the $40k week, {passed} are in place.")
        lines = tuple(line for line in said if line)
        return Card(self.headline, lines, self.ribbon, LEVELS[self.verdict], next_step)

    def five(self) -> pd.DataFrame:
        """The five things that nobody had: nobody_had, verdict, here."""
        import pandas as pd

        return pd.DataFrame(self.lines, columns=list(LaunchLine._fields))

    def costs(self) -> pd.DataFrame:
        """A request, a user and the month: of, without_usd, low_usd, high_usd, with_usd.

        Means over the simulated months; low and high are the 95% interval of the mean without
        limits.
        """
        import pandas as pd

        return pd.DataFrame(cost_rows(self.validation))

    def page(self, command: str = "costsim report launch") -> Page:
        """The page; `command` is said in its footer."""
        from costsim.report.launch.sections import launch_page

        return launch_page(self, command)

    @property
    def ribbon(self) -> Ribbon:
        """SIMULATED, with the scenario and the seeds."""
        return self.validation.ribbon

    def _blocked_features(self) -> dict[str, float]:
        """Share of each feature's users who are refused at least once, most first."""
        blocked = self.validation.blocked()
        own = blocked[blocked["kind"] == "feature"]
        return {str(n): float(s) for n, s in zip(own["name"], own["blocked_share"], strict=True)}

    def __repr__(self) -> str:
        return f"{self.card()!r}"

    def _repr_html_(self) -> str:
        return self.card()._repr_html_()


def rehearse_launch(
    scenario: Scenario | str,
    limits: Policy | str | Path,
    gate: Gate | str | Path | None = None,
    *,
    suite: str | Path = "default",
    recommend: bool = True,
    replicates: int = 20,
    watch_runs: int = 20,
    candidates: int = 64,
    search_seeds: int = 20,
    size: float = 1.0,
    seed: int = 0,
    say: Say = str,
) -> LaunchRehearsal:
    """Rehearse a launch: everything that its page tells.

    Parameters
    ----------
    scenario : Scenario or str
        Or its name or path.
    limits : Policy, str or path
    gate : Gate, str or path, optional
        Requirements; by default the budget kept in 95% of months, and at most 2% of ordinary users
        blocked.
    suite : str or path
        Detectors on watch, by name or file; empty for nobody.
    recommend : bool
        Whether to search for better limits.
    replicates : int
        Months to simulate, at least 2.
    watch_runs : int
        Runs of the incident that the suite watches; 0 leaves the question open.
    candidates, search_seeds : int
        Size of the search.
    size : float
        Share of users, calls and budget, above 0, at most 1; smaller is quicker and noisier.
    seed : int
        Of the studies; not negative.
    say : callable
        Told what begins.

    Raises
    ------
    SettingError
        Something is not allowed; nothing has run then.
    """
    wanted = load_scenario(scenario) if isinstance(scenario, str) else scenario
    if not 0 < size <= 1:
        raise SettingError(f"size must be above 0 and at most 1; got {size!r}")
    if watch_runs < 0:
        raise SettingError(f"watch_runs must be at least 0; got {watch_runs!r}")
    wanted = smaller(wanted, size)
    wanted = wanted.model_copy(update={"monthly_budget_usd": wanted.monthly_budget_usd * size})
    policy = policy_of(wanted, limits)
    assert policy is not None
    watching = load_suite(suite) if suite else None
    asked = DEFAULT_GATE if gate is None else gate if isinstance(gate, Gate) else load_gate(gate)
    say(f"rehearsing {wanted.name} under {policy.name}")
    validation = validate_limits(wanted, policy, asked, replicates, seed)
    month = validation.month
    day = blocked_day(month, policy, seed=seed)
    signal: FirstSignal | None = None
    if watching is not None and watch_runs and len(wanted.incidents) == 1:
        say("watching for the first signal")
        signal = first_signal(wanted, watching, replicates=watch_runs, seed=seed)
    say("playing the library of incidents")
    incidents = limit_incidents(policy, replicates=1, size=size, seed=seed)
    accounting = compare_accounting(wanted, seed=seed, **_accounted(size))
    better = None
    if recommend:
        say("searching for better limits")
        better = recommend_limits(
            wanted,
            policy,
            _searched(asked),
            count=candidates,
            seeds=search_seeds,
            check_seeds=8 if size == 1 else 2,
            seed=seed,
        )
    name = watching.name if watching is not None else ""
    lines = launch_lines(month, policy, signal, name)
    return LaunchRehearsal(validation, lines, day, incidents, accounting, better, name)


def _accounted(size: float) -> dict[str, Any]:
    """Fewer trials where a quick look is wanted."""
    return {} if size == 1 else {"trials": 20, "concurrency": [1, 10]}


def _searched(gate: Gate) -> Gate:
    """The requirements that a search can look for; what incidents add is none of them."""
    kept = tuple(one for one in gate.requirements if not one.column.startswith("incident_"))
    return Gate(gate.name, kept) if kept else DEFAULT_GATE


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]
