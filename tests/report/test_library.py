"""The library side by side: paired hours, signals and who moves first."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from costsim import spend
from costsim.errors import SettingError
from costsim.report import look_at_library
from costsim.report.library import plain
from costsim.report.signals import Runs, added_up, signals, surprises
from costsim.simulation import load_scenario, simulate
from costsim.simulation.sizes import smaller

SIZE = 0.08


@pytest.fixture(scope="module")
def library():
    names = ["prompt-bloat", "cache-break", "feed-silence", "benign-surge", "quiet"]
    return look_at_library(names, seed=7, size=SIZE)


def test_a_smaller_product_costs_its_share():
    for name in ("surprise-40k", "agent-loop", "benign-launch"):
        whole = load_scenario(name)
        share = smaller(whole, 0.1).expected().total_usd / whole.expected().total_usd
        assert share == pytest.approx(0.1, rel=1e-9)
    assert smaller(whole, 1) is whole


def test_hours_are_those_of_the_records_however_they_were_asked_for(small):
    scenario = small(days=4)
    whole = Runs(3).hours(scenario)
    apart = Runs(3)
    apart.hours(scenario.model_copy(update={"features": {"chat": scenario.features["chat"]}}))
    known = apart.hours(scenario)  # batch is simulated alone, chat is taken from before
    records = simulate(scenario, seed=3).records
    table = spend.hourly(records, by="feature")
    for name in ("chat", "batch"):
        mine = table[table["feature_name"] == name]
        for hours in (whole, known):
            np.testing.assert_array_equal(hours[name]["calls"], mine["calls"])
            np.testing.assert_array_equal(hours[name]["nano"], mine["cost_nano"])
    cube = spend.bins(records, by=["feature", "user"])
    top = cube[cube["feature_name"] == "chat"].groupby("time")["cost_nano"].max()
    assert whole["chat"]["top_user_nano"].max() == top.max()


def test_signals_are_ratios_of_sums():
    one = {"calls": [40.0, 3.0], "nano": [80e9, 6e9], "input_tokens": [100.0, 9.0]}
    one |= {"cached_tokens": [25.0, 3.0], "errors": [20.0, 1.0], "top_user_nano": [3e9, 2e9]}
    two = {name: [2 * v for v in values] for name, values in one.items()}
    hours = {
        name: {k: np.array(v) for k, v in sums.items()} for name, sums in (("a", one), ("b", two))
    }
    every, mine = signals(hours, None), signals(hours, "a")
    assert every["bill"].tolist() == mine["bill"].tolist() == [240, 18]
    assert (every["calls"][0], mine["calls"][0]) == (120, 40)
    assert (every["top_user"][0], mine["top_user"][0]) == (6, 3)
    assert (mine["usd_per_call"][0], mine["cached"][0], mine["errors"][0]) == (2, 0.25, 0.5)
    assert np.isnan(mine["usd_per_call"][1]), "three calls say little"
    assert mine["calls"][1] == 3


def test_what_lasts_adds_up_and_what_does_not_cancels():
    z = np.array([np.nan, 0.5, 2.0, 2.0, 0.0, -3.0, -3.0])
    assert added_up(z).tolist() == [0, 0, 1, 2, 1, 2, 4]


def test_a_surprise_is_measured_in_scatters_of_the_same_hour():
    rng = np.random.default_rng(5)
    hours = np.arange(5 * 168)
    usual = 100 + 80 * np.sin(hours * 2 * np.pi / 24)
    bill = usual * np.exp(0.1 * rng.standard_normal(len(hours)))
    bill[-10] *= 2
    z = surprises({"bill": bill}, hours % 168)["bill"]
    assert np.isnan(z[: 2 * 168]).all()
    quiet = z[3 * 168 : -10]
    assert 0.7 < quiet.std() < 1.5
    # log 2 over a scatter of about 0.1, the medians' own error included: five and more
    assert z[-10] > 4.5 > np.abs(quiet).max()


def test_what_moves_first_is_what_the_cause_changes(library):
    bloat, broken, silent = (library[n] for n in ("prompt-bloat", "cache-break", "feed-silence"))
    assert bloat.change("calls") == broken.change("calls") == 1
    assert bloat.first["usd_per_call"] < bloat.window[0] + 8
    assert bloat.change("usd_per_call") == pytest.approx(2.23, rel=0.1)
    assert broken.change("cached") == 0
    assert broken.telling == "cached"
    assert broken.first["cached"] - broken.window[0] <= 1
    assert silent.change("calls") == 0
    assert silent.excess.sum() < 0
    assert "never show" in silent.conclusion
    for look in (bloat, broken):
        before = slice(0, look.window[0])
        assert not look.excess[before].any()
        assert look.burned("bill") != look.burned(look.telling)
        assert look.conclusion.count("$") >= 2


def test_benign_weeks_have_no_incident_and_say_so(library):
    surge, quiet = library["benign-surge"], library["quiet"]
    assert surge.incident is quiet.incident is None
    assert surge.change("calls") == pytest.approx(1.6, rel=0.05)
    assert surge.change("usd_per_call") == pytest.approx(1, rel=0.05)
    assert not quiet.excess.any()
    assert all(look.conclusion.startswith("Nothing is wrong") for look in (surge, quiet))
    assert plain(surge.scenario).surges == {}


def test_the_table_and_the_card_agree(library):
    table = library.to_frame().set_index("scenario")
    assert table["cause"].isna().tolist() == [False, False, False, True, True]
    for name, look in library.looks.items():
        assert table.loc[name, "excess_usd"] == pytest.approx(look.excess.sum())
    words = repr(library.card()).replace("\n  ", " ")
    assert "of 3 incidents" in words
    assert "Nothing is wrong in: benign-surge, quiet." in words
    assert "SIMULATED incident library, seed 7" in words
    assert "5 scenarios" in repr(library)


def test_figures_show_the_window_and_the_conclusion(library):
    from costsim.show import figures

    look = library["cache-break"]
    words = figures.alt_text(look.plot())
    assert words.startswith(f"cache-break: {look.conclusion}")
    assert len(library.plot().child_axes) == 5
    frame = look.to_frame()
    assert len(frame) == look.scenario.calendar.hours
    at = pd.Timestamp(look.scenario.calendar.to_utc(look.incident.starts))
    assert frame["time"].iloc[look.window[0]] == at


def test_a_size_that_is_none_is_refused():
    for size in (0, 1.5, -1):
        with pytest.raises(SettingError, match="size must be above 0 and at most 1"):
            look_at_library(["quiet"], size=size)
