"""The cost of storing a sign-in: sealing and put, take and resume, in memory and in a Redis on this machine.

Run by hand: `python tests/benchmarks/bench_stores.py`. The bar is the answer itself: a turn's bookkeeping is
small beside the request to Cognito that it is for, here over HTTP to the local pool.
"""

from __future__ import annotations

import shutil
import sys
import time
import timeit
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1]))

import local_servers
from redis_server import redis_server
from rows import Row, show

from authfsm import Cognito, Flow
from authfsm.core.encryption import new_key
from authfsm.stores import MemoryStore, PendingSignIns, Store
from authfsm.stores.redis import RedisStore

USER = {
    "username": "ada",
    "password": local_servers.PASSWORD,
    "phone_number": "+15555550143",
    "preferred_mfa": "SMS_MFA",
}

WAITING, ROUNDS = 200, 7


def each(work: Callable[[], object], number: int, rounds: int = 7) -> float:
    """Microseconds a run: the median of several rounds."""
    return median(timeit.repeat(work, number=number, repeat=rounds)) / number * 1e6


def operations_per_second(work: Callable[[int], object], rounds: int) -> float:
    """Return the operations a second: the median of several rounds of `WAITING`."""
    times = []
    for done in range(rounds):
        start = time.perf_counter()
        for number in range(WAITING):
            work(done * WAITING + number)
        times.append((time.perf_counter() - start) / WAITING)
    return 1 / median(times)


def measure_store(name: str, store: Store, flow: Flow, request: float) -> Iterator[Row]:
    """Measure one store that holds many sign-ins."""
    pending = PendingSignIns(flow.cognito, store, new_key())
    tickets: list[str] = []
    put = operations_per_second(lambda _: tickets.append(pending.put(flow)), ROUNDS)
    turns = [pending.turn(each) for each in tickets]
    take = operations_per_second(lambda number: turns[number].__enter__(), ROUNDS)
    back = operations_per_second(lambda number: turns[number].__exit__(None, None, None), ROUNDS)
    turn = 1e6 / take + 1e6 / back
    yield Row(
        f"{name}: a turn / one request over HTTP",
        turn / request,
        "<= 0.5",
        turn <= request / 2,
        f"seal and put {put:,.0f}/s, take and resume {take:,.0f}/s, a turn {turn:.0f} us beside {request:.0f} us",
    )


def rows() -> list[Row]:
    """Return the measurements of this file."""
    results: list[Row] = []
    with local_servers.serve_in_thread(mfa="OPTIONAL", mfa_methods=["SMS_MFA"], users=[USER]) as web:
        cognito = Cognito(web.boto(), client_id=local_servers.CLIENT_ID, pool_id=local_servers.POOL_ID)
        flow = cognito.sign_in("ada", local_servers.PASSWORD)

        def one_request() -> Flow:
            return cognito.sign_in("ada", local_servers.PASSWORD, flow="USER_PASSWORD_AUTH")

        request = each(one_request, 20)
        results.extend(measure_store("memory", MemoryStore(), flow, request))
        if shutil.which("redis-server"):
            with TemporaryDirectory() as folder, redis_server(Path(folder)) as server, server.client() as client:
                results.extend(measure_store("Redis", RedisStore(client), flow, request))
    return results


def main() -> None:
    """Print the measurements."""
    show(rows())


if __name__ == "__main__":
    main()
