"""What shows itself in a notebook is a `DisplayMixin`; how it looks is painted elsewhere, when a notebook asks.

The values of the lower floors know nothing of pictures. This class knows one name, `authfsm.display`, and
fetches it late: the only look upstairs in the house.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any


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
