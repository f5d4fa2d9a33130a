"""Registering passkeys, with an access token: start, complete, list, delete. What a user can begin with.

"Each user can register up to 20 passkeys. They can only register a passkey after they have signed in to
your user pool at least once" -- developer guide, "Authentication flows".
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from authfsm.local.accounts import enrolment
from authfsm.local.config import error_templates
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.config.pool_configuration import WebAuthnConfiguration
from authfsm.local.signin import offers
from authfsm.local.state import passkeys
from authfsm.local.state.core import Core, Reply, Request
from authfsm.local.state.passkey_records import Passkey, Registration
from authfsm.protocol.states import State

MOST: Final = 20
_PAGE: Final = 20


def _settings(pool: Core) -> WebAuthnConfiguration:
    configuration = pool.configuration
    if "WEB_AUTHN" not in configuration.allowed_first_auth_factors or configuration.tier == "LITE":
        raise PoolRefusal(error_templates.PASSKEYS_OFF)
    if configuration.webauthn is None:
        raise PoolRefusal(error_templates.NO_RELYING_PARTY)
    return configuration.webauthn


def start(pool: Core, request: Request) -> Reply:
    """StartWebAuthnRegistration: CredentialCreationOptions. It is not known how long they are good for."""
    family, settings = pool.mint.bearer(request["AccessToken"]), _settings(pool)
    user, client = family.user, family.client
    passkeys.server(settings.relying_party_id)
    if len(user.passkeys.registered) >= MOST:
        raise PoolRefusal(error_templates.TOO_MANY_PASSKEYS)
    life = timedelta(minutes=client.auth_session_validity)
    user.passkeys.registration = registration = Registration(
        pool.entropy(passkeys.CHALLENGE_BYTES),
        client.client_id,
        settings.relying_party_id,
        pool.elapsed() + life,
    )
    timeout = int(life.total_seconds() * 1000)
    options = passkeys.creation_options(settings, user, registration, timeout)
    return {"CredentialCreationOptions": options}


def complete(pool: Core, request: Request) -> Reply:
    """CompleteWebAuthnRegistration: a RegistrationResponseJSON, verified."""
    family, settings = pool.mint.bearer(request["AccessToken"]), _settings(pool)
    user = family.user
    registration = user.passkeys.registration
    if registration is None or pool.elapsed() >= registration.expires:
        raise PoolRefusal(error_templates.NO_REGISTRATION)
    if registration.client_id != family.client.client_id:
        raise PoolRefusal(error_templates.OTHER_CLIENT)
    passkey = passkeys.registered(
        registration, request["Credential"], settings.user_verification, pool.clock()
    )
    if passkey.credential_id in user.passkeys.registered:
        raise PoolRefusal(error_templates.BAD_CREDENTIAL)
    user.passkeys.registration = None
    user.passkeys.registered[passkey.credential_id] = passkey
    user.modified = pool.clock()
    return {}


def list_all(pool: Core, request: Request) -> Reply:
    """ListWebAuthnCredentials: `MaxResults` at a time."""
    known = list(pool.bearer(request).passkeys.registered.values())
    names = [each.credential_id for each in known]
    token = request.get("NextToken")
    begin = names.index(token) if token in names else 0
    end = begin + min(max(request.get("MaxResults", _PAGE), 1), _PAGE)
    reply: Reply = {"Credentials": [_described(each) for each in known[begin:end]]}
    if end < len(known):
        reply["NextToken"] = names[end]
    return reply


def delete(pool: Core, request: Request) -> Reply:
    """DeleteWebAuthnCredential."""
    user = pool.bearer(request)
    if request["CredentialId"] not in user.passkeys.registered:
        raise PoolRefusal(error_templates.NO_SUCH_PASSKEY)
    del user.passkeys.registered[request["CredentialId"]]
    return {}


def _described(passkey: Passkey) -> dict[str, Any]:
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
    available = offers.available(pool.configuration, user)
    # In AuthFactorType's words: PASSWORD is both ways, and "SOFTWARE_TOKEN can only be used as an MFA
    # factor" -- AWS API reference
    factors = [each.value for each in available if each is not State.PASSWORD_SRP]
    if user.software_token is not None:
        factors.append("SOFTWARE_TOKEN")
    return {
        "Username": user.username,
        "ConfiguredUserAuthFactors": factors,
        **enrolment.described(user),
    }
