"""The workshop of this package's own pool: one `authfsm serve` for each pool that is wanted, in this process, over HTTP."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from io import StringIO
from typing import Any, Final

from attrs import define, field

from authfsm.conformance.api_client import ApiClient
from authfsm.conformance.pools import (
    RIDDLE,
    RP_ID,
    ClientRequirements,
    ConformanceClient,
    ConformancePool,
    Lending,
    OutboxInbox,
    PoolRequirements,
    app_by_api,
    recovery,
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
_PATIENCE: Final = 30.0


@define(eq=False)
class EmbeddedPoolProvider:
    """Pools of `authfsm.local`, each with a server of its own."""

    conversations: list[ApiClient] = field(factory=list, init=False)
    _pools: Lending = field(init=False)
    _apps: Lending = field(init=False)
    _running: list[tuple[PoolServer, threading.Thread]] = field(factory=list, init=False)

    def __attrs_post_init__(self) -> None:
        self._pools, self._apps = Lending(self._serve), Lending(app_by_api)

    def pool(self, wanted: PoolRequirements) -> ConformancePool:
        """A pool like that."""
        pool: ConformancePool = self._pools(wanted)
        return pool

    def app(self, pool: ConformancePool, wanted: ClientRequirements) -> ConformanceClient:
        """An app client like that."""
        app: ConformanceClient = self._apps(pool, wanted)
        return app

    def keep(self, pool: ConformancePool, username: str) -> None:
        """People go with their pool."""

    def tidy(self) -> None:
        """End the servers."""
        for server, _ in self._running:
            server.should_exit = True
        for _, thread in self._running:
            thread.join(_PATIENCE)
        self._running.clear()

    def _serve(self, wanted: PoolRequirements) -> ConformancePool:
        number = len(self._running)
        sock = listen(_HOST, 0)
        url = url_of(_HOST, sock)
        pool_id = f"eu-west-1_Conform{number}"
        service = open_service(
            ServerConfig({"pool_id": pool_id, **_settings(wanted)}), url, Log(StringIO())
        )
        ready = threading.Event()
        server = PoolServer(service, ready.set)
        thread = threading.Thread(target=server.run, args=([sock],), daemon=True)
        thread.start()
        self._running.append((server, thread))
        if not ready.wait(_PATIENCE):
            raise Skipped("the server did not start")
        conversation = ApiClient(url, "eu-west-1")
        self.conversations.append(conversation)
        return ConformancePool(conversation, pool_id, OutboxInbox())


def _settings(wanted: PoolRequirements) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "mfa": wanted.mfa,
        "mfa_methods": wanted.methods,
        "allowed_first_auth_factors": wanted.first_factors,
        "account_recovery": (recovery(wanted),),
        "device": DeviceConfiguration() if wanted.devices else None,
    }
    if "WEB_AUTHN" in wanted.first_factors:
        settings["webauthn"] = WebAuthnConfiguration(RP_ID)
    if wanted.riddle:
        settings["triggers"] = Triggers(define=_define, create=_create, verify=_verify)
    return settings


def _define(event: dict[str, Any]) -> None:
    """One riddle, after the proof by SRP if that was begun; one try."""
    walked: list[Mapping[str, Any]] = event["request"]["session"]
    names = [each["challengeName"] for each in walked]
    answer = event["response"]
    answer["issueTokens"] = answer["failAuthentication"] = False
    if names[-1:] == ["SRP_A"]:
        answer["challengeName"] = "PASSWORD_VERIFIER"
    elif "CUSTOM_CHALLENGE" not in names:
        answer["challengeName"] = "CUSTOM_CHALLENGE"
    elif walked[-1]["challengeResult"]:
        answer["issueTokens"] = True
    else:
        answer["failAuthentication"] = True


def _create(event: dict[str, Any]) -> None:
    event["response"]["publicChallengeParameters"] = {"riddle": "What runs, and has no legs?"}
    event["response"]["privateChallengeParameters"] = {"answer": RIDDLE}


def _verify(event: dict[str, Any]) -> None:
    request = event["request"]
    right = request["privateChallengeParameters"]["answer"]
    event["response"]["answerCorrect"] = request["challengeAnswer"] == right
