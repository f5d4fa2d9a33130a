"""Which factors a sign-in still needs: by Cognito's MFA decision tree, and towards the level of a step-up.

The numbers in `required_mfa` are the steps of the decision tree in the developer guide, "Adding MFA to a
user pool". A channel by which the account can be recovered (AccountRecoverySetting) is not a second factor.

"Amazon Cognito steps the user up from the token's current factors to the highest-priority satisfiable
level" -- developer guide, "Step-up authentication with the USER_AUTH flow". The MFA of user and pool is
needed in any case, a factor is never set up on the way, and only methods that were proved count.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from attrs import evolve, frozen

from authfsm.local.config import error_templates
from authfsm.local.config.pool_configuration import PoolConfiguration
from authfsm.local.state import token_claims as claims
from authfsm.local.state.core import Core
from authfsm.local.state.sessions import Attempt
from authfsm.local.state.users import Status, User
from authfsm.protocol.states import MFA_METHODS, RECOVERY_MECHANISMS, State

_TOTP: Final = State.SOFTWARE_TOKEN_MFA
ADDRESSES: Final = {State.SMS_MFA: "phone_number", State.EMAIL_OTP: "email"}
"""The attribute to which a factor's code goes."""
_FIRST_METHODS: Final = {**claims.AMR_METHODS, State.WEB_AUTHN: "passkey"}
_LONGEST_MAX_AGE: Final = 10


@frozen
class RequiredMfa:
    """The second factor that a sign-in needs, or SELECT_MFA_TYPE or MFA_SETUP with their factors."""

    challenge: State
    factors: tuple[State, ...] = ()


def has_factor(user: User, factor: State) -> bool:
    """Return whether the user has what a factor needs. The address need not be verified (developer guide)."""
    if factor is _TOTP:
        return user.software_token is not None
    return ADDRESSES[factor] in user.attributes


def _factors_of(pool: PoolConfiguration, user: User) -> list[State]:
    return [factor for factor in pool.mfa_methods if pool.mfa != "OFF" and has_factor(user, factor)]


def active_factors(pool: PoolConfiguration, user: User) -> frozenset[State]:
    """Return the second factors that the pool enables and that the user has and has switched on."""
    return user.mfa_enabled & set(_factors_of(pool, user))


def required_mfa(pool: PoolConfiguration, user: User) -> RequiredMfa | None:
    """Return the second factor that a user needs after the first; None if none."""
    if pool.mfa == "OFF":  # 1
        return None
    if user.account.never_signed_in and pool.contradictions.first_sign_in_without_mfa:
        return None
    usable = [factor for factor in pool.mfa_methods if has_factor(user, factor)]
    if pool.mfa == "OPTIONAL":  # 2
        # A verified TOTP that SetUserMFAPreference never switched on is not asked for (reports of users).
        usable = [factor for factor in usable if factor in user.mfa_enabled]
        if not usable:
            return None
    preferred = user.preferred_mfa
    if preferred in usable:  # 3
        only_recovery = pool.account_recovery == (RECOVERY_MECHANISMS.get(preferred),)
        if not only_recovery:
            return RequiredMfa(preferred)
    if _TOTP in usable:  # 4
        return _factor_or_choice(usable)
    return _required_without_totp(pool, user, usable)


def _required_without_totp(pool: PoolConfiguration, user: User, usable: list[State]) -> RequiredMfa:
    primary = pool.account_recovery[0] if pool.account_recovery else None
    addresses = [factor for factor in RECOVERY_MECHANISMS if has_factor(user, factor)]
    if len(addresses) == 1 and RECOVERY_MECHANISMS[addresses[0]] == primary:  # 5
        raise error_templates.NO_MFA_POSSIBLE.refusal()
    fit = [factor for factor in usable if RECOVERY_MECHANISMS[factor] != primary]  # 5, 6
    if fit:
        return _factor_or_choice(fit)
    # 5, where the factor of the user's address is not enabled: TOTP only. 7, without an address: any factor
    # that does not recover the account.
    settable = [
        factor
        for factor in pool.mfa_methods
        if factor is _TOTP or (not addresses and RECOVERY_MECHANISMS[factor] not in pool.account_recovery)
    ]
    # SMS is listed but cannot be set up in the sign-in: "phone_number must be set elsewhere"
    # -- AWS API reference, InitiateAuth, MFA_SETUP. So it is not enough by itself.
    if pool.mfa == "OPTIONAL" or not set(settable) - {State.SMS_MFA}:
        raise error_templates.NO_MFA_POSSIBLE.refusal()
    return RequiredMfa(State.MFA_SETUP, tuple(settable))


def mfa_after_code(pool: PoolConfiguration, user: User, factor: State) -> RequiredMfa | None:
    """Return the second factor after a code as first factor: a code by the other channel, if active."""
    other = State.SMS_MFA if factor is State.EMAIL_OTP else State.EMAIL_OTP
    return RequiredMfa(other) if other in active_factors(pool, user) else None


def _factor_or_choice(factors: Iterable[State]) -> RequiredMfa:
    found = set(factors)
    in_order = tuple(factor for factor in MFA_METHODS if factor in found)
    if len(in_order) == 1:
        return RequiredMfa(in_order[0])
    return RequiredMfa(State.SELECT_MFA_TYPE, in_order)


def required_second_factor(pool: PoolConfiguration, attempt: Attempt, user: User) -> RequiredMfa | None:
    """Return the second factor that is needed after the password, for MFA or for the target level."""
    if not attempt.target_level or claims.acr_level(attempt.amr) >= attempt.target_level:
        return None if attempt.second_factor_passed else required_mfa(pool, user)
    usable = _step_up_factors(pool, user)
    totp = [factor for factor in usable if factor is _TOTP]
    codes = [factor for factor in usable if factor is not _TOTP]
    highest = max(number for number, _ in claims.ACR_COMBINATIONS)
    fit = totp if attempt.target_level == highest else codes or totp
    if not fit:
        raise error_templates.LEVEL_OUT_OF_REACH.refusal()
    return _factor_or_choice([f for f in fit if f is user.preferred_mfa] or fit)


def _step_up_factors(pool: PoolConfiguration, user: User | None) -> list[State]:
    """Return the second factors for a step-up: those the user has, switched on or not (inferred)."""
    if pool.mfa == "OFF":
        return []
    return list(MFA_METHODS) if user is None else _factors_of(pool, user)


def with_target_level(pool: Core, attempt: Attempt, parameters: Mapping[str, str]) -> Attempt:
    """Return the attempt with its target level and the first factors that lead there; none if only a second is missing."""
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
        attempt = evolve(
            attempt,
            methods=methods,
            password_proved=claims.PASSWORD_METHOD in family.amr,
            second_factor_passed="mfa" in family.amr,
        )
        # A level that was renamed since is "an unrecognized level"; the methods count all the same.
        reached = levels.get(family.acr or "", 0)
    second_factors = _step_up_factors(pool.configuration, attempt.user)
    second_methods = {claims.AMR_METHODS[factor] for factor in second_factors}
    for target in targets:
        if max(reached, claims.acr_level(attempt.amr)) >= target:
            raise error_templates.LEVEL_ALREADY_MET.refusal()
        missing_firsts = _missing_first_methods(attempt, target, second_methods)
        if missing_firsts:
            leading = tuple(f for f in attempt.first_factors if _FIRST_METHODS[f] in missing_firsts)
            if None in missing_firsts and parameters.get("PREFERRED_CHALLENGE") not in leading:
                leading = ()
            return evolve(attempt, target_level=target, first_factors=leading)
    raise error_templates.LEVEL_OUT_OF_REACH.refusal()


def _token_family(pool: Core, attempt: Attempt, parameters: Mapping[str, str]) -> claims.TokenFamily | None:
    """Return the sign-in of ACCESS_TOKEN whose methods count; None if there is none, or it is too old."""
    age = parameters.get("MAX_AGE")
    if age is not None and not (age.isascii() and age.isdigit() and len(age) <= _LONGEST_MAX_AGE):
        raise error_templates.BAD_MAX_AGE.refusal()
    if not parameters.get("ACCESS_TOKEN"):
        return None
    family = pool.token_issuer.bearer(parameters["ACCESS_TOKEN"])
    if family.user is not attempt.user:
        raise error_templates.TOKEN_OF_ANOTHER_USER.refusal()
    if age is not None:
        seconds = (pool.clock() - family.auth_time).total_seconds()
        # An `auth_time` in the future does not count either: the clock was set back, the age is unknown.
        if not 0 <= seconds <= int(age):
            return None
    # A password that must be changed first does not count (inferred).
    return family if family.user.status is Status.CONFIRMED else None


def _missing_first_methods(attempt: Attempt, target: int, second_methods: set[str]) -> set[str | None]:
    """Return the first methods that lead to a level, or to a higher one; None if only a second one is missing."""
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
