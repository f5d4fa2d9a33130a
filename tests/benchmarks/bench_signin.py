"""The cost of a sign-in without its I/O and SRP: creating one, one step, importing the package.

Run by hand: `python tests/benchmarks/bench_signin.py`. The peers are `transitions` with a registered
model and, where it is installed, python-statemachine.
"""

from __future__ import annotations

import subprocess
import sys
import timeit
import tracemalloc
from importlib.util import find_spec
from statistics import median
from typing import Any

import boto3
from botocore.stub import Stubber
from rows import Row, show

from authfsm.core.machine import build
from authfsm.core.signin import SignIn
from authfsm.protocol.responses import Code, UserPasswordAuth
from authfsm.protocol.states import State
from authfsm.protocol.table import TRANSITIONS

SMS = {
    "ChallengeName": "SMS_MFA",
    "Session": "s" * 1500,
    "ChallengeParameters": {
        "CODE_DELIVERY_DELIVERY_MEDIUM": "SMS",
        "CODE_DELIVERY_DESTINATION": "+********1234",
        "USER_ID_FOR_SRP": "ada",
    },
}
WRONG = {"Error": {"Code": "CodeMismatchException", "Message": "Invalid code"}}
TOKENS = {"AuthenticationResult": {"AccessToken": "a" * 1000, "IdToken": "i" * 1000, "ExpiresIn": 3600}}
OPENING, CODE = UserPasswordAuth("ada", "a password"), Code("123456")


def new_sign_in() -> SignIn:
    """A sign-in."""
    return SignIn("client", pool_id="eu-west-1_Pool")


def three_steps() -> None:
    """A sign-in of three steps: a password, a wrong code, the right one."""
    signin = new_sign_in()
    for response, reply in ((OPENING, SMS), (CODE, WRONG), (CODE, TOKENS)):
        signin.send(response)
        signin.receive(reply)


def each(work: Any, number: int, rounds: int = 9) -> float:
    """Return microseconds a run: the median of several rounds."""
    return median(timeit.repeat(work, number=number, repeat=rounds)) / number * 1e6


def stubbed_call() -> Any:
    """Return a boto3 call that botocore's own Stubber answers, to compare with a step."""
    client = boto3.client("cognito-idp", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")
    stubber = Stubber(client)
    stubber.activate()

    def call() -> None:
        stubber.add_response("respond_to_auth_challenge", SMS)
        client.respond_to_auth_challenge(
            ClientId="client", ChallengeName="SMS_MFA", ChallengeResponses={"USERNAME": "ada"}
        )

    return call


def statemachine_made() -> Any:
    """Return a function that creates a python-statemachine of the same states.

    None if it is not installed.
    """
    if find_spec("statemachine") is None:
        return None
    import statemachine  # noqa: PLC0415 - an optional peer

    final = {State.AUTHENTICATED, State.FAILED}
    states = {s.name: statemachine.State(initial=s is State.START, final=s in final) for s in State}
    events: dict[str, Any] = {}
    for arrow in TRANSITIONS:
        if arrow.source in final:
            continue
        edge = states[arrow.source.name].to(states[arrow.dest.name])
        name = arrow.response.trigger
        events[name] = events[name] | edge if name in events else edge
    return type("Peer", (statemachine.StateMachine,), {**states, **events})


def import_milliseconds(statement: str) -> float:
    """Return the milliseconds that an import takes in a fresh interpreter."""
    code = f"import time; t = time.perf_counter(); {statement}; print(time.perf_counter() - t)"
    runs = [
        float(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)
        for _ in range(15)
    ]
    return median(runs) * 1e3


def rows() -> list[Row]:
    """Return the measurements of this file."""
    three_steps()
    making = each(new_sign_in, 2000)
    step = each(three_steps, 300) / 3
    call = each(stubbed_call(), 50)
    registered = each(lambda: build(model_object()), 1)
    tracemalloc.start()
    sign_ins = [new_sign_in() for _ in range(1000)]
    size = tracemalloc.get_traced_memory()[0] / len(sign_ins)
    tracemalloc.stop()
    light, core, boto = (
        import_milliseconds("import authfsm"),
        import_milliseconds("from authfsm import SignIn"),
        import_milliseconds("import boto3"),
    )
    results = [
        Row("making a SignIn / 1 us", making, "<= 1", making <= 1, f"{making:.1f} us"),
        Row("its memory / 2 KiB", size / 2048, "<= 1", size <= 2048, f"{size:.0f} bytes"),
        Row("one step / 30 us", step / 30, "<= 1", step <= 30, f"{step:.0f} us"),
        Row(
            "one step / the boto3 call it rides on",
            step / call,
            "<= 0.25",
            step <= call / 4,
            f"{step:.0f} us beside {call:.0f} us",
        ),
        Row("import authfsm / 15 ms", light / 15, "<= 1", light <= 15, f"{light:.0f} ms"),
        Row("import of the core / import boto3", core / boto, "none", True, f"{core:.0f} ms beside {boto:.0f} ms"),
        Row("a transitions machine of one's own / a SignIn", registered / making, "none", True, f"{registered:.0f} us"),
    ]
    if (peer := statemachine_made()) is not None:
        other = each(peer, 20)
        results.append(Row("python-statemachine / a SignIn", other / making, "none", True, f"{other:.0f} us"))
    return results


def model_object() -> Any:
    """Return a model object of an application for `build`."""
    return type("Model", (), {})()


def main() -> None:
    """Print the measurements."""
    show(rows())


if __name__ == "__main__":
    main()
