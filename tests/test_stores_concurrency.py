"""Many sign-ins wait in Redis for two workers, one of which is killed: all finish, each once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import workers
from attrs import define, field
from local_servers import PASSWORD, TIMEOUT, ServerProcess, serve_in_process, wait_until
from redis_server import RedisServer, redis_server

from authfsm.core.encryption import new_key

USERS = 100  # `.ci/full` has a thousand
THREADS = 8
WRONG_CODE_EVERY = 5  # every fifth user enters a wrong code first
DOUBLE_CLICK_EVERY = 7  # every seventh user clicks twice
TIME_LIMIT = 240.0  # seconds, after which unfinished sign-ins count as hanging


@define
class User:
    """A user with a browser.

    Args:
        username: the user name.
        wrong_code: whether the next code is wrong.
        double_click: whether the right code is sent twice.
    """

    username: str
    wrong_code: bool
    double_click: bool
    ticket: str | None = None
    code: str = ""
    tokens: list[str] = field(factory=list)
    outcomes: list[str] = field(factory=list)
    open_requests: int = 0

    def request(self) -> dict[str, Any]:
        """Return the next request of the user."""
        if self.ticket is None:
            return {"username": self.username, "password": PASSWORD}
        code = f"{(int(self.code) + 1) % 10**6:06}" if self.wrong_code else self.code
        return {"ticket": self.ticket, "code": code}


@define
class Site:
    """A load balancer, and all its users.

    Args:
        redis: the Redis with the lists of requests.
        pool: the pool.
    """

    redis: Any
    pool: ServerProcess
    users: list[User]
    counts: Counter[str] = field(factory=Counter)
    in_progress: dict[int, tuple[User, dict[str, Any]]] = field(factory=dict)
    _retries: list[tuple[float, User]] = field(factory=list)
    _number: int = 0

    def send(self, user: User, request: dict[str, Any] | None = None) -> None:
        """Send a request of a user."""
        request = request or user.request()
        self._number += 1
        user.open_requests += 1
        self.in_progress[self._number] = user, request
        self.redis.rpush(workers.REQUESTS, json.dumps({"number": self._number, **request}))

    def receive_replies(self) -> None:
        """Receive a reply, and send the next request of its user."""
        now = time.monotonic()
        due = [user for when, user in self._retries if when <= now]
        self._retries = [(when, user) for when, user in self._retries if when > now]
        for user in due:
            self.send(user)
        popped = self.redis.blpop([workers.REPLIES], 0.05)
        if popped is None:
            return
        reply = json.loads(popped[1])
        user, _ = self.in_progress.pop(reply["number"])
        user.open_requests -= 1
        user.outcomes.append(reply["outcome"])
        self.counts[reply["outcome"]] += 1
        assert reply["outcome"] != "fault", reply
        user.ticket = reply.get("ticket", user.ticket)
        if "token" in reply:
            user.tokens.append(reply["token"])
        if user.open_requests == 0:
            self.continue_sign_in(user)

    def continue_sign_in(self, user: User) -> None:
        """Send the next request of a user after a reply."""
        outcomes, user.outcomes = user.outcomes, []
        if user.tokens:
            return
        if "TRY_AGAIN" in outcomes:
            user.wrong_code = False
            self.send(user)
        elif "START_AGAIN" in outcomes:
            self.counts["users who start again"] += 1
            user.ticket = None
            self.send(user)
        elif "WAIT" in outcomes:
            self._retries.append((time.monotonic() + 0.25, user))
        elif "SMS_MFA" in outcomes and user.code:  # a sign-in that was started again
            user.code = self.pool.code_for(user.username)
            self.send(user)

    def answer_all(self) -> None:
        """Send every user's code, some of them twice."""
        for user in self.users:
            self.send(user)
            if user.double_click and not user.wrong_code:
                self.send(user)

    def resend_requests_of(self, name: str) -> int:
        """Send the requests of a dead worker again."""
        requests = [json.loads(each) for each in self.redis.lrange(workers.IN_PROGRESS + name, 0, -1)]
        for each in requests:
            if each["number"] in self.in_progress:
                user, request = self.in_progress.pop(each["number"])
                user.open_requests -= 1
                self.send(user, request)
        return len(requests)

    @property
    def finished(self) -> int:
        """Return how many have their tokens."""
        return sum(bool(user.tokens) for user in self.users)


@contextmanager
def worker(name: str, server: RedisServer, pool: ServerProcess, key: str) -> Iterator[Any]:
    """Run a worker until the end of the block."""
    process = subprocess.Popen(
        [sys.executable, workers.__file__, name, str(THREADS)],
        env={**os.environ, "SITE_REDIS": str(server.port), "SITE_COGNITO": pool.url, "SITE_KEY": key},
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait(TIMEOUT)


def kill_with_requests(site: Site, name: str, process: Any) -> int:
    """Kill a worker that has pending requests.

    Returns:
        How many it had.
    """

    def stopped_with_requests() -> bool:
        process.send_signal(signal.SIGSTOP)
        if site.redis.llen(workers.IN_PROGRESS + name) > 1:
            return True
        process.send_signal(signal.SIGCONT)
        return False

    wait_until(stopped_with_requests, "a worker with requests")
    process.send_signal(signal.SIGKILL)
    assert process.wait(TIMEOUT) == -signal.SIGKILL
    return site.resend_requests_of(name)


def test_many_sign_ins_and_a_dead_worker(tmp_path: Path, capfd: Any) -> None:
    """All sign-ins finish once, although a fifth enter a wrong code, some click twice, and a worker is killed."""
    run_many_clients(tmp_path, capfd, USERS)


def run_many_clients(tmp_path: Path, capfd: Any, number: int) -> None:
    """Sign in a number of users at once, with wrong codes, double clicks and a worker that is killed."""
    users = [
        User(f"u{n}", wrong_code=n % WRONG_CODE_EVERY == 0, double_click=n % DOUBLE_CLICK_EVERY == 0)
        for n in range(number)
    ]
    accounts = [
        {"username": each.username, "password": PASSWORD, "phone_number": f"+1555{n:07}",
         "preferred_mfa": "SMS_MFA"}
        for n, each in enumerate(users)
    ]  # fmt: skip
    config = {
        "mfa": "OPTIONAL",
        "mfa_methods": ["SMS_MFA"],
        "auth_session_validity": workers.MINUTES,
        "users": accounts,
    }
    key = new_key().reveal()
    with (
        redis_server(tmp_path) as server,
        server.client(decode_responses=True) as client,
        serve_in_process(tmp_path, config) as pool,
        worker("one", server, pool, key) as doomed,
        worker("two", server, pool, key),
    ):
        site, start = Site(client, pool, users), time.monotonic()

        for user in users:
            site.send(user)
        while site.in_progress:
            site.receive_replies()
            assert time.monotonic() - start < TIME_LIMIT
        assert site.counts == {"SMS_MFA": number}
        waiting, all_waiting_at = len(client.keys("authfsm:*")), time.monotonic()
        assert waiting == number

        messages = json.loads(pool.ask("GET", "/outbox")[2])["messages"]
        codes = {message["username"]: message["code"] for message in messages}
        for user in users:
            user.code = codes[user.username]
        site.answer_all()
        lost_requests = 0
        while site.finished < number and time.monotonic() - all_waiting_at < TIME_LIMIT:
            site.receive_replies()
            if not lost_requests and site.finished >= number * 0.3:
                lost_requests = kill_with_requests(site, "one", doomed)
        while site.in_progress and time.monotonic() - all_waiting_at < TIME_LIMIT:
            site.receive_replies()  # the second requests of users who have finished
        end = time.monotonic()
        remaining = [client.get(each) for each in client.keys("authfsm:*")]
        assert pool.end() == 0
        log = [json.loads(line) for line in pool.log]

    exchanges = [line for line in log if line["event"] == "request"]
    refusals = Counter(line["error"] for line in exchanges if "error" in line)
    issued = sum(line.get("leads_to") == "AUTHENTICATED" for line in exchanges)
    lost_replies = issued - site.finished
    with capfd.disabled():
        sys.stderr.write(
            f"\n{number} sign-ins, 2 workers, one killed during {lost_requests} requests:"
            f" {site.finished} finished, {site.counts['users who start again']} of them after a new start,"
            f" {number - site.finished} hung, {refusals['NotAuthorizedException']} answered twice;"
            f" {site.counts['TRY_AGAIN']} wrong codes, {site.counts['WAIT']} times WAIT,"
            f" {lost_replies} tokens lost with the worker;"
            f" {all_waiting_at - start:.1f} s to begin, {end - all_waiting_at:.1f} s to finish\n"
        )

    assert (site.finished, site.in_progress) == (number, {})
    assert {len(user.tokens) for user in users} == {1}
    assert len({token for user in users for token in user.tokens}) == number
    # A session that was answered twice is refused with NotAuthorizedException.
    assert set(refusals) == {"CodeMismatchException"}
    assert 0 <= lost_replies <= lost_requests
    assert site.counts["users who start again"] <= lost_requests
    assert remaining == []


__all__ = ["Site", "User", "run_many_clients"]
