"""The command line: a thin function for each command; what it does is in a module of its name."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Final

import typer

from authfsm.cli.check import EPILOG as CHECK_EPILOG
from authfsm.cli.check import check
from authfsm.cli.conform import EPILOG as CONFORM_EPILOG
from authfsm.cli.conform import conform
from authfsm.cli.draw import EPILOG, draw
from authfsm.cli.failing import Failed, end
from authfsm.cli.options import Json
from authfsm.cli.paths import EPILOG as PATHS_EPILOG
from authfsm.cli.paths import paths
from authfsm.cli.signin import EPILOG as SIGNIN_EPILOG
from authfsm.cli.signin import command as signin_command
from authfsm.cli.trace import EPILOG as TRACE_EPILOG
from authfsm.cli.trace import trace

_SERVER: Final = ("cattrs", "starlette", "uvicorn")

app = typer.Typer(
    help="Amazon Cognito sign-in as one explicit state machine.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,  # a traceback must not show what a frame holds
)


@app.callback()
def _root() -> None:
    """Amazon Cognito sign-in as one explicit state machine."""


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Where the pictures of the walked paths go.")] = Path(
        "walks"
    ),
    pause: Annotated[
        float, typer.Option(min=0, max=10, help="Seconds to wait after each step, to watch.")
    ] = 0.0,
) -> None:
    """Sign five people in to an embedded user pool, and draw the path each one walked.

    No AWS account, no network, no system package: the pool is in this process, and really verifies.
    """
    from authfsm.cli.demo import run  # noqa: PLC0415 - only who runs it waits for it

    if not run(out, pause=pause):
        raise typer.Exit(1)


@app.command()
def serve(
    *,
    host: Annotated[str, typer.Option(help="Where to listen; this machine alone by default.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for any that is free.")] = 9229,
    state: Annotated[
        Path | None,
        typer.Option(dir_okay=False, help="Keep the pool in this file; made if it is not there."),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(dir_okay=False, help="The pool's settings and users: JSON, or TOML (.toml)."),
    ] = None,
    issuer: Annotated[
        str | None,
        typer.Option(help="The tokens' issuer; the server's URL and the pool's id by default."),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="A host that requests may name, beside loopback and --host: a Compose service, say. Repeatable.",
        ),
    ] = None,
    cors: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ORIGIN",
            help="An origin whose pages may call what needs no AWS credentials, as https://app.example;"
            " '*' for any. Instead of loopback origins. Repeatable.",
        ),
    ] = None,
    is_open: Annotated[
        bool,
        typer.Option(
            "--open",
            help="Take every host, pages of every origin, and requests without credentials: any web page"
            " that you visit can then manage the pool's users.",
        ),
    ] = False,
) -> None:
    """Serve a user pool in Cognito's own HTTP protocol, with a page that shows what goes on in it.

    Any Cognito client can use it, in any language: name its URL as the endpoint. Operations for
    administrators need an Authorization header, as at AWS; any credentials will do.
    """
    if lacking := [name for name in _SERVER if find_spec(name) is None]:
        typer.echo(
            f"authfsm serve needs {', '.join(lacking)}: pip install 'authfsm[server]'", err=True
        )
        raise typer.Exit(1)
    from authfsm.cli.serve import serve as run  # noqa: PLC0415 - only who runs it waits for it

    run(
        host,
        port,
        state=state,
        config=config,
        issuer=issuer,
        allow_host=allow_host or (),
        cors=cors or (),
        is_open=is_open,
    )


app.command(epilog=EPILOG)(draw)
app.command(epilog=CONFORM_EPILOG)(conform)
app.command(epilog=CHECK_EPILOG)(check)
app.command(epilog=PATHS_EPILOG)(paths)
app.command("signin", epilog=SIGNIN_EPILOG)(signin_command)
app.command(epilog=TRACE_EPILOG)(trace)


@app.command(epilog="Exit codes: 0 told; 1 nothing is known of that name; 2 called wrongly.")
def explain(
    *,
    name: Annotated[
        str, typer.Argument(help="SMS_MFA, code, USER_SRP_AUTH, CodeMismatchException, or a text.")
    ],
    json: Json = False,
) -> None:
    """Tell what a state, a response, a flow, an error or an error's text means, and how surely.

    What it carries, what it takes, where it leads, what to do, and AWS's page about it.
    """
    from authfsm.cli.explain import explain as tell  # noqa: PLC0415 - only who asks waits for it
    from authfsm.cli.explain import unknown  # noqa: PLC0415 - the same

    if not tell(name, as_json=json):
        end("explain", Failed(unknown(name)))
