"""The switches of the page: each is a setting of a pool, or one name in a setting that lists names.

Together they hold every setting that takes part in a sign-in, so that each position of theirs is a
`PoolSettings`, and each `PoolSettings` a position of theirs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import frozen

from authfsm.diagrams.pools import POOLS
from authfsm.protocol.auth_flows import ALLOWED_FIRST_AUTH_FACTORS, CURRENT_VALUES, current_values
from authfsm.settings import PoolSettings
from authfsm.settings.rules import MULTI_FACTOR_PASSKEY

Value = str | bool
Values = Mapping[str, Value]

_YES_OR_NO: Final = (True, False)


@frozen
class Switch:
    """One switch.

    Args:
        field: the field of `PoolSettings`.
        member: the name that is in the field or is not; None for a field with one value.
        values: what it can be; the first rules nothing out.
        label: what is written on it.
        group: what it stands under.
        help: what it is, in a few words.
    """

    field: str
    member: str | None
    values: tuple[Value, ...]
    label: str
    group: str
    help: str = ""

    @property
    def key(self) -> str:
        """A name that no other switch has."""
        return f"{self.field}:{self.member}" if self.member else self.field


_SECOND, _FIRST, _FLOWS, _REST = (
    "Multi-factor authentication",
    "AllowedFirstAuthFactors",
    "ExplicitAuthFlows",
    "User pool",
)
_TRIGGERS: Final = "Triggers (LambdaConfig), devices"
_FACTOR_HELP: Final = {
    "PASSWORD": "in clear, or by SRP",
    "EMAIL_OTP": "a code by e-mail",
    "SMS_OTP": "a code by SMS",
    "WEB_AUTHN": "a passkey",
}


def _yes(field: str, label: str, group: str, about: str = "", member: str | None = None) -> Switch:
    return Switch(field, member, _YES_OR_NO, label, group, about)


def _one(field: str, label: str, group: str, *values: str) -> Switch:
    return Switch(field, None, values, label, group)


SWITCHES: Final = (
    _one("mfa_configuration", "MfaConfiguration", _SECOND, "OPTIONAL", "ON", "OFF"),
    _yes("sms_mfa", "SmsMfaConfiguration", _SECOND, "a code by SMS"),
    _yes("software_token_mfa", "SoftwareTokenMfaConfiguration", _SECOND, "an authenticator app"),
    _yes("email_mfa", "EmailMfaConfiguration", _SECOND, "a code by e-mail"),
    *(
        _yes("allowed_first_auth_factors", name, _FIRST, _FACTOR_HELP[name], name)
        for name in ALLOWED_FIRST_AUTH_FACTORS
    ),
    _one("web_authn_factor", "FactorConfiguration", _FIRST, MULTI_FACTOR_PASSKEY, "SINGLE_FACTOR"),
    *(_yes("explicit_auth_flows", name, _FLOWS, "", name) for name in CURRENT_VALUES),
    _one("user_pool_tier", "UserPoolTier", _REST, "PLUS", "ESSENTIALS", "LITE"),
    _yes("device_configuration", "DeviceConfiguration", _TRIGGERS, "remembered devices"),
    _yes(
        "lambda_config",
        "DefineAuthChallenge",
        _TRIGGERS,
        "leads CUSTOM_AUTH",
        "DefineAuthChallenge",
    ),
    _yes(
        "lambda_config",
        "CustomEmailSender",
        _TRIGGERS,
        "sends e-mail",
        "CustomEmailSender",
    ),
    _one("email_sending_account", "EmailSendingAccount", _REST, "DEVELOPER", "COGNITO_DEFAULT"),
    _one("advanced_security_mode", "AdvancedSecurityMode", _REST, "ENFORCED", "AUDIT", "OFF"),
    _yes("enable_token_revocation", "EnableTokenRevocation", _TRIGGERS),
    _one("refresh_token_rotation", "RefreshTokenRotation", _REST, "DISABLED", "ENABLED"),
)
"""Every switch, in the order of the page."""

NUMBER: Final = {(each.field, each.member): number for number, each in enumerate(SWITCHES)}
"""Each switch's number."""


def settings_of(values: Values) -> PoolSettings:
    """The settings that the switches' values are; a switch that is left out allows what it can.

    Args:
        values: the values, by the switches' keys.
    """
    told: dict[str, Any] = {}
    for each in SWITCHES:
        value = values.get(each.key, each.values[0])
        if each.member is None:
            told[each.field] = value
        else:
            names = told.setdefault(each.field, set())
            names.update({each.member} if value else ())
    return PoolSettings(**told)


def values_of(settings: PoolSettings) -> dict[str, Value]:
    """The switches' values that settings are; what is not known allows what it can.

    Args:
        settings: the settings.
    """
    return {each.key: _value(each, settings) for each in SWITCHES}


def _value(switch: Switch, settings: PoolSettings) -> Value:
    told = getattr(settings, switch.field)
    if told is None:
        unknown_mode = switch.field == "advanced_security_mode" and settings.user_pool_tier
        return "OFF" if unknown_mode else switch.values[0]
    if switch.field == "explicit_auth_flows":
        return switch.member in current_values(told)
    if switch.member is not None:
        return switch.member in told
    return told if told in switch.values else switch.values[0]


EXAMPLES: Final[Mapping[str, Values]] = {
    "everything": {},
    **{name: values_of(settings) for name, (settings, _) in POOLS.items()},
}
"""Pools as they are often set up, by name."""
