"""All quantities together: a scenario, its file, and a parameter for every key."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from datetime import UTC, datetime
from math import isfinite
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np

from costsim.errors import PriceError, SettingError
from costsim.prices import PriceBook, load_price_book, price_books
from costsim.simulation.fitting.bursts import (
    SessionFit,
    profile_ramp,
    sessions_from_bursts,
    sessions_from_ids,
)
from costsim.simulation.fitting.defaults import Defaults, defaults
from costsim.simulation.fitting.features import Sheet, wilson, write_feature
from costsim.simulation.fitting.likelihood import NAMES
from costsim.simulation.fitting.log import Log, read_log
from costsim.simulation.fitting.parameters import Z95, Parameter, assumed, fitted
from costsim.simulation.fitting.parts import Part, parts_of
from costsim.simulation.fitting.people import fit_activity
from costsim.simulation.fitting.profiles import Group, fit_groups
from costsim.simulation.fitting.span import Span, span_of
from costsim.simulation.fitting.tokens import rounded
from costsim.simulation.fitting.traffic import NoiseFit, mean_rates
from costsim.simulation.fitting.written import toml_text
from costsim.simulation.loading import parse_scenario
from costsim.simulation.settings.people import WEEKDAYS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from costsim.records.dataset import Records
    from costsim.simulation.scenario import Scenario

# Stand-ins for a model that the log does not name or the book does not price.
_STAND_INS = (("gpt-4o", "openai"), ("gpt-4-turbo", "openai"), ("gpt-4", "openai"))


def assemble(
    records: Records, level: str, name: str
) -> tuple[Scenario, str, tuple[Parameter, ...]]:
    """Scenario, file and parameters; see :func:`costsim.simulation.fit.fit_scenario`."""
    if not name.strip():
        raise SettingError(f"name must be a name; got {name!r}")
    usual = defaults(level)
    log = read_log(records)
    span = span_of(records, log.seconds)
    parts = parts_of(log)
    sessions = [_sessions(log.where(part.rows), span) for part in parts]
    groups, noise = fit_groups(log, span, parts, sessions, usual)
    sheet = Sheet()
    book_name = _head(sheet, records, span, name)
    _population(sheet, log, parts, sessions, usual)
    _noise(sheet, noise)
    for group in groups:
        _profile(sheet, group)
    book = load_price_book(book_name)
    for part, session in zip(parts, sessions, strict=True):
        own = log.where(part.rows)
        at = f"features.{part.name}"
        head = [
            *_model(at, part, own, book, span),
            *_volume(at, part, groups),
        ]
        write_feature(sheet, part.name, own, head, session, usual)
    budget = _budget(sheet, records, name)
    sheet.tables[0][1].insert(4, ("monthly_budget_usd", budget.value))
    sheet.found.insert(4, budget)
    text = toml_text(_header(records, log, span, sheet.found, level), sheet.tables, sheet.found)
    return parse_scenario(tomllib.loads(text), source=name), text, tuple(sheet.found)


def _sessions(own: Log, span: Span) -> SessionFit:
    found = sessions_from_ids(own.names["session_id"].codes, own.seconds)
    if found is not None:
        return found
    ramp = profile_ramp(mean_rates(span.hours(own.seconds))) if span.days >= 1 else None
    return sessions_from_bursts(own.seconds, ramp)


def _head(sheet: Sheet, records: Records, span: Span, name: str) -> str:
    """The first keys; gives the name of the price book."""
    calendar = span.calendar
    stated = records.manifest.price_book
    book = (
        fitted("price_book", stated, 0)
        if stated in price_books()
        else assumed("price_book", "current", "the records name no bundled book")
    )
    sheet.table(
        "",
        [
            fitted("name", name, 0),
            fitted("start", calendar.start, 0),
            fitted("days", calendar.days, 0),
            fitted("time_zone", calendar.time_zone, 0, note="of the records"),
            book,
        ],
    )
    return str(book.value)


def _budget(sheet: Sheet, records: Records, name: str) -> Parameter:
    known = records.manifest.monthly_budget_usd
    if known is not None:
        return fitted("monthly_budget_usd", known, 0, note="of the records")
    text = toml_text([], sheet.tables, ())
    data = tomllib.loads(text) | {"monthly_budget_usd": 1.0}
    scenario = parse_scenario(data, source=name)
    month = scenario.expected().total_usd / scenario.days * 365.25 / 12
    value = max(rounded(1.2 * month, 2), 0.01)
    return assumed("monthly_budget_usd", value, "1.2 times a month of the fitted traffic")


def _population(
    sheet: Sheet, log: Log, parts: list[Part], sessions: list[SessionFit], usual: Defaults
) -> None:
    known = log.user >= 0
    counts = _sessions_by_user(log, parts, sessions)
    growth = [
        assumed("population.growth_per_week", 0.0, "not looked for"),
        assumed("population.churn_per_month", 0.0, "not looked for"),
    ]
    at = "population.activity"
    if known.mean() < 0.5 or len(counts) < 5:
        note = "no user ids" if known.mean() < 0.5 else f"only {len(counts)} users"
        sheet.table("population", [assumed("population.users", usual.users, note), *growth])
        sheet.table(
            at,
            [assumed(f"{at}.law", "zipf", note), assumed(f"{at}.exponent", usual.exponent, note)],
        )
    else:
        fit = fit_activity(counts)
        users = fitted(
            "population.users", fit.users, fit.seen, interval=fit.users_interval,
            note=f"{fit.seen:,} seen", unit="users",
        )  # fmt: skip
        better = fit.log_likelihood - fit.other_log_likelihood
        note = f"log likelihood {better:.1f} above the other law's"
        key = "exponent" if fit.law == "zipf" else "log_sd"
        sheet.table("population", [users, *growth])
        sheet.table(
            at,
            [
                fitted(f"{at}.law", fit.law, fit.seen, note=note, unit="users"),
                fitted(
                    f"{at}.{key}", rounded(fit.value), fit.seen, interval=fit.interval,
                    unit="users",
                ),
            ],
        )  # fmt: skip
    _tiers(sheet, log)


def _sessions_by_user(log: Log, parts: list[Part], sessions: list[SessionFit]) -> NDArray[np.int64]:
    """Sessions of each user seen: by their ids, else calls over the mean calls of a session."""
    known = log.user >= 0
    if not known.any():
        return np.zeros(0, np.int64)
    user = log.user[known]
    ids = log.names["session_id"].codes[known]
    if (ids >= 0).mean() > 0.99:
        pairs = np.unique(np.stack([ids, user]), axis=1)
        counts = np.bincount(pairs[1])
    else:
        weight = np.ones(len(log))
        for part, session in zip(parts, sessions, strict=True):
            weight[part.rows] = 1 / session.mean_calls
        counts = np.ceil(np.bincount(user, weight[known]) - 1e-9).astype(np.int64)
    return np.asarray(counts[counts > 0])


def _tiers(sheet: Sheet, log: Log) -> None:
    tier = log.names["user_tier"]
    known = (tier.codes >= 0) & (log.user >= 0)
    if not known.any():
        return
    # each user's last tier
    users, at = np.unique(log.user[known][::-1], return_index=True)
    held = tier.codes[known][::-1][at]
    codes, times = np.unique(held, return_counts=True)
    order = np.argsort(-times, kind="stable")
    shares = [round(float(times[i] / len(users)), 4) for i in order]
    shares[0] = round(1 - sum(shares[1:]), 4)
    for place, (i, share) in enumerate(zip(order, shares, strict=True)):
        at_tier = f"population.tiers[{place}]"
        rows = [
            fitted("name", tier.names[codes[i]], int(times[i]), unit="users"),
            fitted("share", share, len(users), interval=wilson(share, len(users)), unit="users"),
        ]
        if share <= 0:
            continue
        sheet.tables.append(("[population.tiers]", [(p.key, p.value) for p in rows]))
        for p in rows:
            sheet.found.append(replace(p, key=f"{at_tier}.{p.key}"))


def _noise(sheet: Sheet, noise: NoiseFit) -> None:
    keys = ("hour_sigma", "hour_phi", "day_sigma", "day_phi", "same_hour_phi")
    rows = []
    for key, part, error in zip(keys, NAMES[2:], noise.errors, strict=True):
        name, value = f"noise.{key}", float(getattr(noise, key))
        is_phi = key.endswith("phi")
        shown = min(rounded(value), 0.9 if key == "same_hour_phi" else 0.99 if is_phi else 2.0)
        if part in noise.known and isfinite(error):
            interval = (
                (max(value - Z95 * error, 0.0), min(value + Z95 * error, 1.0))
                if is_phi
                else _sigma_interval(value, error)
            )
            rows.append(fitted(name, shown, noise.hours_used, interval=interval, unit="hours"))
        else:
            rows.append(assumed(name, shown, "too short a log, or too few calls an hour"))
    sheet.table("noise", rows)


def _sigma_interval(sigma: float, error: float) -> tuple[float, float]:
    """By the variance, whose error is finite where the deviation itself is near 0."""
    variance, spread = sigma**2, 2 * sigma * error * Z95
    return max(variance - spread, 0.0) ** 0.5, (variance + spread) ** 0.5


def _profile(sheet: Sheet, group: Group) -> None:
    at, fit = f"profiles.{group.name}", group.profile
    hours = [rounded(w) for w in fit.hours]
    days = {day: rounded(w) for day, w in zip(WEEKDAYS, fit.days, strict=True)}
    entries: list[tuple[str, object]] = []
    if fit.hours_known:
        for hour, (weight, error) in enumerate(zip(hours, fit.hours_error, strict=True)):
            interval = _log_interval(weight, error)
            row = fitted(f"{at}.hours[{hour}]", weight, group.calls, interval=interval)
            sheet.found.append(row)
        entries.append(("hours", hours))
    else:
        hours = [1.0] * 24
        sheet.found.append(assumed(f"{at}.hours", hours, "under a day of records"))
        entries.append(("hours", hours))
    if fit.days_known:
        for (day, weight), error in zip(days.items(), fit.days_error, strict=True):
            interval = _log_interval(weight, error)
            row = fitted(f"{at}.days.{day}", weight, group.calls, interval=interval)
            sheet.found.append(row)
        entries.append(("days", days))
    else:
        days = dict.fromkeys(WEEKDAYS, 1.0)
        sheet.found.append(assumed(f"{at}.days", days, "under a week of records"))
        entries.append(("days", days))
    sheet.tables.append((at, entries))


def _log_interval(weight: float, error: float) -> tuple[float, float] | None:
    if not isfinite(error):
        return None
    factor = float(np.exp(Z95 * error))
    return weight / factor, weight * factor


def _model(at: str, part: Part, own: Log, book: PriceBook, span: Span) -> list[Parameter]:
    provider = own.names["provider"].main()
    tier = own.names["service_tier"].main() or "default"
    start = span.calendar.start
    rows = []
    if part.model and _priced(book, part.model, provider, tier, start):
        rows.append(fitted(f"{at}.model", part.model, part.calls))
        if provider:
            rows.append(fitted(f"{at}.provider", provider, part.calls))
    elif part.model and _priced(book, part.model, None, tier, start):
        note = f"{provider} has no price of it in {book.name}"
        rows.append(fitted(f"{at}.model", part.model, part.calls, note=note))
    else:
        why = f"{part.model} has no price in {book.name}" if part.model else "not in the log"
        model, provider = next(
            ((m, p) for m, p in _STAND_INS if _priced(book, m, p, tier, start)), (None, None)
        )
        if model is None:
            raise SettingError(
                f"price book {book.name} has no price on {start} for {part.model!r}, nor for "
                f"a stand-in such as {_STAND_INS[0][0]!r}; import the records with another"
            )
        rows.append(assumed(f"{at}.model", model, why))
        rows.append(assumed(f"{at}.provider", provider, why))
    if tier != "default":
        rows.append(fitted(f"{at}.service_tier", tier, part.calls))
    return rows


def _priced(book: PriceBook, model: str, provider: str | None, tier: str, start: object) -> bool:
    try:
        book.unit(model, at=start, provider=provider,  # type: ignore[arg-type]
                  service_tier=None if tier == "default" else tier)  # fmt: skip
    except PriceError:
        return False
    return True


def _volume(at: str, part: Part, groups: list[Group]) -> list[Parameter]:
    group = next(g for g in groups if part.name in g.volumes)
    weekly, error = group.volumes[part.name]
    return [
        fitted(f"{at}.profile", group.name, part.calls),
        fitted(f"{at}.calls_per_week", rounded(weekly, 6), part.calls, error),
    ]


def _header(
    records: Records, log: Log, span: Span, found: list[Parameter], level: str
) -> list[str]:
    zone = ZoneInfo(records.time_zone)
    low, high = (datetime.fromtimestamp(t, UTC).astimezone(zone) for t in (span.start, span.end))
    guessed = [p.key for p in found if p.basis == "assumed"]
    lines = [
        f"Fitted to {records.origin} by costsim, level {level}.",
        f"Period: {low:%Y-%m-%d %H:%M} to {high:%Y-%m-%d %H:%M} {records.time_zone}.",
        f"Records: {len(log):,} calls"
        + (f", {log.others:,} retries left out." if log.others else "."),
        "Assumed, because the records cannot tell:" if guessed else "Nothing is assumed.",
    ]
    return lines + [f"  {key}" for key in guessed]
