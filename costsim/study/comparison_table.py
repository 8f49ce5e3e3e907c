"""A comparison's table as it is read: an estimate and its bounds in one cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from costsim.show.formats import UNKNOWN, number, share, usd
from costsim.study.named_causes import RIGHT

if TYPE_CHECKING:
    import pandas as pd

NAMED = dict(zip(RIGHT, ("feature named", "cause named", "user named"), strict=True))


def readable(rows: pd.DataFrame) -> pd.DataFrame:
    """Text a cell, a row a detector.

    Parameters
    ----------
    rows : pandas.DataFrame
        As :meth:`costsim.study.comparison.Comparison.shown` gives it.

    Examples
    --------
    >>> import pandas as pd
    >>> row = dict(detector="z", false_alarms_per_month=0.98, fa_low=0.8, fa_high=1.2,
    ...            delay_median_h=1.0, delay_mean_h=1.25, delay_p90_h=2.0, caught_within_1h=0.9,
    ...            caught_within_1h_low=0.8, caught_within_4h=1.0, caught_within_4h_low=0.95,
    ...            missed=0.0, burned_median_usd=40.0, burned_p90_usd=80.0, early=0.1,
    ...            false_before_launch=0.2)
    >>> found = readable(pd.DataFrame([row])).iloc[0]
    >>> found["false alarms a month"], found["within 1 h"], found["left out"]
    ('0.98 (0.80 to 1.2)', '90%, ≥ 80%', '30%')
    """
    import pandas as pd

    return pd.DataFrame([_cells(row) for row in rows.to_dict("records")])


def _cells(row: dict[Any, Any]) -> dict[str, str]:
    known = row["burned_median_usd"] == row["burned_median_usd"]
    low, high = number(row["fa_low"], 2), number(row["fa_high"], 2)
    cells = {
        "detector": row["detector"],
        "false alarms a month": f"{number(row['false_alarms_per_month'], 2)} ({low} to {high})",
        "delay h: median, mean, p90": ", ".join(
            number(row[f"delay_{kind}_h"], 2) for kind in ("median", "mean", "p90")
        ),
        **{
            f"within {hours} h": f"{share(row[name])}, ≥ {share(row[f'{name}_low'])}"
            if known
            else UNKNOWN
            for hours in (1, 4)
            for name in (f"caught_within_{hours}h",)
        },
        "missed": share(row["missed"]),
        "burned: median, p90": f"{usd(row['burned_median_usd'])}, {usd(row['burned_p90_usd'])}"
        if known
        else UNKNOWN,
        "left out": share(row["early"] + row["false_before_launch"]),
    }
    if "setting" in row:
        cells = {"detector": cells.pop("detector"), "setting": row["setting"], **cells}
    for name, words in NAMED.items():
        if name in row:
            cells[words] = row[name] if isinstance(row[name], str) else UNKNOWN
    return cells
