"""The middleware: adds the browser's sign-in to each request, as `request.cognito`, and refreshes its tokens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth import BACKEND_SESSION_KEY, load_backend, logout
from django.core.handlers.exception import convert_exception_to_response
from django.views.debug import get_default_exception_reporter_filter

from authfsm import AuthfsmError
from authfsm.contrib.django.backends import CognitoBackend, belongs_to, set_groups
from authfsm.contrib.django.conf import site
from authfsm.contrib.web_sign_in import ends_session

_GROUPS = "authfsm_groups"  # the key at which the session has the groups of the user's last token


class _MaskingFilter(type(get_default_exception_reporter_filter())):  # type: ignore[misc]  # the project's class
    """The project's filter of error pages. It hides sensitive form fields under DEBUG too, and botocore's variables."""

    def is_active(self, _: Any) -> bool:
        return True

    def get_traceback_frame_variables(self, request: Any, tb_frame: Any) -> Any:
        module = tb_frame.f_globals.get("__name__", "").partition(".")[0]
        return [] if module == "botocore" else super().get_traceback_frame_variables(request, tb_frame)


class CognitoMiddleware:
    """Refreshes a signed-in user's tokens before they expire; if the session has ended at Cognito, signs the user out.

    A view has the tokens from `request.cognito.signed_in().signed_in()`. While Cognito cannot be reached, users stay
    signed in.
    """

    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        self.get_response = get_response
        # This turns an exception of the application into an error page, so that `__call__` can set cookies on it too.
        # Otherwise, the browser would keep a refresh token that rotation has replaced.
        self._page = convert_exception_to_response(self._refresh_and_respond)

    def __call__(self, request: Any) -> Any:
        """Handle a request."""
        browser = request.cognito = site().browser(request.COOKIES)
        request.exception_reporter_filter = _MaskingFilter()
        response = self._page(request)
        browser.cookies.write(response)
        return response

    def _refresh_and_respond(self, request: Any) -> Any:
        browser = request.cognito
        backend = request.user.is_authenticated and request.session.get(BACKEND_SESSION_KEY)
        if backend and isinstance(load_backend(backend), CognitoBackend):
            try:
                claims = browser.claims()
                groups = sorted(claims.groups)
                if not belongs_to(claims, request.user):
                    logout(request)  # the cookies are those of another user
                elif request.session.get(_GROUPS) != groups:
                    set_groups(request.user, claims)
                    request.session[_GROUPS] = groups
            except AuthfsmError as error:
                if ends_session(error):
                    logout(request)
        return self.get_response(request)
