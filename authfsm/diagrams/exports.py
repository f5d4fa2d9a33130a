"""A diagram as text: Mermaid and a Markdown table for people, JSON for programs, SCXML and XState for engines.

Mermaid, as GitHub renders it, has no styles for edges: a sign before the label says what an edge means.
In a statechart an event is a response's trigger. Since the reply decides where a response leads, each
transition has a guard, and the event says where the reply led: `to`, with the `role` of an e-mailed code
and the `kind` of a self-loop. Only a new challenge enters its state again. Junctions are unfolded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from xml.sax.saxutils import quoteattr

from authfsm.diagrams.model import AVAILABLE, Availability, DiagramModel, Edge, EdgeKind, SettingsEffect
from authfsm.diagrams.themes import Theme
from authfsm.diagrams.vertices import (
    ORDER,
    START,
    Arrow,
    Junction,
    Vertex,
    documentation_link,
    group_of,
    in_order,
)
from authfsm.protocol.nodes import Node
from authfsm.protocol.responses import RESPONSES
from authfsm.protocol.states import END_STATES
from authfsm.protocol.table import NEW_CHALLENGE
from authfsm.settings.reach import best_confidence

SCHEMA: Final = "authfsm-diagram/1"
"""The format of the JSON; the number grows when readers would have to change."""
NAMESPACE: Final = "http://www.w3.org/2005/07/scxml"


# ---- Mermaid ----------------------------------------------------------------------------------

SIGNS: Final = {SettingsEffect.FADED: "\u2715 ", SettingsEffect.GAINED: "+ ", SettingsEffect.LOST: "\u2212 "}
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
    return "\n".join((*_mermaid_lines(model, labels), *_classes(model, theme), ""))


def _mermaid_lines(model: DiagramModel, labels: Mapping[str, str]) -> Iterator[str]:
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
                    rows += _mermaid_rows(edge, labels)
            yield f'    state "{"<br/>".join(rows)}" as {identifier(node.name)}'
    for edge in model.edges:
        if edge.kind is EdgeKind.ACKNOWLEDGEMENT:
            continue  # it is listed in its node
        rows = list(_mermaid_rows(edge, labels))
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


def _mermaid_rows(edge: Edge, labels: Mapping[str, str]) -> Iterator[str]:
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
    styles["current"] = f"fill:{theme.current},stroke:{theme.highlight},stroke-width:4px,color:{theme.text}"
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


# ---- Markdown ---------------------------------------------------------------------------------


def markdown(model: DiagramModel, labels: Mapping[str, str]) -> str:
    """Return a diagram as a Markdown table, a row for each edge, with the sentences of its caption below."""
    return "\n".join((*_table(model, labels), ""))


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
    for sentence in (*model.notes, *(each.reason.caption for each in model.omitted)):
        yield f"{labels.get(sentence, sentence)}  "


def _name(vertex: Vertex, labels: Mapping[str, str]) -> str:
    if isinstance(vertex, Junction):
        return f"*{labels.get(vertex.name, vertex.name)}*"
    role = f" ({vertex.role})" if vertex.role else ""
    return f"`{labels.get(vertex.state, vertex.state)}`{role}"


def _responses(edge: Edge, labels: Mapping[str, str]) -> Iterator[str]:
    times = {count.response: count.times for count in edge.counts}
    kind = f" ({edge.kind})" if edge.kind.loop_kind else ""
    for response in edge.responses:
        sign = SIGNS.get(edge.effect_on(response), "")
        doubt = "\u2020" if response in edge.uncertain else ""
        count = f" \u00d7{times[response]}" if response in times else ""
        numbers = ", ".join(str(step.number) for step in edge.steps if step.response is response)
        step = f" (step {numbers})" if numbers else ""
        name = labels.get(response.trigger, response.trigger)
        yield f"{sign}`{name}`{kind}{doubt}{count}{step}"


# ---- JSON -------------------------------------------------------------------------------------


def as_json(model: DiagramModel) -> str:
    """Return a diagram as JSON, every name as it is on the wire and in the table."""
    plain = {
        "format": SCHEMA,
        "flow": model.flow,
        "nodes": [_node(node, model) for node in model.nodes],
        "edges": [_edge(edge, model) for edge in model.edges],
        "omitted": [
            {"reason": e.reason.value, "caption": e.reason.caption, "arrows": len(e.arrows)}
            for e in model.omitted
        ],
        "notes": list(model.notes),
        "current": model.current.name if model.current else None,
        "sign_ins": model.sign_ins,
    }
    return json.dumps(plain, indent=2, ensure_ascii=False) + "\n"


def _availability(found: Availability) -> dict[str, str]:
    return {} if found == AVAILABLE else {"settings": str(found.effect), "reason": found.reason}


def _node(node: Vertex, model: DiagramModel) -> dict[str, Any]:
    availability = _availability(model.availability(node))
    if isinstance(node, Junction):
        members = sorted(each.name for each in node.members)
        return {"name": node.name, "junction": True, "members": members, **availability}
    return {
        "name": node.name,
        "state": str(node.state),
        "role": str(node.role) if node.role else None,
        "group": str(group_of(node)),
        "meaning": node.state.meaning,
        "link": documentation_link(node),
        **availability,
    }


def _edge(edge: Edge, model: DiagramModel) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "source": edge.source.name,
        "dest": edge.dest.name,
        "kind": str(edge.kind),
        "responses": [response.trigger for response in edge.responses],
        "uncertain": [response.trigger for response in edge.uncertain],
        **_availability(edge.availability),
    }
    if edge.ruled_out:
        plain["ruled_out"] = [response.trigger for response in edge.ruled_out]
    known = {
        str(best_confidence(arrow.transition, model.pools))
        for arrow in model.arrows_along(edge)
        if arrow.dest == edge.dest
    }
    if len(known) == 1:
        plain["confidence"] = known.pop()
    if edge.steps:
        plain["steps"] = [
            {
                "number": step.number,
                "response": step.response.trigger,
                "error": step.error,
                "elapsed": None if step.elapsed is None else step.elapsed.total_seconds(),
            }
            for step in edge.steps
        ]
    if edge.counts:
        plain["times"] = edge.total.times
    return plain


# ---- statecharts ------------------------------------------------------------------------------

_RESPONSE_ORDER: Final = {response: number for number, response in enumerate(RESPONSES.values())}
_ABSENT: Final = frozenset({SettingsEffect.FADED, SettingsEffect.LOST})


def arrows_by_source(model: DiagramModel) -> dict[Node, list[Arrow]]:
    """Return the arrows of a diagram by the node they leave, without those that settings rule out."""
    absent = {node for node in model.nodes if model.availability(node).effect in _ABSENT}
    ruled_out = {
        arrow
        for edge in model.edges
        for arrow in model.arrows_along(edge)
        if edge.effect_on(arrow.response) in _ABSENT
    }
    arrows = [a for a in model.arrows - ruled_out if not {a.source, a.dest} & absent]
    nodes = {node for node in model.nodes if isinstance(node, Node) and node not in absent}
    nodes |= {end for arrow in arrows for end in (arrow.source, arrow.dest)}
    return {
        node: sorted(
            (arrow for arrow in arrows if arrow.source == node),
            key=lambda a: (_RESPONSE_ORDER[a.response], ORDER[a.dest], a.kind or ""),
        )
        for node in in_order(nodes)
    }


def _guard(arrow: Arrow) -> dict[str, str]:
    """Return what the event of an arrow says about where its reply led."""
    found = {"to": arrow.dest.state, "role": arrow.dest.role, "kind": arrow.kind}
    return {name: str(value) for name, value in found.items() if value}


def xstate(model: DiagramModel) -> str:
    """Return the configuration of XState's `createMachine` (version 5), as JSON.

    Its one guard is `leadsTo`, with the destination as its parameters:
    `setup({guards: {leadsTo: ({event}, to) => event.to === to.state && (!to.role || event.role === to.role)
    && (!to.kind || event.kind === to.kind)}})`.
    """
    states: dict[str, Any] = {}
    arrows = arrows_by_source(model)
    for node, leaving in arrows.items():
        on: dict[str, list[dict[str, Any]]] = {}
        for arrow in leaving:
            where = _guard(arrow)
            params = {"state": where.pop("to"), **where}
            transition = {
                "target": identifier(arrow.dest.name),
                "guard": {"type": "leadsTo", "params": params},
                "reenter": arrow.kind in {None, NEW_CHALLENGE},
            }
            on.setdefault(arrow.response.trigger, []).append(transition)
        is_final = not leaving and node.state in END_STATES
        states[identifier(node.name)] = {
            **({"type": "final"} if is_final else {}),
            "description": node.state.meaning,
            **({"on": on} if on else {}),
        }
    machine = {"id": "authfsm", "initial": next(iter(states)), "states": states}
    return json.dumps(machine, indent=2, ensure_ascii=False) + "\n"


def scxml(model: DiagramModel) -> str:
    """Return a diagram as SCXML (W3C); a transition's condition reads `to`, `role` and `kind` of `_event.data`."""
    return "\n".join((*_scxml(arrows_by_source(model)), ""))


def _scxml(arrows: Mapping[Node, list[Arrow]]) -> Iterator[str]:
    initial = quoteattr(identifier(next(iter(arrows)).name))
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    version = 'version="1.0" datamodel="ecmascript" name="authfsm"'
    yield f'<scxml xmlns="{NAMESPACE}" {version} initial={initial}>'
    for node, leaving in arrows.items():
        name = quoteattr(identifier(node.name))
        yield f"  <!-- {node.state.meaning.replace('--', '-')} -->"
        if not leaving:
            yield f"  <{'final' if node.state in END_STATES else 'state'} id={name}/>"
            continue
        yield f"  <state id={name}>"
        for arrow in leaving:
            tests = (f"_event.data.{name} == '{value}'" for name, value in _guard(arrow).items())
            condition = " && ".join(tests)
            internal = ' type="internal"' if arrow.kind not in {None, NEW_CHALLENGE} else ""
            event = quoteattr(arrow.response.trigger)
            target = quoteattr(identifier(arrow.dest.name))
            cond = quoteattr(condition)
            yield f"    <transition event={event} cond={cond} target={target}{internal}/>"
        yield "  </state>"
    yield "</scxml>"
