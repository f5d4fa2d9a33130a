"""`authfsm check`: check the protocol or a pool's settings, and print the findings as text, JSON or SARIF."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from io import StringIO
from pathlib import Path
from typing import ClassVar, Final

from attrs import frozen
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.text import Text

from authfsm import checks
from authfsm.checks import INVARIANTS, Invariant, Violation, explore, factor_exceptions, not_reviewed, review
from authfsm.checks.findings import Finding, Origin, Severity, sarif
from authfsm.checks.findings import as_json as finding_json
from authfsm.cli import command
from authfsm.cli.pool_descriptions import PoolOptions
from authfsm.protocol import links
from authfsm.protocol.errors import BadField
from authfsm.settings.descriptions import decode_text

FORMS: Final = ("text", "json", "sarif")
_NEVER: Final = "never"
_output: Final = partial(command.option, panel="Output")


@frozen(kw_only=True)
class Check(PoolOptions):
    """Check the invariants of the protocol, or review the security of a user pool's settings.

    Without a pool: checks that every state is reachable, that no path issues tokens without a proof and that
    every loop is bounded. With a pool: checks the proofs and the loops of all paths that its settings allow, and
    reports security findings. Each has its source; most have a remediation and a path that shows the problem.
    """

    epilog: ClassVar[str] = (
        "Exit status: 0 no finding has severity --fail-on or higher (a broken invariant is high); 1 there is such a"
        " finding, the pool could not be read or reviewed completely, or a file cannot be written; 2 usage error."
    )

    output_format: str = _output("Output format: text, json or sarif.", "--format", "-f", default="text")
    output: Path | None = _output(
        "Write to this file; - is standard output, the default.", "--output", "-o", dir_okay=False
    )
    fail_on: str = _output(
        "The lowest severity that fails the check: high, medium, low, note; or never.",
        default="medium",
        metavar="SEVERITY",
    )
    diagram: Path | None = _output(
        "Draw the path of each finding, if it has one, to a file in this folder.", file_okay=False
    )

    def run(self) -> int:
        """Print or write the findings; `epilog` has the exit status."""
        self.refuse_conflicts()
        command.refuse_unknown("format", self.output_format, FORMS)
        command.refuse_unknown("fail-on", self.fail_on, (*map(str, Severity), _NEVER))
        descriptions = self.described()
        command.refuse_overwriting(self.output, self.settings)
        gaps: Sequence[str] = ()
        if descriptions is None:
            violations = checks.check()
            found: Sequence[Finding] = tuple(_finding(each) for each in violations)
            explored = explore(checks.Model())
            moves = sum(len(each) for each in explored.moves.values())
            checked = f"\n{len(explored.before)} positions and {moves} transitions between them were checked."
            lines = [*_invariants(INVARIANTS, violations), checked]
        else:
            try:
                found, gaps = review(descriptions), not_reviewed(descriptions)
            except BadField as error:
                raise command.Failed(f"{self.settings or self.pool_id}: {error.field} {error.why}") from None
            lines = [*_findings(found), *([_summary(found)] if found or not gaps else [])]
        self._print(found, lines, gaps)
        for each in gaps:
            command.print_message(f"the review is incomplete: {each}")
        if self.diagram is not None:
            _draw(self.diagram, found)
        lowest = -1 if self.fail_on == _NEVER else Severity(self.fail_on).rank
        return command.FAILED if gaps or any(each.severity.rank <= lowest for each in found) else 0

    def _print(self, found: Sequence[Finding], lines: list[RenderableType], gaps: Sequence[str]) -> None:
        output = None if self.output == command.STDOUT else self.output
        if self.output_format == "text":
            buffer = None if output is None else StringIO()
            console = Console(file=buffer, highlight=False, width=120 if buffer else None)
            command.print_lines(console, lines)
            if buffer is None:
                return
            text = buffer.getvalue()
        elif self.output_format == "sarif":
            text = command.as_json(sarif(found, self._origin(), gaps))
        else:
            text = command.as_json([finding_json(each) for each in found])
        if output is None:
            sys.stdout.write(text)
            return
        with command.writing(output):
            output.write_text(text, encoding="utf-8")
        command.print_message(f"wrote {output}")

    def _origin(self) -> Origin:
        if self.settings is None:
            return Origin(self.pool_id or "authfsm.protocol.table.PROTOCOL")
        text = decode_text(self.settings.read_bytes()) if self.settings.is_file() else ""  # a pipe cannot be read twice
        return Origin(self.settings.stem, str(self.settings), text)


def _finding(violation: Violation) -> Finding:
    title, page = "The protocol violates an invariant.", links.AUTHENTICATION_FLOWS
    name, why = violation.invariant.name, f"{violation.invariant.name}: {violation.why}"
    return Finding(name, Severity.HIGH, title, why, violation.path, page, ())


def _draw(folder: Path, found: Sequence[Finding]) -> None:
    from authfsm.cli.draw import drawing_errors  # noqa: PLC0415 - slow, and only --diagram draws

    drawn = Counter[str]()
    with drawing_errors(), command.writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for each in (one for one in found if one.path):
            drawn[each.id] += 1
            number = f"-{drawn[each.id]}" if drawn[each.id] > 1 else ""
            path = each.diagram().save(folder / f"{each.id}{number}.svg")
            command.print_message(f"drew {path}")


_COLOURS: Final = {Severity.HIGH: "bold red", Severity.MEDIUM: "yellow", Severity.LOW: "cyan", Severity.NOTE: "dim"}


def path_line(path: checks.Path) -> Text:
    """Return a path as one line: its states, and between them the responses in a dim style."""
    text = Text("START")
    for move in path:
        text.append(f" -{move.transition.response.trigger}-> ", style="dim")
        text.append(move.to.name)
    return text


def _invariants(invariants: Iterable[Invariant], violations: Sequence[Violation]) -> Iterator[RenderableType]:
    """Yield each invariant, and its violation if it is broken. Below `second-factor`, list the known exceptions."""
    by_name = {each.invariant.name: each for each in violations}
    for each in invariants:
        violation = by_name.get(each.name)
        mark = Text("broken ", style="bold red") if violation else Text("holds  ", style="green")
        yield Text.assemble(mark, (each.name, "bold"))
        yield _indented(Text(each.statement, style="dim"))
        if violation:
            yield _indented(Text(violation.why))
            yield _indented(path_line(violation.path))
        for reason, path in factor_exceptions() if each.name == "second-factor" else ():
            yield _indented(Text.assemble("except ", (reason.name, "bold"), f" ({reason.confidence}):"))
            yield _indented(path_line(path))


def _findings(findings: Sequence[Finding]) -> Iterator[RenderableType]:
    for each in findings:
        severity = (f"{each.severity:7}", _COLOURS[each.severity])
        yield Text.assemble("\n", severity, (each.id, "bold"))
        yield _indented(Text(each.title))
        yield _indented(Text(each.why, style="dim"))
        if each.path:
            yield _indented(path_line(each.path))
        for remediation in each.remediations:
            yield _indented(Text.assemble(("fix  ", "green"), str(remediation)))
        # The line is not wrapped, so that a terminal recognises the whole link.
        yield Text(f"       {each.source}", style="dim", no_wrap=True, overflow="ignore")


def _indented(text: Text) -> Padding:
    return Padding(text, (0, 0, 0, 7))


def _summary(findings: Sequence[Finding]) -> Text:
    if not findings:
        return Text("No findings.", style="green")
    counts = ((severity, sum(each.severity is severity for each in findings)) for severity in Severity)
    listed = ", ".join(f"{count} {severity}" for severity, count in counts if count)
    return Text(f"\n{len(findings)} finding{'s' * (len(findings) > 1)}: {listed}.")
