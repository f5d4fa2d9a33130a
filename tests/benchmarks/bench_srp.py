"""The client's computation of one SRP sign-in, against its exponentiations and its peers.

Run by hand: `python tests/benchmarks/bench_srp.py`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import multiprocessing
import secrets
import statistics
import threading
from collections.abc import Callable
from datetime import datetime, timezone
from unittest import mock

import gmpy2
import srp as standard
import srp._pysrp as without_openssl
import warrant_lite
from pycognito.aws_srp import AWSSRP
from rows import Row, interleaved, milliseconds, ratio, show

from authfsm import srp

POOL, USER, PASSWORD = "eu-west-1_AbCdEfGhI", "5c3c1a2e-0000-4000-8000-000000000001", "P@ssw0rd!"
SALT = secrets.token_hex(16)
SECRET_BLOCK = base64.b64encode(secrets.token_bytes(700)).decode()
NOW = datetime.now(timezone.utc)

# Any B will do: the client computes the same whether the service knows its password or not.
SRP_B = srp.to_hex(secrets.randbelow(srp.N))
CHALLENGE = {"SALT": SALT, "SRP_B": SRP_B, "SECRET_BLOCK": SECRET_BLOCK, "USERNAME": USER, "USER_ID_FOR_SRP": USER}


def ours() -> None:
    """Entropy, A, SRP_A; SALT and SRP_B parsed, x, S, the key, the signature."""
    pair = srp.ephemeral(secrets.token_bytes(32))
    _ = pair.SRP_A
    srp.claim_signature(
        pair,
        realm=srp.pool_name(POOL),
        name=USER,
        password=PASSWORD,
        salt=srp.from_hex(SALT, "SALT"),
        B=srp.from_hex(SRP_B, "B"),
        secret_block=SECRET_BLOCK,
        timestamp=srp.timestamp(NOW),
    )


def powers() -> Callable[[], None]:
    """The three calls of powmod_sec that every sign-in needs, and nothing else."""
    N = gmpy2.mpz(srp.N)
    a, x, u = (gmpy2.mpz(secrets.randbits(256)) | 1 << 255 for _ in range(3))
    base, g, exponent = gmpy2.mpz(int(SRP_B, 16)), gmpy2.mpz(srp.g), a + u * x

    def run() -> None:
        gmpy2.powmod_sec(g, a, N)
        gmpy2.powmod_sec(g, x, N)
        gmpy2.powmod_sec(base, exponent, N)

    return run


def pycognito() -> None:
    """The same computation by pycognito."""
    client = AWSSRP(USER, PASSWORD, POOL, "client", client=object())
    client.process_challenge(CHALLENGE, {"USERNAME": USER})


def warrant() -> None:
    """The same computation by warrant-lite; its process_challenge requires the locale en_US."""
    client = warrant_lite.WarrantLite(USER, PASSWORD, POOL, "client", client=object())
    key = client.get_password_authentication_key(USER, PASSWORD, int(SRP_B, 16), SALT)
    message = f"{srp.pool_name(POOL)}{USER}".encode() + base64.b64decode(SECRET_BLOCK)
    message += srp.timestamp(NOW).encode()
    base64.b64encode(hmac.new(key, message, hashlib.sha256).digest())


def threads(work: Callable[[], None], count: int, times: int) -> Callable[[], None]:
    """Run `work` a number of times in each of several threads at once."""

    def repeat() -> None:
        for _ in range(times):
            work()

    def run() -> None:
        crew = [threading.Thread(target=repeat) for _ in range(count)]
        for thread in crew:
            thread.start()
        for thread in crew:
            thread.join()

    return run


def alone(bar: float = 1.0) -> list[Row]:
    """Measure one sign-in at a time; `bar` is the limit of the ratio to the three powers."""
    base, mine = interleaved([powers(), ours], 200)
    overhead = ratio(mine, base)
    slow = interleaved([ours, pycognito, warrant], 25)
    results = [
        Row(
            "client SRP / its three powmod_sec",
            overhead,
            f"at most {bar}",
            overhead <= bar,
            f"{milliseconds(mine)} / {milliseconds(base)}",
        )
    ]
    for name, theirs in (("pycognito", slow[1]), ("warrant-lite", slow[2])):
        faster = ratio(theirs, slow[0])
        figures = f"{milliseconds(theirs)} / {milliseconds(slow[0])}"
        results.append(Row(f"{name} / ours", faster, "at least 10", faster >= 10, figures))
    return results


def processes(work: Callable[[], None], count: int, times: int) -> Callable[[], None]:
    """Run the same in processes, which share no lock of Python's: the limit of the machine."""
    fork = multiprocessing.get_context("fork")

    def repeat() -> None:
        for _ in range(times):
            work()

    def run() -> None:
        crew = [fork.Process(target=repeat) for _ in range(count)]
        for process in crew:
            process.start()
        for process in crew:
            process.join()

    return run


def together() -> list[Row]:
    """Measure two threads against one; in the same rounds two processes, to detect a busy machine."""
    crews = [
        ("2 threads / 1: ours", threads, ours, 40, 1.9),
        ("2 processes / 1: ours (for comparison)", processes, ours, 40, None),
        ("2 threads / 1: pycognito (for comparison)", threads, pycognito, 4, None),
    ]
    works = [crew(work, n, times) for _, crew, work, times, _ in crews for n in (1, 2)]
    seconds = interleaved(works, 9)
    results = []
    for (what, _, _, times, bar), one, two in zip(crews, seconds[::2], seconds[1::2], strict=True):
        gain = 2 * ratio(one, two)
        rates = 2 * times / statistics.median(two), times / statistics.median(one)
        figures = "{:.0f}/s / {:.0f}/s".format(*rates)
        says = f"at least {bar}" if bar else "none"
        met = bar is None or gain >= bar
        results.append(Row(f"throughput, {what}", gain, says, met, figures))
    return results


def rows() -> list[Row]:
    """Every measure of SRP, with and without srp's OpenSSL backend, if it is installed."""
    results = []
    if standard.User.__module__ == "srp._ctsrp":
        results += [*alone(), *together()]
    with mock.patch.object(standard, "User", without_openssl.User):
        for row in [*alone(1.15)[:2], *together()[:2]]:
            results.append(Row(f"{row.what}, no OpenSSL", row.ratio, row.bar, row.met, row.figures))
    return results


def main() -> None:
    """Print the measurements."""
    show(rows())


if __name__ == "__main__":
    main()
