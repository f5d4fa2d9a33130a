"""The pool's table-based g^x equals Python's own power."""

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
def test_it_equals_pow(x: int) -> None:
    """The function equals Python's pow."""
    assert srp_proofs.fixed_base_pow(x) == pow(srp.g, x, srp.N)


@pytest.mark.parametrize("x", [-1, 2**256])
def test_invalid_exponents(x: int) -> None:
    """A negative number, or one of more than 256 bits, is refused."""
    with pytest.raises(ValueError, match="256 bits"):
        srp_proofs.fixed_base_pow(x)
