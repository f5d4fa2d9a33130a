"""`authfsm check` on a pool: the whole command in a process of its own, and the review in this one.

Run by hand: `python tests/benchmarks/bench_check.py`.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from rows import Row, interleaved, milliseconds, show

from authfsm.checks import review
from authfsm.settings.reach import reachability

COMMAND_BAR, REVIEW_BAR = 0.8, 0.4
POOL: dict[str, Any] = {
    "UserPool": {
        "Id": "eu-west-1_AbCdEfGhI",
        "MfaConfiguration": "OPTIONAL",
        "UserPoolTier": "ESSENTIALS",
        "DeviceConfiguration": {"ChallengeRequiredOnNewDevice": True},
    },
    "UserPoolClient": {"ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]},
    "MfaConfig": {
        "MfaConfiguration": "OPTIONAL",
        "SoftwareTokenMfaConfiguration": {"Enabled": True},
        "SmsMfaConfiguration": {},
    },
}


def rows() -> list[Row]:
    """Return the measurements of this file."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pool.json"
        file.write_text(json.dumps(POOL), encoding="utf-8")
        command = [sys.executable, "-m", "authfsm", "check", "--settings", str(file)]

        def whole() -> None:
            ran = subprocess.run(command, capture_output=True, timeout=60, check=False)
            assert b"mfa-unenforced" in ran.stdout, ran.stderr

        def reviewed() -> None:
            reachability.cache_clear()
            assert review(POOL)

        shell, inside = interleaved([whole, reviewed], rounds=7)
    bars = (
        ("authfsm check on a pool, from the shell", shell, COMMAND_BAR),
        ("the same review, in process", inside, REVIEW_BAR),
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
