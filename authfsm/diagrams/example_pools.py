"""The settings of typical pools, read from descriptions: the examples of the explorer and of the gallery."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from authfsm.settings import PoolSettings

_SRP: Final = ("ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH")
_CHOICE: Final = ("ALLOW_USER_AUTH", "ALLOW_REFRESH_TOKEN_AUTH")
_CUSTOM: Final = ("ALLOW_CUSTOM_AUTH", "ALLOW_REFRESH_TOKEN_AUTH")
_TOTP: Final[Mapping[str, Any]] = {"SoftwareTokenMfaConfiguration": {"Enabled": True}}
_SMS: Final[Mapping[str, Any]] = {"SmsMfaConfiguration": {"SmsConfiguration": {}}}
_DEVICES: Final = {"DeviceConfiguration": {"ChallengeRequiredOnNewDevice": True}}
_TRIGGERS: Final = ("DefineAuthChallenge", "CreateAuthChallenge", "VerifyAuthChallengeResponse")
_FACTORS: Final = {"AllowedFirstAuthFactors": ("PASSWORD", "EMAIL_OTP", "WEB_AUTHN")}


def _pool(mfa_mode: str, flows: tuple[str, ...], mfa: Mapping[str, Any] | None = None, **pool: Any) -> PoolSettings:
    description = {"MfaConfiguration": mfa_mode, "UserPoolTier": "ESSENTIALS", **pool}
    return PoolSettings.from_descriptions(description, {"ExplicitAuthFlows": flows}, mfa or {})


EXAMPLE_POOLS: Final[Mapping[str, tuple[PoolSettings, str]]] = MappingProxyType(
    {
        "mfa_off": (_pool("OFF", _SRP), "Passwords by SRP, no MFA, no devices."),
        "mfa_optional": (
            _pool("OPTIONAL", _SRP, {**_TOTP, **_SMS}, **_DEVICES),
            "Passwords by SRP, a second factor for users who set one up, remembered devices.",
        ),
        "mfa_required": (_pool("ON", _SRP, _TOTP), "Passwords by SRP, then the authenticator app, for all users."),
        "passwordless": (
            _pool("OFF", _CHOICE, Policies={"SignInPolicy": _FACTORS}),
            "The user chooses an e-mailed code, a passkey, or the password.",
        ),
        "custom": (
            _pool("OFF", _CUSTOM, LambdaConfig=dict.fromkeys(_TRIGGERS, "arn")),
            "The pool's Lambda functions issue the challenges.",
        ),
    }
)
"""The settings of typical pools by name, each with a sentence about the pool."""
