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
    Select,
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


def withheld(challenge: Challenge | None, response: type[Response] | Response) -> str | None:
    """Return why a challenge does not take a response that its state takes; None if it does.

    Args:
        challenge: what is asked.
        response: the response; or its class, of which only what no field decides is known.
    """
    names = offered(challenge)
    name = _named(challenge, response) if names else None
    if name is None or _SAME.get(name, name) in {_SAME.get(each, each) for each in names}:
        return None
    return f"here: the challenge offers {', '.join(names)}"


def _named(challenge: Challenge | None, response: type[Response] | Response) -> str | None:
    """The name that a response stands for among what is offered."""
    if isinstance(response, Select):
        return response.answer
    kind = response if isinstance(response, type) else type(response)
    if isinstance(challenge, MfaSetup):
        return _SET_UP.get(kind)
    if isinstance(challenge, WebAuthn) and kind is Credential:
        return None  # it signs with the passkey that is asked for
    return _CHOSEN.get(kind)
