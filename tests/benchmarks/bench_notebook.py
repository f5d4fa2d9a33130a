"""The stepper in JupyterLab and Chromium: its cold start, and the time from a click to the new picture.

Run by hand: `python tests/benchmarks/bench_notebook.py`. A cold start is from the run of the cell, its
kernel up and idle, to the picture on the page: import, pool, stepper, display, drawing. A step is from the
click to the second frame after the picture has changed: the message, the step on the pool, the reply, drawing.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))  # the support modules of the tests

from browser import chromium
from jupyter import Lab, jupyterlab, notebook, run_cell
from playwright.sync_api import Page
from rows import Row, milliseconds, show

COLD_BAR, STEP_BAR = 2.0, 0.2
STARTS, STEPS = 3, 20
CELL = """\
from authfsm.notebook import Stepper
from authfsm.local import LocalPool

pool = LocalPool(mfa="ON", mfa_methods=["SMS_MFA", "SOFTWARE_TOKEN_MFA"])
pool.add_user("ada", "Correct-Horse-1", phone_number="+15555550143")
Stepper(pool, "ada", "Correct-Horse-1")"""

CLICK = """(button) => new Promise((resolve) => {
  const root = document.querySelector(".authfsm-stepper"), start = performance.now();
  const seen = new MutationObserver(() => {
    seen.disconnect();
    requestAnimationFrame(() => requestAnimationFrame(() => resolve(performance.now() - start)));
  });
  seen.observe(root, { attributes: true, attributeFilter: ["data-steps"] });
  root.querySelector(`button.${button}`).click();
})"""


def rows() -> list[Row]:
    """Return the measurements of this file."""
    with tempfile.TemporaryDirectory() as folder, jupyterlab(Path(folder) / "lab") as lab:
        starts: list[float] = []
        steps: list[float] = []
        for number in range(STARTS):
            with chromium(Path(folder) / f"profile{number}", width=1200) as shown:
                starts.append(_cold(lab, shown.page, number))
                steps += _steps(shown.page)
    bars = (
        ("cold start of the stepper, kernel up", starts, COLD_BAR),
        ("a step, click to paint", steps, STEP_BAR),
        ("the slowest of them", [max(steps)], STEP_BAR),
    )
    return [
        Row(
            what,
            statistics.median(taken) / bar,
            f"<= 1 ({bar * 1e3:.0f} ms)",
            statistics.median(taken) <= bar,
            milliseconds(taken),
        )
        for what, taken, bar in bars
    ]


def _cold(lab: Lab, page: Page, number: int) -> float:
    with notebook(lab, page, f"cold{number}.ipynb", [CELL]):
        start = time.perf_counter()
        run_cell(page, 0)
        page.wait_for_selector(".authfsm-stepper .picture svg")
        return time.perf_counter() - start


def _steps(page: Page) -> list[float]:
    seconds = []
    for _ in range(STEPS // 4):
        for button in ("step", "step", "back", "back"):
            seconds.append(page.evaluate(CLICK, button) / 1e3)
            page.wait_for_function("!document.querySelector('.authfsm-stepper[aria-busy]')")
    return seconds


if __name__ == "__main__":
    show(rows())
