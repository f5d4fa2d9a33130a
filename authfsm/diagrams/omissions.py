"""The arrows that a diagram leaves out so that the rest can be read; each has a reason with a sentence.

The reasons are computed from the table's sets and from the evidence, never listed arrow by arrow.
"""

from __future__ import annotations

from typing import Final

from authfsm.base.mixins import DescribedName
from authfsm.diagrams.vertices import Arrow
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


class OmissionReason(DescribedName):
    """Reason an arrow is not drawn; `caption` is the sentence about it below the diagram."""

    caption: str

    def __init__(self, _: str, caption: str) -> None:
        self.caption = caption

    FAILURE = "FAILURE", "Refusals that cannot be retried lead to FAILED (not drawn)."
    UNKNOWN = (
        "UNKNOWN",
        "Not drawn: OTHER_CHALLENGE, a challenge of another name, which Cognito may issue at any time.",
    )
    LAMBDA = (
        "LAMBDA",
        "In CUSTOM_AUTH a Lambda may name any challenge; only what AWS documents is drawn.",
    )
    ANOTHER_FACTOR = (
        "ANOTHER_FACTOR",
        "Not drawn: EMAIL_OTP, SMS_OTP and WEB_AUTHN also accept the choice of another first factor.",
    )
    TOKENS = "TOKENS", "Not drawn: refreshing tokens, confirming the device, signing out."
    RESTART = (
        "RESTART",
        "Not drawn: answers sent again without an unknown device key, where another loop is drawn.",
    )
    UNCERTAIN = (
        "UNCERTAIN",
        "Not drawn: arrows known only by inference, or contradicted, where a surer one exists.",
    )
    REFUTED = "REFUTED", "Not drawn: arrows that replies of real pools refute."
    OTHER_STATE = "OTHER_STATE", "Only the states directly before and after it are drawn."
    SETTINGS = "SETTINGS", "Not drawn: what the pool's settings rule out."
    OTHER_FLOW = "OTHER_FLOW", "Only what this flow reaches is drawn."


_ANOTHER_FACTOR: Final = {
    (state, response)
    for state in FIRST_FACTOR - UNKNOWN_CHALLENGE
    if PROTOCOL[state].keys() >= FIRST_FACTOR_CHOICE.keys()
    for response in FIRST_FACTOR_CHOICE
} - {(State.WEB_AUTHN, Credential)}  # it answers the passkey challenge itself
_PUBLISHED: Final = frozenset({Confidence.MEASURED, Confidence.ASSERTED, Confidence.DOCUMENTED})


def is_uncertain(arrow: Arrow, pools: tuple[PoolSettings, ...] = ()) -> bool:
    """Return whether an arrow is known only by inference, or contradicted, under the settings of all these pools."""
    return best_confidence(arrow.transition, pools).is_uncertain


def is_refuted(arrow: Arrow, pools: tuple[PoolSettings, ...] = ()) -> bool:
    """Return whether replies of real pools refute an arrow, under the settings of all these pools."""
    return best_confidence(arrow.transition, pools) is Confidence.REFUTED


def omission_reason(
    arrow: Arrow, *, flow: str | None = None, failures: bool = False
) -> OmissionReason | None:
    """Return why a folded diagram of a flow leaves an arrow out; None if it draws it."""
    source, response, dest, _ = arrow.transition
    if State.OTHER_CHALLENGE in {source, dest}:
        return OmissionReason.UNKNOWN
    if dest is State.FAILED:
        return None if failures else OmissionReason.FAILURE
    is_the_flow = flow is not None and response.auth_flow == flow
    if source is State.AUTHENTICATED or (response in REFRESH_RESPONSES and not is_the_flow):
        return OmissionReason.TOKENS
    if (source, response) in _ANOTHER_FACTOR:
        return OmissionReason.ANOTHER_FACTOR
    return _less_certain(arrow)


def _less_certain(arrow: Arrow) -> OmissionReason | None:
    """Return why an arrow says no more than others that are drawn, or only what no source confirms."""
    source, response, dest, loop = arrow.transition
    if loop is RESTART and len(loop_kinds(source, PROTOCOL[source][response])) > 1:
        return OmissionReason.RESTART
    leads_anywhere = PROTOCOL[source][response] >= ANY_CHALLENGE and loop is None
    if (leads_anywhere or dest in CUSTOM) and confidence(arrow.transition) not in _PUBLISHED:
        return OmissionReason.UNCERTAIN if response in REFRESH_RESPONSES else OmissionReason.LAMBDA
    return None


def is_foreign(node: Node, flow: str | None) -> bool:
    """Return whether only CUSTOM_AUTH reaches a node, and the diagram shows another flow."""
    return flow not in {None, "CUSTOM_AUTH"} and node.state in CUSTOM
