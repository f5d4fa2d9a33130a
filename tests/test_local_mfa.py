"""The second factor: which one is asked for, how it is checked, and how it is set up."""

from __future__ import annotations

import json
from typing import Any

import pyotp
import pytest
from api_client import MISMATCH, UNKNOWN, USED, WRONG, ApiClient, refused
from joserfc.jwk import RSAKey

from authfsm.base.secret import Secret
from authfsm.local import Contradictions, LocalPool, ManualClock, PoolConfiguration, PoolRefusal
from authfsm.local.signin.required_factors import RequiredMfa, required_mfa
from authfsm.local.state.users import SoftwareToken, User
from authfsm.protocol.states import State

PASSWORD = "correct horse battery staple"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
SMS, TOTP, EMAIL = State.SMS_MFA, State.SOFTWARE_TOKEN_MFA, State.EMAIL_OTP
SELECT, SETUP = State.SELECT_MFA_TYPE, State.MFA_SETUP


@pytest.fixture
def clock() -> ManualClock:
    """A clock that the test moves."""
    return ManualClock()


def totp(clock: ManualClock, secret: str = SECRET, steps: int = 0) -> str:
    """Return the code of an authenticator app, some 30-second steps from now."""
    return pyotp.TOTP(secret).at(int(clock().timestamp()) + 30 * steps)


def user(**facts: Any) -> User:
    """Return a user who has some of `totp`, `phone`, `email`, with some factors on and one preferred."""
    clock = ManualClock()
    new_user = User("ada", "sub", clock(), clock())
    if facts.get("totp"):
        new_user.software_token = SoftwareToken(Secret(SECRET))
    for name in ("phone_number", "email"):
        if facts.get(name):
            new_user.attributes[name] = "x"
    new_user.mfa_enabled = frozenset(facts.get("on", ()))
    new_user.preferred_mfa = facts.get("prefers")
    return new_user


def pool_settings(**facts: Any) -> PoolConfiguration:
    """Return the settings of a pool."""
    return PoolConfiguration("eu-west-1_abc", "https://issuer", **facts)


EVERYTHING = {"totp": True, "phone_number": True, "email": True}
PHONE_FIRST = ("verified_phone_number", "verified_email")


@pytest.mark.parametrize(
    ("settings", "facts", "expected"),
    [
        # 1. Off.
        ({"mfa": "OFF"}, {**EVERYTHING, "on": [SMS], "prefers": SMS}, None),
        # 2. Optional: factors that are not active are not required.
        ({"mfa": "OPTIONAL"}, EVERYTHING, None),
        ({"mfa": "OPTIONAL"}, {}, None),
        ({"mfa": "OPTIONAL"}, {**EVERYTHING, "on": [TOTP]}, RequiredMfa(TOTP)),
        ({"mfa": "OPTIONAL"}, {**EVERYTHING, "on": [SMS]}, RequiredMfa(SMS)),
        ({"mfa": "OPTIONAL"}, {**EVERYTHING, "on": [SMS, TOTP]}, RequiredMfa(SELECT, (SMS, TOTP))),
        ({"mfa": "OPTIONAL", "mfa_methods": [TOTP]}, {**EVERYTHING, "on": [SMS]}, None),
        # 3. The preferred factor.
        ({"mfa": "ON"}, {**EVERYTHING, "on": [SMS, TOTP], "prefers": TOTP}, RequiredMfa(TOTP)),
        ({"mfa": "ON"}, {**EVERYTHING, "on": [EMAIL], "prefers": EMAIL}, RequiredMfa(EMAIL)),
        ({"mfa": "OPTIONAL"}, {**EVERYTHING, "on": [SMS, TOTP], "prefers": SMS}, RequiredMfa(SMS)),
        # ... but not the sole channel of account recovery.
        (
            {"mfa": "ON", "account_recovery": ["verified_phone_number"]},
            {"phone_number": True, "email": True, "on": [SMS], "prefers": SMS},
            RequiredMfa(EMAIL),
        ),
        # 4. TOTP, with others or alone.
        ({"mfa": "ON"}, EVERYTHING, RequiredMfa(SELECT, (SMS, TOTP, EMAIL))),
        ({"mfa": "ON"}, {"totp": True}, RequiredMfa(TOTP)),
        ({"mfa": "ON", "mfa_methods": [TOTP, EMAIL]}, EVERYTHING, RequiredMfa(SELECT, (TOTP, EMAIL))),
        # 5. One address.
        ({"mfa": "ON"}, {"phone_number": True}, RequiredMfa(SMS)),
        ({"mfa": "ON"}, {"email": True}, RequiredMfa(EMAIL)),
        ({"mfa": "ON", "mfa_methods": [SMS, TOTP]}, {"email": True}, RequiredMfa(SETUP, (TOTP,))),
        ({"mfa": "ON", "mfa_methods": [SMS]}, {"email": True}, PoolRefusal),
        ({"mfa": "ON", "account_recovery": PHONE_FIRST}, {"phone_number": True}, PoolRefusal),
        ({"mfa": "ON", "account_recovery": PHONE_FIRST}, {"email": True}, RequiredMfa(EMAIL)),
        # 6. Both addresses.
        ({"mfa": "ON"}, {"phone_number": True, "email": True}, RequiredMfa(SELECT, (SMS, EMAIL))),
        ({"mfa": "ON", "account_recovery": PHONE_FIRST}, {"phone_number": True, "email": True}, RequiredMfa(EMAIL)),
        ({"mfa": "ON", "account_recovery": PHONE_FIRST[::-1]}, {"phone_number": True, "email": True}, RequiredMfa(SMS)),
        # 7. Neither.
        ({"mfa": "ON"}, {}, RequiredMfa(SETUP, (SMS, TOTP, EMAIL))),
        ({"mfa": "ON", "mfa_methods": [TOTP]}, {}, RequiredMfa(SETUP, (TOTP,))),
        ({"mfa": "ON", "account_recovery": ["verified_email"]}, {}, RequiredMfa(SETUP, (SMS, TOTP))),
        ({"mfa": "ON", "mfa_methods": [SMS]}, {}, PoolRefusal),
    ],
)
def test_the_decision_tree(
    settings: dict[str, Any], facts: dict[str, Any], expected: RequiredMfa | type[PoolRefusal] | None
) -> None:
    """The required factor follows the developer guide's decision tree, step by step."""
    if expected is PoolRefusal:
        with pytest.raises(PoolRefusal):
            required_mfa(pool_settings(**settings), user(**facts))
    else:
        assert expected == required_mfa(pool_settings(**settings), user(**facts))


@pytest.mark.parametrize("impossible", ["ABC", "not base32!", "JBSWY3DP", "1" * 32])
def test_an_unusable_totp_secret_is_refused_at_once(signing_key: RSAKey, impossible: str) -> None:
    """A TOTP secret that gives no codes raises ValueError, which does not quote it; no user is created."""
    pool = LocalPool(key=signing_key)

    with pytest.raises(ValueError, match="base32") as caught:
        pool.add_user("ada", PASSWORD, totp_secret=impossible)

    assert impossible not in str(caught.value)
    assert caught.value.__context__ is None
    with pytest.raises(LookupError):
        pool.user("ada")


class TestSentCodes:
    """SMS_MFA and EMAIL_OTP."""

    @pytest.mark.parametrize(
        ("method", "medium", "address", "masked"),
        [("SMS_MFA", "SMS", "+15550001111", "+*******1111"), ("EMAIL_OTP", "EMAIL", "ada@example.com", "a***@e***")],
    )
    def test_the_code_goes_to_the_address_in_the_challenge(
        self, signing_key: RSAKey, method: str, medium: str, address: str, masked: str
    ) -> None:
        """Six digits are in the outbox; the challenge shows the address masked."""
        pool = LocalPool(key=signing_key, mfa="ON", mfa_methods=[method])
        pool.add_user("ada", PASSWORD, phone_number="+15550001111", email="ada@example.com")
        api = ApiClient(pool)
        challenge_reply = api.password("ada", PASSWORD)
        message = pool.outbox[-1]

        assert method == challenge_reply["ChallengeName"]
        assert challenge_reply["ChallengeParameters"] == {
            "CODE_DELIVERY_DELIVERY_MEDIUM": medium,
            "CODE_DELIVERY_DESTINATION": masked,
            "USER_ID_FOR_SRP": "ada",
        }
        assert (message.username, message.to, message.medium, message.purpose) == ("ada", address, medium, method)
        assert len(message.code.reveal()) == 6
        assert pool.outbox.code_for(address) == message.code.reveal()
        assert "AuthenticationResult" in api.answer(challenge_reply, "ada", **{f"{method}_CODE": message.code.reveal()})

    def test_the_right_code_verifies_the_address(self, signing_key: RSAKey) -> None:
        """MFA may use an unverified number; the right code then verifies it (documented)."""
        pool = LocalPool(key=signing_key, mfa="ON", aliases=["phone_number"])
        pool.add_user("ada", PASSWORD, phone_number="+15550001111", verified=False)
        api = ApiClient(pool)
        challenge_reply = api.password("ada", PASSWORD)
        api.answer(challenge_reply, "ada", SMS_MFA_CODE=pool.outbox.code_for("ada"))

        assert pool.user("+15550001111").attributes["phone_number_verified"] == "true"


class TestSoftwareToken:
    """SOFTWARE_TOKEN_MFA."""

    @pytest.fixture
    def pool(self, signing_key: RSAKey, clock: ManualClock) -> LocalPool:
        """A pool whose user has an authenticator app."""
        pool = LocalPool(key=signing_key, clock=clock, mfa="OPTIONAL")
        pool.add_user("ada", PASSWORD, totp_secret=SECRET)
        return pool

    @pytest.mark.parametrize("steps", [-1, 0, 1])
    def test_codes_of_adjacent_steps_are_accepted(self, pool: LocalPool, clock: ManualClock, steps: int) -> None:
        """The present code is accepted, and those of the step before and after."""
        api = ApiClient(pool)
        challenge_reply = api.srp("ada", PASSWORD)

        assert challenge_reply["ChallengeName"] == "SOFTWARE_TOKEN_MFA"
        assert "AuthenticationResult" in api.answer(
            challenge_reply, "ada", SOFTWARE_TOKEN_MFA_CODE=totp(clock, steps=steps)
        )

    @pytest.mark.parametrize("steps", [-2, 2])
    def test_codes_of_other_time_steps_are_refused(self, pool: LocalPool, clock: ManualClock, steps: int) -> None:
        """A code from a minute ago, or from a minute ahead, is refused."""
        api = ApiClient(pool)
        challenge_reply = api.password("ada", PASSWORD)
        near = {totp(clock, steps=each) for each in (-1, 0, 1)}
        if totp(clock, steps=steps) in near:  # pragma: no cover - one in 300,000
            return
        with refused("CodeMismatchException", "Invalid code received for user"):
            api.answer(challenge_reply, "ada", SOFTWARE_TOKEN_MFA_CODE=totp(clock, steps=steps))

    def test_a_code_is_used_once(self, pool: LocalPool, clock: ManualClock) -> None:
        """A code that signed in is used up; the next step's code is accepted, with the same session."""
        api = ApiClient(pool)
        challenge_reply = api.password("ada", PASSWORD)
        api.answer(challenge_reply, "ada", SOFTWARE_TOKEN_MFA_CODE=totp(clock))
        again = api.password("ada", PASSWORD)
        with refused("ExpiredCodeException", "Your software token has already been used once."):
            api.answer(again, "ada", SOFTWARE_TOKEN_MFA_CODE=totp(clock))
        clock.advance(30)

        assert "AuthenticationResult" in api.answer(again, "ada", SOFTWARE_TOKEN_MFA_CODE=totp(clock))

    def test_wrong_codes_lock_out(self, pool: LocalPool, clock: ManualClock) -> None:
        """After five wrong codes the right code is refused until the lock-out ends."""
        api = ApiClient(pool)
        challenge_reply = api.password("ada", PASSWORD)
        for _ in range(5):
            with refused("CodeMismatchException", "Invalid code received for user"):
                api.answer(challenge_reply, "ada", SOFTWARE_TOKEN_MFA_CODE="x")
        with refused("NotAuthorizedException", "Password attempts exceeded"):
            api.answer(challenge_reply, "ada", SOFTWARE_TOKEN_MFA_CODE=totp(clock))


class TestSelectMfaType:
    """SELECT_MFA_TYPE."""

    @pytest.fixture
    def pool(self, signing_key: RSAKey, clock: ManualClock) -> LocalPool:
        """A pool whose user has two factors and prefers none."""
        pool = LocalPool(key=signing_key, clock=clock, mfa="ON", mfa_methods=[SMS, TOTP])
        pool.add_user("ada", PASSWORD, totp_secret=SECRET, phone_number="+15550001111")
        return pool

    def test_the_offered_factors(self, pool: LocalPool) -> None:
        """MFAS_CAN_CHOOSE is JSON in a string."""
        challenge_reply = ApiClient(pool).password("ada", PASSWORD)

        assert challenge_reply["ChallengeName"] == "SELECT_MFA_TYPE"
        assert json.loads(challenge_reply["ChallengeParameters"]["MFAS_CAN_CHOOSE"]) == [
            "SMS_MFA",
            "SOFTWARE_TOKEN_MFA",
        ]

    @pytest.mark.parametrize("chosen", ["SMS_MFA", "SOFTWARE_TOKEN_MFA"])
    def test_the_chosen_factor_is_asked_for(self, pool: LocalPool, clock: ManualClock, chosen: str) -> None:
        """The chosen factor is asked for, and its code returns tokens."""
        api = ApiClient(pool)
        challenge_reply = api.answer(api.password("ada", PASSWORD), "ada", ANSWER=chosen)
        code = totp(clock) if chosen == TOTP else pool.outbox.code_for("ada")

        assert chosen == challenge_reply["ChallengeName"]
        assert "AuthenticationResult" in api.answer(challenge_reply, "ada", **{f"{chosen}_CODE": code})

    def test_a_factor_that_is_not_offered(self, pool: LocalPool) -> None:
        """Another factor is refused, and the session can be used again."""
        api = ApiClient(pool)
        challenge_reply = api.password("ada", PASSWORD)
        for chosen in ("EMAIL_OTP", "NONSENSE"):
            with refused("MFAMethodNotFoundException", f"{chosen} is not one of the MFA methods offered."):
                api.answer(challenge_reply, "ada", ANSWER=chosen)

        assert api.answer(challenge_reply, "ada", ANSWER="SMS_MFA")["ChallengeName"] == "SMS_MFA"

    def test_a_factor_that_was_removed_meanwhile(self, pool: LocalPool) -> None:
        """A phone number that was deleted after the offer cannot be chosen; the other factor can."""
        api = ApiClient(pool)
        challenge_reply = api.password("ada", PASSWORD)
        deleted = {"UserPoolId": pool.pool_id, "Username": "ada", "UserAttributeNames": ["phone_number"]}
        pool.answer("AdminDeleteUserAttributes", deleted)
        with refused("MFAMethodNotFoundException", "SMS_MFA is not one of the MFA methods offered."):
            api.answer(challenge_reply, "ada", ANSWER="SMS_MFA")

        assert api.answer(challenge_reply, "ada", ANSWER=TOTP)["ChallengeName"] == TOTP

    def test_a_factor_that_is_not_chosen_yet(self, pool: LocalPool, clock: ManualClock) -> None:
        """A code before the choice is a mismatch (amplify-js #13962)."""
        api = ApiClient(pool)
        challenge_reply = api.password("ada", PASSWORD)
        with refused(*MISMATCH):
            api.respond(
                "SOFTWARE_TOKEN_MFA", challenge_reply["Session"], USERNAME="ada", SOFTWARE_TOKEN_MFA_CODE=totp(clock)
            )

    def test_mfas_can_select(self, signing_key: RSAKey) -> None:
        """One page of the developer guide has MFAS_CAN_SELECT: a setting uses it."""
        pool = LocalPool(key=signing_key, mfa="ON", contradictions=Contradictions(mfas_parameter="MFAS_CAN_SELECT"))
        pool.add_user("ada", PASSWORD, email="a@b.c", phone_number="+15550001111")

        assert "MFAS_CAN_SELECT" in ApiClient(pool).password("ada", PASSWORD)["ChallengeParameters"]


class TestSetUp:
    """MFA_SETUP: the user has no factor, and the pool requires one."""

    @pytest.fixture
    def pool(self, signing_key: RSAKey, clock: ManualClock) -> LocalPool:
        """A pool that requires MFA; its user has no factor."""
        pool = LocalPool(key=signing_key, clock=clock, mfa="ON", mfa_methods=[TOTP, EMAIL])
        pool.add_user("ada", PASSWORD)
        return pool

    def associate_token(self, api: ApiClient) -> tuple[str, str]:
        """Return the secret and session of AssociateSoftwareToken in MFA_SETUP."""
        challenge_reply = api.password("ada", PASSWORD)

        assert challenge_reply["ChallengeName"] == "MFA_SETUP"
        assert json.loads(challenge_reply["ChallengeParameters"]["MFAS_CAN_SETUP"]) == [
            "SOFTWARE_TOKEN_MFA",
            "EMAIL_OTP",
        ]
        reply = api.boto.associate_software_token(Session=challenge_reply["Session"])
        assert reply["Session"] != challenge_reply["Session"]
        return reply["SecretCode"], reply["Session"]

    def test_totp(self, pool: LocalPool, clock: ManualClock) -> None:
        """Associate, verify, answer MFA_SETUP: tokens. The next sign-in needs a code, and not the used one."""
        api = ApiClient(pool)
        secret, session = self.associate_token(api)
        verified = api.boto.verify_software_token(
            Session=session, UserCode=totp(clock, secret), FriendlyDeviceName="phone"
        )

        assert verified["Status"] == "SUCCESS"
        assert "AuthenticationResult" in api.respond("MFA_SETUP", verified["Session"], USERNAME="ada")

        challenge_reply = api.password("ada", PASSWORD)

        assert challenge_reply["ChallengeName"] == "SOFTWARE_TOKEN_MFA"
        assert challenge_reply["ChallengeParameters"]["FRIENDLY_DEVICE_NAME"] == "phone"
        with refused("ExpiredCodeException", "Your software token has already been used once."):
            api.answer(challenge_reply, "ada", SOFTWARE_TOKEN_MFA_CODE=totp(clock, secret))
        clock.advance(30)
        assert "AuthenticationResult" in api.answer(challenge_reply, "ada", SOFTWARE_TOKEN_MFA_CODE=totp(clock, secret))

    def test_setup_needs_verification(self, pool: LocalPool) -> None:
        """MFA_SETUP returns no tokens before VerifySoftwareToken."""
        api = ApiClient(pool)
        with refused(*UNKNOWN):
            api.answer(api.password("ada", PASSWORD), "ada")
        _, session = self.associate_token(api)
        with refused(*UNKNOWN):
            api.respond("MFA_SETUP", session, USERNAME="ada")

        assert pool.user("ada").software_token is None

    def test_no_app_is_set_up_after_a_reset_of_the_password(self, signing_key: RSAKey, clock: ManualClock) -> None:
        """Who knows only the password that an administrator has reset cannot register an authenticator app."""
        pool = LocalPool(key=signing_key, clock=clock, mfa="ON", mfa_methods=[TOTP])
        api, user = ApiClient(pool), pool.add_user("ada", PASSWORD, email="ada@example.com")
        first, second = (api.password("ada", PASSWORD)["Session"] for _ in range(2))
        reply = api.boto.associate_software_token(Session=first)
        api.boto.admin_reset_user_password(UserPoolId=pool.pool_id, Username="ada")
        message = "Password reset required for the user"
        with refused("PasswordResetRequiredException", message):
            api.boto.associate_software_token(Session=second)
        with refused("PasswordResetRequiredException", message):
            api.boto.verify_software_token(Session=reply["Session"], UserCode=totp(clock, reply["SecretCode"]))

        assert user.software_token is None

    def test_older_sessions_are_used_up(self, pool: LocalPool, clock: ManualClock) -> None:
        """The session of MFA_SETUP cannot answer it once there is a newer one."""
        api = ApiClient(pool)
        challenge_reply = api.password("ada", PASSWORD)
        reply = api.boto.associate_software_token(Session=challenge_reply["Session"])
        with refused(*USED):
            api.answer(challenge_reply, "ada")
        with refused(*USED):
            api.boto.verify_software_token(
                Session=challenge_reply["Session"], UserCode=totp(clock, reply["SecretCode"])
            )

    def test_a_wrong_code_keeps_the_session(self, pool: LocalPool, clock: ManualClock) -> None:
        """VerifySoftwareToken refuses a wrong code, and accepts the right one with the same session."""
        api = ApiClient(pool)
        secret, session = self.associate_token(api)
        wrong = f"{(int(totp(clock, secret, 5)) + 1) % 10**6:06d}"
        with refused("EnableSoftwareTokenMFAException", "Code mismatch and fail enable Software Token MFA"):
            api.boto.verify_software_token(Session=session, UserCode=wrong)
        reply = api.boto.verify_software_token(Session=session, UserCode=totp(clock, secret))

        assert reply["Status"] == "SUCCESS"

    def test_verify_before_associate(self, pool: LocalPool) -> None:
        """VerifySoftwareToken before AssociateSoftwareToken is refused."""
        api = ApiClient(pool)
        challenge_reply = api.password("ada", PASSWORD)
        with refused("SoftwareTokenMFANotFoundException", "Software Token MFA does not exist for the user."):
            api.boto.verify_software_token(Session=challenge_reply["Session"], UserCode="123456")

    def test_a_session_of_another_challenge(self, signing_key: RSAKey) -> None:
        """A session of an MFA challenge cannot associate a token."""
        pool = LocalPool(key=signing_key, mfa="ON")
        pool.add_user("ada", PASSWORD, phone_number="+15550001111")
        api = ApiClient(pool)
        challenge_reply = api.password("ada", PASSWORD)
        with refused(*UNKNOWN):
            api.boto.associate_software_token(Session=challenge_reply["Session"])

    @pytest.mark.parametrize("key", ["EMAIL", "email"])
    def test_email(self, pool: LocalPool, clock: ManualClock, key: str) -> None:
        """An address as the answer and then its code make the address a verified factor, and change the user."""
        api = ApiClient(pool)
        challenge_reply = api.password("ada", PASSWORD)
        with refused("InvalidParameterException", "Invalid email address format."):
            api.answer(challenge_reply, "ada", **{key: "nonsense"})
        coded = api.answer(challenge_reply, "ada", **{key: "ada@example.com"})

        assert coded["ChallengeName"] == "EMAIL_OTP"
        assert "email" not in pool.user("ada").attributes
        clock.advance(5)
        assert "AuthenticationResult" in api.answer(
            coded, "ada", EMAIL_OTP_CODE=pool.outbox.code_for("ada@example.com")
        )
        assert pool.user("ada").attributes == {"email": "ada@example.com", "email_verified": "true"}
        assert pool.user("ada").modified == clock()
        assert api.password("ada", PASSWORD)["ChallengeName"] == "EMAIL_OTP"

    def test_email_must_be_set_elsewhere(self, signing_key: RSAKey) -> None:
        """The AWS API reference has no e-mail set-up in the sign-in: a setting refuses it."""
        pool = LocalPool(key=signing_key, mfa="ON", contradictions=Contradictions(email_mfa_setup_in_session=False))
        pool.add_user("ada", PASSWORD)
        api = ApiClient(pool)
        with refused("InvalidParameterException", "This MFA method cannot be set up in this sign-in."):
            api.answer(api.password("ada", PASSWORD), "ada", EMAIL="ada@example.com")

    def test_totp_required_after_setup(self, signing_key: RSAKey, clock: ManualClock) -> None:
        """By a setting, the new factor is asked for after its set-up (developer guide)."""
        pool = LocalPool(
            key=signing_key, clock=clock, mfa="ON", contradictions=Contradictions(totp_required_after_setup=True)
        )
        pool.add_user("ada", PASSWORD)
        api = ApiClient(pool)
        challenge_reply = api.password("ada", PASSWORD)
        reply = api.boto.associate_software_token(Session=challenge_reply["Session"])
        secret = reply["SecretCode"]
        verified = api.boto.verify_software_token(Session=reply["Session"], UserCode=totp(clock, secret))
        challenge_reply = api.respond("MFA_SETUP", verified["Session"], USERNAME="ada")

        assert challenge_reply["ChallengeName"] == "SOFTWARE_TOKEN_MFA"
        assert "AuthenticationResult" in api.answer(
            challenge_reply, "ada", SOFTWARE_TOKEN_MFA_CODE=totp(clock, secret, 1)
        )

    def test_nothing_to_set_up(self, signing_key: RSAKey) -> None:
        """Where only SMS is enabled and the user has no number, the sign-in is refused."""
        pool = LocalPool(key=signing_key, mfa="ON", mfa_methods=[SMS])
        pool.add_user("ada", PASSWORD)
        with refused("InvalidParameterException", "The user has no MFA method that this user pool could ask for."):
            ApiClient(pool).password("ada", PASSWORD)


class TestAllPaths:
    """No path avoids the new password or the second factor."""

    @pytest.mark.parametrize("by", ["srp", "password", "admin"])
    def test_new_password_then_mfa(self, signing_key: RSAKey, by: str) -> None:
        """The new password comes before the MFA, and does not replace it."""
        pool = LocalPool(key=signing_key, mfa="ON")
        pool.add_user("ada", PASSWORD, temporary=True, phone_number="+15550001111")
        api = ApiClient(pool)
        if by == "admin":
            challenge_reply = api.initiate_as_admin("ADMIN_USER_PASSWORD_AUTH", USERNAME="ada", PASSWORD=PASSWORD)
        else:
            challenge_reply = getattr(api, by)("ada", PASSWORD)

        assert challenge_reply["ChallengeName"] == "NEW_PASSWORD_REQUIRED"
        challenge_reply = api.answer(challenge_reply, "ada", NEW_PASSWORD="New-Passw0rd!")
        assert challenge_reply["ChallengeName"] == "SMS_MFA"
        assert "AuthenticationResult" in api.answer(challenge_reply, "ada", SMS_MFA_CODE=pool.outbox.code_for("ada"))

    def test_a_wrong_password_sends_no_code(self, signing_key: RSAKey) -> None:
        """No code is sent before the password is proved."""
        pool = LocalPool(key=signing_key, mfa="ON")
        pool.add_user("ada", PASSWORD, phone_number="+15550001111")
        api = ApiClient(pool)
        with refused(*WRONG):
            api.password("ada", "wrong")
        api.srp_a("ada")

        assert list(pool.outbox) == []


class TestPreferences:
    """SetUserMFAPreference, AdminSetUserMFAPreference, and enrolment with an access token."""

    def test_enrol_then_prefer(self, signing_key: RSAKey, clock: ManualClock) -> None:
        """A verified TOTP is asked for once it is switched on, not before (reports of users)."""
        pool = LocalPool(key=signing_key, clock=clock, mfa="OPTIONAL")
        pool.add_user("ada", PASSWORD)
        api = ApiClient(pool)
        token = api.password("ada", PASSWORD)["AuthenticationResult"]["AccessToken"]
        reply = api.boto.associate_software_token(AccessToken=token)

        assert "Session" not in reply
        code = totp(clock, reply["SecretCode"])
        verified = api.boto.verify_software_token(AccessToken=token, UserCode=code)
        assert verified["Status"] == "SUCCESS"
        assert "AuthenticationResult" in api.password("ada", PASSWORD)

        on = {"Enabled": True, "PreferredMfa": True}
        api.boto.set_user_mfa_preference(AccessToken=token, SoftwareTokenMfaSettings=on)
        user_reply = api.boto.get_user(AccessToken=token)

        assert user_reply["PreferredMfaSetting"] == "SOFTWARE_TOKEN_MFA"
        assert user_reply["UserMFASettingList"] == ["SOFTWARE_TOKEN_MFA"]
        assert api.password("ada", PASSWORD)["ChallengeName"] == "SOFTWARE_TOKEN_MFA"

        api.boto.set_user_mfa_preference(AccessToken=token, SoftwareTokenMfaSettings={"Enabled": False})

        assert "AuthenticationResult" in api.password("ada", PASSWORD)

    def test_a_new_association_keeps_the_present_token(self, signing_key: RSAKey, clock: ManualClock) -> None:
        """AssociateSoftwareToken alone neither replaces nor disables the TOTP in use."""
        pool = LocalPool(key=signing_key, clock=clock, mfa="ON")
        pool.add_user("ada", PASSWORD, totp_secret=SECRET)
        api = ApiClient(pool)
        challenge_reply = api.password("ada", PASSWORD)
        final_reply = api.answer(challenge_reply, "ada", SOFTWARE_TOKEN_MFA_CODE=totp(clock))
        token = final_reply["AuthenticationResult"]["AccessToken"]
        api.boto.associate_software_token(AccessToken=token)
        clock.advance(60)
        challenge_reply = api.password("ada", PASSWORD)

        assert "AuthenticationResult" in api.answer(challenge_reply, "ada", SOFTWARE_TOKEN_MFA_CODE=totp(clock))

    def test_a_factor_that_the_user_does_not_have(self, signing_key: RSAKey) -> None:
        """A factor that the user does not have cannot be switched on."""
        pool = LocalPool(key=signing_key, mfa="OPTIONAL")
        pool.add_user("ada", PASSWORD)
        with refused("InvalidParameterException", "User does not have delivery config set to turn on SMS_MFA"):
            ApiClient(pool).boto.admin_set_user_mfa_preference(
                UserPoolId=pool.pool_id, Username="ada", SMSMfaSettings={"Enabled": True}
            )
        with pytest.raises(ValueError, match="no address or secret for SMS_MFA"):
            pool.add_user("eve", PASSWORD, preferred_mfa="SMS_MFA")

    def test_a_user_who_cannot_be_added(self, signing_key: RSAKey) -> None:
        """If `add_user` raises, the pool has neither the user nor the user's groups, and the name is free."""
        pool = LocalPool(key=signing_key, mfa="OPTIONAL", aliases=["email"])
        for mfa in ("SMS_MFA", "none"):
            with pytest.raises(ValueError, match=mfa):
                pool.add_user("eve", PASSWORD, email="a@b.c", groups=["staff"], mfa=[mfa])
        for name in ("eve", "a@b.c"):
            with pytest.raises(LookupError):
                pool.user(name)
        assert pool.answer("ListGroups", {"UserPoolId": pool.pool_id})["Groups"] == []

        assert pool.add_user("eve", PASSWORD, email="a@b.c").enabled

    def test_two_preferred_factors(self, signing_key: RSAKey) -> None:
        """At most one factor can be preferred."""
        pool = LocalPool(key=signing_key, mfa="OPTIONAL")
        pool.add_user("ada", PASSWORD, email="a@b.c", phone_number="+15550001111")
        preference = {"Enabled": True, "PreferredMfa": True}
        with refused("InvalidParameterException", "Only one MFA method can be preferred."):
            ApiClient(pool).boto.admin_set_user_mfa_preference(
                UserPoolId=pool.pool_id, Username="ada", SMSMfaSettings=preference, EmailMfaSettings=preference
            )
