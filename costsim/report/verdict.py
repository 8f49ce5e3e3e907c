"""Verdicts in words: the first card of a page, and the ribbon that it wears."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo

from costsim.show.cards import Card, Ribbon
from costsim.show.formats import count, hours, ratio, share, usd
from costsim.show.mask import mask_user

if TYPE_CHECKING:
    from costsim.records.dataset import Records
    from costsim.spend.week import Period

Level = Literal["ok", "warn", "bad", "info"]


def ribbon_of(records: Records, period: Period | None = None, *notes: str) -> Ribbon:
    """What a page about some records stands on."""
    zone = ZoneInfo(records.time_zone)
    span = records.period
    end = period.complete_through if period else span[1] if span else None
    through = None
    if end is not None:
        last = (end - timedelta(microseconds=1)).astimezone(zone)
        through = last.strftime("%a %Y-%m-%d %H:%M")
    said = list(notes)
    if period:
        prices = f"prices {records.manifest.price_book or 'unknown'}"
        said = [
            f"unpriced {share(period.unpriced_share)}",
            _attributed(period),
            prices,
            *said,
        ]
    kind: Literal["SIMULATED", "REAL"] = "SIMULATED" if records.simulated else "REAL"
    return Ribbon(kind, records.origin, through, tuple(said))


def week_card(
    period: Period,
    *,
    budget_usd: float | None = None,
    alarm_line: str = "",
    caveats: tuple[str, ...] = (),
    notes: tuple[str, ...] = (),
    show_users: bool = False,
    next_step: str = "",
) -> Card:
    """The verdict on a period: what it cost, what drove it, where the month would end.

    Parameters
    ----------
    period : Period
        Of :func:`costsim.spend.period`.
    budget_usd : float, optional
        A month's budget; the records' own by default.
    alarm_line : str
        What detectors say.
    caveats : tuple of str
        What has to be said openly, last.
    notes : tuple of str
        Further notes of the ribbon.
    show_users : bool
        Show user ids as they are; masked by default.
    """
    budget = budget_usd if budget_usd is not None else period.records.manifest.monthly_budget_usd
    lines = [*_driver_lines(period, show_users)]
    if alarm_line:
        lines.append(alarm_line)
    lines += [_month_line(period, budget), *_limits_of_data(period), *caveats]
    ribbon = ribbon_of(period.records, period, *notes)
    return Card(
        _title(period, budget),
        tuple(line for line in lines if line),
        ribbon,
        _level(period, budget),
        next_step,
    )


def _attributed(period: Period) -> str:
    if period.no_feature_share == period.no_user_share:
        return f"unattributed {share(period.unattributed_share)}"
    return f"no feature {share(period.no_feature_share)}, no user {share(period.no_user_share)}"


def _span_words(period: Period) -> str:
    covered = period.complete_through - period.seen_from
    if covered < timedelta(days=1):
        return f"in {hours(covered / timedelta(hours=1))}"
    if period.days == 7:
        return "this week"
    return "on this day" if period.days == 1 else f"in {period.days} days"


def _title(period: Period, budget: float | None = None) -> str:
    if period.usd == 0 and period.unpriced_share > 0:
        return f"{count(period.calls)} calls {_span_words(period)}, none of them priced."
    title = f"{usd(period.usd, decimals=0 if period.usd >= 100 else 2)} {_span_words(period)}"
    if period.ratio is not None:
        usual = "week" if period.days == 7 else f"{period.days} days"
        if not period.covered:
            part = f"{period.complete_days} of {period.days} days are in; they cost "
            title += f". {part}"
            title += (
                "what they usually do."
                if near_usual(period)
                else f"{ratio(period.ratio)} the usual."
            )
            return title + _of_it(period)
        title += (
            f": a usual {usual}."
            if near_usual(period)
            else f": {ratio(period.ratio)} a usual {usual}."
        )
    else:
        title += f": {count(period.calls)} calls."
    if near_usual(period) and _level(period, budget) == "bad":
        title += " The month ends over its budget."
    return title + _of_it(period)


def near_usual(period: Period) -> bool:
    """Whether the period cost about what it usually does: within a fifth."""
    return period.ratio is not None and abs(period.ratio - 1) < 0.2


def _of_it(period: Period) -> str:
    driver = period.driver
    if driver is None or not driver.changed:
        return ""
    return f" {usd(driver.usd, decimals=0)} of it is {driver.feature}."


def _driver_lines(period: Period, show_users: bool) -> list[str]:
    driver = period.driver
    if driver is None:
        return ["No call names its feature: nothing can be attributed."]
    lines = []
    if not driver.changed:
        part = share(driver.usd / period.usd) if period.usd else "–"
        lines.append(f"Largest: {driver.feature}, {usd(driver.usd)} ({part}).")
    large = driver.changed or driver.user_usd >= 0.05 * period.usd  # else it is no news
    if driver.user is not None and driver.user_usd and large:
        name = driver.user if show_users else mask_user(driver.user)
        lines.append(
            f"One user ({name}): {count(driver.user_calls)} {driver.feature} calls, "
            f"{usd(driver.user_usd, decimals=0 if driver.user_usd >= 100 else 2)}."
        )
    return lines


def _month_line(period: Period, budget: float | None) -> str:
    month = period.month
    if month is None:
        return ""
    against = f" against a budget of {usd(budget, decimals=0)}" if budget else ""
    if month.as_now_usd is None:
        return (
            "Month-end: not told; it needs seven complete days."
            if not budget
            else (f"Month-end{against}: not told; it needs seven complete days.")
        )
    so_far = "" if month.complete else " (days before the first record are missing)"
    return f"Month-end {usd(month.as_now_usd, decimals=0)} at this pace{against}{so_far}."


def _limits_of_data(period: Period) -> list[str]:
    said = []
    if period.complete_through - period.seen_from < timedelta(days=1):
        said.append("Too short to tell a daily rhythm, a usual day, a trend or a month's bill.")
    elif period.ratio is None:
        said.append("No earlier period to compare with.")
        if not period.covered:
            said.append("The records do not cover all of these days.")
    if period.unpriced_share > 0:
        said.append(f"{share(period.unpriced_share)} of the calls have no price and are left out.")
    return said


def _level(period: Period, budget: float | None) -> Level:
    projected = period.month.as_now_usd if period.month else None
    if budget and projected is not None and projected > budget:
        return "bad"
    if period.ratio is not None and period.ratio >= 1.5:
        return "warn"
    return "ok" if period.ratio is not None else "info"
