"""The attributes a user may have: Cognito's standard ones, the pool's own, and who may read and write them.

Pure rules on settings: nothing here looks at a user or raises a refusal; `attributes` does.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Final, Literal

from attrs import evolve, frozen

DataType = Literal["String", "Number", "DateTime", "Boolean"]

_NUMBER: Final = re.compile(r"[+-]?\d+")


@frozen
class SchemaAttribute:
    """An attribute of the pool's schema (SchemaAttributeType).

    Args:
        name: `email`, `custom:team`.
        data_type: AttributeDataType.
        mutable: may it change once it has a value?
        required: must a user have it?
        developer_only: DeveloperOnlyAttribute: administrators alone may write it.
        shortest: StringAttributeConstraints.MinLength.
        longest: StringAttributeConstraints.MaxLength.
        least: NumberAttributeConstraints.MinValue.
        greatest: NumberAttributeConstraints.MaxValue.
    """

    name: str
    data_type: DataType = "String"
    mutable: bool = True
    required: bool = False
    developer_only: bool = False
    shortest: int | None = None
    longest: int | None = None
    least: int | None = None
    greatest: int | None = None

    def fault(self, value: str) -> str | None:
        """What is wrong with a value; None if it will do. The words are ours: Cognito's are not known."""
        if self.data_type == "Number":
            if not _NUMBER.fullmatch(value):
                return "The value is not a number"
            # Longer than this no bound is: an integer of a million digits is not computed.
            within = len(value) <= 40 and _between(int(value), self.least, self.greatest)  # noqa: PLR2004
            return None if within else "The number is out of range"
        if self.data_type == "Boolean":
            return None if value in {"true", "false"} else "The value is not true or false"
        if not _between(len(value), self.shortest, self.longest):
            return "The value is too short or too long"
        return None


def _between(number: int, least: int | None, greatest: int | None) -> bool:
    return (least is None or number >= least) and (greatest is None or number <= greatest)


def _standard() -> Iterable[SchemaAttribute]:
    yield SchemaAttribute("sub", mutable=False, required=True, shortest=1, longest=2048)
    for name in (
        "address",
        "email",
        "family_name",
        "gender",
        "given_name",
        "locale",
        "middle_name",
        "name",
        "nickname",
        "phone_number",
        "picture",
        "preferred_username",
        "profile",
        "website",
        "zoneinfo",
    ):
        yield SchemaAttribute(name, shortest=0, longest=2048)
    yield SchemaAttribute("birthdate", shortest=10, longest=10)
    yield SchemaAttribute("email_verified", "Boolean")
    yield SchemaAttribute("phone_number_verified", "Boolean")
    yield SchemaAttribute("updated_at", "Number", least=0)


STANDARD_ATTRIBUTES: Final = {each.name: each for each in _standard()}
"""The standard attributes, as every DescribeUserPool lists them."""

VERIFIED_MARKS: Final = frozenset({"email_verified", "phone_number_verified"})
"""What says whether an address is verified: the pool writes it, and administrators."""


class Schema:
    """The attributes that users of a pool may have. Two are equal that say the same of every attribute.

    Args:
        given: SchemaAttributes: the pool's own, and standard ones that are not as usual.
        required: more attributes that are required.
    """

    def __init__(self, given: Iterable[SchemaAttribute], required: Collection[str]) -> None:
        found = {**STANDARD_ATTRIBUTES, **{each.name: each for each in given}}
        if unknown := set(required) - set(found):
            raise ValueError(f"required, but not in the schema: {', '.join(sorted(unknown))}")
        self.all: dict[str, SchemaAttribute] = {
            name: evolve(each, required=True) if name in required else each
            for name, each in found.items()
        }
        asked = [name for name, each in self.all.items() if each.required and name != "sub"]
        self.required: tuple[str, ...] = (
            *required,
            *sorted(name for name in asked if name not in required),
        )
        """The attributes a user must have, but for the sub, which the pool gives."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Schema) and self.all == other.all

    def __hash__(self) -> int:
        return hash(frozenset(self.all))

    def find(self, name: str) -> SchemaAttribute | None:
        """An attribute; None if the pool has none of that name."""
        return self.all.get(name)

    def may_read(self, name: str, read_attributes: Collection[str] | None) -> bool:
        """May an app client read an attribute?

        "When you don't specify the ReadAttributes for your app client, your app can read the values of
        email_verified, phone_number_verified, and the standard attributes" -- AWS API reference
        """
        if name == "sub":
            return True
        if read_attributes is None:
            # What the schema does not know came in by hand, so that a test need declare nothing to see it.
            return name in STANDARD_ATTRIBUTES or name not in self.all
        return name in read_attributes

    def may_write(self, name: str, write_attributes: Collection[str] | None) -> bool:
        """May an app client write an attribute?

        "When you don't specify the WriteAttributes for your app client, your app can write the values of the
        Standard attributes of your user pool" -- AWS API reference
        """
        found = self.find(name)
        if name in VERIFIED_MARKS or name == "sub" or (found is not None and found.developer_only):
            return False
        if write_attributes is None:
            return name in STANDARD_ATTRIBUTES
        return name in write_attributes
