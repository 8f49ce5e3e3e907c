"""The incident library: what each file promises, by hand arithmetic and by paired simulation."""

from __future__ import annotations

from datetime import datetime, timedelta
from math import exp

import numpy as np
import pandas as pd
import pytest

from costsim.paths import bundled
from costsim.simulation import load_scenario, scenario_names, simulate
from costsim.simulation.noise import Noise

VOLUME = ["slow-ramp", "night-script", "agent-loop", "free-tier-abuse"]
CHANGED = ["prompt-bloat", "cache-break", "model-swap", "retry-storm"]
INCIDENTS = [*VOLUME, *CHANGED, "feed-silence", "surprise-40k", "surprise-40k-multipass"]
BENIGN = ["quiet", "quiet-2026", "benign-surge", "benign-launch", "dst-week", "startup-10k"]
BOUND = {"surprise-40k", "surprise-40k-multipass", "night-script"}
STILL = Noise(hour_sigma=0, hour_phi=0, day_sigma=0)
CALL = ["call_id", "timestamp", "user_id", "output_tokens"]
PRICE = ["input_tokens", "cache_read_tokens", "model", "prompt_hash", "status", "total_cost_nano"]
COLUMNS = [*CALL, *PRICE, "attempt"]


def incident_of(scenario):
    (incident,) = scenario.incidents.values()
    return incident


def near(name, days=4):
    """The guilty feature, from the day before the incident on, without noise.

    Another one stays where the guilty one would not be there without its incident.
    """
    scenario = load_scenario(name)
    incident = incident_of(scenario)
    start = incident.starts.date() - timedelta(days=1)
    last = scenario.calendar.date_of(scenario.days)
    features = scenario.features
    if incident.feature != "all":
        kept = {incident.feature, "email_draft"} if "surprise" in name else {incident.feature}
        features = {n: f for n, f in features.items() if n in kept}
    change = {"start": start, "days": min(days, (last - start).days), "week": None, "notes": []}
    return scenario.model_copy(update=change | {"features": features, "noise": STILL})


@pytest.fixture(scope="module")
def pairs():
    """Records and truth of a small run with the incident, and records of one without it."""
    known = {}

    def play(name):
        if name not in known:
            scenario = near(name)
            found = simulate(scenario, seed=3)
            without = simulate(scenario.without_incidents(), seed=3)
            tables = [r.records.to_pandas(COLUMNS) for r in (found, without)]
            known[name] = (scenario, *tables, found)
        return known[name]

    return play


def span(scenario):
    """Start and end of the incident in UTC."""
    incident, calendar = incident_of(scenario), scenario.calendar
    end = pd.Timestamp(calendar.origin) + pd.Timedelta(hours=calendar.hours)
    low = pd.Timestamp(calendar.to_utc(incident.starts))
    return low, pd.Timestamp(calendar.to_utc(incident.ends)) if incident.ends else end


def test_the_library_is_whole():
    assert set(scenario_names()) == {*INCIDENTS, *BENIGN}
    assert len({load_scenario(name).title for name in scenario_names()}) == len(scenario_names())


@pytest.mark.parametrize("name", [*INCIDENTS, *BENIGN])
def test_each_file_gives_its_account_first_and_its_truth(name):
    text = bundled("scenarios").joinpath(f"{name}.toml").read_text(encoding="utf-8")
    head = text.split("\n\n")[0]
    assert all(line.startswith("#") for line in head.splitlines())
    scenario = load_scenario(name)
    assert scenario.name == name
    assert scenario.account.endswith(".")
    assert bool(scenario.incidents) == (name in INCIDENTS)
    if name in INCIDENTS:
        incident = incident_of(scenario)
        assert incident.account.endswith(".")
        assert incident.detect.endswith(".")
        assert incident.movable == (name not in BOUND)
        history = incident.starts - datetime.combine(scenario.start, datetime.min.time())
        assert history >= timedelta(days=21)


def weeks_of_traffic(name, start, end, growth=0.0):
    """Ordinary weeks between two local hours by the office profile, hour by hour on paper."""
    profile = load_scenario(name).profiles["office"]
    days = [profile.days.get(d, 1.0) for d in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")]
    total = sum(days) * sum(profile.hours)
    found, at = 0.0, start
    while at < end:
        hours = (at - start) / timedelta(hours=1) + 0.5
        grown = (1 + growth) ** (hours / 24) - 1 if growth else 1
        found += days[at.weekday()] * profile.hours[at.hour] / total * grown
        at += timedelta(hours=1)
    return found


def by_hand(name):
    """Excess dollars of the whole run from list prices and mean tokens, caps left out."""
    scenario = load_scenario(name)
    incident = incident_of(scenario)
    start = incident.starts
    end = incident.ends or datetime.combine(
        scenario.start + timedelta(days=scenario.days), datetime.min.time()
    )
    hours = (end - start) / timedelta(hours=1)

    def traffic(growth=0.0):
        return weeks_of_traffic(name, start, end, growth)

    match name:
        case "slow-ramp":
            return 100_000 * traffic(0.05) * (3500 * 10 + 450 * 30) / 1e6
        case "night-script":
            return 6 * 4 * 150
        case "agent-loop":
            return hours * 360 * (180_000 * (0.03 * 4 + 0.97 * 0.4) + 528 * 20) / 1e6
        case "free-tier-abuse":
            return hours / 24 * 16_000 * exp(0.125) * (2500 * 5 + 1000 * 15) / 1e6
        case "prompt-bloat":
            return 300_000 * traffic() * 2 * 1200 * 5 / 1e6
        case "cache-break":
            return 300_000 * traffic() * 5000 * 0.75 * 0.9 * (2 - 0.2) / 1e6
        case "model-swap":
            return 200_000 * traffic() * (2500 * 4.5 + 300 * 13.5) / 1e6
        case "retry-storm":
            tries = [(1 - e**9) / (1 - e) for e in (0.8, 0.02)]
            return 300_000 * traffic() * (1200 * 5 + 250 * 15) / 1e6 * (tries[0] - tries[1])
        case "surprise-40k" | "surprise-40k-multipass":
            return 26_000
    return 0.0


def excess(scenario):
    return scenario.expected().total_usd - scenario.without_incidents().expected().total_usd


@pytest.mark.parametrize("name", INCIDENTS)
def test_the_excess_is_what_the_prices_say(name):
    """Closed form against list prices on paper, within 5%; night-script's $150 an hour too."""
    assert excess(load_scenario(name)) == pytest.approx(by_hand(name), rel=0.05, abs=1)


def test_the_script_spends_its_150_dollars_from_one_to_five():
    hours = simulate(near("night-script", days=3), seed=1)
    truth = hours.truth["call_id"]
    rows = hours.records.to_pandas(["call_id", "timestamp", "total_cost_nano"])
    rows = rows[rows["call_id"].isin(truth)]
    local = rows["timestamp"].dt.tz_convert("America/New_York").dt
    assert set(local.hour) == {1, 2, 3, 4}
    usd = rows.groupby([local.date, local.hour])["total_cost_nano"].sum() / 1e9
    assert len(usd) == 8
    assert usd.mean() == pytest.approx(150, rel=0.05)


@pytest.mark.parametrize("name", [*VOLUME, *CHANGED])
def test_simulated_excess_agrees_with_the_closed_form(name):
    """A t-test over seeds, on a tenth of the users and calls where there are many."""
    from scipy.stats import ttest_1samp

    from costsim.simulation.sizes import smaller

    scenario = smaller(near(name, days=3), 0.1)
    found = []
    for seed in range(6):
        pair = [simulate(s, seed=seed) for s in (scenario, scenario.without_incidents())]
        nano = [r.records.to_pandas(["total_cost_nano"])["total_cost_nano"].sum() for r in pair]
        found.append((nano[0] - nano[1]) / 1e9)
    assert ttest_1samp(found, excess(scenario)).pvalue > 0.001


@pytest.mark.parametrize("name", INCIDENTS)
def test_the_truth_begins_and_ends_with_the_incident(name, pairs):
    scenario, found, without, result = pairs(name)
    truth = result.truth
    if name == "feed-silence":
        assert truth.empty
        return
    rows = found.merge(truth, on="call_id", validate="one_to_one")
    assert len(rows) == len(truth)
    low, high = span(scenario)
    if "surprise" not in name:  # all calls of that feature are excess, since its launch
        assert rows["timestamp"].min() >= low
    assert rows.loc[rows["attempt"] == 1, "timestamp"].max() < high
    assert rows["timestamp"].max() < high + pd.Timedelta(minutes=1)  # the last retries
    dollars = rows["total_cost_nano"].sum() - rows["counterfactual_cost_nano"].sum()
    both = found["total_cost_nano"].sum() - without["total_cost_nano"].sum()
    assert dollars == both, "the truth's excess is the difference of the paired runs"


@pytest.mark.parametrize("name", VOLUME)
def test_what_would_have_been_called_anyway_is_the_same_bytes(name, pairs):
    _, found, without, result = pairs(name)
    base = found[~found["call_id"].isin(result.truth["call_id"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(base, without)
    assert (result.truth["counterfactual_cost_nano"] == 0).all()
    assert len(found) > len(without)


@pytest.mark.parametrize("name", CHANGED)
def test_a_changed_call_is_the_same_call(name, pairs):
    scenario, found, without, _ = pairs(name)
    found, without = (t[t["attempt"] == 1].reset_index(drop=True) for t in (found, without))
    same = [c for c in CALL if (name, c) != ("retry-storm", "output_tokens")]
    pd.testing.assert_frame_equal(found[same], without[same])
    low, high = span(scenario)
    during = (found["timestamp"] >= low) & (found["timestamp"] < high)
    pd.testing.assert_frame_equal(found[~during], without[~during])
    inside, plain = found[during], without[during]
    differs = {c for c in PRICE if not inside[c].equals(plain[c])}
    match name:
        case "prompt-bloat":
            assert differs == {"input_tokens", "prompt_hash", "total_cost_nano"}
            ratio = inside["input_tokens"].sum() / plain["input_tokens"].sum()
            assert ratio == pytest.approx(3, rel=0.01)
            assert inside["prompt_hash"].nunique() == 1
        case "cache-break":
            assert differs == {"cache_read_tokens", "total_cost_nano"}
            assert inside["cache_read_tokens"].sum() == 0
            cached = plain["cache_read_tokens"].sum() / plain["input_tokens"].sum()
            assert cached == pytest.approx(0.75 * 0.9, rel=0.02)
        case "model-swap":
            assert differs <= {"model", "response_model", "total_cost_nano"}
            assert (inside["total_cost_nano"] == 10 * plain["total_cost_nano"]).mean() > 0.99
        case "retry-storm":
            share = (inside["status"] == "error").mean()
            assert abs(share - 0.8) < 4 * np.sqrt(0.16 / len(inside))


def test_silence_hides_calls_and_changes_none(pairs):
    scenario, found, without, result = pairs("feed-silence")
    low, high = span(scenario)
    during = (without["timestamp"] >= low) & (without["timestamp"] < high)
    pd.testing.assert_frame_equal(found, without[~during].reset_index(drop=True))
    assert during.sum() > 10_000
    (told,) = result.records.manifest.incidents
    assert told["unseen_calls"] == during.sum()
    assert told["unseen_nano"] == without.loc[during, "total_cost_nano"].sum()


@pytest.mark.parametrize("name", BENIGN)
def test_where_nothing_is_wrong_the_truth_is_empty(name):
    scenario = load_scenario(name)
    features = dict(list(scenario.features.items())[-1:])
    small = scenario.model_copy(
        update={"features": features, "days": 2, "surges": {}, "week": None}
    )
    result = simulate(small, seed=1)
    assert result.truth.empty
    assert result.incidents.empty
    assert scenario.without_incidents() == scenario


def test_the_campaign_is_more_of_the_same():
    scenario = load_scenario("benign-surge")
    quiet = load_scenario("quiet").expected().days
    surge = scenario.expected().days
    ratio = surge.groupby("date")["usd"].sum() / quiet.groupby("date")["usd"].sum()
    (campaign,) = scenario.surges.values()
    inside = [campaign.starts.date() <= day < campaign.ends.date() for day in ratio.index]
    assert ratio[inside].to_numpy() == pytest.approx(1.6)
    assert ratio[~np.array(inside)].to_numpy() == pytest.approx(1.0)
    assert sum(inside) == 3


def test_the_launch_stays_within_its_budget():
    scenario = load_scenario("benign-launch")
    days = scenario.expected().days
    new = days[days["feature_name"] == "meeting_notes"].groupby("date")["usd"].sum()
    assert new.iloc[:25].sum() == 0
    assert 0 < new.max() < 1.2 * 600 * 3 * 0.0375
    assert scenario.expected().total_usd * 30.4 / 35 < scenario.monthly_budget_usd


def test_clocks_move_the_shape_of_a_day_and_not_the_bill():
    scenario = load_scenario("dst-week")
    quiet = load_scenario("quiet").expected().week_usd
    assert scenario.expected().week_usd == pytest.approx(quiet, rel=0.002)
    assert np.diff(scenario.calendar.day_starts).tolist() == [24] * 34 + [25]
    week = scenario.focus
    assert (week.start.isoweekday(), week.days) == (1, 7)
