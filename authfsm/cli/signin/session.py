"""A sign-in at the terminal, from the first prompt to the tokens.

Each refusal is handled by its recovery action: a prompt is repeated while the session survives, a throttled request
is sent again after a wait, and after a failed attempt the user is offered a new one. Steps that need no user input
happen automatically.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from shlex import quote
from typing import Final

from attrs import define, field, frozen

from authfsm.base.secret import Secret
from authfsm.cli.signin.answers import AnswerPrompter, OtherFactor, StartAgain
from authfsm.cli.signin.screen import ExitStatus, Misused, Screen, SignInEnded, why
from authfsm.cli.signin.secret_storage import RememberedDevices
from authfsm.cli.signin.user_input import InputEnded, UserInput, confirms
from authfsm.drivers.boto import Cognito, Flow
from authfsm.protocol.auth_flows import PASSWORD_FLOWS
from authfsm.protocol.error_policy import Fault, RecoveryAction
from authfsm.protocol.errors import AuthfsmError, InvalidInput, Refused, WrongResponse
from authfsm.protocol.replies import MfaSetup
from authfsm.protocol.responses import Response
from authfsm.protocol.states import State

PASSWORD_TRIES: Final = 3
"""The number of attempts that sudo and ssh allow, too."""

_WAITS: Final = (1.0, 2.0, 4.0)
_LONGEST_WAIT: Final = 300.0
_WITH_PASSWORD: Final = {State.PASSWORD.value, State.PASSWORD_SRP.value}
_OVER: Final = {RecoveryAction.START_AGAIN, RecoveryAction.WAIT_OUT}


_BY_ACTION: Final[Mapping[RecoveryAction, ExitStatus]] = {
    RecoveryAction.RESET_PASSWORD: ExitStatus.RESET_PASSWORD,
    RecoveryAction.CONFIRM_USER: ExitStatus.CONFIRM_USER,
    RecoveryAction.WAIT_OUT: ExitStatus.TOO_LATE,
    RecoveryAction.FIX_CONFIGURATION: ExitStatus.MISCONFIGURED,
}
_BY_FAULT: Final[Mapping[Fault, ExitStatus]] = {
    Fault.USER: ExitStatus.REFUSED,
    Fault.TIME: ExitStatus.TOO_LATE,
    Fault.SERVICE: ExitStatus.SERVICE_FAILED,
    Fault.OPERATOR: ExitStatus.MISCONFIGURED,
    # The user does not control the request: the settings of this command are wrong.
    Fault.CALLER: ExitStatus.MISCONFIGURED,
}


def exit_of(error: AuthfsmError) -> ExitStatus:
    """Return the exit code of an error that ends the sign-in: by its action, otherwise by its fault."""
    by_action = None if error.action is None else _BY_ACTION.get(error.action)
    return _BY_FAULT[error.fault] if by_action is None else by_action


@frozen
class SignInStart:
    """How the sign-in begins: `suggested` is the default user name, `remember` None asks."""

    flow: str = "USER_SRP_AUTH"
    preferred: str | None = None
    username: str | None = None
    suggested: str = ""
    password: Secret[str] | None = None
    password_first: bool = False
    remember: bool | None = None


@define
class SignInSession:
    """Signs one user in; `on_pool_messages` is called before each prompt."""

    _cognito: Cognito
    _start: SignInStart
    _answers: AnswerPrompter = field(kw_only=True)
    _user: UserInput = field(kw_only=True)
    _screen: Screen = field(kw_only=True)
    _devices: RememberedDevices = field(kw_only=True)
    _on_pool_messages: Callable[[Flow], None] = lambda _: None
    _sleep: Callable[[float], None] = time.sleep
    _username: str | None = field(init=False)
    _preferred: str | None = field(init=False)
    _tries: int = field(default=0, init=False)
    _last: AuthfsmError | None = field(default=None, init=False)
    _flow: Flow | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self._username, self._preferred = self._start.username, self._start.preferred
        self._answers.password = self._start.password

    def run(self) -> Flow:
        """Return the flow once it has tokens; raise SignInEnded, with the reason, if it will have none."""
        while True:
            try:
                return self._attempt()
            except StartAgain as again:  # noqa: PERF203 - a loop at a person's pace
                self._preferred = again.preferred or self._start.preferred
            except AuthfsmError as error:
                self._over(error)
            finally:
                if self._flow is not None and self._flow.tokens is None:
                    self._flow.cancel()  # which erases the password and the session

    def _attempt(self) -> Flow:
        start, answers = self._start, self._answers
        username = self._username = self._username or self._ask_username()
        device = None if start.remember is False else self._devices.of(username)
        flow = self._flow = self._cognito.start(
            answers.secret(f"Password of {username}") if self._takes_password() else None,
            device=device,
            walk=False,
        )
        self._give(flow, flow.initial_response(start.flow, username, self._preferred))
        while not flow.done:
            try:
                self._give(flow, self._next(flow))
            except (Refused, InvalidInput) as error:  # noqa: PERF203 - the same
                if error.action is not RecoveryAction.TRY_AGAIN or not error.survives:
                    raise
                self._last = error
                self._screen.bad(*why(error))
        if device is not None and flow.device is None:
            self._devices.drop(username)
            self._screen.note("Cognito no longer knows this device; its local record was deleted.")
        self._offer_to_remember(flow, username)
        return flow

    def _ask_username(self) -> str:
        """Ask for the user name; a pipe's first line is the password, so it is not read for this."""
        suggested = self._start.suggested
        if not self._user.present:
            if suggested:
                return suggested
            raise Misused("Without a terminal, --username (or AUTHFSM_USERNAME) is required.")
        username = self._user.line("User name", default=suggested)
        while not username:
            username = self._user.line("User name")
        return username

    def _takes_password(self) -> bool:
        flow, preferred = self._start.flow, self._preferred
        return (
            flow in PASSWORD_FLOWS
            or (flow == "USER_AUTH" and preferred in _WITH_PASSWORD)
            or (flow == "CUSTOM_AUTH" and self._start.password_first)
            or (flow == "ADMIN_NO_SRP_AUTH")
        )

    def _next(self, flow: Flow) -> Response:
        by_itself = flow.next_response()
        if by_itself is not None:
            return by_itself
        if not (isinstance(flow.challenge, MfaSetup) and flow.challenge.verified):
            self._screen.print_path(flow.history)
            self._on_pool_messages(flow)
        try:
            return self._answers.to(flow)
        except OtherFactor:
            return self._answers.elsewhere(flow)
        except InputEnded:
            if self._last is None:
                raise
            # The last line of standard input was refused, and there is no other.
            raise self._ended(self._last) from None

    def _give(self, flow: Flow, response: Response) -> None:
        """Send a response; send it again after a wait if it was throttled or lost."""
        for least in (*_WAITS, None):
            try:
                with self._screen.waiting(f"{response.trigger.replace('_', ' ')}: asking Cognito"):
                    flow.answer(response)
            except WrongResponse as error:  # noqa: PERF203 - the same
                raise SignInEnded(ExitStatus.NEEDS_BROWSER, str(error)) from None
            except AuthfsmError as error:
                if error.action is not RecoveryAction.WAIT or least is None or not error.survives:
                    raise
                pause = max(error.retry_after or 0.0, least)
                if pause > _LONGEST_WAIT:
                    raise
                reason, hint = why(error)
                self._screen.note(f"{reason} Retrying in {pause:g} s.", hint)
                with self._screen.waiting(f"waiting {pause:g} s"):
                    self._sleep(pause)
            else:
                return

    def _offer_to_remember(self, flow: Flow, username: str) -> None:
        if flow.tokens is None or flow.tokens.new_device is None or self._start.remember is False:
            return
        if self._start.remember is None and not confirms(self._user, "Remember this device", default=False):
            return
        try:
            with self._screen.waiting("confirm device: asking Cognito"):
                device = flow.confirm_device("authfsm")
        except AuthfsmError as error:
            # The tokens are here all the same.
            self._screen.note("The device was not remembered.", " ".join(why(error)))
            return
        self._screen.good(f"Device stored in {self._devices.keep(username, device)}")

    def _over(self, error: AuthfsmError) -> None:
        """Return to begin a new attempt, or raise SignInEnded."""
        flow, user = self._flow, self._user
        self._tries += 1
        if user.present and self._wants_secret(error):
            self._screen.note("This app client has a secret.", "or set AUTHFSM_CLIENT_SECRET")
            self._cognito.client_secret = user.hidden("Client secret")
            return
        if not user.present or error.action not in _OVER:
            raise self._ended(error)
        self._screen.bad(*why(error))
        self._answers.password = None
        if self._is_wrong_password(error, flow):
            if self._tries >= PASSWORD_TRIES:
                raise SignInEnded(exit_of(error), f"All {self._tries} attempts failed.")
            code = error.refusal.code if isinstance(error, Refused) else ""
            if self._start.username is None and code == "UserNotFoundException":
                self._username = None
            return
        if not confirms(user, "Start again", default=error.action is RecoveryAction.START_AGAIN):
            raise SignInEnded(exit_of(error))
        if error.retry_after:
            with self._screen.waiting(f"waiting {error.retry_after:g} s"):
                self._sleep(error.retry_after)

    def _is_wrong_password(self, error: AuthfsmError, flow: Flow | None) -> bool:
        return (
            error.fault is Fault.USER
            and flow is not None
            and self._takes_password()
            and not flow.signin.password_proved
        )

    def _wants_secret(self, error: AuthfsmError) -> bool:
        """Return whether the app client has a secret that was not given."""
        return (
            isinstance(error, Refused)
            and self._cognito.client_secret is None
            and "SECRET_HASH was not received" in error.refusal.message
        )

    def _ended(self, error: AuthfsmError) -> SignInEnded:
        code, (reason, hint) = exit_of(error), why(error)
        advice = error.action.advice if error.action and reason != error.for_person() else ""
        if self._wants_secret(error):
            advice = "The app client has a secret: set AUTHFSM_CLIENT_SECRET."
        return SignInEnded(code, reason, hint=hint, advice=advice, todo=self._todo(code))

    def _todo(self, code: ExitStatus) -> str:
        command = {
            ExitStatus.RESET_PASSWORD: "forgot-password",
            ExitStatus.CONFIRM_USER: "confirm-sign-up --confirmation-code CODE",
        }.get(code)
        if command is None or self._username is None:
            return ""
        of = f"--client-id {self._cognito.client_id} --username {quote(self._username)}"
        return f"aws cognito-idp {command} {of}"
