"""What a form is made of: its fields, the prompts that they belong to, and the response that each prompt makes.

Pure data: `authfsm.protocol.prompts` fills it in for each challenge, and whatever asks a person reads it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any, Final, Literal

from attrs import field, fields_dict, frozen

from authfsm.base.secret import Secret, secret
from authfsm.protocol import responses as r
from authfsm.protocol.codes import CodeFormat
from authfsm.protocol.errors import InvalidInput
from authfsm.protocol.responses import Response
from authfsm.protocol.states import State
from authfsm.protocol.table import Role
from authfsm.protocol.validators import check_typed

Kind = Literal["code", "password", "text", "email", "tel", "date", "choice", "lines", "credential"]

BY_PROOF: Final = frozenset({r.SrpA, r.SrpClaim})
"""Responses that a driver makes of a password: `flow.make_response(prompt.response, **prompt.arguments(values))`."""


@frozen
class Field:
    """One thing that is asked for.

    Args:
        name: the argument of the response class that it fills; of a required attribute, the attribute's name.
        label: what a person reads beside it in a form.
        kind: how it is entered. A `password` is not shown while it is typed, `lines` has several lines, and
            a `credential` is what the browser's `navigator.credentials.get` gives: no person types it.
        question: a longer label, for a prompt that stands alone.
        required: whether it must be filled in.
        choices: of a `choice`: each value and its meaning.
        format: of a `code`: its form.
        autocomplete: the hint of HTML's `autocomplete`.
        within: the argument that holds it, where that is a mapping (`attributes`).
    """

    name: str
    label: str
    kind: Kind
    question: str = field(kw_only=True, default="")
    required: bool = field(kw_only=True, default=True)
    choices: tuple[tuple[str, str], ...] = field(kw_only=True, default=())
    format: CodeFormat | None = field(kw_only=True, default=None)
    autocomplete: str = field(kw_only=True, default="off")
    within: str | None = field(kw_only=True, default=None)

    @property
    def secret(self) -> bool:
        """Whether it is hidden while it is typed."""
        return self.kind == "password"

    @property
    def inputmode(self) -> str:
        """The hint of HTML's `inputmode`: which keyboard helps."""
        return {"code": "numeric", "email": "email", "tel": "tel"}.get(self.kind, "text")

    @property
    def pattern(self) -> str | None:
        """The regular expression of HTML's `pattern`, separators accepted; None where anything may be typed."""
        return None if self.format is None else self.format.pattern


@frozen
class Prompt:
    """One way to answer a challenge.

    Args:
        response: the class of the response that its fields make.
        label: what a button or a menu calls it.
        explanation: what is asked for, in a sentence.
        fields: what is to be filled in; none, where choosing it is all.
        factor: Cognito's name of the factor that it stands for, where there is a choice.
    """

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
    def by_person(self) -> bool:
        """Whether a person can fill it in; a credential comes of the browser."""
        return all(each.kind != "credential" for each in self.fields)

    def arguments(self, values: Mapping[str, str | Secret[str]]) -> dict[str, Any]:
        """The response's arguments, from what was filled in; each text is wrapped as it is read.

        Args:
            values: the fields' values, by their names. A field that is not required may be empty or left out.

        Raises:
            InvalidInput: a required field is empty, a choice is none of those offered, or text is not what
                its field takes. The form of codes and addresses is the response's own to check.
        """
        values = _wrapped(values)
        filled = {each: values.get(each.name, Secret("")) for each in self.fields}
        filled = {each: value for each, value in filled.items() if value or each.required}
        for each, value in filled.items():
            self._check(each, value)
        found: dict[str, Any] = {}
        for each, value in filled.items():
            if each.within is not None:
                found.setdefault(each.within, {})[each.name] = value.reveal()
            elif each.kind == "lines":
                found[each.name] = _pairs(value)
            else:
                found[each.name] = value.reveal() if self._is_plain(each.name) else value
        return found

    def _is_plain(self, name: str) -> bool:
        """Whether the response takes an argument as it is, and not as a secret."""
        argument = fields_dict(self.response).get(name)
        return argument is not None and str(argument.type).startswith("str")

    def _check(self, asked: Field, value: Secret[str]) -> None:
        check_typed(self.response, asked.name, value)
        if asked.kind == "choice":
            names = [name for name, _ in asked.choices]
            check_choice(self.response, asked.name, value.reveal(), names)
        if asked.kind == "credential" and not _is_json(value):
            raise InvalidInput(self.response, asked.name, "must be JSON")
        if asked.kind == "lines" and _pairs(value) is None:
            raise InvalidInput(self.response, asked.name, "must be NAME=value, one a line")

    def answer(self, values: Mapping[str, str | Secret[str]]) -> Response:
        """The response that was filled in; one of `BY_PROOF` is a driver's to make.

        Raises:
            InvalidInput: as `arguments`, and where a code or an address has the wrong form.
        """
        values = _wrapped(values)
        return self.response(**self.arguments(values))


@frozen
class Form:
    """What a challenge asks.

    Args:
        state: the challenge's state.
        role: which factor it is, where that is known.
        title: what a page about it is called.
        prompts: the ways to answer it, the one that is meant first; none where no person is needed.
        facts: what the pool's functions made public, for a challenge of their own.
    """

    state: State
    role: Role | None
    title: str
    prompts: tuple[Prompt, ...]
    facts: Mapping[str, str] = field(factory=dict, repr=False)


def check_choice(
    response: type[Response],
    name: str,
    chosen: str,
    names: Collection[str],
    state: State | None = None,
) -> None:
    """Check that a choice is one of those offered.

    Raises:
        InvalidInput: it is not; the error names those that are.
    """
    if chosen not in names:
        among = ", ".join(map(str, names))
        advice = f"This can be chosen: {among}."
        raise InvalidInput(response, name, f"must be one of {among}", advice, state=state)


def _wrapped(values: Mapping[str, str | Secret[str]]) -> dict[str, Secret[str]]:
    return {name: secret(value) for name, value in values.items()}


def _is_json(value: Secret[str]) -> bool:
    try:
        json.loads(value.reveal())
    except (ValueError, RecursionError):
        return False
    return True


def _pairs(value: Secret[str]) -> dict[str, Secret[str]] | None:
    """NAME=value, one a line; None where a line is anything else."""
    lines = [line.partition("=") for line in value.reveal().splitlines() if line.strip()]
    if not lines or not all(name.strip() and equals for name, equals, _ in lines):
        return None
    return {name.strip(): Secret(text) for name, _, text in lines}
