"""Pool providers: this package's own pools, pools that are created through an API, or a pool that exists already."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import suppress
from io import StringIO
from typing import Any, Final

from attrs import define, evolve, field

from authfsm.base.secret import Secret
from authfsm.conformance.api_client import ApiClient
from authfsm.conformance.pools import (
    CUSTOM_ANSWER,
    RELYING_PARTY,
    ClientRequirements,
    ConformanceClient,
    ConformancePool,
    Inbox,
    PoolProvider,
    PoolRequirements,
    code_in_outbox,
    create_client,
)
from authfsm.conformance.verdicts import Skipped
from authfsm.local.config.pool_configuration import (
    DeviceConfiguration,
    Triggers,
    WebAuthnConfiguration,
)

_HOST: Final = "127.0.0.1"
_SERVER_TIMEOUT: Final = 30.0

_MFA_SETTINGS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "SOFTWARE_TOKEN_MFA": ("SoftwareTokenMfaConfiguration", {"Enabled": True}),
    "SMS_MFA": (
        "SmsMfaConfiguration",
        {"SmsConfiguration": {"SnsCallerArn": "arn:aws:iam::123456789012:role/sms"}},
    ),
    "EMAIL_OTP": ("EmailMfaConfiguration", {"Message": "{####}", "Subject": "A code"}),
}


@define(eq=False)
class EmbeddedPoolProvider(PoolProvider):
    """Creates pools of `authfsm.local`, each with its own server."""

    _servers: list[tuple[Any, threading.Thread]] = field(factory=list, init=False)

    def cleanup(self) -> None:
        """Stop the servers."""
        for server, _ in self._servers:
            server.should_exit = True
        for _, thread in self._servers:
            thread.join(_SERVER_TIMEOUT)
        self._servers.clear()

    def _create_pool(self, requirements: PoolRequirements) -> ConformancePool:
        from authfsm.local.server.access import listen, url_of  # noqa: PLC0415 - an extra
        from authfsm.local.server.config import ServerConfig  # noqa: PLC0415 - the same
        from authfsm.local.server.service import Log, open_service  # noqa: PLC0415 - the same
        from authfsm.local.server.uvicorn_server import PoolServer  # noqa: PLC0415 - the same

        sock = listen(_HOST, 0)
        url = url_of(_HOST, sock)
        pool_id = f"eu-west-1_Conform{len(self._servers)}"
        config = ServerConfig({"pool_id": pool_id, **_embedded_settings(requirements)})
        ready = threading.Event()
        server = PoolServer(open_service(config, url, Log(StringIO())), ready.set)
        thread = threading.Thread(target=server.run, args=([sock],), daemon=True)
        thread.start()
        self._servers.append((server, thread))
        if not ready.wait(_SERVER_TIMEOUT):
            raise Skipped("the embedded pool's server did not start")
        return ConformancePool(ApiClient(url, "eu-west-1"), pool_id, code_in_outbox)


def _embedded_settings(requirements: PoolRequirements) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "mfa": requirements.mfa,
        "mfa_methods": requirements.methods,
        "allowed_first_auth_factors": requirements.first_factors,
        "account_recovery": (requirements.recovery,),
        "device": DeviceConfiguration() if requirements.devices else None,
    }
    if "WEB_AUTHN" in requirements.first_factors:
        settings["webauthn"] = WebAuthnConfiguration(RELYING_PARTY)
    if requirements.custom_auth:
        settings["triggers"] = Triggers(define=_define, create=_create, verify=_verify)
    return settings


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

    def _create_pool(self, requirements: PoolRequirements) -> ConformancePool:
        if requirements.custom_auth:
            raise Skipped("Lambda functions cannot be created through Cognito's API")
        with self.api.setup():
            reply = self.api.call("CreateUserPool", **_pool_request(requirements))
            pool_id = str(reply.setup_value("UserPool", "Id"))
            self._pool_ids.append(pool_id)
            if settings := _mfa_request(requirements):
                self.api.call("SetUserPoolMfaConfig", UserPoolId=pool_id, **settings).setup_value()
        return ConformancePool(self.api, pool_id, self.inbox)


def _pool_request(requirements: PoolRequirements) -> dict[str, Any]:
    mechanism = {"Name": requirements.recovery, "Priority": 1}
    request: dict[str, Any] = {
        "PoolName": "authfsm-conform",
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
            f"MfaConfiguration {requirements.mfa}": (
                pool.get("MfaConfiguration", "OFF") == requirements.mfa
            ),
            "AllowedFirstAuthFactors": set(requirements.first_factors) <= set(allowed),
            "DeviceConfiguration": bool(pool.get("DeviceConfiguration")) == requirements.devices,
            # The right answer to the challenge of an existing pool is unknown.
            "the suite's own custom challenge": not requirements.custom_auth,
            "no triggers that decide about sign-in": not triggers,
        }
        if missing := [setting for setting, met in checks.items() if not met]:
            raise Skipped(f"the rule needs a pool with {', '.join(missing)}")
        return ConformancePool(self.api, self.pool_id, self.inbox)

    def _create_client(
        self, pool: ConformancePool, requirements: ClientRequirements
    ) -> ConformanceClient:
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
