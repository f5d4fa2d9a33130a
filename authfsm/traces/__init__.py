"""Recorded sign-ins: record them, read them from CloudTrail logs, and check them against the protocol.

    recorder("steps.jsonl")            an observer that writes each step: Cognito(client, observers=[...])
    record(client, "steps.jsonl")      the same for any code that signs in through a boto3 client
    TraceFiles("logs/**/*.json.gz")    recorded steps or CloudTrail events, checked and counted (extra: trace)
    sql("athena")                      the query of `TraceFiles`, for logs that are too large for one machine
    funnel_from_rows(rows)             the `Funnel` of the rows that the query returns, from any engine

The names in `__all__` are public, and so is `authfsm.traces.anonymiser`. All other modules are private.
Each name is imported at its first use.
"""

from __future__ import annotations

from authfsm.base.lazy_names import lazy_names

__getattr__, __dir__, _module_of = lazy_names(__name__, __file__)
__all__ = sorted(_module_of)  # noqa: PLE0605 - the names in the stub
