"""Long tests of the local server: fuzzing, kill -9 under load, slow clients.

    python tests/long/server.py SEED [NUMBER]          all three
    python tests/long/server.py fuzz SEED [NUMBER]     100,000 requests, if no number is given
    python tests/long/server.py kill SEED [NUMBER]     30 times
    python tests/long/server.py slow SEED [NUMBER]     600 clients

Prints their figures as one line of JSON and ends with 0, or fails at the first thing that does not hold.
The suite has a short version of each (test_server_fuzz, test_server_state, test_server_slow).
"""

from __future__ import annotations

import asyncio
import json
import random
import signal
import sys
import tempfile
import threading
import time
from io import StringIO
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from http_inputs import fuzz
from joserfc.jwk import RSAKey
from serving import CLIENT_ID, PASSWORD, POOL_ID, ServerProcess, serve_in_process, wait_until
from slow_clients import run_slow_clients
from test_server_fuzz import fuzzed

from authfsm.local.server.app import create_app


def fuzz_http(seed: int, number: int = 100_000) -> dict[str, Any]:
    """Requests drawn from a seed cause no internal error."""
    log = StringIO()
    service = fuzzed(RSAKey.generate_key(2048), log)
    statuses: dict[int, int] = {}
    for part in range(0, number, 10_000):
        got = asyncio.run(fuzz(create_app(service), seed + part, min(10_000, number - part)))
        for status, times in got.items():
            statuses[status] = statuses.get(status, 0) + times
        assert '"internal error"' not in log.getvalue()
        log.truncate(0)
        log.seek(0)
    return {"requests": number, "statuses": statuses}


def killed(seed: int, number: int = 30) -> dict[str, Any]:
    """Kill the server under load, repeatedly, on one state file: everything that was replied is there."""
    chance = random.Random(seed)  # noqa: S311 - the same moments for the same seed
    users = [{"username": f"u{n}", "password": PASSWORD} for n in range(8)]
    config = {"users": users}
    tokens: list[str] = []
    made: list[str] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        state = ("--state", str(folder / "pool.db"))
        for round_ in range(number):
            with serve_in_process(folder, config, *state) as web:
                _check(web, chance.sample(tokens, min(40, len(tokens))), made)
                stop = threading.Event()
                threads = [
                    threading.Thread(target=_load, args=(web, (f"r{round_}t{n}", n), tokens, made, stop))
                    for n in range(8)
                ]
                for thread in threads:
                    thread.start()
                wanted = len(tokens) + 10
                wait_until(lambda: len(tokens) >= wanted, "sign-ins")  # noqa: B023 - called here only
                time.sleep(chance.random())  # to be killed at any moment
                assert web.end(signal.SIGKILL) == -signal.SIGKILL
                stop.set()
                for thread in threads:
                    thread.join()
        with serve_in_process(folder, config, *state) as web:
            _check(web, tokens, made)
            assert web.end() == 0
    return {"kills": number, "sign-ins": len(tokens), "users made": len(made), "lost": 0}


def _load(
    web: ServerProcess, who: tuple[str, int], tokens: list[str], made: list[str], stop: threading.Event
) -> None:
    name, number = who
    count = 0
    while not stop.is_set():
        count += 1
        try:
            status, _, reply = web.password(f"u{number}")
            if status == 200:
                tokens.append(reply["AuthenticationResult"]["RefreshToken"])
            new = f"{name}n{count}"
            if (
                web.call("AdminCreateUser", UserPoolId=POOL_ID, Username=new, TemporaryPassword=PASSWORD)[0]
                == 200
            ):
                made.append(new)
        except (OSError, ValueError):
            return  # it was killed


def _check(web: ServerProcess, tokens: list[str], made: list[str]) -> None:
    for token in tokens:
        status, _, reply = web.call(
            "InitiateAuth",
            ClientId=CLIENT_ID,
            AuthFlow="REFRESH_TOKEN_AUTH",
            AuthParameters={"REFRESH_TOKEN": token},
        )
        assert status == 200, reply
    for name in made:
        status, _, reply = web.call("AdminGetUser", UserPoolId=POOL_ID, Username=name)
        assert (status, reply["UserStatus"]) == (200, "FORCE_CHANGE_PASSWORD"), name


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
        begun = time.monotonic()
        figures[name] = {**TRIALS[name](*numbers), "seconds": round(time.monotonic() - begun, 1)}
        sys.stderr.write(f"{name}: {json.dumps(figures[name])}\n")
    sys.stdout.write(json.dumps(figures) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
