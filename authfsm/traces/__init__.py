"""Recorded sign-ins: record them, read them from CloudTrail logs, and check them against the protocol.

    recorder("steps.jsonl")            an observer that writes each step: Cognito(client, observers=[...])
    record(client, "steps.jsonl")      the same for any code that signs in through a boto3 client
    TraceFiles("logs/**/*.json.gz")    recorded steps or CloudTrail events, checked and counted (extra: trace)
    sql("athena")                      the query behind it, for logs that are too large for one machine
    funnel_from_rows(rows)             the result of that query's rows, from any engine

The names in `__all__` are public, and so is `authfsm.traces.anonymiser`. All other modules are private.
Each name is imported at its first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from authfsm.traces.client_recording import Recording as Recording
    from authfsm.traces.client_recording import record as record
    from authfsm.traces.funnels import Funnel as Funnel
    from authfsm.traces.funnels import InputSummary as InputSummary
    from authfsm.traces.funnels import StepDuration as StepDuration
    from authfsm.traces.funnels import TransitionCount as TransitionCount
    from authfsm.traces.log_symbols import CheckedStep as CheckedStep
    from authfsm.traces.log_symbols import Verdict as Verdict
    from authfsm.traces.query import UnknownDialect as UnknownDialect
    from authfsm.traces.query import sql as sql
    from authfsm.traces.sources import UnreadableTraceFile as UnreadableTraceFile
    from authfsm.traces.step_log import Recorder as Recorder
    from authfsm.traces.step_log import recorder as recorder
    from authfsm.traces.trace_files import InvalidMemoryLimit as InvalidMemoryLimit
    from authfsm.traces.trace_files import OutOfResources as OutOfResources
    from authfsm.traces.trace_files import TraceFiles as TraceFiles
    from authfsm.traces.trace_files import funnel_from_rows as funnel_from_rows

_EXPORTS: Final = {
    "client_recording": "Recording record",
    "funnels": "Funnel InputSummary StepDuration TransitionCount",
    "log_symbols": "CheckedStep Verdict",
    "query": "UnknownDialect sql",
    "sources": "UnreadableTraceFile",
    "step_log": "Recorder recorder",
    "trace_files": "InvalidMemoryLimit OutOfResources TraceFiles funnel_from_rows",
}
_MODULE_OF: Final = {
    name: f"{__name__}.{module}" for module, names in _EXPORTS.items() for name in names.split()
}

__all__ = sorted(_MODULE_OF)  # noqa: PLE0605 - `_EXPORTS` is the one list; a test compares it with the imports


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_MODULE_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*globals(), *__all__]
