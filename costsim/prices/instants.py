"""Moments in time as whole microseconds since 1970 UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from costsim.errors import SettingError

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
DAY_US: Final = 86_400_000_000
_MICROSECOND: Final = timedelta(microseconds=1)


def to_microseconds(moment: datetime | date | str, name: str) -> int:
    """Turn a moment into microseconds since 1970 UTC; a bare date is its midnight in UTC.

    Raises
    ------
    SettingError
        Not a date, or a time without a time zone; `name` is what the message calls it.

    Examples
    --------
    >>> to_microseconds("1970-01-02", "at")
    86400000000
    """
    given = moment
    if isinstance(moment, str):
        try:
            moment = (
                datetime.fromisoformat(moment) if len(moment) > 10 else date.fromisoformat(moment)
            )
        except ValueError:
            raise SettingError(f"{name} must be an ISO date or time; got {given!r}") from None
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment, time(tzinfo=UTC))
    if moment.tzinfo is None:
        raise SettingError(f"{name} must have a time zone, as in 2024-10-02T00:00Z; got {given!s}")
    return (moment - EPOCH) // _MICROSECOND


def from_microseconds(instant_us: int) -> datetime:
    """Turn microseconds since 1970 back into an aware UTC time.

    Examples
    --------
    >>> from_microseconds(86_400_000_000).isoformat()
    '1970-01-02T00:00:00+00:00'
    """
    return EPOCH + timedelta(microseconds=instant_us)
