"""The pool's keys: fetched over HTTPS at the first use, cached, and fetched again as rarely as possible.

All callers that need an unknown key wait for the same fetch; no caller waits for a known key. A fetch starts at least
`interval` seconds after the start of the previous one. If a fetch fails, the known keys stay valid.
"""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
import urllib.request
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import suppress
from ipaddress import ip_address
from types import MappingProxyType
from typing import Any, Final
from urllib.error import HTTPError
from urllib.parse import urlsplit

from attrs import define, field
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from authfsm.base.clock import positive
from authfsm.base.concurrency import after_fork_in_child, call_within
from authfsm.jwks.claims import BadSignature, KeysUnreachable

Fetch = Callable[[str], bytes]
"""Returns the document at a URL, or raises an error."""

SECONDS: Final = 5.0
"""How long `fetch_https` may take by default."""

MAX_BYTES: Final = 65_536
"""The largest document that is accepted. A pool publishes two keys, about one kilobyte."""

_MIN_BITS: Final = 2048
_MAX_FETCH_SECONDS: Final = 30.0
"""After this time, a fetch by an application's own `fetch` function counts as failed."""


@define(eq=False, slots=False)
class Keys:
    """The keys of a pool by `kid`.

    Args:
        url: the URL of the key set (RFC 7517).
        fetch: returns the document at a URL.
        interval, max_age, ticks: as for `Verifier`.
    """

    url: str
    _fetch: Fetch
    _interval: float = field(kw_only=True)
    _max_age: float = field(kw_only=True)
    _ticks: Callable[[], float] = field(default=time.monotonic, kw_only=True)
    _lock: threading.Lock = field(factory=threading.Lock, init=False)
    _keys: Mapping[str, RSAKey] = field(factory=dict, init=False)
    _pending: Future[None] | None = field(default=None, init=False)
    _started_at: float | None = field(default=None, init=False)
    _fetched_at: float | None = field(default=None, init=False)
    _failure: str | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        positive("interval", self._interval, or_zero=True)
        positive("max_age", self._max_age, or_zero=True)
        after_fork_in_child(self)

    @classmethod
    def pinned(cls, key_set: Mapping[str, Any]) -> Keys:
        """Return the keys of a JSON Web Key Set; they are never fetched. Raise ValueError if none is for RS256."""
        keys = cls("(pinned)", fetch_https, interval=float("inf"), max_age=float("inf"))
        keys._keys = _usable_keys(key_set)
        keys._started_at = keys._fetched_at = keys._ticks()
        return keys

    def __repr__(self) -> str:
        return f"<Keys of {self.url}: {len(self._keys)} known>"

    def pending_fetch(self, kid: str) -> Future[None] | None:
        """Start a fetch if one is due; return it if `key(kid)` needs its result, otherwise None.

        A fetch has a thread of its own, so that it continues for the other callers if one stops waiting, for
        example because its task is cancelled.
        """
        with self._lock:
            known = kid in self._keys
            if self._pending is None and self._due(known=known):
                self._started_at, pending = self._ticks(), Future[None]()
                try:
                    threading.Thread(target=self._renew, args=(pending,), name="jwks", daemon=True).start()
                    self._pending = pending
                except RuntimeError as error:  # the process can start no more threads
                    self._failure = str(error)
            return None if known else self._pending

    def key(self, kid: str) -> RSAKey:
        """Return a known key by its `kid`.

        Raises:
            BadSignature: the pool has no such key.
            KeysUnreachable: the pool may have such a key, but the last fetch failed.
        """
        key, failure = self._keys.get(kid), self._failure
        if key is not None:
            return key
        if failure is not None:
            raise KeysUnreachable(self.url, failure)
        raise BadSignature(known=False)

    def reset_after_fork(self) -> None:
        """Forget a pending fetch: its thread exists only in the parent process, so it would never finish here."""
        self._lock = threading.Lock()
        if self._pending is not None:
            self._pending = self._started_at = None

    def _due(self, *, known: bool) -> bool:
        now = self._ticks()
        if self._started_at is not None and now - self._started_at < self._interval:
            return False
        # "cache public keys in your app, using the kid as a cache key, and refresh the cache
        # periodically" -- Amazon Cognito developer guide, Verifying JSON web tokens
        return not known or self._fetched_at is None or now - self._fetched_at >= self._max_age

    def _renew(self, pending: Future[None]) -> None:
        keys: Mapping[str, RSAKey] | None = None
        failure: str | None = "the fetch was interrupted"
        try:
            document = call_within(_MAX_FETCH_SECONDS, self._fetch, self.url)
            keys, failure = _usable_keys(json.loads(document)), None
        except Exception as error:  # noqa: BLE001 - the application's own fetch may raise anything
            failure = f"{type(error).__name__}: {error}"
        finally:
            with self._lock:
                if keys is not None:
                    self._keys, self._fetched_at = keys, self._ticks()
                self._failure, self._pending = failure, None
            pending.set_result(None)


def _usable_keys(key_set: Any) -> Mapping[str, RSAKey]:
    """Return the keys of a key set that verify RS256, by `kid`; raise ValueError if there is none."""
    keys = key_set.get("keys") if isinstance(key_set, Mapping) else None
    if not isinstance(keys, list):
        raise ValueError("the document is not a JSON Web Key Set")  # noqa: TRY004 - JSON of the wrong shape is a wrong value
    usable = dict(_rsa_keys(keys))
    if not usable:
        raise ValueError("the key set has no key for RS256")
    return MappingProxyType(usable)


def _rsa_keys(keys: list[Any]) -> Iterator[tuple[str, RSAKey]]:
    # "Implementations SHOULD ignore JWKs within a JWK Set that use "kty" values that are not understood
    # by them, that are missing required members, or for which values are out of the supported ranges."
    # -- RFC 7517, 5
    for jwk in keys:
        if not isinstance(jwk, Mapping) or jwk.get("kty") != "RSA":
            continue
        if jwk.get("use", "sig") != "sig" or jwk.get("alg", "RS256") != "RS256":
            continue
        kid, n, e = (jwk.get(name) for name in ("kid", "n", "e"))
        if not (isinstance(kid, str) and isinstance(n, str) and isinstance(e, str)):
            continue
        with suppress(JoseError, ValueError):
            # "A key of size 2048 bits or larger MUST be used with these algorithms." -- RFC 7518, 3.3
            modulus = int.from_bytes(urlsafe_b64decode(n + "=" * (-len(n) % 4)), "big")
            if modulus.bit_length() >= _MIN_BITS:
                yield kid, RSAKey.import_key({"kty": "RSA", "n": n, "e": e})


def is_protected(url: str) -> bool:
    """Return whether a URL uses HTTPS or a loopback address, so that nobody in the network can change the document."""
    parts = urlsplit(url)
    if parts.scheme == "https":
        return bool(parts.hostname)
    host = parts.hostname or ""
    with suppress(ValueError):
        return parts.scheme == "http" and ip_address(host).is_loopback
    return parts.scheme == "http" and host == "localhost"


def fetch_https(url: str, *, seconds: float = SECONDS, max_bytes: int = MAX_BYTES) -> bytes:
    """Return the document at a URL. Proxies of the environment are used, as urllib does; redirects are errors.

    Args:
        url: the URL; `http` only for a loopback address.
        seconds: the time limit for name look-up, connection, headers and body together.
        max_bytes: the largest size of the document.

    Raises:
        ValueError: the URL is malformed, or uses neither https nor a loopback address; the document is too large.
        TimeoutError: the document did not arrive within `seconds`.
        OSError: the document cannot be fetched.
    """
    if not is_protected(url):
        raise ValueError(f"the JWKS URL must use https or a loopback address, not {url}")
    sockets = _Sockets(seconds)
    return call_within(seconds, _document, url, max_bytes, sockets, give_up=sockets.shut)


def _document(url: str, max_bytes: int, sockets: _Sockets) -> bytes:
    try:
        with sockets.opener().open(url, timeout=sockets.seconds) as reply:
            document: bytes = reply.read(max_bytes + 1)
    except HTTPError as error:
        error.close()
        raise OSError(f"the reply was HTTP {error.code}") from None
    except http.client.HTTPException as error:
        raise OSError(f"the reply was not HTTP ({type(error).__name__})") from None
    if len(document) > max_bytes:
        raise ValueError(f"the document has more than {max_bytes} bytes")
    return document


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Turns every redirect into an HTTPError, because another host, or plain HTTP, must not supply the keys."""

    def redirect_request(self, *_: Any) -> None:
        """Return None, which makes urllib raise HTTPError."""


class _Sockets:
    """The sockets of one fetch. Shutting them when the time is up ends the thread that reads from them.

    urllib's timeout limits each `recv` only: a peer that sends a byte now and then would never exceed it.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._is_shut = False

    def shut(self) -> None:
        """Shut all sockets, and each that is opened from now on."""
        with self._lock:
            self._is_shut = True
            for each in self._sockets:
                with suppress(OSError):
                    # Not SSLSocket's own method, which removes an object that the reading thread uses.
                    socket.socket.shutdown(each, socket.SHUT_RDWR)

    def add(self, each: socket.socket) -> None:
        with self._lock:
            self._sockets.append(each)
        if self._is_shut:
            self.shut()

    def opener(self) -> urllib.request.OpenerDirector:
        """Return an opener that adds the sockets of its connections here."""
        add = self.add

        class Plain(http.client.HTTPConnection):
            def connect(self) -> None:
                super().connect()
                add(self.sock)

        class Secure(Plain, http.client.HTTPSConnection):
            """Here `Plain.connect` calls `HTTPSConnection.connect`, as the next class in the MRO."""

        class Handler(urllib.request.HTTPSHandler, urllib.request.HTTPHandler):
            def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
                return self.do_open(Plain, req)

            def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
                return self.do_open(Secure, req)

        return urllib.request.build_opener(_NoRedirect, Handler)
