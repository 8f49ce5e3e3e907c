"""The weekly report: notebook 20 on a folder of records, run by papermill, published as a page."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from costsim.errors import SettingError
from costsim.paths import package_version
from costsim.records.dataset import read_records
from costsim.report.notebook import publish, run_notebook
from costsim.report.page import check_target
from costsim.report.verdict import ribbon_of
from costsim.report.week_alarms import suite_words
from costsim.report.week_parts import week_view
from costsim.show.cards import Card
from costsim.toml_files import find_file

NOTEBOOK = "20_weekly_report"


@dataclass(frozen=True)
class WeeklyReport:
    """Where the report is, and its verdict."""

    card: Card
    page: Path
    notebook: Path


def weekly_report(
    folder: str | Path,
    out: str | Path = "reports",
    *,
    week: str | None = None,
    budget_usd: float | None = None,
    show_users: bool = False,
    suite: str | Path = "default",
) -> WeeklyReport:
    """Report on one week of a records folder.

    Parameters
    ----------
    folder : path
        Records.
    out : path
        Folder for the page and the executed notebook, both named after the week.
    week : str, optional
        ISO week such as ``2024-W33``; by default the last one that the records cover whole, and
        all that there is where they cover none.
    budget_usd : float, optional
        Monthly budget; the records' own by default.
    show_users : bool
        User ids as they are; masked by default.
    suite : str or path
        Detectors whose alarms are told: bundled name or TOML file.

    Raises
    ------
    SettingError
        A week, budget or suite that is not allowed.
    DataError
        No record in the week.
    ReportError
        A cell of the notebook failed; nothing was published.
    """
    if budget_usd is not None and not budget_usd > 0:
        raise SettingError(f"budget must be above 0; got {budget_usd:g}")
    records = read_records(folder)
    file = find_file(suite, "detectors", "suite").resolve()
    view = week_view(
        records, week=week or "", budget_usd=budget_usd, show_users=show_users, suite=file
    )
    found = view.period
    # named after its folder too, so that two products' pages lie side by side
    name = f"{Path(folder).resolve().name}-{week_name(found.start, found.days)}"
    page = check_target(Path(out) / f"weekly-{name}.html")
    parameters = {
        "records_dir": str(Path(folder).resolve()),
        "week": week or "",
        "monthly_budget_usd": float(budget_usd or 0.0),
        "show_users": show_users,
        "suite": str(file),
    }
    notebook = run_notebook(NOTEBOOK, Path(out) / f"weekly-{name}.ipynb", parameters)
    words = ["costsim", "report", "weekly", str(folder), *(["--week", week] if week else [])]
    words += ["--budget", f"{budget_usd:g}"] if budget_usd else []
    words += ["--suite", str(suite)] if str(suite) != "default" else []
    command = shlex.join([*words, *(["--show-users"] if show_users else [])])
    manifest = records.manifest
    made = [("made by", command), ("alarms", suite_words(view.suite))]
    made += [("time zone", records.time_zone), ("costsim", package_version())]
    if manifest.scenario_hash:
        made.insert(1, ("scenario", f"{manifest.scenario}, hash {manifest.scenario_hash}"))
    ribbon = ribbon_of(records, found)
    last = found.start + timedelta(days=found.days - 1)
    subtitle = f"{found.start:%a %Y-%m-%d} to {last:%a %Y-%m-%d}, {records.time_zone}"
    publish(
        notebook,
        page,
        ribbon=ribbon,
        title=f"LLM spend {name}",
        subtitle=subtitle if found.days > 1 else f"{last:%a %Y-%m-%d}, {records.time_zone}",
        made=tuple(made),
    )
    return WeeklyReport(view.card(), page, notebook)


def week_name(start: date, days: int) -> str:
    """Name of a period in file names: ``2024-W33``, or first and last day."""
    if days == 7 and start.isoweekday() == 1:
        year, week, _ = start.isocalendar()
        return f"{year}-W{week:02d}"
    last = start + timedelta(days=days - 1)
    return start.isoformat() if days == 1 else f"{start.isoformat()}-to-{last.isoformat()}"
