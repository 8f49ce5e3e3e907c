"""costsim scenario: list, describe, show, add-feature."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from costsim.cli.feature_options import (
    InputTokens,
    MaxInputTokens,
    MaxOutputTokens,
    Passes,
    Provider,
)

app = typer.Typer(
    name="scenario",
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Scenario files: what there is, what one says, a launch added to one.",
)

Name = Annotated[str, typer.Argument(help="Bundled name, or a TOML file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """The bundled scenarios, to simulate or to extend."""
    import pandas as pd

    from costsim.cli.output import next_step, print_json
    from costsim.show.tables import table_text
    from costsim.simulation.scenario_files import scenario_list

    found = scenario_list()
    if as_json:
        print_json(found)
        return
    table = pd.DataFrame(found)[["name", "title", "start"]].astype({"start": "str"})
    print(table_text(table, max_rows=len(table), max_width=42))
    next_step("costsim scenario describe surprise-40k")


@app.command()
def describe(scenario: Name, as_json: AsJson = False) -> None:
    """Everything that a scenario states, in words, and what it is expected to cost."""
    from costsim.cli.output import next_step, print_json
    from costsim.simulation import load_scenario

    found = load_scenario(scenario)
    if as_json:
        print_json(
            {"name": found.name, "hash": found.hash, "scenario": found.model_dump(mode="json")}
        )
        return
    print(found.describe())
    words = ["costsim", "simulate", scenario, "--seed", "7", "--out", f"runs/{found.name}"]
    next_step(shlex.join(words))


@app.command()
def show(scenario: Name) -> None:
    """The TOML of a scenario as it stands in its file: to copy, to change."""
    from costsim.cli.output import next_step
    from costsim.simulation.scenario_files import scenario_text

    print(scenario_text(scenario).rstrip("\n"))
    next_step(shlex.join(["costsim", "scenario", "describe", scenario]))


@app.command("add-feature")
def add_feature(
    scenario: Name,
    name: Annotated[str, typer.Option(help="Of the feature: letters, digits, _ and -.")],
    launch: Annotated[str, typer.Option(help="Local time of the scenario, 2026-12-04T14:00.")],
    model: Annotated[
        str | None,
        typer.Option(help="In the scenario's price book; with --from its own.", show_default=False),
    ] = None,
    provider: Provider = None,
    input_tokens: InputTokens = None,
    output_tokens: Annotated[str | None, typer.Option(help="Likewise.", show_default=False)] = None,
    staging: Annotated[
        Path | None,
        typer.Option(
            "--from",
            help="Records of a staging run: tokens from its calls of --name.",
            show_default=False,
        ),
    ] = None,
    users: Annotated[int | None, typer.Option(help="Who use it.", show_default=False)] = None,
    calls_per_user_day: Annotated[
        float | None,
        typer.Option(help="Of each, on a day of the profile's weight 1.", show_default=False),
    ] = None,
    calls_per_week: Annotated[
        float | None, typer.Option(help="Of all users, in place of both.", show_default=False)
    ] = None,
    adoption_days: Annotated[
        int | None,
        typer.Option(help="First uses spread over so many days.", show_default=False),
    ] = None,
    bass: Annotated[
        str | None,
        typer.Option(help="Spread by diffusion, p,q a day: 0.03,0.38.", show_default=False),
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(help="When they work; office by default.", show_default=False),
    ] = None,
    cached_share: Annotated[float, typer.Option(help="Of the input, read from the cache.")] = 0.0,
    passes: Passes = 1,
    max_input_tokens: MaxInputTokens = None,
    max_output_tokens: MaxOutputTokens = None,
    out: Annotated[
        Path | None,
        typer.Option(help="A new file; NAME-FEATURE.toml for a bundled one.", show_default=False),
    ] = None,
    in_place: Annotated[
        bool, typer.Option("--in-place", help="Change the file itself, comments kept.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """A launch into a scenario file; its text and comments stay as they are.

    A bundled scenario is left alone: a new file extends it.
    """
    from costsim.cli.output import next_step, print_json
    from costsim.errors import SettingError
    from costsim.simulation import load_scenario
    from costsim.simulation.add_feature import NewFeature, feature_toml
    from costsim.simulation.add_feature import add_feature as add
    from costsim.simulation.new_feature import average_day
    from costsim.simulation.staging import read_staged

    staged = None if staging is None else read_staged(staging, name)
    chosen = model if model is not None or staged is None else staged.model
    if chosen is None:
        raise SettingError("give --model, or --from with the calls of a staging run")
    feature = NewFeature(
        name=name,
        model=chosen,
        launch=launch,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        users=users,
        calls_per_user_day=calls_per_user_day,
        calls_per_week=calls_per_week,
        adoption_days=adoption_days,
        bass=_pair(bass),
        profile=profile,
        provider=provider,
        cached_share=cached_share,
        passes=passes,
        max_input_tokens=max_input_tokens,
        max_output_tokens=max_output_tokens,
        staged=staged,
    )
    known = load_scenario(scenario)
    tables = feature_toml(feature, known)
    path = add(scenario, feature, out=out, in_place=in_place)
    if as_json:
        print_json({"file": str(path), "feature": name, "toml": tables})
        return
    print(tables)
    print(f"\n{name} is in {path}. {average_day(feature, known)}".rstrip())
    next_step(
        shlex.join(["costsim", "simulate", str(path), "--seed", "7", "--out", f"runs/{path.stem}"])
    )


def _pair(text: str | None) -> tuple[float, float] | None:
    from costsim.errors import SettingError

    if text is None:
        return None
    try:
        p, q = map(float, text.split(","))
    except ValueError:
        raise SettingError(f"--bass must be p,q such as 0.03,0.38; got {text!r}") from None
    return p, q
