"""One month under limits in named numbers: dollars, who was blocked, what refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from costsim.study.launch.tally import reason_names

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from costsim.limits import Policy
    from costsim.simulation.loop_tables import LoopTables
    from costsim.simulation.scenario import Scenario
    from costsim.study.launch.tally import LimitTally

    Bools = NDArray[np.bool_]


class Intended(NamedTuple):
    """What users meant to do in the month, whatever the limits.

    `calls` are intended calls, shape (streams, users); `extra` says which streams are there
    because of an incident; `reaction` is each stream's archetype.
    """

    calls: NDArray[np.int64]
    extra: Bools
    reaction: tuple[str, ...]

    @property
    def active(self) -> Bools:
        """Users who mean to call at all."""
        return np.asarray((self.calls > 0).any(axis=0))

    @property
    def ordinary(self) -> Bools:
        """Active users who have no part in what an incident brought."""
        return np.asarray(self.active & ~(self.calls[self.extra] > 0).any(axis=0))


def intended(calls: NDArray[np.int64], tables: LoopTables) -> Intended:
    """See :class:`Intended`; `calls` of shape (streams, users)."""
    extra = [_extra(tables.scenario, *stream) for stream in tables.streams]
    known = tables.scenario.features
    names = []
    for feature, cohort in tables.streams:
        own = known[feature].cohorts.get(cohort)
        names.append((own.reaction if own else None) or known[feature].reaction)
    return Intended(calls, np.array(extra, bool), tuple(names))


def measures(
    found: LimitTally, wanted: Intended, tables: LoopTables, policy: Policy | None
) -> dict[str, float]:
    """A run in numbers, by name.

    Parameters
    ----------
    found : LimitTally
        Of the run under the limits.
    wanted : Intended
    policy : Policy or None
        The limits.

    Returns
    -------
    dict of str to float
        month_usd and week_usd; over_budget (1 where the month costs more than the scenario's
        budget); active_users; worst_user_usd; denied, hold_denied (by open reservations
        alone; hold_denied_share of all attempts), downgraded, retries (attempts) and unsent
        (calls that users who had left did not make); blocked_share (of active users, who were
        denied at least once), ordinary_blocked_share (of those without a part in an incident)
        and left_share; the same by ``tier.NAME.`` and ``reaction.NAME.``; for each feature
        ``feature.NAME.`` with blocked_share (of those who meant to use it, denied in it),
        users, denied, downgraded, calls, made (admitted in the month) and usd, and by tier; and
        ``refused_by.SCOPE.WINDOW``.
    """
    month = found.month_nano.sum(axis=0)
    blocked = np.asarray((found.denied > 0).any(axis=0))
    active, ordinary = wanted.active, wanted.ordinary
    budget = tables.scenario.monthly_budget_usd
    sent = int(found.calls.sum() + found.retries.sum())
    row: dict[str, float] = {
        "month_usd": int(month.sum()) / 1e9,
        "week_usd": int(found.week_nano.sum()) / 1e9,
        "over_budget": float(month.sum() > budget * 1e9),
        "active_users": int(active.sum()),
        "worst_user_usd": int(month.max()) / 1e9,
        "denied": int(found.denied.sum()),
        "hold_denied": int(found.holds.sum()),
        "hold_denied_share": int(found.holds.sum()) / sent if sent else 0.0,
        "downgraded": int(found.downgraded.sum()),
        "retries": int(found.retries.sum()),
        "unsent": int(found.unsent.sum()),
        "blocked_share": _share(blocked, active),
        "ordinary_blocked_share": _share(blocked, ordinary),
        "left_share": _share(np.asarray((found.unsent > 0).any(axis=0)), active),
    }
    tier_of = tables.arrays.tier_of
    for number, tier in enumerate(tables.tiers):
        there = tier_of == number
        row[f"tier.{tier}.ordinary_blocked_share"] = _share(blocked, ordinary & there)
        row[f"tier.{tier}.denied"] = int(found.denied[:, there].sum())
        row[f"tier.{tier}.downgraded"] = int(found.downgraded[:, there].sum())
    for name in sorted(set(wanted.reaction)):
        streams = np.array([one == name for one in wanted.reaction])
        those = ordinary & (wanted.calls[streams] > 0).any(axis=0)
        denied = (found.denied[streams] > 0).any(axis=0)
        row[f"reaction.{name}.ordinary_blocked_share"] = _share(denied, those)
    for feature in tables.features:
        streams = np.array([one == feature for one, _ in tables.streams])
        denied, down = found.denied[streams], found.downgraded[streams]
        meant = (wanted.calls[streams] > 0).any(axis=0)
        row[f"feature.{feature}.blocked_share"] = _share((denied > 0).any(axis=0), meant)
        row[f"feature.{feature}.users"] = int(meant.sum())
        row[f"feature.{feature}.denied"] = int(denied.sum())
        row[f"feature.{feature}.downgraded"] = int(down.sum())
        row[f"feature.{feature}.calls"] = int(found.calls[streams].sum())
        row[f"feature.{feature}.made"] = int(found.made[streams].sum())
        row[f"feature.{feature}.usd"] = int(found.month_nano[streams].sum()) / 1e9
        for number, tier in enumerate(tables.tiers):
            there = tier_of == number
            row[f"feature.{feature}.tier.{tier}.denied"] = int(denied[:, there].sum())
    for (scope, window), counts in zip(reason_names(policy), found.reasons, strict=True):
        name = f"refused_by.{scope}.{window}"
        row[name] = row.get(name, 0) + int(counts.sum())
    return row


def _share(which: Bools, among: Bools) -> float:
    """Missing where there is nobody."""
    count = int(among.sum())
    return float((which & among).sum() / count) if count else float("nan")


def _extra(scenario: Scenario, feature: str, cohort: str) -> bool:
    """Whether the users of a stream have a part in what an incident brought."""
    for incident in scenario.incidents_of(feature).values():
        if incident.adds_all or (incident.cohort is not None and incident.cohort == cohort):
            return True
    return False
