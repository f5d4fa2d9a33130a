"""The situations of users and pools, and the ways to prove a password: scenarios combine them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from attrs import field, frozen
from scenario_user import (
    EMAIL,
    PASSWORD,
    PHONE,
    STALE,
    TOTP_SECRET,
    USER,
    Move,
    Scenario,
    admin_call,
    begin_with,
    expect_refusal,
    remember_device,
    respond_with,
    temporary_password,
    use_device,
)

from authfsm.local import Contradictions, DeviceConfiguration, Triggers
from authfsm.protocol import responses as r
from authfsm.protocol.states import State

S = State
Settings = Mapping[str, Any]

WRONG_PASSWORD = "Wrong-Horse-1"
TOTP_ONLY: Final[Settings] = {"mfa": "ON", "mfa_methods": ["SOFTWARE_TOKEN_MFA"]}
TOTP_OR_EMAIL: Final[Settings] = {"mfa": "ON", "mfa_methods": ["SOFTWARE_TOKEN_MFA", "EMAIL_OTP"]}


def triggers_naming(*names: str) -> Triggers:
    """Return Lambda functions whose DefineAuthChallenge names these challenges in turn.

    "TOKENS" issues tokens, and "FAIL" fails the sign-in. With SRP, the first name is the reply to SRP_A. The right
    answer to a custom challenge is 42.
    """

    def define(event: Any) -> Any:
        session = event["request"]["session"]
        with_srp = bool(session) and session[0]["challengeName"] == "SRP_A"
        name = names[min(len(session) - with_srp, len(names) - 1)]
        response = event["response"]
        response["issueTokens"] = name == "TOKENS"
        response["failAuthentication"] = name == "FAIL"
        response["challengeName"] = None if name in {"TOKENS", "FAIL"} else name
        return event

    def verify(event: Any) -> Any:
        right = event["request"]["challengeAnswer"] == "42"
        event["response"]["answerCorrect"] = right
        return event

    return Triggers(define, lambda event: event, verify)


# ---- situations after the password proof --------------------------------------------------------------


FACTORS: Final[Settings] = {"phone_number": PHONE, "email": EMAIL, "totp_secret": TOTP_SECRET, "mfa": []}
"""The attributes of a user who can use every second factor, and has activated none."""

_ON: Final[Mapping[State, Settings]] = {
    S.SMS_MFA: {"SMSMfaSettings": {"Enabled": True, "PreferredMfa": True}},
    S.EMAIL_OTP: {"EmailMfaSettings": {"Enabled": True, "PreferredMfa": True}},
    S.SOFTWARE_TOKEN_MFA: {"SoftwareTokenMfaSettings": {"Enabled": True, "PreferredMfa": True}},
    S.SELECT_MFA_TYPE: {
        "SMSMfaSettings": {"Enabled": True},
        "SoftwareTokenMfaSettings": {"Enabled": True},
        "EmailMfaSettings": {"Enabled": True},
    },
}
FACTOR_ACTIVATIONS: Final = {
    state: admin_call("set_user_mfa_preference", **settings) for state, settings in _ON.items()
}
"""The administrator's actions that activate each second factor."""


@frozen
class Situation:
    """The state of user and pool when a password has been proved.

    Args:
        ends: the state that follows.
        pool: the pool's settings.
        user: the user's attributes and factors.
    before: the moves before the sign-in.
        meanwhile: the moves that can be made at any time before the proof.
    """

    ends: State
    pool: Settings = field(factory=dict)
    user: Settings = field(factory=dict)
    before: tuple[Move, ...] = ()
    meanwhile: tuple[Move, ...] = ()


WITH_FACTOR: Final = tuple(
    Situation(state, {"mfa": "OPTIONAL"}, FACTORS, meanwhile=(move,)) for state, move in FACTOR_ACTIVATIONS.items()
)
WITH_REMEMBERED_DEVICE: Final = Situation(
    S.DEVICE_SRP_AUTH, {"device": DeviceConfiguration()}, before=(remember_device,)
)
SITUATIONS: Final = (
    Situation(S.AUTHENTICATED),
    Situation(S.NEW_PASSWORD_REQUIRED, meanwhile=(temporary_password,)),
    Situation(S.MFA_SETUP, TOTP_OR_EMAIL),
    *WITH_FACTOR,
    WITH_REMEMBERED_DEVICE,
)

DEVICES_TRACKED: Final = {"device": DeviceConfiguration()}

# ---- ways to prove a password -------------------------------------------------------------------------


@frozen
class PasswordProof:
    """A way to prove a password.

    Args:
        name: its name.
        moves: the moves up to the proof.
        proof: the response that proves the password.
        wrong: the same response, with a wrong password.
        pool: the settings that the pool needs for it.
        user: the attributes that the user needs for it.
        before: the moves that the user must make before the sign-in.
        source: the state in which the proof is given.
        situation_after_start: whether the situation's moves follow the first request.
        excluded_states: the states that do not follow this proof.
    """

    name: str
    moves: tuple[Move, ...]
    proof: Move
    wrong: Move
    source: State = S.START
    pool: Settings = field(factory=dict)
    user: Settings = field(factory=dict)
    before: tuple[Move, ...] = ()
    situation_after_start: bool = False
    excluded_states: frozenset[State] = frozenset()


PASSWORD_PROOFS: Final = (
    PasswordProof(
        "USER_PASSWORD_AUTH",
        (),
        begin_with(r.UserPasswordAuth, USER, PASSWORD),
        begin_with(r.UserPasswordAuth, USER, WRONG_PASSWORD),
    ),
    PasswordProof(
        "ADMIN_USER_PASSWORD_AUTH",
        (),
        begin_with(r.AdminUserPasswordAuth, USER, PASSWORD),
        begin_with(r.AdminUserPasswordAuth, USER, WRONG_PASSWORD),
    ),
    PasswordProof(
        "ADMIN_NO_SRP_AUTH",
        (),
        begin_with(r.AdminNoSrpAuth, USER, PASSWORD),
        begin_with(r.AdminNoSrpAuth, USER, WRONG_PASSWORD),
    ),
    PasswordProof(
        "ADMIN_NO_SRP_AUTH in two steps",
        (begin_with(r.AdminNoSrpAuth, USER),),
        respond_with(r.Password, PASSWORD),
        respond_with(r.Password, WRONG_PASSWORD),
        source=S.ADMIN_NO_SRP_AUTH,
        pool={"contradictions": Contradictions(admin_no_srp_auth_challenges=True)},
    ),
    PasswordProof(
        "USER_SRP_AUTH",
        (begin_with(r.UserSrpAuth, USER),),
        respond_with(r.SrpClaim),
        respond_with(r.SrpClaim, password=WRONG_PASSWORD),
        source=S.PASSWORD_VERIFIER,
    ),
)


def after_password_proof(proof_way: PasswordProof) -> Iterator[Scenario]:
    """Yield the scenarios of a way to prove a password: in each situation, with a stale device, with a wrong password."""
    for each in SITUATIONS:
        if each.ends in proof_way.excluded_states:
            continue
        moves = (
            (*proof_way.moves, *each.meanwhile)
            if proof_way.situation_after_start
            else (*each.meanwhile, *proof_way.moves)
        )
        yield Scenario(
            f"{proof_way.name}, then {each.ends}",
            (*proof_way.before, *each.before, *moves, proof_way.proof),
            each.ends,
            {**each.pool, **proof_way.pool},
            {**each.user, **proof_way.user},
        )
    yield Scenario(
        f"{proof_way.name}, the password wrong",
        (*proof_way.before, *proof_way.moves, expect_refusal(proof_way.wrong)),
        S.FAILED,
        proof_way.pool,
        proof_way.user,
    )
    if proof_way.source is not S.ADMIN_NO_SRP_AUTH:
        yield Scenario(
            f"{proof_way.name}, the device forgotten",
            (*proof_way.before, use_device(STALE), *proof_way.moves, proof_way.proof),
            S.AUTHENTICATED,
            {**proof_way.pool, **DEVICES_TRACKED},
            proof_way.user,
        )
