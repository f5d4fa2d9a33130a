"""What users write into their attributes, and what is written for them: checked here, wherever it comes from.

Asked in this order: may this app client write it, does the schema know it, may it change, is the value of
its type, is it somebody else's alias. That Cognito asks in this order is not known.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from authfsm.local.config import error_templates
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.config.pool_configuration import AppClient
from authfsm.local.config.schema import VERIFIED_MARKS, SchemaAttribute
from authfsm.local.state.core import Core
from authfsm.local.state.users import User

_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_PHONE: Final = re.compile(r"\+\d{1,15}")  # E.164

Attributes = Mapping[str, str]
"""Attributes, by name."""


def from_request(listed: Iterable[Any]) -> dict[str, str]:
    """UserAttributes of a request, by name.

    Raises:
        PoolRefusal: SerializationException: they are not names and values.
    """
    given = {}
    for each in listed:
        name = each.get("Name") if isinstance(each, Mapping) else None
        value = each.get("Value", "") if isinstance(each, Mapping) else None
        if not isinstance(name, str) or not isinstance(value, str):
            raise PoolRefusal(error_templates.WRONG_TYPE, name="UserAttributes")
        given[name] = value
    return given


def to_api(given: Attributes) -> list[dict[str, str]]:
    """Attributes, as the API lists them."""
    return [{"Name": name, "Value": value} for name, value in given.items()]


def readable_by(pool: Core, client: AppClient, user: User) -> dict[str, str]:
    """The attributes of a user that an app client may read."""
    schema, allowed = pool.configuration.attributes, client.read_attributes
    return {n: v for n, v in user.all_attributes().items() if schema.may_read(n, allowed)}


def check_writable(pool: Core, client: AppClient, given: Attributes) -> None:
    """May this app client write these?

    Raises:
        PoolRefusal: NotAuthorizedException.
    """
    schema = pool.configuration.attributes
    if any(not schema.may_write(name, client.write_attributes) for name in given):
        raise PoolRefusal(error_templates.ATTRIBUTE_NOT_WRITABLE)


def check(pool: Core, given: Attributes, user: User | None = None) -> None:
    """Do these conform to the schema?

    Args:
        pool: the pool.
        given: what is to be written.
        user: whose they will be; None for a new user, who may still have what cannot change.

    Raises:
        PoolRefusal: InvalidParameterException, AliasExistsException.
    """
    schema = pool.configuration.attributes
    for name, value in given.items():
        found = schema.find(name)
        if found is None:
            why = f"Type for attribute {{{name}}} could not be determined"
            raise PoolRefusal(error_templates.NOT_IN_SCHEMA, why=why)
        # "Attribute cannot be updated even when the attribute was never set" -- reports of users
        if name == "sub" or (user is not None and not found.mutable):
            raise PoolRefusal(error_templates.NOT_MUTABLE, name=name)
        # "To delete an attribute from your user, submit the attribute ... with a blank value"
        if value or user is None:
            _check_value(found, value)
    if user is not None:
        for name, value in given.items():
            if pool.users.is_taken(name, value, user):
                raise PoolRefusal(error_templates.ALIAS_TAKEN, name=name)


def _check_value(attribute: SchemaAttribute, value: str) -> None:
    if attribute.name == "email" and not _EMAIL.fullmatch(value):
        raise PoolRefusal(error_templates.BAD_EMAIL)
    if attribute.name == "phone_number" and not _PHONE.fullmatch(value):
        raise PoolRefusal(error_templates.BAD_PHONE)
    if why := attribute.fault(value):
        raise PoolRefusal(error_templates.NOT_IN_SCHEMA, why=f"{attribute.name}: {why}")


def check_required(pool: Core, given: Attributes) -> None:
    """Has a new user what the schema requires?

    Raises:
        PoolRefusal: InvalidParameterException, with all that is missing.
    """
    missing = [name for name in pool.configuration.attributes.required if not given.get(name)]
    if missing:
        why = "\n".join(f"{name}: The attribute is required" for name in missing)
        raise PoolRefusal(error_templates.NOT_IN_SCHEMA, why=why)


def write(pool: Core, user: User, given: Attributes) -> None:
    """Write attributes that were checked; a blank value takes the attribute away."""
    # The marks last: a new address clears its own.
    for name, value in sorted(given.items(), key=lambda each: each[0] in VERIFIED_MARKS):
        if value:
            pool.users.change(user, name, value)
        else:
            pool.users.clear(user, name)
    user.modified = pool.clock()
