"""What can still be reached where rules forbid some arrows, and what cut off the rest."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final, NamedTuple

from authfsm.protocol.nodes import IN_ROLES, Ends, Node
from authfsm.protocol.states import CHALLENGES, State
from authfsm.protocol.table import ANY, PROTOCOL, Transition
from authfsm.settings.described import Description
from authfsm.settings.rules import DESTS, OPEN, Why, forbidden

InRoles = tuple[Transition, Ends]

START: Final = Node(State.START)

# What an open row leads to by itself. A page of AWS's names the device among what a refresh may ask for.
_BY_ITSELF: Final = frozenset(State) - frozenset(CHALLENGES) | {State.DEVICE_SRP_AUTH}


class Verdicts(NamedTuple):
    """What a description leaves of the table.

    Args:
        arrows: why each arrow, in each role, cannot be taken; None if it can.
        nodes: why each state, in each role, cannot be reached; those that can are not there.
    """

    arrows: Mapping[InRoles, Why]
    nodes: Mapping[Node, str]


def _ends(each: InRoles) -> tuple[Node, Node]:
    arrow, roles = each
    return Node(arrow.source, roles.source), Node(arrow.dest, roles.dest)


def _echoed(dest: State) -> bool:
    return dest in CHALLENGES and dest not in _BY_ITSELF


_INTO: Final[defaultdict[Node, list[InRoles]]] = defaultdict(list)
_OUT_OF: Final[defaultdict[Node, list[InRoles]]] = defaultdict(list)
for _each in IN_ROLES:
    if _each[0].response not in OPEN or not _echoed(_each[0].dest):
        _INTO[_ends(_each)[1]].append(_each)
        _OUT_OF[_ends(_each)[0]].append(_each)


@lru_cache(maxsize=256)
def verdicts(told: Description, *, whims: bool) -> Verdicts:
    """What a description leaves of the table.

    Args:
        told: the description.
        whims: count what a Lambda function may name as possible.
    """
    why = {each: forbidden(told, *each, whims=whims) for each in IN_ROLES}
    reached = _reached(why)
    cut = {
        node: _cut_off(told, node, why, reached)
        for node in dict.fromkeys(end for each in IN_ROLES for end in _ends(each))
        if node not in reached
    }
    for each, because in why.items():
        source, dest = _ends(each)
        if because is None:
            lost = each[0].response in OPEN and _echoed(each[0].dest)
            why[each] = cut.get(source) or (cut.get(dest) if lost else None)
    return Verdicts(MappingProxyType(why), MappingProxyType(cut))


def _reached(why: Mapping[InRoles, Why]) -> frozenset[Node]:
    reached, front = set[Node](), {START}
    while front:
        reached |= front
        leaving = (each for node in front for each in _OUT_OF[node])
        front = {_ends(each)[1] for each in leaving if why[each] is None} - reached
    return frozenset(reached)


def _cut_off(
    told: Description, node: Node, why: Mapping[InRoles, Why], reached: frozenset[Node]
) -> str:
    """What keeps a state from being reached: its own rule, or else what stands on every way to it."""
    own = next((because for rule in DESTS.get(node, ()) if (because := rule(told))), None)
    return own or "; ".join(dict.fromkeys(_causes(node, why, reached)))


def _causes(node: Node, why: Mapping[InRoles, Why], reached: frozenset[Node]) -> Iterator[str]:
    """Why the arrows are forbidden that lead out of what is reached, on the way to a state."""
    seen, front = {node}, [node]
    while front:
        # What a Lambda function may name it may name anywhere: the protocol's own ways tell more.
        into = _INTO[front.pop(0)]
        usual = [each for each in into if not PROTOCOL[each[0].source][each[0].response] >= ANY]
        for each in usual or into:
            source = _ends(each)[0]
            if source in reached:
                yield why[each] or ""
            elif source not in seen:
                seen.add(source)
                front.append(source)
