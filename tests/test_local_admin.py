"""What administrators do in the embedded pool: they make users, see them, change them and let them go."""

from __future__ import annotations

from typing import Any

import pytest
from api_client import ApiClient, refused
from joserfc.jwk import RSAKey

from authfsm.local import DeviceConfiguration, LocalPool, ManualClock, WebAuthnConfiguration

PASSWORD = "Correct-h0rse"
NEW = "New-Passw0rd!"
NOBODY = ("UserNotFoundException", "User does not exist.")


class Admin(ApiClient):
    """A conversation of an administrator's."""

    def do(self, operation: str, username: str | None = "ada", **more: Any) -> Any:
        """An Admin* operation on a user."""
        named = {} if username is None else {"Username": username}
        call = getattr(self.boto, operation)
        return call(UserPoolId=self.pool.pool_id, **named, **more)

    def create(self, username: str = "ada", **more: Any) -> Any:
        """AdminCreateUser."""
        given = [{"Name": n, "Value": v} for n, v in more.pop("attributes", {}).items()]
        return self.do("admin_create_user", username, UserAttributes=given, **more)["User"]


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands still."""
    return ManualClock()


@pytest.fixture
def talk(signing_key: RSAKey, clock: ManualClock) -> Admin:
    """A conversation with an empty pool."""
    return Admin(LocalPool(key=signing_key, clock=clock))


class TestMaking:
    """AdminCreateUser."""

    def test_an_invitation(self, talk: Admin) -> None:
        """The invitation brings the temporary password, which must be changed at the first sign-in."""
        made = talk.create(
            attributes={"email": "ada@example.com"}, DesiredDeliveryMediums=["EMAIL"]
        )
        invitation = talk.pool.outbox[-1]
        asked = talk.password("ada", invitation.code.reveal())

        assert made["UserStatus"] == "FORCE_CHANGE_PASSWORD"
        assert (invitation.to, invitation.purpose) == ("ada@example.com", "AdminCreateUser")
        assert asked["ChallengeName"] == "NEW_PASSWORD_REQUIRED"

    def test_by_sms_unless_told_otherwise(self, talk: Admin) -> None:
        """The default medium is SMS: without a number nothing is sent."""
        talk.create(attributes={"email": "ada@example.com"})

        assert len(talk.pool.outbox) == 0

    def test_again(self, talk: Admin, clock: ManualClock) -> None:
        """RESEND brings a new temporary password, and its days begin anew."""
        talk.create(TemporaryPassword=PASSWORD)
        clock.advance(8 * 86400)
        talk.create(MessageAction="RESEND", TemporaryPassword=NEW)

        assert talk.password("ada", NEW)["ChallengeName"] == "NEW_PASSWORD_REQUIRED"

    def test_again_for_nothing(self, talk: Admin) -> None:
        """Who has signed in is not invited again."""
        talk.pool.add_user("ada", PASSWORD)
        with refused(
            "UnsupportedUserStateException",
            "Resend not possible. ada status is not FORCE_CHANGE_PASSWORD",
        ):
            talk.create(MessageAction="RESEND")

    @pytest.mark.parametrize("factor", ["EMAIL_OTP", "SMS_OTP"])
    def test_without_a_password(self, signing_key: RSAKey, factor: str) -> None:
        """Where a code is a first factor, who gets no password is CONFIRMED and has none (measured)."""
        factors = [factor, "PASSWORD"]
        talk = Admin(LocalPool(key=signing_key, allowed_first_auth_factors=factors))

        assert talk.create()["UserStatus"] == "CONFIRMED"

    def test_none_to_bring(self, signing_key: RSAKey, talk: Admin) -> None:
        """No password is made up that nobody would be told, nor beside passkeys."""
        required = ("InvalidParameterException", "User is required to have a password")
        with refused(*required):
            talk.create(MessageAction="SUPPRESS")
        passkeys = LocalPool(
            key=signing_key,
            allowed_first_auth_factors=["PASSWORD", "WEB_AUTHN"],
            webauthn=WebAuthnConfiguration("example.com"),
        )
        with refused(*required):
            Admin(passkeys).create()

    def test_an_alias(self, signing_key: RSAKey) -> None:
        """A verified address that signs somebody in is refused, or taken over by force."""
        talk = Admin(LocalPool(key=signing_key, aliases=["email"]))
        talk.pool.add_user("bea", PASSWORD, email="us@example.com")
        given = {"email": "us@example.com", "email_verified": "true"}
        with refused("AliasExistsException", "An account with the given email already exists."):
            talk.create(attributes=given)
        talk.create(attributes=given, ForceAliasCreation=True)

        assert talk.pool.user("us@example.com").username == "ada"


class TestChanging:
    """A user's state."""

    @pytest.fixture
    def talk(self, signing_key: RSAKey, clock: ManualClock) -> Admin:
        """A conversation with a pool that has one user."""
        pool = LocalPool(key=signing_key, clock=clock)
        pool.add_user("ada", PASSWORD, email="ada@example.com")
        return Admin(pool)

    def test_confirmed(self, talk: Admin) -> None:
        """AdminConfirmSignUp: without a code, and without verifying the address."""
        talk.boto.sign_up(
            ClientId=talk.app.client_id,
            Username="bea",
            Password=PASSWORD,
            UserAttributes=[{"Name": "email", "Value": "bea@example.com"}],
        )
        talk.do("admin_confirm_sign_up", "bea")

        assert "AuthenticationResult" in talk.password("bea", PASSWORD)
        assert talk.pool.user("bea").attributes["email_verified"] == "false"
        with refused(
            "NotAuthorizedException", "User cannot be confirmed. Current status is CONFIRMED"
        ):
            talk.do("admin_confirm_sign_up", "bea")

    def test_disabled(self, talk: Admin) -> None:
        """AdminDisableUser revokes the tokens; AdminEnableUser does not bring them back."""
        tokens = talk.password("ada", PASSWORD)["AuthenticationResult"]
        talk.do("admin_disable_user")
        with refused("NotAuthorizedException", "User is disabled."):
            talk.password("ada", PASSWORD)
        talk.do("admin_enable_user")
        with refused("NotAuthorizedException", "Access Token has been revoked"):
            talk.boto.get_user(AccessToken=tokens["AccessToken"])

        assert "AuthenticationResult" in talk.password("ada", PASSWORD)

    def test_signed_out(self, talk: Admin) -> None:
        """AdminUserGlobalSignOut revokes every token."""
        tokens = talk.password("ada", PASSWORD)["AuthenticationResult"]
        talk.do("admin_user_global_sign_out")
        with refused("NotAuthorizedException", "Refresh Token has been revoked"):
            talk.initiate("REFRESH_TOKEN_AUTH", REFRESH_TOKEN=tokens["RefreshToken"])

    def test_deleted(self, talk: Admin) -> None:
        """AdminDeleteUser: the sign-in that was under way ends too."""
        talk.pool.user("ada").status = type(talk.pool.user("ada").status)("FORCE_CHANGE_PASSWORD")
        asked = talk.password("ada", PASSWORD)
        talk.do("admin_delete_user")
        with refused("NotAuthorizedException", "Invalid session for the user."):
            talk.answer(asked, "ada", NEW_PASSWORD=NEW)
        with refused(*NOBODY):
            talk.do("admin_get_user")

    def test_attributes(self, talk: Admin) -> None:
        """AdminUpdateUserAttributes marks an address verified; else a code goes to a new one."""
        update = "admin_update_user_attributes"
        given = {"Name": "email", "Value": "new@example.com"}
        talk.do(update, UserAttributes=[{"Name": "email_verified", "Value": "true"}, given])

        assert talk.pool.user("ada").attributes["email_verified"] == "true"
        assert len(talk.pool.outbox) == 0
        talk.do(update, UserAttributes=[{**given, "Value": "newer@example.com"}])
        assert talk.pool.user("ada").attributes["email_verified"] == "false"
        assert talk.pool.outbox[-1].to == "newer@example.com"

    def test_groups(self, talk: Admin) -> None:
        """Groups are shown, and left."""
        talk.do("admin_add_user_to_group", GroupName="engines")
        talk.do("admin_add_user_to_group", GroupName="poets")
        talk.do("admin_remove_user_from_group", GroupName="poets")
        groups = talk.do("admin_list_groups_for_user")["Groups"]

        assert [each["GroupName"] for each in groups] == ["engines"]

    def test_nobody(self, talk: Admin) -> None:
        """Every one of them says that there is no such user."""
        for operation in (
            "admin_confirm_sign_up",
            "admin_delete_user",
            "admin_disable_user",
            "admin_enable_user",
            "admin_get_user",
            "admin_list_devices",
            "admin_list_groups_for_user",
            "admin_reset_user_password",
            "admin_user_global_sign_out",
        ):
            with refused(*NOBODY):
                talk.do(operation, "nobody")


class TestListing:
    """ListUsers."""

    @pytest.fixture
    def talk(self, signing_key: RSAKey) -> Admin:
        """A conversation with a pool of three."""
        pool = LocalPool(key=signing_key)
        for name in ("ada", "bea", "cleo"):
            pool.add_user(name, PASSWORD, email=f"{name}@example.com", enabled=name != "bea")
        return Admin(pool)

    def names(self, talk: Admin, **asked: Any) -> list[str]:
        """Who is found."""
        found = talk.do("list_users", None, **asked)["Users"]
        return [each["Username"] for each in found]

    def test_pages(self, talk: Admin) -> None:
        """A page at a time."""
        pages = talk.boto.get_paginator("list_users").paginate(
            UserPoolId=talk.pool.pool_id, Limit=2
        )

        assert [len(page["Users"]) for page in pages] == [2, 1]

    @pytest.mark.parametrize(
        ("wanted", "found"),
        [
            ('email = "bea@example.com"', ["bea"]),
            ('email ^= "c"', ["cleo"]),
            ('status = "Disabled"', ["bea"]),
            ('username ^= "a"', ["ada"]),
            ('cognito:user_status = "CONFIRMED"', ["ada", "bea", "cleo"]),
            ('name = "Ada"', []),
        ],
    )
    def test_filters(self, talk: Admin, wanted: str, found: list[str]) -> None:
        """Only those of a filter."""
        assert self.names(talk, Filter=wanted) == found

    def test_a_filter_that_is_none(self, talk: Admin) -> None:
        """Another language is refused."""
        with pytest.raises(talk.boto.exceptions.InvalidParameterException):
            self.names(talk, Filter="email like 'x'")

    def test_some_attributes(self, talk: Admin) -> None:
        """AttributesToGet leaves the others out."""
        user = talk.do("list_users", None, AttributesToGet=["email"], Limit=1)["Users"][0]

        assert user["Attributes"] == [{"Name": "email", "Value": "ada@example.com"}]


def test_devices(signing_key: RSAKey) -> None:
    """Devices are seen, remembered, forgotten."""
    pool = LocalPool(key=signing_key, device=DeviceConfiguration())
    pool.add_user("ada", PASSWORD)
    talk = Admin(pool)
    tokens = talk.password("ada", PASSWORD)["AuthenticationResult"]
    key = tokens["NewDeviceMetadata"]["DeviceKey"]
    talk.boto.confirm_device(
        AccessToken=tokens["AccessToken"],
        DeviceKey=key,
        DeviceName="engine",
        DeviceSecretVerifierConfig={"PasswordVerifier": "AQI=", "Salt": "AQI="},
    )
    talk.do("admin_update_device_status", DeviceKey=key, DeviceRememberedStatus="not_remembered")
    shown = talk.do("admin_get_device", DeviceKey=key)["Device"]["DeviceAttributes"]

    assert {"Name": "dev:device_remembered_status", "Value": "not_remembered"} in shown
    assert [each["DeviceKey"] for each in talk.do("admin_list_devices")["Devices"]] == [key]
    talk.do("admin_forget_device", DeviceKey=key)
    assert talk.do("admin_list_devices")["Devices"] == []
