"""The real pool: a boto3 client for it, unsigned unless an administrator's, and nothing of it in argv."""

from __future__ import annotations

import os

import boto3
from attrs import frozen
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from authfsm.cli.signin.exits import Ended, Exit
from authfsm.drivers.boto import Cognito
from authfsm.secret import Secret


@frozen
class Pool:
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
        # One attempt a request: an answer that was lost may have been heard, and botocore would send it
        # again unseen. The sign-in does so itself, and says so.
        config = Config(
            signature_version=None if self.admin else UNSIGNED,
            connect_timeout=10,
            read_timeout=30,
            retries={"total_max_attempts": 1},
        )
        try:
            session = boto3.Session(profile_name=self.profile, region_name=region)
            client = session.client("cognito-idp", endpoint_url=self.endpoint, config=config)
            return Cognito(
                client,
                client_id=self.client_id,
                pool_id=self.pool_id,
                client_secret=from_environment("AUTHFSM_CLIENT_SECRET"),
                admin=self.admin,
            )
        except (BotoCoreError, ValueError) as error:
            raise Ended(Exit.MISUSED, f"{error}") from None


def from_environment(name: str) -> Secret[str] | None:
    """A secret of the environment; None where there is none."""
    return Secret(os.environ[name]) if os.environ.get(name) else None
