"""What stands under the diagram, as HTML: the wire, the history, what may come next, what is known of a state.

Every text is escaped, and none of them is a secret.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any, Final

from authfsm.core.history import History
from authfsm.notebook.arithmetic import SrpValue
from authfsm.notebook.next_steps import NextStep
from authfsm.notebook.recording import RecordedStep, SignInRecording
from authfsm.notebook.wire import WireExchange
from authfsm.protocol.nodes import Node
from authfsm.protocol.states import State
from authfsm.reference import about_state

SEEN: Final = 12
"""Steps whose exchanges are shown, the newest first."""


def wire(tape: SignInRecording, due: WireExchange | None, when: str) -> str:
    """The request about to be sent, and what was sent and heard, the newest first.

    Args:
        tape: the sign-in.
        due: the request about to be sent, if it is known.
        when: when it would be.
    """
    parts = []
    if due is not None:
        parts.append(_exchange(when, due.operation, [("request", due.request)], "due"))
    frames = list(tape.frames)
    for frame in reversed(frames[-SEEN:]):
        parts += _told(frame, latest=frame is frames[-1])
    if len(frames) > SEEN:
        parts.append(f"<p class=quiet>and {len(frames) - SEEN} steps before.</p>")
    return "".join(parts) or "<p class=quiet>Nothing was sent yet.</p>"


def _told(frame: RecordedStep, *, latest: bool) -> Iterable[str]:
    number, kind = frame.number, "latest" if latest else ""
    if not frame.exchanges:
        why = escape(str(frame.error)) if frame.error else "no request was made"
        yield f"<p><b>step {number}</b>: {why}</p>"
    for each in reversed(frame.exchanges):
        sides = [("request", each.request)]
        sides.append(("reply", each.reply or {"": "none came"}))
        yield _exchange(f"step {number}", each.operation, sides, kind)


def _exchange(
    title: str, operation: str, sides: list[tuple[str, Mapping[str, Any]]], kind: str
) -> str:
    told = "".join(
        f"<div><h4>{name}</h4><pre>{escape(json.dumps(said, indent=2, ensure_ascii=False, default=str))}</pre></div>"
        for name, said in sides
    )
    shown = " open" if kind else ""
    return (
        f'<details class="exchange {kind}"{shown}><summary><b>{escape(title)}</b> '
        f"<code>{escape(operation)}</code></summary><div class=sides>{told}</div></details>"
    )


def history(steps: History) -> str:
    """The steps, as a table.

    Args:
        steps: the history.
    """
    rows = []
    for step in steps:
        role = f" <span class=quiet>{escape(step.role)}</span>" if step.role else ""
        refused = (
            f"<b class=warning>{escape(step.error)}</b> {escape(step.action.advice)}"
            if step.error and step.action
            else ""
        )
        at = f"{step.at:%H:%M:%S}" if step.at else ""
        rows.append(
            f"<tr><td>{step.number}</td><td>{at}</td><td><code>{step.source}</code></td>"
            f"<td><code>{step.response.trigger}</code></td><td><code>{step.dest}</code>{role}</td><td>{refused}</td></tr>"
        )
    if not rows:
        return "<p class=quiet>No step was taken yet.</p>"
    return _table(("step", "at", "in", "given", "led to", "refused"), rows)


def what_if(seen: Iterable[NextStep], *, settings_known: bool) -> str:
    """Where it may go from here, and what each way depends on; last what this pool rules out.

    Args:
        seen: the destinations.
        settings_known: were the pool's settings asked?
    """
    ways = sorted(seen, key=lambda each: each.ruled_out is not None)
    if not ways:
        return "<p class=quiet>It ends here.</p>"
    rows = [_way(each) for each in ways if not each.named_only]
    named: dict[str, list[str]] = {}
    for each in ways:
        if each.named_only:
            named.setdefault(each.response.trigger, []).append(each.name)
    rows += [
        f"<tr class=named><td><code>{trigger}</code></td><td colspan=2>only where a Lambda function names it: "
        f"{', '.join(f'<code>{escape(name)}</code>' for name in names)}</td></tr>"
        for trigger, names in named.items()
    ]
    note = (
        "By this pool's own settings."
        if settings_known
        else "The pool's settings are not known here: give the stepper settings=PoolSettings.describe(...)."
    )
    return f"<p class=quiet>{escape(note)}</p>" + _table(
        ("given", "may lead to", "where any of these holds"), rows
    )


def _way(seen: NextStep) -> str:
    """A destination's row."""
    whens = "".join(f"<li>{escape(when)}</li>" for when in seen.when)
    depends = f"<ul>{whens}</ul>" if whens else "<span class=quiet>always possible</span>"
    kind = ""
    if seen.ruled_out is not None:
        kind, depends = " class=ruled", f"<b>not with this pool:</b> {escape(seen.ruled_out)}"
    return (
        f"<tr{kind}><td><code>{seen.response.trigger}</code></td>"
        f"<td><code>{escape(seen.name)}</code></td><td>{depends}</td></tr>"
    )


def srp(known: Iterable[SrpValue]) -> str:
    """SRP's values, shortened.

    Args:
        known: them.
    """
    rows = [
        f"<tr><td><var>{escape(each.name)}</var></td><td><code>{escape(each.shortened)}</code></td>"
        f"<td>{escape(each.formula)}</td></tr>"
        for each in known
    ]
    if not rows:
        return (
            "<p class=quiet>They are here while a proof is due: in PASSWORD_VERIFIER and "
            "DEVICE_PASSWORD_VERIFIER, before the step.</p>"
        )
    return _table(("name", "value", "how it comes about"), rows)


def about(place: Node) -> str:
    """What is known of a state.

    Args:
        place: the state, with its role.
    """
    known = about_state(place.state, place.role)
    parts = [f"<h3><code>{escape(known.name)}</code></h3><p>{escape(place.state.meaning)}</p>"]
    if known.limits:
        parts.append(_listed("Not reached where", known.limits))
    if known.carries:
        parts.append(
            _listed(
                "Carries",
                [
                    f"{each.name}: {each.about or each.value or ''}".rstrip(": ")
                    for each in known.carries
                ],
            )
        )
    for each in known.takes:
        ways = ", ".join(way.name for way in each.targets if way.to is not State.FAILED)
        parts.append(
            f"<p><b>takes</b> <code>{each.response.trigger}</code>"
            f"{escape(f' ({each.needs})') if each.needs else ''}, which leads to {escape(ways) or 'nowhere'}.</p>"
        )
    sources = dict.fromkeys(each.name for each in known.sources)
    if sources:
        parts.append(f"<p><b>comes from</b> {escape(', '.join(sources))}.</p>")
    return "".join(parts)


def _listed(title: str, told: Iterable[str]) -> str:
    return f"<p><b>{escape(title)}</b></p><ul>{''.join(f'<li>{escape(each)}</li>' for each in told)}</ul>"


def _table(head: Iterable[str], rows: Iterable[str]) -> str:
    heads = "".join(f"<th scope=col>{escape(each)}</th>" for each in head)
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
