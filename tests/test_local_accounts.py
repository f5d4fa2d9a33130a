"""Accounts in the embedded pool: signing up, confirming, writing attributes, going."""

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


def listed(attributes: dict[str, str]) -> list[dict[str, str]]:
    """Attributes, as the API lists them."""
    return [{"Name": name, "Value": value} for name, value in attributes.items()]


class Accounts(ApiClient):
    """A conversation about an account."""

    def sign_up(self, username: str, password: str | None = PASSWORD, **attributes: str) -> Any:
        """SignUp."""
        more = {} if password is None else {"Password": password}
        return self.boto.sign_up(
            ClientId=self.app.client_id,
            Username=username,
            UserAttributes=listed(attributes),
            **more,
        )

    def confirm(self, username: str, code: str, **more: Any) -> Any:
        """ConfirmSignUp."""
        return self.boto.confirm_sign_up(
            ClientId=self.app.client_id, Username=username, ConfirmationCode=code, **more
        )

    def resend(self, username: str) -> Any:
        """ResendConfirmationCode."""
        return self.boto.resend_confirmation_code(ClientId=self.app.client_id, Username=username)

    def token(self, username: str = "ada", password: str = PASSWORD) -> str:
        """An access token."""
        tokens = self.password(username, password)["AuthenticationResult"]
        text: str = tokens["AccessToken"]
        return text

    def update(self, token: str, **attributes: str) -> Any:
        """UpdateUserAttributes."""
        return self.boto.update_user_attributes(
            AccessToken=token, UserAttributes=listed(attributes)
        )

    def attributes(self, token: str) -> dict[str, str]:
        """What GetUser shows."""
        shown = self.boto.get_user(AccessToken=token)["UserAttributes"]
        return {each["Name"]: each["Value"] for each in shown}


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands still."""
    return ManualClock()


@pytest.fixture
def pool(signing_key: RSAKey, clock: ManualClock) -> LocalPool:
    """An empty pool."""
    return LocalPool(key=signing_key, clock=clock)


@pytest.fixture
def talk(pool: LocalPool) -> Accounts:
    """A conversation with it."""
    return Accounts(pool)


class TestSigningUp:
    """SignUp and ConfirmSignUp."""

    def test_the_whole_way(self, talk: Accounts) -> None:
        """Sign up, be sent a code, give it back, sign in; the address is verified by it."""
        made = talk.sign_up("ada", email="ada@example.com")

        assert not made["UserConfirmed"]
        assert made["CodeDeliveryDetails"] == {
            "Destination": "a***@e***",
            "DeliveryMedium": "EMAIL",
            "AttributeName": "email",
        }
        assert "Session" not in made
        with refused("UserNotConfirmedException", "User is not confirmed."):
            talk.password("ada", PASSWORD)
        assert "Session" not in talk.confirm("ada", talk.pool.outbox.code_for("ada"))
        assert talk.attributes(talk.token()) == {
            "sub": made["UserSub"],
            "email": "ada@example.com",
            "email_verified": "true",
        }

    def test_the_number_comes_first(self, signing_key: RSAKey) -> None:
        """Where both are verified at sign-up, the code goes to the number."""
        pool = LocalPool(key=signing_key, auto_verified_attributes=["email", "phone_number"])
        made = Accounts(pool).sign_up("ada", email="a@example.com", phone_number="+15551234567")

        assert made["CodeDeliveryDetails"]["AttributeName"] == "phone_number"

    def test_nothing_is_verified(self, signing_key: RSAKey) -> None:
        """A pool that verifies nothing sends nothing, and sends nothing again."""
        talk = Accounts(LocalPool(key=signing_key, auto_verified_attributes=[]))

        assert "CodeDeliveryDetails" not in talk.sign_up("ada", email="ada@example.com")
        with refused(
            "NotAuthorizedException", "Cannot resend codes. Auto verification not turned on."
        ):
            talk.resend("ada")

    def test_not_permitted(self, signing_key: RSAKey) -> None:
        """Where administrators alone make users, nobody signs up."""
        talk = Accounts(LocalPool(key=signing_key, allow_admin_create_user_only=True))
        with refused("NotAuthorizedException", "SignUp is not permitted for this user pool"):
            talk.sign_up("ada")

    def test_the_name_is_taken(self, talk: Accounts) -> None:
        """A name is taken once."""
        talk.sign_up("ada")
        with refused("UsernameExistsException", "User already exists"):
            talk.sign_up("ada")

    def test_the_policy(self, talk: Accounts) -> None:
        """The password must conform; nobody is made if it does not."""
        with refused(
            "InvalidPasswordException",
            "Password did not conform with policy: Password not long enough",
        ):
            talk.sign_up("ada", "short")

        assert talk.sign_up("ada")["UserSub"]

    @pytest.mark.parametrize("password", [None, ""])
    def test_without_a_password(self, talk: Accounts, password: str | None) -> None:
        """Where every first factor is a password, there must be one."""
        with refused(*NO_PASSWORD):
            talk.sign_up("ada", password)

    def test_the_client_secret(self, signing_key: RSAKey) -> None:
        """A client with a secret sends its hash."""
        pool = LocalPool(key=signing_key, client_secret="s3cret", client_id="app")
        with refused(
            "NotAuthorizedException",
            "Client app is configured with secret but SECRET_HASH was not received",
        ):
            Accounts(pool).sign_up("ada")

    def test_names_that_are_addresses(self, signing_key: RSAKey) -> None:
        """In a pool of e-mail addresses the name is the sub, and a second account is refused."""
        talk = Accounts(LocalPool(key=signing_key, username_attributes=["email"]))
        made = talk.sign_up("ada@example.com")
        talk.confirm("ada@example.com", talk.pool.outbox.code_for("ada@example.com"))

        assert talk.pool.user("ada@example.com").username == made["UserSub"]
        with refused("UsernameExistsException", "An account with the given email already exists."):
            talk.sign_up("ada@example.com")
        with refused("InvalidParameterException", "Username should be an email."):
            talk.sign_up("ada")


class TestConfirming:
    """Codes of a sign-up."""

    def test_a_wrong_code(self, talk: Accounts) -> None:
        """A wrong code is told, and the right one still does."""
        talk.sign_up("ada", email="ada@example.com")
        with refused(*MISMATCH):
            talk.confirm("ada", "000000x")
        talk.confirm("ada", talk.pool.outbox.code_for("ada"))

        assert talk.token()

    def test_its_life(self, talk: Accounts, clock: ManualClock) -> None:
        """A code lives for 24 hours."""
        talk.sign_up("ada", email="ada@example.com")
        code = talk.pool.outbox.code_for("ada")
        clock.advance(DAY)
        with refused(*EXPIRED):
            talk.confirm("ada", code)

    def test_a_second_code(self, talk: Accounts) -> None:
        """A code that is sent again replaces the first."""
        talk.sign_up("ada", email="ada@example.com")
        first = talk.pool.outbox.code_for("ada")
        details = talk.resend("ada")["CodeDeliveryDetails"]
        second = talk.pool.outbox.code_for("ada")

        assert details["Destination"] == "a***@e***"
        if first != second:
            with refused(*MISMATCH):
                talk.confirm("ada", first)
        talk.confirm("ada", second)

    def test_once(self, talk: Accounts) -> None:
        """Who is confirmed is told so, whatever the code."""
        talk.sign_up("ada", email="ada@example.com")
        talk.confirm("ada", talk.pool.outbox.code_for("ada"))
        with refused(
            "NotAuthorizedException", "User cannot be confirmed. Current status is CONFIRMED"
        ):
            talk.confirm("ada", "000000")
        with refused("InvalidParameterException", "User is already confirmed."):
            talk.resend("ada")

    def test_how_often(self, talk: Accounts, clock: ManualClock) -> None:
        """Five codes and fifteen answers an hour; an hour later it goes on."""
        talk.sign_up("ada", email="ada@example.com")
        for _ in range(5):
            talk.resend("ada")
        with refused(*TOO_OFTEN):
            talk.resend("ada")
        for _ in range(15):
            with refused(*MISMATCH):
                talk.confirm("ada", "wrong")
        with refused(*TOO_OFTEN):
            talk.confirm("ada", talk.pool.outbox.code_for("ada"))
        clock.advance(3600)
        talk.confirm("ada", talk.pool.outbox.code_for("ada"))

        assert talk.token()

    def test_nobody_counts(self, signing_key: RSAKey) -> None:
        """A pool can be told not to count."""
        talk = Accounts(LocalPool(key=signing_key, per_user_quotas=False))
        talk.sign_up("ada", email="ada@example.com")
        for _ in range(20):
            talk.resend("ada")

        assert len(talk.pool.outbox) == 21

    def test_nobody(self, talk: Accounts, signing_key: RSAKey) -> None:
        """Who is not there is sent a code that goes nowhere (ENABLED), or told of (LEGACY)."""
        details = talk.resend("nobody@example.com")["CodeDeliveryDetails"]
        with refused(*MISMATCH):
            talk.confirm("nobody", "123456")

        assert details["Destination"] == "n***@e***"
        again = [talk.resend("nobody")["CodeDeliveryDetails"] for _ in range(2)]
        assert again[0] == again[1]
        assert len(talk.pool.outbox) == 0
        legacy = Accounts(LocalPool(key=signing_key, prevent_user_existence_errors="LEGACY"))
        with refused(*LEGACY_NOBODY):
            legacy.resend("nobody")
        with refused(*LEGACY_NOBODY):
            legacy.confirm("nobody", "123456")

    def test_an_address_that_is_an_alias(self, signing_key: RSAKey) -> None:
        """An address that signs somebody in already is refused, or taken over by force."""
        talk = Accounts(LocalPool(key=signing_key, aliases=["email"]))
        talk.pool.add_user("bea", PASSWORD, email="us@example.com")
        talk.sign_up("ada", email="us@example.com")
        code = talk.pool.outbox.code_for("ada")
        with refused("AliasExistsException", "An account with the given email already exists."):
            talk.confirm("ada", code)
        talk.confirm("ada", code, ForceAliasCreation=True)

        assert talk.pool.user("us@example.com").username == "ada"
        assert talk.pool.user("bea").attributes["email_verified"] == "false"

    def test_a_name_like_an_address(self, signing_key: RSAKey) -> None:
        """Where e-mail is an alias, no name may look like one."""
        talk = Accounts(LocalPool(key=signing_key, aliases=["email"]))
        with refused(
            "InvalidParameterException",
            "Username cannot be of email format, since user pool is configured for email alias.",
        ):
            talk.sign_up("ada@example.com")


class TestSessions:
    """The session that leads from a sign-up into a sign-in."""

    @pytest.fixture
    def talk(self, signing_key: RSAKey, clock: ManualClock) -> Accounts:
        """A conversation with a pool whose users need no password."""
        factors = ["EMAIL_OTP", "PASSWORD"]
        return Accounts(LocalPool(key=signing_key, clock=clock, allowed_first_auth_factors=factors))

    def test_the_whole_way(self, talk: Accounts) -> None:
        """Sign up without a password, confirm, and be signed in without a challenge."""
        session = talk.sign_up("ada", None, email="ada@example.com")["Session"]
        code = talk.pool.outbox.code_for("ada")
        session = talk.confirm("ada", code, Session=session)["Session"]
        reply = talk.boto.initiate_auth(
            AuthFlow="USER_AUTH",
            ClientId=talk.app.client_id,
            AuthParameters={"USERNAME": "ada"},
            Session=session,
        )

        assert "AuthenticationResult" in reply

    def test_only_who_asks(self, talk: Accounts) -> None:
        """Without the session of the sign-up, the confirmation gives none."""
        talk.sign_up("ada", None, email="ada@example.com")

        assert "Session" not in talk.confirm("ada", talk.pool.outbox.code_for("ada"))

    def test_somebody_elses(self, talk: Accounts) -> None:
        """The session of another's sign-up is none; the account is not confirmed by it."""
        session = talk.sign_up("bea", None, email="bea@example.com")["Session"]
        talk.sign_up("ada", None, email="ada@example.com")
        with refused("NotAuthorizedException", "Invalid session for the user."):
            talk.confirm("ada", talk.pool.outbox.code_for("ada"), Session=session)

        assert talk.pool.user("ada").status == "UNCONFIRMED"

    def test_it_answers_no_challenge(self, talk: Accounts) -> None:
        """The session of a sign-up answers nothing that a sign-in asks."""
        session = talk.sign_up("ada", email="ada@example.com")["Session"]
        for challenge in ("EMAIL_OTP", "SELECT_CHALLENGE", "PASSWORD"):
            with refused("CodeMismatchException", "Invalid code or auth state for the user."):
                talk.respond(challenge, session, USERNAME="ada", PASSWORD=PASSWORD)


class TestTheSchema:
    """What users may write into their attributes."""

    @pytest.fixture
    def talk(self, signing_key: RSAKey, clock: ManualClock) -> Accounts:
        """A conversation with a pool that has a schema."""
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
        return Accounts(pool)

    def test_what_is_missing(self, talk: Accounts) -> None:
        """What the schema requires is told all at once."""
        with refused(
            "InvalidParameterException",
            "Attributes did not conform to the schema: email: The attribute is required\n"
            "name: The attribute is required",
        ):
            talk.sign_up("ada")

    @pytest.mark.parametrize(
        "name", ["email_verified", "custom:debt", "nickname", "custom:unknown"]
    )
    def test_what_the_client_may_not_write(self, talk: Accounts, name: str) -> None:
        """Not the marks of verification, nor what WriteAttributes leaves out."""
        with refused(*UNWRITABLE):
            talk.sign_up("ada", email="ada@example.com", **{"name": "Ada", name: "true"})

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("custom:team", "x"),
            ("custom:team", "engines"),
            ("custom:seats", "ten"),
            ("custom:seats", "10"),
            ("custom:seats", "9" * 5000),
        ],
    )
    def test_values(self, talk: Accounts, name: str, value: str) -> None:
        """A value must be of its type, and within its bounds."""
        with pytest.raises(talk.boto.exceptions.InvalidParameterException, match=name):
            talk.sign_up("ada", email="ada@example.com", **{"name": "Ada", name: value[:2048]})

    def test_addresses(self, talk: Accounts) -> None:
        """An address must look like one."""
        with refused("InvalidParameterException", "Invalid email address format."):
            talk.sign_up("ada", email="ada", name="Ada")

    def test_what_cannot_change(self, talk: Accounts) -> None:
        """What is not mutable is set at sign-up, and never after; not by administrators either."""
        given = {"email": "ada@example.com", "name": "Ada", "custom:badge": "7"}
        talk.sign_up("ada", **given)
        talk.confirm("ada", talk.pool.outbox.code_for("ada"))
        immutable = (
            "InvalidParameterException",
            "user.custom:badge: Attribute cannot be updated.",
        )
        with refused(*immutable):
            talk.update(talk.token(), **{"custom:badge": "8"})
        with refused(*immutable):
            talk.boto.admin_update_user_attributes(
                UserPoolId=talk.pool.pool_id,
                Username="ada",
                UserAttributes=listed({"custom:badge": "8"}),
            )

    def test_what_the_client_may_read(self, talk: Accounts) -> None:
        """ReadAttributes says what GetUser and the id token show."""
        talk.pool.add_user(
            "ada", PASSWORD, attributes={"name": "Ada", "custom:team": "red", "custom:badge": "7"}
        )
        tokens = talk.password("ada", PASSWORD)["AuthenticationResult"]
        keys = KeySet.import_key_set(talk.pool.jwks())  # type: ignore[arg-type]
        claims = jwt.decode(tokens["IdToken"], keys).claims
        shown = talk.attributes(tokens["AccessToken"])

        assert {"name", "custom:team"} <= set(shown) & set(claims)
        assert "custom:badge" not in {**shown, **claims}

    def test_default_permissions(self, signing_key: RSAKey) -> None:
        """Without ReadAttributes and WriteAttributes: the standard attributes, no custom ones."""
        pool = LocalPool(key=signing_key, schema=[SchemaAttribute("custom:team")])
        pool.add_user("ada", PASSWORD, attributes={"custom:team": "red", "name": "Ada"})
        talk = Accounts(pool)
        token = talk.token()

        assert "custom:team" not in talk.attributes(token)
        talk.update(token, nickname="Countess")
        with refused(*UNWRITABLE):
            talk.update(token, **{"custom:team": "blue"})


class TestAttributes:
    """UpdateUserAttributes and the codes that verify an address."""

    @pytest.fixture
    def token(self, talk: Accounts) -> str:
        """The access token of a user."""
        talk.pool.add_user("ada", PASSWORD, email="ada@example.com")
        return talk.token()

    def test_a_new_address(self, talk: Accounts, token: str) -> None:
        """A new address is not verified until its code comes back."""
        sent = talk.update(token, email="new@example.com", nickname="Countess")

        assert sent["CodeDeliveryDetailsList"] == [
            {"Destination": "n***@e***", "DeliveryMedium": "EMAIL", "AttributeName": "email"}
        ]
        assert talk.attributes(token)["email_verified"] == "false"
        code = talk.pool.outbox.code_for("new@example.com")
        with refused(*MISMATCH):
            talk.boto.verify_user_attribute(AccessToken=token, AttributeName="email", Code="x")
        talk.boto.verify_user_attribute(AccessToken=token, AttributeName="email", Code=code)
        assert talk.attributes(token)["email_verified"] == "true"
        assert talk.attributes(token)["nickname"] == "Countess"

    def test_the_old_one_until_then(self, signing_key: RSAKey) -> None:
        """Where verification comes first, the old address stays until the code comes back."""
        talk = Accounts(LocalPool(key=signing_key, verified_before_update=["email"]))
        talk.pool.add_user("ada", PASSWORD, email="old@example.com")
        token = talk.token()
        talk.update(token, email="new@example.com")

        assert talk.attributes(token)["email"] == "old@example.com"
        code = talk.pool.outbox.code_for("new@example.com")
        talk.boto.verify_user_attribute(AccessToken=token, AttributeName="email", Code=code)
        assert talk.attributes(token)["email"] == "new@example.com"
        assert talk.attributes(token)["email_verified"] == "true"

    def test_a_code_for_the_address_there_is(self, talk: Accounts, token: str) -> None:
        """GetUserAttributeVerificationCode sends a code to the address the user has."""
        ask = talk.boto.get_user_attribute_verification_code
        ask(AccessToken=token, AttributeName="email")

        assert talk.pool.outbox[-1].purpose == "VerifyUserAttribute"
        assert talk.pool.outbox[-1].to == "ada@example.com"
        with pytest.raises(talk.boto.exceptions.InvalidParameterException):
            ask(AccessToken=token, AttributeName="phone_number")

    def test_a_code_for_another_address(self, talk: Accounts, token: str) -> None:
        """A code verifies the address it went to, not the one that came after it."""
        talk.update(token, email="one@example.com")
        code = talk.pool.outbox.code_for("one@example.com")
        talk.pool.user("ada").attributes["email"] = "two@example.com"
        talk.boto.verify_user_attribute(AccessToken=token, AttributeName="email", Code=code)

        assert talk.attributes(token)["email_verified"] == "false"

    def test_taking_one_away(self, talk: Accounts, token: str) -> None:
        """A blank value takes the attribute away."""
        talk.update(token, nickname="Countess")
        talk.update(token, nickname="")

        assert "nickname" not in talk.attributes(token)

    def test_somebody_elses_alias(self, signing_key: RSAKey) -> None:
        """An address that signs somebody else in is refused."""
        talk = Accounts(LocalPool(key=signing_key, aliases=["email"]))
        talk.pool.add_user("bea", PASSWORD, email="bea@example.com")
        talk.pool.add_user("ada", PASSWORD)
        with refused("AliasExistsException", "An account with the given email already exists."):
            talk.update(talk.token(), email="bea@example.com")

    def test_an_unverified_address_is_nobodys(self, signing_key: RSAKey) -> None:
        """Giving up an address that was never verified takes nobody's alias away."""
        talk = Accounts(LocalPool(key=signing_key, aliases=["email"]))
        talk.pool.add_user("ada", PASSWORD, email="us@example.com", verified=False)
        talk.pool.add_user("bea", PASSWORD, email="us@example.com")
        talk.update(talk.token(), email="other@example.com")

        assert talk.pool.user("us@example.com").username == "bea"


class TestGoing:
    """DeleteUser."""

    def test_gone(self, talk: Accounts) -> None:
        """The user is gone for sign-in and for every token; the name is free again."""
        talk.pool.add_user("ada", PASSWORD)
        tokens = talk.password("ada", PASSWORD)["AuthenticationResult"]
        talk.boto.delete_user(AccessToken=tokens["AccessToken"])
        gone = ("UserNotFoundException", "User does not exist.")
        with refused(*gone):
            talk.boto.get_user(AccessToken=tokens["AccessToken"])
        with refused(*gone):
            talk.initiate("REFRESH_TOKEN_AUTH", REFRESH_TOKEN=tokens["RefreshToken"])
        with refused("NotAuthorizedException", "Incorrect username or password."):
            talk.password("ada", PASSWORD)

        assert talk.sign_up("ada")["UserSub"]


class TestTheFirstSignIn:
    """Where MFA is required: the first sign-in after self sign-up, on which sources disagree."""

    @pytest.mark.parametrize("without", [True, False])
    def test_both_ways(self, signing_key: RSAKey, *, without: bool) -> None:
        """The second factor is asked for (asserted), or not until the second sign-in (documented)."""
        talk = Accounts(
            LocalPool(
                key=signing_key,
                mfa="ON",
                contradictions=Contradictions(first_sign_in_without_mfa=without),
            )
        )
        talk.sign_up("ada", email="ada@example.com")
        talk.confirm("ada", talk.pool.outbox.code_for("ada"))
        first, second = talk.password("ada", PASSWORD), talk.password("ada", PASSWORD)

        assert ("AuthenticationResult" in first) is without
        assert second["ChallengeName"] == "EMAIL_OTP"


def test_history_begins_at_sign_up(signing_key: RSAKey) -> None:
    """The password of the sign-up is the first that may not come back."""
    policy = PasswordPolicy(password_history_size=1)
    talk = Accounts(LocalPool(key=signing_key, password_policy=policy))
    talk.sign_up("ada", email="ada@example.com")
    talk.confirm("ada", talk.pool.outbox.code_for("ada"))
    change = talk.boto.change_password
    token = talk.token()
    with pytest.raises(talk.boto.exceptions.PasswordHistoryPolicyViolationException):
        change(AccessToken=token, PreviousPassword=PASSWORD, ProposedPassword=PASSWORD)
    change(AccessToken=token, PreviousPassword=PASSWORD, ProposedPassword=NEW)

    assert talk.token(password=NEW)
