"""A web site with sign-in: one sealed cookie holds the attempt, one page asks each challenge.

    app = Site(cognito, verifier, key=key, origin="https://example.com").app()

The server keeps nothing of a sign-in: any process that has the key takes it up. Each form is answered by
a redirection (POST, redirect, GET), so that reloading and going back send nothing twice.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from secrets import token_urlsafe
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates

from apps.site import challenges, words
from apps.site.cookies import Jar
from apps.site.guarding import Guard, Handler, Once
from authfsm import AuthfsmError, Cognito, CompleteMfaSetup, Device, Flow, Secret, Tokens
from authfsm.jwks import Claims, KeysUnreachable, TokenRefused, Verifier
from authfsm.replies import MfaSetup

log = logging.getLogger("site")

HERE: Final = Path(__file__).parent
DAY: Final = 86_400
QUARTER: Final = 900
FLOWS: Final = {"USER_SRP_AUTH": "Sign in", "USER_AUTH": "Sign in without a password"}
"""The flows that the app client allows, and the words on their buttons; the first is Enter's."""


class Site:
    """The site.

    Args:
        cognito: the user pool and its app client.
        verifier: of that pool's tokens.
        key: of `authfsm.sealing.new_key`; seals every cookie.
        origin: where the site is, as `https://example.com`.
        flows: the ways to begin.
        name: what the site is called.
    """

    def __init__(
        self,
        cognito: Cognito,
        verifier: Verifier,
        *,
        key: Secret[str],
        origin: str,
        flows: Mapping[str, str] = FLOWS,
        name: str = "Example",
    ) -> None:
        self.cognito, self.verifier, self.key = cognito, verifier, key
        self.origin, self.flows, self.name = origin, flows, name
        self.jar = Jar(key, secure=origin.startswith("https:"))
        self.once = Once()
        self.pages = Jinja2Templates(HERE / "templates")

    def app(self) -> Starlette:
        """The ASGI application."""
        return Starlette(
            routes=[
                Route("/", self.home),
                Route("/sign-in", self.start),
                self.form("/sign-in", self.begin),
                Route("/challenge", self.challenge),
                self.form("/challenge", self.answer),
                Route("/passkeys", self.passkeys),
                self.form("/passkeys", self.add_passkey),
                self.form("/sign-out", self.sign_out),
                Mount("/static", StaticFiles(directory=HERE / "static")),
            ],
            middleware=[Middleware(BaseHTTPMiddleware, dispatch=Guard(self.origin))],
        )

    def form(self, path: str, handler: Handler) -> Route:
        """Where a form is posted to."""

        async def endpoint(request: Request) -> Response:
            return await self.once(request, handler)

        return Route(path, endpoint, methods=["POST"])

    # ---- signing in ------------------------------------------------------------------------------------

    def start(self, request: Request) -> Response:
        """The first page: who are you?"""
        return self.page(request, "sign_in", flows=self.flows, **self.jar.facts(request, "begun"))

    def begin(self, request: Request, form: Mapping[str, str]) -> Response:
        """Begin, and go on until the person is needed."""
        begun = {"username": form.get("username", "").strip(), "remember": "remember" in form}
        password = form.get("password") if form.get("flow") == "USER_SRP_AUTH" else None
        device = self.device(request, begun["username"])
        flow, wrong = self.cognito.start(password or None, device=device), None
        try:
            flow.begin(form["flow"] if form.get("flow") in self.flows else "", begun["username"])
        except AuthfsmError as error:
            wrong = error
        except ValueError:  # no password, or no such flow: the page would not have sent that
            return self.redirect("/sign-in", "Please fill in your user name and your password.")
        reply = self.onward(flow, wrong, begun)
        self.jar.seal(reply, "begun", begun, QUARTER)
        if device is not None and flow.device is None:  # Cognito has forgotten it
            self.jar.drop(reply, device_of(begun["username"]))
        return reply

    def challenge(self, request: Request) -> Response:
        """The page of what is asked now."""
        try:
            flow = self.cognito.resume(self.jar.text(request, "signin"), self.key)
        except AuthfsmError as error:
            return self.onward(None, error) if self.claims(request) is None else self.redirect("/")
        account = self.jar.facts(request, "begun").get("username")
        template, facts = challenges.page(flow, issuer=self.name, account=account)
        return self.page(request, template, step=step_of(flow), **facts)

    def answer(self, request: Request, form: Mapping[str, str]) -> Response:
        """Give the answer to it, and go on until the person is needed again."""
        flow, wrong = None, None
        try:
            flow = self.cognito.resume(self.jar.text(request, "signin"), self.key)
            if form.get("step") != step_of(flow):  # another tab has gone on, or Back was pressed
                return self.redirect("/challenge", words.EARLIER)
            if (given := challenges.response(flow, form)) is not None:
                flow.answer(given)
            if isinstance(flow.challenge, MfaSetup) and flow.challenge.verified:
                flow.answer(CompleteMfaSetup())
        except AuthfsmError as error:
            if flow is None and self.claims(request) is not None:
                return self.redirect("/")  # another tab has signed in
            wrong = error
        return self.onward(flow, wrong, self.jar.facts(request, "begun"))

    def onward(
        self, flow: Flow | None, wrong: AuthfsmError | None, begun: Mapping[str, Any] | None = None
    ) -> Response:
        """Where the sign-in leads: home, to the next page, to the same one, or to the start."""
        if wrong is not None:
            log.warning("%s", wrong)  # it says whose fault it was, and holds no secret
        message = None if wrong is None else words.said(wrong)
        if flow is not None and flow.tokens is not None:
            return self.welcome(flow, flow.tokens, begun or {})
        if flow is None or flow.done or flow.challenge is None:
            reply = self.redirect("/sign-in", message)
            self.jar.drop(reply, "signin")
            return reply
        reply = self.redirect("/challenge", message)
        life = self.cognito.session_lifetime.total_seconds()
        self.jar.put(reply, "signin", flow.seal(self.key), life)
        return reply

    def welcome(self, flow: Flow, tokens: Tokens, begun: Mapping[str, Any]) -> Response:
        """Signed in: the tokens go into cookies of their own, and the device is remembered if it may."""
        reply = self.redirect("/")
        if tokens.new_device is not None and begun.get("remember"):
            try:
                device = flow.confirm_device(f"a browser at {self.name}")
                secrets = {"key": device.key, "group_key": device.group_key}
                secrets["password"] = device.password.reveal()
                self.jar.seal(reply, device_of(begun["username"]), secrets, 365 * DAY)
            except AuthfsmError as error:  # next time, then
                log.warning("%s", error)
        life = tokens.expires_in or 3600
        self.jar.seal(reply, "session", {"access": tokens.access_token.reveal()}, life)
        if tokens.refresh_token is not None:
            self.jar.seal(reply, "refresh", {"token": tokens.refresh_token.reveal()}, 30 * DAY)
        self.jar.drop(reply, "signin", "begun")
        return reply

    def device(self, request: Request, username: str) -> Device | None:
        """The device that this browser is to that user, if it is one."""
        kept = self.jar.facts(request, device_of(username))
        return Device(**kept) if kept else None

    # ---- signed in -------------------------------------------------------------------------------------

    def claims(self, request: Request) -> Claims | None:
        """Who is signed in: what the access token says, if the pool signed it and it still lasts."""
        try:
            return self.verifier.verify(self.access(request))
        except (TokenRefused, KeysUnreachable):
            return None

    def access(self, request: Request) -> str:
        """The access token; empty if there is none."""
        return str(self.jar.facts(request, "session").get("access", ""))

    def home(self, request: Request) -> Response:
        """The page for those who have signed in."""
        claims = self.claims(request)
        if claims is None:
            return self.redirect("/sign-in")
        return self.page(request, "home", claims=claims)

    def passkeys(self, request: Request) -> Response:
        """The passkeys that there are, and what a browser needs to make another."""
        token, client = self.access(request), self.cognito.client
        if self.claims(request) is None:
            return self.redirect("/sign-in")
        try:
            known = client.list_web_authn_credentials(AccessToken=token)["Credentials"]
            asked = client.start_web_authn_registration(AccessToken=token)
        except (ClientError, BotoCoreError) as error:
            log.warning("%s", error)
            return self.redirect("/", "There are no passkeys here, or not now.")
        options = asked["CredentialCreationOptions"]
        return self.page(request, "passkeys", known=known, options=options)

    def add_passkey(self, request: Request, form: Mapping[str, str]) -> Response:
        """Have Cognito keep the passkey that the browser made."""
        token, client = self.access(request), self.cognito.client
        try:
            made = json.loads(form.get("credential", ""))
            client.complete_web_authn_registration(AccessToken=token, Credential=made)
        except (ClientError, BotoCoreError, ValueError) as error:
            log.warning("%s", type(error).__name__)
            return self.redirect("/passkeys", "That passkey could not be added. Please try again.")
        return self.redirect("/passkeys", words.ADDED, wrong=False)

    def sign_out(self, request: Request, form: Mapping[str, str]) -> Response:  # noqa: ARG002 - a form
        """Have Cognito revoke the tokens, and keep them no longer. The device stays remembered."""
        token = self.jar.facts(request, "refresh").get("token")
        secret = self.cognito.client_secret
        more: Any = {"ClientSecret": secret.reveal()} if secret else {}
        try:
            if token is not None:
                self.cognito.client.revoke_token(Token=token, ClientId=self.cognito.client_id, **more)
        except (ClientError, BotoCoreError) as error:  # they expire by themselves
            log.warning("%s", type(error).__name__)
        reply = self.redirect("/sign-in", words.SIGNED_OUT, wrong=False)
        self.jar.drop(reply, "session", "refresh")
        return reply

    # ---- pages -----------------------------------------------------------------------------------------

    def page(self, request: Request, template: str, **facts: Any) -> Response:
        """A page, with the notice that waits for it. Each has a number of its own for its form."""
        notice = self.jar.facts(request, "notice")
        told = {"site": self.name, "form": token_urlsafe(), "notice": notice, **facts}
        reply = self.pages.TemplateResponse(request, f"{template}.html", told)
        if notice:
            self.jar.drop(reply, "notice")
        return reply

    def redirect(self, path: str, said: str | None = None, *, wrong: bool = True) -> Response:
        """To another page, which will say that."""
        reply = RedirectResponse(path, status_code=303)
        if said is not None:
            self.jar.seal(reply, "notice", {"said": said, "wrong": wrong}, 60)
        return reply


def step_of(flow: Flow) -> str:
    """Names the step that a page was made for, so that an earlier page is told from the present one."""
    return f"{flow.sign_in_id}-{len(flow.history)}"


def device_of(username: str) -> str:
    """The cookie of the device that this browser is to that user."""
    return f"device-{sha256(username.encode()).hexdigest()[:16]}"
