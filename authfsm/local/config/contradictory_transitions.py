"""Which setting makes the pool take a transition on which sources contradict each other, or why none does.

A row of `authfsm/protocol/evidence.csv` whose confidence is `contradictory` or `refuted` matches one key of
`SETTINGS` or of `UNREACHABLE`: its state, response and destination, where `*` stands for any.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_Row = tuple[str, str, str]

_TRACKED_FOR_ADMINS: Final = ("devices_tracked_in_admin_flows", True)
_TRACKED_IN_USER_AUTH: Final = ("devices_tracked_in_user_auth", True)
_WITHOUT_MFA: Final = ("first_sign_in_without_mfa", True)
_CUSTOM_FOR_ADMINS: Final = ("custom_challenge_in_admin_flows", True)
_ADMIN_NO_SRP: Final = ("admin_no_srp_auth_challenges", True)
_OTHER_CHANNEL: Final = ("mfa_after_one_time_password", True)
_CUSTOM_AFTER_PASSWORD: Final = ("custom_challenge_after_new_password", True)
_TOTP_AFTER_SETUP: Final = ("totp_required_after_setup", True)
_CUSTOM_AFTER_DEVICE: Final = ("custom_challenge_after_device", True)

# fmt: off
SETTINGS: Final[Mapping[_Row, tuple[str, bool]]] = {
    ("START", "*", "AUTHENTICATED"):                                _WITHOUT_MFA,
    ("SELECT_CHALLENGE", "Password", "AUTHENTICATED"):              _WITHOUT_MFA,
    ("PASSWORD", "Password", "AUTHENTICATED"):                      _WITHOUT_MFA,
    ("PASSWORD_VERIFIER", "SrpClaim", "AUTHENTICATED"):             _WITHOUT_MFA,
    ("START", "AdminUserPasswordAuth", "DEVICE_SRP_AUTH"):          _TRACKED_FOR_ADMINS,
    ("START", "AdminNoSrpAuth", "DEVICE_SRP_AUTH"):                 _TRACKED_FOR_ADMINS,
    ("START", "UserAuthWithPassword", "DEVICE_SRP_AUTH"):           _TRACKED_IN_USER_AUTH,
    ("SELECT_CHALLENGE", "Password", "DEVICE_SRP_AUTH"):            _TRACKED_IN_USER_AUTH,
    ("PASSWORD", "Password", "DEVICE_SRP_AUTH"):                    _TRACKED_IN_USER_AUTH,
    ("START", "AdminUserPasswordAuth", "CUSTOM_CHALLENGE"):         _CUSTOM_FOR_ADMINS,
    ("START", "AdminNoSrpAuth", "CUSTOM_CHALLENGE"):                _CUSTOM_FOR_ADMINS,
    ("START", "AdminNoSrpAuth", "ADMIN_NO_SRP_AUTH"):               _ADMIN_NO_SRP,
    ("ADMIN_NO_SRP_AUTH", "Password", "*"):                         _ADMIN_NO_SRP,
    ("EMAIL_OTP", "Code", "SMS_MFA"):                               _OTHER_CHANNEL,
    ("SMS_OTP", "Code", "EMAIL_OTP"):                               _OTHER_CHANNEL,
    ("NEW_PASSWORD_REQUIRED", "NewPassword", "CUSTOM_CHALLENGE"):   _CUSTOM_AFTER_PASSWORD,
    ("MFA_SETUP", "CompleteMfaSetup", "SOFTWARE_TOKEN_MFA"):        _TOTP_AFTER_SETUP,
    ("MFA_SETUP", "SetUpEmail", "EMAIL_OTP"):                       ("email_mfa_setup_in_session", True),
    ("DEVICE_PASSWORD_VERIFIER", "SrpClaim", "CUSTOM_CHALLENGE"):   _CUSTOM_AFTER_DEVICE,
}
"""The field of `Contradictions` with which the pool takes a transition, and its value."""

_NO_FORM: Final = "No recorded reply shows a challenge after a refresh, so its parameters are not known."

UNREACHABLE: Final[Mapping[_Row, str]] = {
    ("*", "RefreshTokenAuth", "*"):                 _NO_FORM,
    ("*", "RefreshToken", "*"):                     _NO_FORM,
    ("MFA_SETUP", "SetUpEmail", "SELECT_MFA_TYPE"): "No source shows an answer to MFA_SETUP that sets up several factors.",
}
"""Why no setting makes the pool take a transition."""
# fmt: on
