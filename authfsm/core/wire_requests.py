"""Turns a response into an API request, in Cognito's spelling.

`WRITERS` has an entry for each state and response of the protocol's table: the ChallengeName, the fields, and whether
DEVICE_KEY is sent.
Public, from `authfsm`: `Request`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias, cast

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
        operation: the operation's name, for example `InitiateAuth`.
        parameters: its parameters in Cognito's spelling, with every secret wrapped.
        repeatable: whether a client library may send it again if no reply came (`authfsm.protocol.api_requests`).
    """

    operation: str
    parameters: Mapping[str, Any]
    repeatable: bool = False

    @property
    def method(self) -> str:
        """The name of the boto3 client's method, for example `initiate_auth`."""
        return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", self.operation).lower()

    def reveal(self) -> dict[str, Any]:
        """Return the parameters with secrets in plain text: call this where they are sent, and keep no copy."""
        return cast("dict[str, Any]", revealed(dict(self.parameters)))


class RequestContext:
    """The values of a sign-in that requests contain: its app client, user, session, device and tokens."""

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


_RequestWriter: TypeAlias = Callable[[Any, RequestContext], Request]
_FieldsOf: TypeAlias = Callable[[Any], Fields]


@frozen
class _InitiateAuthWriter:
    """Writes InitiateAuth or AdminInitiateAuth."""

    fields_of: _FieldsOf
    sends_device_key: bool = field(default=False, kw_only=True)  # if the sign-in has a device
    admin: bool = field(default=False, kw_only=True)  # always send AdminInitiateAuth, even in a sign-in without `admin`

    def __call__(self, response: Any, context: RequestContext) -> Request:
        """Return the request that carries the response."""
        identity = _identity_fields(context, response.username, context.device if self.sends_device_key else None)
        parameters: Fields = {
            "AuthFlow": response.auth_flow,
            "ClientId": context.client_id,
            "AuthParameters": {**identity, **self.fields_of(response)},
            "Session": getattr(response, "session", None),
        }
        return _request("InitiateAuth", response, context, parameters, admin=self.admin)


@frozen
class _RespondToAuthChallengeWriter:
    """Writes RespondToAuthChallenge or AdminRespondToAuthChallenge."""

    name: str | None  # ChallengeName; None sends the name of the current challenge
    fields_of: _FieldsOf
    sends_device_key: bool = field(default=False, kw_only=True)

    def __call__(self, response: Any, context: RequestContext) -> Request:
        """Return the request that carries the response."""
        name = self.name
        if name == "SELECT_CHALLENGE" and getattr(response, "direct", False):
            # "you can respond with the challenge name PASSWORD or PASSWORD_SRP directly"
            # -- AWS developer guide, "Authentication flows"
            name = "PASSWORD" if isinstance(response, r.Password) else "PASSWORD_SRP"
        identity = _identity_fields(context, context.username, context.device if self.sends_device_key else None)
        parameters: Fields = {
            "ClientId": context.client_id,
            "ChallengeName": name or context.challenge_name,
            "ChallengeResponses": {**self.fields_of(response), **identity},
            "Session": context.session,  # None if the challenge came without one, as PASSWORD_VERIFIER may
        }
        return _request("RespondToAuthChallenge", response, context, parameters)


@frozen
class _OperationWriter:
    """Writes a request for the operation of this name, with the parameters that are not None."""

    name: str
    parameters_of: Callable[[Any, RequestContext], Fields]

    def __call__(self, response: Any, context: RequestContext) -> Request:
        """Return the request that carries the response."""
        return Request(self.name, _without_none(**self.parameters_of(response, context)))


def _without_none(**fields: Any) -> Fields:
    return {name: value for name, value in fields.items() if value is not None}


def _identity_fields(context: RequestContext, username: str | None, device: Device | None) -> Fields:
    """Return USERNAME, SECRET_HASH and DEVICE_KEY, as far as there are values."""
    # "the username ... in the request": SECRET_HASH is computed with the USERNAME of the same request, whichever
    # of the user's names that is -- AWS developer guide, "Computing secret hash values"
    return _without_none(
        USERNAME=username, SECRET_HASH=_secret_hash(context, username), DEVICE_KEY=device and device.device_key
    )


def _secret_hash(context: RequestContext, username: str | None) -> Secret[str] | None:
    if context.client_secret is None or username is None:
        return None
    return Secret(srp.secret_hash(username, context.client_id, context.client_secret))


def _request(
    operation: str, response: Response, context: RequestContext, parameters: Fields, *, admin: bool = False
) -> Request:
    parameters = _without_none(**parameters)
    if admin or context.admin:
        if context.pool_id is None:
            raise _missing(response, "pool_id", "administrators' operations need it")
        parameters = {"UserPoolId": context.pool_id, **parameters}
        operation = f"Admin{operation}"
    if response.client_metadata:
        parameters["ClientMetadata"] = dict(response.client_metadata)
    return Request(operation, parameters)


def _missing(response: Response, name: str, why: str) -> BadField:
    return BadField(type(response), name, f"is missing: {why}")


def _fields_from(**attributes: str) -> _FieldsOf:
    """Return a function that returns these fields, each with the value of an attribute of the response."""
    return lambda response: {key: getattr(response, name) for key, name in attributes.items()}


def _with_constant(key: str, value: str, fields_of: _FieldsOf) -> _FieldsOf:
    """Return a function that returns this constant field and what `fields_of` returns."""
    return lambda response: {key: value, **fields_of(response)}


_no_fields: Final = _fields_from()
_srp_a: Final = _fields_from(SRP_A="srp_a")
# "CHALLENGE_NAME: SRP_A" -- AWS developer guide of 2023, "Custom authentication flow"; the API reference's
# "ChallengeName: SRP_A" is an error that no client copies.
_custom_srp: Final = _with_constant("CHALLENGE_NAME", "SRP_A", _srp_a)
_answer: Final = _fields_from(ANSWER="answer")
_credential: Final = _fields_from(CREDENTIAL="credential")
_CODE: Final = {state: _fields_from(**{name: "code"}) for state, name in CODE_FIELDS.items()}
_claim: Final = _fields_from(
    PASSWORD_CLAIM_SIGNATURE="signature",  # noqa: S106 - the name of a field
    PASSWORD_CLAIM_SECRET_BLOCK="secret_block",  # noqa: S106 - the same
    TIMESTAMP="timestamp",
)


def _password(response: Any) -> Fields:
    return _without_none(PASSWORD=response.password)


def _step_up(response: r.StepUp) -> Fields:
    return _without_none(
        TARGET_ACR_VALUES=" ".join(response.target_acr_values),
        ACCESS_TOKEN=response.access_token,
        MAX_AGE=None if response.max_age is None else str(response.max_age),
    )


def _new_password(response: r.NewPassword) -> Fields:
    # Attributes are personal data, and so wrapped too.
    attributes = {f"userAttributes.{name}": Secret(value) for name, value in response.attributes.items()}
    return {"NEW_PASSWORD": response.password, **attributes}


def _choice(response: Any) -> Fields:
    """Return the fields of an answer to SELECT_CHALLENGE: the choice, and for some choices its proof."""
    match response:
        case r.Select():
            return _answer(response)
        case r.Password():
            choice, fields = "PASSWORD", _password(response)
        case r.SrpA():
            choice, fields = "PASSWORD_SRP", _srp_a(response)
        case _:
            choice, fields = "WEB_AUTHN", _credential(response)
    return fields if getattr(response, "direct", False) else {"ANSWER": choice, **fields}


def _session(response: Response, context: RequestContext) -> Secret[str]:
    if context.session is None:
        raise _missing(response, "session", "the last reply had none")
    return context.session


def _refresh_token(response: Any, context: RequestContext) -> Secret[str]:
    token: Secret[str] | None = getattr(response, "refresh_token", None)
    if token is None and context.tokens is not None:
        token = context.tokens.refresh_token
    if not token:
        raise _missing(response, "refresh_token", "there are no tokens, or no refresh token among them")
    return token


def refresh_device_key(response: Any, context: RequestContext) -> str | None:
    """Return the DEVICE_KEY of a refresh: that of the response, else of the tokens to refresh, else of the device."""
    tokens, device = context.tokens, context.device
    is_own = tokens is not None and response.refresh_token in (None, tokens.refresh_token)
    key: str | None = response.device_key or (tokens.device_key if tokens and is_own else None)
    return key or (device.device_key if device else None)


def _refresh_request(response: r.RefreshTokenAuth, context: RequestContext) -> Request:
    username = response.username or context.username
    token = _refresh_token(response, context)
    if context.client_secret is not None and username is None:
        raise _missing(response, "username", "SECRET_HASH needs the user's actual username, not an alias")
    parameters: Fields = {
        "AuthFlow": response.auth_flow,
        "ClientId": context.client_id,
        "AuthParameters": _without_none(
            REFRESH_TOKEN=token,
            SECRET_HASH=_secret_hash(context, username),
            DEVICE_KEY=refresh_device_key(response, context),
        ),
    }
    return _request("InitiateAuth", response, context, parameters)


def _get_tokens_parameters(response: r.GetTokensFromRefreshToken, context: RequestContext) -> Fields:
    return {
        "RefreshToken": _refresh_token(response, context),
        "ClientId": context.client_id,
        "ClientSecret": context.client_secret,
        "DeviceKey": refresh_device_key(response, context),
        "ClientMetadata": dict(response.client_metadata) or None,
    }


def _verify_software_token_parameters(response: r.VerifySoftwareToken, context: RequestContext) -> Fields:
    return {
        "Session": _session(response, context),
        "UserCode": response.code,
        "FriendlyDeviceName": response.friendly_device_name,
    }


def _access_token(context: RequestContext) -> Secret[str]:
    return cast("Tokens", context.tokens).access_token


def _device_key(response: Any, context: RequestContext) -> str:
    tokens = context.tokens
    issued = tokens and (tokens.new_device or tokens)
    key = response.device_key or (issued and issued.device_key) or (context.device and context.device.device_key)
    if not key:
        raise _missing(response, "device_key", "the sign-in has no device, and no tokens with a device key")
    return cast("str", key)


def _confirm_device_parameters(response: r.ConfirmDevice, context: RequestContext) -> Fields:
    verifier = {"PasswordVerifier": response.password_verifier, "Salt": response.salt}
    return {
        "AccessToken": _access_token(context),
        "DeviceKey": _device_key(response, context),
        "DeviceSecretVerifierConfig": verifier,
        "DeviceName": response.device_name,
    }


def _update_device_status_parameters(response: r.UpdateDeviceStatus, context: RequestContext) -> Fields:
    return {
        "AccessToken": _access_token(context),
        "DeviceKey": _device_key(response, context),
        "DeviceRememberedStatus": "remembered" if response.remembered else "not_remembered",
    }


def _revoke_token_parameters(response: r.RevokeToken, context: RequestContext) -> Fields:
    return {
        "Token": _refresh_token(response, context),
        "ClientId": context.client_id,
        "ClientSecret": context.client_secret,
    }


_CHOOSE: Final = _RespondToAuthChallengeWriter("SELECT_CHALLENGE", _choice)

# fmt: off
# sends_device_key is True where the row of `PROTOCOL` has DEVICE_DROPPED, because clients are known or inferred to send
# DEVICE_KEY there (evidence.csv, "device dropped"). It is also True in the DEVICE_* states, whose answers need the key.
# RawAnswer is an exception: only USERNAME and SECRET_HASH are added to the caller's fields.
WRITERS: Final[Mapping[tuple[State, type[Response]], _RequestWriter]] = {
    (S.START, r.UserSrpAuth):               _InitiateAuthWriter(_srp_a),
    (S.START, r.UserPasswordAuth):          _InitiateAuthWriter(_password, sends_device_key=True),
    (S.START, r.AdminUserPasswordAuth):     _InitiateAuthWriter(_password, sends_device_key=True, admin=True),
    (S.START, r.AdminNoSrpAuth):            _InitiateAuthWriter(_password, sends_device_key=True, admin=True),
    (S.START, r.CustomAuth):                _InitiateAuthWriter(_no_fields, sends_device_key=True),
    (S.START, r.CustomSrpAuth):             _InitiateAuthWriter(_custom_srp, sends_device_key=True),
    (S.START, r.UserAuth):                  _InitiateAuthWriter(lambda response: _without_none(PREFERRED_CHALLENGE=response.preferred_challenge or None)),
    (S.START, r.UserAuthWithPassword):      _InitiateAuthWriter(_with_constant("PREFERRED_CHALLENGE", "PASSWORD", _password), sends_device_key=True),
    (S.START, r.UserAuthWithSrp):           _InitiateAuthWriter(_with_constant("PREFERRED_CHALLENGE", "PASSWORD_SRP", _srp_a)),
    (S.START, r.StepUp):                    _InitiateAuthWriter(_step_up),
    (S.START, r.SignedUp):                  _InitiateAuthWriter(_no_fields),
    (S.START, r.RefreshTokenAuth):          _refresh_request,
    (S.START, r.RefreshToken):              _refresh_request,
    (S.START, r.GetTokensFromRefreshToken): _OperationWriter("GetTokensFromRefreshToken", _get_tokens_parameters),

    **{(S.SELECT_CHALLENGE, response): _RespondToAuthChallengeWriter("SELECT_CHALLENGE", _choice, sends_device_key=True) for response in FIRST_FACTOR_CHOICE},
    # To choose another first factor, the client sends SELECT_CHALLENGE with the same session, as amplify-js does.
    **{(state, response): _CHOOSE for state in sorted(PASSWORDLESS) for response in FIRST_FACTOR_CHOICE},
    (S.PASSWORD, r.Password):               _RespondToAuthChallengeWriter("PASSWORD", _password, sends_device_key=True),
    (S.PASSWORD_SRP, r.SrpA):               _RespondToAuthChallengeWriter("PASSWORD_SRP", _srp_a),
    (S.PASSWORD_VERIFIER, r.SrpClaim):      _RespondToAuthChallengeWriter("PASSWORD_VERIFIER", _claim, sends_device_key=True),
    (S.ADMIN_NO_SRP_AUTH, r.Password):      _RespondToAuthChallengeWriter("ADMIN_NO_SRP_AUTH", _password),
    (S.EMAIL_OTP, r.Code):                  _RespondToAuthChallengeWriter("EMAIL_OTP", _CODE[S.EMAIL_OTP], sends_device_key=True),
    (S.SMS_OTP, r.Code):                    _RespondToAuthChallengeWriter("SMS_OTP", _CODE[S.SMS_OTP], sends_device_key=True),
    (S.WEB_AUTHN, r.Credential):            _RespondToAuthChallengeWriter("WEB_AUTHN", _credential),
    (S.CUSTOM_CHALLENGE, r.Answer):         _RespondToAuthChallengeWriter("CUSTOM_CHALLENGE", _answer, sends_device_key=True),

    (S.NEW_PASSWORD_REQUIRED, r.NewPassword): _RespondToAuthChallengeWriter("NEW_PASSWORD_REQUIRED", _new_password, sends_device_key=True),
    (S.MFA_SETUP, r.AssociateSoftwareToken): _OperationWriter("AssociateSoftwareToken", lambda response, context: {"Session": _session(response, context)}),
    (S.MFA_SETUP, r.VerifySoftwareToken):   _OperationWriter("VerifySoftwareToken", _verify_software_token_parameters),
    (S.MFA_SETUP, r.CompleteMfaSetup):      _RespondToAuthChallengeWriter("MFA_SETUP", _no_fields),
    # Clients send EMAIL; one page of AWS spells it "email".
    (S.MFA_SETUP, r.SetUpEmail):            _RespondToAuthChallengeWriter("MFA_SETUP", lambda response: {"EMAIL": Secret(response.email)}, sends_device_key=True),

    (S.SELECT_MFA_TYPE, r.Select):          _RespondToAuthChallengeWriter("SELECT_MFA_TYPE", _answer, sends_device_key=True),
    (S.SMS_MFA, r.Code):                    _RespondToAuthChallengeWriter("SMS_MFA", _CODE[S.SMS_MFA], sends_device_key=True),
    (S.SOFTWARE_TOKEN_MFA, r.Code):         _RespondToAuthChallengeWriter("SOFTWARE_TOKEN_MFA", _CODE[S.SOFTWARE_TOKEN_MFA], sends_device_key=True),

    (S.DEVICE_SRP_AUTH, r.SrpA):            _RespondToAuthChallengeWriter("DEVICE_SRP_AUTH", _srp_a, sends_device_key=True),
    (S.DEVICE_PASSWORD_VERIFIER, r.SrpClaim): _RespondToAuthChallengeWriter("DEVICE_PASSWORD_VERIFIER", _claim, sends_device_key=True),

    (S.OTHER_CHALLENGE, r.RawAnswer):       _RespondToAuthChallengeWriter(None, lambda response: dict(response.fields)),

    (S.AUTHENTICATED, r.ConfirmDevice):     _OperationWriter("ConfirmDevice", _confirm_device_parameters),
    (S.AUTHENTICATED, r.UpdateDeviceStatus): _OperationWriter("UpdateDeviceStatus", _update_device_status_parameters),
    (S.AUTHENTICATED, r.GetTokensFromRefreshToken): _OperationWriter("GetTokensFromRefreshToken", _get_tokens_parameters),
    (S.AUTHENTICATED, r.RefreshTokenAuth):  _refresh_request,
    (S.AUTHENTICATED, r.RefreshToken):      _refresh_request,
    (S.AUTHENTICATED, r.RevokeToken):       _OperationWriter("RevokeToken", _revoke_token_parameters),
    (S.AUTHENTICATED, r.GlobalSignOut):     _OperationWriter("GlobalSignOut", lambda _, context: {"AccessToken": _access_token(context)}),
}
# fmt: on


def write_request(state: State, response: Response, context: RequestContext) -> Request:
    """Return the request for a response of the state's row; raises BadField if a value is missing or not accepted."""
    response_type = type(response)
    request = WRITERS[state, response_type](response, context)
    if response.client_metadata and "ClientMetadata" not in request.parameters:
        raise BadField(response_type, "client_metadata", f"is not accepted by {request.operation}")
    return Request(request.operation, request.parameters, RESPONSE_REPETITION[response_type].harmless)
