"""Open notebook 00 in JupyterLab in a real headless browser, run it from the menu, look at it.

``make browser-check`` runs this. It needs Chromium on PATH (on Debian: apt-get install chromium).
A screenshot of the finished notebook lands in runs/browser/.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from playwright.sync_api import Page, sync_playwright

from costsim.report.lab import copy_notebooks

NOTEBOOK = "00_start_here.ipynb"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
FLAGS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
RUN_SECONDS = 240


def main() -> int:
    browser = next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )
    if browser is None:
        print("browser-check needs Chromium on PATH: apt-get install chromium")
        return 2
    shots = Path("runs/browser")
    shots.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="costsim-lab-") as folder:
        copy_notebooks(folder)
        port, token = free_port(), secrets.token_hex(16)
        lab = start(folder, port, token)
        try:
            with sync_playwright() as play:
                chromium = play.chromium.launch(executable_path=browser, args=FLAGS)
                page = chromium.new_page(viewport={"width": 1280, "height": 900})
                check(page, f"http://127.0.0.1:{port}/lab/tree/{NOTEBOOK}?token={token}", shots)
                chromium.close()
        finally:
            lab.terminate()
            lab.wait(timeout=20)
    print(f"ok: {NOTEBOOK} ran from the menu to its end; screens in {shots}")
    return 0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(folder: str, port: int, token: str) -> subprocess.Popen[bytes]:
    """JupyterLab on the loopback address, ready to answer."""
    home = Path(folder) / ".home"
    environment = os.environ | {
        "JUPYTER_CONFIG_DIR": str(home),
        "JUPYTER_DATA_DIR": str(home / "data"),
    }
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        "--no-browser",
        "--ip=127.0.0.1",
        f"--port={port}",
    ]
    command += [
        f"--IdentityProvider.token={token}",
        f"--ServerApp.root_dir={folder}",
        "--allow-root",
    ]
    command += [
        "--expose-app-in-browser",
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    log = (Path("runs/browser") / "lab.log").open("wb")
    lab = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    for _ in range(120):
        try:
            with urlopen(f"http://127.0.0.1:{port}/api?token={token}", timeout=2):
                return lab
        except (URLError, OSError):
            time.sleep(0.5)
    lab.terminate()
    raise SystemExit("JupyterLab did not start; see runs/browser/lab.log")


def check(page: Page, address: str, shots: Path) -> None:
    """Run all cells from the menu; every cell has to finish, none with an error."""
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(address, wait_until="domcontentloaded")
    page.locator(".jp-Notebook h1").first.wait_for(timeout=60_000)
    page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").first.wait_for(timeout=60_000)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    cells = page.evaluate(_COUNT)
    done = time.monotonic() + RUN_SECONDS
    while page.evaluate(_FINISHED) < cells:
        assert not page.locator(
            ".jp-RenderedText[data-mime-type='application/vnd.jupyter.stderr']"
        ).count()
        assert time.monotonic() < done, f"not finished after {RUN_SECONDS} s"
        page.wait_for_timeout(500)
    page.wait_for_timeout(1500)
    state = page.evaluate(_STATE)
    assert state["errors"] == 0, state
    assert state["images"] >= 3, state
    show(page, "replay.card()")
    card = page.locator(".jp-OutputArea-output").filter(has_text="this week: 3.").first
    page.screenshot(path=str(shots / "card.png"))
    text = card.inner_text()
    assert re.search(r"\$\d\d,\d{3} this week: 3\.\dx a usual week", text), text
    assert "SIMULATED" in text
    page.screenshot(path=str(shots / "card.png"))
    for name, code in (
        ("hours", ".hourly_spend()"),
        ("clock", ".burn_clock()"),
        ("study", ".plot()"),
    ):
        show(page, code)
        page.screenshot(path=str(shots / f"{name}.png"))
    assert not problems, problems


def show(page: Page, code: str) -> None:
    """Scroll to the cell that has this code."""
    page.evaluate(_SHOW, code)
    page.wait_for_timeout(1500)


# JupyterLab draws only the cells in view, so the notebook's model is asked, not the screen.
_MODEL = (
    "const w=window.jupyterapp.shell.currentWidget.content;"
    "const c=[...w.model.cells].filter(x=>x.type==='code');"
)
_COUNT = f"() => {{{_MODEL}return c.length}}"
_FINISHED = (
    f"() => {{{_MODEL}return c.filter(x=>x.executionCount!==null"
    "&&x.executionState!=='running').length}"
)
_STATE = f"""() => {{{_MODEL}
const o=c.flatMap(x=>x.outputs.toJSON());
return {{errors:o.filter(x=>x.output_type==='error').length,
images:o.filter(x=>x.data&&x.data['image/png']).length}}}}"""

_SHOW = """code => {const w=window.jupyterapp.shell.currentWidget.content;
const i=[...w.model.cells].findIndex(x=>x.type==='code'&&x.sharedModel.getSource().includes(code));
w.activeCellIndex=i; return w.scrollToItem(i,'start')}"""

if __name__ == "__main__":
    sys.exit(main())
