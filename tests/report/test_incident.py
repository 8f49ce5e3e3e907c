"""The replay of the $40k week, against the records and the truth beside them."""

from __future__ import annotations

import pandas as pd
import pytest

import costsim
from costsim.detect import seasonal_z_score
from costsim.errors import DataError
from costsim.report import IncidentReplay, claim_card, incident_page, replay_incident, within_hours
from costsim.report.story import arithmetic, other_claims, told_per_call
from costsim.simulation import Scenario
from costsim.simulation.sizes import smaller
from tests.simulated import simulated


@pytest.fixture(scope="module")
def tenth() -> Scenario:
    """The whole week is replayed by `costsim demo`; what is asked here is alike at any size."""
    return smaller(costsim.load_scenario("surprise-40k"), 0.1)


@pytest.fixture(scope="module")
def replay(tenth: Scenario) -> IncidentReplay:
    study = costsim.study.compare_detectors(tenth, replicates=12, calibration_runs=3, seed=1)
    records = costsim.read_records(simulated(tenth, seed=7).records.folder)
    return replay_incident(records, study)


def feature_calls(replay: IncidentReplay) -> pd.DataFrame:
    columns = ["timestamp", "feature_name", "user_id", "total_cost_nano"]
    frame = replay.records.between("2024-08-09", "2024-08-16").to_pandas(columns)
    return frame[frame["feature_name"] == "deep_analysis"]


def test_burned_dollars_are_the_features_since_monday_seven(replay: IncidentReplay) -> None:
    calls = feature_calls(replay)
    onset = pd.Timestamp("2024-08-12 07:00", tz="America/New_York")
    for hours in (1, 2, 5, 30):
        until = onset + pd.Timedelta(hours=hours)
        since = calls[(calls["timestamp"] >= onset) & (calls["timestamp"] < until)]
        expected = since["total_cost_nano"].sum() / 1e9
        assert replay.burned_at(until) == pytest.approx(expected, abs=1e-6)
    before = calls[calls["timestamp"] < onset]["total_cost_nano"].sum() / 1e9
    assert replay.burned_before_usd == pytest.approx(before, abs=1e-6)


def test_the_card_says_what_the_records_say(replay: IncidentReplay) -> None:
    week = replay.records.between("2024-08-09", "2024-08-16").to_pandas(["total_cost_nano"])
    calls = feature_calls(replay)
    card = replay.card()
    total = week["total_cost_nano"].sum() / 1e9
    feature = calls["total_cost_nano"].sum() / 1e9
    assert f"${total:,.0f} this week" in card.title
    assert f"${feature:,.0f} of it is deep_analysis" in card.title
    top = (
        calls.groupby("user_id")["total_cost_nano"].agg(["sum", "size"]).sort_values("sum").iloc[-1]
    )
    assert f"{top['size']:,} deep_analysis calls, ${top['sum'] / 1e9:,.0f}." in repr(card)
    assert "seed 7" in repr(card)
    assert "false alarms" in repr(card)


def test_alarms_are_known_at_the_end_of_their_hour(replay: IncidentReplay) -> None:
    for row in replay.alarms.dropna(subset=["time"]).itertuples():
        assert row.time.minute == 0
        if not row.early:
            assert row.burned_usd == pytest.approx(replay.burned_at(row.time))


def test_watching_crosses_one_where_the_alarm_is(replay: IncidentReplay) -> None:
    frame = replay.watching(before=0, hours=8)
    for row in replay.alarms.itertuples():
        if not row.early and row.hours_since <= 8:
            ratios = frame[row.detector].to_numpy()
            first = int((ratios > 1).argmax())
            assert ratios[first] > 1
            assert first + 1 == row.hours_since


def test_the_claim_is_answered_from_the_runs(replay: IncidentReplay) -> None:
    claim = within_hours(replay.comparison).set_index("detector")
    runs = replay.comparison.runs.query("setting == 'calibrated' and not early and not false")
    for name, each in runs.groupby("detector"):
        share = (each["first_h"] <= 4).mean()
        assert claim.loc[name, "within_4h_of_onset"] == pytest.approx(share)
        assert claim.loc[name, "at_least"] <= share
    assert "12 runs" in repr(claim_card(replay))


def test_the_page_is_offline_masked_and_the_same_twice(
    replay: IncidentReplay, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = incident_page(replay).html()
    assert page == incident_page(replay).html()
    assert "<script" not in page
    assert "user-" in page
    top = feature_calls(replay).groupby("user_id")["total_cost_nano"].sum().idxmax()
    assert top not in page
    for words in ("SIMULATED", "seed 7", "What does not add up", "surprise-40k-multipass"):
        assert words in page
    monkeypatch.setattr("costsim.report.page._picture", lambda *_: "")  # names stand in its tables
    assert top in incident_page(replay, show_users=True).html()


def test_records_without_an_incident_are_refused(replay: IncidentReplay) -> None:
    quiet = costsim.simulate(costsim.load_scenario("quiet").first_days(1), seed=1)
    with pytest.raises(DataError, match="these have 0"):
        replay_incident(quiet.records, replay.comparison)


def test_the_arithmetic_of_the_account() -> None:
    """The table of the account's figures, by hand: dollars per 1,000 tokens in and out."""
    table = arithmetic().set_index("model")
    by_hand = {"gpt-4": (0.03, 0.06), "gpt-4-32k": (0.06, 0.12), "gpt-4-turbo": (0.01, 0.03)}
    for model, (price_in, price_out) in by_hand.items():
        call = 50 * price_in + 2.048 * price_out
        assert table.loc[model, "call_usd"] == pytest.approx(call)
        assert table.loc[model, "times_847_usd"] == pytest.approx(847 * call)
    assert table["tokens_for_told"].round(-2).tolist() == [83_800, 40_500, 255_500]
    assert not table["fits"].any()
    assert round(told_per_call(), 3) == 2.597
    assert other_claims()["computed"].round().tolist() == [250, 30, 20, 2]


def test_a_zone_of_half_hours_gives_the_same_week(replay: IncidentReplay, tenth: Scenario) -> None:
    there = tenth.model_copy(update={"name": "kolkata", "time_zone": "Asia/Kolkata"})
    study = costsim.study.compare_detectors(
        there, [seasonal_z_score()], replicates=10, calibration_runs=3, seed=1
    )
    kolkata = replay_incident(simulated(there, seed=7).records, study)
    # no clock changes in these weeks, so local life is the same (thresholds are not: they are set
    # on runs of twenty weeks, in which New York's clocks go back)
    assert kolkata.burned["burned_usd"].tolist() == replay.burned["burned_usd"].tolist()
    assert (kolkata.alarms["hours_since"].dropna() % 1 == 0).all()
    assert kolkata.alarms["time"].notna().any()


def test_a_miss_is_counted_to_the_end_of_the_week(replay: IncidentReplay) -> None:
    assert replay.burned["time"].iloc[-1] == pd.Timestamp("2024-08-16 04:00", tz="UTC")
