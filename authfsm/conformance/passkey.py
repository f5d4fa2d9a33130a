"""A passkey provider in software, for rules and journeys that hold one each: ES256, user verified.

Structures are `fido2`'s, keys `cryptography`'s. It signs what it is asked to, as a browser would on the page of
the relying party.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from typing import Any

from attrs import define, field
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2.cose import ES256
from fido2.utils import websafe_decode, websafe_encode
from fido2.webauthn import (
    Aaguid,
    AttestationObject,
    AttestedCredentialData,
    AuthenticatorData,
    CollectedClientData,
)

_F = AuthenticatorData.FLAG


@define
class VirtualPasskey:
    """One passkey.

    Args:
        rp_id: the relying party.
    """

    rp_id: str
    _name: bytes = field(factory=lambda: secrets.token_bytes(16), init=False)
    _key: ec.EllipticCurvePrivateKey = field(
        factory=lambda: ec.generate_private_key(ec.SECP256R1()), init=False, repr=False
    )
    _handle: str = field(default="", init=False, repr=False)

    def create(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """RegistrationResponseJSON for CredentialCreationOptions."""
        self._handle = options["user"]["id"]
        public: Any = ES256
        public = public.from_cryptography_key(self._key.public_key())
        attested = AttestedCredentialData.create(Aaguid.NONE, self._name, public)
        data = AuthenticatorData.create(self._hash(), _F.UP | _F.UV | _F.AT, 0, attested)
        client = self._client_data("webauthn.create", options["challenge"])
        return self._named(
            clientDataJSON=websafe_encode(client),
            attestationObject=websafe_encode(AttestationObject.create("none", data, {})),
            transports=["internal"],
        )

    def sign(self, options: str) -> str:
        """AuthenticationResponseJSON, as JSON, for CREDENTIAL_REQUEST_OPTIONS."""
        client = self._client_data("webauthn.get", json.loads(options)["challenge"])
        data = AuthenticatorData.create(self._hash(), _F.UP | _F.UV, 0)
        signature = self._key.sign(data + client.hash, ec.ECDSA(hashes.SHA256()))
        return json.dumps(
            self._named(
                clientDataJSON=websafe_encode(client),
                authenticatorData=websafe_encode(data),
                signature=websafe_encode(signature),
                userHandle=self._handle,
            )
        )

    def _hash(self) -> bytes:
        return hashlib.sha256(self.rp_id.encode()).digest()

    def _client_data(self, kind: str, challenge: str) -> CollectedClientData:
        origin = f"https://{self.rp_id}"
        return CollectedClientData.create(kind, websafe_decode(challenge), origin)

    def _named(self, **response: Any) -> dict[str, Any]:
        name = websafe_encode(self._name)
        return {
            "id": name,
            "rawId": name,
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
            "response": response,
        }
