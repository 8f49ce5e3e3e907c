"""An alarm in every hour."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from costsim.detect.dummies.constant import Constant


@dataclass(frozen=True)
class AlwaysAlarm(Constant):
    """Alarm in every known hour, at any threshold: the least delay there is, at any price.

    Parameters
    ----------
    limit : float
        Has no effect, because the statistic is infinite; above 0.
    name : str
        How tables and alarms call it.
    channel : str
        Which series it pretends to read.

    Raises
    ------
    SettingError
        A setting is outside its bounds.

    Notes
    -----
    No threshold calms it (but infinity), so it cannot be calibrated to a number of false alarms.

    References
    ----------
    Kim, Choi, Choi, Lee and Yoon, Towards a rigorous evaluation of time-series anomaly detection,
    AAAI 36 (2022): why detectors that know nothing stand beside those that should.

    Examples
    --------
    >>> AlwaysAlarm().first_alarm([0.0, 0.0], [0, 1], start=1).tolist()
    [1]
    """

    _VALUE = inf
    _WORDS = "every"

    name: str = "always"
