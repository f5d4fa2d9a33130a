"""The sign-in protocol as one table: `PROTOCOL`.

A sign-in is always in one state: START, a challenge, or an end. The client sends a response that the state's row in
`PROTOCOL` has, as one API request, and Cognito's reply determines the transition (`transition_for_reply`):

* A challenge leads to the state of its name (OTHER_CHALLENGE if the name is unknown), and tokens lead to AUTHENTICATED.
  If the sign-in is in that state already, the transition is a NEW_CHALLENGE or an ACKNOWLEDGEMENT, as the row says.
* A `ReplyWithoutChallenge`, which has no tokens either, names no state. It leads to the row's only destination: the
  reply to RevokeToken leads to START, and the reply to ConfirmDevice to AUTHENTICATED, where the sign-in is already.
* A refusal gets a recovery action from `error_policy.py`. It makes no transition if the sign-in had already ended, or
  if the action is WAIT, because the same request may then be sent again. Otherwise TRY_AGAIN makes the transition RETRY
  if the row has it, DROP_DEVICE makes DEVICE_DROPPED if the row has it, and every other refusal leads to FAILED.

A transition that is not in the table raises ProtocolViolation, and the sign-in stays as it was.

Rule 1: `PROTOCOL` is the only list of transitions; it leaves out those to FAILED, which `may_fail` adds. The machine,
the diagrams, the table in README, the local pool's self-check, `authfsm check` and the tests are derived from it.
`authfsm explain SMS_MFA` prints the transitions from this state and to it.
Rule 2: A request carries one response, and its reply makes at most one transition.
Rule 3: A transition that stays in its state has one kind (`LoopKind`), and no other transition has a kind.
Rule 4: Each transition has evidence in `evidence.csv`: when Cognito makes it, how certain that is, and the source. The row
there has the same state, response, destination and kind; the transitions to FAILED and OTHER_CHALLENGE may share a row
that has `*` as state and response. Where sources contradict each other, the table has the transitions of both, because a
client must cope with either. After a change, `tests/test_protocol.py` names the missing and the superfluous rows, and
`tests/test_transitions.py` names the transitions that no scenario takes.
Rule 5: A response that is new in a row needs an entry in `WRITERS` (`core/wire_requests.py`), and `classify` must find it
(`protocol/api_requests.py`): by `_ANSWER` if it answers a challenge, by `_BEGIN` if it begins a flow that other responses
begin too, and by `OTHER_OPERATIONS` if it is an operation of its own. A new class also needs an entry in
`RESPONSE_REPETITION` of the same file. A new operation that returns no tokens also needs an entry in
`_OPERATION_READERS` (`core/wire_replies.py`).
Rule 6: In a particular sign-in, a state may refuse a response of its row: if the response comes too early or too
late (`PREREQUISITES`), if the challenge does not offer it (`why_not_offered` in `protocol/prompts.py`), if its value
cannot be an answer to the challenge (`check_answer` there), or if its SRP_A was used before (`SignIn.send`).

Public, from `authfsm`: `PROTOCOL`, `TRANSITIONS`, `Transition`, `LoopKind` and `Role`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from authfsm.base.mixins import DescribedName
from authfsm.protocol import responses as r
from authfsm.protocol.error_policy import RecoveryAction
from authfsm.protocol.errors import ProtocolViolation
from authfsm.protocol.replies import Challenge, Refusal, Reply, Tokens
from authfsm.protocol.responses import Response
from authfsm.protocol.states import CHALLENGES, END_STATES, State


class LoopKind(DescribedName):
    """The kinds of transitions that stay in their state."""

    # fmt: off
    RETRY = "retry", "Cognito refused the answer; the same challenge accepts another one."
    NEW_CHALLENGE = "new challenge", "Cognito issued a new challenge of the same state; the previous one is no longer valid."
    ACKNOWLEDGEMENT = "acknowledgement", "Cognito accepted the request, and issued no new challenge."
    DEVICE_DROPPED = "device dropped", "Cognito does not know the device key; the same response is sent once more without it."
    # fmt: on


RETRY, NEW_CHALLENGE = LoopKind.RETRY, LoopKind.NEW_CHALLENGE
ACKNOWLEDGEMENT, DEVICE_DROPPED = LoopKind.ACKNOWLEDGEMENT, LoopKind.DEVICE_DROPPED
Destination = State | LoopKind
RowEntry = frozenset[Destination]
"""The states and the kinds of loops to which a response may lead."""
S = State

# fmt: off

# ---- groups of destinations ------------------------------------------------------------------------------
# The role of EMAIL_OTP in a row depends on whether the row has other members of FIRST_FACTORS or ENROLLED_FACTOR_STEPS.
# Before you add the first such member to a row, or remove the last, read `_email_otp_roles` in protocol/nodes.py.

# Cognito may add challenges: wherever it may issue a challenge, it may issue one that this version does not know.
OTHER:                 Final = frozenset({S.OTHER_CHALLENGE})
TOKENS:                Final = frozenset({S.AUTHENTICATED})
# After the last factor: tokens, or first the proof of a remembered device. A device may also replace the second factor.
AFTER_LAST_FACTOR:     Final = TOKENS | OTHER | {S.DEVICE_SRP_AUTH}
# A second factor, the choice of one, or its set-up.
SECOND_FACTOR_STEPS:   Final = frozenset({S.SELECT_MFA_TYPE, S.SMS_MFA, S.EMAIL_OTP, S.SOFTWARE_TOKEN_MFA, S.MFA_SETUP})
# The same without the set-up: the user has a second factor.
ENROLLED_FACTOR_STEPS: Final = SECOND_FACTOR_STEPS - {S.MFA_SETUP}
# After a correct password. A temporary one must be replaced before any MFA.
AFTER_PASSWORD:        Final = SECOND_FACTOR_STEPS | AFTER_LAST_FACTOR | {S.NEW_PASSWORD_REQUIRED}
# A first factor that was chosen.
FIRST_FACTORS:         Final = frozenset({S.EMAIL_OTP, S.SMS_OTP, S.WEB_AUTHN, S.PASSWORD, S.PASSWORD_SRP})
SRP_PROOF:             Final = OTHER | {S.PASSWORD_VERIFIER}
# Where a DefineAuthChallenge function may choose the next challenge.
CUSTOM:                Final = frozenset({S.CUSTOM_CHALLENGE})
# DefineAuthChallenge may name any challenge, known or unknown, and Cognito replies with that name.
ANY_CHALLENGE:         Final = OTHER | frozenset(CHALLENGES)

# The user chooses a first factor: in SELECT_CHALLENGE, or in place of the factor that was chosen before.
FIRST_FACTOR_CHOICE: Final[Mapping[type[Response], frozenset[State]]] = {
    r.Select:     FIRST_FACTORS | OTHER,  # EMAIL_OTP as a first factor
    r.Password:   AFTER_PASSWORD,
    r.SrpA:       SRP_PROOF,
    r.Credential: TOKENS | OTHER,  # Cognito asks for no device after a passkey
}

# ---- the table -------------------------------------------------------------------------------------------
# PROTOCOL is {state: {response: destinations}}. A refusal may lead to FAILED as well, from every state but END_STATES.
# A state among its own destinations stands for NEW_CHALLENGE; other transitions that stay are listed by their kind.

PROTOCOL: Final[Mapping[State, Mapping[type[Response], RowEntry]]] = {
    S.START: {
        r.UserSrpAuth:               SRP_PROOF,
        r.UserPasswordAuth:          AFTER_PASSWORD | {DEVICE_DROPPED},
        r.AdminUserPasswordAuth:     AFTER_PASSWORD | CUSTOM | {DEVICE_DROPPED},
        r.AdminNoSrpAuth:            AFTER_PASSWORD | CUSTOM | {DEVICE_DROPPED, S.ADMIN_NO_SRP_AUTH},
        r.CustomAuth:                TOKENS | ANY_CHALLENGE | {DEVICE_DROPPED},
        r.CustomSrpAuth:             TOKENS | ANY_CHALLENGE | {DEVICE_DROPPED},
        r.UserAuth:                  FIRST_FACTORS | SRP_PROOF | {S.SELECT_CHALLENGE},  # EMAIL_OTP as a first factor; SRP_PROOF for an unknown user
        r.UserAuthWithPassword:      AFTER_PASSWORD | {DEVICE_DROPPED, S.SELECT_CHALLENGE},
        r.UserAuthWithSrp:           SRP_PROOF | {S.SELECT_CHALLENGE},
        r.StepUp:                    FIRST_FACTORS | ENROLLED_FACTOR_STEPS | SRP_PROOF | {S.SELECT_CHALLENGE},  # EMAIL_OTP in either role
        r.SignedUp:                  TOKENS | OTHER | {S.SELECT_CHALLENGE},
        r.RefreshTokenAuth:          TOKENS | ANY_CHALLENGE,
        r.RefreshToken:              TOKENS | ANY_CHALLENGE,
        r.GetTokensFromRefreshToken: TOKENS,
    },
    # First factors
    S.SELECT_CHALLENGE:  {each: dests | {DEVICE_DROPPED} for each, dests in FIRST_FACTOR_CHOICE.items()},
    S.PASSWORD:          {r.Password: AFTER_PASSWORD | {DEVICE_DROPPED}},
    S.PASSWORD_SRP:      {r.SrpA: SRP_PROOF},
    S.PASSWORD_VERIFIER: {r.SrpClaim: AFTER_PASSWORD | CUSTOM | {DEVICE_DROPPED}},  # no RETRY: one proof for each SRP_A
    S.ADMIN_NO_SRP_AUTH: {r.Password: AFTER_PASSWORD},
    # If the first factor is a code, the second may be a code over the other channel: SMS_MFA or EMAIL_OTP.
    S.EMAIL_OTP:         {r.Code: AFTER_LAST_FACTOR | CUSTOM | {RETRY, DEVICE_DROPPED, S.SMS_MFA}, **FIRST_FACTOR_CHOICE},
    S.SMS_OTP:           {r.Code: AFTER_LAST_FACTOR | {RETRY, DEVICE_DROPPED, S.EMAIL_OTP}, **FIRST_FACTOR_CHOICE},
    S.WEB_AUTHN:         FIRST_FACTOR_CHOICE,                                # Credential answers this challenge
    S.CUSTOM_CHALLENGE:  {r.Answer: TOKENS | ANY_CHALLENGE | {DEVICE_DROPPED}},
    # Set-up
    S.NEW_PASSWORD_REQUIRED: {r.NewPassword: SECOND_FACTOR_STEPS | AFTER_LAST_FACTOR | CUSTOM | {RETRY, DEVICE_DROPPED}},
    S.MFA_SETUP: {
        r.AssociateSoftwareToken:    frozenset({ACKNOWLEDGEMENT}),
        r.VerifySoftwareToken:       frozenset({ACKNOWLEDGEMENT, RETRY}),
        r.CompleteMfaSetup:          AFTER_LAST_FACTOR | CUSTOM | {S.SOFTWARE_TOKEN_MFA},
        r.SetUpEmail:                OTHER | {RETRY, DEVICE_DROPPED, S.EMAIL_OTP, S.SELECT_MFA_TYPE},
    },
    # Second factors
    S.SELECT_MFA_TYPE:    {r.Select: (ENROLLED_FACTOR_STEPS - {S.SELECT_MFA_TYPE}) | OTHER | {DEVICE_DROPPED}},
    S.SMS_MFA:            {r.Code: AFTER_LAST_FACTOR | CUSTOM | {RETRY, DEVICE_DROPPED}},
    S.SOFTWARE_TOKEN_MFA: {r.Code: AFTER_LAST_FACTOR | CUSTOM | {RETRY, DEVICE_DROPPED}},
    # The remembered device
    S.DEVICE_SRP_AUTH:          {r.SrpA: OTHER | {S.DEVICE_PASSWORD_VERIFIER}},
    S.DEVICE_PASSWORD_VERIFIER: {r.SrpClaim: TOKENS | OTHER | CUSTOM | ENROLLED_FACTOR_STEPS},
    # A challenge of another name
    S.OTHER_CHALLENGE: {r.RawAnswer: TOKENS | ANY_CHALLENGE | {RETRY, DEVICE_DROPPED}},
    # With tokens
    S.AUTHENTICATED: {
        r.ConfirmDevice:             frozenset({ACKNOWLEDGEMENT}),
        r.UpdateDeviceStatus:        frozenset({ACKNOWLEDGEMENT}),
        r.GetTokensFromRefreshToken: frozenset({ACKNOWLEDGEMENT}),
        r.RefreshTokenAuth:          ANY_CHALLENGE | {ACKNOWLEDGEMENT},
        r.RefreshToken:              ANY_CHALLENGE | {ACKNOWLEDGEMENT},
        r.RevokeToken:               frozenset({S.START}),
        r.GlobalSignOut:             frozenset({S.START}),
    },
    S.FAILED: {},
}
# fmt: on


# ---- the table as a list of transitions ------------------------------------------------------------------


class Transition(NamedTuple):
    """One transition of the protocol: the reply to a response leads from `source` to `dest`.

    `kind` is the kind of a transition that stays in its state; None for any other transition.
    """

    source: State
    response: type[Response]
    dest: State
    kind: LoopKind | None = None


def may_fail(source: State) -> bool:
    """Return whether a refusal in this state can end the sign-in.

    After the sign-in has ended, no refusal can: a refused refresh, for example, leaves the tokens as they are.
    """
    return source not in END_STATES


def loop_kinds(source: State, dests: RowEntry) -> tuple[LoopKind, ...]:
    """Return the kinds of the transitions of one row that stay in its state, in the order of `LoopKind`."""
    again = NEW_CHALLENGE if source in dests else None
    return tuple(kind for kind in LoopKind if kind is again or kind in dests)


def entry_transitions(source: State, response: type[Response], dests: RowEntry) -> Iterator[Transition]:
    """Yield the transitions of one row, including the one to FAILED, in the order of `State` and `LoopKind`."""
    for dest in State:
        if dest is source:
            yield from (Transition(source, response, source, k) for k in loop_kinds(source, dests))
        elif dest in dests or (dest is State.FAILED and may_fail(source)):
            yield Transition(source, response, dest)


TRANSITIONS: Final = tuple(
    transition
    for source, row in PROTOCOL.items()
    for response, dests in row.items()
    for transition in entry_transitions(source, response, dests)
)
"""All transitions, including those to FAILED, in the table's order."""

TRANSITION_SET: Final = frozenset(TRANSITIONS)


def destinations(source: State, response: type[Response]) -> frozenset[State]:
    """Return the states to which the reply to a response may lead, without FAILED; none if the state does not accept it.

    The state itself is one of them if a transition of any kind stays in it.
    """
    dests = PROTOCOL[source].get(response, frozenset())
    return frozenset(source if isinstance(each, LoopKind) else each for each in dests)


# ---- what PROTOCOL does not contain ----------------------------------------------------------------------


class Role(DescribedName):
    """Which factor a state asks for. EMAIL_OTP is the only challenge name that stands for both."""

    FIRST_FACTOR = "first factor"
    SECOND_FACTOR = "second factor"


class Prerequisite(DescribedName):
    """A condition on which a state accepts a response; the value says when it is not met.

    A new member needs a case in `SignIn._why_not_accepted` and in `_possible_after` of `checks/model.py`. For
    MFA_SETUP it also needs one in `_SETUP_NODES` of `traces/log_symbols.py`, and for a role in `nodes.accepts`.
    """

    STILL_FIRST_FACTOR = "once the code is a second factor"
    ASSOCIATED = "before AssociateSoftwareToken"
    VERIFIED = "before VerifySoftwareToken has accepted a code"


PREREQUISITES: Final[Mapping[tuple[State, type[Response]], Prerequisite]] = {
    # Another first factor can be chosen only while the code is a first factor.
    **{(State.EMAIL_OTP, each): Prerequisite.STILL_FIRST_FACTOR for each in FIRST_FACTOR_CHOICE},
    # "AssociateSoftwareToken ... VerifySoftwareToken ... use the session returned by
    # VerifySoftwareToken" -- AWS API reference, RespondToAuthChallenge, MFA_SETUP
    (State.MFA_SETUP, r.VerifySoftwareToken): Prerequisite.ASSOCIATED,
    (State.MFA_SETUP, r.CompleteMfaSetup): Prerequisite.VERIFIED,
}
"""The responses that a state accepts only on a condition."""

AUTOMATIC: Final[Mapping[State, type[Response]]] = {
    State.PASSWORD_SRP: r.SrpA,
    State.PASSWORD_VERIFIER: r.SrpClaim,
    State.DEVICE_SRP_AUTH: r.SrpA,
    State.DEVICE_PASSWORD_VERIFIER: r.SrpClaim,
}
"""The responses that a driver sends without new input: the steps of an SRP proof.

If a row has DEVICE_DROPPED and Cognito does not know the device key, a driver repeats the response without the key."""


def is_automatic(transition: Transition) -> bool:
    """Return whether a driver makes a transition without new input; for an SRP proof it needs the password or the device."""
    return transition.kind is DEVICE_DROPPED or AUTOMATIC.get(transition.source) is transition.response


# ---- from a reply to its transition ----------------------------------------------------------------------

LOOP_KIND_OF_ACTION: Final[Mapping[RecoveryAction, LoopKind]] = {
    RecoveryAction.TRY_AGAIN: RETRY,
    RecoveryAction.DROP_DEVICE: DEVICE_DROPPED,
}
"""The kind of the transition that a refusal with one of these actions makes, if the row has that kind."""

LOOP_KINDS_AFTER_REFUSAL: Final = frozenset(LOOP_KIND_OF_ACTION.values())
"""The kinds of the transitions that stay in their state after a refusal."""


def loop_kind_for_reply(
    source: State, response: type[Response], action: RecoveryAction | None = None
) -> LoopKind | None:
    """Return the kind of transition by which a reply stays in its state, or None; `action` is that of a refusal."""
    made = (NEW_CHALLENGE, ACKNOWLEDGEMENT) if action is None else (LOOP_KIND_OF_ACTION.get(action),)
    kinds = loop_kinds(source, PROTOCOL[source].get(response, frozenset()))
    return next((kind for kind in kinds if kind in made), None)


def transition_between(
    source: State, response: type[Response], dest: State, action: RecoveryAction | None = None
) -> Transition:
    """Return the transition between two states, whether or not the table has it."""
    kind = loop_kind_for_reply(source, response, action) if dest is source else None
    return Transition(source, response, dest, kind)


def transition_for_reply(source: State, response: type[Response], reply: Reply) -> Transition | None:
    """Return the transition that a reply makes, whether or not the table has it.

    Returns None for a refusal that makes none: with WAIT, or after the sign-in had ended. Raises ProtocolViolation for
    a `ReplyWithoutChallenge` if the row does not lead to exactly one state.
    """
    match reply:
        case Refusal(action=RecoveryAction.WAIT):
            return None
        case Refusal(action=action):
            if not may_fail(source):
                return None
            kind = loop_kind_for_reply(source, response, action)
            return Transition(source, response, source if kind else State.FAILED, kind)
        case Challenge() | Tokens():
            dest = reply.state
        case _:  # a ReplyWithoutChallenge names no state: the row must lead to one state only
            dests = destinations(source, response)
            if len(dests) != 1:
                raise ProtocolViolation(source, response, source)
            (dest,) = dests
    return transition_between(source, response, dest)
