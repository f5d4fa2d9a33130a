"""The whole protocol as DOT and as SVG, against their bars in milliseconds.

Run by hand: `python tests/benchmarks/bench_diagrams.py`.
"""

from __future__ import annotations

import statistics

from rows import Row, interleaved, milliseconds, show

from authfsm.diagrams import diagram

DOT_BAR, SVG_BAR = 5e-3, 150e-3


def rows() -> list[Row]:
    """The measures."""
    whole = diagram()
    dot, svg = interleaved([lambda: str(whole), whole.svg], rounds=30)
    bars = (("DOT of the whole protocol", dot, DOT_BAR), ("SVG of it, DOT included", svg, SVG_BAR))
    return [
        Row(
            what,
            statistics.median(taken) / bar,
            f"<= 1 ({bar * 1e3:.0f} ms)",
            statistics.median(taken) <= bar,
            milliseconds(taken),
        )
        for what, taken, bar in bars
    ]


if __name__ == "__main__":
    show(rows())
