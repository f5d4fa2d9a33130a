"""Every notebook runs from top to bottom without an AWS account, with the committed outputs."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest
from rerun_notebooks import NOTEBOOKS, read, run, text

ALL_NOTEBOOKS = sorted(NOTEBOOKS.glob("*.ipynb"))
MAX_BYTES = 200 * 1024  # bytes of one notebook, its pictures included


def outputs(notebook: Any) -> list[Any]:
    """Return the outputs of each cell."""
    return [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]


def test_there_are_eight_notebooks() -> None:
    """The eight notebooks are numbered in reading order."""
    assert [path.name[:2] for path in ALL_NOTEBOOKS] == [f"{number}-" for number in range(1, 9)]


SELECTING = '{"SELECT_CHALLENGE", "SELECT_MFA_TYPE", "EMAIL_OTP", "SMS_OTP", "WEB_AUTHN"'
SOLUTIONS: dict[str, dict[str, str]] = {
    "1": {
        '("FAILED", 2)': "",
        '("SMS_MFA", 2)': "SMS_MFA comes only after a proof that the pool accepts",
        '("PASSWORD_VERIFIER", 2)': "goes through PASSWORD_VERIFIER, but does not end there",
        '("FAILED", 1)': "sent, and refused, in a request of its own",
        '("FAILED", 3)': "no further request is sent",
        '"FAILED"': "the answer must be the name of a state and a number of steps, as",
    },
    "2": {
        "128": "",
        "127": "writes 127 as 7f: the first bit of its first byte is not set",
        "255": "a smaller number gets a zero byte too",
        "0": "0 is not positive",
        '"0x80"': "the answer must be a whole number, as 17",
    },
    "3": {
        SELECTING + "}": "",
        '{"SELECT_CHALLENGE"}': "4 of the 5 are missing",
        SELECTING + ', "SMS_MFA"}': "SMS_MFA does not accept Select; it accepts Code.",
        '{"SMS"}': 'as {"SMS_MFA", "EMAIL_OTP"}; checking yours raised ValueError',
    },
    "4": {
        "attrs.evolve(settings, device_configuration=True)": "",
        "settings": "you changed nothing; DEVICE_SRP_AUTH is still impossible: DeviceConfiguration is not set.",
        'attrs.evolve(settings, mfa_configuration="ON")': "you changed mfa_configuration; DEVICE_SRP_AUTH is",
        'attrs.evolve(settings, device_configuration=True, mfa_configuration="ON")': "one field is enough",
    },
    "5": {
        '"SealMissing"': "",
        '"SealExpired"': "SealExpired has another meaning: ",
        '"SealLost"': "the answer must be the name of a class of authfsm",
    },
    "6": {
        "{State.NEW_PASSWORD_REQUIRED}": "",
        "{State.SMS_MFA}": "SMS_MFA does not accept it; its triggers are code",
        "set()": "a state is missing: the one whose challenge asks for a new password",
    },
    "7": {
        '"confirm_forgot_password"': "",
        '"forgot_password"': "after forgot_password the status is RESET_REQUIRED",
        '"admin_set_user_password"': "is an operation of administrators",
        '"sign_up"': "the answer must be the name of a trigger",
    },
    "8": {
        "pool_description | {'UserPoolClient': {'PreventUserExistenceErrors': 'ENABLED'}}": "",
        "pool_description": "user-existence is still found, because PreventUserExistenceErrors is LEGACY",
        "better_description": "you changed UserPool, MfaConfig too: the app client is enough",
    },
}
"""For each notebook, answers to its exercise, with a part of the explanation if they are wrong."""


def exercise(path: Path) -> str:
    """Return the cell of a notebook's exercise."""
    [found] = [each.source for each in read(path).cells if "\nexercise(" in each.source]
    return str(found)


@pytest.mark.parametrize("path", ALL_NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_with_the_committed_outputs(path: Path) -> None:
    """A notebook runs in under a minute with the committed outputs, and its exercise assesses answers.

    `python tests/rerun_notebooks.py` writes them anew.
    """
    start = time.monotonic()
    solutions = SOLUTIONS[path.name[0]]
    cells = [re.sub(r"(?m)^answer = \.\.\..*", f"answer = {each}", exercise(path)) for each in solutions]
    anew = run(path, cells)
    printed = ["".join(each.get("text", "") for each in cell.outputs) for cell in anew.cells[-len(cells) :]]
    del anew.cells[-len(cells) :]

    assert time.monotonic() - start < 60
    assert outputs(anew) == outputs(read(path))
    assert text(anew) == path.read_text("utf-8")
    for answer, why, shown in zip(solutions, solutions.values(), printed, strict=True):
        assert ("Not right yet: " in shown and why in shown) if why else shown.endswith("Right.\n"), (answer, shown)


@pytest.mark.parametrize("path", ALL_NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_small_and_begins_with_its_purpose(path: Path) -> None:
    """A notebook is small, and begins with a title and its purpose."""
    notebook = read(path)
    first = notebook.cells[0].source

    assert path.stat().st_size <= MAX_BYTES
    assert first.startswith("# ")
    assert "**What for.**" in first
    kinds = {kind for shown in outputs(notebook) for each in shown for kind in each.get("data", {})}
    assert kinds & {"image/svg+xml", "text/html"} or "![" in first
