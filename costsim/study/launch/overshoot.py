"""Look first and record afterwards, or reserve: what a cap lets through, and what holding costs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from costsim.errors import SettingError, UnknownNameError
from costsim.simulation.loading import load_scenario
from costsim.study.launch.accounting import AccountingComparison
from costsim.study.launch.candidates import two_digits
from costsim.study.launch.overshoot_trials import (
    DAY_SECONDS,
    Bench,
    CallMoments,
    Trials,
    bench_of,
    day_cap,
)
from costsim.study.launch.statistics import estimate

if TYPE_CHECKING:
    from costsim.limits import Policy
    from costsim.simulation.scenario import Scenario

CAP_CALLS = 40
"""Mean calls that the cap pays for, where none is given."""


def compare_accounting(
    scenario: Scenario | str,
    feature: str | None = None,
    *,
    cap_usd: float | None = None,
    concurrency: Sequence[float] = (0.1, 0.3, 1, 3, 10, 30),
    delay_seconds: Sequence[float] = (0, 3600),
    hold_quantile: float = 0.95,
    trials: int = 100,
    seed: int = 0,
    progress: Callable[[int], object] | None = None,
) -> AccountingComparison:
    """What one cap of dollars lets through, by how calls are accounted.

    Four ways on the same calls: look whether the cap is reached and record each call when it ends;
    the same with a delay of the records; reserve the most that a call can cost; and reserve a
    quantile of its answer's length.

    Parameters
    ----------
    scenario : Scenario or str
        Or its name or path.
    feature : str, optional
        Whose calls; by default that with the dearest mean call.
    cap_usd : float, optional
        Cap of a day, above the dearest call; by default 40 mean calls in round dollars.
    concurrency : sequence of float
        Calls in flight on average, above 0.
    delay_seconds : sequence of float
        From a call's end to its record, for looking first; at least 0.
    hold_quantile : float
        Of the answers' lengths, above 0 and below 1.
    trials : int
        Days of each, at least 10.
    seed : int
        Not negative.
    progress : callable, optional
        Called with 1 after each concurrency.

    Returns
    -------
    AccountingComparison

    Raises
    ------
    SettingError
        Numbers that are not allowed, or a cap that is not reached within a day.

    Notes
    -----
    Calls come as a Poisson process from one caller who goes on when refused and never tries again.
    The formula is that of renewal theory, for costs without a lattice and a cap of many calls;
    its moments come from draws that no trial sees.

    Examples
    --------
    >>> found = compare_accounting("surprise-40k", concurrency=[1, 10], trials=20)
    >>> bool((found.of("reserve", "most")["overshoot_usd"] == 0).all())
    True
    """
    if isinstance(scenario, str):
        scenario = load_scenario(scenario)
    name = dearest(scenario) if feature is None else feature
    if name not in scenario.features:
        raise UnknownNameError("feature", name, scenario.features)
    _check(concurrency, delay_seconds, hold_quantile, trials, seed, cap_usd)
    bench = bench_of(scenario, name, trials, seed)
    moments = bench.moments()
    cap = two_digits(CAP_CALLS * moments.usd) if cap_usd is None else float(cap_usd)
    ways, excess_usd, hold_tokens = _ways(bench, cap, delay_seconds, hold_quantile)
    rows = []
    for number, flying in enumerate(concurrency):
        rate = flying / moments.seconds
        seconds = _span(cap, moments, rate, max(delay_seconds, default=0.0))
        intents = bench.intents(rate, seconds, number + 2)
        for (accounting, hold, delay), policy in ways.items():
            found = bench.run(intents, policy)
            if accounting == "check" and not found.closed.all():
                raise SettingError(f"cap_usd must be reached within a day; {cap:g} is not always")
            row: dict[str, Any] = {"accounting": accounting, "hold": hold, "delay_seconds": delay}
            row |= {"concurrency": float(flying), "calls_per_hour": rate * 3600}
            row |= _told(found, cap)
            wanted = moments.overshoot_usd(rate, delay) if accounting == "check" else float("nan")
            row["formula_usd"] = wanted
            row["bound_usd"] = row["most_open"] * excess_usd[hold] if hold else float("nan")
            rows.append(row)
        if progress:
            progress(1)
    return AccountingComparison(
        scenario, name, cap, hold_quantile, hold_tokens, trials, seed, moments, rows
    )


def dearest(scenario: Scenario) -> str:
    """The feature whose calls cost the most on average, by closed form."""
    frame = scenario.expected().to_frame().dropna(subset=["usd_per_call"])
    return str(frame["feature_name"].iloc[int(frame["usd_per_call"].argmax())])


def loosest(scenario: Scenario) -> str:
    """The feature whose answers may be the longest for their usual length: its holds are loose.

    Examples
    --------
    >>> loosest(load_scenario("surprise-40k"))
    'support_chat'
    """
    most = day_cap(1.0).request.max_output_tokens

    def room(name: str) -> float:
        law = scenario.features[name].output_tokens
        return min(law.max or most, most) / law.expected

    return max(scenario.features, key=room)


def _ways(
    bench: Bench, cap: float, delays: Sequence[float], quantile: float
) -> tuple[dict[tuple[str, str, float], Policy], dict[str, float], dict[str, int]]:
    """Limits by (accounting, hold, delay); dollars beyond each hold, at most; tokens held."""
    law = bench.scenario.features[bench.feature].output_tokens
    most = law.max
    if most is None:
        most = day_cap(cap).request.max_output_tokens
    lengths = np.minimum(bench.draw(100_000, 1).output_tokens, most)
    hold = int(np.quantile(lengths, quantile, method="higher"))
    ways = {}
    for delay in delays:
        given = {"accounting": "check", "recording_delay_seconds": delay, "lease_seconds": 86_400}
        request = {"max_output_tokens": most}
        ways["check", "", float(delay)] = day_cap(cap, request=request, **given)
    for name, tokens in (("most", most), ("quantile", hold)):
        if name == "quantile" and hold == most:
            continue  # so many answers are cut at the most that it is the quantile too
        request = {"max_output_tokens": most, "hold_output_tokens": tokens}
        policy = day_cap(cap, request=request, lease_seconds=86_400)
        ways["reserve", name, 0.0] = policy
    none = np.zeros(1, np.int64)
    # by the price of the longest level too: input is held whole, so only the answer can exceed
    top = bench.scenario.features[bench.feature].input_tokens.max or 1
    beyond = [
        int(bench.cost(tokens, none, none + most)[0] - bench.cost(tokens, none, none + hold)[0]) + 1
        for tokens in (none + 1, none + top)
    ]
    tokens_held = {"most": most, "quantile": hold}
    return ways, {"most": 0.0, "quantile": max(beyond) / 1e9}, tokens_held


def _told(found: Trials, cap: float) -> dict[str, float]:
    spent = found.spent / 1e9
    over = np.maximum(spent - cap, 0.0)
    mean = estimate(over, "mean")
    return {
        "spent_usd": float(spent.mean()),
        "overshoot_usd": mean.value,
        "overshoot_low_usd": max(mean.low, 0.0),
        "overshoot_high_usd": mean.high,
        "worst_usd": float(over.max()),
        "open_excess_usd": float(found.open_excess.max() / 1e9),
        "most_open": int(found.most_open.max()),
        "hold_denied_share": float(found.hold_denied.sum() / max(found.tried.sum(), 1)),
    }


def _span(cap: float, moments: CallMoments, rate: float, delay: float) -> float:
    """Seconds until the cap is reached and known to be, as good as surely."""
    calls = cap / moments.usd
    spread = sqrt(calls * moments.usd2 / moments.usd**2)
    seconds = (calls + 6 * spread + 6) / rate + delay + 12 * moments.seconds
    if seconds > DAY_SECONDS:
        raise SettingError(
            f"cap_usd must be reached and recorded within a day; {cap:g} takes up to "
            f"{seconds / 3600:.0f} hours at {rate * 3600:.3g} calls an hour"
        )
    return seconds


def _check(
    concurrency: Sequence[float], delays: Sequence[float], quantile: float, trials: int,
    seed: int, cap: float | None,
) -> None:  # fmt: skip
    for name, values, low in (("concurrency", concurrency, 0.0), ("delay_seconds", delays, -1.0)):
        if not len(values) or not all(low < value < 1e6 for value in values):
            least = "above 0" if name == "concurrency" else "at least 0"
            raise SettingError(f"{name} must be numbers {least}; got {list(values)!r}")
    if min(delays) < 0:
        raise SettingError(f"delay_seconds must be numbers at least 0; got {list(delays)!r}")
    if not 0 < quantile < 1:
        raise SettingError(f"hold_quantile must be above 0 and below 1; got {quantile!r}")
    for name, number, least_int in (("trials", trials, 10), ("seed", seed, 0)):
        if not isinstance(number, int) or isinstance(number, bool) or number < least_int:
            raise SettingError(f"{name} must be an integer of at least {least_int}; got {number!r}")
    if cap is not None and not cap > 0:
        raise SettingError(f"cap_usd must be above 0; got {cap!r}")
