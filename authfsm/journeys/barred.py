"""What no pool can be made to do, and what it does only if told to: by the arrows of a path."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from authfsm.checks import Path
from authfsm.protocol import responses as r
from authfsm.protocol.states import State
from authfsm.protocol.table import Transition
from authfsm.protocol.vocabulary import PASSWORDLESS

S = State

# fmt: off
NEVER: Final[Mapping[tuple[State, type[r.Response], State | None], str]] = {
    (S.START, r.UserAuth, S.PASSWORD_VERIFIER): "a proof by SRP needs SRP_A, and UserAuth gives none",
    (S.START, r.StepUp, None):                  "a step-up needs the tokens and the levels of an app of your own",
    (S.EMAIL_OTP, r.Credential, None):          "nothing comes with a one-time password for a passkey to sign",
    (S.SMS_OTP, r.Credential, None):            "nothing comes with a one-time password for a passkey to sign",
    (S.EMAIL_OTP, r.Code, S.SMS_MFA):           "a second factor is followed by no other",
    (S.SMS_OTP, r.Code, S.EMAIL_OTP):           "nothing but the device follows a one-time password",
    **{(state, r.Password, S.DEVICE_SRP_AUTH):  "a client sends no device key where it leaves a first factor" for state in PASSWORDLESS},
    (S.MFA_SETUP, r.SetUpEmail, S.SELECT_MFA_TYPE): "the answer to MFA_SETUP sets up one factor",
    (S.START, r.CustomSrpAuth, S.START):        "with SRP_A the first reply tells nothing of the user's devices",
    **{(S.SELECT_CHALLENGE, given, S.SELECT_CHALLENGE): "nothing is told of devices before a first factor is proved"
       for given in (r.Select, r.SrpA, r.Credential)},
    (S.DEVICE_PASSWORD_VERIFIER, r.SrpClaim, S.CUSTOM_CHALLENGE): "nobody has seen a function asked after a device",
}
# fmt: on
"""The arrows that no pool goes along, or not with a client like this, each with the reason; None is any destination."""


def never(path: Path) -> str | None:
    """Why no pool can be made to go along a path, whatever its users are; None if one may."""
    if path.arrows[0].response in r.ADMIN_ONLY and S.CUSTOM_CHALLENGE in path.states:
        return "nobody has seen a function asked after an administrator"
    for source, response, dest, _ in path.arrows:
        for key in ((source, response, dest), (source, response, None)):
            if key in NEVER:
                return NEVER[key]
    return None


CONTRADICTIONS: Final[Mapping[str, Callable[[Path], bool]]] = {
    "admin_no_srp_auth_asks": lambda path: S.ADMIN_NO_SRP_AUTH in path.states,
    "software_token_asked_after_setup": lambda path: (
        Transition(S.MFA_SETUP, r.CompleteMfaSetup, S.SOFTWARE_TOKEN_MFA) in path.arrows
    ),
    "select_challenge_has_request_options": lambda path: any(
        a.source is S.SELECT_CHALLENGE and a.response is r.Credential for a in path.arrows
    ),
}
"""The ways that a pool goes where sources contradict each other (`authfsm.local.Contradictions`), each with its paths."""
