"""The real pool: a boto3 client for it, unsigned unless an administrator's, and nothing of it in argv."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

import boto3
from attrs import frozen
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from authfsm.base.concurrency import call_within
from authfsm.base.secret import Secret
from authfsm.cli.signin.exits import ExitStatus, SignInEnded
from authfsm.drivers.boto import Cognito

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient

CONNECT_TIMEOUT: Final = 10.0
READ_TIMEOUT: Final = 30.0
WHOLE_TIMEOUT: Final = CONNECT_TIMEOUT + READ_TIMEOUT
"""Seconds: for a connection, for silence in between, and for a request and all of its reply."""


@frozen
class PoolConnection:
    """Where a pool is, and how it is reached.

    Args:
        client_id: the app client's id.
        pool_id: the user pool's id.
        region: its region; its id says it, where it is known.
        endpoint: another endpoint than AWS's.
        profile: the AWS profile.
        admin: with the credentials of an administrator.
    """

    client_id: str
    pool_id: str | None = None
    region: str | None = None
    endpoint: str | None = None
    profile: str | None = None
    admin: bool = False

    @property
    def service(self) -> str:
        """Pool and app client, as the name of a service."""
        return f"authfsm:{self.pool_id or self.region or 'pool'}/{self.client_id}"

    def cognito(self) -> Cognito:
        """The driver on a client for it.

        Raises:
            Ended: what was given does not make one.
        """
        region = self.region or (self.pool_id or "").partition("_")[0] or None
        # One attempt a request: what was lost is sent again by the person who asks for it, and not unseen.
        config = Config(
            signature_version=None if self.admin else UNSIGNED,
            connect_timeout=CONNECT_TIMEOUT,
            read_timeout=READ_TIMEOUT,
            retries={"total_max_attempts": 1},
        )
        try:
            session = boto3.Session(profile_name=self.profile, region_name=region)
            client = session.client("cognito-idp", endpoint_url=self.endpoint, config=config)
            return Cognito(
                cast("CognitoIdentityProviderClient", _InTime(client)),
                client_id=self.client_id,
                pool_id=self.pool_id,
                client_secret=from_environment("AUTHFSM_CLIENT_SECRET"),
                admin=self.admin,
            )
        except (BotoCoreError, ValueError) as error:
            raise SignInEnded(ExitStatus.MISUSED, f"{error}") from None


class _InTime:
    """A boto3 client whose calls end in time.

    botocore's `read_timeout` bounds each `recv`: an endpoint that sends a byte now and then would keep the
    person waiting for ever.

    Args:
        client: the client.
    """

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        if name not in self._client.meta.method_to_api_mapping:
            return found
        return _Method(self._client, found)


class _Method:
    """A method of a client. `__self__` is the client, as it is of a bound method.

    Args:
        client: the client.
        method: its method.
    """

    def __init__(self, client: Any, method: Callable[..., Any]) -> None:
        self.__self__ = client
        self._method = method

    def __call__(self, **parameters: Any) -> Any:
        """Call it.

        Raises:
            OutOfTime: no complete reply came in time; the driver makes it a ConnectionLost.
        """
        return call_within(WHOLE_TIMEOUT, partial(self._method, **parameters))


def from_environment(name: str) -> Secret[str] | None:
    """A secret of the environment; None where there is none."""
    return Secret(os.environ[name]) if os.environ.get(name) else None
