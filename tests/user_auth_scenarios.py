"""Scenarios of choice-based sign-in.

The first factors, the choice between them, passkeys, step-up, sign-up.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from attrs import evolve
from password_scenarios import (
    DEVICES_TRACKED,
    FACTOR_ACTIVATIONS,
    FACTORS,
    WITH_REMEMBERED_DEVICE,
    WRONG_PASSWORD,
    PasswordProof,
    Settings,
    after_password_proof,
)
from scenario_user import (
    NEW_USER,
    PASSWORD,
    STALE,
    USER,
    Move,
    Scenario,
    ScenarioUser,
    access_token,
    admin_call,
    begin_with,
    expect_refusal,
    register_passkey,
    remember_device,
    respond_with,
    sign_in,
    sign_up,
    signature,
    use_forgotten_device,
    wait_past_expiry,
    with_parameters,
)

from authfsm import srp
from authfsm.local import Contradictions
from authfsm.local.config.pool_configuration import WebAuthnConfiguration
from authfsm.protocol import responses as r
from authfsm.protocol.states import State

S = State

RELYING_PARTY: Final = WebAuthnConfiguration("example.com")
EVERY_FIRST_FACTOR: Final[Settings] = {
    "allowed_first_auth_factors": ["PASSWORD", "EMAIL_OTP", "SMS_OTP", "WEB_AUTHN"],
    "webauthn": RELYING_PARTY,
}
"""A pool whose users may begin with every factor."""
MFA_AND_PASSKEYS: Final[Settings] = {
    "mfa": "ON",
    "allowed_first_auth_factors": ["PASSWORD", "WEB_AUTHN"],
    "webauthn": evolve(RELYING_PARTY, factor_configuration="MULTI_FACTOR_WITH_USER_VERIFICATION"),
}
"""A pool that requires MFA, and whose users may begin with every factor that Cognito then allows."""

BEGIN_USER_AUTH: Final = begin_with(r.UserAuth, USER)
FIRST_FACTORS: Final = (S.EMAIL_OTP, S.SMS_OTP, S.WEB_AUTHN)
"""The first factors from which a user may change to another."""

_NO_MFA_TO_SET_UP: Final = frozenset({S.MFA_SETUP})


def _begin_with_factor(factor: State) -> Move:
    return begin_with(r.UserAuth, USER, factor.value)


def _setup_moves(factor: State) -> tuple[Move, ...]:
    return (register_passkey,) if factor is S.WEB_AUTHN else ()


def _device_key(scenario_user: ScenarioUser) -> str | None:
    device = scenario_user.device
    return None if device in {None, STALE} else device.device_key


_with_device_key: Final = with_parameters("RespondToAuthChallenge", DEVICE_KEY=_device_key)
"""Send DEVICE_KEY: this package's driver sends none when the user changes the first factor, but the API accepts it."""

USER_AUTH_PROOFS: Final = (
    PasswordProof(
        "USER_AUTH with PASSWORD",
        (),
        begin_with(r.UserAuthWithPassword, USER, PASSWORD),
        begin_with(r.UserAuthWithPassword, USER, WRONG_PASSWORD),
    ),
    PasswordProof(
        "SELECT_CHALLENGE with PASSWORD",
        (BEGIN_USER_AUTH,),
        respond_with(r.Password, PASSWORD),
        respond_with(r.Password, WRONG_PASSWORD),
        source=S.SELECT_CHALLENGE,
    ),
    PasswordProof(
        "SELECT_CHALLENGE, PASSWORD under its own name",
        (BEGIN_USER_AUTH,),
        respond_with(r.Password, PASSWORD, direct=True),
        respond_with(r.Password, WRONG_PASSWORD, direct=True),
        source=S.SELECT_CHALLENGE,
    ),
    PasswordProof(
        "PASSWORD",
        (_begin_with_factor(S.PASSWORD),),
        respond_with(r.Password, PASSWORD),
        respond_with(r.Password, WRONG_PASSWORD),
        source=S.PASSWORD,
    ),
    *(
        PasswordProof(
            f"{factor} left for PASSWORD",
            (_begin_with_factor(factor),),
            _with_device_key(respond_with(r.Password, PASSWORD)),
            respond_with(r.Password, WRONG_PASSWORD),
            source=factor,
            # Its password is made temporary meanwhile.
            pool={**EVERY_FIRST_FACTOR, "contradictions": Contradictions(sessions_survive_password_change=True)},
            user=FACTORS,
            before=_setup_moves(factor),
            situation_after_start=True,
            excluded_states=_NO_MFA_TO_SET_UP,
        )
        for factor in FIRST_FACTORS
    ),
)


def factor_choices() -> Iterator[Scenario]:
    """Yield the scenarios of choosing a first factor, of changing from each to each other, and of the refusals."""
    situation_after_start = (
        respond_with(r.Select, "EMAIL_OTP"),
        respond_with(r.SrpA),
        respond_with(r.Credential, "{}"),
        respond_with(r.Password, PASSWORD),
    )
    for source, begin in ((S.SELECT_CHALLENGE, BEGIN_USER_AUTH), *((f, _begin_with_factor(f)) for f in FIRST_FACTORS)):
        yield Scenario(f"USER_AUTH, {source}", (register_passkey, begin), source, EVERY_FIRST_FACTOR, FACTORS)
        for chosen in (*FIRST_FACTORS, S.PASSWORD, S.PASSWORD_SRP):
            yield Scenario(
                f"{source}, {chosen} chosen",
                (register_passkey, begin, respond_with(r.Select, chosen.value)),
                chosen,
                EVERY_FIRST_FACTOR,
                FACTORS,
            )
        for direct in (False, True):
            if source is S.SELECT_CHALLENGE or not direct:
                yield Scenario(
                    f"{source} with SRP_A{', under its own name' * direct}",
                    (register_passkey, begin, respond_with(r.SrpA, direct=direct), respond_with(r.SrpClaim)),
                    S.AUTHENTICATED,
                    EVERY_FIRST_FACTOR,
                    FACTORS,
                )
        for number, answer in enumerate(situation_after_start):
            yield Scenario(
                f"{source}, too late ({number})",
                (register_passkey, begin, wait_past_expiry, expect_refusal(answer)),
                S.FAILED,
                EVERY_FIRST_FACTOR,
                FACTORS,
            )
    yield Scenario(
        "PASSWORD_SRP",
        (_begin_with_factor(S.PASSWORD_SRP), respond_with(r.SrpA), respond_with(r.SrpClaim)),
        S.AUTHENTICATED,
    )
    codes, accept = ["EMAIL_OTP", "SMS_OTP"], "contradictory-settings"
    passwordless = {**EVERY_FIRST_FACTOR, "allowed_first_auth_factors": codes, "accept": accept}
    for kind, args in ((r.UserAuthWithPassword, (USER, PASSWORD)), (r.UserAuthWithSrp, (USER,))):
        yield Scenario(
            f"{kind.__name__}, no password allowed",
            (begin_with(kind, *args),),
            S.SELECT_CHALLENGE,
            passwordless,
            FACTORS,
        )
        off = {"explicit_auth_flows": ["ALLOW_CUSTOM_AUTH"]}
        yield Scenario(f"{kind.__name__}, not enabled", (expect_refusal(begin_with(kind, *args)),), S.FAILED, off)
        yield Scenario(
            f"UserAuth, not enabled beside {kind.__name__}", (expect_refusal(BEGIN_USER_AUTH),), S.FAILED, off
        )
    yield Scenario(
        "USER_AUTH with SRP_A", (begin_with(r.UserAuthWithSrp, USER), respond_with(r.SrpClaim)), S.AUTHENTICATED
    )


_RIGHT_CODE: Final = respond_with(r.Code, lambda scenario_user: scenario_user.code())
_OTHER_FACTOR: Final = {S.EMAIL_OTP: S.SMS_MFA, S.SMS_OTP: S.EMAIL_OTP}


def one_time_passwords() -> Iterator[Scenario]:
    """Yield the scenarios of EMAIL_OTP and SMS_OTP as first factors: a right, a wrong and a late code, and the next challenge."""
    for factor, other in _OTHER_FACTOR.items():
        begin = _begin_with_factor(factor)
        wrong = expect_refusal(respond_with(r.Code, lambda scenario_user: scenario_user.wrong_code()))
        for name, moves, ends in (
            ("right", (begin, _RIGHT_CODE), S.AUTHENTICATED),
            ("wrong", (begin, wrong), factor),
            ("late", (begin, wait_past_expiry, expect_refusal(_RIGHT_CODE)), S.FAILED),
            ("right, the device forgotten", (begin, use_forgotten_device, _RIGHT_CODE), S.AUTHENTICATED),
        ):
            yield Scenario(
                f"{factor}, the code {name}", moves, ends, {**EVERY_FIRST_FACTOR, **DEVICES_TRACKED}, FACTORS
            )
        yield Scenario(
            f"{factor} as first factor, then the device",
            (remember_device, begin, _RIGHT_CODE),
            S.DEVICE_SRP_AUTH,
            {**EVERY_FIRST_FACTOR, **WITH_REMEMBERED_DEVICE.pool},
            FACTORS,
        )
        settings = Contradictions(mfa_after_one_time_password=True)
        yield Scenario(
            f"{factor}, then {other}",
            (FACTOR_ACTIVATIONS[other], begin, _RIGHT_CODE),
            other,
            {**EVERY_FIRST_FACTOR, "mfa": "OPTIONAL", "contradictions": settings},
            FACTORS,
        )


def passkeys() -> Iterator[Scenario]:
    """Yield the scenarios of WEB_AUTHN: in two steps, in one step, and left for a password because MFA is required."""
    signs = respond_with(r.Credential, signature)
    yield Scenario(
        "WEB_AUTHN", (register_passkey, _begin_with_factor(S.WEB_AUTHN), signs), S.AUTHENTICATED, EVERY_FIRST_FACTOR
    )
    settings = Contradictions(select_challenge_has_request_options=True)
    at_once = {**EVERY_FIRST_FACTOR, "contradictions": settings}
    yield Scenario("WEB_AUTHN in one step", (register_passkey, BEGIN_USER_AUTH, signs), S.AUTHENTICATED, at_once)
    yield Scenario(
        "WEB_AUTHN left for PASSWORD, the other factor gone meanwhile",
        (
            register_passkey,
            admin_call(
                "set_user_mfa_preference", SMSMfaSettings={"Enabled": True}, WebAuthnMfaSettings={"Enabled": True}
            ),
            _begin_with_factor(S.WEB_AUTHN),
            admin_call("update_user_attributes", UserAttributes=[{"Name": "phone_number", "Value": ""}]),
            respond_with(r.Password, PASSWORD),
        ),
        S.MFA_SETUP,
        MFA_AND_PASSKEYS,
        {"phone_number": FACTORS["phone_number"]},
    )


def _level(number: int) -> list[str]:
    return [f"urn:cognito:loa:{number}"]


def step_up() -> Iterator[Scenario]:
    """Yield the scenarios of a step-up to a level: without and with the factors of an access token."""
    mail, phone = {"email": FACTORS["email"]}, {"phone_number": FACTORS["phone_number"]}
    yield Scenario("Step-up, a choice", (_steps(2),), S.SELECT_CHALLENGE, EVERY_FIRST_FACTOR, {**mail, **phone})
    yield Scenario("Step-up by e-mail", (_steps(2),), S.EMAIL_OTP, EVERY_FIRST_FACTOR, mail)
    yield Scenario("Step-up by SMS", (_steps(2),), S.SMS_OTP, EVERY_FIRST_FACTOR, phone)
    yield Scenario("Step-up by passkey", (register_passkey, _steps(3)), S.WEB_AUTHN, EVERY_FIRST_FACTOR)
    for factor in (S.PASSWORD, S.PASSWORD_SRP):
        preferring = with_parameters("InitiateAuth", PREFERRED_CHALLENGE=factor.value)
        yield Scenario(f"Step-up by {factor}", (preferring(_steps(1)),), factor, EVERY_FIRST_FACTOR)
    by_srp = with_parameters(
        "InitiateAuth", PREFERRED_CHALLENGE="PASSWORD_SRP", SRP_A=srp.ephemeral(bytes([7] * 32)).SRP_A
    )
    yield Scenario("Step-up by SRP", (by_srp(_steps(1)),), S.PASSWORD_VERIFIER, EVERY_FIRST_FACTOR)
    optional = {**EVERY_FIRST_FACTOR, "mfa": "OPTIONAL"}
    for level, ends, user in (
        (3, S.SMS_MFA, phone),
        (3, S.SELECT_MFA_TYPE, {**mail, **phone}),
        (4, S.SOFTWARE_TOKEN_MFA, {"totp_secret": FACTORS["totp_secret"], "mfa": []}),
    ):
        yield Scenario(
            f"Step-up from a password to {ends}", (sign_in, _steps(level, with_token=True)), ends, optional, user
        )
    yield Scenario("Step-up to nowhere", (expect_refusal(_steps(9)),), S.FAILED, EVERY_FIRST_FACTOR)


def _steps(level: int, *, with_token: bool = False) -> Move:
    more: dict[str, Any] = {"access_token": access_token} if with_token else {}
    return begin_with(r.StepUp, USER, lambda _: _level(level), **more)


def _session(scenario_user: ScenarioUser) -> str:
    return scenario_user.sign_up_session


def after_sign_up() -> Iterator[Scenario]:
    """Yield the scenarios with the session of ConfirmSignUp."""
    signs_in = begin_with(r.SignedUp, NEW_USER, _session)
    yield Scenario("Signed up", (sign_up, signs_in), S.AUTHENTICATED, EVERY_FIRST_FACTOR)
    yield Scenario(
        "Signed up, the session used twice", (sign_up, signs_in, expect_refusal(signs_in)), S.FAILED, EVERY_FIRST_FACTOR
    )
    yield Scenario(
        "Signed up, MFA switched on before the session is used",
        (sign_up, _enable_mfa, signs_in),
        S.SELECT_CHALLENGE,
        {**EVERY_FIRST_FACTOR, "mfa": "OPTIONAL"},
    )


def _enable_mfa(scenario_user: ScenarioUser) -> None:
    """Activate MFA by e-mail for the new user, who then cannot begin with a code."""
    scenario_user.client.admin_set_user_mfa_preference(
        UserPoolId=scenario_user.pool.pool_id, Username=NEW_USER, EmailMfaSettings={"Enabled": True}
    )


USER_AUTH_SCENARIOS: Final = (
    *(each for proof_way in USER_AUTH_PROOFS for each in after_password_proof(proof_way)),
    *factor_choices(),
    *one_time_passwords(),
    *passkeys(),
    *step_up(),
    *after_sign_up(),
)
