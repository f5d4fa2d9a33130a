"""Every notebook runs from top to bottom with no AWS account, and prints what it says it prints."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from notebooks_anew import NOTEBOOKS, read, run, text

EVERY = sorted(NOTEBOOKS.glob("*.ipynb"))
SMALL = 200 * 1024  # bytes of one notebook, its pictures included


def outputs(notebook: Any) -> list[Any]:
    """What each cell shows."""
    return [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]


def test_there_are_seven() -> None:
    """They are numbered, in the order they are to be read."""
    assert [path.name[:2] for path in EVERY] == [f"{number}-" for number in range(1, 8)]


@pytest.mark.parametrize("path", EVERY, ids=lambda path: path.stem)
def test_it_runs_and_says_what_it_said(path: Path) -> None:
    """Under a minute, the same outputs as committed; `python tests/notebooks_anew.py` writes them anew."""
    begun = time.monotonic()
    anew = run(path)

    assert time.monotonic() - begun < 60
    assert outputs(anew) == outputs(read(path))
    assert text(anew) == path.read_text("utf-8")


@pytest.mark.parametrize("path", EVERY, ids=lambda path: path.stem)
def test_it_is_small_and_begins_with_what_it_is_for(path: Path) -> None:
    """A title, a purpose, a picture or a table somewhere, and little to carry around."""
    notebook = read(path)
    first = notebook.cells[0].source

    assert path.stat().st_size <= SMALL
    assert first.startswith("# ")
    assert "**What for.**" in first
    kinds = {kind for shown in outputs(notebook) for each in shown for kind in each.get("data", {})}
    assert kinds & {"image/svg+xml", "text/html"} or "![" in first
