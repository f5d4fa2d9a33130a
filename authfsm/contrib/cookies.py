"""The cookies of a browser that signs in: sealed, and split if they are too long.

A browser accepts 4,096 bytes for each cookie (RFC 6265, 6.1), so a longer value is split into several. All are
HttpOnly and SameSite=Lax; over HTTPS they are Secure, and their names begin with `__Host-`, so that no subdomain can
set one (RFC 6265bis, 4.1.3.2).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from itertools import count, takewhile
from typing import Any, Final

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from authfsm import Secret

LONGEST: Final = 3_800
"""The longest value of one cookie, in characters; its name and attributes need the rest of the 4,096 bytes."""

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
"""The HTTP methods that change nothing (RFC 9110, 9.2.1)."""

_Key = str | bytes | Secret[str]
Keys = _Key | Iterable[_Key]
"""One key from `authfsm.new_key`, or several: the first one seals, and each is tried to unseal."""


def wrapped_keys(key: Keys) -> tuple[Secret[str], ...]:
    """Return the keys, each a `Secret`."""
    keys: Any = (key,) if isinstance(key, (str, bytes, Secret)) or key is None else key
    return tuple(each if isinstance(each, Secret) else Secret(each) for each in keys)


class Cookies:
    """The cookies of one request, and the changes to them; `secure` says whether the site runs over HTTPS."""

    def __init__(self, received: Mapping[str, str], key: Keys, *, secure: bool) -> None:
        key = wrapped_keys(key)
        self._received = received
        self._fernet = MultiFernet([Fernet(each.reveal()) for each in key])
        self._secure = secure
        self._changes: dict[str, tuple[str, int]] = {}

    def put(self, name: str, text: str, lifetime: float) -> None:
        """Store a string of any length, which the caller has sealed, for `lifetime` seconds."""
        self._changes[name] = (text, int(lifetime))

    def text(self, name: str) -> str:
        """Return the stored string; an empty one if nothing is stored."""
        if name in self._changes:
            return self._changes[name][0]
        parts = (self._received.get(self._part(name, number), "") for number in count())
        return "".join(takewhile(bool, parts))

    def seal(self, name: str, values: Mapping[str, Any], lifetime: float) -> None:
        """Seal and store a JSON object, together with the cookie's name, so that no cookie can be copied to another."""
        plain = json.dumps([name, values]).encode()
        self.put(name, self._fernet.encrypt(plain).decode(), lifetime)

    def unseal(self, name: str) -> dict[str, Any]:
        """Return the object that `seal` stored; an empty one if nothing is stored, or it was tampered with."""
        try:
            content = json.loads(self._fernet.decrypt(self.text(name)))
        except (InvalidToken, ValueError):
            return {}
        # The cookie may have another text that the same key sealed, such as a sign-in, whose JSON is an object.
        return dict(content[1]) if isinstance(content, list) and content[0] == name else {}

    def drop(self, *names: str) -> None:
        """Delete these cookies."""
        self._changes |= dict.fromkeys(names, ("", 0))

    def write(self, response: Any) -> None:
        """Set the changed cookies on a response of Starlette's, Django's or Flask's."""
        for name, (text, lifetime) in self._changes.items():
            parts = [text[at : at + LONGEST] for at in range(0, len(text), LONGEST)]
            received = sum(each.startswith(self._part(name, "")) for each in self._received)
            for number in range(max(len(parts) + 1, received)):
                response.set_cookie(
                    self._part(name, number),
                    parts[number] if number < len(parts) else "",  # deletes a part of the longer value before
                    max_age=lifetime if number < len(parts) else 0,
                    path="/",
                    httponly=True,
                    samesite="lax",
                    secure=self._secure,
                )

    def _part(self, name: str, number: int | str) -> str:
        return f"{'__Host-' if self._secure else ''}{name}-{number}"


def device_cookie(username: str) -> str:
    """Return the name of the cookie for a user's remembered device; for Cognito, this browser is that device."""
    return f"device-{sha256(username.encode(errors='surrogatepass')).hexdigest()[:16]}"


def is_own_form(method: str, origin: str | None, own: str) -> bool:
    """Return whether a request's method changes nothing, or the request comes from a page of the site's `own` origin.

    Browsers send Origin with every POST (Fetch, 3.1), and no page can change it.
    """
    return method in SAFE_METHODS or origin == own
