"""Two type checkers accept programs that use this package, and find the errors of a wrong one."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import indent

import pytest
from conftest import lacking

USAGE = Path(__file__).with_name("typed_usage.py")

PRELUDE = """
from typing import Any
import authfsm

class MyApp:
    def __init__(self, client: Any, client_id: str) -> None: ...
    def submit(self, entry: object) -> None: ...
"""
"""The names that README's blocks use, beside the parameters of `BLOCK`."""

BLOCK = (
    "def block_{}(cognito: authfsm.Cognito, password: str, code: str, key: authfsm.Secret[str], redis: Any, token: str,"
    " client: Any, verifier: Any, flow: authfsm.Flow, store: Any) -> None:\n"
)


def readme_program() -> str:
    """Return README's Python blocks as functions of one program."""
    readme = USAGE.parent.parent.joinpath("README.md").read_text("utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", readme, re.DOTALL | re.MULTILINE)
    assert len(blocks) >= 7
    return PRELUDE + "".join(BLOCK.format(n) + indent(block, "    ") for n, block in enumerate(blocks))


def wrong_program() -> str:
    """Return the usage without EMAIL_OTP in its match, with a wrong argument and a wrong name."""
    text = USAGE.read_text("utf-8")
    wrong = text.replace(" | authfsm.EmailOtp()", "").replace('Code("123456")', "Code(123456)")
    wrong = wrong.replace("page.code(State.AUTHENTICATED)", "page.cody(State.AUTHENTICATED)")
    assert wrong.count("EmailOtp") == text.count("EmailOtp") - 1
    return wrong


@pytest.fixture(scope="module", params=["mypy", "pyright"])
def errors(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the errors that a checker finds in each program; it reads all programs at once."""
    folder = tmp_path_factory.mktemp("programs")
    programs = {"usage": USAGE.read_text("utf-8"), "readme": readme_program(), "wrong": wrong_program()}
    for name, text in programs.items():
        (folder / f"{name}.py").write_text(text, "utf-8")
    commands = {
        "mypy": ["mypy", "--strict", "--cache-dir", str(USAGE.parent.parent / ".mypy_cache")],
        "pyright": ["pyright", "--pythonpath", sys.executable],
    }
    if request.param == "pyright" and shutil.which("node") is None:
        lacking("node, which pyright runs on")
    process = subprocess.run(
        [sys.executable, "-m", *commands[request.param], *(f"{name}.py" for name in programs)],
        capture_output=True, text=True, cwd=folder, check=False, timeout=300,
    )  # fmt: skip
    assert process.returncode == 1, process.stdout + process.stderr
    lines = [line for line in process.stdout.splitlines() if re.search(r"\berror\b", line)]
    errors_by_program = {name: [line for line in lines if f"{name}.py:" in line] for name in programs}
    assert sum(map(len, errors_by_program.values())) == sum(".py:" in line for line in lines), lines
    return {name: "\n".join(each) for name, each in errors_by_program.items()}


def test_programs_that_use_it_are_well_typed(errors: dict[str, str]) -> None:
    """The installed package ships its types, and programs that use it pass both checkers."""
    assert not errors["usage"]


def test_readmes_examples_are_well_typed(errors: dict[str, str]) -> None:
    """Each Python block of README passes both checkers."""
    assert not errors["readme"]


def test_a_challenge_left_out_is_found(errors: dict[str, str]) -> None:
    """Both checkers report a match without EMAIL_OTP, and a wrong argument."""
    assert "EmailOtp" in errors["wrong"]
    assert '"cody"' in errors["wrong"]
    assert '"int"' in errors["wrong"] or "Literal[123456]" in errors["wrong"]
