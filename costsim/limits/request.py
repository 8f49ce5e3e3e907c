"""What a ledger is asked, checked before anything is done with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from costsim.errors import SettingError
from costsim.limits.accounts import Scopes
from costsim.limits.answers import Denied
from costsim.limits.checking import LARGEST, checked_amount, checked_id, checked_scopes
from costsim.limits.policy import Policy

MODES = ("enforce", "observe")


@dataclass(slots=True)
class Request:
    """A call that somebody wants to make; `tokens` of input and output are held for it.

    Nobody changes one; frozen classes take three times as long to make.
    """

    call_id: str
    scopes: Scopes
    candidates: tuple[tuple[str, int], ...]
    input_tokens: int
    held_output_tokens: int
    tokens: int

    @property
    def fields(self) -> tuple[Scopes, tuple[tuple[str, int], ...], int, int]:
        """What its id stands for: the same id with other fields is an error."""
        return self.scopes, self.candidates, self.input_tokens, self.held_output_tokens


class Requests:
    """Makes and checks the requests of a policy, whose numbers it looks up once.

    Parameters
    ----------
    policy : Policy
    """

    def __init__(self, policy: Policy) -> None:
        self._most_in = policy.request.max_input_tokens
        caps = policy.request
        self._held_out = min(caps.held_output_tokens, caps.max_output_tokens)

    def checked(
        self,
        call_id: str,
        scopes: Scopes,
        candidates: Sequence[tuple[str, int]],
        input_tokens: int,
        max_output_tokens: int | None,
    ) -> Request:
        """The request, with ids in their composed form and the policy's cap on output.

        Raises
        ------
        SettingError
            An id or amount that is not allowed.
        """
        call_id = checked_id(call_id, "call_id")
        scopes = checked_scopes(scopes)
        tokens_in = checked_amount(input_tokens, "input_tokens")
        if not candidates:
            raise SettingError("candidates must not be empty")
        models = []
        for pair in candidates:
            model, bound = pair
            if type(bound) is not int or not 0 <= bound <= LARGEST:  # the name is for errors only
                checked_amount(bound, f"upper bound of {model}")
            models.append(pair if type(pair) is tuple else (model, bound))
        held_out = self._held_out
        if max_output_tokens is not None:
            held_out = min(held_out, checked_amount(max_output_tokens, "max_output_tokens"))
        tokens = tokens_in + held_out
        return Request(call_id, scopes, tuple(models), tokens_in, held_out, tokens)

    def refused(self, request: Request) -> Denied | None:
        """The denial of a request that is too long by itself, whatever was spent."""
        if self._most_in is not None and request.input_tokens > self._most_in:
            return Denied("request", "input_tokens", None, None, cap="max_input_tokens")
        return None


def checked_mode(mode: str) -> bool:
    """Whether a ledger only observes."""
    if mode not in MODES:
        raise SettingError(f"mode must be one of {MODES}; got {mode!r}")
    return mode == "observe"


def checked_retention(policy: Policy, seconds: float) -> int:
    """Microseconds for which a resolved call is remembered, at least the lease."""
    if isinstance(seconds, bool) or not policy.lease_seconds <= seconds <= 10**8:
        raise SettingError(
            f"retention_seconds must be at least the lease, {policy.lease_seconds:g}; "
            f"got {seconds!r}"
        )
    return round(seconds * 1e6)
