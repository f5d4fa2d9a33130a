"""Conversations with the local pool that together take every transition that a pool can produce.

Most are products: each way to come to an answer times each situation a user may be in. `SCENARIOS` is
all of them; `tests/test_transitions.py` plays them and holds them against the table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from password_scenarios import (
    FACTORS,
    SITUATIONS,
    STALE_DEVICE,
    SWITCHED_ON,
    TOTP_ONLY,
    TOTP_OR_EMAIL,
    WAYS,
    WITH_FACTOR,
    after_a_password,
    led,
)
from scenario_user import (
    EMAIL,
    NEW_PASSWORD,
    PASSWORD,
    STALE,
    USER,
    Move,
    Scenario,
    associates,
    begins,
    enrols,
    gives,
    has_tokens,
    keeps_device,
    on,
    on_forgotten,
    refresh_token,
    refused,
    remembers,
    temporary_password,
    too_late,
    unreadable,
)
from user_auth_scenarios import CHOICES

from authfsm.local import Contradictions, DeviceConfiguration, RefreshTokenRotation
from authfsm.protocol import responses as r
from authfsm.protocol.states import CHALLENGES, State, state_named

S = State

# ---- set-up ---------------------------------------------------------------------------------------------

_SIGNS_IN: Final = begins(r.UserPasswordAuth, USER, PASSWORD)
_WITH_SRP: Final = (begins(r.CustomSrpAuth, USER), gives(r.SrpClaim))
_THEN_ASKED: Final = {"triggers": led("PASSWORD_VERIFIER", "CUSTOM_CHALLENGE", "CUSTOM_CHALLENGE")}


def after_a_new_password() -> Iterator[Scenario]:
    """Yield the scenarios of NEW_PASSWORD_REQUIRED, in each situation."""
    renews = gives(r.NewPassword, NEW_PASSWORD)
    for each in SITUATIONS:
        if each.ends is S.NEW_PASSWORD_REQUIRED:
            continue
        yield Scenario(
            f"NEW_PASSWORD_REQUIRED, then {each.ends}",
            (*each.before, *each.meanwhile, temporary_password, _SIGNS_IN, renews),
            each.ends,
            each.pool,
            each.user,
        )
    yield Scenario(
        "NEW_PASSWORD_REQUIRED, then CUSTOM_CHALLENGE",
        (temporary_password, *_WITH_SRP, renews),
        S.CUSTOM_CHALLENGE,
        _THEN_ASKED,
    )
    yield Scenario(
        "NEW_PASSWORD_REQUIRED, a weak one",
        (temporary_password, _SIGNS_IN, refused(gives(r.NewPassword, "weak"))),
        S.NEW_PASSWORD_REQUIRED,
    )
    yield Scenario(
        "NEW_PASSWORD_REQUIRED, too late",
        (temporary_password, _SIGNS_IN, too_late, refused(renews)),
        S.FAILED,
    )


def mfa_setup() -> Iterator[Scenario]:
    """Yield the scenarios of MFA_SETUP, with an authenticator app and with e-mail."""
    completes = gives(r.CompleteMfaSetup)
    emails = gives(r.SetUpEmail, EMAIL)
    yield Scenario("TOTP set up", (_SIGNS_IN, enrols, completes), S.AUTHENTICATED, TOTP_ONLY)
    yield Scenario(
        "TOTP set up, and asked for",
        (_SIGNS_IN, enrols, completes),
        S.SOFTWARE_TOKEN_MFA,
        {**TOTP_ONLY, "contradictions": Contradictions(totp_required_after_setup=True)},
    )
    yield Scenario(
        "TOTP set up on a device that is remembered since a sign-in without a password",
        (begins(r.CustomAuth, USER), keeps_device, _SIGNS_IN, enrols, completes),
        S.DEVICE_SRP_AUTH,
        {**TOTP_ONLY, "device": DeviceConfiguration(), "triggers": led("TOKENS")},
    )
    yield Scenario(
        "TOTP set up in CUSTOM_AUTH",
        (*_WITH_SRP, enrols, completes),
        S.CUSTOM_CHALLENGE,
        {**TOTP_ONLY, **_THEN_ASKED},
    )
    wrong = gives(r.VerifySoftwareToken, lambda scenario_user: scenario_user.wrong_code())
    yield Scenario(
        "TOTP set up, a wrong code", (_SIGNS_IN, associates, refused(wrong)), S.MFA_SETUP, TOTP_ONLY
    )
    for response, before in (
        (r.AssociateSoftwareToken, ()),
        (r.VerifySoftwareToken, (associates,)),
        (r.CompleteMfaSetup, (enrols,)),
        (r.SetUpEmail, ()),
    ):
        answer = {r.VerifySoftwareToken: wrong, r.SetUpEmail: emails}.get(response, gives(response))
        yield Scenario(
            f"MFA_SETUP, {response.__name__} too late",
            (_SIGNS_IN, *before, too_late, refused(answer)),
            S.FAILED,
            TOTP_OR_EMAIL,
        )
    yield Scenario("E-mail set up", (_SIGNS_IN, emails), S.EMAIL_OTP, TOTP_OR_EMAIL)
    yield Scenario(
        "E-mail set up, no address",
        (_SIGNS_IN, refused(gives(r.SetUpEmail, "ada@nowhere"))),
        S.MFA_SETUP,
        TOTP_OR_EMAIL,
    )


# ---- second factors -------------------------------------------------------------------------------------

_RIGHT: Final = gives(r.Code, lambda scenario_user: scenario_user.code())
_NOT_RIGHT: Final = refused(gives(r.Code, lambda scenario_user: scenario_user.wrong_code()))


def second_factors() -> Iterator[Scenario]:
    """Yield the scenarios of each second factor.

    A right, wrong and late code; what follows; the choice of one.
    """
    for each in WITH_FACTOR:
        if each.ends is S.SELECT_MFA_TYPE:
            continue
        yield Scenario(
            f"{each.ends}", (*each.meanwhile, _SIGNS_IN, _RIGHT), S.AUTHENTICATED, each.pool, each.user
        )
        yield Scenario(
            f"{each.ends}, a wrong code",
            (*each.meanwhile, _SIGNS_IN, _NOT_RIGHT),
            each.ends,
            each.pool,
            each.user,
        )
        yield Scenario(
            f"{each.ends}, too late",
            (*each.meanwhile, _SIGNS_IN, too_late, refused(_RIGHT)),
            S.FAILED,
            each.pool,
            each.user,
        )
        yield Scenario(
            f"{each.ends}, then the device",
            (remembers, *each.meanwhile, _SIGNS_IN, _RIGHT),
            S.DEVICE_SRP_AUTH,
            {**each.pool, "device": DeviceConfiguration()},
            each.user,
        )
        yield Scenario(
            f"{each.ends}, then CUSTOM_CHALLENGE",
            (*each.meanwhile, *_WITH_SRP, _RIGHT),
            S.CUSTOM_CHALLENGE,
            {**each.pool, **_THEN_ASKED},
            each.user,
        )
    pool, chooses_later = {"mfa": "OPTIONAL"}, SWITCHED_ON[S.SELECT_MFA_TYPE]
    for chosen in (S.SMS_MFA, S.EMAIL_OTP, S.SOFTWARE_TOKEN_MFA):
        yield Scenario(
            f"SELECT_MFA_TYPE, {chosen} chosen",
            (chooses_later, _SIGNS_IN, gives(r.Select, chosen)),
            chosen,
            pool,
            FACTORS,
        )
    chooses = gives(r.Select, "SMS_MFA")
    yield Scenario(
        "SELECT_MFA_TYPE, the device forgotten meanwhile",
        (chooses_later, _SIGNS_IN, on_forgotten, chooses),
        S.SMS_MFA,
        {**pool, **STALE_DEVICE},
        FACTORS,
    )
    yield Scenario(
        "SELECT_MFA_TYPE, too late",
        (chooses_later, _SIGNS_IN, too_late, refused(chooses)),
        S.FAILED,
        pool,
        FACTORS,
    )


# ---- the device -------------------------------------------------------------------------------------------

_DEVICE_A: Final = gives(r.SrpA)
_DEVICE_CLAIM: Final = gives(r.SrpClaim)


def devices() -> Iterator[Scenario]:
    """Yield the scenarios in which a remembered device proves itself."""
    pool = {"device": DeviceConfiguration()}
    at_it = (remembers, _SIGNS_IN)
    yield Scenario("The device", (*at_it, _DEVICE_A), S.DEVICE_PASSWORD_VERIFIER, pool)
    yield Scenario("The device proved", (*at_it, _DEVICE_A, _DEVICE_CLAIM), S.AUTHENTICATED, pool)
    yield Scenario("The device, too late", (*at_it, too_late, refused(_DEVICE_A)), S.FAILED, pool)
    yield Scenario(
        "The device's proof, too late", (*at_it, _DEVICE_A, too_late, refused(_DEVICE_CLAIM)), S.FAILED, pool
    )
    for state, switched_on in SWITCHED_ON.items():
        # "complete additional challenges until ..." -- developer guide, "Working with user devices"
        yield Scenario(
            f"The device proved, {state} switched on meanwhile",
            (*at_it, _DEVICE_A, switched_on, _DEVICE_CLAIM),
            state,
            {**pool, "mfa": "OPTIONAL"},
            FACTORS,
        )


# ---- the pool's own functions -----------------------------------------------------------------------------

_BY_FUNCTIONS: Final = begins(r.CustomAuth, USER)
_BY_SRP_AND_FUNCTIONS: Final = begins(r.CustomSrpAuth, USER)
_FORTY_TWO: Final = gives(r.Answer, "42")
UNHEARD_OF: Final = "MOTHERS_MAIDEN_NAME"
_NAMES: Final = (*(each.value for each in CHALLENGES), UNHEARD_OF)


def _named(name: str) -> State:
    return state_named(name)


_DEAD_END_ANSWERS: Final[Mapping[State, tuple[Move, ...]]] = {
    S.OTHER_CHALLENGE: (gives(r.RawAnswer, {"ANSWER": "42"}),),
    S.PASSWORD: (gives(r.Password, PASSWORD),),
    S.PASSWORD_SRP: (gives(r.SrpA),),
}
"""The answers to challenges that only a Lambda function can issue, and that no answer completes."""


_NOTHING_TO_PROVE: Final = frozenset({S.PASSWORD_VERIFIER, S.DEVICE_PASSWORD_VERIFIER})
"""With "ChallengeParameters {USERNAME} only" (trace, amplify-js PR #566) a proof has nothing to prove."""


def _issued_by_function(
    name: str, where: str, asked_in: State, moves: tuple[Move, ...], script: tuple[str, ...]
) -> Scenario:
    """Return the moves in which a function names a challenge as the last move is made.

    The client may not reach it.
    """
    state, settings = _named(name), {"triggers": led(*script, name)}
    *before, last = moves
    if state in _NOTHING_TO_PROVE and last is not _BY_SRP_AND_FUNCTIONS:
        return Scenario(f"{where} {name}", (*before, unreadable(last)), asked_in, settings)
    if state is S.DEVICE_PASSWORD_VERIFIER:
        return Scenario(f"{where} {name}", (*before, unreadable(last)), asked_in, settings)
    return Scenario(f"{where} {name}", moves, state, settings)


def custom_auth() -> Iterator[Scenario]:
    """Yield scenarios in which DefineAuthChallenge names every challenge, and an unknown one.

    With success and failure.
    """
    for name in _NAMES:
        yield _issued_by_function(name, "CUSTOM_AUTH named", S.START, (_BY_FUNCTIONS,), ())
        yield _issued_by_function(name, "CUSTOM_AUTH with SRP named", S.START, (_BY_SRP_AND_FUNCTIONS,), ())
        yield _issued_by_function(
            name,
            "CUSTOM_CHALLENGE, then named",
            S.CUSTOM_CHALLENGE,
            (_BY_FUNCTIONS, _FORTY_TWO),
            ("CUSTOM_CHALLENGE",),
        )
        for answer in _DEAD_END_ANSWERS.get(_named(name), ()):
            yield Scenario(
                f"{name} named by a function is a dead end",
                (_BY_FUNCTIONS, refused(answer)),
                S.FAILED,
                {"triggers": led(name)},
            )
    for begun, kind in ((_BY_FUNCTIONS, "CUSTOM_AUTH"), (_BY_SRP_AND_FUNCTIONS, "CUSTOM_AUTH with SRP")):
        yield Scenario(f"{kind}, tokens at once", (begun,), S.AUTHENTICATED, {"triggers": led("TOKENS")})
        yield Scenario(f"{kind}, failed at once", (refused(begun),), S.FAILED, {"triggers": led("FAIL")})
    yield Scenario(
        "CUSTOM_CHALLENGE answered",
        (_BY_FUNCTIONS, _FORTY_TWO),
        S.AUTHENTICATED,
        {"triggers": led("CUSTOM_CHALLENGE", "TOKENS")},
    )
    yield Scenario(
        "CUSTOM_CHALLENGE failed",
        (_BY_FUNCTIONS, refused(gives(r.Answer, "41"))),
        S.FAILED,
        {"triggers": led("CUSTOM_CHALLENGE", "FAIL")},
    )
    yield Scenario(
        "CUSTOM_AUTH, the device forgotten",
        (on(STALE), _BY_FUNCTIONS),
        S.CUSTOM_CHALLENGE,
        {"triggers": led("CUSTOM_CHALLENGE"), **STALE_DEVICE},
    )
    yield Scenario("CUSTOM_AUTH with SRP, then CUSTOM_CHALLENGE", _WITH_SRP, S.CUSTOM_CHALLENGE, _THEN_ASKED)


# ---- openings, and what tokens are good for ----------------------------------------------------------------

_NO_FLOWS: Final = {"explicit_auth_flows": ["ALLOW_CUSTOM_AUTH"]}
_REFRESHES: Final = (r.RefreshTokenAuth, r.RefreshToken, r.GetTokensFromRefreshToken)


def openings() -> Iterator[Scenario]:
    """Yield the scenarios of the first requests that are in no other scenario, and of their refusals."""
    yield Scenario("USER_SRP_AUTH", (begins(r.UserSrpAuth, USER),), S.PASSWORD_VERIFIER)
    yield Scenario("USER_SRP_AUTH, not enabled", (refused(begins(r.UserSrpAuth, USER)),), S.FAILED, _NO_FLOWS)
    yield Scenario(
        "ADMIN_NO_SRP_AUTH asks for the password",
        (begins(r.AdminNoSrpAuth, USER),),
        S.ADMIN_NO_SRP_AUTH,
        {"contradictions": Contradictions(admin_no_srp_auth_challenges=True)},
    )
    for kind in _REFRESHES:
        name = kind.__name__
        yield Scenario(f"{name} begins", (has_tokens, begins(kind, refresh_token)), S.AUTHENTICATED)
        yield Scenario(
            f"{name} begins with no such token", (refused(begins(kind, "no such token")),), S.FAILED
        )


def tokens_in_hand() -> Iterator[Scenario]:
    """Yield the scenarios of refreshing, devices and signing out."""
    for kind in _REFRESHES:
        yield Scenario(f"{kind.__name__}", (has_tokens, gives(kind)), S.AUTHENTICATED)
    yield Scenario(
        "Refreshed with rotation",
        (has_tokens, gives(r.GetTokensFromRefreshToken), gives(r.GetTokensFromRefreshToken)),
        S.AUTHENTICATED,
        {"refresh_token_rotation": RefreshTokenRotation()},
    )
    yield Scenario(
        "A device is remembered because ada wishes it",
        (remembers,),
        S.AUTHENTICATED,
        {"device": DeviceConfiguration(device_only_remembered_on_user_prompt=True)},
    )
    for ending in (r.RevokeToken, r.GlobalSignOut):
        yield Scenario(f"{ending.__name__}", (has_tokens, gives(ending)), S.START)


SCENARIOS: Final = (
    *(each for way in WAYS for each in after_a_password(way)),
    *after_a_new_password(),
    *mfa_setup(),
    *second_factors(),
    *devices(),
    *custom_auth(),
    *openings(),
    *tokens_in_hand(),
    *CHOICES,
)
