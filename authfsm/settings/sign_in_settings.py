"""What AWS tells of a pool and its app client, under AWS's own names in snake_case.

Only what takes part in a sign-in is read. A description that was not given leaves its fields None,
"not known", and what is not known rules nothing out; a field that a description leaves out has the
value that AWS gives it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from attrs import Attribute, field, frozen

from authfsm.protocol.auth_flows import DEFAULT_VALUES, is_flow_allowed, mixed_values_error
from authfsm.protocol.errors import BadField
from authfsm.settings.descriptions import Descriptions

Described = TypeVar("Described", bound="SignInSettings")
Names = frozenset[str] | None


def _names(names: Iterable[str] | None) -> Names:
    return None if names is None else frozenset(names)


def _auth_flows(names: Iterable[str] | None) -> Names:
    """Return ExplicitAuthFlows; an app client with an empty list has the default of one without any."""
    return None if names is None else frozenset(names) or DEFAULT_VALUES


def _sorted(names: Names) -> str:
    return "None" if names is None else repr(sorted(names))


def _among(*names: str) -> Any:
    def check(owner: Any, attribute: Attribute[Any], value: Any) -> None:
        if value is not None and value not in names:
            raise BadField(type(owner), attribute.name, f"is one of {', '.join(names)}")

    return check


@frozen(kw_only=True, cache_hash=True)
class SignInSettings:
    """What DescribeUserPool, DescribeUserPoolClient and GetUserPoolMfaConfig say.

    Args:
        mfa_configuration: OFF, OPTIONAL or ON.
        sms_mfa: is SmsMfaConfiguration set?
        software_token_mfa: is SoftwareTokenMfaConfiguration.Enabled true?
        email_mfa: is EmailMfaConfiguration set?
        web_authn_factor: WebAuthnConfiguration.FactorConfiguration.
        allowed_first_auth_factors: Policies.SignInPolicy.AllowedFirstAuthFactors.
        device_configuration: is DeviceConfiguration set?
        lambda_config: the triggers that LambdaConfig names.
        user_pool_tier: LITE, ESSENTIALS or PLUS.
        advanced_security_mode: UserPoolAddOns.AdvancedSecurityMode.
        email_sending_account: EmailConfiguration.EmailSendingAccount.
        explicit_auth_flows: the app client's ExplicitAuthFlows.
        enable_token_revocation: the app client's EnableTokenRevocation.
        refresh_token_rotation: the app client's RefreshTokenRotation.Feature.
        unknown_members: the members of the descriptions that the API is not known to have, and that were not read.

    Raises:
        BadField: a field is what AWS never says.
    """

    mfa_configuration: str | None = field(default=None, validator=_among("OFF", "OPTIONAL", "ON"))
    sms_mfa: bool | None = None
    software_token_mfa: bool | None = None
    email_mfa: bool | None = None
    web_authn_factor: str | None = None
    allowed_first_auth_factors: Names = field(default=None, converter=_names, repr=_sorted)
    device_configuration: bool | None = None
    lambda_config: Names = field(default=None, converter=_names, repr=_sorted)
    user_pool_tier: str | None = None
    advanced_security_mode: str | None = None
    email_sending_account: str | None = None
    explicit_auth_flows: Names = field(default=None, converter=_auth_flows, repr=_sorted)
    enable_token_revocation: bool | None = None
    refresh_token_rotation: str | None = None
    unknown_members: tuple[str, ...] = field(default=(), eq=False, repr=False)

    @explicit_auth_flows.validator
    def _one_kind_of_values(self, _: Attribute[Names], value: Names) -> None:
        if value is not None and (wrong := mixed_values_error(value)):
            raise BadField(type(self), "explicit_auth_flows", wrong)

    def allows(self, auth_flow: str) -> bool:
        """Return whether the app client allows an AuthFlow; what is not known is allowed.

        Args:
            auth_flow: the AuthFlow.
        """
        values = self.explicit_auth_flows
        return values is None or is_flow_allowed(values, auth_flow)

    @classmethod
    def from_descriptions(  # noqa: PYI019 -- typing has no Self in Python 3.10
        cls: type[Described],
        user_pool: Mapping[str, Any],
        user_pool_client: Mapping[str, Any] | None = None,
        mfa_config: Mapping[str, Any] | None = None,
    ) -> Described:
        """What descriptions say that were fetched, or saved, before.

        Args:
            user_pool: the reply of DescribeUserPool, or the UserPool in it; it may hold the other two as well
                (`authfsm.settings.descriptions`).
            user_pool_client: the reply of DescribeUserPoolClient, or the UserPoolClient in it; None
                leaves open what the app client may do.
            mfa_config: the reply of GetUserPoolMfaConfig; None leaves open which second factors are on.

        Raises:
            BadField: a member is of another type than AWS's, or says what AWS never says.
        """
        return cls.from_read(Descriptions.read(user_pool, user_pool_client, mfa_config))

    @classmethod
    def from_read(cls: type[Described], told: Descriptions) -> Described:  # noqa: PYI019 -- the same
        """What descriptions say that have been read.

        Args:
            told: the descriptions.

        Raises:
            BadField: a field is what AWS never says.
        """
        pool, client, mfa = told.user_pool, told.user_pool_client, told.mfa_config
        said: dict[str, Any] = {
            "mfa_configuration": told.mfa,
            "allowed_first_auth_factors": told.first_factors,
            "device_configuration": "DeviceConfiguration" in pool,
            "lambda_config": [name for name, each in pool.get("LambdaConfig", {}).items() if each],
            "user_pool_tier": pool.get("UserPoolTier"),
            "advanced_security_mode": pool.get("UserPoolAddOns", {}).get("AdvancedSecurityMode"),
            "email_sending_account": pool.get("EmailConfiguration", {}).get("EmailSendingAccount"),
            "unknown_members": told.unknown,
        }
        if client is not None:
            said["explicit_auth_flows"] = client.get("ExplicitAuthFlows", ())
            said["enable_token_revocation"] = client.get("EnableTokenRevocation")
            rotation = client.get("RefreshTokenRotation", {})
            said["refresh_token_rotation"] = rotation.get("Feature", "DISABLED")
        if mfa is not None and told.second_factors is not None:
            passkeys = mfa.get("WebAuthnConfiguration", {})
            said["sms_mfa"] = "SMS_MFA" in told.second_factors
            said["software_token_mfa"] = "SOFTWARE_TOKEN_MFA" in told.second_factors
            said["email_mfa"] = "EMAIL_OTP" in told.second_factors
            said["web_authn_factor"] = passkeys.get("FactorConfiguration", "SINGLE_FACTOR")
        return cls(**said)

    @classmethod
    def describe(  # noqa: PYI019 -- the same
        cls: type[Described], client: Any, pool_id: str, client_id: str | None = None
    ) -> Described:
        """What AWS says now.

        It asks for cognito-idp:DescribeUserPool, DescribeUserPoolClient and GetUserPoolMfaConfig.

        Args:
            client: a boto3 `cognito-idp` client, or anything with its methods.
            pool_id: the user pool's id.
            client_id: the app client's id; None leaves open what it may do.

        Raises:
            BadField: a field is what AWS never says.
        """
        return cls.from_descriptions(*fetch_descriptions(client, pool_id, client_id))


def fetch_descriptions(
    client: Any, pool_id: str, client_id: str | None = None
) -> tuple[Mapping[str, Any], Mapping[str, Any] | None, Mapping[str, Any]]:
    """What DescribeUserPool, DescribeUserPoolClient and GetUserPoolMfaConfig return now.

    Args:
        client: a boto3 `cognito-idp` client, or anything with its methods.
        pool_id: the user pool's id.
        client_id: the app client's id; nothing is asked of it, if left out.
    """
    pool = client.describe_user_pool(UserPoolId=pool_id)
    app = client_id and client.describe_user_pool_client(UserPoolId=pool_id, ClientId=client_id)
    return pool, app or None, client.get_user_pool_mfa_config(UserPoolId=pool_id)
