"""Who goes on a journey: what a user must be and have for it, as plain facts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import field, frozen

from authfsm.base.secret import Secret
from authfsm.protocol.states import State
from authfsm.protocol.validators import frozen_mapping

S = State

USERNAME: Final = "ada"
PASSWORD: Final = Secret("Correct-Horse-1")
NEW_PASSWORD: Final = Secret("Another-Horse-2")
WRONG_PASSWORD: Final = Secret("Wrong-Horse-3")
WEAK_PASSWORD: Final = Secret("weak")  # shorter than any policy may allow
PHONE: Final = "+15555550143"
EMAIL: Final = "ada@example.com"
NO_EMAIL: Final = "ada@nowhere"  # an address to a client and to HTML, and none to Cognito
TOTP: Final = Secret("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")
RIGHT_ANSWER: Final = Secret("42")
WRONG_ANSWER: Final = Secret("41")

_SETTINGS: Final = {
    S.SMS_MFA: "SMSMfaSettings",
    S.SOFTWARE_TOKEN_MFA: "SoftwareTokenMfaSettings",
    S.EMAIL_OTP: "EmailMfaSettings",
}


@frozen
class Person:
    """What a user must be and have.

    Args:
        password: has the user one?
        temporary: is it to be replaced?
        email: an address, for codes.
        phone: a number, for codes.
        app: an authenticator app.
        mfa: the second factors that are switched on.
        preferred: the one that is asked for, where there are several.
        passkey: a passkey.
        passkey_as_mfa: does it stand for MFA (WebAuthnMfaSettings)?
        remembered: a device that the pool remembers.
        newcomer: somebody who signs up first.
    """

    password: bool = True
    temporary: bool = False
    email: bool = False
    phone: bool = False
    app: bool = False
    mfa: tuple[State, ...] = ()
    preferred: State | None = None
    passkey: bool = False
    passkey_as_mfa: bool = False
    remembered: bool = False
    newcomer: bool = False

    @property
    def fields(self) -> dict[str, Any]:
        """For `LocalPool.add_user`."""
        return {
            "password": PASSWORD if self.password else None,
            "email": EMAIL if self.email else None,
            "phone_number": PHONE if self.phone else None,
            "totp_secret": TOTP if self.app else None,
            "mfa": [each.value for each in self.mfa],
            "preferred_mfa": self.preferred and self.preferred.value,
        }


@frozen
class BetweenSteps:
    """What an administrator does while the sign-in is under way.

    Args:
        switch_on: the second factors to be switched on; the first is preferred, if it is the only one.
        expire_password: make the password a temporary one.
        forget_device: forget the device that the sign-in is on.
    """

    switch_on: tuple[State, ...] = ()
    expire_password: bool = False
    forget_device: bool = False

    def preference(self) -> dict[str, Any]:
        """For AdminSetUserMFAPreference."""
        only = len(self.switch_on) == 1
        return {_SETTINGS[each]: {"Enabled": True, "PreferredMfa": only} for each in self.switch_on}


@frozen
class Plan:
    """What a journey takes.

    Args:
        person: the user.
        device_stands_in: ChallengeRequiredOnNewDevice; None where it makes no difference.
        script: where the path leads after each step: what DefineAuthChallenge says there.
        meanwhile: what happens after so many steps.
        contradictions: the ways that the pool is to go where sources contradict each other.
    """

    person: Person = Person()
    device_stands_in: bool | None = None
    script: tuple[State, ...] = ()
    meanwhile: Mapping[int, BetweenSteps] = field(factory=dict, converter=frozen_mapping)
    contradictions: tuple[str, ...] = ()
