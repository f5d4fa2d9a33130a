"""One value after the other: what is known to be harmless under its key stays, the rest becomes a placeholder."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import Final

from authfsm.traces.anonymiser import placeholders as p
from authfsm.traces.anonymiser import vocabulary as v
from authfsm.traces.anonymiser.messages import CLIENT_ERROR, CLIENT_ERROR_WORDS, PHRASE, TEMPLATES
from authfsm.traces.anonymiser.value_shapes import (
    BETWEEN,
    DEEPEST,
    ShapeAnonymiser,
    is_json,
    is_opaque,
)

_LONGEST_NUMBER: Final = 9
_WORD_OF_THE_API: Final = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|(?:[A-Z][a-z]+)+Exception")
_PAIR: Final = re.compile(r"([\w.$:-]+)=(.*)", re.DOTALL)
_MODEL_NAMESPACE: Final = re.compile(r"com\.amazon(?:aws)?\.[a-z.]+")
_ERROR_PAGE: Final = re.compile(r"(\w+)(:(?:http://internal\.amazon\.com/coral/[a-z.]+/)?)?")


class ValueAnonymiser(ShapeAnonymiser):
    """Replaces values, and counts what it did.

    Args:
        rewrite: rewrites a text of JSON with a neutraliser and the text's key (`documents.rewrite_json`).
        keep: words that stay wherever they stand, for what is newer than this vocabulary.
        avoid: texts that no placeholder may be, in lower case.
    """

    def __init__(
        self,
        rewrite: Callable[[str, ValueAnonymiser, str], str],
        keep: frozenset[str] = frozenset(),
        avoid: frozenset[str] = frozenset(),
    ) -> None:
        super().__init__(avoid)
        self._rewrite = rewrite
        self._keep = keep
        self.unknown: Counter[str] = Counter()
        self.recognized = 0

    def rewrite(self, text: str, key: str = "") -> str:
        """A text of JSON, the value of a key."""
        return self._rewrite(text, self, key)

    # ---- by key -------------------------------------------------------------------------------------

    def key(self, name: str) -> str:
        """A key: Cognito's members and other known names stay."""
        folded = name.lower()
        if folded in v.NAMES:
            self.recognized += folded in v.COGNITO
            return name
        for prefix in v.PREFIXES:
            if name.startswith(prefix):
                return prefix + self.key(name[len(prefix) :])
        return name if name in self._keep else self.replace(name)

    def value(self, key: str, text: str) -> str:
        """The value of a key.

        Args:
            key: the key; "" for none.
            text: its value.
        """
        folded = key.lower()
        if not text:
            return text
        if text in self._keep or v.stays(folded, text):
            return text
        if is_json(text) and self._depth < DEEPEST:
            self._depth += 1
            try:
                return self.rewrite(text, key)
            finally:
                self._depth -= 1
        if self.placeholders.known(text) is None and folded in v.SECRET:
            return self.placeholders.make("secrets", text, [p.LOWER] * len(text))
        if (made := self._by_key(folded, text)) is not None:
            return made
        if folded in v.WORDS and _WORD_OF_THE_API.fullmatch(text):
            self.unknown[key] += 1
        return self.replace(text)

    def _by_key(self, key: str, text: str) -> str | None:
        """A value of a key that says of what parts it is made; None under other keys."""
        made = None
        if key in v.MESSAGES:
            made = self.message(text)
        elif key in v.NAMED and " " not in text:
            made = self.key(text)
        elif key in v.ERROR_CODES:
            made = self._error_code(key, text)
        elif key in {"scope", "scopes"}:
            words = text.split(" ")
            made = " ".join(each if each in v.SCOPES else self.replace(each) for each in words)
        elif key in v.AGENTS:
            made = self.prose(text, v.AGENT)
        elif key in {"authorization", "set-cookie", "cookie"}:
            made = self.prose(text, v.LOG)
        elif key in {"url_path", ":path", "url"} and text.startswith("/"):
            made = self.path(text)
        elif key in v.TIMES and (moved := self.placeholders.epoch(text)) is not None:
            made = self.placeholders.keep("times", text, moved)
        return made

    def _error_code(self, key: str, text: str) -> str:
        namespace, hash_, code = text.rpartition("#")
        found = _ERROR_PAGE.fullmatch(code)
        if (
            found is not None
            and found.group(1) in v.ERRORS
            and (not namespace or _MODEL_NAMESPACE.fullmatch(namespace))
        ):
            return f"{namespace}{hash_}{code}"
        if _WORD_OF_THE_API.fullmatch(text):
            self.unknown[key] += 1
        return self.replace(text)

    def number(self, key: str, text: str) -> str:
        """A number: counts, lengths and lifetimes stay, times are moved, all others get other digits."""
        folded = key.lower()
        if folded in v.TIMES and (moved := self.placeholders.epoch(text)) is not None:
            return self.placeholders.keep("times", text, moved)
        if folded in v.NUMBERS and len(text) <= _LONGEST_NUMBER:
            return text
        return self.placeholders.make("numbers", text, p.of_number(text))

    # ---- texts --------------------------------------------------------------------------------------

    def prose(self, text: str, words: frozenset[str] = v.CODES) -> str:
        """A running text, word by word.

        Args:
            text: the text.
            words: those that stay.
        """
        return "".join(
            self.replace(part)
            if number % 2
            else "".join(
                each if n % 2 else self._word(each, words)
                for n, each in enumerate(BETWEEN.split(part))
            )
            for number, part in enumerate(p.TIME.split(text))
        )

    def _word(self, text: str, words: frozenset[str]) -> str:
        if not text or text in self._keep or _stays(text, words):
            return text
        core = text.rstrip(".:!?")
        ending = text[len(core) :]
        if ending and core:
            return self._word(core, words) + ending
        pair = _PAIR.fullmatch(text)
        if pair and (v.is_name(pair.group(1)) or not is_opaque(text)):
            name, value = pair.groups()
            return f"{name if name in words else self.key(name)}={self.value(name, value)}"
        return self.replace(text)

    def log(self, text: str) -> str:
        """A piece of a log's line."""
        if (found := CLIENT_ERROR.search(text)) is None:
            return self.prose(text, v.LOG)
        text, ending = text.rstrip(), text[len(text.rstrip()) :]
        return (
            self.prose(text[: found.start()], v.LOG) + self.message(text[found.start() :]) + ending
        )

    def message(self, text: str) -> str:
        """An error's text: the known ones stay but for their variable parts."""
        if is_json(text):
            return self.replace(text)
        if found := CLIENT_ERROR.fullmatch(text):
            start = found.start(3)
            return self.prose_of_error(text[:start]) + self.message(text[start:])
        for template in TEMPLATES:
            if found := template.fullmatch(text):
                made, done = "", 0
                for n in range(1, template.groups + 1):
                    made += text[done : found.start(n)] + self._phrases(found.group(n))
                    done = found.end(n)
                return made + text[done:]
        return self._phrases(text)

    def prose_of_error(self, text: str) -> str:
        """The beginning of botocore's text of a ClientError."""
        return self.prose(text, v.CODES | CLIENT_ERROR_WORDS)

    def _phrases(self, text: str) -> str:
        return "".join(
            each if n % 2 else self.prose(each) for n, each in enumerate(PHRASE.split(text))
        )


def _stays(text: str, words: frozenset[str]) -> bool:
    """May a word of a running text stay?"""
    if text in words or not any(each.isalnum() or not each.isascii() for each in text):
        return True
    if "." in text and all(each in words for each in text.split(".")):
        return True
    if words is v.AGENT and v.PRODUCT.fullmatch(text):
        return True
    return "_" in text and v.is_name(text)
