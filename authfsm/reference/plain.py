"""What is known, as plain dicts and lists: for JSON, and for whatever reads it."""

from __future__ import annotations

from typing import Any

from attrs import asdict

from authfsm.reference.docs import doc
from authfsm.reference.errors import AboutError, Met
from authfsm.reference.flows import AboutFlow
from authfsm.reference.names import About
from authfsm.reference.responses import AboutResponse
from authfsm.reference.shapes import Parameter, Shape
from authfsm.reference.states import AboutState, AcceptedResponse, Target


def plain(about: About) -> dict[str, Any]:
    """What is known of a name, in plain values; `kind` says what it is the name of."""
    match about:
        case AboutState():
            return _state(about)
        case AboutResponse():
            return _response(about)
        case AboutFlow():
            return _flow(about)
        case AboutError():
            return _error(about)


def _state(about: AboutState) -> dict[str, Any]:
    return {
        "kind": "state",
        "name": about.name,
        "meaning": about.state.meaning,
        "carries": [_parameter(each) for each in about.carries],
        "session": about.session,
        "takes": [_taken(each) for each in about.takes],
        "from": [
            {
                "state": each.name,
                "given": each.response.trigger,
                **({"kind": str(each.kind)} if each.kind else {}),
                "confidence": str(each.confidence),
            }
            for each in about.sources
        ],
        "errors": [_met(each) for each in about.errors],
        "ruled_out_by": list(about.limits),
    }


def _response(about: AboutResponse) -> dict[str, Any]:
    return {
        "kind": "response",
        "name": about.name,
        "class": about.response.__name__,
        "meaning": about.meaning,
        "flow": about.flow,
        "fields": dict(about.fields),
        "taken_by": [{"state": str(state), **_taken(each)} for state, each in about.taken],
        "ruled_out_by": list(about.limits),
    }


def _flow(about: AboutFlow) -> dict[str, Any]:
    return {
        "kind": "flow",
        "name": about.name,
        "begun_by": [plain(each) for each in about.begins],
        "reaches": [str(each) for each in about.reaches],
        "ruled_out_by": list(about.limits),
    }


def _error(about: AboutError) -> dict[str, Any]:
    every = [
        {
            "message": each.part,
            "action": str(each.action),
            "advice": each.action.advice,
            "session_survives": each.action.survives,
            "fault": str(each.fault),
            "source": each.source,
        }
        for each in about.effects
    ]
    return {
        "kind": "error",
        "name": about.name,
        "actions": every,
        "operations": list(about.operations),
        "common": about.common,
        **({"this": every[about.effects.index(about.said)]} if about.said else {}),
    }


def _taken(each: AcceptedResponse) -> dict[str, Any]:
    return {
        "given": each.response.trigger,
        "class": each.response.__name__,
        "meaning": doc(each.response).summary,
        "needs": each.needs,
        "request": _shape(each.request),
        "leads_to": [_way(way) for way in each.ways],
    }


def _shape(shape: Shape) -> dict[str, Any]:
    return {
        "operation": shape.operation,
        "page": shape.page,
        "parameters": [_parameter(each) for each in shape.parameters],
    }


def _parameter(each: Parameter) -> dict[str, str]:
    return {name: value for name, value in asdict(each).items() if value or name == "name"}


def _way(way: Target) -> dict[str, Any]:
    known = [
        {"confidence": str(each.confidence), "when": each.when, "source": each.source}
        for each in way.known
    ]
    kind = {"kind": str(way.kind)} if way.kind else {}
    return {"state": way.name, **kind, "confidence": str(way.confidence), "evidence": known}


def _met(each: Met) -> dict[str, str]:
    return {
        "code": each.code,
        "message": each.part,
        "action": str(each.row.action),
        "leads_to": str(each.leads),
    }
