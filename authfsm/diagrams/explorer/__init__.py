"""The explorer: a page to explore the protocol, in one file that loads nothing else.

Private. The picture is that of `diagram()`, and the details of states are those of `authfsm explain`. The rules of
`authfsm.settings` are in the page as trees of questions, so that the page itself computes what settings rule out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from importlib.resources import files
from typing import Any, Final

from authfsm.diagrams.dot_labels import notes
from authfsm.diagrams.explorer.questions import EXAMPLES, SWITCHES, settings_of, values_of, verdicts
from authfsm.diagrams.model import DiagramModel, Edge
from authfsm.diagrams.model_builder import ARROWS_THROUGH
from authfsm.diagrams.page_svg import css_variables, page_svg
from authfsm.diagrams.picture import diagram
from authfsm.diagrams.themes import DARK, LIGHT
from authfsm.diagrams.vertices import CONFIDENCE_MARKS, ORDER, Arrow, Junction, documentation_link, group_of
from authfsm.protocol.error_policy import ERROR_POLICY, RecoveryAction
from authfsm.protocol.nodes import NODES, TRANSITIONS_IN_ROLES, EdgeRoles, Node
from authfsm.reference import about_state, as_dict
from authfsm.settings import PoolSettings

__all__ = ["page", "settings_of", "values_of"]

_ERRORS: Final = tuple((code, part, row) for code, rows in ERROR_POLICY.items() for part, row in rows.items())
_ERROR_NUMBERS: Final = {(code, part): n for n, (code, part, _) in enumerate(_ERRORS)}
_ARROW_NUMBERS: Final = {each: number for number, each in enumerate(TRANSITIONS_IN_ROLES)}


def page(settings: PoolSettings | None = None, engine: str | None = None, *, before: PoolSettings | None = None) -> str:
    """Return the page as HTML; raises NoEngine and UnknownEngine.

    The page first shows a pool's `settings` (None: nothing is ruled out). If the settings `before` are passed, the page
    compares them with `settings`. `engine` is the layout engine; None for the first one that is installed.
    """
    drawn = diagram(engine=engine)
    picture, edges = page_svg(drawn)
    junctions = [node for node in drawn.model.nodes if isinstance(node, Junction)]
    data = {
        "nodes": [_node(each) for each in NODES], **verdicts(),
        "switches": [each.as_dict() for each in SWITCHES], "examples": EXAMPLES,
        "preset": values_of(settings) if settings else {}, "before": values_of(before) if before else None,
        "lines": [_line(each, drawn.model) for each in edges],
        "junctions": {each.name: sorted(ORDER[m] for m in each.members) for each in junctions},
        "actions": {str(each): each.advice for each in RecoveryAction},
        "errors": [
            [code, part, str(row.action), str(row.fault), row.source, row.is_only_listed] for code, part, row in _ERRORS
        ],
        "marks": {str(confidence): mark for confidence, mark in CONFIDENCE_MARKS.items()},
    }  # fmt: skip
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    parts = {
        "light": css_variables(LIGHT), "dark": css_variables(DARK), "style": _file("explorer.css"), "picture": picture,
        "notes": "".join(f"<li>{escape(note)}</li>" for note in notes(drawn.model)),
        "data": text, "script": _file("explorer.js"),
    }  # fmt: skip
    html = _file("explorer.html")
    for name, part in parts.items():
        html = html.replace(f"/*{name}*/", part).replace(f"<!--{name}-->", part)
    return html


def _file(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _node(node: Node) -> Mapping[str, Any]:
    """Return the details of a node. To keep the page small, evidence is lists of values, and errors are numbers."""
    facts = as_dict(about_state(node.state, node.role))
    for accepted in facts["accepts"]:
        for target in accepted["leads_to"]:
            target["evidence"] = [list(known.values()) for known in target["evidence"]]
    return {
        **facts, "state": str(node.state), "group": str(group_of(node)), "page": documentation_link(node),
        "errors": [
            [_ERROR_NUMBERS[each["code"], each["message"]], int(each["leads_to"] == node.state)]
            for each in facts["errors"]
        ],
    }  # fmt: skip


def _arrow_number(arrow: Arrow) -> int:
    return _ARROW_NUMBERS[arrow.transition, EdgeRoles(arrow.source.role, arrow.dest.role)]


def _line(edge: Edge, model: DiagramModel) -> Mapping[str, Any]:
    """Return the arrows of an edge by response; for an edge from a junction, the nodes to which it leads."""
    if isinstance(edge.source, Junction):
        nodes = edge.dest.members if isinstance(edge.dest, Junction) else {edge.dest}
        through = [a for each in nodes for a in ARROWS_THROUGH.get((edge.source, each), ())]
        return {"to": sorted(ORDER[each] for each in nodes), "through": sorted(map(_arrow_number, through))}
    arrows = list(model.arrows_along(edge))
    return {
        "from": edge.source.name,
        "by": {
            response.trigger: [_arrow_number(a) for a in arrows if a.response is response]
            for response in edge.responses
        },
    }
