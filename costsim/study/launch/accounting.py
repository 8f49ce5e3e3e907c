"""What comparing ways of accounting gives: overshoot beside its formula, and the price of holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from costsim.show.formats import hours, number, share, trimmed, usd
from costsim.study.launch.overshoot_trials import CallMoments

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from costsim.show.cards import Card, Ribbon
    from costsim.simulation.scenario import Scenario


@dataclass(frozen=True, repr=False)
class AccountingComparison:
    """One cap under four ways of accounting; see :func:`costsim.study.compare_accounting`."""

    scenario: Scenario
    feature: str
    cap_usd: float
    hold_quantile: float
    hold_tokens: dict[str, int]
    trials: int
    seed: int
    moments: CallMoments
    rows: list[dict[str, Any]] = field(compare=False)

    def to_frame(self) -> pd.DataFrame:
        """A row a way of accounting and concurrency.

        Returns
        -------
        pandas.DataFrame
            accounting ("check" looks first and records afterwards, "reserve" holds first), hold
            ("most" that a call can cost, or "quantile" of its answer; empty without),
            delay_seconds, concurrency, calls_per_hour, spent_usd (mean), overshoot_usd (mean
            beyond the cap, with its 95% interval low and high), worst_usd (most beyond it in any
            trial), open_excess_usd (most that calls open at the last admission cost beyond their
            holds), most_open (most calls in flight in any trial), hold_denied_share (of the calls
            until the last admission, refused only because of open holds), formula_usd (mean
            overshoot by renewal theory) and bound_usd (what no trial can pass: calls open at one
            time x what an answer can cost beyond its hold).
        """
        import pandas as pd

        return pd.DataFrame(self.rows)

    def of(self, accounting: str, hold: str = "", delay_seconds: float = 0.0) -> pd.DataFrame:
        """The rows of one way of accounting, by concurrency."""
        frame = self.to_frame()
        mine = (frame["accounting"] == accounting) & (frame["hold"] == hold)
        return frame[mine & (frame["delay_seconds"] == delay_seconds)].reset_index(drop=True)

    @property
    def headline(self) -> str:
        """What looking first lets through at the highest concurrency, and what reserving does."""
        frame = self.to_frame()
        top = frame[frame["concurrency"] == frame["concurrency"].max()]
        checks = top[top["accounting"] == "check"].sort_values("delay_seconds")
        late, soon = checks.iloc[-1], checks.iloc[0]
        said = f"{usd(late['spent_usd'])} on average"
        if late["delay_seconds"] > soon["delay_seconds"]:
            after = hours(late["delay_seconds"] / 3600)
            said = f"{usd(soon['spent_usd'])}, and {usd(late['spent_usd'])} where records come "
            said += f"{after} late"
        flying = trimmed(late["concurrency"])
        return (
            f"With {flying} calls in flight, a {usd(self.cap_usd)} cap that is looked at first and "
            f"charged afterwards lets through {said}; one that is reserved for never more than "
            f"{usd(self.cap_usd)}."
        )

    @property
    def lines(self) -> tuple[str, ...]:
        """The formula against the simulation, and what holding costs, a sentence each."""
        frame = self.to_frame()
        checks = frame[frame["accounting"] == "check"]
        inside = checks["formula_usd"].between(
            checks["overshoot_low_usd"], checks["overshoot_high_usd"]
        )
        return (
            "What goes beyond the cap is a part of the last call, and all calls that are in flight "
            "or not yet recorded when the cap is reached: E[c²]/2E[c] + λ E[c (L + D)] on "
            f"average, which lies within the simulation's 95% interval at {inside.sum()} of "
            f"{len(inside)} points.",
            *self._of_holds(),
            f"A call of {self.feature} costs {usd(self.moments.usd)} and takes "
            f"{number(self.moments.seconds, 2)} s on average.",
        )

    def _of_holds(self) -> tuple[str, ...]:
        frame = self.to_frame()
        top = frame[frame["concurrency"] == frame["concurrency"].max()].set_index("hold")
        most, tokens = top.loc["most"], self.hold_tokens["most"]
        first = (
            f"Holding the most that a call can cost ({tokens:,} tokens of answer) refuses "
            f"{share(most['hold_denied_share'])} of the calls only because of open holds, while "
            "there is money left."
        )
        answers = f"{share(self.hold_quantile)} answer"
        if "quantile" not in top.index:
            return (f"{first} The {answers} is as long: holding it instead changes nothing.",)
        part = top.loc["quantile"]
        return (
            f"{first} Holding the {answers} ({self.hold_tokens['quantile']:,} tokens) instead: "
            f"{share(part['hold_denied_share'])}, and at worst {usd(part['worst_usd'])} over the "
            f"cap; with {part['most_open']} calls open at one time it can never be more "
            f"than {usd(part['bound_usd'])}.",
        )

    @property
    def ribbon(self) -> Ribbon:
        """SIMULATED, with the feature, the trials and the seed."""
        from costsim.show.cards import Ribbon

        text = f"{self.scenario.name}, {self.feature}, {self.trials} trials, seed {self.seed}"
        return Ribbon("SIMULATED", text)

    @property
    def card(self) -> Card:
        """The answer as a card."""
        from costsim.show.cards import Card

        return Card(self.headline, self.lines, self.ribbon, "info", "found.to_frame(), .plot()")

    def plot(self, ax: Any = None) -> Axes:
        """Dollars let through against calls in flight, with the formula; and holds' denials.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
        """
        from costsim.show import figures

        names = {"most": "reserved, the most it can cost",
                 "quantile": f"reserved, the {share(self.hold_quantile)} answer"}  # fmt: skip
        frame = self.to_frame()
        frame["way"] = [
            names.get(hold)
            or (f"looked at first, recorded {hours(delay / 3600)} late" if delay
                else "looked at first, recorded at once")
            for hold, delay in zip(frame["hold"], frame["delay_seconds"], strict=True)
        ]  # fmt: skip
        return figures.cap_overshoot(frame, cap_usd=self.cap_usd, ribbon=self.ribbon, ax=ax)

    def __repr__(self) -> str:
        return f"AccountingComparison({self.headline}) next: .to_frame(), .plot()"

    def _repr_html_(self) -> str:
        return self.card._repr_html_()
