"""The operations that enrol factors: software tokens, passkeys, and which second factor is enabled and preferred.

A software token is not in use until one of its codes is verified. Until then it is stored in the MFA_SETUP
challenge (if the request has a Session), or as `User.pending_token` (if it has an AccessToken).
"""

from __future__ import annotations

import re
from base64 import b32encode
from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Final

from attrs import evolve

from authfsm.base.secret import Secret
from authfsm.local.config import error_templates
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.config.pool_configuration import WebAuthnConfiguration
from authfsm.local.config.request_members import lower_first
from authfsm.local.config.schema import check_names
from authfsm.local.signin import choice
from authfsm.local.signin.required_factors import has_factor
from authfsm.local.signin.steps import MfaSetupProgress
from authfsm.local.state import passkeys
from authfsm.local.state.codes import ADDRESSES, use_totp
from authfsm.local.state.core import Core, Reply, Request, paginate
from authfsm.local.state.sessions import PendingChallenge
from authfsm.local.state.users import Passkey, PasskeyRegistration, SoftwareToken, Status, User
from authfsm.protocol.states import MFA_METHODS, MFA_SETTINGS, State
from authfsm.protocol.validators import to_tuple

_MAX_PASSKEYS: Final = 20  # "Each user can register up to 20 passkeys" (developer guide)


def associate_software_token(pool: Core, request: Request) -> Reply:
    """Answer AssociateSoftwareToken: return a new secret, and a new Session if the request has one."""
    _require_enabled(pool, State.SOFTWARE_TOKEN_MFA, error_templates.TOTP_NOT_ENABLED.refusal())
    # 160 random bits (RFC 4226, section 4, R6)
    token = SoftwareToken(Secret(b32encode(pool.entropy(20)).decode()))
    reply: Reply = {"SecretCode": token.secret.reveal()}
    if "Session" in request:
        pending, progress = _pending_setup(pool, request)
        pending = pool.sessions.reissue(pending, evolve(progress, token=token, verified=False))
        return {**reply, "Session": pending.session}
    user = pool.user_of_token(request)
    user.pending_token = token
    if not pool.configuration.contradictions.software_token_works_until_replaced:
        user.software_token = None
    return reply


def verify_software_token(pool: Core, request: Request) -> Reply:
    """Answer VerifySoftwareToken. A sign-in cannot use the same code again (reports of users)."""
    # The API model has the length 6 and the pattern [0-9]+.
    if not re.fullmatch("[0-9]{6}", request["UserCode"]):
        raise error_templates.USER_CODE_NOT_DIGITS.refusal()
    if "Session" in request:
        pending, progress = _pending_setup(pool, request)
        user = pending.attempt.existing_user
        _verify_token(pool, user, progress.token, request)
        # A token that is set up in the sign-in is enabled at once.
        user.mfa_enabled |= {State.SOFTWARE_TOKEN_MFA}
        pending = pool.sessions.reissue(pending, evolve(progress, verified=True))
        return {"Status": "SUCCESS", "Session": pending.session}
    user = pool.user_of_token(request)
    _verify_token(pool, user, user.pending_token, request)
    user.pending_token = None
    return {"Status": "SUCCESS"}


def _verify_token(pool: Core, user: User, token: SoftwareToken | None, request: Request) -> None:
    if token is None:
        raise error_templates.TOTP_NOT_SET_UP.refusal()
    try:
        accepted = use_totp(token, request["UserCode"], pool.clock())
    except PoolRefusal:
        accepted = False  # the code was used before; the API lists no ExpiredCodeException for this operation
    if not accepted:
        raise error_templates.TOTP_SETUP_MISMATCH.refusal()
    token.friendly_name = request.get("FriendlyDeviceName", "")
    user.software_token, user.modified = token, pool.clock()


def _pending_setup(pool: Core, request: Request) -> tuple[PendingChallenge, MfaSetupProgress]:
    """Return the MFA_SETUP challenge of a Session of any app client, because the requests have no ClientId."""
    pending = pool.sessions.find(None, request["Session"])
    progress = pending.expected_answer
    if not isinstance(progress, MfaSetupProgress):
        raise error_templates.SESSION_UNKNOWN.refusal()
    user = pending.attempt.existing_user
    if user.deleted:
        raise error_templates.SESSION_OF_ANOTHER_USER.refusal()
    user.ensure_can_sign_in(hide_imported=False)
    pool.sessions.check_not_ended(pending)
    if State.SOFTWARE_TOKEN_MFA not in progress.factors:
        raise error_templates.MFA_SETUP_NOT_OFFERED.refusal()
    return pending, progress


def set_mfa_preference(pool: Core, user: User, request: Request) -> None:
    """Answer SetUserMFAPreference and AdminSetUserMFAPreference: enable second factors, and prefer one."""
    requested = {factor: request[key] for factor, key in MFA_SETTINGS.items() if key in request}
    enabled, preferred = set(user.mfa_enabled), None if user.preferred_mfa in requested else user.preferred_mfa
    if sum(bool(each.get("PreferredMfa")) for each in requested.values()) > 1:
        # Cognito's text is unknown.
        raise error_templates.INVALID_PARAMETER.refusal(why="Only one MFA method can be preferred.")
    for factor, settings in requested.items():
        # "PreferredMfa: true" enables the factor, even with "Enabled: false".
        prefers = bool(settings.get("PreferredMfa"))
        enables = prefers or bool(settings.get("Enabled"))
        refusal, attribute = error_templates.CANNOT_PREFER.refusal(factor=factor), ADDRESSES.get(factor, "")
        if enables:
            _require_enabled(pool, factor, refusal)
        if enables and not has_factor(user, factor):
            pool.refuse_or_record("mfa-without-address" if attribute else "", refusal)
            user.attributes[attribute] = ""
        enabled = enabled | {factor} if enables else enabled - {factor}
        if prefers:
            preferred = factor
    satisfy_mfa = bool(request.get("WebAuthnMfaSettings", {}).get("Enabled", user.passkeys.satisfy_mfa))
    if satisfy_mfa and "WebAuthnMfaSettings" in request:
        _check_passkey_mfa(pool, enabled)
    user.mfa_enabled, user.preferred_mfa, user.mfa_chosen = frozenset(enabled), preferred, True
    user.passkeys.satisfy_mfa, user.modified = satisfy_mfa, pool.clock()


def _require_enabled(pool: Core, factor: State, refusal: PoolRefusal) -> None:
    """Refuse a factor that the pool has not enabled; if the check "disabled-mfa" is disabled, enable the factor instead."""
    settings = pool.configuration
    if factor not in settings.mfa_methods:
        pool.refuse_or_record("disabled-mfa", refusal)
        mfa = "OPTIONAL" if settings.mfa == "OFF" else settings.mfa
        pool.configure(evolve(settings, mfa=mfa, mfa_methods=(*settings.mfa_methods, factor)))


def set_user_settings(pool: Core, user: User, request: Request) -> None:
    """Answer SetUserSettings and AdminSetUserSettings, which configure SMS MFA only; an empty MFAOptions disables it."""
    for number, option in enumerate(request["MFAOptions"], 1):
        for member, allowed in (("DeliveryMedium", "SMS"), ("AttributeName", "phone_number")):
            if option.get(member) != allowed:
                name, value = f"mFAOptions.{number}.member.{lower_first(member)}", option.get(member, "null")
                raise error_templates.NOT_IN_ENUM.refusal(value=value, name=name, values=allowed)
    set_mfa_preference(pool, user, {"SMSMfaSettings": {"Enabled": bool(request["MFAOptions"])}})


def delete_software_token(pool: Core, user: User, _: Request) -> None:
    """Answer AdminDeleteSoftwareToken: delete the token; the user can then register a new one (AWS API reference)."""
    if user.status is Status.UNCONFIRMED:  # the API lists the exception
        raise error_templates.NOT_CONFIRMED.refusal()
    user.software_token = user.pending_token = None
    user.mfa_enabled -= {State.SOFTWARE_TOKEN_MFA}
    if user.preferred_mfa is State.SOFTWARE_TOKEN_MFA:
        user.preferred_mfa = None
    user.modified = pool.clock()


def _check_passkey_mfa(pool: Core, enabled: set[State]) -> None:
    """Check that passkeys may satisfy MFA; the user needs another second factor, too (WebAuthnMfaSettingsType)."""
    webauthn = pool.configuration.webauthn
    if webauthn is None or not webauthn.is_multi_factor or pool.configuration.tier == "LITE":
        raise error_templates.PASSKEY_MFA_OFF.refusal()
    if not enabled:
        raise error_templates.PASSKEY_MFA_ALONE.refusal()


def set_initial_mfa(user: User, enabled: Iterable[str] | None, preferred: str | None) -> None:
    """Enable the factors `enabled` (None: TOTP, if it is set up) and `preferred`; ValueError if one is not set up."""
    names = to_tuple(enabled or ())
    check_names("mfa", {*names, *filter(None, [preferred])}, MFA_METHODS)
    factors = {State[name] for name in names}
    if enabled is None and user.software_token is not None:
        factors.add(State.SOFTWARE_TOKEN_MFA)
    if preferred is not None:
        user.preferred_mfa = State[preferred]
        factors.add(user.preferred_mfa)
    if missing := sorted(factor for factor in factors if not has_factor(user, factor)):
        raise ValueError(f"{user.username} has no address or secret for {', '.join(missing)}")
    user.mfa_enabled = frozenset(factors)


def mfa_members(user: User) -> Reply:
    """Return UserMFASettingList and PreferredMfaSetting, as in the replies of GetUser and GetUserAuthFactors."""
    # After a preference was set, UserMFASettingList is present even if no factor is enabled
    # (aws-sdk-js-v3 #7961). moto then returns an empty PreferredMfaSetting.
    reply: Reply = {"PreferredMfaSetting": ""} if user.mfa_chosen else {}
    if user.mfa_enabled or user.mfa_chosen:
        reply["UserMFASettingList"] = [each.value for each in MFA_METHODS if each in user.mfa_enabled]
    if user.preferred_mfa is not None:
        reply["PreferredMfaSetting"] = user.preferred_mfa.value
    return reply


# The operations on passkeys need an access token: users "can only register a passkey after they have signed in to
# your user pool at least once" -- developer guide, "Authentication flows"


def _webauthn_settings(pool: Core) -> WebAuthnConfiguration:
    configuration = pool.configuration
    if "WEB_AUTHN" not in configuration.allowed_first_auth_factors or configuration.tier == "LITE":
        raise error_templates.PASSKEYS_OFF.refusal()
    if configuration.webauthn is None:
        raise error_templates.NO_RELYING_PARTY.refusal()
    return configuration.webauthn


def start_web_authn_registration(pool: Core, request: Request) -> Reply:
    """Answer StartWebAuthnRegistration. The registration expires after AuthSessionValidity; Cognito's limit is unknown."""
    family, settings = pool.confirmed_family(request), _webauthn_settings(pool)
    user, client = family.user, family.client
    passkeys.relying_party_server(settings.relying_party_id)  # raises if fido2 is not installed
    if len(user.passkeys.by_id) >= _MAX_PASSKEYS:
        raise error_templates.TOO_MANY_PASSKEYS.refusal()
    challenge, relying_party = pool.entropy(passkeys.CHALLENGE_BYTES), settings.relying_party_id
    expires = pool.elapsed() + timedelta(minutes=client.auth_session_validity)
    registration = PasskeyRegistration(challenge, client.client_id, relying_party, expires)
    user.passkeys.registration, timeout = registration, client.auth_session_validity * 60_000
    return {"CredentialCreationOptions": passkeys.creation_options(settings, user, registration, timeout)}


def complete_web_authn_registration(pool: Core, request: Request) -> None:
    """Answer CompleteWebAuthnRegistration: verify a RegistrationResponseJSON, and store the passkey."""
    family, settings = pool.confirmed_family(request), _webauthn_settings(pool)
    user, registration = family.user, family.user.passkeys.registration
    if registration is None or pool.elapsed() >= registration.expires:
        raise error_templates.NO_REGISTRATION.refusal()
    if registration.client_id != family.client.client_id:
        raise error_templates.REGISTRATION_OF_ANOTHER_CLIENT.refusal()
    credential, verification = request["Credential"], settings.user_verification
    passkey = passkeys.verify_registration(registration, credential, verification, pool.clock())
    if passkey.credential_id in user.passkeys.by_id:
        raise error_templates.BAD_CREDENTIAL.refusal()
    user.passkeys.registration = None
    user.passkeys.by_id[passkey.credential_id] = passkey
    user.modified = pool.clock()


def list_web_authn_credentials(_: Core, user: User, request: Request) -> Reply:
    """Answer ListWebAuthnCredentials: return the user's passkeys."""
    passkeys_by_id, show = user.passkeys.by_id, _passkey_members
    return paginate(passkeys_by_id, show, request, "Credentials", size_member="MaxResults", default_size=20)


def delete_web_authn_credential(_: Core, user: User, request: Request) -> None:
    """Answer DeleteWebAuthnCredential: delete a passkey."""
    if request["CredentialId"] not in user.passkeys.by_id:
        raise error_templates.NO_SUCH_PASSKEY.refusal()
    del user.passkeys.by_id[request["CredentialId"]]


def _passkey_members(passkey: Passkey) -> dict[str, Any]:
    members: dict[str, Any] = {
        "CredentialId": passkey.credential_id,
        "FriendlyCredentialName": passkey.name,
        "RelyingPartyId": passkey.relying_party_id,
        "AuthenticatorTransports": list(passkey.transports),
        "CreatedAt": passkey.created.timestamp(),
    }
    if passkey.attachment is not None:
        members["AuthenticatorAttachment"] = passkey.attachment
    return members


def get_user_auth_factors(pool: Core, user: User, _: Request) -> Reply:
    """Answer GetUserAuthFactors and AdminGetUserAuthFactors: return the available first factors and the MFA settings."""
    available = choice.available_first_factors(pool.configuration, user)
    # In AuthFactorType, PASSWORD means both password factors, and "SOFTWARE_TOKEN can only be used as an MFA
    # factor" -- AWS API reference
    factors = [each.value for each in available if each is not State.PASSWORD_SRP]
    if user.software_token is not None:
        factors.append("SOFTWARE_TOKEN")
    return {"Username": user.username, "ConfiguredUserAuthFactors": factors, **mfa_members(user)}
