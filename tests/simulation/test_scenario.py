"""Scenario files: what they say, what is refused and in which words."""

from __future__ import annotations

from datetime import date

import pytest

from costsim.errors import SettingError, UnknownNameError
from costsim.simulation import load_scenario, parse_scenario, scenario_names

NAMED = ["quiet", "startup-10k", "surprise-40k", "surprise-40k-multipass"]


def change(data, path, value):
    *tables, key = path.split(".")
    for name in tables:
        data = data.setdefault(name, {})
    if value is None:
        del data[key]
    else:
        data[key] = value


def message(data, **changes):
    for path, value in changes.items():
        change(data, path, value)
    with pytest.raises(SettingError) as caught:
        parse_scenario(data, source="my.toml")
    text = str(caught.value)
    assert text.startswith("my.toml: ")
    assert "\n" not in text
    return text.removeprefix("my.toml: ")


def test_the_bundled_scenarios_are_whole():
    assert set(NAMED) <= set(scenario_names())
    for name in scenario_names():
        scenario = load_scenario(name)
        assert scenario.name == name
        assert scenario.expected().total_usd > 0
        assert name in scenario.describe()
        assert "costsim.simulate(scenario, seed=7)" in repr(scenario)


def test_the_forty_thousand_dollar_week_is_as_the_account_dates_it():
    scenario = load_scenario("surprise-40k")
    assert (scenario.start, scenario.days) == (date(2024, 7, 12), 35)
    assert (scenario.focus.start, scenario.focus.days) == (date(2024, 8, 9), 7)
    assert scenario.monthly_budget_usd == 55_000
    assert scenario.features["deep_analysis"].launch.isoformat() == "2024-08-09T14:00:00"
    assert scenario.incidents["deep-analysis"].starts.isoformat() == "2024-08-12T07:00:00"
    assert not scenario.incidents["deep-analysis"].movable
    assert [note.at.date() for note in scenario.notes] == [date(2024, 8, 15)]


def test_the_startup_spends_its_ten_thousand_a_month_on_four_layers():
    scenario = load_scenario("startup-10k")
    assert scenario.monthly_budget_usd == 10_000
    assert scenario.expected().total_usd == pytest.approx(10_000, rel=0.1)
    layers = scenario.layers
    assert layers.logging
    assert (layers.alarm_z, layers.alarm_user_share) == (3, 0.01)
    assert layers.user_cap_usd == {"hour": 1, "day": 5, "month": 50}
    assert sorted(layers.budget_ladder.values()) == [0.70, 0.90, 0.95]


@pytest.mark.parametrize(
    "key", ["start", "time_zone", "monthly_budget_usd", "price_book", "population", "features"]
)
def test_what_has_no_safe_default_is_required(small_data, key):
    assert message(small_data, **{key: None}) == f"{key} is required"


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("time_zone", "Mars/Base", ["time_zone must be an IANA name", "got 'Mars/Base'"]),
        ("monthly_budget_usd", 0, ["monthly_budget_usd must be greater than 0; got 0"]),
        ("monthly_budget_usd", float("inf"), ["monthly_budget_usd must be a finite number"]),
        ("days", "ten", ["days must be a valid integer", "got 'ten'"]),
        ("days", 0, ["days must be greater than 0; got 0"]),
        ("start", "12/07/2024", ["start must be a valid date", "got '12/07/2024'"]),
        ("features.chat.modle", "x", ["features.chat.modle is not a key of the scenario"]),
        (
            "features.chat.profile",
            "ofice",
            ["features.chat.profile must be one of ['flat', 'office']; got 'ofice'"],
        ),
        ("features.chat.calls_per_week", None, ["features.chat is wrong: give calls_per_week"]),
        ("features.chat.sessions.mean_calls", 0, ["mean_calls must be greater than or equal to 1"]),
        ("features.chat.input_tokens.log_sd", -1, ["features.chat.input_tokens.log_sd must be"]),
        ("features.chat.input_tokens.between_users_log_sd", 2, ["must not exceed log_sd"]),
        ("population.users", 0, ["population.users must be greater than 0; got 0"]),
        ("population.tiers", [{"name": "a", "share": 0.5}], ["tier shares must sum to 1", "0.5"]),
        ("profiles.flat.hours", [1] * 23, ["profiles.flat.hours is wrong", "24 items", "not 23"]),
        ("profiles.flat.hours", [0] * 24, ["profiles.flat is wrong: hours must not all be 0"]),
        ("profiles.flat.days", {"munday": 1}, ["munday", "must be 'mon', 'tue'"]),
        ("noise.hour_phi", 1, ["noise.hour_phi must be less than 1; got 1"]),
        (
            "incidents.i",
            {"feature": "caht", "cause": "volume", "starts": "2024-03-02T00:00:00"},
            ["incidents.i.feature must be one of ['all', 'batch', 'chat']; got 'caht'"],
        ),
        (
            "incidents.i",
            {"feature": "chat", "cause": "volume", "starts": "2024-03-04T00:00:00"},
            ["incidents.i.starts must lie within the run, from 2024-03-01 to before 2024-03-04"],
        ),
        (
            "incidents.i",
            {"feature": "chat", "cause": "magic", "starts": "2024-03-02T00:00:00"},
            ["incidents.i.cause must be 'volume', 'tokens'"],
        ),
        ("week", {"start": "2024-03-01"}, ["week must lie within the run", "2024-03-08"]),
        (
            "features.chat.cohorts",
            {"c": {"users": 51, "calls_per_day": 1}},
            ["features.chat.cohorts must not have more users than population"],
        ),
        (
            "features.chat.cohorts",
            {"c": {"users": 5, "calls_per_day": 1, "first_use": {"days": [1]}}},
            ["features.chat is wrong: a cohort with first_use needs the feature's launch"],
        ),
        (
            "features.chat.cohorts",
            {"c": {"users": 5, "calls_per_day": 1, "first_use": {"days": [0.5]}}},
            ["features.chat.cohorts.c.first_use is wrong: days must sum to 1; they sum to 0.5"],
        ),
    ],
)
def test_a_wrong_key_is_named_with_what_was_got_and_what_is_allowed(small_data, path, value, words):
    text = message(small_data, **{path: value})
    for word in words:
        assert word in text


def test_several_errors_are_said_at_once(small_data):
    bad = {"start": None, "days": 0, "time_zone": "x", "population.users": 0, "noise.foo": 1}
    text = message(small_data, **bad)
    for word in ("start is", "days must", "time_zone must", "population.users", "noise.foo"):
        assert word in text
    assert message(small_data, **{"noise.hour_phi": 2}).endswith("; and 1 more")


def test_names_and_paths(tmp_path):
    with pytest.raises(UnknownNameError, match="did you mean 'surprise-40k'"):
        load_scenario("suprise-40k")
    with pytest.raises(SettingError, match=r"scenario file does not exist: .*mine.toml"):
        load_scenario(tmp_path / "mine.toml")
    (tmp_path / "mine.toml").write_text("name = mine\n")
    with pytest.raises(SettingError, match=r"mine.toml is not valid TOML: .*line 1"):
        load_scenario(tmp_path / "mine.toml")
    (tmp_path / "mine.toml").write_bytes(b"name = '\xff'")
    with pytest.raises(SettingError, match=r"mine.toml is not valid TOML"):
        load_scenario(tmp_path / "mine.toml")


def test_a_file_may_give_only_what_differs(tmp_path):
    (tmp_path / "mine.toml").write_text(
        'extends = "surprise-40k"\nname = "mine"\n'
        "[population]\nusers = 6000\n"
        "[features.support_chat]\nmodel = 'gpt-4-turbo'\n"
    )
    mine, base = load_scenario(tmp_path / "mine.toml"), load_scenario("surprise-40k")
    assert mine.name == "mine"
    assert mine.population.users == 6000
    assert mine.population.tiers == base.population.tiers
    assert mine.features["support_chat"].model == "gpt-4-turbo"
    assert mine.features["support_chat"].calls_per_week == 300_000
    assert mine.features["code_review"] == base.features["code_review"]
    assert list(mine.features) == list(base.features)


def test_a_file_may_take_entries_out(tmp_path):
    (tmp_path / "calm.toml").write_text(
        'extends = "surprise-40k"\nname = "calm"\n'
        'incidents.deep-analysis = "none"\nfeatures.deep_analysis = "none"\n'
    )
    calm = load_scenario(str(tmp_path / "calm.toml"))
    assert calm.incidents == {}
    assert calm.features == load_scenario("quiet").features


def test_a_file_may_extend_its_neighbour_but_not_itself(tmp_path):
    (tmp_path / "a.toml").write_text('extends = "b"\nname = "a"\n')
    (tmp_path / "b.toml").write_text('extends = "quiet"\nname = "b"\ndays = 20\n')
    assert load_scenario(tmp_path / "a.toml").days == 20
    (tmp_path / "b.toml").write_text('extends = "a"\nname = "b"\n')
    with pytest.raises(SettingError, match="extends goes in a circle"):
        load_scenario(tmp_path / "a.toml")
    (tmp_path / "a.toml").write_text('extends = "nobody"\n')
    with pytest.raises(UnknownNameError, match="got 'nobody'"):
        load_scenario(tmp_path / "a.toml")


def test_the_hash_is_of_what_is_simulated(small_data):
    base = parse_scenario(small_data).hash
    assert parse_scenario(small_data | {"title": "other words"}).hash == base
    assert parse_scenario(small_data | {"days": 4}).hash != base
    change(small_data, "features.chat.calls_per_week", 14_001)
    assert parse_scenario(small_data).hash != base


def test_a_changed_copy_is_a_scenario_of_its_own(small):
    scenario = small(days=3)
    before = scenario.expected().total_usd
    assert scenario.calendar.hours == 72
    longer = scenario.model_copy(update={"days": 30})
    assert longer.calendar.hours == 720
    assert longer.hash != scenario.hash
    assert longer.expected().total_usd > 5 * before
    assert scenario.expected().total_usd == before
    with pytest.raises(Exception, match="frozen"):
        scenario.days = 5


def test_first_days_cut_the_week_incidents_and_notes():
    scenario = load_scenario("surprise-40k")
    cut = scenario.first_days(10)
    assert (cut.days, cut.focus.start, cut.focus.days) == (10, date(2024, 7, 15), 7)
    assert (cut.incidents, cut.notes) == ({}, [])
    assert list(scenario.first_days(32).incidents) == ["deep-analysis"]
    for days in (0, 36, -1):
        with pytest.raises(SettingError, match="days must be from 1 to 35"):
            scenario.first_days(days)


def test_without_a_week_the_last_seven_days_are_meant(small):
    assert small(days=10).focus.start == date(2024, 3, 4)
    assert (small(days=3).focus.start, small(days=3).focus.days) == (date(2024, 3, 1), 3)
