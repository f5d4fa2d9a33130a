"""The pages: the first one, one for every challenge, and those of a user who has signed in."""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

from fastapi import Request
from starlette.responses import RedirectResponse, Response
from starlette.templating import Jinja2Templates

from authfsm import AuthfsmError, Claims, Flow, SealError
from authfsm.contrib.fastapi import CognitoAuth, Values
from authfsm.contrib.web_sign_in import BrowserSession

log = logging.getLogger("site")
Step = Callable[[BrowserSession, Values], Flow | None]


class Pages:
    """The site's pages.

    Args:
        auth: signs browsers in.
        flows: the ways to begin, and the words on their buttons.
    """

    def __init__(self, auth: CognitoAuth, flows: Mapping[str, str]) -> None:
        self.auth, self.flows = auth, flows
        self._templates = Jinja2Templates(Path(__file__).parent / "templates")

    def start(self, request: Request) -> Response:
        """Ask who the user is."""
        browser = self.auth.browser(request)
        return self._show(browser, request, "sign_in", flows=self.flows, **browser.first_input)

    def begin(self, request: Request, values: Values) -> Response:
        """Begin, and run until user input is required."""
        return self._step(request, values, BrowserSession.begin)

    def forgot_password(self, request: Request, values: Values) -> Response:
        """Send a code with which the user sets a new password."""
        return self._step(request, values, BrowserSession.forgot_password)

    def ask(self, request: Request) -> Response:
        """Show the page of the pending challenge."""
        browser = self.auth.browser(request)
        try:
            description = browser.describe(browser.pending())
        except AuthfsmError as error:
            return self._nothing_to_answer(browser, error)
        return self._show(browser, request, "challenge" if description["form"]["prompts"] else "go_on", **description)

    def answer(self, request: Request, values: Values) -> Response:
        """Send the answer, and run until user input is required again."""
        values.pop("form", None)
        return self._step(request, values, BrowserSession.answer)

    def home(self, request: Request) -> Response:
        """Show the first page of a user who has signed in."""
        browser = self.auth.browser(request)
        if (claims := _claims(browser)) is None:
            return self._redirect(browser, "/sign-in")
        return self._show(browser, request, "home", claims=claims)

    def passkeys(self, request: Request) -> Response:
        """Show the user's passkeys, and the options with which the browser creates another."""
        browser = self.auth.browser(request)
        if _claims(browser) is None:
            return self._redirect(browser, "/sign-in")
        try:
            return self._show(browser, request, "passkeys", **browser.passkeys())
        except AuthfsmError as error:
            log.warning("%s", error)
            return self._redirect(browser, "/", "There are no passkeys here, or not now.")

    def add_passkey(self, request: Request, values: Values) -> Response:
        """Register the passkey that the browser has created."""
        browser = self.auth.browser(request)
        message = "Your passkey was added. Next time you can sign in with it."
        try:
            browser.add_passkey(values)
        except AuthfsmError as error:
            log.warning("%s", error)
            return self._redirect(browser, "/passkeys", "That passkey could not be added. Please try again.")
        return self._redirect(browser, "/passkeys", message, wrong=False)

    def sign_out(self, request: Request, _: Values) -> Response:
        """Revoke the tokens and delete them. The device stays remembered."""
        browser = self.auth.browser(request)
        try:
            browser.sign_out()
        except AuthfsmError as error:  # the tokens expire by themselves
            log.warning("%s", error)
        return self._redirect(browser, "/sign-in", "You have signed out.", wrong=False)

    def _step(self, request: Request, values: Values, step: Step) -> Response:
        """Take a step, and redirect to the page that follows.

        Home, the next challenge, the same page or the first page.
        """
        browser, wrong = self.auth.browser(request), None
        try:
            flow = step(browser, values)
            if flow is not None and flow.tokens is not None:
                return self._redirect(browser, "/")
        except AuthfsmError as error:
            wrong = error
        try:
            browser.pending()
        except SealError as nothing:
            if wrong is None or isinstance(wrong, SealError):
                return self._nothing_to_answer(browser, nothing)
            return self._redirect(browser, "/sign-in", _user_message(wrong))
        return self._redirect(browser, "/challenge", _user_message(wrong) if wrong is not None else "")

    def _nothing_to_answer(self, browser: BrowserSession, wrong: AuthfsmError) -> Response:
        """Redirect: no challenge is pending, because it has expired or another tab has signed in."""
        browser.cookies.drop("signin")
        if _claims(browser) is not None:
            return self._redirect(browser, "/")
        return self._redirect(browser, "/sign-in", _user_message(wrong))

    def _show(self, browser: BrowserSession, request: Request, template: str, **facts: Any) -> Response:
        """Return a page with the pending notice and a random number for its forms."""
        notice = browser.cookies.unseal("notice")
        if notice:
            browser.cookies.drop("notice")
        facts |= {"site": self.auth.site.name, "number": token_urlsafe(), "notice": notice}
        reply = self._templates.TemplateResponse(request, f"{template}.html", facts)
        browser.cookies.write(reply)
        return reply

    def _redirect(self, browser: BrowserSession, path: str, message: str = "", *, wrong: bool = True) -> Response:
        """Redirect to another page, which shows a notice."""
        if message:
            browser.cookies.seal("notice", {"text": message, "wrong": wrong}, 60)
        reply = RedirectResponse(path, status_code=303)
        browser.cookies.write(reply)
        return reply


def _claims(browser: BrowserSession) -> Claims | None:
    """Return the claims of the user who has signed in; None if nobody has."""
    try:
        return browser.claims()
    except AuthfsmError:
        return None


def _user_message(error: AuthfsmError) -> str:
    log.warning("%s", error)  # it says whose fault it was, and holds no secret
    return error.for_person()
