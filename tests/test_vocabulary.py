"""Names and links that several parts use are written once, and agree with the table."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
from joserfc.jwk import RSAKey
from samples import signin_in_state

import authfsm
from authfsm.base.secret import Secret
from authfsm.core.wire_requests import write_request
from authfsm.local import LocalPool, PoolRefusal
from authfsm.protocol import responses as r
from authfsm.protocol.api_requests import names_for
from authfsm.protocol.auth_flows import (
    ALLOWED_FIRST_AUTH_FACTORS,
    ANSWER_OPERATIONS,
    BEGIN_OPERATIONS,
    FLOWS,
    FLOWS_OF,
    PASSWORD_FLOWS,
    REFRESH_FLOWS,
    SIGN_IN_FLOWS,
)
from authfsm.protocol.replies import Tokens, unverified_claims
from authfsm.protocol.responses import REFRESH_RESPONSES, RESPONSES
from authfsm.protocol.states import (
    CHALLENGES,
    CODE_FIELDS,
    MFA_METHODS,
    PASSWORDLESS,
    RECOVERY_MECHANISMS,
    SET_UP_STATES,
    State,
)
from authfsm.protocol.table import FIRST_FACTORS, PROTOCOL, SECOND_FACTOR_STEPS

ANSWER: Final = "RespondToAuthChallenge"
PACKAGE: Final = Path(authfsm.__file__).parent


@pytest.fixture(scope="module")
def pool(signing_key: RSAKey) -> LocalPool:
    """Return a pool without users."""
    return LocalPool(key=signing_key)


def test_links_are_written_once() -> None:
    """Only one module has addresses of AWS's documentation."""
    holding = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if "docs.aws.amazon.com" in path.read_text(encoding="utf-8")
    }

    assert holding == {"protocol/links.py"}


class TestVocabulary:
    """The lists of names are those of the table and of its responses."""

    def test_flows(self) -> None:
        """Every flow is started by some response in START, and every such response names one of them."""
        flows = [kind.auth_flow for kind in PROTOCOL[State.START] if kind.auth_flow]

        assert list(FLOWS) == [*dict.fromkeys(flows)]
        assert set(SIGN_IN_FLOWS) | REFRESH_FLOWS == set(flows)
        assert not set(SIGN_IN_FLOWS) & REFRESH_FLOWS
        assert set(SIGN_IN_FLOWS) >= PASSWORD_FLOWS
        assert set(FLOWS_OF) == BEGIN_OPERATIONS

    @pytest.mark.parametrize("operation", sorted(BEGIN_OPERATIONS))
    @pytest.mark.parametrize("flow", FLOWS)
    def test_operations_of_flows(self, pool: LocalPool, operation: str, flow: str) -> None:
        """The pool refuses a flow of the other operation with that message, and no other flow."""
        request = {"UserPoolId": pool.pool_id, "AuthFlow": flow}
        with pytest.raises(PoolRefusal) as caught:
            pool.answer(operation, {"ClientId": pool.client_id, **request})
        elsewhere = "Initiate Auth method not supported" in str(caught.value)

        assert (flow not in FLOWS_OF[operation]) == elsewhere

    def test_refresh_responses(self) -> None:
        """The refresh responses are those that START and AUTHENTICATED both accept."""
        assert PROTOCOL[State.START].keys() & PROTOCOL[State.AUTHENTICATED].keys() == REFRESH_RESPONSES

    def test_code_fields(self) -> None:
        """Each challenge with a code has a field for it, and requests carry the code there."""
        states = {state for state in State if r.Code in PROTOCOL[state]}

        assert set(CODE_FIELDS) == states
        for state, name in CODE_FIELDS.items():
            request = write_request(state, r.Code("123456"), signin_in_state(state)).reveal()
            assert request["ChallengeResponses"][name] == "123456"

    def test_every_challenge(self) -> None:
        """Each challenge is answered under its own name by a response that its state accepts."""
        for state in CHALLENGES:
            assert any(state.value in names_for(state, kind) for kind in PROTOCOL[state])
        assert set(RECOVERY_MECHANISMS) <= set(CHALLENGES)
        assert len(ANSWER_OPERATIONS) == 2

    def test_sets_of_states(self) -> None:
        """The groups of states agree with the table's groups of destinations."""
        passwords = {State.PASSWORD, State.PASSWORD_SRP}

        assert FIRST_FACTORS - passwords == PASSWORDLESS
        assert {*ALLOWED_FIRST_AUTH_FACTORS} == PASSWORDLESS | {State.PASSWORD}
        assert {*MFA_METHODS} == SECOND_FACTOR_STEPS - SET_UP_STATES - {State.SELECT_MFA_TYPE}

    def test_sets_of_responses(self) -> None:
        """The responses of CUSTOM_AUTH and of an administrator are those with such a flow."""
        first_responses = [kind for kind in RESPONSES.values() if kind.auth_flow]
        by_admin = {*FLOWS_OF["AdminInitiateAuth"]} - {*FLOWS_OF["InitiateAuth"]}

        assert {kind for kind in first_responses if kind.auth_flow == "CUSTOM_AUTH"} == r.CUSTOM_AUTH_RESPONSES
        assert {kind for kind in first_responses if kind.auth_flow in by_admin} == r.ADMIN_RESPONSES


@pytest.mark.parametrize(
    "payload", ["", "e30", "W10", "IngI", "bnVsbA", "!!", "eyJ1c2VybmFtZSI6MX0", "\u00e9", "W" * 100_000]
)
def test_unreadable_claims(payload: str) -> None:
    """A token that is no JSON Web Token, or whose payload is no map, has no user name."""
    token = Secret(f"header.{payload}.signature")

    assert Tokens(access_token=token).username is None
    assert "username" not in unverified_claims(token) or payload.startswith("eyJ1")
    assert dict(unverified_claims(Secret("no dots"))) == {}
