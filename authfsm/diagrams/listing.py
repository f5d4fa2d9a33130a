"""A model as lists: a Markdown table for people, JSON for programs. Both say what the picture leaves out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from authfsm.diagrams.fold import Junction, Vertex
from authfsm.diagrams.links import link
from authfsm.diagrams.mermaid import MARKS
from authfsm.diagrams.model import DiagramModel, Edge
from authfsm.diagrams.places import group
from authfsm.settings.reach import best_confidence

SCHEMA: Final = "authfsm-diagram/1"
"""What the JSON says it is; the number grows when a reader would have to change."""


def markdown(model: DiagramModel, labels: Mapping[str, str]) -> str:
    """The picture as a Markdown table, a row for each line, with its notes below.

    Args:
        model: the picture.
        labels: other texts.
    """
    return "\n".join((*_table(model, labels), ""))


def _table(model: DiagramModel, labels: Mapping[str, str]) -> Iterator[str]:
    yield "| from | given | to |"
    yield "|---|---|---|"
    for edge in model.edges:
        given = ", ".join(_given(edge, labels)) or f"{MARKS.get(edge.shade.tone, '')}*the reply*"
        dest = "itself" if edge.dest == edge.source else _named(edge.dest, labels)
        yield f"| {_named(edge.source, labels)} | {given} | {dest} |"
    yield ""
    if any(edge.thin for edge in model.edges):
        yield "\u2020 known only by inference, or contradicted by another source.  "
    for said in (*model.said, *(each.reason.caption for each in model.left_out)):
        yield f"{labels.get(said, said)}  "


def _named(node: Vertex, labels: Mapping[str, str]) -> str:
    if isinstance(node, Junction):
        return f"*{labels.get(node.name, node.name)}*"
    role = f" ({node.role})" if node.role else ""
    return f"`{labels.get(node.state, node.state)}`{role}"


def _given(edge: Edge, labels: Mapping[str, str]) -> Iterator[str]:
    times = {count.response: count.times for count in edge.counts}
    steps: dict[Any, list[str]] = {}
    for mark in edge.marks:
        steps.setdefault(mark.response, []).append(str(mark.number))
    for response in edge.responses:
        doubt = "\u2020" if response in edge.thin else ""
        often = f" \u00d7{times[response]}" if response in times else ""
        step = f" (step {', '.join(steps[response])})" if response in steps else ""
        again = f" ({edge.kind})" if edge.kind.loop else ""
        sign = MARKS.get(edge.tone(response), "")
        yield f"{sign}`{labels.get(response.trigger, response.trigger)}`{again}{doubt}{often}{step}"


def data(model: DiagramModel) -> dict[str, Any]:
    """The picture as plain data, every name as it is on the wire and in the table.

    Args:
        model: the picture.
    """
    return {
        "format": SCHEMA,
        "flow": model.flow,
        "nodes": [_node(node, model) for node in model.nodes],
        "edges": [_edge(edge, model) for edge in model.edges],
        "left_out": [
            {
                "reason": each.reason.value,
                "caption": each.reason.caption,
                "arrows": len(each.arrows),
            }
            for each in model.left_out
        ],
        "notes": list(model.said),
        "here": model.here.name if model.here else None,
        "sign_ins": model.traffic,
    }


def as_json(model: DiagramModel) -> str:
    """The same as text.

    Args:
        model: the picture.
    """
    return json.dumps(data(model), indent=2, ensure_ascii=False) + "\n"


def _shaded(thing: Any) -> dict[str, str]:
    told = {"settings": str(thing.tone), "why": thing.why}
    return told if thing.why or str(thing.tone) != "kept" else {}


def _node(node: Vertex, model: DiagramModel) -> dict[str, Any]:
    shade = _shaded(model.shade(node))
    if isinstance(node, Junction):
        members = sorted(each.name for each in node.members)
        return {"name": node.name, "junction": True, "members": members, **shade}
    return {
        "name": node.name,
        "state": str(node.state),
        "role": str(node.role) if node.role else None,
        "group": str(group(node)),
        "meaning": node.state.meaning,
        "link": link(node),
        **shade,
    }


def _edge(edge: Edge, model: DiagramModel) -> dict[str, Any]:
    told: dict[str, Any] = {
        "source": edge.source.name,
        "dest": edge.dest.name,
        "kind": str(edge.kind),
        "responses": [response.trigger for response in edge.responses],
        "thin": [response.trigger for response in edge.thin],
        **_shaded(edge.shade),
        **({"ruled_out": [response.trigger for response in edge.faded]} if edge.faded else {}),
    }
    known = {
        str(best_confidence(arrow.transition, model.pools))
        for arrow in model.followed(edge)
        if arrow.dest == edge.dest
    }
    if len(known) == 1:
        told["confidence"] = known.pop()
    if edge.marks:
        told["steps"] = [
            {
                "number": mark.number,
                "response": mark.response.trigger,
                "error": mark.error,
                "after": mark.after.total_seconds() if mark.after is not None else None,
            }
            for mark in edge.marks
        ]
    if edge.counts:
        told["taken"] = edge.taken
    return told
