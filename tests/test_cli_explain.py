"""`authfsm explain` shows what is known about a name or an error text, and suggests similar names."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import botocore.session
import pytest
from click.testing import CliRunner

from authfsm.cli import app
from authfsm.core.wire_replies import READERS
from authfsm.protocol.auth_flows import FLOWS, SIGN_IN_OPERATIONS
from authfsm.protocol.error_policy import (
    ACCOUNT_ADVICE,
    ACCOUNT_ERROR_POLICY,
    ERROR_POLICY,
    LISTED_OPERATIONS,
    account_error_rule,
    error_rule,
)
from authfsm.protocol.evidence import evidence
from authfsm.protocol.responses import RESPONSES
from authfsm.protocol.states import State
from authfsm.protocol.table import PROTOCOL, TRANSITIONS
from authfsm.reference import about_state, find, known_names, request_shape, similar_names

WIDE = 400


@cache
def explanation_of(name: str) -> str:
    """Return the explanation of a name, on a terminal wide enough; each name is explained once in a run."""
    result = CliRunner().invoke(app, ["explain", name], env={"COLUMNS": str(WIDE)})
    assert result.exit_code == 0
    return result.stdout


def facts(name: str) -> list[dict[str, Any]]:
    """Return the explanation as JSON."""
    result = CliRunner().invoke(app, ["explain", name, "--json"])
    assert result.exit_code == 0
    explanations: list[dict[str, Any]] = json.loads(result.stdout)
    return explanations


@pytest.mark.parametrize("name", ["ADMIN_NO_SRP_AUTH", "code", "USER_SRP_AUTH", "CodeMismatchException"])
def test_links_are_neither_wrapped_nor_cut(name: str) -> None:
    """In a narrow terminal, each link has a line of its own with all of its characters."""
    narrow = CliRunner().invoke(app, ["explain", name], env={"COLUMNS": "60"}).stdout
    links = [line.strip() for line in narrow.splitlines() if "https://" in line]
    whole = [line.strip() for line in explanation_of(name).splitlines() if line.strip().startswith("https://")]
    assert links
    assert links == whole


# ---- subjects ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", State)
def test_a_state(state: State) -> None:
    """A state has its meaning, AWS's page, its members, and its responses with requests and next states."""
    text = explanation_of(state)

    assert state.meaning in text
    assert "https://docs.aws.amazon.com/cognito" in text
    for response, dests in PROTOCOL[state].items():
        assert f"Accepts {response.trigger}" in text
        assert request_shape(state, response).operation in text
        assert all(dest in text for dest in dests)
    if PROTOCOL[state]:
        assert "Errors" in text
        assert "Accepts nothing" not in text


@pytest.mark.parametrize("response", RESPONSES.values(), ids=list(RESPONSES))
def test_a_response(response: Any) -> None:
    """A response has its meaning, class and fields, and the states that accept it.

    By trigger or class name.
    """
    text = explanation_of(response.trigger)

    headings = {line.strip() for line in text.splitlines()}
    assert response.__name__ in text
    for state, answers in PROTOCOL.items():
        assert (f"In {state}" in headings) == (response in answers)
    assert [each["name"] for each in find(response.__name__)] == [response.trigger]


@pytest.mark.parametrize("flow", FLOWS)
def test_a_flow(flow: str) -> None:
    """A flow has the responses that begin it, the states that it reaches, and its ExplicitAuthFlows."""
    text = explanation_of(flow)

    assert f"= {flow}" in text
    assert "Reaches" in text
    custom = "" if flow == "CUSTOM_AUTH" else "CUSTOM_CHALLENGE or "
    assert f"Reaches  without passing through {custom}OTHER_CHALLENGE, which any challenge may follow" in text
    assert "is not in ExplicitAuthFlows" in text


@pytest.mark.parametrize("code", ERROR_POLICY)
def test_an_error(code: str) -> None:
    """Each part of an error's message that decides has its action, its advice and its source."""
    text = explanation_of(code)

    for part, row in ERROR_POLICY[code].items():
        assert part in text
        assert row.action in text
        assert row.action.advice in text
        assert row.source in text


def test_each_message_part_is_understood() -> None:
    """The text of an error, alone or as boto3 formats it, leads to its action."""
    for code, rows in ERROR_POLICY.items():
        for part, row in rows.items():
            called = row.operation or "InitiateAuth"
            words = f"An error occurred ({code}) when calling the {called} operation: {part}."
            [said] = facts(words)
            assert (said["name"], said["matching_action"]["action"]) == (code, row.action)
            if part:
                assert code in {each["name"] for each in facts(part)}
    assert "Password attempts exceeded" not in explanation_of("Incorrect username or password.")
    # Messages of which the action depends on the code alone.
    assert "CodeMismatchException" in explanation_of("Invalid code or auth state for the user.")
    assert "LimitExceededException" not in explanation_of("Invalid code or auth state for the user.")
    assert CliRunner().invoke(app, ["explain", "Invalid nothing at all."]).exit_code == 1


@pytest.mark.parametrize("code", ACCOUNT_ERROR_POLICY)
def test_an_error_of_an_account(code: str) -> None:
    """An error of a request about an account has its own actions, and none of its advice is about a session."""
    [explanation] = [each for each in facts(code) if each["kind"] == "account error"]
    assert [each["kind"] for each in facts(code)] == ["error"] * (code in ERROR_POLICY) + ["account error"]
    rules = {part: str(rule.action) for part, rule in ACCOUNT_ERROR_POLICY[code].items()}
    assert {each["message"]: each["action"] for each in explanation["actions"]} == rules
    assert not any(each["session_survives"] or "session" in each["advice"] for each in explanation["actions"])
    text = explanation_of(code)
    assert all(rule.source in text for rule in ACCOUNT_ERROR_POLICY[code].values())
    assert "requests of cognito.account" in text
    assert ("the same as in a sign-in" in text) == ("" not in rules)


@pytest.mark.parametrize("code", dict.fromkeys([*ACCOUNT_ERROR_POLICY, *ERROR_POLICY]))
def test_a_message_of_an_account(code: str) -> None:
    """A message of an operation on an account has the action that `cognito.account` raises it with."""
    for part in ("", *ACCOUNT_ERROR_POLICY.get(code, {}), *ERROR_POLICY.get(code, {})):
        for operation in ("SignUp", "GetUser", "ListDevices"):
            message = f"An error occurred ({code}) when calling the {operation} operation: {part}"
            of_account = account_error_rule(code, message, has_token=operation != "SignUp")
            rule = of_account or error_rule(code, message, operation)
            [explanation] = find(message)
            matching = explanation["matching_action"]
            assert (explanation["kind"], matching["action"]) == ("account error", rule.action)
            assert matching["advice"] == ACCOUNT_ADVICE.get(rule.action, rule.action.advice)


def test_the_kind_of_an_error_is_that_of_its_operation() -> None:
    """Errors of operations that need AWS credentials are of administrators; no others are, and none speaks of sign-ins."""
    model = botocore.session.get_session().get_service_model("cognito-idp")
    for name in set(model.operation_names) - SIGN_IN_OPERATIONS:
        is_of_user = model.operation_model(name).auth_type == "none"
        [found] = find(f"An error occurred (AccessDeniedException) when calling the {name} operation: no")
        assert (name, found["kind"]) == (name, "account error" if is_of_user else "administration error")

    text = explanation_of(
        "An error occurred (ResourceNotFoundException) when calling the DescribeUserPool operation: no"
    )
    assert "an error of an administrator's request" in text
    assert "FIX_CONFIGURATION" in text


@pytest.mark.parametrize("code", dict.fromkeys([*ACCOUNT_ERROR_POLICY, *ERROR_POLICY]))
def test_a_message_of_an_administrators_request(code: str) -> None:
    """The action after an error of an administrator's request is none for users or sessions."""
    for part in ("", *ACCOUNT_ERROR_POLICY.get(code, {}), *ERROR_POLICY.get(code, {})):
        [found] = find(f"An error occurred ({code}) when calling the AdminGetUser operation: {part}")
        action = found["matching_action"]
        assert action["action"] in {"WAIT", "WAIT_OUT", "FIX_CONFIGURATION", "GIVE_UP"}
        assert (action["session_survives"], action["fault"] == "user") == (False, False)


@pytest.mark.parametrize(
    ("text", "actions"),
    [
        ("PreSignUp failed with error No.", {"account error": "START_AGAIN"}),
        ("UserLambdaValidationException: PreAuthentication failed with error No.", {"error": "START_AGAIN"}),
        ("User cannot be confirmed. Current status is CONFIRMED", {"account error": "START_AGAIN"}),
        ("Username should be an email.", {"account error": "TRY_AGAIN"}),
        ("Incorrect username or password.", {"error": "START_AGAIN", "account error": "TRY_AGAIN"}),
        ("User does not exist.", {"error": "START_AGAIN", "account error": "TRY_AGAIN"}),
        ("UsernameExistsException: User already exists", {"error": "GIVE_UP", "account error": "TRY_AGAIN"}),
        ("CodeMismatchException: Invalid code", {"error": "TRY_AGAIN"}),
    ],
)
def test_a_message_without_an_operation(text: str, actions: dict[str, str]) -> None:
    """The policy with the longest part of the message decides; if both have it, both are shown."""
    assert {each["kind"]: each["matching_action"]["action"] for each in facts(text)} == actions


# ---- what is explanation is what the tables say --------------------------------------------------------------------------


def test_every_transition_is_explained_with_its_evidence() -> None:
    """The states together show every transition of the table, with its evidence."""
    said = {
        (state, each.response, way.node.state, way.kind): {(k.confidence, k.when, k.source) for k in way.evidence}
        for state in State
        for each in about_state(state).accepts
        for way in each.targets
    }

    assert set(said) == set(map(tuple, TRANSITIONS))
    for transition in TRANSITIONS:
        expected = {(e.confidence, e.when, e.source) for e in evidence(transition)}
        assert said[transition.source, transition.response, transition.dest, transition.kind] == expected


def test_challenge_parameters_are_those_of_the_parser() -> None:
    """The parameters that a challenge needs, and those it may lack, are those that its parser requires."""
    verifier = {each.name: each.when for each in about_state(State.PASSWORD_VERIFIER).carries}
    assert verifier == dict.fromkeys(("SALT", "SRP_B", "SECRET_BLOCK", "USER_ID_FOR_SRP"), "")
    sms = {each.name: each.when for each in about_state(State.SMS_MFA).carries}
    assert sms == {"CODE_DELIVERY_DELIVERY_MEDIUM": "not always", "CODE_DELIVERY_DESTINATION": "not always"}
    assert {state for state in READERS if about_state(state).carries} >= {State.MFA_SETUP}


def test_an_error_that_can_be_retried_stays_in_its_state() -> None:
    """A wrong code leaves the sign-in in its state; a wrong password ends the attempt."""
    after = {
        (state, each.code, each.part): each.leads_to
        for state in (State.SMS_MFA, State.PASSWORD_VERIFIER)
        for each in about_state(state).errors
    }

    assert after[State.SMS_MFA, "CodeMismatchException", ""] is State.SMS_MFA
    wrong = (State.PASSWORD_VERIFIER, "NotAuthorizedException", "Incorrect username or password")
    assert after[wrong] is State.FAILED


def test_the_marks_of_weak_evidence_have_a_legend() -> None:
    """Where states are listed with marks alone, the heading says what each mark means."""
    (heading,) = (line for line in explanation_of("SMS_MFA").splitlines() if line.startswith("Comes from"))

    assert heading == "Comes from  † inferred, ‡ contradictory, ✗ refuted"


def test_conditions_of_parameters() -> None:
    """SECRET_HASH needs a client secret, DEVICE_KEY a remembered device, Session an earlier reply."""
    parameters = {
        each.name: each.when for each in request_shape(State.PASSWORD_VERIFIER, RESPONSES["srp_claim"]).parameters
    }

    assert parameters["SECRET_HASH"] == "if the app client has a secret"
    assert parameters["DEVICE_KEY"] == "on a remembered device"
    assert parameters["Session"] == "if the challenge had one"
    assert parameters["PASSWORD_CLAIM_SIGNATURE"] == ""
    refresh = {each.name: each.when for each in request_shape(State.START, RESPONSES["refresh_token_auth"]).parameters}
    assert refresh["REFRESH_TOKEN"] == ""
    assert refresh["DEVICE_KEY"] == "on a remembered device"


def test_settings_that_rule_out_a_subject() -> None:
    """Settings that forbid a state or a response are listed; for EMAIL_OTP by role."""
    assert facts("SMS_MFA")[0]["ruled_out_by"] == ["MfaConfiguration is OFF", "SmsMfaConfiguration is not set"]
    assert "as second factor: EmailMfaConfiguration is not set" in facts("EMAIL_OTP")[0]["ruled_out_by"]
    assert facts("revoke_token")[0]["ruled_out_by"] == ["EnableTokenRevocation is false"]
    assert "EnableTokenRevocation is false" in explanation_of("revoke_token")


def test_the_errors_of_an_operation_are_aws_own() -> None:
    """The errors of an operation are those of botocore's model that have a rule."""
    model = botocore.session.get_session().get_service_model("cognito-idp")
    names: dict[str, set[str]] = {}
    for operation in SIGN_IN_OPERATIONS:
        for error in model.operation_model(operation).error_shapes:
            names.setdefault(error.name, set()).add(operation)

    assert {code: set(operations) for code, operations in LISTED_OPERATIONS.items()} == names
    assert set(LISTED_OPERATIONS) <= set(ERROR_POLICY)


# ---- names ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("ADMIN_NO_SRP_AUTH", ["state", "flow"]),
        ("admin_no_srp_auth", ["response"]),
        ("PASSWORD", ["state"]),
        ("Password", ["response"]),
        ("sms-mfa", ["state"]),
        ("CodeMismatch", ["error"]),
        ("softwaretokenmfa", ["state"]),
    ],
)
def test_a_name_as_it_is_spelt(name: str, kinds: list[str]) -> None:
    """A name that is spelt exactly has one meaning; otherwise all that may be meant are shown."""
    assert [each["kind"] for each in facts(name)] == kinds


def test_every_name_is_explained() -> None:
    """Each known name has an explanation."""
    for name in known_names():
        assert explanation_of(name).strip()
    assert len(known_names()) > 120


def test_an_unknown_name() -> None:
    """An unknown name is one line with the most similar names, and exit status 1."""
    result = CliRunner().invoke(app, ["explain", "SMSMFAA"])
    assert result.exit_code == 1
    assert result.stderr == "authfsm explain: 'SMSMFAA' is unknown; did you mean 'SMS_MFA'?\n"

    unknown = CliRunner().invoke(app, ["explain", "xyzzy"])
    assert (unknown.exit_code, unknown.stderr.count("\n")) == (1, 1)
    assert json.loads(CliRunner().invoke(app, ["explain", "xyzzy", "--json"]).stdout) == []
    assert "PASSWORD" in similar_names("pasword")


def test_the_command_prints() -> None:
    """On a terminal of eighty columns no line is longer, except addresses."""
    result = CliRunner().invoke(app, ["explain", "MFA_SETUP"], env={"COLUMNS": "80"})
    lines = result.stdout.splitlines()

    assert any("associate_software_token" in line for line in lines)
    assert [line for line in lines if len(line) > 80 and "https://" not in line] == []


@pytest.mark.parametrize(
    ("code", "message", "expected"),
    [
        ("LimitExceededException", "Attempt limit exceeded, please try after some time.", ("WAIT_OUT", "time")),
        ("UserLambdaValidationException", "PreSignUp failed with error no.", ("GIVE_UP", "operator")),
    ],
)
def test_what_an_administrator_can_do(code: str, message: str, expected: tuple[str, str]) -> None:
    """Waiting stays the remedy, and an error of the pool's function stays the operator's."""
    [found] = find(f"An error occurred ({code}) when calling the AdminConfirmSignUp operation: {message}")
    action = found["matching_action"]
    assert (action["action"], action["fault"]) == expected
