"""Runs the protocol's table with `transitions`; this is the only module that imports it.

`advance` moves a sign-in along the table. It uses one shared machine, built once and lazily, that moves any
number of light objects. `build` returns an ordinary `transitions` machine over the same table, for people who
want their own callbacks, states and triggers.

The condition of every transition is "the reply leads here". A new challenge of the same name is a reflexive
transition: `transitions` leaves the state and enters it again, with `on_exit_...` and `on_enter_...`. The other
self-loops (a retry, an acknowledgement, a restart without the device key) are internal transitions: the state
is not left, and only the machine's own callbacks (`before_state_change`, `after_state_change`) are called.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from functools import cache, partial
from typing import Any, Protocol, TypeAlias

from attrs import frozen
from transitions import Machine

from authfsm.core.wire_replies import read
from authfsm.protocol.account_table import (
    ACCOUNT_LIFE,
    ACCOUNT_TRANSITIONS,
    AccountOperation,
    AccountTransition,
    UserStatus,
)
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
"""Where a reply leads: a state, a kind of self-loop, a parsed reply, or the response of a boto3 call."""


class Driver(Protocol):
    """Sends a response to Cognito and returns where its reply leads: `Flow.carry`, or a function of yours."""

    def __call__(
        self, response: type[Response], *args: Any, **kwargs: Any
    ) -> Outcome | Awaitable[Outcome]:
        """Send the response that these arguments make, and return where its reply leads."""


class Stateful(Protocol):
    """An object that the shared machine can move."""

    _state: State


@frozen
class LeadsTo:
    """The condition of an arrow of the table: the event's reply leads along it."""

    arrow: Transition

    @property
    def __name__(self) -> str:
        """The name that diagrams of `transitions` print."""
        return f"leads_to_{self.arrow.dest}"

    def __call__(self, event: Any) -> bool:
        """Return whether the event's reply leads here; `may_...` without a reply is true."""
        return bool(getattr(event, "leads_to", self.arrow) == self.arrow)


def _arrows(condition: Callable[[Transition], Any]) -> list[dict[str, Any]]:
    # A transition without a destination is what `transitions` calls internal.
    return [
        {
            "trigger": arrow.response.trigger,
            "source": arrow.source,
            "dest": arrow.dest if arrow.kind in {None, NEW_CHALLENGE} else None,
            "conditions": condition(arrow),
        }
        for arrow in TRANSITIONS
    ]


@cache
def _shared() -> Machine:
    # Never queued=True: a queued machine returns True before it has moved.
    return Machine(
        model=None,
        states=State,
        initial=State.START,
        transitions=_arrows(_IsArrow),
        auto_transitions=False,  # no shortcuts such as to_AUTHENTICATED()
        send_event=True,
        model_attribute="_state",
    )


@frozen
class _IsArrow:
    """The condition in the shared machine: the event's only argument is this arrow."""

    arrow: Transition

    def __call__(self, event: Any) -> bool:
        arrow: Transition = event.args[0]
        return arrow.dest is self.arrow.dest and arrow.kind is self.arrow.kind


def advance(model: Stateful, arrow: Transition) -> None:
    """Move an object along an arrow of the table; its `_state` is the arrow's source.

    Raises:
        ProtocolViolation: the table has no such arrow; the object did not move.
    """
    # transitions itself returns False silently if no condition is met.
    if arrow not in TRANSITION_SET:
        raise ProtocolViolation(arrow.source, arrow.response, arrow.dest)
    _shared().events[arrow.response.trigger].trigger(model, arrow)


@frozen
class _GetReply:
    """Runs before a trigger's conditions: gets the reply, and stores on the event where it leads."""

    driver: Driver | None

    __name__ = "get_reply"

    def __call__(self, event: Any) -> Awaitable[None] | None:
        response = RESPONSES.get(event.event.name)
        source = event.state.value
        if response is None or not isinstance(source, State) or response not in PROTOCOL[source]:
            return None  # a trigger or a state that the application added
        # `may_...` makes an event of its own: it must not send anything.
        is_question = event.machine.events.get(event.event.name) is not event.event
        if self.driver is None:
            if event.args or not is_question:
                self._store(event, response, event.args[0] if event.args else None)
            return None
        if is_question:
            return None
        try:
            outcome = self.driver(response, *event.args, **event.kwargs)
        except AuthfsmError as error:
            self._store_error(event, response, error)
            return None
        if inspect.isawaitable(outcome):
            return self._await(event, response, outcome)
        self._store(event, response, outcome)
        return None

    async def _await(
        self, event: Any, response: type[Response], outcome: Awaitable[Outcome]
    ) -> None:
        try:
            result = await outcome
        except AuthfsmError as error:
            self._store_error(event, response, error)
        else:
            self._store(event, response, result)

    @staticmethod
    def _store(event: Any, response: type[Response], outcome: Outcome | None) -> None:
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
            leads_to = Transition(
                source, response, outcome, _default_kind(source, response, outcome)
            )
        else:
            raise TypeError(
                f"{event.event.name}() takes its reply: a State, a LoopKind, a Reply, or a boto3 response,"
                f" not {type(outcome).__name__}"
            )
        if leads_to not in TRANSITION_SET:
            raise ProtocolViolation(source, response, leads_to.dest if leads_to else source)
        event.leads_to = leads_to

    @staticmethod
    def _store_error(event: Any, response: type[Response], error: AuthfsmError) -> None:
        """Let a refusal move the machine as it moved the driver's sign-in; it is raised after the move."""
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


def _default_kind(source: State, response: type[Response], dest: State) -> LoopKind | None:
    """Return the kind of a self-loop for which only the state is known: a new challenge, if one may come."""
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
    """Return an ordinary `transitions` machine over the protocol's table.

    Everything in the users' guide of `transitions` applies: `on_enter_SMS_MFA` and the other callbacks,
    `may_code`, `get_triggers`, your own states and triggers, pickling. States are members of
    `authfsm.State`, triggers are the responses' names (`user_srp_auth`, `srp_claim`, `code`).

    Args:
        model: the object (or list of objects) that gets the triggers; by default the machine itself.
        driver: sends responses; `model.code("123456")` then sends the code, gets the reply and moves.
            `Flow.carry` is one; with AsyncMachine it may return an awaitable. Without a driver, a trigger
            takes its reply, or the state it leads to: `model.code(State.AUTHENTICATED)`. The current state
            means a new challenge, if one may come; `model.code(LoopKind.RETRY)` names the self-loop.
        machine_cls: Machine, GraphMachine, AsyncMachine, or a class of yours.
        **options: other arguments of `transitions.Machine`; those for `prepare_event`,
            `after_state_change`, `states` and `transitions` are added to the protocol's.

    Raises:
        ValueError: `send_event=False`: the conditions read the event. A HierarchicalMachine: challenge
            names contain its separator.

    Besides the errors of `transitions`, triggers raise ProtocolViolation for a reply that the table does not
    have, and the driver's errors, after the machine has moved where the sign-in moved.
    """
    if any(base.__name__ == "HierarchicalMachine" for base in machine_cls.__mro__):
        raise ValueError('a HierarchicalMachine takes the "_" in challenge names for nesting')
    if options.pop("send_event", True) is not True:
        raise ValueError("the machine needs send_event=True: its conditions read the event")
    prepare = options.pop("prepare_event", None) or []
    after = options.pop("after_state_change", None) or []
    own = options.pop("transitions", None) or []
    more = options.pop("states", None) or []
    get_reply: Any = _GetReply(driver)
    machine = machine_cls(
        model=None,
        states=[*State, *more],
        transitions=[*own, *_arrows(LeadsTo)],
        initial=options.pop("initial", State.START),
        auto_transitions=options.pop("auto_transitions", False),
        send_event=True,
        prepare_event=[get_reply, *(prepare if isinstance(prepare, list) else [prepare])],
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
    """As `transitions.Event.trigger`, but with passwords and codes wrapped before its frames hold them."""
    args, kwargs = wrap_call(RESPONSES[event.name], args, kwargs)
    return type(event).trigger(event, model, *args, **kwargs)


def _get_trigger(machine: Any, model: Any, trigger_name: str, *args: Any, **kwargs: Any) -> Any:
    """As `transitions.Machine._get_trigger`, which is `model.trigger(...)`; wraps in the same way."""
    args, kwargs = wrap_call(RESPONSES.get(trigger_name), args, kwargs)
    return type(machine)._get_trigger(machine, model, trigger_name, *args, **kwargs)  # noqa: SLF001 - the same


# ---- the life of an account ------------------------------------------------------------------------------


@frozen
class _LeadsToStatus:
    """The condition of a transition of an account's life: its status is the one that the trigger was called with."""

    transition: AccountTransition

    @property
    def __name__(self) -> str:
        """The name that diagrams of `transitions` print."""
        return f"leads_to_{self.transition.dest}"

    def __call__(self, event: Any) -> bool:
        """Return whether the operation leads here; without a status, it has only this one, or `may_...` asks."""
        is_question = event.machine.events.get(event.event.name) is not event.event
        if event.args or not is_question:
            return bool(_status_after(event) is self.transition.dest)
        return True


def _status_after(event: Any) -> UserStatus:
    source, operation = event.state.value, AccountOperation[event.event.name.upper()]
    dests = ACCOUNT_LIFE[source][operation]
    found = [each for each in dests if each in event.args] if event.args else list(dests)
    if len(found) != 1:
        raise ValueError(
            f"{operation} leads from {source} to one of {', '.join(sorted(dests))}:"
            f" call {event.event.name}() with that UserStatus"
        )
    return found[0]


def build_account(
    model: Any = Machine.self_literal, machine_cls: type[Machine] = Machine, **options: Any
) -> Machine:
    """Return an ordinary `transitions` machine over the life of an account (`ACCOUNT_LIFE`).

    States are members of `authfsm.UserStatus`; triggers are Cognito's operations (`confirm_sign_up`,
    `admin_reset_user_password`). A trigger takes the status to which the operation led, and needs none if there is
    only one. An operation that stays in its status is a reflexive transition.

    Args:
        model: the object (or list of objects) that gets the triggers; by default the machine itself.
        machine_cls: Machine, GraphMachine, AsyncMachine, or a class of yours.
        **options: other arguments of `transitions.Machine`; by default `initial` is NO_ACCOUNT.

    Raises:
        ValueError: from a trigger: the operation does not lead to this status. MachineError of `transitions`: the
            status does not allow the operation.
    """
    arrows = [
        {
            "trigger": each.operation.trigger,
            "source": each.source,
            "dest": each.dest,
            "conditions": _LeadsToStatus(each),
        }
        for each in ACCOUNT_TRANSITIONS
    ]
    defaults = {"initial": UserStatus.NO_ACCOUNT, "auto_transitions": False}
    return machine_cls(
        model, states=UserStatus, transitions=arrows, send_event=True, **{**defaults, **options}
    )
