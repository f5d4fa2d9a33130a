"""Writes logs like CloudTrail's from real exchanges with the local pool: multiplied, mixed, with planted errors.

Every exchange is what a real client and the pool said to each other; only then is it put into CloudTrail's
shape, with its redactions. An error is planted by taking away, repeating or rewording events of such a
conversation, and is known by the id of the one event that is illegal.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final, TextIO
from uuid import UUID

from attrs import define, field, frozen
from joserfc.jwk import RSAKey
from scenario_user import (
    PASSWORD,
    USER,
    Scenario,
    ScenarioUser,
    begins,
    goes_on,
    refused,
    remembers,
)
from scenarios import SCENARIOS
from situations import FACTORS, SWITCHED_ON, TOTP_ONLY, WRONG

from authfsm.local import DeviceConfiguration
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.protocol import responses as r
from authfsm.protocol.states import State

Event = dict[str, Any]

TODAY: Final = "HIDDEN_DUE_TO_SECURITY_REASONS"
ONCE: Final = "HIDDEN_FOR_SECURITY_REASONS"
AGENTS: Final = (
    "Boto3/1.37.1 md/Botocore#1.37.1 ua/2.1 os/linux md/arch#x86_64 lang/python#3.12.3",
    "aws-amplify/6.15.5 auth/4 framework/1",
    "amplify-swift/2.45.0 lang/swift OS/iOS/18.1",
)
_BY_A_PROGRAM: Final = frozenset(
    {"PASSWORD_VERIFIER", "DEVICE_SRP_AUTH", "DEVICE_PASSWORD_VERIFIER", "MFA_SETUP", "PASSWORD_SRP"}
)  # fmt: skip
_SECRET: Final = {
    "session", "challengeResponses", "authParameters", "challengeParameters", "accessToken", "refreshToken",
    "idToken", "password", "secretCode", "userCode", "token", "clientSecret", "proposedPassword", "secretHash",
    "deviceSecretVerifierConfig", "credential", "confirmationCode", "username", "userAttributes", "friendlyDeviceName",
}  # fmt: skip


@frozen
class Exchange:
    """One request to the pool and its reply.

    Args:
        operation: as `InitiateAuth`.
        request: its members.
        reply: the reply's members; none of a refusal.
        refused: the refusal's code and message.
        known: does the pool know a user whom the request is about?
        at: seconds since the conversation began, by the pool's clock.
    """

    operation: str
    request: Mapping[str, Any]
    reply: Mapping[str, Any] | None
    refused: tuple[str, str] | None
    known: bool
    at: float


@frozen
class Conversation:
    """What was said in one scenario, as events of CloudTrail's, with the seconds at which they came.

    Args:
        name: the scenario's.
        events: in their order; ids, users, addresses and times are still to be filled in.
        at: the seconds of each, by the pool's clock.
        planted: the number of the event that is illegal, if an error is planted.
    """

    name: str
    events: tuple[Event, ...]
    at: tuple[float, ...]
    planted: int | None = None

    @property
    def sign_ins(self) -> int:
        """How many attempts begin in it."""
        return sum(
            each["eventName"] in {"InitiateAuth", "AdminInitiateAuth", "GetTokensFromRefreshToken"}
            for each in self.events
        )


def listened(scenario_user: ScenarioUser) -> list[Exchange]:
    """Whatever is said to a scenario_user's pool from now on."""
    heard: list[Exchange] = []
    pool, begun = scenario_user.pool, scenario_user.clock()
    answer = pool.answer

    def listening(operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        fields = {**request.get("AuthParameters", {}), **request.get("ChallengeResponses", {})}
        name = fields.get("USERNAME", request.get("Username", "ada"))
        at = (scenario_user.clock() - begun).total_seconds()
        try:
            reply = answer(operation, request)
        except PoolRefusal as refusal:
            code, known = (refusal.code, refusal.message), _known(scenario_user, name)
            heard.append(Exchange(operation, request, None, code, known, at))
            raise
        heard.append(Exchange(operation, request, reply, None, _known(scenario_user, name), at))
        return reply

    pool.answer = listening  # type: ignore[method-assign]  # a person at the keyhole: all that is said is as it was
    return heard


def _known(scenario_user: ScenarioUser, name: str) -> bool:
    try:
        scenario_user.pool.user(name)
    except LookupError:
        return False
    return True


def conversation(scenario: Scenario, signing_key: RSAKey) -> Conversation:
    """Play a scenario, and return its events."""
    scenario_user = ScenarioUser(signing_key, scenario.pool, scenario.user)
    heard = listened(scenario_user)
    for move in scenario.moves:
        move(scenario_user)
    return Conversation(
        scenario.name, tuple(event(each) for each in heard), tuple(each.at for each in heard)
    )


def conversations(signing_key: RSAKey) -> tuple[Conversation, ...]:
    """Every scenario's."""
    return tuple(conversation(each, signing_key) for each in SCENARIOS)


# ---- CloudTrail's shape -----------------------------------------------------------------------------------


def _lower(name: str) -> str:
    return name[:1].lower() + name[1:]


def _logged(members: Mapping[str, Any]) -> Event:
    """Return members as CloudTrail names them, with secrets redacted: each value of a result, whole maps elsewhere."""
    told: Event = {}
    for name, value in members.items():
        key = _lower(name)
        if key in _SECRET:
            told[key] = TODAY
        elif isinstance(value, Mapping):
            told[key] = _logged(value)
        elif not isinstance(value, (bytes, datetime)):
            told[key] = value
    return told


def event(said: Exchange) -> Event:
    """Return an exchange as CloudTrail logs it."""
    told: Event = {
        "eventVersion": "1.10",
        "userIdentity": {"type": "Unknown", "principalId": "Anonymous"},
        "eventTime": "@TIME@",
        "eventSource": "cognito-idp.amazonaws.com",
        "eventName": said.operation,
        "awsRegion": "eu-west-1",
        "sourceIPAddress": "@ADDRESS@",
        "userAgent": "@AGENT@",
        "requestParameters": _logged(said.request),
        "responseElements": None if said.reply is None else _response(said),
        "requestID": "@REQUEST@",
        "eventID": "@ID@",
        "readOnly": False,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": "123456789012",
        "eventCategory": "Management",
    }
    if said.known:
        told["additionalEventData"] = {"sub": "@SUB@"}
    if said.refused is not None:
        told["errorCode"], told["errorMessage"] = said.refused
    return told


def _response(said: Exchange) -> Event | None:
    told = _logged({k: v for k, v in (said.reply or {}).items() if k != "AvailableChallenges"})
    return told or None


# ---- what most people do -----------------------------------------------------------------------------------

_WITH: Final = {"pool": {"mfa": "OPTIONAL"}, "user": FACTORS}
_SRP: Final = (begins(r.UserSrpAuth, USER), goes_on)
USUAL: Final[Mapping[str, tuple[int, Scenario]]] = {
    # name: how many in a hundred, and what happens
    each.name: (share, each)
    for share, each in (
        (30, Scenario("SRP", _SRP, State.AUTHENTICATED)),
        (24, Scenario("PASSWORD", (begins(r.UserPasswordAuth, USER, PASSWORD),), State.AUTHENTICATED)),
        (12, Scenario("SMS", (SWITCHED_ON[State.SMS_MFA], *_SRP), State.AUTHENTICATED, **_WITH)),
        (8, Scenario("TOTP", (SWITCHED_ON[State.SOFTWARE_TOKEN_MFA], *_SRP), State.AUTHENTICATED, **_WITH)),
        (4, Scenario("EMAIL", (SWITCHED_ON[State.EMAIL_OTP], *_SRP), State.AUTHENTICATED, **_WITH)),
        (2, Scenario("TOTP set up", _SRP, State.AUTHENTICATED, TOTP_ONLY)),
        (2, Scenario("DEVICE", (remembers, *_SRP), State.AUTHENTICATED, {"device": DeviceConfiguration()})),
        (4, Scenario("FAILED", (refused(begins(r.UserPasswordAuth, USER, WRONG)),), State.FAILED)),
        (4, Scenario("LEFT", (SWITCHED_ON[State.SMS_MFA], begins(r.UserPasswordAuth, USER, PASSWORD)), State.SMS_MFA, **_WITH)),
    )
}  # fmt: skip
"""The everyday; the rest of a hundred is every scenario of `tests/scenarios.py` in turn."""


# ---- planted errors ---------------------------------------------------------------------------------------


def _named(event: Event) -> str | None:
    return (event["requestParameters"] or {}).get("challengeName")


def _asks(event: Event) -> str | None:
    return (event["responseElements"] or {}).get("challengeName")


TOKENS: Final = {
    "challengeParameters": TODAY,
    "authenticationResult": {
        "accessToken": TODAY, "expiresIn": 3600, "tokenType": "Bearer", "refreshToken": TODAY, "idToken": TODAY,
    },
}  # fmt: skip


def _with_tokens(event: Event) -> None:
    event["responseElements"] = copy.deepcopy(TOKENS)
    for each in ("errorCode", "errorMessage"):
        event.pop(each, None)


def _at(events: Sequence[Event], asks: str) -> int:
    """Return the position of the event with this challenge."""
    return next(n for n, each in enumerate(events) if _asks(each) == asks)


def _jumped(events: list[Event]) -> int:
    """MFA_SETUP is answered although no app was associated or verified."""
    events[:] = [each for each in events if "SoftwareToken" not in each["eventName"]]
    return _at(events, "MFA_SETUP") + 1


def _not_asked(events: list[Event]) -> int:
    """The challenge is SOFTWARE_TOKEN_MFA, but SMS_MFA is answered."""
    number = _at(events, "SMS_MFA")
    events[number]["responseElements"]["challengeName"] = "SOFTWARE_TOKEN_MFA"
    return number + 1


def _no_factor(events: list[Event]) -> int:
    """USER_SRP_AUTH is answered with tokens."""
    del events[1:]
    _with_tokens(events[0])
    return 0


def _again(events: list[Event]) -> int:
    """The last answer is sent again with its used session."""
    events.append(copy.deepcopy(events[-1]))
    return len(events) - 1


def _off_the_table(events: list[Event]) -> int:
    """NEW_PASSWORD_REQUIRED comes after the second factor."""
    events[-1]["responseElements"] = {
        "challengeName": "NEW_PASSWORD_REQUIRED",
        "session": TODAY,
        "challengeParameters": TODAY,
    }
    return len(events) - 1


def _no_proof(events: list[Event]) -> int:
    """The challenge is PASSWORD_VERIFIER, but the second factor is answered."""
    number = next(n for n, each in enumerate(events) if _named(each) == "PASSWORD_VERIFIER")
    del events[number]
    return number


def _half_a_device(events: list[Event]) -> int:
    """DEVICE_PASSWORD_VERIFIER is answered without DEVICE_SRP_AUTH."""
    number = next(n for n, each in enumerate(events) if _named(each) == "DEVICE_SRP_AUTH")
    del events[number]
    return number


def _after_the_end(events: list[Event]) -> int:
    """The attempt failed, but goes on to tokens."""
    events.append(copy.deepcopy(events[-1]))
    wrong = events[-2]
    wrong["responseElements"] = None
    wrong["errorCode"] = "NotAuthorizedException"
    wrong["errorMessage"] = "Incorrect username or password."
    return len(events) - 1


def _left_second(events: list[Event]) -> int:
    """SELECT_CHALLENGE is sent at EMAIL_OTP as a second factor."""
    events[-1]["requestParameters"]["challengeName"] = "SELECT_CHALLENGE"
    return len(events) - 1


PLANTS: Final[tuple[tuple[str, str, Callable[[list[Event]], int]], ...]] = (
    # what is wrong, the scenario it is planted in, how
    ("MFA_SETUP jumped", "TOTP set up", _jumped),
    ("a challenge answered that was never asked", "SMS", _not_asked),
    ("tokens without a factor", "SRP", _no_factor),
    ("a session used again", "SMS", _again),
    ("a new password after the second factor", "SMS", _off_the_table),
    ("the password never proved", "SMS", _no_proof),
    ("half a proof of the device", "DEVICE", _half_a_device),
    ("on after the end", "SRP", _after_the_end),
    ("a second factor left for a first", "EMAIL", _left_second),
)


def planted(usual: Mapping[str, Conversation]) -> tuple[Conversation, ...]:
    """Return a conversation for each planted error."""
    found = []
    for what, where, how in PLANTS:
        events = [
            copy.deepcopy(each)
            for each in usual[where].events
            if not each["eventName"].startswith("AdminSet")
        ]
        number = how(events)
        found.append(Conversation(what, tuple(events), (0.0,) * len(events), number))
    return tuple(found)


# ---- many of them ----------------------------------------------------------------------------------------


_SLOTS: Final = ("@TIME@", "@ADDRESS@", "@AGENT@", "@REQUEST@", "@ID@", "@SUB@")


@frozen
class Printed:
    """An event as text, split where values are filled in.

    Args:
        pieces: the text between.
        slots: what goes there, by its number in `_SLOTS`.
        wait: at least and at most so many seconds after the event before.
    """

    pieces: tuple[str, ...]
    slots: tuple[int, ...]
    wait: tuple[float, float]

    @classmethod
    def of(cls, event: Event, wait: tuple[float, float]) -> Printed:
        """Return an event as text, split at its slots."""
        text = json.dumps(event, separators=(",", ":"))
        found = sorted((text.index(slot), n) for n, slot in enumerate(_SLOTS) if slot in text)
        pieces, begun = [], 0
        for where, n in found:
            pieces.append(text[begun:where])
            begun = where + len(_SLOTS[n])
        return cls((*pieces, text[begun:]), tuple(n for _, n in found), wait)

    def filled(self, values: Sequence[str]) -> str:
        """Return the event with these values in its slots."""
        parts = [self.pieces[0]]
        for slot, piece in zip(self.slots, self.pieces[1:], strict=True):
            parts += (values[slot], piece)
        return "".join(parts)


def printed(told: Conversation) -> tuple[Printed, ...]:
    """Return the events of a conversation as texts: a program's follow at once, a person's later."""
    found, before = [], 0.0
    for number, (each, at) in enumerate(zip(told.events, told.at, strict=True)):
        gone, before = at - before, at
        wait = (0.05, 0.4) if _by_a_program(each) else (2.5, 40.0)
        if told.planted is not None and number in {told.planted, told.planted + 1}:
            wait = (2.5, 40.0)  # CloudTrail's seconds must tell what came first
        found.append(Printed.of(each, (gone, gone + 1) if gone > 60 else wait))
    return tuple(found)


def _by_a_program(event: Event) -> bool:
    return _named(event) in _BY_A_PROGRAM or event["eventName"] == "AssociateSoftwareToken"


@frozen
class Trail:
    """What was written.

    Args:
        path: where.
        events: how many lines, everything counted.
        sign_ins: how many attempts began.
        planted: the ids of the illegal events, with what is wrong.
        repeated: how many events stand there twice.
        others: how many events are none of a sign-in.
    """

    path: Path
    events: int
    sign_ins: int
    planted: Mapping[str, str]
    repeated: int
    others: int


@define
class _Press:
    """What prints conversations, each time with fresh ids, users, addresses and times.

    Args:
        chance: waits, users and what is delivered twice.
        held: lines that are not written yet.
    """

    chance: random.Random
    begun: float = datetime(2026, 3, 1, tzinfo=timezone.utc).timestamp()
    held: list[str] = field(factory=list)
    done: int = 0
    written: int = 0
    sign_ins: int = 0
    repeated: int = 0
    others: int = 0
    planted: dict[str, str] = field(factory=dict)

    def print(self, told: Conversation, events: Sequence[Printed]) -> None:
        """A conversation, once more."""
        chance, done = self.chance, self.done
        self.begun += chance.random() * 0.2
        now, fresh = self.begun, str(UUID(int=chance.getrandbits(128), version=4))
        address = f"198.{18 + (done >> 16) % 2}.{done >> 8 & 255}.{done & 255}"
        for number, each in enumerate(events):
            now += chance.uniform(*each.wait)
            name = f"{done:08x}-{number:04x}-4000-8000-000000000001"
            values = (_time(now), address, AGENTS[done % len(AGENTS)], name[::-1], name, fresh)
            line = each.filled(values)
            self.held.append(line.replace(TODAY, ONCE) if done % 5 == 0 else line)
            if chance.random() < 0.01:
                self.held.append(self.held[-1])
                self.repeated += 1
            if number == told.planted:
                self.planted[name] = told.name
        if done % 50 == 0:
            other = {"eventSource": "s3.amazonaws.com", "eventName": "GetObject", "eventID": fresh}
            self.held.append(json.dumps(other))
            self.others += 1
        self.sign_ins += told.sign_ins
        self.done += 1

    def spill(self, file: TextIO) -> None:
        """Write what is held, in no order."""
        self.chance.shuffle(self.held)
        file.write("".join(f"{line}\n" for line in self.held))
        self.written += len(self.held)
        self.held.clear()


def write(
    path: Path,
    told: Iterable[Conversation],
    usual: Mapping[str, Conversation],
    *,
    events: int,
    plants: int,
) -> Trail:
    """Write a trail: JSON lines, in no order within a few minutes, some of them twice.

    Args:
        path: where.
        told: every scenario's conversation.
        usual: the everyday ones, by name.
        events: how many events at least.
        plants: how many errors of each kind.
    """
    press = _Press(random.Random(1))  # noqa: S311 - the same trail each time
    everything = [(each, printed(each)) for each in told]
    kinds = [(each, printed(each)) for each in usual.values()]
    shares = [USUAL[name][0] for name in usual]
    wrong = [(each, printed(each)) for each in planted(usual)] * plants
    every = max(events // 2 // max(len(wrong), 1), 1)
    with path.open("w", encoding="utf-8") as file:
        while wrong or press.written + len(press.held) < events:
            if wrong and press.done % every == every - 1:
                press.print(*wrong.pop())
            elif press.chance.random() < 0.1:
                press.print(*everything[press.done % len(everything)])
            else:
                press.print(*press.chance.choices(kinds, shares)[0])
            if len(press.held) > 5000:
                press.spill(file)
        press.spill(file)
    return Trail(path, press.written, press.sign_ins, press.planted, press.repeated, press.others)


_DAYS: dict[int, str] = {}


def _time(moment: float) -> str:
    day, second = divmod(int(moment), 86400)
    if day not in _DAYS:
        _DAYS[day] = datetime.fromtimestamp(day * 86400, timezone.utc).strftime("%Y-%m-%dT")
    return f"{_DAYS[day]}{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}Z"
