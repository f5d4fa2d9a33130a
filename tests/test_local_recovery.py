"""Passwords in the local pool: forgotten, reset by administrators, changed."""

from __future__ import annotations

from typing import Any

import pytest
from api_client import WRONG, ApiClient, refused
from botocore.exceptions import ClientError
from joserfc.jwk import RSAKey

from authfsm.local import LocalPool, ManualClock, PasswordPolicy, PoolRefusal
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


class RecoveryClient(ApiClient):
    """A client's requests about a password."""

    def forgot(self, username: str = "ada", **more: Any) -> Any:
        """Send ForgotPassword."""
        reply = self.boto.forgot_password(ClientId=self.app.client_id, Username=username, **more)
        return reply["CodeDeliveryDetails"]

    def reset(self, code: str, password: str = NEW, username: str = "ada") -> Any:
        """Send ConfirmForgotPassword."""
        return self.boto.confirm_forgot_password(
            ClientId=self.app.client_id, Username=username, ConfirmationCode=code, Password=password
        )

    def change(self, token: str, previous: str | None, proposed: str) -> Any:
        """Send ChangePassword."""
        more = {} if previous is None else {"PreviousPassword": previous}
        return self.boto.change_password(AccessToken=token, ProposedPassword=proposed, **more)

    @property
    def code(self) -> str:
        """Return the last code that was sent."""
        return self.pool.outbox[-1].code.reveal()


@pytest.fixture
def clock() -> ManualClock:
    """A clock that only tests advance."""
    return ManualClock()


@pytest.fixture
def client(signing_key: RSAKey, clock: ManualClock) -> RecoveryClient:
    """A client of a pool with one user, who has both addresses."""
    pool = LocalPool(key=signing_key, clock=clock)
    pool.add_user("ada", PASSWORD, email="ada@example.com", phone_number="+15551234567")
    return RecoveryClient(pool)


@pytest.fixture
def legacy(signing_key: RSAKey, clock: ManualClock) -> RecoveryClient:
    """The same with PreventUserExistenceErrors=LEGACY."""
    pool = LocalPool(key=signing_key, clock=clock, prevent_user_existence_errors="LEGACY")
    pool.add_user("ada", PASSWORD)
    return RecoveryClient(pool)


class TestForgotPassword:
    """ForgotPassword and ConfirmForgotPassword."""

    def test_reset_and_sign_in(self, client: RecoveryClient) -> None:
        """With the code the user sets a new password; the old one is no longer accepted."""
        details = client.forgot()
        client.reset(client.code)

        assert details == {"Destination": "+*******4567", "DeliveryMedium": "SMS", "AttributeName": "phone_number"}
        assert "AuthenticationResult" in client.srp("ada", NEW)
        with refused(*WRONG):
            client.password("ada", PASSWORD)

    def test_a_code_can_be_used_only_once(self, client: RecoveryClient) -> None:
        """A code can be used once."""
        client.forgot()
        code = client.code
        client.reset(code)
        with refused(*MISMATCH):
            client.reset(code)

    def test_code_expires(self, client: RecoveryClient, clock: ManualClock) -> None:
        """A code is valid for one hour."""
        client.forgot()
        clock.advance(3600)
        with refused(*EXPIRED):
            client.reset(client.code)

    def test_refused_password_keeps_the_code(self, client: RecoveryClient) -> None:
        """The code stays valid if the new password violates the policy, or cannot be encoded."""
        client.forgot()
        reset = {"ClientId": client.app.client_id, "Username": "ada", "ConfirmationCode": client.code}
        with pytest.raises(PoolRefusal, match="Password is not text"):
            client.pool.answer("ConfirmForgotPassword", {**reset, "Password": f"{NEW}\ud800"})
        with refused("InvalidPasswordException", "Password does not conform to policy: Password not long enough"):
            client.reset(client.code, "short")
        client.reset(client.code)

        assert "AuthenticationResult" in client.password("ada", NEW)

    def test_no_code_was_sent(self, client: RecoveryClient) -> None:
        """Before ForgotPassword every code is wrong, as for an unknown user."""
        with refused(*MISMATCH):
            client.reset("123456")

    def test_quota(self, client: RecoveryClient, clock: ManualClock) -> None:
        """ForgotPassword is allowed twenty times an hour."""
        for _ in range(20):
            client.forgot()
        with refused(*TOO_OFTEN):
            client.forgot()
        clock.advance(3600)

        assert client.forgot()


class TestAccountRecoverySetting:
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
    def test_priority(self, signing_key: RSAKey, setting: tuple[str, ...], attribute: str) -> None:
        """The code goes to the first verified address in the setting; without it, to the phone number."""
        pool = LocalPool(key=signing_key, account_recovery=setting)
        pool.add_user("ada", PASSWORD, email="ada@example.com", phone_number="+15551234567")

        assert RecoveryClient(pool).forgot()["AttributeName"] == attribute

    @pytest.mark.parametrize(("factor", "attribute"), [("SMS_MFA", "email"), ("EMAIL_OTP", "phone_number")])
    def test_a_second_factor_rules_out_its_address(self, signing_key: RSAKey, factor: str, attribute: str) -> None:
        """With the setting, a user cannot recover by the address of an enabled second factor."""
        setting = ("verified_phone_number", "verified_email")
        pool = LocalPool(key=signing_key, account_recovery=setting if factor == "SMS_MFA" else setting[::-1])
        pool.add_user("ada", PASSWORD, email="a@example.com", phone_number="+15551234567", mfa=[factor])

        assert RecoveryClient(pool).forgot()["AttributeName"] == attribute

    def test_admin_only(self, signing_key: RSAKey) -> None:
        """With admin_only, ForgotPassword is refused."""
        pool = LocalPool(key=signing_key, account_recovery=["admin_only"])
        pool.add_user("ada", PASSWORD, email="ada@example.com")
        with refused("NotAuthorizedException", "Contact administrator to reset password."):
            RecoveryClient(pool).forgot()


class TestUserExistence:
    """Replies of ForgotPassword do not reveal whether a user exists."""

    def test_enabled(self, client: RecoveryClient) -> None:
        """Unknown and disabled users and those without a verified address get the same simulated reply (ENABLED)."""
        client.pool.add_user("bea", PASSWORD, email="bea@example.com", enabled=False)
        client.pool.add_user("cleo", PASSWORD, email="cleo@example.com", verified=False)
        message_count = len(client.pool.outbox)
        answers = [client.forgot(name) for name in ("nobody", "bea", "cleo")]

        assert {tuple(sorted(each)) for each in answers} == {("AttributeName", "DeliveryMedium", "Destination")}
        assert client.forgot("nobody") == answers[0]
        assert len(client.pool.outbox) == message_count
        for name in ("nobody", "bea"):
            with refused(*MISMATCH):
                client.reset("123456", username=name)

    def test_submitted_address(self, client: RecoveryClient) -> None:
        """For a name that is an address, the simulated reply shows it masked."""
        assert client.forgot("nobody@example.com")["Destination"] == "n***@e***"
        assert client.forgot("+15559876543")["Destination"] == "+*******6543"

    def test_legacy(self, legacy: RecoveryClient) -> None:
        """With LEGACY the error names the reason."""
        unknown_user = ("UserNotFoundException", "Username/client id combination not found.")
        with refused(*unknown_user):
            legacy.forgot("nobody")
        with refused(*unknown_user):
            legacy.reset("123456", username="nobody")
        with refused(*NO_WAY_BACK):
            legacy.forgot()
        legacy.pool.user("ada").enabled = False
        with refused("NotAuthorizedException", "User is disabled."):
            legacy.forgot()

    def test_temporary_password(self, client: RecoveryClient) -> None:
        """A user with a temporary password cannot reset it."""
        client.pool.add_user("bea", PASSWORD, email="bea@example.com", temporary=True)
        with refused(*NO_RESET):
            client.forgot("bea")


class TestAdminResetUserPassword:
    """AdminResetUserPassword."""

    def test_reset_and_sign_in(self, client: RecoveryClient) -> None:
        """After the reset the old password is refused, and the code sets a new one."""
        ids = {"UserPoolId": client.pool.pool_id, "Username": "ada"}
        client.boto.admin_reset_user_password(**ids)
        with refused("PasswordResetRequiredException", "Password reset required for the user"):
            client.password("ada", PASSWORD)
        client.reset(client.code)

        assert "AuthenticationResult" in client.password("ada", NEW)

    def test_no_verified_address(self, legacy: RecoveryClient) -> None:
        """The reset is refused for a user without a verified address."""
        with refused(*NO_WAY_BACK):
            legacy.boto.admin_reset_user_password(UserPoolId=legacy.pool.pool_id, Username="ada")

        assert "AuthenticationResult" in legacy.password("ada", PASSWORD)


class TestChangePassword:
    """ChangePassword."""

    @pytest.fixture
    def token(self, client: RecoveryClient) -> str:
        """An access token."""
        text: str = client.password("ada", PASSWORD)["AuthenticationResult"]["AccessToken"]
        return text

    def test_change_and_sign_in(self, client: RecoveryClient, token: str) -> None:
        """The new password is accepted, and the access token stays valid."""
        client.change(token, PASSWORD, NEW)

        assert "AuthenticationResult" in client.password("ada", NEW)
        assert client.boto.get_user(AccessToken=token)["Username"] == "ada"

    def test_wrong_current_password(self, client: RecoveryClient, token: str) -> None:
        """A wrong current password is refused and counts towards the lock-out."""
        for _ in range(5):
            with refused(*WRONG):
                client.change(token, "wrong", NEW)
        with refused("NotAuthorizedException", "Password attempts exceeded"):
            client.password("ada", PASSWORD)
        with pytest.raises(client.boto.exceptions.LimitExceededException):
            client.change(token, PASSWORD, NEW)

    def test_current_password_is_required(self, client: RecoveryClient, token: str) -> None:
        """A user with a password must send the current one."""
        with pytest.raises(client.boto.exceptions.InvalidParameterException):
            client.change(token, None, NEW)

    def test_first_password(self, signing_key: RSAKey) -> None:
        """A user without a password sets the first one without a current one."""
        pool = LocalPool(key=signing_key, allowed_first_auth_factors=["EMAIL_OTP", "PASSWORD"])
        pool.add_user("ada", email="ada@example.com")
        client = RecoveryClient(pool)
        challenge = client.initiate("USER_AUTH", USERNAME="ada", PREFERRED_CHALLENGE="EMAIL_OTP")
        reply = client.answer(challenge, "ada", EMAIL_OTP_CODE=client.code)
        client.change(reply["AuthenticationResult"]["AccessToken"], None, NEW)

        assert "AuthenticationResult" in client.password("ada", NEW)


class TestPasswordHistory:
    """PasswordHistorySize."""

    def test_history_of_two(self, signing_key: RSAKey, clock: ManualClock) -> None:
        """The current and the previous password are refused; an older one is accepted."""
        pool = LocalPool(key=signing_key, clock=clock, password_policy=PasswordPolicy(password_history_size=2))
        pool.add_user("ada", PASSWORD, email="ada@example.com")
        client = RecoveryClient(pool)
        client.forgot()
        client.reset(client.code, NEW)
        client.forgot()
        code = client.code
        for password in (NEW, PASSWORD):
            with refused(*USED):
                client.reset(code, password)
        client.reset(code, "Third-Passw0rd")
        ids = {"UserPoolId": pool.pool_id, "Username": "ada"}
        with refused(*USED):
            client.boto.admin_set_user_password(**ids, Password=NEW, Permanent=True)
        client.boto.admin_set_user_password(**ids, Password=PASSWORD, Permanent=True)

        assert "AuthenticationResult" in client.password("ada", PASSWORD)

    def test_temporary_password_is_refused(self, signing_key: RSAKey) -> None:
        """The temporary password cannot become permanent; the session survives the refusal."""
        pool = LocalPool(key=signing_key, password_policy=PasswordPolicy(password_history_size=1))
        pool.add_user("ada", PASSWORD, temporary=True)
        client = RecoveryClient(pool)
        reply = client.password("ada", PASSWORD)
        with refused(*USED):
            client.answer(reply, "ada", NEW_PASSWORD=PASSWORD)

        assert "AuthenticationResult" in client.answer(reply, "ada", NEW_PASSWORD=NEW)

    def test_history_is_not_revealed(self, signing_key: RSAKey) -> None:
        """Without the code, a password of the history is refused like any other."""
        pool = LocalPool(key=signing_key, password_policy=PasswordPolicy(password_history_size=5))
        pool.add_user("ada", PASSWORD, email="ada@example.com")
        client = RecoveryClient(pool)
        client.forgot()
        with refused(*MISMATCH):
            client.reset("wrong", PASSWORD)


class TestWithoutTheCode:
    """With PreventUserExistenceErrors=ENABLED, only a right code reveals that the user exists."""

    STANDING = ("CONFIRMED", "UNCONFIRMED", "FORCE_CHANGE_PASSWORD", "RESET_REQUIRED", "disabled")

    def answers(self, client: RecoveryClient, clock: ManualClock, username: str) -> list[tuple[str, str]]:
        """Return the replies to a client without the code: to any code and any password, repeatedly."""
        replies = []

        def try_code(code: str, password: str = NEW) -> None:
            try:
                client.reset(code, password, username)
                replies.append(("", ""))
            except ClientError as error:
                replies.append((error.response["Error"]["Code"], error.response["Error"]["Message"]))

        try_code("123456")
        try_code("123456", "short")
        for _ in range(20):
            try_code("000000")
        clock.advance(3601)
        try_code("123456")
        return replies

    @pytest.mark.parametrize("standing", STANDING)
    @pytest.mark.parametrize("pending", [None, 0, 3601], ids=["no code", "a code", "an old code"])
    def test_confirm_forgot_password(
        self, client: RecoveryClient, clock: ManualClock, standing: str, pending: int | None
    ) -> None:
        """Whatever the state of user and code, the replies are those for an unknown user."""
        if pending is not None:
            client.forgot()
            clock.advance(pending)
        user = client.pool.user("ada")
        user.enabled = standing != "disabled"
        user.status = Status.__members__.get(standing, user.status)

        assert self.answers(client, clock, "ada") == self.answers(client, clock, "nobody")

    @pytest.mark.parametrize("pending", [False, True], ids=["no code", "an old code"])
    def test_confirm_sign_up(self, signing_key: RSAKey, clock: ManualClock, *, pending: bool) -> None:
        """The replies of ConfirmSignUp do not reveal whether an account awaits confirmation."""
        auto = ["email"] if pending else []
        pool = LocalPool(key=signing_key, clock=clock, auto_verified_attributes=auto)
        client = RecoveryClient(pool)
        email = [{"Name": "email", "Value": "eve@example.com"}]
        client.boto.sign_up(ClientId=pool.client_id, Username="eve", Password=PASSWORD, UserAttributes=email)
        clock.advance(24 * 3600 + 1)
        replies_by_user: dict[str, list[Any]] = {}
        for name in ("eve", "nobody"):
            for _ in range(16):
                try:
                    client.boto.confirm_sign_up(ClientId=pool.client_id, Username=name, ConfirmationCode="123456")
                except ClientError as error:
                    replies_by_user.setdefault(name, []).append(error.response["Error"])

        assert replies_by_user["eve"] == replies_by_user["nobody"]

    def test_quotas(self, client: RecoveryClient) -> None:
        """Calls are counted for unknown names, too."""
        for call, most in ((client.forgot, 20), (self.resend(client), 5)):
            for _ in range(most):
                call("nobody")
            with refused(*TOO_OFTEN):
                call("nobody")

    def resend(self, client: RecoveryClient) -> Any:
        """Send ResendConfirmationCode."""
        return lambda name: client.boto.resend_confirmation_code(ClientId=client.app.client_id, Username=name)

    def test_admin_only(self, signing_key: RSAKey) -> None:
        """With admin_only, the reply is the same for everybody."""
        pool = LocalPool(key=signing_key, account_recovery=["admin_only"])
        pool.add_user("ada", PASSWORD, email="ada@example.com")
        for name in ("ada", "nobody"):
            with refused("NotAuthorizedException", "Contact administrator to reset password."):
                RecoveryClient(pool).forgot(name)
