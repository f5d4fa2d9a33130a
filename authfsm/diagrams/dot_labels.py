"""HTML-like labels of Graphviz: the caption below a diagram, and the advice in FAILED."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from html import escape
from textwrap import wrap
from typing import Final

from authfsm.diagrams.model import DiagramModel, EdgeKind
from authfsm.diagrams.themes import Paint, Theme
from authfsm.diagrams.vertices import OmissionReason, StateGroup, group_of
from authfsm.protocol.account_table import RECOVERIES
from authfsm.protocol.error_policy import ERROR_POLICY, RecoveryAction
from authfsm.protocol.links import reference
from authfsm.protocol.nodes import Node

_ONE_COLUMN: Final = 3  # more notes stand in two columns, where the drawing is as wide as these
_NARROW, _WIDE = 9, 20  # nodes: a drawing of fewer is narrow, one of more is wide
_LONGEST_ROW, _LONGEST_NARROW_ROW, _LONGEST_WIDE_ROW = 64, 76, 86  # characters
_NARROW_SIZE: Final = "10"  # points: the caption of a narrow drawing, which is never made smaller
_CHARACTER_WIDTH: Final = 5.7  # points, on average
_CODES_IN_A_ROW: Final = 2
_LONGEST_ADVICE: Final = 34  # characters in a row
_BOLD_ROOM: Final = "&#160;" * 5  # bold text is wider than the engines measure it
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
OVERVIEW: Final = "Not drawn: the names of the responses; each flow's own diagram has them."


def notes(model: DiagramModel) -> Iterator[str]:
    """Yield the sentences of the caption."""
    yield from model.notes
    if model.overview:
        yield OVERVIEW
    if model.has_history:
        yield "Numbered: the recorded steps. Filled and framed: the current state."
    if model.sign_ins is not None:
        yield f"Width and numbers: how often, in {model.sign_ins:,} sign-ins."
    kinds = {edge.kind for edge in model.edges}
    yield from (sentence for kind, sentence in LOOP_SENTENCES.items() if kind in kinds)
    if any(edge.uncertain for edge in model.edges):
        yield UNCERTAIN
    for each in model.omitted:
        if not (each.reason is OmissionReason.SETTINGS and model.notes):  # the notes say more
            yield each.reason.caption


def caption(model: DiagramModel, theme: Theme, labels: Mapping[str, str]) -> str:
    """Return the label below a diagram: what the colours and outlines mean, and the notes."""
    groups = {group_of(node) for node in model.nodes if isinstance(node, Node)}
    legend = [(theme.groups[g], labels.get(g, g)) for g in _LEGEND if g in groups]
    sentences = list(notes(model))
    if legend and len({theme.groups[each].fill for each in _LEGEND}) == 1:
        sentences.insert(0, _outline_legend(legend))
        legend = []
    narrow = len(model.nodes) < _NARROW
    longest = _LONGEST_WIDE_ROW if len(model.nodes) > _WIDE else _LONGEST_ROW
    longest = _LONGEST_NARROW_ROW if narrow else longest
    texts = [_wrapped(labels.get(each, each), longest) for each in sentences]
    # The legend takes the place of a note in the left column.
    one_column = len(texts) <= _ONE_COLUMN or narrow
    half = len(texts) if one_column else (len(texts) + (not legend)) // 2
    left, right = _column(texts[:half]), _column(texts[half:], rows=2 if legend else 1)
    gap = f'<td rowspan="{2 if legend else 1}">&#160;&#160;&#160;</td>'
    rows = f"<tr>{left}{gap}{right}</tr>" if texts else ""
    if legend:
        widest = max((len(row) for text in texts[:half] for row in text.split(_BREAK)), default=0)
        swatches = _swatches(legend, theme, int(_CHARACTER_WIDTH * widest))
        rows = f'<tr><td align="left">{swatches}</td>{gap}{right}</tr><tr>{left}</tr>'
    space = '<tr><td height="10" colspan="3"></td></tr>'
    title = escape(model.title)
    title = f'<tr><td align="left" colspan="3"><b>{title}</b>{_BOLD_ROOM}</td></tr>'
    table = f'<table border="0" cellborder="0" cellspacing="0" cellpadding="1">{space}{title}{rows}</table>'
    return f'<<font point-size="{_NARROW_SIZE}">{table}</font>>' if narrow else f"<{table}>"


def _swatches(legend: list[tuple[Paint, str]], theme: Theme, width: int) -> str:
    """Return the legend in colours; an empty cell fills the row, so that the others stay narrow."""
    cells = "".join(
        f'<td border="1" color="{paint.line}" bgcolor="{paint.fill}">'
        f'<font color="{theme.text}">&#160;{escape(name)}&#160;</font></td><td>&#160;</td>'
        for paint, name in legend
    )
    rest = width - sum(_CHARACTER_WIDTH * (len(name) + 4) for _, name in legend)
    filler = f'<td width="{rest:.0f}"></td>' if rest > 0 else ""
    return f'<table border="0" cellborder="0" cellspacing="0"><tr>{cells}{filler}</tr></table>'


def _outline_legend(legend: list[tuple[Paint, str]]) -> str:
    """Return the legend in words, for a theme without colours."""
    return " ".join(
        f"{_OUTLINES.get(paint.style) or _OUTLINES.get(paint.shape, 'Square')}: {name}."
        for paint, name in legend
    )


def _column(texts: list[str], rows: int = 1) -> str:
    lines = "".join(texts)
    return f'<td rowspan="{rows}" align="left" valign="top" balign="left">{lines}</td>'


@lru_cache(maxsize=256)
def _wrapped(text: str, longest: int) -> str:
    return _BREAK.join([*map(escape, wrap(text, longest)), ""])


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


def advice(name: str, theme: Theme, labels: Mapping[str, str]) -> str:
    """Return the label of FAILED: what to do next, each action with its error codes."""
    rows = []
    for action in RecoveryAction:
        if action.survives:
            continue
        text = _wrapped(labels.get(action.advice, action.advice), _LONGEST_ADVICE)
        every = codes(action)
        starts = range(0, len(every), _CODES_IN_A_ROW)
        parts = [", ".join(every[at : at + _CODES_IN_A_ROW]) for at in starts]
        link = f' href="{account_link(action)}" target="_blank"' if action in RECOVERIES else ""
        rows.append(
            f'<tr><td align="left" valign="top" balign="left"{link}><font point-size="12">{text}</font></td>'
            f'<td align="left" balign="left"><font point-size="12" color="{theme.muted}">'
            f"{_BREAK.join([*parts, ''])}</font></td></tr>"
        )
    return (
        '<<table border="0" cellborder="0" cellspacing="0" cellpadding="2">'
        f'<tr><td colspan="2"><b>{name}</b></td></tr>{"".join(rows)}</table>>'
    )
