"""Every benchmark, one after the other: `python tests/benchmarks`."""

import bench_diagrams
import bench_pool
import bench_signin
import bench_srp
from rows import show

for bench in (bench_srp, bench_signin, bench_pool, bench_diagrams):
    show(bench.rows())
