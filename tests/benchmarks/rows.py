"""A measure is a ratio against a bar, both sides of it taken in one run on one machine."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Sequence

from attrs import frozen
from rich.console import Console
from rich.table import Table


@frozen
class Row:
    """One measure: what, its ratio, the bar in words, whether the ratio meets it, the raw figures."""

    what: str
    ratio: float
    bar: str
    met: bool
    figures: str


def interleaved(works: Sequence[Callable[[], object]], rounds: int) -> list[list[float]]:
    """The seconds each work took in each round; a round runs all of them, so drift hits all alike."""
    for work in works:
        work()  # warm-up
    seconds: list[list[float]] = [[] for _ in works]
    for _ in range(rounds):
        for work, times in zip(works, seconds, strict=True):
            begun = time.perf_counter()
            work()
            times.append(time.perf_counter() - begun)
    return seconds


def ratio(dividends: Iterable[float], divisors: Iterable[float]) -> float:
    """The median of the ratios, round by round."""
    return statistics.median(a / b for a, b in zip(dividends, divisors, strict=True))


def milliseconds(seconds: Iterable[float]) -> str:
    """The median, as text."""
    return f"{statistics.median(seconds) * 1e3:.2f} ms"


def show(rows: Iterable[Row]) -> None:
    """The rows as a table on the terminal."""
    table = Table("what", "ratio", "bar", "met", "figures")
    for row in rows:
        met = "[green]yes[/]" if row.met else "[red]no[/]"
        table.add_row(row.what, f"{row.ratio:.2f}", row.bar, met, row.figures)
    Console().print(table)
