"""Tokens are verified with the pool's keys: valid tokens are read, and all others are refused."""

from __future__ import annotations

import asyncio
import hmac
import json
import pickle
import threading
import time
import traceback
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from unittest.mock import Mock

import pytest
from attrs import define, field
from botocore.exceptions import ClientError
from hypothesis import example, given
from hypothesis import strategies as st
from joserfc import jws, jwt
from joserfc.jwk import RSAKey
from local_servers import CLIENT_ID, POOL_ID, serve_in_thread

from authfsm.jwks import (
    BadSignature,
    Claims,
    Expired,
    KeysUnreachable,
    MalformedToken,
    NotForThisClient,
    NotYetValid,
    TokenRefused,
    Verifier,
    WrongIssuer,
    WrongUse,
    fetch_https,
)
from authfsm.local import LocalPool, ManualClock
from authfsm.protocol.errors import AuthfsmError, CallerError, ServiceError, TimeError
from authfsm.protocol.replies import Tokens

PASSWORD = "Correct-Horse-1"
NOON = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
POOL, CLIENT = "eu-west-1_AbCdEfGhI", "1example23456789"
ISSUER = f"https://cognito-idp.eu-west-1.amazonaws.com/{POOL}"
KEYS_AT = f"{ISSUER}/.well-known/jwks.json"


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands at noon."""
    return ManualClock(NOON)


@pytest.fixture
def pool(signing_key: RSAKey, clock: ManualClock) -> LocalPool:
    """A pool with the user ada."""
    pool = LocalPool(key=signing_key, clock=clock, pool_id=POOL, client_id=CLIENT)
    pool.add_user("ada", password=PASSWORD, email="ada@example.com")
    return pool


@pytest.fixture
def tokens(pool: LocalPool) -> Tokens:
    """The tokens of ada's sign-in."""
    user_tokens = pool.cognito().sign_in("ada", PASSWORD).tokens
    assert user_tokens is not None
    return user_tokens


@pytest.fixture
def verifier(pool: LocalPool, clock: ManualClock) -> Verifier:
    """A verifier with the pool's keys."""
    return Verifier(POOL, CLIENT, jwks=pool.jwks(), clock=clock)


def claims_of(token: str) -> dict[str, Any]:
    """Return the claims of a token, without verifying it."""
    payload = token.split(".")[1]
    claims: dict[str, Any] = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


def make_token(key: RSAKey, claims: Mapping[str, Any], **header: Any) -> str:
    """Return a token as Cognito makes it, signed by this key."""
    key.ensure_kid()
    return jwt.encode(
        {"kid": key.kid, "alg": "RS256", **header},
        dict(claims),
        key,
        registry=jws.JWSRegistry(algorithms=["RS256"], strict_check_header=False),
        default_type=None,
    )


def part_of(octets: bytes) -> bytes:
    """Return a part of a JWT."""
    return urlsafe_b64encode(octets).rstrip(b"=")


def key_set(*keys: RSAKey) -> bytes:
    """Return a key set as a pool publishes it."""
    public_keys = []
    for key in keys:
        key.ensure_kid()
        public_keys.append({**key.as_dict(private=False), "alg": "RS256", "use": "sig"})
    return json.dumps({"keys": public_keys}).encode()


ACCESS = {
    "sub": "11111111-2222-4333-8444-555555555555",
    "iss": ISSUER,
    "client_id": CLIENT,
    "token_use": "access",
    "scope": "openid orders/read",
    "iat": int(NOON.timestamp()),
    "exp": int(NOON.timestamp()) + 300,
    "username": "ada",
}


@define
class FakeFetch:
    """A `fetch` function that returns a fixed document, and records the URLs.

    Args:
        document: the key set; an exception is raised.
        slow: how many seconds a call takes.
        urls: the URLs of the calls.
    """

    document: bytes | Exception
    slow: float = 0
    urls: list[str] = field(factory=list)

    def __call__(self, url: str) -> bytes:
        """Return the document, or raise the error."""
        self.urls.append(url)
        time.sleep(self.slow)  # a slow endpoint
        if isinstance(self.document, Exception):
            raise self.document
        return self.document


@define
class Ticks:
    """A monotonic clock that a test advances."""

    now: float = 1000.0

    def __call__(self) -> float:
        """Return the present time."""
        return self.now


def until(condition: Callable[[], bool]) -> None:
    """Wait until another thread has made a condition true."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture(scope="module")
def other_key() -> RSAKey:
    """A key that is not the pool's, or not yet."""
    return RSAKey.generate_key(2048, private=True)


class TestValidTokens:
    def test_an_access_token(self, pool: LocalPool, tokens: Tokens, verifier: Verifier) -> None:
        """Each claim of an access token that a back end needs is an attribute."""
        raw = claims_of(tokens.access_token.reveal())

        assert verifier.verify(tokens.access_token) == Claims(
            subject=pool.user("ada").sub,
            username="ada",
            client_id=CLIENT,
            token_use="access",
            issuer=ISSUER,
            issued_at=NOON,
            expires=NOON + timedelta(hours=1),
            auth_time=NOON,
            groups=(),
            scopes=("aws.cognito.signin.user.admin",),
            amr=("pwd",),
            acr="urn:cognito:loa:1",
            jti=raw["jti"],
            origin_jti=raw["origin_jti"],
            event_id=raw["event_id"],
            device_key=None,
            raw=raw,
        )

    def test_an_id_token(self, pool: LocalPool, verifier: Verifier) -> None:
        """`cognito:username` and `aud` are the same attributes as `username` and `client_id`."""
        pool.user("ada").groups = ("editors", "admins")
        tokens = pool.cognito().sign_in("ada", PASSWORD).tokens
        assert tokens is not None
        assert tokens.id_token is not None

        claims = verifier.verify(tokens.id_token.reveal(), "id")

        assert (claims.username, claims.client_id, claims.token_use) == ("ada", CLIENT, "id")
        assert (claims.groups, claims.scopes) == (("editors", "admins"), ())
        assert claims.raw["email"] == "ada@example.com"
        assert "ada@example.com" not in repr(claims)
        assert {claims} == {verifier.verify(tokens.id_token, "id")}
        with pytest.raises(TypeError):
            claims.raw["email"] = "eve@example.com"  # type: ignore[index]  # that is the claim

    def test_a_machines_token(self, verifier: Verifier, signing_key: RSAKey) -> None:
        """A client-credentials token has no user, and the client as its subject."""
        claims = {**ACCESS, "sub": CLIENT, "scope": "orders/read"}
        del claims["username"]

        verified = verifier.verify(make_token(signing_key, claims))

        assert (verified.subject, verified.username, verified.scopes) == (CLIENT, None, ("orders/read",))

    def test_a_token_bound_to_a_resource(self, verifier: Verifier, signing_key: RSAKey) -> None:
        """An access token's `aud` is the resource it is bound to, and not its client."""
        token = make_token(signing_key, {**ACCESS, "aud": "https://orders.example.com"})

        assert verifier.verify(token).client_id == CLIENT

    def test_several_clients(self, pool: LocalPool, clock: ManualClock, tokens: Tokens) -> None:
        """One verifier serves the web app's tokens and the mobile app's."""
        verifier = Verifier(POOL, ["mobile", CLIENT], jwks=pool.jwks(), clock=clock)

        assert verifier.verify(tokens.access_token).client_id == CLIENT

    def test_unknown_header_parameters_are_ignored(self, verifier: Verifier, signing_key: RSAKey) -> None:
        """Unknown header parameters are ignored (RFC 7515, 4)."""
        assert verifier.verify(make_token(signing_key, ACCESS, typ="JWT", later="x")).username == "ada"

    def test_a_revoked_token_verifies_until_it_expires(
        self, pool: LocalPool, tokens: Tokens, verifier: Verifier
    ) -> None:
        """A revoked token verifies until it expires, because only the service knows of the sign-out."""
        client, token = pool.client(), tokens.access_token.reveal()
        client.global_sign_out(AccessToken=token)

        with pytest.raises(ClientError, match="revoked"):
            client.get_user(AccessToken=token)
        assert verifier.verify(token).username == "ada"


class TestForgedTokens:
    def test_no_bit_can_be_changed(self, verifier: Verifier, tokens: Tokens) -> None:
        """Flip any single bit of the token, and it is refused."""
        token = tokens.access_token.reveal()
        for place in range(len(token)):
            for bit in range(8):
                changed = f"{token[:place]}{chr(ord(token[place]) ^ 1 << bit)}{token[place + 1 :]}"
                with pytest.raises(TokenRefused):
                    verifier.verify(changed)

        assert verifier.verify(token).username == "ada"

    def test_nothing_can_be_added_or_left_out(self, verifier: Verifier, tokens: Tokens) -> None:
        """More text, less text, and parts in another order are refused."""
        token = tokens.access_token.reveal()
        header, payload, signature = token.split(".")
        changed = [
            *(token[:-count] for count in range(1, len(signature) + 2)),
            *(f"{token}{more}" for more in ("=", ".", "A", "\n", " ", "==", ".e30")),
            *(f"{more}{token}" for more in ("Bearer ", " ", "\n", ".")),
            f"{header}.{payload}.",
            f"{header}..{signature}",
            f"{payload}.{header}.{signature}",
            "",
            ".",
            "..",
        ]
        for each in changed:
            with pytest.raises(TokenRefused):
                verifier.verify(each)

    @given(text=st.text() | st.text(alphabet="eyJ0.-_A", max_size=200))
    def test_any_text(self, text: str) -> None:
        """For any text, the result is a typed refusal."""
        with pytest.raises(MalformedToken):
            Verifier(POOL, CLIENT, fetch=FakeFetch(OSError())).verify(text)

    @example(header=["alg"])
    @example(header="alg")
    @example(header=1)
    @given(
        header=st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=8),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(["alg", "kid", "crit", "b64", "typ"]), inner, max_size=5)
            ),
        )
    )
    def test_any_header(self, header: Any) -> None:
        """For any JSON as header, the result is a typed refusal."""
        part = part_of(json.dumps(header).encode()).decode()
        verifier = Verifier(POOL, CLIENT, fetch=FakeFetch(b"{}"))
        with pytest.raises((TokenRefused, KeysUnreachable)):
            verifier.verify(f"{part}.e30.AAAA")

    @pytest.mark.parametrize("kid", [None, 7, [], {}])
    def test_a_key_without_a_name(self, verifier: Verifier, kid: Any) -> None:
        """A `kid` that is not text is refused."""
        header = part_of(json.dumps({"alg": "RS256", "kid": kid}).encode()).decode()
        with pytest.raises(MalformedToken, match="name its key"):
            verifier.verify(f"{header}.e30.AAAA")

    @pytest.mark.parametrize("token", [None, b"e30.e30.AAAA", 7, ["e30.e30.AAAA"]])
    def test_a_token_that_is_not_text(self, verifier: Verifier, token: Any) -> None:
        """A token that is missing or not text is refused like an invented one."""
        with pytest.raises(MalformedToken):
            verifier.verify(token)

    @pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
    @pytest.mark.parametrize("as_text", ["pem", "modulus"])
    def test_a_token_signed_with_the_public_key_as_secret(
        self, verifier: Verifier, signing_key: RSAKey, algorithm: str, as_text: str
    ) -> None:
        """A token signed by HMAC, with the public key as its secret, is refused (RFC 8725, 2.1)."""
        public = (
            signing_key.as_pem(private=False)
            if as_text == "pem"
            else str(signing_key.as_dict(private=False)["n"]).encode()
        )
        signing_key.ensure_kid()
        header = json.dumps({"alg": algorithm, "kid": signing_key.kid}).encode()
        signing_input = part_of(header) + b"." + part_of(json.dumps(ACCESS).encode())
        # By hand: the library refuses to forge with a PEM.
        forged = hmac.digest(public, signing_input, algorithm.replace("HS", "sha"))
        token = (signing_input + b"." + part_of(forged)).decode()

        with pytest.raises(MalformedToken, match="RS256"):
            verifier.verify(token)

    @pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE", "", "RS256 ", "rs256"])
    def test_unsigned(self, verifier: Verifier, signing_key: RSAKey, name: str) -> None:
        """No spelling of `none` counts as an algorithm."""
        signing_key.ensure_kid()
        header = json.dumps({"alg": name, "kid": signing_key.kid}).encode()
        token = b".".join([part_of(header), part_of(json.dumps(ACCESS).encode()), b""]).decode()

        with pytest.raises(MalformedToken, match="RS256"):
            verifier.verify(token)

    @pytest.mark.parametrize("algorithm", ["RS384", "RS512", "PS256"])
    def test_another_algorithm_of_the_right_key(self, verifier: Verifier, signing_key: RSAKey, algorithm: str) -> None:
        """Signatures of the right key by another algorithm than RS256 are refused."""
        token = jwt.encode({"kid": signing_key.kid, "alg": algorithm}, dict(ACCESS), signing_key, [algorithm])

        with pytest.raises(MalformedToken, match="RS256"):
            verifier.verify(token)

    def test_a_foreign_key(self, verifier: Verifier, signing_key: RSAKey, other_key: RSAKey) -> None:
        """Another key is refused: under its own name, under the pool's, and inside the token."""
        signing_key.ensure_kid()
        other_key.ensure_kid()
        brought = other_key.as_dict(private=False)
        for kid, known, more in (
            (other_key.kid, False, {}),
            (signing_key.kid, True, {}),
            (signing_key.kid, True, {"jku": "https://evil.example.com/jwks.json"}),
        ):
            with pytest.raises(BadSignature) as caught:
                verifier.verify(make_token(other_key, ACCESS, kid=kid, **more))
            assert caught.value.known is known
        header = {"alg": "RS256", "kid": signing_key.kid, "jwk": brought}
        registry = jws.JWSRegistry(algorithms=["RS256"], strict_check_header=False)
        registry.max_header_length = 4096
        with pytest.raises(TokenRefused):
            verifier.verify(jwt.encode(header, dict(ACCESS), other_key, registry=registry))

    @pytest.mark.parametrize("crit", [["exp"], ["b64"], [], [7], {}, "", None, "exp"], ids=repr)
    def test_an_unsupported_critical_header(self, verifier: Verifier, signing_key: RSAKey, crit: Any) -> None:
        """`crit` requires an unsupported extension: refused, though the right key signed it (RFC 7515, 4.1.11)."""
        registry = jws.JWSRegistry(algorithms=["RS256"], strict_check_header=False)
        registry.check_header = lambda header: None  # type: ignore[method-assign]  # it is forging
        signing_key.ensure_kid()
        header = {"alg": "RS256", "kid": signing_key.kid, "crit": crit, "exp": 0}
        token = jwt.encode(header, dict(ACCESS), signing_key, registry=registry)

        with pytest.raises(BadSignature):
            verifier.verify(token)


class TestTokensOfOthers:
    def test_another_issuer(self, verifier: Verifier, signing_key: RSAKey) -> None:
        """Another pool's token is refused, even if it had the same key."""
        with pytest.raises(WrongIssuer) as caught:
            verifier.verify(make_token(signing_key, {**ACCESS, "iss": f"{ISSUER}X"}))

        assert caught.value.expected == ISSUER

    def test_another_client(self, pool: LocalPool, clock: ManualClock, tokens: Tokens) -> None:
        """A token of another app client is refused, and the error names the client."""
        verifier = Verifier(POOL, "other", jwks=pool.jwks(), clock=clock)
        assert tokens.id_token is not None
        for token, use in ((tokens.access_token, "access"), (tokens.id_token, "id")):
            with pytest.raises(NotForThisClient) as caught:
                verifier.verify(token, use)  # type: ignore[arg-type]  # it is one of the two

            assert caught.value.client_id == CLIENT

    def test_the_other_use(self, verifier: Verifier, tokens: Tokens) -> None:
        """An ID token is refused for an API, an access token where an ID token is required."""
        assert tokens.id_token is not None
        for token, use, found in ((tokens.id_token, "access", "id"), (tokens.access_token, "id", "access")):
            with pytest.raises(WrongUse) as caught:
                verifier.verify(token, use)  # type: ignore[arg-type]  # the same

            assert (caught.value.expected, caught.value.found) == (use, found)
        with pytest.raises(ValueError, match="not 'refresh'"):
            verifier.verify(tokens.access_token, "refresh")  # type: ignore[arg-type]  # that is the claim

    @pytest.mark.parametrize("leeway", [0.0, 10.0, 60.0])
    def test_it_expires_on_the_second(
        self, pool: LocalPool, clock: ManualClock, signing_key: RSAKey, leeway: float
    ) -> None:
        """A token is valid before `exp` plus the leeway, and no longer at this second."""
        verifier = Verifier(POOL, CLIENT, jwks=pool.jwks(), clock=clock, leeway=leeway)
        token = make_token(signing_key, ACCESS)
        clock.advance(300 + leeway - 0.000_001)
        assert verifier.verify(token).expires == NOON + timedelta(seconds=300)

        clock.advance(0.000_001)
        with pytest.raises(Expired) as caught:
            verifier.verify(token)
        assert caught.value.at == NOON + timedelta(seconds=300)
        assert isinstance(caught.value, TimeError)

    @pytest.mark.parametrize("claim", ["iat", "nbf"])
    def test_a_slow_clock_is_tolerated(
        self, verifier: Verifier, clock: ManualClock, signing_key: RSAKey, claim: str
    ) -> None:
        """A token issued ten seconds in the future is valid, a later one is not (pycognito #225)."""
        noon = int(NOON.timestamp())
        for ahead, good in ((10, True), (11, False), (3600, False)):
            token = make_token(signing_key, {**ACCESS, claim: noon + ahead, "exp": noon + 7200})
            if good:
                assert verifier.verify(token).username == "ada"
                continue
            with pytest.raises(NotYetValid) as caught:
                verifier.verify(token)
            assert caught.value.since == NOON + timedelta(seconds=ahead)
        clock.advance(3590)
        assert verifier.verify(token).username == "ada"

    @pytest.mark.parametrize(
        ("claims", "why"),
        [
            *(({name: None}, f"{name} is missing") for name in ("sub", "iss", "client_id", "exp", "iat")),
            ({"token_use": None}, "token_use is missing"),
            ({"token_use": 1}, "token_use is int, not text"),
            ({"exp": "soon"}, "exp is not a number of seconds"),
            ({"exp": True}, "exp is not a number of seconds"),
            *(({"exp": float(each)}, "exp is outside the years 1 to 9999") for each in ("inf", "nan")),
            ({"exp": 10**400}, "exp is outside the years 1 to 9999"),
            ({"exp": 1e300}, "exp is outside the years 1 to 9999"),
            ({"nbf": []}, "nbf is not a number of seconds"),
            ({"username": ["ada"]}, "username is list, not text"),
            ({"cognito:groups": "admins"}, "cognito:groups is not a list of strings"),
            ({"cognito:groups": [1]}, "cognito:groups is not a list of strings"),
            ({"scope": ["openid"]}, "scope is list, not text"),
        ],
    )
    def test_malformed_claims(self, verifier: Verifier, signing_key: RSAKey, claims: dict[str, Any], why: str) -> None:
        """A malformed claim is refused although the signature is valid."""
        merged = {k: v for k, v in {**ACCESS, **claims}.items() if v is not None}
        with pytest.raises(MalformedToken) as caught:
            verifier.verify(make_token(signing_key, merged))

        assert caught.value.why == why

    def test_a_claim_that_is_null_is_absent(self, verifier: Verifier, signing_key: RSAKey) -> None:
        """An optional claim whose value is null counts as absent, whatever its type is."""
        absent = ("cognito:groups", "amr", "scope", "acr", "auth_time", "nbf", "device_key")
        claims = verifier.verify(make_token(signing_key, {**ACCESS, **dict.fromkeys(absent)}))

        assert (claims.groups, claims.amr, claims.scopes) == ((), (), ())
        assert (claims.acr, claims.auth_time, claims.device_key) == (None, None, None)

    def test_claims_that_are_no_object(self, verifier: Verifier, signing_key: RSAKey) -> None:
        """A payload that is signed and is not a JSON object is refused."""
        signing_key.ensure_kid()
        for payload in (b"", b"[]", b"null", b"\xff", b"[" * 5000):
            token = jws.serialize_compact({"alg": "RS256", "kid": signing_key.kid}, payload, signing_key)
            with pytest.raises(MalformedToken, match="are not a JSON object"):
                verifier.verify(token)


class TestErrors:
    def test_no_error_shows_the_token(self, pool: LocalPool, clock: ManualClock, tokens: Tokens) -> None:
        """Neither message, traceback, frames nor pickle has any part of the token."""
        token = tokens.access_token.reveal()
        header, payload, signature = token.split(".")
        here_now: dict[str, Any] = {"jwks": pool.jwks(), "clock": clock}
        late = ManualClock(NOON + timedelta(days=1))
        cases: list[tuple[Verifier, str, Any]] = [
            (Verifier(POOL, CLIENT, **here_now), token[:-4], "access"),
            (Verifier(POOL, CLIENT, **here_now), f"{header}.{payload}.{signature}.", "access"),
            (Verifier(POOL, CLIENT, **here_now), token, "id"),
            (Verifier(POOL, "other", **here_now), token, "access"),
            (Verifier(POOL, CLIENT, issuer="https://x", **here_now), token, "access"),
            (Verifier(POOL, CLIENT, jwks=pool.jwks(), clock=late), token, "access"),
            (Verifier(POOL, CLIENT, fetch=FakeFetch(OSError("down"))), token, "access"),
            (Verifier(POOL, CLIENT, fetch=FakeFetch(OSError("down"))), token, "neither"),
        ]
        classes = set()
        for verifier, given_, use in cases:
            with pytest.raises((AuthfsmError, ValueError)) as caught:
                verifier.verify(given_, use)
            error = caught.value
            classes.add(type(error))
            frames = [
                repr(frame.f_locals)
                for frame, _ in traceback.walk_tb(error.__traceback__)
                if "authfsm" in frame.f_code.co_filename and "test_" not in frame.f_code.co_filename
            ]
            texts = [repr(error), str(error), *traceback.format_exception(error), *frames]
            assert [text for text in texts for part in (payload, signature) if part[:40] in text] == []
            assert error.__context__ is None
            if isinstance(error, AuthfsmError):
                again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
                assert (type(again), str(again)) == (type(error), str(error))

        assert classes == {
            BadSignature,
            MalformedToken,
            WrongUse,
            NotForThisClient,
            WrongIssuer,
            Expired,
            KeysUnreachable,
            ValueError,
        }

    def test_faults_of_refusals(self) -> None:
        """A refusal is the fault of caller or clock; unreachable keys are the service's."""
        assert issubclass(BadSignature, CallerError)
        assert issubclass(NotYetValid, TimeError)
        assert issubclass(KeysUnreachable, ServiceError)
        assert not issubclass(KeysUnreachable, TokenRefused)


def verifier_with(fetch: FakeFetch, ticks: Ticks, clock: ManualClock, **more: Any) -> Verifier:
    """Return a verifier with this `fetch` function."""
    return Verifier(POOL, CLIENT, fetch=fetch, ticks=ticks, clock=clock, **more)


class TestKeys:
    def test_keys_are_fetched_once_and_lazily(self, signing_key: RSAKey, clock: ManualClock) -> None:
        """Making a verifier fetches nothing; its first token does, and the next thousand do not."""
        fetch = FakeFetch(key_set(signing_key))
        verifier = verifier_with(fetch, Ticks(), clock)
        assert fetch.urls == []

        for _ in range(100):
            verifier.verify(make_token(signing_key, ACCESS))

        assert fetch.urls == [KEYS_AT]

    def test_rotation(self, signing_key: RSAKey, other_key: RSAKey, clock: ManualClock) -> None:
        """A new key is found by one more fetch, which also removes an old key."""
        fetch, ticks = FakeFetch(key_set(signing_key)), Ticks()
        verifier = verifier_with(fetch, ticks, clock)
        old, new = make_token(signing_key, ACCESS), make_token(other_key, ACCESS)
        verifier.verify(old)

        fetch.document = key_set(signing_key, other_key)
        ticks.now += 10
        assert verifier.verify(new).username == "ada"
        assert verifier.verify(old).username == "ada"
        assert len(fetch.urls) == 2

        fetch.document = key_set(other_key)
        ticks.now += 24 * 3600
        verifier.verify(new)  # a known key: verified at once, and a fetch that is due begins
        until(lambda: len(fetch.urls) == 3 and verifier.keys._pending is None)
        with pytest.raises(BadSignature) as caught:
            verifier.verify(old)
        assert caught.value.known is False
        assert len(fetch.urls) == 3

    def test_many_forged_key_names(self, signing_key: RSAKey, other_key: RSAKey, clock: ManualClock) -> None:
        """A thousand unknown keys in a minute make seven requests, and good tokens verify meanwhile."""
        fetch, ticks = FakeFetch(key_set(signing_key)), Ticks()
        verifier = verifier_with(fetch, ticks, clock)
        forged, good = make_token(other_key, ACCESS), make_token(signing_key, ACCESS)
        parts = forged.split(".")
        for number in range(1001):
            header = part_of(f'{{"alg":"RS256","kid":"{number}"}}'.encode())
            with pytest.raises(BadSignature):
                verifier.verify(".".join([header.decode(), *parts[1:]]))
            if number % 100 == 0:
                assert verifier.verify(good).username == "ada"
            ticks.now += 0.0625

        assert len(fetch.urls) == 7

    def test_a_failed_fetch_keeps_the_known_keys(
        self, signing_key: RSAKey, other_key: RSAKey, clock: ManualClock
    ) -> None:
        """Known keys still verify; an unknown one raises KeysUnreachable, until a fetch succeeds."""
        fetch, ticks = FakeFetch(OSError("no route")), Ticks()
        verifier = verifier_with(fetch, ticks, clock)
        old, new = make_token(signing_key, ACCESS), make_token(other_key, ACCESS)
        for _ in range(3):
            with pytest.raises(KeysUnreachable) as caught:
                verifier.verify(old)
            assert (caught.value.url, caught.value.why) == (KEYS_AT, "OSError: no route")
        assert len(fetch.urls) == 1

        fetch.document = key_set(signing_key)
        ticks.now += 10
        assert verifier.verify(old).username == "ada"
        fetch.document = RuntimeError("a bug of the fetch's own")
        ticks.now += 48 * 3600
        with pytest.raises(KeysUnreachable):
            verifier.verify(new)
        assert verifier.verify(old).username == "ada"
        fetch.document = key_set(signing_key, other_key)
        ticks.now += 10
        assert verifier.verify(new).username == "ada"
        assert len(fetch.urls) == 4

    def test_no_thread_for_a_fetch(
        self, signing_key: RSAKey, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """If the process can start no thread, the keys are unreachable; after the interval they are fetched."""
        fetch, ticks = FakeFetch(key_set(signing_key)), Ticks()
        verifier = verifier_with(fetch, ticks, clock)
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", Mock(side_effect=RuntimeError("no more threads")))
            for _ in range(2):
                with pytest.raises(KeysUnreachable, match="no more threads"):
                    verifier.verify(make_token(signing_key, ACCESS))
        ticks.now += 10
        assert verifier.verify(make_token(signing_key, ACCESS)).username == "ada"

    @pytest.mark.parametrize(
        "document", [b"", b"{", b"[]", b"{}", b'{"keys": {}}', b'{"keys": []}', b"\xff\xfe", b"[" * 100_000]
    )
    def test_an_invalid_key_set(self, signing_key: RSAKey, clock: ManualClock, document: bytes) -> None:
        """An invalid key set counts as a failed fetch."""
        verifier = verifier_with(FakeFetch(document), Ticks(), clock)
        with pytest.raises(KeysUnreachable):
            verifier.verify(make_token(signing_key, ACCESS))

    @pytest.mark.filterwarnings("ignore:Key size should be")  # that is the claim
    def test_unusable_keys_are_ignored(self, signing_key: RSAKey, other_key: RSAKey, clock: ManualClock) -> None:
        """Keys of another kind, use or algorithm, and weak or broken ones, are ignored (RFC 7517, 5)."""
        signing_key.ensure_kid()
        public = {**signing_key.as_dict(private=False), "use": "sig", "alg": "RS256"}
        weak = RSAKey.generate_key(1024, private=True)
        others: list[Any] = [
            {"kty": "oct", "kid": public["kid"], "k": "AAAA"},
            {"kty": "ML-DSA", "kid": public["kid"], "pub": "AAAA"},
            {**public, "kty": "oct"},
            {**public, "use": "enc"},
            {**public, "alg": "RS512"},
            {**public, "n": "!"},
            {**public, "e": "AA"},
            {**public, "kid": 7},
            {**public, "n": None},
            {**weak.as_dict(private=False), "kid": public["kid"]},
            None,
            "key",
        ]
        token = make_token(signing_key, ACCESS)
        for each in others:
            keys = [each, json.loads(key_set(other_key))["keys"][0]]
            verifier = verifier_with(FakeFetch(json.dumps({"keys": keys}).encode()), Ticks(), clock)
            with pytest.raises(BadSignature) as caught:
                verifier.verify(token)
            assert caught.value.known is False
        verifier = verifier_with(FakeFetch(json.dumps({"keys": [*others, public]}).encode()), Ticks(), clock)
        assert verifier.verify(token).username == "ada"

    @pytest.mark.parametrize("interval", [0.0, 10.0])
    def test_threads_share_one_fetch(
        self, signing_key: RSAKey, other_key: RSAKey, clock: ManualClock, interval: float
    ) -> None:
        """Sixteen threads at once make one request, and forged tokens among theirs are refused."""
        fetch = FakeFetch(key_set(signing_key), slow=0.2)
        verifier = verifier_with(fetch, Ticks(), clock, interval=interval)
        good, forged = make_token(signing_key, ACCESS), make_token(other_key, ACCESS)
        gate = threading.Barrier(16)

        def one(number: int) -> str:
            gate.wait()
            try:
                return verifier.verify(forged if number % 2 else good).username or ""
            except BadSignature:
                return "refused"

        with ThreadPoolExecutor(16) as threads:
            results = list(threads.map(one, range(16)))

        assert results == ["ada", "refused"] * 8
        assert len(fetch.urls) == 1

    def test_a_known_key_is_used_at_once(self, signing_key: RSAKey, other_key: RSAKey, clock: ManualClock) -> None:
        """While keys are fetched for another token, a known key verifies at once."""
        fetch, ticks = FakeFetch(key_set(signing_key)), Ticks()
        verifier = verifier_with(fetch, ticks, clock)
        good, forged = make_token(signing_key, ACCESS), make_token(other_key, ACCESS)
        verifier.verify(good)
        ticks.now += 10
        let_go = threading.Event()
        verifier.keys._fetch = lambda url: key_set(signing_key) if let_go.wait(30) else b""
        with ThreadPoolExecutor(1) as threads:
            waiting = threads.submit(verifier.verify, forged)
            until(lambda: verifier.keys._pending is not None)
            assert verifier.verify(good).username == "ada"
            assert not waiting.done()
            let_go.set()
            assert isinstance(waiting.exception(30), BadSignature)


class TestAsync:
    def test_tasks_share_one_fetch_off_the_loop(self, signing_key: RSAKey, clock: ManualClock) -> None:
        """Fifty tasks make one request; the loop is not blocked; one that is cancelled does not affect the others."""
        fetch = FakeFetch(key_set(signing_key), slow=0.3)
        verifier = verifier_with(fetch, Ticks(), clock)
        token = make_token(signing_key, ACCESS)

        async def main() -> tuple[list[Any], int]:
            tasks = [asyncio.create_task(verifier.verify_async(token)) for _ in range(50)]
            beats = 0
            while not all(task.done() for task in tasks):
                await asyncio.sleep(0.01)
                beats += 1
                if beats == 3:
                    tasks[0].cancel()
            return await asyncio.gather(*tasks, return_exceptions=True), beats

        results, beats = asyncio.run(main())

        assert isinstance(results[0], asyncio.CancelledError)
        assert [each.username for each in results[1:]] == ["ada"] * 49
        assert len(fetch.urls) == 1
        assert beats > 5

    def test_both_methods_refuse_the_same(
        self, verifier: Verifier, signing_key: RSAKey, other_key: RSAKey, clock: ManualClock
    ) -> None:
        """`verify` and `verify_async` raise the same errors; a cancelled caller leaves no task."""

        async def refused(token: str, use: Any = "access") -> type[Exception]:
            try:
                await verifier.verify_async(token, use)
            except (TokenRefused, ValueError) as error:
                return type(error)
            raise AssertionError("it was accepted")

        assert asyncio.run(refused("x")) is MalformedToken
        assert asyncio.run(refused(make_token(other_key, ACCESS))) is BadSignature
        assert asyncio.run(refused(make_token(signing_key, ACCESS), "id")) is WrongUse
        assert asyncio.run(refused(make_token(signing_key, ACCESS), "both")) is ValueError

        fetch = FakeFetch(key_set(signing_key), slow=0.3)
        patient = verifier_with(fetch, Ticks(), clock)
        token = make_token(signing_key, ACCESS)

        async def impatient() -> None:
            await asyncio.wait_for(patient.verify_async(token), 0.05)

        with pytest.raises(asyncio.TimeoutError):
            asyncio.run(impatient())
        assert patient.verify(token).username == "ada"
        assert len(fetch.urls) == 1


class TestArguments:
    def test_both_issuers_of_a_pool(
        self, signing_key: RSAKey, pool: LocalPool, verifier: Verifier, clock: ManualClock
    ) -> None:
        """IssuerConfiguration UPDATED has another issuer; tokens of both are those of the pool, unless `issuer` is passed."""
        updated = "https://issuer-cognito-idp.eu-west-1.amazonaws.com/" + POOL
        token = make_token(signing_key, {**ACCESS, "iss": updated})
        assert verifier.verify(token).issuer == updated
        for iss in (updated.replace("issuer-", "x-"), updated + "x", updated.replace("eu-west-1.", "eu-west-2.")):
            with pytest.raises(WrongIssuer):
                verifier.verify(make_token(signing_key, {**ACCESS, "iss": iss}))
        with pytest.raises(WrongIssuer):
            Verifier(POOL, CLIENT, jwks=pool.jwks(), clock=clock, issuer=verifier.issuer).verify(token)

    @pytest.mark.parametrize(
        ("region", "host"),
        [("eu-west-1", "amazonaws.com"), ("cn-north-1", "amazonaws.com.cn"), ("eusc-de-east-1", "amazonaws.eu")],
    )
    def test_the_local_pool_has_the_issuer_of_its_region(
        self, signing_key: RSAKey, clock: ManualClock, region: str, host: str
    ) -> None:
        """In each partition of AWS a verifier accepts the tokens of a local pool, whose issuer has the partition's domain."""
        pool = LocalPool(key=signing_key, clock=clock, region=region)
        pool.add_user("ada", PASSWORD)
        access_token = pool.cognito().sign_in("ada", PASSWORD).signed_in().access_token
        verifier = Verifier(pool.pool_id, pool.client_id, jwks=pool.jwks(), clock=clock)
        assert verifier.verify(access_token).issuer == f"https://cognito-idp.{region}.{host}/{pool.pool_id}"

    def test_cognitos_own_issuer(self) -> None:
        """The issuer is made from the pool's id; China's regions have another domain."""
        verifier = Verifier("us-gov-west-1_AbC", "x")

        assert verifier.issuer == "https://cognito-idp.us-gov-west-1.amazonaws.com/us-gov-west-1_AbC"
        assert verifier.keys.url == f"{verifier.issuer}/.well-known/jwks.json"
        assert repr(verifier) == f"<Verifier of {verifier.issuer} for x>"
        assert repr(verifier.keys) == f"<Keys of {verifier.keys.url}: 0 known>"
        assert (
            Verifier("cn-north-1_AbC", "x").issuer == "https://cognito-idp.cn-north-1.amazonaws.com.cn/cn-north-1_AbC"
        )

    @pytest.mark.parametrize(
        ("wrong", "why"),
        [
            ({"pool_id": "AbC"}, "pool id"),
            ({"client_id": ""}, "client_id is required"),
            ({"client_id": []}, "client_id is required"),
            ({"client_id": ["x", ""]}, "client_id is required"),
            ({"client_id": ["x", 5]}, "client_id is required"),
            ({"client_id": 5}, "client_id is required"),
            ({"client_id": None}, "client_id is required"),
            ({"pool_id": 5}, "a pool id looks like eu-west-1_AbCdEfGhI, not like 5"),
            ({"pool_id": None}, "a pool id looks like"),
            ({"leeway": -1}, "leeway must be at least 0"),
            ({"leeway": float("inf")}, "leeway must be at most 86400 seconds, not inf"),
            ({"leeway": 10_000_000}, "leeway must be at most 86400 seconds"),
            ({"clock": datetime.now}, "clock needs an aware datetime"),
            ({"interval": -0.5}, "interval must be at least 0"),
            ({"max_age": float("nan")}, "max_age must be at least 0"),
            ({"issuer": "http://cognito.example.com"}, "https"),
            ({"issuer": "http://127.0.0.1.example.com"}, "https"),
            ({"issuer": "ftp://127.0.0.1"}, "https"),
            ({"issuer": "file:///etc"}, "https"),
            ({"jwks": {}}, "Key Set"),
            ({"jwks": {"keys": []}}, "no key"),
        ],
    )
    def test_invalid_arguments_are_refused(self, wrong: dict[str, Any], why: str) -> None:
        """Invalid arguments raise ValueError, for example no client or an unprotected URL."""
        with pytest.raises(ValueError, match=why):
            Verifier(**{"pool_id": POOL, "client_id": CLIENT, **wrong})

    @pytest.mark.parametrize("wrong", [None, 5, POOL])
    def test_a_verifier_of_no_pool(self, wrong: Any) -> None:
        """`Verifier.of` takes a `Cognito` or an `AsyncCognito`."""
        with pytest.raises(TypeError, match="cognito must be a Cognito or an AsyncCognito, not"):
            Verifier.of(wrong)

    @pytest.mark.parametrize("name", ["leeway", "interval", "max_age"])
    @pytest.mark.parametrize("wrong", ["1", None, timedelta(1)])
    def test_durations_are_numbers(self, name: str, wrong: Any) -> None:
        """A duration of another type raises TypeError, which says what it must be."""
        with pytest.raises(TypeError, match=f"{name} must be of type"):
            Verifier(POOL, CLIENT, **{name: wrong})

    def test_an_own_fetch_may_use_any_url(self, signing_key: RSAKey, clock: ManualClock) -> None:
        """With its own fetch, an application may use plain HTTP, in a private network for example."""
        fetch = FakeFetch(key_set(signing_key))
        issuer = "http://cognito:9229/eu-west-1_Local"
        verifier = Verifier(POOL, CLIENT, issuer=issuer, fetch=fetch, clock=clock)

        assert verifier.verify(make_token(signing_key, {**ACCESS, "iss": issuer})).issuer == issuer
        assert fetch.urls == [f"{issuer}/.well-known/jwks.json"]


class Site(BaseHTTPRequestHandler):
    """A web site: documents by path; `/slow` sends slowly."""

    def do_GET(self) -> None:
        """Answer a request."""
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/good")
            self.end_headers()
            return
        document = {"/good": b"good", "/large": b"x" * 65_537, "/most": b"x" * 65_536}.get(self.path)
        self.send_response(404 if document is None and self.path != "/slow" else 200)
        self.end_headers()
        if self.path == "/slow":
            try:
                for _ in range(50):
                    self.wfile.write(b"x")
                    time.sleep(0.05)
            except OSError:
                return
        self.wfile.write(document or b"none")

    def log_message(self, *_: Any) -> None:
        """Log nothing."""


@contextmanager
def site() -> Iterator[str]:
    """A web site on this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(30)


class TestFetching:
    def test_one_document(self) -> None:
        """A document is returned; one that is missing, moved, too large or too slow is an error."""
        with site() as url:
            assert fetch_https(f"{url}/good") == b"good"
            assert fetch_https(f"{url}/most") == b"x" * 65_536
            with pytest.raises(OSError, match="HTTP 404"):
                fetch_https(f"{url}/none")
            with pytest.raises(OSError, match="HTTP 302"):
                fetch_https(f"{url}/moved")
            with pytest.raises(ValueError, match="65536 bytes"):
                fetch_https(f"{url}/large")
            start = time.monotonic()
            with pytest.raises(TimeoutError):
                fetch_https(f"{url}/slow", seconds=0.2)
            assert time.monotonic() - start < 2
        with pytest.raises(OSError, match="refused"):
            fetch_https(f"{url}/good")

    @pytest.mark.parametrize(
        "url", ["http://example.com/", "file:///etc/passwd", "ftp://localhost/", "https:///x", "x"]
    )
    def test_plain_http_is_refused(self, url: str) -> None:
        """HTTP to other machines and `file:` URLs are refused."""
        with pytest.raises(ValueError, match="https"):
            fetch_https(url)


def test_a_served_pool() -> None:
    """Tokens of a pool behind HTTP are verified by the keys it publishes, with and without an event loop."""
    with serve_in_thread(users=[{"username": "ada", "password": PASSWORD}]) as web:
        verifier = Verifier(POOL_ID, CLIENT_ID, issuer=f"{web.url}/{POOL_ID}")
        _, _, reply = web.password("ada", PASSWORD)
        result = reply["AuthenticationResult"]

        claims = verifier.verify(result["AccessToken"])
        same = asyncio.run(verifier.verify_async(result["IdToken"], "id"))

    assert (claims.username, claims.client_id) == ("ada", CLIENT_ID)
    assert (same.subject, same.origin_jti) == (claims.subject, claims.origin_jti)
    assert verifier.verify(result["AccessToken"]) == claims  # the server has gone; the key is known
    stranger = Verifier(POOL_ID, CLIENT_ID, issuer=f"{web.url}/{POOL_ID}")
    with pytest.raises(KeysUnreachable, match="refused"):
        stranger.verify(result["AccessToken"])
