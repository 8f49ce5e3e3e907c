"""A receipt in words."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from costsim.show.formats import count, moment, share, usd

if TYPE_CHECKING:
    from costsim.records.receipt import Receipt

# What cannot be told without a field.
CONSEQUENCES = {
    "model": "no computed dollars and no spend by model; --model NAME supplies one",
    "feature_name": "no spend by feature; --feature NAME supplies one",
    "user_id": "no spend by user, no limit or alarm for a user",
    "input_tokens": "no computed dollars",
    "output_tokens": "no computed dollars",
    "billed_cost_nano": "no check of computed dollars against what was billed",
    "session_id": "no cost of a session",
    "cache_read_tokens": "cached input is priced in full: computed dollars may be too high",
    "latency_ms": "no tokens a second",
    "finish_reason": "no share of truncated answers",
}
_SHORT = (
    (timedelta(days=1), "no daily rhythm"),
    (timedelta(days=14), "no weekly rhythm to compare with: seasonal detectors need two weeks"),
)

# A log from Monday 00:01 to Sunday 23:59 is of whole weeks, though no call fell on midnight.
_NEARLY = timedelta(hours=1)


def title(receipt: Receipt) -> str:
    """The receipt in one sentence."""
    kept, rejected = receipt.kept, receipt.rejected
    if not kept and not rejected:
        return "Nothing new: every call of these files is in the records already."
    parts = [f"{_calls(kept)} imported"]
    if receipt.duplicates:
        parts.append(f"{count(receipt.duplicates)} were there already")
    parts.append(f"{count(rejected)} rejected" if rejected else "none rejected")
    return ", ".join(parts) + "."


def lines(receipt: Receipt) -> Iterator[str]:
    """What stands below the title."""
    facts = receipt.facts
    total = f"{receipt.out} holds {_calls(receipt.rows_in_folder)}."
    seen_before = [s for s in receipt.sources if not s.read and "imported before" in s.note]
    if seen_before and len(seen_before) == len(receipt.sources):
        files = "1 file" if len(seen_before) == 1 else f"{count(len(seen_before))} files"
        yield f"{files} skipped: imported before. {total}"
    else:
        yield _rows(receipt, total)
    if receipt.new_budget:
        now, was = map(_budget, receipt.new_budget)
        yield f"Monthly budget: {now}, was {was}."
    if receipt.rejected:
        why = "; ".join(f"{reason} ({count(n)})" for reason, n in receipt.reasons)
        yield f"Rejected: {why}. Listed in {', '.join(receipt.rejects_files)}."
    if facts.period:
        yield from _time(receipt)
        yield _zones(receipt)
        yield from _dollars(receipt)
        yield _unattributed(receipt)
    if receipt.supplied:
        given = ", ".join(f"{name} = {value}" for name, value in receipt.supplied.items())
        yield f"Supplied, as the log does not say it: {given}."
    missing = receipt.missing
    if missing:
        told = "; ".join(f"{_spoken(name)} ({means})" for name, means in missing)
        yield f"Not in the log: {told}."
    if receipt.columns and not receipt.guessed:
        yield "Columns: " + ", ".join(map(str, receipt.columns)) + "."
    if receipt.ignored:
        yield f"Columns ignored: {_listed(receipt.ignored)}."
    if receipt.private:
        yield f"Columns never read, for privacy: {_listed(receipt.private)}."
    yield from receipt.notes


def _rows(receipt: Receipt, total: str) -> str:
    return (
        f"Rows: {count(receipt.read)} read = {count(receipt.kept)} kept + "
        f"{count(receipt.duplicates)} duplicates + {count(receipt.rejected)} rejected. {total}"
    )


def _budget(dollars: float | None) -> str:
    if dollars is None:
        return "not set"
    return usd(dollars, decimals=None if dollars == round(dollars) else 2)


def _zones(receipt: Receipt) -> str:
    days = f"Days are cut in {receipt.time_zone} (--time-zone)."
    if not receipt.naive_zone:
        return days
    return f"Times carry no zone: read as {receipt.naive_zone} (--naive-time-zone). {days}"


def _time(receipt: Receipt) -> Iterator[str]:
    facts = receipt.facts
    assert facts.period
    first, last = (moment(t, receipt.time_zone) for t in facts.period)
    short = [says for limit, says in _SHORT if receipt.span < limit - _NEARLY]
    tail = f" Too short to tell: {'; '.join(short)}." if short else ""
    yield f"Period: {first} to {last} ({receipt.time_zone}), {_span(receipt.span)}.{tail}"
    if facts.gap_count:
        listed = "; ".join(
            f"{moment(g.start, receipt.time_zone)}, {_span(g.end - g.start)}" for g in facts.gaps
        )
        head = f"the {len(facts.gaps)} longest of {facts.gap_count}"
        which = head if facts.gap_count > len(facts.gaps) else "all"
        yield f"Silent stretches ({which}): {listed}."
    else:
        yield "Silent stretches: none over 1 h."


def _dollars(receipt: Receipt) -> Iterator[str]:
    facts, dollars = receipt.facts, receipt.facts.dollars
    if dollars.calls:
        off = dollars.difference_nano
        ratio = f" ({share(off / dollars.theirs_nano)})" if dollars.theirs_nano else ""
        told = f"difference {usd(off / 1e9)}{ratio}"
        if off and dollars.only_rounding:
            told = "difference none beyond rounding"
        more = dollars.theirs_unpriced_nano
        rest = (
            f"; theirs for all calls {usd((dollars.theirs_total_nano or 0) / 1e9)}, of which "
            f"{usd(more / 1e9)} on calls without a price of ours"
        )
        yield (
            f"Dollars over the {_calls(dollars.calls)} where both are known: theirs "
            f"{usd(dollars.theirs_nano / 1e9)}, ours {usd(dollars.ours_nano / 1e9)} by "
            f"{receipt.price_book}, {told}{rest if more else ''}."
        )
    else:
        totals = {
            "stated by the log": dollars.theirs_total_nano,
            f"computed by {receipt.price_book}": dollars.ours_total_nano,
        }
        known = [f"{usd(n / 1e9)} {how}" for how, n in totals.items() if n is not None]
        yield f"Dollars: {'; '.join(known) or 'unknown'}. Nothing to compare with."
    if facts.unpriced_calls:
        part = share(facts.unpriced_tokens / facts.tokens) if facts.tokens else "0%"
        why = "; ".join(
            f"{reason} {model!r} ({count(n)})" if model else f"{reason} ({count(n)})"
            for model, reason, n in facts.unpriced
        )
        yield (
            f"Unpriced: {share(receipt.share(facts.unpriced_calls))} of calls, {part} of tokens: "
            f"{why}."
        )
    else:
        yield "Unpriced: 0%."


def _unattributed(receipt: Receipt) -> str:
    facts = receipt.facts
    feature, user = (share(receipt.share(n)) for n in (facts.no_feature, facts.no_user))
    return f"Unattributed: {feature} of calls have no feature, {user} no user."


def _calls(number: int) -> str:
    return "1 call" if number == 1 else f"{count(number)} calls"


def _spoken(name: str) -> str:
    return name.removesuffix("_nano")


def _listed(names: tuple[str, ...], most: int = 15) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _span(span: timedelta) -> str:
    hours = span / timedelta(hours=1)
    if hours < 2:
        return f"{hours * 60:,.0f} min"
    return f"{hours:,.0f} h" if hours < 48 else f"{hours / 24:,.1f} days"
