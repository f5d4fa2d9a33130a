"""How values look in a notebook: a sign-in as a diagram of its path, a history and a challenge as tables.

A terminal shows text; a notebook shows SVG or HTML in its own colours. No secret is shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatch
from html import escape
from itertools import zip_longest
from typing import Final, TypeAlias

from authfsm.core.history import History
from authfsm.core.signin import SignIn
from authfsm.diagrams import AUTO, Diagram, diagram
from authfsm.drivers.base_flow import BaseFlow
from authfsm.local import LocalPool
from authfsm.protocol.replies import Challenge, Refusal, Tokens
from authfsm.protocol.table import PROTOCOL
from authfsm.settings import PoolSettings

Rows: TypeAlias = list[tuple[str, ...]]

_HIDDEN: Final = {"SECRET_BLOCK", "CREDENTIAL_REQUEST_OPTIONS"}  # secret, or too long to read
_LONGEST: Final = 60
_TABLE: Final = "border-collapse:collapse;color:inherit;background:none"
_CELL: Final = "text-align:left;padding:2px 12px 2px 0;border:0;vertical-align:top;background:none"


@singledispatch
def mime_bundle(value: object) -> dict[str, str]:
    """Return texts and pictures of a value by MIME type; by default only its repr."""
    return {"text/plain": repr(value)}


@mime_bundle.register
def _(history: History) -> dict[str, str]:
    rows: Rows = []
    for step in history:
        role = f" ({step.role})" if step.role else ""
        refusal = f"{step.error}: {step.action}" if step.error else ""
        rows.append((str(step.number), step.source, step.response.trigger, f"{step.dest}{role}", refusal))
    return _table("history", rows, head=("", "state", "response", "led to", "refusal"))


@mime_bundle.register(SignIn)
@mime_bundle.register(BaseFlow)
def _(signin: SignIn | BaseFlow) -> dict[str, str]:
    text = repr(signin)
    if signin.history:
        states = [signin.history[0].source, *(step.dest for step in signin.history)]
        pairs = zip(states, ["", *states], strict=False)
        text += "\n" + " > ".join(state for state, before in pairs if state != before)
    return picture_bundle(diagram(history=signin.history, theme=AUTO), text)


@mime_bundle.register
def _(challenge: Challenge) -> dict[str, str]:
    accepts = ", ".join(sorted(response.trigger for response in PROTOCOL[challenge.state]))
    rows: Rows = [("meaning", challenge.state.meaning), ("accepts", accepts)]
    for name, value in challenge.parameters.items():
        if name not in _HIDDEN:
            beginning = f"{value[: _LONGEST - 20]}... ({len(value)} characters)"
            rows.append((name, beginning if len(value) > _LONGEST else value))
    if challenge.available:
        rows.append(("AvailableChallenges", ", ".join(challenge.available)))
    return _table(challenge.name, rows)


@mime_bundle.register
def _(tokens: Tokens) -> dict[str, str]:
    return _table("AUTHENTICATED", token_rows(tokens))


def token_rows(tokens: Tokens) -> Rows:
    """Return facts about tokens, without the tokens."""
    present = [name for name in ("access", "id", "refresh") if getattr(tokens, f"{name}_token")]
    rows: Rows = [("tokens", ", ".join(present)), ("user", tokens.username or "unknown")]
    if tokens.expires_at is not None:
        rows.append(("access until", f"{tokens.expires_at:%Y-%m-%d %H:%M:%S %Z}"))
    if tokens.new_device is not None:
        rows.append(("new device", tokens.new_device.device_key))
    return rows


@mime_bundle.register
def _(refusal: Refusal) -> dict[str, str]:
    action = refusal.action.advice
    return _table(refusal.code, [("message", refusal.message), ("fault", refusal.fault), ("action", action)])


@mime_bundle.register
def _(settings: PoolSettings) -> dict[str, str]:
    return picture_bundle(diagram(settings=settings, theme=AUTO), repr(settings))


@mime_bundle.register
def _(pool: LocalPool) -> dict[str, str]:
    mfa = pool.configuration.mfa
    methods = "" if mfa == "OFF" else f": {', '.join(pool.configuration.mfa_methods)}"
    messages = len(list(pool.outbox))
    rows: Rows = [
        ("client", pool.client_id),
        ("MFA", f"{mfa}{methods}"),
        ("flows", ", ".join(sorted(pool.app_client.explicit_auth_flows))),
        ("users", str(len(pool._core.users))),  # noqa: SLF001 - same package
        ("outbox", f"{messages} message{'' if messages == 1 else 's'}"),
    ]
    return _table(pool.pool_id, rows)


def picture_bundle(drawn: Diagram, text: str) -> dict[str, str]:
    """Return a diagram and a text by MIME type; only the text if no layout engine is installed."""
    svg = drawn._repr_svg_()
    return {"text/plain": text} if svg is None else {"image/svg+xml": svg, "text/plain": text}


def _table(title: str, rows: Rows, head: tuple[str, ...] = ()) -> dict[str, str]:
    """Return a table in HTML and in plain text; without a head, the first cell of each row is the row's head."""
    caption = f'<caption style="text-align:left;font-weight:bold;color:inherit">{escape(title)}</caption>'
    html = [_html_row(head, ["th"] * len(head))] if head else []
    html += [_html_row(row, ["td" if head else "th"] + ["td"] * (len(row) - 1)) for row in rows]
    lines = [head, *rows] if head else rows
    widths = [max(map(len, column)) for column in zip_longest(*lines, fillvalue="")]
    text = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=False)).rstrip() for line in lines]
    return {
        "text/html": f'<table style="{_TABLE}">{caption}{"".join(html)}</table>',
        "text/plain": "\n".join([title, *(f"  {line}" for line in text)]),
    }


def _html_row(cells: Sequence[str], tags: Sequence[str]) -> str:
    scope = " scope=row" if "td" in tags else ""
    texts = [
        f'<{tag} style="{_CELL}"{scope if tag == "th" else ""}>{escape(cell)}</{tag}>'
        for cell, tag in zip(cells, tags, strict=True)
    ]
    return f"<tr>{''.join(texts)}</tr>"
