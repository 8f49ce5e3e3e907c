"""A blocked user's day, hour by hour: one in the middle of all that was refused."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from costsim.limits import Policy
from costsim.limits.core import NO_LIMIT
from costsim.limits.rules import rules_of
from costsim.show.formats import count, day, usd
from costsim.show.mask import mask_user
from costsim.simulation.admission import Attempts
from costsim.simulation.calendar import HOUR_US
from costsim.simulation.kernel_layout import ADMITTED, DENIED, TOO_LARGE
from costsim.simulation.loop_tables import DAY_BITS, INDEX_BITS
from costsim.simulation.run import downgrades_of
from costsim.study.launch.month import LaunchMonth
from costsim.study.launch.rehearsal import Rehearsal
from costsim.study.launch.tally import reason_names
from costsim.study.seeds import study_seeds

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from costsim.show.cards import Card, Ribbon

PURPOSE = 15
"""Of the seed."""


@dataclass(frozen=True, repr=False)
class BlockedDay:
    """One user's calls of a day on which limits refused some.

    ``frame`` has a row a local hour: hour, wanted (calls of the feature), answered and refused
    (attempts of it), and spent_usd (of all calls since midnight, by the end of the hour).
    `other_calls` are those of other features. `first_refused` is the local hour and
    minute, `why` the cap that refused the most, in words; `of_feature` are calls of the feature
    wanted and answered, `others` how many users it refused that day.
    """

    policy: Policy
    scenario: str
    seed: int
    user: str
    tier: str
    feature: str
    on: date
    frame: pd.DataFrame
    cap_usd: float | None
    first_refused: str
    why: str
    others: int
    of_feature: tuple[int, int]
    other_calls: int

    @property
    def headline(self) -> str:
        """What the day was like, in a sentence."""
        wanted, answered = self.of_feature
        return (
            f"{day(self.on)}: {mask_user(self.user)} asked for {self.feature} "
            f"{_number(wanted, 'time')} and got {_number(answered, 'answer')}."
        )

    @property
    def words(self) -> str:
        """Who this is, when the first refusal came, and from which cap."""
        tier = f" of tier {self.tier}" if self.tier else ""
        spent = usd(self.frame["spent_usd"].iloc[-1])
        return (
            f"{count(self.others)} users were refused {self.feature} that day. This one{tier} is "
            "in the middle: half of what was refused was wanted by users who wanted no more. The "
            f"first refusal came at {self.first_refused}; most came from {self.why}. By midnight "
            f"the user had spent {spent}, {count(self.other_calls)} calls of other features "
            "included."
        )

    @property
    def ribbon(self) -> Ribbon:
        """SIMULATED, with the scenario and the seed."""
        from costsim.show.cards import Ribbon

        return Ribbon(
            "SIMULATED", f"{self.scenario} under {self.policy.name}, study seed {self.seed}"
        )

    @property
    def card(self) -> Card:
        """The day as a card."""
        from costsim.show.cards import Card

        return Card(self.headline, (self.words,), self.ribbon, "info", ".plot(), .frame")

    def plot(self, ax: Any = None) -> Axes:
        """Attempts answered and refused by hour, and dollars spent since midnight."""
        from costsim.show import figures

        return figures.blocked_hours(
            self.frame,
            title=f"A blocked user's day: {day(self.on)}",
            of=self.feature,
            cap_usd=self.cap_usd,
            ribbon=self.ribbon,
            ax=ax,
        )

    def __repr__(self) -> str:
        return f"BlockedDay({self.headline}) next: .plot(), .frame"

    def _repr_html_(self) -> str:
        return self.card._repr_html_()


class _Day(NamedTuple):
    number: int
    attempts: Attempts


def blocked_day(month: LaunchMonth, policy: Policy, *, seed: int = 0) -> BlockedDay | None:
    """The day of one blocked user in a launch's month; None where nobody is blocked.

    Of the feature with the largest share of blocked users, on the day of the scenario's week on
    which most of them are, the user of the refused call in the middle, by what users wanted.

    Parameters
    ----------
    month : LaunchMonth
    policy : Policy
    seed : int
        Of the study; not negative.

    Examples
    --------
    >>> import costsim
    >>> from costsim.study.launch.incidents import incident_week
    >>> week = incident_week(costsim.load_scenario("night-script").model_copy(update={"days": 30}))
    >>> found = blocked_day(week, costsim.load_limits("flat-caps"))
    >>> bool(found.frame["refused"].sum() > 0)
    True
    """
    [one] = study_seeds(seed, PURPOSE, 1)
    rehearsal = Rehearsal(month, one, downgrades_of(month.scenario, policy))
    tables, loop = rehearsal.tables, rehearsal.loop(policy)
    of_stream = np.array([tables.features.index(name) for name, _ in tables.streams])
    first, after = month.week
    week: list[_Day] = []
    for number, part in enumerate(rehearsal, start=month.days[0]):
        if number >= after:
            break
        attempts = loop.day(part.intents, part.end_us)
        if number >= first:
            week.append(_Day(number, attempts))
    refused, meant = (np.zeros((len(tables.features), len(tables.users)), bool) for _ in range(2))
    for _, attempts in week:
        wanted = of_stream[attempts.sequence >> (DAY_BITS + INDEX_BITS)]
        denied = attempts.outcome == DENIED
        meant[wanted, attempts.user] = True
        refused[wanted[denied], attempts.user[denied]] = True
    if not refused.any():
        return None
    feature = int(np.argmax(refused.sum(axis=1) / np.maximum(meant.sum(axis=1), 1)))
    picked: list[tuple[int, _Day]] = []
    for each in week:
        attempts = each.attempts
        mine = of_stream[attempts.sequence >> (DAY_BITS + INDEX_BITS)] == feature
        blocked = np.unique(attempts.user[mine & (attempts.outcome == DENIED)])
        picked.append((len(blocked), each))
    others, chosen = max(picked, key=lambda item: item[0])
    attempts = chosen.attempts
    mine = of_stream[attempts.sequence >> (DAY_BITS + INDEX_BITS)] == feature
    users = len(tables.users)
    wanted = np.bincount(attempts.user[mine & (attempts.attempt == 1)], minlength=users)
    denied = np.bincount(attempts.user[mine & (attempts.outcome == DENIED)], minlength=users)
    order = np.argsort(wanted, kind="stable")
    whole = np.cumsum(denied[order])
    user = int(order[np.searchsorted(whole, whole[-1] / 2)])
    own = mine & (attempts.user == user)
    got = int((own & (attempts.outcome == ADMITTED)).sum())
    return _told(rehearsal, policy, chosen, user, feature, others, seed, (int(wanted[user]), got))


def _told(
    rehearsal: Rehearsal, policy: Policy, chosen: _Day, user: int, feature: int, others: int,
    seed: int, of_feature: tuple[int, int],
) -> BlockedDay:  # fmt: skip
    import pandas as pd

    tables, calendar = rehearsal.tables, rehearsal.month.scenario.calendar
    start, end = calendar.day_range_us(chosen.number)
    own = chosen.attempts.where(chosen.attempts.user == user)
    length = -(-(end - start) // HOUR_US)
    hour = np.minimum((own.time_us - start) // HOUR_US, length - 1)

    def by_hour(where: Any, weights: Any = None) -> Any:
        values = None if weights is None else weights[where]
        return np.bincount(hour[where], values, minlength=length)

    answered, refused = own.outcome == ADMITTED, own.outcome == DENIED
    of_stream = np.array([tables.features.index(name) for name, _ in tables.streams])
    mine = of_stream[own.sequence >> (DAY_BITS + INDEX_BITS)] == feature
    frame = pd.DataFrame(
        {
            "hour": np.arange(length),
            "wanted": by_hour(mine & (own.attempt == 1)),
            "answered": by_hour(mine & answered),
            "refused": by_hour(mine & refused),
            "spent_usd": np.cumsum(by_hour(answered, own.total_nano)) / 1e9,
        }
    )
    name = tables.users[user]
    tier = tables.tiers[int(tables.arrays.tier_of[user])] if tables.tiers else ""
    reasons, counts = np.unique(own.reason[mine & refused], return_counts=True)
    reason = int(reasons[np.argmax(counts)])
    first_us = int(own.time_us[mine & refused][0]) - start
    clock = timedelta(microseconds=first_us)
    minutes = int(clock.total_seconds()) // 60
    return BlockedDay(
        policy=policy,
        scenario=rehearsal.month.scenario.name,
        seed=seed,
        user=name,
        tier=tier,
        feature=tables.features[feature],
        on=calendar.date_of(chosen.number),
        frame=frame,
        cap_usd=_day_cap(policy, name, tier),
        first_refused=f"{minutes // 60:02d}:{minutes % 60:02d}",
        why=_why(policy, reason, name, tier),
        others=others,
        of_feature=of_feature,
        other_calls=int((~mine & (own.attempt == 1)).sum()),
    )


def _day_cap(policy: Policy, user: str, tier: str) -> float | None:
    """Dollars that a user may take in a day."""
    for rule in rules_of(policy):
        if rule.scope == "user" and rule.cap == "day_usd":
            limit = rule.limit_of(user, tier or None)
            return None if limit == NO_LIMIT else limit / 1e9
    return None


def _why(policy: Policy, reason: int, user: str, tier: str) -> str:
    """The cap that refused, in words."""
    if reason == TOO_LARGE:
        return f"the cap of {policy.request.max_input_tokens:,} input tokens a request"
    if reason < 0:
        scope, window = reason_names(policy)[reason + 3]
        return f"{scope} {window}"
    rule = rules_of(policy)[reason]
    whose = "the user's own" if rule.scope == "user" else f"the {rule.scope}'s"
    limit = rule.limit_of(user if rule.scope == "user" else "", tier or None)
    if rule.cap == "open_calls":
        return f"{whose} cap of {limit:,} calls in flight"
    window, what = rule.cap.split("_")
    amount = usd(limit / 1e9) if what == "usd" else f"{limit:,} {what}"
    article = "an" if window == "hour" else "a"
    return f"{whose} cap of {amount} {article} {window}"


def _number(number: int, what: str) -> str:
    """How many of something.

    Examples
    --------
    >>> _number(0, "answer"), _number(1, "answer"), _number(30, "time")
    ('no answer', 'one answer', '30 times')
    """
    if number in (0, 1):
        return f"{'no' if number == 0 else 'one'} {what}"
    return f"{count(number)} {what}s"
