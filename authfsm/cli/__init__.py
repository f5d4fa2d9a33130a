"""The command line: a module for each command, and an `_output` module that runs it.

Private: the public interface is the `authfsm` command.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Final

import typer

from authfsm.cli.capture import EPILOG as CAPTURE_EPILOG
from authfsm.cli.capture import capture
from authfsm.cli.check import EPILOG as CHECK_EPILOG
from authfsm.cli.check import check
from authfsm.cli.conform import EPILOG as CONFORM_EPILOG
from authfsm.cli.conform import conform
from authfsm.cli.draw import EPILOG, draw
from authfsm.cli.exit_status import Failed, end
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
    out: Annotated[Path, typer.Option(help="Folder for the pictures of the paths.")] = Path(
        "walks"
    ),
    pause: Annotated[
        float, typer.Option(min=0, max=10, help="Seconds to wait after each step.")
    ] = 0.0,
) -> None:
    """Sign five users in to an embedded user pool, and draw the path of each sign-in.

    Needs no AWS account, network or system package: the pool runs in this process and verifies every proof.
    """
    from authfsm.cli.demo import run  # noqa: PLC0415 - imported only when it runs: --help stays fast

    if not run(out, pause=pause):
        raise typer.Exit(1)


@app.command()
def serve(
    *,
    host: Annotated[
        str,
        typer.Option(
            help="Address to listen on; the default accepts connections from this machine only."
        ),
    ] = ("127.0.0.1"),
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes any free port.")
    ] = 9229,
    state: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False, help="Keep the pool in this file; it is created if it does not exist."
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False, help="File with the pool's settings and users: JSON, or TOML (.toml)."
        ),
    ] = None,
    issuer: Annotated[
        str | None,
        typer.Option(
            help="The issuer (iss) of the tokens; by default the server's URL and the pool's id."
        ),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Also accept requests to this host name, for example a Compose service; loopback names and --host are always accepted. Repeatable.",
        ),
    ] = None,
    cors: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ORIGIN",
            help="Allow web pages of this origin, for example https://app.example ('*' for any), to call the operations"
            " that need no AWS credentials. Replaces the default, loopback origins. Repeatable.",
        ),
    ] = None,
    is_open: Annotated[
        bool,
        typer.Option(
            "--open",
            help="Accept every host, web pages of every origin, and requests without credentials. Any web page that"
            " you visit can then manage the pool's users.",
        ),
    ] = False,
) -> None:
    """Serve a user pool over Cognito's HTTP protocol, with a page that shows its users and sign-ins.

    Any Cognito client in any language can use it: set its endpoint to the server's URL. Administrators'
    operations need an Authorization header, as at AWS; the server accepts any credentials.
    """
    if lacking := [name for name in _SERVER if find_spec(name) is None]:
        typer.echo(
            f"authfsm serve needs {', '.join(lacking)}: pip install 'authfsm[server]'", err=True
        )
        raise typer.Exit(1)
    from authfsm.cli.serve import serve as run  # noqa: PLC0415 - imported only when it runs: --help stays fast

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
app.command(epilog=CAPTURE_EPILOG)(capture)


@app.command(epilog="Exit status: 0 success; 1 unknown name; 2 usage error.")
def explain(
    *,
    name: Annotated[
        str,
        typer.Argument(
            help="For example SMS_MFA, code, USER_SRP_AUTH, CodeMismatchException, or the text of an error message."
        ),
    ],
    json: Json = False,
) -> None:
    """Explain a state, a response, a flow, an error code or an error message, with the certainty of each fact.

    Shows its parameters, the accepted responses, the next states, what to do, and the AWS page about it.
    """
    from authfsm.cli.explain import explain as tell  # noqa: PLC0415 - imported only when it runs: --help stays fast
    from authfsm.cli.explain import unknown  # noqa: PLC0415 - imported only when it runs: --help stays fast

    if not tell(name, as_json=json):
        end("explain", Failed(unknown(name)))
