"""A model as a Mermaid state diagram, as GitHub renders it in Markdown.

Mermaid's lines have no look of their own: what a line is, a mark before its label says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from authfsm.diagrams.fold import Junction, Vertex
from authfsm.diagrams.model import DiagramModel, Edge, EdgeKind, Tone
from authfsm.diagrams.places import StateGroup, group
from authfsm.diagrams.themes import Theme
from authfsm.protocol.nodes import Node
from authfsm.protocol.states import END_STATES

MARKS = {Tone.FADED: "\u2715 ", Tone.GAINED: "+ ", Tone.LOST: "\u2212 "}
"""What stands before the label of a line that settings do not simply leave as it is."""


def identifier(name: str) -> str:
    """A name that every language of diagrams takes."""
    return re.sub(r"\W+", "_", name).strip("_")


def mermaid(model: DiagramModel, theme: Theme, labels: Mapping[str, str]) -> str:
    """The picture in Mermaid's language.

    Args:
        model: what to draw.
        theme: the colours of the groups.
        labels: other texts.
    """
    return "\n".join((*_lines(model, theme, labels), ""))


def plain(text: str) -> str:
    """A text that Mermaid does not take for anything else."""
    return re.sub(
        r'[#;:"<>{}\[\]%`]', lambda found: f"#{ord(found.group())};", " ".join(text.split())
    )


def _lines(model: DiagramModel, theme: Theme, labels: Mapping[str, str]) -> Iterator[str]:
    steps: dict[Vertex, list[Edge]] = {}
    for edge in model.edges:
        if edge.kind is EdgeKind.ACKNOWLEDGEMENT:
            steps.setdefault(edge.source, []).append(edge)
    yield "stateDiagram-v2"
    yield "    direction TB"
    # What nothing leads to may be Mermaid's dot, which elsewhere is the end.
    shown = {edge.dest for edge in model.edges}
    if any(_begins(node) for node in shown):
        yield "    [*] --> START"
    for node in model.nodes:
        if not _begins(node) or node in shown:
            key = node.state if isinstance(node, Node) else node.name
            text = MARKS.get(model.shade(node).tone, "") + labels.get(key, key)
            within = (row for edge in steps.get(node, ()) for row in _rows(edge, labels))
            written = "<br/>".join((plain(text), *within))
            yield f'    state "{written}" as {identifier(node.name)}'
    for edge in model.edges:
        if edge.kind is EdgeKind.ACKNOWLEDGEMENT:
            continue  # a step within a place is written in the place
        rows = list(_rows(edge, labels))
        label = f" : {'<br/>'.join(rows)}" if rows else ""
        begins = _begins(edge.source) and edge.source not in shown
        source = "[*]" if begins else identifier(edge.source.name)
        yield f"    {source} --> {identifier(edge.dest.name)}{label}"
    left = {edge.source for edge in model.edges}
    for node in model.nodes:
        if isinstance(node, Node) and node.state in END_STATES and node not in left:
            yield f"    {identifier(node.name)} --> [*]"
    yield from _classes(model, theme)


def _begins(node: Vertex) -> bool:
    return isinstance(node, Node) and group(node) is StateGroup.BEGIN


def _rows(edge: Edge, labels: Mapping[str, str]) -> Iterator[str]:
    times = {count.response: count.times for count in edge.counts}
    for mark in edge.marks:
        told = mark.error or labels.get(mark.response.trigger, mark.response.trigger)
        yield plain(f"{mark.number} \u00b7 {told}")
    if None in times:
        yield f"\u00d7{times[None]}"
    if edge.kind is EdgeKind.FAILURE and not edge.counts:
        return
    walked = {mark.response for mark in edge.marks if not mark.error}
    for response in edge.responses:
        if response not in walked:
            doubt = " \u2020" if response in edge.thin else ""
            often = f" \u00d7{times[response]}" if response in times else ""
            again = (
                f" ({edge.kind})"
                if edge.kind.loop and edge.kind is not EdgeKind.ACKNOWLEDGEMENT
                else ""
            )
            yield plain(
                f"{MARKS.get(edge.tone(response), '')}{labels.get(response.trigger, response.trigger)}{again}{doubt}{often}"
            )


def _classes(model: DiagramModel, theme: Theme) -> Iterator[str]:
    """The looks of groups, and who has which."""
    who: dict[str, list[str]] = {}
    for node in model.nodes:
        if not _begins(node):
            who.setdefault(_class(node, model), []).append(identifier(node.name))
    faded = f"fill:{theme.paper},stroke:{theme.faded},color:{theme.quiet}"
    looks = {identifier(group): theme.groups[group] for group in StateGroup}
    for name, nodes in who.items():
        if name in looks:
            paint = looks[name]
            yield f"    classDef {name} fill:{paint.fill},stroke:{paint.line},color:{theme.ink}"
        elif name == "junction":
            yield f"    classDef {name} fill:{theme.line},stroke:{theme.line},color:{theme.paper}"
        elif name == "here":
            yield f"    classDef {name} fill:{theme.here},stroke:{theme.lit},stroke-width:4px,color:{theme.ink}"
        else:
            yield f"    classDef {name} {faded}"
        yield f"    class {','.join(nodes)} {name}"


def _class(node: Vertex, model: DiagramModel) -> str:
    if node == model.here:
        return "here"
    if model.shade(node).tone is Tone.FADED or (model.lights and node not in model.lit):
        return "faded"
    return "junction" if isinstance(node, Junction) else identifier(group(node))
