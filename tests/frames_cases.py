"""Every public function that takes a secret, made to fail in each way that it can: for `test_secrets_in_frames`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, Final

import boto3
from attrs import frozen
from botocore.config import Config

from authfsm import AsyncCognito, Cognito, new_key
from authfsm.local import LocalPool
from authfsm.protocol import responses as r

PASSWORD: Final = "Pl4nted-Passw0rd!"
CODE: Final = "918273"
TOKEN: Final = "plantedTOKENplanted"
KEY: Final = "plantedKEYplanted"
POOL_ID: Final = "eu-west-1_AbCdEfGhI"
PLANTED: Final = [PASSWORD, CODE, TOKEN, KEY]
"""What is searched for; cases add the sessions and keys that they are given."""

DEAD: Final = "http://127.0.0.1:9"
"""An endpoint that refuses every connection."""


@frozen
class Case:
    """One way for a function to fail.

    Args:
        name: what is called, and how it fails.
        functions: the functions that are tried, by their names with their modules.
        run: makes it fail.
        raises: the error's class.
    """

    name: str
    functions: tuple[str, ...]
    run: Callable[[], Any]
    raises: type[BaseException] = Exception

    def __str__(self) -> str:
        return self.name


def planted(value: str) -> str:
    """Note a value as one that must not be shown."""
    PLANTED.append(value)
    return value


def client(*, dead: bool = False) -> Any:
    """A boto3 client without an AWS account; a dead one reaches nothing."""
    config = Config(retries={"total_max_attempts": 1}, connect_timeout=1)
    return boto3.client(
        "cognito-idp",
        region_name="eu-west-1",
        endpoint_url=DEAD if dead else None,
        aws_access_key_id="x",
        aws_secret_access_key="y",
        config=config,
    )


class Broken:
    """A client whose every method raises an error of its own, as a hook of somebody's may."""

    def close(self) -> None:
        """Nothing to close."""

    def __getattr__(self, name: str) -> Any:
        def fail(**_: Any) -> Any:
            raise RuntimeError("a hook failed")

        return fail


class BrokenAsync(Broken):
    """The same, awaited."""

    def __getattr__(self, name: str) -> Any:
        async def fail(**_: Any) -> Any:
            raise RuntimeError("a hook failed")

        return fail


def pool(**options: Any) -> LocalPool:
    """An embedded pool with one user, whose password is planted."""
    made = LocalPool(pool_id=POOL_ID, **options)
    made.add_user("ada", password=PASSWORD, phone_number="+15555550143")
    return made


def waiting() -> Any:
    """A flow that waits for a code by SMS; its session is planted."""
    flow = pool(mfa="ON", mfa_methods=["SMS_MFA"]).cognito().sign_in("ada", PASSWORD)
    planted(flow.signin.session.reveal())
    return flow


def proving() -> Any:
    """A flow whose proof is due: it holds the password and the exponent."""
    flow = pool().cognito().sign_in("ada", PASSWORD, walk=False)
    planted(f"{flow._exponent.reveal():x}")
    planted(f"{flow._exponent.reveal()}")
    return flow


BAD_TEXT: Final[dict[str, Callable[[str], Any]]] = {
    "bytes": lambda text: text.encode(),
    "a lone surrogate": lambda text: text + "\ud800",
    "a list": lambda text: [text],
    "a mapping": lambda text: {"value": text},
}
"""What a text can be made into that no field takes."""


def responses() -> Iterator[Case]:
    """Each response class with each kind of bad value in its secret field, and with a keyword too many."""
    given: dict[type[r.Response], tuple[tuple[Any, ...], str]] = {
        r.UserPasswordAuth: (("ada",), PASSWORD),
        r.AdminUserPasswordAuth: (("ada",), PASSWORD),
        r.AdminNoSrpAuth: (("ada",), PASSWORD),
        r.UserAuthWithPassword: (("ada",), PASSWORD),
        r.StepUp: (("ada", ["loa"]), TOKEN),
        r.SignedUp: (("ada",), TOKEN),
        r.RefreshTokenAuth: ((), TOKEN),
        r.RefreshToken: ((), TOKEN),
        r.GetTokensFromRefreshToken: ((), TOKEN),
        r.Password: ((), PASSWORD),
        r.Code: ((), CODE),
        r.Credential: ((), TOKEN),
        r.Answer: ((), CODE),
        r.NewPassword: ((), PASSWORD),
        r.VerifySoftwareToken: ((), CODE),
        r.ConfirmDevice: ((), TOKEN),
        r.SrpClaim: ((), TOKEN),
        r.RawAnswer: ((), TOKEN),
    }
    for kind, (before, plain) in given.items():
        for name, bad in BAD_TEXT.items():
            if kind is r.RawAnswer and name == "a mapping":
                continue  # that is what it takes
            yield Case(
                f"{kind.__name__}: {name}",
                (),
                lambda kind=kind, before=before, value=bad(plain): kind(*before, value),
            )
        yield Case(
            f"{kind.__name__}: an unknown keyword",
            (),
            lambda kind=kind, before=before, plain=plain: kind(*before, plain, nothing=plain),
            TypeError,
        )


# ---- the drivers -------------------------------------------------------------------------------------

SYNC, ASYNC = "authfsm.drivers.boto", "authfsm.drivers.aio"


def awaited(call: Callable[[], Any]) -> Any:
    """What a call gives; a coroutine is run in a loop of its own, as a task."""

    async def run() -> Any:
        result = call()
        return await asyncio.ensure_future(result) if asyncio.iscoroutine(result) else result

    return asyncio.run(run())


def cognitos() -> Iterator[tuple[str, str, str, Callable[[], Any]]]:
    """Each driver with each kind of service behind it: module, prefix of its classes, what it is, how it is made."""
    named: dict[str, Any] = {"client_id": "cid", "pool_id": POOL_ID}
    yield SYNC, "", "nothing listens", lambda: Cognito(client(dead=True), **named)
    yield SYNC, "", "the client raises", lambda: Cognito(Broken(), **named)
    yield SYNC, "", "the pool refuses", lambda: refusing(pool().cognito())
    yield ASYNC, "Async", "nothing listens", lambda: AsyncCognito(client(dead=True), **named)
    yield ASYNC, "Async", "the client raises", lambda: AsyncCognito(BrokenAsync(), **named)
    yield (
        ASYNC,
        "Async",
        "the pool refuses",
        lambda: AsyncCognito(
            (made := pool()).client(), client_id=made.client_id, pool_id="eu-west-1_Other"
        ),
    )


def refusing(cognito: Any) -> Any:
    """The same pool under another pool's id: its proofs by SRP are wrong."""
    return Cognito(cognito.client, client_id=cognito.client_id, pool_id="eu-west-1_Other")


def drivers() -> Iterator[Case]:
    """Each method of both drivers that takes a secret."""
    for module, prefix, what, made in cognitos():
        cognito, flow = f"{module}.{prefix}Cognito", f"{module}.{prefix}Flow"
        rows: dict[str, tuple[tuple[str, ...], Callable[[Any], Any]]] = {
            "sign_in": ((f"{cognito}.sign_in",), lambda c: c.sign_in("ada", PASSWORD)),
            "sign_in, in clear": (
                (f"{cognito}.sign_in",),
                lambda c: c.sign_in("nobody", PASSWORD, flow="USER_PASSWORD_AUTH"),
            ),
            "sign_in, no such flow": (
                (f"{cognito}.sign_in",),
                lambda c: c.sign_in("ada", PASSWORD, flow="NO_SUCH_AUTH"),
            ),
            "refresh": ((f"{cognito}.refresh",), lambda c: c.refresh(TOKEN)),
            "refresh, not rotating": (
                (f"{cognito}.refresh",),
                lambda c: c.refresh(TOKEN, rotating=False),
            ),
            "start": ((f"{cognito}.start",), lambda c: c.start(PASSWORD, nothing=1)),
            "resume": ((f"{cognito}.resume",), lambda c: c.resume(None, KEY)),
            "resume, broken": (
                (f"{cognito}.resume",),
                lambda c: c.resume("gAAAA" * 9, planted(new_key().reveal())),
            ),
            "Flow.refresh": ((f"{flow}.refresh",), lambda c: c.start().refresh(TOKEN)),
            "Flow.restart": ((f"{flow}.restart",), lambda c: c.start().restart(PASSWORD)),
            "Flow.carry": (
                (),
                lambda c: c.start().carry(r.UserPasswordAuth, "nobody", PASSWORD),
            ),
            "Flow.carry, SRP": ((), lambda c: c.start().carry(r.UserSrpAuth, "ada", PASSWORD)),
            "Flow.carry, an unknown keyword": (
                (),
                lambda c: c.start().carry(r.UserSrpAuth, "ada", PASSWORD, nothing=1),
            ),
            "Flow.carry, a password late": (
                (),
                lambda c: c.start().carry(r.SrpClaim, password=PASSWORD),
            ),
            "Flow.filled": (
                (),
                lambda c: c.start().filled(r.UserSrpAuth, "ada", PASSWORD.encode()),
            ),
            "Flow, too much": (
                (f"{flow}.__init__",),
                lambda c: type(c.start())(
                    c, c.start().signin, PASSWORD, client_metadata=5, walk=1, x=2
                ),
            ),
        }
        for name, (functions, run) in rows.items():
            yield Case(
                f"{prefix}{name}: {what}",
                functions,
                lambda made=made, run=run: awaited(lambda: run(made())),
            )
        for name, bad in BAD_TEXT.items():
            yield Case(
                f"{prefix}sign_in: {name}, {what}",
                (),
                lambda made=made, bad=bad: awaited(lambda: made().sign_in("ada", bad(PASSWORD))),
            )


CASES: list[Case] = [*responses(), *drivers()]


def covered() -> set[str]:
    """The functions that the cases try."""
    return {name for case in CASES for name in case.functions}
