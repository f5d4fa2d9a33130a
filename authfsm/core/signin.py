"""One attempt to sign in, without I/O: `send` turns a response into a request, `receive` processes the reply.

Between `send` and `receive` the sign-in awaits a reply, and another `send` raises `InvalidOperation`. An invalid
response or reply raises a typed error and leaves the state unchanged. Only `advance` (along the table), `resume` and
`abandon` set the state. Each answer to a challenge contains the newest Session. The caller passes times and random
values. Public, from `authfsm`: `SignIn`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Any, cast

import attrs

from authfsm import srp
from authfsm.base.clock import aware
from authfsm.base.mixins import DisplayMixin
from authfsm.base.secret import Secret, secret, type_of, wrap_text
from authfsm.core.device import Device, SrpIdentity
from authfsm.core.history import History, Step
from authfsm.core.machine import advance
from authfsm.core.wire_replies import RawReply, mask_secrets, read, wrapped_reply
from authfsm.core.wire_requests import Request, RequestContext, write_request
from authfsm.protocol import replies
from authfsm.protocol.error_policy import RecoveryAction
from authfsm.protocol.errors import BadField, InvalidOperation, ProofRefused, WrongResponse
from authfsm.protocol.nodes import challenge_role, proves_password
from authfsm.protocol.prompts import check_answer, why_not_offered
from authfsm.protocol.responses import ConfirmDevice, Response, SrpClaim, StepUp
from authfsm.protocol.states import END_STATES, State
from authfsm.protocol.table import PREREQUISITES, PROTOCOL, Prerequisite, Role, transition_for_reply


class SignIn(RequestContext, DisplayMixin):
    """One attempt to sign in, without I/O.

    Args:
        client_id: the app client's id.
        pool_id: the user pool's id (`eu-west-1_AbCdEfGhI`); the SRP proof of a password and administrators' operations need it.
        client_secret: the app client's secret, if it has one; SECRET_HASH is computed with it.
        device: the remembered device to sign in on.
        admin: use the administrators' operations (AdminInitiateAuth, AdminRespondToAuthChallenge).
    """

    __slots__ = (
        "_admin", "_awaiting", "_state", "_steps", "challenge", "client_id", "client_secret",
        "device", "flow", "password_proved", "pool_id", "refusal", "role", "session_received_at",
        "srp_answered", "srp_due", "tokens", "username",
    )  # fmt: skip

    # Only to be read: this class, the drivers and `core.sealing` set the attributes.
    challenge: replies.AnyChallenge | None
    """The current challenge, its parameters parsed."""
    session_received_at: datetime | None
    """When Cognito last accepted a request or sent a new Session; None in START, and if the time is unknown."""
    tokens: replies.Tokens | None
    """The newest tokens; None before Cognito has issued any, and after a sign-out."""
    refusal: replies.Refusal | None
    """The last reply that this object processed, if it was a refusal; None after `abandon` has ended the sign-in."""
    role: Role | None
    """The factor that the current state asks for. For EMAIL_OTP it depends on the earlier steps."""
    flow: str | None
    """The AuthFlow that began this sign-in; None before Cognito accepted the first request, after a sign-out, and in a
    sign-in that GetTokensFromRefreshToken began."""
    password_proved: bool
    """Whether a password has been proved in this sign-in."""
    srp_answered: tuple[str, ...]
    """Fingerprints of each SRP_A for which Cognito issued an SRP challenge, newest last; `send` refuses them."""
    srp_due: bool
    """Whether the current challenge is Cognito's reply to the newest SRP_A; `prove` requires this."""

    def __init__(
        self, client_id: str, *, pool_id: str | None = None,
        client_secret: str | Secret[str] | None = None, device: Device | None = None, admin: bool = False,
    ) -> None:  # fmt: skip
        client_secret = secret(client_secret)
        if not isinstance(client_id, str):
            raise TypeError(f"client_id must be text, not {type(client_id).__name__}")  # None would leave ClientId out
        self.client_id = client_id
        self.pool_id = pool_id
        self.client_secret = client_secret or None
        self.device = device
        self._admin = admin
        self._state = State.START
        self._awaiting: tuple[Response, Request] | None = None
        self._steps: list[Step] = []
        self.username: str | None = None
        self.session_received_at = self.challenge = self.tokens = self.refusal = self.role = self.flow = None
        self.password_proved = self.srp_due = False
        self.srp_answered = ()

    def __repr__(self) -> str:
        user = f" {self.username}" if self.username else ""
        awaiting = f", awaiting the reply to {self.awaiting.__name__}" if self.awaiting else ""
        return f"<{type(self).__name__}{user}: {self._state} after {len(self._steps)} steps{awaiting}>"

    @property
    def state(self) -> State:
        """The state now: START, the challenge that waits for an answer, or how the sign-in ended."""
        return self._state

    @property
    def done(self) -> bool:
        """Whether the sign-in has ended, with tokens or in failure."""
        return self._state in END_STATES

    @property
    def history(self) -> History:
        """Every step so far."""
        return History(self._steps)

    @property
    def awaiting(self) -> type[Response] | None:
        """The class of the response that awaits its reply."""
        return None if self._awaiting is None else type(self._awaiting[0])

    @property
    def admin(self) -> bool:  # type: ignore[override]  # a plain attribute of RequestContext
        """Whether this sign-in uses the administrators' operations."""
        return self._admin or bool(self.flow and self.flow.startswith("ADMIN_"))

    @property
    def session(self) -> Secret[str] | None:  # type: ignore[override]  # a plain attribute of RequestContext
        """The Session of the current challenge, which the answer must contain; None if there is none."""
        return None if self.challenge is None else self.challenge.session

    @property
    def challenge_name(self) -> str | None:  # type: ignore[override]  # a plain attribute of RequestContext
        """The name of the challenge as Cognito sent it."""
        return None if self.challenge is None else self.challenge.name

    def resume(
        self, state: State, challenge: replies.AnyChallenge | None, steps: Iterable[Step], *, admin: bool
    ) -> None:
        """Adopt a stored state; the caller sets the other attributes. Raises InvalidOperation if a request was sent."""
        if self._steps or self._awaiting is not None:
            raise InvalidOperation("this sign-in has already begun: resume with a new SignIn", state=self._state)
        self._state, self.challenge, self._steps = state, challenge, list(steps)
        self._admin = admin

    @property
    def accepts(self) -> tuple[type[Response], ...]:
        """The responses that the challenge accepts now, in the table's order.

        A response is left out if the parameters of the challenge (MFAS_CAN_SETUP, MFAS_CAN_CHOOSE, AvailableChallenges)
        do not offer it, or if its prerequisite is not met. `challenge` has the values that Select accepts.
        """
        return tuple(each for each in PROTOCOL[self._state] if self._why_not_accepted(each) is None)

    def send(self, response: Response) -> Request:
        """Return the request for a response, of a class in `accepts`; the state does not change before `receive`.

        Raises:
            WrongResponse: the challenge does not accept it; the error names the accepted ones.
            InvalidOperation: the reply to the previous response has not been processed, or `response` is a class.
            InvalidInput: the user's input cannot be an answer to this challenge.
            BadField: a value that this request needs is missing, its SRP_A was used before, or its operation does
                not take ClientMetadata.
        """
        if not isinstance(response, Response):
            response = wrap_text(response)
        if self._awaiting is not None:
            why = f"the reply to {type(self._awaiting[0]).__name__} has not been processed"
            raise InvalidOperation(f"{why}: call receive() or send_failed() first", state=self._state)
        if isinstance(response, type):
            name = response.__name__
            raise InvalidOperation(f"{name} is a class: pass an object, for example {name}(...)", state=self._state)
        self.check(response)
        srp_a: str | None = getattr(response, "srp_a", None)
        if srp_a is not None and _fingerprint(int(srp_a, 16)) in self.srp_answered:
            why = "was used for an earlier challenge: use a new ephemeral for each challenge"
            raise BadField(type(response), "srp_a", why)
        request = write_request(self._state, response, self)
        self._awaiting = response, request
        return request

    def check(self, response: type[Response] | Response) -> None:
        """Raise an error if the challenge does not accept a response, or a class of responses, now. Nothing changes.

        Raises:
            WrongResponse: it is not accepted; the error names the accepted ones.
            InvalidInput: the user's input cannot be an answer to this challenge.
        """
        if not isinstance(response, Response):
            response = wrap_text(response)
        response_type = response if isinstance(response, type) else type_of(response)
        if response_type not in PROTOCOL[self._state]:
            raise WrongResponse(self._state, response_type, self.accepts)
        if (why := self._why_not_accepted(response_type)) is not None:
            raise WrongResponse(self._state, response_type, self.accepts, why)
        if not isinstance(response, type):
            check_answer(self.challenge, response)

    def send_failed(self) -> None:
        """Stop awaiting the reply, because it will not come. The state is as it was before `send`."""
        self._awaiting = None

    def receive(self, reply: RawReply | replies.Reply, at: datetime | None = None) -> State:
        """Process the awaited reply, and return the new state.

        A refusal is not raised, but stored in `refusal`, with its action. If the sign-in can continue, or had ended
        already (a refused refresh, for example), the state stays the same; otherwise it becomes FAILED.

        Args:
            reply: a `Reply`; or a mapping, which may be wrapped in `Secret`: what a boto3 call returned, the `response`
                of its ClientError, or a parsed JSON body.
            at: when the reply came, an aware datetime: for the history, `Tokens.at` and `session_received_at`.

        Raises:
            MalformedReply: it cannot be read; the state is that before `send`.
            ProtocolViolation: the table has no transition for it; the state is that before `send`.
            InvalidOperation: no reply is awaited.
            ValueError: `at` has no time zone; the reply is still awaited.
        """
        if not isinstance(reply, replies.Reply):
            reply = wrapped_reply(reply)
        if self._awaiting is None:
            raise InvalidOperation("there is no request to which this is a reply", state=self._state)
        if at is not None:
            aware("at", at)
        response, request = self._awaiting
        self._awaiting = None  # also if the reply cannot be read, so that the answer can be sent again
        response_type, source = type(response), self._state
        # Everything that can raise comes first: `advance` raises before it changes the state.
        if not isinstance(reply, replies.Reply):
            reply = read(reply, response_type, state=source, challenge=self.challenge)
        transition = transition_for_reply(source, response_type, reply)
        if transition is not None:
            advance(self, transition)
        if isinstance(reply, replies.Refusal):
            self._apply_refusal(reply, request, at)
        else:
            self._apply(reply, source, response, at)
        refused = self.refusal
        step = Step(
            number=len(self._steps) + 1, source=source, response=response_type, dest=self._state, role=self.role,
            action=refused.action if refused else None, error=refused.code if refused else None, at=at,
        )  # fmt: skip
        self._steps.append(step)
        return self._state

    def prove(self, ephemeral: srp.Ephemeral, now: datetime, password: str | Secret[str] | None = None) -> SrpClaim:
        """Return the answer to PASSWORD_VERIFIER or DEVICE_PASSWORD_VERIFIER. Nothing changes.

        An ephemeral is used for one challenge only, so that a false service can test only one guess of the
        password with each SRP_A. The proof for the same challenge may be computed again (after throttling, or a lost
        reply); a proof for another B, salt or secret block is refused.

        Args:
            ephemeral: the key pair to whose SRP_A this challenge replies.
            now: the current time, with a time zone.
            password: the user's password; not needed for DEVICE_PASSWORD_VERIFIER.

        Raises:
            WrongResponse: the challenge does not ask for an SRP proof.
            ProofRefused: the challenge does not reply to an SRP_A of this sign-in.
            BadField: the challenge replies to the SRP_A of another ephemeral.
            ValueError: the password, the device or the pool's id is missing, or `now` has no time zone.
            SrpRefused: the service's values are not valid for SRP, or UTF-8 cannot encode the password.
        """
        password = secret(password)
        challenge, identity = self.srp_identity(password)
        if not self.srp_due:
            raise ProofRefused(self._state)
        if _fingerprint(ephemeral.A) != self.srp_answered[-1]:
            raise BadField(SrpClaim, "signature", "needs the ephemeral of the SRP_A that was sent last")
        return identity.prove(challenge, ephemeral, now)

    def srp_identity(self, password: Secret[str] | None) -> tuple[replies.SrpChallenge, SrpIdentity]:
        """Return the challenge and the identity for a proof; raises WrongResponse and ValueError as `prove` does."""
        match self.challenge:
            case replies.PasswordVerifier() as challenge:
                if password is None or self.pool_id is None:
                    missing = "password" if password is None else "pool_id"
                    raise ValueError(f"a proof of the password needs the {missing}")
                return challenge, SrpIdentity(srp.pool_name(self.pool_id), challenge.user_id_for_srp, password)
            case replies.DevicePasswordVerifier() as challenge:
                if (device := self.device) is None:
                    raise ValueError("a proof of the device needs the device")
                return challenge, SrpIdentity(device.device_group_key, device.device_key, device.password)
        raise WrongResponse(self._state, SrpClaim, self.accepts)

    def abandon(self) -> None:
        """End the sign-in in FAILED. Nothing is sent, because an unanswered session expires at Cognito.

        If the sign-in has ended already, nothing changes. In AUTHENTICATED the reply to a refresh is still processed,
        because it may contain a rotated refresh token. In FAILED `refusal` still says why the sign-in failed.
        """
        if not self.done:
            self._state = State.FAILED
            self.challenge = self.role = self.refusal = self._awaiting = None

    def mark_device_confirmed(self) -> None:
        """Remove the new device from the tokens, so that it is not confirmed again; `device_key` stays in them."""
        self.tokens = self.tokens and attrs.evolve(self.tokens, new_device=None)

    def _why_not_accepted(self, response_type: type[Response]) -> str | None:
        """Return why a response of the state's row is not accepted now; None if it is."""
        prerequisite = PREREQUISITES.get((self._state, response_type))
        if prerequisite is not None:
            setup = self.challenge if isinstance(self.challenge, replies.MfaSetup) else None
            is_met = {
                Prerequisite.STILL_FIRST_FACTOR: self.role is Role.FIRST_FACTOR,
                Prerequisite.ASSOCIATED: setup is not None and setup.secret_code is not None,
                Prerequisite.VERIFIED: setup is not None and setup.verified,
            }
            if not is_met[prerequisite]:
                return str(prerequisite)
        return why_not_offered(self.challenge, response_type)

    def _apply(self, reply: replies.Reply, source: State, response: Response, at: datetime | None) -> None:
        """Store the values of a reply that is not a refusal; `advance` has already changed the state."""
        self.refusal = None
        self.session_received_at = None if self._state is State.START else at
        if source is State.START:
            self.username = getattr(response, "username", None) or self.username
            self.flow = response.auth_flow
        self.password_proved = self.password_proved or proves_password(source, type(response), self._state)
        self.srp_due = False
        if isinstance(reply, replies.Challenge):
            srp_a: str | None = getattr(response, "srp_a", None)
            if srp_a is not None and isinstance(reply, replies.SrpChallenge):
                self.srp_due = True
                self.srp_answered = (*self.srp_answered, _fingerprint(int(srp_a, 16)))
            self.challenge = cast("replies.AnyChallenge", reply)  # the union of all challenge classes
            # USER_ID_FOR_SRP is the user's actual username, not an alias (AWS API reference, AdminInitiateAuth,
            # ChallengeParameters). Every later answer must contain it as USERNAME.
            self.username = reply.username or self.username
            has_access_token = isinstance(response, StepUp) and response.access_token is not None
            self.role = challenge_role(
                source, type(response), self._state, flow=self.flow,
                password_proved=self.password_proved, has_access_token=has_access_token,
            )  # fmt: skip
            return
        self.challenge = self.role = None
        if isinstance(reply, replies.Tokens):
            self.tokens = _completed(reply, response, self.tokens, self.device, at=at, pool_id=self.pool_id)
            # SECRET_HASH of a refresh is computed with the actual username, not with the alias that the user typed.
            self.username = reply.username or self.username
        elif self._state is State.START:  # signed out
            self.tokens = self.flow = None
            self.password_proved = False
        elif isinstance(response, ConfirmDevice):
            self.mark_device_confirmed()

    def _apply_refusal(self, refusal: replies.Refusal, request: Request, at: datetime | None) -> None:
        refusal = mask_secrets(refusal, (request.parameters, self.client_secret))
        if refusal.action is RecoveryAction.DROP_DEVICE:
            self.device = None
        if self._state is State.FAILED:
            if refusal.action.survives:  # such an action allows another try, but FAILED accepts no response
                refusal = attrs.evolve(refusal, action=RecoveryAction.START_AGAIN)
            self.challenge = self.role = None
        elif refusal.session is not None and self.challenge is not None:
            self.challenge = attrs.evolve(self.challenge, session=refusal.session)
            self.session_received_at = at
        self.refusal = refusal


def _fingerprint(public: int) -> str:
    """Return 128 bits of SHA-256 over SRP's public value A, in hexadecimal."""
    return hashlib.sha256(srp.padded(public)).hexdigest()[:32]


def _completed(
    new: replies.Tokens, response: Response, old: replies.Tokens | None, device: Device | None, **fields: Any
) -> replies.Tokens:
    """Return the new tokens with `fields`. The response, the old tokens or the device supply what the reply omits."""
    sent_token: Secret[str] | None = getattr(response, "refresh_token", None)
    if old is not None and sent_token is not None and sent_token != old.refresh_token:
        old = None  # the old tokens are those of another sign-in
    old = old or new
    device_key: str | None = new.device_key or getattr(response, "device_key", None)
    return attrs.evolve(
        new,
        refresh_token=new.refresh_token or sent_token or old.refresh_token,
        id_token=new.id_token or old.id_token,
        new_device=new.new_device or old.new_device,
        device_key=device_key or old.device_key or (device.device_key if device else None),
        **fields,
    )
