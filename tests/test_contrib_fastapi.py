"""`authfsm.contrib.fastapi` signs browsers in, on FastAPI itself, with a local pool."""

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from traceback import walk_tb
from typing import Annotated, Any, Final, cast

import pyotp
import pytest
from attrs import define, field
from botocore.exceptions import EndpointConnectionError
from fastapi import Depends, FastAPI, HTTPException
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.testclient import TestClient
from joserfc.jwk import RSAKey

from authfsm import ERROR_SENTENCES, AsyncCognito, Claims, Verifier, new_key
from authfsm.contrib.cookies import device_cookie
from authfsm.contrib.fastapi import LARGEST, CognitoAuth, CookieMiddleware, WebSignIn
from authfsm.contrib.web_sign_in import BrowserSession
from authfsm.local import (
    DeviceConfiguration,
    LocalPool,
    ManualClock,
    PoolRefusal,
    RefreshTokenRotation,
    Triggers,
    WebAuthnConfiguration,
)
from authfsm.local.config.error_templates import ErrorTemplate

PASSWORD: Final = "Correct-Horse-1"
ORIGIN: Final = "https://testserver"


@define
class Site:
    """An application, its pool, and a browser.

    Args:
        pool: the pool.
        clock: moves by hand.
        app: the application.
        auth: its sign-in.
        browser: a browser with cookies.
    """

    pool: LocalPool
    clock: ManualClock
    app: FastAPI
    auth: CognitoAuth
    browser: TestClient = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Open the browser."""
        self.browser = self.another()

    def another(self) -> TestClient:
        """Return a browser without cookies."""
        return TestClient(self.app, base_url=ORIGIN, headers={"Origin": ORIGIN})

    def post(self, path: str, **values: Any) -> tuple[int, Any]:
        """Send values, and return the status and the reply."""
        reply = self.browser.post(f"/auth{path}", json=values)
        return reply.status_code, reply.json()

    def get(self, path: str, **headers: str) -> tuple[int, Any]:
        """Return the status and the reply."""
        reply = self.browser.get(path, headers=headers)
        return reply.status_code, reply.json()

    def sign_in(self, name: str, **values: Any) -> tuple[int, Any]:
        """Send a name and the password."""
        return self.post("/sign-in", username=name, password=PASSWORD, **values)


SiteOf = Callable[..., Site]


@pytest.fixture
def site_of(signing_key: RSAKey) -> SiteOf:
    """Return an application with a pool of these settings."""

    def make(**settings: Any) -> Site:
        clock = ManualClock()
        pool = LocalPool(**{"mfa": "OPTIONAL", **settings}, key=signing_key, clock=clock)
        pool.add_user("ada", PASSWORD, phone_number="+15555550143", preferred_mfa="SMS_MFA")
        pool.add_user("eve", PASSWORD, groups=["admins"], email="eve@example.com")
        verifier = Verifier(pool.pool_id, pool.client_id, jwks=pool.jwks(), clock=clock)
        flows = ("USER_SRP_AUTH", "USER_AUTH", "CUSTOM_AUTH")
        web = WebSignIn(cognito=pool.cognito(), verifier=verifier, key=new_key(), origin=ORIGIN, flows=flows)
        auth = CognitoAuth(web)
        app = FastAPI()
        app.add_middleware(CookieMiddleware)
        app.include_router(auth.router, prefix="/auth")

        @app.get("/me")
        def me(claims: Annotated[Claims, Depends(auth.claims)]) -> dict[str, Any]:
            return {"name": claims.username, "groups": claims.groups}

        @app.get("/page")
        def page(_: Annotated[Claims, Depends(auth.claims)]) -> HTMLResponse:
            return HTMLResponse("a reply of the route's own")

        @app.get("/missing")
        def missing(_: Annotated[Claims, Depends(auth.claims)]) -> None:
            raise HTTPException(404)

        @app.post("/admin", dependencies=[Depends(auth.in_group("staff", "admins"))])
        def admin() -> str:
            return "done"

        return Site(pool, clock, app, auth)

    return make


@pytest.fixture
def site(site_of: SiteOf) -> Site:
    """Return the usual application."""
    return site_of()


def prompt(reply: Any, number: int = 0) -> Any:
    """Return a prompt of the form in a reply."""
    return reply["form"]["prompts"][number]


def test_a_wrong_code_can_be_corrected(site: Site) -> None:
    """The form asks for the code; after a wrong one the reply has the step to answer; signed in until it signs out."""
    status, reply = site.sign_in("ada")
    assert (status, reply["state"], reply["username"]) == (200, "SMS_MFA", "ada")
    assert (prompt(reply)["response"], prompt(reply)["fields"][0]["name"]) == ("code", "code")
    assert site.get("/auth/challenge") == (200, reply)
    assert site.get("/me")[0] == 401

    status, wrong = site.post("/challenge", response="code", code="000000")
    assert (status, wrong["action"]) == (422, "TRY_AGAIN")
    again = {"step": wrong["step"]}
    status, wrong = site.post("/challenge", response="code", code="letters", **again)
    assert (status, wrong["detail"], wrong["field"]) == (422, "A code has only digits.", "code")
    code = site.pool.outbox.code_for("ada")
    assert site.post("/challenge", response="code", code=code, step=reply["step"])[0] == 409
    status, reply = site.post("/challenge", response="code", code=code, **again)
    assert (status, reply) == (200, {"state": "AUTHENTICATED", "signed_in": True})
    assert site.get("/me") == (200, {"name": "ada", "groups": []})

    assert site.post("/sign-out") == (200, {"state": "START", "signed_in": False})
    assert site.get("/me")[0] == 401
    assert [each for each in site.browser.cookies if "device" not in each] == []


def test_groups(site: Site) -> None:
    """A member of the group is admitted; another user gets 403, an anonymous one 401."""
    assert site.get("/me") == (401, {"detail": "You are not signed in. Sign in, then try again."})
    assert site.browser.post("/admin").status_code == 401
    site.sign_in("eve")
    assert site.browser.post("/admin").json() == "done"

    other = site.another()
    other.post("/auth/sign-in", json={"username": "ada", "password": PASSWORD})
    code = {"response": "code", "code": site.pool.outbox.code_for("ada")}
    assert other.post("/auth/challenge", json=code).json()["signed_in"]
    reply = other.post("/admin")
    assert (reply.status_code, reply.json()["detail"]) == (403, "only members of staff or admins are allowed")


def test_a_bearer_token(site: Site) -> None:
    """A program without cookies sends its access token; an ID token or a changed one is refused with 401."""
    tokens = site.pool.cognito().sign_in("eve", PASSWORD).tokens
    assert tokens is not None
    assert tokens.id_token is not None
    access = tokens.access_token.reveal()

    assert site.get("/me", Authorization=f"Bearer {access}")[1]["name"] == "eve"
    for token in (tokens.id_token.reveal(), access[:-9] + "AAAAAAAAA", "", "x"):
        reply = site.browser.get("/me", headers={"Authorization": f"Bearer {token}"})
        assert (reply.status_code, reply.headers["www-authenticate"]) == (401, "Bearer")
    reply = TestClient(site.app).post("/admin", headers={"Authorization": f"bearer {access}"})
    assert reply.json() == "done"


def test_tokens_are_refreshed(site: Site) -> None:
    """Expired tokens are refreshed; `/refresh` brings new ones at once; a revoked sign-in ends with 401."""
    site.sign_in("eve")
    for _ in range(5):
        site.clock.advance(3600)
        assert site.get("/me")[0] == 200
    before = dict(site.browser.cookies)
    assert site.post("/refresh") == (200, {"state": "AUTHENTICATED", "signed_in": True})
    assert dict(site.browser.cookies) != before

    client = site.pool.client()
    client.admin_user_global_sign_out(UserPoolId=site.pool.pool_id, Username="eve")
    site.clock.advance(3600)
    assert site.get("/me")[0] == 401
    assert site.post("/refresh")[0] == 401


@pytest.mark.parametrize("path", ["/me", "/page", "/missing", "/admin"])
def test_a_rotated_token_is_kept_whatever_a_route_returns(site_of: SiteOf, path: str) -> None:
    """A route's own Response, a 404 and a 403 carry the refreshed cookies, so that the next request is signed in."""
    site = site_of(refresh_token_rotation=RefreshTokenRotation())
    assert site.sign_in("ada")[0] == 200
    assert site.post("/challenge", response="code", code=site.pool.outbox.code_for("ada"))[0] == 200
    site.clock.advance(3600)
    reply = site.browser.request("POST" if path == "/admin" else "GET", path)
    assert (reply.status_code, "set-cookie" in reply.headers) == (
        {"/me": 200, "/page": 200, "/missing": 404, "/admin": 403}[path],
        True,
    )
    assert site.get("/me")[0] == 200


@pytest.mark.parametrize("handler", [None, "500", "debug"])
@pytest.mark.parametrize("path", ["/fails", "/auth/refresh"])
def test_a_rotated_token_is_kept_if_a_route_fails(
    site_of: SiteOf, path: str, handler: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exception that no handler catches gets the application's own reply, with the cookies, and is raised again."""
    site = site_of(refresh_token_rotation=RefreshTokenRotation())

    @site.app.get("/fails")
    def fails(_: Annotated[Claims, Depends(site.auth.claims)]) -> None:
        raise ZeroDivisionError

    site.app.debug = handler == "debug"
    if handler == "500":
        site.app.exception_handler(500)(lambda _, error: JSONResponse({"own": type(error).__name__}, 500))
    site.sign_in("eve")
    site.clock.advance(3600)
    browser = TestClient(
        site.app,
        base_url=ORIGIN,
        cookies=dict(site.browser.cookies),
        headers={"Origin": ORIGIN},
        raise_server_exceptions=False,
    )
    with monkeypatch.context() as patch:
        patch.setattr(BrowserSession, "describe", lambda *_: 1 // 0)
        reply = browser.request("GET" if path == "/fails" else "POST", path)
    assert reply.status_code == 500
    assert "set-cookie" in reply.headers
    text = {None: "Internal Server Error", "500": '{"own":"ZeroDivisionError"}'}.get(handler, "Traceback")
    assert reply.text.startswith(text)
    assert reply.text.count(text) == 1
    site.clock.advance(120)
    assert browser.get("/me").status_code == 200
    raising = TestClient(site.app, base_url=ORIGIN, headers={"Origin": ORIGIN})
    for each in browser.cookies.jar:
        raising.cookies.set(each.name, each.value or "")
    site.clock.advance(3600)
    with pytest.raises(ZeroDivisionError):
        raising.get("/fails")


def test_requests_at_once_under_rotation(site_of: SiteOf) -> None:
    """Of two requests with one rotated token the later is refused, and the browser stays signed in."""
    site = site_of(refresh_token_rotation=RefreshTokenRotation())
    site.sign_in("eve")
    site.clock.advance(3600)
    late = site.another()
    late.cookies.update(dict(site.browser.cookies))
    assert site.get("/me")[0] == 200
    reply = late.get("/me")
    assert reply.status_code == 401
    assert "set-cookie" not in reply.headers
    assert site.get("/me")[0] == 200


def test_invalid_user_names(site: Site) -> None:
    """A name with an invalid character, or one that is too long, is the user's error."""
    for name in ("\ud800", "x" * 129):
        reply = site.browser.post("/auth/sign-in", content=json.dumps({"username": name, "password": "x"}))
        assert reply.status_code == 422


def test_wrong_input_is_reported_in_sentences_that_can_be_translated(site: Site) -> None:
    """A name that is too long and a flow that is not offered have sentences of ERROR_SENTENCES."""
    known = {each.replace("{field}", "username") for each in ERROR_SENTENCES}
    for username, flow in (("x" * 129, ""), ("", ""), ("ada", "ADMIN_NO_SRP_AUTH")):
        body = {"username": username, "password": "x", "flow": flow}
        reply = site.browser.post("/auth/sign-in", json=body)
        assert (reply.status_code, reply.json()["detail"] in known) == (422, True), reply.json()


KEY = new_key()
WRONG_SETTINGS: list[tuple[str, Any]] = [
    *(
        ("origin", f"{start}example.com{end}")
        for start, end in (
            ("", ""), ("HTTPS://", ""), ("https://", "/"), ("https://", "#f"), ("https://", "?y"), ("https://u:p@", ""),
            ("https://", ":443"), ("http://", ":80"), ("https://", ":"), ("https://", ":x"), ("https://*.", ""),
            ("https://exämple.", ""), ("https://[fe80::1%25eth0]?", ""), ("https://EX.", ""),
        )
    ),
    ("origin", ""), *(("key", each) for each in (None, "", "x", (), (KEY, "x"), b"x", [5])),
    *(("flows", each) for each in ("USER_SRP_AUTH", (), ("NOPE",), ("REFRESH_TOKEN_AUTH",), None)),
    *(("refresh_token_validity", each) for each in (30, None, timedelta(0))),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), WRONG_SETTINGS)
def test_wrong_settings_are_refused_at_once(name: str, value: Any) -> None:
    """A setting that no request could be answered with is a ValueError that names it."""
    settings: dict[str, Any] = {"cognito": None, "verifier": None, "key": KEY, "origin": ORIGIN}
    form = (
        "like https://example.com, as browsers send it: in lower case and punycode, without path, zone or default port"
    )
    with pytest.raises(ValueError, match=f"origin must be {form}, not" if name == "origin" else name):
        WebSignIn(**{**settings, name: value})
    with pytest.raises(TypeError, match="cognito must be a Cognito, not NoneType"):
        WebSignIn(**settings)
    with pytest.raises(TypeError, match="verifier must be a Verifier, not str"):
        WebSignIn(**{**settings, "cognito": LocalPool().cognito(), "verifier": "x"})
    pool, wrong = LocalPool(), cast("Any", None)
    with pytest.raises(TypeError, match="cognito must be a Cognito, not AsyncCognito"):
        WebSignIn(**{**settings, "cognito": AsyncCognito(pool.client(), client_id=pool.client_id)})
    with pytest.raises(TypeError, match="site must be a WebSignIn, not NoneType"):
        CognitoAuth(wrong)
    mine = pool.cognito()
    with pytest.raises(ValueError, match=f"verifier must accept the tokens of the app client {pool.client_id}"):
        WebSignIn(**{**settings, "cognito": mine, "verifier": Verifier.of(LocalPool().cognito())})
    with pytest.raises(TypeError, match="name must be a str, not NoneType"):
        WebSignIn(**{**settings, "cognito": mine, "verifier": Verifier.of(mine), "name": None})


@pytest.mark.parametrize("origin", ["http://localhost:8000", "https://[::1]:443443", "http://a_b.example:443"])
def test_origins_that_browsers_send(origin: str) -> None:
    """An origin with a port that is not the default one, or with an IPv6 address, is valid."""
    cognito = LocalPool().cognito()
    assert WebSignIn(cognito=cognito, verifier=Verifier.of(cognito), key=KEY, origin=origin).origin == origin


def test_sign_out_everywhere_after_the_access_token_has_expired(site: Site) -> None:
    """GlobalSignOut needs a valid access token: an expired one is refreshed first, and the other sessions end."""
    site.sign_in("eve")
    other, site.browser = site.browser, site.another()
    site.sign_in("eve")
    site.clock.advance(3600)
    assert site.post("/sign-out", everywhere=True)[0] == 200
    assert other.post("/auth/refresh").status_code == 401


@pytest.mark.parametrize("names", [(), (["staff"],), (None,)])
def test_in_group_needs_names(site: Site, names: tuple[Any, ...]) -> None:
    """Without a name nobody would be admitted, and a list would fail at each request: both are errors at once."""
    with pytest.raises(TypeError, match="in_group needs names of groups, such as"):
        site.auth.in_group(*names)


@pytest.mark.parametrize("value", ["false", "", False])
def test_false_disables_remember_and_everywhere(site_of: SiteOf, value: Any) -> None:
    """`remember` and `everywhere` that are false remember no device, and end no other session."""
    site = site_of(device=DeviceConfiguration())
    site.sign_in("eve")
    other, site.browser = site.browser, site.another()
    site.sign_in("eve", remember=value)
    assert not [each for each in site.browser.cookies if "device" in each]
    assert site.post("/sign-out", everywhere=value)[0] == 200
    assert other.post("/auth/refresh").status_code == 200


def test_keys_may_be_text(site_of: SiteOf) -> None:
    """A key as text, alone or in a list, signs in, and neither repr nor a frame shows it."""
    cognito, plain = site_of().pool.cognito(), KEY.reveal()
    for key in (plain, plain.encode(), [plain], (KEY, plain)):
        web = WebSignIn(cognito=cognito, verifier=Verifier.of(cognito), key=key, origin=ORIGIN)
        cookies = web.browser({}).cookies
        cookies.seal("begun", {"username": "ada"}, 60)
        assert cookies.unseal("begun") == {"username": "ada"}
        assert plain not in repr(web)
        with pytest.raises(ValueError, match="origin") as caught:
            WebSignIn(cognito=cognito, verifier=web.verifier, key=key, origin="x")
        frames = [frame.f_locals for frame, _ in walk_tb(caught.value.__traceback__)][1:]
        assert plain not in repr(frames)


def test_unreachable(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a connection the reply is 503 with Retry-After, and the browser stays signed in."""
    site.sign_in("eve")
    site.clock.advance(3600)

    def unreachable(*_: Any, **__: Any) -> Any:
        raise EndpointConnectionError(endpoint_url="https://cognito")

    with monkeypatch.context() as lost:
        lost.setattr(LocalPool, "answer", unreachable)
        lost.setattr("time.sleep", lambda _: None)  # botocore's, between its attempts
        reply = site.browser.get("/me")
        assert (reply.status_code, reply.headers["retry-after"]) == (503, "1")
        assert site.another().post(
            "/auth/sign-in", json={"username": "eve", "password": PASSWORD}
        ).status_code == 503  # fmt: skip
    assert site.get("/me")[0] == 200


REFUSALS: list[tuple[str, str, bool]] = [
    ("NotAuthorizedException", "Refresh Token has been revoked", True),
    ("NotAuthorizedException", "Refresh Token has expired", True),
    ("NotAuthorizedException", "User is disabled.", True),
    ("UserNotFoundException", "User does not exist.", True),
    ("NotAuthorizedException", "Unable to verify secret hash for client x", False),
    ("ResourceNotFoundException", "User pool client x does not exist.", False),
    ("UnexpectedLambdaException", "PreTokenGeneration failed with error x.", False),
    ("UserLambdaValidationException", "PreTokenGeneration failed with error x.", False),
    ("InvalidLambdaResponseException", "Unrecognizable lambda output", False),
    ("ForbiddenException", "Request not allowed due to WAF block.", False),
    ("LimitExceededException", "Attempt limit exceeded, please try after some time.", False),
    ("TooManyRequestsException", "Too many requests", False),
    ("InternalErrorException", "Something went wrong", False),
    ("RefreshTokenReuseException", "Refresh token has been used", False),
]


@pytest.mark.parametrize(("code", "message", "ends"), REFUSALS)
def test_which_refusals_of_a_refresh_sign_out(
    site: Site, monkeypatch: pytest.MonkeyPatch, code: str, message: str, *, ends: bool
) -> None:
    """Only a refusal of the tokens or the user signs the browser out, and then the status is 401."""
    site.sign_in("eve")
    site.clock.advance(3600)

    def refuse(*_: Any, **__: Any) -> Any:
        raise PoolRefusal(ErrorTemplate(code, message))

    with monkeypatch.context() as refusing:
        refusing.setattr(LocalPool, "answer", refuse)
        refusing.setattr("time.sleep", lambda _: None)  # botocore's, between its attempts
        status = site.browser.get("/me").status_code
    assert ends or code == "RefreshTokenReuseException" or status in {403, 429, 500, 502, 503}
    assert (site.get("/me")[0] == 401) == ends


def test_a_remembered_device(site_of: SiteOf) -> None:
    """A remembered device replaces the code at this user's next sign-in, and is forgotten when Cognito forgets it."""
    site = site_of(
        device=DeviceConfiguration(challenge_required_on_new_device=True, device_only_remembered_on_user_prompt=True)
    )
    site.sign_in("ada", remember=True)
    site.post("/challenge", response="code", code=site.pool.outbox.code_for("ada"))
    (device,) = site.pool.user("ada").devices.values()
    assert (device.name, device.remembered) == ("a browser at Example", True)
    site.post("/sign-out")
    assert site.sign_in("ada")[1]["signed_in"]
    site.post("/sign-out")

    site.pool.user("ada").devices.clear()
    assert site.sign_in("ada")[1]["state"] == "SMS_MFA"
    assert [each for each in site.browser.cookies if "device" in each] == []


def test_a_double_click_keeps_the_device(site_of: SiteOf) -> None:
    """If a form is sent twice before the first reply arrives, the refused one deletes no device that it did not use."""
    site = site_of(device=DeviceConfiguration(challenge_required_on_new_device=True))
    site.sign_in("ada", remember=True)
    answer = {"response": "code", "code": site.pool.outbox.code_for("ada")}
    second = site.another()
    second.cookies = site.browser.cookies
    assert site.post("/challenge", **answer)[1]["signed_in"]

    reply = second.post("/auth/challenge", json=answer)

    assert reply.status_code == 401
    assert [each for each in reply.headers.get_list("set-cookie") if "device" in each] == []


def test_a_device_that_cannot_be_read_is_deleted(site_of: SiteOf) -> None:
    """The cookie of a device that was sealed with another key is deleted at the next sign-in, which asks for a code."""
    site = site_of(device=DeviceConfiguration(challenge_required_on_new_device=True))
    name = f"__Host-{device_cookie('ada')}-0"
    site.browser.cookies.set(name, "sealed with another key", domain="testserver.local")
    assert site.sign_in("ada")[1]["state"] == "SMS_MFA"
    assert name not in dict(site.browser.cookies)


def test_an_authenticator_app(site_of: SiteOf) -> None:
    """A required app is set up with its QR code; the forms lead through all steps."""
    site = site_of(mfa="ON", mfa_methods=["SOFTWARE_TOKEN_MFA", "EMAIL_OTP"])
    site.pool.add_user("zoe", PASSWORD)
    _, reply = site.sign_in("zoe")
    assert prompt(reply)["response"] == "associate_software_token"
    _, reply = site.post("/challenge", response="associate_software_token", step=reply["step"])
    assert "<svg" in reply["enrolment"]["svg"]
    code = pyotp.TOTP(reply["enrolment"]["secret_code"]).at(site.clock())
    _, reply = site.post("/challenge", response="verify_software_token", code=code)
    assert reply["signed_in"]


def test_a_forgotten_password(site: Site) -> None:
    """The form asks for the code and a new password, which signs in; a page of an earlier step is refused."""
    status, reply = site.post("/forgot-password", username="ada")
    assert (status, reply["state"], reply["username"]) == (200, "START", "ada")
    assert [each["name"] for each in prompt(reply)["fields"]] == ["code", "password"]
    assert site.get("/auth/challenge") == (200, reply)
    new = {"response": prompt(reply)["response"], "password": f"{PASSWORD}-new"}
    code = site.pool.outbox.code_for("ada")
    for status, values in (
        (409, {"response": "code", "code": code}), (422, new), (422, {**new, "code": "x"}),
        (422, {**new, "code": f"{int(code) ^ 1:06d}"}), (422, {**new, "code": code, "password": "short"}),
    ):  # fmt: skip
        assert site.post("/challenge", **values)[0] == status
    status, reply = site.post("/challenge", **new, code=code)
    assert (status, reply["state"]) == (200, "SMS_MFA")
    assert site.post("/challenge", response="code", code=site.pool.outbox.code_for("ada"))[1]["signed_in"]
    assert site.another().post("/auth/forgot-password", json={}).status_code == 422


def test_registering_a_passkey(site_of: SiteOf) -> None:
    """A signed-in user gets the options for a passkey; an invalid credential is refused."""
    factors, passkeys = ["PASSWORD", "WEB_AUTHN"], WebAuthnConfiguration("testserver")
    site = site_of(mfa="OFF", webauthn=passkeys, allowed_first_auth_factors=factors)
    assert site.get("/auth/passkeys")[0] == 401
    site.sign_in("eve")
    status, reply = site.get("/auth/passkeys")
    assert (status, reply["known"], reply["options"]["rp"]["id"]) == (200, [], "testserver")
    assert site.post("/passkeys", credential="{")[0] == 422
    assert "navigator.credentials.create" in site.browser.get("/auth/passkeys.js").text


def test_a_passkey_and_a_password_by_choice(site_of: SiteOf) -> None:
    """A chosen password is proved by SRP; without another factor the form has no choice."""
    site = site_of(mfa="OFF", allowed_first_auth_factors=["PASSWORD", "EMAIL_OTP"])
    _, reply = site.post("/sign-in", username="ada", flow="USER_AUTH")
    assert [each["response"] for each in reply["form"]["prompts"]] == ["srp_a"]
    _, reply = site.post("/sign-in", username="eve", flow="USER_AUTH")
    assert reply["state"] == "SELECT_CHALLENGE"
    status, reply = site.post("/challenge", response="srp_a", password=PASSWORD)
    assert (status, reply["signed_in"]) == (200, True)


DENIED = "The rules of this service do not allow this. Contact the operator of this service."


@pytest.mark.parametrize("trigger", ["pre_authentication", "pre_token_generation"])
def test_a_lambda_function_denies_the_user(site_of: SiteOf, trigger: str) -> None:
    """A function that denies the user is 403, at the sign-in and at a refresh; one that fails otherwise is 502."""
    answers: list[Any] = [lambda event: event, lambda _: 1 / 0, lambda _: None]

    def function(event: Any) -> Any:
        return answers[0](event)

    functions: dict[str, Any] = {trigger: function}
    site = site_of(triggers=Triggers(**functions))
    assert site.sign_in("eve")[0] == 200
    site.clock.advance(3600)

    del answers[0]
    if trigger == "pre_token_generation":
        assert site.browser.get("/me").status_code == 403
    reply = site.another().post("/auth/sign-in", json={"username": "eve", "password": PASSWORD})
    assert (reply.status_code, reply.json()["detail"]) == (403, DENIED)
    del answers[0]
    reply = site.another().post("/auth/sign-in", json={"username": "eve", "password": PASSWORD})
    assert reply.status_code == 502


def test_a_long_sign_in(site_of: SiteOf) -> None:
    """A sealed sign-in that is too long for one cookie is split, and a shorter one after it is read alone."""
    questions = [{"picture": "x" * 6_000}, {"question": "And now?"}]

    def define_(event: Any, _: Any = None) -> Any:
        rounds = len(event["request"]["session"])
        event["response"] |= {"challengeName": "CUSTOM_CHALLENGE", "failAuthentication": False}
        event["response"]["issueTokens"] = rounds == len(questions)
        return event

    def create(event: Any, _: Any = None) -> Any:
        facts = questions[len(event["request"]["session"])]
        event["response"]["publicChallengeParameters"] = facts
        return event

    def verify(event: Any, _: Any = None) -> Any:
        event["response"]["answerCorrect"] = True
        return event

    site = site_of(triggers=Triggers(define=define_, create=create, verify=verify))
    _, reply = site.post("/sign-in", username="eve", flow="CUSTOM_AUTH")
    assert reply["form"]["facts"] == questions[0]
    parts = [each for each in site.browser.cookies if "signin" in each]
    assert sorted(parts) == [f"__Host-signin-{number}" for number in range(len(parts))]
    assert len(parts) > 1
    assert all(len(name) + len(text) < 4_000 for name, text in site.browser.cookies.items())
    _, reply = site.post("/challenge", response="answer", answer="a horse")
    assert reply["form"]["facts"] == questions[1]
    assert "__Host-signin-1" not in site.browser.cookies
    assert site.post("/challenge", response="answer", answer="a battery")[1]["signed_in"]


def test_cookies(site: Site) -> None:
    """Each cookie is HttpOnly, SameSite=Lax, Secure and the host's own, and none holds a secret in plain text."""
    reply = site.browser.post("/auth/sign-in", json={"username": "eve", "password": PASSWORD})
    cookies = [each for each in reply.headers.get_list("set-cookie") if "Max-Age=0" not in each]

    assert cookies
    for each in cookies:
        assert each.startswith("__Host-")
        assert each.endswith("; HttpOnly; Max-Age=2592000; Path=/; SameSite=lax; Secure")
        assert "eyJraWQi" not in each
        assert "eyJhbGci" not in each
    assert reply.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("over", ["first-input", "tokens", "signin"])
def test_copied_cookies(site: Site, over: str) -> None:
    """A cookie that was changed, or copied over another, counts as missing."""
    site.sign_in("ada")
    sealed = site.browser.cookies["__Host-signin-0" if over != "signin" else "__Host-first-input-0"]
    for text in (sealed, sealed[:99] + ("A" if sealed[99] != "A" else "B") + sealed[100:], "x"):
        browser = site.another()
        browser.cookies.set(f"__Host-{over}-0", text)
        assert browser.get("/me").status_code == 401
        reply = browser.get("/auth/challenge")
        assert (reply.status_code, reply.json()["action"]) == (401, "START_AGAIN")


@pytest.mark.parametrize("origin", [None, "null", "https://evil.example", "http://testserver"])
def test_forms_of_other_sites(site: Site, origin: str | None) -> None:
    """A request of another site has no effect, even with the user's cookies."""
    site.sign_in("eve")
    other = TestClient(site.app, base_url=ORIGIN, cookies=dict(site.browser.cookies))
    headers = {} if origin is None else {"Origin": origin}
    for path in ("/auth/sign-in", "/auth/challenge", "/auth/refresh", "/auth/sign-out", "/admin"):
        assert (path, other.post(path, headers=headers).status_code) == (path, 403)
    assert other.get("/me").status_code == 200


def test_invalid_bodies(site: Site) -> None:
    """A body that is too large, not JSON or without the fields is refused, and the reply does not repeat the user's input."""
    secret = "Hunter2-Hunter2"
    rows: list[tuple[int, bytes]] = [
        (413, b"x" * (LARGEST + 1)), (422, b"{"), (422, b"[]"), (422, b'{"username": 0}'), (422, b'{"password": []}'),
        (422, b'{"flow": 0.0}'), (422, b'{"password": {"a": "Hunter2-Hunter2"}}'),
        (422, json.dumps({"password": secret}).encode()), (422, b'{"username": "ada"}'),
        (422, json.dumps({"username": "ada", "password": secret, "flow": "ADMIN_NO_SRP_AUTH"}).encode()),
        (401, json.dumps({"username": "ada", "password": secret}).encode()),
    ]  # fmt: skip
    for status, body in rows:
        reply = site.browser.post("/auth/sign-in", content=body)
        assert (body[:40], reply.status_code) == (body[:40], status)
        assert secret not in reply.text
    assert site.post("/challenge", response="code", code="1")[0] == 401
    site.sign_in("ada")
    assert site.post("/challenge", response="nonsense")[0] == 422
    assert site.post("/challenge", response="code", code="1", step="earlier")[0] == 409
    site.clock.advance(timedelta(minutes=4).total_seconds())
    assert site.post("/challenge", response="code", code="1")[0] == 401


@pytest.mark.parametrize(("size", "status"), [(LARGEST, 401), (LARGEST + 1, 413)])
def test_a_body_without_a_length_is_limited(site: Site, size: int, status: int) -> None:
    """HTTP/2 sends a body without Content-Length and Transfer-Encoding: it has the same limit."""
    body = json.dumps({"username": "eve", "password": "wrong"}).encode().ljust(size)
    parts = [body[:1000], body[1000:]]
    replies: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}

    async def send(message: Any) -> None:
        replies.append(message)

    scope = {
        "type": "http", "http_version": "2", "method": "POST", "path": "/auth/sign-in", "query_string": b"",
        "headers": [(b"origin", ORIGIN.encode()), (b"content-type", b"application/json")],
    }  # fmt: skip
    asyncio.run(site.app(scope, receive, send))
    assert replies[0]["status"] == status


def test_errors_have_one_shape(site: Site) -> None:
    """Each error, of a route, of a dependency or of FastAPI, has a sentence as `detail`, and nothing undocumented."""
    browser, other = site.browser, TestClient(site.app, base_url=ORIGIN)
    replies = [
        browser.post("/auth/sign-in", content=b"x" * (LARGEST + 1)), browser.post("/auth/sign-in", content=b"["),
        browser.post("/auth/sign-in", json={"username": ""}), browser.post("/auth/challenge", json={}),
        browser.get("/me"), browser.get("/me", headers={"Authorization": "Bearer x"}), other.post("/auth/sign-out"),
        browser.get("/auth/nothing"), browser.get("/auth/sign-in"), browser.get("/auth/challenge"),
        browser.post("/auth/sign-in", json={"username": "ada", "password": "wrong"}),
    ]  # fmt: skip
    site.sign_in("ada")
    replies.append(browser.post("/auth/challenge", json={"response": "code", "code": "x"}))
    api = site.app.openapi()["paths"]
    [schema] = {
        json.dumps(operation["responses"]["default"]["content"]["application/json"]["schema"])
        for path, operations in api.items()
        if path.startswith("/auth")
        for operation in operations.values()
    }
    documented = json.loads(schema)
    assert documented["required"] == ["detail"]
    for reply in replies:
        assert 400 <= reply.status_code < 500
        assert isinstance(reply.json()["detail"], str), reply.text
        assert reply.json().keys() <= documented["properties"].keys()
    assert set().union(*(reply.json() for reply in replies)) == {"detail", "action", "field", "step"}


def test_the_application_handles_errors_of_dependencies(site: Site) -> None:
    """The application's own handler of HTTPException makes the reply if a dependency refuses the request."""

    @site.app.exception_handler(HTTPException)
    def handle(_: Any, error: HTTPException) -> JSONResponse:
        return JSONResponse({"error": error.detail}, error.status_code)

    assert site.get("/me") == (401, {"error": "You are not signed in. Sign in, then try again."})
    assert site.post("/challenge")[1].keys() == {"detail", "action"}
