"""The view model: all that the page shows of one moment, as plain values without secrets, saved with the notebook."""

from __future__ import annotations

from typing import Any, Final

from attrs import evolve

from authfsm.diagrams.vertices import group_of
from authfsm.drivers.boto import Flow
from authfsm.notebook import panels
from authfsm.notebook.debug_secrets import debug_secrets
from authfsm.notebook.moment import path_diagram, widget_svg
from authfsm.notebook.recording import SignInRecording, WireExchange, masked
from authfsm.notebook.value_repr import token_rows
from authfsm.protocol.errors import AuthfsmError
from authfsm.protocol.forms import SRP_RESPONSES, Prompt
from authfsm.protocol.nodes import node_of
from authfsm.protocol.prompts import form_for
from authfsm.protocol.responses import Response, SrpA
from authfsm.reference.request_shapes import parse_docstring
from authfsm.settings import PoolSettings


def view_model(recording: SignInRecording, settings: PoolSettings | None) -> dict[str, Any]:
    """Return all that the page shows of the present moment; `stepper.js` draws it."""
    flow, pending = recording.flow, recording.pending
    asked = () if pending is not None else prompts_for(flow)
    due, when = _due(recording, asked)
    steps = panels.next_steps(flow.signin, settings, pending)
    return {
        "username": recording.username,
        "flow": recording.auth_flow,
        "state": flow.state.value,
        "group": group_of(node_of(flow.state, flow.signin.role)).value,
        "meaning": flow.state.meaning,
        "steps": len(flow.history),
        "refusal": _refusal(recording),
        "next": _next(recording),
        "facts": _facts(recording),
        "buttons": _buttons(recording, asked),
        "forms": [each.to_json() for each in asked],
        "has_debug_secrets": debug_secrets(recording) is not None,
        "picture": widget_svg(path_diagram(recording.auth_flow, flow.history, settings)),
        "panels": {
            "wire": panels.wire(recording, due, when),
            "history": panels.history(flow.history),
            "what_if": panels.what_if(steps, settings_known=settings is not None),
        },
    }


def prompts_for(flow: Flow) -> tuple[Prompt, ...]:
    """Return the prompts of the present challenge, those that a person can answer first."""
    if flow.challenge is None:
        return ()
    found = []
    for prompt in form_for(flow.challenge, flow.signin.role).prompts:
        if prompt.response in flow.accepts:
            has_password = prompt.response is SrpA and flow._password is not None  # noqa: SLF001 - same package
            found.append(evolve(prompt, fields=()) if has_password else prompt)
    return tuple(sorted(found, key=lambda each: not each.by_person))


def sample_response(prompt: Prompt) -> Response | None:
    """Return an example of an answer, to show its request; None where that needs a proof or a passkey."""
    if prompt.response in SRP_RESPONSES or not prompt.by_person:
        return None
    examples = {"code": "000000", "email": "name@example.com"}
    return prompt.answer(
        {
            each.name: each.choices[0][0] if each.choices else examples.get(each.kind, "NAME=value")
            for each in prompt.fields
        }
    )


def _next(recording: SignInRecording) -> dict[str, str] | None:
    """Return the step that needs no user input."""
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
    flow, pending = recording.flow, recording.pending
    if pending is not None:
        step = _button(f"Send {pending.trigger}, and show the reply")
        run = _button("Step until user input is required")
    else:
        reason = "The sign-in has ended" if flow.done else "User input is required"
        reason += ": answer below" if asked else ""
        step = run = _button(reason, enabled=False)
    why_no_back = recording.why_no_back
    if why_no_back is None:
        back = _button("Take one step back")
    else:
        back = _button(why_no_back[:1].upper() + why_no_back[1:], enabled=False)
    has_begun = bool(flow.history or recording.steps)
    restart = _button("Begin again" if has_begun else "This is the beginning", enabled=has_begun)
    return {"back": back, "step": step, "run": run, "restart": restart}


def _button(hint: str, *, enabled: bool = True) -> dict[str, Any]:
    return {"enabled": enabled, "hint": hint}


def _refusal(recording: SignInRecording) -> dict[str, str] | None:
    """Return why the last step was refused, and what to do."""
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
    "SALT",
    "SRP_B",
    "SECRET_BLOCK",
    "CREDENTIAL_REQUEST_OPTIONS",
    "userAttributes",
    "requiredAttributes",
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
