"""A visit to the example site: a real browser, the site on a port of its own, a pool behind a wire that fails."""

from __future__ import annotations

import json
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from apps.site import local
from apps.site.app import FLOWS, Site
from attrs import define, field
from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError
from browser import ARGUMENTS
from conftest import lacking
from joserfc.jwk import RSAKey
from playwright.sync_api import Browser, Page, expect, sync_playwright
from serving import until

from authfsm import State
from authfsm.jwks import Verifier
from authfsm.local import LocalPool, ManualClock, PoolRefusal
from authfsm.observers import Observation
from authfsm.sealing import new_key

WRONG = "000000"


@define
class Wire:
    """What lies between the site and the pool: one request is held, refused or lost, when it is told so.

    Args:
        pool: at its other end.
        fault: what the next request meets: `throttled`, `unsent` or `unheard`; None for nothing.
        delay: seconds that each request takes.
        sent: the operations that reached the pool.
    """

    pool: LocalPool
    fault: str | None = None
    delay: float = 0
    sent: list[str] = field(factory=list)

    def __call__(self, request: AWSPreparedRequest, **_: Any) -> None:
        """Stand in for the network, before the pool's own door."""
        time.sleep(self.delay)
        operation = str(request.headers["X-Amz-Target"], "ascii").rpartition(".")[2]
        fault, self.fault = self.fault, None
        if fault == "unsent":
            raise EndpointConnectionError(endpoint_url=request.url)
        self.sent.append(operation)
        if fault == "unheard":
            self.pool.answer(operation, json.loads(request.body))
            raise ReadTimeoutError(endpoint_url=request.url)

    def client(self) -> Any:
        """A client of the pool over this wire, which sends everything once."""
        client = self.pool.client()
        service = "cognito-identity-provider"
        client.meta.events.register_first(f"before-send.{service}", self)
        client.meta.events.unregister(
            f"needs-retry.{service}", unique_id="retry-config-cognito-identity-provider"
        )
        return client
