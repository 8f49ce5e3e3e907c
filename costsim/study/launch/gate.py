"""A launch's requirements as a file says them, and each one's verdict."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from costsim.errors import SettingError, UnknownNameError
from costsim.show.formats import count, share, usd
from costsim.study.launch.statistics import Estimate, estimate, runs_to_decide
from costsim.toml_files import read_toml

if TYPE_CHECKING:
    import pandas as pd

    from costsim.simulation.scenario import Scenario

Verdict = Literal["PASS", "FAIL", "UNDECIDED"]

_STATISTICS = ("mean", "p50", "p90", "p95", "p99")
KEYS: Final[dict[str, tuple[str, str]]] = {
    **{f"{n}_{s}_usd": (f"{n}_usd", s) for n in ("month_spend", "week_spend", "worst_user")
       for s in _STATISTICS},
    "incident_mean_usd": ("incident_usd", "mean"),
    "incident_avoided_share": ("incident_avoided_share", "mean"),
    "chance_over_budget": ("over_budget", "chance"),
    "blocked_share": ("blocked_share", "mean"),
    "ordinary_blocked_share": ("ordinary_blocked_share", "mean"),
    "ordinary_blocked_p95_share": ("ordinary_blocked_share", "p95"),
    "left_share": ("left_share", "mean"),
    "hold_denied_share": ("hold_denied_share", "mean"),
    "overshoot_usd": ("overshoot_usd", "worst"),
    "overshoot_beyond_bound_usd": ("overshoot_beyond_bound_usd", "worst"),
}  # fmt: skip
"""What may be required, by key: the runs' number and its statistic."""
NESTED: Final = {
    "tier": ("ordinary_blocked_share",),
    "reaction": ("ordinary_blocked_share",),
    "feature": ("blocked_share",),
}
"""What may be required of one tier, archetype or feature, in a table of its own."""


@dataclass(frozen=True)
class Requirement:
    """One line of a gate: a key, a relation and a bound.

    `column` and `statistic` say which number of the runs it is about.
    """

    key: str
    column: str
    statistic: str
    relation: str
    bound: float

    def holds(self, value: float) -> bool:
        """Whether a number keeps the bound."""
        return {
            "<=": value <= self.bound,
            "<": value < self.bound,
            ">=": value >= self.bound,
            ">": value > self.bound,
        }[self.relation]

    def told(self, value: float) -> str:
        """A number in the requirement's unit."""
        if math.isnan(value):
            return "unknown"
        if math.isinf(value):
            return "any"
        if self.key.endswith("_usd"):
            return usd(value)
        if self.key.endswith(".evaluated"):
            return "yes" if value else "no"
        return share(value) if self.key.endswith(("share", "chance_over_budget")) else count(value)

    @property
    def asked(self) -> str:
        """The bound in the requirement's unit, to the last digit that was written.

        Examples
        --------
        >>> gate = parse_gate({"left_share": "<= 0.0025", "month_spend_mean_usd": "< 1000.5"})
        >>> [one.asked for one in gate.requirements]
        ['0.25%', '$1,000.5']
        """
        text, exact = self.told(self.bound), Decimal(repr(self.bound))
        if text.endswith("%"):
            exact = (100 * exact).normalize()
            return text if exact == _digits(text) else f"{exact:,f}%"
        return text if not text.startswith("$") or exact == _digits(text) else f"${exact:,f}"

    def judge(self, values: Any) -> GateLine:
        """The verdict of some runs.

        Parameters
        ----------
        values : array
            The number that it is about, one a run.
        """
        found = estimate(values, self.statistic)
        if self.key.endswith("share") and self.column != "incident_avoided_share":
            found = found._replace(low=max(found.low, 0.0), high=min(found.high, 1.0))
        low, high = self.holds(found.low), self.holds(found.high)
        if math.isnan(found.value) or low != high:
            needed = runs_to_decide(values, self.statistic, self.bound)
            return GateLine(self, found, "UNDECIDED", needed)
        return GateLine(self, found, "PASS" if low else "FAIL", None)


@dataclass(frozen=True)
class GateLine:
    """A requirement with what was measured; `runs` that would decide it, None if too many.

    `note` says in words what is not measured but read.
    """

    requirement: Requirement
    measured: Estimate
    verdict: Verdict
    runs: int | None
    note: str = ""

    @property
    def words(self) -> str:
        """The line in words."""
        wanted, (value, low, high) = self.requirement, self.measured
        if self.note:
            return f"{self.verdict} {wanted.key}: {self.note}"
        bound = f"{wanted.relation} {wanted.asked}"
        if math.isnan(value):
            return f"{self.verdict} {wanted.key} {bound}: no run had anybody to measure it on"
        text = f"{self.verdict} {wanted.key} {bound}: {wanted.told(value)}"
        if low != high:
            text += f", 95% interval {_interval(wanted, low, high)}"
        if self.verdict == "UNDECIDED":
            text += (
                f"; about {self.runs:,} runs would decide it"
                if self.runs
                else "; it lies too near its bound for any number of runs"
            )
        return text


@dataclass(frozen=True)
class Gate:
    """Requirements that a launch must meet, read by :func:`load_gate`."""

    name: str
    requirements: tuple[Requirement, ...]

    def check_names(self, scenario: Scenario) -> None:
        """Refuse what a scenario cannot tell.

        Raises
        ------
        SettingError
            A tier, feature or archetype that it does not have, or an incident where it has none.
        """
        known = {
            "tier": [tier.name for tier in scenario.population.tiers],
            "feature": list(scenario.features),
            "reaction": sorted(archetypes(scenario)),
        }
        for wanted in self.requirements:
            table, _, rest = wanted.key.partition(".")
            if rest and rest.rpartition(".")[0] not in known[table]:
                name = rest.rpartition(".")[0]
                raise UnknownNameError(f"{self.name}: {table}", name, known[table])
            if wanted.column.startswith("incident_") and not scenario.incidents:
                raise SettingError(
                    f"{self.name}: {wanted.key} needs an incident; {scenario.name} has none"
                )

    def judge(self, runs: pd.DataFrame) -> tuple[GateLine, ...]:
        """The verdict on each requirement.

        Parameters
        ----------
        runs : pandas.DataFrame
            A row a run under the limits, of a scenario that :meth:`check_names` allows.
        """
        return tuple(
            wanted.judge(runs[wanted.column].to_numpy(float)) for wanted in self.requirements
        )


def archetypes(scenario: Scenario) -> set[str]:
    """Archetypes of callers that a scenario's features and cohorts have."""
    found = set()
    for feature in scenario.features.values():
        found.add(feature.reaction)
        found |= {c.reaction for c in feature.cohorts.values() if c.reaction}
    return found


def worst(lines: Sequence[GateLine]) -> Verdict:
    """FAIL where a line fails, else UNDECIDED where one is, else PASS."""
    found = {line.verdict for line in lines}
    for verdict in ("FAIL", "UNDECIDED"):
        if verdict in found:
            return verdict
    return "PASS"


def load_gate(path: str | Path) -> Gate:
    """Requirements from a TOML file.

    Raises
    ------
    SettingError
        The file does not exist, or holds a key or bound that is not allowed.
    """
    file = Path(path)
    if not file.is_file():
        raise SettingError(f"gate file does not exist: {file}")
    return parse_gate(read_toml(file), source=file.name)


def parse_gate(data: Mapping[str, Any], *, source: str = "gate") -> Gate:
    """Requirements from the mapping that a TOML file holds; errors as :func:`load_gate`.

    Examples
    --------
    >>> gate = parse_gate({"month_spend_p99_usd": "<= 10000",
    ...                    "tier": {"pro": {"ordinary_blocked_share": "<= 0.01"}}})
    >>> [wanted.key for wanted in gate.requirements]
    ['month_spend_p99_usd', 'tier.pro.ordinary_blocked_share']
    """
    found: list[Requirement] = []
    for key, value in data.items():
        if key in NESTED:
            found += _nested(key, value, source)
        elif key in KEYS:
            found.append(_requirement(key, *KEYS[key], value, source))
        else:
            raise UnknownNameError(f"{source}: key of a gate", key, [*KEYS, *NESTED])
    if not found:
        raise SettingError(f"{source}: a gate must require something; it is empty")
    return Gate(source, tuple(found))


def _nested(table: str, value: Any, source: str) -> list[Requirement]:
    if not isinstance(value, Mapping) or not all(isinstance(v, Mapping) for v in value.values()):
        raise SettingError(f"{source}: {table} must be tables such as [{table}.NAME]")
    found = []
    for name, rows in value.items():
        for key, text in rows.items():
            if key not in NESTED[table]:
                raise UnknownNameError(f"{source}: key of {table}.{name}", key, NESTED[table])
            path = f"{table}.{name}.{key}"
            found.append(_requirement(path, path, "mean", text, source))
    return found


def _requirement(key: str, column: str, statistic: str, value: Any, source: str) -> Requirement:
    found = re.fullmatch(
        r"\s*(<=|>=|<|>)\s*\$?([^\s%$]+)\s*", value if isinstance(value, str) else ""
    )
    try:
        bound = float(found[2].replace(",", "")) if found else math.nan
    except ValueError:
        bound = math.nan
    if not found or not math.isfinite(bound):
        raise SettingError(f'{source}: {key} must be a bound such as "<= 0.02"; got {value!r}')
    column = column.replace("_spend", "")
    share_like = key.endswith(("share", "chance_over_budget"))
    if share_like and key != "incident_avoided_share" and not 0 <= bound <= 1:
        raise SettingError(f"{source}: {key} must be bounded from 0 to 1; got {value!r}")
    return Requirement(key, column, statistic, found[1], bound)


def _interval(wanted: Requirement, low: float, high: float) -> str:
    if math.isinf(high):
        return f"from {wanted.told(low)} on" if not math.isinf(low) else "unbounded"
    if math.isinf(low):
        return f"up to {wanted.told(high)}"
    return f"{wanted.told(low)} to {wanted.told(high)}"


def _digits(text: str) -> Decimal | None:
    """The number in "$1,000.50" or "2.0%"; None of one that says "less than"."""
    return None if text[0] in "<>" else Decimal(text.strip("$%").replace(",", ""))
