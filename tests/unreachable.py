"""The arrows of the table that no pool produces, each with the reason: a fact about Cognito, and its source.

A rule speaks of a set of arrows. A rule that any scenario belies, or that speaks of no arrow, fails
`tests/test_arrows.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from attrs import field, frozen

from authfsm.protocol import responses as r
from authfsm.protocol.states import State
from authfsm.protocol.table import RESTART, Transition

S = State


@frozen
class Rule:
    """Why no pool produces some arrows.

    Args:
        reason: a fact about Cognito, and where it is known from.
        speaks_of: is it about this arrow?
    """

    reason: str
    speaks_of: Callable[[Transition], bool] = field(repr=False)


_REFRESHES: Final = {r.RefreshTokenAuth, r.RefreshToken}
_BY_FUNCTIONS: Final = {r.CustomAuth, r.CustomSrpAuth, r.Answer}
_ONE_TIME: Final = {S.EMAIL_OTP, S.SMS_OTP}
_PROOFS: Final = {S.PASSWORD_VERIFIER, S.DEVICE_PASSWORD_VERIFIER}


def _refresh(arrow: Transition) -> bool:
    return arrow.response in _REFRESHES and arrow.dest not in {S.AUTHENTICATED, S.FAILED}


def _tomorrow(arrow: Transition) -> bool:
    named_by_nobody = arrow.response not in _BY_FUNCTIONS and not _refresh(arrow)
    return arrow.dest is S.OTHER_CHALLENGE and arrow.source is not arrow.dest and named_by_nobody


def _nothing_to_prove(arrow: Transition) -> bool:
    with_srp_a = arrow.response is r.CustomSrpAuth and arrow.dest is S.PASSWORD_VERIFIER
    return arrow.response in _BY_FUNCTIONS and arrow.dest in _PROOFS and not with_srp_a


_LATE: Final = {
    S.CUSTOM_CHALLENGE,
    S.NEW_PASSWORD_REQUIRED,
    S.MFA_SETUP,
    S.SMS_MFA,
    S.SOFTWARE_TOKEN_MFA,
}

UNREACHABLE: Final = (
    Rule(
        "A device that is not known is found out at the first request that names it, so that it would have to be "
        "forgotten between two later requests of one sign-in. Clients drop its key there too (amplify-js, "
        "retryOnResourceNotFoundException); no scenario forgets a device on its way.",
        lambda arrow: arrow.kind is RESTART and arrow.source in _LATE,
    ),
    Rule(
        "No name outside the sixteen of ChallengeNameType (botocore's service model) is issued today; under "
        "CUSTOM_AUTH alone a function's own name is echoed (amplify-js #1291). The arrow is for the day after.",
        _tomorrow,
    ),
    Rule(
        "A challenge that a function named itself is a dead end: no answer to it leads on (amplify-js #1291, "
        "#12887, PR #566; amplify-flutter #4890). What lies behind a name of tomorrow, nobody knows.",
        lambda arrow: arrow.source is S.OTHER_CHALLENGE and arrow.dest is not S.FAILED,
    ),
    Rule(
        "Contradicted: two pages of the developer guide (refresh tokens; working with user devices) let a refresh be "
        "challenged; no trace and no client ever saw one.",
        _refresh,
    ),
    Rule(
        "A proof by SRP that a function named without SRP_A comes with ChallengeParameters {USERNAME} alone "
        "(trace, amplify-js PR #566): no SALT, no SRP_B, nothing to prove. The reply is malformed to every client.",
        _nothing_to_prove,
    ),
    Rule(
        "Contradicted: that DefineAuthChallenge runs after an administrator's password flow is told by its list of "
        "names alone (guide of 2023); the same guide has custom challenges in CUSTOM_AUTH only. No trace.",
        lambda arrow: (
            arrow.response in {r.AdminUserPasswordAuth, r.AdminNoSrpAuth}
            and arrow.dest is S.CUSTOM_CHALLENGE
        ),
    ),
    Rule(
        "Contradicted: a device in the functions' list of names (guide of 2023) against 'the final challenge' "
        "(guide, working with user devices). No trace of a custom challenge after the device.",
        lambda arrow: (
            arrow.source is S.DEVICE_PASSWORD_VERIFIER and arrow.dest is S.CUSTOM_CHALLENGE
        ),
    ),
    Rule(
        "Contradicted: several factors set up in one go is step 8.1 of a guide's page; MFA_SETUP's answer holds one "
        "(AWS API reference, every client).",
        lambda arrow: arrow.response is r.SetUpEmail and arrow.dest is S.SELECT_MFA_TYPE,
    ),
    Rule(
        "With SRP_A the first reply tells nothing of the user: 'Device does not exist.' was met in the answer to "
        "PASSWORD_VERIFIER only (amplify-js retries the InitiateAuth of CUSTOM_AUTH without SRP, not this one).",
        lambda arrow: arrow.response is r.CustomSrpAuth and arrow.dest is S.START,
    ),
    Rule(
        "A proof by SRP needs SRP_A, and UserAuth gives none. That an unknown user is answered with it all the same is "
        "one reading of the guide ('a random selection', user existence errors); measured: asked for EMAIL_OTP, "
        "an unknown user gets EMAIL_OTP (run book of a spike on one-time passwords).",
        lambda arrow: arrow.response is r.UserAuth and arrow.dest is S.PASSWORD_VERIFIER,
    ),
    Rule(
        "amplify-android drops a stale DEVICE_KEY and tries again here as everywhere; no trace shows 'Device does not "
        "exist.' before a first factor is proved (it would tell that there is such a user), nor after a passkey.",
        lambda arrow: (
            arrow.source is S.SELECT_CHALLENGE
            and arrow.response in {r.Select, r.SrpA, r.Credential}
            and arrow.dest is S.SELECT_CHALLENGE
        ),
    ),
    Rule(
        "Where MFA is required no one-time password is offered as first factor (guide, authentication flows: 'aren't "
        "compatible with required MFA'), and nobody who is not required to has to set one up.",
        lambda arrow: (
            arrow.source in _ONE_TIME and arrow.response is r.Password and arrow.dest is S.MFA_SETUP
        ),
    ),
    Rule(
        "A passkey signs a challenge of Cognito's (W3C Web Authentication), and none comes with a one-time password "
        "(AWS API reference, examples).",
        lambda arrow: (
            arrow.source in _ONE_TIME
            and arrow.response is r.Credential
            and arrow.dest is S.AUTHENTICATED
        ),
    ),
)
