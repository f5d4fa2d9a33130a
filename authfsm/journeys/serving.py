"""Serves a journey's pool over HTTP, in a thread of this process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO

from authfsm.local import LocalPool
from authfsm.local.server.access import listen, url_of
from authfsm.local.server.service import Log, Service
from authfsm.local.server.uvicorn_server import PoolServer

_PATIENCE = 30.0


@contextmanager
def serving(pool: LocalPool) -> Iterator[str]:
    """Serve a pool on a free port of this machine's own address, until the end of the block.

    Args:
        pool: the pool.

    Yields:
        Its URL.

    Raises:
        RuntimeError: it does not come up.
    """
    sock = listen("127.0.0.1", 0)
    ready = threading.Event()
    server = PoolServer(Service(pool, Log(StringIO())), ready.set)
    thread = threading.Thread(target=server.run, args=([sock],), daemon=True)
    thread.start()
    try:
        if not ready.wait(_PATIENCE):
            raise RuntimeError("the pool's server does not come up")
        yield url_of("127.0.0.1", sock)
    finally:
        server.should_exit = True
        thread.join(_PATIENCE)
        sock.close()
