"""The base of all commands: their options are the fields of a class, and a failure is one line and an exit status."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from inspect import Parameter, Signature, getdoc
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Protocol

import attrs
import typer
from typer.main import get_command

FAILED: Final = 1
"""The exit status of a failure, or of a check that found something."""

USAGE_ERROR: Final = 2
"""The exit status of a usage error."""

EXTRAS: Final = {"server": ("cattrs", "starlette", "uvicorn"), "trace": ("duckdb", "sqlglot")}
"""The modules that a command needs, by the extra of this package that installs them."""

_TYPER: Final = "typer"


class Failed(Exception):
    """A command failed; `why` says what to do about it."""

    def __init__(self, why: str, code: int = FAILED) -> None:
        super().__init__(why)
        self.why = " ".join(why.split())
        self.code = code


class WrongUsage(Failed):
    """The command was called with wrong arguments."""

    def __init__(self, why: str) -> None:
        super().__init__(why, USAGE_ERROR)


class Command(Protocol):
    """A command: an attrs class whose fields are its options and whose docstring is its help."""

    # With its type: Python 3.10 cannot resolve the types of a class with a bare ClassVar.
    epilog: ClassVar[str | None]
    """The last line of `--help`: the exit statuses."""

    def run(self) -> int:
        """Run the command, and return its exit status. `Failed` is printed in one line."""


def option(text: str, *names: str, default: Any = None, panel: str | None = None, **more: Any) -> Any:
    """Return the field of an option, with its text for `--help`; a flag has the default False."""
    declared = typer.Option(*names, help=text, rich_help_panel=panel, **more)
    return attrs.field(default=default, metadata={_TYPER: declared})


def argument(text: str, *, default: Any = attrs.NOTHING, **more: Any) -> Any:
    """Return the field of a positional argument; `more` is for `typer.Argument`."""
    declared = typer.Argument(help=text, show_default=False, **more)
    return attrs.field(default=default, metadata={_TYPER: declared})


def typer_command(name: str, options: type[Command]) -> Any:
    """Return Typer's command for a class of options."""

    def call(**values: Any) -> None:
        try:
            status = options(**values).run()
        except Failed as failed:
            print_message(f"authfsm {name}: {failed.why}")
            status = failed.code
        raise typer.Exit(status)

    paragraphs = (getdoc(options) or "").split("\n\n")  # the terminal's width decides on the lines
    call.__doc__ = "\n\n".join(" ".join(each.split()) for each in paragraphs)
    fields = attrs.fields(attrs.resolve_types(options))  # type: ignore[arg-type, type-var]  # an attrs class
    vars(call)["__signature__"] = Signature([_parameter(each) for each in fields])
    app = typer.Typer(add_completion=False)
    app.command(name, epilog=options.epilog)(call)
    return get_command(app)


def _parameter(field: attrs.Attribute[Any]) -> Parameter:
    declared = field.metadata.get(_TYPER)
    # Typer has the first name as `default`. A flag without a name of its own would get a --no-... beside it.
    if declared and field.default is False and declared.default is ...:
        declared.param_decls = (f"--{field.name.replace('_', '-')}",)
    if declared and declared.metavar is None:
        declared.metavar = _metavar(field, is_file=declared.file_okay)
    return Parameter(
        field.name,
        Parameter.KEYWORD_ONLY,
        default=Parameter.empty if field.default is attrs.NOTHING else field.default,
        annotation=Annotated[field.type, declared] if declared else field.type,
    )


def _metavar(field: attrs.Attribute[Any], *, is_file: bool) -> str:
    kind = str(field.type)
    if "Path" in kind:
        return "FILE" if is_file else "DIR"
    return "" if "bool" in kind else flag(field.name).rpartition("-")[2].upper()


def missing(extra: str) -> str | None:
    """Return which modules of an extra are missing and how to install them; None if none is."""
    names = [name for name in EXTRAS[extra] if find_spec(name) is None]
    return f"needs {', '.join(names)}: pip install 'authfsm[{extra}]'" if names else None


def print_message(message: str) -> None:
    """Print a message on standard error, because standard output may be a picture or JSON."""
    typer.echo(message, err=True)


def as_json(document: Any) -> str:
    """Return a document as JSON for people, with a line end."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


@contextmanager
def writing(path: Path, code: int = FAILED) -> Iterator[None]:
    """Raise `Failed` if the file or folder cannot be written."""
    try:
        yield
    except OSError as error:
        raise Failed(f"{path} cannot be written: {error.strerror}", code) from None


def refuse_unknown(name: str, given: str | None, known: Collection[str]) -> None:
    """Raise `Failed` if an option has a value that is not one of the known ones."""
    if given is not None and given not in known:
        raise WrongUsage(f"--{name} must be one of {', '.join(known)}, not {given!r}")


def flag(name: str) -> str:
    """Return the option of a field, for example `--pool-id`."""
    return f"--{'format' if name == 'form' else name.replace('_', '-')}"


def refuse_unused(options: Any, names: Collection[str], mode: str) -> None:
    """Raise `WrongUsage` if one of these options is given although it has no effect in this mode."""
    for each in attrs.fields(type(options)):
        if each.name in names and getattr(options, each.name) != each.default:
            raise WrongUsage(f"{flag(each.name)} has no effect with {mode}")


def refuse_exclusive(options: object, *pairs: tuple[str, str]) -> None:
    """Raise `Failed` if both options of a pair are given."""
    for one, other in pairs:
        if getattr(options, one) and getattr(options, other):
            raise WrongUsage(f"--{one} and --{other} cannot be used together")
