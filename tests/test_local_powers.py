"""The pool's own g^x is the g^x of everybody else."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from authfsm import srp
from authfsm.local.state import srp_proofs


@given(st.integers(0, 2**256 - 1))
@example(0)
@example(1)
@example(31)
@example(32)
@example(2**256 - 1)
@example(2**255)
def test_it_is_pythons_own_power(x: int) -> None:
    """By pow, which knows nothing of tables."""
    assert srp_proofs.fixed_base_pow(x) == pow(srp.g, x, srp.N)


@pytest.mark.parametrize("x", [-1, 2**256])
def test_what_is_no_such_number(x: int) -> None:
    """A hash has 256 bits, and no sign."""
    with pytest.raises(ValueError, match="256 bits"):
        srp_proofs.fixed_base_pow(x)
