"""The pages: the first one, one for every challenge, and the way out. Their templates are in `authfsm/`."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth import authenticate, login, logout
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render, resolve_url
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from authfsm import AuthfsmError, Flow, SealError
from authfsm.contrib.web_sign_in import BrowserSession


@sensitive_post_parameters()
@csrf_protect
@never_cache
def sign_in(request: HttpRequest) -> HttpResponse:
    """Ask for name and password, and begin."""
    if request.method != "POST":
        return _page(request)
    return _go_on(request, lambda browser: browser.begin(request.POST.dict()))


@sensitive_post_parameters()
@csrf_protect
@never_cache
def challenge(request: HttpRequest) -> HttpResponse:
    """Ask what Cognito asks, and answer it."""
    if request.method == "POST":
        own = ("csrfmiddlewaretoken", "next")
        values = {name: text for name, text in request.POST.items() if name not in own}
        return _go_on(request, lambda browser: browser.answer(values))
    try:
        flow = _browser(request).pending()
    except SealError as error:
        return _page(request, error=error)
    return _page(request, flow)


@require_POST
@csrf_protect
def sign_out(request: HttpRequest) -> HttpResponse:
    """Sign out of Django, which revokes the tokens, and of Cognito."""
    logout(request)
    return redirect(resolve_url(settings.LOGOUT_REDIRECT_URL or "authfsm:sign_in"))


def _go_on(request: HttpRequest, steps: Any) -> HttpResponse:
    """Take a step, and show where it leads: into the site, to the next page, to the same one, or to the first."""
    browser = _browser(request)
    try:
        flow = steps(browser)
    except AuthfsmError as error:
        try:
            return _page(request, browser.pending(), error)
        except SealError:
            return _page(request, error=error)
    if flow.tokens is None:
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
        shown = {"site_name": _browser(request).site.name}
        return render(request, "authfsm/denied.html", shown, status=403)
    login(request, user)
    return HttpResponseRedirect(_next(request))


def _page(request: HttpRequest, flow: Flow | None = None, error: AuthfsmError | None = None) -> HttpResponse:
    """Return the page of the pending challenge; without one, the first page."""
    browser = _browser(request)
    shown = {"flows": browser.site.flows, "username": browser.begun.get("username", "")}
    if flow is not None:
        shown = browser.describe(flow)
    shown |= {"error": error and error.for_person(), "site_name": browser.site.name}
    template = "authfsm/sign_in.html" if flow is None else "authfsm/challenge.html"
    return render(request, template, shown | {"next": _next(request)})


def _browser(request: HttpRequest) -> BrowserSession:
    browser: BrowserSession = request.cognito  # type: ignore[attr-defined]  # set by CognitoMiddleware
    return browser


def _next(request: HttpRequest) -> str:
    """Return where the user wants to go, if that is on this site."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    host = {request.get_host()}
    safe = url_has_allowed_host_and_scheme(wanted, host, require_https=request.is_secure())
    return wanted if safe else resolve_url(settings.LOGIN_REDIRECT_URL)
