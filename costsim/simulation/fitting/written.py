"""A fit as a TOML file: a header that says what it stands on, and `# assumed` where it guesses."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from costsim.simulation.fitting.parameters import Parameter
from costsim.toml_writing import toml_value

Table = tuple[str, list[tuple[str, Any]]]


def toml_text(header: Sequence[str], tables: Sequence[Table], found: Sequence[Parameter]) -> str:
    """The scenario file.

    Parameters
    ----------
    header : sequence of str
        Lines of comment at the top.
    tables : sequence of (path, [(key, value), ...])
        In the order of the file; the path of the first is empty. A path in double brackets, such
        as ``[population.tiers]``, is an entry of an array.
    found : sequence of Parameter
        Keys whose parameter is assumed get a comment.

    Examples
    --------
    >>> print(toml_text(["mine"], [("", [("days", 2)]), ("noise", [("hour_phi", 0.7)])],
    ...                 [Parameter("noise.hour_phi", 0.7, "assumed")]))
    # mine
    <BLANKLINE>
    days = 2
    <BLANKLINE>
    [noise]
    hour_phi = 0.7  # assumed
    <BLANKLINE>
    """
    guessed = {p.key for p in found if p.basis == "assumed"}
    lines = [f"# {line}".rstrip() for line in header] + [""]
    for path, entries in tables:
        if path:
            lines.append(f"[{path}]")
        place = path.strip("[]")
        for key, value in entries:
            full = f"{place}.{key}" if place else key
            comment = "  # assumed" if full in guessed else ""
            lines.append(f"{key} = {_value(value)}{comment}")
        lines.append("")
    return "\n".join(lines)


def _value(value: Any) -> str:
    if isinstance(value, str | bool):
        return toml_value(value)
    if isinstance(value, float):
        return f"{value:g}" if value == float(f"{value:g}") else repr(value)
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{k} = {_value(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list | tuple):
        return _array([_value(part) for part in value])
    return re.sub(r"[^0-9A-Za-z:T+-]", "", str(value))  # integers and dates


def _array(parts: list[str]) -> str:
    """An array in one line where it fits, else filled lines."""
    flat = f"[{', '.join(parts)}]"
    if len(flat) <= 88:
        return flat
    lines, line = [], " "
    for part in parts:
        if len(line) + len(part) > 96:
            lines.append(line)
            line = " "
        line += f" {part},"
    return "\n".join(["[", *lines, line, "]"])
