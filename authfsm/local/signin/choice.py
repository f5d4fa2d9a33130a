"""Choice-based sign-in (USER_AUTH): determines a user's first factors, and issues the challenge of the chosen one.

If PREFERRED_CHALLENGE is available, its challenge is issued at once. Otherwise SELECT_CHALLENGE is issued, with
AvailableChallenges; an unavailable preference is not an error (AWS API reference; measured). Until a first factor
is proved, an unknown user gets the replies of an existing one (PreventUserExistenceErrors=ENABLED).

"Passwordless authentication flows aren't compatible with required multi-factor authentication (MFA) in your
user pool. If MFA is optional in your user pool, users who have activated MFA can't sign in with a
passwordless first factor" -- developer guide, "Authentication flows". The exception is a passkey that satisfies
MFA (`passkey_satisfies_mfa`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from attrs import evolve

from authfsm.base.secret import Secret
from authfsm.local.config import error_templates
from authfsm.local.config.pool_configuration import AppClient, PoolConfiguration
from authfsm.local.signin import code_answers, devices, passwords, required_factors, steps
from authfsm.local.signin.code_answers import FirstFactorCode
from authfsm.local.signin.steps import ChallengeAnswer, next_challenge
from authfsm.local.signin.triggers import Metadata
from authfsm.local.state import codes, passkeys
from authfsm.local.state.core import Core, Reply, required_parameter
from authfsm.local.state.passkeys import PasskeyChallenge
from authfsm.local.state.sessions import Attempt
from authfsm.local.state.users import Status, User
from authfsm.protocol.states import PASSWORDLESS, State

SIGNED_UP: Final = "SIGNED_UP"
"""The challenge of a session from ConfirmSignUp. The API has no such ChallengeName, so no request can answer it."""

_FACTOR_ORDER: Final = (
    # From an example of the developer guide and a measured reply; no source has the order of all five.
    State.EMAIL_OTP,
    State.SMS_OTP,
    State.PASSWORD_SRP,
    State.PASSWORD,
    State.WEB_AUTHN,
)
# PASSWORD in AllowedFirstAuthFactors "includes both the plain-password and SRP" variants.
_PASSWORD_FACTORS: Final = (State.PASSWORD_SRP, State.PASSWORD)


def available_first_factors(configuration: PoolConfiguration, user: User) -> tuple[State, ...]:
    """Return the first factors that the pool allows and the user has."""
    allowed = _allowed_factors(configuration)
    found: set[State] = set()
    if user.credential is not None:
        found.update(allowed & set(_PASSWORD_FACTORS))
    # Measured: a user with a temporary password who preferred EMAIL_OTP was offered only passwords.
    if user.status is not Status.FORCE_CHANGE_PASSWORD:
        found.update(factor for factor in allowed & PASSWORDLESS if _can_begin_with(configuration, user, factor))
    # A user without any factor is offered passwords, although no password is correct.
    return _in_order(found or _PASSWORD_FACTORS)


def _allowed_factors(configuration: PoolConfiguration) -> set[State]:
    names = set(configuration.allowed_first_auth_factors)
    allowed = {factor for factor in PASSWORDLESS if factor in names}
    if configuration.tier == "LITE":
        allowed.clear()
    if configuration.mfa == "ON":
        allowed &= {State.WEB_AUTHN}
    return allowed | (set(_PASSWORD_FACTORS) if "PASSWORD" in names else set())


def _can_begin_with(configuration: PoolConfiguration, user: User, factor: State) -> bool:
    active = required_factors.active_factors(configuration, user)
    if factor is State.WEB_AUTHN:
        webauthn = configuration.webauthn
        if webauthn is None or not user.passkeys.of_relying_party(webauthn.relying_party_id):
            return False
        return passkey_satisfies_mfa(configuration, user) if active or configuration.mfa == "ON" else True
    if not required_factors.has_factor(user, factor):
        return False
    mfa_may_follow = configuration.contradictions.mfa_after_one_time_password
    mfa = required_factors.mfa_after_code(configuration, user, factor)
    return not active or (mfa_may_follow and mfa is not None)


def passkey_satisfies_mfa(configuration: PoolConfiguration, user: User) -> bool:
    """Return whether a passkey with user verification satisfies a user's MFA (WebAuthnMfaSettingsType)."""
    return (
        configuration.contradictions.passkeys_with_mfa_required
        and configuration.webauthn is not None
        and configuration.webauthn.is_multi_factor
        and user.passkeys.satisfy_mfa
        and bool(required_factors.active_factors(configuration, user))
    )


def _simulated_first_factors(pool: Core, submitted_name: str) -> tuple[State, ...]:
    """Return simulated first factors for an unknown user. The name decides whether a passkey is among them."""
    settings, is_odd = pool.configuration, pool.stable_bytes("passkey", submitted_name)[0] % 2
    allowed = _allowed_factors(settings)
    if is_odd or settings.webauthn is None or settings.mfa == "ON":
        allowed -= {State.WEB_AUTHN}
    return _in_order(allowed or _PASSWORD_FACTORS)


def _in_order(factors: Collection[State]) -> tuple[State, ...]:
    return tuple(factor for factor in _FACTOR_ORDER if factor in factors)


def begin(pool: Core, attempt: Attempt, parameters: Mapping[str, str], session: str | None) -> Reply:
    """Begin USER_AUTH; `session` is the Session of ConfirmSignUp's reply, None if the request has none."""
    user, name, configuration = attempt.user, attempt.submitted_name, pool.configuration
    if configuration.tier == "LITE" and configuration.contradictions.user_auth_needs_essentials:
        raise error_templates.NOT_IN_TIER.refusal(feature="USER_AUTH")
    if user is not None and not user.enabled:
        raise error_templates.DISABLED.refusal()
    factors = available_first_factors(configuration, user) if user else _simulated_first_factors(pool, name)
    attempt = evolve(attempt, first_factors=factors)
    if session is not None:
        return _begin_after_sign_up(pool, attempt, session)
    if user is not None and not set(factors) & PASSWORDLESS:
        # Inferred: if the password is the only first factor, UNCONFIRMED and RESET_REQUIRED are refused at once.
        user.ensure_can_sign_in(hide_imported=attempt.client.hides_user_existence)
    if parameters.get("ACCESS_TOKEN") or parameters.get("TARGET_ACR_VALUES"):
        attempt = required_factors.with_target_level(pool, attempt, parameters)
        if not attempt.first_factors:
            return next_challenge(pool, attempt)
    return _issue_first_challenge(pool, attempt, parameters)


def _issue_first_challenge(pool: Core, attempt: Attempt, parameters: Mapping[str, str]) -> Reply:
    preferred = parameters.get("PREFERRED_CHALLENGE") or None
    if preferred in PASSWORDLESS and pool.configuration.tier == "LITE":
        raise error_templates.NOT_IN_TIER.refusal(feature=preferred)
    attempt = devices.with_known_device_key(pool, attempt, parameters)
    if preferred in attempt.first_factors:
        return _issue_first_factor(pool, attempt, State[preferred], parameters)
    if attempt.target_level and preferred is None and len(attempt.first_factors) == 1:
        # "prompts only for factors that aren't already listed" in `amr` (developer guide). Inferred: one is no choice.
        return _issue_first_factor(pool, attempt, attempt.first_factors[0], parameters)
    contradictions = pool.configuration.contradictions
    if State.WEB_AUTHN in attempt.first_factors and contradictions.select_challenge_has_request_options:
        return _issue(pool, attempt, State.SELECT_CHALLENGE, *_passkey_request(pool, attempt))
    return _issue(pool, attempt, State.SELECT_CHALLENGE, {})


def sign_up_session(pool: Core, client: AppClient, user: User) -> str:
    """Return the Session of ConfirmSignUp's reply; a USER_AUTH sign-in that begins with it may need no challenge."""
    attempt = Attempt(client, "USER_AUTH", user, user.username, user.username, pool.clock())
    return pool.sessions.open(attempt, SIGNED_UP, None).session


def _begin_after_sign_up(pool: Core, attempt: Attempt, session: str) -> Reply:
    """Return tokens if a code alone would suffice and its address is verified (developer guide), else a challenge."""
    pending = pool.sessions.find(attempt.client, session)
    if pending.challenge != SIGNED_UP or pending.attempt.user is not attempt.user:
        raise error_templates.SESSION_UNKNOWN.refusal()
    pool.sessions.check_not_ended(pending)
    pending.used = True
    user = attempt.existing_user
    for factor in (State.EMAIL_OTP, State.SMS_OTP):
        needs_mfa = required_factors.mfa_after_code(pool.configuration, user, factor)
        is_verified = user.attributes.get(f"{codes.ADDRESSES[factor]}_verified") == "true"
        if factor in attempt.first_factors and not needs_mfa and is_verified:
            return next_challenge(pool, code_answers.with_first_factor(attempt, factor))
    return _issue_first_challenge(pool, attempt, {})


def _issue_first_factor(
    pool: Core, attempt: Attempt, factor: State, parameters: Mapping[str, str], metadata: Metadata = None
) -> Reply:
    """Issue a first factor's challenge; if the request's `parameters` answer it already, check the answer instead."""
    if factor is State.PASSWORD and parameters.get("PASSWORD"):
        return sign_in_with_password(pool, attempt, parameters, metadata)
    attempt = devices.with_known_device_key(pool, attempt, parameters)
    if factor is State.PASSWORD_SRP and parameters.get("SRP_A"):
        proof = passwords.begin_srp(pool, attempt, parameters["SRP_A"])
        return steps.issue_password_verifier(pool, attempt, proof)
    if factor is State.WEB_AUTHN:
        return _issue(pool, attempt, factor, *_passkey_request(pool, attempt))
    if factor in PASSWORDLESS:
        return _issue(pool, attempt, factor, *code_answers.send_first_factor_code(pool, attempt, factor))
    # The API's enumeration of ChallengeName has PASSWORD and PASSWORD_SRP; no recorded sign-in shows them.
    return _issue(pool, attempt, factor, {})


def _issue(
    pool: Core,
    attempt: Attempt,
    challenge: State,
    parameters: Mapping[str, str],
    expected_answer: FirstFactorCode | PasskeyChallenge | None = None,
) -> Reply:
    reply = steps.issue_challenge(pool, attempt, challenge, parameters, expected_answer)
    # Also present after PREFERRED_CHALLENGE (AWS API reference, InitiateAuth, examples).
    reply["AvailableChallenges"] = [factor.value for factor in attempt.first_factors]
    return reply


def _passkey_request(pool: Core, attempt: Attempt) -> tuple[dict[str, str], PasskeyChallenge]:
    settings, user = pool.configuration.webauthn, attempt.user
    if settings is None:
        raise error_templates.NO_RELYING_PARTY.refusal()
    # If the pool requires MFA, the passkey has to satisfy it, even if the user has since disabled WebAuthnMfaSettings.
    satisfies_mfa = user is not None and passkey_satisfies_mfa(pool.configuration, user)
    must_verify_user = satisfies_mfa or pool.configuration.mfa == "ON"
    challenge = PasskeyChallenge(
        pool.entropy(passkeys.CHALLENGE_BYTES),
        settings.relying_party_id,
        "required" if must_verify_user else settings.user_verification,
    )
    if user is not None:
        allowed = passkeys.credential_descriptors(user, settings.relying_party_id)
    else:
        credential_id = codes.base64url(pool.stable_bytes("credential", attempt.submitted_name))
        allowed = [{"type": "public-key", "id": credential_id, "transports": ["internal"]}]
    options = passkeys.request_options(challenge, allowed, attempt.client.auth_session_validity * 60_000)
    return {"CREDENTIAL_REQUEST_OPTIONS": options}, challenge


def select_challenge(pool: Core, answer: ChallengeAnswer) -> Reply:
    """Handle the ChallengeName SELECT_CHALLENGE: an answer that chooses a factor, and may already prove this factor."""
    factor = _chosen_factor(answer, required_parameter(answer.responses, "ANSWER"))
    if factor is State.WEB_AUTHN and answer.responses.get("CREDENTIAL"):
        return web_authn(pool, answer)
    return _issue_first_factor(pool, answer.attempt, factor, answer.responses, answer.metadata)


def password_factor(pool: Core, answer: ChallengeAnswer, *, factor: State, parameter: str) -> Reply:
    """Handle the ChallengeName PASSWORD or PASSWORD_SRP; refuse a factor that was not available at the beginning."""
    _chosen_factor(answer, factor)
    required_parameter(answer.responses, parameter)
    return _issue_first_factor(pool, answer.attempt, factor, answer.responses, answer.metadata)


def _chosen_factor(answer: ChallengeAnswer, name: str) -> State:
    pending = answer.pending
    is_first = isinstance(pending.expected_answer, FirstFactorCode)
    if pending.challenge == State.EMAIL_OTP and not is_first:
        # A second factor cannot be exchanged for a first one.
        raise error_templates.CODE_MISMATCH.refusal()
    user = answer.attempt.user
    # The user may have lost the address since the factor was offered.
    is_usable = user is None or name not in codes.ADDRESSES or required_factors.has_factor(user, State[name])
    if name not in answer.attempt.first_factors or not is_usable:
        raise error_templates.CHALLENGE_NOT_AVAILABLE.refusal(answer=name)
    return State[name]


def web_authn(pool: Core, answer: ChallengeAnswer) -> Reply:
    """Handle WEB_AUTHN: no second factor follows, because the passkey is the only factor or satisfies MFA."""
    credential = required_parameter(answer.responses, "CREDENTIAL")
    challenge, attempt = answer.pending.expected_answer, answer.attempt
    user = attempt.user
    if user is None or not isinstance(challenge, PasskeyChallenge):
        raise error_templates.PASSKEY_REFUSED.refusal()
    passkey = passkeys.verify_assertion(challenge, user, credential)
    attempt = evolve(attempt, methods=(*attempt.methods, passkey.method), second_factor_passed=True)
    if user.is_imported:
        user.status, user.modified = Status.CONFIRMED, pool.clock()
    return next_challenge(pool, attempt, answer.metadata)


def sign_in_with_password(pool: Core, attempt: Attempt, parameters: Mapping[str, str], metadata: Metadata) -> Reply:
    """Check the PASSWORD of AuthParameters or ChallengeResponses, then the DEVICE_KEY, and issue the next challenge."""
    passwords.check_password(pool, attempt, Secret(required_parameter(parameters, "PASSWORD")))
    attempt = devices.with_device_key(pool, attempt, parameters)
    return next_challenge(pool, evolve(attempt, password_proved=True), metadata)
