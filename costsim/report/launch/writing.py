"""A launch's report, written: one page, and its verdict."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

from costsim.report.launch.playing import rehearse_launch
from costsim.report.launch.rehearsal import LaunchRehearsal, Ready
from costsim.report.launch.sections import launch_page
from costsim.report.page import check_target
from costsim.simulation.loading import load_scenario
from costsim.simulation.run import policy_of

EXIT_CODES: dict[Ready, int] = {"READY": 0, "NOT READY": 1, "UNDECIDED": 3}


def launch_report(
    scenario: str,
    limits: str | Path,
    gate: str | Path | None = None,
    out: str | Path = "reports",
    *,
    recommend: bool = False,
    replicates: int = 20,
    seed: int = 0,
    **more: Any,
) -> tuple[LaunchRehearsal, Path]:
    """Rehearse a launch and write its page.

    Parameters
    ----------
    scenario : str
        Name or path.
    limits : str or path
    gate : str or path, optional
    out : path
        Folder for the page, which is named after the scenario and the limits.
    recommend : bool
        Whether to search for better limits.
    replicates, seed : int
    **more
        As :func:`rehearse_launch` takes it.

    Raises
    ------
    SettingError
        Something is not allowed; nothing has run then.
    ReportError
        A directory is in the way of the page.
    """
    wanted = load_scenario(scenario)
    policy = policy_of(wanted, limits)
    assert policy is not None
    name = re.sub(r"[^A-Za-z0-9.-]+", "-", f"{wanted.name}-{policy.name}")
    page = check_target(Path(out) / f"launch-{name}.html")  # before minutes of work
    found = rehearse_launch(
        wanted, policy, gate, recommend=recommend, replicates=replicates, seed=seed, **more
    )
    words = ["costsim", "report", "launch", scenario, "--limits", str(limits)]
    words += ["--gate", str(gate)] if gate is not None else []
    words += ["--recommend"] if recommend else []
    suite = more.get("suite", "default")
    words += ["--suite", str(suite)] if str(suite) != "default" else []
    words += ["--replicates", str(replicates), *(["--seed", str(seed)] if seed else [])]
    return found, launch_page(found, shlex.join(words)).write(page)
