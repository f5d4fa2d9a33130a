"""The protocol is one table.

Rule 1: every arrow of the protocol is in `PROTOCOL`, and there is no arrow anywhere else. The machine,
the diagrams, the README, the embedded pool's gate, the checks and the tests are derived from it.
Rule 2: one response, one request, one reply, one move. The reply picks the destination; a set below
says which destinations it may pick.
Rule 3: a move that stays in its state has a kind (`LoopKind`), and `destination` alone decides which.

How sure each arrow is, and from where, stands in `authfsm.protocol.evidence`, keyed by the same
(state, response, destination, kind). The comments below mark the rows that rest on thin evidence ("inferred") or on sources that contradict
each other ("contradicted"): where AWS's own pages disagree, the client takes both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final, NamedTuple

from authfsm.protocol.error_policy import RecoveryAction
from authfsm.protocol.errors import ProtocolViolation
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
from authfsm.protocol.states import CHALLENGES, ENDS, State


class LoopKind(str, Enum):
    """The kinds of transitions that stay in their state."""

    meaning: str
    """One sentence: what such a transition means."""

    def __new__(cls, name: str, meaning: str) -> LoopKind:
        """A member that is its own name."""
        member = str.__new__(cls, name)
        member._value_ = name
        member.meaning = meaning
        return member

    __str__ = str.__str__

    # fmt: off
    RETRY = "retry", "Cognito refused the answer; the same challenge accepts another one."
    NEW_CHALLENGE = "new challenge", "Cognito issued a new challenge of the same name; the previous one is no longer valid."
    ACKNOWLEDGEMENT = "acknowledgement", "Cognito accepted the request without a challenge."
    RESTART = "restart", "Cognito does not know the device key; the same answer is sent once more without it."
    # fmt: on


S = State
RETRY, NEW_CHALLENGE, ACKNOWLEDGEMENT, RESTART = LoopKind
Dest = State | LoopKind
Table = Mapping[State, Mapping[type[Response], frozenset[Dest]]]

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
    # A state among its own destinations is a new challenge of the same name; the other kinds of
    # staying there are named: RETRY, ACKNOWLEDGEMENT, RESTART.

    S.START: {
        UserSrpAuth:               PROOF,
        UserPasswordAuth:          PASSED | {RESTART},
        AdminUserPasswordAuth:     PASSED | {RESTART} | CUSTOM,                # devices, CUSTOM: contradicted
        AdminNoSrpAuth:            PASSED | {RESTART} | CUSTOM | {S.ADMIN_NO_SRP_AUTH},    # the same
        CustomAuth:                ANY | TOKENS | {RESTART},
        CustomSrpAuth:             ANY | TOKENS | {RESTART},                 # all but PROOF: inferred
        UserAuth:                  FIRST | PROOF | {S.SELECT_CHALLENGE},     # PROOF: simulated, for an unknown user
        UserAuthWithPassword:      PASSED | {S.SELECT_CHALLENGE, RESTART},   # DEVICE_SRP_AUTH: contradicted
        UserAuthWithSrp:           PROOF | {S.SELECT_CHALLENGE},
        StepUp:                    FIRST | SECOND - {S.MFA_SETUP} | PROOF | {S.SELECT_CHALLENGE},     # inferred
        SignedUp:                  TOKENS | {S.SELECT_CHALLENGE} | UNKNOWN,
        RefreshTokenAuth:          ANY | TOKENS,                             # a challenge: contradicted
        RefreshToken:              ANY | TOKENS,                             # the same
        GetTokensFromRefreshToken: TOKENS,
    },

    # ---- first factors ---------------------------------------------------------------------------
    S.SELECT_CHALLENGE:  {each: dests | {RESTART} for each, dests in CHOICE.items()},
    S.PASSWORD:          {Password: PASSED | {RESTART}},                     # DEVICE_SRP_AUTH: contradicted
    S.PASSWORD_SRP:      {SrpA: PROOF},
    S.PASSWORD_VERIFIER: {SrpClaim: PASSED | CUSTOM | {RESTART}},            # never a second proof by the same SRP_A
    S.ADMIN_NO_SRP_AUTH: {Password: PASSED},                                 # the whole state: contradicted
    S.EMAIL_OTP:         {Code: PROVED | CUSTOM | {RETRY, RESTART, S.SMS_MFA}, **CHOICE},   # SMS_MFA: contradicted
    S.SMS_OTP:           {Code: PROVED | {RETRY, RESTART, S.EMAIL_OTP}, **CHOICE},          # EMAIL_OTP: contradicted
    S.WEB_AUTHN:         CHOICE,                                             # Credential signs with the passkey
    S.CUSTOM_CHALLENGE:  {Answer: ANY | TOKENS | {RESTART}},

    # ---- set-up ----------------------------------------------------------------------------------
    S.NEW_PASSWORD_REQUIRED: {
        NewPassword: SECOND | PROVED | CUSTOM | {RETRY, RESTART},         # MFA: inferred; CUSTOM: contradicted
    },
    S.MFA_SETUP: {
        AssociateSoftwareToken: frozenset({ACKNOWLEDGEMENT}),
        VerifySoftwareToken:    frozenset({ACKNOWLEDGEMENT, RETRY}),
        CompleteMfaSetup:       PROVED | CUSTOM | {S.SOFTWARE_TOKEN_MFA},    # DEVICE_*, CUSTOM: inferred; MFA: contradicted
        SetUpEmail:             UNKNOWN | {S.EMAIL_OTP, S.SELECT_MFA_TYPE, RETRY, RESTART},  # SELECT: contradicted; RETRY: inferred
    },

    # ---- second factors --------------------------------------------------------------------------
    S.SELECT_MFA_TYPE: {
        Select: UNKNOWN | {S.SMS_MFA, S.SOFTWARE_TOKEN_MFA, S.EMAIL_OTP, RESTART},
    },
    S.SMS_MFA:            {Code: PROVED | CUSTOM | {RETRY, RESTART}},
    S.SOFTWARE_TOKEN_MFA: {Code: PROVED | CUSTOM | {RETRY, RESTART}},

    # ---- the device ------------------------------------------------------------------------------
    S.DEVICE_SRP_AUTH: {SrpA: UNKNOWN | {S.DEVICE_PASSWORD_VERIFIER}},
    S.DEVICE_PASSWORD_VERIFIER: {                                            # MFA: inferred; CUSTOM: contradicted
        SrpClaim: TOKENS | UNKNOWN | CUSTOM | SECOND - {S.MFA_SETUP},
    },

    S.OTHER_CHALLENGE: {RawAnswer: ANY | TOKENS | {RETRY, RESTART}},         # inferred: who knows

    # ---- tokens in hand --------------------------------------------------------------------------
    S.AUTHENTICATED: {
        ConfirmDevice:             frozenset({ACKNOWLEDGEMENT}),
        UpdateDeviceStatus:        frozenset({ACKNOWLEDGEMENT}),
        GetTokensFromRefreshToken: frozenset({ACKNOWLEDGEMENT}),
        RefreshTokenAuth:          ANY | {ACKNOWLEDGEMENT},                  # a challenge: contradicted
        RefreshToken:              ANY | {ACKNOWLEDGEMENT},                  # the same
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
        kind: what it is, where it stays in its state; None where it leaves it.
    """

    source: State
    response: type[Response]
    dest: State
    kind: LoopKind | None = None


def may_fail(source: State) -> bool:
    """Can a refusal end the attempt in this state?

    Everywhere but where it has ended. With tokens in hand a refusal (of a refresh, say) takes nothing
    away: the tokens last as long as they last.
    """
    return source not in ENDS


def loop_kinds(source: State, dests: frozenset[Dest]) -> tuple[LoopKind, ...]:
    """The kinds of self-loop among the destinations of one row, in the order of `LoopKind`.

    Args:
        source: the row's state.
        dests: the row's destinations, as `PROTOCOL` writes them.
    """
    again = NEW_CHALLENGE if source in dests else None
    return tuple(kind for kind in LoopKind if kind is again or kind in dests)


def unfolded(
    source: State, response: type[Response], dests: frozenset[Dest]
) -> Iterator[Transition]:
    """Every arrow of one row, that to FAILED included, in the order of `State` and `LoopKind`.

    Args:
        source: the row's state.
        response: the class of the response that is given.
        dests: the row's destinations, as `PROTOCOL` writes them.
    """
    for dest in State:
        if dest is source:
            yield from (Transition(source, response, source, k) for k in loop_kinds(source, dests))
        elif dest in dests or (dest is State.FAILED and may_fail(source)):
            yield Transition(source, response, dest)


TRANSITIONS: Final = tuple(
    arrow
    for source, answers in PROTOCOL.items()
    for response, dests in answers.items()
    for arrow in unfolded(source, response, dests)
)
"""The table unfolded: every arrow, those to FAILED included, in the order of `State`."""

ON_THE_TABLE: Final = frozenset(TRANSITIONS)
"""The same as a set: the gate that every answer of the embedded pool passes."""

_LEADS: Final = {
    (source, response): frozenset(
        arrow.dest for arrow in unfolded(source, response, dests) if arrow.dest is not State.FAILED
    )
    for source, answers in PROTOCOL.items()
    for response, dests in answers.items()
}


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


AUTOMATIC: Final[Mapping[State, type[Response]]] = MappingProxyType(
    {
        State.PASSWORD_SRP: SrpA,
        State.PASSWORD_VERIFIER: SrpClaim,
        State.DEVICE_SRP_AUTH: SrpA,
        State.DEVICE_PASSWORD_VERIFIER: SrpClaim,
    }
)
"""What a driver gives by itself, without new input from its caller: the steps of a proof by SRP.

A RESTART is taken by itself too, in every state: once, since it sends no device key."""


def automatic(arrow: Transition) -> bool:
    """Does a driver go along this arrow without new input from its caller?"""
    return arrow.kind is RESTART or AUTOMATIC.get(arrow.source) is arrow.response


def leads(source: State, response: type[Response]) -> frozenset[State]:
    """The states a reply to this response may lead to; empty if the state does not take it.

    The state itself is among them where a self-loop of whatever kind may come; FAILED is not.
    """
    return _LEADS.get((source, response), frozenset())


STAYS: Final[Mapping[RecoveryAction, LoopKind]] = {
    RecoveryAction.TRY_AGAIN: RETRY,
    RecoveryAction.DROP_DEVICE: RESTART,
}
"""What a refusal that leaves a state where it is asks for, and the kind of the self-loop."""


def loop_kind(
    source: State, response: type[Response], action: RecoveryAction | None = None
) -> LoopKind | None:
    """The kind of a self-loop: the one place that tells a retry, a challenge and an acknowledgement apart.

    Args:
        source: the state that is not left.
        response: the class of the response that was given.
        action: what the refusal asks for; None where the reply was no refusal.

    Returns:
        The kind; None where the table has no such self-loop, or the reply moved nothing (WAIT).
    """
    kinds = loop_kinds(source, PROTOCOL[source].get(response, frozenset()))
    if action is not None:
        kind = STAYS.get(action)
        return kind if kind in kinds else None
    return next((kind for kind in (NEW_CHALLENGE, ACKNOWLEDGEMENT) if kind in kinds), None)


def move(
    source: State, response: type[Response], dest: State, action: RecoveryAction | None = None
) -> Transition:
    """The arrow between two states, its kind filled in where they are one; it need not be on the table.

    Args:
        source: the state it leaves.
        response: the class of the response that was given.
        dest: the state that the reply led to.
        action: what the refusal asked for; None where the reply was no refusal.
    """
    kind = loop_kind(source, response, action) if dest is source else None
    return Transition(source, response, dest, kind)


def destination(source: State, response: type[Response], reply: Reply) -> Transition | None:
    """The arrow a reply goes along: the guard of every arrow is "this reply leads there".

    Args:
        source: where the sign-in stands.
        response: the class of the response that was sent.
        reply: what came back.

    Returns:
        The arrow, its kind included, which need not be on the table; None where the reply moves
        nothing: throttled before evaluation, or refused with tokens in hand.

    Raises:
        OffTheTable: an acknowledgement of a response that leads to more than one place.
    """
    match reply:
        case Refusal(action=RecoveryAction.WAIT):
            return None
        case Refusal(action=action):
            if not may_fail(source):
                return None
            kind = loop_kind(source, response, action)
            return Transition(source, response, source if kind else State.FAILED, kind)
        case Challenge() | Tokens():
            dest = reply.state
        case _:
            # An acknowledgement: confirmed, remembered, signed out. Such responses have one destination.
            dests = leads(source, response)
            if len(dests) != 1:
                raise ProtocolViolation(source, response, source)
            dest = next(iter(dests))
    return move(source, response, dest)


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
