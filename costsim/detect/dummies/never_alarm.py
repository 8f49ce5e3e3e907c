"""No alarm, ever."""

from __future__ import annotations

from dataclasses import dataclass

from costsim.detect.dummies.constant import Constant


@dataclass(frozen=True)
class NeverAlarm(Constant):
    """Never alarm, at any threshold: what an incident costs when nobody looks.

    Settings are those of `AlwaysAlarm`.

    Notes
    -----
    No threshold wakes it, so it keeps every number of false alarms and misses every incident.

    References
    ----------
    Kim, Choi, Choi, Lee and Yoon, Towards a rigorous evaluation of time-series anomaly detection,
    AAAI 36 (2022): why detectors that know nothing stand beside those that should.

    Examples
    --------
    >>> NeverAlarm().first_alarm([0.0, 1e9], [0, 1]).tolist()
    [-1]
    """

    _VALUE = 0.0
    _WORDS = "no"

    name: str = "never"
