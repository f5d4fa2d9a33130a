"""The steps of a sign-in, and of the operations after it, as generators that both drivers run.

A generator yields an effect, is sent its result or its exception, and in the end returns a value. An effect is a
`Request` to send to Cognito, a `CpuTask` that takes milliseconds, or a function of the application, which may block.
`boto` performs each effect at once; `aio` awaits the request, or runs the function in a thread. A generator can be
abandoned only where it yields an effect. By then it has processed every earlier reply, so none is lost.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Generic, TypeAlias, TypeVar

import attrs
from attrs import field, frozen

from authfsm import srp
from authfsm.base.secret import Secret, secret, type_of, wrap_text
from authfsm.core.device import PASSWORD_BYTES, SALT_BYTES, Device
from authfsm.core.wire_requests import Request, refresh_device_key
from authfsm.drivers.base_flow import BaseFlow, SecretProvider, check_type, key_pair
from authfsm.protocol import errors
from authfsm.protocol import responses as r
from authfsm.protocol.account_requests import Confirmed
from authfsm.protocol.auth_flows import PASSWORD_FLOWS, SIGN_IN_FLOWS
from authfsm.protocol.forms import PasswordProof
from authfsm.protocol.nodes import has_credentials
from authfsm.protocol.replies import Refusal, Tokens
from authfsm.protocol.responses import Response
from authfsm.protocol.states import DEVICE_STATES, State
from authfsm.protocol.table import AUTOMATIC, DEVICE_DROPPED
from authfsm.protocol.validators import check_input, not_text

if TYPE_CHECKING:
    from typing_extensions import Self

T = TypeVar("T")

ONE_MINUTE: Final = timedelta(minutes=1)
"""The default of `fresh_tokens(within)`: tokens that expire within this time from now are refreshed."""

# Cognito's message for an invalid token, and for a refresh without the session's device: aws-sdk-java-v2 #3418.
_INVALID_REFRESH_TOKEN: Final = "Invalid Refresh Token"  # noqa: S105 - a message
_NAME_DEVICE: Final = "If the pool remembers devices, pass device_key: the claim device_key of an access token issued with this refresh token."
_SHARE_TOKENS: Final = "If another worker has refreshed these tokens, share them: authfsm.stores.SharedTokens."

MAX_AUTOMATIC_STEPS: Final = 8
"""At most this many consecutive steps are taken without user input; no path of the table needs more than four."""


@frozen
class CpuTask(Generic[T]):
    """An SRP computation without side effects, which takes milliseconds and releases the GIL."""

    function: Callable[..., T]
    args: tuple[Any, ...] = field(repr=False)

    def __call__(self) -> T:
        """Run the computation in this thread, and return its result."""
        return self.function(*self.args)


Effect: TypeAlias = Request | Callable[[], Any]
Effects: TypeAlias = Generator[Effect, Any, T]
"""A generator that yields effects, is sent their results, and returns a T."""


def _compute(function: Callable[..., T], *args: Any) -> Effects[T]:
    result: T = yield CpuTask(function, args)
    return result


def client_secret_steps(
    provider: Secret[str] | SecretProvider | None, state: State | None
) -> Effects[Secret[str] | None]:
    """Return the app client's current secret; if `provider` is a function, call it."""
    if not callable(provider):
        return provider
    try:
        value: Secret[str] = yield lambda: wrap_text(provider())
    except Exception as error:
        raise errors.NotSent(f"client_secret raised {type(error).__name__}", state=state) from error
    if (why := not_text(value)) or not value:
        why = f"client_secret returned no secret: it {why or 'must not be empty'}"
        raise errors.NotSent(why, state=state)
    return value


_SRP_START: Final[dict[str, type[Response]]] = {
    "USER_SRP_AUTH": r.UserSrpAuth,
    "CUSTOM_AUTH": r.CustomSrpAuth,
    "USER_AUTH": r.UserAuthWithSrp,
}
"""By AuthFlow, the response that begins the flow and carries SRP_A."""

_OTHER_START: Final[dict[str, type[Response]]] = {
    "USER_PASSWORD_AUTH": r.UserPasswordAuth,
    "ADMIN_USER_PASSWORD_AUTH": r.AdminUserPasswordAuth,
    "ADMIN_NO_SRP_AUTH": r.AdminNoSrpAuth,
    "CUSTOM_AUTH": r.CustomAuth,
    "USER_AUTH": r.UserAuth,
}


def _first_response_class(
    auth_flow: str, preferred: str | None, password: Secret[str] | None, pool_id: str | None
) -> type[Response]:
    """Return the class of the response that begins a flow; raise ValueError if an argument is wrong or missing."""
    if auth_flow not in SIGN_IN_FLOWS:
        raise ValueError(f"no sign-in flow is named {auth_flow!r}; the flows are {', '.join(SIGN_IN_FLOWS)}")
    if preferred is not None and auth_flow != "USER_AUTH":
        raise ValueError(f"preferred_challenge is for USER_AUTH, not for {auth_flow}")
    if password is None and auth_flow in PASSWORD_FLOWS:
        raise ValueError(f"{auth_flow} needs the password: pass it as `password`")
    if password is not None and auth_flow == "USER_AUTH" and preferred == "PASSWORD":
        return r.UserAuthWithPassword
    by_srp = auth_flow != "USER_AUTH" or preferred in (None, "PASSWORD_SRP")
    if password is not None and by_srp and (kind := _SRP_START.get(auth_flow)) is not None:
        if pool_id is None:
            raise ValueError(f"{auth_flow} needs the pool_id: the SRP proof is computed with it")
        check_input(kind, "password", password)
        return kind
    return _OTHER_START[auth_flow]


class FlowSteps(BaseFlow):
    """The steps of one sign-in, each method a generator: the base of `Flow` and `AsyncFlow`."""

    # ---- answering -----------------------------------------------------------------------------------

    def _answer_steps(self, response: Response) -> Effects[State]:
        """Send a response, and then every further response that needs no user input."""
        if isinstance(response, PasswordProof):
            kind, password = response.response, response.password
            response = yield from self._make_response_steps(kind, password=password)
        yield from self._exchange(response)
        count = 0
        while self.walk and (automatic := (yield from self._next_response_steps())) is not None:
            if count == MAX_AUTOMATIC_STEPS:
                raise errors.TooManySteps(self.state, count)
            yield from self._exchange(automatic)
            count += 1
        return self.state

    def _begin_steps(self, auth_flow: str, user: str | Confirmed, preferred: str | None) -> Effects[State]:
        username = user.username if isinstance(user, Confirmed) else user
        response: Response | None = None
        # With the Session of a sign-up, the flow is USER_AUTH, even if the caller leaves `flow` at its default.
        is_default_or_user_auth = auth_flow in ("USER_SRP_AUTH", "USER_AUTH")
        # With a password or a preferred challenge, the Session is not used, because Cognito would ignore them.
        if is_default_or_user_auth and self._password is None and not preferred and isinstance(user, Confirmed):
            response = user.response
        try:
            if response is None:
                response = yield from self._initial_response_steps(auth_flow, username, preferred)
            else:
                response = attrs.evolve(response, client_metadata=self._client_metadata)
            self.preferred_challenge, self._requested_start = preferred, (username, auth_flow)
            return (yield from self._answer_steps(response))
        except errors.AuthfsmError as error:
            error.flow = self
            raise

    def _single_step(self) -> Effects[State]:
        response = (yield from self._next_response_steps()) or self._unreplied_start
        if response is None:
            todo = "needs user input: call answer()" if self.challenge else "has no challenge: begin a sign-in"
            raise errors.InvalidOperation(f"{self.state} {todo}", state=self.state)
        yield from self._exchange(response)
        return self.state

    def _carry_steps(self, kind: type[Response], /, *args: Any, **kwargs: Any) -> Effects[State]:
        response = yield from self._make_response_steps(kind, *args, **kwargs)
        yield from self._exchange(response)
        return self.state

    def _abandon_and_start(self, password: str | Secret[str] | None) -> tuple[Self, str, str]:
        """Abandon this sign-in; return a new flow, and the AuthFlow and the user name to begin it with."""
        password = secret(password)
        first = self.signin.history[0].response if self.signin.history else type(self._unreplied_start)
        if first is r.StepUp:  # an ordinary sign-in would not reach the level that was asked for
            raise errors.InvalidOperation("a step-up cannot be restarted: send a new StepUp", state=self.state)
        requested_user, requested_flow = self._requested_start or (None, None)
        begun_flow = self.signin.flow if self.signin.flow in SIGN_IN_FLOWS else None  # a refresh is no sign-in
        username, auth_flow = self.signin.username or requested_user, begun_flow or requested_flow
        if username is None or auth_flow is None:
            raise errors.InvalidOperation("this sign-in has not begun: call begin()", state=self.state)
        password = password or self._needed_password
        # Raises ValueError, before this sign-in is cancelled, if the new one could not begin.
        _first_response_class(auth_flow, self.preferred_challenge, password, self.signin.pool_id)
        if password is None and (first in r.SRP_START_RESPONSES or getattr(first, "may_carry_password", False)):
            raise ValueError(
                f"this {auth_flow} began with the password, and needs the password again: pass it as `password`"
            )
        self.cancel()
        flow: Self = self.cognito.start(password, client_metadata=self._client_metadata, walk=self.walk)
        # `start` gave the new flow the default device. This sign-in may have another one, or none after a refusal.
        flow.signin.device = self.device
        return flow, auth_flow, username

    # ---- after the sign-in -----------------------------------------------------------------------------

    def _sign_out_steps(
        self, refresh_token: Secret[str] | None = None, device_key: str | None = None, *, everywhere: bool
    ) -> Effects[None]:
        """Send RevokeToken or, if `everywhere`, GlobalSignOut. A flow without tokens needs `refresh_token`."""
        check_type("everywhere", everywhere, bool)
        if refresh_token is not None and everywhere:  # GlobalSignOut needs an access token, which a refresh returns
            yield from self._refresh_steps(refresh_token, None, device_key, by_initiate_auth=False)
        elif refresh_token is not None:  # RevokeToken needs the refresh token only
            self._adopt_tokens(Tokens(access_token=Secret(""), refresh_token=refresh_token))
        yield from self._answer_steps(r.GlobalSignOut() if everywhere else r.RevokeToken())

    def _confirm_device_of(self, tokens: Tokens, name: str | None) -> Effects[Device]:
        """Confirm the new device of these tokens; after an error, `error.flow` can continue."""
        if not isinstance(tokens, Tokens):
            raise errors.BadField(r.ConfirmDevice, "tokens", f"must be Tokens, not {type(tokens).__name__}")
        self._adopt_tokens(tokens)
        try:
            return (yield from self._confirm_device_steps(name))
        except errors.AuthfsmError as error:
            error.flow = self
            raise

    def _confirm_device_steps(self, name: str | None) -> Effects[Device]:
        """Send ConfirmDevice, and UpdateDeviceStatus if the pool lets users decide whether a device is remembered."""
        new_device = self.tokens.new_device if self.tokens else None
        if new_device is None:
            raise errors.InvalidOperation("there is no new device to confirm", state=self.state)
        unconfirmed = self._unconfirmed_device
        repeated = unconfirmed is not None and unconfirmed[0].device_key == new_device.device_key
        if unconfirmed is not None and repeated:
            device, confirm = unconfirmed
        else:
            entropy = self._entropy(PASSWORD_BYTES + SALT_BYTES)
            device, confirm = yield from _compute(Device.new, new_device, entropy, name)
        try:
            reply = yield from self._exchange(attrs.evolve(confirm, device_name=name))
            needs_confirmation = reply.reveal().get("UserConfirmationNecessary")
        except errors.Refused as error:
            # "DeviceKeyExistsException: ... a device key that already exists" -- AWS API reference,
            # ConfirmDevice. If this repeats a request whose reply was lost, the key that exists is this device's.
            if not repeated or error.refusal.code != "DeviceKeyExistsException":
                raise
            needs_confirmation = True
            self.signin.mark_device_confirmed()
        except BaseException as error:
            if not isinstance(error, errors.CallerError):  # a CallerError means that nothing was sent
                # The request may have reached Cognito, which then knows this device: the next attempt must send the same secret.
                self._unconfirmed_device = device, confirm
            raise
        self.signin.device, self._unconfirmed_device = device, None
        # "UserConfirmationNecessary: when true, your user must confirm that they want to remember
        # the device" -- AWS API reference, ConfirmDevice. UpdateDeviceStatus is this confirmation.
        if needs_confirmation:
            yield from self._exchange(r.UpdateDeviceStatus(remembered=True, device_key=device.device_key))
        return device

    def _refresh_steps(
        self,
        refresh_token: str | Secret[str] | None,
        username: str | None,
        device_key: str | None,
        *,
        by_initiate_auth: bool,
    ) -> Effects[Tokens]:
        refresh_token = secret(refresh_token)
        yield from self._exchange(
            r.RefreshTokenAuth(refresh_token, username, device_key)
            if by_initiate_auth
            else r.GetTokensFromRefreshToken(refresh_token, device_key)
        )
        if self.tokens is None or self.state is not State.AUTHENTICATED:
            raise errors.InvalidOperation(f"Cognito replied to the refresh with {self.state}", state=self.state)
        return self.tokens

    # ---- responses that need no user input -----------------------------------------------------------

    def _next_response_steps(self) -> Effects[Response | None]:
        """Return the response to the current challenge; None if it needs user input."""
        kind = AUTOMATIC.get(self.state)
        credential = self.device if self.state in DEVICE_STATES else self._password
        if kind is None or credential is None:
            return None
        if kind is r.SrpA:
            return (yield from self._srp_a_steps(kind))
        return (yield from self._srp_claim_steps()) if self._exponent is not None else None

    def _initial_response_steps(self, auth_flow: str, username: str, preferred: str | None) -> Effects[Response]:
        """Return the response that begins a flow."""
        # First: can a flow begin in this state? If not, the error must name the state, not a missing password.
        self.signin.check(_OTHER_START.get(str(auth_flow), r.UserSrpAuth))
        kind: Any = _first_response_class(auth_flow, preferred, self._password, self.signin.pool_id)
        # Then: is the class that is sent accepted, if it is another one? This comes before `_srp_a_steps` replaces the
        # SRP exponent, because a call that is refused must not change a sign-in that is in progress.
        self.signin.check(kind)
        if kind in r.SRP_START_RESPONSES:
            return (yield from self._srp_a_steps(kind, username))
        more: Any = {r.UserAuth: (preferred,), r.CustomAuth: ()}.get(kind, (self._password,))
        response: Response = kind(username, *more, client_metadata=self._client_metadata)
        return response

    def _make_response_steps(self, kind: type[Response], /, *args: Any, **kwargs: Any) -> Effects[Response]:
        """Return a response of this class, with what the flow adds: the SRP values, and its metadata (see `start`)."""
        if not isinstance(kind, type):
            raise TypeError(f"pass the class of a response, not an object of {type_of(kind).__name__}")
        if len(args) == 1 and isinstance(args[0], kind):
            self.signin.check(args[0])
            return args[0]
        self.signin.check(kind)  # checked before the flow changes
        if "srp_a" not in kwargs and (kind in r.SRP_START_RESPONSES or (kind is r.SrpA and not args)):
            return (yield from self._srp_a_steps(kind, *args, **kwargs))
        if kind is r.SrpClaim and not args and kwargs.keys() <= {"password", "client_metadata"}:
            return (yield from self._srp_claim_steps(**kwargs))
        if kind.auth_flow is not None and kind not in r.REFRESH_RESPONSES:  # the response begins the sign-in
            kwargs.setdefault("client_metadata", self._client_metadata)
        return kind(*args, **kwargs)

    def _srp_a_steps(self, kind: Any, /, *args: Any, **fields: Any) -> Effects[Response]:
        """Return a response with the SRP_A of a new key pair, which the flow keeps if the response is valid.

        The arguments are those of the class, with the password in place of `srp_a`.
        """
        password = secret(args[1] if len(args) > 1 else fields.pop("password", None))
        if password is not None:
            check_input(kind, "password", password)
        pair = yield from _compute(srp.ephemeral, self._entropy(32))
        fields = {"srp_a": pair.SRP_A, "client_metadata": self._client_metadata, **fields}
        if len(args) > 1:
            args = (args[0], fields.pop("srp_a"), *args[2:])
        response: Response = kind(*args, **fields)
        self._exponent, self._pair, self._password = pair.a, pair, password or self._password
        return response

    def _srp_claim_steps(
        self, password: str | Secret[str] | None = None, client_metadata: Mapping[str, str] | None = None
    ) -> Effects[r.SrpClaim]:
        password = secret(password)
        if password is not None:
            check_input(r.SrpClaim, "password", password)
        password = password or self._password
        if self._exponent is None:
            raise errors.InvalidOperation("this flow has sent no SRP_A", state=self.state)
        signin, now, exponent, pair = self.signin, self._clock(), self._exponent, self._pair
        invalid = ""
        try:
            response = yield from _compute(lambda: signin.prove(key_pair(exponent, pair), now, password))
        except srp.SrpRefused as error:
            invalid = error.value
        if invalid:
            # Raised outside the handler: the exception's context would keep the frames that contain the password.
            raise errors.MalformedReply(f"{invalid} is not a valid SRP value", state=self.state)
        self._password = password
        metadata = self._client_metadata if client_metadata is None else client_metadata
        return attrs.evolve(response, client_metadata=metadata)

    # ---- one step --------------------------------------------------------------------------------------

    def _exchange(self, response: Response) -> Effects[Secret[Any]]:
        """Send one response and process its reply; if Cognito has forgotten the device, send it again without the device."""
        reply = yield from self._send(response)
        if self.refusal is not None and self.history[-1].kind is DEVICE_DROPPED:
            # amplify-js and amplify-swift delete the device and send the same answer without DEVICE_KEY. The sign-in has
            # dropped the device already; but the fields of a RawAnswer are sent unchanged, and may still have its DEVICE_KEY.
            if isinstance(response, r.RawAnswer):
                kept = {name: value for name, value in response.fields.items() if name != "DEVICE_KEY"}
                response = attrs.evolve(response, fields=kept)
            reply = yield from self._send(response)
        self._drop_unneeded_secrets()
        if self.refusal is not None:
            credentials, hint = (
                has_credentials(self.history[-1].source, type(response)),
                self._hint(response, self.refusal),
            )
            raise errors.refused(self.refusal, state=self.state, hint=hint, credentials=credentials)
        return reply

    def _hint(self, response: Response, refusal: Refusal) -> str | None:
        """Return advice after the refusal of a refresh; None if there is no specific advice."""
        if type(response) not in r.REFRESH_RESPONSES:
            return None
        if refusal.code == "RefreshTokenReuseException":
            return _SHARE_TOKENS
        names_no_device = refresh_device_key(response, self.signin) is None
        return _NAME_DEVICE if names_no_device and _INVALID_REFRESH_TOKEN in refusal.message else None

    def _send(self, response: Response) -> Effects[Secret[Any]]:
        try:
            provider = self.cognito.client_secret
            if callable(provider):
                self.signin.client_secret = yield from client_secret_steps(provider, self.state)
            source = self.state
            request = self.signin.send(response)
            self._unreplied_start = response if source is State.START else None
        except BaseException:
            if self.done:  # `cancel` was called during this step; the step may have stored secrets afterwards
                self._drop_unneeded_secrets()
            raise
        started = time.perf_counter()
        try:
            reply: Secret[Any] = yield request
        except BaseException as error:
            self.signin.send_failed()
            self._on_no_reply(error, source, response, time.perf_counter() - started)
            raise
        self._on_reply(reply, source, response, time.perf_counter() - started)
        return reply
