"""The whole protocol as DOT and as SVG, and a pool's as SVG, against their bars in milliseconds.

Run by hand: `python tests/benchmarks/bench_diagrams.py`.
"""

from __future__ import annotations

import statistics

from rows import Row, interleaved, milliseconds, show

from authfsm.diagrams import diagram
from authfsm.diagrams.example_pools import EXAMPLE_POOLS
from authfsm.diagrams.model_builder import build_model
from authfsm.settings.reach import reachability

DOT_BAR, SVG_BAR, POOL_BAR = 3e-3, 30e-3, 60e-3


def rows() -> list[Row]:
    """Return the measurements of this file."""
    full_diagram = diagram()

    def of_a_pool() -> str:
        build_model.cache_clear()
        reachability.cache_clear()
        return diagram(settings=EXAMPLE_POOLS["mfa_required"][0]).svg()

    dot, svg, pool = interleaved([lambda: str(full_diagram), full_diagram.svg, of_a_pool], rounds=30)
    bars = (
        ("DOT of the whole protocol", dot, DOT_BAR),
        ("SVG of it, DOT included", svg, SVG_BAR),
        ("SVG for a pool's settings, nothing kept from before", pool, POOL_BAR),
    )
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
