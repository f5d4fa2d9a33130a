"""FastAPI: a router that signs browsers in, and dependencies that verify who has signed in.

    auth = CognitoAuth(WebSignIn(cognito=cognito, verifier=verifier, key=key, origin="https://example.com"))
    app.add_middleware(CookieMiddleware)
    app.include_router(auth.router, prefix="/auth")

    @app.get("/me")
    def me(claims: Annotated[Claims, Depends(auth.claims)]) -> str: ...

    @app.delete("/users/{name}", dependencies=[Depends(auth.in_group("admins"))])
    def delete_user(name: str) -> None: ...

The routes reply with JSON. Sealed cookies hold the sign-in and the tokens, so that the server stores nothing and any
number of workers can serve the site. An API client sends `Authorization: Bearer` instead of cookies.
"""

import json
from collections.abc import Callable
from contextlib import suppress
from math import ceil
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.encoders import jsonable_encoder
from fastapi.responses import FileResponse, JSONResponse
from starlette.middleware.errors import ServerErrorMiddleware

from authfsm import AuthfsmError, Claims, Fault, Flow, InvalidInput, RecoveryAction, SealError, Secret
from authfsm.contrib.cookies import is_own_form
from authfsm.contrib.web_sign_in import PASSKEYS_JS, BrowserSession, WebSignIn, ends_session, is_on, step_of

__all__ = ["CognitoAuth", "CookieMiddleware", "WebSignIn", "body_of"]

LARGEST: Final = 65_536
"""The largest body, in bytes; the response of a passkey has about two thousand."""

Values = dict[str, Secret[str]]


class CognitoAuth:
    """The sign-in of a FastAPI application.

    Args:
        site: the site's sign-in.

    The `router` has the routes of this table. A reply has the `state` of the sign-in and `signed_in`; with a challenge,
    it also has the `form` and the `step`. Every error has a sentence as `detail`, like an HTTPException. An error of a
    sign-in also has the `action`, the `field` that is wrong, and the `step` that can still be answered. Dependencies
    raise HTTPException, to which the application's own exception handlers apply.

    | route | fields of the request |
    |---|---|
    | POST /sign-in | `username`, `password`, `flow` (an AuthFlow), `remember` (this device) |
    | GET /challenge | |
    | POST /challenge | `response` and the fields of one of the form's prompts, and `step` |
    | POST /forgot-password | `username`, `remember`; then GET /challenge has the form for the code and a new password |
    | GET /passkeys | none; the reply has `known` and `options`, for the script `GET /passkeys.js` |
    | POST /passkeys | `credential`, which the browser created |
    | POST /refresh | |
    | POST /sign-out | `everywhere` |
    """

    def __init__(self, site: WebSignIn) -> None:
        if not isinstance(site, WebSignIn):
            raise TypeError(f"site must be a WebSignIn, not {type(site).__name__}")
        self.site = site
        self.router = _router(self)

    def browser(self, request: Request) -> BrowserSession:
        """Return the browser that sent a request."""
        return self.site.browser(request.cookies)

    def claims(self, request: Request) -> Claims:
        """A dependency: return the verified claims of the request's access token.

        The token is that of the header `Authorization: Bearer`. Without this header, it is that of the cookies; the
        token of the cookies is refreshed if it is about to expire.

        Raises:
            HTTPException: 401 if the user must sign in; 403 for a form of another site; 503 if Cognito or the pool's
                keys are unreachable or a quota is exceeded; the error's own status if a new sign-in would not help.
        """
        browser, token = self.browser(request), _bearer_token(request)
        try:
            if token is not None:
                return self.site.verifier.verify(token)
            self.check_origin(request)
            return browser.claims()
        except AuthfsmError as error:
            raise _http_exception(error) from None
        finally:
            changed = request.scope.get(_CHANGED)
            if changed is None:
                raise RuntimeError("refreshed tokens would be lost: call app.add_middleware(CookieMiddleware) first")
            changed.append(browser.cookies)

    def in_group(self, *names: str) -> Callable[..., Claims]:
        """Return a dependency that returns the verified claims of a user who is in one of these groups.

        It raises HTTPException 403 for a user who is in none of them, and what `claims` raises.

        Args:
            *names: the groups' names, at least one.
        """
        if not names or not all(isinstance(each, str) for each in names):
            raise TypeError(f"in_group needs names of groups, such as in_group('staff', 'admins'), not {names!r}")

        def claims_of_member(claims: Annotated[Claims, Depends(self.claims)]) -> Claims:
            if not set(names) & set(claims.groups):
                raise HTTPException(403, f"only members of {' or '.join(names)} are allowed")
            return claims

        return claims_of_member

    def check_origin(self, request: Request) -> None:
        """A dependency: refuse a request that may change something, unless its header Origin is the site's.

        Raises:
            HTTPException: 403.
        """
        if not is_own_form(request.method, request.headers.get("origin"), self.site.origin):
            raise HTTPException(403, f"the header Origin must be {self.site.origin}")


_CHANGED: Final = "authfsm.cookies"


class CookieMiddleware:
    """Adds to the response, even if it is an error, the cookies that `CognitoAuth.claims` changed.

    FastAPI drops the headers of a dependency if the route returns its own `Response` or fails, so a rotated refresh
    token would be lost. Starlette replies to an uncaught exception outside of all middleware. If a cookie changed, this
    class sends that reply itself, and raises the exception again.
    """

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Handle a request."""
        changed: list[Any] = []
        unanswered: list[Exception] = []  # no cookie changed: Starlette may reply

        async def send_with_cookies(message: Any) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *_cookie_headers(changed)]}
            await send(message)

        async def app(scope: Any, receive: Any, send: Any) -> None:
            handled = self.app(scope, receive, send)
            del scope  # its headers may contain a token, which the frame of a traceback must not show
            try:
                await handled
            except Exception as error:
                if _cookie_headers(changed):
                    raise
                unanswered.append(error)

        handlers = getattr(scope.get("app"), "exception_handlers", {})
        handler, debug = (handlers.get(500) or handlers.get(Exception), getattr(scope.get("app"), "debug", False))
        outer = ServerErrorMiddleware(app, handler, debug)
        handled = outer({**scope, _CHANGED: changed}, receive, send_with_cookies)
        del scope
        await handled
        for error in unanswered:
            raise error


def _cookie_headers(changed: list[Any]) -> list[tuple[bytes, bytes]]:
    carrier = Response()
    for cookies in changed:
        cookies.write(carrier)
    return [pair for pair in carrier.raw_headers if pair[0] == b"set-cookie"]


def _bearer_token(request: Request) -> Secret[str] | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return Secret(token.strip()) if scheme.lower() == "bearer" else None


async def body_of(request: Request) -> Values:
    """A dependency: return the fields of a request, each a `Secret`, from a body of JSON or of a form.

    Raises:
        HTTPException: 413 if the body is too large or chunked; 422 if it is no form and no JSON object, or if a
            value is not text, a boolean or null; 400 if a multipart form is malformed.
    """
    if "transfer-encoding" in request.headers or not await _read_to_limit(request):
        raise HTTPException(413, f"the body must have a Content-Length of at most {LARGEST} bytes")
    kind = request.headers.get("content-type", "").lower()
    is_form = kind.startswith(("application/x-www-form-urlencoded", "multipart/form-data"))
    with suppress(AttributeError, ValueError, RecursionError):
        return _fields(await request.form() if is_form else json.loads(await request.body() or b"{}"))
    raise HTTPException(422, "the body must be a form, or a JSON object, whose values are text")


async def _read_to_limit(request: Request) -> bool:
    """Read and keep a body; return False if it is too large. Over HTTP/2, a body may have no Content-Length."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LARGEST:
            return False
    request._body = body  # noqa: SLF001 - where Starlette keeps a body, so that it can be read again
    return True


def _fields(fields: Any) -> Values:
    texts = ((n, "on" if v is True else "" if v is None or v is False else v) for n, v in fields.items())
    values = {name: Secret(text) for name, text in texts}
    if not all(isinstance(value.reveal(), str) for value in values.values()):
        raise ValueError("not text")
    return values


_Step = Callable[[BrowserSession, Values], "Flow | dict[str, Any] | None"]
_ROUTES: Final[dict[tuple[str, str], tuple[str, _Step]]] = {
    ("POST", "/sign-in"): ("Begin a sign-in.", BrowserSession.begin),
    ("GET", "/challenge"): ("The form of the pending sign-in.", lambda browser, _: browser.pending()),
    ("POST", "/challenge"): ("Answer the challenge of the pending sign-in.", BrowserSession.answer),
    ("POST", "/forgot-password"): ("Send a code to set a new password.", BrowserSession.forgot_password),
    ("GET", "/passkeys"): ("The passkeys, and options to add one.", lambda browser, _: browser.passkeys()),
    ("POST", "/passkeys"): ("Register a passkey.", BrowserSession.add_passkey),
    ("POST", "/refresh"): ("Get new tokens.", lambda browser, _: browser.signed_in(refresh=True)),
    ("POST", "/sign-out"): (
        "Revoke the tokens; with `everywhere`, all of the user's.",
        lambda browser, values: browser.sign_out(everywhere=is_on(values, "everywhere")),
    ),
}
"""The summary of each route, and the function that handles its request."""

_ERROR: Final = {"type": "object", "required": ["detail"], "properties": {each: {} for each in ("detail", "action", "field", "step")}}  # fmt: skip
_RESPONSES: Final[Any] = {"default": {"description": "Error", "content": {"application/json": {"schema": _ERROR}}}}  # fmt: skip


def _router(auth: CognitoAuth) -> APIRouter:
    router = APIRouter(tags=["sign-in"], dependencies=[Depends(auth.check_origin)], responses=_RESPONSES)

    def add(method: str, path: str, summary: str, step: _Step) -> None:
        def handle(request: Request, values: Annotated[Values, Depends(body_of)]) -> JSONResponse:
            browser = auth.browser(request)
            try:
                result = step(browser, values)
                content = result if isinstance(result, dict) else browser.describe(result)
                response = JSONResponse(jsonable_encoder(content))
            except AuthfsmError as error:
                response = _error_response(error, browser)
            except Exception:
                request.scope.get(_CHANGED, []).append(browser.cookies)
                raise
            browser.cookies.write(response)
            response.headers["Cache-Control"] = "no-store"
            return response

        router.add_api_route(path, handle, methods=[method], summary=summary)

    for (method, path), (summary, step) in _ROUTES.items():
        add(method, path, summary, step)
    router.add_api_route("/passkeys.js", lambda: FileResponse(PASSKEYS_JS), include_in_schema=False)
    return router


def _error_response(error: AuthfsmError, browser: BrowserSession) -> JSONResponse:
    content = {"detail": error.for_person(), "action": error.action and error.action.name}
    if isinstance(error, InvalidInput):
        content["field"] = error.field
    with suppress(SealError):  # nothing is pending
        if flow := browser.pending():
            content["step"] = step_of(flow)
    return JSONResponse(content, error.http_status, headers=_retry_after(error))


def _http_exception(error: AuthfsmError) -> HTTPException:
    """Return 503 if the same request may succeed later, and the error's own status if signing in again would not help.

    Otherwise, return 401 (RFC 9110, 15.5.2), because the user must sign in.
    """
    if error.action is RecoveryAction.WAIT or error.fault is Fault.SERVICE:
        return HTTPException(503, error.for_person(), _retry_after(error))
    if not ends_session(error):
        return HTTPException(error.http_status, error.for_person(), _retry_after(error))
    return HTTPException(401, error.for_person(), {"WWW-Authenticate": "Bearer"})


def _retry_after(error: AuthfsmError) -> dict[str, str]:
    return {} if error.retry_after is None else {"Retry-After": str(ceil(error.retry_after))}
