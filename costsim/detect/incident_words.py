"""An incident in words that pages and messages share: its cause, and who brought it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from costsim.show.formats import UNKNOWN, count, usd
from costsim.show.mask import mask_users

if TYPE_CHECKING:
    from costsim.detect.incidents import Incident

CAUSES: Final = {
    "volume": "more requests",
    "retries": "more attempts a request",
    "tokens": "more tokens a call",
    "model": "dearer models",
    "cache": "less read from the cache",
    "price": "a dearer price",
    "silence": "no call with a price",
}


def rate_words(rate: float) -> str:
    """So many false alarms a month, in words.

    Examples
    --------
    >>> rate_words(1.0), rate_words(0.5)
    ('1 false alarm a month', '0.5 false alarms a month')
    """
    return f"{rate:g} false alarm{'s' * (rate != 1)} a month"


def cause_words(incident: Incident) -> str:
    """The cause in words; of a feature that was not there before, that."""
    drivers = incident.drivers
    if drivers is None:
        return CAUSES["silence"]
    if incident.silent:
        less = f"{usd(-incident.excess_usd)} less spent" if incident.excess_usd < 0 else UNKNOWN
        return f"calls stayed away, {less}"
    if drivers.feature is None:
        return f"{usd(-incident.excess_usd)} less spent" if incident.excess_usd < 0 else UNKNOWN
    if incident.cause == "volume" and drivers.features["before_usd"].iloc[0] == 0:
        return "a new feature"
    return CAUSES[str(incident.cause)]


def culprit_words(incident: Incident, *, show_users: bool = False) -> str:
    """Users who each bring a tenth of the rise or more, with their dollars, dearest first.

    Where nobody does, the dearest of those who rose.
    """
    if incident.drivers is None or incident.silent:
        return ""
    users = incident.drivers.users
    mine = users[users["feature_name"] == incident.feature]
    found = incident.drivers.culprits
    rows = found if len(found) else mine.head(1)
    ids = rows["user_id"].tolist()
    names = ids if show_users else mask_users(ids)
    said = ", ".join(f"{n} {usd(d)}" for n, d in zip(names, rows["change_usd"], strict=True))
    if len(found) or not said:
        return said
    return f"spread over {count(len(mine))} users; dearest {said}"
