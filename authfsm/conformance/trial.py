"""One rule's time at an endpoint: pools and app clients on loan, people of its own, and the words to speak with.

People are made by Cognito's own API: AdminCreateUser, AdminSetUserPassword, and their factors with an access
token of theirs. What goes wrong while something is furnished is not the rule's verdict: it is `Skipped`.
"""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Mapping
from typing import Any, Final

from attrs import define, field, frozen
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from authfsm import srp
from authfsm.base.secret import Secret
from authfsm.conformance.api_client import ApiClient, ApiReply
from authfsm.conformance.pools import (
    PASSWORD,
    PHONE,
    PLAIN,
    TEMPORARY,
    ClientRequirements,
    ConformanceClient,
    ConformancePool,
    PoolProvider,
    PoolRequirements,
    UserRequirements,
    made,
)
from authfsm.conformance.redaction import DOMAIN
from authfsm.conformance.verdicts import NotSupported, RecordedExchange, RuleFailed, Skipped
from authfsm.core.device import Device
from authfsm.drivers.boto import Cognito

_STEP: Final = 30


@define
class AuthenticatorApp:
    """Makes the codes of RFC 6238.

    Args:
        secret: SecretCode.
        earlier: was it enrolled with the code of the step before, so that the present one is unspent?
    """

    secret: Secret[str]
    earlier: bool = True

    def code(self, steps: int = 0) -> str:
        """The code of the present step, or of one so many steps away."""
        app = TOTP(self.key, 6, SHA1(), _STEP, enforce_key_length=False)  # noqa: S303 - RFC 6238's
        return app.generate(int(time.time()) + steps * _STEP).decode()

    @property
    def key(self) -> bytes:
        """The key in the secret (base32, with or without padding).

        Raises:
            Fails: it is no base32.
        """
        text = self.secret.reveal()
        try:
            return base64.b32decode(text + "=" * (-len(text) % 8), casefold=True)
        except ValueError:
            raise RuleFailed("SecretCode is not base32") from None

    def wrong_code(self) -> str:
        """A code that is right in none of the steps around."""
        near = {self.code(steps) for steps in range(-5, 6)}
        return next(each for n in range(100) if (each := f"{n:06}") not in near)


@define
class PoolUser:
    """A user that was made for a rule.

    Args:
        username: the name.
        password: the password that is right now.
        app: the authenticator app, if one is enrolled.
    """

    username: str
    password: Secret[str]
    app: AuthenticatorApp | None = None


_SETTINGS: Final = {
    "SMS_MFA": "SMSMfaSettings",
    "SOFTWARE_TOKEN_MFA": "SoftwareTokenMfaSettings",
    "EMAIL_OTP": "EmailMfaSettings",
}
ORDINARY: Final = ClientRequirements()
SOMEBODY: Final = UserRequirements()


@frozen
class PoolClient:
    """A pool and an app client of it, to speak with.

    Args:
        pool: the pool.
        app: the app client.
    """

    pool: ConformancePool
    app: ConformanceClient

    @property
    def conversation(self) -> ApiClient:
        """With the pool's endpoint."""
        return self.pool.conversation

    def call(self, operation: str, /, **given: Any) -> ApiReply:
        """An operation on no pool or app client."""
        return self.conversation.call(operation, **given)

    def ask(self, operation: str, /, **given: Any) -> ApiReply:
        """An operation on the app client."""
        return self.call(operation, ClientId=self.app.client_id, **given)

    def administer(self, operation: str, /, **given: Any) -> ApiReply:
        """An administrator's operation on the pool."""
        return self.call(operation, UserPoolId=self.pool.pool_id, **given)

    def initiate(self, flow: str, *, admin: bool = False, **parameters: str) -> ApiReply:
        """InitiateAuth, or AdminInitiateAuth."""
        given = {"AuthFlow": flow, "AuthParameters": self.with_hash(parameters)}
        if admin:
            return self.administer("AdminInitiateAuth", ClientId=self.app.client_id, **given)
        return self.ask("InitiateAuth", **given)

    def respond(self, challenge: str, session: str | None, **responses: str) -> ApiReply:
        """RespondToAuthChallenge."""
        return self.ask(
            "RespondToAuthChallenge",
            ChallengeName=challenge,
            Session=session,
            ChallengeResponses=self.with_hash(responses),
        )

    def with_hash(self, given: Mapping[str, str]) -> dict[str, str]:
        """The same with SECRET_HASH, where the app client has a secret; an empty one is left out."""
        whole = dict(given)
        if self.app.secret is not None and "SECRET_HASH" not in whole and "USERNAME" in whole:
            secret = self.app.secret.reveal()
            whole["SECRET_HASH"] = srp.secret_hash(whole["USERNAME"], self.app.client_id, secret)
        return {name: value for name, value in whole.items() if value or name != "SECRET_HASH"}

    def password(self, person: PoolUser) -> ApiReply:
        """USER_PASSWORD_AUTH with the right password."""
        return self.initiate(
            "USER_PASSWORD_AUTH", USERNAME=person.username, PASSWORD=person.password.reveal()
        )

    def signed_in(self, person: PoolUser) -> Mapping[str, Any]:
        """The tokens of somebody who needs no second factor.

        Raises:
            Untried: there are none.
        """
        with self.conversation.setup():
            heard = self.password(person)
        tokens: Mapping[str, Any] = made(heard, "AuthenticationResult")
        return tokens

    def cognito(self, *, admin: bool = False, device: Device | None = None) -> Cognito:
        """This package's own client, which follows the table."""
        return Cognito(
            self.conversation.client,
            client_id=self.app.client_id,
            pool_id=self.pool.pool_id,
            client_secret=self.app.secret,
            admin=admin,
            device=device,
        )

    def code_for(self, person: PoolUser) -> Secret[str]:
        """The last code that was sent to somebody.

        Raises:
            Untried: nobody can read it.
        """
        inbox = self.pool.inbox
        if inbox is None:
            raise Skipped("the codes that it sends cannot be read")
        return inbox.code_for(person.username, self.conversation)


@define
class Trial:
    """What a rule is given.

    Args:
        workshop: where its pools come from.
        name: the rule's, for the names of its people.
    """

    workshop: PoolProvider
    name: str
    deadline: float = field(default=float("inf"))
    conversations: list[tuple[ApiClient, int]] = field(factory=list, init=False)

    def desk(
        self, pool: PoolRequirements = PLAIN, client: ClientRequirements = ORDINARY
    ) -> PoolClient:
        """A pool and an app client like that.

        Raises:
            Untried: they cannot be had.
        """
        there = self.workshop.pool(pool)
        talk = there.conversation
        if all(each is not talk for each, _ in self.conversations):
            self.conversations.append((talk, len(talk.said)))
        talk.deadline = self.deadline
        return PoolClient(there, self.workshop.app(there, client))

    @property
    def said(self) -> tuple[RecordedExchange, ...]:
        """What was said since the rule began."""
        return tuple(each for talk, begun in self.conversations for each in talk.said[begun:])

    def username(self, who: str) -> str:
        """A name that is this rule's alone: an address, which every pool takes."""
        domain = self.name.lower().replace("_", "-")
        return f"{who}@{domain}{DOMAIN}"

    def person(
        self, desk: PoolClient, wanted: UserRequirements = SOMEBODY, who: str = "ada"
    ) -> PoolUser:
        """Somebody like that.

        Raises:
            Untried: they cannot be made.
        """
        username = self.username(who)
        attributes = {
            "email": username,
            "email_verified": "true",
            "phone_number": PHONE,
            "phone_number_verified": "true",
        }
        with desk.conversation.setup():
            heard = desk.administer(
                "AdminCreateUser",
                Username=username,
                TemporaryPassword=TEMPORARY,
                MessageAction="SUPPRESS",
                UserAttributes=[{"Name": n, "Value": v} for n, v in attributes.items()],
            )
            name = made(heard, "User", "Username")
            self.workshop.keep(desk.pool, username)
            person = PoolUser(str(name), Secret(TEMPORARY))
            desk.conversation.masking.people[person.username] = who
            if not wanted.temporary:
                given = {"Username": person.username, "Password": PASSWORD, "Permanent": True}
                made(desk.administer("AdminSetUserPassword", **given))
                person.password = Secret(PASSWORD)
            if wanted.factors:
                self._equip(desk, person, wanted)
        return person

    def _equip(self, desk: PoolClient, person: PoolUser, wanted: UserRequirements) -> None:
        """Enrol and switch on the second factors."""
        token: str | None = None
        if "SOFTWARE_TOKEN_MFA" in wanted.factors:
            token = str(desk.signed_in(person).get("AccessToken"))
            person.app = enrolled(desk, AccessToken=token)
        settings = {
            _SETTINGS[each]: {"Enabled": True, "PreferredMfa": each == wanted.preferred}
            for each in wanted.factors
        }
        heard = desk.administer("AdminSetUserMFAPreference", Username=person.username, **settings)
        if heard.lacking:
            token = token or str(desk.signed_in(person).get("AccessToken"))
            heard = desk.call("SetUserMFAPreference", AccessToken=token, **settings)
        made(heard)
        self._kept(desk, person, wanted)

    def _kept(self, desk: PoolClient, person: PoolUser, wanted: UserRequirements) -> None:
        """A server that does not know a factor may take its settings all the same, and forget them."""
        active = desk.administer("AdminGetUser", Username=person.username).body.get(
            "UserMFASettingList"
        )
        if isinstance(active, list) and (missing := set(wanted.factors) - set(active)):
            names = ", ".join(sorted(missing))
            raise NotSupported(f"{names} was switched on, and AdminGetUser does not list it")


def enrolled(desk: PoolClient, **bearer: str) -> AuthenticatorApp:
    """An authenticator app, enrolled by AssociateSoftwareToken and VerifySoftwareToken.

    Args:
        desk: where.
        bearer: AccessToken.

    Raises:
        Untried: it was not enrolled.
    """
    secret = str(made(desk.call("AssociateSoftwareToken", **bearer), "SecretCode"))
    app = AuthenticatorApp(Secret(secret))
    # The code of the step before is good for one step more; the present one stays unspent for the sign-in.
    heard = desk.call("VerifySoftwareToken", UserCode=app.code(-1), **bearer)
    if heard.code is not None and not heard.lacking:
        app.earlier = False
        heard = desk.call("VerifySoftwareToken", UserCode=app.code(), **bearer)
    made(heard, "Status")
    return app


def begun_srp(
    desk: PoolClient, username: str, *, admin: bool = False
) -> tuple[srp.Ephemeral, ApiReply]:
    """USER_SRP_AUTH as far as PASSWORD_VERIFIER.

    Raises:
        NotOffered: there is no such flow.
        Fails: something else came.
    """
    mine = srp.ephemeral(secrets.token_bytes(32))
    heard = desk.initiate("USER_SRP_AUTH", admin=admin, USERNAME=username, SRP_A=mine.SRP_A)
    if heard.code is not None:
        raise NotSupported(heard.words)
    return mine, heard.asks("PASSWORD_VERIFIER")
