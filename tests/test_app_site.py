"""The example site in a real browser, against a local pool: every way to sign in."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import timedelta

import pyotp
import pytest
import zxingcpp
from apps.site.local import PASSWORD, TOTP
from apps.site_visits import (
    Visit,
    authenticator,
    begin,
    begin_without_password,
    enter_text,
    notice,
    press,
    title,
    title_and_notice,
)
from PIL import Image

pytest_plugins = ["apps.fixtures"]
VisitOf = Callable[..., Visit]


def test_password_and_sms(visit_of: VisitOf) -> None:
    """SRP, then a wrong and the right code; signing out revokes the tokens."""
    v = visit_of()
    page = v.open_page()
    assert title_and_notice(page) == ("Sign in", None)

    begin(page, "ada")
    assert title_and_notice(page) == ("Enter the code", None)
    assert "by SMS to +*******0143" in page.inner_text("main")
    assert v.path() == ["PASSWORD_VERIFIER", "SMS_MFA"]

    enter_text(page, "Code", "000000" if v.code("ada") != "000000" else "111111")
    assert title_and_notice(page) == ("Enter the code", "That code is not right. Check it, and try again.")
    assert v.path() == ["SMS_MFA"]

    enter_text(page, "Code", f" {v.code('ada')[:3]} {v.code('ada')[3:]} ")  # as an SMS may show it
    assert title_and_notice(page) == ("Welcome, ada", None)
    assert v.path() == ["AUTHENTICATED"]
    assert sorted(cookie["name"] for cookie in page.context.cookies()) == ["tokens-0", "tokens-1"]

    press(page, "Sign out")
    assert title_and_notice(page) == ("Sign in", "You have signed out.")
    assert page.context.cookies() == []
    assert v.wire.received[-1] == "RevokeToken"
    page.goto("/")
    assert title_and_notice(page) == ("Sign in", None)


def test_authenticator_app_by_qr_code(visit_of: VisitOf) -> None:
    """The QR code on the page is all that an app needs; a wrong code can be repeated."""
    v = visit_of(mfa="ON", mfa_methods=["SOFTWARE_TOKEN_MFA"])
    page = v.open_page()
    begin(page, "zoe")
    assert title_and_notice(page) == ("Add a second step", None)
    press(page, "Use an authenticator app")
    assert title_and_notice(page) == ("Add your authenticator app", None)

    barcodes = zxingcpp.read_barcodes(Image.open(io.BytesIO(page.screenshot())))
    app = pyotp.parse_uri(barcodes[0].text)
    assert isinstance(app, pyotp.TOTP)
    assert (app.issuer, app.name) == ("Example", "zoe")
    page.get_by_text("I cannot scan it").click()
    assert app.secret in page.inner_text("details")

    enter_text(page, "Code", "0")
    assert title_and_notice(page) == ("Add your authenticator app", "A code of the authenticator app is six digits.")
    enter_text(page, "Code", app.at(v.clock() + timedelta(hours=1)))
    assert title_and_notice(page) == ("Add your authenticator app", "That code is not right. Check it, and try again.")
    enter_text(page, "Code", app.at(v.clock()))
    assert title_and_notice(page) == ("Welcome, zoe", None)
    assert v.path() == [
        "PASSWORD_VERIFIER", "MFA_SETUP", *["MFA_SETUP"] * 3, "AUTHENTICATED",
    ]  # fmt: skip

    press(page, "Sign out")
    begin(page, "zoe")
    assert "Open your authenticator app" in page.inner_text("main")
    v.clock.advance(30)
    enter_text(page, "Code", app.at(v.clock()))
    assert title_and_notice(page) == ("Welcome, zoe", None)


def test_email_as_second_factor(visit_of: VisitOf) -> None:
    """A user without a second factor may enter an address instead of using an app."""
    v = visit_of(mfa="ON", mfa_methods=["EMAIL_OTP", "SOFTWARE_TOKEN_MFA"])
    page = v.open_page()
    begin(page, "zoe")
    enter_text(page, "E-mail address", "zoe@example.com")
    assert title_and_notice(page) == ("Enter the code", None)
    assert "by e-mail" in page.inner_text("main")

    enter_text(page, "Code", v.code("zoe"))
    assert title_and_notice(page) == ("Welcome, zoe", None)


def test_new_password_and_required_attribute(visit_of: VisitOf) -> None:
    """The user replaces a temporary password and enters a required attribute; the page shows the policy."""
    v = visit_of()
    page = v.open_page()
    begin(page, "nia")
    assert title_and_notice(page) == ("Choose a new password", None)

    page.get_by_label("Name").fill("Nia Onyango")
    enter_text(page, "New password", "short")
    assert title_and_notice(page) == ("Choose a new password", "The password is too short. Choose a longer one.")
    page.get_by_label("Name").fill("Nia Onyango")
    enter_text(page, "New password", f"{PASSWORD}-new")
    assert title_and_notice(page) == ("Welcome, nia", None)
    assert v.pool.user("nia").attributes["name"] == "Nia Onyango"
    assert v.path() == [
        "PASSWORD_VERIFIER", "NEW_PASSWORD_REQUIRED", "NEW_PASSWORD_REQUIRED", "AUTHENTICATED",
    ]  # fmt: skip


def test_email_as_first_factor(visit_of: VisitOf) -> None:
    """The user chooses a code by email instead of the password."""
    v = visit_of()
    page = v.open_page()
    begin_without_password(page, "eve")
    assert title_and_notice(page) == ("Choose how to sign in", None)
    press(page, "A code by e-mail")
    assert "by e-mail to e***@e***" in page.inner_text("main")
    enter_text(page, "Code", v.code("eve"))

    assert title_and_notice(page) == ("Welcome, eve", None)
    assert v.path() == ["SELECT_CHALLENGE", "EMAIL_OTP", "AUTHENTICATED"]


def test_choosing_the_password(visit_of: VisitOf) -> None:
    """A chosen password is proved by SRP."""
    v = visit_of()
    page = v.open_page()
    begin_without_password(page, "eve")
    enter_text(page, "Password", PASSWORD)

    assert title_and_notice(page) == ("Welcome, eve", None)
    assert v.path() == ["SELECT_CHALLENGE", "PASSWORD_VERIFIER", "AUTHENTICATED"]


def test_choosing_the_second_factor(visit_of: VisitOf) -> None:
    """A user with two second factors chooses the app."""
    v = visit_of()
    page = v.open_page()
    begin(page, "sol")
    assert title_and_notice(page) == ("Choose how to sign in", None)
    press(page, "A code of your authenticator app")
    enter_text(page, "Code", pyotp.TOTP(TOTP).at(v.clock()))

    assert title_and_notice(page) == ("Welcome, sol", None)
    assert v.path() == [
        "PASSWORD_VERIFIER", "SELECT_MFA_TYPE", "SOFTWARE_TOKEN_MFA", "AUTHENTICATED",
    ]  # fmt: skip


def test_custom_challenge(visit_of: VisitOf) -> None:
    """The page shows the Lambda's public parameters; a wrong answer ends the attempt."""
    v = visit_of()
    page = v.open_page()
    for answer, heading in (("41", "Sign in"), ("42", "Welcome, eve")):
        page.get_by_label("User name").fill("eve")
        press(page, "Answer a question")
        assert title_and_notice(page) == ("One question", None)
        enter_text(page, "What is six times seven?", answer)
        assert title(page) == heading

    assert v.path() == ["CUSTOM_CHALLENGE", "FAILED", "CUSTOM_CHALLENGE", "AUTHENTICATED"]


def test_passkey(visit_of: VisitOf) -> None:
    """A signed-in user creates a passkey in the browser, and signs in with it."""
    v = visit_of()
    page = v.open_page()
    authenticator(page)
    begin(page, "eve")
    page.get_by_role("link", name="Your passkeys").click()
    assert title_and_notice(page) == ("Your passkeys", None)
    assert "You have none yet" in page.inner_text("main")
    press(page, "Add a passkey")
    assert title_and_notice(page) == ("Your passkeys", "Your passkey was added. Next time you can sign in with it.")
    assert page.locator("li").count() == 1
    page.goto("/")
    press(page, "Sign out")
    v.path()

    begin_without_password(page, "eve")
    press(page, "A passkey")
    assert title_and_notice(page) == ("Use your passkey", None)
    press(page, "Use the passkey")
    assert title_and_notice(page) == ("Welcome, eve", None)
    assert v.path() == ["SELECT_CHALLENGE", "WEB_AUTHN", "AUTHENTICATED"]


def test_missing_passkey(visit_of: VisitOf) -> None:
    """A user who cancels or has another authenticator sees the reason, and can start again."""
    v = visit_of()
    page = v.open_page()
    authenticator(page)
    begin(page, "eve")
    page.goto("/passkeys")
    press(page, "Add a passkey")

    elsewhere = v.open_page()
    authenticator(elsewhere)
    begin_without_password(elsewhere, "eve")
    press(elsewhere, "A passkey")
    elsewhere.get_by_role("button", name="Use the passkey").click()
    elsewhere.get_by_role("alert").wait_for()
    assert notice(elsewhere) == ("The passkey was not used. Try again, or start again and choose another way.")
    elsewhere.get_by_role("link", name="Start again").click()
    begin_without_password(elsewhere, "eve")
    assert title_and_notice(elsewhere) == ("Choose how to sign in", None)


def test_remembered_device(visit_of: VisitOf) -> None:
    """A remembered device replaces the code at the next sign-in of this user."""
    v = visit_of()
    page = v.open_page()
    begin(page, "ada", remember=True)
    enter_text(page, "Code", v.code("ada"))
    assert title_and_notice(page) == ("Welcome, ada", None)
    assert v.path() == [
        "PASSWORD_VERIFIER", "SMS_MFA", "AUTHENTICATED", "AUTHENTICATED", "AUTHENTICATED",
    ]  # fmt: skip
    (device,) = v.pool.user("ada").devices.values()
    assert (device.name, device.remembered) == ("a browser at Example", True)
    press(page, "Sign out")
    v.path()

    begin(page, "ada")
    assert title_and_notice(page) == ("Welcome, ada", None)
    assert v.path() == [
        "PASSWORD_VERIFIER", "DEVICE_SRP_AUTH", "DEVICE_PASSWORD_VERIFIER", "AUTHENTICATED",
    ]  # fmt: skip
    press(page, "Sign out")
    v.path()

    begin(page, "sol")
    assert title_and_notice(page) == ("Choose how to sign in", None)
    v.path()

    # Forgotten at Cognito: the site forgets it too, and the code is asked for.
    del v.pool.user("ada").devices[device.key]
    page.goto("/")
    begin(page, "ada")
    assert title_and_notice(page) == ("Enter the code", None)
    assert [cookie for cookie in page.context.cookies() if "device" in cookie["name"]] == []


def test_refused_device(visit_of: VisitOf) -> None:
    """A device whose proof is refused is not used again: the next sign-in asks for the code."""
    v = visit_of()
    page = v.open_page()
    begin(page, "ada", remember=True)
    enter_text(page, "Code", v.code("ada"))
    (device,) = v.pool.user("ada").devices.values()
    device.credential = v.pool.user("zoe").credential
    press(page, "Sign out")

    begin(page, "ada")
    assert title(page) == "Sign in"
    assert v.path()[-2:] == ["DEVICE_PASSWORD_VERIFIER", "FAILED"]
    begin(page, "ada")
    assert title_and_notice(page) == ("Enter the code", None)
    enter_text(page, "Code", v.code("ada"))
    assert title_and_notice(page) == ("Welcome, ada", None)


def test_device_not_remembered(visit_of: VisitOf) -> None:
    """Without the tick nothing is stored, and every sign-in asks for the code."""
    v = visit_of()
    page = v.open_page()
    begin(page, "ada")
    enter_text(page, "Code", v.code("ada"))
    press(page, "Sign out")
    begin(page, "ada")

    assert title_and_notice(page) == ("Enter the code", None)
    assert [each.credential for each in v.pool.user("ada").devices.values()] in ([], [None])


@pytest.mark.parametrize("username", ["ada", "eve", "nia"])
def test_without_javascript(visit_of: VisitOf, username: str) -> None:
    """Everything except passkeys works without JavaScript."""
    v = visit_of()
    page = v.open_page(java_script_enabled=False)
    if username == "eve":
        begin_without_password(page, "eve")
        press(page, "A code by e-mail")
    else:
        begin(page, username)
    if username == "nia":
        page.get_by_label("Name").fill("Nia Onyango")
        enter_text(page, "New password", f"{PASSWORD}-new")
    else:
        enter_text(page, "Code", v.code(username))
    assert title_and_notice(page) == (f"Welcome, {username}", None)

    page.goto("/passkeys")
    assert "Passkeys need JavaScript." in page.inner_text("main")
    assert page.get_by_role("button", name="Add a passkey").is_disabled()
