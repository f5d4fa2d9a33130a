"""Parses one reply of Cognito. A reply that cannot be read raises `MalformedReply`, and no other error.

`READERS` has a function for each challenge of the protocol's table. ChallengeParameters maps text to text, so a
structured value is JSON inside the text (AWS API reference). Unknown keys are kept, and a challenge with an unknown
name becomes an `OtherChallenge`.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeVar, cast

import attrs

from authfsm import srp
from authfsm.base.secret import MASK, Secret
from authfsm.protocol import replies
from authfsm.protocol import responses as r
from authfsm.protocol.error_policy import ERROR_POLICY, Fault, RecoveryAction, error_rule
from authfsm.protocol.errors import MalformedReply
from authfsm.protocol.responses import Response
from authfsm.protocol.states import DEVICE_STATES, State, state_of_challenge_name

S = State
T = TypeVar("T")
Parameters = Mapping[str, str]
Fields = dict[str, Any]
RawReply = Mapping[str, Any] | Secret[Any]

# These challenges may come without a Session: a live pool's reply to USER_SRP_AUTH has none, and clients answer device
# challenges without one. For any other challenge a missing Session is an error of the service.
SESSION_OPTIONAL: Final = frozenset({S.PASSWORD_VERIFIER, *DEVICE_STATES})

_LONGEST_LIFETIME: Final = 10 * 366 * 86_400
"""Seconds: the limit of ExpiresIn, a little more than ten years. No token lives longer (AWS API reference, CreateUserPoolClient)."""

# 429 Too Many Requests, and the statuses with which a gateway replies if Cognito does not.
_TRANSIENT_STATUSES: Final = frozenset({429, *range(500, 600)})
_SHORTEST_MASKED_INSIDE: Final = 4
"""Characters. A shorter secret is masked only where it is a whole word, since ordinary words may contain it."""
_DEEPEST: Final = 32
"""Levels of nested maps and lists that a reply may have; Cognito's deepest value, the options of a passkey, has four."""


def optional_text(raw: Mapping[str, Any], name: str) -> str | None:
    """Return a member that is text; None if it is missing or empty. Raises MalformedReply if it is something else."""
    value = raw.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise MalformedReply(f"{name} is {type(value).__name__}, not text")
    return value or None


def required_text(raw: Mapping[str, Any], name: str) -> str:
    """Return a member that is text and not empty; raises MalformedReply if there is none."""
    value = optional_text(raw, name)
    if value is None:
        raise MalformedReply(f"{name} is missing")
    return value


def _secret(raw: Mapping[str, Any], key: str) -> Secret[str] | None:
    value = optional_text(raw, key)
    return None if value is None else Secret(value)


def _required_secret(raw: Mapping[str, Any], key: str) -> Secret[str]:
    return Secret(required_text(raw, key))


def _ensure_map(value: object, name: str) -> None:
    if not isinstance(value, Mapping):
        raise MalformedReply(f"{name} is {type(value).__name__}, not a map")


def _parameters(raw: Mapping[str, Any]) -> Parameters:
    value = raw.get("ChallengeParameters")
    if value is None:
        return MappingProxyType({})
    _ensure_map(value, "ChallengeParameters")
    if not all(isinstance(each, str) for pair in value.items() for each in pair):
        raise MalformedReply("ChallengeParameters has a key or a value that is not text")
    return MappingProxyType(dict(value))


def _available(raw: Mapping[str, Any]) -> tuple[str, ...]:
    value = raw.get("AvailableChallenges")
    if value is None:
        return ()
    if not isinstance(value, (list, tuple)) or not all(isinstance(each, str) for each in value):
        raise MalformedReply("AvailableChallenges is not a list of strings")
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
    return _ensure_shallow(value, key)


def _ensure_shallow(value: Any, key: str, levels: int = _DEEPEST) -> Any:
    """Return the value; raise MalformedReply if it is nested so deeply that displaying or copying it could fail."""
    if isinstance(value, (Mapping, list, tuple)):
        if levels == 0:
            raise MalformedReply(f"{key} is nested more than {_DEEPEST} levels deep")
        for each in value.values() if isinstance(value, Mapping) else value:
            _ensure_shallow(each, key, levels - 1)
    return value


def _names(parameters: Parameters, *keys: str) -> tuple[str, ...]:
    """Return the names in the first JSON list that is not empty; the keys are tried in order."""
    for key in keys:
        names = _json(parameters, key, list)
        if not all(isinstance(name, str) for name in names):
            raise MalformedReply(f"{key} has an item that is not a name")
        if names:
            return tuple(names)
    return ()


def _srp_fields(parameters: Parameters) -> Fields:
    try:
        salt = srp.from_hex(required_text(parameters, "SALT"), "SALT")
        public = srp.from_hex(required_text(parameters, "SRP_B"), "SRP_B")
    except srp.SrpRefused as error:
        raise MalformedReply(f"{error.value} is not a valid SRP value") from None
    # RFC 5054, 2.5.3: the client must abort if B % N is zero.
    if public % srp.N == 0:
        raise MalformedReply("SRP_B is 0 mod N")
    block = required_text(parameters, "SECRET_BLOCK")
    try:
        base64.b64decode(block, validate=True)
    except (binascii.Error, ValueError):
        raise MalformedReply("SECRET_BLOCK is not base64") from None
    return {"salt": salt, "B": public, "secret_block": Secret(block)}


def _new_password_required(parameters: Parameters) -> Fields:
    required = _names(parameters, "requiredAttributes")
    known = _json(parameters, "userAttributes", dict)
    return {
        "required_attributes": tuple(name.removeprefix("userAttributes.") for name in required),
        "user_attributes": MappingProxyType({name: str(value) for name, value in known.items()}),
    }


READERS: Final[Mapping[State, Callable[[Parameters], Fields]]] = {
    **dict.fromkeys((S.SELECT_CHALLENGE, S.PASSWORD, S.PASSWORD_SRP, S.ADMIN_NO_SRP_AUTH), lambda _: {}),
    S.PASSWORD_VERIFIER: lambda p: {**_srp_fields(p), "user_id_for_srp": required_text(p, "USER_ID_FOR_SRP")},
    **dict.fromkeys((S.EMAIL_OTP, S.SMS_OTP, S.SMS_MFA), lambda p: {
        "medium": p.get("CODE_DELIVERY_DELIVERY_MEDIUM"), "destination": p.get("CODE_DELIVERY_DESTINATION"),
    }),
    S.WEB_AUTHN: lambda p: {"request_options": MappingProxyType(_json(p, "CREDENTIAL_REQUEST_OPTIONS", dict))},
    S.NEW_PASSWORD_REQUIRED: _new_password_required,
    S.MFA_SETUP: lambda p: {"choices": _names(p, "MFAS_CAN_SETUP")},
    # Clients read MFAS_CAN_CHOOSE; one of AWS's pages calls it MFAS_CAN_SELECT.
    S.SELECT_MFA_TYPE: lambda p: {"choices": _names(p, "MFAS_CAN_CHOOSE", "MFAS_CAN_SELECT")},
    S.SOFTWARE_TOKEN_MFA: lambda p: {"friendly_device_name": p.get("FRIENDLY_DEVICE_NAME")},
    S.DEVICE_PASSWORD_VERIFIER: lambda p: {**_srp_fields(p), "device_key": p.get("DEVICE_KEY")},
    **dict.fromkeys((S.CUSTOM_CHALLENGE, S.DEVICE_SRP_AUTH, S.OTHER_CHALLENGE), lambda _: {}),
}  # fmt: skip


def read_challenge(name: str, raw: Mapping[str, Any]) -> replies.AnyChallenge:
    """Return the challenge of this name, with parsed parameters; raises MalformedReply."""
    # The name may be unknown: under CUSTOM_AUTH it is whatever DefineAuthChallenge chose, and AWS may add names.
    state = state_of_challenge_name(name)
    session = _secret(raw, "Session")
    if session is None and state not in SESSION_OPTIONAL:
        raise MalformedReply("Session is missing")
    parameters = _parameters(raw)
    fields = READERS[state](parameters)
    challenge_type = replies.CHALLENGE_OF[state]
    return challenge_type(name=name, session=session, parameters=parameters, available=_available(raw), **fields)


def _tokens(result: Any) -> replies.Tokens:
    _ensure_map(result, "AuthenticationResult")
    access_token = _required_secret(result, "AccessToken")
    expires = result.get("ExpiresIn")
    if expires is not None and (type(expires) is not int or not 0 <= expires <= _LONGEST_LIFETIME):
        raise MalformedReply(f"ExpiresIn is not a whole number of seconds from 0 to {_LONGEST_LIFETIME}")
    return replies.Tokens(
        access_token=access_token, id_token=_secret(result, "IdToken"),
        refresh_token=_secret(result, "RefreshToken"), expires_in=expires,
        token_type=optional_text(result, "TokenType"), new_device=_new_device(result.get("NewDeviceMetadata")),
    )  # fmt: skip


def _new_device(metadata: Any) -> replies.NewDevice | None:
    if not metadata:
        return None
    _ensure_map(metadata, "NewDeviceMetadata")
    key, group_key = required_text(metadata, "DeviceKey"), required_text(metadata, "DeviceGroupKey")
    return replies.NewDevice(device_key=key, device_group_key=group_key)


def _associate_software_token(raw: Mapping[str, Any], setup: replies.MfaSetup) -> replies.MfaSetup:
    secret_code = _required_secret(raw, "SecretCode")
    session = _required_secret(raw, "Session")
    return attrs.evolve(setup, session=session, secret_code=secret_code, verified=False)


def _verify_software_token(raw: Mapping[str, Any], setup: replies.MfaSetup) -> replies.Reply:
    status = optional_text(raw, "Status")
    if status == "ERROR":
        # This reply has no error code, so one is chosen here. The session stays valid, and the user may try again.
        wrong = read_refusal("EnableSoftwareTokenMFAException", "VerifySoftwareToken replied with the status ERROR")
        return attrs.evolve(wrong, session=_secret(raw, "Session"))
    if status != "SUCCESS":
        raise MalformedReply("Status is neither SUCCESS nor ERROR")
    return attrs.evolve(setup, session=_required_secret(raw, "Session"), verified=True)


def _acknowledgement(raw: Mapping[str, Any], _: replies.MfaSetup | None) -> replies.ReplyWithoutChallenge:
    members = {k: _ensure_shallow(v, str(k)) for k, v in raw.items() if k != "ResponseMetadata"}
    return replies.ReplyWithoutChallenge(members=MappingProxyType(members))


_OPERATION_READERS: Final[Mapping[type[Response], Callable[[Mapping[str, Any], replies.MfaSetup], replies.Reply]]] = {
    r.AssociateSoftwareToken: _associate_software_token,
    r.VerifySoftwareToken: _verify_software_token,
    **dict.fromkeys((r.ConfirmDevice, r.UpdateDeviceStatus, r.RevokeToken, r.GlobalSignOut), _acknowledgement),
}
"""The functions that read replies without ChallengeName and AuthenticationResult, by response class."""


def read_refusal(code: str, message: str = "", request_id: str | None = None, operation: str = "") -> replies.Refusal:
    """Return a refusal, with the action and the fault of the error policy."""
    row = error_rule(code, message, operation)
    return replies.Refusal(code, message, action=row.action, fault=row.fault, request_id=request_id)


def mask_secrets(refusal: replies.Refusal, sent: object) -> replies.Refusal:
    """Return the refusal with the secrets in `sent` masked in its message. `sent` may be nested maps and lists."""
    message = refusal.message
    # The longest secret is masked first, because it may contain a shorter one.
    for plain in sorted((each for each in _secrets_in(sent) if each and each in message), key=len, reverse=True):
        pattern = r"(?<!\w){}(?!\w)" if len(plain) < _SHORTEST_MASKED_INSIDE else "{}"
        message = re.sub(pattern.format(re.escape(plain)), MASK, message)
    return refusal if message == refusal.message else attrs.evolve(refusal, message=message)


def _secrets_in(value: Any) -> Iterator[str]:
    if isinstance(value, Secret):
        if isinstance(value.reveal(), str):
            yield value.reveal()
    elif not isinstance(value, str) and isinstance(value, (dict, list, tuple, Mapping)):
        for each in value if isinstance(value, (list, tuple)) else value.values():
            yield from _secrets_in(each)


def _refusal_in(raw: Mapping[str, Any], operation: str) -> replies.Refusal | None:
    """Return the refusal in a boto3 error (`{"Error": {"Code", "Message"}}`) or a JSON body (`__type`)."""
    if isinstance(error := raw.get("Error"), Mapping):
        code, message = error.get("Code"), error.get("Message")
    elif "__type" in raw:
        code, message = raw["__type"], raw.get("message", raw.get("Message"))
    else:
        return None
    code = code.rpartition("#")[2] if isinstance(code, str) else None
    if not code:
        raise MalformedReply("the error has no code")
    metadata = raw.get("ResponseMetadata")
    metadata = metadata if isinstance(metadata, Mapping) else {}
    request_id, status = metadata.get("RequestId"), metadata.get("HTTPStatusCode")
    request_id = request_id if isinstance(request_id, str) else None
    found = read_refusal(code, message if isinstance(message, str) else "", request_id, operation)
    if (retry_after := _retry_after(metadata.get("HTTPHeaders"))) is not None:
        found = attrs.evolve(found, retry_after=retry_after)
    if found.code not in ERROR_POLICY and isinstance(status, int) and status in _TRANSIENT_STATUSES:
        # A gateway's 502 or 503 has no error code, so botocore uses the status as the code.
        found = attrs.evolve(found, action=RecoveryAction.WAIT, fault=Fault.SERVICE)
    return found


def _retry_after(headers: Any) -> float | None:
    # A non-negative decimal integer that represents time in seconds (RFC 9110, 10.2.3). A date, which the RFC also
    # allows, is ignored.
    value = headers.get("retry-after") if isinstance(headers, Mapping) else None
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{1,6}", value):
        return None
    return float(value)


def wrapped_reply(raw: object) -> Secret[Any]:
    """Return an unparsed reply, which contains sessions and tokens, as a `Secret`."""
    return raw if isinstance(raw, Secret) else Secret(cast("Any", raw))


def read(
    raw: RawReply, response_type: type[Response], *,
    state: State | None = None, challenge: replies.Challenge | None = None,
) -> replies.Reply:  # fmt: skip
    """Return the parsed reply to a response that answered `challenge`. A MalformedReply shows no value of the reply."""
    raw = wrapped_reply(raw)
    return parsed_reply(raw, state, _read, response_type, challenge)


def read_operation_reply(
    raw: RawReply, operation: str, state: State | None = None
) -> replies.ReplyWithoutChallenge | replies.Refusal:
    """Return the parsed reply to an operation that is not a step of a sign-in; raises as `read`."""
    raw = wrapped_reply(raw)
    return parsed_reply(raw, state, _read_operation, operation)


def parsed_reply(raw: Secret[Any], state: State | None, parse: Callable[..., T], *args: Any) -> T:
    """Return `parse(reply, *args)` for an unparsed reply. A MalformedReply is raised again with the state."""
    try:
        return parse(raw.reveal(), *args)
    except MalformedReply as error:
        why = error.why
    raise MalformedReply(why, state=state)  # after the handler, so that no frame of its context holds the reply


def _read_operation(raw: Any, operation: str) -> replies.ReplyWithoutChallenge | replies.Refusal:
    _ensure_map(raw, "it")
    return _refusal_in(raw, operation) or _acknowledgement(raw, None)


def _read(raw: Any, response_type: type[Response], answered: replies.Challenge | None) -> replies.Reply:
    _ensure_map(raw, "it")
    if (refusal := _refusal_in(raw, response_type.__name__)) is not None:
        return refusal
    if (reader := _OPERATION_READERS.get(response_type)) is not None:
        setup = answered if isinstance(answered, replies.MfaSetup) else replies.MfaSetup(name="MFA_SETUP")
        return reader(raw, setup)
    name, result = optional_text(raw, "ChallengeName"), raw.get("AuthenticationResult")
    # A reply has either a challenge or tokens, never both -- AWS API reference
    if name is not None and result:
        raise MalformedReply("it has both a challenge and tokens")
    if name is not None:
        return read_challenge(name, raw)
    if not result:
        raise MalformedReply("it has neither a challenge nor tokens")
    return _tokens(result)
