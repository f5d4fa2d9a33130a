"""`authfsm signin` in a pseudo-terminal, where the test answers its questions.

What it shows is kept whole, and searched for what must not be in it.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import pexpect
import pyotp
import pytest
from attrs import define
from conftest import lacking
from local_servers import CLIENT_ID, POOL_ID, serve_in_thread

from authfsm.cli.signin.local_demo import DEMO_POOLS, PASSWORD
from authfsm.cli.signin.screen import ExitStatus

if sys.platform != "win32":
    import termios

WRONG = "Wrong-Horse-9"
SERVED_PASSWORD = "Served-Horse-7"
NEW = "Analytical-Engine-1843"
SHOW_CURSOR, HIDE_CURSOR = "\x1b[?25h", "\x1b[?25l"
ESCAPE_SEQUENCE = re.compile(r"\x1b(\[[0-9;?]*[a-zA-Z]|\(B)")


@define
class TerminalSession:
    """A terminal in which the command runs.

    Args:
        child: the process of the command.
        output: its output so far, with escape sequences.
    """

    child: Any
    output: StringIO

    @property
    def text(self) -> str:
        """Return the output so far without escape sequences."""
        return ESCAPE_SEQUENCE.sub("", self.output.getvalue()).replace("\r", "")

    def expect_question(self, question: str) -> None:
        """Wait for a question."""
        self.child.expect(f"{re.escape(question)}.*: (\\x1b\\[0m)?$")

    def answer(self, question: str, answer: str) -> None:
        """Wait for a question and enter an answer that is shown."""
        self.expect_question(question)
        self.child.sendline(answer)

    def answer_hidden(self, question: str, answer: str) -> None:
        """Wait for a question whose answer is hidden, and enter it."""
        self.expect_question(question)
        assert self.child.waitnoecho(30), "the echo is still on"
        self.child.sendline(answer)

    def read_match(self, pattern: str) -> str:
        """Wait for a line of output."""
        self.child.expect(pattern)
        text: str = self.child.match.group(1)
        return text

    def wait_for_exit(self) -> int:
        """Return the exit status once the command has ended; the echo must be on again."""
        self.child.expect(pexpect.EOF)
        self.child.wait()
        return int(self.child.exitstatus)


@contextmanager
def start_session(
    *options: str, width: int = 80, program: list[str] | None = None, **environment: str
) -> Iterator[TerminalSession]:
    """Start `authfsm signin` in a terminal.

    Args:
        options: the command's options.
        width: the width of the terminal in columns.
        program: another command line.
        environment: more environment variables.
    """
    if sys.platform == "win32":
        lacking("pseudo-terminals")
    output = StringIO()
    first, *others = program or [sys.executable, "-m", "authfsm", "signin", *options]
    child = pexpect.spawn(
        first,
        others,
        dimensions=(24, width),
        env={**_clean_environment(), "TERM": "xterm-256color", **environment},
        encoding="utf-8",
        timeout=60,
    )
    child.logfile_read = output
    child.delaybeforesend = None  # `TerminalSession` waits for each prompt, and for the echo to be off
    try:
        yield TerminalSession(child, output)
    finally:
        child.close(force=True)


def _clean_environment() -> dict[str, str]:
    """Return this environment without the variables that answer questions or set colours."""
    ours = ("AUTHFSM_", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "AWS_")
    variables = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**variables, "LC_ALL": "C.UTF-8", "AWS_EC2_METADATA_DISABLED": "true"}


def at_pool(url: str, *options: str) -> list[str]:
    """Return the options that name a served pool."""
    return ["--endpoint-url", url, "--client-id", CLIENT_ID, "--pool-id", POOL_ID, *options]


def enter_name_and_password(session: TerminalSession) -> None:
    """Enter the usual name and the right password."""
    session.answer("User name", "")
    session.answer_hidden("Password of ada", PASSWORD)


# ---- each challenge ----------------------------------------------------------------------------------------


def test_a_code_by_sms_wrong_then_right() -> None:
    """Each step is described, a wrong code is refused and asked for again, and path and claims are shown."""
    with start_session("--local") as session:
        enter_name_and_password(session)
        code = session.read_match(r"an SMS to \+15555550143: (\d{6})")
        session.answer("Code sent by SMS to +*******0143", f"{(int(code) + 1) % 1_000_000:06d}")
        session.child.expect("CodeMismatchException")
        session.answer("Code sent by SMS to", f"{code[:3]} {code[3:]}")

        assert session.wait_for_exit() == ExitStatus.SIGNED_IN
        assert "START › PASSWORD_VERIFIER › SMS_MFA ×2 › AUTHENTICATED" in session.text  # noqa: RUF001 - as shown
        assert "✓ Signed in as ada" in session.text
        assert "groups   pioneers" in session.text
        assert "eyJ" not in session.text, "a token was shown"


def test_a_code_by_e_mail() -> None:
    """The prompt for a code names the medium and the masked address."""
    with start_session("--local", "email") as session:
        enter_name_and_password(session)
        code = session.read_match(r"an e-mail to ada@example.com: (\d+)")
        session.answer("Code sent by e-mail to a***@e***", code)

        assert session.wait_for_exit() == ExitStatus.SIGNED_IN


def test_a_code_of_the_authenticator_app() -> None:
    """With --local the app's code is printed; letters are refused as a code before anything is sent."""
    with start_session("--local", "totp") as session:
        enter_name_and_password(session)
        code = session.read_match(r"app would show: (\d{6})")
        session.answer("Code of the authenticator app", "abc")
        session.child.expect("A code has only digits")
        session.answer("Code of the authenticator app", code)

        assert session.wait_for_exit() == ExitStatus.SIGNED_IN
        assert "×" not in session.text  # noqa: RUF001 - as shown


def test_an_authenticator_app_is_enrolled() -> None:
    """The key is shown once with a warning and its QR code, and not again after a wrong code."""
    with start_session("--local", "setup") as session:
        enter_name_and_password(session)
        key = session.read_match(r"key\W.*?((?:[A-Z2-7]{4} ){7}[A-Z2-7]{4})").replace(" ", "")
        app = pyotp.TOTP(key)
        session.expect_question("Code that the app shows now")
        session.child.sendline(f"{(int(app.now()) + 1) % 1_000_000:06d}")
        session.child.expect("EnableSoftwareTokenMFAException")
        session.answer("Code that the app shows now", app.now())

        assert session.wait_for_exit() == ExitStatus.SIGNED_IN
        assert session.text.count("anyone who sees it can generate your codes") == 1
        assert session.text.count("▀▀▀▀▀▀▀▀▀▀▀▀▀▀") >= 1, "no QR code"
        assert "MFA_SETUP ×4 › AUTHENTICATED" in session.text  # noqa: RUF001 - as shown


def test_a_temporary_password_is_replaced() -> None:
    """A new password is entered hidden and twice; after a weak one the attributes are kept."""
    with start_session("--local", "new-password") as session:
        enter_name_and_password(session)
        session.answer_hidden("New password", "short")
        session.answer_hidden("Repeat it", "shorter")
        session.child.expect("The two entries differ")
        session.answer_hidden("New password", "short")
        session.answer_hidden("Repeat it", "short")
        session.answer("Name", "Ada Lovelace")
        session.child.expect("InvalidPasswordException")
        session.answer_hidden("New password", f"{NEW}-x")
        session.answer_hidden("Repeat it", f"{NEW}-x")
        session.child.expect(r"Name.*\(Ada Lovelace\)")
        session.answer("", "")

        assert session.wait_for_exit() == ExitStatus.SIGNED_IN
        assert f"{NEW}-x" not in session.text


def test_a_first_factor_is_chosen_and_left_for_another() -> None:
    """First factors are numbered choices; the user changes from a code by SMS to a password."""
    with start_session("--local", "choice") as session:
        session.answer("User name", "ada")
        session.answer("How to sign in [1-4]", "7")
        session.child.expect("Type a number from 1 to 4")
        session.answer("How to sign in [1-4]", "sms_otp")
        session.answer("Code sent by SMS to", "")
        session.child.expect("Sign in with another factor")
        session.answer("What now", "2")
        session.child.expect("PASSWORD_SRP")
        session.answer("How to sign in [1-3]", "password_srp")
        session.answer_hidden("Password", PASSWORD)

        assert session.wait_for_exit() == ExitStatus.SIGNED_IN
        assert "SMS_OTP › PASSWORD_VERIFIER › AUTHENTICATED" in session.text  # noqa: RUF001 - as shown


@pytest.mark.parametrize(("example", "is_sent"), [("sms", True), ("totp", False), ("setup", False)])
def test_a_new_code_is_promised_only_if_one_is_sent(example: str, is_sent: bool) -> None:  # noqa: FBT001 - a parameter
    """An empty line offers to start again, to get a new code only if Cognito sends the codes."""
    with start_session("--local", example) as session:
        enter_name_and_password(session)
        session.answer("Code", "")
        session.answer("What now", "leave")
        assert session.wait_for_exit() == ExitStatus.INTERRUPTED
        assert "Start again" in session.text
        assert ("Start again, to get a new code" in session.text) == is_sent


def test_a_second_factor_is_chosen() -> None:
    """SELECT_MFA_TYPE offers the second factors in plain words."""
    with start_session("--local", "mfa-choice") as session:
        enter_name_and_password(session)
        session.child.expect("A code of your authenticator app")
        session.answer("Second factor [1-2]", "software_token_mfa")
        session.answer("Code of the authenticator app", session.read_match(r"app would show: (\d{6})"))

        assert session.wait_for_exit() == ExitStatus.SIGNED_IN


def test_visible_and_hidden_answers_to_a_custom_challenge() -> None:
    """Public parameters are shown; after an empty line the answer is entered hidden."""
    with start_session("--local", "custom") as session:
        session.answer("User name", "")
        session.child.expect("Up, but never down")
        session.answer("Answer", "a balloon")
        session.answer("Answer", "")
        session.answer_hidden("Answer, hidden", "age")

        assert session.wait_for_exit() == ExitStatus.SIGNED_IN


def test_a_passkey_is_for_browsers() -> None:
    """WEB_AUTHN is not offered as a choice; if Cognito issues it, the user can change to another factor."""
    with start_session("--local", "passkey", "--preferred", "WEB_AUTHN") as session:
        session.answer("User name", "")
        session.child.expect("a terminal does not have")
        session.answer("How to sign in [1-3]", "email_otp")
        session.answer("Code sent by e-mail", session.read_match(r"an e-mail to ada@example.com: (\d+)"))

        assert session.wait_for_exit() == ExitStatus.SIGNED_IN
        assert "WEB_AUTHN › EMAIL_OTP" in session.text  # noqa: RUF001 - as shown


def test_a_remembered_device_replaces_the_code() -> None:
    """After the first sign-in the device is stored, and the second sign-in needs no code."""
    with start_session("--local", "device") as session:
        enter_name_and_password(session)
        code = session.read_match(r"an SMS to \+15555550143: (\d{6})")
        session.answer("Code sent by SMS to", code)
        session.answer("Remember this device", "perhaps")
        session.answer("Remember this device", "y")
        session.answer_hidden("Password of ada", PASSWORD)

        assert session.wait_for_exit() == ExitStatus.SIGNED_IN
        assert "DEVICE_SRP_AUTH › DEVICE_PASSWORD_VERIFIER › AUTHENTICATED" in _on_one_line(session.text)  # noqa: RUF001 - as shown


def _on_one_line(text: str) -> str:
    return " ".join(text.split())


def test_a_challenge_of_an_unknown_name() -> None:
    """An unknown challenge is named, its fields are asked for, and a refusal offers to start again."""
    with start_session("--local", "other") as session:
        session.answer("User name", "")
        session.child.expect("know the challenge CAPTCHA_CHALLENGE")
        session.answer("Field of the answer", "")
        session.answer("ANSWER", "42")
        session.answer("Another field", "")
        session.answer("Start again", "y")
        session.answer("Field of the answer", "")
        session.answer("ANSWER", "43")
        session.answer("Another field", "")
        session.answer("Start again", "n")

        assert session.wait_for_exit() == ExitStatus.REFUSED


# ---- refusals ----------------------------------------------------------------------------------------------


def test_a_wrong_password_can_be_typed_three_times() -> None:
    """After a wrong password only the password is asked for; the third one ends with status 1."""
    with start_session("--local") as session:
        session.answer("User name", "ada")
        for _ in range(3):
            session.answer_hidden("Password of ada", WRONG)

        assert session.wait_for_exit() == ExitStatus.REFUSED
        assert "All 3 attempts failed" in session.text
        assert WRONG not in session.text


@pytest.mark.parametrize(
    ("trial", "code", "message"),
    [
        ("reset", ExitStatus.RESET_PASSWORD, "PasswordResetRequiredException"),
        ("unconfirmed", ExitStatus.CONFIRM_USER, "UserNotConfirmedException"),
    ],
)
def test_a_required_first_step_is_named(trial: str, code: ExitStatus, message: str) -> None:
    """If something must be done first, the exit status is its own; `aws` cannot do it at the command's own pool."""
    with start_session("--local", trial) as session:
        enter_name_and_password(session)

        assert session.wait_for_exit() == code
        assert message in session.text
        assert "aws cognito-idp" not in session.text


@pytest.mark.parametrize("secret", [None, "s" * 51])
def test_the_command_that_resets_a_password(secret: str | None) -> None:
    """The printed `aws` command names the region and the endpoint; an app client with a secret gets none."""
    user = {"username": "ada", "password": SERVED_PASSWORD, "status": "RESET_REQUIRED"}
    config = {"client_secret": secret} if secret else {}
    environment: Any = {"AUTHFSM_CLIENT_SECRET": secret} if secret else {}
    with serve_in_thread(**config, users=[user]) as pool, start_session(*at_pool(pool.url), **environment) as session:
        session.answer("User name", "ada")
        session.answer_hidden("Password of ada", SERVED_PASSWORD)

        assert session.wait_for_exit() == ExitStatus.RESET_PASSWORD
        line = f"aws cognito-idp forgot-password --client-id {CLIENT_ID} --username ada --region eu-west-1"
        expected = f"{line} --endpoint-url {pool.url} --no-sign-request"
        assert (expected in session.text) is (secret is None)
        assert ("aws cognito-idp" in session.text) is (secret is None)


def test_an_app_client_with_a_secret_asks_for_it() -> None:
    """If Cognito requires SECRET_HASH, the secret is asked for and the sign-in begins again.

    So are the pool and the client, where no option names them.
    """
    with (
        serve_in_thread(client_secret="s" * 51, users=[{"username": "ada", "password": SERVED_PASSWORD}]) as pool,
        start_session("--endpoint-url", pool.url) as session,
    ):
        session.answer("User pool id", POOL_ID)
        session.answer("App client id", CLIENT_ID)
        session.answer("User name", "ada")
        session.answer_hidden("Password of ada", SERVED_PASSWORD)
        session.answer_hidden("Client secret", "s" * 51)

        assert session.wait_for_exit() == ExitStatus.SIGNED_IN
        assert "s" * 51 not in session.text
        assert SERVED_PASSWORD not in session.text


def test_a_request_without_the_client_secret_counts_as_no_wrong_password() -> None:
    """The attempt that Cognito refused for a missing SECRET_HASH leaves all three attempts for the password."""
    with (
        serve_in_thread(client_secret="s" * 51, users=[{"username": "ada", "password": SERVED_PASSWORD}]) as pool,
        start_session(
            "--endpoint-url", pool.url, "--pool-id", POOL_ID, "--client-id", CLIENT_ID, "--username", "ada"
        ) as session,
    ):
        session.answer_hidden("Password of ada", WRONG)
        session.answer_hidden("Client secret", "s" * 51)
        session.answer_hidden("Password of ada", WRONG)
        session.answer_hidden("Password of ada", SERVED_PASSWORD)

        assert session.wait_for_exit() == ExitStatus.SIGNED_IN


# ---- signals -----------------------------------------------------------------------------------------------


QUESTIONS = [("User name", ""), ("Password of ada", PASSWORD), ("Code sent by SMS", ""), ("What now", "")]


@pytest.mark.parametrize("number", range(len(QUESTIONS)), ids=[each for each, _ in QUESTIONS])
@pytest.mark.parametrize("key", ["Ctrl-C", "Ctrl-D"])
def test_leaving_at_any_prompt(number: int, key: str) -> None:
    """Leaving at any prompt ends with 130, restores the terminal, and shows no token or traceback."""
    with start_session("--local") as session:
        before = termios.tcgetattr(session.child.child_fd)
        for question, answer in QUESTIONS[:number]:
            (session.answer_hidden if answer else session.answer)(question, answer)
        session.expect_question(QUESTIONS[number][0])
        if QUESTIONS[number][1]:  # getpass discards input that arrives before the echo is off
            assert session.child.waitnoecho(30)
        press = session.child.sendintr if key == "Ctrl-C" else session.child.sendeof
        press()
        if session.child.expect(["Cancelled", pexpect.TIMEOUT], timeout=1):
            press()  # a signal just before getpass reads waits for the next key
            session.child.expect("Cancelled")

        assert termios.tcgetattr(session.child.child_fd) == before
        assert session.wait_for_exit() == ExitStatus.INTERRUPTED
        assert "Traceback" not in session.text


def test_a_signal_at_a_hidden_prompt() -> None:
    """SIGTERM brings the echo back on before the process ends with 143."""
    with start_session("--local") as session:
        before = termios.tcgetattr(session.child.child_fd)
        session.answer("User name", "")
        session.expect_question("Password of ada")
        assert session.child.waitnoecho(30)
        session.child.kill(signal.SIGTERM)
        session.child.expect("Ended by a signal")

        assert termios.tcgetattr(session.child.child_fd) == before
        assert session.wait_for_exit() == ExitStatus.TERMINATED


def test_ctrl_c_while_cognito_is_silent() -> None:
    """Ctrl-C ends a request without a reply at once, and restores the cursor.

    What is typed meanwhile, a password say, is not shown; afterwards the terminal is as it was.
    """
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with start_session(*at_pool(url, "--username", "ada")) as session:
            before = termios.tcgetattr(session.child.child_fd)
            session.answer_hidden("Password of ada", SERVED_PASSWORD)
            session.child.expect("asking Cognito")
            assert session.child.waitnoecho(30)
            session.child.send("Typed-Too-Early")
            session.child.sendintr()
            session.child.expect("Cancelled")

            assert termios.tcgetattr(session.child.child_fd) == before
            assert "Typed-Too-Early" not in session.text
            assert session.wait_for_exit() == ExitStatus.INTERRUPTED
            assert session.output.getvalue().rindex(SHOW_CURSOR) > session.output.getvalue().rindex(HIDE_CURSOR)


# ---- output of tokens --------------------------------------------------------------------------------------


def test_tokens_are_shown_only_on_request() -> None:
    """--json on a terminal is refused before any question, unless --show-tokens is given."""
    with start_session("--local", "password", "--json") as session:
        assert session.wait_for_exit() == ExitStatus.MISUSED
        assert "--show-tokens" in session.text
        assert "User name" not in session.text
    with start_session("--local", "password", "--json", "--show-tokens") as session:
        enter_name_and_password(session)
        assert session.wait_for_exit() == ExitStatus.SIGNED_IN
        assert '"AccessToken": "eyJ' in session.text


def test_tokens_are_piped(tmp_path: Path) -> None:
    """With --json in a pipe, the prompts are on the terminal and the pipe has only JSON."""
    piped = tmp_path / "piped.json"
    script = f"{sys.executable} -m authfsm signin --local password --json | cat > {piped}"
    with start_session(program=["sh", "-c", script]) as session:
        enter_name_and_password(session)
        session.wait_for_exit()
        tokens = json.loads(piped.read_text(encoding="utf-8"))

        assert set(tokens) == {
            "AccessToken", "IdToken", "RefreshToken", "TokenType", "ExpiresIn", "ExpiresAt",
        }  # fmt: skip
        assert not any(
            str(token) in session.text for name, token in tokens.items() if "Token" in name and name != "TokenType"
        )
        assert "The tokens were printed as JSON" in session.text


# ---- terminals ---------------------------------------------------------------------------------------------


def test_no_colour_if_it_is_switched_off() -> None:
    """With NO_COLOR there is no colour, not even in the QR code; bold text stays bold."""
    with start_session("--local", "setup", NO_COLOR="1") as session:
        enter_name_and_password(session)
        session.expect_question("Code that the app shows now")

        assert re.findall(r"\x1b\[[0-9;]*(?:3[0-8]|4[0-8]|9\d)[0-9;]*m", session.output.getvalue()) == []


def test_a_terminal_of_ascii_alone() -> None:
    """On an ASCII terminal the output is ASCII, and an address replaces the QR code."""
    with start_session("--local", "setup", PYTHONIOENCODING="ascii") as session:
        enter_name_and_password(session)
        session.expect_question("Code that the app shows now")

        assert session.text.isascii()
        assert "\\u" not in session.text
        assert "START > PASSWORD_VERIFIER > MFA_SETUP x2" in session.text
        assert "otpauth://totp/authfsm:ada?secret=" in session.text
        assert "Type this in the authenticator app:" in session.text
        assert "Scan" not in session.text


def test_a_narrow_terminal() -> None:
    """In forty columns no line is longer, except prompts, which wrap."""
    with start_session("--local", width=40) as session:
        enter_name_and_password(session)
        session.expect_question("Code sent by SMS")
        # The frames of the spinner, which begin with a Braille sign, are drawn over each other.
        lines = [line for line in re.split(r"\n|(?=[\u2800-\u28ff])", session.text) if not line.startswith("?")]

        assert [line for line in lines if len(line) > 40] == []


def test_help_names_every_example_and_exit_status() -> None:
    """--help names every example of --local and every exit status."""
    help_ = subprocess.run(
        [sys.executable, "-m", "authfsm", "signin", "--help"],
        check=True, capture_output=True, text=True, env={**_clean_environment(), "COLUMNS": "200"},
    ).stdout  # fmt: skip
    help_ = _on_one_line(help_)

    assert [name for name in DEMO_POOLS if name not in help_] == []
    assert [each for each in ExitStatus if f"{each.value} {each.meaning}" not in help_] == []
