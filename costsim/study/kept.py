"""A comparison made once is kept, by all that it depends on, and not made again."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING, Any, Final

from costsim.paths import bundled
from costsim.study.compare import compare_detectors

if TYPE_CHECKING:
    from costsim.simulation.scenario import Scenario
    from costsim.study.comparison import Comparison

KEPT: Final = 4
"""Comparisons in a folder; the oldest go."""


def kept_comparison(folder: str | Path, scenario: Scenario, **options: Any) -> Comparison:
    """A comparison, made only if the folder has none like it.

    Parameters
    ----------
    folder : path
        One's own: what lies in it is loaded as Python objects. It may be deleted at any time.
    scenario : Scenario
    **options
        As of :func:`compare_detectors`, but for `say`.

    Returns
    -------
    Comparison
        Never that of another scenario, other options, other code or other libraries: all of them
        are in its key.

    Examples
    --------
    >>> import tempfile
    >>> from costsim.detect import FixedThreshold
    >>> from costsim.simulation import load_scenario
    >>> from costsim.simulation.sizes import smaller
    >>> night = smaller(load_scenario("night-script"), 0.1)
    >>> small = {"detectors": [FixedThreshold()], "replicates": 10, "calibration_runs": 8}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     first, again = (kept_comparison(folder, night, **small) for _ in range(2))
    >>> first is not again and first.summary.equals(again.summary)
    True
    """
    import joblib

    where = Path(folder).absolute()
    new = [each for each in (where, *where.parents) if not each.exists()]
    try:
        memory = joblib.Memory(where, verbose=0)
        play = memory.cache(_played, ignore=["scenario"])
        found: Comparison = play(scenario, f"{scenario.hash} {_code()}", **options)
        memory.reduce_size(items_limit=KEPT)
    except BaseException:
        if new:  # a comparison that is refused or stopped leaves nothing
            rmtree(new[-1], ignore_errors=True)
        raise
    return found


def _played(scenario: Scenario, stands_on: str, **options: Any) -> Comparison:
    return compare_detectors(scenario, **options)


def _code() -> str:
    """A digest of costsim's sources and price books, and of the libraries that add up."""
    import numpy
    import pandas
    import scipy

    import costsim

    digest = sha256(" ".join(m.__version__ for m in (numpy, pandas, scipy)).encode())
    sources = sorted(Path(costsim.__file__).parent.rglob("*.py"))
    for path in [*sources, *sorted(bundled("prices").iterdir())]:
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()
