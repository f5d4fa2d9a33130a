"""HTML-like labels of Graphviz: the caption below a diagram, and the advice in FAILED."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from textwrap import wrap
from typing import Final

from authfsm.diagrams import render
from authfsm.diagrams.model import MANY_NODES, DiagramModel, EdgeKind
from authfsm.diagrams.themes import Paint, Theme
from authfsm.diagrams.vertices import OmissionReason, StateGroup, group_of
from authfsm.protocol.account_table import RECOVERIES
from authfsm.protocol.error_policy import ERROR_POLICY, RecoveryAction
from authfsm.protocol.links import reference
from authfsm.protocol.nodes import Node

_NARROW: Final = 9  # a drawing of fewer nodes is narrow
_LONGEST_ROW, _LONGEST_NARROW_ROW, _LONGEST_WIDE_ROW = 64, 76, 86  # characters
_NARROW_SIZE: Final = 10  # points: the caption of a narrow drawing, which is never made smaller
_LONGEST_ADVICE, _LONGEST_CODES = 34, 100  # characters in a row
_BOLD_ROOM: Final = "&#160;" * 5  # bold text is wider than the engines measure it
_GAP: Final = "<td>&#160;&#160;&#160;&#160;</td>"
_BREAK: Final = '<br align="left"/>'
_LEGEND: Final = (StateGroup.FIRST_FACTOR, StateGroup.SET_UP, StateGroup.SECOND_FACTOR, StateGroup.DEVICE)
_OUTLINES: Final = {"rounded": "Rounded", "note": "Folded corner", "component": "Plugs"}

LOOP_SENTENCES: Final = {
    EdgeKind.RETRY: "Loop with a filled head: the answer was refused, and another may be sent.",
    EdgeKind.RESTART: "Loop with an empty head: the same answer is sent again, without an unknown device key.",
    EdgeKind.NEW_CHALLENGE: "Loop marked (new challenge): Cognito issued another challenge of the same name.",
    EdgeKind.ACKNOWLEDGEMENT: "Other responses listed in a state: accepted, and the state stays the same.",
}


UNCERTAIN: Final = "\u2020 and dashed: known only by inference, or contradicted by another source."
PAGES: Final = "Each state links to its page: all that leads out of it."
OVERVIEW: Final = "Not drawn: the names of the responses; each flow's own diagram has them."


def notes(model: DiagramModel) -> Iterator[str]:
    """Yield the sentences of the caption."""
    yield from model.notes
    if model.overview:
        yield OVERVIEW
        yield from [PAGES] if model.links else []
    if model.has_history:
        yield "Numbered: the recorded steps. Filled and framed: the current state."
    if model.sign_ins is not None:
        yield f"Width and \u00d7: how often, in {model.sign_ins:,} sign-ins; %: of the steps that left the same state."
    kinds = {edge.kind for edge in model.edges}
    yield from (sentence for kind, sentence in LOOP_SENTENCES.items() if kind in kinds)
    if any(edge.uncertain for edge in model.edges):
        yield UNCERTAIN
    for each in model.omitted:
        if not (each.reason is OmissionReason.SETTINGS and model.notes):  # the notes say more
            yield each.reason.caption


def caption(model: DiagramModel, theme: Theme, labels: Mapping[str, str], size: int) -> str:
    """Return the label below a diagram: title, legend, notes, advice; `size` is that of its text, if it is not narrow."""
    groups = {group_of(node) for node in model.nodes if isinstance(node, Node)}
    legend = [(theme.groups[g], labels.get(g, g)) for g in _LEGEND if g in groups]
    sentences = list(notes(model))
    if legend and len({theme.groups[each].fill for each in _LEGEND}) == 1:
        sentences.insert(0, _outline_legend(legend))
        legend = []
    small, wide = len(model.nodes) < _NARROW, len(model.nodes) > MANY_NODES
    narrow = small or model.is_page
    longest = _LONGEST_NARROW_ROW if narrow else _LONGEST_WIDE_ROW if wide else _LONGEST_ROW
    texts = [wrap(labels.get(each, each), longest) for each in sentences]
    at = len(texts)
    if not narrow:  # two columns of one height
        at = min(range(at + 1), key=lambda at: max(_height(texts[:at]), _height(texts[at:])))
    right = texts if narrow else texts[at:]
    size = _NARROW_SIZE if small else size
    width = max((render.text_width(row, size) for text in right for row in text), default=0)
    title = f'<td align="left"><b>{escape(model.title)}</b>{_BOLD_ROOM}</td>'
    swatches = f'<td align="left">{_swatches(legend, theme, width, size)}</td>' if legend else ""
    rows = [title + _GAP + swatches, f"{_column(texts[:at])}{_GAP}{_column(right)}"]
    if narrow:
        rows = ['<td height="6"></td>', title, swatches, _column(texts)]
    if model.actions:
        rows.append(f'<td colspan="3">{advice(theme, labels)}</td>')
    body = "".join(f"<tr>{row}</tr>" for row in rows if row)
    table = f'<table border="0" cellborder="0" cellspacing="0" cellpadding="1">{body}</table>'
    return f'<<font point-size="{size}">{table}</font>>'


def _height(texts: list[list[str]]) -> int:
    return sum(map(len, texts))


def _swatches(legend: list[tuple[Paint, str]], theme: Theme, width: float, size: int) -> str:
    """Return the legend in colours; an empty cell fills the row, so that the others stay narrow."""
    cells = "".join(
        f'<td border="1" color="{paint.line}" bgcolor="{paint.fill}">'
        f'<font color="{theme.text}">&#160;{escape(name)}&#160;</font></td><td>&#160;</td>'
        for paint, name in legend
    )
    rest = width - sum(render.text_width(f"   {name}", size) + 12 for _, name in legend)
    filler = f'<td width="{rest:.0f}"></td>' if rest > 0 else ""
    return f'<table border="0" cellborder="0" cellspacing="0"><tr>{cells}{filler}</tr></table>'


def _outline_legend(legend: list[tuple[Paint, str]]) -> str:
    """Return the legend in words, for a theme without colours."""
    return " ".join(
        f"{_OUTLINES.get(paint.style) or _OUTLINES.get(paint.shape, 'Square')}: {name}."
        for paint, name in legend
    )


def _column(texts: list[list[str]]) -> str:
    rows = "".join(escape(row) + _BREAK for text in texts for row in text)
    return f'<td align="left" valign="top" balign="left">{rows}</td>' if rows else ""


def codes(action: RecoveryAction) -> tuple[str, ...]:
    """Return the error codes that need an action, whatever their message."""
    return tuple(
        code
        for code, messages in ERROR_POLICY.items()
        if any(row.action is action for row in messages.values())
    )


def account_link(action: RecoveryAction) -> str:
    """Return AWS's page about the operation of an account's life to which an action leads."""
    return reference(RECOVERIES[action][1].page)


def advice(theme: Theme, labels: Mapping[str, str]) -> str:
    """Return what to do after FAILED as a table: each action with its error codes."""
    rows = []
    for action in RecoveryAction:
        if action.survives:
            continue
        text = wrap(labels.get(action.advice, action.advice), _LONGEST_ADVICE)
        link = f' href="{account_link(action)}" target="_blank"' if action in RECOVERIES else ""
        cells = (link, theme.text, text), ("", theme.muted, wrap(", ".join(codes(action)), _LONGEST_CODES))
        columns = "".join(
            f'<td align="left" valign="top" balign="left"{target}><font color="{colour}">'
            f"{''.join(f'{escape(each)}&#160;{_BREAK}' for each in lines)}</font></td>"
            for target, colour, lines in cells
        )
        rows.append(f"<tr>{columns}</tr>")
    head = f'<tr><td align="left" colspan="2"><b>After FAILED</b>{_BOLD_ROOM}</td></tr>'
    return f'<table border="0" cellborder="0" cellspacing="0" cellpadding="2">{head}{"".join(rows)}</table>'
