"""Hours at each level: the engines' own moments say the same, folded or played in full."""

from __future__ import annotations

import joblib
import numpy as np
import pytest

from costsim.limits import parse_limits
from costsim.study import validate_limits
from costsim.study.launch.level_hours import BELOW, PREFIX
from costsim.study.launch.month import launch_month
from costsim.study.launch.rehearsal import Rehearsal
from costsim.study.launch.runs import OPEN, folded_month, rows_of, streamed_month

LEVELS = [{"at": 0.2, "do": "notify"}, {"at": 0.2, "do": "warn"}, {"at": 0.7, "do": "warn"}]
ACTS = [{"at": 0.5, "do": "downgrade", "features": ["chat"]},
        {"at": 0.9, "do": "shut", "features": ["batch"]}]  # fmt: skip


def limits(ladder, **keys):
    return parse_limits(
        {
            "name": "climbed",
            "time_zone": "America/New_York",
            "organisation": {"month_usd": 30, "ladder": ladder},
            "feature": {
                "chat": {
                    "downgrade_to": ["gpt-3.5-turbo"],
                    "evaluated": {"gpt-3.5-turbo": {"waived": "a test"}},
                }
            },
            "user": {"day_usd": 2},
        }
        | keys
    )


@pytest.fixture(scope="module")
def month(small):
    """A month that begins before its first, so that the budget starts anew within it."""
    features = {"chat": {"model": "gpt-4o", "calls_per_week": 3_000}}
    return launch_month(small(start="2024-02-26", days=30, features=features))


def hours(rehearsal, policy):
    rows = rows_of(rehearsal, policy, streamed_month(rehearsal, policy))
    names = [key for key in rows[0] if key.startswith(PREFIX)]
    return [{name.removeprefix(PREFIX): row[name] for name in names} for row in rows]


def test_they_are_those_of_the_moments_at_which_the_engine_reached_the_levels(month):
    policy = limits(LEVELS + ACTS)
    routes = (("chat", "gpt-3.5-turbo"),)
    rehearsal = Rehearsal(month, 3, routes)
    _, found = hours(rehearsal, policy)
    loop = rehearsal.loop(policy)
    for day in rehearsal:
        loop.day(day.intents, day.end_us)
    start, end = month.range_us(month.month)
    at = {event.kind: event.at_us for event in loop.events if event.at_us >= start}
    kinds = ["budget alert 20%", "budget warn at 20%", "budget downgrade at 50%",
             "budget warn at 70%", "budget shut at 90%"]  # fmt: skip
    assert list(at)[: len(kinds)] == kinds[: len(at)]
    assert len(at) >= 4
    moments = [start, *(at.get(kind, end) for kind in kinds), end]
    wanted = np.diff(moments) / 3.6e9
    assert list(found) == [BELOW, "notify at 20%", "warn at 20%", "downgrade at 50%", "warn at 70%",
                           "shut at 90%"]  # fmt: skip
    np.testing.assert_allclose(list(found.values()), wanted, atol=2 / 60)
    assert sum(found.values()) == pytest.approx((end - start) / 3.6e9)


def test_folding_changes_no_minute(month):
    policy = limits(LEVELS, enforce_organisation=False, feature={})
    rehearsal = Rehearsal(month, 3)
    folded = rows_of(rehearsal, policy, folded_month(rehearsal, policy))
    for row, streamed in zip(folded, hours(rehearsal, policy), strict=True):
        assert {name: row[PREFIX + name] for name in streamed} == streamed


def test_a_check_tells_the_hours_and_fails_for_a_route_that_nobody_tried(month):
    scenario = month.scenario.first_days(33)
    tried = limits(ACTS)
    with joblib.parallel_config(backend="sequential"):
        found = validate_limits(scenario, tried, replicates=2, seed=1)
        bare = limits(ACTS, feature={"chat": {"downgrade_to": ["gpt-3.5-turbo"]}})
        failed = validate_limits(scenario, bare, replicates=2, seed=1)
        waived = validate_limits(scenario, bare, replicates=2, seed=1, waive_evaluation=True)
    levels = found.levels().set_index("level")
    assert list(levels.index) == [BELOW, "downgrade at 50%", "shut at 90%"]
    runs = found.runs.set_index("variant")
    for level, row in levels.iterrows():
        assert row["with"] == pytest.approx(runs.loc["climbed", f"{PREFIX}{level}"].mean())
        assert row["without"] == pytest.approx(runs.loc[OPEN, f"{PREFIX}{level}"].mean())
    assert levels["reached"].iloc[0] == 1
    assert set(found.to_frame()["measure"]) >= {f"{PREFIX}{level}" for level in levels.index}
    assert any(line.startswith("Of the month's") for line in found.card.lines)
    assert (found.verdict, waived.verdict) == ("NO GATE", "NO GATE")
    assert (failed.verdict, failed.exit_code) == ("FAIL", 1)
    (line,) = failed.lines
    assert line.words.startswith("FAIL feature.chat.route.gpt-3.5-turbo.evaluated: nobody has")
    assert "nobody has tried whether gpt" in failed.markdown()
