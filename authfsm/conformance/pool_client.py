"""An app client that sends the requests of rules, and the users who sign in through it."""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Mapping
from typing import Any, Final

from attrs import define, frozen
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from authfsm import srp
from authfsm.base.clock import utc_now
from authfsm.base.secret import Secret
from authfsm.conformance.api_client import ApiClient
from authfsm.conformance.pools import PASSWORD, ConformanceClient, ConformancePool
from authfsm.conformance.verdicts import ApiReply, RuleFailed, Skipped
from authfsm.core.device import Device
from authfsm.drivers.boto import Cognito

_TIME_STEP: Final = 30  # seconds
_SHORTEST_REST: Final = 5  # seconds: a rule must be able to send a code twice before the time step ends


@define
class AuthenticatorApp:
    """Generates the TOTP codes of RFC 6238 for a SecretCode."""

    secret: Secret[str]
    accepts_previous: bool = True  # whether VerifySoftwareToken accepted the previous code

    def key(self) -> bytes:
        """Decode the key from SecretCode, whose base32 padding may be missing; raise RuleFailed if it is not base32."""
        text = self.secret.reveal()
        try:
            return base64.b32decode(text + "=" * (-len(text) % 8), casefold=True)
        except ValueError:
            raise RuleFailed("SecretCode is not base32") from None

    def code(self, offset: int = 0) -> str:
        """Return the code of the time step that is `offset` steps after the current one.

        If the current time step is about to end, waits for the next one (about 5 seconds at most), because some
        endpoints accept only the code of the current step.
        """
        if (rest := _TIME_STEP - time.time() % _TIME_STEP) < _SHORTEST_REST:
            time.sleep(rest + 0.01)  # `sleep` uses another clock than `time`
        # pyotp refuses short keys, which some endpoints issue.
        totp = TOTP(self.key(), 6, SHA1(), _TIME_STEP, enforce_key_length=False)  # noqa: S303 - as RFC 6238 says
        return totp.generate(int(time.time()) + offset * _TIME_STEP).decode()

    def wrong_code(self) -> str:
        """Return a code that is wrong in the current time step, in the five before it and in the five after it."""
        near = {self.code(offset) for offset in range(-5, 6)}
        return next(each for n in range(100) if (each := f"{n:06}") not in near)


@frozen
class PoolClient:
    """Sends requests to a pool on behalf of one of its app clients."""

    pool: ConformancePool
    app_client: ConformanceClient

    @property
    def api(self) -> ApiClient:
        """The client of the pool's endpoint."""
        return self.pool.api

    def call_with_client_id(self, operation: str, /, **members: Any) -> ApiReply:
        """Call an operation that takes ClientId."""
        return self.api.call(operation, ClientId=self.app_client.client_id, **members)

    def call_with_pool_id(self, operation: str, /, **members: Any) -> ApiReply:
        """Call an administrator's operation, which takes UserPoolId."""
        return self.api.call(operation, UserPoolId=self.pool.pool_id, **members)

    def initiate(self, flow: str, **parameters: str) -> ApiReply:
        """Call InitiateAuth with these AuthParameters, and SECRET_HASH as in `with_secret_hash`."""
        members = self.with_secret_hash(parameters)
        return self.call_with_client_id("InitiateAuth", AuthFlow=flow, AuthParameters=members)

    def cognito(self, *, admin: bool = False, device: Device | None = None) -> Cognito:
        """Return the client of this package, which rejects replies that the protocol's table does not have."""
        settings: dict[str, Any] = {"pool_id": self.pool.pool_id, "client_secret": self.app_client.secret}
        client, client_id = self.api.boto3_client, self.app_client.client_id
        return Cognito(client, client_id=client_id, admin=admin, device=device, **settings)

    def with_secret_hash(self, members: Mapping[str, str]) -> dict[str, str]:
        """Add SECRET_HASH if the app client has a secret and there is a USERNAME. To send none, give an empty one."""
        result = dict(members)
        secret = self.app_client.secret
        if secret is not None and "SECRET_HASH" not in result and "USERNAME" in result:
            result["SECRET_HASH"] = srp.secret_hash(result["USERNAME"], self.app_client.client_id, secret.reveal())
        return {name: value for name, value in result.items() if value or name != "SECRET_HASH"}


@define
class PoolUser:
    """A user of a rule at an app client; `password` is the one that the setup gave, even after a rule changed it."""

    client: PoolClient
    username: str
    password: Secret[str]
    enrolled_app: AuthenticatorApp | None = None

    @property
    def app(self) -> AuthenticatorApp:
        """The authenticator app; raises RuleFailed if the user has none."""
        if self.enrolled_app is None:
            raise RuleFailed("SOFTWARE_TOKEN_MFA came for a user without an authenticator app")
        return self.enrolled_app

    def sign_in(self, password: str | None = None, **parameters: str) -> ApiReply:
        """Call InitiateAuth with USER_PASSWORD_AUTH and a password, by default the user's."""
        password = self.password.reveal() if password is None else password
        names = {"USERNAME": self.username, "PASSWORD": password, **parameters}
        return self.client.initiate("USER_PASSWORD_AUTH", **names)

    def sign_in_as_admin(self, password: str = PASSWORD) -> ApiReply:
        """Call AdminInitiateAuth with ADMIN_USER_PASSWORD_AUTH."""
        parameters = self.client.with_secret_hash({"USERNAME": self.username, "PASSWORD": password})
        names = {"ClientId": self.client.app_client.client_id, "AuthFlow": "ADMIN_USER_PASSWORD_AUTH"}
        return self.client.call_with_pool_id("AdminInitiateAuth", **names, AuthParameters=parameters)

    def access_token(self) -> str:
        """Sign in without a second factor, as part of the setup, and return the access token."""
        with self.client.api.setup():
            return str(self.sign_in().setup_value("AuthenticationResult", "AccessToken"))

    def challenge(self, name: str) -> IssuedChallenge:
        """Sign in with the password, which leads to this challenge."""
        return IssuedChallenge(self, self.sign_in().expect_challenge(name))

    def begin_srp(self) -> SrpSignIn:
        """Begin USER_SRP_AUTH, which leads to PASSWORD_VERIFIER."""
        ephemeral = srp.ephemeral(secrets.token_bytes(32))
        reply = self.initiate_srp(ephemeral.SRP_A).expect_challenge("PASSWORD_VERIFIER")
        return SrpSignIn(self, reply, ephemeral)

    def initiate_srp(self, public_key: str, **more: str) -> ApiReply:
        """Call InitiateAuth with USER_SRP_AUTH and this SRP_A."""
        return self.client.initiate("USER_SRP_AUTH", USERNAME=self.username, SRP_A=public_key, **more)

    def respond(self, challenge: str, session: str | None, **responses: str) -> ApiReply:
        """Call RespondToAuthChallenge."""
        members = self.client.with_secret_hash({"USERNAME": self.username, **responses})
        return self.client.call_with_client_id(
            "RespondToAuthChallenge", ChallengeName=challenge, Session=session, ChallengeResponses=members
        )

    def code(self) -> Secret[str]:
        """Return the last code that was sent to the user."""
        pool = self.client.pool
        if pool.inbox is None:
            raise Skipped("the codes that the endpoint sends cannot be read: see --codes")
        return pool.inbox(self.username, pool.api)


@frozen
class IssuedChallenge:
    """A challenge that was issued to a user."""

    user: PoolUser
    reply: ApiReply

    def answer(self, user: PoolUser | None = None, **responses: str) -> ApiReply:
        """Answer with the challenge's ChallengeName and Session, as its user or as another user."""
        return (user or self.user).respond(str(self.reply.challenge), self.reply.session, **responses)


@frozen
class SrpSignIn(IssuedChallenge):
    """A sign-in by SRP that led to PASSWORD_VERIFIER, with the key pair that SRP_A belongs to."""

    ephemeral: srp.Ephemeral

    def prove(
        self, password: str = PASSWORD, *, timestamp: str | None = None, user: PoolUser | None = None, **responses: str
    ) -> ApiReply:
        """Answer with the proof of a password."""
        parameters = self.reply.parameters
        timestamp = timestamp or srp.timestamp(utc_now())
        try:
            # Missing padding is added here, because the rules about sign-ins report it.
            block = base64.b64decode(parameters["SECRET_BLOCK"] + "==")
            name = parameters["USER_ID_FOR_SRP"]
            pool = srp.pool_name(self.user.client.pool.pool_id)
            x = srp.private_key(pool, name, password, srp.from_hex(parameters["SALT"], "SALT"))
            key = srp.client_key(self.ephemeral, srp.from_hex(parameters["SRP_B"], "SRP_B"), x)
        except (KeyError, TypeError, ValueError) as error:
            raise RuleFailed(f"PASSWORD_VERIFIER or the pool's id cannot be read: {type(error).__name__}") from None
        proof = {
            "PASSWORD_CLAIM_SIGNATURE": srp.sign(key, pool, name, block, timestamp),
            "PASSWORD_CLAIM_SECRET_BLOCK": parameters["SECRET_BLOCK"],
            "TIMESTAMP": timestamp,
        }
        return self.answer(user, **{**proof, **responses})
