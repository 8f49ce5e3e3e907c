"""What a sweep gives: a row per run, their summary, and the records where they were kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from costsim.errors import DatasetError, SettingError, UnknownNameError
from costsim.study.pairs import summarise_pairs

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from costsim.records.dataset import Records
    from costsim.show.cards import Ribbon
    from costsim.simulation.scenario import Scenario


@dataclass(frozen=True, repr=False)
class Sweep:
    """Runs of a scenario's variants over the same seeds.

    ``runs`` has a row per variant and seed, variants and seeds in the order they were given.
    """

    scenario: Scenario
    variants: tuple[str, ...]
    seeds: tuple[int, ...]
    runs: pd.DataFrame
    out: Path | None = None

    def __len__(self) -> int:
        return len(self.runs)

    def to_frame(self) -> pd.DataFrame:
        """A row per variant and seed."""
        return self.runs

    @property
    def measures(self) -> list[str]:
        """Columns of numbers, the seed apart."""
        numbers = self.runs.select_dtypes(["number", "bool"]).columns
        return [str(name) for name in numbers if name != "seed"]

    def summary(self, measure: str | None = None, *, level: float = 0.95) -> pd.DataFrame:
        """Mean, spread and quantiles, and paired differences from the first variant.

        Parameters
        ----------
        measure : str, optional
            One of :attr:`measures`; all by default.
        level : float
            Confidence of all intervals, above 0 and below 1.

        Returns
        -------
        pandas.DataFrame
            Columns as :func:`~costsim.study.pairs.summarise_pairs` says.
        """
        if not 0 < level < 1:
            raise SettingError(f"level must be above 0 and below 1; got {level!r}")
        if measure is not None and measure not in self.measures:
            raise UnknownNameError("measure", measure, self.measures)
        wanted = self.measures if measure is None else [measure]
        return summarise_pairs(self.runs, wanted, level=level)

    def records(self, variant: str, seed: int) -> Records:
        """Records of one run, where the sweep kept them."""
        from costsim.records import read_records

        if self.out is None:
            raise DatasetError("this sweep kept no records: give it out=...")
        if variant not in self.variants:
            raise UnknownNameError("variant", variant, self.variants)
        return read_records(self.out / variant / f"seed-{seed}")

    def plot(self, ax: Any = None, *, measure: str | None = None) -> Axes:
        """Each run's dollars, a row of dots a variant, with the mean and its interval.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
        measure : str, optional
            A measure in US$; the total by default.
        """
        from costsim.show import figures

        chosen = self._shown if measure is None else measure
        table = self.summary(chosen)
        dots = self.runs[["variant", "seed"]].assign(usd=self.runs[chosen])
        return figures.variant_runs(dots, table, ribbon=self.ribbon, ax=ax)

    @property
    def ribbon(self) -> Ribbon:
        """SIMULATED, with the scenario and its seeds."""
        from costsim.show.cards import Ribbon

        first, last = min(self.seeds), max(self.seeds)
        seeds = f"seed {first}" if first == last else f"{len(self.seeds)} seeds, {first} to {last}"
        return Ribbon("SIMULATED", f"{self.scenario.name}, {seeds}")

    @property
    def _shown(self) -> str:
        """The measure that a glance is for."""
        return "total_usd" if "total_usd" in self.measures else self.measures[0]

    def __repr__(self) -> str:
        told = f"{len(self.variants)} variants, {len(self.seeds)} seeds"
        if self.measures and len(self.variants) > 1:
            rows = self.summary(self._shown).set_index("variant")["mean"]
            told += f": mean {self._shown} " + ", ".join(
                f"{rows[name]:,.6g} ({name})" for name in self.variants[:3]
            )
        return f"Sweep({self.scenario.name}, {told}); next: .summary(), .to_frame()"

    def _repr_html_(self) -> str:
        from costsim.show.tables import kind_of, table_html

        if not self.measures:
            return table_html(self.runs, caption=repr(self).split("; next")[0])
        columns = ["variant", "runs", "mean", "mean_low", "mean_high", "sd", "p50", "difference"]
        columns += ["difference_low", "difference_high", "variance_reduction"]
        table = self.summary(self._shown)[columns]
        kind = kind_of(self._shown, self.runs[self._shown])
        money = dict.fromkeys(columns[2:-1], kind if kind in ("usd", "share") else "number")
        labels = {"difference": f"difference from {self.variants[0]}"}
        caption = f"{self._shown} of {self.scenario.name}, {len(self.seeds)} seeds"
        return table_html(
            table, money | {"variance_reduction": "ratio"}, caption=caption, labels=labels
        )
