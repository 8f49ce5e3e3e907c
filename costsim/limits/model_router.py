"""Which models may serve a call, in order, and the most that each can cost."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from costsim.errors import PriceError
from costsim.limits.answers import Granted
from costsim.limits.checking import checked_amount, checked_id
from costsim.limits.ledger import system_clock
from costsim.limits.request import checked_choices
from costsim.prices import load_price_book
from costsim.prices.instants import from_microseconds
from costsim.prices.upper_bound import TEXT_IN, TEXT_OUT, upper_bound_nano
from costsim.prices.windows import context_window

if TYPE_CHECKING:
    from costsim.limits.policy import Policy
    from costsim.prices import PriceBook


@dataclass(frozen=True)
class Routed:
    """The candidates of a call, to be given to a ledger's `reserve` or `call`.

    `candidates` are (model, upper bound in nano-dollars), what was asked for first; the bound is of
    the output that the policy holds, which is all of it unless `hold_output_tokens`; `skipped` says
    of each route that is left out why. `max_output_tokens` is what to send to the provider, and
    `choices` as its n: ``ledger.reserve(call_id, scopes, **routed.asked)`` takes all of it.
    """

    requested: str
    feature: str | None
    candidates: tuple[tuple[str, int], ...]
    input_tokens: int
    max_output_tokens: int
    skipped: Mapping[str, str] = field(default_factory=dict)
    choices: int = 1

    @property
    def asked(self) -> dict[str, Any]:
        """Arguments of a ledger's `reserve` and `call`, by name."""
        return {
            "candidates": self.candidates,
            "input_tokens": self.input_tokens,
            "max_output_tokens": self.max_output_tokens,
            "choices": self.choices,
        }

    def fields(self, granted: Granted) -> dict[str, str | None]:
        """What the call record says of the models: `model` served, `downgraded_from` asked for."""
        down = granted.model != self.requested
        return {"model": granted.model, "downgraded_from": self.requested if down else None}


class ModelRouter:
    """Candidates of a call: the model asked for, then the evaluated routes of its feature.

    Parameters
    ----------
    policy : Policy
        Its features' `downgrade_to` are the routes; one that is neither `evaluated` nor waived is
        left out.
    price_book : PriceBook or str
    windows : mapping of str to int, optional
        Context windows in tokens, input and output together, of models whose window is not
        published, or whose own is to hold.
    kinds : collection of str
        Kinds of token that calls may be billed for, by which the upper bound goes: without the
        cache writes it is smaller, where none are asked for.
    clock : callable, optional
        Microseconds since 1970, for prices that change; the system clock by default.

    Examples
    --------
    >>> from costsim.limits import MemoryLedger, ModelRouter, Scopes, parse_limits
    >>> tried = {"gpt-4o-mini": {"on": "2026-10-01", "how": "200 graded replies, 96% as good"}}
    >>> policy = parse_limits({"name": "mine",
    ...     "feature": {"chat": {"downgrade_to": ["gpt-4o-mini"], "evaluated": tried}},
    ...     "organisation": {"month_usd": 1, "ladder": [
    ...         {"at": 0.9, "do": "downgrade", "features": ["chat"]}]}})
    >>> router, ledger = ModelRouter(policy, "current"), MemoryLedger(policy)
    >>> def served(call_id, usd):
    ...     routed = router.route("gpt-4o", "chat", input_tokens=900, max_output_tokens=500)
    ...     with ledger.call(call_id, Scopes("ann", feature="chat"), **routed.asked) as call:
    ...         if not call:
    ...             return call.denied
    ...         call.spent(round(usd * 1e9))  # client.chat.completions.create(model=...) goes here
    ...         return routed.fields(call.granted)
    >>> served("call-1", 0.9)
    {'model': 'gpt-4o', 'downgraded_from': None}
    >>> served("call-2", 0.0001)  # 90% of the budget is spent
    {'model': 'gpt-4o-mini', 'downgraded_from': 'gpt-4o'}
    """

    def __init__(
        self,
        policy: Policy,
        price_book: PriceBook | str = "current",
        *,
        windows: Mapping[str, int] | None = None,
        kinds: Collection[str] = (*TEXT_IN, *TEXT_OUT),
        clock: Callable[[], int] | None = None,
    ) -> None:
        self.policy = policy
        self.book = load_price_book(price_book) if isinstance(price_book, str) else price_book
        for model, tokens in (windows or {}).items():
            checked_amount(tokens, f"window of {model}")
        self._windows: dict[tuple[str, str | None], int | None] = {}
        self._own = dict(windows or {})
        self._kinds = tuple(kinds)
        self._clock = clock or system_clock

    def route(
        self,
        model: str,
        feature: str | None = None,
        *,
        input_tokens: int,
        max_output_tokens: int | None = None,
        choices: int = 1,
        provider: str | None = None,
        service_tier: str | None = None,
    ) -> Routed:
        """The candidates of one call.

        Parameters
        ----------
        model : str
            What the caller asks for; always the first candidate.
        feature : str, optional
        input_tokens : int
            At least as many as the provider will count.
        max_output_tokens : int, optional
            Of one answer; the policy's cap by default, and never more.
        choices : int
            Answers that are asked for at once, at least 1.
        provider, service_tier : str, optional
            Who bills, and the processing class, as in the price book.

        Raises
        ------
        PriceError
            The model asked for has no price.
        SettingError
            An amount that is not allowed.
        """
        checked_amount(input_tokens, "input_tokens")
        checked_choices(choices)
        checked_id(model, "model")
        feature = None if feature is None else checked_id(feature, "feature")
        most = self.policy.request.max_output_tokens
        if max_output_tokens is not None:
            most = min(most, checked_amount(max_output_tokens, "max_output_tokens"))
        at = from_microseconds(self._clock())
        held = min(most, self.policy.request.held_output_tokens)
        amounts = {"input_tokens": input_tokens, "max_output_tokens": held * choices}

        def bound(name: str, by: str | None) -> int:
            unit = self.book.unit(name, at=at, service_tier=service_tier, provider=by)
            return upper_bound_nano(unit, kinds=self._kinds, **amounts)

        candidates = [(model, bound(model, provider))]
        skipped: dict[str, str] = {}
        caps = self.policy.feature.get(feature or "")
        for name in caps.downgrade_to if caps else ():
            if name == model:
                continue
            why = "not evaluated" if caps and name in caps.unevaluated else ""
            by = self._biller(name, provider, service_tier, at)
            why = why or self._too_long(name, by, input_tokens + most)
            if why:
                skipped[name] = why
                continue
            try:
                candidates.append((name, bound(name, by)))
            except PriceError as error:
                skipped[name] = str(error)
        return Routed(model, feature, tuple(candidates), input_tokens, most, skipped, choices)

    def _biller(
        self, model: str, provider: str | None, service_tier: str | None, at: datetime
    ) -> str | None:
        """The provider of the model asked for, where it offers this one too."""
        try:
            self.book.unit(model, at=at, service_tier=service_tier, provider=provider)
        except PriceError:
            return None
        return provider

    def _too_long(self, model: str, provider: str | None, tokens: int) -> str:
        """Why a model's window does not hold a call; empty where it does."""
        window = self._own.get(model)
        if window is None:
            key = (model, provider)
            if key not in self._windows:
                self._windows[key] = context_window(model, provider) or context_window(model)
            window = self._windows[key]
        if window is None:
            return "its context window is not known; give windows="
        return f"{tokens:,} tokens do not fit its {window:,}" if tokens > window else ""

    def __repr__(self) -> str:
        routes = sum(len(caps.downgrade_to) for caps in self.policy.feature.values())
        return (
            f"ModelRouter({self.policy.name}, {routes} routes, prices {self.book.name}); "
            "next: router.route(model, feature, input_tokens=...)"
        )
