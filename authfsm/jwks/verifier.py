"""Verifies tokens: a key of the pool must have signed the token with RS256, and its claims must be valid.

The signature is verified first. Until then only the token's header is read: `kid`, `alg` and `crit`.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Final, Literal, Protocol
from urllib.parse import urlsplit

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jws import CompactSignature, JWSRegistry

from authfsm.base.clock import Clock, checked_clock, positive, utc_now
from authfsm.base.secret import Secret, secret
from authfsm.jwks import claims as c
from authfsm.jwks.keys import Fetch, Keys, fetch_https, is_protected
from authfsm.protocol import api_requests
from authfsm.protocol.validators import to_tuple
from authfsm.srp import pool_name

Use = Literal["access", "id"]

LEEWAY: Final = 10.0
"""Seconds by which clocks may differ. Without leeway, a machine whose clock is half a second slow may refuse a token
that was just issued (pycognito #225). Ten seconds are enough even for a bad clock, and lengthen the shortest lifetime
of a token (5 minutes) only by a thirtieth."""

MAX_LEEWAY: Final = 24 * 3600.0  # a greater value is probably in milliseconds
INTERVAL: Final = 10.0
"""The least number of seconds between the starts of two fetches; aws-jwt-verify also waits ten after a missing key."""

MAX_AGE: Final = 24 * 3600.0
"""Seconds after which the keys are fetched again, so that a key that the pool no longer publishes is forgotten."""

# "Unrecognized Header Parameters ... MUST be ignored" (RFC 7515, 4), unless `crit` names them.
_RS256: Final = JWSRegistry(algorithms=["RS256"], strict_check_header=False)

_AWS_HOSTS: Final = (".amazonaws.com", ".amazonaws.com.cn", ".amazonaws.eu", ".api.aws")


class PoolDriver(Protocol):
    """The attributes of `Cognito` and `AsyncCognito` that `Verifier.of` reads."""

    client: Any
    client_id: str
    pool_id: str | None
    clock: Clock


class Verifier:
    """Verifies the access and ID tokens of one user pool. Threads and event loops may share a verifier.

    Nothing is fetched before the first token. An unknown key causes a new fetch at most every `interval`
    seconds; if the keys cannot be fetched, the known keys still verify tokens.

    Args:
        pool_id: the user pool's id (`eu-west-1_AbCdEfGhI`).
        client_id: the app client whose tokens are accepted, or several.
        issuer: the required `iss`; by default either of Cognito's two URLs of the pool (IssuerConfiguration).
        jwks: the pool's JSON Web Key Set, in place of a fetch: for a local pool (`pool.jwks()`) or without a network.
        fetch: returns the document at a URL; by default over HTTPS with the standard library.
        leeway: seconds that this machine's clock may differ from Cognito's; at most a day.
        interval: the least number of seconds between the starts of two fetches of the keys.
        max_age: seconds after which the keys are fetched again even if no key is missing.
        clock: returns the current time, with a time zone; by default in UTC.
        ticks: returns seconds that never go backwards, for `interval` and `max_age`.

    Raises:
        ValueError: `pool_id` is not the id of a user pool; there is no client_id; `jwks`, `clock` or a number is not valid;
            `fetch` is not passed, and the issuer's URL does not use https or a loopback address.
    """

    def __init__(
        self, pool_id: str, client_id: str | Iterable[str], *, issuer: str | None = None,
        jwks: Mapping[str, Any] | None = None, fetch: Fetch | None = None, leeway: float = LEEWAY,
        interval: float = INTERVAL, max_age: float = MAX_AGE, clock: Clock = utc_now,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        pool_name(pool_id)
        self.pool_id = pool_id
        self.client_ids = frozenset(to_tuple(client_id) if isinstance(client_id, Iterable) else ())
        if not self.client_ids or not all(isinstance(each, str) and each for each in self.client_ids):
            raise ValueError("client_id is required: the app client whose tokens are accepted, as text")
        self.issuer = issuer or api_requests.issuer(pool_id)
        # IssuerConfiguration, ORIGINAL and UPDATED: "https://issuer-cognito-idp.[region].amazonaws.com/[userPoolId]"
        # -- AWS API reference, IssuerConfigurationType
        updated = () if issuer else (self.issuer.replace("//", "//issuer-", 1),)
        self._issuers = frozenset({self.issuer, *updated})
        if positive("leeway", leeway, or_zero=True) > MAX_LEEWAY:
            raise ValueError(f"leeway must be at most {MAX_LEEWAY:g} seconds, not {leeway!r}")
        self.leeway, self._clock = timedelta(seconds=leeway), checked_clock(clock)
        if jwks is not None:
            self.keys = Keys.pinned(jwks)
            return
        # The path that the developer guide documents.
        url = f"{self.issuer}/.well-known/jwks.json"
        if fetch is None and not is_protected(url):
            raise ValueError(f"the JWKS URL must use https or a loopback address, not {self.issuer}")
        self.keys = Keys(url, fetch or fetch_https, interval=interval, max_age=max_age, ticks=ticks)

    @classmethod
    def of(cls, cognito: PoolDriver, *, issuer: str | None = None, jwks: Mapping[str, Any] | None = None) -> Verifier:
        """Return a verifier that has the pool, the app client and the clock of a `Cognito` or `AsyncCognito`.

        If `issuer` is omitted, and the client's endpoint is not at AWS (`authfsm serve`), the issuer is the pool's URL
        at this endpoint. The arguments and errors are those of `Verifier`; for a `LocalPool`, pass `jwks=pool.jwks()`.
        """
        if not hasattr(cognito, "pool_id"):
            raise TypeError(f"cognito must be a Cognito or an AsyncCognito, not {type(cognito).__name__}")
        if cognito.pool_id is None:
            raise ValueError("pool_id is required: pass it to Cognito")
        url = str(cognito.client.meta.endpoint_url).rstrip("/")
        if issuer is None and not (urlsplit(url).hostname or "").endswith(_AWS_HOSTS):
            issuer = f"{url}/{cognito.pool_id}"
        return cls(cognito.pool_id, cognito.client_id, issuer=issuer, jwks=jwks, clock=cognito.clock)

    def __repr__(self) -> str:
        clients = ", ".join(sorted(map(str, getattr(self, "client_ids", ()))))
        return f"<Verifier of {getattr(self, 'issuer', None)} for {clients}>"

    def verify(self, token: str | Secret[str], use: Use = "access") -> c.Claims:
        """Return the claims of a token, if it is valid.

        Args:
            token: the JWT, without `Bearer`.
            use: the required `token_use`. A back end accepts access tokens; an ID token is for the app that
                requested it.

        Raises:
            TokenRefused: the token is not accepted; the subclass says why.
            KeysUnreachable: the token names an unknown key, and the keys could not be fetched.
            ValueError: `use` is neither `access` nor `id`.
        """
        token = secret(token)
        jwt, kid = _parse(token, use)
        if (pending := self.keys.pending_fetch(kid)) is not None:
            pending.result()
        return self._verify(jwt, kid, use)

    async def verify_async(self, token: str | Secret[str], use: Use = "access") -> c.Claims:
        """As `verify`, for asyncio: keys are fetched in a thread; everything else needs a fraction of 1 ms."""
        token = secret(token)
        jwt, kid = _parse(token, use)
        if (pending := self.keys.pending_fetch(kid)) is not None:
            # If this task is cancelled, the fetch continues for other callers.
            await asyncio.shield(asyncio.wrap_future(pending))
        return self._verify(jwt, kid, use)

    def _verify(self, jwt: CompactSignature, kid: str, use: Use) -> c.Claims:
        key, valid = self.keys.key(kid), False
        # No extension that `crit` may name is supported here, and RFC 7515 (4.1.11) forbids an empty list in `crit`.
        if "crit" not in jwt.protected:
            with suppress(JoseError, ValueError, TypeError):
                valid = jws.validate_compact(jwt, key, registry=_RS256)
        if not valid:
            raise c.BadSignature(known=True)
        return self._check(c.parse_claims(_payload(jwt)), use)

    def _check(self, claims: c.Claims, use: Use) -> c.Claims:
        # "Verify that: the token has not expired; the aud claim in an ID token and the client_id claim in
        # an access token match the app client ID; the iss claim matches your user pool; the token_use
        # claim." -- Amazon Cognito developer guide, Verifying JSON web tokens
        if claims.issuer not in self._issuers:
            raise c.WrongIssuer(self.issuer)
        if claims.token_use != use:
            raise c.WrongUse(use, claims.token_use)
        if claims.client_id not in self.client_ids:
            raise c.NotForThisClient(claims.client_id)
        now = self._clock()
        # "on or after which the JWT MUST NOT be accepted ... Implementers MAY provide for some small
        # leeway, usually no more than a few minutes, to account for clock skew." -- RFC 7519, 4.1.4
        if now - self.leeway >= claims.expires:
            raise c.Expired(claims.expires)
        begins = max(claims.issued_at, c.moment(claims.raw, "nbf") or claims.issued_at)
        if now + self.leeway < begins:
            raise c.NotYetValid(begins)
        return claims


def _parse(token: Secret[str], use: Use) -> tuple[CompactSignature, str]:
    """Check `use`, and return the parts of a token and the name of its key (`kid`)."""
    if use not in {"access", "id"}:
        raise ValueError(f"use must be 'access' or 'id', not {use!r}")
    jwt = _parts(token)
    header = None if jwt is None else jwt.protected
    if jwt is None or not isinstance(header, Mapping):
        raise c.MalformedToken("a JWT is three parts of base64url, and the first is a header in JSON")
    # The header is not trusted before the signature is verified, so it does not choose the algorithm (RFC 8725, 3.1).
    if header.get("alg") != "RS256":
        raise c.MalformedToken("it is not signed by RS256")
    kid = header.get("kid")
    if not isinstance(kid, str):
        raise c.MalformedToken("it does not name its key")
    return jwt, kid


def _parts(token: Secret[str]) -> CompactSignature | None:
    plain = token.reveal() if isinstance(token, Secret) else token  # it may be None
    if isinstance(plain, str):
        with suppress(JoseError, ValueError):
            return jws.extract_compact(plain.encode(), registry=_RS256)
    return None


def _payload(jwt: CompactSignature) -> Mapping[str, Any]:
    claims = None
    with suppress(ValueError, RecursionError):
        claims = json.loads(jwt.payload or b"")
    if not isinstance(claims, dict):
        raise c.MalformedToken("its claims are not a JSON object")
    return MappingProxyType(claims)
