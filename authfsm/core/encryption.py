"""Encrypts and authenticates JSON under the application's key: the seals of sign-ins, tokens and devices.

Sealing uses Fernet (AES-128-CBC and HMAC-SHA256). Of several keys, the first one seals and each of them can unseal, so
that keys can be rotated. Only this module of the core imports `cryptography`, and only it uses random numbers.
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
from authfsm.protocol import errors as e

T = TypeVar("T")

VERSION: Final = 1
"""The version of the JSON documents that this package writes. The package reads this and every earlier version."""

LARGEST: Final = 1 << 18
"""The longest seal, in characters: more than forty times the usual length of sealed tokens, and of a sealed sign-in."""


class BadKey(e.CallerError, ValueError):
    """The value is not a valid sealing key: 32 bytes in URL-safe base64, as `new_key` returns it."""

    def __init__(self) -> None:
        super().__init__("the key is not valid: a key is 32 bytes in URL-safe base64, as authfsm.new_key() returns it")


class TooLongToSeal(e.CallerError, ValueError):
    """The value is too large to seal; in a sign-in, the metadata, history or challenge parameters are too long."""

    def __init__(self) -> None:
        super().__init__(f"the value is too large to seal: the seal would exceed {LARGEST} characters")


def new_key() -> Secret[str]:
    """Return a new random key; store `new_key().reveal()` with the application's other secrets."""
    return Secret(Fernet.generate_key().decode())


def keys_for(key: Key, ticket: Secret[str]) -> tuple[Secret[str], ...]:
    """Return the keys for one ticket: the HMAC-SHA256 of the ticket under each of the given keys. Raises BadKey."""
    key = wrapped_keys(key)
    with suppress(TypeError, ValueError, AttributeError):
        return tuple([_derived(each, ticket) for each in key])
    raise BadKey


def _derived(key: AnySecret, ticket: Secret[str]) -> Secret[str]:
    Fernet(key.reveal())  # raises an error, which `keys_for` catches, if `key` is not valid
    mac = hmac.new(urlsafe_b64decode(key.reveal()), b"authfsm sealed for the ticket ", sha256)
    mac.update(ticket.reveal().encode("utf-8", "surrogatepass"))
    return Secret(urlsafe_b64encode(mac.digest()).decode())


def document_to_json(document: Mapping[str, Any]) -> Secret[str]:
    """Return a document and VERSION as JSON, with secrets in plain text, without None, empty maps and empty lists."""
    present = {name: value for name, value in document.items() if value not in (None, {}, [])}
    document = {"authfsm": VERSION, **present}
    return Secret(json.dumps(revealed(document), separators=(",", ":"), ensure_ascii=False))


def document_from_json(
    text: Secret[str], build: Callable[[Mapping[str, Any]], T], *, kind: str,
    owner: Mapping[str, str | None],
) -> T:  # fmt: skip
    """Return `build(document)`. Raises SealTooNew, SealWrongClient (a value differs from `owner`) or SealBroken."""
    error: e.SealError = e.SealBroken(f"it is not {kind}")
    with suppress(e.AuthfsmError, AttributeError, KeyError, TypeError, ValueError, RecursionError):
        document = json.loads(text.reveal())
        version = document["authfsm"]
        if type(version) is int and version > VERSION:
            readable = f"this version of authfsm reads versions up to {VERSION}"
            error = e.SealTooNew(f"its format version is {version}, and {readable}")
        elif type(version) is int and version > 0:
            if all(document.get(name) == value for name, value in owner.items()):
                return build(document)
            error = e.SealWrongClient("it belongs to another user pool or app client")
    # Raised outside of `suppress`, and without the document, so that no frame of the error shows its secrets.
    document = None
    raise error


def encrypt(text: Secret[str], key: Key, at: datetime | None = None) -> str:
    """Return the text as a string (letters, digits, `-_=`) that only a holder of the key can read or change.

    Anyone can read the time `at` in the string. Raises BadKey or TooLongToSeal.
    """
    key = wrapped_keys(key)
    fernet, seconds = _fernet(key), int(at.timestamp()) if at else 0
    # A Lambda trigger's JSON may contain lone surrogates, which strict UTF-8 cannot encode. The text is not assigned
    # to a variable, so that no frame shows it.
    sealed = fernet.encrypt_at_time(text.reveal().encode("utf-8", "surrogatepass"), seconds)
    if len(sealed) > LARGEST:
        raise TooLongToSeal
    return sealed.decode()


def decrypt(sealed: str | bytes | None, key: Key, kind: str = "sign-in to resume") -> Secret[str]:
    """Return the JSON string in a seal; raises BadKey, SealMissing (nothing was passed) or SealBroken."""
    key = wrapped_keys(key)
    fernet = _fernet(key)
    if not sealed:
        raise e.SealMissing(f"there is no {kind}")
    if isinstance(sealed, (str, bytes)) and len(sealed) <= LARGEST:
        with suppress(InvalidToken, ValueError):
            token = sealed.encode("ascii") if isinstance(sealed, str) else sealed
            # Base64 has unused bits at its end that the HMAC does not cover, so only the canonical form is accepted.
            if urlsafe_b64encode(urlsafe_b64decode(token)) == token:
                return Secret(fernet.decrypt(token).decode("utf-8", "surrogatepass"))
    raise e.SealBroken("it was tampered with, or sealed with another key")


def _fernet(keys: tuple[AnySecret, ...]) -> MultiFernet:
    with suppress(TypeError, ValueError, AttributeError):
        return MultiFernet([Fernet(each.reveal()) for each in keys])
    raise BadKey
