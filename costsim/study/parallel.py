"""Tasks on all cores, or wherever the user's own joblib configuration sends them."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

Task = TypeVar("Task")
Found = TypeVar("Found")


def in_parallel(run: Callable[[Task], Found], tasks: Sequence[Task]) -> Iterator[Found]:
    """What `run` gives for each task, in whatever order they are done.

    Parameters
    ----------
    run : callable
        A function of a module, so that processes find it.
    tasks : sequence
        Of things that can be pickled.

    Examples
    --------
    >>> import joblib
    >>> with joblib.parallel_config(n_jobs=1):
    ...     sorted(in_parallel(abs, [-2, 1]))
    [1, 2]
    """
    from joblib import Parallel, delayed

    backend, jobs = _active()
    with _loky_alone(backend):
        parallel = Parallel(n_jobs=jobs, return_as=_order(backend))
        yield from parallel(delayed(_tidily)(run, task) for task in tasks)


def at_once() -> int:
    """How many tasks run at the same time.

    Examples
    --------
    >>> import joblib
    >>> with joblib.parallel_config(n_jobs=1):
    ...     at_once()
    1
    """
    backend, jobs = _active()
    return int(backend.effective_n_jobs(jobs))


def _active() -> tuple[Any, int]:
    """What the user set stands; a bare joblib would use a single core."""
    from joblib.parallel import get_active_backend

    backend, jobs = get_active_backend()
    return backend, -1 if jobs is None else jobs


def _tidily(run: Callable[[Task], Found], task: Task) -> Found:
    """Give memory back: what glibc keeps for later, joblib takes for a leak and starts anew."""
    found = run(task)
    if sys.platform == "linux" and (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)):
        trim(0)
    return found


def _loky_alone(backend: Any) -> AbstractContextManager[Any]:
    """Processes of joblib's own start with BLAS and numba at one thread; others are the user's."""
    from joblib import parallel_config

    plain = type(backend).__name__ == "LokyBackend" and backend.inner_max_num_threads is None
    return parallel_config(backend="loky", inner_max_num_threads=1) if plain else nullcontext()


def _order(backend: Any) -> str:
    """As they are done, where the backend can say so: a slow run holds up no progress."""
    return "generator_unordered" if backend.supports_return_generator else "list"
