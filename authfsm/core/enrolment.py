"""A TOTP secret on its way into an authenticator app: as a URI, and as the QR code of that URI.

Whoever sees the code, or the URI, can make the user's codes for ever. So nothing here draws itself: an
`Enrolment` shows neither in its repr nor in Jupyter, and `svg()` and `terminal()` are asked for by name.
In a notebook write `IPython.display.SVG(enrolment.svg())`, and clear that output before the file is
saved: it holds the secret.
"""

from __future__ import annotations

import re
from contextlib import suppress
from io import BytesIO, StringIO
from typing import TYPE_CHECKING, Any, Final

from attrs import Attribute, field, frozen
from pyotp import TOTP

from authfsm.base.secret import Secret, WrapsSecrets, secret
from authfsm.protocol.errors import BadField, OperatorError
from authfsm.protocol.replies import MfaSetup
from authfsm.protocol.validators import is_text

if TYPE_CHECKING:
    from segno import QRCode


class NoQrCode(OperatorError):
    """A QR code is wanted, and what makes one is not installed. The URI needs nothing."""

    def __init__(self) -> None:
        super().__init__(
            "QR codes are made by the package segno, which is not installed: pip install 'authfsm[qr]'"
        )


def _is_usable(enrolment: Any, attribute: Attribute[Any], value: Secret[str]) -> None:
    is_text(enrolment, attribute, value)
    usable = False
    with suppress(ValueError):  # it is told outside: pyotp's frames hold the secret
        usable = bool(TOTP(value.reveal()).at(0))
    if not usable:
        raise BadField(type(enrolment), attribute.name, "must be base32, of at least 112 bits")


# What an XML document cannot hold, and what no app can show: Cognito's own names have none of them.
_UNSHOWABLE: Final = re.compile("[\x00-\x1f\x7f-\x9f\ufffe\uffff]")


def _is_name(enrolment: Any, attribute: Attribute[Any], value: str) -> None:
    is_text(enrolment, attribute, value)
    if _UNSHOWABLE.search(value):
        raise BadField(type(enrolment), attribute.name, "must not hold control characters")


@frozen
class Enrolment(WrapsSecrets):
    """What an authenticator app must be told, once: scanned as a QR code, or typed.

    Its app makes codes of six digits, every 30 seconds, by SHA-1: RFC 6238's defaults, and Cognito's.

    Args:
        secret_code: SecretCode of AssociateSoftwareToken (base32); for people whose camera is of no
            use, `secret_code.reveal()` is what they type.
        issuer: your product's name, as the app will show it.
        account: whose codes these are, as the app will show it: a name that the person knows, and not
            the UUID that is the user name in some pools.
    """

    secret_code: Secret[str] = field(converter=secret, validator=_is_usable)
    issuer: str = field(validator=_is_name)
    account: str = field(validator=_is_name)

    @classmethod
    def of(cls, challenge: MfaSetup, *, issuer: str, account: str | None = None) -> Enrolment:
        """The enrolment that MFA_SETUP asks for, once AssociateSoftwareToken has been answered.

        Args:
            challenge: `flow.challenge`.
            issuer: your product's name.
            account: whose codes these are; the user name, if left out.

        Raises:
            BadField: the secret is not here yet; or a text is empty.
        """
        if challenge.secret_code is None:
            raise BadField(
                cls, "secret_code", "is not known yet: answer AssociateSoftwareToken first"
            )
        return cls(challenge.secret_code, issuer, account or challenge.username or "")

    @property
    def uri(self) -> Secret[str]:
        """The secret, the issuer and the account in one otpauth:// URI, percent-encoded.

        Source: "Key Uri Format" of google-authenticator. It forbids a colon in the issuer and in the
        account; user names have some all the same. Here one is written %3A: an app that tells the two
        apart before it decodes shows it, another cuts the name there. The codes are right in both.
        """
        plain = TOTP(self.secret_code.reveal()).provisioning_uri(
            name=self.account, issuer_name=self.issuer
        )
        # "The label ... should be encoded ... according to RFC 3986": to pyotp a "/" is plain text, and
        # to an app that reads paths it is where the label ends.
        scheme, _, rest = plain.partition("://totp/")
        label, _, query = rest.partition("?")
        return Secret(f"{scheme}://totp/{label.replace('/', '%2F')}?{query}")

    def svg(self, *, dark: str = "#000", light: str = "#fff", scale: float = 4) -> str:
        """The QR code as an SVG element, to be put into a page of HTML or a file. It shows the secret.

        Args:
            dark: the colour of its modules, as CSS has it.
            light: the colour behind them. A code is read by its contrast, on any page.
            scale: pixels a module.

        Raises:
            NoQrCode: segno is not installed (`authfsm[qr]`).
            BadField: issuer and account are too long for a QR code.
            ValueError: a colour is none, or the scale is not above 0.
        """
        drawn = BytesIO()
        self._code().save(
            drawn,
            kind="svg",
            xmldecl=False,
            nl=False,
            dark=dark,
            light=light,
            scale=scale,
            svgclass=None,
            lineclass=None,
            title=f"QR code for {self.account} at {self.issuer}",
        )
        return drawn.getvalue().decode()

    def terminal(self, *, colour: bool = True) -> str:
        """The QR code as lines of half blocks, to be printed. It shows the secret.

        Args:
            colour: say white and black outright, by ANSI escapes, so that it reads the same on dark
                and on light terminals. Without, it is right on a dark one and inverted on a light one.

        Raises:
            NoQrCode: segno is not installed (`authfsm[qr]`).
            BadField: issuer and account are too long for a QR code.
        """
        drawn = StringIO()
        self._code().terminal(drawn, compact=True)
        lines = drawn.getvalue().splitlines()
        if colour:
            # Blocks are the light modules. 231 and 16 are white and black in the cube of 256 colours,
            # which themes leave alone; they do change the first sixteen.
            lines = [f"\x1b[38;5;231;48;5;16m{line}\x1b[0m" for line in lines]
        return "\n".join(lines) + "\n"

    def _code(self) -> QRCode:
        try:
            import segno  # noqa: PLC0415 - an extra, and only drawing needs it
        except ImportError:
            raise NoQrCode from None
        code: QRCode | None = None
        with suppress(segno.DataOverflowError):  # it is told outside: its frames hold the URI
            code = segno.make_qr(self.uri.reveal())
        if code is None:
            raise BadField(type(self), "account", "and issuer are too long for a QR code")
        return code
