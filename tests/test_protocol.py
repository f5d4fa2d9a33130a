"""The table is complete, and the other tables have the same keys."""

from __future__ import annotations

import csv
import re
from importlib import resources
from types import ModuleType
from typing import Any

import botocore.session
import pytest

import authfsm
from authfsm.core import signin, wire_requests
from authfsm.core.wire_replies import READERS
from authfsm.core.wire_requests import WRITERS, _InitiateAuthWriter, _RespondToAuthChallengeWriter
from authfsm.protocol import error_policy, replies, responses, states, table
from authfsm.protocol.error_policy import ERROR_POLICY, UNKNOWN_ERROR, Fault, RecoveryAction, error_rule
from authfsm.protocol.evidence import confidence, evidence, evidence_key, evidence_rows
from authfsm.protocol.replies import CHALLENGE_OF
from authfsm.protocol.responses import RESPONSES, GetTokensFromRefreshToken, Response
from authfsm.protocol.states import CHALLENGES, NON_CHALLENGES, State
from authfsm.protocol.table import FIRST_FACTOR_CHOICE, PREREQUISITES, PROTOCOL, TRANSITIONS, destinations, may_fail

_VALUES = {"PROTOCOL", "TRANSITIONS", "AnyChallenge"}
PAIRS = {(source, response) for source, answers in PROTOCOL.items() for response in answers}
COGNITO: Any = botocore.session.get_session().get_service_model("cognito-idp")


def reachable(source: State, response: type[Response] | None = None) -> frozenset[State]:
    """Return the states that can follow a state, or one response to it."""
    first = [response] if response else list(PROTOCOL[source])
    states: set[State] = set()
    front = {dest for each in first for dest in destinations(source, each)}
    while front:
        states |= front
        next_states = {d for state in front for each in PROTOCOL[state] for d in destinations(state, each)}
        front = next_states - states
    return frozenset(states)


def test_every_challenge_name_is_a_state() -> None:
    """The states are AWS's list of challenge names, and four of this package's."""
    assert set(COGNITO.shape_for("ChallengeNameType").enum) == {state.value for state in CHALLENGES}
    assert set(State) - set(CHALLENGES) == set(NON_CHALLENGES)


def test_every_flow_is_started_in_start() -> None:
    """Each AuthFlow of AWS's list is started by some response in START."""
    flows = {each.auth_flow for each in PROTOCOL[State.START]} - {None}

    assert set(COGNITO.shape_for("AuthFlowType").enum) == flows
    assert GetTokensFromRefreshToken in PROTOCOL[State.START]


def test_every_state_has_a_row() -> None:
    """Each state has a row; that of FAILED is empty."""
    assert set(PROTOCOL) == set(State)
    assert PROTOCOL[State.FAILED] == {}


def test_every_response_is_accepted_somewhere() -> None:
    """Each response is accepted by some state."""
    assert {response for _, response in PAIRS} == set(RESPONSES.values())


def test_every_state_is_reachable_and_can_end() -> None:
    """Each state can be reached from START, and leads to tokens."""
    assert reachable(State.START) == set(State) - {State.FAILED}
    assert all(State.AUTHENTICATED in reachable(s) for s in State if s is not State.FAILED)


@pytest.mark.parametrize("module", [states, responses, replies, table, error_policy, signin, wire_requests])
def test_a_module_names_what_is_public(module: ModuleType) -> None:
    """The docstring of a module of the protocol or its core names what `authfsm` exports from it, in full or by a base class."""
    _, _, sentence = (module.__doc__ or "").partition("Public, from `authfsm`: ")
    named = {getattr(module, name) for name in re.findall(r"`(\w+)`", sentence) if name not in _VALUES}
    exported = {
        each for name in authfsm.__all__ if isinstance(each := getattr(authfsm, name), type)
        if each.__module__ == module.__name__
    }  # fmt: skip

    assert sentence
    if module is responses:
        assert exported == {*RESPONSES.values(), Response}
    else:
        assert exported == named | (set(CHALLENGE_OF.values()) if module is replies else set())


def test_every_row_has_a_request_writer() -> None:
    """The request writers have the table's states and responses."""
    assert set(WRITERS) == PAIRS


def test_every_challenge_has_a_parser() -> None:
    """The parsers of challenges, and the challenge classes, have the states of challenges."""
    challenges = {*CHALLENGES, State.OTHER_CHALLENGE}

    assert set(READERS) == challenges
    assert set(CHALLENGE_OF) == challenges


def test_a_device_key_is_sent_only_where_it_can_be_dropped() -> None:
    """Wherever an answer carries DEVICE_KEY, the sign-in survives a stale one."""
    carrying = {
        pair
        for pair, writer in WRITERS.items()
        if isinstance(writer, (_InitiateAuthWriter, _RespondToAuthChallengeWriter)) and writer.sends_device_key
    }
    device_states = {State.DEVICE_SRP_AUTH, State.DEVICE_PASSWORD_VERIFIER}
    stuck = {
        (source, response.__name__)
        for source, response in carrying
        if source not in destinations(source, response) and source not in device_states
    }

    assert stuck == set()


def test_prerequisites_have_rows_of_the_table() -> None:
    """Prerequisites are only for responses that the table has."""
    assert set(PREREQUISITES) <= PAIRS


def test_another_first_factor_is_chosen_the_same_way() -> None:
    """WEB_AUTHN, EMAIL_OTP and SMS_OTP accept what SELECT_CHALLENGE accepts."""
    for state in (State.WEB_AUTHN, State.EMAIL_OTP, State.SMS_OTP):
        assert set(FIRST_FACTOR_CHOICE) <= set(PROTOCOL[state])


def test_no_new_password_after_a_second_factor() -> None:
    """A second factor never leads to NEW_PASSWORD_REQUIRED: the new password comes before it."""
    for state in (State.SMS_MFA, State.SOFTWARE_TOKEN_MFA):
        assert State.NEW_PASSWORD_REQUIRED not in reachable(state) - reachable(State.CUSTOM_CHALLENGE)
        assert all(State.NEW_PASSWORD_REQUIRED not in dests for dests in PROTOCOL[state].values())


def test_no_custom_challenge_from_a_plain_password() -> None:
    """USER_PASSWORD_AUTH and USER_AUTH with a password do not lead to CUSTOM_CHALLENGE."""
    for trigger in ("user_password_auth", "user_auth_with_password"):
        assert State.CUSTOM_CHALLENGE not in destinations(State.START, RESPONSES[trigger])


def test_evidence_is_complete() -> None:
    """Each transition has evidence, with a source."""
    assert [each for each in TRANSITIONS if not evidence(each)] == []
    assert [each for each in TRANSITIONS if not all(piece.source for piece in evidence(each))] == []


@pytest.mark.parametrize("file", ["evidence.csv", "account_evidence.csv"])
def test_evidence_is_read_completely(file: str) -> None:
    """Each row of the evidence has as many fields as the header, so that no comma cuts off the end of a source."""
    header, *rows = csv.reader(resources.files("authfsm.protocol").joinpath(file).read_text("utf-8").splitlines())

    assert [row for row in rows if len(row) != len(header)] == []


def test_evidence_has_only_transitions_of_the_table() -> None:
    """The evidence has no transition that the table does not have."""
    strange = {row for row, _ in evidence_rows() if "*" not in row} - set(map(evidence_key, TRANSITIONS))

    assert strange == set()


def test_common_transitions_are_certain() -> None:
    """The transitions of nearly every sign-in are not uncertain."""
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
        for transition in TRANSITIONS
        if (name := (transition.source.value, transition.response.trigger, transition.dest.value)) in common
        and confidence(transition).is_uncertain
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
def test_every_error_of_an_operation_has_a_rule(operation: str) -> None:
    """Each error that AWS's model lists for an operation is in the error policy."""
    errors = {shape.name for shape in COGNITO.operation_model(operation).error_shapes}

    assert errors - set(ERROR_POLICY) == set()


def test_every_error_has_a_rule_for_any_message() -> None:
    """No message leaves an error of the table without an action."""
    assert [code for code, rules in ERROR_POLICY.items() if "" not in rules] == []


_FORM = "1 validation error detected: Value '12' at 'userCode' failed to satisfy constraint: Member must satisfy regular expression pattern: [0-9]+"


@pytest.mark.parametrize("operation", ["", *OPERATIONS])
def test_a_rule_for_one_operation_is_for_no_other(operation: str) -> None:
    """A rule that names an operation applies only to its refusals."""
    limited = {
        (code, part): row for code, rules in ERROR_POLICY.items() for part, row in rules.items() if row.operation
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


def test_every_rule_for_any_message_is_for_every_operation() -> None:
    """Each error of the table has a rule for every operation."""
    assert all(rules[""].operation is None for rules in ERROR_POLICY.values())


@pytest.mark.parametrize(
    ("message", "action", "fault"),
    [
        ("Incorrect username or password.", RecoveryAction.START_AGAIN, Fault.USER),
        ("Password attempts exceeded", RecoveryAction.WAIT_OUT, Fault.TIME),
        ("Invalid session for the user, session is expired.", RecoveryAction.START_AGAIN, Fault.TIME),
        ("Invalid session for the user, session can only be used once.", RecoveryAction.START_AGAIN, Fault.CALLER),
        ("Invalid session for the user.", RecoveryAction.START_AGAIN, Fault.CALLER),
        ("Invalid session provided for the user.", RecoveryAction.START_AGAIN, Fault.CALLER),
        ("User is disabled.", RecoveryAction.GIVE_UP, Fault.OPERATOR),
        (
            "Temporary password has expired and must be reset by an administrator.",
            RecoveryAction.GIVE_UP,
            Fault.OPERATOR,
        ),
        ("Unable to verify secret hash for client 1example", RecoveryAction.FIX_CONFIGURATION, Fault.CALLER),
        (
            "Client 1example is configured with secret but SECRET_HASH was not received",
            RecoveryAction.FIX_CONFIGURATION,
            Fault.CALLER,
        ),
        ("Invalid Refresh Token.", RecoveryAction.START_AGAIN, Fault.TIME),
        ("Invalid Refresh Token", RecoveryAction.START_AGAIN, Fault.TIME),
        ("Invalid session due to a mismatched auth flow", RecoveryAction.START_AGAIN, Fault.CALLER),
        ("Refresh Token has been revoked", RecoveryAction.START_AGAIN, Fault.TIME),
        ("whatever a Lambda says", RecoveryAction.START_AGAIN, Fault.USER),
    ],
)
def test_the_message_decides_what_not_authorized_means(message: str, action: RecoveryAction, fault: Fault) -> None:
    """NotAuthorizedException has a dozen meanings; the message tells which."""
    row = error_rule("NotAuthorizedException", message)

    assert (row.action, row.fault) == (action, fault)


def test_a_forgotten_device_is_not_a_missing_pool() -> None:
    """ResourceNotFoundException drops the device for one message, and blames the configuration for others."""
    assert error_rule("ResourceNotFoundException", "Device does not exist.").action is RecoveryAction.DROP_DEVICE
    assert (
        error_rule("ResourceNotFoundException", "User pool eu-west-1_x does not exist.").action
        is RecoveryAction.FIX_CONFIGURATION
    )


def test_an_unknown_error_is_the_services() -> None:
    """An error that is not in the table ends the attempt, and the service is at fault."""
    assert error_rule("TomorrowException", "?") == UNKNOWN_ERROR
    assert UNKNOWN_ERROR.fault is Fault.SERVICE


def test_only_ended_states_cannot_fail() -> None:
    """A refusal can end an attempt in every state in which it has not ended."""
    assert {s for s in State if not may_fail(s)} == {State.AUTHENTICATED, State.FAILED}
