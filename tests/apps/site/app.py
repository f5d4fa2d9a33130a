"""A web site with sign-in: what is where. Signing in itself is `entrance` and `challenges`.

app = site(cognito, verifier, key=key, origin="https://example.com")
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from apps.site.account import Account
from apps.site.cookies import Jar
from apps.site.entrance import Entrance
from apps.site.guarding import Guard, Once
from apps.site.pages import HERE, Pages
from authfsm import Cognito, Secret
from authfsm.jwks import Verifier

FLOWS: Final = {"USER_SRP_AUTH": "Sign in", "USER_AUTH": "Sign in without a password"}
"""The flows that the app client allows, and the words on their buttons; the first is Enter's."""


def site(
    cognito: Cognito,
    verifier: Verifier,
    *,
    key: Secret[str],
    origin: str,
    flows: Mapping[str, str] = FLOWS,
    name: str = "Example",
) -> Starlette:
    """The site, as an ASGI application.

    Args:
        cognito: the user pool and its app client.
        verifier: of that pool's tokens.
        key: of `authfsm.core.encryption.new_key`; seals every cookie. Processes that share it share the site.
        origin: where the site is, as `https://example.com`.
        flows: the ways to begin.
        name: what the site is called.
    """
    pages = Pages(name, Jar(key, secure=origin.startswith("https:")))
    account = Account(cognito, verifier, pages)
    entrance = Entrance(cognito, key, flows, pages, account)
    once = Once()
    return Starlette(
        routes=[
            Route("/sign-in", entrance.start),
            Route("/sign-in", once.answered(entrance.begin), methods=["POST"]),
            Route("/challenge", entrance.ask),
            Route("/challenge", once.answered(entrance.answer), methods=["POST"]),
            Route("/", account.home),
            Route("/passkeys", account.passkeys),
            Route("/passkeys", once.answered(account.add_passkey), methods=["POST"]),
            Route("/sign-out", once.answered(account.sign_out), methods=["POST"]),
            Mount("/static", StaticFiles(directory=HERE / "static")),
        ],
        middleware=[Middleware(BaseHTTPMiddleware, dispatch=Guard(origin))],
    )
