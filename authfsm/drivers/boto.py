"""Signs in through the application's own boto3 client, with its session, endpoint and proxies.

`Cognito` is a user pool and app client. `Flow` is one sign-in: it takes the steps of SRP proofs (the responses of
`AUTOMATIC` in the table), which need no user input, and stops where user input is required.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from authfsm.base.secret import Secret, secret, wrap_text
from authfsm.core.device import Device
from authfsm.core.wire_requests import Request
from authfsm.drivers.account import CognitoAccount
from authfsm.drivers.base_flow import BaseCognito
from authfsm.drivers.flow_steps import ONE_MINUTE, Effects, FlowSteps, T
from authfsm.drivers.transport import send_request
from authfsm.protocol import responses as r
from authfsm.protocol.account_requests import Confirmed
from authfsm.protocol.error_policy import RecoveryAction
from authfsm.protocol.errors import InvalidOperation
from authfsm.protocol.replies import Tokens
from authfsm.protocol.responses import Response
from authfsm.protocol.states import State

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient  # noqa: F401 - in quotes below


class Cognito(BaseCognito["CognitoIdentityProviderClient", "Flow"]):
    """A user pool and one of its app clients, reached through a boto3 client.

    Args:
        client: any boto3 `cognito-idp` client, or a wrapper with its `meta`; `admin` and administrators' flows need
            one that signs requests (not `UNSIGNED`).
        client_id: the app client's id.
        pool_id: the user pool's id (`eu-west-1_AbCdEfGhI`); SRP, `admin` and administrators' flows need
            it.
        client_secret: the app client's secret, if it has one; or a function that returns it and is called
            before each request, so that a secret that AWS Secrets Manager rotates can be used.
        device: the remembered device to sign in on.
        admin: use the administrators' operations; the client's credentials must allow them.
        clock: returns the current time, with a time zone; by default in UTC. The constructor also calls it, to check it.
        entropy: a function that returns as many random bytes as its argument says; by default `secrets.token_bytes`.
        observers: called after each step of each sign-in (`authfsm.observers`).
        session_lifetime: the app client's AuthSessionValidity, after which a sealed sign-in has expired.

    Raises:
        ValueError: `pool_id` is not the id of a user pool, or `session_lifetime` is not positive.
        TypeError: the client is an async one, which requires `AsyncCognito`, or another argument has the wrong type.
    """

    def sign_in(
        self,
        username: str | Confirmed,
        password: str | Secret[str] | None = None,
        *,
        flow: str = "USER_SRP_AUTH",
        preferred_challenge: str | None = None,
        device: Device | None = None,
        client_metadata: Mapping[str, str] | None = None,
        walk: bool = True,
    ) -> Flow:
        """Begin a sign-in, and run it until user input is required or the tokens are issued.

        Args:
            username: a user name or an alias; or the result of `account.confirm_sign_up` or `confirm_forgot_password`.
                If such a result has a Session, the sign-in begins with it, as USER_AUTH, provided that you pass no
                password and no preferred challenge, and that `flow` is USER_AUTH or the default.
            password: the password, if the flow needs one.
            flow: the AuthFlow. With a password, CUSTOM_AUTH proves it by SRP first, and so does USER_AUTH
                if `preferred_challenge` is None or PASSWORD_SRP.
            preferred_challenge: PREFERRED_CHALLENGE, for USER_AUTH.
            device: the remembered device, instead of the one passed to the constructor.
            client_metadata: for the pool's Lambda triggers.
            walk: if False, stop after each step; `Flow.step` takes the next step.

        Raises:
            InvalidInput: the user name or the password cannot be right, for example because it is empty. Nothing was sent.
            BadField: another argument is not valid, for example an unknown `preferred_challenge`, or an operation of
                administrators lacks the `pool_id`. Nothing was sent.
            Refused: Cognito refused one of the first steps. The error is also a `UserError`, `TimeError`, `ServiceError`,
                `OperatorError` or `CallerError`, which says who is at fault.
            ConnectionLost: no reply came.
            NotSent: the request could not be sent, for example without credentials or a trusted certificate.
            MalformedReply, ProtocolViolation, TooManySteps: as for `Flow.answer`.
            ValueError: no flow has this name, the password is missing, the `pool_id` that an SRP proof needs is missing, or `preferred_challenge` is
                given for another flow than USER_AUTH. Nothing was sent.

        If `error.survives`, continue with `error.flow`: call its `answer`, or its `step` if the failed request needs no
        user input.
        """
        password = secret(password)
        new_flow = self.start(password, device=device, client_metadata=client_metadata, walk=walk)
        new_flow.begin(flow, username, preferred_challenge)
        return new_flow

    def refresh(
        self,
        refresh_token: str | Secret[str],
        *,
        username: str | None = None,
        device_key: str | None = None,
        by_initiate_auth: bool = False,
    ) -> Tokens:
        """Return new tokens for a refresh token; the arguments and errors are those of `Flow.refresh`.

        Without `device_key`, the device is the one passed to the constructor. If the pool remembers devices, pass
        `tokens.device_key`, or the claim `device_key` of an access token.
        """
        refresh_token = secret(refresh_token)
        return self.start().refresh(
            refresh_token, username=username, device_key=device_key, by_initiate_auth=by_initiate_auth
        )

    @property
    def account(self) -> CognitoAccount:
        """The operations of users on their own accounts: sign-up, forgotten password, attributes, deletion."""
        return CognitoAccount(self)

    def sign_out(
        self,
        refresh_token: str | Secret[str],
        everywhere: bool = False,  # noqa: FBT001, FBT002 - public signature
        *,
        device_key: str | None = None,
    ) -> None:
        """End the session of a refresh token by RevokeToken; if `everywhere`, end all sessions of the user.

        GlobalSignOut needs an access token, so with `everywhere` the tokens are refreshed first. If the session has a
        device, pass its `device_key` for the refresh. The errors are those of `Flow.sign_out` and `refresh`.
        """
        refresh_token = secret(refresh_token)
        flow = self.start()
        flow._run(flow._sign_out_steps(refresh_token or Secret(""), device_key, everywhere=everywhere))  # noqa: SLF001 - same module

    def confirm_device(self, tokens: Tokens, name: str | None = None) -> Device:
        """Confirm the new device of these tokens, like `Flow.confirm_device`, but without the flow of the sign-in.

        The access token must still be valid. The errors are those of `Flow.confirm_device`; `error.flow` is the flow
        with which to try again.
        """
        flow = self.start()
        return flow._run(flow._confirm_device_of(tokens, name))  # noqa: SLF001 - same module

    def _flow_class(self) -> type[Flow]:
        return Flow

    def _run(self, steps: Effects[T], state: Callable[[], State | None]) -> T:
        """Perform the effects of a generator in this thread, and return its value."""
        try:
            effect = next(steps)
            while True:
                try:
                    result = send_request(self.client, effect, state()) if isinstance(effect, Request) else effect()
                except BaseException as error:  # noqa: BLE001, PERF203 - the generator handles it
                    effect = steps.throw(error)
                else:
                    effect = steps.send(result)
        except StopIteration as end:
            value: T = end.value
            return value


class Flow(FlowSteps):
    """One sign-in through a boto3 client: `answer` its `challenge` until it is `done`."""

    cognito: Cognito

    def begin(self, flow: str, username: str | Confirmed, preferred_challenge: str | None = None) -> State:
        """Send the response that begins a flow; the arguments are those of `Cognito.sign_in`, which calls `start` and this."""
        return self._run(self._begin_steps(flow, username, preferred_challenge))

    def answer(self, response: Response) -> State:
        """Send a response, and run the sign-in until user input is required again; return the state.

        Args:
            response: an object of one of the classes in `accepts`.

        Raises:
            WrongResponse, BadField: nothing was sent, nothing changed.
            Refused: Cognito refused; `error.survives` says whether the challenge can be answered again.
            ConnectionLost, NotSent, MalformedReply, ProtocolViolation: the flow is as it was before the failed step. If
                that step needed no user input, call `step` to repeat it.
            InvalidOperation: another answer is in progress (action WAIT), or `response` is a class, not an object.
            ValueError: the next step is an SRP proof, and this `Cognito` has no `pool_id`.
            TooManySteps: Cognito asked for more steps without user input than the protocol has.
        """
        # `answer("123456")`, without `Code`, is refused below. The text is wrapped first, so that no traceback shows it.
        response = wrap_text(response)
        return self._run(self._answer_steps(response))

    def step(self) -> State:
        """Take one step that needs no user input. If the request that began the sign-in was lost or throttled, send it again.

        Raises:
            InvalidOperation: the state needs user input, or has no challenge. The other errors are those of `answer`.
        """
        return self._run(self._single_step())

    def carry(self, response: type[Response], *args: Any, **kwargs: Any) -> State:
        """Create a response as `make_response` does, send it, take no further step, and return the state.

        For `authfsm.build(driver=flow.carry)`. The errors are those of `make_response` and `answer`.

        Args:
            response: the class of the response.
            *args: the fields of the response, or the finished response.
            **kwargs: further fields.
        """
        response, args, kwargs = r.wrap_call(response, args, kwargs)
        return self._run(self._carry_steps(response, *args, **kwargs))

    def restart(self, password: str | Secret[str] | None = None) -> Flow:
        """Cancel this sign-in as `cancel` does, and begin a new one with the same user and settings; return it.

        The settings are the AuthFlow, the preferred challenge, the device, the metadata and `walk`.

        Args:
            password: the password, if the AuthFlow needs it and this sign-in has proved and then dropped it.

        Raises:
            InvalidOperation: this sign-in has not begun, or is a step-up: send a new `StepUp`.
            ValueError: the password is missing; this sign-in is unchanged.
            Refused, ConnectionLost, NotSent: as for `Cognito.sign_in`.
        """
        password = secret(password)
        new_flow, auth_flow, username = self._abandon_and_start(password)
        new_flow.begin(auth_flow, username, self.preferred_challenge)
        return new_flow

    def confirm_device(self, name: str | None = None) -> Device:
        """Confirm the new device with Cognito; if the pool lets users decide about devices, mark it as remembered, too.

        Return the device: store it safely, and pass it to the next sign-in.

        Args:
            name: a name that the user recognises.

        Raises:
            InvalidOperation: the tokens came without NewDeviceMetadata, or the device is already confirmed.
            Refused, ConnectionLost, NotSent: as for `answer`. If a reply was lost, call this again: it confirms the same
                device. If only UpdateDeviceStatus failed, the device is confirmed and is `flow.device`: send
                `flow.answer(UpdateDeviceStatus(remembered=True))`.
        """
        return self._run(self._confirm_device_steps(name))

    def refresh(
        self,
        refresh_token: str | Secret[str] | None = None,
        *,
        username: str | None = None,
        device_key: str | None = None,
        by_initiate_auth: bool = False,
    ) -> Tokens:
        """Refresh the tokens of this flow; by default the request has the flow's own refresh token, user and device.

        Args:
            refresh_token: a refresh token for a flow that has sent nothing yet; a flow with tokens uses its own.
            username: the user's actual user name, no alias; needed only with `by_initiate_auth` and a client secret.
            device_key: DeviceKey of the session to which `refresh_token` belongs, if the pool remembers devices. Later
                refreshes of this flow send it too.
            by_initiate_auth: send InitiateAuth with REFRESH_TOKEN_AUTH in place of GetTokensFromRefreshToken. It does not
                work for an app client with RefreshTokenRotation.

        Raises:
            Refused: the refresh token was revoked or has expired, or its session's `device_key` is missing; the old
                tokens stay.
            ConnectionLost, NotSent: as for `answer`. If tokens rotate and a reply was lost, the refresh token may be
                valid only for RetryGracePeriodSeconds more.
            BadField: there is no refresh token.
            WrongResponse: the sign-in waits for an answer, or has failed.
            InvalidOperation: Cognito replied with a challenge, which can be answered.
        """
        refresh_token = secret(refresh_token)
        return self._run(self._refresh_steps(refresh_token, username, device_key, by_initiate_auth=by_initiate_auth))

    def fresh_tokens(self, within: timedelta = ONE_MINUTE) -> Tokens:
        """Return the tokens, refreshed first if the access token expires within that time.

        While another refresh is in progress, the current tokens are returned if they are still valid.

        Raises:
            InvalidOperation: there are no tokens. The other errors are those of `refresh`.
        """
        tokens = self.signed_in()
        if self.tokens_valid_for(within):
            return tokens
        try:
            return self.refresh()
        except InvalidOperation as error:
            if error.action is RecoveryAction.WAIT and self.tokens_valid_for(timedelta(0)):
                return tokens
            raise

    def sign_out(self, *, everywhere: bool = False) -> None:
        """End this session at Cognito by RevokeToken; if `everywhere`, end all sessions of the user by GlobalSignOut.

        The state is then START. Verifiers accept the issued tokens until they expire.

        Raises:
            WrongResponse: there are no tokens.
            BadField: there is no refresh token to revoke; `everywhere` needs none.
            Refused, ConnectionLost, NotSent: as for `answer`; the tokens stay.
        """
        self._run(self._sign_out_steps(everywhere=everywhere))

    def next_response(self) -> Response | None:
        """Return the response to the current challenge, ready to send; None if it needs user input."""
        return self._run(self._next_response_steps())

    def initial_response(self, flow: str, username: str, preferred_challenge: str | None = None) -> Response:
        """Return the response that begins a flow; the arguments are those of `begin`, but `username` cannot be a `Confirmed`.

        Raises:
            InvalidInput, BadField, ValueError: as for `Cognito.sign_in`.
            WrongResponse: the sign-in has begun already.
        """
        return self._run(self._initial_response_steps(flow, username, preferred_challenge))

    def make_response(self, response: type[Response], *args: Any, **kwargs: Any) -> Response:
        """Return a response of this class; the arguments are those of `carry`.

        The flow adds its metadata to the response that begins the sign-in and to SRP proofs.
        `make_response(UserSrpAuth, "ada", "password")` and `make_response(SrpA)` compute a key pair, and
        `make_response(SrpClaim)` computes the proof. If the password was not known at the start, pass it here:
        `make_response(SrpA, password="...")`, or with SrpClaim.

        Raises:
            WrongResponse: the state does not accept it. Nothing changed.
            BadField: a field is not valid. Nothing changed.
            TypeError: `response` is an object, not a class, or fields are missing or too many.
            ValueError: the proof needs the password or the pool's id, and the flow does not know it.
            InvalidOperation: the flow has sent no SRP_A, so there is nothing to prove.
        """
        response, args, kwargs = r.wrap_call(response, args, kwargs)
        return self._run(self._make_response_steps(response, *args, **kwargs))

    def _run(self, steps: Effects[T]) -> T:
        """Perform the effects of a generator, one generator at a time."""
        with self._exclusive():
            return self.cognito._run(steps, lambda: self.state)  # noqa: SLF001 - same module
