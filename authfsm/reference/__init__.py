"""Private: what the tables say about a name (a state, a response, a flow, an account's status, an error).

Where the facts come from:
- parameters: the code that parses replies and writes requests; transitions: the table and its evidence;
- errors: `protocol/error_policy.py`; settings that make a state impossible: `settings/rules.py`;
- descriptions of some request parameters, and the conditions for sending them: `request_shapes` in this folder.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from attrs import asdict, fields

from authfsm.protocol import account_requests, links
from authfsm.protocol import error_policy as policy
from authfsm.protocol.account_table import ACCOUNT_TRANSITIONS, AccountOperation, Actor, UserStatus
from authfsm.protocol.auth_flows import FLOWS, SIGN_IN_OPERATIONS
from authfsm.protocol.evidence import account_evidence
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
from authfsm.settings.reach import exclusions_of_response, reached

__all__ = [
    "Facts", "about_state", "as_dict", "challenge_parameters", "find", "known_names", "request_shape", "similar_names",
]  # fmt: skip

Facts = dict[str, Any]
"""The facts about a name, as values for JSON; `kind` is the kind of the name."""

_SIGN_IN_ERROR: Final = "error"
_ACCOUNT_ERROR: Final = "account error"
_ADMINISTRATION_ERROR: Final = "administration error"
_TOKEN_OPERATIONS: Final = frozenset({
    *(name for name, each in vars(account_requests).items() if hasattr(each, "access_token")),
    "DeleteUserAttributes", "DeleteWebAuthnCredential", "ForgetDevice", "GetDevice", "GetUserAuthFactors", "ListDevices",
    "SetUserMFAPreference", "SetUserSettings", "UpdateAuthEventFeedback",
})  # fmt: skip
"""The operations that name the user by a token, except those of a sign-in."""
_POLICIES: Final = {_SIGN_IN_ERROR: policy.ERROR_POLICY, _ACCOUNT_ERROR: policy.ACCOUNT_ERROR_POLICY}


def _named() -> Iterator[tuple[str, Callable[[Any], Facts], Any]]:
    """Yield every name with the function that returns its facts, and the function's argument."""
    yield from ((str(state), _state, state) for state in State)
    for trigger, response in RESPONSES.items():
        yield from ((name, _response, response) for name in (trigger, response.__name__))
    yield from ((flow, _flow, flow) for flow in FLOWS)
    yield from ((code, _error, (kind, code)) for kind, codes in _POLICIES.items() for code in codes)
    for subject in (*UserStatus, *AccountOperation):
        yield str(subject), _account, subject
        # An operation is also found by the name of its AWS page and by its trigger. The operations of a sign-in are not: they
        # share one page, and one of their triggers, `new_password`, is also the name of a response.
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
    """Return the errors that a text names: by a code, by a known message, or by both.

    If the text names an operation, as boto3's errors do ("when calling the SignUp operation"), this determines the kind
    of the error: of a sign-in, an account or administration. If it names none, the errors of both a sign-in and an account
    are returned. If the text contains several known messages, only the errors with the longest one are returned.
    """
    errors = [(kind, code) for kind, codes in _POLICIES.items() for code in codes]
    named = [each for each in errors if re.search(rf"\b{each[1]}\b", text)]
    lengths = {}
    for kind, code in named or errors:
        rules = _POLICIES[kind][code].items()
        parts = {part: part for part, rule in rules if not (named and rule.operation)}
        lengths[kind, code] = len(policy.by_message(parts, text) or "")
    longest = max(lengths.values())
    found = [each for each, length in lengths.items() if length == longest and (named or length)]
    codes = dict.fromkeys(code for _, code in named or found)
    operation = next(iter(re.findall(r"when calling the (\w+) operation", text)), "")
    if operation:
        of_user = operation in _TOKEN_OPERATIONS or hasattr(account_requests, operation)
        kind = (
            _SIGN_IN_ERROR if operation in SIGN_IN_OPERATIONS else _ACCOUNT_ERROR if of_user else _ADMINISTRATION_ERROR
        )
        found = [(kind, code) for code in codes]
    elif not named:  # the text is a message alone: look again as if it named each code that has this message
        return tuple(facts for code in codes for facts in _errors(f"{code}: {text}"))
    return tuple(_error(each, text, operation) for each in found)


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
    """Return the facts about a state as a dict of values for JSON."""
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
        "ruled_out_by": list(about.exclusions),
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
        "ruled_out_by": list(exclusions_of_response(response)),
    }  # fmt: skip


def _flow(name: str) -> Facts:
    starts = [each for each in PROTOCOL[State.START] if each.auth_flow == name]
    # In the table, SMS_MFA and other states lead to CUSTOM_CHALLENGE. They do so only in a sign-in that began with
    # CUSTOM_AUTH. (About the administrators' flows, sources contradict each other.)
    excluded = frozenset() if name == "CUSTOM_AUTH" else CUSTOM
    possible = {}
    for each in TRANSITIONS_IN_ROLES:
        source, response, dest, _ = each[0]
        continues = response in starts if source is State.START else source not in NON_CHALLENGES
        possible[each] = continues and dest not in excluded
    states = {node.state for node, found in reached(possible).items() if found}
    states |= {each[0].dest for each, can in possible.items() if can and each[0].source is State.START}
    exclusions, *others = (exclusions_of_response(each) for each in starts)
    return {
        "kind": "flow", "name": name, "begins_with": list(map(_response, starts)),
        "reaches": [str(state) for state in CHALLENGES if state in states],
        "ruled_out_by": [why for why in exclusions if all(why in each for each in others)],
    }  # fmt: skip


def _error(error: tuple[str, str], message: str = "", operation: str = "") -> Facts:
    """Return the facts about an error; with a message, `matching_action` is the action that applies."""
    kind, code = error
    of_account, in_sign_in = kind == _ACCOUNT_ERROR, kind == _SIGN_IN_ERROR
    rules = _POLICIES.get(kind, {}).get(code) or {**policy.ACCOUNT_ERROR_POLICY, **policy.ERROR_POLICY}[code]
    if kind == _ADMINISTRATION_ERROR:
        rules = {"": policy.administration_error_rule(code, message, operation)}

    def action(part: str, rule: policy.ErrorRule) -> Facts:
        advice = policy.ACCOUNT_ADVICE.get(rule.action) if of_account else None
        return {
            "message": part, "action": str(rule.action), "advice": advice or rule.action.advice,
            "session_survives": rule.action.survives and in_sign_in, "fault": str(rule.fault),
            "source": rule.source,
        }  # fmt: skip

    facts: Facts = {
        "kind": kind, "name": code, "actions": [action(*each) for each in rules.items()],
        "operations": sorted(policy.LISTED_OPERATIONS.get(code, SIGN_IN_OPERATIONS) if in_sign_in else ()),
        # an error of every service of AWS, which any operation may return
        "common": code not in {**policy.LISTED_OPERATIONS, **policy.ACCOUNT_ERROR_POLICY},
        **({} if in_sign_in else {"page": links.reference("Operations")}),
    }  # fmt: skip
    if message:
        rule = (
            policy.account_error_rule(code, message, has_token=operation in _TOKEN_OPERATIONS) if of_account else None
        )
        rule = rule or (policy.error_rule(code, message, operation) if kind in _POLICIES else rules[""])
        facts["matching_action"] = action(next((p for p, each in rules.items() if each is rule), ""), rule)
    return facts


def _account(subject: UserStatus | AccountOperation) -> Facts:
    page = "UserType" if isinstance(subject, UserStatus) else subject.page
    return {
        "kind": f"account {'status' if isinstance(subject, UserStatus) else 'operation'}",
        "name": str(subject), "meaning": subject.meaning, "page": links.reference(page),
        "transitions": [
            {
                "status": str(each.source), "operation": str(each.operation), "leads_to": str(each.dest),
                "evidence": [asdict(known) for known in account_evidence(each)],
            }
            for each in ACCOUNT_TRANSITIONS if subject in each
        ],
    }  # fmt: skip
