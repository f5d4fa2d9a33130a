"""The pool as the server has it: one operation at a time, kept before it is answered, followed and logged."""

from __future__ import annotations

import json
import logging
import threading
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Final, TextIO

from attrs import asdict, define
from joserfc.jwk import RSAKey

from authfsm.base.secret import Secret
from authfsm.local.api.aws_json import CONTENT_TYPE, HttpReply, answer_http
from authfsm.local.api.operations import OPERATIONS
from authfsm.local.api.pool import LocalPool
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.server.access import AccessRules
from authfsm.local.server.config import CLIENT_ID, POOL_ID, ServerConfig
from authfsm.local.server.sign_in_tracker import SignInTracker
from authfsm.local.server.state_file import StateFile, StateFileError
from authfsm.local.state.core import Core
from authfsm.protocol.auth_flows import FLOWS
from authfsm.protocol.states import State

if TYPE_CHECKING:
    from authfsm.local.server.records import RecordStore


@define
class _LogEntry:
    """What the log is told of an exchange: names out of fixed lists, for a stranger may write anything."""

    operation: str | None = None
    flow: str | None = None
    answers: str | None = None
    leads_to: str | None = None
    error: str | None = None


class Service:
    """A pool that is served.

    Args:
        pool: the pool.
        log: told of each exchange.
        keeper: keeps it in a file; it lives in memory alone, if left out.
        access: who may use the server; programs and pages on this machine, if left out.
    """

    def __init__(
        self,
        pool: LocalPool,
        log: Log,
        keeper: RecordStore | None = None,
        access: AccessRules | None = None,
    ) -> None:
        self.pool = pool
        self.access = access or AccessRules()
        self.core = core_of(pool)
        self.log = log
        self.follower = SignInTracker(self.core)
        self.version = 0
        """Grows with every operation."""
        self._keeper = keeper
        self._touched: list[Any] = []
        self.core.watch(self._touched.append)

    def exchange(self, target: str, body: bytes, signed: bool = False) -> HttpReply:  # noqa: FBT001, FBT002 - passed through an executor
        """Answer a request in Cognito's protocol. It takes its time: off the event loop.

        Args:
            target: the X-Amz-Target header.
            body: the request's body.
            signed: whether the request has an Authorization header.
        """
        begun, told, request_id = time.perf_counter(), _LogEntry(), self.pool.request_id()

        def answer(operation: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
            return self._answer(operation, request, told)

        try:
            signed = signed or self.access.open
            answered = answer_http(answer, target, body, request_id, signed=signed)
        except StateFileError as full:
            self.log.write("state file", level="error", why=full.why, request_id=request_id)
            why = f"The state file {full.why}. Nothing was changed."
            answered = error_reply(500, "InternalErrorException", why, request_id)
        except Exception as error:  # noqa: BLE001 - a fault of ours must not end the server
            self.log.fault("fault", error, operation=told.operation, request_id=request_id)
            answered = error_reply(
                500, "InternalErrorException", "The pool is at fault.", request_id
            )
        told.error = answered.headers.get("x-amzn-ErrorType", "").rstrip(":") or None
        took = round((time.perf_counter() - begun) * 1e3, 2)
        facts = asdict(told)
        self.log.write("exchange", **facts, status=answered.status, ms=took, request_id=request_id)
        return answered

    def _answer(
        self, operation: str, request: Mapping[str, Any], told: _LogEntry
    ) -> Mapping[str, Any]:
        told.operation = operation if operation in OPERATIONS else None
        outcome: Mapping[str, Any] | PoolRefusal
        with self.held():
            try:
                outcome = self.pool.answer(operation, request)
            except PoolRefusal as refusal:
                outcome = refusal
            finally:
                # Whatever came of it: a refusal changes records too (a failure is counted).
                touched = tuple(self._touched)
                self.keep()
            self.follower.answered(operation, request, outcome, touched)
        _tell(told, request, outcome)
        if isinstance(outcome, PoolRefusal):
            raise outcome
        return outcome

    def keep(self) -> None:
        """Write what was touched since the last time; nothing is acknowledged before.

        Raises:
            StateFileError: it cannot be written. The pool is again what the file says.
        """
        try:
            if self._keeper is not None:
                self._keep(self._keeper)
        finally:
            self._touched.clear()
            self.version += 1

    def _keep(self, keeper: RecordStore) -> None:
        try:
            keeper.keep(self._touched)
        except StateFileError:
            keeper.reload()
            raise

    def make_key(self) -> None:
        """Have the signing key made, if it is not."""
        with self.held():
            _ = self.core.token_issuer.key

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nobody else changes the pool meanwhile."""
        with self.pool._lock:  # noqa: SLF001 - the server is of the pool's own house
            yield


def core_of(pool: LocalPool) -> Core:
    """The parts of a pool."""
    return pool._core  # noqa: SLF001 - the server is of the pool's own house


def error_reply(status: int, code: str, message: str, request_id: str) -> HttpReply:
    """A refusal that the pool itself was not asked for, in Cognito's shape."""
    headers = {
        "Content-Type": CONTENT_TYPE,
        "x-amzn-RequestId": request_id,
        "x-amzn-ErrorType": f"{code}:",
        "x-amzn-ErrorMessage": message,
    }
    return HttpReply(status, headers, json.dumps({"__type": code, "message": message}).encode())


def _tell(
    told: _LogEntry, request: Mapping[str, Any], outcome: Mapping[str, Any] | PoolRefusal
) -> None:
    flow, answers = request.get("AuthFlow"), request.get("ChallengeName")
    told.flow = flow if isinstance(flow, str) and flow in FLOWS else None
    told.answers = answers if isinstance(answers, str) and answers in State.__members__ else None
    if isinstance(outcome, PoolRefusal):
        return
    led = (
        State.AUTHENTICATED.value
        if "AuthenticationResult" in outcome
        else outcome.get("ChallengeName")
    )
    told.leads_to = led if led in State.__members__ else None


def open_service(
    config: ServerConfig,
    url: str,
    log: Log,
    file: StateFile | None = None,
    issuer: str | None = None,
) -> Service:
    """The pool, ready to be served.

    Args:
        config: what it is to be.
        url: where it will be served.
        log: told of what it does.
        file: where it is kept; in memory alone, if left out.
        issuer: the tokens' `iss`; its URL there, if left out. A verifier finds the keys below it.

    Raises:
        ConfigError: it cannot be that.
        StateFileError: the file is another pool's, or cannot be read.
    """
    pool_id = str(config.settings.get("pool_id") or POOL_ID)
    named = issuer or config.settings.get("issuer")
    settings: dict[str, Any] = {"pool_id": pool_id, "issuer": named or f"{url}/{pool_id}"}
    if file is None:
        service = Service(config.pool(**settings), log, access=config.access)
        config.add_users(service.pool)
        service.keep()
        # Now, and not at the first sign-in; meanwhile the server is made.
        threading.Thread(target=service.make_key, daemon=True).start()
        return service
    try:
        return _put_back(config, settings, log, file)
    except (LookupError, ValueError):  # what cannot be read is a ValueError too
        raise StateFileError(file.path, "cannot be read: it is damaged") from None


def _put_back(config: ServerConfig, settings: dict[str, Any], log: Log, file: StateFile) -> Service:
    from authfsm.local.server.records import RecordStore  # noqa: PLC0415 - who keeps nothing does not wait

    facts = file.facts()
    if "pool_id" in facts:
        if facts["pool_id"] != settings["pool_id"]:
            why = f"is of the pool {facts['pool_id']}, not of {settings['pool_id']}"
            raise StateFileError(file.path, why)
        settings["key"] = RSAKey.import_key(json.loads(facts["key"]))
    settings["client_secret"] = _client_secret(config, file)
    pool = config.pool(**settings)
    core = core_of(pool)
    if "pool_id" in facts:
        core.seed = Secret(bytes.fromhex(facts["seed"]))
    keeper = RecordStore(core, file)
    # What was done to the app client by its API holds, until the configuration has something new to say.
    configured = keeper.written(pool.app_client)
    keeper.restore(None if facts.get("configured") == configured else pool.client_id)
    service = Service(pool, log, keeper, config.access)
    config.add_users(pool)
    keeper.keep(tuple(core.clients.values()))
    service.keep()
    key = core.token_issuer.key.as_dict(private=True)
    seed = core.seed.reveal().hex()
    file.note(
        {
            "pool_id": pool.pool_id,
            "key": json.dumps(key),
            "seed": seed,
            "configured": configured,
        }
    )
    return service


def _client_secret(config: ServerConfig, file: StateFile) -> bool | str:
    """The secret of the app client: the one that is named, or the one that was drawn before."""
    wanted = config.settings.get("client_secret", False)
    if wanted is not True:
        return wanted or False
    clients = dict(file.read("client"))
    body = clients.get(str(config.settings.get("client_id") or CLIENT_ID))
    return (json.loads(body)["client_secret"] if body else None) or True


_UVICORN: Final = ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi")


class Log:
    """Writes the log.

    Args:
        stream: where to.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def write(self, event: str, *, level: str = "info", **facts: Any) -> None:
        """Write a line; a fact that is None is left out.

        Args:
            event: what happened.
            level: `info`, `warning` or `error`.
            facts: what there is to say of it; no secrets.
        """
        at = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        told = {name: fact for name, fact in facts.items() if fact is not None}
        line = json.dumps({"at": at, "level": level, "event": event, **told}, default=str)
        try:
            with self._lock:
                self._stream.write(f"{line}\n")
                self._stream.flush()
        except (OSError, ValueError):
            pass  # Nobody reads it any more: that is no reason not to serve.

    def fault(self, event: str, error: BaseException, **facts: Any) -> None:
        """Write of a fault: the exception's class, and where it came up."""
        frames = traceback.extract_tb(error.__traceback__)
        where = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-12:]]
        self.write(event, level="error", exception=type(error).__name__, where=where, **facts)

    def take_over_uvicorn(self) -> None:
        """Have uvicorn log here too."""
        handler = _Handler(self)
        for name in _UVICORN:
            logger = logging.getLogger(name)
            logger.handlers, logger.propagate = [], False
            logger.setLevel(logging.WARNING)
        logging.getLogger("uvicorn").addHandler(handler)
        logging.getLogger("uvicorn.error").addHandler(handler)


class _Handler(logging.Handler):
    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Write uvicorn's own words, but nothing that it was given."""
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            self._log.fault("server", error)
        else:
            self._log.write("server", level=record.levelname.lower(), message=str(record.msg))
