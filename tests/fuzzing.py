"""Structure-aware fuzzing: valid inputs with a few errors; each must be accepted or raise a typed error.

A `Target` makes an input of its own kind and hands it in. `run` counts what escapes that is no error of this
package's. `tests/test_fuzz_core.py` runs a few thousand, `tests/long/fuzz_core.py` a hundred thousand.
"""

from __future__ import annotations

import copy
import json
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from io import BytesIO
from random import Random
from typing import Any, Final

import attrs
import boto3
import samples
from attrs import define, evolve, field
from botocore import UNSIGNED
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from cryptography.fernet import Fernet
from example_descriptions import GALLERY
from joserfc.jwk import RSAKey

from authfsm import Cognito, PoolSettings, Verifier
from authfsm.checks import PoolDescription
from authfsm.core.encryption import new_key
from authfsm.core.sealing import snapshot_to_json, unseal
from authfsm.core.signin import SignIn
from authfsm.core.wire_replies import read
from authfsm.core.wire_requests import WRITERS
from authfsm.jwks import TokenRefused
from authfsm.jwks.keys import Keys
from authfsm.local import LocalPool
from authfsm.protocol.errors import AuthfsmError, BadField, InvalidOperation, MalformedReply, SealError
from authfsm.protocol.replies import Tokens
from authfsm.protocol.responses import RESPONSES
from authfsm.protocol.states import State
from authfsm.stores import MemoryStore, PendingSignIns

PASSWORD: Final = "Correct-Horse-1"
NOW: Final = datetime(2026, 1, 1, tzinfo=timezone.utc)


def deep(kind: type[Any], levels: int) -> Any:
    """Return deeply nested lists or maps."""
    value: Any = kind()
    for _ in range(levels):
        value = [value] if kind is list else {"a": value}
    return value


ODD_VALUES: Final[tuple[Any, ...]] = (
    None, True, False, 0, 1, -1, 3, 10**13, -(10**13), 2**63, 10**400, 0.0, 1.5, -0.5, 1e308,
    float("nan"), float("inf"), float("-inf"), "", "x", " ", "\x00", "\ud800", "0", "-1", "1e999", "null",
    "[", "{}", "x" * 5000, "9" * 5000, "é", "2026-13-40T99:99:99", "9999-12-31T23:59:59+00:00",
    "0001-01-01T00:00:00+23:59", [], {}, [[]], [None], [1, "x"], {"": ""}, {"a": None}, {"Enabled": "yes"},
)  # fmt: skip
"""Unusual values that JSON can write.

The deep ones are created anew each time, because their repr is long.
"""
IN_PROCESS: Final[tuple[Any, ...]] = (
    b"bytes",
    b"\xff",
    ("x",),
    {1: 2},
    {None: "x"},
    NOW,
    object(),
    {"x"},
    range(3),
    int,
)
"""Values that only a program can pass."""  # fmt: skip


def odd_value(rng: Random, *, in_process: bool = False) -> Any:
    """Return a value that is seldom valid."""
    if rng.random() < 0.02:
        return deep(rng.choice((list, dict)), rng.choice((10, 200, 3000)))
    # A copy: the next mutation may change it.
    return copy.deepcopy(rng.choice(ODD_VALUES + IN_PROCESS if in_process else ODD_VALUES))


def mutate(rng: Random, right: Any, *, in_process: bool = False) -> Any:
    """Return a copy of a valid value with one to three errors."""
    wrong = copy.deepcopy(right)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        places = list(_places(wrong))
        if not places or rng.random() < 0.02:
            return odd_value(rng, in_process=in_process)
        holder, at = rng.choice(places)
        what = rng.random()
        if what < 0.12:
            del holder[at]
        elif what < 0.2 and isinstance(holder, dict):
            holder[rng.choice(("x", "", *_NAMES))] = odd_value(rng, in_process=in_process)
        elif what < 0.35 and isinstance(holder[at], str) and holder[at]:
            holder[at] = _misspell(rng, holder[at])
        elif what < 0.45:
            holder[at] = [holder[at]]
        elif what < 0.5:
            holder[at] = as_json(holder[at], default=str)
        else:
            holder[at] = odd_value(rng, in_process=in_process)
    return wrong


def as_json(value: Any, **how: Any) -> str:
    """Return a value as JSON.

    If Python cannot write it (too deep, too long), JSON that is too deep to read.
    """
    try:
        return json.dumps(value, **how)
    except (RecursionError, ValueError):
        return '{"authfsm":' + "[" * 100_000


def _places(value: Any, levels: int = 12) -> Iterator[tuple[Any, Any]]:
    if not isinstance(value, (dict, list)) or levels == 0:
        return
    for at, each in value.items() if isinstance(value, dict) else enumerate(value):
        yield value, at
        yield from _places(each, levels - 1)


def _misspell(rng: Random, text: str) -> str:
    at = rng.randrange(len(text))
    return rng.choice(
        (text[:at], text[:at] + chr(rng.choice((0, 34, 92, 0x660, 0xD800, 65))) + text[at + 1 :],
         text * 2, text.lower(), f" {text}")
    )  # fmt: skip


_NAMES: Final = (
    "Session", "ChallengeName", "ChallengeParameters", "AuthenticationResult", "Error", "__type", "ExpiresIn",
    "NewDeviceMetadata", "ResponseMetadata", "AvailableChallenges", "Status", "SecretCode", "MfaConfig",
    "DeviceConfiguration", "LambdaConfig", "Policies", "state", "steps", "asked", "device",
)  # fmt: skip


# ---- targets -----------------------------------------------------------------------------------------


@define
class Target:
    """A function or parser under test.

    Args:
        name: its name.
        make: makes an input.
        give: passes an input to what is tested.
        typed: the errors that an input may raise.
        share: how often the target is chosen, in relation to the others.
    """

    name: str
    make: Callable[[Random], Any]
    give: Callable[[Any], object]
    typed: tuple[type[BaseException], ...]
    share: int = 1


@define
class Outcome:
    """The result of a run.

    Args:
        inputs: the number of inputs by target.
        refused: how many of them raised a typed error.
        escaped: the untyped errors: how often each was raised, and its first input.
    """

    inputs: Counter[str] = field(factory=Counter)
    refused: Counter[str] = field(factory=Counter)
    escaped: dict[str, tuple[int, str]] = field(factory=dict)

    def line(self) -> str:
        """A line that sums it up."""
        total = sum(self.inputs.values())
        each = ", ".join(f"{name} {self.refused[name]}/{n}" for name, n in sorted(self.inputs.items()))
        return f"{total} inputs, {sum(self.refused.values())} refused with a typed error ({each}), {sum(n for n, _ in self.escaped.values())} untyped"  # fmt: skip


def run(targets: list[Target], inputs: int, seed: int) -> Outcome:
    """Pass a number of inputs to the targets; the same seed makes the same inputs."""
    rng, outcome = Random(seed), Outcome()  # noqa: S311 - a seed repeats its values, on purpose
    names = [each for each in targets for _ in range(each.share)]
    for _ in range(inputs):
        target = rng.choice(names)
        value = target.make(rng)
        outcome.inputs[target.name] += 1
        try:
            target.give(value)
        except target.typed:
            outcome.refused[target.name] += 1
        except Exception as error:  # noqa: BLE001 - the search is for such errors
            frame = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{target.name}: {type(error).__name__} at {frame.filename.rpartition('authfsm')[2]}:{frame.lineno}"
            count, first = outcome.escaped.get(where, (0, f"{error!s:.200} of {_as_text(value)}"))
            outcome.escaped[where] = count + 1, first
    return outcome


def _as_text(value: Any) -> str:
    try:
        return f"{value!r:.600}"
    except (RecursionError, ValueError):
        return "(too deep or too long to be shown)"


# ---- replies -----------------------------------------------------------------------------------------

_REPLIES: Final = [
    (state, kind, samples.reply(state, kind, dest))
    for state, kind in WRITERS
    for dest in (State.AUTHENTICATED, State.FAILED, *list(State)[1:12])
]


def _reply(rng: Random, *, in_process: bool) -> tuple[Any, Any, Any]:
    state, kind, right = rng.choice(_REPLIES)
    return state, kind, mutate(rng, right, in_process=in_process)


def _read(value: tuple[Any, Any, Any]) -> None:
    state, kind, raw = value
    reply = read(raw, kind, state=state)
    repr(reply)
    if isinstance(reply, Tokens):
        _ = evolve(reply, at=NOW).expires_at


def replies() -> Target:
    """Replies of boto3 clients, which the core reads."""
    return Target("replies", lambda rng: _reply(rng, in_process=True), _read, (MalformedReply,), 6)


class _Raw(BytesIO):
    def stream(self, **_: object) -> Iterator[bytes]:
        yield self.read()


def bodies() -> Target:
    """The bytes of a reply, read by botocore and the driver."""
    client: Any = boto3.client("cognito-idp", region_name="eu-west-1", config=Config(signature_version=UNSIGNED))
    body: list[tuple[int, bytes]] = []
    client.meta.events.register(
        "before-send.*", lambda **_: AWSResponse("https://nowhere.example", body[0][0], HTTPHeaders(), _Raw(body[0][1]))
    )
    cognito = Cognito(client, client_id="c", pool_id="eu-west-1_AbCdEfGhI")

    def make(rng: Random) -> tuple[int, bytes]:
        _, _, wrong = _reply(rng, in_process=False)
        body_bytes = as_json(wrong).encode("utf-8", "surrogatepass")
        if rng.random() < 0.1:
            body_bytes = body_bytes[: rng.randrange(len(body_bytes) + 1)] + bytes([rng.randrange(256)])
        return rng.choice((200, 200, 200, 400, 403, 500, 302, 299)), body_bytes

    def give(value: tuple[int, bytes]) -> None:
        body[:] = [value]
        flow = cognito.start(walk=False)
        flow.carry(RESPONSES["user_password_auth"], "ada", PASSWORD)
        if flow.tokens is not None:
            _ = flow.tokens.expires_at

    return Target("bodies", make, give, (AuthfsmError,), 2)


# ---- sealed sign-ins ---------------------------------------------------------------------------------


def _flows(key: RSAKey) -> list[Any]:
    pool = LocalPool(mfa="OPTIONAL", mfa_methods=["SMS_MFA", "SOFTWARE_TOKEN_MFA"], key=key, clock=lambda: NOW)
    pool.add_user("ada", PASSWORD, phone_number="+15555550143", mfa=["SMS_MFA"])
    cognito = pool.cognito()
    return [
        cognito.sign_in("ada", PASSWORD),
        cognito.sign_in("ada", PASSWORD, walk=False, client_metadata={"a": "b"}),
        cognito.sign_in("ada", flow="USER_AUTH"),
        cognito.start(PASSWORD),
    ]


def sealed_texts(key: RSAKey) -> list[Target]:
    """Return the target of seals: altered texts, and invalid contents that are sealed with the right key."""
    flows, secret = _flows(key), new_key()
    forms = [json.loads(snapshot_to_json(each._snapshot(), NOW).reveal()) for each in flows]
    texts = [each.seal(secret) for each in flows]
    lock, signin = Fernet(secret.reveal()), flows[0].signin

    def taken_up(text: Any) -> None:
        into = SignIn(signin.client_id, pool_id=signin.pool_id)
        snapshot = unseal(text, secret, NOW, signin=into, session_lifetime=timedelta(days=1))
        repr(snapshot)
        repr(into.history)

    def form(rng: Random) -> bytes:
        wrong = mutate(rng, rng.choice(forms))
        content = as_json(wrong).encode("utf-8", "surrogatepass")
        return lock.encrypt_at_time(content, int(NOW.timestamp()))

    def text(rng: Random) -> Any:
        right = rng.choice(texts)
        return mutate(rng, [right], in_process=True) if rng.random() < 0.2 else _misspell(rng, right)

    return [
        Target("sealed forms", form, taken_up, (SealError,), 4),
        Target("sealed texts", text, taken_up, (SealError,), 1),
    ]


def tickets(key: RSAKey) -> Target:
    """Any value that a browser or a program passes as a ticket."""
    pool = LocalPool(key=key)
    pool.add_user("ada", PASSWORD)
    pending = PendingSignIns(pool.cognito(), MemoryStore(), new_key())
    right = pending.put(pool.cognito().sign_in("ada", PASSWORD, walk=False))

    def give(ticket: Any) -> None:
        pending.drop(ticket if ticket != right else None)
        with pending.turn(ticket):
            pass

    def make(rng: Random) -> Any:
        return _misspell(rng, right) if rng.random() < 0.5 else odd_value(rng, in_process=True)

    return Target("tickets", make, give, (SealError, InvalidOperation, BadField), 1)


# ---- tokens and keys ---------------------------------------------------------------------------------


def tokens(key: RSAKey) -> list[Target]:
    """Tokens for a verifier, and key sets for its keys."""
    pool = LocalPool(key=key)
    pool.add_user("ada", PASSWORD)
    user_tokens = pool.cognito().sign_in("ada", PASSWORD).tokens
    assert user_tokens is not None
    verifier = Verifier(pool.pool_id, pool.client_id, jwks=pool.jwks())
    right, published = user_tokens.access_token.reveal(), pool.jwks()

    def token(rng: Random) -> Any:
        if rng.random() < 0.2:
            return odd_value(rng, in_process=True)
        parts = right.split(".")
        at = rng.randrange(3)
        parts[at] = _misspell(rng, parts[at])
        return ".".join(parts)

    return [
        Target("tokens", token, verifier.verify, (TokenRefused,), 1),
        Target("key sets", lambda rng: mutate(rng, published, in_process=True), Keys.pinned, (ValueError,), 1),
    ]


# ---- settings ----------------------------------------------------------------------------------------


def settings(key: RSAKey) -> list[Target]:
    """Descriptions of pools, for the readers of the client, of `check` and of the local pool."""
    described = list(GALLERY.values())

    def make(rng: Random) -> Any:
        return mutate(rng, rng.choice(described), in_process=True)

    def three(value: Any) -> tuple[Any, Any, Any]:
        if not isinstance(value, Mapping):
            return value, value, value
        return value.get("UserPool"), value.get("UserPoolClient"), value.get("MfaConfig")

    def of_client(value: Any) -> None:
        for reader in (PoolSettings, PoolDescription):
            repr(reader.from_descriptions(*three(value)))

    def of_pool(value: Any) -> None:
        try:
            pool = LocalPool.like(*three(value), key=key)
        except BadField:
            raise
        except ValueError as error:
            # One that says which setting contradicts itself, not one of Python's own.
            if traceback.extract_tb(error.__traceback__)[-1].line.startswith("raise "):  # type: ignore[union-attr]  # our source is there
                return
            raise
        _ = pool.unsupported_settings

    return [
        Target("settings", make, of_client, (BadField,), 3),
        Target("pools like these", make, of_pool, (BadField,), 1),
    ]


def values() -> Target:
    """Fields of responses."""

    def make(rng: Random) -> Any:
        response = rng.choice(list(samples.RESPONSES.values()))
        fields = {each.alias: getattr(response, each.name) for each in attrs.fields(type(response))}
        name = rng.choice(sorted(fields) or [""])
        return type(response), {**fields, **({name: odd_value(rng, in_process=True)} if name else {})}

    def give(value: Any) -> None:
        kind, fields = value
        repr(kind(**fields))

    return Target("fields", make, give, (BadField,), 2)


def core(key: RSAKey) -> list[Target]:
    """Return every target of the core except the settings."""
    return [replies(), bodies(), *sealed_texts(key), tickets(key), *tokens(key), values()]


@contextmanager
def without_retry_delays() -> Iterator[None]:
    """Disable botocore's pauses between attempts."""
    import botocore.retryhandler as legacy  # noqa: PLC0415 - only here

    before: Any = legacy.delay_exponential
    legacy.delay_exponential = lambda *_, **__: 0
    try:
        yield
    finally:
        legacy.delay_exponential = before
