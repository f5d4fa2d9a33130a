"""Seals a sign-in that waits, so that a cookie or a store can carry it: encrypted, authenticated, dated.

Fernet (AES-128-CBC and HMAC-SHA256, the `cryptography` package) under a key of the application's own; of
several keys the first seals and all open, so that keys can be rotated. Of a sign-in's modules this alone
imports `cryptography`; it reads no clock.
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

from authfsm.errors import CallerError, SealBroken, SealExpired
from authfsm.secret import Secret, secret
from authfsm.signin import SignIn
from authfsm.snapshot import Snapshot, from_json, to_json

AnySecret: TypeAlias = "Secret[str] | Secret[bytes]"
AnyKey: TypeAlias = "str | bytes | Secret[str] | Secret[bytes]"
Key: TypeAlias = "AnyKey | Iterable[AnyKey]"
"""A key of `new_key`, or several: the first seals, all open."""

_TICKET: Final = b"authfsm sealed for the ticket "

LARGEST: Final = 1 << 18
"""The longest text that is sealed or opened: a hundred times what a usual sign-in takes."""

SESSION_LIFETIME: Final = timedelta(minutes=3)
"""How long Cognito's session lives, if the app client does not say otherwise."""
# "AuthSessionValidity ... the duration, in minutes, of the session token created by Amazon Cognito for each
# API request in an authentication flow ... Default: 3" -- AWS API reference, CreateUserPoolClient.


class BadKey(CallerError, ValueError):
    """What was given is no key to seal with: 32 bytes, base64 for URLs. `new_key` makes one."""

    def __init__(self) -> None:
        super().__init__(
            "a key is 32 bytes, base64 for URLs, as authfsm.sealing.new_key() makes them"
        )


class TooLongToSeal(CallerError, ValueError):
    """This sign-in carries too much to be sealed: metadata, a history, or a trigger's parameters."""

    def __init__(self) -> None:
        super().__init__(f"sealed, this sign-in would take more than {LARGEST} characters")


def new_key() -> Secret[str]:
    """A new random key, to be kept where the application keeps its secrets: `new_key().reveal()`."""
    return Secret(Fernet.generate_key().decode())


def wrapped_keys(key: Key) -> tuple[AnySecret, ...]:
    """Return a key, or several, each wrapped: what holds or passes keys holds this.

    Args:
        key: the key, or several.

    Raises:
        BadKey: it is neither text, bytes nor an iterable of them.
    """
    if isinstance(key, (str, bytes, Secret)):
        return (secret(key),)
    with suppress(TypeError):
        return tuple(secret(each) for each in key)
    raise BadKey


def keys_for(key: Key, ticket: Secret[str]) -> tuple[Secret[str], ...]:
    """Return the keys that seal and open the sign-in of one ticket, and of no other.

    Each is HMAC-SHA256 of the ticket under the application's key. A text that was sealed for one ticket
    and is found under another does not open, and neither does one without its ticket.

    Args:
        key: the application's key, or several.
        ticket: the ticket.

    Raises:
        BadKey: that is no key.
    """
    key = wrapped_keys(key)
    with suppress(TypeError, ValueError, AttributeError):
        return tuple([_derived(each, ticket) for each in key])
    raise BadKey


def _derived(key: AnySecret, ticket: Secret[str]) -> Secret[str]:
    Fernet(key.reveal())  # is it a key at all?
    mac = hmac.new(urlsafe_b64decode(key.reveal()), _TICKET, sha256)
    mac.update(ticket.reveal().encode("utf-8", "surrogatepass"))
    return Secret(urlsafe_b64encode(mac.digest()).decode())


def seal(snapshot: Snapshot, key: Key, now: datetime) -> str:
    """A snapshot as a text that only a holder of the key can read or change: letters, digits, `-_=`.

    Args:
        snapshot: what is to be sealed.
        key: the key, or several: the first seals.
        now: the present time, with a time zone.

    Raises:
        OutOfTurn: the sign-in has ended, or awaits a reply.
        TooLongToSeal: it would be longer than `LARGEST`.
        BadKey: that is no key.
    """
    key = wrapped_keys(key)
    lock = _lock(key)  # first: a key that is none must not fail in a frame that holds more
    form = to_json(snapshot, now)
    # A trigger's JSON may hold half of an emoji, which strict UTF-8 cannot write. It goes back as it came.
    sealed = lock.encrypt_at_time(
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
    """The snapshot that a sealed text holds.

    Args:
        sealed: what `seal` made; None, where a browser brought nothing.
        key: the key, or several: all open.
        now: the present time, with a time zone.
        into: a new sign-in of the pool and client that resume it; it becomes the one that waits.
        session_lifetime: AuthSessionValidity.

    Raises:
        SealBroken: it was changed, none of these keys sealed it, or nothing was brought.
        SealExpired: Cognito's session within has expired.
        SealForeign: it belongs to another pool or client.
        SealTooNew: a later version sealed it.
        BadKey: that is no key.
    """
    key = wrapped_keys(key)
    opened = _opened(sealed, _lock(key))
    if opened is None:
        raise SealBroken("it was changed on the way, or sealed with another key")
    snapshot = from_json(opened, into=into)
    since = into.asked_at
    if since is None or now - since >= session_lifetime:
        into.abandon()
        raise SealExpired("its session has expired")
    return snapshot


def _opened(sealed: str | bytes | None, lock: MultiFernet) -> Secret[str] | None:
    if not isinstance(sealed, (str, bytes)) or len(sealed) > LARGEST:
        return None
    try:
        token = sealed.encode("ascii") if isinstance(sealed, str) else sealed
        # Base64 leaves bits unused at its end, which no signature covers: one text is one seal.
        if urlsafe_b64encode(urlsafe_b64decode(token)) != token:
            return None
        return Secret(lock.decrypt(token).decode("utf-8", "surrogatepass"))
    except (InvalidToken, ValueError):
        return None


def _lock(keys: tuple[AnySecret, ...]) -> MultiFernet:
    try:
        return MultiFernet([Fernet(each.reveal()) for each in keys])
    except (TypeError, ValueError, AttributeError):
        pass
    raise BadKey
