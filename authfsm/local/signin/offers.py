"""Which first factors there are to choose from: what the pool allows and the user has, or seems to have.

"Passwordless authentication flows aren't compatible with required multi-factor authentication (MFA) in your
user pool. If MFA is optional in your user pool, users who have activated MFA can't sign in with a
passwordless first factor" -- developer guide, "Authentication flows". A passkey that satisfies MFA may.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from authfsm.local.config.pool_configuration import PoolConfiguration
from authfsm.local.state import mfa
from authfsm.local.state.core import Core
from authfsm.local.state.users import Status, User
from authfsm.protocol.states import PASSWORDLESS, State

ORDER: Final = (
    # Of a guide's example and of a measured reply ("PASSWORD_SRP","PASSWORD"); no source has them all.
    State.EMAIL_OTP,
    State.SMS_OTP,
    State.PASSWORD_SRP,
    State.PASSWORD,
    State.WEB_AUTHN,
)
PASSWORDS: Final = (State.PASSWORD_SRP, State.PASSWORD)
"""PASSWORD in AllowedFirstAuthFactors "includes both the plain-password and SRP" variants."""


def available(pool: PoolConfiguration, user: User) -> tuple[State, ...]:
    """The first factors of a user: what the pool allows and the user has."""
    allowed = _allowed(pool)
    found: set[State] = set()
    if user.credential is not None:
        found.update(allowed & set(PASSWORDS))
    # Measured: a user with a temporary password who asked for EMAIL_OTP was offered passwords.
    if user.status is not Status.FORCE_CHANGE_PASSWORD:
        found.update(factor for factor in allowed & PASSWORDLESS if _has(pool, user, factor))
    # Whoever has nothing is offered what fails: a password.
    return _ordered(found or PASSWORDS)


def _allowed(pool: PoolConfiguration) -> set[State]:
    """What the pool's settings allow to anybody."""
    names = set(pool.allowed_first_auth_factors)
    allowed = {factor for factor in PASSWORDLESS if factor in names}
    if pool.tier == "LITE":
        allowed.clear()
    # "Passwordless authentication flows aren't compatible with required MFA" (developer guide), but for
    # passkeys that satisfy it.
    if pool.mfa == "ON":
        allowed &= {State.WEB_AUTHN}
    return allowed | (set(PASSWORDS) if "PASSWORD" in names else set())


def _has(pool: PoolConfiguration, user: User, factor: State) -> bool:
    active = {each for each in mfa.factors_of(pool, user) if each in user.mfa_enabled}
    if factor is State.WEB_AUTHN:
        if pool.webauthn is None or not user.passkeys.of(pool.webauthn.relying_party_id):
            return False
        return satisfies_mfa(pool, user) if active or pool.mfa == "ON" else True
    address = "email" if factor is State.EMAIL_OTP else "phone_number"
    if address not in user.attributes:
        return False
    # "If MFA is optional ..., users who have activated MFA can't sign in with a passwordless first
    # factor" -- developer guide, "Authentication flows"
    other = State.SMS_MFA if factor is State.EMAIL_OTP else State.EMAIL_OTP
    followed = pool.contradictions.mfa_after_one_time_password and other in active
    return not active or followed


def satisfies_mfa(pool: PoolConfiguration, user: User) -> bool:
    """Does a passkey with user verification satisfy this user's MFA?

    Three conditions (AWS API reference, WebAuthnMfaSettingsType): the pool's FactorConfiguration, the
    user's WebAuthnMfaSettings, and "at least one other MFA method ... activated".
    """
    multi = "MULTI_FACTOR_WITH_USER_VERIFICATION"
    return (
        pool.contradictions.passkeys_with_mfa_required
        and pool.webauthn is not None
        and pool.webauthn.factor_configuration == multi
        and user.passkeys.as_mfa
        and any(each in user.mfa_enabled for each in mfa.factors_of(pool, user))
    )


def pretended(pool: Core, typed: str) -> tuple[State, ...]:
    """The first factors of a user who is not there, the same at every asking.

    "a random selection from the challenge types allowed for the user pool" -- developer guide,
    "Managing user existence error responses". An unknown user who asks for EMAIL_OTP gets it (measured);
    a passkey, which few users have, is there for every other name.
    """
    allowed = _allowed(pool.configuration)
    if (
        pool.configuration.webauthn is None
        or pool.configuration.mfa == "ON"
        or pool.mark("passkey", typed)[0] % 2
    ):
        allowed -= {State.WEB_AUTHN}
    return _ordered(allowed or PASSWORDS)


def _ordered(factors: Iterable[State]) -> tuple[State, ...]:
    factors = set(factors)
    return tuple(factor for factor in ORDER if factor in factors)
