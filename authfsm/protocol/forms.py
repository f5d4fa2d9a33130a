"""Forms: the inputs for the answer to a challenge, and the response that is made from their values.

`authfsm.protocol.prompts` makes the form of each challenge.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any, Final, Literal

from attrs import field, fields_dict, frozen

from authfsm.base.secret import Secret, secret, secret_values
from authfsm.protocol import responses as r
from authfsm.protocol.error_sentences import NOT_OFFERED
from authfsm.protocol.errors import InvalidInput
from authfsm.protocol.responses import Response
from authfsm.protocol.states import State
from authfsm.protocol.table import Role
from authfsm.protocol.validators import CodeFormat, check_input, is_typed

FieldKind = Literal["code", "password", "text", "email", "tel", "date", "choice", "lines", "credential"]

SRP_RESPONSES: Final = frozenset({r.SrpA, r.SrpClaim})
"""The responses that only a driver can make, from the password: `flow.make_response(prompt.response, **arguments)`."""


@frozen
class Field:
    """One input of a prompt."""

    name: str
    label: str
    kind: FieldKind
    question: str = field(kw_only=True, default="")
    required: bool = field(kw_only=True, default=True)
    choices: tuple[tuple[str, str], ...] = field(kw_only=True, default=())
    format: CodeFormat | None = field(kw_only=True, default=None)
    autocomplete: str = field(kw_only=True, default="off")
    within: str | None = field(kw_only=True, default=None)  # the response's mapping to which the value is added
    request_options: Mapping[str, Any] | None = field(kw_only=True, default=None, repr=False)

    @property
    def secret(self) -> bool:
        """Whether the page hides the value while the user types it."""
        return self.kind == "password"

    @property
    def inputmode(self) -> str:
        """The value of HTML's `inputmode`, which selects the keyboard."""
        return {"code": "numeric", "email": "email", "tel": "tel"}.get(self.kind, "text")

    @property
    def pattern(self) -> str | None:
        """The value of HTML's `pattern`; None if any text is valid."""
        return None if self.format is None else self.format.pattern

    def to_json(self) -> dict[str, Any]:
        """Return the field as JSON-able values."""
        names = ("name", "label", "kind", "required", "pattern", "autocomplete", "inputmode")
        found: dict[str, Any] = {name: getattr(self, name) for name in names}
        found["question"] = self.question or self.label
        found["choices"] = [{"value": value, "label": label} for value, label in self.choices]
        if self.request_options is not None:
            found["request_options"] = dict(self.request_options)
        return found


@frozen
class PasswordProof(Response):
    """A password that a flow must prove by SRP: `flow.answer` makes a response of the class `response` from it."""

    response: type[Response]
    password: Secret[str] = field(converter=secret, validator=is_typed)


@frozen
class Prompt:
    """One way to answer a challenge."""

    response: type[Response]
    label: str
    explanation: str
    fields: tuple[Field, ...] = ()
    factor: str | None = None

    @property
    def trigger(self) -> str:
        """The response's name in the machine and the diagrams."""
        return self.response.trigger

    @property
    def can_be_typed(self) -> bool:
        """Whether the user can type the values; a passkey's credential comes from the browser."""
        return all(each.kind != "credential" for each in self.fields)

    def arguments(self, values: Mapping[str, str | Secret[str]]) -> dict[str, Any]:
        """Return the response's arguments from the values of the fields; raise InvalidInput for one that is not valid."""
        values = secret_values(values)
        found: dict[str, Any] = {}
        for each in self.fields:
            value = secret(values.get(each.name, ""))
            if not (value or each.required):
                continue
            self._check(each, value)
            if each.within is not None:
                found.setdefault(each.within, {})[each.name] = value.reveal()
            elif each.kind == "lines":
                found[each.name] = _pairs(value)
            else:
                argument = fields_dict(self.response).get(each.name)
                is_plain = argument is not None and str(argument.type).startswith("str")
                found[each.name] = value.reveal() if is_plain else value
        return found

    def _check(self, item: Field, value: Secret[str]) -> None:
        check_input(self.response, item.name, value)
        if item.kind == "choice":
            names = [name for name, _ in item.choices]
            check_choice(self.response, item.name, value.reveal(), names)
        if item.kind == "credential" and not is_json_object(value):
            raise InvalidInput(self.response, item.name, "must be JSON")
        if item.kind == "lines" and _pairs(value) is None:
            why = "must be NAME=value, one on each line, each NAME once"
            raise InvalidInput(self.response, item.name, why)

    def make_response(self, values: Mapping[str, str | Secret[str]]) -> Response:
        """Return the response with these values; a `PasswordProof` if it is one of `SRP_RESPONSES`."""
        values = secret_values(values)
        arguments = self.arguments(values)
        if self.response in SRP_RESPONSES:
            return PasswordProof(self.response, **arguments)
        return self.response(**arguments)

    def to_json(self) -> dict[str, Any]:
        """Return the prompt as JSON-able values."""
        return {
            "response": self.trigger,
            "label": self.label,
            "explanation": self.explanation,
            "factor": self.factor,
            "fields": [each.to_json() for each in self.fields],
        }


@frozen
class Form:
    """The form of a challenge: its title, and one prompt for each way to answer."""

    state: State
    role: Role | None
    title: str
    prompts: tuple[Prompt, ...]
    facts: Mapping[str, str] = field(factory=dict, repr=False)

    def to_json(self) -> dict[str, Any]:
        """Return the form as JSON-able values (`Challenge.form`)."""
        return {
            "challenge": self.state.value,
            "role": None if self.role is None else self.role.value,
            "title": self.title,
            "facts": dict(self.facts),
            "prompts": [each.to_json() for each in self.prompts],
        }


def check_choice(
    response: type[Response], name: str, choice: str, names: Collection[str], state: State | None = None
) -> None:
    """Raise InvalidInput if a choice is not one of the offered names."""
    if choice not in names:
        why = f"must be one of {', '.join(map(str, names))}"
        raise InvalidInput(response, name, why, NOT_OFFERED, state=state)


def is_json_object(value: Secret[str]) -> bool:
    """Return whether a string is a JSON object, as a passkey's credential is."""
    try:
        return isinstance(json.loads(value.reveal()), dict)
    except (ValueError, RecursionError):
        return False


def _pairs(value: Secret[str]) -> dict[str, Secret[str]] | None:
    """Return lines NAME=value as a mapping; None if there is no line, one has another form, or a NAME occurs twice."""
    lines = [line.partition("=") for line in value.reveal().splitlines() if line.strip()]
    found = {name.strip(): Secret(text) for name, equals, text in lines if name.strip() and equals}
    return found if found and len(found) == len(lines) else None
