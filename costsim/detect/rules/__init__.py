"""Rules: alarms that a person can check by hand, one a file."""

from __future__ import annotations

from costsim.detect.rules.feed_silence import FeedSilence
from costsim.detect.rules.fixed_threshold import FixedThreshold
from costsim.detect.rules.litellm import LiteLLMRule
from costsim.detect.rules.new_feature import NewFeature
from costsim.detect.rules.new_user import NewUser
from costsim.detect.rules.sustained_growth import SustainedGrowth
from costsim.detect.rules.user_share import UserShare
from costsim.detect.rules.week_over_week import WeekOverWeek

__all__ = [
    "FeedSilence",
    "FixedThreshold",
    "LiteLLMRule",
    "NewFeature",
    "NewUser",
    "SustainedGrowth",
    "UserShare",
    "WeekOverWeek",
]
