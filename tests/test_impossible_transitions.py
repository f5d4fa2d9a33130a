"""Impossible transitions: the table has no transition for them, and no pool makes them on random walks.

AWS's documents and the cited issues exclude them. Where the table has a transition for CUSTOM_AUTH only, the flow
excludes it, and only the pool can show that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest
from attrs import frozen
from joserfc.jwk import RSAKey
from oracle import OpenChallenge
from test_random_walks import STEPS, walk

from authfsm.protocol import responses as r
from authfsm.protocol.responses import Response
from authfsm.protocol.states import State
from authfsm.protocol.table import TRANSITION_SET, Transition, transition_between

S = State
WALKS: Final = 40


def _anywhere(_: OpenChallenge) -> bool:
    return True


def _not_by_functions(before: OpenChallenge) -> bool:
    """Return whether no Lambda function can choose the challenge."""
    return before.flow != "CUSTOM_AUTH" and not str(before.flow).startswith("ADMIN_")


@frozen
class Row:
    """An impossible transition.

    Args:
        source: the state it would leave; None for any.
        response: the response; None for any.
        dests: the states to which it does not lead.
        why: the condition, and its source.
        excluded: returns whether the row applies to a path.
    """

    source: State | None
    response: type[Response] | None
    dests: frozenset[State]
    why: str
    excluded: Callable[[OpenChallenge], bool] = _not_by_functions

    def __str__(self) -> str:
        source, response = self.source or "anywhere", self.response
        name = response.__name__ if response else "anything"
        return f"{source}-{name}-{'-'.join(sorted(self.dests))}"

    def offers(self, before: OpenChallenge, transition: Transition) -> bool:
        """Return whether a state and response made the transition possible."""
        return (
            self.source in {None, transition.source}
            and self.response in {None, transition.response}
            and self.excluded(before)
        )


CUSTOM: Final = frozenset({S.CUSTOM_CHALLENGE})
NEW_PASSWORD: Final = frozenset({S.NEW_PASSWORD_REQUIRED})
DEVICE: Final = frozenset({S.DEVICE_SRP_AUTH, S.DEVICE_PASSWORD_VERIFIER})
_CUSTOM_AUTH_ONLY: Final = "AuthFlow is not CUSTOM_AUTH: guide of 2023, user-pool-lambda-challenge.md"
_ORDER: Final = (
    "AuthFlow is not CUSTOM_AUTH (the new password is asked before the MFA): "
    "amazon-cognito-identity-js #341; amplify-js #14330"
)

ROWS: Final = (
    Row(S.START, r.UserPasswordAuth, CUSTOM, _CUSTOM_AUTH_ONLY),
    Row(S.START, r.UserAuthWithPassword, CUSTOM, _CUSTOM_AUTH_ONLY),
    Row(S.SELECT_CHALLENGE, r.Password, CUSTOM, _CUSTOM_AUTH_ONLY),
    Row(S.PASSWORD, r.Password, CUSTOM, _CUSTOM_AUTH_ONLY),
    Row(S.SMS_MFA, r.Code, NEW_PASSWORD, _ORDER),
    Row(S.SOFTWARE_TOKEN_MFA, r.Code, NEW_PASSWORD, _ORDER),
    Row(S.EMAIL_OTP, r.Code, NEW_PASSWORD, _ORDER),
)
"""The rows that the table alone excludes."""

OF_THE_PATH: Final = (
    Row(S.PASSWORD_VERIFIER, r.SrpClaim, CUSTOM, _CUSTOM_AUTH_ONLY),
    Row(S.EMAIL_OTP, r.Code, CUSTOM, _CUSTOM_AUTH_ONLY),
    Row(S.SMS_MFA, r.Code, CUSTOM, _CUSTOM_AUTH_ONLY),
    Row(S.NEW_PASSWORD_REQUIRED, r.NewPassword, CUSTOM, _CUSTOM_AUTH_ONLY),
    Row(None, None, CUSTOM, _CUSTOM_AUTH_ONLY),
    Row(None, None, NEW_PASSWORD, _ORDER, lambda before: before.flow != "CUSTOM_AUTH" and "second" in before.proofs),
    Row(
        None,
        None,
        DEVICE,
        "No DEVICE_KEY was sent: developer guide, 'Working with user devices'",
        lambda before: before.flow != "CUSTOM_AUTH" and not before.device_key_sent,
    ),
)
"""The rows that only some paths exclude: on others the table has their transitions."""


@pytest.fixture(scope="module")
def path(signing_key: RSAKey) -> list[tuple[OpenChallenge, Transition]]:
    """Return the transitions of many walkers, each in its own pool; all pools have Lambda functions, few have no devices."""
    transitions = []
    for seed in range(WALKS):
        transitions += walk(seed, signing_key, range(STEPS)).path
    return transitions


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_the_table_has_no_such_transition(row: Row) -> None:
    """The table has no such transition, so the client would report a fault of the service."""
    assert row.source is not None
    assert row.response is not None
    transitions = {transition_between(row.source, row.response, dest) for dest in row.dests}

    assert not transitions & TRANSITION_SET


@pytest.mark.parametrize("row", [*ROWS, *OF_THE_PATH], ids=str)
def test_no_pool_takes_the_transition(row: Row, path: list[tuple[OpenChallenge, Transition]]) -> None:
    """There were chances for the transition, and the pool never made it."""
    chances = [transition for before, transition in path if row.offers(before, transition)]

    assert len(chances) >= 2
    assert not {transition.dest for transition in chances} & row.dests
