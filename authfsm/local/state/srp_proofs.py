"""The server side of SRP: password verifiers, and the proofs that clients send.

A client proves the password of a user or of a device in the same way; the realm is the pool's name or the device's
group key. The pool stores a salt and the verifier v = g^x, from which the password cannot be computed.
"""

from __future__ import annotations

import hmac
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Final

from attrs import frozen

from authfsm import srp
from authfsm.base.secret import Secret
from authfsm.local.config import error_templates

if TYPE_CHECKING:
    from gmpy2 import mpz

# A public value of the 3072-bit group has at most 768 hexadecimal digits; one zero byte of padding is accepted.
# Longer input is refused without parsing it, so that a refusal takes no longer for a longer input.
_MAX_SRP_A_LENGTH: Final = 770

_WINDOW: Final = 8


def fixed_base_pow(x: int) -> int:
    """Return g^x mod N for x below 2^256: much faster than `pow`, but its time reveals x; for test users only."""
    if not 0 <= x < 1 << 256:
        raise ValueError("x must be an integer of at most 256 bits, and not negative")
    table, modulus = _power_table()
    product = table[0][x & (1 << _WINDOW) - 1]
    for row in table[1:]:
        x >>= _WINDOW
        product = product * row[x & (1 << _WINDOW) - 1] % modulus
    return int(product)


@cache
def _power_table() -> tuple[tuple[tuple[mpz, ...], ...], mpz]:
    """Return the powers of g for each base-256 digit of x (3.5 MB, computed in 25 ms), and N."""
    import gmpy2  # noqa: PLC0415 - importing it takes 50 ms, and only passwords need it

    modulus, base = gmpy2.mpz(srp.N), gmpy2.mpz(srp.g)
    rows = []
    for _ in range(256 // _WINDOW):
        row = [gmpy2.mpz(1)]
        for _ in range((1 << _WINDOW) - 1):
            row.append(row[-1] * base % modulus)
        rows.append(tuple(row))
        base = row[-1] * base % modulus
    return tuple(rows), modulus


@frozen
class PasswordRecord:
    """The SRP salt and verifier of a password, which are valid for one realm and one name."""

    salt: int
    verifier: Secret[int]

    @classmethod
    def from_password(cls, realm: str, name: str, password: Secret[str], salt: bytes) -> PasswordRecord:
        """Return the record of a password, computed as in Cognito's SRP (`authfsm.srp.private_key`)."""
        number = int.from_bytes(salt, "big")
        x = srp.private_key(realm, name, password.reveal(), number)
        return cls(number, Secret(fixed_base_pow(x)))

    def matches(self, realm: str, name: str, password: Secret[str]) -> bool:
        """Return whether this is the record of a password; the comparison takes constant time."""
        x = srp.private_key(realm, name, password.reveal(), self.salt)
        return Secret(fixed_base_pow(x)) == self.verifier


@frozen
class SrpProof:
    """An SRP exchange after the pool sent SRP_B: the data that verifies the client's proof."""

    realm: str
    name: str
    credential: PasswordRecord
    A: int
    server: srp.ServerEphemeral
    secret_block: Secret[str]

    @property
    def key(self) -> str:
        """The key under which the pending challenge is found by its secret block."""
        return secret_block_key(self.secret_block.reveal())

    def parameters(self) -> dict[str, str]:
        """Return SALT, SRP_B and SECRET_BLOCK, the ChallengeParameters."""
        return {
            "SALT": srp.to_hex(self.credential.salt),
            "SRP_B": srp.to_hex(self.server.B),
            "SECRET_BLOCK": self.secret_block.reveal(),
        }

    def is_proved_by(self, responses: Mapping[str, str], now: datetime, tolerance: timedelta | None) -> bool:
        """Return whether an answer proves the credential with a TIMESTAMP within `tolerance` of `now` (None: any)."""
        timestamp = responses["TIMESTAMP"]
        try:
            moment = srp.parse_timestamp(timestamp)
        except srp.TimestampFormat:
            raise error_templates.BAD_TIMESTAMP.refusal() from None
        # Measured: a zero-padded day or a wrong weekday is refused with "Incorrect username or password."
        is_canonical = srp.timestamp(moment) == timestamp
        block = self.secret_block.reveal()
        sent_block = responses["PASSWORD_CLAIM_SECRET_BLOCK"].encode("utf-8", "replace")
        same_block = hmac.compare_digest(block.encode(), sent_block)
        key = srp.server_key(self.server, self.A, self.credential.verifier.reveal())
        signature = responses["PASSWORD_CLAIM_SIGNATURE"]
        is_signed = srp.verify(key, self.realm, self.name, b64decode(block), timestamp, signature)
        is_in_time = tolerance is None or abs(now - moment) <= tolerance
        return is_canonical and same_block and is_signed and is_in_time


def begin_proof(
    realm: str, name: str, credential: PasswordRecord, srp_a: str, entropy: Callable[[int], bytes]
) -> SrpProof:
    """Return a new SRP exchange, with a new key pair and a new secret block.

    An SRP_A that is not a public value is refused: the server "MUST abort" if A % N is 0 (RFC 5054, 2.5.4).
    """
    if len(srp_a) > _MAX_SRP_A_LENGTH:
        raise error_templates.BAD_SRP_A.refusal()
    if not re.fullmatch("[0-9a-fA-F]+", srp_a):
        raise error_templates.SRP_A_NOT_HEX.refusal()
    try:
        A = srp.from_hex(srp_a, "SRP_A")  # noqa: N806 - RFC 5054's name
        server = srp.server_ephemeral(credential.verifier.reveal(), A, entropy(32))
    except srp.SrpRefused:
        raise error_templates.BAD_SRP_A.refusal() from None
    return SrpProof(realm, name, credential, A, server, Secret(b64encode(entropy(96)).decode()))


def secret_block_key(secret_block: str) -> str:
    """Return the key under which the pending challenge with a secret block is found."""
    return f"secret-block:{secret_block}"
