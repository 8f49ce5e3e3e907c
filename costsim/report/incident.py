"""An incident, hour by hour: what it burned, what each detector saw, and what it would take."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from costsim.detect import Findings, scan
from costsim.errors import DataError
from costsim.report.story import WINDOWS
from costsim.report.verdict import week_card
from costsim.show.cards import Card
from costsim.show.formats import number, share, usd, weekday_time
from costsim.simulation.truth import hourly_excess, incident_frame
from costsim.spend.week import Period
from costsim.spend.week import period as period_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from costsim.records.dataset import Records
    from costsim.spend.planned import Planned
    from costsim.study import Comparison


@dataclass(frozen=True, repr=False)
class IncidentReplay:
    """A simulated incident replayed against calibrated detectors.

    ``detectors`` come from `comparison`, whose runs have other seeds than these records. They hear
    bins of ``bin_minutes``, which their thresholds are for, beside the campaigns ``planned``.
    """

    records: Records
    comparison: Comparison
    period: Period
    incident: pd.Series[Any]
    findings: Findings
    burned: pd.DataFrame = field(compare=False)
    bin_minutes: int = 60
    planned: tuple[Planned, ...] = ()

    @cached_property
    def alarms(self) -> pd.DataFrame:
        """First alarm of each detector: detector, time (known), hours_since, burned_usd, early.

        `early` is an alarm before the incident, `false` one before the launch too: nothing of the
        incident could be seen then.
        """
        import numpy as np
        import pandas as pd

        first = self.findings.first()
        known = pd.to_datetime(first["known_at"], utc=True)
        onset = self.incident["starts"]
        spent = self.burned.set_index("time")["burned_usd"]
        position = spent.index.searchsorted(known.fillna(onset), side="right") - 1
        burned = spent.to_numpy()[np.clip(position, 0, len(spent) - 1)]
        early = known <= onset
        return pd.DataFrame(
            {
                "detector": first["detector"],
                "time": known,
                "hours_since": (known - onset) / pd.Timedelta(hours=1),
                "burned_usd": pd.Series(burned).where(known.notna() & ~early),
                "early": early,
                "false": known <= self.incident["launched"],
                "top_feature": first["top_feature"],
            }
        ).sort_values(["time", "detector"], ignore_index=True)

    @property
    def headline(self) -> pd.Series[Any]:
        """First alarm in these records of the detector that the study, on other runs, put first."""
        name = self.comparison.best.name
        return self.alarms[self.alarms["detector"] == name].iloc[0]

    @property
    def mail(self) -> tuple[Any, str] | None:
        """When a person noticed, and how; None where the scenario does not say."""
        import pandas as pd

        notes = self.records.manifest.notes
        return (pd.Timestamp(notes[0]["at"]), notes[0]["label"]) if notes else None

    @property
    def run_count(self) -> int:
        """Runs of the incident in the comparison."""
        return int(self.comparison.runs["run"].nunique())

    @property
    def study_note(self) -> str:
        """The chosen detector's measured false alarms."""
        row = self.comparison.row(self.comparison.best.name)
        return (
            f"false alarms {number(row['false_alarms_per_month'], 2)} a month "
            f"({number(row['fa_low'], 2)}-{number(row['fa_high'], 2)})"
        )

    def card(self, *, show_users: bool = False) -> Card:
        """The first card of the page."""
        return week_card(
            self.period,
            alarm_line=self._alarm_line(),
            caveats=self._caveats(),
            notes=(self.study_note,),
            show_users=show_users,
        )

    @cached_property
    def fits_share(self) -> float:
        """Share of the feature's calls that would fit gpt-4-32k's context window."""
        import narwhals as nw

        columns = ["feature_name", "total_tokens"]
        mine = nw.col("feature_name") == self.incident["feature_name"]
        calls = self.period_records.lazy(columns).filter(mine)
        inside = (nw.col("total_tokens") <= WINDOWS["gpt-4-32k"]).cast(nw.Int64)
        return float(calls.select(inside.mean()).collect("pyarrow").item())

    def _caveats(self) -> tuple[str, ...]:
        """What the bundled reading of the account leaves open."""
        if self.records.manifest.scenario != "surprise-40k":
            return ()
        return (
            "“$40k” is the week's name. It is priced as gpt-4-32k and "
            f"{share(self.fits_share)} of the calls would fit that model's window; "
            "surprise-40k-multipass gives the same dollars inside one.",
        )

    def _alarm_line(self) -> str:
        first = self.headline
        name, zone = self.comparison.best.name, self.records.time_zone
        if first["time"] != first["time"]:
            line = f"The calibrated {name} raised no alarm"
        elif first["false"]:
            when = weekday_time(first["time"], zone)
            line = f"First calibrated alarm ({name}): {when}, before the launch, so a false one"
        elif first["early"]:
            when = weekday_time(first["time"], zone)
            line = f"First calibrated alarm ({name}): {when}, before the heavy use began"
        else:
            when = weekday_time(first["time"], zone)
            line = f"First calibrated alarm ({name}): {when} after {usd(first['burned_usd'])}"
        if self.mail is None:
            return f"{line}."
        at, label = self.mail
        day = at.tz_convert(zone).strftime("%A")
        return f"{line}; {label} came on {day} after {usd(self.burned_at(at), decimals=0)}."

    @property
    def burned_before_usd(self) -> float:
        """What the feature cost from its launch to the start of the incident."""
        excess = hourly_excess(self.records)
        return float(
            excess.loc[excess["time"] < self.incident["starts"], "excess_nano"].sum() / 1e9
        )

    def burned_at(self, moment: pd.Timestamp) -> float:
        """Dollars burned by a moment, whole bins counted."""
        known = self.burned[self.burned["time"] <= moment]
        return float(known["burned_usd"].iloc[-1]) if len(known) else 0.0

    def watching(self, *, before: int | None = 1, hours: int | None = 6) -> pd.DataFrame:
        """What each detector saw, bin by bin around the start of the incident.

        Parameters
        ----------
        before, hours : int or None
            Hours shown before and from the start of the incident; None for all of the days.

        Returns
        -------
        pandas.DataFrame
            hour (local, when the bin begins), usd (total of the bin), burned_usd (by its end), and
            for each detector its statistic as a share of its threshold; above 1 is an alarm.
        """
        return self._seen(before, hours).drop(columns="time")

    def plot_watching(self, ax: Any = None) -> Axes:
        """What each detector saw, hour by hour over the days, and the dollars when it spoke."""
        from costsim.show import figures

        return figures.watched(
            self._seen(None, None),
            onset=self.incident["starts"],
            time_zone=self.records.time_zone,
            ax=ax,
        )

    def _seen(self, before: int | None, hours: int | None) -> pd.DataFrame:
        import numpy as np
        import pandas as pd

        from costsim.detect import hour_of_week
        from costsim.spend import channels

        zone, onset = self.records.time_zone, self.incident["starts"]
        start = pd.Timestamp(self.period.start).tz_localize(zone)
        last = self.period.complete_through
        if hours is not None:
            last = onset + pd.Timedelta(hours=hours)
        heard = channels(self.records.between(None, last), self.bin_minutes, self.planned)
        width = pd.Timedelta(minutes=self.bin_minutes)
        index = pd.DatetimeIndex(heard.total.index)
        begin = int(index.searchsorted(start))
        first = begin
        if before is not None:
            first = int(index.searchsorted(onset)) - before * 60 // self.bin_minutes
        shown = slice(first, len(index))
        week = hour_of_week(index, zone)
        frame = pd.DataFrame({"hour": [f"{t:%a %H:%M}" for t in index[shown].tz_convert(zone)]})
        frame["time"] = index[shown]
        frame["usd"] = heard.total.to_numpy()[shown]
        frame["burned_usd"] = [self.burned_at(t + width) for t in index[shown]]
        for detector in self.comparison.detectors:
            each = heard.each(detector.channel).values()
            paths = [
                detector.statistic(series.to_numpy(), week, begin, self.bin_minutes)
                for series in each
            ]
            path = np.fmax.reduce(paths)
            frame[f"{detector.name}"] = (path / detector.threshold)[shown]
        return frame

    def burn_clock(self, ax: Any = None) -> Axes:
        """Dollars burned since the incident began, with each detector's first alarm."""
        from costsim.show import figures

        return figures.burn_clock(
            self.burned, self.alarms, self.mail, time_zone=self.records.time_zone, ax=ax
        )

    def hourly_spend(self, ax: Any = None) -> Axes:
        """The days hour by hour, by feature, under the first alarms."""
        from costsim.show import figures
        from costsim.spend import hourly

        hours = hourly(self.period_records, by="feature")
        label = f"{self.incident['feature_name']} in heavy use"
        end = self.period.complete_through
        return figures.hourly_spend(
            hours,
            by="feature_name",
            alarms=self.alarms.dropna(subset=["time"]),
            incident=(self.incident["starts"], end, label),
            highlight=str(self.incident["feature_name"]),
            time_zone=self.records.time_zone,
            ax=ax,
        )

    @property
    def period_records(self) -> Records:
        """Records of the reported days."""
        end = self.period.start + timedelta(days=self.period.days)
        return self.records.between(self.period.start, end)

    def __repr__(self) -> str:
        return f"{self.card()!r}\n  next: .burn_clock(), .alarms, .comparison"

    def _repr_html_(self) -> str:
        return self.card()._repr_html_()


def replay_incident(
    records: Records,
    comparison: Comparison,
    *,
    start: date | None = None,
    days: int | None = None,
    bin_minutes: int = 60,
    planned: tuple[Planned, ...] = (),
) -> IncidentReplay:
    """Replay a simulated incident against the calibrated detectors of a comparison.

    Parameters
    ----------
    records : Records
        Simulated, with one incident; the comparison's runs should have other seeds.
    comparison : Comparison
        Of the same scenario.
    start, days : date and int, optional
        Local days to report on; the scenario's week by default.
    bin_minutes : {5, 15, 30, 60}
        Width of the bins that the comparison's detectors were set on.
    planned : tuple of Planned
        Campaigns that are taken out before they listen.

    Raises
    ------
    DataError
        The records come with no incident.
    """
    import pandas as pd

    incidents = incident_frame(records)
    if len(incidents) != 1:
        raise DataError(
            f"a replay needs simulated records with one incident; these have {len(incidents)}"
        )
    incident = incidents.iloc[0]
    week = records.manifest.week
    if start is None:
        start = date.fromisoformat(week[0]) if week else _local_date(records, incident["launched"])
    if days is None:
        days = week[1] if week else 7
    watched = records.between(None, start + timedelta(days=days))
    begin = pd.Timestamp(start).tz_localize(records.time_zone).tz_convert("UTC")
    findings = scan(
        watched, comparison.detectors, start=begin, bin_minutes=bin_minutes, planned=planned
    )
    return IncidentReplay(
        records,
        comparison,
        period_of(records, start, days),
        incident,
        findings,
        _burned(watched, incident, bin_minutes),
        bin_minutes,
        planned,
    )


def _local_date(records: Records, moment: pd.Timestamp) -> date:
    return moment.tz_convert(records.time_zone).date()


def _burned(records: Records, incident: pd.Series[Any], bin_minutes: int) -> pd.DataFrame:
    """Cumulative excess at the end of each bin from the incident's start to the records' end."""
    import pandas as pd

    excess = hourly_excess(records, bin_minutes=bin_minutes).set_index("time")["excess_nano"]
    width = pd.Timedelta(minutes=bin_minutes)
    end = incident["ends"]
    if records.period is not None:
        end = min(end, pd.Timestamp(records.period[1]))
    bins = pd.date_range(incident["starts"], end, freq=width, inclusive="left", unit="us")
    total = excess.reindex(bins, fill_value=0).cumsum() / 1e9
    ends = [incident["starts"], *(bins + width)]
    return pd.DataFrame({"time": pd.DatetimeIndex(ends), "burned_usd": [0.0, *total]})
