"""The transitions of the table that the local pool cannot produce, each with the reason and its source.

A reason applies to a set of transitions. `tests/test_transitions.py` fails if a scenario produces one of them, or if a
reason applies to no transition.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from attrs import field, frozen

from authfsm.protocol import responses as r
from authfsm.protocol.states import State
from authfsm.protocol.table import DEVICE_DROPPED, Transition

S = State


@frozen
class Unreachable:
    """The reason why the pool produces none of some transitions.

    Args:
        reason: a fact about Cognito, and its source.
        applies_to: whether the reason applies to a transition.
    """

    reason: str
    applies_to: Callable[[Transition], bool] = field(repr=False)


_REFRESHES: Final = {r.RefreshTokenAuth, r.RefreshToken}
_BY_FUNCTIONS: Final = {r.CustomAuth, r.CustomSrpAuth, r.Answer}
_ONE_TIME: Final = {S.EMAIL_OTP, S.SMS_OTP}
_PROOFS: Final = {S.PASSWORD_VERIFIER, S.DEVICE_PASSWORD_VERIFIER}


def _refresh(transition: Transition) -> bool:
    return transition.response in _REFRESHES and transition.dest not in {S.AUTHENTICATED, S.FAILED}


def _unknown_challenge(transition: Transition) -> bool:
    issued_by_cognito = transition.response not in _BY_FUNCTIONS and not _refresh(transition)
    return transition.dest is S.OTHER_CHALLENGE and transition.source is not transition.dest and issued_by_cognito


def _nothing_to_prove(transition: Transition) -> bool:
    with_srp_a = transition.response is r.CustomSrpAuth and transition.dest is S.PASSWORD_VERIFIER
    return transition.response in _BY_FUNCTIONS and transition.dest in _PROOFS and not with_srp_a


_AFTER_FIRST_FACTOR: Final = {S.CUSTOM_CHALLENGE, S.NEW_PASSWORD_REQUIRED, S.MFA_SETUP, S.SMS_MFA, S.SOFTWARE_TOKEN_MFA}

UNREACHABLE: Final = (
    Unreachable(
        "An unknown device is detected at the first request with its key, so it would have to be forgotten between "
        "two later requests of one sign-in. Clients drop its key there too (amplify-js, "
        "retryOnResourceNotFoundException); no scenario forgets a device during a sign-in.",
        lambda transition: transition.kind is DEVICE_DROPPED and transition.source in _AFTER_FIRST_FACTOR,
    ),
    Unreachable(
        "Today Cognito issues only the sixteen names of ChallengeNameType (botocore's service model); only in "
        "CUSTOM_AUTH it repeats another name from a function (amplify-js #1291). The transition is for later names.",
        _unknown_challenge,
    ),
    Unreachable(
        "No answer leads on from a challenge that a function named itself (amplify-js #1291, #12887, PR #566; "
        "amplify-flutter #4890). What follows a challenge that Cognito adds later is unknown.",
        lambda transition: transition.source is S.OTHER_CHALLENGE and transition.dest is not S.FAILED,
    ),
    Unreachable(
        "Contradictory: two pages of the developer guide (refresh tokens; working with user devices) say that a "
        "refresh may lead to a challenge; no known trace or client has one.",
        _refresh,
    ),
    Unreachable(
        "If a function names an SRP challenge without SRP_A, its ChallengeParameters have only USERNAME (trace, "
        "amplify-js PR #566). Without SALT and SRP_B the reply is malformed to every client.",
        _nothing_to_prove,
    ),
    Unreachable(
        "Contradictory: only a list of names says that DefineAuthChallenge runs after an administrator's password "
        "flow (guide of 2023); the same guide has custom challenges in CUSTOM_AUTH only. No trace is known.",
        lambda transition: (
            transition.response in {r.AdminUserPasswordAuth, r.AdminNoSrpAuth} and transition.dest is S.CUSTOM_CHALLENGE
        ),
    ),
    Unreachable(
        "Contradictory: the list of names for functions has the device (guide of 2023), but the device is 'the final "
        "challenge' (guide, working with user devices). No trace of a custom challenge after the device is known.",
        lambda transition: transition.source is S.DEVICE_PASSWORD_VERIFIER and transition.dest is S.CUSTOM_CHALLENGE,
    ),
    Unreachable(
        "Contradictory: step 8.1 of a page of the guide sets up several factors at once, but an answer to MFA_SETUP "
        "has one (AWS API reference, every client).",
        lambda transition: transition.response is r.SetUpEmail and transition.dest is S.SELECT_MFA_TYPE,
    ),
    Unreachable(
        "With SRP_A the first reply reveals nothing about the user: 'Device does not exist.' is known only as reply "
        "to PASSWORD_VERIFIER (amplify-js retries InitiateAuth for CUSTOM_AUTH without SRP, and not here).",
        lambda transition: transition.response is r.CustomSrpAuth and transition.dest is S.START,
    ),
    Unreachable(
        "An SRP proof needs SRP_A, which UserAuth does not send. The guide can be read so that an unknown user "
        "receives this challenge nevertheless ('a random selection', user existence errors).",
        lambda transition: transition.response is r.UserAuth and transition.dest is S.PASSWORD_VERIFIER,
    ),
    Unreachable(
        "amplify-android drops a stale DEVICE_KEY and tries again here as everywhere; no known trace has 'Device does "
        "not exist.' before a first factor is proved (it would reveal that the user exists), or after a passkey.",
        lambda transition: (
            transition.source is S.SELECT_CHALLENGE
            and transition.response in {r.Select, r.SrpA, r.Credential}
            and transition.dest is S.SELECT_CHALLENGE
        ),
    ),
    Unreachable(
        "If MFA is required, Cognito offers no one-time password as first factor (guide, authentication flows: 'aren't "
        "compatible with required MFA'); if it is not required, no user must set it up.",
        lambda transition: (
            transition.source in _ONE_TIME and transition.response is r.Password and transition.dest is S.MFA_SETUP
        ),
    ),
    Unreachable(
        "A passkey signs a challenge of the server (W3C Web Authentication), and a one-time password challenge has "
        "none (AWS API reference, examples).",
        lambda transition: (
            transition.source in _ONE_TIME
            and transition.response is r.Credential
            and transition.dest is S.AUTHENTICATED
        ),
    ),
)
