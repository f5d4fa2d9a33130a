"""`authfsm signin` at a terminal: the command runs in a pseudo-terminal, and a simulated person answers.

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
SERVED = "Served-Horse-7"
NEW = "Analytical-Engine-1843"
SHOW_CURSOR, HIDE_CURSOR = "\x1b[?25h", "\x1b[?25l"
AN_ESCAPE = re.compile(r"\x1b(\[[0-9;?]*[a-zA-Z]|\(B)")


@define
class TerminalSession:
    """A person at a terminal with the command.

    Args:
        child: the command.
        output: what it has written so far, escapes and all.
    """

    child: Any
    output: StringIO

    @property
    def screen(self) -> str:
        """Return the output so far, as a person reads it."""
        return AN_ESCAPE.sub("", self.output.getvalue()).replace("\r", "")

    def expects(self, question: str) -> None:
        """Wait for a question."""
        self.child.expect(f"{re.escape(question)}.*: (\\x1b\\[0m)?$")

    def types(self, question: str, answer: str) -> None:
        """Wait for a question and enter an answer that is shown."""
        self.expects(question)
        self.child.sendline(answer)

    def hides(self, question: str, answer: str) -> None:
        """Wait for a question whose answer is hidden, and enter it."""
        self.expects(question)
        assert self.child.waitnoecho(30), "the echo is still on"
        self.child.sendline(answer)

    def reads(self, pattern: str) -> str:
        """Wait for a line of output."""
        self.child.expect(pattern)
        text: str = self.child.match.group(1)
        return text

    def ends(self) -> int:
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
        options: of the command.
        width: of the terminal.
        program: another command line.
        environment: more of it.
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
    child.delaybeforesend = None  # `Sitting` waits for each prompt, and for the echo to be off
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


def enter_name_and_password(person: TerminalSession) -> None:
    """Enter the usual name and the right password."""
    person.types("User name", "")
    person.hides("Password of ada", PASSWORD)


# ---- each challenge ----------------------------------------------------------------------------------------


def test_a_code_by_sms_wrong_then_right() -> None:
    """Each step is described, a wrong code is refused and asked for again, and path and claims are shown."""
    with start_session("--local") as person:
        enter_name_and_password(person)
        code = person.reads(r"an SMS to \+15555550143: (\d{6})")
        person.types("Code sent by SMS to +*******0143", f"{(int(code) + 1) % 1_000_000:06d}")
        person.child.expect("CodeMismatchException")
        person.types("Code sent by SMS to", f"{code[:3]} {code[3:]}")

        assert person.ends() == ExitStatus.SIGNED_IN
        assert "START › PASSWORD_VERIFIER › SMS_MFA ×2 › AUTHENTICATED" in person.screen  # noqa: RUF001 - as shown
        assert "✓ Signed in as ada" in person.screen
        assert "groups   pioneers" in person.screen
        assert "eyJ" not in person.screen, "a token was shown"


def test_a_code_by_e_mail() -> None:
    """The prompt for a code names the medium and the masked address."""
    with start_session("--local", "email") as person:
        enter_name_and_password(person)
        code = person.reads(r"an e-mail to ada@example.com: (\d+)")
        person.types("Code sent by e-mail to a***@e***", code)

        assert person.ends() == ExitStatus.SIGNED_IN


def test_a_code_of_the_authenticator_app() -> None:
    """With --local the app's code is printed; letters are refused as a code before anything is sent."""
    with start_session("--local", "totp") as person:
        enter_name_and_password(person)
        code = person.reads(r"app would show: (\d{6})")
        person.types("Code of the authenticator app", "abc")
        person.child.expect("A code has only digits")
        person.types("Code of the authenticator app", code)

        assert person.ends() == ExitStatus.SIGNED_IN
        assert "×" not in person.screen  # noqa: RUF001 - as shown


def test_an_authenticator_app_is_enrolled() -> None:
    """The key is shown once with a warning and its QR code, and not again after a wrong code."""
    with start_session("--local", "setup") as person:
        enter_name_and_password(person)
        key = person.reads(r"key\W.*?((?:[A-Z2-7]{4} ){7}[A-Z2-7]{4})").replace(" ", "")
        app = pyotp.TOTP(key)
        person.expects("Code that the app shows now")
        person.child.sendline(f"{(int(app.now()) + 1) % 1_000_000:06d}")
        person.child.expect("EnableSoftwareTokenMFAException")
        person.types("Code that the app shows now", app.now())

        assert person.ends() == ExitStatus.SIGNED_IN
        assert person.screen.count("anyone who sees it can generate your codes") == 1
        assert person.screen.count("▀▀▀▀▀▀▀▀▀▀▀▀▀▀") >= 1, "no QR code"
        assert "MFA_SETUP ×4 › AUTHENTICATED" in person.screen  # noqa: RUF001 - as shown


def test_a_temporary_password_is_replaced() -> None:
    """A new password is entered hidden and twice; after a weak one the attributes are kept."""
    with start_session("--local", "new-password") as person:
        enter_name_and_password(person)
        person.hides("New password", "short")
        person.hides("Repeat it", "shorter")
        person.child.expect("The two entries differ")
        person.hides("New password", "short")
        person.hides("Repeat it", "short")
        person.types("Name", "Ada Lovelace")
        person.child.expect("InvalidPasswordException")
        person.hides("New password", f"{NEW}-x")
        person.hides("Repeat it", f"{NEW}-x")
        person.child.expect(r"Name.*\(Ada Lovelace\)")
        person.types("", "")

        assert person.ends() == ExitStatus.SIGNED_IN
        assert f"{NEW}-x" not in person.screen


def test_a_first_factor_is_chosen_and_left_for_another() -> None:
    """First factors are numbered choices; the person changes from a code by SMS to a password."""
    with start_session("--local", "choice") as person:
        person.types("User name", "ada")
        person.types("How to sign in [1-4]", "7")
        person.child.expect("Type a number from 1 to 4")
        person.types("How to sign in [1-4]", "sms_otp")
        person.types("Code sent by SMS to", "")
        person.child.expect("Sign in with another factor")
        person.types("What now", "2")
        person.child.expect("PASSWORD_SRP")
        person.types("How to sign in [1-3]", "password_srp")
        person.hides("Password", PASSWORD)

        assert person.ends() == ExitStatus.SIGNED_IN
        assert "SMS_OTP › PASSWORD_VERIFIER › AUTHENTICATED" in person.screen  # noqa: RUF001 - as shown


def test_a_second_factor_is_chosen() -> None:
    """SELECT_MFA_TYPE offers the second factors in plain words."""
    with start_session("--local", "mfa-choice") as person:
        enter_name_and_password(person)
        person.child.expect("A code of your authenticator app")
        person.types("Second factor [1-2]", "software_token_mfa")
        person.types("Code of the authenticator app", person.reads(r"app would show: (\d{6})"))

        assert person.ends() == ExitStatus.SIGNED_IN


def test_visible_and_hidden_answers_to_a_custom_challenge() -> None:
    """Public parameters are shown; after an empty line the answer is entered hidden."""
    with start_session("--local", "custom") as person:
        person.types("User name", "")
        person.child.expect("Up, but never down")
        person.types("Answer", "a balloon")
        person.types("Answer", "")
        person.hides("Answer, hidden", "age")

        assert person.ends() == ExitStatus.SIGNED_IN


def test_a_passkey_is_for_browsers() -> None:
    """WEB_AUTHN is not offered as a choice; if Cognito issues it, the person can change to another factor."""
    with start_session("--local", "passkey", "--preferred", "WEB_AUTHN") as person:
        person.types("User name", "")
        person.child.expect("a terminal does not have")
        person.types("How to sign in [1-3]", "email_otp")
        person.types("Code sent by e-mail", person.reads(r"an e-mail to ada@example.com: (\d+)"))

        assert person.ends() == ExitStatus.SIGNED_IN
        assert "WEB_AUTHN › EMAIL_OTP" in person.screen  # noqa: RUF001 - as shown


def test_a_remembered_device_replaces_the_code() -> None:
    """After the first sign-in the device is stored, and the second sign-in needs no code."""
    with start_session("--local", "device") as person:
        enter_name_and_password(person)
        code = person.reads(r"an SMS to \+15555550143: (\d{6})")
        person.types("Code sent by SMS to", code)
        person.types("Remember this device", "perhaps")
        person.types("Remember this device", "y")
        person.hides("Password of ada", PASSWORD)

        assert person.ends() == ExitStatus.SIGNED_IN
        assert "DEVICE_SRP_AUTH › DEVICE_PASSWORD_VERIFIER › AUTHENTICATED" in _on_one_line(person.screen)  # noqa: RUF001 - as shown


def _on_one_line(text: str) -> str:
    return " ".join(text.split())


def test_a_challenge_of_an_unknown_name() -> None:
    """An unknown challenge is named, its fields are asked for, and a refusal offers to start again."""
    with start_session("--local", "other") as person:
        person.types("User name", "")
        person.child.expect("know the challenge CAPTCHA_CHALLENGE")
        person.types("Field of the answer", "")
        person.types("ANSWER", "42")
        person.types("Another field", "")
        person.types("Start again", "y")
        person.types("Field of the answer", "")
        person.types("ANSWER", "43")
        person.types("Another field", "")
        person.types("Start again", "n")

        assert person.ends() == ExitStatus.MISCONFIGURED


# ---- refusals ----------------------------------------------------------------------------------------------


def test_a_wrong_password_can_be_typed_three_times() -> None:
    """After a wrong password only the password is asked for; the third one ends with status 1."""
    with start_session("--local") as person:
        person.types("User name", "ada")
        for _ in range(3):
            person.hides("Password of ada", WRONG)

        assert person.ends() == ExitStatus.REFUSED
        assert "All 3 attempts failed" in person.screen
        assert WRONG not in person.screen


@pytest.mark.parametrize(
    ("trial", "code", "message"),
    [
        ("reset", ExitStatus.RESET_PASSWORD, "aws cognito-idp forgot-password"),
        ("unconfirmed", ExitStatus.CONFIRM_USER, "aws cognito-idp confirm-sign-up"),
    ],
)
def test_a_required_first_step_is_named(trial: str, code: ExitStatus, message: str) -> None:
    """If something must be done first, its command line is shown, and the exit status is its own."""
    with start_session("--local", trial) as person:
        enter_name_and_password(person)

        assert person.ends() == code
        assert message in person.screen


def test_an_app_client_with_a_secret_asks_for_it() -> None:
    """If Cognito requires SECRET_HASH, the secret is asked for and the sign-in begins again.

    So are the pool and the client, where no option names them.
    """
    with (
        serve_in_thread(client_secret="s" * 51, users=[{"username": "ada", "password": SERVED}]) as pool,
        start_session("--endpoint-url", pool.url) as person,
    ):
        person.types("User pool id", POOL_ID)
        person.types("App client id", CLIENT_ID)
        person.types("User name", "ada")
        person.hides("Password of ada", SERVED)
        person.hides("Client secret", "s" * 51)

        assert person.ends() == ExitStatus.SIGNED_IN
        assert "s" * 51 not in person.screen
        assert SERVED not in person.screen


def test_a_request_without_the_client_secret_counts_as_no_wrong_password() -> None:
    """The attempt that Cognito refused for a missing SECRET_HASH leaves all three attempts for the password."""
    with (
        serve_in_thread(client_secret="s" * 51, users=[{"username": "ada", "password": SERVED}]) as pool,
        start_session(
            "--endpoint-url", pool.url, "--pool-id", POOL_ID, "--client-id", CLIENT_ID, "--username", "ada"
        ) as person,
    ):
        person.hides("Password of ada", WRONG)
        person.hides("Client secret", "s" * 51)
        person.hides("Password of ada", WRONG)
        person.hides("Password of ada", SERVED)

        assert person.ends() == ExitStatus.SIGNED_IN


# ---- signals -----------------------------------------------------------------------------------------------


QUESTIONS = [("User name", ""), ("Password of ada", PASSWORD), ("Code sent by SMS", ""), ("What now", "")]


@pytest.mark.parametrize("number", range(len(QUESTIONS)), ids=[each for each, _ in QUESTIONS])
@pytest.mark.parametrize("key", ["Ctrl-C", "Ctrl-D"])
def test_leaving_at_any_prompt(number: int, key: str) -> None:
    """Leaving at any prompt ends with 130, restores the terminal, and shows no token or traceback."""
    with start_session("--local") as person:
        before = termios.tcgetattr(person.child.child_fd)
        for question, answer in QUESTIONS[:number]:
            (person.hides if answer else person.types)(question, answer)
        person.expects(QUESTIONS[number][0])
        if QUESTIONS[number][1]:  # getpass discards input that arrives before the echo is off
            assert person.child.waitnoecho(30)
        press = person.child.sendintr if key == "Ctrl-C" else person.child.sendeof
        press()
        if person.child.expect(["Cancelled", pexpect.TIMEOUT], timeout=1):
            press()  # a signal just before getpass reads waits for the next key
            person.child.expect("Cancelled")

        assert termios.tcgetattr(person.child.child_fd) == before
        assert person.ends() == ExitStatus.INTERRUPTED
        assert "Traceback" not in person.screen


def test_a_signal_at_a_hidden_prompt() -> None:
    """SIGTERM brings the echo back on before the process ends with 143."""
    with start_session("--local") as person:
        before = termios.tcgetattr(person.child.child_fd)
        person.types("User name", "")
        person.expects("Password of ada")
        assert person.child.waitnoecho(30)
        person.child.kill(signal.SIGTERM)
        person.child.expect("Ended by a signal")

        assert termios.tcgetattr(person.child.child_fd) == before
        assert person.ends() == ExitStatus.TERMINATED


def test_ctrl_c_while_cognito_is_silent() -> None:
    """Ctrl-C ends a request without a reply at once, and restores the cursor.

    What is typed meanwhile, a password say, is not shown; afterwards the terminal is as it was.
    """
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with start_session(*at_pool(url, "--username", "ada")) as person:
            before = termios.tcgetattr(person.child.child_fd)
            person.hides("Password of ada", SERVED)
            person.child.expect("asking Cognito")
            assert person.child.waitnoecho(30)
            person.child.send("Typed-Too-Early")
            person.child.sendintr()
            person.child.expect("Cancelled")

            assert termios.tcgetattr(person.child.child_fd) == before
            assert "Typed-Too-Early" not in person.screen
            assert person.ends() == ExitStatus.INTERRUPTED
            assert person.output.getvalue().rindex(SHOW_CURSOR) > person.output.getvalue().rindex(HIDE_CURSOR)


# ---- output of tokens --------------------------------------------------------------------------------------


def test_tokens_are_shown_only_on_request() -> None:
    """--json on a terminal is refused before any question, unless --show-tokens is given."""
    with start_session("--local", "password", "--json") as person:
        assert person.ends() == ExitStatus.MISUSED
        assert "--show-tokens" in person.screen
        assert "User name" not in person.screen
    with start_session("--local", "password", "--json", "--show-tokens") as person:
        enter_name_and_password(person)
        assert person.ends() == ExitStatus.SIGNED_IN
        assert '"AccessToken": "eyJ' in person.screen


def test_tokens_are_piped(tmp_path: Path) -> None:
    """With --json in a pipe, the prompts are on the terminal and the pipe has only JSON."""
    piped = tmp_path / "piped.json"
    script = f"{sys.executable} -m authfsm signin --local password --json | cat > {piped}"
    with start_session(program=["sh", "-c", script]) as person:
        enter_name_and_password(person)
        person.ends()
        tokens = json.loads(piped.read_text(encoding="utf-8"))

        assert set(tokens) == {
            "AccessToken", "IdToken", "RefreshToken", "TokenType", "ExpiresIn", "ExpiresAt",
        }  # fmt: skip
        assert not any(
            str(token) in person.screen
            for name, token in tokens.items()
            if "Token" in name and name != "TokenType"
        )
        assert "The tokens were printed as JSON" in person.screen


# ---- terminals ---------------------------------------------------------------------------------------------


def test_no_colour_if_it_is_switched_off() -> None:
    """With NO_COLOR there is no colour, not even in the QR code; bold text stays bold."""
    with start_session("--local", "setup", NO_COLOR="1") as person:
        enter_name_and_password(person)
        person.expects("Code that the app shows now")

        assert re.findall(r"\x1b\[[0-9;]*(?:3[0-8]|4[0-8]|9\d)[0-9;]*m", person.output.getvalue()) == []


def test_a_terminal_of_ascii_alone() -> None:
    """On an ASCII terminal the output is ASCII, and an address replaces the QR code."""
    with start_session("--local", "setup", PYTHONIOENCODING="ascii") as person:
        enter_name_and_password(person)
        person.expects("Code that the app shows now")

        assert person.screen.isascii()
        assert "\\u" not in person.screen
        assert "START > PASSWORD_VERIFIER > MFA_SETUP x2" in person.screen
        assert "otpauth://totp/authfsm:ada?secret=" in person.screen


def test_a_narrow_terminal() -> None:
    """In forty columns no line is longer, except prompts, which wrap."""
    with start_session("--local", width=40) as person:
        enter_name_and_password(person)
        person.expects("Code sent by SMS")
        # The frames of the spinner, which begin with a Braille sign, are drawn over each other.
        lines = [
            line for line in re.split(r"\n|(?=[\u2800-\u28ff])", person.screen) if not line.startswith("?")
        ]

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
