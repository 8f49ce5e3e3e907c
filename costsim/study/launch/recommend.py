"""Recommend limits: search the caps of users, check the best on new seeds, say what flips it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from costsim.errors import SettingError
from costsim.limits import Policy
from costsim.simulation.loading import load_scenario
from costsim.simulation.run import downgrades_of, policy_of
from costsim.study.compiled_first import compile_first
from costsim.study.launch.first_month import FirstTask, first_rows
from costsim.study.launch.gate import Gate, load_gate, parse_gate
from costsim.study.launch.month import launch_month
from costsim.study.launch.recommendation import Recommendation
from costsim.study.launch.search import (
    Growth,
    SearchTask,
    halved,
    miss,
    ranked,
    search_rows,
)
from costsim.study.parallel import at_once, in_parallel
from costsim.study.seeds import study_seeds

if TYPE_CHECKING:
    import pandas as pd

    from costsim.simulation.scenario import Scenario

DEFAULT_GATE = parse_gate(
    {"chance_over_budget": "<= 0.05", "ordinary_blocked_share": "<= 0.02"},
    source="the usual requirements",
)
"""What is looked for without a gate: the budget kept, and ordinary users left in peace."""
FACTORS = (1.25, 1.5, 2.0)
"""Growth of tokens that a suggestion is tried on."""
GROWTHS = tuple(Growth(factor, heavy) for heavy in (False, True) for factor in FACTORS)
GROWN_SEEDS = 2
"""So many of the check's seeds are tried with each growth, too."""
NOT_SEARCHED = ("incident_", "overshoot_")
"""Measures that a search does not take."""
SEARCH, CHECK = 12, 13
"""Purposes of the seeds: those of the check had no part in the search."""


def recommend_limits(
    scenario: Scenario | str,
    limits: Policy | str | Path,
    gate: Gate | str | Path | None = None,
    *,
    count: int = 64,
    seeds: int = 20,
    check_seeds: int = 8,
    seed: int = 0,
    progress: Callable[[int], object] | None = None,
) -> Recommendation:
    """Search the hour, day and month caps of users for a launch's month.

    Parameters
    ----------
    scenario : Scenario or str
        Or the name or path that :func:`~costsim.simulation.load_scenario` takes.
    limits : Policy, str or path
        What the search begins from: all but the users' caps of dollars, and the organisation's
        month, stays. A cap on a request's size that refuses more than 5% of a feature's calls is
        left out, and the notes say so.
    gate : Gate, str or path, optional
        What the limits must meet; by default the budget kept in 95% of months, and at most 2% of
        ordinary users blocked.
    count : int
        Candidates, from 4 to 4096.
    seeds : int
        Months for the best of them, at least 4; the first of twenty sees every candidate.
    check_seeds : int
        Months that have no part in the search, at least 2: the suggestion is told by these.
    seed : int
        Of the study; not negative.
    progress : callable, optional
        Called with the candidates that a month was tried on.

    Returns
    -------
    Recommendation

    Raises
    ------
    SettingError
        Limits, gate or numbers that are not allowed; nothing has run then.

    Notes
    -----
    The suggestion is the best of those tried, on the scenario's assumptions. It is the candidate
    that misses the gate's bounds by the least; of those that meet them, the one that blocks the
    fewest active users.

    Examples
    --------
    >>> import costsim, joblib
    >>> from costsim.simulation.sizes import smaller
    >>> day = costsim.load_scenario("surprise-40k").model_copy(update={"days": 1, "week": None})
    >>> day = smaller(day, 0.05)
    >>> with joblib.parallel_config(n_jobs=1):
    ...     found = recommend_limits(day.model_copy(update={"incidents": {}}), "flat-caps",
    ...                              count=4, seeds=4, check_seeds=2)
    >>> len(found.to_frame()), found.suggested.name
    (4, 'flat-caps-suggested')
    """
    import pandas as pd

    if isinstance(scenario, str):
        scenario = load_scenario(scenario)
    base = policy_of(scenario, limits)
    assert base is not None
    wanted = DEFAULT_GATE if gate is None else gate if isinstance(gate, Gate) else load_gate(gate)
    check_search(count, seeds, check_seeds, seed)
    month = launch_month(scenario)
    wanted.check_names(month.scenario)
    for one in wanted.requirements:
        if one.column.startswith(NOT_SEARCHED):
            raise SettingError(f"{wanted.name}: {one.key} is not searched for; use validate_limits")
    downgrades = downgrades_of(month.scenario, base)
    searched_seeds = study_seeds(seed, SEARCH, seeds)
    compile_first(month.scenario)
    parts = at_once()
    first = FirstTask(month, base, downgrades, searched_seeds[0], count, seed)
    opened = list(
        in_parallel(first_rows, [first._replace(part=part, parts=parts) for part in range(parts)])
    )
    tried, notes = opened[0].tried, opened[0].notes
    begun = [row for one in opened for row in one.rows]
    searched = halved(month, tried, searched_seeds, begun, wanted, downgrades, progress)
    seen = searched.groupby("variant").size()
    last = [policy.name for policy in tried if seen[policy.name] == len(searched_seeds)]
    best = ranked(searched, last, wanted)[0]
    chosen = next(policy for policy in tried if policy.name == best)
    suggested = chosen.model_copy(
        update={
            "name": f"{base.name}-suggested",
            "title": f"Found for {month.scenario.name}",
            "account": "",
        }
    )
    tasks = [
        SearchTask(month, (base, suggested), downgrades, one, GROWTHS if at < GROWN_SEEDS else ())
        for at, one in enumerate(study_seeds(seed, CHECK, check_seeds))
    ]
    rows: list[dict[str, float | str]] = []
    tried_growths: dict[Growth, list[dict[str, float | str]]] = {one: [] for one in GROWTHS}
    for each in in_parallel(search_rows, tasks):
        rows += each.rows
        for growth, more in each.grown.items():
            tried_growths[growth] += more
    checked = pd.DataFrame(rows).sort_values(["variant", "seed"], ignore_index=True)
    own = checked[checked["variant"] == suggested.name]
    notes += _flips(suggested, wanted, own, tried_growths)
    return Recommendation(
        month, base, suggested, wanted, tuple(tried), searched, checked, wanted.judge(own),
        (f"The month is {month.words}.", *notes), seed,
    )  # fmt: skip


def check_search(count: int, seeds: int, check_seeds: int = 8, seed: int = 0) -> None:
    """Refuse a size of a search that :func:`recommend_limits` does not take, before it begins.

    Raises
    ------
    SettingError
    """
    for name, value, least, most in (
        ("count", count, 4, 4096),
        ("seeds", seeds, 4, 10_000),
        ("check_seeds", check_seeds, 2, 10_000),
        ("seed", seed, 0, 2**63 - 1),
    ):
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise SettingError(f"{name} must be an integer from {least} to {most}; got {value!r}")


def searched_gate(gate: Gate) -> Gate:
    """The requirements that a search can look for; the usual ones where there is none of them."""
    kept = tuple(one for one in gate.requirements if not one.column.startswith(NOT_SEARCHED))
    return Gate(gate.name, kept) if kept else DEFAULT_GATE


def _flips(
    suggested: Policy,
    gate: Gate,
    own: pd.DataFrame,
    found: Mapping[Growth, Sequence[Mapping[str, float | str]]],
) -> list[str]:
    """The assumptions that would turn the suggestion over, in words."""
    import pandas as pd

    held = [one for one in gate.requirements if not miss(one, own)]
    missed = [one for one in gate.requirements if miss(one, own)]
    it, stands = ("What it meets", "What it meets stands") if missed else ("It", "It stands")
    words = [
        f"Not met by any limits tried, and least missed here: {one.key} {one.relation} {one.asked}."
        for one in missed
    ]
    for heavy, who in ((False, "every call"), (True, "the calls of the heaviest 1% of users")):
        for factor in FACTORS:
            runs = pd.DataFrame(found[Growth(factor, heavy)])
            runs = runs[runs["variant"] == suggested.name]
            broken = [one for one in held if miss(one, runs)]
            if broken:
                told = (f"{one.key} {one.relation} {one.asked}" for one in broken)
                words.append(
                    f"{it} turns over if {who} had {factor:g} times the tokens: "
                    f"{' and '.join(told)} would no longer be met."
                )
                break
        else:
            if held:
                words.append(f"{stands} if {who} had up to {FACTORS[-1]:g} times the tokens.")
    return words
