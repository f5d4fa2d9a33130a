"""One attempt to sign in. It performs no I/O: give it a response, carry its request, feed it the reply.

Between `send` and `receive` the attempt awaits one reply and takes nothing else. Whatever is wrong, in
a response or in a reply, is a typed error and leaves the attempt as it was. Sessions are passed back as
they came, the newest always. No clock and no randomness: they come in as arguments.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

import attrs

from authfsm import srp
from authfsm.base.mixins import DisplayMixin
from authfsm.base.secret import MASK, Secret, secret
from authfsm.core.device import Device
from authfsm.core.history import History, Step
from authfsm.core.machine import advance
from authfsm.core.wire_replies import read
from authfsm.core.wire_requests import Request, Sender, write
from authfsm.protocol.error_policy import RecoveryAction
from authfsm.protocol.errors import BadField, InvalidOperation, ProofRefused, WrongResponse
from authfsm.protocol.nodes import challenge_role, proves_password
from authfsm.protocol.prompts import check_answer, why_not_offered
from authfsm.protocol.replies import (
    AnyChallenge,
    Challenge,
    DevicePasswordVerifier,
    MfaSetup,
    PasswordVerifier,
    Refusal,
    Reply,
    SrpChallenge,
    Tokens,
)
from authfsm.protocol.responses import Response, SrpClaim, StepUp
from authfsm.protocol.states import END_STATES, State
from authfsm.protocol.table import PREREQUISITES, PROTOCOL, Prerequisite, Role, transition_for_reply


class SignIn(Sender, DisplayMixin):
    """One attempt to sign in, without I/O.

    Args:
        client_id: the app client's id.
        pool_id: the user pool's id (`eu-west-1_AbCdEfGhI`); SRP and administrators' operations need it.
        client_secret: the app client's secret, if it has one; SECRET_HASH is made with it.
        device: the remembered device this runs on.
        admin: use the administrators' operations (AdminInitiateAuth, AdminRespondToAuthChallenge).
    """

    __slots__ = (
        "_admin",
        "_awaiting",
        "_srp_answered",
        "_srp_due",
        "_state",
        "_steps",
        "challenge",
        "client_id",
        "client_secret",
        "device",
        "flow",
        "password_proved",
        "pool_id",
        "refusal",
        "role",
        "session_received_at",
        "tokens",
        "username",
    )

    challenge: AnyChallenge | None
    """What is asked now, its parameters parsed."""
    session_received_at: datetime | None
    """When the newest Session came, if the driver said so."""
    tokens: Tokens | None
    """The tokens, once they are here."""
    refusal: Refusal | None
    """The last reply, if it was a refusal; with its action."""
    role: Role | None
    """Which factor the present state asks for. EMAIL_OTP may be either: the path tells."""
    flow: str | None
    """The AuthFlow that began this."""
    password_proved: bool
    """Has a password been proved on this path?"""

    def __init__(
        self,
        client_id: str,
        *,
        pool_id: str | None = None,
        client_secret: str | Secret[str] | None = None,
        device: Device | None = None,
        admin: bool = False,
    ) -> None:
        client_secret = secret(client_secret)
        self.client_id = client_id
        self.pool_id = pool_id
        self.client_secret = secret(client_secret or None)
        self.device = device
        self._admin = admin
        self._state = State.START
        self._awaiting: Response | None = None
        self._steps: list[Step] = []
        # The SRP_As that a challenge has answered, as fingerprints; does the present one answer the last?
        self._srp_answered: tuple[str, ...] = ()
        self._srp_due = False
        self.username: str | None = None
        self.session_received_at = None
        self.challenge = None
        self.tokens = None
        self.refusal = None
        self.role = None
        self.flow = None
        self.password_proved = False

    # ---- where it stands -----------------------------------------------------------------------------

    @property
    def state(self) -> State:
        """Where the sign-in stands."""
        return self._state

    @property
    def done(self) -> bool:
        """Has it ended, in tokens or in failure?"""
        return self._state in END_STATES

    @property
    def accepts(self) -> tuple[type[Response], ...]:
        """The responses this challenge takes now, in the table's order.

        What its own parameters do not offer (MFAS_CAN_SETUP, MFAS_CAN_CHOOSE, AvailableChallenges) is not
        among them; of what Select may choose, `challenge` tells.
        """
        return tuple(each for each in PROTOCOL[self._state] if self._unmet(each) is None)

    @property
    def history(self) -> History:
        """Every step so far."""
        return History(self._steps)

    @property
    def awaiting(self) -> type[Response] | None:
        """The class of the response whose reply has not come yet."""
        return None if self._awaiting is None else type(self._awaiting)

    @property
    def admin(self) -> bool:  # type: ignore[override]  # a plain attribute of what a writer reads
        """Does this sign-in use the administrators' operations?"""
        return self._admin or bool(self.flow and self.flow.startswith("ADMIN_"))

    @property
    def session(self) -> Secret[str] | None:  # type: ignore[override]  # the same
        """The newest Session, to be passed back as it is."""
        return None if self.challenge is None else self.challenge.session

    @property
    def challenge_name(self) -> str | None:  # type: ignore[override]  # the same
        """The challenge's name as it came."""
        return None if self.challenge is None else self.challenge.name

    def __repr__(self) -> str:
        whom = f" {self.username}" if self.username else ""
        awaiting = f", awaiting the reply to {self.awaiting.__name__}" if self.awaiting else ""
        return f"<SignIn{whom}: {self._state} after {len(self._steps)} steps{awaiting}>"

    # ---- the conversation ------------------------------------------------------------------------------

    def send(self, response: Response) -> Request:
        """The request that carries a response; nothing moves until its reply is received.

        Raises:
            WrongResponse: this challenge does not take it; the error names what it does take.
            InvalidOperation: the reply to another response is still awaited.
            InvalidInput: the person's answer cannot be one to this challenge.
            BadField: something that this request needs is missing, or its SRP_A has served already.
        """
        if self._awaiting is not None:
            raise InvalidOperation(
                f"the reply to {type(self._awaiting).__name__} is still awaited: receive it, or call send_failed()",
                state=self._state,
            )
        self.check(response)
        srp_a: str | None = getattr(response, "srp_a", None)
        if srp_a is not None and _fingerprint(int(srp_a, 16)) in self._srp_answered:
            raise BadField(
                type(response),
                "srp_a",
                "was sent before, and a challenge answered it: draw a new ephemeral for each challenge",
            )
        request = write(self._state, response, self)
        self._awaiting = response
        return request

    def check(self, response: type[Response] | Response) -> None:
        """Does this challenge take such a response now? Nothing moves.

        Args:
            response: the response, or its class.

        Raises:
            WrongResponse: it does not; the error names what it does take.
            InvalidInput: the person's answer cannot be one to this challenge.
        """
        kind = response if isinstance(response, type) else type(response)
        if kind not in PROTOCOL[self._state]:
            raise WrongResponse(self._state, kind, self.accepts)
        if (why := self._unmet(kind)) is not None:
            raise WrongResponse(self._state, kind, self.accepts, why)
        if not isinstance(response, type):
            check_answer(self.challenge, response)

    def send_failed(self) -> None:
        """The request's reply will not come: stand where it stood, ready for the same answer or another."""
        self._awaiting = None

    def resume(
        self,
        state: State,
        challenge: AnyChallenge | None,
        steps: tuple[Step, ...],
        *,
        device: Device | None,
        admin: bool,
        flow: str | None,
        username: str | None,
        role: Role | None,
        password_proved: bool,
        session_received_at: datetime | None,
        srp_answered: tuple[str, ...] = (),
        srp_due: bool = False,
    ) -> None:
        """Stand where another attempt stood, in another process say; `authfsm.core.snapshot` carries it over.

        Args:
            state: where it stood.
            challenge: what was asked there.
            steps: its history.
            device: the device it ran on.
            admin: did it use the administrators' operations?
            flow: the AuthFlow that began it.
            username: the user's name in the answers to come.
            role: which factor that state asks for.
            password_proved: had a password been proved?
            session_received_at: when the newest Session came.
            srp_answered: the fingerprints of the SRP_As that a challenge has answered.
            srp_due: does the present challenge answer the last of them?

        Raises:
            InvalidOperation: this attempt has begun already.
        """
        if self._steps or self._awaiting is not None:
            raise InvalidOperation(
                "a sign-in that has begun cannot become another", state=self._state
            )
        self._state, self.challenge, self._steps = state, challenge, list(steps)
        self.device, self._admin, self.flow, self.username = device, admin, flow, username
        self.role, self.password_proved, self.session_received_at = (
            role,
            password_proved,
            session_received_at,
        )
        self._srp_answered, self._srp_due = srp_answered, srp_due

    @property
    def srp_answered(self) -> tuple[str, ...]:
        """The fingerprints of the SRP_As that a challenge has answered, the latest last: none serves again."""
        return self._srp_answered

    @property
    def srp_due(self) -> bool:
        """Is a proof asked for by a challenge that answers the last SRP_A?"""
        return self._srp_due

    def abandon(self) -> None:
        """Give the attempt up, here and for good: FAILED, with nothing left that could be answered.

        Nobody is told: Cognito forgets a session that is not answered. With tokens in hand there is nothing
        to give up, and the reply to a refresh, which may be the only one to bring them, is still heard.
        """
        if self._state is not State.AUTHENTICATED:
            self._state = State.FAILED
            self.challenge = self.role = self.refusal = self._awaiting = None

    def receive(self, reply: Mapping[str, Any] | Reply, at: datetime | None = None) -> State:
        """Hear the reply that is awaited, and move where it leads.

        A refusal is no exception here: `refusal` holds it, with its action; the state is the same one
        where the session survives, FAILED where it does not.

        Args:
            reply: the response of a boto3 call, the `response` of its ClientError, or a JSON body.
            at: when it came, for the history.

        Returns:
            The state the sign-in stands in now.

        Raises:
            MalformedReply: it cannot be read; nothing changed.
            OffTheTable: it leads where the table has no arrow; nothing changed.
            InvalidOperation: no reply is awaited.
        """
        given = self._awaiting
        if given is None:
            raise InvalidOperation("a reply came that nobody awaits", state=self._state)
        self._awaiting = None
        kind, source = type(given), self._state
        heard = (
            reply
            if isinstance(reply, Reply)
            else read(reply, kind, state=source, asked=self.challenge)
        )
        arrow = transition_for_reply(source, kind, heard)
        if arrow is not None:
            advance(self, arrow)
        if isinstance(heard, Refusal):
            heard = attrs.evolve(heard, message=self._blot(heard.message, given))
            self._refused(heard, at)
        else:
            if isinstance(heard, Tokens):
                heard = attrs.evolve(heard, at=at)
            self._moved(source, given, heard, at)
        self._steps.append(
            Step(
                number=len(self._steps) + 1,
                source=source,
                response=kind,
                dest=self._state,
                role=self.role,
                action=self.refusal.action if self.refusal else None,
                error=self.refusal.code if self.refusal else None,
                at=at,
            )
        )
        return self._state

    def prove(
        self, ephemeral: srp.Ephemeral, now: datetime, password: str | Secret[str] | None = None
    ) -> SrpClaim:
        """The answer to PASSWORD_VERIFIER or DEVICE_PASSWORD_VERIFIER. Nothing moves.

        One ephemeral serves one challenge, so that one sign-in is one guess for whoever plays the
        service: the proof for a challenge may be made again (throttled, or its reply was lost), and
        another B, salt or secret block gets none.

        Args:
            ephemeral: the key pair whose SRP_A this challenge answers.
            now: the present time, with a time zone.
            password: the user's password; the device has its own.

        Raises:
            WrongResponse: no proof by SRP is asked for.
            ProofRefused: the service asks for a proof without an SRP_A that its challenge answers.
            BadField: the ephemeral is another one.
            ValueError: something that the proof needs is missing.
            SrpRefused: the service's values are not what SRP can work with.
        """
        password = secret(password)
        match self.challenge:
            case PasswordVerifier() as asked:
                if password is None or self.pool_id is None:
                    raise ValueError(
                        "a proof of the password needs the password, and the sign-in's pool_id"
                    )
                realm, name, known = (
                    srp.pool_name(self.pool_id),
                    asked.user_id_for_srp,
                    password,
                )
            case DevicePasswordVerifier() as asked:
                if self.device is None:
                    raise ValueError("a proof of the device needs the device")
                realm, name, known = self.device.group_key, self.device.key, self.device.password
            case _:
                raise WrongResponse(self._state, SrpClaim, self.accepts)
        if not self._srp_due:
            raise ProofRefused(self._state)
        if _fingerprint(ephemeral.A) != self._srp_answered[-1]:
            raise BadField(SrpClaim, "signature", "needs the ephemeral whose SRP_A was sent last")
        timestamp = srp.timestamp(now)
        signature = srp.claim(
            ephemeral,
            realm=realm,
            name=name,
            password=known,
            salt=asked.salt,
            B=asked.B,
            secret_block=asked.secret_block.reveal(),
            timestamp=timestamp,
        )
        return SrpClaim(signature, asked.secret_block, timestamp)

    # ---- inside -----------------------------------------------------------------------------------------

    def _unmet(self, kind: type[Response]) -> str | None:
        """Why a response that the state takes is not taken now; None if it is."""
        asked = self.challenge
        need = PREREQUISITES.get((self._state, kind))
        if need is not None:
            met = {
                Prerequisite.FIRST_FACTOR: self.role is Role.FIRST_FACTOR,
                Prerequisite.ASSOCIATED: isinstance(asked, MfaSetup)
                and asked.secret_code is not None,
                Prerequisite.VERIFIED: isinstance(asked, MfaSetup) and asked.verified,
            }
            if not met[need]:
                return need.value
        return why_not_offered(asked, kind)

    def _moved(self, source: State, given: Response, heard: Reply, at: datetime | None) -> None:
        self.refusal = None
        self.session_received_at = (
            None if self._state is State.START else at
        )  # signed out: no Session is left
        if source is State.START:
            self.username = getattr(given, "username", None) or self.username
            self.flow = given.auth_flow
        proved = proves_password(source, type(given), self._state)
        self.password_proved = self.password_proved or proved
        self._srp_due = False
        if isinstance(heard, Challenge):
            srp_a: str | None = getattr(given, "srp_a", None)
            if srp_a is not None and isinstance(heard, SrpChallenge):
                self._srp_due = True
                self._srp_answered = (*self._srp_answered, _fingerprint(int(srp_a, 16)))
            self.challenge = cast("AnyChallenge", heard)  # the union of all its classes
            # "USER_ID_FOR_SRP ... the user's actual username, not an alias" goes into every later
            # request -- AWS API reference, AdminInitiateAuth, ChallengeParameters
            self.username = heard.username or self.username
            self.role = challenge_role(
                source,
                type(given),
                self._state,
                flow=self.flow,
                password_proved=self.password_proved,
                credited=isinstance(given, StepUp) and given.access_token is not None,
            )
            return
        self.challenge = self.role = None
        if isinstance(heard, Tokens):
            self.tokens = heard if self.tokens is None else _renewed(self.tokens, heard)
            # A refresh's SECRET_HASH is over the real name, not over the alias that was typed.
            self.username = heard.username or self.username
        elif self._state is State.START:  # signed out
            self.tokens = self.flow = None
            self.password_proved = False

    def _refused(self, refusal: Refusal, at: datetime | None) -> None:
        self.refusal = refusal
        if refusal.action is RecoveryAction.DROP_DEVICE:
            self.device = None
        if self._state is State.FAILED:
            if refusal.action.survives:  # it would, but this state has no way to answer again
                self.refusal = attrs.evolve(refusal, action=RecoveryAction.START_AGAIN)
            self.challenge = self.role = None
        elif refusal.session is not None and self.challenge is not None:  # the newest always
            self.challenge = attrs.evolve(self.challenge, session=refusal.session)
            self.session_received_at = at

    def _blot(self, message: str, given: Response) -> str:
        """A service's message, without any secret of the request it answers."""
        known = [
            self.session,
            self.client_secret,
            *(getattr(given, each.name) for each in attrs.fields(type(given))),
        ]
        for value in known:
            inner = value.values() if isinstance(value, Mapping) else [value]
            for each in inner:
                if isinstance(each, Secret) and (plain := each.reveal()):
                    message = message.replace(plain, MASK)
        return message


def _fingerprint(public: int) -> str:
    """Return 128 bits of SHA-256 over SRP's public value A, in hexadecimal."""
    return hashlib.sha256(srp.padded(public)).hexdigest()[:32]


def _renewed(old: Tokens, new: Tokens) -> Tokens:
    """After a refresh: what the new tokens leave out stays as it was."""
    return attrs.evolve(
        new,
        refresh_token=new.refresh_token or old.refresh_token,
        id_token=new.id_token or old.id_token,
        new_device=new.new_device or old.new_device,
    )
