"""What stands for a factor without being one: the documented exceptions, as a list with their sources.

Tokens without a first factor, or where MFA is required without a second one, are a fault, unless one of
these is the reason. Whoever knows better takes a row out, or adds one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from attrs import field, frozen

from authfsm.checks.proofs import Factor, ProofState
from authfsm.protocol import links
from authfsm.protocol.evidence import Confidence
from authfsm.protocol.states import State
from authfsm.protocol.table import Transition
from authfsm.settings import PoolSettings
from authfsm.settings.rules import passkey_allowed_with_mfa, skips_second_factor


@frozen
class FactorException:
    """What stands for a factor.

    Args:
        name: what it is called.
        why: why it does.
        confidence: how surely.
        source: where this is known from.
        holds: is it the reason for this arrow to the tokens, what has been shown on the way being this? What
            is shown includes what the arrow itself shows.
        where: is it a reason in a pool of these settings?
    """

    name: str
    why: str
    confidence: Confidence
    source: str
    holds: Callable[[ProofState, Transition], bool] = field(repr=False)
    where: Callable[[PoolSettings], bool] = field(default=lambda _: True, repr=False)


def _has(factor: Factor) -> Callable[[ProofState, Transition], bool]:
    return lambda proved, _: factor in proved.factors


def _never(_: ProofState, __: Transition) -> bool:
    return False


def _passkey_first(proved: ProofState, _: Transition) -> bool:
    """Was it the passkey that began, and no second factor asked for beside it?"""
    return Factor.PASSKEY in proved.factors and not proved.asked


def _nothing_asked(proved: ProofState, arrow: Transition) -> bool:
    """Does the password lead straight to the tokens?"""
    return skips_second_factor(arrow) and Factor.PASSWORD in proved.factors and not proved.asked


FOR_FIRST: Final = (
    FactorException(
        "functions",
        "In CUSTOM_AUTH the pool's own functions decide who is let through: they set issueTokens.",
        Confidence.DOCUMENTED,
        links.DEFINE_AUTH_CHALLENGE,
        _has(Factor.FUNCTIONS),
    ),
    FactorException(
        "sign-up",
        "The code that confirmed the sign-up a moment ago is the proof; ConfirmSignUp's session says so.",
        Confidence.DOCUMENTED,
        links.reference("ConfirmSignUp"),
        _has(Factor.SIGN_UP),
    ),
    FactorException(
        "refresh token",
        "A refresh token stands for the sign-in that it came from.",
        Confidence.DOCUMENTED,
        links.REFRESH_TOKENS,
        _has(Factor.REFRESH_TOKEN),
    ),
    FactorException(
        "access token",
        "A step-up credits the factors in the amr claim of the access token.",
        Confidence.DOCUMENTED,
        links.reference("InitiateAuth"),
        _has(Factor.ACCESS_TOKEN),
    ),
    FactorException(
        "challenge of another name",
        "What a challenge proves that this package does not know, nobody can say.",
        Confidence.INFERRED,
        "botocore's model of ChallengeNameType has sixteen names",
        _has(Factor.UNHEARD_OF),
    ),
)
"""What stands for a first factor."""

FOR_SECOND: Final = (
    FactorException(
        "remembered device",
        "A remembered device that proves itself stands for the second factor.",
        Confidence.DOCUMENTED,
        links.DEVICES,
        _has(Factor.DEVICE),
    ),
    FactorException(
        "passkey",
        "A passkey with user verification is two factors in one (FactorConfiguration is "
        "MULTI_FACTOR_WITH_USER_VERIFICATION).",
        Confidence.DOCUMENTED,
        links.reference("WebAuthnConfigurationType"),
        _passkey_first,
        lambda settings: passkey_allowed_with_mfa(settings) is None,
    ),
    FactorException(
        "first sign-in",
        "'The first time that a new user signs in to your app, Amazon Cognito issues tokens, even if your user "
        "pool requires MFA': the code of the sign-up was the second factor. Captured sign-ins and the tests of moto, "
        "amplify-swift, amplify-flutter and amplify-android, which run against real pools, refute it.",
        Confidence.REFUTED,
        links.MFA,
        _nothing_asked,
    ),
    FactorException(
        "federated user",
        "'In the case of federated users, Amazon Cognito delegates all authentication processes to the IdP and "
        "doesn't offer them additional authentication factors.' No arrow of the table leads there.",
        Confidence.DOCUMENTED,
        links.MFA,
        _never,
    ),
    *FOR_FIRST,
)
"""What stands for a second factor, where MFA is required: what stands for a first one stands for both.

`functions`: "MFA is not supported in passwordless custom flows" (the Cognito team, amplify-js #12887).
"""


def exception_for(
    factor_exceptions: tuple[FactorException, ...],
    proved: ProofState,
    arrow: Transition,
    settings: PoolSettings | None = None,
) -> FactorException | None:
    """The exception that is the reason for tokens without a factor; None if none is.

    Args:
        factor_exceptions: the exceptions.
        proved: what has been shown, by the arrow too.
        arrow: the arrow to the tokens.
        settings: the pool's; None rules nothing out.
    """
    if arrow.dest is not State.AUTHENTICATED:
        return None
    here = (each for each in factor_exceptions if settings is None or each.where(settings))
    return next((each for each in here if each.holds(proved, arrow)), None)
