"""The settings of a pool: they remove only what is impossible for every user, each transition with its reason."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from authfsm import PoolSettings
from authfsm.protocol.errors import BadField
from authfsm.protocol.nodes import TRANSITIONS_IN_ROLES, edge_roles
from authfsm.protocol.responses import (
    AdminUserPasswordAuth,
    Answer,
    AssociateSoftwareToken,
    Code,
    ConfirmDevice,
    CustomAuth,
    Password,
    RawAnswer,
    RefreshTokenAuth,
    RevokeToken,
    Select,
    SignedUp,
    SrpClaim,
    StepUp,
    UserAuth,
    UserAuthWithPassword,
    UserPasswordAuth,
    UserSrpAuth,
)
from authfsm.protocol.states import State
from authfsm.protocol.table import (
    ANY_CHALLENGE,
    CUSTOM,
    TRANSITIONS,
    Role,
    Transition,
    destinations,
    transition_between,
)
from authfsm.settings import difference
from authfsm.settings.reach import reachability

S = State
ALL_FLOWS = [
    "ALLOW_USER_SRP_AUTH",
    "ALLOW_USER_PASSWORD_AUTH",
    "ALLOW_ADMIN_USER_PASSWORD_AUTH",
    "ALLOW_CUSTOM_AUTH",
    "ALLOW_USER_AUTH",
    "ALLOW_REFRESH_TOKEN_AUTH",
]
ALL_FACTORS = ["PASSWORD", "EMAIL_OTP", "SMS_OTP", "WEB_AUTHN"]
MULTI = "MULTI_FACTOR_WITH_USER_VERIFICATION"
TRIGGERS = dict.fromkeys(["DefineAuthChallenge", "CreateAuthChallenge", "VerifyAuthChallengeResponse"], "arn")
EVERY_MFA = {
    "SmsMfaConfiguration": {"SmsConfiguration": {"SnsCallerArn": "arn"}},
    "SoftwareTokenMfaConfiguration": {"Enabled": True},
    "EmailMfaConfiguration": {},
    "WebAuthnConfiguration": {"FactorConfiguration": MULTI},
}


def settings(
    mfa: str = "OPTIONAL",
    *,
    pool: dict[str, Any] | None = None,
    flows: list[str] | None = None,
    methods: dict[str, Any] | None = None,
    factors: list[str] | None = None,
) -> PoolSettings:
    """Return the settings of a pool that allows everything, except for the arguments."""
    policy = {"AllowedFirstAuthFactors": ALL_FACTORS if factors is None else factors}
    full_settings = {
        "MfaConfiguration": mfa,
        "Policies": {"SignInPolicy": policy},
        "DeviceConfiguration": {"ChallengeRequiredOnNewDevice": True},
        "LambdaConfig": TRIGGERS,
        "UserPoolTier": "PLUS",
        "EmailConfiguration": {"EmailSendingAccount": "DEVELOPER"},
    }
    client = {"ExplicitAuthFlows": ALL_FLOWS if flows is None else flows}
    mfa_members = EVERY_MFA if methods is None else methods
    return PoolSettings.from_descriptions(
        {"UserPool": {**full_settings, **(pool or {})}},
        {"UserPoolClient": client},
        {"MfaConfiguration": mfa, **mfa_members},
    )


PLAIN: dict[str, Any] = {"LambdaConfig": {}}
WHOLE = settings()


def test_unknown_settings_rule_nothing_out() -> None:
    """Without any known setting every transition is possible."""
    assert PoolSettings().possible() == frozenset(TRANSITIONS)
    assert WHOLE.possible() == frozenset(TRANSITIONS)


SMS = Transition(S.PASSWORD_VERIFIER, SrpClaim, S.SMS_MFA)


# fmt: off
REASONS: list[tuple[PoolSettings, Transition, Role | None, str]] = [
    (settings("OFF", pool=PLAIN), SMS, None, "MfaConfiguration is OFF"),
    (settings("OFF", pool=PLAIN), Transition(S.SELECT_MFA_TYPE, Select, S.SMS_MFA), None, "MfaConfiguration is OFF"),
    (settings(flows=["ALLOW_USER_AUTH"]), Transition(S.START, UserSrpAuth, S.PASSWORD_VERIFIER), None,
     "ALLOW_USER_SRP_AUTH is not in ExplicitAuthFlows"),
    (settings(pool={"DeviceConfiguration": None, **PLAIN}), Transition(S.SMS_MFA, Code, S.DEVICE_SRP_AUTH), None,
     "DeviceConfiguration is not set"),
    (settings(pool={"DeviceConfiguration": None}), transition_between(S.AUTHENTICATED, ConfirmDevice, S.AUTHENTICATED), None,
     "DeviceConfiguration is not set"),
    (settings(pool=PLAIN), Transition(S.START, CustomAuth, S.CUSTOM_CHALLENGE), None,
     "LambdaConfig has no DefineAuthChallenge"),
    (settings(pool=PLAIN), Transition(S.CUSTOM_CHALLENGE, Answer, S.AUTHENTICATED), None,
     "LambdaConfig has no DefineAuthChallenge"),
    (settings(pool={"UserPoolTier": "LITE"}), Transition(S.START, UserAuth, S.SMS_OTP), None, "UserPoolTier is LITE"),
    (settings(pool={"UserPoolTier": "LITE"}), Transition(S.START, StepUp, S.SMS_MFA), None, "UserPoolTier is LITE"),
    (settings(factors=["PASSWORD"]), Transition(S.START, UserAuth, S.EMAIL_OTP), None,
     "AllowedFirstAuthFactors has no EMAIL_OTP"),
    (settings(factors=["PASSWORD"]), Transition(S.START, SignedUp, S.AUTHENTICATED), None,
     "AllowedFirstAuthFactors has no SMS_OTP"),
    (settings("ON"), Transition(S.START, UserAuth, S.EMAIL_OTP), Role.FIRST_FACTOR, "MfaConfiguration is ON"),
    (settings("ON", methods={"SoftwareTokenMfaConfiguration": {"Enabled": True}}), Transition(S.START, UserAuth, S.WEB_AUTHN), None,
     f"MfaConfiguration is ON and FactorConfiguration is not {MULTI}"),
    (settings(methods={}, pool=PLAIN), SMS, None, "SmsMfaConfiguration is not set"),
    (settings(methods={}, pool=PLAIN), Transition(S.PASSWORD_VERIFIER, SrpClaim, S.MFA_SETUP), None, "no second factor is enabled"),
    (settings(methods={"EmailMfaConfiguration": {}}, pool=PLAIN), Transition(S.PASSWORD_VERIFIER, SrpClaim, S.SELECT_MFA_TYPE), None,
     "EMAIL_OTP is the only second factor enabled"),
    (settings(methods={"EmailMfaConfiguration": {}}), transition_between(S.MFA_SETUP, AssociateSoftwareToken, S.MFA_SETUP), None,
     "SoftwareTokenMfaConfiguration is not enabled"),
    (settings(pool={"EmailConfiguration": {"EmailSendingAccount": "COGNITO_DEFAULT"}, **PLAIN}),
     Transition(S.PASSWORD_VERIFIER, SrpClaim, S.EMAIL_OTP), None, "EmailSendingAccount is COGNITO_DEFAULT"),
    (settings(flows=["ALLOW_USER_PASSWORD_AUTH"], pool=PLAIN), Transition(S.START, RefreshTokenAuth, S.AUTHENTICATED), None,
     "ALLOW_REFRESH_TOKEN_AUTH is not in ExplicitAuthFlows"),
]
# fmt: on


@pytest.mark.parametrize(("pool_settings", "transition", "role", "reason"), REASONS)
def test_a_reason_names_a_field(
    pool_settings: PoolSettings, transition: Transition, role: Role | None, reason: str
) -> None:
    """A forbidden transition has a reason: a field of AWS's descriptions, and its value."""
    assert pool_settings.ruled_out(transition, role) == reason


@pytest.mark.parametrize("pool", [{}, PLAIN])
@pytest.mark.parametrize("source", [transition for transition in TRANSITIONS if transition.dest is S.DEVICE_SRP_AUTH])
def test_no_mfa_keeps_devices(source: Transition, pool: dict[str, Any]) -> None:
    """MfaConfiguration OFF keeps the device's challenges, except after a second factor."""
    pool_settings = settings("OFF", pool=pool)
    cut = pool_settings.unreachable(source.source)

    assert pool_settings.ruled_out(source) in {None, cut, "LambdaConfig has no DefineAuthChallenge"}
    assert pool_settings.unreachable(S.DEVICE_PASSWORD_VERIFIER) is None


def test_optional_keeps_everything() -> None:
    """The pool cannot tell whether a user has a second factor: OPTIONAL removes nothing."""
    assert settings("OPTIONAL").possible() == frozenset(TRANSITIONS)


def test_required_keeps_tokens_after_the_password() -> None:
    """AWS's pages disagree about the first sign-in after sign-up, so tokens are possible under ON too."""
    pool_settings = settings("ON")

    assert pool_settings.ruled_out(Transition(S.PASSWORD_VERIFIER, SrpClaim, S.AUTHENTICATED)) is None
    assert pool_settings.ruled_out(Transition(S.START, UserPasswordAuth, S.AUTHENTICATED)) is None


def test_a_passkey_may_be_both_factors() -> None:
    """WEB_AUTHN is possible under ON if user verification counts as the second factor."""
    assert settings("ON").unreachable(S.WEB_AUTHN) is None
    assert settings("OPTIONAL", methods={}).unreachable(S.WEB_AUTHN) is None


def test_an_emailed_code_has_two_roles() -> None:
    """Under ON an e-mailed code is only a second factor, under OFF only a first factor."""
    required, off = settings("ON", pool=PLAIN), settings("OFF", pool=PLAIN)
    first, second = Role.FIRST_FACTOR, Role.SECOND_FACTOR
    transition = Transition(S.EMAIL_OTP, Code, S.AUTHENTICATED)

    assert required.ruled_out(transition, first) == "MfaConfiguration is ON"
    assert required.ruled_out(transition, second) is None
    assert off.ruled_out(transition, first) is None
    assert off.ruled_out(transition, second) == "MfaConfiguration is OFF"
    assert required.ruled_out(transition) is off.ruled_out(transition) is None
    assert off.unreachable("EMAIL_OTP", second) == off.unreachable(S.EMAIL_OTP, second)  # type: ignore[arg-type]
    for wrong in (("NONSENSE", None), (S.EMAIL_OTP, "nonsense")):
        with pytest.raises(ValueError, match="not a valid"):
            off.unreachable(*wrong)
    assert (required.unreachable(S.EMAIL_OTP, first), off.unreachable(S.EMAIL_OTP, second)) == (
        "MfaConfiguration is ON",
        "MfaConfiguration is OFF",
    )


def test_a_transition_in_another_role_is_unknown() -> None:
    """A transition that the table does not have raises KeyError."""
    with pytest.raises(KeyError):
        WHOLE.ruled_out(transition_between(S.EMAIL_OTP, Password, S.EMAIL_OTP), Role.FIRST_FACTOR)
    with pytest.raises(KeyError):
        WHOLE.ruled_out(Transition(S.SMS_MFA, Code, S.PASSWORD))


def test_a_lambda_function_may_name_any_challenge() -> None:
    """With DefineAuthChallenge and ALLOW_CUSTOM_AUTH every challenge is possible, with or without MFA."""
    pool_settings = settings("OFF")
    echoed = [transition_between(S.CUSTOM_CHALLENGE, Answer, dest) for dest in ANY_CHALLENGE]

    assert [pool_settings.ruled_out(transition) for transition in echoed] == [None] * len(ANY_CHALLENGE)
    assert pool_settings.lambda_only(Transition(S.CUSTOM_CHALLENGE, Answer, S.SMS_MFA))
    assert not pool_settings.lambda_only(transition_between(S.CUSTOM_CHALLENGE, Answer, S.CUSTOM_CHALLENGE))
    assert pool_settings.ruled_out(Transition(S.START, UserPasswordAuth, S.SMS_MFA)) == "MfaConfiguration is OFF"


def test_no_custom_challenge_without_a_lambda_function() -> None:
    """Without DefineAuthChallenge nothing leads to CUSTOM_CHALLENGE, not even a refresh."""
    pool_settings = settings(pool=PLAIN)

    assert [a for a in pool_settings.possible() if a.dest in CUSTOM] == []
    assert pool_settings.unreachable(S.CUSTOM_CHALLENGE) == "LambdaConfig has no DefineAuthChallenge"


def test_an_unreachable_state_has_the_blocking_reasons() -> None:
    """The reasons of an unreachable state are those that block every path to it."""
    pool_settings = settings(flows=["ALLOW_USER_PASSWORD_AUTH", "ALLOW_USER_AUTH"], factors=["PASSWORD"], pool=PLAIN)
    without = settings(flows=["ALLOW_USER_PASSWORD_AUTH"], pool=PLAIN)

    assert pool_settings.unreachable(S.PASSWORD_VERIFIER) is None
    assert without.unreachable(S.PASSWORD_VERIFIER) == (
        "ALLOW_USER_SRP_AUTH is not in ExplicitAuthFlows; ALLOW_USER_AUTH is not in ExplicitAuthFlows"
    )
    assert without.ruled_out(SMS) == without.unreachable(S.PASSWORD_VERIFIER)
    assert without.unreachable(S.SELECT_CHALLENGE) == "ALLOW_USER_AUTH is not in ExplicitAuthFlows"


def test_the_default_of_explicit_auth_flows() -> None:
    """An app client without ExplicitAuthFlows may refresh, and sign in with SRP and CUSTOM_AUTH."""
    pool_settings = PoolSettings.from_descriptions({"LambdaConfig": TRIGGERS}, {"ClientId": "x"}, None)
    flows = {
        transition.response
        for transition in pool_settings.possible()
        if transition.source is S.START and transition.dest is not S.FAILED
    }

    assert {each.auth_flow for each in flows} == {
        None, "USER_SRP_AUTH", "CUSTOM_AUTH", "REFRESH_TOKEN_AUTH", "REFRESH_TOKEN",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("older", "remaining", "removed"),
    [
        ("USER_PASSWORD_AUTH", {"USER_SRP_AUTH", "USER_PASSWORD_AUTH"}, {"ADMIN_NO_SRP_AUTH", "USER_AUTH"}),
        ("ADMIN_NO_SRP_AUTH", {"USER_SRP_AUTH", "ADMIN_USER_PASSWORD_AUTH"}, {"USER_PASSWORD_AUTH"}),
        ("CUSTOM_AUTH_FLOW_ONLY", {"CUSTOM_AUTH", "REFRESH_TOKEN_AUTH"}, {"USER_SRP_AUTH"}),
    ],
)
def test_legacy_values_add_to_the_default(older: str, remaining: set[str], removed: set[str]) -> None:
    """The values without ALLOW_ add to SRP, CUSTOM_AUTH and refreshing; CUSTOM_AUTH_FLOW_ONLY removes SRP."""
    pool_settings = settings(flows=[older])
    flows = {a.response.auth_flow for a in pool_settings.possible() if a.source is S.START and a.dest is not S.FAILED}

    assert remaining <= flows
    assert not removed & flows


def test_rotation_leaves_one_way_to_refresh() -> None:
    """With rotation ENABLED only GetTokensFromRefreshToken refreshes."""
    pool_settings = PoolSettings.from_descriptions({}, {"RefreshTokenRotation": {"Feature": "ENABLED"}})

    assert (
        pool_settings.ruled_out(transition_between(S.AUTHENTICATED, RefreshTokenAuth, S.AUTHENTICATED))
        == "RefreshTokenRotation is ENABLED"
    )


def test_tokens_that_cannot_be_revoked() -> None:
    """EnableTokenRevocation false removes RevokeToken."""
    pool_settings = PoolSettings.from_descriptions({}, {"EnableTokenRevocation": False})

    assert (
        pool_settings.ruled_out(Transition(S.AUTHENTICATED, RevokeToken, S.START)) == "EnableTokenRevocation is false"
    )


def test_an_unavailable_preference_leads_to_a_choice() -> None:
    """If PASSWORD is no first factor, preferring it leads to SELECT_CHALLENGE, without an error."""
    pool_settings = settings(factors=["EMAIL_OTP"])

    assert pool_settings.ruled_out(Transition(S.START, UserAuthWithPassword, S.SELECT_CHALLENGE)) is None
    assert (
        pool_settings.ruled_out(Transition(S.START, UserAuthWithPassword, S.AUTHENTICATED))
        == "AllowedFirstAuthFactors has no PASSWORD"
    )


class Client:
    """A boto3 client with fixed replies."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str]]] = []

    def describe_user_pool(self, **members: str) -> dict[str, Any]:
        """Return the pool."""
        self.requests.append(("pool", members))
        return {"UserPool": {"MfaConfiguration": "ON", "LambdaConfig": {}}}

    def describe_user_pool_client(self, **members: str) -> dict[str, Any]:
        """Return its app client."""
        self.requests.append(("client", members))
        return {"UserPoolClient": {"ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH"]}}

    def get_user_pool_mfa_config(self, **members: str) -> dict[str, Any]:
        """Return its second factors."""
        self.requests.append(("mfa", members))
        return {"MfaConfiguration": "ON", "SoftwareTokenMfaConfiguration": {"Enabled": True}}


def test_three_requests_describe_a_pool() -> None:
    """Three requests of a client describe a pool, or two without an app client."""
    client = Client()
    pool_settings = PoolSettings.describe(client, "eu-west-1_A", "app")

    assert client.requests == [
        ("pool", {"UserPoolId": "eu-west-1_A"}),
        ("client", {"UserPoolId": "eu-west-1_A", "ClientId": "app"}),
        ("mfa", {"UserPoolId": "eu-west-1_A"}),
    ]
    assert pool_settings == PoolSettings.from_descriptions(
        {"MfaConfiguration": "ON"},
        {"ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH"]},
        {"SoftwareTokenMfaConfiguration": {"Enabled": True}},
    )
    assert PoolSettings.describe(Client(), "eu-west-1_A").explicit_auth_flows is None


def test_a_value_is_accepted_only_if_a_description_has_it() -> None:
    """Settings of a description with unknown values keep them, and refuse other values, also parts of those words."""
    settings = PoolSettings.from_descriptions(
        {
            "UserPool": {"UserPoolTier": "GOLD", "LambdaConfig": {"PostRefresh": "arn"}},
            "UserPoolClient": {"ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH", "ALLOW_NEW_AUTH"]},
        }
    )
    assert settings.user_pool_tier == "GOLD"
    assert attrs.evolve(settings, mfa_configuration="ON").lambda_config == frozenset({"PostRefresh"})
    rows: list[tuple[str, Any]] = [
        ("user_pool_tier", "OLD"),
        ("user_pool_tier", "ALLOW_NEW_AUTH"),
        ("lambda_config", ["Post"]),
        ("explicit_auth_flows", ["NEW"]),
    ]
    for name, wrong in rows:
        with pytest.raises(BadField, match=f"{name} cannot have "):
            attrs.evolve(settings, **{name: wrong})


def test_an_impossible_value_is_an_error() -> None:
    """The error for an impossible value, also a single string instead of a collection of names, names the field."""
    with pytest.raises(BadField, match=r"mfa_configuration cannot have .*; it can have OFF, ON, OPTIONAL"):
        PoolSettings.from_descriptions({"MfaConfiguration": "MAYBE"})
    for name in ("explicit_auth_flows", "allowed_first_auth_factors", "lambda_config"):
        for value in ("PASSWORD", 1, [1], [[1]]):
            wrong: Any = {name: value}
            with pytest.raises(BadField, match=f"{name} must be a collection of names"):
                PoolSettings(**wrong)
    for name in ("explicit_auth_flows", "allowed_first_auth_factors", "lambda_config"):
        with pytest.raises(BadField, match=f"{name} cannot have NOPE; it can have "):
            PoolSettings(**{name: ["NOPE"]})  # type: ignore[arg-type]  # that is tested
    for name in (
        "user_pool_tier",
        "advanced_security_mode",
        "email_sending_account",
        "refresh_token_rotation",
        "web_authn_factor",
    ):
        for value in ("NOPE", True):
            with pytest.raises(BadField, match=f"{name} cannot have {value}; it can have "):
                PoolSettings(**{name: value})  # type: ignore[arg-type]  # that is tested
    future = {"UserPoolTier": "GOLD", "LambdaConfig": {"Tomorrow": "arn"}}
    assert PoolSettings.from_descriptions(future).lambda_config == frozenset({"Tomorrow"})
    with pytest.raises(BadField, match="sms_mfa must be True or False"):
        PoolSettings(sms_mfa="no")  # type: ignore[arg-type]  # that is tested


OPTIONS = st.builds(
    settings,
    st.sampled_from(["OFF", "OPTIONAL", "ON"]),
    pool=st.fixed_dictionaries(
        {
            "LambdaConfig": st.sampled_from([{}, TRIGGERS]),
            "DeviceConfiguration": st.sampled_from([None, {"ChallengeRequiredOnNewDevice": False}]),
            "UserPoolTier": st.sampled_from(["LITE", "ESSENTIALS", "PLUS"]),
        }
    ),
    flows=st.lists(st.sampled_from(ALL_FLOWS), unique=True),
    methods=st.sets(st.sampled_from(sorted(EVERY_MFA))).map(lambda names: {name: EVERY_MFA[name] for name in names}),
    factors=st.lists(st.sampled_from(ALL_FACTORS), unique=True),
)


@given(OPTIONS)
def test_possible_transitions_leave_reachable_states(pool_settings: PoolSettings) -> None:
    """Possible transitions leave reachable states, forbidden ones have a reason, and any attempt may fail."""
    reachable = reachability(pool_settings, include_lambda_named=True)
    possible = [each for each, why in reachable.transitions.items() if why is None]
    reached = {(transition.dest, roles.dest) for transition, roles in possible} | {(S.START, None)}

    assert {(transition.source, roles.source) for transition, roles in possible} <= reached
    assert "" not in {*reachable.transitions.values(), *reachable.nodes.values()}
    for transition, _ in TRANSITIONS_IN_ROLES:
        if transition.dest is S.FAILED and transition.source is not S.EMAIL_OTP:
            assert pool_settings.ruled_out(transition) == pool_settings.unreachable(transition.source)


@given(OPTIONS, OPTIONS)
def test_a_difference_is_symmetric(before: PoolSettings, after: PoolSettings) -> None:
    """Gained and removed are exchanged if the settings are exchanged, and no transition is both."""
    there, back = difference(before, after), difference(after, before)

    assert {(t.transition, t.role, t.reason) for t in there.added} == {
        (t.transition, t.role, t.reason) for t in back.removed
    }
    assert not {t[:2] for t in there.added} & {t[:2] for t in there.removed}
    assert {t.transition for t in there.added} >= after.possible() - before.possible()
    assert difference(before, before).added == difference(before, before).removed == ()


def test_an_unknown_challenge_leads_to_the_pools_challenges() -> None:
    """A refresh, or an unknown challenge, leads only to challenges for which the pool asks elsewhere."""
    pool_settings = settings("OFF", pool=PLAIN)

    for source, response in ((S.OTHER_CHALLENGE, RawAnswer), (S.START, RefreshTokenAuth)):
        for dest in destinations(source, response):
            transition = transition_between(source, response, dest)
            roles = {each.dest for each in edge_roles(transition)}  # an e-mailed code is a second factor here
            gone = all(pool_settings.unreachable(dest, role) is not None for role in roles)
            assert (pool_settings.ruled_out(transition) is not None) is gone


def test_an_administrators_password_may_lead_to_a_custom_challenge() -> None:
    """AWS's pages contradict each other, so it is possible if there is a Lambda function."""
    transition = Transition(S.START, AdminUserPasswordAuth, S.CUSTOM_CHALLENGE)
    pool_settings = settings(flows=["ALLOW_ADMIN_USER_PASSWORD_AUTH"])

    assert pool_settings.ruled_out(transition) is None
    assert pool_settings.lambda_only(transition)
