"""A device that Cognito remembers, kept on this machine between two sign-ins of one user."""

from __future__ import annotations

import json

from attrs import frozen

from authfsm.base.secret import Secret
from authfsm.cli.signin.secret_storage import Shelf
from authfsm.core.device import Device
from authfsm.protocol.errors import BadField


@frozen
class Devices:
    """The devices of one app client's users on this machine.

    Args:
        shelf: where they are kept.
        service: names the pool and the app client.
    """

    shelf: Shelf
    service: str

    def of(self, username: str) -> Device | None:
        """The device of a user; None if none is kept, or what is kept is none.

        Args:
            username: the name that is typed.
        """
        kept = self.shelf.get(self.service, _account(username))
        if kept is None:
            return None
        try:
            said = json.loads(kept.reveal())
            return Device(said["DeviceKey"], said["DeviceGroupKey"], said["DevicePassword"])
        except (BadField, KeyError, TypeError, ValueError, RecursionError):
            return None

    def keep(self, username: str, device: Device) -> str:
        """Keep a device.

        Returns:
            Where, for people.
        """
        said = {
            "DeviceKey": device.key,
            "DeviceGroupKey": device.group_key,
            "DevicePassword": device.password.reveal(),
        }
        return self.shelf.put(self.service, _account(username), Secret(json.dumps(said)))

    def drop(self, username: str) -> None:
        """Forget the device of a user."""
        self.shelf.drop(self.service, _account(username))


def _account(username: str) -> str:
    return f"{username} (device)"
