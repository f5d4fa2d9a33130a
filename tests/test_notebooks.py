"""Every notebook runs from top to bottom with no AWS account, and prints what it says it prints."""

from __future__ import annotations

import re
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


def test_there_are_eight() -> None:
    """They are numbered, in the order they are to be read."""
    assert [path.name[:2] for path in EVERY] == [f"{number}-" for number in range(1, 9)]


SOLUTIONS = {
    "1": ('("FAILED", 2)', '("SMS_MFA", 2)'),
    "2": ("128", "127"),
    "3": (
        '{"SELECT_CHALLENGE", "SELECT_MFA_TYPE", "EMAIL_OTP", "SMS_OTP", "WEB_AUTHN"}',
        '{"SELECT_CHALLENGE"}',
    ),
    "4": ("attrs.evolve(settings, device_configuration=True)", "settings"),
    "5": ('"SealMissing"', '"SealExpired"'),
    "6": ("{State.NEW_PASSWORD_REQUIRED}", "State.SMS_MFA"),
    "7": ('"confirm_forgot_password"', '"forgot_password"'),
    "8": (
        "pool_description | {'UserPoolClient': {'PreventUserExistenceErrors': 'ENABLED'}}",
        "pool_description",
    ),
}
"""For each notebook a right answer to its exercise, and a wrong one."""


def exercise(path: Path) -> str:
    """Return the cell of a notebook's exercise."""
    [found] = [each.source for each in read(path).cells if "\nexercise(" in each.source]
    return str(found)


@pytest.mark.parametrize("path", EVERY, ids=lambda path: path.stem)
def test_it_runs_and_says_what_it_said(path: Path) -> None:
    """Under a minute, the same outputs as committed; the exercise tells a right answer from a wrong one.

    `python tests/notebooks_anew.py` writes them anew.
    """
    begun = time.monotonic()
    answered = [
        re.sub(r"(?m)^answer = \.\.\..*", f"answer = {each}", exercise(path))
        for each in SOLUTIONS[path.name[0]]
    ]
    anew = run(path, answered)
    right, wrong = ("".join(each.get("text", "") for each in cell.outputs) for cell in anew.cells[-2:])
    del anew.cells[-2:]

    assert time.monotonic() - begun < 60
    assert outputs(anew) == outputs(read(path))
    assert text(anew) == path.read_text("utf-8")
    assert right.endswith("Right.\n")
    assert "Not right yet. Hint: " in wrong


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
