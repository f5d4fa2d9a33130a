"""The pool's keys: fetched when they are first wanted, kept, and asked for anew as seldom as will do.

Whoever wants a key that is not here waits for one fetch, all for the same; nobody waits for a key that
is here. Fetches are `interval` seconds apart at least, whatever is asked for. What a failed fetch leaves
is what was known before.
"""

from __future__ import annotations

import json
import threading
import time
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from types import MappingProxyType
from typing import Any, Final

from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from authfsm.base.concurrency import after_fork_in_child, call_within
from authfsm.jwks.refusals import BadSignature, KeysUnreachable

Fetch = Callable[[str], bytes]
"""Brings the document at a URL, or raises."""

_LEAST_BITS: Final = 2048
_LONGEST: Final = 30.0
"""Seconds after which a fetch that an application has given is taken for lost."""


class Keys:
    """A key set, by `kid`.

    Args:
        url: where the key set is (RFC 7517).
        fetch: brings it.
        interval: seconds between two fetches, at least.
        max_age: seconds after which it is fetched again though nothing is missing.
        ticks: seconds that only ever grow.
    """

    def __init__(
        self,
        url: str,
        fetch: Fetch,
        *,
        interval: float,
        max_age: float,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self.url = url
        self._fetch = fetch
        self._interval = interval
        self._max_age = max_age
        self._ticks = ticks
        self._lock = threading.Lock()
        self._keys: Mapping[str, RSAKey] = {}
        self._underway: Future[None] | None = None
        self._asked: float | None = None
        self._heard: float | None = None
        self._failure: str | None = None
        after_fork_in_child(self)

    @classmethod
    def pinned(cls, key_set: Mapping[str, Any]) -> Keys:
        """Keys in hand: nothing is ever fetched.

        Args:
            key_set: a JSON Web Key Set.

        Raises:
            ValueError: it has no key that verifies RS256.
        """
        keys = cls("(in hand)", _never, interval=float("inf"), max_age=float("inf"))
        keys._keys, keys._asked, keys._heard = _usable(key_set), keys._ticks(), keys._ticks()
        return keys

    def __repr__(self) -> str:
        return f"<Keys of {self.url}: {len(self._keys)} known>"

    def coming(self, kid: str) -> Future[None] | None:
        """What must be waited for before `key(kid)` is asked; None where there is nothing to wait for.

        Starts a fetch, where one is due. It runs in a thread of its own, so that whoever gives up
        waiting (a task that is cancelled, say) ends nobody else's.
        """
        with self._lock:
            known = kid in self._keys
            if self._underway is None and self._due(known=known):
                self._underway, self._asked = Future(), self._ticks()
                threading.Thread(
                    target=self._renew, args=(self._underway,), name="jwks", daemon=True
                ).start()
            return None if known else self._underway

    def key(self, kid: str) -> RSAKey:
        """The key of that name, if it is known now.

        Raises:
            BadSignature: the pool has none of that name.
            KeysUnreachable: it may have, but the last fetch failed.
        """
        key, failure = self._keys.get(kid), self._failure
        if key is not None:
            return key
        if failure is not None:
            raise KeysUnreachable(self.url, failure)
        raise BadSignature(known=False)

    def reset_after_fork(self) -> None:
        """Fetch for oneself: the thread that a fetch runs in is the parent's, and nobody here would hear of it."""
        self._lock = threading.Lock()
        if self._underway is not None:
            self._underway = self._asked = None

    # ---- inside --------------------------------------------------------------------------------------

    def _due(self, *, known: bool) -> bool:
        now = self._ticks()
        if self._asked is not None and now - self._asked < self._interval:
            return False
        # "cache public keys in your app, using the kid as a cache key, and refresh the cache
        # periodically" -- Amazon Cognito developer guide, Verifying JSON web tokens
        return not known or self._heard is None or now - self._heard >= self._max_age

    def _renew(self, done: Future[None]) -> None:
        keys: Mapping[str, RSAKey] | None = None
        failure: str | None = "it was broken off"
        try:
            keys, failure = _usable(json.loads(call_within(_LONGEST, self._fetch, self.url))), None
        except Exception as error:  # noqa: BLE001 - whatever an injected fetch raises: no keys came
            failure = f"{type(error).__name__}: {error}"
        finally:
            with self._lock:
                if keys is not None:
                    self._keys, self._heard = keys, self._ticks()
                self._failure, self._underway = failure, None
            done.set_result(None)


def _never(_: str) -> bytes:
    raise OSError("these keys were given, not fetched")


def _usable(key_set: Any) -> Mapping[str, RSAKey]:
    """The keys that verify RS256, by name."""
    listed = key_set.get("keys") if isinstance(key_set, Mapping) else None
    if not isinstance(listed, list):
        raise ValueError("it is no JSON Web Key Set")  # noqa: TRY004 - JSON of the wrong shape is a wrong value
    keys = dict(_each(listed))
    if not keys:
        raise ValueError("it has no key for RS256")
    return MappingProxyType(keys)


def _each(listed: list[Any]) -> Iterator[tuple[str, RSAKey]]:
    # "Implementations SHOULD ignore JWKs within a JWK Set that use "kty" values that are not understood
    # by them, that are missing required members, or for which values are out of the supported ranges."
    # -- RFC 7517, 5
    for jwk in listed:
        if not isinstance(jwk, Mapping) or jwk.get("kty") != "RSA":
            continue
        if jwk.get("use", "sig") != "sig" or jwk.get("alg", "RS256") != "RS256":
            continue
        kid, n, e = (jwk.get(name) for name in ("kid", "n", "e"))
        if not (isinstance(kid, str) and isinstance(n, str) and isinstance(e, str)):
            continue
        try:
            # "A key of size 2048 bits or larger MUST be used with these algorithms." -- RFC 7518, 3.3
            modulus = int.from_bytes(urlsafe_b64decode(n + "=" * (-len(n) % 4)), "big")
            if modulus.bit_length() < _LEAST_BITS:
                continue
            # Of a key that is published, the public half alone: what else it says is not needed.
            yield kid, RSAKey.import_key({"kty": "RSA", "n": n, "e": e})
        except (JoseError, ValueError):
            continue
