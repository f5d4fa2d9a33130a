"""What AWS tells of a pool and its app client that matters to whoever reviews its security.

Beside what takes part in a sign-in (`authfsm.settings`) it reads lifetimes, recovery, and what strangers are told.
A description that was not given leaves its fields None, "not known", and what is not known is no finding.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, TypeVar

from attrs import field, frozen

from authfsm.settings import PoolSettings
from authfsm.settings.descriptions import Descriptions
from authfsm.settings.sign_in_settings import fetch_descriptions

Told = TypeVar("Told", bound="PoolDescription")


@frozen(kw_only=True)
class PoolDescription:
    """What DescribeUserPool, DescribeUserPoolClient and GetUserPoolMfaConfig say to a reviewer.

    Args:
        settings: what takes part in a sign-in.
        prevent_user_existence_errors: ENABLED or LEGACY.
        account_recovery: AccountRecoverySetting's mechanisms, most wanted first; empty where there are none.
        auth_session_validity: how long a challenge may wait for its answer.
        refresh_token_validity: how long a refresh token lives.
    """

    settings: PoolSettings = field(factory=PoolSettings)
    prevent_user_existence_errors: str | None = None
    account_recovery: tuple[str, ...] | None = None
    auth_session_validity: timedelta | None = None
    refresh_token_validity: timedelta | None = None

    @classmethod
    def from_descriptions(  # noqa: PYI019 - typing has no Self in Python 3.10
        cls: type[Told],
        user_pool: Mapping[str, Any],
        user_pool_client: Mapping[str, Any] | None = None,
        mfa_config: Mapping[str, Any] | None = None,
    ) -> Told:
        """What descriptions say that were fetched, or saved, before.

        Args:
            user_pool: the reply of DescribeUserPool, or the UserPool in it; it may hold the other two as well.
            user_pool_client: the reply of DescribeUserPoolClient, or the UserPoolClient in it.
            mfa_config: the reply of GetUserPoolMfaConfig.

        Raises:
            BadField: a field is what AWS never says.
        """
        return cls.from_read(Descriptions.read(user_pool, user_pool_client, mfa_config))

    @classmethod
    def from_read(cls: type[Told], told: Descriptions) -> Told:  # noqa: PYI019 - the same
        """What descriptions say that have been read.

        Args:
            told: the descriptions.

        Raises:
            BadField: a field is what AWS never says.
        """
        settings = PoolSettings.from_read(told)
        if told.user_pool_client is None:
            return cls(settings=settings, account_recovery=told.recovery)
        return cls(
            settings=settings,
            account_recovery=told.recovery,
            prevent_user_existence_errors=told.user_existence_errors,
            auth_session_validity=told.auth_session_validity,
            refresh_token_validity=told.validity("RefreshTokenValidity"),
        )

    @classmethod
    def describe(  # noqa: PYI019 - the same
        cls: type[Told], client: Any, pool_id: str, client_id: str | None = None
    ) -> Told:
        """What AWS says now.

        Args:
            client: a boto3 `cognito-idp` client, or anything with its methods.
            pool_id: the user pool's id.
            client_id: the app client's id; None leaves open what it may do.

        Raises:
            BadField: a field is what AWS never says.
        """
        return cls.from_descriptions(*fetch_descriptions(client, pool_id, client_id))
