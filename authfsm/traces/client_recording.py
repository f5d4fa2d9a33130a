"""Records the sign-ins of any code, with hooks on its boto3 or aiobotocore client.

    record(client, "steps.jsonl")
    AWSSRP(username=..., client=client, ...).authenticate_user()  # pycognito, for example

botocore calls the hooks once before and once after each call, even if it sends the request of the call several times.
A request belongs to the sign-in whose reply contained its Session, its SRP SECRET_BLOCK or its token. An answer without
Session and SECRET_BLOCK belongs to the last sign-in of its app client and user. The recording keeps only hashes of
these values, under a random key that is never stored. If a sign-in began before the recording, its first step has no
`from`. The hooks never change a request or make it fail.
"""

from __future__ import annotations

import hmac
import logging
import secrets
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Final, TextIO

from attrs import evolve, field, frozen

from authfsm.base.clock import Clock, utc_now
from authfsm.base.concurrency import ForkSafeLock
from authfsm.protocol import table as t
from authfsm.protocol.api_requests import OTHER_OPERATIONS, SETUP_OPERATIONS, classify, names_for
from authfsm.protocol.auth_flows import ANSWER_OPERATIONS, BEGIN_OPERATIONS, SIGN_IN_OPERATIONS
from authfsm.protocol.error_policy import RecoveryAction, error_rule
from authfsm.protocol.nodes import email_otp_role, proves_password, target_roles
from authfsm.protocol.responses import GetTokensFromRefreshToken, Response, RevokeToken
from authfsm.protocol.states import State, state_of_challenge_name
from authfsm.traces.step_log import Recorder

LOGGER: Final = logging.getLogger("authfsm")

_SERVICE: Final = "cognito-identity-provider"  # Cognito's name in the events of botocore
_MAX_HASHES: Final = 100_000
_CONTEXT_KEY: Final = "authfsm.traces"


def record(client: Any, sink: str | Path | TextIO, *, clock: Clock = utc_now) -> Recording:
    """Record all sign-ins that go through a client, whatever code makes them.

    Args:
        client: a boto3 or aiobotocore `cognito-idp` client. Its requests and replies are not changed.
        sink: the path of a file to append to, or a text stream.
        clock: returns the present time with a time zone; UTC by default.

    Returns:
        The recording, which ends with `stop()` or at the end of a `with` block.

    Raises:
        TypeError: `client` is not such a client, or `sink` is not a path or a text stream.
        OSError: the file cannot be opened.
    """
    meta = getattr(client, "meta", None)
    service = getattr(getattr(meta, "service_model", None), "service_name", "cognito-idp")
    if not hasattr(meta, "events") or service != "cognito-idp":
        raise TypeError(f"client must be a cognito-idp client of boto3 or aiobotocore, not {type(client).__name__}")
    return Recording(client, Recorder(sink, clock), clock)


@frozen
class _Progress:
    """How far a sign-in has come. An attribute that is not known is None."""

    sign_in: str
    number: int = 0
    state: State | None = None
    role: t.Role | None = None
    flow: str | None = None
    password_proved: bool = False
    has_access_token: bool = False  # in the first request; such a token counts as a factor


@frozen
class _PendingRequest:
    """A request that has no reply yet, and the progress of its sign-in before the request."""

    progress: _Progress
    operation: str
    response: type[Response] | None
    challenge_name: str | None  # the ChallengeName of the request, if the state does not accept the request
    sent_at: float
    keys: tuple[str, ...] = field(factory=tuple, repr=False)  # hashes of Session, SECRET_BLOCK, token or user
    user: tuple[str, ...] = field(factory=tuple, repr=False)  # the hash of the app client and username


class Recording(AbstractContextManager["Recording"]):
    """The recording of one client, until `stop()`.

    Args:
        client: a boto3 or aiobotocore `cognito-idp` client.
        recorder: writes the lines.
        clock: returns the present time with a time zone.
    """

    def __init__(self, client: Any, recorder: Recorder, clock: Clock) -> None:
        self._events = client.meta.events
        self._recorder = recorder
        self._clock = clock
        self._hash_key = secrets.token_bytes(32)
        self._progress_by_hash: OrderedDict[str, _Progress] = OrderedDict()
        self._lock = ForkSafeLock()
        self._hooks = {
            f"provide-client-params.{_SERVICE}": self._before_request,
            f"after-call.{_SERVICE}": self._after_reply,
            f"after-call-error.{_SERVICE}": self._after_error,
        }
        for event, hook in self._hooks.items():
            self._events.register_last(event, hook, unique_id=f"{_CONTEXT_KEY}.{id(self)}.{event}")

    def stop(self) -> None:
        """Stop recording, and forget the unfinished sign-ins."""
        for event, hook in self._hooks.items():
            self._events.unregister(event, hook, unique_id=f"{_CONTEXT_KEY}.{id(self)}.{event}")
        self._progress_by_hash.clear()
        self._recorder.close()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _before_request(self, params: Any, model: Any, context: Any, **_: Any) -> None:
        with _errors_logged():
            if model.name in SIGN_IN_OPERATIONS and isinstance(params, Mapping):
                pending = self._read_request(model.name, params)
                if pending is not None:
                    context[_CONTEXT_KEY] = pending

    def _after_reply(self, parsed: Any, context: Any, **_: Any) -> None:
        with _errors_logged():
            pending = context.pop(_CONTEXT_KEY, None) if isinstance(context, dict) else None
            if pending is not None and isinstance(parsed, Mapping):
                self._record_reply(pending, parsed)
            elif pending is not None and isinstance(parsed, BaseException):
                self._write(pending, pending.progress, lost=type(parsed).__name__)

    def _after_error(self, exception: BaseException, context: Any, **_: Any) -> None:
        # A ClientError is a refusal: `authfsm.drivers.transport` raises it where botocore would send the request again.
        refusal = getattr(exception, "response", None)
        self._after_reply(refusal if isinstance(refusal, Mapping) else exception, context)

    def _read_request(self, name: str, params: Mapping[str, Any]) -> _PendingRequest | None:
        sent_at = time.monotonic()
        response = classify(name, params)
        if name in BEGIN_OPERATIONS:
            fields = _mapping(params, "AuthParameters")
            flow, has_access_token = str(params.get("AuthFlow")), "ACCESS_TOKEN" in fields
            progress = evolve(_new_sign_in(State.START), flow=flow, has_access_token=has_access_token)
            user = self._user_hash(params, fields)
            return _PendingRequest(progress, name, response, None, sent_at, user=user)
        if name in ANSWER_OPERATIONS:
            fields, challenge = _mapping(params, "ChallengeResponses"), str(params.get("ChallengeName"))
            user = self._user_hash(params, fields)
            # A device's answers may omit the Session. They then belong to the user's last sign-in.
            secret_block = fields.get("PASSWORD_CLAIM_SECRET_BLOCK")
            keys = self._hashes(params.get("Session"), secret_block) or user
            progress = self._find_progress(keys)
            state = progress.state
            unexpected = state is not None and not _accepts(state, response, challenge)
            challenge_name = str(state_of_challenge_name(challenge)) if unexpected else None
            return _PendingRequest(progress, name, response, challenge_name, sent_at, keys, user)
        if response is GetTokensFromRefreshToken:
            return _PendingRequest(_new_sign_in(State.START), name, response, None, sent_at)
        key = "Session" if name in SETUP_OPERATIONS else "AccessToken"
        keys = self._hashes(params.get("Token" if response is RevokeToken else key))
        if not keys:
            return None  # setting up an authenticator app with an access token is not part of a sign-in
        return _PendingRequest(self._find_progress(keys), name, response, None, sent_at, keys)

    def _record_reply(self, pending: _PendingRequest, parsed: Mapping[str, Any]) -> None:
        before, response = pending.progress, pending.response
        error, action = _refusal(parsed, pending.operation)
        state, role, proved = before.state, before.role, before.password_proved
        if error is None:
            state = _state_after(pending, parsed)
            if response is not None and before.state is not None and state is not None:
                proved = proved or proves_password(before.state, response, state)
            role = _role(evolve(before, password_proved=proved), response, state)
        elif not _keeps_state(before.state, response, action):
            state, role = State.FAILED, None
        progress = _Progress(before.sign_in, before.number + 1, state, role, before.flow, password_proved=proved)
        self._write(pending, progress, error=error, action=None if action is None else str(action))
        self._store_progress(pending, progress, parsed)

    def _write(self, pending: _PendingRequest, after: _Progress, **more: Any) -> None:
        before = pending.progress
        step = {
            "sign_in": before.sign_in, "step": before.number + 1,
            "from": before.state and str(before.state),
            "response": pending.response and pending.response.trigger, "challenge_name": pending.challenge_name,
            "to": after.state and str(after.state), "role": after.role and str(after.role), **more,
            "at": self._clock().isoformat(), "seconds": time.monotonic() - pending.sent_at,
        }  # fmt: skip
        self._recorder.write(step)

    def _store_progress(self, pending: _PendingRequest, progress: _Progress, parsed: Mapping[str, Any]) -> None:
        result = _mapping(parsed, "AuthenticationResult")
        secret_block = _mapping(parsed, "ChallengeParameters").get("SECRET_BLOCK")
        tokens = result.get("AccessToken"), result.get("RefreshToken")
        new_keys = self._hashes(parsed.get("Session"), secret_block, *tokens)
        with self._lock:
            # The old keys are stored too, because a client may send the same Session again.
            for key in (*pending.keys, *pending.user, *new_keys):
                self._progress_by_hash[key] = progress
                self._progress_by_hash.move_to_end(key)
            while len(self._progress_by_hash) > _MAX_HASHES:
                self._progress_by_hash.popitem(last=False)

    def _find_progress(self, keys: tuple[str, ...]) -> _Progress:
        with self._lock:
            known = (self._progress_by_hash[key] for key in keys if key in self._progress_by_hash)
            return next(known, None) or _new_sign_in()

    def _user_hash(self, params: Mapping[str, Any], fields: Mapping[str, Any]) -> tuple[str, ...]:
        return self._hashes(f"{params.get('ClientId')} {fields.get('USERNAME')}")

    def _hashes(self, *values: object) -> tuple[str, ...]:
        texts = (each.encode("utf-8", "surrogatepass") for each in values if isinstance(each, str))
        return tuple(hmac.digest(self._hash_key, each, "sha256").hex() for each in texts if each)


@contextmanager
def _errors_logged() -> Iterator[None]:
    """Log the class of an error that a hook raises, and let the request continue."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - a request must not fail because its recording does
        LOGGER.error("a step of a sign-in could not be recorded (%s)", type(error).__name__)  # noqa: TRY400 - its text may be secret


def _new_sign_in(state: State | None = None) -> _Progress:
    return _Progress(secrets.token_hex(8), state=state)


def _mapping(members: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = members.get(name)
    return value if isinstance(value, Mapping) else {}


def _accepts(state: State, response: type[Response] | None, challenge_name: str) -> bool:
    """Return whether a state accepts a response with that ChallengeName."""
    if response is None or response not in t.PROTOCOL[state]:
        return False
    return state is State.OTHER_CHALLENGE or challenge_name in names_for(state, response)


def _refusal(parsed: Mapping[str, Any], operation: str) -> tuple[str | None, RecoveryAction | None]:
    """Return the error code of a refusal and its recovery action; None and None for any other reply."""
    if parsed.get("Status") == "ERROR":
        code, message = "EnableSoftwareTokenMFAException", ""
    elif (error := _mapping(parsed, "Error")) and isinstance(error.get("Code"), str):
        code, message = error["Code"], str(error.get("Message", ""))
    else:
        return None, None
    return code, error_rule(code, message, operation).action


def _state_after(pending: _PendingRequest, parsed: Mapping[str, Any]) -> State | None:
    """Return the state to which a reply leads if it is not a refusal."""
    name = parsed.get("ChallengeName")
    if isinstance(name, str):
        return state_of_challenge_name(name)
    if parsed.get("AuthenticationResult"):
        return State.AUTHENTICATED
    response = OTHER_OPERATIONS.get(pending.operation)
    if response is None:
        return None
    in_setup = pending.operation in SETUP_OPERATIONS
    return next(iter(t.destinations(State.MFA_SETUP if in_setup else State.AUTHENTICATED, response)))


def _keeps_state(state: State | None, response: type[Response] | None, action: RecoveryAction | None) -> bool:
    """Return whether a refusal keeps a sign-in in its state, as `transition_for_reply` determines."""
    if state is State.AUTHENTICATED or action is RecoveryAction.WAIT:
        return True
    if state is None or response is None:
        return action is not None and action.survives
    return t.loop_kind_for_reply(state, response, action) is not None


def _role(before: _Progress, response: type[Response] | None, state: State | None) -> t.Role | None:
    """Return the role of an EMAIL_OTP challenge; None if it is not known, or for another state."""
    if state is not State.EMAIL_OTP or response is None or before.state is None:
        return None
    transition = t.transition_between(before.state, response, state)
    if transition not in t.TRANSITION_SET:
        return None
    if before.flow is not None:
        facts = {"password_proved": before.password_proved, "has_access_token": before.has_access_token}
        return email_otp_role(before.state, response, flow=before.flow, **facts)
    # The sign-in began before the recording, so only the protocol's table can show the role.
    roles = target_roles(transition, before.role)
    return roles[0] if len(roles) == 1 else None
