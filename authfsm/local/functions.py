"""The pool's Lambda functions, as plain callables: what `triggers` calls.

A function is given an event in the shape AWS documents; it changes the event, or returns it, as a Lambda
function would.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import frozen

Event = dict[str, Any]
"""The event of a Lambda trigger, in the shape AWS documents."""

Trigger = Callable[[Event], Any]
"""A trigger: changes the event it is given, or returns it, as a Lambda function would."""


@frozen
class Triggers:
    """The pool's Lambda functions of CUSTOM_AUTH, as plain callables on the Lambda event.

    Args:
        define: DefineAuthChallenge; reads request.session, sets response.challengeName, issueTokens
            or failAuthentication.
        create: CreateAuthChallenge; sets response.publicChallengeParameters,
            privateChallengeParameters, challengeMetadata.
        verify: VerifyAuthChallengeResponse; reads request.challengeAnswer, sets
            response.answerCorrect.
    """

    define: Trigger
    create: Trigger
    verify: Trigger
