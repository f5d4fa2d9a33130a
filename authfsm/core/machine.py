"""The table run by `transitions`: this is the only module that imports it.

Two doors. `advance` moves a sign-in along the table by one shared machine, built once and lazily, that
drives any number of weightless objects (flyweight). `build` hands out an ordinary `transitions` machine
over the same table to people who want their own callbacks, states and triggers.

In both the guard of an arrow is "this reply goes along it". A new challenge of the same name is a reflexive
external transition: `transitions` leaves the state and enters it again, `on_exit_...` and `on_enter_...`
included. The other self-loops (a retry, an acknowledgement, a restart without the device key) are internal
transitions: the state is not left, and only the machine's own callbacks (`before_state_change`,
`after_state_change`) are called.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from functools import cache, partial
from typing import Any, Protocol, TypeAlias

from attrs import frozen
from transitions import Machine

from authfsm.core.wire_replies import read
from authfsm.protocol.errors import AuthfsmError, ProtocolViolation, Refused, refused
from authfsm.protocol.replies import Refusal, Reply
from authfsm.protocol.responses import RESPONSES, Response, wrap_call
from authfsm.protocol.states import State
from authfsm.protocol.table import (
    NEW_CHALLENGE,
    PROTOCOL,
    TRANSITION_SET,
    TRANSITIONS,
    LoopKind,
    Transition,
    loop_kinds,
    transition_for_reply,
)

Outcome: TypeAlias = "State | LoopKind | Reply | Mapping[str, Any]"
"""Where a reply leads: as a state, a kind of self-loop, a parsed reply, or the very response of a boto3 call."""


class Driver(Protocol):
    """What carries a response to Cognito and says where its reply leads: a `Flow`'s `carry`, or yours."""

    def __call__(
        self, response: type[Response], *args: Any, **kwargs: Any
    ) -> Outcome | Awaitable[Outcome]:
        """Send the response that these arguments make, wait for its reply, say where it leads."""


class Stateful(Protocol):
    """Whatever the shared machine can move."""

    _state: State


@frozen
class LeadsTo:
    """The guard of an arrow: this reply goes along it.

    Args:
        arrow: the arrow.
    """

    arrow: Transition

    @property
    def __name__(self) -> str:
        """What diagrams print."""
        return f"leads_to_{self.arrow.dest}"

    def __call__(self, event: Any) -> bool:
        """Does the reply of this event lead here? When merely asked (`may_...`) with no reply: it may."""
        return bool(getattr(event, "leads_to", self.arrow) == self.arrow)


def _arrows(guard: Callable[[Transition], Any]) -> list[dict[str, Any]]:
    # A transition without a destination is what `transitions` calls internal.
    return [
        {
            "trigger": arrow.response.trigger,
            "source": arrow.source,
            "dest": arrow.dest if arrow.kind in {None, NEW_CHALLENGE} else None,
            "conditions": guard(arrow),
        }
        for arrow in TRANSITIONS
    ]


# ---- the shared machine ------------------------------------------------------------------------------


@cache
def _shared() -> Machine:
    # Never queued: a queued machine answers True without having moved.
    return Machine(
        model=None,
        states=State,
        initial=State.START,
        transitions=_arrows(_Kept),
        auto_transitions=False,  # no back doors such as to_AUTHENTICATED()
        send_event=True,
        model_attribute="_state",
    )


@frozen
class _Kept:
    """The shared machine's guard: the arrow comes as the event's only argument."""

    arrow: Transition

    def __call__(self, event: Any) -> bool:
        given: Transition = event.args[0]
        return given.dest is self.arrow.dest and given.kind is self.arrow.kind


def advance(model: Stateful, arrow: Transition) -> None:
    """Move an object along an arrow of the table.

    Args:
        model: an object whose `_state` says where it stands: the arrow's source.
        arrow: the arrow that its reply goes along.

    Raises:
        OffTheTable: the table has no such arrow; the object stands where it stood.
    """
    # transitions itself would return False in silence where no guard passes.
    if arrow not in TRANSITION_SET:
        raise ProtocolViolation(arrow.source, arrow.response, arrow.dest)
    _shared().events[arrow.response.trigger].trigger(model, arrow)


# ---- a machine of your own ---------------------------------------------------------------------------


@frozen
class _Hear:
    """Before a trigger's guards are asked: get the reply, and note on the event where it leads."""

    driver: Driver | None

    __name__ = "hear"

    def __call__(self, event: Any) -> Awaitable[None] | None:
        response = RESPONSES.get(event.event.name)
        source = event.state.value
        if response is None or not isinstance(source, State) or response not in PROTOCOL[source]:
            return None  # somebody's own trigger, or one of ours in a state of theirs
        # `may_...` asks with an event of its own making: a question must not send anything.
        asked = event.machine.events.get(event.event.name) is not event.event
        if self.driver is None:
            if event.args or not asked:
                self._note(event, response, event.args[0] if event.args else None)
            return None
        if asked:
            return None
        try:
            outcome = self.driver(response, *event.args, **event.kwargs)
        except AuthfsmError as error:
            self._note_error(event, response, error)
            return None
        if inspect.isawaitable(outcome):
            return self._await(event, response, outcome)
        self._note(event, response, outcome)
        return None

    async def _await(
        self, event: Any, response: type[Response], outcome: Awaitable[Outcome]
    ) -> None:
        try:
            heard = await outcome
        except AuthfsmError as error:
            self._note_error(event, response, error)
        else:
            self._note(event, response, heard)

    @staticmethod
    def _note(event: Any, response: type[Response], outcome: Outcome | None) -> None:
        source = event.state.value
        if isinstance(outcome, Mapping):
            outcome = read(outcome, response, state=source)
        if isinstance(outcome, Reply):
            leads_to = transition_for_reply(source, response, outcome)
            if leads_to is None and isinstance(outcome, Refusal):
                raise refused(outcome, state=source)
        elif isinstance(outcome, LoopKind):
            leads_to = Transition(source, response, source, outcome)
        elif isinstance(outcome, State):
            leads_to = Transition(source, response, outcome, _usual(source, response, outcome))
        else:
            raise TypeError(
                f"{event.event.name}() takes its reply: a State, a LoopKind, a Reply, or a boto3 response,"
                f" not {type(outcome).__name__}"
            )
        if leads_to not in TRANSITION_SET:
            raise ProtocolViolation(source, response, leads_to.dest if leads_to else source)
        event.leads_to = leads_to

    @staticmethod
    def _note_error(event: Any, response: type[Response], error: AuthfsmError) -> None:
        """A refusal moves the machine as it moved the driver's sign-in, and is raised after the move."""
        source = event.state.value
        arrow = (
            transition_for_reply(source, response, error.refusal)
            if isinstance(error, Refused)
            else None
        )
        if arrow is None or arrow.dest is not error.state or arrow not in TRANSITION_SET:
            raise error
        event.leads_to = arrow
        event.refused = error


def _usual(source: State, response: type[Response], dest: State) -> LoopKind | None:
    """The kind of a self-loop of which only the state is given: a new challenge, where one may come."""
    if dest is not source:
        return None
    kinds = loop_kinds(source, PROTOCOL[source][response])
    return NEW_CHALLENGE if NEW_CHALLENGE in kinds else next(iter(kinds), None)


def _raise_refusal(event: Any) -> None:
    error = getattr(event, "refused", None)
    if error is not None:
        raise error


def build(
    model: Any = Machine.self_literal,
    driver: Driver | None = None,
    machine_cls: type[Machine] = Machine,
    **options: Any,
) -> Machine:
    """An ordinary `transitions` machine over the protocol's table, for people who embed the machine itself.

    Everything in `transitions`' users' guide applies: `on_enter_SMS_MFA` and the other callbacks, `may_code`,
    `get_triggers`, your own states and triggers, pickling. States are `authfsm.State` members, triggers
    are the responses' names (`user_srp_auth`, `srp_claim`, `code`).

    Args:
        model: the object (or list of objects) that gets the triggers; left out, the machine itself.
        driver: what carries the conversation; `model.code("123456")` then sends the code, hears the reply
            and moves. `Flow.carry` is one; with AsyncMachine it may return an awaitable. Left out, a
            trigger takes its reply, or the state it leads to: `model.code(State.AUTHENTICATED)`. The state
            it stands in means a new challenge, where one may come; `model.code(LoopKind.RETRY)` names the
            kind of self-loop.
        machine_cls: Machine, GraphMachine, AsyncMachine, or a class of yours.
        **options: whatever else `transitions.Machine` takes; `prepare_event`, `after_state_change` and
            `transitions` are added to.

    Returns:
        The machine.

    Raises:
        ValueError: `send_event=False`: the guards read the event. A HierarchicalMachine: its separator
            is in the challenges' names.

    The triggers raise, beside what `transitions` raises: OffTheTable for a reply that the table does not
    have; with a driver, the driver's own errors, after the machine has moved where the sign-in moved.
    """
    if any(base.__name__ == "HierarchicalMachine" for base in machine_cls.__mro__):
        raise ValueError('a HierarchicalMachine takes the "_" in challenge names for nesting')
    if options.pop("send_event", True) is not True:
        raise ValueError("the machine needs send_event=True: its guards read the event")
    prepare = options.pop("prepare_event", None) or []
    after = options.pop("after_state_change", None) or []
    own = options.pop("transitions", None) or []
    more = options.pop("states", None) or []
    hear: Any = _Hear(driver)
    machine = machine_cls(
        model=None,
        states=[*State, *more],
        transitions=[*own, *_arrows(LeadsTo)],
        initial=options.pop("initial", State.START),
        auto_transitions=options.pop("auto_transitions", False),
        send_event=True,
        prepare_event=[hear, *(prepare if isinstance(prepare, list) else [prepare])],
        after_state_change=[*(after if isinstance(after, list) else [after]), _raise_refusal],
        **options,
    )
    if driver is not None:  # before the model gets its triggers
        machine._get_trigger = partial(_get_trigger, machine)  # type: ignore[method-assign]  # noqa: SLF001 - `model.trigger` is made of it
        for name in RESPONSES.keys() & machine.events.keys():
            event = machine.events[name]
            event.trigger = partial(_trigger, event)  # type: ignore[method-assign] # for this event alone
    machine.add_model(model)
    return machine


def _trigger(event: Any, model: Any, *args: Any, **kwargs: Any) -> Any:
    """`transitions.Event.trigger`; the frames of `transitions` see passwords and codes wrapped."""
    args, kwargs = wrap_call(RESPONSES[event.name], args, kwargs)
    return type(event).trigger(event, model, *args, **kwargs)


def _get_trigger(machine: Any, model: Any, trigger_name: str, *args: Any, **kwargs: Any) -> Any:
    """`transitions.Machine._get_trigger`, which is `model.trigger(...)`; likewise."""
    args, kwargs = wrap_call(RESPONSES.get(trigger_name), args, kwargs)
    return type(machine)._get_trigger(machine, model, trigger_name, *args, **kwargs)  # noqa: SLF001 - the same
