"""Cookies that only this site can read or change: sealed, HttpOnly, SameSite=Lax, and Secure over HTTPS.

A browser takes 4,096 bytes a cookie (RFC 6265, 6.1), so that a longer text goes into several.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import count, takewhile
from typing import Any, Final

from cryptography.fernet import Fernet, InvalidToken
from starlette.requests import Request
from starlette.responses import Response

from authfsm import Secret

LONGEST: Final = 3_800
"""Of a cookie's text; its name and attributes need some of the 4,096 bytes too."""


class Jar:
    """The site's cookies.

    Args:
        key: of `authfsm.core.encryption.new_key`.
        secure: does the site run over HTTPS?
    """

    def __init__(self, key: Secret[str], *, secure: bool) -> None:
        self._lock = Fernet(key.reveal())
        self._secure = secure

    def put(self, response: Response, name: str, text: str, life: float) -> None:
        """Keep a text that is sealed already, for so many seconds; it may be of any length."""
        parts = [text[at : at + LONGEST] for at in range(0, len(text), LONGEST)]
        for number, part in enumerate(parts):
            self._set(response, name, number, part, int(life))
        self._set(response, name, len(parts), "", 0)  # what follows is an earlier, longer text's

    def text(self, request: Request, name: str) -> str:
        """The text that was kept; empty if there is none."""
        parts = (request.cookies.get(self._called(name, number), "") for number in count())
        return "".join(takewhile(bool, parts))

    def seal(self, response: Response, name: str, facts: Mapping[str, Any], life: float) -> None:
        """Keep facts, sealed under their cookie's name: one cannot be passed off as another."""
        plain = json.dumps([name, facts]).encode()
        self.put(response, name, self._lock.encrypt(plain).decode(), life)

    def facts(self, request: Request, name: str) -> dict[str, Any]:
        """The facts that were kept; none, if they were not, or were changed on the way."""
        try:
            kept = json.loads(self._lock.decrypt(self.text(request, name)))
        except (InvalidToken, ValueError):
            return {}
        # The same key seals the sign-in itself, and other cookies: anybody can copy one over another.
        return dict(kept[1]) if isinstance(kept, list) and kept[0] == name else {}

    def drop(self, response: Response, *names: str) -> None:
        """Keep these no longer."""
        for name in names:
            self._set(response, name, 0, "", 0)

    def _set(self, response: Response, name: str, number: int, text: str, life: int) -> None:
        called = self._called(name, number)
        response.set_cookie(
            called, text, max_age=life, httponly=True, samesite="lax", secure=self._secure
        )

    def _called(self, name: str, number: int) -> str:
        # "__Host-": set over HTTPS by this very host, so that no subdomain can plant one (RFC 6265bis).
        return f"{'__Host-' if self._secure else ''}{name}-{number}"
