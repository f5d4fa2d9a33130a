"""Which second factor is asked for: Cognito's decision tree, as one pure function of pool and user.

The tree is that of the developer guide, "Adding MFA to a user pool"; the numbers below are its steps as
counted there. "Recovery" is AccountRecoverySetting: a channel by which the account can be recovered is no
second factor, for whoever holds it would hold both.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from attrs import frozen

from authfsm.local.config import error_templates
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.config.pool_configuration import PoolConfiguration
from authfsm.local.state.users import User
from authfsm.protocol.states import MFA_METHODS, RECOVERY_MECHANISMS, State

_TOTP: Final = State.SOFTWARE_TOKEN_MFA


@frozen
class Due:
    """A second factor is due.

    Args:
        challenge: what is asked: a factor, SELECT_MFA_TYPE or MFA_SETUP.
        offered: what there is to choose from, or to set up.
    """

    challenge: State
    offered: tuple[State, ...] = ()


def has(user: User, factor: State) -> bool:
    """Has the user what this factor needs? The address need not be verified (developer guide)."""
    if factor is _TOTP:
        return user.software_token is not None
    return ("phone_number" if factor is State.SMS_MFA else "email") in user.attributes


def factors_of(pool: PoolConfiguration, user: User) -> list[State]:
    """The second factors that are enabled and that the user has, switched on or not."""
    return [factor for factor in pool.mfa_methods if pool.mfa != "OFF" and has(user, factor)]


def due(pool: PoolConfiguration, user: User) -> Due | None:
    """The second factor that this user is asked for after the first; None if none is.

    Raises:
        PoolRefusal: MFA is required and no factor is possible.
    """
    if pool.mfa == "OFF":  # 1
        return None
    if user.account.never_signed_in and pool.contradictions.first_sign_in_without_mfa:
        return None
    usable = [factor for factor in pool.mfa_methods if has(user, factor)]
    if pool.mfa == "OPTIONAL":  # 2
        # A verified TOTP that SetUserMFAPreference never switched on is not asked for (issues).
        usable = [factor for factor in usable if factor in user.mfa_enabled]
        if not usable:
            return None
    preferred = user.preferred_mfa
    if preferred in usable and not _sole_recovery(pool, preferred):  # 3
        return Due(preferred)
    if _TOTP in usable:  # 4
        return one_of(usable)
    return _without_totp(pool, user, usable)


def _without_totp(pool: PoolConfiguration, user: User, usable: list[State]) -> Due:
    primary = pool.account_recovery[0] if pool.account_recovery else None
    addresses = [factor for factor in RECOVERY_MECHANISMS if has(user, factor)]
    if len(addresses) == 1 and RECOVERY_MECHANISMS[addresses[0]] == primary:  # 5
        raise PoolRefusal(error_templates.NO_MFA_POSSIBLE)
    fit = [factor for factor in usable if RECOVERY_MECHANISMS[factor] != primary]  # 5, 6
    if fit:
        return one_of(fit)
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
    return Due(State.MFA_SETUP, tuple(settable))


def after_code(pool: PoolConfiguration, user: User, channel: State) -> Due | None:
    """The second factor after a code as first one, where that is possible: the code of the other channel.

    "prevent the same factor" -- developer guide, "Adding MFA to a user pool"
    """
    other = State.SMS_MFA if channel is State.EMAIL_OTP else State.EMAIL_OTP
    active = other in user.mfa_enabled and other in factors_of(pool, user)
    return Due(other) if active else None


def _sole_recovery(pool: PoolConfiguration, factor: State) -> bool:
    return pool.account_recovery == (RECOVERY_MECHANISMS.get(factor),)


def one_of(factors: Iterable[State]) -> Due:
    """That factor, or a choice where there are several."""
    offered = tuple(factor for factor in MFA_METHODS if factor in set(factors))
    return Due(offered[0]) if len(offered) == 1 else Due(State.SELECT_MFA_TYPE, offered)
