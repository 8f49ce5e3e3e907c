"""Run a notebook with papermill, and publish what it shows: the only place that runs notebooks.

A failed run publishes nothing and names the cell. ``python -m costsim.report.notebook --all DIR``
runs every bundled notebook as it stands.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from costsim.errors import ReportError, UnknownNameError
from costsim.paths import bundled
from costsim.report.page import check_target, refuse_outside, shell, write_page
from costsim.show.cards import Ribbon
from costsim.show.text import plain
from costsim.whole_files import write_whole

# ipykernel warns about its TCP transport at every start; nobody can act on it here
_QUIET_KERNEL = ["--IPKernelApp.log_level=ERROR"]


def notebook_names() -> list[str]:
    """Names of the bundled notebooks, in their order."""
    return sorted(path.stem for path in bundled("notebooks").glob("[0-9]*.ipynb"))


def find_notebook(name: str | Path) -> Path:
    """Path of a notebook by bundled name (``20_weekly_report``) or path.

    Raises
    ------
    UnknownNameError
        Neither a file nor a bundled name.
    """
    path = Path(name)
    if path.suffix == ".ipynb" and path.is_file():
        return path
    found = bundled("notebooks") / f"{path.name.removesuffix('.ipynb')}.ipynb"
    if not found.is_file():
        raise UnknownNameError("notebook", str(name), notebook_names())
    return found


def run_notebook(
    name: str | Path, out: str | Path, parameters: Mapping[str, Any] | None = None
) -> Path:
    """Execute a notebook with parameters into a file of its own.

    Parameters
    ----------
    name : str or Path
        Bundled name or path.
    out : path
        Notebook to write, outputs included.
    parameters : mapping, optional
        By name; the notebook itself refuses names that it does not have.

    Returns
    -------
    Path
        `out`.

    Raises
    ------
    ReportError
        A cell failed: its number, its first line and the error. Nothing is written.
    """
    import papermill
    from papermill.exceptions import PapermillExecutionError

    source, target = find_notebook(name), check_target(out)
    with tempfile.TemporaryDirectory(prefix="costsim-") as scratch:
        draft = Path(scratch) / "draft.ipynb"
        try:
            papermill.execute_notebook(
                str(source),
                str(draft),
                parameters=dict(parameters or {}),
                kernel_name="python3",
                progress_bar=False,
                extra_arguments=_QUIET_KERNEL,
            )
        except PapermillExecutionError as error:
            raise ReportError(_explain(source, error)) from None
        return write_whole(target, draft.read_bytes())


def _explain(source: Path, error: Any) -> str:
    first = next((line.strip() for line in str(error.source).splitlines() if line.strip()), "")
    return (
        f"{source.name}: cell {error.cell_index + 1} ({first[:60]}) failed with "
        f"{error.ename}: {error.evalue}; nothing was published"
    )


def publish(
    notebook: str | Path,
    out: str | Path,
    *,
    ribbon: Ribbon,
    title: str = "",
    subtitle: str = "",
    made: tuple[tuple[str, str], ...] = (),
) -> Path:
    """What an executed notebook says and shows, without its code, as one offline page.

    Parameters
    ----------
    notebook : path
        With outputs; its first heading is the page's.
    out : path
        Page to write.
    ribbon : Ribbon
        Worn by the page.
    title : str
        Of the browser's tab; the first heading by default.
    subtitle : str
        Said above the first heading, such as the days reported on.
    made : tuple of (name, value)
        How to make it again.

    Raises
    ------
    ReportError
        The notebook shows something that loads from outside or runs a script.
    """
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(  # type: ignore[no-untyped-call]
        template_name="basic",
        exclude_input=True,
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        exclude_anchor_links=True,
        embed_images=True,
    )
    body, _ = exporter.from_filename(str(notebook))
    body = re.sub(r"<script\b.*?</script>", "", body, flags=re.S)
    refuse_outside(body, Path(notebook).name)
    heading = re.search(r"<h1[^>]*>(.*?)</h1>", body, flags=re.S)
    if not title:
        title = re.sub(r"<[^>]+>", "", heading[1]).strip() if heading else Path(notebook).stem
    above = f"<p>{escape(plain(subtitle))}</p>\n" if subtitle else ""
    header = f"<header>\n<div>{ribbon._repr_html_()}</div>\n{above}</header>\n"
    return write_page(shell(title, header, _STYLE + body, ribbon, made), out)


_STYLE = """<style>
.output_png{background:#fff;border:1px solid var(--line);border-radius:6px;padding:12px;
overflow-x:auto;margin:1.1rem 0}.output_png img{display:block;width:100%;min-width:520px;
height:auto}pre{white-space:pre-wrap}h1{margin-bottom:.2rem}h2{margin-top:3rem}
@media (prefers-color-scheme:dark){.output_png{filter:brightness(.92);border-color:transparent}}
@media (max-width:600px){.output_png{padding:6px}}</style>
"""


def _run_all(folder: Path) -> int:
    for name in notebook_names():
        done = run_notebook(name, folder / f"{name}.ipynb")
        sys.stderr.write(f"{done}\n")
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] != "--all":
        sys.exit("usage: python -m costsim.report.notebook --all DIR")
    sys.exit(_run_all(Path(sys.argv[2])))
