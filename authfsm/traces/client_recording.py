"""Sign-ins of anybody's code, recorded from its boto3 or aiobotocore client: lines of steps, no secret in any.

    record(client, "steps.jsonl")
    AWSSRP(username=..., client=client, ...).authenticate_user()  # pycognito's, say

botocore tells each request before it is sent, and each reply after. Which requests are of one sign-in is
told by what the reply handed out and the next request hands back: the Session, or SRP's SECRET_BLOCK where
there is none. Of these only a hash is kept, keyed by a salt that dies with the recording. What began before
it has no beginning, and is told so. Nothing here changes a request, or fails one.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final, TextIO

from attrs import define, evolve, field, frozen

from authfsm.protocol.api_requests import (
    OTHER_OPERATIONS,
    SETUP_OPERATIONS,
    SIGN_IN_OPERATIONS,
    classify,
    names_for,
)
from authfsm.protocol.auth_flows import ANSWER_OPERATIONS, BEGIN_OPERATIONS
from authfsm.protocol.error_policy import RecoveryAction, error_rule
from authfsm.protocol.nodes import email_otp_role, proves_password, target_roles
from authfsm.protocol.responses import GetTokensFromRefreshToken, Response, RevokeToken
from authfsm.protocol.states import STATE_BY_NAME, State
from authfsm.protocol.table import (
    PROTOCOL,
    TRANSITION_SET,
    Role,
    destinations,
    loop_kind,
    transition_between,
)
from authfsm.traces.step_log import Recorder

LOGGER: Final = logging.getLogger("authfsm")

SERVICE: Final = "cognito-identity-provider"
"""botocore's name for Cognito's user pools in its events."""

_KEPT: Final = 100_000
_PENDING: Final = "authfsm.traces"


@frozen
class _Progress:
    """Where a sign-in stands.

    Args:
        sign_in: its id.
        number: how many steps it has taken.
        state: the state; None if that is not known.
        role: which factor is asked for, if it is EMAIL_OTP.
        flow: the AuthFlow that began it; None if that is not known.
        proved: has a password been proved?
        credited: does the request that begins it bear an access token?
    """

    sign_in: str
    number: int = 0
    state: State | None = None
    role: Role | None = None
    flow: str | None = None
    proved: bool = False
    credited: bool = False


@define
class _PendingRequest:
    """A request whose reply has not come.

    Args:
        stand: the sign-in before it.
        operation: as `InitiateAuth`.
        given: the response it carries, if it is one.
        under: the ChallengeName it bears, where the table has another.
        sent: the monotonic clock's seconds.
        handed: the hashes of what it hands back.
        user: the hash of the app client and the name of the user.
    """

    stand: _Progress
    operation: str
    given: type[Response] | None
    under: str | None
    sent: float
    handed: tuple[str, ...] = field(factory=tuple, repr=False)
    user: tuple[str, ...] = field(factory=tuple, repr=False)


class Recording:
    """What is being recorded of one client; `stop()` ends it.

    Args:
        client: a boto3 or aiobotocore `cognito-idp` client.
        recorder: where the lines go.
        clock: gives the present time, with a time zone.
    """

    def __init__(self, client: Any, recorder: Recorder, clock: Callable[[], datetime]) -> None:
        self._events = client.meta.events
        self._recorder = recorder
        self._clock = clock
        self._salt = secrets.token_bytes(32)
        self._stands: OrderedDict[str, _Progress] = OrderedDict()
        self._lock = threading.Lock()
        self._hooks = {
            f"provide-client-params.{SERVICE}": self._sends,
            f"after-call.{SERVICE}": self._hears,
            f"after-call-error.{SERVICE}": self._loses,
        }
        for event, hook in self._hooks.items():
            self._events.register_last(event, hook, unique_id=f"{_PENDING}.{id(self)}.{event}")

    def stop(self) -> None:
        """Record no more, and forget which sign-ins were under way."""
        for event, hook in self._hooks.items():
            self._events.unregister(event, hook, unique_id=f"{_PENDING}.{id(self)}.{event}")
        self._stands.clear()
        self._recorder.close()

    def __enter__(self) -> Recording:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # ---- what botocore tells ------------------------------------------------------------------------

    def _sends(self, params: Any, model: Any, context: Any, **_: Any) -> None:
        with _HARMLESS:
            if model.name in SIGN_IN_OPERATIONS and isinstance(params, Mapping):
                pending = self._read(model.name, params)
                if pending is not None:
                    context[_PENDING] = pending

    def _hears(self, parsed: Any, context: Any, **_: Any) -> None:
        with _HARMLESS:
            if (pending := _taken(context)) is not None and isinstance(parsed, Mapping):
                self._heard(pending, parsed)

    def _loses(self, exception: BaseException, context: Any, **_: Any) -> None:
        if isinstance(refusal := getattr(exception, "response", None), Mapping):
            # A ClientError: a refusal that botocore would have retried, had the driver let it. It was heard.
            self._hears(refusal, context)
            return
        with _HARMLESS:
            if (pending := _taken(context)) is not None:
                self._write(pending, pending.stand, lost=type(exception).__name__)

    # ---- what it means ------------------------------------------------------------------------------

    def _read(self, name: str, params: Mapping[str, Any]) -> _PendingRequest | None:
        sent = time.monotonic()
        given = classify(name, params)
        if name in BEGIN_OPERATIONS:
            fields = _map(params, "AuthParameters")
            stand = evolve(
                self._new(), flow=str(params.get("AuthFlow")), credited="ACCESS_TOKEN" in fields
            )
            return _PendingRequest(stand, name, given, None, sent, user=self._user(params, fields))
        if name in ANSWER_OPERATIONS:
            fields, under = _map(params, "ChallengeResponses"), str(params.get("ChallengeName"))
            handed = self._hashes(params.get("Session"), fields.get("PASSWORD_CLAIM_SECRET_BLOCK"))
            # Device answers may leave the Session out: the user's own last sign-in it is, then.
            user = self._user(params, fields)
            handed = handed or user
            stand = self._stand(handed)
            odd = stand.state is not None and not _accepts(stand.state, given, under)
            word = str(STATE_BY_NAME.get(under, State.OTHER_CHALLENGE)) if odd else None
            return _PendingRequest(stand, name, given, word, sent, handed, user)
        if given is GetTokensFromRefreshToken:
            return _PendingRequest(self._new(), name, given, None, sent)
        bears = "Session" if name in SETUP_OPERATIONS else "AccessToken"
        handed = self._hashes(params.get("Token" if given is RevokeToken else bears))
        if not handed:
            return None  # to enrol an app with a token is no step of a sign-in
        return _PendingRequest(self._stand(handed), name, given, None, sent, handed)

    def _heard(self, pending: _PendingRequest, parsed: Mapping[str, Any]) -> None:
        before = pending.stand
        error, action = _refused(parsed, pending.operation)
        state, role = before.state, before.role
        kind = pending.given
        proved = before.proved
        if error is None:
            state = self._leads(pending, parsed)
            if kind is not None and before.state is not None and state is not None:
                proved = proved or proves_password(before.state, kind, state)
            role = _role(evolve(before, proved=proved), kind, state)
        elif not _stays(before.state, kind, action):
            state, role = State.FAILED, None
        stand = evolve(
            before, number=before.number + 1, state=state, role=role, proved=proved, credited=False
        )
        self._write(pending, stand, error=error, action=None if action is None else str(action))
        self._keep(pending, stand, parsed)

    def _leads(self, pending: _PendingRequest, parsed: Mapping[str, Any]) -> State | None:
        """Where a reply that is no refusal leads."""
        name = parsed.get("ChallengeName")
        if isinstance(name, str):
            return STATE_BY_NAME.get(name, State.OTHER_CHALLENGE)
        if parsed.get("AuthenticationResult"):
            return State.AUTHENTICATED
        kind = OTHER_OPERATIONS.get(pending.operation)
        if kind is None:
            return None
        home = State.MFA_SETUP if pending.operation in SETUP_OPERATIONS else State.AUTHENTICATED
        return next(iter(destinations(home, kind)))

    def _keep(self, pending: _PendingRequest, stand: _Progress, parsed: Mapping[str, Any]) -> None:
        """By what the next request will be known."""
        parameters, result = (
            _map(parsed, "ChallengeParameters"),
            _map(parsed, "AuthenticationResult"),
        )
        out = self._hashes(
            parsed.get("Session"), parameters.get("SECRET_BLOCK"), result.get("AccessToken"), result.get("RefreshToken"),
        )  # fmt: skip
        with self._lock:
            # A session that is handed back once more is one of a sign-in that stands elsewhere by now.
            for each in (*pending.handed, *pending.user, *out):
                self._stands[each] = stand
                self._stands.move_to_end(each)
            while len(self._stands) > _KEPT:
                self._stands.popitem(last=False)

    def _write(self, pending: _PendingRequest, stand: _Progress, **more: Any) -> None:
        before = pending.stand
        self._recorder.write(
            {
                "sign_in": before.sign_in,
                "step": before.number + 1,
                "from": before.state and str(before.state),
                "given": pending.given and pending.given.trigger,
                "under": pending.under,
                "to": stand.state and str(stand.state),
                "role": stand.role and str(stand.role),
                **more,
                "at": self._clock().isoformat(),
                "seconds": time.monotonic() - pending.sent,
            }
        )

    # ---- whose it is --------------------------------------------------------------------------------

    def _new(self) -> _Progress:
        return _Progress(secrets.token_hex(8), state=State.START)

    def _stand(self, handed: tuple[str, ...]) -> _Progress:
        with self._lock:
            known = next((self._stands[each] for each in handed if each in self._stands), None)
        return known or _Progress(secrets.token_hex(8))

    def _user(self, params: Mapping[str, Any], fields: Mapping[str, Any]) -> tuple[str, ...]:
        return self._hashes(f"{params.get('ClientId')} {fields.get('USERNAME')}")

    def _hashes(self, *values: object) -> tuple[str, ...]:
        return tuple(
            hmac.new(self._salt, each.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
            for each in values
            if isinstance(each, str) and each
        )


def _accepts(state: State, given: type[Response] | None, under: str) -> bool:
    """Does a state accept a response under that ChallengeName?"""
    if given is None or given not in PROTOCOL[state]:
        return False
    return state is State.OTHER_CHALLENGE or under in names_for(state, given)


class _Harmless:
    """What goes wrong in a hook is logged by its class alone, and the request goes on."""

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        if kind is None or not issubclass(kind, Exception):
            return False
        LOGGER.error("a step of a sign-in could not be recorded (%s)", kind.__name__)
        return True


_HARMLESS: Final = _Harmless()


def _taken(context: Any) -> _PendingRequest | None:
    return context.pop(_PENDING, None) if isinstance(context, dict) else None


def _map(members: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = members.get(name)
    return value if isinstance(value, Mapping) else {}


def _refused(parsed: Mapping[str, Any], operation: str) -> tuple[str | None, RecoveryAction | None]:
    """A refusal's code, and what to do about it."""
    if parsed.get("Status") == "ERROR":
        code, message = "EnableSoftwareTokenMFAException", ""
    elif (error := _map(parsed, "Error")) and isinstance(error.get("Code"), str):
        code, message = error["Code"], str(error.get("Message", ""))
    else:
        return None, None
    return code, error_rule(code, message, operation).action


def _stays(state: State | None, kind: type[Response] | None, action: RecoveryAction | None) -> bool:
    """Does a refusal leave a sign-in where it stands? As `authfsm.protocol.table.destination` has it."""
    if state is State.AUTHENTICATED or action is RecoveryAction.WAIT:
        return True
    if state is None or kind is None:
        return action is not None and action.survives
    return loop_kind(state, kind, action) is not None


def _role(before: _Progress, kind: type[Response] | None, state: State | None) -> Role | None:
    """Which factor an e-mailed code is, where the table tells."""
    if state is not State.EMAIL_OTP or kind is None or before.state is None:
        return None
    if transition_between(before.state, kind, state) not in TRANSITION_SET:
        return None
    if before.flow is not None:
        return email_otp_role(
            before.state,
            kind,
            flow=before.flow,
            password_proved=before.proved,
            credited=before.credited,
        )
    # The recording began later than the sign-in: what is told by the table alone.
    roles = target_roles(transition_between(before.state, kind, state), before.role)
    return roles[0] if len(roles) == 1 else None


def record(
    client: Any,
    sink: str | Path | TextIO,
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
) -> Recording:
    """Record the sign-ins that go through a client, whoever's code makes them.

    Args:
        client: a boto3 or aiobotocore `cognito-idp` client; its requests and replies stay as they are.
        sink: a file's path, to be added to; or a stream of text.
        clock: gives the present time, with a time zone; UTC now.

    Returns:
        The recording: `stop()` ends it, as does the end of a `with`.
    """
    return Recording(client, Recorder(sink, clock), clock)
