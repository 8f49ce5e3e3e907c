"""Detectors compared: what each achieves on a scenario's incident, and how they differ."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from costsim.detect.incident_words import rate_words
from costsim.errors import SettingError
from costsim.show.formats import UNKNOWN, usd
from costsim.study.candidates import NOMINAL, Candidate
from costsim.study.named_causes import RIGHT, counts_right, shares_right
from costsim.study.outcome import outcome, paired_difference

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from costsim.detect import SeriesDetector
    from costsim.show.cards import Card, Ribbon
    from costsim.simulation.scenario import Scenario
    from costsim.study.oracle import Limit
    from costsim.study.ordinary import OrdinaryLife

LEAST, MOST = 0.8, 1.25
"""Times the wanted rate of false alarms between which a measured one is as wanted."""
NEXT: Final = ".to_frame(), .differences(), .plot(), .plot_curve()"


@dataclass(frozen=True, repr=False)
class Comparison:
    """Detectors on one scenario, each at its threshold as shipped and as calibrated.

    Attributes
    ----------
    runs : pandas.DataFrame
        A row per detector, setting and run: `first_h` (hours from the start of the incident to the
        end of the alarm's bin; missing without one), `since_launch_h` (from the launch), `known_h`
        (as `first_h`, the whole watch for a miss), `burned_usd`, `early`, `false`, `missed`.
    curve : pandas.DataFrame
        A row per detector and wanted rate of false alarms: measured, low, high, delays and dollars.
    limit : Limit or None
        What a detector achieves that knows the incident; None where that was not asked.
    named : pandas.DataFrame or None
        What each calibrated detector's first alarm names, a row per detector and run that was
        played call by call, as :func:`costsim.study.naming` gives it; None where none was.
    """

    scenario: Scenario
    seed: int
    false_alarms_per_month: float
    lag_hours: int
    ordinary: OrdinaryLife
    candidates: tuple[Candidate, ...]
    runs: pd.DataFrame
    curve: pd.DataFrame
    limit: Limit | None = None
    named: pd.DataFrame | None = None

    @cached_property
    def summary(self) -> pd.DataFrame:
        """A row per detector and setting, fewest dollars burned first.

        Where runs were played call by call, calibrated ones have ``feature_right``,
        ``cause_right`` and ``user_right``: shares of what the first alarm named that was right.
        """
        import pandas as pd

        rows = []
        for (name, setting), each in self.runs.groupby(["detector", "setting"], sort=False):
            candidate = next(c for c in self.candidates if c.name == name)
            rate = NOMINAL if setting == "nominal" else self.false_alarms_per_month
            false = candidate.false_alarms[rate]
            low, high = false.interval()
            rows.append(
                {
                    "detector": name,
                    "setting": setting,
                    "channel": candidate.channel,
                    "threshold": candidate.threshold(rate),
                    "false_alarms_per_month": false.per_month,
                    "fa_low": low,
                    "fa_high": high,
                    **outcome(each),
                    **self._shares_right(str(name), str(setting)),
                    "foil": name in self.foils,
                }
            )
        return pd.DataFrame(rows).sort_values(
            ["setting", "burned_mean_usd", "delay_mean_h"], ignore_index=True
        )

    def _shares_right(self, name: str, setting: str) -> dict[str, float]:
        """Those of the calibrated ones; the others are not asked."""
        if self.named is None or setting != "calibrated":
            return {}
        return shares_right(self.named[self.named["detector"] == name])

    def counts_right(self) -> pd.DataFrame:
        """What the first alarms named rightly, counted in the runs that were played call by call.

        Returns
        -------
        pandas.DataFrame
            detector, feature_right, cause_right, user_right: "2 of 2", of the runs in which it was
            named at all, or missing; in the order of the table. No row without such runs.
        """
        import pandas as pd

        rows = []
        if self.named is not None:
            by = dict(list(self.named.groupby("detector")))
            order = self.summary.loc[self.summary["setting"] == "calibrated", "detector"]
            rows = [{"detector": name} | counts_right(by[name]) for name in order]
        return pd.DataFrame(rows, columns=["detector", *RIGHT])

    def shown(self, setting: str | None = None) -> pd.DataFrame:
        """The table for readers: shares of so few runs as counts; one setting only, or both."""
        rows = self.summary
        if setting is not None:
            rows = rows[rows["setting"] == setting]
        if self.named is None:
            return rows
        counts = self.counts_right().set_index("detector")
        words = counts.reindex(rows["detector"]).set_index(rows.index)
        return rows.assign(**words.where(rows["setting"] == "calibrated", None))

    @property
    def foils(self) -> list[str]:
        """The detectors that stand there to be beaten: the naive one and the dummies."""
        return sorted(set(self.curve.loc[self.curve["foil"], "detector"]))

    @property
    def detectors(self) -> tuple[SeriesDetector, ...]:
        """The single detectors, at their calibrated thresholds."""
        single = (c for c in self.candidates if not c.is_suite)
        return tuple(c.at(self.false_alarms_per_month)[0] for c in single)

    @property
    def best(self) -> SeriesDetector:
        """Calibrated detector with the fewest dollars burned on average, a miss counted whole.

        A suite is several; one that alarms whatever happens is none. It is chosen on every other
        run, so that the rest (:meth:`told`) had no part in the choice.
        """
        import pandas as pd

        single = {d.name: d for d in self.detectors}
        half = self._half(0)
        found = {str(n): outcome(each) for n, each in half.groupby("detector") if n in single}
        rows = pd.DataFrame.from_dict(found, orient="index").rename_axis("detector").reset_index()
        order = rows[rows["kept_runs"] > 0].sort_values(
            ["burned_mean_usd", "delay_mean_h", "detector"]
        )
        return single[str(order["detector"].iloc[0])]

    def told(self, detector: str) -> dict[str, float]:
        """Outcome of a calibrated detector on the runs that :attr:`best` was not chosen on."""
        rest = self._half(1)
        return outcome(rest[rest["detector"] == detector])

    def _half(self, which: int) -> pd.DataFrame:
        runs = self.runs[self.runs["setting"] == "calibrated"]
        return runs[runs["run"] % 2 == which]

    @property
    def unlike(self) -> list[str]:
        """Detectors whose false alarms on fresh runs are not near the wanted rate.

        Those of which it is refuted that the rate lies within 0.8 to 1.25 times it, at 5% for all
        of them together (Holm, Scandinavian Journal of Statistics 6, 1979). Dummies and rules that
        no threshold brings there are among them.
        """
        from statsmodels.stats.multitest import multipletests

        wanted = self.false_alarms_per_month
        chances = {
            c.name: c.false_alarms[wanted].chance_within(LEAST * wanted, MOST * wanted)
            for c in self.candidates
        }
        refuted = multipletests(list(chances.values()), alpha=0.05, method="holm")[0]
        return sorted(name for name, off in zip(chances, refuted, strict=True) if off)

    def row(self, detector: str, setting: str = "calibrated") -> pd.Series[Any]:
        """Summary of one detector."""
        found = self.summary.query("detector == @detector and setting == @setting")
        if found.empty:
            names = sorted(set(self.summary["detector"]))
            raise SettingError(f"detector must be one of {names}; got {detector!r}")
        return found.iloc[0]

    def differences(self, to: str | None = None) -> pd.DataFrame:
        """How much dearer and later each detector is than one of them, on the same runs.

        Parameters
        ----------
        to : str, optional
            Name of a calibrated detector; the best by default.

        Returns
        -------
        pandas.DataFrame
            detector, usd, usd_low, usd_high (mean difference in dollars burned and its 95%
            bootstrap interval), hours, hours_low, hours_high (in hours until known, a miss the
            whole watch), decided (whether the interval of the dollars leaves out 0); dearest last.
        """
        import pandas as pd

        reference = to or self.best.name
        self.row(reference)
        runs = self.runs[self.runs["setting"] == "calibrated"]
        tables = {str(name): rows for name, rows in runs.groupby("detector", sort=False)}
        rows = []
        for name, each in tables.items():
            usd = paired_difference(each, tables[reference], "burned_usd", seed=self.seed)
            hours = paired_difference(each, tables[reference], "known_h", seed=self.seed)
            rows.append((name, *usd, *hours, usd[1] > 0 or usd[2] < 0))
        columns = (
            "detector", "usd", "usd_low", "usd_high", "hours", "hours_low", "hours_high", "decided",
        )  # fmt: skip
        found = pd.DataFrame(rows, columns=list(columns))
        found = found[found["detector"] != reference]
        return found.sort_values(["usd", "detector"], ignore_index=True)

    def to_frame(self) -> pd.DataFrame:
        """A row per detector and setting, fewest dollars burned first."""
        return self.summary

    def plot(self, ax: Any = None, *, setting: str = "calibrated") -> Axes:
        """Dot and whisker: median and p90 of hours and of dollars burned."""
        from costsim.show import figures

        rows = self.summary[self.summary["setting"] == setting]
        return figures.detector_comparison(rows, ax=ax)

    def plot_runs(self, ax: Any = None, *, setting: str = "calibrated") -> Axes:
        """Dollars burned in every run, a row of dots a detector."""
        from costsim.show import figures

        # a false alarm before the launch ends its run: it says nothing of the incident
        runs = self.runs[(self.runs["setting"] == setting) & ~self.runs["false"]]
        return figures.burned_runs(runs.assign(foil=runs["detector"].isin(self.foils)), ax=ax)

    def plot_curve(self, ax: Any = None) -> Axes:
        """Dollars burned against false alarms a month, over the limit line."""
        from costsim.show import figures

        return figures.operating_curves(
            self.curve,
            limit_usd=None if self.limit is None else self.limit.burned_median_usd,
            chosen=self.false_alarms_per_month,
            ribbon=self.ribbon,
            ax=ax,
        )

    @property
    def ribbon(self) -> Ribbon:
        """What the numbers stand on."""
        from costsim.show.cards import Ribbon

        text = f"{self.scenario.name}, study seed {self.seed}, hash {self.scenario.hash}"
        return Ribbon("SIMULATED", text)

    def __repr__(self) -> str:
        return f"Comparison({self.scenario.name}: {self.headline}); next: {NEXT}"

    @property
    def headline(self) -> str:
        """Which single detector burns least, told by runs that it was not chosen on."""
        best = self.best.name
        row = self.told(best)
        runs = self.runs["run"].nunique()
        return (
            f"{best} burns least of the single detectors at "
            f"{rate_words(self.false_alarms_per_month)}, chosen on half of {runs} runs; in the "
            f"other half the median is {usd(row['burned_median_usd'])} after "
            f"{row['delay_median_h']:.0f} h"
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know beside the headline."""
        said = [] if self.limit is None else [self.limit.words()]
        if self.unlike:
            said.append(
                f"Not near the wanted rate of false alarms on fresh runs: {', '.join(self.unlike)}."
            )
        if self.named is not None:
            rows = self.counts_right().fillna(UNKNOWN).itertuples(index=False)
            words = {name: " / ".join(right) for name, *right in rows}
            asked = [self.best.name, *(c.name for c in self.candidates if c.is_suite)]
            each = "; ".join(f"{name} {words[name]}" for name in asked)
            played = self.named["seed"].nunique()
            said.append(
                f"Feature / cause / user named rightly by the first alarm, in {played} "
                f"run{'s' * (played != 1)} played call by call: {each}."
            )
        return (*said, f"Ordinary life with {self.ordinary.words()}.")

    @property
    def card(self) -> Card:
        """The answer as a card."""
        from costsim.show.cards import Card

        return Card(f"{self.headline}.", self.notes, self.ribbon, "info", NEXT)

    def _repr_html_(self) -> str:
        from costsim.show.tables import table_html
        from costsim.study.comparison_table import readable

        return self.card._repr_html_() + table_html(readable(self.shown()))
