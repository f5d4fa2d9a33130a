"""A log of a million events from the local pool: read, checked and counted in bounded memory.

It runs in a process of its own, which prints its peak memory. `python tests/benchmarks/bench_traces.py --spark`
runs the same query on a local Spark too, and compares the answers.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from cloudtrail_logs import COMMON, WrittenLog, conversation, conversations, write
from joserfc.jwk import RSAKey
from rows import Row, show

EVENTS = 1_250_000
PLANTS = 100
MEMORY = 800
"""The greatest peak memory of the process, in MiB; the file is larger."""
SPEED = 100_000
"""Events a second, on an idle machine with two cores."""

TRACE = """
import json, resource, sys, time
from authfsm.traces import TraceFiles
path, memory = sys.argv[1:]
start, cpu = time.perf_counter(), time.process_time()
with TraceFiles(path, memory=memory) as trail:
    trail.load()
    read = time.perf_counter() - start
    funnel = trail.funnel(limit=1_000_000)
took = time.perf_counter() - start
print(json.dumps({
    "read": read, "took": took, "cpu": time.process_time() - cpu, "plain": funnel.to_dict(),
    "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
}))
"""

SPARK = """
import json, sys, time
from pyspark.sql import SparkSession
from authfsm.traces import sql
from authfsm.traces.cloudtrail import COLUMNS
from authfsm.traces import funnel_from_rows
session = (
    SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    .config("spark.driver.host", "127.0.0.1").config("spark.driver.bindAddress", "127.0.0.1")
    .config("spark.driver.memory", "2g").config("spark.sql.shuffle.partitions", "8")
    .config("spark.sql.session.timeZone", "UTC").getOrCreate()
)
session.sparkContext.setLogLevel("ERROR")
start = time.perf_counter()
schema = ", ".join(f"{name} STRING" for name in COLUMNS)
session.read.schema(schema).json(sys.argv[1]).createOrReplaceTempView("trail")
rows = session.sql(sql("spark", "trail")).collect()
plain = funnel_from_rows((row.asDict() for row in rows), limit=1_000_000).to_dict()
print(json.dumps({"took": time.perf_counter() - start, "plain": plain}))
"""


def write_log(folder: Path) -> WrittenLog:
    """Return the log to read."""
    key = RSAKey.generate_key(2048, private=True)
    usual = {name: conversation(scenario, key) for name, (_, scenario) in COMMON.items()}
    return write(folder / "trail.jsonl", conversations(key), usual, events=EVENTS, plants=PLANTS)


def run(code: str, *args: str) -> dict[str, object]:
    """Return the output of a separate process."""
    process = subprocess.run([sys.executable, "-c", code, *args], check=True, stdout=subprocess.PIPE, text=True)
    output: dict[str, object] = json.loads(process.stdout)
    return output


def rows(*, spark: bool = False) -> Iterator[Row]:
    """Yield every row of the results."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        trail = write_log(Path(folder))
        wrote = time.perf_counter() - start
        size = trail.path.stat().st_size / 2**20
        output = run(TRACE, str(trail.path), "550MB")
        plain = output["plain"]
        assert isinstance(plain, dict)
        illegal_ids = {each["id"] for each in plain["illegal"]}
        planted_ids = set(trail.illegal_ids)
        took, cpu, read, memory = (float(str(output[name])) for name in ("took", "cpu", "read", "memory"))
        figures = (
            f"{trail.events:,} events, {trail.sign_ins:,} sign-ins, {size:,.0f} MiB, written in {wrote:.0f} s;"
            f" read in {read:.1f} s, all in {took:.1f} s, {cpu:.1f} s of CPU"
        )
        yield Row("events a second", trail.events / took, f">= {SPEED:,}", trail.events / took >= SPEED, figures)
        yield Row("events a CPU second", trail.events / cpu, ">= 20,000", trail.events / cpu >= 20_000, "")
        yield Row(
            "peak memory, MiB",
            memory,
            f"<= {MEMORY}",
            memory <= MEMORY,
            f"DuckDB's limit 550MB, the file {size:,.0f} MiB",
        )
        share = len(illegal_ids & planted_ids) / len(planted_ids)
        yield Row(
            "planted errors found",
            share,
            "1",
            illegal_ids == planted_ids,
            f"{len(illegal_ids):,} found, {len(planted_ids):,} planted",
        )
        if spark:
            theirs = run(SPARK, str(trail.path))
            other = theirs["plain"]
            assert isinstance(other, dict)
            plain.pop("read")
            other.pop("read")
            ratio = float(str(theirs["took"])) / took
            yield Row("PySpark's time over DuckDB's", ratio, "equal answers", plain == other, f"{theirs['took']:.1f} s")


if __name__ == "__main__":
    show(list(rows(spark="--spark" in sys.argv)))
