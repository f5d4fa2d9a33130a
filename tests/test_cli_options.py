"""An option that would do nothing is refused, and a command that could try nothing fails."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from authfsm.cli import app
from authfsm.cli.drawing import _PICTURE

VALUES = {
    "form": ("--format", "svg"), "flow": ("--flow", "USER_SRP_AUTH"), "state": ("--state", "SMS_MFA"),
    "failures": ("--failures",), "rulings": ("--rulings",), "unfolded": ("--unfolded",),
    "history": ("--history", "h.jsonl"), "traffic": ("--traffic", "h.jsonl"), "diff": ("--diff", "a.json", "b.json"),
    "faded": ("--faded", "--settings", "a.json"), "theme": ("--theme", "dark"),
}  # fmt: skip
KEPT = {
    **VALUES, "output": ("-o", "x.svg"), "sequence": ("--sequence",), "html": ("--html", "x.html"),
    "settings": ("--settings", "a.json"), "pool": ("--pool", "p"), "client": ("--client", "c"), "profile": ("--profile", "p"),
    "region": ("--region", "r"), "endpoint-url": ("--endpoint-url", "http://localhost"), "engine": ("--engine", "dot"),
    "save-settings": ("--save-settings", "s.json"),
}  # fmt: skip


def run(*args: str) -> Any:
    """A command."""
    return CliRunner().invoke(app, list(args), env={"COLUMNS": "300", "NO_COLOR": "1"})


def test_every_option_of_a_picture_has_a_row() -> None:
    """The rows below are all of the options that say what a picture shows."""
    assert VALUES.keys() == set(_PICTURE)


@pytest.mark.parametrize("name", VALUES)
def test_a_page_refuses_what_it_does_not_heed(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`draw --html` alone with an option of a picture is a usage error, and writes nothing."""
    monkeypatch.chdir(tmp_path)
    result = run("draw", "--html", "x.html", *VALUES[name])

    assert result.exit_code == 2
    assert "has no effect with --html" in result.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", set(VALUES) - {"flow", "history"})
def test_a_sequence_refuses_what_it_does_not_heed(name: str) -> None:
    """The same of `draw --sequence`."""
    result = run("draw", "--sequence", "--flow", "USER_SRP_AUTH", *VALUES[name])

    assert (result.exit_code, "has no effect with --sequence" in result.stderr) == (2, True)


@pytest.mark.parametrize("mode", ["--check", "--gallery=g"])
@pytest.mark.parametrize("name", KEPT)
def test_the_gallery_refuses_every_other_option(
    name: str, mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gallery is always the same: `--check` and `--gallery` take no option of another picture."""
    monkeypatch.chdir(tmp_path)
    result = run("draw", mode, *KEPT[name])

    assert (result.exit_code, "has no effect with" in result.stderr) == (2, True)
    assert not list(tmp_path.iterdir())


class _Portal(BaseHTTPRequestHandler):
    """Answers everything with a page, or leads elsewhere."""

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", "20")
        self.end_headers()
        self.wfile.write(b"<html>Log in</html>\n")

    do_GET = do_POST = _answer  # noqa: N815 - http.server's names

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Moved(_Portal):
    """Leads everything to a page."""

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(302)
        self.send_header("Location", "/login")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST = _answer  # noqa: N815 - http.server's names


@pytest.fixture(params=[_Portal, _Moved], ids=["a page", "a redirect"])
def portal(request: pytest.FixtureRequest) -> Iterator[str]:
    """A captive portal."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), request.param)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_an_endpoint_that_is_no_cognito_is_a_failure(portal: str) -> None:
    """Where no rule could be tried, conform says so and fails; it does not report success."""
    result = run("conform", "--endpoint", portal, "--rule", "password.*", "-o", "-")

    assert result.exit_code != 0
    assert "authfsm conform: no rule could run at" in result.stderr
    assert json.loads(result.stdout)


def test_a_list_of_rules_takes_no_endpoint() -> None:
    """`conform --list` tries nothing: an endpoint is refused."""
    result = run("conform", "--list", "--endpoint", "http://127.0.0.1:1")

    assert (result.exit_code, "--endpoint has no effect with --list" in result.stderr) == (2, True)
