"""Token laws of a feature from the calls of a staging run: what was assumed becomes measured."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from costsim.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LEAST_CALLS: Final = 20
"""Fewer calls say nothing about the dear ones, which make the bill."""


@dataclass(frozen=True, repr=False, eq=False)
class StagedTokens:
    """Tokens of a feature's calls in a folder of records.

    Parameters
    ----------
    source : str
        How many calls, where from, real or simulated.
    model : str
        Model that most of them asked for.
    input_tokens, output_tokens : arrays of float
        Of the calls that have both, in the order of the records.
    """

    source: str
    model: str
    input_tokens: NDArray[np.float64]
    output_tokens: NDArray[np.float64]

    def input_toml(self, most: int | None = None) -> str:
        """Input tokens as a scenario file gives them: a grid of quantiles."""
        return law_toml(self.input_tokens, most)

    def output_toml(self, most: int | None = None) -> str:
        """Output tokens likewise."""
        return law_toml(self.output_tokens, most)

    def __repr__(self) -> str:
        return f"StagedTokens({self.source}); next: costsim scenario add-feature --from"


def read_staged(folder: str | Path, feature: str) -> StagedTokens:
    """Read the tokens of a feature's calls from a folder of records.

    Calls that failed, or whose tokens are not known, are left out.

    Raises
    ------
    DataError
        There are fewer than 20 such calls of the feature.
    """
    import narwhals as nw

    from costsim.records.dataset import read_records

    records = read_records(folder)
    columns = ["feature_name", "model", "input_tokens", "output_tokens", "status"]
    of_feature = records.lazy(columns).filter(nw.col("feature_name") == feature)
    rows = of_feature.collect("pyarrow").to_native().to_pandas()
    if rows.empty:
        seen = records.lazy(["feature_name"]).unique().collect("pyarrow").to_native()
        names = sorted(str(name) for name in seen["feature_name"].to_pylist() if name is not None)
        listed = ", ".join(map(repr, names[:8])) or "none"
        raise DataError(f"{folder} must have calls of {feature!r}; its features are {listed}")
    failed = rows["status"].isin(["error", "aborted", "denied"])
    good = rows[~failed].dropna(subset=["input_tokens", "output_tokens"])
    if len(good) < LEAST_CALLS:
        raise DataError(
            f"{folder} must have at least {LEAST_CALLS} good calls of {feature!r} with tokens; "
            f"got {len(good)}"
        )
    return StagedTokens(
        f"{len(good):,} calls of {feature} in {folder} ({records.manifest.kind})",
        str(good["model"].mode().iloc[0]),
        good["input_tokens"].to_numpy(dtype=float),
        good["output_tokens"].to_numpy(dtype=float),
    )


def law_toml(tokens: NDArray[np.float64], most: int | None = None) -> str:
    """A law of measured tokens as TOML: their quantiles, and a step where many are alike.

    Examples
    --------
    >>> import numpy as np
    >>> law_toml(np.full(30, 500.0), most=1000)
    '{ quantiles = [[0, 499.51], [1, 500.49]], max = 1000 }'
    """
    import numpy as np

    from costsim.simulation.fitting.quantile_grid import quantile_grid

    points = quantile_grid(np.maximum(tokens, 1))
    grid = ", ".join(f"[{p:g}, {value:g}]" for p, value in points)
    cap = f", max = {most}" if most is not None else ""
    return f"{{ quantiles = [{grid}]{cap} }}"
