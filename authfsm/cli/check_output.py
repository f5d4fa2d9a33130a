"""How `authfsm check` and `authfsm paths` tell what they found, for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from authfsm.checks import Invariant, Path, Violation, factor_exceptions
from authfsm.checks.findings import Finding, Severity

_COLOURS: Final = {
    Severity.HIGH: "bold red",
    Severity.MEDIUM: "yellow",
    Severity.LOW: "cyan",
    Severity.NOTE: "dim",
}


def walked(path: Path) -> Text:
    """A path in one line: states stand out, what is given is dim."""
    text = Text("START")
    for move in path:
        text.append(f" -{move.arrow.response.trigger}-> ", style="dim")
        text.append(move.to.name)
    return text


def invariants(every: Iterable[Invariant], broken: Sequence[Violation]) -> Iterator[RenderableType]:
    """Each invariant, what breaks it, and the exceptions to it that are documented."""
    by = {each.invariant.name: each for each in broken}
    for each in every:
        fault = by.get(each.name)
        mark = Text("broken ", style="bold red") if fault else Text("holds  ", style="green")
        yield Text.assemble(mark, (each.name, "bold"))
        yield _in(Text(each.statement, style="dim"))
        if fault:
            yield _in(Text(fault.why))
            yield _in(walked(fault.path))
        for reason, path in factor_exceptions() if each.name == "second-factor" else ():
            yield _in(Text.assemble("but for ", (reason.name, "bold"), f" ({reason.confidence}):"))
            yield _in(walked(path))


def findings(every: Sequence[Finding]) -> Iterator[RenderableType]:
    """Each finding: its severity, title, reason, path, source and remediation."""
    for each in every:
        severity = (f"{each.severity:7}", _COLOURS[each.severity])
        yield Text.assemble("\n", severity, (each.id, "bold"))
        yield _in(Text(each.title))
        yield _in(Text(each.why, style="dim"))
        yield _in(walked(each.path))
        for mend in each.remediations:
            yield _in(Text.assemble(("fix  ", "green"), str(mend)))
        # Not broken, so that it can be clicked on.
        yield Text(f"       {each.source}", style="dim", no_wrap=True, overflow="ignore")


def _in(what: Text) -> Padding:
    return Padding(what, (0, 0, 0, 7))


def summed(every: Sequence[Finding]) -> Text:
    """How many there are of each severity."""
    if not every:
        return Text("No findings.", style="green")
    counts = ((severity, sum(each.severity is severity for each in every)) for severity in Severity)
    told = ", ".join(f"{count} {severity}" for severity, count in counts if count)
    return Text(f"\n{len(every)} finding{'s' * (len(every) > 1)}: {told}.")
