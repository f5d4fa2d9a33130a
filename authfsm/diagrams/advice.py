"""What is to be done when an attempt has ended: the actions, each with the error codes that bring it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Final

from authfsm.diagrams.themes import Theme
from authfsm.protocol.error_policy import ERROR_POLICY, RecoveryAction

CODES: Final = 3
"""As many error codes stand in a row; more take more rows."""


def codes(action: RecoveryAction) -> tuple[str, ...]:
    """The error codes that bring an action, whatever their message."""
    return tuple(
        code
        for code, messages in ERROR_POLICY.items()
        if any(row.action is action for row in messages.values())
    )


def advice(name: str, theme: Theme, labels: Mapping[str, str]) -> str:
    """A table of actions, as one of Graphviz's HTML-like labels.

    Args:
        name: what stands above it.
        theme: how it looks.
        labels: other texts.
    """
    rows = "".join(_rows(theme, labels))
    return (
        '<<table border="0" cellborder="0" cellspacing="0" cellpadding="2">'
        f'<tr><td colspan="2"><b>{name}</b></td></tr>{rows}</table>>'
    )


def _rows(theme: Theme, labels: Mapping[str, str]) -> Iterator[str]:
    for action in RecoveryAction:
        if action.survives:
            continue
        told = escape(labels.get(action.advice, action.advice))
        every = codes(action)
        parts = [", ".join(every[at : at + CODES]) for at in range(0, len(every), CODES)]
        listed = '<br align="left"/>'.join([*parts, ""])
        yield (
            '<tr><td align="left" valign="top" balign="left"><font point-size="9">'
            f"{told}</font></td>"
            f'<td align="left" balign="left"><font point-size="8" color="{theme.quiet}">'
            f"{listed}</font></td></tr>"
        )
