"""The pool as the server runs it: each operation is saved to the state file, tracked and logged.

`open_service` makes the pool from its configuration and its state file. The settings come from the
configuration at every start; a change to an app client through the API holds until the configuration changes.
The file supplies the rest: the signing key, the app client's secret if the configuration names none, the
users, and their sign-ins. Users of the configuration who exist already stay as they are.
"""

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

from joserfc.jwk import RSAKey

from authfsm.base.secret import Secret
from authfsm.local.api.aws_json import HttpReply, answer_http, error_reply
from authfsm.local.api.operations import OPERATIONS
from authfsm.local.api.pool import LocalPool
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.server.access import AccessRules
from authfsm.local.server.config import CLIENT_ID, POOL_ID, ServerConfig
from authfsm.local.server.sign_in_tracker import SignInTracker
from authfsm.local.server.state_file import StateFile, StateFileError
from authfsm.protocol.auth_flows import FLOWS
from authfsm.protocol.states import State

if TYPE_CHECKING:
    from authfsm.local.server.records import RecordStore

_UVICORN_LOGGERS: Final = ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi")


class Log:
    """The server's log: one JSON object a line, without secrets.

    It never contains text that a client chose (a name, a parameter, a path), only names from fixed lists; of
    an exception, its class and where it was raised, but not its message.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def write(self, event: str, *, level: str = "info", **details: Any) -> None:
        """Write a line; details that are None are left out."""
        at = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        present = {name: value for name, value in details.items() if value is not None}
        line = json.dumps({"at": at, "level": level, "event": event, **present}, default=str)
        try:
            with self._lock:
                self._stream.write(f"{line}\n")
                self._stream.flush()
        except (OSError, ValueError):
            pass  # The reader closed the stream; the server goes on.

    def write_error(self, event: str, error: BaseException, **details: Any) -> None:
        """Write a line about an exception: its class, and where it was raised."""
        frames = traceback.extract_tb(error.__traceback__)
        where = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-12:]]
        self.write(event, level="error", exception=type(error).__name__, where=where, **details)

    def replace_uvicorn_logs(self) -> None:
        """Send uvicorn's warnings and errors to this log."""
        handler = _UvicornHandler(self)
        for name in _UVICORN_LOGGERS:
            logger = logging.getLogger(name)
            logger.handlers, logger.propagate = [], False
            logger.setLevel(logging.WARNING)
        logging.getLogger("uvicorn").addHandler(handler)
        logging.getLogger("uvicorn.error").addHandler(handler)


class _UvicornHandler(logging.Handler):
    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Write uvicorn's message without its arguments, which a client may have chosen."""
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            self._log.write_error("uvicorn", error)
        else:
            self._log.write("uvicorn", level=record.levelname.lower(), message=str(record.msg))


class Service:
    """A pool that a server runs; without a store, in memory only."""

    def __init__(
        self,
        pool: LocalPool,
        log: Log,
        store: RecordStore | None = None,
        access: AccessRules | None = None,
    ) -> None:
        self.pool = pool
        self.access = access or AccessRules()
        self.core = pool._core  # noqa: SLF001 - same package
        self.log = log
        self.tracker = SignInTracker(self.core)
        self.version = 0
        """Grows with every operation, so that the page notices changes."""
        self._store = store
        self._changed: list[Any] = []
        self.core.watch(self._changed.append)

    def exchange(self, target: str, body: bytes, signed: bool = False) -> HttpReply:  # noqa: FBT001, FBT002 - passed through an executor
        """Answer a request in Cognito's protocol. This blocks: call it outside the event loop."""
        started, request_id = time.perf_counter(), self.pool.request_id()
        details: dict[str, Any] = {}

        def answer(operation: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
            return self._answer(operation, request, details)

        try:
            signed = signed or self.access.open
            reply = answer_http(answer, target, body, request_id, signed=signed)
        except StateFileError as error:
            self.log.write(
                "state file not written", level="error", why=error.why, request_id=request_id
            )
            message = f"The state file {error.why}. Nothing was changed."
            reply = error_reply("InternalErrorException", message, request_id, status=500)
        except Exception as error:  # noqa: BLE001 - a bug must not end the server
            operation = details.get("operation")
            self.log.write_error(
                "internal error", error, operation=operation, request_id=request_id
            )
            message = "The local pool failed; the log of authfsm serve says where."
            reply = error_reply("InternalErrorException", message, request_id, status=500)
        details["error"] = reply.headers.get("x-amzn-ErrorType", "").rstrip(":") or None
        details["ms"] = round((time.perf_counter() - started) * 1e3, 2)
        self.log.write("request", **details, status=reply.status, request_id=request_id)
        return reply

    def _answer(
        self, operation: str, request: Mapping[str, Any], details: dict[str, Any]
    ) -> Mapping[str, Any]:
        details["operation"] = operation if operation in OPERATIONS else None
        outcome: Mapping[str, Any] | PoolRefusal
        with self.locked():
            try:
                outcome = self.pool.answer(operation, request)
            except PoolRefusal as refusal:
                outcome = refusal
            finally:
                # Refusals too: they change records (the count of failures).
                changed = tuple(self._changed)
                self.save()
            self.tracker.record(operation, request, outcome, changed)
        details.update(_log_details(request, outcome))
        if isinstance(outcome, PoolRefusal):
            raise outcome
        return outcome

    def save(self) -> None:
        """Write the changed records before the reply is sent, or undo the changes and raise StateFileError."""
        try:
            if self._store is not None:
                try:
                    self._store.save(self._changed)
                except StateFileError:
                    self._store.reload()
                    raise
        finally:
            self._changed.clear()
            self.version += 1

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other threads from changing the pool."""
        with self.pool._lock:  # noqa: SLF001 - same package
            yield


def _log_details(
    request: Mapping[str, Any], outcome: Mapping[str, Any] | PoolRefusal
) -> dict[str, str | None]:
    """Return the flow and the challenges of a request and its reply, if they are Cognito's own names."""
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


# ---- opening ------------------------------------------------------------------------------------


def open_service(
    config: ServerConfig,
    url: str,
    log: Log,
    file: StateFile | None = None,
    issuer: str | None = None,
) -> Service:
    """Return the pool of a configuration, ready to be served at a URL; without a file, in memory only.

    The tokens' `iss` is by default the pool's URL at this server, below which verifiers find the keys.

    Raises:
        ConfigError: the settings or a user are invalid.
        StateFileError: the file belongs to another pool or cannot be read.
    """
    pool_id = str(config.settings.get("pool_id") or POOL_ID)
    issuer = issuer or config.settings.get("issuer") or f"{url}/{pool_id}"
    settings: dict[str, Any] = {"pool_id": pool_id, "issuer": issuer}
    if file is None:
        service = Service(config.pool(**settings), log, access=config.access)
        config.add_users(service.pool)
        service.save()
        # The first sign-in needs the signing key: make it while the server starts.
        threading.Thread(target=service.pool.jwks, daemon=True).start()
        return service
    try:
        return _open_from_file(config, settings, log, file)
    except (LookupError, ValueError):  # UnreadableRecord is a ValueError
        raise StateFileError(file.path, "cannot be read: it is damaged") from None


def _open_from_file(
    config: ServerConfig, settings: dict[str, Any], log: Log, file: StateFile
) -> Service:
    from authfsm.local.server.records import FACT, RecordStore  # noqa: PLC0415 - cattrs loads slowly

    facts = dict(file.read(FACT))
    if "pool_id" in facts:
        if facts["pool_id"] != settings["pool_id"]:
            why = f"belongs to the pool {facts['pool_id']}, not to {settings['pool_id']}"
            raise StateFileError(file.path, why)
        settings["key"] = RSAKey.import_key(json.loads(facts["key"]))
    settings["client_secret"] = _client_secret(config, file)
    pool = config.pool(**settings)
    core = pool._core  # noqa: SLF001 - same package
    if "pool_id" in facts:
        core.seed = Secret(bytes.fromhex(facts["seed"]))
    store = RecordStore(core, file)
    # The file's app client holds while the configuration says the same as at the last start.
    configured = store.text_of(pool.app_client)
    store.load(except_client=None if facts.get("configured") == configured else pool.client_id)
    service = Service(pool, log, store, config.access)
    config.add_users(pool)
    store.save(tuple(core.clients.values()))
    service.save()
    facts = {
        "pool_id": pool.pool_id,
        "key": json.dumps(core.token_issuer.key.as_dict(private=True)),
        "seed": core.seed.reveal().hex(),
        "configured": configured,
    }
    file.write((FACT, name, value) for name, value in facts.items())
    return service


def _client_secret(config: ServerConfig, file: StateFile) -> bool | str:
    """Return the app client's secret: the configuration's, or the random one of an earlier start."""
    secret = config.settings.get("client_secret", False)
    if secret is not True:
        return secret or False
    client_id = str(config.settings.get("client_id") or CLIENT_ID)
    body = dict(file.read("client")).get(client_id)
    return (json.loads(body)["client_secret"] if body else None) or True
