"""SRP's values between SRP_A and the signature, by the papers' names, for those who learn it.

They are computed once more from what the flow holds, by the arithmetic that makes the proof; a, x and S are
secrets, so a reader asks for them, and sees their ends only.
"""

from __future__ import annotations

from typing import Final

from attrs import frozen

from authfsm import srp
from authfsm.base.secret import Secret
from authfsm.drivers.base_flow import BaseFlow
from authfsm.protocol.replies import DevicePasswordVerifier, PasswordVerifier

_ENDS: Final = 8


@frozen
class SrpValue:
    """One value of the proof.

    Args:
        name: as the SRP papers have it.
        formula: how it comes about.
        shortened: its hexadecimal digits, both ends, and its length.
    """

    name: str
    formula: str
    shortened: str


def srp_values(flow: BaseFlow) -> tuple[SrpValue, ...]:
    """The values of the proof that is due; none where no proof is.

    Args:
        flow: a sign-in in PASSWORD_VERIFIER or DEVICE_PASSWORD_VERIFIER that holds its password.
    """
    asked, mine = flow.challenge, flow._ephemeral  # noqa: SLF001 - one of our own house
    match asked:
        case PasswordVerifier() if flow._password is not None and flow.signin.pool_id is not None:  # noqa: SLF001 - the same
            realm, name = srp.pool_name(flow.signin.pool_id), asked.user_id_for_srp
            password = flow._password  # noqa: SLF001 - the same
        case DevicePasswordVerifier() if flow.device is not None:
            realm, name, password = flow.device.group_key, flow.device.key, flow.device.password
        case _:
            return ()
    if mine is None:
        return ()
    x = Secret(srp.private_key(realm, name, password, asked.salt))
    u = srp.scrambler(mine.A, asked.B)
    S = srp.shared_secret(mine, asked.B, x)  # noqa: N806 - the papers call it S
    key = srp.derived_key(S, u)
    return (
        _value("a", "32 random bytes, kept here", mine.a.reveal()),
        _value("A", "g^a mod N, sent as SRP_A", mine.A),
        _value("s", "SALT, as it came", asked.salt),
        _value("B", "k v + g^b mod N, SRP_B as it came", asked.B),
        _value("x", 'H(padHex(s) | H(realm | name | ":" | password))', x.reveal()),
        _value("u", "H(padHex(A) | padHex(B))", u),
        _value("S", "(B - k g^x)^(a + u x) mod N", S),
        SrpValue("K", "HKDF-SHA256(S, salt u), 16 bytes, which sign", f"{key.hex()[:_ENDS]}…"),
    )


def _value(name: str, formula: str, number: int) -> SrpValue:
    digits = f"{number:x}"
    return SrpValue(
        name, formula, f"{digits[:_ENDS]}…{digits[-_ENDS:]} ({number.bit_length()} bits)"
    )
