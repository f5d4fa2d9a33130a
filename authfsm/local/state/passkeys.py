"""Creates the options for registering a passkey and for signing in with one, and verifies the credentials.

The package `fido2`, the extra `authfsm[passkeys]`, verifies the credentials as W3C Web Authentication specifies (7.1
and 7.2). The package is imported when it is first used.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, cast

from attrs import field, frozen

from authfsm.local.config import error_templates
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.config.pool_configuration import WebAuthnConfiguration
from authfsm.local.state.codes import base64url
from authfsm.local.state.users import Passkey, PasskeyRegistration, User

if TYPE_CHECKING:
    from fido2.server import Fido2Server
    from fido2.webauthn import AttestedCredentialData, RegistrationResponse

ALGORITHMS: Final = (-7, -257)
"""ES256 and RS256: "Amazon Cognito recognizes passkeys created using either" (developer guide)."""

CHALLENGE_BYTES: Final = 16
"""The length of the challenge in a trace (aws-sdk-net #4386)."""

_MAX_CREDENTIAL_LENGTH: Final = 65_536


class MissingExtra(ImportError):
    """A passkey has to be verified, but `fido2` is not installed."""

    def __init__(self) -> None:
        why = "passkeys are verified by the package fido2, which is not installed"
        super().__init__(f"{why}: pip install 'authfsm[passkeys]'", name="fido2")


@frozen
class PasskeyChallenge:
    """The expected answer of a WEB_AUTHN challenge; `verification` (of the user) is "required" or "preferred"."""

    challenge: bytes = field(repr=False)
    relying_party_id: str
    verification: str


def relying_party_server(relying_party_id: str) -> Fido2Server:
    """Return fido2's verifier for a relying party; raise `MissingExtra` if `fido2` is not installed."""
    try:
        from fido2.server import Fido2Server  # noqa: PLC0415 - an extra
        from fido2.webauthn import PublicKeyCredentialRpEntity  # noqa: PLC0415 - the same
    except ImportError:
        raise MissingExtra from None
    return Fido2Server(PublicKeyCredentialRpEntity(name=relying_party_id, id=relying_party_id))


def credential_descriptors(user: User, relying_party_id: str) -> list[dict[str, Any]]:
    """Return a user's passkeys as allowCredentials or excludeCredentials."""
    return [
        {"type": "public-key", "id": each.credential_id, "transports": list(each.transports)}
        for each in user.passkeys.of_relying_party(relying_party_id)
    ]


def creation_options(
    settings: WebAuthnConfiguration, user: User, registration: PasskeyRegistration, timeout: int
) -> dict[str, Any]:
    """Return CredentialCreationOptions (PublicKeyCredentialCreationOptionsJSON); `timeout` is in milliseconds."""
    relying_party = settings.relying_party_id
    return {
        "rp": {"id": relying_party, "name": relying_party},
        "user": {"id": base64url(user.sub.encode()), "name": user.username, "displayName": user.username},
        "challenge": base64url(registration.challenge),
        "pubKeyCredParams": [{"type": "public-key", "alg": number} for number in ALGORITHMS],
        "timeout": timeout,
        "excludeCredentials": credential_descriptors(user, relying_party),
        # "Passkeys are discoverable" -- developer guide
        "authenticatorSelection": {
            "requireResidentKey": True,
            "residentKey": "required",
            "userVerification": settings.user_verification,
        },
        "attestation": "none",
    }


def verify_registration(
    registration: PasskeyRegistration, credential: Mapping[str, Any], verification: str, now: datetime
) -> Passkey:
    """Return the passkey of a RegistrationResponseJSON; refuse an invalid one.

    The errors for the challenge, origin, relying party and algorithm are WebAuthn* exceptions; any other error is an
    InvalidParameterException.
    """
    relying_party = relying_party_server(registration.relying_party_id)
    from fido2.webauthn import RegistrationResponse  # noqa: PLC0415 - an extra

    try:
        parsed = RegistrationResponse.from_dict(credential)
        _check_registration(registration, parsed)
        state = {"challenge": base64url(registration.challenge), "user_verification": verification}
        auth_data = relying_party.register_complete(state, parsed)
        data = cast("AttestedCredentialData", auth_data.credential_data)
        transports = [str(each) for each in credential["response"].get("transports") or ()]
    except PoolRefusal:
        raise
    except Exception:  # noqa: BLE001 - any error means that the credential is not valid
        raise error_templates.BAD_CREDENTIAL.refusal() from None
    if data.public_key.ALGORITHM not in ALGORITHMS:
        raise error_templates.UNSUPPORTED_CREDENTIAL.refusal()
    attachment = credential.get("authenticatorAttachment")
    attachment = attachment if isinstance(attachment, str) and attachment in {"platform", "cross-platform"} else None
    credential_id, rp_id = base64url(data.credential_id), registration.relying_party_id
    return Passkey(credential_id, bytes(data), rp_id, now, attachment, tuple(transports), auth_data.counter)


def _check_registration(registration: PasskeyRegistration, parsed: RegistrationResponse) -> None:
    """Check the properties for which the API has separate errors; `fido2` checks all others."""
    from fido2.rpid import verify_rp_id  # noqa: PLC0415 - an extra

    client_data = parsed.response.client_data
    if client_data.challenge != registration.challenge:
        raise error_templates.NO_REGISTRATION.refusal()
    if not verify_rp_id(registration.relying_party_id, client_data.origin):
        raise error_templates.ORIGIN_NOT_ALLOWED.refusal()
    expected = hashlib.sha256(registration.relying_party_id.encode()).digest()
    if parsed.response.attestation_object.auth_data.rp_id_hash != expected:
        raise error_templates.OTHER_RELYING_PARTY.refusal()


def request_options(challenge: PasskeyChallenge, credentials: list[dict[str, Any]], timeout: int) -> str:
    """Return CREDENTIAL_REQUEST_OPTIONS (PublicKeyCredentialRequestOptionsJSON); `timeout` is in milliseconds."""
    return json.dumps(
        {
            "challenge": base64url(challenge.challenge),
            "timeout": timeout,
            "rpId": challenge.relying_party_id,
            "allowCredentials": credentials,
            "userVerification": challenge.verification,
        }
    )


def verify_assertion(challenge: PasskeyChallenge, user: User, credential: str) -> Passkey:
    """Return the passkey that signed an AuthenticationResponseJSON, and update its counter; all errors look alike."""
    relying_party = relying_party_server(challenge.relying_party_id)
    try:
        return _verify_assertion(relying_party, challenge, user, credential)
    except Exception:  # noqa: BLE001 - any error means that the assertion is not valid
        raise error_templates.PASSKEY_REFUSED.refusal() from None


def _verify_assertion(relying_party: Fido2Server, challenge: PasskeyChallenge, user: User, credential: str) -> Passkey:
    from fido2.webauthn import AttestedCredentialData, AuthenticationResponse  # noqa: PLC0415 - an extra

    if len(credential) > _MAX_CREDENTIAL_LENGTH:
        raise ValueError("the credential is too long")
    parsed = AuthenticationResponse.from_dict(cast("dict[str, Any]", json.loads(credential)))
    passkey = user.passkeys.by_id[base64url(parsed.raw_id)]
    if passkey.relying_party_id != challenge.relying_party_id:
        raise ValueError("the passkey belongs to another relying party")
    # "If response.userHandle is present, verify that the user identified by this value is the owner of
    # the public key credential" -- W3C Web Authentication, 7.2, step 6
    handle = parsed.response.user_handle
    if handle and handle != user.sub.encode():
        raise ValueError("the passkey belongs to another user")
    state = {"challenge": base64url(challenge.challenge), "user_verification": challenge.verification}
    relying_party.authenticate_complete(state, [AttestedCredentialData(passkey.public_key)], parsed)
    # "less than or equal to the stored signCount value: this is a signal, but not proof, that the
    # authenticator may be cloned" (step 22). If both values are 0, the authenticator has no counter. It is not known
    # whether Cognito refuses such an assertion.
    count = parsed.response.authenticator_data.counter
    if (count or passkey.sign_count) and count <= passkey.sign_count:
        raise ValueError("the passkey may have been cloned")
    passkey.sign_count = count
    return passkey
