"""The local pool reads and writes Cognito's descriptions of a pool."""

from __future__ import annotations

import re
from datetime import datetime, timezone, tzinfo
from math import inf, nan
from typing import Any

import pytest
from api_client import ApiClient, refused
from joserfc.jwk import RSAKey

from authfsm import BadField
from authfsm.local import (
    Contradictions,
    DeviceConfiguration,
    LocalCognito,
    LocalPool,
    ManualClock,
    PasswordPolicy,
    PoolRefusal,
    RefreshTokenRotation,
    SchemaAttribute,
    Triggers,
    WebAuthnConfiguration,
)

PASSWORD = "Correct-h0rse"
CREATED = datetime(2026, 3, 1, 9, 30, tzinfo=timezone.utc)

USER_POOL: dict[str, Any] = {
    "Id": "eu-central-1_AbCdEfGhI",
    "Name": "customers",
    "Arn": "arn:aws:cognito-idp:eu-central-1:123456789012:userpool/eu-central-1_AbCdEfGhI",
    "Policies": {
        "PasswordPolicy": {
            "MinimumLength": 12,
            "RequireUppercase": True,
            "RequireLowercase": True,
            "RequireNumbers": True,
            "RequireSymbols": False,
            "PasswordHistorySize": 3,
            "TemporaryPasswordValidityDays": 2,
        },
        "SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "WEB_AUTHN"]},
    },
    "DeletionProtection": "ACTIVE",
    "LambdaConfig": {
        "PreSignUp": "arn:aws:lambda:eu-central-1:123456789012:function:pre",
        "PreTokenGenerationConfig": {
            "LambdaVersion": "V2_0",
            "LambdaArn": "arn:aws:lambda:eu-central-1:123456789012:function:tokens",
        },
        "CustomMessage": "arn:aws:lambda:eu-central-1:123456789012:function:message",
    },
    "LastModifiedDate": CREATED,
    "CreationDate": CREATED,
    "SchemaAttributes": [
        {
            "Name": "email",
            "AttributeDataType": "String",
            "DeveloperOnlyAttribute": False,
            "Mutable": False,
            "Required": True,
            "StringAttributeConstraints": {"MinLength": "0", "MaxLength": "2048"},
        },
        {
            "Name": "custom:seats",
            "AttributeDataType": "Number",
            "DeveloperOnlyAttribute": False,
            "Mutable": True,
            "Required": False,
            "NumberAttributeConstraints": {"MinValue": "1", "MaxValue": "9"},
        },
    ],
    "AutoVerifiedAttributes": ["email"],
    "AliasAttributes": ["email", "preferred_username"],
    "VerificationMessageTemplate": {"DefaultEmailOption": "CONFIRM_WITH_CODE"},
    "UserAttributeUpdateSettings": {"AttributesRequireVerificationBeforeUpdate": ["email"]},
    "MfaConfiguration": "OPTIONAL",
    "DeviceConfiguration": {"ChallengeRequiredOnNewDevice": True, "DeviceOnlyRememberedOnUserPrompt": False},
    "EstimatedNumberOfUsers": 0,
    "EmailConfiguration": {"EmailSendingAccount": "COGNITO_DEFAULT"},
    "UserPoolTags": {"team": "engines"},
    "AdminCreateUserConfig": {"AllowAdminCreateUserOnly": True, "UnusedAccountValidityDays": 2},
    "UserPoolAddOns": {"AdvancedSecurityMode": "AUDIT"},
    "UsernameConfiguration": {"CaseSensitive": False},
    "AccountRecoverySetting": {
        "RecoveryMechanisms": [
            {"Priority": 2, "Name": "verified_phone_number"},
            {"Priority": 1, "Name": "verified_email"},
        ]
    },
    "UserPoolTier": "ESSENTIALS",
}

USER_POOL_CLIENT: dict[str, Any] = {
    "UserPoolId": "eu-central-1_AbCdEfGhI",
    "ClientName": "web",
    "ClientId": "1example23456789",
    "ClientSecret": "s3cret-of-the-client",
    "LastModifiedDate": CREATED,
    "CreationDate": CREATED,
    "RefreshTokenValidity": 90,
    "AccessTokenValidity": 30,
    "IdTokenValidity": 2,
    "TokenValidityUnits": {"AccessToken": "minutes", "IdToken": "hours", "RefreshToken": "days"},
    "ReadAttributes": ["email", "custom:seats"],
    "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH"],
    "SupportedIdentityProviders": ["COGNITO", "Google"],
    "CallbackURLs": ["https://example.com/callback"],
    "PreventUserExistenceErrors": "ENABLED",
    "EnableTokenRevocation": True,
    "EnablePropagateAdditionalUserContextData": False,
    "AuthSessionValidity": 5,
    "RefreshTokenRotation": {"Feature": "ENABLED", "RetryGracePeriodSeconds": 10},
}

MFA_CONFIG: dict[str, Any] = {
    "SoftwareTokenMfaConfiguration": {"Enabled": True},
    "EmailMfaConfiguration": {"Subject": "Your code"},
    "MfaConfiguration": "OPTIONAL",
    "WebAuthnConfiguration": {"RelyingPartyId": "example.com", "UserVerification": "required"},
    "ResponseMetadata": {"HTTPStatusCode": 200},
}


def descriptions_of(pool: LocalPool) -> tuple[Any, Any, Any]:
    """Return the descriptions by the three operations, through boto3."""
    client, ids = pool.client(), {"UserPoolId": pool.pool_id}
    return (
        client.describe_user_pool(**ids),
        client.describe_user_pool_client(**ids, ClientId=pool.client_id),
        client.get_user_pool_mfa_config(**ids),
    )


class TestPoolFromDescriptions:
    """A pool made from the descriptions of another."""

    @pytest.fixture
    def pool(self, signing_key: RSAKey) -> LocalPool:
        """A pool with the settings described above."""
        return LocalPool.like(USER_POOL, USER_POOL_CLIENT, MFA_CONFIG, key=signing_key)

    def test_the_settings_of_the_pool(self, pool: LocalPool) -> None:
        """Every supported member becomes a setting of the pool."""
        settings = pool.configuration

        assert (settings.pool_id, settings.region, settings.name, settings.mfa) == (
            "eu-central-1_AbCdEfGhI",
            "eu-central-1",
            "customers",
            "OPTIONAL",
        )
        assert settings.password_policy == PasswordPolicy(
            minimum_length=12, require_symbols=False, temporary_password_validity_days=2, password_history_size=3
        )
        assert settings.mfa_methods == ("SOFTWARE_TOKEN_MFA", "EMAIL_OTP")
        assert settings.device == DeviceConfiguration(challenge_required_on_new_device=True)
        assert settings.aliases == ("email", "preferred_username")
        assert settings.account_recovery == ("verified_email", "verified_phone_number")
        assert settings.allowed_first_auth_factors == ("PASSWORD", "WEB_AUTHN")
        assert settings.webauthn == WebAuthnConfiguration("example.com", "required")
        assert settings.verified_before_update == ("email",)
        assert settings.attributes.required == ("email",)
        assert settings.attributes.all["custom:seats"] == SchemaAttribute(
            "custom:seats", "Number", min_value=1, max_value=9
        )
        assert settings.allow_admin_create_user_only
        assert not settings.case_sensitive

    def test_the_settings_of_the_app_client(self, pool: LocalPool) -> None:
        """Every supported member becomes a setting of the app client; validities become seconds."""
        app = pool.app_client

        assert (app.client_id, app.client_name) == ("1example23456789", "web")
        assert app.client_secret is not None
        assert app.client_secret.reveal() == "s3cret-of-the-client"
        assert (app.access_token_validity, app.id_token_validity, app.refresh_token_validity) == (
            30 * 60,
            2 * 3600,
            90 * 86400,
        )
        assert app.explicit_auth_flows == {"ALLOW_USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH"}
        assert app.refresh_token_rotation == RefreshTokenRotation(10)
        assert app.read_attributes == frozenset({"email", "custom:seats"})
        assert (app.write_attributes, app.auth_session_validity) == (None, 5)

    def test_it_describes_itself_the_same(self, pool: LocalPool) -> None:
        """The pool returns its description, with unknown members."""
        user_pool, client, mfa = descriptions_of(pool)

        description = user_pool["UserPool"]
        same = set(USER_POOL) - {"SchemaAttributes", "AccountRecoverySetting"}
        assert {name: description[name] for name in same} == {name: USER_POOL[name] for name in same}
        assert {each["Name"]: each for each in description["SchemaAttributes"]}["custom:seats"] == (
            USER_POOL["SchemaAttributes"][1]
        )
        assert client["UserPoolClient"] == {
            **USER_POOL_CLIENT,
            "ExplicitAuthFlows": sorted(USER_POOL_CLIENT["ExplicitAuthFlows"]),
            "ReadAttributes": sorted(USER_POOL_CLIENT["ReadAttributes"]),
        }
        assert mfa["EmailMfaConfiguration"] == MFA_CONFIG["EmailMfaConfiguration"]
        assert mfa["WebAuthnConfiguration"] == {
            **MFA_CONFIG["WebAuthnConfiguration"],
            "FactorConfiguration": "SINGLE_FACTOR",
        }

    def test_unsupported_settings_without_an_app_client(self) -> None:
        """A pool without an app client lists its own unsupported settings."""
        cognito = LocalCognito()
        cognito.answer(
            "CreateUserPool",
            {"PoolName": "app", "EmailConfiguration": {"SourceArn": "arn:aws:ses:eu-west-1:123456789012:identity/x"}},
        )
        (pool,) = cognito.pools.values()
        assert "EmailConfiguration: messages are not sent: read them in the outbox" in pool.unsupported_settings

    def test_unsupported_settings(self, pool: LocalPool) -> None:
        """Each unsupported setting is listed with its reason."""
        assert [description.partition(":")[0] for description in pool.unsupported_settings] == [
            "EmailConfiguration",
            "VerificationMessageTemplate",
            "LambdaConfig.CustomMessage",
            "LambdaConfig.PreSignUp",
            "LambdaConfig.PreTokenGenerationConfig",
            "UserPoolAddOns",
            "EmailMfaConfiguration.Subject",
            "CallbackURLs",
            "SupportedIdentityProviders",
        ]

    def test_unknown_members(self, signing_key: RSAKey) -> None:
        """A member that is new in the API is kept, returned, and listed."""
        pool = LocalPool.like({"TomorrowsSetting": {"On": True}}, {}, {}, key=signing_key)

        assert pool.unsupported_settings == ("TomorrowsSetting: this version of authfsm does not know it",)
        assert pool.answer("DescribeUserPool", {"UserPoolId": pool.pool_id})["UserPool"]["TomorrowsSetting"] == {
            "On": True
        }

    def test_triggers_replace_lambda_functions(self, signing_key: RSAKey) -> None:
        """A function replaces the Lambda function, and gets the described version of the event."""
        versions: list[str] = []

        def remember(event: dict[str, Any]) -> dict[str, Any]:
            versions.append(event["version"])
            return event

        pool = LocalPool.like(
            USER_POOL,
            {"ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH"]},
            MFA_CONFIG,
            key=signing_key,
            triggers=Triggers(pre_token_generation=remember),
        )
        pool.add_user("ada", PASSWORD)
        ApiClient(pool).password("ada", PASSWORD)

        assert versions == ["2"]
        assert not any("PreTokenGeneration" in description for description in pool.unsupported_settings)

    def test_unknown_flows(self, signing_key: RSAKey) -> None:
        """An ExplicitAuthFlows value that is not supported is listed, and returned."""
        flows = ["ALLOW_TOKEN_EXCHANGE_DELEGATION", "ALLOW_USER_SRP_AUTH"]
        pool = LocalPool.like(USER_POOL, {"ExplicitAuthFlows": flows}, MFA_CONFIG, key=signing_key)

        assert pool.app_client.allows("USER_SRP_AUTH")
        assert not pool.app_client.allows("CUSTOM_AUTH")
        assert any("ALLOW_TOKEN_EXCHANGE_DELEGATION" in description for description in pool.unsupported_settings)
        assert descriptions_of(pool)[1]["UserPoolClient"]["ExplicitAuthFlows"] == flows

    def test_the_defaults_are_the_apis(self, signing_key: RSAKey) -> None:
        """Members that a description lacks have the API's defaults."""
        pool = LocalPool.like({}, {}, {}, key=signing_key)

        assert pool.configuration.mfa == "OFF"
        assert pool.configuration.mfa_methods == ()
        assert pool.configuration.auto_verified_attributes == ()
        assert pool.configuration.case_sensitive
        assert pool.app_client.prevent_user_existence_errors == "LEGACY"
        assert len(pool.app_client.explicit_auth_flows) == 3
        assert pool.unsupported_settings == ()

    @pytest.mark.parametrize(
        "arguments",
        [
            ({"UserPools": [{"Id": "us-east-1_AbCdEfGhI"}]},),
            ({"UserPoolClient": USER_POOL_CLIENT}, {"UserPool": USER_POOL}),
            ({"ClientId": "abc", "ExplicitAuthFlows": []}, USER_POOL),
        ],
    )
    def test_what_describes_no_pool(self, arguments: tuple[Any, ...]) -> None:
        """A list of pools, and the description of an app client in the place of the pool's, are refused."""
        with pytest.raises(BadField, match="UserPool is missing: "):
            LocalPool.like(*arguments)

    def test_without_the_mfa_configuration(self, signing_key: RSAKey) -> None:
        """Without the MFA configuration all second factors are enabled, and this is listed."""
        pool = LocalPool.like(USER_POOL, USER_POOL_CLIENT, key=signing_key)

        assert len(pool.configuration.mfa_methods) == 3
        assert any("GetUserPoolMfaConfig" in description for description in pool.unsupported_settings)

    def test_a_contradictory_description(self) -> None:
        """A description with legacy and current flows is refused, and the error says so."""
        mixed = {"ExplicitAuthFlows": ["USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH"]}
        with pytest.raises(ValueError, match="legacy values USER_PASSWORD_AUTH next to ALLOW_USER_SRP_AUTH"):
            LocalPool.like({}, mixed, {})

    def test_arguments_override_the_description(self, signing_key: RSAKey) -> None:
        """Arguments override any setting of the description."""
        pool = LocalPool.like(USER_POOL, USER_POOL_CLIENT, MFA_CONFIG, key=signing_key, mfa="OFF")

        assert pool.configuration.mfa == "OFF"

    def test_passkeys_that_may_satisfy_mfa(self) -> None:
        """Without GetUserPoolMfaConfig's reply, passkeys may satisfy required MFA; with it, they must."""
        required = {**USER_POOL, "MfaConfiguration": "ON"}
        mfa = {**MFA_CONFIG, "MfaConfiguration": "ON"}
        multi = {"WebAuthnConfiguration": {"FactorConfiguration": "MULTI_FACTOR_WITH_USER_VERIFICATION"}}
        assert LocalPool.like(required).configuration.mfa == "ON"
        assert LocalPool.like(required, None, {**mfa, **multi}).configuration.mfa == "ON"
        with pytest.raises(ValueError, match="WEB_AUTHN cannot be used"):
            LocalPool.like(required, None, mfa)


POOLS: dict[str, dict[str, Any]] = {
    "plain": {},
    "with everything": {
        "mfa": "ON",
        "mfa_methods": ["SMS_MFA", "EMAIL_OTP"],
        "client_secret": True,
        "device": DeviceConfiguration(device_only_remembered_on_user_prompt=True),
        "explicit_auth_flows": [],
        "auth_session_validity": 15,
        "prevent_user_existence_errors": "LEGACY",
        "aliases": ["email", "phone_number"],
        "case_sensitive": False,
        "required_attributes": ["name", "email"],
        "account_recovery": ["verified_phone_number", "verified_email"],
        "password_policy": PasswordPolicy(minimum_length=20, password_history_size=24),
        "refresh_token_rotation": RefreshTokenRotation(60),
        "allowed_first_auth_factors": ["PASSWORD", "WEB_AUTHN"],
        "webauthn": WebAuthnConfiguration("example.com", factor_configuration="MULTI_FACTOR_WITH_USER_VERIFICATION"),
        "tier": "PLUS",
        "acr_values": ["one", "two", "three", "four"],
        "name": "everything",
        "schema": [
            SchemaAttribute("custom:team", min_length=1, max_length=8, mutable=False),
            SchemaAttribute("custom:seats", "Number", min_value=0, max_value=99),
        ],
        "auto_verified_attributes": ["email", "phone_number"],
        "verified_before_update": ["email"],
        "allow_admin_create_user_only": True,
        "access_token_validity": 301,
        "id_token_validity": 90 * 60,
        "refresh_token_validity": 86400 * 7,
        "read_attributes": ["email"],
        "write_attributes": ["email", "name"],
        "enable_token_revocation": False,
    },
    "with e-mail addresses for names": {"username_attributes": ["email"]},
    "with older flows": {"explicit_auth_flows": ["ADMIN_NO_SRP_AUTH", "USER_PASSWORD_AUTH"]},
    "of administrators": {"account_recovery": ["admin_only"]},
    "with passwordless factors": {"allowed_first_auth_factors": ["EMAIL_OTP", "SMS_OTP", "PASSWORD"]},
}


@pytest.mark.parametrize("settings", POOLS.values(), ids=POOLS)
class TestRoundTrip:
    """The description of a pool makes the same pool, whatever its settings."""

    def test_equal_settings(self, settings: dict[str, Any], signing_key: RSAKey) -> None:
        """The settings of both pools are equal, and so are their descriptions."""
        first = LocalPool(key=signing_key, **settings)
        second = LocalPool.like(*descriptions_of(first), key=signing_key)

        assert second.configuration == first.configuration
        assert second.app_client == first.app_client
        once, twice = descriptions_of(first), descriptions_of(second)
        for one, two in zip(once, twice, strict=True):
            assert {**one, "ResponseMetadata": None} == {**two, "ResponseMetadata": None}


class TestSecretInSecretsManager:
    """An app client that is described with ClientSecretArn instead of ClientSecret."""

    ARN = "arn:aws:secretsmanager:eu-central-1:123456789012:secret/web-AbCdEf"

    def pool(self, key: RSAKey, **settings: Any) -> LocalPool:
        """Return a pool like the described one, with ada in it."""
        client = {n: each for n, each in USER_POOL_CLIENT.items() if n != "ClientSecret"}
        client["ClientSecretArn"] = self.ARN
        pool = LocalPool.like(USER_POOL, client, MFA_CONFIG, key=key, **settings)
        pool.add_user("ada", PASSWORD)
        return pool

    @pytest.mark.parametrize("secret", [None, "the-secret-of-the-client"])
    def test_secret_hash_is_required(self, signing_key: RSAKey, secret: str | None) -> None:
        """The pool creates a secret, unless one is passed; requests need its SECRET_HASH."""
        pool = self.pool(signing_key, **({} if secret is None else {"client_secret": secret}))
        request = {
            "AuthFlow": "USER_PASSWORD_AUTH",
            "ClientId": pool.client_id,
            "AuthParameters": {"USERNAME": "ada", "PASSWORD": PASSWORD},
        }

        with pytest.raises(PoolRefusal, match="SECRET_HASH was not received"):
            pool.answer("InitiateAuth", request)
        assert pool.client_secret is not None
        assert secret in {None, pool.client_secret.reveal()}
        assert pool.cognito().sign_in("ada", PASSWORD).tokens is not None

    def test_description(self, signing_key: RSAKey) -> None:
        """The ARN is described, also after an update, and not listed as unsupported."""
        pool = self.pool(signing_key)
        ids = {"UserPoolId": pool.pool_id, "ClientId": pool.client_id}

        assert [each for each in pool.unsupported_settings if "Secret" in each] == []
        for operation in ("DescribeUserPoolClient", "UpdateUserPoolClient"):
            described = pool.answer(operation, ids)["UserPoolClient"]
            assert described["ClientSecretArn"] == self.ARN
            assert "ClientSecret" not in described


class TestAppClients:
    """App clients through the API."""

    @pytest.fixture
    def pool(self, signing_key: RSAKey) -> LocalPool:
        """A pool with one user."""
        pool = LocalPool(key=signing_key)
        pool.add_user("ada", PASSWORD)
        return pool

    def test_create(self, pool: LocalPool) -> None:
        """A user signs in with a client of CreateUserPoolClient, and needs its secret."""
        client_reply = pool.client().create_user_pool_client(
            UserPoolId=pool.pool_id,
            ClientName="second",
            GenerateSecret=True,
            ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"],
            AccessTokenValidity=10,
            TokenValidityUnits={"AccessToken": "minutes"},
        )["UserPoolClient"]
        challenge_reply = {
            "AuthFlow": "USER_PASSWORD_AUTH",
            "ClientId": client_reply["ClientId"],
            "AuthParameters": {"USERNAME": "ada", "PASSWORD": PASSWORD},
        }

        with refused(
            "NotAuthorizedException",
            f"Client {client_reply['ClientId']} is configured with secret but SECRET_HASH was not received",
        ):
            pool.client().initiate_auth(**challenge_reply)
        assert client_reply["AccessTokenValidity"] == 10
        assert len(client_reply["ClientSecret"]) > 40

    def test_update(self, pool: LocalPool) -> None:
        """UpdateUserPoolClient resets members that the request lacks to their defaults."""
        client = pool.client()
        client.update_user_pool_client(
            UserPoolId=pool.pool_id, ClientId=pool.client_id, ExplicitAuthFlows=["ALLOW_USER_SRP_AUTH"]
        )
        with refused("InvalidParameterException", "USER_PASSWORD_AUTH flow not enabled for this client"):
            ApiClient(pool).password("ada", PASSWORD)

        assert pool.app_client.prevent_user_existence_errors == "LEGACY"
        assert "AuthenticationResult" in ApiClient(pool).srp("ada", PASSWORD)

    def test_delete(self, pool: LocalPool) -> None:
        """After DeleteUserPoolClient no user can sign in with the client."""
        other = pool.add_client()
        pool.client().delete_user_pool_client(UserPoolId=pool.pool_id, ClientId=other.client_id)

        with refused("ResourceNotFoundException", f"User pool client {other.client_id} does not exist."):
            ApiClient(pool, other).password("ada", PASSWORD)

    def test_list(self, pool: LocalPool) -> None:
        """ListUserPoolClients returns one page at a time."""
        pool.add_client(client_name="second")
        pages = pool.client().get_paginator("list_user_pool_clients")
        page_iterator = pages.paginate(UserPoolId=pool.pool_id, MaxResults=1)

        assert [[each["ClientName"] for each in page["UserPoolClients"]] for page in page_iterator] == [
            ["local"],
            ["second"],
        ]

    def test_flows_that_do_not_mix(self, pool: LocalPool) -> None:
        """Legacy and current values of ExplicitAuthFlows together are refused."""
        with refused(
            "InvalidParameterException",
            "Auth flow name with prefix 'ALLOW' cannot be used with legacy auth flow names.",
        ):
            pool.client().create_user_pool_client(
                UserPoolId=pool.pool_id,
                ClientName="second",
                ExplicitAuthFlows=["USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH"],
            )


def test_contradictions_are_not_described(signing_key: RSAKey) -> None:
    """Settings for contradictions are arguments, because descriptions do not have them."""
    contradictions = Contradictions(mfas_parameter="MFAS_CAN_SELECT")
    pool = LocalPool.like(USER_POOL, USER_POOL_CLIENT, MFA_CONFIG, contradictions=contradictions)

    assert pool.configuration.contradictions is contradictions
    assert LocalPool(key=signing_key).configuration.contradictions == Contradictions()


class NoOffset(tzinfo):
    """A time zone without an offset, with which a datetime is not aware."""

    def utcoffset(self, _: datetime | None) -> None:
        """Return no offset."""

    dst = tzname = utcoffset


@pytest.mark.parametrize(
    ("kind", "settings", "why"),
    [
        (LocalPool, {"access_token_validity": "60"}, "access_token_validity must be a whole number, not of type str"),
        (LocalPool, {"access_token_validity": -5}, "access_token_validity must be 1 to 315360000 seconds"),
        (LocalPool, {"refresh_token_validity": 0}, "refresh_token_validity must be 1 to "),
        (LocalPool, {"id_token_validity": 10**12}, "id_token_validity must be 1 to "),
        (LocalPool, {"auth_session_validity": "5"}, "auth_session_validity must be a whole number"),
        (LocalPool, {"auth_session_validity": True}, "auth_session_validity must be a whole number"),
        (LocalPool, {"refresh_token_rotation": True}, "refresh_token_rotation must be a RefreshTokenRotation"),
        (LocalPool, {"client_secret": 5}, "client_secret must be text, not of type int"),
        (LocalPool, {"client_secret": ""}, "client_secret must be text that is not empty"),
        (LocalPool, {"explicit_auth_flows": "ALLOW_ALL"}, "explicit_auth_flows cannot have ALLOW_ALL; it can have"),
        (LocalPool, {"acr_values": [1, 2, 3, 4]}, "acr_values cannot have 1: a name has 1 to 64 characters"),
        (LocalPool, {"acr_values": "abcd"}, "acr_values must have four different names"),
        (Triggers, {"pre_token_generation_version": "V9"}, "pre_token_generation_version must be one of V1_0, V2_0, V3_0"),
        (LocalPool, {"client_id": ""}, "'client_id' failed to satisfy constraint: Member must have length greater than or equal to 1"),
        (LocalPool, {"client_id": "a b"}, "'client_id' failed to satisfy constraint: Member must satisfy regular expression pattern"),
        (LocalPool, {"pool_id": 5}, "pool_id must be text, not of type int"),
        (LocalPool, {"pool_id": ""}, "a pool id looks like eu-west-1_AbCdEfGhI"),
        (LocalPool, {"region": 5}, "region must be text, not of type int"),
        (LocalPool, {"clock": 5}, "clock must be a function that returns a datetime, not of type int"),
        (LocalPool, {"clock": datetime.now}, "clock needs an aware datetime"),
        (LocalCognito, {"clock": lambda: 5}, "clock needs an aware datetime"),
        (ManualClock, {"now": 5}, "ManualClock needs an aware datetime"),
        (ManualClock, {"now": datetime(2026, 1, 1, tzinfo=NoOffset())}, "ManualClock needs an aware datetime"),
        (LocalPool, {"password_policy": {}}, "password_policy must be a PasswordPolicy, not of type dict"),
        (LocalPool, {"aliases": ["email"], "username_attributes": ["email"]}, "Only one of the aliasAttributes or"),
        (LocalPool, {"account_recovery": ["admin_only", "verified_email"]}, "cannot use admin_only setting with any"),
        (LocalPool, {"allowed_first_auth_factors": ["EMAIL_OTP"]}, "Password should be configured as one of"),
        (LocalPool, {"tier": "LITE", "allowed_first_auth_factors": ["PASSWORD", "EMAIL_OTP"]}, "Passwordless Sign-In"),
        (LocalPool, {"mfa": "ON", "allowed_first_auth_factors": ["PASSWORD", "SMS_OTP"]}, "Only PASSWORD and WEB_AUTHN"),
        (LocalPool, {"mfa": "ON", "allowed_first_auth_factors": ["PASSWORD", "WEB_AUTHN"], "webauthn": WebAuthnConfiguration("example.com")},
            "WEB_AUTHN cannot be used as an auth factor when MFA is enabled if not configured for MFA"),
        (LocalPool, {"tier": "LITE", "triggers": Triggers(pre_token_generation_version="V2_0")}, "Lambda V2_0"),
        (LocalPool, {"verified_before_update": ["phone_number"]}, "must exist in AutoVerifiedAttributes"),
        (LocalPool, {"schema": [SchemaAttribute("custom:a", required=True)]}, "Required custom attributes are not"),
        (LocalPool, {"schema": [SchemaAttribute("custom:a", min_length=2, max_length=1)]}, "cannot be less than min"),
        (LocalPool, {"access_token_validity": 299}, "Invalid range for token validity"),
        (LocalPool, {"id_token_validity": 7200, "refresh_token_validity": 3600}, "less than or equal to refresh"),
        (LocalPool, {"write_attributes": ["sub"]}, "Invalid write attributes specified while creating a client"),
        (SchemaAttribute, {"name": 5}, "name must be text, not of type int"),
        (SchemaAttribute, {"name": "custom:a", "data_type": "Text"}, "data_type must be one of String, Number"),
        (SchemaAttribute, {"name": "custom:a", "max_length": "5"}, "max_length must be a whole number"),
        (Contradictions, {"totp_required_after_setup": "no"}, "totp_required_after_setup must be True or False"),
        (Contradictions, {"first_factor_digits": 7}, "first_factor_digits must be one of 6, 8"),
        (Contradictions, {"timestamp_tolerance": -1}, "timestamp_tolerance must be a timedelta or a number"),
        (Contradictions, {"timestamp_tolerance": True}, "timestamp_tolerance must be a timedelta or a number"),
        (Contradictions, {"timestamp_tolerance": inf}, "timestamp_tolerance must be a timedelta or a number"),
        (Contradictions, {"timestamp_tolerance": nan}, "timestamp_tolerance must be a timedelta or a number"),
        (LocalPool, {"case_sensitive": "no"}, "case_sensitive must be True or False"),
        (LocalPool, {"issuer": 5}, "issuer must be text, not of type int"),
        (RefreshTokenRotation, {"retry_grace_period_seconds": 100}, "must be 0 to 60 seconds"),
        (PasswordPolicy, {"minimum_length": "8"}, "minimum_length must be a whole number"),
        (PasswordPolicy, {"minimum_length": 3}, "minimum_length must be 6 to 99 characters"),
        (PasswordPolicy, {"temporary_password_validity_days": -1}, "must be 0 to 365 days"),
        (WebAuthnConfiguration, {"relying_party_id": "https://example.com"}, "relying_party_id must be a domain"),
        (WebAuthnConfiguration, {"relying_party_id": ""}, "relying_party_id must be a domain"),
        (DeviceConfiguration, {"challenge_required_on_new_device": 1}, "must be True or False"),
    ],
)  # fmt: skip
def test_settings_in_python_are_checked(kind: Any, settings: dict[str, Any], why: str) -> None:
    """A setting of the wrong type or out of Cognito's range is an error that names it, as in a configuration file."""
    with pytest.raises((TypeError, ValueError), match=re.escape(why)):
        kind(**settings)


def test_a_single_name() -> None:
    """A setting that is a list of names may be a single one."""
    client = LocalPool(
        explicit_auth_flows="ALLOW_USER_AUTH", read_attributes="email", write_attributes="email"
    ).app_client

    assert client.explicit_auth_flows == {"ALLOW_USER_AUTH"}
    assert client.read_attributes == client.write_attributes == frozenset({"email"})


def test_zero_is_the_default_session_validity() -> None:
    """A description with AuthSessionValidity 0 means Cognito's default, in a local pool as in a review."""
    pool = LocalPool.like(USER_POOL, {**USER_POOL_CLIENT, "AuthSessionValidity": 0})
    assert pool.app_client.auth_session_validity == 3


@pytest.mark.parametrize("units", [{}, {"TokenValidityUnits": {"RefreshToken": "minutes"}}])
def test_zero_is_described_as_the_default_token_validity(units: dict[str, Any]) -> None:
    """An app client with RefreshTokenValidity 0 has Cognito's default of 30 days, and its description says so."""
    boto = (cognito := LocalCognito()).client()
    pool_id = boto.create_user_pool(PoolName="x")["UserPool"]["Id"]
    created = boto.create_user_pool_client(UserPoolId=pool_id, ClientName="c", RefreshTokenValidity=0, **units)[
        "UserPoolClient"
    ]
    described = boto.describe_user_pool_client(UserPoolId=pool_id, ClientId=created["ClientId"])

    assert cognito.pools[pool_id].app_client.refresh_token_validity == 30 * 86400
    for client in (created, described["UserPoolClient"]):
        assert client["RefreshTokenValidity"] == 30
        assert client["TokenValidityUnits"]["RefreshToken"] == "days"


def test_contradictory_settings_can_be_accepted() -> None:
    """With `accept` a pool has settings that Cognito refuses together, and lists what Cognito would say."""
    pool = LocalPool(tier="LITE", allowed_first_auth_factors=["PASSWORD", "EMAIL_OTP"], accept="contradictory-settings")
    pool.add_client(access_token_validity=1)

    assert [each.refusal.partition(": ")[2] for each in pool.accepted] == [
        "The following features need to be disabled for the LITE pricing tier configured: Passwordless Sign-In",
        "Invalid range for token validity.",
    ]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"password": 5}, "password must be text, not of type int"), ({"email": 5}, "email must be text"),
        ({"attributes": {"custom:team": 5}}, "custom:team must be text"), ({"groups": [5]}, "groups[0] must be text"),
        ({"enabled": "no"}, "enabled must be True or False"), ({"totp_secret": 5}, "totp_secret must be text"),
        ({"mfa": ["NOPE"]}, "mfa cannot have NOPE; it can have SMS_MFA"), ({"preferred_mfa": "NOPE"}, "mfa cannot have NOPE"),
        ({"mfa": "SMS_MFA"}, "ada has no address or secret for SMS_MFA"),
    ],
)  # fmt: skip
def test_the_arguments_of_a_user_are_checked(arguments: dict[str, Any], why: str) -> None:
    """The error names the argument, where a raw KeyError or a user with a number as e-mail address would follow."""
    pool = LocalPool()
    with pytest.raises((TypeError, ValueError), match=re.escape(why)):
        pool.add_user("ada", **arguments)


@pytest.mark.parametrize("name", ["", None, 5])
def test_a_user_needs_a_name(name: Any) -> None:
    """A user without a name is refused, and the error says what is missing."""
    with pytest.raises(ValueError, match="username must be text that is not empty"):
        LocalPool().add_user(name)
