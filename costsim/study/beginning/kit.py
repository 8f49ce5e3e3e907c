"""All first files together, written or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from costsim.errors import SettingError
from costsim.study.beginning.detectors import suite_text
from costsim.study.beginning.plan import Plan
from costsim.study.beginning.texts import gate_text, limits_text, workflow_text
from costsim.study.beginning.traffic import traffic_text
from costsim.whole_files import write_whole

CONTENTS = {
    "limits.toml": "what may be spent",
    "gate.toml": "what must hold before a launch",
    "suite.toml": "who notices",
    "launch.toml": "traffic to rehearse with",
    "costsim.yml": "the check of a build, for .github/workflows",
}
"""The files, and what each is."""


def first_files(plan: Plan, folder: str = ".") -> dict[str, str]:
    """Text of each file by name; `folder` is where the build finds them."""
    texts = (
        limits_text(plan),
        gate_text(plan),
        suite_text(plan),
        traffic_text(plan),
        workflow_text(folder),
    )
    return dict(zip(CONTENTS, texts, strict=True))


def write_first_files(plan: Plan, folder: str | Path) -> list[Path]:
    """Write them all, over nothing that is there.

    Raises
    ------
    SettingError
        One of them is there already; nothing was written.
    """
    out = Path(folder)
    if out.exists() and not out.is_dir():
        raise SettingError(f"{out} must be a folder; nothing was written")
    there = [name for name in CONTENTS if (out / name).exists()]
    if there:
        raise SettingError(
            f"{out / there[0]} is there already; nothing was written (--out names another folder)"
        )
    place = os.path.relpath(out).replace(os.sep, "/")
    texts = first_files(plan, out.name if place.startswith("..") else place)
    written: list[Path] = []
    try:
        for name, text in texts.items():
            written.append(write_whole(out / name, text))
    except OSError as error:
        for path in written:
            path.unlink(missing_ok=True)
        reason = error.strerror or str(error)
        raise SettingError(f"{out} must be writable; nothing was written: {reason}") from None
    return written
