"""A feature that launches, as the tables of a scenario file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from costsim.errors import SettingError
from costsim.prices import load_price_book
from costsim.show.formats import trimmed
from costsim.simulation.request_tokens import LognormalTokens
from costsim.simulation.token_ranges import TokenRange, read_tokens
from costsim.toml_writing import toml_value

if TYPE_CHECKING:
    from costsim.simulation.scenario import Scenario
    from costsim.simulation.settings import Profile
    from costsim.simulation.staging import StagedTokens

COHORT: Final = "users"
"""Name of the cohort that uses the feature."""

_BARE = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class NewFeature:
    """A feature that launches.

    Parameters
    ----------
    name : str
        A word: letters, digits, ``_`` and ``-``.
    model : str
        Name in the scenario's price book.
    launch : datetime or str
        Local time of the scenario, such as ``"2026-12-04T14:00"``.
    input_tokens, output_tokens : number, str, pair or mapping, optional
        As of `estimate_cost`; not where `staged` has them.
    users, calls_per_user_day : optional
        A cohort of so many users, each with so many requests on a day of the profile's weight 1.
    calls_per_week : float, optional
        Ordinary traffic of all users, in place of a cohort.
    adoption_days : int, optional
        First uses are spread evenly over so many days from the launch's on; with `bass` by
        diffusion (28 by default). Without either, all use it from the launch on.
    bass : (float, float), optional
        Innovation p and imitation q, a day.
    profile : str, optional
        When its users work; ``"office"``, or the only one there is, by default.
    provider : str, optional
    cached_share : float
        Share of the input read from the provider's cache.
    passes : int
        Calls that one request makes.
    max_input_tokens, max_output_tokens : int, optional
        Caps.
    staged : StagedTokens, optional
        Tokens of calls that were made before the launch.
    """

    name: str
    model: str
    launch: datetime | str
    input_tokens: TokenRange | None = None
    output_tokens: TokenRange | None = None
    users: int | None = None
    calls_per_user_day: float | None = None
    calls_per_week: float | None = None
    adoption_days: int | None = None
    bass: Sequence[float] | None = None
    profile: str | None = None
    provider: str | None = None
    cached_share: float = 0.0
    passes: int = 1
    max_input_tokens: int | None = None
    max_output_tokens: int | None = None
    staged: StagedTokens | None = None


def feature_toml(feature: NewFeature, scenario: Scenario) -> str:
    """The feature as tables of a scenario file.

    Raises
    ------
    SettingError
        The scenario has it already, or something about it cannot be.
    PriceError
        The scenario's price book has no price of the model.

    Examples
    --------
    >>> from costsim.simulation import load_scenario
    >>> new = NewFeature("notes", "gpt-4o", "2024-08-02T14:00", 6000, 500, calls_per_week=100)
    >>> print(feature_toml(new, load_scenario("quiet")))
    [features.notes]
    # tokens: assumed
    model = "gpt-4o"
    profile = "office"
    launch = 2024-08-02T14:00:00
    input_tokens = { median = 6000, log_sd = 0 }
    output_tokens = { median = 500, log_sd = 0 }
    calls_per_week = 100
    """
    return "\n".join(_lines(feature, scenario, _launch(feature.launch, scenario)))


def average_day_weight(profile: Profile) -> float:
    """Weight of an average day, weekends included; a cohort's calls are of a day of weight 1."""
    return sum(profile.day_weights) / len(profile.day_weights)


def average_day(feature: NewFeature, scenario: Scenario) -> str:
    """How many calls a user makes on an average day; empty for traffic without a cohort."""
    if feature.calls_per_user_day is None:
        return ""
    name = _profile(feature.profile, scenario)
    calls, weight = feature.calls_per_user_day, average_day_weight(scenario.profiles[name])
    return (
        f"{trimmed(calls)} calls a user are of a day of weight 1; days of {name} average "
        f"{trimmed(weight)}, so it is {trimmed(calls * weight)} on an average day."
    )


def _launch(launch: datetime | str, scenario: Scenario) -> datetime:
    wrong = SettingError(
        f"launch must be a local time such as {scenario.start}T14:00; got {str(launch)!r}"
    )
    try:
        moment = datetime.fromisoformat(launch) if isinstance(launch, str) else launch
    except ValueError:
        raise wrong from None
    if moment.tzinfo is not None:
        raise wrong
    end = scenario.start + timedelta(days=scenario.days)
    if not scenario.start <= moment.date() < end:
        raise SettingError(
            f"launch must lie within the run, from {scenario.start} to before {end}; got {moment}"
        )
    return moment


def _lines(feature: NewFeature, scenario: Scenario, launch: datetime) -> Iterator[str]:
    if not _BARE.fullmatch(feature.name):
        raise SettingError(f"name must be a word of letters, digits, _ and -; got {feature.name!r}")
    if feature.name in scenario.features:
        raise SettingError(f"name must be new; {scenario.name} has a feature {feature.name!r}")
    if not 0 <= feature.cached_share <= 1:
        raise SettingError(f"cached_share must be from 0 to 1; got {feature.cached_share!r}")
    tokens_in, tokens_out, source = _tokens(feature)
    # a feature without a price would be simulated for nothing
    load_price_book(scenario.price_book).unit(
        feature.model, at=launch.date(), provider=feature.provider
    )
    yield f"[features.{feature.name}]"
    yield f"# tokens: {source}"
    yield f"model = {toml_value(feature.model)}"
    if feature.provider is not None:
        yield f"provider = {toml_value(feature.provider)}"
    yield f"profile = {toml_value(_profile(feature.profile, scenario))}"
    yield f"launch = {launch.isoformat()}"
    yield f"input_tokens = {tokens_in}"
    yield f"output_tokens = {tokens_out}"
    if feature.cached_share:
        yield f"cache = {{ share = {_number(feature.cached_share)} }}"
    if feature.passes != 1:
        yield f"passes = {feature.passes}"
    yield from _traffic(feature, launch)


def _tokens(feature: NewFeature) -> tuple[str, str, str]:
    """Both token laws as TOML, and where they come from."""
    staged = feature.staged
    stated = (feature.input_tokens, feature.output_tokens)
    if staged is not None:
        if stated != (None, None):
            raise SettingError("give tokens or staged calls; got both")
        caps = (feature.max_input_tokens, feature.max_output_tokens)
        return staged.input_toml(caps[0]), staged.output_toml(caps[1]), staged.source
    if feature.input_tokens is None or feature.output_tokens is None:
        raise SettingError("give input_tokens and output_tokens, or calls of a staging run")
    laws = (
        read_tokens(feature.input_tokens, "input_tokens", feature.max_input_tokens),
        read_tokens(feature.output_tokens, "output_tokens", feature.max_output_tokens),
    )
    return (*map(lognormal_toml, laws), "assumed")  # type: ignore[return-value]


def lognormal_toml(law: LognormalTokens) -> str:
    """A token law as a scenario file gives it.

    Examples
    --------
    >>> lognormal_toml(read_tokens("2000,50000", most=128_000))
    '{ median = 10000, log_sd = 1.2559, max = 128000 }'
    """
    # a scenario's calls have a token at least
    median = max(law.median, 1)
    cap = f", max = {law.most}" if law.most is not None else ""
    return f"{{ median = {_number(round(median, 1))}, log_sd = {round(law.log_sd, 4):g}{cap} }}"


def _profile(profile: str | None, scenario: Scenario) -> str:
    names = sorted(scenario.profiles)
    if profile is None:
        if len(names) == 1:
            return names[0]
        if "office" in names:
            return "office"
    if profile in names:
        return str(profile)
    raise SettingError(f"profile must be one of {', '.join(map(repr, names))}; got {profile!r}")


def _traffic(feature: NewFeature, launch: datetime) -> Iterator[str]:
    users, calls = feature.users, feature.calls_per_user_day
    by_users = (users is not None, calls is not None)
    if any(by_users) != all(by_users) or all(by_users) == (feature.calls_per_week is not None):
        raise SettingError("give users and calls_per_user_day, or calls_per_week")
    if feature.calls_per_week is not None:
        if feature.adoption_days is not None or feature.bass is not None:
            raise SettingError("adoption needs users and calls_per_user_day, not calls_per_week")
        yield f"calls_per_week = {_number(feature.calls_per_week)}"
        return
    assert users is not None
    assert calls is not None
    yield ""
    yield f"[features.{feature.name}.cohorts.{COHORT}]"
    yield f"users = {users}"
    yield f"calls_per_day = {_number(calls)}"
    yield from _first_use(feature, launch)


def _first_use(feature: NewFeature, launch: datetime) -> Iterator[str]:
    if feature.adoption_days is None and feature.bass is None:
        return
    days = 28 if feature.adoption_days is None else feature.adoption_days
    if not 1 <= days <= 366:
        raise SettingError(f"adoption_days must be from 1 to 366; got {days!r}")
    hour = launch.hour + launch.minute / 60
    hours = f"launch_day_hours = [{_number(hour)}, 24]"
    yield ""
    yield f"[features.{feature.name}.cohorts.{COHORT}.first_use]"
    if feature.bass is not None:
        p, q = feature.bass
        yield (
            f"bass = {{ innovation = {_number(p)}, imitation = {_number(q)}, over_days = {days} }}"
        )
        yield hours
        return
    each = round(1 / days, 6)
    weights = [f"{each:g}"] * (days - 1) + [f"{1 - each * (days - 1):.6g}"]
    yield "days = ["
    for start in range(0, days, 8):
        yield f"    {', '.join(weights[start : start + 8])},"
    yield "]"
    yield hours


def _number(value: float) -> str:
    """A number as TOML takes it: whole ones without a point."""
    return str(int(value)) if float(value).is_integer() else repr(float(value))
