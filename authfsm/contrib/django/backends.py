"""The authentication backend: creates or updates the Django user for verified claims, with the groups of Cognito."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from django.core.exceptions import ImproperlyConfigured

from authfsm import Claims
from authfsm.contrib.django.conf import setting


class CognitoBackend(ModelBackend):
    """Signs in the user whom an access token's claims name.

    The user is created at the first sign-in, without a password. At each sign-in, and when a refreshed token has other
    groups, the user's Django groups become those with the names of the Cognito groups; STAFF_GROUPS and
    SUPERUSER_GROUPS decide whether the user is staff or a superuser.
    """

    def authenticate(  # type: ignore[override]  # the credentials are claims, not a password
        self, _request: Any, claims: Claims | None = None, profile: Claims | None = None, **_: Any
    ) -> Any:
        """Return the user; None if there are no claims, or the Django user of that name has a password or is not active.

        Args:
            _request: the request.
            claims: the verified claims of an access token.
            profile: the verified claims of the ID token: `email`, `given_name` and `family_name`.
        """
        if claims is None:
            return None
        model: Any = get_user_model()  # any class with the fields of AbstractUser
        claim = setting("USERNAME_CLAIM", "sub")
        name = claims.raw.get(claim)
        if not isinstance(name, str) or not name:
            raise ImproperlyConfigured(
                f"AUTHFSM: USERNAME_CLAIM is {claim!r}, which the access token does not have: use sub or username"
            )
        fields = {model.USERNAME_FIELD: name, "defaults": {"password": make_password(None)}}  # None: unusable
        user, _created = model._default_manager.get_or_create(**fields)  # noqa: SLF001 - the documented name
        if user.has_usable_password():
            return None  # no sign-in to Cognito created this account, so none may take it over
        names = profile.raw if profile is not None else {}
        values = {
            "email": str(names.get("email", "")),
            "first_name": str(names.get("given_name") or claims.username or "")[:150],
            "last_name": str(names.get("family_name", ""))[:150],
        }
        for field, value in values.items():
            if field != model.USERNAME_FIELD:  # the user is found by it
                setattr(user, field, value)
        set_groups(user, claims)
        return user if self.user_can_authenticate(user) else None


def set_groups(user: Any, claims: Claims) -> None:
    """Set and save a user's Django groups and the status as staff or superuser, by the groups of the claims."""
    groups = set(claims.groups)
    user.is_superuser = not groups.isdisjoint(setting("SUPERUSER_GROUPS", ()))
    user.is_staff = user.is_superuser or not groups.isdisjoint(setting("STAFF_GROUPS", ()))
    user.save()
    user.groups.set(Group.objects.filter(name__in=groups))


def belongs_to(claims: Claims, user: Any) -> bool:
    """Return whether an access token with these claims is the token of a Django user."""
    return bool(claims.raw.get(setting("USERNAME_CLAIM", "sub")) == user.get_username())
