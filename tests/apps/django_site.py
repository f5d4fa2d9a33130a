"""An example: a Django project in one file, with the sign-in of `authfsm.contrib.django` and the admin.

    python tests/apps/django_site.py runserver --noreload --insecure

COGNITO_POOL_ID, COGNITO_CLIENT_ID and, if there is one, COGNITO_CLIENT_SECRET name the pool; SITE_KEY is Django's
SECRET_KEY, SITE_ORIGIN is where people find the site, and SITE_DATABASE is a file. `--insecure` serves the static files.
"""

from __future__ import annotations

import os
import sys
from typing import Final

import django
from django.conf import settings

APP: Final = "authfsm.contrib.django"
ORIGIN: Final = os.environ.get("SITE_ORIGIN", "https://testserver")

if not settings.configured:
    settings.configure(
        SECRET_KEY=os.environ.get("SITE_KEY", "a secret of the tests"),
        ALLOWED_HOSTS=["localhost", "testserver"],
        ROOT_URLCONF=__name__,
        LOGIN_URL="authfsm:sign_in",
        LOGIN_REDIRECT_URL="/",
        STATIC_URL="/static/",
        USE_TZ=True,
        SESSION_COOKIE_SECURE=ORIGIN.startswith("https:"),
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": os.environ.get("SITE_DATABASE", ":memory:"),
            }
        },
        INSTALLED_APPS=[
            "django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes",
            "django.contrib.messages", "django.contrib.sessions", "django.contrib.staticfiles", APP,
        ],
        MIDDLEWARE=[
            "django.middleware.security.SecurityMiddleware",
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
            f"{APP}.middleware.CognitoMiddleware",
        ],
        AUTHENTICATION_BACKENDS=[f"{APP}.backends.CognitoBackend"],
        TEMPLATES=[{
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {"context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]},
        }],
        AUTHFSM={
            "POOL_ID": os.environ.get("COGNITO_POOL_ID"),
            "CLIENT_ID": os.environ.get("COGNITO_CLIENT_ID"),
            "CLIENT_SECRET": os.environ.get("COGNITO_CLIENT_SECRET"),
            "ORIGIN": ORIGIN,
            "STAFF_GROUPS": ["staff"],
            "SUPERUSER_GROUPS": ["admins"],
        },
    )  # fmt: skip
    django.setup()

from django.contrib import admin  # noqa: E402 - they need the settings
from django.contrib.auth.decorators import login_required  # noqa: E402
from django.core.management import call_command, execute_from_command_line  # noqa: E402
from django.http import HttpRequest, HttpResponse  # noqa: E402
from django.template import RequestContext, Template  # noqa: E402
from django.urls import include, path  # noqa: E402

from authfsm.contrib.django.views import sign_in  # noqa: E402

HOME: Final = """{% extends "authfsm/base.html" %}
{% block title %}Welcome{% endblock %}
{% block heading %}Welcome, {{ user.first_name }}{% endblock %}
{% block main %}
<p><a href="{% url 'authfsm:passkeys' %}">Your passkeys</a></p>
<form method="post" action="{% url 'authfsm:sign_out' %}">{% csrf_token %}<button>Sign out</button></form>
{% endblock %}"""


@login_required
def home(request: HttpRequest) -> HttpResponse:
    """Show the first page of somebody who has signed in."""
    return HttpResponse(Template(HOME).render(RequestContext(request)))


urlpatterns = [
    path("", home),
    path("account/", include(f"{APP}.urls")),
    path("admin/login/", sign_in),
    path("admin/", admin.site.urls),
]

if __name__ == "__main__":
    if "runserver" in sys.argv:
        call_command("migrate", verbosity=0)
    execute_from_command_line(sys.argv)
