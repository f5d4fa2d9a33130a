"""The example site when something goes wrong: the sign-in stays where it was, and the page says what to do."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from apps.site import guarding
from apps.site.cookies import LONGEST, Jar
from apps.visiting import (
    PASSWORD,
    Visit,
    authenticator,
    begin,
    begin_without,
    give,
    here,
    notice,
    press,
    started,
    title,
    visit,
)
from browser import axe
from joserfc.jwk import RSAKey
from playwright.sync_api import Browser, Page
from serving import Web, until
from starlette.responses import Response

from authfsm.local import Triggers
from authfsm.sealing import new_key

VisitOf = Callable[..., Visit]
SITE = Path(__file__).parent / "apps" / "site"
ENDED = "Your sign-in has ended: it took too long, or was answered already. Start again."
EARLIER = "That page was of an earlier step. This is where your sign-in stands."


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser program; each person gets a profile of their own in it."""
    with started() as program:
        yield program


@pytest.fixture
def visit_of(browser: Browser, signing_key: RSAKey) -> Iterator[VisitOf]:
    """A site, whose pool has these settings."""
    with ExitStack() as open_:
        yield lambda **settings: open_.enter_context(visit(browser, signing_key, **settings))


@pytest.fixture
def v(visit_of: VisitOf) -> Visit:
    """A site before the usual pool."""
    return visit_of()


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
    page.get_by_role("button", name="Go on").dblclick()
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
    press(page, "Go on")

    assert here(page) == ("Enter the code", "Please fill in: code.")
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
    press(page, "Go on")
    assert here(page) == ("One moment", "The connection was lost. Please try again.")
    press(page, "Go on")
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


# ---- cookies ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["changed", "gone", "another site's"])
def test_a_cookie_that_is_not_ours(visit_of: VisitOf, v: Visit, page: Page, how: str) -> None:
    """A sign-in that was changed, or is another pool's, is not taken up: start again."""
    (cookie,) = [each for each in page.context.cookies() if each["name"] == "signin-0"]
    value = cookie["value"]
    if how == "another site's":
        other = visit_of()
        stranger = other.person()
        begin(stranger, "ada")
        (theirs,) = [e for e in stranger.context.cookies() if e["name"] == "signin-0"]
        value = theirs["value"]
    page.context.clear_cookies(name="signin-0")
    if how != "gone":
        middle = value[:500] + ("A" if value[500] != "A" else "B") + value[501:]
        kept = value if how == "another site's" else middle
        page.context.add_cookies([{"name": "signin-0", "value": kept, "url": v.url}])
    give(page, "Code", v.code("ada"))

    assert here(page) == ("Sign in", ENDED)
    assert v.path() == []


def test_a_seal_longer_than_a_cookie(visit_of: VisitOf) -> None:
    """A challenge that no cookie holds goes into several, and a shorter one after it is read alone."""
    riddle = {"question": "What do you see?", "picture": "x" * 6_000}

    def define(event: Any, _: Any = None) -> Any:
        rounds = len(event["request"]["session"])
        event["response"] |= {"challengeName": "CUSTOM_CHALLENGE", "failAuthentication": False}
        event["response"]["issueTokens"] = rounds == 2
        return event

    def create(event: Any, _: Any = None) -> Any:
        first = not event["request"]["session"]
        event["response"]["publicChallengeParameters"] = (
            riddle if first else {"question": "And now?"}
        )
        return event

    def verify(event: Any, _: Any = None) -> Any:
        event["response"]["answerCorrect"] = True
        return event

    v = visit_of(triggers=Triggers(define=define, create=create, verify=verify))
    page = v.person()
    page.get_by_label("User name").fill("eve")
    press(page, "Answer a question")
    kept = [each for each in page.context.cookies() if each["name"].startswith("signin-")]
    assert sorted(each["name"] for each in kept) == ["signin-0", "signin-1", "signin-2"]
    assert all(len(each["name"]) + len(each["value"]) < 4_000 for each in kept)

    give(page, "What do you see?", "a horse")
    assert "signin-1" not in {each["name"] for each in page.context.cookies()}
    give(page, "And now?", "a battery")
    assert here(page) == ("Welcome, eve", None)


def test_cookies_are_shut(v: Visit, page: Page) -> None:
    """No script and no other site sees a cookie; over HTTPS they are Secure, and this very host's."""
    cookies = page.context.cookies()
    assert {(each["httpOnly"], each["sameSite"], each["path"]) for each in cookies} == {
        (True, "Lax", "/")
    }
    life = next(each["expires"] for each in cookies if each["name"] == "signin-0")
    assert 0 < life - v.clock().timestamp() <= 181

    kept = Response()
    Jar(new_key(), secure=True).put(kept, "signin", "x" * (LONGEST + 1), 180)
    said = kept.headers.getlist("set-cookie")
    assert [each.partition("=")[0] for each in said] == [
        "__Host-signin-0", "__Host-signin-1", "__Host-signin-2",
    ]  # fmt: skip
    assert all(
        each.endswith("HttpOnly; Max-Age=180; Path=/; SameSite=lax; Secure") for each in said[:2]
    )
    assert "Max-Age=0" in said[2]


# ---- requests --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("origin", [None, "null", "http://localhost:1", "https://evil.example"])
def test_forms_of_other_sites(v: Visit, page: Page, origin: str | None) -> None:
    """A form that is not this site's own does nothing."""
    more = {} if origin is None else {"Origin": origin}
    for path in ("/sign-in", "/challenge", "/passkeys", "/sign-out"):
        status, _, _ = Web(v.url).ask("POST", path, b"username=ada", **more)
        assert (path, status) == (path, 403)
    assert v.path() == []
    assert page.url == f"{v.url}/challenge"


def test_what_is_no_form(v: Visit) -> None:
    """A body that is too large, or whose size is not said, is not read; methods are few."""
    web, own = Web(v.url), {"Origin": v.url}

    assert web.ask("POST", "/sign-in", b"x" * 65_537, **own)[0] == 413
    assert web.ask("PUT", "/sign-in", b"x", **own)[0] == 405
    form = {"Content_Type": "application/x-www-form-urlencoded"}
    for body in (b"", b"flow=USER_AUTH", b"flow=ADMIN_NO_SRP_AUTH&username=ada", b"%ff=%00&&&"):
        status, headers, _ = web.ask("POST", "/sign-in", body or b"&", **own, **form)
        assert (status, headers["location"]) == (303, "/sign-in")
    status, headers, _ = web.ask("POST", "/challenge", b"code=1", **own, **form)
    assert (status, headers["location"]) == (303, "/sign-in")
    assert v.wire.heard == []


def test_headers(v: Visit) -> None:
    """Pages stay out of caches and frames, and run no scripts but the site's own."""
    _, headers, body = Web(v.url).ask("GET", "/sign-in")

    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    policy = headers["content-security-policy"]
    assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert b"<script" not in body
    assert b" style=" not in body


def test_names_are_text(v: Visit) -> None:
    """A name that looks like markup is a name."""
    name = "<img src=x onerror=alert(1)>\"'"
    v.pool.add_user(name, PASSWORD, email="x@example.com")
    page = v.person()
    begin_without(page, name)
    assert f"Signing in as {name}" in page.inner_text("main")
    give(page, "Password", PASSWORD)

    assert here(page) == (f"Welcome, {name}", None)
    assert page.locator("main img").count() == 0


def test_a_passkeys_answer_that_is_none(v: Visit) -> None:
    """What a page's script would never send ends the attempt, and not the site."""
    v.pool.user("eve").attributes.pop("email")
    page = v.person()
    authenticator(page)
    begin(page, "eve")
    page.goto("/passkeys")
    forge = (
        "form = document.forms[0]; form.elements.credential.value = '{\"id\": 1}'; form.submit()"
    )
    with page.expect_navigation():
        page.evaluate(forge)
    assert here(page) == ("Your passkeys", "That passkey could not be added. Please try again.")
    press(page, "Add a passkey")
    page.goto("/sign-in")
    begin_without(page, "eve")
    press(page, "Your passkey")
    with page.expect_navigation():
        page.evaluate(forge)
    assert here(page) == (
        "Sign in",
        "We could not sign you in with that. Please check it, and start again.",
    )


def test_a_challenge_of_tomorrow(visit_of: VisitOf) -> None:
    """A challenge that nobody here knows has a page too: it says so, and leads back."""

    def define(event: Any, _: Any = None) -> Any:
        event["response"] |= {"challengeName": "TELEPATHY", "issueTokens": False}
        event["response"]["failAuthentication"] = False
        return event

    v = visit_of(triggers=Triggers(define=define))
    page = v.person()
    page.get_by_label("User name").fill("eve")
    press(page, "Answer a question")
    assert here(page) == ("This is new to us", None)
    page.get_by_role("link", name="Start again").click()
    assert here(page) == ("Sign in", None)


# ---- anybody ---------------------------------------------------------------------------------------------


def faults(page: Page) -> list[Any]:
    """What the accessibility checker finds on a page, in light and in dark, and by how much it is too wide."""
    page.evaluate(axe() + ";window.axe = axe")
    found = []
    for scheme, rules in (("light", {}), ("dark", {"runOnly": ["color-contrast"]})):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # one of its two words
        report = page.evaluate("rules => axe.run(rules)", rules)
        found += [
            (scheme, each["id"], [node["html"][:90] for node in each["nodes"]])
            for each in report["violations"] + report["incomplete"]
        ]
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    if (overflow := page.evaluate(wide)) != 0:
        found.append(("both", "too wide", overflow))
    return found


def test_anybody_can_use_it(visit_of: VisitOf) -> None:
    """The accessibility checker finds nothing on any page, in light and in dark, and all fit a telephone."""
    v, seen = visit_of(), []
    page = v.person(viewport={"width": 320, "height": 700})

    def look() -> None:
        seen.append(title(page))
        assert (seen[-1], faults(page)) == (seen[-1], [])

    begin(page, "ada", "wrong")
    assert notice(page) is not None
    look()
    begin(page, "ada")
    look()
    give(page, "Code", v.code("ada"))
    look()
    page.goto("/passkeys")
    look()
    page.goto("/")
    press(page, "Sign out")
    look()
    begin(page, "nia")
    look()
    page.goto("/sign-in")
    begin_without(page, "eve")
    look()
    page.goto("/sign-in")
    page.get_by_label("User name").fill("eve")
    press(page, "Answer a question")
    look()

    strict = visit_of(mfa="ON", mfa_methods=["EMAIL_OTP", "SOFTWARE_TOKEN_MFA"])
    page = strict.person(viewport={"width": 320, "height": 700})
    begin(page, "zoe")
    look()
    press(page, "Use an authenticator app")
    look()
    assert seen == [
        "Sign in", "Enter the code", "Welcome, ada", "Your passkeys", "Sign in", "Choose a new password",
        "Choose how to sign in", "One question", "Add a second step", "Add your authenticator app",
    ]  # fmt: skip


# ---- the command -----------------------------------------------------------------------------------------


def test_one_command_runs_it(unused_port: int) -> None:
    """`python tests/apps/site --local` prints where it is and who may sign in, and serves."""
    command = [sys.executable, str(SITE), "--local", "--port", str(unused_port)]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    said: list[str] = []
    try:
        assert running.stdout is not None
        for line in running.stdout:
            said.append(line)
            if "printed below" in line:
                break
        web = Web(f"http://localhost:{unused_port}")
        assert f"  {web.url}\n" in said
        assert f"The password of all is {PASSWORD}; after it comes\n" in said
        until(lambda: served(web), "the site")
        form = f"username=ada&password={PASSWORD}&flow=USER_SRP_AUTH".encode()
        kind = {"Content_Type": "application/x-www-form-urlencoded", "Origin": web.url}
        _, headers, _ = web.ask("POST", "/sign-in", form, **kind)
        assert headers["location"] == "/challenge"
        assert re.fullmatch(r"to \+15555550143: \d{6}\n", running.stdout.readlines(1)[-1])
    finally:
        running.kill()
        running.wait()
        if running.stdout is not None:
            running.stdout.close()


def served(web: Web) -> bool:
    """Is the first page there?"""
    try:
        return web.ask("GET", "/sign-in")[0] == 200
    except OSError:
        return False


@pytest.fixture
def unused_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])
