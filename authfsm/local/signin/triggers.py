"""Calling the pool's Lambda functions."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any, Final

from attrs import frozen

from authfsm.local.config import error_templates
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.config.pool_configuration import AppClient, Event, Trigger, Triggers
from authfsm.local.state.core import Core
from authfsm.local.state.sessions import Attempt
from authfsm.local.state.token_claims import NO_OVERRIDES, ClaimOverrides, TokenChanges
from authfsm.local.state.users import User
from authfsm.protocol.states import State

# Calling the pool's Lambda functions, in the shape of the Lambda events.
Metadata = Mapping[str, str] | None
"""ClientMetadata, where Cognito hands it on."""

_NO_CLIENT: Final = "CLIENT_ID_NOT_APPLICABLE"


def configured_triggers(pool: Core) -> Triggers:
    """The pool's functions."""
    return pool.configuration.triggers or Triggers()


def call(
    pool: Core,
    function: Trigger,
    source: str,
    *,
    user_name: str,
    client: AppClient | None,
    asked: Mapping[str, Any],
    blank: Mapping[str, Any],
    metadata: Metadata = None,
    version: str = "1",
) -> Mapping[str, Any]:
    """Call a function.

    Args:
        pool: the pool.
        function: the function.
        source: triggerSource.
        user_name: userName.
        client: the app client; None for an administrator's request.
        asked: the event's request.
        blank: the event's response, before the function.
        metadata: request.clientMetadata.
        version: the event's version.

    Returns:
        The event's response, after it.

    Raises:
        PoolRefusal: UserLambdaValidationException, InvalidLambdaResponseException.
    """
    event: Event = {
        "version": version,
        "region": pool.configuration.region,
        "userPoolId": pool.configuration.pool_id,
        "userName": user_name,
        "callerContext": {
            "awsSdkVersion": "authfsm-local",
            "clientId": client.client_id if client is not None else _NO_CLIENT,
        },
        "triggerSource": source,
        "request": deepcopy(dict(asked)),
        "response": deepcopy(dict(blank)),
    }
    if metadata:
        event["request"]["clientMetadata"] = dict(metadata)
    name = trigger_name(source)
    try:
        returned = function(event)
    except Exception as error:
        # "CreateAuthChallenge failed with error 'challengeMetaData'." -- as seen in issues
        raise PoolRefusal(error_templates.TRIGGER_FAILED, trigger=name, text=str(error)) from error
    answered = event if returned is None else returned
    if not isinstance(answered, Mapping) or not isinstance(answered.get("response"), Mapping):
        raise PoolRefusal(error_templates.TRIGGER_RESPONSE_INVALID, trigger=name, why="no response")
    found: Mapping[str, Any] = answered["response"]
    return found


def trigger_name(source: str) -> str:
    """The trigger's name, by which LambdaConfig and the errors call it."""
    first = source.partition("_")[0]
    return "PreTokenGeneration" if first == "TokenGeneration" else first


def user_attributes(user: User | None) -> dict[str, str]:
    """request.userAttributes; empty for nobody."""
    if user is None:
        return {}
    return {**user.all_attributes(), "cognito:user_status": user.status.value}


# ---- the parts of a response --------------------------------------------------------------------


def invalid_response(source: str, why: str) -> PoolRefusal:
    """The refusal of a response in another shape: InvalidLambdaResponseException."""
    return PoolRefusal(
        error_templates.TRIGGER_RESPONSE_INVALID, trigger=trigger_name(source), why=why
    )


def bool_field(source: str, response: Mapping[str, Any], key: str) -> bool:
    """A boolean; False if it is left out."""
    value = response.get(key)
    if value is not None and not isinstance(value, bool):
        raise invalid_response(source, f"{key} is not a boolean")
    return bool(value)


def text_map_field(source: str, response: Mapping[str, Any], key: str) -> dict[str, str]:
    """A map of text to text; empty if it is left out."""
    value = response.get(key)
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(
        isinstance(part, str) for pair in value.items() for part in pair
    ):
        raise invalid_response(source, f"{key} does not map text to text")
    return dict(value)


def map_field(source: str, response: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """A map; empty if it is left out."""
    value = response.get(key)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise invalid_response(source, f"{key} is no map")
    return value


def text_list_field(source: str, response: Mapping[str, Any], key: str) -> tuple[str, ...] | None:
    """A list of texts; None if it is left out."""
    value = response.get(key)
    if value is None:
        return None
    if not isinstance(value, (list, tuple)) or not all(isinstance(each, str) for each in value):
        raise invalid_response(source, f"{key} is no list of texts")
    return tuple(value)


# ---- at sign-up ---------------------------------------------------------------------------------


@frozen
class SignUpDecision:
    """What PreSignUp made of a sign-up.

    Args:
        confirm: autoConfirmUser.
        verify_email: autoVerifyEmail.
        verify_phone: autoVerifyPhone.
    """

    confirm: bool = False
    verify_email: bool = False
    verify_phone: bool = False


def pre_sign_up(
    pool: Core,
    source: str,
    client: AppClient | None,
    user: User,
    *,
    validation: Mapping[str, str],
    metadata: Metadata,
) -> SignUpDecision:
    """Have PreSignUp look at a user who is not in the pool yet."""
    function = configured_triggers(pool).pre_sign_up
    if function is None:
        return SignUpDecision()
    response = call(
        pool,
        function,
        source,
        user_name=user.username,
        client=client,
        asked={"userAttributes": dict(user.attributes), "validationData": dict(validation) or None},
        blank={"autoConfirmUser": False, "autoVerifyEmail": False, "autoVerifyPhone": False},
        metadata=metadata,
    )
    confirm = bool_field(source, response, "autoConfirmUser")
    email = bool_field(source, response, "autoVerifyEmail")
    phone = bool_field(source, response, "autoVerifyPhone")
    # "If you set autoVerifyEmail to true, the user must have an email" -- developer guide, "Pre sign-up
    # Lambda trigger". The error it gives is not known.
    lacking = [n for n, on in (("email", email), ("phone_number", phone)) if on]
    if missing := [name for name in lacking if name not in user.attributes]:
        raise invalid_response(source, f"the user has no {missing[0]} to verify")
    return SignUpDecision(confirm, email, phone)


def post_confirmation(
    pool: Core, source: str, client: AppClient | None, user: User, metadata: Metadata
) -> None:
    """Tell PostConfirmation of a user who is confirmed, or who has reset their password."""
    function = configured_triggers(pool).post_confirmation
    if function is not None:
        call(
            pool,
            function,
            source,
            user_name=user.username,
            client=client,
            asked={"userAttributes": user_attributes(user)},
            blank={},
            metadata=metadata,
        )


# The functions that a sign-in calls on its way: PreAuthentication, PostAuthentication, PreTokenGeneration.
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
    function = configured_triggers(pool).pre_authentication
    if function is None:
        return
    call(
        pool,
        function,
        _PRE,
        user_name=name,
        client=client,
        asked={
            "userAttributes": user_attributes(user),
            "validationData": dict(metadata) if metadata else None,
            "userNotFound": user is None,
        },
        blank={},
    )


def post_authentication(
    pool: Core, client: AppClient, user: User, metadata: Metadata, *, new_device: bool
) -> None:
    """Tell PostAuthentication of a sign-in that is about to succeed; it may still refuse."""
    function = configured_triggers(pool).post_authentication
    if function is None:
        return
    call(
        pool,
        function,
        _POST,
        user_name=user.username,
        client=client,
        asked={"userAttributes": user_attributes(user), "newDeviceUsed": new_device},
        blank={},
        metadata=metadata,
    )


def run_token_triggers(
    pool: Core, attempt: Attempt, metadata: Metadata, *, new_device: bool
) -> ClaimOverrides:
    """What a sign-in calls when nothing but the tokens is left: either function may still refuse.

    "If the user signs in for the first time ... with a new device" -- what newDeviceUsed says, is taken
    here to be that the pool is about to give NewDeviceMetadata.
    """
    client, user = attempt.client, attempt.existing_user
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
) -> ClaimOverrides:
    """Ask PreTokenGeneration what the tokens should say."""
    function = configured_triggers(pool).pre_token_generation
    if function is None:
        return NO_OVERRIDES
    version = configured_triggers(pool).pre_token_generation_version or "V1_0"
    groups = {
        "groupsToOverride": list(user.groups),
        "iamRolesToOverride": [],
        "preferredRole": None,
    }
    asked: dict[str, Any] = {
        "userAttributes": user_attributes(user),
        "groupConfiguration": groups,
    }
    details = "claimsOverrideDetails" if version == "V1_0" else "claimsAndScopeOverrideDetails"
    if version != "V1_0":
        asked["scopes"] = ["aws.cognito.signin.user.admin"]
    response = call(
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
    return _overrides(source, map_field(source, response, details), only_id=version == "V1_0")


def _overrides(source: str, details: Mapping[str, Any], *, only_id: bool) -> ClaimOverrides:
    override = map_field(source, details, "groupOverrideDetails")
    preferred = override.get("preferredRole")
    if preferred is not None and not isinstance(preferred, str):
        raise invalid_response(source, "preferredRole is not text")
    if only_id:
        # In a V1_0 response claims are text: an array is "Unrecognizable lambda output" (reports of users).
        add: Mapping[str, Any] = text_map_field(source, details, "claimsToAddOrOverride")
        suppress = text_list_field(source, details, "claimsToSuppress") or ()
        id_token, access_token = TokenChanges(add, suppress), TokenChanges()
    else:
        id_token = _changes(source, details, "idTokenGeneration")
        access_token = _changes(source, details, "accessTokenGeneration")
    return ClaimOverrides(
        id_token,
        access_token,
        text_list_field(source, override, "groupsToOverride"),
        text_list_field(source, override, "iamRolesToOverride"),
        preferred,
    )


def _changes(source: str, details: Mapping[str, Any], key: str) -> TokenChanges:
    given = map_field(source, details, key)
    return TokenChanges(
        map_field(source, given, "claimsToAddOrOverride"),
        text_list_field(source, given, "claimsToSuppress") or (),
        text_list_field(source, given, "scopesToAdd") or (),
        text_list_field(source, given, "scopesToSuppress") or (),
    )
