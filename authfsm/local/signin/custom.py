"""CUSTOM_AUTH: calls the pool's Define, Create and VerifyAuthChallenge functions.

"Amazon Cognito ... invokes DefineAuthChallenge, CreateAuthChallenge, VerifyAuthChallengeResponse"
-- developer guide, "Custom authentication challenge Lambda triggers". They get the ClientMetadata of
RespondToAuthChallenge; that of InitiateAuth is not passed to them (AWS API reference).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import frozen

from authfsm.local.config import error_templates
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.signin import triggers
from authfsm.local.signin.triggers import Metadata, Subject, TriggerResponse
from authfsm.local.state.core import Core
from authfsm.local.state.sessions import Attempt
from authfsm.protocol.states import MFA_METHODS, State


@frozen
class CustomRound:
    """The privateChallengeParameters and challengeMetadata of a CUSTOM_CHALLENGE."""

    private: Mapping[str, str]
    metadata: str | None


@frozen
class UnanswerableChallenge:
    """A challenge that DefineAuthChallenge named and the pool has sent nothing for."""


def check_supported(pool: Core) -> None:
    """Refuse CUSTOM_AUTH with InvalidParameterException in a pool without DefineAuthChallenge."""
    if pool.configuration.triggers is None or pool.configuration.triggers.define is None:
        raise PoolRefusal(error_templates.NO_CUSTOM_AUTH_TRIGGER)


def runs_triggers(pool: Core, attempt: Attempt) -> bool:
    """Return whether DefineAuthChallenge decides what follows the password and the second factor."""
    if attempt.flow == "CUSTOM_AUTH":
        return True
    functions = pool.configuration.triggers
    return (
        pool.configuration.contradictions.custom_challenge_in_admin_flows
        and attempt.flow.startswith("ADMIN_")
        and functions is not None
        and functions.define is not None
    )


def define_challenge(pool: Core, attempt: Attempt, metadata: Metadata) -> str | None:
    """Return the challenge that DefineAuthChallenge names; None if it issues tokens."""
    request = {"session": _session(attempt)}
    blank = ("challengeName", "issueTokens", "failAuthentication")
    response = _call(pool, attempt, "DefineAuthChallenge", request, blank, metadata)
    if response.flag("failAuthentication"):
        raise PoolRefusal(error_templates.WRONG_PASSWORD)
    if response.flag("issueTokens"):
        return None
    challenge = response.members.get("challengeName")
    if not isinstance(challenge, str) or not challenge:
        raise response.invalid("no challengeName")
    # Cognito echoes any name (amplify-js PR #566, #1291) where it asks for a first or a next challenge.
    # After a password or an MFA no source has seen another than CUSTOM_CHALLENGE.
    last = request["session"][-1]["challengeName"] if request["session"] else None
    may_name_mfa = pool.configuration.contradictions.custom_auth_may_name_mfa
    if may_name_mfa and challenge in MFA_METHODS and last == State.PASSWORD_VERIFIER:
        return challenge
    if challenge != State.CUSTOM_CHALLENGE and last not in {None, "SRP_A", State.CUSTOM_CHALLENGE}:
        raise response.invalid("challengeName is not CUSTOM_CHALLENGE")
    return challenge


def create_challenge(
    pool: Core, attempt: Attempt, metadata: Metadata
) -> tuple[dict[str, str], CustomRound]:
    """Return the publicChallengeParameters of CreateAuthChallenge, and what the answer is checked with."""
    request = {"challengeName": State.CUSTOM_CHALLENGE.value, "session": _session(attempt)}
    blank = ("publicChallengeParameters", "privateChallengeParameters", "challengeMetadata")
    response = _call(pool, attempt, "CreateAuthChallenge", request, blank, metadata)
    challenge_metadata = response.text("challengeMetadata")
    public = response.text_map("publicChallengeParameters")
    return public, CustomRound(response.text_map("privateChallengeParameters"), challenge_metadata)


def verify_answer(
    pool: Core, attempt: Attempt, challenge: CustomRound, answer: str, metadata: Metadata
) -> dict[str, Any]:
    """Have VerifyAuthChallengeResponse check an answer; return the round for event.request.session."""
    request = {"privateChallengeParameters": dict(challenge.private), "challengeAnswer": answer}
    blank = ("answerCorrect",)
    response = _call(pool, attempt, "VerifyAuthChallengeResponse", request, blank, metadata)
    return {
        "challengeName": State.CUSTOM_CHALLENGE.value,
        "challengeResult": response.flag("answerCorrect"),
        "challengeMetadata": challenge.metadata,
    }


def passed_round(challenge: str) -> dict[str, Any]:
    """Return the round of a passed challenge that is not custom: SRP_A, PASSWORD_VERIFIER, an MFA."""
    return {"challengeName": str(challenge), "challengeResult": True, "challengeMetadata": None}


def _session(attempt: Attempt) -> list[dict[str, Any]]:
    password = [passed_round("ADMIN_NO_SRP_AUTH")] if attempt.flow.startswith("ADMIN_") else []
    return [*password, *map(dict, attempt.rounds)]


_FIELDS: Final = {
    "DefineAuthChallenge": "define",
    "CreateAuthChallenge": "create",
    "VerifyAuthChallengeResponse": "verify",
}


def _call(  # noqa: PLR0917 - the parts of one event
    pool: Core,
    attempt: Attempt,
    name: str,
    request: Mapping[str, Any],
    blank: tuple[str, ...],
    metadata: Metadata,
) -> TriggerResponse:
    request = {**request, **triggers.user_facts(attempt.client, attempt.user)}
    subject, source = Subject(attempt.username, attempt.client, metadata), f"{name}_Authentication"
    response = triggers.call(pool, _FIELDS[name], source, subject, request, dict.fromkeys(blank))
    if response is None:
        raise PoolRefusal(error_templates.NO_CUSTOM_AUTH_TRIGGER)
    return response
