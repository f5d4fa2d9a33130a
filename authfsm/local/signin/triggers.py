"""Calls the pool's Lambda functions with the events that AWS documents, and reads their responses.

"Amazon Cognito passes event information to your Lambda function. The function then returns the same event
object back to Amazon Cognito with any changes in the response." -- developer guide, "Customizing user pool
workflows with Lambda triggers"

If a function raises an exception or returns no JSON, the request is refused with UserLambdaValidationException. If it
returns no `response`, the error is InvalidLambdaResponseException (UserNotFoundException for UserMigration); senders
need not return any. The functions of CUSTOM_AUTH get the ClientMetadata only of RespondToAuthChallenge (API reference).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from typing import Any, Final

from attrs import frozen

from authfsm.local.config import error_templates
from authfsm.local.config import lambda_functions as functions
from authfsm.local.config.lambda_functions import TriggerResponse
from authfsm.local.config.pool_configuration import AppClient
from authfsm.local.state import attributes
from authfsm.local.state.core import Core, Request
from authfsm.local.state.sessions import Attempt
from authfsm.local.state.token_claims import NO_OVERRIDES, ClaimOverrides, TokenChanges, role_claims
from authfsm.local.state.users import User
from authfsm.protocol.states import MFA_METHODS, State

Metadata = Mapping[str, str] | None
"""The ClientMetadata of a request, if Cognito passes it to a function; else None."""

REFRESH_SOURCE: Final = "TokenGeneration_RefreshTokens"
"""The triggerSource of PreTokenGeneration when tokens are refreshed."""


@frozen
class Subject:
    """The user and ClientMetadata of an event; `client` is None if the request names no app client."""

    user_name: str
    client: AppClient | None
    metadata: Metadata = None


def call(
    pool: Core,
    source: str,
    subject: Subject,
    request: Mapping[str, Any],
    response: Mapping[str, Any] | None = None,
    *,
    version: str = "1",
) -> TriggerResponse | None:
    """Call the function of a triggerSource and return its response; None if the pool has no function for it."""
    empty = TriggerResponse(source)
    function = getattr(pool.configuration.triggers, functions.TRIGGER_FIELDS[empty.trigger], None)
    if function is None:
        return None
    client, region = subject.client, pool.configuration.region
    event: functions.Event = {
        "version": version,
        "region": region,
        "userPoolId": pool.configuration.pool_id,
        "userName": subject.user_name,
        "callerContext": {
            "awsSdkVersion": "authfsm-local",
            "clientId": client.client_id if client is not None else "CLIENT_ID_NOT_APPLICABLE",
        },
        "triggerSource": source,
        "request": deepcopy(dict(request)),
        "response": deepcopy(dict(response or {})),
    }
    if subject.metadata:
        event["request"]["clientMetadata"] = dict(subject.metadata)
    function_name = getattr(function, "__name__", type(function).__name__)  # A callable object has no name.
    context = functions.LambdaContext(pool.token_issuer.uuid(), function_name, region)
    try:
        result = functions.call_function(function, event, context)
        returned = json.loads(json.dumps(result, default=functions.json_of))
    except (Exception, SystemExit) as error:  # AWS reports SystemExit as "Runtime exited".
        # "CreateAuthChallenge failed with error 'challengeMetaData'." (reports of users)
        raise error_templates.TRIGGER_FAILED.refusal(trigger=empty.trigger, text=str(error)) from error
    if empty.trigger.endswith("Sender"):
        # "Amazon Cognito doesn't expect any additional return information" (developer guide)
        return empty
    if isinstance(returned, Mapping) and isinstance(returned.get("response"), Mapping):
        return TriggerResponse(source, returned["response"])
    if empty.trigger == "UserMigration":
        raise error_templates.MIGRATION_FAILED.refusal(client=client.client_id if client else "")
    if returned is None:
        raise error_templates.TRIGGER_RETURNED_NOTHING.refusal(trigger=empty.trigger)
    raise empty.invalid("no response")


def user_members(client: AppClient | None, user: User | None) -> dict[str, Any]:
    """Return userAttributes and, for a client that hides whether users exist, userNotFound (developer guide)."""
    own = {}
    if user is not None:
        own = {**user.all_attributes(), "cognito:user_status": user.status.value}
    hides = client is not None and client.hides_user_existence
    return {"userAttributes": own, **({"userNotFound": user is None} if hides else {})}


AUTO_VERIFY: Final = {"email": "autoVerifyEmail", "phone_number": "autoVerifyPhone"}
"""The attributes that PreSignUp can mark as verified, each with the member of its response that does so."""


def pre_sign_up(pool: Core, source: str, client: AppClient | None, user: User, members: Request) -> set[str]:
    """Call PreSignUp for a user who is not in the pool yet; return the members of its response that are true."""
    validation = attributes.from_request(members.get("ValidationData", ()))
    request = {"userAttributes": user.attributes, "validationData": validation or None}
    flags = dict.fromkeys(("autoConfirmUser", *AUTO_VERIFY.values()), False)
    subject = Subject(user.username, client, members.get("ClientMetadata"))
    response = call(pool, source, subject, request, flags)
    if response is None:
        return set()
    set_flags = {member for member in flags if response.flag(member)}
    # "If you set autoVerifyEmail to true, the user must have an email" -- developer guide, "Pre sign-up
    # Lambda trigger". Which error Cognito returns otherwise is not known.
    for name, member in AUTO_VERIFY.items():
        if member in set_flags and name not in user.attributes:
            raise response.invalid(f"the user has no {name} to verify")
    return set_flags


def post_confirmation(pool: Core, source: str, client: AppClient | None, user: User, metadata: Metadata) -> None:
    """Call PostConfirmation for a user who was confirmed, or who has reset the password."""
    call(pool, source, Subject(user.username, client, metadata), user_members(None, user))


def pre_authentication(pool: Core, attempt: Attempt, metadata: Metadata) -> None:
    """Call PreAuthentication; for an unknown user, only if the app client hides whether users exist."""
    user, client = attempt.user, attempt.client
    if user is not None or client.hides_user_existence:
        # ClientMetadata arrives as validationData (AWS API reference).
        request = {**user_members(client, user), "validationData": dict(metadata) if metadata else None}
        call(pool, "PreAuthentication_Authentication", Subject(attempt.username, client), request)


def run_token_triggers(pool: Core, attempt: Attempt, metadata: Metadata, *, new_device: bool) -> ClaimOverrides:
    """Call PostAuthentication and PreTokenGeneration before tokens are issued; either may refuse the sign-in."""
    client, user = attempt.client, attempt.existing_user
    # Inferred from the developer guide: newDeviceUsed is true if the reply has NewDeviceMetadata.
    request = {**user_members(None, user), "newDeviceUsed": new_device}
    call(pool, "PostAuthentication_Authentication", Subject(user.username, client, metadata), request)
    last = pool.sessions.last_answered
    cause = "Authentication"
    if attempt.device_proved:
        cause = "AuthenticateDevice"
    elif last is not None and last.challenge == State.NEW_PASSWORD_REQUIRED:
        cause = "NewPasswordChallenge"
    return pre_token_generation(pool, client, user, f"TokenGeneration_{cause}", metadata)


def pre_token_generation(pool: Core, client: AppClient, user: User, source: str, metadata: Metadata) -> ClaimOverrides:
    """Call PreTokenGeneration, and return its changes to the claims."""
    version = getattr(pool.configuration.triggers, "pre_token_generation_version", None) or "V1_0"
    roles = role_claims(pool.records.groups_of(user))
    groups = {
        "groupsToOverride": [*user.groups],
        "iamRolesToOverride": roles.get("cognito:roles", []),
        "preferredRole": roles.get("cognito:preferred_role"),
    }
    request = {**user_members(None, user), "groupConfiguration": groups}
    key = "claimsOverrideDetails"
    if version != "V1_0":
        key, request["scopes"] = "claimsAndScopeOverrideDetails", ["aws.cognito.signin.user.admin"]
    subject = Subject(user.username, client, metadata)
    response = call(pool, source, subject, request, {key: None}, version=version[1])
    if response is None:
        return NO_OVERRIDES
    details = response.nested(key)
    overrides = details.nested("groupOverrideDetails")
    # "If you provide an empty or null object ..., then Amazon Cognito suppresses the groups." (developer guide)
    no_groups = "groupOverrideDetails" in details.members and not overrides.members
    if version == "V1_0":
        # In a V1_0 response all claims are strings: an array is "Unrecognizable lambda output" (reports of users).
        add = details.text_map("claimsToAddOrOverride")
        id_token = TokenChanges(add, details.texts("claimsToSuppress") or ())
        access_token = TokenChanges()
    else:
        id_token = _token_changes(details.nested("idTokenGeneration"))
        access_token = _token_changes(details.nested("accessTokenGeneration"))
    groups_after = () if no_groups else overrides.texts("groupsToOverride")
    roles_after = overrides.texts("iamRolesToOverride")
    return ClaimOverrides(id_token, access_token, groups_after, roles_after, overrides.text("preferredRole"))


def _token_changes(changes: TriggerResponse) -> TokenChanges:
    return TokenChanges(
        changes.nested("claimsToAddOrOverride").members,
        changes.texts("claimsToSuppress") or (),
        changes.texts("scopesToAdd") or (),
        changes.texts("scopesToSuppress") or (),
    )


@frozen
class CreatedChallenge:
    """The privateChallengeParameters and challengeMetadata that CreateAuthChallenge returned."""

    private: Mapping[str, str]
    metadata: str | None


@frozen
class UnanswerableChallenge:
    """Marks a challenge that no answer passes: DefineAuthChallenge named it, but the pool sent no code for it."""


def runs_define_challenge(pool: Core, attempt: Attempt) -> bool:
    """Return whether DefineAuthChallenge runs in this flow, after the flow's password and second factor, if any."""
    settings = pool.configuration
    in_admin_flows = settings.contradictions.custom_challenge_in_admin_flows
    runs = in_admin_flows and getattr(settings.triggers, "define", None) is not None
    return attempt.flow == "CUSTOM_AUTH" or (runs and attempt.flow.startswith("ADMIN_"))


def define_challenge(pool: Core, attempt: Attempt, metadata: Metadata) -> str | None:
    """Call DefineAuthChallenge, and return the challenge that it names; None if it decides to issue tokens."""
    request = {"session": _session(attempt)}
    members = ("challengeName", "issueTokens", "failAuthentication")
    response = _call_custom(pool, attempt, "DefineAuthChallenge", request, members, metadata)
    fails, issues_tokens = response.flag("failAuthentication"), response.flag("issueTokens")
    if fails:
        raise error_templates.WRONG_PASSWORD.refusal()
    if issues_tokens:
        return None
    challenge = response.text("challengeName")
    if not challenge:
        raise response.invalid("no challengeName")
    # Cognito accepts any name at the beginning, after SRP_A and after CUSTOM_CHALLENGE (amplify-js PR #566, #1291).
    # After other challenges, sources show only CUSTOM_CHALLENGE; custom_auth_may_name_mfa also allows second factors.
    last = request["session"][-1]["challengeName"] if request["session"] else None
    may_name_mfa = pool.configuration.contradictions.custom_auth_may_name_mfa
    if may_name_mfa and challenge in MFA_METHODS and last == State.PASSWORD_VERIFIER:
        return challenge
    if challenge != State.CUSTOM_CHALLENGE and last not in {None, "SRP_A", State.CUSTOM_CHALLENGE}:
        raise response.invalid("challengeName is not CUSTOM_CHALLENGE")
    return challenge


def create_challenge(pool: Core, attempt: Attempt, metadata: Metadata) -> tuple[dict[str, str], CreatedChallenge]:
    """Call CreateAuthChallenge, and return its publicChallengeParameters and the data that verifies the answer."""
    request = {"challengeName": State.CUSTOM_CHALLENGE.value, "session": _session(attempt)}
    members = ("publicChallengeParameters", "privateChallengeParameters", "challengeMetadata")
    response = _call_custom(pool, attempt, "CreateAuthChallenge", request, members, metadata)
    public, private = map(response.text_map, members[:2])
    return public, CreatedChallenge(private, response.text("challengeMetadata"))


def verify_answer(
    pool: Core, attempt: Attempt, challenge: CreatedChallenge, answer: str, metadata: Metadata
) -> dict[str, Any]:
    """Call VerifyAuthChallengeResponse to check an answer; return the challenge's entry in event.request.session."""
    request = {"privateChallengeParameters": dict(challenge.private), "challengeAnswer": answer}
    name, members = "VerifyAuthChallengeResponse", ("answerCorrect",)
    response = _call_custom(pool, attempt, name, request, members, metadata)
    return {
        "challengeName": State.CUSTOM_CHALLENGE.value,
        "challengeResult": response.flag("answerCorrect"),
        "challengeMetadata": challenge.metadata,
    }


def passed_challenge(challenge: str) -> dict[str, Any]:
    """Return the entry in event.request.session of a passed challenge other than CUSTOM_CHALLENGE."""
    return {"challengeName": str(challenge), "challengeResult": True, "challengeMetadata": None}


def _session(attempt: Attempt) -> list[dict[str, Any]]:
    password = [passed_challenge("ADMIN_NO_SRP_AUTH")] if attempt.flow.startswith("ADMIN_") else []
    return [*password, *map(dict, attempt.challenge_results)]


def _call_custom(  # noqa: PLR0917 - the parts of one event
    pool: Core, attempt: Attempt, name: str, request: Mapping[str, Any], members: tuple[str, ...], metadata: Metadata
) -> TriggerResponse:
    request = {**request, **user_members(attempt.client, attempt.user)}
    subject, source = Subject(attempt.username, attempt.client, metadata), f"{name}_Authentication"
    response = call(pool, source, subject, request, dict.fromkeys(members))
    if response is None:
        raise error_templates.NO_CUSTOM_AUTH_TRIGGER.refusal()
    return response
