"""What several test files share."""

from __future__ import annotations

import pytest
from joserfc.jwk import RSAKey


@pytest.fixture(scope="session")
def signing_key() -> RSAKey:
    """One RSA key for all embedded pools of a run: making one takes longer than most tests."""
    return RSAKey.generate_key(2048, private=True)
