"""What an operator orders while calls are running: other caps, stops, grants, each with a reason.

A control is one entry of a list to which entries are only ever added. The list is the audit trail:
what holds at a moment follows from it (:mod:`costsim.limits.standing`).
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pydantic import ValidationError

from costsim.errors import DataError, SettingError
from costsim.limits.checking import checked_id
from costsim.limits.policy import CAP_NAMES, Caps, Policy
from costsim.limits.rules import EVERYTHING, SCOPES
from costsim.limits.windows import instant_us
from costsim.toml_files import explain

WHATS: Final = ("set", "stop", "start", "grant", "revoke")
NO_CAP: Final = "none"
"""Value of a cap that is lifted."""
AS_FILED: Final = "file"
"""Value of a cap that is the limits file's again."""
LONGEST_WORDS: Final = 500
LONGEST_US: Final = 366 * 86_400_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Target:
    """Whose limits a control concerns.

    Parameters
    ----------
    scope : {"user", "tier", "feature", "organisation"}
    name : str, optional
        The user, tier or feature; none for every user, and for the organisation.
    tier : str, optional
        With scope "user" and no name: the users of this tier, each by himself.

    Examples
    --------
    >>> str(Target("user", tier="pro")), str(Target("feature", "chat"))
    ('every user of tier pro', 'feature chat')
    """

    scope: str
    name: str | None = None
    tier: str | None = None

    def __post_init__(self) -> None:
        if self.scope not in SCOPES:
            raise SettingError(f"scope must be one of {SCOPES}; got {self.scope!r}")
        for key in ("name", "tier"):
            if getattr(self, key) is not None:
                object.__setattr__(self, key, checked_id(getattr(self, key), key))
        if self.tier is not None and (self.scope != "user" or self.name is not None):
            raise SettingError("tier must be given for every user of it; one user has no other")
        if (self.scope == "organisation") and self.name is not None:
            raise SettingError(f"the organisation is one, without a name; got {self.name!r}")
        if self.scope in ("tier", "feature") and self.name is None:
            raise SettingError(f"a {self.scope} must be named")

    @property
    def entity(self) -> str | None:
        """As slots are named; None for every user."""
        return EVERYTHING if self.scope == "organisation" else self.name

    def __str__(self) -> str:
        if self.scope == "organisation":
            return "the organisation"
        if self.name is not None:
            return f"{self.scope} {self.name}"
        return "every user" if self.tier is None else f"every user of tier {self.tier}"


@dataclass(frozen=True)
class Control:
    """One order of an operator: what, of whom, by whom, why, and until when.

    Parameters
    ----------
    what : {"set", "stop", "start", "grant", "revoke"}
        Another cap; refuse all calls; no longer; more room for a while; all grants end.
    target : Target
    who, why : str
        For the audit trail.
    cap : str, optional
        For "set": a key of the limits file, such as ``"day_usd"``.
    value : number or str, optional
        For "set": the cap, ``"none"`` to lift it, ``"file"`` for the file's again.
    add_usd, factor : float, optional
        For "grant": so much more in each cap in dollars; so many times each cap.
    lasts_us : int, optional
        Microseconds until it ends by itself; a grant always does.
    at_us, number, key : int, int, str
        Given by the ledger that takes it.

    Raises
    ------
    SettingError
        What is not allowed.

    Examples
    --------
    >>> order = Control("grant", Target("user", "ann"), "max", "demo day", add_usd=10.0,
    ...                 lasts_us=12 * 3_600_000_000)
    >>> order.words
    'grant user ann: $10.00 more in each dollar cap'
    """

    what: str
    target: Target
    who: str
    why: str
    cap: str | None = None
    value: float | str | None = None
    add_usd: float | None = None
    factor: float | None = None
    lasts_us: int | None = None
    at_us: int = 0
    number: int = 0
    key: str = ""

    def __post_init__(self) -> None:
        if self.what not in WHATS:
            raise SettingError(f"what must be one of {WHATS}; got {self.what!r}")
        for name in ("who", "why"):
            object.__setattr__(self, name, _words(getattr(self, name), name))
        lasts = self.lasts_us
        if lasts is not None and (type(lasts) is not int or not 0 < lasts <= LONGEST_US):
            raise SettingError(
                f"a control must last above 0 and at most 366 days; got {_hours(lasts)}"
            )
        needs = {"set": {"cap", "value"}, "grant": {"add_usd", "factor"}}.get(self.what, set())
        for name in ("cap", "value", "add_usd", "factor"):
            if getattr(self, name) is not None and name not in needs:
                raise SettingError(f"{name} must not be given with {self.what!r}")
        if self.what == "set":
            self._check_set()
        elif self.target.scope == "user" and self.target.name is None:
            if self.what != "grant" and self.what != "revoke":
                raise SettingError(
                    f"{self.what} must name a user, a tier, a feature, or the organisation"
                )
            if self.target.tier is None:
                raise SettingError(f"{self.what} must name a user, or the users of a tier")
        if self.what == "grant":
            self._check_grant()

    def _check_set(self) -> None:
        if self.cap not in CAP_NAMES:
            raise SettingError(f"cap must be one of {CAP_NAMES}; got {self.cap!r}")
        value: object = self.value
        if value in (NO_CAP, AS_FILED):
            return
        if isinstance(value, float) and not self.cap.endswith("_usd") and value.is_integer():
            object.__setattr__(self, "value", int(value))
        elif type(value) is int and self.cap.endswith("_usd") and abs(value) < 2**53:
            object.__setattr__(self, "value", float(value))
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise SettingError(
                f"{self.cap} must be a number, {NO_CAP!r} or {AS_FILED!r}; got {value!r}"
            )
        try:
            Caps.model_validate({self.cap: self.value})
        except ValidationError as error:
            raise SettingError(explain(error, source="set", what="a cap")) from None

    def _check_grant(self) -> None:
        if self.lasts_us is None:
            raise SettingError("a grant must have an end; a lasting change is a set")
        if (self.add_usd is None) == (self.factor is None):
            raise SettingError("a grant must be more dollars or a factor, one of both")
        if self.add_usd is not None:
            try:
                Caps.model_validate({"month_usd": self.add_usd})
            except ValidationError:
                raise SettingError(
                    f"dollars of a grant must be above 0 and at most $9,007,199; "
                    f"got {self.add_usd!r}"
                ) from None
        factor = self.factor
        if factor is not None and not (
            isinstance(factor, int | float) and math.isfinite(factor) and 1 < factor <= 1000
        ):
            raise SettingError(f"factor must be above 1 and at most 1000; got {factor!r}")

    @property
    def until_us(self) -> int | None:
        """When it ends by itself."""
        return None if self.lasts_us is None else self.at_us + self.lasts_us

    def taken(self, now: int, given: Sequence[Control] = ()) -> Control:
        """As a ledger takes it now: dated, numbered after all given, with a key of its own."""
        last = max((control.at_us for control in given), default=0)
        number = 1 + max((control.number for control in given), default=0)
        key = self.key or os.urandom(8).hex()
        return replace(self, at_us=max(now, last), number=number, key=key)

    @property
    def words(self) -> str:
        """What is ordered, in words."""
        if self.what == "set":
            value = {NO_CAP: "no cap", AS_FILED: "as the file says"}.get(str(self.value))
            return f"set {self.target}, {self.cap}: {value or _amount(str(self.cap), self.value)}"
        if self.what != "grant":
            return f"{self.what} {'grants of ' if self.what == 'revoke' else ''}{self.target}"
        if self.add_usd is not None:
            more = f"{_amount('usd', self.add_usd)} more in each dollar cap"
        else:
            more = f"{self.factor:g} times each cap"
        return f"grant {self.target}: {more}"

    def to_json(self) -> str:
        """One line for a list of controls."""
        kept: dict[str, Any] = {"number": self.number, "at": iso(self.at_us)}
        if self.until_us is not None:
            kept["until"] = iso(self.until_us)
        kept |= {"who": self.who, "why": self.why, "what": self.what, "scope": self.target.scope}
        for name in ("name", "tier"):
            kept[name] = getattr(self.target, name)
        for name in ("cap", "value", "add_usd", "factor"):
            kept[name] = getattr(self, name)
        kept["key"] = self.key
        return json.dumps({k: v for k, v in kept.items() if v is not None}, ensure_ascii=False)


_ALLOWED = {"key", "at", "until", "scope", "name", "tier"} | (
    {field.name for field in fields(Control)} - {"target", "lasts_us", "at_us"}
)


def read_control(line: str | bytes) -> Control:
    """The control of a line.

    Raises
    ------
    DataError
        It is none, or of a newer version.

    Examples
    --------
    >>> order = Control("stop", Target("feature", "chat"), "max", "runaway").taken(0)
    >>> read_control(order.to_json()) == order
    True
    """
    try:
        found = json.loads(line)
        if not isinstance(found, Mapping) or not set(found) <= _ALLOWED or not found.get("key"):
            raise ValueError("is no control")
        rest = dict(found)
        at = _instant(rest.pop("at"))
        until = rest.pop("until", None)
        lasts = None if until is None else _instant(until) - at
        target = Target(rest.pop("scope"), rest.pop("name", None), rest.pop("tier", None))
        return Control(target=target, at_us=at, lasts_us=lasts, **rest)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"is no control: {error}") from None


def checked_control(control: object) -> Control:
    """An order that is one."""
    if not isinstance(control, Control):
        raise SettingError(f"an order must be a Control; got {control!r}")
    return control


def in_order(controls: Iterable[Control]) -> tuple[Control, ...]:
    """Each control once, oldest first: the same for everybody, however the list was put together.

    A list that was lost is filled again by those who know it, in any order.
    """
    once = {control.key: control for control in controls}
    return tuple(sorted(once.values(), key=lambda each: (each.at_us, each.number, each.key)))


def check_names(policy: Policy, target: Target) -> None:
    """Refuse a tier or feature that the policy does not name, where it names any.

    Raises
    ------
    SettingError
        With the names that there are.
    """
    tiers = sorted({*policy.user.by_tier, *policy.tier})
    features = sorted(policy.feature)
    tier = target.name if target.scope == "tier" else target.tier
    for what, name, known in (
        ("tier", tier, tiers),
        ("feature", target.name if target.scope == "feature" else None, features),
    ):
        if name is not None and known and name not in known:
            raise SettingError(
                f"{what} must be one that limits {policy.name} name, {known}; got {name!r}"
            )


def _words(value: object, name: str) -> str:
    text = value.strip() if isinstance(value, str) else value
    if not isinstance(text, str) or not 0 < len(text) <= LONGEST_WORDS:
        raise SettingError(f"{name} must be said in 1 to {LONGEST_WORDS} characters")
    return checked_id(text, name)


def _amount(cap: str, value: float | str | None) -> str:
    from costsim.show.formats import count, usd

    return usd(value) if cap.endswith("usd") else count(value)


def _hours(us: int | None) -> str:
    return f"{us / 3.6e9:g} hours" if isinstance(us, int) else repr(us)


def iso(at_us: int) -> str:
    """A moment as the list has it."""
    moment = _EPOCH + timedelta(microseconds=at_us)
    return moment.isoformat().replace("+00:00", "Z")


def _instant(text: str) -> int:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"time must have a zone; got {text!r}")
    return instant_us(moment)
