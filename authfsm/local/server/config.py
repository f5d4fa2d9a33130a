"""What `authfsm serve --config FILE` reads: the pool's settings and the users to make, in JSON or TOML.

A setting is named as `LocalPool` names it; `users` is a list of what `add_user` takes. What has structure
there (`device`, `password_policy`) is a table here. A trigger is "module:function".

Or the pool is like a real one: `UserPool`, `UserPoolClient` and `MfaConfig` are what DescribeUserPool,
DescribeUserPoolClient and GetUserPoolMfaConfig say of it, and settings beside them hold instead. `Users` may
be in the shape of ListUsers, each with a `Password`.

`allow_host`, `cors` and `open` say who may use the server, as the options of `authfsm serve` do.
"""

from __future__ import annotations

import importlib
import inspect
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, NoReturn

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
from authfsm.settings.descriptions import (
    Descriptions,
    decode_text,
    select_descriptions,
    without_metadata,
)

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

POOL_ID: Final = "eu-west-1_LocalPool"
CLIENT_ID: Final = "authfsmlocalclient"

# Of the pool's own making, or another option's.
_NOT_HERE: Final = {
    "clock", "entropy", "key", "settings", "attributes", "pool_description", "client_description",
}  # fmt: skip
_STRUCTURED: Final[dict[str, type]] = {
    "device": DeviceConfiguration,
    "password_policy": PasswordPolicy,
    "refresh_token_rotation": RefreshTokenRotation,
    "contradictions": Contradictions,
    "triggers": Triggers,
    "webauthn": WebAuthnConfiguration,
}
_ACCESS: Final = ("allow_host", "cors", "open")
_USER: Final = {
    "Username": "username",
    "Password": "password",
    "Enabled": "enabled",
    "UserStatus": "status",
    "UserMFASettingList": "mfa",
    "PreferredMfaSetting": "preferred_mfa",
}
_OF_NO_ACCOUNT: Final = {"UserCreateDate", "UserLastModifiedDate", "MFAOptions"}


class ConfigError(Exception):
    """The configuration cannot be used, and why."""


@frozen
class ServerConfig:
    """What the server is told to serve.

    Args:
        settings: of `LocalPool`.
        users: of `LocalPool.add_user`, each.
        access: who may use the server.
    """

    settings: Mapping[str, Any] = field(factory=dict, repr=False)
    users: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    access: AccessRules = field(factory=AccessRules)

    def pool(self, **settings: Any) -> LocalPool:
        """A pool of these settings, without its users.

        Args:
            settings: more settings.

        Raises:
            ConfigError: the pool does not take them.
        """
        ids = {"pool_id": POOL_ID, "client_id": CLIENT_ID}
        try:
            return LocalPool(**{**ids, **self.settings, **settings})
        except (TypeError, ValueError) as error:
            raise ConfigError(str(error)) from None

    def add_users(self, pool: LocalPool) -> None:
        """Make the users that are not there yet.

        Raises:
            ConfigError: the pool does not take one.
        """
        for number, user in enumerate(self.users, 1):
            name = user.get("username")
            if not isinstance(name, str):
                raise ConfigError(f"user {number} has no username")
            try:
                pool.user(name)
            except LookupError:
                _made(pool, name, user)


def _made(pool: LocalPool, name: str, user: Mapping[str, Any]) -> None:
    try:
        pool.add_user(**user)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the configuration's
        # Not what it says: the password may be in it.
        known = inspect.signature(pool.add_user).parameters
        unknown = ", ".join(sorted(set(user) - set(known)))
        why = f"has no setting {unknown}" if unknown else f"is refused ({type(error).__name__})"
        raise ConfigError(f"user {name} {why}") from None


def read_config(path: Path) -> ServerConfig:
    """The configuration in a file.

    Raises:
        ConfigError: it cannot be read, or says something else.
    """
    try:
        text = decode_text(path.read_bytes())
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8 or UTF-16"
        raise ConfigError(f"{path} cannot be read: {why}") from None
    try:
        given = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except ValueError as error:
        raise ConfigError(f"{path} is not {_form(path)}: {error}") from None
    except RecursionError:
        raise ConfigError(f"{path} cannot be read: it is nested too deeply") from None
    if not isinstance(given, dict):
        raise ConfigError(f"{path} holds no settings")
    try:
        return parse_config(given)
    except ConfigError as refused:
        raise ConfigError(f"{path}: {refused}") from None


def parse_config(given: Mapping[str, Any]) -> ServerConfig:
    """The configuration that a mapping says.

    Raises:
        ConfigError: it says something else.
    """
    settings = without_metadata(given)
    access = _access({name: settings.pop(name) for name in _ACCESS if name in settings})
    users = [*_users(settings.pop("users", [])), *_users(settings.pop("Users", []))]
    described = select_descriptions(settings)
    settings = {name: each for name, each in settings.items() if name not in described}
    known = set(inspect.signature(LocalPool).parameters)
    known |= {each.name for kind in (PoolConfiguration, AppClient) for each in fields(kind)}
    known -= _NOT_HERE
    if unknown := set(settings) - known:
        raise ConfigError(
            f"no setting {', '.join(sorted(unknown))};"
            f" the settings are {', '.join(sorted({*known, *_ACCESS, 'users'}))}"
        )
    for name, kind in _STRUCTURED.items():
        if settings.get(name) is not None:
            settings[name] = _structured(name, kind, settings[name])
    if "schema" in settings:
        settings["schema"] = [_structured("schema", SchemaAttribute, e) for e in settings["schema"]]
    return ServerConfig(
        {**_like(described, settings.get("triggers")), **settings}, tuple(users), access
    )


def _access(given: Mapping[str, Any]) -> AccessRules:
    lists = [given[name] for name in ("allow_host", "cors") if name in given]
    if not all(isinstance(each, list) and all(isinstance(e, str) for e in each) for each in lists):
        raise ConfigError("allow_host and cors are lists of text")
    if not isinstance(given.get("open", False), bool):
        raise ConfigError("open is true or false")
    return access_rules(
        given.get("allow_host", ()), given.get("cors"), is_open=given.get("open", False)
    )


def access_rules(
    hosts: Iterable[str], origins: Iterable[str] | None, *, is_open: bool
) -> AccessRules:
    """Who may use the server, as options and configurations say it.

    Raises:
        ConfigError: a host or an origin is not written as one.
    """
    try:
        return AccessRules(tuple(hosts), None if origins is None else tuple(origins), is_open)
    except ValueError as error:
        raise ConfigError(str(error)) from None


def _like(described: Mapping[str, Any], triggers: Triggers | None) -> dict[str, Any]:
    """The settings that descriptions of a real pool say."""
    if not described:
        return {}
    try:
        told = Descriptions.read(described)
        client = descriptions.client_settings(told.user_pool_client or {})
        settings = {**descriptions.pool_settings(told), **client}
        more = (
            {"triggers": descriptions.with_described_version(triggers, told.user_pool)}
            if triggers
            else {}
        )
    except (TypeError, ValueError) as error:
        raise ConfigError(f"the descriptions cannot be read: {error}") from None
    return {**settings, **more}


def _users(given: Any) -> list[dict[str, Any]]:
    if not isinstance(given, list) or not all(isinstance(user, dict) for user in given):
        raise ConfigError("users is not a list of users")
    return [_user(user) if "Username" in user else user for user in given]


def _user(given: Mapping[str, Any]) -> dict[str, Any]:
    """A user in the shape of ListUsers, as `add_user` takes one."""
    attributes = {
        each["Name"]: each.get("Value", "")
        for each in given.get("Attributes", given.get("UserAttributes", ()))
        if each["Name"] != "sub"
    }
    known = {*_USER, *_OF_NO_ACCOUNT, "Attributes", "UserAttributes"}
    more = {name: each for name, each in given.items() if name not in known}
    told = {ours: given[name] for name, ours in _USER.items() if name in given}
    return {**more, **told, "attributes": attributes, "verified": False}


def _structured(name: str, kind: type, given: Any) -> Any:
    known = fields_dict(kind)
    if not isinstance(given, dict) or set(given) - set(known):
        raise ConfigError(f"{name} is not made of {', '.join(known)}")
    if kind is Triggers:
        given = {part: _function(f"{name}.{part}", value) for part, value in given.items()}
    try:
        return kind(**given)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{name}: {error}") from None


def _function(name: str, given: Any) -> Callable[..., Any]:
    def refuse(why: str) -> NoReturn:
        raise ConfigError(f"{name} {why}")

    module, colon, function = given.partition(":") if isinstance(given, str) else ("", "", "")
    if not colon:
        refuse('is not "module:function"')
    try:
        found: Any = getattr(importlib.import_module(module), function, None)
    except ImportError as error:
        refuse(f"cannot be imported: {error}")
    if not callable(found):
        refuse(f"names no function of {module}")
    called: Callable[..., Any] = found
    return called


def _form(path: Path) -> str:
    return "TOML" if path.suffix == ".toml" else "JSON"
