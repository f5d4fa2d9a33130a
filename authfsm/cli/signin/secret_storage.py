"""Where `authfsm signin` stores devices and tokens: the system's keyring, files, memory, or standard output.

`TokenOutput.check`, which runs before the user types a password, finds an output that would fail. Tokens are printed to
a terminal only with `--show-tokens`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import tempfile
from datetime import datetime, timezone
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from attrs import asdict, field, frozen

from authfsm.base.secret import Secret, revealed
from authfsm.cli.command import STDOUT, discard_stdout
from authfsm.cli.signin.screen import ExitStatus, Misused, Screen, SignInEnded
from authfsm.core.device import Device
from authfsm.drivers.boto import Flow
from authfsm.protocol.errors import BadField
from authfsm.protocol.replies import Tokens, unverified_claims


class SecretStorage(Protocol):
    """A place for secrets, each under the names of a service and an account."""

    def get(self, service: str, account: str) -> Secret[str] | None:
        """Return a secret; None if there is none."""

    def put(self, service: str, account: str, value: Secret[str]) -> str:
        """Store a secret in place of an older one, and return a phrase that tells the user where it is."""

    def drop(self, service: str, account: str) -> None:
        """Delete a secret, if there is one."""


class KeyringStorage:
    """The system's keyring, through the package `keyring`; raises SignInEnded if either is missing or the keyring fails."""

    def __init__(self) -> None:
        if find_spec("keyring") is None:
            raise Misused("--keyring needs the Python package keyring: pip install 'authfsm[keyring]'.")
        import keyring  # noqa: PLC0415 - an extra
        from keyring.backends import fail, null  # noqa: PLC0415 - the same
        from keyring.errors import KeyringError  # noqa: PLC0415 - the same

        self._keyring: Any = keyring.get_keyring()
        self._keyring_error = KeyringError
        if isinstance(self._keyring, (fail.Keyring, null.Keyring)):
            raise Misused("This machine has no keyring (Secret Service, Keychain): use --output FILE, not --keyring.")

    def get(self, service: str, account: str) -> Secret[str] | None:
        """Return a secret from the keyring."""
        with self._failing("read"):
            found: str | None = self._keyring.get_password(service, account)
            return None if found is None else Secret(found)

    def put(self, service: str, account: str, value: Secret[str]) -> str:
        """Store a secret in the keyring."""
        with self._failing("written"):
            self._keyring.set_password(service, account, value.reveal())
        return f"keyring, service {service}, account {account}"

    def drop(self, service: str, account: str) -> None:
        """Delete a secret from the keyring; ignore errors of the keyring."""
        with contextlib.suppress(self._keyring_error):
            self._keyring.delete_password(service, account)

    @contextlib.contextmanager
    def _failing(self, how: str) -> Any:
        failed = ""
        try:
            yield
        except self._keyring_error as error:
            failed = type(error).__name__
        if failed:  # raised outside the handler, because the frames of the backend's error hold the secret
            raise SignInEnded(ExitStatus.MISCONFIGURED, f"The keyring could not be {how} ({failed}).")


@frozen
class FileStorage:
    """A folder, created with mode 0700, with a file of mode 0600 for each secret."""

    _folder: Path

    def _file(self, service: str, account: str) -> Path:
        # The file's name is a digest, because service and account may have any characters.
        digest = hashlib.sha256(f"{service}\n{account}".encode()).hexdigest()
        return self._folder / f"{digest[:32]}.json"

    def get(self, service: str, account: str) -> Secret[str] | None:
        """Return a secret; None if its file is missing or cannot be read."""
        try:
            return Secret(self._file(service, account).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError):
            return None

    def put(self, service: str, account: str, value: Secret[str]) -> str:
        """Write a secret to its file, which only its owner can read."""
        file = self._file(service, account)
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(self._folder, error) from None
        write(file, value)
        return str(file)

    def drop(self, service: str, account: str) -> None:
        """Delete the file of a secret, if there is one."""
        with contextlib.suppress(OSError):
            self._file(service, account).unlink()


@frozen
class MemoryStorage:
    """Storage in the memory of this process."""

    _secrets: dict[tuple[str, str], Secret[str]] = field(factory=dict, init=False)

    def get(self, service: str, account: str) -> Secret[str] | None:
        """Return a secret; None if there is none."""
        return self._secrets.get((service, account))

    def put(self, service: str, account: str, value: Secret[str]) -> str:
        """Store a secret."""
        self._secrets[service, account] = value
        return "memory, until this command ends"

    def drop(self, service: str, account: str) -> None:
        """Delete a secret, if there is one."""
        self._secrets.pop((service, account), None)


def write(file: Path, value: Secret[str]) -> None:
    """Write a file that only its owner can read. A link is replaced, not followed. On failure, raise SignInEnded."""
    temporary = ""
    try:
        # mkstemp creates the file with mode 0600.
        handle, temporary = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
        with os.fdopen(handle, "w", encoding="utf-8") as opened:
            opened.write(value.reveal())
        Path(temporary).replace(file)
    except BaseException as error:
        if temporary:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
        if isinstance(error, OSError):
            raise unwritable(file, error) from None
        raise


def unwritable(file: Path, error: OSError) -> SignInEnded:
    """Return the error for a file that cannot be written."""
    return Misused(f"{file} cannot be written: {error.strerror or type(error).__name__}.")


@frozen
class RememberedDevices:
    """The remembered devices of users; `service` names the pool and its app client."""

    storage: SecretStorage
    service: str

    def of(self, username: str) -> Device | None:
        """Return the device of a user; None if none is stored or it cannot be read."""
        value = self.storage.get(self.service, _account(username))
        if value is None:
            return None
        try:
            return Device(**json.loads(value.reveal()))
        except (BadField, TypeError, ValueError, RecursionError):
            return None

    def keep(self, username: str, device: Device) -> str:
        """Store a device, and return a phrase that tells the user where it is."""
        fields = Secret(json.dumps(revealed(asdict(device))))
        return self.storage.put(self.service, _account(username), fields)

    def drop(self, username: str) -> None:
        """Delete the device of a user."""
        self.storage.drop(self.service, _account(username))


def _account(username: str) -> str:
    # The bytes of a command line that are not UTF-8 are lone surrogates in a string, which no storage accepts.
    return f"{username.encode(errors='replace').decode()} (device)"


@frozen
class TokenOutput:
    """The destinations of the tokens; they are printed to a terminal only if `allow_terminal`."""

    is_printed: bool = False
    allow_terminal: bool = False
    file: Path | None = None
    keyring: SecretStorage | None = None

    def check(self) -> None:
        """Raise SignInEnded if the output would fail."""
        if self.is_printed and sys.stdout.isatty() and not self.allow_terminal:
            raise Misused("--json would print the tokens to this terminal: use a pipe, or add --show-tokens.")
        if self.file is not None:
            if self.file == STDOUT or (self.file.exists() and not self.file.is_file()):
                raise Misused(f"{self.file} cannot be written: it is no regular file; for a pipe, use --json.")
            if self.file.is_symlink():
                why = f"it is a symbolic link to {self.file.readlink()}; name that file, or remove the link"
                raise Misused(f"{self.file} cannot be written: {why}.")
            if not self.file.parent.is_dir():
                raise Misused(f"{self.file} cannot be written: there is no folder {self.file.parent}.")
            if not os.access(self.file.parent, os.W_OK):
                raise unwritable(self.file, PermissionError(13, "Permission denied"))

    def keep(self, flow: Flow, service: str) -> list[str]:
        """Print and store the tokens of a sign-in, and return phrases that tell the user where the tokens are."""
        text = Secret(json.dumps(tokens_to_json(flow.signed_in()), indent=2) + "\n")
        done = []
        if self.keyring is not None:
            account = flow.signin.username or ""
            done.append(f"stored in {self.keyring.put(service, account, text)}")
        if self.file is not None:
            write(self.file, text)
            done.append(f"written to {self.file} (0600)")
        if self.is_printed:
            try:
                sys.stdout.write(text.reveal())
                sys.stdout.flush()
            except OSError as error:
                discard_stdout()
                why = "the pipe is closed" if isinstance(error, BrokenPipeError) else error.strerror
                raise Misused(f"The tokens could not be written: {why}.") from None
            done.append("printed as JSON")
        return done


def tokens_to_json(tokens: Tokens) -> dict[str, Any]:
    """Return the members of AuthenticationResult, and `ExpiresAt`: when the access token expires, in ISO 8601."""
    text = {
        "AccessToken": tokens.access_token.reveal(),
        "IdToken": tokens.id_token and tokens.id_token.reveal(),
        "RefreshToken": tokens.refresh_token and tokens.refresh_token.reveal(),
        "TokenType": tokens.token_type,
        "ExpiresIn": tokens.expires_in,
        "ExpiresAt": tokens.expires_at and tokens.expires_at.isoformat(timespec="seconds"),
    }
    return {name: value for name, value in text.items() if value is not None}


def summary(flow: Flow) -> dict[str, str]:
    """Return the lines about the user, the expiry and the tokens. The tokens' claims are not verified."""
    tokens = flow.signed_in()
    access = unverified_claims(tokens.access_token)
    identity = unverified_claims(tokens.id_token) if tokens.id_token else {}
    groups = access.get("cognito:groups") or identity.get("cognito:groups") or ()
    text = {
        "e-mail": identity.get("email"),
        "user id": access.get("sub"),
        "groups": ", ".join(map(str, groups)) if isinstance(groups, list) else None,
        "scopes": access.get("scope"),
        "expires": _expiry(tokens),
        "tokens": ", ".join(n for n in ("access", "id", "refresh") if getattr(tokens, f"{n}_token")),
        "device": flow.device and f"{flow.device.device_key}, remembered",
    }
    return {name: str(value) for name, value in text.items() if value}


def _expiry(tokens: Tokens) -> str | None:
    at, seconds = tokens.expires_at, tokens.expires_in
    if at is None or seconds is None:
        return None
    hours, minutes = divmod(max(round(seconds / 60), 1), 60)
    span = " ".join(f"{n} {unit}" for n, unit in ((hours, "h"), (minutes, "min")) if n)
    here = at.astimezone()
    day = "" if here.date() == datetime.now(timezone.utc).astimezone().date() else "%Y-%m-%d "
    return f"in {span}, at {here.strftime(f'{day}%H:%M:%S')}"


def print_tokens(screen: Screen, flow: Flow, done: list[str]) -> None:
    """Print the summary, and where the tokens went."""
    who = (flow.tokens.username if flow.tokens else None) or flow.signin.username or ""
    screen.print_path(flow.history)
    screen.good(f"Signed in as {who}")
    screen.facts(summary(flow))
    lost = "discarded: use --json to pipe them, or --output FILE or --keyring to store them"
    screen.plain(f"The tokens were {'; '.join(done) or lost}.")
