"""Answers InitiateAuth and AdminInitiateAuth, with a function for each kind of AuthFlow, and GetTokensFromRefreshToken.

The order of the checks: the app client, the flow, the parameters, SECRET_HASH, then the user. When tokens are
refreshed, the refresh token is checked before SECRET_HASH, because the token determines the user.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from attrs import evolve, frozen

from authfsm.base.secret import Secret
from authfsm.local.accounts.sign_up import migrate_at_sign_in
from authfsm.local.config import error_templates
from authfsm.local.config.error_templates import ErrorTemplate
from authfsm.local.config.pool_configuration import AppClient
from authfsm.local.signin import choice, devices, passwords, triggers
from authfsm.local.signin.steps import issue_challenge, issue_password_verifier, next_challenge
from authfsm.local.signin.triggers import REFRESH_SOURCE, Metadata, pre_authentication, pre_token_generation
from authfsm.local.state.core import Core, Reply, Request, check_secret_hash, required_parameter
from authfsm.local.state.sessions import Attempt
from authfsm.protocol.states import State


@frozen
class FlowRequest:
    """The parts of a request that begins a sign-in; `session` is the Session that ConfirmSignUp returned, if any."""

    client: AppClient
    flow: str
    parameters: Mapping[str, str]
    session: str | None
    metadata: Metadata


FlowFunction = Callable[[Core, FlowRequest], Reply]


def initiate_auth(pool: Core, request: Request) -> Reply:
    """Answer InitiateAuth, the first request of a sign-in."""
    return _begin(pool, request, FLOWS, error_templates.FLOW_NOT_ENABLED)


def admin_initiate_auth(pool: Core, request: Request) -> Reply:
    """Answer AdminInitiateAuth, which needs AWS credentials, and has ADMIN_* flows in place of USER_PASSWORD_AUTH."""
    return _begin(pool, request, ADMIN_FLOWS, error_templates.ADMIN_FLOW_NOT_ENABLED)


def _begin(pool: Core, request: Request, flows: Mapping[str, FlowFunction], not_enabled: ErrorTemplate) -> Reply:
    client, flow = pool.client(request), request["AuthFlow"]
    if flow not in flows:
        raise error_templates.FLOW_NEEDS_ADMIN.refusal()
    if not client.allows(flow):
        pool.refuse_or_record("disabled-flows", not_enabled.refusal(flow=flow))
    parameters, session = request.get("AuthParameters") or {}, request.get("Session") or None
    return flows[flow](pool, FlowRequest(client, flow, parameters, session, request.get("ClientMetadata")))


def _attempt(pool: Core, request: FlowRequest, *, any_name: bool = False) -> Attempt:
    """Return a new attempt; refuse an unknown name.

    If `any_name` is true, or the app client hides users, the attempt for an unknown name has no user instead.
    """
    name = required_parameter(request.parameters, "USERNAME")
    check_secret_hash(pool, request.client, name, request.parameters)
    user = pool.users.find(name)
    # Measured at Cognito: with LEGACY, already InitiateAuth with USER_SRP_AUTH is refused.
    if user is None and not (any_name or request.client.hides_user_existence):
        raise error_templates.NO_SUCH_USER.refusal()
    username = user.username if user is not None else pool.simulated_username(name)
    return Attempt(request.client, request.flow, user, username, name, pool.clock())


def _user_srp_auth(pool: Core, request: FlowRequest) -> Reply:
    """Begin USER_SRP_AUTH. Answers to PASSWORD_VERIFIER by unconfirmed, disabled or locked-out users are refused."""
    srp_a = required_parameter(request.parameters, "SRP_A")
    attempt = _attempt(pool, request)
    pre_authentication(pool, attempt, request.metadata)
    proof = passwords.begin_srp(pool, attempt, srp_a)
    attempt = devices.with_known_device_key(pool, attempt, request.parameters)
    return issue_password_verifier(pool, attempt, proof)


def _password_auth(pool: Core, request: FlowRequest) -> Reply:
    """Begin USER_PASSWORD_AUTH or ADMIN_USER_PASSWORD_AUTH: the request has the password."""
    password = Secret(required_parameter(request.parameters, "PASSWORD"))
    attempt = _attempt(pool, request, any_name=True)
    if attempt.user is None:
        user = migrate_at_sign_in(pool, attempt, password, request.metadata)
        if user is not None:
            attempt = evolve(attempt, user=user, username=user.username)
    pre_authentication(pool, attempt, request.metadata)
    return choice.sign_in_with_password(pool, attempt, request.parameters, None)


def _admin_no_srp_auth(pool: Core, request: FlowRequest) -> Reply:
    """Begin ADMIN_NO_SRP_AUTH: as ADMIN_USER_PASSWORD_AUTH, or (see `Contradictions`) ask for the password."""
    contradictions = pool.configuration.contradictions
    if request.parameters.get("PASSWORD") or not contradictions.admin_no_srp_auth_challenges:
        return _password_auth(pool, request)
    attempt = _attempt(pool, request)
    pre_authentication(pool, attempt, request.metadata)
    attempt = devices.with_known_device_key(pool, attempt, request.parameters)
    return issue_challenge(pool, attempt, State.ADMIN_NO_SRP_AUTH, {"USERNAME": attempt.username})


def _custom_auth(pool: Core, request: FlowRequest) -> Reply:
    """Begin CUSTOM_AUTH: a Lambda function chooses the challenges; CHALLENGE_NAME=SRP_A allows PASSWORD_VERIFIER."""
    if getattr(pool.configuration.triggers, "define", None) is None:
        raise error_templates.NO_CUSTOM_AUTH_TRIGGER.refusal()
    with_srp = request.parameters.get("CHALLENGE_NAME") == "SRP_A"
    srp_a = request.parameters.get("SRP_A")
    attempt = _attempt(pool, request)
    if attempt.user is not None:
        # A lock-out is not checked: it concerns only sign-ins with a password (developer guide).
        attempt.user.ensure_can_sign_in(hide_imported=request.client.hides_user_existence)
    if not with_srp:  # PreAuthentication is not called (amplify-js #5318).
        return next_challenge(pool, devices.with_device_key(pool, attempt, request.parameters))
    pre_authentication(pool, attempt, request.metadata)
    attempt = devices.with_known_device_key(pool, attempt, request.parameters)
    proof = passwords.begin_srp(pool, attempt, srp_a) if srp_a else None
    attempt = evolve(attempt, challenge_results=(triggers.passed_challenge("SRP_A"),))
    return next_challenge(pool, attempt, proof=proof)


def _user_auth(pool: Core, request: FlowRequest) -> Reply:
    """Begin USER_AUTH: the user chooses the first factor, unless the request has a PREFERRED_CHALLENGE."""
    contradictions = pool.configuration.contradictions
    attempt = _attempt(pool, request, any_name=contradictions.user_auth_always_simulates_users)
    pre_authentication(pool, attempt, request.metadata)
    return choice.begin(pool, attempt, request.parameters, request.session)


def _refresh(pool: Core, request: FlowRequest) -> Reply:
    """Answer REFRESH_TOKEN_AUTH or REFRESH_TOKEN: return new access and ID tokens, without a refresh token."""
    client, parameters = request.client, request.parameters
    if client.refresh_token_rotation is not None:
        # With rotation only GetTokensFromRefreshToken refreshes. Cognito's error is unknown; "The refresh flow must
        # be disabled in the client" (developer guide) makes this error the most likely.
        raise error_templates.FLOW_NOT_ENABLED.refusal(flow=request.flow)
    token = required_parameter(parameters, "REFRESH_TOKEN")
    user = pool.token_issuer.family_of_refresh_token(token, client).user
    # If USERNAME is absent, the hash is of the user's internal name (github.com/boto/boto3/issues/2736).
    check_secret_hash(pool, client, parameters.get("USERNAME") or user.username, parameters)
    # InitiateAuth's ClientMetadata does not reach PreTokenGeneration (AWS API reference).
    result = _new_tokens(pool, client, token, parameters.get("DEVICE_KEY"), None)
    return {"AuthenticationResult": result, "ChallengeParameters": {}}


def get_tokens_from_refresh_token(pool: Core, request: Request) -> Reply:
    """Answer GetTokensFromRefreshToken: the request has the client secret instead of a hash; refresh tokens can rotate."""
    client = pool.client(request)
    check_client_secret(client, request)
    token, metadata = request["RefreshToken"], request.get("ClientMetadata")
    return {"AuthenticationResult": _new_tokens(pool, client, token, request.get("DeviceKey"), metadata)}


def _new_tokens(
    pool: Core, client: AppClient, token: str, device_key: str | None, metadata: Metadata
) -> dict[str, Any]:
    overrides = lambda family: pre_token_generation(pool, client, family.user, REFRESH_SOURCE, metadata)  # noqa: E731
    return pool.token_issuer.refresh(token, client, device_key, overrides)


def check_client_secret(client: AppClient, request: Request) -> None:
    """If the app client has a secret, refuse a request in which ClientSecret is absent or wrong."""
    secret = Secret(request.get("ClientSecret", ""))
    if client.secrets and secret not in client.secrets:
        raise error_templates.CLIENT_SECRET_WRONG.refusal(client=client.client_id)


_SHARED_FLOWS: Final[dict[str, FlowFunction]] = {
    "USER_SRP_AUTH": _user_srp_auth,
    "CUSTOM_AUTH": _custom_auth,
    "USER_AUTH": _user_auth,
    "REFRESH_TOKEN_AUTH": _refresh,
    "REFRESH_TOKEN": _refresh,
}
FLOWS: Final[dict[str, FlowFunction]] = {**_SHARED_FLOWS, "USER_PASSWORD_AUTH": _password_auth}
"""The flows of InitiateAuth."""

ADMIN_FLOWS: Final[dict[str, FlowFunction]] = {
    **_SHARED_FLOWS,
    "ADMIN_USER_PASSWORD_AUTH": _password_auth,
    "ADMIN_NO_SRP_AUTH": _admin_no_srp_auth,
}
"""The flows of AdminInitiateAuth; its documentation does not list USER_PASSWORD_AUTH."""
