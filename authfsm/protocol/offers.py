"""What a challenge offers by its own parameters: which factors can be chosen or set up there.

MFAS_CAN_SETUP, MFAS_CAN_CHOOSE (one page of AWS's spells MFAS_CAN_SELECT) and AvailableChallenges limit what the
challenge that bears them takes. One that is absent or empty limits nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from authfsm.protocol.replies import (
    Challenge,
    EmailOtp,
    MfaSetup,
    SelectChallenge,
    SelectMfaType,
    SmsOtp,
    WebAuthn,
)
from authfsm.protocol.responses import (
    AssociateSoftwareToken,
    CompleteMfaSetup,
    Credential,
    Password,
    Response,
    SetUpEmail,
    SrpA,
    VerifySoftwareToken,
)

_SET_UP: Final[Mapping[type[Response], str]] = {
    AssociateSoftwareToken: "SOFTWARE_TOKEN_MFA",
    VerifySoftwareToken: "SOFTWARE_TOKEN_MFA",
    CompleteMfaSetup: "SOFTWARE_TOKEN_MFA",
    SetUpEmail: "EMAIL_OTP",
}
_CHOSEN: Final[Mapping[type[Response], str]] = {
    Password: "PASSWORD",
    SrpA: "PASSWORD_SRP",
    Credential: "WEB_AUTHN",
}
_SAME: Final = {"EMAIL_MFA": "EMAIL_OTP"}
"""The API reference writes EMAIL_MFA where the enumeration, and every client, has EMAIL_OTP."""


def offered(challenge: Challenge | None) -> tuple[str, ...]:
    """Return the names of the factors that a challenge offers; none where its parameters limit nothing."""
    match challenge:
        case MfaSetup() | SelectMfaType():
            return challenge.choices
        case SelectChallenge() | EmailOtp() | SmsOtp() | WebAuthn():
            return challenge.available
        case _:
            return ()


def is_offered(challenge: Challenge | None, name: str) -> bool:
    """Return whether a factor can be chosen or set up, by either of its names.

    Args:
        challenge: what is asked.
        name: the factor's name.
    """
    names = offered(challenge)
    return not names or _SAME.get(name, name) in {_SAME.get(each, each) for each in names}


def withheld(challenge: Challenge | None, kind: type[Response]) -> str | None:
    """Return why a challenge does not take a response that its state takes; None if it does.

    What `Select` chooses is a person's to say: `authfsm.protocol.prompts.check_answer` judges it.

    Args:
        challenge: what is asked.
        kind: the class of the response.
    """
    name = _named(challenge, kind)
    if name is None or is_offered(challenge, name):
        return None
    return f"here: the challenge offers {', '.join(offered(challenge))}"


def _named(challenge: Challenge | None, kind: type[Response]) -> str | None:
    """The name that a class of responses stands for among what is offered."""
    if isinstance(challenge, MfaSetup):
        return _SET_UP.get(kind)
    if isinstance(challenge, WebAuthn) and kind is Credential:
        return None  # it signs with the passkey that is asked for
    return _CHOSEN.get(kind)
