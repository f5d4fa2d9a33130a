"""What `authfsm check` does: gathers what is to be checked, checks it, and tells what was found."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from io import StringIO
from pathlib import Path
from typing import Any, Final

import typer
from attrs import frozen
from rich.console import Console, RenderableType

from authfsm import checks
from authfsm.checks import INVARIANTS, Violation, explore, review
from authfsm.checks.findings import Finding, Origin, Severity, as_json, sarif
from authfsm.cli import check_output, describing
from authfsm.cli.failing import MISUSED, Failed
from authfsm.diagrams import NoEngine
from authfsm.protocol import links
from authfsm.protocol.errors import BadField

FORMS: Final = ("text", "json", "sarif")
_NEVER: Final = "never"


@frozen(kw_only=True)
class CheckOptions(describing.PoolOptions):
    """What is wanted: the options of the command, by their names."""

    form: str
    output: Path | None
    fail_on: str
    diagram: Path | None


def check(wanted: CheckOptions) -> bool:
    """Check what is wanted.

    Returns:
        Was nothing found that is as bad as wanted, or worse?

    Raises:
        Failed: it could not be done.
    """
    if wrong := next(_wrong(wanted), None):
        raise Failed(wrong, MISUSED)
    told = wanted.described()
    if told is None:
        broken = checks.check()
        found: Sequence[Finding] = tuple(_finding(each) for each in broken)
        lines = [*check_output.invariants(INVARIANTS, broken), _explored()]
    else:
        found = _reviewed(told)
        lines = [*check_output.findings(found), check_output.summed(found)]
    _tell(wanted, found, lines, _origin(wanted))
    if wanted.diagram is not None:
        _draw(wanted.diagram, found)
    return not any(_fails(each, wanted.fail_on) for each in found)


def _wrong(wanted: CheckOptions) -> Iterator[str]:
    yield from wanted.conflicts()
    if wanted.form not in FORMS:
        yield f"--format must be one of {', '.join(FORMS)}, not {wanted.form!r}"
    severities = (*map(str, Severity), _NEVER)
    if wanted.fail_on not in severities:
        yield f"--fail-on must be one of {', '.join(severities)}, not {wanted.fail_on!r}"


def _reviewed(told: describing.Descriptions) -> tuple[Finding, ...]:
    try:
        return review(told)
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


def _origin(wanted: CheckOptions) -> Origin:
    if wanted.settings is None:
        return Origin(wanted.pool or "authfsm.protocol.table.PROTOCOL")
    text = wanted.settings.read_text(encoding="utf-8")
    return Origin(wanted.settings.stem, str(wanted.settings), text)


def _tell(
    wanted: CheckOptions, found: Sequence[Finding], lines: list[RenderableType], origin: Origin
) -> None:
    if wanted.form == "text" and wanted.output is None:
        Console(highlight=False).print(*lines, sep="\n")
        return
    if wanted.form == "text":
        into = StringIO()
        Console(file=into, highlight=False, width=120).print(*lines, sep="\n")
        text = into.getvalue()
    else:
        told: Any = (
            sarif(found, origin) if wanted.form == "sarif" else [as_json(each) for each in found]
        )
        text = json.dumps(told, indent=2, ensure_ascii=False) + "\n"
    if wanted.output is None:
        sys.stdout.write(text)
        return
    try:
        wanted.output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Failed(f"{wanted.output} cannot be written: {error.strerror}") from None
    typer.echo(f"wrote {wanted.output}", err=True)


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
