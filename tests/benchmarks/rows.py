"""A measure is a ratio against a bar; both sides of the ratio are measured in one run on one machine."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Sequence

from attrs import frozen
from rich.console import Console
from rich.table import Table


@frozen
class Row:
    """One measure.

    Its name, its ratio, the bar in words, whether the ratio meets the bar, and the raw figures.
    """

    what: str
    ratio: float
    bar: str
    met: bool
    figures: str


def interleaved(works: Sequence[Callable[[], object]], rounds: int) -> list[list[float]]:
    """Return the seconds of each function in each round.

    A round runs all of them, so drift affects all alike.
    """
    for work in works:
        work()  # warm-up
    seconds: list[list[float]] = [[] for _ in works]
    for _ in range(rounds):
        for work, times in zip(works, seconds, strict=True):
            start = time.perf_counter()
            work()
            times.append(time.perf_counter() - start)
    return seconds


def ratio(dividends: Iterable[float], divisors: Iterable[float]) -> float:
    """The median of the ratios, round by round."""
    return statistics.median(a / b for a, b in zip(dividends, divisors, strict=True))


def milliseconds(seconds: Iterable[float]) -> str:
    """Return the median as text."""
    return f"{statistics.median(seconds) * 1e3:.2f} ms"


def show(rows: Iterable[Row]) -> None:
    """Print the rows as a table."""
    table = Table("what", "ratio", "bar", "met", "figures")
    for row in rows:
        met = "[green]yes[/]" if row.met else "[red]no[/]"
        table.add_row(row.what, f"{row.ratio:.2f}", row.bar, met, row.figures)
    Console().print(table)
