"""A rule: a sentence about Cognito with its source, and a function that tests it at an endpoint.

The argument of the function, a `RuleContext`, creates app clients and users. If it cannot, the rule is skipped.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from attrs import define, field, frozen

from authfsm.base.secret import Secret
from authfsm.conformance import pools
from authfsm.conformance.api_client import USER_DOMAIN, ApiClient
from authfsm.conformance.pool_client import AuthenticatorApp, IssuedChallenge, PoolClient, PoolUser
from authfsm.conformance.pool_providers import PoolProvider
from authfsm.conformance.verdicts import ApiReply, NotSupported, RecordedExchange, RuleSeverity, Skipped
from authfsm.protocol import links
from authfsm.protocol.evidence import Confidence
from authfsm.protocol.states import MFA_SETTINGS, State

RunRule: TypeAlias = "Callable[[RuleContext], object]"
CRITICAL, MAJOR, MINOR = RuleSeverity.CRITICAL, RuleSeverity.MAJOR, RuleSeverity.MINOR


@frozen
class RuleSource:
    """The source of a rule: a document, a measurement, an issue or the code of a client."""

    title: str
    url: str
    confidence: Confidence = Confidence.DOCUMENTED

    @classmethod
    def guide(cls, page: str, title: str) -> RuleSource:
        """Return the source for a page of the developer guide, given its URL, or its name without ".html"."""
        url = page if page.startswith("https://") else links.guide(page)
        return cls(f'developer guide, "{title}"', url)

    @classmethod
    def reference(cls, name: str, confidence: Confidence = Confidence.DOCUMENTED) -> RuleSource:
        """Return the source for an operation or a data type in the API reference."""
        return cls(f"API reference, {name}", links.reference(name), confidence)

    @classmethod
    def rfc(cls, number: int, section: str) -> RuleSource:
        """Return the source for a section of an RFC. It is INFERRED: AWS does not say that Cognito follows the RFC."""
        url = f"https://www.rfc-editor.org/rfc/rfc{number}#section-{section}"
        return cls(f"RFC {number}, section {section}", url, Confidence.INFERRED)

    @classmethod
    def issue(cls, repository: str, number: int) -> RuleSource:
        """Return the source for an issue on GitHub."""
        url = f"https://github.com/{repository}/issues/{number}"
        return cls(f"{repository} #{number}", url, Confidence.ISSUE)


@frozen
class ConformanceRule:
    """A sentence about Cognito; `run` tests it, and raises `RuleFailed`, `NotSupported` or `Skipped` unless it passes."""

    id: str  # a short, stable name, such as `srp.verifies-proof`
    statement: str  # the sentence about Cognito
    group: str  # its subject, a heading of the report
    source: RuleSource
    severity: RuleSeverity
    run: RunRule = field(repr=False, eq=False)


@frozen
class RuleCollector:
    """Collects the rules of a group, in the order of the report."""

    group: str
    rules: list[ConformanceRule] = field(factory=list)

    def __call__(
        self, rule_id: str, source: RuleSource, severity: RuleSeverity = MAJOR
    ) -> Callable[[RunRule], RunRule]:
        """Return the decorator that makes a function a rule; its docstring is the statement."""

        def collect(run: RunRule) -> RunRule:
            self.add(rule_id, source, severity, run.__doc__ or "", run)
            return run

        return collect

    def add(self, rule_id: str, source: RuleSource, severity: RuleSeverity, statement: str, run: RunRule) -> None:
        """Add a rule; its statement becomes one line."""
        statement = " ".join(statement.split())
        self.rules.append(ConformanceRule(rule_id, statement, self.group, source, severity, run))

    def refused(  # noqa: PLR0917 - a row of the rules' tables
        self,
        rule_id: str,
        source: RuleSource,
        severity: RuleSeverity,
        attempt: str,
        statement: str,
        send: Callable[[RuleContext], ApiReply],
        code: str | None = None,
    ) -> None:
        """Add the rule that Cognito refuses the request of `send`, which messages call `attempt`.

        If `code` is set, Cognito must refuse the request with this error.
        """

        def run(context: RuleContext) -> None:
            send(context).expect_error(attempt, code)

        self.add(rule_id, source, severity, statement, run)


RESPOND: Final = RuleSource.reference("RespondToAuthChallenge")
INITIATE: Final = RuleSource.reference("InitiateAuth")
ADMIN_INITIATE: Final = RuleSource.reference("AdminInitiateAuth")
FLOWS_PAGE: Final = RuleSource.guide(links.AUTHENTICATION_FLOWS, "Authentication flows")
DEVICES_PAGE: Final = RuleSource.guide(links.DEVICES, "Working with user devices")
MINISTACK: Final = RuleSource(
    "ministackorg/ministack #1758, measured on a real pool",
    "https://github.com/ministackorg/ministack/pull/1758",
    Confidence.MEASURED,
)


@define
class RuleContext:
    """What a rule uses in one run at an endpoint. The run may last until `deadline`, a value of `time.monotonic()`."""

    pool_provider: PoolProvider
    rule_id: str
    deadline: float = float("inf")
    _apis: list[tuple[ApiClient, int]] = field(factory=list, init=False)

    def client(
        self, pool: pools.PoolRequirements = pools.DEFAULT_POOL, client: pools.ClientRequirements = pools.DEFAULT_CLIENT
    ) -> PoolClient:
        """Return an app client of a pool; both have the required settings."""
        begin, provided = time.monotonic(), self.pool_provider.pool(pool)
        api = provided.api
        if all(each is not api for each, _ in self._apis):
            self._apis.append((api, len(api.exchanges)))
        app_client = self.pool_provider.client(provided, client)
        self.deadline = api.deadline = self.deadline + time.monotonic() - begin  # shared setup is not the rule's time
        return PoolClient(provided, app_client)

    def own_pool(self, **settings: Any) -> PoolClient:
        """Create a pool for this rule, with these members of CreateUserPool. The app client is one of a shared pool."""
        shared = self.client()
        return PoolClient(self.pool_provider.own_pool(shared.api, **settings), shared.app_client)

    @property
    def exchanges(self) -> tuple[RecordedExchange, ...]:
        """The requests since the rule's first pool was provided, with their replies."""
        return tuple(each for api, first in self._apis for each in api.exchanges[first:])

    def username(self, label: str = "nobody") -> str:
        """Return a user name only for this rule: an e-mail address, which every pool that the suite creates accepts."""
        return f"{label}@{self.rule_id.lower().replace('_', '-')}{USER_DOMAIN}"

    def user(
        self,
        pool: pools.PoolRequirements = pools.DEFAULT_POOL,
        user: pools.UserRequirements = pools.DEFAULT_USER,
        *,
        client: pools.ClientRequirements = pools.DEFAULT_CLIENT,
        label: str = "ada",
    ) -> PoolUser:
        """Create a user; `label` begins the user name, and reports show it. Raises Skipped if the endpoint refuses."""
        pool_client, address = self.client(pool, client), self.username(label)
        if user.temporary:
            pool_client.pool.require(pools.NO_REQUIRED_ATTRIBUTES)
        attributes = {
            "email": address,
            "email_verified": "true",
            "phone_number": "+15555550143",  # one of the numbers reserved for fictional use
            "phone_number_verified": "true",
        }
        members: dict[str, Any] = {
            "Username": address,
            "TemporaryPassword": pools.TEMPORARY_PASSWORD,
            "MessageAction": "SUPPRESS",
            "UserAttributes": [{"Name": n, "Value": v} for n, v in attributes.items()],
        }
        with pool_client.api.setup():
            reply = self._create_user(pool_client.call_with_pool_id, "AdminCreateUser", members)
            name = str(reply.setup_value("User", "Username"))
            pool_client.api.redactor.labels[name] = label
            created = PoolUser(pool_client, name, Secret(pools.TEMPORARY_PASSWORD))
            if not user.temporary:
                permanent = {"Username": name, "Password": pools.PASSWORD, "Permanent": True}
                pool_client.call_with_pool_id("AdminSetUserPassword", **permanent).setup_value()
                created.password = Secret(pools.PASSWORD)
            if user.factors:
                _activate_factors(created, user)
        return created

    def user_with_working_password(self, client: pools.ClientRequirements = pools.DEFAULT_CLIENT) -> PoolUser:
        """Create a user, and check that the password signs in."""
        user = self.user(client=client)
        user.access_token()
        return user

    def srp_user(self, client: pools.ClientRequirements = pools.DEFAULT_CLIENT) -> PoolUser:
        """Create a user, and check that USER_SRP_AUTH leads to PASSWORD_VERIFIER."""
        user = self.user(client=client)
        user.begin_srp()
        return user

    def admin_user(self) -> PoolUser:
        """Create a user, and check that an administrator can sign in with the password."""
        user = self.user()
        user.sign_in_as_admin().expect_tokens()
        return user

    def new_password_challenge(self, pool: pools.PoolRequirements = pools.DEFAULT_POOL) -> IssuedChallenge:
        """Sign in a user with a temporary password, which leads to NEW_PASSWORD_REQUIRED."""
        return self.user(pool, pools.TEMPORARY_USER).challenge("NEW_PASSWORD_REQUIRED")

    def totp_challenge(self) -> IssuedChallenge:
        """Sign in a user with an authenticator app, which leads to SOFTWARE_TOKEN_MFA."""
        return self.user(pools.SMS_OR_TOTP_POOL, pools.TOTP_USER).challenge("SOFTWARE_TOKEN_MFA")

    def signed_up_user(self) -> PoolUser:
        """Sign up a user without confirming the account."""
        client, username = self.client(), self.username("ada")
        client.pool.require(pools.SELF_SIGN_UP)
        attributes = [{"Name": "email", "Value": username}]
        members = {"Username": username, "Password": pools.PASSWORD, "UserAttributes": attributes}
        self._create_user(client.call_with_client_id, "SignUp", members).expect_success("UsernameExistsException")
        return PoolUser(client, username, Secret(pools.PASSWORD))

    def _create_user(self, call: Callable[..., ApiReply], operation: str, members: dict[str, Any]) -> ApiReply:
        """Send a request that creates a user, and have the user deleted later, unless the endpoint refuses the request."""
        reply: ApiReply | None = None
        try:
            reply = call(operation, **members)
        finally:
            if reply is None or reply.code is None:  # if the reply was lost, the user may exist
                self.pool_provider.delete_later("AdminDeleteUser", Username=members["Username"])
        return reply


def _activate_factors(user: PoolUser, requirements: pools.UserRequirements) -> None:
    client, token = user.client, None
    if "SOFTWARE_TOKEN_MFA" in requirements.factors:
        token = user.access_token()
        user.enrolled_app = _enrol_app(client, token)
    settings = {
        MFA_SETTINGS[State[each]]: {"Enabled": True, "PreferredMfa": each == requirements.preferred}
        for each in requirements.factors
    }
    username = {"Username": user.username}
    reply = client.call_with_pool_id("AdminSetUserMFAPreference", **username, **settings)
    if reply.unsupported:
        token = token or user.access_token()
        reply = client.api.call("SetUserMFAPreference", AccessToken=token, **settings)
    reply.setup_value()
    # A server that lacks a factor may ignore its settings without an error.
    active = client.call_with_pool_id("AdminGetUser", **username).body.get("UserMFASettingList")
    if isinstance(active, list) and (missing := sorted(set(requirements.factors) - set(active))):
        raise NotSupported(f"{', '.join(missing)} was activated, but AdminGetUser does not list it")


def _enrol_app(client: PoolClient, access_token: str) -> AuthenticatorApp:
    token = {"AccessToken": access_token}
    app = AuthenticatorApp(Secret(str(client.api.call("AssociateSoftwareToken", **token).setup_value("SecretCode"))))
    # Enrolling with the previous code leaves the current one unused for the sign-in.
    reply = client.api.call("VerifySoftwareToken", UserCode=app.code(-1), **token)
    if not reply.unsupported and (reply.code is not None or reply.body.get("Status") == "ERROR"):
        app.accepts_previous = False
        reply = client.api.call("VerifySoftwareToken", UserCode=app.code(), **token)
    if reply.setup_value("Status") == "ERROR":
        raise Skipped(f"VerifySoftwareToken: {reply.summary}")
    return app
