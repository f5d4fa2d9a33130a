"""The conftest of moto's cognito-idp suite: each test runs at a strict and at a lenient server, not under moto."""

from __future__ import annotations

import functools
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import boto3
import moto
import pyotp
import pytest
from joserfc.jwk import RSAKey
from local_servers import ThreadServer, serve_in_thread

_MODES = {"strict": (), "lenient": ("all",)}
_used: dict[str, set[str]] = {}


class _PassThrough:
    """`mock_aws`, as a decorator and as a context manager, that mocks nothing."""

    def __call__(self, function: Callable[..., Any] | None = None, **_: Any) -> Any:
        if function is None:
            return self

        @functools.wraps(function)
        def called(*arguments: Any, **more: Any) -> Any:
            return function(*arguments, **more)

        return called

    def __enter__(self) -> _PassThrough:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def _unused_code(totp: pyotp.TOTP) -> str:
    """Return a code that was not used yet, without the thirty seconds that the suite waits for it at AWS."""
    present = int(time.time())
    codes = [totp.at(present + step * totp.interval) for step in (0, 1, -1)]
    used = _used.setdefault(totp.secret, set())
    code = next(each for each in codes if each not in used)
    used.add(code)
    return code


moto.mock_aws = _PassThrough()  # type: ignore[assignment]  # for the suite, which imports it next
pyotp.TOTP.now = _unused_code  # type: ignore[method-assign, assignment]  # for the suite's own calls


def pytest_configure(config: pytest.Config) -> None:
    """Declare the suite's marker."""
    config.addinivalue_line("markers", "aws_verified: run against AWS by moto's maintainers")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out the tests that are about moto itself or another service."""
    others = os.environ["MOTO_SUITE_SKIP"].split()
    items[:] = [each for each in items if each.name.split("[")[0] not in others]


@pytest.fixture(scope="session")
def _servers() -> Iterator[dict[str, ThreadServer]]:
    """The two servers, whose pools share one signing key: making one takes longer than most tests."""
    key = RSAKey.generate_key(2048, private=True)
    with ExitStack() as stack:
        found = {mode: stack.enter_context(serve_in_thread(accept=list(names))) for mode, names in _MODES.items()}
        for each in found.values():
            each.service.cognito._key = key
        yield found


@pytest.fixture(autouse=True, params=list(_MODES))
def _server(
    request: pytest.FixtureRequest, _servers: dict[str, ThreadServer], monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Connect to an empty server; afterwards, report which relaxed checks it used."""
    server = _servers[request.param]
    monkeypatch.setenv("AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER", server.url)
    client = boto3.client("cognito-idp", "us-west-2")
    for pool_id in list(server.service.cognito.pools):  # several tests count them
        client.delete_user_pool(UserPoolId=pool_id)
    server.service.core.accepted.clear()
    yield
    accepted = {each.check for each in server.service.cognito.accepted}
    verified = request.node.get_closest_marker("aws_verified") is not None
    request.node.user_properties.append(("suite", [request.param, sorted(accepted), verified]))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Write one line for each test that has ended: its name, mode, outcome, the checks, whether AWS verified it."""
    entry = report.user_properties and dict(report.user_properties).get("suite")
    with Path(os.environ["MOTO_SUITE_REPORT"]).open("a", encoding="utf-8") as file:
        if "PYTEST_XDIST_WORKER" not in os.environ:
            file.write(json.dumps([report.nodeid, report.when, report.outcome, entry]) + "\n")
