"""The providers of pools: they create local pools, or pools through an API, or use a pool that exists already."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from io import StringIO
from typing import Any, Final, ParamSpec, TypeVar

from attrs import define, evolve, field

from authfsm.base.secret import Secret
from authfsm.conformance import pools as p
from authfsm.conformance.api_client import ApiClient
from authfsm.conformance.verdicts import RuleNotPassed, Skipped
from authfsm.local.config.lambda_functions import Triggers

P = ParamSpec("P")
T = TypeVar("T")


def _delete(api: ApiClient, requests: Iterable[tuple[str, dict[str, str]]]) -> list[str]:
    """Send these requests until one gets no reply; return those that failed or were not sent, as text."""
    failed, lost = [], False
    api.deadline = float("inf")  # the last rule's deadline may be over, and each request has a timeout
    for operation, members in requests:
        why = "not tried, because an earlier request got no reply" if lost else None
        try:
            with api.setup():
                reply = None if lost else api.call(operation, **members)
        except Skipped as error:
            why, lost = error.why, True
        else:
            # A rule may have deleted what this request deletes.
            gone = {None, "ResourceNotFoundException", "UserNotFoundException"}
            why = why if reply is None or reply.code in gone else reply.summary
        if why is not None:
            failed.append(f"{operation} {' '.join(members.values())}: {why}")
    return failed


@define(eq=False)
class PoolProvider(ABC):
    """Provides pools and app clients; rules with the same requirements get the same ones."""

    api: ApiClient
    _deletions: list[tuple[str, dict[str, str]]] = field(factory=list, init=False)  # the requests of `cleanup`
    _created: dict[object, object] = field(factory=dict, init=False, repr=False)

    def pool(self, requirements: p.PoolRequirements) -> p.ConformancePool:
        """Return a pool with these settings."""
        return self._once(self._create_pool, requirements)

    def client(self, pool: p.ConformancePool, requirements: p.ClientRequirements) -> p.ConformanceClient:
        """Return an app client of a pool with these settings."""
        pool.api.deadline = float("inf")  # no rule's deadline, because several rules use the app client
        return self._once(self._create_client, pool, requirements)

    def own_pool(self, api: ApiClient, **settings: Any) -> p.ConformancePool:  # noqa: ARG002 - most providers create pools
        """Create a pool for one rule, with these members of CreateUserPool."""
        raise Skipped("the rule needs a pool of its own")

    def new_client(self, pool: p.ConformancePool, requirements: p.ClientRequirements) -> p.ConformanceClient:
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
        client_id = str(reply.setup_value("UserPoolClient", "ClientId"))
        self.delete_later("DeleteUserPoolClient", ClientId=client_id)
        secret = reply.body["UserPoolClient"].get("ClientSecret")
        if requirements.secret != isinstance(secret, str):
            raise Skipped(f"CreateUserPoolClient with GenerateSecret {requirements.secret}: {reply.summary}")
        return p.ConformanceClient(client_id, Secret(secret) if requirements.secret else None)

    def delete_later(self, operation: str, **members: str) -> None:  # noqa: B027 - most providers delete their pools
        """Let `cleanup` delete a part of a pool with this request. Providers that delete whole pools ignore it."""

    def cleanup(self) -> list[str]:
        """Delete everything that was created; return what could not be deleted, each with the reason."""
        requests, self._deletions = self._deletions, []
        return _delete(self.api, requests)

    @abstractmethod
    def _create_pool(self, requirements: p.PoolRequirements) -> p.ConformancePool: ...

    _create_client = new_client

    def _once(self, create: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what the first call with these arguments returned, or raise the `RuleNotPassed` that it raised."""
        key = (create.__name__, args)
        if key not in self._created:
            try:
                self._created[key] = create(*args, **kwargs)
            except RuleNotPassed as error:
                self._created[key] = error
        created: Any = self._created[key]
        if isinstance(created, RuleNotPassed):
            raise type(created)(created.why)
        result: T = created
        return result


_CUSTOM_AUTH_ID: Final = "eu-west-1_CustomAuth"

_MFA_SETTINGS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "SOFTWARE_TOKEN_MFA": ("SoftwareTokenMfaConfiguration", {"Enabled": True}),
    "SMS_MFA": ("SmsMfaConfiguration", {"SmsConfiguration": {"SnsCallerArn": "arn:aws:iam::123456789012:role/sms"}}),
    "EMAIL_OTP": ("EmailMfaConfiguration", {"Message": "{####}", "Subject": "A code"}),
}


def _define(event: dict[str, Any]) -> dict[str, Any]:
    """Issue one CUSTOM_CHALLENGE, which the user can answer once; with SRP_A, issue it after the SRP proof."""
    rounds: list[Mapping[str, Any]] = event["request"]["session"]
    names = [each["challengeName"] for each in rounds]
    response = event["response"]
    response["issueTokens"] = response["failAuthentication"] = False
    if names[-1:] == ["SRP_A"]:
        response["challengeName"] = "PASSWORD_VERIFIER"
    elif "CUSTOM_CHALLENGE" not in names:
        response["challengeName"] = "CUSTOM_CHALLENGE"
    elif rounds[-1]["challengeResult"]:
        response["issueTokens"] = True
    else:
        response["failAuthentication"] = True
    return event


def _create(event: dict[str, Any]) -> dict[str, Any]:
    event["response"]["publicChallengeParameters"] = {"question": "What runs, and has no legs?"}
    event["response"]["privateChallengeParameters"] = {"answer": p.CUSTOM_ANSWER}
    return event


def _verify(event: dict[str, Any]) -> dict[str, Any]:
    request = event["request"]
    expected = request["privateChallengeParameters"]["answer"]
    event["response"]["answerCorrect"] = request["challengeAnswer"] == expected
    return event


@define(eq=False)
class ApiPoolProvider(PoolProvider):
    """Creates pools through the endpoint's API."""

    inbox: p.Inbox | None = None

    def own_pool(self, api: ApiClient, **settings: Any) -> p.ConformancePool:
        """Create a pool, with these members of CreateUserPool."""
        with api.setup():
            reply = api.call("CreateUserPool", **{"PoolName": "authfsm-conform", **settings})
        pool_id = str(reply.setup_value("UserPool", "Id"))
        self._deletions.append(("DeleteUserPool", {"UserPoolId": pool_id}))
        return p.ConformancePool(api, pool_id, self.inbox)

    def _create_pool(self, requirements: p.PoolRequirements) -> p.ConformancePool:
        if requirements.custom_auth:
            raise Skipped("Lambda functions cannot be created through Cognito's API")
        self.api.deadline = float("inf")  # no rule's deadline, because several rules use the pool
        pool = self.own_pool(self.api, **_pool_request(requirements))
        if settings := _mfa_request(requirements):
            with self.api.setup():
                self.api.call("SetUserPoolMfaConfig", UserPoolId=pool.pool_id, **settings).setup_value()
        return pool


@define(eq=False)
class LocalPoolProvider(ApiPoolProvider):
    """Creates pools of `authfsm.local`, behind a server in a thread."""

    api: ApiClient = field(init=False)
    inbox: p.Inbox | None = field(default=p.code_in_outbox, init=False)
    _server: ExitStack | None = field(default=None, init=False)

    def cleanup(self) -> list[str]:
        """Stop the server."""
        if self._server is not None:
            self._server.close()
            self._server = None
        return []

    def _create_pool(self, requirements: p.PoolRequirements) -> p.ConformancePool:
        if self._server is None:
            self._start()
        if requirements.custom_auth:
            return p.ConformancePool(self.api, _CUSTOM_AUTH_ID, self.inbox)
        return super()._create_pool(requirements)

    def _start(self) -> None:
        from authfsm.local.server.config import ServerConfig  # noqa: PLC0415 - slow to load
        from authfsm.local.server.http_server import listen, serve_in_thread  # noqa: PLC0415 - slow to load
        from authfsm.local.server.service import Log, open_service  # noqa: PLC0415 - slow to load

        sock, url = listen("127.0.0.1", 0)
        triggers = Triggers(define=_define, create=_create, verify=_verify)
        config = ServerConfig({"pool_id": _CUSTOM_AUTH_ID, "triggers": triggers})
        self.api, self._server = ApiClient(url, "eu-west-1"), ExitStack()
        self._server.enter_context(serve_in_thread(open_service(config, url, Log(StringIO())), sock))


def _pool_request(requirements: p.PoolRequirements) -> dict[str, Any]:
    # Cognito sends no MFA code over the channel that recovers the account, so pools with MFA recover by admin_only.
    mechanism = {"Name": "verified_email" if requirements.mfa == "OFF" else "admin_only", "Priority": 1}
    request: dict[str, Any] = {
        "AutoVerifiedAttributes": ["email"],
        "AccountRecoverySetting": {"RecoveryMechanisms": [mechanism]},
    }
    if requirements.devices:
        switches = ("ChallengeRequiredOnNewDevice", "DeviceOnlyRememberedOnUserPrompt")
        request["DeviceConfiguration"] = dict.fromkeys(switches, False)
    if requirements.first_factors != ("PASSWORD",):
        request["Policies"] = {"SignInPolicy": {"AllowedFirstAuthFactors": list(requirements.first_factors)}}
        request["UserPoolTier"] = "ESSENTIALS"
    return request


def _mfa_request(requirements: p.PoolRequirements) -> dict[str, Any]:
    """Return the settings for SetUserPoolMfaConfig; empty if the pool needs none."""
    request: dict[str, Any] = {"MfaConfiguration": requirements.mfa}
    if requirements.mfa != "OFF":
        request |= dict(_MFA_SETTINGS[each] for each in requirements.methods)
    if "WEB_AUTHN" in requirements.first_factors:
        request["WebAuthnConfiguration"] = {"RelyingPartyId": p.RELYING_PARTY, "UserVerification": "preferred"}
    return {} if request == {"MfaConfiguration": "OFF"} else request


@define(eq=False)
class ExistingPoolProvider(PoolProvider):
    """Provides one existing pool, for the rules whose requirements it meets."""

    pool_id: str
    client_id: str | None = None  # if it is None, app clients are created through the API
    inbox: p.Inbox | None = None

    def delete_later(self, operation: str, **members: str) -> None:
        """Let `cleanup` send this request."""
        self._deletions.append((operation, {"UserPoolId": self.pool_id, **members}))

    def _create_pool(self, requirements: p.PoolRequirements) -> p.ConformancePool:
        self.api.deadline = float("inf")  # no rule's deadline, because all rules use the pool
        pool = self._once(self._describe, "UserPool")
        policy = pool.get("Policies", {}).get("SignInPolicy", {})
        allowed = policy.get("AllowedFirstAuthFactors", ["PASSWORD"])
        lambdas = pool.get("LambdaConfig", {}).keys()
        recovery = pool.get("AccountRecoverySetting", {}).get("RecoveryMechanisms", [])
        schema = pool.get("SchemaAttributes", [])
        required = {each["Name"] for each in schema if each.get("Required")} - {"sub", "email"}
        fixed = {each["Name"] for each in schema if not each.get("Mutable", True)}
        client = self._once(self._describe, "UserPoolClient", ClientId=self.client_id) if self.client_id else {}
        standard = {"email", "email_verified", "phone_number"}  # readable and writable by default
        readable, writable = (set(client.get(f"{each}Attributes", standard)) for each in ("Read", "Write"))
        closed = "email" not in writable or pool.get("AdminCreateUserConfig", {}).get("AllowAdminCreateUserOnly")
        lacks = {
            p.SELF_SIGN_UP: closed or required or not lambdas.isdisjoint({"PreSignUp", "PostConfirmation"}),
            p.RECOVERY: "admin_only" in {each["Name"] for each in recovery},
            p.NO_REQUIRED_ATTRIBUTES: required,
            p.UPDATES_AT_ONCE: any(pool.get("UserAttributeUpdateSettings", {}).values()),
            p.PHONE_NUMBERS: "phone_number" not in writable - required - fixed,
            p.READABLE_EMAIL: not {"email", "email_verified"} <= readable,
            p.NO_MIGRATION: "UserMigration" in lambdas,
            p.PLAIN_TOKENS: not lambdas.isdisjoint({"PreTokenGeneration", "PreTokenGenerationConfig"}),
        }
        checks = {
            f"MfaConfiguration {requirements.mfa}": (pool.get("MfaConfiguration", "OFF") == requirements.mfa),
            f"AllowedFirstAuthFactors {' and '.join(requirements.first_factors)}": set(requirements.first_factors) <= set(allowed),
            f"{'a' if requirements.devices else 'no'} DeviceConfiguration": bool(pool.get("DeviceConfiguration")) == requirements.devices,
            # The suite does not know the right answers to the custom challenges of an existing pool.
            "the suite's own custom challenge": not requirements.custom_auth,
            "no Lambda trigger DefineAuthChallenge or PreAuthentication":
                lambdas.isdisjoint({"DefineAuthChallenge", "PreAuthentication"}),
            "no AliasAttributes": not pool.get("AliasAttributes"),
            "no UsernameAttributes but email": set(pool.get("UsernameAttributes", [])) <= {"email"},
        }  # fmt: skip
        if missing := [setting for setting, met in checks.items() if not met]:
            raise Skipped(f"the rule needs a pool with {', '.join(missing)}")
        return p.ConformancePool(self.api, self.pool_id, self.inbox, frozenset(each for each in lacks if lacks[each]))

    def _create_client(self, pool: p.ConformancePool, requirements: p.ClientRequirements) -> p.ConformanceClient:
        if self.client_id is None:
            return self.new_client(pool, requirements)
        client = self._once(self._describe, "UserPoolClient", ClientId=self.client_id)
        secret = client.get("ClientSecret")
        settings = p.ClientRequirements(
            tuple(sorted(client.get("ExplicitAuthFlows", []))), bool(secret), client.get("PreventUserExistenceErrors", "LEGACY"),
            client.get("RefreshTokenRotation", {}).get("Feature") == "ENABLED",
        )  # fmt: skip
        if settings != evolve(requirements, flows=tuple(sorted(requirements.flows))):
            raise Skipped("the rule needs an app client with other settings")
        return p.ConformanceClient(self.client_id, Secret(secret) if isinstance(secret, str) else None)

    def _describe(self, kind: str, **identifier: str) -> dict[str, Any]:
        with self.api.setup():
            reply = self.api.call(f"Describe{kind}", UserPoolId=self.pool_id, **identifier)
        description: dict[str, Any] = reply.setup_value(kind)
        return description
