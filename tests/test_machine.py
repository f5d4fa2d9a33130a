"""The embeddable machine.

Transitions' own guide applies to it, and it has exactly the table's transitions.
"""

# A test looks at one state again and again: mypy believes that it cannot have changed.
# mypy: disable-error-code="comparison-overlap"

from __future__ import annotations

import asyncio
import dataclasses
import pickle
from collections.abc import Callable
from typing import Any, NamedTuple, cast

import attrs
import pytest
from joserfc.jwk import RSAKey
from samples import TOKENS, challenge, error
from transitions import Machine, MachineError
from transitions.extensions import GraphMachine, HierarchicalMachine
from transitions.extensions.asyncio import AsyncMachine

from authfsm.base.secret import Secret
from authfsm.core.encryption import new_key
from authfsm.core.machine import advance, build, build_account, set_driver
from authfsm.core.machine_triggers import UnsuitableModel
from authfsm.core.wire_replies import read_refusal as refusal
from authfsm.drivers.aio import AsyncCognito
from authfsm.local import LocalPool
from authfsm.protocol import responses as r
from authfsm.protocol.errors import (
    ConnectionLost,
    InvalidOperation,
    ProtocolViolation,
    RefusedForNow,
    RefusedUser,
    refused,
)
from authfsm.protocol.responses import RESPONSES, Response
from authfsm.protocol.states import State
from authfsm.protocol.table import PROTOCOL, TRANSITIONS, LoopKind, Transition


class Page:
    """A model of an application that records the states that it enters."""

    state: State | str

    def __init__(self) -> None:
        self.moves: list[str] = []

    def on_enter_SMS_MFA(self, event: Any) -> None:  # noqa: N802 - the name transitions wants
        """Record that a code is required."""
        self.moves.append(f"{event.transition.source} -> {self.state}")


def page_and_machine(**options: Any) -> tuple[Any, Machine]:
    """A page and its machine."""
    page: Any = Page()
    return page, build(page, **options)


def test_triggers_take_the_state_they_lead_to() -> None:
    """Without a driver a trigger takes the next state, moves there, returns True and calls the callbacks."""
    page, _ = page_and_machine()

    assert page.user_srp_auth(State.PASSWORD_VERIFIER) is True
    assert page.srp_claim(State.SMS_MFA) is True
    assert page.code(State.AUTHENTICATED) is True

    assert page.state is State.AUTHENTICATED
    assert page.moves == ["PASSWORD_VERIFIER -> SMS_MFA"]


def test_triggers_take_the_reply_itself() -> None:
    """Without a driver a trigger also takes a boto3 reply: challenge, tokens or error."""
    page, _ = page_and_machine()

    page.user_srp_auth(challenge(State.PASSWORD_VERIFIER))
    page.srp_claim(challenge(State.SMS_MFA))
    page.code(error("CodeMismatchException"))
    assert page.state is State.SMS_MFA
    page.code(TOKENS)
    assert page.state is State.AUTHENTICATED
    page.global_sign_out({})
    assert page.state is State.START
    page.user_password_auth(refusal("NotAuthorizedException", "Incorrect username or password."))
    assert page.state is State.FAILED


def test_a_reply_off_the_table_raises() -> None:
    """For a reply that the table lacks, the machine raises an error and stays."""
    page, _ = page_and_machine()

    with pytest.raises(ProtocolViolation):
        page.user_srp_auth(State.AUTHENTICATED)
    with pytest.raises(RefusedForNow):
        page.user_srp_auth(error("TooManyRequestsException"))
    with pytest.raises(TypeError, match="takes a State"):
        page.user_srp_auth()
    with pytest.raises(TypeError, match="not int"):
        page.user_srp_auth(5)

    assert page.state is State.START


def test_a_trigger_out_of_place_is_transitions_own_error() -> None:
    """A response that the state does not accept is a MachineError of transitions, as in any machine."""
    page, _ = page_and_machine()

    with pytest.raises(MachineError):
        page.code(State.AUTHENTICATED)
    assert page.state is State.START


def test_may_methods_change_no_state() -> None:
    """may_... returns whether the state accepts the response, or whether that outcome is on the table."""
    page, _ = page_and_machine()

    assert page.may_user_srp_auth() is True
    assert page.may_code() is False
    assert page.may_user_srp_auth(State.PASSWORD_VERIFIER) is True
    assert page.state is State.START


def test_get_triggers_reads_the_table() -> None:
    """get_triggers returns exactly the row's responses, for every state: no shortcuts."""
    machine = build()

    for state, answers in PROTOCOL.items():
        assert set(machine.get_triggers(state)) == {each.trigger for each in answers}
    assert not hasattr(machine, "to_AUTHENTICATED")


def test_it_has_exactly_the_transitions_of_the_table() -> None:
    """The machine's transitions are the table's, one for one."""
    machine = build()
    # Where a new challenge comes the state is left and entered again; the other self-loops are internal.
    transitions = {
        (transition.source, event.name, transition.dest, cast("Any", transition.conditions[0].func).transition.kind)
        for event in machine.events.values()
        for transitions in event.transitions.values()
        for transition in transitions
    }

    assert transitions == {
        (a.source.name, a.response.trigger, a.dest.name if a.kind in {None, LoopKind.NEW_CHALLENGE} else None, a.kind)
        for a in TRANSITIONS
    }


def test_own_states_and_triggers() -> None:
    """An application's own states and triggers work beside the protocol's, before and after it."""
    page, machine = page_and_machine(states=["TERMS"])
    machine.add_transition("show_terms", State.AUTHENTICATED, "TERMS")
    machine.add_transition("accept", "TERMS", State.AUTHENTICATED, after=lambda event: page.moves.append("yes"))

    page.user_password_auth(State.AUTHENTICATED)
    page.show_terms()
    assert page.state == "TERMS"
    page.accept()

    assert page.state is State.AUTHENTICATED
    assert page.moves == ["yes"]


def test_own_callbacks_are_kept_beside_the_machines() -> None:
    """prepare_event, after_state_change and transitions that are passed are added to the protocol's."""
    calls: list[str] = []
    page, _ = page_and_machine(
        prepare_event=lambda event: calls.append("prepare"),
        after_state_change=[lambda event: calls.append("after")],
        transitions=[["give_up", "*", State.FAILED]],
    )

    page.user_srp_auth(State.PASSWORD_VERIFIER)
    page.give_up()

    assert page.state is State.FAILED
    assert calls == ["prepare", "after"] * 2


def test_it_pickles() -> None:
    """A machine and its model survive pickling in their state, and continue."""
    machine = build()
    machine.user_srp_auth(State.PASSWORD_VERIFIER)

    again = pickle.loads(pickle.dumps(machine))  # noqa: S301 - our own

    assert again.state is State.PASSWORD_VERIFIER
    again.srp_claim(State.AUTHENTICATED)
    assert (again.state, machine.state) == (State.AUTHENTICATED, State.PASSWORD_VERIFIER)


def test_a_machine_is_pickled_without_its_driver(signing_key: RSAKey) -> None:
    """A pickle has no driver; it can be set again, and without it nothing is sent."""
    pool = LocalPool(key=signing_key, mfa="ON", mfa_methods=["SMS_MFA"])
    pool.add_user("ada", "Correct-Horse-1", phone_number="+15555550143")
    flow = pool.cognito().sign_in("ada", "Correct-Horse-1")
    key = new_key()
    page, _ = page_and_machine(driver=flow.carry, initial=flow.state)
    pickled = pickle.dumps(page)
    assert b"Correct-Horse" not in pickled
    again = pickle.loads(pickled)  # noqa: S301 - our own

    with pytest.raises(InvalidOperation, match="set_driver"):
        again.code("000000")
    assert again.state is State.SMS_MFA
    set_driver(again.code.args[0].machine, pool.cognito().resume(flow.seal(key), key).carry)
    again.code(pool.outbox.code_for("ada"))

    assert (again.state, page.state) == (State.AUTHENTICATED, State.SMS_MFA)


class Account:
    """A user as an application stores it; its columns have the names of triggers."""

    def __init__(self) -> None:
        self.password = "a hash"
        self.code: str | None = None


def test_a_name_of_the_models_own_raises() -> None:
    """If a model has an attribute with a trigger's name, an error names it; a prefix avoids it."""
    account: Any = Account()
    with pytest.raises(UnsuitableModel, match=r"Account already has code, password.*prefix") as caught:
        build(account)
    assert isinstance(caught.value, ValueError)
    assert vars(account) == {"password": "a hash", "code": None}
    for prefix in (5, None, "a b", "1"):
        with pytest.raises(ValueError, match="prefix must be the beginning of a Python name"):
            build(account, prefix=prefix)  # type: ignore[arg-type]  # on purpose

    machine = build(account, prefix="auth_", states=["TERMS"], transitions=[["agree", "TERMS", State.START]])
    account.auth_user_password_auth(State.SMS_MFA)
    assert account.may_auth_code() is True
    account.trigger("auth_code", State.AUTHENTICATED)

    assert (account.state, account.password, account.code) == (State.AUTHENTICATED, "a hash", None)
    assert not hasattr(account, "user_password_auth")
    with pytest.raises(UnsuitableModel, match="auth_code"):
        build(account, prefix="auth_")  # it would move with the first machine
    machine.remove_model(account)
    machine.add_model(account)  # it has this machine's own triggers
    other: Any = Account()
    other.agree = True
    with pytest.raises(UnsuitableModel, match="agree"):
        machine.add_model(other)


def test_a_prefix_with_a_driver() -> None:
    """With a prefix the driver gets the trigger's response, with wrapped secrets."""
    driver = Scripted(State.SMS_MFA, TOKENS)
    page, _ = page_and_machine(driver=driver, prefix="auth_")

    page.auth_user_password_auth("ada", "a password")
    page.trigger("auth_code", "123456")

    assert driver.calls == [("user_password_auth", ("ada", Secret("a password"))), ("code", (Secret("123456"),))]
    assert page.state is State.AUTHENTICATED


def test_the_error_for_a_slotted_model_names_two_solutions() -> None:
    """For a model on which triggers cannot be set, the error names two ways that work."""

    class Slotted:
        __slots__ = ("state",)

    class Open:
        __slots__ = ("__dict__", "state")

    slotted: Any = Slotted()
    with pytest.raises(UnsuitableModel, match=r"__dict__.*build\(None\)"):
        build(slotted)
    slotted.state = State.SMS_MFA
    build(None).events["code"].trigger(slotted, State.AUTHENTICATED)
    open_model: Any = Open()
    build(open_model)
    open_model.user_auth(State.EMAIL_OTP)

    assert (slotted.state, open_model.state) == (State.AUTHENTICATED, State.EMAIL_OTP)


class Pair(NamedTuple):
    """An immutable model."""

    state: str = "new"


class ReadOnly:
    """A model that computes its state."""

    @property
    def state(self) -> str:
        """The state, which cannot be set."""
        return "new"


FROZEN: dict[str, tuple[Callable[[Any], Any], str]] = {
    "attrs": (
        attrs.make_class("Page", ["name"], frozen=True, slots=False),
        "Page has an attribute 'state' that cannot be set",
    ),
    "dataclass": (
        dataclasses.make_dataclass("Page", ["name"], frozen=True),
        "Page has an attribute 'state' that cannot be set",
    ),
    "property": (
        lambda _: ReadOnly(),
        "ReadOnly has an attribute 'state' that cannot be set: use a model to whose state",
    ),
    "slots": (attrs.make_class("Page", ["name"], slots=True), "Page cannot get triggers.*attrs.define"),
    "namedtuple": (lambda _: Pair(), "Pair cannot get triggers"),
}


@pytest.mark.parametrize("make", [build, build_account])
@pytest.mark.parametrize("kind", FROZEN)
def test_a_frozen_model_is_refused(kind: str, make: Callable[[Any], object]) -> None:
    """A model whose state cannot be set is refused before anything is set."""
    cls, why = FROZEN[kind]
    model: Any = cls("start")
    before = dict(getattr(model, "__dict__", {}))
    with pytest.raises(UnsuitableModel, match=why):
        make(model)
    assert dict(getattr(model, "__dict__", {})) == before


def test_one_machine_drives_many_models() -> None:
    """Models are added and moved one by one, as in transitions' guide."""
    one, two = Page(), Page()
    machine = build([one, two])
    any_one: Any = one

    any_one.user_srp_auth(State.PASSWORD_VERIFIER)

    assert (one.state, two.state) == (State.PASSWORD_VERIFIER, State.START)
    machine.remove_model(two)


def test_a_graph_machine_draws_itself() -> None:
    """GraphMachine works on the table: its picture has every state and trigger, conditions by name."""
    page, _ = page_and_machine(machine_cls=GraphMachine, graph_engine="mermaid", show_conditions=True)
    page.user_srp_auth(State.PASSWORD_VERIFIER)

    text = page.get_graph().source

    assert all(state.value in text for state in State)
    assert "leads_to_PASSWORD_VERIFIER" in text


def test_send_event_is_needed() -> None:
    """send_event=False is refused: the conditions need the event."""
    with pytest.raises(ValueError, match="send_event"):
        build(send_event=False)


class Scripted:
    """A driver that returns scripted outcomes and records the responses."""

    def __init__(self, *script: Any) -> None:
        self.script = list(script)
        self.calls: list[tuple[str, tuple[Any, ...]]] = []

    def __call__(self, response: type[Response], *args: Any, **kwargs: Any) -> Any:
        """Return the next outcome, or raise the next error."""
        assert not kwargs
        self.calls.append((response.trigger, args))
        outcome = self.script.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


MISMATCH = refusal("CodeMismatchException", "Invalid code")
LOCKED = refusal("NotAuthorizedException", "Password attempts exceeded")
BUSY = refusal("TooManyRequestsException")


def test_a_drivers_triggers_send_and_move() -> None:
    """With a driver a trigger sends once, gets the reply, and moves to its state."""
    driver = Scripted(State.PASSWORD_VERIFIER, challenge(State.SMS_MFA), TOKENS)
    page, _ = page_and_machine(driver=driver)

    page.user_srp_auth("ada", "a password")
    page.srp_claim()
    page.code("123456")

    assert page.state is State.AUTHENTICATED
    assert driver.calls == [
        ("user_srp_auth", ("ada", Secret("a password"))),  # wrapped before transitions sees it
        ("srp_claim", ()),
        ("code", (Secret("123456"),)),
    ]


def test_may_never_sends() -> None:
    """With a driver, may_... sends nothing."""
    driver = Scripted()
    page, _ = page_and_machine(driver=driver)

    assert page.may_user_srp_auth("ada", "a password") is True
    assert page.may_code("123456") is False
    assert driver.calls == []


def test_a_drivers_refusal_moves_then_raises() -> None:
    """A wrong code raises and stays; a lockout raises and fails; throttling raises without a move."""
    driver = Scripted(
        State.SMS_MFA,
        refused(MISMATCH, state=State.SMS_MFA),
        refused(BUSY, state=State.SMS_MFA),
        refused(LOCKED, state=State.FAILED),
    )
    page, _ = page_and_machine(driver=driver)
    page.user_password_auth("ada", "a password")
    moves = list(page.moves)

    with pytest.raises(RefusedUser):
        page.code("000000")
    assert page.state is State.SMS_MFA
    with pytest.raises(RefusedForNow):
        page.code("000000")
    assert page.state is State.SMS_MFA
    with pytest.raises(RefusedForNow):
        page.code("000000")
    assert page.state is State.FAILED
    assert moves == ["START -> SMS_MFA"]


def test_a_driver_that_returns_no_outcome() -> None:
    """The error says that the driver returned the wrong value, and the machine does not move."""
    machine: Any = build(driver=lambda *_, **__: None)  # type: ignore[arg-type] # that is the fault

    with pytest.raises(
        TypeError, match=r"the driver must return .*, not NoneType: user_password_auth\(\) moved nothing"
    ):
        machine.user_password_auth("ada", "password")
    assert machine.state is State.START


def test_an_async_machine_without_a_driver() -> None:
    """AsyncMachine works on the table as Machine does."""

    async def walk() -> Page:
        page, _ = page_and_machine(machine_cls=AsyncMachine)
        await page.user_srp_auth(State.PASSWORD_VERIFIER)
        assert await page.may_srp_claim() is True
        await page.srp_claim(State.SMS_MFA)
        with pytest.raises(ProtocolViolation):
            await page.code(State.START)
        await page.code(TOKENS)
        driven_page: Page = page
        return driven_page

    page = asyncio.run(walk())

    assert page.state is State.AUTHENTICATED
    assert page.moves == ["PASSWORD_VERIFIER -> SMS_MFA"]


def test_an_async_machine_with_an_async_driver() -> None:
    """AsyncMachine awaits a driver that is a coroutine function; refusals are raised after the move."""
    script = Scripted(State.SMS_MFA, refused(MISMATCH, state=State.SMS_MFA), refused(LOCKED, state=State.FAILED))

    async def driver(response: type[Response], *args: Any, **kwargs: Any) -> Any:
        await asyncio.sleep(0)
        return script(response, *args, **kwargs)

    async def walk() -> Page:
        page, _ = page_and_machine(machine_cls=AsyncMachine, driver=driver)
        await page.user_password_auth("ada", "a password")
        with pytest.raises(RefusedUser):
            await page.code("000000")
        assert page.state is State.SMS_MFA
        with pytest.raises(RefusedForNow):
            await page.code("000000")
        driven_page: Page = page
        return driven_page

    assert asyncio.run(walk()).state is State.FAILED


@pytest.mark.parametrize("later", [False, True], ids=["build", "set_driver"])
@pytest.mark.parametrize("machine_cls", [Machine, GraphMachine])
def test_an_async_driver_needs_an_async_machine(
    signing_key: RSAKey, machine_cls: type[Machine], *, later: bool
) -> None:
    """A synchronous machine refuses the driver of an AsyncCognito: it sends nothing and stays in its state."""
    pool = LocalPool(key=signing_key)
    flow = AsyncCognito(pool.client(), client_id=pool.client_id, pool_id=pool.pool_id).start("a password")
    options = {"driver": None if later else flow.carry, "machine_cls": machine_cls}
    page, machine = page_and_machine(**options)
    if later:
        set_driver(machine, flow.carry)

    with pytest.raises(TypeError, match=r"an asynchronous driver needs build.*AsyncMachine"):
        page.user_srp_auth("ada", "a password")

    assert (page.state, flow.state, len(flow.history)) == (State.START, State.START, 0)


def test_the_shared_machine_moves_any_object() -> None:
    """advance() moves any object with a _state along the table only, and registers nothing on it."""

    class Lightweight:
        __slots__ = ("_state",)

        def __init__(self) -> None:
            self._state = State.START

    one = Lightweight()
    advance(one, Transition(State.START, r.UserSrpAuth, State.PASSWORD_VERIFIER))
    assert one._state is State.PASSWORD_VERIFIER

    with pytest.raises(ProtocolViolation):
        advance(one, Transition(State.PASSWORD_VERIFIER, r.SrpClaim, State.SELECT_CHALLENGE))
    with pytest.raises(ProtocolViolation):  # a transition of the table, but from another state
        advance(one, Transition(State.SMS_MFA, r.Code, State.AUTHENTICATED))
    assert one._state is State.PASSWORD_VERIFIER


def test_trigger_names_are_snake_case_responses() -> None:
    """Triggers are the responses' names: user_srp_auth, srp_claim, code."""
    assert {"user_srp_auth", "srp_claim", "code", "new_password", "srp_a"} <= set(RESPONSES)
    assert RESPONSES["get_tokens_from_refresh_token"] is r.GetTokensFromRefreshToken


def test_a_reply_that_changes_nothing_runs_no_callback() -> None:
    """A throttled, lost or unaccepted request changes neither sign-in nor machine."""
    page, _ = page_and_machine(
        driver=Scripted(
            State.SMS_MFA,
            refused(BUSY, state=State.SMS_MFA),
            ConnectionLost("timeout", state=State.SMS_MFA),
            refused(MISMATCH, state=State.SMS_MFA),
        )
    )
    page.user_password_auth("ada", "a password")

    for expected in (RefusedForNow, ConnectionLost):
        with pytest.raises(expected):
            page.code("123456")
        assert page.moves == ["START -> SMS_MFA"]
    with pytest.raises(RefusedUser):
        page.code("000000")
    assert page.moves == ["START -> SMS_MFA"]


def test_the_protocols_trigger_names_are_free_in_other_states() -> None:
    """An application's state may have a trigger of its own with the protocol's name."""
    page, machine = page_and_machine(states=["TERMS"])
    machine.add_transition("show_terms", State.AUTHENTICATED, "TERMS")
    machine.add_transition("code", "TERMS", State.AUTHENTICATED)
    page.user_password_auth(State.AUTHENTICATED)
    page.show_terms()

    page.code()

    assert page.state is State.AUTHENTICATED


def test_a_hierarchical_machine_is_refused() -> None:
    """HierarchicalMachine uses "_" for nesting: the error says so."""
    with pytest.raises(ValueError, match="nesting"):
        build(machine_cls=HierarchicalMachine)


class TransitionCounter:
    """A model that records each state that is entered or exited, and each move."""

    state: State | str

    def __init__(self) -> None:
        self.events: list[str] = []

    def count_enter(self, _: Any) -> None:
        """Record an entered state."""
        self.events.append(f"in {self.state}")

    def count_exit(self, _: Any) -> None:
        """Record an exited state."""
        self.events.append(f"out {self.state}")

    def count_move(self, _: Any) -> None:
        """Record a move."""
        self.events.append("moved")


@pytest.mark.parametrize(
    ("state", "trigger", "outcome", "events"),
    [
        (State.SMS_MFA, "code", LoopKind.RETRY, ["moved"]),
        (State.SMS_MFA, "code", LoopKind.DEVICE_DROPPED, ["moved"]),
        (State.SMS_MFA, "code", State.SMS_MFA, ["moved"]),
        (State.MFA_SETUP, "verify_software_token", LoopKind.ACKNOWLEDGEMENT, ["moved"]),
        (State.CUSTOM_CHALLENGE, "answer", LoopKind.DEVICE_DROPPED, ["moved"]),
        (State.CUSTOM_CHALLENGE, "answer", State.CUSTOM_CHALLENGE, ["out", "in", "moved"]),
        (State.CUSTOM_CHALLENGE, "answer", challenge(State.CUSTOM_CHALLENGE), ["out", "in", "moved"]),
        (State.EMAIL_OTP, "select", LoopKind.NEW_CHALLENGE, ["out", "in", "moved"]),
    ],
)
def test_only_a_new_challenge_enters_its_state_again(
    state: State, trigger: str, outcome: Any, events: list[str]
) -> None:
    """A retry, an acknowledgement and a dropped device are internal transitions; a new challenge is reflexive."""
    page: Any = TransitionCounter()
    machine = build(page, initial=state, after_state_change="count_move")
    getattr(machine, f"on_enter_{state}")("count_enter")
    getattr(machine, f"on_exit_{state}")("count_exit")

    getattr(page, trigger)(outcome)

    assert page.state is state
    assert [each.split()[0] for each in page.events] == events


def test_a_self_loop_that_the_row_lacks_is_a_violation() -> None:
    """A second PASSWORD_VERIFIER after a proof is a protocol violation of the service."""
    page: Any = TransitionCounter()
    build(page, initial=State.PASSWORD_VERIFIER)

    for outcome in (LoopKind.NEW_CHALLENGE, LoopKind.RETRY, challenge(State.PASSWORD_VERIFIER)):
        with pytest.raises(ProtocolViolation):
            page.srp_claim(outcome)
    assert page.state is State.PASSWORD_VERIFIER
