"""When it is too much: one chart a file."""

from __future__ import annotations

from costsim.detect.charts.base import Chart, ChartState
from costsim.detect.charts.cusum import CUSUM
from costsim.detect.charts.cusum_bank import CusumBank
from costsim.detect.charts.ewma import EWMA
from costsim.detect.charts.glr import GLR
from costsim.detect.charts.shewhart import Shewhart

__all__ = ["CUSUM", "EWMA", "GLR", "Chart", "ChartState", "CusumBank", "Shewhart"]
