"""The pool provider of this package's own pool: each pool is served over HTTP by a server in this process."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from io import StringIO
from typing import Any, Final

from attrs import define, field

from authfsm.conformance.api_client import ApiClient
from authfsm.conformance.pools import (
    CUSTOM_ANSWER,
    RELYING_PARTY,
    ConformancePool,
    OutboxInbox,
    PoolProvider,
    PoolRequirements,
)
from authfsm.conformance.verdicts import Skipped
from authfsm.local.config.pool_configuration import (
    DeviceConfiguration,
    Triggers,
    WebAuthnConfiguration,
)
from authfsm.local.server.access import listen, url_of
from authfsm.local.server.config import ServerConfig
from authfsm.local.server.service import Log, open_service
from authfsm.local.server.uvicorn_server import PoolServer

_HOST: Final = "127.0.0.1"
_TIMEOUT: Final = 30.0


@define(eq=False)
class EmbeddedPoolProvider(PoolProvider):
    """Creates pools of `authfsm.local`, each with its own server."""

    _servers: list[tuple[PoolServer, threading.Thread]] = field(factory=list, init=False)

    def cleanup(self) -> None:
        """Stop the servers."""
        for server, _ in self._servers:
            server.should_exit = True
        for _, thread in self._servers:
            thread.join(_TIMEOUT)
        self._servers.clear()

    def _create_pool(self, requirements: PoolRequirements) -> ConformancePool:
        sock = listen(_HOST, 0)
        url = url_of(_HOST, sock)
        pool_id = f"eu-west-1_Conform{len(self._servers)}"
        config = ServerConfig({"pool_id": pool_id, **_settings(requirements)})
        ready = threading.Event()
        server = PoolServer(open_service(config, url, Log(StringIO())), ready.set)
        thread = threading.Thread(target=server.run, args=([sock],), daemon=True)
        thread.start()
        self._servers.append((server, thread))
        if not ready.wait(_TIMEOUT):
            raise Skipped("the embedded pool's server did not start")
        return ConformancePool(ApiClient(url, "eu-west-1"), pool_id, OutboxInbox())


def _settings(requirements: PoolRequirements) -> dict[str, Any]:
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
