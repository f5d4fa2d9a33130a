"""Rules about sign-ins from the first request to the tokens.

Most are derived from the protocol's table: each of them says that a challenge follows a way to prove the password.
A transition of the table has no rule if its best evidence is inferred, contradictory or refuted.
`SignInRunner` signs in with this package's client, and answers each challenge. The rule fails if the expected challenge
does not come, if the table does not allow a reply, if a right answer is refused, or if tokens come early.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from attrs import define

from authfsm.conformance import pools
from authfsm.conformance.pool_client import AuthenticatorApp, PoolUser
from authfsm.conformance.pools import PoolRequirements, UserRequirements
from authfsm.conformance.rule import DEVICES_PAGE, FLOWS_PAGE, MAJOR, RuleCollector, RuleContext, RuleSource, RunRule
from authfsm.conformance.verdicts import NotSupported, RuleFailed, RuleSeverity, Skipped, fail_if
from authfsm.drivers.boto import Flow
from authfsm.protocol import errors as e
from authfsm.protocol import links
from authfsm.protocol import responses as r
from authfsm.protocol.evidence import confidence, evidence
from authfsm.protocol.replies import MfaSetup, WebAuthn
from authfsm.protocol.responses import Response
from authfsm.protocol.states import State
from authfsm.protocol.table import TRANSITION_SET, Transition

if TYPE_CHECKING:
    from authfsm.conformance.passkey import VirtualPasskey

S = State

rule: Final = RuleCollector("Sign-in")

_CUSTOM_PAGE: Final = RuleSource.guide(links.CUSTOM_CHALLENGES, "Custom authentication challenge Lambda triggers")

SIGN_IN_METHODS: Final[dict[str, tuple[State, type[Response]]]] = {
    "USER_SRP_AUTH": (S.PASSWORD_VERIFIER, r.SrpClaim),
    "USER_PASSWORD_AUTH": (S.START, r.UserPasswordAuth),
    "ADMIN_USER_PASSWORD_AUTH": (S.START, r.AdminUserPasswordAuth),
    "ADMIN_NO_SRP_AUTH": (S.START, r.AdminNoSrpAuth),
    "USER_AUTH.PASSWORD": (S.START, r.UserAuthWithPassword),
    "USER_AUTH.PASSWORD_SRP": (S.PASSWORD_VERIFIER, r.SrpClaim),
}
"""The ways to prove the password (AuthFlow and PREFERRED_CHALLENGE), each with its state and its response."""

USER_SITUATIONS: Final[dict[State, tuple[PoolRequirements, UserRequirements, str]]] = {
    S.AUTHENTICATED: (pools.DEFAULT_POOL, pools.DEFAULT_USER, "a user without MFA"),
    S.NEW_PASSWORD_REQUIRED: (pools.DEFAULT_POOL, pools.TEMPORARY_USER, "a user with a temporary password"),
    S.SMS_MFA: (pools.ALL_MFA_POOL, pools.SMS_USER, "a user with SMS MFA"),
    S.EMAIL_OTP: (pools.ALL_MFA_POOL, pools.EMAIL_USER, "a user with e-mail MFA"),
    S.SOFTWARE_TOKEN_MFA: (pools.SMS_OR_TOTP_POOL, pools.TOTP_USER, "a user with TOTP MFA"),
    S.SELECT_MFA_TYPE: (pools.SMS_OR_TOTP_POOL, pools.SMS_AND_TOTP_USER,
                        "a user with two MFA methods, neither of them preferred,"),
    S.MFA_SETUP: (pools.TOTP_REQUIRED_POOL, pools.DEFAULT_USER, "a user without MFA, in a pool that requires it,"),
}  # fmt: skip
"""The challenges after the proof of the password, and who receives them. AUTHENTICATED stands for tokens."""

UNTESTED_CHALLENGES: Final = {
    S.ADMIN_NO_SRP_AUTH: "AWS's pages contradict each other about this challenge, and no recorded reply has it"
}
"""The challenges that the rules leave out, and why."""

_MOST_ANSWERS: Final = 12
# The expected challenge may still come after the answer to one of these challenges.
_INTERMEDIATE: Final = {S.SELECT_CHALLENGE, S.SELECT_MFA_TYPE, S.CUSTOM_CHALLENGE, S.NEW_PASSWORD_REQUIRED}
Begin = Callable[[PoolUser], Flow]
"""Begins a sign-in and runs it until user input is required."""


@define
class SignInRunner:
    """Signs a user in; `choice` is the factor that the user selects if Cognito offers several."""

    user: PoolUser
    passkey: VirtualPasskey | None = None
    choice: str = "SOFTWARE_TOKEN_MFA"

    def run(self, begin: Begin, expected: State) -> None:
        """Sign in, and check that the expected challenge comes on the way to tokens."""
        flow = self._begin(begin, expected)
        if expected not in _visited(flow):
            if flow.state is S.AUTHENTICATED:
                raise RuleFailed(f"tokens came instead of {expected}", RuleSeverity.CRITICAL)
            fail_if(flow.state not in _INTERMEDIATE, f"{flow.state} came instead of {expected}")
        for _ in range(_MOST_ANSWERS):
            # AWS's pages disagree whether SOFTWARE_TOKEN_MFA follows MFA_SETUP: both are accepted.
            after_setup = flow.state is S.SOFTWARE_TOKEN_MFA and S.MFA_SETUP in _visited(flow)
            if flow.state is S.AUTHENTICATED or after_setup:
                break
            self._answer(flow)
        else:
            raise RuleFailed(f"no tokens came after {_MOST_ANSWERS} answers")
        if expected not in _visited(flow):
            raise RuleFailed(f"tokens came without {expected}", RuleSeverity.CRITICAL)

    def _begin(self, begin: Begin, expected: State) -> Flow:
        try:
            return begin(self.user)
        except e.ProtocolViolation as error:
            ended: Exception = RuleFailed(str(error))
        except e.AuthfsmError as error:
            ended = self._begin_error(error)
        reply = self.user.client.api.last_reply
        if isinstance(ended, RuleFailed) and expected not in {S.AUTHENTICATED, reply and reply.challenge}:
            # The rule that expects tokens without a challenge reports this failure.
            raise Skipped(f"the sign-in fails at an earlier step: {ended.why}")
        raise ended

    def _begin_error(self, error: e.AuthfsmError) -> Exception:
        reply = self.user.client.api.last_reply
        if isinstance(error, e.ConnectionLost) or reply is None:
            return Skipped(str(error))
        if isinstance(error, e.Refused):
            if reply.operation.endswith("RespondToAuthChallenge") and not reply.unsupported:
                return RuleFailed(f"the right proof was refused: {reply.summary}")
            return NotSupported(reply.summary)
        return RuleFailed(str(error)) if reply.body else NotSupported(reply.summary)

    def _answer(self, flow: Flow) -> None:
        state = flow.state
        try:
            flow.answer(self._right_answer(flow))
        except Skipped as skipped:
            raise Skipped(f"{state} came; {skipped.why}") from None
        except e.Refused as refused:
            reply = self.user.client.api.last_reply
            why = reply.ensure_supported().summary if reply else str(refused)
            raise RuleFailed(f"the right answer to {state} was refused: {why}") from None
        except e.AuthfsmError as error:
            raise RuleFailed(f"after the answer to {state}: {error}") from None

    def _right_answer(self, flow: Flow) -> Response:  # noqa: PLR0911 - one line per challenge
        match flow.state:
            case S.NEW_PASSWORD_REQUIRED:
                return r.NewPassword(pools.NEW_PASSWORD)
            case S.SELECT_CHALLENGE | S.SELECT_MFA_TYPE:
                return r.Select(self.choice)
            case S.PASSWORD:
                return r.Password(self.user.password)
            case S.SMS_MFA | S.SMS_OTP | S.EMAIL_OTP:
                return r.Code(self.user.code())
            case S.SOFTWARE_TOKEN_MFA:
                return r.Code(self.user.app.code())
            case S.CUSTOM_CHALLENGE:
                return r.Answer(pools.CUSTOM_ANSWER)
            case S.WEB_AUTHN:
                return self._signature(flow)
            case S.MFA_SETUP:
                return self._app_setup(flow)
            case state:
                raise Skipped(f"the suite has no answer to {state}")

    def _signature(self, flow: Flow) -> Response:
        challenge = flow.challenge
        if self.passkey is None or not isinstance(challenge, WebAuthn):
            raise RuleFailed("WEB_AUTHN came for a user without a passkey")
        return r.Credential(self.passkey.sign(challenge.parameters["CREDENTIAL_REQUEST_OPTIONS"]))

    def _app_setup(self, flow: Flow) -> Response:
        challenge = flow.challenge
        if not isinstance(challenge, MfaSetup) or challenge.secret_code is None:
            return r.AssociateSoftwareToken()
        if not challenge.verified:
            return r.VerifySoftwareToken(AuthenticatorApp(challenge.secret_code).code())
        return r.CompleteMfaSetup()


def _visited(flow: Flow) -> list[State]:
    return [step.dest for step in flow.history]


def _source(transition: Transition, operation: str) -> RuleSource:
    """Return the best evidence of a transition, with the address of the operation's page."""
    best = evidence(transition)[0]
    return RuleSource(best.source, links.reference(operation), best.confidence)


def _begin_in(flow: str, preferred: str = "", *, password: bool = True) -> Begin:
    """Return a function that begins a sign-in, with or without the password."""
    return lambda user: user.client.cognito(admin=flow.startswith("ADMIN_")).sign_in(
        user.username, user.password if password else None, flow=flow, preferred_challenge=preferred or None
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

    A `flow` that few endpoints support is tried in the default pool first, before a pool is created for the rule.
    """

    def run(context: RuleContext) -> None:
        if flow is not None:
            other = context.user(label="flow-tester")
            reply = other.client.initiate(flow, USERNAME=other.username).ensure_supported()
            if not reply.body:
                raise NotSupported(reply.summary)
        pool_user = context.user(pool, user)
        passkey = _registered_passkey(pool_user) if challenge is S.WEB_AUTHN else None
        SignInRunner(pool_user, passkey, choice).run(begin, challenge)

    return run


def _registered_passkey(user: PoolUser) -> VirtualPasskey:
    try:
        from authfsm.conformance.passkey import VirtualPasskey  # noqa: PLC0415 - fido2 is an optional dependency
    except ImportError:
        raise Skipped("passkeys need fido2: pip install 'authfsm[passkeys]'") from None
    client, token = user.client, {"AccessToken": user.access_token()}
    start = client.api.call("StartWebAuthnRegistration", **token).ensure_supported()
    passkey = VirtualPasskey(pools.RELYING_PARTY)
    with client.api.setup():
        credential = passkey.create(start.setup_value("CredentialCreationOptions"))
        client.api.call("CompleteWebAuthnRegistration", **token, Credential=credential).setup_value()
    return passkey


def _statement(flow: str, preferred: str, user: str, challenge: State) -> str:
    preference = f"with {preferred} as PREFERRED_CHALLENGE, " if preferred else ""
    end = "tokens" if challenge is S.AUTHENTICATED else f"{challenge.value}, and tokens for the right answer"
    return f"In {flow}, {preference}{user} receives {end}."


def _begin_with_choice(*, srp: bool) -> Begin:
    def begin(user: PoolUser) -> Flow:
        flow = user.client.cognito().start(user.password)
        flow.answer(r.UserAuth(user.username))
        if flow.state is not S.SELECT_CHALLENGE:
            raise NotSupported(f"{flow.state} came instead of SELECT_CHALLENGE")
        flow.answer(flow.make_response(r.SrpA, direct=True) if srp else r.Password(user.password, direct=True))
        return flow

    return begin


def _begin_on_device(user: PoolUser) -> Flow:
    """Sign in, confirm the new device, and sign in again on it."""
    cognito = user.client.cognito
    flow = cognito().sign_in(user.username, user.password)
    try:
        device = flow.confirm_device("test")
    except e.InvalidOperation:
        raise NotSupported("tokens came without NewDeviceMetadata") from None
    except e.AuthfsmError as error:
        reply = user.client.api.last_reply
        raise NotSupported(reply.summary if reply else str(error)) from None
    return cognito(device=device).sign_in(user.username, user.password)


def _add_rules_after_password() -> None:
    for method, (source, response) in SIGN_IN_METHODS.items():
        flow, _, preferred = method.partition(".")
        operation = "AdminInitiateAuth" if flow.startswith("ADMIN_") else "InitiateAuth"
        for challenge, (pool, user, description) in USER_SITUATIONS.items():
            transition = Transition(source, response, challenge)
            if transition in TRANSITION_SET and not confidence(transition).is_uncertain:
                statement = _statement(flow, preferred, description, challenge)
                run = _expect(challenge, _begin_in(flow, preferred), pool, user)
                rule.add(rule_id(method, challenge), _source(transition, operation), MAJOR, statement, run)


def _add_rules_of_user_auth() -> None:
    for challenge in (S.SELECT_CHALLENGE, S.EMAIL_OTP, S.SMS_OTP, S.WEB_AUTHN):
        preferred = "" if challenge is S.SELECT_CHALLENGE else challenge.value
        begin, choice = _begin_in("USER_AUTH", preferred, password=False), preferred or "EMAIL_OTP"
        source = _source(Transition(S.START, r.UserAuth, challenge), "InitiateAuth")
        statement = _statement("USER_AUTH", preferred, "a user", challenge)
        run = _expect(challenge, begin, pools.USER_AUTH_POOL, flow="USER_AUTH", choice=choice)
        rule.add(rule_id("USER_AUTH", challenge), source, MAJOR, statement, run)


def rule_id(method: str, challenge: State) -> str:
    """Return the id of the rule which says that a sign-in by this method leads to this challenge."""
    return f"sign-in.{method}.{challenge.value}"


_add_rules_after_password()
_add_rules_of_user_auth()
# fmt: off
rule.add("sign-in.NEW_PASSWORD_REQUIRED.MFA_SETUP",
    _source(Transition(S.NEW_PASSWORD_REQUIRED, r.NewPassword, S.MFA_SETUP), "RespondToAuthChallenge"), MAJOR,
    "In a pool that requires MFA, a user without it receives MFA_SETUP after NEW_PASSWORD_REQUIRED.",
    _expect(S.MFA_SETUP, _begin_in("USER_PASSWORD_AUTH"), pools.TOTP_REQUIRED_POOL, pools.TEMPORARY_USER))
rule.add("sign-in.SELECT_CHALLENGE.PASSWORD", FLOWS_PAGE, MAJOR,
    "SELECT_CHALLENGE can be answered with the ChallengeName PASSWORD and the same Session.",
    _expect(S.SELECT_CHALLENGE, _begin_with_choice(srp=False), pools.USER_AUTH_POOL, flow="USER_AUTH"))
rule.add("sign-in.SELECT_CHALLENGE.PASSWORD_SRP", FLOWS_PAGE, MAJOR,
    "SELECT_CHALLENGE can be answered with the ChallengeName PASSWORD_SRP and the same Session.",
    _expect(S.SELECT_CHALLENGE, _begin_with_choice(srp=True), pools.USER_AUTH_POOL, flow="USER_AUTH"))
rule.add("sign-in.CUSTOM_AUTH.CUSTOM_CHALLENGE", _CUSTOM_PAGE, MAJOR,
    "In CUSTOM_AUTH, the pool's Lambda functions issue CUSTOM_CHALLENGE, and the right answer leads to tokens.",
    _expect(S.CUSTOM_CHALLENGE, _begin_in("CUSTOM_AUTH", password=False), pools.CUSTOM_AUTH_POOL, flow="CUSTOM_AUTH"))
rule.add("sign-in.CUSTOM_AUTH.PASSWORD_VERIFIER", _CUSTOM_PAGE, MAJOR,
    "In CUSTOM_AUTH with SRP_A, PASSWORD_VERIFIER comes first and CUSTOM_CHALLENGE after it.",
    _expect(S.CUSTOM_CHALLENGE, _begin_in("CUSTOM_AUTH"), pools.CUSTOM_AUTH_POOL, flow="CUSTOM_AUTH"))
rule.add("sign-in.USER_SRP_AUTH.DEVICE_SRP_AUTH", DEVICES_PAGE, MAJOR,
    "A remembered device receives DEVICE_SRP_AUTH and DEVICE_PASSWORD_VERIFIER, and tokens for the right proof.",
    _expect(S.DEVICE_PASSWORD_VERIFIER, _begin_on_device, pools.DEVICE_POOL))
# fmt: on
