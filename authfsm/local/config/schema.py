"""The schema of user attributes: Cognito's standard ones, the pool's own, and who may read and write them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Final, Literal

from attrs import evolve, frozen

from authfsm.local.config.request_members import typed


def check_names(name: str, names: Iterable[str], allowed: Collection[str]) -> None:
    """Raise ValueError if the names that a setting lists are not all allowed and different; `name` is the setting."""
    found = list(names)
    if unknown := sorted(set(found) - set(allowed), key=str):
        raise ValueError(f"{name} cannot have {', '.join(map(str, unknown))}; it can have {', '.join(allowed)}")
    if repeated := sorted({each for each in found if found.count(each) > 1}):
        raise ValueError(f"{name} has {', '.join(repeated)} twice")


_LONGEST_NUMBER: Final = 2048  # AttributeValueType


@frozen(field_transformer=typed)
class SchemaAttribute:
    """An attribute of the pool's schema (SchemaAttributeType).

    Args:
        name: `email`, `custom:team`.
        data_type: AttributeDataType.
        mutable: whether it may change after the user was created.
        required: whether a user must have it.
        developer_only: DeveloperOnlyAttribute: only administrators may write it.
        min_length: StringAttributeConstraints.MinLength.
        max_length: StringAttributeConstraints.MaxLength.
        min_value: NumberAttributeConstraints.MinValue.
        max_value: NumberAttributeConstraints.MaxValue.
    """

    name: str
    data_type: Literal["String", "Number", "DateTime", "Boolean"] = "String"
    mutable: bool = True
    required: bool = False
    developer_only: bool = False
    min_length: int | None = None
    max_length: int | None = None
    min_value: int | None = None
    max_value: int | None = None

    def violation(self, value: str) -> str | None:
        """Return why a value is not valid; None if it is valid. Cognito's own messages are not known."""
        if self.data_type == "Number":
            if not re.fullmatch("[+-]?[0-9]+", value):
                return "The value is not a number"
            # Converting a million digits to an integer would take long.
            if len(value) <= _LONGEST_NUMBER and _within(int(value), self.min_value, self.max_value):
                return None
            return "The number is out of range"
        if self.data_type == "Boolean":
            return None if value in {"true", "false"} else "The value is not true or false"
        if not _within(len(value), self.min_length, self.max_length):
            return "The value is too short or too long"
        return None


def _within(number: int, lowest: int | None, highest: int | None) -> bool:
    return (lowest is None or number >= lowest) and (highest is None or number <= highest)


_STANDARD_TEXTS: Final = (
    "address", "email", "family_name", "gender", "given_name", "locale", "middle_name", "name",
    "nickname", "phone_number", "picture", "preferred_username", "profile", "website", "zoneinfo",
)  # fmt: skip

STANDARD_ATTRIBUTES: Final = {
    each.name: each
    for each in (
        SchemaAttribute("sub", mutable=False, required=True, min_length=1, max_length=2048),
        *(SchemaAttribute(name, min_length=0, max_length=2048) for name in _STANDARD_TEXTS),
        SchemaAttribute("birthdate", min_length=10, max_length=10),
        SchemaAttribute("email_verified", "Boolean"),
        SchemaAttribute("phone_number_verified", "Boolean"),
        SchemaAttribute("updated_at", "Number", min_value=0),
    )
}
"""The standard attributes, as DescribeUserPool lists them for every pool."""

VERIFIED_FLAGS: Final = frozenset({"email_verified", "phone_number_verified"})
"""The attributes that say whether an address is verified; only the pool and administrators write them."""


class Schema:
    """The attributes that users of a pool may have. Two schemas are equal if all their attributes are equal."""

    def __init__(self, attributes: Iterable[SchemaAttribute], required: Collection[str]) -> None:
        found = {**STANDARD_ATTRIBUTES, **{each.name: each for each in attributes}}
        check_names("required_attributes", required, found)
        self.all: dict[str, SchemaAttribute] = {
            name: evolve(each, required=True) if name in required else each for name, each in found.items()
        }
        marked = {name for name, each in self.all.items() if each.required and name != "sub"}
        self.required: tuple[str, ...] = (*required, *sorted(marked - set(required)))
        """The names of the attributes that a user must have, without `sub`, which the pool sets."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Schema) and self.all == other.all

    def __hash__(self) -> int:
        return hash(frozenset(self.all))

    def may_read(self, name: str, read_attributes: Collection[str] | None) -> bool:
        """Return whether an app client may read an attribute; without ReadAttributes it may read the standard ones."""
        if name == "sub":
            return True
        if read_attributes is None:
            # `add_user` accepts attributes that the schema lacks (tests need not declare them). Clients may read them.
            return name in STANDARD_ATTRIBUTES or name not in self.all
        return name in read_attributes

    def may_write(self, name: str, write_attributes: Collection[str] | None) -> bool:
        """Return whether an app client may write an attribute; without WriteAttributes it may write the standard ones."""
        found = self.all.get(name)
        if name in VERIFIED_FLAGS or name == "sub" or (found is not None and found.developer_only):
            return False
        return name in (STANDARD_ATTRIBUTES if write_attributes is None else write_attributes)
