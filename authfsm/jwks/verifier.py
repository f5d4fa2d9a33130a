"""A token is good if a key of the pool signed it, by RS256, and its claims say: here, and now.

The signature is judged first: until it is right, nothing that the token says is believed, save the name
of the key to judge it by.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from types import MappingProxyType
from typing import Any, Final, Literal

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jws import CompactSignature, JWSRegistry

from authfsm.base.secret import Secret, secret
from authfsm.jwks.claims import Claims, moment, parsed
from authfsm.jwks.fetching import fetch_https, is_private
from authfsm.jwks.keys import Fetch, Keys
from authfsm.jwks.refusals import (
    BadSignature,
    Expired,
    MalformedToken,
    NotForThisClient,
    NotYetValid,
    WrongIssuer,
    WrongUse,
)
from authfsm.protocol.validators import to_tuple
from authfsm.srp import pool_name

Use = Literal["access", "id"]

LEEWAY: Final = 10.0
"""Seconds. A clock that NTP keeps is right to within one, and a token's `iat` is of the present second:
with no leeway a machine that is slow by half a second refuses what was just issued (pycognito #225). Ten
forgive a clock that is kept badly, and lengthen the shortest life of a token (5 minutes) by a thirtieth."""

INTERVAL: Final = 10.0
"""Seconds between two fetches, as AWS's own aws-jwt-verify waits after a key that was not found."""

MAX_AGE: Final = 24 * 3600.0
"""Seconds after which the keys are fetched anew: no access or id token outlives a day."""

# "Unrecognized Header Parameters ... MUST be ignored" (RFC 7515, 4), unless `crit` names them.
_RS256: Final = JWSRegistry(algorithms=["RS256"], strict_check_header=False)


class Verifier:
    """Verifies the access and id tokens of one user pool. Threads and event loops may share one.

    Nothing is fetched until the first token is here. An unknown key is looked for once more, at most
    every `interval` seconds; if the keys cannot be had, those that are known still verify.

    Args:
        pool_id: the user pool's id (`eu-west-1_AbCdEfGhI`).
        client_id: the app client whose tokens are accepted, or several.
        issuer: `iss` of its tokens; Cognito's own address of the pool, if left out.
        jwks: the pool's JSON Web Key Set, where it is in hand: nothing is fetched then. For a pool in
            this process (`pool.jwks()`), or a machine without a network.
        fetch: brings the document at a URL; by HTTPS with the standard library, if left out.
        leeway: seconds that this machine's clock may differ from Cognito's.
        interval: seconds between two fetches of the keys, at least.
        max_age: seconds after which the keys are fetched again though none is missing.
        clock: gives the present time, with a time zone; UTC now.
        ticks: seconds that only ever grow, for `interval` and `max_age`.

    Raises:
        ValueError: `pool_id` is no user pool's id; no client is accepted; the issuer's keys would come
            in the open (give a `fetch` of your own to have it so).
    """

    def __init__(
        self,
        pool_id: str,
        client_id: str | Iterable[str],
        *,
        issuer: str | None = None,
        jwks: Mapping[str, Any] | None = None,
        fetch: Fetch | None = None,
        leeway: float = LEEWAY,
        interval: float = INTERVAL,
        max_age: float = MAX_AGE,
        clock: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        pool_name(pool_id)
        self.pool_id = pool_id
        self.client_ids = frozenset(to_tuple(client_id))
        if not self.client_ids or not all(self.client_ids):
            raise ValueError("a verifier accepts the tokens of one app client at least")
        self.issuer = issuer or _issuer(pool_id)
        self.leeway = timedelta(seconds=leeway)
        self._clock = clock
        if jwks is not None:
            self.keys = Keys.pinned(jwks)
            return
        # Where the developer guide has them, below the issuer.
        url = f"{self.issuer}/.well-known/jwks.json"
        if fetch is None and not is_private(url):
            raise ValueError(f"keys come by https, or from this machine: not from {self.issuer}")
        self.keys = Keys(url, fetch or fetch_https, interval=interval, max_age=max_age, ticks=ticks)

    def __repr__(self) -> str:
        return f"<Verifier of {self.issuer} for {', '.join(sorted(self.client_ids))}>"

    def verify(self, token: str | Secret[str], use: Use = "access") -> Claims:
        """What the token says, if it is good.

        Args:
            token: the JWT, without `Bearer`.
            use: which of the two it must be. A back end takes access tokens; an id token is for the
                app that asked for it.

        Raises:
            TokenRefused: it is not good here; the concrete class says why.
            KeysUnreachable: the key that it names is not known, and the keys could not be had.
            ValueError: there is no such use.
        """
        token = secret(token)  # a traceback's frames must not show it
        _check_use(use)
        heard, kid = _heard(token)
        if (coming := self.keys.coming(kid)) is not None:
            coming.result()
        return self._judged(heard, kid, use)

    async def verify_async(self, token: str | Secret[str], use: Use = "access") -> Claims:
        """The same for an event loop: keys are fetched beside it, and all else takes a fraction of 1 ms.

        Args:
            token: as for `verify`.
            use: as for `verify`.

        Raises:
            As `verify`.
        """
        token = secret(token)
        _check_use(use)
        heard, kid = _heard(token)
        if (coming := self.keys.coming(kid)) is not None:
            # A task that is cancelled here leaves the fetch to the others that wait for it.
            await asyncio.shield(asyncio.wrap_future(coming))
        return self._judged(heard, kid, use)

    def _judged(self, heard: CompactSignature, kid: str, use: Use) -> Claims:
        key, right = self.keys.key(kid), False
        # No critical extension is understood here, and an empty list of them is forbidden (RFC 7515, 4.1.11).
        if "crit" not in heard.protected:
            with suppress(JoseError, ValueError, TypeError):
                right = jws.validate_compact(heard, key, registry=_RS256)
        if not right:
            raise BadSignature(known=True)
        return self._fitting(parsed(_payload(heard)), use)

    def _fitting(self, claims: Claims, use: Use) -> Claims:
        # "Verify that: the token has not expired; the aud claim in an ID token and the client_id claim in
        # an access token match the app client ID; the iss claim matches your user pool; the token_use
        # claim." -- Amazon Cognito developer guide, Verifying JSON web tokens
        if claims.issuer != self.issuer:
            raise WrongIssuer(self.issuer)
        if claims.token_use != use:
            raise WrongUse(use, claims.token_use)
        if claims.client_id not in self.client_ids:
            raise NotForThisClient(claims.client_id)
        now = self._clock()
        # "on or after which the JWT MUST NOT be accepted ... Implementers MAY provide for some small
        # leeway, usually no more than a few minutes, to account for clock skew." -- RFC 7519, 4.1.4
        if now - self.leeway >= claims.expires:
            raise Expired(claims.expires)
        begins = max(claims.issued_at, moment(claims.raw, "nbf") or claims.issued_at)
        if now + self.leeway < begins:
            raise NotYetValid(begins)
        return claims


def _issuer(pool_id: str) -> str:
    region = pool_id.partition("_")[0]
    # China's regions are a partition of AWS of their own, with a suffix of their own.
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"https://cognito-idp.{region}.{suffix}/{pool_id}"


def _check_use(use: str) -> None:
    if use not in {"access", "id"}:
        raise ValueError(f"a token is for access or id, not {use!r}")


def _heard(token: Secret[str]) -> tuple[CompactSignature, str]:
    """The token in its parts, and the name of the key that is said to have signed it."""
    heard = _parts(token)
    header = None if heard is None else heard.protected
    if heard is None or not isinstance(header, Mapping):
        raise MalformedToken("a JWT is three parts of base64url, and the first a header in JSON")
    # The header is anybody's until the signature is checked: it does not choose how (RFC 8725, 3.1).
    if header.get("alg") != "RS256":
        raise MalformedToken("it is not signed by RS256")
    kid = header.get("kid")
    if not isinstance(kid, str):
        raise MalformedToken("it does not name its key")
    return heard, kid


def _parts(token: Secret[str]) -> CompactSignature | None:
    plain = token.reveal() if isinstance(token, Secret) else token  # what is no token may be None
    if not isinstance(plain, str):
        return None
    try:
        return jws.extract_compact(plain.encode(), registry=_RS256)
    except (JoseError, ValueError):
        return None


def _payload(heard: CompactSignature) -> Mapping[str, Any]:
    claims = None
    with suppress(ValueError, RecursionError):
        claims = json.loads(heard.payload or b"")
    if not isinstance(claims, dict):
        raise MalformedToken("its claims are no JSON object")
    return MappingProxyType(claims)
