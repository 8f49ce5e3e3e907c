"""The page before a launch: its figures again by other means, and what its verdict rests on."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from datetime import date
from functools import partial
from html import unescape

import joblib
import pandas as pd
import pytest

from costsim.errors import ReportError, SettingError
from costsim.limits import load_limits, parse_limits
from costsim.report import launch_report, rehearse_launch
from costsim.report.launch import playing
from costsim.report.launch.lines import launch_lines, reached_on
from costsim.report.launch.requirements import requirement_rows
from costsim.simulation import load_scenario, simulate
from costsim.study import parse_gate
from costsim.study.launch.first_signal import FirstSignal, first_signal, what_if
from costsim.study.launch.month import launch_month
from costsim.study.launch.routes_judged import route_lines
from costsim.study.launch.runs import OPEN

CAPS = parse_limits(
    {
        "name": "caps",
        "request": {"max_input_tokens": 12_000, "max_output_tokens": 1000},
        "user": {"hour_usd": 0.05, "day_usd": 0.2, "month_usd": 2.0},
        "organisation": {"month_usd": 60, "alert_at": [0.5]},
        "enforce_organisation": False,
    }
)
CHANGES = {
    "days": 7,
    "monthly_budget_usd": 80,
    "population": {"users": 40},
    "features": {
        "chat": {"calls_per_week": 1_500},
        "batch": {"calls_per_week": 500},
        "deep": {
            "model": "gpt-4o", "profile": "flat", "launch": "2024-03-05T09:00:00", "passes": 2,
            "input_tokens": {"median": 12_000, "log_sd": 0.5, "max": 100_000},
            "output_tokens": {"median": 900, "log_sd": 0.4, "max": 2000},
            "cohorts": {"power": {"users": 5, "calls_per_day": 8}},
        },
    },
    "incidents": {
        "run": {"feature": "deep", "cause": "volume", "starts": "2024-03-06T00:00:00"},
    },
}  # fmt: skip
QUICK = {"replicates": 2, "watch_runs": 0, "library": ["night-script"], "seed": 3}


@pytest.fixture(scope="module")
def product(small):
    return small(**CHANGES)


@pytest.fixture(scope="module", autouse=True)
def _small_library():
    """The library's incidents in small: what they are is tested in tests/study/launch."""
    with pytest.MonkeyPatch.context() as patch, joblib.parallel_config(backend="sequential"):
        whole = playing.limit_incidents

        def quick(policy, library=None, *, size=1.0, **more):
            return whole(policy, library or ["night-script"], size=0.02, **more)

        patch.setattr(playing, "limit_incidents", quick)
        patch.setattr(
            playing, "compare_accounting",
            partial(playing.compare_accounting, trials=10, concurrency=[1], delay_seconds=[0]),
        )  # fmt: skip
        yield


@pytest.fixture(scope="module")
def found(product):
    return rehearse_launch(product, CAPS, candidates=4, search_seeds=4, **QUICK)


def test_what_it_costs_is_what_the_records_say(found):
    scenario, runs = found.scenario, found.validation.runs
    costs = found.costs().set_index("of")
    users = {}
    for variant, column, limits in ((OPEN, "without_usd", None), ("caps", "with_usd", CAPS)):
        rows = []
        for seed in runs["seed"].unique():
            records = simulate(scenario, seed=int(seed), limits=limits).records.to_pandas()
            users.setdefault(seed, records["user_id"].nunique())  # without limits: all who call
            made = records[records["status"] != "denied"]
            deep = made[made["feature_name"] == "deep"]
            by_user = made.groupby("user_id", observed=True)["total_cost_usd"].sum()
            rows.append(
                {
                    "a request of deep": 2 * deep["total_cost_usd"].mean(),
                    "an active user, the month": made["total_cost_usd"].sum() / users[seed],
                    "the dearest user, the month": by_user.max(),
                    "the month": made["total_cost_usd"].sum(),
                }
            )
        for name, value in pd.DataFrame(rows).mean().items():
            assert costs.at[name, column] == pytest.approx(value), (name, variant)
    assert (costs["low_usd"] <= costs["without_usd"]).all()


def test_the_verdict_is_the_worst_of_all_that_is_asked(found):
    assert found.verdict == "NOT READY"
    assert re.search(r"\d+% of the users of deep would be blocked", found.failures[0])
    assert "nobody has a dashboard of what is spent" in found.failures
    good = [line._replace(verdict="PASS") for line in found.lines]
    kind = parse_limits({"name": "kind", "user": {"month_usd": 1e5}})
    gate = parse_gate({"month_spend_mean_usd": "<= 1e6"})
    calm = rehearse_launch(found.scenario, kind, gate, recommend=False, **QUICK)
    assert calm.day is None
    assert replace(calm, lines=tuple(good)).verdict == "READY"
    assert replace(calm, lines=tuple(good)).headline.startswith("READY: small under kind.")
    open_ = [*good[:-1], good[-1]._replace(verdict="UNDECIDED")]
    assert replace(calm, lines=tuple(open_)).verdict == "UNDECIDED"
    assert calm.verdict == "NOT READY"  # nobody keeps a dashboard, and no budget alerts
    assert calm.room == ""


def test_what_the_budget_leaves_for_the_feature_is_subtraction(found):
    runs = found.validation.runs
    open_ = runs[runs["variant"] == OPEN].mean(numeric_only=True)
    left = 80 - (open_["feature.chat.usd"] + open_["feature.batch.usd"])
    assert f"leaves ${left:,.0f} for deep, which takes ${open_['feature.deep.usd']:,.0f}" in (
        found.room
    )


def test_limits_that_serve_a_feature_are_the_cheapest_that_do(found):
    searched = found.better.searched
    own = searched[searched["variant"].str.startswith("candidate")].groupby("variant")
    means = own.mean(numeric_only=True)
    kind = means[means["feature.chat.blocked_share"] < 0.5]
    serving = found.better.serving("chat")
    assert serving.spend_usd == pytest.approx(kind["month_usd"].min())
    assert serving.policy.name == kind["month_usd"].idxmin()


def test_the_page_says_the_verdict_first_and_holds_the_file(found):
    html = found.page("costsim report launch x").html()
    text = unescape(re.sub(r"<[^>]+>", " ", html))
    assert text.index("NOT READY") < text.index("A request of deep costs")
    for anchor in ("costs", "five", "limits", "day", "better", "assumptions", "incidents",
                   "accounting"):  # fmt: skip
        assert f'id="{anchor}"' in html
    file = unescape(re.search(r"<pre[^>]*>(.*?)</pre>", html, re.S)[1])
    assert parse_limits(tomllib.loads(file)) == found.better.suggested
    assert text.count("PASS:") + text.count("FAIL:") + text.count("UNDECIDED:") >= 5
    assert "ordinary_blocked_share" not in text  # in words, never by key
    assert found.day.user not in text


class TestTheFiveLines:
    def lines(self, scenario, limits, signal=None, suite="default"):
        found = launch_lines(launch_month(scenario), parse_limits(limits), signal, suite)
        return {line.nobody_had: (line.verdict, line.here) for line in found}

    def test_a_request_is_bounded_by_limits_and_model(self, product):
        verdict, here = self.lines(product, {"name": "l"})["the cost of a request"]
        assert verdict == "FAIL"  # chat takes prompts of any length
        assert "nothing bounds a request of chat: set max_input_tokens" in here
        request = {"max_input_tokens": 12_000, "max_output_tokens": 1000}
        verdict, here = self.lines(product, {"name": "l", "request": request})[
            "the cost of a request"
        ]
        assert verdict == "PASS"
        most = 2 * (12_000 * 5 + 1000 * 15) / 1e6  # gpt-4o, two passes
        assert f"no request can cost more than ${most:.2f}" in here

    def test_users_caps(self, product):
        assert self.lines(product, {"name": "l"})["limits for each user"][0] == "FAIL"
        verdict, here = self.lines(product, {"name": "l", "user": {"month_usd": 2}})[
            "limits for each user"
        ]
        assert (verdict, here.split(".  ")[0][:15]) == ("PASS", "$2.00 a month. ")
        assert "40 users x $2.00 a month = $80.00" in here
        tiers = [{"name": "free", "share": 0.5}, {"name": "pro", "share": 0.5}]
        people = type(product.population)(users=40, tiers=tiers)
        tiered = product.model_copy(update={"population": people})
        by_tier = {"free": {"month_usd": 1}, "pro": {"day_usd": 3}}
        for gone, wanted in ((None, "PASS"), ("pro", "FAIL")):
            caps = {name: each for name, each in by_tier.items() if name != gone}
            limits = {"name": "l", "user": {"by_tier": caps}}
            assert self.lines(tiered, limits)["limits for each user"][0] == wanted

    def test_a_budget_that_alerts_in_time(self, product):
        what = "an alert on the month's budget"
        assert self.lines(product, {"name": "l"})[what][0] == "FAIL"
        late = {"name": "l", "organisation": {"month_usd": 100, "alert_at": [0.8]}}
        assert self.lines(product, late)[what] == (
            "FAIL", "The first alert comes at $80.00; the budget is $80.00."
        )  # fmt: skip
        ladder = [{"at": 0.9, "do": "warn"}, {"at": 0.7, "do": "notify"}]
        told = {"name": "l", "organisation": {"month_usd": 60, "ladder": ladder}}
        verdict, here = self.lines(product, told)[what]
        assert (verdict, here.split(" of ")[0]) == ("PASS", "The first alert comes at $42.00")
        good = {"name": "l", "organisation": {"month_usd": 60, "alert_at": [0.5, 0.9]}}
        verdict, here = self.lines(product, good)[what]
        assert verdict == "PASS"
        month = launch_month(product)
        spent, reached = 0.0, None
        for _, row in month.scenario.expected().days.sort_values("date").iterrows():
            spent += row["usd"]
            if spent >= 30 and reached is None:
                reached = row["date"]
        assert reached_on(month, 30) == reached
        assert f"{reached:%a} {reached.day} {reached:%b}" in here
        assert reached_on(month, 1e9) is None

    def test_a_dashboard_is_what_the_scenario_states(self, product):
        what = "a dashboard of what is spent"
        assert self.lines(product, {"name": "l"})[what][0] == "FAIL"
        assert self.lines(load_scenario("startup-10k"), {"name": "l"})[what][0] == "PASS"

    @pytest.mark.parametrize(
        ("soon", "never", "suite", "verdict"),
        [(18, 0, "s", "PASS"), (17, 3, "s", "FAIL"), (0, 20, "s", "FAIL"), (20, 0, "", "FAIL")],
    )
    def test_a_signal_is_asked_for_in_nine_of_ten_runs(self, product, soon, never, suite, verdict):
        signal = FirstSignal("s", 20, soon, never, 2.0, 30.0, "user share")
        what = "a first signal within hours"
        assert self.lines(product, {"name": "l"}, signal, suite)[what][0] == verdict
        assert self.lines(product, {"name": "l"}, None, "s")[what][0] == "UNDECIDED"


def test_where_nothing_goes_wrong_something_is_supposed():
    quiet = load_scenario("quiet")
    [incident] = what_if(quiet).incidents.values()
    usd = quiet.expected().to_frame().groupby("feature_name")["usd"].sum()
    assert incident.feature == usd.idxmax()
    assert what_if(load_scenario("surprise-40k")) == load_scenario("surprise-40k")
    signal = FirstSignal("s", 20, 20, 0, 2.0, 30.0, "feature z-score")
    lines = launch_lines(launch_month(quiet), parse_limits({"name": "l"}), signal, "s")
    assert lines[-1].verdict == "PASS"
    assert lines[-1].here.startswith(
        f"The scenario has nothing go wrong. Supposed that {incident.feature} has 5 times its calls"
    )


def test_a_route_nobody_tried_is_told_in_its_own_words():
    policy = parse_limits({"name": "p", "feature": {"chat": {"downgrade_to": ["mini.5"]}}})
    [row] = requirement_rows(route_lines(policy, waived=False, gated=True))
    assert row["requirement"] == "mini.5 tried for chat"
    assert row["asked"] == "evaluated or waived"
    assert row["measured"].startswith("nobody has tried whether mini.5 does the work")


def test_the_first_signal_is_the_first_hour_over_its_threshold():
    """A fixed threshold on the whole bill speaks at the end of the first hour above it."""
    from costsim.detect import FixedThreshold, Suite
    from costsim.study.incident_runs import IncidentRuns
    from costsim.study.seeds import study_seeds

    scenario = load_scenario("surprise-40k")
    rules = (FixedThreshold(600.0, channel="total"), FixedThreshold(1e6, name="deaf"))
    found = first_signal(scenario, Suite("two", rules), replicates=5, seed=5)
    runs = IncidentRuns.of(scenario, study_seeds(5, 16, 5))
    onset, end = int(runs.onset[0]), int(runs.end[0])
    total = runs.spend.channel("total")[:, onset:end]
    hours = [int((each > 600).argmax()) + 1 for each in total if (each > 600).any()]
    burned = [
        excess[onset : onset + known].sum()
        for excess, each in zip(runs.spend.excess, total, strict=True)
        if (each > 600).any()
        for known in [int((each > 600).argmax()) + 1]
    ]
    assert len(hours) > 2
    assert found.never == 5 - len(hours)
    assert found.soon == sum(hour <= 4 for hour in hours)
    assert found.median_hours == pd.Series(hours).median()
    assert found.median_usd == pytest.approx(pd.Series(burned).median())
    assert found.detector == "fixed threshold"


def test_requirements_are_said_in_words(found):
    rows = requirement_rows(found.validation.lines)
    assert [row["requirement"] for row in rows] == ["months over budget", "ordinary users blocked"]
    assert rows[1]["asked"] == "at most 2.0%"


def test_nothing_is_played_for_a_page_that_cannot_be_written(tmp_path):
    (tmp_path / "launch-surprise-40k-flat-caps.html").mkdir()
    with pytest.raises(ReportError, match="is a directory"):
        launch_report("surprise-40k", "flat-caps", out=tmp_path)
    with pytest.raises(SettingError, match="size must be above 0"):
        rehearse_launch("surprise-40k", load_limits("flat-caps"), size=2)
    assert date(2024, 8, 15) == reached_on(launch_month(load_scenario("surprise-40k")), 44_000)
