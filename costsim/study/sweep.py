"""Sweep: many whole simulations over seeds and variants, on all cores or on a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from numbers import Real
from operator import index
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from costsim.errors import DataError, SettingError
from costsim.simulation.closed_run import needs_loop
from costsim.simulation.loading import load_scenario
from costsim.simulation.result import SimulationResult
from costsim.study.aggregates import spend_totals
from costsim.study.compiled_first import compile_first
from costsim.study.one_thread import one_thread
from costsim.study.parallel import in_parallel
from costsim.study.sweep_result import Sweep
from costsim.study.variants import Change, Variant, variants_of

if TYPE_CHECKING:
    from costsim.simulation.scenario import Scenario

Summarise = Callable[[SimulationResult], Mapping[str, Any]]
KEYS = ("variant", "seed")


def sweep(
    scenario: Scenario | str,
    variants: Mapping[str, Change],
    *,
    seeds: Iterable[int],
    summarise: Summarise | None = None,
    out: str | Path | None = None,
    progress: Callable[[int], object] | None = None,
) -> Sweep:
    """Simulate a scenario's variants, each over the same seeds, and summarise every run.

    Parameters
    ----------
    scenario : Scenario or str
        Or the name or path that :func:`load_scenario` takes.
    variants : mapping of str to dict, Scenario or Policy
        What differs, by name; the others are compared with the first. A dict is merged into the
        scenario as a file that extends it would be; its key ``limits`` is a bundled name, a file,
        a :class:`~costsim.limits.Policy`, or None for no limits at all. ``{}`` changes nothing.
    seeds : iterable of int
        One run of each variant for each; not negative, all different.
    summarise : callable, optional
        From a :class:`~costsim.simulation.SimulationResult` to a dict of numbers and texts, run
        where the simulation runs; by default :func:`spend_totals`.
    out : path, optional
        Keep the records in ``out/<variant>/seed-<n>``; by default they are gone once summarised.
    progress : callable, optional
        Called with 1 after each run.

    Raises
    ------
    SettingError
        Variants, seeds or `out` that are not allowed, before anything runs.
    DataError
        `summarise` gives something else than a dict of numbers and texts.

    Notes
    -----
    Variants of a seed are simulated on common random numbers: they share every intended call that
    their change does not touch, so differences between variants vary far less than the variants.

    Runs are given to joblib: processes on all cores, one thread each, unless
    ``joblib.parallel_config`` says otherwise, such as ``parallel_config(backend="dask")`` beside a
    ``distributed.Client``. Where they run, and how many at a time, changes no number. Processes
    begin anew by importing the caller: a script needs ``if __name__ == "__main__":``.

    Examples
    --------
    >>> import costsim, joblib
    >>> week = costsim.load_scenario("surprise-40k").first_days(2)
    >>> with joblib.parallel_config(n_jobs=1):
    ...     found = sweep(week, {"no limits": {}, "flat caps": {"limits": "flat-caps"}}, seeds=[7])
    >>> found.to_frame()["denied"].tolist()[0], len(found)
    (0, 2)
    """
    import pandas as pd

    if isinstance(scenario, str):
        scenario = load_scenario(scenario)
    chosen = variants_of(scenario, variants)
    numbers = _seeds(seeds)
    folder = _folder(out)
    tasks = [
        _Task(variant, seed, summarise or spend_totals, folder)
        for seed in numbers  # all variants of a seed side by side: a stopped sweep has whole pairs
        for variant in chosen
    ]
    rows: dict[tuple[str, int], dict[str, Any]] = {}
    if any(needs_loop(variant.scenario, variant.limits) for variant in chosen):
        compile_first(scenario)
    try:
        for row in in_parallel(_run, tasks):
            rows[row["variant"], row["seed"]] = row
            if progress:
                progress(1)
    except KeyboardInterrupt:
        kept = f"{len(rows)} of {len(tasks)} runs are kept in {out}" if folder and rows else ""
        raise KeyboardInterrupt(kept) from None
    frame = pd.DataFrame([rows[variant.name, seed] for variant in chosen for seed in numbers])
    names = tuple(variant.name for variant in chosen)
    return Sweep(scenario, names, tuple(numbers), frame, folder)


class _Task(NamedTuple):
    """One run: all that a worker needs to know."""

    variant: Variant
    seed: int
    summarise: Summarise
    out: Path | None


def _run(task: _Task) -> dict[str, Any]:
    from costsim.simulation.run import simulate

    (name, scenario, limits), seed = task.variant, task.seed
    out = task.out / name / f"seed-{seed}" if task.out else None
    with one_thread():
        # the first days of a run have no place among whole ones
        result = simulate(
            scenario, seed=seed, limits=limits, out=out, workers=1, keep_stopped=False
        )
        found = task.summarise(result)
    return {"variant": name, "seed": seed} | _checked(found)


def _checked(found: Any) -> dict[str, Any]:
    """What a summary may hold: small things that every backend can carry back."""
    if not isinstance(found, Mapping):
        raise DataError(f"summarise must give a dict of numbers and texts; got {type(found)}")
    for name, value in found.items():
        if not isinstance(name, str) or name in KEYS:
            raise DataError(
                f"summarise must name its numbers, not {' or '.join(KEYS)}; got {name!r}"
            )
        if not (value is None or isinstance(value, Real | str)):
            raise DataError(f"summarise must give numbers and texts; {name} is {type(value)}")
    return dict(found)


def _seeds(seeds: Iterable[int]) -> list[int]:
    try:
        found = [index(seed) for seed in seeds]
    except TypeError:
        raise SettingError(
            f"seeds must be integers in a list or range, such as range(20); got {seeds!r}"
        ) from None
    if not found:
        raise SettingError("seeds must not be empty")
    for seed in found:
        if not 0 <= seed < 2**63:
            raise SettingError(f"seeds must be from 0 to 2**63 - 1; got {seed}")
    twice = next((seed for seed in found if found.count(seed) > 1), None)
    if twice is not None:
        raise SettingError(f"seeds must all be different; {twice} is there twice")
    return found


def _folder(out: str | Path | None) -> Path | None:
    if out is None:
        return None
    folder = Path(out).resolve()  # a worker may stand elsewhere
    if folder.is_file() or (folder / "manifest.json").exists():
        raise SettingError(f"out must be a folder for many runs; {out} is a file or holds records")
    return folder
