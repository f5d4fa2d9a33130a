"""Runs a whole sign-in with this package's own client, which follows the protocol, and answers each challenge.

A rule fails if a reply is not in the protocol's table, if a right answer is refused, or if tokens come too early.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from attrs import define

from authfsm.conformance.pool_client import AuthenticatorApp, PoolClient, PoolUser
from authfsm.conformance.pools import CUSTOM_ANSWER, NEW_PASSWORD
from authfsm.conformance.verdicts import NotSupported, RuleFailed, RuleSeverity, Skipped
from authfsm.drivers.boto import Flow
from authfsm.protocol import responses as r
from authfsm.protocol.errors import AuthfsmError, ConnectionLost, ProtocolViolation, Refused
from authfsm.protocol.replies import MfaSetup, WebAuthn
from authfsm.protocol.responses import Response
from authfsm.protocol.states import State

if TYPE_CHECKING:
    from authfsm.conformance.passkey import VirtualPasskey

S = State
_MOST_ANSWERS: Final = 12
# Challenges after which the expected one may still come.
_INTERMEDIATE: Final = {
    S.SELECT_CHALLENGE, S.SELECT_MFA_TYPE, S.CUSTOM_CHALLENGE, S.NEW_PASSWORD_REQUIRED,
}  # fmt: skip
Begin = Callable[[PoolClient, PoolUser], Flow]
"""Begins a sign-in and runs it until user input is required."""


@define
class SignInRunner:
    """Signs a user in, who makes this choice between several factors."""

    client: PoolClient
    user: PoolUser
    passkey: VirtualPasskey | None = None
    choice: str = "SOFTWARE_TOKEN_MFA"

    def run(self, begin: Begin, expected: State) -> None:
        """Sign in, and check that the expected challenge comes on the way to tokens."""
        flow = self._begin(begin, expected)
        if expected not in _visited(flow):
            if flow.state is S.AUTHENTICATED:
                raise RuleFailed(f"tokens came instead of {expected}", RuleSeverity.CRITICAL)
            if flow.state not in _INTERMEDIATE:
                raise RuleFailed(f"{flow.state} came instead of {expected}")
        for _ in range(_MOST_ANSWERS):
            # AWS's own pages disagree whether SOFTWARE_TOKEN_MFA follows MFA_SETUP: both are accepted.
            after_setup = flow.state is S.SOFTWARE_TOKEN_MFA and S.MFA_SETUP in _visited(flow)
            if flow.state is S.AUTHENTICATED or after_setup:
                break
            self._answer(flow)
        else:
            raise RuleFailed(f"no tokens came after {_MOST_ANSWERS} answers")
        if expected not in _visited(flow):
            raise RuleFailed(f"tokens came without {expected}", RuleSeverity.CRITICAL)

    def _begin(self, begin: Begin, expected: State) -> Flow:
        try:
            return begin(self.client, self.user)
        except ProtocolViolation as error:
            ended: Exception = RuleFailed(str(error))
        except AuthfsmError as error:
            ended = self._begin_error(error)
        if isinstance(ended, RuleFailed) and expected is not S.AUTHENTICATED:
            # The rule that expects no challenge reports this failure; it is not reported twice.
            raise Skipped(f"the sign-in fails at an earlier step: {ended.why}")
        raise ended

    def _begin_error(self, error: AuthfsmError) -> Exception:
        reply = self.client.api.last_reply
        if isinstance(error, ConnectionLost) or reply is None:
            return Skipped(str(error))
        if isinstance(error, Refused):
            responded = reply.operation.endswith("RespondToAuthChallenge")
            if responded and not reply.unsupported:
                return RuleFailed(f"the right proof was refused: {reply.summary}")
            return NotSupported(reply.summary)
        return RuleFailed(str(error)) if reply.body else NotSupported(reply.summary)

    def _answer(self, flow: Flow) -> None:
        state = flow.state
        try:
            flow.answer(self._right_answer(flow))
        except Skipped as skipped:
            raise Skipped(f"{state} came; {skipped.why}") from None
        except Refused as refused:
            reply = self.client.api.last_reply
            if reply is not None:
                reply.ensure_supported()
            why = reply.summary if reply else str(refused)
            raise RuleFailed(f"the right answer to {state} was refused: {why}") from None
        except AuthfsmError as error:
            raise RuleFailed(f"after the answer to {state}: {error}") from None

    def _right_answer(self, flow: Flow) -> Response:  # noqa: PLR0911 - one line per challenge
        match flow.state:
            case S.NEW_PASSWORD_REQUIRED:
                return r.NewPassword(NEW_PASSWORD)
            case S.SELECT_CHALLENGE | S.SELECT_MFA_TYPE:
                return r.Select(self.choice)
            case S.PASSWORD:
                return r.Password(self.user.password)
            case S.SMS_MFA | S.SMS_OTP | S.EMAIL_OTP:
                return r.Code(self.client.code_for(self.user))
            case S.SOFTWARE_TOKEN_MFA:
                return r.Code(self.user.app.code())
            case S.CUSTOM_CHALLENGE:
                return r.Answer(CUSTOM_ANSWER)
            case S.WEB_AUTHN:
                return self._signature(flow)
            case S.MFA_SETUP:
                return self._app_setup(flow)
            case state:
                raise Skipped(f"the suite has no answer to {state}")

    def _signature(self, flow: Flow) -> Response:
        challenge = flow.challenge
        if self.passkey is None or not isinstance(challenge, WebAuthn):
            raise RuleFailed("WEB_AUTHN came for a user without a passkey")
        options = challenge.parameters["CREDENTIAL_REQUEST_OPTIONS"]
        return r.Credential(self.passkey.sign(options))

    def _app_setup(self, flow: Flow) -> Response:
        challenge = flow.challenge
        if not isinstance(challenge, MfaSetup) or challenge.secret_code is None:
            return r.AssociateSoftwareToken()
        if not challenge.verified:
            return r.VerifySoftwareToken(AuthenticatorApp(challenge.secret_code).code())
        return r.CompleteMfaSetup()


def _visited(flow: Flow) -> list[State]:
    return [step.dest for step in flow.history]
