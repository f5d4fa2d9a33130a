"""Conversations with the local pool that together take every transition that a pool can produce.

Most are products: each way to come to an answer times each situation a user may be in. `SCENARIOS` is
all of them; `tests/test_transitions.py` plays them and holds them against the table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from password_scenarios import (
    DEVICES_TRACKED,
    FACTOR_ACTIVATIONS,
    FACTORS,
    PASSWORD_PROOFS,
    SITUATIONS,
    TOTP_ONLY,
    TOTP_OR_EMAIL,
    WITH_FACTOR,
    after_password_proof,
    triggers_naming,
)
from scenario_user import (
    EMAIL,
    NEW_PASSWORD,
    PASSWORD,
    STALE,
    USER,
    Move,
    Scenario,
    associate_software_token,
    begin_with,
    confirm_device,
    enrol_totp,
    expect_malformed_reply,
    expect_refusal,
    refresh_token,
    remember_device,
    respond_with,
    sign_in,
    temporary_password,
    use_device,
    use_forgotten_device,
    wait_past_expiry,
)
from user_auth_scenarios import USER_AUTH_SCENARIOS

from authfsm.local import Contradictions, DeviceConfiguration, RefreshTokenRotation
from authfsm.protocol import responses as r
from authfsm.protocol.states import CHALLENGES, State, state_of_challenge_name

S = State

# ---- set-up ---------------------------------------------------------------------------------------------

_BEGIN_WITH_PASSWORD: Final = begin_with(r.UserPasswordAuth, USER, PASSWORD)
_WITH_SRP: Final = (begin_with(r.CustomSrpAuth, USER), respond_with(r.SrpClaim))
_CUSTOM_CHALLENGE_AFTER_PASSWORD: Final = {
    "triggers": triggers_naming("PASSWORD_VERIFIER", "CUSTOM_CHALLENGE", "CUSTOM_CHALLENGE")
}


def after_a_new_password() -> Iterator[Scenario]:
    """Yield the scenarios of NEW_PASSWORD_REQUIRED, in each situation."""
    renews = respond_with(r.NewPassword, NEW_PASSWORD)
    for each in SITUATIONS:
        if each.ends is S.NEW_PASSWORD_REQUIRED:
            continue
        yield Scenario(
            f"NEW_PASSWORD_REQUIRED, then {each.ends}",
            (*each.before, *each.meanwhile, temporary_password, _BEGIN_WITH_PASSWORD, renews),
            each.ends,
            each.pool,
            each.user,
        )
    yield Scenario(
        "NEW_PASSWORD_REQUIRED, then CUSTOM_CHALLENGE",
        (temporary_password, *_WITH_SRP, renews),
        S.CUSTOM_CHALLENGE,
        _CUSTOM_CHALLENGE_AFTER_PASSWORD,
    )
    yield Scenario(
        "NEW_PASSWORD_REQUIRED, a weak one",
        (temporary_password, _BEGIN_WITH_PASSWORD, expect_refusal(respond_with(r.NewPassword, "weak"))),
        S.NEW_PASSWORD_REQUIRED,
    )
    yield Scenario(
        "NEW_PASSWORD_REQUIRED, too late",
        (temporary_password, _BEGIN_WITH_PASSWORD, wait_past_expiry, expect_refusal(renews)),
        S.FAILED,
    )


def mfa_setup() -> Iterator[Scenario]:
    """Yield the scenarios of MFA_SETUP, with an authenticator app and with e-mail."""
    completes = respond_with(r.CompleteMfaSetup)
    emails = respond_with(r.SetUpEmail, EMAIL)
    yield Scenario("TOTP set up", (_BEGIN_WITH_PASSWORD, enrol_totp, completes), S.AUTHENTICATED, TOTP_ONLY)
    yield Scenario(
        "TOTP set up, and asked for",
        (_BEGIN_WITH_PASSWORD, enrol_totp, completes),
        S.SOFTWARE_TOKEN_MFA,
        {**TOTP_ONLY, "contradictions": Contradictions(totp_required_after_setup=True)},
    )
    yield Scenario(
        "TOTP set up on a device that is remembered since a sign-in without a password",
        (begin_with(r.CustomAuth, USER), confirm_device, _BEGIN_WITH_PASSWORD, enrol_totp, completes),
        S.DEVICE_SRP_AUTH,
        {**TOTP_ONLY, "device": DeviceConfiguration(), "triggers": triggers_naming("TOKENS")},
    )
    yield Scenario(
        "TOTP set up in CUSTOM_AUTH",
        (*_WITH_SRP, enrol_totp, completes),
        S.CUSTOM_CHALLENGE,
        {**TOTP_ONLY, **_CUSTOM_CHALLENGE_AFTER_PASSWORD},
    )
    wrong = respond_with(r.VerifySoftwareToken, lambda scenario_user: scenario_user.wrong_code())
    yield Scenario(
        "TOTP set up, a wrong code",
        (_BEGIN_WITH_PASSWORD, associate_software_token, expect_refusal(wrong)),
        S.MFA_SETUP,
        TOTP_ONLY,
    )
    for response, before in (
        (r.AssociateSoftwareToken, ()),
        (r.VerifySoftwareToken, (associate_software_token,)),
        (r.CompleteMfaSetup, (enrol_totp,)),
        (r.SetUpEmail, ()),
    ):
        answer = {r.VerifySoftwareToken: wrong, r.SetUpEmail: emails}.get(response, respond_with(response))
        yield Scenario(
            f"MFA_SETUP, {response.__name__} too late",
            (_BEGIN_WITH_PASSWORD, *before, wait_past_expiry, expect_refusal(answer)),
            S.FAILED,
            TOTP_OR_EMAIL,
        )
    yield Scenario("E-mail set up", (_BEGIN_WITH_PASSWORD, emails), S.EMAIL_OTP, TOTP_OR_EMAIL)
    yield Scenario(
        "E-mail set up, no address",
        (_BEGIN_WITH_PASSWORD, expect_refusal(respond_with(r.SetUpEmail, "ada@nowhere"))),
        S.MFA_SETUP,
        TOTP_OR_EMAIL,
    )


# ---- second factors -------------------------------------------------------------------------------------

_RIGHT_CODE: Final = respond_with(r.Code, lambda scenario_user: scenario_user.code())
_WRONG_CODE: Final = expect_refusal(respond_with(r.Code, lambda scenario_user: scenario_user.wrong_code()))


def second_factors() -> Iterator[Scenario]:
    """Yield the scenarios of each second factor: a right, a wrong and a late code, the next challenge, the choice."""
    for each in WITH_FACTOR:
        if each.ends is S.SELECT_MFA_TYPE:
            continue
        yield Scenario(
            f"{each.ends}", (*each.meanwhile, _BEGIN_WITH_PASSWORD, _RIGHT_CODE), S.AUTHENTICATED, each.pool, each.user
        )
        yield Scenario(
            f"{each.ends}, a wrong code",
            (*each.meanwhile, _BEGIN_WITH_PASSWORD, _WRONG_CODE),
            each.ends,
            each.pool,
            each.user,
        )
        yield Scenario(
            f"{each.ends}, too late",
            (*each.meanwhile, _BEGIN_WITH_PASSWORD, wait_past_expiry, expect_refusal(_RIGHT_CODE)),
            S.FAILED,
            each.pool,
            each.user,
        )
        yield Scenario(
            f"{each.ends}, then the device",
            (remember_device, *each.meanwhile, _BEGIN_WITH_PASSWORD, _RIGHT_CODE),
            S.DEVICE_SRP_AUTH,
            {**each.pool, "device": DeviceConfiguration()},
            each.user,
        )
        yield Scenario(
            f"{each.ends}, then CUSTOM_CHALLENGE",
            (*each.meanwhile, *_WITH_SRP, _RIGHT_CODE),
            S.CUSTOM_CHALLENGE,
            {**each.pool, **_CUSTOM_CHALLENGE_AFTER_PASSWORD},
            each.user,
        )
    pool, chooses_later = {"mfa": "OPTIONAL"}, FACTOR_ACTIVATIONS[S.SELECT_MFA_TYPE]
    for chosen in (S.SMS_MFA, S.EMAIL_OTP, S.SOFTWARE_TOKEN_MFA):
        yield Scenario(
            f"SELECT_MFA_TYPE, {chosen} chosen",
            (chooses_later, _BEGIN_WITH_PASSWORD, respond_with(r.Select, chosen)),
            chosen,
            pool,
            FACTORS,
        )
    chooses = respond_with(r.Select, "SMS_MFA")
    yield Scenario(
        "SELECT_MFA_TYPE, the device forgotten meanwhile",
        (chooses_later, _BEGIN_WITH_PASSWORD, use_forgotten_device, chooses),
        S.SMS_MFA,
        {**pool, **DEVICES_TRACKED},
        FACTORS,
    )
    yield Scenario(
        "SELECT_MFA_TYPE, too late",
        (chooses_later, _BEGIN_WITH_PASSWORD, wait_past_expiry, expect_refusal(chooses)),
        S.FAILED,
        pool,
        FACTORS,
    )


# ---- devices ----------------------------------------------------------------------------------------------

_DEVICE_SRP_A: Final = respond_with(r.SrpA)
_DEVICE_CLAIM: Final = respond_with(r.SrpClaim)


def devices() -> Iterator[Scenario]:
    """Yield the scenarios of a remembered device."""
    pool = {"device": DeviceConfiguration()}
    at_it = (remember_device, _BEGIN_WITH_PASSWORD)
    yield Scenario("The device", (*at_it, _DEVICE_SRP_A), S.DEVICE_PASSWORD_VERIFIER, pool)
    yield Scenario("The device proved", (*at_it, _DEVICE_SRP_A, _DEVICE_CLAIM), S.AUTHENTICATED, pool)
    yield Scenario("The device, too late", (*at_it, wait_past_expiry, expect_refusal(_DEVICE_SRP_A)), S.FAILED, pool)
    yield Scenario(
        "The device's proof, too late",
        (*at_it, _DEVICE_SRP_A, wait_past_expiry, expect_refusal(_DEVICE_CLAIM)),
        S.FAILED,
        pool,
    )
    for state, switched_on in FACTOR_ACTIVATIONS.items():
        # "complete additional challenges until ..." -- developer guide, "Working with user devices"
        yield Scenario(
            f"The device proved, {state} switched on meanwhile",
            (*at_it, _DEVICE_SRP_A, switched_on, _DEVICE_CLAIM),
            state,
            {**pool, "mfa": "OPTIONAL"},
            FACTORS,
        )


# ---- the pool's Lambda functions --------------------------------------------------------------------------

_CUSTOM_AUTH: Final = begin_with(r.CustomAuth, USER)
_CUSTOM_SRP_AUTH: Final = begin_with(r.CustomSrpAuth, USER)
_ANSWER_42: Final = respond_with(r.Answer, "42")
UNKNOWN_CHALLENGE: Final = "MOTHERS_MAIDEN_NAME"
_NAMES: Final = (*(each.value for each in CHALLENGES), UNKNOWN_CHALLENGE)


def _state_named(name: str) -> State:
    return state_of_challenge_name(name)


_DEAD_END_ANSWERS: Final[Mapping[State, tuple[Move, ...]]] = {
    S.OTHER_CHALLENGE: (respond_with(r.RawAnswer, {"ANSWER": "42"}),),
    S.PASSWORD: (respond_with(r.Password, PASSWORD),),
    S.PASSWORD_SRP: (respond_with(r.SrpA),),
}
"""The answers to challenges that only a Lambda function can issue, and that no answer completes."""


_SRP_CHALLENGES: Final = frozenset({S.PASSWORD_VERIFIER, S.DEVICE_PASSWORD_VERIFIER})
"""Without SRP_A they have only USERNAME in their ChallengeParameters (trace, amplify-js PR #566)."""


def _issued_by_function(
    name: str, where: str, asked_in: State, moves: tuple[Move, ...], script: tuple[str, ...]
) -> Scenario:
    """Return a scenario in which a function names a challenge in reply to the last move.

    The client cannot use the SRP challenges without SRP_A.
    """
    state, settings = _state_named(name), {"triggers": triggers_naming(*script, name)}
    *before, last = moves
    if state in _SRP_CHALLENGES and last is not _CUSTOM_SRP_AUTH:
        return Scenario(f"{where} {name}", (*before, expect_malformed_reply(last)), asked_in, settings)
    if state is S.DEVICE_PASSWORD_VERIFIER:
        return Scenario(f"{where} {name}", (*before, expect_malformed_reply(last)), asked_in, settings)
    return Scenario(f"{where} {name}", moves, state, settings)


def custom_auth() -> Iterator[Scenario]:
    """Yield scenarios in which DefineAuthChallenge names each challenge, an unknown one, success and failure."""
    for name in _NAMES:
        yield _issued_by_function(name, "CUSTOM_AUTH named", S.START, (_CUSTOM_AUTH,), ())
        yield _issued_by_function(name, "CUSTOM_AUTH with SRP named", S.START, (_CUSTOM_SRP_AUTH,), ())
        yield _issued_by_function(
            name, "CUSTOM_CHALLENGE, then named", S.CUSTOM_CHALLENGE, (_CUSTOM_AUTH, _ANSWER_42), ("CUSTOM_CHALLENGE",)
        )
        for answer in _DEAD_END_ANSWERS.get(_state_named(name), ()):
            yield Scenario(
                f"{name} named by a function is a dead end",
                (_CUSTOM_AUTH, expect_refusal(answer)),
                S.FAILED,
                {"triggers": triggers_naming(name)},
            )
    for begin, kind in ((_CUSTOM_AUTH, "CUSTOM_AUTH"), (_CUSTOM_SRP_AUTH, "CUSTOM_AUTH with SRP")):
        yield Scenario(f"{kind}, tokens at once", (begin,), S.AUTHENTICATED, {"triggers": triggers_naming("TOKENS")})
        yield Scenario(
            f"{kind}, failed at once", (expect_refusal(begin),), S.FAILED, {"triggers": triggers_naming("FAIL")}
        )
    yield Scenario(
        "CUSTOM_CHALLENGE answered",
        (_CUSTOM_AUTH, _ANSWER_42),
        S.AUTHENTICATED,
        {"triggers": triggers_naming("CUSTOM_CHALLENGE", "TOKENS")},
    )
    yield Scenario(
        "CUSTOM_CHALLENGE failed",
        (_CUSTOM_AUTH, expect_refusal(respond_with(r.Answer, "41"))),
        S.FAILED,
        {"triggers": triggers_naming("CUSTOM_CHALLENGE", "FAIL")},
    )
    yield Scenario(
        "CUSTOM_AUTH, the device forgotten",
        (use_device(STALE), _CUSTOM_AUTH),
        S.CUSTOM_CHALLENGE,
        {"triggers": triggers_naming("CUSTOM_CHALLENGE"), **DEVICES_TRACKED},
    )
    yield Scenario(
        "CUSTOM_AUTH with SRP, then CUSTOM_CHALLENGE", _WITH_SRP, S.CUSTOM_CHALLENGE, _CUSTOM_CHALLENGE_AFTER_PASSWORD
    )


# ---- first requests, and requests with tokens -------------------------------------------------------------

_NO_FLOWS: Final = {"explicit_auth_flows": ["ALLOW_CUSTOM_AUTH"]}
_REFRESHES: Final = (r.RefreshTokenAuth, r.RefreshToken, r.GetTokensFromRefreshToken)


def first_requests() -> Iterator[Scenario]:
    """Yield the scenarios of the first requests that are in no other scenario, and of their refusals."""
    yield Scenario("USER_SRP_AUTH", (begin_with(r.UserSrpAuth, USER),), S.PASSWORD_VERIFIER)
    yield Scenario(
        "USER_SRP_AUTH, not enabled", (expect_refusal(begin_with(r.UserSrpAuth, USER)),), S.FAILED, _NO_FLOWS
    )
    yield Scenario(
        "ADMIN_NO_SRP_AUTH asks for the password",
        (begin_with(r.AdminNoSrpAuth, USER),),
        S.ADMIN_NO_SRP_AUTH,
        {"contradictions": Contradictions(admin_no_srp_auth_challenges=True)},
    )
    for kind in _REFRESHES:
        name = kind.__name__
        yield Scenario(f"{name} begins", (sign_in, begin_with(kind, refresh_token)), S.AUTHENTICATED)
        yield Scenario(
            f"{name} begins with no such token", (expect_refusal(begin_with(kind, "no such token")),), S.FAILED
        )


def token_requests() -> Iterator[Scenario]:
    """Yield the scenarios of refreshing tokens, remembering a device, and signing out."""
    for kind in _REFRESHES:
        yield Scenario(f"{kind.__name__}", (sign_in, respond_with(kind)), S.AUTHENTICATED)
    yield Scenario(
        "Refreshed with rotation",
        (sign_in, respond_with(r.GetTokensFromRefreshToken), respond_with(r.GetTokensFromRefreshToken)),
        S.AUTHENTICATED,
        {"refresh_token_rotation": RefreshTokenRotation()},
    )
    yield Scenario(
        "A device is remembered because ada wishes it",
        (remember_device,),
        S.AUTHENTICATED,
        {"device": DeviceConfiguration(device_only_remembered_on_user_prompt=True)},
    )
    for ending in (r.RevokeToken, r.GlobalSignOut):
        yield Scenario(f"{ending.__name__}", (sign_in, respond_with(ending)), S.START)


SCENARIOS: Final = (
    *(each for proof_way in PASSWORD_PROOFS for each in after_password_proof(proof_way)),
    *after_a_new_password(),
    *mfa_setup(),
    *second_factors(),
    *devices(),
    *custom_auth(),
    *first_requests(),
    *token_requests(),
    *USER_AUTH_SCENARIOS,
)
