"""Two type checkers read programs that use this package, and find what is wrong in a wrong one."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import indent

import pytest
from conftest import lacking

CACHE = TemporaryDirectory(prefix="authfsm-mypy-")  # removed when the process ends

USAGE = Path(__file__).with_name("typed_usage.py")


def checked(checker: str, program: Path) -> tuple[int, str]:
    """A checker's verdict on a program, run from where the program lies."""
    commands = {
        "mypy": ["mypy", "--strict", "--cache-dir", CACHE.name],
        "pyright": ["pyright", "--pythonpath", sys.executable],
    }
    if checker == "pyright" and shutil.which("node") is None:
        lacking("node, which pyright runs on")
    done = subprocess.run(
        [sys.executable, "-m", *commands[checker], str(program)],
        capture_output=True, text=True, cwd=program.parent, check=False, timeout=300,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_programs_that_use_it_are_well_typed(checker: str, tmp_path: Path) -> None:
    """The installed package ships its types, and they say what the program believes."""
    program = tmp_path / "usage.py"
    program.write_text(USAGE.read_text("utf-8"), "utf-8")

    assert checked(checker, program)[0] == 0, checked(checker, program)[1]


PRELUDE = """
from typing import Any
import pytest
from authfsm import Code, Cognito, Flow, PoolSettings, Secret

class MyApp:
    def __init__(self, client: Any, client_id: str) -> None: ...
    def submit(self, entry: object) -> None: ...
"""
"""What README's blocks use of their surroundings, beside the parameters of `BLOCK`."""

BLOCK = (
    "def block_{}(cognito: Cognito, password: str, code: str, key: Secret[str], redis: Any, token: str,"
    " client: Any, settings: PoolSettings, verifier: Any, flow: Flow, store: Any) -> None:\n"
)


@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_readmes_examples_are_well_typed(checker: str, tmp_path: Path) -> None:
    """Each python block of README passes both checkers as it stands."""
    readme = USAGE.parent.parent.joinpath("README.md").read_text("utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", readme, re.DOTALL | re.MULTILINE)
    program = tmp_path / "readme.py"
    program.write_text(
        PRELUDE
        + "".join(BLOCK.format(number) + indent(block, "    ") for number, block in enumerate(blocks)),
        "utf-8",
    )

    assert len(blocks) >= 7
    assert checked(checker, program)[0] == 0, checked(checker, program)[1]


@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_a_challenge_left_out_is_found(checker: str, tmp_path: Path) -> None:
    """A match without EMAIL_OTP, and a wrong argument: both are told, by name."""
    program = tmp_path / "usage.py"
    text = USAGE.read_text("utf-8")
    wrong = text.replace(" | authfsm.EmailOtp()", "").replace('Code("123456")', "Code(123456)")
    wrong = wrong.replace("page.code(State.AUTHENTICATED)", "page.cody(State.AUTHENTICATED)")
    assert wrong.count("EmailOtp") == text.count("EmailOtp") - 1
    program.write_text(wrong, "utf-8")

    code, told = checked(checker, program)

    assert code == 1
    assert "EmailOtp" in told
    assert '"cody"' in told
    assert '"int"' in told or "Literal[123456]" in told
