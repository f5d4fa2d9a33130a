"""Enrolment of authenticator apps: an independent decoder reads every QR code."""

from __future__ import annotations

import pickle
import re
import sys
import traceback
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree import ElementTree as ET

import pyotp
import pytest
import zxingcpp
from attrs.exceptions import FrozenInstanceError
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc.jwk import RSAKey

from authfsm.base.secret import Secret
from authfsm.core.enrolment import Enrolment, NoQrCode
from authfsm.local import LocalPool, ManualClock
from authfsm.protocol import responses as r
from authfsm.protocol.errors import BadField, OperatorError
from authfsm.protocol.replies import MfaSetup, SmsMfa
from authfsm.protocol.states import State

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
PASSWORD = "Correct-Horse-1"
SVG = "{http://www.w3.org/2000/svg}"
Row = list[bool]
"""One row of a picture: the darkness of its modules."""

NAMES = [
    ("Example", "ada"),
    ("Example Corp", "ada@example.com"),
    ("Colon: Co", "ada:admin"),
    ("A/S", "/ada/home/"),
    ("What?", "ada?secret=AAAA&issuer=Evil#top"),
    ("100% & more", "50%25+1"),
    ("Bücher Æ 株式会社", "Ада Лавлейс"),
    ("👩‍💻", "zoë\u200d"),
    (" ", "\u00a0"),
    ('<script>"', "&amp;'"),
]


NAME = st.text(
    st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff"), min_size=1, max_size=40
)


def decode_qr_code(rows: Iterable[Row], invert: bool = False) -> str | None:  # noqa: FBT001, FBT002 - as the decoder has it
    """Return the text that a camera reads in a picture of modules of four pixels each.

    Args:
        rows: the picture.
        invert: read light modules on dark ground as well.
    """
    lines = [bytes(0 if dark else 255 for dark in row for _ in range(4)) for row in rows for _ in range(4)]
    picture = memoryview(b"".join(lines)).cast("B", (len(lines), len(lines[0])))
    barcodes = zxingcpp.read_barcode(picture, try_invert=invert)
    if barcodes is None:
        return None
    assert barcodes.format == zxingcpp.BarcodeFormat.QRCode
    text: str = barcodes.text
    return text


def rows_of_svg(svg: str, scale: float = 4) -> list[Row]:
    """Return the modules of a picture that is one path of horizontal strokes."""
    root = ET.fromstring(svg)  # noqa: S314 - it is our own
    size = round(float(root.attrib["width"]) / scale)
    rows = [[False] * size for _ in range(size)]
    (path,) = (each for each in root.iter(f"{SVG}path") if "stroke" in each.attrib)
    x, y = 0, 0.0
    for command, numbers in re.findall(r"([Mmh])([-\d. ]+)", path.attrib["d"]):
        given_ = [float(number) for number in numbers.split()]
        if command == "M":
            x, y = int(given_[0]), given_[1]
        elif command == "m":
            x, y = x + int(given_[0]), y + given_[1]
        else:
            rows[int(y)][x : x + int(given_[0])] = [True] * int(given_[0])
            x += int(given_[0])
    return rows


def rows_of_terminal(text: str, paper_dark: bool, ink_dark: bool) -> list[Row]:  # noqa: FBT001 - a terminal's theme
    """Return the modules that a terminal shows: two in each character, with its own colours by default."""
    rows = []
    for line in text.splitlines():
        match = re.fullmatch("\x1b\\[38;5;231;48;5;16m(.*)\x1b\\[0m", line)
        blocks = match[1] if match else line
        ink, paper = (False, True) if match else (ink_dark, paper_dark)
        rows.append([ink if each in "█▀" else paper for each in blocks])
        rows.append([ink if each in "█▄" else paper for each in blocks])
    return rows


def parse_uri(uri: str) -> tuple[str, str, str, str]:
    """Return the parts that an app reads from a URI: secret, both issuers and account."""
    parts = urlsplit(uri)
    query = parse_qs(parts.query, strict_parsing=True, keep_blank_values=True)
    assert (parts.scheme, parts.netloc, parts.fragment) == ("otpauth", "totp", "")
    assert set(query) == {"secret", "issuer"}
    assert parts.path.count("/") == 1  # an app that takes the path's last segment has all of it
    prefix, _, account = parts.path[1:].partition(":")
    return query["secret"][0], query["issuer"][0], unquote(prefix), unquote(account)


@pytest.mark.parametrize(("issuer", "account"), NAMES)
def test_odd_names(issuer: str, account: str) -> None:
    """Names with special characters or in any script are the same in the scanned QR code."""
    enrolment = Enrolment(SECRET, issuer, account)
    uri = enrolment.uri.reveal()

    assert parse_uri(uri) == (SECRET, issuer, issuer, account)
    assert uri.isascii()
    assert decode_qr_code(rows_of_svg(enrolment.svg())) == uri
    assert decode_qr_code(rows_of_terminal(enrolment.terminal(), paper_dark=True, ink_dark=False)) == uri


@settings(deadline=None, max_examples=60)  # the largest codes take segno half a second
@given(issuer=NAME, account=NAME)
def test_any_names(issuer: str, account: str) -> None:
    """Any names are the same in the scanned QR code."""
    enrolment = Enrolment(SECRET, issuer, account)

    assert parse_uri(enrolment.uri.reveal()) == (SECRET, issuer, issuer, account)
    assert decode_qr_code(rows_of_svg(enrolment.svg())) == enrolment.uri.reveal()


def test_the_usual_uri() -> None:
    """The URI has the form of Google's "Key Uri Format"."""
    assert Enrolment(SECRET, "Example Corp", "ada@example.com").uri == Secret(
        "otpauth://totp/Example%20Corp:ada%40example.com?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Example%20Corp"
    )


def test_dark_and_light_terminals() -> None:
    """With colours the code can be scanned on any terminal.

    Without, on a dark one; inverted, on a light one.
    """
    enrolment = Enrolment(SECRET, "Example", "ada")
    uri = enrolment.uri.reveal()
    dark, light = ({"paper_dark": True, "ink_dark": False}, {"paper_dark": False, "ink_dark": True})
    coloured, plain = enrolment.terminal(), enrolment.terminal(colour=False)

    assert decode_qr_code(rows_of_terminal(coloured, **dark)) == uri
    assert decode_qr_code(rows_of_terminal(coloured, **light)) == uri
    assert decode_qr_code(rows_of_terminal(plain, **dark)) == uri
    assert decode_qr_code(rows_of_terminal(plain, **light)) is None
    assert decode_qr_code(rows_of_terminal(plain, **light), invert=True) == uri
    assert "\x1b" not in plain
    assert plain.endswith(("█\n", "▀\n"))
    assert {len(line) for line in plain.splitlines()} <= set(range(81))
    assert len({len(line) for line in plain.splitlines()}) == 1


def test_an_svg_for_a_page() -> None:
    """The SVG has a size, a background, a title for screen readers, and no secret in clear."""
    enrolment = Enrolment(SECRET, "<Example>", "ada")
    svg = enrolment.svg(dark="navy", light="#fed", scale=2.5)
    root = ET.fromstring(svg)  # noqa: S314 - the same

    assert root.tag == f"{SVG}svg"
    assert root.attrib["width"] == root.attrib["height"]
    assert root.findtext(f"{SVG}title") == "QR code for ada at <Example>"
    ground, modules = root.iter(f"{SVG}path")
    assert (ground.attrib["fill"], modules.attrib["stroke"]) == ("#fed", "#000080")
    assert decode_qr_code(rows_of_svg(svg, 2.5)) == enrolment.uri.reveal()
    assert SECRET not in svg
    assert svg.startswith("<svg ")  # in the middle of a page, too
    for wrong in ({"dark": '"/><script>'}, {"light": "no colour"}, {"scale": 0}):
        with pytest.raises(ValueError, match=r"color|scale"):
            enrolment.svg(**wrong)


@pytest.mark.parametrize("scale", [0, -1, float("nan"), "4"])
def test_a_scale_that_is_no_positive_number(scale: Any) -> None:
    """A scale that is not a number above 0 raises an error that names it; no picture of size NaN is drawn."""
    with pytest.raises((ValueError, TypeError), match="scale must be"):
        Enrolment(SECRET, "Example", "ada").svg(scale=scale)


def test_only_named_methods_draw() -> None:
    """Neither repr, Jupyter nor pickle shows the secret or its code."""
    enrolment = Enrolment(SECRET, "Example", "ada")

    assert repr(enrolment) == str(enrolment) == "Enrolment(secret_code=Secret(****), issuer='Example', account='ada')"
    assert repr(enrolment.uri) == "Secret(****)"
    assert [name for name in dir(enrolment) if name.startswith(("_repr_", "_ipython_"))] == []
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(enrolment)
    with pytest.raises(FrozenInstanceError):
        setattr(enrolment, "issuer", "Evil")  # noqa: B010 - that is the claim
    assert enrolment == Enrolment(Secret(SECRET), "Example", "ada") != Enrolment(SECRET, "x", "ada")
    assert len({enrolment, Enrolment(SECRET, "Example", "ada")}) == 1


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        (("", "Example", "ada"), "secret_code"),
        (("n0t-base32!-at-all-and-quite-long", "Example", "ada"), "secret_code"),
        (("JBSWY3DP", "Example", "ada"), "secret_code"),
        ((None, "Example", "ada"), "secret_code"),
        ((SECRET, "", "ada"), "issuer"),
        ((SECRET, "Example", ""), "account"),
        ((SECRET, None, "ada"), "issuer"),
        ((SECRET, "Example", "\ud800"), "account"),
        ((SECRET, "Example", "ada\n"), "account"),
        ((SECRET, "\x1b[31mExample", "ada"), "issuer"),
        ((SECRET, "Example\uffff", "ada"), "issuer"),
    ],
)
def test_invalid_fields(fields: Any, field: str) -> None:
    """The error names an invalid field, but not its value."""
    with pytest.raises(BadField) as caught:
        Enrolment(*fields)

    assert (caught.value.response, caught.value.field) == (Enrolment, field)
    traceback_text = "".join(traceback.format_exception(caught.value))
    assert [text for text in ("n0t-base32", "JBSWY3DP") if text in traceback_text] == []
    if field == "secret_code":
        assert caught.value.__context__ is None


def test_names_that_are_too_long() -> None:
    """Names too long for a QR code are refused; the URI still works."""
    enrolment = Enrolment(SECRET, "Example", "株" * 400)

    for draw in (enrolment.svg, enrolment.terminal):
        with pytest.raises(BadField, match="too long") as caught:
            draw()
        assert caught.value.__context__ is None
    assert parse_uri(enrolment.uri.reveal())[3] == "株" * 400


def test_without_segno(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra the URI still works, and drawing says what to install."""
    monkeypatch.setitem(sys.modules, "segno", None)
    enrolment = Enrolment(SECRET, "Example", "ada")

    assert parse_uri(enrolment.uri.reveal()) == (SECRET, "Example", "Example", "ada")
    for draw in (enrolment.svg, enrolment.terminal):
        with pytest.raises(NoQrCode, match=r"pip install 'authfsm\[qr\]'") as caught:
            draw()
        assert isinstance(caught.value, OperatorError)


def test_a_user_scans_it_during_sign_in(signing_key: RSAKey) -> None:
    """During MFA_SETUP the code is scanned, and the app's codes are accepted then and at the next sign-in."""
    clock = ManualClock()
    pool = LocalPool(key=signing_key, clock=clock, mfa="ON", mfa_methods=["SOFTWARE_TOKEN_MFA"])
    pool.add_user("ada", password=PASSWORD)
    flow = pool.cognito().sign_in("ada", PASSWORD)
    assert isinstance(flow.challenge, MfaSetup)
    with pytest.raises(BadField, match="is not known yet"):
        Enrolment.of(flow.challenge, issuer="Example")
    other: Any
    for other in (SmsMfa(name="SMS_MFA"), None, "MFA_SETUP"):
        why = f"is not known yet in {type(other).__name__}: answer MfaSetup by AssociateSoftwareToken"
        with pytest.raises(BadField, match=why):
            Enrolment.of(other, issuer="Example")

    flow.answer(r.AssociateSoftwareToken())
    assert isinstance(flow.challenge, MfaSetup)
    enrolment = Enrolment.of(flow.challenge, issuer="Example")
    assert (enrolment.issuer, enrolment.account) == ("Example", "ada")
    scanned = decode_qr_code(rows_of_terminal(enrolment.terminal(), paper_dark=False, ink_dark=True))
    assert scanned is not None
    app = pyotp.parse_uri(scanned)
    assert isinstance(app, pyotp.TOTP)
    assert (app.issuer, app.name, app.digits, app.interval) == ("Example", "ada", 6, 30)
    flow.answer(r.VerifySoftwareToken(app.at(clock())))
    assert flow.answer(r.CompleteMfaSetup()) is State.AUTHENTICATED

    clock.advance(30)
    flow = pool.cognito().sign_in("ada", PASSWORD)
    assert flow.answer(r.Code(app.at(clock()))) is State.AUTHENTICATED
    assert Enrolment.of(
        MfaSetup(name="MFA_SETUP", secret_code=Secret(SECRET)), issuer="Example", account="a b"
    ) == Enrolment(SECRET, "Example", "a b")
