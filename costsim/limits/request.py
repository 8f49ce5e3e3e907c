"""What a ledger is asked, checked before anything is done with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from costsim.errors import SettingError
from costsim.limits.accounts import Scopes
from costsim.limits.answers import Denied
from costsim.limits.checking import LARGEST, checked_amount, checked_id, checked_scopes
from costsim.limits.policy import Policy
from costsim.limits.rules import SCOPES

MODES = ("enforce", "observe")
_MOST_MODELS = 10_000


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
        self._models: set[str] = set()
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
        choices: int = 1,
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
        models, known = [], self._models
        try:
            for pair in candidates:
                model, bound = pair
                if model not in known:
                    self._check_model(model, candidates)
                if type(bound) is not int or not 0 <= bound <= LARGEST:  # the name is for errors
                    checked_amount(bound, f"upper bound of {model}")
                models.append(pair if type(pair) is tuple else (model, bound))
        except SettingError:
            raise
        except (TypeError, ValueError):
            raise SettingError(
                f"candidates must be a list of (model, upper bound); got {candidates!r}"
            ) from None
        if not models:
            raise SettingError("candidates must not be empty")
        held_out = self._held_out
        if max_output_tokens is not None:
            held_out = min(held_out, checked_amount(max_output_tokens, "max_output_tokens"))
        if choices != 1 or type(choices) is not int:
            held_out *= checked_choices(choices)
        tokens = tokens_in + held_out
        if tokens > LARGEST:
            raise SettingError(f"tokens of a call must be at most {LARGEST}; got {tokens}")
        return Request(call_id, scopes, tuple(models), tokens_in, held_out, tokens)

    def _check_model(self, model: object, candidates: object) -> None:
        """Whether a model can be one, once for each."""
        if isinstance(candidates, str):  # whose letters would be models
            raise ValueError
        name = checked_id(model, "model")
        if len(self._models) >= _MOST_MODELS:
            self._models.clear()
        self._models.add(name)

    def refused(self, request: Request) -> Denied | None:
        """The denial of a request that is too long by itself, whatever was spent."""
        if self._most_in is not None and request.input_tokens > self._most_in:
            return Denied("request", "input_tokens", None, None, cap="max_input_tokens")
        return None


def checked_choices(choices: object) -> int:
    """Answers that a call asks for at once."""
    if checked_amount(choices, "choices") < 1:
        raise SettingError(f"choices must be at least 1; got {choices}")
    return choices  # type: ignore[return-value]


def checked_policy(policy: object) -> Policy:
    """A policy that is one, and not its name."""
    if not isinstance(policy, Policy):
        raise SettingError(f"policy must be a Policy, as load_limits gives it; got {policy!r}")
    return policy


def checked_shares(shares: object) -> Mapping[str, float] | None:
    """The parts of caps that are a process's own, by scope."""
    if shares is None:
        return None
    if not isinstance(shares, Mapping) or not set(shares) <= set(SCOPES):
        raise SettingError(f"shares must be by scope, of {SCOPES}; got {shares!r}")
    for scope, share in shares.items():
        if type(share) not in (int, float) or not 0 <= share <= 1:
            raise SettingError(f"shares.{scope} must be from 0 to 1; got {share!r}")
    return shares


def checked_mode(mode: str) -> bool:
    """Whether a ledger only observes."""
    if mode not in MODES:
        raise SettingError(f"mode must be one of {MODES}; got {mode!r}")
    return mode == "observe"


def checked_retention(policy: Policy, seconds: float) -> int:
    """Microseconds for which a resolved call is remembered, at least the lease."""
    if type(seconds) not in (int, float) or not policy.lease_seconds <= seconds <= 10**8:
        raise SettingError(
            f"retention_seconds must be at least the lease, {policy.lease_seconds:g}; "
            f"got {seconds!r}"
        )
    return round(seconds * 1e6)
