"""The invariants hold for the table; each change that breaks the table violates the invariant meant for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest
from attrs import evolve
from table_changes import (
    with_action,
    with_transition,
    without_action,
    without_need,
    without_response,
    without_transition,
)

from authfsm import PoolSettings
from authfsm.checks import (
    INVARIANTS,
    TABLE,
    Factor,
    Model,
    Path,
    Table,
    check,
    explore,
    factor_exceptions,
    path_invariant,
)
from authfsm.checks.factors import FIRST_FACTOR_EXCEPTIONS, SECOND_FACTOR_EXCEPTIONS
from authfsm.diagrams.example_pools import EXAMPLE_POOLS
from authfsm.protocol import responses as r
from authfsm.protocol.error_policy import ErrorRule, Fault, RecoveryAction
from authfsm.protocol.errors import BadField
from authfsm.protocol.responses import Response
from authfsm.protocol.states import State
from authfsm.protocol.table import Prerequisite, Role
from authfsm.settings.rules import CHALLENGE_RULES, FIRST_FACTOR_RULES, rules_of

S = State


def test_the_table_violates_no_invariant() -> None:
    """This package's own table violates no invariant."""
    assert check(every=True) == ()


@pytest.mark.parametrize("name", EXAMPLE_POOLS)
def test_the_example_pools_violate_no_invariant(name: str) -> None:
    """Under the settings of the example pools, the table violates no invariant."""
    assert check(settings=EXAMPLE_POOLS[name][0], every=True) == ()


class OneTap(Response):
    """A custom response that proves nothing."""


def one_tap(table: Table) -> Table:
    """Return the table with a sign-in without any proof."""
    return with_transition(table, S.START, OneTap, S.AUTHENTICATED)


def _only_by(table: Table, dest: State, responses: set[type[Response]]) -> Table:
    """Return the table in which only these responses lead to a state."""
    rows = {
        state: {each: to if each in responses else to - {dest} for each, to in row.items()}
        for state, row in table.rows.items()
    }
    return evolve(table, rows=rows)


BREAKS: Final[dict[str, tuple[Callable[[Table], Table], str, str, str]]] = {
    # the error: how it is made, the invariant that it violates, the message, its path
    "a transition from START to AUTHENTICATED": (
        lambda t: with_transition(t, S.START, r.UserSrpAuth, S.AUTHENTICATED),
        "first-factor",
        "tokens are issued, and no first factor was proved",
        "START -user_srp_auth-> AUTHENTICATED",
    ),
    "a custom response that proves nothing": (
        one_tap,
        "first-factor",
        "tokens are issued, and no first factor was proved",
        "START -one_tap-> AUTHENTICATED",
    ),
    # cognito-local required the new password before it verified the old one.
    "the new password before the old one is proved": (
        lambda t: with_transition(t, S.START, r.UserAuth, S.NEW_PASSWORD_REQUIRED),
        "first-factor",
        "tokens are issued, and no first factor was proved",
        "START -user_auth-> NEW_PASSWORD_REQUIRED -new_password-> AUTHENTICATED",
    ),
    # moto completed MFA_SETUP with no token verified.
    "MFA set up with no token verified": (
        lambda t: without_need(t, S.MFA_SETUP, r.CompleteMfaSetup),
        "second-factor",
        "MFA is required: tokens are issued, and no second factor was proved",
        "START -user_password_auth-> MFA_SETUP -complete_mfa_setup-> AUTHENTICATED",
    ),
    "the choice of a second factor for the factor": (
        lambda t: with_transition(t, S.SELECT_MFA_TYPE, r.Select, S.AUTHENTICATED),
        "second-factor",
        "MFA is required: tokens are issued, and no second factor was proved",
        "START -user_password_auth-> SELECT_MFA_TYPE -select-> AUTHENTICATED",
    ),
    "a new choice of the first factor at a second factor": (
        lambda t: without_need(t, S.EMAIL_OTP, r.Password),
        "second-factor",
        "MFA is required: tokens are issued, and no second factor was proved",
        "START -user_password_auth-> EMAIL_OTP (second factor) -password-> AUTHENTICATED",
    ),
    "a missing action": (
        lambda t: without_action(t, "CodeMismatchException"),
        "error-actions",
        "there is no action for CodeMismatchException",
        "START -user_srp_auth-> PASSWORD_VERIFIER -srp_claim-> FAILED",
    ),
    "a dead end": (
        lambda t: without_transition(
            t, S.SMS_MFA, r.Code, S.AUTHENTICATED, S.DEVICE_SRP_AUTH, S.CUSTOM_CHALLENGE, S.OTHER_CHALLENGE
        ),
        "ends",
        "from SMS_MFA no answer leads to tokens",
        "START -user_password_auth-> SMS_MFA",
    ),
    "a challenge without a response": (
        lambda t: without_response(t, S.EMAIL_OTP, r.Code),
        "answerable",
        "no response to EMAIL_OTP (second factor) leads to a known challenge or to tokens",
        "START -user_password_auth-> EMAIL_OTP (second factor)",
    ),
    "a state without a path to it": (
        lambda t: evolve(
            t, rows={state: {each: dests - {S.SMS_OTP} for each, dests in row.items()} for state, row in t.rows.items()}
        ),
        "reachable",
        "no path leads to SMS_OTP, except through a refresh, a Lambda function or an unknown challenge",
        "START",
    ),
    "a second factor that can be chosen without limit": (
        lambda t: with_transition(t, S.SMS_MFA, r.Select, S.SELECT_MFA_TYPE),
        "bounded",
        "SELECT_MFA_TYPE can be repeated without end",
        "START -user_password_auth-> SELECT_MFA_TYPE -select-> SMS_MFA -select-> SELECT_MFA_TYPE",
    ),
    "a session that never expires": (
        lambda t: without_action(t, "NotAuthorizedException", "session is expired"),
        "bounded",
        "EMAIL_OTP (second factor) can be repeated without end",
        "START -user_password_auth-> EMAIL_OTP (second factor) -code-> EMAIL_OTP (second factor)",
    ),
    "a lock-out with the action TRY_AGAIN": (
        lambda t: with_action(
            t, "NotAuthorizedException", "Password attempts exceeded", ErrorRule(RecoveryAction.TRY_AGAIN, Fault.USER)
        ),
        "bounded",
        "START can be repeated without end",
        "START -user_password_auth-> AUTHENTICATED -revoke_token-> START",
    ),
    "a device's proof for a user without a device": (
        lambda t: with_transition(t, S.PASSWORD_VERIFIER, r.SrpClaim, S.DEVICE_PASSWORD_VERIFIER),
        "device",
        "DEVICE_PASSWORD_VERIFIER is asked for without a device",
        "START -user_srp_auth-> PASSWORD_VERIFIER -srp_claim-> DEVICE_PASSWORD_VERIFIER",
    ),
    # A challenge that a function may name, one after a refresh, and an unknown one do not count as a path to a state.
    "a state that only a function may name": (
        lambda t: _only_by(t, S.WEB_AUTHN, {r.CustomAuth, r.Answer, r.RefreshToken, r.RawAnswer}),
        "reachable",
        "no path leads to WEB_AUTHN, except through a refresh, a Lambda function or an unknown challenge",
        "START",
    ),
    "a prerequisite that can never be met": (
        lambda t: evolve(t, needs={**t.needs, (S.MFA_SETUP, r.VerifySoftwareToken): Prerequisite.VERIFIED}),
        "reachable",
        "MFA_SETUP never accepts verify_software_token",
        "START -user_password_auth-> MFA_SETUP",
    ),
    "a code that leads only to an unknown challenge": (
        lambda t: without_transition(t, S.SMS_MFA, r.Code, S.AUTHENTICATED, S.DEVICE_SRP_AUTH, S.CUSTOM_CHALLENGE),
        "ends",
        "from SMS_MFA no answer leads to tokens",
        "START -user_password_auth-> SMS_MFA",
    ),
    "a code that leads only to a device's proof, without a device": (
        lambda t: without_transition(t, S.SMS_MFA, r.Code, S.AUTHENTICATED, S.CUSTOM_CHALLENGE),
        "ends",
        "from SMS_MFA no answer leads to tokens",
        "START -user_password_auth-> SMS_MFA",
    ),
    "a code that leads only to START": (
        lambda t: with_transition(
            without_transition(t, S.SOFTWARE_TOKEN_MFA, r.Code, S.AUTHENTICATED, S.DEVICE_SRP_AUTH, S.CUSTOM_CHALLENGE),
            S.SOFTWARE_TOKEN_MFA,
            r.Code,
            S.START,
        ),
        "ends",
        "from SOFTWARE_TOKEN_MFA no answer leads to tokens",
        "START -user_password_auth-> SOFTWARE_TOKEN_MFA",
    ),
    "a custom challenge without CUSTOM_AUTH": (
        lambda t: with_transition(t, S.START, r.UserSrpAuth, S.CUSTOM_CHALLENGE),
        "first-factor",
        "tokens are issued, and no first factor was proved",
        "START -user_srp_auth-> CUSTOM_CHALLENGE -answer-> AUTHENTICATED",
    ),
    "a passkey instead of the required second factor": (
        lambda t: without_need(t, S.EMAIL_OTP, r.Credential),
        "second-factor",
        "MFA is required: tokens are issued, and no second factor was proved",
        "START -user_password_auth-> EMAIL_OTP (second factor) -credential-> AUTHENTICATED",
    ),
    "a device that need not prove itself": (
        lambda t: with_transition(t, S.DEVICE_SRP_AUTH, r.SrpA, S.AUTHENTICATED),
        "second-factor",
        "MFA is required: tokens are issued, and no second factor was proved",
        "START -user_password_auth-> DEVICE_SRP_AUTH -srp_a-> AUTHENTICATED",
    ),
    "MFA set up by a secret that no code was given for": (
        lambda t: with_transition(t, S.MFA_SETUP, r.AssociateSoftwareToken, S.AUTHENTICATED),
        "second-factor",
        "MFA is required: tokens are issued, and no second factor was proved",
        "START -user_password_auth-> MFA_SETUP -associate_software_token-> AUTHENTICATED",
    ),
    "passwords that can be guessed without limit": (
        lambda t: with_transition(t, S.SMS_OTP, r.Password, S.SMS_OTP),
        "bounded",
        "SMS_OTP can be repeated without end",
        "START -custom_auth-> SMS_OTP -password-> SMS_OTP",
    ),
    "a session that can be used again": (
        lambda t: without_action(t, "NotAuthorizedException", "session can only be used once"),
        "bounded",
        "OTHER_CHALLENGE can be repeated without end",
        "START -user_srp_auth-> OTHER_CHALLENGE -raw_answer-> OTHER_CHALLENGE",
    ),
    "a proof that the service can ask for again": (
        lambda t: with_transition(t, S.PASSWORD_VERIFIER, r.SrpClaim, S.PASSWORD_VERIFIER),
        "unattended",
        "PASSWORD_VERIFIER can be repeated without new input from the caller",
        "START -user_srp_auth-> PASSWORD_VERIFIER -srp_claim-> PASSWORD_VERIFIER",
    ),
    "a device's proof that the service can ask for again": (
        lambda t: with_transition(t, S.DEVICE_PASSWORD_VERIFIER, r.SrpClaim, S.DEVICE_PASSWORD_VERIFIER),
        "unattended",
        "DEVICE_PASSWORD_VERIFIER can be repeated without new input from the caller",
        "START -custom_auth-> DEVICE_PASSWORD_VERIFIER -srp_claim-> DEVICE_PASSWORD_VERIFIER",
    ),
    "a proof that starts again automatically": (
        lambda t: with_transition(t, S.PASSWORD_VERIFIER, r.SrpClaim, S.PASSWORD_SRP),
        "unattended",
        "PASSWORD_SRP can be repeated without new input from the caller",
        (
            "START -user_srp_auth-> PASSWORD_VERIFIER -srp_claim-> PASSWORD_SRP"
            " -srp_a-> PASSWORD_VERIFIER -srp_claim-> PASSWORD_SRP"
        ),
    ),
    "a challenge for a refresh": (
        lambda t: with_transition(t, S.START, r.GetTokensFromRefreshToken, S.SMS_MFA),
        "refresh",
        "a refresh is answered with SMS_MFA",
        "START -get_tokens_from_refresh_token-> SMS_MFA",
    ),
}


@pytest.mark.parametrize("wrong", BREAKS)
def test_each_broken_table_violates_its_invariant(wrong: str) -> None:
    """Each change violates the invariant meant for it, with the shortest path that shows it."""
    broken, invariant, why, path = BREAKS[wrong]

    (caught,) = check(broken(TABLE), invariants=[each for each in INVARIANTS if each.name == invariant])

    assert (caught.why, str(caught.path)) == (why, path)


def test_every_invariant_is_tested() -> None:
    """Each built-in invariant is violated by one of the changes."""
    assert {invariant for _, invariant, _, _ in BREAKS.values()} == {each.name for each in INVARIANTS}


def test_a_changed_copy_leaves_the_table_unchanged() -> None:
    """A table is a value: methods that change it return a copy."""
    before = dict(TABLE.rows[S.START])

    one_tap(TABLE)

    assert dict(TABLE.rows[S.START]) == before
    with pytest.raises(TypeError):
        TABLE.rows[S.START] = {}  # type: ignore[index]  # that it cannot be done is the point


def test_a_violation_is_printed_and_drawn() -> None:
    """A violation is printed as text and drawn, even along a transition that the protocol lacks."""
    (first,) = check(one_tap(TABLE), invariants=[each for each in INVARIANTS if each.name == "first-factor"])

    assert str(first) == (
        "first-factor: tokens are issued, and no first factor was proved\n    START -one_tap-> AUTHENTICATED"
    )
    assert "one_tap" in str(first.diagram())
    assert first.path.states == (S.START, S.AUTHENTICATED)


def test_with_mfa_required_only_exceptions_lead_to_tokens_without_it() -> None:
    """Every exception explains some path, except those that no transition of the table leads to."""
    result = explore(Model(settings=PoolSettings(mfa_configuration="ON")))
    reasons = {
        next(each.name for each in SECOND_FACTOR_EXCEPTIONS if each.holds(move.to.proved, move.transition))
        for here, move in result.along()
        if move.to.state is S.AUTHENTICATED is not here.state
        if Factor.SECOND not in move.to.proved.factors
    }

    assert reasons == {
        "remembered device",
        "passkey",
        "first sign-in",
        "functions",
        "refresh token",
        "unknown challenge",
    }
    # Of the others: a step-up asks for the second factor, a sign-up's session is of no use where MFA is
    # required (`authfsm.settings.rules`), and a federated user takes no transition of the table.
    assert {each.name for each in SECOND_FACTOR_EXCEPTIONS} - reasons == {"access token", "sign-up", "federated user"}
    assert set(FIRST_FACTOR_EXCEPTIONS) < set(SECOND_FACTOR_EXCEPTIONS)


def test_the_exceptions_are_listed() -> None:
    """`factor_exceptions` lists each exception with a shortest path that relies on it, for the table or for a pool."""
    required = PoolSettings(
        mfa_configuration="ON", explicit_auth_flows={"ALLOW_USER_PASSWORD_AUTH"}, device_configuration=True
    )

    assert {each.name: str(path) for each, path in factor_exceptions()} == {
        "remembered device": (
            "START -user_password_auth-> DEVICE_SRP_AUTH -srp_a-> DEVICE_PASSWORD_VERIFIER -srp_claim-> AUTHENTICATED"
        ),
        "passkey": "START -user_auth-> SELECT_CHALLENGE -credential-> AUTHENTICATED",
        "first sign-in": "START -user_password_auth-> AUTHENTICATED",
        "functions": "START -custom_auth-> AUTHENTICATED",
        "refresh token": "START -refresh_token_auth-> AUTHENTICATED",
        "unknown challenge": ("START -user_srp_auth-> OTHER_CHALLENGE -raw_answer-> AUTHENTICATED"),
    }
    assert {"passkey", "functions"} & {each.name for each, _ in factor_exceptions(settings=required)} == set()
    assert factor_exceptions(settings=PoolSettings(mfa_configuration="OPTIONAL")) == ()


def test_without_its_exception_a_passkey_violates_the_invariant(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the exception for passkeys, a sign-in with a passkey violates the invariant."""
    exceptions = tuple(each for each in SECOND_FACTOR_EXCEPTIONS if each.name != "passkey")
    monkeypatch.setattr("authfsm.checks.invariants.SECOND_FACTOR_EXCEPTIONS", exceptions)

    (broken,) = check()

    assert str(broken.path) == ("START -user_auth-> SELECT_CHALLENGE -credential-> AUTHENTICATED")


RULED_OUT = [
    # a rule of the settings that is removed, a pool that needs it, and the invariant that is violated
    (
        (S.EMAIL_OTP, Role.FIRST_FACTOR),
        PoolSettings(mfa_configuration="ON", explicit_auth_flows={"ALLOW_USER_AUTH"}),
        "START -user_auth-> EMAIL_OTP (first factor) -code-> AUTHENTICATED",
    ),
    (
        r.Credential,
        PoolSettings(mfa_configuration="ON", explicit_auth_flows={"ALLOW_USER_AUTH"}, web_authn_factor="SINGLE_FACTOR"),
        "START -user_auth-> SELECT_CHALLENGE -credential-> AUTHENTICATED",
    ),
]


@pytest.mark.parametrize(("rule", "settings", "path"), RULED_OUT)
def test_a_missing_rule_of_the_settings_is_found(
    monkeypatch: pytest.MonkeyPatch, rule: Any, settings: PoolSettings, path: str
) -> None:
    """If the settings' rules allowed a single factor although MFA is required, the check would find it."""
    assert check(settings=settings, every=True) == ()
    monkeypatch.setattr("authfsm.settings.rules.rules_of", rules_of.__wrapped__)  # which has kept the rules
    for rules in (CHALLENGE_RULES, FIRST_FACTOR_RULES):
        if rule in rules:
            monkeypatch.setitem(rules, rule, ())

    caught = {each.invariant.name: str(each.path) for each in check(settings=settings)}

    assert caught == {"second-factor": path}


def test_settings_of_another_type() -> None:
    """Settings as a dictionary raise an error that names the required type."""
    with pytest.raises(BadField, match=r"Model.settings must be of type PoolSettings, not dict"):
        check(settings={})  # type: ignore[arg-type]  # that is tested


OTHER_FACTORS = ["SMS_OTP", "WEB_AUTHN", "PASSWORD", "PASSWORD_SRP"]
SECOND_FACTORS = ["SMS_MFA", "SOFTWARE_TOKEN_MFA", "SELECT_MFA_TYPE"]


@pytest.mark.parametrize("missing", OTHER_FACTORS + SECOND_FACTORS)
def test_a_table_without_one_factor_is_safe(missing: str) -> None:
    """In a row that lacks one of the other factors, EMAIL_OTP remains the factor that it is in the package's table."""
    for response in (r.UserAuth, r.StepUp, r.UserPasswordAuth, r.CustomAuth):
        found = check(without_transition(TABLE, S.START, response, S(missing)), every=True)
        assert {each.invariant.name for each in found} <= {"reachable"}


def test_a_custom_invariant() -> None:
    """A custom predicate over paths is checked like the built-in invariants."""

    def no_clear_password(path: Path) -> bool:
        return r.UserPasswordAuth not in {transition.response for transition in path.transitions}

    law = path_invariant("no-clear-password", "No password travels in clear.", no_clear_password)
    srp_only = PoolSettings(explicit_auth_flows={"ALLOW_USER_SRP_AUTH"})

    (broken,) = check(invariants=[law])
    assert (broken.why, str(broken.path)) == (
        "not true: No password travels in clear.",
        "START -user_password_auth-> EMAIL_OTP (second factor)",
    )
    assert check(invariants=[law], every=True) == (broken,)
    assert check(settings=srp_only, invariants=[law]) == ()


def test_a_custom_invariant_checks_at_least_one_step() -> None:
    """An invariant that would check no path is refused; the longest paths that are checked have `longest` steps."""
    for longest in (0, -1):
        with pytest.raises(ValueError, match="longest must be more than 0"):
            path_invariant("n", "s", lambda _: True, longest=longest)
    lengths: list[int] = []
    check(invariants=[path_invariant("n", "s", lambda path: lengths.append(len(path)) or True, longest=2)])  # type: ignore[func-returns-value]
    assert set(lengths) == {1, 2}
