"""Run `authfsm trace`: read recorded sign-ins with a progress bar, check them and print the results."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from pathlib import Path
from typing import Any, Final

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from authfsm.cli.draw_output import drawn_by, report
from authfsm.cli.exit_status import USAGE_ERROR, Failed
from authfsm.diagrams import SUFFIXES
from authfsm.traces import (
    Funnel,
    InvalidMemoryLimit,
    OutOfResources,
    TraceFiles,
    UnknownDialect,
    UnreadableTraceFile,
    Verdict,
    sql,
)

_EVERY: Final = 0.1
_TABLE: Final = re.compile(r'[A-Za-z_"][\w".-]*')
_COLOURS: Final = {
    Verdict.LEGAL: "green",
    Verdict.ILLEGAL: "red",
    Verdict.UNKNOWN: "dim",
    Verdict.AMBIGUOUS: "yellow",
}


def show_query(names: Sequence[str], dialect: str, table: str, validity: int) -> None:
    """Print the query, for another engine.

    Args:
        names: must be empty: nothing is read.
        dialect: the engine's.
        table: the table of CloudTrail's events.
        validity: AuthSessionValidity, minutes.
    """
    if names:
        raise Failed("--sql prints the query and reads nothing: omit the files", USAGE_ERROR)
    if not _TABLE.fullmatch(table):
        raise Failed(
            f"--table must be a table's name, for example cloudtrail_logs, not {table!r}",
            USAGE_ERROR,
        )
    try:
        sys.stdout.write(sql(dialect, table, validity=validity) + "\n")
    except UnknownDialect as error:
        raise Failed(str(error), USAGE_ERROR) from None


def trace(
    names: Sequence[str],
    *,
    as_json: bool,
    diagram: Path | None,
    limit: int,
    validity: int,
    memory: str,
    console: Console | None = None,
) -> bool:
    """Check recorded sign-ins against the protocol and print the results.

    Args:
        names: files, folders, patterns.
        as_json: print JSON, for programs.
        diagram: the file of the picture.
        limit: how many illegal steps are shown.
        validity: AuthSessionValidity, minutes.
        memory: the memory limit of DuckDB.
        console: where to print; the terminal, if left out.

    Returns:
        Whether everything could be read and every step is legal.

    Raises:
        Failed: a usage error, or the input cannot be read or the picture not be drawn.
    """
    if not names:
        raise Failed("no input: give files, folders or a pattern", USAGE_ERROR)
    if diagram is not None and not diagram.name.lower().endswith(tuple(SUFFIXES)):
        raise Failed(f"{diagram} must end in one of {', '.join(SUFFIXES)}", USAGE_ERROR)
    try:
        funnel = _funnel(names, limit, validity, memory)
    except InvalidMemoryLimit as error:
        raise Failed(str(error), USAGE_ERROR) from None
    except (UnreadableTraceFile, OutOfResources) as error:
        raise Failed(str(error)) from None
    if as_json:
        sys.stdout.write(json.dumps(funnel.to_dict(), indent=2) + "\n")
    else:
        out = console or Console(highlight=False)
        for part in report_parts(funnel):
            out.print(part)
    if diagram is not None:
        _draw(funnel, diagram)
    return funnel.legal


def _draw(funnel: Funnel, path: Path) -> None:
    try:
        drawn_by(lambda: funnel.diagram().save(path))
    except OSError as error:
        raise Failed(f"{path} cannot be written: {error.strerror}") from None
    report(f"drew {path}")


def _funnel(names: Sequence[str], limit: int, validity: int, memory: str) -> Funnel:
    """Return the results, with a progress bar while they are computed."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    with (
        TraceFiles(names, validity=validity, memory=memory) as trail,
        Progress(*columns, console=Console(stderr=True), transient=True) as bar,
        ThreadPoolExecutor(1) as worker,
    ):
        task = bar.add_task(
            f"Reading {len(trail.paths):,} files, {trail.size / 1e6:,.0f} MB", total=trail.size
        )
        try:
            loading = worker.submit(trail.load)
            while not _is_finished(loading):
                bar.update(task, completed=min(trail.bytes_read, trail.size))
            loading.result()
            bar.update(task, completed=trail.size)
            judging = worker.submit(trail.funnel, limit)
            bar.add_task("Replaying against the table", total=None)
            while not _is_finished(judging):
                bar.refresh()
            return judging.result()
        except KeyboardInterrupt:
            trail.stop()  # otherwise leaving the block waits for the worker
            raise


def _is_finished(work: Future[Any]) -> bool:
    try:
        work.exception(timeout=_EVERY)
    except NotYet:
        return False
    return True


# ---- output ------------------------------------------------------------------------------------------


def report_parts(funnel: Funnel) -> Iterator[RenderableType]:
    """Yield the parts of the report: problems, counts, ends, durations, transitions and illegal steps."""
    for problem in funnel.input.problems:
        yield Text(problem, style="bold red")
    yield from _counts(funnel)
    if funnel.ends:
        yield _ends(funnel)
    if funnel.durations:
        yield _durations(funnel)
    if funnel.transitions:
        yield _transitions(funnel)
    if funnel.illegal:
        yield _illegal(funnel)
    if funnel.illegal_count:
        yield Text(f"illegal steps: {funnel.illegal_count:,}", style="bold red")
    elif funnel.legal:
        yield Text("every step is legal", style="bold green")
    else:
        yield Text(
            "every step that could be read is legal, but not everything could be read",
            style="bold red",
        )


def _counts(funnel: Funnel) -> Iterator[RenderableType]:
    read = funnel.input
    when = f", {funnel.since} to {funnel.until} UTC" if funnel.since else ""
    yield Text(
        f"sign-ins: {funnel.sign_ins:,}, unfinished: {funnel.unfinished:,}, steps: {funnel.steps:,}{when}",
        style="bold",
    )
    beside = {
        "of other services or operations": read.others,
        "delivered again": funnel.repeated,
        **{str(each): funnel.count(each) for each in (Verdict.UNKNOWN, Verdict.AMBIGUOUS)},
    }
    if said := [f"{n:,} {what}" for what, n in beside.items() if n]:
        yield Text(f"events: {', '.join(said)}", style="dim")
    if read.events and read.unrecognised:
        yield Text(read.not_events, style="yellow")


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for column in columns:
        numeric = column in {"sign-ins", "times", "share", "median s", "p95 s"}
        table.add_column(
            column, justify="right" if numeric else "left", no_wrap=numeric, overflow="fold"
        )
    return table


def _ends(funnel: Funnel) -> Table:
    table, total = (
        _table("Where sign-ins ended", "place", "sign-ins", "share"),
        sum(funnel.ends.values()),
    )
    for place, times in funnel.ends.items():
        table.add_row(place, f"{times:,}", f"{times / total:.1%}")
    return table


def _durations(funnel: Funnel) -> Table:
    table = _table("How long each step took", "in", "times", "median s", "p95 s")
    for each in funnel.durations:
        table.add_row(each.node, f"{each.times:,}", f"{each.median:g}", f"{each.p95:g}")
    return table


def _transitions(funnel: Funnel) -> Table:
    table = _table(
        "Every transition that was taken", "from", "response", "to", "times", "share", ""
    )
    before = ""
    for each in funnel.transitions:
        verdict = "" if each.verdict is Verdict.LEGAL else str(each.verdict)
        shown = "" if each.source == before else each.source
        times = f"{each.times:,}"
        table.add_row(
            shown,
            each.symbol,
            each.dest,
            times,
            f"{each.share:.1%}",
            Text(verdict, _COLOURS[each.verdict]),
        )
        before = each.source
    return table


def _illegal(funnel: Funnel) -> Table:
    more = (
        f", the first {len(funnel.illegal):,}" if funnel.illegal_count > len(funnel.illegal) else ""
    )
    table = _table(
        f"Illegal steps: {funnel.illegal_count:,}{more}",
        "at",
        "event",
        "what the protocol allows there",
    )
    for each in funnel.illegal:
        refused = f" (refused: {each.error})" if each.error else ""
        table.add_row(str(each.at or ""), each.id, each.why + refused)
    return table
