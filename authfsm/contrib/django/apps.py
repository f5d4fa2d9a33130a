"""The configuration of the Django app; signing out of Django revokes Cognito's tokens."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_out

from authfsm import AuthfsmError


class CognitoConfig(AppConfig):
    """The configuration of the app."""

    name = "authfsm.contrib.django"
    label = "authfsm"
    verbose_name = "Amazon Cognito"

    def ready(self) -> None:
        """Connect the handler that revokes the tokens."""
        user_logged_out.connect(_revoke, dispatch_uid="authfsm")


def _revoke(request: Any, **_: Any) -> None:
    browser = getattr(request, "cognito", None)
    if browser is not None:
        with suppress(AuthfsmError):  # the tokens expire by themselves
            browser.sign_out()
