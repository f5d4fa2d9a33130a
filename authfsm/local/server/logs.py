"""The server's log: one JSON object a line, and never a secret.

What a stranger wrote (a name, a parameter, a path) is not logged: only names out of fixed lists are, and
where a fault of ours happened, but not what its exception says.
"""

from __future__ import annotations

import json
import logging
import threading
import traceback
from datetime import datetime, timezone
from typing import Any, Final, TextIO

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
