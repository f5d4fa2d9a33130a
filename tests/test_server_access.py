"""Which hosts, origins and credentials the server accepts: over HTTP, in process, and in a real browser."""

from __future__ import annotations

import http.client
import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError
from conftest import lacking
from local_servers import (
    CLIENT_ID,
    CREDENTIALS,
    PASSWORD,
    POOL_ID,
    TARGET,
    ThreadServer,
    serve_in_process,
    serve_in_thread,
)
from playwright.sync_api import Browser, sync_playwright

from authfsm.local import LocalPool
from authfsm.local.api.operations import OPERATIONS, needs_credentials
from authfsm.local.server.access import AccessRules
from authfsm.local.server.config import ConfigError, parse_config

ADA = {"username": "ada", "password": PASSWORD, "email": "ada@example.com"}
APP = "http://localhost:3000"
FOREIGN = "http://evil.example:9460"
SIGN_IN = {
    "ClientId": CLIENT_ID,
    "AuthFlow": "USER_PASSWORD_AUTH",
    "AuthParameters": {"USERNAME": "ada", "PASSWORD": PASSWORD},
}
SET_PASSWORD = {"UserPoolId": POOL_ID, "Username": "ada", "Password": "Evil-Horse-1!", "Permanent": True}
PRIVATE = ["/", "/outbox", "/events", "/diagram.svg", "/sign-ins/1.svg"]


@pytest.fixture(scope="module")
def web() -> Iterator[ThreadServer]:
    """A server with default settings."""
    with serve_in_thread(users=[ADA]) as served:
        yield served


def ask(
    web: ThreadServer, method: str, path: str, headers: list[tuple[str, str]], body: bytes = b""
) -> tuple[int, dict[str, str], bytes]:
    """Send a request with exactly these headers; of a stream, return the first byte."""
    connection = http.client.HTTPConnection(web.address, timeout=10)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value)
        if body:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        reply = connection.getresponse()
        content = reply.read(1) if path == "/events" and reply.status == 200 else reply.read()
        return reply.status, {name.lower(): value for name, value in reply.getheaders()}, content
    finally:
        connection.close()


def call(web: ThreadServer, operation: str, request: dict[str, Any], **headers: str) -> tuple[int, dict[str, str], Any]:
    """Call an operation without credentials, unless the headers have them."""
    request_headers = {"Host": web.address, **{name.replace("_", "-"): value for name, value in headers.items()}}
    request_headers["X-Amz-Target"] = TARGET + operation
    status, got, body = ask(web, "POST", "/", list(request_headers.items()), json.dumps(request).encode())
    return status, got, json.loads(body)


def password_of(web: ThreadServer) -> str | None:
    """Return the present password of ada, one of two."""
    for each in (PASSWORD, SET_PASSWORD["Password"]):
        if web.password("ada", str(each))[0] == 200:
            return str(each)
    return None


class TestHosts:
    @pytest.mark.parametrize(
        "host",
        ["localhost", "LOCALHOST:1", "localhost.:8080", "pool.localhost", "127.0.0.1", "127.9.9.9:65535", "[::1]",
         "[::1]:9229", "[::ffff:127.0.0.1]", "localhost:"],
    )  # fmt: skip
    def test_loopback(self, web: ThreadServer, host: str) -> None:
        """Every loopback name and address is accepted, with any port."""
        assert ask(web, "GET", "/health", [("Host", host)])[0] == 200

    @pytest.mark.parametrize(
        "host",
        ["evil.example", "cognito:9229", "localhost.evil.example", "127.0.0.1.nip.io", "192.168.1.5", "0.0.0.0",  # noqa: S104 - named, not listened at

         "localhost@evil.example", "localhost evil.example", "", "127.1", "2130706433", "[::2]", "[::1", "::1",
         "localhost:80:80", "localhost/", "\xe9", "evil-localhost", "notlocalhost"],
    )  # fmt: skip
    @pytest.mark.parametrize("path", ["/", "/outbox", "/health", f"/{POOL_ID}/.well-known/jwks.json"])
    def test_foreign_hosts(self, web: ThreadServer, host: str, path: str) -> None:
        """Every other host is refused."""
        status, _, body = ask(web, "GET", path, [("Host", host)])

        assert (status, "message" in json.loads(body)) == (403, True)

    def test_two_host_headers(self, web: ThreadServer) -> None:
        """Two Host headers are refused."""
        status, _, _ = ask(web, "GET", "/outbox", [("Host", "localhost"), ("Host", "evil.example")])

        assert status in {400, 403}

    def test_message_names_the_option(self, web: ThreadServer) -> None:
        """The error says how to allow the host."""
        status, headers, body = call(web, "InitiateAuth", SIGN_IN, Host="cognito:9229")

        assert (status, body["__type"]) == (403, "ForbiddenException")
        assert "--allow-host cognito " in body["message"]
        assert headers["x-amzn-errortype"] == "ForbiddenException:"

    def test_allowed(self) -> None:
        """An allowed name or address is accepted in any case, with any port."""
        with serve_in_thread(allow_host=["Cognito", "10.0.0.7", "fd00::7"]) as web:
            for host in ("cognito", "COGNITO:9229", "10.0.0.7:1", "[fd00::7]:9"):
                assert ask(web, "GET", "/health", [("Host", host)])[0] == 200
            assert ask(web, "GET", "/health", [("Host", "cognito.example")])[0] == 403

    @pytest.mark.parametrize("host", ["http://cognito", "cognito:9229", "*", "a b", ""])
    def test_invalid_host(self, host: str) -> None:
        """An invalid host in the configuration is refused."""
        with pytest.raises(ConfigError, match="a host must be"):
            parse_config({"allow_host": [host]})


class TestOrigins:
    ASKED = "x-amz-target,content-type,x-amz-user-agent,amz-sdk-request,amz-sdk-invocation-id"

    def preflight(self, web: ThreadServer, origin: str, path: str = "/") -> tuple[int, dict[str, str]]:
        """Send a preflight as browsers do."""
        status, headers, _ = ask(
            web, "OPTIONS", path,
            [("Host", web.address), ("Origin", origin), ("Access-Control-Request-Method", "POST"),
             ("Access-Control-Request-Headers", self.ASKED)],
        )  # fmt: skip
        return status, headers

    @pytest.mark.parametrize("origin", [APP, "http://127.0.0.1:5173", "https://[::1]:8443", "http://app.localhost"])
    def test_loopback_origins(self, web: ThreadServer, origin: str) -> None:
        """Pages of this machine may send what AWS's SDK sends, and read replies and errors."""
        status, headers = self.preflight(web, origin)

        assert (status, headers["access-control-allow-origin"]) == (200, origin)
        assert "POST" in headers["access-control-allow-methods"]
        assert set(headers["access-control-allow-headers"].split(",")) == set(self.ASKED.split(","))
        status, headers, _ = call(web, "InitiateAuth", SIGN_IN, Origin=origin)
        assert (status, headers["access-control-allow-origin"], headers["vary"]) == (200, origin, "Origin")
        status, headers, _ = call(web, "InitiateAuth", {}, Origin=origin)
        assert (status, headers["access-control-allow-origin"]) == (400, origin)
        assert "x-amzn-errortype" in headers["access-control-expose-headers"].lower()

    @pytest.mark.parametrize(
        "origin",
        [FOREIGN, "null", "https://localhost.evil.example", "http://evil-localhost:3000", "file://", "localhost",
         "http://localhost:3000/", "http://a@localhost", "https://rebind.example:9431", "", "http://localhost, null"],
    )  # fmt: skip
    @pytest.mark.parametrize("content_type", ["application/x-amz-json-1.1", "text/plain"])
    def test_foreign_pages(self, web: ThreadServer, origin: str, content_type: str) -> None:
        """Requests of other sites' pages are refused before they have an effect."""
        before = web.service.version
        status, headers = self.preflight(web, origin)
        assert status == 403
        assert "access-control-allow-origin" not in headers
        for operation, request in (("AdminSetUserPassword", SET_PASSWORD), ("InitiateAuth", SIGN_IN)):
            status, headers, reply = call(
                web, operation, request, Origin=origin, Content_Type=content_type, **CREDENTIALS
            )
            assert (status, reply["__type"]) == (403, "ForbiddenException")
            assert "access-control-allow-origin" not in headers
        assert web.service.version == before

    @pytest.mark.parametrize("origin", [APP, FOREIGN, "null"])
    @pytest.mark.parametrize("path", PRIVATE)
    def test_private_paths(self, web: ThreadServer, path: str, origin: str) -> None:
        """Other origins cannot read the page, its data, its pictures or the outbox."""
        status, headers, body = ask(web, "GET", path, [("Host", web.address), ("Origin", origin)])

        assert status == 403
        assert "access-control-allow-origin" not in headers
        assert b"ada" not in body

    @pytest.mark.parametrize("site", ["cross-site", "same-site"])
    @pytest.mark.parametrize("path", PRIVATE[1:])
    def test_requests_without_origin(self, web: ThreadServer, path: str, site: str) -> None:
        """Images, scripts and frames of other pages send no Origin header, but Sec-Fetch-Site."""
        for mode, dest in (("no-cors", "image"), ("navigate", "iframe"), ("navigate", "document")):
            headers = [
                ("Host", web.address),
                ("Sec-Fetch-Site", site),
                ("Sec-Fetch-Mode", mode),
                ("Sec-Fetch-Dest", dest),
            ]
            assert ask(web, "GET", path, headers)[0] == 403

    @pytest.mark.parametrize("site", ["none", "same-origin", "cross-site"])
    def test_link_to_the_page(self, web: ThreadServer, site: str) -> None:
        """The page opens from the address bar, from itself, and from a link on any page."""
        request_headers = [
            ("Host", web.address),
            ("Sec-Fetch-Site", site),
            ("Sec-Fetch-Mode", "navigate"),
            ("Sec-Fetch-Dest", "document"),
        ]
        status, headers, _ = ask(web, "GET", "/", request_headers)

        assert status == 200
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["cross-origin-resource-policy"] == "same-origin"

    def test_own_page(self, web: ThreadServer) -> None:
        """The page's own origin is accepted, whichever of the server's names it uses."""
        for host in (web.address, web.address.replace("127.0.0.1", "localhost")):
            headers = [("Host", host), ("Origin", f"http://{host}"), ("Sec-Fetch-Site", "same-origin")]
            assert ask(web, "GET", "/outbox", headers)[0] == 200

    def test_allowed(self) -> None:
        """`cors` names the allowed origins instead of loopback; default ports are implied."""
        with serve_in_thread(users=[ADA], cors=["https://App.example:443", "capacitor://localhost"]) as web:
            for origin in ("https://app.example", "capacitor://localhost"):
                assert self.preflight(web, origin)[1]["access-control-allow-origin"] == origin
                status, _, _ = ask(web, "GET", "/outbox", [("Host", web.address), ("Origin", origin)])
                assert status == 403
            for origin in (APP, "http://app.example", "https://app.example:444"):
                assert self.preflight(web, origin)[0] == 403

    def test_any_origin(self) -> None:
        """`*` allows every origin, but only the operations without credentials."""
        with serve_in_thread(users=[ADA], cors=["*"]) as web:
            for origin in (FOREIGN, "null"):
                assert self.preflight(web, origin)[1]["access-control-allow-origin"] == "*"
                assert call(web, "InitiateAuth", SIGN_IN, Origin=origin)[0] == 200
                assert call(web, "ListUsers", {"UserPoolId": POOL_ID}, Origin=origin, **CREDENTIALS)[0] == 403

    @pytest.mark.parametrize("origin", ["app.example", "https://app.example/", "https://app.example/x", "null", ""])
    def test_invalid_origin(self, origin: str) -> None:
        """An invalid origin in the configuration is refused."""
        with pytest.raises(ConfigError, match="an origin must be"):
            parse_config({"cors": [origin]})

    def test_names_that_are_not_in_ascii(self) -> None:
        """The errors say in which form browsers send such a name."""
        with pytest.raises(ConfigError, match=r"a host must be a name \(in punycode\) or an address"):
            parse_config({"allow_host": ["münchen.de"]})
        with pytest.raises(
            ConfigError, match="an origin must be scheme://host or scheme://host:port, host in punycode"
        ):
            parse_config({"cors": ["https://münchen.de"]})

    @pytest.mark.parametrize("operation", sorted(OPERATIONS))
    def test_every_operation(self, web: ThreadServer, operation: str) -> None:
        """A page of an allowed origin may call the public operations only."""
        status, headers, reply = call(web, operation, {"x": "x"}, Origin=APP, **CREDENTIALS)

        assert headers["access-control-allow-origin"] == APP
        if OPERATIONS[operation].public:
            assert (status, reply["__type"]) == (400, "InvalidParameterException")
        else:
            assert (status, reply["__type"]) == (403, "ForbiddenException")

    @pytest.mark.parametrize("first", ["InitiateAuth", "ListUsers"])
    @pytest.mark.parametrize("last", ["InitiateAuth", "ListUsers"])
    def test_two_target_headers(self, web: ThreadServer, first: str, last: str) -> None:
        """Two X-Amz-Target headers name no operation, neither for the rules nor for the pool."""
        targets = [("X-Amz-Target", TARGET + each) for each in (first, last)]
        status, _, body = ask(
            web,
            "POST",
            "/",
            [("Host", web.address), ("Origin", APP), *CREDENTIALS.items(), *targets],
            json.dumps({"UserPoolId": POOL_ID, **SIGN_IN}).encode(),
        )

        assert (status, json.loads(body)["__type"]) == (400, "UnknownOperationException")


class TestCredentials:
    def test_public_operations_as_in_the_api_model(self) -> None:
        """An operation is public exactly if the API's model says so; an older botocore lacks some."""
        model = botocore.session.get_session().get_service_model("cognito-idp")
        shared = sorted(OPERATIONS.keys() & set(model.operation_names))
        theirs = {name: model.operation_model(name) for name in shared}

        assert {name for name in shared if OPERATIONS[name].public} == {
            name for name, each in theirs.items() if each.auth_type == "none"
        }
        assert all(
            ("smithy.api#noAuth" in (each.auth or ())) == OPERATIONS[name].public for name, each in theirs.items()
        )

    def test_operations_that_are_not_served_need_credentials_as_in_the_api_model(self) -> None:
        """A public operation that is not served is refused with that reason, not for its missing credentials."""
        model = botocore.session.get_session().get_service_model("cognito-idp")
        others = set(model.operation_names) - OPERATIONS.keys()

        assert {name for name in others if not needs_credentials(name)} == {
            name for name in others if model.operation_model(name).auth_type == "none"
        }
        feedback = {"Username": "ada", "EventId": "e", "FeedbackToken": "t", "FeedbackValue": "Valid"}
        with pytest.raises(ClientError, match="there is no threat protection"):
            LocalPool().client().update_auth_event_feedback(UserPoolId=POOL_ID, **feedback)

    @pytest.mark.parametrize("operation", sorted(OPERATIONS))
    def test_over_http(self, web: ThreadServer, operation: str) -> None:
        """Without an Authorization header, an operation that needs credentials is refused before it is read."""
        for headers in ({}, {"Authorization": ""}):
            status, _, reply = call(web, operation, {"x": "x"}, **headers)
            assert status == 400
            if OPERATIONS[operation].public:
                assert reply["__type"] == "InvalidParameterException"
            else:
                assert reply == {
                    "__type": "MissingAuthenticationTokenException",
                    "message": "Missing Authentication Token",
                }
        _, _, reply = call(web, operation, {"x": "x"}, **CREDENTIALS)
        assert reply["__type"] == "InvalidParameterException"

    def test_in_process(self, signing_key: Any) -> None:
        """A client without credentials can sign users in, but not manage them."""
        pool = LocalPool(key=signing_key)
        pool.add_user("ada", PASSWORD)
        bare = pool.client(Config(signature_version=UNSIGNED))
        reply = bare.initiate_auth(
            ClientId=pool.client_id,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": "ada", "PASSWORD": PASSWORD},
        )

        assert "AuthenticationResult" in reply
        with pytest.raises(bare.exceptions.ClientError) as caught:
            bare.list_users(UserPoolId=pool.pool_id)
        assert caught.value.response["Error"] == {
            "Code": "MissingAuthenticationTokenException",
            "Message": "Missing Authentication Token",
        }
        assert len(pool.client().list_users(UserPoolId=pool.pool_id)["Users"]) == 1


class TestOpenSetting:
    def test_open(self) -> None:
        """`open` allows every host, every origin and missing credentials, but other pages cannot read the outbox."""
        with serve_in_thread(users=[ADA], open=True) as web:
            status, headers, reply = call(web, "ListUsers", {"UserPoolId": POOL_ID}, Host="cognito", Origin=FOREIGN)
            assert (status, headers["access-control-allow-origin"]) == (200, "*")
            assert [each["Username"] for each in reply["Users"]] == ["ada"]
            status, headers, _ = ask(web, "GET", "/outbox", [("Host", "cognito"), ("Origin", FOREIGN)])
            assert status == 200
            assert "access-control-allow-origin" not in headers

    @pytest.mark.parametrize(("settings", "why"), [({"open": "yes"}, "open must be"), ({"cors": "*"}, "must be a list of text"), ({"allow_host": [7]}, "must be a list of text")])  # fmt: skip
    def test_invalid_configuration(self, settings: dict[str, Any], why: str) -> None:
        """Values of another type are refused."""
        with pytest.raises(ConfigError, match=why):
            parse_config(settings)


def test_banner(tmp_path: Path) -> None:
    """Options add to the configuration, and the banner shows who may use the server."""
    config = {"allow_host": ["cognito"], "cors": ["https://a.example"]}
    options = ["--allow-host", "idp.test", "--cors", "https://b.example"]
    with serve_in_process(tmp_path, config, *options) as web:
        for host in ("cognito", "idp.test:9229", "localhost"):
            assert web.ask("GET", "/health", Host=host)[0] == 200
        assert web.ask("GET", "/health", Host="b.example")[0] == 403
        assert web.end() == 0
        printed = "".join(web.printed)
    assert "localhost, 127.0.0.1, [::1], cognito, idp.test (--allow-host allows more)" in printed
    assert "https://b.example: pages may call operations that need no AWS credentials" in printed
    with serve_in_process(tmp_path, {}, "--open") as web:
        assert web.ask("GET", "/health", Host="anything.example")[0] == 200
        assert web.end() == 0
        assert "OPEN" in "".join(web.printed)


def test_address_of_this_machine() -> None:
    """A request may name the address that it arrived at, and no other."""
    access = AccessRules()

    assert access.allows_host("192.0.2.7:9229", "192.0.2.7")
    assert not access.allows_host("192.0.2.8:9229", "192.0.2.7")


# ---- in a real browser ---------------------------------------------------------------------------------

_CALL = """async ([url, operation, body, how]) => {
  const headers = how === 'no-cors' ? {'Content-Type': 'text/plain'} : {
    'X-Amz-Target': 'AWSCognitoIdentityProviderService.' + operation,
    'Content-Type': 'application/x-amz-json-1.1', 'Authorization': 'AWS4-HMAC-SHA256 Credential=x'};
  if (how === 'unsigned') delete headers['Authorization'];
  try {
    const reply = await fetch(url + '/', {method: 'POST', headers, body: JSON.stringify(body),
      mode: how === 'no-cors' ? 'no-cors' : 'cors'});
    return how === 'no-cors' ? 'opaque' : await reply.json();
  } catch (error) { return 'blocked'; }
}"""
_READ = """async ([url, path]) => {
  try { return (await fetch(url + path)).status + ' ' + (await (await fetch(url + path)).text()).slice(0, 2000); }
  catch (error) { return 'blocked'; }
}"""
_NEWS = """([url]) => new Promise(done => {
  const news = new EventSource(url + '/events');
  news.onmessage = event => { news.close(); done(event.data); };
  news.onerror = () => { news.close(); done('blocked'); };
})"""
_FORM = """([url]) => new Promise(done => {
  const frame = document.createElement('iframe'); frame.name = 'there';
  frame.onload = () => done('loaded'); document.body.append(frame);
  const form = document.createElement('form');
  Object.assign(form, {method: 'POST', action: url + '/', enctype: 'text/plain', target: 'there'});
  document.body.append(form); form.submit(); setTimeout(() => done('late'), 3000);
})"""


class _Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """Return an empty page."""
        body = b"<!doctype html><title>elsewhere</title><body>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Log nothing."""


@contextmanager
def other_site() -> Iterator[int]:
    """Serve an empty page on a port of this machine, and return the port."""
    site = ThreadingHTTPServer(("127.0.0.1", 0), _Page)
    thread = threading.Thread(target=site.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield site.server_address[1]
    finally:
        site.shutdown()
        thread.join()
        site.server_close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, in which two foreign names resolve to this machine, as after DNS rebinding."""
    program = shutil.which("chromium") or lacking("chromium")
    rules = "MAP evil.example 127.0.0.1, MAP rebind.example 127.0.0.1"
    with sync_playwright() as play:
        started = play.chromium.launch(executable_path=program, args=["--no-sandbox", f"--host-resolver-rules={rules}"])
        yield started
        started.close()


class TestInABrowser:
    def test_foreign_page(self, web: ThreadServer, browser: Browser) -> None:
        """A foreign page has no effect by fetch, simple requests, forms, streams or images."""
        web.password("ada")
        with other_site() as port:
            page = browser.new_page()
            page.goto(f"http://evil.example:{port}/")
            before = web.service.version
            for operation, request in (
                ("ListUsers", {"UserPoolId": POOL_ID}), ("AdminSetUserPassword", SET_PASSWORD),
                ("InitiateAuth", SIGN_IN),
            ):  # fmt: skip
                for how in ("signed", "unsigned"):
                    assert page.evaluate(_CALL, [web.url, operation, request, how]) == "blocked"
                page.evaluate(_CALL, [web.url, operation, request, "no-cors"])
            for path in (*PRIVATE[1:], "/health", f"/{POOL_ID}/.well-known/jwks.json"):
                assert page.evaluate(_READ, [web.url, path]) == "blocked"
            assert page.evaluate(_NEWS, [web.url]) == "blocked"
            page.evaluate(_FORM, [web.url])
            assert web.service.version == before
            page.close()
        assert password_of(web) == PASSWORD

    def test_dns_rebinding(self, web: ThreadServer, browser: Browser) -> None:
        """A page whose name was rebound to this machine has no effect."""
        page = browser.new_page()
        port = web.address.split(":")[1]
        page.goto(f"http://rebind.example:{port}/health")
        before = web.service.version
        assert '"pool"' not in page.content()
        for path in (*PRIVATE[1:], "/health"):
            assert page.evaluate(_READ, ["", path]).startswith("403 ")
        assert page.evaluate(_NEWS, [""]) == "blocked"
        for how in ("signed", "unsigned"):
            reply = page.evaluate(_CALL, ["", "AdminSetUserPassword", SET_PASSWORD, how])
            assert reply["__type"] == "ForbiddenException"
        assert web.service.version == before
        page.close()
        assert password_of(web) == PASSWORD

    def test_page_of_this_machine(self, web: ThreadServer, browser: Browser) -> None:
        """A page of another port can sign in and read errors, but not manage users."""
        with other_site() as port:
            page = browser.new_page()
            page.goto(f"http://localhost:{port}/")
            reply = page.evaluate(_CALL, [web.url, "InitiateAuth", SIGN_IN, "unsigned"])
            assert "AccessToken" in reply["AuthenticationResult"]
            reply = page.evaluate(_CALL, [web.url, "ListUsers", {"UserPoolId": POOL_ID}, "signed"])
            assert reply["__type"] == "ForbiddenException"
            assert page.evaluate(_READ, [web.url, "/health"]).startswith("200 ")
            for path in PRIVATE[1:]:
                assert page.evaluate(_READ, [web.url, path]) == "blocked"
            page.close()

    def test_own_page(self, web: ThreadServer, browser: Browser) -> None:
        """The server's page can read its data and the outbox."""
        page = browser.new_page()
        page.goto(f"{web.url}/")
        assert page.evaluate(_READ, ["", "/outbox"]).startswith("200 ")
        assert "ada" in page.evaluate(_NEWS, [""])
        page.close()
