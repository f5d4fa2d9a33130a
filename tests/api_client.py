"""A small, independent Cognito client for the tests of the local pool: each method sends one request.

It shares `authfsm.srp` with the pool; independent vectors test that arithmetic elsewhere.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import ClientError

from authfsm import srp
from authfsm.local import AppClient, LocalPool

WRONG = ("NotAuthorizedException", "Incorrect username or password.")
MISMATCH = ("CodeMismatchException", "Invalid code or auth state for the user.")
USED = ("NotAuthorizedException", "Invalid session for the user, session can only be used once.")
EXPIRED = ("NotAuthorizedException", "Invalid session for the user, session is expired.")
UNKNOWN = ("NotAuthorizedException", "Invalid session for the user.")
NO_DEVICE = ("ResourceNotFoundException", "Device does not exist.")


@contextmanager
def refused(code: str, message: str) -> Iterator[None]:
    """Check that the request inside is refused with exactly this code and message."""
    with pytest.raises(ClientError) as caught:
        yield
    error = caught.value.response["Error"]

    assert (code, message) == (error["Code"], error["Message"])


class ApiClient:
    """Sends requests to a pool through boto3, for one app client.

    Args:
        pool: the pool.
        app: which of its app clients speaks; the first, if left out.
    """

    def __init__(self, pool: LocalPool, app: AppClient | None = None) -> None:
        self.pool = pool
        self.app = app or pool.app_client
        self.boto = pool.client()
        self.ephemeral = srp.ephemeral(secrets.token_bytes(32))

    def _with_hash(self, parameters: dict[str, str]) -> dict[str, str]:
        if self.app.client_secret is None or "SECRET_HASH" in parameters or "USERNAME" not in parameters:
            return parameters
        secret = self.app.client_secret.reveal()
        return {**parameters, "SECRET_HASH": srp.secret_hash(parameters["USERNAME"], self.app.client_id, secret)}

    def initiate(self, flow: str, **parameters: str) -> Any:
        """InitiateAuth."""
        return self.boto.initiate_auth(
            AuthFlow=flow, ClientId=self.app.client_id, AuthParameters=self._with_hash(parameters)
        )

    def initiate_as_admin(self, flow: str, **parameters: str) -> Any:
        """AdminInitiateAuth."""
        return self.boto.admin_initiate_auth(
            UserPoolId=self.pool.pool_id,
            AuthFlow=flow,
            ClientId=self.app.client_id,
            AuthParameters=self._with_hash(parameters),
        )

    def respond(self, challenge: str, session: str | None = None, **responses: str) -> Any:
        """RespondToAuthChallenge."""
        more = {} if session is None else {"Session": session}
        return self.boto.respond_to_auth_challenge(
            ClientId=self.app.client_id, ChallengeName=challenge, ChallengeResponses=self._with_hash(responses), **more
        )

    def answer(self, reply: Any, username: str, **responses: str) -> Any:
        """Answer the challenge of a reply, with its session."""
        return self.respond(reply["ChallengeName"], reply.get("Session"), USERNAME=username, **responses)

    def password(self, username: str, password: str, **parameters: str) -> Any:
        """USER_PASSWORD_AUTH."""
        return self.initiate("USER_PASSWORD_AUTH", USERNAME=username, PASSWORD=password, **parameters)

    def srp_a(self, username: str, **parameters: str) -> Any:
        """USER_SRP_AUTH, up to PASSWORD_VERIFIER."""
        return self.initiate("USER_SRP_AUTH", USERNAME=username, SRP_A=self.ephemeral.SRP_A, **parameters)

    def claim(self, reply: Any, password: str, timestamp: str | None = None) -> dict[str, str]:
        """Return the responses that prove the password to PASSWORD_VERIFIER."""
        challenge_reply = reply["ChallengeParameters"]
        return self._claim(
            challenge_reply, srp.pool_name(self.pool.pool_id), challenge_reply["USER_ID_FOR_SRP"], password, timestamp
        )

    def device_claim(self, reply: Any, group_key: str, password: str, timestamp: str | None = None) -> dict[str, str]:
        """Return the responses that prove the device to DEVICE_PASSWORD_VERIFIER."""
        challenge_reply = reply["ChallengeParameters"]
        proof = self._claim(challenge_reply, group_key, challenge_reply["DEVICE_KEY"], password, timestamp)
        return {**proof, "DEVICE_KEY": challenge_reply["DEVICE_KEY"]}

    def _claim(
        self, challenge_reply: Any, realm: str, name: str, password: str, timestamp: str | None
    ) -> dict[str, str]:
        timestamp = timestamp or srp.timestamp(self.pool.clock())
        return {
            "PASSWORD_CLAIM_SECRET_BLOCK": challenge_reply["SECRET_BLOCK"],
            "PASSWORD_CLAIM_SIGNATURE": srp.claim_signature(
                self.ephemeral,
                realm=realm,
                name=name,
                password=password,
                salt=srp.from_hex(challenge_reply["SALT"], "SALT"),
                B=srp.from_hex(challenge_reply["SRP_B"], "SRP_B"),
                secret_block=challenge_reply["SECRET_BLOCK"],
                timestamp=timestamp,
            ),
            "TIMESTAMP": timestamp,
        }

    def srp(self, username: str, password: str, **parameters: str) -> Any:
        """USER_SRP_AUTH, with PASSWORD_VERIFIER answered."""
        reply = self.srp_a(username, **parameters)
        return self.answer(
            reply, reply["ChallengeParameters"]["USER_ID_FOR_SRP"], **self.claim(reply, password), **parameters
        )
