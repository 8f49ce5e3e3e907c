"""Options of commands that ask what a feature's calls are like."""

from __future__ import annotations

from typing import Annotated

import typer

InputTokens = Annotated[
    str | None,
    typer.Option(
        help="Of a call: 2000, or p10,p90 as 2000,50000, or p50=2000,p90=50000.",
        show_default=False,
    ),
]
Provider = Annotated[
    str | None, typer.Option(help="Who bills, where several do.", show_default=False)
]
Passes = Annotated[int, typer.Option(help="Calls that one request makes.")]
MaxInputTokens = Annotated[
    int | None, typer.Option(help="Where the product cuts the input.", show_default=False)
]
MaxOutputTokens = Annotated[
    int | None, typer.Option(help="max_tokens of its calls.", show_default=False)
]
