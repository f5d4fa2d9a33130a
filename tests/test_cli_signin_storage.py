"""Where `authfsm signin` stores tokens and devices: files that only their owner can read, and the keyring."""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from conftest import lacking
from keyring.backend import KeyringBackend
from keyring.backends import fail
from keyring.errors import PasswordDeleteError, PasswordSetError
from local_servers import CLIENT_ID, POOL_ID, ThreadServer, serve_in_thread
from test_cli_signin_exit import ADA, PASSWORD, CommandResult, run_signin

from authfsm.base.secret import Secret
from authfsm.cli.signin.screen import ExitStatus, SignInEnded
from authfsm.cli.signin.secret_storage import FileStorage, MemoryStorage, RememberedDevices, write
from authfsm.core.device import Device

SERVICE = f"authfsm:{POOL_ID}/{CLIENT_ID}"


class InThisProcess(KeyringBackend):
    """A keyring in memory."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # theirs has no types
        self.entries: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        """Return the stored secret."""
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        """Store a secret."""
        self.entries[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        """Delete a secret."""
        if self.entries.pop((service, username), None) is None:
            raise PasswordDeleteError("nothing there")


@pytest.fixture
def memory_keyring() -> Iterator[InThisProcess]:
    """Use a keyring in memory instead of the machine's."""
    before = keyring.get_keyring()
    ours = InThisProcess()
    keyring.set_keyring(ours)
    yield ours
    keyring.set_keyring(before)


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use a temporary home directory."""
    monkeypatch.setattr("click.get_app_dir", lambda _: str(tmp_path / "app"))


def run_sign_in(pool: ThreadServer, *options: str, lines: str = PASSWORD) -> CommandResult:
    """Sign ada in to a served pool."""
    pool_arguments = ["--endpoint-url", pool.url, "--client-id", CLIENT_ID, "--pool-id", POOL_ID]
    return run_signin(*pool_arguments, "--username", "ada", "--password-stdin", *options, lines=lines)


# ---- files -------------------------------------------------------------------------------------------------


def test_tokens_in_a_file(tmp_path: Path) -> None:
    """The tokens' file is readable by its owner only, replaces an earlier one, and no token is printed."""
    if sys.platform == "win32":
        lacking("file modes")
    file = tmp_path / "tokens.json"
    file.write_text("older", encoding="utf-8")
    with serve_in_thread(users=[ADA]) as pool:
        result = run_sign_in(pool, "--output", str(file))

    tokens = json.loads(file.read_text(encoding="utf-8"))
    assert (result.code, result.out) == (ExitStatus.SIGNED_IN, "")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert sorted(tokens) == ["AccessToken", "ExpiresAt", "ExpiresIn", "IdToken", "RefreshToken", "TokenType"]
    assert f"written to {file} (0600)" in result.err
    assert tokens["AccessToken"] not in result.err
    assert [each.name for each in tmp_path.iterdir() if each.is_file()] == ["tokens.json"]


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    """If a file cannot be written, an earlier one stays, and no other file."""
    file = tmp_path / "tokens.json"
    file.write_text("older", encoding="utf-8")

    with pytest.raises(UnicodeEncodeError):
        write(file, Secret("\udc80"))
    with pytest.raises(SignInEnded, match="cannot be written"):
        write(tmp_path / "nowhere" / "tokens.json", Secret("{}"))

    assert file.read_text(encoding="utf-8") == "older"
    assert [each.name for each in tmp_path.iterdir()] == ["tokens.json"]


@pytest.mark.parametrize("name", ["-", "pipe", "folder"])
def test_tokens_replace_no_other_kind_of_file(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """--output refuses a pipe, a device, a folder and `-` before anything is sent: a file would replace a pipe or a device."""
    monkeypatch.chdir(tmp_path)
    if sys.platform == "win32":
        lacking("pipes with a name")
    os.mkfifo("pipe")
    Path("folder").mkdir()
    result = run_signin("--local", "password", "--username", "ada", "--password-stdin", "--output", name)

    assert result.code == ExitStatus.MISUSED
    assert f"{name} cannot be written: it is no regular file; for a pipe, use --json." in result.err
    assert sorted(each.name for each in tmp_path.iterdir()) == ["folder", "pipe"]
    assert stat.S_ISFIFO(Path("pipe").stat().st_mode)


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("tokens.json", "it is a symbolic link to tokens.json; name that file, or remove the link."),
        ("missing.json", "it is a symbolic link to missing.json; name that file, or remove the link."),
        ("link", "it is a symbolic link to link; name that file, or remove the link."),
        ("folder", "it is no regular file"),
    ],
)
def test_tokens_are_not_written_through_a_link(
    target: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--output refuses a symbolic link, and names its target, before anything is asked; link and target stay unchanged."""
    monkeypatch.chdir(tmp_path)
    if sys.platform == "win32":
        lacking("symbolic links")
    file, link = Path("tokens.json"), Path("link")
    file.write_text("older", encoding="utf-8")
    file.chmod(0o644)
    Path("folder").mkdir()
    link.symlink_to(target)
    result = run_signin("--local", "password", "--username", "ada", "--password-stdin", "-o", "link", lines=PASSWORD)

    assert result.code == ExitStatus.MISUSED
    assert f"link cannot be written: {why}" in result.err
    assert (str(link.readlink()), file.read_text(encoding="utf-8")) == (target, "older")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["folder", "link", "tokens.json"]


def test_a_link_that_appears_during_the_sign_in_is_not_followed(tmp_path: Path) -> None:
    """The file of the tokens replaces a link that was made after the check: nothing is written to the link's target."""
    if sys.platform == "win32":
        lacking("symbolic links")
    other, file = tmp_path / "other", tmp_path / "tokens.json"
    other.write_text("older", encoding="utf-8")
    file.symlink_to(other)
    write(file, Secret("{}"))

    assert (file.is_symlink(), other.read_text(encoding="utf-8")) == (False, "older")
    assert (file.read_text(encoding="utf-8"), stat.S_IMODE(file.stat().st_mode)) == ("{}", 0o600)


# ---- the keyring -------------------------------------------------------------------------------------------


def test_tokens_in_the_keyring(memory_keyring: InThisProcess) -> None:
    """Tokens are stored in the keyring by pool, client and user; only their place is printed."""
    with serve_in_thread(users=[ADA]) as pool:
        result = run_sign_in(pool, "--keyring")

    assert (result.code, result.out) == (ExitStatus.SIGNED_IN, "")
    assert list(memory_keyring.entries) == [(SERVICE, "ada")]
    tokens = json.loads(memory_keyring.entries[SERVICE, "ada"])
    assert tokens["AccessToken"].startswith("eyJ")
    assert f"stored in keyring, service {SERVICE}, account ada" in result.err
    assert tokens["AccessToken"] not in result.err


def test_no_keyring_on_this_machine() -> None:
    """Without a keyring the command fails before it asks or sends anything."""
    before = keyring.get_keyring()
    keyring.set_keyring(fail.Keyring())  # type: ignore[no-untyped-call]  # the same
    try:
        result = run_signin("--local", "--keyring")
    finally:
        keyring.set_keyring(before)

    assert result.code == ExitStatus.MISUSED
    assert "This machine has no keyring" in result.err
    assert "User name" not in result.err


def test_the_extra_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra, the command says what to install."""
    monkeypatch.setattr("authfsm.cli.signin.secret_storage.find_spec", lambda _: None)

    result = run_signin("--local", "--keyring")

    assert result.code == ExitStatus.MISUSED
    assert "pip install 'authfsm[keyring]'" in result.err


def test_a_keyring_that_fails(memory_keyring: InThisProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    """A locked keyring has an exit status of its own, and the error shows no token."""

    def refuses(*arguments: str) -> None:
        raise PasswordSetError(f"locked, {arguments}")

    monkeypatch.setattr(memory_keyring, "set_password", refuses)
    with serve_in_thread(users=[ADA]) as pool:
        result = run_sign_in(pool, "--keyring")

    assert result.code == ExitStatus.MISCONFIGURED
    assert "The keyring could not be written (PasswordSetError)" in result.err
    assert "eyJ" not in result.err


# ---- devices -----------------------------------------------------------------------------------------------

DEVICE = Device("eu-west-1_0", "-group", "planted")


@pytest.mark.parametrize("kind", ["files", "memory"])
def test_a_device_is_kept_and_dropped(kind: str, tmp_path: Path) -> None:
    """A stored device is loaded unchanged for its user only; once deleted it is gone."""
    devices = RememberedDevices(FileStorage(tmp_path / "d") if kind == "files" else MemoryStorage(), SERVICE)
    before = devices.of("ada")
    where = devices.keep("ada", DEVICE)

    assert (before, devices.of("ada"), devices.of("eve")) == (None, DEVICE, None)
    assert "planted" not in where
    devices.drop("ada")
    devices.drop("ada")
    assert devices.of("ada") is None


def test_a_device_file_is_its_owners(tmp_path: Path) -> None:
    """The folder has mode 0700 and the file 0600; an invalid file counts as no device."""
    if sys.platform == "win32":
        lacking("file modes")
    RememberedDevices(FileStorage(tmp_path / "d"), SERVICE).keep("ada", DEVICE)
    (file,) = (tmp_path / "d").iterdir()

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    for nonsense in ("", "[]", '{"DeviceKey": 1}', '{"device_key": "", "device_group_key": "g", "password": "p"}'):
        file.write_text(nonsense, encoding="utf-8")
        assert RememberedDevices(FileStorage(tmp_path / "d"), SERVICE).of("ada") is None


def test_a_remembered_device_is_used_and_forgotten_with_cognito(tmp_path: Path) -> None:
    """--remember stores the device; it is deleted when Cognito has forgotten it."""
    device = {"challenge_required_on_new_device": True}
    folder = tmp_path / "app" / "devices"
    with serve_in_thread(device=device, users=[ADA]) as pool:
        first = run_sign_in(pool, "--remember")
        files = [each.name for each in folder.iterdir()]
        second = run_sign_in(pool)
        pool.service.pool.user("ada").devices.clear()
        third = run_sign_in(pool, "--no-remember")
        fourth = run_sign_in(pool)

    assert [each.code for each in (first, second, third, fourth)] == [ExitStatus.SIGNED_IN] * 4
    assert len(files) == 1
    assert f"Device stored in {folder / files[0]}" in first.err
    assert "DEVICE_SRP_AUTH › DEVICE_PASSWORD_VERIFIER › AUTHENTICATED" in second.err  # noqa: RUF001 - as shown
    assert "DEVICE_SRP_AUTH" not in third.err
    assert "Cognito no longer knows this device; its local record was deleted." in fourth.err
    assert list(folder.iterdir()) == []
