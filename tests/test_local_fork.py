"""A fork of a pool is the same pool at that moment, and another one from then on."""

from __future__ import annotations

from queue import Queue

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from authfsm import Code, State, UserError, new_key
from authfsm.local import LocalPool, ManualClock, Message

PASSWORD = "Correct-Horse-1"


def test_one_sign_in_ends_in_both(signing_key: RSAKey) -> None:
    """Forked while a code is asked: the same code, on the same session, is good once in each."""
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


def test_whoever_watches_one_does_not_watch_the_other(signing_key: RSAKey) -> None:
    """A queue that is told of each message is no part of the pool: it cannot be copied, and need not be."""
    told: Queue[Message] = Queue()
    pool = LocalPool(mfa="ON", mfa_methods=["SMS_MFA"], key=signing_key)
    pool.add_user("ada", PASSWORD, phone_number="+15555550143")
    pool.outbox.watch(told.put)

    pool.fork().cognito().sign_in("ada", PASSWORD)
    assert told.qsize() == 0
    pool.cognito().sign_in("ada", PASSWORD)
    assert told.qsize() == 1


def test_what_is_done_to_one_is_not_done_to_the_other(signing_key: RSAKey) -> None:
    """Users, failures, messages and signed-out sessions stay where they are."""
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
    assert (repr(pool), repr(fork)) == (
        f"LocalPool({pool.pool_id}, 1 users)",
        f"LocalPool({pool.pool_id}, 2 users)",
    )
