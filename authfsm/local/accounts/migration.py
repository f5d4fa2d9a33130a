"""UserMigration: users whom the pool does not know yet are fetched when they first come with a password.

"When a user doesn't exist in the user pool at sign-in with a password, or in the forgot-password flow,
Amazon Cognito invokes this trigger. After the Lambda function returns successfully, Amazon Cognito creates
the user in the user pool." -- developer guide, "Migrate user Lambda trigger"

SRP has no password to hand over, and passwordless sign-in none at all: there it is not invoked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from authfsm.base.secret import Secret
from authfsm.local.accounts import sign_up
from authfsm.local.config.pool_configuration import AppClient
from authfsm.local.signin import passwords
from authfsm.local.state import triggers
from authfsm.local.state.core import Core
from authfsm.local.state.triggers import Metadata
from authfsm.local.state.users import Status, User
from authfsm.protocol.states import State

_SIGN_IN: Final = "UserMigration_Authentication"
_FORGOT: Final = "UserMigration_ForgotPassword"


def on_sign_in(
    pool: Core, client: AppClient, typed: str, password: Secret[str], metadata: Metadata
) -> User | None:
    """The user of a name that the pool does not know and a password; None if there is none."""
    # InitiateAuth's ClientMetadata comes as validationData (developer guide).
    asked = {
        "password": password.reveal(),
        "validationData": dict(metadata) if metadata else None,
    }
    return _migrated(pool, client, _SIGN_IN, typed, asked, password=password)


def on_forgot_password(
    pool: Core, client: AppClient, typed: str, metadata: Metadata
) -> User | None:
    """The user of a name that the pool does not know; None if there is none."""
    return _migrated(pool, client, _FORGOT, typed, {}, metadata=metadata)


def _migrated(
    pool: Core,
    client: AppClient,
    source: str,
    typed: str,
    asked: Mapping[str, Any],
    *,
    password: Secret[str] | None = None,
    metadata: Metadata = None,
) -> User | None:
    function = triggers.of(pool).user_migration
    if function is None:
        return None
    blank = dict.fromkeys(
        (
            "userAttributes",
            "finalUserStatus",
            "messageAction",
            "desiredDeliveryMediums",
            "forceAliasCreation",
            "enableSMSMFA",
        )
    )
    response = triggers.call(
        pool,
        function,
        source,
        user_name=typed,
        client=client,
        asked=asked,
        blank=blank,
        metadata=metadata,
    )
    given = triggers.texts(source, response, "userAttributes")
    if not given:
        # "This field is required." AWS's own example leaves it out for a user it does not know either;
        # what Cognito then says is "Exception migrating user in app client <id>" (one report, without a
        # class). Here the user is as unknown as before.
        return None
    status = response.get("finalUserStatus")
    if status not in {None, "CONFIRMED", "RESET_REQUIRED"}:
        raise triggers.misshapen(source, "finalUserStatus is neither CONFIRMED nor RESET_REQUIRED")
    # "username" may name the user where they came by an alias.
    user = sign_up.stub(pool, given.pop("username", typed), given)
    user.attributes.pop("sub", None)
    pool.users.add(user, force=triggers.flag(source, response, "forceAliasCreation"))
    if password is not None:
        # "Amazon Cognito doesn't enforce the password strength policy ... during migration"
        passwords.set_password(pool, user, password, temporary=False)
    user.status = Status(status or "CONFIRMED")
    if password is None:
        # A forgotten password is to be set anew, and that is what the user has come for.
        user.status = Status.RESET_REQUIRED
    if triggers.flag(source, response, "enableSMSMFA"):
        user.mfa_enabled = frozenset({State.SMS_MFA})
    return user
