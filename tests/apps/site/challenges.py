"""Every challenge on one page, made from the package's own specification of what a person is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import evolve

from authfsm import Flow, Password, RawAnswer, Response, SrpA, State
from authfsm.core.enrolment import Enrolment
from authfsm.protocol.forms import Prompt
from authfsm.protocol.prompts import form_for
from authfsm.protocol.replies import MfaSetup, WebAuthn

Page = tuple[str, Mapping[str, Any]]

BY_ITSELF: Final = {
    State.PASSWORD_VERIFIER,
    State.DEVICE_SRP_AUTH,
    State.DEVICE_PASSWORD_VERIFIER,
}
"""The flow answers these by itself. A person sees them only where the connection was lost."""


def page(flow: Flow, *, issuer: str, account: str) -> Page:
    """The page that asks what the sign-in asks: its template, and what that is told.

    Args:
        flow: the sign-in.
        issuer: the site's name, as an authenticator app will show it.
        account: the person's name, as they typed it.
    """
    asked = flow.challenge
    if asked is None or flow.state in BY_ITSELF:
        return "go_on", {}
    asks = form_for(asked, flow.signin.role)
    facts: dict[str, Any] = {"title": asks.title, "told": asks.facts, "prompts": prompts(flow)}
    if isinstance(asked, WebAuthn):
        facts["options"] = dict(asked.request_options)
    if isinstance(asked, MfaSetup) and asked.secret_code is not None and not asked.verified:
        enrolment = Enrolment.of(asked, issuer=issuer, account=account)
        facts |= {"qr": enrolment.svg(), "key": enrolment.secret_code.reveal()}
    return "challenge", facts


def prompts(flow: Flow) -> list[Prompt]:
    """The ways to answer that this site offers: a password is proved where it can be, and asked for once.

    Args:
        flow: the sign-in.
    """
    asked = flow.challenge
    every = () if asked is None else form_for(asked, flow.signin.role).prompts
    taken = [each for each in every if each.response in flow.accepts]
    left_out: set[type[Response]] = {RawAnswer}  # nobody knows the names that it wants
    if any(each.response is SrpA for each in taken):
        left_out.add(Password)
    return [_bare(each, taken) for each in taken if each.response not in left_out]


def _bare(prompt: Prompt, taken: list[Prompt]) -> Prompt:
    """Without the choices that have a form of their own."""
    own = {each.factor for each in taken}
    fields = [
        evolve(each, choices=tuple(one for one in each.choices if one[0] not in own))
        for each in prompt.fields
    ]
    return evolve(prompt, fields=tuple(fields))


def response(flow: Flow, values: Mapping[str, str]) -> Response | None:
    """What the person gave on that page; None where there is nothing to give.

    Args:
        flow: the sign-in.
        values: the page's fields; `response` names the form that was sent.

    Raises:
        InvalidInput: something cannot be an answer.
    """
    if flow.state in BY_ITSELF:
        return flow.next_response()
    for each in prompts(flow):
        if each.trigger == values.get("response"):
            return flow.make_response(each.response, **each.arguments(values))
    return None
