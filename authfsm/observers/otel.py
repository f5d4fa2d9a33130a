"""A span of OpenTelemetry for each step of a sign-in (extra `authfsm[otel]`). No secret, no user name.

A span is made when its step is over, as a child of what is current where the step was taken: the request
that the application is serving. One sign-in may take several such requests, and processes: the attribute
`authfsm.sign_in.id` joins them.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Final

from opentelemetry.trace import SpanKind, StatusCode, TracerProvider, get_tracer
from opentelemetry.util.types import AttributeValue

from authfsm.observers import Observation, Observer

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)


def spans(tracer_provider: TracerProvider | None = None) -> Observer:
    """An observer that makes a span of each step, named after the table's row: `sign_in SMS_MFA code`.

    "The span name SHOULD be the most general string that identifies a (statistically) interesting class
    of Spans" (OpenTelemetry specification, Span): there are as many as the table has rows. Attributes are
    the step's facts under `authfsm.`, and `error.type` as the semantic conventions have it: Cognito's
    code of a refusal, or this package's class where no reply came; either sets the status ERROR.

    Args:
        tracer_provider: whose spans they are; the global one, if left out.
    """
    tracer = get_tracer("authfsm", tracer_provider=tracer_provider)

    def observer(seen: Observation) -> None:
        step, ended = seen.step, _nanoseconds(seen.step.at)
        span = tracer.start_span(
            f"sign_in {step.source} {step.response.trigger}",
            kind=SpanKind.CLIENT,  # "a request to some remote service"
            attributes=_attributes(seen),
            start_time=None if ended is None else ended - round(seen.seconds * 1e9),
        )
        if trouble := seen.lost or step.error:
            told = f"{trouble}: {step.action}" if step.action else trouble
            span.set_status(StatusCode.ERROR, told)
        span.end(ended)

    return observer


def _attributes(seen: Observation) -> dict[str, AttributeValue]:
    step = seen.step
    facts: dict[str, AttributeValue | None] = {
        "authfsm.sign_in.id": seen.sign_in,
        "authfsm.flow": seen.flow,
        "authfsm.step": step.number,
        "authfsm.response": step.response.trigger,
        "authfsm.state.from": str(step.source),
        "authfsm.state.to": str(step.dest),
        "authfsm.role": step.role and str(step.role),
        "authfsm.action": step.action and str(step.action),
        "error.type": seen.lost or step.error,
    }
    return {name: value for name, value in facts.items() if value is not None}


def _nanoseconds(at: datetime | None) -> int | None:
    """Since 1970: no float has that many digits."""
    return None if at is None else (at - _EPOCH) // timedelta(microseconds=1) * 1000
