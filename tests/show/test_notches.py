"""The slider over an operating curve: differences by hand, a widget that moves, and a table."""

from __future__ import annotations

import sys

import pandas as pd
import pytest

from costsim.errors import SettingError
from costsim.show.cards import Ribbon
from costsim.show.notches import Notches

RIBBON = Ribbon("SIMULATED", "made, seed 0")
BURNED = {0.5: 130.0, 1.0: 90.0, 2.0: 60.0, 4.0: 61.0}


def curve(burned: dict[float, float] = BURNED) -> pd.DataFrame:
    rows = [
        {"wanted": rate, "measured": 1.1 * rate, "low": rate, "high": 1.2 * rate,
         "burned_median_usd": usd, "burned_mean_usd": usd, "burned_p90_usd": 2 * usd,
         "caught_within_4h": 0.9, "early": 0.25}
        for rate, usd in burned.items()
    ]  # fmt: skip
    return pd.DataFrame(rows).sample(frac=1, random_state=1)  # in no order


def test_a_notch_is_held_against_the_one_before() -> None:
    frame = Notches(curve(), 1.0, RIBBON).to_frame().set_index("wanted")
    assert frame["more_pages"].iloc[1:].tolist() == pytest.approx([0.55, 1.1, 2.2])
    assert frame["saved_usd"].iloc[1:].tolist() == [40, 30, -1]
    assert frame.loc[0.5, ["more_pages", "saved_usd"]].isna().all()


def test_the_words_say_pages_and_dollars_and_never_save_what_is_lost() -> None:
    notches = Notches(curve(), 1.0, RIBBON)
    assert "1.1 more false pages a month, $30.00 less burned" in notches.words(2.0)
    assert "2.2 more false pages a month, $1.00 more burned" in notches.words(4.0)
    assert "One notch more" not in notches.words(0.5)
    assert "90% are caught within 4 h" in notches.words(0.5)


def test_without_an_incident_only_pages_are_told() -> None:
    notches = Notches(curve(dict.fromkeys(BURNED, float("nan"))), 1.0, RIBBON)
    assert notches.words(2.0).endswith("1.1 more false pages a month.")
    assert "$" not in notches.words(2.0)
    assert "no incident to judge by" in notches.plot()._repr_mimebundle_()[0]["text/plain"]


def test_the_slider_moves_words_and_picture_and_saves_its_notch() -> None:
    pytest.importorskip("ipywidgets")
    saved: list[float] = []
    notches = Notches(curve(), 1.0, RIBBON, lambda rate: saved.append(rate) or f"<{rate:g}>")
    column, picture = notches.widget().children
    slider, told, button, said = column.children
    assert [rate for _, rate in slider.options] == [0.5, 1.0, 2.0, 4.0]
    assert slider.value == 1.0
    before = picture.value
    slider.value = 4.0
    assert "4 false alarms a month wanted" in told.value
    assert picture.value != before
    assert bytes(picture.value).startswith(b"\x89PNG")
    button.click()
    assert saved == [4.0]
    assert "&lt;4&gt;" in said.value
    slider.value = 1.0
    assert said.value == ""
    assert picture.value == before


def test_without_ipywidgets_the_table_stands_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown: list[object] = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    notches = Notches(curve(), 1.0, RIBBON)
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    notches._ipython_display_()
    [table] = shown
    assert "What one notch costs and saves; SIMULATED made, seed 0" in table.data
    assert "$30.00" in table.data
    with pytest.raises(SettingError, match=r"pip install 'costsim\[lab\]'"):
        notches.widget()
    assert capsys.readouterr() == ("", "")


def test_a_rate_that_is_no_notch_is_refused() -> None:
    with pytest.raises(SettingError, match=r"chosen must be one of \[0.5, 1.0, 2.0, 4.0\]; got 3"):
        Notches(curve(), 3.0)
