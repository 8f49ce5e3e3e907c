"""costsim fit: a scenario from your own records."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def fit(
    folder: Annotated[Path, typer.Argument(help="Folder of records.")],
    out: Annotated[Path, typer.Option(help="TOML file for the scenario.")],
    level: Annotated[
        str,
        typer.Option(help="What is assumed where the records cannot tell: product or api."),
    ] = "product",
    name: Annotated[
        str | None, typer.Option(help="Of the scenario; the file's by default.", show_default=False)
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a file that is there.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Of the simulation to compare with.")] = 0,
    compare: Annotated[
        bool, typer.Option("--compare/--no-compare", help="Simulate it beside the records.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """A scenario from your own records, and how well it matches them."""
    from costsim import read_records
    from costsim.cli.output import next_step, print_json, rows
    from costsim.errors import DatasetError
    from costsim.show.tables import table_text
    from costsim.simulation.fit import compare_fit, fit_scenario

    if out.exists() and not overwrite:  # before the work, not after
        raise DatasetError(f"{out} is there already; --overwrite replaces it")
    records = read_records(folder)
    found = fit_scenario(records, level=level, name=name or out.stem)
    table = compare_fit(records, found.scenario, seed) if compare else None
    found.write(out, overwrite=overwrite)
    if as_json:
        print_json(
            {
                "scenario": found.scenario.name,
                "scenario_hash": found.scenario.hash,
                "file": str(out),
                "calls": len(records),
                "parameters": rows(found.to_frame()),
                "comparison": None if table is None else rows(table),
            }
        )
        return
    fitted = len(found.parameters) - len(found.assumed)
    print(
        f"{len(records):,} records, {fitted} values fitted, {len(found.assumed)} assumed in {out}"
    )
    for key in found.assumed:
        print(f"  assumed: {key}")
    if table is not None:
        shown = ["measure", "of", "source", "simulated", "low", "high", "ok"]
        print(table_text(table[shown], max_rows=200))
        missed = int((~table["ok"]).sum())
        print(f"{len(table) - missed} of {len(table)} measures within tolerance")
    next_step(f"costsim simulate {out} --seed 7 --out runs/{found.scenario.name}")
