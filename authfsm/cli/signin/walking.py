"""A sign-in from its first question to its tokens: one step at a time, and each refusal by its action.

Where the session survives the same is asked again; where Cognito wants time it gets it; where the
attempt is over the person is offered a new one. What needs no person is never asked.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from shlex import quote
from typing import Final

from attrs import frozen

from authfsm.base.secret import Secret
from authfsm.cli.signin.answers import Answers, Elsewhere, StartAgain
from authfsm.cli.signin.exits import Ended, Exit, exit_of
from authfsm.cli.signin.screen import Screen, why
from authfsm.cli.signin.secret_storage import Devices
from authfsm.cli.signin.user_input import InputEnded, UserInput, agrees
from authfsm.drivers.boto import Cognito, Flow
from authfsm.protocol.auth_flows import PASSWORD_FLOWS
from authfsm.protocol.error_policy import Fault, RecoveryAction
from authfsm.protocol.errors import (
    AuthfsmError,
    ConnectionLost,
    InvalidInput,
    Refused,
    WrongResponse,
)
from authfsm.protocol.replies import MfaSetup
from authfsm.protocol.responses import Response
from authfsm.protocol.states import State

PASSWORD_TRIES: Final = 3
"""As many as sudo and ssh give."""

_WAITS: Final = (1.0, 2.0, 4.0)
_LONGEST_WAIT: Final = 300.0
_WITH_PASSWORD: Final = {State.PASSWORD.value, State.PASSWORD_SRP.value}
_OVER: Final = {RecoveryAction.START_AGAIN, RecoveryAction.WAIT_OUT}


@frozen
class SignInStart:
    """How the sign-in begins.

    Args:
        flow: the AuthFlow.
        preferred: PREFERRED_CHALLENGE, for USER_AUTH.
        username: the user's name, if it is known; it is asked for otherwise.
        suggested: what is taken for it if nothing is typed.
        password: the password, if it is known.
        password_first: CUSTOM_AUTH proves a password before anything else.
        remember: is this device to be remembered? None asks.
    """

    flow: str = "USER_SRP_AUTH"
    preferred: str | None = None
    username: str | None = None
    suggested: str = ""
    password: Secret[str] | None = None
    password_first: bool = False
    remember: bool | None = None


class SigningIn:
    """One person's way to their tokens.

    Args:
        cognito: the pool and its app client.
        opening: how it begins.
        answers: what the person answers.
        person: who answers.
        screen: what they see.
        devices: the remembered devices of this machine.
        pool_told: tells what an embedded pool would have sent; called before each question.
        sleep: waits that many seconds.
    """

    def __init__(
        self,
        cognito: Cognito,
        opening: SignInStart,
        *,
        answers: Answers,
        person: UserInput,
        screen: Screen,
        devices: Devices,
        pool_told: Callable[[Flow], None] = lambda _: None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._cognito = cognito
        self._opening = opening
        self._answers = answers
        self._person = person
        self._screen = screen
        self._devices = devices
        self._pool_told = pool_told
        self._sleep = sleep
        self._username = opening.username
        self._preferred = opening.preferred
        self._tries = 0
        self._last: AuthfsmError | None = None
        self._flow: Flow | None = None
        answers.password = opening.password

    def run(self) -> Flow:
        """Go on until the tokens are here.

        Raises:
            Ended: they will not come; its exit code says why.
        """
        while True:
            try:
                return self._attempt()
            except StartAgain as again:  # noqa: PERF203 - a loop at a person's pace
                self._preferred = again.preferred or self._opening.preferred
            except AuthfsmError as error:
                self._over(error)
            finally:
                self._let_go()

    def _let_go(self) -> None:
        """Whatever happened: an attempt without tokens keeps no password and no session."""
        if self._flow is not None and self._flow.tokens is None:
            self._flow.cancel()

    # ---- one attempt -----------------------------------------------------------------------------------

    def _attempt(self) -> Flow:
        opening, answers = self._opening, self._answers
        username = self._username or self._person.line("User name", default=opening.suggested)
        while not username:
            username = self._person.line("User name")
        self._username = username
        device = None if opening.remember is False else self._devices.of(username)
        flow = self._flow = self._cognito.start(
            answers.secret(f"Password of {username}") if self._takes_password() else None,
            device=device,
            walk=False,
        )
        self._give(flow, flow.initial_response(opening.flow, username, self._preferred))
        while not flow.done:
            try:
                self._give(flow, self._next(flow))
            except (Refused, InvalidInput) as error:  # noqa: PERF203 - the same
                if error.action is not RecoveryAction.TRY_AGAIN or not error.survives:
                    raise
                self._last = error
                self._screen.refused(error)
        if device is not None and flow.device is None:
            self._devices.drop(username)
            self._screen.note("Cognito no longer knows this device; its local record was deleted.")
        self._offer_to_remember(flow, username)
        return flow

    def _takes_password(self) -> bool:
        flow, preferred = self._opening.flow, self._preferred
        return (
            flow in PASSWORD_FLOWS
            or (flow == "USER_AUTH" and preferred in _WITH_PASSWORD)
            or (flow == "CUSTOM_AUTH" and self._opening.password_first)
            or (flow == "ADMIN_NO_SRP_AUTH")
        )

    def _next(self, flow: Flow) -> Response:
        by_itself = flow.next_response()
        if by_itself is not None:
            return by_itself
        if not (isinstance(flow.challenge, MfaSetup) and flow.challenge.verified):
            self._screen.stands(flow.history)
            self._pool_told(flow)
        try:
            return self._answers.to(flow)
        except Elsewhere:
            return self._answers.elsewhere(flow)
        except InputEnded:
            if self._last is None:
                raise
            # The last line of standard input was refused, and there is no other.
            raise self._ended(self._last) from None

    def _give(self, flow: Flow, response: Response) -> None:
        """Send it; what was throttled or lost is sent again, after a while."""
        for least in (*_WAITS, None):
            try:
                with self._screen.waiting(f"{response.trigger.replace('_', ' ')}: asking Cognito"):
                    flow.answer(response)
            except WrongResponse as error:  # noqa: PERF203 - the same
                raise Ended(Exit.NOT_HERE, str(error)) from None
            except AuthfsmError as error:
                if error.action is not RecoveryAction.WAIT or least is None or not error.survives:
                    raise
                pause = max(error.retry_after or 0.0, least)
                if pause > _LONGEST_WAIT:
                    raise
                reason, aside = why(error)
                self._screen.note(f"{reason} Retrying in {pause:g} s.", aside)
                with self._screen.waiting(f"waiting {pause:g} s"):
                    self._sleep(pause)
            else:
                return

    def _offer_to_remember(self, flow: Flow, username: str) -> None:
        if flow.tokens is None or flow.tokens.new_device is None or self._opening.remember is False:
            return
        if self._opening.remember is None and not agrees(
            self._person, "Remember this device", default=False
        ):
            return
        try:
            with self._screen.waiting("confirm device: asking Cognito"):
                device = flow.confirm_device("authfsm")
        except AuthfsmError as error:
            # The tokens are here all the same.
            self._screen.note("The device was not remembered.", " ".join(why(error)))
            return
        self._screen.good(f"Device stored in {self._devices.keep(username, device)}")

    # ---- when it is over -------------------------------------------------------------------------------

    def _over(self, error: AuthfsmError) -> None:
        """Return to begin anew; raise what ends the command."""
        flow, person = self._flow, self._person
        self._tries += 1
        if person.present and self._wants_secret(error):
            self._screen.note("This app client has a secret.", "or set AUTHFSM_CLIENT_SECRET")
            self._cognito.client_secret = person.hidden("Client secret")
            return
        if not person.present or error.action not in _OVER:
            raise self._ended(error)
        self._screen.refused(error)
        self._answers.password = None
        if self._is_wrong_password(error, flow):
            if self._tries >= PASSWORD_TRIES:
                raise Ended(exit_of(error), f"All {self._tries} attempts failed.")
            if self._opening.username is None and _code(error) == "UserNotFoundException":
                self._username = None
            return
        if error.action is RecoveryAction.WAIT_OUT:
            self._screen.note(RecoveryAction.WAIT_OUT.advice)
        if not agrees(person, "Start again", default=error.action is RecoveryAction.START_AGAIN):
            raise Ended(exit_of(error))
        if error.retry_after:
            with self._screen.waiting(f"waiting {error.retry_after:g} s"):
                self._sleep(error.retry_after)

    def _is_wrong_password(self, error: AuthfsmError, flow: Flow | None) -> bool:
        """Is it the password that was wrong, so that another can be asked for at once?"""
        return (
            error.fault is Fault.USER
            and flow is not None
            and self._takes_password()
            and not flow.signin.password_proved
        )

    def _wants_secret(self, error: AuthfsmError) -> bool:
        """Does the app client have a secret, and nobody has said so?"""
        return (
            isinstance(error, Refused)
            and self._cognito.client_secret is None
            and "SECRET_HASH was not received" in error.refusal.message
        )

    def _ended(self, error: AuthfsmError) -> Ended:
        code, (reason, aside) = exit_of(error), why(error)
        advice = error.action.advice if error.action else ""
        if isinstance(error, (ConnectionLost, InvalidInput)):
            advice = ""  # it was sent again, more than once; or the reason says what is right
        if self._wants_secret(error):
            advice = "This app client has a secret: set AUTHFSM_CLIENT_SECRET."
        return Ended(
            code,
            reason,
            aside=aside,
            advice=advice,
            todo=self._todo(code),
        )

    def _todo(self, code: Exit) -> str:
        command = {
            Exit.RESET_PASSWORD: "forgot-password",
            Exit.CONFIRM_USER: "confirm-sign-up --confirmation-code CODE",
        }.get(code)
        if command is None or self._username is None:
            return ""
        of = f"--client-id {self._cognito.client_id} --username {quote(self._username)}"
        return f"aws cognito-idp {command} {of}"


def _code(error: AuthfsmError) -> str:
    return error.refusal.code if isinstance(error, Refused) else ""
