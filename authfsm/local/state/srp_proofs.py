"""The pool's half of SRP: password verifiers, and the proofs that are checked against them.

A proof is about a user's password (realm: the pool's name) or a device's (realm: its group key); the
arithmetic and the checks are the same. The pool keeps a salt and the verifier v = g^x, from which the
password cannot be computed.
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

# A public value of the 3072-bit group has 768 hexadecimal digits; one zero byte of padding is accepted.
# Longer input is rejected unread, so that the work of a refusal does not grow with the input.
_MAX_SRP_A_LENGTH: Final = 770

_HEX: Final = re.compile("[0-9a-fA-F]+")

_WINDOW: Final = 8
_ROWS: Final = 256 // _WINDOW


def fixed_base_pow(x: int) -> int:
    """Return g^x mod N for x below 2^256, ten times as fast as `pow`, not in constant time: for test users only."""
    if not 0 <= x < 1 << 256:
        raise ValueError("x must be a number of at most 256 bits")
    table, modulus = _power_table()
    product = table[0][x & (1 << _WINDOW) - 1]
    for row in table[1:]:
        x >>= _WINDOW
        product = product * row[x & (1 << _WINDOW) - 1] % modulus
    return int(product)


@cache
def _power_table() -> tuple[tuple[tuple[mpz, ...], ...], mpz]:
    """Return the powers of g for each base-256 digit of x: 3.5 MB, computed in 25 ms."""
    import gmpy2  # noqa: PLC0415 - importing it takes 50 ms, and only passwords need it

    modulus, base = gmpy2.mpz(srp.N), gmpy2.mpz(srp.g)
    rows = []
    for _ in range(_ROWS):
        row = [gmpy2.mpz(1)]
        for _ in range((1 << _WINDOW) - 1):
            row.append(row[-1] * base % modulus)
        rows.append(tuple(row))
        base = row[-1] * base % modulus
    return tuple(rows), modulus


@frozen
class PasswordRecord:
    """The SRP salt and verifier of a password, for the realm and name they were computed with."""

    salt: int
    verifier: Secret[int]

    @classmethod
    def from_password(cls, realm: str, name: str, password: Secret[str], salt: bytes) -> PasswordRecord:
        """Return the record of a password, by Cognito's SRP (`authfsm.srp.private_key`)."""
        number = int.from_bytes(salt, "big")
        x = srp.private_key(realm, name, password.reveal(), number)
        return cls(number, Secret(fixed_base_pow(x)))

    def matches(self, realm: str, name: str, password: Secret[str]) -> bool:
        """Return whether this is the record of a password; compares in constant time."""
        x = srp.private_key(realm, name, password.reveal(), self.salt)
        return Secret(fixed_base_pow(x)) == self.verifier


@frozen
class SrpProof:
    """An SRP exchange after SRP_B was sent: what the client's claim is checked against."""

    realm: str
    name: str
    credential: PasswordRecord
    A: int
    server: srp.ServerEphemeral
    secret_block: Secret[str]

    @property
    def key(self) -> str:
        """The key by which the secret block identifies the pending challenge."""
        return secret_block_key(self.secret_block.reveal())

    def parameters(self) -> dict[str, str]:
        """Return SALT, SRP_B and SECRET_BLOCK, as the challenge carries them."""
        return {
            "SALT": srp.to_hex(self.credential.salt),
            "SRP_B": srp.to_hex(self.server.B),
            "SECRET_BLOCK": self.secret_block.reveal(),
        }

    def is_proved_by(self, responses: Mapping[str, str], now: datetime, tolerance: timedelta | None) -> bool:
        """Return whether an answer's claim proves the password, with a TIMESTAMP within `tolerance` (None: any)."""
        timestamp = responses["TIMESTAMP"]
        try:
            moment = srp.parse_timestamp(timestamp)
        except srp.TimestampFormat:
            raise error_templates.BAD_TIMESTAMP.refusal() from None
        # Measured: a zero-padded day or a wrong weekday is "Incorrect username or password."
        well_formed = srp.timestamp(moment) == timestamp
        block = self.secret_block.reveal()
        sent_block = responses["PASSWORD_CLAIM_SECRET_BLOCK"].encode("utf-8", "replace")
        same_block = hmac.compare_digest(block.encode(), sent_block)
        key = srp.server_key(self.server, self.A, self.credential.verifier.reveal())
        signature = responses["PASSWORD_CLAIM_SIGNATURE"]
        signed = srp.verify(key, self.realm, self.name, b64decode(block), timestamp, signature)
        in_time = tolerance is None or abs(now - moment) <= tolerance
        return well_formed and same_block and signed and in_time


def begin_proof(
    realm: str, name: str, credential: PasswordRecord, srp_a: str, entropy: Callable[[int], bytes]
) -> SrpProof:
    """Return a new SRP exchange, with a fresh key pair and a fresh secret block.

    An SRP_A that is no public value is refused. "If A % N == 0 ... abort" -- RFC 5054, 2.5.4
    """
    if len(srp_a) > _MAX_SRP_A_LENGTH:
        raise error_templates.BAD_SRP_A.refusal()
    if not _HEX.fullmatch(srp_a):
        raise error_templates.SRP_A_NOT_HEX.refusal()
    try:
        A = srp.from_hex(srp_a, "SRP_A")  # noqa: N806 - RFC 5054's name
        server = srp.server_ephemeral(credential.verifier.reveal(), A, entropy(32))
    except srp.SrpRefused:
        raise error_templates.BAD_SRP_A.refusal() from None
    secret_block = Secret(b64encode(entropy(96)).decode())
    return SrpProof(realm, name, credential, A, server, secret_block)


def secret_block_key(secret_block: str) -> str:
    """Return the key by which a secret block identifies its pending challenge."""
    return f"secret-block:{secret_block}"
