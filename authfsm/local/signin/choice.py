"""Choice-based sign-in (USER_AUTH)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from attrs import evolve

from authfsm.base.secret import Secret
from authfsm.local.config import error_templates
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.config.pool_configuration import AppClient, PoolConfiguration
from authfsm.local.signin import code_answers, devices, passwords, required_factors
from authfsm.local.signin.steps import (
    ChallengeAnswer,
    issue_challenge,
    issue_password_verifier,
    next_challenge,
)
from authfsm.local.signin.triggers import Metadata
from authfsm.local.state import passkeys
from authfsm.local.state.core import Core, Reply, required_parameter
from authfsm.local.state.passkeys import PasskeyChallenge
from authfsm.local.state.sessions import Attempt, PendingChallenge
from authfsm.local.state.users import Status, User
from authfsm.protocol.states import PASSWORDLESS, State

# Which first factors there are to choose from: what the pool allows and the user has, or seems to have.
FIRST_FACTOR_ORDER: Final = (
    # Of a guide's example and of a measured reply ("PASSWORD_SRP","PASSWORD"); no source has them all.
    State.EMAIL_OTP,
    State.SMS_OTP,
    State.PASSWORD_SRP,
    State.PASSWORD,
    State.WEB_AUTHN,
)
PASSWORD_FACTORS: Final = (State.PASSWORD_SRP, State.PASSWORD)
"""PASSWORD in AllowedFirstAuthFactors "includes both the plain-password and SRP" variants."""


def available_first_factors(pool: PoolConfiguration, user: User) -> tuple[State, ...]:
    """The first factors of a user: what the pool allows and the user has."""
    allowed = _allowed(pool)
    found: set[State] = set()
    if user.credential is not None:
        found.update(allowed & set(PASSWORD_FACTORS))
    # Measured: a user with a temporary password who asked for EMAIL_OTP was offered passwords.
    if user.status is not Status.FORCE_CHANGE_PASSWORD:
        found.update(factor for factor in allowed & PASSWORDLESS if _has(pool, user, factor))
    # Whoever has nothing is offered what fails: a password.
    return _ordered(found or PASSWORD_FACTORS)


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
    return allowed | (set(PASSWORD_FACTORS) if "PASSWORD" in names else set())


def _has(pool: PoolConfiguration, user: User, factor: State) -> bool:
    active = {each for each in required_factors.factors_of(pool, user) if each in user.mfa_enabled}
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
        and any(each in user.mfa_enabled for each in required_factors.factors_of(pool, user))
    )


def simulated_first_factors(pool: Core, typed: str) -> tuple[State, ...]:
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
    return _ordered(allowed or PASSWORD_FACTORS)


def _ordered(factors: Iterable[State]) -> tuple[State, ...]:
    factors = set(factors)
    return tuple(factor for factor in FIRST_FACTOR_ORDER if factor in factors)


# Choice-based sign-in: which first factors a user has, and how the chosen one is asked for (USER_AUTH).
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
        available_first_factors(configuration, user)
        if user
        else simulated_first_factors(pool, attempt.submitted_name)
    )
    attempt = evolve(attempt, first_factors=offered)
    if session is not None:
        return _signed_up(pool, attempt, session)
    if user is not None and not set(offered) & PASSWORDLESS:
        # Inferred: UNCONFIRMED and RESET_REQUIRED are told at once where only a password is left.
        user.ensure_can_sign_in(hide_imported=_hides(attempt.client))
    if parameters.get("ACCESS_TOKEN") or parameters.get("TARGET_ACR_VALUES"):
        attempt = required_factors.with_target_level(pool, attempt, parameters)
        if not attempt.first_factors:
            return next_challenge(pool, attempt)
    return _first(pool, attempt, parameters)


def _first(pool: Core, attempt: Attempt, parameters: Mapping[str, str]) -> Reply:
    preferred = parameters.get("PREFERRED_CHALLENGE") or None
    if preferred in PASSWORDLESS and pool.configuration.tier == "LITE":
        raise PoolRefusal(error_templates.NOT_IN_TIER, feature=preferred)
    attempt = devices.with_known_device_key(pool, attempt, parameters.get("DEVICE_KEY"))
    if preferred in attempt.first_factors:
        return issue_first_factor(pool, attempt, State[preferred], parameters)
    if attempt.target_level and preferred is None and len(attempt.first_factors) == 1:
        # "prompts only for factors that aren't already listed"; by which challenge is not documented.
        return issue_first_factor(pool, attempt, attempt.first_factors[0], parameters)
    parameters, signing = {}, None
    ways = pool.configuration.contradictions
    if State.WEB_AUTHN in attempt.first_factors and ways.select_challenge_has_request_options:
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
    pending: PendingChallenge = pool.sessions.find(attempt.client, session)
    if pending.challenge != SIGNED_UP or pending.attempt.user is not attempt.user:
        raise PoolRefusal(error_templates.SESSION_UNKNOWN)
    pool.sessions.check_current(pending)
    pending.spent = True
    verified = {
        State.EMAIL_OTP: "email_verified",
        State.SMS_OTP: "phone_number_verified",
    }
    user = attempt.existing_user
    for factor, mark in verified.items():
        free = required_factors.mfa_after_code(pool.configuration, user, factor) is None
        if factor in attempt.first_factors and free and user.attributes.get(mark) == "true":
            return next_challenge(pool, code_answers.with_first_factor(attempt, factor))
    return _first(pool, attempt, {})


# ---- how each is asked for ----------------------------------------------------------------------------


def issue_first_factor(
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
        return sign_in_with_password(pool, attempt, given, metadata)
    attempt = devices.with_known_device_key(pool, attempt, given.get("DEVICE_KEY"))
    if factor is State.PASSWORD_SRP and given.get("SRP_A"):
        proof = passwords.begin_srp(pool, attempt, given["SRP_A"])
        return issue_password_verifier(pool, attempt, proof)
    if factor is State.WEB_AUTHN:
        return _asked(pool, attempt, factor, *_request(pool, attempt))
    if factor in PASSWORDLESS:
        return _asked(pool, attempt, factor, *code_answers.send_first_code(pool, attempt, factor))
    # PASSWORD and PASSWORD_SRP as received names: in the enumeration, and in no trace.
    return _asked(pool, attempt, factor, {})


def _asked(
    pool: Core,
    attempt: Attempt,
    challenge: State,
    parameters: Mapping[str, str],
    expected_answer: code_answers.FirstFactorCode | PasskeyChallenge | None = None,
) -> Reply:
    reply = issue_challenge(pool, attempt, challenge, parameters, expected_answer)
    # Also beside a first factor that is asked for directly (AWS API reference, InitiateAuth, examples).
    reply["AvailableChallenges"] = [factor.value for factor in attempt.first_factors]
    return reply


def _request(pool: Core, attempt: Attempt) -> tuple[dict[str, str], PasskeyChallenge]:
    """What a passkey is to sign, and CREDENTIAL_REQUEST_OPTIONS."""
    settings, user = pool.configuration.webauthn, attempt.user
    if settings is None:
        raise PoolRefusal(error_templates.NO_RELYING_PARTY)
    # Where MFA is required a passkey is there to satisfy it, whatever was switched off meanwhile.
    as_mfa = user is not None and satisfies_mfa(pool.configuration, user)
    required = as_mfa or pool.configuration.mfa == "ON"
    verification = "required" if required else settings.user_verification
    challenge = pool.entropy(passkeys.CHALLENGE_BYTES)
    signing = PasskeyChallenge(challenge, settings.relying_party_id, verification)
    if user is not None:
        allowed = passkeys.allowed_credentials(user, settings.relying_party_id)
    else:
        name = passkeys.base64url(pool.mark("credential", attempt.submitted_name))
        allowed = [{"type": "public-key", "id": name, "transports": ["internal"]}]
    timeout = attempt.client.auth_session_validity * _MILLISECONDS
    options = passkeys.request_options(signing, allowed, timeout)
    return {"CREDENTIAL_REQUEST_OPTIONS": options}, signing


# ---- the answers --------------------------------------------------------------------------------------


def select_challenge(pool: Core, answer: ChallengeAnswer) -> Reply:
    """SELECT_CHALLENGE, and any first factor left for another: the choice, in one step or in two."""
    chosen = _choosable(answer, required_parameter(answer.responses, "ANSWER"))
    if chosen is State.WEB_AUTHN and answer.responses.get("CREDENTIAL"):
        return web_authn(pool, answer)
    return issue_first_factor(pool, answer.attempt, chosen, answer.responses, answer.metadata)


def password(pool: Core, answer: ChallengeAnswer) -> Reply:
    """PASSWORD under its own name, where it was asked for or may be chosen."""
    factor = _choosable(answer, State.PASSWORD)
    required_parameter(answer.responses, "PASSWORD")
    return issue_first_factor(pool, answer.attempt, factor, answer.responses, answer.metadata)


def password_srp(pool: Core, answer: ChallengeAnswer) -> Reply:
    """PASSWORD_SRP under its own name: the same."""
    factor = _choosable(answer, State.PASSWORD_SRP)
    required_parameter(answer.responses, "SRP_A")
    return issue_first_factor(pool, answer.attempt, factor, answer.responses, answer.metadata)


def _choosable(answer: ChallengeAnswer, name: str) -> State:
    if answer.pending.challenge == State.EMAIL_OTP and not isinstance(
        answer.pending.expected_answer, code_answers.FirstFactorCode
    ):
        # As a second factor it is not left.
        raise PoolRefusal(error_templates.CODE_MISMATCH)
    if name not in answer.attempt.first_factors:
        raise PoolRefusal(error_templates.CHALLENGE_NOT_AVAILABLE, answer=name)
    return State[name]


def web_authn(pool: Core, answer: ChallengeAnswer) -> Reply:
    """WEB_AUTHN: what the passkey signed. Nothing follows: it is a first factor without a second, or both."""
    credential, signing = (
        required_parameter(answer.responses, "CREDENTIAL"),
        answer.pending.expected_answer,
    )
    user, attempt = answer.attempt.user, answer.attempt
    if user is None or not isinstance(signing, PasskeyChallenge):
        raise PoolRefusal(error_templates.PASSKEY_REFUSED)
    passkey = passkeys.verify_assertion(signing, user, credential)
    attempt = evolve(attempt, methods=(*attempt.methods, passkey.method), second_factor_passed=True)
    if user.status is Status.RESET_REQUIRED and user.credential is None:
        user.status = Status.CONFIRMED
    return next_challenge(pool, attempt, answer.metadata)


def sign_in_with_password(
    pool: Core, attempt: Attempt, given: Mapping[str, str], metadata: Metadata
) -> Reply:
    """The password in clear, of a sign-in that began without it; only after it are devices told of."""
    clear = Secret(required_parameter(given, "PASSWORD"))
    passwords.check_password(pool, attempt.client, attempt.user, attempt.submitted_name, clear)
    attempt = devices.with_device_key(pool, attempt, given.get("DEVICE_KEY"))
    return next_challenge(pool, evolve(attempt, password_proved=True), metadata)
