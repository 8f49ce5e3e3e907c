"""The page: one file, safe with any text, the same bytes each time, whole or not at all."""

from __future__ import annotations

import base64
import os
import re
from functools import partial
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costsim.errors import DataError, ReportError, SettingError
from costsim.report.page import Page, Section
from costsim.show import figures
from costsim.show.cards import Card, Ribbon
from costsim.show.tables import table_html

RIBBON = Ribbon("SIMULATED", "surprise-40k, seed 7", "Thu 23:00", ("unpriced 0%",))
CARD = Card("$38,085 this week.", ("One user: 858 calls.",), RIBBON, "bad")
PARTS = pd.DataFrame({"name": ["a", "<b>"], "usd": [30.0, 10.0], "share": [0.75, 0.25]})
DRAW = partial(figures.breakdown, PARTS, ribbon=RIBBON)


class Elements(HTMLParser):
    """All elements with their attributes, and the text that is read."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.found if name == tag]


def page(count: int = 2, **changed: object) -> Page:
    sections = tuple(
        Section(
            f"Part {i}", prose="Some **bold** `code`.", figure=DRAW, table=PARTS, caption="Said."
        )
        for i in range(count)
    )
    made = (("seed", "7"), ("scenario", "surprise-40k 1f2e3d"), ("command", "costsim demo"))
    given = {"title": "The $40k week", "ribbon": RIBBON, "lede": CARD, "sections": sections}
    return Page(**{**given, "made": made, **changed})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def html() -> str:
    return page(4).html()


def test_nothing_is_loaded_and_nothing_runs(html: str) -> None:
    read = Elements(html)
    assert not read.all("script")
    assert not read.all("link")
    assert not read.all("iframe")
    for _, attrs in read.found:
        assert not [name for name in attrs if name.startswith("on")]
        for name in ("src", "srcset", "href"):
            if name in attrs:
                assert re.match("data:image/|#", attrs[name] or ""), attrs
    assert "http:" not in html
    assert "https:" not in html
    assert "url(" not in html
    policy = [m["content"] for m in read.all("meta") if m.get("http-equiv")]
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'; img-src data:"]


def test_figures_have_words_captions_and_the_ribbon(html: str) -> None:
    read = Elements(html)
    images = read.all("img")
    assert len(images) == 4
    assert all("$30" in (image["alt"] or "") for image in images)
    assert all("SIMULATED" in (image["alt"] or "") for image in images)
    assert len(read.all("figcaption")) == 4
    captions = re.findall("<figcaption>.*?</figcaption>", html)
    assert all("SIMULATED" in caption and "Said." in caption for caption in captions)


def test_figures_are_vectors_at_a_desk_and_twice_as_fine_on_a_phone(html: str) -> None:
    read = Elements(html)
    source, image = read.all("source")[0], read.all("img")[0]
    assert source["media"] == "(max-width:600px)"
    kind, data = (source["srcset"] or "").split(",")
    width = int.from_bytes(base64.b64decode(data)[16:20], "big")
    assert kind == "data:image/png;base64"
    assert width >= 2 * 360
    kind, data = (image["src"] or "").split(",")
    assert kind == "data:image/svg+xml;base64"
    assert base64.b64decode(data).startswith(b"<?xml")


def test_contents_only_where_there_is_much(html: str) -> None:
    assert [a["href"] for a in Elements(html).all("a")] == [f"#part-{i}" for i in range(4)]
    ids = [s["id"] for s in Elements(html).all("section") if "id" in s]
    assert ids == [f"part-{i}" for i in range(4)]
    assert not Elements(page(3).html()).all("nav")


def test_prose_knows_bold_and_code_and_the_footer_how_it_was_made(html: str) -> None:
    assert "Some <strong>bold</strong> <code>code</code>." in html
    foot = Elements(html[html.index("<footer>") :]).text
    for said in ("SIMULATED surprise-40k, seed 7", "1f2e3d", "costsim demo", "unpriced 0%"):
        assert said in foot


@settings(max_examples=40, deadline=None)
@given(st.text(), st.text())
def test_hostile_text_stays_text(text: str, more: str) -> None:
    attack = "</title></style></section>--><script>alert(1)</script><img src=x onerror=y>\"' "
    bad, worse = attack + text, more + attack
    frame = pd.DataFrame({bad: [worse]})
    ribbon = Ribbon("REAL", bad)
    sections = (Section(bad, "a", (worse, bad), table=frame, caption=worse),)
    calm = (Section("t", "a", ("p", "p"), table=pd.DataFrame({"x": ["y"]}), caption="c"),)
    made = page(sections=calm, title="t", lede=Card("t", ("l",), ribbon), ribbon=ribbon)
    hurt = page(sections=sections, title=bad, lede=Card(worse, (bad,), ribbon), ribbon=ribbon)
    assert {tag for tag, _ in Elements(hurt.html()).found} <= {
        *(tag for tag, _ in Elements(made.html()).found), "strong", "code", "br",
    }  # fmt: skip


def test_equal_pages_have_equal_bytes(html: str) -> None:
    assert page(4).html() == html


def test_written_whole_with_the_usual_rights(tmp_path: Path) -> None:
    target = tmp_path / "new" / "page.html"
    assert page(1).write(target) == target
    assert target.read_text(encoding="utf-8") == page(1).html()
    assert [one.name for one in target.parent.iterdir()] == ["page.html"]
    plain = tmp_path / "plain"
    plain.write_text("")
    assert target.stat().st_mode == plain.stat().st_mode
    page(1, title="Another").write(target)
    assert "<h1>Another</h1>" in target.read_text(encoding="utf-8")


def test_a_failed_write_leaves_the_old_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "page.html"
    target.write_text("old")

    def full(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="disk full"):
        page(1).write(target)
    assert [one.name for one in tmp_path.iterdir()] == ["page.html"]
    assert target.read_text() == "old"


def test_a_directory_is_not_overwritten(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="is a directory"):
        page(1).write(tmp_path)


@pytest.mark.parametrize(
    "html",
    [
        "<script>x</script>",
        '<img src="https://example.org/x.png">',
        '<a href="javascript:x">y</a>',
        '<p onclick="x">y</p>',
        '<p style="background:url(//x)">y</p>',
        '<iframe src="data:text/html,x"></iframe>',
    ],
)
def test_html_that_reaches_outside_is_refused_and_named(html: str) -> None:
    with pytest.raises(ReportError, match="section 'Bad' must stand alone"):
        page(sections=(Section("Bad", html=html),)).html()


def test_tables_and_cards_may_be_given_as_html() -> None:
    section = Section("x", table=table_html(PARTS), html=CARD._repr_html_())
    assert len(Elements(page(sections=(section,)).html()).all("table")) == 1


def test_drawn_axes_are_taken_and_foreign_figures_refused() -> None:
    from matplotlib.figure import Figure

    assert Elements(page(sections=(Section("x", figure=DRAW()),)).html()).all("img")
    with pytest.raises(DataError, match="alt text"):
        page(sections=(Section("x", figure=Figure()),)).html()


def test_wrong_settings_are_named() -> None:
    with pytest.raises(SettingError, match="anchor must be"):
        Section("x", anchor="A b")
    with pytest.raises(SettingError, match="anchors must differ; got 'x' twice"):
        page(sections=(Section("x"), Section("x")))


def test_repr_names_the_next_step() -> None:
    assert repr(page(2)) == "Page 'The $40k week' (2 sections); write it with .write(\"page.html\")"
