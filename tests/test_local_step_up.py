"""Step-up by TARGET_ACR_VALUES, as conversations; and what tokens say of how strongly somebody signed in."""

# A test looks at one state again and again: mypy believes that it cannot have changed.
# mypy: disable-error-code="comparison-overlap"

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pyotp
import pytest
from authenticator import Authenticator
from joserfc import jwt
from joserfc.jwk import RSAKey
from local_talk import MISMATCH, USED, Talk, refused

from authfsm.drivers.boto import Flow
from authfsm.local import (
    Contradictions,
    DeviceConfiguration,
    LocalPool,
    ManualClock,
    RefreshTokenRotation,
    WebAuthnConfiguration,
)
from authfsm.local.state.token_claims import acr_level, amr_claim
from authfsm.protocol import responses as r
from authfsm.protocol.errors import RefusedByConfiguration, RefusedCaller
from authfsm.protocol.replies import WebAuthn
from authfsm.protocol.states import State

PASSWORD = "Correct-Horse-1"
PHONE = "+15555550143"
EMAIL = "ada@example.com"
TOTP = pyotp.random_base32()
LOA = [f"urn:cognito:loa:{number}" for number in range(5)]

MET = ("InvalidParameterException", "The access token already meets the requested level.")
BEYOND = ("InvalidParameterException", "The user has no factors for the requested levels.")

PoolOf = Callable[..., LocalPool]


@pytest.fixture
def pool_of(signing_key: RSAKey) -> PoolOf:
    """Makes a pool with optional MFA and every first factor; ada has everything, nothing switched on."""

    def make(**settings: Any) -> LocalPool:
        user: dict[str, Any] = {"password": PASSWORD, "email": EMAIL, "phone_number": PHONE}
        user |= {"totp_secret": TOTP, "mfa": [], **settings.pop("user", {})}
        settings.setdefault("mfa", "OPTIONAL")
        settings.setdefault("clock", ManualClock())
        settings.setdefault(
            "allowed_first_auth_factors", ["PASSWORD", "EMAIL_OTP", "SMS_OTP", "WEB_AUTHN"]
        )
        settings.setdefault("webauthn", WebAuthnConfiguration("example.com"))
        pool = LocalPool(key=signing_key, **settings)
        pool.add_user("ada", **user)
        return pool

    return make


def said(pool: LocalPool, flow: Flow, which: str = "access_token") -> dict[str, Any]:
    """What a token of a sign-in says."""
    token = getattr(flow.tokens, which)
    read: dict[str, Any] = jwt.decode(token.reveal(), pool._core.token_issuer.key).claims
    return read


def by_password(pool: LocalPool) -> str:
    """An access token of a sign-in with the password alone."""
    flow = pool.cognito().sign_in("ada", PASSWORD)
    assert flow.tokens is not None
    return flow.tokens.access_token.reveal()


def by_code(pool: LocalPool, factor: str = "EMAIL_OTP") -> str:
    """An access token of a sign-in with a code alone."""
    flow = pool.cognito().sign_in("ada", flow="USER_AUTH", preferred_challenge=factor)
    flow.answer(r.Code(pool.outbox.code_for("ada")))
    assert flow.tokens is not None
    return flow.tokens.access_token.reveal()


def step_up(pool: LocalPool, *targets: str, token: str | None = None, **more: Any) -> Flow:
    """Begin a step-up with our driver."""
    flow = pool.cognito().start(PASSWORD)
    flow.answer(r.StepUp("ada", targets, token, **more))
    return flow


def offered(flow: Flow) -> list[str]:
    """AvailableChallenges."""
    assert flow.challenge is not None
    return list(flow.challenge.available)


def code_of(pool: LocalPool, flow: Flow) -> r.Code:
    """The right code for what is asked."""
    if flow.state is State.SOFTWARE_TOKEN_MFA:
        return r.Code(pyotp.TOTP(TOTP).at(pool.clock()))
    return r.Code(pool.outbox.code_for("ada"))


def register(pool: LocalPool) -> Authenticator:
    """A passkey of ada's."""
    key, client, token = Authenticator(), pool.client(), by_password(pool)
    options = client.start_web_authn_registration(AccessToken=token)
    made = key.create(options["CredentialCreationOptions"])
    client.complete_web_authn_registration(AccessToken=token, Credential=made)
    return key


@pytest.mark.parametrize(
    ("methods", "reached", "claim"),
    [
        ([], 0, ()),
        (["pwd"], 1, ("pwd",)),
        (["sms"], 2, ("sms",)),
        (["email_otp"], 2, ("email_otp",)),
        (["swk"], 3, ("swk",)),
        (["hwk"], 3, ("hwk",)),
        (["pwd", "sms"], 3, ("pwd", "sms", "mfa")),
        (["pwd", "email_otp"], 3, ("pwd", "email_otp", "mfa")),
        (["pwd", "otp"], 4, ("pwd", "otp", "mfa")),
        (["pwd", "sms", "otp"], 4, ("pwd", "sms", "otp", "mfa")),
        (["otp"], 0, ("otp",)),
        (["sms", "email_otp"], 2, ("sms", "email_otp", "mfa")),
    ],
)
def test_the_table_of_levels(methods: list[str], reached: int, claim: tuple[str, ...]) -> None:
    """The guide's table of combinations, and its amr."""
    assert (acr_level(methods), amr_claim(methods)) == (reached, claim)


class TestClaims:
    """`acr` and `amr` of any sign-in."""

    @pytest.mark.parametrize(
        ("factor", "methods", "reached"),
        [
            (None, ["pwd"], 1),
            ("SMS_MFA", ["pwd", "sms", "mfa"], 3),
            ("EMAIL_OTP", ["pwd", "email_otp", "mfa"], 3),
            ("SOFTWARE_TOKEN_MFA", ["pwd", "otp", "mfa"], 4),
        ],
    )
    @pytest.mark.parametrize("flow_name", ["USER_SRP_AUTH", "USER_PASSWORD_AUTH", "USER_AUTH"])
    def test_passwords(
        self, pool_of: PoolOf, factor: str | None, methods: list[str], reached: int, flow_name: str
    ) -> None:
        """A password, and what followed it, in both tokens."""
        pool = pool_of(user={"preferred_mfa": factor})
        flow = pool.cognito().sign_in("ada", PASSWORD, flow=flow_name)
        if factor:
            flow.answer(code_of(pool, flow))

        for which in ("access_token", "id_token"):
            claims = said(pool, flow, which)
            assert (claims["amr"], claims["acr"]) == (methods, LOA[reached])

    def test_names_of_ones_own(self, pool_of: PoolOf) -> None:
        """AcrConfiguration renames levels; those left out keep their names."""
        pool = pool_of(acr_values={"Level1": {"AcrValue": "urn:mine:1"}})
        flow = pool.cognito().sign_in("ada", PASSWORD)

        assert said(pool, flow)["acr"] == "urn:mine:1"
        assert pool.configuration.acr_values == ("urn:mine:1", *LOA[2:])

    @pytest.mark.parametrize(
        "names",
        [
            {"Level1": {"AcrValue": "urn:cognito:loa:2"}},
            {"Level5": {"AcrValue": "x"}},
            {"Level1": {"AcrValue": ""}},
            {"Level1": {"AcrValue": "a b"}},
            {"Level1": {"AcrValue": 'a"'}},
            {"Level1": {"AcrValue": "x" * 65}},
            ["a", "b", "c"],
        ],
    )
    def test_names_that_cannot_be(self, pool_of: PoolOf, names: Any) -> None:
        """Each unique, defaults included; 1 to 64 characters; no spaces, quotes, backslashes (documented)."""
        with pytest.raises(ValueError, match="level"):
            pool_of(acr_values=names)

    def test_refreshing_carries_them_over(self, pool_of: PoolOf) -> None:
        """acr, amr and auth_time stay, with rotation and without, however long ago it was."""
        clock = ManualClock()
        for rotation in (None, RefreshTokenRotation()):
            pool = pool_of(
                clock=clock, refresh_token_rotation=rotation, user={"preferred_mfa": "SMS_MFA"}
            )
            flow = pool.cognito().sign_in("ada", PASSWORD)
            flow.answer(code_of(pool, flow))
            before = said(pool, flow)
            clock.advance(1800)
            flow.answer(r.GetTokensFromRefreshToken())
            after = said(pool, flow)

            assert after["iat"] == before["iat"] + 1800
            assert [after[name] for name in ("acr", "amr", "auth_time")] == [
                before[name] for name in ("acr", "amr", "auth_time")
            ]

    def test_only_when_asked(self, pool_of: PoolOf) -> None:
        """By the page's other words they come only to those who ask for a level."""
        pool = pool_of(contradictions=Contradictions(acr_only_with_target=True))
        assert not {"acr", "amr"} & said(pool, pool.cognito().sign_in("ada", PASSWORD)).keys()
        flow = step_up(pool, LOA[1])
        flow.answer(r.Password(PASSWORD))

        assert said(pool, flow)["amr"] == ["pwd"]

    def test_a_device_is_no_method(self, pool_of: PoolOf) -> None:
        """A remembered device that stands for MFA leaves the level where the password put it."""
        pool = pool_of(
            device=DeviceConfiguration(challenge_required_on_new_device=True),
            user={"preferred_mfa": "SMS_MFA"},
        )
        flow = pool.cognito().sign_in("ada", PASSWORD)
        flow.answer(code_of(pool, flow))
        device = flow.confirm_device()
        flow = pool.cognito(device=device).sign_in("ada", PASSWORD)

        assert (said(pool, flow)["amr"], said(pool, flow)["acr"]) == (["pwd"], LOA[1])


class TestFromScratch:
    """TARGET_ACR_VALUES without an access token."""

    @pytest.mark.parametrize(
        ("target", "available"),
        [
            (1, ["PASSWORD_SRP", "PASSWORD"]),
            (2, ["EMAIL_OTP", "SMS_OTP"]),
            (3, ["PASSWORD_SRP", "PASSWORD", "WEB_AUTHN"]),
            (4, ["PASSWORD_SRP", "PASSWORD"]),
        ],
    )
    def test_what_leads_there(self, pool_of: PoolOf, target: int, available: list[str]) -> None:
        """The first factors that a combination of the level begins with are offered."""
        pool = pool_of()
        register(pool)
        flow = step_up(pool, LOA[target])

        assert (flow.state, offered(flow)) == (State.SELECT_CHALLENGE, available)

    @pytest.mark.parametrize(
        ("target", "asked", "methods"),
        [
            (3, State.SMS_MFA, ["pwd", "sms", "mfa"]),
            (4, State.SOFTWARE_TOKEN_MFA, ["pwd", "otp", "mfa"]),
        ],
    )
    def test_a_second_factor_that_is_not_switched_on(
        self, pool_of: PoolOf, target: int, asked: State, methods: list[str]
    ) -> None:
        """The level asks for it, though the user's MFA would not."""
        pool = pool_of(mfa_methods=["SMS_MFA", "SOFTWARE_TOKEN_MFA"])
        flow = step_up(pool, LOA[target])
        assert flow.answer(r.Password(PASSWORD)) is asked
        assert flow.answer(code_of(pool, flow)) is State.AUTHENTICATED

        assert (said(pool, flow)["amr"], said(pool, flow)["acr"]) == (methods, LOA[target])

    def test_several_will_do(self, pool_of: PoolOf) -> None:
        """Where SMS and e-mail both reach the level, the user chooses, or the preferred one is asked for."""
        pool = pool_of()
        flow = step_up(pool, LOA[3])
        assert flow.answer(r.Password(PASSWORD)) is State.SELECT_MFA_TYPE
        assert flow.answer(r.Select("EMAIL_OTP")) is State.EMAIL_OTP
        assert flow.answer(code_of(pool, flow)) is State.AUTHENTICATED

        pool.user("ada").preferred_mfa = State.EMAIL_OTP
        flow = step_up(pool, LOA[3])
        assert flow.answer(r.Password(PASSWORD)) is State.EMAIL_OTP

    @pytest.mark.parametrize(("factor", "method"), [("EMAIL_OTP", "email_otp"), ("SMS_OTP", "sms")])
    def test_a_code(self, pool_of: PoolOf, factor: str, method: str) -> None:
        """Level 2 is one code."""
        pool = pool_of()
        flow = step_up(pool, LOA[2])
        flow.answer(r.Select(factor))
        assert flow.answer(code_of(pool, flow)) is State.AUTHENTICATED

        assert (said(pool, flow)["amr"], said(pool, flow)["acr"]) == ([method], LOA[2])

    def test_a_passkey(self, pool_of: PoolOf) -> None:
        """Level 3 is a passkey on its own."""
        pool = pool_of()
        key = register(pool)
        flow = step_up(pool, LOA[3])
        flow.answer(r.Select("WEB_AUTHN"))
        assert isinstance(flow.challenge, WebAuthn)
        signed = key.get(dict(flow.challenge.request_options))
        assert flow.answer(r.Credential(json.dumps(signed))) is State.AUTHENTICATED

    def test_a_preference(self, pool_of: PoolOf) -> None:
        """PREFERRED_CHALLENGE goes along; with a password it is taken at once."""
        talk = Talk(pool_of())
        asked = talk.initiate(
            "USER_AUTH", USERNAME="ada", TARGET_ACR_VALUES=LOA[2], PREFERRED_CHALLENGE="SMS_OTP"
        )
        assert asked["ChallengeName"] == "SMS_OTP"
        wish = {"PREFERRED_CHALLENGE": "PASSWORD", "PASSWORD": PASSWORD}
        for target, name in ((LOA[1], None), (LOA[4], "SOFTWARE_TOKEN_MFA")):
            reply = talk.initiate("USER_AUTH", USERNAME="ada", TARGET_ACR_VALUES=target, **wish)
            assert reply.get("ChallengeName") == name

    def test_the_list_is_gone_through(self, pool_of: PoolOf) -> None:
        """The first that can be reached is the target; unknown names are ignored; none known is an error."""
        pool = pool_of(mfa_methods=["SMS_MFA"])
        flow = step_up(pool, "urn:other", LOA[4], LOA[3], LOA[1])
        assert flow.answer(r.Password(PASSWORD)) is State.SMS_MFA
        with pytest.raises(RefusedCaller):
            step_up(pool, "urn:other")
        with refused(
            "InvalidParameterException", "TARGET_ACR_VALUES has no level of this user pool."
        ):
            Talk(pool).initiate("USER_AUTH", USERNAME="ada", TARGET_ACR_VALUES=" ")

    @pytest.mark.parametrize(
        ("settings", "target"),
        [
            ({"mfa": "OFF"}, 4),
            ({"mfa": "OFF"}, 3),
            ({"user": {"totp_secret": None}}, 4),
            ({"mfa_methods": ["SMS_MFA"]}, 4),
            ({"mfa": "OFF", "user": {"email": None, "phone_number": None}}, 2),
        ],
    )
    def test_out_of_reach(self, pool_of: PoolOf, settings: dict[str, Any], target: int) -> None:
        """No factors for any target is an error; no set-up is offered."""
        pool = pool_of(**settings)
        with refused(*BEYOND):
            Talk(pool).initiate("USER_AUTH", USERNAME="ada", TARGET_ACR_VALUES=LOA[target])

    def test_a_higher_level_will_do(self, pool_of: PoolOf) -> None:
        """Whoever has no way to the level itself goes by a higher one (inferred)."""
        pool = pool_of(mfa_methods=["SOFTWARE_TOKEN_MFA"], allowed_first_auth_factors=["PASSWORD"])
        flow = step_up(pool, LOA[2])
        assert flow.answer(r.Password(PASSWORD)) is State.SOFTWARE_TOKEN_MFA
        flow.answer(code_of(pool, flow))

        assert said(pool, flow)["acr"] == LOA[4]

    @pytest.mark.parametrize("mfa", ["ON", "OPTIONAL"])
    def test_mfa_is_a_floor(self, pool_of: PoolOf, mfa: str) -> None:
        """A lower target suppresses no MFA that is due."""
        pool = pool_of(mfa=mfa, user={"preferred_mfa": "SMS_MFA"})
        flow = step_up(pool, LOA[1])
        assert flow.answer(r.Password(PASSWORD)) is State.SMS_MFA
        flow.answer(code_of(pool, flow))

        assert said(pool, flow)["acr"] == LOA[3]

    def test_the_temporary_password_first(self, pool_of: PoolOf) -> None:
        """A temporary password is replaced before any second factor."""
        flow = step_up(pool_of(user={"temporary": True}), LOA[4])
        assert flow.answer(r.Password(PASSWORD)) is State.NEW_PASSWORD_REQUIRED

        assert flow.answer(r.NewPassword("Another-Horse-2")) is State.SOFTWARE_TOKEN_MFA

    def test_a_device_is_no_step(self, pool_of: PoolOf) -> None:
        """A remembered device stands for no second factor toward a level."""
        pool = pool_of(device=DeviceConfiguration(challenge_required_on_new_device=True))
        device = pool.cognito().sign_in("ada", PASSWORD).confirm_device()
        flow = pool.cognito(device=device).start(PASSWORD)
        flow.answer(r.StepUp("ada", [LOA[4]]))

        assert flow.answer(r.Password(PASSWORD)) is State.SOFTWARE_TOKEN_MFA

    def test_unknown_users(self, pool_of: PoolOf) -> None:
        """Whoever is not there is offered what leads to the level, and fails at the answer."""
        talk = Talk(pool_of())
        asked = talk.initiate("USER_AUTH", USERNAME="eve", TARGET_ACR_VALUES=LOA[4])
        assert asked["AvailableChallenges"] == ["PASSWORD_SRP", "PASSWORD"]
        with refused("NotAuthorizedException", "Incorrect username or password."):
            talk.answer(asked, "eve", ANSWER="PASSWORD", PASSWORD=PASSWORD)


class TestWithAnAccessToken:
    """TARGET_ACR_VALUES with ACCESS_TOKEN: only what is missing is asked for."""

    @pytest.mark.parametrize("target", [3, 4])
    def test_from_a_password(self, pool_of: PoolOf, target: int) -> None:
        """The second factor is asked for at once; new tokens have all methods, and a new auth_time."""
        clock = ManualClock()
        pool = pool_of(clock=clock, mfa_methods=["SMS_MFA", "SOFTWARE_TOKEN_MFA"])
        old = by_password(pool)
        clock.advance(600)
        flow = step_up(pool, LOA[target], token=old)
        assert flow.state is {3: State.SMS_MFA, 4: State.SOFTWARE_TOKEN_MFA}[target]
        assert flow.answer(code_of(pool, flow)) is State.AUTHENTICATED
        before, after = jwt.decode(old, pool._core.token_issuer.key).claims, said(pool, flow)

        assert (after["acr"], "pwd" in after["amr"], "mfa" in after["amr"]) == (
            LOA[target],
            True,
            True,
        )
        assert after["auth_time"] == before["auth_time"] + 600
        assert after["origin_jti"] != before["origin_jti"]
        assert flow.tokens is not None
        assert flow.tokens.refresh_token is not None

    def test_a_choice_of_the_second(self, pool_of: PoolOf) -> None:
        """Several second factors will do: SELECT_MFA_TYPE at once."""
        pool = pool_of()
        flow = step_up(pool, LOA[3], token=by_password(pool))

        assert flow.state is State.SELECT_MFA_TYPE
        assert flow.answer(r.Select("SMS_MFA")) is State.SMS_MFA

    def test_from_a_password_by_a_passkey(self, pool_of: PoolOf) -> None:
        """Level 3 by a passkey alone: asked for directly where nothing else leads there, or if preferred."""
        pool = pool_of(mfa="OFF")
        key = register(pool)
        flow = step_up(pool, LOA[3], token=by_password(pool))
        assert isinstance(flow.challenge, WebAuthn)
        signed = key.get(dict(flow.challenge.request_options))
        flow.answer(r.Credential(json.dumps(signed)))
        assert said(pool, flow)["amr"] == ["pwd", "swk", "mfa"]

        pool = pool_of()
        register(pool)
        wish = {"TARGET_ACR_VALUES": LOA[3], "ACCESS_TOKEN": by_password(pool)}
        asked = Talk(pool).initiate(
            "USER_AUTH", USERNAME="ada", PREFERRED_CHALLENGE="WEB_AUTHN", **wish
        )
        assert asked["ChallengeName"] == "WEB_AUTHN"

    def test_from_a_code(self, pool_of: PoolOf) -> None:
        """With a code done, the password makes level 3, and a TOTP after it level 4."""
        pool = pool_of()
        flow = step_up(pool, LOA[3], token=by_code(pool))
        assert offered(flow) == ["PASSWORD_SRP", "PASSWORD"]
        assert flow.answer(r.Password(PASSWORD)) is State.AUTHENTICATED
        assert said(pool, flow)["amr"] == ["pwd", "email_otp", "mfa"]

        flow = step_up(pool, LOA[4], token=by_code(pool, "SMS_OTP"))
        assert flow.answer(r.Password(PASSWORD)) is State.SOFTWARE_TOKEN_MFA
        flow.answer(code_of(pool, flow))
        assert said(pool, flow)["amr"] == ["pwd", "sms", "otp", "mfa"]

    def test_again_and_again(self, pool_of: PoolOf) -> None:
        """What one step-up reached is the next one's credit."""
        pool = pool_of(mfa_methods=["SMS_MFA", "SOFTWARE_TOKEN_MFA"])
        flow = step_up(pool, LOA[3], token=by_password(pool))
        flow.answer(code_of(pool, flow))
        assert flow.tokens is not None
        flow = step_up(pool, LOA[4], token=flow.tokens.access_token.reveal())
        assert flow.state is State.SOFTWARE_TOKEN_MFA
        flow.answer(code_of(pool, flow))

        assert said(pool, flow)["amr"] == ["pwd", "sms", "otp", "mfa"]

    def test_already_met(self, pool_of: PoolOf) -> None:
        """A token that meets or exceeds the level is an error: this is no refresh."""
        pool = pool_of(mfa="OFF")
        for target in ([1], [4, 1]):
            names = " ".join(LOA[number] for number in target)
            with refused(*MET):
                Talk(pool).initiate(
                    "USER_AUTH",
                    USERNAME="ada",
                    TARGET_ACR_VALUES=names,
                    ACCESS_TOKEN=by_password(pool),
                )
        with refused(*MET):
            Talk(pool).initiate(
                "USER_AUTH",
                USERNAME="ada",
                TARGET_ACR_VALUES=LOA[1],
                ACCESS_TOKEN=by_code(pool),
            )

    @pytest.mark.parametrize(("age", "credited"), [(600, True), (599, False), (0, False)])
    def test_max_age(self, pool_of: PoolOf, age: int, credited: bool) -> None:  # noqa: FBT001 - a test's case
        """A sign-in longer ago than MAX_AGE earns no credit: from scratch."""
        clock = ManualClock()
        pool = pool_of(clock=clock)
        old = by_password(pool)
        clock.advance(600)
        flow = step_up(pool, LOA[4], token=old, max_age=age)

        expected = State.SOFTWARE_TOKEN_MFA if credited else State.SELECT_CHALLENGE
        assert flow.state is expected

    def test_max_age_counts_from_the_sign_in(self, pool_of: PoolOf) -> None:
        """A refresh makes no sign-in younger; and an old enough one is asked anew for its own level."""
        clock = ManualClock()
        pool = pool_of(clock=clock)
        flow = pool.cognito().sign_in("ada", PASSWORD)
        clock.advance(3000)
        flow.answer(r.GetTokensFromRefreshToken())
        assert flow.tokens is not None
        again = step_up(pool, LOA[1], token=flow.tokens.access_token.reveal(), max_age=300)

        assert offered(again) == ["PASSWORD_SRP", "PASSWORD"]

    @pytest.mark.parametrize("age", ["x", "-1", "1.5", "", "9" * 5000, "١"])  # noqa: RUF001 - a digit elsewhere
    def test_max_age_is_a_number(self, pool_of: PoolOf, age: str) -> None:
        """Anything else is refused."""
        with refused("InvalidParameterException", "MAX_AGE is not a whole number of seconds."):
            Talk(pool_of()).initiate(
                "USER_AUTH", USERNAME="ada", TARGET_ACR_VALUES=LOA[1], MAX_AGE=age
            )

    def test_a_name_of_another_time(self, pool_of: PoolOf) -> None:
        """A level that was renamed since counts no more; its methods do."""
        pool = pool_of()
        token = by_password(pool)
        for family in pool._core.token_issuer:
            family.acr = "urn:former:1"
        flow = step_up(pool, LOA[4], token=token)

        assert flow.state is State.SOFTWARE_TOKEN_MFA

    def test_a_password_to_be_changed_is_no_credit(self, pool_of: PoolOf) -> None:
        """Once an administrator has given a temporary password, the token earns nothing."""
        pool = pool_of()
        token = by_password(pool)
        pool.client().admin_set_user_password(
            UserPoolId=pool.pool_id, Username="ada", Password="Another-Horse-2", Permanent=False
        )
        flow = step_up(pool, LOA[4], token=token)

        assert flow.state is State.SELECT_CHALLENGE

    @pytest.mark.parametrize("name", ["PASSWORD", "PASSWORD_SRP", "SMS_OTP", "NONSENSE"])
    def test_a_preference_that_leads_nowhere(self, pool_of: PoolOf, name: str) -> None:
        """A factor that is credited, or does not lead there, is not asked for, whatever is preferred."""
        wish = {"PREFERRED_CHALLENGE": name, "PASSWORD": PASSWORD, "TARGET_ACR_VALUES": LOA[3]}
        for settings, expected in (({}, "SELECT_MFA_TYPE"), ({"mfa": "OFF"}, "SELECT_CHALLENGE")):
            pool = pool_of(**settings)
            register(pool)
            talk, token = Talk(pool), by_password(pool)
            more = {"SRP_A": talk.mine.SRP_A, "ACCESS_TOKEN": token, **wish}
            asked = talk.initiate("USER_AUTH", USERNAME="ada", **more)
            assert asked["ChallengeName"] == expected

    def test_what_does_not_fit(self, pool_of: PoolOf) -> None:
        """A token without a target, of another user, expired, or none of ours."""
        clock = ManualClock()
        pool = pool_of(clock=clock)
        pool.add_user("bob", PASSWORD)
        talk, token = Talk(pool), by_password(pool)

        def begin(name: str, **more: str) -> None:
            talk.initiate("USER_AUTH", USERNAME=name, **more)

        with refused("InvalidParameterException", "ACCESS_TOKEN needs TARGET_ACR_VALUES."):
            begin("ada", ACCESS_TOKEN=token)
        for name in ("bob", "eve"):
            with refused("InvalidParameterException", "ACCESS_TOKEN was not issued for USERNAME."):
                begin(name, ACCESS_TOKEN=token, TARGET_ACR_VALUES=LOA[4])
        with refused("NotAuthorizedException", "Invalid Access Token"):
            begin("ada", ACCESS_TOKEN="x", TARGET_ACR_VALUES=LOA[4])
        clock.advance(3600)
        with refused("NotAuthorizedException", "Access Token has expired"):
            begin("ada", ACCESS_TOKEN=token, TARGET_ACR_VALUES=LOA[4])

    def test_the_tier(self, pool_of: PoolOf) -> None:
        """Step-up needs Essentials or Plus; whoever configures the pool is told so."""
        with pytest.raises(RefusedByConfiguration, match="FeatureUnavailableInTierException"):
            step_up(pool_of(tier="LITE"), LOA[1])


class TestAllOrNothing:
    """One failure ends a step-up."""

    def test_a_wrong_code(self, pool_of: PoolOf) -> None:
        """A wrong code ends it, though it would not end a sign-in; no tokens come of it."""
        pool = pool_of(mfa_methods=["SMS_MFA", "SOFTWARE_TOKEN_MFA"])
        talk, token = Talk(pool), by_password(pool)
        wish = {"USERNAME": "ada", "TARGET_ACR_VALUES": LOA[3]}
        asked = talk.initiate("USER_AUTH", ACCESS_TOKEN=token, **wish)
        code = pool.outbox.code_for("ada")
        with refused(*MISMATCH):
            talk.answer(asked, "ada", SMS_MFA_CODE="x")
        with refused(*USED):
            talk.answer(asked, "ada", SMS_MFA_CODE=code)

    def test_a_used_totp(self, pool_of: PoolOf) -> None:
        """So does a TOTP that was used before."""
        pool = pool_of()
        talk, totp = Talk(pool), pyotp.TOTP(TOTP).at(pool.clock())
        wish = {"USERNAME": "ada", "TARGET_ACR_VALUES": LOA[4], "ACCESS_TOKEN": by_password(pool)}
        asked = talk.initiate("USER_AUTH", **wish)
        talk.answer(asked, "ada", SOFTWARE_TOKEN_MFA_CODE=totp)
        asked = talk.initiate("USER_AUTH", **wish)
        with refused("ExpiredCodeException", "Your software token has already been used once."):
            talk.answer(asked, "ada", SOFTWARE_TOKEN_MFA_CODE=totp)
        with refused(*USED):
            talk.answer(asked, "ada", SOFTWARE_TOKEN_MFA_CODE=totp)

    def test_a_factor_that_is_gone(self, pool_of: PoolOf) -> None:
        """Whoever loses the factor on the way does not get there."""
        pool = pool_of()
        flow = step_up(pool, LOA[4])
        pool.user("ada").software_token = None
        with pytest.raises(RefusedCaller, match="no factors"):
            flow.answer(r.Password(PASSWORD))
