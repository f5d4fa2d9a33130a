"""What can still be reached where rules forbid some arrows, and what cut off the rest."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final, NamedTuple

from attrs import frozen

from authfsm.protocol.evidence import Confidence, confidence
from authfsm.protocol.nodes import TRANSITIONS_IN_ROLES, EdgeRoles, Node
from authfsm.protocol.states import CHALLENGES, State
from authfsm.protocol.table import ANY_CHALLENGE, PROTOCOL, Role, Transition
from authfsm.settings.rules import (
    ANY_CHALLENGE_RESPONSES,
    CHALLENGE_RULES,
    Reason,
    skips_second_factor,
    why_forbidden,
)
from authfsm.settings.sign_in_settings import SignInSettings

TransitionInRoles = tuple[Transition, EdgeRoles]

START: Final = Node(State.START)

# What an open row leads to by itself. A page of AWS's names the device among what a refresh may ask for.
_BY_ITSELF: Final = frozenset(State) - frozenset(CHALLENGES) | {State.DEVICE_SRP_AUTH}


class Reachability(NamedTuple):
    """What a description leaves of the table.

    Args:
        arrows: why each arrow, in each role, cannot be taken; None if it can.
        nodes: why each state, in each role, cannot be reached; those that can are not there.
    """

    arrows: Mapping[TransitionInRoles, Reason]
    nodes: Mapping[Node, str]


def _ends(each: TransitionInRoles) -> tuple[Node, Node]:
    arrow, roles = each
    return Node(arrow.source, roles.source), Node(arrow.dest, roles.dest)


def leads_nowhere_new(each: TransitionInRoles) -> bool:
    """Return whether an arrow leads only to what the pool asks for otherwise, and so to nothing by itself.

    Args:
        each: an arrow in its roles.
    """
    return each[0].response in ANY_CHALLENGE_RESPONSES and each[0].dest not in _BY_ITSELF


def is_specific(each: TransitionInRoles) -> bool:
    """Return whether an arrow is one of the protocol's own, and not of a row that may lead anywhere.

    Args:
        each: an arrow in its roles.
    """
    return not PROTOCOL[each[0].source][each[0].response] >= ANY_CHALLENGE


_INTO: Final[defaultdict[Node, list[TransitionInRoles]]] = defaultdict(list)
_OUT_OF: Final[defaultdict[Node, list[TransitionInRoles]]] = defaultdict(list)
for _each in TRANSITIONS_IN_ROLES:
    if not leads_nowhere_new(_each):
        _INTO[_ends(_each)[1]].append(_each)
        _OUT_OF[_ends(_each)[0]].append(_each)


@lru_cache(maxsize=256)
def reachability(told: SignInSettings, *, include_lambda_named: bool) -> Reachability:
    """What a description leaves of the table.

    Args:
        told: the description.
        include_lambda_named: count what a Lambda function may name as possible.
    """
    why = {
        each: why_forbidden(told, *each, include_lambda_named=include_lambda_named)
        for each in TRANSITIONS_IN_ROLES
    }
    reached = _reached(why)
    cut = {
        node: _cut_off(told, node, why, reached)
        for node in dict.fromkeys(end for each in TRANSITIONS_IN_ROLES for end in _ends(each))
        if node not in reached
    }
    for each, because in why.items():
        source, dest = _ends(each)
        if because is None:
            why[each] = cut.get(source) or (cut.get(dest) if leads_nowhere_new(each) else None)
    return Reachability(MappingProxyType(why), MappingProxyType(cut))


def confidence_in_pool(told: SignInSettings, arrow: Transition) -> Confidence:
    """Return how surely an arrow is known in a pool with these settings.

    Where MFA is required, no evidence for tokens straight after a password holds: its condition is that no MFA is
    due. AWS's developer guide says that a first sign-in is exempt ("Adding MFA": "The first time that a new user
    signs in to your app, Amazon Cognito issues tokens, even if your user pool requires MFA"); tests that run against
    AWS say that it is not (moto, test_user_authentication_flow_mfa_on; amplify-swift,
    TOTPSetupWhenUnauthenticatedTests; amplify-android, EmailMFATests; amplify-flutter, mfa_sms_email_required_test).
    So the arrow is refuted there. A remembered device and a passkey with user verification stand for the
    second factor, and their arrows are as sure as elsewhere.

    Args:
        told: the description.
        arrow: an arrow of the table.

    Raises:
        KeyError: the arrow is not on the table.
    """
    known = confidence(arrow)
    if told.mfa_configuration == "ON" and skips_second_factor(arrow) and not known.is_uncertain:
        return Confidence.REFUTED
    return known


def best_confidence(arrow: Transition, pools: Iterable[SignInSettings]) -> Confidence:
    """Return how surely an arrow is known: in the pool where it is known best, or without settings.

    Args:
        arrow: an arrow of the table.
        pools: the settings of pools.
    """
    known = [confidence_in_pool(pool, arrow) for pool in pools] or [confidence(arrow)]
    return min(known, key=list(Confidence).index)


def _reached(why: Mapping[TransitionInRoles, Reason]) -> frozenset[Node]:
    reached, front = set[Node](), {START}
    while front:
        reached |= front
        leaving = (each for node in front for each in _OUT_OF[node])
        front = {_ends(each)[1] for each in leaving if why[each] is None} - reached
    return frozenset(reached)


def _cut_off(
    told: SignInSettings,
    node: Node,
    why: Mapping[TransitionInRoles, Reason],
    reached: frozenset[Node],
) -> str:
    """What keeps a state from being reached: its own rule, or else what stands on every way to it."""
    own = next((because for rule in CHALLENGE_RULES.get(node, ()) if (because := rule(told))), None)
    return own or "; ".join(dict.fromkeys(_causes(node, why, reached)))


def _causes(
    node: Node, why: Mapping[TransitionInRoles, Reason], reached: frozenset[Node]
) -> Iterator[str]:
    """Why the arrows are forbidden that lead out of what is reached, on the way to a state."""
    seen, front = {node}, [node]
    while front:
        # What a Lambda function may name it may name anywhere: the protocol's own ways tell more.
        into = _INTO[front.pop(0)]
        usual = [each for each in into if is_specific(each)]
        for each in usual or into:
            source = _ends(each)[0]
            if source in reached:
                yield why[each] or ""
            elif source not in seen:
                seen.add(source)
                front.append(source)


class ChangedArrow(NamedTuple):
    """An arrow that one of two descriptions rules out.

    Args:
        arrow: the arrow.
        role: the role of the e-mailed code it leads to, or else leaves; None where there is none.
        reason: what rules it out there.
    """

    arrow: Transition
    role: Role | None
    reason: str


@frozen
class Difference:
    """What one description has and another has not.

    Args:
        gained: what the second makes possible, with what ruled it out in the first.
        lost: what the second rules out, with its reason.
        mfa_before: MfaConfiguration in the first.
        mfa_after: the same in the second.
    """

    gained: tuple[ChangedArrow, ...]
    lost: tuple[ChangedArrow, ...]
    mfa_before: str | None
    mfa_after: str | None

    @property
    def mfa_becomes_required(self) -> bool:
        """Does a second factor become everybody's duty?"""
        return self.mfa_after == "ON" != self.mfa_before

    @property
    def mfa_ceases_to_be_required(self) -> bool:
        """Does it cease to be?"""
        return self.mfa_before == "ON" != self.mfa_after


def difference(before: SignInSettings, after: SignInSettings) -> Difference:
    """What turns on and off from one description to another.

    Args:
        before: the first.
        after: the second.
    """
    old, new = (
        reachability(before, include_lambda_named=True).arrows,
        reachability(after, include_lambda_named=True).arrows,
    )
    gained = [
        ChangedArrow(each[0], each[1].role, why)
        for each, why in old.items()
        if why and not new[each]
    ]
    lost = [
        ChangedArrow(each[0], each[1].role, why)
        for each, why in new.items()
        if why and not old[each]
    ]
    return Difference(tuple(gained), tuple(lost), before.mfa_configuration, after.mfa_configuration)
