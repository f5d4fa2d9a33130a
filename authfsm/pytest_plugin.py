"""Pytest fixtures for your tests, available wherever this package is installed.

`cognito_pool` is an embedded user pool, new for each test; `cognito_client` is a real boto3 client for it.
`@pytest.mark.cognito(mfa="ON", ...)` sets the pool's settings, which are the arguments of `LocalPool`. A mark on a
test overrides one on its class, which overrides one on its module.

Pytest loads this module at every start, so it imports nothing before a test asks for a pool.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from joserfc.jwk import RSAKey

    from authfsm.local import LocalPool


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark."""
    mark = (
        "cognito(**settings): the settings of `cognito_pool` (arguments of authfsm.local.LocalPool)"
    )
    config.addinivalue_line("markers", mark)


@pytest.fixture(scope="session")
def cognito_signing_key() -> RSAKey:
    """One signing key for all pools of a test run, since generating a key takes longer than most tests."""
    from joserfc.jwk import RSAKey  # noqa: PLC0415 - loaded only for a pool

    return RSAKey.generate_key(2048, private=True)


@pytest.fixture
def cognito_pool(request: pytest.FixtureRequest, cognito_signing_key: RSAKey) -> LocalPool:
    """An Amazon Cognito user pool in this process, new for each test."""
    from authfsm.local import LocalPool  # noqa: PLC0415 - loaded only for a pool

    settings: dict[str, Any] = {"key": cognito_signing_key}
    for mark in reversed(list(request.node.iter_markers("cognito"))):
        settings |= mark.kwargs
    return LocalPool(**settings)


@pytest.fixture
def cognito_client(cognito_pool: LocalPool) -> Any:
    """A real boto3 cognito-idp client that `cognito_pool` answers; no request leaves the process."""
    return cognito_pool.client()
