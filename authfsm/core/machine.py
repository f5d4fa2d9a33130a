"""Runs the protocol's table with `transitions`; only this module imports that package.

`advance` moves a sign-in along the table; all sign-ins share one machine. `build` returns an ordinary `transitions`
machine over the same table, for applications with their own callbacks and states.

In a machine that `build` returns, each transition has a condition, which is true if the reply makes this transition. A
new challenge of the same name is a reflexive transition: `transitions` leaves the state and enters it again. The other
kinds that keep the state (retry, acknowledgement, device dropped) are internal: only the machine's own callbacks run.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any, Protocol, cast

from attrs import frozen
from transitions import Machine
from transitions.core import Event, EventData, listify

from authfsm.core.machine_triggers import Driver, GetReply, add_model, is_may_call, raise_refusal
from authfsm.protocol import account_table as account
from authfsm.protocol.errors import ProtocolViolation
from authfsm.protocol.states import State
from authfsm.protocol.table import NEW_CHALLENGE, TRANSITIONS, Transition


class _Stateful(Protocol):
    """An object that the shared machine can move."""

    _state: State


@frozen
class LeadsTo:
    """The condition that the event's reply makes this transition."""

    transition: Transition | account.AccountTransition

    @property
    def __name__(self) -> str:
        """The name of the condition, which the diagrams of `transitions` print."""
        return f"leads_to_{self.transition.dest}"

    def __call__(self, event: Any) -> bool:
        """Return whether the event's reply makes this transition; true if there is no reply, as for `may_...()`."""
        return bool(getattr(event, "transition_made", self.transition) == self.transition)


def _transitions(condition: Callable[[Transition], Any] | None = None, prefix: str = "") -> list[dict[str, Any]]:
    # A transition without a destination is what `transitions` calls internal.
    return [
        {
            "trigger": prefix + transition.response.trigger,
            "source": transition.source,
            "dest": transition.dest if transition.kind in {None, NEW_CHALLENGE} else None,
            "conditions": condition and condition(transition),
        }
        for transition in TRANSITIONS
    ]


@cache
def _shared_transitions() -> dict[Transition, tuple[Event, Any]]:
    """Return, for each transition of the table, the event and the transition of the machine that all sign-ins share."""
    # A machine with queued=True would return before it has moved; auto_transitions would add to_AUTHENTICATED().
    machine = Machine(None, State, State.START, send_event=True, auto_transitions=False, model_attribute="_state")
    executable = {}
    for transition, arguments in zip(TRANSITIONS, _transitions(), strict=True):
        machine.add_transition(**arguments)
        event = machine.events[arguments["trigger"]]
        executable[transition] = event, event.transitions[transition.source.name][-1]  # the one just added
    return executable


def advance(model: _Stateful, transition: Transition) -> None:
    """Move an object along a transition of the table that begins in its state; otherwise raise ProtocolViolation."""
    found = _shared_transitions().get(transition)
    if found is None or model._state is not transition.source:  # noqa: SLF001 - of `_Stateful`
        raise ProtocolViolation(transition.source, transition.response, transition.dest)
    event, executable = found
    # Not `event.trigger`, which tries all transitions of the event: the reply has already selected this one.
    state = event.machine.states[transition.source.name]
    executable.execute(EventData(state, event, event.machine, model, (), {}))


def build(
    model: Any = Machine.self_literal, driver: Driver | None = None,
    machine_cls: type[Machine] = Machine, *, prefix: str = "", **options: Any,
) -> Machine:  # fmt: skip
    """Return an ordinary `transitions` machine over the protocol's table.

    Everything in the users' guide of `transitions` applies: `on_enter_SMS_MFA` and the other callbacks,
    `may_code`, `get_triggers`, your own states and triggers, pickling. States are members of
    `authfsm.State`, triggers are named after the responses (`user_srp_auth`, `srp_claim`, `code`).
    `class Model(authfsm.ModelTriggers)` declares the triggers for type checkers.

    Args:
        model: the object (or list of objects) that gets the triggers; by default the machine itself.
        driver: the function that sends a trigger's response, such as `Flow.carry`: `model.code("123456")` then sends the
            code, gets the reply and moves. Each trigger is one step: `model.user_srp_auth("ada", "password")`, then
            `model.srp_claim()`. For a flow that has begun, pass `initial=flow.state` too. With AsyncMachine a driver
            may return an awaitable. Without a driver, call a trigger with the reply or the next state:
            `model.code(State.AUTHENTICATED)`. The current state stands for a new challenge if the table has one there;
            `model.code(LoopKind.RETRY)` selects another kind. Pickling drops the driver: set it again by `set_driver`.
        machine_cls: Machine, GraphMachine, AsyncMachine, or a class of yours.
        prefix: the prefix of the protocol's triggers, for a model that has its own `code` or `password`: with
            "auth_" they are `auth_code` and `may_auth_code`. Your own triggers keep their names.
        **options: other arguments of `transitions.Machine`; those for `prepare_event`,
            `after_state_change`, `states` and `transitions` are added to the protocol's.

    After a wrong code the state is the same: `before_state_change` and `after_state_change` are called, but not
    `on_exit_SMS_MFA` and `on_enter_SMS_MFA`. With a driver the trigger then raises UserError. A new challenge of the
    same name calls all four. A refusal that ends the sign-in is raised after the machine has entered FAILED.

    Raises:
        UnsuitableModel: the model has an attribute with a trigger's name already, has no `__dict__` or is frozen.
        ValueError: `prefix` cannot begin a Python name; `send_event` is False; or `machine_cls` is a HierarchicalMachine,
            whose separator occurs in challenge names.

    Besides the errors of `transitions`, triggers raise ProtocolViolation for a reply without a transition, and the
    errors of the driver. If a refusal has changed the state of the sign-in, the machine has moved to the same state.
    """
    if not isinstance(prefix, str) or not f"{prefix}code".isidentifier():
        raise ValueError(f"prefix must be the beginning of a Python name, for example 'auth_', not {prefix!r}")
    get_reply: Any = GetReply(driver, prefix)
    options["after_state_change"] = [*listify(options.get("after_state_change")), raise_refusal]
    machine = _build(machine_cls, State, _transitions(LeadsTo, prefix), get_reply, options)
    # Replaced in this machine only, and before `add_model`, which makes the model's triggers from these methods.
    for name in ("_get_trigger", "_can_trigger"):
        setattr(machine, name, partial(get_reply.call, machine, name))
    for event in machine.events.values():
        event.trigger = partial(get_reply.call_event, event)
    machine.add_model(model)
    return cast("Machine", machine)


def _build(kind: type[Machine], states: Any, rows: list[Any], prepare: Any, options: dict[str, Any]) -> Any:
    """Return a machine without a model; its first state is the first of `states`, unless the options say otherwise."""
    if any(base.__name__ == "HierarchicalMachine" for base in kind.__mro__):
        raise ValueError('a HierarchicalMachine reads the "_" in the names of states as nesting')
    if options.pop("send_event", True) is not True:
        raise ValueError("the machine needs send_event=True: its conditions read the event")
    arguments = {"initial": next(iter(states)), "auto_transitions": False, **options}
    arguments["states"] = [*states, *listify(options.get("states"))]
    arguments["transitions"] = [*listify(options.get("transitions")), *rows]
    arguments["prepare_event"] = [prepare, *listify(options.get("prepare_event"))]
    machine: Any = kind(model=None, send_event=True, **arguments)
    machine.add_model = partial(add_model, machine)
    return machine


def set_driver(machine: Machine, driver: Driver) -> None:
    """Set the driver of a machine of `build` after unpickling, which drops the driver, or before another sign-in.

    `cognito.resume(sealed, key).carry` is the driver for a sign-in that was sealed when the machine was pickled.
    """
    for each in machine.prepare_event:
        if isinstance(each, GetReply):
            each.driver = driver


def _store_status(event: Any) -> None:
    """Store a transition on the event: to the status that was passed to the trigger, or to the only possible status."""
    source = event.state.value
    operation = account.AccountOperation.__members__.get(event.event.name.upper())
    dests = account.ACCOUNT_LIFE[source].get(operation) if source in account.ACCOUNT_LIFE and operation else None
    # If there are no `dests`, the application itself added this trigger or state.
    if not operation or not dests or (is_may_call(event) and not event.args):
        return
    candidates = [each for each in dests if each in event.args] if event.args else list(dests)
    if len(candidates) != 1:
        raise ValueError(
            f"{operation} leads from {source} to one of {', '.join(sorted(dests))}:"
            f" call {event.event.name}() with the UserStatus to which it led"
        )
    event.transition_made = account.AccountTransition(source, operation, candidates[0])


def build_account(model: Any = Machine.self_literal, machine_cls: type[Machine] = Machine, **options: Any) -> Machine:
    """Return an ordinary `transitions` machine over the states of an account (`ACCOUNT_LIFE`).

    States are members of `authfsm.UserStatus`; triggers are Cognito's operations (`confirm_sign_up`,
    `admin_reset_user_password`). The argument of a trigger is the status to which the operation led, and may be omitted
    if only one is possible. An operation that does not change the status is a reflexive transition.

    Args:
        model: the object (or list of objects) that gets the triggers; by default the machine itself.
        machine_cls: Machine, GraphMachine, AsyncMachine, or a class of yours.
        **options: other arguments of `transitions.Machine`, as in `build`; by default `initial` is NO_ACCOUNT.

    Raises:
        UnsuitableModel: as in `build`.
        ValueError: as in `build`. A trigger raises it if the operation does not lead to the passed status, or if no
            status was passed and several are possible.
        MachineError: raised by a trigger if the account's present status does not allow the operation.
    """
    rows = [
        {"trigger": op.trigger, "source": source, "dest": dest, "conditions": LeadsTo(each)}
        for each in account.ACCOUNT_TRANSITIONS
        for source, op, dest in [each]
    ]
    machine = _build(machine_cls, account.UserStatus, rows, _store_status, options)
    machine.add_model(model)
    return cast("Machine", machine)
