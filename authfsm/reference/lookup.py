"""Everything that has a name, found by it: states, responses, flows, errors, and what an error says."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from attrs import asdict

from authfsm.protocol.auth_flows import FLOWS
from authfsm.protocol.error_policy import ERROR_POLICY, error_rule
from authfsm.protocol.responses import RESPONSES
from authfsm.protocol.states import State
from authfsm.reference.about import (
    AboutError,
    AboutFlow,
    AboutResponse,
    AboutState,
    AcceptedResponse,
    PossibleError,
    Target,
    about_error,
    about_flow,
    about_response,
    about_state,
)
from authfsm.reference.request_shapes import Parameter, RequestShape, parse_docstring

About = AboutState | AboutResponse | AboutFlow | AboutError


def _named() -> Iterator[tuple[str, Callable[[], About]]]:
    for state in State:
        yield str(state), partial(about_state, state)
    for trigger, response in RESPONSES.items():
        yield trigger, partial(about_response, response)
        yield response.__name__, partial(about_response, response)
    for flow in FLOWS:
        yield flow, partial(about_flow, flow)
    for code in ERROR_POLICY:
        yield code, partial(about_error, code)


def known_names() -> tuple[str, ...]:
    """Every name that something is known of."""
    return tuple(dict.fromkeys(name for name, _ in _named()))


def find(text: str) -> tuple[About, ...]:
    """What is known of a name, or of an error's message; nothing, if nothing is.

    A name may mean several things: `ADMIN_NO_SRP_AUTH` is a flow and a challenge. Written as it is
    spelt it means that alone; written otherwise, whatever is spelt so but for case.

    Args:
        text: the name, or the message as it came.
    """
    text = text.strip()
    every = tuple(_named())
    spellings: tuple[Callable[[str], str], ...] = (str, str.casefold, _bare)
    for same in spellings:
        found = [about for name, about in every if same(name) == same(text)]
        if found:
            return tuple(dict.fromkeys(about() for about in found))
    return _errors(text)


def _bare(text: str) -> str:
    """A name without what people leave out or write otherwise."""
    return re.sub("[^a-z0-9]|exception$", "", text.casefold())


def _errors(text: str) -> tuple[AboutError, ...]:
    """The errors that a message may be of."""
    named = [code for code in ERROR_POLICY if re.search(rf"\b{code}\b", text)]
    if named:
        return tuple(about_error(code, text) for code in named)
    said = [
        code
        for code, rows in ERROR_POLICY.items()
        if any(
            error_rule(code, text, row.operation or "") is row for part, row in rows.items() if part
        )
    ]
    return tuple(about_error(code, text) for code in said)


def similar_names(text: str, count: int = 5) -> tuple[str, ...]:
    """The names that come nearest to one that nothing is known of."""
    wanted = _bare(text)
    spelt: dict[str, str] = {}
    for name in known_names():
        spelt.setdefault(_bare(name), name)
    holding = [bare for bare in spelt if wanted and wanted in bare]
    close = difflib.get_close_matches(wanted, spelt, n=count, cutoff=0.5)
    return tuple(spelt[bare] for bare in dict.fromkeys((*close, *holding)))[:count]


def as_dict(about: About) -> dict[str, Any]:
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
        "begun_by": [as_dict(each) for each in about.begins],
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
        "meaning": parse_docstring(each.response).summary,
        "needs": each.needs,
        "request": _shape(each.request),
        "leads_to": [_way(way) for way in each.targets],
    }


def _shape(shape: RequestShape) -> dict[str, Any]:
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


def _met(each: PossibleError) -> dict[str, str]:
    return {
        "code": each.code,
        "message": each.part,
        "action": str(each.row.action),
        "leads_to": str(each.leads),
    }
