"""How sign-ins begin: one small function for each AuthFlow, by InitiateAuth or AdminInitiateAuth.

Checked in this order: the app client, the flow, the parameters, SECRET_HASH, then the user.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from attrs import evolve, frozen

from authfsm.base.secret import Secret
from authfsm.local.accounts import sign_up
from authfsm.local.config import error_templates
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.config.pool_configuration import AppClient
from authfsm.local.signin import choice, custom, devices, passwords
from authfsm.local.signin.steps import issue_challenge, issue_password_verifier, next_challenge
from authfsm.local.signin.triggers import (
    REFRESHED,
    Metadata,
    pre_authentication,
    pre_token_generation,
)
from authfsm.local.state.core import Core, Reply, Request, check_secret_hash, required_parameter
from authfsm.local.state.sessions import Attempt
from authfsm.local.state.token_claims import ClaimOverrides
from authfsm.local.state.token_issuer import TokenFamily
from authfsm.local.state.users import User
from authfsm.protocol.states import State


@frozen
class FlowRequest:
    """How a sign-in begins.

    Args:
        client: the app client.
        flow: the AuthFlow.
        parameters: AuthParameters.
        session: Session, which ConfirmSignUp may have given.
        metadata: ClientMetadata.
    """

    client: AppClient
    flow: str
    parameters: Mapping[str, str]
    session: str | None = None
    metadata: Metadata = None


Flow = Callable[[Core, FlowRequest], Reply]


def initiate_auth(pool: Core, request: Request) -> Reply:
    """InitiateAuth."""
    client, flow = pool.client(request), request["AuthFlow"]
    if flow in FLOWS and not client.allows(flow):
        raise PoolRefusal(error_templates.FLOW_NOT_ENABLED, flow=flow)
    if flow not in FLOWS:
        raise PoolRefusal(error_templates.FLOW_NEEDS_ADMIN)
    return FLOWS[flow](pool, _flow_request(client, request))


def admin_initiate_auth(pool: Core, request: Request) -> Reply:
    """AdminInitiateAuth."""
    pool.check_pool(request)
    client, flow = pool.client(request), request["AuthFlow"]
    if flow in ADMIN_FLOWS and not client.allows(flow):
        raise PoolRefusal(error_templates.ADMIN_FLOW_NOT_ENABLED)
    if flow not in ADMIN_FLOWS:
        raise PoolRefusal(error_templates.FLOW_NEEDS_ADMIN)
    return ADMIN_FLOWS[flow](pool, _flow_request(client, request))


def _flow_request(client: AppClient, request: Request) -> FlowRequest:
    parameters = request.get("AuthParameters") or {}
    return FlowRequest(
        client,
        request["AuthFlow"],
        parameters,
        request.get("Session") or None,
        request.get("ClientMetadata"),
    )


# ---- with a user name ---------------------------------------------------------------------------


def _begin(pool: Core, opening: FlowRequest) -> Attempt:
    """The attempt at its beginning; its user is None where there is none and the pool pretends."""
    typed = required_parameter(opening.parameters, "USERNAME")
    check_secret_hash(opening.client, typed, opening.parameters)
    user = pool.users.find(typed)
    name = user.username if user is not None else pool.simulated_username(typed)
    return Attempt(opening.client, opening.flow, user, name, typed, pool.clock())


def _suppresses(client: AppClient) -> bool:
    return client.prevent_user_existence_errors == "ENABLED"


def _pretends(client: AppClient, user: User | None) -> None:
    # Measured: with LEGACY, USER_SRP_AUTH says so at InitiateAuth already.
    if user is None and not _suppresses(client):
        raise PoolRefusal(error_templates.NO_SUCH_USER)


def _announce(pool: Core, opening: FlowRequest, attempt: Attempt) -> None:
    """Have PreAuthentication look at it: before the password is, and whoever the user may be.

    Not in CUSTOM_AUTH without SRP (amplify-js #5318).
    """
    if attempt.user is not None or _suppresses(opening.client):
        pre_authentication(pool, opening.client, attempt.user, attempt.username, opening.metadata)


def _user_srp_auth(pool: Core, opening: FlowRequest) -> Reply:
    """USER_SRP_AUTH: the first reply tells nothing about the user, not even whether there is one.

    An unconfirmed, disabled or locked-out user is told so at the answer to PASSWORD_VERIFIER; the API
    lists the exceptions on both operations.
    """
    srp_a = required_parameter(opening.parameters, "SRP_A")
    attempt = _begin(pool, opening)
    _pretends(opening.client, attempt.user)
    _announce(pool, opening, attempt)
    proof = passwords.begin_srp(pool, attempt, srp_a)
    return issue_password_verifier(pool, _with_known_device(pool, attempt, opening), proof)


def _with_known_device(pool: Core, attempt: Attempt, opening: FlowRequest) -> Attempt:
    return devices.with_known_device_key(pool, attempt, opening.parameters.get("DEVICE_KEY"))


def _password(pool: Core, opening: FlowRequest) -> Reply:
    """USER_PASSWORD_AUTH, ADMIN_USER_PASSWORD_AUTH: the password in clear."""
    password = Secret(required_parameter(opening.parameters, "PASSWORD"))
    attempt = _fetched(pool, opening, _begin(pool, opening), password)
    _announce(pool, opening, attempt)
    passwords.check_password(pool, opening.client, attempt.user, attempt.submitted_name, password)
    attempt = devices.with_device_key(pool, attempt, opening.parameters.get("DEVICE_KEY"))
    return next_challenge(pool, evolve(attempt, password_proved=True))


def _fetched(pool: Core, opening: FlowRequest, attempt: Attempt, password: Secret[str]) -> Attempt:
    """The attempt, with the user whom UserMigration fetched if the pool did not know them."""
    if attempt.user is not None:
        return attempt
    user = sign_up.migrate_at_sign_in(
        pool, opening.client, attempt.submitted_name, password, opening.metadata
    )
    return attempt if user is None else evolve(attempt, user=user, username=user.username)


def _admin_no_srp_auth(pool: Core, opening: FlowRequest) -> Reply:
    """ADMIN_NO_SRP_AUTH: the older name of the same; an older reference has it ask for the password."""
    asks = pool.configuration.contradictions.admin_no_srp_auth_challenges
    if opening.parameters.get("PASSWORD") or not asks:
        return _password(pool, opening)
    attempt = _begin(pool, opening)
    _pretends(opening.client, attempt.user)
    _announce(pool, opening, attempt)
    attempt = _with_known_device(pool, attempt, opening)
    return issue_challenge(pool, attempt, State.ADMIN_NO_SRP_AUTH, {"USERNAME": attempt.username})


def _custom_auth(pool: Core, opening: FlowRequest) -> Reply:
    """CUSTOM_AUTH: the pool's functions lead, with the password by SRP first or without.

    "CHALLENGE_NAME: SRP_A" begins with SRP; without it, or with CUSTOM_CHALLENGE, the functions begin.
    An unknown user is pretended to them by request.userNotFound (ENABLED).
    """
    custom.triggers(pool)
    with_srp = opening.parameters.get("CHALLENGE_NAME") == "SRP_A"
    srp_a = required_parameter(opening.parameters, "SRP_A") if with_srp else None
    attempt = _begin(pool, opening)
    _pretends(opening.client, attempt.user)
    if attempt.user is not None:
        # Who is locked out for wrong passwords may still answer riddles (developer guide).
        attempt.user.ensure_can_sign_in(hide_imported=_suppresses(opening.client))
    if srp_a is None:
        attempt = devices.with_device_key(pool, attempt, opening.parameters.get("DEVICE_KEY"))
        return next_challenge(pool, attempt)
    _announce(pool, opening, attempt)
    attempt = _with_known_device(pool, attempt, opening)
    proof = passwords.begin_srp(pool, attempt, srp_a)
    return next_challenge(
        pool, evolve(attempt, rounds=(custom.passed_round("SRP_A"),)), proof=proof
    )


def _user_auth(pool: Core, opening: FlowRequest) -> Reply:
    """USER_AUTH: the first factor is chosen, or preferred (`choice`)."""
    attempt = _begin(pool, opening)
    if not pool.configuration.contradictions.user_auth_always_simulates_users:
        _pretends(opening.client, attempt.user)
    _announce(pool, opening, attempt)
    return choice.begin(pool, attempt, opening.parameters, opening.session)


# ---- with a refresh token -----------------------------------------------------------------------


def _refresh(pool: Core, opening: FlowRequest) -> Reply:
    """REFRESH_TOKEN_AUTH and REFRESH_TOKEN: new access and id tokens, no new refresh token."""
    client, parameters = opening.client, opening.parameters
    if client.refresh_token_rotation is not None:
        # With rotation only GetTokensFromRefreshToken refreshes; the error is not known. "The refresh
        # flow must be disabled in the client" (developer guide) makes this the likeliest.
        raise PoolRefusal(error_templates.FLOW_NOT_ENABLED, flow=opening.flow)
    token = required_parameter(parameters, "REFRESH_TOKEN")
    user = pool.token_issuer.family_of(token, client).user
    # There need be no USERNAME; the hash is then over the user's real name (boto3 #2736).
    check_secret_hash(client, parameters.get("USERNAME") or user.username, parameters)
    # InitiateAuth's ClientMetadata does not reach PreTokenGeneration (AWS API reference).
    result = pool.token_issuer.refresh(
        token, client, parameters.get("DEVICE_KEY"), _shaping(pool, None)
    )
    return {"AuthenticationResult": result, "ChallengeParameters": {}}


def _shaping(pool: Core, metadata: Metadata) -> Callable[[TokenFamily], ClaimOverrides]:
    def shape(family: TokenFamily) -> ClaimOverrides:
        return pre_token_generation(pool, family.client, family.user, REFRESHED, metadata)

    return shape


def get_tokens_from_refresh_token(pool: Core, request: Request) -> Reply:
    """GetTokensFromRefreshToken: it takes the client's secret itself, and knows rotation."""
    client = pool.client(request)
    check_client_secret(client, request)
    shaping = _shaping(pool, request.get("ClientMetadata"))
    result = pool.token_issuer.refresh(
        request["RefreshToken"], client, request.get("DeviceKey"), shaping
    )
    return {"AuthenticationResult": result}


def check_client_secret(client: AppClient, request: Request) -> None:
    """Has the request the ClientSecret of a client that has one?

    Raises:
        PoolRefusal: NotAuthorizedException.
    """
    if client.client_secret is not None and client.client_secret != Secret(
        request.get("ClientSecret", "")
    ):
        raise PoolRefusal(error_templates.CLIENT_SECRET_WRONG, client=client.client_id)


FLOWS: Final[dict[str, Flow]] = {
    "USER_SRP_AUTH": _user_srp_auth,
    "USER_PASSWORD_AUTH": _password,
    "CUSTOM_AUTH": _custom_auth,
    "USER_AUTH": _user_auth,
    "REFRESH_TOKEN_AUTH": _refresh,
    "REFRESH_TOKEN": _refresh,
}
"""The flows of InitiateAuth."""

ADMIN_FLOWS: Final[dict[str, Flow]] = {
    "USER_SRP_AUTH": _user_srp_auth,
    "ADMIN_USER_PASSWORD_AUTH": _password,
    "ADMIN_NO_SRP_AUTH": _admin_no_srp_auth,
    "CUSTOM_AUTH": _custom_auth,
    "USER_AUTH": _user_auth,
    "REFRESH_TOKEN_AUTH": _refresh,
    "REFRESH_TOKEN": _refresh,
}
"""The flows of AdminInitiateAuth. USER_PASSWORD_AUTH is not described there: its twin is."""
