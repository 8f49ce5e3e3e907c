"""One feature of a fitted scenario: its tables of the file, and what each key stands on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from costsim.simulation.fitting.parameters import Z95, Parameter, assumed, fitted
from costsim.simulation.fitting.tokens import TokenFit, find_cap, fit_tokens, log_error, rounded
from costsim.simulation.streams import stream

if TYPE_CHECKING:
    from costsim.simulation.fitting.bursts import SessionFit
    from costsim.simulation.fitting.defaults import Defaults
    from costsim.simulation.fitting.log import Log
    from costsim.simulation.fitting.written import Table


LEAST_COUNTS = 20  # calls with a token count that a law needs


@dataclass
class Sheet:
    """Tables and parameters while they are gathered."""

    tables: list[Table] = field(default_factory=list)
    found: list[Parameter] = field(default_factory=list)

    def table(self, path: str, parameters: list[Parameter]) -> None:
        """A table whose keys are these parameters', in their order."""
        start = len(path.strip("[]")) + 1 if path else 0
        self.tables.append((path, [(p.key[start:], p.value) for p in parameters]))
        self.found += parameters


def write_feature(
    sheet: Sheet,
    name: str,
    log: Log,
    head: list[Parameter],
    sessions: SessionFit,
    level: Defaults,
) -> None:
    """Tables of one feature: `head` is its model, profile and volume."""
    at = f"features.{name}"
    sheet.table(at, [*head, *_latency(at, log)])
    sheet.table(f"{at}.sessions", _sessions(f"{at}.sessions", sessions, len(log)))
    for side in ("input", "output"):
        where = f"{at}.{side}_tokens"
        fit = token_fit(log, side, name, level)
        sheet.table(where, _uncounted(where) if fit is None else _tokens(where, fit))
    sheet.table(f"{at}.cache", _cache(f"{at}.cache", log))
    sheet.table(f"{at}.errors", _errors(f"{at}.errors", log))


def token_fit(log: Log, side: str, name: str, level: Defaults) -> TokenFit | None:
    """Law of a feature's input or output tokens, of calls that did not fail.

    None where fewer than 20 calls have a count.
    """
    values = log.numbers[f"{side}_tokens"]
    status = log.names["status"]
    ok = np.array([n == "ok" for n in status.names] + [False])[status.codes]
    known = np.isfinite(values) & (ok if (ok & np.isfinite(values)).sum() >= 50 else True)
    sent = log.numbers["max_tokens"] if side == "output" else np.full(len(log), np.nan)
    reasons = log.names["finish_reason"]
    cut_off = None
    if side == "output" and reasons.known:
        cut_off = np.array([n in ("length", "max_tokens") for n in reasons.names] + [False])[
            reasons.codes
        ][known]
    if known.sum() < LEAST_COUNTS:
        return None
    chosen = values[known]
    cap = find_cap(np.maximum(chosen, 1.0), sent[known], cut_off)
    rng = stream(0, "fit", name, side)
    return fit_tokens(chosen, log.user[known], cap, rng, level.between_share)


def _tokens(at: str, fit: TokenFit) -> list[Parameter]:
    tokens, split, calls = fit.tokens, fit.split, fit.calls
    note = f"{fit.law}; {fit.furthest:.1%} from the log where furthest"
    rows = []
    if tokens.mixture is not None:
        parts = [c.model_dump(exclude_none=True) for c in tokens.mixture]
        rows.append(fitted(f"{at}.mixture", parts, calls, note=note))
    elif tokens.quantiles is not None:
        grid = [list(point) for point in tokens.quantiles]
        rows.append(fitted(f"{at}.quantiles", grid, calls, note=note))
    else:
        assert tokens.median is not None
        assert tokens.log_sd is not None
        factor = float(np.exp(Z95 * log_error(fit)))
        interval = (tokens.median / factor, tokens.median * factor)
        rows.append(fitted(f"{at}.median", tokens.median, calls, interval=interval, note=note))
        rows.append(fitted(f"{at}.log_sd", tokens.log_sd, calls, split.log_sd_error))
    key = "between_users_share" if tokens.quantiles is not None else "between_users_log_sd"
    value = getattr(tokens, key)
    if split.users:
        error = split.between_error
        if key == "between_users_share" and split.log_sd > 0:
            error *= 2 * split.between * split.within**2 / split.log_sd**4
        rows.append(fitted(f"{at}.{key}", rounded(value), split.users, error, unit="users"))
    else:
        rows.append(assumed(f"{at}.{key}", rounded(value), "no user ids"))
    if tokens.max is not None:
        note = f"{fit.capped_share:.2%} of the calls reach it"
        rows.append(
            fitted(f"{at}.max", tokens.max, calls, note=note)
            if fit.cap_known
            else assumed(f"{at}.max", tokens.max, "the largest count seen; no cap shows")
        )
    return rows


def _uncounted(at: str) -> list[Parameter]:
    """One token a call: where the log has no counts, as of the output of embeddings."""
    note = f"fewer than {LEAST_COUNTS} calls have a count"
    return [assumed(f"{at}.median", 1.0, note), assumed(f"{at}.log_sd", 0.0, note)]


def _sessions(at: str, fit: SessionFit, calls: int) -> list[Parameter]:
    how = "session ids" if fit.from_ids else "how bunched the calls are"
    mean, think = rounded(fit.mean_calls), rounded(fit.think_seconds)
    interval = None
    if np.isfinite(fit.mean_calls_error):
        reach = Z95 * fit.mean_calls_error
        interval = (max(fit.mean_calls - reach, 1.0), fit.mean_calls + reach)
    rows = [fitted(f"{at}.mean_calls", mean, calls, interval=interval, note=how)]
    if fit.mean_calls > 1:
        error = fit.think_error if np.isfinite(fit.think_error) else None
        rows.append(fitted(f"{at}.think_seconds", think, calls, error, note=how))
    else:
        rows.append(assumed(f"{at}.think_seconds", think, "sessions of one call"))
    return rows


def _cache(at: str, log: Log) -> list[Parameter]:
    read, total = log.numbers["cache_read_tokens"], log.numbers["input_tokens"]
    known = np.isfinite(read) & (total > 0)
    if not known.any():
        return [assumed(f"{at}.share", 0.0, "the log has no cached tokens")]
    hit = known & (read > 0)
    rate = float(hit.sum() / known.sum())
    if not hit.any():
        return [fitted(f"{at}.share", 0.0, int(known.sum()))]
    share = float(read[hit].sum() / total[hit].sum())
    scatter = np.sqrt(((read[hit] - share * total[hit]) ** 2).sum()) / total[hit].sum()
    return [
        fitted(f"{at}.share", min(rounded(share), 1.0), int(hit.sum()), float(scatter)),
        fitted(
            f"{at}.hit_rate",
            rounded(rate),
            int(known.sum()),
            interval=wilson(rate, int(known.sum())),
        ),
    ]


def _errors(at: str, log: Log) -> list[Parameter]:
    status = log.names["status"]
    failed = np.array([n == "error" for n in status.names] + [False])[status.codes]
    rate = float(failed.mean())
    rows = [
        fitted(f"{at}.rate", min(rounded(rate), 0.99), len(log), interval=wilson(rate, len(log)))
    ]
    if failed.any():
        cost = log.numbers["total_cost_nano"][failed]
        answered = log.numbers["output_tokens"][failed]
        if np.isfinite(cost).any():
            billed = "nothing" if np.nanmax(cost) == 0 else "all"
            if billed == "all" and not np.nansum(answered) > 0:
                billed = "input"
            rows.append(fitted(f"{at}.billed", billed, int(failed.sum())))
        else:
            rows.append(assumed(f"{at}.billed", "nothing", "failed calls have no price"))
    return rows


def wilson(share: float, calls: int) -> tuple[float, float]:
    """95% interval of a share (Wilson 1927, JASA 22), sound also where none or all did.

    Examples
    --------
    >>> [round(bound, 3) for bound in wilson(0.0, 100)]
    [0.0, 0.037]
    """
    z2 = Z95**2 / calls
    middle = (share + z2 / 2) / (1 + z2)
    half = (z2 * (share * (1 - share) + z2 / 4)) ** 0.5 / (1 + z2)
    return max(middle - half, 0.0), min(middle + half, 1.0)


def _latency(at: str, log: Log) -> list[Parameter]:
    first, whole = log.numbers["time_to_first_token_ms"], log.numbers["latency_ms"]
    said = log.numbers["output_tokens"]
    rows = []
    known = np.isfinite(first) & (first > 0)
    if known.sum() >= 50:
        rows.append(
            fitted(
                f"{at}.first_token_ms", rounded(float(np.median(first[known])), 3), int(known.sum())
            )
        )
    else:
        rows.append(assumed(f"{at}.first_token_ms", 400.0, "not in the log"))
    before = np.where(known, first, 400.0)
    pace = np.full(len(log), np.nan)
    after = whole - before
    use = np.isfinite(after) & (after > 0) & (said > 10)
    pace[use] = said[use] / after[use] * 1000
    if use.sum() >= 50:
        value: Any = rounded(float(np.median(pace[use])), 3)
        rows.append(fitted(f"{at}.output_tokens_per_second", value, int(use.sum())))
    else:
        rows.append(assumed(f"{at}.output_tokens_per_second", 60.0, "not in the log"))
    return rows
