"""The pool's Lambda functions, as plain callables: what `triggers` calls.

A function is given an event in the shape AWS documents; it changes the event, or returns it, as a Lambda
function would.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from attrs import frozen

Event = dict[str, Any]
"""The event of a Lambda trigger, in the shape AWS documents."""

Trigger = Callable[[Event], Any]
"""A trigger: changes the event it is given, or returns it, as a Lambda function would."""


@frozen
class Triggers:
    """The pool's Lambda functions, as plain callables on the Lambda event. All are optional.

    Args:
        define: DefineAuthChallenge; reads request.session, sets response.challengeName, issueTokens
            or failAuthentication.
        create: CreateAuthChallenge; sets response.publicChallengeParameters,
            privateChallengeParameters, challengeMetadata.
        verify: VerifyAuthChallengeResponse; reads request.challengeAnswer, sets
            response.answerCorrect.
        pre_sign_up: PreSignUp; sets response.autoConfirmUser, autoVerifyEmail, autoVerifyPhone, or raises.
        post_confirmation: PostConfirmation.
        pre_authentication: PreAuthentication; raises to refuse a sign-in with a password.
        post_authentication: PostAuthentication.
        pre_token_generation: PreTokenGeneration; sets response.claimsOverrideDetails, or in versions 2 and
            3 response.claimsAndScopeOverrideDetails.
        user_migration: UserMigration; sets response.userAttributes for a user the pool does not know yet.
        pre_token_generation_version: the event it gets (PreTokenGenerationConfig.LambdaVersion); V1_0 if
            left out. From V2_0 on it may change the access token too.
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
    pre_token_generation_version: Literal["V1_0", "V2_0", "V3_0"] | None = None
