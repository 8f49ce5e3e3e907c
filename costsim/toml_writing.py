"""Settings as TOML text that reads back as the same."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import date, time
from numbers import Integral, Real
from typing import Any


def toml_value(value: Any) -> str:
    """One value: text, number, date, array, or inline table.

    Examples
    --------
    >>> toml_value({"kind": "CUSUM", "k": 1.0, "on": [True, 'a "b"']})
    '{ kind = "CUSUM", k = 1.0, on = [true, "a \\\\"b\\\\""] }'
    """
    if isinstance(value, Mapping):
        pairs = (f"{toml_key(key)} = {toml_value(each)}" for key, each in value.items())
        return "{ " + ", ".join(pairs) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(toml_value(each) for each in value) + "]"
    if isinstance(value, str | bool):  # JSON's escapes are TOML's
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Integral):
        return repr(int(value))
    return repr(float(value)) if isinstance(value, Real) else repr(value)  # NumPy's, too


def toml_key(name: str) -> str:
    """A key, quoted where it must be.

    Examples
    --------
    >>> toml_key("hour_usd"), toml_key("gpt-4.1 mini")
    ('hour_usd', '"gpt-4.1 mini"')
    """
    bare = name.isascii() and name.replace("_", "").replace("-", "").isalnum()
    return name if bare else json.dumps(name, ensure_ascii=False)


def toml_lines(data: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[str]:
    """Lines of nested tables, a blank one after each; what is None is left out.

    Examples
    --------
    >>> list(toml_lines({"name": "mine", "user": {"hour_usd": 1.5}}))
    ['name = "mine"', '', '[user]', 'hour_usd = 1.5', '']
    """
    plain = {k: v for k, v in data.items() if v is not None and not isinstance(v, Mapping)}
    if path and (plain or not data):
        yield f"[{'.'.join(toml_key(part) for part in path)}]"
    for key, value in plain.items():
        yield f"{toml_key(key)} = {toml_value(value)}"
    if plain:
        yield ""
    for key, value in data.items():
        if isinstance(value, Mapping):
            yield from toml_lines(value, (*path, key))
