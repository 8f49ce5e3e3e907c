"""Whether somebody has tried the cheaper models that limits send calls to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costsim.study.launch.gate import GateLine, Requirement
from costsim.study.launch.statistics import Estimate
from costsim.toml_writing import toml_key

if TYPE_CHECKING:
    from costsim.limits import Policy


def route_lines(policy: Policy, *, waived: bool, gated: bool) -> tuple[GateLine, ...]:
    """A line for each downgrade route: FAIL where it is neither evaluated nor waived.

    Parameters
    ----------
    waived : bool
        Let all of them pass.
    gated : bool
        Tell of those that pass, too; without a gate only those that fail are told.

    Examples
    --------
    >>> from costsim.limits import parse_limits
    >>> policy = parse_limits({"name": "mine", "feature": {"chat": {"downgrade_to": ["mini"]}}})
    >>> [line] = route_lines(policy, waived=False, gated=False)
    >>> print(line.words)
    FAIL feature.chat.route.mini.evaluated: nobody has tried whether mini does the work; write a
    table [feature.chat.evaluated.mini] with on and how, or waived with the reason
    """
    found = []
    for feature, caps in policy.feature.items():
        for model in caps.downgrade_to:
            wanted = Requirement(f"feature.{feature}.route.{model}.evaluated", "", "mean", ">=", 1)
            tried = caps.evaluated.get(model)
            if tried is not None and tried.waived.strip():
                note = f"waived: {tried.waived}"
            elif tried is not None:
                note = f"on {tried.on}: {tried.how}"
            elif waived:
                note = "not evaluated, and waived for this check"
            else:
                table = f"feature.{toml_key(feature)}.evaluated.{toml_key(model)}"
                note = (
                    f"nobody has tried whether {model} does the work; write a table [{table}] with "
                    "on and how, or waived with the reason"
                )
            fails = tried is None and not waived
            if fails or gated:
                value = 0.0 if tried is None or tried.waived.strip() else 1.0
                verdict = "FAIL" if fails else "PASS"
                measured = Estimate(value, value, value)
                found.append(GateLine(wanted, measured, verdict, None, note))  # type: ignore[arg-type]
    return tuple(found)
