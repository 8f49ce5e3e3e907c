"""A launch added to a scenario file: the text stays, the whole loads, or nothing is written."""

from __future__ import annotations

import tomllib
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import costsim
from costsim.errors import CostsimError, DataError, PriceError, SettingError
from costsim.simulation import load_scenario
from costsim.simulation.add_feature import NewFeature, add_feature, feature_toml
from costsim.simulation.distributions import Tokens
from costsim.simulation.estimate import estimate_cost
from costsim.simulation.staging import law_toml, read_staged

LAUNCH = "2024-08-02T14:00"
MINE = """\
# my own product; this comment stays
extends = "quiet"
name = "mine"   # and this one

[population]
users = 2_000

[features.support_chat]
calls_per_week = 1_000
"""


def deep(**changes: Any) -> NewFeature:
    stated = {
        "name": "deep",
        "model": "gpt-4o",
        "launch": LAUNCH,
        "input_tokens": "2000,50000",
        "output_tokens": "500,2000",
        "users": 900,
        "calls_per_user_day": 1.05,
    }
    return NewFeature(**(stated | changes))


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(MINE)
    return path


def test_the_text_of_the_file_stays_and_the_feature_is_what_was_stated(mine: Path) -> None:
    feature = deep(cached_share=0.3, passes=5, max_output_tokens=4_096, provider="openai")
    assert add_feature(mine, feature, in_place=True) == mine
    assert mine.read_text().startswith(MINE)
    added = load_scenario(mine).features["deep"]
    assert (added.model, added.provider, added.profile) == ("gpt-4o", "openai", "office")
    assert added.launch == datetime(2024, 8, 2, 14)
    assert added.input_tokens.median == 10_000
    assert added.input_tokens.log_sd == pytest.approx(1.2559, abs=1e-4)
    assert added.output_tokens.max == 4_096
    assert (added.cache.share, added.passes) == (0.3, 5)
    cohort = added.cohorts["users"]
    assert (cohort.users, cohort.calls_per_day, cohort.first_use) == (900, 1.05, None)
    others = load_scenario(mine).model_dump()
    others["features"].pop("deep")
    (mine.parent / "before.toml").write_text(MINE)
    assert others == load_scenario(mine.parent / "before.toml").model_dump()


def test_a_new_file_leaves_the_old_one_alone(mine: Path) -> None:
    out = mine.with_name("with-deep.toml")
    assert add_feature(mine, deep(), out=out) == out
    assert mine.read_text() == MINE
    assert "deep" in load_scenario(out).features


def test_a_bundled_scenario_is_extended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = add_feature("quiet", deep())
    assert path == Path("quiet-deep.toml")
    found, base = load_scenario(path), load_scenario("quiet")
    assert found.name == "quiet-deep"
    assert set(found.features) - set(base.features) == {"deep"}
    assert all(found.features[name] == base.features[name] for name in base.features)
    assert [file.name for file in tmp_path.iterdir()] == ["quiet-deep.toml"]


def test_features_can_be_added_one_after_the_other(mine: Path) -> None:
    add_feature(mine, deep(), in_place=True)
    add_feature(mine, deep(name="deeper", profile="office"), in_place=True)
    assert {"deep", "deeper"} <= set(load_scenario(mine).features)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("last", ["", "end"])
def test_line_ends_are_the_files_own(tmp_path: Path, end: str, last: str) -> None:
    text = MINE.rstrip("\n").replace("\n", end) + (end if last else "")
    path = tmp_path / "mine.toml"
    path.write_bytes(text.encode())
    add_feature(path, deep(), in_place=True)
    written = path.read_bytes().decode()
    assert written.startswith(text)
    assert written.replace("\r\n", "").count("\n") == (0 if end == "\r\n" else written.count("\n"))
    assert "deep" in load_scenario(path).features


def test_the_scenario_expects_what_the_estimate_said(mine: Path) -> None:
    """Closed forms of two makers: a request's mean times calls is the scenario's expectation."""
    add_feature(mine, deep(launch="2024-07-12T00:00", max_input_tokens=128_000), in_place=True)
    week = load_scenario(mine).expected().to_frame()
    row = week[week["feature_name"] == "deep"].iloc[0]
    estimate = estimate_cost(
        "gpt-4o", "2000,50000", "500,2000", max_input_tokens=128_000, price_book="list-2024"
    )
    assert row["usd_per_call"] == pytest.approx(estimate.usd("request"), rel=1e-3)
    weights = load_scenario(mine).profiles["office"].day_weights
    assert row["calls"] == pytest.approx(900 * 1.05 * sum(weights), rel=1e-6)


def test_adoption_is_spread_evenly_or_by_diffusion(tmp_path: Path) -> None:
    def first_use(**changes: Any) -> Any:
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.toml"
        add_feature("quiet", deep(**changes), out=path)
        return load_scenario(path).features["deep"].cohorts["users"].first_use

    for days in (1, 3, 28, 366):
        even = first_use(adoption_days=days)
        assert even.day_weights == pytest.approx([1 / days] * days, abs=2e-4)
        assert sum(even.day_weights) == pytest.approx(1, abs=1e-9)
        assert even.launch_day_hours == (14, 24)
    diffusion = first_use(bass=(0.03, 0.38))
    assert (diffusion.bass.innovation, diffusion.bass.imitation) == (0.03, 0.38)
    assert len(diffusion.day_weights) == 28
    assert len(first_use(bass=(0.03, 0.38), adoption_days=14).day_weights) == 14


def test_ordinary_traffic_needs_no_cohort(mine: Path) -> None:
    add_feature(
        mine, deep(users=None, calls_per_user_day=None, calls_per_week=12_000), in_place=True
    )
    added = load_scenario(mine).features["deep"]
    assert added.calls_per_week == 12_000
    assert added.cohorts == {}


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"name": "support_chat"}, "name must be new; mine has a feature 'support_chat'"),
        ({"name": "two words"}, "name must be a word of letters"),
        ({"name": ""}, "name must be a word of letters"),
        ({"model": "gpt-9"}, "model must have a price in 'list-2024'; got 'gpt-9'"),
        ({"launch": "Friday"}, "launch must be a local time such as 2024-07-12T14:00"),
        ({"launch": "2024-08-02T14:00Z"}, "launch must be a local time"),
        ({"launch": "2026-12-04T14:00"}, "within the run, from 2024-07-12 to before 2024-08-16"),
        ({"users": None}, "give users and calls_per_user_day, or calls_per_week"),
        ({"calls_per_week": 5.0}, "give users and calls_per_user_day, or calls_per_week"),
        ({"users": 3_000}, "must not have more users than population"),
        ({"users": 0}, "users must be greater than 0; got 0"),
        ({"calls_per_user_day": float("nan")}, "must be a finite number"),
        ({"profile": "night"}, "profile must be one of 'office'; got 'night'"),
        ({"passes": 101}, "passes must be less than or equal to 100"),
        ({"cached_share": 1.1}, "cached_share must be from 0 to 1"),
        ({"adoption_days": 0}, "adoption_days must be from 1 to 366"),
        ({"bass": (2, 0.4)}, "innovation must be less than or equal to 1"),
        ({"input_tokens": None}, "give input_tokens and output_tokens"),
        ({"input_tokens": "5,4"}, "input_tokens must rise"),
    ],
)
def test_what_cannot_be_changes_nothing(mine: Path, changes: dict[str, Any], line: str) -> None:
    with pytest.raises(CostsimError, match=line) as caught:
        add_feature(mine, deep(**changes), in_place=True)
    assert "\n" not in str(caught.value)
    assert "partial" not in str(caught.value)
    assert mine.read_text() == MINE
    assert [path.name for path in mine.parent.iterdir()] == ["mine.toml"]


@pytest.mark.parametrize(
    ("out", "line"),
    [
        (None, "give out, a new file, or in_place; got neither"),
        ("mine.toml", "out must be a new file; .*mine.toml exists"),
        ("new.txt", "out must end in .toml"),
        ("no/where.toml", "out must lie in an existing folder"),
    ],
)
def test_targets_that_are_refused(mine: Path, out: str | None, line: str) -> None:
    with pytest.raises(SettingError, match=line):
        add_feature(mine, deep(), out=None if out is None else mine.parent / out)
    assert mine.read_text() == MINE
    with pytest.raises(SettingError, match="not changed in place; got 'quiet'"):
        add_feature("quiet", deep(), in_place=True)
    with pytest.raises(SettingError, match="got both"):
        add_feature(mine, deep(), out="x.toml", in_place=True)


def test_a_file_that_does_not_take_tables_at_its_end_is_left(tmp_path: Path) -> None:
    path = tmp_path / "taken.toml"
    path.write_text(MINE.replace("[features.support_chat]\ncalls_per_week = 1_000\n", "").replace(
        'name = "mine"', 'features = { summarise = "none" }\nname = "mine"'
    ))  # fmt: skip
    before = path.read_text()
    with pytest.raises(SettingError, match=r"deep cannot be added; taken.* is not valid TOML"):
        add_feature(path, deep(), in_place=True)
    assert path.read_text() == before
    assert list(tmp_path.iterdir()) == [path]


def staged(tmp_path: Path, size: int = 400, **changes: Any) -> Path:
    """Calls of a staging run, imported from a CSV file."""
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(
        {
            "timestamp": pd.date_range("2024-07-01", periods=size, freq="min", tz="UTC").astype(
                str
            ),
            "model": "gpt-4o",
            "feature_name": "deep",
            "user_id": "u",
            "input_tokens": np.rint(rng.lognormal(9, 0.8, size)).astype(int),
            "output_tokens": np.rint(rng.lognormal(6, 0.4, size)).astype(int),
        }
        | changes
    )
    frame.to_csv(tmp_path / "calls.csv", index=False)
    costsim.import_records(
        "generic", [tmp_path / "calls.csv"], tmp_path / "staging", price_book="list-2024"
    )
    return tmp_path / "staging"


def test_tokens_of_a_staging_run_are_measured_and_said_to_be(tmp_path: Path) -> None:
    folder = staged(tmp_path)
    found = read_staged(folder, "deep")
    feature = deep(input_tokens=None, output_tokens=None, staged=found, model=found.model)
    out = add_feature("quiet", feature, out=tmp_path / "measured.toml")
    assert f"# tokens: 400 calls of deep in {folder} (REAL)" in out.read_text()
    frame = pd.read_csv(tmp_path / "calls.csv")
    added = load_scenario(out).features["deep"]
    for law, column in (
        (added.input_tokens, "input_tokens"),
        (added.output_tokens, "output_tokens"),
    ):
        assert law.expected == pytest.approx(frame[column].mean(), rel=0.02)
    with pytest.raises(SettingError, match="give tokens or staged calls; got both"):
        feature_toml(deep(staged=found), load_scenario("quiet"))


@pytest.mark.parametrize("size", [20, 400, 20_000])
def test_staged_quantiles_have_the_mean_and_quantiles_of_the_calls(size: int) -> None:
    counts = np.rint(np.random.default_rng(size).lognormal(8, 1.2, size))
    law = Tokens.model_validate(tomllib.loads(f"law = {law_toml(counts, 2_000_000)}")["law"])
    assert law.max == 2_000_000
    assert law.expected == pytest.approx(counts.mean(), rel=0.01)
    for p in (0.1, 0.25, 0.5, 0.75, 0.9, 0.99)[: 6 if size > 100 else 0]:
        assert 1 - law.share_at_least(np.quantile(counts, p)) == pytest.approx(p, abs=0.01)


def test_staged_calls_at_their_limit_are_a_step_of_the_grid() -> None:
    counts = np.minimum(np.rint(np.random.default_rng(1).lognormal(6, 1, 5000)), 1024)
    law = Tokens.model_validate(tomllib.loads(f"law = {law_toml(counts)}")["law"])
    assert law.share_at_least(1023.5) == pytest.approx((counts == 1024).mean(), abs=1e-3)
    assert law.expected == pytest.approx(counts.mean(), rel=0.01)


def test_too_few_calls_are_no_measurement(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="at least 20 good calls of 'deep' with tokens; got 19"):
        read_staged(staged(tmp_path, 19), "deep")
    with pytest.raises(DataError, match="must have calls of 'other'; its features are 'deep'"):
        read_staged(tmp_path / "staging", "other")


def test_a_model_without_a_price_is_refused_before_it_is_simulated_for_nothing(
    mine: Path,
) -> None:
    with pytest.raises(PriceError, match="close: gpt-4o"):
        add_feature(mine, deep(model="gpt-4oo"), in_place=True)
