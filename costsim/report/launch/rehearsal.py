"""A launch rehearsed: its month under limits, whom they block, what would be better."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from costsim.limits import Policy
from costsim.report.launch.costs import cost_rows
from costsim.report.launch.lines import LaunchLine
from costsim.report.launch.requirements import asked_of, measured_of, name_of
from costsim.show.formats import share, usd
from costsim.study import (
    AccountingComparison,
    BlockedDay,
    LimitedIncidents,
    LimitsValidation,
    Recommendation,
)
from costsim.study.launch.recommendation import user_words
from costsim.study.launch.runs import OPEN
from costsim.study.launch.words import MANY

if TYPE_CHECKING:
    import pandas as pd

    from costsim.report.page import Page
    from costsim.show.cards import Card, Level, Ribbon
    from costsim.simulation.scenario import Scenario

Ready = Literal["READY", "NOT READY", "UNDECIDED"]
LEVELS: dict[Ready, Level] = {"READY": "ok", "NOT READY": "bad", "UNDECIDED": "warn"}


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
            f"{name_of(line.requirement)}: {measured_of(line)}"
            + ("" if line.note else f", and {asked_of(line.requirement)} is asked for")
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
        said.append(self.room)
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
    def room(self) -> str:
        """What the budget leaves for the most blocked feature, and what serving it would take.

        Empty where no feature is taken from most of its users.
        """
        blocked = self._blocked_features()
        name = next(iter(blocked), "")
        if not name or blocked[name] < MANY:
            return ""
        budget, found = self.scenario.monthly_budget_usd, self.validation
        own = found.mean_of(f"feature.{name}.usd", OPEN)
        left = budget - (found.mean_of("month_usd", OPEN) - own)
        leaves = f"leaves {usd(left, decimals=0)} for {name}"
        if left <= 0:
            leaves = f"is spent without {name}"
        said = (
            f"The budget of {usd(budget, decimals=0)} {leaves}, which takes {usd(own, decimals=0)} "
            "a month without limits."
        )
        serving = self.better.serving(name) if self.better is not None else None
        if serving is not None:
            said += (
                f" The cheapest limits tried that leave it to most of its users, "
                f"{user_words(serving.policy)} for each user, block {share(serving.blocked_share)} "
                f"of them; the month then costs {usd(serving.spend_usd, decimals=0)}."
            )
        return said

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


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]
