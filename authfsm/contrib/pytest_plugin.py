"""Pytest fixtures for your tests, available wherever this package is installed.

`cognito` is a local Cognito without pools, new for each test; `cognito_client` is a real boto3 client for it, and
`cognito_pool` is a user pool in it, with an app client.
`@pytest.mark.cognito(mfa="ON", ...)` sets the pool's settings, which are the arguments of `LocalPool`. If
marks differ in a setting, that of the test is used, otherwise that of its class, otherwise that of its module.

Pytest loads this module at every start, so it imports the local pool's code only when a test asks for a fixture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from joserfc.jwk import RSAKey

    from authfsm.local import LocalCognito, LocalPool


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark."""
    mark = "cognito(**settings): the settings of `cognito_pool` (arguments of authfsm.local.LocalPool)"
    config.addinivalue_line("markers", mark)


@pytest.fixture(scope="session")
def cognito_signing_key() -> RSAKey:
    """One signing key for all pools of a test run, since generating a key takes longer than most tests."""
    from joserfc.jwk import RSAKey  # noqa: PLC0415 - loaded only for a pool

    return RSAKey.generate_key(2048, private=True)


@pytest.fixture
def cognito(cognito_signing_key: RSAKey) -> LocalCognito:
    """A local Cognito without pools, for set-up code that creates its own pools; new for each test."""
    from authfsm.local import LocalCognito  # noqa: PLC0415 - loaded only for a pool

    return LocalCognito(key=cognito_signing_key)


@pytest.fixture
def cognito_pool(request: pytest.FixtureRequest, cognito: LocalCognito) -> LocalPool:
    """A local pool, new for each test."""
    settings: dict[str, Any] = {}
    for mark in reversed(list(request.node.iter_markers("cognito"))):
        if mark.args:
            raise pytest.UsageError("pytest.mark.cognito takes keyword arguments only, for example mfa='ON'")
        settings |= mark.kwargs
    return cognito.pool(**settings)


@pytest.fixture
def cognito_client(cognito: LocalCognito) -> Any:
    """A real boto3 cognito-idp client for all pools of `cognito`; no request leaves the process."""
    return cognito.client()
