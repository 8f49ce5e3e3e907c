"""Tables: escaped, aligned, exact, and unknown shown as a dash."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costsim.errors import SettingError, UnknownNameError
from costsim.show.tables import table_html, table_text
from costsim.show.text import plain


class Grid(HTMLParser):
    """The texts of a table's cells, row by row, and all tags met."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.tags: list[str] = []
        self._open = False
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self._open = True
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in {"td", "th"}:
            self._open = False

    def handle_data(self, data: str) -> None:
        if self._open:
            self.rows[-1][-1] += data


FRAME = pd.DataFrame(
    {
        "feature_name": ["deep_analysis", None],
        "calls": [10_020, 3],
        "cost_usd": [26_036.4, np.nan],
        "cost_share": [0.684, 0.0],
        "input_tokens": [404_808_000.0, np.nan],
        "latency_p95_ms": [8123.4, 12.0],
        "fast": [True, False],
        "last": pd.to_datetime(["2024-08-15T23:00:00Z", None]),
    }
)


def test_units_come_from_the_names_and_unknown_is_a_dash() -> None:
    rows = Grid(table_html(FRAME, time_zone="America/New_York")).rows
    assert rows[0] == [
        "feature name", "calls", "costUS$", "cost share%", "inputtokens", "latency p95ms", "fast",
        "last",
    ]  # fmt: skip
    assert rows[1] == [
        "deep_analysis", "10,020", "$26,036", "68%", "404,808,000", "8,123", "yes",
        "Thu 15 Aug 2024 19:00",
    ]  # fmt: skip
    assert rows[2] == ["–", "3", "–", "0%", "–", "12", "no", "–"]


def test_integers_that_may_be_missing_are_exact() -> None:
    frame = pd.DataFrame({"cost_nano": pd.array([2_600_000_001, None], dtype="Int64")})
    assert [row[0] for row in Grid(table_html(frame)).rows[1:]] == ["$2.60", "–"]


def test_digits_line_up_in_a_money_column() -> None:
    frame = pd.DataFrame({"cost_usd": [2237.125, 3.2, 0.0031, 0.0]})
    cells = [row[0] for row in Grid(table_html(frame)).rows[1:]]
    assert cells == ["$2,237.13", "$3.20", "$0.0031", "$0"]
    assert "tabular-nums" in table_html(frame)
    assert "text-align:right" in re.findall("<td[^>]*>", table_html(frame))[0]


@settings(max_examples=60)
@given(st.lists(st.text(), min_size=1, max_size=4), st.text())
def test_hostile_names_stay_text(names: list[str], caption: str) -> None:
    attack = ["</td><script>alert(1)</script>" + name for name in names]
    frame = pd.DataFrame({"user_id": attack, "<b>": attack})
    html = table_html(frame, caption='"><svg onload=x>' + caption)
    read = Grid(html)
    assert "script" not in read.tags
    assert "svg" not in read.tags
    assert "b" not in read.tags
    assert [row[0] for row in read.rows[1:]] == [plain(name) for name in attack]
    assert "<script" not in html
    assert plain(attack[0]) in unescape(html)


def test_rows_left_out_are_counted() -> None:
    frame = pd.DataFrame({"calls": range(1234)})
    html = table_html(frame, max_rows=10)
    assert len(Grid(html).rows) == 12
    assert "1,224 more of 1,234 rows" in html
    assert "(1,224 more of 1,234 rows)" in table_text(frame, max_rows=10)


def test_an_empty_frame_says_so() -> None:
    empty = FRAME.head(0)
    assert "no rows" in table_html(empty)
    assert "(no rows)" in table_text(empty)


def test_terminal_columns_line_up_also_with_wide_characters() -> None:
    from rich.cells import cell_len

    frame = pd.DataFrame({"user": ["日本語", "a\x1b[31m"], "cost_usd": [1.0, 22.0]})
    lines = table_text(frame).splitlines()
    assert len({cell_len(line) for line in lines}) == 1
    assert "\x1b" not in "".join(lines)


def test_chosen_formats_and_headings() -> None:
    frame = pd.DataFrame({"x": [0.5], "y": [3]})
    html = table_html(frame, {"x": "share", "y": lambda v: f"<{v}>"}, labels={"x": "part <1>"})
    assert Grid(html).rows == [["part <1>", "y"], ["50%", "<3>"]]


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(UnknownNameError, match="column to format must be one of 'x'"):
        table_html(pd.DataFrame({"x": [1]}), {"z": "usd"})
    with pytest.raises(UnknownNameError, match="format of x must be one of"):
        table_html(pd.DataFrame({"x": [1]}), {"x": "euro"})
    with pytest.raises(SettingError, match="max_rows must be at least 1; got 0"):
        table_html(pd.DataFrame({"x": [1]}), max_rows=0)
