"""A picture as a statechart that others' engines run: SCXML (W3C), XState v5.

An event is a response's trigger; where it leads is the reply's, so each arrow has a guard: the event
tells where the reply led (`to`, for an e-mailed code which factor it is, `role`, and for a self-loop its
`kind`). Only a new challenge enters its state again; the other kinds stay in it. Junctions are
unfolded: a statechart has the arrows themselves.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final
from xml.sax.saxutils import quoteattr

from authfsm.diagrams.mermaid import identifier
from authfsm.diagrams.model import DiagramModel, Tone
from authfsm.diagrams.places import ORDER, Arrow, in_order
from authfsm.protocol.nodes import Node
from authfsm.protocol.responses import RESPONSES
from authfsm.protocol.states import END_STATES
from authfsm.protocol.table import NEW_CHALLENGE

NAMESPACE: Final = "http://www.w3.org/2005/07/scxml"
_TABLE: Final = {response: number for number, response in enumerate(RESPONSES.values())}
_ABSENT: Final = frozenset({Tone.FADED, Tone.LOST})


def arrows(model: DiagramModel) -> dict[Node, list[Arrow]]:
    """The arrows of a picture by the place they leave, but for those that settings rule out."""
    held: dict[Node, list[Arrow]] = {}
    places = {node for node in model.nodes if isinstance(node, Node)}
    drawn = _followed(model)
    places |= {end for arrow in drawn for end in (arrow.source, arrow.dest)}
    for place in in_order(places):
        if model.shade(place).tone not in _ABSENT:
            held[place] = sorted(
                (arrow for arrow in drawn if arrow.source == place),
                key=lambda arrow: (_TABLE[arrow.response], ORDER[arrow.dest], arrow.kind or ""),
            )
    return held


def _followed(model: DiagramModel) -> frozenset[Arrow]:
    """What can be followed along lines that settings leave."""
    lost = {
        arrow
        for edge in model.edges
        for arrow in model.followed(edge)
        if edge.tone(arrow.response) in _ABSENT
    }
    gone = {node for node in model.nodes if model.shade(node).tone in _ABSENT}
    return frozenset(
        arrow
        for arrow in model.arrows - lost
        if arrow.source not in gone and arrow.dest not in gone
    )


def _ends(leaving: list[Arrow], place: Node) -> bool:
    return not leaving and place.state in END_STATES


def xstate(model: DiagramModel) -> str:
    """The configuration of `createMachine`, as JSON.

    Its one guard is `leadsTo`, with the destination as its parameters:
    `setup({guards: {leadsTo: ({event}, to) => event.to === to.state && (!to.role || event.role === to.role)
    && (!to.kind || event.kind === to.kind)}})`. `kind` is the kind of a self-loop.

    Args:
        model: the picture.
    """
    states: dict[str, Any] = {}
    for place, leaving in arrows(model).items():
        on: dict[str, list[dict[str, Any]]] = {}
        for arrow in leaving:
            to = {"state": str(arrow.dest.state)}
            if arrow.dest.role:
                to["role"] = str(arrow.dest.role)
            if arrow.kind:
                to["kind"] = str(arrow.kind)
            step = {
                "target": identifier(arrow.dest.name),
                "guard": {"type": "leadsTo", "params": to},
                "reenter": arrow.kind in {None, NEW_CHALLENGE},
            }
            on.setdefault(arrow.response.trigger, []).append(step)
        states[identifier(place.name)] = {
            **({"type": "final"} if _ends(leaving, place) else {}),
            "description": place.state.meaning,
            **({"on": on} if on else {}),
        }
    machine = {"id": "authfsm", "initial": _initial(model), "states": states}
    return json.dumps(machine, indent=2, ensure_ascii=False) + "\n"


def _initial(model: DiagramModel) -> str:
    return identifier(next(iter(arrows(model))).name)


def scxml(model: DiagramModel) -> str:
    """The picture as SCXML; a transition's condition reads `_event.data.to` and `_event.data.role`.

    Args:
        model: the picture.
    """
    return "\n".join((*_scxml(model), ""))


def _scxml(model: DiagramModel) -> Iterator[str]:
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield (
        f'<scxml xmlns="{NAMESPACE}" version="1.0" datamodel="ecmascript" name="authfsm"'
        f" initial={quoteattr(_initial(model))}>"
    )
    for place, leaving in arrows(model).items():
        name, tag = quoteattr(identifier(place.name)), "final" if _ends(leaving, place) else "state"
        yield f"  <!-- {place.state.meaning.replace('--', '-')} -->"
        if not leaving:
            yield f"  <{tag} id={name}/>"
            continue
        yield f"  <{tag} id={name}>"
        for arrow in leaving:
            cond = f"_event.data.to == '{arrow.dest.state}'"
            if arrow.dest.role:
                cond += f" && _event.data.role == '{arrow.dest.role}'"
            within = ""
            if arrow.kind:
                cond += f" && _event.data.kind == '{arrow.kind}'"
                within = "" if arrow.kind is NEW_CHALLENGE else ' type="internal"'
            event, target = (
                quoteattr(arrow.response.trigger),
                quoteattr(identifier(arrow.dest.name)),
            )
            yield f"    <transition event={event} cond={quoteattr(cond)} target={target}{within}/>"
        yield f"  </{tag}>"
    yield "</scxml>"
