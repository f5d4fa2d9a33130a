"""The connection to a real pool: a boto3 client, whose requests are signed only for an administrator."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

import boto3
from attrs import frozen
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from authfsm.base.concurrency import call_within
from authfsm.base.secret import Secret
from authfsm.cli.signin.screen import Misused
from authfsm.drivers.boto import Cognito

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient

CONNECT_TIMEOUT: Final = 10.0
READ_TIMEOUT: Final = 30.0
TOTAL_TIMEOUT: Final = CONNECT_TIMEOUT + READ_TIMEOUT
"""Seconds for a request and its whole reply; `READ_TIMEOUT` is for each read from the socket."""


@frozen
class PoolConnection:
    """The address of a pool; if `admin`, requests are signed with the profile's credentials."""

    client_id: str
    pool_id: str | None = None
    region: str | None = None
    endpoint: str | None = None
    profile: str | None = None
    admin: bool = False

    @property
    def service(self) -> str:
        """The service under which `SecretStorage` stores the secrets of this pool and app client."""
        return f"authfsm:{self.pool_id or self.region or 'pool'}/{self.client_id}".encode(errors="replace").decode()

    def cognito(self) -> Cognito:
        """Return a driver with a boto3 client; raise Misused for a wrong profile, region or endpoint."""
        region = self.region or (self.pool_id or "").partition("_")[0] or None
        # botocore must not retry: the sign-in session decides which lost requests are sent again, and shows each retry.
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
                cast("CognitoIdentityProviderClient", _TimedClient(client)),
                client_id=self.client_id,
                pool_id=self.pool_id,
                client_secret=from_environment("AUTHFSM_CLIENT_SECRET"),
                admin=self.admin,
            )
        except (BotoCoreError, ValueError) as error:
            raise Misused(f"{error}") from None


class _TimedClient:
    """A boto3 client whose calls have a total timeout; botocore's `read_timeout` limits only each read."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        if name not in self._client.meta.method_to_api_mapping:
            return found

        def call(**parameters: Any) -> Any:  # raises OutOfTime, which the driver turns into ConnectionLost
            return call_within(TOTAL_TIMEOUT, partial(found, **parameters))

        return call


def from_environment(name: str) -> Secret[str] | None:
    """Return a secret from an environment variable; None if it is not set or empty."""
    return Secret(os.environ[name]) if os.environ.get(name) else None
