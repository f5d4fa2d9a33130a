"""`authfsm demo` runs five sign-ins, shows each step, and draws each path."""

from __future__ import annotations

import subprocess
import sys
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner
from rich.console import Console

from authfsm.cli import app
from authfsm.cli.demo import NEW_PASSWORD, PASSWORD, STORIES, play_stories


def test_every_story_ends_with_tokens_and_a_picture(tmp_path: Path) -> None:
    """Five sign-ins finish; each leaves a well-formed SVG with the names of its states."""
    console = Console(file=StringIO(), width=80)

    assert play_stories(tmp_path, console=console) is True

    output = console.file.getvalue()  # type: ignore[attr-defined]  # a StringIO
    assert output.count("✓ tokens") == len(STORIES) == 5
    assert "5 of 5 sign-ins finished" in output
    for story in STORIES:
        assert story.title in output
        picture = tmp_path / f"{story.name}.svg"
        ET.parse(picture)  # noqa: S314 - our own picture
        assert "AUTHENTICATED" in picture.read_text(encoding="utf-8")


def test_the_stories_show_their_steps(tmp_path: Path) -> None:
    """The output shows a wrong code, a weak password, a device and a custom challenge."""
    console = Console(file=StringIO(), width=80)
    play_stories(tmp_path, console=console)
    output = console.file.getvalue()  # type: ignore[attr-defined]  # a StringIO

    for text in (
        "retry: CodeMismatchException",
        "retry: InvalidPasswordException",
        "SMS to +*******0143",
        "DEVICE_PASSWORD_VERIFIER",
        "verify_software_token",
        "Up, but never down",
    ):
        assert text in output


def test_no_secret_is_printed_or_drawn(tmp_path: Path) -> None:
    """Neither the output nor a picture has a password."""
    console = Console(file=StringIO(), width=120)
    play_stories(tmp_path, console=console)
    output = console.file.getvalue()  # type: ignore[attr-defined]  # a StringIO
    pictures = "".join(path.read_text(encoding="utf-8") for path in tmp_path.iterdir())

    assert [secret for secret in (PASSWORD, NEW_PASSWORD) if secret in output + pictures] == []


def test_the_exit_status_of_the_command(tmp_path: Path) -> None:
    """`authfsm demo` exits with 0 when every sign-in finished, and says which folder cannot be written."""
    result = CliRunner().invoke(app, ["demo", "--out", str(tmp_path / "sign-ins")])

    assert result.exit_code == 0
    assert len(list((tmp_path / "sign-ins").glob("*.svg"))) == 5
    (tmp_path / "file").touch()
    result = CliRunner().invoke(app, ["demo", "--out", str(tmp_path / "file" / "sign-ins")])
    assert (result.exit_code, "cannot be written" in result.output) == (1, True)


def test_a_failed_story_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused sign-in is shown in red, the others continue, and the exit status is 1."""
    monkeypatch.setattr("authfsm.cli.demo.PASSWORD", "wrong")  # the users are made with it as well
    monkeypatch.setattr("authfsm.local.LocalPool.add_user", lambda *_, **__: None)

    result = CliRunner().invoke(app, ["demo", "--out", str(tmp_path)])

    assert result.exit_code == 1
    assert "0 of 5 sign-ins finished" in result.output
    assert "RefusedUser" in result.output


def test_python_m_authfsm_is_the_command() -> None:
    """`python -m authfsm --help` lists the command `demo`."""
    result = subprocess.run([sys.executable, "-m", "authfsm", "--help"], check=True, capture_output=True, text=True)

    assert "demo" in result.stdout
