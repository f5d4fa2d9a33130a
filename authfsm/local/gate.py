"""The gate: no challenge and no token leaves the pool but along an arrow of the protocol's table.

The pool decides by its own rules and reads the table nowhere else; here the two are held against each
other. An answer off the table is a fault of the pool's, never of the caller's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from authfsm.protocol import responses as r
from authfsm.protocol.states import CHALLENGES, State
from authfsm.protocol.table import ON_THE_TABLE, Transition, move

_BEGIN: Final[dict[str, type[r.Response]]] = {
    "USER_SRP_AUTH": r.UserSrpAuth,
    "USER_PASSWORD_AUTH": r.UserPasswordAuth,
    "ADMIN_USER_PASSWORD_AUTH": r.AdminUserPasswordAuth,
    "ADMIN_NO_SRP_AUTH": r.AdminNoSrpAuth,
    "CUSTOM_AUTH": r.CustomAuth,
    "USER_AUTH": r.UserAuth,
    "REFRESH_TOKEN_AUTH": r.RefreshTokenAuth,
    "REFRESH_TOKEN": r.RefreshToken,
}

_ANSWER: Final[dict[str, type[r.Response]]] = {
    State.PASSWORD_VERIFIER: r.SrpClaim,
    State.DEVICE_PASSWORD_VERIFIER: r.SrpClaim,
    State.DEVICE_SRP_AUTH: r.SrpA,
    State.PASSWORD_SRP: r.SrpA,
    State.PASSWORD: r.Password,
    State.ADMIN_NO_SRP_AUTH: r.Password,
    State.SMS_MFA: r.Code,
    State.SMS_OTP: r.Code,
    State.EMAIL_OTP: r.Code,
    State.SOFTWARE_TOKEN_MFA: r.Code,
    State.SELECT_CHALLENGE: r.Select,
    State.SELECT_MFA_TYPE: r.Select,
    State.WEB_AUTHN: r.Credential,
    State.NEW_PASSWORD_REQUIRED: r.NewPassword,
    State.CUSTOM_CHALLENGE: r.Answer,
    State.MFA_SETUP: r.CompleteMfaSetup,
}

_SETUP: Final[dict[str, type[r.Response]]] = {
    "AssociateSoftwareToken": r.AssociateSoftwareToken,
    "VerifySoftwareToken": r.VerifySoftwareToken,
}

_IN_ONE_STEP: Final[dict[str, tuple[str, type[r.Response]]]] = {
    State.PASSWORD: ("PASSWORD", r.Password),
    State.PASSWORD_SRP: ("SRP_A", r.SrpA),
    State.WEB_AUTHN: ("CREDENTIAL", r.Credential),
}

_CHALLENGES: Final[dict[str, State]] = {state.value: state for state in CHALLENGES}


class OffTheTable(AssertionError):
    """The pool was about to give an answer that the protocol's table has no arrow for.

    Args:
        arrow: the arrow that is missing.
    """

    def __init__(self, arrow: Transition) -> None:
        super().__init__(
            f"the pool leads from {arrow.source} by {arrow.response.__name__} to {arrow.dest}, "
            "and the table has no such arrow"
        )
        self.arrow = arrow


def arrow(
    operation: str, request: Mapping[str, Any], reply: Mapping[str, Any], stood: str | None
) -> Transition | None:
    """The arrow that a reply goes along; None for an operation that moves no sign-in.

    Args:
        operation: as `InitiateAuth`.
        request: what was asked.
        reply: what the pool is about to answer.
        stood: the challenge that was answered, by the name it was asked by; None at the beginning.
    """
    response = response_class(operation, request)
    if response is None:
        return None
    source = State.START if stood is None else _state(stood)
    if source is State.OTHER_CHALLENGE:
        response = r.RawAnswer
    if "AuthenticationResult" in reply:
        return move(source, response, State.AUTHENTICATED)
    if operation in _SETUP:
        return move(source, response, source)
    return move(source, response, _state(reply.get("ChallengeName", "")))


def check(
    operation: str, request: Mapping[str, Any], reply: Mapping[str, Any], stood: str | None
) -> None:
    """Let a reply pass.

    Raises:
        OffTheTable: it goes along no arrow of the table.
    """
    gone = arrow(operation, request, reply, stood)
    if gone is not None and gone not in ON_THE_TABLE:
        raise OffTheTable(gone)


def response_class(operation: str, request: Mapping[str, Any]) -> type[r.Response] | None:
    """The protocol's response that a request is; None for one that moves no sign-in."""
    if operation in {"InitiateAuth", "AdminInitiateAuth"}:
        parameters = request.get("AuthParameters") or {}
        return _beginning(request["AuthFlow"], parameters, with_session="Session" in request)
    if operation in {"RespondToAuthChallenge", "AdminRespondToAuthChallenge"}:
        return _answering(request["ChallengeName"], request.get("ChallengeResponses") or {})
    if operation in _SETUP and "Session" in request:
        return _SETUP[operation]
    if operation == "GetTokensFromRefreshToken":
        return r.GetTokensFromRefreshToken
    return None


def _beginning(flow: str, parameters: Mapping[str, str], *, with_session: bool) -> type[r.Response]:
    if flow == "CUSTOM_AUTH" and parameters.get("CHALLENGE_NAME") == "SRP_A":
        return r.CustomSrpAuth
    if flow == "USER_AUTH":
        return _choosing(parameters, with_session=with_session)
    return _BEGIN[flow]


def _choosing(parameters: Mapping[str, str], *, with_session: bool) -> type[r.Response]:
    if with_session:  # "ignores the AuthParameters when you pass a valid session code"
        return r.SignedUp
    preferred = parameters.get("PREFERRED_CHALLENGE")
    if preferred == State.PASSWORD and parameters.get("PASSWORD"):
        return r.UserAuthWithPassword
    if "TARGET_ACR_VALUES" in parameters:
        return r.StepUp
    srp = preferred == State.PASSWORD_SRP and parameters.get("SRP_A")
    return r.UserAuthWithSrp if srp else r.UserAuth


def _answering(challenge: str, responses: Mapping[str, str]) -> type[r.Response]:
    if challenge == State.MFA_SETUP and ("EMAIL" in responses or "email" in responses):
        return r.SetUpEmail
    if challenge == State.SELECT_CHALLENGE:
        # A secret of another choice than the one that is made is ignored.
        secret, kind = _IN_ONE_STEP.get(responses.get("ANSWER", ""), ("", r.Select))
        return kind if responses.get(secret) else r.Select
    return _ANSWER.get(challenge, r.RawAnswer)


def _state(challenge: str) -> State:
    return _CHALLENGES.get(challenge, State.OTHER_CHALLENGE)
