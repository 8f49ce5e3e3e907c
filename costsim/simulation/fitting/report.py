"""The page ``docs/fit.md``: fits of public traces beside their sources (``make fit-report``)."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from costsim.simulation.fit import compare_fit, fit_scenario
from costsim.simulation.fitting.traces import SERVEGEN, TRACES, read_servegen, read_trace

if TYPE_CHECKING:
    import pandas as pd

    from costsim.simulation.fit import Fit

HEAD = """\
# How well a fitted scenario matches its source

Made by `make fit-report TRACES=folder`, from public traces that do not travel with this package:
Azure LLM inference 2023 (CC-BY 4.0; Splitwise, ISCA'24), Mooncake (Apache-2.0; FAST'25) and
ServeGen (Apache-2.0; NSDI'26). `costsim fit DIR --out my.toml` prints the same table for your own
records.

Each table is one fit by `fit_scenario` and one simulation of it, seed 0, by `compare_fit`. A line
is met when the simulated value lies within the tolerance, which is a floor for what a law of few
numbers may miss, and two standard deviations of the measure itself: between draws of the
scenario's hours, between simulated stretches as long as the source, or, for tokens, by the number
of equally busy users that carry the calls. Where a floor is:

- 10% for volume, variation and token quantiles: the fit takes the simplest law of tokens that is
  within 10% of the log;
- 0.05 for autocorrelations;
- 25% for the dispersion of calls in short windows: sessions have two numbers, mean calls and think
  time, for a whole curve of burstiness;
- a factor of two for the largest count, which is one call; 10% where a cap makes it.

## What is compared

- Azure and Mooncake are logs of calls, about an hour each, without users, models or sessions.
  Users, profile and noise are therefore assumed, and those lines are not there.
- ServeGen has no calls: it has rates of each client by ten minutes and quantiles of its tokens by
  six hours. Calls are drawn from both, thinned to 150,000 a model. Hourly totals, shares of
  clients and tokens between and within clients are the trace's; how calls bunch within ten minutes
  is not, and its lines of dispersion say only that nothing was made up. A user is a client.

## What is not met, and why

- *Variation of minutes, azure conversation.* The rate drifts by a factor of two within the hour;
  a scenario's rate changes from one hour to the next. Long sessions could mimic the drift and
  would give single users bursts that nobody had, so the fit keeps it apart and leaves it out. The
  longer window of dispersion of any trace misses for the same reason.
- *Autocorrelation at 168 hours, ServeGen m-large.* Two weeks hold each hour of the week twice:
  what resembles the week before could be a profile, days that drift or chance. The fit shares it
  out by what is likelier, and here finds hardly a profile; the measure's own deviation is 0.2.
- *Tokens by user and their largest counts, ServeGen.* A handful of clients make most calls, and
  the largest have token counts of their own. A scenario draws activity and tokens of a user
  apart. With fewer than thirty users' worth of calls the fit takes the calls' own distribution, so
  that dollars are right on average, and not the users'. One run is then one draw of a few large
  clients: its tolerances are wide, and a line that is met says little.
"""


def page(folder: Path) -> str:
    """The whole page.

    Parameters
    ----------
    folder : Path
        Where the public traces lie.
    """
    return "\n".join([HEAD, *_sections(folder)]) + "\n"


def _sections(folder: Path) -> Iterator[str]:
    for name in (*TRACES, *SERVEGEN):
        whose = name in SERVEGEN
        records = read_servegen(name, folder) if whose else read_trace(name, folder)
        level = "api" if whose else "product"
        fit = fit_scenario(records, level=level, name=name.replace(" ", "-"))
        table = compare_fit(records, fit.scenario)
        title = f"servegen {name}" if whose else name
        met = int(table["ok"].sum())
        yield f"## {title[0].upper()}{title[1:]}\n"
        yield f"{len(records):,} calls, level {level}; {met} of {len(table)} lines are met.\n"
        yield from _found(fit)
        yield from _table(table)


def _found(fit: Fit) -> Iterator[str]:
    """The scenario in a few lines."""
    name, feature = next(iter(fit.scenario.features.items()))
    frame = fit.to_frame().set_index("key")
    laws = []
    for side in ("input", "output"):
        at = f"features.{name}.{side}_tokens"
        rows = [f"{at}.{key}" for key in ("median", "mixture", "quantiles")]
        law = frame.loc[[row for row in rows if row in frame.index], "note"].iloc[0]
        laws.append(f"{side} tokens: {law.partition(';')[0]}")
    noise = fit.scenario.noise
    sure = "assumed" if "noise.hour_sigma" in fit.assumed else "fitted"
    people = fit.scenario.population
    told = "assumed" if "population.users" in fit.assumed else "fitted"
    law = people.activity
    value = law.exponent if law.law == "zipf" else law.log_sd
    yield (
        f"Sessions of {feature.sessions.mean_calls:.3g} calls, "
        f"{feature.sessions.think_seconds:.3g} s apart; {'; '.join(laws)}; noise "
        f"{noise.hour_sigma:.2f} ({noise.hour_phi:.2f} an hour on, {noise.same_hour_phi:.2f} a day "
        f"on), {noise.day_sigma:.2f} by day ({noise.day_phi:.2f} a day on), {sure}; "
        f"{people.users:,} users, {law.law} {value:.2f} ({told}).\n"
    )


def _table(table: pd.DataFrame) -> Iterator[str]:
    yield "| measure | source | simulated | tolerance | met | because of |"
    yield "|---|---:|---:|---:|---|---|"
    for row in table.to_dict("records"):
        shown = [_number(row[key]) for key in ("source", "simulated", "low", "high")]
        yield (
            f"| {row['measure']} | {shown[0]} | {shown[1]} | {shown[2]} to {shown[3]} | "
            f"{'yes' if row['ok'] else '**no**'} | {row['tolerance']} |"
        )
    yield ""


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def main(arguments: list[str]) -> None:
    """Write the page: folder of the traces, and the file."""
    folder, out = (Path(argument) for argument in arguments)
    out.write_text(page(folder), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
