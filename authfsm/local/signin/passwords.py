"""Proving and setting passwords: whoever comes by a password comes by here, in clear or by SRP.

Asked in this order: may this user sign in at all (`User.ensure_can_sign_in`), are they locked out, is the password
right, is it too old. A user who is not there costs the same work as one who is.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from authfsm import srp
from authfsm.base.secret import Secret
from authfsm.local.config import error_templates
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.config.pool_configuration import AppClient
from authfsm.local.state import srp_proofs
from authfsm.local.state.core import Core
from authfsm.local.state.sessions import Attempt
from authfsm.local.state.srp_proofs import PasswordRecord, SrpProof
from authfsm.local.state.users import Status, User


def ensure_can_sign_in(pool: Core, client: AppClient, user: User) -> None:
    """May this user try?

    Raises:
        PoolRefusal: disabled, unconfirmed, to be reset, or locked out.
    """
    user.ensure_can_sign_in(hide_imported=client.prevent_user_existence_errors == "ENABLED")
    user.lock_out.check(pool.elapsed())


def check_password(
    pool: Core, client: AppClient, user: User | None, typed: str, password: Secret[str]
) -> User:
    """Check a password given in clear.

    Raises:
        PoolRefusal: it is wrong, or the user may not sign in.
    """
    if user is None:
        if client.prevent_user_existence_errors == "LEGACY":
            raise PoolRefusal(error_templates.NO_SUCH_USER)
        _fits(pool, pool.simulated_credential(typed), typed, password)
        raise PoolRefusal(error_templates.WRONG_PASSWORD)
    ensure_can_sign_in(pool, client, user)
    credential = user.credential or pool.simulated_credential(typed)
    _settle(pool, user, right=_fits(pool, credential, user.username, password))
    return user


def begin_srp(pool: Core, attempt: Attempt, srp_a: str) -> SrpProof:
    """Begin a proof by SRP. A user without a password proves nothing, and is not told apart."""
    credential = attempt.user.credential if attempt.user is not None else None
    credential = credential or pool.simulated_credential(attempt.submitted_name)
    return srp_proofs.begin_proof(pool.realm, attempt.username, credential, srp_a, pool.entropy)


def _fits(pool: Core, credential: PasswordRecord, name: str, password: Secret[str]) -> bool:
    try:
        return credential.matches(pool.realm, name, password)
    except srp.SrpRefused:  # Text that UTF-8 cannot write is nobody's password.
        return False


def check_srp_claim(
    pool: Core, client: AppClient, user: User | None, proof: SrpProof, answers: Mapping[str, str]
) -> User:
    """Check a claim of SRP.

    Raises:
        PoolRefusal: it is wrong, or the user may not sign in.
    """
    if user is None:
        proof.is_proved_by(answers)
        raise PoolRefusal(error_templates.WRONG_PASSWORD)
    ensure_can_sign_in(pool, client, user)
    _settle(pool, user, right=proof.is_proved_by(answers))
    return user


def _settle(pool: Core, user: User, *, right: bool) -> None:
    if not right or user.credential is None:
        user.lock_out.record_failure(pool.elapsed())
        raise PoolRefusal(error_templates.WRONG_PASSWORD)
    policy = pool.configuration.password_policy
    days = timedelta(days=policy.temporary_password_validity_days)
    temporary = user.status is Status.FORCE_CHANGE_PASSWORD and user.password_set is not None
    if temporary and user.password_set is not None and pool.elapsed() >= user.password_set + days:
        raise PoolRefusal(error_templates.TEMPORARY_EXPIRED)


def check_current_password(pool: Core, user: User, password: Secret[str]) -> None:
    """Check the password of a user who is signed in, to change it; a wrong one counts towards the lock-out.

    Raises:
        PoolRefusal: it is wrong.
    """
    if user.credential is None or not _fits(pool, user.credential, user.username, password):
        user.lock_out.record_failure(pool.elapsed())
        raise PoolRefusal(error_templates.WRONG_PASSWORD)


def check_policy(
    pool: Core,
    password: Secret[str],
    saying: error_templates.ErrorTemplate = error_templates.PASSWORD_POLICY,
) -> None:
    """Does a new password conform to the policy?

    Args:
        pool: the pool.
        password: the new password.
        saying: how a refusal is worded.

    Raises:
        PoolRefusal: InvalidPasswordException, with what it lacks.
    """
    why = pool.configuration.password_policy.fault(password.reveal())
    if why is not None:
        raise PoolRefusal(saying, why=why)


def check_history(pool: Core, user: User, password: Secret[str]) -> None:
    """Has this user not had this password before? Asked once they have proved who they are.

    "Users can't set a password that matches any of n previous passwords, where n is the value of
    PasswordHistorySize" -- AWS API reference. That the present one is the first of them is inferred.

    Raises:
        PoolRefusal: PasswordHistoryPolicyViolationException.
    """
    had = (
        (user.credential, *user.previous_credentials)
        if user.credential is not None
        else user.previous_credentials
    )
    for credential in had[: pool.configuration.password_policy.password_history_size]:
        if credential is not None and _fits(pool, credential, user.username, password):
            raise PoolRefusal(error_templates.PASSWORD_REUSED)


def set_password(pool: Core, user: User, password: Secret[str], *, temporary: bool) -> None:
    """Give a user a password: its salt and verifier are kept, itself is not."""
    kept = pool.configuration.password_policy.password_history_size
    try:
        made = PasswordRecord.of(pool.realm, user.username, password, pool.entropy(16))
    except srp.SrpRefused:
        raise PoolRefusal(error_templates.PASSWORD_POLICY, why="Password is not text") from None
    if user.credential is not None:
        user.previous_credentials = (user.credential, *user.previous_credentials)[:kept]
    user.credential = made
    user.password_set, user.modified = pool.elapsed(), pool.clock()
    end_sessions(pool, user)
    user.status = Status.FORCE_CHANGE_PASSWORD if temporary else Status.CONFIRMED


def end_sessions(pool: Core, user: User) -> None:
    """End the sign-ins of a user that are under way: what they have proved does not count any more.

    Sources are silent on it; `Contradictions.sessions_survive_password_change` is the other way.
    """
    if not pool.configuration.contradictions.sessions_survive_password_change:
        user.session_generation += 1
