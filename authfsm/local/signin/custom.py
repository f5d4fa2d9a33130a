"""CUSTOM_AUTH: what the pool asks its Define, Create and Verify functions, in the Lambda event's shape.

"Amazon Cognito ... invokes DefineAuthChallenge, CreateAuthChallenge, VerifyAuthChallengeResponse"
-- developer guide, "Custom authentication challenge Lambda triggers". The ClientMetadata they are given is
RespondToAuthChallenge's; InitiateAuth's does not reach them (documented).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from authfsm.local.config import error_templates
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.config.pool_configuration import Trigger, Triggers
from authfsm.local.signin.triggers import (
    Metadata,
    bool_field,
    call,
    configured_triggers,
    invalid_response,
    text_map_field,
    user_attributes,
)
from authfsm.local.state.core import Core
from authfsm.local.state.sessions import Attempt
from authfsm.protocol.states import State


@frozen
class CustomRound:
    """A custom challenge, waiting for its answer.

    Args:
        private: privateChallengeParameters.
        metadata: challengeMetadata.
    """

    private: Mapping[str, str]
    metadata: str | None


@frozen
class UnanswerableChallenge:
    """A challenge that DefineAuthChallenge named and the pool knows nothing about."""


def triggers(pool: Core) -> Triggers:
    """The pool's functions, DefineAuthChallenge among them.

    Raises:
        PoolRefusal: InvalidParameterException: it has none.
    """
    found = configured_triggers(pool)
    if found.define is None:
        raise PoolRefusal(error_templates.NO_CUSTOM_AUTH_TRIGGER)
    return found


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
    if bool_field(name, response, "failAuthentication"):
        raise PoolRefusal(error_templates.WRONG_PASSWORD)
    if bool_field(name, response, "issueTokens"):
        return None
    challenge = response.get("challengeName")
    if not isinstance(challenge, str) or not challenge:
        raise invalid_response(name, "no challengeName")
    # Cognito echoes whatever name it is given (amplify-js PR #566, #1291), where it asks for a first
    # or a next challenge. After a password or an MFA no source has seen another than CUSTOM_CHALLENGE.
    free = not attempt.rounds or attempt.rounds[-1]["challengeName"] in {
        "SRP_A",
        State.CUSTOM_CHALLENGE,
    }
    if challenge != State.CUSTOM_CHALLENGE and not free:
        raise invalid_response(name, "challengeName is not CUSTOM_CHALLENGE")
    return challenge


def create(pool: Core, attempt: Attempt, metadata: Metadata) -> tuple[dict[str, str], CustomRound]:
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
        raise invalid_response(name, "challengeMetadata is not text")
    public = text_map_field(name, response, "publicChallengeParameters")
    return public, CustomRound(text_map_field(name, response, "privateChallengeParameters"), noted)


def verify(
    pool: Core, attempt: Attempt, challenge: CustomRound, answer: str, metadata: Metadata
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
        "challengeResult": bool_field(name, response, "answerCorrect"),
        "challengeMetadata": challenge.metadata,
    }


def passed_round(challenge: str) -> dict[str, Any]:
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
    function: Trigger | None,
    *,
    asked: dict[str, Any],
    blank: tuple[str, ...],
    metadata: Metadata,
) -> Mapping[str, Any]:
    if function is None:
        raise PoolRefusal(error_templates.NO_CUSTOM_AUTH_TRIGGER)
    return call(
        pool,
        function,
        _source(name),
        user_name=attempt.username,
        client=attempt.client,
        asked={
            **asked,
            "userAttributes": user_attributes(attempt.user),
            "userNotFound": attempt.user is None,
        },
        blank=dict.fromkeys(blank),
        metadata=metadata,
    )


def _source(name: str) -> str:
    return f"{name}_Authentication"
