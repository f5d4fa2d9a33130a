"""Base classes that complete docstrings, display values in notebooks, and make enumerations of strings."""

from __future__ import annotations

import inspect
import re
from enum import Enum
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from typing_extensions import Self

_FIELD: Final = re.compile(r"^ {4}(\w+): .*(?:\n {5}.*)*", re.MULTILINE)
"""A field in a section of a docstring, with its continuation lines."""


class CompletesDocstring:
    """A class whose docstring also lists inherited fields, and the meanings of an enumeration's members, for `help()`."""

    __slots__ = ()

    def __init_subclass__(cls) -> None:
        """Let the docstring be completed when it is read, because completing it here would slow down every import."""
        super().__init_subclass__()
        own = cls.__dict__.get("__doc__")
        # attrs makes a class with slots twice.
        if isinstance(own, str) and not isinstance(own, _CompletedDoc):
            doc = _CompletedDoc(own)
            # pydoc takes the docstring of an enumeration from its `__dict__`, and so does not call the descriptor.
            cls.__doc__ = doc.__get__(None, cls) if getattr(cls, "__members__", None) else doc


class _CompletedDoc(str):
    """The docstring of a class, which is completed each time it is read."""

    __slots__ = ()

    def __get__(self, _: object, cls: type) -> str:
        doc = inspect.cleandoc(self)
        members = getattr(cls, "__members__", {}).items()
        meanings = {name: f"    {name}: {text}" for name, each in members if (text := getattr(each, "meaning", ""))}
        for heading in ("Args:", "Attributes:", "Members:"):
            inherited = meanings if heading == "Members:" else {}
            for base in reversed(cls.__mro__[1:]):
                inherited |= _documented_fields(inspect.cleandoc(base.__doc__ or ""), heading)
            known = _documented_fields(doc, heading)
            missing = [entry for name, entry in inherited.items() if name not in known]
            if missing:
                last = [doc, *known.values()][-1]
                first = last if known else f"{doc}\n\n{heading}"
                doc = doc.replace(last, "\n".join((first, *missing)))
        return doc


def _documented_fields(docstring: str, heading: str) -> dict[str, str]:
    """Return the entries of a section of a docstring, by the names of the fields."""
    block = docstring.partition(f"{heading}\n")[2].partition("\n\n")[0].rstrip()
    return {each[1]: each[0] for each in _FIELD.finditer(block)}


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


class DescribedName(CompletesDocstring, str, Enum):
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
