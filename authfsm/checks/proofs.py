"""What has been proved so far: a small value that goes beside the table, step by step.

The table says where a reply may lead; what somebody has shown on the way there is said here. A response
proves what `PROOFS` says of it once its reply has led on: not where the same is asked again, nor where the
reply shows that the proof was not looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final

from attrs import frozen

from authfsm.protocol import responses as r
from authfsm.protocol.nodes import EdgeRoles
from authfsm.protocol.responses import Response
from authfsm.protocol.states import State
from authfsm.protocol.table import NEW_CHALLENGE, RESTART, RETRY, SECOND_FACTOR, Role, Transition

S = State
Trigger = type[Response]


class Factor(str, Enum):
    """Something that has been shown on the way."""

    PASSWORD = "password"  # noqa: S105 - a name
    CODE = "code as first factor"
    PASSKEY = "passkey"
    FUNCTIONS = "the pool's functions"  #: DefineAuthChallenge has let somebody through.
    SIGN_UP = "code of the sign-up"
    REFRESH_TOKEN = "refresh token"  # noqa: S105 - a name
    ACCESS_TOKEN = "access token"  # noqa: S105 - a name
    SECOND = "second factor"
    DEVICE = "remembered device"
    UNHEARD_OF = "a challenge of another name"  #: What it proves, nobody knows.

    __str__ = str.__str__


FIRST_FACTORS: Final = frozenset({Factor.PASSWORD, Factor.CODE, Factor.PASSKEY})
"""What is a first factor by itself (AWS developer guide, "Authentication flows")."""

# fmt: off
PROOFS: Final[Mapping[tuple[State, Trigger], Factor]] = {
    (S.START, r.UserPasswordAuth):           Factor.PASSWORD,
    (S.START, r.AdminUserPasswordAuth):      Factor.PASSWORD,
    (S.START, r.AdminNoSrpAuth):             Factor.PASSWORD,
    (S.START, r.UserAuthWithPassword):       Factor.PASSWORD,
    (S.START, r.CustomAuth):                 Factor.FUNCTIONS,
    (S.START, r.CustomSrpAuth):              Factor.FUNCTIONS,
    (S.START, r.SignedUp):                   Factor.SIGN_UP,
    # "The refresh token ... retrieves new ID and access tokens" of a session that was proved before.
    (S.START, r.RefreshTokenAuth):           Factor.REFRESH_TOKEN,
    (S.START, r.RefreshToken):               Factor.REFRESH_TOKEN,
    (S.START, r.GetTokensFromRefreshToken):  Factor.REFRESH_TOKEN,
    (S.SELECT_CHALLENGE, r.Password):        Factor.PASSWORD,
    (S.SELECT_CHALLENGE, r.Credential):      Factor.PASSKEY,
    (S.PASSWORD, r.Password):                Factor.PASSWORD,
    (S.ADMIN_NO_SRP_AUTH, r.Password):       Factor.PASSWORD,
    (S.PASSWORD_VERIFIER, r.SrpClaim):       Factor.PASSWORD,
    (S.EMAIL_OTP, r.Code):                   Factor.CODE,       # a second factor in its other role
    (S.EMAIL_OTP, r.Password):               Factor.PASSWORD,
    (S.EMAIL_OTP, r.Credential):             Factor.PASSKEY,
    (S.SMS_OTP, r.Code):                     Factor.CODE,
    (S.SMS_OTP, r.Password):                 Factor.PASSWORD,
    (S.SMS_OTP, r.Credential):               Factor.PASSKEY,
    (S.WEB_AUTHN, r.Credential):             Factor.PASSKEY,
    (S.WEB_AUTHN, r.Password):               Factor.PASSWORD,
    (S.CUSTOM_CHALLENGE, r.Answer):          Factor.FUNCTIONS,
    (S.MFA_SETUP, r.CompleteMfaSetup):       Factor.SECOND,     # only of a token that was verified
    (S.SMS_MFA, r.Code):                     Factor.SECOND,
    (S.SOFTWARE_TOKEN_MFA, r.Code):          Factor.SECOND,
    (S.DEVICE_PASSWORD_VERIFIER, r.SrpClaim): Factor.DEVICE,
    (S.OTHER_CHALLENGE, r.RawAnswer):        Factor.UNHEARD_OF,
    (S.AUTHENTICATED, r.RefreshTokenAuth):   Factor.REFRESH_TOKEN,
    (S.AUTHENTICATED, r.RefreshToken):       Factor.REFRESH_TOKEN,
    (S.AUTHENTICATED, r.GetTokensFromRefreshToken): Factor.REFRESH_TOKEN,
}
"""What a response proves in a state, once it has led on."""
# fmt: on

_NOT_LOOKED_AT: Final = frozenset({S.FAILED, S.SELECT_CHALLENGE, S.ADMIN_NO_SRP_AUTH, S.START})
"""A reply that leads here has looked at no proof: it was refused, or a choice or a password is still wanted."""

NEXT_BY_FUNCTIONS: Final = r.CUSTOM_AUTH_RESPONSES | {r.Answer}
"""Responses after which DefineAuthChallenge says what comes, and may name any challenge."""

_SECOND_ASKED: Final = SECOND_FACTOR - {S.EMAIL_OTP}


@frozen(cache_hash=True)
class ProofState:
    """What has been shown since a sign-in began.

    Args:
        factors: what was shown.
        led: may functions of the pool lead? They do in CUSTOM_AUTH; after an administrator's password:
            contradicted.
        asked: has a second factor been asked for, or its set-up?
        associated: has AssociateSoftwareToken given a secret?
        verified: has VerifySoftwareToken accepted a code of it?
        named: was the present challenge named by a function of the pool's own accord? Then no answer to it
            leads on (amplify-js #1291, #9592, #12887, PR #566; amplify-flutter #4890).
    """

    factors: frozenset[Factor] = frozenset()
    led: bool = False
    asked: bool = False
    associated: bool = False
    verified: bool = False
    named: bool = False


NOTHING: Final = ProofState()
"""What has been shown at START."""


def shown(
    proofs: Mapping[tuple[State, Trigger], Factor],
    before: ProofState,
    arrow: Transition,
    ends: EdgeRoles,
) -> frozenset[Factor]:
    """What taking an arrow shows.

    Args:
        proofs: as `PROOFS`.
        before: what was shown before.
        arrow: the arrow.
        ends: which factor the codes are that it leaves and leads to.
    """
    source, response, dest, kind = arrow
    factor = proofs.get((source, response))
    if response is r.StepUp and asks_second(dest, ends.dest):
        # "credit for the factors in its amr": a second factor is asked for where the first is credited.
        factor = Factor.ACCESS_TOKEN
    # A refusal has shown nothing; nor has a challenge that comes again, but for a custom one, which may be
    # the next.
    again = kind is NEW_CHALLENGE and ends.source is ends.dest and source is not S.CUSTOM_CHALLENGE
    if factor is None or dest in _NOT_LOOKED_AT or kind in {RETRY, RESTART} or again:
        return frozenset()
    if response is r.CompleteMfaSetup and not before.verified:
        return frozenset()
    if factor is Factor.FUNCTIONS and not (before.led or response in r.CUSTOM_AUTH_RESPONSES):
        return frozenset()  # no function was asked
    if response in NEXT_BY_FUNCTIONS and dest not in {S.AUTHENTICATED, S.DEVICE_SRP_AUTH}:
        return frozenset()  # they have not let anybody through yet
    if ends.source is Role.SECOND_FACTOR and factor is Factor.CODE:
        factor = Factor.SECOND
    return frozenset({factor})


def asks_second(dest: State, role: Role | None) -> bool:
    """Is a second factor asked for in this state, or its set-up?"""
    return dest in _SECOND_ASKED or (dest is S.EMAIL_OTP and role is Role.SECOND_FACTOR)
