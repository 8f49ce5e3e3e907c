"""Seeds of a study's runs."""

from __future__ import annotations

import numpy as np


def study_seeds(seed: int, purpose: int, count: int) -> list[int]:
    """Seeds of a study's runs, different for each purpose."""
    sequence = np.random.SeedSequence(entropy=seed, spawn_key=(purpose,))
    return [int(value) for value in sequence.generate_state(count, np.uint64) >> np.uint64(1)]
