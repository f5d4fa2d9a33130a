"""Lists the settings in the descriptions of a pool that local pools do not support, each with the reason."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Final

from authfsm.local.config.lambda_functions import TRIGGER_FIELDS, Triggers
from authfsm.local.config.pool_configuration import ALL_FLOW_VALUES, AppClient, PoolConfiguration
from authfsm.settings.descriptions import Structure

_UNKNOWN: Final = "this version of authfsm does not know it"
_NO_TEXTS: Final = "messages have no text: read the codes in the outbox"
_NOT_SENT: Final = "messages are not sent: read them in the outbox"
_NO_LOGIN_PAGES: Final = "there are no managed login pages and no OAuth endpoints"

# Members that have a setting in local pools, that describe the real pool, or that change nothing in a sign-in.
_SUPPORTED_IN_POOL: Final = {
    "AccountRecoverySetting", "AcrConfiguration", "AdminCreateUserConfig", "AliasAttributes", "Arn",
    "AutoVerifiedAttributes", "CreationDate", "DeletionProtection", "DeviceConfiguration",
    "EstimatedNumberOfUsers", "Id", "LambdaConfig", "LastModifiedDate", "MfaConfiguration", "Name",
    "Policies", "PoolName", "Schema", "SchemaAttributes", "Status", "UserAttributeUpdateSettings",
    "UserPoolAddOns", "UserPoolTags", "UserPoolTier", "UsernameAttributes", "UsernameConfiguration",
}  # fmt: skip
_SUPPORTED_IN_CLIENT: Final = {
    "AccessTokenValidity", "AuthSessionValidity", "ClientId", "ClientName", "ClientSecret",
    "ClientSecretArn", "ClientType", "CreationDate", "EnableTokenRevocation", "ExplicitAuthFlows", "GenerateSecret",
    "IdTokenValidity", "LastModifiedDate", "PreventUserExistenceErrors", "ReadAttributes",
    "RefreshTokenRotation", "RefreshTokenValidity", "SupportedIdentityProviders",
    "TokenValidityUnits", "UserPoolId", "WriteAttributes",
}  # fmt: skip

_REASONS_IN_POOL: Final = {
    **dict.fromkeys(("CustomDomain", "DcrConfiguration", "Domain"), _NO_LOGIN_PAGES),
    **dict.fromkeys(
        ("EmailConfiguration", "EmailConfigurationFailure", "SmsConfiguration", "SmsConfigurationFailure"), _NOT_SENT
    ),
    **dict.fromkeys(
        ("EmailVerificationMessage", "EmailVerificationSubject", "SmsAuthenticationMessage",
         "SmsVerificationMessage", "VerificationMessageTemplate"), _NO_TEXTS,
    ),
    "IssuerConfiguration": "set `issuer` for the issuer of the tokens",
    "KeyConfiguration": "set `key` for the signing key",
}  # fmt: skip
_REASONS_IN_CLIENT: Final = {
    **dict.fromkeys(
        ("AllowedOAuthFlows", "AllowedOAuthFlowsUserPoolClient", "AllowedOAuthScopes", "CallbackURLs",
         "DefaultRedirectURI", "LogoutURLs"), _NO_LOGIN_PAGES,
    ),
    "AnalyticsConfiguration": "nothing is reported to Amazon Pinpoint",
    "EnablePropagateAdditionalUserContextData": "there is no threat protection that would use it",
    "PublishSecretsInAWSSecretsManager": "the secret is not in AWS Secrets Manager: read `client_secret`",
}  # fmt: skip


def unsupported_settings(configuration: PoolConfiguration, client: AppClient) -> tuple[str, ...]:
    """Return the settings in the descriptions of a pool and an app client that are not supported, with reasons."""
    described, triggers = configuration.pool_description, configuration.triggers
    pool, mfa = described.get("UserPool", {}), described.get("MfaConfig")
    listed = (*_unsupported_in_pool(pool, mfa, triggers), *_unsupported_in_client(client.client_description))
    # Members that botocore's model of the API does not have.
    paths = described.get("unknown", ())
    unknown = (path.removeprefix("UserPool.").removeprefix("UserPoolClient.") for path in paths)
    listed_names = {each.partition(":")[0] for each in listed}
    return (*listed, *(f"{name}: {_UNKNOWN}" for name in unknown if name not in listed_names))


def _unsupported_in_pool(pool: Structure, mfa: Structure | None, triggers: Triggers | None) -> Iterator[str]:
    yield from _unsupported(pool, _SUPPORTED_IN_POOL, _REASONS_IN_POOL)
    for name in sorted(pool.get("LambdaConfig", {})):
        field = TRIGGER_FIELDS.get(name.removesuffix("Config"))
        if field is None:
            reasons = {"InboundFederation": _NO_LOGIN_PAGES, "KMSKeyID": _NOT_SENT}
            yield f"LambdaConfig.{name}: {reasons.get(name, _UNKNOWN)}"
        elif getattr(triggers, field, None) is None:
            yield f"LambdaConfig.{name}: no Lambda function is called; pass triggers=Triggers({field}=...)"
    addons = pool.get("UserPoolAddOns", {})
    mode = addons.get("AdvancedSecurityMode", "OFF")
    if mode != "OFF" or addons.get("AdvancedSecurityAdditionalFlows"):
        yield "UserPoolAddOns: there is no threat protection: no sign-in counts as risky"
    if pool.get("AdminCreateUserConfig", {}).get("InviteMessageTemplate"):
        yield f"AdminCreateUserConfig.InviteMessageTemplate: {_NO_TEXTS}"
    for group in ("SmsMfaConfiguration", "EmailMfaConfiguration"):
        names = {"SmsAuthenticationMessage", "Message", "Subject"} & (mfa or {}).get(group, {}).keys()
        yield from (f"{group}.{name}: {_NO_TEXTS}" for name in sorted(names))
    if mfa is None and pool.get("MfaConfiguration", "OFF") != "OFF":
        yield "MfaConfiguration: all second factors are enabled, unless you add the reply of GetUserPoolMfaConfig"


def _unsupported_in_client(client: Structure) -> Iterator[str]:
    yield from _unsupported(client, _SUPPORTED_IN_CLIENT, _REASONS_IN_CLIENT)
    others = [e for e in client.get("SupportedIdentityProviders", ()) if e != "COGNITO"]
    if others:
        yield f"SupportedIdentityProviders: {', '.join(others)}: there is no federation"
    for flow in client.get("ExplicitAuthFlows", ()):
        if flow not in ALL_FLOW_VALUES:
            yield f"ExplicitAuthFlows: {flow}: this flow is not supported"


def _unsupported(members: Structure, supported: Collection[str], reasons: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(members):
        if name not in supported and members[name] not in (None, False, "", [], {}):
            yield f"{name}: {reasons.get(name, _UNKNOWN)}"
