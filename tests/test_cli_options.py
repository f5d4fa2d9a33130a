"""An option that would have no effect is refused, and a command that could check nothing fails."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import botocore.session
import click
import pytest
from click.testing import CliRunner
from test_traces_wrappers import ILLEGAL

from authfsm import __version__
from authfsm.cli import COMMANDS, app, load_command
from authfsm.cli.command import Failed, refuse_region
from authfsm.cli.draw import PICTURE_OPTIONS

VALUES = {
    "output_format": ("--format", "svg"), "flow": ("--flow", "USER_SRP_AUTH"), "state": ("--state", "SMS_MFA"),
    "failures": ("--failures",), "actions": ("--actions",), "unfolded": ("--unfolded",),
    "overview": ("--overview",), "label": ("--label", "SMS_MFA=Code"),
    "history": ("--history", "h.jsonl"), "traffic": ("--traffic", "h.jsonl"), "diff": ("--diff", "a.json", "b.json"),
    "faded": ("--faded", "--settings", "a.json"), "theme": ("--theme", "dark"), "picture": ("--picture",),
    "animated": ("--animated", "--history", "h.jsonl"),
}  # fmt: skip
ALL_OPTIONS = {
    **VALUES, "output": ("-o", "x.svg"), "sequence": ("--sequence",), "html": ("--html", "x.html"),
    "settings": ("--settings", "a.json"), "pool-id": ("--pool-id", "p"), "client-id": ("--client-id", "c"), "profile": ("--profile", "p"),
    "region": ("--region", "r"), "endpoint-url": ("--endpoint-url", "http://localhost"), "engine": ("--engine", "dot"),
    "save-settings": ("--save-settings", "s.json"),
}  # fmt: skip


def run(*args: str) -> Any:
    """Run a command."""
    return CliRunner().invoke(app, list(args), env={"COLUMNS": "300", "NO_COLOR": "1"})


def test_every_option_of_a_picture_has_a_row() -> None:
    """The rows below name every option that decides what a picture shows."""
    assert VALUES.keys() == set(PICTURE_OPTIONS)


@pytest.mark.parametrize("name", set(VALUES) - {"diff"})
def test_a_page_refuses_options_without_effect(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`draw --html` alone with an option of a picture is a usage error, and writes nothing."""
    monkeypatch.chdir(tmp_path)
    result = run("draw", "--html", "x.html", *VALUES[name])

    assert result.exit_code == 2
    assert "has no effect with --html" in result.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", set(VALUES) - {"flow", "history", "output_format", "theme", "label", "picture"})
def test_a_sequence_refuses_options_without_effect(name: str) -> None:
    """`draw --sequence` with an option that it ignores is a usage error."""
    result = run("draw", "--sequence", "--flow", "USER_SRP_AUTH", *VALUES[name])

    assert (result.exit_code, "has no effect with --sequence" in result.stderr) == (2, True)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full exists on Linux only")
@pytest.mark.parametrize(
    "command",
    [
        "--help", "--version", "check", "check -f sarif", "check --help", "draw --flow USER_SRP_AUTH -o -", "explain SMS_MFA",
        "paths --json", "serve --print-config", "trace --sql duckdb", "capture {file}", "signin --help",
    ],
)  # fmt: skip
def test_output_that_cannot_be_written(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """If the disk behind standard output is full, each command fails with one line and status 1."""
    (tmp_path / "file").write_text("{}", encoding="utf-8")
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        monkeypatch.setattr(sys, "stdout", full)
        with pytest.raises(SystemExit) as ended:
            app(command.format(file=tmp_path / "file").split(), prog_name="authfsm")

    assert ended.value.code == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == "authfsm: standard output cannot be written: No space left on device"


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("where", ["socket", "output", "flushed output", "large output", "binary output"])
def test_a_broken_pipe(where: str, unbuffered: str) -> None:
    """A closed pipe of standard output ends a command without a message; a closed connection is not taken for one.

    After an error of a connection, standard output has nothing but the command's output.
    """
    send = "a, b = socket.socketpair(); b.close(); a.send(b'x'); a.send(b'x')"
    statements = {
        "socket": f"print('the output'); {send}", "output": "print('x')", "flushed output": "print('x', flush=True)",
        "large output": "print('x' * 2**20)", "binary output": "sys.stdout.buffer.write(b'x' * 2**20)",
    }  # fmt: skip
    program = (
        "import socket, sys\nfrom authfsm.cli import app, paths\n"
        f"def run(self):\n    {statements[where]}\n    return 0\npaths.Paths.run = run\napp(['paths'])\n"
    )
    reader, writer = os.pipe()
    if where != "socket":
        os.close(reader)
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    done_ = subprocess.run(
        [sys.executable, "-c", program], stdout=writer, stderr=subprocess.PIPE, env=environment, check=False
    )

    message = "authfsm paths: a connection or a file failed: [Errno 32] Broken pipe\n"
    assert (done_.returncode, done_.stderr.decode()) == (1, message if where == "socket" else "")
    if where == "socket":
        assert os.read(reader, 100) == b"the output\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full exists on Linux only")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("size", [1, 2**20])
def test_a_full_disk_behind_the_output(size: int, unbuffered: str) -> None:
    """The message names standard output whether or not Python buffered what could not be written."""
    program = (
        "import sys\nfrom authfsm.cli import app, paths\n"
        f"def run(self):\n    print('x' * {size})\n    return 0\npaths.Paths.run = run\napp(['paths'])\n"
    )
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done_ = subprocess.run(
            [sys.executable, "-c", program], stdout=full, stderr=subprocess.PIPE, check=False,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        )  # fmt: skip
    message = b"authfsm: standard output cannot be written: No space left on device\n"
    assert (done_.returncode, done_.stderr) == (1, message)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full exists on Linux only")
def test_a_full_disk_that_is_not_the_output(monkeypatch: pytest.MonkeyPatch) -> None:
    """If another file cannot be written, the message does not say that it is standard output."""

    def fill(_: object) -> int:
        with Path("/dev/full").open("w", encoding="utf-8") as file:
            file.write("x")
        return 0

    monkeypatch.setattr("authfsm.cli.paths.Paths.run", fill)
    result = run("paths")
    message = "authfsm paths: a connection or a file failed: [Errno 28] No space left on device\n"
    assert (result.exit_code, result.stderr) == (1, message)


def test_closed_output(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A command whose standard output is closed (`>&-`) fails and says so."""
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(SystemExit) as ended:
        app(["check"], prog_name="authfsm")

    assert ended.value.code == 1
    assert "standard output is closed" in capsys.readouterr().err


def test_version() -> None:
    """`authfsm --version` prints the package's version."""
    assert run("--version").stdout == f"authfsm {__version__}\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_empty_value(name: str) -> None:
    """No option and no argument accepts an empty text or file name, which is what an unset shell variable leaves."""
    checked = 0
    for each in load_command(name).params:
        if isinstance(each.type, click.Path | click.types.StringParamType):
            option = [each.opts[0]] if isinstance(each, click.Option) else []
            result = run(name, *option, *[""] * abs(each.nargs))
            assert (result.exit_code, "the value is empty" in result.stderr) == (2, True), each.opts
            checked += 1
    assert checked >= 1


@pytest.mark.parametrize("issuer", ["foo", "", "http://a b"])
def test_an_issuer_in_a_configuration(issuer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An issuer in the file of `serve --config` must be a URL, as that of --issuer; the message names the file."""
    monkeypatch.setattr("authfsm.cli.serve.listen", lambda *_: pytest.fail("a socket was opened"))
    path = tmp_path / "pool.toml"
    path.write_text(f"issuer = {issuer!r}\n", encoding="utf-8")
    result = run("serve", "--config", str(path))
    message = f"issuer in {path} must be an http or https URL, not {issuer!r}"
    assert (result.exit_code, result.stderr) == (2, f"authfsm serve: {message}\n")


@pytest.mark.parametrize("region", ["nowhere", "EU-WEST-1", "eu_west_1", "eu-west-1 ", "https://x"])
@pytest.mark.parametrize("command", ["check", "draw -o -", "paths", "signin --client-id c"])
def test_a_region_that_cannot_exist(command: str, region: str) -> None:
    """A name without the form of AWS's regions is a usage error; other endpoints' regions need not have this form."""
    options = (*command.split(), "--pool-id", "eu-west-1_AbCdEfGhI", "--region", region)
    result = run(*options)
    message = f"--region must be the name of a region of AWS, such as eu-west-1, not {region!r}"
    assert (result.exit_code, message in result.stderr) == (2, True), result.output
    assert message not in run(*options, "--endpoint-url", "http://127.0.0.1:9").output


@pytest.mark.parametrize("region", ["a b", "-x", "1", "x" * 64])
@pytest.mark.parametrize("command", ["check", "paths", "signin --client-id c", "conform"])
def test_a_region_that_no_endpoint_can_have(command: str, region: str) -> None:
    """With an endpoint, a region that cannot be a part of a host name is a usage error, which names the option."""
    options = ("--pool-id", "eu-west-1_AbCdEfGhI", "--endpoint-url", "http://127.0.0.1:9", "--region", region)
    result = run(*command.split(), *options)
    message = f"--region must be the name of a region, such as eu-west-1, not {region!r}"
    assert (result.exit_code, message in result.stderr) == (2, True), result.output


def test_every_known_region_is_allowed() -> None:
    """Every region that botocore knows has the form that --region must have, and so has one that it does not know."""
    session = botocore.session.get_session()
    known = [
        region
        for partition in session.get_available_partitions()
        for region in session.get_available_regions("cognito-idp", partition, allow_non_regional=False)
    ]
    assert "us-gov-west-1" in known
    for region in [*known, "eusc-de-east-1", "us-isob-east-1", "mx-central-9"]:
        refuse_region(SimpleNamespace(region=region, endpoint_url=None))


def test_a_label_that_is_given_twice() -> None:
    """Two labels for one name are a usage error, because only one can be drawn."""
    result = run("draw", "-o", "-", "--label", "SMS_MFA=a", "--label", "SMS_MFA=b=c", "--label", "EMAIL_OTP=a")
    message = "--label has SMS_MFA twice: give one text for it"
    assert (result.exit_code, message in result.stderr) == (2, True)


class _Portal(BaseHTTPRequestHandler):
    """A server that answers each request with a page, or redirects it."""

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", "20")
        self.end_headers()
        self.wfile.write(b"<html>Log in</html>\n")

    do_GET = do_POST = _answer  # noqa: N815 - http.server's names

    def log_message(self, *_: object) -> None:
        """Log nothing."""


class _Moved(_Portal):
    """A server that redirects each request to a page."""

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(302)
        self.send_header("Location", "/login")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST = _answer  # noqa: N815 - http.server's names


@pytest.fixture(params=[_Portal, _Moved], ids=["a page", "a redirect"])
def portal(request: pytest.FixtureRequest) -> Iterator[str]:
    """Run a captive portal."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), request.param)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_an_endpoint_that_is_no_cognito_is_a_failure(portal: str) -> None:
    """If no rule could be checked, `conform` fails and says so."""
    result = run("conform", "--endpoint-url", portal, "--rule", "password.*", "-o", "-")

    assert result.exit_code != 0
    assert "authfsm conform: every rule was skipped or not supported at" in result.stderr
    assert json.loads(result.stdout)


def test_a_list_of_rules_takes_no_endpoint() -> None:
    """`conform --list` with an endpoint is a usage error, because it checks nothing."""
    result = run("conform", "--list", "--endpoint-url", "http://127.0.0.1:1")

    assert (result.exit_code, "--endpoint-url has no effect with --list" in result.stderr) == (2, True)


# ---- every option of every command ---------------------------------------------------------------------------

POOL = ("--pool-id", "eu-west-1_a")
OF_A_POOL = {
    "settings": ((), ("--settings", "a.json")), "pool_id": ((), POOL), "client_id": (POOL, ("--client-id", "c")),
    "profile": (POOL, ("--profile", "p")), "region": (POOL, ("--region", "r")),
    "endpoint_url": (POOL, ("--endpoint-url", "http://127.0.0.1:1")),
}  # fmt: skip
ENDPOINT = ("--endpoint-url", "http://127.0.0.1:1")
DOT_TO_STDOUT = ("-o", "-", "-f", "dot")
CHANGES: dict[str, dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "capture": {
        "name": ((), ("c.json",)), "output": (("c.json",), ("-o", "x.json")), "keep": (("c.json",), ("--keep", "SomeWord")),
    },
    "check": {
        **OF_A_POOL, "output_format": ((), ("-f", "json")), "output": ((), ("-o", "x.txt")),
        "fail_on": (("--settings", "a.json"), ("--fail-on", "never")), "diagram": (("--settings", "a.json"), ("--diagram", "d")),
    },
    "conform": {
        "endpoint_url": ((), ENDPOINT), "compare": ((), ("--compare", "a=http://127.0.0.1:1")), "pool_id": (ENDPOINT, ("--pool-id", "p")),
        "client_id": ((*ENDPOINT, "--pool-id", "p"), ("--client-id", "c")), "codes": (ENDPOINT, ("--codes", "fixed:123456")),
        "region": (ENDPOINT, ("--region", "r")), "profile": (ENDPOINT, ("--profile", "nobody")), "rule": ((), ("--rule", "srp.*")),
        "list_": ((), ("--list",)), "timeout": ((), ("--timeout", "5")), "output": ((), ("-o", "x.txt")),
    },
    "demo": {"out": ((), ("--out", "w")), "pause": ((), ("--pause", "1"))},
    "draw": {
        **{name: ((*DOT_TO_STDOUT, *before), option) for name, (before, option) in OF_A_POOL.items()},
        "output": (("--state", "SMS_MFA"), ("-o", "x.dot")), "output_format": (("-o", "-"), ("-f", "dot")),
        "flow": (DOT_TO_STDOUT, ("--flow", "USER_SRP_AUTH")), "state": (DOT_TO_STDOUT, ("--state", "SMS_MFA")), "failures": (DOT_TO_STDOUT, ("--failures",)),
        "actions": (DOT_TO_STDOUT, ("--actions",)), "unfolded": (DOT_TO_STDOUT, ("--unfolded",)), "overview": (DOT_TO_STDOUT, ("--overview",)), "label": (DOT_TO_STDOUT, ("--label", "SMS_MFA=Code")), "history": (DOT_TO_STDOUT, ("--history", "h.jsonl")),
        "traffic": (DOT_TO_STDOUT, ("--traffic", "h.jsonl")), "sequence": (("--flow", "USER_SRP_AUTH", "-o", "-"), ("--sequence",)),
        "html": (DOT_TO_STDOUT, ("--html", "x.html")), "save_settings": ((*DOT_TO_STDOUT, "--settings", "a.json"), ("--save-settings", "s.json")),
        "diff": (DOT_TO_STDOUT, ("--diff", "a.json", "b.json")), "faded": ((*DOT_TO_STDOUT, "--settings", "a.json"), ("--faded",)),
        "theme": (DOT_TO_STDOUT, ("--theme", "dark")), "picture": (("--state", "SMS_MFA", "-o", "x.svg"), ("--picture",)), "animated": (("--history", "h.jsonl", "-o", "x.svg"), ("--animated",)), "engine": (("-o", "x.svg", "--state", "SMS_MFA"), ("--engine", "nonsense")),
    },
    "explain": {"name": ((), ("SMS_MFA",)), "json": (("SMS_MFA",), ("--json",))},
    "paths": {
        **OF_A_POOL, "diff": ((), ("--diff", "a.json", "b.json")), "through": ((), ("--through", "SMS_MFA")),
        "shortest": ((), ("--shortest",)), "longest": ((), ("--longest",)), "contradictory": ((), ("--contradictory",)),
        "no_device": ((), ("--no-device",)), "limit": ((), ("--limit", "1")), "json": (("--settings", "a.json"), ("--json",)),
    },
    "serve": {
        "host": ((), ("--host", "h")), "port": ((), ("--port", "0")), "state": ((), ("--state", "s.json")), "config": ((), ("--config", "c.json")),
        "issuer": ((), ("--issuer", "i")), "allow_host": ((), ("--allow-host", "h")), "cors": ((), ("--cors", "*")), "is_open": ((), ("--open",)),
        "accept": ((), ("--accept", "all")), "print_config": ((), ("--print-config",)),
    },
    "signin": {
        "demo": (("--local",), ("sms",)), "client_id": ((), ("--client-id", "c")), "pool_id": ((), ("--pool-id", "p")),
        "region": ((), ("--region", "r")), "endpoint_url": ((), ("--endpoint-url", "http://127.0.0.1:1")), "profile": ((), ("--profile", "p")),
        "admin": ((), ("--admin",)), "username": ((), ("-u", "ada")), "flow": ((), ("--flow", "CUSTOM_AUTH")),
        "preferred": ((), ("--preferred", "EMAIL_OTP")), "password_first": ((), ("--password-first",)),
        "password_stdin": ((), ("--password-stdin",)), "remember": ((), ("--remember",)), "json": ((), ("--json",)),
        "show_tokens": (("--json",), ("--show-tokens",)), "output": ((), ("-o", "x")), "keyring": ((), ("--keyring",)), "local": ((), ("--local",)),
    },
    "trace": {
        "names": ((), ("e.jsonl",)), "json": (("e.jsonl",), ("--json",)), "diagram": (("e.jsonl",), ("--diagram", "x.dot")),
        "sql": ((), ("--sql", "duckdb")), "table": (("--sql", "duckdb"), ("--table", "t")), "limit": (("e.jsonl",), ("--limit", "0")),
        "validity": (("--sql", "duckdb"), ("--validity", "3")), "memory": (("e.jsonl",), ("--memory", "nonsense")),
    },
}  # fmt: skip
"""For each option: a command line, and the arguments with the option that change the command's result."""

REFUSED_COMMANDS = (
    ("signin", ("--local", "--client-id", "c"), "--client-id has no effect with --local"),
    ("signin", ("--local", "--pool-id", "p"), "--pool-id has no effect with --local"),
    ("signin", ("--local", "--region", "r"), "--region has no effect with --local"),
    ("signin", ("--local", "--endpoint-url", "http://127.0.0.1:1"), "--endpoint-url has no effect with --local"),
    ("signin", ("--local", "--profile", "p"), "--profile has no effect with --local"),
    ("signin", ("--show-tokens",), "--show-tokens has no effect without --json"),
    ("signin", ("--flow", "SRP"), "--flow must be one of USER_SRP_AUTH, USER_PASSWORD_AUTH,"),
    ("signin", ("--preferred", "SRP"), "--preferred must be one of PASSWORD_SRP, PASSWORD, EMAIL_OTP, SMS_OTP,"),
    ("paths", ("--shortest", "--limit", "3"), "--limit has no effect with --shortest"),
    ("paths", ("--longest", "--limit", "3"), "--limit has no effect with --longest"),
    ("paths", ("--diff", "a.json", "b.json", "--json", "--limit", "3"), "--limit has no effect with --diff and --json"),
    ("trace", ("--sql", "duckdb", "--json"), "--json has no effect with --sql"),
    ("trace", ("--sql", "duckdb", "--diagram", "x.svg"), "--diagram has no effect with --sql"),
    ("trace", ("--sql", "duckdb", "--limit", "3"), "--limit has no effect with --sql"),
    ("trace", ("--sql", "duckdb", "--memory", "1GB"), "--memory has no effect with --sql"),
    ("trace", ("e.jsonl", "--table", "t"), "--table requires --sql"),
)  # fmt: skip


def parameters() -> set[tuple[str, str]]:
    """Every command with every option and argument that it declares."""
    return {(name, str(each.name)) for name in COMMANDS for each in load_command(name).params}


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files of the rows; network access and serving are replaced by printing."""

    def printed(*args: object, **options: object) -> Any:
        raise Failed(f"called with {args} {options}")

    def said(*args: object, **options: object) -> int:
        sys.stdout.write(f"{args} {options}\n")
        return 0

    for module, name, stub in (
        ("pool_descriptions", "PoolOptions._fetch", printed), ("conform", "_run", printed), ("conform", "ensure_reachable", lambda _: None),
        ("demo", "Demo.run", said), ("serve", "Serve.run", said), ("signin", "Signin._sign_in", lambda self, _: said(self)),
    ):  # fmt: skip
        monkeypatch.setattr(f"authfsm.cli.{module}.{name}", stub)
    monkeypatch.chdir(tmp_path)
    for name, mfa in ("a.json", "OFF"), ("b.json", "ON"):
        parts = {"UserPool": {"MfaConfiguration": mfa}, "UserPoolClient": {}, "MfaConfig": {"MfaConfiguration": mfa}}
        (tmp_path / name).write_text(json.dumps(parts))
    (tmp_path / "c.json").write_text('{"ChallengeName": "SMS_MFA", "Other": "SomeWord"}')
    (tmp_path / "e.jsonl").write_text("".join(f"{json.dumps(each)}\n" for each in ILLEGAL))
    (tmp_path / "h.jsonl").write_text(
        '{"step": 1, "from": "START", "response": "user_srp_auth", "to": "PASSWORD_VERIFIER"}\n'
    )
    (tmp_path / "d").mkdir()
    return tmp_path


def done(folder: Path, *args: str) -> tuple[object, ...]:
    """Return the result of a command: its exit status, its output, and the files that it leaves."""
    before = set(folder.rglob("*"))
    result = run(*args)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    new = sorted(set(folder.rglob("*")) - before)
    return result.exit_code, result.stdout, result.stderr, tuple(str(each) for each in new)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_repeats_their_help(name: str) -> None:
    """`authfsm --help` has the first sentence of each command's own help."""
    assert str(load_command(name).help).splitlines()[0] == COMMANDS[name]


def test_every_option_has_a_row() -> None:
    """Each option has a row that shows what it changes."""
    assert {(command, name) for command, rows in CHANGES.items() for name in rows} == parameters()


@pytest.mark.parametrize(("command", "name"), [(command, name) for command, rows in CHANGES.items() for name in rows])
def test_an_option_changes_what_its_command_does(command: str, name: str, files: Path) -> None:
    """With the option, the status, the output or the files differ."""
    without, with_option = CHANGES[command][name]

    assert done(files, command, *without) != done(files, command, *without, *with_option)


@pytest.mark.parametrize(("command", "args", "why"), REFUSED_COMMANDS)
@pytest.mark.usefixtures("files")
def test_an_option_that_would_do_nothing_is_refused(command: str, args: tuple[str, ...], why: str) -> None:
    """A combination in which an option would be ignored is a usage error that names the option."""
    result = run(command, *args)

    assert (result.exit_code, why in result.stderr) == (2, True), result.stderr


PRINTING_OPTIONS = {
    "conform": (("--list",), {"list_", "rule"}),
    "serve": (("--print-config",), {"print_config"}),
    "trace": (("--sql", "duckdb"), {"sql", "table", "validity"}),
}  # fmt: skip
"""The options with which a command only prints something, and the names of those that change what it prints."""


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (command, name)
        for command, (_, used) in PRINTING_OPTIONS.items()
        for name in CHANGES[command]
        if name not in used
    ],
)
def test_a_command_that_only_prints_refuses_all_other_options(command: str, name: str) -> None:
    """With an option that prints something and ends the command, an option without effect is a usage error."""
    result = run(command, *PRINTING_OPTIONS[command][0], *CHANGES[command][name][1])

    assert (result.exit_code, result.stdout) == (2, ""), result.stderr


def test_an_option_with_its_default_is_refused_too() -> None:
    """An option that has no effect is refused whatever its value is, and the message has its name on the command line."""
    result = run("trace", "--sql", "duckdb", "--limit", "20")
    assert (result.exit_code, "--limit has no effect with --sql" in result.stderr) == (2, True)
    result = run("serve", "--print-config", "--open")
    assert (result.exit_code, "--open has no effect with --print-config" in result.stderr) == (2, True)


# ---- files that cannot be read -------------------------------------------------------------------------------

READING_COMMANDS = {
    "capture FILE": ("capture", "FILE"), "check --settings": ("check", "--settings", "FILE"),
    "draw --settings": ("draw", "-o", "-", "--settings", "FILE"), "draw --history": ("draw", "-o", "-", "--history", "FILE"),
    "draw --traffic": ("draw", "-o", "-", "--traffic", "FILE"), "draw --diff A": ("draw", "-o", "-", "--diff", "FILE", "a.json"),
    "draw --diff B": ("draw", "-o", "-", "--diff", "a.json", "FILE"), "paths --settings": ("paths", "--settings", "FILE"),
    "paths --diff A": ("paths", "--diff", "FILE", "a.json"), "paths --diff B": ("paths", "--diff", "a.json", "FILE"),
    "trace FILE": ("trace", "FILE"), "serve --config": ("serve", "--port", "0", "--config", "FILE"),
    "serve --config TOML": ("serve", "--port", "0", "--config", "FILE.toml"), "serve --state": ("serve", "--port", "0", "--state", "FILE"),
}  # fmt: skip
UNREADABLE = {
    "empty": b"", "text": b"these are words, and no JSON: {\n", "binary": bytes(range(256)) * 4, "deep": b"[" * 100_000,
    "a number": b"1", "null": b"null", "gzip": b"\x1f\x8b\x08nonsense", "a folder": None, "missing": None,
}  # fmt: skip


READABLE = {
    # A state file that is not there is made, and to SQLite a file of no or one byte is a database with nothing in it.
    ("serve --state", "missing"), ("serve --state", "empty"), ("serve --state", "a number"),
    # No settings, as TOML; and a value that can be made neutral, as JSON.
    ("serve --config TOML", "empty"), ("capture FILE", "a number"), ("capture FILE", "null"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("reads", "content"), [pair for pair in product(READING_COMMANDS, UNREADABLE) if pair not in READABLE]
)
def test_a_file_that_cannot_be_read_is_a_failure(
    reads: str, content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command fails with a sentence about the file, and no traceback."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.json").write_text('{"UserPool": {"MfaConfiguration": "OFF"}}')
    args = [each.replace("FILE", "given") for each in READING_COMMANDS[reads]]
    path = tmp_path / next(each for each in args if each.startswith("given"))
    data = UNREADABLE[content]
    if data is not None:
        path.write_bytes(data)
    elif content == "a folder":
        path.mkdir()

    result = run(*args)

    assert isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code in {1, 2}
    assert "given" in result.stderr + result.stdout * (args[0] == "trace")
    assert "Traceback" not in result.stderr


def test_an_interrupt_while_a_command_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C before the command runs has the exit status 130 too, not that of a failure, and prints nothing."""

    def interrupt(_: str) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr("authfsm.cli.import_module", interrupt)
    result = CliRunner().invoke(app, ["draw"])
    assert (result.exit_code, result.output) == (130, "")


@pytest.mark.parametrize("name", ["check", "paths", "conform", "demo"])
def test_ctrl_c(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """After Ctrl-C the exit status is 130, and nothing is reported as a finding or failure."""

    def interrupt(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(f"authfsm.cli.{name}.{name.capitalize()}.run", interrupt)
    assert run(name).exit_code == 130


def test_a_dash_is_standard_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`-o -` writes no file named `-`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reply.json").write_text('{"Username": "ada"}', encoding="utf-8")
    outputs = [run("check", "-f", "json", "-o", "-").stdout, run("capture", "reply.json", "-o", "-").stdout]

    checked, captured = map(json.loads, outputs)
    assert checked == []
    assert captured.keys() == {"Username"}
    assert [each.name for each in tmp_path.iterdir()] == ["reply.json"]


# ---- invalid values of `serve` -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--issuer", "foo"), "--issuer must be an http or https URL, not 'foo'"),
        (("--issuer", "http://a b"), "--issuer must be an http or https URL, not 'http://a b'"),
        (("--host", ""), "the value is empty"),
        (
            ("--host", "http://x"),
            "a host must be a name (in punycode) or an address without scheme and port, not 'http://x'",
        ),
        (
            ("--allow-host", "a:1"),
            "a host must be a name (in punycode) or an address without scheme and port, not 'a:1'",
        ),
        (("--cors", "x"), "an origin must be scheme://host or scheme://host:port, host in punycode, not 'x'"),
        (("--accept", "nonsense"), "accept cannot have nonsense; it can have all, unknown-attributes"),
        (("--port", "99999"), "99999 is not in the range 0<=x<=65535"),
        (("--port", "-1"), "-1 is not in the range 0<=x<=65535"),
    ],
)
def test_serve_refuses_wrong_values_before_it_starts(
    options: tuple[str, ...], expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A value that `serve` cannot use is a usage error that says what is expected; no socket or state file is opened."""
    monkeypatch.setattr("authfsm.cli.serve.listen", lambda *_: pytest.fail("a socket was opened"))
    result = run("serve", "--state", str(tmp_path / "state.json"), *options)

    assert (result.exit_code, expected in result.stderr) == (2, True), result.stderr
    assert not list(tmp_path.iterdir())
