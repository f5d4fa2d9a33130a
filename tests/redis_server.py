"""A Redis for the tests: the machine's `redis-server`, on a free port, without persistence."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
from attrs import frozen
from conftest import lacking
from local_servers import TIMEOUT, wait_until


@frozen
class RedisServer:
    """A running Redis server.

    Args:
        port: its port on this machine.
        process: its process.
    """

    port: int
    process: subprocess.Popen[bytes]

    def client(self, *, decode_responses: bool = False) -> redis.Redis:
        """Return a client that does not retry."""
        return redis.Redis(
            port=self.port, decode_responses=decode_responses, retry=redis.retry.Retry(redis.backoff.NoBackoff(), 0)
        )

    def end(self) -> None:
        """Kill the server."""
        self.process.kill()
        self.process.wait(TIMEOUT)


@contextmanager
def redis_server(folder: Path) -> Iterator[RedisServer]:
    """Run a Redis server until the end of the block.

    Args:
        folder: its working directory.
    """
    program = shutil.which("redis-server")
    if program is None:
        lacking("redis-server")
    running = start_redis(program, folder)
    try:
        yield running
    finally:
        running.end()


def start_redis(program: str, folder: Path) -> RedisServer:
    """Start a Redis server, and return it once it answers.

    Try other ports if another program takes the port first.
    """
    for _ in range(5):
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            port: int = sock.getsockname()[1]
        options = ["--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no"]
        process = subprocess.Popen(
            [program, *options], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        running = RedisServer(port, process)
        wait_until(lambda: process.poll() is not None or is_answering(running), "Redis")  # noqa: B023 - called at once
        if process.poll() is None:
            return running
    raise AssertionError("redis-server ends at once")


def is_answering(running: RedisServer) -> bool:
    """Return whether the server answers, and is the one that was started."""
    with running.client() as client:
        try:
            return bool(client.info("server")["process_id"] == running.process.pid)
        except redis.ConnectionError:
            return False
