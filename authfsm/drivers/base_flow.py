"""One sign-in with the little that a flow must hold to go on by itself. No I/O, and no arithmetic that takes long.

The password and the SRP exponent live here, apart from the sign-in, and only while a step to come may
need them. One answer at a time: whoever comes with a second is told to wait. Every driver builds on this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from threading import Lock, RLock
from typing import Any, Final

from authfsm import srp
from authfsm.base.mixins import DisplayMixin
from authfsm.base.secret import Secret, secret
from authfsm.core.device import Device
from authfsm.core.history import History, Step
from authfsm.core.sealing import Key, seal, wrapped_keys
from authfsm.core.signin import SignIn
from authfsm.core.snapshot import Snapshot
from authfsm.observers import Observation, Observer, notify
from authfsm.protocol import responses as r
from authfsm.protocol.error_policy import RecoveryAction
from authfsm.protocol.errors import AuthfsmError, InvalidOperation
from authfsm.protocol.replies import AnyChallenge, Refusal, Tokens
from authfsm.protocol.responses import Response
from authfsm.protocol.states import State
from authfsm.protocol.table import RESTART

_PASSWORD_AHEAD: Final = frozenset(
    {State.START, State.SELECT_CHALLENGE, State.PASSWORD_SRP, State.PASSWORD_VERIFIER}
)
_PROOF_AHEAD: Final = frozenset(
    {State.START, State.PASSWORD_VERIFIER, State.DEVICE_PASSWORD_VERIFIER}
)


def paired(exponent: Secret[int], pair: srp.Ephemeral | None) -> srp.Ephemeral:
    """The key pair of an exponent: the one there is, or else it is made again, which takes a power.

    Args:
        exponent: SRP's secret a.
        pair: its key pair, if it has been made.
    """
    return pair or srp.ephemeral(exponent.reveal().to_bytes(32, "big"))


class BaseFlow(DisplayMixin):
    """One sign-in with what it needs to go on by itself: the base of every driver's flow.

    Args:
        signin: the sign-in.
        password: for the proofs by SRP on the way.
        client_metadata: for the pool's Lambda triggers, with what the flow sends by itself.
        walk: go on by itself through what needs no person.
        clock: gives the present time, with a time zone.
        entropy: gives that many random bytes.
        observers: told of each step.
        sign_in_id: tells this sign-in from others, to observers; drawn, if left out.
    """

    def __init__(
        self,
        signin: SignIn,
        password: str | Secret[str] | None,
        *,
        client_metadata: Mapping[str, str],
        walk: bool,
        clock: Callable[[], datetime],
        entropy: Callable[[int], bytes],
        observers: tuple[Observer, ...] = (),
        sign_in_id: str | None = None,
    ) -> None:
        password = secret(password)
        self.signin = signin
        self.walk = walk
        self.sign_in_id = sign_in_id or entropy(8).hex()
        self.preferred_challenge: str | None = None
        # The name and flow of a first request, refused or not.
        self._begun: tuple[str, str] | None = None
        self._observers = observers
        self._turn = Lock()
        self._moving = RLock()  # a signal's handler may cancel in the middle of a move
        self._client_metadata = client_metadata
        self._clock = clock
        self._entropy = entropy
        self._password = password = secret(password)  # in the frame, too, wrapped
        self._exponent: Secret[int] | None = None
        self._pair: srp.Ephemeral | None = None
        self._unconfirmed: tuple[Device, r.ConfirmDevice] | None = None

    # ---- where it stands -----------------------------------------------------------------------------

    @property
    def state(self) -> State:
        """Where the sign-in stands."""
        return self.signin.state

    @property
    def challenge(self) -> AnyChallenge | None:
        """What is asked now, its parameters parsed."""
        return self.signin.challenge

    @property
    def tokens(self) -> Tokens | None:
        """The tokens, once they are here."""
        return self.signin.tokens

    @property
    def refusal(self) -> Refusal | None:
        """The last reply, if it was a refusal."""
        return self.signin.refusal

    @property
    def accepts(self) -> tuple[type[Response], ...]:
        """The responses this challenge takes now, in the table's order (`SignIn.accepts`)."""
        return self.signin.accepts

    @property
    def history(self) -> History:
        """Every step so far, without secrets."""
        return self.signin.history

    @property
    def done(self) -> bool:
        """Has it ended, in tokens or in failure?"""
        return self.signin.done

    @property
    def device(self) -> Device | None:
        """The device in use: the one given, or the one confirmed; None once Cognito has forgotten it."""
        return self.signin.device

    @property
    def _ephemeral(self) -> srp.Ephemeral | None:
        """The key pair of the proof that is due; a resumed sign-in has only its exponent."""
        return None if self._exponent is None else paired(self._exponent, self._pair)

    def __repr__(self) -> str:
        return repr(self.signin).replace("SignIn", type(self).__name__, 1)

    # ---- waiting elsewhere -----------------------------------------------------------------------------

    def seal(self, key: Key) -> str:
        """This sign-in as a text that only holders of the key can read or change, to wait anywhere.

        `Cognito.resume` takes it up: in another request, in another process, on another machine. It
        carries what the state needs and no more: not the app client's secret, and the password only
        while a proof is still to come. A text takes one answer, like the session within.

        A cookie holds 4,096 bytes. With a Session of 1,000 characters a waiting code, choice, new
        password or enrolment takes about 2,200 bytes, and 160 more for each wrong code; PASSWORD_VERIFIER
        and DEVICE_PASSWORD_VERIFIER, where nobody need wait, and WEB_AUTHN with many passkeys, take more
        than a cookie.

        Args:
            key: of `authfsm.core.sealing.new_key`; of several the first seals.

        Raises:
            InvalidOperation: the sign-in has ended, or an answer is under way.
            TooLongToSeal: metadata, history or a trigger's parameters are too much for `sealing.LARGEST`.
            BadKey: that is no key.
        """
        key = wrapped_keys(key)
        with self._alone():
            return seal(self._snapshot(), key, self._clock())

    def _snapshot(self) -> Snapshot:
        return Snapshot(
            self.sign_in_id,
            self.signin,
            self._needed_password,
            self._needed_exponent,
            self.preferred_challenge,
            self._client_metadata,
            self.walk,
            self._begun,
        )

    def _take_up(self, snapshot: Snapshot) -> None:
        """Hold what that snapshot's flow held."""
        self.sign_in_id, self.walk = snapshot.sign_in_id, snapshot.walk
        self._password, self.preferred_challenge = snapshot.password, snapshot.preferred_challenge
        self._client_metadata, self._begun = snapshot.client_metadata, snapshot.begun
        self._exponent = snapshot.exponent  # its public half is made again when the proof is

    def lasts(self, within: timedelta) -> bool:
        """Are the tokens good for that long yet? So it is taken where their lifetime is not known.

        Args:
            within: how long; zero for now.
        """
        ends = None if self.tokens is None else self.tokens.expires_at
        return ends is None or self._clock() + within < ends

    # ---- giving up -----------------------------------------------------------------------------------

    def cancel(self) -> None:
        """Give this attempt up: password, exponent and session are let go, and nothing more is sent. No I/O.

        A request that is under way is not called back; its reply will find nobody who awaits it.
        """
        with self._moving:  # another thread's reply is heard whole, or finds nobody
            self.signin.abandon()
            self._forget()

    # ---- inside --------------------------------------------------------------------------------------

    def _held(self) -> Tokens:
        """The tokens there are."""
        if self.tokens is None:
            raise InvalidOperation("there are no tokens", state=self.state)
        return self.tokens

    def _device_dropped(self) -> bool:
        """Is the same answer to be sent again, without the device that Cognito has forgotten?"""
        return self.refusal is not None and self.history[-1].kind is RESTART

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Nobody else answers meanwhile: a second answer to one session would spend it for both."""
        if not self._turn.acquire(blocking=False):
            raise InvalidOperation(
                "another answer to this sign-in is under way",
                state=self.state,
                action=RecoveryAction.WAIT,
            )
        try:
            yield
        finally:
            self._turn.release()

    def _heard(self, raw: Mapping[str, Any], source: State, given: Response, took: float) -> None:
        """The reply to what was sent; whoever observes is told of it."""
        at = self._clock()
        try:
            with self._moving:
                self.signin.receive(raw, at=at)
        except AuthfsmError as error:
            self._lost(error, source, given, took)
            raise
        seen = Observation(self.sign_in_id, self.history[-1], took, self.signin.flow)
        notify(self._observers, seen)

    def _lost(self, error: BaseException, source: State, given: Response, took: float) -> None:
        """No reply came to what was sent, or none that could be read; whoever observes is told."""
        step = Step(
            number=len(self.history) + 1,
            source=source,
            response=type(given),
            dest=self.state,
            role=self.signin.role,
            action=getattr(error, "action", None),
            at=self._clock(),
        )
        lost = type(error).__name__
        notify(self._observers, Observation(self.sign_in_id, step, took, self.signin.flow, lost))

    def _forget(self) -> None:
        """The password and the exponent go as soon as no step to come can need them."""
        self._password, self._exponent = self._needed_password, self._needed_exponent
        if self._exponent is None:
            self._pair = None

    @property
    def _needed_password(self) -> Secret[str] | None:
        spent = self.signin.password_proved and self.state not in _PASSWORD_AHEAD
        return None if self.done or spent else self._password

    @property
    def _needed_exponent(self) -> Secret[int] | None:
        return self._exponent if self.state in _PROOF_AHEAD else None
