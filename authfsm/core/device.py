"""A device that Cognito remembers: its keys, and the password that proves it."""

from __future__ import annotations

import base64

from attrs import field, frozen

from authfsm import srp
from authfsm.base.secret import Secret, WrapsSecrets, secret
from authfsm.protocol.replies import NewDevice
from authfsm.protocol.responses import ConfirmDevice
from authfsm.protocol.validators import is_text


@frozen
class Device(WrapsSecrets):
    """A device's identity, to be kept (safely) and given to the next sign-in.

    Args:
        key: DeviceKey.
        group_key: DeviceGroupKey.
        password: the device's own password, never shown to a person.
    """

    key: str = field(validator=is_text)
    group_key: str = field(validator=is_text)
    password: Secret[str] = field(converter=secret, validator=is_text)

    @classmethod
    def new(
        cls, metadata: NewDevice, entropy: bytes, name: str | None = None
    ) -> tuple[Device, ConfirmDevice]:
        """A device with a password of its own, and the response that makes it known to Cognito.

        Args:
            metadata: NewDeviceMetadata of the tokens.
            entropy: 56 random bytes: 40 for the password, 16 for the salt, as AWS's own clients take.
            name: DeviceName, for people.

        Raises:
            ValueError: `entropy` is of another length.
        """
        if len(entropy) != PASSWORD_BYTES + SALT_BYTES:
            raise ValueError(
                f"a device wants {PASSWORD_BYTES + SALT_BYTES} bytes of entropy, not {len(entropy)}"
            )
        password = Secret(base64.b64encode(entropy[:PASSWORD_BYTES]).decode())
        device = cls(metadata.device_key, metadata.device_group_key, password)
        proof = srp.device_verifier(
            device.group_key, device.key, password, entropy[PASSWORD_BYTES:]
        )
        return device, ConfirmDevice(
            proof.password_verifier, proof.salt, device_key=device.key, device_name=name
        )


# "random 40 bytes, base64": AWS developer guide, "Working with user devices", and every client.
PASSWORD_BYTES = 40
SALT_BYTES = 16
