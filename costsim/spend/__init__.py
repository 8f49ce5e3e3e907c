"""Where the money goes: the cube, breakdowns, series and efficiency."""

from costsim.spend.bins import bins
from costsim.spend.breakdown import (
    breakdown,
    by_feature,
    by_model,
    by_prompt,
    by_session,
    by_tier,
    by_user,
)
from costsim.spend.efficiency import Efficiency, efficiency
from costsim.spend.series import Channels, channels, daily, hourly

__all__ = [
    "Channels",
    "Efficiency",
    "bins",
    "breakdown",
    "by_feature",
    "by_model",
    "by_prompt",
    "by_session",
    "by_tier",
    "by_user",
    "channels",
    "daily",
    "efficiency",
    "hourly",
]
