"""Reading descriptions of a pool: DescribeUserPool, DescribeUserPoolClient and GetUserPoolMfaConfig.

Settings, review, local pool, journeys and commands all read them here. A null member counts as absent at every depth:
the SDKs for Go and Java print null for every member that is not set. The types of the members are in
`descriptions.json`, which `tests/generate_members.py` makes from botocore's model; it has the members of
CreateUserPool and CreateUserPoolClient too. Members that it does not have are kept, and listed in `unknown`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final

from attrs import field, frozen

from authfsm.base.secret import Secret, secret
from authfsm.protocol.auth_flows import AUTH_SESSION_VALIDITY
from authfsm.protocol.errors import BadField

Structure = Mapping[str, Any]
"""A structure of the API, as botocore returns it."""

# Members that SDKs add to a reply: botocore, the SDK for Go, the SDK for JavaScript.
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
    # member of UserPoolClient: (member of TokenValidityUnits, its unit if left out, default)
    "AccessTokenValidity": ("AccessToken", "hours", 1),
    "IdTokenValidity": ("IdToken", "hours", 1),
    "RefreshTokenValidity": ("RefreshToken", "days", 30),
}
"""The members with the lifetimes of tokens."""
_DEEPEST: Final = 32
"""The allowed levels of nesting in a member that the model does not have; AWS itself has at most six."""
_UNITS: Final = frozenset({"seconds", "minutes", "hours", "days"})


@cache
def _model() -> Any:
    return json.loads(Path(__file__).with_suffix(".json").read_bytes())


def select_descriptions(whole: Structure) -> dict[str, Any]:
    """Return the parts of a mapping that belong to descriptions: replies by name, and GetUserPoolMfaConfig's members."""
    names = _PARTS | _model()["MfaConfig"].keys()
    return {name: each for name, each in whole.items() if name in names}


def without_metadata(whole: Structure) -> dict[str, Any]:
    """Return a mapping without the members that SDKs add to a reply."""
    return {name: each for name, each in whole.items() if name not in _METADATA}


@frozen
class Descriptions:
    """The descriptions of a pool: checked, without null members and without the metadata of replies.

    Times that came as `datetime` are seconds since 1970; other times are as they came.
    """

    user_pool: Structure = field(repr=False)
    user_pool_client: Structure | None = field(default=None, repr=False)  # ClientSecret is wrapped
    mfa_config: Structure | None = field(default=None, repr=False)  # GetUserPoolMfaConfig's reply
    unknown: tuple[str, ...] = ()  # members that the model lacks: `UserPool.Policies.Tomorrow`

    @classmethod
    def read(
        cls,
        user_pool: Structure,
        user_pool_client: Structure | None = None,
        mfa_config: Structure | None = None,
    ) -> Descriptions:
        """Read descriptions that were fetched, or saved, before: each a whole reply, or the structure in it.

        `user_pool` may have the other two as well: as UserPoolClient and MfaConfig, or as GetUserPoolMfaConfig's
        members next to UserPool. A member of another type than in the API raises BadField, which names it.
        """
        more = {"UserPoolClient": user_pool_client, "MfaConfig": mfa_config}
        parts = _parts(user_pool) | {name: part for name, part in more.items() if part is not None}
        unknown: list[str] = []
        read = {
            name: _read(_model()[name], _unwrapped(part, name), name, unknown)
            for name, part in parts.items()
            if name in _model()
        }
        unknown += [name for name in parts if name not in _model()]
        client, mfa = read.get("UserPoolClient"), read.get("MfaConfig")
        return cls(read["UserPool"], client, mfa, tuple(unknown))

    def parts(self) -> dict[str, Structure]:
        """Return the descriptions by name, in the form that `read` accepts as one mapping."""
        structures = (self.user_pool, self.user_pool_client, self.mfa_config)
        every = zip(("UserPool", "UserPoolClient", "MfaConfig"), structures, strict=True)
        return {name: part for name, part in every if part is not None}

    # ---- rules of the API about absent and repeated members -------------------------------------------------

    @property
    def mfa(self) -> str:
        """MfaConfiguration: of GetUserPoolMfaConfig, otherwise of DescribeUserPool, otherwise OFF."""
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
        """AllowedFirstAuthFactors; only PASSWORD if it is not set or empty (measured)."""
        policy = self.user_pool.get("Policies", {}).get("SignInPolicy", {})
        return tuple(policy.get("AllowedFirstAuthFactors") or ("PASSWORD",))

    @property
    def recovery(self) -> tuple[str, ...]:
        """AccountRecoverySetting's mechanisms, the preferred one first; empty if it is not set."""
        path = "AccountRecoverySetting.RecoveryMechanisms"
        mechanisms = self.user_pool.get("AccountRecoverySetting", {}).get("RecoveryMechanisms", ())
        if any("Name" not in each for each in mechanisms):
            raise _wrong(f"UserPool.{path}", "has a mechanism without Name")
        return tuple(e["Name"] for e in sorted(mechanisms, key=lambda e: e.get("Priority", 0)))

    @property
    def user_existence_errors(self) -> str:
        """PreventUserExistenceErrors; LEGACY if it is not set (AWS API reference, CreateUserPoolClient)."""
        value: str = (self.user_pool_client or {}).get("PreventUserExistenceErrors", "LEGACY")
        return value

    @property
    def auth_session_validity(self) -> timedelta:
        """AuthSessionValidity, or its default."""
        minutes = (self.user_pool_client or {}).get("AuthSessionValidity") or AUTH_SESSION_VALIDITY
        return _timedelta("AuthSessionValidity", "minutes", minutes)

    def validity(self, name: str) -> timedelta:
        """Return the lifetime of a token, as `token_validity` does."""
        return token_validity(self.user_pool_client or {}, name)


def token_validity(client: Structure, name: str) -> timedelta:
    """Return the lifetime of a token in a UserPoolClient.

    "The default time unit for RefreshTokenValidity in an API request is days. You can't set RefreshTokenValidity to
    0. If you do, Amazon Cognito overrides the value with the default value of 30 days." -- AWS API reference,
    UserPoolClientType; the unit of the other two is hours, their default one hour.
    """
    member, unit, default = TOKEN_VALIDITIES[name]
    number = client.get(name)
    if not number:
        return timedelta(**{unit: default})
    unit = client.get("TokenValidityUnits", {}).get(member, unit)
    if unit not in _UNITS:
        why = f"must be one of {', '.join(sorted(_UNITS))}"
        raise _wrong(f"UserPoolClient.TokenValidityUnits.{member}", why)
    return _timedelta(name, unit, number)


def _timedelta(name: str, unit: str, number: int) -> timedelta:
    try:
        return timedelta(**{unit: number})
    except OverflowError:
        raise _wrong(f"UserPoolClient.{name}", "is out of range") from None


def decode_text(raw: bytes) -> str:
    """Return the text of a file in UTF-8, UTF-16 (as Windows PowerShell writes) or UTF-32, with or without a BOM."""
    return raw.decode(json.detect_encoding(raw))


def parse_json(text: str) -> Any:
    """Return what a JSON text says.

    Raises:
        ValueError: it is not JSON; or an object has a key twice, and `json` would ignore the first value.
    """
    return json.loads(text, object_pairs_hook=_without_repetition)


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(
            f"the key {next(key for key in keys if keys.count(key) > 1)!r} occurs twice in one object"
        )
    return found


def _wrong(path: str, why: str) -> BadField:
    return BadField(Descriptions, path, why)


def _structure(value: Any, path: str) -> Structure:
    """Return a structure without null members and without the metadata of replies."""
    if not isinstance(value, Mapping):
        raise _wrong(path, f"must be a structure, and is of type {type(value).__name__}")
    if not all(isinstance(name, str) for name in value):
        raise _wrong(path, "has a member whose name is not text")
    return {n: each for n, each in value.items() if each is not None and n not in _METADATA}


def _unwrapped(value: Any, name: str) -> Any:
    """Return a part, which may be inside its reply."""
    return _structure(value, name).get(name, value)


def _parts(value: Any) -> dict[str, Any]:
    """Return UserPool and the other parts of the same mapping by name."""
    whole = _structure(value, "UserPool")
    mfa_members = _model()["MfaConfig"].keys()
    is_bare = _PARTS.isdisjoint(value)
    if is_bare:  # MfaConfiguration belongs to UserPool
        mfa_members = mfa_members - _model()["UserPool"].keys()
    mfa = {name: each for name, each in whole.items() if name in mfa_members}
    rest = {n: each for n, each in whole.items() if n not in mfa_members and n not in _MFA_NAMES}
    parts: dict[str, Any] = {"UserPool": rest} if is_bare else {"UserPool": {}, **rest}
    named = next((whole[name] for name in _MFA_NAMES if name in whole), None)
    if named is not None or mfa:
        parts["MfaConfig"] = mfa if named is None else named
    return parts


def _read(model: Any, value: Any, path: str, unknown: list[str]) -> Any:
    """Return a value without null members, after checking its types against the model."""
    if isinstance(model, list):
        if not isinstance(value, (list, tuple)):
            raise _wrong(path, f"must be a list, and is of type {type(value).__name__}")
        present = [each for each in value if each is not None]
        return [_read(model[0], each, f"{path}.{n}", unknown) for n, each in enumerate(present, 1)]
    if isinstance(model, dict):
        read = {}
        for name, each in _structure(value, path).items():
            inner = model.get(name, model.get("*"))
            at = f"{path}.{name}"
            if inner is None:
                unknown.append(at)
            read[name] = _plain(each, at) if inner is None else _read(inner, each, at, unknown)
        return read
    if path == "UserPoolClient.ClientSecret" and isinstance(value, (str, Secret)):
        return secret(value)
    # In Python True is an int, in the API it is no integer.
    if not isinstance(value, _PYTHON[model]) or (isinstance(value, bool) and model != "boolean"):
        raise _wrong(path, f"must be of type {model}, and is of type {type(value).__name__}")
    return _plain(value, path)


def _plain(value: Any, path: str, levels: int = _DEEPEST) -> Any:
    """Return a value that the model does not have, without null members; a datetime becomes seconds since 1970."""
    if isinstance(value, datetime):
        try:
            return value.timestamp()
        except (OverflowError, ValueError):
            raise _wrong(path, "is a moment that is out of range") from None
    if isinstance(value, (Mapping, list, tuple)) and levels == 0:
        raise _wrong(path, f"is nested more than {_DEEPEST} levels deep")
    if isinstance(value, Mapping):
        return {n: _plain(each, path, levels - 1) for n, each in value.items() if each is not None}
    if isinstance(value, (list, tuple)):
        return [_plain(each, path, levels - 1) for each in value if each is not None]
    return value
