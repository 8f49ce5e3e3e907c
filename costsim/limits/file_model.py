"""What all tables of a limits file have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from costsim.limits.checking import checked_id


def _number(value: object) -> object:
    if isinstance(value, bool | str):  # which would be read as one
        raise ValueError("must be a number")
    return value


def _named(tables: object) -> object:
    """Tables by names as calls have them: in one Unicode form, or none would ever match."""
    if not isinstance(tables, Mapping):
        return tables
    found: dict[str, object] = {}
    for name, table in tables.items():
        text = checked_id(name, "a name in it")
        if text in found:
            raise ValueError(f"has {text!r} twice, in two Unicode forms")
        found[text] = table
    return found


def _name(value: str) -> str:
    return checked_id(value, "a name")


NUMBER = BeforeValidator(_number)
BY_NAME = BeforeValidator(_named)
"""Of tables by the names of users, tiers or features."""
Name = Annotated[str, AfterValidator(_name)]
Count = Annotated[int, Field(gt=0, le=2**53), NUMBER]
Flag = Annotated[bool, Field(strict=True)]


class FileModel(BaseModel):
    """A table of a limits file: no key but the known ones, no number that is none."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True
    )
