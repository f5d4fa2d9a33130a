"""Lambda functions as Python functions: which of them `Triggers` accepts, how they are called, and what they return.

"When Lambda invokes your function handler, the Lambda runtime passes two arguments to the function handler":
the event and the context -- AWS Lambda developer guide, "Define Lambda function handler in Python". A local
pool also accepts functions without the second parameter, and async functions.
"""

from __future__ import annotations

import importlib
import inspect
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from decimal import Decimal
from typing import Any, Final, Literal

from attrs import field, fields, frozen

from authfsm.local.config import error_templates
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.config.request_members import typed

Event = dict[str, Any]
"""The event of a Lambda trigger, in the shape that AWS documents."""

Trigger = Callable[..., Any] | str
"""A function of (event) or (event, context), possibly async, or its name as "module:function"."""

ACCOUNT: Final = "123456789012"
"""The AWS account in all ARNs."""

# "When called, your Lambda function must respond within 5 seconds." -- Amazon Cognito developer guide,
# "Customizing user pool workflows with Lambda triggers"
_TIME_LIMIT: Final = 5.0


@frozen
class LambdaContext:
    """The context that a Lambda function gets (AWS Lambda developer guide, "context object in Python")."""

    aws_request_id: str
    function_name: str
    region: str
    function_version: str = "$LATEST"
    memory_limit_in_mb: int = 128
    identity: Any = None
    client_context: Any = None
    _started: float = field(factory=time.monotonic, repr=False)

    @property
    def invoked_function_arn(self) -> str:
        """The ARN of the function, in the account of the local pool."""
        return f"arn:aws:lambda:{self.region}:{ACCOUNT}:function:{self.function_name}"

    @property
    def log_group_name(self) -> str:
        """The name of the log group in CloudWatch; nothing is logged there."""
        return f"/aws/lambda/{self.function_name}"

    @property
    def log_stream_name(self) -> str:
        """The name of the log stream in CloudWatch."""
        return f"[{self.function_version}]{self.aws_request_id}"

    def get_remaining_time_in_millis(self) -> int:
        """Return the rest of the five seconds that Cognito waits, in milliseconds."""
        return max(round(1000 * (_TIME_LIMIT - (time.monotonic() - self._started))), 0)


def to_function(name: str, value: Any) -> Callable[..., Any]:
    """Return the function that `value` is or names; ValueError for an unknown name, TypeError if it is no handler."""
    function: Callable[..., Any] | None = None if isinstance(value, str) else value
    if isinstance(value, str):
        module, _, attribute = value.partition(":")
        if not module or not attribute:
            raise ValueError(f'{name} is not "module:function" but {value!r}')
        try:
            function = getattr(importlib.import_module(module), attribute, None)
        except Exception as error:  # the module's own code may raise any error
            raise ValueError(f"{name} cannot be imported: {error}") from error
        if function is None:
            raise ValueError(f"{name}: {module} has no function {attribute}")
    if not callable(function):
        raise TypeError(f'{name} must be a function, or the name of one as "module:function", not {value!r}')
    if not _argument_count(function):
        raise TypeError(
            f"{name} must accept (event) or (event, context), not {inspect.signature(function)}: "
            "give a function like a Lambda handler"
        )
    return function


def _argument_count(function: Callable[..., Any]) -> int:
    """Return 2 to call a function with event and context, 1 for the event only, 0 if it accepts neither."""
    try:
        signature = inspect.signature(function)
    except ValueError:  # a function written in C, without a signature
        return 1
    for count in (2, 1):
        with suppress(TypeError):
            last = [*signature.bind(*[None] * count).arguments][-1]
            default = signature.parameters[last].default
            # A second parameter with a default other than None is not for the context.
            if count == 1 or default is None or default is inspect.Parameter.empty:
                return count
    return 0


def json_of(value: Any) -> Any:
    """Convert a Decimal to a float; for other types, raise the error of AWS Lambda's runtime (awslambdaric)."""
    if isinstance(value, Decimal):
        return float(value)
    why = f"Object of type {type(value).__name__} is not JSON serializable"
    raise TypeError(f"Unable to marshal response: {why}")


def call_function(function: Callable[..., Any], event: Event, context: LambdaContext) -> Any:
    """Call a function with an event, and with the context if it accepts both; only async ones have a time limit."""
    result = function(*(event, context)[: _argument_count(function)])
    if not inspect.isawaitable(result):
        return result
    import asyncio  # noqa: PLC0415 - takes 40 ms to load, and few functions are async

    # The function may call the pool, whose lock this thread holds, so it runs here. A loop that runs here is set aside.
    outer = asyncio._get_running_loop()  # noqa: SLF001 - asyncio's own way to nest loops
    asyncio._set_running_loop(None)  # noqa: SLF001 - asyncio's own way to nest loops
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(asyncio.wait_for(result, _TIME_LIMIT))
    except asyncio.TimeoutError:
        raise TimeoutError(f"no complete answer within {_TIME_LIMIT:g} s") from None
    finally:
        loop.close()
        asyncio._set_running_loop(outer)  # noqa: SLF001 - asyncio's own way to nest loops


@frozen
class TriggerResponse:
    """A function's response, or a map in it. A member of the wrong type raises InvalidLambdaResponseException."""

    source: str
    members: Mapping[str, Any] = field(factory=dict)

    @property
    def trigger(self) -> str:
        """The name that the trigger of this triggerSource has in LambdaConfig and in errors."""
        first = self.source.partition("_")[0]
        return "PreTokenGeneration" if first == "TokenGeneration" else first

    def invalid(self, why: str) -> PoolRefusal:
        """Return InvalidLambdaResponseException, with a reason."""
        return error_templates.TRIGGER_RESPONSE_INVALID.refusal(trigger=self.trigger, why=why)

    def _member(self, key: str, defect: str, is_valid: Callable[[Any], bool]) -> Any:
        value = self.members.get(key)
        if value is not None and not is_valid(value):
            raise self.invalid(f"{key} {defect}")
        return value

    def flag(self, key: str) -> bool:
        """Return a boolean; False if it is absent."""
        return bool(self._member(key, "is not a boolean", lambda value: isinstance(value, bool)))

    def text(self, key: str) -> str | None:
        """Return a string; None if it is absent."""
        value: str | None = self._member(key, "is not text", lambda value: isinstance(value, str))
        return value

    def texts(self, key: str) -> tuple[str, ...] | None:
        """Return a list of strings; None if it is absent."""
        value = self._member(key, "is not a list of strings", _is_list_of_texts)
        return None if value is None else tuple(value)

    def nested(self, key: str) -> TriggerResponse:
        """Return a map; empty if it is absent."""
        value = self._member(key, "is not a map", lambda value: isinstance(value, Mapping))
        return TriggerResponse(self.source, value or {})

    def text_map(self, key: str) -> dict[str, str]:
        """Return a map of strings to strings; empty if it is absent."""
        is_valid = lambda e: isinstance(e, Mapping) and _is_list_of_texts([*e, *e.values()])  # noqa: E731
        return dict(self._member(key, "does not map text to text", is_valid) or {})


def _is_list_of_texts(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(each, str) for each in value)


@frozen(field_transformer=typed)
class Triggers:
    """The pool's Lambda functions. All are optional.

    Each is a function of (event) or (event, context), possibly async, or its name as "module:function". Each must
    return the event, except the custom senders.

    Args:
        define: DefineAuthChallenge; reads request.session, sets response.challengeName, issueTokens
            or failAuthentication.
        create: CreateAuthChallenge; sets response.publicChallengeParameters,
            privateChallengeParameters, challengeMetadata.
        verify: VerifyAuthChallengeResponse; reads request.challengeAnswer, sets response.answerCorrect.
        pre_sign_up: PreSignUp; sets response.autoConfirmUser, autoVerifyEmail, autoVerifyPhone, or raises.
        post_confirmation: PostConfirmation.
        pre_authentication: PreAuthentication; raises to refuse a sign-in.
        post_authentication: PostAuthentication.
        pre_token_generation: PreTokenGeneration; sets response.claimsOverrideDetails, or in versions 2 and
            3 response.claimsAndScopeOverrideDetails.
        user_migration: UserMigration; sets response.userAttributes for a user who is not in the pool yet.
        custom_message: CustomMessage; sets response.smsMessage, emailMessage, emailSubject, which are then in the outbox.
        custom_email_sender: CustomEmailSender; request.code is the code in base64, not encrypted.
        custom_sms_sender: CustomSMSSender, the same for text messages.
        pre_token_generation_version: PreTokenGenerationConfig.LambdaVersion; V1_0 if left out. From V2_0
            on the function may change the access token too.

    Raises:
        TypeError: a function accepts neither (event) nor (event, context).
        ValueError: there is no such "module:function", or no such version.
    """

    define: Trigger | None = None
    create: Trigger | None = None
    verify: Trigger | None = None
    pre_sign_up: Trigger | None = None
    post_confirmation: Trigger | None = None
    pre_authentication: Trigger | None = None
    post_authentication: Trigger | None = None
    pre_token_generation: Trigger | None = None
    user_migration: Trigger | None = None
    custom_message: Trigger | None = None
    custom_email_sender: Trigger | None = None
    custom_sms_sender: Trigger | None = None
    pre_token_generation_version: Literal["V1_0", "V2_0", "V3_0"] | None = None

    def __attrs_post_init__(self) -> None:
        """Import the functions that are set as "module:function", and check the signature of each function."""
        for each in fields(type(self)):
            value = getattr(self, each.name)
            if value is not None and each.name != "pre_token_generation_version":
                object.__setattr__(self, each.name, to_function(each.name, value))


TRIGGER_FIELDS: Final = {
    "CreateAuthChallenge": "create", "CustomEmailSender": "custom_email_sender", "CustomMessage": "custom_message",
    "CustomSMSSender": "custom_sms_sender", "DefineAuthChallenge": "define", "PostAuthentication": "post_authentication",
    "PostConfirmation": "post_confirmation", "PreAuthentication": "pre_authentication", "PreSignUp": "pre_sign_up",
    "PreTokenGeneration": "pre_token_generation", "UserMigration": "user_migration", "VerifyAuthChallengeResponse": "verify",
}  # fmt: skip
"""The field of `Triggers` for each trigger's name in LambdaConfig."""
