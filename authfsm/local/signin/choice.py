"""Choice-based sign-in: which first factors a user has, and how the chosen one is asked for (USER_AUTH).

A preferred factor that is available is asked for at once; else SELECT_CHALLENGE follows, with
AvailableChallenges, and that is no error (AWS API reference; measured). Until a first factor is proved, a user who is not there looks like one who
is (PreventUserExistenceErrors=ENABLED). What follows the first factor is `steps.onward`'s to decide.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attrs import evolve

from authfsm.local.config import error_templates
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.config.pool_configuration import AppClient
from authfsm.local.signin import devices, offers, one_time, passwords, proving, step_up
from authfsm.local.signin.steps import ChallengeAnswer, ask, ask_password_verifier, onward
from authfsm.local.state import mfa, passkeys
from authfsm.local.state.core import Core, Reply, wanted
from authfsm.local.state.passkeys import Signing
from authfsm.local.state.sessions import Attempt, PendingChallenge
from authfsm.local.state.triggers import Metadata
from authfsm.local.state.users import Status, User
from authfsm.protocol.states import PASSWORDLESS, State

SIGNED_UP: Final = "SIGNED_UP"
"""What a session of ConfirmSignUp is bound to; no challenge has this name, so none is answered with it."""

_MILLISECONDS: Final = 60_000


# ---- the beginning ----------------------------------------------------------------------------------


def begin(
    pool: Core, attempt: Attempt, parameters: Mapping[str, str], session: str | None
) -> Reply:
    """USER_AUTH: by what is preferred, by choice, toward a level, or with the session of a sign-up.

    Args:
        pool: the pool.
        attempt: the attempt; its user is None where the pool pretends.
        parameters: AuthParameters.
        session: Session.
    """
    user, configuration = attempt.user, pool.configuration
    if configuration.tier == "LITE" and configuration.contradictions.user_auth_needs_essentials:
        raise PoolRefusal(error_templates.NOT_IN_TIER, feature="USER_AUTH")
    if user is not None and not user.enabled:
        raise PoolRefusal(error_templates.DISABLED)
    offered = (
        offers.available(configuration, user) if user else offers.pretended(pool, attempt.typed)
    )
    attempt = evolve(attempt, offered=offered)
    if session is not None:
        return _signed_up(pool, attempt, session)
    if user is not None and not set(offered) & PASSWORDLESS:
        # Inferred: UNCONFIRMED and RESET_REQUIRED are told at once where only a password is left.
        user.check_in(imported_is_unknown=_hides(attempt.client))
    if parameters.get("ACCESS_TOKEN") or parameters.get("TARGET_ACR_VALUES"):
        attempt = step_up.aim(pool, attempt, parameters)
        if not attempt.offered:
            return onward(pool, attempt)
    return _first(pool, attempt, parameters)


def _first(pool: Core, attempt: Attempt, parameters: Mapping[str, str]) -> Reply:
    preferred = parameters.get("PREFERRED_CHALLENGE") or None
    if preferred in PASSWORDLESS and pool.configuration.tier == "LITE":
        raise PoolRefusal(error_templates.NOT_IN_TIER, feature=preferred)
    attempt = devices.if_known(pool, attempt, parameters.get("DEVICE_KEY"))
    if preferred in attempt.offered:
        return take(pool, attempt, State[preferred], parameters)
    if attempt.target and preferred is None and len(attempt.offered) == 1:
        # "prompts only for factors that aren't already listed"; by which challenge is not documented.
        return take(pool, attempt, attempt.offered[0], parameters)
    parameters, signing = {}, None
    ways = pool.configuration.contradictions
    if State.WEB_AUTHN in attempt.offered and ways.select_challenge_has_request_options:
        parameters, signing = _request(pool, attempt)
    return _asked(pool, attempt, State.SELECT_CHALLENGE, parameters, signing)


def _hides(client: AppClient) -> bool:
    return client.prevent_user_existence_errors == "ENABLED"


# ---- the session of a sign-up -------------------------------------------------------------------------


def sign_up_session(pool: Core, client: AppClient, user: User) -> str:
    """The session that ConfirmSignUp gives: with it the confirmed user signs in without a challenge.

    Args:
        pool: the pool.
        client: the app client of ConfirmSignUp.
        user: who has just been confirmed.
    """
    attempt = Attempt(client, "USER_AUTH", user, user.username, user.username, pool.clock())
    return pool.sessions.open(attempt, SIGNED_UP, None).session


def _signed_up(pool: Core, attempt: Attempt, session: str) -> Reply:
    """InitiateAuth with that session: tokens at once, if the user may begin with a code of that kind.

    "Amazon Cognito ignores the AuthParameters when you pass a valid session code"; the user must be
    "eligible for the OTP authentication method" -- developer guide, "Authentication flows"
    """
    leg: PendingChallenge = pool.sessions.find(attempt.client, session)
    if leg.challenge != SIGNED_UP or leg.attempt.user is not attempt.user:
        raise PoolRefusal(error_templates.SESSION_UNKNOWN)
    pool.sessions.check_current(leg)
    leg.spent = True
    verified = {
        State.EMAIL_OTP: "email_verified",
        State.SMS_OTP: "phone_number_verified",
    }
    user = attempt.known
    for factor, mark in verified.items():
        free = mfa.after_code(pool.configuration, user, factor) is None
        if factor in attempt.offered and free and user.attributes.get(mark) == "true":
            return onward(pool, one_time.proved(attempt, factor))
    return _first(pool, attempt, {})


# ---- how each is asked for ----------------------------------------------------------------------------


def take(
    pool: Core,
    attempt: Attempt,
    factor: State,
    given: Mapping[str, str],
    metadata: Metadata = None,
) -> Reply:
    """Ask for a first factor that was chosen, or check it if it is there already.

    Args:
        pool: the pool.
        attempt: the attempt.
        factor: one of those offered.
        given: AuthParameters or ChallengeResponses.
        metadata: ClientMetadata.
    """
    if factor is State.PASSWORD and given.get("PASSWORD"):
        return proving.password(pool, attempt, given, metadata)
    attempt = devices.if_known(pool, attempt, given.get("DEVICE_KEY"))
    if factor is State.PASSWORD_SRP and given.get("SRP_A"):
        proof = passwords.begin_srp(pool, attempt, given["SRP_A"])
        return ask_password_verifier(pool, attempt, proof)
    if factor is State.WEB_AUTHN:
        return _asked(pool, attempt, factor, *_request(pool, attempt))
    if factor in PASSWORDLESS:
        return _asked(pool, attempt, factor, *one_time.send(pool, attempt, factor))
    # PASSWORD and PASSWORD_SRP as received names: in the enumeration, and in no trace.
    return _asked(pool, attempt, factor, {})


def _asked(
    pool: Core,
    attempt: Attempt,
    challenge: State,
    parameters: Mapping[str, str],
    matter: one_time.FirstCode | Signing | None = None,
) -> Reply:
    reply = ask(pool, attempt, challenge, parameters, matter)
    # Also beside a first factor that is asked for directly (AWS API reference, InitiateAuth, examples).
    reply["AvailableChallenges"] = [factor.value for factor in attempt.offered]
    return reply


def _request(pool: Core, attempt: Attempt) -> tuple[dict[str, str], Signing]:
    """What a passkey is to sign, and CREDENTIAL_REQUEST_OPTIONS."""
    settings, user = pool.configuration.webauthn, attempt.user
    if settings is None:
        raise PoolRefusal(error_templates.NO_RELYING_PARTY)
    # Where MFA is required a passkey is there to satisfy it, whatever was switched off meanwhile.
    as_mfa = user is not None and offers.satisfies_mfa(pool.configuration, user)
    required = as_mfa or pool.configuration.mfa == "ON"
    verification = "required" if required else settings.user_verification
    challenge = pool.entropy(passkeys.CHALLENGE_BYTES)
    signing = Signing(challenge, settings.relying_party_id, verification)
    if user is not None:
        allowed = passkeys.allowed(user, settings.relying_party_id)
    else:
        name = passkeys.text(pool.mark("credential", attempt.typed))
        allowed = [{"type": "public-key", "id": name, "transports": ["internal"]}]
    timeout = attempt.client.auth_session_validity * _MILLISECONDS
    options = passkeys.request_options(signing, allowed, timeout)
    return {"CREDENTIAL_REQUEST_OPTIONS": options}, signing


# ---- the answers --------------------------------------------------------------------------------------


def select_challenge(pool: Core, answer: ChallengeAnswer) -> Reply:
    """SELECT_CHALLENGE, and any first factor left for another: the choice, in one step or in two."""
    chosen = _choosable(answer, wanted(answer.responses, "ANSWER"))
    if chosen is State.WEB_AUTHN and answer.responses.get("CREDENTIAL"):
        return web_authn(pool, answer)
    return take(pool, answer.attempt, chosen, answer.responses, answer.metadata)


def password(pool: Core, answer: ChallengeAnswer) -> Reply:
    """PASSWORD under its own name, where it was asked for or may be chosen."""
    factor = _choosable(answer, State.PASSWORD)
    wanted(answer.responses, "PASSWORD")
    return take(pool, answer.attempt, factor, answer.responses, answer.metadata)


def password_srp(pool: Core, answer: ChallengeAnswer) -> Reply:
    """PASSWORD_SRP under its own name: the same."""
    factor = _choosable(answer, State.PASSWORD_SRP)
    wanted(answer.responses, "SRP_A")
    return take(pool, answer.attempt, factor, answer.responses, answer.metadata)


def _choosable(answer: ChallengeAnswer, name: str) -> State:
    if answer.leg.challenge == State.EMAIL_OTP and not isinstance(
        answer.leg.matter, one_time.FirstCode
    ):
        # As a second factor it is not left.
        raise PoolRefusal(error_templates.CODE_MISMATCH)
    if name not in answer.attempt.offered:
        raise PoolRefusal(error_templates.NOT_A_CHOICE, answer=name)
    return State[name]


def web_authn(pool: Core, answer: ChallengeAnswer) -> Reply:
    """WEB_AUTHN: what the passkey signed. Nothing follows: it is a first factor without a second, or both."""
    credential, signing = wanted(answer.responses, "CREDENTIAL"), answer.leg.matter
    user, attempt = answer.attempt.user, answer.attempt
    if user is None or not isinstance(signing, Signing):
        raise PoolRefusal(error_templates.PASSKEY_REFUSED)
    passkey = passkeys.signed(signing, user, credential)
    attempt = evolve(attempt, methods=(*attempt.methods, passkey.method), second_factor_passed=True)
    if user.status is Status.RESET_REQUIRED and user.credential is None:
        user.status = Status.CONFIRMED
    return onward(pool, attempt, answer.metadata)
