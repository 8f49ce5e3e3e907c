"""The calendar month that a launch is judged by: which days are simulated, and in which words."""

from __future__ import annotations

from calendar import monthrange
from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from costsim.simulation.scenario import Scenario


@dataclass(frozen=True)
class LaunchMonth:
    """Days of a scenario by number; each range is its first day and the day after its last.

    `scenario` is the one that was asked for, lasting to the month's end, with nobody on watch.
    `days` are those that are simulated, `month` and `week` those whose dollars are told.
    """

    scenario: Scenario
    days: tuple[int, int]
    month: tuple[int, int]
    week: tuple[int, int]
    words: str

    def range_us(self, days: tuple[int, int]) -> tuple[int, int]:
        """Start and end of a range of days, in microseconds since the scenario's start."""
        calendar = self.scenario.calendar
        return calendar.day_range_us(days[0])[0], calendar.day_range_us(days[1] - 1)[1]


def launch_month(scenario: Scenario) -> LaunchMonth:
    """The calendar month that holds most of a scenario's week, simulated to its end.

    A scenario that ends within the month goes on to the month's end as it stood on its last day:
    what went wrong and has no stated end goes on too, because nobody is assumed to act. A scenario
    that starts within the month cannot be taken back: then the month is the part from its start.

    Examples
    --------
    >>> from costsim.simulation import load_scenario
    >>> month = launch_month(load_scenario("surprise-40k"))
    >>> month.scenario.days, month.month, month.week
    (51, (20, 51), (28, 35))
    >>> print(month.words)
    August 2024, simulated to its end; the scenario ends on 2024-08-15, and what runs then goes on
    """
    week = scenario.focus
    begin = max((week.start - scenario.start).days, 0)
    end = min(begin + week.days, scenario.days)
    of_week = [scenario.start + timedelta(days=day) for day in range(begin, end)]
    year, number = Counter((day.year, day.month) for day in of_week).most_common(1)[0][0]
    first, length = date(year, number, 1), monthrange(year, number)[1]
    start = (first - scenario.start).days
    after = start + length
    name = f"{first:%B %Y}"
    words = [name]
    if start < 0:
        words = [f"{after} of the {length} days of {name}, from the scenario's start on"]
    if after > scenario.days:
        last = scenario.start + timedelta(days=scenario.days - 1)
        words.append(f"simulated to its end; the scenario ends on {last}, and what runs then")
        words[-1] += " goes on"
    month = (max(start, 0), after)
    days = (min(month[0], begin), max(after, end))
    longer = scenario.model_copy(
        update={
            "days": max(days[1], scenario.days),
            "week": week,
            "operations": None,
            "limits": None,
        }
    )
    return LaunchMonth(longer, days, month, (begin, end), ", ".join(words))
