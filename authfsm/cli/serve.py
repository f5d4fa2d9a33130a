"""`authfsm serve`: a pool behind Cognito's HTTP protocol, for any client in any language."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NoReturn

from authfsm.local.pool import LocalPool
from authfsm.local.server.config import Config, ConfigRefused, read
from authfsm.local.server.logs import Log
from authfsm.local.server.opening import opened
from authfsm.local.server.sockets import NoSocket, is_loopback, listen, url_of
from authfsm.local.server.state import StateFile, StateFileRefused


def serve(
    host: str, port: int, *, state: Path | None, config: Path | None, issuer: str | None
) -> None:
    """Serve until told to stop.

    Args:
        host: where to listen.
        port: where to listen; 0 for any that is free.
        state: the state file.
        config: the configuration.
        issuer: the tokens' issuer; the server's own URL, if left out.
    """
    log = Log(sys.stderr)
    file = None
    try:
        wanted = read(config) if config else Config()
        sock = listen(host, port)
        file = StateFile(state) if state else None
        url = url_of(host, sock)
        service = opened(wanted, url, log, file, issuer)
    except (ConfigRefused, NoSocket, StateFileRefused) as refused:
        fail(str(refused))
    if not is_loopback(sock):
        log.write("open to the network", level="warning", host=host)
    from authfsm.local.server.running import run  # noqa: PLC0415 - while a key is being made

    try:
        run(service, sock, lambda: _announce(service.pool, url, state))
    finally:
        if file is not None:
            file.close()


def fail(why: str) -> NoReturn:
    """Say why not, in one line, and end."""
    sys.stderr.write(f"authfsm serve: {' '.join(why.split())}\n")
    raise SystemExit(1)


def _announce(pool: LocalPool, url: str, state: Path | None) -> None:
    keys = 'aws_access_key_id="local", aws_secret_access_key="local"'
    boto3 = f'"cognito-idp", endpoint_url="{url}", region_name="{pool.region}", {keys}'
    lines = [
        f"Serving the user pool {pool.pool_id} at {url}",
        f"  app client  {pool.client_id}{' (with a secret)' if pool.client_secret else ''}",
        f"  issuer      {pool.issuer}",
        f"  state       {state or 'in memory, gone when the server ends'}",
        f"  to watch    {url}/",
        f"  boto3       boto3.client({boto3})",
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()
