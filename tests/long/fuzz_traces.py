"""100,000 damaged trails and histories: no untyped exception, none that passes unread.

    python tests/long/fuzz_traces.py [COUNT [FIRST SEED]]

Prints the seed of each input that fails, with the exception; exit status 1 if there is one.
"""

from __future__ import annotations

import sys
import time
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from fuzzing_traces import try_one


def main(count: int = 100_000, first: int = 0) -> int:
    """Try so many inputs."""
    begun, failed = time.monotonic(), 0
    for seed in range(first, first + count):
        try:
            try_one(seed)
        except Exception:  # noqa: BLE001 - that is what is looked for
            failed += 1
            sys.stdout.write(f"seed {seed}\n{traceback.format_exc(limit=-3)}\n")
    sys.stdout.write(f"{count:,} inputs, {failed:,} failed, {time.monotonic() - begun:.0f} s\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
