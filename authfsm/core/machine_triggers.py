"""Handles calls of the triggers of a machine of `build`: wraps secrets, calls the driver and selects the transition.

This module calls methods of `transitions`, but only `authfsm.core.machine` imports that package.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Mapping
from functools import partial
from typing import Any, Final, Protocol, TypeAlias

from authfsm.base.secret import Secret
from authfsm.core.wire_replies import read, wrapped_reply
from authfsm.protocol import errors as e
from authfsm.protocol import table as t
from authfsm.protocol.nodes import has_credentials
from authfsm.protocol.replies import Refusal, Reply
from authfsm.protocol.responses import RESPONSES, Response, wrap_call
from authfsm.protocol.states import State

Outcome: TypeAlias = "State | t.LoopKind | Reply | Mapping[str, Any]"
_OUTCOMES: Final = (State, t.LoopKind, Reply, Mapping)


class Driver(Protocol):
    """Sends a response to Cognito; returns the state, the transition's kind or the reply. `Flow.carry` is a driver."""

    def __call__(self, response: type[Response], *args: Any, **kwargs: Any) -> Outcome | Awaitable[Outcome]:
        """Send a response of this class with these arguments, and return its outcome."""


def _no_driver(_: type[Response], *__: Any, **___: Any) -> Outcome:
    raise e.InvalidOperation(
        "this machine was copied or unpickled, and has no driver: call authfsm.set_driver(machine, flow.carry)"
    )


class GetReply:
    """Runs before a trigger's conditions: gets the reply, and stores the transition on the event."""

    __name__ = "get_reply"

    def __init__(self, driver: Driver | None, prefix: str) -> None:
        self.driver = driver
        self.prefix = prefix

    def __getstate__(self) -> dict[str, Any]:
        """Return the attributes without the driver, which holds a client and secrets."""
        return {**vars(self), "driver": None if self.driver is None else _no_driver}

    def response_type(self, trigger: str) -> type[Response] | None:
        """Return the response class of a trigger; None for a trigger that the application added."""
        has_prefix = trigger.startswith(self.prefix)
        return RESPONSES.get(trigger.removeprefix(self.prefix)) if has_prefix else None

    def wrapped(
        self, trigger: str, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return a trigger's arguments with the secrets wrapped, so that no frame of `transitions` shows them."""
        response_type = self.response_type(trigger)
        is_outcome = self.driver is None and isinstance((*args, None)[0], _OUTCOMES)
        if response_type is None or is_outcome:
            return tuple(map(_opaque, args)), kwargs
        return wrap_call(response_type, args, kwargs)[1:]

    def __call__(self, event: Any) -> Awaitable[None] | None:
        """Get the reply, and store the transition on the event."""
        response_type = self.response_type(event.event.name)
        source = event.state.value
        if response_type is None or not isinstance(source, State) or response_type not in t.PROTOCOL[source]:
            return None  # the application added this trigger or this state
        if self.driver is None:
            if event.args or not is_may_call(event):
                _store(event, response_type, event.args[0] if event.args else None, is_from_driver=False)
            return None
        if is_may_call(event):
            return None
        try:
            outcome = _opaque(self.driver(response_type, *event.args, **event.kwargs))
        except e.AuthfsmError as error:
            _store_error(event, response_type, error)
        else:
            if inspect.isawaitable(outcome):
                if not inspect.iscoroutinefunction(type(event.event).trigger):
                    getattr(outcome, "close", bool)()  # otherwise Python warns that it was never awaited
                    raise TypeError("an asynchronous driver needs build(..., machine_cls=AsyncMachine)")
                return self._await(event, response_type, outcome)
            _store(event, response_type, outcome)
        return None

    async def _await(self, event: Any, response_type: type[Response], outcome: Awaitable[Outcome]) -> None:
        try:
            result = _opaque(await outcome)
        except e.AuthfsmError as error:
            _store_error(event, response_type, error)
        else:
            _store(event, response_type, result)

    def call(self, machine: Any, method: str, model: Any, trigger: str, *args: Any, **kw: Any) -> Any:
        """Wrap the secrets, and call the method of `Machine` that implements `model.trigger` or `model.may_...`."""
        args, kw = self.wrapped(trigger, args, kw)
        return getattr(type(machine), method)(machine, model, trigger, *args, **kw)

    def call_event(self, event: Any, model: Any, *args: Any, **kwargs: Any) -> Any:
        """Call `transitions.Event.trigger` with the secrets wrapped."""
        args, kwargs = self.wrapped(event.name, args, kwargs)
        return type(event).trigger(event, model, *args, **kwargs)


def is_may_call(event: Any) -> bool:
    """Return whether the event comes from `may_...`, which must not send anything."""
    return event.machine.events.get(event.event.name) is not event.event


def _store(event: Any, response_type: type[Response], outcome: Any, *, is_from_driver: bool = True) -> None:
    source = event.state.value
    if isinstance(outcome, Secret) and isinstance(outcome.reveal(), Mapping):
        outcome = read(outcome, response_type, state=source)
    if isinstance(outcome, Reply):
        transition = t.transition_for_reply(source, response_type, outcome)
        if transition is None and isinstance(outcome, Refusal):
            raise e.refused(outcome, state=source, credentials=has_credentials(source, response_type))
    elif isinstance(outcome, t.LoopKind):
        transition = t.Transition(source, response_type, source, outcome)
    elif isinstance(outcome, State):
        kind = _default_kind(source, response_type, outcome)
        transition = t.Transition(source, response_type, outcome, kind)
    else:
        found = type(outcome.reveal() if isinstance(outcome, Secret) else outcome).__name__
        outcomes = f"a State, a LoopKind, a Reply or what boto3 returned, not {found}"
        if is_from_driver:
            raise TypeError(f"the driver must return {outcomes}: {event.event.name}() moved nothing")
        raise TypeError(f"{event.event.name}() takes {outcomes}; to send an answer, pass a driver to build()")
    if transition not in t.TRANSITION_SET:
        raise e.ProtocolViolation(source, response_type, transition.dest if transition else source)
    event.transition_made = transition


def _store_error(event: Any, response_type: type[Response], error: e.AuthfsmError) -> None:
    """Store a refusal and the transition it made, so that `raise_refusal` raises it later; raise other errors now."""
    source = event.state.value
    transition = None
    if isinstance(error, e.Refused):
        transition = t.transition_for_reply(source, response_type, error.refusal)
    if transition is None or transition.dest is not error.state or transition not in t.TRANSITION_SET:
        raise error
    event.transition_made = transition
    event.refused = error


def _opaque(value: Any) -> Any:
    """Wrap a mapping in `Secret`, because a reply of boto3 has sessions and tokens; return other values unchanged."""
    return wrapped_reply(value) if isinstance(value, Mapping) else value


def _default_kind(source: State, response_type: type[Response], dest: State) -> t.LoopKind | None:
    """Return the kind of a transition: None if the state changes, otherwise NEW_CHALLENGE if the table has it."""
    if dest is not source:
        return None
    kinds = t.loop_kinds(source, t.PROTOCOL[source][response_type])
    return t.NEW_CHALLENGE if t.NEW_CHALLENGE in kinds else next(iter(kinds), None)


def raise_refusal(event: Any) -> None:
    """Raise the driver's refusal; runs after the machine has moved."""
    error = getattr(event, "refused", None)
    if error is not None:
        raise error


class UnsuitableModel(e.CallerError, ValueError):
    """The triggers cannot be added to a model; none was added. `model` is its class, `why` the reason and remedy."""

    def __init__(self, model: type, why: str) -> None:
        super().__init__(f"{model.__name__} {why}")
        self.model = model
        self.why = why


def add_model(machine: Any, model: Any, *args: Any, **kwargs: Any) -> None:
    """Call `transitions.Machine.add_model`, or raise UnsuitableModel if it would skip a trigger or fail to set one."""
    names = {name for each in machine.events for name in (each, f"may_{each}")}
    is_many = isinstance(model, (list, tuple)) and not hasattr(model, "_fields")  # a namedtuple is one model
    for each in model if is_many else [model]:
        if each is None or each is machine.self_literal or machine.model_override:
            continue
        present = filter(partial(hasattr, each), sorted({"trigger", "may_trigger"} | names))
        conflicts = [name for name in present if not _is_trigger_of(machine, getattr(each, name))]
        if why := _why_unsuitable(each, machine.model_attribute, conflicts):
            raise UnsuitableModel(type(each), why)
    type(machine).add_model(machine, model, *args, **kwargs)


def _why_unsuitable(model: Any, state: str, taken: list[str]) -> str | None:
    if not hasattr(model, "__dict__") or isinstance(model, tuple):
        return (
            "cannot get triggers, because it has no __dict__ (__slots__, attrs.define, a namedtuple): add"
            ' "__dict__" to its __slots__, or call build(None).events["code"].trigger(model, ...)'
        )
    if taken:
        return (
            f"already has {', '.join(taken)}, so it cannot get the triggers of that name: rename these attributes,"
            ' or add a prefix to the triggers of the protocol: with build(..., prefix="auth_"), code is auth_code'
        )
    try:
        setattr(model, state, getattr(model, state, None))
    except (AttributeError, TypeError, ValueError):  # ValueError: a frozen model of pydantic
        return f"has an attribute {state!r} that cannot be set: use a model to whose {state} a value can be assigned"
    return None


def _is_trigger_of(machine: Any, value: Any) -> bool:
    """Return whether a value is a trigger of this machine, because the model has been added before."""
    owners = value.args[:1] if isinstance(value, partial) else ()
    return any(each is machine or getattr(each, "machine", None) is machine for each in owners)
