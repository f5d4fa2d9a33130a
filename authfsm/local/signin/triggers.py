"""Calls the pool's Lambda functions, with the events that AWS documents, and reads their responses.

"Amazon Cognito passes event information to your Lambda function. The function then returns the same event
object back to Amazon Cognito with any changes in the response." -- developer guide, "Customizing user pool
workflows with Lambda triggers"

An exception of a function becomes UserLambdaValidationException, a response in another shape
InvalidLambdaResponseException. The functions of CUSTOM_AUTH get the ClientMetadata of RespondToAuthChallenge;
that of InitiateAuth is not passed to them (AWS API reference).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any, Final

from attrs import frozen

from authfsm.local.config import error_templates
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.config.lambda_functions import Event, LambdaContext, call_function
from authfsm.local.config.pool_configuration import TRIGGER_FIELDS, AppClient
from authfsm.local.state import attributes
from authfsm.local.state.core import Core, Request
from authfsm.local.state.sessions import Attempt
from authfsm.local.state.token_claims import NO_OVERRIDES, ClaimOverrides, TokenChanges, role_claims
from authfsm.local.state.users import User
from authfsm.protocol.states import MFA_METHODS, State

Metadata = Mapping[str, str] | None
"""ClientMetadata, where Cognito passes it to a function."""

REFRESHED: Final = "TokenGeneration_RefreshTokens"


@frozen
class TriggerResponse:
    """The response of a function, or a map in it; members of another type are an InvalidLambdaResponseException."""

    source: str
    members: Mapping[str, Any]

    def invalid(self, why: str) -> PoolRefusal:
        """Return InvalidLambdaResponseException, with a reason."""
        name = trigger_name(self.source)
        return error_templates.TRIGGER_RESPONSE_INVALID.refusal(trigger=name, why=why)

    def _member(self, key: str, kind: str, fits: Callable[[Any], bool]) -> Any:
        value = self.members.get(key)
        if value is not None and not fits(value):
            raise self.invalid(f"{key} {kind}")
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
        """Return a map of text to text; empty if it is absent."""
        return dict(self._member(key, "does not map text to text", _maps_text_to_text) or {})


def _is_list_of_texts(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(each, str) for each in value)


def _maps_text_to_text(value: Any) -> bool:
    return isinstance(value, Mapping) and _is_list_of_texts([part for pair in value.items() for part in pair])


@frozen
class Subject:
    """The user of an event, the app client that made the request (None: an administrator), and its ClientMetadata."""

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
    """Call the function of a triggerSource, and return its response; None if the pool has no such function."""
    name = trigger_name(source)
    function = getattr(pool.configuration.triggers, TRIGGER_FIELDS[name], None)
    if function is None:
        return None
    client, region = subject.client, pool.configuration.region
    event: Event = {
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
    own_name = getattr(function, "__name__", type(function).__name__)  # perhaps an object that can be called
    context = LambdaContext(pool.token_issuer.uuid(), own_name, region)
    try:
        returned = call_function(function, event, context)
    except (Exception, SystemExit) as error:  # AWS: "Runtime exited"
        # "CreateAuthChallenge failed with error 'challengeMetaData'." -- reports of users
        raise error_templates.TRIGGER_FAILED.refusal(trigger=name, text=str(error)) from error
    if name.endswith("Sender"):
        # "Amazon Cognito doesn't expect any additional return information" (developer guide)
        return TriggerResponse(source, {})
    result = event if returned is None else returned
    if not isinstance(result, Mapping) or not isinstance(result.get("response"), Mapping):
        raise TriggerResponse(source, {}).invalid("no response")
    return TriggerResponse(source, result["response"])


def trigger_name(source: str) -> str:
    """Return the trigger's name in LambdaConfig and in errors."""
    first = source.partition("_")[0]
    return "PreTokenGeneration" if first == "TokenGeneration" else first


def user_facts(client: AppClient | None, user: User | None) -> dict[str, Any]:
    """Return userAttributes, and userNotFound with PreventUserExistenceErrors=ENABLED (developer guide)."""
    own = {}
    if user is not None:
        own = {**user.all_attributes(), "cognito:user_status": user.status.value}
    hides = client is not None and client.hides_user_existence
    return {"userAttributes": own, **({"userNotFound": user is None} if hides else {})}


AUTO_VERIFY: Final = {"email": "autoVerifyEmail", "phone_number": "autoVerifyPhone"}
"""The attribute that a member of PreSignUp's response verifies."""


def pre_sign_up(pool: Core, source: str, client: AppClient | None, user: User, members: Request) -> set[str]:
    """Ask PreSignUp about a user who is not in the pool yet; return the members of its response that are true."""
    validation = attributes.from_request(members.get("ValidationData", ()))
    request = {"userAttributes": user.attributes, "validationData": validation or None}
    blank = dict.fromkeys(("autoConfirmUser", *AUTO_VERIFY.values()), False)
    subject = Subject(user.username, client, members.get("ClientMetadata"))
    response = call(pool, source, subject, request, blank)
    if response is None:
        return set()
    decided = {member for member in blank if response.flag(member)}
    # "If you set autoVerifyEmail to true, the user must have an email" -- developer guide, "Pre sign-up
    # Lambda trigger". Which error Cognito returns otherwise is not known.
    for name, member in AUTO_VERIFY.items():
        if member in decided and name not in user.attributes:
            raise response.invalid(f"the user has no {name} to verify")
    return decided


def post_confirmation(
    pool: Core, source: str, client: AppClient | None, user: User, metadata: Metadata
) -> None:
    """Call PostConfirmation for a user who was confirmed, or who has reset the password."""
    call(pool, source, Subject(user.username, client, metadata), user_facts(None, user))


def pre_authentication(pool: Core, attempt: Attempt, metadata: Metadata) -> None:
    """Call PreAuthentication before the password is checked; CUSTOM_AUTH without SRP does not (amplify-js #5318)."""
    user, client = attempt.user, attempt.client
    if user is not None or client.hides_user_existence:
        # ClientMetadata arrives as validationData (AWS API reference).
        request = {**user_facts(client, user), "validationData": dict(metadata) if metadata else None}
        call(pool, "PreAuthentication_Authentication", Subject(attempt.username, client), request)


def run_token_triggers(
    pool: Core, attempt: Attempt, metadata: Metadata, *, new_device: bool
) -> ClaimOverrides:
    """Call PostAuthentication and PreTokenGeneration before tokens are issued; both may refuse."""
    client, user = attempt.client, attempt.existing_user
    # That newDeviceUsed is true where the reply has NewDeviceMetadata is inferred (developer guide).
    request = {**user_facts(None, user), "newDeviceUsed": new_device}
    call(pool, "PostAuthentication_Authentication", Subject(user.username, client, metadata), request)
    last = pool.sessions.last_answered
    after = "Authentication"
    if attempt.device_proved:
        after = "AuthenticateDevice"
    elif last is not None and last.challenge == State.NEW_PASSWORD_REQUIRED:
        after = "NewPasswordChallenge"
    return pre_token_generation(pool, client, user, f"TokenGeneration_{after}", metadata)


def pre_token_generation(
    pool: Core, client: AppClient, user: User, source: str, metadata: Metadata
) -> ClaimOverrides:
    """Return the changes that PreTokenGeneration makes to the claims."""
    version = getattr(pool.configuration.triggers, "pre_token_generation_version", None) or "V1_0"
    roles = role_claims(pool.records.groups_of(user))
    groups = {
        "groupsToOverride": [*user.groups],
        "iamRolesToOverride": roles.get("cognito:roles", []),
        "preferredRole": roles.get("cognito:preferred_role"),
    }
    request = {**user_facts(None, user), "groupConfiguration": groups}
    key = "claimsOverrideDetails"
    if version != "V1_0":
        key, request["scopes"] = "claimsAndScopeOverrideDetails", ["aws.cognito.signin.user.admin"]
    subject = Subject(user.username, client, metadata)
    response = call(pool, source, subject, request, {key: None}, version=version[1])
    if response is None:
        return NO_OVERRIDES
    details = response.nested(key)
    overrides = details.nested("groupOverrideDetails")
    if version == "V1_0":
        # In a V1_0 response claims are text: an array is "Unrecognizable lambda output" (reports of users).
        add = details.text_map("claimsToAddOrOverride")
        id_token = TokenChanges(add, details.texts("claimsToSuppress") or ())
        access_token = TokenChanges()
    else:
        id_token = _token_changes(details.nested("idTokenGeneration"))
        access_token = _token_changes(details.nested("accessTokenGeneration"))
    return ClaimOverrides(
        id_token,
        access_token,
        overrides.texts("groupsToOverride"),
        overrides.texts("iamRolesToOverride"),
        overrides.text("preferredRole"),
    )


def _token_changes(changes: TriggerResponse) -> TokenChanges:
    return TokenChanges(
        changes.nested("claimsToAddOrOverride").members,
        changes.texts("claimsToSuppress") or (),
        changes.texts("scopesToAdd") or (),
        changes.texts("scopesToSuppress") or (),
    )


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
    if getattr(pool.configuration.triggers, "define", None) is None:
        raise error_templates.NO_CUSTOM_AUTH_TRIGGER.refusal()


def runs_triggers(pool: Core, attempt: Attempt) -> bool:
    """Return whether DefineAuthChallenge decides what follows the password and the second factor."""
    settings = pool.configuration
    in_admin_flows = settings.contradictions.custom_challenge_in_admin_flows
    decides = in_admin_flows and getattr(settings.triggers, "define", None) is not None
    return attempt.flow == "CUSTOM_AUTH" or (decides and attempt.flow.startswith("ADMIN_"))


def define_challenge(pool: Core, attempt: Attempt, metadata: Metadata) -> str | None:
    """Return the challenge that DefineAuthChallenge names; None if it issues tokens."""
    request = {"session": _session(attempt)}
    blank = ("challengeName", "issueTokens", "failAuthentication")
    response = _call_custom(pool, attempt, "DefineAuthChallenge", request, blank, metadata)
    if response.flag("failAuthentication"):
        raise error_templates.WRONG_PASSWORD.refusal()
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


def create_challenge(pool: Core, attempt: Attempt, metadata: Metadata) -> tuple[dict[str, str], CustomRound]:
    """Return the publicChallengeParameters of CreateAuthChallenge, and the data that verifies the answer."""
    request = {"challengeName": State.CUSTOM_CHALLENGE.value, "session": _session(attempt)}
    blank = ("publicChallengeParameters", "privateChallengeParameters", "challengeMetadata")
    response = _call_custom(pool, attempt, "CreateAuthChallenge", request, blank, metadata)
    challenge_metadata = response.text("challengeMetadata")
    public = response.text_map("publicChallengeParameters")
    return public, CustomRound(response.text_map("privateChallengeParameters"), challenge_metadata)


def verify_answer(
    pool: Core, attempt: Attempt, challenge: CustomRound, answer: str, metadata: Metadata
) -> dict[str, Any]:
    """Have VerifyAuthChallengeResponse check an answer; return the round for event.request.session."""
    request = {"privateChallengeParameters": dict(challenge.private), "challengeAnswer": answer}
    blank = ("answerCorrect",)
    response = _call_custom(pool, attempt, "VerifyAuthChallengeResponse", request, blank, metadata)
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


def _call_custom(  # noqa: PLR0917 - the parts of one event
    pool: Core,
    attempt: Attempt,
    name: str,
    request: Mapping[str, Any],
    blank: tuple[str, ...],
    metadata: Metadata,
) -> TriggerResponse:
    request = {**request, **user_facts(attempt.client, attempt.user)}
    subject, source = Subject(attempt.username, attempt.client, metadata), f"{name}_Authentication"
    response = call(pool, source, subject, request, dict.fromkeys(blank))
    if response is None:
        raise error_templates.NO_CUSTOM_AUTH_TRIGGER.refusal()
    return response
