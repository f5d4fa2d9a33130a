"""A sign-in at the terminal, from the first prompt to the tokens.

Each refusal is handled by its recovery action: a prompt is repeated while the session survives, a throttled request
is sent again after a wait, and if starting again can help, the user can begin a new attempt. Steps that need no user input
are taken automatically.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from shlex import quote
from typing import Final

from attrs import define, field, frozen

from authfsm.base.secret import Secret
from authfsm.cli.signin.answers import AnswerPrompter, OtherFactor, StartAgain
from authfsm.cli.signin.screen import ExitStatus, Misused, Screen, SignInEnded, reason_and_code
from authfsm.cli.signin.secret_storage import RememberedDevices
from authfsm.cli.signin.user_input import InputEnded, UserInput, confirms
from authfsm.drivers.boto import Cognito, Flow
from authfsm.protocol.auth_flows import PASSWORD_FLOWS
from authfsm.protocol.error_policy import Fault, RecoveryAction
from authfsm.protocol.errors import AuthfsmError, InvalidInput, Refused, WrongResponse
from authfsm.protocol.replies import MfaSetup
from authfsm.protocol.responses import RawAnswer, Response
from authfsm.protocol.states import State

PASSWORD_TRIES: Final = 3
"""The command ends after this many attempts with a wrong password, like sudo and ssh."""

_WAITS: Final = (1.0, 2.0, 4.0)  # seconds, before each repetition of a request
_LONGEST_WAIT: Final = 300.0  # seconds
_WITH_PASSWORD: Final = {State.PASSWORD.value, State.PASSWORD_SRP.value}
# After too many attempts (WAIT_OUT), only a new sign-in helps; after WAIT the same request is sent again.
_NEW_ATTEMPT_ACTIONS: Final = {RecoveryAction.START_AGAIN, RecoveryAction.WAIT_OUT}

_BY_ACTION: Final[Mapping[RecoveryAction, ExitStatus]] = {
    RecoveryAction.RESET_PASSWORD: ExitStatus.RESET_PASSWORD,
    RecoveryAction.CONFIRM_USER: ExitStatus.CONFIRM_USER,
    RecoveryAction.WAIT_OUT: ExitStatus.TRY_LATER,
    RecoveryAction.FIX_CONFIGURATION: ExitStatus.MISCONFIGURED,
}
_BY_FAULT: Final[Mapping[Fault, ExitStatus]] = {
    Fault.USER: ExitStatus.REFUSED,
    Fault.TIME: ExitStatus.TRY_LATER,
    Fault.SERVICE: ExitStatus.SERVICE_FAILED,
    Fault.OPERATOR: ExitStatus.MISCONFIGURED,
    # This command builds every request, so an invalid one means that an option of the command is wrong.
    Fault.CALLER: ExitStatus.MISCONFIGURED,
}


def _is_denial(error: AuthfsmError) -> bool:
    """Return whether a Lambda function of the pool denies the user.

    This error has the action START_AGAIN, but the function would deny the same user again.
    """
    return error.fault is Fault.OPERATOR and error.action is RecoveryAction.START_AGAIN


def exit_status(error: AuthfsmError) -> ExitStatus:
    """Return the exit code of an error that ends the sign-in."""
    if _is_denial(error):
        return ExitStatus.REFUSED
    by_action = None if error.action is None else _BY_ACTION.get(error.action)
    return _BY_FAULT[error.fault] if by_action is None else by_action


@frozen
class SignInStart:
    """How a sign-in begins: the options of the command."""

    flow: str = "USER_SRP_AUTH"
    preferred: str | None = None
    username: str | None = None
    suggested: str = ""  # the default answer to the question for the user name
    password: Secret[str] | None = None
    password_first: bool = False
    remember: bool | None = None  # whether to remember a new device; None asks the user


@define
class SignInSession:
    """Signs one user in. For a pool of `signin --local`, `is_demo` is true, and `print_pool_messages` prints its messages."""

    _cognito: Cognito
    _start: SignInStart
    _prompter: AnswerPrompter = field(kw_only=True)
    _user_input: UserInput = field(kw_only=True)
    _screen: Screen = field(kw_only=True)
    _devices: RememberedDevices = field(kw_only=True)
    _print_pool_messages: Callable[[Flow], None] = lambda _: None
    _is_demo: bool = False
    _sleep: Callable[[float], None] = time.sleep
    _username: str | None = field(init=False)
    _preferred: str | None = field(init=False)
    _tries: int = field(default=0, init=False)
    _password: Secret[str] | None = field(default=None, init=False)
    _last_error: AuthfsmError | None = field(default=None, init=False)
    _flow: Flow | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self._username, self._preferred = self._start.username, self._start.preferred
        self._prompter.password = self._start.password

    def run(self) -> Flow:
        """Sign in, and return the flow with its tokens; raise SignInEnded if there will be none."""
        while True:
            try:
                return self._attempt()
            except StartAgain as restart:  # noqa: PERF203 - a loop at a person's pace
                self._preferred = restart.preferred or self._start.preferred
            except AuthfsmError as error:
                self._handle_failed_attempt(error)
            finally:
                if self._flow is not None and self._flow.tokens is None:
                    self._flow.cancel()  # which erases the password and the session

    def _attempt(self) -> Flow:
        start, prompter = self._start, self._prompter
        username = self._username = self._username or self._ask_username()
        device = None if start.remember is False else self._devices.of(username)
        self._password = prompter.secret(f"Password of {username}") if self._takes_password() else None
        flow = self._flow = self._cognito.start(self._password, device=device, walk=False)
        self._send(flow, flow.initial_response(start.flow, username, self._preferred))
        while not flow.done:
            try:
                self._send(flow, self._next_response(flow))
                self._last_error = None
            except (Refused, InvalidInput) as error:  # noqa: PERF203 - a loop at a person's pace
                if error.action is not RecoveryAction.TRY_AGAIN or not error.survives:
                    raise
                self._last_error = error
                self._screen.bad(*reason_and_code(error))
        if device is not None and flow.device is None:
            self._devices.drop(username)
            self._screen.note("Cognito no longer knows this device; its local record was deleted.")
        self._offer_to_remember(flow, username)
        return flow

    def _ask_username(self) -> str:
        """Ask for the user name, only at a terminal: with --password-stdin the first line of input is the password."""
        suggested = self._start.suggested
        if not self._user_input.is_interactive:
            if suggested:
                return suggested
            raise Misused("With --password-stdin, or without a terminal, --username (or AUTHFSM_USERNAME) is required.")
        username = self._user_input.line("User name", default=suggested)
        while not username:
            username = self._user_input.line("User name")
        return username

    def _takes_password(self) -> bool:
        flow, preferred = self._start.flow, self._preferred
        return (
            flow in PASSWORD_FLOWS
            or (flow == "USER_AUTH" and preferred in _WITH_PASSWORD)
            or (flow == "CUSTOM_AUTH" and self._start.password_first)
            or (flow == "ADMIN_NO_SRP_AUTH")
        )

    def _next_response(self, flow: Flow) -> Response:
        automatic = flow.next_response()
        if automatic is not None:
            return automatic
        if not (isinstance(flow.challenge, MfaSetup) and flow.challenge.verified):
            self._screen.print_path(flow.history)
            self._print_pool_messages(flow)
        try:
            return self._prompter.answer(flow)
        except OtherFactor:
            return self._prompter.choose_other_factor(flow)
        except InputEnded:
            if self._last_error is None:
                raise
            # The last line of standard input was refused, and there is no further line.
            raise self._ended(self._last_error) from None

    def _send(self, flow: Flow, response: Response) -> None:
        """Send a response; send it again after a wait if it was throttled or lost."""
        for shortest_wait in (*_WAITS, None):
            try:
                with self._screen.waiting(f"{response.trigger.replace('_', ' ')}: asking Cognito"):
                    flow.answer(response)
            except WrongResponse as error:  # noqa: PERF203 - a loop that waits
                raise SignInEnded(ExitStatus.NOT_IN_TERMINAL, str(error)) from None
            except AuthfsmError as error:
                if error.action is not RecoveryAction.WAIT or shortest_wait is None or not error.survives:
                    raise
                pause = max(error.retry_after or 0.0, shortest_wait)
                if pause > _LONGEST_WAIT:
                    raise
                reason, hint = reason_and_code(error)
                self._screen.note(f"{reason} Retrying in {pause:g} s.", hint)
                with self._screen.waiting(f"waiting {pause:g} s"):
                    self._sleep(pause)
            else:
                return

    def _offer_to_remember(self, flow: Flow, username: str) -> None:
        if flow.tokens is None or flow.tokens.new_device is None or self._start.remember is False:
            return
        if self._start.remember is None and not confirms(self._user_input, "Remember this device", default=False):
            return
        try:
            with self._screen.waiting("confirm device: asking Cognito"):
                device = flow.confirm_device("authfsm")
        except AuthfsmError as error:
            # The sign-in has succeeded anyway.
            self._screen.note("The device was not remembered.", " ".join(reason_and_code(error)))
            return
        self._screen.good(f"Device stored in {self._devices.keep(username, device)}")

    def _handle_failed_attempt(self, error: AuthfsmError) -> None:
        """Prepare a new attempt; raise SignInEnded if there is to be none.

        After a wrong password the new attempt begins at once. If only the client secret is missing, it begins as soon as
        the user has entered the secret. After another error with the action START_AGAIN or WAIT_OUT (too many attempts) the
        user is first asked whether to start again. There is no new attempt in three cases: without a terminal, after a
        denial by a Lambda function, or if the wait would exceed five minutes.
        """
        flow, user = self._flow, self._user_input
        if user.is_interactive and self._needs_client_secret(error):
            self._screen.note("This app client has a secret.", "enter it, or set AUTHFSM_CLIENT_SECRET")
            self._cognito.client_secret = user.hidden("Client secret")
            self._prompter.password = self._password  # Cognito has not checked the password yet
            return
        if not user.is_interactive or error.action not in _NEW_ATTEMPT_ACTIONS or _is_denial(error):
            raise self._ended(error)
        self._screen.bad(*reason_and_code(error))
        self._prompter.password = None
        last = flow.history[-1] if flow is not None and flow.history else None
        tried_password = last and (last.response.may_carry_password or last.source is State.PASSWORD_VERIFIER)
        by_password = self._takes_password() or tried_password
        if flow is not None and flow.signin.password_proved:
            self._tries = 0
        unproved = flow is not None and by_password and not flow.signin.password_proved
        if unproved and error.fault is Fault.USER:
            self._tries += 1
            if self._tries >= PASSWORD_TRIES:
                raise SignInEnded(self._exit_status(error), f"All {self._tries} attempts failed.")
            code = error.refusal.code if isinstance(error, Refused) else ""
            if self._start.username is None and code == "UserNotFoundException":
                self._username = None
            return
        too_long = (error.retry_after or 0.0) > _LONGEST_WAIT
        if too_long or not confirms(user, "Start again", default=error.action is RecoveryAction.START_AGAIN):
            raise SignInEnded(self._exit_status(error))
        if error.retry_after:
            with self._screen.waiting(f"waiting {error.retry_after:g} s"):
                self._sleep(error.retry_after)

    def _needs_client_secret(self, error: AuthfsmError) -> bool:
        """Return whether Cognito refused because the app client has a secret and the command does not know it."""
        return (
            isinstance(error, Refused)
            and self._cognito.client_secret is None
            and "SECRET_HASH was not received" in error.refusal.message
        )

    def _exit_status(self, error: AuthfsmError) -> ExitStatus:
        last = self._flow.history[-1:] if self._flow is not None else ()
        typed_by_user = any(step.response is RawAnswer for step in last)  # all other requests are built by this command
        return ExitStatus.REFUSED if typed_by_user else exit_status(error)

    def _ended(self, error: AuthfsmError) -> SignInEnded:
        code, (reason, hint) = self._exit_status(error), reason_and_code(error)
        # `for_person()` already says what to do. If the reason is Cognito's message, the action's advice is added.
        needs_advice = reason != error.for_person() and not _is_denial(error)
        advice = error.action.advice if error.action and needs_advice else ""
        if self._needs_client_secret(error):
            advice = "The app client has a secret: set AUTHFSM_CLIENT_SECRET."
        return SignInEnded(code, reason, hint=hint, advice=advice, command=self._aws_command(code))

    def _aws_command(self, code: ExitStatus) -> str:
        command = {
            ExitStatus.RESET_PASSWORD: "forgot-password",
            ExitStatus.CONFIRM_USER: "confirm-sign-up --confirmation-code CODE",
        }.get(code)
        cognito = self._cognito
        # `aws` cannot call a pool of this process, nor compute the SECRET_HASH that an app client with a secret needs.
        if command is None or self._username is None or self._is_demo or cognito.client_secret is not None:
            return ""
        region, url = cognito.client.meta.region_name, cognito.client.meta.endpoint_url
        options = f"--client-id {cognito.client_id} --username {quote(self._username)} --region {region}"
        endpoint = "" if ".amazonaws.com" in url else f" --endpoint-url {quote(url)}"
        return f"aws cognito-idp {command} {options}{endpoint} --no-sign-request"
