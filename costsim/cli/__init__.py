"""The command line: ``costsim --help``. Each command loads what it needs when it runs."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from costsim.cli.compare import compare
from costsim.cli.demo import demo
from costsim.cli.detect import detect
from costsim.cli.estimate import estimate
from costsim.cli.fit import fit
from costsim.cli.importing import import_
from costsim.cli.init import init
from costsim.cli.limits import app as limits_app
from costsim.cli.maintenance import doctor, lab, prices
from costsim.cli.report import app as report_app
from costsim.cli.scenario import app as scenario_app
from costsim.cli.simulate import simulate
from costsim.cli.spend import spend
from costsim.cli.sweep import sweep
from costsim.cli.tune import tune
from costsim.cli.watch import watch
from costsim.errors import CostsimError
from costsim.paths import package_version


class Stopped(Exception):
    """Ctrl-C, with what a command said of it on the way."""


class _Commands(TyperGroup):
    """Commands whose Ctrl-C reaches :func:`main`; typer would end on it without a word."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise Stopped(str(error)) from None
        except RuntimeError as error:
            from costsim.records.dataset import was_stopped

            if was_stopped(error):
                raise Stopped from None
            raise


app = typer.Typer(
    name="costsim",
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Rehearse your LLM bill before you launch. Begin with: costsim demo",
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"costsim {package_version()}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Rehearse your LLM bill before you launch. Begin with: costsim demo"""


app.command()(demo)
app.command()(init)
app.command()(estimate)
app.add_typer(scenario_app, name="scenario")
app.command()(simulate)
app.command()(sweep)
app.command("import")(import_)
app.command()(fit)
app.command()(spend)
app.command()(detect)
app.command()(tune)
app.command()(compare)
app.command()(watch)
app.add_typer(limits_app, name="limits")
app.add_typer(report_app, name="report")
app.command()(prices)
app.command()(doctor)
app.command()(lab)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; bad input is one line on stderr and exit code 2."""
    try:
        code = app(args=arguments, prog_name="costsim", standalone_mode=False)
    except typer.TyperException as error:
        context = getattr(error, "ctx", None)
        if type(error).__name__ == "NoArgsIsHelpError" and context:
            print(context.get_help())
            sys.exit(2)
        where = context.command_path if context else "costsim"
        message = " ".join(error.format_message().split())
        _fail(f"{where}: {message} (try: {where} --help)" if message else f"try: {where} --help")
    except CostsimError as error:
        _fail(f"costsim: {' '.join(str(error).split())}")
    except (typer.Abort, KeyboardInterrupt, Stopped) as error:
        said = str(error) or "nothing half-written is left"
        print(f"costsim: stopped; {said}", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:  # the reader, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:  # a folder in the way, no right to write, a full disk
        if error.filename is None:
            raise
        _fail(f"costsim: {error.filename}: {error.strerror}")
    sys.exit(code if isinstance(code, int) else 0)


def _fail(line: str) -> None:
    print(line, file=sys.stderr)
    sys.exit(2)
