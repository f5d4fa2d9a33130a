"""Changes by an administrator or the user during a sign-in never let a user in who should not be."""

from __future__ import annotations

from typing import Final

import pytest
from joserfc.jwk import RSAKey
from password_scenarios import FACTOR_ACTIVATIONS, FACTORS, TOTP_ONLY, Settings
from scenario_user import (
    NEW_PASSWORD,
    PASSWORD,
    PHONE,
    USER,
    Move,
    Scenario,
    ScenarioUser,
    admin_call,
    begin_with,
    enrol_totp,
    register_passkey,
    remember_device,
    respond_with,
    signature,
    temporary_password,
)
from user_auth_scenarios import MFA_AND_PASSKEYS

from authfsm.local import DeviceConfiguration
from authfsm.protocol import responses as r
from authfsm.protocol.errors import Refused
from authfsm.protocol.states import State

SIGNS_IN: Final = begin_with(r.UserPasswordAuth, USER, PASSWORD)
CODE: Final = respond_with(r.Code, lambda scenario_user: scenario_user.code())
EMAIL: Final[Settings] = {"email": FACTORS["email"]}
PERMANENT: Final = admin_call("set_user_password", Password=PASSWORD, Permanent=True)
RESET: Final = admin_call("reset_user_password")


def error_of(scenario_user: ScenarioUser, move: Move) -> str:
    """Return the code of the error that a move is refused with; check that the attempt is over."""
    with pytest.raises(Refused) as caught:
        move(scenario_user)

    assert scenario_user.flow.state is State.FAILED
    return str(caught.value.refusal.code)


OPTIONAL: Final[Settings] = {"mfa": "OPTIONAL"}
PASSWORD_PROOFS: Final = (
    Scenario("SMS_MFA", (FACTOR_ACTIVATIONS[State.SMS_MFA], SIGNS_IN, CODE), State.FAILED, OPTIONAL),
    Scenario("TOTP", (FACTOR_ACTIVATIONS[State.SOFTWARE_TOKEN_MFA], SIGNS_IN, CODE), State.FAILED, OPTIONAL),
    Scenario("EMAIL_OTP", (FACTOR_ACTIVATIONS[State.EMAIL_OTP], SIGNS_IN, CODE), State.FAILED, OPTIONAL),
    Scenario("MFA_SETUP", (SIGNS_IN, enrol_totp, respond_with(r.CompleteMfaSetup)), State.FAILED, TOTP_ONLY, EMAIL),
    Scenario(
        "device",
        (remember_device, SIGNS_IN, respond_with(r.SrpA), respond_with(r.SrpClaim)),
        State.FAILED,
        {"device": DeviceConfiguration()},
    ),
)
"""Sign-ins in which the password is proved and one more proof is due."""


@pytest.mark.parametrize("proved", PASSWORD_PROOFS, ids=lambda proved: proved.name)
@pytest.mark.parametrize(
    ("happens", "code"),
    [(temporary_password, "NotAuthorizedException"), (RESET, "PasswordResetRequiredException")],
    ids=["temporary", "reset"],
)
def test_a_changed_password(signing_key: RSAKey, proved: Scenario, happens: Move, code: str) -> None:
    """A password that became temporary, or must be reset, after it was proved returns no tokens.

    Nor is the new password asked for then: it comes before any MFA, never after.
    """
    scenario_user = ScenarioUser(signing_key, proved.pool, proved.user or FACTORS)
    *moves, last = proved.moves
    for move in (*moves, happens):
        move(scenario_user)

    assert error_of(scenario_user, last) == code


def test_a_new_password_does_not_undo_a_reset(signing_key: RSAKey) -> None:
    """NEW_PASSWORD_REQUIRED was asked before the administrator reset the password: its answer is refused."""
    scenario_user = ScenarioUser(signing_key, {}, EMAIL)
    for move in (temporary_password, SIGNS_IN, PERMANENT, RESET):
        move(scenario_user)

    code = error_of(scenario_user, respond_with(r.NewPassword, NEW_PASSWORD))

    assert code == "PasswordResetRequiredException"


def test_a_passkey_for_mfa_verifies_its_user(signing_key: RSAKey) -> None:
    """A passkey that was offered for required MFA needs user verification, even if the preference changes."""
    scenario_user = ScenarioUser(signing_key, MFA_AND_PASSKEYS, {"phone_number": PHONE})
    preferences = {"SMSMfaSettings": {"Enabled": True}, "WebAuthnMfaSettings": {"Enabled": True}}
    for move in (
        register_passkey,
        admin_call("set_user_mfa_preference", **preferences),
        begin_with(r.UserAuth, USER),
        admin_call("set_user_mfa_preference", WebAuthnMfaSettings={"Enabled": False}),
        respond_with(r.Select, "WEB_AUTHN"),
    ):
        move(scenario_user)
    scenario_user.passkeys.verifies = False

    error_of(scenario_user, respond_with(r.Credential, signature))
