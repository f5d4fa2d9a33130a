"""Private: what the tables say about a name (a state, a response, a flow, an account's status, an error), for `explain` and the diagrams.

Parameters come from the code that parses replies and writes requests, transitions from the table and its evidence,
errors from the error policy, and the settings that rule a state out from the rules of settings. Only the descriptions of some request parameters, and
the words for when they are sent, are written in this folder (`request_shapes`).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator
from typing import Any

from attrs import asdict, fields

from authfsm.protocol.account_table import ACCOUNT_TRANSITIONS, AccountOperation, Actor, UserStatus
from authfsm.protocol.auth_flows import FLOWS, SIGN_IN_OPERATIONS
from authfsm.protocol.error_policy import ERROR_POLICY, LISTED_OPERATIONS, error_rule
from authfsm.protocol.evidence import account_evidence
from authfsm.protocol.links import reference
from authfsm.protocol.nodes import TRANSITIONS_IN_ROLES
from authfsm.protocol.responses import RESPONSES, Response
from authfsm.protocol.states import CHALLENGES, NON_CHALLENGES, State
from authfsm.protocol.table import CUSTOM, PROTOCOL
from authfsm.reference.about import (
    AboutState,
    AcceptedResponse,
    IncomingTransition,
    Target,
    about_state,
    accepted_responses,
)
from authfsm.reference.request_shapes import Parameter, challenge_parameters, parse_docstring, request_shape
from authfsm.settings.reach import limits_of_response, reached

__all__ = [
    "Facts", "about_state", "as_dict", "challenge_parameters", "find", "known_names", "request_shape", "similar_names",
]  # fmt: skip

Facts = dict[str, Any]
"""The facts about a name, as values for JSON; `kind` is the kind of the name."""


def _named() -> Iterator[tuple[str, Callable[[Any], Facts], Any]]:
    """Yield every name with the function that returns its facts, and the function's argument."""
    yield from ((str(state), _state, state) for state in State)
    for trigger, response in RESPONSES.items():
        yield from ((name, _response, response) for name in (trigger, response.__name__))
    yield from ((flow, _flow, flow) for flow in FLOWS)
    yield from ((code, _error, code) for code in ERROR_POLICY)
    for subject in (*UserStatus, *AccountOperation):
        yield str(subject), _account, subject
        # All steps of a sign-in have the same page, and `new_password` is also the trigger of a response.
        if isinstance(subject, AccountOperation) and subject.actor is not Actor.SIGN_IN:
            yield from ((name, _account, subject) for name in (subject.page, subject.trigger))


def known_names() -> tuple[str, ...]:
    """Return every name that has facts."""
    return tuple(dict.fromkeys(name for name, *_ in _named()))


def find(text: str) -> tuple[Facts, ...]:
    """Return the facts about a name or an error's message; an empty tuple if there are none.

    A name may mean several things: `ADMIN_NO_SRP_AUTH` is a flow and a challenge. Names that match exactly are
    preferred; next come names that differ from the text in case only, then in separators or in the suffix "Exception".
    """
    text = text.strip()
    names = tuple(_named())
    spellings: tuple[Callable[[str], str], ...] = (str, str.casefold, _simplified)
    for spelling in spellings:
        if found := [rest for name, *rest in names if spelling(name) == spelling(text)]:
            return tuple(facts(subject) for facts, subject in dict.fromkeys(map(tuple, found)))
    return _errors(text)


def _simplified(name: str) -> str:
    """Return a name without case, separators and the suffix "Exception"."""
    return re.sub("[^a-z0-9]|exception$", "", name.casefold())


def _errors(text: str) -> tuple[Facts, ...]:
    """Return the errors whose codes are in the text, otherwise those that have such a message."""

    def has_message(code: str) -> bool:
        rules = [rule for part, rule in ERROR_POLICY[code].items() if part]
        return any(error_rule(code, text, rule.operation or "") is rule for rule in rules)

    codes = [code for code in ERROR_POLICY if re.search(rf"\b{code}\b", text)]
    codes = codes or [code for code in ERROR_POLICY if has_message(code)]
    return tuple(_error(code, text) for code in codes)


def similar_names(text: str, count: int = 5) -> tuple[str, ...]:
    """Return the known names that are most similar to an unknown name."""
    simplified = _simplified(text)
    names: dict[str, str] = {}
    for name in known_names():
        names.setdefault(_simplified(name), name)
    containing = [each for each in names if simplified and simplified in each]
    close = difflib.get_close_matches(simplified, names, n=count, cutoff=0.5)
    return tuple(names[each] for each in dict.fromkeys((*close, *containing)))[:count]


def as_dict(about: AboutState) -> Facts:
    """Return the facts about a state as JSON."""
    return {
        "kind": "state", "name": about.node.name, "meaning": about.node.state.meaning,
        "carries": [_parameter(each) for each in about.carries], "session": about.session,
        "accepts": [_accepted(each) for each in about.accepts],
        "from": [
            {"state": each.node.name, "response": each.response.trigger, **_certainty(each)}
            for each in about.incoming
        ],
        "errors": [
            {
                "code": each.code, "message": each.part, "action": str(each.rule.action),
                "leads_to": str(each.leads_to),
            }
            for each in about.errors
        ],
        "ruled_out_by": list(about.limits),
    }  # fmt: skip


def _state(state: State) -> Facts:
    return as_dict(about_state(state))


def _certainty(each: IncomingTransition | Target) -> dict[str, str]:
    kind = {"kind": str(each.kind)} if each.kind else {}
    return {**kind, "confidence": str(each.confidence)}


def _accepted(each: AcceptedResponse) -> Facts:
    return {
        "response": each.response.trigger, "class": each.response.__name__,
        "meaning": parse_docstring(each.response).summary, "condition": each.condition,
        "request": {
            "operation": each.request.operation, "page": each.request.page,
            "parameters": [_parameter(parameter) for parameter in each.request.parameters],
        },
        "leads_to": [
            {
                "state": target.node.name, **_certainty(target),
                "evidence": [
                    {"confidence": str(e.confidence), "when": e.when, "source": e.source}
                    for e in target.evidence
                ],
            }
            for target in each.targets
        ],
    }  # fmt: skip


def _parameter(each: Parameter) -> dict[str, str]:
    return {name: value for name, value in asdict(each).items() if value or name == "name"}


def _response(response: type[Response]) -> Facts:
    doc = parse_docstring(response)
    states = [state for state, row in PROTOCOL.items() if response in row]
    accepted = ((state, each) for state in states for each in accepted_responses(state))
    return {
        "kind": "response", "name": response.trigger, "class": response.__name__,
        "meaning": doc.summary, "flow": response.auth_flow,
        "fields": {each.name: doc.fields[each.name] for each in fields(response)},
        "accepted_by": [
            {"state": str(state), **_accepted(each)}
            for state, each in accepted if each.response is response
        ],
        "ruled_out_by": list(limits_of_response(response)),
    }  # fmt: skip


def _flow(name: str) -> Facts:
    starts = [each for each in PROTOCOL[State.START] if each.auth_flow == name]
    # Only in CUSTOM_AUTH is it certain that Lambda functions choose the challenges: sources contradict each other
    # about the administrators' flows.
    excluded = frozenset() if name == "CUSTOM_AUTH" else CUSTOM
    possible = {}
    for each in TRANSITIONS_IN_ROLES:
        source, response, dest, _ = each[0]
        continues = response in starts if source is State.START else source not in NON_CHALLENGES
        possible[each] = continues and dest not in excluded
    states = {node.state for node, found in reached(possible, never=False, always=True).items() if found}
    states |= {each[0].dest for each, can in possible.items() if can and each[0].source is State.START}
    limits, *others = (limits_of_response(each) for each in starts)
    return {
        "kind": "flow", "name": name, "begins_with": list(map(_response, starts)),
        "reaches": [str(state) for state in CHALLENGES if state in states],
        "ruled_out_by": [why for why in limits if all(why in each for each in others)],
    }  # fmt: skip


def _error(code: str, message: str = "") -> Facts:
    """Return the facts about an error; with a message, `matching_action` is the one of its `actions` that applies."""
    rules = {
        part: {
            "message": part, "action": str(rule.action), "advice": rule.action.advice,
            "session_survives": rule.action.survives, "fault": str(rule.fault),
            "source": rule.source,
        }
        for part, rule in ERROR_POLICY[code].items()
    }  # fmt: skip
    facts: Facts = {
        "kind": "error", "name": code, "actions": list(rules.values()),
        "operations": sorted(LISTED_OPERATIONS.get(code, SIGN_IN_OPERATIONS)),
        "common": code not in LISTED_OPERATIONS,  # any operation of AWS may return it
    }  # fmt: skip
    if message:
        operation = re.search(r"when calling the (\w+) operation", message)
        applied = error_rule(code, message, operation[1] if operation else "")
        parts = (part for part, rule in ERROR_POLICY[code].items() if rule is applied)
        facts["matching_action"] = rules[next(parts)]
    return facts


def _account(subject: UserStatus | AccountOperation) -> Facts:
    page = "UserType" if isinstance(subject, UserStatus) else subject.page
    return {
        "kind": f"account {'status' if isinstance(subject, UserStatus) else 'operation'}",
        "name": str(subject), "meaning": subject.meaning, "page": reference(page),
        "transitions": [
            {
                "status": str(each.source), "operation": str(each.operation), "leads_to": str(each.dest),
                "evidence": [asdict(known) for known in account_evidence(each)],
            }
            for each in ACCOUNT_TRANSITIONS if subject in each
        ],
    }  # fmt: skip
