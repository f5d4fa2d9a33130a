"""The example site when something goes wrong: the sign-in stays where it was, and the page says what to do."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from apps.site import guarding
from apps.site.local import PASSWORD
from apps.visiting import (
    Visit,
    begin,
    give,
    here,
    press,
    title,
)
from playwright.sync_api import Page
from serving import Web

pytest_plugins = ["apps.fixtures"]
VisitOf = Callable[..., Visit]
ENDED = "Your sign-in has ended: it took too long, or was answered already. Start again."
EARLIER = "That page was of an earlier step. This is where your sign-in stands."


@pytest.fixture
def page(v: Visit) -> Page:
    """Ada, who is asked for the code that was sent to her."""
    page = v.person()
    begin(page, "ada")
    assert here(page) == ("Enter the code", None)
    v.path()
    return page


# ---- what people do --------------------------------------------------------------------------------------


def test_reload_in_the_middle(v: Visit, page: Page) -> None:
    """A page that is loaded again is the same page: nothing is sent, to anybody."""
    sent = len(v.pool.outbox)
    for _ in range(3):
        page.reload()
        assert here(page) == ("Enter the code", None)
    give(page, "Code", "000000")
    page.reload()
    assert here(page) == ("Enter the code", None)
    assert v.path() == ["SMS_MFA"]
    assert len(v.pool.outbox) == sent

    give(page, "Code", v.code("ada"))
    page.reload()
    assert here(page) == ("Welcome, ada", None)


def test_the_back_button(v: Visit, page: Page) -> None:
    """Back leads to the first page, and forward to where the sign-in stands; after it, home is all there is."""
    page.go_back()
    assert here(page) == ("Sign in", None)
    assert page.get_by_label("User name").input_value() == "ada"
    assert page.get_by_label("Password").input_value() == ""
    page.go_forward()
    assert here(page) == ("Enter the code", None)

    give(page, "Code", v.code("ada"))
    assert here(page) == ("Welcome, ada", None)
    page.go_back()
    assert here(page) == ("Welcome, ada", None)
    assert v.path() == ["AUTHENTICATED"]


def test_two_tabs_with_one_sign_in(v: Visit, page: Page) -> None:
    """What one tab has answered the other cannot answer again: it is led to where things stand."""
    other, third = page.context.new_page(), page.context.new_page()
    for tab in (other, third):
        tab.goto("/challenge")
        assert here(tab) == ("Enter the code", None)
    give(page, "Code", "000000")
    assert title(page) == "Enter the code"

    give(other, "Code", v.code("ada"))
    assert here(other) == ("Enter the code", EARLIER)
    assert v.path() == ["SMS_MFA"]
    give(other, "Code", v.code("ada"))
    assert here(other) == ("Welcome, ada", None)
    give(third, "Code", v.code("ada"))
    assert here(third) == ("Welcome, ada", None)
    assert v.path() == ["AUTHENTICATED"]


def test_two_tabs_with_two_sign_ins(v: Visit, page: Page) -> None:
    """The later sign-in is the one that counts, and no answer goes to the wrong one."""
    other = page.context.new_page()
    other.goto("/sign-in")
    begin(other, "sol")
    assert here(other) == ("Choose how to sign in", None)
    v.path()

    give(page, "Code", v.code("ada"))
    assert here(page) == ("Choose how to sign in", EARLIER)
    assert "Signing in as sol" in page.inner_text("main")
    assert v.path() == []


@pytest.mark.parametrize("delay", [0, 0.3])
def test_a_double_click(v: Visit, delay: float) -> None:
    """Two clicks are one answer, however long the first one takes: one code is sent, and is good."""
    page = v.person()
    v.wire.delay = delay
    page.get_by_label("User name").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).dblclick()
    page.wait_for_url("**/challenge")
    page.get_by_label("Code").fill(v.code("ada"))
    page.get_by_role("button", name="Continue").dblclick()
    page.get_by_role("button", name="Sign out").wait_for()

    assert here(page) == ("Welcome, ada", None)
    assert v.path() == ["PASSWORD_VERIFIER", "SMS_MFA", "AUTHENTICATED"]
    assert len(v.pool.outbox) == 1


def test_a_form_sent_again(v: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    """It gets the reply to the first; once newer cookies are there, that reply's are not set over them."""
    monkeypatch.setattr(guarding, "KEPT", 2)
    web = Web(v.url)
    kind = {"Content_Type": "application/x-www-form-urlencoded", "Origin": v.url}

    def send(form: str, **more: str) -> tuple[str, bool]:
        body = f"flow=USER_AUTH&username=eve&form={form}".encode()
        status, headers, _ = web.ask("POST", "/sign-in", body, **kind, **more)
        assert status == 303
        return headers["location"], "set-cookie" in headers

    assert [send("1"), send("1")] == [("/challenge", True)] * 2
    assert send("1", Cookie="signin-0=newer") == ("/challenge", False)
    assert v.wire.heard == ["InitiateAuth"]
    send("2")
    send("3")  # the first is forgotten
    send("1")
    assert v.wire.heard == ["InitiateAuth"] * 4


def test_fields_left_empty(v: Visit) -> None:
    """The browser asks for what is missing; so does the site, of whoever gets past that."""
    page = v.person()
    off = "document.querySelectorAll('form').forEach(form => form.noValidate = true)"
    page.evaluate(off)
    press(page, "Sign in")
    assert here(page) == ("Sign in", "Please fill in your user name and your password.")
    begin(page, "ada")
    page.evaluate(off)
    press(page, "Continue")

    assert here(page) == ("Enter the code", "The code must not be empty.")
    assert v.wire.heard == ["InitiateAuth", "RespondToAuthChallenge"]


# ---- time ------------------------------------------------------------------------------------------------


def test_an_expired_session(v: Visit, page: Page) -> None:
    """Three minutes later the sign-in has ended, whether the page is reloaded or answered."""
    v.clock.advance(181)
    give(page, "Code", v.code("ada"))
    assert here(page) == ("Sign in", ENDED)
    assert v.wire.heard == ["InitiateAuth", "RespondToAuthChallenge"]

    begin(page, "ada")
    v.clock.advance(181)
    page.reload()
    assert here(page) == ("Sign in", ENDED)
    begin(page, "ada")
    give(page, "Code", v.code("ada"))
    assert here(page) == ("Welcome, ada", None)

    v.clock.advance(3600 + 10)  # a verifier forgives clocks ten seconds
    page.reload()
    assert here(page) == ("Sign in", None)


def test_a_lock_out(v: Visit) -> None:
    """After too many wrong passwords the right one must wait, and the page says how long at least."""
    page = v.person()
    for _ in range(5):
        begin(page, "zoe", "Wrong-Horse-1")
        assert here(page) == (
            "Sign in",
            "We could not sign you in with that. Please check it, and start again.",
        )
    begin(page, "zoe")
    assert here(page) == ("Sign in", "Too many attempts. Wait 1 s at least, then start again.")

    v.clock.advance(1)
    begin(page, "zoe")
    assert here(page) == ("Welcome, zoe", None)


# ---- the wire --------------------------------------------------------------------------------------------


def test_throttling(v: Visit, page: Page) -> None:
    """Whoever is put off is told for how long; the same answer is good after that."""
    v.wire.faults = ["busy"]
    give(page, "Code", v.code("ada"))
    assert here(page) == ("Enter the code", "We are very busy. Wait 7 s, then try again.")
    give(page, "Code", v.code("ada"))
    assert here(page) == ("Welcome, ada", None)


def test_a_request_that_never_left(v: Visit, page: Page) -> None:
    """Nothing was heard: the same answer is good."""
    v.wire.faults = ["unsent"]
    give(page, "Code", v.code("ada"))
    assert here(page) == ("Enter the code", "The connection was lost. Please try again.")
    give(page, "Code", v.code("ada"))
    assert here(page) == ("Welcome, ada", None)


def test_a_reply_that_was_lost(v: Visit, page: Page) -> None:
    """The answer was heard, and the session is spent: only then a person starts again."""
    v.wire.faults = ["unheard"]
    give(page, "Code", v.code("ada"))
    assert here(page) == ("Enter the code", "The connection was lost. Please try again.")
    give(page, "Code", v.code("ada"))
    assert here(page) == ("Sign in", ENDED)
    begin(page, "ada")
    give(page, "Code", v.code("ada"))
    assert here(page) == ("Welcome, ada", None)


def test_a_connection_lost_between_two_steps(v: Visit) -> None:
    """The proof of the password waits, sealed, until the connection is back: it is not typed again."""
    page = v.person()
    v.wire.faults = ["", "unsent"]
    begin(page, "zoe")
    assert here(page) == ("One moment", "The connection was lost. Please try again.")
    v.wire.faults = ["unsent"]
    press(page, "Continue")
    assert here(page) == ("One moment", "The connection was lost. Please try again.")
    press(page, "Continue")
    assert here(page) == ("Welcome, zoe", None)


def test_no_connection_at_all(v: Visit) -> None:
    """Nothing has begun: the first page says so, and keeps the name."""
    page = v.person()
    v.wire.faults = ["unsent"]
    begin(page, "zoe")
    assert here(page) == ("Sign in", "The connection was lost. Please try again.")
    assert page.get_by_label("User name").input_value() == "zoe"


def test_a_pool_that_is_set_up_wrong(visit_of: VisitOf) -> None:
    """What no person can mend is not laid at their door, and is written to the log."""
    v = visit_of(explicit_auth_flows=["ALLOW_USER_AUTH"])
    page = v.person()
    begin(page, "zoe")

    assert here(page) == (
        "Sign in",
        "We cannot sign you in now. It is not your fault, and we have taken note.",
    )
