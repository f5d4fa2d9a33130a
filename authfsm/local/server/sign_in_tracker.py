"""Tracks the sign-ins at all pools for the page: the present state of each, and the steps that led there.

The tracker gets the request and the outcome of each operation, and the records that the operation looked up or
changed. A step is a transition of the protocol's table. It belongs to the sign-in whose challenge the request answered.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from attrs import define, field, frozen

from authfsm.local.api import operations
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.state.core import Core
from authfsm.local.state.sessions import PendingChallenge
from authfsm.protocol.auth_flows import BEGIN_OPERATIONS
from authfsm.protocol.nodes import email_otp_role
from authfsm.protocol.responses import REFRESH_RESPONSES, Response
from authfsm.protocol.states import State, state_of_challenge_name
from authfsm.protocol.table import PROTOCOL, LoopKind, Role, loop_kinds, transition_between

_MAX_SIGN_INS: Final = 200
_MAX_STEPS: Final = 100


@frozen
class TrackedStep:
    """A step of a sign-in, which `authfsm.diagrams` can draw; `error` is Cognito's code of a refusal."""

    number: int
    source: State
    response: type[Response]
    dest: State
    role: Role | None
    error: str | None
    kind: LoopKind | None
    at: datetime


@define(eq=False)
class TrackedSignIn:
    """The last steps of a sign-in. `username` is the internal name, or the submitted one if there was no challenge."""

    number: int
    username: str
    flow: str
    steps: list[TrackedStep] = field(factory=list)
    expires: datetime | None = None

    @property
    def state(self) -> State:
        """The present state of the sign-in."""
        return self.steps[-1].dest if self.steps else State.START


class SignInTracker:
    """The newest 200 sign-ins at all pools, each with its last 100 steps; iterating yields the newest sign-in first."""

    def __init__(self) -> None:
        self._by_session: dict[str, TrackedSignIn] = {}
        self._by_number: OrderedDict[int, TrackedSignIn] = OrderedDict()
        self._count = 0

    def __iter__(self) -> Iterator[TrackedSignIn]:
        return reversed(self._by_number.values())

    def get(self, number: int) -> TrackedSignIn | None:
        """Return the sign-in with a number; None if it is no longer tracked."""
        return self._by_number.get(number)

    def record(
        self,
        core: Core,
        operation: str,
        request: Mapping[str, Any],
        outcome: Mapping[str, Any] | PoolRefusal,
        changed: Iterable[Any],
    ) -> None:
        """Add the step of an operation to its sign-in, or to a new one if the operation begins a sign-in."""
        response = core.response
        if response is None or response in REFRESH_RESPONSES:
            return  # The operation is not part of a sign-in.
        challenges = [e for e in changed if isinstance(e, PendingChallenge) and e in core.sessions]
        known = {each.session: each for each in challenges if each.session in self._by_session}
        issued = next((each for each in challenges if each.session not in known), None)
        # A refused request may have members of any type.
        session = request.get("Session")
        answered = (known.get(session) if isinstance(session, str) else None) or next(iter(known.values()), None)
        sign_in = self._by_session[answered.session] if answered else None
        if sign_in is None:
            if operation not in BEGIN_OPERATIONS:
                return
            sign_in = self._begin(request, issued)
        dest, error = _outcome_state(response, outcome, answered)
        role = sign_in.steps[-1].role if sign_in.steps else None
        if answered is not None and (answered.used or dest is State.FAILED):
            del self._by_session[answered.session]
        if issued is not None:
            sign_in.expires = issued.expires
            self._by_session[issued.session] = sign_in
            role = email_otp_role(
                sign_in.state,
                response,
                flow=sign_in.flow,
                password_proved=issued.attempt.password_proved,
                has_access_token="ACCESS_TOKEN" in (request.get("AuthParameters") or {}),
            )
        number, source = sign_in.steps[-1].number + 1 if sign_in.steps else 1, sign_in.state
        role = role if dest is State.EMAIL_OTP else None
        kind = _loop_kind(source, response, dest, error)
        sign_in.steps.append(TrackedStep(number, source, response, dest, role, error, kind, core.clock()))
        del sign_in.steps[:-_MAX_STEPS]

    def _begin(self, request: Mapping[str, Any], issued: PendingChallenge | None) -> TrackedSignIn:
        self._count += 1
        parameters = request.get("AuthParameters")
        submitted = str(parameters.get("USERNAME", "")) if isinstance(parameters, Mapping) else ""
        username = issued.attempt.username if issued else submitted
        sign_in = TrackedSignIn(self._count, username, request["AuthFlow"])
        self._by_number[self._count] = sign_in
        while len(self._by_number) > _MAX_SIGN_INS:
            _, oldest = self._by_number.popitem(last=False)
            for session in [key for key, each in self._by_session.items() if each is oldest]:
                del self._by_session[session]
        return sign_in


def _outcome_state(
    response: type[Response], outcome: Mapping[str, Any] | PoolRefusal, answered: PendingChallenge | None
) -> tuple[State, str | None]:
    """Return the state that an operation led to, and the error code of a refusal."""
    challenge = answered.challenge if answered else None
    if isinstance(outcome, PoolRefusal):
        survives = answered is not None and not answered.used and outcome.survives
        return (state_of_challenge_name(challenge) if challenge and survives else State.FAILED), outcome.code
    transition = operations.transition_of(response, outcome, challenge)
    return (transition.dest if transition else State.FAILED), None


def _loop_kind(source: State, response: type[Response], dest: State, error: str | None) -> LoopKind | None:
    """Return the kind of a transition from a state to itself, as the protocol's table has it; else None."""
    if dest is not source:
        return None
    if error is None:
        return transition_between(source, response, dest).kind
    kinds = loop_kinds(source, PROTOCOL[source].get(response, frozenset()))
    # In a sign-in, only an unknown device key causes a ResourceNotFoundException.
    kind = LoopKind.DEVICE_DROPPED if error == "ResourceNotFoundException" else LoopKind.RETRY
    return kind if kind in kinds else None
