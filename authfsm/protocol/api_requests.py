"""Rules about the API: which response a request carries, which requests may be sent twice, and the issuer of tokens.

`classify` determines the class of the response from a request's operation, its flow or challenge, and its parameters.
The recorder of sign-ins, the local pool's self-check and the tests call it. A parameter that is null or empty counts as
absent, as for Cognito. The rules are in the order in which Cognito decides: it ignores AuthParameters next to a
`Session`, and in an answer to SELECT_CHALLENGE it accepts only the secret of the factor that `ANSWER` names.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from attrs import frozen

from authfsm.protocol import responses as r
from authfsm.protocol.auth_flows import ANSWER_OPERATIONS, BEGIN_OPERATIONS
from authfsm.protocol.responses import RESPONSES, Response
from authfsm.protocol.states import CODE_FIELDS, State
from authfsm.protocol.table import FIRST_FACTOR_CHOICE, PROTOCOL

S = State
_Rules = tuple[tuple[type[Response], Mapping[str, str]], ...]

_PRESENT: Final = ""
"""Stands for any value in a rule: the parameter must be present."""

REDACTED_VALUES: Final = ("HIDDEN_DUE_TO_SECURITY_REASONS", "HIDDEN_FOR_SECURITY_REASONS")
"""The values that AWS CloudTrail writes in place of a secret or of a whole map of parameters."""

# The first rule whose parameters all match decides. USER_AUTH with PASSWORD proves the password even in a step-up, so
# its rule comes before those of StepUp. SRP_A alone proves nothing, so the rule with SRP_A comes after them.
_BEGIN: Final[Mapping[str, _Rules]] = {
    **{each.auth_flow: ((each, {}),) for each in RESPONSES.values() if each.auth_flow},
    "CUSTOM_AUTH": ((r.CustomSrpAuth, {"CHALLENGE_NAME": "SRP_A"}), (r.CustomAuth, {})),
    "USER_AUTH": (
        # "Amazon Cognito ignores the AuthParameters when you pass a valid session code"
        # -- AWS developer guide, "Authentication flows"
        (r.SignedUp, {"Session": _PRESENT}),
        (r.UserAuthWithPassword, {"PREFERRED_CHALLENGE": S.PASSWORD, "PASSWORD": _PRESENT}),
        (r.StepUp, {"TARGET_ACR_VALUES": _PRESENT}),
        (r.StepUp, {"ACCESS_TOKEN": _PRESENT}),  # Cognito refuses it, because TARGET_ACR_VALUES is missing
        (r.UserAuthWithSrp, {"PREFERRED_CHALLENGE": S.PASSWORD_SRP, "SRP_A": _PRESENT}),
        (r.UserAuth, {}),
    ),
}

_ANSWER: Final[Mapping[str, _Rules]] = {
    S.SELECT_CHALLENGE: (
        (r.Password, {"ANSWER": S.PASSWORD, "PASSWORD": _PRESENT}),
        (r.SrpA, {"ANSWER": S.PASSWORD_SRP, "SRP_A": _PRESENT}),
        (r.Credential, {"ANSWER": S.WEB_AUTHN, "CREDENTIAL": _PRESENT}),
        (r.Select, {}),
    ),
    S.PASSWORD: ((r.Password, {}),),
    S.PASSWORD_SRP: ((r.SrpA, {}),),
    S.PASSWORD_VERIFIER: ((r.SrpClaim, {}),),
    S.ADMIN_NO_SRP_AUTH: ((r.Password, {}),),
    **{state: ((r.Code, {}),) for state in CODE_FIELDS},
    S.WEB_AUTHN: ((r.Credential, {}),),
    S.CUSTOM_CHALLENGE: ((r.Answer, {}),),
    S.NEW_PASSWORD_REQUIRED: ((r.NewPassword, {}),),
    # Clients send EMAIL; one page of AWS has email.
    S.MFA_SETUP: ((r.SetUpEmail, {"EMAIL": _PRESENT}), (r.SetUpEmail, {"email": _PRESENT}), (r.CompleteMfaSetup, {})),
    S.SELECT_MFA_TYPE: ((r.Select, {}),),
    S.DEVICE_SRP_AUTH: ((r.SrpA, {}),),
    S.DEVICE_PASSWORD_VERIFIER: ((r.SrpClaim, {}),),
}
_OTHER_CHALLENGE: Final[_Rules] = ((r.RawAnswer, {}),)

OTHER_OPERATIONS: Final[Mapping[str, type[Response]]] = {
    each.__name__: each
    for each in (
        *(r.AssociateSoftwareToken, r.VerifySoftwareToken, r.GetTokensFromRefreshToken),
        *(r.ConfirmDevice, r.UpdateDeviceStatus, r.RevokeToken, r.GlobalSignOut),
    )
}
"""The operations that neither start a flow nor answer a challenge, each with the only response that it carries."""

SETUP_OPERATIONS: Final = frozenset({"AssociateSoftwareToken", "VerifySoftwareToken"})
"""The operations that are steps of a sign-in only if they carry a `Session`, not an access token."""

AFTER_SIGN_IN_RESPONSES: Final = PROTOCOL[S.AUTHENTICATED].keys() - PROTOCOL[S.START].keys()
"""The responses that are accepted only after a sign-in: they need its tokens."""


def classify(operation: str, request: Mapping[str, Any]) -> type[Response] | None:
    """Return the class of the response that a request carries; None if the request is no step of a sign-in.

    The request may be malformed, but must not have `REDACTED_VALUES`, which the rules cannot tell from other values.
    """
    rules = _rules(operation, request)
    if len(rules) == 1:  # most flows and challenges: the parameters need not be read
        return rules[0][0]
    fields = _fields(operation, request)
    return next((response for response, required in rules if _matches(required, fields)), None)


def names_for(state: State, response: type[Response]) -> tuple[str, ...]:
    """Return the flows, challenges or operations with which a state's response can be sent, the usual one first."""
    if response.auth_flow is not None:
        return (response.auth_flow,)
    if response.__name__ in OTHER_OPERATIONS:
        return (response.__name__,)
    # "You can respond with the challenge name PASSWORD or PASSWORD_SRP directly"; with SELECT_CHALLENGE
    # the user chooses another first factor -- AWS developer guide, "Authentication flows"
    can_choose = PROTOCOL[state].keys() >= FIRST_FACTOR_CHOICE.keys()
    more = (S.SELECT_CHALLENGE, S.PASSWORD, S.PASSWORD_SRP) if can_choose else ()
    return tuple(
        name.value
        for name in dict.fromkeys((state, *more))
        if response in (each for each, _ in _ANSWER.get(name, _OTHER_CHALLENGE))
    )


def _rules(operation: str, request: Mapping[str, Any]) -> _Rules:
    if operation in BEGIN_OPERATIONS:
        return _BEGIN.get(_text(request, "AuthFlow"), ())
    if operation in ANSWER_OPERATIONS:
        challenge = _text(request, "ChallengeName")
        return _ANSWER.get(challenge, _OTHER_CHALLENGE if challenge else ())
    response = OTHER_OPERATIONS.get(operation)
    if response is None or (operation in SETUP_OPERATIONS and not _text(request, "Session")):
        return ()
    return ((response, {}),)


def _text(request: Mapping[str, Any], name: str) -> str:
    value = request.get(name)
    return value if isinstance(value, str) else ""


def _fields(operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that the rules test, without empty ones."""
    begins = operation in BEGIN_OPERATIONS
    parameters = request.get("AuthParameters" if begins else "ChallengeResponses")
    fields = dict(parameters) if isinstance(parameters, Mapping) else {}
    if begins:
        fields["Session"] = request.get("Session")
    return {name: value for name, value in fields.items() if value}


def _matches(required: Mapping[str, str], fields: Mapping[str, Any]) -> bool:
    return all(name in fields and (not value or fields[name] == value) for name, value in required.items())


@frozen
class Repetition:
    """Whether a client library may send a request again if no reply came, and why.

    A reply can be lost after Cognito has processed the request. Repeating the request is harmless if it uses up no
    session or token, counts no failure twice, sends no message twice, and its second reply is as good as the first. Any
    other request is sent once, and a lost reply is an error.
    """

    why: str
    harmless: bool


_repeat: Final = partial(Repetition, harmless=True)
_once: Final = partial(Repetition, harmless=False)

_START_SRP: Final = _repeat("it has only a public value: the second request starts another session")
_COUNTS: Final = _once("a wrong password counts twice towards the lockout, and a code is sent twice")
_USES_SESSION: Final = _once("it uses up the session, and a wrong answer counts as a failure")
_SENDS_CODE: Final = _once("Cognito or a Lambda function may send a code twice")
_USES_CODE: Final = _once("a code is accepted once, and a wrong code counts as a failure")

# fmt: off
RESPONSE_REPETITION: Final[Mapping[type[Response], Repetition]] = {
    r.UserSrpAuth:               _START_SRP,
    r.UserPasswordAuth:          _COUNTS,
    r.AdminUserPasswordAuth:     _COUNTS,
    r.AdminNoSrpAuth:            _COUNTS,
    r.CustomAuth:                _SENDS_CODE,
    r.CustomSrpAuth:             _once("the pool's Lambda functions run twice, and may do anything"),
    r.UserAuth:                  _SENDS_CODE,
    r.UserAuthWithPassword:      _COUNTS,
    r.UserAuthWithSrp:           _START_SRP,
    r.StepUp:                    _SENDS_CODE,
    r.SignedUp:                  _once("it uses up the session of ConfirmSignUp"),
    r.RefreshTokenAuth:          _repeat("Cognito accepts it only without rotation, so the refresh token stays valid"),
    r.RefreshToken:              _repeat("it is another name of REFRESH_TOKEN_AUTH"),
    r.GetTokensFromRefreshToken: _once("with rotation it uses up the refresh token"),
    **dict.fromkeys((r.Select, r.Password, r.SrpA, r.SrpClaim, r.Code, r.Credential, r.Answer, r.RawAnswer), _USES_SESSION),
    **dict.fromkeys((r.NewPassword, r.CompleteMfaSetup, r.SetUpEmail), _USES_SESSION),
    r.AssociateSoftwareToken:    _once("it uses up the session, and each secret replaces the previous one"),
    r.VerifySoftwareToken:       _once("it uses up the session, and a code is accepted once"),
    r.ConfirmDevice:             _once("AWS does not document whether a device can be confirmed twice"),
    r.UpdateDeviceStatus:        _repeat("it sets a value"),
    r.RevokeToken:               _repeat("revoking a revoked token is no error"),
    r.GlobalSignOut:             _once("it revokes the access token that it carries: the second request is refused"),
}
"""For each response, whether its request may be sent again."""

OPERATION_REPETITION: Final[Mapping[str, Repetition]] = {
    "SignUp":                    _once("the second request finds that the name is taken"),
    "ConfirmSignUp":             _USES_CODE,
    "ResendConfirmationCode":    _SENDS_CODE,
    "ForgotPassword":            _SENDS_CODE,
    "ConfirmForgotPassword":     _USES_CODE,
    "ChangePassword":            _once("the second request has the previous password, which is no longer valid"),
    "GetUser":                   _repeat("it only reads"),
    "UpdateUserAttributes":      _SENDS_CODE,
    "GetUserAttributeVerificationCode": _SENDS_CODE,
    "VerifyUserAttribute":       _USES_CODE,
    "DeleteUser":                _once("the second request finds no user"),
    "ListWebAuthnCredentials":   _repeat("it only reads"),
    "StartWebAuthnRegistration": _repeat("it starts another registration"),
    "CompleteWebAuthnRegistration": _once("the second request finds no registration"),
    "AssociateSoftwareToken":    _once("each secret replaces the previous one"),
    "VerifySoftwareToken":       _USES_CODE,
    "SetUserMFAPreference":      _repeat("it sets a value"),
}
# fmt: on
"""For each operation of `cognito.account` and `authfsm.drivers.totp`, whether its request may be sent again."""


def issuer(pool_id: str) -> str:
    """Return the URL that is the `iss` of a pool's tokens at AWS (IssuerConfiguration ORIGINAL)."""
    region = pool_id.partition("_")[0]
    # China and the European Sovereign Cloud are separate partitions of AWS, with other domains.
    suffix = {"cn": "amazonaws.com.cn", "eusc": "amazonaws.eu"}.get(region.partition("-")[0], "amazonaws.com")
    return f"https://cognito-idp.{region}.{suffix}/{pool_id}"
