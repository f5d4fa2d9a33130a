"""Accounts in the local pool: signing up, confirming, writing attributes, deleting."""

from __future__ import annotations

from typing import Any

import pytest
from api_client import ApiClient, refused
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from authfsm.local import Contradictions, LocalPool, ManualClock, PasswordPolicy, SchemaAttribute

PASSWORD = "Correct-h0rse"
NEW = "New-Passw0rd!"
EXPIRED = ("ExpiredCodeException", "Invalid code provided, please request a code again.")
MISMATCH = ("CodeMismatchException", "Invalid verification code provided, please try again.")
TOO_OFTEN = ("LimitExceededException", "Attempt limit exceeded, please try after some time.")
UNWRITABLE = ("NotAuthorizedException", "A client attempted to write unauthorized attribute")
NO_PASSWORD = ("InvalidParameterException", "User is required to have a password")
LEGACY_NOBODY = ("UserNotFoundException", "Username/client id combination not found.")
DAY = 24 * 3600


def attribute_list(attributes: dict[str, str]) -> list[dict[str, str]]:
    """Return attributes as the API lists them."""
    return [{"Name": name, "Value": value} for name, value in attributes.items()]


class AccountClient(ApiClient):
    """A client's requests about one account."""

    def sign_up(self, username: str, password: str | None = PASSWORD, **attributes: str) -> Any:
        """Send SignUp."""
        more = {} if password is None else {"Password": password}
        return self.boto.sign_up(
            ClientId=self.app.client_id, Username=username, UserAttributes=attribute_list(attributes), **more
        )

    def confirm(self, username: str, code: str, **more: Any) -> Any:
        """Send ConfirmSignUp."""
        return self.boto.confirm_sign_up(ClientId=self.app.client_id, Username=username, ConfirmationCode=code, **more)

    def resend(self, username: str) -> Any:
        """Send ResendConfirmationCode."""
        return self.boto.resend_confirmation_code(ClientId=self.app.client_id, Username=username)

    def token(self, username: str = "ada", password: str = PASSWORD) -> str:
        """Return an access token."""
        tokens = self.password(username, password)["AuthenticationResult"]
        text: str = tokens["AccessToken"]
        return text

    def update(self, token: str, **attributes: str) -> Any:
        """Send UpdateUserAttributes."""
        return self.boto.update_user_attributes(AccessToken=token, UserAttributes=attribute_list(attributes))

    def attributes(self, token: str) -> dict[str, str]:
        """Return the attributes that GetUser shows."""
        shown = self.boto.get_user(AccessToken=token)["UserAttributes"]
        return {each["Name"]: each["Value"] for each in shown}


@pytest.fixture
def clock() -> ManualClock:
    """A clock that only tests advance."""
    return ManualClock()


@pytest.fixture
def pool(signing_key: RSAKey, clock: ManualClock) -> LocalPool:
    """An empty pool."""
    return LocalPool(key=signing_key, clock=clock)


@pytest.fixture
def client(pool: LocalPool) -> AccountClient:
    """A client of the pool."""
    return AccountClient(pool)


class TestSignUp:
    """SignUp and ConfirmSignUp."""

    def test_sign_up_confirm_and_sign_in(self, client: AccountClient) -> None:
        """The confirmation code verifies the address that it went to."""
        reply = client.sign_up("ada", email="ada@example.com")

        assert not reply["UserConfirmed"]
        assert reply["CodeDeliveryDetails"] == {
            "Destination": "a***@e***",
            "DeliveryMedium": "EMAIL",
            "AttributeName": "email",
        }
        assert "Session" not in reply
        with refused("UserNotConfirmedException", "User is not confirmed."):
            client.password("ada", PASSWORD)
        assert "Session" not in client.confirm("ada", client.pool.outbox.code_for("ada"))
        assert client.attributes(client.token()) == {
            "sub": reply["UserSub"],
            "email": "ada@example.com",
            "email_verified": "true",
        }

    def test_phone_number_has_priority(self, signing_key: RSAKey) -> None:
        """In a pool that verifies both addresses, the code goes to the phone number."""
        pool = LocalPool(key=signing_key, auto_verified_attributes=["email", "phone_number"])
        reply = AccountClient(pool).sign_up("ada", email="a@example.com", phone_number="+15551234567")

        assert reply["CodeDeliveryDetails"]["AttributeName"] == "phone_number"

    def test_no_verification(self, signing_key: RSAKey) -> None:
        """A pool that verifies no address sends no code."""
        client = AccountClient(LocalPool(key=signing_key, auto_verified_attributes=[]))

        assert "CodeDeliveryDetails" not in client.sign_up("ada", email="ada@example.com")
        with refused("NotAuthorizedException", "Cannot resend codes. Auto verification not turned on."):
            client.resend("ada")

    def test_not_permitted(self, signing_key: RSAKey) -> None:
        """With AllowAdminCreateUserOnly, SignUp is refused."""
        client = AccountClient(LocalPool(key=signing_key, allow_admin_create_user_only=True))
        with refused("NotAuthorizedException", "SignUp is not permitted for this user pool"):
            client.sign_up("ada")

    def test_name_is_taken(self, client: AccountClient) -> None:
        """A second user of the same name is refused."""
        client.sign_up("ada")
        with refused("UsernameExistsException", "User already exists"):
            client.sign_up("ada")

    def test_password_policy(self, client: AccountClient) -> None:
        """A password that violates the policy creates no user."""
        with refused("InvalidPasswordException", "Password did not conform with policy: Password not long enough"):
            client.sign_up("ada", "short")

        assert client.sign_up("ada")["UserSub"]

    @pytest.mark.parametrize("password", [None, ""])
    def test_password_is_required(self, client: AccountClient, password: str | None) -> None:
        """A password is required where every first factor is a password."""
        with refused(*NO_PASSWORD):
            client.sign_up("ada", password)

    def test_secret_hash(self, signing_key: RSAKey) -> None:
        """An app client with a secret needs SecretHash."""
        pool = LocalPool(key=signing_key, client_secret="s3cret", client_id="app")
        with refused("NotAuthorizedException", "Client app is configured with secret but SECRET_HASH was not received"):
            AccountClient(pool).sign_up("ada")

    def test_email_as_username(self, signing_key: RSAKey) -> None:
        """In a pool of email addresses the internal name is the sub, and a second user of the address is refused."""
        client = AccountClient(LocalPool(key=signing_key, username_attributes=["email"]))
        reply = client.sign_up("ada@example.com")
        client.confirm("ada@example.com", client.pool.outbox.code_for("ada@example.com"))

        assert client.pool.user("ada@example.com").username == reply["UserSub"]
        with refused("UsernameExistsException", "An account with the given email already exists."):
            client.sign_up("ada@example.com")
        with refused("InvalidParameterException", "Username should be an email."):
            client.sign_up("ada")

    @pytest.mark.parametrize(
        ("kind", "name", "other"),
        [("email", "ada@example.com", "eve@example.com"), ("phone_number", "+15555550143", "+15555550144")],
    )
    def test_the_attribute_for_the_name_must_equal_the_name(
        self, signing_key: RSAKey, kind: str, name: str, other: str
    ) -> None:
        """A Username that differs from the same attribute is refused: with it, the user could never be found."""
        names = ["phone_number", "email"]
        client = AccountClient(LocalPool(key=signing_key, username_attributes=names, case_sensitive=False))
        attributes = [{"Name": kind, "Value": other}]
        why = f"User {kind} should be empty or same as username, since username attribute is {kind}."
        with refused("InvalidParameterException", why):
            client.sign_up(name, **{kind: other})
        with refused("InvalidParameterException", why):
            client.boto.admin_create_user(UserPoolId=client.pool.pool_id, Username=name, UserAttributes=attributes)
        client.sign_up(name, **{kind: name.upper()})

        assert client.pool.user(name).attributes[kind] == name.upper()


class TestConfirmSignUp:
    """Confirmation codes."""

    def test_wrong_code(self, client: AccountClient) -> None:
        """After a wrong code the right one is still accepted."""
        client.sign_up("ada", email="ada@example.com")
        with refused(*MISMATCH):
            client.confirm("ada", "000000x")
        client.confirm("ada", client.pool.outbox.code_for("ada"))

        assert client.token()

    def test_code_expires(self, client: AccountClient, clock: ManualClock) -> None:
        """A code is valid for 24 hours."""
        client.sign_up("ada", email="ada@example.com")
        code = client.pool.outbox.code_for("ada")
        clock.advance(DAY)
        with refused(*EXPIRED):
            client.confirm("ada", code)

    def test_resent_code(self, client: AccountClient) -> None:
        """A resent code replaces the first."""
        client.sign_up("ada", email="ada@example.com")
        first = client.pool.outbox.code_for("ada")
        details = client.resend("ada")["CodeDeliveryDetails"]
        second = client.pool.outbox.code_for("ada")

        assert details["Destination"] == "a***@e***"
        if first != second:
            with refused(*MISMATCH):
                client.confirm("ada", first)
        client.confirm("ada", second)

    def test_already_confirmed(self, client: AccountClient) -> None:
        """A confirmed user cannot be confirmed again, whatever the code."""
        client.sign_up("ada", email="ada@example.com")
        client.confirm("ada", client.pool.outbox.code_for("ada"))
        with refused("NotAuthorizedException", "User cannot be confirmed. Current status is CONFIRMED"):
            client.confirm("ada", "000000")
        with refused("InvalidParameterException", "User is already confirmed."):
            client.resend("ada")

    def test_quotas(self, client: AccountClient, clock: ManualClock) -> None:
        """A user gets five codes and may send fifteen answers in an hour."""
        client.sign_up("ada", email="ada@example.com")
        for _ in range(5):
            client.resend("ada")
        with refused(*TOO_OFTEN):
            client.resend("ada")
        for _ in range(15):
            with refused(*MISMATCH):
                client.confirm("ada", "wrong")
        with refused(*TOO_OFTEN):
            client.confirm("ada", client.pool.outbox.code_for("ada"))
        clock.advance(3600)
        client.confirm("ada", client.pool.outbox.code_for("ada"))

        assert client.token()

    def test_quotas_switched_off(self, signing_key: RSAKey) -> None:
        """Without per_user_quotas the pool counts no calls."""
        client = AccountClient(LocalPool(key=signing_key, per_user_quotas=False))
        client.sign_up("ada", email="ada@example.com")
        for _ in range(20):
            client.resend("ada")

        assert len(client.pool.outbox) == 21

    def test_unknown_user(self, client: AccountClient, signing_key: RSAKey) -> None:
        """An unknown user gets a simulated reply (ENABLED) or UserNotFoundException (LEGACY)."""
        details = client.resend("nobody@example.com")["CodeDeliveryDetails"]
        with refused(*MISMATCH):
            client.confirm("nobody", "123456")

        assert details["Destination"] == "n***@e***"
        again = [client.resend("nobody")["CodeDeliveryDetails"] for _ in range(2)]
        assert again[0] == again[1]
        assert len(client.pool.outbox) == 0
        legacy = AccountClient(LocalPool(key=signing_key, prevent_user_existence_errors="LEGACY"))
        with refused(*LEGACY_NOBODY):
            legacy.resend("nobody")
        with refused(*LEGACY_NOBODY):
            legacy.confirm("nobody", "123456")

    def test_alias_conflict(self, signing_key: RSAKey) -> None:
        """An alias of another user is refused, or taken over with ForceAliasCreation."""
        client = AccountClient(LocalPool(key=signing_key, aliases=["email"]))
        client.pool.add_user("bea", PASSWORD, email="us@example.com")
        client.sign_up("ada", email="us@example.com")
        code = client.pool.outbox.code_for("ada")
        with refused("AliasExistsException", "An account with the given email already exists."):
            client.confirm("ada", code)
        client.confirm("ada", code, ForceAliasCreation=True)

        assert client.pool.user("us@example.com").username == "ada"
        assert client.pool.user("bea").attributes["email_verified"] == "false"

    @pytest.mark.parametrize(("alias", "name"), [("email", "ada@example.com"), ("phone_number", "+15555550143")])
    def test_name_in_the_format_of_an_alias(self, signing_key: RSAKey, alias: str, name: str) -> None:
        """In a pool with aliases of a kind, no username may look like such an alias."""
        client, text = AccountClient(LocalPool(key=signing_key, aliases=[alias])), alias.replace("_", " ")
        with refused(
            "InvalidParameterException",
            f"Username cannot be of {text} format, since user pool is configured for {text} alias.",
        ):
            client.sign_up(name)


class TestSignUpSession:
    """The session of SignUp, with which ConfirmSignUp signs the user in."""

    @pytest.fixture
    def client(self, signing_key: RSAKey, clock: ManualClock) -> AccountClient:
        """A client of a pool whose users need no password."""
        factors = ["EMAIL_OTP", "PASSWORD"]
        return AccountClient(LocalPool(key=signing_key, clock=clock, allowed_first_auth_factors=factors))

    def test_sign_up_without_a_password(self, client: AccountClient) -> None:
        """After ConfirmSignUp the session signs in without a challenge."""
        session = client.sign_up("ada", None, email="ada@example.com")["Session"]
        code = client.pool.outbox.code_for("ada")
        session = client.confirm("ada", code, Session=session)["Session"]
        reply = client.boto.initiate_auth(
            AuthFlow="USER_AUTH", ClientId=client.app.client_id, AuthParameters={"USERNAME": "ada"}, Session=session
        )

        assert "AuthenticationResult" in reply

    def test_session_of_another_user(self, client: AccountClient) -> None:
        """The session of another user's SignUp is refused, and nothing changes: account, code and both sessions."""
        hers = client.sign_up("bea", None, email="bea@example.com")["Session"]
        session = client.sign_up("ada", None, email="ada@example.com")["Session"]
        code = client.pool.outbox.code_for("ada")
        with refused("NotAuthorizedException", "Invalid session for the user."):
            client.confirm("ada", code, Session=hers)

        ada = client.pool.user("ada")
        assert (ada.status, ada.attributes["email_verified"]) == ("UNCONFIRMED", "false")
        client.confirm("ada", code, Session=session)
        client.confirm("bea", client.pool.outbox.code_for("bea"), Session=hers)

    def test_it_answers_no_challenge(self, client: AccountClient) -> None:
        """RespondToAuthChallenge refuses the session of SignUp."""
        session = client.sign_up("ada", email="ada@example.com")["Session"]
        for challenge in ("EMAIL_OTP", "SELECT_CHALLENGE", "PASSWORD"):
            with refused("CodeMismatchException", "Invalid code or auth state for the user."):
                client.respond(challenge, session, USERNAME="ada", PASSWORD=PASSWORD)


class TestSchema:
    """The attributes that the schema and the app client allow."""

    @pytest.fixture
    def client(self, signing_key: RSAKey, clock: ManualClock) -> AccountClient:
        """A client of a pool with a schema."""
        pool = LocalPool(
            key=signing_key,
            clock=clock,
            required_attributes=["email", "name"],
            schema=[
                SchemaAttribute("custom:team", min_length=2, max_length=5),
                SchemaAttribute("custom:badge", mutable=False),
                SchemaAttribute("custom:seats", "Number", min_value=1, max_value=9),
                SchemaAttribute("custom:debt", developer_only=True),
            ],
            read_attributes=["email", "name", "custom:team"],
            write_attributes=["email", "name", "custom:team", "custom:badge", "custom:seats"],
        )
        return AccountClient(pool)

    def test_missing_attributes(self, client: AccountClient) -> None:
        """One error names all missing attributes."""
        with refused(
            "InvalidParameterException",
            "Attributes did not conform to the schema: email: The attribute is required\n"
            "name: The attribute is required",
        ):
            client.sign_up("ada")

    @pytest.mark.parametrize("name", ["email_verified", "custom:debt", "nickname", "custom:unknown"])
    def test_attributes_that_are_not_writable(self, client: AccountClient, name: str) -> None:
        """Users may not write the verification marks and the attributes that WriteAttributes omits."""
        with refused(*UNWRITABLE):
            client.sign_up("ada", email="ada@example.com", **{"name": "Ada", name: "true"})

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("custom:team", "x"),
            ("custom:team", "engines"),
            ("custom:seats", "ten"),
            ("custom:seats", "10"),
            ("custom:seats", "9" * 5000),
            ("custom:seats", "٣"),
        ],
    )
    def test_types_and_bounds(self, client: AccountClient, name: str, value: str) -> None:
        """A value must have its attribute's type and be within its bounds."""
        with pytest.raises(client.boto.exceptions.InvalidParameterException, match=name):
            client.sign_up("ada", email="ada@example.com", **{"name": "Ada", name: value[:2048]})

    def test_numbers_without_bounds(self) -> None:
        """A number without bounds may have as many digits as fit into an attribute, and leading zeros."""
        assert SchemaAttribute("custom:n", "Number").violation("9" * 2048) is None
        assert SchemaAttribute("custom:n", "Number", max_value=9).violation("9".zfill(50)) is None

    def test_addresses(self, client: AccountClient) -> None:
        """Email addresses and phone numbers must have the right format."""
        with refused("InvalidParameterException", "Invalid email address format."):
            client.sign_up("ada", email="ada", name="Ada")
        pool = LocalPool()
        pool.add_user("ada", PASSWORD)
        for number in ("+٣٣٣", "5551234567"):
            with refused("InvalidParameterException", "Invalid phone number format."):
                pool.client().admin_update_user_attributes(
                    UserPoolId=pool.pool_id, Username="ada", UserAttributes=[{"Name": "phone_number", "Value": number}]
                )

    def test_immutable_attributes(self, client: AccountClient) -> None:
        """An immutable attribute can be set by SignUp only; administrators cannot change it either."""
        attributes = {"email": "ada@example.com", "name": "Ada", "custom:badge": "7"}
        client.sign_up("ada", **attributes)
        client.confirm("ada", client.pool.outbox.code_for("ada"))
        immutable = ("InvalidParameterException", "user.custom:badge: Attribute cannot be updated.")
        with refused(*immutable):
            client.update(client.token(), **{"custom:badge": "8"})
        with refused(*immutable):
            client.boto.admin_update_user_attributes(
                UserPoolId=client.pool.pool_id, Username="ada", UserAttributes=attribute_list({"custom:badge": "8"})
            )

    def test_readable_attributes(self, client: AccountClient) -> None:
        """GetUser and the id token contain the attributes in ReadAttributes."""
        client.pool.add_user("ada", PASSWORD, attributes={"name": "Ada", "custom:team": "red", "custom:badge": "7"})
        tokens = client.password("ada", PASSWORD)["AuthenticationResult"]
        keys = KeySet.import_key_set(client.pool.jwks())  # type: ignore[arg-type]
        claims = jwt.decode(tokens["IdToken"], keys).claims
        attributes = client.attributes(tokens["AccessToken"])

        assert {"name", "custom:team"} <= set(attributes) & set(claims)
        assert "custom:badge" not in {**attributes, **claims}

    def test_default_permissions(self, signing_key: RSAKey) -> None:
        """By default app clients may read and write the standard attributes, but no custom ones."""
        pool = LocalPool(key=signing_key, schema=[SchemaAttribute("custom:team")])
        pool.add_user("ada", PASSWORD, attributes={"custom:team": "red", "name": "Ada"})
        client = AccountClient(pool)
        token = client.token()

        assert "custom:team" not in client.attributes(token)
        client.update(token, nickname="Countess")
        with refused(*UNWRITABLE):
            client.update(token, **{"custom:team": "blue"})


class TestAttributes:
    """UpdateUserAttributes, and the codes that verify an address."""

    @pytest.fixture
    def token(self, client: AccountClient) -> str:
        """The user's access token."""
        client.pool.add_user("ada", PASSWORD, email="ada@example.com")
        return client.token()

    def test_new_address(self, client: AccountClient, token: str) -> None:
        """A new address is unverified until its code is confirmed."""
        reply = client.update(token, email="new@example.com", nickname="Countess")

        assert reply["CodeDeliveryDetailsList"] == [
            {"Destination": "n***@e***", "DeliveryMedium": "EMAIL", "AttributeName": "email"}
        ]
        assert client.attributes(token)["email_verified"] == "false"
        code = client.pool.outbox.code_for("new@example.com")
        with refused(*MISMATCH):
            client.boto.verify_user_attribute(AccessToken=token, AttributeName="email", Code="x")
        client.boto.verify_user_attribute(AccessToken=token, AttributeName="email", Code=code)
        assert client.attributes(token)["email_verified"] == "true"
        assert client.attributes(token)["nickname"] == "Countess"

    def test_old_address_until_verified(self, signing_key: RSAKey) -> None:
        """With verification before update, the old address stays until the code is confirmed."""
        client = AccountClient(LocalPool(key=signing_key, verified_before_update=["email"]))
        client.pool.add_user("ada", PASSWORD, email="old@example.com")
        token = client.token()
        client.update(token, email="new@example.com")

        assert client.attributes(token)["email"] == "old@example.com"
        code = client.pool.outbox.code_for("new@example.com")
        client.boto.verify_user_attribute(AccessToken=token, AttributeName="email", Code=code)
        assert client.attributes(token)["email"] == "new@example.com"
        assert client.attributes(token)["email_verified"] == "true"

    def test_code_for_the_current_address(self, client: AccountClient, token: str) -> None:
        """GetUserAttributeVerificationCode sends a code to the current address."""
        ask = client.boto.get_user_attribute_verification_code
        ask(AccessToken=token, AttributeName="email")

        assert client.pool.outbox[-1].purpose == "VerifyUserAttribute"
        assert client.pool.outbox[-1].to == "ada@example.com"
        with pytest.raises(client.boto.exceptions.InvalidParameterException):
            ask(AccessToken=token, AttributeName="phone_number")

    def test_code_of_an_earlier_address(self, client: AccountClient, token: str) -> None:
        """A code verifies only the address that it was sent to."""
        client.update(token, email="one@example.com")
        code = client.pool.outbox.code_for("one@example.com")
        client.pool.user("ada").attributes["email"] = "two@example.com"
        client.boto.verify_user_attribute(AccessToken=token, AttributeName="email", Code=code)

        assert client.attributes(token)["email_verified"] == "false"

    def test_a_code_ends_with_its_address(self, client: AccountClient, token: str) -> None:
        """After a change without a code, the earlier code is refused, and a new one goes to the new address."""
        client.update(token, email="one@example.com")
        code, names = client.pool.outbox.code_for("one@example.com"), {"AccessToken": token, "AttributeName": "email"}
        two = [{"Name": "email", "Value": "two@example.com"}, {"Name": "email_verified", "Value": "true"}]
        user = {"UserPoolId": client.pool.pool_id, "Username": "ada"}
        client.boto.admin_update_user_attributes(**user, UserAttributes=two)
        with refused("ExpiredCodeException", "Invalid code provided, please request a code again."):
            client.boto.verify_user_attribute(**names, Code=code)
        client.boto.get_user_attribute_verification_code(**names)

        assert client.pool.outbox[-1].to == "two@example.com"
        client.boto.admin_delete_user_attributes(**user, UserAttributeNames=["email"])
        with refused("InvalidParameterException", "The user has no email to verify."):
            client.boto.get_user_attribute_verification_code(**names)

    def test_blank_value_removes(self, client: AccountClient, token: str) -> None:
        """A blank value removes the attribute."""
        client.update(token, nickname="Countess")
        client.update(token, nickname="")

        assert "nickname" not in client.attributes(token)

    def test_alias_of_another_user(self, signing_key: RSAKey) -> None:
        """An address that is an alias of another user is refused."""
        client = AccountClient(LocalPool(key=signing_key, aliases=["email"]))
        client.pool.add_user("bea", PASSWORD, email="bea@example.com")
        client.pool.add_user("ada", PASSWORD)
        with refused("AliasExistsException", "An account with the given email already exists."):
            client.update(client.token(), email="bea@example.com")

    def test_removing_an_unverified_address(self, signing_key: RSAKey) -> None:
        """Removing an unverified address leaves another user's alias alone."""
        client = AccountClient(LocalPool(key=signing_key, aliases=["email"]))
        client.pool.add_user("ada", PASSWORD, email="us@example.com", verified=False)
        client.pool.add_user("bea", PASSWORD, email="us@example.com")
        client.update(client.token(), email="other@example.com")

        assert client.pool.user("us@example.com").username == "bea"


class TestDeleteUser:
    """DeleteUser."""

    def test_delete_user(self, client: AccountClient) -> None:
        """A deleted user cannot sign in, all tokens are invalid, and the name is free."""
        client.pool.add_user("ada", PASSWORD)
        tokens = client.password("ada", PASSWORD)["AuthenticationResult"]
        client.boto.delete_user(AccessToken=tokens["AccessToken"])
        gone = ("UserNotFoundException", "User does not exist.")
        with refused(*gone):
            client.boto.get_user(AccessToken=tokens["AccessToken"])
        with refused(*gone):
            client.initiate("REFRESH_TOKEN_AUTH", REFRESH_TOKEN=tokens["RefreshToken"])
        with refused("NotAuthorizedException", "Incorrect username or password."):
            client.password("ada", PASSWORD)

        assert client.sign_up("ada")["UserSub"]


class TestFirstSignInWithRequiredMfa:
    """The first sign-in after SignUp where MFA is required; sources contradict each other."""

    @pytest.mark.parametrize("without", [True, False])
    def test_both_behaviours(self, signing_key: RSAKey, *, without: bool) -> None:
        """The second factor is required at once (asserted), or from the second sign-in on (documented)."""
        client = AccountClient(
            LocalPool(key=signing_key, mfa="ON", contradictions=Contradictions(first_sign_in_without_mfa=without))
        )
        client.sign_up("ada", email="ada@example.com")
        client.confirm("ada", client.pool.outbox.code_for("ada"))
        first, second = client.password("ada", PASSWORD), client.password("ada", PASSWORD)

        assert ("AuthenticationResult" in first) is without
        assert second["ChallengeName"] == "EMAIL_OTP"


def test_history_includes_the_sign_up_password(signing_key: RSAKey) -> None:
    """The password of SignUp may not be used again."""
    policy = PasswordPolicy(password_history_size=1)
    client = AccountClient(LocalPool(key=signing_key, password_policy=policy))
    client.sign_up("ada", email="ada@example.com")
    client.confirm("ada", client.pool.outbox.code_for("ada"))
    change = client.boto.change_password
    token = client.token()
    with pytest.raises(client.boto.exceptions.PasswordHistoryPolicyViolationException):
        change(AccessToken=token, PreviousPassword=PASSWORD, ProposedPassword=PASSWORD)
    change(AccessToken=token, PreviousPassword=PASSWORD, ProposedPassword=NEW)

    assert client.token(password=NEW)
