"""Pages and notebooks to read and forward."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from costsim.report.claim import claim_card, within_hours
    from costsim.report.found_incident import FoundIncident, find_incident, incident_report
    from costsim.report.incident import IncidentReplay, replay_incident
    from costsim.report.incident_sections import incident_page
    from costsim.report.launch.playing import rehearse_launch
    from costsim.report.launch.rehearsal import LaunchRehearsal
    from costsim.report.launch.sections import launch_page
    from costsim.report.launch.writing import launch_report
    from costsim.report.library import Library, look_at_library
    from costsim.report.notebook import publish, run_notebook
    from costsim.report.page import Page, Section
    from costsim.report.parameters import check_parameters
    from costsim.report.suite_replay import SuiteReplay, replay_suite
    from costsim.report.verdict import ribbon_of, week_card
    from costsim.report.week_parts import WeekView, week_view
    from costsim.report.weekly import weekly_report

_HOMES = {
    "FoundIncident": "found_incident",
    "IncidentReplay": "incident",
    "LaunchRehearsal": "launch.rehearsal",
    "Library": "library",
    "Page": "page",
    "Section": "page",
    "SuiteReplay": "suite_replay",
    "check_parameters": "parameters",
    "claim_card": "claim",
    "find_incident": "found_incident",
    "incident_page": "incident_sections",
    "incident_report": "found_incident",
    "launch_page": "launch.sections",
    "launch_report": "launch.writing",
    "look_at_library": "library",
    "publish": "notebook",
    "rehearse_launch": "launch.playing",
    "replay_incident": "incident",
    "replay_suite": "suite_replay",
    "ribbon_of": "verdict",
    "run_notebook": "notebook",
    "WeekView": "week_parts",
    "week_card": "verdict",
    "week_view": "week_parts",
    "weekly_report": "weekly",
    "within_hours": "claim",
}

__all__ = [
    "FoundIncident",
    "IncidentReplay",
    "LaunchRehearsal",
    "Library",
    "Page",
    "Section",
    "SuiteReplay",
    "WeekView",
    "check_parameters",
    "claim_card",
    "find_incident",
    "incident_page",
    "incident_report",
    "launch_page",
    "launch_report",
    "look_at_library",
    "publish",
    "rehearse_launch",
    "replay_incident",
    "replay_suite",
    "ribbon_of",
    "run_notebook",
    "week_card",
    "week_view",
    "weekly_report",
    "within_hours",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'costsim.report' has no attribute {name!r}")
    return getattr(import_module(f"costsim.report.{_HOMES[name]}"), name)
