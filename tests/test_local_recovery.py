"""Getting back into the embedded pool: forgotten passwords, resets by administrators, changed passwords."""

from __future__ import annotations

from typing import Any

import pytest
from api_client import WRONG, ApiClient, refused
from botocore.exceptions import ClientError
from joserfc.jwk import RSAKey

from authfsm.local import LocalPool, ManualClock, PasswordPolicy
from authfsm.local.state.users import Status

PASSWORD = "Correct-h0rse"
NEW = "New-Passw0rd!"
MISMATCH = ("CodeMismatchException", "Invalid verification code provided, please try again.")
EXPIRED = ("ExpiredCodeException", "Invalid code provided, please request a code again.")
TOO_OFTEN = ("LimitExceededException", "Attempt limit exceeded, please try after some time.")
USED = ("PasswordHistoryPolicyViolationException", "Password has been used before.")
NO_WAY_BACK = (
    "InvalidParameterException",
    "Cannot reset password for the user as there is no registered/verified email or phone_number",
)
NO_RESET = ("NotAuthorizedException", "User password cannot be reset in the current state.")


class Recovery(ApiClient):
    """A conversation about a password."""

    def forgot(self, username: str = "ada", **more: Any) -> Any:
        """ForgotPassword."""
        reply = self.boto.forgot_password(ClientId=self.app.client_id, Username=username, **more)
        return reply["CodeDeliveryDetails"]

    def reset(self, code: str, password: str = NEW, username: str = "ada") -> Any:
        """ConfirmForgotPassword."""
        return self.boto.confirm_forgot_password(
            ClientId=self.app.client_id,
            Username=username,
            ConfirmationCode=code,
            Password=password,
        )

    def change(self, token: str, previous: str | None, proposed: str) -> Any:
        """ChangePassword."""
        more = {} if previous is None else {"PreviousPassword": previous}
        return self.boto.change_password(AccessToken=token, ProposedPassword=proposed, **more)

    @property
    def code(self) -> str:
        """The code that was sent last."""
        return self.pool.outbox[-1].code.reveal()


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands still."""
    return ManualClock()


@pytest.fixture
def talk(signing_key: RSAKey, clock: ManualClock) -> Recovery:
    """A conversation with a pool that has one user, with both addresses."""
    pool = LocalPool(key=signing_key, clock=clock)
    pool.add_user("ada", PASSWORD, email="ada@example.com", phone_number="+15551234567")
    return Recovery(pool)


@pytest.fixture
def legacy(signing_key: RSAKey, clock: ManualClock) -> Recovery:
    """The same, with a pool that tells who is there."""
    pool = LocalPool(key=signing_key, clock=clock, prevent_user_existence_errors="LEGACY")
    pool.add_user("ada", PASSWORD)
    return Recovery(pool)


class TestForgotten:
    """ForgotPassword and ConfirmForgotPassword."""

    def test_the_whole_way(self, talk: Recovery) -> None:
        """A code is sent; with it a new password signs in, and the old one no more."""
        details = talk.forgot()
        talk.reset(talk.code)

        assert details == {
            "Destination": "+*******4567",
            "DeliveryMedium": "SMS",
            "AttributeName": "phone_number",
        }
        assert "AuthenticationResult" in talk.srp("ada", NEW)
        with refused(*WRONG):
            talk.password("ada", PASSWORD)

    def test_a_code_once(self, talk: Recovery) -> None:
        """A code is spent by the password it brought; then it is as good as any other (see `TestStrangers`)."""
        talk.forgot()
        code = talk.code
        talk.reset(code)
        with refused(*MISMATCH):
            talk.reset(code)

    def test_its_life(self, talk: Recovery, clock: ManualClock) -> None:
        """It lives for one hour."""
        talk.forgot()
        clock.advance(3600)
        with refused(*EXPIRED):
            talk.reset(talk.code)

    def test_a_refused_password(self, talk: Recovery) -> None:
        """A password that does not conform leaves the code good."""
        talk.forgot()
        with refused(
            "InvalidPasswordException",
            "Password does not conform to policy: Password not long enough",
        ):
            talk.reset(talk.code, "short")
        talk.reset(talk.code)

        assert "AuthenticationResult" in talk.password("ada", NEW)

    def test_none_was_asked_for(self, talk: Recovery) -> None:
        """Without a request every code is a wrong one, as a stranger's is."""
        with refused(*MISMATCH):
            talk.reset("123456")

    def test_how_often(self, talk: Recovery, clock: ManualClock) -> None:
        """Twenty times an hour."""
        for _ in range(20):
            talk.forgot()
        with refused(*TOO_OFTEN):
            talk.forgot()
        clock.advance(3600)

        assert talk.forgot()


class TestTheChannel:
    """AccountRecoverySetting."""

    @pytest.mark.parametrize(
        ("setting", "attribute"),
        [
            ((), "phone_number"),
            (("verified_email", "verified_phone_number"), "email"),
            (("verified_phone_number", "verified_email"), "phone_number"),
            (("verified_email",), "email"),
        ],
    )
    def test_the_most_wanted(
        self, signing_key: RSAKey, setting: tuple[str, ...], attribute: str
    ) -> None:
        """The most wanted channel that is verified; without the setting, the number."""
        pool = LocalPool(key=signing_key, account_recovery=setting)
        pool.add_user("ada", PASSWORD, email="ada@example.com", phone_number="+15551234567")

        assert Recovery(pool).forgot()["AttributeName"] == attribute

    def test_not_by_the_second_factor(self, signing_key: RSAKey) -> None:
        """With the setting, the number recovers nobody who has SMS as a second factor."""
        setting = ("verified_phone_number", "verified_email")
        pool = LocalPool(key=signing_key, account_recovery=setting)
        pool.add_user(
            "ada", PASSWORD, email="a@example.com", phone_number="+15551234567", mfa=["SMS_MFA"]
        )

        assert Recovery(pool).forgot()["AttributeName"] == "email"

    def test_administrators_only(self, signing_key: RSAKey) -> None:
        """Where administrators alone recover accounts, nobody does it alone."""
        pool = LocalPool(key=signing_key, account_recovery=["admin_only"])
        pool.add_user("ada", PASSWORD, email="ada@example.com")
        with refused("NotAuthorizedException", "Contact administrator to reset password."):
            Recovery(pool).forgot()


class TestWhoIsThere:
    """Whether ForgotPassword tells who is there."""

    def test_nobody_looks_like_somebody(self, talk: Recovery) -> None:
        """A user who is not there, is disabled or has no verified address: the same answer (ENABLED)."""
        talk.pool.add_user("bea", PASSWORD, email="bea@example.com", enabled=False)
        talk.pool.add_user("cleo", PASSWORD, email="cleo@example.com", verified=False)
        sent = len(talk.pool.outbox)
        answers = [talk.forgot(name) for name in ("nobody", "bea", "cleo")]

        assert {tuple(sorted(each)) for each in answers} == {
            ("AttributeName", "DeliveryMedium", "Destination")
        }
        assert talk.forgot("nobody") == answers[0]
        assert len(talk.pool.outbox) == sent
        for name in ("nobody", "bea"):
            with refused(*MISMATCH):
                talk.reset("123456", username=name)

    def test_the_address_typed(self, talk: Recovery) -> None:
        """Who types an address sees that address, masked."""
        assert talk.forgot("nobody@example.com")["Destination"] == "n***@e***"
        assert talk.forgot("+15559876543")["Destination"] == "+*******6543"

    def test_legacy(self, legacy: Recovery) -> None:
        """LEGACY says what is the matter."""
        nobody = ("UserNotFoundException", "Username/client id combination not found.")
        with refused(*nobody):
            legacy.forgot("nobody")
        with refused(*nobody):
            legacy.reset("123456", username="nobody")
        with refused(*NO_WAY_BACK):
            legacy.forgot()
        legacy.pool.user("ada").enabled = False
        with refused("NotAuthorizedException", "User is disabled."):
            legacy.forgot()

    def test_a_temporary_password(self, talk: Recovery) -> None:
        """Who has a temporary password changes that, and resets nothing."""
        talk.pool.add_user("bea", PASSWORD, email="bea@example.com", temporary=True)
        with refused(*NO_RESET):
            talk.forgot("bea")


class TestAdministrators:
    """AdminResetUserPassword."""

    def test_the_whole_way(self, talk: Recovery) -> None:
        """The password signs in no more, the code brings a new one."""
        ids = {"UserPoolId": talk.pool.pool_id, "Username": "ada"}
        talk.boto.admin_reset_user_password(**ids)
        with refused("PasswordResetRequiredException", "Password reset required for the user"):
            talk.password("ada", PASSWORD)
        talk.reset(talk.code)

        assert "AuthenticationResult" in talk.password("ada", NEW)

    def test_nowhere_to_send_it(self, legacy: Recovery) -> None:
        """Without a verified address nothing is reset."""
        with refused(*NO_WAY_BACK):
            legacy.boto.admin_reset_user_password(UserPoolId=legacy.pool.pool_id, Username="ada")

        assert "AuthenticationResult" in legacy.password("ada", PASSWORD)


class TestChanging:
    """ChangePassword."""

    @pytest.fixture
    def token(self, talk: Recovery) -> str:
        """An access token."""
        text: str = talk.password("ada", PASSWORD)["AuthenticationResult"]["AccessToken"]
        return text

    def test_changed(self, talk: Recovery, token: str) -> None:
        """The new password signs in; the token goes on."""
        talk.change(token, PASSWORD, NEW)

        assert "AuthenticationResult" in talk.password("ada", NEW)
        assert talk.boto.get_user(AccessToken=token)["Username"] == "ada"

    def test_the_present_one(self, talk: Recovery, token: str) -> None:
        """A wrong present password is refused, and counts towards the lock-out."""
        for _ in range(5):
            with refused(*WRONG):
                talk.change(token, "wrong", NEW)
        with refused("NotAuthorizedException", "Password attempts exceeded"):
            talk.password("ada", PASSWORD)
        with pytest.raises(talk.boto.exceptions.LimitExceededException):
            talk.change(token, PASSWORD, NEW)

    def test_it_must_be_given(self, talk: Recovery, token: str) -> None:
        """Who has a password gives it."""
        with pytest.raises(talk.boto.exceptions.InvalidParameterException):
            talk.change(token, None, NEW)

    def test_the_first_one(self, signing_key: RSAKey) -> None:
        """Who has none sets their first without."""
        pool = LocalPool(key=signing_key, allowed_first_auth_factors=["EMAIL_OTP", "PASSWORD"])
        pool.add_user("ada", email="ada@example.com")
        talk = Recovery(pool)
        asked = talk.initiate("USER_AUTH", USERNAME="ada", PREFERRED_CHALLENGE="EMAIL_OTP")
        reply = talk.answer(asked, "ada", EMAIL_OTP_CODE=talk.code)
        talk.change(reply["AuthenticationResult"]["AccessToken"], None, NEW)

        assert "AuthenticationResult" in talk.password("ada", NEW)


class TestHistory:
    """PasswordHistorySize."""

    def test_the_last_two(self, signing_key: RSAKey, clock: ManualClock) -> None:
        """The present password and the one before may not come back; the one before that may."""
        pool = LocalPool(
            key=signing_key, clock=clock, password_policy=PasswordPolicy(password_history_size=2)
        )
        pool.add_user("ada", PASSWORD, email="ada@example.com")
        talk = Recovery(pool)
        talk.forgot()
        talk.reset(talk.code, NEW)
        talk.forgot()
        code = talk.code
        for password in (NEW, PASSWORD):
            with refused(*USED):
                talk.reset(code, password)
        talk.reset(code, "Third-Passw0rd")
        ids = {"UserPoolId": pool.pool_id, "Username": "ada"}
        with refused(*USED):
            talk.boto.admin_set_user_password(**ids, Password=NEW, Permanent=True)
        talk.boto.admin_set_user_password(**ids, Password=PASSWORD, Permanent=True)

        assert "AuthenticationResult" in talk.password("ada", PASSWORD)

    def test_at_the_first_sign_in(self, signing_key: RSAKey) -> None:
        """The temporary password may not become the permanent one; the session survives the refusal."""
        pool = LocalPool(key=signing_key, password_policy=PasswordPolicy(password_history_size=1))
        pool.add_user("ada", PASSWORD, temporary=True)
        talk = Recovery(pool)
        asked = talk.password("ada", PASSWORD)
        with refused(*USED):
            talk.answer(asked, "ada", NEW_PASSWORD=PASSWORD)

        assert "AuthenticationResult" in talk.answer(asked, "ada", NEW_PASSWORD=NEW)

    def test_who_has_no_code_is_told_nothing(self, signing_key: RSAKey) -> None:
        """The passwords of the past are no oracle: without the code they are as good as any."""
        pool = LocalPool(key=signing_key, password_policy=PasswordPolicy(password_history_size=5))
        pool.add_user("ada", PASSWORD, email="ada@example.com")
        talk = Recovery(pool)
        talk.forgot()
        with refused(*MISMATCH):
            talk.reset("wrong", PASSWORD)


class TestStrangers:
    """Under PreventUserExistenceErrors=ENABLED only who has the right code learns that there is such a user."""

    STANDING = ("CONFIRMED", "UNCONFIRMED", "FORCE_CHANGE_PASSWORD", "RESET_REQUIRED", "disabled")

    def answers(self, talk: Recovery, clock: ManualClock, username: str) -> list[tuple[str, str]]:
        """What is said to whoever has no code: with any code, any password, and often."""
        said = []

        def tried(code: str, password: str = NEW) -> None:
            try:
                talk.reset(code, password, username)
                said.append(("", ""))
            except ClientError as error:
                said.append((error.response["Error"]["Code"], error.response["Error"]["Message"]))

        tried("123456")
        tried("123456", "short")
        for _ in range(20):
            tried("000000")
        clock.advance(3601)
        tried("123456")
        return said

    @pytest.mark.parametrize("standing", STANDING)
    @pytest.mark.parametrize("pending", [None, 0, 3601], ids=["no code", "a code", "an old code"])
    def test_confirm_forgot_password(
        self, talk: Recovery, clock: ManualClock, standing: str, pending: int | None
    ) -> None:
        """Whatever the user's state, and whether a code waits, is over or was never sent: a stranger's answers."""
        if pending is not None:
            talk.forgot()
            clock.advance(pending)
        user = talk.pool.user("ada")
        user.enabled = standing != "disabled"
        user.status = Status.__members__.get(standing, user.status)

        assert self.answers(talk, clock, "ada") == self.answers(talk, clock, "nobody")

    @pytest.mark.parametrize("pending", [False, True], ids=["no code", "an old code"])
    def test_confirm_sign_up(
        self, signing_key: RSAKey, clock: ManualClock, *, pending: bool
    ) -> None:
        """The same of an account that is to be confirmed."""
        auto = ["email"] if pending else []
        pool = LocalPool(key=signing_key, clock=clock, auto_verified_attributes=auto)
        talk = Recovery(pool)
        email = [{"Name": "email", "Value": "eve@example.com"}]
        talk.boto.sign_up(
            ClientId=pool.client_id, Username="eve", Password=PASSWORD, UserAttributes=email
        )
        clock.advance(24 * 3600 + 1)
        said: dict[str, list[Any]] = {}
        for name in ("eve", "nobody"):
            for _ in range(16):
                try:
                    talk.boto.confirm_sign_up(
                        ClientId=pool.client_id, Username=name, ConfirmationCode="123456"
                    )
                except ClientError as error:
                    said.setdefault(name, []).append(error.response["Error"])

        assert said["eve"] == said["nobody"]

    def test_how_often(self, talk: Recovery) -> None:
        """ForgotPassword and ResendConfirmationCode are counted for names that nobody has, too."""
        for call, most in ((talk.forgot, 20), (self.resend(talk), 5)):
            for _ in range(most):
                call("nobody")
            with refused(*TOO_OFTEN):
                call("nobody")

    def resend(self, talk: Recovery) -> Any:
        """ResendConfirmationCode."""
        return lambda name: talk.boto.resend_confirmation_code(
            ClientId=talk.app.client_id, Username=name
        )

    def test_only_administrators(self, signing_key: RSAKey) -> None:
        """Where only administrators reset passwords, that is said of everybody."""
        pool = LocalPool(key=signing_key, account_recovery=["admin_only"])
        pool.add_user("ada", PASSWORD, email="ada@example.com")
        for name in ("ada", "nobody"):
            with refused("NotAuthorizedException", "Contact administrator to reset password."):
                Recovery(pool).forgot(name)
