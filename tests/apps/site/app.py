"""A web site with sign-in on `authfsm.contrib.fastapi`: its pages and their texts.

app = site(cognito, verifier, key=key, origin="https://example.com")

Each form is answered by a redirection (POST, redirect, GET), so that reloading and going back send nothing twice.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final

from fastapi import Depends, FastAPI
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles

from apps.site.form_replies import FormReplies
from apps.site.pages import Pages
from authfsm import Cognito, Secret, Verifier
from authfsm.contrib.fastapi import CognitoAuth, WebSignIn
from authfsm.contrib.web_sign_in import PASSKEYS_JS

FLOWS: Final = {"USER_SRP_AUTH": "Sign in", "USER_AUTH": "Sign in without a password"}
"""The flows that the app client allows, with the labels of their buttons; Enter presses the first button."""

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    # Not no-referrer: with it a browser says "Origin: null" of its own forms too (Fetch, 3.1).
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
}
"""The headers that keep other sites and caches from using the pages."""


def site(
    cognito: Cognito,
    verifier: Verifier,
    *,
    key: Secret[str],
    origin: str,
    flows: Mapping[str, str] = FLOWS,
    name: str = "Example",
) -> FastAPI:
    """Return the site, as an ASGI application.

    Args:
        cognito: the user pool and its app client.
        verifier: verifies that pool's tokens.
        key: of `authfsm.new_key`; seals every cookie. Processes that share it share the site.
        origin: where the site is, as `https://example.com`.
        flows: the ways to begin.
        name: what the site is called.
    """
    web = WebSignIn(cognito=cognito, verifier=verifier, key=key, origin=origin, name=name, flows=tuple(flows))
    auth = CognitoAuth(web)
    pages, form_replies = Pages(auth, flows), FormReplies()
    app, own_forms = FastAPI(openapi_url=None), [Depends(auth.check_origin)]
    pages_by_path = {"/": pages.home, "/sign-in": pages.start, "/challenge": pages.ask, "/passkeys": pages.passkeys}
    forms_by_path = {
        "/sign-in": pages.begin, "/forgot-password": pages.forgot_password, "/challenge": pages.answer,
        "/passkeys": pages.add_passkey, "/sign-out": pages.sign_out,
    }  # fmt: skip
    for path, page in pages_by_path.items():
        app.add_api_route(path, page, methods=["GET", "HEAD"], response_model=None)
    for path, form in forms_by_path.items():
        endpoint = form_replies.handle_once(form)
        app.add_api_route(path, endpoint, methods=["POST"], response_model=None, dependencies=own_forms)
    app.add_api_route("/passkeys.js", lambda: FileResponse(PASSKEYS_JS))
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"))

    @app.middleware("http")
    async def guard(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await call_next(request)
        response.headers.update(HEADERS)
        static = request.url.path.startswith("/static/")
        # What Back shows is asked for anew: it may be of an earlier step.
        response.headers["Cache-Control"] = "max-age=3600" if static else "no-store"
        if auth.site.is_secure:
            response.headers["Strict-Transport-Security"] = "max-age=31536000"
        return response

    return app
