"""costsim compare: detectors at one number of false alarms, on an incident or on all of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer


def compare(
    source: Annotated[
        str,
        typer.Argument(help="A scenario, or 'library' for every incident of the library."),
    ],
    false_alarms: Annotated[
        float,
        typer.Option("--false-alarms-per-month", help="Of each detector; of a suite together."),
    ] = 1.0,
    runs: Annotated[
        int, typer.Option(help="Runs of ordinary life, 16 weeks each, to set thresholds on.")
    ] = 100,
    replicates: Annotated[int, typer.Option(help="Runs of the incident.")] = 200,
    precision: Annotated[
        float | None,
        typer.Option(
            help="Add runs until mean dollars are known within this share.", show_default=False
        ),
    ] = None,
    refitted: Annotated[
        bool,
        typer.Option("--refitted", help="Also STL, MSTL, ETS and GLM baselines; takes minutes."),
    ] = False,
    naming_runs: Annotated[
        int,
        typer.Option(
            help="Runs of call records in which it is looked at what the first alarm names."
        ),
    ] = 0,
    seed: Annotated[int, typer.Option(help="Of the study.")] = 0,
    figure: Annotated[
        Path | None,
        typer.Option(help="Draw operating curves or heat map: a .png.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Every kind of detector and the default suite, calibrated to the same false alarms.

    Thresholds are set on ordinary life with planned launches and campaigns in it, checked on fresh
    runs, and judged on a third set, beside dummies and the limit line.
    """
    import pandas as pd

    from costsim import load_scenario
    from costsim.cli.output import next_step, print_json, print_wrapped, progress, rows
    from costsim.detect import SeriesDetector, Suite, compared_detectors
    from costsim.errors import SettingError
    from costsim.show.figures import png
    from costsim.show.tables import table_text
    from costsim.study import compare_detectors, compare_library
    from costsim.study.compare import default_suite
    from costsim.study.comparison_table import readable
    from costsim.study.library import incident_scenarios
    from costsim.whole_files import write_whole

    if figure is not None and figure.suffix != ".png":
        raise SettingError(f"--figure must end in .png; got {str(figure)!r}")
    names = incident_scenarios() if source == "library" else [source]
    options: dict[str, Any] = {
        "false_alarms_per_month": false_alarms,
        "calibration_runs": runs,
        "replicates": replicates,
        "precision": precision,
        "naming_runs": naming_runs,
        "seed": seed,
    }
    with progress((3 + max(naming_runs, 0)) * len(names), "comparing detectors") as bar:

        def say(words: str) -> None:
            bar.set_description(words)
            bar.update(0 if "more runs" in words else 1)

        if source == "library":
            library = compare_library(refitted=refitted, say=say, **options)
            axes = library.plot() if figure else None
        else:
            scenario = load_scenario(source)
            budget = scenario.monthly_budget_usd
            every = compared_detectors(budget, refitted=refitted)
            watching: list[SeriesDetector | Suite] = [*every, default_suite(budget)]
            found = compare_detectors(scenario, watching, say=say, **options)
            axes = found.plot_curve() if figure else None
    if figure is not None and axes is not None:
        write_whole(figure, png(axes.figure))  # type: ignore[arg-type]
    if source == "library":
        if as_json:
            print_json({"limits": rows(library.limits()), "detectors": rows(library.to_frame())})
            return
        print(table_text(library.limits(), max_rows=100, caption="what can be found at all"))
        wide = library.to_frame().pivot(
            index="detector", columns="scenario", values="burned_median_usd"
        )
        print(table_text(wide.reset_index(), max_rows=100, caption="median USD burned"))
        if naming_runs:
            causes = {
                name: each.counts_right().set_index("detector")["cause_right"]
                for name, each in library.comparisons.items()
            }
            told = pd.DataFrame(causes).rename_axis("detector").reset_index()
            print(table_text(told, max_rows=100, caption="cause named rightly by the first alarm"))
        print(f"SIMULATED the incident library, study seed {seed}")
        next_step("costsim compare surprise-40k   (one incident, with intervals)")
        return
    if as_json:
        print_json(
            {
                "scenario": found.scenario.name,
                "scenario_hash": found.scenario.hash,
                "seed": seed,
                "ordinary_life": found.ordinary.words(),
                "limit": found.limit and found.limit.to_dict(),
                "detectors": rows(found.summary[found.summary["setting"] == "calibrated"]),
                "differences": rows(found.differences()),
                "curve": rows(found.curve),
                "named": None if found.named is None else rows(found.named),
            }
        )
        return
    table = readable(found.shown("calibrated")).drop(columns="setting")
    print(table_text(table, max_rows=100))
    open_ = found.differences()
    tied = open_.loc[~open_["decided"] & open_["usd"].notna(), "detector"].tolist()
    print_wrapped(f"{found.headline}. Not told apart from it: {', '.join(tied) or 'none'}.")
    for note in found.notes:
        print_wrapped(note)
    print(found.ribbon)
    next_step(f"costsim tune {source} --save suite.toml")
