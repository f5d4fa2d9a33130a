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

PEOPLE = 100  # `.ci/full` has a thousand
THREADS = 8
WRONG_FIRST = 5  # every fifth person mistypes the first code
TWO_CLICKS = 7  # every seventh clicks twice
AT_MOST = 240.0  # seconds, before whoever has not finished is said to hang


@define
class Person:
    """A person at a browser.

    Args:
        username: their name.
        mistypes: is the next code they give a wrong one?
        two_clicks: do they click twice on the right one?
    """

    username: str
    mistypes: bool
    two_clicks: bool
    ticket: str | None = None
    code: str = ""
    tokens: list[str] = field(factory=list)
    outcomes: list[str] = field(factory=list)
    open: int = 0

    def request(self) -> dict[str, Any]:
        """Return the next request of a person."""
        if self.ticket is None:
            return {"username": self.username, "password": PASSWORD}
        code = f"{(int(self.code) + 1) % 10**6:06}" if self.mistypes else self.code
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
    people: list[Person]
    counts: Counter[str] = field(factory=Counter)
    under_way: dict[int, tuple[Person, dict[str, Any]]] = field(factory=dict)
    _later: list[tuple[float, Person]] = field(factory=list)
    _number: int = 0

    def send(self, person: Person, request: dict[str, Any] | None = None) -> None:
        """Send a request of a person."""
        request = request or person.request()
        self._number += 1
        person.open += 1
        self.under_way[self._number] = person, request
        self.redis.rpush(workers.REQUESTS, json.dumps({"number": self._number, **request}))

    def hear(self) -> None:
        """Receive replies, and react to them."""
        now = time.monotonic()
        due = [person for when, person in self._later if when <= now]
        self._later = [(when, person) for when, person in self._later if when > now]
        for person in due:
            self.send(person)
        popped = self.redis.blpop([workers.REPLIES], 0.05)
        if popped is None:
            return
        reply = json.loads(popped[1])
        person, _ = self.under_way.pop(reply["number"])
        person.open -= 1
        person.outcomes.append(reply["outcome"])
        self.counts[reply["outcome"]] += 1
        assert reply["outcome"] != "fault", reply
        person.ticket = reply.get("ticket", person.ticket)
        if "token" in reply:
            person.tokens.append(reply["token"])
        if person.open == 0:
            self.decide(person)

    def decide(self, person: Person) -> None:
        """React to a reply."""
        outcomes, person.outcomes = person.outcomes, []
        if person.tokens:
            return
        if "TRY_AGAIN" in outcomes:
            person.mistypes = False
            self.send(person)
        elif "START_AGAIN" in outcomes:
            self.counts["people told to start again"] += 1
            person.ticket = None
            self.send(person)
        elif "WAIT" in outcomes:
            self._later.append((time.monotonic() + 0.25, person))
        elif "SMS_MFA" in outcomes and person.code:  # started again, in the middle of it all
            person.code = self.pool.code_for(person.username)
            self.send(person)

    def answer_all(self) -> None:
        """Let everybody send their code, some of them twice."""
        for person in self.people:
            self.send(person)
            if person.two_clicks and not person.mistypes:
                self.send(person)

    def breaks(self, name: str) -> int:
        """Send the requests of a dead worker again."""
        requests = [json.loads(each) for each in self.redis.lrange(workers.IN_PROGRESS + name, 0, -1)]
        for each in requests:
            if each["number"] in self.under_way:
                person, request = self.under_way.pop(each["number"])
                person.open -= 1
                self.send(person, request)
        return len(requests)

    @property
    def finished(self) -> int:
        """Return how many have their tokens."""
        return sum(bool(person.tokens) for person in self.people)


@contextmanager
def worker(name: str, server: RedisServer, pool: ServerProcess, key: str) -> Iterator[Any]:
    """Run a worker until the end of the block."""
    running = subprocess.Popen(
        [sys.executable, workers.__file__, name, str(THREADS)],
        env={**os.environ, "SITE_REDIS": str(server.port), "SITE_COGNITO": pool.url, "SITE_KEY": key},
    )
    try:
        yield running
    finally:
        running.kill()
        running.wait(TIMEOUT)


def kill_in_the_middle(site: Site, name: str, running: Any) -> int:
    """Kill a worker that has pending requests.

    Returns:
        How many it had.
    """

    def caught() -> bool:
        running.send_signal(signal.SIGSTOP)
        if site.redis.llen(workers.IN_PROGRESS + name) > 1:
            return True
        running.send_signal(signal.SIGCONT)
        return False

    wait_until(caught, "a worker with its hands full")
    running.send_signal(signal.SIGKILL)
    assert running.wait(TIMEOUT) == -signal.SIGKILL
    return site.breaks(name)


def test_many_sign_ins_and_a_dead_worker(tmp_path: Path, capfd: Any) -> None:
    """All sign-ins finish once, though a fifth mistype, some click twice, and a worker dies."""
    run_many_clients(tmp_path, capfd, PEOPLE)


def run_many_clients(tmp_path: Path, capfd: Any, number: int) -> None:
    """Let a number of people sign in at once, with mistakes, double clicks and a dead worker."""
    people = [
        Person(f"u{n}", mistypes=n % WRONG_FIRST == 0, two_clicks=n % TWO_CLICKS == 0) for n in range(number)
    ]
    users = [
        {"username": each.username, "password": PASSWORD, "phone_number": f"+1555{n:07}",
         "preferred_mfa": "SMS_MFA"}
        for n, each in enumerate(people)
    ]  # fmt: skip
    config = {
        "mfa": "OPTIONAL",
        "mfa_methods": ["SMS_MFA"],
        "auth_session_validity": workers.MINUTES,
        "users": users,
    }
    key = new_key().reveal()
    with (
        redis_server(tmp_path) as server,
        server.client(decode_responses=True) as client,
        serve_in_process(tmp_path, config) as pool,
        worker("one", server, pool, key) as doomed,
        worker("two", server, pool, key),
    ):
        site, start = Site(client, pool, people), time.monotonic()

        for person in people:
            site.send(person)
        while site.under_way:
            site.hear()
            assert time.monotonic() - start < AT_MOST
        assert site.counts == {"SMS_MFA": number}
        waiting, all_wait = len(client.keys("authfsm:*")), time.monotonic()
        assert waiting == number

        messages = json.loads(pool.ask("GET", "/outbox")[2])["messages"]
        codes = {message["username"]: message["code"] for message in messages}
        for person in people:
            person.code = codes[person.username]
        site.answer_all()
        lost_requests = 0
        while site.finished < number and time.monotonic() - all_wait < AT_MOST:
            site.hear()
            if not lost_requests and site.finished >= number * 0.3:
                lost_requests = kill_in_the_middle(site, "one", doomed)
        while site.under_way and time.monotonic() - all_wait < AT_MOST:
            site.hear()  # the second clicks of those who have finished
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
            f"\n{number} sign-ins, 2 workers, one killed with {lost_requests} requests in its hands:"
            f" {site.finished} finished, {site.counts['people told to start again']} of them told to start again,"
            f" {number - site.finished} hung, {refusals['NotAuthorizedException']} answered twice;"
            f" {site.counts['TRY_AGAIN']} wrong codes, {site.counts['WAIT']} times told to wait,"
            f" {lost_replies} tokens lost with the worker;"
            f" {all_wait - start:.1f} s to begin, {end - all_wait:.1f} s to finish\n"
        )

    assert (site.finished, site.under_way) == (number, {})
    assert {len(person.tokens) for person in people} == {1}
    assert len({token for person in people for token in person.tokens}) == number
    # A session that was answered twice is refused with NotAuthorizedException.
    assert set(refusals) == {"CodeMismatchException"}
    assert 0 <= lost_replies <= lost_requests
    assert site.counts["people told to start again"] <= lost_requests
    assert remaining == []


__all__ = ["Person", "Site", "run_many_clients"]
