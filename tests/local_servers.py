"""Local pools behind HTTP, for tests: in a process of their own, or in a thread of this one."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any

import boto3
import botocore.config
from attrs import define, evolve, field
from joserfc.jwk import RSAKey

from authfsm.local.server import http_server
from authfsm.local.server.config import CLIENT_ID, POOL_ID, parse_config
from authfsm.local.server.service import Log, Service, open_service

PASSWORD = "Correct-Horse-1"
TARGET = "AWSCognitoIdentityProviderService."
CREDENTIALS = {"Authorization": "AWS4-HMAC-SHA256 Credential=local, SignedHeaders=host, Signature=0"}
"""Credentials of any value, which the operations of administrators require."""
TIMEOUT = 60.0
_SESSION = boto3.session.Session(
    aws_access_key_id="local", aws_secret_access_key="local", region_name="eu-west-1"
)  # one for all clients, because it reads the service's model once
Answer = tuple[int, Mapping[str, str], Any]


def wait_until(true: Callable[[], bool], what: str) -> None:
    """Wait until a condition is true."""
    deadline = time.monotonic() + TIMEOUT
    while not true():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.01)  # before the next check


@define
class ServerClient:
    """A client of a server.

    Args:
        url: the server's URL.
    """

    url: str
    _here: threading.local = field(factory=threading.local, init=False, repr=False)

    @property
    def address(self) -> str:
        """The host and the port."""
        return self.url.removeprefix("http://")

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, Mapping[str, str], bytes]:
        """Send an HTTP request on a new connection; in header names, _ stands for -."""
        connection = http.client.HTTPConnection(self.address, timeout=TIMEOUT)
        try:
            request_headers = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body or None, request_headers)
            reply = connection.getresponse()
            return reply.status, {k.lower(): v for k, v in reply.getheaders()}, reply.read()
        finally:
            connection.close()

    def call(self, operation: str, **request: Any) -> Answer:
        """Call an operation, with credentials."""
        body = json.dumps(request).encode()
        status, headers, answered = self.ask("POST", "/", body, X_Amz_Target=TARGET + operation, **CREDENTIALS)
        return status, headers, json.loads(answered)

    def code_for(self, username: str) -> str:
        """Return the last code that was sent to a user."""
        _, _, body = self.ask("GET", f"/outbox?username={username}")
        code: str = json.loads(body)["messages"][-1]["code"]
        return code

    def boto(self) -> Any:
        """Return a new boto3 client."""
        one_try = botocore.config.Config(retries={"total_max_attempts": 1})
        return _SESSION.client("cognito-idp", endpoint_url=self.url, config=one_try)

    def password(self, username: str, password: str = PASSWORD, **parameters: str) -> Answer:
        """Begin USER_PASSWORD_AUTH."""
        return self.call(
            "InitiateAuth",
            AuthFlow="USER_PASSWORD_AUTH",
            ClientId=CLIENT_ID,
            AuthParameters={"USERNAME": username, "PASSWORD": password, **parameters},
        )

    def answer(self, reply: Mapping[str, Any], **responses: str) -> Answer:
        """Answer the challenge of a reply."""
        return self.call(
            "RespondToAuthChallenge",
            ClientId=CLIENT_ID,
            ChallengeName=reply["ChallengeName"],
            Session=reply["Session"],
            ChallengeResponses=responses,
        )


@define
class ServerProcess(ServerClient):
    """`authfsm serve` in a process of its own, with the lines that it has printed and logged."""

    popen: subprocess.Popen[str]
    printed: list[str]
    log: list[str]
    _threads: list[threading.Thread] = field(factory=list)

    def end(self, how: int = signal.SIGTERM) -> int:
        """Send a signal, and wait for the end.

        Returns:
            The exit status.
        """
        self.popen.send_signal(how)
        status = self.popen.wait(TIMEOUT)
        for thread in self._threads:
            thread.join(TIMEOUT)
        return status


@contextmanager
def serve_in_process(folder: Path, config: Mapping[str, Any] | None = None, *options: str) -> Iterator[ServerProcess]:
    """Run `authfsm serve` on a free port until the end of the block.

    Args:
        folder: where its configuration is written.
        config: its configuration.
        options: more options.
    """
    file = folder / "config.json"
    file.write_text(json.dumps(config or {}), encoding="utf-8")
    running = subprocess.Popen(
        [sys.executable, "-m", "authfsm", "serve", "--port", "0", "--config", str(file), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    printed: list[str] = []
    log: list[str] = []

    def drain(stream: Any, into: list[str]) -> None:
        into.extend(stream)

    threads = [
        threading.Thread(target=drain, args=pair, daemon=True)
        for pair in ((running.stdout, printed), (running.stderr, log))
    ]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: len(printed) > 0 or running.poll() is not None, "the server")
        assert printed, "".join(log)
        yield ServerProcess(printed[0].split()[-1], running, printed, log, threads)
    finally:
        if running.poll() is None:
            running.kill()
        running.wait(TIMEOUT)
        for thread in threads:
            thread.join(TIMEOUT)
        for stream in (running.stdout, running.stderr):
            if stream is not None:
                stream.close()


@define
class ThreadServer(ServerClient):
    """A server in a thread of this process, with its service and its log.

    Args:
        service: what it serves.
        log: its log.
    """

    service: Service
    log: StringIO


@cache
def _signing_key() -> RSAKey:
    """Return the key of all pools that are served here, because creating one takes longer than most tests."""
    return RSAKey.generate_key(2048, private=True)


@contextmanager
def serve_in_thread(**config: Any) -> Iterator[ThreadServer]:
    """Serve a pool with this configuration in a thread until the end of the block.

    Args:
        config: its configuration.
    """
    log = StringIO()
    sock, url = http_server.listen("127.0.0.1", 0)
    parsed = parse_config(config)
    parsed = evolve(parsed, settings={**parsed.settings, "key": _signing_key()})
    service = open_service(parsed, url, Log(log))
    with http_server.serve_in_thread(service, sock):
        yield ThreadServer(url, service, log)


__all__ = [
    "CLIENT_ID", "PASSWORD", "POOL_ID", "ServerClient", "ServerProcess", "ThreadServer", "serve_in_process",
    "serve_in_thread", "wait_until",
]  # fmt: skip
