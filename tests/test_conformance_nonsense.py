"""Servers that are none: whatever they answer, no rule crashes, and no rule takes nonsense for Cognito's doing."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from authfsm.conformance.api_client import ApiClient
from authfsm.conformance.pool_client import NEW_PASSWORD, PASSWORD, TEMPORARY_PASSWORD
from authfsm.conformance.pool_providers import ApiPoolProvider
from authfsm.conformance.pools import FixedCode
from authfsm.conformance.rules import RULES, select_rules
from authfsm.conformance.runner import Unreachable, ensure_reachable, run_rule
from authfsm.conformance.verdicts import Outcome, RuleSeverity

Reply = tuple[int, bytes]
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
TOKENS = {"AccessToken": "a.b.c", "IdToken": "d.e.f", "RefreshToken": "ghijk"}
FURNISHED: dict[str, Any] = {
    "CreateUserPool": {"UserPool": {"Id": "local_pool"}},
    "SetUserPoolMfaConfig": {},
    "AdminCreateUser": {"User": {"Username": "internal-name"}},
    "AdminSetUserPassword": {},
    "AdminSetUserMFAPreference": {},
    "AdminGetUser": {},
    "DeleteUserPool": {},
}
"""What the server does rightly, so that the rules come as far as its nonsense."""


def said(status: int, body: Any) -> Reply:
    """A reply in JSON."""
    return status, json.dumps(body).encode()


def client(request: dict[str, Any]) -> Reply:
    """CreateUserPoolClient."""
    secret = {"ClientSecret": "secret"} if request.get("GenerateSecret") else {}
    return said(200, {"UserPoolClient": {"ClientId": "client", **secret}})


@contextmanager
def server(answer: Callable[[str], Reply]) -> Iterator[str]:
    """A server that makes pools, clients and people, and answers everything else like this."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            operation = self.headers["X-Amz-Target"].rpartition(".")[2]
            if operation == "CreateUserPoolClient":
                self._reply(client(json.loads(body)))
            elif operation in FURNISHED:
                self._reply(said(200, FURNISHED[operation]))
            else:
                self._reply(answer(operation))

        def do_GET(self) -> None:
            self._reply(answer("GET"))

        def _reply(self, reply: Reply) -> None:
            head = f"HTTP/1.1 {reply[0]} So\r\nContent-Length: {len(reply[1])}\r\n\r\n"
            self.wfile.write(head.encode() + reply[1])  # at once: the client waits for the whole

        def log_message(self, *_: Any) -> None:
            pass

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{running.server_port}"
    finally:
        running.shutdown()
        running.server_close()
        thread.join()


NONSENSE: dict[str, Callable[[str], Reply]] = {
    "HTML": lambda _: (200, b"<!doctype html><html><body>Welcome</body></html>"),
    "nothing": lambda _: (200, b""),
    "an empty object": lambda _: said(200, {}),
    "a list": lambda _: said(200, [1, 2, 3]),
    "wrong types": lambda _: said(
        200, {"ChallengeName": 5, "ChallengeParameters": "x", "AuthenticationResult": [], "Session": {}}
    ),
    "every challenge without parameters": lambda _: said(
        200, {"ChallengeName": "PASSWORD_VERIFIER", "ChallengeParameters": {}, "Session": "s" * 30}
    ),
    "a challenge of another world": lambda _: said(
        200, {"ChallengeName": "TOMORROW", "ChallengeParameters": {"a": None}, "Session": "s" * 30}
    ),
    "a refusal of everything": lambda _: said(
        400, {"__type": "NotAuthorizedException", "message": "Incorrect username or password."}
    ),
    "a fault of its own": lambda _: (500, b"<html>500</html>"),
}  # fmt: skip


@pytest.mark.parametrize("kind", NONSENSE)
def test_nothing_passes_by_nonsense(kind: str) -> None:
    """Whatever comes back, every rule has a verdict, and none is that it passes."""
    with server(NONSENSE[kind]) as url:
        workshop = ApiPoolProvider(ApiClient(url), FixedCode("123456"))
        verdicts = {rule.id: run_rule(rule, workshop) for rule in RULES}
        workshop.cleanup()

    assert [name for name, each in verdicts.items() if each.outcome is Outcome.PASSED] == []


def test_tokens_to_everybody_break_every_grave_rule() -> None:
    """A server that signs everybody in keeps no rule about what must be refused."""
    with server(lambda _: said(200, {"AuthenticationResult": TOKENS})) as url:
        workshop = ApiPoolProvider(ApiClient(url), FixedCode("123456"))
        verdicts = [
            run_rule(rule, workshop) for rule in RULES if rule.severity is RuleSeverity.CRITICAL
        ]

    assert Outcome.PASSED not in {each.outcome for each in verdicts}
    assert Outcome.FAILED in {each.outcome for each in verdicts}


def test_who_does_not_answer_is_not_waited_for() -> None:
    """A reply that does not come in time is no verdict about the endpoint, and the next rule is tried."""
    silent = threading.Event()

    def answer(_: str) -> Reply:
        silent.wait(2)
        return said(200, {})

    with server(answer) as url:
        workshop = ApiPoolProvider(ApiClient(url, timeout=0.2))
        begun = time.monotonic()
        verdicts = [run_rule(rule, workshop) for rule in select_rules(("token.*",))]
        took = time.monotonic() - begun
        silent.set()

    whys = {each.why for each in verdicts}
    assert {each.outcome for each in verdicts} == {Outcome.SKIPPED}
    assert any("no reply came within 0.2 s" in why for why in whys)
    assert took < 6


def test_a_rule_has_its_time() -> None:
    """After its seconds a rule asks nothing more."""
    with server(NONSENSE["an empty object"]) as url:
        verdict = run_rule(RULES[0], ApiPoolProvider(ApiClient(url)), seconds=-1)

    assert (verdict.outcome, verdict.why) == (Outcome.SKIPPED, "the rule's time is over")


def test_nobody_there() -> None:
    """Where nobody listens, nobody answers."""
    with server(NONSENSE["HTML"]) as url:
        ensure_reachable(ApiClient(url))

    with pytest.raises(Unreachable, match=f"nobody answers at {url}"):
        ensure_reachable(ApiClient(url))


def test_no_secret_is_told() -> None:
    """Passwords, codes, sessions and tokens are in no verdict, even where a message quotes them."""
    planted = "AYABeC-this-is-the-session-1234567890"

    def answer(operation: str) -> Reply:
        if operation == "InitiateAuth":
            parameters = {"SALT": "5a17", "USERNAME": "internal-name"}
            return said(200, {"ChallengeName": "NEW_PASSWORD_REQUIRED", "ChallengeParameters": parameters, "Session": planted})  # fmt: skip
        words = f"Session {planted} of internal-name with Another-Horse-2 was not taken"
        return said(400, {"__type": "some.where#CodeMismatchException", "message": words})

    with server(answer) as url:
        verdict = run_rule(select_rules(("password.replaced",))[0], ApiPoolProvider(ApiClient(url)))
    told = f"{verdict.why} {verdict.evidence} {verdict.exchanges} {verdict!r}"

    assert verdict.outcome is Outcome.FAILED
    assert "CodeMismatchException: Session **** of **** with **** was not taken" in told
    for secret in (planted, PASSWORD, TEMPORARY_PASSWORD, NEW_PASSWORD, "5a17"):
        assert secret not in told
