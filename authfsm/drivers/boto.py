"""Cognito through a boto3 client of yours: your session, your endpoint, your proxies; nothing global.

`Cognito` is the pool and app client, `Flow` one sign-in that walks on by itself through what needs no
person (PASSWORD_VERIFIER, DEVICE_SRP_AUTH, DEVICE_PASSWORD_VERIFIER) and stops where one is needed.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from authfsm import responses as r
from authfsm import srp
from authfsm.device import Device
from authfsm.drivers.failures import translated
from authfsm.drivers.walk import Walk
from authfsm.errors import AuthfsmError, OutOfTurn, refused
from authfsm.fields import wrapped_if_given
from authfsm.observers import Observer
from authfsm.replies import Tokens
from authfsm.responses import Response
from authfsm.sealing import SESSION_LIFETIME, Key, unseal
from authfsm.secret import Secret
from authfsm.signin import SignIn
from authfsm.states import State

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient


def _now() -> datetime:
    return datetime.now(timezone.utc)


class Cognito:
    """A user pool and one of its app clients, reached through a boto3 client.

    Args:
        client: any boto3 `cognito-idp` client; an unsigned one will do, unless `admin`.
        client_id: the app client's id.
        pool_id: the user pool's id (`eu-west-1_AbCdEfGhI`); SRP and `admin` need it.
        client_secret: the app client's secret, if it has one.
        device: the remembered device this runs on.
        admin: use the administrators' operations; the client's credentials must allow them.
        clock: gives the present time, with a time zone; UTC now.
        entropy: gives that many random bytes; the operating system's.
        observers: told of each step of each sign-in (`authfsm.observers`).
        session_lifetime: the app client's AuthSessionValidity: a sealed sign-in is not resumed after.

    Raises:
        ValueError: `pool_id` is no user pool's id.
    """

    def __init__(
        self,
        client: CognitoIdentityProviderClient,
        *,
        client_id: str,
        pool_id: str | None = None,
        client_secret: str | Secret[str] | None = None,
        device: Device | None = None,
        admin: bool = False,
        clock: Callable[[], datetime] = _now,
        entropy: Callable[[int], bytes] = secrets.token_bytes,
        observers: Iterable[Observer] = (),
        session_lifetime: timedelta = SESSION_LIFETIME,
    ) -> None:
        if pool_id is not None:
            srp.pool_name(pool_id)  # not at the first proof, after a request has gone out
        self.client = client
        self.client_id = client_id
        self.pool_id = pool_id
        self.client_secret = wrapped_if_given(client_secret)
        self.device = device
        self.admin = admin
        self.clock = clock
        self.entropy = entropy
        self.observers = tuple(observers)
        self.session_lifetime = session_lifetime

    def __repr__(self) -> str:
        return f"<Cognito pool {self.pool_id}, client {self.client_id}>"

    def start(
        self,
        password: str | Secret[str] | None = None,
        *,
        device: Device | None = None,
        client_metadata: Mapping[str, str] | None = None,
        walk: bool = True,
    ) -> Flow:
        """A sign-in that has not begun: `answer` it with one of START's responses, or `carry` one.

        Args:
            password: for the proofs by SRP on the way.
            device: in place of this object's own.
            client_metadata: for the pool's Lambda triggers, with what the flow sends by itself.
            walk: go on by itself through what needs no person.
        """
        signin = self._signin(device)
        return Flow(self, signin, password, client_metadata=client_metadata or {}, walk=walk)

    def resume(self, sealed: str | bytes, key: Key) -> Flow:
        """The sign-in that `Flow.seal` sealed, ready for its answer: in any process that has the key.

        Args:
            sealed: what `seal` made.
            key: the key, or several: all open.

        Raises:
            SealError: it cannot be taken up; its class says why, and the person starts again. SealBroken:
                changed, or sealed with another key. SealExpired: Cognito's session within has expired.
                SealForeign: another pool's or client's. SealTooNew: sealed by a later version.
            BadKey: that is no key.
        """
        signin = self._signin(None)
        held = unseal(
            sealed, key, self.clock(), into=signin, session_lifetime=self.session_lifetime
        )
        flow = Flow(self, signin, None, client_metadata={}, walk=held.walk)
        flow._take_up(held)  # noqa: SLF001 - a flow of ours
        return flow

    def sign_in(
        self,
        username: str,
        password: str | Secret[str] | None = None,
        *,
        flow: str = "USER_SRP_AUTH",
        preferred_challenge: str | None = None,
        device: Device | None = None,
        client_metadata: Mapping[str, str] | None = None,
        walk: bool = True,
    ) -> Flow:
        """Begin to sign in, and go on until a person is needed or the tokens are here.

        Args:
            username: a user name or an alias.
            password: the password, where the flow wants one.
            flow: the AuthFlow. CUSTOM_AUTH with a password proves it by SRP first; so does USER_AUTH,
                unless something else is preferred.
            preferred_challenge: PREFERRED_CHALLENGE, for USER_AUTH.
            device: the remembered device, in place of this object's own.
            client_metadata: for the pool's Lambda triggers.
            walk: False stops after each step; `Flow.step` takes the next.

        Raises:
            Refused: the first steps were refused; its class says whose fault that was.
            ConnectionLost, NotSent: no reply came; the request did not leave.
            ValueError: there is no such flow, or it lacks its password or the pool's id.

        An error that the sign-in survives has it as `error.flow`, to be answered or stepped on.
        """
        password = wrapped_if_given(password)  # a traceback's frames must not show it
        begun = self.start(password, device=device, client_metadata=client_metadata, walk=walk)
        begun.begin(flow, username, preferred_challenge)
        return begun

    def _signin(self, device: Device | None) -> SignIn:
        return SignIn(
            self.client_id,
            pool_id=self.pool_id,
            client_secret=self.client_secret,
            device=device or self.device,
            admin=self.admin,
        )

    def refresh(
        self,
        refresh_token: str | Secret[str],
        *,
        username: str | None = None,
        device_key: str | None = None,
        rotating: bool = True,
    ) -> Tokens:
        """New tokens for a refresh token.

        Args:
            refresh_token: the refresh token.
            username: the user's real name, where the app client has a secret and `rotating` is False.
            device_key: DeviceKey of that session's device, in place of this object's own device.
            rotating: by GetTokensFromRefreshToken, which knows rotation; else by REFRESH_TOKEN_AUTH.

        Raises:
            Refused, ConnectionLost, NotSent: as for `sign_in`.
            OutOfTurn: Cognito answered the refresh with a challenge.
        """
        flow = self.start()
        if rotating:
            flow.answer(r.GetTokensFromRefreshToken(refresh_token, device_key))
        else:
            flow.answer(r.RefreshTokenAuth(refresh_token, username, device_key))
        if flow.tokens is None:
            raise OutOfTurn(f"the refresh was answered with {flow.state}", state=flow.state)
        return flow.tokens


class Flow(Walk):
    """One sign-in on its way through a boto3 client: `answer` what `challenge` asks, until `done`.

    Args:
        cognito: the pool and its client.
        signin: the sign-in.
        password: for the proofs by SRP on the way.
        client_metadata: for the pool's Lambda triggers, with what the flow sends by itself.
        walk: go on by itself through what needs no person.
    """

    def __init__(
        self,
        cognito: Cognito,
        signin: SignIn,
        password: str | Secret[str] | None,
        *,
        client_metadata: Mapping[str, str],
        walk: bool,
    ) -> None:
        super().__init__(
            signin,
            password,
            client_metadata=client_metadata,
            walk=walk,
            clock=cognito.clock,
            entropy=cognito.entropy,
            observers=cognito.observers,
        )
        self.cognito = cognito

    def answer(self, response: Response) -> State:
        """Give a response, hear its reply, and walk on until a person is needed again.

        Returns:
            The state the sign-in stands in now.

        Raises:
            WrongResponse, BadField: nothing was sent, nothing changed.
            Refused: Cognito refused; `error.survives` says whether it can be answered again.
            ConnectionLost, NotSent, MalformedReply, OffTheTable: the sign-in stands where it stood.
        """
        with self._alone():
            self._exchange(response)
            while self.walk and (following := self.next_response()) is not None:
                self._exchange(following)
        return self.state

    def begin(self, flow: str, username: str, preferred_challenge: str | None = None) -> State:
        """Give the response that begins a flow; what `Cognito.sign_in` does.

        Args:
            flow: the AuthFlow.
            username: a user name or an alias.
            preferred_challenge: PREFERRED_CHALLENGE, for USER_AUTH.

        Raises:
            As `Cognito.sign_in`.
        """
        self.preferred_challenge = preferred_challenge
        try:
            return self.answer(self.opening(flow, username, preferred_challenge))
        except AuthfsmError as error:
            error.flow = self
            raise

    def restart(self, password: str | Secret[str] | None = None) -> Flow:
        """The same sign-in from its beginning: the same user, flow, device and metadata; this one is given up.

        Args:
            password: the password, where the flow wants one: this one's is gone once it is proved.

        Raises:
            OutOfTurn: nothing was begun that could begin again.
            As `Cognito.sign_in`.
        """
        name, flow = self.signin.username, self.signin.flow
        if name is None or flow is None:
            raise OutOfTurn("this sign-in has not begun", state=self.state)
        password = wrapped_if_given(password) or self._password
        self.cancel()
        begun = self.cognito.start(
            password, device=self.device, client_metadata=self._client_metadata, walk=self.walk
        )
        begun.begin(flow, name, self.preferred_challenge)
        return begun

    def step(self) -> State:
        """Take the one step that needs no person.

        Returns:
            The state the sign-in stands in now.

        Raises:
            OutOfTurn: the next step needs a person.
            Refused, ConnectionLost, NotSent, MalformedReply, OffTheTable: as for `answer`.
        """
        with self._alone():
            following = self.next_response()
            if following is None:
                raise OutOfTurn(
                    f"{self.state} has no step that needs no person: answer it", state=self.state
                )
            self._exchange(following)
        return self.state

    def carry(self, response: type[Response], *args: Any, **kwargs: Any) -> State:
        """Make a response and give it, one step; what it needs from the flow is filled in.

        This is what stands behind the triggers of `authfsm.machine.build(driver=flow.carry)`.

        Args:
            response: its class.
            *args: its fields, or the response itself; `user_srp_auth("ada", "password")` is complete.
            **kwargs: the same.

        Raises:
            As `answer`.
        """
        with self._alone():
            self._exchange(self.filled(response, *args, **kwargs))
        return self.state

    def confirm_device(self, name: str | None = None) -> Device:
        """Make this device known to Cognito, and have it remembered where the pool leaves that to people.

        Args:
            name: a name for people to recognise it by.

        Returns:
            The device, to be kept safely and given to the next sign-in.

        Raises:
            OutOfTurn: the tokens came without NewDeviceMetadata.
            Refused, ConnectionLost, NotSent: as for `answer`. If only the second request fails, the device
                is confirmed and `flow.device` has it: answer UpdateDeviceStatus again.
        """
        with self._alone():
            device, confirm = self._new_device(name)
            facts = self._exchange(confirm)
            self.signin.device = device
            # "UserConfirmationNecessary: when true, your user must confirm that they want to remember
            # the device" -- AWS API reference, ConfirmDevice; UpdateDeviceStatus does so.
            if facts.get("UserConfirmationNecessary"):
                self._exchange(r.UpdateDeviceStatus(remembered=True, device_key=device.key))
        return device

    # ---- inside --------------------------------------------------------------------------------------

    def _exchange(self, response: Response) -> Mapping[str, Any]:
        """One response, one request, one reply; the same once more if the device was forgotten."""
        heard = self._send(response)
        if self._device_dropped():
            # "delete the local device record, send the same answer without DEVICE_KEY": amplify-js and
            # amplify-swift do so. The sign-in has dropped the device already.
            heard = self._send(response)
        self._forget()
        if self.refusal is not None:
            raise refused(self.refusal, state=self.state)
        return heard

    def _send(self, response: Response) -> Mapping[str, Any]:
        source = self.state
        request = self.signin.send(response)
        call: Any = getattr(self.cognito.client, request.method)
        heard: Mapping[str, Any] = {}
        failed: AuthfsmError | None = None
        begun = time.perf_counter()
        try:
            heard = call(**request.reveal())
        except ClientError as error:
            heard = error.response
        except BaseException as error:
            self.signin.send_failed()
            failed = translated(error, self.state)
            self._lost(failed or error, source, response, time.perf_counter() - begun)
            if failed is None:
                raise
        if failed is not None:
            # Outside the handler: the library's error, its frames and the request in them, is let go.
            raise failed
        self._heard(heard, source, response, time.perf_counter() - begun)
        return heard
