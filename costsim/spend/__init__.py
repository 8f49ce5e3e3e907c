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
from costsim.spend.drivers import Drivers, drivers
from costsim.spend.efficiency import Efficiency, efficiency
from costsim.spend.planned import Planned
from costsim.spend.series import Channels, channels, daily, hourly
from costsim.spend.spread import concentration, cost_per_call
from costsim.spend.week import Period, iso_week, last_week, month_to_date, period

__all__ = [
    "Channels",
    "Drivers",
    "Efficiency",
    "Period",
    "Planned",
    "bins",
    "breakdown",
    "by_feature",
    "by_model",
    "by_prompt",
    "by_session",
    "by_tier",
    "by_user",
    "channels",
    "concentration",
    "cost_per_call",
    "daily",
    "drivers",
    "efficiency",
    "hourly",
    "iso_week",
    "last_week",
    "month_to_date",
    "period",
]
