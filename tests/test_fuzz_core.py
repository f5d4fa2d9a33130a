"""Three thousand invalid inputs for each part of the core: each is accepted or raises a typed error.

`tests/long/fuzz_core.py` hands in a hundred thousand.
"""

from __future__ import annotations

import pytest
from fuzzing import Target, core, odd_value, run, settings, without_retry_delays
from joserfc.jwk import RSAKey

INPUTS = 3000


def test_only_typed_errors_escape_from_the_core(signing_key: RSAKey) -> None:
    """Replies, bodies, sealed sign-ins, tickets, tokens, key sets and fields raise only typed errors."""
    with without_retry_delays():
        outcome = run(core(signing_key), INPUTS, seed=1)
    assert outcome.escaped == {}
    # Each way in is tried, and neither refuses all nor nothing.
    assert len(outcome.inputs) == 8
    assert all(outcome.refused[name] for name in outcome.inputs)
    assert any(outcome.refused[name] < count for name, count in outcome.inputs.items())


def test_only_typed_errors_escape_from_the_settings(signing_key: RSAKey) -> None:
    """An invalid description of a pool raises a BadField that names the member."""
    outcome = run(settings(signing_key), INPUTS, seed=1)
    assert outcome.escaped == {}


def test_an_escaped_error_is_found() -> None:
    """The search finds a planted crash, counts it and keeps its first input; a seed repeats a run."""

    def crash(value: object) -> None:
        if isinstance(value, float):
            raise OverflowError("planted")
        if value is None:
            raise ValueError("typed")

    target = Target("planted", odd_value, crash, (ValueError,))
    first, again = run([target], 500, seed=3), run([target], 500, seed=3)
    (where,) = first.escaped
    assert where.startswith("planted: OverflowError at ")
    assert first.escaped == again.escaped
    assert first.refused["planted"] > 0
    with pytest.raises(AssertionError):
        assert run([target], 500, seed=4).escaped == {}
