"""A worker process of a site with sign-in: `python workers.py NAME THREADS`.

Requests arrive in a Redis list. The worker keeps each in a list of its own until it is answered, so that the
requests of a worker that was killed are known, as a load balancer knows them by the broken connection.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Mapping
from datetime import timedelta
from hashlib import sha256
from typing import Any

import boto3
import redis
from botocore.config import Config
from local_servers import CLIENT_ID, POOL_ID

from authfsm import AuthfsmError, Code, Cognito, Flow
from authfsm.stores import PendingSignIns
from authfsm.stores.redis import RedisStore

REQUESTS, REPLIES, IN_PROGRESS = "requests", "replies", "in progress at "
TURN = timedelta(seconds=1)
MINUTES = 15  # AuthSessionValidity: long enough for a slow machine


def site(client: redis.Redis, url: str, key: str) -> PendingSignIns[Flow]:
    """Return the `PendingSignIns` of the site, which is the same in every worker."""
    there = boto3.session.Session(
        aws_access_key_id="local", aws_secret_access_key="local", region_name="eu-west-1"
    ).client("cognito-idp", endpoint_url=url, config=Config(retries={"total_max_attempts": 1}, max_pool_connections=32))
    lifetime = timedelta(minutes=MINUTES)
    cognito = Cognito(there, client_id=CLIENT_ID, pool_id=POOL_ID, session_lifetime=lifetime)
    return PendingSignIns(cognito, RedisStore(client), key, turn_lifetime=TURN)


def answer_page(pending: PendingSignIns[Flow], request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the outcome of a request: the next state, a token or an error."""
    try:
        if "ticket" not in request:
            flow = pending.cognito.sign_in(request["username"], request["password"])  # type: ignore[attr-defined]  # a Cognito
            return {"outcome": str(flow.state), "ticket": pending.put(flow)}
        with pending.turn(request["ticket"]) as flow:
            flow.answer(Code(request["code"]))
            assert flow.tokens is not None
            token = flow.tokens.access_token.reveal()
            return {"outcome": str(flow.state), "token": sha256(token.encode()).hexdigest()}
    except AuthfsmError as error:
        return {"outcome": str(error.action), "error": type(error).__name__}


def serve_requests(client: redis.Redis, pending: PendingSignIns[Flow], in_progress: str) -> None:
    """Answer requests one after the other."""
    while True:
        item: Any = client.blmove(REQUESTS, in_progress, 1, "LEFT", "RIGHT")
        if item is None:
            continue
        request = json.loads(item)
        try:
            reply = answer_page(pending, request)
        except Exception as error:  # noqa: BLE001 - the page says that the site is at fault
            reply = {"outcome": "fault", "error": repr(error)}
        with client.pipeline() as pipeline:
            pipeline.rpush(REPLIES, json.dumps({"number": request["number"], **reply}))
            pipeline.lrem(in_progress, 1, item)
            pipeline.execute()


def main() -> None:
    """Serve requests until the process is ended."""
    name, threads = sys.argv[1], int(sys.argv[2])
    client = redis.Redis(port=int(os.environ["SITE_REDIS"]), decode_responses=True)
    pending = site(client, os.environ["SITE_COGNITO"], os.environ["SITE_KEY"])
    workers = [
        threading.Thread(target=serve_requests, args=(client, pending, IN_PROGRESS + name)) for _ in range(threads)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


if __name__ == "__main__":
    main()
