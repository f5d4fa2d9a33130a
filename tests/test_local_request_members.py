"""The members of requests: the pool's model equals botocore's, and invalid members are refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import pytest
from generate_members import fold_model
from joserfc.jwk import RSAKey

from authfsm.local import LocalCognito, LocalPool, PoolRefusal
from authfsm.local.api.operations import OPERATIONS
from authfsm.local.config import request_members

OURS = json.loads(files("authfsm.local.config").joinpath("members.json").read_bytes())


def test_the_model_agrees_with_botocore() -> None:
    """Members that both the model and this botocore have are the same."""
    theirs = fold_model()

    def common(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in one.items() if name in other}

    assert common(OURS["operations"], theirs["operations"]) == common(theirs["operations"], OURS["operations"])
    for shape, known in common(OURS["shapes"], theirs["shapes"]).items():
        mine, other = dict(known), dict(theirs["shapes"][shape])
        # A newer botocore has more values; `test_botocore_model` names them.
        values, others_values = set(mine.pop("enum", ())), set(other.pop("enum", ()))
        assert others_values <= values or values <= others_values
        assert common({**mine, "members": None}, other) == common({**other, "members": None}, mine)
        members, others = mine.get("members", {}), other.get("members", {})
        assert common(members, others) == common(others, members)


def test_every_supported_operation_is_in_the_model() -> None:
    """The API has every operation that the pool supports."""
    assert [name for name in OPERATIONS if not request_members.is_known(name)] == []


NULL = "1 validation error detected: Value null at '{}' failed to satisfy constraint: Member must not be null"
NOT_IN_ENUM = "1 validation error detected: Value '{}' at '{}' failed to satisfy constraint: Member must satisfy enum value set: ["
LONG = "1 validation error detected: Value at '{}' failed to satisfy constraint: Member must have length less than or equal to 128"


@pytest.mark.parametrize(
    ("operation", "request_", "code", "message"),
    [
        ("InitiateAuth", {"ClientId": "c"}, "InvalidParameterException", NULL.format("authFlow")),
        ("InitiateAuth", {"ClientId": None, "AuthFlow": "f"}, "InvalidParameterException", NULL.format("clientId")),
        ("InitiateAuth", {"ClientId": 7, "AuthFlow": "f"}, "SerializationException", "clientId is not"),
        ("InitiateAuth", {"ClientId": "c" * 129, "AuthFlow": "USER_AUTH"}, "InvalidParameterException", LONG.format("clientId")),
        ("InitiateAuth", {"ClientId": "c", "AuthFlow": "f", "AuthParameters": []}, "SerializationException", "authParameters is not"),
        ("InitiateAuth", {"ClientId": "c", "AuthFlow": "f", "AuthParameters": {"USERNAME": 7}}, "SerializationException", "authParameters is not"),
        ("InitiateAuth", {"ClientId": "c", "AuthFlow": "USER_AUTH", "AuthParameters": {"USERNAME": "a" * 129}}, "InvalidParameterException", LONG.format("authParameters.USERNAME")),
        ("AdminCreateUser", {"UserPoolId": "p", "Username": "u", "UserAttributes": [{"Value": "v"}]}, "InvalidParameterException", NULL.format("userAttributes.1.member.name")),
        ("InitiateAuth", {"ClientId": "c", "AuthFlow": "f"}, "InvalidParameterException", NOT_IN_ENUM.format("f", "authFlow")),
        ("AdminCreateUser", {"UserPoolId": "p", "Username": "u", "MessageAction": "Suppress"}, "InvalidParameterException", NOT_IN_ENUM.format("Suppress", "messageAction") + "RESEND, SUPPRESS]"),
        ("AdminCreateUser", {"UserPoolId": "p", "Username": "u", "DesiredDeliveryMediums": ["FAX"]}, "InvalidParameterException", NOT_IN_ENUM.format("FAX", "desiredDeliveryMediums.1.member") + "SMS, EMAIL]"),
        ("UpdateDeviceStatus", {"AccessToken": "t", "DeviceKey": "d", "DeviceRememberedStatus": "yes"}, "InvalidParameterException", NOT_IN_ENUM.format("yes", "deviceRememberedStatus")),
        ("RespondToAuthChallenge", {"ClientId": "c", "ChallengeName": "MINE"}, "ResourceNotFoundException", "User pool client c does not exist."),
        ("AdminCreateUser", {"UserPoolId": "p", "Username": "u", "UserAttributes": ["name"]}, "SerializationException", "userAttributes.1.member is not"),
        ("ListDevices", {"AccessToken": "t", "Limit": -1}, "InvalidParameterException", "1 validation error detected: Value '-1' at 'limit'"),
        ("ListDevices", {"AccessToken": "t", "Limit": True}, "SerializationException", "limit is not"),
    ],
)  # fmt: skip
def test_invalid_members(operation: str, request_: dict[str, Any], code: str, message: str) -> None:
    """The error for a missing, null, too long, unknown or wrong member says where it is; sessions refuse ChallengeNames."""
    pool = LocalPool()

    with pytest.raises(PoolRefusal) as caught:
        pool.answer(operation, request_)

    assert caught.value.code == code
    assert caught.value.message.startswith(message)


def test_unknown_members_are_ignored() -> None:
    """An unknown or null member counts as absent."""
    members = request_members.read(
        "InitiateAuth", {"ClientId": "c", "AuthFlow": "f", "Session": None, "Tomorrow": {"deep": [1]}}
    )

    assert members == {"ClientId": "c", "AuthFlow": "f"}


SAMPLES: dict[str, Any] = {
    "string": "s", "blob": "Yg==", "integer": 1, "long": 1, "boolean": True, "timestamp": 1.5, "document": {},
}  # fmt: skip


def _sample(shape: str, above: frozenset[str] = frozenset()) -> Any:
    """Return a value of a shape with every member that it may have."""
    shape_members = OURS["shapes"][shape]
    match shape_members["type"]:
        case "structure":
            if shape in above:
                return {}
            return {name: _sample(each, above | {shape}) for name, each in shape_members["members"].items()}
        case "list":
            return [_sample(shape_members["member"], above)]
        case "map":
            return {"key": _sample(shape_members["value"], above), "other": _sample(shape_members["value"], above)}
        case kind:
            number = kind in {"integer", "long"}
            return max(SAMPLES[kind], shape_members.get("min", 0)) if number else SAMPLES[kind]


def _with_null_member(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield pairs of copies of a value: one member null, at any depth, and the same member absent."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield {**value, name: None}, {n: e for n, e in value.items() if n != name}
            for null, absent in _with_null_member(each):
                yield {**value, name: null}, {**value, name: absent}
    elif isinstance(value, list):
        for null, absent in _with_null_member(value[0]):
            yield [null], [absent]


def _outcome(operation: str, request: dict[str, Any]) -> Any:
    try:
        return request_members.read(operation, request)
    except PoolRefusal as refused:
        return refused.code, refused.message


@pytest.mark.parametrize("operation", sorted(OPERATIONS))
def test_null_is_like_absent_in_every_request(operation: str) -> None:
    """A request with a null member, at any depth, has the same result as without it."""
    full = _sample(OURS["operations"][operation])

    assert request_members.read(operation, full) == full
    for null, absent in _with_null_member(full):
        assert _outcome(operation, null) == _outcome(operation, absent)
    assert _outcome(operation, dict.fromkeys(full)) == _outcome(operation, {})


@pytest.mark.parametrize("value", ["AuthParameters", "ChallengeResponses"])
def test_an_error_shows_nothing_of_a_sensitive_map(value: str) -> None:
    """No error shows a value of a map that the API's model marks as sensitive."""
    operation = "InitiateAuth" if value == "AuthParameters" else "RespondToAuthChallenge"
    refusals: list[str] = []
    for key in ("PASSWORD", "ANSWER", "SRP_A", "USERNAME"):
        members = {value: {key: "planted" * 100_000}}
        request_members.check_constraints(operation, members, lambda _, why: refusals.append(str(why.message)))

    assert len(refusals) == 4
    assert not [each for each in refusals if "planted" in each]


@pytest.mark.parametrize("operation", ["SignUp", "AdminCreateUser"])
@pytest.mark.parametrize(
    "name",
    ["ada ", "a b", "\tada", "ada\n", "a\x07b", "a\x00b", "a\u200db", "\u202eada", "a\x85b", "a\u2003b", "a\ue000b"],
)
def test_a_new_user_name_has_only_visible_characters(signing_key: RSAKey, operation: str, name: str) -> None:
    """A user name with white space, control or format characters breaks the pattern of Username."""
    pool = LocalPool(key=signing_key)
    ids = {"ClientId": pool.client_id, "Password": "Correct-Horse-1"}
    members = ids if operation == "SignUp" else {"UserPoolId": pool.pool_id}
    with pytest.raises(PoolRefusal, match=r"1 validation error.*'username'.*regular expression pattern") as caught:
        pool.answer(operation, {**members, "Username": name})
    assert caught.value.code == "InvalidParameterException"
    pool.answer(operation, {**members, "Username": "ada.é+1@example.com"})
    pool.answer(operation, {**members, "Username": "プー\u0301ル²€«🙂"})


def test_patterns_have_the_meaning_of_java() -> None:
    r"""\w and \s are ASCII, as AWS documents for pool names; \p{Z} is any separator."""
    client: Any = LocalCognito().client()
    assert client.create_user_pool(PoolName="My pool+=,.@-_1")["UserPool"]["Id"]
    for name in ("Pööl", "プール", "a\u00a0b"):
        with pytest.raises(client.exceptions.InvalidParameterException, match="'poolName' failed to satisfy"):
            client.create_user_pool(PoolName=name)
    rows = {"プ ー\u2003ル": True, "a\u200bb": False, "a\x1cb": False}
    for name, valid in rows.items():
        assert (not [*request_members.violations("ProviderNameType", name, "name")]) == valid, name


@pytest.mark.parametrize(
    ("operation", "members", "check"),
    [
        ("AdminCreateUser", {"MessageAction": ""}, "invalid-names"),
        ("AdminCreateUser", {"DesiredDeliveryMediums": ["email"]}, "invalid-names"),
        ("UpdateDeviceStatus", {"DeviceRememberedStatus": "yes"}, "invalid-names"),
        ("AdminUpdateDeviceStatus", {"DeviceRememberedStatus": ""}, "invalid-names"),
        ("InitiateAuth", {"AuthFlow": "NONE"}, ""),
        ("SetUserSettings", {"MFAOptions": [{"DeliveryMedium": "NONE"}]}, ""),
        ("AdminCreateUser", {"MessageAction": "", "TemporaryPassword": "a" * 300}, ""),
    ],
)
def test_unknown_values_that_can_be_accepted(operation: str, members: dict[str, Any], check: str) -> None:
    """The check "invalid-names" covers the unknown values of enumerations that an operation can ignore, but no secrets."""
    found: list[str] = []
    request_members.check_constraints(operation, members, lambda name, _: found.append(name))

    assert found == [check]
