"""What costsim detect prints, of a folder and of a CSV alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from costsim.detect import Findings, Suite


def told(found: Findings, alarms: pd.DataFrame) -> dict[str, Any]:
    """Alarms as JSON tells them."""
    from costsim.cli.output import rows

    notes = [*found.notes, *found.planned]
    return {"hours": found.hours, "notes": notes, "alarms": rows(alarms)}


def print_alarms(found: Findings, alarms: pd.DataFrame, top: int, time_zone: str) -> None:
    """The table, how many each detector raised, and what there is to note."""
    from costsim.show.tables import table_text

    columns = ["known_at", "detector", "value_usd", "expected_usd", "statistic", "threshold"]
    columns += [name for name in ("top_feature", "top_user") if name in alarms.columns]
    columns += ["tier"] if "tier" in alarms.columns and alarms["tier"].notna().any() else []
    if len(alarms):
        print(table_text(alarms[columns], max_rows=top, time_zone=time_zone))
    counts = alarms["detector"].value_counts().to_dict()
    said = ", ".join(f"{d.name} {counts.get(d.name, 0)}" for d in found.detectors)
    print(f"alarms in {found.hours:,} complete hours: {said}")
    for note in (*found.notes, *found.planned):
        print(note)


def print_thresholds(suite: Suite | None, found: Findings, command: str = "") -> None:
    """What the thresholds stand for; of a suite of which only some watch, that too."""
    if suite is None:
        more = f"; {command} sets them" if command else ""
        print(f"Thresholds as they come: not calibrated to the noise of these records{more}.")
        return
    here, every = len(found.detectors), len(suite.detectors)
    part = f"; here {here} of its {every} detectors watch, which raise fewer" * (here < every)
    print(f"{suite.budget_words()}{part}")
