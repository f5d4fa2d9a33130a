"""What every driver does, step after step, as generators: the one place that says what follows what. No I/O.

Out of a course comes a request to be carried to Cognito, or arithmetic that takes milliseconds; in goes
what came of it, or the error. A driver only carries and reckons: here and now (`boto`), or off the event
loop (`aio`). Nothing moves but between two such tasks, so a course that is broken off leaves the sign-in
where it stood.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Generic, TypeAlias, TypeVar

import attrs
from attrs import field, frozen

from authfsm import srp
from authfsm.base.secret import Secret, secret
from authfsm.core.device import PASSWORD_BYTES, SALT_BYTES, Device
from authfsm.core.signin import SignIn
from authfsm.core.wire_requests import Request
from authfsm.drivers.app_client import BaseCognito
from authfsm.drivers.base_flow import BaseFlow, paired
from authfsm.drivers.initial_response import initial_response
from authfsm.protocol import responses as r
from authfsm.protocol.errors import (
    AuthfsmError,
    InvalidOperation,
    MalformedReply,
    Refused,
    TooManySteps,
    refused,
)
from authfsm.protocol.replies import Tokens
from authfsm.protocol.responses import Response
from authfsm.protocol.states import DEVICE_STATES, State
from authfsm.protocol.table import AUTOMATIC
from authfsm.protocol.validators import check_typed

T = TypeVar("T")

A_MINUTE: Final = timedelta(minutes=1)
"""How long tokens must last to be called fresh, if nothing else is said."""

MAX_AUTOMATIC_STEPS: Final = 8
"""How many steps in a row a flow takes without new input from its caller; the table has ways of four."""


@frozen
class CpuTask(Generic[T]):
    """A few powers of 3,072 bits: milliseconds in which Python's lock is released.

    Args:
        work: a function that changes nothing.
        given: its arguments.
    """

    work: Callable[..., T]
    given: tuple[Any, ...] = field(repr=False)

    def __call__(self) -> T:
        """What comes of it."""
        return self.work(*self.given)


Task: TypeAlias = Request | CpuTask[Any]
Course: TypeAlias = Generator[Task, Any, T]


def _reckoned(work: Callable[..., T], *given: Any) -> Course[T]:
    came: T = yield CpuTask(work, given)
    return came


def _proof(
    signin: SignIn,
    now: datetime,
    password: Secret[str] | None,
    exponent: Secret[int],
    pair: srp.Ephemeral | None,
) -> r.SrpClaim:
    return signin.prove(paired(exponent, pair), now, password)


class FlowSteps(BaseFlow):
    """One sign-in, and the courses it can take: the base of every driver's flow.

    Args:
        cognito: the pool and its client.
        signin: the sign-in.
        password: for the proofs by SRP on the way.
        client_metadata: for the pool's Lambda triggers, with what the flow sends by itself.
        walk: go on by itself through what needs no person.
    """

    def __init__(
        self,
        cognito: BaseCognito[Any],
        signin: SignIn,
        password: str | Secret[str] | None,
        *,
        client_metadata: Mapping[str, str],
        walk: bool,
    ) -> None:
        password = secret(password)
        super().__init__(
            signin,
            password,
            client_metadata=client_metadata,
            walk=walk,
            clock=cognito.clock,
            entropy=cognito.entropy,
            observers=cognito.observers,
        )

    # ---- giving up -----------------------------------------------------------------------------------

    def _given_up(self, password: str | Secret[str] | None) -> tuple[str, str, Secret[str] | None]:
        """The name, flow and password to begin again with; this attempt is given up, if they will do."""
        password = secret(password)
        first, flow_then = self._begun or (None, None)
        name, flow = self.signin.username or first, self.signin.flow or flow_then
        if name is None or flow is None:
            raise InvalidOperation("this sign-in has not begun", state=self.state)
        kept = secret(password) or self._needed_password
        initial_response(flow, self.preferred_challenge, kept, self.signin.pool_id)
        self.cancel()
        return name, flow, kept

    # ---- answering -----------------------------------------------------------------------------------

    def _answering(self, response: Response) -> Course[State]:
        """A response, and all that follows without a person."""
        yield from self._exchange(response)
        taken = 0
        while self.walk and (following := (yield from self._following())) is not None:
            if taken == MAX_AUTOMATIC_STEPS:
                raise TooManySteps(self.state, taken)
            yield from self._exchange(following)
            taken += 1
        return self.state

    def _beginning(self, flow: str, username: str, preferred: str | None) -> Course[State]:
        """The response that begins a flow, and what follows it."""
        try:
            opening = yield from self._opening(flow, username, preferred)
            self.preferred_challenge, self._begun = preferred, (username, flow)
            return (yield from self._answering(opening))
        except AuthfsmError as error:
            error.flow = self
            raise

    def _stepping(self) -> Course[State]:
        """The one step that needs no person."""
        following = yield from self._following()
        if following is None:
            raise InvalidOperation(
                f"{self.state} has no step that needs no person: answer it", state=self.state
            )
        yield from self._exchange(following)
        return self.state

    def _carrying(self, response: type[Response], *args: Any, **kwargs: Any) -> Course[State]:
        """A response, filled in, and no more than that."""
        given = yield from self._filled(response, *args, **kwargs)
        yield from self._exchange(given)
        return self.state

    # ---- after the sign-in -----------------------------------------------------------------------------

    def _confirming(self, name: str | None) -> Course[Device]:
        """ConfirmDevice, and UpdateDeviceStatus where the pool leaves that to people."""
        fresh = self.tokens.new_device if self.tokens else None
        if fresh is None:
            raise InvalidOperation("there is no new device to confirm", state=self.state)
        again = self._unconfirmed is not None and self._unconfirmed[0].key == fresh.device_key
        if self._unconfirmed is None or not again:
            # Kept until it is confirmed: a password that was sent, and whose reply was lost, may be
            # the device's for good.
            entropy = self._entropy(PASSWORD_BYTES + SALT_BYTES)
            self._unconfirmed = yield from _reckoned(Device.new, fresh, entropy, name)
        device, confirm = self._unconfirmed
        try:
            facts = yield from self._exchange(attrs.evolve(confirm, device_name=name))
        except Refused as error:
            # "DeviceKeyExistsException: ... a device key that already exists" -- AWS API reference,
            # ConfirmDevice. It can be no other than ours, whose reply was lost.
            if not again or error.refusal.code != "DeviceKeyExistsException":
                raise
            facts = {"UserConfirmationNecessary": True}
        self.signin.device, self._unconfirmed = device, None
        # "UserConfirmationNecessary: when true, your user must confirm that they want to remember
        # the device" -- AWS API reference, ConfirmDevice; UpdateDeviceStatus does so.
        if facts.get("UserConfirmationNecessary"):
            yield from self._exchange(r.UpdateDeviceStatus(remembered=True, device_key=device.key))
        return device

    def _refreshing(
        self,
        *,
        rotating: bool,
        refresh_token: str | Secret[str] | None = None,
        username: str | None = None,
        device_key: str | None = None,
    ) -> Course[Tokens]:
        """New tokens for a refresh token; what is left out is the sign-in's own."""
        refresh_token = secret(refresh_token)
        yield from self._exchange(
            r.GetTokensFromRefreshToken(refresh_token, device_key)
            if rotating
            else r.RefreshTokenAuth(refresh_token, username, device_key)
        )
        if self.tokens is None or self.state is not State.AUTHENTICATED:
            raise InvalidOperation(f"the refresh was answered with {self.state}", state=self.state)
        return self.tokens

    # ---- what can be given without a person --------------------------------------------------------------

    def _following(self) -> Course[Response | None]:
        """What needs no person in the present state; None where one is needed."""
        response = AUTOMATIC.get(self.state)
        proves = self.device if self.state in DEVICE_STATES else self._password
        if response is None or proves is None:
            return None
        if response is r.SrpA:
            return (yield from self._srp_a())
        return (yield from self._claim()) if self._exponent is not None else None

    def _opening(self, flow: str, username: str, preferred: str | None) -> Course[Response]:
        """The response that begins a flow, filled in with what this sign-in holds."""
        kind: Any = initial_response(flow, preferred, self._password, self.signin.pool_id)
        self.signin.check(kind)  # a new exponent must not take the place of one whose proof is due
        more = {"client_metadata": self._client_metadata}
        if kind in r.SRP_START_RESPONSES:
            made: Response = kind(username, (yield from self._fresh()), **more)
        elif kind is r.CustomAuth:
            made = kind(username, **more)
        elif kind is r.UserAuth:
            made = kind(username, preferred, **more)
        else:
            made = kind(username, self._password, **more)
        return made

    def _filled(self, response: type[Response], *args: Any, **kwargs: Any) -> Course[Response]:
        """A response of this class; what it needs from the flow is filled in."""
        if len(args) == 1 and isinstance(args[0], response):
            return args[0]
        self.signin.check(response)  # before anything that the flow holds is changed
        if response in r.SRP_START_RESPONSES and "srp_a" not in kwargs:
            return (yield from self._srp_opening(response, *args, **kwargs))
        if response in {r.SrpA, r.SrpClaim} and "password" in kwargs:
            check_typed(response, "password", password := secret(kwargs.pop("password")))
            self._password = password
        if response is r.SrpClaim and not args and not kwargs:
            return (yield from self._claim())
        if response is r.SrpA and not args and "srp_a" not in kwargs:
            return (yield from self._srp_a(**kwargs))
        return response(*args, **kwargs)

    def _srp_opening(
        self, kind: Any, username: str, password: str | Secret[str] | None = None, **more: Any
    ) -> Course[Response]:
        password = secret(password)
        if (password := secret(password)) is not None:
            check_typed(kind, "password", password)
            self._password = password
        made: Response = kind(username, (yield from self._fresh()), **more)
        return made

    def _fresh(self) -> Course[str]:
        """A new key pair's SRP_A."""
        pair = yield from _reckoned(srp.ephemeral, self._entropy(32))
        self._exponent, self._pair = pair.a, pair
        return pair.SRP_A

    def _srp_a(self, **more: Any) -> Course[r.SrpA]:
        return r.SrpA((yield from self._fresh()), client_metadata=self._client_metadata, **more)

    def _claim(self) -> Course[r.SrpClaim]:
        if self._exponent is None:
            raise InvalidOperation("no SRP_A of this flow was sent", state=self.state)
        unfit = ""
        try:
            claim = yield from _reckoned(
                _proof, self.signin, self._clock(), self._password, self._exponent, self._pair
            )
        except srp.SrpRefused as error:
            unfit = error.value
        if unfit:
            # Outside the handler: the frames of the arithmetic, and the password in them, are let go.
            raise MalformedReply(f"{unfit} is not what SRP can work with", state=self.state)
        return attrs.evolve(claim, client_metadata=self._client_metadata)

    # ---- one step --------------------------------------------------------------------------------------

    def _exchange(self, response: Response) -> Course[Mapping[str, Any]]:
        """One response, one request, one reply; the same once more if the device was forgotten."""
        heard = yield from self._send(response)
        if self._device_dropped():
            # "delete the local device record, send the same answer without DEVICE_KEY": amplify-js and
            # amplify-swift do so. The sign-in has dropped the device already.
            heard = yield from self._send(response)
        self._forget()
        if self.refusal is not None:
            raise refused(self.refusal, state=self.state)
        return heard

    def _send(self, response: Response) -> Course[Mapping[str, Any]]:
        source = self.state
        try:
            request = self.signin.send(response)
        except AuthfsmError:
            if self.done:  # given up while the answer was made ready: nothing of that is kept
                self._forget()
            raise
        begun = time.perf_counter()
        try:
            heard: Mapping[str, Any] = yield request
        except BaseException as error:
            self.signin.send_failed()
            self._lost(error, source, response, time.perf_counter() - begun)
            raise
        self._heard(heard, source, response, time.perf_counter() - begun)
        return heard
