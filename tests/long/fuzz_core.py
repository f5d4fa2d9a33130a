"""A hundred thousand wrong inputs for replies, sealed sign-ins, tickets, tokens and settings: `fuzz_core.py SEED [NUMBER]`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from fuzzing import core, run, settings, without_retry_delays
from joserfc.jwk import RSAKey

INPUTS = 100_000


def main() -> int:
    """Run, and print the result."""
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    inputs = int(sys.argv[2]) if len(sys.argv) > 2 else INPUTS
    key = RSAKey.generate_key(2048, private=True)
    with without_retry_delays():
        outcome = run([*core(key), *settings(key)], inputs, seed)
    for where, (count, first) in sorted(outcome.escaped.items()):
        sys.stderr.write(f"{count} times {where}: {first}\n")
    sys.stdout.write(f"seed {seed}: {outcome.line()}\n")
    return 1 if outcome.escaped else 0


if __name__ == "__main__":
    sys.exit(main())
