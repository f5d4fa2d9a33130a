"""Enrolling a second factor: AssociateSoftwareToken and VerifySoftwareToken, and which factor is preferred.

A software token is not in use until a code of it has been verified: until then it waits in the MFA_SETUP
leg (by Session) or beside the user's present one (by AccessToken), which it does not disturb.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Final

from attrs import evolve

from authfsm.local.config import error_templates
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.config.pool_configuration import WebAuthnConfiguration
from authfsm.local.signin import choice, required_factors
from authfsm.local.signin.steps import MfaSetupProgress
from authfsm.local.state import passkeys
from authfsm.local.state.codes import new_totp_secret, spend_totp
from authfsm.local.state.core import Core, Reply, Request
from authfsm.local.state.sessions import PendingChallenge
from authfsm.local.state.users import Passkey, PasskeyRegistration, SoftwareToken, User
from authfsm.protocol.states import MFA_METHODS, State

_MFA_MEMBERS: Final = {
    "SMSMfaSettings": State.SMS_MFA,
    "SoftwareTokenMfaSettings": State.SOFTWARE_TOKEN_MFA,
    "EmailMfaSettings": State.EMAIL_OTP,
}


def associate_software_token(pool: Core, request: Request) -> Reply:
    """AssociateSoftwareToken: by Session a new Session comes back, by AccessToken none does."""
    _check_totp_enabled(pool)
    token = SoftwareToken(new_totp_secret(pool.entropy))
    reply: Reply = {"SecretCode": token.secret.reveal()}
    if "Session" in request:
        pending = _pending_setup(pool, request)
        setup: MfaSetupProgress = pending.expected_answer
        moved = pool.sessions.move(
            pending, pending.challenge, evolve(setup, token=token, verified=False)
        )
        return {**reply, "Session": moved.session}
    _bearer(pool, request).pending_token = token
    return reply


def verify_software_token(pool: Core, request: Request) -> Reply:
    """VerifySoftwareToken: the code it accepts is spent, for sign-in too (issues)."""
    # UserCode: length 6, pattern [0-9]+ (botocore's model), refused before anything is looked at.
    if not re.fullmatch("[0-9]{6}", request["UserCode"]):
        raise PoolRefusal(error_templates.USER_CODE_NOT_DIGITS)
    if "Session" in request:
        pending = _pending_setup(pool, request)
        setup: MfaSetupProgress = pending.expected_answer
        user = pending.attempt.existing_user
        _accept_totp(pool, user, setup.token, request)
        # The factor is the user's from here on; that it is switched on too is what MFA_SETUP is for.
        user.mfa_enabled |= {State.SOFTWARE_TOKEN_MFA}
        moved = pool.sessions.move(pending, pending.challenge, evolve(setup, verified=True))
        return {"Status": "SUCCESS", "Session": moved.session}
    user = _bearer(pool, request)
    _accept_totp(pool, user, user.pending_token, request)
    user.pending_token = None
    return {"Status": "SUCCESS"}


def _accept_totp(pool: Core, user: User, token: SoftwareToken | None, request: Request) -> None:
    if token is None:
        raise PoolRefusal(error_templates.TOTP_NOT_SET_UP)
    try:
        right = spend_totp(token, request["UserCode"], pool.clock())
    except PoolRefusal:
        right = False  # It was spent before; of VerifySoftwareToken the API lists no ExpiredCodeException.
    if not right:
        raise PoolRefusal(error_templates.TOTP_SETUP_MISMATCH)
    token.friendly_name = request.get("FriendlyDeviceName", "")
    user.software_token, user.modified = token, pool.clock()


def _check_totp_enabled(pool: Core) -> None:
    if State.SOFTWARE_TOKEN_MFA not in pool.configuration.mfa_methods:
        raise PoolRefusal(error_templates.TOTP_NOT_ENABLED)


def _bearer(pool: Core, request: Request) -> User:
    if "AccessToken" not in request:
        raise PoolRefusal(error_templates.MISSING_PARAMETER, name="AccessToken or Session")
    return pool.bearer(request)


def _pending_setup(pool: Core, request: Request) -> PendingChallenge:
    """The MFA_SETUP leg of a Session. No client is named here: the session itself is the proof."""
    pending = pool.sessions.of(request["Session"])
    if not isinstance(pending.expected_answer, MfaSetupProgress):
        raise PoolRefusal(error_templates.SESSION_UNKNOWN)
    if pending.attempt.existing_user.deleted:
        raise PoolRefusal(error_templates.SESSION_OF_ANOTHER_USER)
    if not pending.attempt.existing_user.enabled:
        raise PoolRefusal(error_templates.DISABLED)
    pool.sessions.check_current(pending)
    if State.SOFTWARE_TOKEN_MFA not in pending.expected_answer.factors:
        raise PoolRefusal(error_templates.MFA_SETUP_NOT_OFFERED)
    return pending


# ---- preferences --------------------------------------------------------------------------------


def set_user_mfa_preference(pool: Core, request: Request) -> Reply:
    """SetUserMFAPreference."""
    return _set_preference(pool, pool.bearer(request), request)


def admin_set_user_mfa_preference(pool: Core, request: Request) -> Reply:
    """AdminSetUserMFAPreference."""
    pool.check_pool(request)
    user = pool.users.find(request["Username"])
    if user is None:
        raise PoolRefusal(error_templates.NO_SUCH_USER)
    return _set_preference(pool, user, request)


def _set_preference(pool: Core, user: User, request: Request) -> Reply:
    enabled, preferred = set(user.mfa_enabled), user.preferred_mfa
    as_mfa = request.get("WebAuthnMfaSettings", {}).get("Enabled", user.passkeys.as_mfa)
    given = {factor: request[key] for key, factor in _MFA_MEMBERS.items() if key in request}
    if sum(bool(each.get("PreferredMfa")) for each in given.values()) > 1:
        # The words are not known.
        raise PoolRefusal(
            error_templates.INVALID_PARAMETER, why="Only one MFA method can be preferred."
        )
    for factor, settings in given.items():
        on, wished = bool(settings.get("Enabled")), bool(settings.get("PreferredMfa"))
        if (on or wished) and not (
            factor in pool.configuration.mfa_methods and required_factors.has_factor(user, factor)
        ):
            raise PoolRefusal(error_templates.CANNOT_PREFER, factor=factor)
        # "Enabled: false" and "PreferredMfa: true" together: the preference needs the factor.
        enabled = enabled | {factor} if on or wished else enabled - {factor}
        if wished:
            preferred = factor
        elif preferred is factor:
            preferred = None
    if as_mfa and "WebAuthnMfaSettings" in request:
        _check_passkey_mfa(pool, enabled)
    user.mfa_enabled, user.preferred_mfa = frozenset(enabled), preferred
    user.passkeys.as_mfa = bool(as_mfa)
    user.modified = pool.clock()
    return {}


def _check_passkey_mfa(pool: Core, enabled: Iterable[State]) -> None:
    """May passkeys satisfy this user's MFA?

    "the FactorConfiguration ... must be MULTI_FACTOR_WITH_USER_VERIFICATION ... the Essentials tier or higher
    ... The user must also have at least one other MFA method ... activated to prevent account lockout"
    -- AWS API reference, WebAuthnMfaSettingsType
    """
    webauthn = pool.configuration.webauthn
    multi = "MULTI_FACTOR_WITH_USER_VERIFICATION"
    if (
        webauthn is None
        or webauthn.factor_configuration != multi
        or pool.configuration.tier == "LITE"
    ):
        raise PoolRefusal(error_templates.PASSKEY_MFA_OFF)
    if not set(enabled):
        raise PoolRefusal(error_templates.PASSKEY_MFA_ALONE)


def set_initial_mfa(user: User, enabled: Iterable[str] | None, preferred: str | None) -> None:
    """Give a user these factors, as they stand from the outset.

    Args:
        user: the user.
        enabled: UserMFASettingList; if left out, TOTP where there is a secret, and `preferred`.
        preferred: PreferredMfaSetting.

    Raises:
        ValueError: the user has not what a factor needs.
    """
    chosen = {State[name] for name in enabled or ()}
    if enabled is None and user.software_token is not None:
        chosen.add(State.SOFTWARE_TOKEN_MFA)
    if preferred is not None:
        user.preferred_mfa = State[preferred]
        chosen.add(user.preferred_mfa)
    if lacking := [factor for factor in chosen if not required_factors.has_factor(user, factor)]:
        raise ValueError(f"{user.username} has nothing for {', '.join(sorted(lacking))}")
    user.mfa_enabled = frozenset(chosen)


def mfa_members(user: User) -> Reply:
    """UserMFASettingList and PreferredMfaSetting, as GetUser and AdminGetUser show them."""
    reply: Reply = {}
    if user.mfa_enabled:
        reply["UserMFASettingList"] = [
            each.value for each in MFA_METHODS if each in user.mfa_enabled
        ]
    if user.preferred_mfa is not None:
        reply["PreferredMfaSetting"] = user.preferred_mfa.value
    return reply


MAX_PASSKEYS: Final = 20
_PAGE: Final = 20


def _webauthn_settings(pool: Core) -> WebAuthnConfiguration:
    configuration = pool.configuration
    if "WEB_AUTHN" not in configuration.allowed_first_auth_factors or configuration.tier == "LITE":
        raise PoolRefusal(error_templates.PASSKEYS_OFF)
    if configuration.webauthn is None:
        raise PoolRefusal(error_templates.NO_RELYING_PARTY)
    return configuration.webauthn


def start_web_authn_registration(pool: Core, request: Request) -> Reply:
    """StartWebAuthnRegistration: CredentialCreationOptions. It is not known how long they are good for."""
    family, settings = pool.token_issuer.bearer(request["AccessToken"]), _webauthn_settings(pool)
    user, client = family.user, family.client
    passkeys.relying_party_server(settings.relying_party_id)
    if len(user.passkeys.by_id) >= MAX_PASSKEYS:
        raise PoolRefusal(error_templates.TOO_MANY_PASSKEYS)
    life = timedelta(minutes=client.auth_session_validity)
    user.passkeys.registration = registration = PasskeyRegistration(
        pool.entropy(passkeys.CHALLENGE_BYTES),
        client.client_id,
        settings.relying_party_id,
        pool.elapsed() + life,
    )
    timeout = int(life.total_seconds() * 1000)
    options = passkeys.creation_options(settings, user, registration, timeout)
    return {"CredentialCreationOptions": options}


def complete_web_authn_registration(pool: Core, request: Request) -> Reply:
    """CompleteWebAuthnRegistration: a RegistrationResponseJSON, verified."""
    family, settings = pool.token_issuer.bearer(request["AccessToken"]), _webauthn_settings(pool)
    user = family.user
    registration = user.passkeys.registration
    if registration is None or pool.elapsed() >= registration.expires:
        raise PoolRefusal(error_templates.NO_REGISTRATION)
    if registration.client_id != family.client.client_id:
        raise PoolRefusal(error_templates.REGISTRATION_OF_ANOTHER_CLIENT)
    passkey = passkeys.verify_registration(
        registration, request["Credential"], settings.user_verification, pool.clock()
    )
    if passkey.credential_id in user.passkeys.by_id:
        raise PoolRefusal(error_templates.BAD_CREDENTIAL)
    user.passkeys.registration = None
    user.passkeys.by_id[passkey.credential_id] = passkey
    user.modified = pool.clock()
    return {}


def list_web_authn_credentials(pool: Core, request: Request) -> Reply:
    """ListWebAuthnCredentials: `MaxResults` at a time."""
    known = list(pool.bearer(request).passkeys.by_id.values())
    names = [each.credential_id for each in known]
    token = request.get("NextToken")
    begin = names.index(token) if token in names else 0
    end = begin + min(max(request.get("MaxResults", _PAGE), 1), _PAGE)
    reply: Reply = {"Credentials": [_passkey_members(each) for each in known[begin:end]]}
    if end < len(known):
        reply["NextToken"] = names[end]
    return reply


def delete_web_authn_credential(pool: Core, request: Request) -> Reply:
    """DeleteWebAuthnCredential."""
    user = pool.bearer(request)
    if request["CredentialId"] not in user.passkeys.by_id:
        raise PoolRefusal(error_templates.NO_SUCH_PASSKEY)
    del user.passkeys.by_id[request["CredentialId"]]
    return {}


def _passkey_members(passkey: Passkey) -> dict[str, Any]:
    described: dict[str, Any] = {
        "CredentialId": passkey.credential_id,
        "FriendlyCredentialName": passkey.name,
        "RelyingPartyId": passkey.relying_party_id,
        "AuthenticatorTransports": list(passkey.transports),
        "CreatedAt": passkey.created.timestamp(),
    }
    if passkey.attachment is not None:
        described["AuthenticatorAttachment"] = passkey.attachment
    return described


def get_user_auth_factors(pool: Core, request: Request) -> Reply:
    """GetUserAuthFactors: what the user can begin with, and the MFA settings."""
    user = pool.bearer(request)
    available = choice.available_first_factors(pool.configuration, user)
    # In AuthFactorType's words: PASSWORD is both ways, and "SOFTWARE_TOKEN can only be used as an MFA
    # factor" -- AWS API reference
    factors = [each.value for each in available if each is not State.PASSWORD_SRP]
    if user.software_token is not None:
        factors.append("SOFTWARE_TOKEN")
    return {
        "Username": user.username,
        "ConfiguredUserAuthFactors": factors,
        **mfa_members(user),
    }
