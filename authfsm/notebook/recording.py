"""Records the sign-ins of one user step by step, and can go back a step or begin again.

This module needs no widgets. Before each step at a local pool, a recording forks the pool; to go back, it continues with
the fork. At a real pool, a recording cannot go back. It keeps only the last `MAX_STEPS` steps.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from copy import copy
from typing import TYPE_CHECKING, Any, Final

from attrs import define, evolve, field, frozen

from authfsm.base.secret import Secret, WrapsSecrets, secret, type_of, wrap_text
from authfsm.core.device import Device
from authfsm.core.sealing import Snapshot
from authfsm.core.wire_replies import read_operation_reply
from authfsm.core.wire_requests import Request
from authfsm.drivers.boto import Cognito, Flow
from authfsm.drivers.transport import send_request
from authfsm.local import LocalPool, User
from authfsm.protocol.errors import AuthfsmError, InvalidOperation, WrongResponse, refused
from authfsm.protocol.replies import Refusal
from authfsm.protocol.responses import NewPassword, Response
from authfsm.protocol.states import STATE_BY_CHALLENGE_NAME

if TYPE_CHECKING:
    from authfsm.conformance.passkey import VirtualPasskey

MAX_STEPS: Final = 100
"""The number of steps that a recording keeps and that can be taken back."""

MASK: Final = "••••••"

SECRET_MEMBERS: Final = frozenset(
    {
        "Session", "AccessToken", "IdToken", "RefreshToken", "Token", "SecretCode", "UserCode", "ClientSecret",
        "PasswordVerifier", "PASSWORD", "NEW_PASSWORD", "REFRESH_TOKEN", "SECRET_HASH", "ANSWER", "CREDENTIAL",
        "SMS_MFA_CODE", "SMS_OTP_CODE", "EMAIL_OTP_CODE", "SOFTWARE_TOKEN_MFA_CODE",
        "PASSWORD_CLAIM_SIGNATURE", "PASSWORD_CLAIM_SECRET_BLOCK", "SECRET_BLOCK",
    }
)  # fmt: skip
"""The members of requests, replies and their maps that are secret."""

_LONGEST: Final = 40  # characters; of a longer value only the beginning and the end are shown
_SHORTEST_PART: Final = 4  # characters; a shorter secret may be part of another text by chance


@frozen
class WireExchange:
    """A request and its reply with secrets masked; the reply is empty if none came."""

    operation: str
    request: Mapping[str, Any]
    reply: Mapping[str, Any] = field(factory=dict)


def masked(value: Any, name: str = "", secrets: Collection[str] = frozenset(), longest: int = _LONGEST) -> Any:
    """Return a copy of a request, a reply or a member called `name`, with secrets masked and long values shortened."""
    if isinstance(value, Secret):
        return MASK
    if isinstance(value, Mapping):
        members = {key: each for key, each in value.items() if key != "ResponseMetadata"}
        return {key: masked(each, key, secrets, longest) for key, each in members.items()}
    if isinstance(value, (list, tuple)):
        return [masked(each, "", secrets, longest) for each in value]
    # An ANSWER may be the choice of a challenge, which is no secret.
    is_choice = name == "ANSWER" and value in STATE_BY_CHALLENGE_NAME
    if value and not is_choice and (name in SECRET_MEMBERS or _contains_secret(value, secrets)):
        return MASK
    if isinstance(value, str) and len(value) > longest:
        return f"{value[:16]}…{value[-8:]} ({len(value)} characters)"
    return value


def _contains_secret(value: Any, secrets: Collection[str]) -> bool:
    return isinstance(value, str) and any(
        each == value or (len(each) >= _SHORTEST_PART and each in value) for each in secrets
    )


def secrets_of(request: Any) -> frozenset[str]:
    """Return the plain text of every secret in a request."""
    if isinstance(request, Secret):
        plain = request.reveal()
        return frozenset({plain}) if isinstance(plain, str) and plain else frozenset()
    values = request.values() if isinstance(request, Mapping) else request
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        return frozenset()
    return frozenset().union(*map(secrets_of, values))


@contextmanager
def record_exchanges(client: Any, secrets: Collection[str]) -> Iterator[list[WireExchange]]:
    """Record what one boto3 client sends and receives while the context is open."""
    exchanges: list[WireExchange] = []

    def on_request(params: Mapping[str, Any], model: Any, **_: Any) -> None:
        exchanges.append(WireExchange(model.name, masked(params, "", secrets)))

    def on_reply(parsed: Mapping[str, Any], **_: Any) -> None:
        if exchanges:
            exchanges[-1] = evolve(exchanges[-1], reply=masked(parsed, "", secrets))

    events = client.meta.events
    handlers = {"provide-client-params.cognito-idp": on_request, "after-call.cognito-idp": on_reply}
    for event, handler in handlers.items():
        events.register(event, handler)
    try:
        yield exchanges
    finally:
        for event, handler in handlers.items():
            events.unregister(event, handler)


@frozen
class RecordedStep:
    """A step, and what is needed to go back to the moment before it."""

    number: int
    before: Snapshot  # the sign-in before the step
    password: Secret[str] | None  # the password before the step
    passkey: VirtualPasskey | None = field(repr=False)  # the software passkey before the step
    pool: LocalPool | None  # a fork of the local pool before the step
    exchanges: tuple[WireExchange, ...] = ()
    error: AuthfsmError | None = None
    secrets: tuple[Secret[str], ...] = ()  # the secrets in its requests


@define(eq=False)
class SignInRecording(WrapsSecrets):
    """Records the sign-ins of one user step by step; the arguments are those of `Stepper`, without `settings`."""

    _source: LocalPool | Cognito
    username: str
    _first_password: Secret[str] | None = field(default=None, alias="password", converter=secret, repr=False)
    auth_flow: str = field(default="USER_SRP_AUTH", alias="flow")
    preferred_challenge: str | None = None
    _device: Device | None = None
    _client_metadata: Mapping[str, str] | None = None
    steps: deque[RecordedStep] = field(factory=lambda: deque(maxlen=MAX_STEPS), init=False)
    pool: LocalPool | None = field(default=None, init=False)
    cognito: Cognito = field(init=False)
    flow: Flow = field(init=False)
    password: Secret[str] | None = field(init=False)  # the user's present password; NewPassword changes it
    passkey: VirtualPasskey | None = field(init=False)  # the software passkey; None before it is registered
    _pending: Response | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Begin again: with a new fork of the local pool, or with the real pool."""
        if isinstance(self._source, LocalPool):
            self.pool = self._source.fork()  # so that the caller's pool does not change
            self.cognito = self.pool.cognito()
        else:
            self.cognito = self._source
        self.password, self.passkey, self._pending = self._first_password, None, None
        self.flow = self._start(self._device)
        self.steps.clear()

    def _start(self, device: Device | None) -> Flow:
        metadata = self._client_metadata
        return self.cognito.start(self.password, device=device, client_metadata=metadata, walk=False)

    def _first_response(self, flow: Flow) -> Response:
        return flow.initial_response(self.auth_flow, self.username, self.preferred_challenge)

    @property
    def user(self) -> User | None:
        """The user in the local pool; None if the pool has no such user, or is a real pool."""
        name = self.flow.signin.username or self.username
        with suppress(LookupError):
            return None if self.pool is None else self.pool.user(name)
        return None

    @property
    def pending(self) -> Response | None:
        """The response that `step` sends next. None if user input is required, or the sign-in has ended."""
        if self._pending is None and not self.flow.done:
            has_begun = self.flow.history
            self._pending = self.flow.next_response() if has_begun else self._first_response(self.flow)
        return self._pending

    def offer(self, response: Response) -> None:
        """Make a user's answer the pending response, or raise WrongResponse or BadField."""
        response = wrap_text(response)
        if not self.flow.done and self.pending is not None and type(response) not in self.flow.accepts:
            why = "yet: the next step needs no answer, so call step() or run()"  # after "does not accept X"
            raise WrongResponse(self.flow.state, type_of(response), self.flow.accepts, why)
        self.request_of(response)
        self._pending = response

    def answer(self, response: Response) -> RecordedStep:
        """Make a response the pending response, and send it."""
        response = wrap_text(response)
        self.offer(response)
        return self.step()

    @property
    def preview(self) -> WireExchange | None:
        """The request that `step` would send, with secrets masked."""
        return None if self.pending is None else self.request_of(self.pending)

    def request_of(self, response: Response) -> WireExchange:
        """Return the request that would carry a response, with secrets masked; nothing is sent."""
        request = self.flow.signin.send(response)
        self.flow.signin.send_failed()
        return WireExchange(request.operation, masked(request.parameters))

    def step(self) -> RecordedStep:
        """Send the pending response and record the reply; raise InvalidOperation if there is none."""
        response = self.pending
        if response is None:
            raise self.no_step_error()
        with self._recorded() as secrets:
            self._send(response, secrets)
        return self.steps[-1]

    def no_step_error(self) -> InvalidOperation:
        """Return the error of a step that is not possible: the sign-in has ended, or the user must answer."""
        state, accepted = self.flow.state, ", ".join(f"{each.__name__}(...)" for each in self.flow.accepts)
        why = f"{state} requires user input: call answer() with {accepted}"
        if self.flow.done:
            why = f"the sign-in has ended, in {state}: call act(...) or restart()"
        return InvalidOperation(why, state=state)

    def begin(self, response: Response | None = None) -> RecordedStep:
        """Begin another sign-in of the user on the same device; by default with the same response as the first one."""
        flow = self._start(self.flow.device)
        response = response or self._first_response(flow)
        with self._recorded() as secrets:
            self.flow = flow
            self._send(response, secrets)
        return self.steps[-1]

    def confirm_device(self) -> None:
        """Confirm the new device with Cognito, and have it remembered; later sign-ins use it."""
        with self._recorded():
            self.flow.confirm_device("notebook")

    def register_passkey(self) -> None:
        """Register a software passkey for the user who is signed in; if the user has MFA, let the passkey satisfy it."""
        from authfsm.conformance.passkey import VirtualPasskey  # noqa: PLC0415 - its library takes time to import

        access_token, account = self.flow.signed_in().access_token, self.cognito.account
        with self._recorded():
            options = account.start_web_authn_registration(access_token)
            passkey = VirtualPasskey(options["rp"]["id"])
            account.complete_web_authn_registration(access_token, json.dumps(passkey.create(options)))
            self.passkey = passkey  # it is registered, even if the next request is refused
            if self.user is not None and self.user.mfa_enabled:
                members = {"AccessToken": access_token, "WebAuthnMfaSettings": {"Enabled": True}}
                request = Request("SetUserMFAPreference", members)
                raw = send_request(self.cognito.client, request, self.flow.state)
                reply = read_operation_reply(raw, request.operation)
                if isinstance(reply, Refusal):  # a passkey does not satisfy MFA in this pool
                    raise refused(reply, state=self.flow.state)

    def _send(self, response: Response, secrets: set[str]) -> None:
        secrets |= secrets_of(self.flow.signin.send(response).parameters)
        self.flow.signin.send_failed()
        self.flow.answer(response)
        if isinstance(response, NewPassword):
            self.password = response.password

    @contextmanager
    def _recorded(self) -> Iterator[set[str]]:
        """Record what is sent and received in this context as one step. An AuthfsmError is recorded, and not raised.

        Yields:
            A set. The caller adds the secrets of the step's requests to it, so that they are masked in the record.
        """
        fork = None if self.pool is None else self.pool.fork()
        number = self.steps[-1].number + 1 if self.steps else 1
        step = RecordedStep(number, _snapshot(self.flow), self.password, self.passkey, fork)
        self._pending, refusal = None, None
        secrets: set[str] = set()
        with record_exchanges(self.cognito.client, secrets) as exchanges:
            try:
                yield secrets
            except AuthfsmError as error:
                # The record is kept long, so it must not refer to frames or the flow, which have clients and secrets.
                error.flow = error.__context__ = error.__cause__ = None
                refusal = error.with_traceback(None)
        wrapped = tuple(map(Secret, secrets))
        self.steps.append(evolve(step, exchanges=tuple(exchanges), error=refusal, secrets=wrapped))

    def run(self) -> int:
        """Step until user input is required, a step is refused, or the sign-in has ended; return the number of steps."""
        count = 0
        while self.pending is not None:
            count += 1
            if self.step().error is not None:
                break
        return count

    @property
    def why_back_impossible(self) -> str | None:
        """Why `back` is impossible; None if it is possible."""
        if self.pool is None:
            return "a real pool cannot undo a request: restart instead"
        if self.steps:
            return None
        if self.flow.history:
            return f"only the last {MAX_STEPS} steps can be taken back: restart instead"
        return "no step was taken yet"

    def back(self) -> None:
        """Go back to the sign-in and the pool before the last step, or raise InvalidOperation."""
        if (reason := self.why_back_impossible) is not None:
            raise InvalidOperation(reason, state=self.flow.state)
        step = self.steps.pop()
        assert step.pool is not None  # noqa: S101 - `why_back_impossible` has checked
        self.pool, self.password, self.passkey, self._pending = step.pool, step.password, step.passkey, None
        self.cognito = self.pool.cognito()
        self.flow = self.cognito.start(walk=False)
        self.flow._restore(step.before)  # noqa: SLF001 - same package
        self.flow.signin = step.before.signin


def _snapshot(flow: Flow) -> Snapshot:
    """Return a snapshot of a flow. The flow's next steps do not change the snapshot."""
    signin = copy(flow.signin)
    signin._steps = list(flow.history)  # noqa: SLF001 - same package
    return evolve(flow._snapshot(), signin=signin)  # noqa: SLF001 - same package
