"""The operations for administrators in the local pool."""

from __future__ import annotations

from typing import Any

import pytest
from api_client import ApiClient, refused
from joserfc.jwk import RSAKey

from authfsm.local import (
    DeviceConfiguration,
    LocalPool,
    ManualClock,
    PasswordPolicy,
    PoolRefusal,
    WebAuthnConfiguration,
)

PASSWORD = "Correct-h0rse"
NEW = "New-Passw0rd!"
NOBODY = ("UserNotFoundException", "User does not exist.")


class AdminClient(ApiClient):
    """An administrator's requests."""

    def do(self, operation: str, username: str | None = "ada", **more: Any) -> Any:
        """Send an Admin* operation on a user."""
        target = {} if username is None else {"Username": username}
        call = getattr(self.boto, operation)
        return call(UserPoolId=self.pool.pool_id, **target, **more)

    def create(self, username: str = "ada", **more: Any) -> Any:
        """Send AdminCreateUser."""
        attributes = [{"Name": n, "Value": v} for n, v in more.pop("attributes", {}).items()]
        return self.do("admin_create_user", username, UserAttributes=attributes, **more)["User"]


@pytest.fixture
def clock() -> ManualClock:
    """A clock that only tests advance."""
    return ManualClock()


@pytest.fixture
def client(signing_key: RSAKey, clock: ManualClock) -> AdminClient:
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

    def test_invitation(self, client: AdminClient) -> None:
        """The invitation contains the temporary password, which the user must change at the first sign-in."""
        user = client.create(attributes={"email": "ada@example.com"}, DesiredDeliveryMediums=["EMAIL"])
        invitation = client.pool.outbox[-1]
        reply = client.password("ada", invitation.code.reveal())

        assert user["UserStatus"] == "FORCE_CHANGE_PASSWORD"
        assert (invitation.to, invitation.purpose) == ("ada@example.com", "AdminCreateUser")
        assert reply["ChallengeName"] == "NEW_PASSWORD_REQUIRED"

    def test_default_medium_is_sms(self, client: AdminClient) -> None:
        """Without a phone number no invitation is sent by default."""
        client.create(attributes={"email": "ada@example.com"})

        assert len(client.pool.outbox) == 0

    @pytest.mark.parametrize(
        ("medium", "message"),
        [
            ("EMAIL", "No email provided but desired delivery medium was Email"),
            ("SMS", "No phone number provided but desired delivery medium was SMS"),
        ],
    )
    def test_a_requested_medium_needs_an_address(self, client: AdminClient, medium: str, message: str) -> None:
        """An invitation that could not be delivered as requested is refused, and no user is created."""
        with refused("InvalidParameterException", message):
            client.create(DesiredDeliveryMediums=[medium])
        with pytest.raises(LookupError):
            client.pool.user("ada")
        client.create(DesiredDeliveryMediums=[medium], MessageAction="SUPPRESS", TemporaryPassword=PASSWORD)

    def test_a_refused_request_creates_no_user(self, signing_key: RSAKey) -> None:
        """A user whose password cannot be encoded, or who lacks a factor's address, is not half created."""
        pool, password = LocalPool(key=signing_key), f"{PASSWORD}\ud800"
        with pytest.raises(PoolRefusal, match="InvalidPasswordException"):
            pool.answer(
                "AdminCreateUser", {"UserPoolId": pool.pool_id, "Username": "ada", "TemporaryPassword": password}
            )
        with pytest.raises(PoolRefusal, match="InvalidPasswordException"):
            pool.answer("SignUp", {"ClientId": pool.client_id, "Username": "ada", "Password": password})
        with pytest.raises(ValueError, match="ada has no address or secret for SMS_MFA"):
            pool.add_user("ada", PASSWORD, mfa=["SMS_MFA"])
        with pytest.raises(LookupError):
            pool.user("ada")

    def test_a_generated_password_has_the_minimum_length(self, signing_key: RSAKey) -> None:
        """A temporary password that the pool generates conforms to the pool's policy."""
        policy = PasswordPolicy(minimum_length=40)
        client = AdminClient(LocalPool(key=signing_key, password_policy=policy))
        client.create(attributes={"phone_number": "+15551234567"})

        assert policy.violation(client.pool.outbox.code_for("ada")) is None

    def test_resend(self, client: AdminClient, clock: ManualClock) -> None:
        """RESEND sends a new temporary password, whose validity begins anew."""
        client.create(TemporaryPassword=PASSWORD)
        clock.advance(8 * 86400)
        client.create(MessageAction="RESEND", TemporaryPassword=NEW)

        assert client.password("ada", NEW)["ChallengeName"] == "NEW_PASSWORD_REQUIRED"

    def test_resend_to_a_confirmed_user(self, client: AdminClient) -> None:
        """RESEND is refused for a user who has signed in."""
        client.pool.add_user("ada", PASSWORD)
        with refused("UnsupportedUserStateException", "Resend not possible. ada status is not FORCE_CHANGE_PASSWORD"):
            client.create(MessageAction="RESEND")

    @pytest.mark.parametrize("factor", ["EMAIL_OTP", "SMS_OTP"])
    def test_passwordless_user(self, signing_key: RSAKey, factor: str) -> None:
        """Where a code can be the first factor, a user without a password is CONFIRMED (measured at Cognito)."""
        factors = [factor, "PASSWORD"]
        client = AdminClient(LocalPool(key=signing_key, allowed_first_auth_factors=factors))

        assert client.create()["UserStatus"] == "CONFIRMED"

    def test_password_cannot_be_delivered(self, signing_key: RSAKey, client: AdminClient) -> None:
        """The pool generates no password if no message contains it, or with passkeys."""
        required = ("InvalidParameterException", "User is required to have a password")
        with refused(*required):
            client.create(MessageAction="SUPPRESS")
        passkeys = LocalPool(
            key=signing_key,
            allowed_first_auth_factors=["PASSWORD", "WEB_AUTHN"],
            webauthn=WebAuthnConfiguration("example.com"),
        )
        with refused(*required):
            AdminClient(passkeys).create()

    def test_alias_conflict(self, signing_key: RSAKey) -> None:
        """A verified alias of another user is refused, or taken over with ForceAliasCreation."""
        client = AdminClient(LocalPool(key=signing_key, aliases=["email"]))
        client.pool.add_user("bea", PASSWORD, email="us@example.com")
        attributes = {"email": "us@example.com", "email_verified": "true"}
        with refused("AliasExistsException", "An account with the given email already exists."):
            client.create(attributes=attributes)
        client.create(attributes=attributes, ForceAliasCreation=True)

        assert client.pool.user("us@example.com").username == "ada"


class TestUserState:
    """Confirming, disabling, signing out, deleting, groups."""

    @pytest.fixture
    def client(self, signing_key: RSAKey, clock: ManualClock) -> AdminClient:
        """An administrator of a pool with one user."""
        pool = LocalPool(key=signing_key, clock=clock)
        pool.add_user("ada", PASSWORD, email="ada@example.com")
        return AdminClient(pool)

    def test_confirm_sign_up(self, client: AdminClient) -> None:
        """AdminConfirmSignUp needs no code and verifies no address."""
        client.boto.sign_up(
            ClientId=client.app.client_id,
            Username="bea",
            Password=PASSWORD,
            UserAttributes=[{"Name": "email", "Value": "bea@example.com"}],
        )
        client.do("admin_confirm_sign_up", "bea")

        assert "AuthenticationResult" in client.password("bea", PASSWORD)
        assert client.pool.user("bea").attributes["email_verified"] == "false"
        with refused("NotAuthorizedException", "User cannot be confirmed. Current status is CONFIRMED"):
            client.do("admin_confirm_sign_up", "bea")

    def test_disable_and_enable(self, client: AdminClient) -> None:
        """AdminDisableUser revokes the tokens; AdminEnableUser does not restore them."""
        tokens = client.password("ada", PASSWORD)["AuthenticationResult"]
        client.do("admin_disable_user")
        with refused("NotAuthorizedException", "User is disabled."):
            client.password("ada", PASSWORD)
        client.do("admin_enable_user")
        with refused("NotAuthorizedException", "Access Token has been revoked"):
            client.boto.get_user(AccessToken=tokens["AccessToken"])

        assert "AuthenticationResult" in client.password("ada", PASSWORD)

    def test_global_sign_out(self, client: AdminClient) -> None:
        """AdminUserGlobalSignOut revokes all tokens."""
        tokens = client.password("ada", PASSWORD)["AuthenticationResult"]
        client.do("admin_user_global_sign_out")
        with refused("NotAuthorizedException", "Refresh Token has been revoked"):
            client.initiate("REFRESH_TOKEN_AUTH", REFRESH_TOKEN=tokens["RefreshToken"])

    def test_delete_user(self, client: AdminClient) -> None:
        """AdminDeleteUser also ends a sign-in under way."""
        client.pool.user("ada").status = type(client.pool.user("ada").status)("FORCE_CHANGE_PASSWORD")
        reply = client.password("ada", PASSWORD)
        client.do("admin_delete_user")
        with refused("NotAuthorizedException", "Invalid session for the user."):
            client.answer(reply, "ada", NEW_PASSWORD=NEW)
        with refused(*NOBODY):
            client.do("admin_get_user")

    def test_update_attributes(self, client: AdminClient) -> None:
        """AdminUpdateUserAttributes can mark a new address as verified; otherwise it is sent a code."""
        update = "admin_update_user_attributes"
        attribute = {"Name": "email", "Value": "new@example.com"}
        client.do(update, UserAttributes=[{"Name": "email_verified", "Value": "true"}, attribute])

        assert client.pool.user("ada").attributes["email_verified"] == "true"
        assert len(client.pool.outbox) == 0
        client.do(update, UserAttributes=[{**attribute, "Value": "newer@example.com"}])
        assert client.pool.user("ada").attributes["email_verified"] == "false"
        assert client.pool.outbox[-1].to == "newer@example.com"

    def test_groups(self, client: AdminClient) -> None:
        """Users can join and leave groups; for a missing group the error is "Group not found."."""
        for name in ("engines", "poets"):
            client.do("create_group", None, GroupName=name)
        with refused("ResourceNotFoundException", "Group not found."):
            client.do("admin_add_user_to_group", GroupName="painters")
        client.do("admin_add_user_to_group", GroupName="engines")
        client.do("admin_add_user_to_group", GroupName="poets")
        client.do("admin_remove_user_from_group", GroupName="poets")
        groups = client.do("admin_list_groups_for_user")["Groups"]

        assert [each["GroupName"] for each in groups] == ["engines"]

    def test_unknown_user(self, client: AdminClient) -> None:
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
                client.do(operation, "nobody")


class TestListUsers:
    """ListUsers."""

    @pytest.fixture
    def client(self, signing_key: RSAKey) -> AdminClient:
        """An administrator of a pool with three users."""
        pool = LocalPool(key=signing_key)
        for name in ("ada", "bea", "cleo"):
            pool.add_user(name, PASSWORD, email=f"{name}@example.com", enabled=name != "bea")
        return AdminClient(pool)

    def names(self, client: AdminClient, **members: Any) -> list[str]:
        """The names of the users that ListUsers returns."""
        users = client.do("list_users", None, **members)["Users"]
        return [each["Username"] for each in users]

    def test_pages(self, client: AdminClient) -> None:
        """ListUsers returns one page at a time."""
        pages = client.boto.get_paginator("list_users").paginate(UserPoolId=client.pool.pool_id, Limit=2)

        assert [len(page["Users"]) for page in pages] == [2, 1]

    @pytest.mark.parametrize(
        ("filter_", "expected"),
        [
            ('email = "bea@example.com"', ["bea"]),
            ('email ^= "c"', ["cleo"]),
            ('status = "Disabled"', ["bea"]),
            ('username ^= "a"', ["ada"]),
            ('cognito:user_status = "CONFIRMED"', ["ada", "bea", "cleo"]),
            ('name = "Ada"', []),
        ],
    )
    def test_filters(self, client: AdminClient, filter_: str, expected: list[str]) -> None:
        """A Filter selects users."""
        assert self.names(client, Filter=filter_) == expected

    def test_invalid_filter(self, client: AdminClient) -> None:
        """An invalid Filter is refused."""
        with pytest.raises(client.boto.exceptions.InvalidParameterException):
            self.names(client, Filter="email like 'x'")

    def test_attributes_to_get(self, client: AdminClient) -> None:
        """AttributesToGet selects attributes."""
        user = client.do("list_users", None, AttributesToGet=["email"], Limit=1)["Users"][0]

        assert user["Attributes"] == [{"Name": "email", "Value": "ada@example.com"}]


def test_devices(signing_key: RSAKey) -> None:
    """Administrators list, remember and forget a user's devices."""
    pool = LocalPool(key=signing_key, device=DeviceConfiguration())
    pool.add_user("ada", PASSWORD)
    client = AdminClient(pool)
    tokens = client.password("ada", PASSWORD)["AuthenticationResult"]
    key = tokens["NewDeviceMetadata"]["DeviceKey"]
    client.boto.confirm_device(
        AccessToken=tokens["AccessToken"],
        DeviceKey=key,
        DeviceName="engine",
        DeviceSecretVerifierConfig={"PasswordVerifier": "AQI=", "Salt": "AQI="},
    )
    client.do("admin_update_device_status", DeviceKey=key, DeviceRememberedStatus="not_remembered")
    attributes = client.do("admin_get_device", DeviceKey=key)["Device"]["DeviceAttributes"]

    assert {"Name": "dev:device_remembered_status", "Value": "not_remembered"} in attributes
    assert [each["DeviceKey"] for each in client.do("admin_list_devices")["Devices"]] == [key]
    client.do("admin_forget_device", DeviceKey=key)
    assert client.do("admin_list_devices")["Devices"] == []
