"""`authfsm trace`: read recorded sign-ins, check them against the protocol, and print the results."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, Final, Literal

import attrs
from attrs import frozen
from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from authfsm import traces
from authfsm.cli import command
from authfsm.cli.command import option
from authfsm.cli.draw import drawing_errors
from authfsm.diagrams import SUFFIXES

_REFRESH_SECONDS: Final = 0.1
_TABLE_NAME: Final = re.compile(r'(?:[A-Za-z_]\w*|"[^"]+")(?:\.(?:[A-Za-z_]\w*|"[^"]+"))*')
_COLOURS: Final = {
    traces.Verdict.LEGAL: "green", traces.Verdict.ILLEGAL: "red",
    traces.Verdict.UNKNOWN: "dim", traces.Verdict.AMBIGUOUS: "yellow",
}  # fmt: skip


@frozen(kw_only=True)
class Trace:
    """Check recorded sign-ins against the protocol: illegal steps, where sign-ins end, how long steps take.

    Can read trails that do not fit in memory. CloudTrail does not say which events belong to one sign-in: events are
    grouped by sub, app client, IP address and user agent. What CloudTrail does not record is shown as unknown.
    """

    epilog: ClassVar[str] = (
        "Exit status: 0 everything was read and no step is illegal; 1 a step is illegal, something could not be"
        " read, or there is no event of a sign-in; 2 usage error."
    )

    names: list[str] | None = command.argument(
        "CloudTrail events from S3, EventBridge, CloudWatch Logs, Logs Insights, lookup-events or Athena (JSON, CSV, or"
        " JSON within YAML), or steps written by authfsm.traces.recorder. Use - for standard input.",
        default=None,
        metavar="[FILE|DIR|GLOB]...",
    )
    json: bool = option("Print JSON.", default=False)
    diagram: Path | None = option(
        "Draw how often each transition was taken. The suffix sets the format: .svg, .png, .md ...", dir_okay=False
    )
    sql: str | None = option(
        "Print the check as a query in this SQL dialect (athena, spark or duckdb), and read no input.",
        metavar="DIALECT",
    )
    table: str = option("With --sql: the name of the table of CloudTrail events.", default="cloudtrail_logs")
    limit: int = option("The number of illegal steps to show; all are counted.", default=20, min=0)
    validity: int = option(
        "Minutes until an unanswered challenge expires. Pass the longest AuthSessionValidity of the app clients.",
        default=15,
        min=3,
        max=15,
    )
    memory: str = option("How much memory the database, DuckDB, uses before it writes data to disk.", default="550MB")

    def run(self) -> int:
        """Print the results, or the query of --sql; `epilog` has the exit status."""
        if self.sql is not None:
            self._print_query(self.sql)
            return 0
        if self.table != attrs.fields(Trace).table.default:
            raise command.WrongUsage("--table requires --sql: files have no table name")
        if not self.names:
            raise command.WrongUsage("no input: name files, folders or a pattern")
        if self.diagram is not None and not self.diagram.name.lower().endswith(tuple(SUFFIXES)):
            raise command.WrongUsage(f"--diagram {self.diagram} must end in one of {', '.join(SUFFIXES)}")
        with TemporaryDirectory(prefix="authfsm-") as folder:
            try:
                names = tuple(_stdin(folder) if each == "-" else each for each in dict.fromkeys(self.names))
                funnel = _funnel(names, self.limit, self.validity, self.memory)
            except traces.InvalidMemoryLimit as error:
                raise command.WrongUsage(str(error)) from None
            except (traces.UnreadableTraceFile, traces.OutOfResources) as error:
                raise command.Failed(_without_folder(folder, str(error))) from None
        read = attrs.asdict(funnel.input, value_serializer=partial(_without_folder, folder))
        funnel = attrs.evolve(funnel, input=attrs.evolve(funnel.input, **read))
        if self.json:
            sys.stdout.write(json.dumps(funnel.to_dict(), indent=2) + "\n")
        else:
            console = Console(highlight=False)
            for part in report_parts(funnel):
                console.print(part)
        if self.diagram is not None:
            with command.writing(self.diagram), drawing_errors():
                funnel.diagram().save(self.diagram)
            command.print_message(f"drew {self.diagram}")
        return 0 if funnel.legal else command.FAILED

    def _print_query(self, dialect: str) -> None:
        mode = "--sql, which prints the query and reads nothing"
        command.refuse_unused(("json", "diagram", "limit", "memory"), mode)
        if self.names:
            raise command.WrongUsage("--sql prints the query and reads nothing: omit the files")
        if not _TABLE_NAME.fullmatch(self.table):
            why = f"--table must be a table's name, for example cloudtrail_logs or '\"a-b\"', not {self.table!r}"
            raise command.WrongUsage(why)
        try:
            sys.stdout.write(traces.sql(dialect, self.table, validity=self.validity) + "\n")
        except traces.UnknownDialect as error:
            raise command.WrongUsage(str(error)) from None


def _stdin(folder: str) -> str:
    """Copy standard input to a file: ZIP archives are read from their end, and DuckDB may read a part twice."""
    copy = Path(folder) / "standard input"
    with command.writing(copy), copy.open("wb") as file:
        shutil.copyfileobj(command.binary_stdin(), file)
    return str(copy)


def _without_folder(folder: str, *of_field: Any) -> Any:
    """Return the last argument; remove from a text or path the folder that has the copy of standard input."""
    value = of_field[-1]
    is_named = isinstance(value, str | Path)
    return type(value)(str(value).replace(f"{folder}{os.sep}", "")) if is_named else value


def _funnel(names: Sequence[str], limit: int, validity: int, memory: str) -> traces.Funnel:
    """Compute the results, and show a progress bar meanwhile."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with (
        traces.TraceFiles(names, validity=validity, memory=memory) as trail,
        Progress(*columns, console=Console(stderr=True), transient=True) as bar,
        ThreadPoolExecutor(1) as worker,
    ):
        title = f"Reading {len(trail.paths):,} files, {trail.size / 1e6:,.0f} MB"
        task = bar.add_task(title, total=trail.size)
        try:
            loading = worker.submit(trail.load)
            while not wait([loading], _REFRESH_SECONDS).done:
                bar.update(task, completed=min(trail.bytes_read, trail.size))
            loading.result()
            bar.update(task, completed=trail.size)
            judging = worker.submit(trail.funnel, limit)
            bar.add_task("Checking against the table", total=None)
            while not wait([judging], _REFRESH_SECONDS).done:
                bar.refresh()
            return judging.result()
        except KeyboardInterrupt:
            trail.stop()  # otherwise leaving the block waits for the worker
            raise


def report_parts(funnel: traces.Funnel) -> Iterator[RenderableType]:
    """Yield the parts of the report: problems, counts, ends, durations, transitions and illegal steps."""
    for problem in funnel.input.problems:
        yield Text(problem, style="bold red")
    yield from _counts(funnel)
    if funnel.ends:
        total = sum(funnel.ends.values())
        ends = ((place, f"{n:,}", f"{n / total:.1%}") for place, n in funnel.ends.items())
        yield _table("Where sign-ins ended", ("place", "sign-ins", "share"), ends)
    if funnel.durations:
        rows = ((e.node, f"{e.times:,}", f"{e.median:g}", f"{e.p95:g}") for e in funnel.durations)
        yield _table("How long each step took", ("in", "times", "median s", "p95 s"), rows)
    if funnel.transitions:
        columns = ("from", "response", "to", "times", "share", "")
        yield _table("Every transition that was taken", columns, _transitions(funnel))
    if funnel.illegal:
        yield _illegal(funnel)
    if funnel.illegal_count:
        yield Text(f"illegal steps: {funnel.illegal_count:,}", style="bold red")
    elif funnel.legal:
        undecided = sum(funnel.count(each) for each in (traces.Verdict.UNKNOWN, traces.Verdict.AMBIGUOUS))
        yield Text(
            f"no step is illegal, {undecided:,} undecided" if undecided else "every step is legal", style="bold green"
        )
    else:
        partly = "no step that could be read is illegal, but not everything could be read"
        yield Text(partly if funnel.transitions else "the input has no event of a sign-in", style="bold red")


def _counts(funnel: traces.Funnel) -> Iterator[RenderableType]:
    read = funnel.input
    when = f", {funnel.since} to {funnel.until} UTC" if funnel.since else ""
    text = f"sign-ins: {funnel.sign_ins:,}, unfinished: {funnel.unfinished:,}, steps: {funnel.steps:,}{when}"
    yield Text(text, style="bold")
    other_events = {
        "of other services or operations": read.others,
        "delivered again": funnel.repeated,
        **{str(each): funnel.count(each) for each in (traces.Verdict.UNKNOWN, traces.Verdict.AMBIGUOUS)},
    }
    if counts := [f"{n:,} {what}" for what, n in other_events.items() if n]:
        yield Text(f"events: {', '.join(counts)}", style="dim")
    if read.events and read.unrecognised:
        yield Text(read.not_events, style="yellow")


def _table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str | Text]]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for column in columns:
        numeric = column in {"sign-ins", "times", "share", "median s", "p95 s"}
        justify: Literal["left", "right"] = "right" if numeric else "left"
        table.add_column(column, justify=justify, no_wrap=numeric, overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


def _transitions(funnel: traces.Funnel) -> Iterator[Sequence[str | Text]]:
    """Yield a row for each transition; a source state is named only in its first row."""
    before = ""
    for each in funnel.transitions:
        verdict = "" if each.verdict is traces.Verdict.LEGAL else str(each.verdict)
        source = "" if each.source == before else each.source
        times, share = f"{each.times:,}", f"{each.share:.1%}"
        yield source, each.symbol, each.dest, times, share, Text(verdict, _COLOURS[each.verdict])
        before = each.source


def _illegal(funnel: traces.Funnel) -> Table:
    listed_count, count = len(funnel.illegal), funnel.illegal_count
    title = f"Illegal steps: {count:,}" + (f", the first {listed_count:,}" if count > listed_count else "")
    rows = ((str(e.at or ""), e.id, e.why + (f" (error: {e.error})" if e.error else "")) for e in funnel.illegal)
    return _table(title, ("at", "event", "what the protocol allows there"), rows)
