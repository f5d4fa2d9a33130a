"""The example sites on FastAPI and on Django in this process, with the same interface: pages, forms, cookies."""

from __future__ import annotations

import re
from abc import abstractmethod
from functools import cache
from typing import Any, ClassVar, Final

from django.core.management import call_command
from django.test import Client, override_settings
from fastapi.testclient import TestClient

from apps import django_site
from apps.site.app import site
from authfsm import Cognito, Verifier, new_key
from authfsm.contrib.django import conf
from authfsm.contrib.web_sign_in import WebSignIn

ORIGIN: Final = "https://testserver"
FLOWS: Final = {"USER_SRP_AUTH": "Sign in", "USER_AUTH": "Without a password", "CUSTOM_AUTH": "A question"}


class Visitor:
    """A browser at a site: it sends the hidden fields of its page with the text that the test enters.

    Args:
        cognito: the pool and its client.
        verifier: verifies its tokens.
    """

    SIGN_IN: ClassVar[str]
    CHALLENGE: ClassVar[str]
    FORGOT_PASSWORD: ClassVar[str]
    client: Any  # the test client of the framework

    def __init__(self, cognito: Cognito, verifier: Verifier) -> None:
        self.page, self.key = "", new_key()
        self._open(cognito, verifier)

    def get(self, address: str) -> str:
        """Open a page, and follow where it leads."""
        self.page = self._get(address)
        return self.page

    def send(self, address: str, **values: str) -> str:
        """Fill in the form of the present page, and send it."""
        hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', self.page))
        self.page = self._post(address, {**hidden, **values})
        return self.page

    @property
    def heading(self) -> str:
        """The heading of the present page."""
        match = re.search(r"<h1>(.*?)</h1>", self.page)
        return match.group(1) if match else ""

    @abstractmethod
    def _open(self, cognito: Cognito, verifier: Verifier) -> None: ...
    @abstractmethod
    def _get(self, address: str) -> str: ...
    @abstractmethod
    def _post(self, address: str, values: dict[str, str]) -> str: ...
    @abstractmethod
    def debug(self, *, error_page: bool) -> None:
        """Show errors on the framework's page for developers, or else raise them here."""


class FastApiVisitor(Visitor):
    """A visitor of the site on FastAPI."""

    SIGN_IN, CHALLENGE, FORGOT_PASSWORD = "/sign-in", "/challenge", "/forgot-password"

    def _open(self, cognito: Cognito, verifier: Verifier) -> None:
        self.app = site(cognito, verifier, key=self.key, origin=ORIGIN, flows=FLOWS)
        self.client = TestClient(self.app, base_url=ORIGIN, headers={"Origin": ORIGIN})

    def _get(self, address: str) -> str:
        return str(self.client.get(address).text)

    def _post(self, address: str, values: dict[str, str]) -> str:
        return str(self.client.post(address, data=values).text)

    def debug(self, *, error_page: bool) -> None:
        """Show errors on the framework's page, as in the base class."""
        self.app.debug, cookies = error_page, self.client.cookies
        self.app.middleware_stack = None  # made anew
        self.client = TestClient(
            self.app, base_url=ORIGIN, headers={"Origin": ORIGIN}, raise_server_exceptions=not error_page
        )
        self.client.cookies = cookies


@cache
def create_tables() -> None:
    """Make the tables of Django's database, which is in memory."""
    call_command("migrate", verbosity=0)


_sites: Final[list[WebSignIn]] = []


def current_site() -> WebSignIn:
    """Return the sign-in of the last visitor's site: the setting SITE names this function."""
    return _sites[-1]


class DjangoVisitor(Visitor):
    """A visitor of the site on Django, whose CSRF checks are on."""

    SIGN_IN, CHALLENGE = "/account/sign-in/", "/account/challenge/"
    FORGOT_PASSWORD = "/account/forgot-password/"

    def _open(self, cognito: Cognito, verifier: Verifier) -> None:
        create_tables()
        flows = tuple(FLOWS)
        web_sign_in = WebSignIn(cognito=cognito, verifier=verifier, key=self.key, origin=ORIGIN, flows=flows)
        _sites.append(web_sign_in)
        self.settings: dict[str, Any] = {"AUTHFSM": {"SITE": f"{__name__}.current_site"}}
        conf.site.cache_clear()
        self.client = Client(enforce_csrf_checks=True)

    def _get(self, address: str) -> str:
        with override_settings(**self.settings):
            return str(self.client.get(address, follow=True, secure=True).content, "utf-8")

    def _post(self, address: str, values: dict[str, str]) -> str:
        sender: Any = {"HTTP_REFERER": f"{ORIGIN}/", "HTTP_ORIGIN": ORIGIN}
        with override_settings(**self.settings):
            reply = self.client.post(address, values, follow=True, secure=True, **sender)
            return str(reply.content, "utf-8")

    def debug(self, *, error_page: bool) -> None:
        """Show errors on the framework's page, as in the base class."""
        self.settings["DEBUG"] = error_page
        self.client.raise_request_exception = not error_page


VISITORS: Final = (FastApiVisitor, DjangoVisitor)
_ = django_site  # its import makes Django's settings
