"""The forms of the present challenge, as the page shows them; what they ask is in `protocol.prompts`. No widgets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from attrs import evolve

from authfsm.base.secret import Secret
from authfsm.drivers.boto import Flow
from authfsm.protocol.forms import SRP_RESPONSES, Prompt
from authfsm.protocol.prompts import form_for
from authfsm.protocol.responses import Response, SrpA

_LIKE = {"code": "000000", "email": "name@example.com"}


def forms(flow: Flow) -> tuple[Prompt, ...]:
    """The ways in which a person can answer here, the one that is meant first; none where nobody is asked.

    Args:
        flow: the sign-in.
    """
    return tuple(
        sorted(_forms(flow), key=lambda each: not each.by_person)
    )  # a notebook has no passkey


def _forms(flow: Flow) -> Iterator[Prompt]:
    if flow.challenge is None:
        return
    for prompt in form_for(flow.challenge, flow.signin.role).prompts:
        if prompt.response not in flow.accepts:
            continue
        held = prompt.response is SrpA and flow._password is not None  # noqa: SLF001 - same package
        yield evolve(prompt, fields=()) if held else prompt


def response(flow: Flow, prompt: Prompt, values: Mapping[str, str | Secret[str]]) -> Response:
    """Return the response of a form that was filled in; a proof by SRP is made by the flow.

    Args:
        flow: the sign-in.
        prompt: the form.
        values: the fields' values, by their names.

    Raises:
        BadField: one is missing, or is not what it must be.
    """
    return flow.make_response(prompt.response, **prompt.arguments(values))


def sample(prompt: Prompt) -> Response | None:
    """Return a response of the kind that a form makes, for a look at its request; None where that takes a proof."""
    if prompt.response in SRP_RESPONSES or not prompt.by_person:
        return None
    return prompt.answer(
        {
            each.name: each.choices[0][0] if each.choices else _LIKE.get(each.kind, "NAME=value")
            for each in prompt.fields
        }
    )
