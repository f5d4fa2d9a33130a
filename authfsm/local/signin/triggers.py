"""Calls the pool's Lambda functions, with the events that AWS documents, and reads their responses.

"Amazon Cognito passes event information to your Lambda function. The function then returns the same event
object back to Amazon Cognito with any changes in the response." -- developer guide, "Customizing user pool
workflows with Lambda triggers"

An exception of a function becomes UserLambdaValidationException, a response in another shape
InvalidLambdaResponseException. The functions of CUSTOM_AUTH are called in `custom`.
"""

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

Metadata = Mapping[str, str] | None
"""ClientMetadata, where Cognito passes it to a function."""

NEW_TOKENS: Final = "TokenGeneration_Authentication"
AFTER_NEW_PASSWORD: Final = "TokenGeneration_NewPasswordChallenge"  # noqa: S105 - a triggerSource
AFTER_DEVICE: Final = "TokenGeneration_AuthenticateDevice"
REFRESHED: Final = "TokenGeneration_RefreshTokens"


def configured_triggers(pool: Core) -> Triggers:
    """Return the pool's functions; an empty `Triggers` if it has none."""
    return pool.configuration.triggers or Triggers()


def call(
    pool: Core,
    function: Trigger,
    source: str,
    *,
    user_name: str,
    client: AppClient | None,
    request: Mapping[str, Any],
    response: Mapping[str, Any],
    metadata: Metadata = None,
    version: str = "1",
) -> Mapping[str, Any]:
    """Call a function with an event of this request and blank response, and return the event's response.

    Without an app client it is an administrator's request. Raises UserLambdaValidationException or
    InvalidLambdaResponseException as `PoolRefusal`.
    """
    event: Event = {
        "version": version,
        "region": pool.configuration.region,
        "userPoolId": pool.configuration.pool_id,
        "userName": user_name,
        "callerContext": {
            "awsSdkVersion": "authfsm-local",
            "clientId": client.client_id if client is not None else "CLIENT_ID_NOT_APPLICABLE",
        },
        "triggerSource": source,
        "request": deepcopy(dict(request)),
        "response": deepcopy(dict(response)),
    }
    if metadata:
        event["request"]["clientMetadata"] = dict(metadata)
    name = trigger_name(source)
    try:
        returned = function(event)
    except Exception as error:
        # "CreateAuthChallenge failed with error 'challengeMetaData'." -- reports of users
        raise PoolRefusal(error_templates.TRIGGER_FAILED, trigger=name, text=str(error)) from error
    result = event if returned is None else returned
    if not isinstance(result, Mapping) or not isinstance(result.get("response"), Mapping):
        raise invalid_response(source, "no response")
    found: Mapping[str, Any] = result["response"]
    return found


def _call_for_user(
    pool: Core,
    function: Trigger,
    source: str,
    client: AppClient | None,
    user: User,
    *,
    more: Mapping[str, Any] | None = None,
    response: Mapping[str, Any] | None = None,
    metadata: Metadata = None,
    version: str = "1",
) -> Mapping[str, Any]:
    return call(
        pool,
        function,
        source,
        user_name=user.username,
        client=client,
        request={"userAttributes": user_attributes(user), **(more or {})},
        response=response or {},
        metadata=metadata,
        version=version,
    )


def trigger_name(source: str) -> str:
    """Return the trigger's name in LambdaConfig and in errors."""
    first = source.partition("_")[0]
    return "PreTokenGeneration" if first == "TokenGeneration" else first


def user_attributes(user: User | None) -> dict[str, str]:
    """Return request.userAttributes; empty for an unknown user."""
    if user is None:
        return {}
    return {**user.all_attributes(), "cognito:user_status": user.status.value}


# ---- the fields of a response -------------------------------------------------------------------


def invalid_response(source: str, why: str) -> PoolRefusal:
    """Return InvalidLambdaResponseException, with a reason."""
    name = trigger_name(source)
    return PoolRefusal(error_templates.TRIGGER_RESPONSE_INVALID, trigger=name, why=why)


def bool_field(source: str, response: Mapping[str, Any], key: str) -> bool:
    """Return a boolean; False if it is absent."""
    value = response.get(key)
    if value is not None and not isinstance(value, bool):
        raise invalid_response(source, f"{key} is not a boolean")
    return bool(value)


def map_field(source: str, response: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return a map; empty if it is absent."""
    value = response.get(key)
    if value is not None and not isinstance(value, Mapping):
        raise invalid_response(source, f"{key} is not a map")
    return {} if value is None else value


def text_map_field(source: str, response: Mapping[str, Any], key: str) -> dict[str, str]:
    """Return a map of text to text; empty if it is absent."""
    value = {} if response.get(key) is None else response[key]
    if not isinstance(value, Mapping) or not all(
        isinstance(part, str) for pair in value.items() for part in pair
    ):
        raise invalid_response(source, f"{key} does not map text to text")
    return dict(value)


def text_list_field(source: str, response: Mapping[str, Any], key: str) -> tuple[str, ...] | None:
    """Return a list of texts; None if it is absent."""
    value = response.get(key)
    if value is None:
        return None
    if not isinstance(value, (list, tuple)) or not all(isinstance(each, str) for each in value):
        raise invalid_response(source, f"{key} is not a list of texts")
    return tuple(value)


# ---- sign-up ------------------------------------------------------------------------------------


@frozen
class SignUpDecision:
    """What PreSignUp decided: autoConfirmUser, autoVerifyEmail and autoVerifyPhone."""

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
    """Ask PreSignUp about a user who is not in the pool yet."""
    function = configured_triggers(pool).pre_sign_up
    if function is None:
        return SignUpDecision()
    response = call(
        pool,
        function,
        source,
        user_name=user.username,
        client=client,
        request={
            "userAttributes": dict(user.attributes),
            "validationData": dict(validation) or None,
        },
        response={"autoConfirmUser": False, "autoVerifyEmail": False, "autoVerifyPhone": False},
        metadata=metadata,
    )
    confirm = bool_field(source, response, "autoConfirmUser")
    email = bool_field(source, response, "autoVerifyEmail")
    phone = bool_field(source, response, "autoVerifyPhone")
    # "If you set autoVerifyEmail to true, the user must have an email" -- developer guide, "Pre sign-up
    # Lambda trigger". Which error Cognito returns otherwise is not known.
    for name, verify in (("email", email), ("phone_number", phone)):
        if verify and name not in user.attributes:
            raise invalid_response(source, f"the user has no {name} to verify")
    return SignUpDecision(confirm, email, phone)


def post_confirmation(
    pool: Core, source: str, client: AppClient | None, user: User, metadata: Metadata
) -> None:
    """Call PostConfirmation for a user who was confirmed, or who has reset the password."""
    function = configured_triggers(pool).post_confirmation
    if function is not None:
        _call_for_user(pool, function, source, client, user, metadata=metadata)


# ---- sign-in ------------------------------------------------------------------------------------


def pre_authentication(
    pool: Core, client: AppClient, user: User | None, name: str, metadata: Metadata
) -> None:
    """Call PreAuthentication, which may refuse the sign-in by raising.

    InitiateAuth's ClientMetadata reaches it as validationData: "The ClientMetadata value is passed as input
    to the functions for only ... pre signup, pre authentication, user migration" (AWS API reference). So
    it runs in InitiateAuth, before the password is checked, also for a user who will be refused. An unknown
    user has userNotFound, which "is populated when PreventUserExistenceErrors is set to ENABLED"
    (developer guide).
    """
    function = configured_triggers(pool).pre_authentication
    if function is None:
        return
    call(
        pool,
        function,
        "PreAuthentication_Authentication",
        user_name=name,
        client=client,
        request={
            "userAttributes": user_attributes(user),
            "validationData": dict(metadata) if metadata else None,
            "userNotFound": user is None,
        },
        response={},
    )


def run_token_triggers(
    pool: Core, attempt: Attempt, metadata: Metadata, *, new_device: bool
) -> ClaimOverrides:
    """Call PostAuthentication and PreTokenGeneration before tokens are issued; both may refuse.

    newDeviceUsed is true if the reply has NewDeviceMetadata (inferred from "If the user signs in for the
    first time ... with a new device", developer guide).
    """
    client, user = attempt.client, attempt.existing_user
    function = configured_triggers(pool).post_authentication
    if function is not None:
        post, more = "PostAuthentication_Authentication", {"newDeviceUsed": new_device}
        _call_for_user(pool, function, post, client, user, more=more, metadata=metadata)
    last = pool.sessions.last_answered
    source = NEW_TOKENS
    if attempt.device_proved:
        source = AFTER_DEVICE
    elif last is not None and last.challenge == State.NEW_PASSWORD_REQUIRED:
        source = AFTER_NEW_PASSWORD
    return pre_token_generation(pool, client, user, source, metadata)


def pre_token_generation(
    pool: Core, client: AppClient, user: User, source: str, metadata: Metadata
) -> ClaimOverrides:
    """Return the changes that PreTokenGeneration makes to the claims."""
    function = configured_triggers(pool).pre_token_generation
    if function is None:
        return NO_OVERRIDES
    version = configured_triggers(pool).pre_token_generation_version or "V1_0"
    more: dict[str, Any] = {
        "groupConfiguration": {
            "groupsToOverride": list(user.groups),
            "iamRolesToOverride": [],
            "preferredRole": None,
        }
    }
    key = "claimsOverrideDetails"
    if version != "V1_0":
        key, more["scopes"] = "claimsAndScopeOverrideDetails", ["aws.cognito.signin.user.admin"]
    response = _call_for_user(
        pool,
        function,
        source,
        client,
        user,
        more=more,
        response={key: None},
        metadata=metadata,
        version=version[1],
    )
    details = map_field(source, response, key)
    groups = map_field(source, details, "groupOverrideDetails")
    preferred = groups.get("preferredRole")
    if preferred is not None and not isinstance(preferred, str):
        raise invalid_response(source, "preferredRole is not text")
    if version == "V1_0":
        # In a V1_0 response claims are text: an array is "Unrecognizable lambda output" (reports of users).
        add = text_map_field(source, details, "claimsToAddOrOverride")
        suppress = text_list_field(source, details, "claimsToSuppress") or ()
        id_token, access_token = TokenChanges(add, suppress), TokenChanges()
    else:
        id_token = _token_changes(source, details, "idTokenGeneration")
        access_token = _token_changes(source, details, "accessTokenGeneration")
    return ClaimOverrides(
        id_token,
        access_token,
        text_list_field(source, groups, "groupsToOverride"),
        text_list_field(source, groups, "iamRolesToOverride"),
        preferred,
    )


def _token_changes(source: str, details: Mapping[str, Any], key: str) -> TokenChanges:
    changes = map_field(source, details, key)
    return TokenChanges(
        map_field(source, changes, "claimsToAddOrOverride"),
        *(
            text_list_field(source, changes, name) or ()
            for name in ("claimsToSuppress", "scopesToAdd", "scopesToSuppress")
        ),
    )
