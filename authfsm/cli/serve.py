"""`authfsm serve`: serve a pool over Cognito's HTTP protocol, for any client in any language."""

from __future__ import annotations

import sys
from contextlib import ExitStack, closing
from pathlib import Path
from typing import ClassVar

from attrs import evolve, fields_dict, frozen

from authfsm.cli.command import Failed, WrongUsage, http_url, option, refuse_unused
from authfsm.local.api.pool import LocalPool
from authfsm.local.api.region import StateFileError
from authfsm.local.config.leniency import accepted_checks
from authfsm.local.server.access import ANY_ORIGIN, AccessRules, is_loopback_name
from authfsm.local.server.config import ConfigError, ServerConfig, config_template, read_config
from authfsm.local.server.http_server import ListenError, is_loopback, listen, run
from authfsm.local.server.service import Log, open_service
from authfsm.local.server.state_file import StateFile


@frozen(kw_only=True)
class Serve:
    """Serve a user pool over Cognito's HTTP protocol, with a page that shows its users and sign-ins.

    Any Cognito client in any language can use it: set its endpoint to the server's URL. Administrators'
    operations need an Authorization header, as at AWS; the server accepts any credentials.
    """

    epilog: ClassVar[str] = "Exit status: 0 stopped by a signal; 1 the server could not start; 2 usage error."

    host: str = option(
        "Address to listen on; the default accepts connections from this machine only.", default="127.0.0.1"
    )
    port: int = option("Port to listen on; 0 selects a free port.", default=9229, min=0, max=65535)
    state: Path | None = option("Keep all pools in this file, which is created if it does not exist.", dir_okay=False)
    config: Path | None = option(
        "File with the pool's settings and users: JSON, or TOML (.toml). --print-config prints every key.",
        dir_okay=False,
    )
    print_config: bool = option(
        "Print a file for --config, with every setting, its meaning and its default, and exit.", default=False
    )
    issuer: str | None = option("The issuer (iss) of the tokens; by default the server's URL and the pool's id.")
    allow_host: list[str] | None = option(
        "Also accept requests to this host name, for example a Compose service; loopback names and --host are always"
        " accepted. Repeatable.",
        metavar="NAME",
    )
    cors: list[str] | None = option(
        "Allow web pages of this origin, for example https://app.example ('*' for any), to call the operations"
        " that need no AWS credentials. Replaces the default, which is loopback origins. Repeatable.",
        metavar="ORIGIN",
    )
    accept: list[str] | None = option(
        "Accept requests that this check would refuse, and log each such request. CHECK is a name in the Python constant"
        " authfsm.local.CHECKS, for example unknown-attributes, or `all`. For suites written for moto. Replaces `accept` of"
        " --config. Repeatable.",
        metavar="CHECK",
    )
    is_open: bool = option(
        "Accept every host, web pages of every origin, and requests without credentials. Any web page that"
        " you visit can then manage the pool's users.",
        "--open",
        default=False,
    )

    def run(self) -> int:
        """Serve until the process is stopped."""
        if self.print_config:
            refuse_unused(fields_dict(Serve).keys() - {"print_config"}, "--print-config, which prints the defaults")
            sys.stdout.write(config_template())
            return 0
        if self.issuer is not None:
            http_url("--issuer", self.issuer)
        log = Log(sys.stderr)
        with ExitStack() as stack:
            try:
                options = read_config(self.config) if self.config else ServerConfig()
                if "issuer" in options.settings:
                    http_url(f"issuer in {self.config}", options.settings["issuer"])
                access = self._access(options.access)
                if self.accept:
                    options = evolve(options, settings={**options.settings, "accept": self.accept})
                sock, url = listen(self.host, self.port)
                stack.enter_context(sock)
                file = stack.enter_context(closing(StateFile(self.state))) if self.state else None
                service = open_service(evolve(options, access=access), url, log, file, self.issuer)
            except (ConfigError, ListenError, StateFileError) as refused:
                raise Failed(str(refused)) from None
            if not is_loopback(sock):
                log.write("open to the network", level="warning", host=self.host)
            run(service, sock, lambda: _announce(service.pool, url, self.state, access))
        return 0

    def _access(self, configured: AccessRules) -> AccessRules:
        """Check the options, and return the hosts and origins that they and the configuration allow."""
        own = () if self.host in {"0.0.0.0", "::"} or is_loopback_name(self.host) else (self.host,)  # noqa: S104
        hosts = (*own, *configured.hosts, *(self.allow_host or ()))
        try:
            accepted_checks(self.accept or ())
            return AccessRules(hosts, self.cors or configured.origins, self.is_open or configured.open)
        except ValueError as error:
            raise WrongUsage(str(error)) from None


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


def _app_client(pool: LocalPool) -> str:
    try:
        return f"{pool.client_id}{' (with a secret)' if pool.client_secret else ''}"
    except LookupError:
        return "none: it was deleted"


def _announce(pool: LocalPool, url: str, state: Path | None, access: AccessRules) -> None:
    keys = 'aws_access_key_id="local", aws_secret_access_key="local"'
    boto3 = f'"cognito-idp", endpoint_url="{url}", region_name="{pool.region}", {keys}'
    lines = [
        f"Serving the user pool {pool.pool_id} at {url}",
        f"  app client  {_app_client(pool)}",
        f"  issuer      {pool.issuer}",
        f"  state       {state or 'in memory, lost when the server ends'}",
        f"  page        {url}/ shows sign-ins, codes and users",
        *_access_lines(access),
        f"  accepts     {', '.join(sorted(pool.configuration.accept)) or 'what Cognito accepts'} (--accept)",
        f"  boto3       boto3.client({boto3})",
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()
