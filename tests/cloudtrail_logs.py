"""Writes logs like CloudTrail's from real exchanges with the local pool: multiplied, mixed, with planted errors.

Each event is an exchange of a real client with the pool, written as CloudTrail writes it, with its redactions. An
error is planted by removing, repeating or changing events of such a conversation, and is known by the id of the
one illegal event.
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
from password_scenarios import FACTOR_ACTIVATIONS, FACTORS, TOTP_ONLY, WRONG_PASSWORD
from scenario_user import (
    PASSWORD,
    USER,
    Scenario,
    ScenarioUser,
    begin_with,
    complete_sign_in,
    expect_refusal,
    remember_device,
)
from scenarios import SCENARIOS

from authfsm.local import DeviceConfiguration
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.protocol import responses as r
from authfsm.protocol.states import State

Event = dict[str, Any]

REDACTED: Final = "HIDDEN_DUE_TO_SECURITY_REASONS"
REDACTED_IN_2023: Final = "HIDDEN_FOR_SECURITY_REASONS"
AGENTS: Final = (
    "Boto3/1.37.1 md/Botocore#1.37.1 ua/2.1 os/linux md/arch#x86_64 lang/python#3.12.3",
    "aws-amplify/6.15.5 auth/4 framework/1",
    "amplify-swift/2.45.0 lang/swift OS/iOS/18.1",
)
_AUTOMATIC: Final = frozenset(
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
        operation: the name of the operation.
        request: the members of the request.
        reply: the members of the reply; None for a refusal.
        refused: the code and message of a refusal.
        known: whether the pool has the user of the request.
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
    """The events of one scenario as CloudTrail logs them, and their times in seconds.

    Args:
        name: the name of the scenario.
        events: the events in order, with slots for ids, users, addresses and times.
        at: the time of each, by the pool's clock.
        illegal_number: the number of the event that is illegal, if an error is planted.
    """

    name: str
    events: tuple[Event, ...]
    at: tuple[float, ...]
    illegal_number: int | None = None

    @property
    def sign_ins(self) -> int:
        """The number of attempts that begin. A refresh begins one only if the reply is a challenge."""
        begin_with = (each for each in self.events if each["eventName"] in {"InitiateAuth", "AdminInitiateAuth"})
        return sum(
            "REFRESH" not in each["requestParameters"]["authFlow"] or bool(_issues_challenge(each))
            for each in begin_with
        )


def record_exchanges(scenario_user: ScenarioUser) -> list[Exchange]:
    """Return a list that receives all exchanges with the pool from now on."""
    exchanges: list[Exchange] = []
    pool, begin = scenario_user.pool, scenario_user.clock()
    answer = pool.answer

    def recording_answer(operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        fields = {**request.get("AuthParameters", {}), **request.get("ChallengeResponses", {})}
        name = fields.get("USERNAME", request.get("Username", "ada"))
        at = (scenario_user.clock() - begin).total_seconds()
        try:
            reply = answer(operation, request)
        except PoolRefusal as refusal:
            code, known = (refusal.code, refusal.message), _known_value(scenario_user, name)
            exchanges.append(Exchange(operation, request, None, code, known, at))
            raise
        exchanges.append(Exchange(operation, request, reply, None, _known_value(scenario_user, name), at))
        return reply

    pool.answer = recording_answer  # type: ignore[method-assign]  # the pool answers as before
    return exchanges


def _known_value(scenario_user: ScenarioUser, name: str) -> bool:
    try:
        scenario_user.pool.user(name)
    except LookupError:
        return False
    return True


def conversation(scenario: Scenario, signing_key: RSAKey) -> Conversation:
    """Play a scenario, and return its events."""
    scenario_user = ScenarioUser(signing_key, scenario.pool, scenario.user)
    exchanges = record_exchanges(scenario_user)
    for move in scenario.moves:
        move(scenario_user)
    return Conversation(scenario.name, tuple(event(each) for each in exchanges), tuple(each.at for each in exchanges))


def conversations(signing_key: RSAKey) -> tuple[Conversation, ...]:
    """Yield the conversation of every scenario."""
    return tuple(conversation(each, signing_key) for each in SCENARIOS)


# ---- CloudTrail's shape -----------------------------------------------------------------------------------


def _lower(name: str) -> str:
    return name[:1].lower() + name[1:]


def _as_logged(members: Mapping[str, Any]) -> Event:
    """Return members as CloudTrail names them, with secrets redacted: each value of a result, whole maps elsewhere."""
    dialogue: Event = {}
    for name, value in members.items():
        key = _lower(name)
        if key in _SECRET:
            dialogue[key] = REDACTED
        elif isinstance(value, Mapping):
            dialogue[key] = _as_logged(value)
        elif not isinstance(value, (bytes, datetime)):
            dialogue[key] = value
    return dialogue


def event(exchange: Exchange) -> Event:
    """Return an exchange as CloudTrail logs it."""
    dialogue: Event = {
        "eventVersion": "1.10",
        "userIdentity": {"type": "Unknown", "principalId": "Anonymous"},
        "eventTime": "@TIME@",
        "eventSource": "cognito-idp.amazonaws.com",
        "eventName": exchange.operation,
        "awsRegion": "eu-west-1",
        "sourceIPAddress": "@ADDRESS@",
        "userAgent": "@AGENT@",
        "requestParameters": _as_logged(exchange.request),
        "responseElements": None if exchange.reply is None else _response(exchange),
        "requestID": "@REQUEST@",
        "eventID": "@ID@",
        "readOnly": False,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": "123456789012",
        "eventCategory": "Management",
    }
    if exchange.known:
        dialogue["additionalEventData"] = {"sub": "@SUB@"}
    if exchange.refused is not None:
        dialogue["errorCode"], dialogue["errorMessage"] = exchange.refused
    return dialogue


def _response(exchange: Exchange) -> Event | None:
    dialogue = _as_logged({k: v for k, v in (exchange.reply or {}).items() if k != "AvailableChallenges"})
    return dialogue or None


# ---- the most frequent scenarios ---------------------------------------------------------------------------

_WITH: Final = {"pool": {"mfa": "OPTIONAL"}, "user": FACTORS}
_SRP: Final = (begin_with(r.UserSrpAuth, USER), complete_sign_in)
COMMON: Final[Mapping[str, tuple[int, Scenario]]] = {
    # name: how many in a hundred, and what happens
    each.name: (share, each)
    for share, each in (
        (30, Scenario("SRP", _SRP, State.AUTHENTICATED)),
        (24, Scenario("PASSWORD", (begin_with(r.UserPasswordAuth, USER, PASSWORD),), State.AUTHENTICATED)),
        (12, Scenario("SMS", (FACTOR_ACTIVATIONS[State.SMS_MFA], *_SRP), State.AUTHENTICATED, **_WITH)),
        (8, Scenario("TOTP", (FACTOR_ACTIVATIONS[State.SOFTWARE_TOKEN_MFA], *_SRP), State.AUTHENTICATED, **_WITH)),
        (4, Scenario("EMAIL", (FACTOR_ACTIVATIONS[State.EMAIL_OTP], *_SRP), State.AUTHENTICATED, **_WITH)),
        (2, Scenario("TOTP set up", _SRP, State.AUTHENTICATED, TOTP_ONLY)),
        (2, Scenario("DEVICE", (remember_device, *_SRP), State.AUTHENTICATED, {"device": DeviceConfiguration()})),
        (4, Scenario("FAILED", (expect_refusal(begin_with(r.UserPasswordAuth, USER, WRONG_PASSWORD)),), State.FAILED)),
        (4, Scenario("LEFT", (FACTOR_ACTIVATIONS[State.SMS_MFA], begin_with(r.UserPasswordAuth, USER, PASSWORD)), State.SMS_MFA, **_WITH)),
    )
}  # fmt: skip
"""The everyday scenarios and their share in percent.

The rest is every scenario of `tests/scenarios.py` in turn.
"""


# ---- planted errors ---------------------------------------------------------------------------------------


def _challenge_name(event: Event) -> str | None:
    return (event["requestParameters"] or {}).get("challengeName")


def _issues_challenge(event: Event) -> str | None:
    return (event["responseElements"] or {}).get("challengeName")


TOKENS: Final = {
    "challengeParameters": REDACTED,
    "authenticationResult": {
        "accessToken": REDACTED, "expiresIn": 3600, "tokenType": "Bearer", "refreshToken": REDACTED, "idToken": REDACTED,
    },
}  # fmt: skip


def _has_tokens(event: Event) -> None:
    event["responseElements"] = copy.deepcopy(TOKENS)
    for each in ("errorCode", "errorMessage"):
        event.pop(each, None)


def _position_of(events: Sequence[Event], asks: str) -> int:
    """Return the position of the event with this challenge."""
    return next(n for n, each in enumerate(events) if _issues_challenge(each) == asks)


def _skipped_setup(events: list[Event]) -> int:
    """MFA_SETUP is answered although no app was associated or verified."""
    events[:] = [each for each in events if "SoftwareToken" not in each["eventName"]]
    return _position_of(events, "MFA_SETUP") + 1


def _unissued_challenge(events: list[Event]) -> int:
    """The challenge is SOFTWARE_TOKEN_MFA, but SMS_MFA is answered."""
    number = _position_of(events, "SMS_MFA")
    events[number]["responseElements"]["challengeName"] = "SOFTWARE_TOKEN_MFA"
    return number + 1


def _no_second_factor(events: list[Event]) -> int:
    """USER_SRP_AUTH is answered with tokens."""
    del events[1:]
    _has_tokens(events[0])
    return 0


def _repeated_answer(events: list[Event]) -> int:
    """The last answer is sent again with its used session."""
    events.append(copy.deepcopy(events[-1]))
    return len(events) - 1


def _off_the_table(events: list[Event]) -> int:
    """NEW_PASSWORD_REQUIRED comes after the second factor."""
    events[-1]["responseElements"] = {
        "challengeName": "NEW_PASSWORD_REQUIRED",
        "session": REDACTED,
        "challengeParameters": REDACTED,
    }
    return len(events) - 1


def _no_proof(events: list[Event]) -> int:
    """The challenge is PASSWORD_VERIFIER, but the second factor is answered."""
    number = next(n for n, each in enumerate(events) if _challenge_name(each) == "PASSWORD_VERIFIER")
    del events[number]
    return number


def _device_without_srp(events: list[Event]) -> int:
    """DEVICE_PASSWORD_VERIFIER is answered without DEVICE_SRP_AUTH."""
    number = next(n for n, each in enumerate(events) if _challenge_name(each) == "DEVICE_SRP_AUTH")
    del events[number]
    return number


def _after_failure(events: list[Event]) -> int:
    """The attempt failed, but continues to tokens."""
    events.append(copy.deepcopy(events[-1]))
    wrong = events[-2]
    wrong["responseElements"] = None
    wrong["errorCode"] = "NotAuthorizedException"
    wrong["errorMessage"] = "Incorrect username or password."
    return len(events) - 1


def _changed_second_factor(events: list[Event]) -> int:
    """SELECT_CHALLENGE is sent at EMAIL_OTP as a second factor."""
    events[-1]["requestParameters"]["challengeName"] = "SELECT_CHALLENGE"
    return len(events) - 1


PLANTS: Final[tuple[tuple[str, str, Callable[[list[Event]], int]], ...]] = (
    # the error, the scenario in which it is planted, the function that plants it
    ("MFA_SETUP jumped", "TOTP set up", _skipped_setup),
    ("a challenge answered that was never asked", "SMS", _unissued_challenge),
    ("tokens without a factor", "SRP", _no_second_factor),
    ("a session used again", "SMS", _repeated_answer),
    ("a new password after the second factor", "SMS", _off_the_table),
    ("the password never proved", "SMS", _no_proof),
    ("half a proof of the device", "DEVICE", _device_without_srp),
    ("on after the end", "SRP", _after_failure),
    ("a second factor left for a first", "EMAIL", _changed_second_factor),
)


def planted_errors(common: Mapping[str, Conversation]) -> tuple[Conversation, ...]:
    """Return a conversation for each planted error."""
    conversations_with_errors = []
    for what, where, how in PLANTS:
        events = [copy.deepcopy(each) for each in common[where].events if not each["eventName"].startswith("AdminSet")]
        number = how(events)
        conversations_with_errors.append(Conversation(what, tuple(events), (0.0,) * len(events), number))
    return tuple(conversations_with_errors)


# ---- large logs ----------------------------------------------------------------------------------------


_SLOTS: Final = ("@TIME@", "@ADDRESS@", "@AGENT@", "@REQUEST@", "@ID@", "@SUB@")


@frozen
class EventText:
    """An event as text, split where values are filled in.

    Args:
        pieces: the texts between the slots.
        slots: the slots by their numbers in `_SLOTS`.
        wait: the least and the most seconds after the event before.
    """

    pieces: tuple[str, ...]
    slots: tuple[int, ...]
    wait: tuple[float, float]

    @classmethod
    def of(cls, event: Event, wait: tuple[float, float]) -> EventText:
        """Return an event as text, split at its slots."""
        text = json.dumps(event, separators=(",", ":"))
        positions = sorted((text.index(slot), n) for n, slot in enumerate(_SLOTS) if slot in text)
        pieces, begin = [], 0
        for where, n in positions:
            pieces.append(text[begin:where])
            begin = where + len(_SLOTS[n])
        return cls((*pieces, text[begin:]), tuple(n for _, n in positions), wait)

    def fill(self, values: Sequence[str]) -> str:
        """Return the event with these values in its slots."""
        parts = [self.pieces[0]]
        for slot, piece in zip(self.slots, self.pieces[1:], strict=True):
            parts += (values[slot], piece)
        return "".join(parts)


def event_texts(dialogue: Conversation) -> tuple[EventText, ...]:
    """Return the events of a conversation as texts: a program's follow at once, a person's later."""
    texts, before = [], 0.0
    for number, (each, at) in enumerate(zip(dialogue.events, dialogue.at, strict=True)):
        gone, before = at - before, at
        wait = (0.05, 0.4) if _is_automatic(each) else (2.5, 40.0)
        if dialogue.illegal_number is not None and number in {dialogue.illegal_number, dialogue.illegal_number + 1}:
            wait = (2.5, 40.0)  # whole seconds must show the order
        texts.append(EventText.of(each, (gone, gone + 1) if gone > 60 else wait))
    return tuple(texts)


def _is_automatic(event: Event) -> bool:
    return _challenge_name(event) in _AUTOMATIC or event["eventName"] == "AssociateSoftwareToken"


@frozen
class WrittenLog:
    """A log that was written.

    Args:
        path: the file.
        events: the number of lines.
        sign_ins: the number of attempts that begin.
        illegal_ids: the ids of the illegal events, with what is wrong.
        repeated: how many events it has twice.
        others: how many events are not part of a sign-in.
    """

    path: Path
    events: int
    sign_ins: int
    illegal_ids: Mapping[str, str]
    repeated: int
    others: int


@define
class _Writer:
    """Writes conversations, each time with new ids, users, addresses and times.

    Args:
        chance: chooses waiting times, users and repeated events.
        waiting: lines that are not written yet.
    """

    chance: random.Random
    begin: float = datetime(2026, 3, 1, tzinfo=timezone.utc).timestamp()
    waiting: list[str] = field(factory=list)
    done: int = 0
    written: int = 0
    sign_ins: int = 0
    repeated: int = 0
    others: int = 0
    illegal_ids: dict[str, str] = field(factory=dict)

    def print(self, dialogue: Conversation, events: Sequence[EventText]) -> None:
        """Add the events of a conversation once more."""
        chance, done = self.chance, self.done
        self.begin += chance.random() * 0.2
        now, fresh = self.begin, str(UUID(int=chance.getrandbits(128), version=4))
        address = f"198.{18 + (done >> 16) % 2}.{done >> 8 & 255}.{done & 255}"
        for number, each in enumerate(events):
            now += chance.uniform(*each.wait)
            name = f"{done:08x}-{number:04x}-4000-8000-000000000001"
            values = (_time(now), address, AGENTS[done % len(AGENTS)], name[::-1], name, fresh)
            line = each.fill(values)
            self.waiting.append(line.replace(REDACTED, REDACTED_IN_2023) if done % 5 == 0 else line)
            if chance.random() < 0.01:
                self.waiting.append(self.waiting[-1])
                self.repeated += 1
            if number == dialogue.illegal_number:
                self.illegal_ids[name] = dialogue.name
        if done % 50 == 0:
            other = {"eventSource": "s3.amazonaws.com", "eventName": "GetObject", "eventID": fresh}
            self.waiting.append(json.dumps(other))
            self.others += 1
        self.sign_ins += dialogue.sign_ins
        self.done += 1

    def flush(self, file: TextIO) -> None:
        """Write the waiting lines, shuffled."""
        self.chance.shuffle(self.waiting)
        file.write("".join(f"{line}\n" for line in self.waiting))
        self.written += len(self.waiting)
        self.waiting.clear()


def write(
    path: Path, dialogues: Iterable[Conversation], common: Mapping[str, Conversation], *, events: int, plants: int
) -> WrittenLog:
    """Write a log: JSON lines, unordered within a few minutes, some of them twice.

    Args:
        path: the file.
        dialogues: the conversation of every scenario.
        common: the common conversations by name.
        events: the least number of events.
        plants: the number of errors of each kind.
    """
    writer = _Writer(random.Random(1))  # noqa: S311 - the same trail each time
    everything = [(each, event_texts(each)) for each in dialogues]
    kinds = [(each, event_texts(each)) for each in common.values()]
    shares = [COMMON[name][0] for name in common]
    wrong = [(each, event_texts(each)) for each in planted_errors(common)] * plants
    every = max(events // 2 // max(len(wrong), 1), 1)
    with path.open("w", encoding="utf-8") as file:
        while wrong or writer.written + len(writer.waiting) < events:
            if wrong and writer.done % every == every - 1:
                writer.print(*wrong.pop())
            elif writer.chance.random() < 0.1:
                writer.print(*everything[writer.done % len(everything)])
            else:
                writer.print(*writer.chance.choices(kinds, shares)[0])
            if len(writer.waiting) > 5000:
                writer.flush(file)
        writer.flush(file)
    return WrittenLog(path, writer.written, writer.sign_ins, writer.illegal_ids, writer.repeated, writer.others)


_DAYS: dict[int, str] = {}


def _time(moment: float) -> str:
    day, second = divmod(int(moment), 86400)
    if day not in _DAYS:
        _DAYS[day] = datetime.fromtimestamp(day * 86400, timezone.utc).strftime("%Y-%m-%dT")
    return f"{_DAYS[day]}{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}Z"
