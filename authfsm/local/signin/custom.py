"""CUSTOM_AUTH: calls the pool's Define, Create and VerifyAuthChallenge functions.

"Amazon Cognito ... invokes DefineAuthChallenge, CreateAuthChallenge, VerifyAuthChallengeResponse"
-- developer guide, "Custom authentication challenge Lambda triggers". They get the ClientMetadata of
RespondToAuthChallenge; that of InitiateAuth is not passed to them (AWS API reference).
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
    """The privateChallengeParameters and challengeMetadata of a CUSTOM_CHALLENGE."""

    private: Mapping[str, str]
    metadata: str | None


@frozen
class UnanswerableChallenge:
    """A challenge that DefineAuthChallenge named and the pool has sent nothing for."""


def triggers(pool: Core) -> Triggers:
    """Return the pool's functions; refuse with InvalidParameterException without DefineAuthChallenge."""
    found = configured_triggers(pool)
    if found.define is None:
        raise PoolRefusal(error_templates.NO_CUSTOM_AUTH_TRIGGER)
    return found


def define_challenge(pool: Core, attempt: Attempt, metadata: Metadata) -> str | None:
    """Return the challenge that DefineAuthChallenge names; None if it issues tokens."""
    name, request = "DefineAuthChallenge", {"session": _session(attempt)}
    blank = ("challengeName", "issueTokens", "failAuthentication")
    function = triggers(pool).define
    response = _call(pool, attempt, name, function, request=request, blank=blank, metadata=metadata)
    if bool_field(name, response, "failAuthentication"):
        raise PoolRefusal(error_templates.WRONG_PASSWORD)
    if bool_field(name, response, "issueTokens"):
        return None
    challenge = response.get("challengeName")
    if not isinstance(challenge, str) or not challenge:
        raise invalid_response(name, "no challengeName")
    # Cognito echoes any name (amplify-js PR #566, #1291) where it asks for a first or a next challenge.
    # After a password or an MFA no source has seen another than CUSTOM_CHALLENGE.
    last = attempt.rounds[-1]["challengeName"] if attempt.rounds else None
    if challenge != State.CUSTOM_CHALLENGE and last not in {None, "SRP_A", State.CUSTOM_CHALLENGE}:
        raise invalid_response(name, "challengeName is not CUSTOM_CHALLENGE")
    return challenge


def create_challenge(
    pool: Core, attempt: Attempt, metadata: Metadata
) -> tuple[dict[str, str], CustomRound]:
    """Return the publicChallengeParameters of CreateAuthChallenge, and what the answer is checked with."""
    name, function = "CreateAuthChallenge", triggers(pool).create
    request = {"challengeName": State.CUSTOM_CHALLENGE.value, "session": _session(attempt)}
    blank = ("publicChallengeParameters", "privateChallengeParameters", "challengeMetadata")
    response = _call(pool, attempt, name, function, request=request, blank=blank, metadata=metadata)
    challenge_metadata = response.get("challengeMetadata")
    if challenge_metadata is not None and not isinstance(challenge_metadata, str):
        raise invalid_response(name, "challengeMetadata is not text")
    public = text_map_field(name, response, "publicChallengeParameters")
    private = text_map_field(name, response, "privateChallengeParameters")
    return public, CustomRound(private, challenge_metadata)


def verify_answer(
    pool: Core, attempt: Attempt, challenge: CustomRound, answer: str, metadata: Metadata
) -> dict[str, Any]:
    """Have VerifyAuthChallengeResponse check an answer; return the round for event.request.session."""
    name, function = "VerifyAuthChallengeResponse", triggers(pool).verify
    request = {"privateChallengeParameters": dict(challenge.private), "challengeAnswer": answer}
    response = _call(
        pool, attempt, name, function, request=request, blank=("answerCorrect",), metadata=metadata
    )
    return {
        "challengeName": State.CUSTOM_CHALLENGE.value,
        "challengeResult": bool_field(name, response, "answerCorrect"),
        "challengeMetadata": challenge.metadata,
    }


def passed_round(challenge: str) -> dict[str, Any]:
    """Return the round of a passed challenge that is not custom: SRP_A, PASSWORD_VERIFIER, an MFA."""
    return {
        "challengeName": str(challenge),
        "challengeResult": True,
        "challengeMetadata": None,
    }


def _session(attempt: Attempt) -> list[dict[str, Any]]:
    return [dict(each) for each in attempt.rounds]


def _call(
    pool: Core,
    attempt: Attempt,
    name: str,
    function: Trigger | None,
    *,
    request: Mapping[str, Any],
    blank: tuple[str, ...],
    metadata: Metadata,
) -> Mapping[str, Any]:
    if function is None:
        raise PoolRefusal(error_templates.NO_CUSTOM_AUTH_TRIGGER)
    user_facts = {
        "userAttributes": user_attributes(attempt.user),
        "userNotFound": attempt.user is None,
    }
    return call(
        pool,
        function,
        f"{name}_Authentication",
        user_name=attempt.username,
        client=attempt.client,
        request={**request, **user_facts},
        response=dict.fromkeys(blank),
        metadata=metadata,
    )
