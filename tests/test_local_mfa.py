"""The second factor: which one is asked for, how it is proved, how one comes to have one."""

from __future__ import annotations

import json
from typing import Any

import pyotp
import pytest
from joserfc.jwk import RSAKey
from local_talk import MISMATCH, UNKNOWN, USED, WRONG, Talk, refused

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
    """A clock that stands still."""
    return ManualClock()


def totp(clock: ManualClock, secret: str = SECRET, steps: int = 0) -> str:
    """The code of an authenticator app, some 30-second steps from now."""
    return pyotp.TOTP(secret).at(int(clock().timestamp()) + 30 * steps)


def user(**facts: Any) -> User:
    """A user with `totp`, `phone`, `email`; factors switched on; one preferred."""
    clock = ManualClock()
    made = User("ada", "sub", clock(), clock())
    if facts.get("totp"):
        made.software_token = SoftwareToken(Secret(SECRET))
    for name in ("phone_number", "email"):
        if facts.get(name):
            made.attributes[name] = "x"
    made.mfa_enabled = frozenset(facts.get("on", ()))
    made.preferred_mfa = facts.get("prefers")
    return made


def pool_settings(**facts: Any) -> PoolConfiguration:
    """A pool's settings."""
    return PoolConfiguration("eu-west-1_abc", "https://issuer", **facts)


EVERYTHING = {"totp": True, "phone_number": True, "email": True}
PHONE_FIRST = ("verified_phone_number", "verified_email")


@pytest.mark.parametrize(
    ("settings", "facts", "expected"),
    [
        # 1. Off.
        ({"mfa": "OFF"}, {**EVERYTHING, "on": [SMS], "prefers": SMS}, None),
        # 2. Optional: what was not switched on is not asked for.
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
        (
            {"mfa": "ON", "mfa_methods": [TOTP, EMAIL]},
            EVERYTHING,
            RequiredMfa(SELECT, (TOTP, EMAIL)),
        ),
        # 5. One address.
        ({"mfa": "ON"}, {"phone_number": True}, RequiredMfa(SMS)),
        ({"mfa": "ON"}, {"email": True}, RequiredMfa(EMAIL)),
        ({"mfa": "ON", "mfa_methods": [SMS, TOTP]}, {"email": True}, RequiredMfa(SETUP, (TOTP,))),
        ({"mfa": "ON", "mfa_methods": [SMS]}, {"email": True}, PoolRefusal),
        ({"mfa": "ON", "account_recovery": PHONE_FIRST}, {"phone_number": True}, PoolRefusal),
        ({"mfa": "ON", "account_recovery": PHONE_FIRST}, {"email": True}, RequiredMfa(EMAIL)),
        # 6. Both addresses.
        (
            {"mfa": "ON"},
            {"phone_number": True, "email": True},
            RequiredMfa(SELECT, (SMS, EMAIL)),
        ),
        (
            {"mfa": "ON", "account_recovery": PHONE_FIRST},
            {"phone_number": True, "email": True},
            RequiredMfa(EMAIL),
        ),
        (
            {"mfa": "ON", "account_recovery": PHONE_FIRST[::-1]},
            {"phone_number": True, "email": True},
            RequiredMfa(SMS),
        ),
        # 7. Neither.
        ({"mfa": "ON"}, {}, RequiredMfa(SETUP, (SMS, TOTP, EMAIL))),
        ({"mfa": "ON", "mfa_methods": [TOTP]}, {}, RequiredMfa(SETUP, (TOTP,))),
        (
            {"mfa": "ON", "account_recovery": ["verified_email"]},
            {},
            RequiredMfa(SETUP, (SMS, TOTP)),
        ),
        ({"mfa": "ON", "mfa_methods": [SMS]}, {}, PoolRefusal),
    ],
)
def test_the_decision_tree(
    settings: dict[str, Any],
    facts: dict[str, Any],
    expected: RequiredMfa | type[PoolRefusal] | None,
) -> None:
    """What is asked follows the developer guide's tree, step by step."""
    if expected is PoolRefusal:
        with pytest.raises(PoolRefusal):
            required_mfa(pool_settings(**settings), user(**facts))
    else:
        assert expected == required_mfa(pool_settings(**settings), user(**facts))


@pytest.mark.parametrize("impossible", ["ABC", "not base32!", "JBSWY3DP", "1" * 32])
def test_a_secret_no_app_could_use_is_refused_at_once(signing_key: RSAKey, impossible: str) -> None:
    """A TOTP secret that makes no codes is a ValueError that does not quote it, and no user is made."""
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
        ("method", "medium", "to", "shown"),
        [
            ("SMS_MFA", "SMS", "+15550001111", "+*******1111"),
            ("EMAIL_OTP", "EMAIL", "ada@example.com", "a***@e***"),
        ],
    )
    def test_the_code_goes_where_the_challenge_says(
        self, signing_key: RSAKey, method: str, medium: str, to: str, shown: str
    ) -> None:
        """Six digits lie in the outbox; the challenge shows the address masked."""
        pool = LocalPool(key=signing_key, mfa="ON", mfa_methods=[method])
        pool.add_user("ada", PASSWORD, phone_number="+15550001111", email="ada@example.com")
        talk = Talk(pool)
        asked = talk.password("ada", PASSWORD)
        message = pool.outbox[-1]

        assert method == asked["ChallengeName"]
        assert asked["ChallengeParameters"] == {
            "CODE_DELIVERY_DELIVERY_MEDIUM": medium,
            "CODE_DELIVERY_DESTINATION": shown,
            "USER_ID_FOR_SRP": "ada",
        }
        assert (message.username, message.to, message.medium, message.purpose) == (
            "ada",
            to,
            medium,
            method,
        )
        assert len(message.code.reveal()) == 6
        assert pool.outbox.code_for(to) == message.code.reveal()
        assert "AuthenticationResult" in talk.answer(
            asked, "ada", **{f"{method}_CODE": message.code.reveal()}
        )

    def test_the_right_code_verifies_the_address(self, signing_key: RSAKey) -> None:
        """MFA may go to an unverified number; the code then proves it (documented)."""
        pool = LocalPool(key=signing_key, mfa="ON", aliases=["phone_number"])
        pool.add_user("ada", PASSWORD, phone_number="+15550001111", verified=False)
        talk = Talk(pool)
        asked = talk.password("ada", PASSWORD)
        talk.answer(asked, "ada", SMS_MFA_CODE=pool.outbox.code_for("ada"))

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
    def test_one_step_either_side(self, pool: LocalPool, clock: ManualClock, steps: int) -> None:
        """The present code is taken, and its neighbours are."""
        talk = Talk(pool)
        asked = talk.srp("ada", PASSWORD)

        assert asked["ChallengeName"] == "SOFTWARE_TOKEN_MFA"
        assert "AuthenticationResult" in talk.answer(
            asked, "ada", SOFTWARE_TOKEN_MFA_CODE=totp(clock, steps=steps)
        )

    @pytest.mark.parametrize("steps", [-2, 2])
    def test_two_steps_are_too_far(self, pool: LocalPool, clock: ManualClock, steps: int) -> None:
        """A code of a minute ago, or of a minute hence, is not."""
        talk = Talk(pool)
        asked = talk.password("ada", PASSWORD)
        near = {totp(clock, steps=each) for each in (-1, 0, 1)}
        if totp(clock, steps=steps) in near:  # pragma: no cover - one in 300,000
            return
        with refused("CodeMismatchException", "Invalid code received for user"):
            talk.answer(asked, "ada", SOFTWARE_TOKEN_MFA_CODE=totp(clock, steps=steps))

    def test_a_code_is_used_once(self, pool: LocalPool, clock: ManualClock) -> None:
        """A code that signed in is spent; the next step's code, on the same session, is not."""
        talk = Talk(pool)
        asked = talk.password("ada", PASSWORD)
        talk.answer(asked, "ada", SOFTWARE_TOKEN_MFA_CODE=totp(clock))
        again = talk.password("ada", PASSWORD)
        with refused("ExpiredCodeException", "Your software token has already been used once."):
            talk.answer(again, "ada", SOFTWARE_TOKEN_MFA_CODE=totp(clock))
        clock.advance(30)

        assert "AuthenticationResult" in talk.answer(
            again, "ada", SOFTWARE_TOKEN_MFA_CODE=totp(clock)
        )

    def test_it_locks_out(self, pool: LocalPool, clock: ManualClock) -> None:
        """Five wrong codes, and the right one waits."""
        talk = Talk(pool)
        asked = talk.password("ada", PASSWORD)
        for _ in range(5):
            with refused("CodeMismatchException", "Invalid code received for user"):
                talk.answer(asked, "ada", SOFTWARE_TOKEN_MFA_CODE="x")
        with refused("NotAuthorizedException", "Password attempts exceeded"):
            talk.answer(asked, "ada", SOFTWARE_TOKEN_MFA_CODE=totp(clock))


class TestSelectMfaType:
    """SELECT_MFA_TYPE."""

    @pytest.fixture
    def pool(self, signing_key: RSAKey, clock: ManualClock) -> LocalPool:
        """A pool whose user has two factors and prefers none."""
        pool = LocalPool(key=signing_key, clock=clock, mfa="ON", mfa_methods=[SMS, TOTP])
        pool.add_user("ada", PASSWORD, totp_secret=SECRET, phone_number="+15550001111")
        return pool

    def test_what_is_offered(self, pool: LocalPool) -> None:
        """MFAS_CAN_CHOOSE is JSON in a string."""
        asked = Talk(pool).password("ada", PASSWORD)

        assert asked["ChallengeName"] == "SELECT_MFA_TYPE"
        assert json.loads(asked["ChallengeParameters"]["MFAS_CAN_CHOOSE"]) == [
            "SMS_MFA",
            "SOFTWARE_TOKEN_MFA",
        ]

    @pytest.mark.parametrize("chosen", ["SMS_MFA", "SOFTWARE_TOKEN_MFA"])
    def test_what_was_chosen_is_asked(
        self, pool: LocalPool, clock: ManualClock, chosen: str
    ) -> None:
        """The chosen factor is asked for, and its code brings tokens."""
        talk = Talk(pool)
        asked = talk.answer(talk.password("ada", PASSWORD), "ada", ANSWER=chosen)
        code = totp(clock) if chosen == TOTP else pool.outbox.code_for("ada")

        assert chosen == asked["ChallengeName"]
        assert "AuthenticationResult" in talk.answer(asked, "ada", **{f"{chosen}_CODE": code})

    def test_what_is_not_offered(self, pool: LocalPool) -> None:
        """Another factor is refused, and the choice stays open."""
        talk = Talk(pool)
        asked = talk.password("ada", PASSWORD)
        for chosen in ("EMAIL_OTP", "NONSENSE"):
            with refused(
                "MFAMethodNotFoundException", f"{chosen} is not one of the MFA methods offered."
            ):
                talk.answer(asked, "ada", ANSWER=chosen)

        assert talk.answer(asked, "ada", ANSWER="SMS_MFA")["ChallengeName"] == "SMS_MFA"

    def test_a_factor_that_is_not_chosen_yet(self, pool: LocalPool, clock: ManualClock) -> None:
        """A code before the choice is a mismatch (amplify-js #13962)."""
        talk = Talk(pool)
        asked = talk.password("ada", PASSWORD)
        with refused(*MISMATCH):
            talk.respond(
                "SOFTWARE_TOKEN_MFA",
                asked["Session"],
                USERNAME="ada",
                SOFTWARE_TOKEN_MFA_CODE=totp(clock),
            )

    def test_the_other_spelling(self, signing_key: RSAKey) -> None:
        """One page of the developer guide spells MFAS_CAN_SELECT: a setting does too."""
        pool = LocalPool(
            key=signing_key,
            mfa="ON",
            contradictions=Contradictions(mfas_parameter="MFAS_CAN_SELECT"),
        )
        pool.add_user("ada", PASSWORD, email="a@b.c", phone_number="+15550001111")

        assert "MFAS_CAN_SELECT" in Talk(pool).password("ada", PASSWORD)["ChallengeParameters"]


class TestSetUp:
    """MFA_SETUP: the user has no factor, and the pool requires one."""

    @pytest.fixture
    def pool(self, signing_key: RSAKey, clock: ManualClock) -> LocalPool:
        """A pool that requires MFA; its user has nothing to do it with."""
        pool = LocalPool(key=signing_key, clock=clock, mfa="ON", mfa_methods=[TOTP, EMAIL])
        pool.add_user("ada", PASSWORD)
        return pool

    def associated(self, talk: Talk) -> tuple[str, str]:
        """The secret and session of AssociateSoftwareToken in MFA_SETUP."""
        asked = talk.password("ada", PASSWORD)

        assert asked["ChallengeName"] == "MFA_SETUP"
        assert json.loads(asked["ChallengeParameters"]["MFAS_CAN_SETUP"]) == [
            "SOFTWARE_TOKEN_MFA",
            "EMAIL_OTP",
        ]
        reply = talk.boto.associate_software_token(Session=asked["Session"])
        assert reply["Session"] != asked["Session"]
        return reply["SecretCode"], reply["Session"]

    def test_totp(self, pool: LocalPool, clock: ManualClock) -> None:
        """Associate, verify, close: tokens; at the next sign-in the app is asked, its spent code not taken."""
        talk = Talk(pool)
        secret, session = self.associated(talk)
        verified = talk.boto.verify_software_token(
            Session=session, UserCode=totp(clock, secret), FriendlyDeviceName="phone"
        )

        assert verified["Status"] == "SUCCESS"
        assert "AuthenticationResult" in talk.respond(
            "MFA_SETUP", verified["Session"], USERNAME="ada"
        )

        asked = talk.password("ada", PASSWORD)

        assert asked["ChallengeName"] == "SOFTWARE_TOKEN_MFA"
        assert asked["ChallengeParameters"]["FRIENDLY_DEVICE_NAME"] == "phone"
        with refused("ExpiredCodeException", "Your software token has already been used once."):
            talk.answer(asked, "ada", SOFTWARE_TOKEN_MFA_CODE=totp(clock, secret))
        clock.advance(30)
        assert "AuthenticationResult" in talk.answer(
            asked, "ada", SOFTWARE_TOKEN_MFA_CODE=totp(clock, secret)
        )

    def test_not_closed_without_verification(self, pool: LocalPool) -> None:
        """MFA_SETUP closed at once, or after AssociateSoftwareToken only, brings nothing."""
        talk = Talk(pool)
        with refused(*UNKNOWN):
            talk.answer(talk.password("ada", PASSWORD), "ada")
        _, session = self.associated(talk)
        with refused(*UNKNOWN):
            talk.respond("MFA_SETUP", session, USERNAME="ada")

        assert pool.user("ada").software_token is None

    def test_older_sessions_are_spent(self, pool: LocalPool, clock: ManualClock) -> None:
        """MFA_SETUP's own session does not close it once there is a newer one."""
        talk = Talk(pool)
        asked = talk.password("ada", PASSWORD)
        reply = talk.boto.associate_software_token(Session=asked["Session"])
        with refused(*USED):
            talk.answer(asked, "ada")
        with refused(*USED):
            talk.boto.verify_software_token(
                Session=asked["Session"], UserCode=totp(clock, reply["SecretCode"])
            )

    def test_a_wrong_code_leaves_the_session(self, pool: LocalPool, clock: ManualClock) -> None:
        """VerifySoftwareToken refuses, and takes the right code on the same session."""
        talk = Talk(pool)
        secret, session = self.associated(talk)
        wrong = f"{(int(totp(clock, secret, 5)) + 1) % 10**6:06d}"
        with refused(
            "EnableSoftwareTokenMFAException", "Code mismatch and fail enable Software Token MFA"
        ):
            talk.boto.verify_software_token(Session=session, UserCode=wrong)
        reply = talk.boto.verify_software_token(Session=session, UserCode=totp(clock, secret))

        assert reply["Status"] == "SUCCESS"

    def test_verify_before_associate(self, pool: LocalPool) -> None:
        """There is nothing to verify yet."""
        talk = Talk(pool)
        asked = talk.password("ada", PASSWORD)
        with refused(
            "SoftwareTokenMFANotFoundException", "Software Token MFA does not exist for the user."
        ):
            talk.boto.verify_software_token(Session=asked["Session"], UserCode="123456")

    def test_a_session_of_another_challenge(self, signing_key: RSAKey) -> None:
        """No secret is handed out on the session of an MFA that is still to be passed."""
        pool = LocalPool(key=signing_key, mfa="ON")
        pool.add_user("ada", PASSWORD, phone_number="+15550001111")
        talk = Talk(pool)
        asked = talk.password("ada", PASSWORD)
        with refused(*UNKNOWN):
            talk.boto.associate_software_token(Session=asked["Session"])

    @pytest.mark.parametrize("key", ["EMAIL", "email"])
    def test_email(self, pool: LocalPool, key: str) -> None:
        """An address as the answer, then its code: it is the user's, verified, from then on."""
        talk = Talk(pool)
        asked = talk.password("ada", PASSWORD)
        with refused("InvalidParameterException", "Invalid email address format."):
            talk.answer(asked, "ada", **{key: "nonsense"})
        coded = talk.answer(asked, "ada", **{key: "ada@example.com"})

        assert coded["ChallengeName"] == "EMAIL_OTP"
        assert "email" not in pool.user("ada").attributes
        assert "AuthenticationResult" in talk.answer(
            coded, "ada", EMAIL_OTP_CODE=pool.outbox.code_for("ada@example.com")
        )
        assert pool.user("ada").attributes == {
            "email": "ada@example.com",
            "email_verified": "true",
        }
        assert talk.password("ada", PASSWORD)["ChallengeName"] == "EMAIL_OTP"

    def test_email_where_it_is_set_elsewhere(self, signing_key: RSAKey) -> None:
        """The AWS API reference knows no e-mail set-up in the sign-in: a setting does not either."""
        pool = LocalPool(
            key=signing_key,
            mfa="ON",
            contradictions=Contradictions(email_mfa_setup_in_session=False),
        )
        pool.add_user("ada", PASSWORD)
        talk = Talk(pool)
        with refused(
            "InvalidParameterException", "This MFA method cannot be set up in this sign-in."
        ):
            talk.answer(talk.password("ada", PASSWORD), "ada", EMAIL="ada@example.com")

    def test_totp_asked_after_the_set_up(self, signing_key: RSAKey, clock: ManualClock) -> None:
        """The developer guide's tree prompts for the new factor: a setting does too."""
        pool = LocalPool(
            key=signing_key,
            clock=clock,
            mfa="ON",
            contradictions=Contradictions(totp_required_after_setup=True),
        )
        pool.add_user("ada", PASSWORD)
        talk = Talk(pool)
        asked = talk.password("ada", PASSWORD)
        reply = talk.boto.associate_software_token(Session=asked["Session"])
        secret = reply["SecretCode"]
        verified = talk.boto.verify_software_token(
            Session=reply["Session"], UserCode=totp(clock, secret)
        )
        asked = talk.respond("MFA_SETUP", verified["Session"], USERNAME="ada")

        assert asked["ChallengeName"] == "SOFTWARE_TOKEN_MFA"
        assert "AuthenticationResult" in talk.answer(
            asked, "ada", SOFTWARE_TOKEN_MFA_CODE=totp(clock, secret, 1)
        )

    def test_nothing_to_set_up(self, signing_key: RSAKey) -> None:
        """Where only SMS is enabled and there is no number, the sign-in is refused."""
        pool = LocalPool(key=signing_key, mfa="ON", mfa_methods=[SMS])
        pool.add_user("ada", PASSWORD)
        with refused(
            "InvalidParameterException",
            "The user has no MFA method that this user pool could ask for.",
        ):
            Talk(pool).password("ada", PASSWORD)


class TestEveryPath:
    """No path goes round the new password and the second factor."""

    @pytest.mark.parametrize("by", ["srp", "password", "admin"])
    def test_new_password_then_mfa(self, signing_key: RSAKey, by: str) -> None:
        """The new password comes before the MFA, and does not replace it."""
        pool = LocalPool(key=signing_key, mfa="ON")
        pool.add_user("ada", PASSWORD, temporary=True, phone_number="+15550001111")
        talk = Talk(pool)
        if by == "admin":
            asked = talk.initiate_as_admin(
                "ADMIN_USER_PASSWORD_AUTH", USERNAME="ada", PASSWORD=PASSWORD
            )
        else:
            asked = getattr(talk, by)("ada", PASSWORD)

        assert asked["ChallengeName"] == "NEW_PASSWORD_REQUIRED"
        asked = talk.answer(asked, "ada", NEW_PASSWORD="New-Passw0rd!")
        assert asked["ChallengeName"] == "SMS_MFA"
        assert "AuthenticationResult" in talk.answer(
            asked, "ada", SMS_MFA_CODE=pool.outbox.code_for("ada")
        )

    def test_a_wrong_password_sends_no_code(self, signing_key: RSAKey) -> None:
        """Nobody's telephone rings before the password is proved."""
        pool = LocalPool(key=signing_key, mfa="ON")
        pool.add_user("ada", PASSWORD, phone_number="+15550001111")
        talk = Talk(pool)
        with refused(*WRONG):
            talk.password("ada", "wrong")
        talk.srp_a("ada")

        assert list(pool.outbox) == []


class TestPreferences:
    """SetUserMFAPreference and its twin, and enrolment with an access token."""

    def test_enrol_then_prefer(self, signing_key: RSAKey, clock: ManualClock) -> None:
        """A verified TOTP is asked for once it is switched on, not before (issues)."""
        pool = LocalPool(key=signing_key, clock=clock, mfa="OPTIONAL")
        pool.add_user("ada", PASSWORD)
        talk = Talk(pool)
        token = talk.password("ada", PASSWORD)["AuthenticationResult"]["AccessToken"]
        reply = talk.boto.associate_software_token(AccessToken=token)

        assert "Session" not in reply
        code = totp(clock, reply["SecretCode"])
        verified = talk.boto.verify_software_token(AccessToken=token, UserCode=code)
        assert verified["Status"] == "SUCCESS"
        assert "AuthenticationResult" in talk.password("ada", PASSWORD)

        on = {"Enabled": True, "PreferredMfa": True}
        talk.boto.set_user_mfa_preference(AccessToken=token, SoftwareTokenMfaSettings=on)
        seen = talk.boto.get_user(AccessToken=token)

        assert seen["PreferredMfaSetting"] == "SOFTWARE_TOKEN_MFA"
        assert seen["UserMFASettingList"] == ["SOFTWARE_TOKEN_MFA"]
        assert talk.password("ada", PASSWORD)["ChallengeName"] == "SOFTWARE_TOKEN_MFA"

        talk.boto.set_user_mfa_preference(
            AccessToken=token, SoftwareTokenMfaSettings={"Enabled": False}
        )

        assert "AuthenticationResult" in talk.password("ada", PASSWORD)

    def test_a_new_association_leaves_the_present_one(
        self, signing_key: RSAKey, clock: ManualClock
    ) -> None:
        """AssociateSoftwareToken alone neither replaces nor disables what is in use."""
        pool = LocalPool(key=signing_key, clock=clock, mfa="ON")
        pool.add_user("ada", PASSWORD, totp_secret=SECRET)
        talk = Talk(pool)
        asked = talk.password("ada", PASSWORD)
        done = talk.answer(asked, "ada", SOFTWARE_TOKEN_MFA_CODE=totp(clock))
        token = done["AuthenticationResult"]["AccessToken"]
        talk.boto.associate_software_token(AccessToken=token)
        clock.advance(60)
        asked = talk.password("ada", PASSWORD)

        assert "AuthenticationResult" in talk.answer(
            asked, "ada", SOFTWARE_TOKEN_MFA_CODE=totp(clock)
        )

    def test_nothing_to_prefer(self, signing_key: RSAKey) -> None:
        """A factor the user has not cannot be switched on."""
        pool = LocalPool(key=signing_key, mfa="OPTIONAL")
        pool.add_user("ada", PASSWORD)
        with refused(
            "InvalidParameterException",
            "User does not have delivery config set to turn on SMS_MFA",
        ):
            Talk(pool).boto.admin_set_user_mfa_preference(
                UserPoolId=pool.pool_id, Username="ada", SMSMfaSettings={"Enabled": True}
            )
        with pytest.raises(ValueError, match="nothing for SMS_MFA"):
            pool.add_user("eve", PASSWORD, preferred_mfa="SMS_MFA")

    def test_two_are_not_preferred(self, signing_key: RSAKey) -> None:
        """One factor is preferred at most."""
        pool = LocalPool(key=signing_key, mfa="OPTIONAL")
        pool.add_user("ada", PASSWORD, email="a@b.c", phone_number="+15550001111")
        both = {"Enabled": True, "PreferredMfa": True}
        with refused("InvalidParameterException", "Only one MFA method can be preferred."):
            Talk(pool).boto.admin_set_user_mfa_preference(
                UserPoolId=pool.pool_id,
                Username="ada",
                SMSMfaSettings=both,
                EmailMfaSettings=both,
            )
