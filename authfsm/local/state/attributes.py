"""Checks user attributes, from any operation, and writes them.

The order of the checks: the app client may write the attribute, the schema has it, it may change, the value has
the right type, and no other user has the value as an alias. In which order Cognito checks is not known.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from authfsm.local.config import error_templates
from authfsm.local.config.pool_configuration import AppClient
from authfsm.local.config.schema import VERIFIED_FLAGS, SchemaAttribute
from authfsm.local.state.core import Core
from authfsm.local.state.users import User

EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")

Attributes = Mapping[str, str]
"""The values of attributes by the attributes' names."""


def from_request(attributes: Iterable[Any]) -> dict[str, str]:
    """Return the UserAttributes of a request; an item whose Name or Value is not text causes SerializationException."""
    found = {}
    for each in attributes:
        name = each.get("Name") if isinstance(each, Mapping) else None
        value = each.get("Value", "") if isinstance(each, Mapping) else None
        if not isinstance(name, str) or not isinstance(value, str):
            raise error_templates.WRONG_TYPE.refusal(name="UserAttributes")
        # AWS reads "True" as true (a test of moto's that its maintainers run against AWS).
        found[name] = value.lower() if name in VERIFIED_FLAGS else value
    return found


def to_api(attributes: Attributes) -> list[dict[str, str]]:
    """Return attributes as the API's list of Name and Value."""
    return [{"Name": name, "Value": value} for name, value in attributes.items()]


def check_writable(pool: Core, client: AppClient, attributes: Attributes) -> None:
    """Refuse attributes that the app client may not write, with NotAuthorizedException."""
    schema, accepts_unknown = pool.configuration.attributes, "unknown-attributes" in pool.configuration.accept
    # Unknown attributes that `accept` allows are not refused here, because `check` records them.
    checked = [name for name in attributes if name in schema.all or not accepts_unknown]
    if any(not schema.may_write(name, client.write_attributes) for name in checked):
        raise error_templates.ATTRIBUTE_NOT_WRITABLE.refusal()


def check(pool: Core, attributes: Attributes, user: User | None = None) -> None:
    """Refuse attributes that violate the schema or, for an existing `user`, are another user's alias."""
    schema = pool.configuration.attributes
    for name, value in attributes.items():
        found = schema.all.get(name)
        if found is None:
            why = f"Type for attribute {{{name}}} could not be determined"
            pool.refuse_or_record("unknown-attributes", error_templates.NOT_IN_SCHEMA.refusal(why=why))
            continue
        if user is not None and not value and name in (*schema.required, *pool.configuration.username_attributes):
            # These attributes cannot be removed, because users sign in with them, or because the pool requires them.
            pool.refuse_or_record("invalid-attribute-values", error_templates.ATTRIBUTE_REQUIRED.refusal(name=name))
        # "Attribute cannot be updated even when the attribute was never set" (reports of users)
        if name == "sub" or (user is not None and not found.mutable):
            raise error_templates.NOT_MUTABLE.refusal(name=name)
        # "To delete an attribute from your user, submit the attribute ... with a blank value"
        # -- AWS API reference, UpdateUserAttributes
        if value or user is None:
            _check_value(pool, found, value)
    for name, value in attributes.items():
        if user is not None and pool.users.is_taken(name, value, user):
            raise error_templates.ALIAS_TAKEN.refusal(name=name)


def _check_value(pool: Core, attribute: SchemaAttribute, value: str) -> None:
    check = "invalid-attribute-values"
    if attribute.name == "email" and not EMAIL.fullmatch(value):
        pool.refuse_or_record(check, error_templates.BAD_EMAIL.refusal())
    if attribute.name == "phone_number" and not re.fullmatch(r"\+[0-9]{1,15}", value):  # E.164
        pool.refuse_or_record(check, error_templates.BAD_PHONE.refusal())
    if why := attribute.violation(value):
        pool.refuse_or_record(check, error_templates.NOT_IN_SCHEMA.refusal(why=f"{attribute.name}: {why}"))


def check_required(pool: Core, attributes: Attributes) -> None:
    """Refuse a new user without the required attributes, with one InvalidParameterException that names all."""
    missing = [n for n in pool.configuration.attributes.required if not attributes.get(n)]
    if missing:
        why = "\n".join(f"{name}: The attribute is required" for name in missing)
        raise error_templates.NOT_IN_SCHEMA.refusal(why=why)


def write(pool: Core, user: User, attributes: Attributes) -> None:
    """Write checked attributes; a blank value removes the attribute."""
    # The *_verified attributes are written last, because a new address sets its own to false.
    for name, value in sorted(attributes.items(), key=lambda each: each[0] in VERIFIED_FLAGS):
        if value:
            pool.users.set_attribute(user, name, value)
        else:
            pool.users.remove_attribute(user, name)
    user.modified = pool.clock()
