"""A page to explore the protocol: one file that asks for nothing else, drawn and reckoned here.

The picture is the very one that `diagram()` draws; what its states mean is what `authfsm explain`
tells; what settings rule out is what `PoolSettings` says, as trees of questions that the page walks.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any, Final

from authfsm.diagrams.explorer.dressing import dressed, junctions, places_of, styles
from authfsm.diagrams.explorer.questions import ARROWS, questions
from authfsm.diagrams.explorer.switches import EXAMPLES, SWITCHES, settings_of, values_of
from authfsm.diagrams.fold import Junction
from authfsm.diagrams.links import link
from authfsm.diagrams.markdown import MARKS
from authfsm.diagrams.model import DiagramModel, Edge
from authfsm.diagrams.model_builder import THROUGH
from authfsm.diagrams.picture import diagram
from authfsm.diagrams.places import ORDER, group
from authfsm.protocol.error_policy import ERROR_POLICY, RecoveryAction
from authfsm.protocol.nodes import NODES, EdgeRoles, Node
from authfsm.reference import about_state, as_dict
from authfsm.settings import PoolSettings
from authfsm.settings.reach import is_specific, leads_nowhere_new

__all__ = ["page", "settings_of", "values_of"]

Data = dict[str, Any]

_NUMBER: Final = {each: number for number, each in enumerate(ARROWS)}


def page(settings: PoolSettings | None = None, engine: str | None = None) -> str:
    """The page, as HTML.

    Args:
        settings: how its switches stand at first; all allowed, if left out.
        engine: what lays the picture out.

    Raises:
        NoEngine: no program lays the graph out.
    """
    drawn = diagram(engine=engine)
    picture, lines = dressed(drawn)
    data = {
        "places": [_place(each) for each in NODES],
        **_reckoning(),
        "switches": [
            {
                "key": each.key, "values": each.values, "label": each.label,
                "group": each.group, "help": each.help,
            }
            for each in SWITCHES
        ],
        "examples": EXAMPLES,
        "preset": values_of(settings) if settings else {},
        "lines": [_line(each, drawn.model) for each in lines],
        "junctions": junctions(drawn),
        "actions": {str(each): each.advice for each in RecoveryAction},
        "errors": _errors(),
        "marks": {str(sure): mark for sure, mark in MARKS.items()},
    }  # fmt: skip
    parts = {
        "light": styles()["light"],
        "dark": styles()["dark"],
        "style": _part("explorer.css"),
        "picture": picture,
        "data": json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c"),
        "script": _part("explorer.js"),
    }
    text = _part("explorer.html")
    for name, part in parts.items():
        text = text.replace(f"/*{name}*/", part).replace(f"<!--{name}-->", part)
    return text


def _part(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _place(place: Node) -> Data:
    told = as_dict(about_state(place.state, place.role))
    codes: dict[tuple[str, str], int] = {
        (code, part): number
        for number, (code, part) in enumerate(
            (c, p) for c, rows in ERROR_POLICY.items() for p in rows
        )
    }
    errors = [
        (codes[each["code"], each["message"]], each["leads_to"] == place.state)
        for each in told["errors"]
    ]
    return {
        **told,
        "state": str(place.state),
        "group": str(group(place)),
        "page": link(place),
        "takes": [_taken(each) for each in told["takes"]],
        "errors": [[number, int(stays)] for number, stays in errors],
    }


def _taken(each: Data) -> Data:
    leads = [
        {**way, "evidence": [list(known.values()) for known in way["evidence"]]}
        for way in each["leads_to"]
    ]
    return {**each, "leads_to": leads}


def _errors() -> list[list[str]]:
    return [
        [code, part, str(row.action), str(row.fault), row.source]
        for code, rows in ERROR_POLICY.items()
        for part, row in rows.items()
    ]


def _reckoning() -> Data:
    asked, trees, own, known = questions()
    return {
        "forks": asked.forks,
        "reasons": asked.reasons,
        "own": {ORDER[node]: tree for node, tree in own.items()},
        "arrows": [
            [
                ORDER[Node(arrow.source, ends.source)],
                arrow.response.trigger,
                ORDER[Node(arrow.dest, ends.dest)],
                *tree,
                int(is_specific((arrow, ends))),
                int(leads_nowhere_new((arrow, ends))),
                sure,
                str(arrow.kind or ""),
            ]
            for (arrow, ends), tree, sure in zip(ARROWS, trees, known, strict=True)
        ],
    }


def _line(edge: Edge, model: DiagramModel) -> Data:
    """What a line stands for: arrows, response by response, or the places that a junction leads to."""
    if isinstance(edge.source, Junction):
        places = tuple(places_of(edge))
        through = [a for each in places for a in THROUGH.get((edge.source, each), ())]
        return {
            "to": sorted(ORDER[each] for each in places),
            "through": [
                _NUMBER[a.transition, EdgeRoles(a.source.role, a.dest.role)] for a in through
            ],
        }
    ways = {
        response.trigger: [
            _NUMBER[arrow]
            for each in model.followed(edge)
            if each.response is response
            for arrow in ARROWS
            if arrow[0] == each.transition
            and arrow[1] == EdgeRoles(each.source.role, each.dest.role)
        ]
        for response in edge.responses
    }
    return {"by": ways, "from": edge.source.name}
