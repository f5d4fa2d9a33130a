"""A virtual authenticator with one passkey, for conformance rules and journeys: ES256, with user verification.

It returns what a browser on a page of the relying party would return.
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
from fido2 import webauthn
from fido2.cose import ES256
from fido2.utils import websafe_decode, websafe_encode

_FLAG = webauthn.AuthenticatorData.FLAG


@define
class VirtualPasskey:
    """A passkey of a relying party, with its private key."""

    rp_id: str
    _id: bytes = field(factory=lambda: secrets.token_bytes(16), init=False)
    _key: ec.EllipticCurvePrivateKey = field(
        factory=lambda: ec.generate_private_key(ec.SECP256R1()), init=False, repr=False
    )
    _user_handle: str = field(default="", init=False, repr=False)

    def create(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return the RegistrationResponseJSON for CredentialCreationOptions."""
        self._user_handle = options["user"]["id"]
        cose: Any = ES256
        public_key = cose.from_cryptography_key(self._key.public_key())
        attested = webauthn.AttestedCredentialData.create(webauthn.Aaguid.NONE, self._id, public_key)
        flags = _FLAG.UP | _FLAG.UV | _FLAG.AT
        data = webauthn.AuthenticatorData.create(self._rp_id_hash(), flags, 0, attested)
        return self._credential(
            clientDataJSON=websafe_encode(self._client_data("webauthn.create", options["challenge"])),
            authenticatorData=websafe_encode(data),
            publicKeyAlgorithm=ES256.ALGORITHM,
            attestationObject=websafe_encode(webauthn.AttestationObject.create("none", data, {})),
            transports=["internal"],
        )

    def sign(self, options: str) -> str:
        """Return the AuthenticationResponseJSON, as text, for CREDENTIAL_REQUEST_OPTIONS."""
        client_data = self._client_data("webauthn.get", json.loads(options)["challenge"])
        data = webauthn.AuthenticatorData.create(self._rp_id_hash(), _FLAG.UP | _FLAG.UV, 0)
        signature = self._key.sign(data + client_data.hash, ec.ECDSA(hashes.SHA256()))
        return json.dumps(
            self._credential(
                clientDataJSON=websafe_encode(client_data),
                authenticatorData=websafe_encode(data),
                signature=websafe_encode(signature),
                userHandle=self._user_handle,
            )
        )

    def _rp_id_hash(self) -> bytes:
        return hashlib.sha256(self.rp_id.encode()).digest()

    def _client_data(self, kind: str, challenge: str) -> webauthn.CollectedClientData:
        return webauthn.CollectedClientData.create(kind, websafe_decode(challenge), f"https://{self.rp_id}")

    def _credential(self, **response: Any) -> dict[str, Any]:
        credential_id = websafe_encode(self._id)
        return {
            "id": credential_id, "rawId": credential_id, "type": "public-key", "response": response,
            "authenticatorAttachment": "platform", "clientExtensionResults": {},
        }  # fmt: skip
