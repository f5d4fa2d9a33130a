"""The operations for administrators in the local pool."""

from __future__ import annotations

from typing import Any

import pytest
from api_client import ApiClient, refused
from joserfc.jwk import RSAKey

from authfsm.local import DeviceConfiguration, LocalPool, ManualClock, WebAuthnConfiguration

PASSWORD = "Correct-h0rse"
NEW = "New-Passw0rd!"
NOBODY = ("UserNotFoundException", "User does not exist.")


class AdminClient(ApiClient):
    """An administrator's requests."""

    def do(self, operation: str, username: str | None = "ada", **more: Any) -> Any:
        """Send an Admin* operation on a user."""
        named = {} if username is None else {"Username": username}
        call = getattr(self.boto, operation)
        return call(UserPoolId=self.pool.pool_id, **named, **more)

    def create(self, username: str = "ada", **more: Any) -> Any:
        """Send AdminCreateUser."""
        attributes = [{"Name": n, "Value": v} for n, v in more.pop("attributes", {}).items()]
        return self.do("admin_create_user", username, UserAttributes=attributes, **more)["User"]


@pytest.fixture
def clock() -> ManualClock:
    """A clock that only tests advance."""
    return ManualClock()


@pytest.fixture
def talk(signing_key: RSAKey, clock: ManualClock) -> AdminClient:
    """An administrator of an empty pool."""
    return AdminClient(LocalPool(key=signing_key, clock=clock))


@pytest.mark.parametrize("settings", [{}, {"aliases": ["email"]}, {"username_attributes": ["email"]}])
def test_username_may_be_the_sub(signing_key: RSAKey, settings: dict[str, Any]) -> None:
    """Administrators' operations accept the `sub` as Username and change that user; sign-ins do not, unless it is the name."""
    talk = AdminClient(LocalPool(key=signing_key, **settings))
    name = "ada@example.com" if "username_attributes" in settings else "ada"
    user = talk.pool.add_user(name, PASSWORD)
    other = talk.pool.add_user("bob@example.com" if name != "ada" else "bob", PASSWORD)

    assert talk.do("admin_get_user", user.sub)["Username"] == user.username
    talk.do("admin_disable_user", user.sub)
    assert [talk.do("admin_get_user", each.username)["Enabled"] for each in (user, other)] == [False, True]
    talk.do("admin_enable_user", user.sub)
    if user.username != user.sub:
        with refused("NotAuthorizedException", "Incorrect username or password."):
            talk.password(user.sub, PASSWORD)
    talk.do("admin_delete_user", user.sub)
    with refused(*NOBODY):
        talk.do("admin_get_user", user.sub)
    assert talk.do("admin_get_user", other.sub)["Enabled"]


class TestAdminCreateUser:
    """AdminCreateUser."""

    def test_invitation(self, talk: AdminClient) -> None:
        """The invitation contains the temporary password, which the user must change at the first sign-in."""
        user = talk.create(attributes={"email": "ada@example.com"}, DesiredDeliveryMediums=["EMAIL"])
        invitation = talk.pool.outbox[-1]
        reply = talk.password("ada", invitation.code.reveal())

        assert user["UserStatus"] == "FORCE_CHANGE_PASSWORD"
        assert (invitation.to, invitation.purpose) == ("ada@example.com", "AdminCreateUser")
        assert reply["ChallengeName"] == "NEW_PASSWORD_REQUIRED"

    def test_default_medium_is_sms(self, talk: AdminClient) -> None:
        """Without a phone number no invitation is sent by default."""
        talk.create(attributes={"email": "ada@example.com"})

        assert len(talk.pool.outbox) == 0

    def test_resend(self, talk: AdminClient, clock: ManualClock) -> None:
        """RESEND sends a new temporary password, whose validity begins anew."""
        talk.create(TemporaryPassword=PASSWORD)
        clock.advance(8 * 86400)
        talk.create(MessageAction="RESEND", TemporaryPassword=NEW)

        assert talk.password("ada", NEW)["ChallengeName"] == "NEW_PASSWORD_REQUIRED"

    def test_resend_to_a_confirmed_user(self, talk: AdminClient) -> None:
        """RESEND is refused for a user who has signed in."""
        talk.pool.add_user("ada", PASSWORD)
        with refused(
            "UnsupportedUserStateException", "Resend not possible. ada status is not FORCE_CHANGE_PASSWORD"
        ):
            talk.create(MessageAction="RESEND")

    @pytest.mark.parametrize("factor", ["EMAIL_OTP", "SMS_OTP"])
    def test_passwordless_user(self, signing_key: RSAKey, factor: str) -> None:
        """Where a code can be the first factor, a user without a password is CONFIRMED (measured at Cognito)."""
        factors = [factor, "PASSWORD"]
        talk = AdminClient(LocalPool(key=signing_key, allowed_first_auth_factors=factors))

        assert talk.create()["UserStatus"] == "CONFIRMED"

    def test_password_cannot_be_delivered(self, signing_key: RSAKey, talk: AdminClient) -> None:
        """The pool generates no password if no message contains it, or with passkeys."""
        required = ("InvalidParameterException", "User is required to have a password")
        with refused(*required):
            talk.create(MessageAction="SUPPRESS")
        passkeys = LocalPool(
            key=signing_key,
            allowed_first_auth_factors=["PASSWORD", "WEB_AUTHN"],
            webauthn=WebAuthnConfiguration("example.com"),
        )
        with refused(*required):
            AdminClient(passkeys).create()

    def test_alias_conflict(self, signing_key: RSAKey) -> None:
        """A verified alias of another user is refused, or taken over with ForceAliasCreation."""
        talk = AdminClient(LocalPool(key=signing_key, aliases=["email"]))
        talk.pool.add_user("bea", PASSWORD, email="us@example.com")
        attributes = {"email": "us@example.com", "email_verified": "true"}
        with refused("AliasExistsException", "An account with the given email already exists."):
            talk.create(attributes=attributes)
        talk.create(attributes=attributes, ForceAliasCreation=True)

        assert talk.pool.user("us@example.com").username == "ada"


class TestUserState:
    """Confirming, disabling, signing out, deleting, groups."""

    @pytest.fixture
    def talk(self, signing_key: RSAKey, clock: ManualClock) -> AdminClient:
        """An administrator of a pool with one user."""
        pool = LocalPool(key=signing_key, clock=clock)
        pool.add_user("ada", PASSWORD, email="ada@example.com")
        return AdminClient(pool)

    def test_confirm_sign_up(self, talk: AdminClient) -> None:
        """AdminConfirmSignUp needs no code and verifies no address."""
        talk.boto.sign_up(
            ClientId=talk.app.client_id,
            Username="bea",
            Password=PASSWORD,
            UserAttributes=[{"Name": "email", "Value": "bea@example.com"}],
        )
        talk.do("admin_confirm_sign_up", "bea")

        assert "AuthenticationResult" in talk.password("bea", PASSWORD)
        assert talk.pool.user("bea").attributes["email_verified"] == "false"
        with refused("NotAuthorizedException", "User cannot be confirmed. Current status is CONFIRMED"):
            talk.do("admin_confirm_sign_up", "bea")

    def test_disable_and_enable(self, talk: AdminClient) -> None:
        """AdminDisableUser revokes the tokens; AdminEnableUser does not restore them."""
        tokens = talk.password("ada", PASSWORD)["AuthenticationResult"]
        talk.do("admin_disable_user")
        with refused("NotAuthorizedException", "User is disabled."):
            talk.password("ada", PASSWORD)
        talk.do("admin_enable_user")
        with refused("NotAuthorizedException", "Access Token has been revoked"):
            talk.boto.get_user(AccessToken=tokens["AccessToken"])

        assert "AuthenticationResult" in talk.password("ada", PASSWORD)

    def test_global_sign_out(self, talk: AdminClient) -> None:
        """AdminUserGlobalSignOut revokes all tokens."""
        tokens = talk.password("ada", PASSWORD)["AuthenticationResult"]
        talk.do("admin_user_global_sign_out")
        with refused("NotAuthorizedException", "Refresh Token has been revoked"):
            talk.initiate("REFRESH_TOKEN_AUTH", REFRESH_TOKEN=tokens["RefreshToken"])

    def test_delete_user(self, talk: AdminClient) -> None:
        """AdminDeleteUser also ends a sign-in under way."""
        talk.pool.user("ada").status = type(talk.pool.user("ada").status)("FORCE_CHANGE_PASSWORD")
        reply = talk.password("ada", PASSWORD)
        talk.do("admin_delete_user")
        with refused("NotAuthorizedException", "Invalid session for the user."):
            talk.answer(reply, "ada", NEW_PASSWORD=NEW)
        with refused(*NOBODY):
            talk.do("admin_get_user")

    def test_update_attributes(self, talk: AdminClient) -> None:
        """AdminUpdateUserAttributes can mark a new address as verified; otherwise it is sent a code."""
        update = "admin_update_user_attributes"
        attribute = {"Name": "email", "Value": "new@example.com"}
        talk.do(update, UserAttributes=[{"Name": "email_verified", "Value": "true"}, attribute])

        assert talk.pool.user("ada").attributes["email_verified"] == "true"
        assert len(talk.pool.outbox) == 0
        talk.do(update, UserAttributes=[{**attribute, "Value": "newer@example.com"}])
        assert talk.pool.user("ada").attributes["email_verified"] == "false"
        assert talk.pool.outbox[-1].to == "newer@example.com"

    def test_groups(self, talk: AdminClient) -> None:
        """Users can join and leave groups; for a missing group the error is "Group not found."."""
        for name in ("engines", "poets"):
            talk.do("create_group", None, GroupName=name)
        with refused("ResourceNotFoundException", "Group not found."):
            talk.do("admin_add_user_to_group", GroupName="painters")
        talk.do("admin_add_user_to_group", GroupName="engines")
        talk.do("admin_add_user_to_group", GroupName="poets")
        talk.do("admin_remove_user_from_group", GroupName="poets")
        groups = talk.do("admin_list_groups_for_user")["Groups"]

        assert [each["GroupName"] for each in groups] == ["engines"]

    def test_unknown_user(self, talk: AdminClient) -> None:
        """Every operation refuses an unknown user."""
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


class TestListUsers:
    """ListUsers."""

    @pytest.fixture
    def talk(self, signing_key: RSAKey) -> AdminClient:
        """An administrator of a pool with three users."""
        pool = LocalPool(key=signing_key)
        for name in ("ada", "bea", "cleo"):
            pool.add_user(name, PASSWORD, email=f"{name}@example.com", enabled=name != "bea")
        return AdminClient(pool)

    def names(self, talk: AdminClient, **members: Any) -> list[str]:
        """The names of the users that ListUsers returns."""
        found = talk.do("list_users", None, **members)["Users"]
        return [each["Username"] for each in found]

    def test_pages(self, talk: AdminClient) -> None:
        """ListUsers returns one page at a time."""
        pages = talk.boto.get_paginator("list_users").paginate(UserPoolId=talk.pool.pool_id, Limit=2)

        assert [len(page["Users"]) for page in pages] == [2, 1]

    @pytest.mark.parametrize(
        ("filter_", "found"),
        [
            ('email = "bea@example.com"', ["bea"]),
            ('email ^= "c"', ["cleo"]),
            ('status = "Disabled"', ["bea"]),
            ('username ^= "a"', ["ada"]),
            ('cognito:user_status = "CONFIRMED"', ["ada", "bea", "cleo"]),
            ('name = "Ada"', []),
        ],
    )
    def test_filters(self, talk: AdminClient, filter_: str, found: list[str]) -> None:
        """A Filter selects users."""
        assert self.names(talk, Filter=filter_) == found

    def test_invalid_filter(self, talk: AdminClient) -> None:
        """An invalid Filter is refused."""
        with pytest.raises(talk.boto.exceptions.InvalidParameterException):
            self.names(talk, Filter="email like 'x'")

    def test_attributes_to_get(self, talk: AdminClient) -> None:
        """AttributesToGet selects attributes."""
        user = talk.do("list_users", None, AttributesToGet=["email"], Limit=1)["Users"][0]

        assert user["Attributes"] == [{"Name": "email", "Value": "ada@example.com"}]


def test_devices(signing_key: RSAKey) -> None:
    """Administrators list, remember and forget a user's devices."""
    pool = LocalPool(key=signing_key, device=DeviceConfiguration())
    pool.add_user("ada", PASSWORD)
    talk = AdminClient(pool)
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
