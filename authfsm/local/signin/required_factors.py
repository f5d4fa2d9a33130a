"""Which factors a sign-in still requires."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from attrs import evolve, frozen

from authfsm.local.config import error_templates
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.config.pool_configuration import PoolConfiguration
from authfsm.local.state import token_claims
from authfsm.local.state.core import Core
from authfsm.local.state.sessions import Attempt
from authfsm.local.state.token_issuer import TokenFamily
from authfsm.local.state.users import Status, User
from authfsm.protocol.states import MFA_METHODS, RECOVERY_MECHANISMS, State

# Which second factor is asked for: Cognito's decision tree, as one pure function of pool and user.
_TOTP: Final = State.SOFTWARE_TOKEN_MFA


@frozen
class RequiredMfa:
    """A second factor is due.

    Args:
        challenge: what is asked: a factor, SELECT_MFA_TYPE or MFA_SETUP.
        factors: what there is to choose from, or to set up.
    """

    challenge: State
    factors: tuple[State, ...] = ()


def has_factor(user: User, factor: State) -> bool:
    """Has the user what this factor needs? The address need not be verified (developer guide)."""
    if factor is _TOTP:
        return user.software_token is not None
    return ("phone_number" if factor is State.SMS_MFA else "email") in user.attributes


def factors_of(pool: PoolConfiguration, user: User) -> list[State]:
    """The second factors that are enabled and that the user has, switched on or not."""
    return [factor for factor in pool.mfa_methods if pool.mfa != "OFF" and has_factor(user, factor)]


def required_mfa(pool: PoolConfiguration, user: User) -> RequiredMfa | None:
    """The second factor that this user is asked for after the first; None if none is.

    Raises:
        PoolRefusal: MFA is required and no factor is possible.
    """
    if pool.mfa == "OFF":  # 1
        return None
    if user.account.never_signed_in and pool.contradictions.first_sign_in_without_mfa:
        return None
    usable = [factor for factor in pool.mfa_methods if has_factor(user, factor)]
    if pool.mfa == "OPTIONAL":  # 2
        # A verified TOTP that SetUserMFAPreference never switched on is not asked for (issues).
        usable = [factor for factor in usable if factor in user.mfa_enabled]
        if not usable:
            return None
    preferred = user.preferred_mfa
    if preferred in usable and not _sole_recovery(pool, preferred):  # 3
        return RequiredMfa(preferred)
    if _TOTP in usable:  # 4
        return factor_or_choice(usable)
    return _without_totp(pool, user, usable)


def _without_totp(pool: PoolConfiguration, user: User, usable: list[State]) -> RequiredMfa:
    primary = pool.account_recovery[0] if pool.account_recovery else None
    addresses = [factor for factor in RECOVERY_MECHANISMS if has_factor(user, factor)]
    if len(addresses) == 1 and RECOVERY_MECHANISMS[addresses[0]] == primary:  # 5
        raise PoolRefusal(error_templates.NO_MFA_POSSIBLE)
    fit = [factor for factor in usable if RECOVERY_MECHANISMS[factor] != primary]  # 5, 6
    if fit:
        return factor_or_choice(fit)
    settable: list[State]
    if addresses:  # 5: its factor is not enabled
        settable = [factor for factor in pool.mfa_methods if factor is _TOTP]
    else:  # 7
        settable = [
            f
            for f in pool.mfa_methods
            if f is _TOTP or RECOVERY_MECHANISMS[f] not in pool.account_recovery
        ]
    # SMS is listed but cannot be set up in the sign-in: "phone_number must be set elsewhere"
    # -- AWS API reference, InitiateAuth, MFA_SETUP. Alone it leaves nothing to do.
    if pool.mfa == "OPTIONAL" or not set(settable) - {State.SMS_MFA}:
        raise PoolRefusal(error_templates.NO_MFA_POSSIBLE)
    return RequiredMfa(State.MFA_SETUP, tuple(settable))


def mfa_after_code(pool: PoolConfiguration, user: User, channel: State) -> RequiredMfa | None:
    """The second factor after a code as first one, where that is possible: the code of the other channel.

    "prevent the same factor" -- developer guide, "Adding MFA to a user pool"
    """
    other = State.SMS_MFA if channel is State.EMAIL_OTP else State.EMAIL_OTP
    active = other in user.mfa_enabled and other in factors_of(pool, user)
    return RequiredMfa(other) if active else None


def _sole_recovery(pool: PoolConfiguration, factor: State) -> bool:
    return pool.account_recovery == (RECOVERY_MECHANISMS.get(factor),)


def factor_or_choice(factors: Iterable[State]) -> RequiredMfa:
    """That factor, or a choice where there are several."""
    offered = tuple(factor for factor in MFA_METHODS if factor in set(factors))
    return (
        RequiredMfa(offered[0])
        if len(offered) == 1
        else RequiredMfa(State.SELECT_MFA_TYPE, offered)
    )


# Step-up: which level a sign-in is to reach, what an access token is credited with, what is still missing.
_FIRST: Final = {**token_claims.AMR_METHODS, State.WEB_AUTHN: "passkey"}
_LONGEST_AGE: Final = 10


def with_target_level(pool: Core, attempt: Attempt, parameters: Mapping[str, str]) -> Attempt:
    """The attempt with its target, the credit of its access token, and the first factors that lead there.

    With no first factor left to offer, a second one is what is missing.

    Args:
        pool: the pool.
        attempt: the attempt, with every first factor that the user has.
        parameters: AuthParameters.

    Raises:
        PoolRefusal: the parameters do not fit each other; the level is met already, or out of reach.
    """
    if not parameters.get("TARGET_ACR_VALUES"):
        raise PoolRefusal(error_templates.TOKEN_WITHOUT_TARGET)
    if pool.configuration.tier == "LITE":
        raise PoolRefusal(error_templates.NOT_IN_TIER, feature="TARGET_ACR_VALUES")
    numbers = {name: number for number, name in enumerate(pool.configuration.acr_values, 1)}
    asked = parameters["TARGET_ACR_VALUES"].split()
    targets = [numbers[name] for name in asked if name in numbers]  # The others are ignored.
    if not targets:
        raise PoolRefusal(error_templates.UNKNOWN_LEVEL)
    family = _credited(pool, attempt, parameters)
    if family is not None:
        methods = tuple(
            each for each in family.amr if each not in {"mfa", token_claims.PASSWORD_METHOD}
        )
        attempt = evolve(
            attempt,
            methods=methods,
            password_proved=token_claims.PASSWORD_METHOD in family.amr,
            second_factor_passed="mfa" in family.amr,
        )
    seconds = [
        token_claims.AMR_METHODS[factor] for factor in _seconds(pool.configuration, attempt.user)
    ]
    # The name of a level of another time is "an unrecognized level"; the methods count all the same.
    reached = numbers.get(family.acr or "", 0) if family is not None else 0
    for target in targets:
        if max(reached, token_claims.acr_level(attempt.amr)) >= target:
            raise PoolRefusal(error_templates.LEVEL_ALREADY_MET)
        ways = _ways(attempt, target, seconds)
        if ways:
            return _toward(evolve(attempt, target_level=target), ways, parameters)
    raise PoolRefusal(error_templates.LEVEL_OUT_OF_REACH)


def _credited(pool: Core, attempt: Attempt, parameters: Mapping[str, str]) -> TokenFamily | None:
    """What came of the sign-in that is to be stepped up from; None for a start from scratch."""
    age = parameters.get("MAX_AGE")
    if age is not None and not (age.isascii() and age.isdigit() and len(age) <= _LONGEST_AGE):
        raise PoolRefusal(error_templates.BAD_MAX_AGE)
    if not parameters.get("ACCESS_TOKEN"):
        return None
    family = pool.token_issuer.bearer(parameters["ACCESS_TOKEN"])
    if family.user is not attempt.user:
        raise PoolRefusal(error_templates.TOKEN_OF_ANOTHER_USER)
    # An `auth_time` to come is no credit either: the clock was set back, and how old it is is not known.
    if age is not None and not 0 <= _age(family.auth_time, pool.clock()) <= int(age):
        return None
    # A password that must be changed first is no credit (inferred).
    return family if family.user.status is Status.CONFIRMED else None


def _age(then: datetime, now: datetime) -> float:
    return (now - then).total_seconds()


@frozen
class _Way:
    """A way to a level: a combination that this user can complete.

    Args:
        first: the first factor that is missing, as `_FIRST` has it; None if only a second one is.
    """

    first: str | None


def _ways(attempt: Attempt, target: int, seconds: list[str]) -> list[_Way]:
    """The ways to a level; if there are none, to a higher one.

    That a higher one will do is inferred: "meets or exceeds" is how the guide compares levels.
    """
    done = token_claims.merge_passkeys(attempt.amr)
    firsts = {_FIRST[factor] for factor in attempt.first_factors}
    found: dict[int, list[_Way]] = {}
    for number, needed in token_claims.ACR_COMBINATIONS:
        first = (
            token_claims.PASSWORD_METHOD
            if token_claims.PASSWORD_METHOD in needed
            else next(iter(needed))
        )
        missing = needed - done
        second = missing - {first}
        if number < target or not missing or not second <= set(seconds):
            continue
        if first not in missing:
            found.setdefault(number, []).append(_Way(None))
        elif first in firsts:
            found.setdefault(number, []).append(_Way(first))
    return found.get(target) or [way for each in found.values() for way in each]


def _toward(attempt: Attempt, ways: list[_Way], parameters: Mapping[str, str]) -> Attempt:
    """The attempt, with the first factors that are a way; with none, where a second one is enough."""
    wanted = {way.first for way in ways}
    offered = tuple(factor for factor in attempt.first_factors if _FIRST[factor] in wanted)
    if None in wanted and parameters.get("PREFERRED_CHALLENGE") not in offered:
        return evolve(attempt, first_factors=())
    return evolve(attempt, first_factors=offered)


def second_factor(pool: PoolConfiguration, attempt: Attempt, user: User) -> RequiredMfa | None:
    """The second factor that is due once the password is proved; None if none is.

    Raises:
        PoolRefusal: none is possible.
    """
    if attempt.target_level and token_claims.acr_level(attempt.amr) < attempt.target_level:
        return _due(pool, attempt.target_level, user)
    return None if attempt.second_factor_passed else required_mfa(pool, user)


def _due(pool: PoolConfiguration, target: int, user: User) -> RequiredMfa:
    usable = _seconds(pool, user)
    totp = [factor for factor in usable if factor is State.SOFTWARE_TOKEN_MFA]
    codes = [factor for factor in usable if factor is not State.SOFTWARE_TOKEN_MFA]
    fit = (
        totp
        if target == max(number for number, _ in token_claims.ACR_COMBINATIONS)
        else codes or totp
    )
    if not fit:
        raise PoolRefusal(error_templates.LEVEL_OUT_OF_REACH)
    preferred = [factor for factor in fit if factor is user.preferred_mfa]
    return factor_or_choice(preferred or fit)


def _seconds(pool: PoolConfiguration, user: User | None) -> list[State]:
    """The second factors that a step-up can ask for: those the user has, switched on or not (inferred)."""
    if pool.mfa == "OFF":
        return []
    return list(MFA_METHODS) if user is None else factors_of(pool, user)
