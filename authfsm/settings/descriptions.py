"""Parses the descriptions of a pool: the replies of DescribeUserPool, DescribeUserPoolClient and GetUserPoolMfaConfig.

A null member counts as absent at every depth: the SDKs for Go and Java print null for every member that is not set. The
types of the members, the values of enumerations and the ranges of numbers are in `descriptions.json`, which
`tests/generate_members.py` makes from botocore's model. The file also has the members of CreateUserPool and
CreateUserPoolClient. Members and values that the file lacks are kept, and `Descriptions` lists them as unknown.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from functools import cache, reduce
from pathlib import Path
from typing import Any, Final

from attrs import field, frozen

from authfsm.base.secret import Secret, secret
from authfsm.protocol.auth_flows import AUTH_SESSION_VALIDITY
from authfsm.protocol.errors import BadField

Structure = Mapping[str, Any]
"""A structure of the API, as botocore returns it."""
# (path, None) for each member that the model lacks; (path, value) for each value that the model does not allow.
_Unknown = list[tuple[str, Any]]

# Members that botocore, the SDK for Go and the SDK for JavaScript add to a reply.
_METADATA: Final = frozenset({"ResponseMetadata", "ResultMetadata", "$metadata"})
_MFA_NAMES: Final = ("MfaConfig", "UserPoolMfaConfig")
_PARTS: Final = frozenset({"UserPool", "UserPoolClient", *_MFA_NAMES})
_PYTHON: Final[dict[str, tuple[type, ...]]] = {
    "string": (str,),
    "integer": (int,),
    "boolean": (bool,),
    "timestamp": (int, float, str, datetime),
}

TOKEN_VALIDITIES: Final = {
    # member of UserPoolClient: (member of TokenValidityUnits, the unit if this member is missing, the default number)
    "AccessTokenValidity": ("AccessToken", "hours", 1),
    "IdTokenValidity": ("IdToken", "hours", 1),
    "RefreshTokenValidity": ("RefreshToken", "days", 30),
}
"""The members that have the lifetimes of tokens."""
_VALIDITIES: Final = {**TOKEN_VALIDITIES, "AuthSessionValidity": ("", "minutes", AUTH_SESSION_VALIDITY)}
_DEEPEST: Final = 32
"""How many levels of nesting are allowed in a member that the model does not have; AWS's members have at most six."""


@cache
def _model() -> Any:
    return json.loads(Path(__file__).with_suffix(".json").read_bytes())


def select_descriptions(members: Structure) -> dict[str, Any]:
    """Return the members of a mapping that are descriptions, or members of GetUserPoolMfaConfig's reply."""
    names = _PARTS | _model()["MfaConfig"].keys()
    return {name: each for name, each in members.items() if name in names}


def without_metadata(reply: Structure) -> dict[str, Any]:
    """Return a reply without the members that SDKs add to it."""
    return {name: each for name, each in reply.items() if name not in _METADATA}


@frozen
class Descriptions:
    """The parsed descriptions of a pool: checked, without null members and without the metadata of replies.

    Times that came as `datetime` are seconds since 1970; times of other types are unchanged.
    """

    user_pool: Structure = field(repr=False)
    user_pool_client: Structure | None = field(default=None, repr=False)  # ClientSecret is wrapped
    mfa_config: Structure | None = field(default=None, repr=False)  # GetUserPoolMfaConfig's reply
    unknown: tuple[str, ...] = ()  # members that the model lacks: `UserPool.Policies.Tomorrow`
    unknown_values: tuple[str, ...] = ()  # values that the model does not allow: `UserPool.UserPoolTier = 'GOLD'`

    @classmethod
    def parse(
        cls, user_pool: Structure, user_pool_client: Structure | None = None, mfa_config: Structure | None = None
    ) -> Descriptions:
        """Parse descriptions that were fetched or saved earlier: each is a whole reply, or the structure in it.

        `user_pool` may contain the other two descriptions under the names UserPoolClient and MfaConfig; the members of
        GetUserPoolMfaConfig's reply may also be beside UserPool. BadField is raised if a member's type is not that of
        the API, UserPool is missing, a description is passed twice, or the app client belongs to another pool.
        """
        parts = _parts(user_pool)
        for name, part in (("UserPoolClient", user_pool_client), ("MfaConfig", mfa_config)):
            if part is not None and parts.setdefault(name, part) is not part:
                raise _bad_field(name, "is described twice: pass it once")
        unknown: _Unknown = []
        parsed = {
            name: _parse(_model()[name], _structure(part, name).get(name, part), name, unknown)
            for name, part in parts.items()
            if name in _model()
        }
        unknown += [(name, None) for name in parts if name not in _model()]
        client, mfa = parsed.get("UserPoolClient"), parsed.get("MfaConfig")
        pool_id, of = parsed["UserPool"].get("Id"), (client or {}).get("UserPoolId")
        if pool_id and of and pool_id != of:
            raise _bad_field("UserPoolClient.UserPoolId", f"is {of}, but UserPool.Id is {pool_id}")
        names = tuple(path for path, value in unknown if value is None)
        values = tuple(f"{path} = {value!r}" for path, value in unknown if value is not None)
        return cls(parsed["UserPool"], client, mfa, names, values)

    def parts(self) -> dict[str, Structure]:
        """Return the descriptions by name, in the form that `parse` accepts as one mapping."""
        names = ("UserPool", "UserPoolClient", "MfaConfig")
        pairs = zip(names, (self.user_pool, self.user_pool_client, self.mfa_config), strict=True)
        return {name: part for name, part in pairs if part is not None}

    # ---- rules of the API about absent and repeated members -------------------------------------------------

    @property
    def mfa(self) -> str:
        """MfaConfiguration in GetUserPoolMfaConfig's reply, otherwise in DescribeUserPool's, otherwise OFF."""
        known = (self.mfa_config or {}).get("MfaConfiguration")
        mode: str = known or self.user_pool.get("MfaConfiguration", "OFF")
        return mode

    @property
    def second_factors(self) -> frozenset[str] | None:
        """The challenges of the enabled second factors; None if GetUserPoolMfaConfig's reply is missing."""
        mfa = self.mfa_config
        if mfa is None:
            return None
        enabled = {
            "SMS_MFA": "SmsMfaConfiguration" in mfa,
            "SOFTWARE_TOKEN_MFA": bool(mfa.get("SoftwareTokenMfaConfiguration", {}).get("Enabled")),
            "EMAIL_OTP": "EmailMfaConfiguration" in mfa,
        }
        return frozenset(name for name, is_on in enabled.items() if is_on)

    @property
    def first_factors(self) -> tuple[str, ...]:
        """AllowedFirstAuthFactors; only PASSWORD if it is missing or empty (measured)."""
        policy = self.user_pool.get("Policies", {}).get("SignInPolicy", {})
        return tuple(policy.get("AllowedFirstAuthFactors") or ("PASSWORD",))

    @property
    def recovery(self) -> tuple[str, ...]:
        """The mechanisms of AccountRecoverySetting, the preferred mechanism first; empty if it is not set."""
        mechanisms = self.user_pool.get("AccountRecoverySetting", {}).get("RecoveryMechanisms", ())
        if any("Name" not in each for each in mechanisms):
            raise _bad_field("UserPool.AccountRecoverySetting.RecoveryMechanisms", "has a mechanism without Name")
        return tuple(e["Name"] for e in sorted(mechanisms, key=lambda e: e.get("Priority", 0)))

    @property
    def user_existence_errors(self) -> str:
        """PreventUserExistenceErrors; LEGACY if it is not set (AWS API reference, CreateUserPoolClient)."""
        value: str = (self.user_pool_client or {}).get("PreventUserExistenceErrors", "LEGACY")
        return value


def token_validity(client: Structure, name: str) -> timedelta:
    """Return the lifetime of a token, or of a session (AuthSessionValidity), in a UserPoolClient.

    "The default time unit for RefreshTokenValidity in an API request is days. You can't set RefreshTokenValidity to
    0. If you do, Amazon Cognito overrides the value with the default value of 30 days." -- AWS API reference,
    UserPoolClientType. The default of other tokens is 1 hour, also for 0. A wrong unit or number raises BadField.
    """
    member, unit, default = _VALIDITIES[name]
    number = client.get(name)
    if not number:
        return timedelta(**{unit: default})
    unit = client.get("TokenValidityUnits", {}).get(member, unit)
    if unit not in (units := known_names("UserPoolClient.TokenValidityUnits.AccessToken")):
        why = f"must be one of {', '.join(sorted(units))}"
        raise _bad_field(f"UserPoolClient.TokenValidityUnits.{member}", why)
    try:
        return timedelta(**{unit: number})
    except OverflowError:
        raise _bad_field(f"UserPoolClient.{name}", "is out of range") from None


def decode_text(raw: bytes) -> str:
    """Return the text of a file in UTF-8, UTF-16 or UTF-32, with or without a BOM, or raise UnicodeDecodeError."""
    return raw.decode(json.detect_encoding(raw))


def parse_json(text: str) -> Any:
    """Return what a JSON text says; raise RecursionError if it is nested too deep.

    Raise ValueError if it is not JSON, or if an object in it has the same key twice.
    """
    return json.loads(text, object_pairs_hook=_without_repetition)


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice!r} occurs twice in one object")
    return found


def _bad_field(path: str, why: str) -> BadField:
    return BadField(Descriptions, path, why)


def _structure(value: Any, path: str) -> Structure:
    """Return a structure without null members and without the metadata of replies."""
    if not isinstance(value, Mapping):
        raise _bad_field(path, f"must be a structure, and is of type {type(value).__name__}")
    if not all(isinstance(name, str) for name in value):
        raise _bad_field(path, "has a member whose name is not text")
    return {n: each for n, each in value.items() if each is not None and n not in _METADATA}


def _parts(value: Any) -> dict[str, Any]:
    """Return, by name, UserPool and the other descriptions that a mapping has beside it."""
    members = _structure(value, "UserPool")
    mfa_members = _model()["MfaConfig"].keys()
    is_bare = _PARTS.isdisjoint(value)
    if is_bare:  # the mapping is UserPool itself, so MfaConfiguration is UserPool's
        mfa_members = mfa_members - _model()["UserPool"].keys()
    mfa = {name: each for name, each in members.items() if name in mfa_members}
    rest = {n: each for n, each in members.items() if n not in mfa_members and n not in _MFA_NAMES}
    parts: dict[str, Any] = {"UserPool": rest} if is_bare else rest
    if "UserPool" not in parts:
        raise _bad_field("UserPool", "is missing: pass the reply of DescribeUserPool")
    configs = [members[name] for name in _MFA_NAMES if name in members] + [mfa] * bool(mfa)
    if len(configs) > 1:
        raise _bad_field("MfaConfig", "is described twice: pass it once")
    return parts | ({"MfaConfig": configs[0]} if configs else {})


def _parse(model: Any, value: Any, path: str, unknown: _Unknown) -> Any:
    """Return a value without null members, after checking its types against the model."""
    if isinstance(model, list):
        if not isinstance(value, (list, tuple)):
            raise _bad_field(path, f"must be a list, and is of type {type(value).__name__}")
        present = [each for each in value if each is not None]
        return [_parse(model[0], each, f"{path}.{n}", unknown) for n, each in enumerate(present, 1)]
    if isinstance(model, dict):
        parsed = {}
        for name, each in _structure(value, path).items():
            member, inner = model.get(name, model.get("*")), f"{path}.{name}"
            if member is None:
                unknown.append((inner, None))
            parsed[name] = _plain(each, inner) if member is None else _parse(member, each, inner, unknown)
        return parsed
    if path == "UserPoolClient.ClientSecret" and isinstance(value, (str, Secret)):
        return secret(value)
    kind, _, allowed = model.partition(": ")
    # In Python True is an int, but in the API a boolean is no integer.
    if not isinstance(value, _PYTHON[kind]) or (isinstance(value, bool) and kind != "boolean"):
        raise _bad_field(path, f"must be of type {kind}, and is of type {type(value).__name__}")
    if allowed and not _is_allowed(allowed, value):
        unknown.append((path, value))
    return _plain(value, path)


def _is_allowed(allowed: str, value: Any) -> bool:
    """Return whether a value is in an enumeration (`OFF, ON, OPTIONAL`) or a range (`6..99`) of the model."""
    if isinstance(value, str):
        return value in allowed.split(", ")
    least, most = map(int, allowed.split(".."))
    return value in range(least, most + 1)


@cache
def known_names(path: str) -> Collection[str]:
    """Return the values of an enumeration, or the names of a structure's members, by its path (`UserPool.UserPoolTier`)."""
    model: Any = reduce(operator.getitem, path.split("."), _model())
    text = model[0] if isinstance(model, list) else model
    return text if isinstance(text, dict) else text.partition(": ")[2].split(", ")


def _plain(value: Any, path: str, levels: int = _DEEPEST) -> Any:
    """Return a value without null members; a datetime becomes seconds since 1970."""
    if isinstance(value, datetime):
        try:
            return value.timestamp()
        except (OverflowError, ValueError):
            raise _bad_field(path, "is a time that is out of range") from None
    if isinstance(value, (Mapping, list, tuple)) and levels == 0:
        raise _bad_field(path, f"is nested more than {_DEEPEST} levels deep")
    if isinstance(value, Mapping):
        return {n: _plain(each, path, levels - 1) for n, each in value.items() if each is not None}
    if isinstance(value, (list, tuple)):
        return [_plain(each, path, levels - 1) for each in value if each is not None]
    return value
