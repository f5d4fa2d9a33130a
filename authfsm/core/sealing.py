"""Seals a pending sign-in into a text for a cookie or a store: encrypted, authenticated, with a timestamp.

Sealing uses Fernet (AES-128-CBC and HMAC-SHA256, from the `cryptography` package) under the application's
key. If there are several keys, the first seals and all unseal, so that keys can be rotated. Only this module
of the core imports `cryptography`. There is no clock.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final, TypeAlias

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from authfsm.base.secret import Secret, secret
from authfsm.core.signin import SignIn
from authfsm.core.snapshot import Snapshot, snapshot_from_json, snapshot_to_json
from authfsm.protocol.errors import CallerError, SealBroken, SealExpired

AnySecret: TypeAlias = "Secret[str] | Secret[bytes]"
AnyKey: TypeAlias = "str | bytes | Secret[str] | Secret[bytes]"
Key: TypeAlias = "AnyKey | Iterable[AnyKey]"
"""One key from `new_key`, or several: the first seals, all unseal."""

LARGEST: Final = 1 << 18
"""The longest sealed text, in characters: about a hundred times the length of a usual one."""

SESSION_LIFETIME: Final = timedelta(minutes=3)
"""The lifetime of Cognito's session, unless the app client sets another one."""
# "AuthSessionValidity ... the duration, in minutes, of the session token created by Amazon Cognito for each
# API request in an authentication flow ... Default: 3" -- AWS API reference, CreateUserPoolClient.


class BadKey(CallerError, ValueError):
    """The value is not a valid sealing key: 32 bytes in URL-safe base64. `new_key` makes one."""

    def __init__(self) -> None:
        super().__init__(
            "the key is not valid: a key is 32 bytes in URL-safe base64; authfsm.new_key() makes one"
        )


class TooLongToSeal(CallerError, ValueError):
    """The sign-in is too large to seal: its metadata, history or challenge parameters are too long."""

    def __init__(self) -> None:
        super().__init__(
            f"the sign-in is too large to seal: the text would have more than {LARGEST} characters"
        )


def new_key() -> Secret[str]:
    """Return a new random key; store `new_key().reveal()` with the application's other secrets."""
    return Secret(Fernet.generate_key().decode())


def wrapped_keys(key: Key) -> tuple[AnySecret, ...]:
    """Return the keys, each wrapped in `Secret`: code that holds or passes keys uses this form.

    Args:
        key: the key, or several.

    Raises:
        BadKey: the value is neither text, bytes nor an iterable of them.
    """
    if isinstance(key, (str, bytes, Secret)):
        return (secret(key),)
    with suppress(TypeError):
        return tuple(secret(each) for each in key)
    raise BadKey


def keys_for(key: Key, ticket: Secret[str]) -> tuple[Secret[str], ...]:
    """Return the keys that seal and unseal the sign-in of one ticket only.

    Each is the HMAC-SHA256 of the ticket under the application's key. A text that was sealed for one ticket
    cannot be unsealed with another ticket, or without one.

    Args:
        key: the application's key, or several.
        ticket: the ticket.

    Raises:
        BadKey: the key is not valid.
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


def seal(snapshot: Snapshot, key: Key, now: datetime) -> str:
    """Return a snapshot as a text that only a holder of the key can read or change: letters, digits, `-_=`.

    Args:
        snapshot: the snapshot to seal.
        key: the key, or several: the first seals.
        now: the current time, with a time zone.

    Raises:
        InvalidOperation: the sign-in has ended, or awaits a reply.
        TooLongToSeal: the text would be longer than `LARGEST`.
        BadKey: the key is not valid.
    """
    key = wrapped_keys(key)
    fernet = _fernet(
        key
    )  # first: an invalid key must not raise in a frame that holds other secrets
    form = snapshot_to_json(snapshot, now)
    # JSON from a Lambda trigger may contain a lone surrogate, which strict UTF-8 cannot encode.
    sealed = fernet.encrypt_at_time(
        form.reveal().encode("utf-8", "surrogatepass"), int(now.timestamp())
    ).decode()
    if len(sealed) > LARGEST:
        raise TooLongToSeal
    return sealed


def unseal(
    sealed: str | bytes | None,
    key: Key,
    now: datetime,
    *,
    into: SignIn,
    session_lifetime: timedelta = SESSION_LIFETIME,
) -> Snapshot:
    """Return the snapshot that a sealed text contains.

    Args:
        sealed: the text that `seal` made; None if the browser sent none.
        key: the key, or several: all unseal.
        now: the current time, with a time zone.
        into: a new sign-in of the pool and client that resume it; it becomes the pending sign-in.
        session_lifetime: AuthSessionValidity.

    Raises:
        SealBroken: the text was tampered with, none of these keys sealed it, or there is no text.
        SealExpired: the Cognito session in it has expired.
        SealWrongClient: it belongs to another pool or client.
        SealTooNew: a newer version of this package sealed it.
        BadKey: the key is not valid.
    """
    key = wrapped_keys(key)
    form = _decrypted(sealed, _fernet(key))
    if form is None:
        raise SealBroken("it was tampered with, or sealed with another key")
    snapshot = snapshot_from_json(form, into=into)
    since = into.session_received_at
    if since is None or now - since >= session_lifetime:
        into.abandon()
        raise SealExpired("its Cognito session has expired")
    return snapshot


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
