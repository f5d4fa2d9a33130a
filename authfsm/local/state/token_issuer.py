"""Tokens: RS256 under a key of the pool's own, with Cognito's claims; what came of one sign-in is a family.

An access or id token is a JWT that anybody can verify by `TokenIssuer.jwks`; a refresh token is opaque and known
to the pool alone. All tokens of one sign-in, refreshed or not, share an `origin_jti`, and are revoked
together.
"""

from __future__ import annotations

import os
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from authfsm.base.concurrency import ForkSafeLock
from authfsm.local.config import error_templates
from authfsm.local.config.clock import SteadyClock
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.config.pool_configuration import AppClient, PoolConfiguration
from authfsm.local.state.change_tracking import ChangeTrackingDict, RecordListener
from authfsm.local.state.token_claims import (
    NO_OVERRIDES,
    ClaimOverrides,
    TokenFamily,
    acr_claim,
    compose_claims,
)
from authfsm.local.state.users import User

__all__ = ["TokenFamily", "TokenIssuer"]

_KEY_BITS: Final = 2048
_GRACE: Final = timedelta(days=1)


@cache
def _helper(_process: int) -> ThreadPoolExecutor:
    """Threads for the other half of a work; a process that was forked has none of its parent's."""
    return ThreadPoolExecutor(4, thread_name_prefix="signing")


class TokenIssuer:
    """Issues tokens, reads them back, and forgets them.

    Args:
        configuration: the pool's.
        clock: the pool's.
        entropy: the pool's.
        key: the signing key; a new RSA-2048 key, made when it is first wanted, if left out.
    """

    def __init__(
        self,
        configuration: PoolConfiguration,
        clock: Callable[[], datetime],
        entropy: Callable[[int], bytes],
        key: RSAKey | None = None,
    ) -> None:
        self._configuration = configuration
        self._clock = clock
        self.elapsed = SteadyClock(clock)
        """Measures lengths of time, for the whole pool."""
        self._entropy = entropy
        self._key = key
        self._making = ForkSafeLock()
        self._families: dict[str, TokenFamily] = {}
        self._refresh: dict[str, TokenFamily] = {}

    def __iter__(self) -> Iterator[TokenFamily]:
        return iter(self._families.values())

    def __contains__(self, family: TokenFamily) -> bool:
        return family.origin_jti in self._families

    def watch(self, seen: RecordListener) -> None:
        """Tell of each family that is found, begun or forgotten, from now on."""
        self._families, self._refresh = (
            ChangeTrackingDict(seen, self._families),
            ChangeTrackingDict(seen, self._refresh),
        )

    def clear_all(self) -> None:
        """Forget all, and tell nobody."""
        dict.clear(self._families)  # `Watched` would tell of each record
        dict.clear(self._refresh)

    def restore(self, family: TokenFamily) -> None:
        """Take in what came of an earlier sign-in; the oldest first."""
        self._families[family.origin_jti] = family
        for token in family.refresh_tokens:
            self._refresh[token] = family

    @property
    def key(self) -> RSAKey:
        """The signing key, with its `kid`."""
        # Two tokens are signed at once: both must wait for the one key, and none make another.
        with self._making:
            if self._key is None:
                self._key = RSAKey.generate_key(_KEY_BITS, private=True)
            self._key.ensure_kid()
            return self._key

    def jwks(self) -> dict[str, Any]:
        """The public key as a JSON Web Key Set (RFC 7517), as at `/.well-known/jwks.json`."""
        public = self.key.as_dict(private=False)
        return {"keys": [{**public, "alg": "RS256", "use": "sig"}]}

    def uuid(self) -> str:
        """A random UUID."""
        # RFC 9562, 5.4: the version in the high bits of octet 6, the variant in those of octet 8.
        drawn = bytearray(self._entropy(16))
        drawn[6], drawn[8] = drawn[6] & 0x0F | 0x40, drawn[8] & 0x3F | 0x80
        text = drawn.hex()
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    # ---- issuing ------------------------------------------------------------------------------

    def issue(
        self,
        user: User,
        client: AppClient,
        auth_time: datetime,
        device_key: str | None,
        *,
        amr: tuple[str, ...] = (),
        overrides: ClaimOverrides = NO_OVERRIDES,
    ) -> dict[str, Any]:
        """The tokens of a sign-in that has succeeded: AuthenticationResult."""
        now = self.elapsed()
        self._forget(now)
        expires = now + timedelta(seconds=client.refresh_token_validity)
        family = TokenFamily(
            user, client, self.uuid(), auth_time, device_key, user.sign_outs, expires
        )
        family.amr, family.acr = amr, acr_claim(amr, self._configuration.acr_values)
        self._families[family.origin_jti] = family
        return {
            **self._access_and_id(family, overrides),
            "RefreshToken": self._new_refresh(family),
        }

    def _new_refresh(self, family: TokenFamily) -> str:
        token = urlsafe_b64encode(self._entropy(96)).decode()
        family.refresh_tokens.append(token)
        self._refresh[token] = family
        return token

    def _access_and_id(self, family: TokenFamily, overrides: ClaimOverrides) -> dict[str, Any]:
        iat = int(self._clock().timestamp())
        access, identity = compose_claims(self._configuration, family, iat, self.uuid)
        access, identity = overrides.on_access(access), overrides.on_id(identity)
        # A signature is most of the work of a sign-in, and other threads run on while it is made.
        other = _helper(os.getpid()).submit(self._signed, identity)
        return {
            "AccessToken": self._signed(access),
            "IdToken": other.result(),
            "ExpiresIn": family.client.access_token_validity,
            "TokenType": "Bearer",
        }

    def _signed(self, claims: dict[str, Any]) -> str:
        key = self.key
        # Cognito's own header has these two and no `typ`.
        return jwt.encode({"kid": key.kid, "alg": "RS256"}, claims, key, default_type=None)

    # ---- refreshing -----------------------------------------------------------------------------

    def family_of(self, refresh_token: str, client: AppClient) -> TokenFamily:
        """The family of a refresh token that is good for this app client.

        Raises:
            PoolRefusal: NotAuthorizedException, with the reason.
        """
        family = self._refresh.get(refresh_token)
        if family is None or family.client.client_id != client.client_id:
            raise PoolRefusal(error_templates.INVALID_REFRESH_TOKEN)
        if not family.alive:
            raise PoolRefusal(error_templates.REFRESH_REVOKED)
        if self.elapsed() >= family.expires:
            raise PoolRefusal(error_templates.REFRESH_EXPIRED)
        _check_there(family.user)
        return family

    def refresh(
        self,
        refresh_token: str,
        client: AppClient,
        device_key: str | None,
        shaping: Callable[[TokenFamily], ClaimOverrides],
    ) -> dict[str, Any]:
        """New tokens for a refresh token: AuthenticationResult.

        A session that has a device is refreshed with its DEVICE_KEY only, else "Invalid Refresh Token."
        (aws-sdk-java-v2 #3418, aws-sdk-cpp #851). With rotation the reply has a new refresh token.

        Args:
            refresh_token: the refresh token.
            client: the app client that shows it.
            device_key: DEVICE_KEY.
            shaping: what PreTokenGeneration has to say, asked once the token is found good.

        Raises:
            PoolRefusal: NotAuthorizedException, with the reason; RefreshTokenReuseException.
        """
        family = self.family_of(refresh_token, client)
        if family.device_key is not None and device_key != family.device_key:
            raise PoolRefusal(error_templates.INVALID_REFRESH_TOKEN)
        rotation = client.refresh_token_rotation
        if rotation is None:
            return self._access_and_id(family, shaping(family))
        replaced, now = family.replaced.get(refresh_token), self.elapsed()
        if family.refresh_tokens[-1] != refresh_token:
            # Measured: a replay within the grace period forks, and only the newest child can be
            # refreshed on; a later one is reuse, but "the newest token still works".
            grace = timedelta(seconds=rotation.retry_grace_period_seconds)
            if replaced is None or now - replaced >= grace:
                raise PoolRefusal(error_templates.REFRESH_REUSED)
        result = self._access_and_id(family, shaping(family))
        if family.refresh_tokens[-1] == refresh_token:
            family.replaced[refresh_token] = now
        return {**result, "RefreshToken": self._new_refresh(family)}

    def revoke(self, token: str, client: AppClient) -> None:
        """Revoke a refresh token and all that came of its sign-in (RevokeToken).

        Raises:
            PoolRefusal: UnsupportedTokenTypeException for an access or id token;
                UnauthorizedException for another client's.
        """
        family = self._refresh.get(token)
        if family is None:
            if token.count(".") == 2:  # noqa: PLR2004 - a JWT has three parts
                raise PoolRefusal(error_templates.NOT_A_REFRESH_TOKEN)
            # What Cognito says to a token it does not know is not known. "invalid tokens do not cause
            # an error response" -- RFC 7009, 2.2
            return
        if family.client.client_id != client.client_id:
            raise PoolRefusal(error_templates.TOKEN_OF_ANOTHER_CLIENT)
        family.revoked = True

    # ---- reading --------------------------------------------------------------------------------

    def bearer(self, access_token: str) -> TokenFamily:
        """The sign-in that an access token came of, the token being verified.

        Raises:
            PoolRefusal: NotAuthorizedException: it is not ours, has expired, or is revoked.
        """
        try:
            token = jwt.decode(access_token, self.key, algorithms=["RS256"])
        except (JoseError, ValueError, TypeError, RecursionError):  # whatever the header is made of
            raise PoolRefusal(error_templates.INVALID_ACCESS_TOKEN) from None
        # No extension is understood here, and an empty list is none: "Producers MUST NOT use the empty
        # list" -- RFC 7515, 4.1.11
        if "crit" in token.header:
            raise PoolRefusal(error_templates.INVALID_ACCESS_TOKEN)
        claims = token.claims
        if claims.get("token_use") != "access" or claims.get("iss") != self._configuration.issuer:
            raise PoolRefusal(error_templates.INVALID_ACCESS_TOKEN)
        if self._clock().timestamp() >= claims["exp"]:
            raise PoolRefusal(error_templates.ACCESS_EXPIRED)
        family = self._families.get(claims.get("origin_jti") or claims["event_id"])
        if family is None or not family.alive:
            raise PoolRefusal(error_templates.ACCESS_REVOKED)
        _check_there(family.user)
        return family

    def _forget(self, now: datetime) -> None:
        # In the order of issue; a day more than they live, so that an expired one is still told so.
        while self._families:
            origin_jti, family = next(iter(self._families.items()))
            if now - family.expires < _GRACE:
                return
            del self._families[origin_jti]
            for token in family.refresh_tokens:
                del self._refresh[token]


def _check_there(user: User) -> None:
    if user.deleted:
        raise PoolRefusal(error_templates.NO_SUCH_USER)
    if not user.enabled:
        raise PoolRefusal(error_templates.DISABLED)
