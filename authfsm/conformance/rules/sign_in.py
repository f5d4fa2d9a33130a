"""Rules about whole sign-ins, from the first request to the tokens.

Most are derived from the protocol's table: each way to prove the password, combined with each challenge that may follow.
A combination is a rule if the table has that transition on better evidence than an inference or a contradiction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from authfsm.conformance import pools
from authfsm.conformance.pool_client import PoolClient, PoolUser
from authfsm.conformance.pools import PoolRequirements, UserRequirements
from authfsm.conformance.rule import DEVICES_PAGE, RuleCollector, RuleSource, RunRule, Trial
from authfsm.conformance.sign_in_runner import Begin, SignInRunner
from authfsm.conformance.verdicts import NotSupported, Skipped
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

rule: Final = RuleCollector("Sign-in")

_FLOWS_PAGE: Final = RuleSource.guide(links.AUTHENTICATION_FLOWS, "Authentication flows")
_CUSTOM_PAGE: Final = RuleSource.guide(
    links.CUSTOM_CHALLENGES, "Custom authentication challenge Lambda triggers"
)

SIGN_IN_METHODS: Final[dict[str, tuple[State, type[Response]]]] = {
    "USER_SRP_AUTH": (S.PASSWORD_VERIFIER, r.SrpClaim),
    "USER_PASSWORD_AUTH": (S.START, r.UserPasswordAuth),
    "ADMIN_USER_PASSWORD_AUTH": (S.START, r.AdminUserPasswordAuth),
    "ADMIN_NO_SRP_AUTH": (S.START, r.AdminNoSrpAuth),
    "USER_AUTH.PASSWORD": (S.START, r.UserAuthWithPassword),
    "USER_AUTH.PASSWORD_SRP": (S.PASSWORD_VERIFIER, r.SrpClaim),
}
"""The ways to prove the password (AuthFlow and PREFERRED_CHALLENGE), and the state and the response that do it."""

USER_SITUATIONS: Final[dict[State, tuple[PoolRequirements, UserRequirements, str]]] = {
    S.AUTHENTICATED: (pools.DEFAULT_POOL, pools.DEFAULT_USER, "a user without MFA"),
    S.NEW_PASSWORD_REQUIRED: (
        pools.DEFAULT_POOL,
        pools.TEMPORARY_USER,
        "a user with a temporary password",
    ),
    S.SMS_MFA: (pools.ALL_MFA_POOL, pools.SMS_USER, "a user with SMS MFA"),
    S.EMAIL_OTP: (pools.ALL_MFA_POOL, pools.EMAIL_USER, "a user with e-mail MFA"),
    S.SOFTWARE_TOKEN_MFA: (pools.SMS_OR_TOTP_POOL, pools.TOTP_USER, "a user with TOTP MFA"),
    S.SELECT_MFA_TYPE: (
        pools.SMS_OR_TOTP_POOL,
        pools.SMS_AND_TOTP_USER,
        "a user with two MFA methods, neither of them preferred,",
    ),
    S.MFA_SETUP: (
        pools.TOTP_REQUIRED_POOL,
        pools.DEFAULT_USER,
        "a user without MFA, in a pool that requires it,",
    ),
}
"""The challenges after the proof of the password, and who receives them. AUTHENTICATED stands for tokens."""

UNTESTED_CHALLENGES: Final = {
    S.ADMIN_NO_SRP_AUTH: "AWS's own pages contradict each other about this challenge, and no trace is known",
}
"""The challenges that no rule expects, and why."""


def _source(transition: Transition, operation: str) -> RuleSource:
    """Return the best evidence of a transition, with the address of the operation's page."""
    best = evidence(transition)[0]
    return RuleSource(best.source, links.reference(operation), best.confidence)


def _begin(flow: str, preferred: str = "", *, password: bool = True) -> Begin:
    """Return a function that begins a sign-in, with or without the password."""
    return lambda client, user: client.cognito(admin=flow.startswith("ADMIN_")).sign_in(
        user.username,
        user.password if password else None,
        flow=flow,
        preferred_challenge=preferred or None,
    )


def _expect(
    challenge: State,
    begin: Begin,
    pool: PoolRequirements,
    user: UserRequirements = pools.DEFAULT_USER,
    *,
    flow: str | None = None,
    choice: str = "SOFTWARE_TOKEN_MFA",
) -> RunRule:
    """Return a function that signs a user in and expects a challenge.

    Before a pool is created for it, a flow that few endpoints support is tried in the default pool.
    """

    def run(trial: Trial) -> None:
        if flow is not None:
            _ensure_supported(trial, flow)
        client, pool_user = trial.client_and_user(pool, user=user)
        passkey = _registered_passkey(client, pool_user) if challenge is S.WEB_AUTHN else None
        SignInRunner(client, pool_user, passkey, choice).run(begin, challenge)

    return run


def _ensure_supported(trial: Trial, flow: str) -> None:
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
    passkey = VirtualPasskey(pools.RELYING_PARTY)
    with client.api.setup():
        credential = passkey.create(start.setup_value("CredentialCreationOptions"))
        client.call("CompleteWebAuthnRegistration", **token, Credential=credential).setup_value()
    return passkey


def _claim(flow: str, preferred: str, user: str, challenge: State) -> str:
    preference = f"with {preferred} as PREFERRED_CHALLENGE, " if preferred else ""
    if challenge is S.AUTHENTICATED:
        return f"In {flow}, {preference}{user} receives tokens."
    return f"In {flow}, {preference}{user} receives {challenge.value}, and tokens for the right answer."


def _add_rules_after_password() -> None:
    for method, (source, response) in SIGN_IN_METHODS.items():
        flow, _, preferred = method.partition(".")
        operation = "AdminInitiateAuth" if flow.startswith("ADMIN_") else "InitiateAuth"
        for challenge, (pool, user, description) in USER_SITUATIONS.items():
            transition = Transition(source, response, challenge)
            if transition in TRANSITION_SET and not confidence(transition).is_uncertain:
                rule.add(
                    f"sign-in.{method}.{challenge.value}",
                    _claim(flow, preferred, description, challenge),
                    _source(transition, operation),
                    _expect(challenge, _begin(flow, preferred), pool, user),
                )


_add_rules_after_password()


def _add_user_auth_rule(challenge: State, preferred: str = "", choice: str = "EMAIL_OTP") -> None:
    begin = _begin("USER_AUTH", preferred, password=False)
    rule.add(
        f"sign-in.USER_AUTH.{challenge.value}",
        _claim("USER_AUTH", preferred, "a user", challenge),
        _source(Transition(S.START, r.UserAuth, challenge), "InitiateAuth"),
        _expect(challenge, begin, pools.USER_AUTH_POOL, flow="USER_AUTH", choice=choice),
    )


_add_user_auth_rule(S.SELECT_CHALLENGE)
for _factor in (S.EMAIL_OTP, S.SMS_OTP, S.WEB_AUTHN):
    _add_user_auth_rule(_factor, _factor.value, _factor.value)

rule.add(
    "sign-in.NEW_PASSWORD_REQUIRED.MFA_SETUP",
    "In a pool that requires MFA, a user without it receives MFA_SETUP after NEW_PASSWORD_REQUIRED.",
    _source(
        Transition(S.NEW_PASSWORD_REQUIRED, r.NewPassword, S.MFA_SETUP), "RespondToAuthChallenge"
    ),
    _expect(
        S.MFA_SETUP,
        _begin("USER_PASSWORD_AUTH"),
        pools.TOTP_REQUIRED_POOL,
        pools.TEMPORARY_USER,
    ),
)


def _add_select_challenge_rule(name: str) -> None:
    def begin(client: PoolClient, user: PoolUser) -> Flow:
        flow = client.cognito().start(user.password)
        flow.answer(r.UserAuth(user.username))
        if flow.state is not S.SELECT_CHALLENGE:
            raise NotSupported(f"{flow.state} came instead of SELECT_CHALLENGE")
        if name == "PASSWORD":
            flow.answer(r.Password(user.password, direct=True))
        else:
            flow.answer(flow.make_response(r.SrpA, direct=True))
        return flow

    rule.add(
        f"sign-in.SELECT_CHALLENGE.{name}",
        f"SELECT_CHALLENGE can be answered with the ChallengeName {name} and the same Session.",
        _FLOWS_PAGE,
        _expect(S.SELECT_CHALLENGE, begin, pools.USER_AUTH_POOL, flow="USER_AUTH"),
    )


_add_select_challenge_rule("PASSWORD")
_add_select_challenge_rule("PASSWORD_SRP")


def _custom_auth(*, password: bool) -> RunRule:
    begin = _begin("CUSTOM_AUTH", password=password)
    return _expect(S.CUSTOM_CHALLENGE, begin, pools.CUSTOM_AUTH_POOL, flow="CUSTOM_AUTH")


rule.add(
    "sign-in.CUSTOM_AUTH.CUSTOM_CHALLENGE",
    "In CUSTOM_AUTH, the pool's Lambda functions issue CUSTOM_CHALLENGE, and the right answer leads to tokens.",
    _CUSTOM_PAGE,
    _custom_auth(password=False),
)
rule.add(
    "sign-in.CUSTOM_AUTH.PASSWORD_VERIFIER",
    "In CUSTOM_AUTH with SRP_A, PASSWORD_VERIFIER comes first and CUSTOM_CHALLENGE after it.",
    _CUSTOM_PAGE,
    _custom_auth(password=True),
)


def _begin_on_device(client: PoolClient, user: PoolUser) -> Flow:
    """Sign in, confirm the new device, and sign in again on it."""
    flow = client.cognito().sign_in(user.username, user.password)
    try:
        device = flow.confirm_device("test")
    except InvalidOperation:
        raise NotSupported("tokens came without NewDeviceMetadata") from None
    except AuthfsmError as error:
        reply = client.api.last_reply
        raise NotSupported(reply.summary if reply else str(error)) from None
    return client.cognito(device=device).sign_in(user.username, user.password)


rule.add(
    "sign-in.USER_SRP_AUTH.DEVICE_SRP_AUTH",
    "A remembered device receives DEVICE_SRP_AUTH and DEVICE_PASSWORD_VERIFIER, and tokens for the right proof.",
    DEVICES_PAGE,
    _expect(S.DEVICE_PASSWORD_VERIFIER, _begin_on_device, pools.DEVICE_POOL),
)
