"""The base of all commands. A command is a class whose fields are its options; if it fails, it prints one line."""

from __future__ import annotations

import errno
import json
import os
import re
import sys
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from importlib.util import find_spec
from inspect import getdoc
from pathlib import Path
from types import NoneType
from typing import Any, BinaryIO, ClassVar, Final, Protocol, get_args, get_origin

import attrs
import click

FAILED: Final = 1
"""The exit status of a failure, or of a check with findings."""

USAGE_ERROR: Final = 2

INTERRUPTED: Final = 130
"""The exit status after Ctrl-C: 128 plus the number of SIGINT, as a shell reports it."""

STDOUT: Final = Path("-")
"""The file name that stands for standard output."""

EXTRAS: Final = {"server": ("cattrs", "httptools"), "trace": ("duckdb", "sqlglot")}
"""For each extra of this package that a command needs: the modules that the extra installs."""

_DECLARED: Final = "declared"
_PANEL: Final = "panel"
_TYPE_SETTINGS: Final = frozenset({"min", "max", "dir_okay", "file_okay", "allow_dash"})
"""Settings of an option that are passed to its type in click; all other settings are passed to click.Option."""


class Failed(Exception):
    """A command failed; `why` says why, and what to do."""

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

    # `[str]` is needed: Python 3.10 cannot resolve the types of a class with a bare ClassVar.
    epilog: ClassVar[str]
    """The end of `--help`: the exit statuses."""

    def run(self) -> int:
        """Run the command, and return its exit status. A `Failed` that it raises is printed as one line."""


def option(text: str, *names: str, default: Any = None, panel: str = "Options", **more: Any) -> Any:
    """Return the field of an option, with its text for `--help`; an option of type `bool` needs `default=False`."""
    settings = {"help": text, "show_default": True, "show_envvar": True, **more}
    return attrs.field(default=default, metadata={_DECLARED: (names, panel, settings)})


def argument(text: str, *, default: Any = attrs.NOTHING, **more: Any) -> Any:
    """Return the field of a positional argument; `more` is for `click.Argument`."""
    return attrs.field(default=default, metadata={_DECLARED: ((), None, {"help": text, **more})})


class _PanelCommand(click.Command):
    """A command whose help lists the options by panel."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a section for each panel."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for each in self.get_params(ctx):
            if isinstance(each, click.Option) and (record := each.get_help_record(ctx)):
                sections.setdefault(getattr(each, _PANEL, "Options"), []).append(record)
        for panel, records in sections.items():
            with formatter.section(panel):
                formatter.write_dl(records)


class _NotEmpty(click.ParamType[Any]):
    """Refuses an empty value, because `-o "$FILE"` would name the current folder if the variable FILE is not set."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the converted value; fail if it is empty."""
        return super().convert(value, param, ctx) if value != "" else self.fail("the value is empty", param, ctx)


_TEXT: Final = type("_Text", (_NotEmpty, click.types.StringParamType), {})()
_FileName: Final = type("_FileName", (_NotEmpty, click.Path), {})


def click_command(name: str, options: type[Command]) -> click.Command:
    """Return click's command for a class of options."""

    def call(**values: Any) -> None:
        try:
            status = options(**{field: None if each == () else each for field, each in values.items()}).run()
        except Failed as failed:
            print_message(f"authfsm {name}: {failed.why}")
            status = failed.code
        except KeyboardInterrupt:
            status = INTERRUPTED
        except OSError as error:
            if error.filename == STDOUT:
                raise
            print_message(f"authfsm {name}: a connection or a file failed: {error}")
            status = FAILED
        raise click.exceptions.Exit(status)

    paragraphs = (getdoc(options) or "").split("\n\n")  # click wraps each to the width of the terminal
    fields = attrs.fields(attrs.resolve_types(options))  # type: ignore[arg-type, type-var]  # an attrs class
    help_text = "\n\n".join(" ".join(each.split()) for each in paragraphs)
    parameters = [_parameter(each) for each in fields]
    return _PanelCommand(name, callback=call, params=parameters, help=help_text, epilog=options.epilog)


def _parameter(field: attrs.Attribute[Any]) -> click.Parameter:
    names, panel, settings = field.metadata[_DECLARED]
    parts = get_args(field.type)
    kind: Any = parts[0] if NoneType in parts else field.type
    many, kind = get_origin(kind), (*get_args(kind), kind)
    of_type = {each: settings[each] for each in _TYPE_SETTINGS & settings.keys()}
    settings = {each: value for each, value in settings.items() if each not in of_type}
    settings["type"] = _TEXT if kind[0] is str else kind[0]
    if kind[0] is Path:
        settings["type"] = _FileName(path_type=Path, **of_type)
    elif of_type:
        settings["type"] = (click.IntRange if kind[0] is int else click.FloatRange)(**of_type)
    if field.default is not attrs.NOTHING:
        settings["default"] = field.default
    if panel is None:
        return click.Argument([field.name], nargs=-1 if many is list else 1, **settings)
    settings.setdefault("metavar", _metavar(field, is_file=of_type.get("file_okay", True)))
    settings |= {"multiple": many is list, "nargs": 2 if many is tuple else 1, "is_flag": kind[0] is bool}
    option = click.Option([field.name, *(names or [flag(field.name)])], **settings)
    setattr(option, _PANEL, panel)
    return option


def _metavar(field: attrs.Attribute[Any], *, is_file: bool) -> str:
    kind = str(field.type)
    if "Path" in kind:
        return "FILE" if is_file else "DIR"
    return "" if "bool" in kind else flag(field.name).rpartition("-")[2].upper()


def missing_modules_text(extra: str) -> str | None:
    """Return a text that names the missing modules of an extra and how to install them; None if all are installed."""
    names = [name for name in EXTRAS[extra] if find_spec(name) is None]
    return f"needs {', '.join(names)}: pip install 'authfsm[{extra}]'" if names else None


def print_message(message: str) -> None:
    """Print a message on standard error, because standard output may be a picture or JSON."""
    click.echo(message, err=True)


def print_lines(console: Any, lines: Iterable[Any]) -> None:
    """Print lines and tables on a console of rich; a `Text` with `no_wrap`, such as a link, stays one whole line."""
    for each in lines:
        console.print(each, soft_wrap=bool(getattr(each, "no_wrap", False)))


def as_json(document: Any) -> str:
    """Return a document as indented JSON, with a line end."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


class _Stdout:
    """Wraps standard output, its buffer or one of their methods. An OSError of a method gets the file name `STDOUT`."""

    def __init__(self, wrapped: Any) -> None:
        self._wrapped = wrapped

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._wrapped, name)
        return _Stdout(found) if name in {"buffer", "write", "flush"} else found

    def __call__(self, *args: Any) -> Any:
        try:
            return self._wrapped(*args)
        except OSError as error:
            error.filename = STDOUT
            raise


@contextmanager
def stdout_checked() -> Iterator[None]:
    """Exit if standard output is closed or cannot be written, and print why; a closed pipe needs no message."""
    if sys.stdout is None:
        print_message("authfsm: standard output is closed; to discard the output, use >/dev/null")
        sys.exit(FAILED)
    try:
        try:
            with redirect_stdout(_Stdout(sys.stdout)):
                yield
        finally:
            sys.stdout.flush()
    except OSError as error:  # an error of standard output, because `click_command` catches all others
        discard_stdout()
        if error.errno != errno.EPIPE:
            print_message(f"authfsm: standard output cannot be written: {error.strerror}")
        sys.exit(FAILED)


def discard_stdout() -> None:
    """Discard the buffer of standard output, which Python would otherwise try to write when it ends.

    Source: the Python documentation, "Note on SIGPIPE", in the module `signal`.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def binary_stdin() -> BinaryIO:
    """Return standard input as bytes; raise `Failed` if it is closed."""
    if sys.stdin is None:
        raise Failed("standard input is closed: name a file, or pipe the text to this command")
    return sys.stdin.buffer


@contextmanager
def writing(path: Path, code: int = FAILED) -> Iterator[None]:
    """Raise `Failed` if the file or folder cannot be written."""
    try:
        yield
    except OSError as error:
        raise Failed(f"{path} cannot be written: {error.strerror}", code) from None


def refuse_unknown(name: str, value: str | None, known: Collection[str]) -> None:
    """Raise `WrongUsage` if the value of an option is not one of the known values."""
    if value is not None and value not in known:
        raise WrongUsage(f"--{name} must be one of {', '.join(known)}, not {value!r}")


def http_url(name: str, value: str) -> str:
    """Return a URL without a slash at its end; raise `WrongUsage` if it is not an http or https URL."""
    if not re.fullmatch(r"https?://[^\s/?#]\S*", value):
        raise WrongUsage(f"{name} must be an http or https URL, not {value!r}")
    return value.rstrip("/")


def refuse_overwriting(output: Path | None, *inputs: Path | None) -> None:
    """Raise `WrongUsage` if an output file is one of the files that the command reads."""
    for each in filter(None, inputs):
        if output is not None and output.exists() and each.exists() and each.samefile(output):
            raise WrongUsage(f"{output} is the input file: choose another output file")


def refuse_region(options: Any) -> None:
    """Raise `WrongUsage` if `--region` is not like an AWS region. With an endpoint's URL, accept any host label."""
    region, has_endpoint = options.region, bool(options.endpoint_url or getattr(options, "compare", None))
    form = r"(?!\d+$)(?!-)[a-zA-Z0-9-]{1,63}(?<!-)" if has_endpoint else r"[a-z]+(-[a-z]+)+-[0-9]+"
    if region is not None and not re.fullmatch(form, region):
        what = "a region" if has_endpoint else "a region of AWS"
        raise WrongUsage(f"--region must be the name of {what}, such as eu-west-1, not {region!r}")


def flag(name: str) -> str:
    """Return the option of a field, for example `--pool-id`."""
    return f"--{'format' if name == 'output_format' else name.replace('_', '-')}"


def refuse_unused(names: Collection[str], mode: str) -> None:
    """Raise `WrongUsage` if the command line has one of these options, which have no effect in this mode."""
    context = click.get_current_context()
    for each in context.command.params:
        if each.name in names and context.get_parameter_source(each.name) is click.core.ParameterSource.COMMANDLINE:
            raise WrongUsage(f"{each.opts[0]} has no effect with {mode}")


def refuse_exclusive(options: object, *pairs: tuple[str, str]) -> None:
    """Raise `WrongUsage` if both options of a pair were set."""
    for one, other in pairs:
        if getattr(options, one) and getattr(options, other):
            raise WrongUsage(f"{flag(one)} and {flag(other)} cannot be used together")
