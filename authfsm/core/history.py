"""The steps of a sign-in, and histories as text: a line with a JSON object for each step, without secrets.

    {"step": 2, "from": "PASSWORD_VERIFIER", "response": "srp_claim", "to": "SMS_MFA", "role": "second factor",
     "at": "2026-11-23T01:02:03+00:00"}

`step` is the number of the step in its sign-in, from 1, so files can be concatenated. `response` is the trigger of the
response. `role`, `at`, `error` and `action` are omitted if they are None. `authfsm.traces.recorder` adds `sign_in`,
which separates sign-ins whose lines are mixed, and `lost` if no readable reply came: such a line is skipped. Other
members are ignored.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from attrs import frozen

from authfsm.base.clock import time_from_iso
from authfsm.base.mixins import DisplayMixin
from authfsm.protocol.error_policy import RecoveryAction
from authfsm.protocol.errors import CallerError
from authfsm.protocol.responses import RESPONSES, Response
from authfsm.protocol.states import State
from authfsm.protocol.table import TRANSITION_SET, LoopKind, Role, Transition, transition_between


@frozen
class Step:
    """One step of a sign-in: the response that was sent, and the state to which its reply led. It has no secrets.

    Args:
        number: 1 for the first step.
        source: the state before the step.
        response: the class of the response that was sent.
        dest: the state after the step; it may be the same as `source`.
        role: the factor that the new state asks for; None if it asks for no factor.
        action: the recovery action if the reply was a refusal, otherwise None.
        error: the code of that refusal, for example `CodeMismatchException`.
        at: when the reply came; None if it is unknown.
    """

    number: int
    source: State
    response: type[Response]
    dest: State
    role: Role | None = None
    action: RecoveryAction | None = None
    error: str | None = None
    at: datetime | None = None

    @property
    def kind(self) -> LoopKind | None:
        """The kind of a transition to the same state; None if the state changed, or if there was no transition."""
        return transition_between(self.source, self.response, self.dest, self.action).kind


class History(DisplayMixin, tuple[Step, ...]):
    """The steps of a sign-in, from the first: a tuple that a notebook displays as a table."""

    __slots__ = ()


class BadHistory(CallerError, ValueError):
    """A line of the text (`line`, counted from 1) is not a step of the sign-in; `why` says what is wrong."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(f"line {line} of the history {why}")
        self.line = line
        self.why = why


def history_to_json(history: Iterable[Step]) -> str:
    """Return a history (`flow.history`) as text, with a line for each step; such texts can be concatenated."""
    return "".join(f"{json.dumps({'step': step.number, **step_to_dict(step)})}\n" for step in history)


def history_from_json(text: str) -> History:
    """Return the history of one sign-in from the output of `history_to_json`, or raise BadHistory."""
    steps: list[Step] = []
    for line, _, step in _steps(text):
        if steps and step.number == 1:
            raise BadHistory(line, "begins another sign-in: pass the lines of one, or call histories_from_json")
        _append(steps, line, step)
    return History(steps)


def histories_from_json(text: str) -> tuple[History, ...]:
    """Return the histories of all sign-ins in the output of `history_to_json`, in order, or raise BadHistory."""
    histories: list[list[Step]] = []
    newest: dict[str, list[Step]] = {}
    for line, sign_in, step in _steps(text):
        if step.number == 1:
            newest[sign_in] = []
            histories.append(newest[sign_in])
        _append(newest.get(sign_in, []), line, step)
    return tuple(map(History, histories))


def step_to_dict(step: Step) -> dict[str, Any]:
    """Return the fields of a step as JSON values, without its number and without those that are None."""
    fields = {
        "from": str(step.source),
        "response": step.response.trigger,
        "to": str(step.dest),
        "role": step.role and str(step.role),
        "error": step.error,
        "action": step.action and str(step.action),
        "at": step.at and step.at.isoformat(),
    }
    return {name: value for name, value in fields.items() if value is not None}


def step_from_dict(number: int, fields: Mapping[str, Any]) -> Step:
    """Return the step in the output of `step_to_dict`; raises KeyError, TypeError or ValueError if it is invalid."""
    at, error, role, action = (fields.get(name) for name in ("at", "error", "role", "action"))
    if type(number) is not int or not isinstance(error, (str, type(None))):
        raise TypeError("step must be a number, and error must be text")
    if (error is None) is not (action is None):
        raise ValueError("error and action must be present together")
    return Step(
        number=number, source=_member(State.__members__, fields, "from"),
        response=_member(RESPONSES, fields, "response"), dest=_member(State.__members__, fields, "to"),
        role=None if role is None else Role(role), error=error, at=None if at is None else time_from_iso(at),
        action=None if action is None else _member(RecoveryAction.__members__, fields, "action"),
    )  # fmt: skip


def _member(members: Any, fields: Mapping[str, Any], name: str) -> Any:
    if not isinstance(fields[name], str) or fields[name] not in members:
        raise KeyError(name)
    return members[fields[name]]


def _append(steps: list[Step], line: int, step: Step) -> None:
    if step.number != len(steps) + 1:
        raise BadHistory(line, f"has step {step.number}, but step {len(steps) + 1} must come next")
    if steps and step.source is not steps[-1].dest:
        raise BadHistory(line, f"has a step from {step.source}, but the step before led to {steps[-1].dest}")
    steps.append(step)


def _steps(text: str) -> Iterator[tuple[int, str, Step]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and (fields := _read_object(number, line)).get("lost") is None:
            yield number, str(fields.get("sign_in")), _read_step(number, fields)


def _read_object(line: int, text: str) -> dict[str, Any]:
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        raise BadHistory(line, "is not JSON") from None
    if not isinstance(fields, dict):
        raise BadHistory(line, "is JSON, but not an object")
    return fields


def _read_step(line: int, fields: dict[str, Any]) -> Step:
    try:
        step = step_from_dict(fields["step"], fields)
    except KeyError as error:
        raise BadHistory(line, f"has no member {error.args[0]!r} with a known value") from None
    except (TypeError, ValueError) as error:
        raise BadHistory(line, f"has an invalid step, role, error, action or time: {error}") from None
    transition = Transition(step.source, step.response, step.dest, step.kind)
    # A refusal that keeps the state (throttling, for example) is valid even if the table has no transition for it.
    if (step.dest is not step.source or step.action is None) and transition not in TRANSITION_SET:
        raise BadHistory(line, f"is not in the protocol's table: {step.source}, {step.response.trigger}, {step.dest}")
    return step
