"""Signing in. The browser carries the attempt, sealed in a cookie, and the server keeps nothing of it.

Each form is answered by a redirection (POST, redirect, GET), so that reloading and going back send nothing
twice. Whatever goes wrong, `error.action` says what to do next: the same page again, or the first.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from apps.site import challenges, words
from apps.site.account import Account
from apps.site.pages import Pages
from authfsm import AuthfsmError, Cognito, CompleteMfaSetup, Device, Flow, Secret, State
from authfsm.protocol.replies import MfaSetup

log = logging.getLogger("site")

PROOFS: Final = {State.DEVICE_SRP_AUTH, State.DEVICE_PASSWORD_VERIFIER}
YEAR: Final = 365 * 86_400
QUARTER: Final = 900
"""Seconds for which the first page remembers what was typed there; no session of Cognito's lives longer."""


class Entrance:
    """The way in.

    Args:
        cognito: the user pool and its app client.
        key: seals the attempt.
        flows: the ways to begin, and the words on their buttons.
        pages: the site's pages.
        account: what is behind.
    """

    def __init__(
        self,
        cognito: Cognito,
        key: Secret[str],
        flows: Mapping[str, str],
        pages: Pages,
        account: Account,
    ) -> None:
        self.cognito, self.key, self.flows = cognito, key, flows
        self.pages, self.jar, self.account = pages, pages.jar, account

    def start(self, request: Request) -> Response:
        """The first page: who are you?"""
        begun = self.jar.facts(request, "begun")
        return self.pages.show(request, "sign_in", flows=self.flows, **begun)

    def begin(self, request: Request, form: Mapping[str, str]) -> Response:
        """Begin, and go on until the person is needed."""
        username, password = form.get("username", "").strip(), form.get("password", "")
        begun = {"username": username, "remember": "remember" in form}
        way, by_password = form.get("flow"), form.get("flow") == "USER_SRP_AUTH"
        if way is None or way not in self.flows or not username or (by_password and not password):
            return self.pages.redirect("/sign-in", words.EMPTY)
        kept = self.jar.facts(request, device_of(begun))
        device = Device(**kept) if kept else None
        flow, wrong = self.cognito.start(password if by_password else None, device=device), None
        try:
            flow.begin(way, username)
        except AuthfsmError as error:
            wrong = error
        reply = self.onward(flow, wrong, begun)
        if flow.tokens is None:
            self.jar.seal(reply, "begun", begun, QUARTER)
        return reply

    def ask(self, request: Request) -> Response:
        """The page of what is asked now."""
        try:
            flow = self.cognito.resume(self.jar.text(request, "signin"), self.key)
        except AuthfsmError as error:
            return self.nothing_to_answer(request, error)
        account = str(self.jar.facts(request, "begun").get("username", ""))
        page, facts = challenges.page(flow, issuer=self.pages.name, account=account)
        return self.pages.show(request, page, step=step_of(flow), account=account, **facts)

    def answer(self, request: Request, form: Mapping[str, str]) -> Response:
        """Give the answer to it, and go on until the person is needed again."""
        try:
            flow = self.cognito.resume(self.jar.text(request, "signin"), self.key)
        except AuthfsmError as error:
            return self.nothing_to_answer(request, error)
        if form.get("step") != step_of(flow):  # another tab has gone on, or Back was pressed
            return self.pages.redirect("/challenge", words.EARLIER)
        wrong = None
        try:
            if (given := challenges.response(flow, form)) is not None:
                flow.answer(given)
            if isinstance(flow.challenge, MfaSetup) and flow.challenge.verified:
                flow.answer(CompleteMfaSetup())
        except AuthfsmError as error:
            wrong = error
        return self.onward(flow, wrong, self.jar.facts(request, "begun"))

    def onward(self, flow: Flow, wrong: AuthfsmError | None, begun: Mapping[str, Any]) -> Response:
        """Where the sign-in leads: home, to the next page, to the same one, or to the first."""
        if flow.tokens is not None:
            reply = self.pages.redirect("/")
            self.account.open(reply, flow.tokens)
            if flow.tokens.new_device is not None and begun.get("remember"):
                self.remember(reply, flow, begun)
            self.jar.drop(reply, "signin", "begun")
        elif flow.done or flow.challenge is None:
            reply = self.redirect("/sign-in", wrong)
            self.jar.drop(reply, "signin")
        else:
            reply = self.redirect("/challenge", wrong)
            life = self.cognito.session_lifetime.total_seconds()
            self.jar.put(reply, "signin", flow.seal(self.key), life)
        if begun and not has_device(flow):
            self.jar.drop(reply, device_of(begun))
        return reply

    def nothing_to_answer(self, request: Request, wrong: AuthfsmError) -> Response:
        """No attempt can be taken up: it has expired, or another tab has signed in."""
        signed_in = self.account.whose(request) is not None
        reply = self.pages.redirect("/") if signed_in else self.redirect("/sign-in", wrong)
        self.jar.drop(reply, "signin")
        return reply

    def remember(self, reply: Response, flow: Flow, begun: Mapping[str, Any]) -> None:
        """Make this browser a device that Cognito knows; the next time it proves itself."""
        try:
            device = flow.confirm_device(f"a browser at {self.pages.name}")
        except AuthfsmError as error:  # signed in all the same
            log.warning("%s", error)
            return
        kept = {"device_key": device.device_key, "device_group_key": device.device_group_key}
        kept["password"] = device.password.reveal()
        self.jar.seal(reply, device_of(begun), kept, YEAR)

    def redirect(self, path: str, wrong: AuthfsmError | None) -> Response:
        """To another page, which will say what went wrong."""
        if wrong is None:
            return self.pages.redirect(path)
        log.warning("%s", wrong)  # it says whose fault it was, and holds no secret
        return self.pages.redirect(path, words.said(wrong))


def step_of(flow: Flow) -> str:
    """Names the step that a page was made for, so that an earlier page is told from the present one."""
    return f"{flow.sign_in_id}-{len(flow.history)}"


def has_device(flow: Flow) -> bool:
    """Is this browser a device still? Not if Cognito has forgotten it, or did not take its proof."""
    awaits_first_factor = flow.state is State.FAILED and flow.history[-1].source in PROOFS
    return flow.device is not None and not awaits_first_factor


def device_of(begun: Mapping[str, Any]) -> str:
    """The cookie of the device that this browser is to that user."""
    return f"device-{sha256(begun['username'].encode()).hexdigest()[:16]}"
