"""Where `authfsm signin` keeps devices and tokens: the system's keyring, files, or memory."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from attrs import frozen

from authfsm.base.secret import Secret
from authfsm.cli.signin.exits import ExitStatus, SignInEnded
from authfsm.core.device import Device
from authfsm.protocol.errors import BadField


class SecretStorage(Protocol):
    """A place for secrets, each under the names of a service and an account."""

    def get(self, service: str, account: str) -> Secret[str] | None:
        """Return a secret; None if there is none."""

    def put(self, service: str, account: str, kept: Secret[str]) -> str:
        """Store a secret in place of an older one, and return where, for people."""

    def drop(self, service: str, account: str) -> None:
        """Delete a secret."""


class KeyringStorage:
    """The system's keyring, through the package `keyring`; without either it raises SignInEnded."""

    def __init__(self) -> None:
        if find_spec("keyring") is None:
            raise SignInEnded(
                ExitStatus.MISUSED, "--keyring needs keyring: pip install 'authfsm[keyring]'"
            )
        import keyring  # noqa: PLC0415 - an extra
        from keyring.backends import fail, null  # noqa: PLC0415 - the same
        from keyring.errors import KeyringError  # noqa: PLC0415 - the same

        self._keyring: Any = keyring.get_keyring()
        self._failed = KeyringError
        if isinstance(self._keyring, (fail.Keyring, null.Keyring)):
            raise SignInEnded(
                ExitStatus.MISUSED,
                "--keyring: this machine has no keyring (no Secret Service, no Keychain): use --output FILE",
            )

    def get(self, service: str, account: str) -> Secret[str] | None:
        """Return a secret from the keyring."""
        with self._failing("read"):
            found: str | None = self._keyring.get_password(service, account)
            return None if found is None else Secret(found)

    def put(self, service: str, account: str, kept: Secret[str]) -> str:
        """Store a secret in the keyring."""
        with self._failing("written"):
            self._keyring.set_password(service, account, kept.reveal())
        return f"keyring, service {service}, account {account}"

    def drop(self, service: str, account: str) -> None:
        """Delete a secret from the keyring."""
        with contextlib.suppress(self._failed):
            self._keyring.delete_password(service, account)

    @contextlib.contextmanager
    def _failing(self, how: str) -> Any:
        failed = ""
        try:
            yield
        except self._failed as error:
            failed = type(error).__name__
        if failed:  # outside the handler: the backend's frames hold the secret
            raise SignInEnded(
                ExitStatus.MISCONFIGURED, f"the keyring could not be {how} ({failed})"
            )


class FileStorage:
    """A folder with mode 0700, of files with mode 0600."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _file(self, service: str, account: str) -> Path:
        # A name may hold anything: a file's name holds its digest.
        digest = hashlib.sha256(f"{service}\n{account}".encode()).hexdigest()
        return self._folder / f"{digest[:32]}.json"

    def get(self, service: str, account: str) -> Secret[str] | None:
        """Return the content of a file."""
        try:
            return Secret(self._file(service, account).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError):
            return None

    def put(self, service: str, account: str, kept: Secret[str]) -> str:
        """Write a file."""
        file = self._file(service, account)
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(self._folder, error) from None
        write(file, kept)
        return str(file)

    def drop(self, service: str, account: str) -> None:
        """Delete a file."""
        with contextlib.suppress(OSError):
            self._file(service, account).unlink()


class MemoryStorage:
    """Storage that ends with this process."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], Secret[str]] = {}

    def get(self, service: str, account: str) -> Secret[str] | None:
        """Return a secret."""
        return self._kept.get((service, account))

    def put(self, service: str, account: str, kept: Secret[str]) -> str:
        """Store a secret."""
        self._kept[service, account] = kept
        return "memory, until the pool is gone"

    def drop(self, service: str, account: str) -> None:
        """Delete a secret."""
        self._kept.pop((service, account), None)


def write(file: Path, kept: Secret[str]) -> None:
    """Write a file that only its owner can read: all of it, or raise SignInEnded."""
    beside = ""
    try:
        # mkstemp makes it with mode 0600 from the start.
        handle, beside = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
        with os.fdopen(handle, "w", encoding="utf-8") as opened:
            opened.write(kept.reveal())
        Path(beside).replace(file)
    except BaseException as error:
        if beside:
            with contextlib.suppress(OSError):
                Path(beside).unlink()
        if isinstance(error, OSError):
            raise unwritable(file, error) from None
        raise


def unwritable(file: Path, error: OSError) -> SignInEnded:
    """Return the error for a file that cannot be written."""
    return SignInEnded(
        ExitStatus.MISUSED, f"{file} cannot be written: {error.strerror or type(error).__name__}"
    )


@frozen
class RememberedDevices:
    """The remembered devices of users; `service` names the pool and its app client."""

    storage: SecretStorage
    service: str

    def of(self, username: str) -> Device | None:
        """Return the device of a user; None if none is stored or it cannot be read."""
        kept = self.storage.get(self.service, _account(username))
        if kept is None:
            return None
        try:
            fields = json.loads(kept.reveal())
            return Device(fields["DeviceKey"], fields["DeviceGroupKey"], fields["DevicePassword"])
        except (BadField, KeyError, TypeError, ValueError, RecursionError):
            return None

    def keep(self, username: str, device: Device) -> str:
        """Store a device, and return where, for people."""
        fields = {
            "DeviceKey": device.device_key,
            "DeviceGroupKey": device.device_group_key,
            "DevicePassword": device.password.reveal(),
        }
        return self.storage.put(self.service, _account(username), Secret(json.dumps(fields)))

    def drop(self, username: str) -> None:
        """Delete the device of a user."""
        self.storage.drop(self.service, _account(username))


def _account(username: str) -> str:
    return f"{username} (device)"
