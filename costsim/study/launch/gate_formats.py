"""A gate's verdict for a pull request, as Markdown, and for a build, as JUnit XML."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from costsim.show.text import markdown_text, plain

if TYPE_CHECKING:
    from costsim.study.launch.gate import GateLine

_MARKS = {"PASS": "✓ PASS", "FAIL": "✖ FAIL", "UNDECIDED": "▲ UNDECIDED"}


def gate_markdown(
    title: str, lines: Sequence[GateLine], notes: Sequence[str], ribbon: object
) -> str:
    """The verdict as Markdown: title, a table of the requirements, what else was found.

    Parameters
    ----------
    title : str
        The verdict in a sentence.
    lines : sequence of GateLine
        None of them without a gate.
    notes : sequence of str
    ribbon : Ribbon or str
        What it stands on.

    Examples
    --------
    >>> print(gate_markdown("It holds.", [], ["Nobody is blocked."], "SIMULATED quiet"))
    ### It holds.
    <BLANKLINE>
    - Nobody is blocked.
    <BLANKLINE>
    SIMULATED quiet
    """
    parts = [f"### {markdown_text(title)}", ""]
    if lines:
        parts += ["| | requirement | measured | 95% interval |", "|---|---|---|---|"]
        parts += [_row(line) for line in lines]
        parts.append("")
    parts += [f"- {markdown_text(note)}" for note in notes]
    if notes:
        parts.append("")
    return "\n".join([*parts, markdown_text(ribbon)])


def gate_junit(name: str, lines: Sequence[GateLine]) -> str:
    """The verdict as JUnit XML: a test case a requirement.

    A requirement that fails is a failure, one that is undecided an error: neither lets a build
    pass, and a reader can tell them apart.

    Parameters
    ----------
    name : str
        Of the suite, such as the scenario and the limits.
    lines : sequence of GateLine
    """
    from xml.etree import ElementTree as Tree

    failed = sum(line.verdict == "FAIL" for line in lines)
    undecided = sum(line.verdict == "UNDECIDED" for line in lines)
    suite = Tree.Element(
        "testsuite",
        name=plain(name),
        tests=str(len(lines)),
        failures=str(failed),
        errors=str(undecided),
        skipped="0",
    )
    for line in lines:
        wanted = line.requirement
        case = Tree.SubElement(
            suite, "testcase", classname="costsim.limits", name=plain(wanted.key)
        )
        if line.verdict != "PASS":
            kind = "failure" if line.verdict == "FAIL" else "error"
            fault = Tree.SubElement(case, kind, message=plain(line.words), type=line.verdict)
            fault.text = plain(line.words)
        else:
            Tree.SubElement(case, "system-out").text = plain(line.words)
    Tree.indent(suite)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + Tree.tostring(suite, encoding="unicode")


def _row(line: GateLine) -> str:
    wanted, (value, low, high) = line.requirement, line.measured
    needed = f" (about {line.runs:,} runs would decide)" if line.runs else ""
    bound = "" if line.note else f" {wanted.relation} {wanted.asked}"
    key = f"{wanted.key}{bound}"
    cells = [f"{_MARKS[line.verdict]}{needed}", key, wanted.told(value)]
    interval = f"{wanted.told(low)} to {wanted.told(high)}" if low != high else ""
    cells.append(line.note or interval)
    return "| " + " | ".join(markdown_text(cell) for cell in cells) + " |"
