"""README tells the truth: its code runs, its commands are there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import boto3
import pytest
from joserfc.jwk import RSAKey
from typer.main import get_command

from authfsm.cli import app
from authfsm.local import LocalPool
from authfsm.states import State

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def test_the_sign_in_signs_in(
    signing_key: RSAKey, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """README's first code, on an embedded pool: a new password, a mistyped code, the right one, tokens."""
    code = BLOCKS[0]
    password = "correct horse battery staple"
    pool = LocalPool(mfa="ON", mfa_methods=["SMS_MFA"], key=signing_key)
    pool.add_user("ada", password=password, phone_number="+15555550143", temporary=True)
    typed = iter(["Analytical-Engine-1843", "000000", None])

    def answer(prompt: str) -> str:
        given = next(typed)
        assert prompt
        return pool.outbox.code_for("ada") if given is None else given

    monkeypatch.setattr(boto3, "client", lambda _: pool.client())
    monkeypatch.setattr("builtins.input", answer)
    code = code.replace('client_id="..."', f"client_id={pool.client_id!r}")
    code = code.replace("eu-west-1_AbCdEfGhI", pool.pool_id)
    told: dict[str, Any] = {}
    exec(compile(code, "README.md", "exec"), told)  # noqa: S102 - README's own code

    assert password in code
    assert told["flow"].state is State.AUTHENTICATED
    assert "CodeMismatchException" in capsys.readouterr().out


def test_the_pool_answers() -> None:
    """README's second code runs as it stands."""
    told: dict[str, Any] = {}
    exec("from authfsm import Code", told)  # noqa: S102 - the first block's own import
    exec(compile(BLOCKS[1], "README.md", "exec"), told)  # noqa: S102 - README's own code

    assert told["flow"].state is State.AUTHENTICATED


def test_every_command_is_there() -> None:
    """Each `authfsm <command>` that README shows is a command, with the options it is shown with."""
    shown = re.findall(r"^authfsm (\w+)(.*?)(?:#.*)?$", README, re.MULTILINE)
    group: Any = get_command(app)

    assert {name for name, _ in shown} <= set(group.commands)
    for name, words in shown:
        options = {option for each in group.commands[name].params for option in each.opts}
        assert set(re.findall(r"(?<!\w)--?[a-z][a-z-]*", words)) <= options


def test_every_file_is_there() -> None:
    """Each relative link leads somewhere."""
    links = re.findall(r"\]\(([^)#]+)\)", README)
    here = Path(__file__).parent.parent

    assert [link for link in links if "://" not in link and not (here / link).exists()] == []
    assert (here / "tests" / "benchmarks" / "__main__.py").exists()
