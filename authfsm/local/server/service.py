"""Answers requests: writes the changes of each one to the state file, tracks its sign-in for the page, and logs it.

`open_service` creates the first pool from the configuration and the state file. The configuration supplies the
settings; settings changed through the API are kept until the configuration changes. The file supplies the rest: the
signing key, the app client's secret if the configuration asks for a random one, the users, their sign-ins, and the
pools that were created through the API. Users of the configuration are added if the file does not have them yet.
"""

from __future__ import annotations

import json
import threading
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Final, TextIO

from attrs import field, frozen

from authfsm.base.clock import utc_now
from authfsm.base.concurrency import ForkSafeLock
from authfsm.local.api.aws_json import HttpReply, answer_http, error_reply, signing_region
from authfsm.local.api.pool import LocalPool
from authfsm.local.api.pool_operations import SHARED_SETTINGS, configured
from authfsm.local.api.region import REGION_OPERATIONS, LocalCognito, StateFileError
from authfsm.local.config import descriptions
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.config.request_members import is_known
from authfsm.local.server.access import AccessRules
from authfsm.local.server.config import CLIENT_ID, POOL_ID, ConfigError, ServerConfig
from authfsm.local.server.sign_in_tracker import SignInTracker
from authfsm.local.server.state_file import StateFile, UnreadableRecord
from authfsm.protocol.auth_flows import FLOWS
from authfsm.protocol.states import State

if TYPE_CHECKING:
    from joserfc.jwk import RSAKey

    from authfsm.local.server.records import RecordStore

_CONFIGURED_CLIENT: Final = "configured_client"


class Log:
    """The server's log: a JSON object on each line, without secrets or clients' own strings."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def write(self, event: str, *, level: str = "info", **details: Any) -> None:
        """Write a line; details that are None are omitted."""
        at = utc_now().isoformat(timespec="milliseconds")
        present = {name: value for name, value in details.items() if value is not None}
        line = json.dumps({"at": at, "level": level, "event": event, **present}, default=str)
        # If the reader of the log has closed the stream, the server continues.
        with suppress(OSError, ValueError), self._lock:
            self._stream.write(f"{line}\n")
            self._stream.flush()

    def write_error(self, event: str, error: BaseException, **details: Any) -> None:
        """Write a line with an exception's class and the places in the code that raised it."""
        frames = traceback.extract_tb(error.__traceback__)
        where = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-12:]]
        self.write(event, level="error", exception=type(error).__name__, where=where, **details)


@frozen
class _ServedPool:
    """A pool's store, and the records that the present operation has looked up, set or removed."""

    store: RecordStore | None
    changed: list[Any] = field(factory=list)


class Service:
    """The pools of one region that a server runs; `pool` is the first. Without a store, they are in memory only."""

    def __init__(
        self,
        pool: LocalPool,
        log: Log,
        store: RecordStore | None = None,
        access: AccessRules | None = None,
        cognito: LocalCognito | None = None,
    ) -> None:
        self.pool = pool
        self.cognito = cognito or LocalCognito(region=pool.region, clock=pool.clock)
        self.access = access or AccessRules()
        self.core = pool._core  # noqa: SLF001 - same package
        self.log = log
        self.tracker = SignInTracker()
        self.version = 0
        """A number that grows with every operation, so that the page notices changes."""
        self._served: dict[str, _ServedPool] = {}
        self._unwritten: list[RecordStore] = []
        self.cognito.add(pool)
        self.add(pool, store)

    def add(self, pool: LocalPool, store: RecordStore | None) -> None:
        """Serve one more pool of the region, whose records are written to `store`."""
        served = self._served[pool.pool_id] = _ServedPool(store)
        pool._core.watch(served.changed.append)  # noqa: SLF001 - same package

    def exchange(self, target: str, body: bytes, authorization: str = "") -> HttpReply:
        """Answer a request in Cognito's HTTP protocol; requests of several threads are answered one after the other."""
        started, request_id = time.perf_counter(), self.pool.request_id()
        details: dict[str, Any] = {}
        accepted = self.core.accepted

        def answer(operation: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
            with self.locked():
                self._reload()
                last = accepted[-1] if accepted else None
                try:
                    return self._answer(operation, request, authorization, details)
                finally:
                    new = takewhile(lambda each: each is not last, reversed(accepted))
                    details["accepted"] = [each.check for each in new] or None

        try:
            signed = bool(authorization) or self.access.open
            reply = answer_http(answer, target, body, request_id, signed=signed)
        except StateFileError as error:
            self.log.write("state file failed", level="error", why=error.why, request_id=request_id)
            message = f"The state file {error.why}. Nothing was changed."
            reply = error_reply("InternalErrorException", message, request_id, status=500)
        except Exception as error:  # noqa: BLE001 - a bug must not end the server
            operation = details.get("operation")
            self.log.write_error("internal error", error, operation=operation, request_id=request_id)
            message = "The local pool failed; the log of authfsm serve says where."
            reply = error_reply("InternalErrorException", message, request_id, status=500)
        details["error"] = reply.headers.get("x-amzn-ErrorType", "").rstrip(":") or None
        details["ms"] = round((time.perf_counter() - started) * 1e3, 2)
        self.log.write("request", **details, status=reply.status, request_id=request_id)
        return reply

    def _answer(
        self, operation: str, request: Mapping[str, Any], authorization: str, details: dict[str, Any]
    ) -> Mapping[str, Any]:
        details["operation"] = operation if is_known(operation) else None
        outcome: Mapping[str, Any] | PoolRefusal
        if operation in REGION_OPERATIONS:
            return self._answer_region(operation, request, authorization)
        members = self.cognito.read_members(operation, request)
        self.cognito.check_domain(operation, members)
        pool = self.cognito.pool_of(members)
        try:
            outcome = pool.answer_members(operation, members)
        except PoolRefusal as refusal:
            outcome = refusal
        finally:
            changed = self.save(pool)  # Also after a refusal, which may have counted a wrong password.
        self.tracker.record(pool._core, operation, request, outcome, changed)  # noqa: SLF001 - same package
        details.update(_log_details(request, outcome))
        if isinstance(outcome, PoolRefusal):
            raise outcome
        return outcome

    def _answer_region(self, operation: str, request: Mapping[str, Any], authorization: str) -> Mapping[str, Any]:
        """Answer an operation that may create or delete pools; undo this if the state file cannot be written."""
        before = self.cognito.pools.copy()
        store = self._served[self.pool.pool_id].store
        region = signing_region(authorization) if operation in {"CreateUserPool", "ListUserPools"} else None
        reply = self.cognito.answer(operation, request, region)
        after = self.cognito.pools
        try:
            for pool_id in after.keys() - before.keys():
                new = store and store.of_pool(after[pool_id]._core)  # noqa: SLF001 - same package
                if new:
                    new.save_all()
                self.add(after[pool_id], new)
            for pool_id in before.keys() - after.keys():
                if store is not None:
                    store.file.delete(pool_id)
                if pool_id != self.pool.pool_id:  # The first pool's store is needed to write new pools.
                    self._served.pop(pool_id, None)
        except StateFileError:
            self.cognito.pools.replace(before)
            raise
        finally:
            self.version += 1
        return reply

    def save(self, pool: LocalPool) -> tuple[Any, ...]:
        """Write and return a pool's changed records; if this fails, undo the changes and raise StateFileError."""
        served = self._served.get(pool.pool_id, _ServedPool(None))
        changed, self.version = tuple(served.changed), self.version + 1
        try:
            if served.store is not None:
                self._unwritten.append(served.store)
                served.store.save(changed)
                self._unwritten.pop()
        except StateFileError:
            self._reload()
            raise
        finally:
            served.changed.clear()
        return changed

    def _reload(self) -> None:
        """Undo changes that could not be written; every request fails until the file can be read again."""
        while self._unwritten:
            self._unwritten[-1].reload()
            self._unwritten.pop()

    def jwks(self, pool: LocalPool) -> dict[str, Any]:
        """Return a pool's public key as a JSON Web Key Set; a new key is written to the state file."""
        keys = pool.jwks()
        with self.locked():
            if pool.pool_id in self.cognito.pools:  # It may have been deleted meanwhile.
                self.save(pool)
        return keys

    def make_key(self) -> None:
        """Generate the signing key of the first pool; the next request writes it to the state file."""
        _ = self.core.token_issuer.key

    def locked(self) -> ForkSafeLock:
        """Return the lock that keeps other threads from changing the pools."""
        return self.pool._lock  # noqa: SLF001 - same package


def _log_details(request: Mapping[str, Any], outcome: Mapping[str, Any] | PoolRefusal) -> dict[str, str | None]:
    """Return the flow and the challenges of a request and its reply; names that Cognito does not have are omitted."""
    flow, challenge, leads_to = request.get("AuthFlow"), request.get("ChallengeName"), None
    if not isinstance(outcome, PoolRefusal):
        signed_in = "AuthenticationResult" in outcome
        leads_to = State.AUTHENTICATED if signed_in else outcome.get("ChallengeName")
    return {
        "flow": flow if isinstance(flow, str) and flow in FLOWS else None,
        "challenge": _state_name(challenge),
        "leads_to": _state_name(leads_to),
    }


def _state_name(name: Any) -> str | None:
    return str(name) if isinstance(name, str) and name in State.__members__ else None


def open_service(
    config: ServerConfig, url: str, log: Log, file: StateFile | None = None, issuer: str | None = None
) -> Service:
    """Return the service for a server with this URL; raise ConfigError or StateFileError."""
    pool_id = str(config.settings.get("pool_id") or POOL_ID)
    issuer = issuer or config.settings.get("issuer") or f"{url}/{pool_id}"
    settings: dict[str, Any] = {"pool_id": pool_id, "issuer": issuer}
    shared = {n: each for n, each in config.settings.items() if n in SHARED_SETTINGS - {"triggers"}}  # for all pools
    try:
        cognito = LocalCognito(region=pool_id.partition("_")[0], issuer=url, **shared)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    with _reporting_damage(file, pool_id):
        if file is None:
            service = Service(config.pool(**settings), log, None, config.access, cognito)
        else:
            service = _open_from_file(config, settings, log, file, cognito)
    config.add_users(service.pool)
    service.save(service.pool)
    # The first sign-in needs the signing key: generate it while the server starts.
    threading.Thread(target=service.make_key, daemon=True).start()
    return service


def _open_from_file(
    config: ServerConfig, settings: dict[str, Any], log: Log, file: StateFile, cognito: LocalCognito
) -> Service:
    from authfsm.local.server.records import DESCRIPTION, PROPERTY, SIGNING_KEY, RecordStore  # noqa: PLC0415 - slow

    pool_id, known = settings["pool_id"], file.pools()
    if known and known[0] != pool_id:
        raise StateFileError(file.path, f"belongs to the pool {known[0]}, not to {pool_id}")
    properties = dict(file.read(pool_id, PROPERTY))
    if SIGNING_KEY in properties:
        settings["key"] = _read_key(properties[SIGNING_KEY])
    settings["client_secret"] = _client_secret(config, properties)
    pool = config.pool(**settings)
    core = pool._core  # noqa: SLF001 - same package
    # Changes through the API are valid as long as the configuration is the same as at the last start.
    description = json.dumps(descriptions.pool_description(pool.configuration))
    if properties.get("configured_description") == description != properties[DESCRIPTION]:
        core.configure(configured(pool.configuration, json.loads(properties[DESCRIPTION])))
    store = RecordStore(core, file)
    client = store.text_of(pool.app_client)
    is_same_client = properties.get(_CONFIGURED_CLIENT) == client
    if is_same_client:
        del core.clients[pool.client_id]  # it is read from the file, unless it was deleted through the API
    store.load(except_client=None if is_same_client else pool.client_id)
    service = Service(pool, log, store, config.access, cognito)
    store.save_all(configured_description=description, **{_CONFIGURED_CLIENT: client})

    def read(pool_id: str) -> LocalPool:
        try:
            with _reporting_damage(file, pool_id):
                properties = dict(file.read(pool_id, PROPERTY))
                description, key = json.loads(properties[DESCRIPTION]), _read_key(properties.get(SIGNING_KEY))
                pool = cognito.restore(pool_id, description, key)
                pool_store = store.of_pool(pool._core)  # noqa: SLF001 - same package
                pool_store.load()
        except StateFileError as error:
            log.write("pool not read", level="error", pool=pool_id, why=error.why)
            raise
        service.add(pool, pool_store)
        return pool

    cognito.pools.read_later(known[1:], read, file.index)
    return service


@contextmanager
def _reporting_damage(file: StateFile | None, pool_id: str) -> Iterator[None]:
    """Raise StateFileError if the block cannot read the records of a pool."""
    try:
        yield
    except (LookupError, ValueError, RecursionError, PoolRefusal) as error:
        if file is None:
            raise
        what = error if isinstance(error, UnreadableRecord) else "the description or the key"
        why = f"is damaged: {what} of the pool {pool_id} cannot be read; restore the file, or delete the pool's rows"
        raise StateFileError(file.path, why) from None


def _read_key(text: str | None) -> RSAKey | None:
    from joserfc.jwk import RSAKey  # noqa: PLC0415 - slow to load, and only a state file has a key

    try:
        return None if text is None else RSAKey.import_key(json.loads(text))
    except Exception:  # noqa: BLE001 - joserfc raises errors of many classes
        raise UnreadableRecord("the signing key") from None


def _client_secret(config: ServerConfig, properties: Mapping[str, str]) -> bool | str:
    """Return the configured secret or False. For a random one, return that of the last start, or True to create it."""
    secret = config.settings.get("client_secret", False)
    if secret is not True:
        return secret or False
    last = json.loads(properties.get(_CONFIGURED_CLIENT, "{}"))
    same = last.get("client_id") == str(config.settings.get("client_id") or CLIENT_ID)
    return (same and last["client_secret"]) or True
