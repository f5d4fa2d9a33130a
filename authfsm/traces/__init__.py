"""What really happened: sign-ins recorded, read from CloudTrail, and held against the table.

    recorder("steps.jsonl")            an observer: Cognito(client, observers=[...]) writes each step
    record(client, "steps.jsonl")      the same of anybody's code, through its boto3 client
    Trail("logs/**/*.json.gz")         steps or CloudTrail's events, replayed and summed up (extra: trace)
    sql("athena")                      the query itself, for trails that outgrow one machine
    gathered(rows)                     what its rows come to, whichever engine gave them

Nothing is imported before it is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from authfsm.traces.funnels import Funnel as Funnel
    from authfsm.traces.funnels import TransitionCount as TransitionCount
    from authfsm.traces.funnels import Wait as Wait
    from authfsm.traces.lines import Recorder as Recorder
    from authfsm.traces.lines import recorder as recorder
    from authfsm.traces.loading import Read as Read
    from authfsm.traces.query import UnknownDialect as UnknownDialect
    from authfsm.traces.query import sql as sql
    from authfsm.traces.recording import Recording as Recording
    from authfsm.traces.recording import record as record
    from authfsm.traces.replay import BadMemory as BadMemory
    from authfsm.traces.replay import OutOfResources as OutOfResources
    from authfsm.traces.replay import Trail as Trail
    from authfsm.traces.replay import gathered as gathered
    from authfsm.traces.sources import BadTrail as BadTrail
    from authfsm.traces.verdicts import Traced as Traced
    from authfsm.traces.verdicts import Verdict as Verdict

_EXPORTS: Final = {
    "funnels": "Funnel Taken Wait",
    "lines": "Recorder recorder",
    "loading": "Read",
    "query": "UnknownDialect sql",
    "recording": "Recording record",
    "replay": "BadMemory NoRoom Trail gathered",
    "sources": "BadTrail",
    "verdicts": "Traced Verdict",
}
_WHERE: Final = {
    name: f"{__name__}.{room}" for room, names in _EXPORTS.items() for name in names.split()
}

__all__ = sorted(_WHERE)  # noqa: PLE0605 - the table above is the one list; a test holds it to the imports


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_WHERE[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*globals(), *__all__]
