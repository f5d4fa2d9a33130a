"""CUSTOM_AUTH: what the pool asks its Define, Create and Verify functions, in the Lambda event's shape.

"Amazon Cognito ... invokes DefineAuthChallenge, CreateAuthChallenge, VerifyAuthChallengeResponse"
-- developer guide, "Custom authentication challenge Lambda triggers". The functions are given a fresh
event; they change it or return it. What they raise becomes UserLambdaValidationException, what they
return in another shape InvalidLambdaResponseException.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any, Final

from attrs import frozen

from authfsm.local import refusals
from authfsm.local.core import Core
from authfsm.local.refusals import PoolRefusal
from authfsm.local.sessions import Attempt
from authfsm.local.settings import Event, Trigger, Triggers
from authfsm.states import State

Metadata = Mapping[str, str] | None
"""ClientMetadata of a RespondToAuthChallenge; InitiateAuth's does not reach these functions (documented)."""

_SOURCES: Final = {
    "DefineAuthChallenge": "DefineAuthChallenge_Authentication",
    "CreateAuthChallenge": "CreateAuthChallenge_Authentication",
    "VerifyAuthChallengeResponse": "VerifyAuthChallengeResponse_Authentication",
}


@frozen
class Round:
    """A custom challenge, waiting for its answer.

    Args:
        private: privateChallengeParameters.
        metadata: challengeMetadata.
    """

    private: Mapping[str, str]
    metadata: str | None


@frozen
class DeadEnd:
    """A challenge that DefineAuthChallenge named and the pool knows nothing about."""


def triggers(pool: Core) -> Triggers:
    """The pool's functions.

    Raises:
        PoolRefusal: InvalidParameterException: it has none.
    """
    if pool.configuration.triggers is None:
        raise PoolRefusal(refusals.NO_TRIGGERS)
    return pool.configuration.triggers


def define(pool: Core, attempt: Attempt, metadata: Metadata) -> str | None:
    """Ask DefineAuthChallenge what comes next.

    Returns:
        The name of a challenge; None if the tokens are to be issued.

    Raises:
        PoolRefusal: failAuthentication (NotAuthorizedException), or the function failed.
    """
    name = "DefineAuthChallenge"
    response = _call(
        pool,
        attempt,
        name,
        triggers(pool).define,
        asked={"session": [dict(each) for each in attempt.rounds]},
        blank=("challengeName", "issueTokens", "failAuthentication"),
        metadata=metadata,
    )
    if _flag(name, response, "failAuthentication"):
        raise PoolRefusal(refusals.WRONG_PASSWORD)
    if _flag(name, response, "issueTokens"):
        return None
    challenge = response.get("challengeName")
    if not isinstance(challenge, str) or not challenge:
        raise PoolRefusal(refusals.TRIGGER_SHAPE, trigger=name, why="no challengeName")
    # Cognito echoes whatever name it is given (amplify-js PR #566, #1291), where it asks for a first
    # or a next challenge. After a password or an MFA no source has seen another than CUSTOM_CHALLENGE.
    free = not attempt.rounds or attempt.rounds[-1]["challengeName"] in {
        "SRP_A",
        State.CUSTOM_CHALLENGE,
    }
    if challenge != State.CUSTOM_CHALLENGE and not free:
        why = "challengeName is not CUSTOM_CHALLENGE"
        raise PoolRefusal(refusals.TRIGGER_SHAPE, trigger=name, why=why)
    return challenge


def create(pool: Core, attempt: Attempt, metadata: Metadata) -> tuple[dict[str, str], Round]:
    """Have CreateAuthChallenge make a custom challenge.

    Returns:
        publicChallengeParameters, and what the answer will be checked with.

    Raises:
        PoolRefusal: the function failed.
    """
    name = "CreateAuthChallenge"
    response = _call(
        pool,
        attempt,
        name,
        triggers(pool).create,
        asked={
            "challengeName": State.CUSTOM_CHALLENGE.value,
            "session": [dict(each) for each in attempt.rounds],
        },
        blank=("publicChallengeParameters", "privateChallengeParameters", "challengeMetadata"),
        metadata=metadata,
    )
    noted = response.get("challengeMetadata")
    if noted is not None and not isinstance(noted, str):
        raise PoolRefusal(refusals.TRIGGER_SHAPE, trigger=name, why="challengeMetadata is not text")
    public = _texts(name, response, "publicChallengeParameters")
    return public, Round(_texts(name, response, "privateChallengeParameters"), noted)


def verify(
    pool: Core, attempt: Attempt, challenge: Round, answer: str, metadata: Metadata
) -> dict[str, Any]:
    """Have VerifyAuthChallengeResponse judge an answer.

    Returns:
        The round, as DefineAuthChallenge sees it in event.request.session.

    Raises:
        PoolRefusal: the function failed.
    """
    name = "VerifyAuthChallengeResponse"
    response = _call(
        pool,
        attempt,
        name,
        triggers(pool).verify,
        asked={
            "privateChallengeParameters": dict(challenge.private),
            "challengeAnswer": answer,
        },
        blank=("answerCorrect",),
        metadata=metadata,
    )
    return {
        "challengeName": State.CUSTOM_CHALLENGE.value,
        "challengeResult": _flag(name, response, "answerCorrect"),
        "challengeMetadata": challenge.metadata,
    }


def passed(challenge: str) -> dict[str, Any]:
    """A round that was no custom challenge and is passed: SRP_A, PASSWORD_VERIFIER, an MFA."""
    return {
        "challengeName": str(challenge),
        "challengeResult": True,
        "challengeMetadata": None,
    }


def _call(
    pool: Core,
    attempt: Attempt,
    name: str,
    function: Trigger,
    *,
    asked: dict[str, Any],
    blank: tuple[str, ...],
    metadata: Metadata,
) -> Mapping[str, Any]:
    user = attempt.user
    attributes = (
        {**user.described(), "cognito:user_status": user.status.value} if user is not None else {}
    )
    event: Event = {
        "version": "1",
        "region": pool.configuration.region,
        "userPoolId": pool.configuration.pool_id,
        "userName": attempt.name,
        "callerContext": {
            "awsSdkVersion": "authfsm-local",
            "clientId": attempt.client.client_id,
        },
        "triggerSource": _SOURCES[name],
        "request": {
            **deepcopy(asked),
            "userAttributes": attributes,
            "userNotFound": user is None,
        },
        "response": dict.fromkeys(blank),
    }
    if metadata:
        event["request"]["clientMetadata"] = dict(metadata)
    try:
        returned = function(event)
    except Exception as error:
        # "CreateAuthChallenge failed with error 'challengeMetaData'." -- as seen in issues
        raise PoolRefusal(refusals.TRIGGER_FAILED, trigger=name, text=str(error)) from error
    answered = event if returned is None else returned
    if not isinstance(answered, Mapping) or not isinstance(answered.get("response"), Mapping):
        raise PoolRefusal(refusals.TRIGGER_SHAPE, trigger=name, why="no response")
    found: Mapping[str, Any] = answered["response"]
    return found


def _flag(trigger: str, response: Mapping[str, Any], key: str) -> bool:
    value = response.get(key)
    if value is not None and not isinstance(value, bool):
        raise PoolRefusal(refusals.TRIGGER_SHAPE, trigger=trigger, why=f"{key} is not a boolean")
    return bool(value)


def _texts(trigger: str, response: Mapping[str, Any], key: str) -> dict[str, str]:
    value = response.get(key)
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(
        isinstance(part, str) for pair in value.items() for part in pair
    ):
        raise PoolRefusal(
            refusals.TRIGGER_SHAPE, trigger=trigger, why=f"{key} does not map text to text"
        )
    return dict(value)
