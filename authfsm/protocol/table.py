"""The protocol is one table.

Rule 1: every arrow of the protocol is in `PROTOCOL`, and there is no arrow anywhere else. The machine,
the diagrams, the README, the embedded pool's gate, the checks and the tests are derived from it.
Rule 2: one response, one request, one reply, one move. The reply picks the destination; a set below
says which destinations it may pick.

How sure each arrow is, and from where, stands in `authfsm.protocol.evidence`, keyed by the same triples. The
comments below mark the rows that rest on thin evidence ("inferred") or on sources that contradict
each other ("contradicted"): where AWS's own pages disagree, the client takes both.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final, NamedTuple

from authfsm.errors import OffTheTable
from authfsm.protocol.error_policy import Ruling
from authfsm.protocol.replies import Challenge, Refusal, Reply, Tokens
from authfsm.protocol.responses import (
    AdminNoSrpAuth,
    AdminUserPasswordAuth,
    Answer,
    AssociateSoftwareToken,
    Code,
    CompleteMfaSetup,
    ConfirmDevice,
    Credential,
    CustomAuth,
    CustomSrpAuth,
    GetTokensFromRefreshToken,
    GlobalSignOut,
    NewPassword,
    Password,
    RawAnswer,
    RefreshToken,
    RefreshTokenAuth,
    Response,
    RevokeToken,
    Select,
    SetUpEmail,
    SignedUp,
    SrpA,
    SrpClaim,
    StepUp,
    UpdateDeviceStatus,
    UserAuth,
    UserAuthWithPassword,
    UserAuthWithSrp,
    UserPasswordAuth,
    UserSrpAuth,
    VerifySoftwareToken,
)  # fmt: skip
from authfsm.protocol.states import CHALLENGES, State

S = State
Table = Mapping[State, Mapping[type[Response], frozenset[State]]]

# fmt: off

# ---- the sets that destinations come in --------------------------------------------------------------
# Read `ChallengeName` as an open string: where a challenge may come, one of tomorrow's may come too.
UNKNOWN: Final = frozenset({S.OTHER_CHALLENGE})
# All is proved. A remembered device is proved last, instead of the second factor, or with no MFA at all.
PROVED:  Final = frozenset({S.AUTHENTICATED, S.DEVICE_SRP_AUTH}) | UNKNOWN
# The second factors, and how one comes to have one.
SECOND:  Final = frozenset({S.SELECT_MFA_TYPE, S.SMS_MFA, S.EMAIL_OTP, S.SOFTWARE_TOKEN_MFA, S.MFA_SETUP})
# The password is proved: a temporary one must be replaced before any MFA.
PASSED:  Final = frozenset({S.NEW_PASSWORD_REQUIRED}) | SECOND | PROVED
# A first factor is asked for. PASSWORD and PASSWORD_SRP as received names: inferred, no trace is known.
FIRST:   Final = frozenset({S.EMAIL_OTP, S.SMS_OTP, S.WEB_AUTHN, S.PASSWORD, S.PASSWORD_SRP}) | UNKNOWN
# Under CUSTOM_AUTH the pool's Lambda functions lead, and in this flow alone.
CUSTOM:  Final = frozenset({S.CUSTOM_CHALLENGE})
# DefineAuthChallenge may name any challenge, known or not, and Cognito echoes the name. Most are dead ends.
ANY:     Final = frozenset(CHALLENGES) | UNKNOWN
TOKENS:  Final = frozenset({S.AUTHENTICATED})
PROOF:   Final = frozenset({S.PASSWORD_VERIFIER}) | UNKNOWN

# A first factor is being chosen: in SELECT_CHALLENGE, or by leaving the one that was chosen before
# (a client does so from WEB_AUTHN; from EMAIL_OTP and SMS_OTP: inferred by analogy).
CHOICE: Final[Mapping[type[Response], frozenset[State]]] = {
    Select:     FIRST,
    Password:   PASSED,                        # DEVICE_SRP_AUTH under USER_AUTH: contradicted
    SrpA:       PROOF,
    Credential: PROVED - {S.DEVICE_SRP_AUTH},  # no device is asked for after a passkey
}

PROTOCOL: Final[Table] = {
    # where we are: {what the caller gives: where the reply may lead}
    # A state among its own destinations: the answer was refused, and can be given again.

    S.START: {
        UserSrpAuth:               PROOF,
        UserPasswordAuth:          PASSED | {S.START},                       # START: a stale device key
        AdminUserPasswordAuth:     PASSED | {S.START} | CUSTOM,              # devices, CUSTOM: contradicted
        AdminNoSrpAuth:            PASSED | {S.START} | CUSTOM | {S.ADMIN_NO_SRP_AUTH},    # the same
        CustomAuth:                ANY | TOKENS | {S.START},
        CustomSrpAuth:             ANY | TOKENS | {S.START},                 # all but PROOF: inferred
        UserAuth:                  FIRST | PROOF | {S.SELECT_CHALLENGE},     # PROOF: simulated, for an unknown user
        UserAuthWithPassword:      PASSED | {S.SELECT_CHALLENGE, S.START},   # DEVICE_SRP_AUTH: contradicted
        UserAuthWithSrp:           PROOF | {S.SELECT_CHALLENGE},
        StepUp:                    FIRST | SECOND - {S.MFA_SETUP} | PROOF | {S.SELECT_CHALLENGE},     # inferred
        SignedUp:                  TOKENS | {S.SELECT_CHALLENGE} | UNKNOWN,
        RefreshTokenAuth:          ANY | TOKENS,                             # a challenge: contradicted
        RefreshToken:              ANY | TOKENS,                             # the same
        GetTokensFromRefreshToken: TOKENS,
    },

    # ---- first factors ---------------------------------------------------------------------------
    S.SELECT_CHALLENGE:  {each: dests | {S.SELECT_CHALLENGE} for each, dests in CHOICE.items()},  # a stale device key
    S.PASSWORD:          {Password: PASSED | {S.PASSWORD}},                  # DEVICE_SRP_AUTH: contradicted
    S.PASSWORD_SRP:      {SrpA: PROOF},
    S.PASSWORD_VERIFIER: {SrpClaim: PASSED | CUSTOM | {S.PASSWORD_VERIFIER}},
    S.ADMIN_NO_SRP_AUTH: {Password: PASSED},                                 # the whole state: contradicted
    S.EMAIL_OTP:         {Code: PROVED | CUSTOM | {S.EMAIL_OTP, S.SMS_MFA}, **CHOICE},     # SMS_MFA: contradicted
    S.SMS_OTP:           {Code: PROVED | {S.SMS_OTP, S.EMAIL_OTP}, **CHOICE},              # EMAIL_OTP: contradicted
    S.WEB_AUTHN:         CHOICE,                                             # Credential signs with the passkey
    S.CUSTOM_CHALLENGE:  {Answer: ANY | TOKENS},

    # ---- set-up ----------------------------------------------------------------------------------
    S.NEW_PASSWORD_REQUIRED: {
        NewPassword: SECOND | PROVED | CUSTOM | {S.NEW_PASSWORD_REQUIRED},   # MFA: inferred; CUSTOM: contradicted
    },
    S.MFA_SETUP: {
        AssociateSoftwareToken: frozenset({S.MFA_SETUP}),
        VerifySoftwareToken:    frozenset({S.MFA_SETUP}),
        CompleteMfaSetup:       PROVED | CUSTOM | {S.SOFTWARE_TOKEN_MFA},    # DEVICE_*, CUSTOM: inferred; MFA: contradicted
        SetUpEmail:             UNKNOWN | {S.EMAIL_OTP, S.SELECT_MFA_TYPE, S.MFA_SETUP},   # SELECT: contradicted
    },

    # ---- second factors --------------------------------------------------------------------------
    S.SELECT_MFA_TYPE: {
        Select: UNKNOWN | {S.SMS_MFA, S.SOFTWARE_TOKEN_MFA, S.EMAIL_OTP, S.SELECT_MFA_TYPE},
    },
    S.SMS_MFA:            {Code: PROVED | CUSTOM | {S.SMS_MFA}},
    S.SOFTWARE_TOKEN_MFA: {Code: PROVED | CUSTOM | {S.SOFTWARE_TOKEN_MFA}},

    # ---- the device ------------------------------------------------------------------------------
    S.DEVICE_SRP_AUTH: {SrpA: UNKNOWN | {S.DEVICE_PASSWORD_VERIFIER}},
    S.DEVICE_PASSWORD_VERIFIER: {                                            # MFA: inferred; CUSTOM: contradicted
        SrpClaim: TOKENS | UNKNOWN | CUSTOM | SECOND - {S.MFA_SETUP},
    },

    S.OTHER_CHALLENGE: {RawAnswer: ANY | TOKENS},                            # inferred: who knows

    # ---- tokens in hand --------------------------------------------------------------------------
    S.AUTHENTICATED: {
        ConfirmDevice:             TOKENS,
        UpdateDeviceStatus:        TOKENS,
        GetTokensFromRefreshToken: TOKENS,
        RefreshTokenAuth:          ANY | TOKENS,                             # a challenge: contradicted
        RefreshToken:              ANY | TOKENS,                             # the same
        RevokeToken:               frozenset({S.START}),
        GlobalSignOut:             frozenset({S.START}),
    },
    S.FAILED: {},
}
# fmt: on


class Transition(NamedTuple):
    """One arrow of the protocol.

    Args:
        source: the state it leaves.
        response: the class of the response that is given.
        dest: the state that the reply leads to.
    """

    source: State
    response: type[Response]
    dest: State


def may_fail(source: State) -> bool:
    """Can a refusal end the attempt in this state?

    Everywhere but where it has ended. With tokens in hand a refusal (of a refresh, say) takes nothing
    away: the tokens last as long as they last.
    """
    return source not in {State.AUTHENTICATED, State.FAILED}


TRANSITIONS: Final = tuple(
    Transition(source, response, dest)
    for source, answers in PROTOCOL.items()
    for response, dests in answers.items()
    for dest in State
    if dest in dests or (dest is State.FAILED and may_fail(source))
)
"""The table unfolded: every arrow, those to FAILED included, in the order of `State`."""

ON_THE_TABLE: Final = frozenset(TRANSITIONS)
"""The same as a set: the gate that every answer of the embedded pool passes."""


class Role(str, Enum):
    """Which factor a code is. EMAIL_OTP is one name on the wire with two roles; the path tells."""

    FIRST_FACTOR = "first factor"
    SECOND_FACTOR = "second factor"

    __str__ = str.__str__


class Need(str, Enum):
    """What must have happened on the path before a state takes one of its responses."""

    FIRST_FACTOR = "once the code is a second factor"
    ASSOCIATED = "before AssociateSoftwareToken"
    VERIFIED = "before VerifySoftwareToken has accepted a code"

    __str__ = str.__str__


NEEDS: Final[Mapping[tuple[State, type[Response]], Need]] = MappingProxyType(
    {
        # A second factor is left by SELECT_MFA_TYPE's rules, not by a new choice of the first.
        **{(State.EMAIL_OTP, response): Need.FIRST_FACTOR for response in CHOICE},
        # "AssociateSoftwareToken ... VerifySoftwareToken ... Use the session returned by
        # VerifySoftwareToken" -- AWS API reference, RespondToAuthChallenge, MFA_SETUP
        (State.MFA_SETUP, VerifySoftwareToken): Need.ASSOCIATED,
        (State.MFA_SETUP, CompleteMfaSetup): Need.VERIFIED,
    }
)
"""The few responses that a state takes only after something else."""


def leads(source: State, response: type[Response]) -> frozenset[State]:
    """Where a reply to this response may lead from this state; empty if the state does not take it."""
    return PROTOCOL[source].get(response, frozenset())


def destination(source: State, response: type[Response], reply: Reply) -> State | None:
    """Where a reply leads: the guard of every arrow is "this reply leads there".

    Args:
        source: where the sign-in stands.
        response: the class of the response that was sent.
        reply: what came back.

    Returns:
        The destination, which need not be on the table; None where the reply moves nothing:
        throttled before evaluation, or refused with tokens in hand.

    Raises:
        OffTheTable: a plain yes to a response that leads to more than one place.
    """
    match reply:
        case Refusal(ruling=Ruling.WAIT):
            return None
        case Refusal(ruling=ruling):
            if not may_fail(source):
                return None
            stays = ruling.survives and source in leads(source, response)
            return source if stays else State.FAILED
        case Challenge() | Tokens():
            return reply.state
        case _:
            # A plain yes: confirmed, remembered, signed out. Such responses have one destination.
            dests = leads(source, response)
            if len(dests) != 1:
                raise OffTheTable(source, response, source)
            return next(iter(dests))


def reachable(source: State, response: type[Response] | None = None) -> frozenset[State]:
    """The states that can come after this one, or after this response to it.

    Args:
        source: where to begin.
        response: the first response; None is any.
    """
    first = [response] if response else list(PROTOCOL[source])
    found: set[State] = set()
    front = {dest for each in first for dest in leads(source, each)}
    while front:
        found |= front
        front = {
            d for state in front for each in PROTOCOL[state] for d in leads(state, each)
        } - found
    return frozenset(found)
