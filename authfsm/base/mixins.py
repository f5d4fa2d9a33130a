"""What shows itself in a notebook is a `DisplayMixin`; how it looks is painted elsewhere, when a notebook asks.

The values of the lower floors know nothing of pictures. This class knows one name, `authfsm.display`, and
fetches it late: the only look upstairs in the house.
"""

from __future__ import annotations

from enum import Enum
from importlib import import_module
from typing import Any, TypeVar

from typing_extensions import Self


class DisplayMixin:
    """Shows itself in Jupyter, in VS Code and, as text, in IPython on a terminal."""

    __slots__ = ()

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        """What a front end may choose from, by MIME type."""
        bundle: dict[str, str] = import_module("authfsm.notebook.value_repr").bundle(self)
        return bundle

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: FBT001 - IPython calls it so
        """The text, for IPython on a terminal."""
        printer.text(repr(self) if cycle else self._repr_mimebundle_()["text/plain"])


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
