"""What may be spent, as a file says it: caps by user, tier, feature and organisation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationError, field_validator, model_validator

from costsim.errors import SettingError
from costsim.limits.burst import BurstGuard
from costsim.limits.file_model import BY_NAME, NUMBER, Count, FileModel, Flag
from costsim.limits.ladder import ACTIONS, Level, check_features, check_ladder
from costsim.toml_files import explain, file_names, find_file, read_toml
from costsim.toml_writing import toml_lines

LARGEST_NANO = 2**53
"""Lua numbers are doubles: a window above this ($9.007M) could not be added up exactly."""

Usd = Annotated[float, Field(gt=0), NUMBER]


class Caps(FileModel):
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
        if value is not None and not nano(value):
            raise ValueError("must be at least a nano-dollar, 1e-9")
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

    by_tier: Annotated[dict[str, Caps], BY_NAME] = {}
    """What a tier's users have instead, key by key."""
    by_user: Annotated[dict[str, Caps], BY_NAME] = {}
    """What one user has instead, key by key; before the tier's."""


class Evaluation(FileModel):
    """When and how it was tried whether a cheaper model does a feature's work."""

    on: date | None = None
    """The day, such as 2026-10-01."""
    how: str = ""
    """In words: what was compared, and what came out."""
    waived: str = ""
    """Why the route may be taken without that."""

    @model_validator(mode="after")
    def _says(self) -> Self:
        if not self.waived.strip() and (self.on is None or not self.how.strip()):
            raise ValueError("must say on (a day) and how, or waived with the reason")
        return self


class FeatureCaps(Caps):
    """Caps of all calls of a feature together, and where to go before refusing."""

    downgrade_to: list[str] = []
    """Models to try in this order when the one asked for does not fit."""
    evaluated: dict[str, Evaluation] = {}
    """By model of `downgrade_to`, when and how it was tried."""
    critical: Flag = True
    """A feature that is not critical may be switched off first."""

    @model_validator(mode="after")
    def _routes(self) -> Self:
        for model in self.evaluated:
            if model not in self.downgrade_to:
                raise ValueError(
                    f"evaluated names {model!r}, which is not one of downgrade_to "
                    f"{self.downgrade_to}"
                )
        return self

    @property
    def unevaluated(self) -> tuple[str, ...]:
        """Routes that nobody has tried, and nobody waived."""
        return tuple(model for model in self.downgrade_to if model not in self.evaluated)


class OrganisationCaps(Caps):
    """Caps of everything together."""

    alert_at: list[Annotated[float, Field(gt=0, le=10), NUMBER]] = []
    """Shares of `month_usd` at which an alert goes out, such as 0.8: short for levels of the
    ladder that notify."""
    ladder: list[Level] = []
    """What happens as the month's budget fills."""

    @model_validator(mode="after")
    def _budget(self) -> Self:
        for name in ("alert_at", "ladder"):
            if getattr(self, name) and self.month_usd is None:
                raise ValueError(f"{name} needs month_usd, of which it is a share")
        return self

    @property
    def levels(self) -> tuple[Level, ...]:
        """The ladder with `alert_at` in it, each level once, rising; of one share mildest first."""
        told = [Level(at=share, do="notify") for share in self.alert_at]
        found: list[Level] = []
        for level in (*told, *self.ladder):
            if level not in found:
                found.append(level)
        return tuple(sorted(found, key=lambda level: (level.at, ACTIONS.index(level.do))))


class RequestCaps(FileModel):
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


Outage = Literal["deny"] | float


class OutageRules(FileModel):
    """What a shared ledger decides by while its store is away.

    "deny" refuses the calls that a cap of this scope concerns. A number is a slice: each process
    lets through that part of each cap by itself, window by window, so a cap is overspent at most
    by processes x slice x cap, however often the store goes away in the window.
    """

    user: Outage = "deny"
    tier: Outage = "deny"
    feature: Outage = "deny"
    organisation: Outage = "deny"

    @field_validator("user", "tier", "feature", "organisation", mode="before")
    @classmethod
    def _allowed(cls, value: object) -> object:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if value != "deny" and not (number and 0 < value <= 1):  # type: ignore[operator]
            raise ValueError("must be 'deny' or a share above 0 and at most 1")
        return value

    @property
    def shares(self) -> dict[str, float]:
        """The part of the caps that a process may spend alone, by scope; 0 where it denies."""
        return {scope: 0.0 if value == "deny" else value for scope, value in self}


class Policy(FileModel):
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
    recording_delay_seconds: Annotated[float, NUMBER] = Field(default=0.0, ge=0, le=14 * 86_400)
    """For "check": from a call's end to its entry in the account."""
    lease_seconds: Annotated[float, NUMBER] = Field(default=600.0, ge=1, le=86_400)
    """A reservation that nobody settles is charged after so long."""
    request: RequestCaps = RequestCaps()
    user: UserCaps = UserCaps()
    tier: Annotated[dict[str, Caps], BY_NAME] = {}
    """Caps of all users of a tier together."""
    feature: Annotated[dict[str, FeatureCaps], BY_NAME] = {}
    organisation: OrganisationCaps = OrganisationCaps()
    enforce_organisation: Flag = True
    """Whether the organisation's caps refuse calls, or only alert; its ladder acts either way."""
    burst: BurstGuard | None = None
    """How fast one user may call."""
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
        check_ladder(self)
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
        named: Mapping[str, object]
        for where, named, known in (
            ("user.by_tier", self.user.by_tier, tiers),
            ("burst.by_tier", self.burst.by_tier if self.burst else {}, tiers),
            ("tier", self.tier, tiers),
            ("feature", self.feature, features),
        ):
            for name in named:
                if name not in known:
                    raise SettingError(
                        f"limits {self.name}: {where}.{name} must name one of {sorted(known)}"
                    )
        check_features(self, features)

    @property
    def unevaluated(self) -> tuple[tuple[str, str], ...]:
        """Feature and model of each downgrade route that is neither evaluated nor waived."""
        return tuple((n, model) for n, caps in self.feature.items() for model in caps.unevaluated)

    @classmethod
    def from_unit_economics(
        cls,
        price_usd_per_month: float | Mapping[str, float] = 20.0,
        target_margin: float = 0.7,
        *,
        users: int | Mapping[str, int] | None = None,
        free_usd_per_month: float | None = None,
        cap_over_mean: float = 5.0,
        name: str = "unit-economics",
        time_zone: str = "UTC",
    ) -> Self:
        """Limits that follow from what users pay and what is to be left of it.

        Parameters
        ----------
        price_usd_per_month : float, or mapping of tier to float
            What a user pays; 0 for a tier that pays nothing.
        target_margin : float
            Part of the price that calls must not take, at least 0, below 1.
        users : int, or mapping of tier to int, optional
            How many there are; with them the organisation's month is limited, too.
        free_usd_per_month : float, optional
            What a user of a tier that pays nothing may cost on average; required where there is
            one.
        cap_over_mean : float
            How many times the average one user may take in a month, at least 1.
        name, time_zone : str
            Of the policy.

        Raises
        ------
        SettingError
            A number that is not allowed, or free users who would take more than there is.

        Notes
        -----
        A price leaves ``price x (1 - margin)`` a month for calls: $20 at 70% leaves $6 for the
        *average* user. A cap is not an average. Use is uneven, so that a cap of $6 would block
        whoever is above the mean while the month costs far less; the cap is `cap_over_mean` times
        that, $30, and rests on the assumption that the mean of what users take under it stays at
        $6: true if at most one user in five is at the cap and the others take nothing, or fewer and
        they take some. Only the organisation's month, ``users x $6``, holds it whatever users do;
        give `users` to have it, and rehearse both by ``costsim limits check``.

        What free users cost on average is taken from what the others leave, where `users` says how
        many of each there are; else it comes on top. A day has a fifth of a month's cap, an hour
        a fourth of a day's.

        Examples
        --------
        >>> policy = Policy.from_unit_economics(20, 0.7, users=5_000)
        >>> policy.user.month_usd, policy.user.day_usd, policy.organisation.month_usd
        (30.0, 6.0, 30000.0)
        >>> policy = Policy.from_unit_economics({"free": 0, "pro": 20}, free_usd_per_month=0.5,
        ...                                     users={"free": 4_000, "pro": 1_000})
        >>> {tier: caps.month_usd for tier, caps in policy.user.by_tier.items()}
        {'free': 2.5, 'pro': 20.0}
        >>> policy.organisation.month_usd
        6000.0
        """
        from costsim.limits.unit_economics import limits_of_price

        made = limits_of_price(
            price_usd_per_month, target_margin, users, free_usd_per_month, cap_over_mean
        )
        try:
            return cls.model_validate({"name": name, "time_zone": time_zone, **made})
        except ValidationError as error:
            raise SettingError(
                explain(error, source="unit economics", what="a limits file")
            ) from None

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
