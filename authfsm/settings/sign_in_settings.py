"""The settings of a pool and its app client that matter for a sign-in, under AWS's names in snake_case.

A setting that is not known is None, and rules nothing out. If a description is missing, all its settings are None. If a
description is there but lacks a setting, the setting has AWS's default (OFF for MfaConfiguration), or is None.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeVar

from attrs import Attribute, field, frozen
from attrs.validators import optional

from authfsm.base.mixins import CompletesDocstring
from authfsm.protocol.auth_flows import DEFAULT_VALUES, is_flow_allowed, mixed_values_error
from authfsm.protocol.errors import BadField
from authfsm.protocol.validators import is_bool
from authfsm.settings.descriptions import Descriptions, known_names

Settings = TypeVar("Settings", bound="SignInSettings")
Names = frozenset[str] | None
_is_bool: Final = optional(is_bool)


def _names(names: Any) -> Names:
    """Return names as a set; return anything but a collection of strings unchanged, for the validator to refuse."""
    found = tuple(names) if isinstance(names, Iterable) and not isinstance(names, str) else (names,)
    return frozenset(found) if found != (names,) and all(isinstance(each, str) for each in found) else names


def _auth_flows(names: Any) -> Names:
    """Return ExplicitAuthFlows; an empty list means the default."""
    found = _names(names)
    return DEFAULT_VALUES if found == frozenset() else found


def _check(owner: Any, attribute: Attribute[Any], value: Any) -> None:
    if value is not None and not isinstance(value, frozenset):
        raise BadField(type(owner), attribute.name, "must be a collection of names")


def _sorted(names: Names) -> str:
    return "None" if names is None else repr(sorted(names))


_KNOWN: Final = {
    "mfa_configuration": "UserPool.MfaConfiguration",
    "web_authn_factor": "MfaConfig.WebAuthnConfiguration.FactorConfiguration",
    "allowed_first_auth_factors": "UserPool.Policies.SignInPolicy.AllowedFirstAuthFactors",
    "lambda_config": "UserPool.LambdaConfig",
    "user_pool_tier": "UserPool.UserPoolTier",
    "advanced_security_mode": "UserPool.UserPoolAddOns.AdvancedSecurityMode",
    "email_sending_account": "UserPool.EmailConfiguration.EmailSendingAccount",
    "explicit_auth_flows": "UserPoolClient.ExplicitAuthFlows",
    "refresh_token_rotation": "UserPoolClient.RefreshTokenRotation.Feature",
}
"""For each setting, the member of the API's model that lists its allowed values."""


@frozen(kw_only=True, cache_hash=True)
class SignInSettings(CompletesDocstring):
    """The settings in the replies of DescribeUserPool, DescribeUserPoolClient and GetUserPoolMfaConfig.

    Args:
        mfa_configuration: OFF, OPTIONAL or ON.
        sms_mfa: whether SmsMfaConfiguration is set.
        software_token_mfa: whether SoftwareTokenMfaConfiguration.Enabled is true.
        email_mfa: whether EmailMfaConfiguration is set.
        web_authn_factor: WebAuthnConfiguration.FactorConfiguration.
        allowed_first_auth_factors: Policies.SignInPolicy.AllowedFirstAuthFactors.
        device_configuration: whether DeviceConfiguration is set.
        lambda_config: the members of LambdaConfig that are set.
        user_pool_tier: LITE, ESSENTIALS or PLUS.
        advanced_security_mode: UserPoolAddOns.AdvancedSecurityMode.
        email_sending_account: EmailConfiguration.EmailSendingAccount.
        explicit_auth_flows: the app client's ExplicitAuthFlows.
        enable_token_revocation: the app client's EnableTokenRevocation.
        refresh_token_rotation: the app client's RefreshTokenRotation.Feature.
        unknown_members: the members of the descriptions that this version does not know. It ignores them.
        unknown_values: the values that this version does not know, for example `UserPool.UserPoolTier = 'GOLD'`.

    Raises:
        BadField: a setting has the wrong type, or a value that AWS does not have.
    """

    mfa_configuration: str | None = None
    sms_mfa: bool | None = field(default=None, validator=_is_bool)
    software_token_mfa: bool | None = field(default=None, validator=_is_bool)
    email_mfa: bool | None = field(default=None, validator=_is_bool)
    web_authn_factor: str | None = None
    allowed_first_auth_factors: Names = field(default=None, converter=_names, validator=_check, repr=_sorted)
    device_configuration: bool | None = field(default=None, validator=_is_bool)
    lambda_config: Names = field(default=None, converter=_names, validator=_check, repr=_sorted)
    user_pool_tier: str | None = None
    advanced_security_mode: str | None = None
    email_sending_account: str | None = None
    explicit_auth_flows: Names = field(default=None, converter=_auth_flows, validator=_check, repr=_sorted)
    enable_token_revocation: bool | None = field(default=None, validator=_is_bool)
    refresh_token_rotation: str | None = None
    unknown_members: tuple[str, ...] = field(default=(), eq=False, repr=False)
    unknown_values: tuple[str, ...] = field(default=(), eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Check the names. An unknown name is valid only if it is from a description, and not as MfaConfiguration."""
        for name, path in _KNOWN.items():
            value, known = getattr(self, name), known_names(path)
            names = value if isinstance(value, frozenset) else [value] * (value is not None)
            described = () if name == "mfa_configuration" else (*self.unknown_values, *self.unknown_members)
            ends = [each for each in described if each.startswith(path)]  # in a list, the path has a number, too
            wrong = {each for each in map(str, names) if each not in known}
            if wrong := {n for n in wrong if not any(e.endswith((f" = {n!r}", f".{n}")) for e in ends)}:
                why = f"cannot have {', '.join(sorted(wrong))}; it can have {', '.join(known)}"
                raise BadField(type(self), name, why)
        if mixed := mixed_values_error(self.explicit_auth_flows or ()):
            raise BadField(type(self), "explicit_auth_flows", mixed)

    def allows(self, auth_flow: str) -> bool:
        """Return whether the app client allows an AuthFlow; True if its flows are not known."""
        values = self.explicit_auth_flows
        return values is None or is_flow_allowed(values, auth_flow)

    @classmethod
    def from_descriptions(  # noqa: PYI019 -- typing has no Self in Python 3.10
        cls: type[Settings],
        user_pool: Mapping[str, Any],
        user_pool_client: Mapping[str, Any] | None = None,
        mfa_config: Mapping[str, Any] | None = None,
    ) -> Settings:
        """Return the settings in descriptions that were fetched or saved earlier.

        Args:
            user_pool: the reply of DescribeUserPool, or the UserPool in it. It may contain the other two descriptions
                as well, as UserPoolClient and MfaConfig.
            user_pool_client: the reply of DescribeUserPoolClient, or the UserPoolClient in it; without it the
                app client's settings are not known.
            mfa_config: the reply of GetUserPoolMfaConfig; without it the enabled second factors are not known.

        Raises:
            BadField: a member has the wrong type, AWS has no such MfaConfiguration, or settings contradict each other.
        """
        return cls.from_parsed(Descriptions.parse(user_pool, user_pool_client, mfa_config))

    @classmethod
    def from_parsed(cls: type[Settings], parsed: Descriptions) -> Settings:  # noqa: PYI019 -- the same
        """Return the settings in descriptions; raise BadField if MfaConfiguration is unknown or settings conflict."""
        pool, client, mfa = parsed.user_pool, parsed.user_pool_client, parsed.mfa_config
        settings: dict[str, Any] = {
            "mfa_configuration": parsed.mfa,
            "allowed_first_auth_factors": parsed.first_factors,
            "device_configuration": "DeviceConfiguration" in pool,
            "lambda_config": [name for name, each in pool.get("LambdaConfig", {}).items() if each],
            "user_pool_tier": pool.get("UserPoolTier"),
            "advanced_security_mode": pool.get("UserPoolAddOns", {}).get("AdvancedSecurityMode"),
            "email_sending_account": pool.get("EmailConfiguration", {}).get("EmailSendingAccount"),
            "unknown_members": parsed.unknown,
            "unknown_values": parsed.unknown_values,
        }
        if client is not None:
            rotation = client.get("RefreshTokenRotation", {})
            settings |= {
                "explicit_auth_flows": client.get("ExplicitAuthFlows", ()),
                "enable_token_revocation": client.get("EnableTokenRevocation"),
                "refresh_token_rotation": rotation.get("Feature", "DISABLED"),
            }
        if mfa is not None and parsed.second_factors is not None:
            passkeys = mfa.get("WebAuthnConfiguration", {})
            settings |= {
                "sms_mfa": "SMS_MFA" in parsed.second_factors,
                "software_token_mfa": "SOFTWARE_TOKEN_MFA" in parsed.second_factors,
                "email_mfa": "EMAIL_OTP" in parsed.second_factors,
                "web_authn_factor": passkeys.get("FactorConfiguration", "SINGLE_FACTOR"),
            }
        return cls(**settings)

    @classmethod
    def describe(  # noqa: PYI019 -- the same
        cls: type[Settings], client: Any, pool_id: str, client_id: str | None = None
    ) -> Settings:
        """Fetch the descriptions from AWS, and return their settings.

        The caller needs the IAM actions cognito-idp:DescribeUserPool, DescribeUserPoolClient and GetUserPoolMfaConfig.

        Args:
            client: a boto3 `cognito-idp` client, or anything with its methods.
            pool_id: the user pool's id.
            client_id: the app client's id; without it the app client's settings are not known.

        Raises:
            BadField: as for `from_descriptions`.
        """
        return cls.from_descriptions(*fetch_descriptions(client, pool_id, client_id))


def fetch_descriptions(
    client: Any, pool_id: str, client_id: str | None = None
) -> tuple[Mapping[str, Any], Mapping[str, Any] | None, Mapping[str, Any]]:
    """Return the replies of DescribeUserPool, DescribeUserPoolClient (None without an id) and GetUserPoolMfaConfig."""
    pool = client.describe_user_pool(UserPoolId=pool_id)
    app = client_id and client.describe_user_pool_client(UserPoolId=pool_id, ClientId=client_id)
    return pool, app or None, client.get_user_pool_mfa_config(UserPoolId=pool_id)
