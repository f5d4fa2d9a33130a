"""A diagram as text: Mermaid, PlantUML, Markdown and JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from authfsm.diagrams.dot_labels import omission_caption
from authfsm.diagrams.model import AVAILABLE, Availability, DiagramModel, Edge, EdgeKind, ResponseClass, SettingsEffect
from authfsm.diagrams.themes import Theme
from authfsm.diagrams.vertices import START, Junction, Vertex, documentation_link, group_of
from authfsm.protocol.nodes import Node
from authfsm.protocol.states import END_STATES
from authfsm.settings.reach import best_confidence

SCHEMA: Final = "authfsm-diagram/1"
"""The name of the JSON format; the number increases with incompatible changes."""


SIGNS: Final = {SettingsEffect.FADED: "\u2715 ", SettingsEffect.ADDED: "+ ", SettingsEffect.REMOVED: "\u2212 "}
"""The signs before labels of nodes and responses that settings rule out or change."""
_RESERVED: Final = frozenset({
    "as", "class", "classdef", "click", "default", "direction", "end", "fork", "join", "note", "state", "style",
})  # fmt: skip
"""The words of Mermaid and PlantUML that cannot be the name of a state."""


def identifier(name: str) -> str:
    """Return a name with only the characters that every diagram language allows."""
    found = re.sub(r"\W+", "_", name).strip("_") or "state"
    return f"{found}_" if found.lower() in _RESERVED or found[0].isdigit() else found


def identifiers(names: Iterable[str]) -> dict[str, str]:
    """Return an identifier for each name; equal identifiers get numbers."""
    found: dict[str, str] = {}
    for name in names:
        first = identifier(name)
        others = (first, *(f"{first}_{number}" for number in range(2, len(found) + 3)))
        found[name] = next(each for each in others if each not in found.values())
    return found


def mermaid_text(text: str) -> str:
    """Return a text with Mermaid's special characters escaped."""
    return re.sub(r'[#;:"<>{}\[\]%`]', lambda found: f"#{ord(found.group())};", " ".join(text.split()))


def plantuml_text(text: str) -> str:
    """Return a text with PlantUML's special characters and formatting marks escaped."""
    one_line = " ".join(text.split())
    special = r'["<>~\\#\[\]{}|*%&@]|__|--|//'
    return re.sub(special, lambda found: "".join(f"<U+{ord(each):04X}>" for each in found.group()), one_line)


def mermaid(model: DiagramModel, theme: Theme, labels: Mapping[str, str]) -> str:
    """Return a diagram in Mermaid's language, with the theme's colours for the groups of nodes."""
    lines = sum(edge.kind is not EdgeKind.ACKNOWLEDGEMENT for edge in model.edges)
    about = mermaid_text(model.size(lines))
    head = (f"accTitle: {mermaid_text(model.title)}", f"accDescr: {about}", "direction TB")
    body = (*head, *_state_lines(model, labels, mermaid_text, "<br/>", {}), *_classes(model, theme))
    return "\n    ".join(("stateDiagram-v2", *body)) + "\n"


def plantuml(model: DiagramModel, theme: Theme, labels: Mapping[str, str]) -> str:
    """Return a diagram in PlantUML's language (https://plantuml.com/state-diagram)."""
    light = (theme.background, theme.line, theme.text)  # all text has one colour, so these must be light
    styles = _styles(theme) | dict.fromkeys(("junction", "begin"), light)
    found = {node: styles[_class(node, model)] for node in model.nodes}
    paints = {node: f" {fill} ##{line.lstrip('#')}" for node, (fill, line, _) in found.items()}
    colours = {"backgroundColor": theme.background, "arrowColor": theme.line}
    colours |= dict.fromkeys(("defaultFontColor", "stateStartColor", "stateEndColor"), theme.text)
    look = (f"skinparam {name} {colour}" for name, colour in colours.items())
    head = ("@startuml", f"title {plantuml_text(model.title)}", "hide empty description", *look)
    return "\n".join((*head, *_state_lines(model, labels, plantuml_text, "\\n", paints), "@enduml", ""))


def _state_lines(
    model: DiagramModel,
    labels: Mapping[str, str],
    escaped: Callable[[str], str],
    line_break: str,
    paints: Mapping[Vertex, str],
) -> Iterator[str]:
    """Yield the states and transitions. Mermaid and PlantUML differ in them only by the last three arguments."""
    # If an edge leads to START, START cannot be written as `[*]`, which means the final state at the end of an edge.
    dests = {edge.dest.name for edge in model.edges} | {each.dest for each in model.own_transitions}
    start_is_node = not model.edges or START.name in dests
    names = identifiers((*(node.name for node in model.nodes), *model.own_names()))
    if start_is_node:
        yield "[*] --> START"
    else:
        names[START.name] = "[*]"
    for node in model.nodes:
        if names[node.name] != "[*]":
            label = line_break.join(map(escaped, _node_rows(model, node, labels)))
            yield f'state "{label}" as {names[node.name]}{paints.get(node, "")}'
    for edge in model.edges:
        if edge.kind is not EdgeKind.ACKNOWLEDGEMENT:  # acknowledgements are listed in their node
            label = line_break.join(map(escaped, _rows(edge, labels)))
            yield f"{names[edge.source.name]} --> {names[edge.dest.name]}{f' : {label}' if label else ''}"
    sources = {edge.source for edge in model.edges}
    for node in model.nodes:
        if isinstance(node, Node) and node.state in END_STATES and node not in sources:
            yield f"{names[node.name]} --> [*]"
    yield from (f'state "{escaped(name)}" as {names[name]}' for name in model.own_names())
    own = ((each.trigger, *ends) for each in model.own_transitions for ends in each.ends())
    yield from (f"{names[one]} --> {names[end]} : {escaped(trigger)}" for trigger, one, end in own)


def _node_rows(model: DiagramModel, node: Vertex, labels: Mapping[str, str]) -> Iterator[str]:
    """Yield the rows of a node's label: its name, and the responses that leave the state unchanged."""
    key = node.state if isinstance(node, Node) else node.name
    yield SIGNS.get(model.availability(node).effect, "") + labels.get(key, key) + model.role_of(node)
    for edge in model.edges:
        if edge.source == node and edge.kind is EdgeKind.ACKNOWLEDGEMENT:
            yield from _rows(edge, labels)


def _rows(edge: Edge, labels: Mapping[str, str]) -> Iterator[str]:
    for step in edge.steps:
        text = step.error or labels.get(step.response.trigger, step.response.trigger)
        yield f"{step.number} \u00b7 {text}"
    yield from (f"\u00d7{each.times}" for each in edge.counts if each.response is None)
    if edge.kind is EdgeKind.FAILURE and not edge.counts:
        return
    numbered = {step.response for step in edge.steps if not step.error}
    for response in edge.responses:
        if response not in numbered:
            name = labels.get(response.trigger, response.trigger)
            yield _response(edge, response, name, with_kind=edge.kind is not EdgeKind.ACKNOWLEDGEMENT)


def _response(edge: Edge, response: ResponseClass, name: str, *, with_kind: bool = True) -> str:
    """Return a response's name with a sign for the effect of settings, the edge's kind, a mark of doubt and a count."""
    sign = SIGNS.get(edge.effect_on(response), "")
    kind = f" ({edge.kind})" if edge.kind.loop_kind and with_kind else ""
    doubt = " \u2020" if response in edge.uncertain else ""
    counts = "".join(f" \u00d7{each.times}" for each in edge.counts if each.response is response)
    return f"{sign}{name}{kind}{doubt}{counts}"


def _styles(theme: Theme) -> dict[str, tuple[str, str, str]]:
    """Return the colours of each class of nodes: fill, outline and text."""
    styles = {identifier(group): (each.fill, each.line, theme.text) for group, each in theme.groups.items()}
    styles["junction"] = (theme.line, theme.line, theme.background)
    styles["faded"] = (theme.background, theme.faded, theme.muted)
    styles["current"] = (theme.current, theme.highlight, theme.text)
    return styles


def _classes(model: DiagramModel, theme: Theme) -> Iterator[str]:
    """Yield Mermaid's definition of each class of nodes, and the class's members."""
    names = identifiers(node.name for node in model.nodes)
    members: dict[str, list[str]] = {}
    for node in model.nodes:
        if node != START:
            members.setdefault(_class(node, model), []).append(names[node.name])
    styles = _styles(theme)
    for name, nodes in members.items():
        fill, line, text = styles[name]
        width = ",stroke-width:4px" if name == "current" else ""
        yield f"classDef {name} fill:{fill},stroke:{line}{width},color:{text}"
        yield f"class {','.join(nodes)} {name}"


def _class(node: Vertex, model: DiagramModel) -> str:
    if node == model.current:
        return "current"
    if model.is_faded(node):
        return "faded"
    return "junction" if isinstance(node, Junction) else identifier(group_of(node))


def markdown(model: DiagramModel, labels: Mapping[str, str]) -> str:
    """Return a diagram as a Markdown table of its edges, with sentences about settings and omitted arrows below it."""
    cells = {name: " ".join(text.split()).replace("|", r"\|") for name, text in labels.items()}
    return "\n".join((*_table(model, cells), ""))


def _table(model: DiagramModel, labels: Mapping[str, str]) -> Iterator[str]:
    yield "| from | response | to |"
    yield "|---|---|---|"
    for edge in model.edges:
        sign = SIGNS.get(edge.availability.effect, "")
        responses = ", ".join(_responses(edge, labels)) or f"{sign}*the reply*"
        dest = "itself" if edge.dest == edge.source else _name(edge.dest, labels)
        yield f"| {_name(edge.source, labels)} | {responses} | {dest} |"
    yield ""
    if any(edge.uncertain for edge in model.edges):
        yield "\u2020 known only by inference, or contradicted by another source.  "
    for sentence in (*model.notes, *(omission_caption(each.reason, model) for each in model.omitted)):
        yield f"{labels.get(sentence, sentence)}  "


def _name(vertex: Vertex, labels: Mapping[str, str]) -> str:
    if isinstance(vertex, Junction):
        return f"*{labels.get(vertex.name, vertex.name)}*"
    role = f" ({vertex.role})" if vertex.role else ""
    return f"`{labels.get(vertex.state, vertex.state)}`{role}"


def _responses(edge: Edge, labels: Mapping[str, str]) -> Iterator[str]:
    for response in edge.responses:
        numbers = ", ".join(str(step.number) for step in edge.steps if step.response is response)
        step = f" (step {numbers})" if numbers else ""
        yield _response(edge, response, f"`{labels.get(response.trigger, response.trigger)}`") + step


def as_json(model: DiagramModel) -> str:
    """Return a diagram as JSON, with the names of the table."""
    plain = {
        "format": SCHEMA, "flow": model.flow,
        "nodes": [_node(node, model) for node in model.nodes],
        "edges": [_edge(edge, model) for edge in model.edges],
        "omitted": [
            {"reason": e.reason.value, "caption": omission_caption(e.reason, model), "arrows": len(e.arrows)}
            for e in model.omitted
        ],
        "notes": list(model.notes), "current": model.current.name if model.current else None, "sign_ins": model.sign_ins,
    }  # fmt: skip
    return json.dumps(plain, indent=2, ensure_ascii=False) + "\n"


def _availability(found: Availability) -> dict[str, str]:
    return {} if found == AVAILABLE else {"settings": str(found.effect), "reason": found.reason}


def _node(node: Vertex, model: DiagramModel) -> dict[str, Any]:
    availability = _availability(model.availability(node))
    if isinstance(node, Junction):
        members = sorted(each.name for each in node.members)
        return {"name": node.name, "junction": True, "members": members, **availability}
    return {
        "name": node.name, "state": str(node.state), "role": str(node.role) if node.role else None,
        "group": str(group_of(node)), "meaning": node.state.meaning, "link": documentation_link(node), **availability,
    }  # fmt: skip


def _edge(edge: Edge, model: DiagramModel) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "source": edge.source.name, "dest": edge.dest.name, "kind": str(edge.kind),
        "responses": [response.trigger for response in edge.responses],
        "uncertain": [response.trigger for response in edge.uncertain], **_availability(edge.availability),
    }  # fmt: skip
    if edge.ruled_out:
        plain["ruled_out"] = [response.trigger for response in edge.ruled_out]
    arrows = (each for each in model.arrows_along(edge) if each.dest == edge.dest)
    known = {str(best_confidence(each.transition, model.pools)) for each in arrows}
    if len(known) == 1:
        plain["confidence"] = known.pop()
    if edge.steps:
        plain["steps"] = [
            {
                "number": step.number, "response": step.response.trigger, "error": step.error,
                "elapsed": None if step.elapsed is None else step.elapsed.total_seconds(),
            }
            for step in edge.steps
        ]  # fmt: skip
    if edge.counts:
        plain["times"] = edge.total.times
    return plain
