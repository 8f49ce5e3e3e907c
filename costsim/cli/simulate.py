"""costsim simulate: a scenario into call records."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def simulate(
    scenario: Annotated[str, typer.Argument(help="Bundled name, or a TOML file.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder for the records.", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option(help="Same seed, same bytes.")] = 0,
    days: Annotated[
        int | None, typer.Option(help="Only the first so many days.", show_default=False)
    ] = None,
    limits: Annotated[
        str | None,
        typer.Option(
            help="Limits in force: bundled name, or a TOML file; 'none' for no limits.",
            show_default=False,
        ),
    ] = None,
    engine: Annotated[
        str, typer.Option(help="batch, or event: every call a SimPy process, slow and identical.")
    ] = "batch",
    workers: Annotated[int, typer.Option(help="Threads; never changes a byte.")] = 2,
    describe: Annotated[
        bool, typer.Option("--describe", help="Say what the scenario is, and stop.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Users and launches into a folder of call records."""
    from costsim import spend
    from costsim.cli.output import next_step, print_json, progress, rows
    from costsim.errors import SettingError
    from costsim.show.tables import table_text
    from costsim.simulation import load_scenario
    from costsim.simulation import simulate as run

    wanted = load_scenario(scenario)
    if days is not None:
        wanted = wanted.first_days(days)
    if describe:
        print(wanted.describe())
        next_step(f"costsim simulate {scenario} --seed 7 --out runs/{wanted.name}")
        return
    if out is None:
        raise SettingError(
            f"--out is required: a folder for the records, such as runs/{wanted.name}"
        )
    before = (out / "manifest.json").is_file()
    if limits == "none":
        wanted, limits = wanted.model_copy(update={"limits": None}), None
    with progress(wanted.days, f"simulating {wanted.name}") as bar:
        result = run(
            wanted,
            seed=seed,
            limits=limits,
            out=out,
            workers=workers,
            engine=engine,  # type: ignore[arg-type]  # which says what it must be
            progress=bar.update,
        )
    table = spend.by_feature(result.records)
    if as_json:
        print_json(
            {
                "scenario": wanted.name,
                "scenario_hash": wanted.hash,
                "seed": seed,
                "folder": str(out),
                "calls": len(result.records),
                "total_nano": int(table["total_nano"].sum()),
                "features": rows(table[["feature_name", "calls", "total_usd", "total_nano"]]),
                "incidents": rows(result.incidents),
                "limits": result.records.manifest.limits,
                "decisions": rows(result.decisions),
            }
        )
        return
    if before:
        print(f"The simulated records that were in {out} are replaced.")
    incidents = len(result.incidents)
    print(f"{len(result.records):,} calls, {incidents} incident{'s' * (incidents != 1)}")
    if in_force := result.records.manifest.limits:
        counts = result.decisions.groupby("decision")["attempts"].sum()
        said = ", ".join(f"{word} {count:,}" for word, count in counts.items())
        print(f"Limits {in_force}: {said}")
    print(table_text(table[["feature_name", "calls", "total_usd", "share", "mean_usd", "p95_usd"]]))
    print(f"SIMULATED {wanted.name}, seed {seed}, hash {wanted.hash}, in {out}")
    next_step(f"costsim spend {out} --by user")
