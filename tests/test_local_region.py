"""A region of pools: each request reaches its pool, and pools are created, changed and deleted."""

from __future__ import annotations

import json
import sys
from base64 import urlsafe_b64decode
from contextlib import nullcontext
from threading import Thread
from typing import Any

import pytest
from botocore.exceptions import ClientError
from joserfc.jwk import RSAKey
from random_pools import RandomPool

from authfsm.local import LocalCognito, LocalPool, ManualClock, PoolRefusal, Triggers

PASSWORD = "Correct-Horse-1"


def a_pool_with_ada(cognito: LocalCognito, boto: Any) -> tuple[str, str]:
    """Create a pool, an app client and a user as set-up scripts do, and return the two ids."""
    pool_id = boto.create_user_pool(PoolName="app")["UserPool"]["Id"]
    assert pool_id in cognito.pools
    flows = ["ALLOW_USER_PASSWORD_AUTH"]
    client = boto.create_user_pool_client(UserPoolId=pool_id, ClientName="web", ExplicitAuthFlows=flows)
    user = {"UserPoolId": pool_id, "Username": "ada"}
    boto.admin_create_user(**user, MessageAction="SUPPRESS", TemporaryPassword=PASSWORD)
    boto.admin_set_user_password(**user, Password=PASSWORD, Permanent=True)
    return pool_id, client["UserPoolClient"]["ClientId"]


def test_requests_reach_their_pool() -> None:
    """A ClientId, an access token or a session selects its pool among others."""
    cognito = LocalCognito()
    boto = cognito.client()
    pools = [a_pool_with_ada(cognito, boto) for _ in range(3)]
    for pool_id, client_id in pools:
        parameters = {"USERNAME": "ada", "PASSWORD": PASSWORD}
        sign_in = {"ClientId": client_id, "AuthFlow": "USER_PASSWORD_AUTH"}
        tokens = boto.initiate_auth(**sign_in, AuthParameters=parameters)["AuthenticationResult"]
        attributes = boto.get_user(AccessToken=tokens["AccessToken"])["UserAttributes"]
        assert {"Name": "sub", "Value": cognito.pools[pool_id].user("ada").sub} in attributes
        boto.set_user_pool_mfa_config(
            UserPoolId=pool_id, MfaConfiguration="ON", SoftwareTokenMfaConfiguration={"Enabled": True}
        )
        setup = boto.initiate_auth(**sign_in, AuthParameters=parameters)
        assert setup["ChallengeName"] == "MFA_SETUP"
        assert boto.associate_software_token(Session=setup["Session"])["SecretCode"]


@pytest.mark.parametrize(
    ("operation", "members", "code"),
    [
        ("DescribeUserPool", {"UserPoolId": "eu-west-1_none"}, "ResourceNotFoundException"),
        ("InitiateAuth", {"ClientId": "none", "AuthFlow": "USER_AUTH"}, "ResourceNotFoundException"),
        ("GetUser", {"AccessToken": "a.b.c"}, "NotAuthorizedException"),
        ("AssociateSoftwareToken", {"Session": "s" * 20}, "NotAuthorizedException"),
        ("ListUserImportJobs", {"UserPoolId": "eu-west-1_none", "MaxResults": 1}, "UnsupportedOperationException"),
        ("Nonsense", {}, "UnknownOperationException"),
    ],
)  # fmt: skip
def test_requests_about_no_pool(operation: str, members: dict[str, Any], code: str) -> None:
    """A request for an unknown pool, client, token or session is refused as by Cognito."""
    with pytest.raises(PoolRefusal) as caught:
        LocalCognito().answer(operation, members)

    assert caught.value.code == code


def test_pools_of_the_library_and_of_the_api() -> None:
    """`pool()` and `like()` add pools with an app client; each region lists its own pools."""
    cognito = LocalCognito(region="us-west-2", issuer="http://localhost:9229")
    pool = cognito.pool(mfa="OPTIONAL")
    described = cognito.client().describe_user_pool(UserPoolId=pool.pool_id)
    copy = cognito.like({**described["UserPool"], "Id": "us-west-2_copy"})
    elsewhere = cognito.client(region="eu-central-1")
    created = elsewhere.create_user_pool(PoolName="there")["UserPool"]["Id"]

    assert [*cognito.pools] == [pool.pool_id, "us-west-2_copy", created]
    assert copy.configuration.mfa == "OPTIONAL"
    assert created.startswith("eu-central-1_")
    assert cognito.pools[created].issuer == f"http://localhost:9229/{created}"
    pools = elsewhere.list_user_pools(MaxResults=60)["UserPools"]
    assert [each["Id"] for each in pools] == [created]
    with pytest.raises(ValueError, match="already"):
        cognito.pool(pool_id=pool.pool_id)


def test_a_pool_does_not_exist_in_another_region() -> None:
    """A client of another region finds neither the pool, nor its app client, tokens, tags and domain."""
    cognito = LocalCognito(region="eu-west-1")
    pool = cognito.pool()
    pool.add_user("ada", PASSWORD)
    here, there = cognito.client(), cognito.client(region="us-east-1")
    target, app = {"UserPoolId": pool.pool_id}, {"ClientId": pool.client_id}
    here.create_user_pool_domain(**target, Domain="login")
    arn = here.describe_user_pool(**target)["UserPool"]["Arn"]
    start = {**app, "AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": {"USERNAME": "ada", "PASSWORD": PASSWORD}}
    token = here.initiate_auth(**start)["AuthenticationResult"]["AccessToken"]

    for call, request in (
        (there.describe_user_pool, target), (there.delete_user_pool, target), (there.list_users, target),
        (there.admin_get_user, {**target, "Username": "ada"}), (there.describe_user_pool_client, {**target, **app}),
        (there.initiate_auth, start), (there.list_tags_for_resource, {"ResourceArn": arn}),
    ):  # fmt: skip
        with pytest.raises(there.exceptions.ResourceNotFoundException):
            call(**request)
    with pytest.raises(there.exceptions.NotAuthorizedException):
        there.get_user(AccessToken=token)
    assert there.describe_user_pool_domain(Domain="login")["DomainDescription"] == {}
    assert here.get_user(AccessToken=token)["Username"] == "ada"
    assert cognito.answer("DescribeUserPool", target)["UserPool"]["Id"] == pool.pool_id


@pytest.mark.parametrize("mode", ["ON", "OPTIONAL"])
def test_sms_settings_are_those_of_the_pool(mode: str) -> None:
    """DescribeUserPool and GetUserPoolMfaConfig show the same SMS settings, whichever operation set or left them out."""
    boto = LocalCognito().client()
    roles = [{"SnsCallerArn": ROLE.format(name), "ExternalId": name} for name in ("first", "second", "third")]
    pool_id = boto.create_user_pool(
        PoolName="p", MfaConfiguration=mode, SmsConfiguration=roles[0], AutoVerifiedAttributes=["phone_number"]
    )["UserPool"]["Id"]

    def shown() -> tuple[Any, Any]:
        pool = boto.describe_user_pool(UserPoolId=pool_id)["UserPool"]
        mfa = boto.get_user_pool_mfa_config(UserPoolId=pool_id)["SmsMfaConfiguration"]
        settings = {name: pool[name] for name in ("SmsConfiguration", "SmsAuthenticationMessage") if name in pool}
        assert settings == mfa
        return mfa["SmsConfiguration"], mfa.get("SmsAuthenticationMessage")

    assert shown() == (roles[0], None)
    boto.update_user_pool(UserPoolId=pool_id, MfaConfiguration=mode)
    assert shown() == (roles[0], None)
    boto.update_user_pool(UserPoolId=pool_id, MfaConfiguration=mode, SmsConfiguration=roles[1])
    assert shown() == (roles[1], None)
    boto.update_user_pool(UserPoolId=pool_id, MfaConfiguration=mode, SmsAuthenticationMessage="Code {####}")
    assert shown() == (roles[1], "Code {####}")
    sms = {"SmsConfiguration": roles[2], "SmsAuthenticationMessage": "Your code: {####}"}
    boto.set_user_pool_mfa_config(UserPoolId=pool_id, MfaConfiguration=mode, SmsMfaConfiguration=sms)
    assert shown() == (roles[2], "Your code: {####}")
    del sms["SmsAuthenticationMessage"]
    boto.set_user_pool_mfa_config(UserPoolId=pool_id, MfaConfiguration=mode, SmsMfaConfiguration=sms)
    assert shown() == (roles[2], None)


_TOTP: dict[str, Any] = {"SoftwareTokenMfaConfiguration": {"Enabled": True}}
_NO_TOTP: dict[str, Any] = {"SoftwareTokenMfaConfiguration": {"Enabled": False}}
_EMAIL: dict[str, Any] = {"EmailMfaConfiguration": {"Message": "Code {####}"}}
_PASSKEYS: dict[str, Any] = {"WebAuthnConfiguration": {"RelyingPartyId": "example.com"}}


@pytest.mark.parametrize(
    ("mode", "factors", "why"),
    [
        ("OFF", _TOTP, "can't turn off MFA and configure an MFA together"),
        ("OFF", _EMAIL, "can't turn off MFA and configure an MFA together"),
        ("OFF", _NO_TOTP, "can't turn off MFA and configure an MFA together"),
        ("OPTIONAL", _NO_TOTP, "can't disable all MFAs with a required or optional configuration"),
        ("ON", _NO_TOTP, "can't disable all MFAs with a required or optional configuration"),
        ("ON", {}, "At least one of"),
        ("OFF", {}, None),
        ("OFF", _PASSKEYS, None),
        ("OPTIONAL", _TOTP, None),
        ("ON", {**_NO_TOTP, **_EMAIL}, None),
    ],
    ids=str,
)
def test_mfa_and_its_factors_must_agree(mode: str, factors: dict[str, Any], why: str | None) -> None:
    """SetUserPoolMfaConfig refuses a factor without MFA, and MFA without a factor, in Cognito's words."""
    boto = LocalCognito().client()
    email = {
        "EmailSendingAccount": "DEVELOPER",
        "SourceArn": "arn:aws:ses:eu-west-1:123456789012:identity/a@example.com",
    }
    pool_id = boto.create_user_pool(PoolName="p", EmailConfiguration=email)["UserPool"]["Id"]
    before = boto.get_user_pool_mfa_config(UserPoolId=pool_id)
    if why is None:
        boto.set_user_pool_mfa_config(UserPoolId=pool_id, MfaConfiguration=mode, **factors)
        return

    with pytest.raises(boto.exceptions.InvalidParameterException, match=why):
        boto.set_user_pool_mfa_config(UserPoolId=pool_id, MfaConfiguration=mode, **factors)
    assert {**boto.get_user_pool_mfa_config(UserPoolId=pool_id), "ResponseMetadata": 0} == {
        **before,
        "ResponseMetadata": 0,
    }


def test_update_user_pool_keeps_mfa_and_policies() -> None:
    """UpdateUserPool keeps MfaConfiguration and each policy that the request omits, and resets AutoVerifiedAttributes."""
    boto = LocalCognito().client()
    password = {"MinimumLength": 12, "RequireSymbols": False}
    first_factors = {"AllowedFirstAuthFactors": ["PASSWORD", "WEB_AUTHN"]}
    policies = {"PasswordPolicy": password, "SignInPolicy": first_factors}
    pool_id = boto.create_user_pool(PoolName="p", Policies=policies, AutoVerifiedAttributes=["email"])["UserPool"]["Id"]
    totp = {"Enabled": True}
    boto.set_user_pool_mfa_config(UserPoolId=pool_id, MfaConfiguration="OPTIONAL", SoftwareTokenMfaConfiguration=totp)

    def described(**update: Any) -> tuple[Any, ...]:
        boto.update_user_pool(UserPoolId=pool_id, **update)
        pool = boto.describe_user_pool(UserPoolId=pool_id)["UserPool"]
        left = {name: pool["Policies"]["PasswordPolicy"][name] for name in password}
        mode = boto.get_user_pool_mfa_config(UserPoolId=pool_id)["MfaConfiguration"]
        assert pool["MfaConfiguration"] == mode
        return left, pool["Policies"]["SignInPolicy"], mode, pool.get("AutoVerifiedAttributes", [])

    assert described(AutoVerifiedAttributes=["email"]) == (password, first_factors, "OPTIONAL", ["email"])
    assert described() == (password, first_factors, "OPTIONAL", [])
    only_password = {"AllowedFirstAuthFactors": ["PASSWORD"]}
    assert described(Policies={"SignInPolicy": only_password})[:2] == (password, only_password)
    longer = {"MinimumLength": 15, "RequireSymbols": False}
    assert described(Policies={"PasswordPolicy": longer})[:2] == (longer, only_password)
    assert described(MfaConfiguration="OFF")[2] == "OFF"


def _with_first_factors(*names: str) -> dict[str, Any]:
    return {"Policies": {"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", *names]}}}


_MULTI: dict[str, Any] = {"WebAuthnConfiguration": {"FactorConfiguration": "MULTI_FACTOR_WITH_USER_VERIFICATION"}}
_SMS: dict[str, Any] = {"SmsConfiguration": {"SnsCallerArn": "arn:aws:iam::123456789012:role/x"}}
_ONLY: str = r"Only PASSWORD and WEB_AUTHN \(if configured\) can be enabled as an auth factor if MFA is enabled"
_PASSKEYS_NOT_MFA: str = "WEB_AUTHN cannot be used as an auth factor when MFA is enabled if not configured for MFA."
_SINGLE: str = (
    "Cannot set WebAuthn factor configuration to SINGLE_FACTOR if MFA is required and WebAuthn is an allowed"
    " first auth factor"
)


@pytest.mark.parametrize(
    ("names", "passkeys", "in_mfa_config", "in_pool"),
    [
        (["EMAIL_OTP"], {}, _ONLY, _ONLY),
        (["SMS_OTP"], _MULTI, _ONLY, _ONLY),
        (["WEB_AUTHN"], {}, _SINGLE, _PASSKEYS_NOT_MFA),
        (["WEB_AUTHN"], _PASSKEYS, _SINGLE, _PASSKEYS_NOT_MFA),
        (["WEB_AUTHN"], _MULTI, None, None),
        ([], {}, None, None),
    ],
    ids=str,
)
def test_required_mfa_excludes_first_factors(
    names: list[str], passkeys: dict[str, Any], in_mfa_config: str | None, in_pool: str | None
) -> None:
    """Required MFA excludes codes as first factor, and passkeys that do not satisfy it; Cognito refuses them in its words."""
    boto = LocalCognito().client()

    def attempt(why: str | None, operation: str, **members: Any) -> None:
        with nullcontext() if why is None else pytest.raises(boto.exceptions.InvalidParameterException, match=why):
            getattr(boto, operation)(**members)

    factors = _with_first_factors(*names)
    pool_id = boto.create_user_pool(PoolName="p", **factors)["UserPool"]["Id"]
    optional = {"UserPoolId": pool_id, "MfaConfiguration": "OPTIONAL", **_TOTP, **passkeys}
    boto.set_user_pool_mfa_config(**optional)
    attempt(in_mfa_config, "set_user_pool_mfa_config", **{**optional, "MfaConfiguration": "ON"})

    pool_id = boto.create_user_pool(PoolName="p")["UserPool"]["Id"]
    boto.set_user_pool_mfa_config(UserPoolId=pool_id, MfaConfiguration="ON", **_TOTP, **passkeys)
    attempt(in_pool, "update_user_pool", UserPoolId=pool_id, MfaConfiguration="ON", **factors)
    if passkeys != _MULTI:  # CreateUserPool cannot configure passkeys
        attempt(in_pool, "create_user_pool", PoolName="p", MfaConfiguration="ON", **_SMS, **factors)
    boto.update_user_pool(UserPoolId=pool_id, MfaConfiguration="OPTIONAL", **factors)


def test_deletion_protection() -> None:
    """A pool whose deletion protection is active is not deleted until UpdateUserPool deactivates it."""
    cognito = LocalCognito()
    boto = cognito.client()
    pool = boto.create_user_pool(PoolName="kept", DeletionProtection="ACTIVE")["UserPool"]
    with pytest.raises(boto.exceptions.InvalidParameterException, match="deletion protection"):
        boto.delete_user_pool(UserPoolId=pool["Id"])
    boto.update_user_pool(UserPoolId=pool["Id"], DeletionProtection="INACTIVE")
    boto.delete_user_pool(UserPoolId=pool["Id"])
    assert not cognito.pools


ROLE = "arn:aws:iam::123456789012:role/{}"


@pytest.mark.parametrize(
    ("groups", "roles", "preferred"),
    [
        ({"a": {}, "b": {}}, None, None),
        ({"a": {"RoleArn": ROLE.format("a")}}, ["a"], "a"),
        ({"a": {"RoleArn": ROLE.format("a"), "Precedence": 2}, "b": {"RoleArn": ROLE.format("b"), "Precedence": 1}}, ["a", "b"], "b"),
        ({"a": {"RoleArn": ROLE.format("a"), "Precedence": 1}, "b": {"RoleArn": ROLE.format("b"), "Precedence": 1}}, ["a", "b"], None),
        ({"a": {"RoleArn": ROLE.format("a"), "Precedence": 1}, "b": {"RoleArn": ROLE.format("a"), "Precedence": 1}}, ["a"], "a"),
        ({"a": {"RoleArn": ROLE.format("a")}, "b": {"RoleArn": ROLE.format("b"), "Precedence": 9}}, ["a", "b"], "b"),
    ],
)  # fmt: skip
def test_roles_of_groups(groups: dict[str, dict[str, Any]], roles: list[str] | None, preferred: str | None) -> None:
    """The id token has the roles of the user's groups, and prefers that of the lowest Precedence."""
    events: list[Any] = []

    def remember(event: Any) -> Any:
        events.append(event["request"]["groupConfiguration"])
        return event

    cognito = LocalCognito(triggers=Triggers(pre_token_generation=remember))
    boto = cognito.client()
    pool_id, client_id = a_pool_with_ada(cognito, boto)
    for name, more in groups.items():
        boto.create_group(UserPoolId=pool_id, GroupName=name, **more)
        boto.admin_add_user_to_group(UserPoolId=pool_id, Username="ada", GroupName=name)
    tokens = boto.initiate_auth(
        ClientId=client_id, AuthFlow="USER_PASSWORD_AUTH", AuthParameters={"USERNAME": "ada", "PASSWORD": PASSWORD}
    )["AuthenticationResult"]
    payload = tokens["IdToken"].split(".")[1]
    claims = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))

    assert claims["cognito:groups"] == [*groups]
    assert claims.get("cognito:roles") == (roles and [ROLE.format(each) for each in roles])
    assert claims.get("cognito:preferred_role") == (preferred and ROLE.format(preferred))
    assert events == [
        {
            "groupsToOverride": [*groups],
            "iamRolesToOverride": claims.get("cognito:roles", []),
            "preferredRole": claims.get("cognito:preferred_role"),
        }
    ]


# One call of each kind of record: create, find, list, update and delete.
RECORDS: list[tuple[str, str, dict[str, Any], dict[str, Any], str]] = [
    ("Group", "GroupName", {"Description": "d"}, {"Precedence": 3}, "Groups"),
    ("IdentityProvider", "ProviderName", {"ProviderType": "Google", "ProviderDetails": {"client_id": "c"}}, {"IdpIdentifiers": ["i"]}, "Providers"),
    ("ResourceServer", "Identifier", {"Name": "n"}, {"Name": "m"}, "ResourceServers"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "key", "members", "changes", "list_member"), RECORDS)
def test_records(kind: str, key: str, members: dict[str, Any], changes: dict[str, Any], list_member: str) -> None:
    """A record is created once, found, listed one page at a time, changed and deleted."""
    cognito = LocalCognito()
    pool = {"UserPoolId": cognito.pool().pool_id}
    size = {"Limit" if kind == "Group" else "MaxResults": 2}
    find = f"{'Get' if kind == 'Group' else 'Describe'}{kind}"
    for name in ("one", "two", "three"):
        cognito.answer(f"Create{kind}", {**pool, key: name, **members})
    with pytest.raises(PoolRefusal, match="exists"):
        cognito.answer(f"Create{kind}", {**pool, key: "one", **members})
    cognito.answer(f"Update{kind}", {**pool, key: "two", **changes})
    description = cognito.answer(find, {**pool, key: "two"})[kind]
    first = cognito.answer(f"List{kind}s", {**pool, **size})
    last = cognito.answer(f"List{kind}s", {**pool, **size, "NextToken": first["NextToken"]})
    cognito.answer(f"Delete{kind}", {**pool, key: "one"})

    assert description.items() >= {**pool, key: "two", **members, **changes}.items()
    names = [each[key] for each in (*first[list_member], *last[list_member])]
    assert names == ["one", "two", "three"]
    assert "NextToken" not in last
    for operation in (find, f"Delete{kind}"):
        with pytest.raises(PoolRefusal, match="ResourceNotFoundException"):
            cognito.answer(operation, {**pool, key: "one"})


def test_domains() -> None:
    """A domain is found without its pool, is in the pool's description, and is {} when it was deleted."""
    cognito = LocalCognito()
    pool = {"UserPoolId": cognito.pool().pool_id}
    assert "CloudFrontDomain" not in cognito.answer("CreateUserPoolDomain", {**pool, "Domain": "d"})
    described = cognito.answer("DescribeUserPoolDomain", {"Domain": "d"})["DomainDescription"]
    assert (described["UserPoolId"], described["Status"]) == (pool["UserPoolId"], "ACTIVE")
    assert cognito.answer("DescribeUserPool", pool)["UserPool"]["Domain"] == "d"
    with pytest.raises(PoolRefusal, match="associated with another user pool"):
        cognito.answer("CreateUserPoolDomain", {"UserPoolId": cognito.pool().pool_id, "Domain": "d"})
    cognito.answer("DeleteUserPoolDomain", {**pool, "Domain": "d"})
    assert cognito.answer("DescribeUserPoolDomain", {"Domain": "d"}) == {"DomainDescription": {}}


def test_tags() -> None:
    """Tags are set at creation, added and removed; another ARN is refused."""
    boto = LocalCognito().client()
    arn = boto.create_user_pool(PoolName="tagged", UserPoolTags={"a": "1"})["UserPool"]["Arn"]
    boto.tag_resource(ResourceArn=arn, Tags={"b": "2"})
    boto.untag_resource(ResourceArn=arn, TagKeys=["a"])
    assert boto.list_tags_for_resource(ResourceArn=arn)["Tags"] == {"b": "2"}
    with pytest.raises(boto.exceptions.ResourceNotFoundException):
        boto.list_tags_for_resource(ResourceArn=f"{arn}x")


@pytest.mark.parametrize(
    ("operation", "members", "message"),
    [
        ("CreateUserPool", {"PoolName": "a/b"}, r"1 validation error detected: Value 'a/b' at 'poolName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w\s+=,.@-]+"),
        ("CreateUserPool", {"PoolName": "a/b", "MfaConfiguration": "MAYBE"}, "2 validation errors detected: Value 'a/b' at 'poolName' "),
        ("CreateUserPool", {"PoolName": "p", "MfaConfiguration": "MAYBE"}, "1 validation error detected: Value 'MAYBE' at 'mfaConfiguration' failed to satisfy constraint: Member must satisfy enum value set: [OFF, ON, OPTIONAL]"),
        ("CreateUserPool", {"PoolName": ""}, "2 validation errors detected: Value '' at 'poolName' failed to satisfy constraint: Member must have length greater than or equal to 1; "),
        ("CreateUserPool", {"PoolName": "p", "Schema": [{"Name": "level", "AttributeDataType": "Text"}]}, "1 validation error detected: Value 'Text' at 'schema.1.member.attributeDataType' "),
        ("CreateUserPoolClient", {"UserPoolId": "p", "ClientName": "c", "ClientSecret": "short"}, "2 validation errors detected: Value 'p' at 'userPoolId' "),
    ],
)  # fmt: skip
def test_constraints(operation: str, members: dict[str, Any], message: str) -> None:
    """Violations of patterns, enumerations and lengths are all in one message, in Cognito's words."""
    with pytest.raises(PoolRefusal) as caught:
        LocalCognito().answer(operation, members)

    assert caught.value.code == "InvalidParameterException"
    assert caught.value.message.startswith(message)
    assert "short" not in caught.value.message


def recovery(*mechanisms: str, step: int = 1) -> dict[str, Any]:
    """Return an AccountRecoverySetting."""
    recovery_mechanisms = [{"Name": name, "Priority": 1 + number * step} for number, name in enumerate(mechanisms)]
    return {"AccountRecoverySetting": {"RecoveryMechanisms": recovery_mechanisms}}


V2 = {"LambdaVersion": "V2_0", "LambdaArn": "arn:aws:lambda:eu-west-1:123456789012:function:a"}
TEAM = {"Name": "team", "AttributeDataType": "String"}
EMAIL_FIRST = {"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP"]}}
POOLS: list[tuple[dict[str, Any], str]] = [
    ({"AliasAttributes": ["email"], "UsernameAttributes": ["email"]}, "Only one of the aliasAttributes or"),
    (recovery("admin_only", "verified_email"), "cannot use admin_only setting with any other"),
    (recovery("verified_email", "verified_email"), "cannot have duplicate priorities or"),
    (recovery("verified_email", "verified_phone_number", step=0), "cannot have duplicate priorities or"),
    ({"Schema": [TEAM, TEAM]}, "Duplicate custom attribute names custom:team are not allowed"),
    ({"UserAttributeUpdateSettings": {"AttributesRequireVerificationBeforeUpdate": ["email"]}},
        "must exist in AutoVerifiedAttributes"),
    ({"Policies": {"SignInPolicy": {"AllowedFirstAuthFactors": ["EMAIL_OTP"]}}}, "Password should be configured"),
    ({"UserPoolTier": "LITE", "Policies": EMAIL_FIRST}, "LITE pricing tier configured: Passwordless Sign-In"),
    ({"UserPoolTier": "LITE", "LambdaConfig": {"PreTokenGenerationConfig": V2}}, "Pre-Token Generation Lambda V2_0"),
    ({"AdminCreateUserConfig": {"UnusedAccountValidityDays": 3},
        "Policies": {"PasswordPolicy": {"TemporaryPasswordValidityDays": 3}}}, "instead of UnusedAccountValidityDays"),
]  # fmt: skip
CLIENTS: list[tuple[dict[str, Any], str]] = [
    ({"ReadAttributes": ["custom:none"]}, "Invalid read attributes specified while creating a client"),
    ({"WriteAttributes": ["email", "custom:none"]}, "Invalid write attributes specified while creating a client"),
    ({"WriteAttributes": ["custom:team"]}, "Invalid write attributes"),
    ({"WriteAttributes": ["email", "email_verified"]}, "Invalid write attributes"),
    ({"ExplicitAuthFlows": ["ALLOW_USER_AUTH", "USER_PASSWORD_AUTH"]}, "cannot be used with legacy auth flow names"),
    ({"AccessTokenValidity": 25}, "Invalid range for token validity."),
    ({"IdTokenValidity": 4, "TokenValidityUnits": {"IdToken": "minutes"}}, "Invalid range for token validity."),
    ({"RefreshTokenValidity": 59, "TokenValidityUnits": {"RefreshToken": "minutes"}}, "Invalid range for token"),
    ({"AccessTokenValidity": 3, "RefreshTokenValidity": 2, "TokenValidityUnits": {"RefreshToken": "hours"}},
        "must be less than or equal to refresh token expiration times."),
]  # fmt: skip


def test_settings_that_contradict_each_other() -> None:
    """Creating or updating with contradictory settings is refused in AWS's words."""
    cognito = LocalCognito()

    def refused(operation: str, **members: Any) -> str:
        with pytest.raises(PoolRefusal) as caught:
            cognito.answer(operation, members)
        return caught.value.message

    schema = [{"Name": "email", "Required": True}, TEAM]
    cognito.answer("CreateUserPool", {"PoolName": "x", "UserPoolTier": "LITE"})
    described = cognito.answer("CreateUserPool", {"PoolName": "x", "Schema": schema})["UserPool"]
    pool = {"UserPoolId": described["Id"]}
    for members, message in POOLS:
        assert message in refused("CreateUserPool", PoolName="x", **members)
    for members, message in CLIENTS:
        assert message in refused("CreateUserPoolClient", **pool, ClientName="x", **members)
    assert "admin_only" in refused("UpdateUserPool", **pool, **POOLS[1][0])
    valid = {"WriteAttributes": ["email", "custom:team"]}
    client = cognito.answer("CreateUserPoolClient", {**pool, "ClientName": "x", **valid})["UserPoolClient"]
    assert client["WriteAttributes"] == ["custom:team", "email"]
    app = {**pool, "ClientId": client["ClientId"]}
    assert refused("UpdateUserPoolClient", **app, WriteAttributes=["sub"]).endswith("while updating a client")
    assert cognito.answer("DescribeUserPoolClient", app)["UserPoolClient"]["WriteAttributes"] == [
        "custom:team",
        "email",
    ]


@pytest.mark.parametrize(
    "setting",
    [
        {"schema": [{"name": "custom:team"}]}, {"device": {}}, {"password_policy": {"minimum_length": 6}},
        {"webauthn": {}}, {"contradictions": {"a": 1}}, {"triggers": {}},
    ],
)  # fmt: skip
def test_a_setting_of_another_type(setting: dict[str, Any]) -> None:
    """A mapping where the library expects one of its classes is a TypeError that names the setting and the class."""
    (name,) = setting
    with pytest.raises(TypeError, match=rf"{name}.*(SchemaAttribute|Device|Policy|WebAuthn|Contrad|Trigg)"):
        LocalPool(**setting)


def test_ids_must_be_unique() -> None:
    """A second pool or app client with the same id is a ValueError that names the first one's pool."""
    cognito = LocalCognito()
    pool = cognito.pool(client_id="web")
    with pytest.raises(ValueError, match=f"there is a pool {pool.pool_id} already"):
        cognito.pool(pool_id=pool.pool_id)
    with pytest.raises(ValueError, match=f"the pool {pool.pool_id} has an app client web already"):
        cognito.pool(client_id="web")
    with pytest.raises(ValueError, match="the pool has an app client web already"):
        pool.add_client(client_id="web")


def test_a_pool_that_is_not_added() -> None:
    """A pool whose id is taken keeps its own list of accepted requests."""
    cognito, other = LocalCognito(), LocalPool(pool_id="eu-west-1_a", accept=["all"])
    cognito.pool(pool_id="eu-west-1_a")
    with pytest.raises(ValueError, match="there is a pool eu-west-1_a already"):
        cognito.add(other)
    other.answer("AdminCreateUser", {"UserPoolId": "eu-west-1_a", "Username": "ada", "TemporaryPassword": "weak"})

    assert cognito.accepted == ()
    assert [each.check for each in other.accepted] == ["weak-passwords"]


def test_settings_of_a_region() -> None:
    """Settings of a region are the defaults of its pools; an unknown one is refused."""
    assert LocalCognito(mfa="OPTIONAL").pool().configuration.mfa == "OPTIONAL"
    description = {"UserPool": {"Id": "eu-west-1_AbCdEfGhI"}}
    assert LocalCognito(tier="LITE").like(description).configuration.tier == "LITE"
    with pytest.raises(TypeError, match="no setting colour; the settings are accept,"):
        LocalCognito(colour="red")


def test_required_attributes_of_a_region_are_not_those_of_pools_that_clients_create() -> None:
    """CreateUserPool returns a pool that requires only what its request requires; `pool` uses the region's default."""
    cognito = LocalCognito(required_attributes=["email"])
    created = cognito.client().create_user_pool(PoolName="staff")["UserPool"]

    required = [each["Name"] for each in created["SchemaAttributes"] if each["Required"]]

    assert required == ["sub"]
    assert cognito.pool().configuration.required_attributes == ("email",)


def test_an_update_is_not_refused_for_what_it_does_not_touch() -> None:
    """UpdateUserPool is refused only for settings that the request has, not for those that the pool keeps."""
    boto = LocalCognito().client()
    invited = {"AllowAdminCreateUserOnly": True, "UnusedAccountValidityDays": 3}
    pool_id = boto.create_user_pool(PoolName="p", AdminCreateUserConfig=invited)["UserPool"]["Id"]
    boto.update_user_pool(UserPoolId=pool_id, AdminCreateUserConfig=invited)
    policy = {"PasswordPolicy": {"TemporaryPasswordValidityDays": 3}}
    with pytest.raises(boto.exceptions.InvalidParameterException, match="instead of UnusedAccountValidityDays"):
        boto.update_user_pool(UserPoolId=pool_id, AdminCreateUserConfig=invited, Policies=policy)

    policies = {"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "WEB_AUTHN"]}}
    like = {"UserPool": {"Id": "eu-west-1_AbCdEfGhI", "MfaConfiguration": "ON", "Policies": policies}}
    pool = LocalPool.like(like)  # FactorConfiguration is unknown
    pool.client().update_user_pool(UserPoolId=pool.pool_id, AutoVerifiedAttributes=["email"])


def test_a_region_of_another_type() -> None:
    """A region that is not text is refused."""
    wrong: Any = 5
    with pytest.raises(TypeError, match="region must be text"):
        LocalCognito(region=wrong)


def test_a_custom_attribute_with_a_standard_name() -> None:
    """AddCustomAttributes adds the prefix to every name, also to that of a standard attribute."""
    boto = LocalCognito().client()
    pool_id = boto.create_user_pool(PoolName="app")["UserPool"]["Id"]
    attribute: dict[str, Any] = {"Name": "email", "AttributeDataType": "Number"}
    with pytest.raises(ClientError, match="Required custom attributes are not supported"):
        boto.add_custom_attributes(UserPoolId=pool_id, CustomAttributes=[attribute | {"Required": True}])
    boto.add_custom_attributes(UserPoolId=pool_id, CustomAttributes=[attribute])

    schema = boto.describe_user_pool(UserPoolId=pool_id)["UserPool"]["SchemaAttributes"]
    types = {each["Name"]: each["AttributeDataType"] for each in schema}
    assert (types["custom:email"], types["email"]) == ("Number", "String")


def test_accepted_requests_of_several_threads() -> None:
    """Each request that `accept` lets succeed is recorded with its own operation, while others are answered."""
    pool = LocalPool(accept=["invalid-names"])
    user, group = {"UserPoolId": pool.pool_id, "Username": "x"}, {"UserPoolId": pool.pool_id, "GroupName": "a b"}

    def send(operation: str, members: dict[str, Any]) -> None:
        for _ in range(300):
            with pytest.raises(PoolRefusal):
                pool.answer(operation, members)

    threads = [Thread(target=send, args=each) for each in (("AdminGetUser", user), ("DeleteGroup", group))]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for each in threads:
            each.start()
        for each in threads:
            each.join()
    finally:
        sys.setswitchinterval(interval)

    assert [each.operation for each in pool.accepted] == ["DeleteGroup"] * 300


def test_a_deleted_pool_answers_no_more() -> None:
    """After DeleteUserPool its app client is unknown, also to a boto3 client that used it before."""
    client = LocalCognito().client()
    pool = client.create_user_pool(PoolName="gone")["UserPool"]["Id"]
    app = client.create_user_pool_client(UserPoolId=pool, ClientName="app")["UserPoolClient"]["ClientId"]
    client.sign_up(ClientId=app, Username="ada", Password="Correct-Horse-1")
    client.delete_user_pool(UserPoolId=pool)
    unknown = client.exceptions.ResourceNotFoundException
    with pytest.raises(unknown):
        client.sign_up(ClientId=app, Username="bob", Password="Correct-Horse-1")
    with pytest.raises(unknown):
        client.forgot_password(ClientId=app, Username="ada")


def test_a_pagination_token_that_is_none() -> None:
    """An unknown pagination token is refused."""
    client = LocalCognito().client()
    pool = client.create_user_pool(PoolName="pages")["UserPool"]["Id"]
    with pytest.raises(client.exceptions.InvalidParameterException, match="pagination token"):
        client.list_users(UserPoolId=pool, PaginationToken="garbage")


def test_client_secrets() -> None:
    """An app client has up to two secrets, each valid until it is deleted; the last one cannot be."""
    cognito = LocalCognito(clock=ManualClock())
    pool_id = cognito.answer("CreateUserPool", {"PoolName": "app"})["UserPool"]["Id"]
    settings = {"UserPoolId": pool_id, "ClientName": "web", "GenerateSecret": True}
    app = cognito.answer("CreateUserPoolClient", settings)["UserPoolClient"]
    client, own = {"UserPoolId": pool_id, "ClientId": app["ClientId"]}, "o" * 24

    def is_valid(secret: str) -> bool:
        members = {"ClientId": app["ClientId"], "Token": "none", "ClientSecret": secret}
        try:
            cognito.answer("RevokeToken", members)
        except PoolRefusal as refusal:
            return "ClientSecret" not in refusal.message
        return True

    def ids() -> list[str]:
        secrets = cognito.answer("ListUserPoolClientSecrets", client)["ClientSecrets"]
        assert all(set(each) == {"ClientSecretId", "ClientSecretCreateDate"} for each in secrets)
        return [each["ClientSecretId"] for each in secrets]

    first = ids()
    added = cognito.answer("AddUserPoolClientSecret", {**client, "ClientSecret": own})["ClientSecretDescriptor"]
    assert ids() == [*first, added["ClientSecretId"]]
    assert "ClientSecretValue" not in added
    assert is_valid(app["ClientSecret"])
    assert is_valid(own)
    with pytest.raises(PoolRefusal, match="LimitExceeded"):
        cognito.answer("AddUserPoolClientSecret", client)
    cognito.answer("UpdateUserPoolClient", {**client, "ClientName": "other"})
    cognito.answer("DeleteUserPoolClientSecret", {**client, "ClientSecretId": first[0]})
    assert ids() == [added["ClientSecretId"]]
    assert not is_valid(app["ClientSecret"])
    assert is_valid(own)
    with pytest.raises(PoolRefusal, match="InvalidParameter"):
        cognito.answer("DeleteUserPoolClientSecret", {**client, "ClientSecretId": added["ClientSecretId"]})
    with pytest.raises(PoolRefusal, match="ResourceNotFound"):
        cognito.answer("DeleteUserPoolClientSecret", {**client, "ClientSecretId": "none"})
    new_secret = cognito.answer("AddUserPoolClientSecret", client)["ClientSecretDescriptor"]
    assert is_valid(new_secret["ClientSecretValue"])
    with pytest.raises(TypeError, match="no setting second_secret"):
        LocalPool(second_secret=own)


def _replies(pool: LocalPool) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the UserPool of DescribeUserPool's reply, and the reply of GetUserPoolMfaConfig."""
    target = {"UserPoolId": pool.pool_id}
    return pool.answer("DescribeUserPool", target)["UserPool"], pool.answer("GetUserPoolMfaConfig", target)


def _repeat_replies(pool: LocalPool) -> None:
    """Send what a pool shows back to it, one setting at a time and all together; nothing changes."""
    target, (described, mfa) = {"UserPoolId": pool.pool_id}, _replies(pool)
    # Cognito refuses it together with TemporaryPasswordValidityDays, and programs that repeat a description leave it out.
    admin = {n: e for n, e in described["AdminCreateUserConfig"].items() if n != "UnusedAccountValidityDays"}
    repeated = {**described, "AdminCreateUserConfig": admin}
    for name, each in repeated.items():
        copy = pool.fork()
        copy.answer("UpdateUserPool", {name: each, **target})
        assert _replies(copy)[1] == mfa
    pool.answer("UpdateUserPool", {**repeated, **target})
    assert pool.answer("SetUserPoolMfaConfig", {**mfa, **target}) == mfa
    described.pop("LastModifiedDate", None)
    after = _replies(pool)[0]
    assert {name: after.get(name) for name in described} == {**described, "AdminCreateUserConfig": admin}


def _repeat_client(pool: LocalPool) -> None:
    """Send what a pool shows of its app client back to it; nothing changes."""
    app = {"UserPoolId": pool.pool_id, "ClientId": pool.client_id}
    client = pool.answer("DescribeUserPoolClient", app)["UserPoolClient"]
    after = pool.answer("UpdateUserPoolClient", client)["UserPoolClient"]
    assert {**after, "LastModifiedDate": 0} == {**client, "LastModifiedDate": 0}


def test_a_repeated_setting_of_an_app_client() -> None:
    """Attributes that the description of the pool lacks are no reason to refuse the repetition of an app client's settings."""
    names = {"ReadAttributes": ["custom:team"], "WriteAttributes": ["custom:team", "email"]}
    pool = LocalPool.like({"Id": "eu-west-1_AbCdEfGhI"}, {"ClientId": "web", **names})
    _repeat_client(pool)
    app = {"UserPoolId": pool.pool_id, "ClientId": "web", **names}
    with pytest.raises(PoolRefusal, match="Invalid range for token validity"):
        pool.answer("UpdateUserPoolClient", {**app, "AccessTokenValidity": 100})


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("is_known", [True, False], ids=["with MfaConfig", "without MfaConfig"])
def test_a_pool_accepts_its_own_replies(seed: int, is_known: bool, signing_key: RSAKey) -> None:  # noqa: FBT001 - a parameter
    """The replies of DescribeUserPool and GetUserPoolMfaConfig are accepted by `like` and by the pool's own operations."""
    described, mfa = _replies(RandomPool(seed, signing_key).pool)
    pool = LocalPool.like({"UserPool": described}, None, mfa if is_known else None, key=signing_key)
    if is_known:
        assert _replies(pool) == ({**described, "EstimatedNumberOfUsers": 0}, mfa)
    again = LocalPool.like({"UserPool": described}, None, _replies(pool)[1], key=signing_key)
    assert _replies(again) == _replies(pool)
    _repeat_replies(pool)
    _repeat_client(pool)


_EMAIL_OR_PASSWORD: dict[str, Any] = _with_first_factors("EMAIL_OTP")


@pytest.mark.parametrize(
    ("user_pool", "mfa"),
    [
        ({"MfaConfiguration": "ON", **_EMAIL_OR_PASSWORD}, _TOTP),
        ({"MfaConfiguration": "ON", **_with_first_factors("WEB_AUTHN")}, _TOTP),
        ({"MfaConfiguration": "ON", **_with_first_factors("WEB_AUTHN")}, _TOTP | _PASSKEYS),
        ({"MfaConfiguration": "OPTIONAL"}, {}),
        ({"MfaConfiguration": "OFF"}, _TOTP),
        ({"UserPoolTier": "LITE", **_EMAIL_OR_PASSWORD}, {}),
        (recovery("admin_only", "verified_email"), {}),
    ],
    ids=str,
)
def test_a_repeated_setting_is_no_change(user_pool: dict[str, Any], mfa: dict[str, Any]) -> None:
    """A setting that Cognito refuses, but that the pool of an older state file has, is no reason to refuse its repetition."""
    cognito = LocalCognito()
    mode = user_pool.get("MfaConfiguration", "OFF")
    pool = cognito.restore("eu-west-1_old", {"UserPool": user_pool, "MfaConfig": {**mfa, "MfaConfiguration": mode}})
    cognito.add(pool)

    _repeat_replies(pool)


def test_a_repeated_setting_with_a_change() -> None:
    """A request that repeats MFA ON and changes only a message is accepted; one that changes the first factors is not."""
    cognito, target = LocalCognito(), {"UserPoolId": "eu-west-1_old"}
    users = {"MfaConfiguration": "ON", **_EMAIL_OR_PASSWORD}
    cognito.add(cognito.restore(target["UserPoolId"], {"UserPool": users, "MfaConfig": {**users, **_TOTP}}))
    cognito.answer("SetUserPoolMfaConfig", {**target, "MfaConfiguration": "ON", **_TOTP, **_EMAIL})
    with pytest.raises(PoolRefusal, match=_PASSKEYS_NOT_MFA):
        cognito.answer("UpdateUserPool", {**target, **users, **_with_first_factors("EMAIL_OTP", "WEB_AUTHN")})
    cognito.answer("UpdateUserPool", {**target, "MfaConfiguration": "OPTIONAL"})
    with pytest.raises(PoolRefusal, match=_ONLY):
        cognito.answer("UpdateUserPool", {**target, **users})


def test_an_unknown_mfa_configuration_stays_unknown() -> None:
    """Without GetUserPoolMfaConfig's reply passkeys may satisfy MFA, also after the pool was changed and restored."""
    cognito = LocalCognito()
    pool = cognito.like({"UserPool": {"Id": "eu-west-1_AbCdEfGhI", "MfaConfiguration": "OPTIONAL"}})
    target = {"UserPoolId": pool.pool_id}
    pool.answer("TagResource", {"ResourceArn": _replies(pool)[0]["Arn"], "Tags": {"a": "b"}})
    pool.answer("UpdateUserPool", {**target, "PoolName": "renamed"})
    described, mfa = _replies(pool)
    restored = LocalCognito().restore(pool.pool_id, {"UserPool": described, "MfaConfig": mfa})
    for each in (pool, restored):
        each.answer("UpdateUserPool", {**target, "MfaConfiguration": "ON", **_with_first_factors("WEB_AUTHN")})


@pytest.mark.parametrize("more", [{}, _PASSKEYS["WebAuthnConfiguration"]], ids=str)
def test_passkeys_that_a_request_leaves_out(more: dict[str, str]) -> None:
    """SetUserPoolMfaConfig without WebAuthnConfiguration means SINGLE_FACTOR, whatever the pool had (measured by cdkd)."""
    boto = LocalCognito().client()
    passkeys = {"WebAuthnConfiguration": {**_MULTI["WebAuthnConfiguration"], **more}}
    pool_id = boto.create_user_pool(PoolName="p", **_with_first_factors("WEB_AUTHN"))["UserPool"]["Id"]
    required = {"UserPoolId": pool_id, "MfaConfiguration": "ON", **_TOTP}
    boto.set_user_pool_mfa_config(**required, **passkeys)
    with pytest.raises(boto.exceptions.InvalidParameterException, match=_SINGLE):
        boto.set_user_pool_mfa_config(**required)
    shown = boto.get_user_pool_mfa_config(UserPoolId=pool_id)
    assert shown["WebAuthnConfiguration"]["FactorConfiguration"] == "MULTI_FACTOR_WITH_USER_VERIFICATION"
