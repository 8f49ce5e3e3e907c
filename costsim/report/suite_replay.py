"""An incident with a suite on duty: who calls whom, when, and what is gone when they have acted."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from costsim.detect.incident_words import rate_words
from costsim.report.claim import within_hours
from costsim.report.incident import IncidentReplay, replay_incident
from costsim.show.cards import Card
from costsim.show.formats import hours, number, share, usd, weekday_time
from costsim.simulation.run import simulate
from costsim.simulation.settings import Operations
from costsim.study.duty import TOGETHER, by_hour, gone

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from costsim.records.dataset import Records
    from costsim.study.duty import OnDuty

PROMISED = 0.9
"""Share of the runs from which on a promise counts as kept."""


@dataclass(frozen=True, repr=False)
class SuiteReplay:
    """A simulated incident replayed with a suite on duty.

    ``duty`` has the suite on runs of other seeds than these records.
    """

    replay: IncidentReplay
    duty: OnDuty

    def card(self) -> Card:
        """The verdict on "within 4 hours", with people in the loop."""
        claim = within_hours(self.duty.comparison).set_index("detector")
        suite, zone = claim.loc[TOGETHER], self.replay.records.time_zone
        onset, launch = (
            weekday_time(self.replay.incident[k], zone) for k in ("starts", "launched")
        )
        failing = claim[claim["within_4h_of_onset"] < PROMISED].index.drop(
            TOGETHER, errors="ignore"
        )
        row = self.duty.comparison.row(TOGETHER)
        medians = self.duty.to_frame().set_index("detector").loc[TOGETHER]
        day, night = self.duty.reaction_hours["day"], self.duty.reaction_hours["night"]
        from_launch = suite["within_4h_of_launch"]
        sure = suite["at_least"] >= PROMISED
        lines = (
            f"From the launch, {launch}: {share(from_launch)} of {self.replay.run_count} other "
            "runs with an alarm by all detectors together; none alone does better than "
            f"{share(claim['within_4h_of_launch'].drop(TOGETHER).max())}.",
            f"From {onset}: {share(suite['within_4h_of_onset'])} (at least "
            f"{share(suite['at_least'])}, 95% sure) of the runs without an earlier alarm.",
            f"Alone it fails for {', '.join(failing)}." if len(failing) else "",
            f"With people in the loop the median run burns {usd(medians['day_usd'])} where they "
            f"act {hours(day)} after the alarm, {usd(medians['night_usd'])} after {hours(night)}, "
            f"and {usd(medians['left_alone_usd'])} where nobody does.",
            f"The price: {number(row['false_alarms_per_month'], 2)} false alarms a month on "
            f"fresh runs ({number(row['fa_low'], 2)} to {number(row['fa_high'], 2)})"
            f"{self._budget()}.",
        )
        likely = suite["within_4h_of_onset"] >= PROMISED
        kept = "holds" if sure else "is not proven" if likely else "fails"
        title = f"“Within 4 hours” fails from the launch; from the start of heavy use it {kept}."
        if from_launch >= PROMISED:
            title = "“Within 4 hours” holds even from the launch."
        good = sure and from_launch >= PROMISED
        ribbon = self.duty.ribbon
        return Card(title, tuple(line for line in lines if line), ribbon, "ok" if good else "warn")

    def _budget(self) -> str:
        rate = self.duty.suite.false_alarms_per_month
        return "" if rate is None else f", {rate_words(rate)} promised by the suite"

    @cached_property
    def acted(self) -> pd.DataFrame:
        """This week with each detector on duty from the start of the incident.

        Returns
        -------
        pandas.DataFrame
            detector; early (time of an alarm before the incident, dismissed here), alarm (first
            one from its start on), feature (dearest then), by ("day" or "night"), alarm_usd
            (burned by then), day_usd and night_usd (burned when people have acted, had it come
            then), acted_usd (by the hour at which it came), left_alone_usd, saved_usd, week_usd
            (the whole week's bill, the incident ended by the act); fewest burned first.
        """
        import numpy as np
        import pandas as pd

        replay, reaction = self.replay, self.duty.reaction_hours
        onset, zone = replay.incident["starts"], replay.records.time_zone
        first = self._from_onset.first()
        first.loc[len(first)] = first.sort_values("known_at").iloc[0].to_dict() | {
            "detector": TOGETHER
        }
        known = pd.to_datetime(first["known_at"], utc=True)
        since = ((known - onset) / pd.Timedelta(hours=1)).fillna(np.inf).to_numpy()
        clock = known.dt.tz_convert(zone).dt.hour
        minutes = np.array(by_hour(reaction))
        wait = np.array([minutes[int(hour)] if hour == hour else np.inf for hour in clock]) / 60
        per_hour = 60 // replay.bin_minutes  # the curve has a step a bin
        curve = np.repeat(replay.burned["burned_usd"].to_numpy()[None], len(first), axis=0)
        frame = pd.DataFrame(
            {
                "detector": first["detector"],
                "early": self._early(first["detector"].tolist()),
                "alarm": known,
                "feature": first["top_feature"],
                "by": np.where(wait == reaction["day"], "day", "night"),
                "alarm_usd": gone(curve, per_hour * since),
                "day_usd": gone(curve, per_hour * (since + reaction["day"])),
                "night_usd": gone(curve, per_hour * (since + reaction["night"])),
                "acted_usd": gone(curve, per_hour * (since + wait)),
                "left_alone_usd": curve[:, -1],
            }
        )
        frame["by"] = frame["by"].where(known.notna(), None)
        frame["saved_usd"] = frame["left_alone_usd"] - frame["acted_usd"]
        frame["week_usd"] = replay.period.usd - frame["saved_usd"]
        return frame.sort_values(["acted_usd", "alarm_usd", "detector"], ignore_index=True)

    @cached_property
    def _from_onset(self) -> Any:
        end = self.replay.burned["time"].iloc[-1]
        watched = self.replay.records.between(None, end)
        return self.duty.suite.scan(watched, start=self.replay.incident["starts"])

    def _early(self, names: list[str]) -> list[Any]:
        import pandas as pd

        alarms = self.replay.alarms.set_index("detector")
        early = alarms.loc[alarms["early"], "time"]
        every = [early.get(name, pd.NaT) for name in names if name != TOGETHER]
        return [*every, min((t for t in every if t == t), default=pd.NaT)]

    def plot(self, ax: Any = None) -> Axes:
        """Dollars of this week's incident at each detector's alarm, and at the act after it."""
        from costsim.show import figures

        frame = self.acted.assign(missed=self.acted["alarm"].isna().astype(float))
        ribbon = self.replay.card().ribbon
        return figures.duty_dollars(frame, what="this week", ribbon=ribbon, ax=ax)

    def closed_loop(self, *, workers: int = 2) -> pd.Series[Any]:
        """The same week simulated with the suite on duty and people who switch the feature off.

        Returns
        -------
        pandas.Series
            alarm (who called; missing without one), alarm_at, acted_at (UTC), burned_usd (what the
            incident cost until it was ended, by the run itself), expected_usd (the same by
            :attr:`acted`, bins taken as evenly spent), left_alone_usd, calls_lost and lost_usd
            (ordinary calls not made, and what they would have cost: users who were refused and
            left).
        """
        import pandas as pd

        scenario, incident = self.duty.comparison.scenario, self.replay.incident
        onset = next(iter(scenario.incidents.values())).starts
        with tempfile.TemporaryDirectory(prefix="costsim-") as scratch:
            people = Operations(
                suite=str(self.duty.suite.write(Path(scratch) / "suite.toml")),
                ingestion_lag_minutes=0,
                reaction_minutes=by_hour(self.duty.reaction_hours),
                action="kill",
                feature=str(incident["feature_name"]),
                starts=onset + timedelta(microseconds=1),  # known just then: of the bin before
            )
            manned = scenario.model_copy(update={"operations": people})
            seed = self.replay.records.manifest.seed
            result = simulate(manned, seed=seed or 0, workers=workers)
        told = result.timeline.set_index("kind")["time"]
        alarms = [kind for kind in told.index if kind.startswith("alarm of ")]
        calls = result.records.between(incident["starts"])
        paid = calls.to_pandas(["call_id", "total_cost_nano"]).set_index("call_id")
        truth = result.truth.set_index("call_id")
        truth = truth[truth["time"] >= incident["starts"]]
        made = truth.index.isin(paid.index)
        burned = paid["total_cost_nano"].reindex(truth.index[made]).fillna(0).sum()
        whole = self.acted.set_index("detector").loc[TOGETHER]
        found: dict[str, Any] = {
            "alarm": alarms[0].removeprefix("alarm of ") if alarms else None,
            "alarm_at": told[alarms[0]] if alarms else pd.NaT,
            "acted_at": told.get("kill", pd.NaT),
            "burned_usd": (burned - truth.loc[made, "counterfactual_cost_nano"].sum()) / 1e9,
            "expected_usd": whole["acted_usd"],
            "left_alone_usd": whole["left_alone_usd"],
            "calls_lost": int((~made).sum()),
            "lost_usd": truth.loc[~made, "counterfactual_cost_nano"].sum() / 1e9,
        }
        return pd.Series(found, dtype=object)

    def __repr__(self) -> str:
        return f"{self.card()!r}\n  next: .acted, .plot(), .replay.burn_clock(), .duty.plot()"

    def _repr_html_(self) -> str:
        return self.card()._repr_html_()


def replay_suite(records: Records, duty: OnDuty) -> SuiteReplay:
    """Replay a simulated incident with a suite on duty.

    Parameters
    ----------
    records : Records
        Simulated, with one incident; on another seed than the runs of `duty`.
    duty : OnDuty
        Of :func:`costsim.study.on_duty`, on the same scenario.

    Raises
    ------
    DataError
        The records come with no incident.

    Examples
    --------
    >>> import costsim
    >>> from costsim.detect import Suite, seasonal_z_score
    >>> records = costsim.simulate("surprise-40k", seed=7).records
    >>> duty = costsim.study.on_duty("surprise-40k", Suite("one", (seasonal_z_score(),)),
    ...                              replicates=10, calibration_runs=2)
    >>> replay_suite(records, duty).acted["by"].tolist()
    ['day', 'day']
    """
    suite = duty.suite
    replay = replay_incident(
        records, duty.comparison, bin_minutes=suite.bin_minutes, planned=suite.planned
    )
    return SuiteReplay(replay, duty)
