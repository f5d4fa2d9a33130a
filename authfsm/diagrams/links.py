"""Where AWS says more about a place: a page for each group, and some of their own."""

from __future__ import annotations

from typing import Final

from authfsm.diagrams.places import Group, group
from authfsm.protocol.nodes import Node
from authfsm.protocol.states import State

_GUIDE: Final = "https://docs.aws.amazon.com/cognito/latest/developerguide/"
_REFERENCE: Final = "https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/"

_PAGES: Final = {
    Group.BEGIN: _REFERENCE + "API_InitiateAuth.html",
    Group.FIRST_FACTOR: _GUIDE + "amazon-cognito-user-pools-authentication-flow-methods.html",
    Group.SET_UP: _REFERENCE + "API_RespondToAuthChallenge.html",
    Group.SECOND_FACTOR: _GUIDE + "user-pool-settings-mfa.html",
    Group.DEVICE: _GUIDE + "amazon-cognito-user-pools-device-tracking.html",
    Group.END: _GUIDE + "amazon-cognito-user-pools-using-tokens-with-identity-providers.html",
    Group.OUTSIDE: _REFERENCE + "API_RespondToAuthChallenge.html",
}
_OWN: Final = {
    State.CUSTOM_CHALLENGE: _GUIDE + "user-pool-lambda-challenge.html",
    State.MFA_SETUP: _GUIDE + "user-pool-settings-mfa-totp.html",
    State.SOFTWARE_TOKEN_MFA: _GUIDE + "user-pool-settings-mfa-totp.html",
    State.ADMIN_NO_SRP_AUTH: _REFERENCE + "API_AdminInitiateAuth.html",
}


def link(place: Node) -> str:
    """The page of AWS's that tells most about a place."""
    return _OWN.get(place.state, _PAGES[group(place)])
