"""FastAPI: a router that signs browsers in, and dependencies that verify who has signed in.

    auth = CognitoAuth(WebSignIn(cognito=cognito, verifier=verifier, key=key, origin="https://example.com"))
    app.add_middleware(CookieMiddleware)
    app.include_router(auth.router, prefix="/auth")

    @app.get("/me")
    def me(claims: Annotated[Claims, Depends(auth.claims)]) -> str: ...

    @app.delete("/users/{name}", dependencies=[Depends(auth.in_group("admins"))])
    def delete_user(name: str) -> None: ...

The router speaks JSON. Sealed cookies hold the sign-in and the tokens, so that the server keeps nothing and any
number of workers share the site. A program that is no browser sends `Authorization: Bearer` instead.
"""

import json
from collections.abc import Callable
from contextlib import suppress
from math import ceil
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import JSONResponse

from authfsm import AuthfsmError, Claims, Fault, Flow, InvalidInput, RecoveryAction, SealError, Secret
from authfsm.contrib.cookies import is_own_form
from authfsm.contrib.web_sign_in import BrowserSession, WebSignIn, step_of

__all__ = ["CognitoAuth", "CookieMiddleware", "WebSignIn", "body_of"]

LARGEST: Final = 65_536
"""The largest body, in bytes: a passkey's answer takes two thousand."""

Values = dict[str, str]


class CognitoAuth:
    """The sign-in of a FastAPI application.

    Args:
        site: the site's sign-in.

    Its `router` has these routes; each answers with where the sign-in stands (`state`, `signed_in`, and for a challenge
    its `form` and `step`), or with `message`, `action` and the status of the error, the `field` that is wrong, and the
    `step` that can still be answered:

    | route | body |
    |---|---|
    | POST /sign-in | `username`, `password`, `flow` (an AuthFlow), `remember` (this device) |
    | GET /challenge | |
    | POST /challenge | `response` and the fields of one of the form's prompts, and `step` |
    | POST /refresh | |
    | POST /sign-out | `everywhere` |
    """

    def __init__(self, site: WebSignIn) -> None:
        self.site = site
        self.router = _router(self)

    def browser(self, request: Request) -> BrowserSession:
        """Return the browser that sent a request."""
        return self.site.browser(request.cookies)

    def claims(self, request: Request) -> Claims:
        """Return the verified claims of the request's access token: a dependency.

        It is the token of the header `Authorization: Bearer`, otherwise that of the cookies, which is refreshed
        if it is about to expire.

        Raises:
            HTTPException: 401 if nobody has signed in; 403 for a form of another site; 503 if Cognito or the
                pool's keys cannot be reached.
        """
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        browser = self.browser(request)
        try:
            if scheme.lower() == "bearer":
                return self.site.verifier.verify(Secret(token.strip()))
            self.check_origin(request)
            return browser.claims()
        except AuthfsmError as error:
            raise _unauthorized(error) from None
        finally:
            written = request.scope.get(_WRITTEN)
            if written is None:
                raise RuntimeError(
                    "refreshed tokens would be lost: call app.add_middleware(CookieMiddleware) first"
                )
            written.append(browser.cookies)

    def in_group(self, *names: str) -> Callable[..., Claims]:
        """Return a dependency: the verified claims of a user who is in one of these groups.

        Its HTTPException is 403 for a user who is in none, otherwise as that of `claims`.

        Args:
            *names: the groups' names.
        """

        def claims_of_member(claims: Annotated[Claims, Depends(self.claims)]) -> Claims:
            if not set(names) & set(claims.groups):
                raise HTTPException(403, f"this needs a member of {' or '.join(names)}")
            return claims

        return claims_of_member

    def check_origin(self, request: Request) -> None:
        """Refuse a request that would change something and is not from a page of this site: a dependency.

        Raises:
            HTTPException: 403.
        """
        if not is_own_form(request.method, request.headers.get("origin"), self.site.origin):
            raise HTTPException(403, f"the header Origin must be {self.site.origin}")


_WRITTEN: Final = "authfsm.cookies"


class CookieMiddleware:
    """Adds the cookies that `claims` changed to every reply: to a route's own `Response` and to errors too.

    FastAPI itself drops the headers that a dependency sets there, and with them a rotated refresh token.

    Args:
        app: the application.
    """

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Handle a request."""
        written: list[Any] = []

        async def send_with_cookies(message: Any) -> None:
            if message["type"] == "http.response.start":
                carrier = Response()
                for cookies in written:
                    cookies.write(carrier)
                own = [pair for pair in carrier.raw_headers if pair[0] == b"set-cookie"]
                message = {**message, "headers": [*message.get("headers", ()), *own]}
            await send(message)

        is_http = scope["type"] == "http"
        await self.app({**scope, _WRITTEN: written}, receive, send_with_cookies if is_http else send)


async def body_of(request: Request) -> Values:
    """Return the fields of a request, sent as JSON or as a form: a dependency.

    Raises:
        HTTPException: 413 if the body is too large or has no Content-Length; 422 if it has no fields of text.
    """
    size = request.headers.get("content-length", "0")
    if not size.isdecimal() or int(size) > LARGEST or "transfer-encoding" in request.headers:
        raise HTTPException(413, f"a body has a Content-Length, and at most {LARGEST} bytes")
    body, kind = await request.body(), request.headers.get("content-type", "").lower()
    is_form = kind.startswith(("application/x-www-form-urlencoded", "multipart/form-data"))
    try:
        fields: Any = dict(await request.form()) if is_form else json.loads(body or b"{}")
        plain = {name: "on" if value is True else value or "" for name, value in fields.items()}
        is_text = all(isinstance(value, str) for value in plain.values())
    except (AttributeError, ValueError, RecursionError):
        is_text = False
    if not is_text:
        raise HTTPException(422, "the body must be a JSON object whose values are text")
    return plain


def _sign_out(browser: BrowserSession, values: Values) -> None:
    browser.sign_out(everywhere=bool(values.get("everywhere")))


_POSTS: Final[dict[str, tuple[str, Callable[[BrowserSession, Values], Flow | None]]]] = {
    "/sign-in": ("Begin a sign-in.", BrowserSession.begin),
    "/challenge": ("Answer the challenge of the pending sign-in.", BrowserSession.answer),
    "/refresh": ("Get new tokens.", lambda browser, _: browser.signed_in(refresh=True)),
    "/sign-out": ("Revoke the tokens; with `everywhere`, all of the user's.", _sign_out),
}
"""What each route does, and the steps that it takes."""


def _router(auth: CognitoAuth) -> APIRouter:
    router = APIRouter(tags=["sign-in"], dependencies=[Depends(auth.check_origin)])

    def reply(request: Request, step: Callable[[BrowserSession], Flow | None]) -> JSONResponse:
        browser = auth.browser(request)
        try:
            flow = step(browser)
            signed_out = {"state": "START", "signed_in": False}
            response = JSONResponse(signed_out if flow is None else browser.describe(flow))
        except AuthfsmError as error:
            response = _error_response(error, browser)
        browser.cookies.write(response)
        response.headers["Cache-Control"] = "no-store"
        return response

    def add(path: str, summary: str, step: Callable[[BrowserSession, Values], Flow | None]) -> None:
        @router.post(path, summary=summary)
        def post(request: Request, values: Annotated[Values, Depends(body_of)]) -> JSONResponse:
            return reply(request, lambda browser: step(browser, values))

    for path, (summary, step) in _POSTS.items():
        add(path, summary, step)

    @router.get("/challenge", summary="Where the pending sign-in stands.")
    def challenge(request: Request) -> JSONResponse:
        return reply(request, BrowserSession.pending)

    return router


def _error_response(error: AuthfsmError, browser: BrowserSession) -> JSONResponse:
    shown = {"message": error.for_person(), "action": error.action and error.action.name}
    if isinstance(error, InvalidInput):
        shown["field"] = error.field
    with suppress(SealError):  # nothing is pending
        shown["step"] = step_of(browser.pending())
    return JSONResponse(shown, error.http_status, headers=_retry_after(error))


def _unauthorized(error: AuthfsmError) -> HTTPException:
    """Return 503 if waiting helps, otherwise 401 (RFC 9110, 15.5.2): sign in again."""
    if error.action is RecoveryAction.WAIT or error.fault is Fault.SERVICE:
        return HTTPException(503, error.for_person(), _retry_after(error))
    return HTTPException(401, error.for_person(), {"WWW-Authenticate": "Bearer"})


def _retry_after(error: AuthfsmError) -> dict[str, str]:
    return {} if error.retry_after is None else {"Retry-After": str(ceil(error.retry_after))}
