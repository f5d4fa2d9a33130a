"""Long tests of the local server: fuzzing, kill -9 under load, slow clients.

    python tests/long/server.py SEED [NUMBER]          all three
    python tests/long/server.py fuzz SEED [NUMBER]     100,000 requests, if no number is given
    python tests/long/server.py kill SEED [NUMBER]     30 times, with a hundred pools
    python tests/long/server.py slow SEED [NUMBER]     600 clients

Prints their figures as one line of JSON and ends with 0, or fails at the first thing that does not hold.
The suite has a short version of each (test_server_fuzz, test_server_state, test_server_slow).
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
import time
from io import StringIO
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from http_inputs import fuzz
from joserfc.jwk import RSAKey
from kill_server import AcknowledgedRequests, kill_under_load
from local_servers import PASSWORD, serve_in_process
from slow_clients import run_slow_clients
from test_server_fuzz import fuzz_service

from authfsm.local.server.http_server import App


def fuzz_http(seed: int, number: int = 100_000) -> dict[str, Any]:
    """Requests drawn from a seed cause no internal error."""
    log = StringIO()
    service = fuzz_service(RSAKey.generate_key(2048), log)
    statuses: dict[int, int] = {}
    for part in range(0, number, 10_000):
        got = fuzz(App(service), seed + part, min(10_000, number - part))
        for status, times in got.items():
            statuses[status] = statuses.get(status, 0) + times
        assert '"internal error"' not in log.getvalue()
        log.truncate(0)
        log.seek(0)
    return {"requests": number, "statuses": statuses}


def killed(seed: int, number: int = 30, pools: int = 100) -> dict[str, Any]:
    """Kill the server of a hundred pools under load, repeatedly, on one state file: all it acknowledged is there."""
    chance = random.Random(seed)  # noqa: S311 - the same moments for the same seed
    acknowledged = AcknowledgedRequests()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        state = ("--state", str(folder / "pool.db"))
        for round_ in range(number):
            with serve_in_process(folder, {}, *state) as web:
                while len(acknowledged.pools) < pools:
                    acknowledged.add_pool(web)
                acknowledged.check(web, chance)
                least, until = acknowledged.sign_ins + 40, time.monotonic() + chance.random()
                enough = lambda: acknowledged.sign_ins >= least and time.monotonic() > until  # noqa: B023, E731 - called here only
                kill_under_load(web, [acknowledged.work] * 8, f"s{seed}r{round_}", enough)
        with serve_in_process(folder, {}, *state) as web:
            acknowledged.check(web)
            assert web.end() == 0
    return {
        "kills": number,
        "pools": pools,
        "sign-ins": acknowledged.sign_ins,
        "checked": len(acknowledged.replies),
        "lost": 0,
    }


def slow(_: int, number: int = 600) -> dict[str, Any]:
    """Slow clients' connections are closed, and others are served meanwhile."""
    with (
        tempfile.TemporaryDirectory() as folder,
        serve_in_process(Path(folder), {"users": [{"username": "ada", "password": PASSWORD}]}) as web,
    ):
        host, port = web.address.split(":")

        def sign_in() -> None:
            assert web.password("ada")[0] == 200

        borne, took = run_slow_clients((host, int(port)), number, 0.5, 120, sign_in)
        assert web.end() == 0
    assert len(borne) == number
    assert max(borne) < 100
    took.sort()
    return {
        "clients": number,
        "borne at most, s": round(max(borne), 1),
        "sign-ins meanwhile": len(took),
        "their median, ms": round(took[len(took) // 2] * 1e3, 1),
        "their longest, ms": round(took[-1] * 1e3, 1),
    }


TRIALS: dict[str, Any] = {"fuzz": fuzz_http, "kill": killed, "slow": slow}


def main() -> int:
    """Run one test or all, and print the figures."""
    arguments = sys.argv[1:]
    names = [arguments.pop(0)] if arguments and arguments[0] in TRIALS else list(TRIALS)
    numbers = [int(each) for each in arguments] or [1]
    figures: dict[str, Any] = {"seed": numbers[0]}
    for name in names:
        start = time.monotonic()
        figures[name] = {**TRIALS[name](*numbers), "seconds": round(time.monotonic() - start, 1)}
        sys.stderr.write(f"{name}: {json.dumps(figures[name])}\n")
    sys.stdout.write(json.dumps(figures) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
