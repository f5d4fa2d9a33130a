"""The steps of sign-ins as lines of JSON without secrets, and the observer that writes them.

    {"sign_in": "5f0c...", "step": 2, "from": "PASSWORD_VERIFIER", "response": "srp_claim", "to": "SMS_MFA",
     "role": "second factor", "at": "2026-11-23T01:02:03.456789+00:00", "seconds": 0.183}

The members include those of `authfsm.core.history`, so the lines of one sign-in are a history. Lines of several
sign-ins may be mixed; `sign_in` tells them apart. `challenge_name` is the ChallengeName of a request that the state does
not accept, or OTHER_CHALLENGE if Cognito has no such name. `lost` is the class of the error if no reply came. `from`,
`response` or `to` is missing if it is not known.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import timezone
from pathlib import Path
from typing import Any, Final, TextIO

from authfsm.base.clock import Clock, utc_now
from authfsm.base.concurrency import ForkSafeLock
from authfsm.core.history import history_to_json
from authfsm.observers import Observation

COLUMNS: Final = (
    "sign_in", "step", "from", "response", "challenge_name", "to", "role", "error", "action", "lost", "at",
)  # fmt: skip
"""The members of a line that `TraceFiles` reads."""


class Recorder(AbstractContextManager["Recorder"]):
    """Writes a line for each step, from any thread.

    Args:
        sink: the path of a file to append to, or a text stream.
        clock: returns the present time with a time zone, for steps that have no time.

    Raises:
        TypeError: the sink is neither.
        OSError: the file cannot be opened.
    """

    def __init__(self, sink: str | Path | TextIO, clock: Clock = utc_now) -> None:
        # The `mode` of a file of `tempfile` shows whether it is binary. Text streams of `codecs` have an `encoding`.
        has_binary_mode = "b" in str(getattr(sink, "mode", "")) and not hasattr(sink, "encoding")
        is_binary = has_binary_mode or isinstance(sink, io.RawIOBase | io.BufferedIOBase)
        if is_binary or not (isinstance(sink, str | Path) or hasattr(sink, "write")):
            raise TypeError(f"sink must be the path of a file or a text stream, not of type {type(sink).__name__}")
        self._owns_sink = isinstance(sink, str | Path)
        # Buffering by line writes each step to the file at once, so several processes can append to it.
        if isinstance(sink, str | Path):
            sink = Path(sink).open("a", encoding="utf-8", buffering=1)  # noqa: SIM115 - close() closes it
        self._sink: TextIO = sink
        self._clock = clock
        self._lock = ForkSafeLock()

    def __call__(self, observation: Observation) -> None:
        """Write an observed step: a recorder is an observer (`Cognito(observers=[recorder])`)."""
        step = json.loads(history_to_json([observation.step]))
        more = {"lost": observation.lost, "seconds": observation.seconds}
        self.write({"sign_in": observation.sign_in, **step, **more})

    def write(self, members: Mapping[str, Any]) -> None:
        """Write a line with these members, except those that are None."""
        at = members.get("at") or self._clock().astimezone(timezone.utc).isoformat()
        line = {**{name: value for name, value in members.items() if value is not None}, "at": at}
        if "seconds" in line:
            line["seconds"] = round(line["seconds"], 6)
        text = json.dumps(line) + "\n"
        with self._lock:
            self._sink.write(text)

    def close(self) -> None:
        """Close the file. A stream that was passed in stays open."""
        if self._owns_sink:
            self._sink.close()

    def __exit__(self, *_: object) -> None:
        self.close()


def recorder(sink: str | Path | TextIO) -> Recorder:
    """Return an observer that writes each step: `Cognito(..., observers=[recorder("steps.jsonl")])`.

    Args:
        sink: the path of a file to append to, or a text stream.
    """
    return Recorder(sink)
