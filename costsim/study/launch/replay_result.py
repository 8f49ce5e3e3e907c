"""What a replay of history under limits gives: decisions, dollars by month, who was refused."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from costsim.errors import SettingError, UnknownNameError
from costsim.show.formats import count, day, share, usd
from costsim.study.launch.gate import Gate, GateLine, Requirement, Verdict
from costsim.study.launch.judged import Judged
from costsim.study.launch.level_hours import history_hours
from costsim.study.launch.routes_judged import route_lines
from costsim.study.launch.statistics import Estimate

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from costsim.limits import Policy
    from costsim.records import Records
    from costsim.show.cards import Ribbon

LABEL = "replay of history: users do not react"


@dataclass(frozen=True, repr=False)
class LimitsReplay(Judged):
    """Recorded calls under limits, if nobody had reacted to a refusal.

    ``calls`` has a row a call with its decision: admitted, admitted_nano (what it cost, 0 where
    refused), downgraded, scope and window of the limit that refused, by_holds, refused_by (the
    window in words, with its unit where that is not dollars). `unpriced` calls
    had no list price, and reserved what they cost; `left_out` had no dollars.
    """

    records: Records
    policy: Policy
    calls: pd.DataFrame
    unpriced: int
    gate: Gate | None = None
    waive_evaluation: bool = False
    left_out: int = 0

    NEXT = "replay.to_frame(), .blocked(), .refusals(), .levels(), .plot()"

    @cached_property
    def lines(self) -> tuple[GateLine, ...]:
        """Each requirement against the one history there is, and the downgrade routes."""
        found: list[GateLine] = []
        for wanted in self.gate.requirements if self.gate else ():
            value = self.measures[wanted.column]
            verdict: Verdict = "PASS" if wanted.holds(value) else "FAIL"
            why = "" if verdict == "FAIL" else self._undecided(wanted)
            if math.isnan(value):
                verdict = "UNDECIDED"
            elif why:
                verdict = "UNDECIDED"
                why = f"{wanted.relation} {wanted.asked}: {wanted.told(value)}, and {why}"
            found.append(GateLine(wanted, Estimate(value, value, value), verdict, None, why))
        gated = self.gate is not None
        return (*found, *route_lines(self.policy, waived=self.waive_evaluation, gated=gated))

    def _undecided(self, wanted: Requirement) -> str:
        """Why a history that keeps a bound does not say that it will be kept; empty where it does.

        It tells means and what it was all of; of percentiles and chances a handful of months, and
        of a month some days of one, tell nothing.
        """
        if wanted.statistic not in ("mean", "worst") and wanted.column != "ordinary_blocked_share":
            return "one history decides no percentile and no chance; simulate a scenario"
        monthly = wanted.column in ("month_usd", "worst_user_usd")
        return "no month of it is whole" if monthly and not self.whole_months else ""

    @cached_property
    def whole_months(self) -> int:
        """Calendar months that lie between its first call and its last."""
        first, last = (self._local.min(), self._local.max())
        after = first.normalize() != first.to_period("M").start_time
        begin = first.to_period("M") + int(after)
        end = last.to_period("M") - int(
            last.normalize() != last.to_period("M").end_time.normalize()
        )
        return max((end - begin).n + 1, 0)

    @cached_property
    def _local(self) -> pd.Series[pd.Timestamp]:
        zone = self.records.time_zone
        local: pd.Series[pd.Timestamp] = self.calls["timestamp"].dt.tz_convert(zone)
        return local.dt.tz_localize(None)

    def check(self, gate: Gate) -> None:
        """Refuse requirements that a history cannot tell.

        Raises
        ------
        SettingError
            Such as of users who leave, or of a tier that no call has.
        """
        for wanted in gate.requirements:
            if wanted.column in self.measures:
                continue
            table, _, rest = wanted.key.partition(".")
            if rest and table in ("tier", "feature"):
                known = [k.split(".")[1] for k in self.measures if k.startswith(f"{table}.")]
                raise UnknownNameError(f"{gate.name}: {table}", rest.rpartition(".")[0], known)
            raise SettingError(
                f"{gate.name}: {wanted.key} cannot be measured on a history; simulate a scenario"
            )

    @cached_property
    def measures(self) -> dict[str, float]:
        """The history in numbers, by the names that gates go by; the dearest month and week."""
        calls, local = self.calls, self._local
        nano = calls["admitted_nano"]
        month = nano.groupby(local.dt.to_period("M")).sum().max() / 1e9
        week = nano.groupby(local.dt.to_period("W-SUN")).sum().max() / 1e9
        user = calls["user_id"].astype(object).where(calls["user_id"].notna(), "anonymous")
        refused = ~calls["admitted"]
        users = user.nunique()
        by_user = nano.groupby([user, local.dt.to_period("M")]).sum()
        blocked = user[refused].nunique() / users
        row = {
            "month_usd": float(month),
            "week_usd": float(week),
            "worst_user_usd": float(by_user.max()) / 1e9,
            "blocked_share": blocked,
            "ordinary_blocked_share": blocked,
            "hold_denied_share": float(calls["by_holds"].mean()),
        }
        budget = self.records.manifest.monthly_budget_usd
        if budget:
            row["over_budget"] = float(month > budget)
        for kind, column, name in (
            ("tier", "user_tier", "ordinary_blocked_share"),
            ("feature", "feature_name", "blocked_share"),
        ):
            for value, own in calls.groupby(calls[column].astype(object)):
                denied = user[own.index][~own["admitted"]].nunique()
                row[f"{kind}.{value}.{name}"] = denied / user[own.index].nunique()
        return row

    def to_frame(self) -> pd.DataFrame:
        """Dollars by month as they were and as admitted: month, paid_usd, admitted_usd."""
        calls, local = self.calls, self._local
        sums = calls[["total_cost_nano", "admitted_nano"]].astype("int64")
        found = sums.groupby(local.dt.strftime("%Y-%m").rename("month")).sum() / 1e9
        found.columns = ["paid_usd", "admitted_usd"]
        return found.reset_index()

    def blocked(self) -> pd.DataFrame:
        """Who was refused at least once, by feature and tier: kind, name, blocked_share, denied."""
        import pandas as pd

        rows = []
        for key, value in self.measures.items():
            if key.count(".") < 2:
                continue
            kind, _, rest = key.partition(".")
            name = rest.rpartition(".")[0]
            column = "user_tier" if kind == "tier" else "feature_name"
            denied = int((~self.calls["admitted"] & (self.calls[column] == name)).sum())
            rows.append((kind, name, value, denied))
        frame = pd.DataFrame(rows, columns=["kind", "name", "blocked_share", "denied"])
        return frame.sort_values(
            ["kind", "blocked_share"], ascending=[True, False], kind="stable", ignore_index=True
        )

    def plot(self, ax: Any = None) -> Axes:
        """Each month's dollars as paid and as admitted, and who is blocked.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
        """
        import pandas as pd

        from costsim.show import figures

        months = self.to_frame()
        dots = pd.concat(
            [
                pd.DataFrame({"variant": name, "usd": months[column]})
                for name, column in (("as paid", "paid_usd"), (self.policy.name, "admitted_usd"))
            ]
        )
        blocked = self.blocked()
        return figures.limits_effect(
            dots,
            # one history: there is no interval
            blocked.assign(low=blocked["blocked_share"], high=blocked["blocked_share"]),
            budget_usd=self.records.manifest.monthly_budget_usd,
            each="month",
            ribbon=self.ribbon,
            ax=ax,
        )

    def refusals(self) -> pd.DataFrame:
        """Which limit refuses: scope, window, attempts, share."""
        refused = self.calls[~self.calls["admitted"]]
        found = refused.groupby(["scope", "refused_by"]).size().rename("attempts").reset_index()
        found = found.rename(columns={"refused_by": "window"})
        found = found.sort_values("attempts", ascending=False, kind="stable", ignore_index=True)
        return found.assign(share=found["attempts"] / max(len(refused), 1))

    def levels(self) -> pd.DataFrame:
        """How long the months stood at each level of the ladder, the highest that is on.

        Returns
        -------
        pandas.DataFrame
            level, without and with (hours of the whole history, of the levels of these limits,
            with all calls as they were paid and with those admitted). Empty where the limits have
            no levels.
        """
        import pandas as pd

        if not self.policy.organisation.levels:
            return pd.DataFrame(columns=["level", "without", "with"])
        calls = self.calls
        time = calls["timestamp"].dt.as_unit("us").astype("int64").to_numpy()
        took = calls["latency_ms"].astype("Float64").fillna(0).to_numpy(float)
        end = time + np.rint(1000 * took).astype(np.int64)
        hours = {
            side: history_hours(self.policy, time, end, calls[column].to_numpy(np.int64))
            for side, column in (("without", "total_cost_nano"), ("with", "admitted_nano"))
        }
        return pd.DataFrame(hours).rename_axis("level").reset_index()

    @property
    def headline(self) -> str:
        """The verdict in a sentence."""
        calls = self.calls
        paid, kept = (int(calls[c].sum()) / 1e9 for c in ("total_cost_nano", "admitted_nano"))
        verdict = "" if self.verdict == "NO GATE" else f"{self.verdict}: "
        return (
            f"{verdict}{self.policy.name} would have refused {count((~calls['admitted']).sum())} "
            f"of {count(len(calls))} calls and blocked "
            f"{share(self.measures['blocked_share'])} of the users at least once; {usd(kept)} of "
            f"{usd(paid)} ({LABEL})."
        )

    @property
    def notes(self) -> list[str]:
        """What a reader must know beside the headline."""
        said = [
            f"A {LABEL}. Who would have come back, waited or left is not in it; simulate a "
            "scenario for that."
        ]
        refused, holds = int((~self.calls["admitted"]).sum()), int(self.calls["by_holds"].sum())
        if holds:
            said.append(f"{count(holds)} of {count(refused)} because of open reservations alone.")
        down = int(self.calls["downgraded"].sum())
        if down:
            said.append(f"{count(down)} calls would have gone to a cheaper model.")
        if not self.whole_months:
            first, last = (f"{day(at.date())}" for at in (self._local.min(), self._local.max()))
            said.append(f"It is no whole month: {first} to {last}.")
        if self.left_out:
            said.append(
                f"{count(self.left_out)} calls have no dollars and are left out; "
                "`costsim prices` lists the models that have."
            )
        if self.unpriced:
            said.append(
                f"{count(self.unpriced)} calls have no list price and reserved what they cost, "
                "which is less than an upper bound."
            )
        return said

    @property
    def ribbon(self) -> Ribbon:
        """SIMULATED or REAL, as the records are."""
        from costsim.show.cards import Ribbon

        kind: Literal["SIMULATED", "REAL"] = "SIMULATED" if self.records.simulated else "REAL"
        return Ribbon(kind, self.records.origin, notes=(LABEL,))

    @property
    def subject(self) -> str:
        return f"history under {self.policy.name}"

    def __repr__(self) -> str:
        return f"LimitsReplay({self.headline}) next: .to_frame(), .blocked(), .plot()"
