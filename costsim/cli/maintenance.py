"""costsim prices, doctor and lab."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def prices(
    model: Annotated[
        str | None,
        typer.Argument(help="A model, or the beginning of its name.", show_default=False),
    ] = None,
    book: Annotated[str, typer.Option(help="Price book: bundled name or TOML file.")] = "current",
    at: Annotated[
        str | None,
        typer.Option(help="Day, 2024-08-09; today's list by default.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Dollars per million tokens, by model."""
    from costsim.cli.output import day, next_step, print_json, rows
    from costsim.errors import PriceError
    from costsim.prices import load_price_book
    from costsim.show.tables import table_text

    found = load_price_book(book)
    moment = day(at, "--at")
    if moment is None:
        from datetime import UTC, datetime

        moment = datetime.now(UTC).date()
    table = found.to_frame(at=moment)
    if model is not None:
        names = table["model"].str.lower()
        table = table[names.str.startswith(model.lower())]
        if table.empty:
            found.unit(model, at=moment)  # says which names are close
            raise PriceError(f"model must have a price in {found.name!r}; got {model!r}")
    if as_json:
        print_json({"book": found.name, "at": moment, "prices": rows(table)})
        return
    print(table_text(table, max_rows=40))
    print(f"{found!r}, at {moment}")
    next_step("costsim import generic calls.csv --guess --out runs/mine")


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Is everything here that costsim needs? Exit code 1 if not."""
    from costsim.cli.output import next_step, print_json
    from costsim.report.doctor import checks

    found = checks()
    if as_json:
        print_json([{"check": c.name, "ok": c.ok, "detail": c.detail} for c in found])
    else:
        width = max(len(check.name) for check in found)
        for check in found:
            sign = {True: "ok", False: "MISSING", None: "optional"}[check.ok]
            print(f"{check.name:{width}}  {sign:8}  {check.detail}")
        next_step("costsim demo")
    if any(check.ok is False for check in found):
        raise typer.Exit(1)


def lab(
    folder: Annotated[Path, typer.Argument(help="Where the notebooks go.")] = Path("lab"),
    start: Annotated[bool, typer.Option("--start", help="Open JupyterLab there.")] = False,
) -> None:
    """Copy the notebooks to a folder of your own.

    A file that is there is never overwritten.
    """
    from costsim.cli.output import next_step
    from costsim.report.lab import copy_notebooks, start_lab

    done = copy_notebooks(folder)
    for name in done.copied:
        print(f"copied  {folder / name}")
    for name in done.kept:
        print(f"kept    {folder / name} (already there)")
    if start:
        start_lab(folder)
        return
    next_step(f"jupyter lab {folder / '00_start_here.ipynb'}   (or: costsim lab {folder} --start)")
