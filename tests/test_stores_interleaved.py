"""In any order of calls, a store behaves like a simple model."""

from __future__ import annotations

import threading
import time

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from authfsm.stores import TAKEN, MemoryStore

NAMES = st.sampled_from("abcd")
MILLISECONDS = st.integers(1, 50)
CAPACITY = 3


class ModelledStore(RuleBasedStateMachine):
    """A `MemoryStore` beside a model of its content, to the millisecond."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0
        self.number = 0
        self.store = MemoryStore(CAPACITY, clock=lambda: self.now)
        self.facts: dict[str, tuple[str, int]] = {}

    def _expired(self) -> None:
        self.facts = {name: fact for name, fact in self.facts.items() if fact[1] > self.now}

    @rule(name=NAMES, lifetime=MILLISECONDS)
    def put(self, name: str, lifetime: int) -> None:
        """Put a new text; in a full store, the next one to expire is deleted."""
        self.number += 1
        self.store.put(name, f"text {self.number}", lifetime)
        self._expired()
        if name not in self.facts and len(self.facts) == CAPACITY:
            soonest = min(expires for _, expires in self.facts.values())
            self.facts = {each: fact for each, fact in self.facts.items() if fact[1] > soonest}
        self.facts[name] = f"text {self.number}", self.now + lifetime

    @rule(name=NAMES, lifetime=MILLISECONDS)
    def take(self, name: str, lifetime: int) -> None:
        """Take a text: the first call gets it, later ones the mark, until it expires."""
        self._expired()
        text, _ = self.facts.get(name, (None, 0))
        assert self.store.take(name, lifetime) == text
        if text:
            self.facts[name] = TAKEN, self.now + lifetime

    @rule(name=NAMES)
    def drop(self, name: str) -> None:
        """Drop a text."""
        self.store.drop(name)
        self.facts.pop(name, None)

    @rule(by=MILLISECONDS)
    def time_passes(self, by: int) -> None:
        """Let time pass without a call."""
        self.now += by

    @rule()
    def the_next_to_expire_is_on_the_brink(self) -> None:
        """Go to the last millisecond of the next entry to expire."""
        self._expired()
        self.now = min((expires - 1 for _, expires in self.facts.values()), default=self.now)

    @invariant()
    def nothing_more_is_kept(self) -> None:
        """The store has the model's number of entries, and few outdated ones."""
        self._expired()
        assert len(self.store) == len(self.facts)
        assert len(self.store._expiries) <= 2 * CAPACITY + 101


def test_any_order_of_calls() -> None:
    """Hypothesis finds no order of calls in which the store differs from the model."""
    run_state_machine_as_test(ModelledStore, settings=settings(max_examples=100, stateful_step_count=40, deadline=None))


class Slow(str):
    """A name that lets other threads run whenever a store looks it up."""

    __slots__ = ()

    def __hash__(self) -> int:
        time.sleep(0.0002)
        return super().__hash__()


NAME = Slow("name")


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.sampled_from(["take", "put", "drop"]), max_size=8), min_size=2, max_size=4))
def test_any_threads_at_once(programs: list[list[str]]) -> None:
    """For any concurrent calls with one name, no text is returned to two threads."""
    store = MemoryStore()
    together = threading.Barrier(len(programs))
    had: list[str] = []
    failed: list[BaseException] = []
    store.put(NAME, "at first", 60)

    def run(thread: int, program: list[str]) -> None:
        try:
            together.wait(30)
            for number, call in enumerate(program):
                if call == "put":
                    store.put(NAME, f"{thread}.{number}", 60)
                elif call == "drop":
                    store.drop(NAME)
                elif text := store.take(NAME, 60):
                    had.append(text)
        except BaseException as error:  # noqa: BLE001 - raised below, by the main thread
            failed.append(error)

    threads = [threading.Thread(target=run, args=(thread, program)) for thread, program in enumerate(programs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failed == []
    assert len(had) == len(set(had))
