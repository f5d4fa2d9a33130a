"""The triggers of a machine of `build`: they wrap secrets, get the reply from the driver, and find where it leads.

They call methods of `transitions`, which only `authfsm.core.machine` imports.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Mapping
from functools import partial
from typing import Any, Final, Protocol, TypeAlias, cast

from authfsm.base.secret import Secret
from authfsm.core.wire_replies import read
from authfsm.protocol import errors as e
from authfsm.protocol import table as t
from authfsm.protocol.replies import Refusal, Reply
from authfsm.protocol.responses import RESPONSES, Response, wrap_call
from authfsm.protocol.states import State

Outcome: TypeAlias = "State | t.LoopKind | Reply | Mapping[str, Any]"
_OUTCOMES: Final = (State, t.LoopKind, Reply, Mapping)


class Driver(Protocol):
    """Sends a response to Cognito and returns where its reply leads: `Flow.carry`, or a function of yours."""

    def __call__(self, response: type[Response], *args: Any, **kwargs: Any) -> Outcome | Awaitable[Outcome]:
        """Send the response that these arguments make, and return where its reply leads."""


def _no_driver(_: type[Response], *__: Any, **___: Any) -> Outcome:
    raise e.InvalidOperation(
        "this machine was copied or unpickled, and has no driver: call authfsm.set_driver(machine, flow.carry)"
    )


class GetReply:
    """Runs before a trigger's conditions: gets the reply, and stores on the event where it leads."""

    __name__ = "get_reply"

    def __init__(self, driver: Driver | None, prefix: str) -> None:
        self.driver = driver
        self.prefix = prefix

    def __getstate__(self) -> dict[str, Any]:
        """Return the state without the driver, which holds a client and secrets."""
        return {**vars(self), "driver": None if self.driver is None else _no_driver}

    def response(self, trigger: str) -> type[Response] | None:
        """Return the response class of a trigger; None of one that the application added."""
        known = trigger.startswith(self.prefix)
        return RESPONSES.get(trigger.removeprefix(self.prefix)) if known else None

    def wrapped(
        self, trigger: str, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return a trigger's arguments with the secrets wrapped, before the frames of `transitions` hold them."""
        response = self.response(trigger)
        is_outcome = self.driver is None and isinstance((*args, None)[0], _OUTCOMES)
        if response is None or is_outcome:
            return tuple(map(_opaque, args)), kwargs
        return wrap_call(response, args, kwargs)

    def __call__(self, event: Any) -> Awaitable[None] | None:
        """Get the reply, and store on the event where it leads."""
        response = self.response(event.event.name)
        source = event.state.value
        if response is None or not isinstance(source, State) or response not in t.PROTOCOL[source]:
            return None  # a trigger or a state that the application added
        if self.driver is None:
            if event.args or not is_question(event):
                _store(event, response, event.args[0] if event.args else None)
            return None
        if is_question(event):
            return None  # `may_...` must not send anything
        try:
            outcome = _opaque(self.driver(response, *event.args, **event.kwargs))
        except e.AuthfsmError as error:
            _store_error(event, response, error)
        else:
            if inspect.isawaitable(outcome):
                return self._await(event, response, outcome)
            _store(event, response, outcome)
        return None

    async def _await(self, event: Any, response: type[Response], outcome: Awaitable[Outcome]) -> None:
        try:
            result = _opaque(await outcome)
        except e.AuthfsmError as error:
            _store_error(event, response, error)
        else:
            _store(event, response, result)

    def call(self, machine: Any, method: str, model: Any, trigger: str, *args: Any, **kw: Any) -> Any:
        """As this method of `transitions.Machine`, behind `model.trigger` and `model.may_...`; wraps secrets."""
        args, kw = self.wrapped(trigger, args, kw)
        return getattr(type(machine), method)(machine, model, trigger, *args, **kw)

    def call_event(self, event: Any, model: Any, *args: Any, **kwargs: Any) -> Any:
        """As `transitions.Event.trigger`, but with passwords and codes wrapped before its frames hold them."""
        args, kwargs = self.wrapped(event.name, args, kwargs)
        return type(event).trigger(event, model, *args, **kwargs)


def is_question(event: Any) -> bool:
    """Return whether the event comes from `may_...`, which must not send anything."""
    return event.machine.events.get(event.event.name) is not event.event


def _store(event: Any, response: type[Response], outcome: Any) -> None:
    source = event.state.value
    if isinstance(outcome, Secret) and isinstance(outcome.reveal(), Mapping):
        outcome = _read(outcome, response, source)
    if isinstance(outcome, Reply):
        transition = t.transition_for_reply(source, response, outcome)
        if transition is None and isinstance(outcome, Refusal):
            raise e.refused(outcome, state=source)
    elif isinstance(outcome, t.LoopKind):
        transition = t.Transition(source, response, source, outcome)
    elif isinstance(outcome, State):
        kind = _default_kind(source, response, outcome)
        transition = t.Transition(source, response, outcome, kind)
    else:
        found = type(outcome.reveal() if isinstance(outcome, Secret) else outcome).__name__
        raise TypeError(
            f"{event.event.name}() takes its reply: a State, a LoopKind, a Reply, or a boto3 response, not {found};"
            " to send an answer, pass a driver to build()"
        )
    if transition not in t.TRANSITION_SET:
        raise e.ProtocolViolation(source, response, transition.dest if transition else source)
    event.leads_to = transition


def _store_error(event: Any, response: type[Response], error: e.AuthfsmError) -> None:
    """Let a refusal move the machine as it moved the driver's sign-in; it is raised after the move."""
    source = event.state.value
    transition = None
    if isinstance(error, e.Refused):
        transition = t.transition_for_reply(source, response, error.refusal)
    if transition is None or transition.dest is not error.state or transition not in t.TRANSITION_SET:
        raise error
    event.leads_to = transition
    event.refused = error


def _opaque(value: Any) -> Any:
    """Return a boto3 response, which has sessions and tokens, as a `Secret`; anything else as it is."""
    return Secret(cast("Any", value)) if isinstance(value, Mapping) else value


def _read(reply: Secret[Any], response: type[Response], source: State) -> Reply:
    """Return the parsed reply; no frame of an error holds it."""
    try:
        return read(reply.reveal(), response, state=source)
    except e.MalformedReply as error:
        malformed = e.MalformedReply(error.why, state=source)
    raise malformed


def _default_kind(source: State, response: type[Response], dest: State) -> t.LoopKind | None:
    """Return the kind of a self-loop for which only the state is known: a new challenge, if one may come."""
    if dest is not source:
        return None
    kinds = t.loop_kinds(source, t.PROTOCOL[source][response])
    return t.NEW_CHALLENGE if t.NEW_CHALLENGE in kinds else next(iter(kinds), None)


def raise_refusal(event: Any) -> None:
    """Raise the driver's refusal that moved the machine; runs after the move."""
    error = getattr(event, "refused", None)
    if error is not None:
        raise error


class UnsuitableModel(e.CallerError, ValueError):
    """A model (its class) cannot have the triggers and was not changed; `why` says what to do."""

    def __init__(self, model: type, why: str) -> None:
        super().__init__(f"{model.__name__} {why}")
        self.model = model
        self.why = why


def add_model(machine: Any, model: Any, *args: Any, **kwargs: Any) -> None:
    """As `transitions.Machine.add_model`, but raises where that would skip a trigger, or cannot set it or the state."""
    names = {name for each in machine.events for name in (each, f"may_{each}")}
    is_many = isinstance(model, (list, tuple)) and not hasattr(model, "_fields")  # a namedtuple is one model
    for each in model if is_many else [model]:
        if each is None or each is machine.self_literal or machine.model_override:
            continue
        present = filter(partial(hasattr, each), sorted({"trigger", "may_trigger"} | names))
        taken = [name for name in present if not _is_of(machine, getattr(each, name))]
        if why := _why_not_settable(each, machine.model_attribute, taken):
            raise UnsuitableModel(type(each), why)
    type(machine).add_model(machine, model, *args, **kwargs)


def _why_not_settable(model: Any, state: str, taken: list[str]) -> str | None:
    if not hasattr(model, "__dict__") or isinstance(model, tuple):
        return (
            "cannot get triggers, because it has no __dict__ (__slots__, attrs.define, a namedtuple): add"
            ' "__dict__" to its __slots__, or call build(None).events["code"].trigger(model, ...)'
        )
    if taken:
        return (
            f"has {', '.join(taken)} already, so it cannot get the triggers of that name: rename them, or pass"
            ' prefix, for the triggers of the protocol: with build(..., prefix="auth_") code is auth_code'
        )
    try:
        setattr(model, state, getattr(model, state, None))
    except (AttributeError, TypeError, ValueError):  # pydantic's is a ValueError
        return f"does not let its {state} be set: a model must not be frozen, and its {state} not read-only"
    return None


def _is_of(machine: Any, value: Any) -> bool:
    """Return whether a value is a trigger that this machine has made, for a model that is added again."""
    made = value.args[:1] if isinstance(value, partial) else ()
    return any(each is machine or getattr(each, "machine", None) is machine for each in made)
