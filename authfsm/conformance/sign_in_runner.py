"""One person walked from the first request to tokens by this package's own client, which follows the table.

Each challenge is answered right, as it is asked. A reply that the table does not have, a right answer that is
refused, tokens where a challenge was to come: each is the verdict.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from attrs import define, field

from authfsm.conformance.pools import ANOTHER, RIDDLE
from authfsm.conformance.trial import AuthenticatorApp, PoolClient, PoolUser
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
_MOST: Final = 12
_ON_THE_WAY: Final = {
    S.SELECT_CHALLENGE, S.SELECT_MFA_TYPE, S.CUSTOM_CHALLENGE, S.NEW_PASSWORD_REQUIRED,
}  # fmt: skip
Opening = Callable[[PoolClient, PoolUser], Flow]
"""Begins a sign-in; what needs no person (a proof by SRP) is done too."""


@define
class SignInRunner:
    """Walks somebody to the tokens.

    Args:
        desk: where.
        person: who.
        passkey: theirs.
        chooses: what is answered where there is a choice.
    """

    desk: PoolClient
    person: PoolUser
    passkey: VirtualPasskey | None = None
    chooses: str = "SOFTWARE_TOKEN_MFA"
    passed: list[State] = field(factory=list, init=False)

    def walk(self, opening: Opening, through: State) -> None:
        """Begin, answer whatever is asked, and end in tokens, having been asked what was to be asked.

        Args:
            opening: begins.
            through: what must be asked on the way; AUTHENTICATED for a way without more.

        Raises:
            NotOffered: the endpoint does not begin so, or does not ask that.
            Fails: it leaves the table, or refuses what is right.
        """
        flow = self._begun(opening, through)
        self._passes(flow)
        if through not in self.passed:
            # A stop for somebody that is another challenge may still lead there: a choice, say.
            if flow.state is S.AUTHENTICATED:
                raise RuleFailed(f"tokens came where {through} was to come", RuleSeverity.CRITICAL)
            if flow.state not in _ON_THE_WAY:
                raise RuleFailed(f"{flow.state} came where {through} was to come")
        for _ in range(_MOST):
            if flow.state is S.AUTHENTICATED or self._asked_after_setup(flow):
                break
            self._answer(flow)
        else:
            raise RuleFailed(f"no end after {_MOST} answers")
        if through not in self.passed:
            raise RuleFailed(f"tokens came, and {through} never did", RuleSeverity.CRITICAL)

    def _begun(self, opening: Opening, through: State) -> Flow:
        try:
            return opening(self.desk, self.person)
        except ProtocolViolation as error:
            seen: Exception = RuleFailed(str(error))
        except AuthfsmError as error:
            seen = self._beginning(error)
        if isinstance(seen, RuleFailed) and through is not S.AUTHENTICATED:
            # One fault is told once: by the rule of the way itself.
            raise Skipped(f"the way there is not passed: {seen.why}")
        raise seen

    def _beginning(self, error: AuthfsmError) -> Exception:
        """What an error at the beginning says: that there is no such way here, or that it is blocked."""
        heard = self.desk.conversation.last
        words = heard.words if heard else str(error)
        if isinstance(error, ConnectionLost) or heard is None:
            return Skipped(str(error))
        if isinstance(error, Refused):
            # It began, and the proof was refused: that is no matter of what is offered.
            proof = heard.operation.endswith("RespondToAuthChallenge") and not heard.lacking
            return (
                RuleFailed(f"the right proof was refused: {words}")
                if proof
                else NotSupported(words)
            )
        return NotSupported(words) if not heard.body else RuleFailed(str(error))

    def _answer(self, flow: Flow) -> None:
        state = flow.state
        try:
            flow.answer(self._right(flow))
        except Skipped as untried:
            raise Skipped(f"{state} came; {untried.why}") from None
        except Refused as refused:
            heard = self.desk.conversation.last
            words = heard.words if heard else str(refused)
            if heard is not None and heard.lacking:
                raise NotSupported(words) from None
            raise RuleFailed(f"the right answer to {state} was refused: {words}") from None
        except AuthfsmError as error:
            raise RuleFailed(f"after the answer to {state}: {error}") from None
        self._passes(flow)

    def _passes(self, flow: Flow) -> None:
        self.passed = [step.dest for step in flow.history]

    def _asked_after_setup(self, flow: Flow) -> bool:
        """Whether SOFTWARE_TOKEN_MFA follows MFA_SETUP, AWS's own pages disagree about: both are right."""
        return flow.state is S.SOFTWARE_TOKEN_MFA and S.MFA_SETUP in self.passed

    def _right(self, flow: Flow) -> Response:  # noqa: PLR0911 - one line a challenge
        """The right answer to what is asked."""
        match flow.state:
            case S.NEW_PASSWORD_REQUIRED:
                return r.NewPassword(ANOTHER)
            case S.SELECT_CHALLENGE | S.SELECT_MFA_TYPE:
                return self._choice(flow.state)
            case S.PASSWORD:
                return r.Password(self.person.password)
            case S.SMS_MFA | S.SMS_OTP | S.EMAIL_OTP:
                return r.Code(self.desk.code_for(self.person))
            case S.SOFTWARE_TOKEN_MFA:
                return r.Code(self._app().code())
            case S.CUSTOM_CHALLENGE:
                return r.Answer(RIDDLE)
            case S.WEB_AUTHN:
                return self._signed(flow)
            case S.MFA_SETUP:
                return self._set_up(flow)
            case state:
                raise Skipped(f"nobody here can answer {state}")

    def _choice(self, state: State) -> Response:
        if state is S.SELECT_CHALLENGE and self.chooses == "PASSWORD":
            return r.Password(self.person.password)
        return r.Select(self.chooses)

    def _app(self) -> AuthenticatorApp:
        if self.person.app is None:
            raise RuleFailed("SOFTWARE_TOKEN_MFA came for somebody who has no authenticator app")
        return self.person.app

    def _signed(self, flow: Flow) -> Response:
        asked = flow.challenge
        if self.passkey is None or not isinstance(asked, WebAuthn):
            raise RuleFailed("WEB_AUTHN came for somebody who has no passkey")
        return r.Credential(self.passkey.sign(asked.parameters["CREDENTIAL_REQUEST_OPTIONS"]))

    def _set_up(self, flow: Flow) -> Response:
        asked = flow.challenge
        if not isinstance(asked, MfaSetup) or asked.secret_code is None:
            return r.AssociateSoftwareToken()
        if not asked.verified:
            return r.VerifySoftwareToken(AuthenticatorApp(asked.secret_code).code())
        return r.CompleteMfaSetup()
