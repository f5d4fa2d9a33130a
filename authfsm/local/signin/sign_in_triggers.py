"""The functions that a sign-in calls on its way: PreAuthentication, PostAuthentication, PreTokenGeneration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from authfsm.local.config.pool_configuration import AppClient
from authfsm.local.state import triggers
from authfsm.local.state.claims import UNCHANGED, Changes, Overrides
from authfsm.local.state.core import Core
from authfsm.local.state.sessions import Attempt
from authfsm.local.state.triggers import Metadata
from authfsm.local.state.users import User
from authfsm.protocol.states import State

_PRE: Final = "PreAuthentication_Authentication"
_POST: Final = "PostAuthentication_Authentication"

NEW_TOKENS: Final = "TokenGeneration_Authentication"
AFTER_NEW_PASSWORD: Final = "TokenGeneration_NewPasswordChallenge"  # noqa: S105 - AWS's words
AFTER_DEVICE: Final = "TokenGeneration_AuthenticateDevice"
REFRESHED: Final = "TokenGeneration_RefreshTokens"


def pre_authentication(
    pool: Core, client: AppClient, user: User | None, name: str, metadata: Metadata
) -> None:
    """Have PreAuthentication refuse a sign-in, or not.

    Its ClientMetadata is InitiateAuth's, which comes as validationData: "The ClientMetadata value is passed
    as input to the functions for only ... pre signup, pre authentication, user migration" (AWS API
    reference). So it runs there, before the password is looked at, also for a user who will be refused.
    A user who is not there is told by userNotFound, which "is populated when PreventUserExistenceErrors is
    set to ENABLED" (developer guide).
    """
    function = triggers.of(pool).pre_authentication
    if function is None:
        return
    triggers.call(
        pool,
        function,
        _PRE,
        user_name=name,
        client=client,
        asked={
            "userAttributes": triggers.described(user),
            "validationData": dict(metadata) if metadata else None,
            "userNotFound": user is None,
        },
        blank={},
    )


def post_authentication(
    pool: Core, client: AppClient, user: User, metadata: Metadata, *, new_device: bool
) -> None:
    """Tell PostAuthentication of a sign-in that is about to succeed; it may still refuse."""
    function = triggers.of(pool).post_authentication
    if function is None:
        return
    triggers.call(
        pool,
        function,
        _POST,
        user_name=user.username,
        client=client,
        asked={"userAttributes": triggers.described(user), "newDeviceUsed": new_device},
        blank={},
        metadata=metadata,
    )


def before_tokens(
    pool: Core, attempt: Attempt, metadata: Metadata, *, new_device: bool
) -> Overrides:
    """What a sign-in calls when nothing but the tokens is left: either function may still refuse.

    "If the user signs in for the first time ... with a new device" -- what newDeviceUsed says, is taken
    here to be that the pool is about to give NewDeviceMetadata.
    """
    client, user = attempt.client, attempt.known
    post_authentication(pool, client, user, metadata, new_device=new_device)
    answered = pool.sessions.answered
    source = NEW_TOKENS
    if attempt.device_proved:
        source = AFTER_DEVICE
    elif answered is not None and answered.challenge == State.NEW_PASSWORD_REQUIRED:
        source = AFTER_NEW_PASSWORD
    return pre_token_generation(pool, client, user, source, metadata)


def pre_token_generation(
    pool: Core, client: AppClient, user: User, source: str, metadata: Metadata
) -> Overrides:
    """Ask PreTokenGeneration what the tokens should say."""
    function = triggers.of(pool).pre_token_generation
    if function is None:
        return UNCHANGED
    version = triggers.of(pool).pre_token_generation_version or "V1_0"
    groups = {
        "groupsToOverride": list(user.groups),
        "iamRolesToOverride": [],
        "preferredRole": None,
    }
    asked: dict[str, Any] = {
        "userAttributes": triggers.described(user),
        "groupConfiguration": groups,
    }
    details = "claimsOverrideDetails" if version == "V1_0" else "claimsAndScopeOverrideDetails"
    if version != "V1_0":
        asked["scopes"] = ["aws.cognito.signin.user.admin"]
    response = triggers.call(
        pool,
        function,
        source,
        user_name=user.username,
        client=client,
        asked=asked,
        blank={details: None},
        metadata=metadata,
        version=version[1],
    )
    return _overrides(
        source, triggers.mapping(source, response, details), only_id=version == "V1_0"
    )


def _overrides(source: str, details: Mapping[str, Any], *, only_id: bool) -> Overrides:
    override = triggers.mapping(source, details, "groupOverrideDetails")
    preferred = override.get("preferredRole")
    if preferred is not None and not isinstance(preferred, str):
        raise triggers.misshapen(source, "preferredRole is not text")
    if only_id:
        # In a V1_0 response claims are text: an array is "Unrecognizable lambda output" (reports of users).
        add: Mapping[str, Any] = triggers.texts(source, details, "claimsToAddOrOverride")
        suppress = triggers.listed(source, details, "claimsToSuppress") or ()
        id_token, access_token = Changes(add, suppress), Changes()
    else:
        id_token = _changes(source, details, "idTokenGeneration")
        access_token = _changes(source, details, "accessTokenGeneration")
    return Overrides(
        id_token,
        access_token,
        triggers.listed(source, override, "groupsToOverride"),
        triggers.listed(source, override, "iamRolesToOverride"),
        preferred,
    )


def _changes(source: str, details: Mapping[str, Any], key: str) -> Changes:
    given = triggers.mapping(source, details, key)
    return Changes(
        triggers.mapping(source, given, "claimsToAddOrOverride"),
        triggers.listed(source, given, "claimsToSuppress") or (),
        triggers.listed(source, given, "scopesToAdd") or (),
        triggers.listed(source, given, "scopesToSuppress") or (),
    )
