"""Cognito's variant of SRP-6a, for client and server, as functions of integers and bytes.

There is no clock and no randomness: entropy and times are arguments. The `srp` package computes A and B, as in
standard SRP-6a. This module computes what is special to Cognito: padding, u, x, S, the key and the signature. It does
so as pycognito and amazon-cognito-identity-js do, which the comments call "the clients". Powers are computed in
constant time, and other threads can run meanwhile. N, g, k, a, A, b, B, u, x, v and S are integers, named as in RFC
5054. Strings are hashed in UTF-8, so a lone surrogate raises `SrpRefused`.

Cognito's protocol does not prove the server to the client. In SRP-6a the server answers the client's proof
M1 with M2, which needs the verifier (RFC 2945, section 3); Cognito sends no M2. Only TLS assures that the
peer is Cognito. Another peer that chooses B and the salt can test one guess at the password with each proof
that it gets. Therefore a sign-in makes proofs for one challenge only after each SRP_A.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b64decode, b64encode
from datetime import datetime, timezone
from typing import Any, Final

from attrs import field, frozen

from authfsm.base.secret import Secret, secret

# fmt: off
__all__ = [
    "N_HEX", "DeviceVerifier", "Ephemeral", "H", "N", "ServerEphemeral", "SrpRefused",
    "TimestampFormat", "claim_signature", "client_key", "derived_key", "device_verifier", "ephemeral",
    "from_device_config", "from_hex", "g", "k", "padded", "parse_timestamp", "pool_name",
    "private_key", "scrambler", "secret_hash", "server_ephemeral", "server_key", "shared_secret",
    "sign", "timestamp", "to_hex", "verifier", "verify",
]
# fmt: on

# RFC 3526, group 15: 2^3072 - 2^3008 - 1 + 2^64 * ([2^2942 pi] + 1690314).
N_HEX: Final = (
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F"
    "83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B"
    "E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510"
    "15728E5A8AAAC42DAD33170D04507A33A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7DB3970F85A6E1E4C7"
    "ABF5AE8CDB0933D71E8C94E04A25619DCEE3D2261AD2EE6BF12FFA06D98A0864D87602733EC86A64521F2B18177B200C"
    "BBE117577A615D6C770988C0BAD946E208E24FA074E5AB3143DB5BFCE0FD108E4B82D120A93AD2CAFFFFFFFFFFFFFFFF"
)
N: Final = int(N_HEX, 16)
g: Final = 2  # RFC 5054 gives this prime the generator 5; Cognito uses 2.

_HEX: Final = re.compile(r"[0-9A-Fa-f]{1,1024}")  # N has 768 digits; the rest is for leading zeros.
_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_MONTHS: Final = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
_TIMESTAMP: Final = re.compile(
    rf"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) ({_MONTHS}) ([0-9]{{1,2}})"
    r" ((?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]) UTC ([0-9]{4})"
)


class SrpRefused(ValueError):
    """A value is malformed, or would break the proof; `value` is its name."""

    def __init__(self, value: str, reason: str) -> None:
        super().__init__(value, reason)
        self.value = value

    def __str__(self) -> str:
        return " ".join(self.args)


def padded(n: int) -> bytes:
    """Return the bytes of a non-negative integer, as Java's BigInteger.toByteArray() and the clients' padHex do.
    They are big-endian and as few as possible, with a zero byte in front if the top bit would be set.
    """
    return n.to_bytes(n.bit_length() // 8 + 1, "big")


def H(*parts: bytes) -> int:
    """Return SHA-256 of the joined bytes, as an integer (RFC 5054)."""
    return int.from_bytes(hashlib.sha256(b"".join(parts)).digest(), "big")


k: Final = H(padded(N), padded(g))  # The clients hash "00" + N + "02", with the zero byte.


def from_hex(text: str, name: str) -> int:
    """Return the integer of at most 1,024 hexadecimal digits, with or without leading zeros.
    Anything else (a sign, 0x, a space, an underscore) raises `SrpRefused` with this `name`.
    """
    if not _HEX.fullmatch(text):
        raise SrpRefused(name, "is not a hexadecimal number of at most 1024 digits")
    return int(text, 16)


def to_hex(n: int) -> str:
    """Return an integer in the fewest lower-case hexadecimal digits, because clients send SRP_A without padding."""
    return f"{n:x}"


def pool_name(pool_id: str) -> str:
    """Return the part of a pool id after its "_", with which passwords are hashed: AbC of eu-west-1_AbC.
    Raises ValueError for an id of another form: if it has several "_", clients do not agree on what to hash.
    """
    # "[\w-]+_[0-9a-zA-Z]+" -- AWS API reference, UserPoolId. The name is hashed, so with a space or newline
    # after it every password would be wrong.
    match = re.fullmatch(r"[A-Za-z0-9-]+_([A-Za-z0-9]+)", pool_id) if isinstance(pool_id, str) else None
    if match is None:
        raise ValueError(f"a pool id looks like eu-west-1_AbCdEfGhI, not like {pool_id!r}")
    return match.group(1)


@frozen
class Ephemeral:
    """The client's key pair for one proof: a stays secret, A is sent."""

    a: Secret[int]
    A: int

    @property
    def SRP_A(self) -> str:
        """A as it is sent: hexadecimal, unpadded."""
        return to_hex(self.A)


def ephemeral(entropy: bytes) -> Ephemeral:
    """Return the client's key pair, A = g^a mod N (RFC 5054, 2.5.4).
    `entropy`, 32 random bytes, becomes a: use it once. Raises `SrpRefused` for another number of bytes, or all zeros.
    """
    a = _exponent(entropy, "a")
    user = _standard("User", b"", bytes_a=entropy)
    A = int.from_bytes(user.start_authentication()[1], "big") if user else _power(g, a)
    return Ephemeral(Secret(a), _public(A, "A"))


def private_key(realm: str, name: str, password: str | Secret[str], salt: int) -> int:
    """Return x = SHA256(padded(salt) | SHA256(realm | name | ":" | password)).
    For the password of a user, the realm is the pool's name (`pool_name`), and the name is USER_ID_FOR_SRP. For the
    password of a device they are DeviceGroupKey and DEVICE_KEY (AWS, "Working with user devices"). Leading zeros of
    SALT do not count.
    """
    password = secret(password)
    user = _utf8(realm, "realm") + _utf8(name, "name") + b":"
    return H(padded(salt), hashlib.sha256(user + _utf8(password, "password")).digest())


def verifier(x: int | Secret[int]) -> int:
    """Return v = g^x mod N, which the service stores instead of the password (RFC 5054, 2.4)."""
    x = secret(x)
    return _power(g, x)


def scrambler(A: int, B: int) -> int:
    """Return u = SHA256(padded(A) | padded(B)).
    Raises `SrpRefused` if A or B is 0 mod N, negative or longer than 3,072 bits, or if u is 0.
    """
    # RFC 5054, 2.5.3 and 2.5.4: both sides "MUST abort" on such an A or B.
    u = H(padded(_public(A, "A")), padded(_public(B, "B")))
    if u == 0:
        raise SrpRefused("u", "is zero")  # The clients abort in this case too.
    return u


def shared_secret(ephemeral: Ephemeral, B: int, x: int | Secret[int]) -> int:
    """Return S = (B - k g^x)^(a + u x) mod N, the client's side (RFC 5054, 2.6); raises what `scrambler` raises."""
    x = secret(x)
    u = scrambler(ephemeral.A, B)
    # The base is taken mod N first: the difference may be negative.
    return _power((B - k * _power(g, x)) % N, Secret(ephemeral.a.reveal() + u * x.reveal()))


def derived_key(S: int, u: int) -> bytes:
    """Return the 16 bytes of the signing key: HKDF-SHA256 (RFC 5869) of padded(S) with the salt padded(u)."""
    extracted = hmac.digest(padded(u), padded(S), "sha256")  # RFC 5869, 2.2
    # RFC 5869, 2.3: T(1) = HMAC(PRK, info | 0x01). The clients use this info, and the first 16 bytes.
    return hmac.digest(extracted, b"Caldera Derived Key\x01", "sha256")[:16]


def client_key(ephemeral: Ephemeral, B: int, x: int | Secret[int]) -> bytes:
    """Return the client's signing key, from its key pair, SRP_B and x; raises what `scrambler` raises."""
    x = secret(x)
    return derived_key(shared_secret(ephemeral, B, x), scrambler(ephemeral.A, B))


def sign(key: bytes | Secret[bytes], realm: str, name: str, secret_block: bytes, timestamp: str) -> str:
    """Return the signature in base64: HMAC-SHA256(key, realm | name | secret block | timestamp).
    The realm and the name are those of `private_key`. Pass the decoded secret block, and the timestamp as it is sent.
    """
    key = secret(key)
    message = _utf8(realm, "realm") + _utf8(name, "name") + secret_block
    message += _utf8(timestamp, "TIMESTAMP")
    return b64encode(hmac.digest(key.reveal(), message, "sha256")).decode()


def claim_signature(
    ephemeral: Ephemeral, *, realm: str, name: str, password: str | Secret[str],
    salt: int, B: int, secret_block: str, timestamp: str,
) -> str:  # fmt: skip
    """Return PASSWORD_CLAIM_SIGNATURE in base64, the client's proof of the password.
    `ephemeral` is the pair whose A was sent. The realm, name, password and salt are those of `private_key`. B is SRP_B
    as an integer, `secret_block` is SECRET_BLOCK as it came, and `timestamp` is what the function `timestamp` returned.
    Raises what `scrambler` raises, and `SrpRefused` if the secret block is not base64.
    """
    password = secret(password)
    block = _from_base64(secret_block, "SECRET_BLOCK")
    x = Secret(private_key(realm, name, password, salt))
    return sign(Secret(client_key(ephemeral, B, x)), realm, name, block, timestamp)


@frozen
class ServerEphemeral:
    """The service's key pair for one proof: b stays secret, B is sent."""

    b: Secret[int]
    B: int


def server_ephemeral(v: int, A: int, entropy: bytes) -> ServerEphemeral:
    """Return the service's key pair, B = k v + g^b mod N (RFC 5054, 2.5.3), for a verifier and an SRP_A.
    `entropy`, 32 random bytes, becomes b. Raises `SrpRefused` as `ephemeral` does, and if A or v is invalid for SRP.
    """
    b = _exponent(entropy, "b")
    # B does not need A, but srp never frees a Verifier that was made without A.
    public = padded(_public(v, "v")), padded(_public(A, "A"))
    pair = _standard("Verifier", b"", *public, bytes_b=entropy)
    B = int.from_bytes(pair.get_challenge()[1], "big") if pair else (k * v + _power(g, b)) % N
    return ServerEphemeral(Secret(b), _public(B, "B"))


def server_key(server: ServerEphemeral, A: int, v: int) -> bytes:
    """Return the service's signing key, from S = (A v^u)^b mod N (RFC 5054, 2.6); raises what `scrambler` raises."""
    u = scrambler(A, server.B)
    return derived_key(_power(A * _power(v, u) % N, server.b), u)


def verify(  # noqa: PLR0917 - the order is that of sign
    key: bytes | Secret[bytes], realm: str, name: str, secret_block: bytes, timestamp: str, signature: str
) -> bool:
    """Return whether PASSWORD_CLAIM_SIGNATURE is what `sign` returns; False also if it is not base64."""
    key = secret(key)
    ours = sign(key, realm, name, secret_block, timestamp).encode()
    return hmac.compare_digest(ours, signature.encode("utf-8", "replace"))


@frozen
class DeviceVerifier:
    """ConfirmDevice's DeviceSecretVerifierConfig: `password_verifier` and `salt`, in base64 of the padded bytes."""

    password_verifier: str = field(repr=False)
    salt: str


def device_verifier(group_key: str, device_key: str, password: str | Secret[str], salt: bytes) -> DeviceVerifier:
    """Return what ConfirmDevice registers, from NewDeviceMetadata's keys, the device's password and a salt.
    The clients use 40 random bytes in base64 as the password. Raises `SrpRefused` if the salt is not of 16 bytes.
    """
    password = secret(password)
    if len(salt) != 16:  # noqa: PLR2004 - AWS, "Working with user devices": 16 random bytes
        raise SrpRefused("Salt", "is not of 16 bytes")
    number = int.from_bytes(salt, "big")
    v = verifier(Secret(private_key(group_key, device_key, password, number)))
    return DeviceVerifier(b64encode(padded(v)).decode(), b64encode(padded(number)).decode())


def from_device_config(password_verifier: str, salt: str) -> tuple[int, int]:
    """Return the integers v and salt of a DeviceSecretVerifierConfig, each base64 of padded bytes.
    Raises `SrpRefused` if one of them is not base64, is negative or is too long, or if the verifier is 0 mod N.
    """
    v, number = (
        int.from_bytes(_from_base64(text, name), "big", signed=True)
        for text, name in ((password_verifier, "PasswordVerifier"), (salt, "Salt"))
    )
    # If a client does not pad its bytes, Java may read a negative number (amplify-js #7618).
    if not 0 <= number < 1 << 3072:
        raise SrpRefused("Salt", "is negative, or longer than 3072 bits")
    return _public(v, "PasswordVerifier"), number


def secret_hash(username: str, client_id: str, client_secret: str | Secret[str]) -> str:
    """Return SECRET_HASH in base64: HMAC-SHA256(client secret, USERNAME of the same request | client id)."""
    client_secret = secret(client_secret)
    message = _utf8(username, "USERNAME") + _utf8(client_id, "client id")
    return b64encode(hmac.digest(_utf8(client_secret, "client secret"), message, "sha256")).decode()


class TimestampFormat(ValueError):
    """A TIMESTAMP that cannot be read."""


def timestamp(moment: datetime) -> str:
    """Return TIMESTAMP for an aware datetime: `EEE MMM d HH:mm:ss UTC yyyy`, in English; ValueError for a naive one."""
    if moment.utcoffset() is None:
        raise ValueError("TIMESTAMP needs a datetime with a time zone")
    # datetime.ctime() is English in every locale. It pads the day with a space, which Cognito refuses.
    weekday, month, day, clock, year = moment.astimezone(timezone.utc).ctime().split()
    return f"{weekday} {month} {day} {clock} UTC {year}"


def parse_timestamp(text: str) -> datetime:
    """Return the time of a TIMESTAMP; raise `TimestampFormat` if it cannot be read.
    It reads a zero-padded day and a wrong weekday, but Cognito refuses a proof with such a TIMESTAMP. To verify a
    proof, check also that `timestamp(parse_timestamp(text)) == text`.
    """
    if found := _TIMESTAMP.fullmatch(text):
        month, day, clock, year = found.groups()
        number = _MONTHS.index(month) // 4 + 1
        try:
            return datetime.fromisoformat(f"{year}-{number:02}-{day:0>2}T{clock}+00:00")
        except ValueError:  # There is no such day.
            pass
    raise TimestampFormat("TIMESTAMP format should be EEE MMM d HH:mm:ss z yyyy in english.")


def _power(base: int, exponent: int | Secret[int]) -> int:
    """Return base^exponent mod N, in constant time and without the GIL; the caller's gmpy2 context stays as it is."""
    exponent = secret(exponent)
    import gmpy2  # noqa: PLC0415 - 50 ms, for proofs only

    with gmpy2.context(allow_release_gil=True):
        return int(gmpy2.powmod_sec(base, exponent.reveal(), N))


def _standard(role: str, *given: bytes, **entropy: bytes) -> Any:
    """Return a `srp.User` or `srp.Verifier` in Cognito's group, or None if srp has found no OpenSSL. Without OpenSSL it
    is not used, because it then computes powers in variable time, and needs 256 bytes of entropy.
    """
    import srp  # noqa: PLC0415 - 10 ms, for proofs only

    actor = getattr(srp, role)
    if actor.__module__ != "srp._ctsrp":
        return None
    group = {"n_hex": N_HEX.encode(), "g_hex": b"2", "k_hex": to_hex(k).encode()}
    return actor("", *given, hash_alg=srp.SHA256, ng_type=srp.NG_CUSTOM, **group, **entropy)


def _public(n: int, name: str) -> int:
    if not 0 <= n < 1 << 3072 or n % N == 0:
        raise SrpRefused(name, "is 0 mod N, negative, or longer than 3072 bits")
    return n


def _exponent(entropy: bytes, name: str) -> int:
    # RFC 5054, 2.5.4: a "SHOULD be at least 256 bits in length".
    if len(entropy) != 32 or not any(entropy):  # noqa: PLR2004 - those 256 bits
        raise SrpRefused(name, "is not made of 32 random bytes")
    return int.from_bytes(entropy, "big")


def _utf8(text: str | Secret[str], name: str) -> bytes:
    text = secret(text)
    # UnicodeEncodeError would carry the whole text, which may be a password.
    if _LONE_SURROGATE.search(text.reveal()):
        raise SrpRefused(name, "has a lone surrogate, which UTF-8 cannot write")
    return text.reveal().encode()


def _from_base64(text: str, name: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError:
        raise SrpRefused(name, "is not base64") from None
