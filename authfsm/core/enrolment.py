"""The TOTP secret for an authenticator app, as a URI and as the QR code of that URI.

Whoever sees the QR code or the URI can generate the user's codes from then on. So neither the repr of an `Enrolment`
nor Jupyter shows them; only `svg()` and `terminal()` draw the QR code. In a notebook use
`IPython.display.SVG(enrolment.svg())`, and clear that output before you save the file: it contains the secret.
"""

from __future__ import annotations

import re
from contextlib import suppress
from io import BytesIO, StringIO
from typing import TYPE_CHECKING, Any, Final

from attrs import Attribute, field, frozen
from pyotp import TOTP

from authfsm.base.clock import positive
from authfsm.base.secret import Secret, WrapsSecrets, secret
from authfsm.protocol.errors import BadField, OperatorError
from authfsm.protocol.replies import MfaSetup
from authfsm.protocol.validators import is_text

if TYPE_CHECKING:
    from segno import QRCode

# Characters that XML cannot contain and no app displays; names in Cognito have none of them.
_CONTROL_CHARACTERS: Final = re.compile("[\x00-\x1f\x7f-\x9f\ufffe\uffff]")


class NoQrCode(OperatorError):
    """QR codes need the package segno, which is not installed; `Enrolment.uri` works without it."""

    def __init__(self) -> None:
        super().__init__("QR codes need the package segno, which is not installed: pip install 'authfsm[qr]'")


def _is_usable(enrolment: Any, attribute: Attribute[Any], value: Secret[str]) -> None:
    is_text(enrolment, attribute, value)
    usable = False
    with suppress(ValueError):  # BadField is raised after this block, because pyotp's frames contain the secret
        usable = bool(TOTP(value.reveal()).at(0))
    if not usable:
        raise BadField(type(enrolment), attribute.name, "must be base32, of at least 112 bits")


def _is_name(enrolment: Any, attribute: Attribute[Any], value: str) -> None:
    is_text(enrolment, attribute, value)
    if _CONTROL_CHARACTERS.search(value):
        raise BadField(type(enrolment), attribute.name, "must not contain control characters")


@frozen
class Enrolment(WrapsSecrets):
    """The data that an authenticator app needs. The user scans it as a QR code, or types it.

    The codes have six digits, last 30 seconds and use SHA-1: the defaults of RFC 6238, and of Cognito.

    Args:
        secret_code: SecretCode of AssociateSoftwareToken (base32); users without a camera type
            `secret_code.reveal()`.
        issuer: your product's name, as the app will show it.
        account: the account's name, as the app will show it: a name that the user knows, not the UUID
            that is the user name in some pools.
    """

    secret_code: Secret[str] = field(converter=secret, validator=_is_usable)
    issuer: str = field(validator=_is_name)
    account: str = field(validator=_is_name)

    @classmethod
    def of(cls, challenge: MfaSetup, *, issuer: str, account: str | None = None) -> Enrolment:
        """Return the enrolment for MFA_SETUP; by default the account is the user name.

        Raises:
            BadField: the challenge is no `MfaSetup` with a secret code; or a name is empty, or has control characters.
        """
        if not isinstance(challenge, MfaSetup) or challenge.secret_code is None:
            why = f"is not known yet in {type(challenge).__name__}: answer MfaSetup by AssociateSoftwareToken() first"
            raise BadField(cls, "secret_code", why)
        return cls(challenge.secret_code, issuer, account or challenge.username or "")

    @property
    def uri(self) -> Secret[str]:
        """The secret, the issuer and the account in one otpauth:// URI, percent-encoded.

        Source: "Key Uri Format" of google-authenticator. It forbids a colon in the issuer and the account,
        but some user names contain one. Here it is written %3A. Apps that split the label before decoding show
        the colon; apps that decode first cut the name at the colon. The codes are right in both.
        """
        plain = TOTP(self.secret_code.reveal()).provisioning_uri(name=self.account, issuer_name=self.issuer)
        # "The label ... should be encoded ... according to RFC 3986". pyotp does not encode "/", where some
        # apps end the label.
        scheme, _, rest = plain.partition("://totp/")
        label, _, query = rest.partition("?")
        return Secret(f"{scheme}://totp/{label.replace('/', '%2F')}?{query}")

    def svg(self, *, dark: str = "#000", light: str = "#fff", scale: float = 4) -> str:
        """Return the QR code as an SVG element, for a file or an HTML page. It contains the secret.

        Args:
            dark: the CSS colour of the modules.
            light: the CSS colour of the background; scanners need the contrast.
            scale: pixels per module.

        Raises:
            NoQrCode: segno is not installed (`authfsm[qr]`).
            BadField: issuer and account are too long for a QR code.
            ValueError, TypeError: a colour is not valid, or the scale is not a number above 0.
        """
        positive("scale", scale)
        svg, title = BytesIO(), f"QR code for {self.account} at {self.issuer}"
        element: Any = {"xmldecl": False, "nl": False, "svgclass": None, "lineclass": None}
        colours: Any = {"dark": dark, "light": light}
        self._qr_code().save(svg, kind="svg", scale=scale, title=title, **colours, **element)
        return svg.getvalue().decode()

    def terminal(self, *, colour: bool = True) -> str:
        """Return the QR code as lines of half blocks, to be printed. It contains the secret. Errors: as for `svg`.

        Args:
            colour: set white and black by ANSI escapes, for dark and light terminals. If False, the code is right on
                a dark terminal and inverted on a light one.
        """
        text = StringIO()
        self._qr_code().terminal(text, compact=True)
        lines = text.getvalue().splitlines()
        if colour:
            # Blocks are the light modules. 231 and 16 are white and black among the 256 colours; terminal
            # themes change only the first sixteen.
            lines = [f"\x1b[38;5;231;48;5;16m{line}\x1b[0m" for line in lines]
        return "\n".join(lines) + "\n"

    def _qr_code(self) -> QRCode:
        try:
            import segno  # noqa: PLC0415 - an extra, needed only to draw
        except ImportError:
            raise NoQrCode from None
        code: QRCode | None = None
        with suppress(segno.DataOverflowError):  # BadField is raised after this block: segno's frames contain the URI
            code = segno.make_qr(self.uri.reveal())
        if code is None:
            raise BadField(type(self), "account", "and issuer are too long for a QR code")
        return code
