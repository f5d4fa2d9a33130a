"""Every benchmark, one after the other: `python tests/benchmarks`.

A benchmark for which the machine lacks a program is named at the end, and the exit status is then 1.
"""

import sys

import bench_async
import bench_check
import bench_diagrams
import bench_notebook
import bench_pool
import bench_signin
import bench_srp
import bench_stores
import bench_traces
import pytest
from rows import show

unmeasured = []
for bench in (
    bench_srp,
    bench_signin,
    bench_async,
    bench_stores,
    bench_notebook,
    bench_pool,
    bench_diagrams,
    bench_check,
    bench_traces,
):
    try:
        show(bench.rows())
    except pytest.skip.Exception as skipped:
        unmeasured.append(f"{bench.__name__} was not run: {skipped.msg}")
sys.exit("\n".join(unmeasured) or 0)
