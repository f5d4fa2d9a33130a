"""The pools, app clients and users that rules need, where codes can be read, and the providers of pools.

Pools are this package's own, are created through an API, or exist already.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from io import StringIO
from typing import Any, Final, Literal, ParamSpec, TypeAlias, TypeVar
from urllib.parse import quote

from attrs import define, evolve, field, frozen

from authfsm.base.secret import Secret
from authfsm.conformance.api_client import ApiClient
from authfsm.conformance.verdicts import RuleEnded, Skipped
from authfsm.local.config.pool_configuration import Triggers
from authfsm.protocol.auth_flows import ALLOWED_FIRST_AUTH_FACTORS, CURRENT_VALUES
from authfsm.protocol.states import MFA_METHODS

P = ParamSpec("P")
T = TypeVar("T")

ALL_FLOWS: Final = CURRENT_VALUES
FLOWS_BUT_USER_AUTH: Final = tuple(each for each in ALL_FLOWS if each != "ALLOW_USER_AUTH")
RELYING_PARTY: Final = "app.example.com"
CUSTOM_ANSWER: Final = "a river"  # the right answer to the challenge of `CUSTOM_AUTH_POOL`


@frozen
class PoolRequirements:
    """The settings of a user pool, in Cognito's terms. Rules with the same requirements share a pool."""

    mfa: Literal["OFF", "OPTIONAL", "ON"] = "OFF"
    methods: tuple[str, ...] = ()  # the MFA methods that are enabled
    devices: bool = False  # are devices remembered without asking the user?
    first_factors: tuple[str, ...] = ("PASSWORD",)
    custom_auth: bool = False  # do Lambda functions issue a CUSTOM_CHALLENGE?


@frozen
class ClientRequirements:
    """The settings of an app client, in Cognito's terms."""

    flows: tuple[str, ...] = ALL_FLOWS  # ExplicitAuthFlows
    secret: bool = False  # GenerateSecret
    existence: Literal["ENABLED", "LEGACY"] = "ENABLED"  # PreventUserExistenceErrors
    rotation: bool = False  # RefreshTokenRotation, without a grace period


@frozen
class UserRequirements:
    """A user: the active MFA methods, the preferred one, and whether the password is temporary."""

    factors: tuple[str, ...] = ()
    preferred: str | None = None
    temporary: bool = False


PASSWORD: Final = "Correct-Horse-1"  # noqa: S105 - of users who are created for a rule and deleted after it
TEMPORARY_PASSWORD: Final = "Temporary-Horse-1"  # noqa: S105 - the same
NEW_PASSWORD: Final = "Another-Horse-2"  # noqa: S105 - the same
WRONG_PASSWORD: Final = "Wrong-Horse-4"  # noqa: S105 - the same

DEFAULT_POOL: Final = PoolRequirements()
ALL_MFA_POOL: Final = PoolRequirements("OPTIONAL", tuple(each.value for each in MFA_METHODS))
SMS_OR_TOTP_POOL: Final = PoolRequirements("OPTIONAL", ("SMS_MFA", "SOFTWARE_TOKEN_MFA"))
TOTP_REQUIRED_POOL: Final = PoolRequirements("ON", ("SOFTWARE_TOKEN_MFA",))
DEVICE_POOL: Final = PoolRequirements(devices=True)
USER_AUTH_POOL: Final = PoolRequirements(first_factors=ALLOWED_FIRST_AUTH_FACTORS)
CUSTOM_AUTH_POOL: Final = PoolRequirements(custom_auth=True)

DEFAULT_CLIENT: Final = ClientRequirements()
OTHER_CLIENT: Final = ClientRequirements(flows=FLOWS_BUT_USER_AUTH)
"""Another app client than the default one of the same pool."""

DEFAULT_USER: Final = UserRequirements()
TEMPORARY_USER: Final = UserRequirements(temporary=True)
TOTP_USER: Final = UserRequirements(("SOFTWARE_TOKEN_MFA",), "SOFTWARE_TOKEN_MFA")
SMS_USER: Final = UserRequirements(("SMS_MFA",), "SMS_MFA")
SMS_AND_TOTP_USER: Final = UserRequirements(("SMS_MFA", "SOFTWARE_TOKEN_MFA"))
EMAIL_USER: Final = UserRequirements(("EMAIL_OTP",), "EMAIL_OTP")


Inbox: TypeAlias = Callable[[str, ApiClient], Secret[str]]
"""Returns the last code that an endpoint sent to a user."""


def code_in_outbox(username: str, api: ApiClient) -> Secret[str]:
    """Read a code from the endpoint's own `GET /outbox?username=`, as `authfsm serve` has it."""
    with api.setup():
        messages = api.get(f"{api.url}/outbox?username={quote(username)}").body.get("messages")
    last = messages[-1] if isinstance(messages, list) and messages else {}
    code = last.get("code") if isinstance(last, Mapping) else None
    if not isinstance(code, str):
        raise Skipped("the endpoint sent no code")
    return Secret(code)


def parse_inbox(option: str) -> Inbox:
    """Return the inbox that an option names: `outbox`, or `fixed:` and the code that a server always sends."""
    kind, _, code = option.partition(":")
    if option == "outbox":
        return code_in_outbox
    if kind == "fixed" and code:
        fixed = Secret(code)
        return lambda *_: fixed
    raise ValueError("is neither outbox nor fixed:CODE")


@frozen
class ConformancePool:
    """A user pool at an endpoint, with the inbox of its codes if they can be read."""

    api: ApiClient = field(repr=False)
    pool_id: str
    inbox: Inbox | None = None


@frozen
class ConformanceClient:
    """An app client of a pool."""

    client_id: str
    secret: Secret[str] | None = None


@define(eq=False)
class PoolProvider(ABC):
    """Provides pools and app clients, one for all rules with the same requirements."""

    _created: dict[object, object] = field(factory=dict, init=False, repr=False)

    def pool(self, requirements: PoolRequirements) -> ConformancePool:
        """Return a pool with these settings."""
        return self._once(self._create_pool, requirements)

    def client(self, pool: ConformancePool, requirements: ClientRequirements) -> ConformanceClient:
        """Return an app client of a pool with these settings."""
        return self._once(self._create_client, pool, requirements)

    def own_pool(self, api: ApiClient, **settings: Any) -> ConformancePool:  # noqa: ARG002 - most providers create pools
        """Create a pool for one rule, with these members of CreateUserPool."""
        raise Skipped("the rule needs a pool of its own")

    def register_user(self, username: str) -> None:  # noqa: B027 - most providers delete users with their pool
        """Note that a rule created a user, who must be deleted in `cleanup`."""

    @abstractmethod
    def cleanup(self) -> None:
        """Delete what was created."""

    @abstractmethod
    def _create_pool(self, requirements: PoolRequirements) -> ConformancePool: ...

    def _create_client(self, pool: ConformancePool, requirements: ClientRequirements) -> ConformanceClient:
        return create_client(pool, requirements)

    def _once(self, create: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what the first call with these arguments returned, or raise what it raised."""
        key = (create.__name__, args)
        if key not in self._created:
            try:
                self._created[key] = create(*args, **kwargs)
            except RuleEnded as error:
                self._created[key] = error
        created: Any = self._created[key]
        if isinstance(created, RuleEnded):
            raise type(created)(created.why)
        result: T = created
        return result


def create_client(pool: ConformancePool, requirements: ClientRequirements) -> ConformanceClient:
    """Create an app client through the API."""
    request: dict[str, Any] = {
        "ClientName": "authfsm-conform",
        "ExplicitAuthFlows": list(requirements.flows),
        "GenerateSecret": requirements.secret,
        "PreventUserExistenceErrors": requirements.existence,
    }
    if requirements.rotation:
        # Rotation excludes REFRESH_TOKEN_AUTH: developer guide, "Refresh tokens".
        request["ExplicitAuthFlows"].remove("ALLOW_REFRESH_TOKEN_AUTH")
        request["RefreshTokenRotation"] = {"Feature": "ENABLED", "RetryGracePeriodSeconds": 0}
    with pool.api.setup():
        reply = pool.api.call("CreateUserPoolClient", UserPoolId=pool.pool_id, **request)
    client = reply.setup_value("UserPoolClient")
    client_id, secret = client.get("ClientId"), client.get("ClientSecret")
    if not isinstance(client_id, str) or requirements.secret != isinstance(secret, str):
        raise Skipped(f"CreateUserPoolClient: {reply.summary}")
    return ConformanceClient(client_id, Secret(secret) if requirements.secret else None)


_HOST: Final = "127.0.0.1"
_CUSTOM_AUTH_ID: Final = "eu-west-1_CustomAuth"

_MFA_SETTINGS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "SOFTWARE_TOKEN_MFA": ("SoftwareTokenMfaConfiguration", {"Enabled": True}),
    "SMS_MFA": (
        "SmsMfaConfiguration",
        {"SmsConfiguration": {"SnsCallerArn": "arn:aws:iam::123456789012:role/sms"}},
    ),
    "EMAIL_OTP": ("EmailMfaConfiguration", {"Message": "{####}", "Subject": "A code"}),
}


def _define(event: dict[str, Any]) -> None:
    """Issue one CUSTOM_CHALLENGE with one attempt, after the SRP proof if the client sent SRP_A."""
    answered: list[Mapping[str, Any]] = event["request"]["session"]
    names = [each["challengeName"] for each in answered]
    response = event["response"]
    response["issueTokens"] = response["failAuthentication"] = False
    if names[-1:] == ["SRP_A"]:
        response["challengeName"] = "PASSWORD_VERIFIER"
    elif "CUSTOM_CHALLENGE" not in names:
        response["challengeName"] = "CUSTOM_CHALLENGE"
    elif answered[-1]["challengeResult"]:
        response["issueTokens"] = True
    else:
        response["failAuthentication"] = True


def _create(event: dict[str, Any]) -> None:
    event["response"]["publicChallengeParameters"] = {"question": "What runs, and has no legs?"}
    event["response"]["privateChallengeParameters"] = {"answer": CUSTOM_ANSWER}


def _verify(event: dict[str, Any]) -> None:
    request = event["request"]
    expected = request["privateChallengeParameters"]["answer"]
    event["response"]["answerCorrect"] = request["challengeAnswer"] == expected


@define(eq=False)
class ApiPoolProvider(PoolProvider):
    """Creates pools through the endpoint's API."""

    api: ApiClient
    inbox: Inbox | None = None
    _pool_ids: list[str] = field(factory=list, init=False)

    def cleanup(self) -> None:
        """Delete the pools."""
        with self.api.setup():
            for pool_id in self._pool_ids:
                with suppress(Skipped):
                    self.api.call("DeleteUserPool", UserPoolId=pool_id)
        self._pool_ids.clear()

    def own_pool(self, api: ApiClient, **settings: Any) -> ConformancePool:
        """Create a pool for one rule."""
        with api.setup():
            reply = api.call("CreateUserPool", **{"PoolName": "authfsm-conform", **settings})
        self._pool_ids.append(str(reply.setup_value("UserPool", "Id")))
        return ConformancePool(api, self._pool_ids[-1], self.inbox)

    def _create_pool(self, requirements: PoolRequirements) -> ConformancePool:
        if requirements.custom_auth:
            raise Skipped("Lambda functions cannot be created through Cognito's API")
        pool = self.own_pool(self.api, **_pool_request(requirements))
        if settings := _mfa_request(requirements):
            with self.api.setup():
                self.api.call("SetUserPoolMfaConfig", UserPoolId=pool.pool_id, **settings).setup_value()
        return pool


@define(eq=False)
class LocalPoolProvider(ApiPoolProvider):
    """Creates pools of `authfsm.local`, behind a server in a thread."""

    api: ApiClient = field(init=False)
    inbox: Inbox | None = field(default=code_in_outbox, init=False)
    _server: ExitStack | None = field(default=None, init=False)

    def cleanup(self) -> None:
        """Stop the server."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def _create_pool(self, requirements: PoolRequirements) -> ConformancePool:
        if self._server is None:
            self._server = self._start()
        if requirements.custom_auth:
            return ConformancePool(self.api, _CUSTOM_AUTH_ID, self.inbox)
        return super()._create_pool(requirements)

    def _start(self) -> ExitStack:
        from authfsm.local.server.access import listen, url_of  # noqa: PLC0415 - an extra
        from authfsm.local.server.config import ServerConfig  # noqa: PLC0415 - the same
        from authfsm.local.server.service import Log, open_service  # noqa: PLC0415 - the same
        from authfsm.local.server.uvicorn_server import serve_in_thread  # noqa: PLC0415 - the same

        sock = listen(_HOST, 0)
        url = url_of(_HOST, sock)
        triggers = Triggers(define=_define, create=_create, verify=_verify)
        config = ServerConfig({"pool_id": _CUSTOM_AUTH_ID, "triggers": triggers})
        self.api, server = ApiClient(url, "eu-west-1"), ExitStack()
        try:
            server.enter_context(serve_in_thread(open_service(config, url, Log(StringIO())), sock))
        except TimeoutError as error:
            raise Skipped(str(error)) from None
        return server


def _pool_request(requirements: PoolRequirements) -> dict[str, Any]:
    # Recovery excludes e-mail if e-mail may be a second factor.
    mechanism = {"Name": "verified_email" if requirements.mfa == "OFF" else "admin_only", "Priority": 1}
    request: dict[str, Any] = {
        "AutoVerifiedAttributes": ["email"],
        "AccountRecoverySetting": {"RecoveryMechanisms": [mechanism]},
    }
    if requirements.devices:
        request["DeviceConfiguration"] = {
            "ChallengeRequiredOnNewDevice": False,
            "DeviceOnlyRememberedOnUserPrompt": False,
        }
    if requirements.first_factors != ("PASSWORD",):
        factors = list(requirements.first_factors)
        request["Policies"] = {"SignInPolicy": {"AllowedFirstAuthFactors": factors}}
        request["UserPoolTier"] = "ESSENTIALS"
    return request


def _mfa_request(requirements: PoolRequirements) -> dict[str, Any]:
    """Return the settings for SetUserPoolMfaConfig; empty if the defaults are right."""
    request: dict[str, Any] = {"MfaConfiguration": requirements.mfa}
    if requirements.mfa != "OFF":
        request |= dict(_MFA_SETTINGS[each] for each in requirements.methods)
    if "WEB_AUTHN" in requirements.first_factors:
        webauthn = {"RelyingPartyId": RELYING_PARTY, "UserVerification": "preferred"}
        request["WebAuthnConfiguration"] = webauthn
    return {} if request == {"MfaConfiguration": "OFF"} else request


@define(eq=False)
class ExistingPoolProvider(PoolProvider):
    """Provides one existing pool, for the rules whose requirements it meets."""

    api: ApiClient
    pool_id: str
    client_id: str | None = None  # if left out, app clients are created through the API
    inbox: Inbox | None = None
    _usernames: list[str] = field(factory=list, init=False)
    _client_ids: list[str] = field(factory=list, init=False)

    def register_user(self, username: str) -> None:
        """Note that a rule created a user, who must be deleted in `cleanup`."""
        self._usernames.append(username)

    def cleanup(self) -> None:
        """Delete the users and the app clients that were created."""
        for username in self._usernames:
            self._delete("AdminDeleteUser", Username=username)
        for client_id in self._client_ids:
            self._delete("DeleteUserPoolClient", ClientId=client_id)
        self._usernames.clear()
        self._client_ids.clear()

    def _delete(self, operation: str, **identifier: str) -> None:
        with self.api.setup(), suppress(Skipped):
            self.api.call(operation, UserPoolId=self.pool_id, **identifier)

    def _create_pool(self, requirements: PoolRequirements) -> ConformancePool:
        pool = self._once(self._describe, "UserPool")
        policy = pool.get("Policies", {}).get("SignInPolicy", {})
        allowed = policy.get("AllowedFirstAuthFactors", ["PASSWORD"])
        triggers = {"DefineAuthChallenge", "PreAuthentication"} & set(pool.get("LambdaConfig", {}))
        checks = {
            f"MfaConfiguration {requirements.mfa}": (pool.get("MfaConfiguration", "OFF") == requirements.mfa),
            "AllowedFirstAuthFactors": set(requirements.first_factors) <= set(allowed),
            "DeviceConfiguration": bool(pool.get("DeviceConfiguration")) == requirements.devices,
            # The right answer to the challenge of an existing pool is unknown.
            "the suite's own custom challenge": not requirements.custom_auth,
            "no triggers that decide about sign-in": not triggers,
        }
        if missing := [setting for setting, met in checks.items() if not met]:
            raise Skipped(f"the rule needs a pool with {', '.join(missing)}")
        return ConformancePool(self.api, self.pool_id, self.inbox)

    def _create_client(self, pool: ConformancePool, requirements: ClientRequirements) -> ConformanceClient:
        if self.client_id is None:
            created = create_client(pool, requirements)
            self._client_ids.append(created.client_id)
            return created
        client = self._once(self._describe, "UserPoolClient", ClientId=self.client_id)
        secret = client.get("ClientSecret")
        settings = ClientRequirements(
            tuple(sorted(client.get("ExplicitAuthFlows", []))),
            bool(secret),
            client.get("PreventUserExistenceErrors", "LEGACY"),
            client.get("RefreshTokenRotation", {}).get("Feature") == "ENABLED",
        )
        if settings != evolve(requirements, flows=tuple(sorted(requirements.flows))):
            raise Skipped("the rule needs an app client with other settings")
        wrapped = Secret(secret) if isinstance(secret, str) else None
        return ConformanceClient(self.client_id, wrapped)

    def _describe(self, kind: str, **identifier: str) -> dict[str, Any]:
        with self.api.setup():
            reply = self.api.call(f"Describe{kind}", UserPoolId=self.pool_id, **identifier)
        description: dict[str, Any] = reply.setup_value(kind)
        return description
