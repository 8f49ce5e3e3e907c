"""Controls in a file: the command line appends to it, ledgers in other processes read it."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

from costsim.errors import DataError
from costsim.limits.checking import checked_file
from costsim.limits.controls import Control, read_control

Seen = tuple[int, int, int]
"""Size, time of the last change, and number of a file."""
NOTHING: Seen = (0, 0, 0)


def control_lines(data: bytes, source: str) -> tuple[list[Control], list[str]]:
    """The controls of some whole lines, and what is wrong with the others.

    A last line without an end is one that is being written, or was torn, and counts as none.
    """
    found, faults = [], []
    for number, line in enumerate(data.split(b"\n")[:-1], 1):
        if not line.strip():
            continue
        try:
            found.append(read_control(line))
        except DataError as error:
            faults.append(f"{source}, line {number} {error}")
    return found, faults


class ControlFile:
    """A file of controls, one line each, to which any process may append.

    Parameters
    ----------
    path : path
        Need not be there: there are no controls then. Its folder must.

    Raises
    ------
    SettingError
        There is no such folder.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = os.fspath(checked_file(path, "controls"))
        self._seen = NOTHING

    def read(self) -> list[Control]:
        """All controls.

        Raises
        ------
        DataError
            A whole line is no control.
        """
        found, faults = self._read()
        if faults:
            raise DataError(faults[0])
        return found

    def news(self) -> list[Control]:
        """All controls if the file has changed since it was last read, else none.

        What cannot be read in a program that runs is left out with a warning: a broken line must
        not end what the others stop.
        """
        try:
            state = os.stat(self.path)
        except OSError:
            return []  # what is known holds on
        if (state.st_size, state.st_mtime_ns, state.st_ino) == self._seen:
            return []
        try:
            found, faults = self._read()
        except OSError:
            return []
        for fault in faults:
            warnings.warn(fault, RuntimeWarning, stacklevel=2)
        return found

    def append(self, control: Control, now: int) -> Control:
        """Add a control as a whole line, forced to the disk; a torn last line is cut off first.

        Returns
        -------
        Control
            Dated after all that the file holds.
        """
        with open(self.path, "ab+", buffering=0) as file:
            _alone(file.fileno())
            file.seek(0)
            data = file.read()
            whole = data.rfind(b"\n") + 1
            if whole < len(data):
                file.truncate(whole)
            taken = control.taken(now, control_lines(data[:whole], self.path)[0])
            line = taken.to_json().encode() + b"\n"
            written = file.write(line)
            if written != len(line):
                file.truncate(whole)
                raise OSError(f"{self.path}: only {written} of {len(line)} bytes were written")
            os.fsync(file.fileno())
        return taken

    def _read(self) -> tuple[list[Control], list[str]]:
        try:
            with open(self.path, "rb") as file:
                state = os.fstat(file.fileno())
                data = file.read()
        except FileNotFoundError:
            return [], []
        self._seen = (state.st_size, state.st_mtime_ns, state.st_ino)
        return control_lines(data, self.path)


def _alone(file: int) -> None:
    """Wait for others who append; the lock ends with the file."""
    try:
        import fcntl
    except ImportError:  # Windows keeps no such locks
        return
    fcntl.flock(file, fcntl.LOCK_EX)
