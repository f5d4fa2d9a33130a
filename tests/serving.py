"""A pool behind HTTP, for tests: in a process of its own, or in a thread of this one."""

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
from io import StringIO
from pathlib import Path
from typing import Any

import boto3
import botocore.config
from attrs import define, field

from authfsm.local.server.access import listen, url_of
from authfsm.local.server.config import CLIENT_ID, POOL_ID, parse_config
from authfsm.local.server.service import Log, Service, open_service
from authfsm.local.server.uvicorn_server import PoolServer

PASSWORD = "Correct-Horse-1"
TARGET = "AWSCognitoIdentityProviderService."
SIGNED = {"Authorization": "AWS4-HMAC-SHA256 Credential=local, SignedHeaders=host, Signature=0"}
"""Any credentials, as the operations for administrators need them."""
PATIENCE = 30.0
Answer = tuple[int, Mapping[str, str], Any]


def until(true: Callable[[], bool], what: str) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.01)  # between two looks


@define
class Web:
    """A server, as a client sees it.

    Args:
        url: where it is.
    """

    url: str
    _here: threading.local = field(factory=threading.local, init=False, repr=False)

    @property
    def address(self) -> str:
        """Host and port."""
        return self.url.removeprefix("http://")

    def ask(
        self, method: str, path: str, body: bytes = b"", **headers: str
    ) -> tuple[int, Mapping[str, str], bytes]:
        """One HTTP request on a connection of its own; header names have _ for -."""
        connection = http.client.HTTPConnection(self.address, timeout=PATIENCE)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body or None, named)
            reply = connection.getresponse()
            return reply.status, {k.lower(): v for k, v in reply.getheaders()}, reply.read()
        finally:
            connection.close()

    def call(self, operation: str, **request: Any) -> Answer:
        """One operation, with credentials."""
        body = json.dumps(request).encode()
        status, headers, answered = self.ask(
            "POST", "/", body, X_Amz_Target=TARGET + operation, **SIGNED
        )
        return status, headers, json.loads(answered)

    def code_for(self, username: str) -> str:
        """The last code sent to a user."""
        _, _, body = self.ask("GET", f"/outbox?username={username}")
        code: str = json.loads(body)["messages"][-1]["code"]
        return code

    def boto(self) -> Any:
        """A boto3 client of its own."""
        return boto3.session.Session(
            aws_access_key_id="local", aws_secret_access_key="local", region_name="eu-west-1"
        ).client(
            "cognito-idp",
            endpoint_url=self.url,
            config=botocore.config.Config(retries={"total_max_attempts": 1}),
        )

    def password(self, username: str, password: str = PASSWORD, **parameters: str) -> Answer:
        """USER_PASSWORD_AUTH."""
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
class Process(Web):
    """`authfsm serve` in a process of its own.

    Args:
        process: it.
        said: what it has printed.
        log: its log so far.
    """

    process: subprocess.Popen[str]
    said: list[str]
    log: list[str]
    _threads: list[threading.Thread] = field(factory=list)

    def end(self, how: int = signal.SIGTERM) -> int:
        """Send a signal, and wait for the end.

        Returns:
            The exit status.
        """
        self.process.send_signal(how)
        status = self.process.wait(PATIENCE)
        for thread in self._threads:
            thread.join(PATIENCE)
        return status


@contextmanager
def process(
    folder: Path, config: Mapping[str, Any] | None = None, *options: str
) -> Iterator[Process]:
    """`authfsm serve` on a free port, until the end of the block.

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
    said: list[str] = []
    log: list[str] = []

    def drain(stream: Any, into: list[str]) -> None:
        into.extend(stream)

    threads = [
        threading.Thread(target=drain, args=pair, daemon=True)
        for pair in ((running.stdout, said), (running.stderr, log))
    ]
    for thread in threads:
        thread.start()
    try:
        until(lambda: len(said) > 0 or running.poll() is not None, "the server")
        assert said, "".join(log)
        yield Process(said[0].split()[-1], running, said, log, threads)
    finally:
        if running.poll() is None:
            running.kill()
        running.wait(PATIENCE)
        for thread in threads:
            thread.join(PATIENCE)
        for stream in (running.stdout, running.stderr):
            if stream is not None:
                stream.close()


@define
class Here(Web):
    """A server in a thread of this process.

    Args:
        service: what it serves.
        log: its log.
    """

    service: Service
    log: StringIO


@contextmanager
def here(**config: Any) -> Iterator[Here]:
    """A server in a thread, until the end of the block.

    Args:
        config: its configuration.
    """
    log = StringIO()
    sock = listen("127.0.0.1", 0)
    url = url_of("127.0.0.1", sock)
    ready = threading.Event()
    service = open_service(parse_config(config), url, Log(log))
    server = PoolServer(service, ready.set)
    thread = threading.Thread(target=server.run, args=([sock],), daemon=True)
    thread.start()
    try:
        assert ready.wait(PATIENCE)
        yield Here(url, service, log)
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
        sock.close()
        assert not thread.is_alive()


__all__ = ["CLIENT_ID", "PASSWORD", "POOL_ID", "Here", "Process", "Web", "here", "process", "until"]
