"""How much memory a long run takes while its records stream to disk.

A process of its own simulates the $40k week's product with thirteen times its traffic, 50 million
records, and says the most that it held. What bounds it is the largest day: it is drawn, sorted and
written as one, by each worker.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from costsim.simulation import load_scenario, simulate

TIMES = 13.3


def streamed(times: float, workers: int) -> tuple[int, int]:
    """Records of a run that is written, and the most bytes that its process held."""
    scenario = load_scenario("surprise-40k")
    features = {
        name: feature.model_copy(update={"calls_per_week": feature.calls_per_week * times})
        if feature.calls_per_week
        else feature
        for name, feature in scenario.features.items()
    }
    busy = scenario.model_copy(update={"features": features})
    with tempfile.TemporaryDirectory() as folder:
        count = len(simulate(busy, seed=7, out=f"{folder}/run", workers=workers).records)
    return count, most_held()


def most_held() -> int:
    """The most bytes that this process held; what its parent held is not in it."""
    status = Path("/proc/self/status")
    if status.is_file():
        [line] = [li for li in status.read_text().splitlines() if li.startswith("VmHWM:")]
        return int(line.split()[1]) * 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def rows(times: float = TIMES, workers: tuple[int, ...] = (2,)) -> list[tuple[str, float, str]]:
    """A run by each number of workers, as its process saw it."""
    found = []
    for count_of in workers:
        program = (
            "from tests.benchmarks.bench_memory import streamed; import json; "
            f"print(json.dumps(streamed({times}, {count_of})))"
        )
        start = perf_counter()
        told = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True
        ).stdout
        seconds = perf_counter() - start
        count, held = json.loads(told)
        what = f"stream {count / 1e6:,.1f} M records to disk, workers={count_of}"
        found.append((what, seconds, f"{held / 1e9:.2f} GB at most"))
    return found
