"""What a launch costs: a request of each feature, a user, the month."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from costsim.study.launch.runs import OPEN
from costsim.study.launch.statistics import estimate

if TYPE_CHECKING:
    from costsim.study import LimitsValidation


def cost_rows(found: LimitsValidation) -> list[dict[str, Any]]:
    """A row for a request of each feature, a user of it, a user, and the month.

    Parameters
    ----------
    found : LimitsValidation

    Returns
    -------
    list of dict
        of, without_usd (mean over the months), low_usd and high_usd (its 95% interval), and
        with_usd (mean under the limits: of a request, of those admitted).
    """
    scenario = found.month.scenario
    features = sorted(
        scenario.features,
        key=lambda name: -found.mean_of(f"feature.{name}.usd", OPEN),
    )
    rows = []
    for name in features:
        passes = scenario.features[name].passes
        each = f"feature.{name}.usd", f"feature.{name}.made"
        rows.append(_row(found, f"a request of {name}", *each, times=passes))
    for name in features:
        each = f"feature.{name}.usd", f"feature.{name}.users"
        rows.append(_row(found, f"a user of {name}, the month", *each))
    rows.append(_row(found, "an active user, the month", "month_usd", "active_users"))
    rows.append(_row(found, "the dearest user, the month", "worst_user_usd"))
    rows.append(_row(found, "the month", "month_usd"))
    return rows


def _row(
    found: LimitsValidation, of: str, usd: str, per: str | None = None, *, times: float = 1.0
) -> dict[str, Any]:
    values = {}
    for side, variant in (("without", OPEN), ("with", found.policy.name)):
        runs = found.runs[found.runs["variant"] == variant]
        dollars = runs[usd].to_numpy(float) * times
        by = np.ones(len(runs)) if per is None else runs[per].to_numpy(float)
        each = np.divide(dollars, by, out=np.full(len(runs), np.nan), where=by > 0)
        values[side] = estimate(each, "mean")
    without = values["without"]
    return {
        "of": of,
        "without_usd": without.value,
        "low_usd": without.low,
        "high_usd": without.high,
        "with_usd": values["with"].value,
    }
