"""Private: what is known about a name (a state, a response, a flow, an error), gathered from the tables for readers.

Nothing is declared here: parameters come from the code that reads and writes requests, transitions from the table and
its evidence, errors from the error policy, and limits from the rules of settings.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from attrs import asdict

from authfsm.protocol.account_table import AccountOperation, Actor, UserStatus
from authfsm.protocol.auth_flows import FLOWS
from authfsm.protocol.error_policy import ERROR_POLICY, error_rule
from authfsm.protocol.evidence import account_evidence
from authfsm.protocol.links import reference
from authfsm.protocol.responses import RESPONSES
from authfsm.protocol.states import State
from authfsm.reference.about import (
    AboutAccount,
    AboutError,
    AboutFlow,
    AboutResponse,
    AboutState,
    AcceptedResponse,
    Source,
    Target,
    about_account,
    about_error,
    about_flow,
    about_response,
    about_state,
)
from authfsm.reference.request_shapes import Parameter, challenge_parameters, parse_docstring, request_shape

__all__ = [
    "About", "about_error", "about_flow", "about_response", "about_state", "as_dict",
    "challenge_parameters", "find", "known_names", "request_shape", "similar_names",
]  # fmt: skip

About = AboutState | AboutResponse | AboutFlow | AboutError | AboutAccount


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
    for subject in (*UserStatus, *AccountOperation):
        yield str(subject), partial(about_account, subject)
        # A step of a sign-in has the sign-in's names.
        if isinstance(subject, AccountOperation) and subject.actor is not Actor.SIGN_IN:
            yield from ((n, partial(about_account, subject)) for n in (subject.page, subject.trigger))


def known_names() -> tuple[str, ...]:
    """Return every name about which something is known."""
    return tuple(dict.fromkeys(name for name, _ in _named()))


def find(text: str) -> tuple[About, ...]:
    """Return what is known about a name or an error's message; empty if nothing is.

    A name may mean several things: `ADMIN_NO_SRP_AUTH` is a flow and a challenge. An exact match wins over one that
    differs in case, and that one over a match without separators.

    Args:
        text: the name, or the message as it came.
    """
    text = text.strip()
    every = tuple(_named())
    spellings: tuple[Callable[[str], str], ...] = (str, str.casefold, _simplified)
    for spelling in spellings:
        found = [about for name, about in every if spelling(name) == spelling(text)]
        if found:
            return tuple(dict.fromkeys(about() for about in found))
    return _errors(text)


def _simplified(name: str) -> str:
    """Return a name without case, separators and the suffix "Exception"."""
    return re.sub("[^a-z0-9]|exception$", "", name.casefold())


def _errors(text: str) -> tuple[AboutError, ...]:
    """Return the errors that a text names, otherwise those that have such a message."""

    def has_message(code: str) -> bool:
        rules = [rule for part, rule in ERROR_POLICY[code].items() if part]
        return any(error_rule(code, text, rule.operation or "") is rule for rule in rules)

    codes = [code for code in ERROR_POLICY if re.search(rf"\b{code}\b", text)]
    codes = codes or [code for code in ERROR_POLICY if has_message(code)]
    return tuple(about_error(code, text) for code in codes)


def similar_names(text: str, count: int = 5) -> tuple[str, ...]:
    """Return the known names that are most similar to an unknown one."""
    simplified = _simplified(text)
    names: dict[str, str] = {}
    for name in known_names():
        names.setdefault(_simplified(name), name)
    containing = [each for each in names if simplified and simplified in each]
    close = difflib.get_close_matches(simplified, names, n=count, cutoff=0.5)
    return tuple(names[each] for each in dict.fromkeys((*close, *containing)))[:count]


def as_dict(about: About) -> dict[str, Any]:
    """Return what is known about a name as dicts, lists and text, for JSON; `kind` says what the name is."""
    match about:
        case AboutState():
            return _state(about)
        case AboutResponse():
            return {
                "kind": "response", "name": about.name, "class": about.response.__name__,
                "meaning": about.meaning, "flow": about.flow, "fields": dict(about.fields),
                "taken_by": [{"state": str(s), **_accepted(each)} for s, each in about.accepted],
                "ruled_out_by": list(about.limits),
            }  # fmt: skip
        case AboutFlow():
            return {
                "kind": "flow", "name": about.name,
                "begun_by": [as_dict(each) for each in about.begins],
                "reaches": [str(each) for each in about.reaches],
                "ruled_out_by": list(about.limits),
            }  # fmt: skip
        case AboutError():
            return _error(about)
        case AboutAccount():
            return _account(about)


def _state(about: AboutState) -> dict[str, Any]:
    return {
        "kind": "state", "name": about.name, "meaning": about.state.meaning,
        "carries": [_parameter(each) for each in about.carries], "session": about.session,
        "takes": [_accepted(each) for each in about.takes],
        "from": [
            {"state": each.name, "given": each.response.trigger, **_certainty(each)}
            for each in about.sources
        ],
        "errors": [
            {
                "code": each.code, "message": each.part, "action": str(each.rule.action),
                "leads_to": str(each.leads),
            }
            for each in about.errors
        ],
        "ruled_out_by": list(about.limits),
    }  # fmt: skip


def _certainty(each: Source | Target) -> dict[str, str]:
    kind = {"kind": str(each.kind)} if each.kind else {}
    return {**kind, "confidence": str(each.confidence)}


def _accepted(each: AcceptedResponse) -> dict[str, Any]:
    return {
        "given": each.response.trigger, "class": each.response.__name__,
        "meaning": parse_docstring(each.response).summary, "needs": each.needs,
        "request": {
            "operation": each.request.operation, "page": each.request.page,
            "parameters": [_parameter(parameter) for parameter in each.request.parameters],
        },
        "leads_to": [
            {
                "state": target.name, **_certainty(target),
                "evidence": [
                    {"confidence": str(e.confidence), "when": e.when, "source": e.source}
                    for e in target.known
                ],
            }
            for target in each.targets
        ],
    }  # fmt: skip


def _parameter(each: Parameter) -> dict[str, str]:
    return {name: value for name, value in asdict(each).items() if value or name == "name"}


def _error(about: AboutError) -> dict[str, Any]:
    rules = {
        part: {
            "message": part, "action": str(rule.action), "advice": rule.action.advice,
            "session_survives": rule.action.survives, "fault": str(rule.fault),
            "source": rule.source,
        }
        for part, rule in about.rules
    }  # fmt: skip
    return {
        "kind": "error", "name": about.name, "actions": list(rules.values()),
        "operations": list(about.operations), "common": about.common,
        **({} if about.part is None else {"this": rules[about.part]}),
    }  # fmt: skip


def _account(about: AboutAccount) -> dict[str, Any]:
    is_status = isinstance(about.subject, UserStatus)
    page = "UserType" if isinstance(about.subject, UserStatus) else about.subject.page
    return {
        "kind": "account status" if is_status else "account operation", "name": about.name,
        "meaning": about.subject.meaning, "page": reference(page),
        "transitions": [
            {
                "status": str(each.source), "operation": str(each.operation),
                "leads_to": str(each.dest),
                "evidence": [asdict(known) for known in account_evidence(each)],
            }
            for each in about.transitions
        ],
    }  # fmt: skip
