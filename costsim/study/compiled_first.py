"""The admission kernel compiled before the workers start: else each compiles it for itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from costsim.simulation.scenario import Scenario


def compile_first(scenario: Scenario) -> None:
    """Compile in this process what no process on this machine has compiled yet.

    Parameters
    ----------
    scenario : Scenario
        Any: of another one the code is the same.
    """
    from costsim.simulation.admission import Admission, kernel  # numba: not sooner
    from costsim.simulation.compiling import is_kept

    if is_kept(kernel()):
        return
    from costsim.simulation.demand import Demand
    from costsim.simulation.loop_tables import tables_of
    from costsim.simulation.recording import Recorder
    from costsim.simulation.world import play

    recorder = Recorder(Demand(play(scenario, 0), 0))
    Admission(tables_of(recorder)).advance(0)  # no call at all, which compiles
