"""The conftest of moto's cognito-idp suite: its clients reach the endpoint in the environment, not moto."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable
from typing import Any

import boto3
import moto
import pyotp
import pytest

_REGIONS = ("us-west-2", "us-east-1", "us-east-2")
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
    """Skip the tests that are about moto itself or another service."""
    others = os.environ["MOTO_SUITE_SKIP"].split()
    for item in items:
        if item.name.split("[")[0] in others:
            item.add_marker(pytest.mark.skip(reason="about moto itself, or another service"))


@pytest.fixture(autouse=True)
def _empty_regions() -> None:
    """Delete all pools first: several tests count them."""
    for region in _REGIONS:
        client = boto3.client("cognito-idp", region)
        for pool in client.list_user_pools(MaxResults=60)["UserPools"]:
            client.delete_user_pool(UserPoolId=pool["Id"])
