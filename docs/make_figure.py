"""Draw docs/week.png, the README's figure, from the records of a demo, whose folder is given."""

from __future__ import annotations

import sys
from pathlib import Path

import costsim
from costsim.report import replay_incident
from costsim.show import figures
from costsim.study import compare_detectors

records = costsim.read_records(sys.argv[1])
seed = records.manifest.seed or 0
study = compare_detectors("surprise-40k", replicates=100, calibration_runs=60, seed=seed + 1)
axes = replay_incident(records, study).hourly_spend()
Path(__file__).with_name("week.png").write_bytes(figures.png(axes.figure, dpi=160))
