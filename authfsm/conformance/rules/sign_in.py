"""Rules about whole sign-ins, from the first request to the tokens.

Most are made from the protocol's table: each way to prove the password, combined with each challenge that may follow.
A combination is a rule if the table has that transition on better evidence than an inference or a contradiction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from attrs import frozen

from authfsm.base.secret import Secret
from authfsm.conformance.pool_client import PoolClient, PoolUser
from authfsm.conformance.pools import (
    ALL_MFA_POOL,
    CUSTOM_AUTH_POOL,
    DEFAULT_POOL,
    DEFAULT_USER,
    DEVICE_POOL,
    EMAIL_USER,
    RELYING_PARTY,
    SMS_OR_TOTP_POOL,
    SMS_USER,
    TEMPORARY_USER,
    TOTP_REQUIRED_POOL,
    TOTP_USER,
    USER_AUTH_POOL,
    PoolRequirements,
    UserRequirements,
)
from authfsm.conformance.rule import (
    DEVICES_PAGE,
    ConformanceRule,
    RuleCollector,
    RuleGroup,
    RuleSource,
    Trial,
    guide,
)
from authfsm.conformance.sign_in_runner import Begin, SignInRunner
from authfsm.conformance.verdicts import NotSupported, RuleSeverity, Skipped
from authfsm.drivers.boto import Flow
from authfsm.protocol import links
from authfsm.protocol import responses as r
from authfsm.protocol.errors import AuthfsmError, InvalidOperation
from authfsm.protocol.evidence import confidence, evidence
from authfsm.protocol.responses import Response
from authfsm.protocol.states import State
from authfsm.protocol.table import TRANSITION_SET, Transition

if TYPE_CHECKING:
    from authfsm.conformance.passkey import VirtualPasskey

S = State

rule: Final = RuleCollector(RuleGroup.SIGN_IN)
SIGN_IN: Final = rule.rules

_FLOWS_PAGE: Final = guide(links.AUTHENTICATION_FLOWS, "Authentication flows")
_CUSTOM_PAGE: Final = guide(
    links.CUSTOM_CHALLENGES, "Custom authentication challenge Lambda triggers"
)

UNTESTED_CHALLENGES: Final = {
    S.ADMIN_NO_SRP_AUTH: "AWS's own pages contradict each other about this challenge, and no trace is known",
}
"""The challenges that no rule expects, and why."""


def _source(transition: Transition, operation: str) -> RuleSource:
    """Return the best evidence of a transition, with the address of the operation's page."""
    best = evidence(transition)[0]
    return RuleSource(best.source, links.reference(operation), best.confidence)


def _begin(flow: str, preferred: str | None = None) -> Begin:
    return lambda client, user: client.cognito(admin=flow.startswith("ADMIN_")).sign_in(
        user.username, user.password, flow=flow, preferred_challenge=preferred
    )


# ---- after the password --------------------------------------------------------------------------------


@frozen
class SignInMethod:
    """A way to prove the password.

    Args:
        flow: the AuthFlow.
        source: the state in which the proof is given.
        response: the response that gives it.
        preferred: PREFERRED_CHALLENGE.
    """

    flow: str
    source: State
    response: type[Response]
    preferred: str | None = None

    @property
    def name(self) -> str:
        """The flow, with the preferred challenge if there is one."""
        return f"{self.flow}.{self.preferred}" if self.preferred else self.flow


@frozen
class UserSituation:
    """A user, and the challenge that follows the proof of the password.

    Args:
        challenge: the challenge; AUTHENTICATED if tokens come.
        pool: the pool.
        user: the user.
        description: the user in words.
    """

    challenge: State
    pool: PoolRequirements
    user: UserRequirements
    description: str


SIGN_IN_METHODS: Final = (
    SignInMethod("USER_SRP_AUTH", S.PASSWORD_VERIFIER, r.SrpClaim),
    SignInMethod("USER_PASSWORD_AUTH", S.START, r.UserPasswordAuth),
    SignInMethod("ADMIN_USER_PASSWORD_AUTH", S.START, r.AdminUserPasswordAuth),
    SignInMethod("ADMIN_NO_SRP_AUTH", S.START, r.AdminNoSrpAuth),
    SignInMethod("USER_AUTH", S.START, r.UserAuthWithPassword, "PASSWORD"),
    SignInMethod("USER_AUTH", S.PASSWORD_VERIFIER, r.SrpClaim, "PASSWORD_SRP"),
)
_TWO_METHODS: Final = UserRequirements(factors=("SMS_MFA", "SOFTWARE_TOKEN_MFA"))
USER_SITUATIONS: Final = tuple(
    UserSituation(*fields)
    for fields in (
        (S.AUTHENTICATED, DEFAULT_POOL, DEFAULT_USER, "without a second factor"),
        (S.NEW_PASSWORD_REQUIRED, DEFAULT_POOL, TEMPORARY_USER, "with a temporary password"),
        (S.SMS_MFA, ALL_MFA_POOL, SMS_USER, "whose second factor is SMS"),
        (S.EMAIL_OTP, ALL_MFA_POOL, EMAIL_USER, "whose second factor is e-mail"),
        (
            S.SOFTWARE_TOKEN_MFA,
            SMS_OR_TOTP_POOL,
            TOTP_USER,
            "whose second factor is an authenticator app",
        ),
        (
            S.SELECT_MFA_TYPE,
            SMS_OR_TOTP_POOL,
            _TWO_METHODS,
            "with two second factors, neither of them preferred,",
        ),
        (
            S.MFA_SETUP,
            TOTP_REQUIRED_POOL,
            DEFAULT_USER,
            "without a second factor, in a pool that requires one,",
        ),
    )
)


def _password_rules() -> Iterator[ConformanceRule]:
    for method in SIGN_IN_METHODS:
        for situation in USER_SITUATIONS:
            challenge = situation.challenge
            transition = Transition(method.source, method.response, challenge)
            if transition not in TRANSITION_SET or confidence(transition).is_uncertain:
                continue
            admin = method.flow.startswith("ADMIN_")
            operation = "AdminInitiateAuth" if admin else "InitiateAuth"
            yield ConformanceRule(
                f"sign-in.{method.name}.{challenge.value}",
                f"In {method.flow}, {_preferring(method.preferred)}a user {situation.description} "
                + _receives(challenge),
                RuleGroup.SIGN_IN,
                _source(transition, operation),
                RuleSeverity.MAJOR,
                _run_with_password(method, situation),
            )


def _receives(challenge: State) -> str:
    if challenge is S.AUTHENTICATED:
        return "receives tokens."
    return f"receives {challenge.value}, and tokens for the right answer."


def _preferring(challenge: str | None) -> str:
    return f"with {challenge} as PREFERRED_CHALLENGE, " if challenge else ""


def _run_with_password(method: SignInMethod, situation: UserSituation) -> Callable[[Trial], None]:
    def run(trial: Trial) -> None:
        client, user = trial.client_and_user(situation.pool, user=situation.user)
        begin = _begin(method.flow, method.preferred)
        SignInRunner(client, user).run(begin, situation.challenge)

    return run


SIGN_IN.extend(_password_rules())


# ---- USER_AUTH without a password ----------------------------------------------------------------------


def _user_auth_rules() -> Iterator[ConformanceRule]:
    for challenge, choice in (
        (S.SELECT_CHALLENGE, "EMAIL_OTP"),
        (S.EMAIL_OTP, "EMAIL_OTP"),
        (S.SMS_OTP, "SMS_OTP"),
        (S.WEB_AUTHN, "WEB_AUTHN"),
    ):
        preferred = None if challenge is S.SELECT_CHALLENGE else choice
        yield ConformanceRule(
            f"sign-in.USER_AUTH.{challenge.value}",
            f"In USER_AUTH, {_preferring(preferred)}a user {_receives(challenge)}",
            RuleGroup.SIGN_IN,
            _source(Transition(S.START, r.UserAuth, challenge), "InitiateAuth"),
            RuleSeverity.MAJOR,
            _run_user_auth(challenge, choice, preferred),
        )


def _run_user_auth(challenge: State, choice: str, preferred: str | None) -> Callable[[Trial], None]:
    def begin(client: PoolClient, user: PoolUser) -> Flow:
        return client.cognito().sign_in(
            user.username, flow="USER_AUTH", preferred_challenge=preferred
        )

    def run(trial: Trial) -> None:
        _ensure_flow_supported(trial, "USER_AUTH")
        client, user = trial.client_and_user(USER_AUTH_POOL)
        passkey = _registered_passkey(client, user) if challenge is S.WEB_AUTHN else None
        SignInRunner(client, user, passkey, choice).run(begin, challenge)

    return run


def _ensure_flow_supported(trial: Trial, flow: str) -> None:
    """Try a flow in the default pool, before a pool of its own is created."""
    client = trial.client()
    user = trial.user(client, label="nobody-asked")
    reply = client.initiate(flow, USERNAME=user.username).ensure_supported()
    if not reply.body:
        raise NotSupported(reply.summary)


def _registered_passkey(client: PoolClient, user: PoolUser) -> VirtualPasskey:
    try:
        from authfsm.conformance.passkey import VirtualPasskey  # noqa: PLC0415 - its library is an extra
    except ImportError:
        raise Skipped("passkeys need fido2: pip install 'authfsm[passkeys]'") from None
    token = {"AccessToken": client.access_token(user)}
    start = client.call("StartWebAuthnRegistration", **token).ensure_supported()
    passkey = VirtualPasskey(RELYING_PARTY)
    with client.api.setup():
        credential = passkey.create(start.setup_value("CredentialCreationOptions"))
        client.call("CompleteWebAuthnRegistration", **token, Credential=credential).setup_value()
    return passkey


SIGN_IN.extend(_user_auth_rules())


# ---- other sequences of challenges ---------------------------------------------------------------------


@rule(
    "sign-in.NEW_PASSWORD_REQUIRED.MFA_SETUP",
    _source(
        Transition(S.NEW_PASSWORD_REQUIRED, r.NewPassword, S.MFA_SETUP), "RespondToAuthChallenge"
    ),
)
def _mfa_setup_after_new_password(trial: Trial) -> None:
    """In a pool that requires a second factor, a user without one receives MFA_SETUP after
    NEW_PASSWORD_REQUIRED.
    """
    client, user = trial.client_and_user(TOTP_REQUIRED_POOL, user=TEMPORARY_USER)
    SignInRunner(client, user).run(_begin("USER_PASSWORD_AUTH"), S.MFA_SETUP)


@rule("sign-in.SELECT_CHALLENGE.PASSWORD", _FLOWS_PAGE)
def _password_in_place_of_choice(trial: Trial) -> None:
    """SELECT_CHALLENGE can be answered with the ChallengeName PASSWORD and the same Session."""
    _run_select_challenge(
        trial, lambda flow, user: flow.answer(r.Password(user.password, direct=True))
    )


@rule("sign-in.SELECT_CHALLENGE.PASSWORD_SRP", _FLOWS_PAGE)
def _srp_in_place_of_choice(trial: Trial) -> None:
    """SELECT_CHALLENGE can be answered with the ChallengeName PASSWORD_SRP and the same Session."""
    _run_select_challenge(
        trial, lambda flow, _: flow.answer(flow.make_response(r.SrpA, direct=True))
    )


def _run_select_challenge(trial: Trial, answer: Callable[[Flow, PoolUser], object]) -> None:
    def begin(client: PoolClient, user: PoolUser) -> Flow:
        flow = client.cognito().start(user.password)
        flow.answer(r.UserAuth(user.username))
        if flow.state is not S.SELECT_CHALLENGE:
            raise NotSupported(f"{flow.state} came instead of SELECT_CHALLENGE")
        answer(flow, user)
        return flow

    _ensure_flow_supported(trial, "USER_AUTH")
    client, user = trial.client_and_user(USER_AUTH_POOL)
    SignInRunner(client, user).run(begin, S.SELECT_CHALLENGE)


@rule("sign-in.CUSTOM_AUTH.CUSTOM_CHALLENGE", _CUSTOM_PAGE)
def _custom_challenge(trial: Trial) -> None:
    """In CUSTOM_AUTH, the pool's Lambda functions issue CUSTOM_CHALLENGE, and the right answer leads to tokens."""
    _run_custom_auth(trial, lambda _: None)


@rule("sign-in.CUSTOM_AUTH.PASSWORD_VERIFIER", _CUSTOM_PAGE)
def _custom_challenge_after_srp(trial: Trial) -> None:
    """In CUSTOM_AUTH with SRP_A, PASSWORD_VERIFIER comes first and CUSTOM_CHALLENGE after it."""
    _run_custom_auth(trial, lambda user: user.password)


def _run_custom_auth(trial: Trial, password: Callable[[PoolUser], Secret[str] | None]) -> None:
    def begin(client: PoolClient, user: PoolUser) -> Flow:
        return client.cognito().sign_in(user.username, password(user), flow="CUSTOM_AUTH")

    _ensure_flow_supported(trial, "CUSTOM_AUTH")
    client, user = trial.client_and_user(CUSTOM_AUTH_POOL)
    SignInRunner(client, user).run(begin, S.CUSTOM_CHALLENGE)


@rule("sign-in.USER_SRP_AUTH.DEVICE_SRP_AUTH", DEVICES_PAGE)
def _remembered_device(trial: Trial) -> None:
    """A remembered device receives DEVICE_SRP_AUTH and DEVICE_PASSWORD_VERIFIER, and tokens for the right proof."""

    def begin(client: PoolClient, user: PoolUser) -> Flow:
        flow = client.cognito().sign_in(user.username, user.password)
        try:
            device = flow.confirm_device("test")
        except InvalidOperation:
            raise NotSupported("tokens came without NewDeviceMetadata") from None
        except AuthfsmError as error:
            reply = client.api.last_reply
            raise NotSupported(reply.summary if reply else str(error)) from None
        return client.cognito(device=device).sign_in(user.username, user.password)

    client, user = trial.client_and_user(DEVICE_POOL)
    SignInRunner(client, user).run(begin, S.DEVICE_PASSWORD_VERIFIER)
