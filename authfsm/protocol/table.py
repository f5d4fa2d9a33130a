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
from authfsm.protocol.states import CHALLENGES, END_STATES, State


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
Destination = State | LoopKind
Table = Mapping[State, Mapping[type[Response], frozenset[Destination]]]

# fmt: off

# ---- the sets that destinations come in --------------------------------------------------------------
# Read `ChallengeName` as an open string: where a challenge may come, one of tomorrow's may come too.
UNKNOWN_CHALLENGE: Final = frozenset({S.OTHER_CHALLENGE})
# All is proved. A remembered device is proved last, instead of the second factor, or with no MFA at all.
AFTER_LAST_FACTOR:  Final = frozenset({S.AUTHENTICATED, S.DEVICE_SRP_AUTH}) | UNKNOWN_CHALLENGE
# The second factors, and how one comes to have one.
SECOND_FACTOR:  Final = frozenset({S.SELECT_MFA_TYPE, S.SMS_MFA, S.EMAIL_OTP, S.SOFTWARE_TOKEN_MFA, S.MFA_SETUP})
# The password is proved: a temporary one must be replaced before any MFA.
AFTER_PASSWORD:  Final = frozenset({S.NEW_PASSWORD_REQUIRED}) | SECOND_FACTOR | AFTER_LAST_FACTOR
# A first factor is asked for. PASSWORD and PASSWORD_SRP as received names: inferred, no trace is known.
FIRST_FACTOR:   Final = frozenset({S.EMAIL_OTP, S.SMS_OTP, S.WEB_AUTHN, S.PASSWORD, S.PASSWORD_SRP}) | UNKNOWN_CHALLENGE
# Under CUSTOM_AUTH the pool's Lambda functions lead, and in this flow alone.
CUSTOM:  Final = frozenset({S.CUSTOM_CHALLENGE})
# DefineAuthChallenge may name any challenge, known or not, and Cognito echoes the name. Most are dead ends.
ANY_CHALLENGE:     Final = frozenset(CHALLENGES) | UNKNOWN_CHALLENGE
TOKENS:  Final = frozenset({S.AUTHENTICATED})
SRP_PROOF:   Final = frozenset({S.PASSWORD_VERIFIER}) | UNKNOWN_CHALLENGE

# A first factor is being chosen: in SELECT_CHALLENGE, or by leaving the one that was chosen before
# (a client does so from WEB_AUTHN; from EMAIL_OTP and SMS_OTP: inferred by analogy).
FIRST_FACTOR_CHOICE: Final[Mapping[type[Response], frozenset[State]]] = {
    Select:     FIRST_FACTOR,
    Password:   AFTER_PASSWORD,                        # DEVICE_SRP_AUTH under USER_AUTH: contradicted
    SrpA:       SRP_PROOF,
    Credential: AFTER_LAST_FACTOR - {S.DEVICE_SRP_AUTH},  # no device is asked for after a passkey
}

PROTOCOL: Final[Table] = {
    # where we are: {what the caller gives: where the reply may lead}
    # A state among its own destinations is a new challenge of the same name; the other kinds of
    # staying there are named: RETRY, ACKNOWLEDGEMENT, RESTART.

    S.START: {
        UserSrpAuth:               SRP_PROOF,
        UserPasswordAuth:          AFTER_PASSWORD | {RESTART},
        AdminUserPasswordAuth:     AFTER_PASSWORD | {RESTART} | CUSTOM,                # devices, CUSTOM: contradicted
        AdminNoSrpAuth:            AFTER_PASSWORD | {RESTART} | CUSTOM | {S.ADMIN_NO_SRP_AUTH},    # the same
        CustomAuth:                ANY_CHALLENGE | TOKENS | {RESTART},
        CustomSrpAuth:             ANY_CHALLENGE | TOKENS | {RESTART},                 # all but PROOF: inferred
        UserAuth:                  FIRST_FACTOR | SRP_PROOF | {S.SELECT_CHALLENGE},     # PROOF: simulated, for an unknown user
        UserAuthWithPassword:      AFTER_PASSWORD | {S.SELECT_CHALLENGE, RESTART},   # DEVICE_SRP_AUTH: contradicted
        UserAuthWithSrp:           SRP_PROOF | {S.SELECT_CHALLENGE},
        StepUp:                    FIRST_FACTOR | SECOND_FACTOR - {S.MFA_SETUP} | SRP_PROOF | {S.SELECT_CHALLENGE},     # inferred
        SignedUp:                  TOKENS | {S.SELECT_CHALLENGE} | UNKNOWN_CHALLENGE,
        RefreshTokenAuth:          ANY_CHALLENGE | TOKENS,                             # a challenge: contradicted
        RefreshToken:              ANY_CHALLENGE | TOKENS,                             # the same
        GetTokensFromRefreshToken: TOKENS,
    },

    # ---- first factors ---------------------------------------------------------------------------
    S.SELECT_CHALLENGE:  {each: dests | {RESTART} for each, dests in FIRST_FACTOR_CHOICE.items()},
    S.PASSWORD:          {Password: AFTER_PASSWORD | {RESTART}},                     # DEVICE_SRP_AUTH: contradicted
    S.PASSWORD_SRP:      {SrpA: SRP_PROOF},
    S.PASSWORD_VERIFIER: {SrpClaim: AFTER_PASSWORD | CUSTOM | {RESTART}},            # never a second proof by the same SRP_A
    S.ADMIN_NO_SRP_AUTH: {Password: AFTER_PASSWORD},                                 # the whole state: contradicted
    S.EMAIL_OTP:         {Code: AFTER_LAST_FACTOR | CUSTOM | {RETRY, RESTART, S.SMS_MFA}, **FIRST_FACTOR_CHOICE},   # SMS_MFA: contradicted
    S.SMS_OTP:           {Code: AFTER_LAST_FACTOR | {RETRY, RESTART, S.EMAIL_OTP}, **FIRST_FACTOR_CHOICE},          # EMAIL_OTP: contradicted
    S.WEB_AUTHN:         FIRST_FACTOR_CHOICE,                                             # Credential signs with the passkey
    S.CUSTOM_CHALLENGE:  {Answer: ANY_CHALLENGE | TOKENS | {RESTART}},

    # ---- set-up ----------------------------------------------------------------------------------
    S.NEW_PASSWORD_REQUIRED: {
        NewPassword: SECOND_FACTOR | AFTER_LAST_FACTOR | CUSTOM | {RETRY, RESTART},         # MFA: inferred; CUSTOM: contradicted
    },
    S.MFA_SETUP: {
        AssociateSoftwareToken: frozenset({ACKNOWLEDGEMENT}),
        VerifySoftwareToken:    frozenset({ACKNOWLEDGEMENT, RETRY}),
        CompleteMfaSetup:       AFTER_LAST_FACTOR | CUSTOM | {S.SOFTWARE_TOKEN_MFA},    # DEVICE_*, CUSTOM: inferred; MFA: contradicted
        SetUpEmail:             UNKNOWN_CHALLENGE | {S.EMAIL_OTP, S.SELECT_MFA_TYPE, RETRY, RESTART},  # SELECT: contradicted; RETRY: inferred
    },

    # ---- second factors --------------------------------------------------------------------------
    S.SELECT_MFA_TYPE: {
        Select: UNKNOWN_CHALLENGE | {S.SMS_MFA, S.SOFTWARE_TOKEN_MFA, S.EMAIL_OTP, RESTART},
    },
    S.SMS_MFA:            {Code: AFTER_LAST_FACTOR | CUSTOM | {RETRY, RESTART}},
    S.SOFTWARE_TOKEN_MFA: {Code: AFTER_LAST_FACTOR | CUSTOM | {RETRY, RESTART}},

    # ---- the device ------------------------------------------------------------------------------
    S.DEVICE_SRP_AUTH: {SrpA: UNKNOWN_CHALLENGE | {S.DEVICE_PASSWORD_VERIFIER}},
    S.DEVICE_PASSWORD_VERIFIER: {                                            # MFA: inferred; CUSTOM: contradicted
        SrpClaim: TOKENS | UNKNOWN_CHALLENGE | CUSTOM | SECOND_FACTOR - {S.MFA_SETUP},
    },

    S.OTHER_CHALLENGE: {RawAnswer: ANY_CHALLENGE | TOKENS | {RETRY, RESTART}},         # inferred: who knows

    # ---- tokens in hand --------------------------------------------------------------------------
    S.AUTHENTICATED: {
        ConfirmDevice:             frozenset({ACKNOWLEDGEMENT}),
        UpdateDeviceStatus:        frozenset({ACKNOWLEDGEMENT}),
        GetTokensFromRefreshToken: frozenset({ACKNOWLEDGEMENT}),
        RefreshTokenAuth:          ANY_CHALLENGE | {ACKNOWLEDGEMENT},                  # a challenge: contradicted
        RefreshToken:              ANY_CHALLENGE | {ACKNOWLEDGEMENT},                  # the same
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
    return source not in END_STATES


def loop_kinds(source: State, dests: frozenset[Destination]) -> tuple[LoopKind, ...]:
    """The kinds of self-loop among the destinations of one row, in the order of `LoopKind`.

    Args:
        source: the row's state.
        dests: the row's destinations, as `PROTOCOL` writes them.
    """
    again = NEW_CHALLENGE if source in dests else None
    return tuple(kind for kind in LoopKind if kind is again or kind in dests)


def row_transitions(
    source: State, response: type[Response], dests: frozenset[Destination]
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
    for arrow in row_transitions(source, response, dests)
)
"""The table unfolded: every arrow, those to FAILED included, in the order of `State`."""

TRANSITION_SET: Final = frozenset(TRANSITIONS)
"""The same as a set: the gate that every answer of the embedded pool passes."""

_LEADS: Final = {
    (source, response): frozenset(
        arrow.dest
        for arrow in row_transitions(source, response, dests)
        if arrow.dest is not State.FAILED
    )
    for source, answers in PROTOCOL.items()
    for response, dests in answers.items()
}


class Role(str, Enum):
    """Which factor a code is. EMAIL_OTP is one name on the wire with two roles; the path tells."""

    FIRST_FACTOR = "first factor"
    SECOND_FACTOR = "second factor"

    __str__ = str.__str__


class Prerequisite(str, Enum):
    """What must have happened on the path before a state takes one of its responses."""

    FIRST_FACTOR = "once the code is a second factor"
    ASSOCIATED = "before AssociateSoftwareToken"
    VERIFIED = "before VerifySoftwareToken has accepted a code"

    __str__ = str.__str__


PREREQUISITES: Final[Mapping[tuple[State, type[Response]], Prerequisite]] = MappingProxyType(
    {
        # A second factor is left by SELECT_MFA_TYPE's rules, not by a new choice of the first.
        **{
            (State.EMAIL_OTP, response): Prerequisite.FIRST_FACTOR
            for response in FIRST_FACTOR_CHOICE
        },
        # "AssociateSoftwareToken ... VerifySoftwareToken ... Use the session returned by
        # VerifySoftwareToken" -- AWS API reference, RespondToAuthChallenge, MFA_SETUP
        (State.MFA_SETUP, VerifySoftwareToken): Prerequisite.ASSOCIATED,
        (State.MFA_SETUP, CompleteMfaSetup): Prerequisite.VERIFIED,
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


def is_automatic(arrow: Transition) -> bool:
    """Does a driver go along this arrow without new input from its caller?"""
    return arrow.kind is RESTART or AUTOMATIC.get(arrow.source) is arrow.response


def destinations(source: State, response: type[Response]) -> frozenset[State]:
    """The states a reply to this response may lead to; empty if the state does not take it.

    The state itself is among them where a self-loop of whatever kind may come; FAILED is not.
    """
    return _LEADS.get((source, response), frozenset())


LOOP_KIND_OF_ACTION: Final[Mapping[RecoveryAction, LoopKind]] = {
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
        kind = LOOP_KIND_OF_ACTION.get(action)
        return kind if kind in kinds else None
    return next((kind for kind in (NEW_CHALLENGE, ACKNOWLEDGEMENT) if kind in kinds), None)


def transition_between(
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


def transition_for_reply(
    source: State, response: type[Response], reply: Reply
) -> Transition | None:
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
            dests = destinations(source, response)
            if len(dests) != 1:
                raise ProtocolViolation(source, response, source)
            dest = next(iter(dests))
    return transition_between(source, response, dest)


def reachable(source: State, response: type[Response] | None = None) -> frozenset[State]:
    """The states that can come after this one, or after this response to it.

    Args:
        source: where to begin.
        response: the first response; None is any.
    """
    first = [response] if response else list(PROTOCOL[source])
    found: set[State] = set()
    front = {dest for each in first for dest in destinations(source, each)}
    while front:
        found |= front
        front = {
            d for state in front for each in PROTOCOL[state] for d in destinations(state, each)
        } - found
    return frozenset(found)
