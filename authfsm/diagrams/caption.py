"""What stands under a picture: what the outlines mean, and what is not drawn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from itertools import zip_longest
from typing import Final

from authfsm.diagrams.leaving import Reason
from authfsm.diagrams.model import Kind, Model
from authfsm.diagrams.places import Group, Place
from authfsm.diagrams.themes import Theme

FEW: Final = 3
"""As many notes stand in one column; more stand in two."""
LEGEND: Final = (Group.FIRST_FACTOR, Group.SET_UP, Group.SECOND_FACTOR, Group.DEVICE)


def notes(model: Model) -> Iterator[str]:
    """What a picture says in words."""
    yield from model.said
    if model.walked:
        yield "Numbered: the steps that were taken. Filled and framed: where it stands."
    if model.traffic is not None:
        yield f"Width and numbers: how often, in {model.traffic:,} sign-ins."
    if any(edge.kind is Kind.RETRY for edge in model.edges):
        yield "A small loop: the answer was refused, and can be given again."
    if any(edge.thin for edge in model.edges):
        yield "† and dashed: known only by inference, or contradicted by another source."
    for each in model.left_out:
        if not (each.reason is Reason.SETTINGS and model.said):  # then it has been said, and why
            yield each.reason.caption


def caption(model: Model, theme: Theme, labels: Mapping[str, str]) -> str:
    """The text under a picture, as one of Graphviz's HTML-like labels."""
    groups = {node.group for node in model.nodes if isinstance(node, Place)}
    legend = "".join(
        f'<td border="1" color="{theme.groups[each].line}" bgcolor="{theme.groups[each].fill}">'
        f'<font color="{theme.ink}">&#160;{escape(labels.get(each, each))}&#160;</font></td><td>&#160;</td>'
        for each in LEGEND
        if each in groups
    )
    said = [escape(labels.get(note, note)) for note in notes(model)]
    half = len(said) if len(said) <= FEW else (len(said) + 1) // 2
    cell = '<td align="left">{}</td>'
    rows = "".join(
        f"<tr>{cell.format(left)}<td>&#160;&#160;&#160;</td>{cell.format(right)}</tr>"
        for left, right in zip_longest(said[:half], said[half:], fillvalue="")
    )
    if legend:
        table = f'<table border="0" cellborder="0" cellspacing="0"><tr>{legend}</tr></table>'
        rows = f"<tr>{cell.format(table)}</tr>{rows}"
    space = '<tr><td height="10" colspan="3"></td></tr>'
    return (
        f'<<table border="0" cellborder="0" cellspacing="0" cellpadding="1">{space}{rows}</table>>'
    )
