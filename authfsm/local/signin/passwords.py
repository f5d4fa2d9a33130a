"""Checks passwords, which arrive in clear or as an SRP proof, and sets new ones.

The order of the checks: the user may sign in, the user is not locked out, the password is correct, a temporary
password has not expired. With PreventUserExistenceErrors=ENABLED the proof is computed for an unknown or
imported user too, so that the time of a refusal does not reveal them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from authfsm import srp
from authfsm.base.secret import Secret
from authfsm.local.config import error_templates
from authfsm.local.config.pool_configuration import AppClient
from authfsm.local.state import srp_proofs
from authfsm.local.state.core import Core
from authfsm.local.state.sessions import Attempt
from authfsm.local.state.srp_proofs import PasswordRecord, SrpProof
from authfsm.local.state.users import Status, User


def check_password(pool: Core, attempt: Attempt, password: Secret[str]) -> None:
    """Refuse a wrong password, and a user who may not sign in."""
    user, name = attempt.user, attempt.submitted_name
    if user is None:
        if not attempt.client.hides_user_existence:
            raise error_templates.NO_SUCH_USER.refusal()
        _matches(pool, pool.simulated_credential(name), name, password)
        raise error_templates.WRONG_PASSWORD.refusal()
    credential = user.credential or pool.simulated_credential(name)
    is_correct = _matches(pool, credential, user.username, password)
    _ensure_can_sign_in(pool, attempt.client, user)
    _refuse_wrong_or_expired(pool, user, is_correct=is_correct)


def begin_srp(pool: Core, attempt: Attempt, srp_a: str) -> SrpProof:
    """Begin an SRP exchange; an unknown user, or one without a password, gets a simulated verifier."""
    credential = attempt.user.credential if attempt.user is not None else None
    credential = credential or pool.simulated_credential(attempt.submitted_name)
    return srp_proofs.begin_proof(pool.realm, attempt.username, credential, srp_a, pool.entropy)


def _matches(pool: Core, credential: PasswordRecord, name: str, password: Secret[str]) -> bool:
    try:
        return credential.matches(pool.realm, name, password)
    except srp.SrpRefused:  # the password cannot be encoded in UTF-8
        return False


def check_srp_claim(pool: Core, attempt: Attempt, proof: SrpProof, responses: Mapping[str, str]) -> None:
    """Refuse an answer that does not prove the password, and a user who may not sign in."""
    is_correct = is_valid_srp_claim(pool, proof, responses)
    if attempt.user is None:
        raise error_templates.WRONG_PASSWORD.refusal()
    _ensure_can_sign_in(pool, attempt.client, attempt.user)
    _refuse_wrong_or_expired(pool, attempt.user, is_correct=is_correct)


def _ensure_can_sign_in(pool: Core, client: AppClient, user: User) -> None:
    user.ensure_can_sign_in(hide_imported=client.hides_user_existence)
    user.lock_out.check(pool.elapsed())


def is_valid_srp_claim(pool: Core, proof: SrpProof, responses: Mapping[str, str]) -> bool:
    """Return whether an answer proves the password or the device, within the pool's tolerance for TIMESTAMP."""
    tolerance = pool.configuration.contradictions.timestamp_tolerance
    return proof.is_proved_by(responses, pool.clock(), tolerance)


def _refuse_wrong_or_expired(pool: Core, user: User, *, is_correct: bool) -> None:
    if not is_correct or user.credential is None:
        user.lock_out.record_failure(pool.elapsed())
        raise error_templates.WRONG_PASSWORD.refusal()
    if user.status is Status.FORCE_CHANGE_PASSWORD and user.password_set_at is not None:
        days = pool.configuration.password_policy.temporary_password_validity_days
        if pool.elapsed() >= user.password_set_at + timedelta(days=days):
            raise error_templates.TEMPORARY_EXPIRED.refusal()


def check_current_password(pool: Core, user: User, password: Secret[str]) -> None:
    """Refuse a wrong PreviousPassword of ChangePassword, and count it towards the lock-out."""
    if user.credential is None or not _matches(pool, user.credential, user.username, password):
        user.lock_out.record_failure(pool.elapsed())
        raise error_templates.WRONG_PASSWORD.refusal()


def check_policy(
    pool: Core,
    password: Secret[str],
    template: error_templates.ErrorTemplate = error_templates.PASSWORD_POLICY,
    *,
    check: str = "",
) -> None:
    """Refuse a new password that violates the policy, unless the pool's setting `accept` has `check`."""
    why = pool.configuration.password_policy.violation(password.reveal())
    if why is not None:
        pool.refuse_or_record(check, template.refusal(why=why))


def check_history(pool: Core, user: User, password: Secret[str]) -> None:
    """Refuse a password that is one of the last PasswordHistorySize ones, counting the current one (inferred)."""
    current = () if user.credential is None else (user.credential,)
    size = pool.configuration.password_policy.password_history_size
    for credential in (*current, *user.previous_credentials)[:size]:
        if _matches(pool, credential, user.username, password):
            raise error_templates.PASSWORD_REUSED.refusal()


def set_password(pool: Core, user: User, password: Secret[str], *, temporary: bool) -> None:
    """Set a user's status and password (only salt and verifier are stored), and end the user's pending sign-ins."""
    size = pool.configuration.password_policy.password_history_size
    try:
        credential = PasswordRecord.from_password(pool.realm, user.username, password, pool.entropy(16))
    except srp.SrpRefused:
        raise error_templates.PASSWORD_POLICY.refusal(why="Password is not text") from None
    if user.credential is not None:
        user.previous_credentials = (user.credential, *user.previous_credentials)[:size]
    user.credential = credential
    user.password_set_at, user.modified = pool.elapsed(), pool.clock()
    end_sessions(pool, user)
    user.status = Status.FORCE_CHANGE_PASSWORD if temporary else Status.CONFIRMED


def end_sessions(pool: Core, user: User) -> None:
    """End the pending sign-ins of a user, unless `Contradictions.sessions_survive_password_change` is true."""
    if not pool.configuration.contradictions.sessions_survive_password_change:
        user.session_generation += 1
