"""The parts of a weekly report; where the records cannot show a part, it says why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

from costsim import spend
from costsim.detect import Findings, Incidents, Suite, group_incidents, load_suite
from costsim.records.dataset import Records, read_records
from costsim.report.verdict import ribbon_of, week_card
from costsim.report.week_alarms import IncidentCards, incident_line, suite_words
from costsim.show import figures
from costsim.show.cards import Card
from costsim.show.formats import count
from costsim.show.mask import mask_users
from costsim.show.shown_table import Table
from costsim.show.text import NO_TEX
from costsim.spend.week import Period, iso_week, last_week
from costsim.spend.week import period as period_of


@dataclass(frozen=True)
class Note:
    """A sentence where a figure cannot be."""

    text: str

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return f'<p class="{NO_TEX}">{escape(self.text)}</p>'


@dataclass(frozen=True, repr=False)
class WeekView:
    """One week of some records, part by part; each part shows itself.

    Examples
    --------
    >>> import costsim
    >>> quiet = costsim.load_scenario("quiet").first_days(15)
    >>> view = week_view(costsim.simulate(quiet, seed=1).records)
    >>> view.period.start.isoformat(), view.period.days
    ('2024-07-15', 7)
    """

    records: Records
    period: Period
    budget_usd: float | None
    show_users: bool
    suite: Suite

    @property
    def week(self) -> Records:
        """Records of the week alone."""
        end = self.period.start + timedelta(days=self.period.days)
        return self.records.between(self.period.start, end)

    @property
    def _until(self) -> Records:
        """Records to the end of the week: what came before teaches the detectors."""
        return self.records.between(None, self.period.start + timedelta(days=self.period.days))

    @cached_property
    def findings(self) -> Findings:
        """Alarms of the week, by the suite."""
        return self.suite.scan(self._until, start=self.week.start)

    @cached_property
    def incidents(self) -> Incidents:
        """The alarms as incidents, with cause and culprits."""
        return group_incidents(self._until, self.findings)

    def card(self) -> Card:
        """The verdict."""
        return week_card(
            self.period,
            budget_usd=self.budget_usd,
            alarm_line=incident_line(self.incidents, self.findings, self.suite),
            show_users=self.show_users,
        )

    def days(self, ax: Any = None) -> Any:
        """Dollars by day and feature; by hour where there are fewer than two days."""
        if not self.period.usd:
            return Note("No call has a price: there are no dollars to draw.")
        named = self.period.features["feature_name"].notna().any()
        if self.period.days == 1:
            hours = spend.hourly(self.week, by="feature" if named else None)
            by = "feature_name" if named else None
            return figures.hourly_spend(hours, by=by, time_zone=self.records.time_zone, ax=ax)
        days = spend.daily(self.week, by="feature")
        days["feature_name"] = days["feature_name"].fillna("(no feature)")
        driver = self.period.driver
        highlight = driver.feature if driver and driver.changed else None
        return figures.daily_spend(days, highlight=highlight, ax=ax)

    def features(self) -> Table:
        """Features of the week, with what they usually cost."""
        period = self.period
        frame = period.features.drop(columns="total_nano")
        if not period.weeks_before:
            return Table(frame, "Spend by feature")
        frame.insert(2, "usual_usd", frame["feature_name"].map(period.usual_features))
        days = "" if period.covered else f" (its {period.complete_days} complete days)"
        return Table(frame, f"Spend by feature; usual: the weeks before{days}")

    def models(self) -> Table:
        """Models of the week."""
        return Table(spend.by_model(self.week).drop(columns="total_nano"), "Spend by model")

    def tiers(self) -> Any:
        """Tiers of the week, where calls name them."""
        frame = spend.by_tier(self.week).drop(columns="total_nano")
        if frame["user_tier"].isna().all():
            return Note("No call names the user's tier: spend cannot be held against plans.")
        return Table(frame, "Spend by tier of the users")

    def users(self, top: int = 10) -> Any:
        """Dearest users, masked unless asked."""
        frame = spend.by_user(self.week).drop(columns="total_nano")
        if frame["user_id"].isna().all():
            return Note("No call has a user id: nobody can be told apart, limited or asked.")
        if not self.show_users:
            frame["user_id"] = mask_users(frame["user_id"])
        return Table(frame.head(top), f"Dearest {top} of {count(len(frame))} users")

    def concentration(self, ax: Any = None) -> Any:
        """How much of the week falls on the heaviest users."""
        if spend.by_user(self.week)["user_id"].isna().all():
            return Note("Concentration of spend needs user ids.")
        if not self.period.usd:
            return Note("Concentration of spend needs prices.")
        return figures.concentration(spend.concentration(self.week), ax=ax)

    def cost_per_call(self, ax: Any = None) -> Any:
        """What one call costs, by feature."""
        frame = spend.cost_per_call(self.week)
        if frame.empty:
            return Note("Cost a call by feature needs prices and feature names.")
        return figures.cost_per_call(frame, ax=ax)

    def efficiency(self) -> Table:
        """Tokens, ratios, truncation and cache, by feature."""
        frame = spend.efficiency(self.week, by="feature").to_frame()
        formats = dict.fromkeys(("output_input_ratio", "mean_output_input_ratio"), "number")
        return Table(frame, "Efficiency; – is unknown to these records", formats)

    def watching(self) -> Note:
        """Which suite watches, its budget of false alarms, and what it was calibrated on."""
        return Note(" ".join((suite_words(self.suite), *self.findings.planned)))

    def alarms(self) -> Any:
        """Incidents of the week: from when to when, what drove them, and who, in dollars."""
        if not len(self.findings):
            said = f"No alarm in {count(self.findings.hours)} complete hours, history included."
            return Note(" ".join(self.findings.notes) or said)
        ribbon, zone = ribbon_of(self.records), self.records.time_zone
        return IncidentCards(self.incidents, self.suite, ribbon, zone, self.show_users)

    def alarming(self) -> Any:
        """Each detector's alarms, when they could be known."""
        frame = self.findings.alarms
        if not len(frame):
            return Note("")
        columns = ["known_at", "detector", "value_usd", "expected_usd", "top_feature"]
        caption = "Alarms behind them, when they could be known"
        return Table(frame[columns], caption, time_zone=self.records.time_zone)

    def month(self, ax: Any = None) -> Any:
        """Month to date, against the budget."""
        month = self.period.month
        budget = self.budget_usd or self.records.manifest.monthly_budget_usd
        if not budget:
            return Note("No monthly budget is stated: give one with --budget.")
        if month is None or not self.period.usd:
            return Note("No whole day with a price is in yet.")
        frame, zone = spend.month_to_date(self.period), self.records.time_zone
        return figures.month_to_date(frame, budget, month.projection, time_zone=zone, ax=ax)

    def missing(self) -> Any:
        """What these records cannot tell, and what that costs."""
        asked = {
            "feature_name": "which feature spends",
            "user_id": "which user spends, and limits per user",
            "user_tier": "whether a plan pays for itself",
            "model": "a price",
            "session_id": "cost per conversation",
            "prompt_hash": "which version of a prompt spends",
            "finish_reason": "answers cut at their limit",
            "cache_read_tokens": "savings of the prompt cache",
            "latency_ms": "speed",
        }
        import narwhals as nw

        names = list(asked)
        present = [nw.col(name).is_null().cast(nw.Int64).mean().alias(name) for name in names]
        lacking = self.week.lazy(names).select(*present).collect("pyarrow").to_native()
        supplied = self.records.manifest.supplied
        rows = [
            {
                "field": name,
                "unknown_share": lacking[name][0].as_py(),
                "so it cannot tell": asked[name],
            }
            for name in names
        ]
        rows = [row for row in rows if row["unknown_share"]]
        said = ", ".join(f"{name} = {value}" for name, value in supplied.items())
        note = f"Supplied at import for every call: {said}." if said else ""
        if not rows:
            return Note(f"Every call has all that this report asks for. {note}".strip())
        import pandas as pd

        return Table(pd.DataFrame(rows), f"Unknown in these records. {note}".strip())

    def __repr__(self) -> str:
        return f"{self.card()!r}\n  next: .days(), .features(), .users(), .alarms()"

    def _repr_html_(self) -> str:
        return self.card()._repr_html_()


def week_view(
    records: Records | str,
    *,
    week: str = "",
    budget_usd: float | None = None,
    show_users: bool = False,
    suite: Suite | str | Path = "default",
) -> WeekView:
    """A week of some records, for the weekly report.

    Parameters
    ----------
    records : Records or path
        History included.
    week : str
        ISO week such as ``2024-W33``; where empty the last one covered whole, or all days.
    budget_usd : float, optional
        Monthly budget; the records' own by default. 0 counts as none given.
    show_users : bool
        User ids as they are.
    suite : Suite, str or path
        Whose alarms are told: bundled name or TOML file, as ``costsim tune --save`` writes it.

    Raises
    ------
    SettingError
        A week or suite that is not allowed.
    DataError
        No record in the week.
    """
    watching = suite if isinstance(suite, Suite) else load_suite(suite)
    found = records if isinstance(records, Records) else read_records(records)
    start, days = _days(found, week)
    found_period = period_of(found, start, days)
    return WeekView(found, found_period, budget_usd or None, show_users, watching)


def _days(records: Records, week: str) -> tuple[date, int]:
    return (iso_week(week), 7) if week else last_week(records)
