"""One thread for each worker: many runs at once are faster than many threads in one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

_lock = threading.Lock()
_inside = 0
_undo = ExitStack()


@contextmanager
def one_thread() -> Iterator[None]:
    """Within this context Arrow, DuckDB and BLAS each use one thread of this process.

    The settings belong to the process, so of several threads inside the first sets them and the
    last puts back what was there. numba needs none: no kernel here is compiled to run in parallel.
    A Ctrl-C that a library made an error of is one again.

    Examples
    --------
    >>> import pyarrow as pa
    >>> before = pa.cpu_count()
    >>> with one_thread():
    ...     inside = pa.cpu_count()
    >>> inside, pa.cpu_count() == before
    (1, True)
    """
    global _inside, _undo
    with _lock:
        if not _inside:
            _undo = _pinned()
        _inside += 1
    try:
        yield
    except RuntimeError as error:
        from costsim.records.dataset import was_stopped

        if was_stopped(error):
            raise KeyboardInterrupt from error
        raise
    finally:
        with _lock:
            _inside -= 1
            if not _inside:
                _undo.close()


def _pinned() -> ExitStack:
    """Set one thread everywhere; closing it puts things back."""
    import pyarrow as pa

    from costsim.records.dataset import query_threads

    undo = ExitStack()
    undo.callback(pa.set_cpu_count, pa.cpu_count())
    undo.callback(pa.set_io_thread_count, pa.io_thread_count())
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    undo.enter_context(query_threads(1))
    with suppress(ImportError):  # not required: a run multiplies no matrices
        from threadpoolctl import threadpool_limits

        undo.enter_context(threadpool_limits(1))
    return undo
