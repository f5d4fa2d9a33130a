"""Scenarios of choice-based sign-in.

The first factors, the choice between them, passkeys, step-up, sign-up.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from attrs import evolve
from password_scenarios import (
    FACTORS,
    ON_KNOWN_DEVICE,
    STALE_DEVICE,
    SWITCHED_ON,
    WRONG,
    Settings,
    Way,
    after_a_password,
)
from scenario_user import (
    NEWCOMER,
    PASSWORD,
    STALE,
    USER,
    Move,
    Scenario,
    ScenarioUser,
    access_token,
    administrator,
    begins,
    beside,
    gives,
    has_tokens,
    on_forgotten,
    refused,
    registers_passkey,
    remembers,
    signature,
    signs_up,
    too_late,
)

from authfsm import srp
from authfsm.local import Contradictions
from authfsm.local.config.pool_configuration import WebAuthnConfiguration
from authfsm.protocol import responses as r
from authfsm.protocol.states import State

S = State

RELYING_PARTY: Final = WebAuthnConfiguration("example.com")
EVERYTHING: Final[Settings] = {
    "allowed_first_auth_factors": ["PASSWORD", "EMAIL_OTP", "SMS_OTP", "WEB_AUTHN"],
    "webauthn": RELYING_PARTY,
}
"""A pool whose users may begin with every factor."""

CHOOSES: Final = begins(r.UserAuth, USER)
FIRST: Final = (S.EMAIL_OTP, S.SMS_OTP, S.WEB_AUTHN)
"""The first factors from which a user may change to another."""

_NO_MFA_TO_SET_UP: Final = frozenset({S.MFA_SETUP})


def _prefers(factor: State) -> Move:
    return begins(r.UserAuth, USER, factor.value)


def _before(factor: State) -> tuple[Move, ...]:
    return (registers_passkey,) if factor is S.WEB_AUTHN else ()


def _key(scenario_user: ScenarioUser) -> str | None:
    device = scenario_user.device
    return None if device in {None, STALE} else device.device_key


_bearing_key: Final = beside("RespondToAuthChallenge", DEVICE_KEY=_key)
"""Send DEVICE_KEY: our driver sends none when the user changes the first factor, but the API accepts it."""

WAYS_OF_CHOICE: Final = (
    Way(
        "USER_AUTH with PASSWORD",
        (),
        begins(r.UserAuthWithPassword, USER, PASSWORD),
        begins(r.UserAuthWithPassword, USER, WRONG),
    ),
    Way(
        "SELECT_CHALLENGE with PASSWORD",
        (CHOOSES,),
        gives(r.Password, PASSWORD),
        gives(r.Password, WRONG),
        source=S.SELECT_CHALLENGE,
    ),
    Way(
        "SELECT_CHALLENGE, PASSWORD under its own name",
        (CHOOSES,),
        gives(r.Password, PASSWORD, direct=True),
        gives(r.Password, WRONG, direct=True),
        source=S.SELECT_CHALLENGE,
    ),
    Way(
        "PASSWORD",
        (_prefers(S.PASSWORD),),
        gives(r.Password, PASSWORD),
        gives(r.Password, WRONG),
        source=S.PASSWORD,
    ),
    *(
        Way(
            f"{factor} left for PASSWORD",
            (_prefers(factor),),
            _bearing_key(gives(r.Password, PASSWORD)),
            gives(r.Password, WRONG),
            source=factor,
            # Its password is made temporary meanwhile.
            pool={**EVERYTHING, "contradictions": Contradictions(sessions_survive_password_change=True)},
            user=FACTORS,
            before=_before(factor),
            late=True,
            barred=_NO_MFA_TO_SET_UP,
        )
        for factor in FIRST
    ),
)


def choosing() -> Iterator[Scenario]:
    """Yield the scenarios of the choice, and of a change from each first factor to each; and the refusals."""
    late = (
        gives(r.Select, "EMAIL_OTP"),
        gives(r.SrpA),
        gives(r.Credential, "{}"),
        gives(r.Password, PASSWORD),
    )
    for source, begun in ((S.SELECT_CHALLENGE, CHOOSES), *((f, _prefers(f)) for f in FIRST)):
        yield Scenario(f"USER_AUTH, {source}", (registers_passkey, begun), source, EVERYTHING, FACTORS)
        for chosen in (*FIRST, S.PASSWORD, S.PASSWORD_SRP):
            yield Scenario(
                f"{source}, {chosen} chosen",
                (registers_passkey, begun, gives(r.Select, chosen.value)),
                chosen,
                EVERYTHING,
                FACTORS,
            )
        for direct in (False, True):
            if source is S.SELECT_CHALLENGE or not direct:
                yield Scenario(
                    f"{source} with SRP_A{', under its own name' * direct}",
                    (registers_passkey, begun, gives(r.SrpA, direct=direct), gives(r.SrpClaim)),
                    S.AUTHENTICATED,
                    EVERYTHING,
                    FACTORS,
                )
        for number, answer in enumerate(late):
            yield Scenario(
                f"{source}, too late ({number})",
                (registers_passkey, begun, too_late, refused(answer)),
                S.FAILED,
                EVERYTHING,
                FACTORS,
            )
    yield Scenario(
        "PASSWORD_SRP", (_prefers(S.PASSWORD_SRP), gives(r.SrpA), gives(r.SrpClaim)), S.AUTHENTICATED
    )
    codes, accept = ["EMAIL_OTP", "SMS_OTP"], "contradictory-settings"
    passwordless = {**EVERYTHING, "allowed_first_auth_factors": codes, "accept": accept}
    for kind, args in ((r.UserAuthWithPassword, (USER, PASSWORD)), (r.UserAuthWithSrp, (USER,))):
        yield Scenario(
            f"{kind.__name__}, no password allowed",
            (begins(kind, *args),),
            S.SELECT_CHALLENGE,
            passwordless,
            FACTORS,
        )
        off = {"explicit_auth_flows": ["ALLOW_CUSTOM_AUTH"]}
        yield Scenario(f"{kind.__name__}, not enabled", (refused(begins(kind, *args)),), S.FAILED, off)
        yield Scenario(f"UserAuth, not enabled beside {kind.__name__}", (refused(CHOOSES),), S.FAILED, off)
    yield Scenario(
        "USER_AUTH with SRP_A", (begins(r.UserAuthWithSrp, USER), gives(r.SrpClaim)), S.AUTHENTICATED
    )


_RIGHT: Final = gives(r.Code, lambda scenario_user: scenario_user.code())
_OTHER: Final = {S.EMAIL_OTP: S.SMS_MFA, S.SMS_OTP: S.EMAIL_OTP}


def one_time_passwords() -> Iterator[Scenario]:
    """Yield the scenarios of EMAIL_OTP and SMS_OTP as first factors.

    A right, wrong and late code; what follows.
    """
    for factor, other in _OTHER.items():
        begun = _prefers(factor)
        wrong = refused(gives(r.Code, lambda scenario_user: scenario_user.wrong_code()))
        for name, moves, ends in (
            ("right", (begun, _RIGHT), S.AUTHENTICATED),
            ("wrong", (begun, wrong), factor),
            ("late", (begun, too_late, refused(_RIGHT)), S.FAILED),
            ("right, the device forgotten", (begun, on_forgotten, _RIGHT), S.AUTHENTICATED),
        ):
            yield Scenario(f"{factor}, the code {name}", moves, ends, {**EVERYTHING, **STALE_DEVICE}, FACTORS)
        yield Scenario(
            f"{factor} as first factor, then the device",
            (remembers, begun, _RIGHT),
            S.DEVICE_SRP_AUTH,
            {**EVERYTHING, **ON_KNOWN_DEVICE.pool},
            FACTORS,
        )
        ways = Contradictions(mfa_after_one_time_password=True)
        yield Scenario(
            f"{factor}, then {other}",
            (SWITCHED_ON[other], begun, _RIGHT),
            other,
            {**EVERYTHING, "mfa": "OPTIONAL", "contradictions": ways},
            FACTORS,
        )


def passkeys() -> Iterator[Scenario]:
    """Yield the scenarios of WEB_AUTHN.

    In two steps, in one step, and with a password instead because MFA is required.
    """
    signs = gives(r.Credential, signature)
    yield Scenario(
        "WEB_AUTHN", (registers_passkey, _prefers(S.WEB_AUTHN), signs), S.AUTHENTICATED, EVERYTHING
    )
    ways = Contradictions(select_challenge_has_request_options=True)
    at_once = {**EVERYTHING, "contradictions": ways}
    yield Scenario("WEB_AUTHN in one step", (registers_passkey, CHOOSES, signs), S.AUTHENTICATED, at_once)
    multi = evolve(RELYING_PARTY, factor_configuration="MULTI_FACTOR_WITH_USER_VERIFICATION")
    yield Scenario(
        "WEB_AUTHN left for PASSWORD, the other factor gone meanwhile",
        (
            registers_passkey,
            administrator(
                "set_user_mfa_preference",
                SMSMfaSettings={"Enabled": True},
                WebAuthnMfaSettings={"Enabled": True},
            ),
            _prefers(S.WEB_AUTHN),
            administrator("update_user_attributes", UserAttributes=[{"Name": "phone_number", "Value": ""}]),
            gives(r.Password, PASSWORD),
        ),
        S.MFA_SETUP,
        {**EVERYTHING, "webauthn": multi, "mfa": "ON"},
        {"phone_number": FACTORS["phone_number"]},
    )


def _level(number: int) -> list[str]:
    return [f"urn:cognito:loa:{number}"]


def step_up() -> Iterator[Scenario]:
    """Yield the scenarios of a step-up to a level: without and with the factors of an access token."""
    mail, phone = {"email": FACTORS["email"]}, {"phone_number": FACTORS["phone_number"]}
    yield Scenario("Step-up, a choice", (_steps(2),), S.SELECT_CHALLENGE, EVERYTHING, {**mail, **phone})
    yield Scenario("Step-up by e-mail", (_steps(2),), S.EMAIL_OTP, EVERYTHING, mail)
    yield Scenario("Step-up by SMS", (_steps(2),), S.SMS_OTP, EVERYTHING, phone)
    yield Scenario("Step-up by passkey", (registers_passkey, _steps(3)), S.WEB_AUTHN, EVERYTHING)
    for factor in (S.PASSWORD, S.PASSWORD_SRP):
        preferring = beside("InitiateAuth", PREFERRED_CHALLENGE=factor.value)
        yield Scenario(f"Step-up by {factor}", (preferring(_steps(1)),), factor, EVERYTHING)
    by_srp = beside(
        "InitiateAuth", PREFERRED_CHALLENGE="PASSWORD_SRP", SRP_A=srp.ephemeral(bytes([7] * 32)).SRP_A
    )
    yield Scenario("Step-up by SRP", (by_srp(_steps(1)),), S.PASSWORD_VERIFIER, EVERYTHING)
    optional = {**EVERYTHING, "mfa": "OPTIONAL"}
    for level, ends, user in (
        (3, S.SMS_MFA, phone),
        (3, S.SELECT_MFA_TYPE, {**mail, **phone}),
        (4, S.SOFTWARE_TOKEN_MFA, {"totp_secret": FACTORS["totp_secret"], "mfa": []}),
    ):
        yield Scenario(
            f"Step-up from a password to {ends}",
            (has_tokens, _steps(level, with_token=True)),
            ends,
            optional,
            user,
        )
    yield Scenario("Step-up to nowhere", (refused(_steps(9)),), S.FAILED, EVERYTHING)


def _steps(level: int, *, with_token: bool = False) -> Move:
    more: dict[str, Any] = {"access_token": access_token} if with_token else {}
    return begins(r.StepUp, USER, lambda _: _level(level), **more)


def _session(scenario_user: ScenarioUser) -> str:
    return scenario_user.sign_up_session


def signed_up() -> Iterator[Scenario]:
    """Yield the scenarios with the session of ConfirmSignUp."""
    signs_in = begins(r.SignedUp, NEWCOMER, _session)
    yield Scenario("Signed up", (signs_up, signs_in), S.AUTHENTICATED, EVERYTHING)
    yield Scenario(
        "Signed up, the session used twice", (signs_up, signs_in, refused(signs_in)), S.FAILED, EVERYTHING
    )
    yield Scenario(
        "Signed up, MFA switched on before the session is used",
        (signs_up, _wants_mfa, signs_in),
        S.SELECT_CHALLENGE,
        {**EVERYTHING, "mfa": "OPTIONAL"},
    )


def _wants_mfa(scenario_user: ScenarioUser) -> None:
    """From now on the new user has MFA by e-mail, and can no longer begin with a code."""
    scenario_user.client.admin_set_user_mfa_preference(
        UserPoolId=scenario_user.pool.pool_id, Username=NEWCOMER, EmailMfaSettings={"Enabled": True}
    )


CHOICES: Final = (
    *(each for way in WAYS_OF_CHOICE for each in after_a_password(way)),
    *choosing(),
    *one_time_passwords(),
    *passkeys(),
    *step_up(),
    *signed_up(),
)
