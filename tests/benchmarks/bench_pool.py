"""The pool as a server, beside moto_server and cognito-local, and against the cost of its arithmetic.

Run by hand: `python tests/benchmarks/bench_pool.py`. moto_server comes with `moto[server]`, cognito-local
with `npm ci` in tests/js, or is on the PATH; who is not installed is left out.
"""

from __future__ import annotations

import http.client
import json
import secrets
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

import boto3
from attrs import frozen
from gmpy2 import powmod_sec
from rows import Row, interleaved, milliseconds, ratio, show

from authfsm import srp
from authfsm.local import LocalPool, mock_cognito
from authfsm.local.server.config import CLIENT_ID, parse_config
from authfsm.local.server.service import Log, open_service
from authfsm.local.server.state_file import StateFile

ADA, PASSWORD = "ada@example.com", "Correct-Horse-1"  # cognito-local wants an address
TARGET = "AWSCognitoIdentityProviderService."
LOCAL = Path(__file__).parents[1] / "js" / "node_modules" / ".bin" / "cognito-local"
# A round is long enough that a server's threads have settled on their cores after another's turn: the bar
# is a sustained rate, and rounds of 40 measured how the scheduler wakes a core that was idle.
ROUNDS, SIGN_INS = 9, 200


@frozen
class Served:
    """A running server.

    Args:
        address: host and port.
        body: a sign-in, as its request.
        started: seconds from its start to its first answer.
        memory: MiB then.
    """

    address: str
    body: bytes
    started: float
    memory: float


def free_port() -> int:
    """Return a free port."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port: int = sock.getsockname()[1]
    return port


def memory_in_mib(pid: int) -> float:
    """Return the resident memory of a process, in MiB."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


HEADERS = {
    "Content-Type": "application/x-amz-json-1.1",
    "X-Amz-Target": f"{TARGET}InitiateAuth",
    # moto reads the service's name from here.
    "Authorization": "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/cognito-idp/aws4_request, SignedHeaders=a, Signature=a",
}  # fmt: skip


def sign_in_status(connection: http.client.HTTPConnection, body: bytes) -> int:
    """Send one sign-in, and return the HTTP status."""
    connection.request("POST", "/", body, HEADERS)
    reply = connection.getresponse()
    reply.read()
    return reply.status


@contextmanager
def running_server(command: list[str], port: int, body: bytes | None, **env: str) -> Iterator[Served]:
    """Start a server; return it once it has answered a sign-in, or with an error if there is no body."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env={"PATH": "/usr/bin:/bin", "HOME": folder, **env},
        )
        try:
            while True:
                with suppress(OSError):
                    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
                    status = sign_in_status(connection, body or b"{}")
                    connection.close()
                    if body is None or status == 200:
                        break
                if time.perf_counter() - start > 30:
                    raise TimeoutError(command)
                time.sleep(0.005)  # between two looks: the start is measured
            took = time.perf_counter() - start
            yield Served(f"127.0.0.1:{port}", body or b"", took, memory_in_mib(process.pid))
        finally:
            process.terminate()
            process.wait(30)


def request(client_id: str) -> bytes:
    """Return a sign-in as an HTTP request."""
    signing = {"USERNAME": ADA, "PASSWORD": PASSWORD}
    asking = {"ClientId": client_id, "AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": signing}
    return json.dumps(asking).encode()


@contextmanager
def ours(*options: str) -> Iterator[Served]:
    """`authfsm serve`."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.json"
        users = [{"username": ADA, "password": PASSWORD}]
        config.write_text(json.dumps({"users": users}), encoding="utf-8")
        command = [sys.executable, "-m", "authfsm", "serve", "--port", str(port), "--config", str(config)]
        with running_server([*command, *options], port, request(CLIENT_ID)) as served:
            yield served


@contextmanager
def peer(command: list[str], port: int, **env: str) -> Iterator[Served]:
    """Start a peer, and create a pool, a client and a user through its API."""
    with running_server(command, port, None, **env) as served:
        boto = boto3.client(
            "cognito-idp", endpoint_url=f"http://{served.address}", region_name="us-east-1",
            aws_access_key_id="a", aws_secret_access_key="a",
        )  # fmt: skip
        pool = boto.create_user_pool(PoolName="bench")["UserPool"]["Id"]
        client = boto.create_user_pool_client(
            UserPoolId=pool, ClientName="bench", ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"]
        )["UserPoolClient"]["ClientId"]
        boto.admin_create_user(UserPoolId=pool, Username=ADA, MessageAction="SUPPRESS")
        boto.admin_set_user_password(UserPoolId=pool, Username=ADA, Password=PASSWORD, Permanent=True)
        yield Served(served.address, request(client), served.started, served.memory)


def peers() -> dict[str, Callable[[], Any]]:
    """The peers that are installed."""
    servers: dict[str, Callable[[], Any]] = {}
    moto = shutil.which("moto_server", path=str(Path(sys.executable).parent))
    if moto:
        port = free_port()
        servers["moto_server"] = lambda: peer([moto, "-H", "127.0.0.1", "-p", str(port)], port)
    local = str(LOCAL) if LOCAL.exists() else shutil.which("cognito-local")
    if local:
        other = free_port()
        servers["cognito-local"] = lambda: peer([local], other, PORT=str(other), HOST="127.0.0.1")
    return servers


def sign_ins(served: Served) -> Callable[[], None]:
    """Send plain password sign-ins on one connection that stays open."""
    connection = http.client.HTTPConnection(served.address, timeout=30)

    def work() -> None:
        for _ in range(SIGN_INS):
            if sign_in_status(connection, served.body) != 200:
                raise AssertionError(served)

    return work


def over_http() -> Iterator[Row]:
    """Measure sign-ins a second, the start and the memory."""
    with ExitStack() as stack:
        servers = {"authfsm": stack.enter_context(ours())}
        state = stack.enter_context(tempfile.TemporaryDirectory())
        servers["authfsm --state"] = stack.enter_context(ours("--state", f"{state}/pool.db"))
        for name, start in peers().items():
            servers[name] = stack.enter_context(start())
        times = dict(zip(servers, interleaved([sign_ins(each) for each in servers.values()], ROUNDS), strict=True))
        rates = {name: SIGN_INS / statistics.median(each) for name, each in times.items()}
        figures = ", ".join(f"{name} {rate:.0f}/s" for name, rate in rates.items())
        others = [name for name in servers if not name.startswith("authfsm")]
        if others:
            best = max(others, key=rates.__getitem__)
            quotient = ratio(times[best], times["authfsm"])
            yield Row(f"sign-ins/s over {best}", quotient, ">= 2.7", quotient >= 2.7, figures)
            # The peers write their state too late or not at all: no bar.
            stored = ratio(times[best], times["authfsm --state"])
            yield Row("the same, every sign-in committed to a file", stored, "none", met=True, figures="")
        each_start = ", ".join(f"{n} {s.started:.2f} s {s.memory:.0f} MiB" for n, s in servers.items())
    starts = []
    for _ in range(5):
        with ours() as served:
            starts.append(served)
    started = statistics.median(each.started for each in starts)
    memory = max(each.memory for each in starts)
    yield Row("start to first sign-in, s", started, "<= 0.5", started <= 0.5, each_start)
    yield Row("memory then, MiB", memory, "<= 68", memory <= 68, "")


def srp_sign_in() -> Iterator[Row]:
    """A fully verified SRP sign-in in the pool, against its own powers and signatures."""
    pool = LocalPool()
    pool.add_user("ada", PASSWORD)
    mine = srp.ephemeral(secrets.token_bytes(32))
    credential = pool.user("ada").credential
    assert credential is not None
    v, a_public = credential.verifier.reveal(), int(mine.SRP_A, 16)
    key: Any = pool._core.token_issuer.key
    durations: list[float] = []

    def sign_in() -> None:
        start = time.perf_counter()
        opening = {"ClientId": pool.client_id, "AuthFlow": "USER_SRP_AUTH",
                   "AuthParameters": {"USERNAME": "ada", "SRP_A": mine.SRP_A}}  # fmt: skip
        challenge = pool.answer("InitiateAuth", opening)["ChallengeParameters"]
        between = time.perf_counter()
        timestamp = srp.timestamp(pool.clock())
        claim = srp.claim_signature(
            mine, realm=srp.pool_name(pool.pool_id), name="ada", password=PASSWORD,
            salt=srp.from_hex(challenge["SALT"], "SALT"), B=srp.from_hex(challenge["SRP_B"], "B"),
            secret_block=challenge["SECRET_BLOCK"], timestamp=timestamp,
        )  # fmt: skip
        answer = {"ClientId": pool.client_id, "ChallengeName": "PASSWORD_VERIFIER", "ChallengeResponses": {
            "USERNAME": "ada", "PASSWORD_CLAIM_SIGNATURE": claim, "TIMESTAMP": timestamp,
            "PASSWORD_CLAIM_SECRET_BLOCK": challenge["SECRET_BLOCK"]}}  # fmt: skip
        resumed = time.perf_counter()
        if "AuthenticationResult" not in pool.answer("RespondToAuthChallenge", answer):
            raise AssertionError
        durations.append(time.perf_counter() - resumed + between - start)

    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415 - for this row alone
    from cryptography.hazmat.primitives.asymmetric import padding  # noqa: PLC0415

    def arithmetic() -> None:
        b, u = secrets.randbits(256) | 1 << 255, secrets.randbits(256)
        powmod_sec(srp.g, b, srp.N)
        powmod_sec(a_public * int(powmod_sec(v, u, srp.N)) % srp.N, b, srp.N)
        for _ in range(2):
            key.private_key.sign(b"x" * 700, padding.PKCS1v15(), hashes.SHA256())

    _, bare = interleaved([sign_in, arithmetic], 120)
    total = durations[1:]
    times = ratio(total, bare)
    yield Row(
        "SRP sign-in over 3 powers + 2 signatures", times, "<= 1.2", times <= 1.2,
        f"{milliseconds(total)} over {milliseconds(bare)}",
    )  # fmt: skip


def in_process() -> Iterator[Row]:
    """A plain password sign-in by boto3 in this process, over one under moto's `mock_aws`; CPU time."""
    from moto import mock_aws  # noqa: PLC0415 - for this row alone

    def seconds(mock: Any) -> float:
        with mock:
            idp: Any = boto3.client("cognito-idp", "eu-west-1", aws_access_key_id="a", aws_secret_access_key="a")
            pool = {"UserPoolId": idp.create_user_pool(PoolName="bench")["UserPool"]["Id"]}
            flows = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
            app_client = idp.create_user_pool_client(**pool, ClientName="bench", ExplicitAuthFlows=flows)
            user = {**pool, "Username": ADA}
            idp.admin_create_user(**user, TemporaryPassword=PASSWORD, MessageAction="SUPPRESS")
            idp.admin_set_user_password(**user, Password=PASSWORD, Permanent=True)
            sign_in = json.loads(request(app_client["UserPoolClient"]["ClientId"]))
            idp.initiate_auth(**sign_in)
            start = time.process_time()
            for _ in range(20):
                idp.initiate_auth(**sign_in)
            return (time.process_time() - start) / 20

    pairs = [(seconds(mock_cognito()), seconds(mock_aws())) for _ in range(12)]
    ours_, theirs = zip(*pairs, strict=True)
    times = ratio(ours_, theirs)
    figures = f"{milliseconds(ours_)} over {milliseconds(theirs)}"
    yield Row("sign-in in process over moto's mock_aws", times, "<= 1", times <= 1, figures)


def many_users() -> Iterator[Row]:
    """One sign-in with 10, 1,000 and 100,000 users, in memory and with a state file."""
    for stored in (False, True):
        works, closing = [], ExitStack()
        for number in (10, 1_000, 100_000):
            folder = closing.enter_context(tempfile.TemporaryDirectory())
            file = StateFile(Path(folder) / "pool.db") if stored else None
            service = open_service(parse_config({}), "http://127.0.0.1", Log(StringIO()), file)
            for n in range(number - 1):
                service.pool.add_user(f"user{n}", email=f"user{n}@example.com")
            service.pool.add_user(ADA, PASSWORD)
            service.save(service.pool)
            if file is not None:
                closing.callback(file.close)
            body = request(CLIENT_ID)
            works.append(lambda service=service, body=body: service.exchange(f"{TARGET}InitiateAuth", body))
        few, some, many = interleaved(works, 150)
        closing.close()
        times = ratio(many, few)
        figures = f"{milliseconds(few)}, {milliseconds(some)}, {milliseconds(many)}"
        what = f"100,000 users over 10{', stored in a file' if stored else ''}"
        yield Row(what, times, "<= 1.1", times <= 1.1, figures)


def many_pools() -> Iterator[Row]:
    """A region of 1,000 pools in a state file, over one of one pool: the start, the first sign-in, the others."""
    with tempfile.TemporaryDirectory() as folder:
        regions = [_region_file(Path(folder), number) for number in (1, 1_000)]

        def start(path: Path, body: bytes = b"", sign_ins: int = 0) -> float:
            with closing(StateFile(path)) as file:
                service = open_service(parse_config({}), "http://127.0.0.1", Log(StringIO()), file)
                started = time.perf_counter()
                for _ in range(sign_ins):
                    if service.exchange(f"{TARGET}InitiateAuth", body).status != 200:
                        raise AssertionError(path)
                return time.perf_counter() - started

        one, many = interleaved([partial(start, each[0]) for each in regions], 40)
        first = [[start(*each, 1) for each in regions] for _ in range(40)]
        measurements = [[start(*each, 100) for each in regions] for _ in range(8)]
    for what, pairs in (
        ("start", [*zip(one, many, strict=True)]),
        ("first sign-in", first),
        ("100 sign-ins", measurements),
    ):
        few, lots = zip(*pairs, strict=True)
        times = ratio(lots, few)
        figures = f"{milliseconds(few)}, {milliseconds(lots)}"
        yield Row(f"1,000 pools over one: {what}", times, "<= 1.3", times <= 1.3, figures)


def _region_file(folder: Path, number: int) -> tuple[Path, bytes]:
    """The state file of a region, and a sign-in at its newest pool, which has a key."""
    path = folder / f"{number}.db"
    with closing(StateFile(path)) as file:
        service = open_service(parse_config({}), "http://127.0.0.1", Log(StringIO()), file)

        def call(operation: str, **members: Any) -> Any:
            reply = service.exchange(TARGET + operation, json.dumps(members).encode(), "AWS4")
            return json.loads(reply.body)

        for _ in range(number):
            pool = {"UserPoolId": call("CreateUserPool", PoolName="bench")["UserPool"]["Id"]}
            flows = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
            client = call("CreateUserPoolClient", **pool, ClientName="bench", ExplicitAuthFlows=flows)
        call("AdminCreateUser", **pool, Username=ADA)
        call("AdminSetUserPassword", **pool, Username=ADA, Password=PASSWORD, Permanent=True)
        body = request(client["UserPoolClient"]["ClientId"])
        service.exchange(f"{TARGET}InitiateAuth", body)
        service.jwks(service.pool)  # both keys are in the file
    return path, body


def rows() -> Iterator[Row]:
    """Return the measurements of this file."""
    yield from over_http()
    yield from in_process()
    yield from srp_sign_in()
    yield from many_users()
    yield from many_pools()


if __name__ == "__main__":
    show(list(rows()))
