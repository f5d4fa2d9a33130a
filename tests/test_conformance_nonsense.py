"""The conformance suite at servers that are not Cognito: no reply crashes a rule, and no rule passes by nonsense."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from authfsm.conformance.api_client import ApiClient, Redactor
from authfsm.conformance.pool_providers import ApiPoolProvider
from authfsm.conformance.pools import NEW_PASSWORD, PASSWORD, TEMPORARY_PASSWORD, parse_inbox
from authfsm.conformance.rules import RULES, select_rules
from authfsm.conformance.run import ensure_reachable, run_rule
from authfsm.conformance.verdicts import Outcome, RuleSeverity, Skipped

Reply = tuple[int, bytes]
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
TOKENS = {"AccessToken": "a.b.c", "IdToken": "d.e.f", "RefreshToken": "ghijk"}
SETUP_REPLIES: dict[str, Any] = {
    "CreateUserPool": {"UserPool": {"Id": "local_pool"}},
    "SetUserPoolMfaConfig": {},
    "AdminCreateUser": {"User": {"Username": "internal-name"}},
    "AdminSetUserPassword": {},
    "AdminSetUserMFAPreference": {},
    "AdminGetUser": {},
    "DeleteUserPool": {},
}
"""The server answers these operations correctly, so that the rules get as far as its nonsense."""


def json_reply(status: int, body: Any) -> Reply:
    """Return a reply with a JSON body."""
    return status, json.dumps(body).encode()


def create_client(request: dict[str, Any]) -> Reply:
    """Return the reply to CreateUserPoolClient."""
    secret = {"ClientSecret": "secret"} if request.get("GenerateSecret") else {}
    return json_reply(200, {"UserPoolClient": {"ClientId": "client", **secret}})


@contextmanager
def server(answer: Callable[[str], Reply]) -> Iterator[str]:
    """Run a server that creates pools, clients and users, and gives these answers to all other requests."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            operation = self.headers["X-Amz-Target"].rpartition(".")[2]
            if operation == "CreateUserPoolClient":
                self._reply(create_client(json.loads(body)))
            elif operation in SETUP_REPLIES:
                self._reply(json_reply(200, SETUP_REPLIES[operation]))
            else:
                self._reply(answer(operation))

        def do_GET(self) -> None:
            self._reply(answer("GET"))

        def _reply(self, reply: Reply) -> None:
            head = f"HTTP/1.1 {reply[0]} So\r\nContent-Length: {len(reply[1])}\r\n\r\n"
            self.wfile.write(head.encode() + reply[1])

        def log_message(self, *_: Any) -> None:
            pass

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{running.server_port}"
    finally:
        running.shutdown()
        running.server_close()
        thread.join()


NONSENSE: dict[str, Callable[[str], Reply]] = {
    "HTML": lambda _: (200, b"<!doctype html><html><body>Welcome</body></html>"),
    "an empty body": lambda _: (200, b""),
    "an empty object": lambda _: json_reply(200, {}),
    "a list": lambda _: json_reply(200, [1, 2, 3]),
    "wrong types": lambda _: json_reply(
        200, {"ChallengeName": 5, "ChallengeParameters": "x", "AuthenticationResult": [], "Session": {}}
    ),
    "every challenge without parameters": lambda _: json_reply(
        200, {"ChallengeName": "PASSWORD_VERIFIER", "ChallengeParameters": {}, "Session": "s" * 30}
    ),
    "an unknown challenge": lambda _: json_reply(
        200, {"ChallengeName": "TOMORROW", "ChallengeParameters": {"a": None}, "Session": "s" * 30}
    ),
    "an error for everything": lambda _: json_reply(
        400, {"__type": "NotAuthorizedException", "message": "Incorrect username or password."}
    ),
    "a server error": lambda _: (500, b"<html>500</html>"),
}  # fmt: skip


@pytest.mark.parametrize("kind", NONSENSE)
def test_no_rule_passes_at_a_server_that_replies_nonsense(kind: str) -> None:
    """Every rule has a verdict, and none passes."""
    with server(NONSENSE[kind]) as url:
        provider = ApiPoolProvider(ApiClient(url), parse_inbox("fixed:123456"))
        verdicts = {rule.id: run_rule(rule, provider) for rule in RULES}
        provider.cleanup()

    assert [name for name, each in verdicts.items() if each.outcome is Outcome.PASSED] == []


def test_no_critical_rule_passes_at_a_server_that_signs_everybody_in() -> None:
    """Critical rules fail at a server that returns tokens for every request."""
    with server(lambda _: json_reply(200, {"AuthenticationResult": TOKENS})) as url:
        provider = ApiPoolProvider(ApiClient(url), parse_inbox("fixed:123456"))
        verdicts = [run_rule(rule, provider) for rule in RULES if rule.severity is RuleSeverity.CRITICAL]

    assert Outcome.PASSED not in {each.outcome for each in verdicts}
    assert Outcome.FAILED in {each.outcome for each in verdicts}


def test_a_late_reply_skips_the_rule() -> None:
    """A reply that comes too late skips the rule, and the next rule runs."""
    stop = threading.Event()

    def answer(_: str) -> Reply:
        stop.wait(60)
        return json_reply(200, {})

    with server(answer) as url:
        provider = ApiPoolProvider(ApiClient(url, timeout=0.2))
        begin = time.monotonic()
        verdicts = [run_rule(rule, provider) for rule in select_rules(("token.*",))]
        duration = time.monotonic() - begin
        stop.set()

    whys = {each.why for each in verdicts}
    assert {each.outcome for each in verdicts} == {Outcome.SKIPPED}
    assert any("no reply came within 0.2 s" in why for why in whys)
    assert duration < 30


def test_a_rule_has_a_time_limit() -> None:
    """A rule sends no request after its time limit."""
    with server(NONSENSE["an empty object"]) as url:
        verdict = run_rule(RULES[0], ApiPoolProvider(ApiClient(url)), seconds=-1)

    assert (verdict.outcome, verdict.why) == (Outcome.SKIPPED, "the rule's time is over")


def test_an_endpoint_that_does_not_answer_is_unreachable() -> None:
    """An endpoint is reachable if it answers anything, and unreachable if nothing listens there."""
    with server(NONSENSE["HTML"]) as url:
        ensure_reachable(ApiClient(url))

    with pytest.raises(Skipped, match=f"{url} does not answer"):
        ensure_reachable(ApiClient(url))


def test_an_endpoint_without_outbox_is_not_one_that_sent_no_code() -> None:
    """With --codes outbox, the reason says whether the endpoint has no outbox, or has sent no code."""
    for reply, why in (
        ((404, b"{}"), "GET /outbox: 404, 2 bytes"),
        ((200, b'{"messages": []}'), "the endpoint sent no code"),
    ):
        with server(lambda _, reply=reply: reply) as url, pytest.raises(Skipped, match=f"^{why}$"):  # type: ignore[misc]
            parse_inbox("outbox")("ada", ApiClient(url))


def test_verdicts_contain_no_secrets() -> None:
    """Passwords, codes, sessions and tokens are masked in verdicts, even if a message quotes them."""
    session = "AYABeC-this-is-the-session-1234567890"

    def answer(operation: str) -> Reply:
        if operation == "InitiateAuth":
            parameters = {"SALT": "5a17", "USERNAME": "internal-name"}
            return json_reply(200, {"ChallengeName": "NEW_PASSWORD_REQUIRED", "ChallengeParameters": parameters, "Session": session})  # fmt: skip
        message = f"Session {session} of internal-name with Another-Horse-2 was not taken"
        return json_reply(400, {"__type": "some.where#CodeMismatchException", "message": message})

    with server(answer) as url:
        verdict = run_rule(select_rules(("password.replaced",))[0], ApiPoolProvider(ApiClient(url)))
    text = f"{verdict.why} {verdict.evidence} {verdict.exchanges} {verdict!r}"

    assert verdict.outcome is Outcome.FAILED
    assert "CodeMismatchException: Session **** of **** with **** was not taken" in text
    for secret in (session, PASSWORD, TEMPORARY_PASSWORD, NEW_PASSWORD, "5a17"):
        assert secret not in text


def test_an_access_token_is_required() -> None:
    """A sign-in without an AccessToken is no sign-in: the rules that need one are skipped, and send no made-up token."""
    with server(lambda _: json_reply(200, {"AuthenticationResult": {"IdToken": "d.e.f"}})) as url:
        verdict = run_rule(select_rules(("flows.USER_PASSWORD_AUTH",))[0], ApiPoolProvider(ApiClient(url)))

    assert (verdict.outcome, verdict.why) == (Outcome.SKIPPED, "InitiateAuth: 200, tokens: IdToken")


ODD = "a\nb\x1b[31m|\ud800"


@pytest.mark.parametrize(
    "body",
    [
        {"__type": ODD, "message": ODD},
        {"ChallengeName": ODD, "ChallengeParameters": {ODD: ODD, "MFAS_CAN_SETUP": ODD}},
        {ODD: ODD, "Status": ODD},
        [ODD],
    ],
)
def test_verdicts_are_lines_of_printable_characters(body: Any) -> None:
    """Whatever an endpoint replies, the reasons and the requests and replies of a verdict are printable lines."""
    with server(lambda _: json_reply(200, body)) as url:
        provider = ApiPoolProvider(ApiClient(url), parse_inbox("fixed:123456"))
        verdicts = [run_rule(rule, provider) for rule in select_rules(("error.*", "session.*", "token.*"))]
    lines = [each.why for each in verdicts]
    lines += [line for each in verdicts for pair in each.exchanges for line in (pair.request, pair.reply)]

    assert [line for line in lines if not line.isprintable()] == []


def test_a_secret_of_letters_is_masked() -> None:
    """A SecretCode may happen to have capital letters alone; words and the codes of errors stay legible."""
    redactor = Redactor()
    redactor.describe_reply(200, b'{"SecretCode": "JBSWYDPEHPKPXPJB", "UserStatus": "CONFIRMED"}')

    assert redactor.mask("JBSWYDPEHPKPXPJB is CONFIRMED") == "**** is CONFIRMED"
    assert redactor.describe_reply(400, b'{"code": "UsernameExistsException"}') == "400 UsernameExistsException:"


def test_an_excerpt_has_no_part_of_a_secret() -> None:
    """A reply that is not JSON is masked before it is cut, so that no part of a secret remains."""
    redactor = Redactor()
    redactor.describe_request("InitiateAuth", {"AuthParameters": {"PASSWORD": PASSWORD}})

    assert redactor.describe_reply(200, b"x " * 25 + PASSWORD.encode()) == f"200, no JSON object but '{'x ' * 25}****'"
