"""Secrets that the page shows on request: the code that would be right, and the values of an SRP proof.

They are sent to the page as messages and are part of no widget's state, so that a saved notebook does not
contain them.
"""

from __future__ import annotations

from typing import Final

from attrs import frozen
from pyotp import TOTP

from authfsm import srp
from authfsm.base.secret import Secret
from authfsm.core.enrolment import Enrolment
from authfsm.drivers.base_flow import BaseFlow
from authfsm.notebook.recording import SignInRecording
from authfsm.protocol import replies
from authfsm.protocol.errors import AuthfsmError

_ISSUER: Final = "authfsm"
_SHOWN_DIGITS: Final = 8


@frozen
class DebugSecrets:
    """What helps to answer a challenge: the right code, or an authenticator app's secret."""

    explanation: str = ""
    code: Secret[str] | None = None
    qr_code: Secret[str] | None = None
    key: Secret[str] | None = None

    def reveal(self) -> dict[str, str]:
        """Return it in plain text, for the message to the page."""
        secrets = {"code": self.code, "qr_code": self.qr_code, "key": self.key}
        revealed = {name: each.reveal() for name, each in secrets.items() if each is not None}
        return {"explanation": self.explanation, **revealed}


def debug_secrets(recording: SignInRecording) -> DebugSecrets | None:
    """Return what helps with the present challenge; None where nothing is known."""
    match recording.flow.challenge:
        case replies.SmsMfa() | replies.SmsOtp() | replies.EmailOtp() as challenge:
            messages = [] if recording.pool is None else list(recording.pool.outbox)
            if messages and (last := messages[-1]).purpose == challenge.state:
                return DebugSecrets(f"The pool would have sent this code to {last.to}:", last.code)
        case replies.SoftwareTokenMfa():
            if secret := _authenticator_secret(recording):
                return DebugSecrets(_APP, _totp(secret, recording))
        case replies.MfaSetup(secret_code=Secret() as secret, verified=False) as challenge:
            try:
                enrolment = Enrolment.of(challenge, issuer=_ISSUER, account=recording.username)
                qr_code = Secret(enrolment.svg(scale=3))
            except AuthfsmError:  # segno is not installed, or the key is invalid: show the text
                qr_code = None
            return DebugSecrets(_APP, _totp(secret, recording), qr_code, secret)
    return None


_APP: Final = "The authenticator app would show:"


def _authenticator_secret(recording: SignInRecording) -> Secret[str] | None:
    if recording.pool is None:
        return None
    try:
        user = recording.pool.user(recording.flow.signin.username or recording.username)
    except LookupError:
        return None
    return None if user.software_token is None else user.software_token.secret


def _totp(secret: Secret[str], recording: SignInRecording) -> Secret[str]:
    return Secret(TOTP(secret.reveal()).at(recording.cognito.clock()))


# ---- SRP --------------------------------------------------------------------------------------


@frozen
class SrpValue:
    """A value of an SRP proof: its name in the papers, its formula, and its first and last digits."""

    name: str
    formula: str
    shortened: str


def srp_values(flow: BaseFlow) -> tuple[SrpValue, ...]:
    """Return the values of the proof that is due, computed from what the flow holds."""
    challenge, pair = flow.challenge, flow._ephemeral  # noqa: SLF001 - same package
    match challenge:
        case replies.PasswordVerifier() if flow.signin.pool_id is not None:
            realm, name = srp.pool_name(flow.signin.pool_id), challenge.user_id_for_srp
            password = flow._password  # noqa: SLF001 - same package
        case replies.DevicePasswordVerifier() if flow.device is not None:
            realm, name, password = (
                flow.device.device_group_key,
                flow.device.device_key,
                flow.device.password,
            )
        case _:
            return ()
    if pair is None or password is None:
        return ()
    x = Secret(srp.private_key(realm, name, password, challenge.salt))
    u = srp.scrambler(pair.A, challenge.B)
    S = srp.shared_secret(pair, challenge.B, x)  # noqa: N806 - the papers call it S
    key = srp.derived_key(S, u)
    return (
        _srp_value("a", "32 random bytes, kept by the client", pair.a.reveal()),
        _srp_value("A", "g^a mod N, sent as SRP_A", pair.A),
        _srp_value("s", "SALT of the challenge", challenge.salt),
        _srp_value("B", "k v + g^b mod N, SRP_B of the challenge", challenge.B),
        _srp_value("x", 'H(padHex(s) | H(realm | name | ":" | password))', x.reveal()),
        _srp_value("u", "H(padHex(A) | padHex(B))", u),
        _srp_value("S", "(B - k g^x)^(a + u x) mod N", S),
        SrpValue("K", "HKDF-SHA256(S, salt u), the signing key", f"{key.hex()[:_SHOWN_DIGITS]}…"),
    )


def _srp_value(name: str, formula: str, number: int) -> SrpValue:
    digits = f"{number:x}"
    ends = f"{digits[:_SHOWN_DIGITS]}…{digits[-_SHOWN_DIGITS:]}"
    return SrpValue(name, formula, f"{ends} ({number.bit_length()} bits)")
