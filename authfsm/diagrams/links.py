"""Where AWS says more about a place: a page for each group, and some of their own."""

from __future__ import annotations

from typing import Final

from authfsm.diagrams.places import StateGroup, group
from authfsm.protocol import links
from authfsm.protocol.nodes import Node
from authfsm.protocol.states import State

_PAGES: Final = {
    StateGroup.BEGIN: links.reference("InitiateAuth"),
    StateGroup.FIRST_FACTOR: links.AUTHENTICATION_FLOWS,
    StateGroup.SET_UP: links.reference("RespondToAuthChallenge"),
    StateGroup.SECOND_FACTOR: links.MFA,
    StateGroup.DEVICE: links.DEVICES,
    StateGroup.END: links.TOKENS,
    StateGroup.OUTSIDE: links.reference("RespondToAuthChallenge"),
}
_OWN: Final = {
    State.CUSTOM_CHALLENGE: links.CUSTOM_CHALLENGES,
    State.MFA_SETUP: links.TOTP,
    State.SOFTWARE_TOKEN_MFA: links.TOTP,
    State.ADMIN_NO_SRP_AUTH: links.reference("AdminInitiateAuth"),
}


def link(place: Node) -> str:
    """The page of AWS's that tells most about a place."""
    return _OWN.get(place.state, _PAGES[group(place)])
