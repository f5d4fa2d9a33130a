"""A flow: the `AuthFlow` that begins it, by which responses, what it reaches, and what allows it."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import frozen

from authfsm.protocol.nodes import IN_ROLES, Node
from authfsm.protocol.responses import Response
from authfsm.protocol.states import CHALLENGES, OURS, State
from authfsm.protocol.table import CUSTOM, PROTOCOL
from authfsm.reference.limits import limits_of_response
from authfsm.reference.responses import AboutResponse, about_response


@frozen
class AboutFlow:
    """What is known of a flow.

    Args:
        name: its `AuthFlow`.
        begins: the responses that begin it.
        reaches: the challenges that may come in it.
        limits: the settings that rule it out.
    """

    name: str
    begins: tuple[AboutResponse, ...]
    reaches: tuple[State, ...]
    limits: tuple[str, ...]


def about_flow(name: str) -> AboutFlow:
    """What is known of a flow.

    Raises:
        KeyError: there is no such flow.
    """
    begins = [each for each in PROTOCOL[State.START] if each.auth_flow == name]
    if not begins:
        raise KeyError(name)
    found = _reached(begins, name)
    limits = [limits_of_response(each) for each in begins]
    return AboutFlow(
        name=name,
        begins=tuple(about_response(each) for each in begins),
        reaches=tuple(state for state in CHALLENGES if state in found),
        limits=tuple(why for why in limits[0] if all(why in each for each in limits)),
    )


"""What comes after these is another matter: another sign-in, a challenge that nobody knows, tokens."""


def _reached(begins: Iterable[type[Response]], flow: str) -> frozenset[State]:
    # Lambda functions lead under CUSTOM_AUTH, and in this flow alone.
    led = frozenset() if flow == "CUSTOM_AUTH" else CUSTOM
    found: set[Node] = set()
    front = {
        Node(a.dest, each.dest)
        for a, each in IN_ROLES
        if a.source is State.START and a.response in begins
    }
    while front:
        found |= front
        onward = {node for node in front if node.state not in OURS | led}
        front = {
            Node(arrow.dest, each.dest)
            for arrow, each in IN_ROLES
            if Node(arrow.source, each.source) in onward and arrow.dest not in led
        } - found
    return frozenset(node.state for node in found) - led
