"""Fifty SRP sign-ins at once.

Their duration beside one after another, and how long the event loop is blocked.

Run by hand: `python tests/benchmarks/bench_async.py`. The pool is served by a process of its own. The peer
is pycognito as Home Assistant calls it (home-assistant/core#118417): in the loop's executor, where its
`pow` keeps Python's lock, so that the loop stands still although nothing runs on it.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from pycognito.aws_srp import AWSSRP
from rows import Row, show

sys.path.insert(0, str(Path(__file__).parents[1]))

from local_servers import CLIENT_ID, PASSWORD, POOL_ID, ServerProcess, serve_in_process
from scenario_user_async import aio_client

from authfsm.drivers.aio import AsyncCognito
from authfsm.drivers.boto import Cognito

ROUNDS, SIGN_INS = 5, 50
IDS: dict[str, Any] = {"client_id": CLIENT_ID, "pool_id": POOL_ID}


async def longest_block(work: Awaitable[Any]) -> tuple[float, float]:
    """Return a coroutine's duration and the longest time that it blocked the event loop, in seconds."""
    gaps = [0.0]

    async def ticks() -> None:
        while True:
            start = time.perf_counter()
            await asyncio.sleep(0.001)
            gaps.append(time.perf_counter() - start - 0.001)

    ticker, start = asyncio.ensure_future(ticks()), time.perf_counter()
    await work
    took = time.perf_counter() - start
    ticker.cancel()
    return took, max(gaps)


async def at_once(sign_in: Callable[[], Awaitable[Any]]) -> None:
    """Run all sign-ins at once."""
    await asyncio.gather(*(sign_in() for _ in range(SIGN_INS)))


async def run_round(web: ServerProcess) -> dict[str, tuple[float, float]]:
    """Run each variant once.

    Return duration and blocked time. One round runs all, so drift affects all alike.
    """
    sync = web.boto()
    loop = asyncio.get_running_loop()

    def pycognito() -> None:
        AWSSRP("ada", PASSWORD, POOL_ID, CLIENT_ID, client=sync).authenticate_user()

    def one_after_another() -> None:
        for _ in range(SIGN_INS):
            Cognito(sync, **IDS).sign_in("ada", PASSWORD)

    async with aio_client(web.url) as client:
        ours, threads = AsyncCognito(client, **IDS), AsyncCognito(sync, **IDS)
        await ours.sign_in("ada", PASSWORD)
        await threads.sign_in("ada", PASSWORD)
        return {
            "aiobotocore": await longest_block(at_once(lambda: ours.sign_in("ada", PASSWORD))),
            "threads": await longest_block(at_once(lambda: threads.sign_in("ada", PASSWORD))),
            "in a row": await longest_block(asyncio.to_thread(one_after_another)),
            "pycognito": await longest_block(at_once(lambda: loop.run_in_executor(None, pycognito))),
        }


def rows() -> list[Row]:
    """Return the measurements of this file."""
    with tempfile.TemporaryDirectory() as folder:
        users = [{"username": "ada", "password": PASSWORD}]
        with serve_in_process(Path(folder), {"users": users}) as web:
            asyncio.run(run_round(web))  # warm-up
            rounds = [asyncio.run(run_round(web)) for _ in range(ROUNDS)]

    def compared(one: str, other: str, which: int) -> float:
        return statistics.median(each[one][which] / each[other][which] for each in rounds)

    def figures(one: str, other: str, which: int) -> str:
        a, b = (statistics.median(each[name][which] for each in rounds) * 1e3 for name in (one, other))
        return f"{a:.0f} ms beside {b:.0f} ms"

    results = []
    for variant in ("aiobotocore", "threads"):
        for other, bar, which, what in (
            ("in a row", 1.0, 0, "50 sign-ins at once / one after another"),
            ("pycognito", 0.5, 0, "50 sign-ins at once / pycognito in an executor"),
            ("pycognito", 0.5, 1, "longest hold-up of the loop / pycognito in an executor"),
        ):
            ratio = compared(variant, other, which)
            results.append(Row(f"{variant}: {what}", ratio, f"<= {bar}", ratio <= bar, figures(variant, other, which)))
    return results


def main() -> None:
    """Print the measurements."""
    show(rows())


if __name__ == "__main__":
    main()
