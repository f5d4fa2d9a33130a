"""What a description says that the pool cannot honour: each with its reason, none in silence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from authfsm.local.config.pool_configuration import KNOWN_FLOWS, Triggers
from authfsm.settings.descriptions import Structure

_TEXTS: Final = "messages have no text here: the outbox has the codes"
_SENDING: Final = "nothing is sent: messages lie in the outbox"
_MANAGED: Final = "there is no managed login and no OAuth endpoint"

# Members that have a setting here, that are facts about the real pool, or that change nothing in a sign-in.
_HONOURED_POOL: Final = {
    "AccountRecoverySetting",
    "AcrConfiguration",
    "AdminCreateUserConfig",
    "AliasAttributes",
    "Arn",
    "AutoVerifiedAttributes",
    "CreationDate",
    "DeletionProtection",
    "DeviceConfiguration",
    "EstimatedNumberOfUsers",
    "Id",
    "LambdaConfig",
    "LastModifiedDate",
    "MfaConfiguration",
    "Name",
    "Policies",
    "PoolName",
    "Schema",
    "SchemaAttributes",
    "Status",
    "UserAttributeUpdateSettings",
    "UserPoolAddOns",
    "UserPoolTags",
    "UserPoolTier",
    "UsernameAttributes",
    "UsernameConfiguration",
}
_POOL: Final = {
    "CustomDomain": _MANAGED,
    "DcrConfiguration": _MANAGED,
    "Domain": _MANAGED,
    "EmailConfiguration": _SENDING,
    "EmailConfigurationFailure": _SENDING,
    "EmailVerificationMessage": _TEXTS,
    "EmailVerificationSubject": _TEXTS,
    "IssuerConfiguration": "the issuer of the tokens is the pool's own setting, `issuer`",
    "KeyConfiguration": "the signing key is the pool's own, `key`",
    "SmsAuthenticationMessage": _TEXTS,
    "SmsConfiguration": _SENDING,
    "SmsConfigurationFailure": _SENDING,
    "SmsVerificationMessage": _TEXTS,
    "VerificationMessageTemplate": _TEXTS,
}
_HONOURED_CLIENT: Final = {
    "AccessTokenValidity",
    "AuthSessionValidity",
    "ClientId",
    "ClientName",
    "ClientSecret",
    "ClientType",
    "CreationDate",
    "EnableTokenRevocation",
    "ExplicitAuthFlows",
    "GenerateSecret",
    "IdTokenValidity",
    "LastModifiedDate",
    "PreventUserExistenceErrors",
    "ReadAttributes",
    "RefreshTokenRotation",
    "RefreshTokenValidity",
    "TokenValidityUnits",
    "UserPoolId",
    "WriteAttributes",
}
_CLIENT: Final = {
    "AllowedOAuthFlows": _MANAGED,
    "AllowedOAuthFlowsUserPoolClient": _MANAGED,
    "AllowedOAuthScopes": _MANAGED,
    "AnalyticsConfiguration": "nothing is told to Amazon Pinpoint",
    "CallbackURLs": _MANAGED,
    "ClientSecretArn": "AWS Secrets Manager holds the secret: give `client_secret`",
    "DefaultRedirectURI": _MANAGED,
    "EnablePropagateAdditionalUserContextData": "there is no threat protection to tell",
    "LogoutURLs": _MANAGED,
}
_TRIGGERS: Final = {
    "CreateAuthChallenge": "create",
    "DefineAuthChallenge": "define",
    "PostAuthentication": "post_authentication",
    "PostConfirmation": "post_confirmation",
    "PreAuthentication": "pre_authentication",
    "PreSignUp": "pre_sign_up",
    "PreTokenGeneration": "pre_token_generation",
    "PreTokenGenerationConfig": "pre_token_generation",
    "UserMigration": "user_migration",
    "VerifyAuthChallengeResponse": "verify",
}


def unsupported_in_pool(
    pool: Structure, mfa: Structure | None, triggers: Triggers | None
) -> Iterator[str]:
    """What a UserPool says in vain.

    Args:
        pool: UserPool, bare.
        mfa: GetUserPoolMfaConfig's response; None where nobody asked.
        triggers: the functions that stand for those of LambdaConfig.
    """
    yield from _members(pool, _HONOURED_POOL, _POOL)
    for name in sorted(pool.get("LambdaConfig", {})):
        ours = _TRIGGERS.get(name)
        if ours is None:
            yield f"LambdaConfig.{name}: {_SENDING if 'Federation' not in name else _MANAGED}"
        elif getattr(triggers, ours, None) is None:
            yield f"LambdaConfig.{name}: no Lambda function is called; give Triggers({ours}=...)"
    addons = pool.get("UserPoolAddOns", {})
    if addons.get("AdvancedSecurityMode", "OFF") != "OFF" or (
        addons.get("AdvancedSecurityAdditionalFlows")
    ):
        yield "UserPoolAddOns: there is no threat protection: no sign-in is risky here"
    if pool.get("AdminCreateUserConfig", {}).get("InviteMessageTemplate"):
        yield f"AdminCreateUserConfig.InviteMessageTemplate: {_TEXTS}"
    if mfa is None and pool.get("MfaConfiguration", "OFF") != "OFF":
        yield "MfaConfiguration: which factors are enabled GetUserPoolMfaConfig says: all are taken"


def unsupported_in_client(client: Structure) -> Iterator[str]:
    """What a UserPoolClient says in vain."""
    yield from _members(client, _HONOURED_CLIENT | {"SupportedIdentityProviders"}, _CLIENT)
    others = [e for e in client.get("SupportedIdentityProviders", ()) if e != "COGNITO"]
    if others:
        yield f"SupportedIdentityProviders: {', '.join(others)}: there is no federation"
    for flow in client.get("ExplicitAuthFlows", ()):
        if flow not in KNOWN_FLOWS:
            yield f"ExplicitAuthFlows: {flow}: no such flow is served"


def unknown_members(unknown: Iterable[str], said: Iterable[str]) -> Iterator[str]:
    """The members that the API does not have, beside those that have been said.

    Args:
        unknown: their paths, as `Descriptions.unknown` has them.
        said: what has been said.
    """
    before = {each.partition(":")[0] for each in said}
    for path in unknown:
        name = path.removeprefix("UserPool.").removeprefix("UserPoolClient.")
        if name not in before:
            yield f"{name}: not known here"


def _members(shape: Structure, honoured: set[str], reasons: dict[str, Any]) -> Iterator[str]:
    for name in sorted(shape):
        if name not in honoured and shape[name] not in (None, False, "", [], {}):
            yield f"{name}: {reasons.get(name, 'not known here')}"
