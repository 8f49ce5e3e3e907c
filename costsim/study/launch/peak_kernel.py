"""The largest use of each user's windows where nobody is refused, compiled by numba."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, misc"

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True, error_model="numpy")
def peaks(first, time, end, window, ask, used, found):
    """Most that is settled and held in one window as a call asks, its own bound included.

    Calls come by user, each user's in order of time. What ends at a moment is settled before what
    arrives at it.

    Parameters
    ----------
    first : array of shape (users + 1,)
        Where each user's calls begin.
    time, end, window, ask, used : arrays of shape (calls,)
        Microseconds; number of the window; upper bound; what it takes when it ends.
    found : array of shape (users,)
        Written to.
    """
    most = 0
    for user in range(len(found)):
        most = max(most, first[user + 1] - first[user])
    waiting = np.empty(most, np.int64)
    for user in range(len(found)):
        total, peak, count, present = 0, 0, 0, -1
        for call in range(first[user], first[user + 1]):
            if window[call] != present:
                present = window[call]
                total, count = 0, 0
            slot = 0
            while slot < count:
                other = waiting[slot]
                if end[other] <= time[call]:
                    total += used[other] - ask[other]
                    count -= 1
                    waiting[slot] = waiting[count]
                else:
                    slot += 1
            total += ask[call]
            waiting[count] = call
            count += 1
            peak = max(peak, total)
        found[user] = peak
