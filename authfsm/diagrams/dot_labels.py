"""HTML-like labels for Graphviz: the title and legend above a diagram, the caption and the recovery actions below it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from html import escape
from itertools import product
from textwrap import wrap
from typing import Final

from authfsm.diagrams import render
from authfsm.diagrams.model import MANY_NODES, DiagramModel, EdgeKind, SettingsEffect
from authfsm.diagrams.themes import Theme
from authfsm.diagrams.vertices import OmissionReason, StateGroup, group_of
from authfsm.protocol.account_table import RECOVERIES
from authfsm.protocol.error_policy import ERROR_POLICY, RecoveryAction
from authfsm.protocol.links import reference
from authfsm.protocol.nodes import Node
from authfsm.settings.reach import reachability

_NARROW: Final = 9  # a diagram with fewer nodes is narrow
_LONGEST_ROW, _LONGEST_NARROW_ROW, _LONGEST_WIDE_ROW, _LONGEST_FLOW_ROW = 68, 76, 86, 102  # characters
_LONGEST_TITLE: Final = 54  # characters, above a narrow diagram
_NARROW_SIZE: Final = 10  # points: the text above and below a narrow diagram, which web pages do not scale down
_LONGEST_ADVICE, _LONGEST_CODES = 34, 94  # characters in a row
BOLD_ROOM: Final = "\N{NO-BREAK SPACE}" * 5
"""Space after bold text, because the engines compute too small a width for it."""
_GAP: Final = "<td>&#160;&#160;&#160;&#160;</td>"
_BREAK: Final = '<br align="left"/>'
_NOT_DRAWN: Final = "Not drawn: "
OUTLINES: Final = {
    StateGroup.FIRST_FACTOR: "rounded",
    StateGroup.SET_UP: "folded corner",
    StateGroup.SECOND_FACTOR: "square",
    StateGroup.DEVICE: "plugs",
}
"""The groups of the legend, each with its outline in words, for readers who cannot distinguish the colours."""

SENTENCES: Final[Mapping[str, str]] = {
    SettingsEffect.ADDED: "Thick and +: becomes possible.",
    SettingsEffect.REMOVED: "Dotted and \u2212: becomes impossible.",
    "no change": "Nothing becomes possible or impossible.",
    "no drawn change": "Nothing that is drawn becomes possible or impossible.",
    EdgeKind.RETRY: "Loop, filled head: refused, another answer may be sent.",
    EdgeKind.DEVICE_DROPPED: "Loop, empty head: sent again without the device key.",
    EdgeKind.NEW_CHALLENGE: "(new challenge): another challenge of the same name.",
    EdgeKind.ACKNOWLEDGEMENT: "Responses listed in a state: accepted, the state stays.",
    "ruled out by both": "Not drawn: what the settings of both pools rule out.",
    "uncertain": "\u2020 and dashed: only inferred, or contradicted.",
    "pages": "Each state links to its page: all that leads out of it.",
    "overview": "Not drawn: the names of the responses (each flow's own diagram has them).",
}
"""The sentences of captions, by the thing that they explain; `OmissionReason` has further sentences."""


def notes(model: DiagramModel) -> Iterator[str]:
    """Yield the sentences of the caption."""
    effects = {each.effect for each in (*model.availabilities.values(), *(e.availability for e in model.edges))}
    compared = len(model.pools) > 1
    changes = [SENTENCES[each] for each in (SettingsEffect.ADDED, SettingsEffect.REMOVED) if each in effects]
    if compared and not changes:
        ways = product(model.pools, (False, True))
        found = [reachability(pool, include_lambda_named=named).transitions.items() for pool, named in ways]
        possible = [{each for each, reason in reasons if reason is None} for reasons in found]
        changes = [SENTENCES["no change" if possible[:2] == possible[2:] else "no drawn change"]]
    yield from changes
    yield from model.notes
    if model.overview:
        yield SENTENCES["overview"]
        yield from [SENTENCES["pages"]] if model.links else []
    if model.has_history:
        yield "Numbered: the recorded steps. Filled and framed: the current state."
    if model.sign_ins is not None:
        signed_in = f"{model.sign_ins:,} sign-in{'s' * (model.sign_ins != 1)}"
        yield f"Width and \u00d7: how often, in {signed_in}; %: of the steps that left the same state."
    kinds = {str(edge.kind) for edge in model.edges}
    yield from (sentence for kind, sentence in SENTENCES.items() if kind in kinds)
    if any(edge.uncertain for edge in model.edges):
        yield SENTENCES["uncertain"]
    for each in model.omitted:
        # The notes of a diagram of one pool say already what its settings rule out, and why.
        if compared or each.reason is not OmissionReason.SETTINGS or not model.notes:
            yield omission_caption(each.reason, model)


def omission_caption(reason: OmissionReason, model: DiagramModel) -> str:
    """Return the sentence about the arrows that a diagram omits for a reason; it differs if two pools are compared."""
    ruled_out_by_both = reason is OmissionReason.SETTINGS and len(model.pools) > 1
    return SENTENCES["ruled out by both"] if ruled_out_by_both else reason.caption


def _size(model: DiagramModel, size: int) -> int:
    return _NARROW_SIZE if len(model.nodes) < _NARROW else size


def table(rows: Iterable[str], size: int) -> str:
    """Return a label that is a table of the rows that are not empty; `size` is the text size in points."""
    body = "".join(f"<tr>{row}</tr>" for row in rows if row)
    inside = f'<table border="0" cellborder="0" cellspacing="0" cellpadding="1">{body}</table>'
    return f'<<font point-size="{size}">{inside}</font>>'


def with_rows(name: str, rows: Iterable[str], size: str) -> str:
    """Return the label of a node: its name, and rows of smaller text below it."""
    # Rows are centred, so BOLD_ROOM is divided between both sides of a bold row. A bold row also needs space above it.
    centred = [BOLD_ROOM[:2] + row.removesuffix(BOLD_ROOM) + BOLD_ROOM[2:] if "<b>" in row else row for row in rows]
    above = '<tr><td height="3"></td></tr>' if any("<b>" in row for row in centred) else ""
    below = f'{above}<tr><td><font point-size="{size}">{"<br/>".join(centred)}</font></td></tr>'
    table = '<table border="0" cellborder="0" cellspacing="0" cellpadding="0">'
    return f"<{table}<tr><td>{name}</td></tr>{below}</table>>"


def title_cell(titles: Iterable[str], theme: Theme, size: int) -> str:
    """Return the title above a diagram, in rows, as a cell of a table; `size` is the text size of the table in points."""
    text = "".join(f"<b>{escape(row)}</b>{BOLD_ROOM}{_BREAK}" for row in titles)
    return f'<td align="left"><font color="{theme.text}" point-size="{size + 2}">{text}</font></td>'


def heading(model: DiagramModel, theme: Theme, labels: Mapping[str, str], size: int) -> str:
    """Return the title and the legend of a diagram; `size` is the text size in points."""
    size = _size(model, size)
    titles = wrap(model.title, _LONGEST_TITLE) if size == _NARROW_SIZE else [model.title]
    title = title_cell(titles, theme, size)
    groups = {group_of(node) for node in model.nodes if isinstance(node, Node)}
    in_legend = [group for group in OUTLINES if group in groups]
    names = [f"{labels.get(each, each)}: {labels.get(OUTLINES[each], OUTLINES[each])}" for each in in_legend]
    cells = "".join(
        f'<td border="1" color="{theme.groups[group].line}" bgcolor="{theme.groups[group].fill}">'
        f'<font color="{theme.text}">&#160;{escape(name)}&#160;</font></td><td>&#160;</td>'
        for group, name in zip(in_legend, names, strict=True)
    )
    if not names:
        return table([title], size)
    # An empty cell fills the rest of the row; without it, the legend would be as wide as the title.
    rest = render.text_width(max(titles, key=len), size + 2) - render.text_width("   ".join(names), size)
    cells += f'<td width="{max(0, rest - 15 * len(names)):.0f}"></td>'
    legend = f'<td><table border="0" cellborder="0" cellspacing="0"><tr>{cells}</tr></table></td>'
    return table([title + _GAP + legend] if len(model.nodes) > MANY_NODES else [title, legend], size)


def caption(model: DiagramModel, theme: Theme, labels: Mapping[str, str], size: int) -> str:
    """Return the notes and recovery actions below a diagram; empty if it has none. `size` is the text size in points."""
    narrow = len(model.nodes) < _NARROW or model.is_page
    many = len(model.nodes) > MANY_NODES and not model.focus
    wide = (_LONGEST_FLOW_ROW if model.flow else _LONGEST_WIDE_ROW) if many else _LONGEST_ROW
    longest = _LONGEST_NARROW_ROW if narrow else wide
    texts = [wrap(each, longest) for each in _join_omissions(labels.get(each, each) for each in notes(model))]
    at = len(texts)
    if not narrow:  # two columns of one height
        at = min(range(at + 1), key=lambda at: max(sum(map(len, texts[:at])), sum(map(len, texts[at:]))))
    rows = [_column(texts[:at]) + (f"{_GAP}{_column(texts[at:])}" if texts[at:] else "")]
    if model.actions:
        rows.append(f'<td colspan="3">{advice(theme, labels)}</td>')
    return table(rows, _size(model, size)) if any(rows) else ""


def _join_omissions(sentences: Iterable[str]) -> list[str]:
    """Return sentences, with those that begin with "Not drawn" joined into one at the end."""
    found = list(sentences)
    absent = [each for each in found if each.startswith(_NOT_DRAWN)]
    names = "; ".join(each.removeprefix(_NOT_DRAWN).removesuffix(".") for each in absent)
    return [*(each for each in found if each not in absent), *([f"{_NOT_DRAWN}{names}."] if absent else [])]


def _column(texts: list[list[str]]) -> str:
    rows = "".join(escape(row) + _BREAK for text in texts for row in text)
    return f'<td align="left" valign="top" balign="left">{rows}</td>' if rows else ""


def codes(action: RecoveryAction) -> tuple[str, ...]:
    """Return the error codes of which at least one message requires this recovery action."""
    return tuple(
        code for code, messages in ERROR_POLICY.items() if any(row.action is action for row in messages.values())
    )


def account_link(action: RecoveryAction) -> str:
    """Return the address of AWS's page about the account operation of a recovery action."""
    return reference(RECOVERIES[action][1].page)


def advice(theme: Theme, labels: Mapping[str, str]) -> str:
    """Return a table of what to do after FAILED: each recovery action with its error codes."""
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
    head = f'<tr><td align="left" colspan="2"><b>After FAILED</b>{BOLD_ROOM}</td></tr>'
    return f'<table border="0" cellborder="0" cellspacing="0" cellpadding="2">{head}{"".join(rows)}</table>'
