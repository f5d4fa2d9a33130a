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
    administrator,
    begins,
    gives,
    on,
    refused,
    remembers,
    temporary_password,
)

from authfsm.local import Contradictions, DeviceConfiguration, Triggers
from authfsm.protocol import responses as r
from authfsm.protocol.states import State

S = State
Settings = Mapping[str, Any]

WRONG = "Wrong-Horse-1"
TOTP_ONLY: Final[Settings] = {"mfa": "ON", "mfa_methods": ["SOFTWARE_TOKEN_MFA"]}
TOTP_OR_EMAIL: Final[Settings] = {"mfa": "ON", "mfa_methods": ["SOFTWARE_TOKEN_MFA", "EMAIL_OTP"]}


def led(*names: str) -> Triggers:
    """Return Lambda functions.

    DefineAuthChallenge returns these names in turn; "TOKENS" issues tokens, "FAIL" ends it.

    With SRP first the first name answers SRP_A. The right answer to a custom challenge is 42.
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


# ---- what follows a proved password -------------------------------------------------------------------


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
SWITCHED_ON: Final = {
    asked: administrator("set_user_mfa_preference", **settings) for asked, settings in _ON.items()
}
"""The administrator's actions that activate each second factor."""


@frozen
class Situation:
    """The state of user and pool when a password has been proved.

    Args:
        ends: the state that follows.
        pool: the pool's settings.
        user: the user's attributes and factors.
        before: what happens before the sign-in.
        meanwhile: what happens at any time before the proof.
    """

    ends: State
    pool: Settings = field(factory=dict)
    user: Settings = field(factory=dict)
    before: tuple[Move, ...] = ()
    meanwhile: tuple[Move, ...] = ()


WITH_FACTOR: Final = tuple(
    Situation(asked, {"mfa": "OPTIONAL"}, FACTORS, meanwhile=(move,)) for asked, move in SWITCHED_ON.items()
)
ON_KNOWN_DEVICE: Final = Situation(S.DEVICE_SRP_AUTH, {"device": DeviceConfiguration()}, before=(remembers,))
SITUATIONS: Final = (
    Situation(S.AUTHENTICATED),
    Situation(S.NEW_PASSWORD_REQUIRED, meanwhile=(temporary_password,)),
    Situation(S.MFA_SETUP, TOTP_OR_EMAIL),
    *WITH_FACTOR,
    ON_KNOWN_DEVICE,
)

STALE_DEVICE: Final = {"device": DeviceConfiguration()}

# ---- ways to prove a password -------------------------------------------------------------------------


@frozen
class Way:
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
        late: whether the first request has nothing that the situation adds, such as a device key.
        barred: the states that do not follow this way.
    """

    name: str
    moves: tuple[Move, ...]
    proof: Move
    wrong: Move
    source: State = S.START
    pool: Settings = field(factory=dict)
    user: Settings = field(factory=dict)
    before: tuple[Move, ...] = ()
    late: bool = False
    barred: frozenset[State] = frozenset()


WAYS: Final = (
    Way(
        "USER_PASSWORD_AUTH",
        (),
        begins(r.UserPasswordAuth, USER, PASSWORD),
        begins(r.UserPasswordAuth, USER, WRONG),
    ),
    Way(
        "ADMIN_USER_PASSWORD_AUTH",
        (),
        begins(r.AdminUserPasswordAuth, USER, PASSWORD),
        begins(r.AdminUserPasswordAuth, USER, WRONG),
    ),
    Way(
        "ADMIN_NO_SRP_AUTH",
        (),
        begins(r.AdminNoSrpAuth, USER, PASSWORD),
        begins(r.AdminNoSrpAuth, USER, WRONG),
    ),
    Way(
        "ADMIN_NO_SRP_AUTH in two steps",
        (begins(r.AdminNoSrpAuth, USER),),
        gives(r.Password, PASSWORD),
        gives(r.Password, WRONG),
        source=S.ADMIN_NO_SRP_AUTH,
        pool={"contradictions": Contradictions(admin_no_srp_auth_challenges=True)},
    ),
    Way(
        "USER_SRP_AUTH",
        (begins(r.UserSrpAuth, USER),),
        gives(r.SrpClaim),
        gives(r.SrpClaim, password=WRONG),
        source=S.PASSWORD_VERIFIER,
    ),
)


def after_a_password(way: Way) -> Iterator[Scenario]:
    """Yield the scenarios of a way to prove a password.

    In each situation, with a stale device, with a wrong password.
    """
    for each in SITUATIONS:
        if each.ends in way.barred:
            continue
        moves = (*way.moves, *each.meanwhile) if way.late else (*each.meanwhile, *way.moves)
        yield Scenario(
            f"{way.name}, then {each.ends}",
            (*way.before, *each.before, *moves, way.proof),
            each.ends,
            {**each.pool, **way.pool},
            {**each.user, **way.user},
        )
    yield Scenario(
        f"{way.name}, the password wrong",
        (*way.before, *way.moves, refused(way.wrong)),
        S.FAILED,
        way.pool,
        way.user,
    )
    if way.source is not S.ADMIN_NO_SRP_AUTH:
        yield Scenario(
            f"{way.name}, the device forgotten",
            (*way.before, on(STALE), *way.moves, way.proof),
            S.AUTHENTICATED,
            {**way.pool, **STALE_DEVICE},
            way.user,
        )
