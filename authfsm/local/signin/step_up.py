"""Step-up: which level a sign-in is to reach, what an access token is credited with, what is still missing.

"Amazon Cognito steps the user up from the token's current factors to the highest-priority satisfiable
level" -- developer guide, "Step-up authentication with the USER_AUTH flow". The user's and the pool's MFA
stays a floor, set-up is never offered, and nothing but the methods that were proved counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from attrs import evolve, frozen

from authfsm.local.config import acr_levels, error_templates
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.config.pool_configuration import PoolConfiguration
from authfsm.local.state import mfa
from authfsm.local.state.core import Core
from authfsm.local.state.mfa import Due
from authfsm.local.state.sessions import Attempt
from authfsm.local.state.token_issuer import Family
from authfsm.local.state.users import Status, User
from authfsm.protocol.states import MFA_METHODS, State

_FIRST: Final = {**acr_levels.METHODS, State.WEB_AUTHN: "passkey"}
_LONGEST_AGE: Final = 10


def aim(pool: Core, attempt: Attempt, parameters: Mapping[str, str]) -> Attempt:
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
        raise PoolRefusal(error_templates.NO_LEVEL)
    family = _credited(pool, attempt, parameters)
    if family is not None:
        methods = tuple(each for each in family.amr if each not in {"mfa", acr_levels.PASSWORD})
        attempt = evolve(
            attempt,
            methods=methods,
            password_proved=acr_levels.PASSWORD in family.amr,
            second_factor_passed="mfa" in family.amr,
        )
    seconds = [acr_levels.METHODS[factor] for factor in _seconds(pool.configuration, attempt.user)]
    # The name of a level of another time is "an unrecognized level"; the methods count all the same.
    reached = numbers.get(family.acr or "", 0) if family is not None else 0
    for target in targets:
        if max(reached, acr_levels.level(attempt.amr)) >= target:
            raise PoolRefusal(error_templates.LEVEL_MET)
        ways = _ways(attempt, target, seconds)
        if ways:
            return _toward(evolve(attempt, target=target), ways, parameters)
    raise PoolRefusal(error_templates.LEVEL_OUT_OF_REACH)


def _credited(pool: Core, attempt: Attempt, parameters: Mapping[str, str]) -> Family | None:
    """What came of the sign-in that is to be stepped up from; None for a start from scratch."""
    age = parameters.get("MAX_AGE")
    if age is not None and not (age.isascii() and age.isdigit() and len(age) <= _LONGEST_AGE):
        raise PoolRefusal(error_templates.BAD_MAX_AGE)
    if not parameters.get("ACCESS_TOKEN"):
        return None
    family = pool.mint.bearer(parameters["ACCESS_TOKEN"])
    if family.user is not attempt.user:
        raise PoolRefusal(error_templates.TOKEN_OF_ANOTHER)
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
    done = acr_levels.folded(attempt.amr)
    firsts = {_FIRST[factor] for factor in attempt.offered}
    found: dict[int, list[_Way]] = {}
    for number, needed in acr_levels.COMBINATIONS:
        first = acr_levels.PASSWORD if acr_levels.PASSWORD in needed else next(iter(needed))
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
    offered = tuple(factor for factor in attempt.offered if _FIRST[factor] in wanted)
    if None in wanted and parameters.get("PREFERRED_CHALLENGE") not in offered:
        return evolve(attempt, offered=())
    return evolve(attempt, offered=offered)


def second_factor(pool: PoolConfiguration, attempt: Attempt, user: User) -> Due | None:
    """The second factor that is due once the password is proved; None if none is.

    Raises:
        PoolRefusal: none is possible.
    """
    if attempt.target and acr_levels.level(attempt.amr) < attempt.target:
        return _due(pool, attempt.target, user)
    return None if attempt.second_factor_passed else mfa.due(pool, user)


def _due(pool: PoolConfiguration, target: int, user: User) -> Due:
    usable = _seconds(pool, user)
    totp = [factor for factor in usable if factor is State.SOFTWARE_TOKEN_MFA]
    codes = [factor for factor in usable if factor is not State.SOFTWARE_TOKEN_MFA]
    fit = totp if target == max(number for number, _ in acr_levels.COMBINATIONS) else codes or totp
    if not fit:
        raise PoolRefusal(error_templates.LEVEL_OUT_OF_REACH)
    preferred = [factor for factor in fit if factor is user.preferred_mfa]
    return mfa.one_of(preferred or fit)


def _seconds(pool: PoolConfiguration, user: User | None) -> list[State]:
    """The second factors that a step-up can ask for: those the user has, switched on or not (inferred)."""
    if pool.mfa == "OFF":
        return []
    return list(MFA_METHODS) if user is None else mfa.factors_of(pool, user)
