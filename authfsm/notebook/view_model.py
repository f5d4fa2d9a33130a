"""The view model: all that the page shows of one moment, as plain values without secrets, saved with the notebook.

The panels below the diagram are HTML, all text escaped; no panel but that of SRP shows secrets.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from typing import Any, Final

from attrs import evolve, frozen

from authfsm.core.history import History
from authfsm.core.signin import SignIn
from authfsm.diagrams.vertices import group_of
from authfsm.drivers.boto import Flow
from authfsm.local import LocalPool
from authfsm.notebook.debug_secrets import SrpValue, debug_secrets
from authfsm.notebook.moment import path_diagram, widget_svg
from authfsm.notebook.recording import RecordedStep, SignInRecording, WireExchange, masked
from authfsm.notebook.value_repr import token_rows
from authfsm.protocol.errors import AuthfsmError
from authfsm.protocol.forms import SRP_RESPONSES, Prompt
from authfsm.protocol.nodes import Node, node_of
from authfsm.protocol.prompts import form_for
from authfsm.protocol.responses import Response, SrpA
from authfsm.protocol.states import State
from authfsm.protocol.table import Transition
from authfsm.reference import about_state
from authfsm.reference.about import targets
from authfsm.reference.request_shapes import parse_docstring
from authfsm.settings import PoolSettings

_SHOWN_STEPS: Final = 12


def view_model(recording: SignInRecording, settings: PoolSettings | None) -> dict[str, Any]:
    """Return all that the page shows of the present moment; `stepper.js` draws it."""
    flow, pending = recording.flow, recording.pending
    asked = () if pending is not None else prompts_for(flow)
    due, when = _due(recording, asked)
    steps = next_steps(flow.signin, settings, pending)
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
            "wire": _wire_panel(recording, due, when),
            "history": _history_panel(flow.history),
            "what_if": _what_if_panel(steps, settings_known=settings is not None),
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
    why = recording.why_no_back or "take one step back"
    back = _button(why[0].upper() + why[1:], enabled=recording.why_no_back is None)
    has_begun = bool(flow.history or recording.steps)
    restart = _button("Begin again" if has_begun else "This is the beginning", enabled=has_begun)
    return {"back": back, "step": step, "run": run, "restart": restart}


def _button(hint: str, *, enabled: bool = True) -> dict[str, Any]:
    return {"enabled": enabled, "hint": hint}


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


def _table(head: Iterable[str], rows: Iterable[str]) -> str:
    heads = "".join(f"<th scope=col>{escape(each)}</th>" for each in head)
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _list(title: str, items: Iterable[str]) -> str:
    return f"<p><b>{escape(title)}</b></p><ul>{''.join(f'<li>{escape(each)}</li>' for each in items)}</ul>"


def _codes(names: Iterable[str]) -> str:
    return ", ".join(f"<code>{escape(name)}</code>" for name in names)


def _wire_panel(recording: SignInRecording, due: WireExchange | None, when: str) -> str:
    """Return the request that is sent next, if it is known, and those sent so far, the newest first."""
    parts = []
    if due is not None:
        parts.append(_exchange(when, due.operation, [("request", due.request)], "due"))
    steps = list(recording.steps)
    for step in reversed(steps[-_SHOWN_STEPS:]):
        parts += _exchanges(step, "latest" if step is steps[-1] else "")
    if len(steps) > _SHOWN_STEPS:
        parts.append(f"<p class=quiet>and {len(steps) - _SHOWN_STEPS} earlier steps.</p>")
    return "".join(parts) or "<p class=quiet>Nothing was sent yet.</p>"


def _exchanges(step: RecordedStep, kind: str) -> Iterator[str]:
    if not step.exchanges:
        reason = escape(str(step.error)) if step.error else "no request was made"
        yield f"<p><b>step {step.number}</b>: {reason}</p>"
    for each in reversed(step.exchanges):
        reply = each.reply or {"": "no reply"}
        messages = [("request", each.request), ("reply", reply)]
        yield _exchange(f"step {step.number}", each.operation, messages, kind)


def _exchange(title: str, operation: str, messages: list[tuple[str, Mapping[str, Any]]], kind: str) -> str:
    texts = [
        (name, escape(json.dumps(members, indent=2, ensure_ascii=False, default=str)))
        for name, members in messages
    ]
    columns = "".join(f"<div><h4>{name}</h4><pre>{text}</pre></div>" for name, text in texts)
    return (
        f'<details class="exchange {kind}"{" open" if kind else ""}><summary><b>{escape(title)}</b> '
        f"<code>{escape(operation)}</code></summary><div class=sides>{columns}</div></details>"
    )


def _history_panel(steps: History) -> str:
    """Return the steps as a table."""
    rows = []
    for step in steps:
        role = f" <span class=quiet>{escape(step.role)}</span>" if step.role else ""
        refusal = ""
        if step.error and step.action:
            refusal = f"<b class=warning>{escape(step.error)}</b> {escape(step.action.advice)}"
        time = f"{step.at:%H:%M:%S}" if step.at else ""
        rows.append(
            f"<tr><td>{step.number}</td><td>{time}</td><td><code>{step.source}</code></td>"
            f"<td><code>{step.response.trigger}</code></td><td><code>{step.dest}</code>{role}</td>"
            f"<td>{refusal}</td></tr>"
        )
    if not rows:
        return "<p class=quiet>No step was taken yet.</p>"
    return _table(("step", "at", "state", "response", "led to", "refusal"), rows)


@frozen
class NextStep:
    """A state that the next step may lead to: on which conditions, or why it never does."""

    response: type[Response]
    dest: State
    name: str
    conditions: tuple[str, ...]
    ruled_out: str | None
    lambda_only: bool


def next_steps(
    signin: SignIn, settings: PoolSettings | None = None, response: Response | None = None
) -> Iterator[NextStep]:
    """Yield the states that may come next, perhaps by one response; without FAILED."""
    role = signin.role if signin.state is State.EMAIL_OTP else None
    for accepted in signin.accepts if response is None else (type(response),):
        for target in targets(signin.state, accepted, role):
            if target.to is State.FAILED:
                continue
            arrow = Transition(signin.state, accepted, target.to, target.kind)
            arrow_role = target.role or role
            yield NextStep(
                accepted,
                target.to,
                target.name,
                tuple(dict.fromkeys(each.when for each in target.known if each.when)),
                None if settings is None else settings.ruled_out(arrow, arrow_role),
                settings is not None and settings.named_only(arrow, arrow_role),
            )


def settings_of(pool: LocalPool) -> PoolSettings:
    """Return the settings of a local pool, with its Lambda functions, which a description would name by ARN."""
    settings = PoolSettings.describe(pool.client(), pool.pool_id, pool.client_id)
    triggers = pool.configuration.triggers
    present = [name for name, field in _TRIGGER_NAMES.items() if getattr(triggers, field, None)]
    return evolve(settings, lambda_config=frozenset({*(settings.lambda_config or ()), *present}))


_TRIGGER_NAMES: Final = {
    "DefineAuthChallenge": "define",
    "CreateAuthChallenge": "create",
    "VerifyAuthChallengeResponse": "verify",
}


def _what_if_panel(steps: Iterable[NextStep], *, settings_known: bool) -> str:
    """Return what may come next as a table, what the pool rules out last."""
    ordered = sorted(steps, key=lambda each: each.ruled_out is not None)
    if not ordered:
        return "<p class=quiet>The sign-in has ended.</p>"
    rows = [_next_row(each) for each in ordered if not each.lambda_only]
    by_lambda: dict[str, list[str]] = {}
    for each in ordered:
        if each.lambda_only:
            by_lambda.setdefault(each.response.trigger, []).append(each.name)
    rows += [
        f"<tr><td><code>{trigger}</code></td>"
        f"<td colspan=2>only if a Lambda function names it: {_codes(names)}</td></tr>"
        for trigger, names in by_lambda.items()
    ]
    note = "Under this pool's own settings."
    if not settings_known:
        note = "The pool's settings are not known here: create the stepper with settings=PoolSettings.describe(...)."
    head = ("response", "may lead to", "if one of these holds")
    return f"<p class=quiet>{escape(note)}</p>{_table(head, rows)}"


def _next_row(step: NextStep) -> str:
    conditions = "".join(f"<li>{escape(each)}</li>" for each in step.conditions)
    text = f"<ul>{conditions}</ul>" if conditions else "<span class=quiet>always possible</span>"
    kind = ""
    if step.ruled_out is not None:
        kind, text = ' class="ruled-out"', f"<b>not in this pool:</b> {escape(step.ruled_out)}"
    return (
        f"<tr{kind}><td><code>{step.response.trigger}</code></td>"
        f"<td><code>{escape(step.name)}</code></td><td>{text}</td></tr>"
    )


def srp_panel(values: Iterable[SrpValue]) -> str:
    """Return SRP's values as a table."""
    rows = [
        f"<tr><td><var>{escape(each.name)}</var></td><td><code>{escape(each.shortened)}</code></td>"
        f"<td>{escape(each.formula)}</td></tr>"
        for each in values
    ]
    if not rows:
        return (
            "<p class=quiet>SRP's values exist while a proof is due: in PASSWORD_VERIFIER and "
            "DEVICE_PASSWORD_VERIFIER, before the step.</p>"
        )
    return _table(("name", "value", "formula"), rows)


def about_panel(node: Node) -> str:
    """Return the facts about a state."""
    facts = about_state(node.state, node.role)
    parts = [f"<h3><code>{escape(facts.name)}</code></h3><p>{escape(node.state.meaning)}</p>"]
    if facts.limits:
        parts.append(_list("Not reached where", facts.limits))
    if facts.carries:
        texts = (f"{each.name}: {each.about or each.value or ''}" for each in facts.carries)
        parts.append(_list("Carries", (text.rstrip(": ") for text in texts)))
    for accepted in facts.takes:
        names = ", ".join(each.name for each in accepted.targets if each.to is not State.FAILED)
        parts.append(
            f"<p><b>accepts</b> <code>{accepted.response.trigger}</code>"
            f"{escape(f' ({accepted.needs})') if accepted.needs else ''},"
            f" which leads to {escape(names) or 'no other state'}.</p>"
        )
    if sources := dict.fromkeys(each.name for each in facts.sources):
        parts.append(f"<p><b>comes from</b> {escape(', '.join(sources))}.</p>")
    return "".join(parts)
