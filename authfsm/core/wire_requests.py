"""From a response to one API request, in Cognito's spelling.

`WRITERS` is a table over the protocol's own (state, response) pairs: under which name the answer goes
out, which fields it has, and whether the device's key goes along.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol, cast

from attrs import field, frozen

from authfsm import srp
from authfsm.base.secret import Secret, revealed
from authfsm.core.device import Device
from authfsm.protocol import responses as r
from authfsm.protocol.api_requests import RESPONSE_REPETITION
from authfsm.protocol.errors import BadField
from authfsm.protocol.replies import Tokens
from authfsm.protocol.responses import Response
from authfsm.protocol.states import CODE_FIELDS, PASSWORDLESS, State
from authfsm.protocol.table import FIRST_FACTOR_CHOICE

S = State
Fields = dict[str, Any]


@frozen
class Request:
    """One API request, ready to be sent.

    Args:
        operation: as `InitiateAuth`.
        parameters: its parameters in Cognito's spelling, every secret wrapped.
        repeatable: may a client library send it again when no reply came (`authfsm.protocol.api_requests`)?
    """

    operation: str
    parameters: Mapping[str, Any]
    repeatable: bool = False

    @property
    def method(self) -> str:
        """The method of a boto3 client, as `initiate_auth`."""
        return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", self.operation).lower()

    def reveal(self) -> dict[str, Any]:
        """The parameters in clear: call it where they leave, and keep no copy."""
        return cast("dict[str, Any]", revealed(dict(self.parameters)))


class Sender:
    """What a writer reads of the sign-in it writes for."""

    __slots__ = ()

    client_id: str
    client_secret: Secret[str] | None
    pool_id: str | None
    admin: bool
    username: str | None
    session: Secret[str] | None
    device: Device | None
    tokens: Tokens | None
    challenge_name: str | None


class RequestWriter(Protocol):
    """Turns a response into a request."""

    def __call__(self, given: Any, sender: Sender, /) -> Request:
        """The request that carries this response."""


# ---- what every request has ---------------------------------------------------------------------------


def _identity(sender: Sender, username: str | None, device: Device | None) -> Fields:
    """USERNAME with the SECRET_HASH over that very name, and DEVICE_KEY."""
    fields: Fields = {}
    if username is not None:
        fields["USERNAME"] = username
    if sender.client_secret is not None and username is not None:
        # "the username ... in the request": hash and USERNAME of one request must agree, whichever
        # of a user's names it is -- AWS developer guide, "Computing secret hash values"
        fields["SECRET_HASH"] = _secret_hash(sender, username)
    if device is not None:
        fields["DEVICE_KEY"] = device.key
    return fields


def _secret_hash(sender: Sender, username: str) -> Secret[str]:
    client_secret = cast("Secret[str]", sender.client_secret)
    return Secret(srp.secret_hash(username, sender.client_id, client_secret))


def _request(
    operation: str, given: Response, sender: Sender, parameters: Fields, *, admin: bool
) -> Request:
    if admin:
        if sender.pool_id is None:
            raise BadField(
                type(given),
                "pool_id",
                "is needed by an administrator's operation: give it to the sign-in",
            )
        parameters = {"UserPoolId": sender.pool_id, **parameters}
        operation = f"Admin{operation}"
    if given.client_metadata:
        parameters["ClientMetadata"] = dict(given.client_metadata)
    return Request(operation, parameters)


@frozen
class InitiateAuth:
    """InitiateAuth, or AdminInitiateAuth.

    Args:
        fields: from the response to its own AuthParameters.
        device: does DEVICE_KEY go along? With SRP it waits for the PASSWORD_VERIFIER answer.
        admin: is this an administrator's flow by its nature?
    """

    fields: Callable[[Any], Fields]
    device: bool = field(default=False, kw_only=True)
    admin: bool = field(default=False, kw_only=True)

    def __call__(self, given: Any, sender: Sender) -> Request:
        """The request that begins the flow."""
        identity = _identity(sender, given.username, sender.device if self.device else None)
        parameters: Fields = {
            "AuthFlow": given.auth_flow,
            "ClientId": sender.client_id,
            "AuthParameters": {**identity, **self.fields(given)},
        }
        if isinstance(given, r.SignedUp):
            parameters["Session"] = given.session
        return _request("InitiateAuth", given, sender, parameters, admin=self.admin or sender.admin)


@frozen
class RespondToAuthChallenge:
    """RespondToAuthChallenge, or AdminRespondToAuthChallenge.

    Args:
        name: the ChallengeName that goes out, which need not be the one that came in; None repeats that.
        fields: from the response to its own ChallengeResponses.
        device: does DEVICE_KEY go along?
    """

    name: str | None
    fields: Callable[[Any], Fields]
    device: bool = field(default=False, kw_only=True)

    def __call__(self, given: Any, sender: Sender) -> Request:
        """The request that answers the challenge."""
        name = self.name
        if getattr(given, "direct", False):
            # "you can respond with the challenge name PASSWORD or PASSWORD_SRP directly"
            # -- AWS developer guide, "Authentication flows"
            name = "PASSWORD" if isinstance(given, r.Password) else "PASSWORD_SRP"
        identity = _identity(sender, sender.username, sender.device if self.device else None)
        parameters: Fields = {
            "ClientId": sender.client_id,
            "ChallengeName": name or sender.challenge_name,
            "ChallengeResponses": {**self.fields(given), **identity},
        }
        # "Session ... pass the newest": the reply to USER_SRP_AUTH has none, and then none is sent.
        if sender.session is not None:
            parameters["Session"] = sender.session
        return _request("RespondToAuthChallenge", given, sender, parameters, admin=sender.admin)


# ---- the fields of each answer ------------------------------------------------------------------------


def _claim(given: r.SrpClaim) -> Fields:
    return {
        "PASSWORD_CLAIM_SIGNATURE": given.signature,
        "PASSWORD_CLAIM_SECRET_BLOCK": given.secret_block,
        "TIMESTAMP": given.timestamp,
    }


def _code(state: S) -> Callable[[r.Code], Fields]:
    return lambda given: {CODE_FIELDS[state]: given.code}


def _password(given: Any) -> Fields:
    return {} if given.password is None else {"PASSWORD": given.password}


def _srp_a(given: Any) -> Fields:
    return {"SRP_A": given.srp_a}


def _preferred(name: str, fields: Callable[[Any], Fields]) -> Callable[[Any], Fields]:
    return lambda given: {"PREFERRED_CHALLENGE": name, **fields(given)}


def _custom_srp(given: r.CustomSrpAuth) -> Fields:
    # "CHALLENGE_NAME: SRP_A" -- AWS developer guide of 2023, "Custom authentication flow"; the API
    # reference's "ChallengeName: SRP_A" is a slip that no client follows.
    return {"CHALLENGE_NAME": "SRP_A", "SRP_A": given.srp_a}


def _user_auth(given: r.UserAuth) -> Fields:
    return {"PREFERRED_CHALLENGE": given.preferred_challenge} if given.preferred_challenge else {}


def _step_up(given: r.StepUp) -> Fields:
    fields: Fields = {"TARGET_ACR_VALUES": " ".join(given.target_acr_values)}
    if given.access_token is not None:
        fields["ACCESS_TOKEN"] = given.access_token
    if given.max_age is not None:
        fields["MAX_AGE"] = str(given.max_age)
    return fields


def _new_password(given: r.NewPassword) -> Fields:
    # Personal, and so not for a repr or a log either.
    attributes = {
        f"userAttributes.{name}": Secret(value) for name, value in given.attributes.items()
    }
    return {"NEW_PASSWORD": given.password, **attributes}


def _nothing(_: Any) -> Fields:
    return {}


def _chosen(given: Any) -> Fields:
    """An answer to SELECT_CHALLENGE: a bare choice, or the choice and its secret in one."""
    match given:
        case r.Select():
            return {"ANSWER": given.answer}
        case r.Password():
            return (
                {"PASSWORD": given.password}
                if given.direct
                else {"ANSWER": "PASSWORD", "PASSWORD": given.password}
            )
        case r.SrpA():
            return (
                {"SRP_A": given.srp_a}
                if given.direct
                else {"ANSWER": "PASSWORD_SRP", "SRP_A": given.srp_a}
            )
        case _:
            return {"ANSWER": "WEB_AUTHN", "CREDENTIAL": given.credential}


# ---- beside the challenges ----------------------------------------------------------------------------


def _associate(given: r.AssociateSoftwareToken, sender: Sender) -> Request:
    return Request("AssociateSoftwareToken", _session(given, sender))


def _verify(given: r.VerifySoftwareToken, sender: Sender) -> Request:
    parameters = {**_session(given, sender), "UserCode": given.code}
    if given.friendly_device_name is not None:
        parameters["FriendlyDeviceName"] = given.friendly_device_name
    return Request("VerifySoftwareToken", parameters)


def _session(given: Response, sender: Sender) -> Fields:
    if sender.session is None:
        raise BadField(type(given), "session", "is needed, and the last reply had none")
    return {"Session": sender.session}


def _refresh_token(given: Any, sender: Sender) -> Secret[str]:
    mine = sender.tokens.refresh_token if sender.tokens else None
    if (token := given.refresh_token or mine) is None:
        raise BadField(
            type(given), "refresh_token", "is needed: there are no tokens to take it from"
        )
    return cast("Secret[str]", token)


def _session_device(given: Any, sender: Sender) -> str | None:
    """The device of the session that is refreshed: also one that came with its tokens, confirmed or not."""
    if given.device_key is not None:
        return cast("str", given.device_key)
    if sender.device is not None:
        return sender.device.key
    fresh = sender.tokens.new_device if sender.tokens and given.refresh_token is None else None
    return fresh.device_key if fresh else None


def _refresh(given: r.RefreshTokenAuth, sender: Sender) -> Request:
    fields: Fields = {"REFRESH_TOKEN": _refresh_token(given, sender)}
    username = given.username or sender.username
    if sender.client_secret is not None:
        if username is None:
            raise BadField(
                type(given),
                "username",
                "is needed for SECRET_HASH: the user's real name, not an alias",
            )
        fields["SECRET_HASH"] = _secret_hash(sender, username)
    if (key := _session_device(given, sender)) is not None:
        fields["DEVICE_KEY"] = key
    parameters: Fields = {
        "AuthFlow": given.auth_flow,
        "ClientId": sender.client_id,
        "AuthParameters": fields,
    }
    return _request("InitiateAuth", given, sender, parameters, admin=sender.admin)


def _get_tokens(given: r.GetTokensFromRefreshToken, sender: Sender) -> Request:
    parameters: Fields = {"RefreshToken": _refresh_token(given, sender), **_client(sender)}
    if (key := _session_device(given, sender)) is not None:
        parameters["DeviceKey"] = key
    return _request("GetTokensFromRefreshToken", given, sender, parameters, admin=False)


def _client(sender: Sender) -> Fields:
    known = {"ClientId": sender.client_id}
    return (
        known if sender.client_secret is None else {**known, "ClientSecret": sender.client_secret}
    )


def _access_token(sender: Sender) -> Secret[str]:
    return cast("Tokens", sender.tokens).access_token


def _device_key(given: Any, sender: Sender) -> str:
    fresh = sender.tokens.new_device if sender.tokens else None
    key = given.device_key or (fresh and fresh.device_key) or (sender.device and sender.device.key)
    if not key:
        raise BadField(
            type(given), "device_key", "is needed: the tokens came without NewDeviceMetadata"
        )
    return cast("str", key)


def _confirm_device(given: r.ConfirmDevice, sender: Sender) -> Request:
    config = {"PasswordVerifier": given.password_verifier, "Salt": given.salt}
    parameters: Fields = {
        "AccessToken": _access_token(sender),
        "DeviceKey": _device_key(given, sender),
        "DeviceSecretVerifierConfig": config,
    }
    if given.device_name is not None:
        parameters["DeviceName"] = given.device_name
    return Request("ConfirmDevice", parameters)


def _update_device(given: r.UpdateDeviceStatus, sender: Sender) -> Request:
    parameters = {
        "AccessToken": _access_token(sender),
        "DeviceKey": _device_key(given, sender),
        "DeviceRememberedStatus": "remembered" if given.remembered else "not_remembered",
    }
    return Request("UpdateDeviceStatus", parameters)


def _revoke(given: r.RevokeToken, sender: Sender) -> Request:
    token = sender.tokens.refresh_token if sender.tokens else None
    if token is None:
        raise BadField(type(given), "refresh_token", "is needed, and these tokens have none")
    return Request("RevokeToken", {"Token": token, **_client(sender)})


def _global_sign_out(_: r.GlobalSignOut, sender: Sender) -> Request:
    return Request("GlobalSignOut", {"AccessToken": _access_token(sender)})


# ---- the table ------------------------------------------------------------------------------------------

_CHOOSE: Final = RespondToAuthChallenge("SELECT_CHALLENGE", _chosen)

# fmt: off
WRITERS: Final[Mapping[tuple[S, type[Response]], RequestWriter]] = {
    (S.START, r.UserSrpAuth):               InitiateAuth(_srp_a),
    (S.START, r.UserPasswordAuth):          InitiateAuth(_password, device=True),
    (S.START, r.AdminUserPasswordAuth):     InitiateAuth(_password, device=True, admin=True),
    (S.START, r.AdminNoSrpAuth):            InitiateAuth(_password, device=True, admin=True),
    (S.START, r.CustomAuth):                InitiateAuth(_nothing, device=True),
    (S.START, r.CustomSrpAuth):             InitiateAuth(_custom_srp, device=True),
    (S.START, r.UserAuth):                  InitiateAuth(_user_auth),
    (S.START, r.UserAuthWithPassword):      InitiateAuth(_preferred("PASSWORD", _password), device=True),
    (S.START, r.UserAuthWithSrp):           InitiateAuth(_preferred("PASSWORD_SRP", _srp_a)),
    (S.START, r.StepUp):                    InitiateAuth(_step_up),
    (S.START, r.SignedUp):                  InitiateAuth(_nothing),
    (S.START, r.RefreshTokenAuth):          _refresh,
    (S.START, r.RefreshToken):              _refresh,
    (S.START, r.GetTokensFromRefreshToken): _get_tokens,

    **{(S.SELECT_CHALLENGE, response): RespondToAuthChallenge("SELECT_CHALLENGE", _chosen, device=True) for response in FIRST_FACTOR_CHOICE},
    # To leave a first factor for another: "SELECT_CHALLENGE" with the same session, as amplify-js does.
    **{(state, response): _CHOOSE for state in sorted(PASSWORDLESS) for response in FIRST_FACTOR_CHOICE},
    (S.PASSWORD, r.Password):               RespondToAuthChallenge("PASSWORD", _password, device=True),
    (S.PASSWORD_SRP, r.SrpA):               RespondToAuthChallenge("PASSWORD_SRP", _srp_a),
    (S.PASSWORD_VERIFIER, r.SrpClaim):      RespondToAuthChallenge("PASSWORD_VERIFIER", _claim, device=True),
    (S.ADMIN_NO_SRP_AUTH, r.Password):      RespondToAuthChallenge("ADMIN_NO_SRP_AUTH", _password),
    (S.EMAIL_OTP, r.Code):                  RespondToAuthChallenge("EMAIL_OTP", _code(S.EMAIL_OTP), device=True),
    (S.SMS_OTP, r.Code):                    RespondToAuthChallenge("SMS_OTP", _code(S.SMS_OTP), device=True),
    (S.WEB_AUTHN, r.Credential):            RespondToAuthChallenge("WEB_AUTHN", lambda given: {"CREDENTIAL": given.credential}),
    (S.CUSTOM_CHALLENGE, r.Answer):         RespondToAuthChallenge("CUSTOM_CHALLENGE", lambda given: {"ANSWER": given.answer}, device=True),

    (S.NEW_PASSWORD_REQUIRED, r.NewPassword): RespondToAuthChallenge("NEW_PASSWORD_REQUIRED", _new_password, device=True),
    (S.MFA_SETUP, r.AssociateSoftwareToken): _associate,
    (S.MFA_SETUP, r.VerifySoftwareToken):   _verify,
    (S.MFA_SETUP, r.CompleteMfaSetup):      RespondToAuthChallenge("MFA_SETUP", _nothing),
    # Clients spell it EMAIL; one page of AWS's, "email".
    (S.MFA_SETUP, r.SetUpEmail):            RespondToAuthChallenge("MFA_SETUP", lambda given: {"EMAIL": Secret(given.email)}, device=True),

    (S.SELECT_MFA_TYPE, r.Select):          RespondToAuthChallenge("SELECT_MFA_TYPE", lambda given: {"ANSWER": given.answer}, device=True),
    (S.SMS_MFA, r.Code):                    RespondToAuthChallenge("SMS_MFA", _code(S.SMS_MFA), device=True),
    (S.SOFTWARE_TOKEN_MFA, r.Code):         RespondToAuthChallenge("SOFTWARE_TOKEN_MFA", _code(S.SOFTWARE_TOKEN_MFA), device=True),

    (S.DEVICE_SRP_AUTH, r.SrpA):            RespondToAuthChallenge("DEVICE_SRP_AUTH", _srp_a, device=True),
    (S.DEVICE_PASSWORD_VERIFIER, r.SrpClaim): RespondToAuthChallenge("DEVICE_PASSWORD_VERIFIER", _claim, device=True),

    (S.OTHER_CHALLENGE, r.RawAnswer):       RespondToAuthChallenge(None, lambda given: dict(given.fields)),

    (S.AUTHENTICATED, r.ConfirmDevice):     _confirm_device,
    (S.AUTHENTICATED, r.UpdateDeviceStatus): _update_device,
    (S.AUTHENTICATED, r.GetTokensFromRefreshToken): _get_tokens,
    (S.AUTHENTICATED, r.RefreshTokenAuth):  _refresh,
    (S.AUTHENTICATED, r.RefreshToken):      _refresh,
    (S.AUTHENTICATED, r.RevokeToken):       _revoke,
    (S.AUTHENTICATED, r.GlobalSignOut):     _global_sign_out,
}
# fmt: on


def write(state: S, given: Response, sender: Sender) -> Request:
    """The request that carries a response.

    Args:
        state: where the sign-in stands.
        given: the response.
        sender: the sign-in.

    Raises:
        KeyError: the state does not take this response.
        BadField: something that this request needs is missing.
    """
    request = WRITERS[state, type(given)](given, sender)
    if given.client_metadata and "ClientMetadata" not in request.parameters:
        raise BadField(type(given), "client_metadata", f"is not taken by {request.operation}")
    repeatable = RESPONSE_REPETITION[type(given)].harmless
    return Request(request.operation, request.parameters, repeatable)
