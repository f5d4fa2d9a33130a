"""What a class says of itself: its docstring, taken apart."""

from __future__ import annotations

import inspect
import re
from typing import NamedTuple


class Doc(NamedTuple):
    """A docstring.

    Args:
        summary: its first paragraph.
        fields: what it says of each field.
    """

    summary: str
    fields: dict[str, str]


def doc(kind: type) -> Doc:
    """What a class says of itself, and what its bases say of the fields it has from them."""
    fields: dict[str, str] = {}
    for each in kind.__mro__:
        fields = {**_fields(each), **fields}
    summary = inspect.cleandoc(kind.__doc__ or "").split("\n\n")[0]
    return Doc(" ".join(summary.split()), fields)


def _fields(kind: type) -> dict[str, str]:
    _, _, block = inspect.cleandoc(kind.__dict__.get("__doc__") or "").partition("Args:\n")
    found: dict[str, str] = {}
    name = ""
    for line in block.split("\n\n")[0].splitlines():
        begun = re.match(r" {4}(\w+): (.*)", line)
        if begun:
            name = begun[1]
        if name:
            found[name] = f"{found.get(name, '')} {begun[2] if begun else line.strip()}".strip()
    return found
