"""Samples: each response, each challenge, and the raw reply that leads to each state."""

from __future__ import annotations

from typing import Any

from authfsm.core.signin import SignIn
from authfsm.core.wire_replies import read
from authfsm.protocol import responses as r
from authfsm.protocol.states import State
from authfsm.protocol.table import LoopKind, Role, Transition, destinations

SESSION = "session-" + "s" * 20
SRP = {"SALT": "0a1b", "SRP_B": "c0ffee", "SECRET_BLOCK": "c2VjcmV0", "USERNAME": "ada"}

PARAMETERS: dict[State, dict[str, str]] = {
    State.PASSWORD_VERIFIER: {**SRP, "USER_ID_FOR_SRP": "ada"},
    State.DEVICE_PASSWORD_VERIFIER: {**SRP, "DEVICE_KEY": "device"},
    State.SMS_MFA: {
        "CODE_DELIVERY_DELIVERY_MEDIUM": "SMS",
        "CODE_DELIVERY_DESTINATION": "+********1234",
        "USER_ID_FOR_SRP": "ada",
    },
    State.EMAIL_OTP: {"CODE_DELIVERY_DELIVERY_MEDIUM": "EMAIL", "CODE_DELIVERY_DESTINATION": "a***@e***"},
    State.SMS_OTP: {"CODE_DELIVERY_DELIVERY_MEDIUM": "SMS", "CODE_DELIVERY_DESTINATION": "+********1234"},
    State.WEB_AUTHN: {"CREDENTIAL_REQUEST_OPTIONS": '{"challenge": "Zm9v", "rpId": "example.com"}'},
    State.SOFTWARE_TOKEN_MFA: {"FRIENDLY_DEVICE_NAME": "phone", "USER_ID_FOR_SRP": "ada"},
    State.SELECT_MFA_TYPE: {
        "MFAS_CAN_CHOOSE": '["SMS_MFA","SOFTWARE_TOKEN_MFA","EMAIL_OTP"]',
        "USER_ID_FOR_SRP": "ada",
    },
    State.MFA_SETUP: {"MFAS_CAN_SETUP": '["SOFTWARE_TOKEN_MFA","EMAIL_OTP"]', "USER_ID_FOR_SRP": "ada"},
    State.NEW_PASSWORD_REQUIRED: {
        "requiredAttributes": '["userAttributes.name"]',
        "userAttributes": '{"email": "ada@example.com"}',
        "USER_ID_FOR_SRP": "ada",
    },
}

RESPONSES: dict[type[r.Response], r.Response] = {
    type(each): each
    for each in (
        r.UserSrpAuth("ada", "beef"),
        r.UserPasswordAuth("ada", "a password"),
        r.AdminUserPasswordAuth("ada", "a password"),
        r.AdminNoSrpAuth("ada"),
        r.CustomAuth("ada"),
        r.CustomSrpAuth("ada", "beef"),
        r.UserAuth("ada"),
        r.UserAuthWithPassword("ada", "a password"),
        r.UserAuthWithSrp("ada", "beef"),
        r.StepUp("ada", ["urn:cognito:loa:3"]),
        r.SignedUp("ada", "the session of ConfirmSignUp"),
        r.RefreshTokenAuth("a refresh token"),
        r.RefreshToken("a refresh token"),
        r.GetTokensFromRefreshToken("a refresh token"),
        r.Select("EMAIL_OTP"),
        r.Password("a password"),
        r.SrpA("beef"),
        r.SrpClaim("c2ln", "c2VjcmV0", "Tue Sep 5 07:08:09 UTC 2023"),
        r.Code("123456"),
        r.Credential("{}"),
        r.Answer("42"),
        r.RawAnswer({"ANSWER": "42"}),
        r.NewPassword("a new password", {"name": "Ada"}),
        r.AssociateSoftwareToken(),
        r.VerifySoftwareToken("123456"),
        r.CompleteMfaSetup(),
        r.SetUpEmail("ada@example.com"),
        r.ConfirmDevice("dmVyaWZpZXI=", "c2FsdA==", "device"),
        r.UpdateDeviceStatus(device_key="device"),
        r.RevokeToken(),
        r.GlobalSignOut(),
    )
}

TOKENS = {
    "AuthenticationResult": {
        "AccessToken": "an access token",
        "IdToken": "an id token",
        "RefreshToken": "a refresh token",
        "ExpiresIn": 3600,
        "TokenType": "Bearer",
    },
    "ChallengeParameters": {},
}


def challenge(state: State, **more: Any) -> dict[str, Any]:
    """Return the raw reply that issues this challenge."""
    name = "TOMORROWS_CHALLENGE" if state is State.OTHER_CHALLENGE else state.value
    return {"ChallengeName": name, "Session": SESSION, "ChallengeParameters": PARAMETERS.get(state, {}), **more}


def error(code: str, message: str = "") -> dict[str, Any]:
    """Return a refusal as the `response` of boto3's ClientError."""
    return {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"RequestId": "r-1"}}


OTHER_REPLIES: dict[type[r.Response], dict[str, Any]] = {
    r.AssociateSoftwareToken: {"SecretCode": "JBSWY3DPEHPK3PXP", "Session": SESSION + "2"},
    r.VerifySoftwareToken: {"Status": "SUCCESS", "Session": SESSION + "3"},
    r.ConfirmDevice: {"UserConfirmationNecessary": False},
    r.UpdateDeviceStatus: {},
    r.RevokeToken: {},
    r.GlobalSignOut: {},
}


REFUSALS = {
    LoopKind.RETRY: error("CodeMismatchException"),
    LoopKind.DEVICE_DROPPED: error("ResourceNotFoundException", "Device does not exist."),
}


def reply(source: State, response: type[r.Response], dest: State, kind: LoopKind | None = None) -> dict[str, Any]:
    """Return a raw reply that leads from a state by a response, of this kind, to `dest`.

    None if there is none.
    """
    if kind in REFUSALS:
        return REFUSALS[kind]
    if response in OTHER_REPLIES and dest in destinations(source, response):
        return OTHER_REPLIES[response]
    if dest is State.AUTHENTICATED:
        return TOKENS
    if dest is State.FAILED:
        return error("NotAuthorizedException", "Incorrect username or password.")
    return challenge(dest)


def signin_in_state(state: State, role: Role | None = None) -> SignIn:
    """Return a sign-in in this state, with all its prerequisites met."""
    signin = SignIn("client", pool_id="eu-west-1_Pool")
    signin._state = state
    signin.username = None if state is State.START else "ada"
    signin.role = role or (Role.FIRST_FACTOR if state is State.EMAIL_OTP else None)
    if state in {State.START, State.FAILED}:
        return signin
    if state is State.AUTHENTICATED:
        signin.tokens = read(TOKENS, r.Code)  # type: ignore[assignment]  # it is tokens
        return signin
    parsed = read(challenge(state), r.Code)
    if state is State.MFA_SETUP:
        parsed = read(OTHER_REPLIES[r.AssociateSoftwareToken], r.AssociateSoftwareToken, challenge=parsed)  # type: ignore[arg-type]
        parsed = read(OTHER_REPLIES[r.VerifySoftwareToken], r.VerifySoftwareToken, challenge=parsed)  # type: ignore[arg-type]
    signin.challenge = parsed  # type: ignore[assignment]  # it is a challenge
    return signin


def all_data(signin: SignIn) -> tuple[Any, ...]:
    """Return all data of a sign-in, to compare it before and after."""
    names = [name for name in SignIn.__slots__ if name != "_steps"]
    return (*(getattr(signin, name) for name in names), signin.history)


def transition_id(transition: Transition) -> str:
    """Return a transition's name, for a test's id."""
    return f"{transition.source}-{transition.response.trigger}-{transition.dest}"
