"""Reads 100,000 damaged logs and histories: `fuzz_traces.py SEED [NUMBER]`.

No input may raise an untyped exception or be silently skipped. Each input has a seed of its own, counted from
SEED. The seed of each that fails is printed to standard error with its exception.
"""

from __future__ import annotations

import sys
import time
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from fuzzing_traces import read_damaged

INPUTS = 100_000


def main() -> int:
    """Run, and print the result."""
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    inputs = int(sys.argv[2]) if len(sys.argv) > 2 else INPUTS
    start, failed = time.monotonic(), 0
    for each in range(seed, seed + inputs):
        try:
            read_damaged(each)
        except Exception:  # noqa: BLE001 - the search is for such errors
            failed += 1
            sys.stderr.write(f"seed {each}\n{traceback.format_exc(limit=-3)}\n")
    seconds = time.monotonic() - start
    sys.stdout.write(f"seed {seed}: {inputs:,} inputs, {failed:,} failed, {seconds:.0f} s\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
