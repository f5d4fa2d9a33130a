"""Calling the pool's Lambda functions, in the shape of the Lambda events.

"Amazon Cognito passes event information to your Lambda function. The function then returns the same event
object back to Amazon Cognito with any changes in the response." -- developer guide, "Customizing user pool
workflows with Lambda triggers"

A function is given a fresh event; it changes it or returns it. What it raises becomes
UserLambdaValidationException, an answer in another shape InvalidLambdaResponseException.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any, Final

from attrs import frozen

from authfsm.local.config import error_templates
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.config.lambda_functions import Event, Trigger, Triggers
from authfsm.local.config.pool_configuration import AppClient
from authfsm.local.state.core import Core
from authfsm.local.state.users import User

Metadata = Mapping[str, str] | None
"""ClientMetadata, where Cognito hands it on."""

_NO_CLIENT: Final = "CLIENT_ID_NOT_APPLICABLE"


def of(pool: Core) -> Triggers:
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
    name = named(source)
    try:
        returned = function(event)
    except Exception as error:
        # "CreateAuthChallenge failed with error 'challengeMetaData'." -- as seen in issues
        raise PoolRefusal(error_templates.TRIGGER_FAILED, trigger=name, text=str(error)) from error
    answered = event if returned is None else returned
    if not isinstance(answered, Mapping) or not isinstance(answered.get("response"), Mapping):
        raise PoolRefusal(error_templates.TRIGGER_SHAPE, trigger=name, why="no response")
    found: Mapping[str, Any] = answered["response"]
    return found


def named(source: str) -> str:
    """The trigger's name, by which LambdaConfig and the errors call it."""
    first = source.partition("_")[0]
    return "PreTokenGeneration" if first == "TokenGeneration" else first


def described(user: User | None) -> dict[str, str]:
    """request.userAttributes; empty for nobody."""
    if user is None:
        return {}
    return {**user.described(), "cognito:user_status": user.status.value}


# ---- the parts of a response --------------------------------------------------------------------


def misshapen(source: str, why: str) -> PoolRefusal:
    """The refusal of a response in another shape: InvalidLambdaResponseException."""
    return PoolRefusal(error_templates.TRIGGER_SHAPE, trigger=named(source), why=why)


def flag(source: str, response: Mapping[str, Any], key: str) -> bool:
    """A boolean; False if it is left out."""
    value = response.get(key)
    if value is not None and not isinstance(value, bool):
        raise misshapen(source, f"{key} is not a boolean")
    return bool(value)


def texts(source: str, response: Mapping[str, Any], key: str) -> dict[str, str]:
    """A map of text to text; empty if it is left out."""
    value = response.get(key)
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(
        isinstance(part, str) for pair in value.items() for part in pair
    ):
        raise misshapen(source, f"{key} does not map text to text")
    return dict(value)


def mapping(source: str, response: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """A map; empty if it is left out."""
    value = response.get(key)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise misshapen(source, f"{key} is no map")
    return value


def listed(source: str, response: Mapping[str, Any], key: str) -> tuple[str, ...] | None:
    """A list of texts; None if it is left out."""
    value = response.get(key)
    if value is None:
        return None
    if not isinstance(value, (list, tuple)) or not all(isinstance(each, str) for each in value):
        raise misshapen(source, f"{key} is no list of texts")
    return tuple(value)


# ---- at sign-up ---------------------------------------------------------------------------------


@frozen
class Approval:
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
) -> Approval:
    """Have PreSignUp look at a user who is not in the pool yet."""
    function = of(pool).pre_sign_up
    if function is None:
        return Approval()
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
    confirm = flag(source, response, "autoConfirmUser")
    email = flag(source, response, "autoVerifyEmail")
    phone = flag(source, response, "autoVerifyPhone")
    # "If you set autoVerifyEmail to true, the user must have an email" -- developer guide, "Pre sign-up
    # Lambda trigger". The error it gives is not known.
    lacking = [n for n, on in (("email", email), ("phone_number", phone)) if on]
    if missing := [name for name in lacking if name not in user.attributes]:
        raise misshapen(source, f"the user has no {missing[0]} to verify")
    return Approval(confirm, email, phone)


def post_confirmation(
    pool: Core, source: str, client: AppClient | None, user: User, metadata: Metadata
) -> None:
    """Tell PostConfirmation of a user who is confirmed, or who has reset their password."""
    function = of(pool).post_confirmation
    if function is not None:
        call(
            pool,
            function,
            source,
            user_name=user.username,
            client=client,
            asked={"userAttributes": described(user)},
            blank={},
            metadata=metadata,
        )
