"""What a search over limits gives: the limits suggested, the frontier, and a check on new seeds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from costsim.errors import SettingError
from costsim.show.formats import share, usd
from costsim.study.launch.runs import OPEN
from costsim.study.launch.words import MANY
from costsim.whole_files import write_whole

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from costsim.limits import Policy
    from costsim.show.cards import Card, Ribbon
    from costsim.study.launch.gate import Gate, GateLine
    from costsim.study.launch.month import LaunchMonth


class Serving(NamedTuple):
    """Limits that leave a feature to most of its users: what the month costs, whom they block."""

    policy: Policy
    spend_usd: float
    blocked_share: float


@dataclass(frozen=True, repr=False)
class Recommendation:
    """Limits found for a launch's month.

    ``searched`` has the rows of the search, ``checked`` those of seeds that had no part in it,
    without limits, under the base and under the suggestion. `notes` say what was assumed and what
    would turn the suggestion over.
    """

    month: LaunchMonth
    base: Policy
    suggested: Policy
    gate: Gate
    candidates: tuple[Policy, ...]
    searched: pd.DataFrame
    checked: pd.DataFrame
    lines: tuple[GateLine, ...]
    notes: tuple[str, ...]
    seed: int

    def to_frame(self) -> pd.DataFrame:
        """A row a candidate, by dollars saved.

        Returns
        -------
        pandas.DataFrame
            limits, hour_usd, day_usd, month_usd (a user's caps), organisation_usd (missing where
            it has none), seeds, saved_usd, spend_usd (mean month; where not all months were seen,
            scaled by what those seen cost without limits), ordinary_blocked_share,
            blocked_share, and frontier: no other candidate saves as much and blocks as few
            ordinary users, the better in one of the two.
        """
        import pandas as pd

        means = self._means.to_dict("index")
        seeds = self.searched.groupby("variant").size()
        rows = [
            {
                "limits": policy.name,
                "hour_usd": policy.user.hour_usd,
                "day_usd": policy.user.day_usd,
                "month_usd": policy.user.month_usd,
                "organisation_usd": policy.organisation.month_usd
                if policy.enforce_organisation
                else None,
                "seeds": int(seeds[policy.name]),
                "saved_usd": means[policy.name]["saved_usd"],
                "spend_usd": means[policy.name]["month_usd"],
                "ordinary_blocked_share": means[policy.name]["ordinary_blocked_share"],
                "blocked_share": means[policy.name]["blocked_share"],
            }
            for policy in self.candidates
        ]
        frame = pd.DataFrame(rows).sort_values("saved_usd", ascending=False, ignore_index=True)
        # from the most saved on, the frontier is who blocks fewer than all before
        fewest = frame["ordinary_blocked_share"].cummin().shift(fill_value=float("inf"))
        return frame.assign(frontier=frame["ordinary_blocked_share"] < fewest)

    @cached_property
    def _means(self) -> pd.DataFrame:
        """Means of each candidate over the months that it saw, by name.

        Its dollars are scaled by what those months cost without limits beside all of them: who
        saw one dear month alone has not saved more for it.
        """
        runs = self.searched
        months = runs[runs["variant"] == OPEN].set_index("seed")["month_usd"]
        seen = runs.assign(open_usd=runs["seed"].map(months))
        means = seen.groupby("variant").mean(numeric_only=True)
        scale = (months.mean() / means["open_usd"]).fillna(1.0)
        return means.assign(
            saved_usd=means["saved_usd"] * scale, month_usd=means["month_usd"] * scale
        )

    def compared(self) -> pd.DataFrame:
        """No limits, the base and the suggestion on seeds that had no part in the search.

        Returns
        -------
        pandas.DataFrame
            limits, seeds, spend_usd with its 95% interval (spend_low_usd, spend_high_usd),
            over_budget_share, ordinary_blocked_share, blocked_share, left_share, and
            ``NAME_blocked_share`` of each feature's users.
        """
        import pandas as pd

        from costsim.study.launch.statistics import estimate

        rows = []
        for name in (OPEN, self.base.name, self.suggested.name):
            own = self.checked[self.checked["variant"] == name]
            spend = estimate(own["month_usd"].to_numpy(float), "mean")
            row = {"limits": name, "seeds": len(own), "spend_usd": spend.value}
            row |= {"spend_low_usd": spend.low, "spend_high_usd": spend.high}
            row["over_budget_share"] = float(own["over_budget"].mean())
            for share_of in ("ordinary_blocked_share", "blocked_share", "left_share"):
                row[share_of] = float(own[share_of].mean())
            for feature in self.month.scenario.features:
                blocked = own[f"feature.{feature}.blocked_share"].mean()
                row[f"{feature}_blocked_share"] = float(blocked)
            rows.append(row)
        return pd.DataFrame(rows)

    def serving(self, feature: str) -> Serving | None:
        """The cheapest limits tried that block less than half of a feature's users.

        Parameters
        ----------
        feature : str

        Returns
        -------
        Serving or None
            None where no limits that were tried do.
        """
        column = f"feature.{feature}.blocked_share"
        names = [policy.name for policy in self.candidates]
        means = self._means.loc[names, ["month_usd", column]]
        kind = means[means[column] < MANY]
        if kind.empty:
            return None
        best = str(kind["month_usd"].idxmin())
        policy = next(one for one in self.candidates if one.name == best)
        row = kind.to_dict("index")[best]
        return Serving(policy, float(row["month_usd"]), float(row[column]))

    def marked(self) -> pd.DataFrame:
        """The base and the suggestion on the frontier's axes, by the check on new seeds.

        Where the suggestion takes a feature from most of its users, the cheapest limits tried
        that do not, too, by the search.

        Returns
        -------
        pandas.DataFrame
            name, saved_usd, ordinary_blocked_share, given (whether it is the base).
        """
        import pandas as pd

        columns = ["saved_usd", "ordinary_blocked_share"]
        rows = []
        for policy, given in ((self.base, True), (self.suggested, False)):
            own = self.checked[self.checked["variant"] == policy.name]
            rows.append({"name": policy.name, **own[columns].mean(), "given": given})
        worst = self.most_blocked
        serving = self.serving(worst) if worst is not None else None
        if serving is not None:
            known = self._means.loc[serving.policy.name, columns].to_dict()
            rows.append({"name": f"{worst} for most users", **known, "given": False})
        return pd.DataFrame(rows)

    def plot(self, ax: Any = None) -> Axes:
        """Dollars saved against ordinary users blocked, of all limits that were tried.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
        """
        from costsim.show import figures

        bounds = [
            one.bound for one in self.gate.requirements if one.column == "ordinary_blocked_share"
        ]
        return figures.limits_frontier(
            self.to_frame(),
            self.marked(),
            bound=bounds[0] if bounds else None,
            ribbon=self.ribbon,
            ax=ax,
        )

    @property
    def most_blocked(self) -> str | None:
        """The feature that the suggestion takes from the most of its users, where it is half."""
        found = self.compared().to_dict("records")[2]
        worst = max(self.month.scenario.features, key=lambda name: found[f"{name}_blocked_share"])
        return worst if found[f"{worst}_blocked_share"] >= MANY else None

    @property
    def headline(self) -> str:
        """The suggestion in a sentence, by the check on new seeds."""
        _, base, found = self.compared().to_dict("records")
        told = user_words(self.suggested)
        worst = self.most_blocked
        warned = ""
        if worst is not None:
            still = share(found[f"{worst}_blocked_share"])
            warned = f" It still blocks {still} of the users of {worst}."
        return (
            f"Suggested: {told} for each user; the month costs {usd(found['spend_usd'])} and "
            f"{share(found['blocked_share'])} of the active users are blocked, "
            f"{share(found['ordinary_blocked_share'])} of the ordinary ones ({self.base.name}: "
            f"{usd(base['spend_usd'])}, {share(base['blocked_share'])}, "
            f"{share(base['ordinary_blocked_share'])}).{warned}"
        )

    @property
    def toml(self) -> str:
        """The suggested limits as a file, with what they rest on."""
        return self.suggested.to_toml((self.headline, *self.notes, str(self.ribbon)))

    def write(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write the suggested limits to a file, which is replaced only when told so."""
        target = Path(path)
        if target.exists() and not overwrite:
            raise SettingError(f"{target} is there already; overwrite=True replaces it")
        return write_whole(target, self.toml)

    @property
    def ribbon(self) -> Ribbon:
        """SIMULATED, with the scenario and the seeds of search and check."""
        from costsim.show.cards import Ribbon

        searched, checked = (f["seed"].nunique() for f in (self.searched, self.checked))
        text = f"{self.month.scenario.name}, {len(self.candidates)} limits on {searched} seeds, "
        text += f"checked on {checked} others, study seed {self.seed}"
        return Ribbon("SIMULATED", text)

    @property
    def card(self) -> Card:
        """The suggestion as a card."""
        from costsim.show.cards import Card

        lines = (*(line.words for line in self.lines), *self.notes)
        failed = any(line.verdict == "FAIL" for line in self.lines)
        step = "recommendation.write('limits.toml')"
        return Card(self.headline, lines, self.ribbon, "warn" if failed else "ok", step)

    def __repr__(self) -> str:
        return (
            f"Recommendation({self.month.scenario.name}, {len(self.candidates)} candidates): "
            f"{self.headline} next: .plot(), .compared(), .write('limits.toml')"
        )

    def _repr_html_(self) -> str:
        return self.card._repr_html_()


def user_words(policy: Policy) -> str:
    """A user's caps of dollars, in words.

    Examples
    --------
    >>> from costsim.limits import load_limits
    >>> user_words(load_limits("flat-caps"))
    '$1.00 an hour, $5.00 a day, $50.00 a month'
    """
    caps = policy.user
    each = (("an hour", caps.hour_usd), ("a day", caps.day_usd), ("a month", caps.month_usd))
    return ", ".join(f"{usd(value)} {name}" for name, value in each if value is not None)
