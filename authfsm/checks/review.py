"""The security review of a pool: each rule finds something that a reviewer would change.

A rule has a title, a severity, a page that documents it, and a function that yields findings. A finding names the
settings that cause it, a shortest path that shows it, and the settings that fix it. There are two exceptions: OAuth's
implicit flow is on no path of this API, and a broken invariant has no general remedy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from functools import lru_cache
from typing import Any, Final

from attrs import evolve, field, frozen

from authfsm.checks import sign_in_paths
from authfsm.checks.factors import Factor
from authfsm.checks.findings import Finding, Remediation, Severity
from authfsm.checks.invariants import Violation, check
from authfsm.checks.model import Path
from authfsm.protocol import links
from authfsm.protocol import responses as r
from authfsm.protocol.auth_flows import AUTH_SESSION_VALIDITY, REQUIRED_VALUE, current_values, is_flow_allowed
from authfsm.protocol.states import RECOVERY_MECHANISMS, State
from authfsm.settings import PoolSettings
from authfsm.settings.descriptions import Descriptions, token_validity
from authfsm.settings.rules import MULTI_FACTOR_PASSKEY, enabled_second_factors
from authfsm.settings.sign_in_settings import fetch_descriptions

S = State
Found = tuple[str, Path, tuple[Remediation, ...]]
"""The `why`, `path` and `remediations` of a finding."""

_ENABLE_TOTP: Final = {"SoftwareTokenMfaConfiguration.Enabled": True}
_TOTP_FOR_SMS: Final = {"SmsMfaConfiguration": None, **_ENABLE_TOTP}
_FIRST_FACTORS: Final = "Policies.SignInPolicy.AllowedFirstAuthFactors"
_LENGTH: Final = "Policies.PasswordPolicy.MinimumLength"
_RECOVERY: Final = "AccountRecoverySetting.RecoveryMechanisms"
_ONE_TIME: Final = frozenset({"EMAIL_OTP", "SMS_OTP"})


@frozen(kw_only=True)
class PoolDescription:
    """What a review reads in the replies of DescribeUserPool, DescribeUserPoolClient and GetUserPoolMfaConfig.

    If a reply is missing, the fields that it would set are None (unknown). A member that a reply leaves out has Cognito's
    default (OFF for MfaConfiguration, LEGACY for PreventUserExistenceErrors); but AdvancedSecurityMode is unknown without
    UserPoolAddOns. An unknown setting excludes no path: without the app client every flow counts as allowed. It causes no
    finding either, except that an unknown AdvancedSecurityMode counts as not ENFORCED (`mfa-unenforced`).

    Args:
        settings: the settings of the sign-in.
        prevent_user_existence_errors: ENABLED or LEGACY.
        account_recovery: the mechanisms of AccountRecoverySetting, by priority; empty if there are none.
        auth_session_validity: how long a challenge may be answered.
        refresh_token_validity: how long a refresh token is valid.
        minimum_password_length: MinimumLength of the password policy.
        oauth_flows: AllowedOAuthFlows; empty if AllowedOAuthFlowsUserPoolClient is false.
        mfa_config: the whole reply of GetUserPoolMfaConfig, because SetUserPoolMfaConfig must pass all settings again.
    """

    settings: PoolSettings = field(factory=PoolSettings)
    prevent_user_existence_errors: str | None = None
    account_recovery: tuple[str, ...] | None = None
    auth_session_validity: timedelta | None = None
    refresh_token_validity: timedelta | None = None
    minimum_password_length: int | None = None
    oauth_flows: frozenset[str] | None = None
    mfa_config: Mapping[str, Any] | None = field(default=None, repr=False, eq=False)

    @classmethod
    def from_descriptions(
        cls,
        user_pool: Mapping[str, Any],
        user_pool_client: Mapping[str, Any] | None = None,
        mfa_config: Mapping[str, Any] | None = None,
    ) -> PoolDescription:
        """Read the description from Cognito's replies; the arguments and errors are those of `PoolSettings.from_descriptions`."""
        parsed = Descriptions.parse(user_pool, user_pool_client, mfa_config)
        length = parsed.user_pool.get("Policies", {}).get("PasswordPolicy", {}).get("MinimumLength")
        settings, recovery = PoolSettings.from_parsed(parsed), parsed.recovery
        mfa = parsed.mfa_config
        pool = cls(settings=settings, account_recovery=recovery, minimum_password_length=length, mfa_config=mfa)
        if (client := parsed.user_pool_client) is None:
            return pool
        uses_oauth = client.get("AllowedOAuthFlowsUserPoolClient", True)
        return evolve(
            pool,
            oauth_flows=frozenset(client.get("AllowedOAuthFlows", ()) if uses_oauth else ()),
            prevent_user_existence_errors=parsed.user_existence_errors,
            auth_session_validity=token_validity(client, "AuthSessionValidity"),
            refresh_token_validity=token_validity(client, "RefreshTokenValidity"),
        )

    @classmethod
    def describe(cls, client: Any, pool_id: str, client_id: str | None = None) -> PoolDescription:
        """Fetch the settings from AWS; the arguments and errors are those of `PoolSettings.describe`."""
        return cls.from_descriptions(*fetch_descriptions(client, pool_id, client_id))


@frozen
class ReviewRule:
    """A rule of the review.

    Args:
        id: the id of its findings.
        severity: how severe they are.
        title: the problem, in a sentence.
        source: the page that documents it.
        find: yields the findings of a pool.
        needs: the reply without which the rule cannot be checked completely: UserPoolClient or MfaConfig; "" if it
            needs neither.
    """

    id: str
    severity: Severity
    title: str
    source: str
    find: Callable[[PoolDescription], Iterator[Found]] = field(repr=False)
    needs: str = ""


def _findings(path: Path | None, why: str, *remediations: Remediation) -> Iterator[Found]:
    """Yield a finding; nothing if `path` is None, because then no path shows the problem."""
    if path is not None:
        yield why, path, remediations


def _client_update(**settings: Any) -> Remediation:
    return Remediation("UpdateUserPoolClient", settings)


def _mfa_update(pool: PoolDescription, **settings: Any) -> Remediation:
    """Return a change by SetUserPoolMfaConfig, with the pool's other settings of MFA if they are known."""
    changed = {name.partition(".")[0] for name in settings}
    known = {"MfaConfiguration": pool.settings.mfa_configuration, **(pool.mfa_config or {})}
    rest = {name: each for name, each in known.items() if name not in changed and each is not None}
    return Remediation("SetUserPoolMfaConfig", {**settings, **rest}, is_complete=pool.mfa_config is not None)


def _pool_update(field: str, value: Any) -> Remediation:
    return Remediation("UpdateUserPool", {field: value})


def _without_flow(pool: PoolDescription, auth_flow: str) -> Remediation:
    """Return the change after which the app client no longer allows a flow.

    The new ExplicitAuthFlows has only current values (ALLOW_...), because a legacy value allows several flows. It is
    never empty, because an empty list means the default.
    """
    values = current_values(pool.settings.explicit_auth_flows or ())
    left = values - {REQUIRED_VALUE[auth_flow]} or {REQUIRED_VALUE["REFRESH_TOKEN_AUTH"]}
    return _client_update(ExplicitAuthFlows=sorted(left))


def _plain_password_allowed(pool: PoolDescription) -> Iterator[Found]:
    values, password_flow = pool.settings.explicit_auth_flows, "USER_PASSWORD_AUTH"
    if values and all(is_flow_allowed(values, each) for each in (password_flow, "USER_SRP_AUTH")):
        path = sign_in_paths.example_path(pool.settings, lambda p: p.responses[0] is r.UserPasswordAuth)
        names = sorted({password_flow, REQUIRED_VALUE[password_flow]} & values)
        why = f"ExplicitAuthFlows has {', '.join(names)}"
        yield from _findings(path, why, _without_flow(pool, password_flow))


def _custom_auth_without_mfa(pool: PoolDescription) -> Iterator[Found]:
    mfa, needed = (pool.settings.mfa_configuration, (pool.settings.explicit_auth_flows, pool.settings.lambda_config))
    if None not in needed and mfa in {"ON", "OPTIONAL"}:
        path = sign_in_paths.example_path(pool.settings, lambda p: p.proved.factors == {Factor.FUNCTIONS})
        lambdas = "LambdaConfig has DefineAuthChallenge, and ExplicitAuthFlows allows CUSTOM_AUTH"
        yield from _findings(path, f"MfaConfiguration is {mfa}, {lambdas}", _without_flow(pool, "CUSTOM_AUTH"))


def _mfa_requirement(pool: PoolDescription) -> Remediation:
    """Return the change that makes MFA required.

    It enables TOTP, lets passkeys satisfy MFA, and removes one-time codes as first factors.
    """
    allowed_first = pool.settings.allowed_first_auth_factors or frozenset()
    passkeys = {**(pool.mfa_config or {}).get("WebAuthnConfiguration", {}), "FactorConfiguration": MULTI_FACTOR_PASSKEY}
    more = {"WebAuthnConfiguration": passkeys} if "WEB_AUTHN" in allowed_first else {}
    change = _mfa_update(pool, MfaConfiguration="ON", **_ENABLE_TOTP, **more)
    if not allowed_first & _ONE_TIME:
        return change
    # One-time codes as first factors "aren't compatible with required MFA" -- AWS developer guide, "Authentication flows"
    left = sorted(allowed_first - _ONE_TIME)
    return Remediation("UpdateUserPool and SetUserPoolMfaConfig", {_FIRST_FACTORS: left, **change.settings})


def _by_password_alone(pool: PoolDescription, why: str, *more: Remediation) -> Iterator[Found]:
    path = sign_in_paths.example_path(pool.settings, lambda p: p.proved.factors == {Factor.PASSWORD})
    return _findings(path, why, _mfa_requirement(pool), *more)


def _mfa_off(pool: PoolDescription) -> Iterator[Found]:
    if pool.settings.mfa_configuration == "OFF":
        yield from _by_password_alone(pool, "MfaConfiguration is OFF")


def _mfa_unenforced(pool: PoolDescription) -> Iterator[Found]:
    # With adaptive authentication (ENFORCED), MFA must be OPTIONAL; `_mfa_by_risk` reports that case.
    adaptive = pool.settings.advanced_security_mode == "ENFORCED"
    if pool.settings.mfa_configuration == "OPTIONAL" and not adaptive:
        event_action = "AccountTakeoverRiskConfiguration.Actions.HighAction.EventAction"
        fields = {"UserPoolAddOns.AdvancedSecurityMode": "ENFORCED", event_action: "MFA_REQUIRED"}
        mode = "not known to be ENFORCED" if pool.settings.advanced_security_mode is None else "not ENFORCED"
        why = f"MfaConfiguration is OPTIONAL, and AdvancedSecurityMode is {mode}"
        adapt = Remediation("UpdateUserPool and SetRiskConfiguration", fields)
        yield from _by_password_alone(pool, why, adapt)


def _mfa_by_risk(pool: PoolDescription) -> Iterator[Found]:
    # "MFA_IF_CONFIGURED: Present an MFA challenge if user has configured it, else allow the request" -- AWS API
    # reference, AccountTakeoverActionType
    adaptive = pool.settings.advanced_security_mode == "ENFORCED"
    if pool.settings.mfa_configuration == "OPTIONAL" and adaptive:
        why = "MfaConfiguration is OPTIONAL; the review does not know whether the risk configuration requires MFA"
        yield from _by_password_alone(pool, why)


def _only_factor(pool: PoolDescription) -> State | None:
    """Return the only second factor that is enabled; None if there are none or several, or a setting is unknown."""
    factors = enabled_second_factors(pool.settings)
    known = None not in {pool.settings.sms_mfa, pool.settings.email_mfa}
    return factors[0] if known and len(factors) == 1 else None


def _recovery_same_as_mfa(pool: PoolDescription) -> Iterator[Found]:
    # "A user can't receive MFA and password reset codes at the same email address or phone number" -- AWS
    # developer guide, "Adding MFA to a user pool"
    factor, primary = _only_factor(pool), (pool.account_recovery or ("",))[0]
    uses_mfa = pool.settings.mfa_configuration in {"ON", "OPTIONAL"}
    if factor is not None and uses_mfa and RECOVERY_MECHANISMS.get(factor) == primary:
        others = [each for each in RECOVERY_MECHANISMS.values() if each != primary]
        recover = _pool_update(_RECOVERY, [{"Priority": 1, "Name": each} for each in others])
        why = f"the only second factor is {factor}, and the account is recovered by {primary} first"
        path = sign_in_paths.path_to_refusal(pool.settings, of_password=True)
        yield from _findings(path, why, _mfa_update(pool, **_ENABLE_TOTP), recover)


def _through(pool: PoolDescription, state: State) -> Path | None:
    return sign_in_paths.example_path(pool.settings, lambda p: state in p.states)


def _recovery_by_mfa_phone(pool: PoolDescription) -> Iterator[Found]:
    # "With this setting [AccountRecoverySetting], SMS doesn't qualify for a valid password recovery mechanism if the
    # user also has SMS multi-factor authentication (MFA) activated. ... In the absence of this setting, Amazon Cognito
    # uses the legacy behavior ... where SMS is preferred" -- AWS API reference, UserPoolType
    if pool.account_recovery == () and _only_factor(pool) is S.SMS_MFA:
        by_email = _pool_update(_RECOVERY, [{"Priority": 1, "Name": "verified_email"}])
        why = "the only second factor is SMS_MFA, and AccountRecoverySetting is not set"
        yield from _findings(_through(pool, S.SMS_MFA), why, by_email, _mfa_update(pool, **_TOTP_FOR_SMS))


def _text_messages(pool: PoolDescription) -> Iterator[Found]:
    if pool.settings.sms_mfa:
        path = _through(pool, S.SMS_MFA)
        yield from _findings(path, "SmsMfaConfiguration is set", _mfa_update(pool, **_TOTP_FOR_SMS))
    first = pool.settings.allowed_first_auth_factors or frozenset()
    if "SMS_OTP" in first:
        fix = _pool_update(_FIRST_FACTORS, sorted(first - {"SMS_OTP"}))
        yield from _findings(_through(pool, S.SMS_OTP), "AllowedFirstAuthFactors has SMS_OTP", fix)


def _legacy_errors(pool: PoolDescription) -> Iterator[Found]:
    if pool.prevent_user_existence_errors == "LEGACY":
        path = sign_in_paths.path_to_refusal(pool.settings, of_password=False)
        fix = _client_update(PreventUserExistenceErrors="ENABLED")
        yield from _findings(path, "PreventUserExistenceErrors is LEGACY", fix)


def _long_session(pool: PoolDescription) -> Iterator[Found]:
    validity = pool.auth_session_validity
    if validity is not None and validity > timedelta(minutes=5):
        why = f"AuthSessionValidity is {int(validity.total_seconds() // 60)} minutes"
        shorter = _client_update(AuthSessionValidity=AUTH_SESSION_VALIDITY)
        yield from _findings(sign_in_paths.path_to_challenge(pool.settings), why, shorter)


def _long_refresh(pool: PoolDescription) -> Iterator[Found]:
    validity = pool.refresh_token_validity
    if validity is not None and validity > timedelta(days=30):
        days = {"RefreshTokenValidity": 30, "TokenValidityUnits.RefreshToken": "days"}
        text = str(validity).removesuffix(", 0:00:00")  # 768 hours: "32 days"; 769: "32 days, 1:00:00"
        why = f"RefreshTokenValidity is {text}"
        yield from _findings(sign_in_paths.path_to_refresh(pool.settings), why, _client_update(**days))


def _tokens_not_revocable(pool: PoolDescription) -> Iterator[Found]:
    if pool.settings.enable_token_revocation is False:
        fix = _client_update(EnableTokenRevocation=True)
        yield from _findings(sign_in_paths.path_to_refresh(pool.settings), "EnableTokenRevocation is false", fix)


def _implicit_flow(pool: PoolDescription) -> Iterator[Found]:
    # The tokens come from the authorization endpoint, which is on no path of this API.
    if "implicit" in (pool.oauth_flows or ()):
        yield from _findings(Path(), "AllowedOAuthFlows has implicit", _client_update(AllowedOAuthFlows=["code"]))


def _short_passwords(pool: PoolDescription) -> Iterator[Found]:
    length, least = pool.minimum_password_length, 8
    if length is not None and length < least:
        path = sign_in_paths.example_path(pool.settings, lambda p: Factor.PASSWORD in p.proved.factors)
        yield from _findings(path, f"MinimumLength is {length}", _pool_update(_LENGTH, least))


@lru_cache(maxsize=1)
def _violations(settings: PoolSettings) -> tuple[Violation, ...]:
    return check(settings=settings)


def _nothing_to_enrol(pool: PoolDescription) -> Iterator[Found]:
    if pool.settings.mfa_configuration == "ON":
        paths = (each.path for each in _violations(pool.settings))
        # A violation whose path ends in MFA_SETUP means that the set-up leads nowhere; `_broken_invariant` has the others.
        path = next((each for each in paths if each.end.state is S.MFA_SETUP), None)
        names = ", ".join(enabled_second_factors(pool.settings))
        why = f"MfaConfiguration is ON, and users cannot set up {names} in a sign-in"
        yield from _findings(path, why, _mfa_update(pool, **_ENABLE_TOTP))


def _broken_invariant(pool: PoolDescription) -> Iterator[Found]:
    for each in _violations(pool.settings):
        if each.path.end.state is not S.MFA_SETUP:
            yield from _findings(each.path, f"{each.invariant.name}: {each.why}")


_H, _M, _L, _N = Severity.HIGH, Severity.MEDIUM, Severity.LOW, Severity.NOTE
_CLIENT_REPLY, _MFA_REPLY = "UserPoolClient", "MfaConfig"
_NIST: Final = "https://pages.nist.gov/800-63-3/sp800-63b.html"

# fmt: off
RULES: Final = (
    ReviewRule("custom-auth-without-mfa", _H, "In CUSTOM_AUTH, the pool's Lambda functions can issue tokens without a second factor.",
         "https://github.com/aws-amplify/amplify-js/issues/12887", _custom_auth_without_mfa, _CLIENT_REPLY),
    ReviewRule("recovery-same-as-mfa", _H, "The only second factor uses the channel that account recovery uses first. Cognito does not send MFA codes and password reset codes over the same channel, so sign-ins that need this factor fail.",
         links.MFA, _recovery_same_as_mfa, _MFA_REPLY),
    ReviewRule("recovery-by-mfa-phone", _H, "The phone number that is the second factor also resets the password.",
         links.reference("UserPoolType"), _recovery_by_mfa_phone, _MFA_REPLY),
    ReviewRule("invariant", _H, "The sign-ins that the settings allow violate an invariant.", links.AUTHENTICATION_FLOWS, _broken_invariant),
    ReviewRule("nothing-to-enrol", _M, "Users without a second factor cannot set one up, and so cannot sign in.",
         links.reference("RespondToAuthChallenge"), _nothing_to_enrol, _MFA_REPLY),
    ReviewRule("plain-password-allowed", _M, "The app client allows sending the password itself (USER_PASSWORD_AUTH), although it allows SRP.",
         links.AUTHENTICATION_FLOWS, _plain_password_allowed, _CLIENT_REPLY),
    ReviewRule("implicit-flow", _M, "The app client allows the implicit flow, which puts tokens into the URL of a redirect.",
         "https://www.rfc-editor.org/rfc/rfc9700.html#section-2.1.2", _implicit_flow, _CLIENT_REPLY),
    ReviewRule("short-passwords", _M, "A password may have fewer than eight characters.", _NIST, _short_passwords),
    ReviewRule("mfa-off", _M, "A password alone is enough for tokens: MFA is off.", links.MFA, _mfa_off),
    ReviewRule("mfa-unenforced", _M, "A password alone is enough for tokens: MFA is optional and not enforced.",
         links.MFA, _mfa_unenforced),
    ReviewRule("mfa-by-risk", _N, "A password alone is enough for tokens unless the risk configuration requires MFA.",
         links.ADAPTIVE_AUTHENTICATION, _mfa_by_risk),
    ReviewRule("user-existence", _M, "Errors tell anyone whether a user exists.", links.USER_EXISTENCE_ERRORS, _legacy_errors, _CLIENT_REPLY),
    ReviewRule("tokens-not-revocable", _M, "A stolen refresh token cannot be revoked.", links.TOKEN_REVOCATION, _tokens_not_revocable, _CLIENT_REPLY),
    ReviewRule("long-refresh", _M, "Refresh tokens are valid for more than 30 days.", links.REFRESH_TOKENS, _long_refresh, _CLIENT_REPLY),
    ReviewRule("long-session", _L, "An attacker has more than five minutes to guess the answer to a challenge.",
         links.reference("UserPoolClientType"), _long_session, _CLIENT_REPLY),
    ReviewRule("text-messages", _N, "Codes in text messages can be intercepted; NIST restricts their use.", _NIST, _text_messages, _MFA_REPLY),
)
# fmt: on
"""The rules of the review."""


def missing_replies(settings: PoolSettings) -> Iterator[tuple[str, str]]:
    """Yield the name of each reply that was missing when the settings were read, and a text that says so."""
    if settings.explicit_auth_flows is None:
        yield _CLIENT_REPLY, f"{_CLIENT_REPLY} (the reply of DescribeUserPoolClient) is missing"
    if settings.sms_mfa is None:
        yield _MFA_REPLY, f"{_MFA_REPLY} (the reply of GetUserPoolMfaConfig) is missing"


def not_reviewed(pool: PoolDescription | Mapping[str, Any]) -> tuple[str, ...]:
    """Return what keeps a review from being complete, as sentences: missing replies, unknown values, no path to sign in.

    Args:
        pool: as for `review`.

    Raises:
        BadField: a member has the wrong type, MfaConfiguration has an unknown value, or Cognito does not
            allow the combination of settings. Other unknown values are among the returned sentences.
    """
    if not isinstance(pool, PoolDescription):
        pool = PoolDescription.from_descriptions(pool)
    found = []
    for reply, missing in missing_replies(pool.settings):
        rules = ", ".join(rule.id for rule in RULES if rule.needs == reply)
        found.append(f"{missing}, so these rules were checked only in part or not at all: {rules}")
    if values := pool.settings.unknown_values:
        found.append(f"unknown values were not reviewed: {', '.join(values)}")
    if why := sign_in_paths.why_no_path(pool.settings):
        found.append(why)
    return tuple(found)


def review(pool: PoolDescription | Mapping[str, Any]) -> tuple[Finding, ...]:
    """Return what a security reviewer would change about a pool, the worst first. `not_reviewed` says what `review` could not check.

    Args:
        pool: the pool's description; or what AWS returns, as `{"UserPool": ..., "UserPoolClient": ...,
            "MfaConfig": ...}`.

    Raises:
        BadField: as for `not_reviewed`.
    """
    if not isinstance(pool, PoolDescription):
        pool = PoolDescription.from_descriptions(pool)
    findings = (
        Finding(rule.id, rule.severity, rule.title, why, path, rule.source, remediations)
        for rule in RULES
        for why, path, remediations in rule.find(pool)
    )
    return tuple(sorted(findings, key=lambda each: each.severity.rank))
