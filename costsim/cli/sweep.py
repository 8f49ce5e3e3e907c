"""costsim sweep: the same weeks under several sets of limits."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

SHOWN = ["total_usd", "week_usd", "denied", "blocked_users_share", "worst_user_usd"]


def sweep(
    scenario: Annotated[str, typer.Argument(help="Bundled name, or a TOML file.")],
    limits: Annotated[
        str,
        typer.Option(
            help="Limits to compare, by name or TOML file, comma between; 'none' for no limits. "
            "The others are compared with the first.",
        ),
    ],
    seeds: Annotated[int, typer.Option(help="Runs of each: seeds 0, 1, 2, ...")] = 20,
    days: Annotated[
        int | None, typer.Option(help="Only the first so many days.", show_default=False)
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(help="Processes; all cores by default.", show_default=False)
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Keep the records in a folder for each run.", show_default=False),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print runs and summary as JSON.")
    ] = False,
) -> None:
    """Many runs under several sets of limits, compared in pairs.

    All sets see the same demand in each run, so that few runs tell them apart.
    """
    from joblib import parallel_config

    from costsim.cli.output import next_step, print_json, progress, rows
    from costsim.errors import SettingError
    from costsim.show.tables import table_text
    from costsim.simulation import load_scenario
    from costsim.study import sweep as run

    names = [name.strip() for name in limits.split(",") if name.strip()]
    if not names:
        raise SettingError(f"--limits must name at least one set of limits; got {limits!r}")
    stems = [Path(name).stem if name.endswith(".toml") else name for name in names]
    if len(set(stems)) < len(stems):
        raise SettingError(f"--limits must name each set once; got {limits!r}")
    for option, value in (("--seeds", seeds), ("--jobs", 1 if jobs is None else jobs)):
        if value < 1:
            raise SettingError(f"{option} must be at least 1; got {value}")
    wanted = load_scenario(scenario)
    if days is not None:
        wanted = wanted.first_days(days)
    variants = {
        stem: {"limits": None if name == "none" else name}
        for stem, name in zip(stems, names, strict=True)
    }
    with (
        progress(seeds * len(names), f"simulating {wanted.name}") as bar,
        parallel_config(n_jobs=-1 if jobs is None else jobs),
    ):
        found = run(wanted, variants, seeds=range(seeds), out=out, progress=bar.update)
    summary = found.summary()
    if as_json:
        known = {"scenario": wanted.name, "scenario_hash": wanted.hash, "seeds": found.seeds}
        folder = None if out is None else str(out)
        tables = {"summary": rows(summary), "runs": rows(found.runs)}
        print_json(known | {"folder": folder} | tables)
        return
    means = summary.pivot(index="variant", columns="measure", values="mean")[SHOWN]
    print(table_text(means.loc[list(found.variants)].reset_index(), caption="means of the runs"))
    if len(names) > 1:
        apart = summary[(summary["measure"] == "total_usd") & (summary["variant"] != stems[0])]
        columns = ["difference", "difference_low", "difference_high"]
        table = apart[["variant", *columns]].rename(
            columns={name: f"{name}_usd" for name in columns}
        )
        print(table_text(table, caption=f"total in pairs with {stems[0]}, 95% interval"))
    print(found.ribbon)
    if out is not None:
        next_step(f"costsim spend {out / stems[-1] / 'seed-0'}")
    else:
        next_step(f"costsim sweep {scenario} --limits {limits} --out runs/{wanted.name}-sweep")
