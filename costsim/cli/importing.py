"""costsim import: foreign logs become records."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from costsim.errors import SettingError


def import_(
    format: Annotated[
        str, typer.Argument(help="What wrote the files: azure, burstgpt, generic, litellm.")
    ],
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...",
            help="Files, folders or patterns; CSV, JSON, JSON Lines, Parquet, also .gz.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="Records folder: new, or one to add to.")],
    columns: Annotated[
        str | None,
        typer.Option(
            "--map",
            help="model=deployment,input_tokens=prompt_toks (ours=theirs), or a TOML file.",
            show_default=False,
        ),
    ] = None,
    guess: Annotated[
        bool, typer.Option("--guess", help="Propose a map; use it only when it is sure.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse everything when one row is refused.")
    ] = False,
    model: Annotated[
        str | None, typer.Option(help="Model of calls that name none.", show_default=False)
    ] = None,
    feature: Annotated[
        str | None, typer.Option(help="Feature of calls that name none.", show_default=False)
    ] = None,
    user: Annotated[
        str | None, typer.Option(help="User of calls that name none.", show_default=False)
    ] = None,
    provider: Annotated[
        str | None, typer.Option(help="Provider of calls that name none.", show_default=False)
    ] = None,
    environment: Annotated[
        str | None, typer.Option(help="Environment of calls that name none.", show_default=False)
    ] = None,
    time_zone: Annotated[
        str | None,
        typer.Option(
            help="IANA zone of the product's people; UTC for a new folder.", show_default=False
        ),
    ] = None,
    naive_time_zone: Annotated[
        str, typer.Option(help="IANA zone of times in the files that carry none.")
    ] = "UTC",
    start: Annotated[
        str | None,
        typer.Option(help="Day 0 of times that count from one, 2024-01-01.", show_default=False),
    ] = None,
    budget: Annotated[
        float | None, typer.Option(help="Monthly budget in US$, for reports.", show_default=False)
    ] = None,
    prices: Annotated[
        str | None,
        typer.Option(
            help="Price book, by name or TOML file; 'current' for a new folder.",
            show_default=False,
        ),
    ] = None,
    key_env: Annotated[
        str | None,
        typer.Option(
            "--pseudonymise-key-env",
            metavar="NAME",
            help="Environment variable with the secret that replaces user ids.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the receipt as JSON.")] = False,
) -> None:
    """Real calls into a folder of call records.

    Ends with a receipt of what was kept, refused and cannot be known.
    """
    from tqdm import tqdm

    from costsim.cli.output import print_json
    from costsim.records.importing import import_records

    key = _secret(key_env)
    hidden = not sys.stderr.isatty()
    with tqdm(desc="rows", unit="", unit_scale=True, disable=hidden, leave=False, delay=0.5) as bar:
        receipt = import_records(
            format,
            sources,
            out,
            map=columns,
            guess=guess,
            strict=strict,
            model=model,
            feature=feature,
            user=user,
            provider=provider,
            environment=environment,
            price_book=prices,
            time_zone=time_zone,
            naive_time_zone=naive_time_zone,
            start=start,
            monthly_budget_usd=budget,
            pseudonymise_key=key,
            progress=bar.update,
        )
    if as_json:
        print_json(receipt.to_dict())
    else:
        print(receipt)


def _secret(name: str | None) -> str | None:
    """The value of an environment variable: a secret has no place on a command line."""
    if name is None:
        return None
    value = os.environ.get(name)
    if not value:
        raise SettingError(f"--pseudonymise-key-env must name a variable that is set; got {name!r}")
    return value
