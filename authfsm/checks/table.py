"""The protocol as a value for the checks, and its factors: what each response proves, and the documented exceptions.

A `Table` (this package's, or one of your own) has all that the checks read: the transitions, what a response needs and
proves, what ends a loop, and what to do about each error. The table says where a reply may lead; `ProofState` says what
the user has proved on the way there. Tokens without a first factor, or without a second one where MFA is required, are
a fault unless a `FactorException` applies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from attrs import field, frozen

from authfsm.base.mixins import DescribedName
from authfsm.protocol import links
from authfsm.protocol import responses as r
from authfsm.protocol import table as p
from authfsm.protocol.error_policy import ERROR_POLICY, LISTED_OPERATIONS, ErrorRule, RecoveryAction
from authfsm.protocol.evidence import Confidence, confidence
from authfsm.protocol.nodes import EdgeRoles, target_roles
from authfsm.protocol.states import CHALLENGES, PASSWORDLESS, State
from authfsm.protocol.table import Destination, Prerequisite, Role, Transition, row_transitions
from authfsm.protocol.validators import frozen_mapping
from authfsm.settings import PoolSettings
from authfsm.settings.rules import passkey_allowed_with_mfa, skips_second_factor

S = State
StateResponse = tuple[State, type[r.Response]]


class Factor(DescribedName):
    """Something that a user can prove, or that replaces a proof."""

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
    # "The refresh token ... retrieves new ID and access tokens" of a session that was proved before.
    **{(state, response): Factor.REFRESH_TOKEN
       for state in (S.START, S.AUTHENTICATED) for response in r.REFRESH_RESPONSES},
}
# fmt: on
"""What a response in a state proves, once the reply leads on."""

_PROOF_NOT_CHECKED: Final = frozenset({S.FAILED, S.SELECT_CHALLENGE, S.ADMIN_NO_SRP_AUTH, S.START})
"""A reply that leads here shows that Cognito has not accepted a proof."""

NEXT_BY_FUNCTIONS: Final = r.CUSTOM_AUTH_RESPONSES | {r.Answer}
"""The responses after which DefineAuthChallenge decides what follows, and may name any challenge."""

_SECOND_FACTOR_STATES: Final = p.SECOND_FACTOR - {S.EMAIL_OTP}


@frozen(cache_hash=True)
class ProofState:
    """What a user has proved since the sign-in began.

    Args:
        factors: what was proved.
        lambda_may_choose: may Lambda functions choose the challenges? They do in CUSTOM_AUTH; whether they do
            after an administrator's password flow too, sources contradict each other.
        second_factor_asked: has Cognito asked for a second factor or its set-up?
        associated: has AssociateSoftwareToken issued a secret?
        verified: has VerifySoftwareToken accepted a code?
        lambda_named: did a Lambda function name the present challenge on its own? Then no answer to it leads on
            (amplify-js #1291, #9592, #12887, PR #566; amplify-flutter #4890).
    """

    factors: frozenset[Factor] = frozenset()
    lambda_may_choose: bool = False
    second_factor_asked: bool = False
    associated: bool = False
    verified: bool = False
    lambda_named: bool = False


NOTHING: Final = ProofState()
"""What is proved at START."""


def proved_by(
    proofs: Mapping[StateResponse, Factor], before: ProofState, transition: Transition, ends: EdgeRoles
) -> frozenset[Factor]:
    """Return what following a transition proves, after what was proved before."""
    source, response, dest, kind = transition
    factor = proofs.get((source, response))
    if response is r.StepUp and asks_second_factor(dest, ends.dest):
        # "credit for the factors in its amr": the first factor is credited if the second one is asked for.
        factor = Factor.ACCESS_TOKEN
    # A refusal proves nothing, nor does a challenge that is issued again. A custom challenge may be the next one.
    again = kind is p.NEW_CHALLENGE and ends.source is ends.dest and source is not S.CUSTOM_CHALLENGE
    if factor is None or dest in _PROOF_NOT_CHECKED or kind in {p.RETRY, p.RESTART} or again:
        return frozenset()
    no_token_verified = response is r.CompleteMfaSetup and not before.verified
    no_function = factor is Factor.FUNCTIONS and not (
        before.lambda_may_choose or response in r.CUSTOM_AUTH_RESPONSES
    )
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
    """A documented reason why tokens are issued without a factor.

    Args:
        name: its name.
        why: the reason, in a sentence.
        confidence: how certain it is.
        source: where it is documented.
        holds: does it explain this transition to the tokens, with what was proved on the way and by it?
        applies: does it apply to a pool with these settings?
    """

    name: str
    why: str
    confidence: Confidence
    source: str
    holds: Callable[[ProofState, Transition], bool] = field(repr=False)
    applies: Callable[[PoolSettings], bool] = field(default=lambda _: True, repr=False)


def _has(factor: Factor) -> Callable[[ProofState, Transition], bool]:
    return lambda proved, _: factor in proved.factors


def _no_second_factor(factor: Factor, proved: ProofState) -> bool:
    return factor in proved.factors and not proved.second_factor_asked


# fmt: off
FIRST_FACTOR_EXCEPTIONS: Final = (
    FactorException(
        "functions", "In CUSTOM_AUTH, the pool's Lambda functions decide who receives tokens: they set issueTokens.",
        Confidence.DOCUMENTED, links.DEFINE_AUTH_CHALLENGE, _has(Factor.FUNCTIONS)),
    FactorException(
        "sign-up", "The code that confirmed the sign-up is the proof; the session of ConfirmSignUp vouches for it.",
        Confidence.DOCUMENTED, links.reference("ConfirmSignUp"), _has(Factor.SIGN_UP)),
    FactorException(
        "refresh token", "A refresh token continues the sign-in that issued it.",
        Confidence.DOCUMENTED, links.REFRESH_TOKENS, _has(Factor.REFRESH_TOKEN)),
    FactorException(
        "access token", "A step-up credits the factors in the amr claim of the access token.",
        Confidence.DOCUMENTED, links.reference("InitiateAuth"), _has(Factor.ACCESS_TOKEN)),
    FactorException(
        "unknown challenge", "No source says what a challenge proves that this package does not know.",
        Confidence.INFERRED, "botocore's model of ChallengeNameType has sixteen names", _has(Factor.UNKNOWN)),
)
"""What replaces a first factor."""

SECOND_FACTOR_EXCEPTIONS: Final = (
    FactorException(
        "remembered device", "A remembered device that proves itself replaces the second factor.",
        Confidence.DOCUMENTED, links.DEVICES, _has(Factor.DEVICE)),
    FactorException(
        "passkey", "A passkey with user verification counts as two factors (FactorConfiguration is "
        "MULTI_FACTOR_WITH_USER_VERIFICATION).",
        Confidence.DOCUMENTED, links.reference("WebAuthnConfigurationType"),
        lambda proved, _: _no_second_factor(Factor.PASSKEY, proved),
        lambda settings: passkey_allowed_with_mfa(settings) is None),
    FactorException(
        "first sign-in",
        "'The first time that a new user signs in to your app, Amazon Cognito issues tokens, even if your user "
        "pool requires MFA': the code of the sign-up was the second factor. Captured sign-ins and the tests of moto, "
        "amplify-swift, amplify-flutter and amplify-android, which run against real pools, refute it.",
        Confidence.REFUTED, links.MFA,
        lambda proved, t: skips_second_factor(t) and _no_second_factor(Factor.PASSWORD, proved)),
    FactorException(
        "federated user",
        "'In the case of federated users, Amazon Cognito delegates all authentication processes to the IdP and "
        "doesn't offer them additional authentication factors.' No transition of the table leads there.",
        Confidence.DOCUMENTED, links.MFA, lambda _, __: False),
    *FIRST_FACTOR_EXCEPTIONS,
)
# fmt: on
"""What replaces a second factor where MFA is required; what replaces a first factor replaces both.

`functions`: "MFA is not supported in passwordless custom flows" (the Cognito team, amplify-js #12887).
"""


def exception_for(
    exceptions: Iterable[FactorException],
    proved: ProofState,
    transition: Transition,
    settings: PoolSettings | None = None,
) -> FactorException | None:
    """Return the exception that explains a transition to the tokens; None if there is none."""
    found = (
        each
        for each in exceptions
        if (settings is None or each.applies(settings)) and each.holds(proved, transition)
    )
    return next(found, None) if transition.dest is State.AUTHENTICATED else None


Rows = Mapping[State, Mapping[type[r.Response], frozenset[Destination]]]


@frozen
class Bound:
    """What ends a loop: an error that Cognito returns sooner or later, and whose action ends the sign-in."""

    name: str
    limit: str  # how long, or how often
    code: str  # the error that ends the loop
    part: str  # the part of the error's message that identifies it
    actions: frozenset[RecoveryAction]  # those of this error that end the loop
    source: str  # where this is documented
    applies_to: Callable[[Transition], bool] = field(repr=False)  # does it end a loop with this?

    def holds(self, actions: Mapping[str, Mapping[str, ErrorRule]]) -> bool:
        """Return whether these actions include one that ends the loop."""
        row = actions.get(self.code, {}).get(self.part)
        return row is not None and row.action in self.actions


_GOES_ON: Final = {RecoveryAction.TRY_AGAIN, RecoveryAction.DROP_DEVICE, RecoveryAction.WAIT}
_ENDS_SIGN_IN: Final = frozenset(RecoveryAction) - _GOES_ON

# fmt: off
BOUNDS: Final = (
    Bound(
        "AuthSessionValidity", "3 to 15 minutes; a refused answer does not prolong the session",
        "NotAuthorizedException", "session is expired", _ENDS_SIGN_IN, "AWS API reference, UserPoolClientType",
        lambda t: t.kind is p.RETRY or (t.kind is p.ACKNOWLEDGEMENT and t.source is S.MFA_SETUP)),
    Bound(
        "device key", "once: the client does not send again a key that Cognito has forgotten",
        "ResourceNotFoundException", "Device does not exist", frozenset({RecoveryAction.DROP_DEVICE}),
        "amplify-js retryOnResourceNotFoundException, amplify-swift retryRespondPasswordVerifier",
        lambda t: t.kind is p.RESTART),
    Bound(
        "DefineAuthChallenge", "as many rounds as the Lambda function allows: it receives the list of all rounds",
        "NotAuthorizedException", "", _ENDS_SIGN_IN,
        "AWS developer guide, Define auth challenge Lambda trigger: failAuthentication",
        lambda t: t.source is S.CUSTOM_CHALLENGE),
    Bound(
        "request rate", "RespondToAuthChallenge may be sent at three times the rate of UserAuthentication",
        "TooManyRequestsException", "", frozenset({RecoveryAction.WAIT, RecoveryAction.WAIT_OUT}),
        "AWS developer guide, Quotas in Amazon Cognito",
        lambda t: t.response is r.Select and {t.source, t.dest} <= p.FIRST_FACTOR),
    Bound(
        "device proof", "once: Cognito does not ask again for a device that was proved",
        "NotAuthorizedException", "session can only be used once", _ENDS_SIGN_IN,
        "AWS developer guide, Working with user devices: 'the final challenge'",
        lambda t: t.source is S.DEVICE_PASSWORD_VERIFIER),
    Bound(
        "session of an unknown challenge", "each answer uses up its session",
        "NotAuthorizedException", "session can only be used once", _ENDS_SIGN_IN, "inferred from the known challenges",
        lambda t: t.source is S.OTHER_CHALLENGE),
    Bound(
        "RefreshTokenValidity", "60 minutes to 10 years, 30 days by default",
        "NotAuthorizedException", "Refresh Token has", _ENDS_SIGN_IN, "AWS API reference, UserPoolClientType",
        lambda t: t.response in r.REFRESH_RESPONSES),
    Bound(
        "AccessTokenValidity", "5 minutes to a day, one hour by default; operations on a device require an access token",
        "NotAuthorizedException", "Access Token has", _ENDS_SIGN_IN, "AWS API reference, UserPoolClientType, ConfirmDevice",
        lambda t: t.response in {r.ConfirmDevice, r.UpdateDeviceStatus}),
    Bound(
        "lock-out", "2^(n-5) seconds after n failures from the fifth on, up to about 15 minutes, for each new sign-in",
        "NotAuthorizedException", "Password attempts exceeded", frozenset({RecoveryAction.WAIT_OUT}),
        "AWS developer guide, Authentication: lockout behavior for failed sign-in attempts",
        lambda t: t.response in {r.RevokeToken, r.GlobalSignOut} and t.dest is S.START),
)
# fmt: on
"""What ends loops, and the transitions that each bound applies to."""


def _read_only(rows: Rows) -> Rows:
    return MappingProxyType({each: MappingProxyType(dict(row)) for each, row in rows.items()})


def _transitions(transitions: Iterable[Transition]) -> frozenset[Transition]:
    return frozenset(transitions)


@frozen(eq=False)
class Table:
    """A protocol, with all that the checks read of it.

    Args:
        rows: state: response: where the reply may lead, as in `PROTOCOL`. FAILED is left out.
        needs: the responses that a state accepts only after something else.
        proofs: what a response proves, once the reply leads on.
        actions: what to do about each error, by its code and a part of its message.
        errors: the operations that may return each error.
        bounds: what ends loops.
        contradictory: the transitions about which sources contradict each other, and those that are refuted.
    """

    rows: Rows = field(converter=_read_only)
    needs: Mapping[StateResponse, Prerequisite] = field(converter=frozen_mapping)
    proofs: Mapping[StateResponse, Factor] = field(converter=frozen_mapping)
    actions: Mapping[str, Mapping[str, ErrorRule]] = field(converter=frozen_mapping)
    errors: Mapping[str, frozenset[str]] = field(converter=frozen_mapping)
    bounds: tuple[Bound, ...] = ()
    contradictory: frozenset[Transition] = field(default=(), converter=_transitions)

    @property
    def states(self) -> tuple[State, ...]:
        """Every state of the table, in the order of a sign-in."""
        named = {dest for row in self.rows.values() for dests in row.values() for dest in dests}
        return tuple(state for state in State if state in named or state in self.rows)

    def transitions(self, source: State) -> Iterator[Transition]:
        """Return the transitions from a state, loops and the transition to FAILED included."""
        for response, dests in self.rows.get(source, {}).items():
            yield from row_transitions(source, response, dests)

    def ends(self, transition: Transition, source: Role | None) -> Iterator[EdgeRoles]:
        """Return the roles that the two ends of a transition may have, for one role of its source."""
        dests = self.rows[transition.source][transition.response]
        yield from (EdgeRoles(source, role) for role in target_roles(transition, source, dests))


def _contradictory() -> Iterator[Transition]:
    """The contradictory and refuted transitions, and OTHER_CHALLENGE of a row if all its known challenges are."""
    for source, row in p.PROTOCOL.items():
        for response, dests in row.items():
            known = {
                transition: confidence(transition) in {Confidence.CONTRADICTORY, Confidence.REFUTED}
                for transition in row_transitions(source, response, dests)
                if transition.dest in CHALLENGES
            }
            yield from (transition for transition in known if known[transition])
            if known and all(known.values()) and State.OTHER_CHALLENGE in dests:
                yield Transition(source, response, State.OTHER_CHALLENGE)


TABLE: Final = Table(
    p.PROTOCOL, p.PREREQUISITES, PROOFS, ERROR_POLICY, LISTED_OPERATIONS, BOUNDS, _contradictory()
)
"""The protocol of this package."""
