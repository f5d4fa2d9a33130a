"""Decides which factors a sign-in still needs, for MFA and for the target level of a step-up.

The numbers in the comments are the steps of the MFA decision tree in the developer guide, "Adding MFA to a user
pool". An address of AccountRecoverySetting is not used as second factor in two cases: the user prefers it, and it is
the setting's only mechanism (3); or the user has no TOTP, and it is the setting's first mechanism (5, 6).

"Amazon Cognito steps the user up from the token's current factors to the highest-priority satisfiable level" --
developer guide, "Step-up authentication with the USER_AUTH flow". The user reaches the level by proving factors that
are set up already. Then the step-up also requires the MFA of user and pool, which may lead to MFA_SETUP.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from attrs import evolve, frozen

from authfsm.local.config import error_templates
from authfsm.local.config.pool_configuration import PoolConfiguration
from authfsm.local.state import token_claims as claims
from authfsm.local.state.codes import ADDRESSES
from authfsm.local.state.core import Core
from authfsm.local.state.sessions import Attempt
from authfsm.local.state.users import Status, User
from authfsm.protocol.states import MFA_METHODS, RECOVERY_MECHANISMS, State

_TOTP: Final = State.SOFTWARE_TOKEN_MFA
_FIRST_METHODS: Final = {**claims.AMR_METHODS, State.WEB_AUTHN: "passkey"}
_MAX_AGE_DIGITS: Final = 10


@frozen
class RequiredMfa:
    """The challenge of a required second factor; SELECT_MFA_TYPE and MFA_SETUP have `factors` to choose from."""

    challenge: State
    factors: tuple[State, ...] = ()


def has_factor(user: User, factor: State) -> bool:
    """Return whether the user has a factor's secret or address, which need not be verified (developer guide)."""
    if factor is _TOTP:
        return user.software_token is not None
    return ADDRESSES[factor] in user.attributes


def _usable_factors(configuration: PoolConfiguration, user: User) -> list[State]:
    methods = configuration.mfa_methods if configuration.mfa != "OFF" else ()
    return [factor for factor in methods if has_factor(user, factor)]


def active_factors(configuration: PoolConfiguration, user: User) -> frozenset[State]:
    """Return the second factors that the pool allows, and that the user has set up and enabled."""
    return user.mfa_enabled & set(_usable_factors(configuration, user))


def required_mfa(configuration: PoolConfiguration, user: User) -> RequiredMfa | None:
    """Return the second factor that MFA requires; None if it requires none."""
    if configuration.mfa == "OFF":  # 1
        return None
    if user.account.never_signed_in and configuration.contradictions.first_sign_in_without_mfa:
        return None
    usable = _usable_factors(configuration, user)
    if configuration.mfa == "OPTIONAL":  # 2
        # A verified TOTP is not required until SetUserMFAPreference enables it (reports of users).
        usable = [factor for factor in usable if factor in user.mfa_enabled]
        if not usable:
            return None
    preferred = user.preferred_mfa
    if preferred in usable:  # 3
        only_recovery = configuration.account_recovery == (RECOVERY_MECHANISMS.get(preferred),)
        if not only_recovery:
            return RequiredMfa(preferred)
    if _TOTP in usable:  # 4
        return _factor_or_choice(usable)
    return _required_without_totp(configuration, user, usable)


def _required_without_totp(configuration: PoolConfiguration, user: User, usable: list[State]) -> RequiredMfa:
    primary = configuration.account_recovery[0] if configuration.account_recovery else None
    addresses = [factor for factor in RECOVERY_MECHANISMS if has_factor(user, factor)]
    if len(addresses) == 1 and RECOVERY_MECHANISMS[addresses[0]] == primary:  # 5
        raise error_templates.NO_MFA_POSSIBLE.refusal()
    suitable = [factor for factor in usable if RECOVERY_MECHANISMS[factor] != primary]  # 5, 6
    if suitable:
        return _factor_or_choice(suitable)
    # 5: if a user has an address whose factor the pool does not enable, the user can set up only TOTP.
    # 7: a user without an address can set up any factor that does not recover the account.
    settable = [
        factor
        for factor in configuration.mfa_methods
        if factor is _TOTP or not (addresses or RECOVERY_MECHANISMS[factor] in configuration.account_recovery)
    ]
    # MFA_SETUP lists SMS, but SMS cannot be set up in the sign-in: "phone_number must be set elsewhere"
    # -- AWS API reference, InitiateAuth, MFA_SETUP. So SMS alone is refused.
    if configuration.mfa == "OPTIONAL" or not set(settable) - {State.SMS_MFA}:
        raise error_templates.NO_MFA_POSSIBLE.refusal()
    return RequiredMfa(State.MFA_SETUP, tuple(settable))


def mfa_after_code(configuration: PoolConfiguration, user: User, factor: State) -> RequiredMfa | None:
    """Return the second factor after the code of `factor`: the other medium's code if it is active, else None."""
    other = State.SMS_MFA if factor is State.EMAIL_OTP else State.EMAIL_OTP
    return RequiredMfa(other) if other in active_factors(configuration, user) else None


def _factor_or_choice(factors: Collection[State]) -> RequiredMfa:
    in_order = tuple(factor for factor in MFA_METHODS if factor in factors)
    if len(in_order) == 1:
        return RequiredMfa(in_order[0])
    return RequiredMfa(State.SELECT_MFA_TYPE, in_order)


def next_second_factor(configuration: PoolConfiguration, attempt: Attempt, user: User) -> RequiredMfa | None:
    """Return the second factor that MFA or the target level requires after the password; None if neither does."""
    if not attempt.target_level or claims.acr_level(attempt.amr) >= attempt.target_level:
        return None if attempt.second_factor_passed else required_mfa(configuration, user)
    usable = _step_up_factors(configuration, user)
    totp = [factor for factor in usable if factor is _TOTP]
    codes = [factor for factor in usable if factor is not _TOTP]
    highest = max(number for number, _ in claims.ACR_COMBINATIONS)
    suitable = totp if attempt.target_level == highest else codes or totp
    if not suitable:
        raise error_templates.LEVEL_OUT_OF_REACH.refusal()
    return _factor_or_choice([each for each in suitable if each is user.preferred_mfa] or suitable)


def _step_up_factors(configuration: PoolConfiguration, user: User | None) -> list[State]:
    """Return the second factors for a step-up: all that the user has, enabled or not (inferred)."""
    if user is not None:
        return _usable_factors(configuration, user)
    return [] if configuration.mfa == "OFF" else list(MFA_METHODS)


def with_target_level(pool: Core, attempt: Attempt, parameters: Mapping[str, str]) -> Attempt:
    """Return the attempt with its target level and the first factors that lead to it; none if a second one suffices."""
    if not parameters.get("TARGET_ACR_VALUES"):
        raise error_templates.TOKEN_WITHOUT_TARGET.refusal()
    if pool.configuration.tier == "LITE":
        raise error_templates.NOT_IN_TIER.refusal(feature="TARGET_ACR_VALUES")
    levels = {name: number for number, name in enumerate(pool.configuration.acr_values, 1)}
    names = parameters["TARGET_ACR_VALUES"].split()
    targets = [levels[name] for name in names if name in levels]  # Unknown names are ignored.
    if not targets:
        raise error_templates.UNKNOWN_LEVEL.refusal()
    family = _token_family(pool, attempt, parameters)
    reached = 0
    if family is not None:
        methods = tuple(each for each in family.amr if each not in {"mfa", claims.PASSWORD_METHOD})
        by_password, by_mfa = claims.PASSWORD_METHOD in family.amr, "mfa" in family.amr
        attempt = evolve(attempt, methods=methods, password_proved=by_password, second_factor_passed=by_mfa)
        # If the pool's level was renamed since, the token has "an unrecognized level"; its methods still count.
        reached = levels.get(family.acr or "", 0)
    second_factors = _step_up_factors(pool.configuration, attempt.user)
    second_methods = {claims.AMR_METHODS[factor] for factor in second_factors}
    for target in targets:
        if max(reached, claims.acr_level(attempt.amr)) >= target:
            raise error_templates.LEVEL_ALREADY_MET.refusal()
        missing_firsts = _missing_first_methods(attempt, target, second_methods)
        if missing_firsts:
            factors = tuple(each for each in attempt.first_factors if _FIRST_METHODS[each] in missing_firsts)
            if None in missing_firsts and parameters.get("PREFERRED_CHALLENGE") not in factors:
                factors = ()
            return evolve(attempt, target_level=target, first_factors=factors)
    raise error_templates.LEVEL_OUT_OF_REACH.refusal()


def _token_family(pool: Core, attempt: Attempt, parameters: Mapping[str, str]) -> claims.TokenFamily | None:
    """Return the token family of ACCESS_TOKEN; None without a token, or if its methods do not count for a step-up."""
    age = parameters.get("MAX_AGE")
    if age is not None and not (age.isascii() and age.isdigit() and len(age) <= _MAX_AGE_DIGITS):
        raise error_templates.BAD_MAX_AGE.refusal()
    if not parameters.get("ACCESS_TOKEN"):
        return None
    family = pool.token_issuer.family_of_access_token(parameters["ACCESS_TOKEN"])
    if family.user is not attempt.user:
        raise error_templates.TOKEN_OF_ANOTHER_USER.refusal()
    if age is not None:
        seconds = (pool.clock() - family.auth_time).total_seconds()
        # An `auth_time` in the future does not count: the clock was set back, so the age is unknown.
        if not 0 <= seconds <= int(age):
            return None
    # The token of a user who must change or reset the password does not count (inferred).
    return family if family.user.status is Status.CONFIRMED else None


def _missing_first_methods(attempt: Attempt, target: int, second_methods: set[str]) -> set[str | None]:
    """Return the methods of first factors that can lead to a level or, if none can, to a higher one.

    The set contains None if a second factor suffices. It is empty if the level is out of reach.
    """
    proved = claims.merge_passkeys(attempt.amr)
    available = {_FIRST_METHODS[factor] for factor in attempt.first_factors}
    found: dict[int, set[str | None]] = {}
    for level, needed in claims.ACR_COMBINATIONS:
        first = claims.PASSWORD_METHOD if claims.PASSWORD_METHOD in needed else next(iter(needed))
        missing = needed - proved
        if level < target or not missing or not missing - {first} <= second_methods:
            continue
        if first not in missing:
            found.setdefault(level, set()).add(None)
        elif first in available:
            found.setdefault(level, set()).add(first)
    if target in found:
        return found[target]
    return {method for methods in found.values() for method in methods}
