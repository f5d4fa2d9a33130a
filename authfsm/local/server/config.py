"""Reads the file of `authfsm serve --config`: the pool's settings and users, in JSON or TOML.

The settings are the arguments of `LocalPool` that `config.toml` lists; each table in the list `users` has the
arguments of `add_user`. Structured settings (`device`, `password_policy`) are tables. A trigger is "module:function".

To serve a pool like a real one, put the replies of DescribeUserPool, DescribeUserPoolClient and
GetUserPoolMfaConfig into `UserPool`, `UserPoolClient` and `MfaConfig`. Other settings in the file take precedence.
`Users` may be the list that ListUsers returns, with a `Password` added to each user.

`allow_host`, `cors` and `open` mean the same as the options of `authfsm serve`.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from attrs import NOTHING, field, fields, fields_dict, frozen

from authfsm.local.api.pool import LocalPool
from authfsm.local.config import pool_configuration as c
from authfsm.local.config.descriptions import merged_settings
from authfsm.local.config.schema import SchemaAttribute, check_names
from authfsm.local.server.access import AccessRules
from authfsm.local.state.users import User
from authfsm.protocol.states import MFA_METHODS
from authfsm.settings import descriptions

_TOML: Final = "tomllib" if sys.version_info >= (3, 11) else "tomli"
POOL_ID: Final = "eu-west-1_LocalPool"
CLIENT_ID: Final = "authfsmlocalclient"

_NOT_CONFIGURABLE: Final = {
    "clock", "entropy", "key", "settings", "region", "attributes", "pool_description", "client_description",
    "second_secret", "secret_dates",
}  # fmt: skip
_TYPES: Final = {
    **{each.name: str(each.type) for kind in (c.PoolConfiguration, c.AppClient) for each in fields(kind)},
    **inspect.get_annotations(LocalPool.__init__),
}
_SETTINGS: Final = {n: _TYPES[n] for n in _TYPES.keys() - _NOT_CONFIGURABLE - {"return"}}
_USER_TYPES: Final = {n: t for n, t in inspect.get_annotations(LocalPool.add_user).items() if n != "return"}
_ACCESS: Final = {"allow_host": "Iterable[str]", "cors": "Iterable[str]", "open": "bool"}
_KINDS: Final[dict[str, tuple[type | tuple[type, ...], str]]] = {
    "bool | str": ((bool, str), "true, false or text"),
    "bool": (bool, "true or false"),
    "int": (int, "a whole number"),
    **dict.fromkeys(("str", "DataType"), (str, "text")),
    **dict.fromkeys(("Iterable", "tuple", "frozenset"), (list, "a list of text")),
    "Mapping": (dict, "a table of text"),
    "timedelta": ((int, float), "seconds"),
}
"""The types of a value in JSON and TOML, and their name in messages, by the beginning of the setting's annotation."""
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
    """The configuration is invalid; the message says which part and why."""


@frozen
class ServerConfig:
    """The configuration of `authfsm serve`: arguments of `LocalPool`, those of `add_user` for each user, and access."""

    settings: Mapping[str, Any] = field(factory=dict, repr=False)
    users: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    access: AccessRules = field(factory=AccessRules)

    def pool(self, **settings: Any) -> LocalPool:
        """Return a pool without users; `settings` take precedence over the configuration's settings."""
        ids = {"pool_id": POOL_ID, "client_id": CLIENT_ID}
        try:
            return LocalPool(**{**ids, **self.settings, **settings})
        except (TypeError, ValueError) as error:
            raise ConfigError(str(error)) from None

    def add_users(self, pool: LocalPool) -> None:
        """Add the users that the pool does not have yet."""
        usernames = set[str]()
        for number, user in enumerate(self.users, 1):
            name = user.get("username")
            if not isinstance(name, str):
                raise ConfigError(f"user {number} has no username" + ("" if name is None else " that is text"))
            try:
                username = pool.user(name).username
            except LookupError:
                username = _add_user(pool, name, user).username
            _check(username not in usernames, f"user {number}, {name}, occurs twice: remove one of the two")
            usernames.add(username)


def _add_user(pool: LocalPool, name: str, user: Mapping[str, Any]) -> User:
    unknown = ", ".join(sorted(user.keys() - _USER_TYPES.keys()))
    _check(not unknown, f"user {name} has no setting {unknown}; the settings are {', '.join(_USER_TYPES)}")
    _check_types(user, _USER_TYPES, f"user {name}: ")
    factors = {*(user.get("mfa") or ()), *filter(None, [user.get("preferred_mfa")])}
    _check(factors <= {*MFA_METHODS}, f"user {name}: mfa and preferred_mfa can have only {', '.join(MFA_METHODS)}")
    # Custom attributes and `identities` (of users who are linked to federated ones) need not be in the schema.
    plain = [each for each in user.get("attributes") or () if ":" not in each]
    why = "is a federated user (EXTERNAL_PROVIDER), which a local pool cannot have: remove the user"
    _check(user.get("status") != "EXTERNAL_PROVIDER", f"user {name} {why}")
    try:
        check_names("attributes", plain, [*pool.configuration.attributes.all, "identities"])
        return pool.add_user(**user)
    except Exception as error:  # noqa: BLE001 - whatever the error is, the configuration caused it
        secrets = (str(user[each]) for each in ("password", "totp_secret") if each in user)
        reason = type(error).__name__ if any(each in str(error) for each in secrets) else error
        raise ConfigError(f"user {name} is invalid: {reason}") from None


def read_config(path: Path) -> ServerConfig:
    """Return the configuration in a file."""
    try:
        text = descriptions.decode_text(path.read_bytes())
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8 or UTF-16"
        raise ConfigError(f"{path} cannot be read: {why}") from None
    is_toml = path.suffix == ".toml"
    try:
        content = import_module(_TOML).loads(text) if is_toml else descriptions.parse_json(text)
    except ValueError as error:
        raise ConfigError(f"{path} is not {'TOML' if is_toml else 'JSON'}: {error}") from None
    except RecursionError:
        raise ConfigError(f"{path} cannot be read: it is nested too deeply") from None
    if not isinstance(content, dict):
        raise ConfigError(f"{path} has no settings: its top level is not an object")
    try:
        return parse_config(content)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def parse_config(content: Mapping[str, Any]) -> ServerConfig:
    """Return the configuration that the content of a configuration file describes."""
    settings = descriptions.without_metadata(content)
    options = {name: settings.pop(name) for name in _ACCESS if name in settings}
    _check_types(options, _ACCESS)
    try:
        access = AccessRules(options.get("allow_host", ()), options.get("cors"), options.get("open", False))
    except ValueError as error:
        raise ConfigError(str(error)) from None
    users = [*_users(settings.pop("users", [])), *_users(settings.pop("Users", []))]
    described = descriptions.select_descriptions(settings)
    settings = {name: each for name, each in settings.items() if name not in described}
    if unknown := settings.keys() - _SETTINGS.keys():
        known = ", ".join(sorted({*_SETTINGS, *_ACCESS, "users"}))
        region = "; the region is the one in pool_id" if "region" in unknown else ""
        raise ConfigError(f"no setting {', '.join(sorted(unknown))}{region}; the settings are {known}")
    plain = settings.keys() - c.STRUCTURED.keys() - {"schema"}
    if isinstance(settings.get("acr_values"), dict):
        plain -= {"acr_values"}  # an AcrConfiguration
    _check_types({name: settings[name] for name in plain}, _SETTINGS)
    for name, kind in c.STRUCTURED.items():
        if settings.get(name) is not None:
            settings[name] = _structured(name, kind, settings[name])
    if "schema" in settings:
        _check(isinstance(settings["schema"], list), "schema must be a list of attributes")
        settings["schema"] = [_structured("schema", SchemaAttribute, e) for e in settings["schema"]]
    if described:
        try:
            settings = merged_settings(descriptions.Descriptions.parse(described), settings)
        except (TypeError, ValueError) as error:
            raise ConfigError(f"the descriptions are invalid: {error}") from None
    return ServerConfig(settings, tuple(users), access)


def _users(users: Any) -> list[dict[str, Any]]:
    _check(isinstance(users, list), "users must be a list of users")
    for number, user in enumerate(users, 1):
        _check(isinstance(user, dict), f"user {number} must be a table, not of type {type(user).__name__}")
    return [_user_arguments(user) if "Username" in user else user for user in users]


def _user_arguments(user: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of `add_user` for a user in the shape of ListUsers."""
    member = "Attributes" if "Attributes" in user else "UserAttributes"
    pairs = user.get(member, [])
    is_list = isinstance(pairs, list) and all(isinstance(e, dict) and isinstance(e.get("Name"), str) for e in pairs)
    _check(is_list, f"user {user['Username']}: {member} must be a list of Name and Value")
    attributes = {each["Name"]: each.get("Value", "") for each in pairs if each["Name"] != "sub"}
    known = {*_USER_MEMBERS, *_IGNORED_USER_MEMBERS, member}
    others = {name: value for name, value in user.items() if name not in known}
    renamed = {argument: user[name] for name, argument in _USER_MEMBERS.items() if name in user}
    renamed |= {"attributes": attributes, "verified": False}
    for name in others.keys() & renamed.keys():
        raise ConfigError(f"user {user['Username']} has the shape of ListUsers, which cannot have {name}")
    return others | renamed


def _structured(name: str, kind: type, value: Any) -> Any:
    parts = {part: str(each.type) for part, each in fields_dict(kind).items()}
    _check(isinstance(value, dict), f"{name} must be a table of {', '.join(parts)}")
    unknown = ", ".join(sorted(value.keys() - parts.keys()))
    _check(not unknown, f"{name} cannot have {unknown}; it can have {', '.join(parts)}")
    _check_types(value, parts, f"{name}.")
    missing = [each.name for each in fields(kind) if each.default is NOTHING and each.name not in value]
    _check(not missing, f"{name} needs {', '.join(missing)}")
    try:
        return kind(**value)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{name}: {error}") from None


def _check(is_valid: bool, why: str) -> None:  # noqa: FBT001 - the condition
    if not is_valid:
        raise ConfigError(why)


def _check_types(values: Mapping[str, Any], types: Mapping[str, str], where: str = "") -> None:
    """Check that each value has the type of its setting; the error does not contain the value, which may be secret."""
    for name, value in values.items():
        kinds = (each for beginning, each in _KINDS.items() if types[name].startswith(beginning))
        # A Literal has no entry in `_KINDS`: the setting's own class checks it.
        kind, description = next(kinds, (object, "module:function"))
        rule = f"{where}{name} must be {description}"
        is_right = isinstance(value, kind) and (kind is not int or not isinstance(value, bool))
        is_none = value is None and "None" in types[name]
        _check(is_right or is_none, f"{rule}, not of type {type(value).__name__}")
        items = {f"item {n}": each for n, each in enumerate(value)} if isinstance(value, list) else value
        for key, part in items.items() if isinstance(items, dict) else ():
            _check(isinstance(part, str), f"{rule}: {key} is of type {type(part).__name__}")


def config_template() -> str:
    """Return `config.toml`, a configuration file with every setting, its type, its meaning and its default."""
    return Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
