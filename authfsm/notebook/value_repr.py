"""How each value looks in a notebook: a sign-in as the path it walked, a history and a challenge as tables.

Text for terminals, SVG or HTML for the rest; no file is written, no secret is shown, and the colours are
the notebook's own, light or dark.
"""

from __future__ import annotations

from functools import singledispatch

from authfsm.core.history import History, Step
from authfsm.core.signin import SignIn
from authfsm.diagrams import AUTO, Diagram, diagram
from authfsm.drivers.base_flow import BaseFlow
from authfsm.local import LocalPool
from authfsm.notebook.value_tables import Rows, html_table, text_table
from authfsm.protocol.replies import Challenge, Refusal, Tokens
from authfsm.protocol.table import PROTOCOL
from authfsm.settings import PoolSettings

Bundle = dict[str, str]
"""Texts by MIME type."""


@singledispatch
def mime_bundle(value: object) -> Bundle:
    """What a front end may choose from to show a value.

    Args:
        value: whatever is to be shown; its repr, if nothing better is known.
    """
    return {"text/plain": repr(value)}


@mime_bundle.register
def _(history: History) -> Bundle:
    rows = [_step(step) for step in history]
    return _tabled("history", [("", "in", "given", "led to", "refused")], rows)


def _step(step: Step) -> tuple[str, ...]:
    role = f" ({step.role})" if step.role else ""
    refused = f"{step.error}: {step.action}" if step.error else ""
    return (str(step.number), step.source, step.response.trigger, f"{step.dest}{role}", refused)


@mime_bundle.register(SignIn)
@mime_bundle.register(BaseFlow)
def _(walked: SignIn | BaseFlow) -> Bundle:
    told = "\n".join([repr(walked), *_path(walked)])
    return _drawn(diagram(history=walked.history, theme=AUTO), told)


def _drawn(picture: Diagram, told: str) -> Bundle:
    """The picture, where an engine is, and the text."""
    svg = picture._repr_svg_()
    return {"text/plain": told} if svg is None else {"image/svg+xml": svg, "text/plain": told}


def _path(walked: SignIn | BaseFlow) -> list[str]:
    if not walked.history:
        return []
    names = [walked.history[0].source, *(step.dest for step in walked.history)]
    return [
        " > ".join(
            name for name, before in zip(names, ["", *names], strict=False) if name != before
        )
    ]


@mime_bundle.register
def _(asked: Challenge) -> Bundle:
    takes = ", ".join(sorted(response.trigger for response in PROTOCOL[asked.state]))
    rows: Rows = [("asks", asked.state.meaning), ("takes", takes)]
    rows += [
        (name, _short(value)) for name, value in asked.parameters.items() if name not in _HIDDEN
    ]
    if asked.available:
        rows.append(("AvailableChallenges", ", ".join(asked.available)))
    return _tabled(asked.name, [], rows)


@mime_bundle.register
def _(tokens: Tokens) -> Bundle:
    there = [name for name in ("access", "id", "refresh") if getattr(tokens, f"{name}_token")]
    rows: Rows = [("tokens", ", ".join(there)), ("user", tokens.username or "not told")]
    if tokens.expires_at is not None:
        rows.append(("access until", f"{tokens.expires_at:%Y-%m-%d %H:%M:%S %Z}"))
    if tokens.new_device is not None:
        rows.append(("new device", tokens.new_device.device_key))
    return _tabled("AUTHENTICATED", [], rows)


@mime_bundle.register
def _(refusal: Refusal) -> Bundle:
    rows: Rows = [
        ("said", refusal.message),
        ("fault", refusal.fault),
        ("do", refusal.action.advice),
    ]
    return _tabled(refusal.code, [], rows)


@mime_bundle.register
def _(settings: PoolSettings) -> Bundle:
    return _drawn(diagram(settings=settings, theme=AUTO), repr(settings))


@mime_bundle.register
def _(pool: LocalPool) -> Bundle:
    made = pool.configuration
    messages = len(list(pool.outbox))
    rows: Rows = [
        ("client", pool.client_id),
        ("MFA", f"{made.mfa}: {', '.join(made.mfa_methods)}" if made.mfa != "OFF" else "OFF"),
        ("flows", ", ".join(sorted(pool.app_client.explicit_auth_flows))),
        ("users", str(len(pool._core.users))),  # noqa: SLF001 - a pool of our own house
        ("outbox", f"{messages} message{'' if messages == 1 else 's'}"),
    ]
    return _tabled(pool.pool_id, [], rows)


# Secrets, or so long that nobody reads them.
_HIDDEN = {"SECRET_BLOCK", "CREDENTIAL_REQUEST_OPTIONS"}
_LONGEST = 60


def _short(value: str) -> str:
    return (
        value
        if len(value) <= _LONGEST
        else f"{value[: _LONGEST - 20]}... ({len(value)} characters)"
    )


def _tabled(title: str, head: Rows, rows: Rows) -> Bundle:
    return {
        "text/html": html_table(title, head, rows),
        "text/plain": text_table(title, head, rows),
    }
