"""What is to be done when an attempt has ended: the rulings, each with the error codes that bring it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Final

from authfsm.diagrams.themes import Theme
from authfsm.protocol.error_policy import RULINGS, Ruling

CODES: Final = 3
"""As many error codes stand in a row; more take more rows."""


def codes(ruling: Ruling) -> tuple[str, ...]:
    """The error codes that bring a ruling, whatever their message."""
    return tuple(
        code
        for code, messages in RULINGS.items()
        if any(row.ruling is ruling for row in messages.values())
    )


def advice(name: str, theme: Theme, labels: Mapping[str, str]) -> str:
    """A table of rulings, as one of Graphviz's HTML-like labels.

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
    for ruling in Ruling:
        if ruling.survives:
            continue
        told = escape(labels.get(ruling.advice, ruling.advice))
        every = codes(ruling)
        parts = [", ".join(every[at : at + CODES]) for at in range(0, len(every), CODES)]
        listed = '<br align="left"/>'.join([*parts, ""])
        yield (
            '<tr><td align="left" valign="top" balign="left"><font point-size="9">'
            f"{told}</font></td>"
            f'<td align="left" balign="left"><font point-size="8" color="{theme.quiet}">'
            f"{listed}</font></td></tr>"
        )
