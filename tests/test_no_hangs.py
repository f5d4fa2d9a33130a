"""No call hangs: each ends in time however slowly a server sends, and no lock stays locked after a fork."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from authfsm.base.concurrency import ForkSafeLock, OutOfTime, call_within
from authfsm.cli.signin import connection
from authfsm.conformance.api_client import ApiClient
from authfsm.conformance.verdicts import Skipped
from authfsm.jwks import fetch_https
from authfsm.protocol.error_policy import RecoveryAction
from authfsm.protocol.errors import AuthfsmError, ConnectionLost

SECONDS = 0.2
SLACK = 15.0  # enough for a busy machine; without a bound the calls would never end

ConnectionHandler = Callable[[socket.socket], None]


@contextmanager
def server_with_handler(handle: ConnectionHandler) -> Iterator[tuple[str, int]]:
    """Run a server that answers each connection with `handle`; yield its URL without the path, and its port."""
    listening = socket.create_server(("127.0.0.1", 0))
    stopped = threading.Event()
    open_: list[socket.socket] = []

    def serve() -> None:
        while not stopped.is_set():
            with suppress(OSError):
                connection, _ = listening.accept()
                open_.append(connection)
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

    def answer(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            connection.recv(65_536)
            handle(connection)
            stopped.wait(30)

    threading.Thread(target=serve, daemon=True).start()
    port = listening.getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}", port
    finally:
        stopped.set()
        listening.close()
        for each in open_:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


def drip(before: bytes, each: bytes) -> ConnectionHandler:
    """Return a handler that sends a text, then a little more every 20 ms without end, so that no `recv` times out."""

    def handle(connection: socket.socket) -> None:
        connection.sendall(before)
        while True:
            connection.sendall(each)
            time.sleep(0.02)

    return handle


OK = b"HTTP/1.1 200 OK\r\n"
SLOW_SERVERS: dict[str, ConnectionHandler] = {
    "says nothing": lambda _: None,
    "drips its status line": drip(b"HTTP/1.1 200 ", b"x"),
    "drips one header": drip(OK + b"X-Header: ", b"x"),
    "drips many headers": drip(OK, b"X: 1\r\n"),
    "drips its body": drip(OK + b"Content-Length: 60000\r\n\r\n", b"x"),
    "drips chunks": drip(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    "drips a chunk's length": drip(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
    "drips the body of an error": drip(b"HTTP/1.1 500 No\r\nContent-Length: 999\r\n\r\n", b"x"),
    "drips a redirection": drip(b"HTTP/1.1 302 Found\r\nLocation: /", b"x"),
    "asks for patience for ever": drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
}


@pytest.mark.parametrize("name", SLOW_SERVERS)
def test_a_slow_key_server_is_abandoned_in_time(name: str) -> None:
    """A fetch of keys from a server that never finishes ends in time, and so does its thread."""
    start, before = time.monotonic(), set(threading.enumerate())
    with server_with_handler(SLOW_SERVERS[name]) as (url, _):
        with pytest.raises(OSError, match=r"no complete answer within 0\.2 s|timed out|HTTP 500") as caught:
            fetch_https(f"{url}/jwks.json", seconds=SECONDS)
        assert time.monotonic() - start < SECONDS + SLACK
        if "error" not in name:
            assert isinstance(caught.value, TimeoutError)
        while any(each.name == "authfsm call" for each in set(threading.enumerate()) - before):
            assert time.monotonic() - start < SECONDS + 2 * SLACK, "a thread still reads"
            time.sleep(0.02)


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (OK + b"X-Large: " + b"x" * 70_000 + b"\r\n\r\n", OSError),
        (OK + b"X: 1\r\n" * 200 + b"\r\n", OSError),
        (OK + b"Content-Length: 70000\r\n\r\n" + b"x" * 70_000, ValueError),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"11171\r\n" + b"x" * 70_001, ValueError),
        (b"\x16\x03\x01 no HTTP\r\n\r\n", OSError),
    ],
    ids=["a huge header", "many headers", "a huge body", "a huge chunk", "no HTTP"],
)
def test_a_document_that_is_too_large_is_refused(reply: bytes, error: type[Exception]) -> None:
    """A document that is too large is refused at once."""
    start = time.monotonic()
    with server_with_handler(lambda connection: connection.sendall(reply)) as (url, _), pytest.raises(error) as caught:
        fetch_https(f"{url}/jwks.json", seconds=60)
    assert not isinstance(caught.value, TimeoutError)
    assert time.monotonic() - start < SLACK


def test_a_call_that_hangs_does_not_keep_the_process() -> None:
    """After a call that hangs, the caller continues in time and the process can end."""
    program = """
        import threading
        from authfsm.base.concurrency import OutOfTime, call_within
        try:
            call_within(0.1, threading.Event().wait)
        except OutOfTime as error:
            print(error)
    """
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        check=True, capture_output=True, text=True, timeout=20,
    )  # fmt: skip

    assert ran.stdout == "no complete answer within 0.1 s\n"


def test_a_call_in_time_is_a_plain_call() -> None:
    """A call in time returns its result or raises its error; a late one raises OutOfTime."""
    assert call_within(5, pow, 2, 10) == 1024
    with pytest.raises(ZeroDivisionError):
        call_within(5, divmod, 1, 0)
    given_up: list[bool] = []
    stopped = threading.Event()

    def give_up() -> None:
        given_up.append(True)
        stopped.set()

    with pytest.raises(OutOfTime):
        call_within(0.05, stopped.wait, 30, give_up=give_up)
    assert given_up == [True]


# ---- forks -------------------------------------------------------------------------------------------


def run_forking(program: str) -> str:
    """Return the output of a program that forks, within two minutes."""
    if not hasattr(os, "fork"):
        pytest.skip("this system has no fork")
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(program)],
        check=False, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_a_worker_forked_while_keys_are_fetched_fetches_for_itself() -> None:
    """A child that is forked during a fetch fetches the keys itself, whether or not the lock was held."""
    program = """
        import json, os, threading
        from authfsm.jwks import Keys
        from authfsm.local import LocalPool
        here, keys_of_pool = os.getpid(), json.dumps(LocalPool().jwks())
        def fetch(url):
            if os.getpid() == here:
                threading.Event().wait()
            return keys_of_pool.encode()
        keys = Keys("https://example.com", fetch, interval=3600, max_age=3600)
        kid = json.loads(keys_of_pool)["keys"][0]["kid"]
        assert keys.pending_fetch(kid) is not None
        locked = threading.Event()
        def hold():
            with keys._lock:
                locked.set()
                threading.Event().wait(3)
        threading.Thread(target=hold, daemon=True).start()
        locked.wait()
        child = os.fork()
        if child == 0:
            keys.pending_fetch(kid).result(10)
            keys.key(kid)
            os._exit(7)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """
    assert run_forking(program) == "7\n"


@pytest.mark.parametrize("held_for", [0.2, 600])
def test_a_worker_forked_while_the_pool_answers_answers_too(held_for: float) -> None:
    """A fork waits for a pool or a store that is busy for a moment, but not for a long time.

    The child can use both.
    """
    program = f"""
        import os, threading, time
        from authfsm.local import LocalPool
        from authfsm.stores import MemoryStore
        pool, store = LocalPool(), MemoryStore()
        pool.add_user("ada", "Correct-Horse-1")
        store.put("a", "text", 30)
        locked = threading.Event()
        def hold():
            with pool._lock, store._lock:
                locked.set()
                time.sleep({held_for})
        threading.Thread(target=hold, daemon=True).start()
        locked.wait()
        start = time.monotonic()
        child = os.fork()
        if child == 0:
            assert pool.cognito().sign_in("ada", "Correct-Horse-1").tokens
            assert store.take("a", 30) == "text"
            os._exit(7)
        assert time.monotonic() - start < 20
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """
    assert run_forking(program) == "7\n"


def test_a_fork_releases_its_locks() -> None:
    """After a fork parent and child can use a lock, and the child's lock is not the parent's."""
    program = """
        import os
        from authfsm.base.concurrency import ForkSafeLock
        lock = ForkSafeLock()
        with lock:  # of the forking thread's own, too
            child = os.fork()
        import threading
        def use():
            with lock:
                pass
        thread = threading.Thread(target=use, daemon=True)
        thread.start()
        thread.join(10)
        code = 7 if not thread.is_alive() else 1
        if child == 0:
            os._exit(code)
        assert code == 7
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """
    assert run_forking(program) == "7\n"


def test_a_lock_is_reentrant() -> None:
    """A pool answers a Lambda function that calls it."""
    lock = ForkSafeLock()
    with lock, lock:
        pass


# ---- the commands --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SLOW_SERVERS)
def test_signin_gives_up_in_time(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`authfsm signin` raises ConnectionLost in time, with the reason, if an endpoint sends too slowly."""
    monkeypatch.setattr(connection, "TOTAL_TIMEOUT", SECONDS)
    with server_with_handler(SLOW_SERVERS[name]) as (url, _):
        cognito = connection.PoolConnection("c", "eu-west-1_AbCdEfGhI", endpoint=url).cognito()
        start = time.monotonic()
        with pytest.raises(AuthfsmError) as caught:
            cognito.sign_in("ada", "Correct-Horse-1")
        assert time.monotonic() - start < SECONDS + SLACK
    assert isinstance(caught.value, ConnectionLost)
    assert caught.value.action is RecoveryAction.WAIT
    assert (
        str(caught.value) == "no reply came (no complete answer within 0.2 s); wait, then send the same request again"
    )


@pytest.mark.parametrize("name", SLOW_SERVERS)
def test_conform_gives_up_in_time(name: str) -> None:
    """A conformance rule ends in time if an endpoint sends too slowly, for requests and for documents."""
    with server_with_handler(SLOW_SERVERS[name]) as (url, _):
        api = ApiClient(url, timeout=SECONDS)
        calls: list[Callable[[], object]] = [
            lambda: api.call("GetUser", AccessToken="none"),
            lambda: api.get(f"{url}/jwks.json"),
        ]
        for ask in calls:
            api.deadline = time.monotonic() + 60
            start = time.monotonic()
            with pytest.raises(Skipped, match=r"within 0\.2 s"):
                ask()
            assert time.monotonic() - start < SECONDS + SLACK
        api.timeout, api.deadline = 60, time.monotonic() + SECONDS
        with pytest.raises(Skipped, match="within"):
            api.get(f"{url}/jwks.json")
        assert time.monotonic() - api.deadline < SLACK
