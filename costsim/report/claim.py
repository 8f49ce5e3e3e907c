"""The claim "within 4 hours of the first day", answered from measured runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costsim.show.cards import Card
from costsim.show.formats import share, weekday_time

if TYPE_CHECKING:
    import pandas as pd

    from costsim.report.incident import IncidentReplay
    from costsim.study import Comparison


def claim_card(replay: IncidentReplay) -> Card:
    """The claim "within 4 hours of the first day", answered from the study's runs."""
    claim = within_hours(replay.comparison)
    zone, rate = replay.records.time_zone, replay.comparison.false_alarms_per_month
    onset, launch = (weekday_time(replay.incident[k], zone) for k in ("starts", "launched"))
    yes = claim[claim["at_least"] >= 0.9]["detector"].tolist()
    no = claim[claim["within_4h_of_onset"] < 0.9]["detector"].tolist()
    open_ = [name for name in claim["detector"] if name not in yes and name not in no]
    launched = claim["within_4h_of_launch"].max()
    found = "holds" if yes else "is undecided" if open_ else "does not hold"
    lines = [
        f"From the launch, {launch}: at best {share(launched)} of the runs.",
        f"From {onset}: in at least 90% of the runs (95% sure) for {', '.join(yes) or 'none'}.",
        f"In fewer than 90% of the runs for {', '.join(no)}." if no else "",
        f"Too few runs to tell for {', '.join(open_)}." if open_ else "",
        f"{replay.run_count} runs; each detector at {rate:g} false alarm a "
        f"month; {job_words(replay.comparison)}.",
    ]
    title = f"“Within 4 hours” fails from the launch; from the start of heavy use it {found}"
    title += f" for {len(yes)} of {len(claim)} detectors." if yes else "."
    if launched >= 0.9:
        title = "“Within 4 hours” holds even from the launch."
    ribbon = replay.card().ribbon
    return Card(title, tuple(line for line in lines if line), ribbon, "warn")


def job_words(comparison: Comparison) -> str:
    """The job whose delays a comparison counts, in words."""
    lag = comparison.lag_hours
    return f"an hourly job, records {lag} h late" if lag else "an hourly job without lag"


def within_hours(comparison: Comparison) -> pd.DataFrame:
    """The claim "within 4 hours" for each calibrated detector, from launch and from onset.

    Returns
    -------
    pandas.DataFrame
        detector, within_4h_of_launch (of all runs), within_4h_of_onset (of runs without an earlier
        alarm), at_least (its lower 95% bound); best first.
    """
    runs = comparison.runs[comparison.runs["setting"] == "calibrated"]
    launch = (runs["since_launch_h"] <= 4).groupby(runs["detector"]).mean()
    rows = comparison.summary[comparison.summary["setting"] == "calibrated"]
    table = rows[["detector", "caught_within_4h", "caught_within_4h_low"]].rename(
        columns={"caught_within_4h": "within_4h_of_onset", "caught_within_4h_low": "at_least"}
    )
    table.insert(1, "within_4h_of_launch", table["detector"].map(launch))
    return table.sort_values(
        "within_4h_of_onset", ascending=False, kind="stable", ignore_index=True
    )
