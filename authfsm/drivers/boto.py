"""Cognito through a boto3 client of yours: your session, your endpoint, your proxies; nothing global.

`Cognito` is the pool and app client, `Flow` one sign-in that walks on by itself through what needs no
person (PASSWORD_VERIFIER, DEVICE_SRP_AUTH, DEVICE_PASSWORD_VERIFIER) and stops where one is needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from authfsm.base.secret import Secret, secret
from authfsm.core.device import Device
from authfsm.core.sealing import Key, wrapped_keys
from authfsm.core.signin import SignIn
from authfsm.core.wire_requests import Request
from authfsm.drivers.app_client import BaseCognito
from authfsm.drivers.flow_steps import A_MINUTE, Course, CpuTask, FlowSteps, T
from authfsm.drivers.transport import send_request
from authfsm.protocol import responses as r
from authfsm.protocol.error_policy import RecoveryAction
from authfsm.protocol.errors import InvalidOperation
from authfsm.protocol.replies import Tokens
from authfsm.protocol.responses import Response
from authfsm.protocol.states import State

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient  # noqa: F401 - in quotes below


class Cognito(BaseCognito["CognitoIdentityProviderClient"]):
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
        TypeError: an async client; `AsyncCognito` is for those.
    """

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
        password = secret(password)
        signin = self._signin(device)
        return Flow(self, signin, password, client_metadata=client_metadata or {}, walk=walk)

    def resume(self, sealed: str | bytes | None, key: Key) -> Flow:
        """The sign-in that `Flow.seal` sealed, ready for its answer: in any process that has the key.

        Args:
            sealed: what `seal` made; None, where a browser brought nothing.
            key: the key, or several: all open.

        Raises:
            SealError: it cannot be taken up; its class says why, and the person starts again. SealBroken:
                changed, sealed with another key, or nothing at all. SealExpired: Cognito's session within has expired.
                SealWrongClient: another pool's or client's. SealTooNew: sealed by a later version.
            BadKey: that is no key.
        """
        key = wrapped_keys(key)
        held = self._unsealed(sealed, key)
        flow = Flow(self, held.signin, None, client_metadata={}, walk=held.walk)
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
        password = secret(password)  # a traceback's frames must not show it
        begun = self.start(password, device=device, client_metadata=client_metadata, walk=walk)
        begun.begin(flow, username, preferred_challenge)
        return begun

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
            InvalidOperation: Cognito answered the refresh with a challenge.
        """
        refresh_token = secret(refresh_token)
        flow = self.start()
        return flow.refresh(
            refresh_token, username=username, device_key=device_key, rotating=rotating
        )


class Flow(FlowSteps):
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
        password = secret(password)
        super().__init__(cognito, signin, password, client_metadata=client_metadata, walk=walk)
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
        return self._take(self._answering(response))

    def begin(self, flow: str, username: str, preferred_challenge: str | None = None) -> State:
        """Give the response that begins a flow; what `Cognito.sign_in` does.

        Args:
            flow: the AuthFlow.
            username: a user name or an alias.
            preferred_challenge: PREFERRED_CHALLENGE, for USER_AUTH.

        Raises:
            As `Cognito.sign_in`.
        """
        return self._take(self._beginning(flow, username, preferred_challenge))

    def restart(self, password: str | Secret[str] | None = None) -> Flow:
        """The same sign-in from its beginning: the same user, flow, device and metadata; this one is given up.

        Args:
            password: the password, where the flow wants one: this one's is gone once it is proved.

        Raises:
            InvalidOperation: nothing was begun that could begin again.
            ValueError: the flow wants the password, and it is gone: this sign-in stands where it stood.
            As `Cognito.sign_in`.
        """
        password = secret(password)
        name, flow, password = self._given_up(password)
        begun = self.cognito.start(
            password, device=self.device, client_metadata=self._client_metadata, walk=self.walk
        )
        begun.signin.device = self.device  # None too: Cognito has forgotten it
        begun.begin(flow, name, self.preferred_challenge)
        return begun

    def step(self) -> State:
        """Take the one step that needs no person.

        Returns:
            The state the sign-in stands in now.

        Raises:
            InvalidOperation: the next step needs a person.
            Refused, ConnectionLost, NotSent, MalformedReply, OffTheTable: as for `answer`.
        """
        return self._take(self._stepping())

    def carry(self, response: type[Response], *args: Any, **kwargs: Any) -> State:
        """Make a response and give it, one step; what it needs from the flow is filled in.

        This is what stands behind the triggers of `authfsm.core.machine.build(driver=flow.carry)`.

        Args:
            response: its class.
            *args: its fields, or the response itself; `user_srp_auth("ada", "password")` is complete.
            **kwargs: the same.

        Raises:
            As `answer`.
        """
        args, kwargs = r.wrap_call(response, args, kwargs)
        return self._take(self._carrying(response, *args, **kwargs))

    def confirm_device(self, name: str | None = None) -> Device:
        """Make this device known to Cognito, and have it remembered where the pool leaves that to people.

        Args:
            name: a name for people to recognise it by.

        Returns:
            The device, to be kept safely and given to the next sign-in.

        Raises:
            InvalidOperation: the tokens came without NewDeviceMetadata.
            Refused, ConnectionLost, NotSent: as for `answer`. Where a reply was lost, call this again: it
                is the same device. If only the second request fails, the device is confirmed and
                `flow.device` has it: answer UpdateDeviceStatus again.
        """
        return self._take(self._confirming(name))

    def refresh(
        self,
        refresh_token: str | Secret[str] | None = None,
        *,
        username: str | None = None,
        device_key: str | None = None,
        rotating: bool = True,
    ) -> Tokens:
        """New tokens in place of those this flow has; what is left out is the sign-in's own.

        Args:
            refresh_token: another refresh token, in a flow that has just started.
            username: the user's real name, where the app client has a secret and `rotating` is False.
            device_key: DeviceKey of that session's device.
            rotating: by GetTokensFromRefreshToken, which knows rotation; else by REFRESH_TOKEN_AUTH,
                which an app client with RefreshTokenRotation does not take.

        Raises:
            Refused: a revoked or expired refresh token; the old tokens stay.
            ConnectionLost, NotSent: as for `answer`. Where tokens rotate, a reply that was lost may have
                spent the refresh token (RetryGracePeriodSeconds).
            BadField: there is no refresh token.
            InvalidOperation: Cognito answered the refresh with a challenge, which stands to be answered.
        """
        refresh_token = secret(refresh_token)
        return self._take(
            self._refreshing(
                rotating=rotating,
                refresh_token=refresh_token,
                username=username,
                device_key=device_key,
            )
        )

    def fresh_tokens(self, within: timedelta = A_MINUTE) -> Tokens:
        """The tokens, refreshed first if the access token would expire within that time.

        While another refresh is under way, the present ones serve as long as they last.

        Args:
            within: how long they must last.

        Raises:
            As `refresh`; InvalidOperation: there are no tokens.
        """
        tokens = self._held()
        if self.lasts(within):
            return tokens
        try:
            return self.refresh()
        except InvalidOperation as error:
            if error.action is RecoveryAction.WAIT and self.lasts(timedelta(0)):
                return tokens
            raise

    def sign_out(self, *, everywhere: bool = False) -> None:
        """End this session at Cognito: by RevokeToken, or by GlobalSignOut everywhere. Then it is START again.

        Access and ID tokens that are out there still verify by their signature until they expire.

        Args:
            everywhere: end all of the user's sessions, on every device.

        Raises:
            WrongResponse: there are no tokens.
            BadField: there is no refresh token to revoke; `everywhere` does without one.
            Refused, ConnectionLost, NotSent: as for `answer`; the tokens stay.
        """
        self._take(self._answering(r.GlobalSignOut() if everywhere else r.RevokeToken()))

    # ---- what can be given without a person ----------------------------------------------------------

    def next_response(self) -> Response | None:
        """What needs no person in the present state, made ready to be given; None where one is needed."""
        return self._take(self._following())

    def initial_response(
        self, flow: str, username: str, preferred_challenge: str | None = None
    ) -> Response:
        """The response that begins a flow, filled in with what this sign-in holds.

        Args:
            flow: the AuthFlow.
            username: a user name or an alias.
            preferred_challenge: for USER_AUTH.

        Raises:
            ValueError: no flow with a user name has this name, or it lacks its password.
            WrongResponse: it has begun already.
        """
        return self._take(self._opening(flow, username, preferred_challenge))

    def make_response(self, response: type[Response], *args: Any, **kwargs: Any) -> Response:
        """A response of this class; what it needs from the flow is filled in.

        `make_response(UserSrpAuth, "ada", "password")`, `make_response(SrpA)` and `make_response(SrpClaim)` are complete as
        they are: key pair and proof are the flow's business. A password that comes late goes along with
        either: `make_response(SrpA, password="...")`.

        Args:
            response: its class.
            *args: its fields, or the response itself.
            **kwargs: the same.

        Raises:
            WrongResponse, BadField: the state does not take it; a field cannot be. Nothing changed.
        """
        args, kwargs = r.wrap_call(response, args, kwargs)
        return self._take(self._filled(response, *args, **kwargs))

    # ---- inside --------------------------------------------------------------------------------------

    def _take(self, course: Course[T]) -> T:
        """Go a course to its end, nobody else meanwhile."""
        with self._alone():
            return self._driven(course)

    def _driven(self, course: Course[T]) -> T:
        try:
            task = next(course)
            while True:
                try:
                    came = task() if isinstance(task, CpuTask) else self._carried(task)
                except BaseException as error:  # noqa: BLE001, PERF203 - the course knows what to do
                    task = course.throw(error)
                else:
                    task = course.send(came)
        except StopIteration as end:
            result: T = end.value
            return result

    def _carried(self, request: Request) -> Mapping[str, Any]:
        return send_request(getattr(self.cognito.client, request.method), request, self.state)
