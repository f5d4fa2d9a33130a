"""Session tracking through boto3: listing and revoking sessions, MaxPerUser, and the configurations."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError
from joserfc.jwk import RSAKey

from authfsm.local import LocalPool, ManualClock
from authfsm.local.api.operations import OPERATIONS

PASSWORD = "Correct-Horse-1"


@contextmanager
def refused(code: str, message: str | None = None) -> Iterator[None]:
    """Expect an error with this code."""
    with pytest.raises(ClientError, match=message) as caught:
        yield
    assert caught.value.response["Error"]["Code"] == code


class Ada:
    """A user of a pool that tracks sessions, its clock, and a boto3 client."""

    def __init__(self, key: RSAKey, most: int | None = 20, **settings: Any) -> None:
        self.clock = ManualClock()
        self.pool = LocalPool(clock=self.clock, key=key, **settings)
        self.pool.add_user("ada", PASSWORD)
        self.client = self.pool.client()
        self.ids = {"UserPoolId": self.pool.pool_id}
        if most is not None:
            self.track(most)

    def track(self, most: int, tracking: str = "ENABLED") -> None:
        """Set the pool's session configuration."""
        self.client.set_user_pool_session_configuration(
            **self.ids, UserSessionTracking=tracking, TokenSession={"MaxPerUser": most}
        )

    def sign_in(self, name: str = "ada") -> dict[str, str]:
        """Sign in a second later, and return the tokens."""
        self.clock.advance(1)
        result: dict[str, str] = self.client.initiate_auth(
            ClientId=self.pool.client_id,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": name, "PASSWORD": PASSWORD},
        )["AuthenticationResult"]
        return result

    def refresh(self, tokens: dict[str, str]) -> None:
        """Refresh tokens a second later."""
        self.clock.advance(1)
        self.client.get_tokens_from_refresh_token(ClientId=self.pool.client_id, RefreshToken=tokens["RefreshToken"])

    def sessions(self, tokens: dict[str, str]) -> list[dict[str, Any]]:
        """Return what ListUserSessions lists for an access token."""
        session_list: list[dict[str, Any]] = self.client.list_user_sessions(AccessToken=tokens["AccessToken"])[
            "Sessions"
        ]
        return session_list

    def current(self, tokens: dict[str, str]) -> str:
        """Return the id of the session of an access token."""
        (session,) = [each for each in self.sessions(tokens) if each["IsCurrentSession"]]
        return str(session["SessionId"])


def test_sessions_are_listed(signing_key: RSAKey) -> None:
    """Each sign-in is a session; a refresh is its latest activity. Another user's sessions are not listed."""
    ada = Ada(signing_key)
    ada.pool.add_user("bob", PASSWORD)
    first, second = ada.sign_in(), ada.sign_in()
    ada.sign_in("bob")
    ada.refresh(first)

    one, two = ada.sessions(second)
    assert re.fullmatch("tkn[a-z0-9]{25}", one["SessionId"])
    assert one["SessionId"] != two["SessionId"]
    assert (one["SessionType"], one["ClientId"]) == ("TOKEN", ada.pool.client_id)
    assert (one["IsCurrentSession"], two["IsCurrentSession"]) == (False, True)
    assert (one["LastActiveDate"] - one["CreateDate"]).total_seconds() == pytest.approx(3)
    assert two["LastActiveDate"] == two["CreateDate"]
    as_admin = ada.client.admin_list_user_sessions(**ada.ids, Username="ada")["Sessions"]
    assert as_admin == [{**one, "IsCurrentSession": False}, {**two, "IsCurrentSession": False}]


def test_a_session_is_revoked(signing_key: RSAKey) -> None:
    """The access and refresh tokens of a revoked session end.

    A user cannot revoke the current or another's session.
    """
    ada = Ada(signing_key)
    ada.pool.add_user("bob", PASSWORD)
    first, second, bob = ada.sign_in(), ada.sign_in(), ada.sign_in("bob")
    revoke, token = ada.client.revoke_user_session, second["AccessToken"]

    with refused("InvalidParameterException", "cannot be revoked"):
        revoke(AccessToken=token, SessionId=ada.current(second))
    with refused("ResourceNotFoundException"):
        revoke(AccessToken=token, SessionId=ada.current(bob))
    session_id = ada.current(first)
    with refused("InvalidParameterException", r"enum value set: \[NONE, LINKED\]"):
        revoke(AccessToken=token, SessionId=session_id, RevokeAssociatedSessions="ALL")
    revoke(AccessToken=token, SessionId=session_id, RevokeAssociatedSessions="LINKED")
    with refused("NotAuthorizedException", "revoked"):
        ada.client.get_user(AccessToken=first["AccessToken"])
    with refused("NotAuthorizedException", "revoked"):
        ada.refresh(first)
    with refused("ResourceNotFoundException"):
        revoke(AccessToken=token, SessionId=session_id)
    ada.client.admin_revoke_user_session(
        **ada.ids, Username="ada", SessionId=ada.current(second), RevokeAssociatedSessions="NONE"
    )
    assert ada.client.admin_list_user_sessions(**ada.ids, Username="ada")["Sessions"] == []


@pytest.mark.parametrize("linked", ["NONE", "LINKED"])
def test_revoke_token(signing_key: RSAKey, linked: str) -> None:
    """RevokeToken ends the session of its sign-in alone; without SSO sessions, LINKED does the same."""
    ada = Ada(signing_key)
    first, second = ada.sign_in(), ada.sign_in()
    request = {"Token": first["RefreshToken"], "ClientId": ada.pool.client_id}

    with refused("InvalidParameterException", "revokeAssociatedSessions"):
        ada.client.revoke_token(**request, RevokeAssociatedSessions="ALL")
    ada.client.revoke_token(**request, RevokeAssociatedSessions=linked)
    (left,) = ada.sessions(second)
    assert left["IsCurrentSession"]


def test_the_least_recently_used_session_ends(signing_key: RSAKey) -> None:
    """At MaxPerUser sessions, the next sign-in ends the one whose latest activity is the oldest."""
    ada = Ada(signing_key, most=3)
    tokens = [ada.sign_in() for _ in range(3)]
    ada.refresh(tokens[0])
    tokens.append(ada.sign_in())

    assert len(ada.sessions(tokens[3])) == 3
    with refused("NotAuthorizedException", "revoked"):
        ada.refresh(tokens[1])
    ada.track(1)
    assert len(ada.sessions(tokens[3])) == 3
    last = ada.sign_in()
    (left,) = ada.sessions(last)
    assert left["IsCurrentSession"]
    ada.client.global_sign_out(AccessToken=last["AccessToken"])
    assert ada.client.admin_list_user_sessions(**ada.ids, Username="ada")["Sessions"] == []


def test_expired_sessions_do_not_count(signing_key: RSAKey) -> None:
    """A session ends when its refresh token expires."""
    ada = Ada(signing_key, most=2, refresh_token_validity=3600)
    ada.sign_in()
    ada.clock.advance(3600)

    assert len(ada.sessions(ada.sign_in())) == 1


def test_without_session_tracking(signing_key: RSAKey) -> None:
    """By default nothing is tracked: no sign-in ends another, and the operations are refused."""
    ada = Ada(signing_key, most=None)
    every = [ada.sign_in() for _ in range(21)]
    token, session_id = every[0]["AccessToken"], f"tkn{'a' * 25}"

    assert ada.client.get_user(AccessToken=token)["Username"] == "ada"
    with refused("OperationNotEnabledException"):
        ada.sessions(every[0])
    with refused("OperationNotEnabledException"):
        ada.client.revoke_user_session(AccessToken=token, SessionId=session_id)
    with refused("OperationNotEnabledException"):
        ada.client.admin_list_user_sessions(**ada.ids, Username="ada")
    with refused("OperationNotEnabledException"):
        ada.client.admin_revoke_user_session(**ada.ids, Username="ada", SessionId=session_id)
    ada.track(20)
    assert ada.sessions(every[0]) == []


def test_configurations(signing_key: RSAKey) -> None:
    """Configurations have defaults, can be set, and are validated; a client's is deleted with the client."""
    ada = Ada(signing_key, most=None)
    client, ids = ada.client, {**ada.ids, "ClientId": ada.pool.add_client().client_id}

    def pool_configuration() -> Any:
        return client.get_user_pool_session_configuration(**ada.ids)

    def client_minutes() -> Any:
        return client.get_user_pool_client_session_configuration(**ids)["SSOSession"]

    assert pool_configuration()["UserSessionTracking"] == "DISABLED"
    assert pool_configuration()["TokenSession"] == {"MaxPerUser": 20}
    assert client_minutes() == {"MaxValidityMinutes": 60}
    minutes = {"SSOSession": {"MaxValidityMinutes": 5}}
    with refused("OperationNotEnabledException"):
        client.set_user_pool_client_session_configuration(**ids, **minutes)
    ada.track(7)
    assert pool_configuration()["UserSessionTracking"] == "ENABLED"
    assert pool_configuration()["TokenSession"] == {"MaxPerUser": 7}
    client.set_user_pool_client_session_configuration(**ids, **minutes)
    ada.track(7, "DISABLED")
    assert client_minutes() == {"MaxValidityMinutes": 5}
    with refused("InvalidParameterException", "tokenSession.maxPerUser"):
        ada.track(101)
    with refused("InvalidParameterException", "enum value set"):
        ada.track(7, "ON")
    client.delete_user_pool_client(**ids)
    with refused("ResourceNotFoundException"):
        client_minutes()
    with refused("FeatureUnavailableInTierException"):
        Ada(signing_key, tier="LITE")


def test_a_copy_has_sessions_of_its_own(signing_key: RSAKey) -> None:
    """Revoking a session in a fork of a pool leaves the original's session valid."""
    ada = Ada(signing_key)
    tokens = ada.sign_in()
    ids = {**ada.ids, "Username": "ada"}
    ada.pool.fork().answer("AdminRevokeUserSession", {**ids, "SessionId": ada.current(tokens)})

    assert len(ada.sessions(tokens)) == 1


def test_every_operation_is_in_the_newest_model() -> None:
    """The API has every operation that the pool supports, and the same ones are public."""
    model = botocore.session.get_session().get_service_model("cognito-idp")

    assert [name for name in OPERATIONS if name not in model.operation_names] == []
    assert {name for name, each in OPERATIONS.items() if each.public} == {
        name for name in OPERATIONS if model.operation_model(name).auth_type == "none"
    }
