"""Follows each sign-in along the table, for the page: where it stands, and the steps that led there.

It sees an operation's request and reply and the legs it touched. A step is the arrow that the gate let the
reply out by; the sign-in it belongs to is that of the leg that was answered.
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
from authfsm.protocol.states import State
from authfsm.protocol.table import (
    PROTOCOL,
    RESTART,
    RETRY,
    LoopKind,
    Role,
    loop_kinds,
    transition_between,
)

_MAX_SIGN_INS: Final = 200
_MAX_STEPS: Final = 100


@frozen
class TrackedStep:
    """A step of a sign-in, as the diagrams take it.

    Args:
        number: 1 for the first.
        source: where it stood.
        response: the class of what was given.
        dest: where the reply led.
        role: which factor an e-mailed code is.
        error: Cognito's code, where the reply was a refusal.
        kind: what it was, where it stayed in its state; None where it left it.
        at: when.
    """

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
    """A sign-in that is followed.

    Args:
        number: counted from 1 in this process.
        username: the internal name; what was typed, where there is no such user.
        flow: its AuthFlow.
        client_id: the app client's.
        steps: how it went.
        expires: when its session does, while it runs.
    """

    number: int
    username: str
    flow: str
    client_id: str
    steps: list[TrackedStep] = field(factory=list)
    expires: datetime | None = None

    @property
    def state(self) -> State:
        """Where it stands."""
        return self.steps[-1].dest if self.steps else State.START


class SignInTracker:
    """Follows the sign-ins of a pool, the last two hundred of them.

    Args:
        core: the pool's parts.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._by_session: dict[str, TrackedSignIn] = {}
        self._all: OrderedDict[int, TrackedSignIn] = OrderedDict()
        self._count = 0

    def __iter__(self) -> Iterator[TrackedSignIn]:
        return reversed(self._all.values())

    def get(self, number: int) -> TrackedSignIn | None:
        """A sign-in, by its number."""
        return self._all.get(number)

    def answered(
        self,
        operation: str,
        request: Mapping[str, Any],
        outcome: Mapping[str, Any] | PoolRefusal,
        touched: Iterable[Any],
    ) -> None:
        """Take note of an operation.

        Args:
            operation: its name.
            request: what was asked.
            outcome: the reply, or the refusal.
            touched: the records it touched.
        """
        response = self._core.response
        if response is None or response in REFRESH_RESPONSES:
            return  # Nobody signs in.
        pending_challenges = [
            pending
            for pending in touched
            if isinstance(pending, PendingChallenge) and pending in self._core.sessions
        ]
        known = {
            pending.session: pending
            for pending in pending_challenges
            if pending.session in self._by_session
        }
        new = next(
            (pending for pending in pending_challenges if pending.session not in known), None
        )
        # What was refused for its shape comes here too: its members are of any type.
        session = request.get("Session")
        old = known.get(session) if isinstance(session, str) else None
        old = old or next(iter(known.values()), None)
        followed = self._by_session[old.session] if old else None
        if followed is None:
            if operation not in BEGIN_OPERATIONS:
                return
            followed = self._begin(request, new)
        dest, error = self._led(response, outcome, old)
        role = followed.steps[-1].role if followed.steps else None
        if old is not None and old.spent:
            del self._by_session[old.session]
        if new is not None:
            followed.expires = new.expires
            self._by_session[new.session] = followed
            role = email_otp_role(
                followed.state,
                response,
                flow=followed.flow,
                password_proved=new.attempt.password_proved,
                credited="ACCESS_TOKEN" in (request.get("AuthParameters") or {}),
            )
        if len(followed.steps) < _MAX_STEPS:
            step = TrackedStep(
                number=len(followed.steps) + 1,
                source=followed.state,
                response=response,
                dest=dest,
                role=role if dest is State.EMAIL_OTP else None,
                error=error,
                kind=_loop_kind(followed.state, response, dest, error),
                at=self._core.clock(),
            )
            followed.steps.append(step)

    def _begin(self, request: Mapping[str, Any], pending: PendingChallenge | None) -> TrackedSignIn:
        self._count += 1
        parameters = request.get("AuthParameters")
        typed = str(parameters.get("USERNAME", "")) if isinstance(parameters, Mapping) else ""
        username = pending.attempt.username if pending else typed
        followed = TrackedSignIn(
            self._count, username, request["AuthFlow"], str(request.get("ClientId"))
        )
        self._all[self._count] = followed
        while len(self._all) > _MAX_SIGN_INS:
            _, gone = self._all.popitem(last=False)
            for session in [key for key, of in self._by_session.items() if of is gone]:
                del self._by_session[session]
        return followed

    def _led(
        self,
        response: type[Response],
        outcome: Mapping[str, Any] | PoolRefusal,
        old: PendingChallenge | None,
    ) -> tuple[State, str | None]:
        if isinstance(outcome, PoolRefusal):
            stays = old is not None and not old.spent and outcome.survives
            return (_state(old.challenge) if old and stays else State.FAILED), outcome.code
        arrow = operations.arrow_of(response, outcome, old.challenge if old else None)
        return (arrow.dest if arrow else State.FAILED), None


def _loop_kind(
    source: State, response: type[Response], dest: State, error: str | None
) -> LoopKind | None:
    """What a step was that stayed in its state, by what its row has."""
    if dest is not source:
        return None
    if error is None:
        return transition_between(source, response, dest).kind
    kinds = loop_kinds(source, PROTOCOL[source].get(response, frozenset()))
    # The pool says so of a device that it does not know, and of nothing else in a sign-in.
    wanted = RESTART if error == "ResourceNotFoundException" else RETRY
    return wanted if wanted in kinds else None


def _state(challenge: str) -> State:
    return State.__members__.get(challenge, State.OTHER_CHALLENGE)
