"""Play all that a launch's page tells: months, a blocked day, incidents, a search."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from costsim.detect import load_suite
from costsim.errors import SettingError
from costsim.limits import Policy
from costsim.report.launch.lines import launch_lines
from costsim.report.launch.rehearsal import LaunchRehearsal
from costsim.show.formats import share
from costsim.simulation.loading import load_scenario
from costsim.simulation.run import policy_of
from costsim.simulation.sizes import smaller, smaller_limits
from costsim.study import (
    Gate,
    blocked_day,
    compare_accounting,
    limit_incidents,
    load_gate,
    recommend_limits,
    validate_limits,
)
from costsim.study.launch.first_signal import FirstSignal, first_signal, what_if
from costsim.study.launch.recommend import DEFAULT_GATE, check_search, searched_gate

if TYPE_CHECKING:
    from costsim.simulation.scenario import Scenario

Say = Callable[[str], object]


def rehearse_launch(
    scenario: Scenario | str,
    limits: Policy | str | Path,
    gate: Gate | str | Path | None = None,
    *,
    suite: str | Path = "default",
    recommend: bool = True,
    replicates: int = 20,
    watch_runs: int = 20,
    candidates: int = 64,
    search_seeds: int = 20,
    library: Sequence[str] | None = None,
    size: float = 1.0,
    seed: int = 0,
    say: Say = str,
) -> LaunchRehearsal:
    """Rehearse a launch: everything that its page tells.

    Parameters
    ----------
    scenario : Scenario or str
        Or its name or path.
    limits : Policy, str or path
    gate : Gate, str or path, optional
        Requirements; by default the budget kept in 95% of months, and at most 2% of ordinary users
        blocked.
    suite : str or path
        Detectors on watch, by name or file; empty for nobody.
    recommend : bool
        Whether to search for better limits.
    replicates : int
        Months to simulate, at least 2.
    watch_runs : int
        Runs of the incident that the suite watches; 0 leaves the question open.
    candidates, search_seeds : int
        Size of the search.
    library : sequence of str, optional
        Scenarios whose incidents are tried; the whole library by default.
    size : float
        Share of users, calls, budget and shared caps, above 0, at most 1; smaller is quicker and
        noisier.
    seed : int
        Of the studies; not negative.
    say : callable
        Told what begins.

    Raises
    ------
    SettingError
        Something is not allowed; nothing has run then.
    """
    wanted = load_scenario(scenario) if isinstance(scenario, str) else scenario
    if not 0 < size <= 1:
        raise SettingError(f"size must be above 0 and at most 1; got {size!r}")
    if watch_runs < 0:
        raise SettingError(f"watch_runs must be at least 0; got {watch_runs!r}")
    if recommend:
        check_search(candidates, search_seeds)
    given = policy_of(wanted, limits)
    assert given is not None
    policy = smaller_limits(given, size)
    if size != 1:
        budget = wanted.monthly_budget_usd * size
        part = {"monthly_budget_usd": budget, "name": f"{wanted.name} at {share(size)} of its size"}
        wanted = smaller(wanted, size).model_copy(update=part)
    watching = load_suite(suite) if suite else None
    asked = DEFAULT_GATE if gate is None else gate if isinstance(gate, Gate) else load_gate(gate)
    say(f"rehearsing {wanted.name} under {policy.name}")
    validation = validate_limits(wanted, policy, asked, replicates, seed)
    month = validation.month
    day = blocked_day(month, policy, seed=seed)
    signal: FirstSignal | None = None
    tried = what_if(wanted)
    if watching is not None and watch_runs and len(tried.incidents) == 1:
        say("watching for the first signal")
        signal = first_signal(tried, watching, replicates=watch_runs, seed=seed)
    say("playing the library of incidents")
    incidents = limit_incidents(
        given, library, replicates=1, size=size, seed=seed,
        budget_usd=wanted.monthly_budget_usd / size,
    )  # fmt: skip
    accounting = compare_accounting(wanted, seed=seed, **_accounted(size))
    better = None
    if recommend:
        say("searching for better limits")
        better = recommend_limits(
            wanted,
            policy,
            searched_gate(asked),
            count=candidates,
            seeds=search_seeds,
            check_seeds=8 if size == 1 else 2,
            seed=seed,
        )
    name = watching.name if watching is not None else ""
    lines = launch_lines(month, policy, signal, name)
    return LaunchRehearsal(validation, lines, day, incidents, accounting, better, name)


def _accounted(size: float) -> dict[str, Any]:
    """Fewer trials where a quick look is wanted."""
    return {} if size == 1 else {"trials": 20, "concurrency": [1, 10]}
