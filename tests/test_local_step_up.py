"""Step-up with TARGET_ACR_VALUES, and the `acr` and `amr` claims of tokens."""

# A test looks at one state again and again: mypy believes that it cannot have changed.
# mypy: disable-error-code="comparison-overlap"

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pyotp
import pytest
from api_client import MISMATCH, USED, ApiClient, refused
from authenticator import Authenticator
from botocore.exceptions import EndpointConnectionError
from joserfc import jwt
from joserfc.jwk import RSAKey

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
from authfsm.protocol.errors import ConnectionLost, InvalidOperation, RefusedByConfiguration, RefusedCaller
from authfsm.protocol.replies import WebAuthn
from authfsm.protocol.states import State

PASSWORD = "Correct-Horse-1"
PHONE = "+15555550143"
EMAIL = "ada@example.com"
TOTP = pyotp.random_base32()
LOA = [f"urn:cognito:loa:{number}" for number in range(5)]

LEVEL_ALREADY_MET = ("InvalidParameterException", "The access token already meets the requested level.")
NO_FACTORS_FOR_LEVEL = ("InvalidParameterException", "The user has no factors for the requested levels.")

PoolOf = Callable[..., LocalPool]


@pytest.fixture
def pool_of(signing_key: RSAKey) -> PoolOf:
    """Return a function that makes a pool with optional MFA; ada has every factor, none switched on."""

    def make(**settings: Any) -> LocalPool:
        user: dict[str, Any] = {"password": PASSWORD, "email": EMAIL, "phone_number": PHONE}
        user |= {"totp_secret": TOTP, "mfa": [], **settings.pop("user", {})}
        settings.setdefault("mfa", "OPTIONAL")
        settings.setdefault("clock", ManualClock())
        settings.setdefault("allowed_first_auth_factors", ["PASSWORD", "EMAIL_OTP", "SMS_OTP", "WEB_AUTHN"])
        settings.setdefault("webauthn", WebAuthnConfiguration("example.com"))
        pool = LocalPool(key=signing_key, **settings)
        pool.add_user("ada", **user)
        return pool

    return make


def claims_of(pool: LocalPool, flow: Flow, which: str = "access_token") -> dict[str, Any]:
    """Return the claims of a sign-in's token."""
    token = getattr(flow.tokens, which)
    claims: dict[str, Any] = jwt.decode(token.reveal(), pool._core.token_issuer.key.jwk).claims
    return claims


def password_token(pool: LocalPool) -> str:
    """Return an access token of a sign-in with the password alone."""
    flow = pool.cognito().sign_in("ada", PASSWORD)
    assert flow.tokens is not None
    return flow.tokens.access_token.reveal()


def code_token(pool: LocalPool, factor: str = "EMAIL_OTP") -> str:
    """Return an access token of a sign-in with a code alone."""
    flow = pool.cognito().sign_in("ada", flow="USER_AUTH", preferred_challenge=factor)
    flow.answer(r.Code(pool.outbox.code_for("ada")))
    assert flow.tokens is not None
    return flow.tokens.access_token.reveal()


def step_up(pool: LocalPool, *targets: str, token: str | None = None, **more: Any) -> Flow:
    """Begin a step-up with the driver."""
    flow = pool.cognito().start(PASSWORD)
    flow.answer(r.StepUp("ada", targets, token, **more))
    return flow


def _no_connection(**_: object) -> None:
    raise EndpointConnectionError(endpoint_url="https://nowhere.example")


def available_challenges(flow: Flow) -> list[str]:
    """Return AvailableChallenges."""
    assert flow.challenge is not None
    return list(flow.challenge.available)


def code_of(pool: LocalPool, flow: Flow) -> r.Code:
    """Return the right code for a challenge."""
    if flow.state is State.SOFTWARE_TOKEN_MFA:
        return r.Code(pyotp.TOTP(TOTP).at(pool.clock()))
    return r.Code(pool.outbox.code_for("ada"))


def register(pool: LocalPool) -> Authenticator:
    """Register a passkey of ada's."""
    key, client, token = Authenticator(), pool.client(), password_token(pool)
    options = client.start_web_authn_registration(AccessToken=token)
    new_credential = key.create(options["CredentialCreationOptions"])
    client.complete_web_authn_registration(AccessToken=token, Credential=new_credential)
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
    """The levels and `amr` are those of the guide's table of combinations."""
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
        """Both tokens have the level and methods of a password and the factors after it."""
        pool = pool_of(user={"preferred_mfa": factor})
        flow = pool.cognito().sign_in("ada", PASSWORD, flow=flow_name)
        if factor:
            flow.answer(code_of(pool, flow))

        for which in ("access_token", "id_token"):
            claims = claims_of(pool, flow, which)
            assert (claims["amr"], claims["acr"]) == (methods, LOA[reached])

    def test_own_names(self, pool_of: PoolOf) -> None:
        """AcrConfiguration renames levels; other levels keep their names."""
        pool = pool_of(acr_values={"Level1": {"AcrValue": "urn:mine:1"}})
        flow = pool.cognito().sign_in("ada", PASSWORD)

        assert claims_of(pool, flow)["acr"] == "urn:mine:1"
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
            {"Level1": "urn:mine:1"},
            {"Level1": "AcrValue"},
            {"Level1": {}},
            {"Level5": {}},
            ["a", "b", "c"],
            ["a", "b", "c", "d\n"],
            ["a", "b", "c", "\u00e9"],
        ],
    )
    def test_invalid_names(self, pool_of: PoolOf, names: Any) -> None:
        """Names are unique, 1 to 64 characters of AcrValueType, in a list or an AcrConfiguration; nothing else is ignored."""
        with pytest.raises(ValueError, match="acr_values"):
            pool_of(acr_values=names)

    def test_refreshing_keeps_the_claims(self, pool_of: PoolOf) -> None:
        """acr, amr and auth_time stay after a refresh, with and without rotation."""
        clock = ManualClock()
        for rotation in (None, RefreshTokenRotation()):
            pool = pool_of(clock=clock, refresh_token_rotation=rotation, user={"preferred_mfa": "SMS_MFA"})
            flow = pool.cognito().sign_in("ada", PASSWORD)
            flow.answer(code_of(pool, flow))
            before = claims_of(pool, flow)
            clock.advance(1800)
            flow.answer(r.GetTokensFromRefreshToken())
            after = claims_of(pool, flow)

            assert after["iat"] == before["iat"] + 1800
            assert [after[name] for name in ("acr", "amr", "auth_time")] == [
                before[name] for name in ("acr", "amr", "auth_time")
            ]

    def test_only_with_a_target(self, pool_of: PoolOf) -> None:
        """With a setting, only sign-ins with a target level have the claims."""
        pool = pool_of(contradictions=Contradictions(acr_only_with_target=True))
        assert not {"acr", "amr"} & claims_of(pool, pool.cognito().sign_in("ada", PASSWORD)).keys()
        flow = step_up(pool, LOA[1])
        flow.answer(r.Password(PASSWORD))

        assert claims_of(pool, flow)["amr"] == ["pwd"]

    def test_a_device_is_not_a_method(self, pool_of: PoolOf) -> None:
        """A remembered device that replaces MFA leaves the level of the password."""
        pool = pool_of(
            device=DeviceConfiguration(challenge_required_on_new_device=True), user={"preferred_mfa": "SMS_MFA"}
        )
        flow = pool.cognito().sign_in("ada", PASSWORD)
        flow.answer(code_of(pool, flow))
        device = flow.confirm_device()
        flow = pool.cognito(device=device).sign_in("ada", PASSWORD)

        assert (claims_of(pool, flow)["amr"], claims_of(pool, flow)["acr"]) == (["pwd"], LOA[1])


class TestWithoutAccessToken:
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
    def test_first_factors_of_the_level(self, pool_of: PoolOf, target: int, available: list[str]) -> None:
        """The choice has the first factors with which a combination of the level begins."""
        pool = pool_of()
        register(pool)
        flow = step_up(pool, LOA[target])

        assert (flow.state, available_challenges(flow)) == (State.SELECT_CHALLENGE, available)

    @pytest.mark.parametrize(
        ("target", "second_factor", "methods"),
        [(3, State.SMS_MFA, ["pwd", "sms", "mfa"]), (4, State.SOFTWARE_TOKEN_MFA, ["pwd", "otp", "mfa"])],
    )
    def test_a_second_factor_that_is_not_switched_on(
        self, pool_of: PoolOf, target: int, second_factor: State, methods: list[str]
    ) -> None:
        """A level can require a second factor that the user has not activated."""
        pool = pool_of(mfa_methods=["SMS_MFA", "SOFTWARE_TOKEN_MFA"])
        flow = step_up(pool, LOA[target])
        assert flow.answer(r.Password(PASSWORD)) is second_factor
        assert flow.answer(code_of(pool, flow)) is State.AUTHENTICATED

        assert (claims_of(pool, flow)["amr"], claims_of(pool, flow)["acr"]) == (methods, LOA[target])

    def test_several_second_factors(self, pool_of: PoolOf) -> None:
        """If SMS and e-mail both reach the level, the user chooses, or has a preference."""
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
        """A code reaches level 2."""
        pool = pool_of()
        flow = step_up(pool, LOA[2])
        flow.answer(r.Select(factor))
        assert flow.answer(code_of(pool, flow)) is State.AUTHENTICATED

        assert (claims_of(pool, flow)["amr"], claims_of(pool, flow)["acr"]) == ([method], LOA[2])

    def test_a_passkey(self, pool_of: PoolOf) -> None:
        """A passkey reaches level 3."""
        pool = pool_of()
        key = register(pool)
        flow = step_up(pool, LOA[3])
        flow.answer(r.Select("WEB_AUTHN"))
        assert isinstance(flow.challenge, WebAuthn)
        assertion = key.get(dict(flow.challenge.request_options))
        assert flow.answer(r.Credential(json.dumps(assertion))) is State.AUTHENTICATED

    def test_a_preference(self, pool_of: PoolOf) -> None:
        """PREFERRED_CHALLENGE is used; a password with it is checked at once."""
        api = ApiClient(pool_of())
        challenge_reply = api.initiate(
            "USER_AUTH", USERNAME="ada", TARGET_ACR_VALUES=LOA[2], PREFERRED_CHALLENGE="SMS_OTP"
        )
        assert challenge_reply["ChallengeName"] == "SMS_OTP"
        wish = {"PREFERRED_CHALLENGE": "PASSWORD", "PASSWORD": PASSWORD}
        for target, name in ((LOA[1], None), (LOA[4], "SOFTWARE_TOKEN_MFA")):
            reply = api.initiate("USER_AUTH", USERNAME="ada", TARGET_ACR_VALUES=target, **wish)
            assert reply.get("ChallengeName") == name

    def test_the_list_of_targets(self, pool_of: PoolOf) -> None:
        """The first reachable level is the target; unknown names are ignored, unless all are unknown."""
        pool = pool_of(mfa_methods=["SMS_MFA"])
        flow = step_up(pool, "urn:other", LOA[4], LOA[3], LOA[1])
        assert flow.answer(r.Password(PASSWORD)) is State.SMS_MFA
        with pytest.raises(RefusedCaller):
            step_up(pool, "urn:other")
        with refused("InvalidParameterException", "TARGET_ACR_VALUES has no level of this user pool."):
            ApiClient(pool).initiate("USER_AUTH", USERNAME="ada", TARGET_ACR_VALUES=" ")

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
        """If no factors reach a target, the request is refused."""
        pool = pool_of(**settings)
        with refused(*NO_FACTORS_FOR_LEVEL):
            ApiClient(pool).initiate("USER_AUTH", USERNAME="ada", TARGET_ACR_VALUES=LOA[target])

    def test_a_higher_level_is_enough(self, pool_of: PoolOf) -> None:
        """A user who cannot reach the level itself may reach a higher one (inferred)."""
        pool = pool_of(mfa_methods=["SOFTWARE_TOKEN_MFA"], allowed_first_auth_factors=["PASSWORD"])
        flow = step_up(pool, LOA[2])
        assert flow.answer(r.Password(PASSWORD)) is State.SOFTWARE_TOKEN_MFA
        flow.answer(code_of(pool, flow))

        assert claims_of(pool, flow)["acr"] == LOA[4]

    @pytest.mark.parametrize("mfa", ["ON", "OPTIONAL"])
    def test_a_target_does_not_replace_mfa(self, pool_of: PoolOf, mfa: str) -> None:
        """A lower target does not suppress required MFA."""
        pool = pool_of(mfa=mfa, allowed_first_auth_factors=["PASSWORD"], user={"preferred_mfa": "SMS_MFA"})
        flow = step_up(pool, LOA[1])
        assert flow.answer(r.Password(PASSWORD)) is State.SMS_MFA
        flow.answer(code_of(pool, flow))

        assert claims_of(pool, flow)["acr"] == LOA[3]

    def test_the_temporary_password_comes_first(self, pool_of: PoolOf) -> None:
        """A temporary password is replaced before any second factor."""
        flow = step_up(pool_of(user={"temporary": True}), LOA[4])
        assert flow.answer(r.Password(PASSWORD)) is State.NEW_PASSWORD_REQUIRED

        assert flow.answer(r.NewPassword("Another-Horse-2")) is State.SOFTWARE_TOKEN_MFA

    def test_a_device_does_not_count(self, pool_of: PoolOf) -> None:
        """A remembered device replaces no second factor towards a level."""
        pool = pool_of(device=DeviceConfiguration(challenge_required_on_new_device=True))
        device = pool.cognito().sign_in("ada", PASSWORD).confirm_device()
        flow = pool.cognito(device=device).start(PASSWORD)
        flow.answer(r.StepUp("ada", [LOA[4]]))

        assert flow.answer(r.Password(PASSWORD)) is State.SOFTWARE_TOKEN_MFA

    @pytest.mark.parametrize("reply_lost", [False, True])
    def test_a_step_up_is_not_restarted(self, pool_of: PoolOf, *, reply_lost: bool) -> None:
        """`restart` refuses a step-up, as an ordinary sign-in would not reach its level; nothing is changed."""
        flow = pool_of().cognito().start(PASSWORD)
        if reply_lost:
            flow.cognito.client.meta.events.register("before-call.cognito-idp", _no_connection)
            with pytest.raises(ConnectionLost):
                flow.answer(r.StepUp("ada", [LOA[4]]))
        else:
            flow.answer(r.StepUp("ada", [LOA[4]]))
        state = flow.state

        with pytest.raises(InvalidOperation, match="a step-up cannot be restarted: send a new StepUp"):
            flow.restart(PASSWORD)
        assert flow.state is state

    def test_unknown_users(self, pool_of: PoolOf) -> None:
        """An unknown user is offered the level's factors, and each answer fails."""
        api = ApiClient(pool_of())
        challenge_reply = api.initiate("USER_AUTH", USERNAME="eve", TARGET_ACR_VALUES=LOA[4])
        assert challenge_reply["AvailableChallenges"] == ["PASSWORD_SRP", "PASSWORD"]
        with refused("NotAuthorizedException", "Incorrect username or password."):
            api.answer(challenge_reply, "eve", ANSWER="PASSWORD", PASSWORD=PASSWORD)


class TestWithAccessToken:
    """TARGET_ACR_VALUES with ACCESS_TOKEN: only missing factors are required."""

    @pytest.mark.parametrize("target", [3, 4])
    def test_from_a_password(self, pool_of: PoolOf, target: int) -> None:
        """The second factor is asked for at once; new tokens have all methods, and a new auth_time."""
        clock = ManualClock()
        pool = pool_of(clock=clock, mfa_methods=["SMS_MFA", "SOFTWARE_TOKEN_MFA"])
        old = password_token(pool)
        clock.advance(600)
        flow = step_up(pool, LOA[target], token=old)
        assert flow.state is {3: State.SMS_MFA, 4: State.SOFTWARE_TOKEN_MFA}[target]
        assert flow.answer(code_of(pool, flow)) is State.AUTHENTICATED
        before, after = jwt.decode(old, pool._core.token_issuer.key.jwk).claims, claims_of(pool, flow)

        assert (after["acr"], "pwd" in after["amr"], "mfa" in after["amr"]) == (LOA[target], True, True)
        assert after["auth_time"] == before["auth_time"] + 600
        assert after["origin_jti"] != before["origin_jti"]
        assert flow.tokens is not None
        assert flow.tokens.refresh_token is not None

    def test_a_choice_of_second_factors(self, pool_of: PoolOf) -> None:
        """With several second factors SELECT_MFA_TYPE follows at once."""
        pool = pool_of()
        flow = step_up(pool, LOA[3], token=password_token(pool))

        assert flow.state is State.SELECT_MFA_TYPE
        assert flow.answer(r.Select("SMS_MFA")) is State.SMS_MFA

    def test_from_a_password_by_a_passkey(self, pool_of: PoolOf) -> None:
        """A passkey alone reaches level 3.

        It is required at once if no other factor does, or if preferred.
        """
        pool = pool_of(mfa="OFF")
        key = register(pool)
        flow = step_up(pool, LOA[3], token=password_token(pool))
        assert isinstance(flow.challenge, WebAuthn)
        assertion = key.get(dict(flow.challenge.request_options))
        flow.answer(r.Credential(json.dumps(assertion)))
        assert claims_of(pool, flow)["amr"] == ["pwd", "swk", "mfa"]

        pool = pool_of()
        register(pool)
        wish = {"TARGET_ACR_VALUES": LOA[3], "ACCESS_TOKEN": password_token(pool)}
        challenge_reply = ApiClient(pool).initiate("USER_AUTH", USERNAME="ada", PREFERRED_CHALLENGE="WEB_AUTHN", **wish)
        assert challenge_reply["ChallengeName"] == "WEB_AUTHN"

    def test_from_a_code(self, pool_of: PoolOf) -> None:
        """After a code, the password reaches level 3, and a TOTP after it level 4."""
        pool = pool_of()
        flow = step_up(pool, LOA[3], token=code_token(pool))
        assert available_challenges(flow) == ["PASSWORD_SRP", "PASSWORD"]
        assert flow.answer(r.Password(PASSWORD)) is State.AUTHENTICATED
        assert claims_of(pool, flow)["amr"] == ["pwd", "email_otp", "mfa"]

        flow = step_up(pool, LOA[4], token=code_token(pool, "SMS_OTP"))
        assert flow.answer(r.Password(PASSWORD)) is State.SOFTWARE_TOKEN_MFA
        flow.answer(code_of(pool, flow))
        assert claims_of(pool, flow)["amr"] == ["pwd", "sms", "otp", "mfa"]

    def test_several_step_ups(self, pool_of: PoolOf) -> None:
        """The methods of one step-up count in the next."""
        pool = pool_of(mfa_methods=["SMS_MFA", "SOFTWARE_TOKEN_MFA"])
        flow = step_up(pool, LOA[3], token=password_token(pool))
        flow.answer(code_of(pool, flow))
        assert flow.tokens is not None
        flow = step_up(pool, LOA[4], token=flow.tokens.access_token.reveal())
        assert flow.state is State.SOFTWARE_TOKEN_MFA
        flow.answer(code_of(pool, flow))

        assert claims_of(pool, flow)["amr"] == ["pwd", "sms", "otp", "mfa"]

    def test_a_level_already_met(self, pool_of: PoolOf) -> None:
        """A token that meets or exceeds the level is an error."""
        pool = pool_of(mfa="OFF")
        for target in ([1], [4, 1]):
            names = " ".join(LOA[number] for number in target)
            with refused(*LEVEL_ALREADY_MET):
                ApiClient(pool).initiate(
                    "USER_AUTH", USERNAME="ada", TARGET_ACR_VALUES=names, ACCESS_TOKEN=password_token(pool)
                )
        with refused(*LEVEL_ALREADY_MET):
            ApiClient(pool).initiate(
                "USER_AUTH", USERNAME="ada", TARGET_ACR_VALUES=LOA[1], ACCESS_TOKEN=code_token(pool)
            )

    @pytest.mark.parametrize(("age", "credited"), [(600, True), (599, False), (0, False)])
    def test_max_age(self, pool_of: PoolOf, age: int, credited: bool) -> None:  # noqa: FBT001 - a test's case
        """The methods of a sign-in longer ago than MAX_AGE do not count."""
        clock = ManualClock()
        pool = pool_of(clock=clock)
        old = password_token(pool)
        clock.advance(600)
        flow = step_up(pool, LOA[4], token=old, max_age=age)

        expected = State.SOFTWARE_TOKEN_MFA if credited else State.SELECT_CHALLENGE
        assert flow.state is expected

    def test_max_age_counts_from_the_sign_in(self, pool_of: PoolOf) -> None:
        """A refresh does not change the age; a sign-in that is too old is repeated for its own level."""
        clock = ManualClock()
        pool = pool_of(clock=clock)
        flow = pool.cognito().sign_in("ada", PASSWORD)
        clock.advance(3000)
        flow.answer(r.GetTokensFromRefreshToken())
        assert flow.tokens is not None
        again = step_up(pool, LOA[1], token=flow.tokens.access_token.reveal(), max_age=300)

        assert available_challenges(again) == ["PASSWORD_SRP", "PASSWORD"]

    @pytest.mark.parametrize("age", ["x", "-1", "1.5", "", "9" * 5000, "١"])  # noqa: RUF001 - a digit elsewhere
    def test_max_age_is_a_number(self, pool_of: PoolOf, age: str) -> None:
        """MAX_AGE must be a number."""
        with refused("InvalidParameterException", "MAX_AGE is not a whole number of seconds."):
            ApiClient(pool_of()).initiate("USER_AUTH", USERNAME="ada", TARGET_ACR_VALUES=LOA[1], MAX_AGE=age)

    def test_a_renamed_level(self, pool_of: PoolOf) -> None:
        """The name of a level that was renamed does not count; the token's methods do."""
        pool = pool_of()
        token = password_token(pool)
        for family in pool._core.token_issuer._families.values():
            family.acr = "urn:former:1"
        flow = step_up(pool, LOA[4], token=token)

        assert flow.state is State.SOFTWARE_TOKEN_MFA

    def test_a_temporary_password_does_not_count(self, pool_of: PoolOf) -> None:
        """After an administrator has set a temporary password, the token's methods do not count."""
        pool = pool_of()
        token = password_token(pool)
        pool.client().admin_set_user_password(
            UserPoolId=pool.pool_id, Username="ada", Password="Another-Horse-2", Permanent=False
        )
        flow = step_up(pool, LOA[4], token=token)

        assert flow.state is State.SELECT_CHALLENGE

    @pytest.mark.parametrize("name", ["PASSWORD", "PASSWORD_SRP", "SMS_OTP", "NONSENSE"])
    def test_a_preference_that_leads_nowhere(self, pool_of: PoolOf, name: str) -> None:
        """A preferred factor that does not help to reach the level is not required."""
        wish = {"PREFERRED_CHALLENGE": name, "PASSWORD": PASSWORD, "TARGET_ACR_VALUES": LOA[3]}
        for settings, expected in (({}, "SELECT_MFA_TYPE"), ({"mfa": "OFF"}, "SELECT_CHALLENGE")):
            pool = pool_of(**settings)
            register(pool)
            api, token = ApiClient(pool), password_token(pool)
            more = {"SRP_A": api.ephemeral.SRP_A, "ACCESS_TOKEN": token, **wish}
            challenge_reply = api.initiate("USER_AUTH", USERNAME="ada", **more)
            assert challenge_reply["ChallengeName"] == expected

    def test_invalid_parameters(self, pool_of: PoolOf) -> None:
        """A token without target, of another user, expired or of another pool is refused."""
        clock = ManualClock()
        pool = pool_of(clock=clock)
        pool.add_user("bob", PASSWORD)
        api, token = ApiClient(pool), password_token(pool)

        def begin(name: str, **more: str) -> None:
            api.initiate("USER_AUTH", USERNAME=name, **more)

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
        """Step-up needs ESSENTIALS or PLUS; the error says so."""
        with pytest.raises(RefusedByConfiguration, match="FeatureUnavailableInTierException"):
            step_up(pool_of(tier="LITE", accept="contradictory-settings"), LOA[1])


class TestFailures:
    """One failure ends a step-up."""

    def test_a_wrong_code(self, pool_of: PoolOf) -> None:
        """A wrong code ends a step-up, though it does not end a sign-in."""
        pool = pool_of(mfa_methods=["SMS_MFA", "SOFTWARE_TOKEN_MFA"])
        api, token = ApiClient(pool), password_token(pool)
        wish = {"USERNAME": "ada", "TARGET_ACR_VALUES": LOA[3]}
        challenge_reply = api.initiate("USER_AUTH", ACCESS_TOKEN=token, **wish)
        code = pool.outbox.code_for("ada")
        with refused(*MISMATCH):
            api.answer(challenge_reply, "ada", SMS_MFA_CODE="x")
        with refused(*USED):
            api.answer(challenge_reply, "ada", SMS_MFA_CODE=code)

    def test_a_used_totp(self, pool_of: PoolOf) -> None:
        """A TOTP code that was used before ends a step-up."""
        pool = pool_of()
        api, totp = ApiClient(pool), pyotp.TOTP(TOTP).at(pool.clock())
        wish = {"USERNAME": "ada", "TARGET_ACR_VALUES": LOA[4], "ACCESS_TOKEN": password_token(pool)}
        challenge_reply = api.initiate("USER_AUTH", **wish)
        api.answer(challenge_reply, "ada", SOFTWARE_TOKEN_MFA_CODE=totp)
        challenge_reply = api.initiate("USER_AUTH", **wish)
        with refused("ExpiredCodeException", "Your software token has already been used once."):
            api.answer(challenge_reply, "ada", SOFTWARE_TOKEN_MFA_CODE=totp)
        with refused(*USED):
            api.answer(challenge_reply, "ada", SOFTWARE_TOKEN_MFA_CODE=totp)

    def test_a_factor_that_was_removed(self, pool_of: PoolOf) -> None:
        """A user who loses the factor during the step-up does not reach the level."""
        pool = pool_of()
        flow = step_up(pool, LOA[4])
        pool.user("ada").software_token = None
        with pytest.raises(RefusedCaller, match="no factors"):
            flow.answer(r.Password(PASSWORD))
