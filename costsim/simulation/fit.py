"""Fit a scenario to your own records: what they tell is learnt, the rest is said to be assumed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from costsim.errors import DatasetError
from costsim.simulation.fitting.comparison import compare_fit
from costsim.simulation.fitting.parameters import Parameter
from costsim.simulation.scenario import Scenario
from costsim.whole_files import write_whole

if TYPE_CHECKING:
    import pandas as pd

    from costsim.records.dataset import Records

__all__ = ["Fit", "compare_fit", "fit_scenario"]


@dataclass(frozen=True, repr=False)
class Fit:
    """A scenario from records, and how much of it they know.

    Attributes
    ----------
    scenario : Scenario
        As :func:`costsim.load_scenario` would read `toml`.
    toml : str
        The file: a header with source, period and number of records, and ``# assumed`` behind
        each key that the records cannot tell.
    parameters : tuple of Parameter
        A row each of :meth:`to_frame`.
    """

    scenario: Scenario
    toml: str
    parameters: tuple[Parameter, ...]

    @property
    def assumed(self) -> list[str]:
        """Keys that the records could not tell."""
        return [p.key for p in self.parameters if p.basis == "assumed"]

    def to_frame(self) -> pd.DataFrame:
        """A row per parameter: key, value, low, high (about 95%), basis, records, unit, note."""
        import pandas as pd

        names = ("key", "value", "low", "high", "basis", "records", "unit", "note")
        rows = [[getattr(p, name) for name in names] for p in self.parameters]
        return pd.DataFrame(rows, columns=names).astype({"low": float, "high": float})

    def write(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write the file.

        Raises
        ------
        DatasetError
            It is there already, and `overwrite` is not given.
        """
        target = Path(path)
        if target.is_dir():
            raise DatasetError(f"a scenario file must be a file; {target} is a folder")
        if target.exists() and not overwrite:
            raise DatasetError(
                f"{target} is there already; overwrite=True (--overwrite) replaces it"
            )
        return write_whole(target, self.toml)

    def __repr__(self) -> str:
        scenario = self.scenario
        return (
            f"Fit({scenario.name!r}, {len(scenario.features)} features, {scenario.days} days; "
            f"{len(self.parameters) - len(self.assumed)} values fitted, {len(self.assumed)} "
            'assumed); next: fit.write("my.toml")'
        )

    def _repr_html_(self) -> str:
        from costsim.show.tables import table_html

        frame = self.to_frame()
        frame["value"] = [shortened(value) for value in frame["value"]]
        return table_html(frame, caption=repr(self), max_rows=200)


def shortened(value: object) -> str:
    """A value as a cell shows it: long arrays by their length."""
    if isinstance(value, list):
        return f"{len(value)} entries"
    return f"{value:g}" if isinstance(value, float) else str(value)


def fit_scenario(records: Records, *, level: str = "product", name: str = "fitted") -> Fit:
    """A scenario from call records.

    Parameters
    ----------
    records : Records
        From :func:`costsim.read_records`, of any import. The calls of retries are left out, since
        a simulation makes its own. At least 100 calls with token counts, over a minute or more;
        a profile needs a day, its days and the noise a week, the noise of days two.
    level : {"product", "api"}
        Decides what is assumed where the records cannot tell: users inside a product, or
        customers of an API.
    name : str
        Of the scenario.

    Returns
    -------
    Fit
        `.scenario`, `.toml`, `.to_frame()`, `.write(path)`.

    Raises
    ------
    DataError
        Too few calls.
    UnknownNameError
        Another level.

    Notes
    -----
    Profile and noise by restricted maximum likelihood on log counts, the chance of calls and
    sessions taken off; users by maximum likelihood of their numbers of sessions, unseen users
    included; tokens by the simplest of lognormal, mixture and grid that is close; the split
    between users by an analysis of variance weighted by precision. Ordinary life only: incidents
    and launches in the records are not recognised and widen the noise, growth is taken for
    noise, and holidays for calm days.

    Examples
    --------
    >>> import costsim
    >>> quiet = costsim.load_scenario("quiet").model_copy(update={"days": 1})
    >>> fit = fit_scenario(costsim.simulate(quiet, seed=1).records, name="mine")
    >>> fit.scenario.features["summarise"].input_tokens.max, "noise.hour_sigma" in fit.assumed
    (16385, True)
    """
    from costsim.simulation.fitting.assembly import assemble

    return Fit(*assemble(records, level, name))
