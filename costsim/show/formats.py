"""Numbers as text: dollars, shares, counts, spans and times.

All roundings are half up (away from zero), on the decimal that Python prints for the number:
2.675 is read as 2.675 and gives $2.68, though its binary value lies below. What is unknown
(``None``, NaN, NaT) is "–", never 0; only an exact zero is shown as 0.
"""

from __future__ import annotations

import math
import numbers
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from costsim.errors import DataError

UNKNOWN = "–"
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_SUFFIXES = ((12, "T"), (9, "B"), (6, "M"), (3, "k"))


def is_unknown(value: Any) -> bool:
    """Whether a value is ``None``, NaN, NaT or ``pandas.NA``.

    Examples
    --------
    >>> is_unknown(float("nan")), is_unknown(0)
    (True, False)
    """
    if value is None or type(value).__name__ in {"NAType", "NaTType"}:
        return True
    return isinstance(value, (float, Decimal)) and math.isnan(value)


def _decimal(value: Any) -> Decimal:
    if isinstance(value, Decimal):
        return value
    if isinstance(value, numbers.Integral):
        return Decimal(int(value))
    return Decimal(repr(float(value)))


def _round(value: Decimal, places: int) -> Decimal:
    if value.adjusted() + places > 24:  # beyond the decimal context; nothing to round there
        return value
    rounded = value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)
    return abs(rounded) if rounded == 0 else rounded  # no "-0"


def _significant(value: Decimal, digits: int) -> Decimal:
    """Round to a number of significant digits; never to more than whole numbers need."""
    rounded = _round(value, digits - 1 - value.adjusted())
    return _round(value, digits - 1 - rounded.adjusted())  # .0995 -> .10, not .100


def _dollars(number: Decimal, text: str) -> str:
    return f"-${text.removeprefix('-')}" if number < 0 else f"${text}"


def usd(value: Any, *, decimals: int | None = None) -> str:
    """Dollars in full: whole from $100, cents below, two significant digits below ten cents.

    Parameters
    ----------
    value : number or None
        US dollars.
    decimals : int, optional
        Fixed number of decimals instead.

    Examples
    --------
    >>> usd(38085.4), usd(2.6), usd(0.0031), usd(0), usd(None)
    ('$38,085', '$2.60', '$0.0031', '$0', '–')
    """
    if is_unknown(value):
        return UNKNOWN
    number = _decimal(value)
    if number.is_infinite():
        return _dollars(number, "∞")
    if decimals is not None:
        return _dollars(number, f"{_round(number, decimals):,f}")
    if number == 0:
        return "$0"
    cents = _round(number, 2)
    if abs(cents) >= 100:
        return _dollars(number, f"{_round(number, 0):,f}")
    if abs(number) >= Decimal("0.1"):
        return _dollars(number, f"{cents:,f}")
    small = _significant(number, 2)
    return _dollars(number, f"{small:,f}")


def _short(number: Decimal) -> str:
    """Two significant digits with k, M, B, T; three digits stay below each suffix."""
    size = _significant(number, 2) if abs(number) < 100 else _round(number, 0)
    for power, suffix in _SUFFIXES:
        if abs(size) >= Decimal(10) ** power:
            scaled = number.scaleb(-power)
            scaled = _significant(scaled, 2) if abs(scaled) < 10 else _round(scaled, 0)
            if abs(scaled) >= 1000 and suffix != "T":  # 999,600 -> 1M, not 1000k
                return (
                    f"{1 if scaled > 0 else -1}{_SUFFIXES[_SUFFIXES.index((power, suffix)) - 1][1]}"
                )
            text = f"{scaled:,f}"
            return (text.rstrip("0").rstrip(".") if "." in text else text) + suffix
    return f"{size:,f}"


def usd_short(value: Any) -> str:
    """Dollars for axes and labels.

    Examples
    --------
    >>> usd_short(1234), usd_short(38085), usd_short(640.2), usd_short(2.6), usd_short(1500000)
    ('$1.2k', '$38k', '$640', '$2.60', '$1.5M')
    """
    if is_unknown(value):
        return UNKNOWN
    number = _decimal(value)
    if number.is_infinite() or abs(number) < 100:
        text = usd(value).removesuffix(".00")
        whole, _, places = text.partition(".")  # $0.0010 -> $0.001, but $0.10
        return f"{whole}.{places[:2]}{places[2:].rstrip('0')}" if places else text
    return _dollars(number, _short(number))


def count(value: Any) -> str:
    """A whole number with thousands separated.

    Examples
    --------
    >>> count(790123), count(2.5)
    ('790,123', '3')
    """
    if is_unknown(value):
        return UNKNOWN
    number = _decimal(value)
    return str(number) if number.is_infinite() else f"{_round(number, 0):,f}"


def share(value: Any) -> str:
    """A fraction as a percentage: "0%" and "100%" only where exact.

    One decimal below 10% and above 99%, none between.

    Examples
    --------
    >>> share(0.684), share(0.042), share(0.00004), share(0), share(0.9999), share(1)
    ('68%', '4.2%', '<0.1%', '0%', '>99.9%', '100%')
    """
    if is_unknown(value):
        return UNKNOWN
    percent = _decimal(value) * 100
    if percent.is_infinite():
        return f"{'-' if percent < 0 else ''}∞%"
    if percent in (0, 100):
        return f"{percent:.0f}%"
    size = abs(percent)
    if size < Decimal("0.05"):
        return "<0.1%" if percent > 0 else ">-0.1%"
    if Decimal("99.95") <= percent < 100:
        return ">99.9%"
    places = 1 if _round(size, 1) < 10 or 99 < size <= 101 else 0
    return f"{_round(percent, places):,f}%"


def number(value: Any, digits: int = 3) -> str:
    """A plain number to some significant digits; whole parts are kept.

    Examples
    --------
    >>> number(0.93217), number(12345.6), number(0)
    ('0.932', '12,346', '0')
    """
    if is_unknown(value):
        return UNKNOWN
    exact = _decimal(value)
    if exact.is_infinite():
        return "∞" if exact > 0 else "-∞"
    if exact == 0:
        return "0"
    return f"{_significant(exact, digits) if abs(exact) < 10**digits else _round(exact, 0):,f}"


def trimmed(value: Any) -> str:
    """A plain number to four significant digits, without zeros at its end.

    Examples
    --------
    >>> trimmed(0.5), trimmed(1.05), trimmed(50_000), trimmed(0)
    ('0.5', '1.05', '50,000', '0')
    """
    text = number(value, digits=4)
    return text.rstrip("0").rstrip(".") if "." in text else text


def ratio(value: Any) -> str:
    """A multiple: two significant digits below ten, whole above.

    Examples
    --------
    >>> ratio(3.174), ratio(30.2)
    ('3.2x', '30x')
    """
    return UNKNOWN if is_unknown(value) else number(value, digits=2) + "x"


def hours(value: Any) -> str:
    """A span given in hours: minutes below one hour, days from two days.

    Examples
    --------
    >>> hours(0.5), hours(1), hours(3.25), hours(75)
    ('30 min', '1 h', '3.3 h', '3.1 days')
    """
    if is_unknown(value):
        return UNKNOWN
    span = _decimal(value)
    if span.is_infinite():
        return "never" if span > 0 else "-∞ h"
    size = abs(span)
    if size == 0:
        return "0 h"
    if _round(size * 60, 0) == 0:
        return "<1 min"
    if _round(size * 60, 0) < 60:
        return f"{_round(span * 60, 0)} min"
    amount, unit = (span, "h") if _round(size, 1) < 48 else (span / 24, "days")
    return f"{_round(amount, 1):f}".removesuffix(".0") + f" {unit}"


def local(value: Any, time_zone: str) -> datetime:
    """An aware time in a zone.

    Raises
    ------
    DataError
        For a time without a zone.
    """
    if not isinstance(value, datetime):
        value = datetime.fromisoformat(str(value))
    if value.tzinfo is None:
        raise DataError(f"time must be aware (UTC); got the naive {value!s}")
    moment: datetime = value.astimezone(ZoneInfo(time_zone))
    return moment


def weekday_time(value: Any, time_zone: str) -> str:
    """Weekday and wall-clock time in a zone.

    Examples
    --------
    >>> from datetime import datetime, timezone
    >>> weekday_time(datetime(2024, 8, 12, 7, tzinfo=timezone.utc), "Europe/Berlin")
    'Mon 09:00'
    """
    if is_unknown(value):
        return UNKNOWN
    there = local(value, time_zone)
    return f"{WEEKDAYS[there.weekday()]} {there:%H:%M}"


def moment(value: Any, time_zone: str) -> str:
    """Weekday, day, month, year and wall-clock time in a zone.

    Examples
    --------
    >>> from datetime import datetime, timezone
    >>> moment(datetime(2024, 8, 12, 7, tzinfo=timezone.utc), "UTC")
    'Mon 12 Aug 2024 07:00'
    """
    if is_unknown(value):
        return UNKNOWN
    there = local(value, time_zone)
    return f"{day(there)} {there.year} {there:%H:%M}"


def day(value: date) -> str:
    """Weekday, day and month, in English whatever the locale.

    Examples
    --------
    >>> from datetime import date
    >>> day(date(2024, 8, 9))
    'Fri 9 Aug'
    """
    return f"{WEEKDAYS[value.weekday()]} {value.day} {MONTHS[value.month - 1]}"
