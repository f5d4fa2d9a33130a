"""Damaged logs and histories; `tests/long/fuzz_traces.py` tries 100,000 of them."""

from __future__ import annotations

import pytest
from fuzzing_traces import read_damaged


@pytest.mark.parametrize("first", range(0, 1000, 250))
def test_damaged_logs_and_histories_are_read_or_counted(first: int) -> None:
    """There is no untyped exception, and something is counted for every text."""
    for seed in range(first, first + 250):
        read_damaged(seed)
