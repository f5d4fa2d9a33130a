"""Encrypts and authenticates a JSON form under the application's key: the seals of sign-ins, tokens and devices.

Sealing uses Fernet (AES-128-CBC and HMAC-SHA256, from the `cryptography` package). If there are several keys,
the first seals and all unseal, so that keys can be rotated. Only this module of the core imports
`cryptography`. There is no clock.
"""

from __future__ import annotations

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, TypeVar

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from authfsm.base.secret import AnySecret, Key, Secret, revealed, wrapped_keys
from authfsm.protocol.errors import (
    AuthfsmError,
    CallerError,
    SealBroken,
    SealError,
    SealTooNew,
    SealWrongClient,
)

T = TypeVar("T")

VERSION: Final = 1
"""The version of the forms that this package writes. It reads every version up to this one."""

LARGEST: Final = 1 << 18
"""The longest sealed text, in characters: about a hundred times the length of a usual one."""


class BadKey(CallerError, ValueError):
    """The value is not a valid sealing key: 32 bytes in URL-safe base64. `new_key` makes one."""

    def __init__(self) -> None:
        super().__init__(
            "the key is not valid: a key is 32 bytes in URL-safe base64; authfsm.new_key() makes one"
        )


class TooLongToSeal(CallerError, ValueError):
    """It is too large to seal; of a sign-in, the metadata, history or challenge parameters are too long."""

    def __init__(self) -> None:
        super().__init__(
            f"it is too large to seal: the text would have more than {LARGEST} characters"
        )


def new_key() -> Secret[str]:
    """Return a new random key; store `new_key().reveal()` with the application's other secrets."""
    return Secret(Fernet.generate_key().decode())


def keys_for(key: Key, ticket: Secret[str]) -> tuple[Secret[str], ...]:
    """Return the keys that seal and unseal the sign-in of one ticket only.

    Each is the HMAC-SHA256 of the ticket under the application's key. A text that was sealed for one ticket
    cannot be unsealed with another ticket, or without one.
    """
    key = wrapped_keys(key)
    with suppress(TypeError, ValueError, AttributeError):
        return tuple([_derived(each, ticket) for each in key])
    raise BadKey


def _derived(key: AnySecret, ticket: Secret[str]) -> Secret[str]:
    Fernet(key.reveal())  # raises ValueError if it is not a key
    mac = hmac.new(urlsafe_b64decode(key.reveal()), b"authfsm sealed for the ticket ", sha256)
    mac.update(ticket.reveal().encode("utf-8", "surrogatepass"))
    return Secret(urlsafe_b64encode(mac.digest()).decode())


# ---- a form and its seal -------------------------------------------------------------------------------


def form_to_json(form: Mapping[str, Any]) -> Secret[str]:
    """Return a form as JSON, its secrets in clear: with its version, without members that are None or empty."""
    present = {name: value for name, value in form.items() if value not in (None, {}, [])}
    form = {"authfsm": VERSION, **present}
    return Secret(json.dumps(revealed(form), separators=(",", ":"), ensure_ascii=False))


def form_from_json(
    text: Secret[str],
    build: Callable[[Mapping[str, Any]], T],
    *,
    kind: str,
    owner: Mapping[str, str | None],
) -> T:
    """Return what `build` makes of a form of this kind, whose members in `owner` have just these values."""
    error: SealError | None
    try:
        form = json.loads(text.reveal())
        error = _unreadable(form, kind, owner)
        if error is None:
            return build(form)
    except (AuthfsmError, AttributeError, KeyError, TypeError, ValueError, RecursionError):
        error = SealBroken(f"it is not {kind}")
    # Raised outside the handler, and without the form, so that no frame of the error shows its secrets.
    form = None
    raise error


def _unreadable(
    form: Mapping[str, Any], kind: str, owner: Mapping[str, str | None]
) -> SealError | None:
    """Return why a form is not for this owner, or not of a version that can be read."""
    version = form["authfsm"]
    if type(version) is not int or version < 1:
        return SealBroken(f"it is not {kind}")
    if version > VERSION:
        return SealTooNew(
            f"its format version is {version}, and this version of authfsm reads versions up to {VERSION}"
        )
    if any(form.get(name) != value for name, value in owner.items()):
        return SealWrongClient("it belongs to another user pool or app client")
    return None


def encrypt(text: Secret[str], key: Key, at: datetime | None = None) -> str:
    """Return a text that only a holder of the key can read or change: letters, digits, `-_=`."""
    key = wrapped_keys(key)
    # JSON from a Lambda trigger may contain a lone surrogate, which strict UTF-8 cannot encode.
    sealed = _fernet(key).encrypt_at_time(
        text.reveal().encode("utf-8", "surrogatepass"), int(at.timestamp()) if at else 0
    )
    if len(sealed) > LARGEST:
        raise TooLongToSeal
    return sealed.decode()


def decrypt(sealed: str | bytes | None, key: Key, kind: str = "sign-in to resume") -> Secret[str]:
    """Return the JSON text in a seal."""
    key = wrapped_keys(key)
    form = _decrypted(sealed, _fernet(key))
    if form is None:
        raise SealBroken(
            "it was tampered with, or sealed with another key" if sealed else f"there is no {kind}"
        )
    return form


def _decrypted(sealed: str | bytes | None, fernet: MultiFernet) -> Secret[str] | None:
    if not isinstance(sealed, (str, bytes)) or len(sealed) > LARGEST:
        return None
    try:
        token = sealed.encode("ascii") if isinstance(sealed, str) else sealed
        # Base64 has unused bits at its end that the HMAC does not cover: accept only the canonical text.
        if urlsafe_b64encode(urlsafe_b64decode(token)) != token:
            return None
        return Secret(fernet.decrypt(token).decode("utf-8", "surrogatepass"))
    except (InvalidToken, ValueError):
        return None


def _fernet(keys: tuple[AnySecret, ...]) -> MultiFernet:
    with suppress(TypeError, ValueError, AttributeError):
        return MultiFernet([Fernet(each.reveal()) for each in keys])
    raise BadKey
