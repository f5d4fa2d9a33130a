"""The views (sign-in, all challenges, forgotten password, passkeys, sign-out); `templates/authfsm/` has their pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth import authenticate, login, logout
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render, resolve_url
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from authfsm import AuthfsmError, Flow, SealError
from authfsm.contrib.django.apps import revoke_tokens
from authfsm.contrib.web_sign_in import BrowserSession, Values

_DJANGO_FIELDS: Final = {"csrfmiddlewaretoken", "next"}


def _view(view: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    return sensitive_post_parameters()(csrf_protect(never_cache(view)))


@_view
def sign_in(request: HttpRequest) -> HttpResponse:
    """Ask for the user name and the password, and begin the sign-in."""
    return _take_step(request, BrowserSession.begin) if request.method == "POST" else _page(request, "sign_in")


@_view
def challenge(request: HttpRequest) -> HttpResponse:
    """Show the form of the current challenge; on POST, send the answer."""
    return _take_step(request, BrowserSession.answer) if request.method == "POST" else _page(request)


@require_POST
@_view
def forgot_password(request: HttpRequest) -> HttpResponse:
    """Send a code with which the user sets a new password."""
    return _take_step(request, BrowserSession.forgot_password)


@_view
@login_required
def passkeys(request: HttpRequest) -> HttpResponse:
    """Show the user's passkeys; on POST, register another."""
    try:
        if request.method == "POST":
            _browser(request).add_passkey(request.POST.dict())
            return redirect("authfsm:passkeys")
        return _page(request, "passkeys", **_browser(request).passkeys())
    except AuthfsmError as error:
        return _page(request, "passkeys", error)


@require_POST
@_view
def sign_out(request: HttpRequest) -> HttpResponse:
    """Sign out of Django, whose `logout` first calls the signal handler in `apps.py`: that revokes Cognito's tokens."""
    logout(request)
    return redirect(resolve_url(settings.LOGOUT_REDIRECT_URL or "authfsm:sign_in"))


def _take_step(request: HttpRequest, step: Callable[[BrowserSession, Values], Flow | None]) -> HttpResponse:
    """Take a step of the sign-in; redirect to the next challenge or the page that the user wanted, or show the error."""
    try:  # no local variable holds the input: a traceback would show it
        flow = step(_browser(request), {k: v for k, v in request.POST.dict().items() if k not in _DJANGO_FIELDS})
    except AuthfsmError as error:
        return _page(request, error=error)
    if flow is None or flow.tokens is None:
        query = urlencode({"next": _next(request)})
        return HttpResponseRedirect(f"{reverse('authfsm:challenge')}?{query}")
    return _log_in_to_django(request, flow)


def _log_in_to_django(request: HttpRequest, flow: Flow) -> HttpResponse:
    """Log in the user of the verified tokens, and redirect; if no backend accepts the user, show the page `denied`."""
    tokens, verifier = flow.signed_in(), _browser(request).site.verifier
    try:
        claims = verifier.verify(tokens.access_token)
        profile = verifier.verify(tokens.id_token, use="id") if tokens.id_token else None
    except AuthfsmError as error:
        revoke_tokens(request)
        return _page(request, error=error)
    user = authenticate(request, claims=claims, profile=profile)
    if user is None:
        revoke_tokens(request)
        denied = _page(request, "denied")
        denied.status_code = 403
        return denied
    login(request, user)
    return HttpResponseRedirect(_next(request))


def _page(
    request: HttpRequest, name: str = "challenge", error: AuthfsmError | None = None, **variables: Any
) -> HttpResponse:
    """Return a page. If no sign-in is pending, the sign-in page replaces the challenge page."""
    browser = _browser(request)
    try:
        if name == "challenge":
            variables = browser.describe(browser.pending())
    except SealError as not_pending:
        name, error = "sign_in", error or not_pending
    defaults = {"flows": browser.site.flows, "username": browser.first_input.get("username", "")}
    user: Any = request.user
    # A signed-in user who comes here with `next` probably lacks a permission for that page.
    if user.is_authenticated and "next" in request.GET:
        defaults["denied_user"] = user.first_name or user.get_username()
    common = {"error": error and error.for_person(), "site_name": browser.site.name, "next": _next(request)}
    return render(request, f"authfsm/{name}.html", {**defaults, **variables, **common})


def _browser(request: HttpRequest) -> BrowserSession:
    browser: BrowserSession = request.cognito  # type: ignore[attr-defined]  # set by CognitoMiddleware
    return browser


def _next(request: HttpRequest) -> str:
    """Return the URL to which the user wants to go if it is on this site, otherwise LOGIN_REDIRECT_URL."""
    url = request.POST.get("next") or request.GET.get("next") or ""
    safe = url_has_allowed_host_and_scheme(url, {request.get_host()}, require_https=request.is_secure())
    return url if safe else resolve_url(settings.LOGIN_REDIRECT_URL)
