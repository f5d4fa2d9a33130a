"""Issues, refreshes, verifies and revokes tokens, which the pool's own key signs with RS256.

Access and id tokens are JWTs that anybody can verify with `TokenIssuer.jwks`. A refresh token is an opaque string
that only its pool can use. All tokens of one sign-in, refreshed ones included, are a token family and are revoked
together.
"""

from __future__ import annotations

import hashlib
import json
import os
import string
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from authfsm.base.clock import Clock, SteadyClock
from authfsm.base.concurrency import ForkSafeLock
from authfsm.local.config import error_templates
from authfsm.local.config.pool_configuration import AppClient, PoolConfiguration
from authfsm.local.state import token_claims
from authfsm.local.state.codes import base64url, random_text
from authfsm.local.state.records import Records, TrackedDicts
from authfsm.local.state.token_claims import ClaimOverrides, TokenFamily, TokenSession
from authfsm.local.state.users import User

if TYPE_CHECKING:
    from joserfc.jwk import RSAKey

_KEY_SIZE: Final = 2048  # bits; RFC 7518, 3.3: "A key of size 2048 bits or larger MUST be used"
_TO_JSON: Final = json.JSONEncoder(separators=(",", ":")).encode


@cache
def _signing_threads(_process: int) -> ThreadPoolExecutor:
    """Return the threads of this process that sign id tokens; after a fork, the new process needs its own."""
    return ThreadPoolExecutor(4, thread_name_prefix="signing")


class SigningKey:
    """A private RSA key that signs with RS256: a new one, or that of `jwk`. Another kind of `jwk` raises ValueError."""

    def __init__(self, jwk: RSAKey | None = None) -> None:
        key = getattr(jwk, "private_key", None)
        if jwk is None:
            key = rsa.generate_private_key(65537, _KEY_SIZE)
        elif not isinstance(key, rsa.RSAPrivateKey) or key.key_size < _KEY_SIZE:
            raise ValueError("the key cannot sign with RS256: pass a private joserfc.jwk.RSAKey of 2048 bits or more")
        else:
            jwk.ensure_kid()
        self.private_key: Final[rsa.RSAPrivateKey] = key
        modulus = b"%d" % key.public_key().public_numbers().n
        self.kid: Final = (jwk and jwk.kid) or base64url(hashlib.sha256(modulus).digest())
        # The header of Cognito's tokens has these two members and no `typ`.
        self._header = base64url(_TO_JSON({"kid": self.kid, "alg": "RS256"}).encode())

    @cached_property
    def jwk(self) -> RSAKey:
        """The key as a JSON Web Key (RFC 7517)."""
        from joserfc.jwk import RSAKey  # noqa: PLC0415 - takes 50 ms to load, and signing does not need it

        return RSAKey.import_key(self.private_key, {"kid": self.kid})

    def sign(self, claims: Mapping[str, Any]) -> str:
        """Return a JSON Web Token with these claims (RFC 7515, 7.1)."""
        signed = f"{self._header}.{base64url(_TO_JSON(claims).encode())}"
        return f"{signed}.{base64url(self.private_key.sign(signed.encode(), padding.PKCS1v15(), SHA256()))}"


class TokenIssuer(TrackedDicts):
    """Issues, refreshes, verifies and revokes a pool's tokens; without a key, it generates an RSA-2048 key."""

    _dicts = ("_families", "_by_refresh_token")

    def __init__(
        self, configuration: PoolConfiguration, clock: Clock, entropy: Callable[[int], bytes], key: RSAKey | None = None
    ) -> None:
        self.configuration = configuration
        self._clock = clock
        self.elapsed = SteadyClock(clock)
        """The clock for lifetimes and lock-outs; unlike the pool's clock it never goes back."""
        self._entropy = entropy
        self.records = Records()
        """The pool's groups and other records; `Core` sets this attribute."""
        self._key = None if key is None else SigningKey(key)
        self._key_lock = ForkSafeLock()
        self._families: dict[str, TokenFamily] = {}
        self._by_refresh_token: dict[str, TokenFamily] = {}
        # By username: the user's families that have a token session (UserSessionTracking).
        self._families_with_session: dict[str, list[TokenFamily]] = {}

    def __contains__(self, family: TokenFamily) -> bool:
        return family.origin_jti in self._families

    def clear_all(self) -> None:
        """Remove all token families without marking them as changed, before they are restored from the state file."""
        super().clear_all()
        self._families_with_session.clear()

    def restore(self, family: TokenFamily) -> None:
        """Put a token family in. The oldest family must be put in first."""
        self._families[family.origin_jti] = family
        for token in family.refresh_tokens:
            self._by_refresh_token[token] = family
        if family.session is not None:
            self._families_with_session.setdefault(family.user.username, []).append(family)

    @property
    def key(self) -> SigningKey:
        """The signing key, generated at its first use."""
        # If two threads need the key at once, one generates it and the other waits.
        with self._key_lock:
            if self._key is None:
                self._key = SigningKey()
            return self._key

    @property
    def has_key(self) -> bool:
        """Whether the signing key exists already."""
        return self._key is not None

    def jwks(self) -> dict[str, Any]:
        """Return the public key as a JSON Web Key Set (RFC 7517), as at `/.well-known/jwks.json`."""
        return {"keys": [{**self.key.jwk.as_dict(private=False), "alg": "RS256", "use": "sig"}]}

    def uuid(self) -> str:
        """Return a random UUID of version 4 from the pool's entropy."""
        return str(UUID(bytes=self._entropy(16), version=4))

    def issue(
        self,
        user: User,
        client: AppClient,
        auth_time: datetime,
        device_key: str | None,
        *,
        amr: tuple[str, ...] = (),
        overrides: ClaimOverrides = token_claims.NO_OVERRIDES,
        max_sessions: int | None = None,
    ) -> dict[str, Any]:
        """Return the AuthenticationResult of a sign-in; `max_sessions` is None if the pool does not track sessions."""
        now = self.elapsed()
        self._remove_old(now)
        expires = now + timedelta(seconds=client.refresh_token_validity)
        family = TokenFamily(user, client, self.uuid(), auth_time, device_key, user.sign_outs, expires)
        level = token_claims.acr_level(amr)
        family.amr, family.acr = amr, self.configuration.acr_values[level - 1] if level else None
        if max_sessions is not None:
            # "the next successful authentication automatically evicts that user's least recently used
            # token session before it creates the new session" -- AWS API reference, MaxPerUser
            sessions = sorted(self.sessions_of(user), key=lambda each: each[0].last_active)
            for _, least_used in sessions[: max(len(sessions) - max_sessions + 1, 0)]:
                self.end_session(least_used)
            session_id = f"tkn{random_text(self._entropy, 25, string.ascii_lowercase + string.digits)}"
            family.session = TokenSession(session_id, now, now)
        self.restore(family)
        return {**self._access_and_id(family, overrides), "RefreshToken": self._new_refresh_token(family)}

    def _new_refresh_token(self, family: TokenFamily) -> str:
        token = urlsafe_b64encode(self._entropy(96)).decode()
        family.refresh_tokens.append(token)
        self._by_refresh_token[token] = family
        return token

    def _access_and_id(self, family: TokenFamily, overrides: ClaimOverrides) -> dict[str, Any]:
        iat = int(self._clock().timestamp())
        access, identity = token_claims.compose_claims(self.configuration, family, iat, self.uuid)
        if family.user.groups:
            identity.update(token_claims.role_claims(self.records.groups_of(family.user)))
        access, identity = overrides.apply_to_access(access), overrides.apply_to_id(identity)
        if family.session is not None:
            family.session.last_active = self.elapsed()
        # The two signatures are most of the work of a sign-in, so two threads make them at the same time.
        id_token = _signing_threads(os.getpid()).submit(self.key.sign, identity)
        return {
            "AccessToken": self.key.sign(access),
            "IdToken": id_token.result(),
            "ExpiresIn": family.client.access_token_validity,
            "TokenType": "Bearer",
        }

    def family_of_refresh_token(self, refresh_token: str, client: AppClient) -> TokenFamily:
        """Return the family of a refresh token; refuse one that this app client may not use."""
        family = self._by_refresh_token.get(refresh_token)
        if family is None or family.client.client_id != client.client_id:
            raise error_templates.INVALID_REFRESH_TOKEN.refusal()
        if not family.is_active:
            raise error_templates.REFRESH_REVOKED.refusal()
        if self.elapsed() >= family.expires:
            raise error_templates.REFRESH_EXPIRED.refusal()
        _check_user(family.user)
        return family

    def refresh(
        self,
        refresh_token: str,
        client: AppClient,
        device_key: str | None,
        overrides_for: Callable[[TokenFamily], ClaimOverrides],
    ) -> dict[str, Any]:
        """Return the AuthenticationResult of a refresh; with token rotation, it has a new refresh token.

        If the sign-in had a device, a request without its DEVICE_KEY is refused with "Invalid Refresh Token."
        (aws-sdk-java-v2 #3418, aws-sdk-cpp #851). `overrides_for` returns the changes of PreTokenGeneration; it
        is called only for a valid token.
        """
        family = self.family_of_refresh_token(refresh_token, client)
        if family.device_key is not None and device_key != family.device_key:
            raise error_templates.INVALID_REFRESH_TOKEN.refusal()
        rotation = client.refresh_token_rotation
        if rotation is None:
            return self._access_and_id(family, overrides_for(family))
        replaced, now = family.replaced_at.get(refresh_token), self.elapsed()
        # Measured: within the grace period a replaced token can be used again, but of the tokens issued for it only
        # the newest works. After the period it is refused as reused, but "the newest token still works".
        grace = timedelta(seconds=rotation.retry_grace_period_seconds)
        if family.refresh_tokens[-1] != refresh_token and (replaced is None or now - replaced >= grace):
            raise error_templates.REFRESH_REUSED.refusal()
        result = self._access_and_id(family, overrides_for(family))
        if family.refresh_tokens[-1] == refresh_token:
            family.replaced_at[refresh_token] = now
        return {**result, "RefreshToken": self._new_refresh_token(family)}

    def revoke(self, token: str, client: AppClient) -> None:
        """Revoke a refresh token and all tokens of its sign-in (RevokeToken)."""
        family = self._by_refresh_token.get(token)
        if family is None:
            if token.count(".") == 2:  # noqa: PLR2004 - a JWT has three parts
                raise error_templates.NOT_A_REFRESH_TOKEN.refusal()
            # Cognito's reply for an unknown token is not known. "invalid tokens do not cause an error response"
            # -- RFC 7009, 2.2
            return
        if family.client.client_id != client.client_id:
            raise error_templates.TOKEN_OF_ANOTHER_CLIENT.refusal()
        family.revoked = True

    def sessions_of(self, user: User) -> list[tuple[TokenSession, TokenFamily]]:
        """Return the active sessions of a user with their families, the oldest first."""
        now = self.elapsed()
        active = [
            each
            for each in self._families_with_session.get(user.username, ())
            if each.user is user and each.is_active and now < each.expires
        ]
        self._families_with_session[user.username] = active
        return [(each.session, each) for each in active if each.session is not None]

    def end_session(self, family: TokenFamily) -> None:
        """End the session of a family by revoking all its tokens."""
        # The lookup marks the family as changed, so that it is saved.
        self._families[family.origin_jti].revoked = True

    def family_of_access_token(self, access_token: str) -> TokenFamily:
        """Return the family of an access token; refuse a token of another pool, an expired or a revoked one."""
        from joserfc import jwt  # noqa: PLC0415 - takes 50 ms to load, and a sign-in does not need it
        from joserfc.errors import JoseError  # noqa: PLC0415 - the same

        try:
            token = jwt.decode(access_token, self.key.jwk, algorithms=["RS256"])
        except (JoseError, ValueError, TypeError, RecursionError):  # a malformed token may raise any of these
            raise error_templates.INVALID_ACCESS_TOKEN.refusal() from None
        claims = token.claims
        exp, family_id = claims.get("exp"), claims.get("origin_jti") or claims.get("event_id")
        if (
            # `crit` must be absent: the pool supports no extension, and RFC 7515, 4.1.11, forbids an empty list.
            "crit" in token.header
            or claims.get("token_use") != "access"
            or claims.get("iss") != self.configuration.issuer
            or not (isinstance(exp, int | float) and isinstance(family_id, str))
        ):
            raise error_templates.INVALID_ACCESS_TOKEN.refusal()
        if self._clock().timestamp() >= exp:
            raise error_templates.ACCESS_EXPIRED.refusal()
        family = self._families.get(family_id)
        if family is None or not family.is_active:
            raise error_templates.ACCESS_REVOKED.refusal()
        _check_user(family.user)
        return family

    def _remove_old(self, now: datetime) -> None:
        # The dictionary has the oldest families first. Expired ones are kept for a day, because their tokens
        # have an error message of their own.
        while self._families:
            origin_jti, family = next(iter(self._families.items()))
            if now - family.expires < timedelta(days=1):
                return
            del self._families[origin_jti]
            for token in family.refresh_tokens:
                del self._by_refresh_token[token]
            others = self._families_with_session.get(family.user.username, [])
            if family in others:
                others.remove(family)


def _check_user(user: User) -> None:
    if user.deleted:
        raise error_templates.NO_SUCH_USER.refusal()
    if not user.enabled:
        raise error_templates.DISABLED.refusal()
