"""Reads the file of `authfsm serve --config`: the pool's settings and users, in JSON or TOML.

A setting has the name that `LocalPool` gives it; `users` is a list of `add_user`'s arguments. Structured
settings (`device`, `password_policy`) are tables. A trigger is "module:function".

To serve a pool like a real one, the file has `UserPool`, `UserPoolClient` and `MfaConfig`: the replies of
DescribeUserPool, DescribeUserPoolClient and GetUserPoolMfaConfig. Settings beside them take precedence.
`Users` may have the shape of ListUsers, each with a `Password`.

`allow_host`, `cors` and `open` mean the same as the options of `authfsm serve`.
"""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from attrs import field, fields, fields_dict, frozen

from authfsm.local.api.pool import LocalPool
from authfsm.local.config import descriptions
from authfsm.local.config.contradictions import Contradictions
from authfsm.local.config.pool_configuration import (
    AppClient,
    DeviceConfiguration,
    PasswordPolicy,
    PoolConfiguration,
    RefreshTokenRotation,
    Triggers,
    WebAuthnConfiguration,
)
from authfsm.local.config.schema import SchemaAttribute
from authfsm.local.server.access import AccessRules
from authfsm.settings.descriptions import Descriptions, decode_text, select_descriptions, without_metadata

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

POOL_ID: Final = "eu-west-1_LocalPool"
CLIENT_ID: Final = "authfsmlocalclient"

_STRUCTURED: Final[dict[str, type]] = {
    "device": DeviceConfiguration,
    "password_policy": PasswordPolicy,
    "refresh_token_rotation": RefreshTokenRotation,
    "contradictions": Contradictions,
    "triggers": Triggers,
    "webauthn": WebAuthnConfiguration,
}
_NOT_CONFIGURABLE: Final = {
    "clock", "entropy", "key", "settings", "attributes", "pool_description", "client_description",
}  # fmt: skip
_SETTINGS: Final = {
    *inspect.signature(LocalPool).parameters,
    *(each.name for kind in (PoolConfiguration, AppClient) for each in fields(kind)),
} - _NOT_CONFIGURABLE
_ACCESS: Final = ("allow_host", "cors", "open")
_USER_MEMBERS: Final = {
    "Username": "username",
    "Password": "password",
    "Enabled": "enabled",
    "UserStatus": "status",
    "UserMFASettingList": "mfa",
    "PreferredMfaSetting": "preferred_mfa",
}
_IGNORED_USER_MEMBERS: Final = {"UserCreateDate", "UserLastModifiedDate", "MFAOptions"}


class ConfigError(Exception):
    """The configuration is invalid; the message says where and why."""


@frozen
class ServerConfig:
    """The configuration of `authfsm serve`: arguments of `LocalPool`, and of `add_user` for each user."""

    settings: Mapping[str, Any] = field(factory=dict, repr=False)
    users: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    access: AccessRules = field(factory=AccessRules)

    def pool(self, **settings: Any) -> LocalPool:
        """Return a pool with these and more settings, without its users."""
        ids = {"pool_id": POOL_ID, "client_id": CLIENT_ID}
        try:
            return LocalPool(**{**ids, **self.settings, **settings})
        except (TypeError, ValueError) as error:
            raise ConfigError(str(error)) from None

    def add_users(self, pool: LocalPool) -> None:
        """Add the users that the pool does not have yet."""
        for number, user in enumerate(self.users, 1):
            name = user.get("username")
            if not isinstance(name, str):
                raise ConfigError(f"user {number} has no username")
            try:
                pool.user(name)
            except LookupError:
                _add_user(pool, name, user)


def _add_user(pool: LocalPool, name: str, user: Mapping[str, Any]) -> None:
    try:
        pool.add_user(**user)
    except Exception as error:  # noqa: BLE001 - any error is the configuration's
        unknown = ", ".join(set(user) - set(inspect.signature(pool.add_user).parameters))
        secrets = (str(user[each]) for each in ("password", "totp_secret") if each in user)
        reason = type(error).__name__ if any(each in str(error) for each in secrets) else error
        why = f"has no setting {unknown}" if unknown else f"is invalid: {reason}"
        raise ConfigError(f"user {name} {why}") from None


def read_config(path: Path) -> ServerConfig:
    """Return the configuration in a file."""
    try:
        text = decode_text(path.read_bytes())
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8 or UTF-16"
        raise ConfigError(f"{path} cannot be read: {why}") from None
    is_toml = path.suffix == ".toml"
    try:
        content = tomllib.loads(text) if is_toml else json.loads(text)
    except ValueError as error:
        raise ConfigError(f"{path} is not {'TOML' if is_toml else 'JSON'}: {error}") from None
    except RecursionError:
        raise ConfigError(f"{path} cannot be read: it is nested too deeply") from None
    if not isinstance(content, dict):
        raise ConfigError(f"{path} holds no settings: its top level is not an object")
    try:
        return parse_config(content)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def parse_config(content: Mapping[str, Any]) -> ServerConfig:
    """Return the configuration in a mapping with the content of a configuration file."""
    settings = without_metadata(content)
    access = _access({name: settings.pop(name) for name in _ACCESS if name in settings})
    users = [*_users(settings.pop("users", [])), *_users(settings.pop("Users", []))]
    described = select_descriptions(settings)
    settings = {name: each for name, each in settings.items() if name not in described}
    if unknown := set(settings) - _SETTINGS:
        known = sorted({*_SETTINGS, *_ACCESS, "users"})
        raise ConfigError(f"no setting {', '.join(sorted(unknown))}; the settings are {', '.join(known)}")
    for name, kind in _STRUCTURED.items():
        if settings.get(name) is not None:
            settings[name] = _structured(name, kind, settings[name])
    if "schema" in settings:
        settings["schema"] = [_structured("schema", SchemaAttribute, e) for e in settings["schema"]]
    if described:
        try:
            settings = descriptions.merged_settings(Descriptions.read(described), settings)
        except (TypeError, ValueError) as error:
            raise ConfigError(f"the descriptions are invalid: {error}") from None
    return ServerConfig(settings, tuple(users), access)


def _access(options: Mapping[str, Any]) -> AccessRules:
    hosts, origins = options.get("allow_host", []), options.get("cors", [])
    for names in (hosts, origins):
        if not isinstance(names, list) or not all(isinstance(each, str) for each in names):
            raise ConfigError("allow_host and cors must be lists of text")
    is_open = options.get("open", False)
    if not isinstance(is_open, bool):
        raise ConfigError("open must be true or false")
    return access_rules(hosts, origins if "cors" in options else None, is_open=is_open)


def access_rules(hosts: Iterable[str], origins: Iterable[str] | None, *, is_open: bool) -> AccessRules:
    """Return the rules of a configuration or of options."""
    try:
        return AccessRules(tuple(hosts), None if origins is None else tuple(origins), is_open)
    except ValueError as error:
        raise ConfigError(str(error)) from None


def _users(users: Any) -> list[dict[str, Any]]:
    if not isinstance(users, list) or not all(isinstance(user, dict) for user in users):
        raise ConfigError("users is not a list of users")
    return [_user_arguments(user) if "Username" in user else user for user in users]


def _user_arguments(user: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of `add_user` for a user in the shape of ListUsers."""
    attributes = {
        each["Name"]: each.get("Value", "")
        for each in user.get("Attributes", user.get("UserAttributes", ()))
        if each["Name"] != "sub"
    }
    known = {*_USER_MEMBERS, *_IGNORED_USER_MEMBERS, "Attributes", "UserAttributes"}
    more = {name: value for name, value in user.items() if name not in known}
    renamed = {ours: user[name] for name, ours in _USER_MEMBERS.items() if name in user}
    return {**more, **renamed, "attributes": attributes, "verified": False}


def _structured(name: str, kind: type, value: Any) -> Any:
    parts = fields_dict(kind)
    if not isinstance(value, dict) or set(value) - set(parts):
        raise ConfigError(f"{name} must be made of {', '.join(parts)}")
    try:
        return kind(**value)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{name}: {error}") from None
