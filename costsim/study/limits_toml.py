"""Limits as the TOML file that gives them back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from costsim.limits import Policy


def limits_toml(policy: Policy, comments: Sequence[str] = ()) -> str:
    """A limits file that :func:`~costsim.limits.load_limits` reads as the same policy.

    Parameters
    ----------
    policy : Policy
    comments : sequence of str
        Lines above it.

    Examples
    --------
    >>> import tomllib
    >>> from costsim.limits import load_limits, parse_limits
    >>> policy = load_limits("per-tier")
    >>> parse_limits(tomllib.loads(limits_toml(policy, ["made for a test"]))) == policy
    True
    """
    lines = [f"# {' '.join(line.split())}".rstrip() for line in comments]
    lines += [""] * bool(lines)
    # what a file leaves out is its default, and comes back as such
    lines += _table((), policy.model_dump(exclude_defaults=True, mode="json"))
    return "\n".join(lines).rstrip() + "\n"


def _table(path: tuple[str, ...], table: Mapping[str, Any]) -> Iterator[str]:
    plain = {k: v for k, v in table.items() if v is not None and not isinstance(v, Mapping)}
    if path and (plain or not table):
        yield f"[{'.'.join(_key(part) for part in path)}]"
    for key, value in plain.items():
        yield f"{_key(key)} = {_value(value)}"
    if plain:
        yield ""
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _table((*path, key), value)


def _key(name: str) -> str:
    bare = name.isascii() and name.replace("_", "").replace("-", "").isalnum()
    return name if bare else json.dumps(name, ensure_ascii=False)


def _value(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_value(each) for each in value) + "]"
    if isinstance(value, str | bool):
        return json.dumps(value, ensure_ascii=False)
    return repr(value)
