"""Alerts: one message an incident, delivered by apprise to Slack, mail, PagerDuty and others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from costsim.errors import AlertError, SettingError

if TYPE_CHECKING:
    from apprise import Apprise

    from costsim.tracking.budget import BudgetNews

Kind = Literal["new", "grown", "ended"]


@dataclass(frozen=True)
class Alert:
    """What people are told of one incident.

    Attributes
    ----------
    kind : {"new", "grown", "ended"}
    title : str
        One line.
    lines : tuple of str
        Start, cause, culprits, dollars, and where to look.
    start, known_at, end : datetime
        Aware.
    feature, cause : str or None
    culprits : str
        Users and their dollars, masked unless asked.
    excess_usd : float or None
        Above the weeks before, from `start` to `end`; None where no call was made.
    usd_per_hour : float or None
        Above them in the last three hours to `end`.
    detectors : tuple of str
        The first to speak first.
    look : str
        Command that shows it.
    """

    kind: Kind
    title: str
    lines: tuple[str, ...]
    start: datetime
    known_at: datetime
    end: datetime
    feature: str | None
    cause: str | None
    culprits: str
    excess_usd: float | None
    usd_per_hour: float | None
    detectors: tuple[str, ...]
    look: str

    def __str__(self) -> str:
        return "\n".join([self.title, *(f"  {line}" for line in self.lines)])


def courier(urls: Sequence[str]) -> Apprise:
    """Who delivers to some addresses, such as ``slack://...``, ``mailto://...`` or ``json://...``.

    Raises
    ------
    SettingError
        An address that apprise does not know, or apprise is not installed.

    Examples
    --------
    >>> len(courier(["json://localhost:8080/alerts"]))
    1
    """
    try:
        from apprise import Apprise
    except ImportError as error:
        raise SettingError(
            "notify needs apprise, which is not installed: pip install 'costsim[notify]'"
        ) from error
    found = Apprise()
    for url in urls:
        if not found.add(url):
            raise SettingError(
                f"notify must be an address that apprise knows, such as slack://...; got "
                f"{_scheme(url)}://..."
            )
    return found


def deliver(alerts: Iterable[Alert | BudgetNews], to: Apprise) -> int:
    """Deliver alerts, and news of the budget, one message each.

    Returns
    -------
    int
        How many were delivered.

    Raises
    ------
    AlertError
        An address did not take its message. Addresses hold secrets and are not named whole.
    """
    from apprise import NotifyType

    types = {"new": NotifyType.FAILURE, "grown": NotifyType.WARNING, "ended": NotifyType.SUCCESS}
    sent = 0
    for alert in alerts:
        body = "\n".join(alert.lines)
        if not to.notify(body=body, title=alert.title, notify_type=types[alert.kind]):
            kinds = ", ".join(sorted({_scheme(url) for url in to.urls(privacy=True)}))
            raise AlertError(
                f"an alert was not taken by every address ({kinds}); it counts as not told, and "
                "the next watch tries again"
            )
        sent += 1
    return sent


def _scheme(url: str) -> str:
    """What kind of address it is; the rest may be a secret."""
    scheme, separator, _ = url.partition("://")
    return scheme if separator and scheme.isalnum() else "(no scheme)"
