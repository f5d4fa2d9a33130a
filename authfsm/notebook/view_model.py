"""What a notebook shows of one moment of a sign-in: the page's view model, and `Moment`, a picture that needs no widgets.

The view model has plain values without secrets, and is saved with the notebook.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from attrs import evolve, field, frozen

from authfsm.core.history import History
from authfsm.core.signin import SignIn
from authfsm.diagrams import AUTO, Diagram, NoEngine, diagram
from authfsm.diagrams.page_svg import page_svg
from authfsm.diagrams.vertices import group_of
from authfsm.local import LocalPool
from authfsm.local.config.lambda_functions import TRIGGER_FIELDS
from authfsm.notebook import answers
from authfsm.notebook.recording import SignInRecording, WireExchange, masked
from authfsm.notebook.value_repr import picture_bundle, token_rows
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
_LONGEST_FACT: Final = 600  # characters, enough for a question
_NOT_FACTS: Final = {
    *("SALT", "SRP_B", "SECRET_BLOCK", "CREDENTIAL_REQUEST_OPTIONS"),
    *("userAttributes", "requiredAttributes"),
}
"""Parameters that are long and do not help a reader, or are part of the form; the panel of requests has all of them."""


def view_model(recording: SignInRecording, settings: PoolSettings | None) -> dict[str, Any]:
    """Return all that the page shows of the present moment; `stepper.js` draws it."""
    flow, pending = recording.flow, recording.pending
    prompts = () if pending is not None else answers.prompts_for(flow)
    request, when = _preview(recording, prompts)
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
        "buttons": _buttons(recording, prompts),
        "forms": [each.to_json() for each in prompts],
        "actions": [
            {"name": name, "label": each.label, "response": each.response and each.response.trigger}
            for name, each in answers.offered_actions(recording).items()
        ],
        "has_debug_secrets": answers.debug_secrets(recording) is not None,
        "picture": widget_svg(path_diagram(flow.signin.flow or recording.auth_flow, flow.history, settings)),
        "panels": {
            "wire": _wire(recording, request, when),
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


def _preview(recording: SignInRecording, prompts: tuple[Prompt, ...]) -> tuple[WireExchange | None, str]:
    """Return the request that is sent next (None if it is not known), and when it is sent."""
    if (preview := recording.preview) is not None:
        return preview, "about to be sent"
    try:
        sample = answers.sample_response(prompts[0]) if prompts else None
        request = None if sample is None else recording.request_of(sample)
    except AuthfsmError:
        return None, ""
    return request, "sent with your answer"


def _buttons(recording: SignInRecording, prompts: tuple[Prompt, ...]) -> dict[str, dict[str, Any]]:
    """Return for each button whether it is enabled, and what it does or why it is disabled."""
    pending, ended = recording.pending, "The sign-in has ended" if recording.flow.done else ""
    has_begun = bool(recording.flow.history or recording.steps)
    required = "User input is required" + (": answer below" if prompts else "")
    input_needed = "" if pending else ended or required
    unknown = "" if pending or answers.known_answer(recording) else ended or "Only a person knows this answer"
    buttons = {  # what each button does, and why it is disabled: "" if it is enabled
        "back": ("Take one step back", (recording.why_back_impossible or "").capitalize()),
        "step": (f"Send {pending.trigger}, and show the reply" if pending else "", input_needed),
        "run": ("Step until user input is required", input_needed),
        "play": ("Take all steps, and send the answers that are known", unknown),
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


def _facts(recording: SignInRecording) -> list[list[str]]:
    """Return the public parameters of the challenge, or facts about the tokens."""
    flow = recording.flow
    if flow.tokens is not None:
        return [list(row) for row in token_rows(flow.tokens)]
    if flow.challenge is None:
        return []
    # A Lambda function may repeat an answer in the public parameters, so the secrets of all answers are masked.
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


def _wire(recording: SignInRecording, sample: WireExchange | None, when: str) -> list[dict[str, Any]]:
    """Return rows for the request that is sent next, if it is known, and for the last steps, the newest first."""
    rows = [] if sample is None else [_exchange(when, sample.operation, "due", request=sample.request)]
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
    """Yield each state that may come next, except FAILED, with its conditions and, if settings rule it out, why.

    With a response, yield only the states to which it may lead.
    """
    role = signin.role if signin.state is State.EMAIL_OTP else None
    for accepted in signin.accepts if response is None else (type(response),):
        for target in targets(signin.state, accepted, role):
            if target.node.state is State.FAILED:
                continue
            transition = Transition(signin.state, accepted, target.node.state, target.kind)
            to_role = target.node.role or role
            yield {
                "response": accepted.trigger,
                "name": target.node.name,
                "conditions": list(dict.fromkeys(each.when for each in target.evidence if each.when)),
                "ruled_out": None if settings is None else settings.ruled_out(transition, to_role),
                "lambda_only": settings is not None and settings.lambda_only(transition, to_role),
            }


def settings_of(pool: LocalPool) -> PoolSettings:
    """Return the settings of a local pool. Its descriptions lack its Lambda functions, which have no ARN: add them."""
    settings = PoolSettings.describe(pool.client(), pool.pool_id, pool.client_id)
    triggers = pool.configuration.triggers
    present = {name for name, field in TRIGGER_FIELDS.items() if getattr(triggers, field, None)}
    return evolve(settings, lambda_config=frozenset({*(settings.lambda_config or ()), *present}))


@frozen
class Moment:
    """The state of a sign-in at one moment; a notebook shows it as the diagram of the sign-in's path.

    It contains no secrets, and GitHub, nbviewer and nbconvert show it as they show any picture. `state`, `history`,
    `username` and `flow` (the AuthFlow) are those of the sign-in; `exchanges` and `error` are those of its last step.
    `settings` are the pool's, or None if they are unknown.
    """

    state: State
    history: History = field(repr=False)
    exchanges: tuple[WireExchange, ...] = field(repr=False)  # secrets are masked
    error: AuthfsmError | None
    username: str
    flow: str
    settings: PoolSettings | None = field(default=None, repr=False)

    @classmethod
    def of(cls, recording: SignInRecording, settings: PoolSettings | None) -> Moment:
        """Return the present moment of a recorded sign-in."""
        flow, last = recording.flow, recording.steps[-1] if recording.steps else None
        exchanges, error = (last.exchanges, last.error) if last else ((), None)
        name = flow.signin.flow or recording.auth_flow
        return cls(flow.state, flow.history, exchanges, error, recording.username, name, settings)

    def __str__(self) -> str:
        steps = f"{len(self.history)} step{'' if len(self.history) == 1 else 's'}"
        position = f"{self.username} by {self.flow}: {self.state} after {steps}."
        refusal = "" if self.error is None else f"\nRefused: {self.error}"
        return f"{position} {self.state.meaning}{refusal}"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return picture_bundle(path_diagram(self.flow, self.history, self.settings), str(self))


def path_diagram(flow: str, history: History, settings: PoolSettings | None) -> Diagram:
    """Return the diagram of a flow with the path so far, without what the pool's settings rule out."""
    drawn = diagram(flow=flow, history=history, settings=settings, theme=AUTO)
    # The panels beside the diagram say what may come next, so the diagram needs no notes.
    return evolve(drawn, model=evolve(drawn.model, omitted=(), notes=()))


def widget_svg(drawn: Diagram) -> str | None:
    """Return the SVG of a diagram for the widget; None if no layout engine is installed."""
    try:
        text, _ = page_svg(drawn)
    except NoEngine:
        return None
    # A page may have several steppers, but ids must be unique on a page.
    return text.replace('id="picture" ', "", 1).replace('id="graph0" ', "", 1)
