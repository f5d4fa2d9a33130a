"""A remembered device, and the SRP proof of a user's or a device's password."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Final

from attrs import asdict, field, frozen

from authfsm import srp
from authfsm.base.secret import Key, Secret, WrapsSecrets, secret, wrapped_keys
from authfsm.core.encryption import decrypt, document_from_json, document_to_json, encrypt
from authfsm.protocol.replies import NewDevice, SrpChallenge
from authfsm.protocol.responses import ConfirmDevice, SrpClaim
from authfsm.protocol.validators import is_text

# "random 40 bytes, base64": AWS developer guide, "Working with user devices", and every client.
PASSWORD_BYTES: Final = 40
SALT_BYTES: Final = 16


@frozen
class Device(WrapsSecrets):
    """The identity of a remembered device: store it safely, and pass it to the next sign-in.

    Args:
        device_key: DeviceKey.
        device_group_key: DeviceGroupKey.
        password: the password of the device, which is random and which users never see.
    """

    device_key: str = field(validator=is_text)
    device_group_key: str = field(validator=is_text)
    password: Secret[str] = field(converter=secret, validator=is_text)

    @classmethod
    def new(cls, metadata: NewDevice, entropy: bytes, name: str | None = None) -> tuple[Device, ConfirmDevice]:
        """Return a device with a new password, and the response that confirms it with Cognito.

        Args:
            metadata: NewDeviceMetadata of the tokens.
            entropy: 56 random bytes: 40 for the password, 16 for the salt; ValueError if there are more or fewer.
            name: DeviceName, by which the user knows the device.
        """
        if len(entropy) != PASSWORD_BYTES + SALT_BYTES:
            raise ValueError(f"a device needs {PASSWORD_BYTES + SALT_BYTES} bytes of entropy, not {len(entropy)}")
        password = Secret(base64.b64encode(entropy[:PASSWORD_BYTES]).decode())
        device = cls(metadata.device_key, metadata.device_group_key, password)
        proof = srp.device_verifier(device.device_group_key, device.device_key, password, entropy[PASSWORD_BYTES:])
        return device, ConfirmDevice(
            proof.password_verifier, proof.salt, device_key=device.device_key, device_name=name
        )

    def seal(self, key: Key) -> str:
        """Return the device as a string that only a holder of the key can read or change. The string does not expire.

        Args:
            key: a key from `authfsm.new_key`, or several, the first of which seals.

        Raises:
            BadKey: the key is not valid. TooLongToSeal: the device's values are far longer than Cognito's.
        """
        key = wrapped_keys(key)
        return encrypt(document_to_json({"device": asdict(self)}), key)

    @classmethod
    def unseal(cls, sealed: str | bytes | None, key: Key) -> Device:
        """Return the device that `seal` sealed.

        Args:
            sealed: the sealed device; None if there is none.
            key: the key, or several, each of which is tried.

        Raises:
            SealMissing, SealTooNew, BadKey: as for `Cognito.resume`.
            SealBroken: tampered with, sealed with another key, or not a sealed device.
        """
        key = wrapped_keys(key)
        text = decrypt(sealed, key, "sealed device")
        return document_from_json(text, lambda document: cls(**document["device"]), kind="a device", owner={})


@frozen
class SrpIdentity:
    """Who proves a password by SRP: a user of a pool, or a device."""

    realm: str  # the pool's name, or DeviceGroupKey
    name: str  # USER_ID_FOR_SRP, or DEVICE_KEY
    password: Secret[str]

    def prove(self, challenge: SrpChallenge, ephemeral: srp.Ephemeral, now: datetime) -> SrpClaim:
        """Return the proof for a challenge that replies to the SRP_A of `ephemeral`. Raises SrpRefused, ValueError."""
        timestamp = srp.timestamp(now)
        signature = srp.claim_signature(
            ephemeral, realm=self.realm, name=self.name, password=self.password, salt=challenge.salt,
            B=challenge.B, secret_block=challenge.secret_block.reveal(), timestamp=timestamp,
        )  # fmt: skip
        return SrpClaim(signature=signature, secret_block=challenge.secret_block, timestamp=timestamp)
