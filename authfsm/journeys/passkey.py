"""A passkey in software, for the embedded pool: it really signs what it is asked to sign.

W3C Web Authentication, sections 5.1.3, 5.1.4 and 6.5: an ES256 key, user verified, no attestation.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from typing import TYPE_CHECKING, Any, Final

from attrs import define, field

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

ORIGIN: Final = "https://app.example.com"
"""The page on which the passkey is used."""


@define
class SoftPasskey:
    """A passkey, and the browser that it is used in.

    Args:
        origin: the page that the browser is on.
    """

    origin: str = ORIGIN
    _key: EllipticCurvePrivateKey | None = field(default=None, init=False, repr=False)
    _name: bytes = field(factory=lambda: secrets.token_bytes(16), init=False, repr=False)
    _user: bytes = field(default=b"", init=False, repr=False)
    _count: int = field(default=0, init=False)

    def create(self, options: dict[str, Any]) -> dict[str, Any]:
        """navigator.credentials.create(): RegistrationResponseJSON.

        Args:
            options: CredentialCreationOptions.
        """
        from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 - passkeys alone want it
        from fido2.cose import ES256  # noqa: PLC0415 - the same
        from fido2.utils import websafe_decode, websafe_encode  # noqa: PLC0415 - the same
        from fido2.webauthn import (  # noqa: PLC0415 - the same
            Aaguid,
            AttestationObject,
            AttestedCredentialData,
            AuthenticatorData,
        )

        self._key = ec.generate_private_key(ec.SECP256R1())
        self._user = websafe_decode(options["user"]["id"])
        public: Any = ES256
        data = AttestedCredentialData.create(
            Aaguid.NONE, self._name, public.from_cryptography_key(self._key.public_key())
        )
        flag = AuthenticatorData.FLAG
        signed = AuthenticatorData.create(
            _digest(options["rp"]["id"]), flag.UP | flag.UV | flag.AT, self._next(), data
        )
        return self._named(
            {
                "clientDataJSON": self._client_data("webauthn.create", options["challenge"])[1],
                "attestationObject": websafe_encode(AttestationObject.create("none", signed, {})),
                "transports": ["internal"],
            }
        )

    def get(self, options: str) -> str:
        """navigator.credentials.get(): AuthenticationResponseJSON, as text.

        Args:
            options: CREDENTIAL_REQUEST_OPTIONS.

        Raises:
            LookupError: no passkey was made.
        """
        from cryptography.hazmat.primitives import hashes  # noqa: PLC0415 - passkeys alone want it
        from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 - the same
        from fido2.utils import websafe_encode  # noqa: PLC0415 - the same
        from fido2.webauthn import AuthenticatorData  # noqa: PLC0415 - the same

        if self._key is None:
            raise LookupError("no passkey was made")
        asked = json.loads(options)
        flag = AuthenticatorData.FLAG
        data = AuthenticatorData.create(_digest(asked["rpId"]), flag.UP | flag.UV, self._next())
        client_hash, client_data = self._client_data("webauthn.get", asked["challenge"])
        signature = self._key.sign(data + client_hash, ec.ECDSA(hashes.SHA256()))
        return json.dumps(
            self._named(
                {
                    "clientDataJSON": client_data,
                    "authenticatorData": websafe_encode(data),
                    "signature": websafe_encode(signature),
                    "userHandle": websafe_encode(self._user),
                }
            )
        )

    def _client_data(self, kind: str, challenge: str) -> tuple[bytes, str]:
        from fido2.utils import websafe_decode, websafe_encode  # noqa: PLC0415 - passkeys alone want it
        from fido2.webauthn import CollectedClientData  # noqa: PLC0415 - the same

        data = CollectedClientData.create(kind, websafe_decode(challenge), self.origin)
        return data.hash, websafe_encode(data)

    def _next(self) -> int:
        self._count += 1
        return self._count

    def _named(self, response: dict[str, Any]) -> dict[str, Any]:
        from fido2.utils import websafe_encode  # noqa: PLC0415 - passkeys alone want it

        name = websafe_encode(self._name)
        return {
            "id": name,
            "rawId": name,
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
            "response": response,
        }


def _digest(relying_party_id: str) -> bytes:
    return hashlib.sha256(relying_party_id.encode()).digest()
