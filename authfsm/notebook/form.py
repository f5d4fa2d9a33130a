"""A form: its fields, and the response that comes of them. What is typed goes through it once, and is kept nowhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Literal

from attrs import field, frozen

from authfsm.protocol.responses import Response

Kind = Literal["code", "secret", "text", "choice", "lines"]

_RECKONED: Final = frozenset({"srp_a", "srp_claim", "credential"})
_LIKE: Final[Mapping[str, str]] = {"code": "000000", "lines": "NAME=value"}


@frozen
class Field:
    """One field of a form.

    Args:
        name: by which its value is given back.
        label: what a person reads.
        kind: how it is asked for; `secret` is not shown while it is typed, `lines` has several.
        choices: of a `choice`: each value, and what it means.
        needed: must it be filled in?
    """

    name: str
    label: str
    kind: Kind
    choices: tuple[tuple[str, str], ...] = ()
    needed: bool = True


@frozen
class Form:
    """One way to answer.

    Args:
        says: what is asked for, in a sentence.
        button: what its button says.
        trigger: the trigger's name in the diagram.
        fields: its fields.
        make: the response, of the fields' values.
    """

    says: str
    button: str
    trigger: str
    fields: tuple[Field, ...]
    make: Callable[[Mapping[str, str]], Response] = field(repr=False)

    @property
    def like(self) -> Response | None:
        """A response of the kind that comes of this form, for a look at its request; None where it takes reckoning."""
        if self.trigger in _RECKONED:
            return None
        values = {
            each.name: each.choices[0][0] if each.choices else _LIKE.get(each.kind, "…")
            for each in self.fields
        }
        return self.response(values)

    def response(self, values: Mapping[str, str]) -> Response:
        """What is to be given.

        Args:
            values: the fields' values, by their names.

        Raises:
            BadField: one is missing, or is not what it must be.
        """
        return self.make({each.name: values.get(each.name, "") for each in self.fields})
