"""The factors that responses prove, the proofs on a path (`ProofState`), and the known exceptions.

Cognito should issue tokens only after a first factor and, if MFA is required, a second factor. A `FactorException` is
a known reason why it issues tokens without one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from attrs import field, frozen

from authfsm.base.mixins import DescribedName
from authfsm.protocol import links
from authfsm.protocol import responses as r
from authfsm.protocol import table as p
from authfsm.protocol.evidence import Confidence
from authfsm.protocol.nodes import EdgeRoles
from authfsm.protocol.states import PASSWORDLESS, State
from authfsm.protocol.table import Role, Transition
from authfsm.settings import PoolSettings
from authfsm.settings.rules import require_passkey_as_mfa, skips_second_factor

S = State
StateResponse = tuple[State, type[r.Response]]


class Factor(DescribedName):
    """A factor that a user can prove, or an event that replaces a proof."""

    PASSWORD = "password"  # noqa: S105 - a name
    CODE = "code as first factor"
    PASSKEY = "passkey"
    FUNCTIONS = "the pool's functions", "DefineAuthChallenge has issued tokens."
    SIGN_UP = "code of the sign-up"
    REFRESH_TOKEN = "refresh token"  # noqa: S105 - a name
    ACCESS_TOKEN = "access token"  # noqa: S105 - a name
    SECOND = "second factor"
    DEVICE = "remembered device"
    UNKNOWN = "unknown challenge", "No source says what it proves."


FIRST_FACTORS: Final = frozenset({Factor.PASSWORD, Factor.CODE, Factor.PASSKEY})
"""The first factors (AWS developer guide, "Authentication flows")."""

# fmt: off
PROOFS: Final[Mapping[StateResponse, Factor]] = {
    **{(S.START, response): Factor.PASSWORD for response in
       (r.UserPasswordAuth, r.AdminUserPasswordAuth, r.AdminNoSrpAuth, r.UserAuthWithPassword)},
    **{(S.START, response): Factor.FUNCTIONS for response in r.CUSTOM_AUTH_RESPONSES},
    (S.START, r.SignedUp):                    Factor.SIGN_UP,
    **{(state, r.Password): Factor.PASSWORD for state in
       (S.SELECT_CHALLENGE, S.PASSWORD, S.ADMIN_NO_SRP_AUTH, *PASSWORDLESS)},
    **{(state, r.Credential): Factor.PASSKEY for state in (S.SELECT_CHALLENGE, *PASSWORDLESS)},
    (S.PASSWORD_VERIFIER, r.SrpClaim):        Factor.PASSWORD,
    (S.EMAIL_OTP, r.Code):                    Factor.CODE,      # as a second factor: SECOND
    (S.SMS_OTP, r.Code):                      Factor.CODE,
    (S.CUSTOM_CHALLENGE, r.Answer):           Factor.FUNCTIONS,
    (S.MFA_SETUP, r.CompleteMfaSetup):        Factor.SECOND,    # only after VerifySoftwareToken
    (S.SMS_MFA, r.Code):                      Factor.SECOND,
    (S.SOFTWARE_TOKEN_MFA, r.Code):           Factor.SECOND,
    (S.DEVICE_PASSWORD_VERIFIER, r.SrpClaim): Factor.DEVICE,
    (S.OTHER_CHALLENGE, r.RawAnswer):         Factor.UNKNOWN,
    # "The refresh token ... retrieves new ID and access tokens" of a sign-in whose factors were proved before.
    **{(state, response): Factor.REFRESH_TOKEN
       for state in (S.START, S.AUTHENTICATED) for response in r.REFRESH_RESPONSES},
}
# fmt: on
"""The factor that a response in a state proves if Cognito accepts it; `proved_by` has the exceptions."""

_PROVES_NOTHING: Final = frozenset({S.FAILED, S.SELECT_CHALLENGE, S.ADMIN_NO_SRP_AUTH, S.START})
"""If a reply leads to one of these states, Cognito has refused the proof in the answer, or has not checked it."""

NEXT_BY_FUNCTIONS: Final = r.CUSTOM_AUTH_RESPONSES | {r.Answer}
"""The responses after which DefineAuthChallenge decides what follows. It may name any challenge."""

_SECOND_FACTOR_STATES: Final = p.SECOND_FACTOR_STEPS - {S.EMAIL_OTP}


@frozen(cache_hash=True)
class ProofState:
    """The state of a user's proofs since the sign-in began.

    Args:
        factors: the proved factors.
        lambda_may_choose: whether Lambda functions may choose the challenges. They may in CUSTOM_AUTH; sources
            contradict each other on whether they may also do so after an administrator's password flow.
        second_factor_asked: whether Cognito has asked for a second factor or its set-up.
        associated: whether AssociateSoftwareToken has issued a secret.
        verified: whether VerifySoftwareToken has accepted a code.
        lambda_named: whether a Lambda function has named the present challenge, so that Cognito refuses every answer
            (amplify-js #1291, #9592, #12887, PR #566; amplify-flutter #4890). It is false for CUSTOM_CHALLENGE and,
            after SRP_A, for PASSWORD_VERIFIER, because Cognito accepts answers to these.
    """

    factors: frozenset[Factor] = frozenset()
    lambda_may_choose: bool = False
    second_factor_asked: bool = False
    associated: bool = False
    verified: bool = False
    lambda_named: bool = False


NOTHING_PROVED: Final = ProofState()
"""The proof state at START."""


def proved_by(
    proofs: Mapping[StateResponse, Factor], before: ProofState, transition: Transition, ends: EdgeRoles
) -> frozenset[Factor]:
    """Return the factors that a transition proves; `before` is the proof state before it."""
    source, response, dest, kind = transition
    factor = proofs.get((source, response))
    if response is r.StepUp and asks_second_factor(dest, ends.dest):
        # Cognito gives "credit for the factors in its amr", so a step-up that asks for a second factor has a first one.
        factor = Factor.ACCESS_TOKEN
    # A refusal proves nothing, nor does the same challenge again. A new CUSTOM_CHALLENGE may be a different one.
    again = kind is p.NEW_CHALLENGE and ends.source is ends.dest and source is not S.CUSTOM_CHALLENGE
    if factor is None or dest in _PROVES_NOTHING or kind in p.LOOP_KINDS_AFTER_REFUSAL or again:
        return frozenset()
    no_token_verified = response is r.CompleteMfaSetup and not before.verified
    no_function = factor is Factor.FUNCTIONS and not (before.lambda_may_choose or response in r.CUSTOM_AUTH_RESPONSES)
    no_tokens = response in NEXT_BY_FUNCTIONS and dest not in {S.AUTHENTICATED, S.DEVICE_SRP_AUTH}
    if no_token_verified or no_function or no_tokens:
        return frozenset()
    as_second = ends.source is Role.SECOND_FACTOR and factor is Factor.CODE
    return frozenset({Factor.SECOND if as_second else factor})


def asks_second_factor(dest: State, role: Role | None) -> bool:
    """Return whether a state asks for a second factor or its set-up."""
    return dest in _SECOND_FACTOR_STATES or (dest is S.EMAIL_OTP and role is Role.SECOND_FACTOR)


@frozen
class FactorException:
    """A known reason why tokens are issued without a factor.

    Args:
        name: a short name.
        why: the reason, in a sentence.
        confidence: how certain it is.
        source: where it is documented.
        holds: returns whether the exception explains a transition to the tokens; the proof state is the one after it.
        applies: returns whether the exception applies to a pool with these settings.
    """

    name: str
    why: str
    confidence: Confidence
    source: str
    holds: Callable[[ProofState, Transition], bool] = field(repr=False)
    applies: Callable[[PoolSettings], bool] = field(default=lambda _: True, repr=False)


def _has(factor: Factor) -> Callable[[ProofState, Transition], bool]:
    return lambda proved, _: factor in proved.factors


def _proved_and_no_second_asked(factor: Factor, proved: ProofState) -> bool:
    return factor in proved.factors and not proved.second_factor_asked


# fmt: off
FIRST_FACTOR_EXCEPTIONS: Final = (
    FactorException(
        "functions", "In CUSTOM_AUTH, the pool's Lambda functions decide who receives tokens: they set issueTokens.",
        Confidence.DOCUMENTED, links.DEFINE_AUTH_CHALLENGE, _has(Factor.FUNCTIONS)),
    FactorException(
        "sign-up", "The code that confirmed the sign-up is the proof; the session of ConfirmSignUp shows that it was accepted.",
        Confidence.DOCUMENTED, links.reference("ConfirmSignUp"), _has(Factor.SIGN_UP)),
    FactorException(
        "refresh token", "A refresh token continues the sign-in that issued it.",
        Confidence.DOCUMENTED, links.REFRESH_TOKENS, _has(Factor.REFRESH_TOKEN)),
    FactorException(
        "access token", "A step-up credits the factors in the amr claim of the access token.",
        Confidence.DOCUMENTED, links.reference("InitiateAuth"), _has(Factor.ACCESS_TOKEN)),
    FactorException(
        "unknown challenge", "This package does not know the challenge, and no source says what it proves.",
        Confidence.INFERRED, "botocore's model of ChallengeNameType has sixteen names", _has(Factor.UNKNOWN)),
)
"""The reasons why tokens may be issued without a first factor."""

SECOND_FACTOR_EXCEPTIONS: Final = (
    FactorException(
        "remembered device", "A remembered device that proves itself replaces the second factor.",
        Confidence.DOCUMENTED, links.DEVICES, _has(Factor.DEVICE)),
    FactorException(
        "passkey", "A passkey with user verification counts as two factors (FactorConfiguration is "
        "MULTI_FACTOR_WITH_USER_VERIFICATION).",
        Confidence.DOCUMENTED, links.reference("WebAuthnConfigurationType"),
        lambda proved, _: _proved_and_no_second_asked(Factor.PASSKEY, proved),
        lambda settings: require_passkey_as_mfa(settings) is None),
    FactorException(
        "first sign-in",
        "'The first time that a new user signs in to your app, Amazon Cognito issues tokens, even if your user "
        "pool requires MFA': the code of the sign-up was the second factor. Captured sign-ins and the tests of moto, "
        "amplify-swift, amplify-flutter and amplify-android, which run against real pools, refute it.",
        Confidence.REFUTED, links.MFA,
        lambda proved, t: skips_second_factor(t) and _proved_and_no_second_asked(Factor.PASSWORD, proved)),
    FactorException(
        "federated user",
        "'In the case of federated users, Amazon Cognito delegates all authentication processes to the IdP and "
        "doesn't offer them additional authentication factors.' The table has no transition for federated sign-ins.",
        Confidence.DOCUMENTED, links.MFA, lambda _, __: False),
    *FIRST_FACTOR_EXCEPTIONS,
)
# fmt: on
"""The reasons why tokens may lack a second factor although MFA is required. FIRST_FACTOR_EXCEPTIONS are among them.

The Cognito team says about `functions`: "MFA is not supported in passwordless custom flows" (amplify-js #12887).
"""


def exception_for(
    exceptions: Iterable[FactorException],
    proved: ProofState,
    transition: Transition,
    settings: PoolSettings | None = None,
) -> FactorException | None:
    """Return the exception that explains a transition to the tokens; None if there is none."""
    found = (
        each for each in exceptions if (settings is None or each.applies(settings)) and each.holds(proved, transition)
    )
    return next(found, None) if transition.dest is State.AUTHENTICATED else None
