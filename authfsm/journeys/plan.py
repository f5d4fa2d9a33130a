"""What a journey requires: its user, and what an administrator changes between its steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import field, frozen

from authfsm.base.secret import Secret
from authfsm.protocol import responses as r
from authfsm.protocol.states import State
from authfsm.protocol.validators import frozen_mapping

USERNAME: Final = "ada"
PASSWORD: Final = Secret("Correct-Horse-1")
PHONE: Final = "+15555550143"
EMAIL: Final = "ada@example.com"
TOTP: Final = Secret("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")
RIGHT_ANSWER: Final = Secret("42")

VALUES: Final[Mapping[type[r.Response], tuple[Secret[str], Secret[str]]]] = {
    **dict.fromkeys(
        (
            r.UserSrpAuth, r.UserPasswordAuth, r.AdminUserPasswordAuth, r.CustomSrpAuth,
            r.UserAuthWithPassword, r.UserAuthWithSrp, r.Password, r.SrpA, r.SrpClaim,
        ),
        (PASSWORD, PASSWORD),
    ),
    r.Answer: (RIGHT_ANSWER, Secret("41")),
    r.NewPassword: (Secret("Another-Horse-2"), Secret("weak")),
    # HTML forms and the client accept the wrong address, Cognito does not.
    r.SetUpEmail: (Secret(EMAIL), Secret("ada@nowhere")),
}  # fmt: skip
"""The right and the wrong value of a response."""

_MFA_SETTINGS: Final = {
    State.SMS_MFA: "SMSMfaSettings",
    State.SOFTWARE_TOKEN_MFA: "SoftwareTokenMfaSettings",
    State.EMAIL_OTP: "EmailMfaSettings",
}


@frozen
class Person:
    """The user of a journey.

    Args:
        password: does the user have a password?
        temporary: is the password temporary?
        email: does the user have an e-mail address for codes?
        phone: does the user have a phone number for codes?
        app: does the user have an authenticator app?
        mfa: the second factors that are enabled.
        preferred: the second factor that Cognito asks for if there are several.
        passkey: does the user have a passkey?
        passkey_as_mfa: does the passkey satisfy MFA (WebAuthnMfaSettings)?
        remembered: does the pool remember a device of the user?
        newcomer: does the user sign up first?
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
        """The arguments of `LocalPool.add_user`."""
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
    """What an administrator does between two steps of the sign-in.

    Args:
        enable_mfa: the second factors to enable; a single one becomes the preferred one.
        expire_password: replace the password by a temporary one.
        forget_device: forget the device that signs in.
    """

    enable_mfa: tuple[State, ...] = ()
    expire_password: bool = False
    forget_device: bool = False

    def preference(self) -> dict[str, Any]:
        """Return the parameters of AdminSetUserMFAPreference."""
        preferred = len(self.enable_mfa) == 1
        return {
            _MFA_SETTINGS[each]: {"Enabled": True, "PreferredMfa": preferred}
            for each in self.enable_mfa
        }


@frozen
class Plan:
    """What a journey requires.

    Args:
        person: the user.
        device_stands_in: ChallengeRequiredOnNewDevice; None if it makes no difference.
        script: the state after each step, which DefineAuthChallenge names.
        between_steps: what happens after a number of steps.
        contradictions: the fields of `authfsm.local.Contradictions` that are true.
    """

    person: Person = Person()
    device_stands_in: bool | None = None
    script: tuple[State, ...] = ()
    between_steps: Mapping[int, BetweenSteps] = field(factory=dict, converter=frozen_mapping)
    contradictions: tuple[str, ...] = ()
