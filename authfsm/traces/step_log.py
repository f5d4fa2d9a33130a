"""Steps as lines: one JSON object a line for each step that a recorder saw, no secret in any.

    {"sign_in": "5f0c...", "step": 2, "from": "PASSWORD_VERIFIER", "given": "srp_claim", "to": "SMS_MFA",
     "role": "second factor", "at": "2026-11-23T01:02:03.456789+00:00", "seconds": 0.183}

The words are those of `authfsm.core.history`, so that one sign-in's lines are a history; those of many may
be mixed. `sign_in` tells them apart. `under` stands where a request bore another ChallengeName than the
table has, `lost` where no reply came. `from` or `to` is missing where it is not known.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final, TextIO

from authfsm.core.history import history_to_json
from authfsm.observers import Observation
from authfsm.protocol.responses import AssociateSoftwareToken, VerifySoftwareToken
from authfsm.protocol.states import State
from authfsm.protocol.table import Role
from authfsm.traces.log_symbols import (
    APP_ASSOCIATED,
    APP_VERIFIED,
    EMAIL_FIRST_FACTOR,
    EMAIL_SECOND_FACTOR,
    UNKNOWN,
)

COLUMNS: Final = (
    "sign_in", "step", "from", "given", "under", "to", "role", "error", "action", "lost", "at",
)  # fmt: skip
"""What is read of a line."""


class Recorder:
    """Writes a line for each step, in one piece each, from any thread.

    Args:
        sink: a file's path, to be added to; or a stream of text.
        clock: gives the present time, with a time zone, for steps that do not tell theirs.
    """

    def __init__(
        self,
        sink: str | Path | TextIO,
        clock: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    ) -> None:
        self._own = isinstance(sink, str | Path)
        # Unbuffered but for the line: what was acknowledged is in the file, and processes can share it.
        self._sink: TextIO = (
            Path(sink).open("a", encoding="utf-8", buffering=1)  # noqa: SIM115 - close() closes it
            if isinstance(sink, str | Path)
            else sink
        )
        self._clock = clock
        self._writing = threading.Lock()

    def __call__(self, seen: Observation) -> None:
        """Write the step: a recorder is an observer (`Cognito(observers=[recorder])`)."""
        told = json.loads(history_to_json([seen.step]))
        self.write({"sign_in": seen.sign_in, **told, "lost": seen.lost, "seconds": seen.seconds})

    def write(self, told: dict[str, Any]) -> None:
        """Write what is known of a step; what is None is left out.

        Args:
            told: the line's names and values.
        """
        at = told.get("at") or self._clock().astimezone(timezone.utc).isoformat()
        line = {**{name: value for name, value in told.items() if value is not None}, "at": at}
        if "seconds" in line:
            line["seconds"] = round(line["seconds"], 6)
        text = json.dumps(line) + "\n"
        with self._writing:
            self._sink.write(text)

    def close(self) -> None:
        """Close the file that this has opened; a stream that was given stays open."""
        if self._own:
            self._sink.close()

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def recorder(sink: str | Path | TextIO) -> Recorder:
    """An observer that writes each step as a line: `Cognito(..., observers=[recorder("steps.jsonl")])`.

    Args:
        sink: a file's path, to be added to; or a stream of text.
    """
    return Recorder(sink)


def exchanges(table: str = "steps") -> str:
    """The common table expression that makes exchanges of lines.

    Args:
        table: the lines, with the columns of `COLUMNS`; `from`, `to` and `at` as `source`, `dest`, `moment`.
    """
    leads = f"""CASE
            WHEN dest = '{State.MFA_SETUP}' AND given = '{AssociateSoftwareToken.trigger}' THEN '{APP_ASSOCIATED}'
            WHEN dest = '{State.MFA_SETUP}' AND given = '{VerifySoftwareToken.trigger}' THEN '{APP_VERIFIED}'
            WHEN dest = '{State.EMAIL_OTP}' AND role = '{Role.FIRST_FACTOR}' THEN '{EMAIL_FIRST_FACTOR}'
            WHEN dest = '{State.EMAIL_OTP}' AND role = '{Role.SECOND_FACTOR}' THEN '{EMAIL_SECOND_FACTOR}'
            ELSE COALESCE(dest, '{UNKNOWN}') END"""
    stays = "(error IS NOT NULL OR lost IS NOT NULL) AND dest = source"
    return f"""
spoken AS (
    SELECT sign_in, step, source, given, under, dest, role, error, lost, moment, COUNT(*) AS copies
    FROM {table}
    GROUP BY sign_in, step, source, given, under, dest, role, error, lost, moment
), from_steps AS (
    SELECT sign_in || ' ' || CAST(step AS VARCHAR) AS id, moment, step AS ranked,
        COALESCE(under, given, '{UNKNOWN}') AS word, COALESCE(error, lost) AS error,
        COALESCE(source = '{State.START}', FALSE) AS opens, FALSE AS beside, FALSE AS alone,
        FALSE AS unattributed, copies, TRUE AS exact, sign_in AS whose, COALESCE(source, '{UNKNOWN}') AS claimed,
        CASE WHEN {stays} THEN NULL ELSE {leads} END AS moves,
        CASE WHEN {stays} THEN NULL ELSE {leads} END AS leads
    FROM spoken
)"""  # noqa: S608 - our own words
