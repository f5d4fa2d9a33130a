"""`LocalPool.fork` copies a pool; a forked process finds the pool's locks free."""

from __future__ import annotations

import multiprocessing
import os
import threading
from queue import Queue
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from authfsm import Code, State, UserError, new_key
from authfsm.local import LocalPool, ManualClock, Message

PASSWORD = "Correct-Horse-1"


def test_sign_in_continues_in_both(signing_key: RSAKey) -> None:
    """A sign-in that was forked while it awaits a code accepts the code once in each pool."""
    pool = LocalPool(mfa="ON", mfa_methods=["SMS_MFA"], key=signing_key, clock=ManualClock())
    pool.add_user("ada", PASSWORD, phone_number="+15555550143")
    flow, key = pool.cognito().sign_in("ada", PASSWORD), new_key()
    fork = pool.fork()
    other = fork.cognito().resume(flow.seal(key), key)
    code = pool.outbox.code_for("ada")

    assert fork.outbox.code_for("ada") == code
    assert flow.answer(Code(code)) is State.AUTHENTICATED
    assert other.answer(Code(code)) is State.AUTHENTICATED
    assert flow.tokens is not None
    assert other.tokens is not None
    assert flow.tokens.access_token != other.tokens.access_token
    for tokens in (flow.tokens, other.tokens):
        jwt.decode(tokens.access_token.reveal(), signing_key)


def test_outbox_watchers_are_not_copied(signing_key: RSAKey) -> None:
    """A watcher of the outbox need not be copyable, and does not get the fork's messages."""
    messages: Queue[Message] = Queue()
    pool = LocalPool(mfa="ON", mfa_methods=["SMS_MFA"], key=signing_key)
    pool.add_user("ada", PASSWORD, phone_number="+15555550143")
    pool.outbox.watch(messages.put)

    pool.fork().cognito().sign_in("ada", PASSWORD)
    assert messages.qsize() == 0
    pool.cognito().sign_in("ada", PASSWORD)
    assert messages.qsize() == 1


def test_changes_are_separate(signing_key: RSAKey) -> None:
    """Users, failures, messages and sign-outs of one pool do not affect the other."""
    pool = LocalPool(key=signing_key, clock=ManualClock())
    pool.add_user("ada", PASSWORD)
    fork = pool.fork()

    fork.add_user("grace", PASSWORD)
    for _ in range(5):
        with pytest.raises(UserError):
            fork.cognito().sign_in("ada", "Wrong-Horse-1")
    with pytest.raises(UserError):
        pool.cognito().sign_in("grace", PASSWORD)

    assert pool.cognito().sign_in("ada", PASSWORD).state is State.AUTHENTICATED
    with pytest.raises(Exception, match="attempts exceeded"):
        fork.cognito().sign_in("ada", PASSWORD)
    assert (repr(pool), repr(fork)) == (f"LocalPool({pool.pool_id}, 1 user)", f"LocalPool({pool.pool_id}, 2 users)")


# ---- forked processes ------------------------------------------------------------------------------


def _ends_well(child: Any) -> None:
    child.start()
    child.join(20)
    if child.is_alive():
        child.kill()
        pytest.fail("the forked process hangs")
    assert child.exitcode == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
class TestForkedProcess:
    FORKED = multiprocessing.get_context("fork") if hasattr(os, "fork") else None

    def signs_in(self, pool: LocalPool) -> Any:
        """Fork a process that signs in, makes a client and gets the keys."""

        def run() -> None:
            assert pool.cognito().sign_in("ada", PASSWORD).state is State.AUTHENTICATED
            assert pool.jwks()["keys"]

        return self.FORKED.Process(target=run)  # type: ignore[union-attr]

    @pytest.mark.parametrize("lock", ["_lock", "_key_lock"])
    def test_lock_held_by_another_thread(self, signing_key: RSAKey, lock: str) -> None:
        """The child does not wait for a lock of a thread that it does not have."""
        pool = LocalPool(key=signing_key)
        pool.add_user("ada", PASSWORD)
        locked, release = threading.Event(), threading.Event()
        within = pool._lock if lock == "_lock" else pool._core.token_issuer._key_lock

        def hold() -> None:
            with within:
                locked.set()
                release.wait(60)

        thread = threading.Thread(target=hold)
        thread.start()
        assert locked.wait(10)
        try:
            _ends_well(self.signs_in(pool))
        finally:
            release.set()
            thread.join()
        assert pool.cognito().sign_in("ada", PASSWORD).state is State.AUTHENTICATED

    def test_fork_in_a_trigger(self, signing_key: RSAKey) -> None:
        """After a trigger forks, the pool works in parent and child."""
        pool = LocalPool(key=signing_key)
        pool.add_user("ada", PASSWORD)
        child = self.signs_in(pool)
        with pool._lock:
            _ends_well(child)

        assert pool.cognito().sign_in("ada", PASSWORD).state is State.AUTHENTICATED

    def test_fork_at_any_time(self, signing_key: RSAKey) -> None:
        """Ten children, forked while four threads sign in, sign in themselves."""
        pool = LocalPool(key=signing_key)
        for name in ("ada", "bob"):
            pool.add_user(name, PASSWORD)
        stop = threading.Event()

        def work() -> None:
            while not stop.is_set():
                pool.cognito().sign_in("bob", PASSWORD)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(10):
                _ends_well(self.signs_in(pool))
        finally:
            stop.set()
            for thread in threads:
                thread.join()
