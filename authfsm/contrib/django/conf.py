"""Reads the settings: the dictionary `AUTHFSM`, which the docstring of `authfsm.contrib.django` describes."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from functools import cache
from typing import Any, Final

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.crypto import salted_hmac
from django.utils.module_loading import import_string

from authfsm import Cognito, Secret, Verifier
from authfsm.contrib.web_sign_in import WebSignIn

_REQUIRED: Final = ("POOL_ID", "CLIENT_ID", "ORIGIN")
_LISTS: Final = ("FLOWS", "STAFF_GROUPS", "SUPERUSER_GROUPS")
_ALL: Final = {*_REQUIRED, *_LISTS, "CLIENT_SECRET", "NAME", "USERNAME_CLAIM", "SITE"}


def setting(name: str, default: Any = None) -> Any:
    """Return one of the settings; raise ImproperlyConfigured if AUTHFSM is missing or not valid."""
    values = getattr(settings, "AUTHFSM", None)
    if not isinstance(values, dict):
        raise ImproperlyConfigured("set AUTHFSM to a dictionary: see python -m pydoc authfsm.contrib.django")
    if unknown := sorted(values.keys() - _ALL):
        raise ImproperlyConfigured(f"AUTHFSM has unknown keys: {', '.join(unknown)}; it may have {sorted(_ALL)}")
    if wrong := [each for each in _LISTS if isinstance(values.get(each, ()), str | None)]:
        raise ImproperlyConfigured(f"AUTHFSM: {', '.join(wrong)} must be a list of names")
    return values.get(name, default)


@cache
def site() -> WebSignIn:
    """Return the site's sign-in, created once; raise ImproperlyConfigured if a setting is missing, unknown or wrong."""
    try:
        return _create_site()
    except (ImportError, TypeError, ValueError) as error:
        raise ImproperlyConfigured(f"AUTHFSM: {error}") from None


def _create_site() -> WebSignIn:
    if path := setting("SITE"):
        own = import_string(path)()
        if not isinstance(own, WebSignIn):
            raise TypeError(f"SITE must name a function that returns a WebSignIn, not {type(own).__name__}")
        return own
    if missing := [name for name in _REQUIRED if not setting(name)]:
        raise ImproperlyConfigured(f"AUTHFSM needs {', '.join(missing)}")
    pool_id, client_id = setting("POOL_ID"), setting("CLIENT_ID")
    region, config = str(pool_id).partition("_")[0], Config(signature_version=UNSIGNED)
    client = boto3.client("cognito-idp", region_name=region, config=config)
    cognito = Cognito(client, client_id=client_id, pool_id=pool_id, client_secret=setting("CLIENT_SECRET"))
    return WebSignIn(
        cognito=cognito,
        verifier=Verifier.of(cognito),
        key=tuple(map(_key, (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS))),
        origin=setting("ORIGIN"),
        name=setting("NAME", "Example"),
        flows=tuple(setting("FLOWS", ("USER_SRP_AUTH", "USER_AUTH"))),
    )


def _key(secret_key: Any) -> Secret[str]:
    digest = salted_hmac("authfsm.contrib.django", "seal", secret_key, algorithm="sha256").digest()
    return Secret(urlsafe_b64encode(digest).decode())
