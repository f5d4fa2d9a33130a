"""A span for each step: its parent, its name, its duration, its attributes, and no secret."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from joserfc.jwk import RSAKey
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode, Tracer
from scenario_user_async import async_cognito

from authfsm import State
from authfsm.core.history import Step
from authfsm.drivers.boto import Flow
from authfsm.local import LocalPool, ManualClock
from authfsm.observers import Observation
from authfsm.observers.otel import spans
from authfsm.protocol import responses as r
from authfsm.protocol.errors import ConnectionLost, RefusedUser

PASSWORD = "Correct-Horse-1"


@pytest.fixture
def pool(signing_key: RSAKey) -> LocalPool:
    """A pool whose users receive a code by SMS."""
    local_pool = LocalPool(mfa="ON", mfa_methods=["SMS_MFA"], key=signing_key)
    local_pool.add_user("ada", PASSWORD, phone_number="+15555550143")
    return local_pool


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    """An exporter that keeps the finished spans."""
    return InMemorySpanExporter()


@pytest.fixture
def provider(exporter: InMemorySpanExporter) -> Iterator[TracerProvider]:
    """A tracer provider of this test, which is not set globally."""
    tracer_provider = TracerProvider()
    tracer_provider.add_span_processor(SimpleSpanProcessor(exporter))
    yield tracer_provider
    tracer_provider.shutdown()


def summary(span: ReadableSpan) -> tuple[Any, ...]:
    """Return the attributes of a span."""
    return span.name, dict(span.attributes or {}), span.status.status_code, span.status.description


def converse(pool: LocalPool, provider: TracerProvider, tracer: Tracer) -> str:
    """Sign in during two requests of an application."""
    cognito = pool.cognito(observers=[spans(provider)])
    with tracer.start_as_current_span("POST /login"):
        flow = cognito.sign_in("ada", PASSWORD)
    with tracer.start_as_current_span("POST /code"):
        with pytest.raises(RefusedUser):
            flow.answer(r.Code("40932177"))
        flow.answer(r.Code(pool.outbox.code_for("ada")))
    return flow.sign_in_id


async def converse_awaited(pool: LocalPool, provider: TracerProvider, tracer: Tracer) -> str:
    """Sign in with the async driver, on a loop that serves another request meanwhile."""
    cognito = async_cognito(pool, observers=[spans(provider)])

    async def other() -> None:
        with tracer.start_as_current_span("GET /other"):
            await asyncio.sleep(0.01)

    async def mine() -> str:
        with tracer.start_as_current_span("POST /login"):
            flow = await cognito.sign_in("ada", PASSWORD)
        with tracer.start_as_current_span("POST /code"):
            with pytest.raises(RefusedUser):
                await flow.answer(r.Code("40932177"))
            await flow.answer(r.Code(pool.outbox.code_for("ada")))
        return flow.sign_in_id

    return (await asyncio.gather(mine(), other()))[0]


@pytest.mark.parametrize("driver", ["sync", "async"])
def test_a_span_for_each_step(
    pool: LocalPool, provider: TracerProvider, exporter: InMemorySpanExporter, driver: str
) -> None:
    """Each step's span is a child of its request's and has the transition's name; a refusal is an error."""
    tracer = provider.get_tracer("the application")
    if driver == "sync":
        sign_in = converse(pool, provider, tracer)
    else:
        sign_in = asyncio.run(converse_awaited(pool, provider, tracer))

    spans = exporter.get_finished_spans()
    requests = {span.name: span for span in spans if not span.name.startswith("sign_in")}
    steps = [span for span in spans if span.name.startswith("sign_in")]
    common = {"authfsm.sign_in.id": sign_in, "authfsm.flow": "USER_SRP_AUTH"}
    assert [summary(span) for span in steps] == [
        (
            "sign_in START user_srp_auth",
            {
                **common,
                "authfsm.step": 1,
                "authfsm.response": "user_srp_auth",
                "authfsm.state.from": "START",
                "authfsm.state.to": "PASSWORD_VERIFIER",
                "authfsm.role": "first factor",
            },
            StatusCode.UNSET,
            None,
        ),
        (
            "sign_in PASSWORD_VERIFIER srp_claim",
            {
                **common,
                "authfsm.step": 2,
                "authfsm.response": "srp_claim",
                "authfsm.state.from": "PASSWORD_VERIFIER",
                "authfsm.state.to": "SMS_MFA",
                "authfsm.role": "second factor",
            },
            StatusCode.UNSET,
            None,
        ),
        (
            "sign_in SMS_MFA code",
            {
                **common,
                "authfsm.step": 3,
                "authfsm.response": "code",
                "authfsm.state.from": "SMS_MFA",
                "authfsm.state.to": "SMS_MFA",
                "authfsm.role": "second factor",
                "authfsm.action": "TRY_AGAIN",
                "error.type": "CodeMismatchException",
            },
            StatusCode.ERROR,
            "CodeMismatchException: TRY_AGAIN",
        ),
        (
            "sign_in SMS_MFA code",
            {
                **common,
                "authfsm.step": 4,
                "authfsm.response": "code",
                "authfsm.state.from": "SMS_MFA",
                "authfsm.state.to": "AUTHENTICATED",
            },
            StatusCode.UNSET,
            None,
        ),
    ]
    parents = [requests[name] for name in ("POST /login", "POST /login", "POST /code", "POST /code")]
    for span, parent in zip(steps, parents, strict=True):
        assert (span.parent, span.kind) == (parent.context, SpanKind.CLIENT)
        assert span.start_time and span.end_time and parent.start_time and parent.end_time  # noqa: PT018 - all are there
        # A millisecond for the two clocks: the driver's has microseconds, the request's nanoseconds.
        assert parent.start_time - 1_000_000 <= span.start_time < span.end_time
        assert span.end_time <= parent.end_time + 1_000_000
    # Identifiers are hexadecimal, and may well have an "ada" in them.
    printed = json.dumps([json.loads(span.to_json()) for span in steps])
    assert re.findall(r"\bada\b", printed) == []


def test_a_lost_reply_is_an_error(pool: LocalPool, provider: TracerProvider, exporter: InMemorySpanExporter) -> None:
    """`error.type` is this package's class, and the state is unchanged."""
    cognito = pool.cognito(observers=[spans(provider)])

    def lost(**_: object) -> None:
        raise EndpointConnectionError(endpoint_url="https://nowhere.example")

    cognito.client.meta.events.register_first("before-call.*", lost)
    with pytest.raises(ConnectionLost):
        cognito.sign_in("ada", PASSWORD)

    (span,) = exporter.get_finished_spans()
    name, attributes, status, description = summary(span)
    assert (name, status, description) == (
        "sign_in START user_srp_auth", StatusCode.ERROR, "ConnectionLost: WAIT",
    )  # fmt: skip
    assert attributes["error.type"] == "ConnectionLost"
    assert attributes["authfsm.state.from"] == attributes["authfsm.state.to"] == "START"


def test_a_cancelled_step_is_an_error_without_an_action(
    provider: TracerProvider, exporter: InMemorySpanExporter
) -> None:
    """A cancelled step has no recovery action."""
    at = datetime(2026, 1, 1, tzinfo=timezone.utc)
    step = Step(number=1, source=State.START, response=r.UserSrpAuth, dest=State.START, at=at)

    spans(provider)(Observation("an id", step, 0.25, lost="CancelledError"))

    (span,) = exporter.get_finished_spans()
    assert (span.status.description, span.status.status_code) == (
        "CancelledError", StatusCode.ERROR,
    )  # fmt: skip
    assert span.end_time == int(at.timestamp()) * 10**9
    assert span.start_time == span.end_time - 250_000_000


def test_a_span_lasts_as_long_as_its_step(
    signing_key: RSAKey, provider: TracerProvider, exporter: InMemorySpanExporter
) -> None:
    """A span ends when the reply came by the driver's clock, and lasts as long as its step."""
    observations: list[Observation] = []
    clock = ManualClock()
    pool = LocalPool(key=signing_key, clock=clock)
    pool.add_user("ada", PASSWORD)
    flow: Flow = pool.cognito(observers=[spans(provider), observations.append]).sign_in("ada", PASSWORD)

    for span, each in zip(exporter.get_finished_spans(), observations, strict=True):
        assert span.end_time is not None
        assert span.start_time is not None
        assert span.end_time // 1000 == round(clock().timestamp() * 1e6)
        assert span.end_time - span.start_time == round(each.seconds * 1e9)
    assert flow.done
