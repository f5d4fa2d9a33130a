"""Which response class an API request carries, read from its operation, flow or challenge, and parameters.

Recorded sign-ins, the local pool's check against the table and the tests all ask here. A parameter that
is null or empty counts as absent, as Cognito treats it. The order of the rules is Cognito's: a `Session`
makes it ignore AuthParameters, and an answer carries a secret only of the factor that `ANSWER` names.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from attrs import frozen

from authfsm.protocol import responses as r
from authfsm.protocol.auth_flows import ANSWER_OPERATIONS, BEGIN_OPERATIONS
from authfsm.protocol.responses import RESPONSES, Response
from authfsm.protocol.states import CODE_FIELDS, State
from authfsm.protocol.table import FIRST_FACTOR_CHOICE, PROTOCOL

S = State
_Rules = tuple[tuple[type[Response], Mapping[str, str]], ...]

_RESPOND: Final = "RespondToAuthChallenge"
_PRESENT: Final = ""
"""In a rule, instead of a value: the parameter must be present, with whatever value."""

_HIDDEN: Final = "HIDDEN_DUE_TO_SECURITY_REASONS"
REDACTED_VALUES: Final = (_HIDDEN, "HIDDEN_FOR_SECURITY_REASONS")
"""What AWS CloudTrail writes in place of a secret, or of a whole map of parameters."""

# The first rule whose parameters all fit decides. A password that is preferred and given is proved even
# in a step-up, so that the reply may lead wherever a proved password leads; SRP_A proves nothing yet.
_BEGIN: Final[Mapping[str, _Rules]] = {
    **{kind.auth_flow: ((kind, {}),) for kind in RESPONSES.values() if kind.auth_flow},
    "CUSTOM_AUTH": ((r.CustomSrpAuth, {"CHALLENGE_NAME": "SRP_A"}), (r.CustomAuth, {})),
    "USER_AUTH": (
        # "Amazon Cognito ignores the AuthParameters when you pass a valid session code"
        # -- AWS developer guide, "Authentication flows"
        (r.SignedUp, {"Session": _PRESENT}),
        (r.UserAuthWithPassword, {"PREFERRED_CHALLENGE": S.PASSWORD, "PASSWORD": _PRESENT}),
        (r.StepUp, {"TARGET_ACR_VALUES": _PRESENT}),
        (r.StepUp, {"ACCESS_TOKEN": _PRESENT}),  # refused: it needs TARGET_ACR_VALUES
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
    # Clients write EMAIL, one page of AWS's writes email.
    S.MFA_SETUP: (
        (r.SetUpEmail, {"EMAIL": _PRESENT}),
        (r.SetUpEmail, {"email": _PRESENT}),
        (r.CompleteMfaSetup, {}),
    ),
    S.SELECT_MFA_TYPE: ((r.Select, {}),),
    S.DEVICE_SRP_AUTH: ((r.SrpA, {}),),
    S.DEVICE_PASSWORD_VERIFIER: ((r.SrpClaim, {}),),
}
_UNKNOWN_CHALLENGE: Final[_Rules] = ((r.RawAnswer, {}),)

OTHER_OPERATIONS: Final[Mapping[str, type[Response]]] = {
    kind.__name__: kind
    for kind in (
        r.AssociateSoftwareToken,
        r.VerifySoftwareToken,
        r.GetTokensFromRefreshToken,
        r.ConfirmDevice,
        r.UpdateDeviceStatus,
        r.RevokeToken,
        r.GlobalSignOut,
    )
}
"""The operations that neither begin a flow nor answer a challenge: each carries one response."""

SETUP_OPERATIONS: Final = frozenset({"AssociateSoftwareToken", "VerifySoftwareToken"})
"""The operations that are part of a sign-in only with a `Session`; with an AccessToken they are not."""

AFTER_SIGN_IN_RESPONSES: Final = PROTOCOL[S.AUTHENTICATED].keys() - PROTOCOL[S.START].keys()
"""The responses that need the tokens of a finished sign-in."""

SIGN_IN_OPERATIONS: Final = BEGIN_OPERATIONS | ANSWER_OPERATIONS | frozenset(OTHER_OPERATIONS)
"""Every operation of which sign-ins, and what follows them, are made."""


def classify(operation: str, request: Mapping[str, Any]) -> type[Response] | None:
    """Return the response class that a request carries.

    Args:
        operation: the operation's name, as `InitiateAuth`.
        request: its parameters in the API's spelling, in clear. They need not be well formed.

    Returns:
        The class; None where the request is no step of a sign-in, or names no flow or challenge.
    """
    rules = _rules(operation, request)
    if len(rules) == 1:  # Most flows and challenges: there is nothing to look for.
        return rules[0][0]
    fields = _fields(operation, request)
    return next((kind for kind, wanted in rules if _fits(wanted, fields)), None)


def candidates(operation: str, request: Mapping[str, Any]) -> tuple[type[Response], ...]:
    """Return the response classes that a request may carry, where a log has redacted parts of it.

    Args:
        operation: the operation's name, as `InitiateAuth`.
        request: its parameters in the API's spelling. A map or a value that CloudTrail hid (`REDACTED_VALUES`)
            may be anything, or nothing.

    Returns:
        The classes in the rules' order: one where the rest decides it, none where `classify` is None.
    """
    fields = _fields(operation, request)
    unknown = any(
        _is_redacted(request.get(name)) for name in ("AuthParameters", "ChallengeResponses")
    )
    found: dict[type[Response], None] = {}
    for kind, wanted in _rules(operation, request):
        if all(_may_fit(name, value, fields, unknown=unknown) for name, value in wanted.items()):
            found[kind] = None
        if _fits(wanted, fields):
            break
    return tuple(found)


def names_for(state: State, response: type[Response]) -> tuple[str, ...]:
    """Return the names under which a request can carry a response from a state, the usual one first.

    Args:
        state: where the sign-in stands.
        response: a response that it accepts.

    Returns:
        The AuthFlow, the ChallengeNames or the operation, whichever a request of this kind has.
    """
    if response.auth_flow is not None:
        return (response.auth_flow,)
    if response.__name__ in OTHER_OPERATIONS:
        return (response.__name__,)
    # "You can respond with the challenge name PASSWORD or PASSWORD_SRP directly", and a first factor is
    # left for another by SELECT_CHALLENGE -- AWS developer guide, "Authentication flows"
    choosing = PROTOCOL[state].keys() >= FIRST_FACTOR_CHOICE.keys()
    more = (S.SELECT_CHALLENGE, S.PASSWORD, S.PASSWORD_SRP) if choosing else ()
    return tuple(
        name.value
        for name in dict.fromkeys((state, *more))
        if response
        in candidates(_RESPOND, {"ChallengeName": name.value, "ChallengeResponses": _HIDDEN})
    )


def _rules(operation: str, request: Mapping[str, Any]) -> _Rules:
    if operation in BEGIN_OPERATIONS:
        return _BEGIN.get(_text(request, "AuthFlow"), ())
    if operation in ANSWER_OPERATIONS:
        challenge = _text(request, "ChallengeName")
        return _ANSWER.get(challenge, _UNKNOWN_CHALLENGE if challenge else ())
    kind = OTHER_OPERATIONS.get(operation)
    if kind is None or (operation in SETUP_OPERATIONS and not _text(request, "Session")):
        return ()
    return ((kind, {}),)


def _text(request: Mapping[str, Any], name: str) -> str:
    value = request.get(name)
    return value if isinstance(value, str) else ""


def _fields(operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
    begins = operation in BEGIN_OPERATIONS
    given = request.get("AuthParameters" if begins else "ChallengeResponses")
    fields = dict(given) if isinstance(given, Mapping) else {}
    if begins:
        fields["Session"] = request.get("Session")
    return {name: value for name, value in fields.items() if value}


def _fits(wanted: Mapping[str, str], fields: Mapping[str, Any]) -> bool:
    return all(
        name in fields and (not value or fields[name] == value) for name, value in wanted.items()
    )


def _may_fit(name: str, value: str, fields: Mapping[str, Any], *, unknown: bool) -> bool:
    if name not in fields:
        return unknown and name != "Session"  # Session is no member of the map.
    return not value or fields[name] == value or _is_redacted(fields[name])


def _is_redacted(value: object) -> bool:
    return isinstance(value, str) and value in REDACTED_VALUES


@frozen
class Repetition:
    """What sending a request twice does.

    Args:
        harmless: may it be repeated when no reply came?
        why: the reason.
    """

    harmless: bool
    why: str


_NEW_SESSION: Final = Repetition(
    harmless=True, why="only a public value is sent: a second request begins another session"
)
_COUNTS: Final = Repetition(
    harmless=False, why="a wrong password counts twice towards the lock-out; a code is sent twice"
)
_SPENDS: Final = Repetition(
    harmless=False, why="the answer spends its session, and a wrong one counts as a failure"
)
_MESSAGES: Final = Repetition(
    harmless=False, why="a code may be sent, or the pool's functions may send one: twice"
)

# fmt: off
RESPONSE_REPETITION: Final[Mapping[type[Response], Repetition]] = MappingProxyType({
    r.UserSrpAuth:                _NEW_SESSION,
    r.UserPasswordAuth:           _COUNTS,
    r.AdminUserPasswordAuth:      _COUNTS,
    r.AdminNoSrpAuth:             _COUNTS,
    r.CustomAuth:                 _MESSAGES,
    r.CustomSrpAuth:              Repetition(harmless=False, why="the pool's functions run, and what they do is theirs: twice"),
    r.UserAuth:                   _MESSAGES,
    r.UserAuthWithPassword:       _COUNTS,
    r.UserAuthWithSrp:            _NEW_SESSION,
    r.StepUp:                     _MESSAGES,
    r.SignedUp:                   Repetition(harmless=False, why="it spends the session that ConfirmSignUp gave"),
    r.RefreshTokenAuth:           Repetition(harmless=True, why="no app client with rotation takes it: the refresh token stays good"),
    r.RefreshToken:               Repetition(harmless=True, why="as REFRESH_TOKEN_AUTH"),
    r.GetTokensFromRefreshToken:  Repetition(harmless=False, why="under rotation it spends the refresh token"),
    r.Select:                     _SPENDS,
    r.Password:                   _SPENDS,
    r.SrpA:                       _SPENDS,
    r.SrpClaim:                   _SPENDS,
    r.Code:                       _SPENDS,
    r.Credential:                 _SPENDS,
    r.Answer:                     _SPENDS,
    r.RawAnswer:                  _SPENDS,
    r.NewPassword:                _SPENDS,
    r.AssociateSoftwareToken:     Repetition(harmless=False, why="it spends its session, and each secret takes the place of the last"),
    r.VerifySoftwareToken:        Repetition(harmless=False, why="it spends its session, and a code is good once"),
    r.CompleteMfaSetup:           _SPENDS,
    r.SetUpEmail:                 _SPENDS,
    r.ConfirmDevice:              Repetition(harmless=False, why="whether a confirmed device can be confirmed again is not documented"),
    r.UpdateDeviceStatus:         Repetition(harmless=True, why="it sets a value"),
    r.RevokeToken:                Repetition(harmless=True, why="a token that is revoked already is revoked again without an error"),
    r.GlobalSignOut:              Repetition(harmless=False, why="it revokes the very token it is asked with: the second is refused"),
})
"""For each response, what sending its request twice does."""

OPERATION_REPETITION: Final[Mapping[str, Repetition]] = MappingProxyType({
    "GetUser":                    Repetition(harmless=True, why="it reads"),
    "AssociateSoftwareToken":     RESPONSE_REPETITION[r.AssociateSoftwareToken],
    "VerifySoftwareToken":        RESPONSE_REPETITION[r.VerifySoftwareToken],
    "SetUserMFAPreference":       Repetition(harmless=True, why="it sets a value"),
})
"""The same for the requests that an access token is sent with, beside a sign-in."""
# fmt: on
