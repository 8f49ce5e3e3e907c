"""A scenario: what a product, its users and its launches would do, as one TOML file."""

from __future__ import annotations

import hashlib
import tomllib
from datetime import date, datetime, timedelta
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from costsim.errors import SettingError, UnknownNameError
from costsim.paths import bundled
from costsim.simulation.calendar import HOUR_US, Calendar, calendar_of
from costsim.simulation.distributions import Tokens
from costsim.simulation.noise import Noise

if TYPE_CHECKING:
    from costsim.simulation.expected import Expectation

Hours = Annotated[list[Annotated[float, Field(ge=0)]], Field(min_length=24, max_length=24)]
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Profile(_Model):
    """When people work: a weight for each local hour of the day and each day of the week.

    Ordinary traffic uses both normalised to mean one. Cohorts use the hours normalised to sum
    one and the days as they stand, so that ``fri = 0.6`` means 60% of a usual day.
    """

    hours: Hours
    days: dict[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], float] = {}

    @model_validator(mode="after")
    def _some(self) -> Self:
        if sum(self.hours) <= 0:
            raise ValueError("hours must not all be 0")
        if any(weight < 0 for weight in self.days.values()) or (
            len(self.days) == 7 and not any(self.days.values())
        ):
            raise ValueError("days must not be negative, nor all 0")
        return self

    @property
    def day_weights(self) -> list[float]:
        """Weight of each day, Monday first; a day that is not named has 1."""
        return [self.days.get(day, 1.0) for day in WEEKDAYS]  # type: ignore[call-overload]


class Activity(_Model):
    """How unequal users are: Zipf weights ``rank**-exponent``, or lognormal ones."""

    law: Literal["zipf", "lognormal"] = "zipf"
    exponent: float = Field(default=0.8, ge=0, le=3)
    log_sd: float = Field(default=1.0, ge=0, le=4)


class Tier(_Model):
    """A plan that users are on."""

    name: str = Field(min_length=1)
    share: float = Field(gt=0, le=1)
    price_usd_per_month: float = Field(default=0.0, ge=0)


class Population(_Model):
    """Who uses the product."""

    users: int = Field(gt=0, le=10_000_000)
    activity: Activity = Activity()
    tiers: list[Tier] = []

    @model_validator(mode="after")
    def _whole(self) -> Self:
        total = sum(tier.share for tier in self.tiers)
        if self.tiers and abs(total - 1) > 1e-9:
            raise ValueError(f"tier shares must sum to 1; they sum to {total:g}")
        return self


class Sessions(_Model):
    """Calls come in conversations of a geometric number of calls, a think time apart."""

    mean_calls: float = Field(default=1.0, ge=1, le=1000)
    think_seconds: float = Field(default=60.0, ge=0, le=86_400)


class FirstUse(_Model):
    """When members of a cohort first try a feature.

    `days` are weights of the days from the launch's on; on the launch day the hour is uniform in
    `launch_day_hours` (local, from and to), later it follows the feature's profile.
    """

    days: list[Annotated[float, Field(ge=0)]] = Field(min_length=1)
    launch_day_hours: tuple[float, float] = (0, 24)

    @model_validator(mode="after")
    def _weights(self) -> Self:
        if abs(sum(self.days) - 1) > 1e-9:
            raise ValueError(f"days must sum to 1; they sum to {sum(self.days):g}")
        low, high = self.launch_day_hours
        if not 0 <= low < high <= 24:
            raise ValueError("launch_day_hours must be [from, to] with 0 <= from < to <= 24")
        return self


class Cohort(_Model):
    """Users of one kind: how often each of them calls, and since when."""

    users: int = Field(gt=0)
    calls_per_day: float = Field(gt=0)
    activity_log_sd: float = Field(default=0.0, ge=0, le=3)
    profile: str | None = None
    first_use: FirstUse | None = None


class Feature(_Model):
    """A product feature that calls a model."""

    model: str
    provider: str | None = None
    profile: str
    input_tokens: Tokens
    output_tokens: Tokens
    calls_per_week: float | None = Field(default=None, gt=0)
    cohorts: dict[str, Cohort] = {}
    launch: datetime | None = None
    sessions: Sessions = Sessions()
    passes: int = Field(default=1, ge=1, le=100)
    prompt_version: str = "1"
    first_token_ms: float = Field(default=400.0, gt=0)
    output_tokens_per_second: float = Field(default=60.0, gt=0)
    temperature: float | None = Field(default=None, ge=0, le=2)

    @model_validator(mode="after")
    def _traffic(self) -> Self:
        if self.calls_per_week is None and not self.cohorts:
            raise ValueError("give calls_per_week, cohorts, or both")
        if any(c.first_use for c in self.cohorts.values()) and self.launch is None:
            raise ValueError("a cohort with first_use needs the feature's launch")
        return self

    @property
    def reach_days(self) -> int:
        """Days after its own into which a session may run.

        A geometric number of exponential think times is exponential: one in e**40 lasts longer.
        """
        seconds = 40 * self.sessions.mean_calls * self.sessions.think_seconds
        pass_seconds = self.output_tokens.expected / self.output_tokens_per_second
        seconds += self.passes * (self.first_token_ms / 1000 + pass_seconds)
        return ceil(seconds / (23 * 3600))


class Incident(_Model):
    """What went wrong, for scoring: since when, and which feature's dollars are the excess."""

    feature: str
    cause: Literal["volume"]
    starts: datetime
    movable: bool = False
    account: str = ""


class Note(_Model):
    """A moment that pages mark, such as the day of a mail."""

    at: datetime
    label: str


class Week(_Model):
    """The days that pages talk about."""

    start: date
    days: int = Field(default=7, gt=0, le=366)


class Layers(_Model):
    """Controls that the product has in place; those this version does not run are recorded."""

    logging: bool = True
    alarm_z: float | None = Field(default=None, gt=0)
    alarm_user_share: float | None = Field(default=None, gt=0, le=1)
    user_cap_usd: dict[Literal["hour", "day", "month"], float] = {}
    budget_ladder: dict[Literal["notify", "warn", "shut"], float] = {}


class Scenario(_Model):
    """A product, its users, its launches and what goes wrong, with everything stated.

    Read from TOML by :func:`load_scenario`; `start`, `time_zone`, `monthly_budget_usd` and
    `price_book` have no default, because a wrong guess of them makes every page wrong.
    """

    name: str = Field(min_length=1)
    title: str = ""
    account: str = ""
    start: date
    days: int = Field(gt=0, le=3660)
    time_zone: str
    monthly_budget_usd: float = Field(gt=0)
    price_book: str
    week: Week | None = None
    population: Population
    profiles: dict[str, Profile]
    features: dict[str, Feature] = Field(min_length=1)
    noise: Noise = Noise()
    incidents: dict[str, Incident] = {}
    notes: list[Note] = []
    layers: Layers | None = None

    @field_validator("time_zone")
    @classmethod
    def _zone(cls, value: str) -> str:
        try:
            return ZoneInfo(value).key
        except (KeyError, ValueError, OSError) as error:
            raise ValueError("must be an IANA name such as 'Europe/Berlin'") from error

    @model_validator(mode="after")
    def _names(self) -> Self:
        for name, feature in self.features.items():
            wanted = [("profile", feature.profile)]
            wanted += [
                (f"cohorts.{c}.profile", cohort.profile)
                for c, cohort in feature.cohorts.items()
                if cohort.profile
            ]
            for key, profile in wanted:
                if profile not in self.profiles:
                    raise ValueError(
                        f"features.{name}.{key} must be one of {sorted(self.profiles)}; "
                        f"got {profile!r}"
                    )
            if sum(c.users for c in feature.cohorts.values()) > self.population.users:
                raise ValueError(
                    f"features.{name}.cohorts must not have more users than population"
                )
        for name, incident in self.incidents.items():
            if incident.feature not in self.features:
                raise ValueError(
                    f"incidents.{name}.feature must be one of {sorted(self.features)}; "
                    f"got {incident.feature!r}"
                )
        return self

    @model_validator(mode="after")
    def _times(self) -> Self:
        end = self.start + timedelta(days=self.days)
        run = f"lie within the run, from {self.start} to before {end}"
        if self.week:
            last = self.week.start + timedelta(days=self.week.days)
            if not (self.start <= self.week.start and last <= end):
                raise ValueError(f"week must {run}; got {self.week.start} to before {last}")
        for name, incident in self.incidents.items():
            if not self.start <= incident.starts.date() < end:
                raise ValueError(f"incidents.{name}.starts must {run}; got {incident.starts}")
        return self

    @property
    def calendar(self) -> Calendar:
        return calendar_of(self.start, self.days, self.time_zone)

    @property
    def focus(self) -> Week:
        """The week that pages talk about: the stated one, else the last seven days."""
        if self.week:
            return self.week
        days = min(7, self.days)
        return Week(start=self.calendar.date_of(self.days - days), days=days)

    @property
    def hash(self) -> str:
        """Digest of everything that the scenario states."""
        text = self.model_dump_json(exclude={"title", "account"})
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def expected(self) -> Expectation:
        """Closed-form expectation of calls and dollars, by feature and cohort."""
        from costsim.simulation.expected import expect

        return expect(self)

    def without_launches(self, *, days: int | None = None) -> Scenario:
        """Ordinary life only: features that launch, and incidents, are left out.

        Parameters
        ----------
        days : int, optional
            Another length in days.
        """
        features = {n: f for n, f in self.features.items() if f.launch is None}
        if not features:
            raise SettingError(f"scenario {self.name} has no feature without a launch")
        change: dict[str, Any] = {"features": features, "incidents": {}, "notes": [], "week": None}
        return self.model_copy(update=change | ({"days": days} if days else {}))

    def first_days(self, days: int) -> Scenario:
        """The scenario cut to its first days; its week becomes the last seven of them.

        Incidents and notes of later days are left out.

        Raises
        ------
        SettingError
            Fewer than one day, or more than the scenario has.
        """
        if not 1 <= days <= self.days:
            raise SettingError(f"days must be from 1 to {self.days}; got {days!r}")
        cut = self.model_copy(update={"days": days, "week": None})
        end = cut.calendar.hours * HOUR_US
        change = {
            "incidents": {
                n: i for n, i in self.incidents.items() if cut.calendar.elapsed_us(i.starts) < end
            },
            "notes": [note for note in self.notes if cut.calendar.elapsed_us(note.at) < end],
        }
        return cut.model_copy(update=change)

    def describe(self) -> str:
        """The scenario in words."""
        from costsim.simulation.expected import describe

        return describe(self)

    def __repr__(self) -> str:
        return (
            f"Scenario({self.name!r}, {self.days} days from {self.start} {self.time_zone}, "
            f"{self.population.users:,} users, {len(self.features)} features); "
            "next: costsim.simulate(scenario, seed=7)"
        )


def scenario_names() -> list[str]:
    """Names of the bundled scenarios."""
    return sorted(path.stem for path in bundled("scenarios").glob("*.toml"))


def load_scenario(name: str | Path) -> Scenario:
    """Scenario by bundled name or path of a TOML file.

    A file may say ``extends = "other"`` and give only what differs; tables are merged key by
    key, and the key's value ``"none"`` under `features` or `incidents` takes an entry out.

    Raises
    ------
    SettingError
        Path of the key, what was got, what is allowed; up to five at once.

    Examples
    --------
    >>> load_scenario("surprise-40k").monthly_budget_usd
    55000.0
    """
    path = _find(name)
    data = _read(path, ())
    return parse_scenario(data, source=path.name)


def parse_scenario(data: dict[str, Any], *, source: str = "scenario") -> Scenario:
    """Scenario from the mapping that a TOML file holds; errors as :func:`load_scenario`."""
    try:
        return Scenario.model_validate(data)
    except ValidationError as error:
        lines = [_explain(item) for item in error.errors(include_url=False)]
        more = f"; and {len(lines) - 5} more" if len(lines) > 5 else ""
        raise SettingError(f"{source}: " + "; ".join(lines[:5]) + more) from None


def _find(name: str | Path) -> Path:
    text = str(name)
    if text.endswith(".toml") or "/" in text or isinstance(name, Path):
        path = Path(name)
        if not path.is_file():
            raise SettingError(f"scenario file does not exist: {path}")
        return path
    path = bundled("scenarios") / f"{text}.toml"
    if not path.is_file():
        raise UnknownNameError("scenario", text, scenario_names())
    return path


def _read(path: Path, seen: tuple[Path, ...]) -> dict[str, Any]:
    if path in seen:
        raise SettingError(f"{path.name}: extends goes in a circle")
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingError(f"{path.name} is not valid TOML: {error}") from error
    base = data.pop("extends", None)
    if base is None:
        return data
    beside = path.parent / f"{base}.toml"
    parent = beside if beside.is_file() else _find(str(base))
    return _merge(_read(parent, (*seen, path)), data)


def _merge(base: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in change.items():
        if value == "none" and isinstance(base.get(key), dict):
            merged.pop(key)
        elif isinstance(value, dict) and isinstance(base.get(key), dict):
            merged[key] = _merge(base[key], value)
        else:
            merged[key] = value
    return merged


def _explain(item: Any) -> str:
    path = ".".join(str(part) for part in item["loc"])
    if item["type"] == "missing":
        return f"{path} is required"
    if item["type"] == "extra_forbidden":
        return f"{path} is not a key of the scenario"
    reason = item["msg"].removeprefix("Value error, ").removeprefix("Input should ")
    if reason.startswith("be "):
        reason = f"must {reason}"
    elif path and not reason.startswith("must "):
        reason = f"is wrong: {reason}"
    got = item["input"]
    shown = "" if isinstance(got, dict | BaseModel) else f"; got {got!r}"
    return f"{path} {reason}{shown}".strip()
