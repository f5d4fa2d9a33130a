"""Every public function that takes a secret, made to fail in each possible way.

For `test_secrets_in_frames`.
"""

# mypy: disable-error-code="misc, call-arg, arg-type, union-attr"
# Every call below is wrong on purpose, and is a lambda with its values bound.
from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any, Final

import boto3
from attrs import frozen
from botocore.config import Config

import authfsm
from authfsm import AsyncCognito, Cognito, PendingSignIns, new_key, srp
from authfsm.base.secret import Secret
from authfsm.core.device import Device
from authfsm.core.encryption import decrypt, encrypt, keys_for
from authfsm.core.sealing import seal, seal_tokens, unseal, unseal_tokens
from authfsm.core.signin import SignIn
from authfsm.drivers import totp
from authfsm.jwks import Verifier
from authfsm.local import LocalPool
from authfsm.protocol import responses as r
from authfsm.protocol.replies import Tokens
from authfsm.stores import AsyncMemoryStore, AsyncPendingSignIns, AsyncSharedTokens, MemoryStore, SharedTokens
from authfsm.stores.pending import name_of

PASSWORD: Final = "Pl4nted-Passw0rd!"
CODE: Final = "918273"
TOKEN: Final = "plantedTOKENplanted"
KEY: Final = "plantedKEYplanted"
POOL_ID: Final = "eu-west-1_AbCdEfGhI"
PLANTED: Final = [PASSWORD, CODE, TOKEN, KEY]
"""The values that tests search for; cases add the sessions and keys that they receive."""

UNREACHABLE: Final = "http://127.0.0.1:9"
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


def plant(value: str) -> str:
    """Record a value as one that must not be shown, and return it."""
    PLANTED.append(value)
    return value


def client(*, dead: bool = False) -> Any:
    """A boto3 client without an AWS account; a dead one reaches nothing."""
    config = Config(retries={"total_max_attempts": 1}, connect_timeout=1)
    return boto3.client(
        "cognito-idp",
        region_name="eu-west-1",
        endpoint_url=UNREACHABLE if dead else None,
        aws_access_key_id="x",
        aws_secret_access_key="y",
        config=config,
    )


class Broken:
    """A client whose every method raises an error of its own, as a hook of an application may."""

    def close(self) -> None:
        """Do nothing."""

    def __getattr__(self, name: str) -> Any:
        def fail(**_: Any) -> Any:
            raise RuntimeError("a hook failed")

        return fail


class BrokenAsync(Broken):
    """The same, with coroutine functions."""

    def __getattr__(self, name: str) -> Any:
        async def fail(**_: Any) -> Any:
            raise RuntimeError("a hook failed")

        return fail


def pool(**options: Any) -> LocalPool:
    """A local pool with one user, whose password is planted."""
    local_pool = LocalPool(pool_id=POOL_ID, **options)
    local_pool.add_user("ada", password=PASSWORD, phone_number="+15555550143")
    return local_pool


def flow_at_sms() -> Any:
    """A flow that waits for a code by SMS; its session is planted."""
    flow = pool(mfa="ON", mfa_methods=["SMS_MFA"]).cognito().sign_in("ada", PASSWORD)
    plant(flow.signin.session.reveal())
    return flow


def flow_at_proof() -> Any:
    """A flow whose SRP proof is due: it holds the password and the exponent."""
    flow = pool().cognito().sign_in("ada", PASSWORD, walk=False)
    plant(f"{flow._exponent.reveal():x}")
    plant(f"{flow._exponent.reveal()}")
    return flow


BAD_TEXT: Final[dict[str, Callable[[str], Any]]] = {
    "bytes": lambda text: text.encode(),
    "a lone surrogate": lambda text: text + "\ud800",
    "a list": lambda text: [text],
    "a mapping": lambda text: {"value": text},
    "bytes in a mapping": lambda text: {"value": text.encode()},
    "a list in a mapping": lambda text: {"value": [text]},
}
"""Bad values of a text field."""


def responses() -> Iterator[Case]:
    """Yield each response class with each bad value in its secret field, and with one keyword too many."""
    arguments: dict[type[r.Response], tuple[tuple[Any, ...], str]] = {
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
    for kind, (before, plain) in arguments.items():
        for name, bad in BAD_TEXT.items():
            if kind is r.RawAnswer and name == "a mapping":
                continue  # the constructor takes this value
            yield Case(
                f"{kind.__name__}: {name}",
                (),
                lambda kind=kind, before=before, bad=bad, plain=plain: kind(*before, bad(plain)),
            )
        yield Case(
            f"{kind.__name__}: an unknown keyword",
            (),
            lambda kind=kind, before=before, plain=plain: kind(*before, plain, nothing=plain),
            TypeError,
        )


# ---- the drivers -------------------------------------------------------------------------------------

SYNC, ASYNC = "authfsm.drivers.boto", "authfsm.drivers.aio"
BASE = "authfsm.drivers.base_flow.BaseCognito"


def run_call(call: Callable[[], Any]) -> Any:
    """Return the result of a call; a coroutine is run as a task in a new event loop."""

    async def run() -> Any:
        result = call()
        return await asyncio.ensure_future(result) if asyncio.iscoroutine(result) else result

    return asyncio.run(run())


def cognitos() -> Iterator[tuple[str, str, str, Callable[[], Any]]]:
    """Yield each driver with each kind of service.

    Module, prefix of its classes, a description, a factory.
    """
    arguments: dict[str, Any] = {"client_id": "cid", "pool_id": POOL_ID}
    yield SYNC, "", "nothing listens", lambda: Cognito(client(dead=True), **arguments)
    yield SYNC, "", "the client raises", lambda: Cognito(Broken(), **arguments)
    yield SYNC, "", "the pool refuses", lambda: with_wrong_pool_id(pool().cognito())
    yield ASYNC, "Async", "nothing listens", lambda: AsyncCognito(client(dead=True), **arguments)
    yield ASYNC, "Async", "the client raises", lambda: AsyncCognito(BrokenAsync(), **arguments)
    yield (
        ASYNC,
        "Async",
        "the pool refuses",
        lambda: AsyncCognito(
            (local_pool := pool()).client(), client_id=local_pool.client_id, pool_id="eu-west-1_Other"
        ),
    )


def with_wrong_pool_id(cognito: Any) -> Any:
    """Return the same pool under another pool's id, so that it refuses SRP proofs."""
    return Cognito(cognito.client, client_id=cognito.client_id, pool_id="eu-west-1_Other")


def drivers() -> Iterator[Case]:
    """Yield each method of both drivers that takes a secret."""
    for module, prefix, what, factory in cognitos():
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
            "refresh by InitiateAuth": ((f"{cognito}.refresh",), lambda c: c.refresh(TOKEN, by_initiate_auth=True)),
            "start": ((f"{BASE}.start",), lambda c: c.start(PASSWORD, nothing=1)),
            "resume": ((f"{BASE}.resume",), lambda c: c.resume(None, KEY)),
            "resume, broken": ((f"{BASE}.resume",), lambda c: c.resume("gAAAA" * 9, plant(new_key().reveal()))),
            "resume_tokens": ((f"{BASE}.resume_tokens",), lambda c: c.resume_tokens(None, KEY)),
            "sign_out": ((f"{cognito}.sign_out",), lambda c: c.sign_out(TOKEN, everywhere=True, device_key="a device")),
            "sign_out, no text": ((), lambda c: c.sign_out(TOKEN.encode())),
            "Flow.refresh": ((f"{flow}.refresh",), lambda c: c.start().refresh(TOKEN)),
            "Flow.restart": ((f"{flow}.restart",), lambda c: c.start().restart(PASSWORD)),
            "Flow.carry": ((), lambda c: c.start().carry(r.UserPasswordAuth, "nobody", PASSWORD)),
            "Flow.carry, SRP": ((), lambda c: c.start().carry(r.UserSrpAuth, "ada", PASSWORD.encode())),
            "Flow.carry, a password late": ((), lambda c: c.start().carry(r.SrpClaim, password=PASSWORD)),
            "Flow.carry, text instead of a class": ((), lambda c: c.start().carry(PASSWORD)),
            "Flow.make_response, text instead of a class": ((), lambda c: c.start().make_response(PASSWORD)),
            "Flow.answer, text instead of a response": ((), lambda c: c.start().answer(PASSWORD)),
            "Flow.make_response": ((), lambda c: c.start().make_response(r.UserSrpAuth, "ada", PASSWORD.encode())),
            "account.sign_up": ((), lambda c: c.account.sign_up("ada", PASSWORD)),
            "account.sign_up, too much": ((), lambda c: c.account.sign_up("ada", PASSWORD, x=TOKEN)),
            "account.change_password": ((), lambda c: c.account.change_password(TOKEN, PASSWORD, PASSWORD)),
            "account.confirm_forgot_password": (
                (),
                lambda c: c.account.confirm_forgot_password("ada", CODE, PASSWORD + "\ud800"),
            ),
            "Flow, too much": (
                (),
                lambda c: type(c.start())(c, c.start().signin, PASSWORD, client_metadata=5, walk=1, x=2),
            ),
        }
        for name, (functions, run) in rows.items():
            yield Case(
                f"{prefix}{name}: {what}", functions, lambda factory=factory, run=run: run_call(lambda: run(factory()))
            )
        for name, bad in BAD_TEXT.items():
            yield Case(
                f"{prefix}sign_in: {name}, {what}",
                (),
                lambda factory=factory, bad=bad: run_call(lambda: factory().sign_in("ada", bad(PASSWORD))),
            )


REPLIES: Final[dict[str, Any]] = {
    "a malformed reply": {"AuthenticationResult": {"AccessToken": TOKEN, "ExpiresIn": "never"}},
    "a reply off the table": {"ChallengeName": "SMS_MFA", "Session": TOKEN},
    "a reply before a failed request": {
        "ChallengeName": "PASSWORD_VERIFIER",
        "Session": TOKEN,
        "ChallengeParameters": {
            "SALT": "ab", "SRP_B": "5", "SECRET_BLOCK": "QUJD", "USER_ID_FOR_SRP": "ada",
        },
    },
}  # fmt: skip


def reply_cases() -> Iterator[Case]:
    """Both drivers after a reply with a token or a session: the reply, or the request after it, is an error."""
    for name, reply in REPLIES.items():

        async def initiate_auth(reply: Any = reply, **_: Any) -> Any:
            return reply

        sync, asynchronous = Broken(), BrokenAsync()
        vars(sync)["initiate_auth"] = lambda reply=reply, **_: reply
        vars(asynchronous)["initiate_auth"] = initiate_auth
        for cognito, service in ((Cognito, sync), (AsyncCognito, asynchronous)):
            factory: Any = partial(cognito, service, client_id="cid", pool_id=POOL_ID)
            yield Case(
                f"{cognito.__name__}.sign_in: {name}",
                (),
                lambda factory=factory: run_call(lambda: factory().sign_in("ada", PASSWORD)),
            )


# ---- other functions that take a secret ----------------------------------------------------------------


def rows() -> Iterator[tuple[str, str, Callable[[], Any]]]:
    """Yield the function, how it fails, and the call."""
    core, stores = "authfsm.core.signin.SignIn", "authfsm.stores.pending"
    yield (
        "authfsm.core.signin.SignIn.__init__",
        "an unknown keyword",
        lambda: SignIn("c", client_secret=KEY, nothing=1),
    )
    yield (f"{core}.prove", "no proof is asked for", lambda: SignIn("c").prove(ephemeral(), NOW, PASSWORD))
    yield f"{core}.prove", "a lone surrogate", lambda: make_unencodable_proof(PASSWORD + "\ud800")
    yield "authfsm.core.sealing.seal", "no key", lambda: seal(flow_at_sms()._snapshot(), KEY, NOW)
    yield ("authfsm.core.sealing.unseal", "no key", lambda: unseal("gAAAA", KEY, NOW, signin=SignIn("c")))
    yield (
        "authfsm.core.sealing.unseal",
        "several keys",
        lambda: unseal("gAAAA", [new_key(), KEY], NOW, signin=SignIn("c")),
    )
    resume = "authfsm.drivers.base_flow.BaseCognito.resume"
    yield resume, "another client's", resume_elsewhere
    yield resume, "expired", lambda: resume_elsewhere(late=True)
    yield "authfsm.drivers.base_flow.BaseFlow.seal", "no key", lambda: flow_at_sms().seal(KEY)
    yield "authfsm.drivers.base_flow.BaseFlow.seal", "a proof is due", lambda: flow_at_proof().seal(KEY)
    yield ("authfsm.drivers.base_flow.BaseFlow.seal", "an iterator", lambda: flow_at_sms().seal(iter([KEY])))
    for name, store in (("", MemoryStore), ("Async", AsyncMemoryStore)):
        factory: Any = AsyncPendingSignIns if name else PendingSignIns
        yield (
            f"{stores}.StoredFlows.__init__",
            f"no time for {factory.__name__}",
            lambda factory=factory, store=store: factory(pool().cognito(), store(), KEY, turn_lifetime=timedelta(0)),
        )
        shared: Any = AsyncSharedTokens if name else SharedTokens
        yield (
            f"authfsm.stores.pending.{name}SharedTokens.fresh_tokens",
            "nothing is stored",
            lambda shared=shared, store=store: run_call(
                lambda: shared(pool().cognito(), store(), new_key()).fresh_tokens(TOKEN)
            ),
        )
        yield (
            f"{stores}.{name}PendingSignIns.put",
            "the sign-in has ended",
            lambda factory=factory, store=store: run_call(
                lambda: factory(pool().cognito(), store(), new_key()).put(cancelled_flow(), TOKEN)
            ),
        )
        for method in ("turn", "drop"):
            yield (
                f"{stores}.{name}PendingSignIns.{method}",
                "bytes for a ticket",
                partial(run_call, partial(enter_pending, factory, store, method)),
            )
        yield (
            f"{stores}.StoredFlows.__init__",
            f"no key, in put of {factory.__name__}",
            lambda factory=factory, store=store: run_call(
                lambda: factory(pool().cognito(), store(), KEY).put(flow_at_sms())
            ),
        )
    yield f"{stores}.name_of", "bytes", lambda: name_of(Secret(KEY.encode()))
    yield "authfsm.core.encryption.keys_for", "no key", lambda: keys_for(KEY, Secret(TOKEN))
    for suffix in ("", "_async"):
        calls: dict[str, Callable[[Any, str, Any], Any]] = {
            "associate": lambda factory, _, call: call(factory, TOKEN, issuer="Example"),
            "verify": lambda factory, more, call: call(factory, TOKEN, CODE + more),
            "switch_on": lambda factory, _, call: call(factory, TOKEN),
        }
        for name, call in calls.items():
            function = getattr(totp, name + suffix)
            for how, factory, more in (
                ("nothing listens", lambda: client(dead=True), ""),
                ("refused", lambda: pool().client(), ""),
                ("a bad code", lambda: pool().client(), "x"),
            ):
                yield (
                    f"authfsm.drivers.totp.{name}{suffix}",
                    how,
                    partial(run_call, partial(call_totp, call, factory, more, function)),
                )
    verifier = Verifier(POOL_ID, "cid", fetch=lambda *_: b"{}")
    for token in (TOKEN, f"{TOKEN}.{TOKEN}.{TOKEN}", 5, TOKEN.encode()):
        kind = type(token).__name__ + ("" if token != TOKEN else ", no JWT")
        yield ("authfsm.jwks.verifier.Verifier.verify", kind, lambda token=token: verifier.verify(token))
        yield (
            "authfsm.jwks.verifier.Verifier.verify_async",
            kind,
            lambda token=token: run_call(lambda: verifier.verify_async(token)),
        )
    yield (
        "authfsm.local.api.pool.LocalPool.__init__",
        "an unknown keyword",
        lambda: LocalPool(client_secret=KEY, nothing=1),
    )
    yield (
        "authfsm.drivers.base_flow.BaseCognito.__init__",
        "a client secret with a lone surrogate, in use",
        lambda: Cognito(client(), client_id="c", client_secret=KEY + "\ud800").sign_in(
            "ada", PASSWORD, flow="USER_PASSWORD_AUTH"
        ),
    )
    yield ("authfsm.local.api.pool.LocalPool.__init__", "a mistyped keyword", lambda: LocalPool(client_secrets=KEY))
    yield (
        "authfsm.local.api.pool.LocalPool.add_client",
        "a mistyped keyword",
        lambda: pool().add_client(client_secrets=KEY),
    )
    yield (
        "authfsm.local.api.pool.LocalPool.add_client",
        "an unknown keyword",
        lambda: pool().add_client(client_secret=KEY, nothing=1),
    )
    yield (
        "authfsm.local.api.pool.LocalPool.add_client",
        "a lifetime that Cognito refuses",
        lambda: pool().add_client(client_secret=KEY, access_token_validity=5),
    )
    yield "authfsm.local.api.pool.LocalPool.__init__", "Cognito refuses a later update", _refused_update
    adding = "authfsm.local.api.pool.LocalPool.add_user"
    yield adding, "the name is taken", lambda: pool().add_user("ada", PASSWORD)
    yield (adding, "a factor without an address", lambda: pool().add_user("eve", PASSWORD, mfa=["SMS_MFA"]))
    yield adding, "no such status", lambda: pool().add_user("eve", PASSWORD, status="NONE")
    yield (adding, "no authenticator could use it", lambda: pool().add_user("eve", PASSWORD, totp_secret=KEY))
    yield adding, "bytes", lambda: pool().add_user("eve", PASSWORD.encode())
    yield adding, "a lone surrogate", lambda: pool().add_user("eve", PASSWORD + "\ud800")
    stepper = "authfsm.notebook.stepper.Stepper.__init__"
    yield stepper, "an unknown keyword", lambda: notebook("Stepper")(pool(), "ada", PASSWORD, nothing=1)


def _refused_update() -> None:
    """Update an app client that has a secret with a lifetime that Cognito refuses."""
    local_pool = LocalPool(client_secret=KEY)
    app = {"UserPoolId": local_pool.pool_id, "ClientId": local_pool.client_id}
    local_pool.answer("UpdateUserPoolClient", {**app, "AccessTokenValidity": 100})


def seal_rows() -> Iterator[tuple[str, str, Callable[[], Any]]]:
    """Yield the rows for the seals of tokens and devices."""
    encryption, tokens = "authfsm.core.encryption", Tokens(access_token=Secret(TOKEN))
    device, device_value = "authfsm.core.device.Device", Device("key", "group", PASSWORD)
    calls: dict[str, Callable[[Any], Any]] = {
        f"{encryption}.encrypt": lambda key: encrypt(Secret(TOKEN), key),
        f"{encryption}.decrypt": lambda key: decrypt("gAAAA", key),
        "authfsm.core.sealing.seal_tokens": lambda key: seal_tokens(tokens, key),
        "authfsm.core.sealing.unseal_tokens": lambda key: unseal_tokens("gAAAA", key, pool_id=None, client_id="c"),
        "authfsm.protocol.replies.Tokens.seal": tokens.seal,
        f"{device}.unseal": lambda key: Device.unseal(device_value.seal(new_key()), key),
    }
    for name, call in calls.items():
        for how, key in (("no key", KEY), ("another key", plant(new_key().reveal()))):
            if how == "no key" or not name.endswith("encrypt"):
                yield name, how, partial(call, key)
    yield f"{device}.seal", "no key", lambda: device_value.seal(KEY)


def srp_rows() -> Iterator[tuple[str, str, Callable[[], Any]]]:
    """Yield the rows for the SRP arithmetic."""
    yield (
        "authfsm.srp.private_key",
        "a lone surrogate",
        lambda: srp.private_key("Pool", "ada", PASSWORD + "\ud800", 1),
    )
    x = srp.private_key("Pool", "ada", PASSWORD, 1)
    plant(str(x))
    plant(f"{x:x}")
    yield "authfsm.srp.verifier", "no number", lambda: srp.verifier(Secret(PASSWORD))
    for name in ("shared_secret", "client_key"):
        yield (f"authfsm.srp.{name}", "B is 0", lambda name=name: getattr(srp, name)(ephemeral(), 0, x))
    yield "authfsm.srp.claim_signature", "B is 0", lambda: make_claim(B=0)
    yield "authfsm.srp.claim_signature", "a bad timestamp", lambda: make_claim(timestamp="\ud800")
    yield "authfsm.srp.claim_signature", "a bad block", lambda: make_claim(secret_block="?")
    yield ("authfsm.srp.sign", "a bad timestamp", lambda: srp.sign(KEY.encode(), "Pool", "ada", b"", "\ud800"))
    yield ("authfsm.srp.verify", "a bad timestamp", lambda: srp.verify(KEY.encode(), "Pool", "ada", b"", "\ud800", ""))
    yield ("authfsm.srp.device_verifier", "a bad salt", lambda: srp.device_verifier("group", "key", PASSWORD, b""))
    yield "authfsm.srp.secret_hash", "a bad name", lambda: srp.secret_hash("\ud800", "c", KEY)
    yield ("authfsm.srp.secret_hash", "a lone surrogate", lambda: srp.secret_hash("a", "c", KEY + "\ud800"))


NOW: Final = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)


def ephemeral() -> srp.Ephemeral:
    """Return a key pair, always the same one."""
    return srp.ephemeral(b"1" * 32)


def make_claim(**changes: Any) -> str:
    """Make a proof of the planted password with one wrong argument."""
    right = {"salt": 1, "B": 5, "secret_block": "", "timestamp": srp.timestamp(NOW)}
    return srp.claim_signature(ephemeral(), realm="Pool", name="ada", password=PASSWORD, **{**right, **changes})


def call_totp(call: Any, factory: Callable[[], Any], more: str, function: Any) -> Any:
    """Call a function of `drivers.totp` with a new client."""
    return call(factory(), more, function)


def resume_elsewhere(*, late: bool = False) -> Any:
    """Resume a valid sealed sign-in at another app client, or too late."""
    flow, key = flow_at_sms(), new_key()
    plant(key.reveal())
    there = Cognito(
        client(),
        client_id=flow.cognito.client_id if late else "another",
        pool_id=POOL_ID,
        clock=lambda: datetime.now(timezone.utc) + timedelta(days=late),
    )
    return there.resume(flow.seal(key), key)


def cancelled_flow() -> Any:
    """Return a flow that was cancelled."""
    flow = flow_at_sms()
    flow.cancel()
    return flow


async def enter_pending(factory: Any, store: Any, method: str) -> Any:
    """Call a method of a new PendingSignIns with bytes as the ticket; enter or await the result."""
    turn = getattr(factory(pool().cognito(), store(), new_key()), method)(KEY.encode())
    if asyncio.iscoroutine(turn):
        return await turn
    if hasattr(turn, "__aenter__"):
        async with turn as flow:
            return flow
    with turn as flow:
        return flow


def make_unencodable_proof(password: str) -> Any:
    """Make a due proof of a password that UTF-8 cannot encode."""
    flow = flow_at_proof()
    return flow.signin.prove(flow._pair, NOW, password)


def notebook(name: str) -> Any:
    """Return a class of the notebook's, imported late because it loads ipywidgets."""
    import authfsm.notebook  # noqa: PLC0415 - the reason above

    return getattr(authfsm.notebook, name)


def other_cases() -> Iterator[Case]:
    """Return the rows as cases, and the triggers of a machine that a driver carries."""
    for function, how, run in (*rows(), *seal_rows(), *srp_rows()):
        yield Case(f"{function.rpartition('.')[2]}: {how} ({function})", (function,), run)

    for name, bad in BAD_TEXT.items():
        yield Case(
            f"response: {name}",
            ("authfsm.protocol.prompts.response",),
            lambda bad=bad: authfsm.response("new_password", password=bad(PASSWORD)),
            authfsm.InvalidInput,
        )
    for method in ("send", "check"):
        yield Case(
            f"SignIn.{method}, text instead of a response",
            (),
            lambda method=method: getattr(SignIn(client_id="c"), method)(PASSWORD),
            authfsm.WrongResponse,
        )
    yield Case(
        "Stepper.answer, text instead of a response",
        (),
        lambda: notebook("Stepper")(pool(), "ada", PASSWORD).answer(CODE),
        authfsm.WrongResponse,
    )
    yield Case("response: an unknown field", (), lambda: authfsm.response("password", passwd=PASSWORD))

    class Model:
        """A model of an application."""

    def machine(call: Callable[[Any], Any]) -> Any:
        model: Any = Model()
        authfsm.build(model, driver=pool().cognito().start().carry)
        return call(model)

    def without_driver(call: Callable[[Any], Any]) -> Any:
        model: Any = Model()
        authfsm.build(model, initial=authfsm.State.SMS_MFA)
        return call(model)

    tokens = {"AuthenticationResult": {"AccessToken": TOKEN}}
    for name, call in {
        "an answer": lambda model: model.code(CODE),
        "an answer by name": lambda model: model.trigger("code", CODE),
        "an answer to another state": lambda model: model.password(PASSWORD),
        "a reply to another state": lambda model: model.password(tokens),
        "a reply that is malformed": lambda model: model.code({**tokens, "Session": 5, "ChallengeName": "SMS_MFA"}),
        "a reply off the table": lambda model: model.code({"ChallengeName": "PASSWORD", "Session": TOKEN}),
    }.items():
        yield Case(f"build without a driver: {name}", (), partial(without_driver, call))
    yield Case(
        "build: a trigger is refused", (), lambda: machine(lambda model: model.user_password_auth("nobody", PASSWORD))
    )
    yield Case(
        "build: a trigger by name",
        (),
        lambda: machine(lambda model: model.trigger("user_password_auth", "nobody", PASSWORD)),
    )
    yield Case(
        "build: a trigger with a keyword too many",
        (),
        lambda: machine(lambda model: model.user_srp_auth("ada", PASSWORD, nothing=1)),
    )


BASES: Final = {
    "authfsm.drivers.base_flow.BaseCognito.__init__": lambda: Cognito(
        client(), client_id="c", client_secret=KEY, pool_id="no pool's id"
    ),
    "authfsm.drivers.base_flow.BaseFlow.__init__": lambda: proving_base("base_flow", "BaseFlow"),
    "authfsm.protocol.validators.to_code": lambda: r.Code(CODE + "x"),
}


def proving_base(module: str, name: str) -> Any:
    """Return an instance of the flows' base class without the attributes that it needs."""
    cls = getattr(__import__(f"authfsm.drivers.{module}", fromlist=[name]), name)
    return cls(None, None, PASSWORD, client_metadata={}, walk=True)


CASES: list[Case] = [
    *responses(),
    *drivers(),
    *reply_cases(),
    *other_cases(),
    *(Case(f"{name.rpartition('.')[0]}: a base", (name,), run) for name, run in BASES.items()),
]


def covered_functions() -> set[str]:
    """Return the functions that the cases call."""
    return {name for case in CASES for name in case.functions}
