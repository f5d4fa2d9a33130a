"""The base of enumerations whose members are strings and carry a description."""

from __future__ import annotations

from enum import Enum
from typing import TypeVar

from typing_extensions import Self

T = TypeVar("T", bound="DescribedName")


class DescribedName(str, Enum):
    """A string enumeration: a member is declared by its value and what its `__init__` takes beside it.

    A member equals its value, and `str()` and `format()` give the value.
    """

    def __new__(cls, name: str, *_: str) -> Self:
        """Make the first of the declared values the member's own."""
        member = str.__new__(cls, name)
        member._value_ = name
        return member

    __str__ = str.__str__

    def __format__(self, spec: str) -> str:
        return str.__format__(self, spec)
