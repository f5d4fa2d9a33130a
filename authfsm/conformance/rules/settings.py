"""Rules about settings: the flows and the secret of an app client, and PreventUserExistenceErrors."""

from __future__ import annotations

import base64
from typing import Final

from authfsm.conformance.pool_client import PASSWORD, WRONG_PASSWORD, PoolClient
from authfsm.conformance.pools import FLOWS_BUT_USER_AUTH, ClientRequirements
from authfsm.conformance.rule import (
    INITIATE,
    RuleCollector,
    RuleGroup,
    Trial,
    guide,
    reference,
)
from authfsm.conformance.verdicts import RuleFailed, RuleSeverity
from authfsm.protocol import links

rule: Final = RuleCollector(RuleGroup.SETTINGS)
existence_rule: Final = RuleCollector(RuleGroup.EXISTENCE)
SETTINGS: Final = rule.rules
EXISTENCE: Final = existence_rule.rules

CRITICAL = RuleSeverity.CRITICAL
_FLOWS: Final = reference("CreateUserPoolClient")
_SECRET_HASH: Final = guide(
    links.guide("signing-up-users-in-your-app"), "Signing up and confirming user accounts"
)
_EXISTENCE: Final = guide(links.USER_EXISTENCE_ERRORS, "Managing user existence error responses")
_WRONG_HASH: Final = base64.b64encode(bytes(32)).decode()
_WITH_SECRET: Final = ClientRequirements(flows=FLOWS_BUT_USER_AUTH, secret=True)
_LEGACY: Final = ClientRequirements(flows=FLOWS_BUT_USER_AUTH, existence="LEGACY")

# ---- flows ---------------------------------------------------------------------------------------------


def client_without(trial: Trial, flow: str) -> PoolClient:
    """Return an app client whose ExplicitAuthFlows do not allow a flow."""
    flows = tuple(each for each in FLOWS_BUT_USER_AUTH if each != f"ALLOW_{flow}")
    return trial.client(client=ClientRequirements(flows=flows))


@rule("flows.USER_PASSWORD_AUTH", _FLOWS, CRITICAL)
def _password_not_allowed(trial: Trial) -> None:
    """Cognito refuses USER_PASSWORD_AUTH if the app client's ExplicitAuthFlows do not allow it."""
    client, user = trial.client_and_user()
    client.tokens(user)
    reply = client_without(trial, "USER_PASSWORD_AUTH").sign_in(user)
    reply.expect_error("a flow that is not allowed")


@rule("flows.USER_SRP_AUTH", _FLOWS, CRITICAL)
def _srp_not_allowed(trial: Trial) -> None:
    """Cognito refuses USER_SRP_AUTH if the app client's ExplicitAuthFlows do not allow it."""
    client, user = trial.client_and_user()
    client.begin_srp(user)
    other = client_without(trial, "USER_SRP_AUTH")
    reply = other.initiate("USER_SRP_AUTH", USERNAME=user.username, SRP_A="2")
    reply.expect_error("a flow that is not allowed")


@rule("flows.ADMIN_USER_PASSWORD_AUTH", _FLOWS, CRITICAL)
def _admin_password_not_allowed(trial: Trial) -> None:
    """Cognito refuses ADMIN_USER_PASSWORD_AUTH if the app client's ExplicitAuthFlows do not allow it."""
    client, user = trial.client_and_user()
    client.sign_in_as_admin(user).expect_tokens()
    reply = client_without(trial, "ADMIN_USER_PASSWORD_AUTH").sign_in_as_admin(user)
    reply.expect_error("a flow that is not allowed")


@rule("flows.administrators-only", INITIATE, CRITICAL)
def _admin_flow_in_public(trial: Trial) -> None:
    """InitiateAuth refuses ADMIN_USER_PASSWORD_AUTH, which is for AdminInitiateAuth."""
    client, user = trial.client_and_user()
    client.sign_in_as_admin(user).expect_tokens()
    password = {"USERNAME": user.username, "PASSWORD": PASSWORD}
    reply = client.initiate("ADMIN_USER_PASSWORD_AUTH", **password)
    if reply.code is None:
        reply.expect_error("a flow for administrators")


# ---- the secret hash -----------------------------------------------------------------------------------


@rule("secret-hash.missing", _SECRET_HASH, CRITICAL)
def _missing_hash(trial: Trial) -> None:
    """Cognito refuses USER_PASSWORD_AUTH without SECRET_HASH if the app client has a secret."""
    client, user = trial.client_and_user(client=_WITH_SECRET)
    client.tokens(user)
    client.sign_in(user, SECRET_HASH="").expect_error("a request without SECRET_HASH")


@rule("secret-hash.wrong", _SECRET_HASH, CRITICAL)
def _wrong_hash(trial: Trial) -> None:
    """Cognito refuses USER_PASSWORD_AUTH with a wrong SECRET_HASH if the app client has a secret."""
    client, user = trial.client_and_user(client=_WITH_SECRET)
    client.tokens(user)
    client.sign_in(user, SECRET_HASH=_WRONG_HASH).expect_error("a wrong SECRET_HASH")


@rule("secret-hash.srp", _SECRET_HASH)
def _missing_hash_in_srp(trial: Trial) -> None:
    """Cognito refuses USER_SRP_AUTH without SECRET_HASH if the app client has a secret."""
    client, user = trial.client_and_user(client=_WITH_SECRET)
    client.begin_srp(user)
    username = {"USERNAME": user.username}
    reply = client.initiate("USER_SRP_AUTH", **username, SRP_A="2", SECRET_HASH="")
    reply.expect_error("a request without SECRET_HASH")


@rule("secret-hash.right", _SECRET_HASH)
def _right_hash(trial: Trial) -> None:
    """Cognito accepts USER_PASSWORD_AUTH with the right SECRET_HASH if the app client has a secret."""
    client, user = trial.client_and_user(client=_WITH_SECRET)
    client.sign_in(user).expect_tokens()


# ---- unknown users -------------------------------------------------------------------------------------


def _wrong_password_error(client: PoolClient, username: str) -> tuple[str | None, str]:
    reply = client.initiate("USER_PASSWORD_AUTH", USERNAME=username, PASSWORD=WRONG_PASSWORD)
    reply.expect_error("a wrong password")
    return reply.code, reply.message


@existence_rule("existence.password", _EXISTENCE)
def _unknown_in_password_flow(trial: Trial) -> None:
    """With PreventUserExistenceErrors ENABLED, USER_PASSWORD_AUTH gives the same error for an unknown user as for
    a wrong password.
    """
    client, user = trial.client_and_user()
    client.tokens(user)
    unknown = trial.username("nobody")
    if _wrong_password_error(client, user.username) != _wrong_password_error(client, unknown):
        raise RuleFailed("the errors for an unknown user and for a wrong password differ")


@existence_rule("existence.srp", _EXISTENCE)
def _unknown_in_srp(trial: Trial) -> None:
    """With PreventUserExistenceErrors ENABLED, USER_SRP_AUTH for an unknown user leads to PASSWORD_VERIFIER with the
    same SALT each time, or to NotAuthorizedException.
    """
    client, user = trial.client_and_user()
    client.begin_srp(user)
    # The summary of AWS's page says error, its body says challenge: both are accepted.
    salts: set[str] = set()
    for _ in range(2):
        reply = client.initiate("USER_SRP_AUTH", USERNAME=trial.username("nobody"), SRP_A="2")
        salt = reply.parameters.get("SALT")
        is_error = reply.code == "NotAuthorizedException" and bool(reply.body)
        if not is_error and (reply.code is not None or not salt):
            raise RuleFailed(f"an unknown user was answered with {reply.summary}")
        salts.add(str(salt))
    if len(salts) != 1:
        raise RuleFailed("the second sign-in of an unknown user has another SALT")


@existence_rule("existence.forgot-password", _EXISTENCE)
def _unknown_in_forgot_password(trial: Trial) -> None:
    """With PreventUserExistenceErrors ENABLED, ForgotPassword for an unknown user replies as if a code was sent."""
    client, user = trial.client_and_user()
    reply = client.call_with_client_id("ForgotPassword", Username=user.username).expect_success()
    if not reply.body.get("CodeDeliveryDetails"):
        raise RuleFailed(f"ForgotPassword was answered with {reply.summary}")
    reply = client.call_with_client_id("ForgotPassword", Username=trial.username("nobody"))
    if not reply.body.get("CodeDeliveryDetails"):
        raise RuleFailed(f"an unknown user was answered with {reply.summary}")


@existence_rule("existence.legacy", _EXISTENCE)
def _legacy(trial: Trial) -> None:
    """With PreventUserExistenceErrors LEGACY, Cognito refuses an unknown user with UserNotFoundException."""
    client, user = trial.client_and_user(client=_LEGACY)
    client.tokens(user)
    username = trial.username("nobody")
    reply = client.initiate("USER_PASSWORD_AUTH", USERNAME=username, PASSWORD=WRONG_PASSWORD)
    reply.expect_error("an unknown user", "UserNotFoundException")
