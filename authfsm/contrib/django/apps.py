"""The configuration of the Django app: a user who logs out of Django loses the tokens of Cognito, too."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_out

from authfsm import AuthfsmError


class CognitoConfig(AppConfig):
    """The Django app `authfsm`."""

    name = "authfsm.contrib.django"
    label = "authfsm"
    verbose_name = "Amazon Cognito"

    def ready(self) -> None:
        """Have the tokens revoked when a user logs out."""
        user_logged_out.connect(revoke_tokens, dispatch_uid="authfsm")


def revoke_tokens(request: Any, **_: Any) -> None:
    """Revoke the tokens in the request's cookies, and delete the cookies."""
    browser = getattr(request, "cognito", None)
    if browser is not None:
        with suppress(AuthfsmError):  # the tokens expire by themselves
            browser.sign_out()
