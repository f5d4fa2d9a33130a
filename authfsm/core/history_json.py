"""Histories of sign-ins as text: one JSON object a line for each step, no secret in any.

    {"step": 2, "from": "PASSWORD_VERIFIER", "given": "srp_claim", "to": "SMS_MFA", "role": "second factor",
     "at": "2026-11-23T01:02:03+00:00"}

`step` counts from 1: another 1 begins another sign-in, so that files can be strung together. `given` is
a response's trigger. `role`, `at`, and `error` and `action` of a refusal, are left out where there are
none. Nothing else is written, and nothing else is read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from authfsm.core.signin import History, Step
from authfsm.protocol.error_policy import RecoveryAction
from authfsm.protocol.errors import CallerError
from authfsm.protocol.responses import RESPONSES
from authfsm.protocol.states import State
from authfsm.protocol.table import ON_THE_TABLE, Role, Transition


class BadHistory(CallerError, ValueError):
    """A text is not the history of a sign-in.

    Args:
        line: the line's number.
        why: what is wrong with it.
    """

    def __init__(self, line: int, why: str) -> None:
        super().__init__(f"line {line} of the history {why}")
        self.line = line
        self.why = why


def history_to_json(history: Iterable[Step]) -> str:
    """A history as text: a line a step, ended by a newline.

    Args:
        history: `flow.history`, or several strung together.
    """
    return "".join(f"{json.dumps(_said(step))}\n" for step in history)


def _said(step: Step) -> dict[str, Any]:
    told = {
        "step": step.number,
        "from": str(step.source),
        "given": step.response.trigger,
        "to": str(step.dest),
        "role": step.role and str(step.role),
        "error": step.error,
        "action": step.action and str(step.action),
        "at": step.at and step.at.isoformat(),
    }
    return {name: value for name, value in told.items() if value is not None}


def history_from_json(text: str) -> History:
    """The history of one sign-in that a text tells; empty lines are passed over.

    Args:
        text: what `history_to_json` wrote.

    Raises:
        BadHistory: it is not one sign-in's.
    """
    found: list[Step] = []
    for line, step in _steps(text):
        if found and step.number == 1:
            raise BadHistory(line, "begins another sign-in")
        _append(found, line, step)
    return History(found)


def histories_from_json(text: str) -> tuple[History, ...]:
    """The histories of many sign-ins that a text tells, one after the other.

    Args:
        text: what `history_to_json` wrote.

    Raises:
        BadHistory: it is none of sign-ins.
    """
    found: list[list[Step]] = []
    for line, step in _steps(text):
        if step.number == 1:
            found.append([])
        _append(found[-1] if found else [], line, step)
    return tuple(map(History, found))


def _append(steps: list[Step], line: int, step: Step) -> None:
    if step.number != len(steps) + 1:
        raise BadHistory(line, f"has step {step.number} where {len(steps) + 1} is due")
    steps.append(step)


def _steps(text: str) -> Iterator[tuple[int, Step]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            yield number, _step(number, line)


def _step(number: int, line: str) -> Step:
    try:
        told = json.loads(line)
    except (ValueError, RecursionError):
        raise BadHistory(number, "is not JSON") from None
    if not isinstance(told, dict):
        raise BadHistory(number, "is JSON, but not an object")
    try:
        step = _read(told)
    except KeyError as lacking:
        raise BadHistory(number, f"has no {lacking.args[0]}, or one that is not known") from None
    except (TypeError, ValueError):
        raise BadHistory(number, "has a step, a role, an action or a time that cannot be") from None
    arrow = Transition(step.source, step.response, step.dest, step.kind)
    # A refusal that moves nothing (throttled, or with tokens in hand) stays where it is, whatever the table has.
    moves = step.dest is not step.source or step.action is None
    if moves and arrow not in ON_THE_TABLE:
        raise BadHistory(
            number,
            f"leads where the table does not: {step.source}, {step.response.trigger}, {step.dest}",
        )
    return step


def _read(told: dict[str, Any]) -> Step:
    number, at, error = told["step"], told.get("at"), told.get("error")
    if not isinstance(number, int) or isinstance(number, bool):
        raise TypeError
    if not isinstance(error, str | None):
        raise TypeError
    return Step(
        number=number,
        source=_member(State.__members__, told, "from"),
        response=_member(RESPONSES, told, "given"),
        dest=_member(State.__members__, told, "to"),
        role=None if told.get("role") is None else Role(told["role"]),
        action=_member(RecoveryAction.__members__, told, "action") if told.get("action") else None,
        error=error,
        at=None if at is None else datetime.fromisoformat(at),
    )


def _member(among: Any, told: dict[str, Any], name: str) -> Any:
    if not isinstance(told[name], str) or told[name] not in among:
        raise KeyError(name)
    return among[told[name]]
