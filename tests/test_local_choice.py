"""Choice-based sign-in (USER_AUTH): which factors are offered, how one is chosen, what follows."""

# A test looks at one state again and again: mypy believes that it cannot have changed.
# mypy: disable-error-code="comparison-overlap"

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pyotp
import pytest
from api_client import EXPIRED, MISMATCH, NO_DEVICE, UNKNOWN, USED, WRONG, ApiClient, refused
from joserfc import jwt
from joserfc.jwk import RSAKey

from authfsm.drivers.boto import Flow
from authfsm.local import Contradictions, DeviceConfiguration, LocalPool, ManualClock
from authfsm.local.signin.choice import sign_up_session
from authfsm.local.state.users import Status
from authfsm.protocol import responses as r
from authfsm.protocol.errors import BadField, RefusedUser
from authfsm.protocol.states import State
from authfsm.protocol.table import Role

PASSWORD = "Correct-Horse-1"
PHONE = "+15555550143"
EMAIL = "ada@example.com"
OTP = ("PASSWORD", "EMAIL_OTP", "SMS_OTP")
EVERY_OTP = ["EMAIL_OTP", "SMS_OTP", "PASSWORD_SRP", "PASSWORD"]
PASSWORDS = ["PASSWORD_SRP", "PASSWORD"]
CONFLICTS = "contradictory-settings"

PoolOf = Callable[..., LocalPool]


@pytest.fixture
def pool_of(signing_key: RSAKey) -> PoolOf:
    """Return a function that makes a pool with codes as first factors, a clock that the test moves, and ada."""

    def make(**settings: Any) -> LocalPool:
        user: dict[str, Any] = {"password": PASSWORD, "email": EMAIL, "phone_number": PHONE}
        user |= settings.pop("user", {})
        settings.setdefault("allowed_first_auth_factors", ["PASSWORD"] if settings.get("mfa") == "ON" else OTP)
        settings.setdefault("clock", ManualClock())
        pool = LocalPool(key=signing_key, **settings)
        pool.add_user(user.pop("username", "ada"), **user)
        return pool

    return make


def has_tokens(reply: Any) -> bool:
    """Return whether these are tokens."""
    return "AuthenticationResult" in reply and "ChallengeName" not in reply


def path_of(flow: Flow) -> list[str]:
    """Return the path of a sign-in: each trigger, and the state to which it led."""
    return [f"{step.response.trigger} -> {step.dest}" for step in flow.history]


def wrong(code: str) -> str:
    """Return another code of as many digits."""
    return f"{(int(code) + 1) % 10 ** len(code):0{len(code)}d}"


class TestAvailableChallenges:
    """AvailableChallenges."""

    def test_without_a_preference(self, pool_of: PoolOf) -> None:
        """SELECT_CHALLENGE lists the first factors at the top level; its parameters are empty."""
        reply = ApiClient(pool_of()).initiate("USER_AUTH", USERNAME="ada")

        assert (reply["ChallengeName"], reply["ChallengeParameters"]) == ("SELECT_CHALLENGE", {})
        assert reply["AvailableChallenges"] == EVERY_OTP
        assert reply["Session"]

    def test_by_default_only_a_password(self, signing_key: RSAKey) -> None:
        """AllowedFirstAuthFactors is ["PASSWORD"] by default: both its variants are offered (measured)."""
        pool = LocalPool(key=signing_key)
        pool.add_user("ada", PASSWORD, email=EMAIL)

        reply = ApiClient(pool).initiate("USER_AUTH", USERNAME="ada", PREFERRED_CHALLENGE="EMAIL_OTP")
        assert (reply["ChallengeName"], reply["AvailableChallenges"]) == ("SELECT_CHALLENGE", PASSWORDS)

    @pytest.mark.parametrize(
        ("settings", "offered"),
        [
            ({"user": {"email": None}}, ["SMS_OTP", *PASSWORDS]),
            ({"user": {"phone_number": None}}, ["EMAIL_OTP", *PASSWORDS]),
            ({"user": {"password": None}}, ["EMAIL_OTP", "SMS_OTP"]),
            # Measured: a user with a temporary password is offered passwords.
            ({"user": {"temporary": True}}, PASSWORDS),
            ({"allowed_first_auth_factors": ["EMAIL_OTP"], "accept": [CONFLICTS]}, ["EMAIL_OTP"]),
            ({"tier": "LITE", "accept": [CONFLICTS]}, PASSWORDS),
            # With MFA required there are no codes; with MFA optional, for those who use none.
            ({"mfa": "ON"}, PASSWORDS),
            ({"mfa": "ON", "allowed_first_auth_factors": OTP, "accept": [CONFLICTS]}, PASSWORDS),
            ({"mfa": "OPTIONAL"}, EVERY_OTP),
            ({"mfa": "OPTIONAL", "user": {"preferred_mfa": "SMS_MFA"}}, PASSWORDS),
            ({"mfa": "OPTIONAL", "user": {"totp_secret": pyotp.random_base32()}}, PASSWORDS),
            # A factor that the pool does not ask for is no MFA.
            ({"mfa": "OPTIONAL", "mfa_methods": ["EMAIL_OTP"], "user": {"mfa": ["SMS_MFA"]}}, EVERY_OTP),
            # Whoever has nothing is offered what fails.
            ({"mfa": "ON", "user": {"password": None}}, PASSWORDS),
        ],
    )
    def test_factors_of_pool_and_user(self, pool_of: PoolOf, settings: dict[str, Any], offered: list[str]) -> None:
        """The offered factors are those of pool and user, without those that MFA excludes."""
        pool = pool_of(**settings)

        assert offered == ApiClient(pool).initiate("USER_AUTH", USERNAME="ada")["AvailableChallenges"]

    @pytest.mark.parametrize("preferred", ["SMS_OTP", "WEB_AUTHN", "SMS_MFA", "NONSENSE"])
    def test_an_unavailable_preference_is_no_error(self, pool_of: PoolOf, preferred: str) -> None:
        """A preferred factor that is not available leads to the choice."""
        pool = pool_of(user={"phone_number": None})
        reply = ApiClient(pool).initiate("USER_AUTH", USERNAME="ada", PREFERRED_CHALLENGE=preferred)

        assert reply["ChallengeName"] == "SELECT_CHALLENGE"
        assert reply["AvailableChallenges"] == ["EMAIL_OTP", *PASSWORDS]

    @pytest.mark.parametrize("preferred", ["NONSENSE", "SMS_MFA", "email_otp", "", 5, ["EMAIL_OTP"]])
    @pytest.mark.parametrize("password", [None, PASSWORD])
    def test_the_client_refuses_an_unknown_preference(
        self, pool_of: PoolOf, preferred: Any, password: str | None
    ) -> None:
        """A preferred challenge that does not exist is a BadField with the valid names; nothing is sent."""
        pool, every = pool_of(), ("PASSWORD_SRP", "PASSWORD", "EMAIL_OTP", "SMS_OTP", "WEB_AUTHN")
        why = f"preferred_challenge must be one of {', '.join(every)}"
        cognito = pool.cognito()
        with pytest.raises(BadField, match=re.escape(f"UserAuth.{why}")) as refused_:
            cognito.sign_in("ada", password, flow="USER_AUTH", preferred_challenge=preferred)
        flow: Any = refused_.value.flow
        assert not flow.history
        for name in every:
            assert r.UserAuth("ada", name).preferred_challenge == name

    def test_a_preference_needs_its_own_secret(self, pool_of: PoolOf) -> None:
        """A password beside another preference, or without one, is ignored."""
        api = ApiClient(pool_of())
        for more in ({}, {"PREFERRED_CHALLENGE": "NONSENSE"}):
            reply = api.initiate("USER_AUTH", USERNAME="ada", PASSWORD=PASSWORD, **more)
            assert reply["ChallengeName"] == "SELECT_CHALLENGE"
        reply = api.initiate("USER_AUTH", USERNAME="ada", PASSWORD="x", SRP_A="y", PREFERRED_CHALLENGE="SMS_OTP")
        assert reply["ChallengeName"] == "SMS_OTP"

    def test_the_tier(self, pool_of: PoolOf) -> None:
        """On LITE a passwordless preference is refused; by the other page the whole flow is."""
        api = ApiClient(pool_of(tier="LITE", accept=CONFLICTS))
        with refused(
            "FeatureUnavailableInTierException", "EMAIL_OTP is not available in the user pool's feature plan."
        ):
            api.initiate("USER_AUTH", USERNAME="ada", PREFERRED_CHALLENGE="EMAIL_OTP")

        contradictions = Contradictions(user_auth_needs_essentials=True)
        with refused(
            "FeatureUnavailableInTierException", "USER_AUTH is not available in the user pool's feature plan."
        ):
            pool = pool_of(tier="LITE", accept=CONFLICTS, contradictions=contradictions)
            ApiClient(pool).initiate("USER_AUTH", USERNAME="ada")

    def test_the_flow_must_be_enabled(self, pool_of: PoolOf) -> None:
        """ALLOW_USER_AUTH alone allows USER_AUTH with its passwords, and nothing else."""
        pool = pool_of(explicit_auth_flows=["ALLOW_USER_AUTH"])
        api = ApiClient(pool)
        reply = api.initiate("USER_AUTH", USERNAME="ada", PREFERRED_CHALLENGE="PASSWORD", PASSWORD=PASSWORD)
        assert has_tokens(reply)
        with refused("InvalidParameterException", "USER_PASSWORD_AUTH flow not enabled for this client"):
            api.password("ada", PASSWORD)

    def test_as_an_administrator(self, pool_of: PoolOf) -> None:
        """AdminInitiateAuth has the same flow."""
        reply = ApiClient(pool_of()).initiate_as_admin("USER_AUTH", USERNAME="ada")

        assert reply["AvailableChallenges"] == EVERY_OTP

    def test_get_user_auth_factors(self, pool_of: PoolOf) -> None:
        """With an access token a user reads the available first factors and the MFA settings."""
        pool = pool_of(mfa="OPTIONAL", user={"totp_secret": pyotp.random_base32(), "mfa": []})
        api = ApiClient(pool)
        token = api.password("ada", PASSWORD)["AuthenticationResult"]["AccessToken"]
        factors = api.boto.get_user_auth_factors(AccessToken=token)

        assert factors["Username"] == "ada"
        assert factors["ConfiguredUserAuthFactors"] == ["EMAIL_OTP", "SMS_OTP", "PASSWORD", "SOFTWARE_TOKEN"]


class TestPasswords:
    """PASSWORD and PASSWORD_SRP, in every way they can be sent."""

    @pytest.mark.parametrize("client_secret", [False, True])
    def test_a_password_at_once(self, pool_of: PoolOf, client_secret: bool) -> None:  # noqa: FBT001 - a test's case
        """A preferred password that is in the request is checked at once."""
        api = ApiClient(pool_of(client_secret=client_secret))
        wish = {"USERNAME": "ada", "PREFERRED_CHALLENGE": "PASSWORD"}

        assert has_tokens(api.initiate("USER_AUTH", PASSWORD=PASSWORD, **wish))
        with refused(*WRONG):
            api.initiate("USER_AUTH", PASSWORD="Wrong-Horse-1", **wish)

    def test_srp_at_once(self, pool_of: PoolOf) -> None:
        """A preferred PASSWORD_SRP with SRP_A leads to PASSWORD_VERIFIER, which has a session here."""
        api = ApiClient(pool_of())
        challenge_reply = api.initiate(
            "USER_AUTH", USERNAME="ada", PREFERRED_CHALLENGE="PASSWORD_SRP", SRP_A=api.ephemeral.SRP_A
        )
        assert (challenge_reply["ChallengeName"], "Session" in challenge_reply) == ("PASSWORD_VERIFIER", True)
        proof = api.claim(challenge_reply, PASSWORD)
        with refused("InvalidParameterException", "Missing required parameter Session"):
            api.respond("PASSWORD_VERIFIER", USERNAME="ada", **proof)

        assert has_tokens(api.answer(challenge_reply, "ada", **proof))

    def test_without_the_secret(self, pool_of: PoolOf) -> None:
        """PASSWORD and PASSWORD_SRP, preferred or chosen without their secret, are issued as challenges."""
        api = ApiClient(pool_of())
        for preferred in (True, False):
            for name in ("PASSWORD", "PASSWORD_SRP"):
                if preferred:
                    challenge_reply = api.initiate("USER_AUTH", USERNAME="ada", PREFERRED_CHALLENGE=name)
                else:
                    choice = api.initiate("USER_AUTH", USERNAME="ada")
                    challenge_reply = api.answer(choice, "ada", ANSWER=name)
                assert challenge_reply["ChallengeName"] == name
                if name == "PASSWORD":
                    assert has_tokens(api.answer(challenge_reply, "ada", PASSWORD=PASSWORD))
                else:
                    challenge_reply = api.answer(challenge_reply, "ada", SRP_A=api.ephemeral.SRP_A)
                    assert has_tokens(api.answer(challenge_reply, "ada", **api.claim(challenge_reply, PASSWORD)))

    @pytest.mark.parametrize("direct", [False, True])
    def test_chosen_in_one_step(self, pool_of: PoolOf, direct: bool) -> None:  # noqa: FBT001 - a test's case
        """A factor can be chosen with its secret in one step, by ANSWER or by its own ChallengeName."""
        cognito = pool_of().cognito()
        flow = cognito.start(PASSWORD)
        flow.answer(r.UserAuth("ada"))
        assert (flow.state, flow.signin.role) == (State.SELECT_CHALLENGE, Role.FIRST_FACTOR)
        flow.answer(r.Password(PASSWORD, direct=direct))
        assert path_of(flow) == ["user_auth -> SELECT_CHALLENGE", "password -> AUTHENTICATED"]

        flow = cognito.start(PASSWORD)
        flow.answer(r.UserAuth("ada"))
        flow.carry(r.SrpA, direct=direct)
        assert flow.state is State.PASSWORD_VERIFIER
        flow.step()
        assert flow.state is State.AUTHENTICATED

    def test_the_driver_prefers_srp(self, pool_of: PoolOf) -> None:
        """With a password the driver prefers SRP, and needs no user input."""
        flow = pool_of().cognito().sign_in("ada", PASSWORD, flow="USER_AUTH")

        assert path_of(flow) == ["user_auth_with_srp -> PASSWORD_VERIFIER", "srp_claim -> AUTHENTICATED"]

    @pytest.mark.parametrize("step", ["at once", "chosen", "asked for"])
    def test_challenges_after_a_password(self, pool_of: PoolOf, step: str) -> None:
        """After any way to send a password come a new password, the second factor, and tokens."""
        pool = pool_of(mfa="ON", mfa_methods=["EMAIL_OTP"], user={"temporary": True})
        flow = pool.cognito().start()
        if step == "at once":
            flow.answer(r.UserAuthWithPassword("ada", PASSWORD))
        elif step == "chosen":
            flow.answer(r.UserAuth("ada"))
            flow.answer(r.Password(PASSWORD))
        else:
            flow.answer(r.UserAuth("ada", "PASSWORD"))
            flow.answer(r.Password(PASSWORD))
        assert flow.state is State.NEW_PASSWORD_REQUIRED
        flow.answer(r.NewPassword("Another-Horse-2"))
        assert (flow.state, flow.signin.role) == (State.EMAIL_OTP, Role.SECOND_FACTOR)
        code = pool.outbox.code_for("ada")
        assert len(code) == 6

        assert flow.answer(r.Code(code)) is State.AUTHENTICATED

    def test_a_second_factor_cannot_be_exchanged(self, pool_of: PoolOf) -> None:
        """EMAIL_OTP after a password accepts its code, and no new choice of a first factor."""
        api = ApiClient(pool_of(mfa="ON", mfa_methods=["EMAIL_OTP"]))
        challenge_reply = api.initiate("USER_AUTH", USERNAME="ada", PREFERRED_CHALLENGE="PASSWORD", PASSWORD=PASSWORD)
        for name, answer in (
            ("SELECT_CHALLENGE", {"ANSWER": "PASSWORD", "PASSWORD": PASSWORD}),
            ("PASSWORD", {"PASSWORD": PASSWORD}),
            ("PASSWORD_SRP", {"SRP_A": api.ephemeral.SRP_A}),
        ):
            with refused(*MISMATCH):
                api.respond(name, challenge_reply["Session"], USERNAME="ada", **answer)

        code = api.pool.outbox.code_for("ada")
        assert has_tokens(api.answer(challenge_reply, "ada", EMAIL_OTP_CODE=code))

    def test_lock_out(self, pool_of: PoolOf) -> None:
        """Wrong passwords lock the user out here too; the code by e-mail still signs in."""
        pool = pool_of()
        api = ApiClient(pool)
        for _ in range(5):
            challenge_reply = api.initiate("USER_AUTH", USERNAME="ada")
            with refused(*WRONG):
                api.answer(challenge_reply, "ada", ANSWER="PASSWORD", PASSWORD="x")
        challenge_reply = api.initiate("USER_AUTH", USERNAME="ada")
        with refused("NotAuthorizedException", "Password attempts exceeded"):
            api.answer(challenge_reply, "ada", ANSWER="PASSWORD", PASSWORD=PASSWORD)
        challenge_reply = api.initiate("USER_AUTH", USERNAME="ada", PREFERRED_CHALLENGE="EMAIL_OTP")

        assert has_tokens(api.answer(challenge_reply, "ada", EMAIL_OTP_CODE=pool.outbox.code_for("ada")))


class TestSelectChallenge:
    """SELECT_CHALLENGE itself."""

    @pytest.mark.parametrize("name", ["SMS_OTP", "WEB_AUTHN", "SMS_MFA", "SELECT_CHALLENGE", "x"])
    def test_a_factor_that_is_not_offered(self, pool_of: PoolOf, name: str) -> None:
        """Another choice is refused, and the session can be used again."""
        api = ApiClient(pool_of(user={"phone_number": None}))
        challenge_reply = api.initiate("USER_AUTH", USERNAME="ada")
        message = f"{name} is not one of the available challenges."
        with refused("InvalidParameterException", message):
            api.answer(challenge_reply, "ada", ANSWER=name, CREDENTIAL="{}")
        with refused("InvalidParameterException", "Missing required parameter ANSWER"):
            api.answer(challenge_reply, "ada", PASSWORD=PASSWORD)

        assert has_tokens(api.answer(challenge_reply, "ada", ANSWER="PASSWORD", PASSWORD=PASSWORD))

    def test_a_factor_that_was_removed_meanwhile(self, pool_of: PoolOf) -> None:
        """A phone number that was deleted after the offer cannot be chosen; the address by e-mail can."""
        pool = pool_of()
        api = ApiClient(pool)
        challenge_reply = api.initiate("USER_AUTH", USERNAME="ada")
        deleted = {"UserPoolId": pool.pool_id, "Username": "ada", "UserAttributeNames": ["phone_number"]}
        pool.answer("AdminDeleteUserAttributes", deleted)
        with refused("InvalidParameterException", "SMS_OTP is not one of the available challenges."):
            api.answer(challenge_reply, "ada", ANSWER="SMS_OTP")

        assert api.answer(challenge_reply, "ada", ANSWER="EMAIL_OTP")["ChallengeName"] == "EMAIL_OTP"

    def test_a_choice_uses_up_its_session(self, pool_of: PoolOf) -> None:
        """The session of a choice is used up by it."""
        api = ApiClient(pool_of())
        challenge_reply = api.initiate("USER_AUTH", USERNAME="ada")
        api.answer(challenge_reply, "ada", ANSWER="EMAIL_OTP")
        with refused(*USED):
            api.answer(challenge_reply, "ada", ANSWER="SMS_OTP")

    def test_another_challenge_name(self, pool_of: PoolOf) -> None:
        """A ChallengeName other than that of the choice is refused."""
        api = ApiClient(pool_of())
        challenge_reply = api.initiate("USER_AUTH", USERNAME="ada")
        for name in ("EMAIL_OTP", "SMS_OTP", "WEB_AUTHN", "PASSWORD_VERIFIER", "SMS_MFA"):
            with refused(*MISMATCH):
                api.respond(name, challenge_reply["Session"], USERNAME="ada", EMAIL_OTP_CODE="1")

    def test_an_unknown_device_is_refused_after_the_password(self, pool_of: PoolOf) -> None:
        """An unknown key is ignored before the proof, and refused after it; the same answer then works without."""
        api = ApiClient(pool_of(device=DeviceConfiguration()))
        stale = {"DEVICE_KEY": "eu-west-1_00000000-0000-4000-8000-000000000000"}
        challenge_reply = api.initiate("USER_AUTH", USERNAME="ada", **stale)
        with refused(*NO_DEVICE):
            api.answer(challenge_reply, "ada", ANSWER="PASSWORD", PASSWORD=PASSWORD, **stale)
        code = api.answer(challenge_reply, "ada", ANSWER="EMAIL_OTP", **stale)
        with refused(*MISMATCH):
            api.answer(code, "ada", EMAIL_OTP_CODE="x", **stale)
        right = api.pool.outbox.code_for("ada")
        with refused(*NO_DEVICE):
            api.answer(code, "ada", EMAIL_OTP_CODE=right, **stale)

        assert has_tokens(api.answer(code, "ada", EMAIL_OTP_CODE=right))

    @pytest.mark.parametrize("tracked", [True, False])
    def test_devices(self, pool_of: PoolOf, tracked: bool) -> None:  # noqa: FBT001 - a test's case
        """A remembered device is proved after a password or a code, unless the other page is followed."""
        contradictions = Contradictions(devices_tracked_in_user_auth=tracked)
        pool = pool_of(device=DeviceConfiguration(), contradictions=contradictions)
        device = pool.cognito().sign_in("ada", PASSWORD).confirm_device()
        cognito = pool.cognito(device=device)

        first = cognito.sign_in("ada", PASSWORD, flow="USER_AUTH", preferred_challenge="PASSWORD")
        second = cognito.sign_in("ada", flow="USER_AUTH", preferred_challenge="EMAIL_OTP")
        second.answer(r.Code(pool.outbox.code_for("ada")))

        for flow in (first, second):
            assert flow.state is State.AUTHENTICATED
            assert tracked == any("DEVICE_SRP_AUTH" in step for step in path_of(flow))


class TestCodes:
    """EMAIL_OTP and SMS_OTP as first factor."""

    @pytest.mark.parametrize(
        ("factor", "medium", "masked", "address"),
        [("EMAIL_OTP", "EMAIL", "a***@e***", EMAIL), ("SMS_OTP", "SMS", "+*******0143", PHONE)],
    )
    def test_a_code(self, pool_of: PoolOf, factor: str, medium: str, masked: str, address: str) -> None:
        """A code of eight digits goes to the address.

        The challenge lists the other factors, and names no user.
        """
        pool = pool_of()
        api = ApiClient(pool)
        challenge_reply = api.initiate("USER_AUTH", USERNAME="ada", PREFERRED_CHALLENGE=factor)
        message = pool.outbox[-1]

        assert challenge_reply["ChallengeName"] == factor
        assert challenge_reply["ChallengeParameters"] == {
            "CODE_DELIVERY_DELIVERY_MEDIUM": medium,
            "CODE_DELIVERY_DESTINATION": masked,
        }
        assert challenge_reply["AvailableChallenges"] == EVERY_OTP
        assert (message.to, len(message.code.reveal())) == (address, 8)
        assert has_tokens(api.answer(challenge_reply, "ada", **{f"{factor}_CODE": message.code.reveal()}))

    def test_six_digits(self, pool_of: PoolOf) -> None:
        """One page of the guide has six digits; a setting uses them."""
        pool = pool_of(contradictions=Contradictions(first_factor_digits=6))
        ApiClient(pool).initiate("USER_AUTH", USERNAME="ada", PREFERRED_CHALLENGE="EMAIL_OTP")

        assert len(pool.outbox.code_for("ada")) == 6

    def test_wrong_codes(self, pool_of: PoolOf) -> None:
        """Six wrong codes with one session lock nobody out (measured); the driver stays and tries again."""
        pool = pool_of()
        flow = pool.cognito().sign_in("ada", flow="USER_AUTH", preferred_challenge="EMAIL_OTP")
        assert (flow.state, flow.signin.role) == (State.EMAIL_OTP, Role.FIRST_FACTOR)
        code = pool.outbox.code_for("ada")
        for _ in range(6):
            with pytest.raises(RefusedUser) as caught:
                flow.answer(r.Code(wrong(code)))
            assert caught.value.survives

        assert flow.answer(r.Code(code)) is State.AUTHENTICATED

    def test_the_code_of_an_older_attempt(self, pool_of: PoolOf) -> None:
        """A code belongs to its own session."""
        pool = pool_of()
        api = ApiClient(pool)
        api.initiate("USER_AUTH", USERNAME="ada", PREFERRED_CHALLENGE="EMAIL_OTP")
        older = pool.outbox.code_for("ada")
        challenge_reply = api.initiate("USER_AUTH", USERNAME="ada", PREFERRED_CHALLENGE="EMAIL_OTP")
        with refused(*MISMATCH):
            api.answer(challenge_reply, "ada", EMAIL_OTP_CODE=older)

    def test_it_expires_and_is_used_once(self, pool_of: PoolOf) -> None:
        """A code is accepted once, while its session is valid."""
        clock = ManualClock()
        pool = pool_of(clock=clock)
        api = ApiClient(pool)
        challenge_reply = api.initiate("USER_AUTH", USERNAME="ada", PREFERRED_CHALLENGE="SMS_OTP")
        code = pool.outbox.code_for("ada")
        api.answer(challenge_reply, "ada", SMS_OTP_CODE=code)
        with refused(*USED):
            api.answer(challenge_reply, "ada", SMS_OTP_CODE=code)
        challenge_reply = api.initiate("USER_AUTH", USERNAME="ada", PREFERRED_CHALLENGE="SMS_OTP")
        clock.advance(180)
        with refused(*EXPIRED):
            api.answer(challenge_reply, "ada", SMS_OTP_CODE=pool.outbox.code_for("ada"))

    @pytest.mark.parametrize("factor", ["EMAIL_OTP", "SMS_OTP"])
    def test_choosing_another_factor_instead(self, pool_of: PoolOf, factor: str) -> None:
        """A user without the code can choose another first factor with the same session."""
        pool = pool_of()
        choices: list[tuple[r.Response, State]] = [
            (r.Select("EMAIL_OTP"), State.EMAIL_OTP),
            (r.Select("SMS_OTP"), State.SMS_OTP),
            (r.Select("PASSWORD"), State.PASSWORD),
            (r.Select("PASSWORD_SRP"), State.PASSWORD_SRP),
            (r.Password(PASSWORD), State.AUTHENTICATED),
            (r.Password(PASSWORD, direct=True), State.AUTHENTICATED),
        ]
        for response, dest in choices:
            flow = pool.cognito().sign_in("ada", flow="USER_AUTH", preferred_challenge=factor)
            message_count = len(pool.outbox)
            assert flow.answer(response) is dest
            if dest in {State.EMAIL_OTP, State.SMS_OTP}:
                assert len(pool.outbox) == message_count + 1
                assert flow.answer(r.Code(pool.outbox.code_for("ada"))) is State.AUTHENTICATED

    def test_the_right_code_confirms(self, pool_of: PoolOf) -> None:
        """An unconfirmed user signs in by code; the code verifies the address and confirms the user."""
        pool = pool_of(user={"status": "UNCONFIRMED", "verified": False}, aliases=["email"])
        api = ApiClient(pool)
        challenge_reply = api.initiate("USER_AUTH", USERNAME="ada", PREFERRED_CHALLENGE="EMAIL_OTP")
        with refused(*MISMATCH):
            api.answer(challenge_reply, "ada", EMAIL_OTP_CODE=wrong(pool.outbox.code_for("ada")))
        assert pool.user("ada").status is Status.UNCONFIRMED
        assert has_tokens(api.answer(challenge_reply, "ada", EMAIL_OTP_CODE=pool.outbox.code_for("ada")))

        user = pool.user(EMAIL)
        assert user.status is Status.CONFIRMED
        assert (user.attributes["email_verified"], "phone_number_verified" in user.attributes) == ("true", False)

    def test_imported_users(self, pool_of: PoolOf) -> None:
        """A user imported without a password signs in by code, and need not set one."""
        pool = pool_of(user={"status": "RESET_REQUIRED", "password": None})
        api = ApiClient(pool)
        challenge_reply = api.initiate("USER_AUTH", USERNAME="ada", PREFERRED_CHALLENGE="SMS_OTP")
        assert challenge_reply["AvailableChallenges"] == ["EMAIL_OTP", "SMS_OTP"]
        assert has_tokens(api.answer(challenge_reply, "ada", SMS_OTP_CODE=pool.outbox.code_for("ada")))

        assert pool.user("ada").status is Status.CONFIRMED

    @pytest.mark.parametrize(
        ("status", "code", "message"),
        [
            ("UNCONFIRMED", "UserNotConfirmedException", "User is not confirmed."),
            ("RESET_REQUIRED", "PasswordResetRequiredException", "Password reset required for the user"),
        ],
    )
    def test_users_who_may_not_use_a_password(self, pool_of: PoolOf, status: str, code: str, message: str) -> None:
        """A user who must reset the password is refused at once, or after choosing the password."""
        pool = pool_of(user={"status": status})
        pool.add_user("bob", PASSWORD, status=status)
        api = ApiClient(pool)
        with refused(code, message):
            api.initiate("USER_AUTH", USERNAME="bob")
        challenge_reply = api.initiate("USER_AUTH", USERNAME="ada")
        with refused(code, message):
            api.answer(challenge_reply, "ada", ANSWER="PASSWORD", PASSWORD=PASSWORD)

    def test_a_disabled_user(self, pool_of: PoolOf) -> None:
        """A disabled user is refused, at the beginning or during the sign-in."""
        pool = pool_of()
        api = ApiClient(pool)
        challenge_reply = api.initiate("USER_AUTH", USERNAME="ada", PREFERRED_CHALLENGE="EMAIL_OTP")
        pool.user("ada").enabled = False
        with refused("NotAuthorizedException", "User is disabled."):
            api.answer(challenge_reply, "ada", EMAIL_OTP_CODE=pool.outbox.code_for("ada"))
        with refused("NotAuthorizedException", "User is disabled."):
            api.initiate("USER_AUTH", USERNAME="ada")

    @pytest.mark.parametrize(
        ("factor", "other", "code"),
        [("EMAIL_OTP", "SMS_MFA", "EMAIL_OTP_CODE"), ("SMS_OTP", "EMAIL_OTP", "SMS_OTP_CODE")],
    )
    def test_a_second_factor_of_the_other_channel(self, pool_of: PoolOf, factor: str, other: str, code: str) -> None:
        """By the guide's other page a code as first factor is followed by a code of the other channel."""
        pool = pool_of(
            mfa="OPTIONAL",
            contradictions=Contradictions(mfa_after_one_time_password=True),
            user={"mfa": ["SMS_MFA", "EMAIL_OTP"]},
        )
        api = ApiClient(pool)
        challenge_reply = api.initiate("USER_AUTH", USERNAME="ada", PREFERRED_CHALLENGE=factor)
        challenge_reply = api.answer(challenge_reply, "ada", **{code: pool.outbox.code_for("ada")})
        assert (challenge_reply["ChallengeName"], len(pool.outbox.code_for("ada"))) == (other, 6)

        assert has_tokens(api.answer(challenge_reply, "ada", **{f"{other}_CODE": pool.outbox.code_for("ada")}))


class TestUnknownUsers:
    """An unknown user looks like an existing one, until the answer."""

    def test_replies_look_the_same(self, pool_of: PoolOf) -> None:
        """The replies to an unknown user have the same shape, and repeat."""
        pool = pool_of()
        api = ApiClient(pool)
        message_count = len(pool.outbox)
        for wish in (
            {},
            {"PREFERRED_CHALLENGE": "EMAIL_OTP"},
            {"PREFERRED_CHALLENGE": "SMS_OTP"},
            {"PREFERRED_CHALLENGE": "PASSWORD"},
            {"PREFERRED_CHALLENGE": "PASSWORD_SRP", "SRP_A": api.ephemeral.SRP_A},
        ):
            real = api.initiate("USER_AUTH", USERNAME="ada", **wish)
            once, twice = (api.initiate("USER_AUTH", USERNAME="eve", **wish) for _ in range(2))
            assert real.keys() == once.keys()
            assert real["ChallengeName"] == once["ChallengeName"]
            assert real.get("AvailableChallenges") == once.get("AvailableChallenges")
            assert len(real["Session"]) == len(once["Session"])
            assert real["ChallengeParameters"].keys() == once["ChallengeParameters"].keys()
            for key in ("CODE_DELIVERY_DESTINATION", "SALT", "USER_ID_FOR_SRP"):
                challenge_reply = once["ChallengeParameters"]
                assert challenge_reply.get(key) == twice["ChallengeParameters"].get(key)

        codes = [message for message in pool.outbox[message_count:] if message.username == "eve"]
        assert codes == []

    @pytest.mark.parametrize("name", ["eve@example.com", "+15555550199"])
    def test_a_submitted_address(self, pool_of: PoolOf, name: str) -> None:
        """A simulated code is sent to the address that was submitted."""
        factor = "EMAIL_OTP" if "@" in name else "SMS_OTP"
        api = ApiClient(pool_of(username_attributes=["email", "phone_number"], user={"username": EMAIL}))
        challenge_reply = api.initiate("USER_AUTH", USERNAME=name, PREFERRED_CHALLENGE=factor)
        destination = challenge_reply["ChallengeParameters"]["CODE_DELIVERY_DESTINATION"]

        assert destination == ("e***@e***" if "@" in name else "+*******0199")

    def test_every_answer_fails(self, pool_of: PoolOf) -> None:
        """For an unknown user every code is a mismatch, and every password wrong."""
        api = ApiClient(pool_of())
        challenge_reply = api.initiate("USER_AUTH", USERNAME="eve", PREFERRED_CHALLENGE="EMAIL_OTP")
        pending = api.pool._core.sessions.find(None, challenge_reply["Session"])
        for code in ("12345678", pending.expected_answer.code.reveal()):
            with refused(*MISMATCH):
                api.answer(challenge_reply, "eve", EMAIL_OTP_CODE=code)
        challenge_reply = api.respond("SELECT_CHALLENGE", challenge_reply["Session"], USERNAME="eve", ANSWER="PASSWORD")
        with refused(*WRONG):
            api.answer(challenge_reply, "eve", PASSWORD=PASSWORD)
        choice = api.initiate("USER_AUTH", USERNAME="eve")
        proof = api.answer(choice, "eve", ANSWER="PASSWORD_SRP", SRP_A=api.ephemeral.SRP_A)
        with refused(*WRONG):
            api.answer(proof, "eve", **api.claim(proof, PASSWORD))

    @pytest.mark.parametrize("always", [False, True])
    def test_legacy(self, pool_of: PoolOf, always: bool) -> None:  # noqa: FBT001 - a test's case
        """With LEGACY the user is refused at the beginning; or, by the same page's other words, simulated."""
        contradictions = Contradictions(user_auth_always_simulates_users=always)
        api = ApiClient(pool_of(prevent_user_existence_errors="LEGACY", contradictions=contradictions))
        missing = ("UserNotFoundException", "User does not exist.")
        if always:
            challenge_reply = api.initiate("USER_AUTH", USERNAME="eve")
            with refused(*missing):
                api.answer(challenge_reply, "eve", ANSWER="PASSWORD", PASSWORD=PASSWORD)
        else:
            with refused(*missing):
                api.initiate("USER_AUTH", USERNAME="eve")


class TestSignUpSession:
    """InitiateAuth with the session that ConfirmSignUp returned."""

    @pytest.fixture
    def pool(self, pool_of: PoolOf) -> LocalPool:
        """A pool whose user has just confirmed an e-mail address."""
        return pool_of(user={"phone_number": None})

    def begin(self, pool: LocalPool, session: str, **parameters: str) -> Any:
        """Begin USER_AUTH with a session."""
        return pool.client().initiate_auth(
            AuthFlow="USER_AUTH",
            ClientId=pool.client_id,
            AuthParameters={"USERNAME": "ada", **parameters},
            Session=session,
        )

    def test_it_signs_in(self, pool: LocalPool) -> None:
        """The code of the sign-up counts as the first factor: tokens without a challenge, once."""
        session = sign_up_session(pool._core, pool.app_client, pool.user("ada"))
        flow = pool.cognito().start()
        flow.answer(r.SignedUp("ada", session))

        assert path_of(flow) == ["signed_up -> AUTHENTICATED"]
        assert flow.tokens is not None
        claims = jwt.decode(flow.tokens.access_token.reveal(), pool._core.token_issuer.key.jwk).claims
        assert (claims["amr"], claims["acr"]) == (["email_otp"], "urn:cognito:loa:2")
        with refused(*USED):
            self.begin(pool, session)

    def test_other_parameters_are_ignored(self, pool: LocalPool) -> None:
        """The session is the proof; a password beside it is not checked."""
        session = sign_up_session(pool._core, pool.app_client, pool.user("ada"))

        assert has_tokens(self.begin(pool, session, PREFERRED_CHALLENGE="PASSWORD", PASSWORD="wrong"))

    @pytest.mark.parametrize(
        "settings",
        [
            {"mfa": "ON"},
            {"mfa": "ON", "allowed_first_auth_factors": OTP, "accept": [CONFLICTS]},
            {"mfa": "OPTIONAL", "user": {"preferred_mfa": "SMS_MFA"}},
            {"allowed_first_auth_factors": ["PASSWORD"]},
            {"user": {"verified": False}},
            {
                "mfa": "OPTIONAL",
                "user": {"preferred_mfa": "SMS_MFA"},
                "contradictions": Contradictions(mfa_after_one_time_password=True),
            },
        ],
    )
    def test_users_who_cannot_begin_with_a_code(self, pool_of: PoolOf, settings: dict[str, Any]) -> None:
        """If a code cannot be the first factor, the choice follows."""
        pool = pool_of(**settings)
        session = sign_up_session(pool._core, pool.app_client, pool.user("ada"))

        assert self.begin(pool, session)["ChallengeName"] == "SELECT_CHALLENGE"

    def test_it_is_bound_and_expires(self, pool_of: PoolOf) -> None:
        """The session is valid once, for its user and app client, until AuthSessionValidity."""
        clock = ManualClock()
        pool = pool_of(clock=clock)
        bob = pool.add_user("bob", PASSWORD, email="bob@example.com")
        other = pool.add_client()
        with refused(*UNKNOWN):
            self.begin(pool, sign_up_session(pool._core, pool.app_client, bob))
        with refused(*UNKNOWN):
            self.begin(pool, sign_up_session(pool._core, other, pool.user("ada")))
        with refused(*UNKNOWN):
            self.begin(pool, ApiClient(pool).initiate("USER_AUTH", USERNAME="ada")["Session"])
        session = sign_up_session(pool._core, pool.app_client, pool.user("ada"))
        for name in ("SIGNED_UP", "SELECT_CHALLENGE", "EMAIL_OTP", "PASSWORD"):
            with refused(*MISMATCH):
                ApiClient(pool).respond(name, session, USERNAME="ada", ANSWER="EMAIL_OTP")
        clock.advance(180)
        with refused(*EXPIRED):
            self.begin(pool, session)


@pytest.mark.parametrize("factors", [["WEB_AUTHN"], ["PASSWORD", "SOFTWARE_TOKEN"], ["PASSWORD", "SMS_MFA"]])
def test_invalid_settings(signing_key: RSAKey, factors: list[str]) -> None:
    """A passkey cannot be the only first factor, and only some factors are first factors (documented)."""
    with pytest.raises(ValueError, match=r"first.(auth.)?factor"):
        LocalPool(key=signing_key, allowed_first_auth_factors=factors)
    with pytest.raises(ValueError, match="tier"):
        LocalPool(key=signing_key, tier="GOLD")
