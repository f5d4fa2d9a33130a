"""The pool's half of SRP: it issues SRP_B and a secret block, and checks the claim that comes back.

A proof is of a user's password (realm: the pool's name) or of a device's (realm: its group key); the
arithmetic and the checks are the same.
"""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from typing import Final

from attrs import frozen

from authfsm import srp
from authfsm.base.secret import Secret
from authfsm.local.config import error_templates
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.state.users import PasswordRecord

# The public value of a 3072-bit group has 768 hexadecimal digits; one zero byte of padding is let pass.
# Whatever is longer is not looked at: the work of a refusal must not grow with what is sent.
_LONGEST_SRP_A: Final = 770


@frozen
class Proof:
    """A proof begun: what the claim is checked against.

    Args:
        realm: the pool's name, or DeviceGroupKey.
        name: USER_ID_FOR_SRP, or DEVICE_KEY.
        credential: the salt and verifier.
        A: the client's public value.
        server: the pool's key pair.
        secret_block: base64, as it was sent.
    """

    realm: str
    name: str
    credential: PasswordRecord
    A: int
    server: srp.ServerEphemeral
    secret_block: Secret[str]

    def parameters(self) -> dict[str, str]:
        """SALT, SRP_B and SECRET_BLOCK, as the challenge carries them."""
        return {
            "SALT": srp.to_hex(self.credential.salt),
            "SRP_B": srp.to_hex(self.server.B),
            "SECRET_BLOCK": self.secret_block.reveal(),
        }

    def check(self, answers: Mapping[str, str]) -> bool:
        """Is the claim right?

        Args:
            answers: PASSWORD_CLAIM_SECRET_BLOCK, PASSWORD_CLAIM_SIGNATURE and TIMESTAMP.

        Raises:
            PoolRefusal: InvalidParameterException: the TIMESTAMP cannot be read.
        """
        timestamp = answers["TIMESTAMP"]
        try:
            moment = srp.parse_timestamp(timestamp)
        except srp.TimestampFormat:
            raise PoolRefusal(error_templates.BAD_TIMESTAMP) from None
        # Measured: a zero-padded day or a wrong weekday is "Incorrect username or password." The moment
        # itself is not compared with the clock: no source says that Cognito does, and the challenge's
        # own life bounds it.
        well_formed = srp.timestamp(moment) == timestamp
        block = self.secret_block.reveal()
        theirs = answers["PASSWORD_CLAIM_SECRET_BLOCK"].encode("utf-8", "replace")
        same_block = hmac.compare_digest(block.encode(), theirs)
        key = srp.server_key(self.server, self.A, self.credential.verifier.reveal())
        signature = answers["PASSWORD_CLAIM_SIGNATURE"]
        signed = srp.verify(key, self.realm, self.name, b64decode(block), timestamp, signature)
        return well_formed and same_block and signed


def begin(
    realm: str, name: str, credential: PasswordRecord, srp_a: str, entropy: Callable[[int], bytes]
) -> Proof:
    """Begin a proof: a fresh key pair, a fresh secret block.

    Args:
        realm: the pool's name, or DeviceGroupKey.
        name: USER_ID_FOR_SRP, or DEVICE_KEY.
        credential: the salt and verifier.
        srp_a: SRP_A, as it came.
        entropy: the pool's.

    Raises:
        PoolRefusal: InvalidParameterException: SRP_A is no public value. "If A % N == 0 ... abort"
            -- RFC 5054, 2.5.4
    """
    if len(srp_a) > _LONGEST_SRP_A:
        raise PoolRefusal(error_templates.BAD_SRP_A)
    try:
        A = srp.from_hex(srp_a, "SRP_A")  # noqa: N806 - RFC 5054's name
        server = srp.server_ephemeral(credential.verifier.reveal(), A, entropy(32))
    except srp.SrpRefused:
        raise PoolRefusal(error_templates.BAD_SRP_A) from None
    secret_block = Secret(b64encode(entropy(96)).decode())
    return Proof(realm, name, credential, A, server, secret_block)


def block_key(secret_block: str) -> str:
    """The second key of a leg that its secret block identifies."""
    return f"block:{secret_block}"
