"""From what came back to one reply; whatever cannot be read is a `MalformedReply`, never a crash.

Cognito's maps are text to text, with JSON inside the text where something is structured (AWS API
reference). Unknown keys are kept, an unknown challenge name is an `OtherChallenge`.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import attrs

from authfsm import srp
from authfsm.base.secret import Secret
from authfsm.protocol import responses as r
from authfsm.protocol.error_policy import ERROR_POLICY, Fault, RecoveryAction, error_rule
from authfsm.protocol.errors import MalformedReply
from authfsm.protocol.replies import (
    CHALLENGE_OF,
    Acknowledgement,
    AnyChallenge,
    Challenge,
    MfaSetup,
    NewDevice,
    Refusal,
    Reply,
    Tokens,
)
from authfsm.protocol.responses import Response
from authfsm.protocol.states import DEVICE_STATES, STATE_BY_NAME, State

S = State
Parameters = Mapping[str, str]

# The reply to USER_SRP_AUTH has no Session (measured), and device challenges are answered without one
# (clients); anywhere else its absence is the service's fault.
WITHOUT_SESSION: Final = frozenset({S.PASSWORD_VERIFIER, *DEVICE_STATES})

LONGEST_LIFE: Final = 10 * 366 * 86_400
"""Seconds. Access and ID tokens live a day at most (AWS API reference, CreateUserPoolClient), and no token of
Cognito's lives longer than a refresh token may: ten years. A greater ExpiresIn is no lifetime."""

_DEEPEST: Final = 32
"""Levels. What Cognito nests deepest, a passkey's options, has four."""


# ---- pieces -------------------------------------------------------------------------------------------


def _text(raw: Mapping[str, Any], key: str) -> str | None:
    value = raw.get(key)
    if value is None:
        return None
    if not isinstance(value, str):
        raise MalformedReply(f"{key} is {type(value).__name__}, not text")
    return value or None


def _hidden(raw: Mapping[str, Any], key: str) -> Secret[str] | None:
    value = _text(raw, key)
    return None if value is None else Secret(value)


def _needed(parameters: Parameters, key: str) -> str:
    value = _text(parameters, key)
    if value is None:
        raise MalformedReply(f"{key} is missing")
    return value


def _parameters(raw: Mapping[str, Any]) -> Parameters:
    value = raw.get("ChallengeParameters")
    if value is None:
        return MappingProxyType({})
    if not isinstance(value, Mapping):
        raise MalformedReply(f"ChallengeParameters is {type(value).__name__}, not a map")
    if not all(isinstance(each, str) for pair in value.items() for each in pair):
        raise MalformedReply("ChallengeParameters holds something other than text")
    return MappingProxyType(dict(value))


def _available(raw: Mapping[str, Any]) -> tuple[str, ...]:
    value = raw.get("AvailableChallenges")
    if value is None:
        return ()
    if not isinstance(value, (list, tuple)) or not all(isinstance(each, str) for each in value):
        raise MalformedReply("AvailableChallenges is not a list of texts")
    return tuple(value)


def _json(parameters: Parameters, key: str, kind: type[list[Any] | dict[str, Any]]) -> Any:
    text = parameters.get(key)
    if not text:
        return kind()
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise MalformedReply(f"{key} is not JSON") from None
    if not isinstance(value, kind):
        raise MalformedReply(f"{key} is JSON, but not a {kind.__name__}")
    return _shallow(value, key)


def _shallow(value: Any, key: str, levels: int = _DEEPEST) -> Any:
    """The value, if it is not nested so deeply that whoever shows or copies it would fail."""
    if isinstance(value, (Mapping, list, tuple)):
        if levels == 0:
            raise MalformedReply(f"{key} is nested more than {_DEEPEST} levels deep")
        for each in value.values() if isinstance(value, Mapping) else value:
            _shallow(each, key, levels - 1)
    return value


def _names(parameters: Parameters, *keys: str) -> tuple[str, ...]:
    """A JSON list of names, under the first of these keys that is there."""
    for key in keys:
        names = _json(parameters, key, list)
        if not all(isinstance(name, str) for name in names):
            raise MalformedReply(f"{key} holds something other than names")
        if names:
            return tuple(names)
    return ()


# ---- one reader a challenge -----------------------------------------------------------------------------

Facts = dict[str, Any]


def _nothing(_: Parameters) -> Facts:
    return {}


def _srp(parameters: Parameters) -> Facts:
    try:
        salt = srp.from_hex(_needed(parameters, "SALT"), "SALT")
        public = srp.from_hex(_needed(parameters, "SRP_B"), "SRP_B")
    except srp.SrpRefused as error:
        raise MalformedReply(f"{error.value} is not what SRP can work with") from None
    # "The client MUST abort authentication if B % N is zero." -- RFC 5054, 2.5.3
    if public % srp.N == 0:
        raise MalformedReply("SRP_B is 0 mod N")
    block = _needed(parameters, "SECRET_BLOCK")
    try:
        base64.b64decode(block, validate=True)
    except (binascii.Error, ValueError):
        raise MalformedReply("SECRET_BLOCK is not base64") from None
    return {"salt": salt, "B": public, "secret_block": Secret(block)}


def _password_verifier(parameters: Parameters) -> Facts:
    return {**_srp(parameters), "user_id_for_srp": _needed(parameters, "USER_ID_FOR_SRP")}


def _device_verifier(parameters: Parameters) -> Facts:
    return {**_srp(parameters), "device_key": parameters.get("DEVICE_KEY")}


def _delivery(parameters: Parameters) -> Facts:
    return {
        "medium": parameters.get("CODE_DELIVERY_DELIVERY_MEDIUM"),
        "destination": parameters.get("CODE_DELIVERY_DESTINATION"),
    }


def _new_password(parameters: Parameters) -> Facts:
    required = _names(parameters, "requiredAttributes")
    known = _json(parameters, "userAttributes", dict)
    return {
        "required_attributes": tuple(name.removeprefix("userAttributes.") for name in required),
        "user_attributes": MappingProxyType({name: str(value) for name, value in known.items()}),
    }


READERS: Final[Mapping[S, Callable[[Parameters], Facts]]] = {
    S.SELECT_CHALLENGE: _nothing,
    S.PASSWORD: _nothing,
    S.PASSWORD_SRP: _nothing,
    S.PASSWORD_VERIFIER: _password_verifier,
    S.ADMIN_NO_SRP_AUTH: _nothing,
    S.EMAIL_OTP: _delivery,
    S.SMS_OTP: _delivery,
    S.WEB_AUTHN: lambda p: {
        "request_options": MappingProxyType(_json(p, "CREDENTIAL_REQUEST_OPTIONS", dict))
    },
    S.CUSTOM_CHALLENGE: _nothing,
    S.NEW_PASSWORD_REQUIRED: _new_password,
    S.MFA_SETUP: lambda p: {"choices": _names(p, "MFAS_CAN_SETUP")},
    # Clients read MFAS_CAN_CHOOSE; one page of AWS's spells MFAS_CAN_SELECT.
    S.SELECT_MFA_TYPE: lambda p: {"choices": _names(p, "MFAS_CAN_CHOOSE", "MFAS_CAN_SELECT")},
    S.SMS_MFA: _delivery,
    S.SOFTWARE_TOKEN_MFA: lambda p: {"friendly_device_name": p.get("FRIENDLY_DEVICE_NAME")},
    S.DEVICE_SRP_AUTH: _nothing,
    S.DEVICE_PASSWORD_VERIFIER: _device_verifier,
    S.OTHER_CHALLENGE: _nothing,
}


def challenge(name: str, raw: Mapping[str, Any]) -> AnyChallenge:
    """A challenge of this name, its parameters parsed.

    Args:
        name: `ChallengeName`, one that is known or any other.
        raw: what came with it: `Session`, `ChallengeParameters`, `AvailableChallenges`.

    Raises:
        MalformedReply: it cannot be read.
    """
    # "Read ChallengeName as an open string": under CUSTOM_AUTH Cognito echoes whatever
    # DefineAuthChallenge returns, and its own names grow.
    state = STATE_BY_NAME.get(name, S.OTHER_CHALLENGE)
    session = _hidden(raw, "Session")
    if session is None and state not in WITHOUT_SESSION:
        raise MalformedReply("Session is missing")
    parameters = _parameters(raw)
    return CHALLENGE_OF[state](
        name=name,
        session=session,
        parameters=parameters,
        available=_available(raw),
        **READERS[state](parameters),
    )


# ---- what else may come -----------------------------------------------------------------------------------


def _tokens(result: Any) -> Tokens:
    if not isinstance(result, Mapping):
        raise MalformedReply(f"AuthenticationResult is {type(result).__name__}, not a map")
    access = _hidden(result, "AccessToken")
    if access is None:
        raise MalformedReply("AccessToken is missing")
    expires = result.get("ExpiresIn")
    if expires is not None and (type(expires) is not int or not 0 <= expires <= LONGEST_LIFE):
        raise MalformedReply(f"ExpiresIn is not a whole number of seconds from 0 to {LONGEST_LIFE}")
    return Tokens(
        access_token=access,
        id_token=_hidden(result, "IdToken"),
        refresh_token=_hidden(result, "RefreshToken"),
        expires_in=expires,
        token_type=_text(result, "TokenType"),
        new_device=_new_device(result.get("NewDeviceMetadata")),
    )


def _new_device(metadata: Any) -> NewDevice | None:
    if not metadata:
        return None
    if not isinstance(metadata, Mapping):
        raise MalformedReply(f"NewDeviceMetadata is {type(metadata).__name__}, not a map")
    return NewDevice(
        device_key=_needed(metadata, "DeviceKey"),
        device_group_key=_needed(metadata, "DeviceGroupKey"),
    )


def _associated(raw: Mapping[str, Any], asked: Challenge | None) -> MfaSetup:
    secret_code = _hidden(raw, "SecretCode")
    if secret_code is None:
        raise MalformedReply("SecretCode is missing")
    return attrs.evolve(
        _mfa_setup(asked), session=_renewed(raw), secret_code=secret_code, verified=False
    )


def _verified(raw: Mapping[str, Any], asked: Challenge | None) -> Reply:
    status = _text(raw, "Status")
    if status == "ERROR":
        # The status is a refusal of its own kind: the session stays good, another code may follow.
        wrong = refusal("EnableSoftwareTokenMFAException", "VerifySoftwareToken answered ERROR")
        return attrs.evolve(wrong, session=_hidden(raw, "Session"))
    if status != "SUCCESS":
        raise MalformedReply("Status is neither SUCCESS nor ERROR")
    return attrs.evolve(_mfa_setup(asked), session=_renewed(raw), verified=True)


def _mfa_setup(asked: Challenge | None) -> MfaSetup:
    return asked if isinstance(asked, MfaSetup) else MfaSetup(name="MFA_SETUP")


def _renewed(raw: Mapping[str, Any]) -> Secret[str]:
    session = _hidden(raw, "Session")
    if session is None:
        raise MalformedReply("Session is missing")
    return session


def _done(raw: Mapping[str, Any], _: Challenge | None) -> Acknowledgement:
    facts = {k: _shallow(v, str(k)) for k, v in raw.items() if k != "ResponseMetadata"}
    return Acknowledgement(facts=MappingProxyType(facts))


_BESIDE: Final[Mapping[type[Response], Callable[[Mapping[str, Any], Challenge | None], Reply]]] = {
    r.AssociateSoftwareToken: _associated,
    r.VerifySoftwareToken: _verified,
    r.ConfirmDevice: _done,
    r.UpdateDeviceStatus: _done,
    r.RevokeToken: _done,
    r.GlobalSignOut: _done,
}


def refusal(
    code: str, message: str = "", request_id: str | None = None, operation: str = ""
) -> Refusal:
    """A refusal, with its action from the table.

    Args:
        code: the error's code.
        message: its message.
        request_id: `x-amzn-RequestId`.
        operation: the operation that was refused, where its name is the response's own.
    """
    row = error_rule(code, message, operation)
    return Refusal(code, message, action=row.action, fault=row.fault, request_id=request_id)


# 429 Too Many Requests, and whatever a gateway answers in Cognito's place.
_TRANSIENT_STATUSES: Final = frozenset({429, *range(500, 600)})


def _error(raw: Mapping[str, Any], response: type[Response]) -> Refusal | None:
    """An error, as boto3 has it (`{"Error": {"Code", "Message"}}`) or as the wire has it (`__type`)."""
    metadata = raw.get("ResponseMetadata")
    request_id = metadata.get("RequestId") if isinstance(metadata, Mapping) else None
    request_id = request_id if isinstance(request_id, str) else None
    if isinstance(error := raw.get("Error"), Mapping):
        code, message = error.get("Code"), error.get("Message")
    elif "__type" in raw:
        code, message = raw["__type"], raw.get("message", raw.get("Message"))
    else:
        return None
    if not isinstance(code, str) or not code:
        raise MalformedReply("the error has no code")
    text = message if isinstance(message, str) else ""
    heard = refusal(code.rpartition("#")[2], text, request_id, response.__name__)
    status = metadata.get("HTTPStatusCode") if isinstance(metadata, Mapping) else None
    heard = attrs.evolve(heard, retry_after=_retry_after(metadata))
    if heard.code not in ERROR_POLICY and isinstance(status, int) and status in _TRANSIENT_STATUSES:
        # A gateway's 502 or 503 has no code of Cognito's: botocore gives the status for one.
        heard = attrs.evolve(heard, action=RecoveryAction.WAIT, fault=Fault.SERVICE)
    return heard


def _retry_after(metadata: Any) -> float | None:
    # "Retry-After: a non-negative decimal integer, representing time in seconds" -- RFC 9110, 10.2.3.
    # It may be a date too; that a gateway sends one to a client that will not wait so long is not known.
    headers = metadata.get("HTTPHeaders") if isinstance(metadata, Mapping) else None
    said = headers.get("retry-after") if isinstance(headers, Mapping) else None
    return (
        float(said) if isinstance(said, str) and re.fullmatch(r"\d{1,6}", said, re.ASCII) else None
    )


def read(
    raw: Mapping[str, Any],
    response: type[Response],
    *,
    state: S | None = None,
    asked: Challenge | None = None,
) -> Reply:
    """What came back, read as one reply.

    Args:
        raw: the response of a boto3 call, the `response` of its ClientError, or the JSON body as it came
            over HTTP.
        response: the class of the response that was sent.
        state: where the sign-in stands, for the error's sake.
        asked: the challenge that was answered; MFA_SETUP's own steps build on it.

    Raises:
        MalformedReply: it is none of Cognito's; the message names the part, never its value.
    """
    try:
        return _read(raw, response, asked)
    except MalformedReply as error:
        error.state = state
        raise


def _read(raw: Any, response: type[Response], asked: Challenge | None) -> Reply:
    if not isinstance(raw, Mapping):
        raise MalformedReply(f"it is {type(raw).__name__}, not a map")
    if (error := _error(raw, response)) is not None:
        return error
    if (reader := _BESIDE.get(response)) is not None:
        return reader(raw, asked)
    name, result = _text(raw, "ChallengeName"), raw.get("AuthenticationResult")
    # One reply carries either a challenge or tokens, never both -- AWS API reference
    if name is not None and result:
        raise MalformedReply("it has both a challenge and tokens")
    if name is not None:
        return challenge(name, raw)
    if not result:
        raise MalformedReply("it has neither a challenge nor tokens")
    return _tokens(result)
