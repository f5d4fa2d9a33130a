"""Base classes of values: how a value displays itself in a notebook, and string enumerations with descriptions."""

from __future__ import annotations

from enum import Enum
from importlib import import_module
from typing import Any

from typing_extensions import Self


class DisplayMixin:
    """A value that displays itself in Jupyter and VS Code, and in IPython on a terminal.

    `authfsm.notebook.value_repr` renders it, and is imported only when a notebook asks for the value.
    """

    __slots__ = ()

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        """Return the representations of the value by MIME type."""
        bundle: dict[str, str] = import_module("authfsm.notebook.value_repr").mime_bundle(self)
        return bundle

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: FBT001 - IPython calls it so
        """Write the text representation, for IPython on a terminal."""
        printer.text(repr(self) if cycle else self._repr_mimebundle_()["text/plain"])


class DescribedName(str, Enum):
    """A string enumeration whose members carry a description.

    A member is declared as its value and the arguments of the subclass's `__init__`. It equals its value, and
    `str()` and `format()` return the value.
    """

    meaning: str
    """A sentence about the member; empty if its name says enough."""

    def __init__(self, _: str, meaning: str = "") -> None:
        self.meaning = meaning

    def __new__(cls, name: str, *_: str) -> Self:
        """Create a member whose value is the first declared string."""
        member = str.__new__(cls, name)
        member._value_ = name
        return member

    __str__ = str.__str__

    def __format__(self, spec: str) -> str:
        return str.__format__(self, spec)
