"""Fitting a scenario to records of known truth, and what a fit says of itself."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from costsim.errors import DataError, DatasetError, SettingError, UnknownNameError
from costsim.records import Records
from costsim.simulation import load_scenario, parse_scenario, simulate
from costsim.simulation.fit import compare_fit, fit_scenario

DAYS = 35
NIGHT = [1.6, 1.7, 1.8, 1.7, 1.5, 1.2, 0.9, 0.7, 0.6, 0.5, 0.5, 0.5]
NIGHT += [0.5, 0.5, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.3, 1.4, 1.5]
WORK = {"mon": 1.15, "tue": 1.2, "wed": 1.2, "thu": 1.15, "fri": 0.95, "sat": 0.5, "sun": 0.45}


@pytest.fixture(scope="module")
def truth(small):
    """Two features of unlike hours, in sessions or not, with caps, a cache and failures."""
    return small(
        days=DAYS,
        time_zone="Europe/Berlin",
        population={
            "users": 600,
            "activity": {"law": "zipf", "exponent": 0.7},
            "tiers": [{"name": "free", "share": 0.7}, {"name": "pro", "share": 0.3}],
        },
        noise={"hour_sigma": 0.2, "hour_phi": 0.75, "day_sigma": 0.1},
        profiles={"office": {"days": WORK}, "night": {"hours": NIGHT}},
        features={
            "chat": {
                "provider": "openai",
                "calls_per_week": 15_000,
                "sessions": {"mean_calls": 3, "think_seconds": 60},
                "cache": {"share": 0.5, "hit_rate": 0.8},
                "errors": {"rate": 0.03},
                "output_tokens": {"between_users_log_sd": 0.3},
            },
            "batch": {"profile": "night", "calls_per_week": 12_000},
        },
    )


@pytest.fixture(scope="module")
def run(truth):
    return simulate(truth, seed=1)


@pytest.fixture(scope="module")
def fit(run):
    return fit_scenario(run.records, name="mine")


def true_values(scenario):
    """Every parameter that has an interval, by key, from the scenario alone."""
    values = {f"noise.{key}": value for key, value in scenario.noise.model_dump().items()}
    values["population.activity.exponent"] = scenario.population.activity.exponent
    for number, tier in enumerate(scenario.population.tiers):
        values[f"population.tiers[{number}].share"] = tier.share
    for fitted_name, name in (("usual", "office"), ("hours_of_batch", "night")):
        profile = scenario.profiles[name]
        hours, days = np.array(profile.hours), np.array(profile.day_weights)
        for hour, weight in enumerate(hours / hours.mean()):
            values[f"profiles.{fitted_name}.hours[{hour}]"] = weight
        for day, weight in zip(WORK, days / days.mean(), strict=True):
            values[f"profiles.{fitted_name}.days.{day}"] = weight
    for name, feature in scenario.features.items():
        at = f"features.{name}"
        values[f"{at}.calls_per_week"] = feature.calls_per_week
        values[f"{at}.sessions.mean_calls"] = feature.sessions.mean_calls
        values[f"{at}.sessions.think_seconds"] = feature.sessions.think_seconds
        values[f"{at}.cache.share"] = feature.cache.share
        values[f"{at}.cache.hit_rate"] = feature.cache.hit_rate
        values[f"{at}.errors.rate"] = feature.errors.rate
        for side in ("input_tokens", "output_tokens"):
            tokens = getattr(feature, side)
            values[f"{at}.{side}.median"] = np.exp(tokens.log_median)
            values[f"{at}.{side}.log_sd"] = tokens.log_sd
            values[f"{at}.{side}.between_users_log_sd"] = tokens.between_users_log_sd
    return values


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_what_was_put_in_is_found_within_its_interval(truth, run, fit, seed):
    found = fit if seed == 1 else fit_scenario(simulate(truth, seed=seed).records)
    frame = found.to_frame().set_index("key")
    known = frame[(frame["basis"] == "fitted") & frame["low"].notna()]
    wanted = pd.Series(true_values(truth)).reindex(known.index).dropna().astype(float)
    known = known.loc[wanted.index]
    assert len(known) > 70
    value = known["value"].astype(float)
    # 95% intervals: a few misses are due, none by more than twice the interval's reach
    inside = (known["low"] <= wanted + 1e-9) & (wanted <= known["high"] + 1e-9)
    assert inside.mean() > 0.85, known[~inside].assign(truth=wanted)[["value", "truth"]]
    reach = np.where(wanted < value, value - known["low"], known["high"] - value)
    far = (wanted - value).abs() > 2.2 * reach + 0.01 * wanted.abs()
    assert not far.any(), known[far].assign(truth=wanted)[["low", "value", "high", "truth"]]


def test_shape_caps_models_and_people_are_the_truth_s(truth, fit):
    scenario = fit.scenario
    assert set(scenario.features) == {"chat", "batch"}
    assert (scenario.start, scenario.days) == (truth.start, DAYS)
    assert (scenario.time_zone, scenario.price_book) == ("Europe/Berlin", "list-2024")
    for name, feature in truth.features.items():
        found = scenario.features[name]
        assert (found.model, found.provider) == (feature.model, feature.provider)
        assert found.errors.billed == "nothing"
    assert scenario.features["chat"].output_tokens.max == 400
    assert scenario.features["chat"].profile != scenario.features["batch"].profile
    assert scenario.population.activity.law == "zipf"
    assert scenario.population.users == pytest.approx(600, rel=0.02)
    assert [tier.name for tier in scenario.population.tiers] == ["free", "pro"]


def test_a_simulation_of_the_fit_matches_its_source(run, fit):
    table = compare_fit(run.records, fit.scenario, seed=5)
    assert table.columns.tolist() == [
        "measure", "of", "source", "simulated", "low", "high", "ok", "tolerance",
    ]  # fmt: skip
    assert {"chat", "batch", "all"} == set(table["of"])
    for part in ("CV", "at 24 h", "at 168 h", "dispersion", "10 most active", "p99", "max"):
        assert table["measure"].str.contains(part, regex=False).any()
    assert table["ok"].mean() > 0.95, table[~table["ok"]]


@pytest.mark.parametrize(
    ("change", "missed"),
    [
        ({"noise": {"hour_sigma": 0.9, "hour_phi": 0.7, "day_sigma": 0.1}}, "variation of hours"),
        ({"population": {"users": 600, "activity": {"exponent": 1.3}}}, "10 most active"),
        ({"features": {"chat": {"calls_per_week": 40_000}}}, "calls a day"),
        (
            {"features": {"chat": {"sessions": {"mean_calls": 12, "think_seconds": 5}}}},
            "dispersion",
        ),
        ({"features": {"batch": {"input_tokens": {"median": 4000}}}}, "input tokens p50"),
        ({"profiles": {"office": {"hours": [1] * 24}}}, "autocorrelation at 168 h"),
    ],
)
def test_a_scenario_that_is_wrong_fails_where_it_is_wrong(run, truth, change, missed):
    data = truth.model_dump(mode="json", exclude_defaults=True)

    def merge(base, new):
        for key, value in new.items():
            if isinstance(value, dict) and isinstance(base.get(key), dict):
                merge(base[key], value)
            else:
                base[key] = value

    merge(data, change)
    table = compare_fit(run.records, parse_scenario(data))
    failed = table.loc[~table["ok"], "measure"]
    assert failed.str.contains(missed).any(), table


def test_the_file_is_read_back_as_the_scenario_and_says_what_it_stands_on(fit, run, tmp_path):
    path = fit.write(tmp_path / "deep" / "mine.toml")
    assert load_scenario(path) == fit.scenario
    head = [line for line in fit.toml.splitlines() if line.startswith("#")]
    assert head[0] == "# Fitted to small, seed 1 by costsim, level product."
    assert head[1] == "# Period: 2024-03-01 00:00 to 2024-04-05 00:00 Europe/Berlin."
    assert head[2].startswith("# Records: ")
    calls = int(head[2].split()[2].replace(",", ""))
    retries = int(head[2].split()[4].replace(",", ""))
    assert calls + retries == len(run.records)
    assert sorted(line[4:] for line in head[4:]) == sorted(fit.assumed)


def test_what_is_assumed_is_marked_on_its_own_line(fit):
    marked, place = [], ""
    for line in fit.toml.splitlines():
        if line.startswith("["):
            place = line.strip("[]") + "."
        if line.endswith("# assumed"):
            marked.append(place + line.split(" = ")[0])
    assert marked == [key for key in fit.assumed if key != "monthly_budget_usd"]
    assert "population.growth_per_week" in marked
    keys = fit.to_frame()["key"]
    assert keys.is_unique
    flat = pd.json_normalize(tomllib.loads(fit.toml), max_level=5).columns
    for key in flat:
        assert keys.str.startswith(key).any() or key == "population.tiers", key


def test_a_file_that_is_there_is_not_overwritten_unasked(fit, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("precious")
    with pytest.raises(DatasetError, match=r"is there already; overwrite=True"):
        fit.write(path)
    assert path.read_text() == "precious"
    with pytest.raises(DatasetError, match="is a folder"):
        fit.write(tmp_path)
    fit.write(path, overwrite=True)
    assert load_scenario(path) == fit.scenario
    assert [p.name for p in tmp_path.iterdir()] == ["mine.toml"]


def test_a_fit_shows_itself_and_names_the_next_step(fit):
    frame = fit.to_frame()
    assert repr(fit).startswith("Fit('mine', 2 features, 35 days; ")
    assert repr(fit).endswith('next: fit.write("my.toml")')
    assert set(frame["basis"]) == {"fitted", "assumed"}
    assert (frame.loc[frame["basis"] == "assumed", "records"] == 0).all()
    between = frame[frame["low"].notna()]
    value = between["value"].astype(float)
    slack = 1e-3 * value.abs() + 1e-9  # values are rounded to four digits
    assert ((between["low"] <= value + slack) & (value <= between["high"] + slack)).all()
    assert "noise.hour_sigma" in fit._repr_html_()


def plain_log(rows=2000, hours=5.0, seed=3, **columns):
    rng = np.random.default_rng(seed)
    start = datetime(2024, 3, 4, 9, tzinfo=UTC)
    seconds = np.sort(rng.random(rows)) * hours * 3600
    frame = pd.DataFrame(
        {
            "call_id": [f"c{i}" for i in range(rows)],
            "timestamp": pd.Timestamp(start) + pd.to_timedelta((seconds * 1e6).astype(int), "us"),
            "input_tokens": np.rint(np.exp(rng.normal(7, 0.6, rows))).astype("int32"),
            "output_tokens": np.rint(np.exp(rng.normal(5, 0.5, rows))).astype("int32"),
            "status": "ok",
            "source": "test",
        }
    )
    return Records.from_frame(frame.assign(**columns))


def test_a_bare_log_gives_what_it_knows_and_assumes_the_rest_by_level():
    records = plain_log()
    product = fit_scenario(records)
    api = fit_scenario(records, level="api")
    assert product.scenario.noise.hour_sigma == 0.15
    assert api.scenario.noise.hour_sigma == 0.30
    for key in (
        "noise.hour_sigma", "profiles.usual.hours", "profiles.usual.days", "population.users",
        "features.calls.model", "features.calls.cache.share", "monthly_budget_usd", "price_book",
        "features.calls.input_tokens.between_users_log_sd",
    ):  # fmt: skip
        assert key in product.assumed
        assert key in api.assumed
    feature = product.scenario.features["calls"]
    assert feature.calls_per_week == pytest.approx(2000 / 5 * 168, rel=0.01)
    assert feature.sessions.mean_calls == pytest.approx(1, abs=0.1)
    assert feature.input_tokens.median == pytest.approx(np.exp(7), rel=0.05)
    assert set(product.scenario.profiles["usual"].hours) == {1.0}


def test_features_by_several_models_become_several():
    model = ["gpt-4o"] * 1000 + ["gpt-3.5-turbo"] * 990 + ["rare"] * 10
    rng = np.random.default_rng(0)
    records = plain_log(
        feature_name="ask me / now",
        model=rng.permutation(model),
        provider="openai",
        price_book="list-2024",
    )
    found = fit_scenario(records.in_zone("Europe/Berlin")).scenario
    assert set(found.features) == {"ask_me_now-gpt-4o", "ask_me_now-gpt-3_5-turbo"}
    rates = {f.model: f.calls_per_week for f in found.features.values()}
    assert rates["gpt-4o"] / rates["gpt-3.5-turbo"] == pytest.approx(1010 / 990, rel=1e-3)


def test_a_model_without_a_price_gets_a_stand_in_that_says_so():
    fit = fit_scenario(plain_log(model="house-model"))
    row = fit.to_frame().set_index("key").loc["features.calls.model"]
    assert (row["value"], row["basis"]) == ("gpt-4o", "assumed")
    assert row["note"].startswith("house-model has no price in")


def test_calls_without_output_and_with_one_count_only_are_taken_as_they_are():
    rows = 2000
    records = plain_log(
        rows,
        output_tokens=pd.array([None] * 1950 + [1] * 50, dtype="Int32"),
        input_tokens=np.full(rows, 512, "int32"),
    )
    with pytest.raises(DataError, match="at least 100 calls with input and output tokens; got 50"):
        fit_scenario(records)
    records = plain_log(rows, output_tokens=np.zeros(rows, "int32"),
                        input_tokens=np.full(rows, 512, "int32"))  # fmt: skip
    feature = fit_scenario(records).scenario.features["calls"]
    assert feature.input_tokens.expected == pytest.approx(512, abs=0.5)
    assert feature.output_tokens.expected == pytest.approx(1, abs=0.5)


def test_what_cannot_be_fitted_is_one_clear_line():
    with pytest.raises(UnknownNameError, match="level must be one of 'product', 'api'"):
        fit_scenario(plain_log(), level="team")
    with pytest.raises(SettingError, match="name must be a name"):
        fit_scenario(plain_log(), name=" ")
    with pytest.raises(DataError, match="at least 100 calls"):
        fit_scenario(plain_log(50))
    with pytest.raises(DataError, match="over at least a minute; got 3"):
        fit_scenario(plain_log(500, hours=0.01))
