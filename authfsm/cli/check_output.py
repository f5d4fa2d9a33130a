"""Run `authfsm check` and print its findings as text, JSON or SARIF."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO
from pathlib import Path
from typing import Any, Final

import typer
from attrs import frozen
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.text import Text

from authfsm import checks
from authfsm.checks import (
    INVARIANTS,
    Invariant,
    Violation,
    explore,
    factor_exceptions,
    review,
)
from authfsm.checks.findings import Finding, Origin, Severity, as_json, sarif
from authfsm.cli.exit_status import USAGE_ERROR, Failed
from authfsm.cli.pool_descriptions import Descriptions, PoolOptions
from authfsm.diagrams import NoEngine
from authfsm.protocol import links
from authfsm.protocol.errors import BadField
from authfsm.settings.descriptions import decode_text

FORMS: Final = ("text", "json", "sarif")
_NEVER: Final = "never"


@frozen(kw_only=True)
class CheckOptions(PoolOptions):
    """The values of the command's options."""

    form: str
    output: Path | None
    fail_on: str
    diagram: Path | None


def check(options: CheckOptions) -> bool:
    """Check the protocol or a pool, and print or write the findings.

    Returns:
        Whether no finding is as severe as --fail-on, or more.

    Raises:
        Failed: a usage error, or the pool cannot be read or the output not be written.
    """
    if wrong := next(_wrong(options), None):
        raise Failed(wrong, USAGE_ERROR)
    descriptions = options.described()
    if descriptions is None:
        violations = checks.check()
        found: Sequence[Finding] = tuple(_finding(each) for each in violations)
        lines = [*_invariants(INVARIANTS, violations), _explored()]
    else:
        found = _reviewed(descriptions)
        lines = [*_findings(found), _summary(found)]
    _print(options, found, lines, _origin(options))
    if options.diagram is not None:
        _draw(options.diagram, found)
    return not any(_fails(each, options.fail_on) for each in found)


def _wrong(options: CheckOptions) -> Iterator[str]:
    yield from options.conflicts()
    if options.form not in FORMS:
        yield f"--format must be one of {', '.join(FORMS)}, not {options.form!r}"
    severities = (*map(str, Severity), _NEVER)
    if options.fail_on not in severities:
        yield f"--fail-on must be one of {', '.join(severities)}, not {options.fail_on!r}"


def _reviewed(descriptions: Descriptions) -> tuple[Finding, ...]:
    try:
        return review(descriptions)
    except BadField as error:
        raise Failed(f"the pool's description cannot be read: {error}") from None


def _finding(broken: Violation) -> Finding:
    invariant = broken.invariant
    return Finding(
        invariant.name,
        Severity.HIGH,
        invariant.statement,
        broken.why,
        broken.path,
        links.AUTHENTICATION_FLOWS,
        (),
    )


def _explored() -> str:
    found = explore(checks.Model())
    moves = sum(len(each) for each in found.moves.values())
    return f"\n{len(found.before)} positions and {moves} transitions between them were checked."


def _fails(finding: Finding, fail_on: str) -> bool:
    return fail_on != _NEVER and finding.severity.rank <= Severity(fail_on).rank


def _origin(options: CheckOptions) -> Origin:
    if options.settings is None:
        return Origin(options.pool or "authfsm.protocol.table.PROTOCOL")
    text = decode_text(options.settings.read_bytes())
    return Origin(options.settings.stem, str(options.settings), text)


def _print(
    options: CheckOptions, found: Sequence[Finding], lines: list[RenderableType], origin: Origin
) -> None:
    if options.form == "text" and options.output is None:
        Console(highlight=False).print(*lines, sep="\n")
        return
    if options.form == "text":
        into = StringIO()
        Console(file=into, highlight=False, width=120).print(*lines, sep="\n")
        text = into.getvalue()
    else:
        document: Any = (
            sarif(found, origin) if options.form == "sarif" else [as_json(each) for each in found]
        )
        text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    if options.output is None:
        sys.stdout.write(text)
        return
    try:
        options.output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Failed(f"{options.output} cannot be written: {error.strerror}") from None
    typer.echo(f"wrote {options.output}", err=True)


def _draw(folder: Path, found: Sequence[Finding]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        drawn = Counter[str]()
        for each in found:
            drawn[each.id] += 1
            again = f"-{drawn[each.id]}" if drawn[each.id] > 1 else ""
            path = each.diagram().save(folder / f"{each.id}{again}.svg")
            typer.echo(f"drew {path}", err=True)
    except NoEngine as error:
        raise Failed(str(error)) from None
    except OSError as error:
        raise Failed(f"{folder} cannot be written: {error.strerror}") from None


_COLOURS: Final = {
    Severity.HIGH: "bold red",
    Severity.MEDIUM: "yellow",
    Severity.LOW: "cyan",
    Severity.NOTE: "dim",
}


def path_line(path: checks.Path) -> Text:
    """Return a path in one line: its states, with the responses dimmed between them."""
    text = Text("START")
    for move in path:
        text.append(f" -{move.arrow.response.trigger}-> ", style="dim")
        text.append(move.to.name)
    return text


def _invariants(
    every: Iterable[Invariant], broken: Sequence[Violation]
) -> Iterator[RenderableType]:
    """Yield each invariant with its violation and its documented exceptions."""
    by_name = {each.invariant.name: each for each in broken}
    for each in every:
        fault = by_name.get(each.name)
        mark = Text("broken ", style="bold red") if fault else Text("holds  ", style="green")
        yield Text.assemble(mark, (each.name, "bold"))
        yield _in(Text(each.statement, style="dim"))
        if fault:
            yield _in(Text(fault.why))
            yield _in(path_line(fault.path))
        for reason, path in factor_exceptions() if each.name == "second-factor" else ():
            yield _in(Text.assemble("but for ", (reason.name, "bold"), f" ({reason.confidence}):"))
            yield _in(path_line(path))


def _findings(every: Sequence[Finding]) -> Iterator[RenderableType]:
    """Yield each finding: severity, title, reason, path, remediation and source."""
    for each in every:
        severity = (f"{each.severity:7}", _COLOURS[each.severity])
        yield Text.assemble("\n", severity, (each.id, "bold"))
        yield _in(Text(each.title))
        yield _in(Text(each.why, style="dim"))
        yield _in(path_line(each.path))
        for remediation in each.remediations:
            yield _in(Text.assemble(("fix  ", "green"), str(remediation)))
        # Not broken, so that it can be clicked on.
        yield Text(f"       {each.source}", style="dim", no_wrap=True, overflow="ignore")


def _in(text: Text) -> Padding:
    return Padding(text, (0, 0, 0, 7))


def _summary(every: Sequence[Finding]) -> Text:
    """Return the number of findings of each severity."""
    if not every:
        return Text("No findings.", style="green")
    counts = ((severity, sum(each.severity is severity for each in every)) for severity in Severity)
    listed = ", ".join(f"{count} {severity}" for severity, count in counts if count)
    return Text(f"\n{len(every)} finding{'s' * (len(every) > 1)}: {listed}.")
