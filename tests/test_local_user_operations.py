"""Operations on users: attributes, settings, factors, lists and events, with Cognito's checks and errors."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pyotp
import pytest
from api_client import MISMATCH, WRONG, ApiClient, refused
from joserfc.jwk import RSAKey

from authfsm import Code
from authfsm.local import Contradictions, LocalPool, PoolRefusal, SchemaAttribute, Triggers
from authfsm.local.state.records import Directory

PASSWORD = "Correct-h0rse"
TOTP = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
PHONE = "+15555550143"
DEVICE = f"eu-west-1_{UUID(int=1)}"
SMS = {"DeliveryMedium": "SMS", "AttributeName": "phone_number"}
SCHEMA = (SchemaAttribute("custom:team"), SchemaAttribute("custom:once", mutable=False))


@pytest.fixture
def api(signing_key: RSAKey) -> ApiClient:
    """A pool with ada, who has all addresses and an authenticator app."""
    pool = LocalPool(key=signing_key, mfa="OPTIONAL", schema=SCHEMA, required_attributes=["email"], tier="PLUS")
    own = {"nickname": "Countess", "custom:team": "engines", "custom:once": "set"}
    pool.add_user(
        "ada", PASSWORD, email="ada@example.com", phone_number=PHONE, attributes=own,
        totp_secret=TOTP, mfa=(),
    )  # fmt: skip
    return ApiClient(pool)


def token(api: ApiClient) -> str:
    """Sign ada in."""
    access_token: str = api.password("ada", PASSWORD)["AuthenticationResult"]["AccessToken"]
    return access_token


def admin(api: ApiClient, operation: str, **members: Any) -> Any:
    """Call an administrator's operation on ada."""
    return getattr(api.boto, operation)(UserPoolId=api.pool.pool_id, Username="ada", **members)


class TestDeleteUserAttributes:
    """DeleteUserAttributes and AdminDeleteUserAttributes."""

    def test_as_user(self, api: ApiClient) -> None:
        """An address is deleted with its verified mark; deleting an absent attribute is no error."""
        names = ["nickname", "phone_number", "family_name"]
        api.boto.delete_user_attributes(AccessToken=token(api), UserAttributeNames=names)

        remaining = {"email", "email_verified", "custom:team", "custom:once"}
        assert set(api.pool.user("ada").attributes) == remaining

    def test_as_administrator(self, api: ApiClient) -> None:
        """An administrator can also delete attributes that no app client may write."""
        with refused("NotAuthorizedException", "A client attempted to write unauthorized attribute"):
            api.boto.delete_user_attributes(AccessToken=token(api), UserAttributeNames=["custom:team"])
        admin(api, "admin_delete_user_attributes", UserAttributeNames=["custom:team"])

        assert "custom:team" not in api.pool.user("ada").attributes

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("email", "user.email: A required attribute cannot be deleted."),
            ("sub", "user.sub: Attribute cannot be updated."),
            ("custom:once", "user.custom:once: Attribute cannot be updated."),
            ("custom:none", "Invalid user attributes: user.custom:none: Attribute does not exist in the schema.\n"),
        ],
    )  # fmt: skip
    def test_refused(self, api: ApiClient, name: str, message: str) -> None:
        """A required, an immutable and an unknown attribute are refused, and nothing is deleted."""
        before = dict(api.pool.user("ada").attributes)
        with refused("InvalidParameterException", message):
            admin(api, "admin_delete_user_attributes", UserAttributeNames=["nickname", name])

        assert api.pool.user("ada").attributes == before

    @pytest.mark.parametrize("settings", [{"username_attributes": ["email"]}, {"required_attributes": ["email"]}])
    def test_a_blank_value_deletes_no_required_attribute(self, signing_key: RSAKey, settings: dict[str, Any]) -> None:
        """A blank value of UpdateUserAttributes and AdminUpdateUserAttributes is refused where a deletion is."""
        api = ApiClient(LocalPool(key=signing_key, **settings))
        name = "ada@example.com" if "username_attributes" in settings else "ada"
        user = api.pool.add_user(name, PASSWORD, email="ada@example.com")
        blank = [{"Name": "email", "Value": ""}]
        access = api.password(name, PASSWORD)["AuthenticationResult"]["AccessToken"]
        message = "user.email: A required attribute cannot be deleted."
        with refused("InvalidParameterException", message):
            api.boto.update_user_attributes(AccessToken=access, UserAttributes=blank)
        with refused("InvalidParameterException", message):
            api.boto.admin_update_user_attributes(UserPoolId=api.pool.pool_id, Username=name, UserAttributes=blank)

        assert user.attributes["email"] == "ada@example.com"


MEMBERS: dict[str, dict[str, Any]] = {
    "ChangePassword": {"PreviousPassword": PASSWORD, "ProposedPassword": PASSWORD},
    "CompleteWebAuthnRegistration": {"Credential": {}},
    "DeleteUserAttributes": {"UserAttributeNames": ["nickname"]},
    "DeleteWebAuthnCredential": {"CredentialId": "x"},
    "GetUserAttributeVerificationCode": {"AttributeName": "email"},
    "SetUserSettings": {"MFAOptions": []},
    "UpdateUserAttributes": {"UserAttributes": []},
    "VerifySoftwareToken": {"UserCode": "123456"},
    "VerifyUserAttribute": {"AttributeName": "email", "Code": "1"},
    **{name: {"DeviceKey": DEVICE} for name in ("ConfirmDevice", "ForgetDevice", "GetDevice", "UpdateDeviceStatus")},
}
"""The required members of operations with an access token."""


def test_no_token_is_accepted_from_a_user_who_must_reset_the_password(api: ApiClient) -> None:
    """Each operation with an access token for which the API lists PasswordResetRequiredException raises it."""
    access, model = token(api), api.boto.meta.service_model
    admin(api, "admin_reset_user_password")
    for name in model.operation_names:
        operation = model.operation_model(name)
        listed = any(each.name == "PasswordResetRequiredException" for each in operation.error_shapes)
        if listed and "AccessToken" in operation.input_shape.members:
            with pytest.raises(PoolRefusal, match="PasswordResetRequiredException"):
                api.pool.answer(name, {"AccessToken": access, **MEMBERS.get(name, {})})


class TestFactors:
    """SetUserSettings, AdminDeleteSoftwareToken, AdminGetUserAuthFactors."""

    @pytest.mark.parametrize("as_admin", [False, True])
    def test_settings(self, api: ApiClient, *, as_admin: bool) -> None:
        """MFAOptions switch SMS MFA on, and an empty list switches it off."""
        access = token(api)

        def set_options(options: list[dict[str, str]]) -> Any:
            if as_admin:
                admin(api, "admin_set_user_settings", MFAOptions=options)
            else:
                api.boto.set_user_settings(AccessToken=access, MFAOptions=options)
            return admin(api, "admin_get_user").get("UserMFASettingList")

        assert set_options([SMS]) == ["SMS_MFA"]
        assert set_options([]) == []

    def test_settings_refused(self, api: ApiClient) -> None:
        """SetUserSettings accepts only SMS to a phone number of the user."""
        wrong = "1 validation error detected: Value 'EMAIL' at 'mFAOptions.1.member.deliveryMedium' failed to satisfy constraint: Member must satisfy enum value set: [SMS]"
        with refused("InvalidParameterException", wrong):
            admin(api, "admin_set_user_settings", MFAOptions=[{**SMS, "DeliveryMedium": "EMAIL"}])
        null = (
            wrong.replace("'EMAIL'", "'null'")
            .replace("deliveryMedium", "attributeName")
            .replace("[SMS]", "[phone_number]")
        )
        with refused("InvalidParameterException", null):
            admin(api, "admin_set_user_settings", MFAOptions=[{"DeliveryMedium": "SMS"}])
        admin(api, "admin_delete_user_attributes", UserAttributeNames=["phone_number"])
        message = "User does not have delivery config set to turn on SMS_MFA"
        with refused("InvalidParameterException", message):
            admin(api, "admin_set_user_settings", MFAOptions=[SMS])

    def test_delete_software_token(self, api: ApiClient) -> None:
        """After the deletion the app is no factor, also in a pending sign-in; a new app can be set up."""
        preference = {"Enabled": True, "PreferredMfa": True}
        admin(api, "admin_set_user_mfa_preference", SoftwareTokenMfaSettings=preference)
        reply = api.password("ada", PASSWORD)
        factors = admin(api, "admin_get_user_auth_factors")
        assert factors["ConfiguredUserAuthFactors"] == ["PASSWORD", "SOFTWARE_TOKEN"]
        assert factors["PreferredMfaSetting"] == "SOFTWARE_TOKEN_MFA"
        admin(api, "admin_delete_software_token")

        why = "Software Token MFA does not exist for the user."
        with refused("SoftwareTokenMFANotFoundException", why):
            api.answer(reply, "ada", SOFTWARE_TOKEN_MFA_CODE=pyotp.TOTP(TOTP).now())
        assert admin(api, "admin_get_user_auth_factors")["ConfiguredUserAuthFactors"] == ["PASSWORD"]
        assert admin(api, "admin_get_user")["UserMFASettingList"] == []
        assert api.boto.associate_software_token(AccessToken=token(api))["SecretCode"]


class TestListUsers:
    """ListUsers."""

    @pytest.fixture
    def users_api(self, api: ApiClient) -> ApiClient:
        """Add users u0 to u4 beside ada."""
        for number in range(5):
            api.pool.add_user(f"u{number}", email=f"u{number}@example.org")
        return api

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ('username = "ada"', ["ada"]),
            ('username="ADA"', []),
            ('email ^= "u"', ["u0", "u1", "u2", "u3", "u4"]),
            ('email = "u3@example.org"', ["u3"]),
            ('cognito:user_status = "confirmed"', ["ada", "u0", "u1", "u2", "u3", "u4"]),
            ('status = "Disabled"', []),
            (f'phone_number = "{PHONE}"', ["ada"]),
            ('given_name = "a \\"quoted\\" name"', []),
            ("", ["ada", "u0", "u1", "u2", "u3", "u4"]),
        ],
    )
    def test_filters(self, users_api: ApiClient, text: str, expected: list[str]) -> None:
        """An exact value or a prefix, over all pages of two."""
        pages = users_api.boto.get_paginator("list_users").paginate(
            UserPoolId=users_api.pool.pool_id, Filter=text, PaginationConfig={"PageSize": 2}
        )

        assert [user["Username"] for page in pages for user in page["Users"]] == expected

    @pytest.mark.parametrize(
        ("members", "message"),
        [
            ({"Filter": "ada"}, "Error while parsing filter."),
            ({"Filter": 'username > "a"'}, "Error while parsing filter."),
            ({"Filter": 'custom:team = "a"'}, "Invalid search attribute: custom:team"),
            ({"AttributesToGet": ["custom:none"]}, "One or more requested attributes do not exist."),
        ],
    )
    def test_refused(self, api: ApiClient, members: Any, message: str) -> None:
        """An invalid filter, an attribute that cannot be searched, and an unknown one are refused."""
        with refused("InvalidParameterException", message):
            api.boto.list_users(UserPoolId=api.pool.pool_id, **members)


class TestAuthEvents:
    """AdminListUserAuthEvents."""

    def test_events_of_sign_ins(self, api: ApiClient) -> None:
        """A sign-in is one event with its challenges, whether or not it succeeds; a refresh is no event."""
        with refused(*WRONG):
            api.password("ada", "wrong")
        admin(api, "admin_set_user_mfa_preference", SMSMfaSettings={"Enabled": True})
        challenge = api.srp("ada", PASSWORD)
        with refused(*MISMATCH):
            api.answer(challenge, "ada", SMS_MFA_CODE="wrong")
        reply = api.answer(challenge, "ada", SMS_MFA_CODE=api.pool.outbox.code_for("ada"))
        tokens = reply["AuthenticationResult"]
        api.initiate("REFRESH_TOKEN_AUTH", REFRESH_TOKEN=tokens["RefreshToken"])
        api.boto.forgot_password(ClientId=api.app.client_id, Username="ada")
        api.password("ada", PASSWORD)

        first = admin(api, "admin_list_user_auth_events", MaxResults=3)
        rest = admin(api, "admin_list_user_auth_events", NextToken=first["NextToken"])
        events = [*first["AuthEvents"], *rest["AuthEvents"]]
        assert [
            (
                each["EventType"],
                each["EventResponse"],
                [(e["ChallengeName"], e["ChallengeResponse"]) for e in each["ChallengeResponses"]],
            )
            for each in events
        ] == [
            ("SignIn", "InProgress", [("Password", "Success")]),
            ("ForgotPassword", "Pass", []),
            ("SignIn", "Pass", [("Password", "Success"), ("Mfa", "Failure"), ("Mfa", "Success")]),
            ("SignIn", "Fail", [("Password", "Failure")]),
        ]
        assert "NextToken" not in rest

    def test_the_last_sixty_are_kept(self, signing_key: RSAKey) -> None:
        """A user has at most sixty events: the older ones are removed one by one."""
        pool = LocalPool(key=signing_key, tier="PLUS", per_user_quotas=False)
        pool.add_user("ada", PASSWORD, email="ada@example.com")
        for _ in range(62):
            pool.answer("ForgotPassword", {"ClientId": pool.client_id, "Username": "ada"})

        assert len(admin(ApiClient(pool), "admin_list_user_auth_events")["AuthEvents"]) == 60

    def test_without_threat_protection(self, signing_key: RSAKey) -> None:
        """A pool without threat protection has no events."""
        pool = LocalPool(key=signing_key)
        pool.add_user("ada", PASSWORD)
        message = "Threat protection is not enabled for the user pool."
        with refused("UserPoolAddOnNotEnabledException", message):
            admin(ApiClient(pool), "admin_list_user_auth_events")


# ---- codes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ada", "ADA@example.com", PHONE, "countess"])
def test_a_code_by_any_name(signing_key: RSAKey, name: str) -> None:
    """The outbox finds a code by each name of the user, also in a copy of the pool."""
    pool = LocalPool(
        key=signing_key, mfa="ON", mfa_methods=["SMS_MFA"], case_sensitive=False,
        aliases=["email", "phone_number", "preferred_username"],
    )  # fmt: skip
    nickname = {"preferred_username": "countess"}
    pool.add_user("ada", PASSWORD, email="ada@example.com", phone_number=PHONE, attributes=nickname)
    flow = pool.cognito().sign_in(name, PASSWORD)
    flow.answer(Code(pool.outbox.code_for(name)))

    assert flow.tokens is not None
    fork = pool.fork()
    fork.cognito().sign_in(name, PASSWORD)
    assert fork.outbox.code_for(name) == fork.outbox[-1].code.reveal()
    assert len(pool.outbox) == 1


ADDRESS = "ada@example.com"
CHANGES = [
    {"nickname": ""}, {"nickname": "x"}, {"preferred_username": ""}, {"preferred_username": "x"}, {"email": ""},
    {"email_verified": ""}, {"email_verified": "false"}, {"email": "x@example.com"},
]  # fmt: skip


@pytest.mark.parametrize("second", [{}, *CHANGES], ids=str)
@pytest.mark.parametrize("first", CHANGES, ids=str)
def test_names_follow_attributes(signing_key: RSAKey, first: dict[str, str], second: dict[str, str]) -> None:
    """A value of several attributes signs the user in as long as one of them is an alias, also once it is restored."""
    pool = LocalPool(key=signing_key, aliases=["email", "preferred_username"])
    same = {"nickname": ADDRESS, "preferred_username": ADDRESS}
    pool.add_user("ada", PASSWORD, email=ADDRESS, attributes=same)
    user = {"UserPoolId": pool.pool_id, "Username": "ada"}
    for change in (first, second):
        changed = [{"Name": name, "Value": value} for name, value in change.items()]
        pool.answer("AdminUpdateUserAttributes", {**user, "UserAttributes": changed})

    own = pool.user("ada").attributes
    is_email = own.get("email") == ADDRESS and own.get("email_verified") == "true"
    is_alias = is_email or own.get("preferred_username") == ADDRESS
    restored = Directory(pool.configuration)
    restored.restore(pool.user("ada"))
    for users in (pool._core.users, restored):
        assert (users.find(ADDRESS) is not None) == is_alias


def test_no_code() -> None:
    """Without a message to the name, the error says which names have one."""
    with pytest.raises(LookupError, match="no code was sent to eve: pass a name"):
        LocalPool().outbox.code_for("eve")


# ---- a second factor that DefineAuthChallenge names -------------------------------------------------


def define(event: dict[str, Any]) -> dict[str, Any]:
    """Name PASSWORD_VERIFIER, then SMS_MFA, then issue tokens."""
    challenge_names = [each["challengeName"] for each in event["request"]["session"]]
    following = {"SRP_A": "PASSWORD_VERIFIER", "PASSWORD_VERIFIER": "SMS_MFA"}.get(challenge_names[-1])
    event["response"].update(challengeName=following, issueTokens=following is None)
    return event


@pytest.mark.parametrize("named", [False, True])
def test_define_auth_challenge_names_sms_mfa(signing_key: RSAKey, *, named: bool) -> None:
    """By default the name is refused; with the setting, the code is sent, and tokens follow it."""
    contradictions = Contradictions(custom_auth_may_name_mfa=named)
    pool = LocalPool(key=signing_key, triggers=Triggers(define=define), contradictions=contradictions)
    pool.add_user("ada", PASSWORD, phone_number=PHONE)
    api = ApiClient(pool)
    challenge = api.initiate("CUSTOM_AUTH", USERNAME="ada", CHALLENGE_NAME="SRP_A", SRP_A=api.ephemeral.SRP_A)
    claim = api.claim(challenge, PASSWORD)
    if not named:
        with pytest.raises(api.boto.exceptions.InvalidLambdaResponseException):
            api.answer(challenge, "ada", **claim)
        return
    challenge = api.answer(challenge, "ada", **claim)
    assert challenge["ChallengeName"] == "SMS_MFA"
    reply = api.answer(challenge, "ada", SMS_MFA_CODE=pool.outbox.code_for("ada"))
    assert "AuthenticationResult" in reply
