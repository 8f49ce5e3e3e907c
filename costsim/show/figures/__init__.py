"""The only place that draws: frames in, axes out, alt text attached.

Every function takes a frame and keywords, draws on ``ax`` or on a figure of its own, and returns
the axes, which show themselves in a notebook. Nothing here knows who made the frame.
"""

from costsim.show.figures.accounting import cap_overshoot
from costsim.show.figures.blocked import blocked_hours
from costsim.show.figures.burn import burn_clock
from costsim.show.figures.detectors import detector_comparison
from costsim.show.figures.distribution import cost_distribution
from costsim.show.figures.drivers import spend_drivers
from costsim.show.figures.duty import duty_dollars
from costsim.show.figures.frontier import limits_frontier
from costsim.show.figures.header import alt_text
from costsim.show.figures.heat import detector_heat
from costsim.show.figures.incident_library import incident_gallery, incident_panels
from costsim.show.figures.kept import kept_shares
from costsim.show.figures.limits import limits_effect
from costsim.show.figures.month import month_to_date
from costsim.show.figures.operating import operating_curve, operating_curves
from costsim.show.figures.parts import breakdown, concentration, cost_per_call
from costsim.show.figures.picture import png, svg
from costsim.show.figures.runs import burned_runs
from costsim.show.figures.series import autocorrelation, decomposition
from costsim.show.figures.spend import daily_spend, hourly_spend
from costsim.show.figures.style import page_width
from costsim.show.figures.tornado import tornado
from costsim.show.figures.variants import variant_runs
from costsim.show.figures.watched import watched

__all__ = [
    "alt_text",
    "autocorrelation",
    "blocked_hours",
    "breakdown",
    "burn_clock",
    "burned_runs",
    "cap_overshoot",
    "concentration",
    "cost_distribution",
    "cost_per_call",
    "daily_spend",
    "decomposition",
    "detector_comparison",
    "detector_heat",
    "duty_dollars",
    "hourly_spend",
    "incident_gallery",
    "incident_panels",
    "kept_shares",
    "limits_effect",
    "limits_frontier",
    "month_to_date",
    "operating_curve",
    "operating_curves",
    "page_width",
    "png",
    "spend_drivers",
    "svg",
    "tornado",
    "variant_runs",
    "watched",
]
