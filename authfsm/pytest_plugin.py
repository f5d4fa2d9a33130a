"""Fixtures for anybody's tests, found by pytest wherever this package is installed.

`cognito_pool` is an embedded user pool, new for each test; `cognito_client` is a real boto3 client on it.
`@pytest.mark.cognito(mfa="ON", ...)` says what the pool is to be, in the words of `LocalPool`; the mark on
one test holds over that on its class, and that over its module's.

Nothing is imported before a test asks for it: pytest loads this at every start, whatever it runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from joserfc.jwk import RSAKey

    from authfsm.local import LocalPool


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known."""
    config.addinivalue_line(
        "markers",
        "cognito(**settings): what the user pool of `cognito_pool` is to be (authfsm.local.LocalPool)",
    )


@pytest.fixture(scope="session")
def cognito_signing_key() -> RSAKey:
    """One signing key for the pools of a run: making one takes longer than most tests."""
    from joserfc.jwk import RSAKey  # noqa: PLC0415 - only who asks for a pool waits

    return RSAKey.generate_key(2048, private=True)


@pytest.fixture
def cognito_pool(request: pytest.FixtureRequest, cognito_signing_key: RSAKey) -> LocalPool:
    """An Amazon Cognito user pool in this process, new for this test."""
    from authfsm.local import LocalPool  # noqa: PLC0415 - only who asks for a pool waits

    settings: dict[str, Any] = {"key": cognito_signing_key}
    for mark in reversed(list(request.node.iter_markers("cognito"))):
        settings |= mark.kwargs
    return LocalPool(**settings)


@pytest.fixture
def cognito_client(cognito_pool: LocalPool) -> Any:
    """A real boto3 cognito-idp client, answered by `cognito_pool`; no request leaves the process."""
    return cognito_pool.client()
