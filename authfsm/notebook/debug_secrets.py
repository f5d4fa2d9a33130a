"""What an embedded pool would have sent, what an authenticator app would show, what SRP reckons: for one look.

These are secrets. They are told to whoever looks at the page, at the moment it is asked for, and go into no
widget's state: a notebook that is saved does not have them.
"""

from __future__ import annotations

from typing import Any

from attrs import frozen
from pyotp import TOTP

from authfsm.base.secret import Secret
from authfsm.core.enrolment import Enrolment
from authfsm.notebook.recording import SignInRecording
from authfsm.protocol import replies
from authfsm.protocol.errors import AuthfsmError


@frozen
class Aside:
    """What is told for one look.

    Args:
        says: where the code comes from.
        code: the code that would be right now.
        picture: the QR code of an authenticator app's secret, as SVG.
        key: that secret, to be typed.
    """

    says: str = ""
    code: Secret[str] | None = None
    picture: Secret[str] | None = None
    key: Secret[str] | None = None

    def told(self) -> dict[str, Any]:
        """It in clear, for the message to the page."""
        return {
            "says": self.says,
            "code": self.code and self.code.reveal(),
            "picture": self.picture and self.picture.reveal(),
            "key": self.key and self.key.reveal(),
        }


NOTHING = Aside()


def aside(tape: SignInRecording, issuer: str) -> Aside:
    """What helps with the present challenge; nothing where nothing is known.

    Args:
        tape: the sign-in.
        issuer: as an authenticator app will show it.
    """
    match tape.flow.challenge:
        case replies.SmsMfa() | replies.SmsOtp() | replies.EmailOtp():
            return _sent(tape)
        case replies.SoftwareTokenMfa():
            return _app(tape)
        case replies.MfaSetup() as asked if asked.secret_code is not None and not asked.verified:
            return _enrolment(tape, asked, issuer)
        case _:
            return NOTHING


def _sent(tape: SignInRecording) -> Aside:
    if tape.pool is None or not len(tape.pool.outbox):
        return NOTHING
    asked, last = tape.flow.challenge, tape.pool.outbox[-1]
    if asked is None or last.purpose != asked.state:
        return NOTHING
    return Aside(f"The pool would have sent, to {last.to}:", last.code)


def _app(tape: SignInRecording) -> Aside:
    if tape.pool is None:
        return NOTHING
    try:
        token = tape.pool.user(tape.flow.signin.username or tape.username).software_token
    except LookupError:
        return NOTHING
    if token is None:
        return NOTHING
    return Aside("The authenticator app would show:", _totp(token.secret, tape))


def _enrolment(tape: SignInRecording, asked: replies.MfaSetup, issuer: str) -> Aside:
    secret = asked.secret_code
    assert secret is not None  # noqa: S101 - the caller has looked
    try:
        drawn = Enrolment.of(asked, issuer=issuer, account=tape.username)
        picture = Secret(drawn.svg(scale=3))
    except AuthfsmError:  # no segno, or a key that is none: the text is left
        picture = None
    return Aside("The authenticator app would show:", _totp(secret, tape), picture, secret)


def _totp(secret: Secret[str], tape: SignInRecording) -> Secret[str]:
    return Secret(TOTP(secret.reveal()).at(tape.cognito.clock()))
