"""What validating limits gives: a verdict, the runs, who is blocked, what refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from costsim.show.formats import usd
from costsim.study.launch.gate import Gate, GateLine
from costsim.study.launch.judged import Judged
from costsim.study.launch.level_hours import PREFIX, level_names
from costsim.study.launch.passed_limits import PARTS, dollar_limits
from costsim.study.launch.passed_limits import PREFIX as PASSED
from costsim.study.launch.runs import OPEN
from costsim.study.launch.statistics import estimate, possible

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from costsim.limits import Policy
    from costsim.show.cards import Ribbon
    from costsim.study.launch.month import LaunchMonth

MEASURES = {
    "month_usd": ("mean", "p50", "p95", "p99"),
    "week_usd": ("mean", "p50", "p95", "p99"),
    "over_budget": ("chance",),
    "worst_user_usd": ("mean", "p95"),
    "incident_usd": ("mean",),
    "blocked_share": ("mean",),
    "ordinary_blocked_share": ("mean", "p95"),
    "left_share": ("mean",),
    "denied": ("mean",),
    "hold_denied": ("mean",),
    "downgraded": ("mean",),
    "retries": ("mean",),
    "unsent": ("mean",),
    "overshoot_usd": ("worst",),
    "overshoot_beyond_bound_usd": ("worst",),
}
"""What the frame tells, and by which statistics."""


@dataclass(frozen=True, repr=False)
class LimitsValidation(Judged):
    """A launch's month under limits, over many runs.

    ``runs`` has a row a run without the limits (variant ``without limits``) and one with them, by
    the names of :func:`~costsim.study.launch.measures.measures`.
    """

    month: LaunchMonth
    policy: Policy
    seed: int
    runs: pd.DataFrame
    gate: Gate | None = None
    lines: tuple[GateLine, ...] = ()

    NEXT = "validation.to_frame(), .blocked(), .refusals(), .levels(), .overshoot(), .plot()"

    @property
    def replicates(self) -> int:
        """Months that were simulated."""
        return len(self.runs) // 2

    def to_frame(self) -> pd.DataFrame:
        """Each measure with its interval, without the limits and with them.

        Returns
        -------
        pandas.DataFrame
            measure, statistic, without, without_low, without_high, with, with_low, with_high;
            95% intervals, infinite on a side that so few runs cannot bound.
        """
        import pandas as pd

        rows = []
        hours = {f"{PREFIX}{name}": ("mean",) for name in level_names(self.policy)}
        for measure, statistics in (MEASURES | hours).items():
            if measure not in self.runs or self.runs[measure].isna().all():
                continue
            for statistic in statistics:
                row: dict[str, Any] = {"measure": measure, "statistic": statistic}
                for side, name in (("without", OPEN), ("with", self.policy.name)):
                    found = possible(estimate(self._values(measure, name), statistic), measure)
                    row |= {side: found.value, f"{side}_low": found.low, f"{side}_high": found.high}
                rows.append(row)
        return pd.DataFrame(rows)

    def levels(self) -> pd.DataFrame:
        """How long the month stands at each level of the ladder, the highest that is on.

        Returns
        -------
        pandas.DataFrame
            level, without and with (hours of the month on average, of the levels of these limits,
            without them in force and with them), with_low, with_high, and reached (share of the
            months that get there, with the limits). Empty where the limits have no levels.
        """
        import pandas as pd

        rows = []
        names = level_names(self.policy)
        for number, name in enumerate(names):
            found = estimate(self._values(f"{PREFIX}{name}", self.policy.name), "mean")
            later = [self._values(f"{PREFIX}{one}", self.policy.name) for one in names[number:]]
            rows.append(
                {
                    "level": name,
                    "without": self.mean_of(f"{PREFIX}{name}", OPEN),
                    "with": found.value,
                    "with_low": max(found.low, 0.0),
                    "with_high": found.high,
                    "reached": float((sum(later) > 0).mean()),
                }
            )
        columns = ["level", "without", "with", "with_low", "with_high", "reached"]
        return pd.DataFrame(rows, columns=columns)

    def overshoot(self) -> pd.DataFrame:
        """How far dollars settled in a window passed its limit, beside what may pass it.

        Returns
        -------
        pandas.DataFrame
            limit, windows (that passed it, a month on average), mean_usd (beyond the limit, of
            those windows), formula_usd (its closed form at the concurrency that their calls found,
            where calls are looked at first and recorded afterwards; else missing), worst_usd,
            bound_usd (the most that was open beyond its holds as the last call of such a window was
            admitted; no window may pass its limit by more), beyond_usd (the most by which one did:
            always 0). Empty where no limit is in dollars.
        """
        import pandas as pd

        rows = []
        for _, rule in dollar_limits(self.policy):
            name = f"{rule.scope}.{rule.cap}"
            of = {p: self._values(f"{PASSED}{name}.{p}", self.policy.name) for p in PARTS}
            weights = of["windows"]
            row: dict[str, Any] = {"limit": name, "windows": float(weights.mean())}
            for part in ("mean_usd", "formula_usd"):
                there = (weights > 0) & ~pd.isna(of[part])
                total = weights[there].sum()
                each = float((of[part] * weights)[there].sum())
                row[part] = each / total if total else float("nan")
            row |= {p: float(of[p].max()) for p in ("worst_usd", "bound_usd", "beyond_usd")}
            rows.append(row)
        return pd.DataFrame(rows, columns=["limit", *PARTS])

    def blocked(self) -> pd.DataFrame:
        """Who was denied at least once in the month, by feature, tier and archetype.

        Returns
        -------
        pandas.DataFrame
            kind, name, blocked_share with its interval low and high (of a feature's users, in it;
            of a tier's and an archetype's ordinary users), and denied and downgraded, attempts a
            month on average (missing for archetypes).
        """
        import pandas as pd

        rows = []
        for column in self.runs.columns:
            kind, _, rest = str(column).partition(".")
            name, _, last = rest.rpartition(".")
            if not last.endswith("blocked_share") or ".tier." in rest:
                continue
            found = estimate(self._values(column, self.policy.name), "mean")
            row: dict[str, Any] = {"kind": kind, "name": name, "blocked_share": found.value}
            row |= {"low": max(found.low, 0.0), "high": min(found.high, 1.0)}
            for count in ("denied", "downgraded"):
                if f"{kind}.{name}.{count}" in self.runs:
                    row[count] = self.mean_of(f"{kind}.{name}.{count}")
            rows.append(row)
        frame = pd.DataFrame(rows, columns=[
            "kind", "name", "blocked_share", "low", "high", "denied", "downgraded"])  # fmt: skip
        return frame.sort_values(
            ["kind", "blocked_share"], ascending=[True, False], kind="stable", ignore_index=True
        )

    def denied(self) -> pd.DataFrame:
        """Refused attempts a month on average; a row a feature, a column a tier."""
        import pandas as pd

        rows = [
            (feature, tier.name, self.mean_of(f"feature.{feature}.tier.{tier.name}.denied"))
            for feature in self.month.scenario.features
            for tier in self.month.scenario.population.tiers
        ]
        frame = pd.DataFrame(rows, columns=["feature", "tier", "denied"])
        order = [tier.name for tier in self.month.scenario.population.tiers]
        return frame.pivot(index="feature", columns="tier", values="denied")[order]

    def refusals(self) -> pd.DataFrame:
        """Which limit refuses: scope, window, attempts a month on average, and their share."""
        import pandas as pd

        names = [str(c) for c in self.runs.columns if str(c).startswith("refused_by.")]
        rows = [(*name.split(".", 2)[1:], self.mean_of(name)) for name in names]
        frame = pd.DataFrame(rows, columns=["scope", "window", "attempts"])
        frame = frame[frame["attempts"] > 0].sort_values(
            "attempts", ascending=False, kind="stable", ignore_index=True
        )
        return frame.assign(share=frame["attempts"] / frame["attempts"].sum())

    @property
    def headline(self) -> str:
        """The verdict in a sentence."""
        from costsim.study.launch.words import headline

        return headline(self)

    @property
    def notes(self) -> list[str]:
        """What a reader must know beside the headline, a sentence each."""
        from costsim.study.launch.words import notes

        return notes(self)

    @property
    def ribbon(self) -> Ribbon:
        """SIMULATED, with the scenario and its seeds."""
        from costsim.show.cards import Ribbon

        text = f"{self.month.scenario.name}, {self.replicates} months, study seed {self.seed}"
        return Ribbon("SIMULATED", text)

    @property
    def subject(self) -> str:
        return f"{self.month.scenario.name} under {self.policy.name}"

    def plot(self, ax: Any = None) -> Axes:
        """The month's dollars without and with the limits, and who is blocked.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
        """
        from costsim.show import figures

        dots = self.runs[["variant", "seed"]].assign(usd=self.runs["month_usd"])
        return figures.limits_effect(
            dots,
            self.blocked(),
            budget_usd=self.month.scenario.monthly_budget_usd,
            ribbon=self.ribbon,
            ax=ax,
        )

    def mean_of(self, measure: str, variant: str | None = None) -> float:
        """Mean over the months of one measure, under the limits unless another variant is named."""
        return estimate(self._values(measure, variant or self.policy.name), "mean").value

    def __repr__(self) -> str:
        spend = usd(self.mean_of("month_usd"))
        return (
            f"LimitsValidation({self.month.scenario.name} under {self.policy.name}, "
            f"{self.replicates} months, {self.verdict}: mean month {spend}); "
            "next: .to_frame(), .blocked(), .plot()"
        )

    def _values(self, measure: str, variant: str) -> Any:
        return self.runs.loc[self.runs["variant"] == variant, measure].to_numpy(float)
