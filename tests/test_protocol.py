"""The table is complete, and everything that hangs on it hangs on the same keys."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest

from authfsm.core.wire_replies import READERS
from authfsm.core.wire_requests import WRITERS, InitiateAuth, RespondToAuthChallenge
from authfsm.protocol.error_policy import (
    ERROR_POLICY,
    UNKNOWN_ERROR,
    Fault,
    RecoveryAction,
    error_rule,
)
from authfsm.protocol.evidence import confidence, evidence, evidence_key, evidence_rows
from authfsm.protocol.replies import CHALLENGE_OF
from authfsm.protocol.responses import RESPONSES, GetTokensFromRefreshToken, Response
from authfsm.protocol.states import CHALLENGES, NON_CHALLENGES, State
from authfsm.protocol.table import (
    FIRST_FACTOR_CHOICE,
    PREREQUISITES,
    PROTOCOL,
    TRANSITIONS,
    destinations,
    may_fail,
)

PAIRS = {(source, response) for source, answers in PROTOCOL.items() for response in answers}
COGNITO: Any = botocore.session.get_session().get_service_model("cognito-idp")


def reachable(source: State, response: type[Response] | None = None) -> frozenset[State]:
    """Return the states that can follow a state, or one response to it."""
    first = [response] if response else list(PROTOCOL[source])
    found: set[State] = set()
    front = {dest for each in first for dest in destinations(source, each)}
    while front:
        found |= front
        later = {
            d for state in front for each in PROTOCOL[state] for d in destinations(state, each)
        }
        front = later - found
    return frozenset(found)


def test_every_challenge_name_is_a_state() -> None:
    """The states are AWS's own enumeration of challenge names, and four words of ours."""
    assert set(COGNITO.shape_for("ChallengeNameType").enum) == {state.value for state in CHALLENGES}
    assert set(State) - set(CHALLENGES) == set(NON_CHALLENGES)


def test_every_flow_begins_somewhere() -> None:
    """Each AuthFlow of AWS's enumeration is begun by some response, and by none outside START."""
    flows = {each.auth_flow for each in PROTOCOL[State.START]} - {None}

    assert set(COGNITO.shape_for("AuthFlowType").enum) == flows
    assert GetTokensFromRefreshToken in PROTOCOL[State.START]


def test_every_state_has_a_row() -> None:
    """Each state has a row, the ended one an empty row of its own."""
    assert set(PROTOCOL) == set(State)
    assert PROTOCOL[State.FAILED] == {}


def test_every_response_is_taken_somewhere() -> None:
    """No response is without a state that takes it."""
    assert {response for _, response in PAIRS} == set(RESPONSES.values())


def test_every_state_is_reachable_and_can_end() -> None:
    """Each state can be reached from START, and tokens can be reached from it."""
    assert reachable(State.START) == set(State) - {State.FAILED}
    assert all(State.AUTHENTICATED in reachable(s) for s in State if s is not State.FAILED)


def test_writers_hang_on_the_table() -> None:
    """The codec of requests has the table's own keys."""
    assert set(WRITERS) == PAIRS


def test_readers_hang_on_the_states() -> None:
    """The codec of replies, and the challenge classes, have the challenges' own keys."""
    challenges = {*CHALLENGES, State.OTHER_CHALLENGE}

    assert set(READERS) == challenges
    assert set(CHALLENGE_OF) == challenges


def test_a_device_key_goes_where_it_can_be_dropped() -> None:
    """Wherever DEVICE_KEY is sent beside an answer, a stale one leaves the sign-in where it is."""
    carrying = {
        pair
        for pair, writer in WRITERS.items()
        if isinstance(writer, (InitiateAuth, RespondToAuthChallenge)) and writer.device
    }
    device_states = {State.DEVICE_SRP_AUTH, State.DEVICE_PASSWORD_VERIFIER}
    stuck = {
        (source, response.__name__)
        for source, response in carrying
        if source not in destinations(source, response) and source not in device_states
    }

    assert stuck == set()


def test_needs_are_about_pairs_of_the_table() -> None:
    """What must have happened before is asked only of responses that the table has."""
    assert set(PREREQUISITES) <= PAIRS


def test_a_choice_is_left_as_it_was_made() -> None:
    """Leaving WEB_AUTHN, EMAIL_OTP or SMS_OTP takes what SELECT_CHALLENGE takes."""
    for state in (State.WEB_AUTHN, State.EMAIL_OTP, State.SMS_OTP):
        assert set(FIRST_FACTOR_CHOICE) <= set(PROTOCOL[state])


def test_no_new_password_after_a_second_factor() -> None:
    """A second factor never leads to NEW_PASSWORD_REQUIRED: the new password is asked before it."""
    for state in (State.SMS_MFA, State.SOFTWARE_TOKEN_MFA):
        assert State.NEW_PASSWORD_REQUIRED not in reachable(state) - reachable(
            State.CUSTOM_CHALLENGE
        )
        assert all(State.NEW_PASSWORD_REQUIRED not in dests for dests in PROTOCOL[state].values())


def test_no_custom_challenge_from_a_plain_password() -> None:
    """USER_PASSWORD_AUTH and USER_AUTH with a password lead to no CUSTOM_CHALLENGE."""
    for trigger in ("user_password_auth", "user_auth_with_password"):
        assert State.CUSTOM_CHALLENGE not in destinations(State.START, RESPONSES[trigger])


def test_evidence_is_complete() -> None:
    """Each arrow has at least one reason to be believed, with its source."""
    assert [
        arrow for arrow in TRANSITIONS if not all(e.source for e in evidence(arrow) or [])
    ] == []
    assert all(evidence(arrow) for arrow in TRANSITIONS)


def test_evidence_has_no_arrow_of_its_own() -> None:
    """The evidence speaks of no arrow that the table does not have."""
    strange = {row for row, _ in evidence_rows() if "*" not in row} - set(
        map(evidence_key, TRANSITIONS)
    )

    assert strange == set()


def test_the_common_ways_are_well_known() -> None:
    """The arrows that nearly every sign-in takes do not rest on thin evidence."""
    common = {
        ("START", "user_srp_auth", "PASSWORD_VERIFIER"),
        ("PASSWORD_VERIFIER", "srp_claim", "AUTHENTICATED"),
        ("PASSWORD_VERIFIER", "srp_claim", "SMS_MFA"),
        ("SMS_MFA", "code", "AUTHENTICATED"),
        ("SOFTWARE_TOKEN_MFA", "code", "AUTHENTICATED"),
        ("DEVICE_SRP_AUTH", "srp_a", "DEVICE_PASSWORD_VERIFIER"),
    }
    thin = {
        name
        for arrow in TRANSITIONS
        if (name := (arrow.source.value, arrow.response.trigger, arrow.dest.value)) in common
        and confidence(arrow).is_uncertain
    }

    assert thin == set()


OPERATIONS = [
    "InitiateAuth",
    "RespondToAuthChallenge",
    "AdminInitiateAuth",
    "AdminRespondToAuthChallenge",
    "AssociateSoftwareToken",
    "VerifySoftwareToken",
    "GetTokensFromRefreshToken",
    "ConfirmDevice",
    "UpdateDeviceStatus",
    "RevokeToken",
    "GlobalSignOut",
]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_error_of_an_operation_has_a_ruling(operation: str) -> None:
    """Each error that AWS's model lists for the operation is in the table of actions."""
    errors = {shape.name for shape in COGNITO.operation_model(operation).error_shapes}

    assert errors - set(ERROR_POLICY) == set()


def test_every_ruled_error_has_a_row_for_any_message() -> None:
    """No message leaves an error of the table without an action."""
    assert [code for code, rules in ERROR_POLICY.items() if "" not in rules] == []


_FORM = "1 validation error detected: Value '12' at 'userCode' failed to satisfy constraint: Member must satisfy regular expression pattern: [0-9]+"


@pytest.mark.parametrize("operation", ["", *OPERATIONS])
def test_a_row_for_one_operation_is_for_no_other(operation: str) -> None:
    """A row that names an operation is chosen for refusals of that operation alone; "" is none known."""
    limited = {
        (code, part): row
        for code, rules in ERROR_POLICY.items()
        for part, row in rules.items()
        if row.operation
    }

    assert limited
    for (code, part), row in limited.items():
        assert row.operation in OPERATIONS
        chosen = error_rule(code, f"Before, {part.upper()} and after.", operation)
        assert (chosen is row) == (operation == row.operation)
        assert error_rule(code, part, operation) in ERROR_POLICY[code].values()
    assert error_rule("InvalidParameterException", _FORM, operation).action is (
        RecoveryAction.TRY_AGAIN if operation == "VerifySoftwareToken" else RecoveryAction.GIVE_UP
    )


def test_every_row_for_any_message_is_for_every_operation() -> None:
    """Whatever the operation, an error of the table has a row."""
    assert all(rules[""].operation is None for rules in ERROR_POLICY.values())


@pytest.mark.parametrize(
    ("message", "action", "fault"),
    [
        ("Incorrect username or password.", RecoveryAction.START_AGAIN, Fault.USER),
        ("Password attempts exceeded", RecoveryAction.WAIT_OUT, Fault.TIME),
        (
            "Invalid session for the user, session is expired.",
            RecoveryAction.START_AGAIN,
            Fault.TIME,
        ),
        (
            "Invalid session for the user, session can only be used once.",
            RecoveryAction.START_AGAIN,
            Fault.CALLER,
        ),
        ("Invalid session for the user.", RecoveryAction.START_AGAIN, Fault.CALLER),
        ("Invalid session provided for the user.", RecoveryAction.START_AGAIN, Fault.CALLER),
        ("User is disabled.", RecoveryAction.GIVE_UP, Fault.OPERATOR),
        (
            "Unable to verify secret hash for client 1example",
            RecoveryAction.FIX_CONFIGURATION,
            Fault.CALLER,
        ),
        (
            "Client 1example is configured with secret but SECRET_HASH was not received",
            RecoveryAction.FIX_CONFIGURATION,
            Fault.CALLER,
        ),
        ("Invalid Refresh Token.", RecoveryAction.START_AGAIN, Fault.TIME),
        ("Refresh Token has been revoked", RecoveryAction.START_AGAIN, Fault.TIME),
        ("whatever a Lambda says", RecoveryAction.START_AGAIN, Fault.USER),
    ],
)
def test_not_authorized_is_sorted_by_its_message(
    message: str, action: RecoveryAction, fault: Fault
) -> None:
    """NotAuthorizedException says a dozen things; the message tells which."""
    row = error_rule("NotAuthorizedException", message)

    assert (row.action, row.fault) == (action, fault)


def test_a_forgotten_device_is_not_a_missing_pool() -> None:
    """ResourceNotFoundException drops the device for one message, and blames the settings for others."""
    assert (
        error_rule("ResourceNotFoundException", "Device does not exist.").action
        is RecoveryAction.DROP_DEVICE
    )
    assert (
        error_rule("ResourceNotFoundException", "User pool eu-west-1_x does not exist.").action
        is RecoveryAction.FIX_CONFIGURATION
    )


def test_an_unheard_of_error_is_the_services() -> None:
    """An error that no table knows ends the attempt, and is nobody's fault here."""
    assert error_rule("TomorrowException", "?") == UNKNOWN_ERROR
    assert UNKNOWN_ERROR.fault is Fault.SERVICE


def test_only_ended_states_cannot_fail() -> None:
    """A refusal can end an attempt anywhere but where it has ended."""
    assert {s for s in State if not may_fail(s)} == {State.AUTHENTICATED, State.FAILED}
