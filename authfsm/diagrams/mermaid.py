"""A diagram as a Mermaid state diagram, as GitHub renders it in Markdown.

Mermaid has no styles for edges: a sign before the label says what an edge means.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from authfsm.diagrams.model import DiagramModel, Edge, EdgeKind, SettingsEffect
from authfsm.diagrams.themes import Theme
from authfsm.diagrams.vertices import START, Junction, Vertex, group_of
from authfsm.protocol.nodes import Node
from authfsm.protocol.states import END_STATES

SIGNS: Final = {
    SettingsEffect.FADED: "\u2715 ",
    SettingsEffect.GAINED: "+ ",
    SettingsEffect.LOST: "\u2212 ",
}
"""The sign before the label of what settings rule out or change."""


def identifier(name: str) -> str:
    """Return a name in the characters that every diagram language takes."""
    return re.sub(r"\W+", "_", name).strip("_")


def mermaid_text(text: str) -> str:
    """Return a text with Mermaid's special characters escaped."""
    one_line = " ".join(text.split())
    return re.sub(r'[#;:"<>{}\[\]%`]', lambda found: f"#{ord(found.group())};", one_line)


def mermaid(model: DiagramModel, theme: Theme, labels: Mapping[str, str]) -> str:
    """Return a diagram in Mermaid's language, with the theme's colours for the groups of nodes."""
    return "\n".join((*_lines(model, labels), *_classes(model, theme), ""))


def _lines(model: DiagramModel, labels: Mapping[str, str]) -> Iterator[str]:
    # A node that something leads to cannot be Mermaid's dot, which would be read as an end.
    start_is_node = any(edge.dest == START for edge in model.edges)
    yield "stateDiagram-v2"
    yield f"    accTitle: {mermaid_text(model.title)}"
    yield f"    accDescr: {mermaid_text(f'{len(model.nodes)} states and {len(model.edges)} lines')}"
    yield "    direction TB"
    if start_is_node:
        yield "    [*] --> START"
    for node in model.nodes:
        if node != START or start_is_node:
            key = node.state if isinstance(node, Node) else node.name
            sign = SIGNS.get(model.availability(node).effect, "")
            rows = [mermaid_text(sign + labels.get(key, key))]
            for edge in model.edges:
                if edge.source == node and edge.kind is EdgeKind.ACKNOWLEDGEMENT:
                    rows += _rows(edge, labels)
            yield f'    state "{"<br/>".join(rows)}" as {identifier(node.name)}'
    for edge in model.edges:
        if edge.kind is EdgeKind.ACKNOWLEDGEMENT:
            continue  # it is listed in its node
        rows = list(_rows(edge, labels))
        label = f" : {'<br/>'.join(rows)}" if rows else ""
        from_dot = edge.source == START and not start_is_node
        source = "[*]" if from_dot else identifier(edge.source.name)
        yield f"    {source} --> {identifier(edge.dest.name)}{label}"
    sources = {edge.source for edge in model.edges}
    for node in model.nodes:
        if isinstance(node, Node) and node.state in END_STATES and node not in sources:
            yield f"    {identifier(node.name)} --> [*]"
    yield from _own_lines(model, start="START" if start_is_node else "[*]")


def _own_lines(model: DiagramModel, start: str) -> Iterator[str]:
    """Yield the states and transitions that an application added."""
    for name in model.own_names():
        yield f'    state "{mermaid_text(name)}" as {identifier(name)}'
    for own in model.own_transitions:
        for begin, end in own.ends():
            origin = start if begin == START.name else identifier(begin)
            yield f"    {origin} --> {identifier(end)} : {mermaid_text(own.trigger)}"


def _rows(edge: Edge, labels: Mapping[str, str]) -> Iterator[str]:
    times = {count.response: count.times for count in edge.counts}
    for step in edge.steps:
        text = step.error or labels.get(step.response.trigger, step.response.trigger)
        yield mermaid_text(f"{step.number} \u00b7 {text}")
    if None in times:
        yield f"\u00d7{times[None]}"
    if edge.kind is EdgeKind.FAILURE and not edge.counts:
        return
    is_loop = edge.kind.loop_kind and edge.kind is not EdgeKind.ACKNOWLEDGEMENT
    kind = f" ({edge.kind})" if is_loop else ""
    numbered = {step.response for step in edge.steps if not step.error}
    for response in edge.responses:
        if response not in numbered:
            sign = SIGNS.get(edge.effect_on(response), "")
            name = labels.get(response.trigger, response.trigger)
            doubt = " \u2020" if response in edge.uncertain else ""
            count = f" \u00d7{times[response]}" if response in times else ""
            yield mermaid_text(f"{sign}{name}{kind}{doubt}{count}")


def _classes(model: DiagramModel, theme: Theme) -> Iterator[str]:
    """Yield the style of each class of nodes, and its members."""
    members: dict[str, list[str]] = {}
    for node in model.nodes:
        if node != START:
            members.setdefault(_class(node, model), []).append(identifier(node.name))
    styles = {
        identifier(group): f"fill:{paint.fill},stroke:{paint.line},color:{theme.text}"
        for group, paint in theme.groups.items()
    }
    styles["junction"] = f"fill:{theme.line},stroke:{theme.line},color:{theme.background}"
    styles["faded"] = f"fill:{theme.background},stroke:{theme.faded},color:{theme.muted}"
    styles["current"] = (
        f"fill:{theme.current},stroke:{theme.highlight},stroke-width:4px,color:{theme.text}"
    )
    for name, nodes in members.items():
        yield f"    classDef {name} {styles[name]}"
        yield f"    class {','.join(nodes)} {name}"


def _class(node: Vertex, model: DiagramModel) -> str:
    if node == model.current:
        return "current"
    untouched = model.has_highlights and node not in model.highlighted
    if untouched or model.availability(node).effect is SettingsEffect.FADED:
        return "faded"
    return "junction" if isinstance(node, Junction) else identifier(group_of(node))
