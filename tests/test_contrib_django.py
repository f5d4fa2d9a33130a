"""`authfsm.contrib.django` signs users in, on Django itself and its admin, with a local pool."""

from __future__ import annotations

import re
import runpy
from collections.abc import Iterator
from importlib import import_module
from typing import Any, Final
from unittest import mock

import attrs
import pyotp
import pytest
from apps.in_process import create_tables
from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import Group, Permission, User
from django.core.exceptions import ImproperlyConfigured
from django.db.models.signals import m2m_changed
from django.test import Client, override_settings
from django.views.debug import SafeExceptionReporterFilter, get_default_exception_reporter_filter
from joserfc.jwk import RSAKey

from authfsm import AsyncCognito, Verifier, new_key
from authfsm.contrib.django import conf, middleware
from authfsm.contrib.django.backends import CognitoBackend
from authfsm.contrib.web_sign_in import WebSignIn
from authfsm.local import DeviceConfiguration, LocalPool, ManualClock, PoolRefusal, RefreshTokenRotation, Triggers
from authfsm.local.config.error_templates import ErrorTemplate

PASSWORD: Final = "Correct-Horse-1"
ORIGIN: Final = "https://testserver"
_current: dict[str, WebSignIn] = {}


def site_of_the_test() -> WebSignIn:
    """Return the sign-in of the present test's pool: the setting SITE names this function."""
    return _current["site"]


SETTINGS: Final[dict[str, Any]] = {
    "LOGIN_REDIRECT_URL": "/admin/",
    "AUTHFSM": {
        "SITE": f"{__name__}.site_of_the_test", "STAFF_GROUPS": ["staff"], "SUPERUSER_GROUPS": ["admins"],
    },
}  # fmt: skip


class Visitor:
    """A browser at a site on Django, whose CSRF checks are on.

    Args:
        pool: the pool.
        clock: moves by hand.
    """

    def __init__(self, pool: LocalPool, clock: ManualClock) -> None:
        self.pool, self.clock = pool, clock
        self.client = Client(enforce_csrf_checks=True)
        self.page = ""

    def get(self, address: str) -> Any:
        """Open a page, and follow redirects."""
        return self._shown(self.client.get(address, follow=True, secure=True))

    def send(self, address: str, **values: str) -> Any:
        """Fill in the form of the present page whose hidden fields match, and send it."""
        hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', self.page))
        fields = {**hidden, **values}
        headers: Any = {"HTTP_REFERER": f"{ORIGIN}/", "HTTP_ORIGIN": ORIGIN}
        reply = self.client.post(address, fields, follow=True, secure=True, **headers)
        return self._shown(reply)

    def sign_in(self, name: str, password: str = PASSWORD, **values: str) -> Any:
        """Open the first page, and sign in."""
        self.get("/account/sign-in/")
        return self.send("/account/sign-in/", username=name, password=password, **values)

    def answer(self, response: str, **values: str) -> Any:
        """Answer the challenge on the page."""
        return self.send("/account/challenge/", response=response, **values)

    def code(self, name: str) -> str:
        """Return the last code that was sent to a user."""
        return self.pool.outbox.code_for(name)

    @property
    def heading(self) -> str:
        """Return the heading of the page."""
        match = re.search(r"<h1>(.*?)</h1>", self.page)
        return match.group(1) if match else ""

    @property
    def alert(self) -> str | None:
        """Return the message of the page about the last request."""
        match = re.search(r'<p role="alert">(.*?)</p>', self.page)
        return match and match.group(1)

    def _shown(self, reply: Any) -> Any:
        self.page = reply.content.decode()
        return reply


@pytest.fixture
def visit(signing_key: RSAKey, request: pytest.FixtureRequest) -> Iterator[Visitor]:
    """Return a browser at a site whose pool has the settings of the test's parameter."""
    clock = ManualClock()
    pool = LocalPool(**{"mfa": "OPTIONAL", **getattr(request, "param", {})}, key=signing_key, clock=clock)
    for name, groups in (("ada", ["admins"]), ("sue", ["staff", "editors"]), ("eve", ["readers"])):
        pool.add_user(name, PASSWORD, groups=groups, email=f"{name}@example.com")
    pool.add_user("tom", PASSWORD, phone_number="+15555550143", preferred_mfa="SMS_MFA")
    _current["site"] = WebSignIn(
        cognito=pool.cognito(),
        verifier=Verifier(pool.pool_id, pool.client_id, jwks=pool.jwks(), clock=clock),
        key=new_key(),
        origin=ORIGIN,
    )
    conf.site.cache_clear()
    create_tables()
    User.objects.all().delete()
    Group.objects.all().delete()
    with override_settings(**SETTINGS):
        yield Visitor(pool, clock)


def test_the_admin(visit: Visitor) -> None:
    """The admin redirects to the sign-in and admits a superuser; its own sign-out revokes the tokens."""
    visit.get("/admin/auth/user/")
    assert visit.heading == "Sign in"
    reply = visit.send("/account/sign-in/", username="ada", password=PASSWORD)
    assert reply.redirect_chain[-1][0] == "/admin/auth/user/"
    assert "ada@example.com" in visit.page
    (user,) = User.objects.all()
    assert (user.username, user.first_name) == (visit.pool.user("ada").sub, "ada")
    assert (user.is_superuser, user.is_staff, user.has_usable_password()) == (True, True, False)

    visit.send("/admin/logout/")
    assert [name for name in visit.client.cookies if visit.client.cookies[name].value] == ["csrftoken"]
    visit.get("/admin/auth/user/")
    assert visit.heading == "Sign in"


def test_groups_are_permissions(visit: Visitor) -> None:
    """A Cognito group gives the permissions of the Django group of its name, for as long as Cognito says so."""
    editors = Group.objects.create(name="editors")
    editors.permissions.add(Permission.objects.get(codename="view_user"))
    visit.sign_in("sue")
    user = User.objects.get()
    assert (user.is_staff, user.is_superuser) == (True, False)
    assert user.get_all_permissions() == {"auth.view_user"}
    assert visit.get("/admin/auth/user/").status_code == 200
    assert visit.get("/admin/auth/group/").status_code == 403

    ids = {"UserPoolId": visit.pool.pool_id, "Username": "sue"}
    visit.pool.client().admin_remove_user_from_group(**ids, GroupName="editors")
    visit.send("/account/sign-out/")
    visit.sign_in("sue")
    assert User.objects.get().get_all_permissions() == set()
    assert visit.get("/admin/auth/user/").status_code == 403


def test_a_user_who_is_no_staff(visit: Visitor) -> None:
    """A user without access to the admin is signed in, and sees why the admin is closed."""
    visit.sign_in("eve")
    why = (
        "You are signed in as eve. If the page that you wanted to open sent you back here, sign in as a user who"
        " is allowed to open it."
    )
    assert (visit.heading, visit.alert) == ("Sign in", why)
    assert User.objects.get().is_staff is False
    visit.get("/account/sign-in/")
    assert (visit.heading, visit.alert) == ("Sign in", None)
    visit.get("/admin/")
    visit.send("/admin/login/", username="ada", password=PASSWORD)
    assert "Site administration" in visit.page


def test_a_local_account_is_not_taken_over(visit: Visitor) -> None:
    """A Cognito user with the name of a Django user who has a password is denied, and stays signed out."""
    with override_settings(AUTHFSM={**settings.AUTHFSM, "USERNAME_CLAIM": "username"}):
        User.objects.create_superuser("eve", password="a password of the site")
        assert visit.sign_in("eve").status_code == 403
        assert visit.heading == "No access"
        visit.get("/admin/")
        assert visit.heading == "Sign in"
        visit.sign_in("ada")
        assert User.objects.get(username="ada").is_superuser


def test_a_user_whose_first_sign_in_failed(visit: Visitor) -> None:
    """A Django user who was created, but whose groups could not be stored, is not taken for one with a password."""
    visit.client.raise_request_exception = False
    with mock.patch("authfsm.contrib.django.backends.set_groups", side_effect=RuntimeError("the database is locked")):
        assert visit.sign_in("ada").status_code == 500
    assert [each.has_usable_password() for each in User.objects.all()] == [False]
    visit.sign_in("ada")
    assert "Site administration" in visit.page


def test_a_group_named_like_a_letter_of_the_setting(visit: Visitor) -> None:
    """SUPERUSER_GROUPS as text is an error; its letters would be names of groups."""
    visit.get("/account/sign-in/")
    with override_settings(AUTHFSM={**settings.AUTHFSM, "SUPERUSER_GROUPS": "readers"}):
        with pytest.raises(ImproperlyConfigured, match="SUPERUSER_GROUPS must be a list of names"):
            visit.send("/account/sign-in/", username="eve", password=PASSWORD)
        assert not User.objects.filter(is_superuser=True).exists()


class ProjectFilter(SafeExceptionReporterFilter):
    """A project's own filter of error pages."""

    cleansed_substitute = "hidden by the project"


def test_the_filter_of_the_project_is_kept() -> None:
    """The error pages keep the filter of DEFAULT_EXCEPTION_REPORTER_FILTER, and hide sensitive fields under DEBUG too."""
    default: Any = get_default_exception_reporter_filter
    with override_settings(DEFAULT_EXCEPTION_REPORTER_FILTER=f"{__name__}.ProjectFilter", DEBUG=True):
        default.cache_clear()
        reloaded = runpy.run_path(str(middleware.__file__))
    default.cache_clear()
    assert issubclass(reloaded["_MaskingFilter"], ProjectFilter)
    assert reloaded["_MaskingFilter"]().is_active(None)


def _no_keys(_: str) -> bytes:
    raise OSError("no route to the host")


@pytest.mark.parametrize("case", ["denied", "no keys"])
def test_the_tokens_of_a_refused_sign_in_are_revoked(visit: Visitor, case: str) -> None:
    """If Django does not log the user in, no cookie has the tokens, and Cognito has revoked them."""
    site, revoked = _current["site"], list[str]()
    site.cognito.client.meta.events.register(
        "before-call.cognito-idp.RevokeToken", lambda **_: revoked.append("refresh token")
    )
    if case == "denied":
        User.objects.create_superuser("eve", password="a password of the site")
        with override_settings(AUTHFSM={**settings.AUTHFSM, "USERNAME_CLAIM": "username"}):
            assert visit.sign_in("eve").status_code == 403
    else:
        unreachable = Verifier(visit.pool.pool_id, visit.pool.client_id, fetch=_no_keys)
        _current["site"] = attrs.evolve(site, verifier=unreachable)
        conf.site.cache_clear()
        visit.sign_in("eve")
        assert visit.heading == "Sign in"

    assert revoked == ["refresh token"]
    assert not [name for name, each in visit.client.cookies.items() if "tokens" in name and each.value]


def test_a_code_and_a_wrong_one(visit: Visitor) -> None:
    """A wrong code is reported and can be repeated; a form of an earlier page is refused with a message."""
    visit.sign_in("tom", "wrong")
    assert (visit.heading, visit.alert) == ("Sign in", "The user name or the password is wrong.")
    assert 'value="tom"' in visit.page
    visit.sign_in("tom")
    assert (visit.heading, visit.alert) == ("Enter the code", None)
    earlier = visit.page
    visit.answer("code", code="000000")
    assert (visit.heading, visit.alert) == ("Enter the code", "That code is not right. Check it, and try again.")
    now, visit.page = visit.page, earlier
    visit.answer("code", code=visit.code("tom"))
    assert visit.alert == "This sign-in is at another step by now. Continue there."
    visit.page = now
    visit.answer("code", code=visit.code("tom"))
    assert User.objects.get().first_name == "tom"

    visit.send("/account/sign-out/")
    visit.sign_in("tom")
    visit.clock.advance(181)
    visit.answer("code", code=visit.code("tom"))
    assert visit.heading == "Sign in"
    assert visit.alert is not None


@pytest.mark.parametrize("visit", [{"mfa": "ON", "mfa_methods": ["SOFTWARE_TOKEN_MFA"]}], indirect=True)
def test_an_authenticator_app(visit: Visitor) -> None:
    """The page shows the QR code and the key of an app that must be set up."""
    visit.sign_in("ada")
    visit.answer("associate_software_token")
    assert "<svg" in visit.page
    (key,) = re.findall(r"<code>(\w+)</code>", visit.page)
    reply = visit.answer("verify_software_token", code=pyotp.TOTP(key).at(visit.clock()))
    assert reply.redirect_chain[-1][0] == "/admin/"


@pytest.mark.parametrize(
    "visit", [{"device": DeviceConfiguration(challenge_required_on_new_device=True)}], indirect=True
)
def test_a_remembered_device(visit: Visitor) -> None:
    """A remembered device replaces the code."""
    visit.sign_in("tom", remember="on")
    visit.answer("code", code=visit.code("tom"))
    visit.send("/account/sign-out/")
    message_count = len(visit.pool.outbox)
    visit.sign_in("tom")
    assert len(visit.pool.outbox) == message_count
    assert visit.client.session["_auth_user_id"]


def test_the_middleware_keeps_tokens_fresh(visit: Visitor) -> None:
    """Expired tokens are refreshed; a user who is signed out at Cognito is signed out at the next refresh."""
    visit.sign_in("ada")
    for _ in range(5):
        visit.clock.advance(3600)
        assert visit.get("/admin/auth/user/").redirect_chain == []
    client = visit.pool.client()
    client.admin_user_global_sign_out(UserPoolId=visit.pool.pool_id, Username="ada")
    visit.clock.advance(3600)
    visit.get("/admin/auth/user/")
    assert visit.heading == "Sign in"


class OwnBackend(CognitoBackend):
    """A project's own backend."""


def test_a_backend_of_the_project(visit: Visitor) -> None:
    """Users whom a subclass of CognitoBackend has signed in are signed out too when their session ends at Cognito."""
    with override_settings(AUTHENTICATION_BACKENDS=[f"{__name__}.OwnBackend"]):
        visit.sign_in("ada")
        assert visit.get("/admin/auth/user/").redirect_chain == []
        visit.pool.client().admin_user_global_sign_out(UserPoolId=visit.pool.pool_id, Username="ada")
        visit.clock.advance(3600)
        visit.get("/admin/auth/user/")
        assert visit.heading == "Sign in"


def test_groups_follow_a_refreshed_token(visit: Visitor) -> None:
    """A user who leaves a Cognito group loses its permissions at the next refresh; one who joins gets them."""
    Group.objects.create(name="editors")
    visit.sign_in("ada")
    client, ids = visit.pool.client(), {"UserPoolId": visit.pool.pool_id, "Username": "ada"}
    client.admin_remove_user_from_group(**ids, GroupName="admins")
    client.admin_add_user_to_group(**ids, GroupName="editors")
    visit.clock.advance(3600)
    visit.get("/admin/auth/user/")
    user = User.objects.get()
    assert (user.is_superuser, user.is_staff, [each.name for each in user.groups.all()]) == (
        False, False, ["editors"],
    )  # fmt: skip


@pytest.mark.parametrize("visit", [{"refresh_token_rotation": RefreshTokenRotation()}], indirect=True)
def test_a_rotated_token_survives_an_error_of_the_application(visit: Visitor) -> None:
    """If a signal handler raises after the tokens were rotated, the error page sets their cookie, and the next refresh works."""
    Group.objects.create(name="editors")
    visit.sign_in("ada")
    ids = {"UserPoolId": visit.pool.pool_id, "Username": "ada", "GroupName": "editors"}
    visit.pool.client().admin_add_user_to_group(**ids)
    visit.clock.advance(3600)
    visit.client.raise_request_exception = False

    def fail(**_: Any) -> None:
        raise RuntimeError("the handler of the application failed")

    m2m_changed.connect(fail, sender=User.groups.through)
    try:
        reply = visit.get("/admin/auth/user/")
    finally:
        m2m_changed.disconnect(fail, sender=User.groups.through)
    assert (reply.status_code, "__Host-tokens-0" in reply.cookies) == (500, True)
    visit.clock.advance(3600)
    visit.get("/admin/auth/user/")
    assert [each.name for each in User.objects.get().groups.all()] == ["editors"]


@pytest.mark.parametrize("path", ["sign-in", "forgot-password"])
def test_an_error_is_shown_on_the_page_of_its_form(visit: Visitor, path: str) -> None:
    """An invalid user name is reported on the sign-in page, even if a new password is pending."""
    visit.get("/account/sign-in/")
    visit.send("/account/forgot-password/", username="ada")
    assert visit.heading == "Choose a new password"
    visit.send(f"/account/{path}/", username="", password=PASSWORD)
    assert (visit.heading, visit.alert) == ("Sign in", "The username must not be empty.")


def deny_eve(event: Any) -> Any:
    """Deny eve, as a Lambda function."""
    if event["userName"] == "eve":
        raise PermissionError("not today")
    return event


@pytest.mark.parametrize("visit", [{"triggers": Triggers(pre_authentication=deny_eve)}], indirect=True)
def test_a_lambda_function_denies_a_user(visit: Visitor) -> None:
    """A user whom a Lambda function denies reads that the rules of the service are the reason."""
    visit.sign_in("eve")
    assert visit.alert == "The rules of this service do not allow this. Contact the operator of this service."
    visit.sign_in("ada")
    assert visit.alert is None


def test_a_failing_function_signs_nobody_out(visit: Visitor) -> None:
    """While a Lambda function fails at each refresh, the user stays signed in."""
    visit.sign_in("ada")
    visit.clock.advance(3600)
    failure = PoolRefusal(ErrorTemplate("UnexpectedLambdaException", "PreTokenGeneration failed with error x."))
    with mock.patch.object(LocalPool, "answer", side_effect=failure):
        visit.get("/admin/auth/user/")
    assert visit.get("/admin/auth/user/").redirect_chain == []


@pytest.mark.parametrize("username_field", ["email", "first_name", "last_name"])
def test_a_user_model_whose_name_is_a_profile_field(visit: Visitor, username_field: str) -> None:
    """A field that names the Django user is not overwritten by the profile, so the user stays signed in."""
    with mock.patch.object(User, "USERNAME_FIELD", username_field):
        for _ in range(2):
            visit.sign_in("ada")
            assert visit.get("/admin/auth/user/").redirect_chain == []
        assert getattr(User.objects.get(), username_field) == visit.pool.user("ada").sub


def test_a_claim_that_access_tokens_lack(visit: Visitor) -> None:
    """A USERNAME_CLAIM that only ID tokens have is a wrong setting, and the error says so."""
    with override_settings(AUTHFSM={**settings.AUTHFSM, "USERNAME_CLAIM": "email"}):
        visit.get("/account/sign-in/")
        with pytest.raises(ImproperlyConfigured, match="USERNAME_CLAIM is 'email'"):
            visit.send("/account/sign-in/", username="ada", password=PASSWORD)


def test_tokens_of_another_user(visit: Visitor) -> None:
    """The cookies of another user do not keep a Django user signed in."""
    visit.sign_in("eve")
    of_eve = {n: m.value for n, m in visit.client.cookies.items() if "tokens" in n and m.value}
    of_eve.pop("sessionid", None)
    visit.client.cookies.clear()
    visit.sign_in("ada")
    assert visit.get("/admin/auth/user/").redirect_chain == []
    for name, value in of_eve.items():
        visit.client.cookies[name] = value
    visit.get("/admin/auth/user/")
    assert visit.heading == "Sign in"


def test_forms_of_other_sites(visit: Visitor) -> None:
    """A form without the token of Django's CSRF protection has no effect, and no page is left by a foreign `next`."""
    for address in ("/account/sign-in/", "/account/challenge/", "/account/sign-out/"):
        reply = visit.client.post(address, {"username": "ada"}, secure=True)
        assert (address, reply.status_code) == (address, 403)
    visit.get("/account/sign-in/?next=https://evil.example/")
    assert "evil" not in visit.page
    reply = visit.send("/account/sign-in/", username="ada", password=PASSWORD, next="//evil.example/")
    assert reply.redirect_chain[-1][0] == "/admin/"


def test_templates_can_be_overridden(visit: Visitor, tmp_path: Any) -> None:
    """A template of the project's own replaces that of the app."""
    own = tmp_path / "authfsm" / "sign_in.html"
    own.parent.mkdir()
    own.write_text("<h1>Our own page</h1>")
    engine = {**settings.TEMPLATES[0], "DIRS": [tmp_path]}
    with override_settings(TEMPLATES=[engine]):
        visit.get("/account/sign-in/")
    assert visit.heading == "Our own page"


def async_site() -> WebSignIn:
    """Return a site with the wrong driver: a function for the setting SITE."""
    pool = LocalPool()
    cognito: Any = AsyncCognito(pool.client(), client_id=pool.client_id, pool_id=pool.pool_id)
    return WebSignIn(cognito=cognito, verifier=Verifier.of(cognito), key=new_key(), origin=ORIGIN)


def no_site() -> None:
    """Return no site: a wrong function for the setting SITE."""


def test_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings configure the site and are all documented; a missing, unknown or wrong one is named."""
    assert [each for each in conf._ALL if each not in str(import_module("authfsm.contrib.django").__doc__)] == []
    full = {"POOL_ID": "eu-west-1_AbC", "CLIENT_ID": "abc", "ORIGIN": "https://a.example", "NAME": "A"}
    conf.site.cache_clear()
    with override_settings(AUTHFSM=full, SECRET_KEY_FALLBACKS=["old"]):
        site = conf.site()
        assert (site.cognito.pool_id, site.name, site.is_secure) == ("eu-west-1_AbC", "A", True)
        assert isinstance(site.key, tuple)
        assert len(set(site.key)) == 2
    conf.site.cache_clear()
    monkeypatch.setenv("AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER", "http://127.0.0.1:9229")
    with override_settings(AUTHFSM=full):
        assert conf.site().verifier.issuer == "http://127.0.0.1:9229/eu-west-1_AbC"
    for wrong, name in (
        ({**full, "POOL": 1}, "unknown keys: POOL"),
        ({"POOL_ID": "x"}, "CLIENT_ID, ORIGIN"),
        ({**full, "ORIGIN": "a.example"}, "origin must be like"),
        ({**full, "CLIENT_SECRET": 5}, "client_secret must be text, not int"),
        ({**full, "POOL_ID": 5}, "region_name '5'"),
        ({**full, "STAFF_GROUPS": "staff"}, "STAFF_GROUPS must be a list of names"),
        ({**full, "SUPERUSER_GROUPS": None, "FLOWS": "USER_AUTH"}, "FLOWS, SUPERUSER_GROUPS must be a list"),
        ({"SITE": f"{__name__}.async_site"}, "cognito must be a Cognito, not AsyncCognito"),
        ({"SITE": f"{__name__}.no_site"}, "SITE must name a function that returns a WebSignIn, not NoneType"),
        ({"SITE": f"{__name__}.misspelt"}, "misspelt"),
        (None, "dictionary"),
    ):
        conf.site.cache_clear()
        with override_settings(AUTHFSM=wrong), pytest.raises(ImproperlyConfigured, match=name):
            conf.site()
    conf.site.cache_clear()
    assert apps.get_app_config("authfsm").verbose_name == "Amazon Cognito"
