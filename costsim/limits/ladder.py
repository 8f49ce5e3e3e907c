"""The threshold ladder: what happens as the month's budget fills, level by level.

Levels that only tell (*notify*, *warn*) are watched. Levels that act are limits, decided inside the
reservation like any other, so that no two calls can pass one together: *shut* and *deny* at 95% say
that the calls they concern may take the organisation's month up to 95% of its budget; *downgrade*
says so of the model that was asked for, and leaves the rest to the cheaper routes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import Field, model_validator

from costsim.errors import SettingError
from costsim.limits.file_model import NUMBER, FileModel, Name

if TYPE_CHECKING:
    from costsim.limits.policy import FeatureCaps, Policy

Action = Literal["notify", "warn", "downgrade", "shut", "deny"]
ACTIONS: Final = ("notify", "warn", "downgrade", "shut", "deny")
"""What a level does, mildest first."""
ACTING: Final = ("downgrade", "shut", "deny")
"""Those that change what is decided."""


class Level(FileModel):
    """One level of the ladder."""

    at: Annotated[float, Field(gt=0, le=10), NUMBER]
    """Share of `month_usd`, such as 0.95."""
    do: Action
    """"notify" and "warn" tell; "downgrade" sends to the cheaper routes, "shut" refuses features,
    "deny" refuses everything."""
    features: list[Name] = []
    """Whose calls; by default those with ``critical = false``, and everything for "deny"."""

    @model_validator(mode="after")
    def _tells_nobody(self) -> Level:
        if self.features and self.do not in ACTING:
            raise ValueError(f"features has no meaning where do = {self.do!r}: it tells of the sum")
        return self

    @property
    def words(self) -> str:
        """Such as ``"shut at 95%"``."""
        return level_words(self.do, self.at)


def level_words(action: str, share: float) -> str:
    """A level's name.

    Examples
    --------
    >>> level_words("downgrade", 0.975)
    'downgrade at 97.5%'
    """
    return f"{action} at {100 * share:.10g}%"


@dataclass(frozen=True)
class Watch:
    """A level of the month's spend: rule, nano-dollars, share of the budget, what it does.

    `features` are those it acts on, None for all; empty where it only tells.
    """

    rule: int
    level_nano: int
    share: float
    action: str = "notify"
    features: tuple[str, ...] | None = ()

    @property
    def name(self) -> str:
        """Such as ``"shut at 95%"``."""
        return level_words(self.action, self.share)

    def concerns(self, feature: str | None) -> bool:
        """Whether it acts on a feature's calls."""
        return self.features is None or feature in self.features

    def part(self, share: float) -> Watch:
        """The level of a process that has a part of the budget, rounded down."""
        return replace(self, level_nano=int(self.level_nano * share))


@dataclass(frozen=True)
class Gate:
    """The organisation's month for the calls of a feature, as the ladder has it.

    `asked_limit` holds for the model that was asked for, `limit` for the routes of a downgrade;
    `asked_level` and `level` are the numbers of the watches that give them, -1 where the cap itself
    does. A level that was reached stays on: ``level < reached`` refuses, whatever the limit says.
    """

    asked_limit: int
    asked_level: int
    limit: int
    level: int

    @property
    def downgrades(self) -> bool:
        """Whether what was asked for is stopped before the routes of a downgrade are."""
        return self.asked_level != self.level


def gate_of(watches: Sequence[Watch], feature: str | None, cap: int) -> Gate | None:
    """What the ladder makes of the organisation's month cap for a feature; None for nothing.

    Parameters
    ----------
    cap : int
        Nano-dollars; ``NO_LIMIT`` where the budget only alerts.

    Examples
    --------
    >>> watches = [Watch(0, 900, 0.9, "downgrade", ("chat",)),
    ...            Watch(0, 950, 0.95, "shut", ("chat",))]
    >>> gate_of(watches, "chat", 1000)
    Gate(asked_limit=900, asked_level=0, limit=950, level=1)
    >>> gate_of(watches, "search", 1000) is None
    True
    """
    asked, rest = (cap, -1), (cap, -1)
    for number, watch in enumerate(watches):
        if watch.action not in ACTING or not watch.concerns(feature):
            continue
        here = (watch.level_nano, number)
        if here[0] <= asked[0]:  # of equal ones the severest, which comes last
            asked = here
        if watch.action != "downgrade" and here[0] <= rest[0]:
            rest = here
    return None if asked[1] < 0 else Gate(*asked, *rest)


def routed(features: Mapping[str, FeatureCaps], feature: str | None) -> frozenset[str]:
    """Models that a feature's calls may be sent to by a downgrade."""
    caps = features.get(feature) if feature is not None else None
    return frozenset(caps.downgrade_to) if caps else frozenset()


def acts_on(level: Level, features: Mapping[str, FeatureCaps]) -> tuple[str, ...] | None:
    """Features that a level acts on; None for all."""
    if level.do not in ACTING:
        return ()
    if level.features:
        return tuple(level.features)
    if level.do == "deny":
        return None
    spare = (name for name, caps in features.items() if not caps.critical)
    return tuple(n for n in spare if level.do != "downgrade" or features[n].downgrade_to)


def check_ladder(policy: Policy) -> None:
    """Refuse levels that could never do what they say.

    Raises
    ------
    ValueError
        With the level's place in the file.
    """
    for place, level in enumerate(policy.organisation.ladder):
        where = f"organisation.ladder.{place} ({level.words})"
        if level.do not in ACTING:
            continue
        if policy.enforce_organisation and level.at > 1:
            raise ValueError(
                f"{where} is never reached: month_usd refuses at 100%, or set "
                "enforce_organisation = false"
            )
        if level.do == "downgrade":
            for name in level.features:
                if not routed(policy.feature, name):
                    raise ValueError(
                        f"{where} needs somewhere to go: feature.{name} has no downgrade_to"
                    )
        if acts_on(level, policy.feature) == ():
            more = " and has a downgrade_to" if level.do == "downgrade" else ""
            raise ValueError(
                f"{where} concerns nobody: name features, or no feature has critical = false{more}"
            )


def check_features(policy: Policy, known: set[str]) -> None:
    """Refuse a level of a feature that the product does not have."""
    for place, level in enumerate(policy.organisation.ladder):
        for name in level.features:
            if name not in known:
                raise SettingError(
                    f"limits {policy.name}: organisation.ladder.{place}.features must name some of "
                    f"{sorted(known)}; got {name!r}"
                )
