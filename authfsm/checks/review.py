"""Reviewing a pool: what each rule finds in what AWS tells of it.

A rule is a sentence, a severity, a page that says so, and a look at a pool: where it finds something it yields
why, the shortest path that shows it, and what mends it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any, Final

from attrs import field, frozen

from authfsm.checks.checking import check
from authfsm.checks.example_paths import refreshed, refusal, waits, way
from authfsm.checks.findings import Finding, Remediation, Severity, worst_first
from authfsm.checks.path import Path
from authfsm.checks.pool_description import PoolDescription
from authfsm.checks.proofs import Factor
from authfsm.protocol import links
from authfsm.protocol import responses as r
from authfsm.protocol.auth_flows import REQUIRED_VALUE, current_values, is_flow_allowed
from authfsm.protocol.states import RECOVERY_MECHANISMS, State
from authfsm.settings import PoolSettings
from authfsm.settings.rules import enabled_second_factors

S = State
Found = tuple[str, Path, tuple[Remediation, ...]]

_LONG_SESSION: Final = timedelta(minutes=5)
_LONG_REFRESH: Final = timedelta(days=30)


@frozen
class Rule:
    """Something to look for.

    Args:
        id: its name.
        severity: how bad it is.
        title: what it is, in a sentence.
        source: the page that says so.
        look: finds it in a pool.
    """

    id: str
    severity: Severity
    title: str
    source: str
    look: Callable[[PoolDescription], Iterator[Found]] = field(repr=False)


def _without(told: PoolDescription, auth_flow: str) -> Remediation:
    """Return the change after which the app client no longer allows a flow.

    The values are current ones, as an older one allows more than it names; and there is one at least, as an empty
    list means the default.
    """
    values = current_values(told.settings.explicit_auth_flows or ())
    left = values - {REQUIRED_VALUE[auth_flow]} or {REQUIRED_VALUE["REFRESH_TOKEN_AUTH"]}
    return Remediation("UpdateUserPoolClient", {"ExplicitAuthFlows": sorted(left)})


# ---- what there is to look for ------------------------------------------------------------------------------


def _clear_beside_srp(told: PoolDescription) -> Iterator[Found]:
    values = told.settings.explicit_auth_flows
    if values is None or not all(
        is_flow_allowed(values, each) for each in ("USER_PASSWORD_AUTH", "USER_SRP_AUTH")
    ):
        return
    clear = [
        each
        for each in values
        if each in {"USER_PASSWORD_AUTH", REQUIRED_VALUE["USER_PASSWORD_AUTH"]}
    ]
    path = way(told.settings, lambda way: way.arrows[0].response is r.UserPasswordAuth)
    if path is not None:
        yield (
            f"ExplicitAuthFlows has {', '.join(sorted(clear))}",
            path,
            (_without(told, "USER_PASSWORD_AUTH"),),
        )


def _password_alone(way: Path) -> bool:
    return way.proved.factors == {Factor.PASSWORD}


_APP: Final = {"SoftwareTokenMfaConfiguration.Enabled": True}
_FACTORS: Final = "Policies.SignInPolicy.AllowedFirstAuthFactors"
_ONE_TIME: Final = frozenset({"EMAIL_OTP", "SMS_OTP"})


def _require(settings: PoolSettings) -> Remediation:
    """Have MFA required: with a factor that all can enrol, and without what cannot stand beside it."""
    fields = {"MfaConfiguration": "ON", **({} if settings.software_token_mfa else _APP)}
    allowed_first = settings.allowed_first_auth_factors or frozenset()
    if not allowed_first & _ONE_TIME:
        return Remediation("SetUserPoolMfaConfig", fields)
    # "aren't compatible with required MFA" -- AWS developer guide, "Authentication flows"
    left = sorted(allowed_first - _ONE_TIME)
    return Remediation("UpdateUserPool and SetUserPoolMfaConfig", {_FACTORS: left, **fields})


def _mfa_off(told: PoolDescription) -> Iterator[Found]:
    if told.settings.mfa_configuration == "OFF":
        path = way(told.settings, _password_alone)
        if path is not None:
            yield "MfaConfiguration is OFF", path, (_require(told.settings),)


def _mfa_unenforced(told: PoolDescription) -> Iterator[Found]:
    # "When you have adaptive authentication ... MFA must be OPTIONAL": it asks where the risk is high.
    adaptive = told.settings.advanced_security_mode == "ENFORCED"
    if told.settings.mfa_configuration == "OPTIONAL" and not adaptive:
        path = way(told.settings, _password_alone)
        if path is not None:
            adapt = Remediation(
                "UpdateUserPool and SetRiskConfiguration",
                {"UserPoolAddOns.AdvancedSecurityMode": "ENFORCED", _RISK: "MFA_REQUIRED"},
            )
            why = "MfaConfiguration is OPTIONAL, and AdvancedSecurityMode is not ENFORCED"
            yield why, path, (_require(told.settings), adapt)


_RISK: Final = "AccountTakeoverRiskConfiguration.Actions.HighAction.EventAction"


def _mfa_by_risk(told: PoolDescription) -> Iterator[Found]:
    # "MFA_IF_CONFIGURED: Present an MFA challenge if user has configured it, else allow the request" -- AWS API
    # reference, AccountTakeoverActionType; no description that is read here says what is set.
    adaptive = told.settings.advanced_security_mode == "ENFORCED"
    if told.settings.mfa_configuration == "OPTIONAL" and adaptive:
        path = way(told.settings, _password_alone)
        if path is not None:
            why = "MfaConfiguration is OPTIONAL; what DescribeRiskConfiguration says is not known here"
            yield why, path, (_require(told.settings),)


def _legacy_errors(told: PoolDescription) -> Iterator[Found]:
    path = refusal(told.settings, proved=False)
    if told.prevent_user_existence_errors == "LEGACY" and path is not None:
        mend = Remediation("UpdateUserPoolClient", {"PreventUserExistenceErrors": "ENABLED"})
        yield "PreventUserExistenceErrors is LEGACY", path, (mend,)


def _functions_skip_mfa(told: PoolDescription) -> Iterator[Found]:
    known = told.settings.explicit_auth_flows is not None
    if not known or told.settings.mfa_configuration not in {"ON", "OPTIONAL"}:
        return
    path = way(told.settings, lambda way: way.proved.factors == {Factor.FUNCTIONS})
    if path is not None:
        why = (
            f"MfaConfiguration is {told.settings.mfa_configuration}, LambdaConfig has DefineAuthChallenge,"
            " and ExplicitAuthFlows allows CUSTOM_AUTH"
        )
        yield why, path, (_without(told, "CUSTOM_AUTH"),)


def _recovery_is_factor(told: PoolDescription) -> Iterator[Found]:
    # "A user can't receive MFA and password reset codes at the same email address or phone number" -- AWS
    # developer guide, "Adding MFA to a user pool"
    factors = enabled_second_factors(told.settings)
    known = None not in {told.settings.sms_mfa, told.settings.email_mfa}
    asks = told.settings.mfa_configuration in {"ON", "OPTIONAL"}
    primary = (told.account_recovery or ("",))[0]
    if not known or not asks or len(factors) != 1 or RECOVERY_MECHANISMS.get(factors[0]) != primary:
        return
    path = refusal(told.settings, proved=True)
    if path is not None:
        others = [each for each in RECOVERY_MECHANISMS.values() if each != primary]
        recovery = [{"Priority": 1, "Name": name} for name in others]
        yield (
            f"the only second factor is {factors[0]}, and the account is recovered by {primary} first",
            path,
            (
                Remediation("SetUserPoolMfaConfig", _APP),
                Remediation(
                    "UpdateUserPool", {"AccountRecoverySetting.RecoveryMechanisms": recovery}
                ),
            ),
        )


def _recovery_and_factor(told: PoolDescription) -> Iterator[Found]:
    # "With this setting, SMS doesn't qualify for a valid password recovery mechanism if the user also has SMS
    # multi-factor authentication (MFA) activated. ... In the absence of this setting, Amazon Cognito uses the
    # legacy behavior ... where SMS is preferred" -- AWS API reference, UserPoolType
    known = None not in {told.settings.sms_mfa, told.settings.email_mfa}
    if (
        not known
        or told.account_recovery != ()
        or enabled_second_factors(told.settings) != [S.SMS_MFA]
    ):
        return
    path = way(told.settings, lambda way: S.SMS_MFA in way.states)
    if path is not None:
        recovery = [{"Priority": 1, "Name": "verified_email"}]
        yield (
            "the only second factor is SMS_MFA, and AccountRecoverySetting is not set",
            path,
            (
                Remediation(
                    "UpdateUserPool", {"AccountRecoverySetting.RecoveryMechanisms": recovery}
                ),
                Remediation("SetUserPoolMfaConfig", {"SmsMfaConfiguration": None, **_APP}),
            ),
        )


def _text_messages(told: PoolDescription) -> Iterator[Found]:
    if told.settings.sms_mfa:
        path = way(told.settings, lambda way: S.SMS_MFA in way.states)
        if path is not None:
            mend = Remediation("SetUserPoolMfaConfig", {"SmsMfaConfiguration": None, **_APP})
            yield "SmsMfaConfiguration is set", path, (mend,)
    first = told.settings.allowed_first_auth_factors or frozenset()
    if "SMS_OTP" in first:
        path = way(told.settings, lambda way: S.SMS_OTP in way.states)
        if path is not None:
            mend = Remediation("UpdateUserPool", {_FACTORS: sorted(first - {"SMS_OTP"})})
            yield "AllowedFirstAuthFactors has SMS_OTP", path, (mend,)


def _long_session(told: PoolDescription) -> Iterator[Found]:
    lives = told.auth_session_validity
    if lives is None or lives <= _LONG_SESSION:
        return
    path = waits(told.settings)
    if path is not None:
        minutes = int(lives.total_seconds() // 60)
        mend = Remediation("UpdateUserPoolClient", {"AuthSessionValidity": 3})
        yield f"AuthSessionValidity is {minutes} minutes", path, (mend,)


def _long_refresh(told: PoolDescription) -> Iterator[Found]:
    lives = told.refresh_token_validity
    if lives is None or lives <= _LONG_REFRESH:
        return
    path = refreshed(told.settings)
    if path is not None:
        days = {"RefreshTokenValidity": 30, "TokenValidityUnits.RefreshToken": "days"}
        mend = Remediation("UpdateUserPoolClient", days)
        yield f"RefreshTokenValidity is {lives.days} days", path, (mend,)


def _irrevocable(told: PoolDescription) -> Iterator[Found]:
    path = refreshed(told.settings)
    if told.settings.enable_token_revocation is False and path is not None:
        mend = Remediation("UpdateUserPoolClient", {"EnableTokenRevocation": True})
        yield "EnableTokenRevocation is false", path, (mend,)


def _nothing_to_enrol(told: PoolDescription) -> Iterator[Found]:
    if told.settings.mfa_configuration != "ON":
        return
    for broken in check(settings=told.settings):
        if broken.path.end.state is S.MFA_SETUP:
            names = ", ".join(enabled_second_factors(told.settings))
            app = Remediation("SetUserPoolMfaConfig", _APP)
            yield (
                f"MfaConfiguration is ON, and {names} cannot be set up in a sign-in",
                broken.path,
                (app,),
            )
            return


def _broken(told: PoolDescription) -> Iterator[Found]:
    for broken in check(settings=told.settings):
        if broken.path.end.state is not S.MFA_SETUP:
            yield str(broken), broken.path, ()


_CLIENT_PAGE: Final = links.reference("UserPoolClientType")
_H, _M, _L, _N = Severity.HIGH, Severity.MEDIUM, Severity.LOW, Severity.NOTE

# fmt: off
RULES: Final = (
    Rule("functions-skip-mfa", _H, "CUSTOM_AUTH brings tokens past the second factor, if the pool's functions say so.",
         "https://github.com/aws-amplify/amplify-js/issues/12887", _functions_skip_mfa),
    Rule("recovery-is-factor", _H, "The channel that recovers the account is the only second factor: users are locked out.",
         links.MFA, _recovery_is_factor),
    Rule("recovery-and-factor", _H, "One phone number resets the password and is the second factor: who has it has both.",
         links.reference("UserPoolType"), _recovery_and_factor),
    Rule("invariant", _H, "What the settings leave of the protocol breaks an invariant.", links.AUTHENTICATION_FLOWS, _broken),
    Rule("nothing-to-enrol", _M, "Whoever has no second factor yet cannot come by one: the sign-in ends there.",
         links.reference("RespondToAuthChallenge"), _nothing_to_enrol),
    Rule("clear-beside-srp", _M, "The password may be sent in clear, though SRP is there.", links.AUTHENTICATION_FLOWS, _clear_beside_srp),
    Rule("mfa-off", _M, "A password alone brings tokens: there is no MFA.", links.MFA, _mfa_off),
    Rule("mfa-unenforced", _M, "A password alone brings tokens: MFA is optional, and nothing enforces it.",
         links.MFA, _mfa_unenforced),
    Rule("mfa-by-risk", _N, "A password alone brings tokens, unless the risk configuration asks for more.",
         links.ADAPTIVE_AUTHENTICATION, _mfa_by_risk),
    Rule("user-existence", _M, "Strangers are told who is a user, and who is not.",
         links.USER_EXISTENCE_ERRORS, _legacy_errors),
    Rule("irrevocable", _M, "A refresh token that was stolen cannot be revoked.", links.TOKEN_REVOCATION, _irrevocable),
    Rule("long-refresh", _M, "Refresh tokens live longer than 30 days.",
         links.REFRESH_TOKENS, _long_refresh),
    Rule("long-session", _L, "A challenge waits for its answer, and may be guessed at, for more than five minutes.",
         _CLIENT_PAGE, _long_session),
    Rule("text-messages", _N, "Codes by SMS can be intercepted; NIST restricts them.",
         "https://pages.nist.gov/800-63-3/sp800-63b.html", _text_messages),
)
# fmt: on
"""What is looked for."""


def review(pool: PoolDescription | Mapping[str, Any]) -> tuple[Finding, ...]:
    """What a security reviewer would want changed about a pool, the worst first.

    Args:
        pool: what AWS tells of it; or its descriptions, as `{"UserPool": ..., "UserPoolClient": ...,
            "MfaConfig": ...}`.

    Raises:
        BadField: a field is what AWS never says.
    """
    told = pool if isinstance(pool, PoolDescription) else PoolDescription.from_descriptions(pool)
    return worst_first(
        Finding(rule.id, rule.severity, rule.title, why, path, rule.source, mends)
        for rule in RULES
        for why, path, mends in rule.look(told)
    )
