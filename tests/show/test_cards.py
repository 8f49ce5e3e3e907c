"""Cards and ribbons: what they say, and that nothing said becomes markup."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costsim.errors import SettingError, UnknownNameError
from costsim.show.cards import Card, Ribbon
from costsim.show.text import plain

RIBBON = Ribbon(
    "SIMULATED", "surprise-40k, seed 7", "Thu 23:00", ("unpriced 0%", "prices list-2024")
)


class Reader(HTMLParser):
    """Collects tags, attribute names and text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.names: set[str] = set()
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.names |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


def test_ribbon_says_kind_source_and_completeness() -> None:
    assert str(RIBBON) == (
        "SIMULATED surprise-40k, seed 7, complete through Thu 23:00, unpriced 0%, prices list-2024"
    )


def test_the_kinds_differ_in_word_and_colour() -> None:
    def ground(kind: str) -> str:
        found = re.search("background:(#[0-9a-f]{6})", Ribbon(kind, "x")._repr_html_())  # type: ignore[arg-type]
        assert found
        return found[1]

    assert len({ground(kind) for kind in ("REAL", "SIMULATED", "ESTIMATED")}) == 3
    assert "REAL" in Ribbon("REAL", "x")._repr_html_()


def contrast(one: str, other: str) -> float:
    """WCAG 2.1 contrast ratio."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        lin = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * lin[0] + 0.7152 * lin[1] + 0.0722 * lin[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_ribbon_is_legible() -> None:
    for kind in ("REAL", "SIMULATED", "ESTIMATED"):
        colours = re.findall("#[0-9a-f]{6}", Ribbon(kind, "x")._repr_html_())  # type: ignore[arg-type]
        assert contrast(colours[0], colours[1]) > 5


def test_every_card_wears_its_ribbon_in_every_form() -> None:
    card = Card("A week.", ("One line.",), RIBBON, "warn", "costsim demo")
    assert str(RIBBON) in " ".join(repr(card).split())
    assert "SIMULATED surprise" in card.markdown()
    text = Reader(card._repr_html_()).text
    assert "SIMULATED" in text
    assert RIBBON.details in text
    assert "next: costsim demo" in repr(card)
    assert "costsim demo" in text


def test_markdown_is_the_quotation_with_the_verdict_bold() -> None:
    card = Card("$38,085 this week.", ("One user: 858 calls.",), Ribbon("REAL", "a.csv"))
    assert card.markdown() == r"> **\$38,085 this week.** One user: 858 calls. REAL a.csv"


@given(st.text(), st.text(), st.text())
def test_hostile_text_stays_text(title: str, line: str, source: str) -> None:
    plainest = Reader(Card("t", ("l",), Ribbon("REAL", "s"), next_step="n")._repr_html_())
    attack = "<script>alert(1)</script><img src=x onerror=y>\" onclick='z' "
    card = Card(attack + title, (line + attack,), Ribbon("REAL", attack + source), next_step=attack)
    read = Reader(card._repr_html_())
    assert read.tags == plainest.tags
    assert read.names == plainest.names
    assert plain(attack + title) in unescape(read.text)


@given(st.text())
def test_no_control_character_reaches_the_terminal(text: str) -> None:
    shown = repr(Card("\x1b[31m" + text, (text + "\u202e",), RIBBON))
    assert "\x1b" not in shown
    assert "\u202e" not in shown


def test_wrong_settings_are_named() -> None:
    with pytest.raises(UnknownNameError, match="kind of a ribbon must be one of"):
        Ribbon("FAKE", "x")  # type: ignore[arg-type]
    with pytest.raises(UnknownNameError, match="level of a card"):
        Card("t", (), RIBBON, "worse")  # type: ignore[arg-type]
    with pytest.raises(SettingError, match="lines must be a tuple"):
        Card("t", "line", RIBBON)  # type: ignore[arg-type]
