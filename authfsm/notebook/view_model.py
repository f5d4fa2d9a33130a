"""The scene: all that the page shows of one moment, as plain values. No secret is in it, for it is saved with the notebook."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from authfsm.diagrams.vertices import group_of
from authfsm.notebook import panels
from authfsm.notebook.debug_secrets import NOTHING, aside
from authfsm.notebook.forms import forms, sample
from authfsm.notebook.next_steps import next_steps
from authfsm.notebook.picture import drawn, within
from authfsm.notebook.recording import SignInRecording
from authfsm.notebook.wire import WireExchange, masked
from authfsm.protocol.errors import AuthfsmError
from authfsm.protocol.forms import Prompt
from authfsm.protocol.nodes import node_of
from authfsm.reference.request_shapes import parse_docstring
from authfsm.settings import PoolSettings


def view_model(tape: SignInRecording, settings: PoolSettings | None) -> dict[str, Any]:
    """All that is shown of a tape's present moment.

    Args:
        tape: the tape.
        settings: the pool's, if they are known.
    """
    flow, pending = tape.flow, tape.pending
    asked = () if pending is not None else forms(flow)
    due, when = _due(tape, asked)
    return {
        "who": tape.username,
        "flow": tape.auth_flow,
        "state": flow.state.value,
        "group": group_of(node_of(flow.state, flow.signin.role)).value,
        "meaning": flow.state.meaning,
        "steps": len(flow.history),
        "refused": _refused(tape),
        "next": _next(tape),
        "facts": _facts(tape),
        "buttons": _buttons(tape, asked),
        "forms": [_form(each) for each in asked],
        "aside": aside(tape, "authfsm") is not NOTHING,
        "picture": within(drawn(tape.auth_flow, flow.history, settings)),
        "panels": {
            "wire": panels.wire(tape, due, when),
            "history": panels.history(flow.history),
            "what_if": panels.what_if(
                next_steps(flow.signin, settings, pending), settings_known=settings is not None
            ),
        },
    }


def _next(tape: SignInRecording) -> dict[str, str] | None:
    """The step that needs no person, in words."""
    pending, preview = tape.pending, tape.preview
    if pending is None or preview is None:
        return None
    about = parse_docstring(type(pending)).summary
    return {"trigger": pending.trigger, "operation": preview.operation, "about": about}


def _due(tape: SignInRecording, asked: tuple[Prompt, ...]) -> tuple[WireExchange | None, str]:
    """The request about to be sent, and when."""
    if tape.preview is not None:
        return tape.preview, "about to be sent"
    try:
        like = sample(asked[0]) if asked else None
        return (None if like is None else tape.request_of(like)), "sent with your answer"
    except AuthfsmError:
        return None, ""


_WIDGETS: Final = {
    "code": "code",
    "choice": "choice",
    "password": "secret",
    "lines": "lines",
    "credential": "lines",
}
"""What `stepper.js` makes of a kind of field; a line of text of any other."""


def _form(prompt: Prompt) -> dict[str, Any]:
    fields = [
        {
            "name": each.name,
            "label": each.label,
            "kind": _WIDGETS.get(each.kind, "text"),
            "choices": [list(choice) for choice in each.choices],
            "needed": each.required,
        }
        for each in prompt.fields
    ]
    return {
        "says": prompt.explanation,
        "button": prompt.label,
        "trigger": prompt.trigger,
        "fields": fields,
    }


def _buttons(tape: SignInRecording, asked: tuple[Prompt, ...]) -> dict[str, dict[str, Any]]:
    """Each button: can it be pressed, and what it would do, or why not."""
    flow, pending = tape.flow, tape.pending
    if pending is not None:
        step = {"on": True, "why": f"Give {pending.trigger}, and hear the reply"}
        run = {"on": True, "why": "Step on until a person is needed"}
    else:
        why = "The sign-in has ended" if flow.done else "A person is needed"
        why += ": answer below" if asked else ""
        step = run = {"on": False, "why": why}
    no_way = tape.no_way_back
    begun = bool(flow.history or tape.frames)
    return {
        "back": {
            "on": no_way is None,
            "why": "One step back" if no_way is None else _begun(no_way),
        },
        "step": step,
        "run": run,
        "restart": {"on": begun, "why": "From the beginning" if begun else "This is the beginning"},
    }


def _begun(words: str) -> str:
    return words[:1].upper() + words[1:]


def _refused(tape: SignInRecording) -> dict[str, str] | None:
    """How the last step was refused, and what to do."""
    error = tape.frames[-1].error if tape.frames else None
    if error is None:
        return None
    refusal = getattr(error, "refusal", None)
    return {
        "code": refusal.code if refusal else type(error).__name__,
        "said": refusal.message if refusal else str(error),
        "advice": error.action.advice if error.action else "",
        "fault": str(error.fault),
    }


def _facts(tape: SignInRecording) -> list[list[str]]:
    """What the challenge, or the tokens, tell beside what is asked."""
    flow = tape.flow
    if (tokens := flow.tokens) is not None:
        there = [name for name in ("access", "id", "refresh") if getattr(tokens, f"{name}_token")]
        facts = [["tokens", ", ".join(there)], ["user", tokens.username or "not told"]]
        if tokens.expires_at is not None:
            facts.append(["access until", f"{tokens.expires_at:%Y-%m-%d %H:%M:%S %Z}"])
        if tokens.new_device is not None:
            facts.append(["new device", tokens.new_device.device_key])
        return facts
    if flow.challenge is None:
        return []
    # A Lambda function may repeat in public what it was answered.
    hidden = frozenset(each.reveal() for frame in tape.frames for each in frame.hidden)
    told: Mapping[str, Any] = masked(flow.challenge.parameters, "", hidden, _LONGEST)
    facts = [
        [name, str(value)]
        for name, value in told.items()
        if name not in _UNTOLD and value not in {"", tape.username}
    ]
    if flow.challenge.available:
        facts.append(["AvailableChallenges", ", ".join(flow.challenge.available)])
    return facts


_LONGEST: Final = 600
"""Characters of a fact that are shown: enough for a question."""

# Long and of no use to a reader, or told by the form; the wire has them all.
_UNTOLD = {
    "SALT",
    "SRP_B",
    "SECRET_BLOCK",
    "CREDENTIAL_REQUEST_OPTIONS",
    "userAttributes",
    "requiredAttributes",
}
