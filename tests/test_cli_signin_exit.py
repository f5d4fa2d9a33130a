"""`authfsm signin` without a terminal, and its exit status for each way to end.

The pool is served over HTTP and reached by the command's own boto3 client.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO, StringIO, TextIOWrapper
from typing import Any, ClassVar
from urllib.request import Request, urlopen

import pyotp
import pytest
from attrs import define
from click.testing import CliRunner
from local_servers import CLIENT_ID, POOL_ID, serve_in_thread
from rich.console import Console

from authfsm.base.clock import ManualClock
from authfsm.base.secret import Secret
from authfsm.cli import app, load_command
from authfsm.cli.signin.answers import AnswerPrompter
from authfsm.cli.signin.local_demo import PASSWORD as DEMO_PASSWORD
from authfsm.cli.signin.screen import ExitStatus, Misused, Screen, SignInEnded
from authfsm.cli.signin.secret_storage import MemoryStorage, RememberedDevices
from authfsm.cli.signin.session import SignInSession, SignInStart, exit_status
from authfsm.cli.signin.user_input import PipedInput, user_input_for
from authfsm.local import LocalPool, Triggers
from authfsm.protocol.error_policy import Fault, RecoveryAction
from authfsm.protocol.errors import AuthfsmError, OperatorError

PASSWORD = "Planted-Horse-1"
KEY = pyotp.random_base32()
ADA = {"username": "ada", "password": PASSWORD, "groups": ["pioneers"]}


@define
class CommandResult:
    """The result of a run of the command.

    Args:
        code: its exit code.
        out: standard output.
        err: standard error, its lines as one.
    """

    code: int
    out: str
    err: str


def run_signin(*options: str, lines: str = "", **environment: str) -> CommandResult:
    """Run the command without a terminal.

    Args:
        options: of the command.
        lines: standard input.
        environment: more of it.
    """
    variables = {"COLUMNS": "200", "AWS_EC2_METADATA_DISABLED": "true", **environment}
    result = CliRunner().invoke(app, ["signin", *options], input=lines, env=variables)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return CommandResult(result.exit_code, result.stdout, " ".join(result.stderr.split()))


def pool_options(url: str, *options: str) -> list[str]:
    """Return the options for a served pool and its user ada, with answers on standard input."""
    pool_arguments = ["--endpoint-url", url, "--client-id", CLIENT_ID, "--pool-id", POOL_ID, "--username", "ada"]
    return [*pool_arguments, "--no-remember", "--password-stdin", *options]


def printed_tokens(out: str) -> dict[str, Any]:
    """Return the tokens that were printed."""
    tokens: dict[str, Any] = json.loads(out)
    return tokens


# ---- answers from standard input ---------------------------------------------------------------------------


def test_a_password_and_a_code_by_standard_input() -> None:
    """The first line is the password, the next the code; standard output has only the tokens."""
    with serve_in_thread(mfa="ON", mfa_methods=["SOFTWARE_TOKEN_MFA"], users=[{**ADA, "totp_secret": KEY}]) as pool:
        code = pyotp.TOTP(KEY).now()
        result = run_signin(*pool_options(pool.url, "--json"), lines=f"{PASSWORD}\n{code}\n")

    assert result.code == ExitStatus.SIGNED_IN
    tokens = printed_tokens(result.out)
    assert tokens["TokenType"] == "Bearer"
    assert tokens["ExpiresIn"] == 3600
    assert "Signed in as ada" in result.err
    assert "groups pioneers" in result.err
    secrets = [PASSWORD, KEY, code, *(tokens[f"{each}Token"] for each in ("Access", "Id", "Refresh"))]
    assert [each for each in secrets if each in result.err] == []


def test_all_settings_from_the_environment() -> None:
    """In a pipeline the environment has user and pool; nothing is read or asked."""
    with serve_in_thread(users=[ADA]) as pool:
        result = run_signin(
            "--json",
            AUTHFSM_CLIENT_ID=CLIENT_ID,
            AUTHFSM_POOL_ID=POOL_ID,
            AUTHFSM_ENDPOINT_URL=pool.url,
            AUTHFSM_USERNAME="ada",
            AUTHFSM_PASSWORD=PASSWORD,
        )

    assert (result.code, min(printed_tokens(result.out))) == (ExitStatus.SIGNED_IN, "AccessToken")
    assert PASSWORD not in result.err


def test_a_closed_standard_error() -> None:
    """Without standard error (`2>&-`) messages are discarded: standard output has the tokens and nothing else."""
    command = [
        sys.executable,
        "-m",
        "authfsm",
        "signin",
        "--local",
        "password",
        "-u",
        "ada",
        "--password-stdin",
        "--json",
    ]
    script = f'printf "%s" "$0" | {shlex.join(command)} 2>&-'
    ended = subprocess.run(["/bin/sh", "-c", script, DEMO_PASSWORD], capture_output=True, check=False, text=True)

    assert (ended.returncode, min(printed_tokens(ended.stdout))) == (ExitStatus.SIGNED_IN, "AccessToken")


def test_bytes_in_an_app_client_id() -> None:
    """An app client id that is not text in UTF-8 fails as any unknown one."""
    with serve_in_thread(users=[ADA]) as pool:
        options = [each for each in pool_options(pool.url) if each != "--no-remember"]
        result = run_signin(*options, "--client-id", "\udcff", lines=PASSWORD)

    assert (result.code, "ResourceNotFoundException" in result.err) == (ExitStatus.MISCONFIGURED, True), result.err


def test_a_client_secret_by_the_environment() -> None:
    """AUTHFSM_CLIENT_SECRET is used; without it the command fails and says what to do."""
    hidden = "p" * 51
    with serve_in_thread(client_secret=hidden, users=[ADA]) as pool:
        good = run_signin(*pool_options(pool.url), lines=PASSWORD, AUTHFSM_CLIENT_SECRET=hidden)
        bad = run_signin(*pool_options(pool.url), lines=PASSWORD)

    assert good.code == ExitStatus.SIGNED_IN
    assert hidden not in good.err
    assert bad.code == ExitStatus.MISCONFIGURED
    assert "AUTHFSM_CLIENT_SECRET" in bad.err


def test_without_tokens_asked_for_standard_output_is_empty() -> None:
    """Text for people goes to standard error, and no token is printed."""
    with serve_in_thread(users=[ADA]) as pool:
        result = run_signin(*pool_options(pool.url), lines=PASSWORD)

    assert (result.code, result.out) == (ExitStatus.SIGNED_IN, "")
    assert "eyJ" not in result.err


@pytest.mark.parametrize("flow", ["USER_SRP_AUTH", "USER_PASSWORD_AUTH", "USER_AUTH"])
def test_each_flow_with_a_password(flow: str) -> None:
    """A password works by SRP, in clear, and by choice, where a line names the choice."""
    with serve_in_thread(users=[ADA]) as pool:
        lines = f"PASSWORD_SRP\n{PASSWORD}\n" if flow == "USER_AUTH" else PASSWORD
        result = run_signin(*pool_options(pool.url, "--flow", flow), lines=lines)

    assert result.code == ExitStatus.SIGNED_IN


@pytest.mark.parametrize("flow", ["USER_SRP_AUTH", "ADMIN_USER_PASSWORD_AUTH", "ADMIN_NO_SRP_AUTH"])
def test_an_administrator(flow: str) -> None:
    """Operations of administrators are signed; without credentials nothing is sent."""
    keys = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
    none = {"AWS_SHARED_CREDENTIALS_FILE": "/nowhere", "AWS_CONFIG_FILE": "/nowhere"}
    with serve_in_thread(users=[ADA]) as pool:
        good = run_signin(*pool_options(pool.url, "--admin", "--flow", flow), lines=PASSWORD, **keys)
        bad = run_signin(*pool_options(pool.url, "--admin", "--flow", flow), lines=PASSWORD, **none)

    assert good.code == ExitStatus.SIGNED_IN
    assert bad.code == ExitStatus.MISCONFIGURED
    assert "credentials" in bad.err


# ---- usage errors ------------------------------------------------------------------------------------------


def test_the_first_line_of_a_pipe_is_never_the_user_name() -> None:
    """Without --username nothing is sent, and the first line, a password, is not shown."""
    with serve_in_thread(users=[ADA]) as pool:
        options = [each for each in pool_options(pool.url) if each not in {"--username", "ada"}]
        result = run_signin(*options, lines=f"{PASSWORD}\n{PASSWORD}\n")

    assert (result.code, result.out) == (ExitStatus.MISUSED, "")
    assert "--username (or AUTHFSM_USERNAME) is required" in result.err
    assert PASSWORD not in result.err


def test_the_user_of_an_example_is_known_to_a_pipe() -> None:
    """With --local the first line is the password of the example's user."""
    result = run_signin("--local", "password", "--password-stdin", "--json", lines="Correct-Horse-1\n")

    assert result.code == ExitStatus.SIGNED_IN, result.err
    assert printed_tokens(result.out)


VARIABLES = {str(each.envvar): f"nonsense-{each.name}" for each in load_command("signin").params if each.envvar}


@pytest.mark.parametrize("variables", [*({name: VARIABLES[name]} for name in VARIABLES), VARIABLES], ids=" ".join)
def test_variables_for_another_pool_have_no_effect_on_an_example(variables: dict[str, str]) -> None:
    """With --local every variable of the command is ignored, because it is meant for a pool at Cognito; the help says so."""
    secrets = {"AUTHFSM_PASSWORD": "another", "AUTHFSM_CLIENT_SECRET": "another"}
    lines = "Correct-Horse-1\n"
    result = run_signin("--local", "password", "--password-stdin", "--json", lines=lines, **variables, **secrets)
    assert result.code == ExitStatus.SIGNED_IN, result.err
    assert printed_tokens(result.out)

    result = run_signin("--local", "password", lines=lines, **variables, **secrets)
    assert "Password of ada: cannot prompt" in result.err
    assert "--local, which ignores the AUTHFSM_ variables" in " ".join(run_signin("--help").out.split())


def test_no_question_is_asked_at_a_pipe() -> None:
    """Without a terminal and --password-stdin no password is read; exit status 2 and what to do."""
    with serve_in_thread(users=[ADA]) as pool:
        options = [each for each in pool_options(pool.url) if each != "--password-stdin"]
        result = run_signin(*options, lines=f"{PASSWORD}\n")

    assert (result.code, result.out) == (ExitStatus.MISUSED, "")
    assert "Password of ada: cannot prompt" in result.err
    assert "--password-stdin" in result.err


@pytest.mark.parametrize(
    ("stdin", "why"),
    [
        (StringIO(), "Password: standard input has no further line"),
        (None, "Password: standard input has no further line"),
        (TextIOWrapper(BytesIO(b"\xff"), "utf-8"), "Password: standard input is not text in utf-8"),
    ],
    ids=["empty", "closed", "binary"],
)
def test_standard_input_without_an_answer(stdin: Any, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With --password-stdin the error says what standard input lacks, also if it is closed or not text."""
    monkeypatch.setattr("sys.stdin", stdin)
    user = user_input_for(Screen(Console(file=StringIO())), from_stdin=True)

    with pytest.raises(Misused, match=why):
        user.hidden("Password")


def test_a_user_name_that_is_not_text() -> None:
    """A user name of the command line that is not UTF-8 is refused in one line."""
    result = run_signin("--pool-id", POOL_ID, "--client-id", "x", "-u", "\udcff", "--password-stdin", lines=PASSWORD)

    assert (result.code, result.out) == (ExitStatus.REFUSED, "")
    assert "UTF-8" in result.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "--pool-id (or AUTHFSM_POOL_ID) is required."),
        (["--pool-id", POOL_ID], "--client-id (or AUTHFSM_CLIENT_ID) is required"),
        (["--pool-id", "nonsense", "--client-id", "x", "--region", "eu-west-1"], "nonsense"),
        (["sms"], "sms requires --local: authfsm signin --local sms"),
        (["--local", "nonsense"], "unknown example nonsense"),
        (["--local", "--preferred", "SMS_OTP", "--flow", "CUSTOM_AUTH"], "--preferred requires USER_AUTH"),
        (["--local", "--password-first"], "--password-first requires --flow CUSTOM_AUTH"),
        (["--local", "--output", "/nowhere/t.json"], "there is no folder /nowhere"),
        (["--pool-id", POOL_ID, "--client-id", "x", "--profile", "nobody"], "nobody"),
        (["--pool-id", POOL_ID, "--client-id", "x", "--endpoint-url", "nonsense"], "nonsense"),
    ],
)  # fmt: skip
def test_called_wrongly(options: list[str], message: str) -> None:
    """Wrong usage is one line and exit status 2, before any question."""
    result = run_signin(*options)

    assert (result.code, result.out) == (ExitStatus.MISUSED, "")
    assert message in result.err


# ---- exit status -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("user", "lines", "code", "message"),
    [
        ({}, "Wrong-Horse-9", ExitStatus.REFUSED, "The user name or the password is wrong."),
        ({"status": "RESET_REQUIRED"}, PASSWORD, ExitStatus.RESET_PASSWORD, "forgot-password"),
        ({"status": "UNCONFIRMED"}, PASSWORD, ExitStatus.CONFIRM_USER, "confirm-sign-up"),
        ({"enabled": False}, PASSWORD, ExitStatus.MISCONFIGURED, "User is disabled"),
    ],
)
def test_refused(user: dict[str, Any], lines: str, code: ExitStatus, message: str) -> None:
    """A refusal's exit status says whose fault it is; no password is shown."""
    with serve_in_thread(users=[{**ADA, **user}]) as pool:
        result = run_signin(*pool_options(pool.url), lines=lines)

    assert (result.code, result.out) == (code, "")
    assert message in result.err
    assert lines not in result.err


def test_a_wrong_code_and_no_other() -> None:
    """After a refused line the next one is used; without one, the exit status is 1."""
    with serve_in_thread(mfa="ON", mfa_methods=["SOFTWARE_TOKEN_MFA"], users=[{**ADA, "totp_secret": KEY}]) as pool:
        wrong = f"{(int(pyotp.TOTP(KEY).now()) + 1) % 1_000_000:06d}"
        result = run_signin(*pool_options(pool.url), lines=f"{PASSWORD}\n{wrong}\n{wrong}\n")

    assert result.code == ExitStatus.REFUSED
    assert "SOFTWARE_TOKEN_MFA ×3" in result.err  # noqa: RUF001 - as shown


def test_a_flow_that_is_not_allowed() -> None:
    """If the app client's settings must be changed, the exit status is 5."""
    with serve_in_thread(explicit_auth_flows=["ALLOW_USER_SRP_AUTH"], users=[ADA]) as pool:
        result = run_signin(*pool_options(pool.url, "--flow", "USER_PASSWORD_AUTH"), lines=PASSWORD)

    assert result.code == ExitStatus.MISCONFIGURED
    assert "USER_PASSWORD_AUTH flow not enabled for this client" in result.err


def test_no_reply(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request without a reply is sent again later; then the exit status is 4."""
    monkeypatch.setattr("authfsm.cli.signin.session._WAITS", (0.01, 0.02))

    result = run_signin(*pool_options("http://127.0.0.1:1"), lines=PASSWORD)

    assert result.code == ExitStatus.SERVICE_FAILED
    assert result.err.count("Retrying in") == 2
    assert "EndpointConnectionError" in result.err


class Throttle(BaseHTTPRequestHandler):
    """A proxy that refuses the first requests as too many."""

    pool: ClassVar[str] = ""
    refuse: ClassVar[int] = 0

    def do_POST(self) -> None:
        """Refuse a request, or forward it."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if type(self).refuse > 0:
            type(self).refuse -= 1
            self._reply(400, b'{"__type": "TooManyRequestsException", "message": "Slow down"}')
            return
        passed = Request(self.pool, body, dict(self.headers), method="POST")  # noqa: S310 - our own pool
        with urlopen(passed) as reply:  # noqa: S310 - the same
            self._reply(reply.status, reply.read())

    def _reply(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@contextmanager
def throttled_pool(pool: str, refuse: int) -> Iterator[str]:
    """Run a pool behind a `Throttle`."""
    kind = type("Here", (Throttle,), {"pool": pool, "refuse": refuse})
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_too_many_requests_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command waits after each throttled request and signs in; if it never ends, the exit status is 3."""
    monkeypatch.setattr("authfsm.cli.signin.session._WAITS", (0.01, 0.02, 0.04))
    monkeypatch.setattr("authfsm.protocol.errors.Refused.retry_after", None)
    with serve_in_thread(users=[ADA]) as pool:
        with throttled_pool(pool.url, 2) as url:
            good = run_signin(*pool_options(url), lines=PASSWORD)
        with throttled_pool(pool.url, 99) as url:
            bad = run_signin(*pool_options(url), lines=PASSWORD)

    assert (good.code, good.err.count("then try again. Retrying in")) == (ExitStatus.SIGNED_IN, 2)
    assert (bad.code, bad.err.count("then try again. Retrying in")) == (ExitStatus.TRY_LATER, 3)


@pytest.mark.parametrize(
    ("action", "fault", "code"),
    [
        (RecoveryAction.RESET_PASSWORD, Fault.OPERATOR, ExitStatus.RESET_PASSWORD),
        (RecoveryAction.CONFIRM_USER, Fault.USER, ExitStatus.CONFIRM_USER),
        (RecoveryAction.WAIT_OUT, Fault.TIME, ExitStatus.TRY_LATER),
        (RecoveryAction.START_AGAIN, Fault.USER, ExitStatus.REFUSED),
        (RecoveryAction.START_AGAIN, Fault.TIME, ExitStatus.TRY_LATER),
        (RecoveryAction.START_AGAIN, Fault.SERVICE, ExitStatus.SERVICE_FAILED),
        (RecoveryAction.START_AGAIN, Fault.CALLER, ExitStatus.MISCONFIGURED),
        (RecoveryAction.GIVE_UP, Fault.OPERATOR, ExitStatus.MISCONFIGURED),
        (RecoveryAction.FIX_CONFIGURATION, Fault.CALLER, ExitStatus.MISCONFIGURED),
    ],
)
def test_the_exit_code_of_a_recovery_action(action: RecoveryAction, fault: Fault, code: ExitStatus) -> None:
    """The exit status follows from the recovery action, else from the fault."""
    error = AuthfsmError("no", action=action)
    error.fault = fault

    assert exit_status(error) is code


def test_the_exit_code_of_an_error_without_an_action() -> None:
    """Without a recovery action, the exit status follows from the error's class."""
    assert exit_status(OperatorError("no")) is ExitStatus.MISCONFIGURED


# ---- expiry, and texts of the pool -------------------------------------------------------------------------


def walk(pool: LocalPool, lines: PipedInput, opening: SignInStart) -> tuple[ExitStatus, str]:
    """Sign in within this process, and return the flow and the output."""
    file = StringIO()
    screen = Screen(Console(file=file, width=200, highlight=False, markup=False))
    signing_in = SignInSession(
        pool.cognito(),
        opening,
        prompter=AnswerPrompter(screen, lines, "test"),
        user_input=lines,
        screen=screen,
        devices=RememberedDevices(MemoryStorage(), "test"),
    )
    try:
        signing_in.run()
    except SignInEnded as ended:
        screen.print_end(ended.why, ended.hint, ended.advice, ended.command)
        return ended.code, file.getvalue()
    return ExitStatus.SIGNED_IN, file.getvalue()


def test_an_enrolment_without_qr_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without segno the key and the otpauth address are shown, and how to install segno."""
    monkeypatch.setitem(sys.modules, "segno", None)
    pool = LocalPool(mfa="ON", mfa_methods=["SOFTWARE_TOKEN_MFA"])
    pool.add_user("ada", PASSWORD)

    code, output = walk(pool, PipedInput(StringIO(PASSWORD)), SignInStart(username="ada"))

    assert code is ExitStatus.MISUSED
    assert "otpauth://totp/test:ada?secret=" in output
    assert "pip install 'authfsm[qr]'" in output
    assert PASSWORD not in output


def test_an_expired_session() -> None:
    """After four minutes at the prompt for a code, the exit status is 3."""
    clock = ManualClock()
    pool = LocalPool(mfa="ON", mfa_methods=["SMS_MFA"], clock=clock)
    pool.add_user("ada", PASSWORD, phone_number="+15555550143")

    class Slow(PipedInput):
        def line(self, question: str, *, default: str = "", hint: str = "") -> str:
            clock.advance(240)
            return super().line(question, default=default, hint=hint)

    code, output = walk(pool, Slow(StringIO(f"{PASSWORD}\n000000\n")), SignInStart(username="ada"))

    assert code is ExitStatus.TRY_LATER
    assert "The sign-in has taken too long. Start again." in output


def test_an_expired_session_is_no_failed_attempt() -> None:
    """Sign-ins that expire after the right password leave all three attempts for the password."""
    clock = ManualClock()
    pool = LocalPool(mfa="ON", mfa_methods=["SMS_MFA"], clock=clock)
    pool.add_user("ada", PASSWORD, phone_number="+15555550143")
    passwords = iter([PASSWORD, PASSWORD, "wrong", "wrong again", PASSWORD])
    waits = iter([240, 240, 0])

    class Person(PipedInput):
        def hidden(self, question: str, *, hint: str = "") -> Secret[str]:  # noqa: ARG002 - the protocol's
            return Secret(next(passwords))

        def line(self, question: str, *, default: str = "", hint: str = "") -> str:  # noqa: ARG002 - the protocol's
            if "Start again" in question:
                return "y"
            clock.advance(next(waits))
            return pool.outbox.code_for("ada")

    person = Person(StringIO())
    person.is_interactive = True
    code, output = walk(pool, person, SignInStart(username="ada"))

    assert code is ExitStatus.SIGNED_IN, output


def test_an_earlier_refusal_is_not_the_reason_of_a_missing_line() -> None:
    """If a refused line was followed by an accepted one, the end of the input is reported as such."""
    pool = LocalPool(mfa="ON", mfa_methods=["SMS_MFA"])
    pool.add_user("ada", PASSWORD, phone_number="+15555550143", temporary=True)

    lines = PipedInput(StringIO(f"{PASSWORD}\nshort\nNew-Correct-Horse-9!\n"))
    code, output = walk(pool, lines, SignInStart(username="ada"))

    assert code is ExitStatus.MISUSED, output
    assert "standard input has no further line" in output


def test_a_chosen_password_can_be_wrong_three_times() -> None:
    """A password that was chosen at SELECT_CHALLENGE has three attempts, as one that is asked for at the start."""
    pool = LocalPool(allowed_first_auth_factors=["PASSWORD", "EMAIL_OTP"])
    pool.add_user("ada", PASSWORD, email="ada@example.com")
    questions: list[str] = []

    class Person(PipedInput):
        def hidden(self, question: str, *, hint: str = "") -> Secret[str]:  # noqa: ARG002 - the protocol's
            questions.append(question)
            assert len(questions) < 9
            return Secret("wrong")

        def line(self, question: str, *, default: str = "", hint: str = "") -> str:  # noqa: ARG002 - the protocol's
            return "y" if "Start again" in question else "PASSWORD"

    person = Person(StringIO())
    person.is_interactive = True
    code, output = walk(pool, person, SignInStart(flow="USER_AUTH", username="ada"))

    assert (code, len(questions)) == (ExitStatus.REFUSED, 3), output
    assert "All 3 attempts failed." in output


def test_a_user_whom_a_function_denies() -> None:
    """A denial is a refusal of the user, no fault of the configuration, and no reason to start again."""

    def deny(_: dict[str, Any]) -> dict[str, Any]:
        raise RuntimeError("not today")

    pool = LocalPool(triggers=Triggers(pre_authentication=deny))
    pool.add_user("ada", PASSWORD)

    person = PipedInput(StringIO(f"{PASSWORD}\n"))
    person.is_interactive = True  # "Start again" would read a further line
    code, output = walk(pool, person, SignInStart(username="ada"))

    assert code is ExitStatus.REFUSED, output
    assert "PreAuthentication failed with error not today." in output
    assert "Start again" not in output


def test_a_lock_out() -> None:
    """If the user is locked out, the exit status is 3."""
    pool = LocalPool(clock=ManualClock())
    pool.add_user("ada", PASSWORD)
    for _ in range(6):
        walk(pool, PipedInput(StringIO("wrong")), SignInStart(username="ada"))

    code, output = walk(pool, PipedInput(StringIO(PASSWORD)), SignInStart(username="ada"))

    assert code is ExitStatus.TRY_LATER
    assert "Too many attempts have failed." in output


def test_control_characters_from_a_pool_are_not_printed() -> None:
    """Texts of a pool are shown without control characters and without rich's markup."""
    evil = "\x1b]0;owned\x07\x1b[2J[red]riddle[/red]\r\n\x9b31m\u202e"

    def define(event: dict[str, Any]) -> dict[str, Any]:
        event["response"]["challengeName"] = "CUSTOM_CHALLENGE"
        return event

    def create(event: dict[str, Any]) -> dict[str, Any]:
        event["response"]["publicChallengeParameters"] = {"riddle": evil}
        return event

    pool = LocalPool(triggers=Triggers(define=define, create=create, verify=lambda event: event))
    pool.add_user("ada")
    code, output = walk(pool, PipedInput(StringIO()), SignInStart(flow="CUSTOM_AUTH", username="ada"))

    assert code is ExitStatus.MISUSED
    assert "?]0;owned??[2J[red]riddle[/red]???31m?" in output
    assert [each for each in output if not (each.isprintable() or each == "\n")] == []


def test_the_flow_is_given_up_where_it_ends_without_tokens() -> None:
    """However the command ends, the attempt keeps neither password nor session."""
    pool = LocalPool(mfa="ON", mfa_methods=["SMS_MFA"])
    pool.add_user("ada", PASSWORD, phone_number="+15555550143")
    lines, screen = PipedInput(StringIO()), Screen(Console(file=StringIO()))
    signing_in = SignInSession(
        pool.cognito(), SignInStart(username="ada", password=Secret(PASSWORD)),
        prompter=AnswerPrompter(screen, lines, "test"), user_input=lines, screen=screen,
        devices=RememberedDevices(MemoryStorage(), "test"),
    )  # fmt: skip
    with pytest.raises(SignInEnded):
        signing_in.run()
    flow = signing_in._flow

    assert flow is not None
    assert (flow.state, flow.challenge, flow._password) == ("FAILED", None, None)
