"""The page of a replayed incident: verdict first, then what it rests on."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from costsim import spend
from costsim.report import story
from costsim.report.claim import job_words, within_hours
from costsim.report.page import Page, Section
from costsim.show import figures
from costsim.show.formats import count, hours, share, usd, weekday_time
from costsim.show.mask import mask_users
from costsim.show.tables import table_html
from costsim.simulation import load_scenario

if TYPE_CHECKING:
    from costsim.report.incident import IncidentReplay


def incident_page(
    replay: IncidentReplay, *, show_users: bool = False, command: str = "costsim demo"
) -> Page:
    """The page of an incident.

    Parameters
    ----------
    replay : IncidentReplay
        Of :func:`costsim.report.replay_incident`.
    show_users : bool
        Show user ids as they are; masked by default.
    command : str
        What makes the page again; said in its footer.
    """
    card = replay.card(show_users=show_users)
    manifest = replay.records.manifest
    sections = [
        _hours(replay),
        _clock(replay),
        _study(replay),
        *([_limit(replay)] if replay.comparison.limit is not None else []),
        _within_four_hours(replay),
        _where(replay, show_users),
        _cost_of_a_call(replay),
        _month(replay),
    ]
    if manifest.scenario == "surprise-40k":
        sections += [_arithmetic(), _other_reading(replay)]
    made = (
        ("made by", command),
        ("scenario", f"{manifest.scenario}, hash {manifest.scenario_hash}"),
        ("seed", str(manifest.seed)),
        ("study", f"seed {replay.comparison.seed}, {replay.run_count} other runs of the incident"),
        ("costsim", manifest.costsim_version),
        ("days", _days(replay)),
    )
    title = "The $40k week" if manifest.scenario == "surprise-40k" else f"{manifest.scenario}"
    return Page(title, card.ribbon, card, tuple(sections), made)


def _days(replay: IncidentReplay) -> str:
    from datetime import timedelta

    period = replay.period
    last = period.start + timedelta(days=period.days - 1)
    return f"{period.start:%a %Y-%m-%d} to {last:%a %Y-%m-%d}, {replay.records.time_zone}"


def _hours(replay: IncidentReplay) -> Section:
    feature, zone = replay.incident["feature_name"], replay.records.time_zone
    launched, onset = (weekday_time(replay.incident[k], zone) for k in ("launched", "starts"))
    title = f"Hour by hour: {feature} went live {launched}"
    prose = f"Dollars burned are counted from {onset}."
    if replay.incident["launched"] < replay.incident["starts"]:
        early, total = replay.burned_before_usd, replay.burned["burned_usd"].iloc[-1]
        part = early / (early + total) if early + total else 0.0
        title += f", heavy use began {onset}"
        prose = (
            f"From its launch to the start of heavy use the feature cost {usd(early)}, "
            f"{share(part)} of all it cost by the week's end. {prose}"
        )
    return Section(
        title,
        anchor="hours",
        prose=prose,
        figure=replay.hourly_spend,
        caption="Dollars an hour by feature; above, the first alarm of each calibrated detector.",
    )


def _clock(replay: IncidentReplay) -> Section:
    alarms = replay.alarms
    zone = replay.records.time_zone
    table = alarms.assign(
        first_alarm=[weekday_time(t, zone) if t == t else "–" for t in alarms["time"]],
        after=[
            "false: before the launch"
            if f
            else "before heavy use"
            if e
            else hours(h)
            if h == h
            else "–"
            for f, e, h in zip(alarms["false"], alarms["early"], alarms["hours_since"], strict=True)
        ],
    )[["detector", "first_alarm", "after", "burned_usd"]]
    total = replay.burned["burned_usd"].iloc[-1]
    mail = ""
    if replay.mail:
        at, label = replay.mail
        mail = f" When {label} came, {usd(replay.burned_at(at), decimals=0)} were gone."
    return Section(
        "The burn clock: what each detector would have saved",
        anchor="burn-clock",
        prose=(
            f"Left alone the incident burned {usd(total, decimals=0)} by the week's end.{mail} "
            "Each detector stands at the dollars burned when its alarm could first be known, at "
            "the end of the hour that raised it, if somebody or something then stops the feature "
            "at once.",
        ),
        figure=replay.burn_clock,
        table=table_html(
            table, caption="First alarm of each detector, at one rate of false alarms"
        ),
        caption="One run. The next part has the spread over many.",
    )


def _study(replay: IncidentReplay) -> Section:
    comparison = replay.comparison
    frame = comparison.to_frame()
    calibrated = frame[frame["setting"] == "calibrated"].sort_values("burned_mean_usd")
    ranked = calibrated.dropna(subset=["burned_mean_usd"])
    onset = weekday_time(replay.incident["starts"], replay.records.time_zone)
    found = ""
    if len(ranked):
        least, most = ranked.iloc[0], ranked.iloc[-1]
        found = (
            f"Fewest dollars burned on average: {least['detector']}, "
            f"{usd(least['burned_mean_usd'])}; most: {most['detector']}, "
            f"{usd(most['burned_mean_usd'])}. "
        )
    columns = ["detector", "false_alarms_per_month", "delay_median_h", "burned_median_usd"]
    columns += ["burned_p90_usd", "caught_within_4h", "missed", "early", "kept_runs"]
    labels = {
        "false_alarms_per_month": "false alarms a month",
        "delay_median_h": "delay, median",
        "burned_median_usd": "burned, median",
        "burned_p90_usd": "burned, p90",
        "caught_within_4h": "within 4 h",
        "early": "alarm between launch and heavy use",
        "kept_runs": "runs counted",
    }
    formats = dict.fromkeys(("caught_within_4h", "missed", "early"), "share")
    tables = "".join(
        table_html(
            frame.loc[frame["setting"] == setting, columns], formats, caption=words, labels=labels
        )
        for setting, words in (
            ("calibrated", "Thresholds set for the same rate of false alarms"),
            ("nominal", "The same detectors as they come: thresholds from tables or habit"),
        )
    )
    return Section(
        f"Which detector, at {comparison.false_alarms_per_month:g} false alarm a month each?",
        anchor="detectors",
        prose=(
            f"{replay.run_count} other runs of the same week, with other noise and users, and "
            f"thresholds set on ordinary weeks with {comparison.ordinary.words()}. The rates of "
            "false alarms in the table were then measured on fresh ordinary weeks. Runs with an "
            f"alarm before {onset} are left out of hours and dollars.",
            f"{found}{_shape(replay)}",
            "Each detector has its own budget of false alarms; those of the suite share one.",
        ),
        figure=partial(figures.detector_comparison, frame[frame["setting"] == "calibrated"]),
        html=tables,
        caption="Median (dot) and 90th percentile (whisker) over the runs.",
    )


def _limit(replay: IncidentReplay) -> Section:
    comparison = replay.comparison
    assert comparison.limit is not None
    return Section(
        "What more false alarms buy, and what is possible at all",
        anchor="limit",
        prose=(comparison.limit.words(),),
        figure=comparison.plot_curve,
        caption="Each line is a detector set to ring more often from left to right; the six that "
        "burn least are named.",
    )


def _shape(replay: IncidentReplay) -> str:
    """What this incident favours: the bundled week's is known, another scenario's is not."""
    if replay.records.manifest.scenario not in ("surprise-40k", "surprise-40k-multipass"):
        return "The order holds for this incident's size and shape, and may differ for another."
    return (
        "This incident is a large step on a Monday morning with one script in it, which suits "
        "rules on one user's dollars and plain thresholds."
    )


def _within_four_hours(replay: IncidentReplay) -> Section:
    claim = within_hours(replay.comparison)
    onset = weekday_time(replay.incident["starts"], replay.records.time_zone)
    launch = weekday_time(replay.incident["launched"], replay.records.time_zone)
    best = claim.iloc[0]
    launched = claim.sort_values("within_4h_of_launch", ascending=False).iloc[0]
    return Section(
        "“Within 4 hours of the first day”: it depends on which day is the first",
        anchor="four-hours",
        prose=(
            f"Counted from the launch, {launch}: {launched['detector']} raised an alarm within 4 "
            f"hours in {share(launched['within_4h_of_launch'])} of the runs, and no detector did "
            f"more often. Counted from {onset}, when heavy "
            f"use began: {best['detector']} did in {share(best['within_4h_of_onset'])} of the runs "
            "without an earlier alarm.",
            f"This is {job_words(replay.comparison)}. Each further hour that records come late is "
            "an hour later for every row.",
        ),
        table=table_html(
            claim,
            {"within_4h_of_launch": "share", "within_4h_of_onset": "share", "at_least": "share"},
            caption="Share of runs with an alarm within 4 hours, calibrated detectors",
            labels={
                "within_4h_of_launch": "of the launch",
                "within_4h_of_onset": "of heavy use",
                "at_least": "at least (95%)",
            },
        ),
    )


def _where(replay: IncidentReplay, show_users: bool) -> Section:
    records = replay.period_records
    features = replay.period.features.rename(columns={"feature_name": "name", "total_usd": "usd"})
    users = spend.by_user(records).dropna(subset=["user_id"]).head(8)
    names = users["user_id"] if show_users else mask_users(users["user_id"])
    table = users.assign(user=list(names))[["user", "total_usd", "share", "calls", "max_usd"]]
    curve = spend.concentration(records)
    top = curve["cost_share"][(curve["rank_share"] <= 0.01)].max()
    many = len(curve) > 100  # ranks start at 0: of fewer users 1% is nobody
    return Section(
        f"Who: 1% of the users cost {share(top)} of the week" if many else "Who: the dearest users",
        anchor="who",
        figure=partial(figures.breakdown, features, highlight=str(replay.incident["feature_name"])),
        table=table_html(table, caption="Dearest users of the week"),
        prose="Users are shown by pseudonym." if not show_users else (),
        caption="Dollars of the week by feature.",
    )


def _cost_of_a_call(replay: IncidentReplay) -> Section:
    feature = str(replay.incident["feature_name"])
    spread = spend.cost_per_call(replay.period_records)
    rows = replay.period.features.set_index("feature_name")
    row = rows[rows.index == feature].iloc[0]
    part = row["calls"] / rows["calls"].sum()
    cut = spend.efficiency(replay.period_records, by="feature").metrics.set_index("feature_name")
    return Section(
        f"A {feature} call costs {usd(row['mean_usd'])}",
        anchor="cost-per-call",
        prose=(
            f"{count(row['calls'])} calls, {share(part)} of the week's calls, are "
            f"{share(row['share'])} of its dollars. "
            f"{share(cut.loc[feature, 'truncated_share'])} of the answers were cut at their limit "
            "of output tokens and ended with `length`.",
        ),
        figure=partial(figures.cost_per_call, spread),
        caption="5th percentile, median, 95th percentile and largest call of the week, log scale.",
    )


def _month(replay: IncidentReplay) -> Section:
    month, budget = replay.period.month, replay.records.manifest.monthly_budget_usd
    assert month is not None  # a scenario has a budget and whole days
    assert budget is not None
    ends = (month.usual_usd, month.as_now_usd, month.as_last_day_usd)
    usual, now, last = (usd(end, decimals=0) for end in ends)
    missing = "" if month.complete else " The month's days before the first record are missing."
    return Section(
        f"The month would end at {now}",
        anchor="month",
        prose=(
            f"{usd(month.so_far_usd, decimals=0)} are spent with {month.days_left} days to go. If "
            f"the feature stopped now, usual days would end the month at {usual}; days like the "
            f"last seven, at {now}; the last day's multiple of its usual, at {last}.{missing}",
        ),
        figure=partial(
            figures.month_to_date,
            spend.month_to_date(replay.period),
            budget,
            month.projection,
            time_zone=replay.records.time_zone,
        ),
        caption="Solid: spent. Dashed: days like the last seven, between usual days and the last.",
    )


def _arithmetic() -> Section:
    table, told = story.arithmetic(), story.told_per_call()
    own = table.loc[table["model"] == "gpt-4-turbo", "times_847_usd"].iloc[0]
    fitting = int(table["fits"].sum())
    return Section(
        "What does not add up in the account",
        anchor="arithmetic",
        prose=(
            f"{usd(story.TOLD_USD, decimals=0)} for {story.TOLD_CALLS} calls is "
            f"{usd(told, decimals=3)} a call. {fitting or 'None'} of the three GPT-4 models "
            "of 2024 can charge that for a call inside its context window, and at the price of "
            f"the account itself, gpt-4-turbo's, {story.TOLD_CALLS} calls of "
            f"{count(story.SENT_TOKENS)} tokens cost {usd(own, decimals=0)}. "
            f"“Dozens of times a day” is not {story.TOLD_CALLS} in four days, which is "
            f"{story.TOLD_CALLS / 4:.0f} a day.",
        ),
        table=table_html(
            table,
            caption="50,000 tokens in and 2,048 out; prices of the book list-2024",
            labels={
                "call_usd": "a call",
                "times_847_usd": "847 calls",
                "most_usd": "dearest call that fits",
                "tokens_for_told": f"input for {usd(told, decimals=3)} a call",
                "fits": "fits the window",
            },
        )
        + table_html(story.other_claims(), {"computed": "ratio"}, caption="Other ratios it gives"),
    )


def _other_reading(replay: IncidentReplay) -> Section:
    import pandas as pd

    rows = []
    for name in ("surprise-40k", "surprise-40k-multipass"):
        scenario = load_scenario(name)
        frame = scenario.expected().to_frame()
        feature = frame[frame["feature_name"] == "deep_analysis"]
        script = feature[feature["cohort"] == "scripted"].iloc[0]
        passes = scenario.features["deep_analysis"].passes
        rows.append(
            {
                "scenario": name,
                "model": scenario.features["deep_analysis"].model,
                "week_usd": frame["usd"].sum(),
                "feature_usd": feature["usd"].sum(),
                "one_user_requests": script["calls"] / passes,
                "one_user_usd": script["usd"],
                "request_usd": script["usd_per_call"] * passes,
            }
        )
    return Section(
        "Two readings that give the same dollars",
        anchor="readings",
        prose=(
            "The week shown prices the feature as gpt-4-32k and knowingly lets calls exceed its "
            f"window: {share(replay.fits_share)} of them would fit. The scenario "
            "`surprise-40k-multipass` stays inside: five gpt-4-turbo passes a request.",
        ),
        table=table_html(
            pd.DataFrame(rows),
            {"one_user_requests": "count"},
            caption="Closed-form expectation of each scenario's week",
        ),
    )
