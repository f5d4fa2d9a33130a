"""Which response a request carries: read off its operation, its flow or challenge, and what it bears."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from authfsm.protocol.responses import RESPONSES, Response
from authfsm.protocol.states import NAMED, State
from authfsm.protocol.table import PROTOCOL
from authfsm.traces.words import names, operation

BESIDE: Final = {
    operation(RESPONSES[each]): RESPONSES[each]
    for each in (
        "associate_software_token", "verify_software_token", "get_tokens_from_refresh_token", "confirm_device",
        "update_device_status", "revoke_token", "global_sign_out",
    )
}  # fmt: skip
"""The operations that neither begin a sign-in nor answer a challenge, with their responses."""

BEGIN: Final = frozenset({"InitiateAuth", "AdminInitiateAuth"})
"""The operations that begin a flow."""

ANSWER: Final = frozenset({"RespondToAuthChallenge", "AdminRespondToAuthChallenge"})
"""The operations that answer a challenge."""

WATCHED: Final = BEGIN | ANSWER | frozenset(BESIDE)
"""Every operation that a sign-in is made of."""

_BY_FLOW: Final = {
    kind.auth_flow: kind.trigger
    for kind in PROTOCOL[State.START]
    if kind.auth_flow not in {None, "USER_AUTH", "CUSTOM_AUTH"}
}
# What a request bears that the others of its flow, or of its challenge, do not.
_BY_KEY: Final = {
    "CUSTOM_AUTH": (("SRP_A", "custom_srp_auth"), ("", "custom_auth")),
    "SELECT_CHALLENGE": (("PASSWORD", "password"), ("SRP_A", "srp_a"), ("CREDENTIAL", "credential"), ("", "select")),
    "MFA_SETUP": (("EMAIL", "set_up_email"), ("email", "set_up_email"), ("", "complete_mfa_setup")),
}  # fmt: skip


def beginning(flow: str, fields: Mapping[str, Any], *, session: bool) -> str | None:
    """The trigger of the response that begins a flow; None if there is none.

    Args:
        flow: AuthFlow.
        fields: AuthParameters.
        session: does the request bear a Session of a sign-up?
    """
    if flow != "USER_AUTH":
        return _by_key(flow, fields) or _BY_FLOW.get(flow)
    if "TARGET_ACR_VALUES" in fields:
        return "step_up"
    if session:
        return "signed_up"
    match fields.get("PREFERRED_CHALLENGE"):
        case "PASSWORD" if "PASSWORD" in fields:
            return "user_auth_with_password"
        case "PASSWORD_SRP" if "SRP_A" in fields:
            return "user_auth_with_srp"
        case _:
            return "user_auth"


def answering(name: str, fields: Mapping[str, Any]) -> str:
    """The trigger of the response that answers under a ChallengeName.

    Args:
        name: ChallengeName as it is sent.
        fields: ChallengeResponses.
    """
    if name not in NAMED:
        return "raw_answer"
    if (trigger := _by_key(name, fields)) is not None:
        return trigger
    takes = [kind for kind in PROTOCOL[NAMED[name]] if name in names(NAMED[name], kind)]
    return takes[0].trigger


def _by_key(name: str, fields: Mapping[str, Any]) -> str | None:
    rows = _BY_KEY.get(name, ())
    return next((trigger for key, trigger in rows if not key or key in fields), None)


def word(name: str) -> str:
    """A ChallengeName as a word of the table."""
    return name if name in NAMED else str(State.OTHER_CHALLENGE)


def fits(state: State, kind: type[Response], under: str) -> bool:
    """Does a state take a response under that name?"""
    if kind not in PROTOCOL[state]:
        return False
    return state is State.OTHER_CHALLENGE or under in names(state, kind)
