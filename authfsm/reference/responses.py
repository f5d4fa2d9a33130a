"""A response: what it is, what it needs, which states take it, and where it leads from each."""

from __future__ import annotations

from attrs import fields, frozen

from authfsm.protocol.responses import Response
from authfsm.protocol.states import State
from authfsm.protocol.table import PROTOCOL
from authfsm.reference.docs import doc
from authfsm.reference.limits import limits_of_response
from authfsm.reference.states import AcceptedResponse, about_state


@frozen
class AboutResponse:
    """What is known of a response.

    Args:
        response: its class.
        meaning: what it is.
        flow: the `AuthFlow` that it begins; None for what answers a challenge.
        fields: what it holds: names, and what they are.
        taken: the states that take it, each with its request and where it leads.
        limits: the settings that rule it out.
    """

    response: type[Response]
    meaning: str
    flow: str | None
    fields: tuple[tuple[str, str], ...]
    taken: tuple[tuple[State, AcceptedResponse], ...]
    limits: tuple[str, ...]

    @property
    def name(self) -> str:
        """Its trigger."""
        return self.response.trigger


def about_response(response: type[Response]) -> AboutResponse:
    """What is known of a response."""
    said = doc(response)
    return AboutResponse(
        response=response,
        meaning=said.summary,
        flow=response.auth_flow,
        fields=tuple((each.name, said.fields[each.name]) for each in fields(response)),
        taken=tuple(
            (state, each)
            for state, answers in PROTOCOL.items()
            if response in answers
            for each in about_state(state).takes
            if each.response is response
        ),
        limits=limits_of_response(response),
    )
