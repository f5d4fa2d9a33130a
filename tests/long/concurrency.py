"""Many clients at the stores: threads on one ticket, and two workers over Redis, one of which is killed: `concurrency.py SEED [NUMBER]`."""

from __future__ import annotations

import random
import sys
import tempfile
import threading
from collections import Counter
from contextlib import nullcontext
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

import redis
import test_stores_concurrency
from joserfc.jwk import RSAKey
from redis_server import redis_server

from authfsm import Code
from authfsm.core.encryption import new_key
from authfsm.local import LocalPool
from authfsm.protocol.errors import InvalidOperation, SealNotFound
from authfsm.stores import MemoryStore, PendingSignIns
from authfsm.stores.redis import RedisStore

TICKETS, THREADS, USERS = 60, 8, 1000
PASSWORD = "Correct-Horse-1"


def share_one_ticket(store: Any, tickets: int, rng: random.Random, key: RSAKey) -> Counter[str]:
    """Let eight threads at once use each ticket, and return the result of each."""
    pool = LocalPool(mfa="OPTIONAL", mfa_methods=["SMS_MFA"], key=key)
    pending = PendingSignIns(pool.cognito(), store, new_key())
    outcomes: Counter[str] = Counter()
    for number in range(tickets):
        name = f"u{number}"
        pool.add_user(name, PASSWORD, phone_number=f"+1555{number:07}", mfa=["SMS_MFA"])
        ticket = pending.put(pool.cognito().sign_in(name, PASSWORD))
        code, together = pool.outbox.code_for(name), threading.Barrier(THREADS)
        waits = [rng.random() / 500 for _ in range(THREADS)]
        issued: list[str] = []

        def answer(
            wait: float,
            ticket: str = ticket,
            code: str = code,
            together: threading.Barrier = together,
            issued: list[str] = issued,
        ) -> None:
            together.wait(60)
            threading.Event().wait(wait)
            try:
                with pending.turn(ticket) as flow:
                    issued.append(str(flow.answer(Code(code))))
            except (InvalidOperation, SealNotFound) as error:
                outcomes[str(error.action)] += 1

        threads = [threading.Thread(target=answer, args=(wait,)) for wait in waits]
        for each in threads:
            each.start()
        for each in threads:
            each.join(60)
        assert issued == ["AUTHENTICATED"], (number, issued)
        outcomes["AUTHENTICATED"] += 1
    assert outcomes.total() == tickets * THREADS, outcomes
    return outcomes


class _CaptureDisabled:
    """Replaces pytest's `capfd`."""

    def disabled(self) -> Any:
        """Do nothing: nothing is captured here."""
        return nullcontext()


def main() -> int:
    """Run the tests, and print the results."""
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    tickets = int(sys.argv[2]) if len(sys.argv) > 2 else TICKETS
    rng, key = random.Random(seed), RSAKey.generate_key(2048, private=True)  # noqa: S311 - a seed repeats its values
    with tempfile.TemporaryDirectory() as folder:
        memory = share_one_ticket(MemoryStore(), tickets, rng, key)
        with redis_server(Path(folder)) as server, redis.Redis(port=server.port) as client:
            shared = share_one_ticket(RedisStore(client), tickets, rng, key)
        workers = Path(folder) / "workers"
        workers.mkdir()
        test_stores_concurrency.run_many_clients(workers, _CaptureDisabled(), USERS)
    sys.stdout.write(
        f"seed {seed}: {tickets} x {THREADS} threads, memory {dict(memory)}, Redis {dict(shared)};"
        f" {USERS} sign-ins at two workers, one killed: each has its tokens once\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
