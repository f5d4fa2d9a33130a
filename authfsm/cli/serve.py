"""`authfsm serve`: a pool behind Cognito's HTTP protocol, for any client in any language."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from attrs import evolve

from authfsm.local.api.pool import LocalPool
from authfsm.local.server.access import (
    ANY_ORIGIN,
    AccessRules,
    ListenError,
    is_loopback,
    is_loopback_name,
    listen,
    url_of,
)
from authfsm.local.server.config import ConfigError, ServerConfig, access_rules, read_config
from authfsm.local.server.service import Log, open_service
from authfsm.local.server.state_file import StateFile, StateFileError


def serve(
    host: str,
    port: int,
    *,
    state: Path | None,
    config: Path | None,
    issuer: str | None,
    allow_host: Sequence[str] = (),
    cors: Sequence[str] = (),
    is_open: bool = False,
) -> None:
    """Serve until the process is stopped.

    Args:
        host: where to listen.
        port: where to listen; 0 for any that is free.
        state: the state file.
        config: the configuration.
        issuer: the tokens' issuer; the server's own URL, if left out.
        allow_host: hosts that requests may name, beside those of loopback and `host`.
        cors: origins whose pages may call the operations without credentials, instead of loopback ones.
        is_open: take every host, every origin, and requests without credentials.
    """
    log = Log(sys.stderr)
    file = sock = None
    try:
        options = read_config(config) if config else ServerConfig()
        access = _access(options.access, host, allow_host, cors, is_open=is_open)
        options = evolve(options, access=access)
        sock = listen(host, port)
        file = StateFile(state) if state else None
        url = url_of(host, sock)
        service = open_service(options, url, log, file, issuer)
    except (ConfigError, ListenError, StateFileError) as refused:
        for each in (sock, file):
            if each is not None:
                each.close()
        fail(str(refused))
    if not is_loopback(sock):
        log.write("open to the network", level="warning", host=host)
    from authfsm.local.server.uvicorn_server import run  # noqa: PLC0415 - while a key is being made

    try:
        run(service, sock, lambda: _announce(service.pool, url, state, access))
    finally:
        if file is not None:
            file.close()


def fail(why: str) -> NoReturn:
    """Say why not, in one line, and end."""
    sys.stderr.write(f"authfsm serve: {' '.join(why.split())}\n")
    raise SystemExit(1)


def _access(
    configured: AccessRules,
    host: str,
    allow_host: Sequence[str],
    cors: Sequence[str],
    *,
    is_open: bool,
) -> AccessRules:
    """Who may use the server: what the configuration allows, and what the options add to it.

    Raises:
        ConfigError: a host or an origin is not written as one.
    """
    own = () if host in {"", "0.0.0.0", "::"} or is_loopback_name(host) else (host,)  # noqa: S104 - compared only
    hosts = (*own, *configured.hosts, *allow_host)
    return access_rules(hosts, cors or configured.origins, is_open=is_open or configured.open)


def _access_lines(access: AccessRules) -> list[str]:
    if access.open:
        return [
            "  OPEN        every host and every origin is allowed, without credentials (--open):",
            "              any web page that you visit can manage this pool's users",
        ]
    names = ", ".join(("localhost", "127.0.0.1", "[::1]", *access.hosts))
    origins = "loopback origins" if access.origins is None else ", ".join(access.origins)
    if access.origins is not None and ANY_ORIGIN in access.origins:
        origins = "any origin"
    return [
        f"  hosts       {names} (--allow-host allows more)",
        f"  origins     {origins}: pages may call operations that need no AWS credentials (--cors)",
        "  signed      operations for administrators need AWS credentials; any will do",
    ]


def _announce(pool: LocalPool, url: str, state: Path | None, access: AccessRules) -> None:
    keys = 'aws_access_key_id="local", aws_secret_access_key="local"'
    boto3 = f'"cognito-idp", endpoint_url="{url}", region_name="{pool.region}", {keys}'
    lines = [
        f"Serving the user pool {pool.pool_id} at {url}",
        f"  app client  {pool.client_id}{' (with a secret)' if pool.client_secret else ''}",
        f"  issuer      {pool.issuer}",
        f"  state       {state or 'in memory, lost when the server ends'}",
        f"  page        {url}/ shows sign-ins, codes and users",
        *_access_lines(access),
        f"  boto3       boto3.client({boto3})",
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()
