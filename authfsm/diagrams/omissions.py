"""What a picture leaves out, so that the rest can be read. Every arrow left out has a reason with a caption.

The reasons are computed from the table's sets and from the evidence, never listed arrow by arrow.
"""

from __future__ import annotations

from typing import Final

from authfsm.base.mixins import DescribedName
from authfsm.diagrams.places import Arrow
from authfsm.protocol.evidence import Confidence, confidence
from authfsm.protocol.nodes import Node
from authfsm.protocol.responses import REFRESH_RESPONSES, Credential
from authfsm.protocol.states import State
from authfsm.protocol.table import (
    ANY_CHALLENGE,
    CUSTOM,
    FIRST_FACTOR,
    FIRST_FACTOR_CHOICE,
    PROTOCOL,
    RESTART,
    UNKNOWN_CHALLENGE,
    loop_kinds,
)
from authfsm.settings import PoolSettings
from authfsm.settings.reach import best_confidence


class Reason(DescribedName):
    """Why an arrow is not drawn."""

    caption: str
    """What the picture says instead."""

    def __init__(self, _: str, caption: str) -> None:
        self.caption = caption

    FAILURE = "FAILURE", "Not drawn: refusals that cannot be retried lead to FAILED."
    UNKNOWN = (
        "UNKNOWN",
        "A challenge of another name is OTHER_CHALLENGE: it may come wherever a challenge may.",
    )
    LAMBDA = (
        "LAMBDA",
        "In CUSTOM_AUTH a Lambda may name any challenge; only what AWS documents is drawn.",
    )
    AGAIN = (
        "AGAIN",
        "EMAIL_OTP, SMS_OTP and WEB_AUTHN can be left for another first factor, as in SELECT_CHALLENGE.",
    )
    TOKENS = (
        "TOKENS",
        "Not drawn: refreshing tokens, confirming the device, signing out.",
    )
    RESTART = (
        "RESTART",
        "Not drawn: answers sent again without an unknown device key, where another loop is drawn.",
    )
    THIN = (
        "THIN",
        "Not drawn: arrows known only by inference, or contradicted, where a surer one exists.",
    )
    REFUTED = "REFUTED", "Not drawn: arrows that replies of real pools refute."
    BEYOND = "BEYOND", "Only the states directly before and after it are drawn."
    SETTINGS = "SETTINGS", "Not drawn: what the pool's settings rule out."
    ELSEWHERE = "ELSEWHERE", "Only what this flow reaches is drawn."


_AGAIN: Final = {
    (state, response)
    for state in FIRST_FACTOR - UNKNOWN_CHALLENGE
    if PROTOCOL[state].keys() >= FIRST_FACTOR_CHOICE.keys()
    for response in FIRST_FACTOR_CHOICE
} - {(State.WEB_AUTHN, Credential)}  # that signs with the passkey: no other factor is chosen
_PUBLISHED: Final = frozenset({Confidence.MEASURED, Confidence.ASSERTED, Confidence.DOCUMENTED})


def thin(arrow: Arrow, pools: tuple[PoolSettings, ...] = ()) -> bool:
    """Return whether an arrow is known only by inference, or contradicted.

    Args:
        arrow: the arrow.
        pools: the settings of pools; thin is what is so in all of them.
    """
    return best_confidence(arrow.transition, pools).thin


def refuted(arrow: Arrow, pools: tuple[PoolSettings, ...] = ()) -> bool:
    """Return whether replies of real pools refute an arrow, in all pools with these settings."""
    return best_confidence(arrow.transition, pools) is Confidence.REFUTED


def reason(arrow: Arrow, *, flow: str | None = None, failures: bool = False) -> Reason | None:
    """Why an arrow has no part in a folded picture; None if it has one.

    Args:
        arrow: the arrow.
        flow: the flow that the picture is of.
        failures: does it draw where an attempt ends?
    """
    source, response, dest, _ = arrow.transition
    if State.OTHER_CHALLENGE in {source, dest}:
        return Reason.UNKNOWN
    if dest is State.FAILED:
        return None if failures else Reason.FAILURE
    asked_for = flow is not None and response.auth_flow == flow
    if source is State.AUTHENTICATED or (response in REFRESH_RESPONSES and not asked_for):
        return Reason.TOKENS
    if (source, response) in _AGAIN:
        return Reason.AGAIN
    return _covered(arrow)


def _covered(arrow: Arrow) -> Reason | None:
    """Why a line less tells as much as this arrow would."""
    source, response, dest, loop = arrow.transition
    if loop is RESTART and len(loop_kinds(source, PROTOCOL[source][response])) > 1:
        return Reason.RESTART  # there is another loop, which tells more
    named = PROTOCOL[source][response] >= ANY_CHALLENGE and loop is None
    if (named or dest in CUSTOM) and confidence(arrow.transition) not in _PUBLISHED:
        return Reason.THIN if response in REFRESH_RESPONSES else Reason.LAMBDA
    return None


def foreign(place: Node, flow: str | None) -> bool:
    """Is a place out of this flow's reach, whatever the table allows?

    Under CUSTOM_AUTH the pool's Lambda functions lead, and in this flow alone.
    """
    return flow not in {None, "CUSTOM_AUTH"} and place.state in CUSTOM
