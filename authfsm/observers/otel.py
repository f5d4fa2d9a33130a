"""OpenTelemetry spans for the steps of a sign-in (extra `authfsm[otel]`): no secrets, no user names.

A span is created after its step, as a child of the current span, for example of the span of the request that the
application serves. One sign-in may take several such requests, in several processes: the attribute
`authfsm.sign_in.id` connects its spans.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Final

from opentelemetry.trace import SpanKind, StatusCode, TracerProvider, get_tracer
from opentelemetry.util.types import AttributeValue

from authfsm.observers import Observation, Observer

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)


def spans(tracer_provider: TracerProvider | None = None) -> Observer:
    """Return an observer that creates a span for each step, with a name such as `sign_in SMS_MFA code`.

    "The span name SHOULD be the most general string that identifies a (statistically) interesting class
    of Spans" (OpenTelemetry specification, Span), so the name has only the state and the response. The attributes
    `authfsm.*` are the observation's values. `error.type` (semantic conventions) is the code of a refusal, or the name
    of the error's class if no valid reply came. In both cases the span has the status ERROR.

    Args:
        tracer_provider: the provider of the tracer; by default the global one.
    """
    tracer = get_tracer("authfsm", tracer_provider=tracer_provider)

    def observer(observation: Observation) -> None:
        step, at = observation.step, observation.step.at
        # Nanoseconds since 1970 in integers, because a float does not have that many digits.
        ended = None if at is None else (at - _EPOCH) // timedelta(microseconds=1) * 1000
        span = tracer.start_span(
            f"sign_in {step.source} {step.response.trigger}",
            kind=SpanKind.CLIENT,  # "a request to some remote service"
            attributes=_attributes(observation),
            start_time=None if ended is None else ended - round(observation.seconds * 1e9),
        )
        if problem := observation.lost or step.error:
            span.set_status(StatusCode.ERROR, f"{problem}: {step.action}" if step.action else problem)
        span.end(ended)

    return observer


def _attributes(observation: Observation) -> dict[str, AttributeValue]:
    step = observation.step
    attributes: dict[str, AttributeValue | None] = {
        "authfsm.sign_in.id": observation.sign_in,
        "authfsm.flow": observation.flow,
        "authfsm.step": step.number,
        "authfsm.response": step.response.trigger,
        "authfsm.state.from": str(step.source),
        "authfsm.state.to": str(step.dest),
        "authfsm.role": step.role and str(step.role),
        "authfsm.action": step.action and str(step.action),
        "error.type": observation.lost or step.error,
    }
    return {name: value for name, value in attributes.items() if value is not None}
