"""What may be spent, as a file says it: caps by user, tier, feature and organisation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from costsim.errors import SettingError
from costsim.toml_files import explain, file_names, find_file, read_toml
from costsim.toml_writing import toml_lines

LARGEST_NANO = 2**53
"""Lua numbers are doubles: a window above this ($9.007M) could not be added up exactly."""

Usd = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(gt=0, le=2**53)]


class _Model(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


class Caps(_Model):
    """Most that may be taken in one calendar window, and in flight; what is not given is free."""

    hour_usd: Usd | None = None
    day_usd: Usd | None = None
    month_usd: Usd | None = None
    hour_calls: Count | None = None
    day_calls: Count | None = None
    month_calls: Count | None = None
    hour_tokens: Count | None = None
    """Input and output tokens together."""
    day_tokens: Count | None = None
    month_tokens: Count | None = None
    open_calls: Count | None = None
    """Calls in flight at one time."""

    @field_validator("hour_usd", "day_usd", "month_usd")
    @classmethod
    def _exact(cls, value: float | None) -> float | None:
        if value is not None and value * 1e9 > LARGEST_NANO:
            raise ValueError(f"must be at most ${LARGEST_NANO / 1e9:,.0f}")
        return value

    @property
    def stated(self) -> dict[str, int]:
        """The caps that are given, in nano-dollars, calls or tokens, by key."""
        found = {}
        for name in CAP_NAMES:
            value = getattr(self, name)
            if value is not None:
                found[name] = nano(value) if name.endswith("_usd") else int(value)
        return found


CAP_NAMES = tuple(Caps.model_fields)
"""Keys of caps, shortest window first within each unit."""


class UserCaps(Caps):
    """Caps of every user, with others for the users of a tier or for one user."""

    by_tier: dict[str, Caps] = {}
    """What a tier's users have instead, key by key."""
    by_user: dict[str, Caps] = {}
    """What one user has instead, key by key; before the tier's."""


class FeatureCaps(Caps):
    """Caps of all calls of a feature together, and where to go before refusing."""

    downgrade_to: list[str] = []
    """Models to try in this order when the one asked for does not fit."""
    critical: bool = True
    """A feature that is not critical may be switched off first."""


class OrganisationCaps(Caps):
    """Caps of everything together."""

    alert_at: list[Annotated[float, Field(gt=0, le=10)]] = []
    """Shares of `month_usd` at which an alert goes out, such as 0.8."""

    @model_validator(mode="after")
    def _budget(self) -> Self:
        if self.alert_at and self.month_usd is None:
            raise ValueError("alert_at needs month_usd, of which it is a share")
        return self


class RequestCaps(_Model):
    """Most tokens of one request."""

    max_input_tokens: Count | None = None
    """A longer request is refused."""
    max_output_tokens: Count = 4096
    """Sent as max_tokens where the caller asks for more, or for nothing."""
    hold_output_tokens: Count | None = None
    """Output tokens that a reservation counts with, at most: by default all that may come. A
    quantile of your answers, such as their 95th percentile, refuses fewer calls because of open
    reservations. A cap is then overshot by no more than the longer answers of the calls open at
    one time cost beyond their holds."""

    @model_validator(mode="after")
    def _held(self) -> Self:
        hold, most = self.hold_output_tokens, self.max_output_tokens
        if hold is not None and hold > most:
            raise ValueError(
                f"hold_output_tokens must be at most max_output_tokens, {most:,}; got {hold:,}"
            )
        return self

    @property
    def held_output_tokens(self) -> int:
        """Most output tokens that a reservation counts with."""
        hold = self.hold_output_tokens
        return self.max_output_tokens if hold is None else hold


Outage = Literal["deny"] | Annotated[float, Field(gt=0, le=1)]


class OutageRules(_Model):
    """What a shared ledger decides by while its store is away.

    "deny" refuses the calls that a cap of this scope concerns. A number is a slice: each process
    lets through that part of each cap by itself, window by window, so a cap is overspent at most
    by processes x slice x cap, however often the store goes away in the window.
    """

    user: Outage = "deny"
    tier: Outage = "deny"
    feature: Outage = "deny"
    organisation: Outage = "deny"

    @property
    def shares(self) -> dict[str, float]:
        """The part of the caps that a process may spend alone, by scope; 0 where it denies."""
        return {scope: 0.0 if value == "deny" else value for scope, value in self}


class Policy(_Model):
    """Limits as a file says them; read by :func:`load_limits`.

    A budget cap that only alerts is left out of the caps: ``enforce_organisation = false``.
    """

    name: str = Field(min_length=1)
    title: str = ""
    account: str = ""
    time_zone: str = "UTC"
    """IANA zone of the calendar windows."""
    accounting: Literal["reserve", "check"] = "reserve"
    """"reserve" holds an upper bound before the call and settles after it; "check" looks whether
    the limit is reached and records afterwards, as most limiters do."""
    recording_delay_seconds: float = Field(default=0.0, ge=0, le=14 * 86_400)
    """For "check": from a call's end to its entry in the account."""
    lease_seconds: float = Field(default=600.0, ge=1, le=86_400)
    """A reservation that nobody settles is charged after so long."""
    request: RequestCaps = RequestCaps()
    user: UserCaps = UserCaps()
    tier: dict[str, Caps] = {}
    """Caps of all users of a tier together."""
    feature: dict[str, FeatureCaps] = {}
    organisation: OrganisationCaps = OrganisationCaps()
    enforce_organisation: bool = True
    """Whether the organisation's caps refuse calls, or only alert."""
    outage: OutageRules = OutageRules()
    """By scope, what holds while the store of a shared ledger is away."""

    @field_validator("time_zone")
    @classmethod
    def _zone(cls, value: str) -> str:
        try:
            return ZoneInfo(value).key
        except (KeyError, ValueError, OSError) as error:
            raise ValueError("must be an IANA name such as 'Europe/Berlin'") from error

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.accounting == "reserve" and self.recording_delay_seconds:
            raise ValueError("recording_delay_seconds needs accounting = 'check'")
        if self.accounting == "check" and self.request.hold_output_tokens is not None:
            raise ValueError("hold_output_tokens needs accounting = 'reserve'")
        return self

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    def check_names(self, *, tiers: set[str], features: set[str]) -> None:
        """Refuse a tier or feature that the product does not have.

        Raises
        ------
        SettingError
            With the key's path.
        """
        for where, named, known in (
            ("user.by_tier", self.user.by_tier, tiers),
            ("tier", self.tier, tiers),
            ("feature", self.feature, features),
        ):
            for name in named:
                if name not in known:
                    raise SettingError(
                        f"limits {self.name}: {where}.{name} must name one of {sorted(known)}"
                    )

    def to_toml(self, comments: Sequence[str] = ()) -> str:
        """The file that :func:`load_limits` reads as the same limits, under some lines of comment.

        Examples
        --------
        >>> import tomllib
        >>> policy = load_limits("per-tier")
        >>> parse_limits(tomllib.loads(policy.to_toml(["mine"]))) == policy
        True
        """
        lines = [f"# {' '.join(line.split())}".rstrip() for line in comments]
        lines += [""] * bool(lines)
        # what a file leaves out is its default, and comes back as such
        lines += toml_lines(self.model_dump(exclude_defaults=True, mode="json"))
        return "\n".join(lines).rstrip() + "\n"

    def __repr__(self) -> str:
        caps = len(self.user.stated) + len(self.organisation.stated)
        return (
            f"Policy({self.name!r}, {self.accounting}, {caps} caps of user and organisation); "
            "next: costsim.simulate(scenario, limits=policy)"
        )


def nano(usd: float) -> int:
    """Whole nano-dollars of a limit, rounded to the nearest.

    Examples
    --------
    >>> nano(0.1)
    100000000
    """
    return math.floor(usd * 1e9 + 0.5)


def limit_names() -> list[str]:
    """Names of the bundled limits files."""
    return file_names("limits")


def load_limits(name: str | Path) -> Policy:
    """Limits by bundled name or path of a TOML file.

    Raises
    ------
    SettingError
        Path of the key, what was got, what is allowed; up to five at once.

    Examples
    --------
    >>> load_limits("flat-caps").user.day_usd
    5.0
    """
    path = find_file(name, "limits", "limits")
    return parse_limits(read_toml(path), source=path.name)


def parse_limits(data: dict[str, Any], *, source: str = "limits") -> Policy:
    """Limits from the mapping that a TOML file holds; errors as :func:`load_limits`."""
    try:
        return Policy.model_validate(data)
    except ValidationError as error:
        raise SettingError(explain(error, source=source, what="a limits file")) from None
