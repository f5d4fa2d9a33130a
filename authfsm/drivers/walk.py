"""What a flow can answer by itself, and the little it must hold for that. No I/O.

The password and the SRP exponent live here, apart from the sign-in, and only while a step to come may
need them. One answer at a time: whoever comes with a second is told to wait. Every driver builds on this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from threading import Lock
from typing import Any, Final

import attrs

from authfsm import responses as r
from authfsm import srp
from authfsm.device import PASSWORD_BYTES, SALT_BYTES, Device
from authfsm.errors import AuthfsmError, MalformedReply, OutOfTurn
from authfsm.fields import wrapped_if_given
from authfsm.observers import Observation, Observer, tell
from authfsm.replies import AnyChallenge, Refusal, Tokens
from authfsm.responses import Response
from authfsm.rulings import Ruling
from authfsm.sealing import Key, seal
from authfsm.secret import Secret
from authfsm.signin import SignIn, Step
from authfsm.snapshot import Snapshot
from authfsm.states import State

_PASSWORD_AHEAD: Final = frozenset(
    {State.START, State.SELECT_CHALLENGE, State.PASSWORD_SRP, State.PASSWORD_VERIFIER}
)
_PROOF_AHEAD: Final = frozenset(
    {State.START, State.PASSWORD_VERIFIER, State.DEVICE_PASSWORD_VERIFIER}
)
_SRP_OPENINGS: Final = frozenset({r.UserSrpAuth, r.CustomSrpAuth, r.UserAuthWithSrp})


class Walk:
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
        self.signin = signin
        self.walk = walk
        self.sign_in_id = sign_in_id or entropy(8).hex()
        self.preferred_challenge: str | None = None
        self._observers = observers
        self._answering = Lock()
        self._client_metadata = client_metadata
        self._clock = clock
        self._entropy = entropy
        self._password = password = wrapped_if_given(password)  # in the frame, too, wrapped
        self._ephemeral: srp.Ephemeral | None = None

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
    def accepts(self) -> frozenset[type[Response]]:
        """The responses this state takes, read from the table."""
        return self.signin.accepts

    @property
    def history(self) -> tuple[Step, ...]:
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

    def __repr__(self) -> str:
        return repr(self.signin).replace("SignIn", type(self).__name__, 1)

    # ---- what it can answer by itself ----------------------------------------------------------------

    def next_response(self) -> Response | None:
        """What needs no person in the present state, made ready to be given; None where one is needed."""
        match self.state:
            case State.PASSWORD_VERIFIER if (
                self._password is not None and self._ephemeral is not None
            ):
                return self._claim()
            case State.PASSWORD_SRP if self._password is not None:
                return self._srp_a()
            case State.DEVICE_SRP_AUTH if self.device is not None:
                return self._srp_a()
            case State.DEVICE_PASSWORD_VERIFIER if (
                self.device is not None and self._ephemeral is not None
            ):
                return self._claim()
            case _:
                return None

    def opening(self, flow: str, username: str, preferred_challenge: str | None = None) -> Response:
        """The response that begins a flow, filled in with what this sign-in holds.

        Args:
            flow: the AuthFlow.
            username: a user name or an alias.
            preferred_challenge: for USER_AUTH.

        Raises:
            ValueError: no flow with a user name has this name, or it lacks its password.
        """
        password, more = self._password, {"client_metadata": self._client_metadata}
        if password is None and flow in {
            "USER_SRP_AUTH",
            "USER_PASSWORD_AUTH",
            "ADMIN_USER_PASSWORD_AUTH",
        }:
            raise ValueError(f"{flow} needs the password")
        if flow == "USER_SRP_AUTH" and self.signin.pool_id is None:
            raise ValueError(f"{flow} needs the pool_id: the proof is made with it")
        srp_kind = {
            "USER_SRP_AUTH": r.UserSrpAuth,
            "CUSTOM_AUTH": r.CustomSrpAuth,
            "USER_AUTH": r.UserAuthWithSrp,
        }
        by_srp = password is not None and preferred_challenge in {None, "PASSWORD_SRP"}
        made: Response
        if by_srp and (kind := srp_kind.get(flow)) is not None:
            made = kind(username, self._fresh(), **more)
        elif flow == "USER_PASSWORD_AUTH":
            made = r.UserPasswordAuth(username, password, **more)  # type: ignore[arg-type]  # not None, as above
        elif flow == "ADMIN_USER_PASSWORD_AUTH":
            made = r.AdminUserPasswordAuth(username, password, **more)  # type: ignore[arg-type]  # the same
        elif flow == "ADMIN_NO_SRP_AUTH":
            made = r.AdminNoSrpAuth(username, password, **more)
        elif flow == "CUSTOM_AUTH":
            made = r.CustomAuth(username, **more)
        elif flow == "USER_AUTH" and password is not None and preferred_challenge == "PASSWORD":
            made = r.UserAuthWithPassword(username, password, **more)
        elif flow == "USER_AUTH":
            made = r.UserAuth(username, preferred_challenge, **more)
        else:
            raise ValueError(f"no flow with a user name is named {flow!r}")
        return made

    def filled(self, response: type[Response], *args: Any, **kwargs: Any) -> Response:
        """A response of this class; what it needs from the flow is filled in.

        `filled(UserSrpAuth, "ada", "password")`, `filled(SrpA)` and `filled(SrpClaim)` are complete as
        they are: key pair and proof are the flow's business. A password that comes late goes along with
        either: `filled(SrpA, password="...")`.

        Args:
            response: its class.
            *args: its fields, or the response itself.
            **kwargs: the same.
        """
        if len(args) == 1 and isinstance(args[0], response):
            return args[0]
        if response in _SRP_OPENINGS and "srp_a" not in kwargs:
            return self._srp_opening(response, *args, **kwargs)
        if response in {r.SrpA, r.SrpClaim} and "password" in kwargs:
            self._password = wrapped_if_given(kwargs.pop("password"))
        if response is r.SrpClaim and not args and not kwargs:
            return self._claim()
        if response is r.SrpA and not args and "srp_a" not in kwargs:
            return self._srp_a(**kwargs)
        return response(*args, **kwargs)

    # ---- waiting elsewhere -----------------------------------------------------------------------------

    def seal(self, key: Key) -> str:
        """This sign-in as a text that only holders of the key can read or change, to wait anywhere.

        `Cognito.resume` takes it up: in another request, in another process, on another machine. It
        carries what the state needs and no more: not the app client's secret, and the password only
        while a proof is still to come. A text takes one answer, like the session within.

        A cookie holds 4,096 bytes. With a Session of 1,000 characters a waiting code, choice, new
        password or enrolment takes about 2,200 bytes; PASSWORD_VERIFIER and DEVICE_PASSWORD_VERIFIER,
        where nobody need wait, and WEB_AUTHN with many passkeys, take more than a cookie.

        Args:
            key: of `authfsm.sealing.new_key`; of several the first seals.

        Raises:
            OutOfTurn: the sign-in has ended, or an answer is under way.
            BadKey: that is no key.
        """
        with self._alone():
            return seal(self._snapshot(), key, self._clock())

    def _snapshot(self) -> Snapshot:
        return Snapshot(
            self.sign_in_id,
            self.signin,
            self._password,
            None if self._ephemeral is None else self._ephemeral.a,
            self.preferred_challenge,
            self._client_metadata,
            self.walk,
        )

    def _take_up(self, snapshot: Snapshot) -> None:
        """Hold what that snapshot's flow held."""
        self.sign_in_id, self.walk = snapshot.sign_in_id, snapshot.walk
        self._password, self.preferred_challenge = snapshot.password, snapshot.preferred_challenge
        self._client_metadata = snapshot.client_metadata
        if snapshot.exponent is not None:
            self._ephemeral = srp.ephemeral(snapshot.exponent.reveal().to_bytes(32, "big"))

    # ---- giving up -----------------------------------------------------------------------------------

    def cancel(self) -> None:
        """Give this attempt up: password, exponent and session are let go, and nothing more is sent.

        A request that is under way is not called back; its reply will find nobody who awaits it.
        """
        self.signin.abandon()
        self._forget()

    # ---- inside --------------------------------------------------------------------------------------

    def _srp_opening(
        self, kind: Any, username: str, password: str | Secret[str] | None = None, **more: Any
    ) -> Response:
        password = wrapped_if_given(password)
        self._password = password or self._password
        made: Response = kind(username, self._fresh(), **more)
        return made

    def _fresh(self) -> str:
        self._ephemeral = srp.ephemeral(self._entropy(32))
        return self._ephemeral.SRP_A

    def _srp_a(self, **more: Any) -> r.SrpA:
        return r.SrpA(self._fresh(), client_metadata=self._client_metadata, **more)

    def _claim(self) -> r.SrpClaim:
        if self._ephemeral is None:
            raise OutOfTurn("no SRP_A of this flow was sent", state=self.state)
        refused = ""
        try:
            claim = self.signin.prove(self._ephemeral, self._clock(), self._password)
        except srp.SrpRefused as error:
            refused = error.value
        if refused:
            # Outside the handler: the frames of the arithmetic, and the password in them, are let go.
            raise MalformedReply(f"{refused} is not what SRP can work with", state=self.state)
        return attrs.evolve(claim, client_metadata=self._client_metadata)

    def _new_device(self, name: str | None) -> tuple[Device, r.ConfirmDevice]:
        if self.tokens is None or self.tokens.new_device is None:
            raise OutOfTurn("there is no new device to confirm", state=self.state)
        return Device.new(self.tokens.new_device, self._entropy(PASSWORD_BYTES + SALT_BYTES), name)

    def _device_dropped(self) -> bool:
        """Is the same answer to be sent again, without the device that Cognito has forgotten?"""
        refusal = self.refusal
        return refusal is not None and refusal.ruling is Ruling.DROP_DEVICE and not self.done

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Nobody else answers meanwhile: a second answer to one session would spend it for both."""
        if not self._answering.acquire(blocking=False):
            raise OutOfTurn(
                "another answer to this sign-in is under way", state=self.state, ruling=Ruling.WAIT
            )
        try:
            yield
        finally:
            self._answering.release()

    def _heard(self, raw: Mapping[str, Any], source: State, given: Response, took: float) -> None:
        """The reply to what was sent; whoever observes is told of it."""
        at = self._clock()
        try:
            self.signin.receive(raw, at=at)
        except AuthfsmError as error:
            self._lost(error, source, given, took)
            raise
        seen = Observation(self.sign_in_id, self.history[-1], took, self.signin.flow)
        tell(self._observers, seen)

    def _lost(self, error: BaseException, source: State, given: Response, took: float) -> None:
        """No reply came to what was sent, or none that could be read; whoever observes is told."""
        step = Step(
            number=len(self.history) + 1,
            source=source,
            response=type(given),
            dest=self.state,
            role=self.signin.role,
            ruling=getattr(error, "ruling", None),
            at=self._clock(),
        )
        lost = type(error).__name__
        tell(self._observers, Observation(self.sign_in_id, step, took, self.signin.flow, lost))

    def _forget(self) -> None:
        """The password and the exponent go as soon as no step to come can need them."""
        if self.done or (self.signin.password_proved and self.state not in _PASSWORD_AHEAD):
            self._password = None
        if self.state not in _PROOF_AHEAD:
            self._ephemeral = None
