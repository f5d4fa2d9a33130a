"""Every benchmark, one after the other: `python tests/benchmarks`."""

import bench_async
import bench_check
import bench_diagrams
import bench_notebook
import bench_pool
import bench_signin
import bench_srp
import bench_stores
import bench_traces
from rows import show

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
    show(bench.rows())
