"""The view model: all that the page shows of one moment, as plain values without secrets, saved with the notebook."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from attrs import evolve

from authfsm.core.history import History
from authfsm.core.signin import SignIn
from authfsm.diagrams.vertices import group_of
from authfsm.local import LocalPool
from authfsm.local.config.pool_configuration import TRIGGER_FIELDS
from authfsm.notebook.after_sign_in import offered_actions
from authfsm.notebook.answers import debug_secrets, known_answer, prompts_for, sample_response
from authfsm.notebook.moment import path_diagram, widget_svg
from authfsm.notebook.recording import SignInRecording, WireExchange, masked
from authfsm.notebook.value_repr import token_rows
from authfsm.protocol.errors import AuthfsmError
from authfsm.protocol.forms import Prompt
from authfsm.protocol.nodes import node_of
from authfsm.protocol.responses import Response
from authfsm.protocol.states import State
from authfsm.protocol.table import Transition
from authfsm.reference.about import targets
from authfsm.reference.request_shapes import parse_docstring
from authfsm.settings import PoolSettings

_SHOWN_STEPS: Final = 12


def view_model(recording: SignInRecording, settings: PoolSettings | None) -> dict[str, Any]:
    """Return all that the page shows of the present moment; `stepper.js` draws it."""
    flow, pending = recording.flow, recording.pending
    asked = () if pending is not None else prompts_for(flow)
    due, when = _due(recording, asked)
    return {
        "username": recording.username,
        "flow": flow.signin.flow or recording.auth_flow,
        "state": flow.state.value,
        "group": group_of(node_of(flow.state, flow.signin.role)).value,
        "meaning": flow.state.meaning,
        "steps": len(flow.history),
        "refusal": _refusal(recording),
        "next": _next(recording),
        "facts": _facts(recording),
        "buttons": _buttons(recording, asked),
        "forms": [each.to_json() for each in asked],
        "actions": [
            {"name": name, "label": each.label, "response": each.response and each.response.trigger}
            for name, each in offered_actions(recording).items()
        ],
        "has_debug_secrets": debug_secrets(recording) is not None,
        "picture": widget_svg(path_diagram(flow.signin.flow or recording.auth_flow, flow.history, settings)),
        "panels": {
            "wire": _wire(recording, due, when),
            "history": _history(flow.history),
            "what_if": sorted(
                next_steps(flow.signin, settings, pending), key=lambda each: each["ruled_out"] is not None
            ),
            "settings_known": settings is not None,
        },
    }


def _next(recording: SignInRecording) -> dict[str, str] | None:
    pending, preview = recording.pending, recording.preview
    if pending is None or preview is None:
        return None
    about = parse_docstring(type(pending)).summary
    return {"trigger": pending.trigger, "operation": preview.operation, "about": about}


def _due(recording: SignInRecording, asked: tuple[Prompt, ...]) -> tuple[WireExchange | None, str]:
    """Return the request that is sent next, and when."""
    if (preview := recording.preview) is not None:
        return preview, "about to be sent"
    try:
        sample = sample_response(asked[0]) if asked else None
        request = None if sample is None else recording.request_of(sample)
    except AuthfsmError:
        return None, ""
    return request, "sent with your answer"


def _buttons(recording: SignInRecording, asked: tuple[Prompt, ...]) -> dict[str, dict[str, Any]]:
    """Return for each button whether it is enabled, and what it does or why it is not."""
    pending, ended = recording.pending, "The sign-in has ended" if recording.flow.done else ""
    has_begun = bool(recording.flow.history or recording.steps)
    input_needed = ended or ("User input is required" + (": answer below" if asked else ""))
    unknown = "" if pending or known_answer(recording) else ended or "Only a person knows this answer"
    back_impossible = (recording.why_back_impossible or "").capitalize()
    buttons = {  # what each does, and why it cannot
        "back": ("Take one step back", back_impossible),
        "step": (
            f"Send {pending.trigger}, and show the reply" if pending else "",
            "" if pending else input_needed,
        ),
        "run": ("Step until user input is required", "" if pending else input_needed),
        "play": ("Walk the sign-in without input", unknown),
        "restart": ("Begin again", "" if has_begun else "This is the beginning"),
    }
    return {name: {"enabled": not why, "hint": why or does} for name, (does, why) in buttons.items()}


def _refusal(recording: SignInRecording) -> dict[str, str] | None:
    error = recording.steps[-1].error if recording.steps else None
    if error is None:
        return None
    refusal = getattr(error, "refusal", None)
    return {
        "code": refusal.code if refusal else type(error).__name__,
        "message": refusal.message if refusal else str(error),
        "advice": error.action.advice if error.action else "",
        "fault": str(error.fault),
    }


_LONGEST_FACT: Final = 600  # characters, enough for a question
_NOT_FACTS: Final = {
    *("SALT", "SRP_B", "SECRET_BLOCK", "CREDENTIAL_REQUEST_OPTIONS"),
    *("userAttributes", "requiredAttributes"),
}
"""Parameters that are long and useless to a reader, or part of the form; the panel of requests has all."""


def _facts(recording: SignInRecording) -> list[list[str]]:
    """Return the public parameters of the challenge, or facts about the tokens."""
    flow = recording.flow
    if flow.tokens is not None:
        return [list(row) for row in token_rows(flow.tokens)]
    if flow.challenge is None:
        return []
    # A Lambda function may repeat an answer in public.
    secrets = frozenset(each.reveal() for step in recording.steps for each in step.secrets)
    parameters: dict[str, Any] = masked(flow.challenge.parameters, "", secrets, _LONGEST_FACT)
    facts = [
        [name, str(value)]
        for name, value in parameters.items()
        if name not in _NOT_FACTS and value not in {"", recording.username}
    ]
    if flow.challenge.available:
        facts.append(["AvailableChallenges", ", ".join(flow.challenge.available)])
    return facts


def _wire(recording: SignInRecording, due: WireExchange | None, when: str) -> list[dict[str, Any]]:
    """Return the request that is sent next, if it is known, and those sent so far, the newest first."""
    rows = [] if due is None else [_exchange(when, due.operation, "due", request=due.request)]
    steps = list(recording.steps)[-_SHOWN_STEPS:]
    for step in reversed(steps):
        title, kind = f"step {step.number}", "latest" if step is steps[-1] else ""
        for each in reversed(step.exchanges):
            reply = each.reply or {"": "no reply"}
            rows.append(_exchange(title, each.operation, kind, request=each.request, reply=reply))
        if not step.exchanges:
            rows.append(_exchange(title, "", kind, error={"": str(step.error)}))
    return rows


def _exchange(title: str, operation: str, kind: str, **messages: Mapping[str, Any]) -> dict[str, Any]:
    texts = [[k, json.dumps(v, indent=2, ensure_ascii=False, default=str)] for k, v in messages.items()]
    return {"title": title, "operation": operation, "kind": kind, "messages": texts}


def _history(steps: History) -> list[list[str]]:
    """Return number, time, state, response, next state, error and advice of each step."""
    rows = []
    for step in steps:
        time = f"{step.at:%H:%M:%S}" if step.at else ""
        moves = (step.source, step.response.trigger, node_of(step.dest, step.role).name)
        advice = step.action.advice if step.error and step.action else ""
        rows.append([str(step.number), time, *moves, step.error or "", advice])
    return rows


def next_steps(
    signin: SignIn, settings: PoolSettings | None = None, response: Response | None = None
) -> Iterator[dict[str, Any]]:
    """Yield the states that may come next, perhaps by one response, without FAILED: on which conditions, or why never."""
    role = signin.role if signin.state is State.EMAIL_OTP else None
    for accepted in signin.accepts if response is None else (type(response),):
        for target in targets(signin.state, accepted, role):
            if target.to.state is State.FAILED:
                continue
            transition = Transition(signin.state, accepted, target.to.state, target.kind)
            to_role = target.to.role or role
            yield {
                "response": accepted.trigger,
                "name": target.to.name,
                "conditions": list(dict.fromkeys(each.when for each in target.known if each.when)),
                "ruled_out": None if settings is None else settings.ruled_out(transition, to_role),
                "lambda_only": settings is not None and settings.lambda_only(transition, to_role),
            }


def settings_of(pool: LocalPool) -> PoolSettings:
    """Return the settings of a local pool, with its Lambda functions, which a description would name by ARN."""
    settings = PoolSettings.describe(pool.client(), pool.pool_id, pool.client_id)
    triggers = pool.configuration.triggers
    present = {name for name, field in TRIGGER_FIELDS.items() if getattr(triggers, field, None)}
    return evolve(settings, lambda_config=frozenset({*(settings.lambda_config or ()), *present}))
