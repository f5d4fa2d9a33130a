"""The command line: a module for each command, imported when the command is called.

Private: the public interface is the `authfsm` command.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

import click

from authfsm.cli.command import FAILED, INTERRUPTED, click_command, missing_modules_text, print_message, stdout_checked

COMMANDS: Final = {
    "demo": "Play five sign-ins, each to a local pool of its own, and draw the path of each.",
    "serve": "Serve a user pool over Cognito's HTTP protocol, with a page that shows its users and sign-ins.",
    "draw": "Draw the protocol, one flow, one state, the paths of a user pool, or the path of a recorded sign-in.",
    "conform": "Run the Cognito conformance suite against an endpoint.",
    "check": "Check the invariants of the protocol, or review the security of a user pool's settings.",
    "paths": "List and count the paths to sign in: of the whole protocol, or of one user pool.",
    "signin": "Sign in to a user pool from this terminal, with a prompt for each challenge.",
    "trace": "Check recorded sign-ins against the protocol: illegal steps, where sign-ins end, how long steps take.",
    "capture": "Anonymise captured Cognito traffic: personal data and secrets become placeholders of the same shape.",
    "explain": "Explain a state, a response, a flow, an account's status or operation, an error code or an error message.",
}
"""The commands in the order of `--help`, each with the first sentence of its own help."""

_EXTRAS: Final = {"serve": "server", "trace": "trace"}
"""The extra of this package that a command needs."""


def load_command(name: str) -> click.Command:
    """Import a command's module, and return click's command for its class, for example `Trace` for `trace`."""
    extra = _EXTRAS.get(name)
    if extra and (why := missing_modules_text(extra)):
        print_message(f"authfsm {name} {why}")
        raise click.exceptions.Exit(FAILED)
    return click_command(name, getattr(import_module(f"authfsm.cli.{name}"), name.capitalize()))


class CommandGroup(click.Group):
    """Imports only the module of the command that is called, because some modules take a second to import."""

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run the command line; if standard output cannot be written, exit with FAILED."""
        with stdout_checked():
            return super().main(*args, **extra)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's name
        """Return the names in the order of `COMMANDS`."""
        return list(COMMANDS)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Return the name of the called command, the command and its arguments."""
        name, found, rest = super().resolve_command(ctx, args)
        try:
            return name, found and load_command(str(name)), rest
        except KeyboardInterrupt:  # click would exit with 1 after Ctrl-C during the import
            raise click.exceptions.Exit(INTERRUPTED) from None


app = CommandGroup(
    help="Amazon Cognito sign-in as one explicit state machine.",
    commands={name: click.Command(name, short_help=summary) for name, summary in COMMANDS.items()},
)
click.version_option(package_name="authfsm", message="authfsm %(version)s")(app)
