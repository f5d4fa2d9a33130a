"""How challenges are answered: one small function for each ChallengeName, and what comes before them all.

Whatever the challenge, `respond` has checked: the app client, SECRET_HASH, the session (bound to client,
user and challenge; not spent, not expired), and that the user is still let in. A function of the table
checks its own answer, and says what the attempt has proved; `steps.onward` decides what follows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from authfsm.local.config import error_templates
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.config.pool_configuration import AppClient
from authfsm.local.signin import choice, custom, devices, one_time, proving, second_factor, set_up
from authfsm.local.signin.steps import ChallengeAnswer
from authfsm.local.state import proofs
from authfsm.local.state.core import Core, Reply, Request, check_secret_hash, wanted
from authfsm.local.state.sessions import Attempt, PendingChallenge
from authfsm.local.state.users import Status
from authfsm.protocol.states import CODE_FIELDS, PASSWORDLESS, State

Handler = Callable[[Core, ChallengeAnswer], Reply]

_PASSWORDS: Final = {State.PASSWORD_VERIFIER, State.ADMIN_NO_SRP_AUTH}


def respond(pool: Core, request: Request) -> Reply:
    """RespondToAuthChallenge."""
    # "You can't respond to an ADMIN_NO_SRP_AUTH challenge with this operation" -- AWS API reference
    if request["ChallengeName"] == State.ADMIN_NO_SRP_AUTH:
        raise PoolRefusal(error_templates.NO_SUCH_CHALLENGE, name=request["ChallengeName"])
    return _respond(pool, request)


def respond_as_admin(pool: Core, request: Request) -> Reply:
    """AdminRespondToAuthChallenge."""
    pool.check_pool(request)
    return _respond(pool, request)


def _respond(pool: Core, request: Request) -> Reply:
    client, challenge = pool.client(request), request["ChallengeName"]
    responses: Mapping[str, str] = request.get("ChallengeResponses") or {}
    username = wanted(responses, "USERNAME")
    check_secret_hash(client, username, responses)
    leg = _find(pool, client, challenge, request.get("Session"), responses)
    with pool.sessions.answering(leg):
        _check_user(pool, leg.attempt, username)
        pool.sessions.check_current(leg)
        handler = _handler_of(leg, challenge)
        attempt = leg.attempt
        if challenge not in _PASSWORDS and not attempt.unproved:
            # Before the answer is looked at: a code that is spent could not be sent again without it.
            attempt = devices.presented(pool, attempt, responses.get("DEVICE_KEY"))
        return handler(
            pool, ChallengeAnswer(leg, attempt, responses, request.get("ClientMetadata"))
        )


def _find(
    pool: Core,
    client: AppClient,
    challenge: str,
    session: str | None,
    responses: Mapping[str, str],
) -> PendingChallenge:
    """The leg that is answered: by its session or, where clients send none, by what stands for it.

    pycognito sends no session with PASSWORD_VERIFIER, DEVICE_SRP_AUTH and DEVICE_PASSWORD_VERIFIER. The
    secret block, which is as unguessable, or the device of this user identifies the attempt there.
    """
    other_key = None
    if session is None and challenge in {
        State.PASSWORD_VERIFIER,
        State.DEVICE_PASSWORD_VERIFIER,
    }:
        other_key = proofs.block_key(wanted(responses, "PASSWORD_CLAIM_SECRET_BLOCK"))
    elif session is None and challenge == State.DEVICE_SRP_AUTH:
        user = pool.users.find(responses["USERNAME"])
        name = user.username if user is not None else responses["USERNAME"]
        key = wanted(responses, "DEVICE_KEY")
        other_key = devices.attempt_key(client.client_id, name, key)
    elif session is None:
        raise PoolRefusal(error_templates.ABSENT, name="Session")
    try:
        return pool.sessions.find(client, session, other_key)
    except PoolRefusal as refusal:
        # Measured: a wrong secret block is "Incorrect username or password."
        if other_key is not None and refusal.message == error_templates.SESSION_UNKNOWN.message:
            raise PoolRefusal(error_templates.WRONG_PASSWORD) from None
        raise


def _check_user(pool: Core, attempt: Attempt, username: str) -> None:
    """Is the USERNAME of an answer the user whose session it is, and are they still let in?

    USER_ID_FOR_SRP (amazon-cognito-identity-js), the challenge's USERNAME (pycognito) or what was typed
    (warrant-lite) are all taken.
    """
    user = attempt.user
    aliases = pool.configuration.contradictions.aliases_in_answers
    found = pool.users.find(username) if aliases else pool.users.named(username)
    if user is None:
        if found is not None or username not in {attempt.name, attempt.typed}:
            raise PoolRefusal(error_templates.SESSION_OF_ANOTHER)
    elif found is not user:
        raise PoolRefusal(error_templates.SESSION_OF_ANOTHER)
    elif not user.enabled:
        raise PoolRefusal(error_templates.DISABLED)
    elif attempt.password_proved and user.status is Status.RESET_REQUIRED:
        # The password that was proved does not count any more: the API lists the exception here too.
        raise PoolRefusal(error_templates.RESET_REQUIRED)


def _handler_of(leg: PendingChallenge, challenge: str) -> Handler:
    if isinstance(leg.matter, custom.DeadEnd):
        # "every code fails with CodeMismatchException" (amplify-js #12887, #9592); NEW_PASSWORD_REQUIRED
        # fails otherwise (amplify-flutter #4890), and the rest by analogy with it.
        dead = (
            error_templates.CODE_MISMATCH
            if challenge in CODE_FIELDS
            else error_templates.SESSION_DEAD_END
        )
        raise PoolRefusal(dead)
    handler = ANSWERS.get((leg.challenge, challenge))
    if handler is None:
        # "Invalid code or auth state for the user." also answers a wrong ChallengeName, and a factor that
        # is not selected yet (amplify-js #9734, #11069, #13962).
        raise PoolRefusal(error_templates.CODE_MISMATCH)
    return handler


ANSWERS: Final[dict[tuple[str, str], Handler]] = {
    # (the challenge that was asked, the ChallengeName of the answer): they may differ where Cognito
    # lets a first factor be chosen anew.
    (State.PASSWORD_VERIFIER, State.PASSWORD_VERIFIER): proving.password_verifier,
    (State.ADMIN_NO_SRP_AUTH, State.ADMIN_NO_SRP_AUTH): proving.admin_no_srp_auth,
    (State.CUSTOM_CHALLENGE, State.CUSTOM_CHALLENGE): proving.custom_challenge,
    (State.NEW_PASSWORD_REQUIRED, State.NEW_PASSWORD_REQUIRED): set_up.new_password,
    (State.MFA_SETUP, State.MFA_SETUP): set_up.mfa_setup,
    (State.SELECT_MFA_TYPE, State.SELECT_MFA_TYPE): second_factor.select_mfa_type,
    (State.SMS_MFA, State.SMS_MFA): second_factor.sent_code,
    (State.EMAIL_OTP, State.EMAIL_OTP): one_time.email_otp,
    (State.SMS_OTP, State.SMS_OTP): one_time.first_code,
    (State.WEB_AUTHN, State.WEB_AUTHN): choice.web_authn,
    (State.PASSWORD, State.PASSWORD): choice.password,
    (State.PASSWORD_SRP, State.PASSWORD_SRP): choice.password_srp,
    **{
        (asked, name): handler
        for asked in (State.SELECT_CHALLENGE, *sorted(PASSWORDLESS))
        for name, handler in (
            (State.SELECT_CHALLENGE, choice.select_challenge),
            (State.PASSWORD, choice.password),
            (State.PASSWORD_SRP, choice.password_srp),
        )
    },
    (State.SOFTWARE_TOKEN_MFA, State.SOFTWARE_TOKEN_MFA): second_factor.software_token,
    (State.DEVICE_SRP_AUTH, State.DEVICE_SRP_AUTH): proving.device_srp_auth,
    (
        State.DEVICE_PASSWORD_VERIFIER,
        State.DEVICE_PASSWORD_VERIFIER,
    ): proving.device_password_verifier,
}
"""Which function takes which answer."""
