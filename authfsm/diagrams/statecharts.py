"""A diagram as a statechart for statechart libraries: SCXML, and XState as JSON or as a module.

An event is a response's trigger. Because the reply decides where a response leads, each transition has a guard on the
event's data: `to` is the next state, `role` is the role of EMAIL_OTP, and `kind` is the kind of a self-loop. Of the
self-loops, only a new challenge of the same name exits and enters the state. Direct transitions replace the junctions.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final
from xml.sax.saxutils import quoteattr

from authfsm.diagrams.exports import identifier
from authfsm.diagrams.model import DiagramModel, SettingsEffect
from authfsm.diagrams.vertices import ORDER, Arrow, in_order
from authfsm.protocol.nodes import Node
from authfsm.protocol.responses import RESPONSES
from authfsm.protocol.states import END_STATES
from authfsm.protocol.table import NEW_CHALLENGE

NAMESPACE: Final = "http://www.w3.org/2005/07/scxml"
_RESPONSE_ORDER: Final = {response: number for number, response in enumerate(RESPONSES.values())}
_ABSENT: Final = frozenset({SettingsEffect.FADED, SettingsEffect.REMOVED})


def arrows_by_source(model: DiagramModel) -> dict[Node, list[Arrow]]:
    """Return the arrows of a diagram by their source, without those that settings rule out."""
    absent = {node for node in model.nodes if model.availability(node).effect in _ABSENT}
    ruled_out = {
        arrow for edge in model.edges for arrow in model.arrows_along(edge) if edge.effect_on(arrow.response) in _ABSENT
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
    """Return the event data for which an arrow is followed."""
    found = {"to": arrow.dest.state, "role": arrow.dest.role, "kind": arrow.kind}
    return {name: str(value) for name, value in found.items() if value}


def xstate(model: DiagramModel) -> str:
    """Return the configuration of XState's `createMachine` (version 5) as JSON; `xstate_module` adds the guard."""
    states: dict[str, Any] = {}
    for node, arrows_from_node in arrows_by_source(model).items():
        on: dict[str, list[dict[str, Any]]] = {}
        for arrow in arrows_from_node:
            where = _guard(arrow)
            params = {"state": where.pop("to"), **where}
            transition = {
                "target": identifier(arrow.dest.name), "guard": {"type": "leadsTo", "params": params},
                "reenter": arrow.kind in {None, NEW_CHALLENGE},
            }  # fmt: skip
            on.setdefault(arrow.response.trigger, []).append(transition)
        is_final = not arrows_from_node and node.state in END_STATES
        states[identifier(node.name)] = {
            **({"type": "final"} if is_final else {}),
            "description": node.state.meaning,
            **({"on": on} if on else {}),
        }
    machine = {"id": "authfsm", "initial": next(iter(states)), "states": states}
    return json.dumps(machine, indent=2, ensure_ascii=False) + "\n"


def xstate_module(model: DiagramModel) -> str:
    """Return a JavaScript module, usable without changes, that exports the XState machine and its guard."""
    return f"""\
import {{ setup }} from "xstate";

const leadsTo = ({{ event }}, to) =>
  event.to === to.state && (!to.role || event.role === to.role) && (!to.kind || event.kind === to.kind);

export const machine = setup({{ guards: {{ leadsTo }} }}).createMachine({xstate(model).rstrip()});
"""


def scxml(model: DiagramModel) -> str:
    """Return a diagram as SCXML (W3C); a transition's condition reads `to`, `role` and `kind` of `_event.data`."""
    return "\n".join((*_scxml(arrows_by_source(model)), ""))


def _scxml(arrows: Mapping[Node, list[Arrow]]) -> Iterator[str]:
    initial = quoteattr(identifier(next(iter(arrows)).name))
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    version = 'version="1.0" datamodel="ecmascript" name="authfsm"'
    yield f'<scxml xmlns="{NAMESPACE}" {version} initial={initial}>'
    for node, arrows_from_node in arrows.items():
        name = quoteattr(identifier(node.name))
        yield f"  <!-- {node.state.meaning.replace('--', '-')} -->"
        if not arrows_from_node:
            yield f"  <{'final' if node.state in END_STATES else 'state'} id={name}/>"
            continue
        yield f"  <state id={name}>"
        for arrow in arrows_from_node:
            tests = (f"_event.data.{name} == '{value}'" for name, value in _guard(arrow).items())
            cond = quoteattr(" && ".join(tests))
            event = quoteattr(arrow.response.trigger)
            # A transition without a target stays in its state; with this state as target, it would exit and enter it.
            leaves = arrow.kind in {None, NEW_CHALLENGE}
            target = f" target={quoteattr(identifier(arrow.dest.name))}" if leaves else ""
            yield f"    <transition event={event} cond={cond}{target}/>"
        yield "  </state>"
    yield "</scxml>"
