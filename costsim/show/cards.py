"""The verdict card and the ribbon that says what it stands on."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from html import escape
from typing import Literal

from costsim.errors import SettingError, UnknownNameError
from costsim.show.text import NO_TEX, markdown_text, plain

Kind = Literal["SIMULATED", "REAL", "ESTIMATED"]
Level = Literal["ok", "warn", "bad", "info"]

# (ground, ink) of the word, legible on light and dark pages alike; contrast above 5:1.
RIBBON_COLOURS: dict[str, tuple[str, str]] = {
    "SIMULATED": ("#6a3d7c", "#ffffff"),
    "REAL": ("#00543d", "#ffffff"),
    "ESTIMATED": ("#6b4e00", "#ffffff"),
}
# (colour of the edge, sign, word for screen readers): never colour alone.
_LEVELS: dict[str, tuple[str, str, str]] = {
    "ok": ("#009e73", "✓", "in order"),
    "warn": ("#e69f00", "▲", "watch"),
    "bad": ("#d55e00", "✖", "act"),
    "info": ("#8a8f98", "", ""),
}
_FONT = "font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif"


@dataclass(frozen=True, slots=True)
class Ribbon:
    """What a card, figure or page stands on: simulated, real or estimated, from where, until when.

    Parameters
    ----------
    kind : {"SIMULATED", "REAL", "ESTIMATED"}
    text : str
        Scenario and seed, the source, or what was assumed.
    complete_through : str, optional
        Time of the last complete record, already in the reader's time zone.
    notes : tuple of str
        Short qualifications, such as ``"unpriced 0%"``.

    Raises
    ------
    UnknownNameError
        For another kind.

    Examples
    --------
    >>> print(Ribbon("SIMULATED", "surprise-40k, seed 7", "Thu 23:00", ("unpriced 0%",)))
    SIMULATED surprise-40k, seed 7, complete through Thu 23:00, unpriced 0%
    """

    kind: Kind
    text: str
    complete_through: str | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in RIBBON_COLOURS:
            raise UnknownNameError("kind of a ribbon", self.kind, RIBBON_COLOURS)
        notes: object = self.notes
        if isinstance(notes, str):  # would be read letter by letter
            raise SettingError(f"notes must be a tuple of str; got the str {notes!r}")

    @property
    def details(self) -> str:
        """All but the kind, in one line."""
        through = f"complete through {self.complete_through}" if self.complete_through else ""
        parts = (self.text, through, *self.notes)
        return ", ".join(plain(part) for part in parts if part)

    def __str__(self) -> str:
        return f"{self.kind} {self.details}".rstrip()

    def _repr_html_(self) -> str:
        ground, ink = RIBBON_COLOURS[self.kind]
        word = (
            f"display:inline-block;background:{ground};color:{ink};font-weight:600;font-size:.85em;"
            "letter-spacing:.06em;padding:.1em .55em;border-radius:3px;margin-right:.5em"
        )
        return (
            f'<span class="{NO_TEX}" style="font-size:.85em">'
            f'<span style="{word}">{self.kind}</span>'
            f'<span style="opacity:.8">{escape(self.details)}</span></span>'
        )


@dataclass(frozen=True, slots=True)
class Card:
    """A verdict in one bold sentence, the figures that carry it, and its ribbon.

    Parameters
    ----------
    title : str
        The verdict.
    lines : tuple of str
        The figures, most important first. Plain text: everything is escaped.
    ribbon : Ribbon
    level : {"ok", "warn", "bad", "info"}
        Shown as a sign and a colour.
    next_step : str
        The command or call that a reader would want next.

    Raises
    ------
    UnknownNameError
        For another level.

    Examples
    --------
    >>> ribbon = Ribbon("SIMULATED", "quiet, seed 7")
    >>> Card("$12,040 this week: a usual week.", ("Largest: code_review, $4,850.",), ribbon, "ok")
    ✓ $12,040 this week: a usual week.
      Largest: code_review, $4,850.
      SIMULATED quiet, seed 7
    """

    title: str
    lines: tuple[str, ...]
    ribbon: Ribbon
    level: Level = "info"
    next_step: str = ""

    def __post_init__(self) -> None:
        if self.level not in _LEVELS:
            raise UnknownNameError("level of a card", self.level, _LEVELS)
        lines: object = self.lines
        if isinstance(lines, str):  # would be read letter by letter
            raise SettingError(f"lines must be a tuple of str; got the str {lines!r}")

    def __repr__(self) -> str:
        sign = _LEVELS[self.level][1]
        start = f"{sign} " if sign else ""
        rows = [*self.lines, str(self.ribbon)]
        text = [textwrap.fill(start + plain(self.title), 96, subsequent_indent="  ")]
        text += [
            textwrap.fill(plain(row), 96, initial_indent="  ", subsequent_indent="  ")
            for row in rows
        ]
        if self.next_step:  # in one piece, to be copied
            text.append(f"  next: {plain(self.next_step)}")
        return "\n".join(text)

    def markdown(self) -> str:
        """The card as a Markdown quotation.

        Examples
        --------
        >>> print(Card("Quiet.", ("Nothing to do.",), Ribbon("REAL", "my.csv")).markdown())
        > **Quiet.** Nothing to do. REAL my.csv
        """
        rest = " ".join(markdown_text(part) for part in (*self.lines, self.ribbon))
        return f"> **{markdown_text(self.title)}** {rest}"

    def _repr_html_(self) -> str:
        # Colours are inherited from the page or notebook theme; only edge and ribbon are our own.
        colour, sign, word = _LEVELS[self.level]
        mark = (
            f'<span role="img" aria-label="{word}" style="color:{colour};margin-right:.45em">'
            f"{sign}</span>"
            if sign
            else ""
        )
        body = "".join(
            f'<div style="margin:.3em 0 0;line-height:1.5">{escape(plain(line))}</div>'
            for line in self.lines
        )
        following = (
            '<div style="margin:.6em 0 0;font-size:.85em;opacity:.8">Next: '
            f'<code style="font-size:1em">{escape(plain(self.next_step))}</code></div>'
            if self.next_step
            else ""
        )
        return (
            f'<section class="{NO_TEX}" style="{_FONT};max-width:62em;margin:.4em 0;'
            f"padding:1em 1.3em;"
            f"border-left:5px solid {colour};border-radius:4px;background:rgba(128,132,140,.10);"
            'overflow-wrap:anywhere;font-size:15px">'
            f'<div style="font-size:1.25em;font-weight:650;line-height:1.35">{mark}'
            f"{escape(plain(self.title))}</div>{body}{following}"
            f'<div style="margin:.8em 0 0;line-height:1.6">{self.ribbon._repr_html_()}</div>'
            "</section>"
        )
