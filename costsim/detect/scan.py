"""Run detectors over records: what would have been raised, when, and who was dearest then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from costsim.detect.alarms import COLUMNS
from costsim.detect.baselines import TrailingMean
from costsim.detect.hours import bin_start, hour_of_week
from costsim.detect.naive import NaiveZScore
from costsim.detect.presets import presets, z_score
from costsim.detect.rules import FixedThreshold, NewFeature, NewUser, UserShare
from costsim.detect.series_detector import SeriesDetector
from costsim.errors import DataError, SettingError
from costsim.spend.planned import Planned
from costsim.spend.series import Channels, channels

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from costsim.records.dataset import Records

QUIET_HOURS = 24
TRAILING_HOURS, SEASONAL_HOURS = 48, 17 * 24


@dataclass(frozen=True, repr=False)
class Findings:
    """Alarms of several detectors on the same records.

    ``alarms`` has a row per episode, first raised first: the columns of one detector's alarms
    and top_user and top_feature, the bin's dearest; for a detector of each feature or of new
    users, the alarming one. ``tier`` is the alarming one of a detector of each tier, else
    missing. ``hours`` are complete ones, whatever the bin; `spend` has a row a bin of
    ``bin_minutes``. ``notes`` say why detectors could not judge, ``planned`` which campaigns
    were taken out before they listened. ``heard`` are the features' and tiers' own series that
    alarmed, by channel and name.
    """

    alarms: pd.DataFrame
    detectors: tuple[SeriesDetector, ...]
    spend: pd.DataFrame
    time_zone: str
    hours: int
    notes: tuple[str, ...] = ()
    bin_minutes: int = 60
    planned: tuple[str, ...] = ()
    heard: Mapping[tuple[str, str], pd.Series[Any]] = field(default_factory=dict, compare=False)

    def __len__(self) -> int:
        return len(self.alarms)

    def first(self) -> pd.DataFrame:
        """First alarm of each detector; detectors without one have missing times."""
        import pandas as pd

        order = [detector.name for detector in self.detectors]
        found = self.alarms.drop_duplicates("detector").set_index("detector").reindex(order)
        return pd.DataFrame(found).reset_index()

    def to_frame(self) -> pd.DataFrame:
        return self.alarms.copy()

    def plot(self, ax: Any = None) -> Axes:
        """Spend bin by bin under the alarms."""
        from costsim.show import figures

        return figures.hourly_spend(self.spend, alarms=self.alarms, time_zone=self.time_zone, ax=ax)

    def __repr__(self) -> str:
        count = "no alarm" if not len(self) else f"{len(self)} alarms"
        return (
            f"Findings({count} of {len(self.detectors)} detectors in {self.hours:,} complete "
            "hours); next: .to_frame(), .plot()"
        )

    def _repr_html_(self) -> str:
        from costsim.show.tables import table_html

        shown = self.alarms[["known_at", "detector", "value_usd", "expected_usd", "top_feature"]]
        return table_html(shown, caption=repr(self).split("; next")[0], time_zone=self.time_zone)


def standard_detectors(
    monthly_budget_usd: float | None = None, alarms: Mapping[str, float] | None = None
) -> list[SeriesDetector]:
    """The presets at the thresholds they come with, and the rules that can be set.

    Parameters
    ----------
    monthly_budget_usd : float, optional
        The user's share needs it, a day being a 30th of the month; without one it is left out.
    alarms : mapping, optional
        Settings that a product has in place: ``z`` of the trailing z-score, ``user_share``.
    """
    in_place = alarms or {}
    made = presets() | {"z_score": lambda: z_score(limit=in_place.get("z", 3.0))}
    found: list[SeriesDetector] = [factory() for factory in made.values()]
    if monthly_budget_usd:
        share = in_place.get("user_share", 0.01)
        found.append(UserShare(daily_budget_usd=monthly_budget_usd / 30, share=share))
    return [*found, FixedThreshold()]


def scan(
    records: Records,
    detectors: Sequence[SeriesDetector] | None = None,
    *,
    start: Any = None,
    quiet_hours: int = QUIET_HOURS,
    bin_minutes: int = 60,
    planned: Sequence[Planned] = (),
    heard: Channels | None = None,
) -> Findings:
    """Run detectors over the complete bins of some records.

    Parameters
    ----------
    records : Records
        History included: baselines learn from all of it.
    detectors : sequence of SeriesDetector, optional
        :func:`standard_detectors` for the records' budget and alarms by default.
    start : aware time, optional
        When watching begins; the first bin by default.
    quiet_hours : int
        Alarms with at most so many quiet hours between them are one episode.
    bin_minutes : {5, 15, 30, 60}
        Width of a bin. Thresholds hold for the bin that they were calibrated at; those that
        detectors come with are meant for an hour.
    planned : sequence of Planned
        Campaigns that are known beforehand: detectors hear what is beside the plan, and the
        dollars of alarms and `spend` are those.
    heard : Channels, optional
        :func:`costsim.spend.channels` of these records, bins and campaigns, where they have been
        read already.

    Raises
    ------
    DataError
        There is no record in range.
    SettingError
        There are no such bins, or `heard` has others, or `start` is no aware time.

    Examples
    --------
    >>> import costsim
    >>> result = costsim.simulate("surprise-40k", seed=7)
    >>> found = scan(result.records, start="2024-08-12T11:00Z")
    >>> found.first().set_index("detector").loc["user share", "known_at"]
    Timestamp('2024-08-12 12:00:00+0000', tz='UTC')
    """
    import pandas as pd

    if detectors is None:
        manifest = records.manifest
        detectors = standard_detectors(manifest.monthly_budget_usd, manifest.alarms)
    if heard is None:
        heard = channels(records, bin_minutes, planned)
    elif heard.bin_minutes != bin_minutes:
        raise SettingError(f"heard must have bins of {bin_minutes}; got {heard.bin_minutes}")
    period = records.period
    if period is None:
        raise DataError("there is no record in range to watch")
    width = pd.Timedelta(minutes=bin_minutes)
    index = pd.DatetimeIndex(heard.total.index)
    low, high = (pd.Timestamp(bound) for bound in period)
    whole = (index >= low) & (index + width <= high)
    begin = None if start is None else bin_start(start, "start")
    tables, alarming = [], {}
    since = None if begin is None or not whole.any() else max(begin, index[whole][0])
    for detector in detectors:
        each = {name: usd[whole] for name, usd in heard.each(detector.channel).items()}
        each = {name: usd for name, usd in each.items() if usd.notna().any()}
        for name in _that_alarm(detector, each, since, records.time_zone, bin_minutes):
            series = each[name]
            alarms = detector.alarms(series, since, records.time_zone, quiet_hours, bin_minutes)
            if len(alarms):
                if name:
                    alarming[detector.channel, name] = series
                tables.append(alarms.to_frame().assign(of=name, channel=detector.channel))
    found = _together(tables, ["top_user", "top_feature", "tier"])
    if tables:
        who = heard.who.reindex(found["time"]).set_index(found.index)
        of, channel = found.pop("of").astype(object), found.pop("channel")
        dollars = ["value_usd", "expected_usd", "peak_usd"]
        found.loc[channel == "user_rise", dollars] = float("nan")  # a ratio has none to tell
        found["top_user"] = who["top_user"]
        for name in ("new_user", "user_rise"):
            found["top_user"] = found["top_user"].where(channel != name, who[name])
        by_feature = channel.isin(["feature", "unit_cost"])
        found["top_feature"] = of.where(by_feature, who["top_feature"])
        found["tier"] = of.where(channel == "tier", None)
    spend = pd.DataFrame({"time": index, "usd": heard.total.to_numpy()})
    hours = int(whole.sum()) * bin_minutes // 60
    zone, notes = records.time_zone, _notes(hours, detectors)
    there = [(one, one.span(zone)) for one in planned]
    met = tuple(
        f"{one.describe()}: taken out before detectors listen."
        for one, (start, end) in there
        if start < index[-1] + width and end > index[0]
    )
    watching = tuple(detectors)
    return Findings(found, watching, spend, zone, hours, notes, bin_minutes, met, alarming)


def _that_alarm(
    detector: SeriesDetector,
    each: dict[str, pd.Series[Any]],
    start: pd.Timestamp | None,
    time_zone: str,
    bin_minutes: int,
) -> list[str]:
    """The series that a detector alarms on, asked of all at once where they are several."""
    import pandas as pd

    if len(each) < 2:
        return list(each)
    values = pd.DataFrame(each)
    index = pd.DatetimeIndex(values.index)
    begin = 0 if start is None else int(index.searchsorted(start))
    first = detector.first_alarm(
        values.to_numpy().T, hour_of_week(index, time_zone), begin, bin_minutes=bin_minutes
    )
    return [name for name, at in zip(each, first, strict=True) if at >= 0]


def scan_series(
    series: pd.Series[Any],
    detectors: Sequence[SeriesDetector],
    *,
    start: Any = None,
    time_zone: str = "UTC",
    quiet_hours: int = QUIET_HOURS,
    bin_minutes: int | None = None,
    planned: Sequence[Planned] = (),
) -> Findings:
    """Run the detectors of the total over one series of one's own.

    Parameters
    ----------
    series : pandas.Series
        Dollars a bin on an aware index, as :func:`costsim.detect.read_series` gives them.
    detectors : sequence of SeriesDetector
        Those of users, features and tiers are left out, which `notes` say: the series has none.
    start, time_zone, quiet_hours
        As of :func:`scan`; the zone is the one whose clocks the users live by.
    bin_minutes : {5, 15, 30, 60}, optional
        Width of a bin; by default the frequency of the series' index, an hour where it has none.
    planned : sequence of Planned
        Campaigns of all features, which are taken out; `planned` says so. Those of some features
        cannot be, and `notes` say that.

    Raises
    ------
    SettingError
        No detector reads the total.

    Examples
    --------
    >>> import pandas as pd
    >>> from costsim.detect import FixedThreshold
    >>> hours = pd.date_range("2024-08-05", periods=48, freq="h", tz="UTC")
    >>> len(scan_series(pd.Series(25.0, index=hours), [FixedThreshold(20.0, channel="total")]))
    1
    """
    import pandas as pd

    minutes = _own_minutes(series) if bin_minutes is None else bin_minutes
    watching = tuple(d for d in detectors if d.channel == "total")
    left_out = ", ".join(d.name for d in detectors if d.channel != "total")
    if not watching:
        raise SettingError(
            "a series of dollars must be watched by a detector of channel 'total'; got "
            f"{left_out or 'none'}"
        )
    series, met, notes = _beside(series, planned, time_zone, minutes)
    if left_out:
        notes = (f"Left out, because they read what a total does not say: {left_out}.", *notes)
    begin = None if start is None else max(bin_start(start, "start"), series.index[0])
    each = (d.alarms(series, begin, time_zone, quiet_hours, minutes) for d in watching)
    tables = [alarms.to_frame() for alarms in each]
    found = _together([table for table in tables if len(table)], [])
    spend = pd.DataFrame({"time": series.index, "usd": series.to_numpy()})
    hours = int(series.notna().sum()) * minutes // 60
    notes = (*_notes(hours, watching), *notes)
    return Findings(found, watching, spend, time_zone, hours, notes, minutes, met)


def _beside(
    series: pd.Series[Any], planned: Sequence[Planned], time_zone: str, bin_minutes: int
) -> tuple[pd.Series[Any], tuple[str, ...], tuple[str, ...]]:
    """A total with the campaigns of all features taken out; which, and which could not be."""
    import pandas as pd

    index = pd.DatetimeIndex(series.index)
    end = index[-1] + pd.Timedelta(minutes=bin_minutes)
    met, cannot = [], []
    for one in planned:
        low, high = map(pd.Timestamp, one.span(time_zone))
        if low >= end or high <= index[0]:
            continue
        if one.features:
            cannot.append(f"{one.describe()}: not taken out, a total does not tell features.")
            continue
        there = (index >= low) & (index < high)
        series = series.where(~there, series / one.calls_scale)
        met.append(f"{one.describe()}: taken out before detectors listen.")
    return series, tuple(met), tuple(cannot)


def _own_minutes(series: pd.Series[Any]) -> int:
    """Bin of a series by the frequency of its index."""
    from pandas.tseries.offsets import Tick

    freq = getattr(series.index, "freq", None)
    return int(freq.nanos // 60_000_000_000) if isinstance(freq, Tick) else 60


def _together(tables: list[pd.DataFrame], more: list[str]) -> pd.DataFrame:
    import pandas as pd

    if not tables:
        return pd.DataFrame(columns=[*COLUMNS, *more])
    together = pd.concat(tables, ignore_index=True)
    return together.sort_values(["known_at", "detector"], ignore_index=True)


AT_ONCE = (FixedThreshold, UserShare, NewFeature, NewUser)
"""Rules of a fixed amount, which need no history."""


def _needs_hours(detector: SeriesDetector) -> int:
    """Hours of history without which a detector is silent, about."""
    if isinstance(detector, AT_ONCE):
        return 0
    trailing = isinstance(getattr(detector, "baseline", None), TrailingMean)
    return TRAILING_HOURS if trailing or isinstance(detector, NaiveZScore) else SEASONAL_HOURS


def _notes(hours: int, detectors: Sequence[SeriesDetector]) -> tuple[str, ...]:
    """Which detectors cannot judge yet, and which can."""
    if hours == 0:
        return ("There is no complete hour: no detector can judge.",)
    needed = [_needs_hours(detector) for detector in detectors]
    if hours >= max(needed, default=0):
        return ()
    can = [d.name for d, need in zip(detectors, needed, strict=True) if hours >= need]
    what = "seasonal detectors" if hours >= TRAILING_HOURS else "detectors that learn"
    days = "17 days" if max(needed) == SEASONAL_HOURS else "2 days"
    judge = f"only these judge: {', '.join(can)}." if can else "none of these can judge."
    return (f"{hours} complete hours: {what} are silent, they need about {days}; {judge}",)
