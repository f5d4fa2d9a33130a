"""The pages: the first one, one for every challenge, and the way out. Their templates are in `authfsm/`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
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
from authfsm.contrib.web_sign_in import BrowserSession, Values


def _view(view: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    return sensitive_post_parameters()(csrf_protect(never_cache(view)))


@_view
def sign_in(request: HttpRequest) -> HttpResponse:
    """Ask for name and password, and begin."""
    return _go_on(request, BrowserSession.begin) if request.method == "POST" else _page(request, "sign_in")


@_view
def challenge(request: HttpRequest) -> HttpResponse:
    """Ask what Cognito asks, and answer it."""
    return _go_on(request, BrowserSession.answer) if request.method == "POST" else _page(request)


@require_POST
@_view
def forgot_password(request: HttpRequest) -> HttpResponse:
    """Send a code with which the user sets a new password."""
    return _go_on(request, BrowserSession.forgot_password)


@_view
@login_required
def passkeys(request: HttpRequest) -> HttpResponse:
    """Show the user's passkeys, and register another."""
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
    """Sign out of Django, which revokes the tokens, and of Cognito."""
    logout(request)
    return redirect(resolve_url(settings.LOGOUT_REDIRECT_URL or "authfsm:sign_in"))


def _go_on(request: HttpRequest, step: Callable[[BrowserSession, Values], Flow | None]) -> HttpResponse:
    """Take a step, and show where it leads: into the site, to the next page, to the same one, or to the first."""
    own = {"csrfmiddlewaretoken", "next"}
    try:
        flow = step(_browser(request), {k: text for k, text in request.POST.dict().items() if k not in own})
    except AuthfsmError as error:
        return _page(request, error=error)
    if flow is None or flow.tokens is None:
        query = urlencode({"next": _next(request)})
        return HttpResponseRedirect(f"{reverse('authfsm:challenge')}?{query}")
    return _enter(request, flow)


def _enter(request: HttpRequest, flow: Flow) -> HttpResponse:
    tokens, verifier = flow.signed_in(), _browser(request).site.verifier
    try:
        claims = verifier.verify(tokens.access_token)
        profile = verifier.verify(tokens.id_token, use="id") if tokens.id_token else None
    except AuthfsmError as error:
        return _page(request, error=error)
    user = authenticate(request, claims=claims, profile=profile)
    if user is None:
        _browser(request).cookies.drop("session")
        denied = _page(request, "denied")
        denied.status_code = 403
        return denied
    login(request, user)
    return HttpResponseRedirect(_next(request))


def _page(
    request: HttpRequest, name: str = "challenge", error: AuthfsmError | None = None, **shown: Any
) -> HttpResponse:
    """Return a page; instead of a challenge's the first one, if nothing is pending."""
    browser = _browser(request)
    try:
        if name == "challenge":
            shown = browser.describe(browser.pending())
    except SealError as nothing:
        name, error = "sign_in", error or nothing
    first = {"flows": browser.site.flows, "username": browser.begun.get("username", "")}
    user: Any = request.user
    if user.is_authenticated and "next" in request.GET:  # a page that needs permissions sent the user here
        first["denied_user"] = user.first_name or user.get_username()
    common = {"error": error and error.for_person(), "site_name": browser.site.name, "next": _next(request)}
    return render(request, f"authfsm/{name}.html", {**first, **shown, **common})


def _browser(request: HttpRequest) -> BrowserSession:
    browser: BrowserSession = request.cognito  # type: ignore[attr-defined]  # set by CognitoMiddleware
    return browser


def _next(request: HttpRequest) -> str:
    """Return where the user wants to go, if that is on this site."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    host = {request.get_host()}
    safe = url_has_allowed_host_and_scheme(wanted, host, require_https=request.is_secure())
    return wanted if safe else resolve_url(settings.LOGIN_REDIRECT_URL)
