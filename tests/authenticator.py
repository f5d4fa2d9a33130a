"""A passkey provider in software, for the tests: it has real keys, and signs every challenge.

It is honest: its flags, counter and client data say what happened. What it should say otherwise, a test
tells it. Keys are made by `cryptography`, structures by `fido2`; the pool verifies by `fido2`'s server.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from typing import Any

from attrs import define, field
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from fido2.cose import ES256, RS256, EdDSA
from fido2.utils import websafe_decode, websafe_encode
from fido2.webauthn import Aaguid, AttestationObject, AttestedCredentialData, AuthenticatorData, CollectedClientData

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
_F = AuthenticatorData.FLAG


@define
class Authenticator:
    """An authenticator and its browser.

    Args:
        origin: the page the browser is on.
        verifies: does it verify its user, by PIN or finger?
        counts: has it a signature counter?
        attachment: `platform` or `cross-platform`.
        transports: how it is reached.
        algorithm: -7 (ES256), -257 (RS256) or -8 (EdDSA).
    """

    origin: str = "https://app.example.com"
    verifies: bool = True
    counts: bool = True
    attachment: str | None = "platform"
    transports: tuple[str, ...] = ("internal",)
    algorithm: int = -7
    count: int = 0
    keys: dict[str, tuple[Key, bytes]] = field(factory=dict, repr=False)

    def create(self, options: dict[str, Any], **otherwise: Any) -> dict[str, Any]:
        """navigator.credentials.create(): RegistrationResponseJSON.

        Args:
            options: CredentialCreationOptions.
            otherwise: `challenge`, `rp_id`, `origin` or `type` to be put in place of what is asked for.
        """
        name = secrets.token_bytes(16)
        key = self._new_key()
        public: Any = {-7: ES256, -257: RS256, -8: EdDSA}[self.algorithm]
        data = AttestedCredentialData.create(Aaguid.NONE, name, public.from_cryptography_key(key.public_key()))
        self.keys[websafe_encode(name)] = key, websafe_decode(options["user"]["id"])
        client_data = self._client_data("webauthn.create", options["challenge"], otherwise)
        rp_id = otherwise.get("rp_id", options["rp"]["id"])
        auth_data = AuthenticatorData.create(
            hashlib.sha256(rp_id.encode()).digest(), self._flags() | _F.AT, self._next(), data
        )
        attestation = AttestationObject.create("none", auth_data, {})
        return self._named(
            name,
            {
                "clientDataJSON": websafe_encode(client_data),
                "attestationObject": websafe_encode(attestation),
                "transports": list(self.transports),
            },
        )

    def get(self, options: dict[str, Any] | str, **otherwise: Any) -> dict[str, Any]:
        """navigator.credentials.get(): AuthenticationResponseJSON.

        Args:
            options: CREDENTIAL_REQUEST_OPTIONS, parsed or not.
            otherwise: as in `create`; `user_handle` too.
        """
        parsed = json.loads(options) if isinstance(options, str) else options
        name = next(each["id"] for each in parsed["allowCredentials"] if each["id"] in self.keys)
        key, handle = self.keys[name]
        client_data = self._client_data("webauthn.get", parsed["challenge"], otherwise)
        rp_id = otherwise.get("rp_id", parsed["rpId"])
        auth_data = AuthenticatorData.create(hashlib.sha256(rp_id.encode()).digest(), self._flags(), self._next())
        signature = _signature(key, auth_data + client_data.hash)
        return self._named(
            websafe_decode(name),
            {
                "clientDataJSON": websafe_encode(client_data),
                "authenticatorData": websafe_encode(auth_data),
                "signature": websafe_encode(signature),
                "userHandle": websafe_encode(otherwise.get("user_handle", handle)),
            },
        )

    def _new_key(self) -> Key:
        if self.algorithm == -7:
            return ec.generate_private_key(ec.SECP256R1())
        if self.algorithm == -8:
            return ed25519.Ed25519PrivateKey.generate()
        return rsa.generate_private_key(65537, 2048)

    def _client_data(self, kind: str, challenge: str, otherwise: dict[str, Any]) -> CollectedClientData:
        return CollectedClientData.create(
            otherwise.get("type", kind),
            otherwise.get("challenge", websafe_decode(challenge)),
            otherwise.get("origin", self.origin),
        )

    def _flags(self) -> AuthenticatorData.FLAG:
        return _F.UP | (_F.UV if self.verifies else _F(0))

    def _next(self) -> int:
        self.count += 1 if self.counts else 0
        return self.count

    def _named(self, name: bytes, response: dict[str, Any]) -> dict[str, Any]:
        credential: dict[str, Any] = {
            "id": websafe_encode(name),
            "rawId": websafe_encode(name),
            "type": "public-key",
            "clientExtensionResults": {},
            "response": response,
        }
        if self.attachment is not None:
            credential["authenticatorAttachment"] = self.attachment
        return credential


def _signature(key: Key, message: bytes) -> bytes:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(message, ec.ECDSA(hashes.SHA256()))
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(message, padding.PKCS1v15(), hashes.SHA256())
    return key.sign(message)
