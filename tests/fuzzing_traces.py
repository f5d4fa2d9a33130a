"""Makes logs and histories in any wrapper and damages them, for fuzzing their readers."""

from __future__ import annotations

import base64
import gzip
import json
import random
from typing import Any

from test_traces_wrappers import ILLEGAL, WRAPPERS

from authfsm.core.history import histories_from_json, history_from_json
from authfsm.protocol.errors import AuthfsmError
from authfsm.traces.text_scanner import ScanCounts, scan

ODD_VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 10**13, 10**30, 1e308, "", "\x00", "\ud800", "{", '{"eventName": "', "H4sIAAAA", "eyJhIjox",
    [], {}, [[]], {"": None}, "HIDDEN_DUE_TO_SECURITY_REASONS", "x" * 5000, "2026-03-01T10:00:00Z", "\n", "'", '"',
)  # fmt: skip
STEP = {"sign_in": "a", "step": 1, "from": "START", "response": "user_srp_auth", "to": "PASSWORD_VERIFIER",
        "at": "2026-11-23T01:02:03.456789+00:00", "role": "second factor", "error": "CodeMismatchException",
        "action": "TRY_AGAIN", "seconds": 0.1}  # fmt: skip


def damage(value: Any, chance: random.Random) -> Any:
    """Return a value with a member at some depth left out, repeated or replaced."""
    if isinstance(value, dict) and value and chance.random() < 0.8:
        name = chance.choice(list(value))
        if chance.random() < 0.2:
            return {key: each for key, each in value.items() if key != name}
        return {**value, name: damage(value[name], chance)}
    if isinstance(value, list | tuple) and value and chance.random() < 0.8:
        n = chance.randrange(len(value))
        return [*value[:n], damage(value[n], chance), *value[n + chance.randrange(2) :]]
    if chance.random() < 0.1:
        return wrap(value, chance)
    return chance.choice(ODD_VALUES)


def wrap(value: Any, chance: random.Random) -> Any:
    """Return a value in a wrapper."""
    text = json.dumps(value)
    packed = base64.b64encode(gzip.compress(text.encode(), 1)).decode()
    depth = chance.randrange(1, 1500)
    return chance.choice(
        [text, json.dumps(text), packed, [value], {"detail": value}, {"@message": text}, {"eventSource": "aws:x", "eventName": "y", "a": value},
         "[" * depth, '{"a":' * depth + "1" + "}" * depth, {"a." * depth: value}]
    )  # fmt: skip


def cut_text(text: str, chance: random.Random) -> str:
    """Return a text with a piece left out, doubled or replaced."""
    for _ in range(chance.randrange(3)):
        a, b = sorted((chance.randrange(len(text) + 1), chance.randrange(len(text) + 1)))
        middle = chance.choice(["", text[a:b] * 2, "\n", "{", "}", '"', "'", "\x00", "9" * 5000, "\ud800", "\ufeff"])
        text = text[:a] + middle + text[chance.choice([a, b]) :]
    return text


def log_text(chance: random.Random) -> str:
    """Return the text of a damaged log."""
    events = tuple(damage(each, chance) if chance.random() < 0.7 else each for each in ILLEGAL)
    try:
        text = chance.choice(list(WRAPPERS.values()))(events)
    except (AttributeError, TypeError, KeyError, ValueError):
        text = json.dumps([wrap(each, chance) for each in events])
    return cut_text(text, chance)


def history_text(chance: random.Random) -> str:
    """Return the text of a damaged history."""
    count = chance.randrange(1, 4)
    steps = [{**STEP, "step": n + 1} for n in range(count)]
    steps = [damage(each, chance) if chance.random() < 0.5 else each for each in steps]
    return cut_text("".join(f"{json.dumps(each)}\n" for each in steps), chance)


def read_damaged(seed: int) -> None:
    """Read a log and a history made from a seed, and raise any error that is not one of this package's.

    Args:
        seed: what they are made from.
    """
    chance = random.Random(seed)  # noqa: S311 - the same inputs for the same seed
    text, counts = log_text(chance), ScanCounts()
    pieces = [text[n : n + 700] for n in range(0, len(text), 700)] if seed % 2 else [text]
    for _, line in scan(iter(pieces), counts):
        json.loads(line)
    if text.strip("\ufeff \t\r\n") and counts == ScanCounts():
        raise AssertionError("a text passed unread")
    for understand in (history_from_json, histories_from_json):
        try:
            understand(history_text(chance))
        except AuthfsmError:
            continue
