"""What stands under a picture: what the outlines mean, and what is not drawn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from textwrap import wrap
from typing import Final

from authfsm.diagrams.model import DiagramModel, EdgeKind
from authfsm.diagrams.omissions import Reason
from authfsm.diagrams.places import StateGroup, group
from authfsm.diagrams.themes import Theme
from authfsm.protocol.nodes import Node

FEW: Final = 3
"""As many notes stand in one column; more stand in two."""
LONG: Final = 96
"""As many letters a note may have in a row."""
LETTER: Final = 4.3
"""What a letter takes, in points, more or less."""
BREAK: Final = '<br align="left"/>'
LEGEND: Final = (
    StateGroup.FIRST_FACTOR,
    StateGroup.SET_UP,
    StateGroup.SECOND_FACTOR,
    StateGroup.DEVICE,
)


LOOPS: Final = {
    EdgeKind.RETRY: "Loop with a filled head: the answer was refused, and another may be given.",
    EdgeKind.RESTART: "Loop with an empty head: the same answer is sent again, without an unknown device key.",
    EdgeKind.NEW_CHALLENGE: "Loop named (new challenge): another challenge of the same name came.",
    EdgeKind.ACKNOWLEDGEMENT: "Other responses named in a state: accepted, and the state stays the same.",
}
"""What is said of each kind of self-loop that a picture has."""


def notes(model: DiagramModel) -> Iterator[str]:
    """What a picture says in words."""
    yield from model.said
    if model.walked:
        yield "Numbered: the steps that were taken. Filled and framed: where it stands."
    if model.traffic is not None:
        yield f"Width and numbers: how often, in {model.traffic:,} sign-ins."
    kinds = {edge.kind for edge in model.edges}
    yield from (told for kind, told in LOOPS.items() if kind in kinds)
    if any(edge.thin for edge in model.edges):
        yield "† and dashed: known only by inference, or contradicted by another source."
    for each in model.left_out:
        if not (each.reason is Reason.SETTINGS and model.said):  # then it has been said, and why
            yield each.reason.caption


def caption(model: DiagramModel, theme: Theme, labels: Mapping[str, str]) -> str:
    """The text under a picture, as one of Graphviz's HTML-like labels."""
    groups = {group(node) for node in model.nodes if isinstance(node, Node)}
    legend: dict[StateGroup, str] = {g: labels.get(g, g) for g in LEGEND if g in groups}
    told = list(notes(model))
    if len({theme.groups[each].fill for each in LEGEND}) == 1:
        told[:0] = [_outlines(legend, theme)] if legend else []
        legend = {}
    said = [_wrapped(labels.get(note, note)) for note in told]
    half = len(said) if len(said) <= FEW else (len(said) + 1) // 2
    columns = (_column(said[:half]), "<td>&#160;&#160;&#160;</td>", _column(said[half:]))
    rows = f"<tr>{''.join(columns)}</tr>" if said else ""
    if legend:
        widest = max((len(row) for note in said[:half] for row in note.split(BREAK)), default=0)
        swatches = _swatches(legend, theme, int(LETTER * widest))
        rows = f'<tr><td align="left">{swatches}</td></tr>{rows}'
    space = '<tr><td height="10" colspan="3"></td></tr>'
    return (
        f'<<table border="0" cellborder="0" cellspacing="0" cellpadding="1">{space}{rows}</table>>'
    )


def _swatches(legend: Mapping[StateGroup, str], theme: Theme, width: int) -> str:
    """What the colours mean. What fills the row keeps them from being drawn as wide as it is."""
    cells = "".join(
        f'<td border="1" color="{theme.groups[group].line}" bgcolor="{theme.groups[group].fill}">'
        f'<font color="{theme.ink}">&#160;{escape(name)}&#160;</font></td><td>&#160;</td>'
        for group, name in legend.items()
    )
    rest = width - sum(LETTER * (len(name) + 4) for name in legend.values())
    filler = f'<td width="{rest:.0f}"></td>' if rest > 0 else ""
    return f'<table border="0" cellborder="0" cellspacing="0"><tr>{cells}{filler}</tr></table>'


def _outlines(legend: Mapping[StateGroup, str], theme: Theme) -> str:
    """What the outlines mean, where there are no colours."""
    words = {"rounded": "Rounded", "note": "Folded corner", "component": "Plugs"}
    told = ((theme.groups[group], name) for group, name in legend.items())
    return " ".join(
        f"{words.get(paint.style) or words.get(paint.shape, 'Square')}: {name}."
        for paint, name in told
    )


def _column(said: list[str]) -> str:
    """Notes one below the other."""
    if not said:
        return "<td></td>"
    return f'<td align="left" valign="top" balign="left">{BREAK.join([*said, ""])}</td>'


def _wrapped(note: str) -> str:
    """A note in rows that are not too long, as HTML."""
    return BREAK.join(escape(row) for row in wrap(note, LONG))
