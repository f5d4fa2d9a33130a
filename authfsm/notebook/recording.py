"""Records one sign-in step by step: forward, on to where user input is required, back, and from the start.

It needs no widgets. With a local pool, going back is real: before each step the pool is forked, and the fork
is used again. A real pool cannot go back. Only the last steps of a long sign-in are kept.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final

from attrs import evolve, field, frozen

from authfsm.base.secret import Secret, secret
from authfsm.core.device import Device
from authfsm.core.encryption import new_key
from authfsm.drivers.boto import Cognito, Flow
from authfsm.local import LocalPool
from authfsm.protocol.errors import AuthfsmError, BadField, InvalidOperation
from authfsm.protocol.responses import Response
from authfsm.protocol.states import STATE_BY_NAME

MAX_STEPS: Final = 100
"""The number of steps that are kept and can be taken back."""
_SESSION_LIFETIME: Final = timedelta(days=365)  # longer than anybody studies one step

MASK: Final = "••••••"

SECRET_MEMBERS: Final = frozenset(
    {
        "Session", "AccessToken", "IdToken", "RefreshToken", "Token", "SecretCode", "UserCode", "ClientSecret",
        "PasswordVerifier", "PASSWORD", "NEW_PASSWORD", "REFRESH_TOKEN", "SECRET_HASH", "ANSWER", "CREDENTIAL",
        "SMS_MFA_CODE", "SMS_OTP_CODE", "EMAIL_OTP_CODE", "SOFTWARE_TOKEN_MFA_CODE",
        "PASSWORD_CLAIM_SIGNATURE", "PASSWORD_CLAIM_SECRET_BLOCK", "SECRET_BLOCK",
    }
)  # fmt: skip
"""Every member of requests, replies and their maps that is secret."""

_LONGEST: Final = 40  # characters of a value; of a longer one both ends are shown
_SHORTEST_PART: Final = 4  # characters; a shorter secret is in many texts by chance


# ---- requests and replies, by botocore's events: what was really sent ---------------------------------


@frozen
class WireExchange:
    """A request and its reply, secrets masked; the reply is empty if none came."""

    operation: str
    request: Mapping[str, Any]
    reply: Mapping[str, Any] = field(factory=dict)


def masked(value: Any, name: str = "", secrets: frozenset[str] = frozenset(), longest: int = _LONGEST) -> Any:
    """Return a request, a reply, or a value of a member as it may be shown."""
    if isinstance(value, Secret):
        return MASK
    if isinstance(value, Mapping):
        members = {key: each for key, each in value.items() if key != "ResponseMetadata"}
        return {key: masked(each, key, secrets, longest) for key, each in members.items()}
    if isinstance(value, (list, tuple)):
        return [masked(each, "", secrets, longest) for each in value]
    # An ANSWER may be the choice of a challenge, which is no secret.
    is_choice = name == "ANSWER" and value in STATE_BY_NAME
    if value and not is_choice and (name in SECRET_MEMBERS or _contains_secret(value, secrets)):
        return MASK
    if isinstance(value, str) and len(value) > longest:
        return f"{value[:16]}…{value[-8:]} ({len(value)} characters)"
    return value


def _contains_secret(value: Any, secrets: frozenset[str]) -> bool:
    return isinstance(value, str) and any(
        each == value or (len(each) >= _SHORTEST_PART and each in value) for each in secrets
    )


def secrets_of(request: Any) -> frozenset[str]:
    """Return every secret text in a request, in plain text."""
    if isinstance(request, Secret):
        plain = request.reveal()
        return frozenset({plain}) if isinstance(plain, str) and plain else frozenset()
    values = request.values() if isinstance(request, Mapping) else request
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        return frozenset()
    return frozenset().union(*map(secrets_of, values))


@contextmanager
def record_exchanges(client: Any, secrets: frozenset[str]) -> Iterator[list[WireExchange]]:
    """Record what one boto3 client sends and receives while the context is open."""
    exchanges: list[WireExchange] = []

    def on_request(params: Mapping[str, Any], model: Any, **_: Any) -> None:
        exchanges.append(WireExchange(model.name, masked(params, "", secrets)))

    def on_reply(parsed: Mapping[str, Any], **_: Any) -> None:
        if exchanges:
            exchanges[-1] = evolve(exchanges[-1], reply=masked(parsed, "", secrets))

    events, unique = client.meta.events, f"authfsm-{id(exchanges)}"
    handlers = {"provide-client-params.cognito-idp": on_request, "after-call.cognito-idp": on_reply}
    for event, handler in handlers.items():
        events.register(event, handler, unique_id=f"{unique}-{event}")
    try:
        yield exchanges
    finally:
        for event, handler in handlers.items():
            events.unregister(event, handler, unique_id=f"{unique}-{event}")


# ---- the recording ------------------------------------------------------------------------------------


@frozen
class RecordedStep:
    """A step, the sealed sign-in and a fork of the pool before it, and its secrets."""

    number: int
    sealed: str
    pool: LocalPool | None
    exchanges: tuple[WireExchange, ...] = ()
    error: AuthfsmError | None = None
    secrets: tuple[Secret[str], ...] = ()


class SignInRecording:
    """One sign-in, recorded step by step; the arguments are those of `Stepper`."""

    def __init__(
        self,
        source: LocalPool | Cognito,
        username: str,
        password: str | Secret[str] | None = None,
        *,
        flow: str = "USER_SRP_AUTH",
        preferred_challenge: str | None = None,
        device: Device | None = None,
        client_metadata: Mapping[str, str] | None = None,
    ) -> None:
        password = secret(password)
        self._password, self._device, self._client_metadata = password, device, client_metadata
        self.username, self.auth_flow, self.preferred_challenge = username, flow, preferred_challenge
        self._source, self._key = source, new_key()
        self.pool: LocalPool | None = None
        self.steps: deque[RecordedStep] = deque(maxlen=MAX_STEPS)
        self.restart()

    def restart(self) -> None:
        """Begin again: on the local pool as it was given, or once more with the real one."""
        source = self._source
        if isinstance(source, LocalPool):
            self.pool = source.fork()  # the pool that was given does not change
            self.cognito = self.pool.cognito(session_lifetime=_SESSION_LIFETIME)
        elif isinstance(source, Cognito):
            self.cognito = source
        else:
            must = f"must be a LocalPool or a Cognito, not {type(source).__name__}"
            raise BadField(type(self), "source", must)
        self.flow: Flow = self.cognito.start(
            self._password, device=self._device, client_metadata=self._client_metadata, walk=False
        )
        self.steps.clear()
        self._pending: Response | None = None

    @property
    def pending(self) -> Response | None:
        """The response that `step` sends: an automatic or an offered one; None where user input is required."""
        if self._pending is None and not self.flow.done:
            self._pending = (
                self.flow.next_response()
                if self.flow.history
                else self.flow.initial_response(self.auth_flow, self.username, self.preferred_challenge)
            )
        return self._pending

    def offer(self, response: Response) -> None:
        """Make a person's answer the pending response, or raise WrongResponse or BadField."""
        self.request_of(response)
        self._pending = response

    @property
    def preview(self) -> WireExchange | None:
        """The request that `step` would send, secrets masked."""
        return None if self.pending is None else self.request_of(self.pending)

    def request_of(self, response: Response) -> WireExchange:
        """Return the request that would carry a response, secrets masked; nothing is sent."""
        request = self.flow.signin.send(response)
        self.flow.signin.send_failed()
        return WireExchange(request.operation, masked(request.parameters))

    def step(self) -> RecordedStep:
        """Send the pending response and record the reply; without one, raise InvalidOperation."""
        response = self.pending
        if response is None:
            raise InvalidOperation(
                f"{self.flow.state} requires user input: offer a response", state=self.flow.state
            )
        number, sealed = len(self.flow.history) + 1, self.flow.seal(self._key)
        fork = None if self.pool is None else self.pool.fork()
        request = self.flow.signin.send(response)
        self.flow.signin.send_failed()
        secrets = secrets_of(request.parameters)
        self._pending, refusal = None, None
        with record_exchanges(self.cognito.client, secrets) as exchanges:
            try:
                self.flow.answer(response)
            except AuthfsmError as error:
                refusal = _without_frames(error)
        wrapped = tuple(map(Secret, secrets))
        self.steps.append(RecordedStep(number, sealed, fork, tuple(exchanges), refusal, wrapped))
        return self.steps[-1]

    def run(self) -> int:
        """Step until user input is required, a step is refused, or the sign-in has ended; return the number of steps."""
        count = 0
        while self.pending is not None:
            count += 1
            if self.step().error is not None:
                break
        return count

    @property
    def why_no_back(self) -> str | None:
        """Why `back` is impossible; None where it is possible."""
        if self.pool is None:
            return "a real pool cannot take back what it received: restart instead"
        if self.steps:
            return None
        if self.flow.history:
            return f"only the last {MAX_STEPS} steps can be taken back: restart instead"
        return "this is the beginning"

    def back(self) -> None:
        """Go back to the sign-in and the pool before the last step, or raise InvalidOperation."""
        if (reason := self.why_no_back) is not None:
            raise InvalidOperation(reason, state=self.flow.state)
        step = self.steps.pop()
        assert step.pool is not None  # noqa: S101 - `why_no_back` has checked
        self.pool = step.pool
        self.cognito = self.pool.cognito(session_lifetime=_SESSION_LIFETIME)
        self.flow = self.cognito.resume(step.sealed, self._key)
        self._pending = None


def _without_frames(error: AuthfsmError) -> AuthfsmError:
    """Remove what an error refers to, since its frames hold clients and secrets, and it is kept for long."""
    error.flow = error.__context__ = error.__cause__ = None
    return error.with_traceback(None)
