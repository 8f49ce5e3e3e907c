"""Validate limits before a launch: many months with and without them, on the same demand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from costsim.errors import SettingError
from costsim.limits import Policy
from costsim.simulation.loading import load_scenario
from costsim.simulation.run import downgrades_of, policy_of
from costsim.study.compiled_first import compile_first
from costsim.study.launch.gate import Gate, load_gate
from costsim.study.launch.month import launch_month
from costsim.study.launch.routes_judged import route_lines
from costsim.study.launch.runs import OPEN, MonthTask, month_rows
from costsim.study.launch.validation import LimitsValidation
from costsim.study.parallel import in_parallel
from costsim.study.seeds import study_seeds

if TYPE_CHECKING:
    import pandas as pd

    from costsim.simulation.scenario import Scenario

PURPOSE = 11
"""Of the seeds, so that no other study sees the same runs."""


def validate_limits(
    scenario: Scenario | str,
    limits: Policy | str | Path,
    gate: Gate | str | Path | None = None,
    replicates: int = 50,
    seed: int = 0,
    *,
    waive_evaluation: bool = False,
    progress: Callable[[int], object] | None = None,
) -> LimitsValidation:
    """Rehearse a launch's month under limits, and judge it by a gate.

    Parameters
    ----------
    scenario : Scenario or str
        Or the name or path that :func:`~costsim.simulation.load_scenario` takes.
    limits : Policy, str or path
        Limits to validate, or their bundled name or file.
    gate : Gate, str or path, optional
        Requirements, or their file; without one nothing is judged.
    replicates : int
        Months to simulate, at least 2, each with and without the limits.
    seed : int
        Of the study; not negative.
    waive_evaluation : bool
        Let downgrade routes pass that nobody has evaluated.
    progress : callable, optional
        Called with 1 after each month.

    Returns
    -------
    LimitsValidation
        It fails, with or without a gate, where a downgrade route is neither evaluated nor waived.

    Raises
    ------
    SettingError
        Limits, gate, replicates or seed that are not allowed; nothing has run then.

    Notes
    -----
    The month is the calendar month that holds most of the scenario's week, simulated to its end
    (:func:`~costsim.study.launch.month.launch_month` says how). Limits come into force as its
    first day begins. Nobody acts: the scenario's people on watch stay away, and so do limits that
    it names itself. With and without limits, and with and without the incidents, users intend the
    same calls, so that differences come from the limits alone.

    How callers react to a refusal is an assumption of the scenario's archetypes, not a
    measurement: what users who leave for good would have spent counts as saved.

    Runs are given to joblib, as those of :func:`~costsim.study.sweep` are.

    Examples
    --------
    >>> import costsim, joblib
    >>> from costsim.simulation.sizes import smaller
    >>> day = costsim.load_scenario("surprise-40k").model_copy(update={"days": 1, "week": None})
    >>> day = smaller(day, 0.05)
    >>> with joblib.parallel_config(n_jobs=1):
    ...     found = validate_limits(day.model_copy(update={"incidents": {}}), "flat-caps",
    ...                             replicates=2)
    >>> found.verdict, len(found.runs)
    ('NO GATE', 4)
    """
    import pandas as pd

    if isinstance(scenario, str):
        scenario = load_scenario(scenario)
    policy = policy_of(scenario, limits)
    assert policy is not None
    if policy.name == OPEN:
        raise SettingError(f"limits must not be named {OPEN!r}: so is the month without any")
    wanted = gate if isinstance(gate, Gate) or gate is None else load_gate(gate)
    for name, value, least in (("replicates", replicates, 2), ("seed", seed, 0)):
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise SettingError(f"{name} must be an integer of at least {least}; got {value!r}")
    month = launch_month(scenario)
    if wanted is not None:
        wanted.check_names(month.scenario)
    tasks = [
        MonthTask(month, policy, downgrades_of(month.scenario, policy), one)
        for one in study_seeds(seed, PURPOSE, replicates)
    ]
    found = {}
    compile_first(month.scenario)
    for which, rows in in_parallel(month_rows, tasks):
        found[which] = rows
        if progress:
            progress(1)
    frame = pd.DataFrame([row for task in tasks for row in found[task.seed]])
    frame = with_avoided(frame)
    lines = wanted.judge(frame[frame["variant"] == policy.name]) if wanted else ()
    lines += route_lines(policy, waived=waive_evaluation, gated=wanted is not None)
    return LimitsValidation(month, policy, seed, frame, wanted, lines)


def with_avoided(runs: pd.DataFrame) -> pd.DataFrame:
    """Runs with what the limits kept of each one's incident dollars, where there are any."""
    if "incident_usd" not in runs:
        return runs
    first = runs["variant"] == OPEN
    open_usd = runs["seed"].map(runs[first].set_index("seed")["incident_usd"])
    avoided = open_usd - runs["incident_usd"]
    return runs.assign(
        incident_avoided_usd=avoided, incident_avoided_share=avoided / open_usd.where(open_usd > 0)
    )
