"""`Triggers` takes real Lambda handlers, and sends the events that AWS documents to all of them."""

from __future__ import annotations

import asyncio
import functools
import sys
from base64 import b64decode
from collections.abc import Callable
from typing import Any
from unittest.mock import Mock

import aws_lambda_powertools.utilities.data_classes.cognito_user_pool_event as powertools
import pytest
from api_client import ApiClient, refused
from attrs import fields
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.data_classes.common import DictWrapper
from joserfc.jwk import RSAKey

from authfsm.local import LocalPool, Triggers

PASSWORD = "Correct-h0rse"
NOTE = {"note": "from the app"}
Event = dict[str, Any]
TRIGGERS = [each.name for each in fields(Triggers) if each.name != "pre_token_generation_version"]


def first_argument_only(event: Event) -> Event:
    """Accept the event only, as a test's own function may."""
    return event


class Handler:
    """A handler with state; keeps the context."""

    def __call__(self, event: Event, context: Any) -> Event:
        """Run as a Lambda function."""
        self.context = context
        return event


async def async_handler(event: Event, context: Any) -> Event:
    """Run as an async function that awaits something."""
    await asyncio.sleep(0)
    event["response"]["autoConfirmUser"] = context.function_name == "async_handler"
    return event


def sign_up(pool: LocalPool, name: str = "bea") -> Any:
    """Send SignUp."""
    attributes = [{"Name": "email", "Value": f"{name}@example.com"}]
    return pool.client().sign_up(
        ClientId=pool.client_id, Username=name, Password=PASSWORD, UserAttributes=attributes, ClientMetadata=NOTE
    )


class TestHandlers:
    """Which functions `Triggers` accepts, and how each is called."""

    @pytest.mark.parametrize(
        "function",
        [
            first_argument_only,
            Handler(),
            Handler().__call__,
            async_handler,
            functools.partial(async_handler),
            lambda event, context=None: event,
            lambda event, *rest: event if rest else 7,
            lambda event, text="mine": event if text == "mine" else 7,
            Mock(side_effect=lambda event, context: event),
            "test_local_lambda:async_handler",
        ],
        ids=[
            *("function", "object", "method", "async", "partial", "optional context", "rest"),
            *("own default", "mock", "name"),
        ],
    )
    def test_accepted(self, signing_key: RSAKey, function: Any) -> None:
        """Functions of one or two arguments are accepted: async, bound, partial, with defaults, or a name."""
        pool = LocalPool(key=signing_key, triggers=Triggers(pre_sign_up=function))

        assert "UserSub" in sign_up(pool)

    @pytest.mark.parametrize("name", TRIGGERS)
    @pytest.mark.parametrize(
        ("function", "error"),
        [
            (lambda: None, TypeError),
            (lambda a, b, c: None, TypeError),
            (lambda *, event: None, TypeError),
            (7, TypeError),
            ("nowhere:handler", ValueError),
            (".nowhere:handler", ValueError),
            ("sys:nothing", ValueError),
            ("sys:byteorder", TypeError),
            ("app.handler", ValueError),
        ],
    )
    def test_refused(self, name: str, function: Any, error: type[Exception]) -> None:
        """Each trigger refuses a wrong signature or name at once, and the message names it."""
        with pytest.raises(error, match=name):
            Triggers(**{name: function})

    def test_the_context(self, signing_key: RSAKey) -> None:
        """The context has what handlers read, each with its type; Powertools' Logger takes it."""
        handler = Handler()
        pool = LocalPool(key=signing_key, triggers=Triggers(pre_sign_up=handler))
        sign_up(pool)
        context = handler.context

        assert 0 < context.get_remaining_time_in_millis() <= 5000
        assert context.function_name == "Handler"
        assert context.invoked_function_arn.endswith(":function:Handler")
        assert context.log_group_name == "/aws/lambda/Handler"
        assert context.aws_request_id in context.log_stream_name
        Logger(service="test", stream=sys.stderr).inject_lambda_context(handler)({}, context)

    def test_async_beside_a_running_loop(self, signing_key: RSAKey) -> None:
        """An async function also works where the calling thread runs an event loop."""
        pool = LocalPool(key=signing_key, triggers=Triggers(pre_sign_up=async_handler))

        async def app() -> Any:
            return sign_up(pool)

        assert asyncio.run(app())["UserConfirmed"] is True


# ---- messages -----------------------------------------------------------------------------------


def texts(event: Event) -> Event:
    """Answer CustomMessage."""
    code, name = event["request"]["codeParameter"], event["request"]["usernameParameter"]
    event["response"].update(smsMessage=f"sms {code}", emailMessage=f"{name} mail {code}", emailSubject="Hello")
    return event


def test_custom_message(signing_key: RSAKey) -> None:
    """The outbox has the text of CustomMessage with the code in it."""
    pool = LocalPool(key=signing_key, triggers=Triggers(custom_message=texts))
    sign_up(pool)
    pool.client().admin_create_user(
        UserPoolId=pool.pool_id,
        Username="cleo",
        UserAttributes=[{"Name": "email", "Value": "cleo@example.com"}],
        DesiredDeliveryMediums=["EMAIL"],
    )
    code, invitation = pool.outbox[-2:]

    assert code.text is not None
    assert invitation.text is not None
    assert (code.subject, code.text.reveal()) == ("Hello", f"None mail {code.code.reveal()}")
    assert invitation.text.reveal() == f"cleo mail {invitation.code.reveal()}"


def test_custom_message_without_the_code(signing_key: RSAKey) -> None:
    """A text without the code's placeholder is InvalidLambdaResponseException."""

    def forgets(event: Event) -> Event:
        event["response"]["emailMessage"] = "Welcome!"
        return event

    pool = LocalPool(key=signing_key, triggers=Triggers(custom_message=forgets))
    why = "Unrecognizable lambda output: CustomMessage: emailMessage does not contain {####}"
    with refused("InvalidLambdaResponseException", why):
        sign_up(pool)


@pytest.mark.parametrize("member", ["smsMessage", "emailMessage", "emailSubject"])
def test_custom_message_of_the_wrong_type(signing_key: RSAKey, member: str) -> None:
    """Each text of CustomMessage must be text, whichever of them is sent."""
    pool = LocalPool(
        key=signing_key, triggers=Triggers(custom_message=lambda event: {**event, "response": {member: 7}})
    )
    with refused(
        "InvalidLambdaResponseException", f"Unrecognizable lambda output: CustomMessage: {member} is not text"
    ):
        sign_up(pool)


def test_custom_senders(signing_key: RSAKey) -> None:
    """A sender gets the code in base64 and may return anything; CustomMessage is not called."""
    events: list[Event] = []

    def sender(event: Event, _: Any = None) -> dict[str, int]:
        events.append(event)
        return {"statusCode": 200}

    pool = LocalPool(
        key=signing_key,
        mfa="ON",
        mfa_methods=["SMS_MFA"],
        triggers=Triggers(
            custom_email_sender=sender, custom_sms_sender=sender, custom_message=lambda event: pytest.fail("was called")
        ),
    )
    sign_up(pool)
    pool.add_user("ada", PASSWORD, phone_number="+15555550143")
    ApiClient(pool).password("ada", PASSWORD)

    sources = ["CustomEmailSender_SignUp", "CustomSMSSender_Authentication"]
    assert [event["triggerSource"] for event in events] == sources
    codes = [b64decode(event["request"]["code"]).decode() for event in events]
    assert codes == [each.code.reveal() for each in pool.outbox]
    assert events[0]["request"]["clientMetadata"] == NOTE


# ---- AWS Lambda Powertools ------------------------------------------------------------------------

CLASSES: dict[str, Callable[[Event], DictWrapper]] = {
    "PreSignUp": powertools.PreSignUpTriggerEvent,
    "PostConfirmation": powertools.PostConfirmationTriggerEvent,
    "UserMigration": powertools.UserMigrationTriggerEvent,
    "CustomMessage": powertools.CustomMessageTriggerEvent,
    "PreAuthentication": powertools.PreAuthenticationTriggerEvent,
    "PostAuthentication": powertools.PostAuthenticationTriggerEvent,
    "TokenGeneration": powertools.PreTokenGenerationTriggerEvent,
    "TokenGeneration2": powertools.PreTokenGenerationV2TriggerEvent,
    "DefineAuthChallenge": powertools.DefineAuthChallengeTriggerEvent,
    "CreateAuthChallenge": powertools.CreateAuthChallengeTriggerEvent,
    "VerifyAuthChallengeResponse": powertools.VerifyAuthChallengeResponseTriggerEvent,
    "CustomEmailSender": powertools.CustomEmailSenderTriggerEvent,
    "CustomSMSSender": powertools.CustomSMSSenderTriggerEvent,
}
_WRITE_ONLY = {"response"}  # its properties are tried by `respond`, which sets them


def read_all(value: Any) -> None:
    """Read each property of an event and of its parts; a missing one raises."""
    for part in value if isinstance(value, list) else [value]:
        for name in dir(type(part)) if isinstance(part, DictWrapper) else ():
            if isinstance(getattr(type(part), name), property) and name not in _WRITE_ONLY:
                read_all(getattr(part, name))


def respond(event: Any) -> None:
    """Answer an event through the setters of its response, as handlers with Powertools do."""
    source = event.trigger_source.partition("_")[0]
    response: Any = getattr(event, "response", None)
    if source == "PreSignUp":
        response.auto_verify_email = "email" in event.request.user_attributes
    elif source == "UserMigration":
        response.user_attributes = {"email": "old@example.com", "email_verified": "true"}
        response.final_user_status = "CONFIRMED"
    elif source == "CustomMessage":
        response.email_message = f"Your code is {event.request.code_parameter}"
    elif source == "TokenGeneration" and event.version == "1":
        response.claims_override_details.claims_to_add_or_override = {"team": "engines"}
    elif source == "TokenGeneration":
        details = response.claims_scope_override_details
        details.access_token_generation.claims_to_add_or_override = {"team": "engines"}
    elif source == "DefineAuthChallenge":
        passed = any(each.challenge_result for each in event.request.session)
        response.challenge_name = None if passed else "CUSTOM_CHALLENGE"
        response.issue_tokens, response.fail_authentication = passed, False
    elif source == "CreateAuthChallenge":
        response.public_challenge_parameters = {"question": "1+1"}
        response.private_challenge_parameters = {"answer": "2"}
        response.challenge_metadata = "sum"
    elif source == "VerifyAuthChallengeResponse":
        answers = event.request.private_challenge_parameters, event.request.challenge_answer
        response.answer_correct = answers[0]["answer"] == answers[1]


@pytest.mark.parametrize("version", ["V1_0", "V2_0"])
@pytest.mark.parametrize("sender", [False, True])
def test_powertools_parses_every_event(signing_key: RSAKey, version: Any, *, sender: bool) -> None:
    """Every property of AWS Lambda Powertools' class can be read from each trigger's event."""
    sources: set[str] = set()

    def handler(event: Event, _: Any) -> Event:
        source = event["triggerSource"].partition("_")[0]
        sources.add(source)
        newer = source == "TokenGeneration" and version != "V1_0"
        parsed = CLASSES[f"{source}2" if newer else source](event)
        read_all(parsed)
        respond(parsed)
        return event

    names = [name for name in TRIGGERS if sender or not name.endswith("_sender")]
    triggers = Triggers(**dict.fromkeys(names, handler), pre_token_generation_version=version)
    pool = LocalPool(key=signing_key, triggers=triggers, mfa="OPTIONAL")
    api = ApiClient(pool)
    sign_up(pool)
    confirmation = {"ClientId": pool.client_id, "Username": "bea"}
    api.boto.confirm_sign_up(**confirmation, ConfirmationCode=pool.outbox.code_for("bea"))
    api.boto.admin_create_user(UserPoolId=pool.pool_id, Username="cleo")
    pool.add_user("ada", PASSWORD, mfa=["SMS_MFA"], phone_number="+15555550143")
    api.srp("ada", PASSWORD)
    tokens = api.password("old", PASSWORD)["AuthenticationResult"]
    api.initiate("REFRESH_TOKEN_AUTH", REFRESH_TOKEN=tokens["RefreshToken"])
    reply = api.initiate("CUSTOM_AUTH", USERNAME="bea")
    for answer in ("3", "2"):
        reply = api.answer(reply, "bea", ANSWER=answer)

    assert "AuthenticationResult" in reply
    senders = {"CustomEmailSender", "CustomSMSSender"}
    unseen = {"CustomMessage"} if sender else senders
    assert sources == {name for name in CLASSES if name != "TokenGeneration2"} - unseen
